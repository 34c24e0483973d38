//! The ledger on disk: runs, items, captures and findings in SQLite.
//!
//! A run is begun, its items are recorded target by target, and it is ended; ending it asserts that every planned item is
//! there exactly once. What was answered as recorded is on the disk (see `writer.rs`); what could not be recorded is an
//! error to the caller, and the run is never green. A run whose process died is marked `lost` at the next opening.
//!
//! | file | job |
//! | --- | --- |
//! | `schema.rs`, `migrations/` | tables, bringing older stores up to date |
//! | `writer.rs` | the one writer, durability |
//! | `runs.rs`, `alive.rs` | beginning and ending runs, those whose process died |
//! | `record.rs`, `pack.rs`, `format.rs`, `content.rs` | recording a target's items and captures |
//! | `load.rs`, `captures.rs` | reading runs and captures back |
//! | `earlier.rs`, `series.rs`, `before.rs` | what rates and trends look back on, now and at the time of an old run |
//! | `findings.rs`, `follow.rs` | problems over time |
//! | `prune.rs`, `backup.rs`, `health.rs` | retention, backups, the doctor's questions |

mod alive;
mod backup;
mod before;
mod captures;
mod content;
mod earlier;
mod error;
mod file;
mod findings;
mod follow;
mod format;
mod health;
mod load;
mod moment;
mod pack;
mod prune;
mod record;
mod runs;
mod schema;
mod series;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Sqlite, SqlitePool};

pub use before::Before;
pub use captures::{Answer, KeptCapture};
pub use error::StoreError;
pub use findings::{Finding, FindingFilter, FindingState};
pub use health::Health;
pub use load::{RunFilter, RunLine};
pub use prune::{Keep, Pruned};
pub use record::Recording;
pub use series::{Point, SeriesKey};

use error::While as _;

/// Longest wait for others who write to the same store.
const BUSY_LIMIT: Duration = Duration::from_secs(30);
/// Page cache of a connection (SQLite takes a negative number as KiB): a batch of writes should fit, else its pages go to the
/// log more than once.
const CACHE_KIB: &str = "-65536";
/// Pages in the log before they move into the file: pages that several batches touch move once.
const CHECKPOINT_PAGES: &str = "8000";
/// How many connections read at the same time.
const READERS: u32 = 4;

/// The store, opened. Cheap to share behind an `Arc`; [`Store::close`] it at the end.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    instance: Instance,
    writer: writer::Writer,
    readers: SqlitePool,
    alive: alive::Alive,
    upgraded: Option<PathBuf>,
}

/// Which store this is: evidence chains hang on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// UUID, made with the store.
    pub id: String,
    /// Grows with each restore from a backup.
    pub epoch: i64,
}

impl Store {
    /// Opens the store at `path`; makes it where it is missing, brings an older one up to date after copying it beside
    /// itself, and marks runs as lost whose process died.
    ///
    /// # Errors
    /// When the file cannot be opened, is not ours, is newer than we are, or stays locked by another process.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path.as_ref(), schema::STEPS).await
    }

    async fn open_with(path: &Path, steps: &[schema::Step]) -> Result<Self, StoreError> {
        file::prepare(path)?;
        let opening = file::lock_for_opening(path).await?;
        let found = schema::look(path, &options(path), steps).await?;
        let options = options(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", CACHE_KIB)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            // What savepoints set aside stays out of /tmp: it is what targets said, and slow there.
            .pragma("temp_store", "memory");
        let mut connection = options.connect().await.doing("opening it")?;
        let upgraded = schema::upgrade(path, &mut connection, found, steps).await?;
        let instance = instance(&mut connection).await?;
        drop(opening);
        // Readers ask, and can do nothing else.
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_LIMIT)
            .connect_lazy_with(options.clone().pragma("query_only", "on").row_buffer_size(512));
        let writer = writer::Writer::start(connection, options);
        let store = Self { path: path.to_owned(), instance, writer, readers, alive: alive::Alive::default(), upgraded };
        store.mark_lost().await?;
        Ok(store)
    }

    /// Writes what still waits, and closes the file.
    pub async fn close(self) {
        self.readers.close().await;
        self.writer.stop().await;
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which store this is.
    #[must_use]
    pub const fn instance(&self) -> &Instance {
        &self.instance
    }

    /// The copy that was made before this opening brought the store up to date, where it did.
    #[must_use]
    pub fn upgraded(&self) -> Option<&Path> {
        self.upgraded.as_deref()
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.doing("opening it to read")
    }
}

/// What all connections have in common. Statements are never logged: they hold what targets said.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_LIMIT)
        .disable_statement_logging()
}

async fn instance(connection: &mut sqlx::SqliteConnection) -> Result<Instance, StoreError> {
    let doing = "reading which store it is";
    sqlx::query("INSERT INTO instance (id, epoch) SELECT $1, 1 WHERE NOT EXISTS (SELECT 1 FROM instance)")
        .bind(uuid::Uuid::now_v7().to_string())
        .execute(&mut *connection)
        .await
        .doing(doing)?;
    let (id, epoch) = sqlx::query_as("SELECT id, epoch FROM instance").fetch_one(connection).await.doing(doing)?;
    Ok(Instance { id, epoch })
}
