//! Waivers: marks on problems that somebody has accepted. They never change an outcome, and never cover what could not be judged.

use super::rules::{Rules, WaiverRule};
use crate::expr::{Env, Expr};
use crate::model::{Mark, Outcome, RowRecord};

/// The marks of the waivers that cover `record`.
pub(super) fn marks(record: &RowRecord, rules: &Rules, env: &Env<'_>) -> Vec<Mark> {
    if !record.outcome.is_problem() {
        return Vec::new();
    }
    // The record of a list as a whole has no row of its own.
    let env = if record.row.is_empty() { *env } else { env.with_row(&record.row) };
    rules.waivers.iter().filter(|waiver| covers(waiver, record.outcome, &env)).map(mark).collect()
}

/// The marks for an item whose target could not be reached.
#[must_use]
pub fn unreachable_marks(waivers: &[WaiverRule]) -> Vec<Mark> {
    // Without rows nothing says whether a waiver for some of them, or within a bound, would hold.
    waivers.iter().filter(|waiver| waiver.covers_unreachable && waiver.rows.is_none() && waiver.only_while.is_none()).map(mark).collect()
}

fn covers(waiver: &WaiverRule, outcome: Outcome, env: &Env<'_>) -> bool {
    // What cannot be told is not waived.
    let holds = |expr: &Option<Expr>| expr.as_ref().is_none_or(|expr| expr.test(env) == Ok(true));
    Outcome::from(waiver.accepts).severity() >= outcome.severity() && holds(&waiver.rows) && holds(&waiver.only_while)
}

fn mark(waiver: &WaiverRule) -> Mark {
    Mark::Waived { id: waiver.id.clone(), reason: waiver.reason.clone(), approved_by: waiver.approved_by.clone(), ends: waiver.ends }
}
