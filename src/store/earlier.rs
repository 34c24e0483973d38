//! The rows that an item had last time: what rates start from, and what tells that a row is gone.

use std::collections::{BTreeSet, HashMap};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::error::While as _;
use super::format::{self, Body};
use super::record::{BINDS, Numbered, push_list};
use super::{Store, StoreError, moment};
use crate::check::Earlier;
use crate::model::{ItemKey, ItemRecord, Message};

/// How many targets one question names at most.
const TARGETS: usize = 500;

impl Store {
    /// Rows of the last run of `playbook` in which the item was judged by the check `check`. Rows that were kept for a rate's
    /// first value count, rows that were only reported as gone do not.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn earlier(&self, playbook: &str, item: &ItemKey, check: &str) -> Result<Option<Earlier>, StoreError> {
        Ok(self.earlier_of(playbook, &[(item.clone(), check.to_owned())]).await?.remove(item))
    }

    /// The same for many items at once, each with its check; an item that was never judged is missing in the answer.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn earlier_of(&self, playbook: &str, items: &[(ItemKey, String)]) -> Result<HashMap<ItemKey, Earlier>, StoreError> {
        let wanted: HashMap<&ItemKey, &str> = items.iter().map(|(item, check)| (item, check.as_str())).collect();
        let targets: Vec<&str> = items.iter().map(|(item, _)| item.target.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
        let mut found = HashMap::with_capacity(items.len());
        for some in targets.chunks(TARGETS) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT i.line, i.target, i.check_id, i.at, r.format, i.body FROM last_good g JOIN items i ON i.id = g.item \
                 JOIN runs r ON r.no = i.run WHERE g.playbook = ",
            );
            query.push_bind(playbook).push(" AND g.target IN (");
            push_list(&mut query, some.iter().copied());
            let rows: Vec<(String, String, String, i64, i64, String)> =
                query.build_query_as().persistent(false).fetch_all(&mut *self.reader().await?).await.doing("reading rows of last time")?;
            for (line, target, check, at, format, body) in rows {
                let key = ItemKey { line, target };
                if wanted.get(&key).is_some_and(|wanted| *wanted == check) {
                    let body: Body<'_> = format::read("rows of last time", format, &body)?;
                    let rows = body.rows.into_owned().into_iter().filter(|row| !row.is_gone()).map(|row| row.row).collect();
                    found.insert(key, Earlier { at: moment::read(at)?, rows });
                }
            }
        }
        Ok(found)
    }
}

/// Notes which of the items are good to compare with.
pub(super) async fn write(to: &mut SqliteConnection, playbook: &str, items: &[Numbered<'_>]) -> Result<(), StoreError> {
    let good: Vec<Numbered<'_>> = items.iter().copied().filter(|(_, item)| is_good(item)).collect();
    for some in good.chunks(BINDS / 5) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO last_good (target, playbook, line, at, item) ");
        query.push_values(some, |mut row, (id, item)| {
            row.push_bind(&item.key.target)
                .push_bind(playbook)
                .push_bind(&item.key.line)
                .push_bind(item.at.timestamp_millis())
                .push_bind(id);
        });
        query.push(
            " ON CONFLICT (target, playbook, line) DO UPDATE SET at = excluded.at, item = excluded.item WHERE excluded.at >= last_good.at",
        );
        query.build().persistent(false).execute(&mut *to).await.doing("recording rows for next time")?;
    }
    Ok(())
}

/// Judged, or kept because a rate needs a value to start from.
fn is_good(item: &ItemRecord) -> bool {
    item.outcome.is_judged() || (item.reason == Some(Message::NoEarlierValue) && !item.rows.is_empty())
}
