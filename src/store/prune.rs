//! Retention: removing what is old, saying so, and sparing what is still needed.
//!
//! Runs go as a whole, so that what stays of a ledger always balances. A run stays however old it is while it is going on,
//! while it holds the last good rows of an item, or while an open or orphaned finding was first or last seen in it.
//! Captures go earlier than their run; their hash and size stay, and so do those of open findings.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;

use super::error::While as _;
use super::load::RunLine;
use super::runs::size;
use super::writer::Write;
use super::{RunFilter, Store, StoreError};
use crate::model::RunState;

/// How much is removed between two looks at who else wants to write.
const AT_ONCE: i64 = 2000;

/// The number of a run when nothing needs it any more.
const REMOVABLE: &str = "SELECT no FROM runs r WHERE id = $1 AND state <> 'running' \
     AND NOT EXISTS (SELECT 1 FROM findings WHERE state <> 'solved' AND (opened_run = r.id OR seen_run = r.id)) \
     AND NOT EXISTS (SELECT 1 FROM last_good g JOIN items i ON i.id = g.item WHERE i.run = r.no)";

/// Contents that no open finding needs, with their size.
const OLD_CONTENTS: &str = "WITH needed AS (SELECT c.out_hash, c.err_hash FROM findings f JOIN runs r ON r.id = f.seen_run \
       JOIN items i ON i.run = r.no AND i.target = f.target AND i.line = f.line \
       JOIN item_captures c ON c.item = i.id WHERE f.state <> 'solved') \
     SELECT hash, size FROM contents WHERE body IS NOT NULL AND last_at < $1 \
     AND hash NOT IN (SELECT out_hash FROM needed) \
     AND hash NOT IN (SELECT err_hash FROM needed WHERE err_hash IS NOT NULL) LIMIT $2";

/// What is kept; `Default` keeps everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Captures given at this moment or later; older ones go.
    pub captures_since: Option<DateTime<Utc>>,
    /// Runs begun at this moment or later, and findings solved since; older ones go.
    pub runs_since: Option<DateTime<Utc>>,
}

/// What retention has removed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pruned {
    /// Runs that were removed, with their items.
    pub runs: Vec<RunLine>,
    /// Runs that are old enough and still needed.
    pub spared: Vec<RunLine>,
    /// Solved findings that were removed.
    pub findings: usize,
    /// Contents of captures that were removed.
    pub contents: usize,
    /// The size of those, as they came.
    pub content_bytes: u64,
}

impl Store {
    /// Removes what `keep` does not keep, and leaves a tombstone of the moment `now` for it. The file does not shrink: the room
    /// is used again.
    ///
    /// # Errors
    /// When something cannot be removed; what was removed before stays so and has its tombstones.
    pub async fn prune(&self, keep: Keep, now: DateTime<Utc>) -> Result<Pruned, StoreError> {
        let now = now.timestamp_millis();
        let mut pruned = Pruned::default();
        if let Some(since) = keep.runs_since {
            self.prune_runs(since, now, &mut pruned).await?;
            pruned.findings = self.writer.submit(RemoveFindings { before: since.timestamp_millis(), now }).await?;
        }
        if let Some(since) = keep.captures_since {
            loop {
                let (contents, bytes) = self.writer.submit(RemoveContents { before: since.timestamp_millis(), now }).await?;
                pruned.contents += contents;
                pruned.content_bytes += bytes;
                if contents == 0 {
                    break;
                }
            }
        }
        Ok(pruned)
    }

    /// What [`Store::prune`] would remove, without removing it. Raw answers that would go together with their runs are not
    /// counted apart.
    ///
    /// # Errors
    /// When it cannot be found out.
    pub async fn prunable(&self, keep: Keep) -> Result<Pruned, StoreError> {
        let doing = "looking for what retention would remove";
        let mut pruned = Pruned::default();
        if let Some(since) = keep.runs_since {
            let mut old = self.list_runs(&RunFilter::default()).await?;
            old.retain(|run| run.started < since && run.state != RunState::Running);
            for run in old.into_iter().rev() {
                let found: Option<i64> =
                    sqlx::query_scalar(REMOVABLE).bind(&run.id).fetch_optional(&mut *self.reader().await?).await.doing(doing)?;
                if found.is_some() { pruned.runs.push(run) } else { pruned.spared.push(run) }
            }
            let findings: i64 = sqlx::query_scalar("SELECT count(*) FROM findings WHERE state = 'solved' AND closed_at < $1")
                .bind(since.timestamp_millis())
                .fetch_one(&mut *self.reader().await?)
                .await
                .doing(doing)?;
            pruned.findings = size(findings)?;
        }
        if let Some(since) = keep.captures_since {
            let old: Vec<(Vec<u8>, i64)> = sqlx::query_as(OLD_CONTENTS)
                .bind(since.timestamp_millis())
                .bind(i64::MAX)
                .fetch_all(&mut *self.reader().await?)
                .await
                .doing(doing)?;
            pruned.contents = old.len();
            pruned.content_bytes = bytes(old.iter().map(|(_, size)| size).sum())?;
        }
        Ok(pruned)
    }

