//! Judging: from what a check read to outcomes. A pure function of rows, rules, the clock and earlier rows, so that stored
//! captures can be judged again at any time.
//!
//! An item takes its worst row: crit, then error, then warn. What cannot be judged is an error and never ok: no rows where
//! there should be some, a row without key, two rows of one key, a value that is not what the check declares, a rule that
//! has no value. Thresholds are in ascending order of precedence, `warn` and `crit` apart: for each row the last one whose
//! `rows` holds is the one in force.

mod keys;
mod rows;
mod rules;
#[cfg(test)]
mod tests;
mod waivers;

use std::collections::BTreeSet;

use crate::check::{Bound, Earlier, Parsed, RowsAre, Unreadable};
use crate::expr::{Env, History, Trend};
use crate::model::{Message, Outcome, Row, RowRecord, Untrusted};

pub use rules::{Candidate, Rules, Skip, Threshold, WaiverRule};
pub use waivers::unreachable_marks;

use keys::Keyed;
use rows::{judge_row, judge_together, unjudged};

/// What an item comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where there is no verdict.
    pub reason: Option<Message>,
    /// Its rows, in the order in which the check gave them. With `per: target` the first one, without key and values, is
    /// the list as a whole. Rows that are gone come last, with the values that they had.
    pub rows: Vec<RowRecord>,
}

/// Judges what `bound` read. `env` brings the clock, the target, given values and the calendar; rows are set here.
/// `earlier` is the last run in which the item was judged, with the rows that [`observed`] gives for it.
#[must_use]
pub fn judge(parsed: Result<Parsed, Unreadable>, bound: &dyn Bound, rules: &Rules, env: &Env<'_>, earlier: Option<&Earlier>) -> Judged {
    let things = bound.rows_are() == RowsAre::Things;
    match parsed {
        Err(Unreadable(reason)) => {
            let outcome = if matches!(reason, Message::TimedOut { .. }) { Outcome::TimedOut } else { Outcome::Error };
            Judged { outcome, reason: Some(reason), rows: Vec::new() }
        }
        Ok(Parsed::NotApplicable { what }) => {
            let reason = Some(Message::NotThere { what: what.to_owned() });
            // What was there last time and is proved absent now is gone, and not merely beside the point.
            let rows = if things { gone(&[], bound, rules, env, earlier) } else { Vec::new() };
            Judged { outcome: worst(&rows).unwrap_or(Outcome::NotApplicable), reason, rows }
        }
        Ok(Parsed::NoEarlierValue(rows)) if rows.is_empty() && things => judge_rows(rows, bound, rules, env, earlier),
        Ok(Parsed::NoEarlierValue(rows)) => {
            let keyed = keys::give(rows, bound);
            let rows = keyed
                .into_iter()
                .map(|row| match row.fault {
                    Some(_) => judge_row(row, rules, env),
                    None => unjudged(row, Outcome::Skipped, Message::NoEarlierValue),
                })
                .collect();
            conclude(rows, Outcome::Skipped, Some(Message::NoEarlierValue))
        }
        Ok(Parsed::Rows(rows)) => judge_rows(rows, bound, rules, env, earlier),
    }
}

/// Judges one row that no check of the catalogue gave, such as the counts of a rule across targets.
#[must_use]
pub fn judge_single(row: Row, rules: &Rules, env: &Env<'_>) -> RowRecord {
    judge_row(Keyed { key: None, row, fault: None }, rules, env)
}

/// Judges the change over time of rows that `bound` gave in this run. `history_of` finds the earlier values of the row with
/// a key, `over_s` is how much of them `full_in` wants. A row without enough history is skipped; which rows are gone is told
/// by the check's own item.
#[must_use]
pub fn judge_trend<'h>(
    rows: Vec<Row>,
    bound: &dyn Bound,
    rules: &Rules,
    env: &Env<'h>,
    history_of: &dyn Fn(Option<&Untrusted>) -> &'h dyn History,
    over_s: f64,
) -> Judged {
    let keyed = keys::give(rows, bound);
    if keyed.is_empty() && bound.rows_are() == RowsAre::Problems {
        return Judged { outcome: Outcome::Ok, reason: None, rows: Vec::new() };
    }
    let judge_one = |row: Keyed| {
        let trend = Trend { history: history_of(row.key.as_ref()), over_s };
        judge_row(row, rules, &env.with_trend(trend))
    };
    conclude(keyed.into_iter().map(judge_one).collect(), Outcome::Error, Some(Message::NoRows))
}

