//! Judging one row, or all rows of an item together.

use super::keys::Keyed;
use super::rules::{Candidate, Rules, Threshold};
use super::waivers;
use crate::expr::{Env, EvalError, Expr};
use crate::model::{Message, Outcome, Row, RowRecord, Rule};

/// Judges one row by the thresholds in force for it.
pub(super) fn judge_row(keyed: Keyed, rules: &Rules, env: &Env<'_>) -> RowRecord {
    if let Some(fault) = keyed.fault.clone() {
        return unjudged(keyed, Outcome::Error, fault);
    }
    let decision = decide(rules, &env.with_row(&keyed.row));
    finish(keyed, decision, rules, env)
}

/// Judges the list of rows by rules over `rows`. The first record is the list as a whole; the rows that it consists of are
/// listed behind it as collected.
pub(super) fn judge_together(keyed: Vec<Keyed>, rules: &Rules, env: &Env<'_>) -> Vec<RowRecord> {
    let mut members = Vec::with_capacity(keyed.len());
    let mut judged = Vec::new();
    for row in keyed {
        if let Some(fault) = row.fault.clone() {
            members.push(unjudged(row, Outcome::Error, fault));
            continue;
        }
        match left_out(rules, &env.with_row(&row.row)) {
            Ok(Some(reason)) => members.push(unjudged(row, Outcome::Skipped, reason)),
            Ok(None) => {
                judged.push(row.row.clone());
                members.push(record(row, Outcome::Info, None, None));
            }
            Err(decision) => members.push(finish(row, decision, rules, env)),
        }
    }
    if judged.is_empty() {
        return members;
    }
    let whole = Keyed { key: None, row: Row::new(), fault: None };
    let env = env.with_rows(&judged);
    let decision = by_thresholds(rules, &env);
    members.insert(0, finish(whole, decision, rules, &env));
    members
}

/// A record without a verdict of a rule.
pub(super) fn unjudged(keyed: Keyed, outcome: Outcome, reason: Message) -> RowRecord {
    record(keyed, outcome, Some(reason), None)
}

/// What the rules say of a row.
struct Decision<'r> {
    outcome: Outcome,
    reason: Option<Message>,
    /// The expression that decided, and where it is written.
    rule: Option<(&'r Expr, &'r str)>,
}

/// That `expr`, written at `origin`, has no value. A history that is still too short is nobody's error.
fn failed<'r>(expr: &'r Expr, origin: &'r str, error: &EvalError) -> Decision<'r> {
    let outcome = if matches!(error, EvalError::Collecting { .. }) { Outcome::Skipped } else { Outcome::Error };
    Decision { outcome, reason: Some(error.message(expr.source())), rule: Some((expr, origin)) }
}

fn decide<'r>(rules: &'r Rules, env: &Env<'_>) -> Decision<'r> {
    match left_out(rules, env) {
        Ok(Some(reason)) => Decision { outcome: Outcome::Skipped, reason: Some(reason), rule: None },
        Ok(None) => by_thresholds(rules, env),
        Err(decision) => decision,
    }
}

/// Why the row is left out, if it is.
fn left_out<'r>(rules: &'r Rules, env: &Env<'_>) -> Result<Option<Message>, Decision<'r>> {
    for skip in rules.skip.iter().rev() {
        if is_for(skip.rows.as_ref(), &skip.origin, env)? {
            return Ok(Some(Message::SkippedBy { reason: skip.reason.clone(), origin: skip.origin.clone() }));
        }
    }
    Ok(None)
}

fn is_for<'r>(rows: Option<&'r Expr>, origin: &'r str, env: &Env<'_>) -> Result<bool, Decision<'r>> {
    rows.map_or(Ok(true), |rows| rows.test(env).map_err(|error| failed(rows, origin, &error)))
}

/// Crit first; warn only when crit is not met. An error where a rule decides is the result.
fn by_thresholds<'r>(rules: &'r Rules, env: &Env<'_>) -> Decision<'r> {
    judge_by(rules, env).unwrap_or_else(|decision| decision)
}

fn judge_by<'r>(rules: &'r Rules, env: &Env<'_>) -> Result<Decision<'r>, Decision<'r>> {
    let crit = in_force(&rules.crit, env)?;
    if let Some((expr, origin)) = crit
        && is_for(Some(expr), origin, env)?
    {
        return Ok(Decision { outcome: Outcome::Crit, reason: None, rule: crit });
    }
    let warn = in_force(&rules.warn, env)?;
    if let Some((expr, origin)) = warn
        && is_for(Some(expr), origin, env)?
    {
        return Ok(Decision { outcome: Outcome::Warn, reason: None, rule: warn });
    }
    // Without any threshold the row is collected and not judged.
    let rule = warn.or(crit);
    Ok(Decision { outcome: if rule.is_some() { Outcome::Ok } else { Outcome::Info }, reason: None, rule })
}

/// The last threshold that is for the row; `None` when that is `never`, or there is none.
fn in_force<'r>(candidates: &'r [Candidate], env: &Env<'_>) -> Result<Option<(&'r Expr, &'r str)>, Decision<'r>> {
    for candidate in candidates.iter().rev() {
        if is_for(candidate.rows.as_ref(), &candidate.origin, env)? {
            return Ok(match &candidate.threshold {
                Threshold::Never => None,
                Threshold::When(expr) => Some((expr, &candidate.origin)),
            });
        }
    }
    Ok(None)
}

fn finish(keyed: Keyed, decision: Decision<'_>, rules: &Rules, env: &Env<'_>) -> RowRecord {
    let mut record = record(keyed, decision.outcome, decision.reason, decision.rule);
    record.marks = waivers::marks(&record, rules, env);
    record
}

fn record(keyed: Keyed, outcome: Outcome, reason: Option<Message>, rule: Option<(&Expr, &str)>) -> RowRecord {
    RowRecord {
        key: keyed.key,
        row: keyed.row,
        outcome,
        reason,
        rule: rule.map(|(expr, origin)| Rule { source: expr.source().to_owned(), origin: origin.to_owned() }),
        measures: rule.map(|(expr, _)| expr.fields().to_vec()).unwrap_or_default(),
        marks: Vec::new(),
    }
}
