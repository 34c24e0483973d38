//! One case: the recorded answers parsed and judged as a run would, and compared with what is expected.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::document::CaseDoc;
use crate::check::{Earlier, Parsed, Seen};
use crate::cli::summary::shown;
use crate::expr::Env;
use crate::judge::{self, Judged};
use crate::model::untrusted::visible;
use crate::model::{Lang, Message, Outcome, RowRecord};
use crate::playbook::{Plan, PlannedCheck, PlannedItem, Work};
use crate::recorded::{self, Recorded};

/// Judges `case` by `plan`; paths are relative to `folder`.
///
/// # Errors
/// What differs, or why it cannot be judged, a line each.
pub(super) fn run(case: &CaseDoc, plan: &Plan, folder: &Path) -> Result<(), Vec<String>> {
    let item = find(case, plan).map_err(|problem| vec![problem])?;
    let judged = match &item.work {
        Work::Check(check) => judge_recorded(case, check, item, plan, folder).map_err(|problem| vec![problem])?,
        Work::Skip(reason) => without_rows(Outcome::Skipped, reason),
        Work::NotRun(reason) => without_rows(Outcome::NotRun, reason),
        _ => return Err(vec![format!("`{}` asks nothing itself: there is nothing to judge offline", case.line.value)]),
    };
    let differences = differences(case, &judged);
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

fn find<'p>(case: &CaseDoc, plan: &'p Plan) -> Result<&'p PlannedItem, String> {
    let (line, target) = (&case.line.value, &case.target.value);
    plan.items
        .iter()
        .find(|item| item.key.line == *line && item.key.target == *target)
        .ok_or_else(|| format!("the playbook `{}` has no item `{line}` on `{target}`", plan.playbook))
}

fn without_rows(outcome: Outcome, reason: &Message) -> Judged {
    Judged { outcome, reason: Some(reason.clone()), rows: Vec::new() }
}

fn judge_recorded(case: &CaseDoc, check: &PlannedCheck, item: &PlannedItem, plan: &Plan, folder: &Path) -> Result<Judged, String> {
    let target = item.target.as_ref().ok_or("it has no target")?;
    let recorded = read(&folder.join(&case.captures))?;
    let now = clock(case, &recorded)?;
    let earlier = match &case.earlier {
        None => None,
        Some(path) => {
            let before = read(&folder.join(path))?;
            let seen = Seen { captures: &before.captures, at: before.at, earlier: None, target };
            match check.bound.parse(&seen) {
                Ok(Parsed::Rows(rows) | Parsed::NoEarlierValue(rows)) => Some(Earlier { at: before.at, rows }),
                other => return Err(format!("{path} has no rows: {other:?}")),
            }
        }
    };
    let seen = Seen { captures: &recorded.captures, at: now, earlier: earlier.as_ref(), target };
    let parsed = check.bound.parse(&seen);
    let mut env = Env::at(now, plan.timezone).with_target(target).with_given(&check.given.values);
    if let Some(calendar) = plan.calendar.as_deref() {
        env = env.with_calendar(calendar);
    }
    Ok(judge::judge(parsed, &*check.bound, &check.rules, &env, earlier.as_ref()))
}

fn read(path: &Path) -> Result<Recorded, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    recorded::read(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn clock(case: &CaseDoc, recorded: &Recorded) -> Result<DateTime<Utc>, String> {
    if let Some(now) = case.now {
        return Ok(now);
    }
    if recorded.at == DateTime::UNIX_EPOCH {
        return Err(format!("{} does not say when it was taken: add `# at: …` there, or `now:` here", case.captures));
    }
    Ok(recorded.at)
}

fn differences(case: &CaseDoc, judged: &Judged) -> Vec<String> {
    let mut differences = Vec::new();
    if judged.outcome != case.expect {
        let reason = judged.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", reason.text(Lang::En)));
        differences.push(format!("expected {}, is {}{reason}", case.expect.id(), judged.outcome.id()));
        for row in judged.rows.iter().filter(|row| row.outcome == judged.outcome) {
            differences.push(format!("  {}", described(row)));
        }
    }
    for (key, expected) in &case.rows {
        match judged.rows.iter().find(|row| row.key.as_ref().is_some_and(|found| found.raw() == key)) {
            None => differences.push(format!("there is no row `{}`", visible(key))),
            Some(row) if row.outcome != *expected => differences.push(format!("expected {}, is {}", expected.id(), described(row))),
            Some(_) => {}
        }
    }
    differences
}

/// A row with its outcome, its measures and the rule that decided.
fn described(row: &RowRecord) -> String {
    let mut text = row.outcome.id().to_owned();
    if let Some(key) = &row.key {
        text.push_str(&format!(": row `{}`", key.visible()));
    }
    for name in &row.measures {
        if let Some(value) = row.row.get(name) {
            text.push_str(&format!(", {name} {}", shown(value, None)));
        }
    }
    if let Some(reason) = &row.reason {
        text.push_str(&format!(", {}", reason.text(Lang::En)));
    }
    if let Some(rule) = &row.rule {
        text.push_str(&format!(" [{} · {}]", rule.source, rule.origin));
    }
    text
}
