//! What rates and trends look back on.

use chrono::{DateTime, Utc};
use rounds::model::{ItemKey, ItemRecord, Message, Outcome, Value};
use rounds::store::SeriesKey;

use crate::fixtures::{Place, day, item, row, run};

fn disk(at: DateTime<Utc>, outcome: Outcome, free_pct: f64) -> ItemRecord {
    item("disk", "db1", at, outcome, vec![row("/", outcome, free_pct), row("/var", Outcome::Ok, 90.0)])
}

fn free(target: &str, row_key: &str) -> SeriesKey {
    SeriesKey { item: ItemKey::new("disk", target), row_key: Some(row_key.into()), field: "free_pct".to_owned() }
}

#[tokio::test]
async fn a_series_is_in_order_of_time_and_of_one_row_alone() {
    let place = Place::new();
    let store = place.open().await;
    for (at, free_pct) in [(day(2, 0), 30.0), (day(0, 0), 50.0), (day(1, 0), 40.0)] {
        run(&store, "daily", at, vec![disk(at, Outcome::Ok, free_pct)]).await;
    }
    run(&store, "weekly", day(1, 1), vec![disk(day(1, 1), Outcome::Ok, 1.0)]).await;
    let series = store.series("daily", &free("db1", "/"), day(0, 0)).await.unwrap();
    assert_eq!(series, [(day(0, 0), 50.0), (day(1, 0), 40.0), (day(2, 0), 30.0)]);
    assert_eq!(store.series("daily", &free("db1", "/"), day(1, 0)).await.unwrap().len(), 2);
    for unknown in [free("db2", "/"), free("db1", "/nowhere"), SeriesKey { field: "mount".to_owned(), ..free("db1", "/") }] {
        assert!(store.series("daily", &unknown, day(0, 0)).await.unwrap().is_empty(), "{unknown:?}");
    }
}

#[tokio::test]
async fn a_run_without_a_number_leaves_a_gap() {
    let place = Place::new();
    let store = place.open().await;
    run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Ok, 50.0)]).await;
    run(&store, "daily", day(1, 0), vec![item("disk", "db1", day(1, 0), Outcome::TimedOut, Vec::new())]).await;
    let mut gone = disk(day(2, 0), Outcome::Warn, 50.0);
    gone.rows[0].reason = Some(Message::Gone);
    run(&store, "daily", day(2, 0), vec![gone]).await;
    run(&store, "daily", day(3, 0), vec![disk(day(3, 0), Outcome::Ok, f64::NAN)]).await;
    assert_eq!(store.series("daily", &free("db1", "/"), day(0, 0)).await.unwrap(), [(day(0, 0), 50.0)]);
}

#[tokio::test]
async fn many_series_come_with_one_question() {
    let place = Place::new();
    let store = place.open().await;
    for number in 0..3 {
        let at = day(number, 0);
        let items = ["a", "b", "c"].map(|target| item("disk", target, at, Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)]));
        run(&store, "daily", at, items.to_vec()).await;
    }
    let keys = [free("a", "/"), free("c", "/"), free("d", "/")];
    let found = store.series_of("daily", &keys, day(0, 0)).await.unwrap();
    assert_eq!(found.len(), 2, "what has no numbers is missing, not empty");
    assert!(found.values().all(|points| points.len() == 3));
}

#[tokio::test]
async fn earlier_rows_are_those_of_the_last_run_that_judged_the_item() {
    let place = Place::new();
    let store = place.open().await;
    let key = ItemKey::new("disk", "db1");
    assert_eq!(store.earlier("daily", &key, "disk-space").await.unwrap(), None);
    run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Warn, 50.0)]).await;
    for (number, outcome) in [(1, Outcome::TimedOut), (2, Outcome::Error), (3, Outcome::Skipped), (4, Outcome::NotRun)] {
        run(&store, "daily", day(number, 0), vec![item("disk", "db1", day(number, 0), outcome, Vec::new())]).await;
    }
    let earlier = store.earlier("daily", &key, "disk-space").await.unwrap().unwrap();
    assert_eq!((earlier.at, earlier.rows.len()), (day(0, 0), 2));
    assert_eq!(earlier.rows[0].get("free_pct"), Some(&Value::Number(50.0)));
    assert_eq!(store.earlier("daily", &key, "inodes").await.unwrap(), None, "another check's rows are none of its own");
    assert_eq!(store.earlier("weekly", &key, "disk-space").await.unwrap(), None);
}

#[tokio::test]
async fn rows_kept_for_a_rate_are_found_and_rows_that_are_gone_are_not() {
    let place = Place::new();
    let store = place.open().await;
    let mut first = disk(day(0, 0), Outcome::Skipped, 50.0);
    first.reason = Some(Message::NoEarlierValue);
    run(&store, "daily", day(0, 0), vec![first]).await;
    let key = ItemKey::new("disk", "db1");
    assert_eq!(store.earlier("daily", &key, "disk-space").await.unwrap().unwrap().rows.len(), 2);
    let mut gone = disk(day(1, 0), Outcome::Warn, 50.0);
    gone.rows[0].reason = Some(Message::Gone);
    run(&store, "daily", day(1, 0), vec![gone]).await;
    assert_eq!(store.earlier("daily", &key, "disk-space").await.unwrap().unwrap().rows.len(), 1);
}

#[tokio::test]
async fn a_run_is_compared_with_the_last_one_that_was_done() {
    let place = Place::new();
    let store = place.open().await;
    let first = run(&store, "daily", day(0, 0), vec![disk(day(0, 0), Outcome::Ok, 50.0)]).await;
    run(&store, "weekly", day(1, 0), vec![disk(day(1, 0), Outcome::Ok, 50.0)]).await;
    let lost = crate::fixtures::head("daily", day(2, 0), 1);
    store.begin_run(&lost).await.unwrap();
    store.end_run(&lost.id, rounds::model::RunState::Done, day(2, 1)).await.unwrap_err();
    assert_eq!(store.previous_run("daily", day(3, 0)).await.unwrap().unwrap().head.id, first);
    assert_eq!(store.previous_run("daily", day(0, 0)).await.unwrap(), None);
}
