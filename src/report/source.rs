//! What a report is made from.

use chrono::{DateTime, Utc};

use crate::model::{ItemKey, RunRecord};

/// A run with what is known beside it.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The run.
    pub run: &'a RunRecord,
    /// The last run of the same playbook before it.
    pub previous: Option<&'a RunRecord>,
    /// Values, problems and tickets of before.
    pub history: &'a dyn History,
}

/// What is known of before. A store implements it; every answer may be "nothing on record", which a report then says.
pub trait History {
    /// The values of `field` in earlier runs, oldest first; the row with `row_key`, or the single row.
    fn series(&self, key: &ItemKey, row_key: Option<&str>, field: &str) -> Vec<(DateTime<Utc>, f64)>;

    /// When the open episode of a problem was first seen.
    fn first_seen(&self, problem_key: &str) -> Option<DateTime<Utc>>;

    /// The ticket of a problem.
    fn ticket(&self, problem_key: &str) -> Option<TicketNote> {
        let _ = problem_key;
        None
    }

    /// The newest restore that a drill has proved.
    fn last_restore(&self) -> Option<RestoreNote> {
        None
    }

    /// The commands and statements that an item asked, by probe.
    fn commands(&self, key: &ItemKey) -> Vec<(String, String)> {
        let _ = key;
        Vec::new()
    }
}

/// What a report says of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketNote {
    /// Its number, as the tracker shows it.
    pub number: String,
    /// When it is due, where that is agreed.
    pub deadline: Option<DateTime<Utc>>,
}

/// What a report says of a proved restore.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoreNote {
    /// What was restored.
    pub what: String,
    /// When.
    pub at: DateTime<Utc>,
    /// How long it took, in seconds.
    pub took_s: f64,
    /// How much would have been lost, in seconds before the failure.
    pub lost_s: f64,
}

/// No history at all, as for the first run of a new installation.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHistory;

impl History for NoHistory {
    fn series(&self, _: &ItemKey, _: Option<&str>, _: &str) -> Vec<(DateTime<Utc>, f64)> {
        Vec::new()
    }

    fn first_seen(&self, _: &str) -> Option<DateTime<Utc>> {
        None
    }
}
