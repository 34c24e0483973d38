//! What the exit status of a command says.

use std::process::ExitCode;

use crate::model::{ItemKind, ItemRecord, Outcome, RunRecord, RunState};

/// What the exit status says; the worst that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Nothing to report.
    Fine = 0,
    /// A warning or something critical that no waiver covers.
    Problems = 1,
    /// None of these, but something could not be judged.
    Unjudged = 2,
    /// Bad input, usage included.
    BadInput = 3,
    /// A failure of ours, or of the machine we run on; also a result that could not be recorded.
    Internal = 4,
}

impl Exit {
    /// What a run says.
    #[must_use]
    pub fn of(run: &RunRecord) -> Self {
        if !run.tally().balances() || run.state == RunState::Lost {
            return Self::Internal;
        }
        if run.items.iter().any(|item| shows(item, Outcome::is_problem)) {
            return Self::Problems;
        }
        let is_whole = run.state == RunState::Done && was_looked_at(&run.items);
        if !is_whole || run.items.iter().any(|item| shows(item, Outcome::is_unjudged)) {
            return Self::Unjudged;
        }
        Self::Fine
    }
}

/// Whether a row of `item`, or `item` as a whole, is what `is` asks for, and no waiver covers that.
fn shows(item: &ItemRecord, is: fn(Outcome) -> bool) -> bool {
    let by_a_row = item.rows.iter().any(|row| row.outcome == item.outcome);
    item.rows.iter().any(|row| is(row.outcome) && !row.is_waived()) || (is(item.outcome) && !by_a_row)
}

/// Whether anything was judged: logging in and leaving everything out is no look at a system.
fn was_looked_at(items: &[ItemRecord]) -> bool {
    let asks_more = items.iter().any(|item| item.kind != ItemKind::Reachable);
    items.iter().any(|item| item.outcome.is_judged() && (item.kind != ItemKind::Reachable || !asks_more))
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{ItemKey, Mark, Phrase, Row, RowRecord, RowsAre, RunHead};

    fn row(outcome: Outcome, is_waived: bool) -> RowRecord {
        let waiver =
            Mark::Waived { id: "w".to_owned(), reason: Phrase::plain("known"), approved_by: "li".to_owned(), ends: DateTime::UNIX_EPOCH };
        RowRecord {
            key: None,
            row: Row::new(),
            outcome,
            reason: None,
            rule: None,
            measures: Vec::new(),
            marks: if is_waived { vec![waiver] } else { Vec::new() },
        }
    }

    fn item(kind: ItemKind, outcome: Outcome, rows: Vec<RowRecord>) -> ItemRecord {
        ItemRecord {
            key: ItemKey::new("line", "target"),
            kind,
            check: String::new(),
            check_version: 1,
            title: Phrase::default(),
            class: String::new(),
            outcome,
            reason: None,
            rows,
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
        }
    }

    fn run(state: RunState, planned: usize, items: Vec<ItemRecord>) -> RunRecord {
        let head = RunHead {
            id: String::new(),
            playbook: String::new(),
            title: Phrase::default(),
            playbook_text: String::new(),
            playbook_hash: String::new(),
            owner: None,
            started_by: String::new(),
            host: String::new(),
            version: String::new(),
            timezone: "UTC".to_owned(),
            started: DateTime::UNIX_EPOCH,
            planned,
            targets: Vec::new(),
            waivers: Vec::new(),
            people: Vec::new(),
            vocabulary: serde_json::Value::Null,
            calendar: serde_json::Value::Null,
        };
        RunRecord { head, state, ended: None, items }
    }

    #[track_caller]
    fn case(expected: Exit, items: Vec<ItemRecord>) {
        assert_eq!(Exit::of(&run(RunState::Done, items.len(), items)), expected);
    }

    fn check(outcome: Outcome) -> ItemRecord {
        item(ItemKind::Check, outcome, Vec::new())
    }

    fn reachable() -> ItemRecord {
        item(ItemKind::Reachable, Outcome::Ok, Vec::new())
    }

    #[test]
    fn only_what_was_judged_and_found_well_is_nothing_to_report() {
        case(Exit::Fine, vec![reachable(), check(Outcome::Ok)]);
        case(Exit::Fine, vec![reachable()]);
        case(Exit::Fine, vec![check(Outcome::Info), check(Outcome::Skipped), check(Outcome::NotApplicable)]);
    }

    #[test]
    fn a_run_that_looked_at_nothing_is_not_fine() {
        case(Exit::Unjudged, vec![]);
        case(Exit::Unjudged, vec![check(Outcome::Skipped), check(Outcome::Skipped)]);
        case(Exit::Unjudged, vec![reachable(), check(Outcome::Skipped)]);
    }

    #[test]
    fn a_run_that_did_not_come_to_its_end_is_not_fine() {
        for state in [RunState::Cancelled, RunState::Running] {
            assert_eq!(Exit::of(&run(state, 1, vec![check(Outcome::Ok)])), Exit::Unjudged);
        }
        assert_eq!(Exit::of(&run(RunState::Lost, 1, vec![check(Outcome::Ok)])), Exit::Internal);
        assert_eq!(Exit::of(&run(RunState::Done, 2, vec![check(Outcome::Ok)])), Exit::Internal);
    }

    #[test]
    fn what_could_not_be_judged_weighs_less_than_a_problem_and_more_than_nothing() {
        for outcome in [Outcome::Error, Outcome::Unreachable, Outcome::TimedOut, Outcome::NotRun] {
            case(Exit::Unjudged, vec![check(Outcome::Ok), check(outcome)]);
            case(Exit::Problems, vec![check(Outcome::Warn), check(outcome)]);
        }
        // An error outweighs a warning in its item, and must not hide it.
        case(Exit::Problems, vec![item(ItemKind::Check, Outcome::Error, vec![row(Outcome::Error, false), row(Outcome::Warn, false)])]);
    }

    #[test]
    fn what_a_waiver_covers_is_nothing_to_report_and_covers_nothing_else() {
        let with = |rows| vec![check(Outcome::Ok), item(ItemKind::Check, Outcome::Crit, rows)];
        case(Exit::Fine, with(vec![row(Outcome::Crit, true)]));
        case(Exit::Problems, with(vec![row(Outcome::Crit, true), row(Outcome::Warn, false)]));
        case(Exit::Unjudged, with(vec![row(Outcome::Crit, true), row(Outcome::Error, false)]));
    }
}