    async fn prune_runs(&self, since: DateTime<Utc>, now: i64, pruned: &mut Pruned) -> Result<(), StoreError> {
        let mut old = self.list_runs(&RunFilter::default()).await?;
        old.retain(|run| run.started < since && run.state != RunState::Running);
        for run in old.into_iter().rev() {
            match self.writer.submit(RemoveRun { id: run.id.clone(), now }).await? {
                Some((contents, bytes)) => {
                    pruned.contents += contents;
                    pruned.content_bytes += bytes;
                    pruned.runs.push(run);
                }
                None => pruned.spared.push(run),
            }
        }
        if !pruned.runs.is_empty() {
            self.writer.submit(RemoveSheets).await?;
        }
        Ok(())
    }
}

struct RemoveRun {
    id: String,
    now: i64,
}

impl Write for RemoveRun {
    /// How many contents went with it, and their size; `None` when the run is still needed.
    type Answer = Option<(usize, u64)>;

    async fn write(self, to: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let doing = "removing a run";
        let found: Option<i64> = sqlx::query_scalar(REMOVABLE).bind(&self.id).fetch_optional(&mut *to).await.doing(doing)?;
        let Some(no) = found else { return Ok(None) };
        sqlx::query(
            "INSERT INTO tombstones (at, what, run, playbook, started, state, count, size) \
             SELECT $1, 'run', id, playbook, started, state, (SELECT count(*) FROM items WHERE run = no), 0 FROM runs WHERE no = $2",
        )
        .bind(self.now)
        .bind(no)
        .execute(&mut *to)
        .await
        .doing(doing)?;
        sqlx::query(
            "WITH named AS (SELECT c.out_hash, c.err_hash FROM item_captures c JOIN items i ON i.id = c.item WHERE i.run = $1), \
             dropped AS (SELECT hash, count(*) AS times FROM \
               (SELECT out_hash AS hash FROM named UNION ALL SELECT err_hash FROM named WHERE err_hash IS NOT NULL) AS each GROUP BY hash) \
             UPDATE contents SET refs = refs - (SELECT times FROM dropped WHERE dropped.hash = contents.hash) \
             WHERE hash IN (SELECT hash FROM dropped)",
        )
        .bind(no)
        .execute(&mut *to)
        .await
        .doing(doing)?;
        sqlx::query("DELETE FROM runs WHERE no = $1").bind(no).execute(&mut *to).await.doing(doing)?;
        let removed: (i64, i64) =
            sqlx::query_as("SELECT count(*), coalesce(sum(CASE WHEN body IS NULL THEN 0 ELSE size END), 0) FROM contents WHERE refs <= 0")
                .fetch_one(&mut *to)
                .await
                .doing(doing)?;
        sqlx::query("DELETE FROM contents WHERE refs <= 0").execute(&mut *to).await.doing(doing)?;
        Ok(Some((size(removed.0)?, bytes(removed.1)?)))
    }
}

struct RemoveSheets;

impl Write for RemoveSheets {
    type Answer = ();

    async fn write(self, to: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM sheets WHERE id NOT IN (SELECT sheet FROM items) AND id NOT IN (SELECT asked FROM items WHERE asked IS NOT NULL)",
        )
        .execute(to)
        .await
        .doing("removing what no item shares any more")
        .map(drop)
    }
}

struct RemoveFindings {
    before: i64,
    now: i64,
}

impl Write for RemoveFindings {
    type Answer = usize;

    async fn write(self, to: &mut SqliteConnection) -> Result<usize, StoreError> {
        let doing = "removing solved findings";
        let removed = sqlx::query("DELETE FROM findings WHERE state = 'solved' AND closed_at < $1")
            .bind(self.before)
            .execute(&mut *to)
            .await
            .doing(doing)?
            .rows_affected();
        let removed = i64::try_from(removed).map_err(StoreError::unreadable("a count"))?;
        bury(to, "findings", removed, 0, self.now).await?;
        size(removed)
    }
}

struct RemoveContents {
    before: i64,
    now: i64,
}

impl Write for RemoveContents {
    type Answer = (usize, u64);

    async fn write(self, to: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let doing = "removing old captures";
        let old: Vec<(Vec<u8>, i64)> =
            sqlx::query_as(OLD_CONTENTS).bind(self.before).bind(AT_ONCE).fetch_all(&mut *to).await.doing(doing)?;
        let mut removed = 0;
        for (hash, size) in &old {
            sqlx::query("UPDATE contents SET body = NULL WHERE hash = $1").bind(hash).execute(&mut *to).await.doing(doing)?;
            removed += size;
        }
        let count = i64::try_from(old.len()).map_err(StoreError::unreadable("a count"))?;
        bury(to, "captures", count, removed, self.now).await?;
        Ok((old.len(), bytes(removed)?))
    }
}

/// Leaves a tombstone for things that have no name of their own.
async fn bury(to: &mut SqliteConnection, what: &str, count: i64, size: i64, now: i64) -> Result<(), StoreError> {
    if count == 0 {
        return Ok(());
    }
    sqlx::query("INSERT INTO tombstones (at, what, count, size) VALUES ($1, $2, $3, $4)")
        .bind(now)
        .bind(what)
        .bind(count)
        .bind(size)
        .execute(to)
        .await
        .doing("noting what was removed")
        .map(drop)
}

fn bytes(size: i64) -> Result<u64, StoreError> {
    u64::try_from(size).map_err(StoreError::unreadable("a size"))
}
