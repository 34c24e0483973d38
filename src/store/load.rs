//! Reading runs back.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::error::While as _;
use super::format::{self, Body, Sheet, read_kind, read_state, state_word};
use super::runs::tally;
use super::{Store, StoreError, moment};
use crate::model::{ItemKey, ItemRecord, Outcome, RunHead, RunRecord, RunState, Tally};

/// Which runs to list; `Default` lists all of them.
#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    /// Only those of this playbook.
    pub playbook: Option<String>,
    /// Only those in this state.
    pub state: Option<RunState>,
    /// Only those that began at this moment or later.
    pub since: Option<DateTime<Utc>>,
    /// Only so many, the newest.
    pub limit: Option<u32>,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RunLine {
    /// Its id.
    pub id: String,
    /// Id of the playbook.
    pub playbook: String,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it ended, where that is known.
    pub ended: Option<DateTime<Utc>>,
    /// How it ended.
    pub state: RunState,
    /// The machine it ran on.
    pub host: String,
    /// The process it ran in.
    pub pid: i64,
    /// Its sums; of a run that goes on, so far.
    pub tally: Tally,
}

impl Store {
    /// A run with its items, by its id, the beginning of its id that no other run shares, or `last`: the newest run that has
    /// ended, else the newest.
    ///
    /// # Errors
    /// When no run or more than one fits, retention has removed it, or it cannot be read.
    pub async fn load_run(&self, asked: &str) -> Result<RunRecord, StoreError> {
        let mut reader = self.reader().await?;
        let no = find(&mut reader, asked).await?;
        load(&mut reader, no).await
    }

    /// The head of a run, without its items. `asked` is as in [`Store::load_run`].
    ///
    /// # Errors
    /// When no run or more than one fits, or it cannot be read.
    pub async fn head(&self, asked: &str) -> Result<RunHead, StoreError> {
        let mut reader = self.reader().await?;
        let no = find(&mut reader, asked).await?;
        let row =
            sqlx::query("SELECT format, head FROM runs WHERE no = $1").bind(no).fetch_one(&mut *reader).await.doing("reading a run")?;
        format::read_head(row.get("format"), row.get("head"))
    }

    /// The newest run of `playbook` that was done and began before `before`: what a run is compared with.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn previous_run(&self, playbook: &str, before: DateTime<Utc>) -> Result<Option<RunRecord>, StoreError> {
        let mut reader = self.reader().await?;
        let no: Option<i64> = sqlx::query_scalar(
            "SELECT no FROM runs WHERE playbook = $1 AND started < $2 AND state = 'done' ORDER BY started DESC, no DESC LIMIT 1",
        )
        .bind(playbook)
        .bind(before.timestamp_millis())
        .fetch_optional(&mut *reader)
        .await
        .doing("looking for the run before")?;
        match no {
            Some(no) => load(&mut reader, no).await.map(Some),
            None => Ok(None),
        }
    }

    /// Runs without their items, the newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn list_runs(&self, filter: &RunFilter) -> Result<Vec<RunLine>, StoreError> {
        let mut reader = self.reader().await?;
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT no, id, playbook, started, ended, state, host, pid, planned, tally FROM runs WHERE started >= ",
        );
        query.push_bind(filter.since.map_or(i64::MIN, |since| since.timestamp_millis()));
        if let Some(playbook) = &filter.playbook {
            query.push(" AND playbook = ").push_bind(playbook);
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state_word(state));
        }
        query.push(" ORDER BY started DESC, no DESC");
        if let Some(limit) = filter.limit {
            query.push(" LIMIT ").push_bind(i64::from(limit));
        }
        let rows = query.build().persistent(false).fetch_all(&mut *reader).await.doing("listing runs")?;
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let kept: Option<String> = row.get("tally");
            let tally = match kept {
                Some(json) => serde_json::from_str(&json).map_err(StoreError::unreadable("the sums of a run"))?,
                None => tally(&mut reader, row.get("no"), row.get("planned")).await?,
            };
            lines.push(RunLine {
                id: row.get("id"),
                playbook: row.get("playbook"),
                started: moment::read(row.get("started"))?,
                ended: moment::read_some(row.get("ended"))?,
                state: read_state(row.get("state"))?,
                host: row.get("host"),
                pid: row.get("pid"),
                tally,
            });
        }
        Ok(lines)
    }
}

