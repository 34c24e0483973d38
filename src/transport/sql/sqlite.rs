//! SQLite: a file on this machine, opened to read and never made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Decode, Executor as _, Row as _, SqlSafeStr as _, Sqlite as Driver, Statement as _,
    TypeInfo as _, ValueRef as _,
};

use super::engine::{Engine, Identity, server_limit, version_of};
use super::fault::{self, Fault};
use super::gather::{Gather, hex};
use super::statement::Statement;
use super::{Access, FailureKind, Reach, TransportError};
use crate::model::Message;
use crate::model::probe::{Bind, Dialect};

/// How many steps of its machine SQLite takes between two looks at the clock: well under a millisecond.
const STEPS: i32 = 10_000;

/// Longest wait for a lock that others hold, whatever the limit of the probe.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

/// An open file.
pub(super) struct Sqlite {
    connection: SqliteConnection,
    identity: Identity,
    is_stopped: Arc<AtomicBool>,
    is_answering: bool,
}

impl Sqlite {
    /// Opens the file, which must exist.
    pub(super) async fn open(access: &Access) -> Result<Self, TransportError> {
        let Reach::File(path) = &access.reach else {
            return Err(TransportError::new(FailureKind::OurSide, Message::OurSide { detail: "a SQLite target needs a path".to_owned() }));
        };
        let refused = |detail: String| {
            let place = path.display().to_string();
            TransportError::new(FailureKind::Refused, Message::Refused { place, detail: detail.into() })
        };
        // Opening it to read also tells a missing right from a missing file, which SQLite does not.
        let file = tokio::fs::File::open(path).await.map_err(|error| refused(error.to_string()))?;
        let metadata = file.metadata().await.map_err(|error| refused(error.to_string()))?;
        if !metadata.is_file() {
            return Err(refused("not a file".to_owned()));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .create_if_missing(false)
            .busy_timeout(BUSY_LIMIT)
            .pragma("query_only", "ON")
            .statement_cache_capacity(0)
            .disable_statement_logging();
        let mut connection = options.connect().await.map_err(|error| fault::login(&error, access))?;
        // The second question reads the head of the file, and finds out whether it is a database at all.
        let ask = "SELECT sqlite_version() AS version, (SELECT count(*) FROM sqlite_master) AS tables";
        let row = sqlx::query(ask).fetch_one(&mut connection).await.map_err(|error| match &error {
            sqlx::Error::Database(database) => {
                TransportError::new(FailureKind::Protocol, Message::Protocol { detail: database.message().into() })
            }
            _ => fault::login(&error, access),
        })?;
        let version: String = row.try_get(0).map_err(|error| fault::login(&error, access))?;
        let banner = format!("SQLite {version}");
        let identity = Identity { dialect: Dialect::Sqlite, version: version_of(&version).unwrap_or(0), banner };
        Ok(Self { connection, identity, is_stopped: Arc::new(AtomicBool::new(false)), is_answering: false })
    }

    async fn pour(&mut self, statement: &Statement, limit: Duration, gather: &mut Gather) -> Result<(), Fault> {
        let deadline = Instant::now() + server_limit(limit);
        let is_stopped = Arc::clone(&self.is_stopped);
        let mut handle = self.connection.lock_handle().await.map_err(|error| Fault::from_driver(&error))?;
        handle.set_progress_handler(STEPS, move || Instant::now() < deadline && !is_stopped.load(Ordering::Relaxed));
        drop(handle);
        let mut query = sqlx::query(AssertSqlSafe(statement.text.clone()));
        for value in &statement.values {
            query = match value {
                Bind::Text(text) => query.bind(text.clone()),
                Bind::Integer(number) => query.bind(*number),
                Bind::Number(number) => query.bind(*number),
                Bind::Boolean(yes) => query.bind(*yes),
            };
        }
        let rows = query.fetch(&mut self.connection);
        gather.pour(rows, values_of, &mut self.is_answering).await?;
        if self.is_answering {
            return Ok(());
        }
        if gather.lacks_columns() {
            let prepared = (&mut self.connection).prepare(AssertSqlSafe(statement.text.clone()).into_sql_str()).await;
            let prepared = prepared.map_err(|error| Fault::from_driver(&error))?;
            gather.columns(prepared.columns().iter().map(sqlx::Column::name))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Engine for Sqlite {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn read(&mut self, statement: &Statement, limit: Duration, gather: &mut Gather) -> Result<(), Fault> {
        self.pour(statement, limit, gather).await
    }

    fn is_answering(&self) -> bool {
        self.is_answering
    }

    fn is_over(&self) -> bool {
        false
    }

    async fn stop(&mut self) -> Result<(), String> {
        self.is_stopped.store(true, Ordering::Relaxed);
        Ok(())
    }
}

fn values_of(row: &SqliteRow) -> Result<Vec<Option<String>>, Fault> {
    row.columns()
        .iter()
        .map(|column| {
            let value = row.try_get_raw(column.ordinal()).map_err(|error| Fault::value(column.name(), "?", &error.to_string()))?;
            if value.is_null() {
                return Ok(None);
            }
            // Each value has a type of its own here, whatever the column declares.
            let info = value.type_info().into_owned();
            let fault = |why: String| Fault::value(column.name(), info.name(), &why);
            let fail = |error: sqlx::error::BoxDynError| fault(error.to_string());
            Ok(Some(match info.name() {
                "INTEGER" => <i64 as Decode<Driver>>::decode(value).map_err(fail)?.to_string(),
                "REAL" => format!("{:?}", <f64 as Decode<Driver>>::decode(value).map_err(fail)?),
                "TEXT" => <String as Decode<Driver>>::decode(value).map_err(fail)?,
                "BLOB" => hex(<&[u8] as Decode<Driver>>::decode(value).map_err(fail)?),
                _ => return Err(fault("a type that we do not know".to_owned())),
            }))
        })
        .collect()
}
