//! Which problems an item shows, and whether another look at the item proves one of them gone.
//!
//! Findings in the store and the comparison of two runs follow the same rules because both ask here.

use std::collections::BTreeMap;

use super::item::{ItemRecord, RowRecord, RowsAre};
use super::message::Message;
use super::outcome::Outcome;
use super::problem::problem_key;
use super::untrusted::Untrusted;

/// A problem that an item shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown<'a> {
    /// Its problem key.
    pub key: String,
    /// The row that shows it; `None` where the item as a whole does.
    pub row: Option<&'a RowRecord>,
    /// The outcome of that row or item.
    pub outcome: Outcome,
}

/// The problems that `item` shows: each row that warns, is critical or could not be judged, and the item itself where no row
/// says so. Each key stands once, with its worst outcome, in the order of the keys.
#[must_use]
pub fn shown(item: &ItemRecord) -> Vec<Shown<'_>> {
    let mut found: BTreeMap<String, Shown<'_>> = BTreeMap::new();
    let rows = item.rows.iter().filter(|row| is_shown(row.outcome)).map(|row| (Some(row), row.outcome));
    let by_a_row = item.rows.iter().any(|row| row.outcome == item.outcome);
    let whole = (is_shown(item.outcome) && !by_a_row).then_some((None, item.outcome));
    for (row, outcome) in rows.chain(whole) {
        let key = problem_key(item, row);
        let shown = Shown { key: key.clone(), row, outcome };
        match found.get(&key) {
            Some(worse) if worse.outcome.severity() >= outcome.severity() => {}
            _ => drop(found.insert(key, shown)),
        }
    }
    found.into_values().collect()
}

/// What another look at an item says about a problem that it no longer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The same item and row were judged, and the problem is gone.
    Gone,
    /// The thing that had the problem is no longer there: nobody can say, so a person must.
    Orphaned,
    /// This look proves nothing.
    None,
}

/// What `item` proves about a problem that once showed as `outcome` in the row `row_key` of it, and does not show now.
///
/// Not looking is no proof: an item that could not be judged, or was not run, leaves every problem as it was.
#[must_use]
pub fn proof(row_key: Option<&Untrusted>, outcome: Outcome, item: &ItemRecord) -> Proof {
    let row = item.rows.iter().find(|row| row.key.as_ref() == row_key);
    match row {
        Some(row) if row.is_gone() => Proof::Orphaned,
        Some(row) if settles(outcome, row.outcome) => Proof::Gone,
        Some(_) => Proof::None,
        // The problem was the item's as a whole, or that of its only row.
        None if row_key.is_none() => {
            if settles(outcome, item.outcome) {
                Proof::Gone
            } else {
                Proof::None
            }
        }
        None if !item.outcome.is_judged() => Proof::None,
        None => match item.rows_are {
            RowsAre::Problems => Proof::Gone,
            RowsAre::Things => Proof::Orphaned,
        },
    }
}

/// Outcomes that somebody must look after. `not-run` and `skipped` have their reason in the run itself.
const fn is_shown(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Warn | Outcome::Crit | Outcome::Error | Outcome::Unreachable | Outcome::TimedOut)
}

/// Whether being `now` settles having been `before`: a problem needs a good verdict, a failure to judge needs any verdict.
const fn settles(before: Outcome, now: Outcome) -> bool {
    match before {
        Outcome::Warn | Outcome::Crit => matches!(now, Outcome::Ok | Outcome::Info | Outcome::NotApplicable),
        _ => now.is_judged(),
    }
}

impl RowRecord {
    /// Whether it stands for a row of last time that is no longer there.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self.reason, Some(Message::Gone))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{ItemKey, ItemKind, Phrase, Row};

