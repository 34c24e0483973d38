//! JSON: the whole record for programs, with raw values. The types in `format` are its documentation and its schema.

pub mod format;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::{Schema, schema_for};
use serde_json::Value as Json;

use format::{CaptureNote, FieldNote, Health, Item, Report, RowNote, Rule, Run, Since, Standard, Tally, Waiver};

use super::compare::{Comparison, Fate, compare};
use super::found::{Found, problems};
use super::grade::health;
use super::source::Source;
use super::view::report_number;
use crate::model::run::RunState;
use crate::model::{ItemRecord, Lang, Mark, Outcome, RowRecord, Target, Untrusted, Value, problem_key};

/// The name and version of the format; a change that old readers would misread counts it up.
pub const FORMAT: &str = "rounds-report/1";

/// JSON Schema of the format.
#[must_use]
pub fn schema() -> Schema {
    schema_for!(Report<'static>)
}

/// Writes the report.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json(source: &Source<'_>, lang: Lang) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec(&report(source, lang))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn report<'a>(source: &Source<'a>, lang: Lang) -> Report<'a> {
    let run = source.run;
    let head = &run.head;
    let tally = run.tally();
    let balances = tally.balances();
    Report {
        format: FORMAT,
        number: report_number(head),
        language: lang.code(),
        run: Run {
            id: &head.id,
            playbook: &head.playbook,
            title: head.title.get(lang),
            playbook_sha256: &head.playbook_hash,
            state: match run.state {
                RunState::Running => "running",
                RunState::Done => "done",
                RunState::Cancelled => "cancelled",
                RunState::Lost => "lost",
            },
            started: rfc3339(head.started),
            ended: run.ended.map(rfc3339),
            timezone: &head.timezone,
            started_by: &head.started_by,
            host: &head.host,
            version: &head.version,
        },
        tally: Tally {
            planned: tally.planned,
            ended: tally.ended(),
            balances,
            outcomes: Outcome::ALL.into_iter().map(|outcome| (outcome.id().to_owned(), tally.count(outcome).into())).collect(),
            judged: tally.judged(),
            coverage_pct: tally.coverage_pct(),
            waived: tally.waived,
        },
        health: balances.then(|| {
            let health = health(run);
            Health { grade: health.grade, score: health.score, caps: health.caps }
        }),
        since: source.previous.filter(|_| balances).map(|previous| since(source, &compare(run, Some(previous)), previous)),
        items: balances.then(|| run.items.iter().map(|item| item_note(source, item, lang)).collect()),
    }
}

fn since(source: &Source<'_>, comparison: &Comparison<'_>, previous: &crate::model::RunRecord) -> Since {
    let open: Vec<Found<'_>> = problems(source.run).into_iter().filter(|found| !found.is_waived()).collect();
    let earlier = |wanted: fn(Fate) -> bool| -> Vec<String> {
        comparison.earlier.iter().filter(|earlier| wanted(earlier.fate)).map(|earlier| earlier.was.key()).collect()
    };
    Since {
        run: previous.head.id.clone(),
        started: rfc3339(previous.head.started),
        new: open.iter().filter(|found| !comparison.knows(found)).map(Found::key).collect(),
        solved: earlier(|fate| fate == Fate::Solved),
        still_open: open.iter().filter(|found| comparison.knows(found)).map(Found::key).collect(),
        unknown: earlier(|fate| matches!(fate, Fate::NotRechecked | Fate::Orphaned)),
    }
}

fn item_note<'a>(source: &Source<'a>, item: &'a ItemRecord, lang: Lang) -> Item<'a> {
    let target = source.run.head.targets.iter().find(|target| target.id == item.key.target);
    let has_problem_row = item.rows.iter().any(|row| row.outcome.is_problem());
    Item {
        line: &item.key.line,
        target: &item.key.target,
        system: target.and_then(|target| target.system.as_ref()).map(|system| system.id.as_str()),
        owner: target.and_then(Target::owner),
        check: &item.check,
        check_version: item.check_version,
        class: &item.class,
        title: item.title.get(lang),
        outcome: item.outcome.id(),
        reason: item.reason.as_ref().map(|reason| reason.text(lang)),
        problem_key: (item.outcome.is_problem() && !has_problem_row).then(|| problem_key(item, None)),
        fields: item
            .fields
            .iter()
            .map(|field| FieldNote {
                name: &field.name,
                kind: serde_json::to_value(field.field_type).unwrap_or_default(),
                label: field.label.get(lang),
            })
            .collect(),
        thresholds: item.thresholds.iter().map(standard).collect(),
        rows: item.rows.iter().map(|row| row_note(item, row, lang)).collect(),
        at: rfc3339(item.at),
        took_ms: item.took_ms,
        attempts: item.attempts.len(),
        captures: item.captures.iter().map(|(probe, sha256)| CaptureNote { probe, sha256 }).collect(),
    }
}

fn row_note<'a>(item: &ItemRecord, row: &'a RowRecord, lang: Lang) -> RowNote<'a> {
    RowNote {
        key: row.key.as_ref().map(Untrusted::raw),
        values: row.row.iter().map(|(name, value)| (name.to_owned(), raw(value))).collect(),
        outcome: row.outcome.id(),
        reason: row.reason.as_ref().map(|reason| reason.text(lang)),
        rule: row.rule.as_ref().map(rule),
        measures: &row.measures,
        problem_key: row.outcome.is_problem().then(|| problem_key(item, Some(row))),
        waiver: row.marks.iter().find_map(|mark| match mark {
            Mark::Waived { id, reason, approved_by, ends } => {
                Some(Waiver { id, reason: reason.get(lang), approved_by, ends: rfc3339(*ends) })
            }
            Mark::Silenced { .. } => None,
        }),
        silenced_by: row.marks.iter().find_map(|mark| match mark {
            Mark::Silenced { window } => Some(window.as_str()),
            Mark::Waived { .. } => None,
        }),
    }
}

fn standard(standard: &crate::model::Standard) -> Standard<'_> {
    Standard { level: Outcome::from(standard.level).id(), source: &standard.rule.source, origin: &standard.rule.origin }
}

fn rule(rule: &crate::model::Rule) -> Rule<'_> {
    Rule { source: &rule.source, origin: &rule.origin }
}

fn raw(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(yes) => (*yes).into(),
        Value::Number(number) | Value::Duration(number) => (*number).into(),
        Value::Text(text) => text.raw().into(),
        Value::Timestamp(at) => rfc3339(*at).into(),
        Value::List(texts) => texts.iter().map(|text| text.raw().to_owned()).collect::<Vec<_>>().into(),
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
