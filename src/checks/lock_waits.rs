//! Sessions that wait for a lock, counted together by database: process ids are no keys.

use std::collections::BTreeMap;

use super::records::Record;
use super::statement_text::shown;
use crate::check::Unreadable;
use crate::model::Row;
use crate::model::unit::show_duration;

/// Waits named in a row's details.
const DETAILS: usize = 10;

/// One session that waits.
pub(super) struct Wait {
    database: String,
    account: String,
    session: String,
    seconds: f64,
    statement: String,
    blockers: Option<String>,
}

impl Wait {
    /// Reads it from a row with the columns `database`, `account`, `session`, `seconds`, `statement` and `blockers`.
    pub(super) fn read(record: Record<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            database: record.text("database")?.to_owned(),
            account: record.text("account")?.to_owned(),
            session: record.text("session")?.to_owned(),
            seconds: record.amount("seconds")?,
            statement: shown(record.maybe_text("statement")?.unwrap_or_default()),
            blockers: record.maybe_text("blockers")?.map(str::to_owned),
        })
    }

    fn sentence(&self) -> String {
        let Self { account, session, statement, .. } = self;
        let blockers = self.blockers.as_deref().unwrap_or("?");
        format!("{account} #{session} · {} · ← {blockers} · {statement}", show_duration(self.seconds))
    }
}

/// One row for each database, the longest wait first within its details.
pub(super) fn grouped(mut waits: Vec<Wait>) -> Vec<Row> {
    waits.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let mut databases: BTreeMap<String, Vec<Wait>> = BTreeMap::new();
    for wait in waits {
        databases.entry(wait.database.clone()).or_default().push(wait);
    }
    databases.into_iter().map(|(database, waits)| row(database, &waits)).collect()
}

fn row(database: String, waits: &[Wait]) -> Row {
    #[expect(clippy::cast_precision_loss, reason = "a server has far fewer sessions than 2^52")]
    let waiting = waits.len() as f64;
    Row::new()
        .text("database", database)
        .duration("longest_wait", waits.iter().map(|wait| wait.seconds).fold(0.0, f64::max))
        .number("waiting", waiting)
        .list("details", waits.iter().take(DETAILS).map(Wait::sentence))
}
