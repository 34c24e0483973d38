//! Beginning and ending runs, and the runs whose process died.

use chrono::{DateTime, Utc};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::error::While as _;
use super::format::{self, FORMAT, read_state, state_word};
use super::writer::Write;
use super::{Store, StoreError, alive};
use crate::model::{Outcome, RunHead, RunState, Tally};

impl Store {
    /// Begins a run: from now on it is `running`, until it is ended or this process dies.
    ///
    /// # Errors
    /// When the id is no UUID or was used before, or the run cannot be recorded.
    pub async fn begin_run(&self, head: &RunHead) -> Result<(), StoreError> {
        // The id becomes part of a file's name.
        let is_plain = Uuid::try_parse(&head.id).is_ok_and(|uuid| uuid.to_string() == head.id);
        if !is_plain {
            return Err(StoreError::Refused(format!("`{}` cannot be the id of a run: it is no UUID", head.id)));
        }
        let planned = i64::try_from(head.planned).map_err(|_| StoreError::Refused("too many items are planned".to_owned()))?;
        let write = Begin {
            id: head.id.clone(),
            playbook: head.playbook.clone(),
            started: head.started.timestamp_millis(),
            planned,
            host: head.host.clone(),
            head: format::head_of(head)?,
        };
        self.alive.begin(&self.path, &head.id)?;
        let begun = self.writer.submit(write).await;
        if begun.is_err() {
            self.alive.end(&self.path, &head.id);
        }
        begun
    }

    /// Ends a run as `state` at the moment `at`, provided that every planned item is recorded.
    ///
    /// A ledger that does not balance is not mended: the run becomes `lost`, and that is an error. A run that is ended as
    /// `lost` need not balance.
    ///
    /// # Errors
    /// When the ledger does not balance, the run has ended already, or its end cannot be recorded.
    pub async fn end_run(&self, run: &str, state: RunState, at: DateTime<Utc>) -> Result<Tally, StoreError> {
        if state == RunState::Running {
            return Err(StoreError::Refused("a run cannot end as running".to_owned()));
        }
        let ended = self.writer.submit(End { id: run.to_owned(), state, at: Some(at.timestamp_millis()) }).await;
        // Also when its end could not be recorded: then it is found without a living process, and marked as lost.
        self.alive.end(&self.path, run);
        match ended? {
            (RunState::Lost, tally) if state != RunState::Lost => {
                Err(StoreError::Unbalanced { planned: tally.planned, stored: tally.ended() })
            }
            (_, tally) => Ok(tally),
        }
    }

    /// Marks runs as lost that are `running` and whose process is dead; tells which. Opening the store does so, too.
    ///
    /// # Errors
    /// When it cannot be found out or recorded.
    pub async fn mark_lost(&self) -> Result<Vec<String>, StoreError> {
        let running: Vec<String> = sqlx::query_scalar("SELECT id FROM runs WHERE state = 'running' ORDER BY started")
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("looking for runs whose process died")?;
        let mut lost = Vec::new();
        for run in running {
            if alive::is_alive(&self.path, &run)? {
                continue;
            }
            match self.writer.submit(End { id: run.clone(), state: RunState::Lost, at: None }).await {
                Ok(_) => {
                    alive::forget(&self.path, &run);
                    tracing::warn!(run.id = run, "the process of a run died: the run is lost");
                    lost.push(run);
                }
                // It ended between our two looks.
                Err(StoreError::Ended { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }
}

struct Begin {
    id: String,
    playbook: String,
    started: i64,
    planned: i64,
    host: String,
    head: Vec<u8>,
}

impl Write for Begin {
    type Answer = ();

    async fn write(self, to: &mut SqliteConnection) -> Result<(), StoreError> {
        let (taken,): (i64,) =
            sqlx::query_as("SELECT count(*) FROM runs WHERE id = $1").bind(&self.id).fetch_one(&mut *to).await.doing("beginning a run")?;
        if taken > 0 {
            return Err(StoreError::Refused(format!("there is already a run {}", self.id)));
        }
        sqlx::query(
            "INSERT INTO runs (id, playbook, started, state, planned, host, pid, format, head) VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8)",
        )
        .bind(self.id)
        .bind(self.playbook)
        .bind(self.started)
        .bind(self.planned)
        .bind(self.host)
        .bind(i64::from(std::process::id()))
        .bind(FORMAT)
        .bind(self.head)
        .execute(to)
        .await
        .doing("beginning a run")
        .map(drop)
    }
}

struct End {
    id: String,
    state: RunState,
    at: Option<i64>,
}

impl Write for End {
    /// How it really ended, and its sums.
    type Answer = (RunState, Tally);

    async fn write(self, to: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let run = running(to, &self.id).await?;
        let tally = tally(to, run.no, run.planned).await?;
        let state = if self.state == RunState::Lost || tally.balances() { self.state } else { RunState::Lost };
        sqlx::query("UPDATE runs SET state = $1, ended = $2, tally = $3 WHERE no = $4")
            .bind(state_word(state))
            .bind(self.at)
            .bind(format::write(&tally)?)
            .bind(run.no)
            .execute(to)
            .await
            .doing("ending a run")?;
        Ok((state, tally))
    }
}

/// A run that is going on.
pub(super) struct Running {
    pub(super) no: i64,
    pub(super) playbook: String,
    pub(super) planned: i64,
}

/// The run `id`, which must be going on.
pub(super) async fn running(connection: &mut SqliteConnection, id: &str) -> Result<Running, StoreError> {
    let found: Option<(i64, String, i64, String)> = sqlx::query_as("SELECT no, playbook, planned, state FROM runs WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await
        .doing("looking for the run")?;
    let (no, playbook, planned, state) = found.ok_or_else(|| StoreError::NoSuchRun(id.to_owned()))?;
    match read_state(&state)? {
        RunState::Running => Ok(Running { no, playbook, planned }),
        state => Err(StoreError::Ended { run: id.to_owned(), state }),
    }
}

/// The sums of the items that are stored of a run.
pub(super) async fn tally(connection: &mut SqliteConnection, run: i64, planned: i64) -> Result<Tally, StoreError> {
    let counts: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT outcome, count(*), sum(waived) FROM items WHERE run = $1 GROUP BY outcome")
            .bind(run)
            .fetch_all(connection)
            .await
            .doing("counting the items of a run")?;
    let mut by_outcome = Vec::with_capacity(counts.len());
    let mut all_waived = 0;
    for (word, count, waived) in counts {
        let outcome = Outcome::from_id(&word).ok_or_else(|| StoreError::unreadable("an item")(format!("`{word}` is no outcome")))?;
        by_outcome.push((outcome, size(count)?));
        all_waived += size(waived)?;
    }
    Ok(Tally::from_counts(size(planned)?, by_outcome, all_waived))
}

/// A count as it comes from the database.
pub(super) fn size(count: i64) -> Result<usize, StoreError> {
    usize::try_from(count).map_err(StoreError::unreadable("a count"))
}
