//! Retention: what is old goes, what is needed stays, and both are said.

use chrono::{DateTime, Utc};
use rounds::model::{ItemKey, ItemRecord, Outcome};
use rounds::store::{Answer, FindingFilter, Keep, Store, StoreError};

use crate::fixtures::{Place, day, item, recording, row, run};

fn disk(at: DateTime<Utc>, outcome: Outcome) -> ItemRecord {
    item("disk", "db1", at, outcome, vec![row("/", outcome, 15.0)])
}

fn runs_since(since: DateTime<Utc>) -> Keep {
    Keep { runs_since: Some(since), ..Keep::default() }
}

fn captures_since(since: DateTime<Utc>) -> Keep {
    Keep { captures_since: Some(since), ..Keep::default() }
}

async fn assert_sound(store: &Store) {
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
}

async fn is_kept(store: &Store, run: &str) -> bool {
    store.captures(run, &ItemKey::new("disk", "db1")).await.unwrap().iter().all(|capture| capture.whole().is_some())
}

#[tokio::test]
async fn old_runs_go_with_all_that_was_theirs_and_leave_a_tombstone() {
    let place = Place::new();
    let store = place.open().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(run(&store, "daily", day(number, 0), vec![disk(day(number, 0), Outcome::Ok)]).await);
    }
    let pruned = store.prune(runs_since(day(2, 0)), day(10, 0)).await.unwrap();
    assert_eq!(pruned.runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>(), ids[..2]);
    assert_eq!((pruned.contents, pruned.spared.len()), (2, 0));
    assert!(matches!(store.load_run(&ids[0]).await, Err(StoreError::Pruned { at, .. }) if at == day(10, 0)));
    assert!(store.load_run(&ids[2]).await.is_ok());
    assert_eq!(store.check().await.unwrap().items, 2);
    assert_sound(&store).await;
    assert!(store.prune(runs_since(day(2, 0)), day(11, 0)).await.unwrap().runs.is_empty());
}

#[tokio::test]
async fn the_last_good_rows_stay_however_old_they_are() {
    let place = Place::new();
    let store = place.open().await;
    let old = run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Ok)]).await;
    run(&store, "daily", day(9, 0), vec![item("disk", "db1", day(9, 0), Outcome::TimedOut, Vec::new())]).await;
    let pruned = store.prune(runs_since(day(20, 0)), day(20, 0)).await.unwrap();
    assert!(pruned.spared.iter().any(|run| run.id == old));
    assert!(store.earlier("daily", &ItemKey::new("disk", "db1"), "disk-space").await.unwrap().is_some());
    assert_sound(&store).await;
}

#[tokio::test]
async fn runs_of_open_findings_stay_and_go_once_they_are_solved() {
    let place = Place::new();
    let store = place.open().await;
    let opened = run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Crit)]).await;
    let between = run(&store, "daily", day(1, 0), vec![disk(day(1, 0), Outcome::Crit)]).await;
    run(&store, "daily", day(2, 0), vec![disk(day(2, 0), Outcome::Crit)]).await;
    let pruned = store.prune(runs_since(day(9, 0)), day(9, 0)).await.unwrap();
    assert_eq!(pruned.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), [between.as_str()]);
    assert!(store.load_run(&opened).await.is_ok());

    run(&store, "daily", day(10, 0), vec![disk(day(10, 0), Outcome::Ok)]).await;
    let pruned = store.prune(runs_since(day(20, 0)), day(20, 0)).await.unwrap();
    assert_eq!((pruned.runs.len(), pruned.findings), (2, 1));
    assert!(store.findings(&FindingFilter::default()).await.unwrap().is_empty());
    assert_sound(&store).await;
}

#[tokio::test]
async fn a_run_that_goes_on_is_never_removed() {
    let place = Place::new();
    let store = place.open().await;
    let head = crate::fixtures::head("daily", day(0, 0), 1);
    store.begin_run(&head).await.unwrap();
    assert!(store.prune(runs_since(day(9, 0)), day(9, 0)).await.unwrap().runs.is_empty());
    assert!(store.load_run(&head.id).await.is_ok());
}

#[tokio::test]
async fn old_captures_go_before_their_run_and_their_hash_stays() {
    let place = Place::new();
    let store = place.open().await;
    let old = run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Ok)]).await;
    let new = run(&store, "daily", day(5, 0), vec![disk(day(5, 0), Outcome::Ok)]).await;
    let pruned = store.prune(captures_since(day(1, 0)), day(9, 0)).await.unwrap();
    assert_eq!((pruned.contents, pruned.runs.len()), (1, 0));
    assert!(pruned.content_bytes > 0);
    let captures = store.captures(&old, &ItemKey::new("disk", "db1")).await.unwrap();
    let hash = store.load_run(&old).await.unwrap().items[0].captures[0].1.clone();
    assert!(matches!(&captures[0].out, Answer::Removed { sha256, .. } if *sha256 == hash), "{captures:?}");
    assert!(is_kept(&store, &new).await);
    assert_sound(&store).await;
}

#[tokio::test]
async fn captures_of_open_findings_stay() {
    let place = Place::new();
    let store = place.open().await;
    let open = run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Crit)]).await;
    assert_eq!(store.prune(captures_since(day(9, 0)), day(9, 0)).await.unwrap().contents, 0);
    assert!(is_kept(&store, &open).await);
}

#[tokio::test]
async fn the_same_answer_is_kept_once_until_nobody_refers_to_it() {
    let place = Place::new();
    let store = place.open().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let head = crate::fixtures::head("daily", day(number, 0), 1);
        store.begin_run(&head).await.unwrap();
        let mut record = recording(disk(day(number, 0), Outcome::Ok));
        record.captures[0].out = b"always the same".to_vec();
        record.captures[0].err = b"always the same".to_vec();
        store.record_target(&head.id, vec![record]).await.unwrap();
        store.end_run(&head.id, rounds::model::RunState::Done, day(number, 1)).await.unwrap();
        ids.push(head.id);
    }
    assert_eq!(store.prune(runs_since(day(2, 0)), day(9, 0)).await.unwrap().contents, 0);
    assert!(is_kept(&store, &ids[2]).await);
    // A removed answer that is given again is there again, for the old runs, too.
    assert_eq!(store.prune(captures_since(day(9, 0)), day(9, 0)).await.unwrap().contents, 1);
    assert!(!is_kept(&store, &ids[2]).await);
    let head = crate::fixtures::head("daily", day(10, 0), 1);
    store.begin_run(&head).await.unwrap();
    let mut record = recording(disk(day(10, 0), Outcome::Ok));
    record.captures[0].out = b"always the same".to_vec();
    store.record_target(&head.id, vec![record]).await.unwrap();
    assert!(is_kept(&store, &ids[2]).await);
}
