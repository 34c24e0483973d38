//! Runs: what is recorded is read back, and a ledger that does not balance is never green.

use std::os::unix::fs::PermissionsExt as _;

use rounds::model::{ItemKey, Mark, Outcome, Phrase, RunState, Untrusted};
use rounds::store::{Answer, Recording, RunFilter, Store, StoreError};

use crate::fixtures::{Place, capture, day, head, item, recording, row, run};

#[tokio::test]
async fn what_was_recorded_is_read_back() {
    let place = Place::new();
    let store = place.open().await;
    let head = head("daily", day(0, 0), 2);
    store.begin_run(&head).await.unwrap();
    let mut items = vec![
        item("disk", "db1", day(0, 0), Outcome::Warn, vec![row("/", Outcome::Ok, 50.0), row("/var", Outcome::Warn, 15.0)]),
        item("cpu", "db1", day(0, 0), Outcome::Unreachable, Vec::new()),
    ];
    items[0].rows[1].marks.push(Mark::Waived {
        id: "w1".to_owned(),
        reason: Phrase::plain("the archive moves in April"),
        approved_by: "wang-lei".to_owned(),
        ends: day(30, 0),
    });
    let mut recorded = store.record_target(&head.id, items.into_iter().map(recording).collect()).await.unwrap();
    let tally = store.end_run(&head.id, RunState::Done, day(0, 1)).await.unwrap();
    store.close().await;

    let store = place.open().await;
    let read = store.load_run(&head.id).await.unwrap();
    recorded.sort_by(|a, b| a.key.line.cmp(&b.key.line));
    assert_eq!(read.items, recorded);
    assert_eq!((read.head.clone(), read.state, read.ended), (head.clone(), RunState::Done, Some(day(0, 1))));
    assert_eq!((read.tally(), tally.waived), (tally.clone(), 1));
    let lines = store.list_runs(&RunFilter::default()).await.unwrap();
    assert_eq!((lines[0].id.as_str(), &lines[0].tally), (head.id.as_str(), &tally));
}

#[tokio::test]
async fn a_ledger_that_does_not_balance_makes_the_run_lost() {
    let place = Place::new();
    let store = place.open().await;
    for (planned, recorded) in [(2, 1), (0, 1), (1, 0)] {
        let head = head("daily", day(0, 0), planned);
        store.begin_run(&head).await.unwrap();
        let items = (0..recorded).map(|_| recording(item("disk", "db1", day(0, 0), Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)])));
        store.record_target(&head.id, items.collect()).await.unwrap();
        let error = store.end_run(&head.id, RunState::Done, day(0, 1)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unbalanced { planned: p, stored } if (p, stored) == (planned, recorded)), "{error}");
        assert_eq!(store.load_run(&head.id).await.unwrap().state, RunState::Lost);
        assert!(matches!(store.end_run(&head.id, RunState::Done, day(0, 1)).await, Err(StoreError::Ended { .. })), "it stays lost");
    }
}

#[tokio::test]
async fn an_item_is_recorded_once_and_only_while_its_run_goes_on() {
    let place = Place::new();
    let store = place.open().await;
    let head = head("daily", day(0, 0), 2);
    store.begin_run(&head).await.unwrap();
    let disk = || recording(item("disk", "db1", day(0, 0), Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)]));
    let cpu = || recording(item("cpu", "db1", day(0, 0), Outcome::Ok, vec![row("all", Outcome::Ok, 50.0)]));
    store.record_target(&head.id, vec![disk()]).await.unwrap();
    assert!(matches!(store.record_target(&head.id, vec![cpu(), disk()]).await, Err(StoreError::Database { .. })));
    assert_eq!(store.load_run(&head.id).await.unwrap().items.len(), 1, "a refused call leaves nothing behind");
    store.record_target(&head.id, vec![cpu()]).await.unwrap();
    store.end_run(&head.id, RunState::Done, day(0, 1)).await.unwrap();
    assert!(matches!(store.record_target(&head.id, vec![disk()]).await, Err(StoreError::Ended { .. })));
    assert!(matches!(store.record_target("nope", vec![disk()]).await, Err(StoreError::NoSuchRun(_))));
    assert!(store.begin_run(&head).await.is_err(), "an id is used once");
}

#[tokio::test]
async fn neighbours_of_a_failed_write_are_kept() {
    let place = Place::new();
    let store = std::sync::Arc::new(place.open().await);
    let head = head("daily", day(0, 0), 40);
    store.begin_run(&head).await.unwrap();
    // Every target is recorded twice at the same time: one of the two must fail, and take nothing with it.
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..80 {
        let (store, run) = (store.clone(), head.id.clone());
        let target = format!("t{}", number / 2);
        tasks.spawn(async move {
            let item = item("disk", &target, day(0, 0), Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)]);
            store.record_target(&run, vec![recording(item)]).await.is_ok()
        });
    }
    let recorded = tasks.join_all().await.into_iter().filter(|recorded| *recorded).count();
    assert_eq!(recorded, 40);
    store.end_run(&head.id, RunState::Done, day(0, 1)).await.unwrap();
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn two_processes_can_write_to_one_store() {
    let place = Place::new();
    let (one, other) = (place.open().await, place.open().await);
    let items = |target: &str| {
        (0..20).map(|line| item(&format!("l{line}"), target, day(0, 0), Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)])).collect::<Vec<_>>()
    };
    let (first, second) = tokio::join!(run(&one, "a", day(0, 0), items("x")), run(&other, "b", day(0, 0), items("y")));
    assert_eq!(one.load_run(&second).await.unwrap().items.len(), 20);
    assert_eq!(other.load_run(&first).await.unwrap().items.len(), 20);
}

