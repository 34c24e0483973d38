//! Sessions with something open, counted together by database, account and what they do: process ids are no keys.

use std::collections::BTreeMap;

use super::records::Record;
use super::statement_text::shown;
use crate::check::Unreadable;
use crate::model::Row;
use crate::model::unit::show_duration;

/// Sessions named in a row's details.
const DETAILS: usize = 10;

/// One session that runs a statement or keeps a transaction open.
pub(super) struct Open {
    database: String,
    account: String,
    doing: String,
    session: String,
    seconds: f64,
    statement: String,
}

impl Open {
    /// Reads it from a row with the columns `database`, `account`, `doing`, `session`, `seconds` and `statement`.
    pub(super) fn read(record: Record<'_>) -> Result<Self, Unreadable> {
        Ok(Self {
            database: record.text("database")?.to_owned(),
            account: record.text("account")?.to_owned(),
            doing: record.text("doing")?.to_owned(),
            session: record.text("session")?.to_owned(),
            seconds: record.amount("seconds")?,
            statement: shown(record.maybe_text("statement")?.unwrap_or_default()),
        })
    }
}

/// One row for each database, account and occupation, the longest first within its details.
pub(super) fn grouped(mut open: Vec<Open>) -> Vec<Row> {
    open.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    let mut groups: BTreeMap<_, Vec<Open>> = BTreeMap::new();
    for one in open {
        groups.entry((one.database.clone(), one.account.clone(), one.doing.clone())).or_default().push(one);
    }
    groups.into_iter().map(|((database, account, doing), sessions)| row(database, account, doing, &sessions)).collect()
}

fn row(database: String, account: String, doing: String, sessions: &[Open]) -> Row {
    let details = sessions.iter().take(DETAILS).map(|one| {
        let statement = if one.statement.is_empty() { "—" } else { &one.statement };
        format!("#{} · {} · {statement}", one.session, show_duration(one.seconds))
    });
    #[expect(clippy::cast_precision_loss, reason = "a server has far fewer sessions than 2^52")]
    let count = sessions.len() as f64;
    Row::new()
        .text("database", database)
        .text("account", account)
        .text("doing", doing)
        .duration("longest", sessions.iter().map(|one| one.seconds).fold(0.0, f64::max))
        .number("sessions", count)
        .list("details", details)
}