    fn item(outcome: Outcome, rows_are: RowsAre, rows: &[(Option<&str>, Outcome)]) -> ItemRecord {
        ItemRecord {
            key: ItemKey::new("disk", "db1"),
            kind: ItemKind::Check,
            check: "disk-space".to_owned(),
            check_version: 1,
            title: Phrase::default(),
            class: "system".to_owned(),
            outcome,
            reason: None,
            rows: rows.iter().map(|&(key, outcome)| row(key, outcome)).collect(),
            rows_are,
            fields: Vec::new(),
            thresholds: Vec::new(),
            advice: Phrase::default(),
            why: Phrase::default(),
            runbook: None,
            at: DateTime::UNIX_EPOCH,
            took_ms: 0,
            attempts: Vec::new(),
            captures: Vec::new(),
        }
    }

    fn row(key: Option<&str>, outcome: Outcome) -> RowRecord {
        RowRecord {
            key: key.map(Untrusted::from),
            row: Row::new(),
            outcome,
            reason: None,
            rule: None,
            measures: Vec::new(),
            marks: Vec::new(),
        }
    }

    #[track_caller]
    fn case(before: (Option<&str>, Outcome), now: &ItemRecord, expected: Proof) {
        assert_eq!(proof(before.0.map(Untrusted::from).as_ref(), before.1, now), expected);
    }

    #[test]
    fn an_item_shows_its_bad_rows_and_itself_only_where_no_row_does() {
        let rows =
            item(Outcome::Crit, RowsAre::Things, &[(Some("/"), Outcome::Crit), (Some("/a"), Outcome::Error), (Some("/b"), Outcome::Ok)]);
        assert_eq!(shown(&rows).iter().map(|shown| shown.outcome).collect::<Vec<_>>(), [Outcome::Crit, Outcome::Error]);
        let whole = item(Outcome::Unreachable, RowsAre::Things, &[]);
        assert_eq!(shown(&whole).len(), 1);
        for quiet in [Outcome::Ok, Outcome::Info, Outcome::NotApplicable, Outcome::Skipped, Outcome::NotRun] {
            assert!(shown(&item(quiet, RowsAre::Things, &[])).is_empty(), "{quiet:?}");
        }
    }

    #[test]
    fn a_problem_of_a_row_is_gone_when_that_row_is_judged_well() {
        let now = item(Outcome::Crit, RowsAre::Things, &[(Some("/"), Outcome::Ok), (Some("/a"), Outcome::Crit)]);
        case((Some("/"), Outcome::Warn), &now, Proof::Gone);
        case((Some("/b"), Outcome::Warn), &now, Proof::Orphaned);
    }

    #[test]
    fn not_looking_proves_nothing() {
        for blind in [Outcome::Error, Outcome::Unreachable, Outcome::TimedOut, Outcome::Skipped, Outcome::NotRun] {
            for rows_are in [RowsAre::Things, RowsAre::Problems] {
                let now = item(blind, rows_are, &[]);
                case((Some("/"), Outcome::Crit), &now, Proof::None);
                case((None, Outcome::Crit), &now, Proof::None);
                case((None, Outcome::Error), &now, Proof::None);
            }
        }
        let row_unjudged = item(Outcome::Error, RowsAre::Things, &[(Some("/"), Outcome::Error)]);
        case((Some("/"), Outcome::Crit), &row_unjudged, Proof::None);
    }

    #[test]
    fn a_problem_that_is_no_longer_listed_is_gone_and_a_thing_is_not() {
        case((Some("a.service"), Outcome::Crit), &item(Outcome::Ok, RowsAre::Problems, &[]), Proof::Gone);
        case((Some("/data"), Outcome::Crit), &item(Outcome::Ok, RowsAre::Things, &[(Some("/"), Outcome::Ok)]), Proof::Orphaned);
        let mut gone = row(Some("/data"), Outcome::Warn);
        gone.reason = Some(Message::Gone);
        let mut reported = item(Outcome::Warn, RowsAre::Things, &[]);
        reported.rows.push(gone);
        case((Some("/data"), Outcome::Crit), &reported, Proof::Orphaned);
    }

    #[test]
    fn any_verdict_ends_a_failure_to_judge() {
        case((None, Outcome::TimedOut), &item(Outcome::Crit, RowsAre::Things, &[(Some("/"), Outcome::Crit)]), Proof::Gone);
        case((None, Outcome::Crit), &item(Outcome::Crit, RowsAre::Things, &[]), Proof::None);
    }
}
