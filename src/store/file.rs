//! The store's file and those beside it: made for us alone, and locked while they are opened.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{BUSY_LIMIT, StoreError};

/// A file beside the store: its path with `ending` added.
pub(super) fn beside(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Makes the store's file and folder where they are missing, and takes it from group and others where they had rights.
///
/// An existing file is never opened here: closing it would drop the locks that SQLite holds on it in this process.
pub(super) fn prepare(store: &Path) -> Result<(), StoreError> {
    if let Some(folder) = store.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(StoreError::file("make the folder", folder))?;
    }
    match create(store) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => keep_to_ourselves(store),
        Err(error) => Err(StoreError::file("make", store)(error)),
    }
}

/// Makes a new empty file that only we can read, and sees to it that its name survives a power cut.
pub(super) fn create(path: &Path) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.sync_all()?;
    sync_folder(path)
}

/// Sees to it that the names of files made or removed beside `path` survive a power cut.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Holds back every other process that opens this store, until the file is dropped: migrations must not meet.
pub(super) async fn lock_for_opening(store: &Path) -> Result<File, StoreError> {
    let path = beside(store, "-lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(StoreError::file("open the lock", &path))?;
    let deadline = Instant::now() + BUSY_LIMIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy { limit_s: BUSY_LIMIT.as_secs() }),
            Err(TryLockError::Error(error)) => return Err(StoreError::file("lock", &path)(error)),
        }
    }
}

fn keep_to_ourselves(store: &Path) -> Result<(), StoreError> {
    let metadata = std::fs::metadata(store).map_err(StoreError::file("look at", store))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        let ours = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(store, ours).map_err(StoreError::file("take from group and others", store))?;
    }
    Ok(())
}
