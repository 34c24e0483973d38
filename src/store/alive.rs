//! Whether the process of a run is still alive: it holds a lock on a file beside the store for as long as the run goes on.
//!
//! The kernel drops such a lock when the process dies, however it dies, and shows it to every process on the machine, also
//! across containers, where process ids mean nothing. The file exists before the run's row does, so that a row without a
//! locked file always means a dead process; machines cannot share a store, because SQLite's WAL needs one kernel.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::StoreError;
use super::file::beside;

/// The locks of the runs that go on in this process.
#[derive(Debug, Default)]
pub(super) struct Alive {
    runs: Mutex<HashMap<String, File>>,
}

impl Alive {
    /// Marks `run`, which must be a UUID, as going on in this process.
    pub(super) fn begin(&self, store: &Path, run: &str) -> Result<(), StoreError> {
        let path = lock_of(store, run);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(StoreError::file("make", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Refused(format!("the run {run} is already going on"))),
            Err(TryLockError::Error(error)) => return Err(StoreError::file("lock", &path)(error)),
        }
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).insert(run.to_owned(), file);
        Ok(())
    }

    /// Ends the mark of `run`.
    pub(super) fn end(&self, store: &Path, run: &str) {
        if self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(run).is_some() {
            forget(store, run);
        }
    }
}

/// Whether the process that began `run` is still alive.
pub(super) fn is_alive(store: &Path, run: &str) -> Result<bool, StoreError> {
    let path = lock_of(store, run);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(StoreError::file("open", &path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(StoreError::file("lock", &path)(error)),
    }
}

/// Removes what a dead run left behind.
pub(super) fn forget(store: &Path, run: &str) {
    let path = lock_of(store, run);
    if let Err(error) = std::fs::remove_file(&path) {
        // An empty file that stays does no harm: the run has its state in the store.
        tracing::debug!(path = %path.display(), %error, "the lock of an ended run stays behind");
    }
}

fn lock_of(store: &Path, run: &str) -> PathBuf {
    beside(store, &format!("-run-{run}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_alive_until_its_lock_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("s.db");
        let alive = Alive::default();
        assert!(!is_alive(&store, "r").unwrap());
        alive.begin(&store, "r").unwrap();
        assert!(is_alive(&store, "r").unwrap());
        assert!(Alive::default().begin(&store, "r").is_err());
        drop(alive);
        assert!(!is_alive(&store, "r").unwrap());
    }
}
