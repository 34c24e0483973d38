//! From the captures of an item to its record: parse, judge, and keep what the verdict rests on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::basis::{Basis, Given};
use crate::check::{Bound, Earlier, Field, Seen};
use crate::expr::Env;
use crate::judge::{self, Judged, Rules};
use crate::model::item::FieldNote;
use crate::model::{Capture, ItemRecord, Message, Outcome, Phrase, Row, RowRecord, Target, untrusted};
use crate::playbook::PlannedCheck;
use crate::schedule::Calendar;

/// Most characters that are kept of what a panic says.
const PANIC_CHARS: usize = 300;

/// What an item is judged by besides its captures.
pub struct Judging<'j> {
    /// The check.
    pub bound: &'j dyn Bound,
    /// The rules.
    pub rules: &'j Rules,
    /// Values that the rules use.
    pub given: &'j Given,
    /// The zone of the run.
    pub zone: Tz,
    /// Which days are worked.
    pub calendar: Option<&'j Calendar>,
    /// The target.
    pub target: &'j Target,
    /// When the first of its captures was taken.
    pub at: DateTime<Utc>,
    /// Its rows of last time.
    pub earlier: Option<&'j Earlier>,
}

/// Fills `record` with the verdict over `captures`. A check that panics costs its own item only.
#[must_use]
pub fn judge(mut record: ItemRecord, captures: &[Capture], judging: &Judging<'_>) -> ItemRecord {
    // Nothing that is seen through the references can be left half-changed: all of it is read only.
    let judged = catch_unwind(AssertUnwindSafe(|| verdict(captures, judging)));
    let judged = judged.unwrap_or_else(|panic| Judged { outcome: Outcome::Error, reason: Some(blame(&*panic)), rows: Vec::new() });
    record.outcome = judged.outcome;
    record.reason = judged.reason;
    record.rows = judged.rows;
    record.rows_are = judging.bound.rows_are();
    record.fields = judging.bound.fields().iter().map(field_note).collect();
    record
}

fn verdict(captures: &[Capture], judging: &Judging<'_>) -> Judged {
    let seen = Seen { captures, at: judging.at, earlier: judging.earlier, target: judging.target };
    let parsed = judging.bound.parse(&seen);
    let mut env = Env::at(judging.at, judging.zone).with_target(judging.target).with_given(&judging.given.values);
    if let Some(calendar) = judging.calendar {
        env = env.with_calendar(calendar);
    }
    judge::judge(parsed, judging.bound, judging.rules, &env, judging.earlier)
}

/// The reason of an item or a visit that ended in a panic; what it says may hold text of a target.
pub(super) fn blame(panic: &(dyn Any + Send)) -> Message {
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let said: String = said.unwrap_or("no message").chars().take(PANIC_CHARS).collect();
    Message::OurSide { detail: format!("a fault of this program: {}", untrusted::visible(&said)) }
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::check::{Meta, Parsed, RowsAre, Unreadable};
    use crate::checks::CATALOGUE;
    use crate::model::{ItemKey, ItemKind, Kind, Probe};

    /// A check with a fault of ours.
    struct Broken;

    impl Bound for Broken {
        fn meta(&self) -> &'static Meta {
            CATALOGUE[0].meta
        }

        fn probes(&self, _: &Target) -> Vec<Probe> {
            Vec::new()
        }

        fn parse(&self, _: &Seen<'_>) -> Result<Parsed, Unreadable> {
            panic!("no such line in \u{1b}[2J")
        }

        fn fields(&self) -> Cow<'static, [Field]> {
            Cow::Borrowed(&[])
        }

        fn key(&self) -> Vec<String> {
            Vec::new()
        }

        fn rows_are(&self) -> RowsAre {
            RowsAre::Problems
        }

        fn params(&self) -> serde_json::Value {
            serde_json::Value::Null
        }
    }

    #[test]
    fn a_check_that_panics_is_an_error_of_its_item_that_quotes_safely() {
        let record = ItemRecord {
            key: ItemKey::new("broken", "here"),
            kind: ItemKind::Check,
            check: String::new(),
            check_version: 1,
            title: Phrase::default(),
            class: String::new(),
            outcome: Outcome::NotRun,
            reason: None,
            rows: Vec::new(),
            rows_are: RowsAre::Things,
            fields: Vec::new(),
            thresholds: Vec::new(),
            advice: Phrase::default(),
            why: Phrase::default(),
            runbook: None,
            at: DateTime::UNIX_EPOCH,
            took_ms: 0,
            attempts: Vec::new(),
            captures: Vec::new(),
        };
        let target = Target::new("here", Kind::Host);
        let judging = Judging {
            bound: &Broken,
            rules: &Rules::default(),
            given: &Given::default(),
            zone: Tz::UTC,
            calendar: None,
            target: &target,
            at: DateTime::UNIX_EPOCH,
            earlier: None,
        };
        let judged = judge(record, &[], &judging);
        assert_eq!(judged.outcome, Outcome::Error);
        let detail = "a fault of this program: no such line in \\x1b[2J".to_owned();
        assert_eq!(judged.reason, Some(Message::OurSide { detail }));
    }
}
