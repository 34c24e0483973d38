//! MySQL and MariaDB. Everything goes by the text protocol, in which the server writes each value itself.
//!
//! The session keeps the server's own time zone, so that what it writes without a zone is in one and the same.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Executor as _, MySql, Row as _, SqlSafeStr as _, Statement as _, TypeInfo as _,
    ValueRef as _,
};

use super::engine::{Engine, Identity, server_limit, version_of};
use super::fault::{self, Fault};
use super::gather::{Gather, hex};
use super::relay::Relay;
use super::statement::Statement;
use super::{Access, FailureKind, Reach, TransportError};
use crate::model::Message;
use crate::model::probe::{Bind, Dialect};
use crate::model::target::TlsMode;

/// The name of the relay's socket.
const SOCKET: &str = "mysql.sock";

/// A connection to a MySQL or MariaDB server.
pub(super) struct Mysql {
    access: Arc<Access>,
    connection: MySqlConnection,
    relay: Relay,
    identity: Identity,
    thread: u64,
    is_answering: bool,
}

impl Mysql {
    /// Logs in and finds out which of the two it is.
    pub(super) async fn login(access: &Arc<Access>) -> Result<Self, TransportError> {
        let (mut connection, relay) = connect(access).await?;
        let known = introduce(&mut connection, access).await.map_err(|error| fault::login(&error, access))?;
        let (Some(banner), Some(Ok(thread))) = (known.first(), known.get(1).map(|id| id.parse::<u64>())) else {
            return Err(TransportError::new(FailureKind::Protocol, Message::Protocol { detail: known.join(", ").into() }));
        };
        let is_mariadb = banner.to_ascii_lowercase().contains("mariadb");
        let dialect = if is_mariadb { Dialect::Mariadb } else { Dialect::Mysql };
        let version = version_of(banner)
            .ok_or_else(|| TransportError::new(FailureKind::Protocol, Message::Protocol { detail: banner.as_str().into() }))?;
        let banner = if is_mariadb { banner.clone() } else { format!("MySQL {banner}") };
        let identity = Identity { dialect, version, banner };
        Ok(Self { access: Arc::clone(access), connection, relay, identity, thread, is_answering: false })
    }

    async fn pour(&mut self, statement: &Statement, limit: Duration, gather: &mut Gather) -> Result<(), Fault> {
        let limit = server_limit(limit);
        let (seconds, lock_s) = (limit.as_secs_f64(), limit.as_secs().max(1));
        let millis = limit.as_millis();
        self.execute(match self.identity.dialect {
            Dialect::Mariadb => format!("SET SESSION max_statement_time = {seconds:.3}, lock_wait_timeout = {lock_s}"),
            // It knows a limit for SELECT from 5.7.8 on; ours ends what else takes too long.
            _ if self.identity.version >= 507 => {
                format!("SET SESSION max_execution_time = {millis}, lock_wait_timeout = {lock_s}")
            }
            _ => format!("SET SESSION lock_wait_timeout = {lock_s}"),
        })
        .await?;
        self.execute("START TRANSACTION READ ONLY".to_owned()).await?;
        self.execute("SELECT 1".to_owned()).await?;
        let mut text = statement.text.clone();
        if !statement.values.is_empty() {
            let values = statement.values.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
            let sets: Vec<String> = values.iter().enumerate().map(|(at, value)| format!("@rounds_{at} = {value}")).collect();
            self.execute(format!("SET @rounds_ask = {}, {}", text_literal(&text), sets.join(", "))).await?;
            self.execute("PREPARE rounds_ask FROM @rounds_ask".to_owned()).await?;
            let names: Vec<String> = (0..values.len()).map(|at| format!("@rounds_{at}")).collect();
            text = format!("EXECUTE rounds_ask USING {}", names.join(", "));
        }
        let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch(&mut self.connection);
        gather.pour(rows, values_of, &mut self.is_answering).await?;
        if self.is_answering {
            return Ok(());
        }
        if gather.lacks_columns() {
            match (&mut self.connection).prepare(AssertSqlSafe(statement.text.clone()).into_sql_str()).await {
                Ok(prepared) => gather.columns(prepared.columns().iter().map(sqlx::Column::name))?,
                // Some forms of SHOW cannot be prepared: then no column is known, and none is invented.
                Err(sqlx::Error::Database(error)) if cannot_be_prepared(&*error) => {}
                Err(error) => return Err(Fault::from_driver(&error)),
            }
        }
        Ok(())
    }

    async fn execute(&mut self, text: String) -> Result<(), Fault> {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.connection).await.map(drop).map_err(|error| Fault::from_driver(&error))
    }
}

#[async_trait]
impl Engine for Mysql {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn read(&mut self, statement: &Statement, limit: Duration, gather: &mut Gather) -> Result<(), Fault> {
        self.relay.allow(gather.allowance());
        let poured = self.pour(statement, limit, gather).await;
        if !self.is_answering && !matches!(poured, Err(Fault::Lost { .. })) {
            self.execute("ROLLBACK".to_owned()).await?;
        }
        poured
    }

