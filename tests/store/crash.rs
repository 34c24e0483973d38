//! What is left when the process dies: all that was answered as recorded, whole targets only, and a run that is lost.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rounds::model::{Outcome, RunState};
use rounds::store::Store;

use crate::fixtures::{Place, day, head, item, recording, row};

/// Set for the process that is to die: the path of the store.
const STORE: &str = "ROUNDS_TEST_STORE";
const LINES: usize = 20;

/// Not a test: what the child process does. It says `begun`, then `recorded` for each target that was answered as recorded.
#[tokio::test]
#[ignore = "started by the tests below, as a process to be killed"]
async fn child_that_records_until_it_is_killed() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let store = Store::open(Path::new(&path)).await.unwrap();
    let head = head("daily", day(0, 0), 1000 * LINES);
    store.begin_run(&head).await.unwrap();
    say("begun");
    for target in 0..1000 {
        let target = format!("t{target}");
        let items = (0..LINES).map(|line| item(&format!("l{line}"), &target, day(0, 0), Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)]));
        store.record_target(&head.id, items.map(recording).collect()).await.unwrap();
        say("recorded");
    }
}

fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nsays {word}").and_then(|()| out.flush()).unwrap();
}

struct Dying {
    child: Child,
    said: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Dying {
    fn start(store: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_records_until_it_is_killed", "--ignored", "--nocapture"])
            .env(STORE, store)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, said }
    }

    fn wait_for(&mut self, word: &str) {
        let wanted = format!("says {word}");
        assert!(self.said.by_ref().any(|line| line.unwrap() == wanted), "the child ended without saying {word}");
    }

    /// Kills it, and counts what it still said.
    fn kill(mut self) -> usize {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said.filter(|line| line.as_ref().unwrap() == "says recorded").count()
    }
}

#[tokio::test]
async fn a_run_whose_process_was_killed_is_lost_and_keeps_what_was_answered() {
    let place = Place::new();
    let mut dying = Dying::start(&place.path());
    for _ in 0..3 {
        dying.wait_for("recorded");
    }
    let answered = 3 + dying.kill();

    let store = place.open().await;
    let run = store.load_run("last").await.unwrap();
    assert_eq!((run.state, run.ended), (RunState::Lost, None));
    assert!(run.items.len() >= answered * LINES, "{} of {} answered items are there", run.items.len(), answered * LINES);
    assert_eq!(run.items.len() % LINES, 0, "a target is there as a whole or not at all");
    assert!(!run.tally().balances());
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
    assert!(store.record_target(&run.head.id, vec![recording(item("l", "late", day(0, 1), Outcome::Ok, Vec::new()))]).await.is_err());
    let left: Vec<_> = std::fs::read_dir(place.path().parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("-run-")), "{left:?}");
}

#[tokio::test]
async fn a_run_whose_process_is_alive_is_not_taken_for_dead() {
    let place = Place::new();
    let mut living = Dying::start(&place.path());
    living.wait_for("begun");
    let store = place.open().await;
    assert_eq!(store.load_run("last").await.unwrap().state, RunState::Running);
    assert!(store.mark_lost().await.unwrap().is_empty());
    living.kill();
    assert_eq!(store.mark_lost().await.unwrap().len(), 1, "it is noticed while the store stays open, too");
    assert_eq!(store.load_run("last").await.unwrap().state, RunState::Lost);
}

#[tokio::test]
async fn a_run_that_was_dropped_without_an_end_is_lost() {
    let place = Place::new();
    let store = place.open().await;
    let head = head("daily", day(0, 0), 1);
    store.begin_run(&head).await.unwrap();
    store.close().await;
    assert_eq!(place.open().await.load_run(&head.id).await.unwrap().state, RunState::Lost);
}
