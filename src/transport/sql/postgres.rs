//! PostgreSQL. Everything goes by the simple protocol, in which the server writes each value as text.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Executor as _, Row as _, SqlSafeStr as _, Statement as _, TypeInfo as _, ValueRef as _,
};

use super::engine::{Engine, Identity, server_limit};
use super::fault::{self, Fault};
use super::gather::Gather;
use super::relay::Relay;
use super::statement::Statement;
use super::{Access, FailureKind, Reach, TransportError};
use crate::model::Message;
use crate::model::probe::{Bind, Dialect};
use crate::model::target::TlsMode;

/// The port that the driver believes in: it makes the name of the relay's socket.
const PORT: u16 = 5432;

/// A connection to one database of a PostgreSQL server.
pub(super) struct Postgres {
    access: Arc<Access>,
    database: String,
    connection: PgConnection,
    relay: Relay,
    identity: Identity,
    backend: i32,
    is_answering: bool,
}

impl Postgres {
    /// Logs in to `database`, the target's own, or `postgres`.
    pub(super) async fn login(access: &Arc<Access>, database: Option<&str>) -> Result<Self, TransportError> {
        let database = database.or(access.target.database.as_deref()).unwrap_or("postgres").to_owned();
        let (mut connection, relay) = connect(access, &database).await?;
        let known = introduce(&mut connection, access).await.map_err(|error| fault::login(&error, access))?;
        let (Some(version), Some(banner), Some(Ok(backend))) =
            (known.first().and_then(|version| version.parse::<u32>().ok()), known.get(1), known.get(2).map(|pid| pid.parse::<i32>()))
        else {
            return Err(TransportError::new(FailureKind::Protocol, Message::Protocol { detail: known.join(", ").into() }));
        };
        let identity = Identity { dialect: Dialect::Postgres, version: version / 100, banner: banner.clone() };
        Ok(Self { access: Arc::clone(access), database, connection, relay, identity, backend, is_answering: false })
    }

    async fn pour(&mut self, statement: &Statement, limit: Duration, gather: &mut Gather) -> Result<(), Fault> {
        let limit_ms = server_limit(limit).as_millis();
        // The first query pins the transaction: after it, no SET TRANSACTION can make it write.
        self.execute(format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {limit_ms}; SELECT 1")).await?;
        let mut text = statement.text.clone();
        if !statement.values.is_empty() {
            let types: Vec<&str> = statement.values.iter().map(type_of).collect();
            self.execute(format!("PREPARE rounds_ask({}) AS {text}", types.join(", "))).await?;
            let values = statement.values.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
            text = format!("EXECUTE rounds_ask({})", values.join(", "));
        }
        self.is_answering = true;
        {
            let mut rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch(&mut self.connection);
            let mut is_first = true;
            loop {
                let row = match rows.try_next().await {
                    Ok(Some(row)) => row,
                    Ok(None) => break,
                    Err(error) => {
                        self.is_answering = false;
                        return Err(Fault::from_driver(&error));
                    }
                };
                if std::mem::take(&mut is_first) {
                    gather.columns(row.columns().iter().map(sqlx::Column::name))?;
                }
                if !gather.row(values_of(&row)?) {
                    return Ok(());
                }
            }
        }
        self.is_answering = false;
        if gather.lacks_columns() {
            let prepared = (&mut self.connection).prepare(AssertSqlSafe(statement.text.clone()).into_sql_str()).await;
            let prepared = prepared.map_err(|error| Fault::from_driver(&error))?;
            gather.columns(prepared.columns().iter().map(sqlx::Column::name))?;
        }
        Ok(())
    }

    async fn execute(&mut self, text: String) -> Result<(), Fault> {
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut self.connection).await.map(drop).map_err(|error| Fault::from_driver(&error))
    }
}