    fn is_answering(&self) -> bool {
        self.is_answering
    }

    fn is_over(&self) -> bool {
        self.relay.is_over()
    }

    async fn stop(&mut self) -> Result<(), String> {
        let (mut connection, _relay) = connect(&self.access).await.map_err(|error| error.to_string())?;
        let text = format!("KILL QUERY {}", self.thread);
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.map(drop).map_err(|error| error.to_string())
    }
}

fn cannot_be_prepared(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| error.number() == 1295)
}

async fn connect(access: &Access) -> Result<(MySqlConnection, Relay), TransportError> {
    let relay = Relay::open(&access.reach, SOCKET, access.connect_limit).await?;
    let is_local = matches!(access.reach, Reach::Socket(_)) && access.target.socket.is_some();
    let mode = match access.target.tls {
        _ if is_local => MySqlSslMode::Disabled,
        TlsMode::Disable => MySqlSslMode::Disabled,
        TlsMode::Require => MySqlSslMode::Required,
        TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
        TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
    };
    // The driver would change what `||` and text dates mean to the statement; the server's own way is kept.
    let mut options = MySqlConnectOptions::new()
        .host(access.name())
        .socket(relay.folder().join(SOCKET))
        .username(&access.user)
        .ssl_mode(mode)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    if let Some(password) = &access.password {
        options = options.password(password.expose_secret());
    }
    if let Some(database) = &access.target.database {
        options = options.database(database);
    }
    if let Some(ca) = &access.ca {
        options = options.ssl_ca_from_pem(ca.clone());
    }
    let connection = options.connect().await.map_err(|error| fault::login(&error, access))?;
    Ok((connection, relay))
}

/// Makes the session read-only and asks who the server is: version, number of the thread.
async fn introduce(connection: &mut MySqlConnection, access: &Access) -> Result<Vec<String>, sqlx::Error> {
    sqlx::raw_sql("SET SESSION TRANSACTION READ ONLY").execute(&mut *connection).await?;
    // Where a backslash is plain we would find other ends of texts than the server does. The server gives up on a
    // session that says nothing for longer than ours may last.
    let idle_s = access.session_limit.as_secs().max(60);
    let settings = format!("SET SESSION sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', ''), wait_timeout = {idle_s}");
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut *connection).await?;
    let row = sqlx::raw_sql("SELECT VERSION(), CONNECTION_ID()").fetch_one(connection).await?;
    let values = values_of(&row).map_err(|_| sqlx::Error::Protocol("the server does not say who it is".to_owned()))?;
    Ok(values.into_iter().flatten().collect())
}

fn values_of(row: &MySqlRow) -> Result<Vec<Option<String>>, Fault> {
    row.columns()
        .iter()
        .map(|column| {
            let info = column.type_info();
            let fault = |why: String| Fault::value(column.name(), info.name(), &why);
            let value = row.try_get_raw(column.ordinal()).map_err(|error| fault(error.to_string()))?;
            if value.is_null() {
                return Ok(None);
            }
            let bytes = <&[u8] as sqlx::Decode<MySql>>::decode(value).map_err(|error| fault(error.to_string()))?;
            let is_text = <str as sqlx::Type<MySql>>::compatible(info);
            Ok(Some(match info.name() {
                "BIT" => bit(bytes).ok_or_else(|| fault("more than 64 bits".to_owned()))?.to_string(),
                "GEOMETRY" => hex(bytes),
                // A text with a binary collation goes by the same names; only bytes without a character set are bytes.
                "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" if !is_text => hex(bytes),
                _ => std::str::from_utf8(bytes).map_err(|error| fault(error.to_string()))?.to_owned(),
            }))
        })
        .collect()
}

fn bit(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn literal(value: &Bind) -> Result<String, Fault> {
    Ok(match value {
        Bind::Text(text) => text_literal(text),
        Bind::Integer(number) => number.to_string(),
        // With an exponent it is a double; without one it would be a decimal.
        Bind::Number(number) if number.is_finite() => format!("{number:e}"),
        Bind::Number(_) => return Err(Fault::other("a number that is not finite cannot be bound")),
        Bind::Boolean(yes) => u8::from(*yes).to_string(),
    })
}

/// `text` as a literal of hexadecimal digits, so that nothing can end it.
fn text_literal(text: &str) -> String {
    format!("CONVERT(x'{}' USING utf8mb4)", &hex(text.as_bytes())[2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_end_a_bound_text() {
        assert_eq!(text_literal("a'"), "CONVERT(x'6127' USING utf8mb4)");
        assert_eq!(literal(&Bind::Number(1.5)), Ok("1.5e0".to_owned()));
    }

    #[test]
    fn bits_are_a_number() {
        assert_eq!(bit(&[1, 0]), Some(256));
        assert_eq!(bit(&[0; 9]), None);
    }
}
