//! What an item had before it at the time of an old run: for judging it again as it was judged then.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use sqlx::Row as _;

use super::error::While as _;
use super::format::{self, Body};
use super::{Store, StoreError, captures, moment};
use crate::check::Earlier;
use crate::model::{ItemKey, Message, Outcome, RunHead};

/// The rows that an item had before an old run.
#[derive(Clone, Debug, PartialEq)]
pub enum Before {
    /// It had none.
    Nothing,
    /// These.
    Rows(Earlier),
    /// Retention has removed runs since that may have held them.
    Removed,
}

impl Store {
    /// The probes of an item as they were asked, with what its verdict rests on; `None` when nothing was recorded. `run` is as
    /// in [`Store::load_run`].
    ///
    /// # Errors
    /// When the run or the item does not exist, or it cannot be read.
    pub async fn asked(&self, run: &str, item: &ItemKey) -> Result<Option<Vec<(String, String)>>, StoreError> {
        let mut reader = self.reader().await?;
        captures::asked(&mut reader, run, item).await.map(|(_, asked)| asked)
    }

    /// What [`Store::earlier`] gave for `item`, judged by `check` at the moment `at` of the run `head`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn earlier_before(&self, head: &RunHead, item: &ItemKey, check: &str, at: DateTime<Utc>) -> Result<Before, StoreError> {
        let doing = "reading rows from before an old run";
        let mut reader = self.reader().await?;
        let query = sqlx::query(
            "SELECT r.started, r.format, i.check_id, i.at, i.outcome, i.body FROM items i JOIN runs r ON r.no = i.run \
             WHERE i.target = $1 AND i.playbook = $2 AND i.line = $3 AND i.at < $4 AND r.id <> $5 ORDER BY i.at DESC, i.id DESC",
        )
        .bind(&item.target)
        .bind(&head.playbook)
        .bind(&item.line)
        .bind(at.timestamp_millis())
        .bind(&head.id);
        let mut found = None;
        {
            let mut rows = query.fetch(&mut *reader);
            while let Some(row) = rows.try_next().await.doing(doing)? {
                let body: Body<'_> = format::read("rows from before", row.get("format"), row.get("body"))?;
                let is_judged = Outcome::from_id(row.get("outcome")).is_some_and(Outcome::is_judged);
                if is_judged || (body.reason.as_deref() == Some(&Message::NoEarlierValue) && !body.rows.is_empty()) {
                    let rows: Vec<_> = body.rows.into_owned().into_iter().filter(|row| !row.is_gone()).map(|row| row.row).collect();
                    let earlier = Earlier { at: moment::read(row.get("at"))?, rows };
                    found = Some((moment::read(row.get("started"))?, row.get::<String, _>("check_id"), earlier));
                    break;
                }
            }
        }
        drop(reader);
        let since = found.as_ref().map_or(DateTime::<Utc>::MIN_UTC, |(started, ..)| *started);
        if self.were_removed(head, since).await? {
            return Ok(Before::Removed);
        }
        // The newest rows count, and only when the same check gave them.
        Ok(found.filter(|(_, by, _)| by == check).map_or(Before::Nothing, |(.., earlier)| Before::Rows(earlier)))
    }

    /// Whether retention has removed, since the run `head` began, a run of its playbook that began before it and at `since` or
    /// later: what the run looked back on is then no longer whole.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn were_removed(&self, head: &RunHead, since: DateTime<Utc>) -> Result<bool, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM tombstones WHERE what = 'run' AND playbook = $1 AND at >= $2 AND started < $2 AND started >= $3",
        )
        .bind(&head.playbook)
        .bind(head.started.timestamp_millis())
        .bind(since.timestamp_millis())
        .fetch_one(&mut *self.reader().await?)
        .await
        .doing("looking for removed runs")?;
        Ok(count > 0)
    }
}