#[async_trait]
impl Engine for Postgres {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn read(&mut self, statement: &Statement, limit: Duration, gather: &mut Gather) -> Result<(), Fault> {
        self.relay.allow(gather.allowance());
        let poured = self.pour(statement, limit, gather).await;
        if !self.is_answering && !matches!(poured, Err(Fault::Lost { .. })) {
            self.execute("ROLLBACK; DEALLOCATE ALL".to_owned()).await?;
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
        let (mut connection, _relay) = connect(&self.access, &self.database).await.map_err(|error| error.to_string())?;
        let text = format!("SELECT pg_cancel_backend({})", self.backend);
        sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.map(drop).map_err(|error| error.to_string())
    }
}

async fn connect(access: &Access, database: &str) -> Result<(PgConnection, Relay), TransportError> {
    let relay = Relay::open(&access.reach, &format!(".s.PGSQL.{PORT}"), access.connect_limit).await?;
    let password = access.password.as_ref().map_or("", |password| password.expose_secret());
    let is_local = matches!(access.reach, Reach::Socket(_)) && access.target.socket.is_some();
    let mode = match access.target.tls {
        _ if is_local => PgSslMode::Disable,
        TlsMode::Disable => PgSslMode::Disable,
        TlsMode::Require => PgSslMode::Require,
        TlsMode::VerifyCa => PgSslMode::VerifyCa,
        TlsMode::VerifyFull => PgSslMode::VerifyFull,
    };
    // Everything is set, also to nothing, because the driver else takes it from PGPASSWORD and its like.
    let options = PgConnectOptions::new_without_pgpass()
        .host(access.name())
        .port(PORT)
        .socket(relay.folder())
        .username(&access.user)
        .password(password)
        .database(database)
        .ssl_mode(mode)
        .application_name("rounds")
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .ssl_root_cert_from_pem(access.ca.clone().unwrap_or_default())
        .disable_statement_logging();
    let connection = options.connect().await.map_err(|error| fault::login(&error, access))?;
    Ok((connection, relay))
}

/// Makes the session read-only and asks who the server is: version, banner, number of the backend.
async fn introduce(connection: &mut PgConnection, access: &Access) -> Result<Vec<String>, sqlx::Error> {
    // An open transaction of a run that vanished must not hold back the server's clean-up.
    let (idle_ms, limit_ms) = (access.session_limit.as_millis(), access.connect_limit.as_millis());
    let settings = format!(
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; SET statement_timeout = {limit_ms}; \
         SET idle_in_transaction_session_timeout = {idle_ms}"
    );
    sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut *connection).await?;
    if let Some(zone) = &access.target.timezone {
        let zone = format!("SET TIME ZONE {}", text_literal(zone));
        sqlx::raw_sql(AssertSqlSafe(zone)).execute(&mut *connection).await?;
    }
    let ask = "SELECT current_setting('server_version_num'), version(), pg_backend_pid()";
    let row = sqlx::raw_sql(ask).fetch_one(connection).await?;
    let values = values_of(&row).map_err(|_| sqlx::Error::Protocol("the server does not say who it is".to_owned()))?;
    Ok(values.into_iter().flatten().collect())
}

fn values_of(row: &PgRow) -> Result<Vec<Option<String>>, Fault> {
    row.columns()
        .iter()
        .map(|column| {
            let fault = |why: String| Fault::value(column.name(), column.type_info().name(), &why);
            let value = row.try_get_raw(column.ordinal()).map_err(|error| fault(error.to_string()))?;
            if value.is_null() {
                return Ok(None);
            }
            let text = value.as_str().map_err(|error| fault(error.to_string()))?;
            Ok(Some(text.to_owned()))
        })
        .collect()
}

/// The type that a value is declared with; the server finds out what a text is to be (a date, an address).
const fn type_of(value: &Bind) -> &'static str {
    match value {
        Bind::Text(_) => "unknown",
        Bind::Integer(_) => "bigint",
        Bind::Number(_) => "double precision",
        Bind::Boolean(_) => "boolean",
    }
}

fn literal(value: &Bind) -> Result<String, Fault> {
    Ok(match value {
        Bind::Text(text) if text.contains('\0') => return Err(Fault::other("PostgreSQL takes no text with a NUL in it")),
        Bind::Text(text) => text_literal(text),
        Bind::Integer(number) => format!("'{number}'"),
        Bind::Number(number) if number.is_finite() => format!("'{number:?}'"),
        Bind::Number(_) => return Err(Fault::other("a number that is not finite cannot be bound")),
        Bind::Boolean(yes) => yes.to_string(),
    })
}

/// `text` as a literal: whatever is not a plain letter, digit or space is a code, so that nothing can end it.
fn text_literal(text: &str) -> String {
    let mut literal = String::from("E'");
    for c in text.chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '_' | '-' | '.' | ',' | '/' => literal.push(c),
            c if u32::from(c) < 0x80 => literal.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => literal.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_end_a_bound_text() {
        assert_eq!(text_literal("S1"), "E'S1'");
        assert_eq!(text_literal("a'; drop"), "E'a\\x27\\x3b drop'");
        assert_eq!(text_literal("\\厂"), "E'\\x5c\\U00005382'");
    }
}