/// The rows that were seen in the target's answer, out of the records of an item: what its next run has as earlier rows.
/// Rows that were gone are not among them, so that each is reported as gone by one run.
pub fn observed(records: &[RowRecord]) -> impl Iterator<Item = &Row> {
    records.iter().filter(|record| record.reason != Some(Message::Gone) && !record.row.is_empty()).map(|record| &record.row)
}

fn judge_rows(rows: Vec<Row>, bound: &dyn Bound, rules: &Rules, env: &Env<'_>, earlier: Option<&Earlier>) -> Judged {
    let things = bound.rows_are() == RowsAre::Things;
    let keyed = keys::give(rows, bound);
    let missing = if things { gone(&keyed, bound, rules, env, earlier) } else { Vec::new() };
    if keyed.is_empty() {
        return if things {
            Judged { outcome: Outcome::Error, reason: Some(Message::NoRows), rows: missing }
        } else {
            Judged { outcome: Outcome::Ok, reason: None, rows: Vec::new() }
        };
    }
    let mut records = if rules.per_target {
        judge_together(keyed, rules, env)
    } else {
        keyed.into_iter().map(|row| judge_row(row, rules, env)).collect()
    };
    records.extend(missing);
    conclude(records, Outcome::Error, Some(Message::NoRows))
}

/// The item as its rows have it; `otherwise` when there are none.
fn conclude(rows: Vec<RowRecord>, otherwise: Outcome, reason: Option<Message>) -> Judged {
    let Some(outcome) = worst(&rows) else { return Judged { outcome: otherwise, reason, rows } };
    let has_verdict = matches!(outcome, Outcome::Ok | Outcome::Info | Outcome::Warn | Outcome::Crit);
    let reason = rows.iter().find(|row| !has_verdict && row.outcome == outcome).and_then(|row| row.reason.clone());
    Judged { outcome, reason, rows }
}

/// The worst outcome. A row that was left out on purpose decides only where all of them were, and the members of a list
/// that is judged as a whole (no verdict of their own) never.
fn worst(rows: &[RowRecord]) -> Option<Outcome> {
    let as_a_whole = rows.first().is_some_and(|row| row.row.is_empty());
    let counts = |row: &&RowRecord| row.outcome != Outcome::Skipped && !(as_a_whole && row.outcome == Outcome::Info && !row.row.is_empty());
    let worst_of = |outcomes: &mut dyn Iterator<Item = Outcome>| outcomes.max_by_key(|outcome| outcome.severity());
    worst_of(&mut rows.iter().filter(counts).map(|row| row.outcome)).or_else(|| worst_of(&mut rows.iter().map(|row| row.outcome)))
}

/// Rows of last time that `now` lacks, as warnings.
fn gone(now: &[Keyed], bound: &dyn Bound, rules: &Rules, env: &Env<'_>, earlier: Option<&Earlier>) -> Vec<RowRecord> {
    let Some(earlier) = earlier else { return Vec::new() };
    let present: BTreeSet<&Untrusted> = now.iter().filter_map(|row| row.key.as_ref()).collect();
    keys::give(earlier.rows.clone(), bound)
        .into_iter()
        .filter(|row| row.fault.is_none() && row.key.as_ref().is_some_and(|key| !present.contains(key)))
        .map(|row| {
            let mut record = unjudged(row, Outcome::Warn, Message::Gone);
            record.marks = waivers::marks(&record, rules, env);
            record
        })
        .collect()
}