#[tokio::test]
async fn text_of_a_target_is_stored_literally() {
    let hostile = "'; DROP TABLE items; -- \0 \u{1b}[31m {{7*7}} $(reboot) <script> \u{202e} 你好 %s \\ \" \r\n";
    let place = Place::new();
    let store = place.open().await;
    let head = head("daily", day(0, 0), 1);
    store.begin_run(&head).await.unwrap();
    let mut record = recording(item("disk", "db1", day(0, 0), Outcome::Warn, vec![row(hostile, Outcome::Warn, 1.0)]));
    record.captures = vec![capture("df", day(0, 0), hostile), capture("raw", day(0, 0), vec![0xff, 0xfe, 0])];
    record.captures[0].err = hostile.as_bytes().to_vec();
    store.record_target(&head.id, vec![record]).await.unwrap();
    store.end_run(&head.id, RunState::Done, day(0, 1)).await.unwrap();

    let read = store.load_run("last").await.unwrap();
    assert_eq!(read.items[0].rows[0].key, Some(Untrusted::new(hostile)));
    let captures = store.captures("last", &ItemKey::new("disk", "db1")).await.unwrap();
    assert_eq!(captures[0].out, Answer::Kept(hostile.as_bytes().to_vec()));
    assert_eq!(captures[0].err, Answer::Kept(hostile.as_bytes().to_vec()));
    assert_eq!(captures[1].out, Answer::Kept(vec![0xff, 0xfe, 0]));
    assert_eq!(captures[0].asked.as_deref(), Some("df -PkT"));
    let findings = store.findings(&rounds::store::FindingFilter::default()).await.unwrap();
    assert_eq!(findings[0].row_key, Some(Untrusted::new(hostile)));
}

#[tokio::test]
async fn runs_are_found_by_the_beginning_of_their_id() {
    let place = Place::new();
    let store = place.open().await;
    assert!(matches!(store.load_run("last").await, Err(StoreError::NoSuchRun(_))));
    let ids = [day(0, 0), day(1, 0)].map(|started| {
        let head = head("daily", started, 0);
        (head.id.clone(), head)
    });
    for (_, head) in &ids {
        store.begin_run(head).await.unwrap();
    }
    store.end_run(&ids[0].0, RunState::Done, day(0, 1)).await.unwrap();
    assert_eq!(store.load_run("last").await.unwrap().head.id, ids[0].0, "the newest that has ended");
    assert_eq!(store.load_run(&ids[1].0[..36]).await.unwrap().head.id, ids[1].0);
    // Ids made within one second share their beginning.
    assert!(matches!(store.load_run(&ids[0].0[..4]).await, Err(StoreError::Ambiguous { fitting, .. }) if fitting.len() == 2));
    for nothing in ["", "zz", "%", "_"] {
        assert!(matches!(store.load_run(nothing).await, Err(StoreError::NoSuchRun(_))), "{nothing}");
    }
}

#[tokio::test]
async fn only_we_can_read_the_store_and_its_copies() {
    let place = Place::new();
    let store = place.open().await;
    run(&store, "daily", day(0, 0), vec![item("disk", "db1", day(0, 0), Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)])]).await;
    let copy = place.beside("copy.db");
    store.backup(&copy).await.unwrap();
    for entry in std::fs::read_dir(place.path().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", entry.path().display());
    }
    store.close().await;
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    place.open().await.close().await;
    assert_eq!(std::fs::metadata(place.path()).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_backup_opens_as_a_fork_with_all_that_was_recorded() {
    let place = Place::new();
    let store = place.open().await;
    let id = run(&store, "daily", day(0, 0), vec![item("disk", "db1", day(0, 0), Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)])]).await;
    let copy = place.beside("copy.db");
    store.backup(&copy).await.unwrap();
    assert!(store.backup(&copy).await.is_err(), "a backup never overwrites");
    let restored = Store::open(&copy).await.unwrap();
    assert_eq!(restored.load_run(&id).await.unwrap(), store.load_run(&id).await.unwrap());
    assert_eq!(restored.instance().id, store.instance().id);
    assert_eq!(restored.instance().epoch, store.instance().epoch + 1);
    assert_eq!(restored.check().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_result_that_could_not_be_recorded_is_an_error() {
    let place = Place::new();
    let store = place.open().await;
    let head = head("daily", day(0, 0), 1);
    store.begin_run(&head).await.unwrap();
    store.end_run(&head.id, RunState::Cancelled, day(0, 1)).await.unwrap_err();
    let record = || Recording { item: item("disk", "db1", day(0, 0), Outcome::Ok, Vec::new()), captures: Vec::new(), asked: Vec::new() };
    assert!(store.record_target(&head.id, vec![record()]).await.is_err());
}