/// The number of the run that `asked` names.
pub(super) async fn find(connection: &mut SqliteConnection, asked: &str) -> Result<i64, StoreError> {
    let doing = "looking for a run";
    if asked == "last" {
        let last: Option<i64> = sqlx::query_scalar("SELECT no FROM runs ORDER BY state = 'running', started DESC, no DESC LIMIT 1")
            .fetch_optional(connection)
            .await
            .doing(doing)?;
        return last.ok_or_else(|| StoreError::NoSuchRun(asked.to_owned()));
    }
    let length = i64::try_from(asked.len()).map_err(StoreError::unreadable("the id of a run"))?;
    // One more than is shown: enough to see that there are several.
    let fitting: Vec<(i64, String)> = sqlx::query_as("SELECT no, id FROM runs WHERE substr(id, 1, $1) = $2 ORDER BY started DESC LIMIT 5")
        .bind(length)
        .bind(asked)
        .fetch_all(&mut *connection)
        .await
        .doing(doing)?;
    match fitting.as_slice() {
        _ if asked.is_empty() => Err(StoreError::NoSuchRun(asked.to_owned())),
        [] => Err(pruned(connection, asked).await?.unwrap_or_else(|| StoreError::NoSuchRun(asked.to_owned()))),
        [(no, _)] => Ok(*no),
        several => Err(StoreError::Ambiguous { asked: asked.to_owned(), fitting: several.iter().map(|(_, id)| id.clone()).collect() }),
    }
}

async fn pruned(connection: &mut SqliteConnection, asked: &str) -> Result<Option<StoreError>, StoreError> {
    let removed: Option<i64> = sqlx::query_scalar("SELECT at FROM tombstones WHERE run = $1")
        .bind(asked)
        .fetch_optional(connection)
        .await
        .doing("looking for a removed run")?;
    Ok(moment::read_some(removed)?.map(|at| StoreError::Pruned { run: asked.to_owned(), at }))
}

async fn load(connection: &mut SqliteConnection, no: i64) -> Result<RunRecord, StoreError> {
    let doing = "reading a run";
    // One snapshot: items that are recorded meanwhile do not mix with an older head.
    let mut snapshot = sqlx::Connection::begin(connection).await.doing(doing)?;
    let run =
        sqlx::query("SELECT format, head, state, ended FROM runs WHERE no = $1").bind(no).fetch_one(&mut *snapshot).await.doing(doing)?;
    let format: i64 = run.get("format");
    let sheets = sheets(&mut snapshot, no).await?;
    let rows = sqlx::query(
        "SELECT target, line, kind, check_id, outcome, at, took_ms, sheet, body FROM items WHERE run = $1 ORDER BY target, line",
    )
    .bind(no)
    .fetch_all(&mut *snapshot)
    .await
    .doing(doing)?;
    snapshot.rollback().await.doing(doing)?;
    let head = format::read_head(format, run.get("head"))?;
    let (state, ended) = (read_state(run.get("state"))?, moment::read_some(run.get("ended"))?);
    let items = rows.iter().map(|row| read_item(row, format, &sheets)).collect::<Result<_, _>>()?;
    Ok(RunRecord { head, state, ended, items }.with_waivers_counted())
}

async fn sheets(connection: &mut SqliteConnection, run: i64) -> Result<HashMap<i64, Sheet<'static>>, StoreError> {
    let rows: Vec<(i64, i64, String)> =
        sqlx::query_as("SELECT id, format, body FROM sheets WHERE id IN (SELECT DISTINCT sheet FROM items WHERE run = $1)")
            .bind(run)
            .fetch_all(connection)
            .await
            .doing("reading what items share")?;
    rows.into_iter().map(|(id, format, body)| Ok((id, format::read("what items share", format, &body)?))).collect()
}

fn read_item(row: &sqlx::sqlite::SqliteRow, format: i64, sheets: &HashMap<i64, Sheet<'static>>) -> Result<ItemRecord, StoreError> {
    let key = ItemKey { line: row.get("line"), target: row.get("target") };
    let what = || format!("the item {} on {}", key.line, key.target);
    let sheet = sheets.get(&row.get::<i64, _>("sheet")).ok_or_else(|| StoreError::unreadable(what())("its sheet is missing"))?;
    let body: Body<'_> = format::read(&what(), format, row.get("body"))?;
    let outcome: &str = row.get("outcome");
    let outcome = Outcome::from_id(outcome).ok_or_else(|| StoreError::unreadable(what())(format!("`{outcome}` is no outcome")))?;
    let took_ms = u64::try_from(row.get::<i64, _>("took_ms")).map_err(StoreError::unreadable(what()))?;
    Ok(ItemRecord {
        kind: read_kind(row.get("kind"))?,
        check: row.get("check_id"),
        check_version: sheet.check_version,
        title: sheet.title.clone().into_owned(),
        class: sheet.class.clone().into_owned(),
        outcome,
        reason: body.reason.map(Cow::into_owned),
        rows: body.rows.into_owned(),
        rows_are: sheet.rows_are,
        fields: sheet.fields.clone().into_owned(),
        thresholds: sheet.thresholds.clone().into_owned(),
        advice: sheet.advice.clone().into_owned(),
        why: sheet.why.clone().into_owned(),
        runbook: sheet.runbook.clone().map(Cow::into_owned),
        at: moment::read(row.get("at"))?,
        took_ms,
        attempts: body.attempts.into_owned(),
        captures: body.captures.into_owned(),
        key,
    })
}
