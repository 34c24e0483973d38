//! Findings: problems over time, from the run that first saw one to the run that proved it gone.
//!
//! There is one episode for each line of a playbook that sees the problem, because only the line that opened it can prove
//! it gone: a laxer playbook that is content with the same disk proves nothing. The problem itself is open while any of its
//! episodes is.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::error::While as _;
use super::follow::close;
use super::record::{BINDS, push_list};
use super::writer::Write;
use super::{Store, StoreError, moment};
use crate::model::{ItemKey, Outcome, Rule, Untrusted};

/// An episode of a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The problem key, shared by all episodes of the same problem.
    pub problem_key: String,
    /// Id of the playbook that sees it.
    pub playbook: String,
    /// The item that sees it.
    pub item: ItemKey,
    /// Id of the check.
    pub check: String,
    /// The row's key.
    pub row_key: Option<Untrusted>,
    /// How it was judged when last seen.
    pub outcome: Outcome,
    /// The rule that last found it, where a rule did.
    pub rule: Option<Rule>,
    /// Whether it is open.
    pub state: FindingState,
    /// When it was first seen.
    pub first_seen: DateTime<Utc>,
    /// When it was last seen.
    pub last_seen: DateTime<Utc>,
    /// The run that first saw it.
    pub opened_run: String,
    /// The run that last saw it.
    pub seen_run: String,
    /// The run that proved it gone, or found its thing gone.
    pub closed_run: Option<String>,
    /// When that was.
    pub closed_at: Option<DateTime<Utc>>,
}

/// Whether a finding is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingState {
    /// Seen, and not proved gone since.
    Open,
    /// A later look at the same item and row proved it gone.
    Solved,
    /// What had it is no longer there to be looked at: a person must say.
    Orphaned,
}

impl FindingState {
    /// The word used in the store and in JSON.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Solved => "solved",
            Self::Orphaned => "orphaned",
        }
    }

    fn from_id(id: &str) -> Result<Self, StoreError> {
        let found = [Self::Open, Self::Solved, Self::Orphaned].into_iter().find(|state| state.id() == id);
        found.ok_or_else(|| StoreError::unreadable("a finding")(format!("`{id}` is no state")))
    }
}

/// Which findings to list; `Default` lists all of them.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    /// Only those in this state.
    pub state: Option<FindingState>,
    /// Only those that this playbook sees.
    pub playbook: Option<String>,
    /// Only those of this target.
    pub target: Option<String>,
    /// Only episodes of this problem.
    pub problem_key: Option<String>,
}

impl Store {
    /// Findings, the oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn findings(&self, filter: &FindingFilter) -> Result<Vec<Finding>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM findings WHERE 1 = 1");
        let conditions = [
            (" AND state = ", filter.state.map(FindingState::id)),
            (" AND playbook = ", filter.playbook.as_deref()),
            (" AND target = ", filter.target.as_deref()),
            (" AND problem_key = ", filter.problem_key.as_deref()),
        ];
        for (condition, value) in conditions {
            if let Some(value) = value {
                query.push(condition).push_bind(value);
            }
        }
        query.push(" ORDER BY first_seen, id");
        let rows = query.build().persistent(false).fetch_all(&mut *self.reader().await?).await.doing("listing findings")?;
        rows.iter().map(read).collect()
    }

    /// Since when each of these problems is open; one that is not open is missing in the answer.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn first_seen(&self, problem_keys: &[String]) -> Result<HashMap<String, DateTime<Utc>>, StoreError> {
        let mut first = HashMap::with_capacity(problem_keys.len());
        let mut reader = self.reader().await?;
        for some in problem_keys.chunks(BINDS) {
            let mut query =
                QueryBuilder::<Sqlite>::new("SELECT problem_key, min(first_seen) FROM findings WHERE state = 'open' AND problem_key IN (");
            push_list(&mut query, some);
            query.push(" GROUP BY problem_key");
            let rows: Vec<(String, i64)> =
                query.build_query_as().persistent(false).fetch_all(&mut *reader).await.doing("reading since when problems are open")?;
            for (key, millis) in rows {
                first.insert(key, moment::read(millis)?);
            }
        }
        Ok(first)
    }

    /// Marks open findings of `playbook` as orphaned whose item is none of `planned`, the items of its whole plan; tells how many.
    ///
    /// A line or target that was taken out of a playbook cannot prove anything any more. A run of a part of the plan must not
    /// ask this with its part.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn orphan_unplanned(&self, playbook: &str, planned: HashSet<ItemKey>, at: DateTime<Utc>) -> Result<usize, StoreError> {
        self.writer.submit(Orphan { playbook: playbook.to_owned(), planned, at: at.timestamp_millis() }).await
    }
}

struct Orphan {
    playbook: String,
    planned: HashSet<ItemKey>,
    at: i64,
}

impl Write for Orphan {
    type Answer = usize;

    async fn write(self, to: &mut SqliteConnection) -> Result<usize, StoreError> {
        let open: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT id, line, target FROM findings WHERE playbook = $1 AND state = 'open'")
                .bind(&self.playbook)
                .fetch_all(&mut *to)
                .await
                .doing("looking for findings without an item")?;
        let mut orphaned = 0;
        for (id, line, target) in open {
            if !self.planned.contains(&ItemKey { line, target }) {
                close(to, id, FindingState::Orphaned, None, self.at).await?;
                orphaned += 1;
            }
        }
        Ok(orphaned)
    }
}

/// A finding, read from a row of its table.
pub(super) fn read(row: &sqlx::sqlite::SqliteRow) -> Result<Finding, StoreError> {
    let outcome: &str = row.get("outcome");
    let rule: Option<String> = row.get("rule");
    let origin: Option<String> = row.get("origin");
    let row_key: Option<String> = row.get("row_key");
    Ok(Finding {
        problem_key: row.get("problem_key"),
        playbook: row.get("playbook"),
        item: ItemKey { line: row.get("line"), target: row.get("target") },
        check: row.get("check_id"),
        row_key: row_key.map(Untrusted::from),
        outcome: Outcome::from_id(outcome).ok_or_else(|| StoreError::unreadable("a finding")(format!("`{outcome}` is no outcome")))?,
        rule: rule.zip(origin).map(|(source, origin)| Rule { source, origin }),
        state: FindingState::from_id(row.get("state"))?,
        first_seen: moment::read(row.get("first_seen"))?,
        last_seen: moment::read(row.get("last_seen"))?,
        opened_run: row.get("opened_run"),
        seen_run: row.get("seen_run"),
        closed_run: row.get("closed_run"),
        closed_at: moment::read_some(row.get("closed_at"))?,
    })
}
