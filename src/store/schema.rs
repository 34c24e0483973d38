//! The schema's steps, and bringing a store up to date: backed up before, refused when it is newer than we are.

use std::path::{Path, PathBuf};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _, SqliteConnection};

use super::StoreError;
use super::backup::copy;
use super::error::While as _;
use super::file::beside;

/// One step of the schema: what it is called, and its SQL. Its number is its place, from 1. A step that was released is
/// never changed: SQL that differs from what a store was made with is refused.
pub(super) type Step = (&'static str, &'static str);

/// Every step, the oldest first.
pub(super) const STEPS: &[Step] = &[("ledger", include_str!("migrations/0001_ledger.sql"))];

/// What [`STEPS`] writes into the head of the file: "roun".
const APPLICATION_ID: i64 = 0x726f_756e;

/// Looks at the file without changing a byte of it: refuses what is not ours, or is newer than we are.
///
/// Tells the number of steps that the store has gone through; 0 for an empty file.
pub(super) async fn look(path: &Path, options: &SqliteConnectOptions, steps: &[Step]) -> Result<usize, StoreError> {
    let mut connection = options.clone().read_only(true).connect().await.doing("opening it")?;
    let found = found(&mut connection).await;
    connection.close().await.doing("closing it")?;
    let found = match found {
        Ok(Found::Ours(version)) => version,
        Ok(Found::Foreign) => return Err(StoreError::Foreign(path.to_owned())),
        // SQLITE_NOTADB: the file is no database at all.
        Err(error) if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("26")) => {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        Err(error) => return Err(error).doing("looking at its format"),
    };
    let known = number(steps.len());
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    usize::try_from(found).map_err(StoreError::unreadable("the format of the store"))
}

/// Brings the store from `found` steps up to all of `steps`; an older store is copied beside itself before.
///
/// Tells where the copy is.
pub(super) async fn upgrade(
    path: &Path,
    connection: &mut SqliteConnection,
    found: usize,
    steps: &[Step],
) -> Result<Option<PathBuf>, StoreError> {
    let mut backup = None;
    if found > 0 && found < steps.len() {
        let to = free_name(path, found);
        copy(connection, &to).await?;
        tracing::info!(backup = %to.display(), "the store is of an older version: copied it before bringing it up to date");
        backup = Some(to);
    }
    let migrations = steps
        .iter()
        .enumerate()
        .map(|(place, &(name, sql))| Migration::new(number(place + 1), name.into(), MigrationType::Simple, sql.into_sql_str(), false));
    let migrator = Migrator::with_migrations(migrations.collect());
    migrator.run(connection).await.map_err(|error| StoreError::Migrate(error.into()))?;
    Ok(backup)
}

enum Found {
    Ours(i64),
    Foreign,
}

async fn found(connection: &mut SqliteConnection) -> Result<Found, sqlx::Error> {
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await?;
    if tables == 0 {
        return Ok(Found::Ours(0));
    }
    let application: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let is_migrated: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'").fetch_one(&mut *connection).await?;
    if is_migrated == 0 {
        return Ok(Found::Foreign);
    }
    let version: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").fetch_one(&mut *connection).await?;
    // Made by us and cut off before the first step: the id comes with that step.
    let is_ours = application == APPLICATION_ID || (application == 0 && version == 0);
    Ok(if is_ours { Found::Ours(version) } else { Found::Foreign })
}

/// A name beside the store that is not taken, for the copy of format `found`.
fn free_name(path: &Path, found: usize) -> PathBuf {
    let mut name = beside(path, &format!("-before-upgrade-from-{found}"));
    let mut more = 1;
    while name.exists() {
        more += 1;
        name = beside(path, &format!("-before-upgrade-from-{found}.{more}"));
    }
    name
}

fn number(count: usize) -> i64 {
    i64::try_from(count).expect("there are fewer steps than i64 can count")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    const NEXT: Step = ("a later step", "ALTER TABLE tombstones ADD COLUMN remark TEXT");

    fn with_next() -> Vec<Step> {
        STEPS.iter().copied().chain([NEXT]).collect()
    }

    async fn instance_of(path: &Path, steps: &[Step]) -> crate::store::Instance {
        let store = Store::open_with(path, steps).await.unwrap();
        let instance = store.instance().clone();
        store.close().await;
        instance
    }

    #[tokio::test]
    async fn an_empty_file_becomes_a_store_and_stays_the_same_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        std::fs::write(&path, "").unwrap();
        let first = instance_of(&path, STEPS).await;
        assert_eq!(first.epoch, 1);
        assert_eq!(instance_of(&path, STEPS).await, first);
    }

    #[tokio::test]
    async fn an_older_store_is_copied_before_it_is_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let before = instance_of(&path, STEPS).await;
        let store = Store::open_with(&path, &with_next()).await.unwrap();
        assert_eq!(store.instance(), &before, "the store itself goes on");
        let copy = store.upgraded().unwrap().to_owned();
        store.close().await;
        let restored = instance_of(&copy, STEPS).await;
        assert_eq!((restored.id, restored.epoch), (before.id, before.epoch + 1), "the copy opens with the older version, as a fork");
        let again = Store::open_with(&path, &with_next()).await.unwrap();
        assert_eq!(again.upgraded(), None);
        again.close().await;
    }

    #[tokio::test]
    async fn a_newer_store_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        instance_of(&path, &with_next()).await;
        let bytes = std::fs::read(&path).unwrap();
        let error = Store::open_with(&path, STEPS).await.unwrap_err();
        assert!(matches!(error, StoreError::Newer { found, known, .. } if found == known + 1), "{error}");
        assert!(error.to_string().contains("use the newer version"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[tokio::test]
    async fn a_step_that_was_changed_after_its_release_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        instance_of(&path, &with_next()).await;
        let mut changed = with_next();
        changed[STEPS.len()].1 = "ALTER TABLE tombstones ADD COLUMN remarks TEXT";
        assert!(matches!(Store::open_with(&path, &changed).await.unwrap_err(), StoreError::Migrate(_)));
    }

    #[tokio::test]
    async fn a_step_that_fails_leaves_the_store_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let before = instance_of(&path, STEPS).await;
        let mut broken = STEPS.to_vec();
        broken.push(("broken", "CREATE TABLE half (a BIGINT); DROP TABLE never_there;"));
        assert!(matches!(Store::open_with(&path, &broken).await.unwrap_err(), StoreError::Migrate(_)));
        assert_eq!(instance_of(&path, STEPS).await, before);
    }

    #[tokio::test]
    async fn the_file_of_another_program_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.db");
        let mut app = SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
        sqlx::query("CREATE TABLE customers (name TEXT)").execute(&mut app).await.unwrap();
        app.close().await.unwrap();
        let text = folder.path().join("notes.txt");
        std::fs::write(&text, "these are no tables, but they are more than nothing at all\n".repeat(20)).unwrap();
        for file in [path, text] {
            let bytes = std::fs::read(&file).unwrap();
            assert!(matches!(Store::open(&file).await.unwrap_err(), StoreError::Foreign(_)), "{}", file.display());
            assert_eq!(std::fs::read(&file).unwrap(), bytes);
        }
    }
}
