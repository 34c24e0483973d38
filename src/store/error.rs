//! Why the store could not do something.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::RunState;

/// Why the store could not do something. Whoever gets one must not go on as if it were done.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file, or one beside it, cannot be made or read.
    #[error("cannot {doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why not.
        source: Arc<std::io::Error>,
    },
    /// The file belongs to something else.
    #[error("{} is not a store of rounds, and is left untouched", .0.display())]
    Foreign(PathBuf),
    /// The store was written by a newer version of ours.
    #[error(
        "the store {} has format {found}, this version of rounds knows formats up to {known}: use the newer version, \
         or restore the backup that it made beside the store", path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format that we know.
        known: i64,
    },
    /// Bringing an older store up to date failed; the store is as it was.
    #[error("cannot bring the store up to date")]
    Migrate(#[source] Arc<sqlx::migrate::MigrateError>),
    /// Somebody else held the store for too long.
    #[error("the store is busy: another process has been writing to it for {limit_s} s")]
    Busy {
        /// How long was waited.
        limit_s: u64,
    },
    /// The database refused: a full disk, a broken file, a rule of the schema.
    #[error("the store failed while {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// In the words of the database.
        source: Arc<sqlx::Error>,
    },
    /// No answer in time; whether it was recorded is not known.
    #[error("the store gave no answer within {limit_s} s, it is not known whether the result was recorded")]
    Stuck {
        /// The limit.
        limit_s: u64,
    },
    /// The store was closed before the write was done.
    #[error("the store was closed before the result could be recorded")]
    Closed,
    /// The ledger of a run does not balance; the run is now lost.
    #[error("the ledger does not balance: {planned} items were planned, {stored} are recorded; the run is lost")]
    Unbalanced {
        /// Items named by the plan.
        planned: usize,
        /// Items recorded.
        stored: usize,
    },
    /// The run has ended, so that nothing can be added to it.
    #[error("the run {run} has ended ({}), nothing can be added to it", state_word(*.state))]
    Ended {
        /// The run.
        run: String,
        /// How it ended.
        state: RunState,
    },
    /// A run cannot begin with this id, or end in this state.
    #[error("{0}")]
    Refused(String),
    /// No run has this id.
    #[error("there is no run `{0}`")]
    NoSuchRun(String),
    /// Several runs have ids that begin like this.
    #[error("`{asked}` fits several runs: {}", fitting.join(", "))]
    Ambiguous {
        /// What was asked for.
        asked: String,
        /// Some of the runs that fit.
        fitting: Vec<String>,
    },
    /// Retention has removed the run.
    #[error("the run {run} was removed by retention on {}", at.format("%Y-%m-%d"))]
    Pruned {
        /// The run.
        run: String,
        /// When it was removed.
        at: DateTime<Utc>,
    },
    /// What is stored cannot be read back.
    #[error("cannot read {what} back from the store: {detail}")]
    Unreadable {
        /// What.
        what: String,
        /// Why not.
        detail: String,
    },
}

impl StoreError {
    /// A function that says that `what` cannot be read back.
    pub(super) fn unreadable<E: std::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |error| Self::Unreadable { what: what.into(), detail: error.to_string() }
    }

    /// A function that says that `doing` something to the file at `path` failed.
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { doing, path: path.into(), source: Arc::new(source) }
    }
}

/// Says what was being done when the database failed.
pub(super) trait While<T> {
    /// The value, or an error that says what was being done.
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> While<T> for Result<T, sqlx::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| {
            // SQLITE_BUSY, plain and with its extended reasons.
            let is_busy =
                source.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok()).is_some_and(|code| code & 0xff == 5);
            if is_busy {
                StoreError::Busy { limit_s: super::BUSY_LIMIT.as_secs() }
            } else {
                StoreError::Database { doing, source: Arc::new(source) }
            }
        })
    }
}

const fn state_word(state: RunState) -> &'static str {
    super::format::state_word(state)
}
