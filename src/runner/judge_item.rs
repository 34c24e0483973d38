//! From the captures of an item to its record: parse, judge, and keep what the verdict rests on.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::basis::Basis;
use crate::check::{Earlier, Field, Seen};
use crate::expr::Env;
use crate::judge::{self, Judged};
use crate::model::item::FieldNote;
use crate::model::{Capture, ItemRecord, Message, Outcome, Phrase, Row, RowRecord, Target};
use crate::playbook::PlannedCheck;
use crate::schedule::Calendar;

/// What an item is judged by besides its captures.
pub(super) struct Judging<'j> {
    pub(super) plan_zone: Tz,
    pub(super) calendar: Option<&'j Calendar>,
    pub(super) target: &'j Target,
    pub(super) at: DateTime<Utc>,
    pub(super) earlier: Option<&'j Earlier>,
}

/// Fills `record` with the verdict over `captures`.
pub(super) fn judge(mut record: ItemRecord, check: &PlannedCheck, captures: &[Capture], judging: &Judging<'_>) -> ItemRecord {
    let seen = Seen { captures, at: judging.at, earlier: judging.earlier, target: judging.target };
    let parsed = check.bound.parse(&seen);
    let mut env = Env::at(judging.at, judging.plan_zone).with_target(judging.target).with_given(&check.given.values);
    if let Some(calendar) = judging.calendar {
        env = env.with_calendar(calendar);
    }
    let judged: Judged = judge::judge(parsed, &*check.bound, &check.rules, &env, judging.earlier);
    record.outcome = judged.outcome;
    record.reason = judged.reason;
    record.rows = judged.rows;
    record.rows_are = check.bound.rows_are();
    record.fields = check.bound.fields().iter().map(field_note).collect();
    record
}

/// The probes of a check as they are asked, and the basis of its verdict, for the store.
pub(super) fn asked(check: &PlannedCheck, has_calendar: bool) -> Vec<(String, String)> {
    let mut asked: Vec<(String, String)> = check.probes.iter().map(|probe| (probe.name.to_string(), probe.text())).collect();
    asked.push((Basis::NAME.to_owned(), Basis::of(&*check.bound, &check.rules, &check.given, has_calendar).to_json()));
    asked
}

/// A row that no rule has judged.
pub(super) fn plain_row(row: Row, outcome: Outcome, reason: Option<Message>) -> RowRecord {
    RowRecord { key: None, row, outcome, reason, rule: None, measures: Vec::new(), marks: Vec::new() }
}

fn field_note(field: &Field) -> FieldNote {
    let label = if field.label.en.is_empty() { Phrase::plain(field.name.as_ref()) } else { field.label.into() };
    FieldNote { name: field.name.to_string(), field_type: field.field_type, label }
}
