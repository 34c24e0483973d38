//! No room left on the disk: an error to the caller, never a result, and nothing that was answered is lost.

use std::path::{Path, PathBuf};
use std::process::Command;

use rounds::model::{Outcome, RunState};
use rounds::store::{Store, StoreError};

use crate::fixtures::{Place, capture, day, head, item, recording, row};

const STORE: &str = "ROUNDS_TEST_STORE";

/// Records until there is no room, then tells how many targets were answered as recorded.
async fn fill(store: &Store, run: &str) -> (usize, StoreError) {
    for number in 0..10_000 {
        let mut record = recording(item("disk", &format!("t{number}"), day(0, 0), Outcome::Ok, vec![row("/", Outcome::Ok, 50.0)]));
        record.captures.push(capture("big", day(0, 0), noise(number)));
        if let Err(error) = store.record_target(run, vec![record]).await {
            return (number, error);
        }
    }
    panic!("there was room for everything");
}

/// 64 KiB that cannot be deflated.
fn noise(seed: usize) -> Vec<u8> {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(65_536).collect()
}

/// Fills the store at `path`; the run must be neither green nor forgotten. Prints how many targets were answered.
async fn fill_and_end(path: &Path) -> usize {
    let store = Store::open(path).await.unwrap();
    let head = head("daily", day(0, 0), 10_000);
    store.begin_run(&head).await.unwrap();
    let (answered, error) = fill(&store, &head.id).await;
    assert!(answered > 0);
    assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
    let ended = store.end_run(&head.id, RunState::Done, day(0, 1)).await;
    assert!(matches!(ended, Err(StoreError::Unbalanced { .. } | StoreError::Database { .. })), "{ended:?}");
    assert_eq!(store.load_run(&head.id).await.unwrap().items.len(), answered, "what was answered can still be read");
    store.close().await;
    answered
}

#[tokio::test]
#[ignore = "started by the test below, as a process that may not write large files"]
async fn child_that_may_not_write_large_files() {
    let Some(path) = std::env::var_os(STORE) else { return };
    println!("\nanswered {}", fill_and_end(Path::new(&path)).await);
}

#[tokio::test]
async fn a_write_that_the_system_refuses_is_an_error_and_loses_nothing() {
    let place = Place::new();
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "room::child_that_may_not_write_large_files", "--ignored", "--nocapture"])
        .env(STORE, place.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let answered: usize = said.lines().find_map(|line| line.strip_prefix("answered ")?.parse().ok()).unwrap();

    let store = place.open().await;
    let run = store.load_run("last").await.unwrap();
    assert_eq!((run.state, run.items.len()), (RunState::Lost, answered));
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("SKIPPED: mounting a small disk needs root and the right to mount");
        return;
    };
    let path = disk.folder.path().join("rounds.db");
    let answered = fill_and_end(&path).await;
    disk.enlarge();
    let store = Store::open(&path).await.unwrap();
    let run = store.load_run("last").await.unwrap();
    assert_eq!((run.state, run.items.len()), (RunState::Lost, answered));
    assert_eq!(store.check().await.unwrap().faults, Vec::<String>::new());
    store.close().await;
}

/// A file system in memory that holds 8 MiB.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", "size=8m", "tmpfs"], folder.path()).then_some(Self { folder })
    }

    fn enlarge(&self) {
        assert!(mount(&["-o", "remount,size=64m"], self.folder.path()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let folder: PathBuf = self.folder.path().to_owned();
        let unmounted = Command::new("umount").arg("-l").arg(&folder).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays mounted", folder.display());
    }
}

fn mount(options: &[&str], folder: &Path) -> bool {
    Command::new("mount").args(options).arg(folder).output().is_ok_and(|output| output.status.success())
}
