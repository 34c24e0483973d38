use chrono::DateTime;

use super::*;
use crate::model::{ItemKind, Message, Outcome, Phrase, Row, RunHead, RunState};

fn row(key: &str, outcome: Outcome, free_pct: f64) -> RowRecord {
    RowRecord {
        key: Some(key.into()),
        row: Row::new().text("mount", key).text("fstype", "ext4").number("free_pct", free_pct).number("free_bytes", free_pct * 1e9),
        outcome,
        reason: None,
        rule: None,
        measures: vec!["free_pct".to_owned()],
        marks: Vec::new(),
    }
}

fn item(line: &str, outcome: Outcome, rows_are: RowsAre, rows: Vec<RowRecord>) -> ItemRecord {
    ItemRecord {
        key: ItemKey::new(line, "db1"),
        kind: ItemKind::Check,
        check: "disk-space".to_owned(),
        check_version: 1,
        title: Phrase::default(),
        class: "system".to_owned(),
        outcome,
        reason: None,
        rows,
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

fn run(items: Vec<ItemRecord>) -> RunRecord {
    let head = RunHead {
        id: String::new(),
        playbook: "daily".to_owned(),
        title: Phrase::default(),
        playbook_text: String::new(),
        playbook_hash: String::new(),
        owner: None,
        started_by: "schedule".to_owned(),
        host: "hub".to_owned(),
        version: "0.1.0".to_owned(),
        timezone: "UTC".to_owned(),
        started: DateTime::UNIX_EPOCH,
        planned: items.len(),
        targets: Vec::new(),
        waivers: Vec::new(),
        people: Vec::new(),
        vocabulary: serde_json::Value::Null,
        calendar: serde_json::Value::Null,
    };
    RunRecord { head, state: RunState::Done, ended: None, items }
}

fn things(outcome: Outcome, rows: Vec<RowRecord>) -> RunRecord {
    run(vec![item("disk", outcome, RowsAre::Things, rows)])
}

fn listed(outcome: Outcome, rows: Vec<RowRecord>) -> RunRecord {
    run(vec![item("disk", outcome, RowsAre::Problems, rows)])
}

/// How many are new, solved, still open, changed, appeared, gone.
#[track_caller]
fn case(earlier: &RunRecord, later: &RunRecord, expected: [usize; 6]) {
    let found = compare(earlier, later);
    let counts = [found.new.len(), found.solved.len(), found.still_open.len(), found.changed.len(), found.appeared.len(), found.gone.len()];
    assert_eq!(counts, expected, "{found:#?}");
}

#[test]
fn the_same_run_twice_is_no_change() {
    let same = things(Outcome::Warn, vec![row("/", Outcome::Ok, 50.0), row("/var", Outcome::Warn, 15.0)]);
    case(&same, &same, [0, 0, 1, 0, 0, 0]);
}

#[test]
fn a_problem_is_new_once_and_stays_open_whatever_its_severity() {
    let (ok, warn, crit) = (
        things(Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)]),
        things(Outcome::Warn, vec![row("/", Outcome::Warn, 15.0)]),
        things(Outcome::Crit, vec![row("/", Outcome::Crit, 5.0)]),
    );
    case(&ok, &warn, [1, 0, 0, 1, 0, 0]);
    case(&warn, &crit, [0, 0, 1, 1, 0, 0]);
    case(&crit, &ok, [0, 1, 0, 1, 0, 0]);
}

#[test]
fn a_problem_nobody_could_look_at_stays_open() {
    let before = things(Outcome::Crit, vec![row("/", Outcome::Crit, 5.0)]);
    for blind in [Outcome::NotRun, Outcome::Skipped] {
        let later = things(blind, Vec::new());
        case(&before, &later, [0, 0, 1, 0, 0, 0]);
        assert_eq!(compare(&before, &later).still_open[0].now, Now::NotProved(&later.items[0]));
    }
    // That it is unreachable is a problem of its own.
    case(&before, &things(Outcome::Unreachable, Vec::new()), [1, 0, 1, 0, 0, 0]);
}

#[test]
fn a_problem_whose_item_left_the_plan_stays_open() {
    let before = things(Outcome::Crit, vec![row("/", Outcome::Crit, 5.0)]);
    let later = run(Vec::new());
    case(&before, &later, [0, 0, 1, 0, 0, 1]);
    assert_eq!(compare(&before, &later).still_open[0].now, Now::NotPlanned);
}

#[test]
fn a_listed_problem_that_is_no_longer_listed_is_solved_and_a_thing_is_not() {
    let bad = || vec![row("a", Outcome::Crit, 5.0)];
    case(&listed(Outcome::Crit, bad()), &listed(Outcome::Ok, Vec::new()), [0, 1, 0, 0, 0, 0]);
    let other = || vec![row("b", Outcome::Ok, 50.0)];
    let later = things(Outcome::Ok, other());
    case(&things(Outcome::Crit, bad()), &later, [0, 0, 1, 0, 1, 1]);
    assert_eq!(compare(&things(Outcome::Crit, bad()), &later).still_open[0].now, Now::ThingGone(&later.items[0]));
}

#[test]
fn a_row_reported_as_gone_is_gone_and_not_there() {
    let mut gone = row("/data", Outcome::Warn, 50.0);
    gone.reason = Some(Message::Gone);
    let before = things(Outcome::Ok, vec![row("/", Outcome::Ok, 50.0), row("/data", Outcome::Ok, 40.0)]);
    let later = things(Outcome::Warn, vec![row("/", Outcome::Ok, 50.0), gone]);
    case(&before, &later, [1, 0, 0, 0, 0, 1]);
    case(&later, &before, [0, 1, 0, 0, 1, 0]);
}

#[test]
fn two_lines_that_see_a_problem_must_both_prove_it_gone() {
    let line = |line: &str, outcome| item(line, outcome, RowsAre::Things, vec![row("/", outcome, 15.0)]);
    let before = run(vec![line("strict", Outcome::Warn), line("lax", Outcome::Warn)]);
    case(&before, &run(vec![line("strict", Outcome::Ok), line("lax", Outcome::Ok)]), [0, 1, 0, 0, 0, 0]);
    case(&before, &run(vec![line("strict", Outcome::Warn), line("lax", Outcome::Ok)]), [0, 0, 1, 0, 0, 0]);
    let mut unjudged = line("strict", Outcome::NotRun);
    unjudged.rows.clear();
    case(&before, &run(vec![unjudged, line("lax", Outcome::Ok)]), [0, 0, 1, 0, 0, 0]);
}

#[test]
fn texts_and_measures_are_compared_and_passing_numbers_are_not() {
    let before = things(Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)]);
    let mut now = row("/", Outcome::Ok, 50.0);
    now.row = Row::new().text("mount", "/").text("fstype", "xfs").number("free_pct", 50.0).number("free_bytes", 1.0);
    let later = things(Outcome::Ok, vec![now]);
    let found = compare(&before, &later);
    assert_eq!(found.changed.iter().map(|changed| changed.field).collect::<Vec<_>>(), ["fstype"]);
    let mut null = row("/", Outcome::Ok, 50.0);
    null.row = Row::new().text("mount", "/").text("fstype", "ext4").number("free_pct", f64::NAN).with("free_bytes", Value::Null);
    let found = compare(&before, &things(Outcome::Ok, vec![null])).changed.len();
    assert_eq!(found, 2, "a number that is no longer answered is a change");
}
