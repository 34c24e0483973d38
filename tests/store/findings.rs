//! Findings: a problem stays open until the same item and row are judged well.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use rounds::model::{ItemKey, ItemRecord, Message, Outcome, RowsAre, problem_key};
use rounds::store::{Finding, FindingFilter, FindingState, Store};

use crate::fixtures::{Place, day, item, row, run};

fn disk(at: DateTime<Utc>, outcome: Outcome) -> ItemRecord {
    item("disk", "db1", at, outcome, vec![row("/", outcome, 15.0)])
}

fn blind(at: DateTime<Utc>, outcome: Outcome) -> ItemRecord {
    item("disk", "db1", at, outcome, Vec::new())
}

async fn all(store: &Store) -> Vec<Finding> {
    store.findings(&FindingFilter::default()).await.unwrap()
}

/// The states of all findings after runs with these items, one a day.
async fn states_after(items: Vec<ItemRecord>) -> Vec<FindingState> {
    let place = Place::new();
    let store = place.open().await;
    for item in items {
        run(&store, "daily", item.at, vec![item]).await;
    }
    all(&store).await.into_iter().map(|finding| finding.state).collect()
}

#[tokio::test]
async fn a_problem_opens_once_and_is_solved_by_a_good_verdict() {
    let place = Place::new();
    let store = place.open().await;
    let first = run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Warn)]).await;
    let second = run(&store, "daily", day(1, 0), vec![disk(day(1, 0), Outcome::Crit)]).await;
    let found = all(&store).await;
    assert_eq!(found.len(), 1, "found again is not doubled");
    assert_eq!((found[0].state, found[0].outcome), (FindingState::Open, Outcome::Crit));
    assert_eq!((found[0].first_seen, found[0].last_seen), (day(0, 0), day(1, 0)));
    assert_eq!((found[0].opened_run.as_str(), found[0].seen_run.as_str()), (first.as_str(), second.as_str()));
    assert_eq!(found[0].rule.as_ref().unwrap().source, "free_pct < 20%");
    let item = disk(day(0, 0), Outcome::Warn);
    let key = problem_key(&item, item.rows.first());
    assert_eq!(found[0].problem_key, key);
    assert_eq!(store.first_seen(std::slice::from_ref(&key)).await.unwrap()[&key], day(0, 0));

    let third = run(&store, "daily", day(2, 0), vec![disk(day(2, 0), Outcome::Ok)]).await;
    let found = all(&store).await;
    assert_eq!(
        (found[0].state, found[0].closed_run.as_deref(), found[0].closed_at),
        (FindingState::Solved, Some(&*third), Some(day(2, 0)))
    );
    assert!(store.first_seen(&[key]).await.unwrap().is_empty());

    run(&store, "daily", day(3, 0), vec![disk(day(3, 0), Outcome::Warn)]).await;
    let found = all(&store).await;
    assert_eq!(found.len(), 2, "coming back is an episode of its own");
    assert_eq!((found[1].state, found[1].first_seen), (FindingState::Open, day(3, 0)));
}

#[tokio::test]
async fn not_looking_solves_nothing() {
    for outcome in [Outcome::Skipped, Outcome::NotRun] {
        assert_eq!(
            states_after(vec![disk(day(0, 0), Outcome::Crit), blind(day(1, 0), outcome)]).await,
            [FindingState::Open],
            "{outcome:?}"
        );
    }
    for outcome in [Outcome::Error, Outcome::Unreachable, Outcome::TimedOut] {
        let states = states_after(vec![disk(day(0, 0), Outcome::Crit), blind(day(1, 0), outcome)]).await;
        assert_eq!(states, [FindingState::Open, FindingState::Open], "{outcome:?} is a problem of its own");
    }
    assert_eq!(states_after(vec![blind(day(0, 0), Outcome::TimedOut), disk(day(1, 0), Outcome::Ok)]).await, [FindingState::Solved]);
}

#[tokio::test]
async fn a_listed_problem_is_solved_when_it_is_no_longer_listed_and_a_thing_is_orphaned() {
    let listing = |mut item: ItemRecord| {
        item.rows_are = RowsAre::Problems;
        item
    };
    let none = || blind(day(1, 0), Outcome::Ok);
    assert_eq!(states_after(vec![listing(disk(day(0, 0), Outcome::Crit)), listing(none())]).await, [FindingState::Solved]);
    let other = item("disk", "db1", day(1, 0), Outcome::Ok, vec![row("/data", Outcome::Ok, 50.0)]);
    assert_eq!(states_after(vec![disk(day(0, 0), Outcome::Crit), other.clone()]).await, [FindingState::Orphaned]);
    let mut back = disk(day(2, 0), Outcome::Crit);
    assert_eq!(states_after(vec![disk(day(0, 0), Outcome::Crit), other.clone(), back.clone()]).await, [FindingState::Open]);
    back.outcome = Outcome::Ok;
    back.rows[0].outcome = Outcome::Ok;
    assert_eq!(states_after(vec![disk(day(0, 0), Outcome::Crit), other, back]).await, [FindingState::Solved]);
}

#[tokio::test]
async fn a_thing_that_is_gone_is_a_finding_and_its_problem_is_orphaned() {
    let mut gone = disk(day(1, 0), Outcome::Warn);
    gone.rows[0].reason = Some(Message::Gone);
    assert_eq!(states_after(vec![disk(day(0, 0), Outcome::Crit), gone]).await, [FindingState::Orphaned, FindingState::Open]);
}

#[tokio::test]
async fn only_the_line_that_opened_a_finding_can_prove_it_gone() {
    let place = Place::new();
    let store = place.open().await;
    let named = |line: &str, at, outcome| ItemRecord { key: ItemKey::new(line, "db1"), ..disk(at, outcome) };
    run(&store, "strict", day(0, 0), vec![named("disk", day(0, 0), Outcome::Warn)]).await;
    run(&store, "lax", day(1, 0), vec![named("disk", day(1, 0), Outcome::Ok)]).await;
    run(&store, "strict", day(2, 0), vec![named("another", day(2, 0), Outcome::Ok)]).await;
    assert_eq!(all(&store).await[0].state, FindingState::Open);
    let mut other_check = named("disk", day(3, 0), Outcome::Ok);
    other_check.check = "inodes".to_owned();
    run(&store, "strict", day(3, 0), vec![other_check]).await;
    assert_eq!(all(&store).await[0].state, FindingState::Orphaned, "the line asks something else by now");
}

#[tokio::test]
async fn what_was_captured_earlier_and_recorded_later_solves_nothing() {
    assert_eq!(states_after(vec![disk(day(5, 0), Outcome::Crit), disk(day(4, 0), Outcome::Ok)]).await, [FindingState::Open]);
    assert_eq!(states_after(vec![disk(day(5, 0), Outcome::Crit), disk(day(4, 0), Outcome::Warn)]).await.len(), 1);
}

#[tokio::test]
async fn findings_of_items_that_left_the_plan_are_orphaned() {
    let place = Place::new();
    let store = place.open().await;
    run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Warn)]).await;
    let whole = HashSet::from([ItemKey::new("disk", "db1")]);
    assert_eq!(store.orphan_unplanned("daily", whole, day(1, 0)).await.unwrap(), 0);
    assert_eq!(store.orphan_unplanned("other", HashSet::new(), day(1, 0)).await.unwrap(), 0);
    assert_eq!(store.orphan_unplanned("daily", HashSet::new(), day(1, 0)).await.unwrap(), 1);
    assert_eq!(all(&store).await[0].state, FindingState::Orphaned);
}
