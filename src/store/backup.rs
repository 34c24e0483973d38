//! Copies of the store while it is in use.

use std::fs::File;
use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::error::While as _;
use super::{Store, StoreError, file, options};

impl Store {
    /// Writes a complete copy of the store to the new file `to`, while runs go on; it holds all that was recorded before.
    ///
    /// The copy carries the next epoch: a store restored from it shows as a fork of this one, never as this one itself.
    ///
    /// # Errors
    /// When `to` exists, or cannot be written.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        // A connection of its own: readers may not write, not even elsewhere, and the writer has better to do.
        let mut connection = options(&self.path).connect().await.doing("opening it")?;
        let copied = copy(&mut connection, to).await;
        connection.close().await.doing("closing it")?;
        copied
    }
}

/// Copies the database of `connection` to the new file `to`, which only we can read, and syncs it.
pub(super) async fn copy(connection: &mut SqliteConnection, to: &Path) -> Result<(), StoreError> {
    let name = to.to_str().ok_or_else(|| StoreError::Refused(format!("the name of {} is no text", to.display())))?;
    // VACUUM INTO takes an empty file: made here, it never is one that others can read.
    file::create(to).map_err(StoreError::file("make", to))?;
    let copied = write_copy(connection, name, to).await;
    if copied.is_err() {
        // Half a copy must not look like a backup; the first failure is the one to tell.
        let _ = std::fs::remove_file(to);
    }
    copied
}

async fn write_copy(connection: &mut SqliteConnection, name: &str, to: &Path) -> Result<(), StoreError> {
    sqlx::query("VACUUM INTO $1").bind(name).execute(connection).await.doing("copying it")?;
    let mut copied = options(to).connect().await.doing("opening the copy")?;
    let marked = sqlx::query("UPDATE instance SET epoch = epoch + 1").execute(&mut copied).await;
    copied.close().await.doing("closing the copy")?;
    marked.doing("marking the copy")?;
    File::open(to).and_then(|file| file.sync_all()).map_err(StoreError::file("sync", to))
}
