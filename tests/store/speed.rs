//! How long a large run takes: 1,000 targets with 20 items each.

use std::sync::Arc;
use std::time::Instant;

use rounds::model::{ItemKey, Outcome, RunState};
use rounds::store::SeriesKey;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::fixtures::{Place, day, head, item, recording, row};

const TARGETS: usize = 1000;
const LINES: usize = 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; run it in release with --nocapture"]
async fn a_large_run_is_recorded_and_read_back() {
    let place = Place::new();
    let store = Arc::new(place.open().await);
    for number in 0..2 {
        let head = head("daily", day(number, 0), TARGETS * LINES);
        store.begin_run(&head).await.unwrap();
        let mut targets: Vec<Vec<_>> = (0..TARGETS)
            .map(|target| {
                let rows = || vec![row("/", Outcome::Ok, 50.0), row("/var", Outcome::Ok, 40.0)];
                let line = |line| recording(item(&format!("l{line}"), &format!("t{target}"), day(number, 0), Outcome::Ok, rows()));
                (0..LINES).map(line).collect()
            })
            .collect();
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        // As many at the same time as a runner has sessions.
        let sessions = Arc::new(Semaphore::new(50));
        while let Some(items) = targets.pop() {
            let (store, run, sessions) = (store.clone(), head.id.clone(), sessions.clone());
            tasks.spawn(async move {
                let _session = sessions.acquire().await.unwrap();
                store.record_target(&run, items).await.unwrap();
            });
        }
        tasks.join_all().await;
        store.end_run(&head.id, RunState::Done, day(number, 1)).await.unwrap();
        let recorded = begun.elapsed();
        let begun = Instant::now();
        let run = store.load_run(&head.id).await.unwrap();
        assert_eq!(run.items.len(), TARGETS * LINES);
        println!("recorded in {recorded:?}, read back in {:?}", begun.elapsed());
    }
    let keys: Vec<(ItemKey, String)> = (0..TARGETS)
        .flat_map(|target| (0..LINES).map(move |line| (ItemKey::new(format!("l{line}"), format!("t{target}")), "disk-space".to_owned())))
        .collect();
    let begun = Instant::now();
    assert_eq!(store.earlier_of("daily", &keys).await.unwrap().len(), TARGETS * LINES);
    println!("earlier rows of all items in {:?}", begun.elapsed());
    let keys: Vec<SeriesKey> =
        keys.into_iter().map(|(item, _)| SeriesKey { item, row_key: Some("/".into()), field: "free_pct".to_owned() }).collect();
    let begun = Instant::now();
    assert_eq!(store.series_of("daily", &keys, day(0, 0)).await.unwrap().len(), TARGETS * LINES);
    println!("series of all items in {:?}", begun.elapsed());
    println!("{} MiB on the disk", store.check().await.unwrap().size_bytes >> 20);
}
