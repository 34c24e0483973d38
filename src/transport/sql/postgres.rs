//! PostgreSQL. Everything goes by the simple protocol, in which the server writes each value as text.
//!
//! A pooler such as `PgBouncer` may hand the server's session to another client as soon as our transaction ends. So
//! nothing of ours outlives it: settings are local to it, and the number of the backend, by which a statement is
//! cancelled, is asked anew in each. A setting of the session would make other clients' sessions read-only.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
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
use super::{Access, FailureKind, TransportError};
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
    /// The backend that carries the transaction; 0 before the first.
    backend: i32,
    /// Whether the transaction has a prepared statement.
    is_prepared: bool,
    is_answering: bool,
}

impl Postgres {
    /// Logs in to `database`, the target's own, or `postgres`.
    pub(super) async fn login(access: &Arc<Access>, database: Option<&str>) -> Result<Self, TransportError> {
        let database = database.unwrap_or(access.database()).to_owned();
        let (mut connection, relay) = connect(access, &database).await?;
        let known = introduce(&mut connection, access).await.map_err(|error| fault::login(&error, access))?;
        let (Some(version), Some(banner)) = (known.first().and_then(|version| version.parse::<u32>().ok()), known.get(1)) else {
            return Err(TransportError::new(FailureKind::Protocol, Message::Protocol { detail: known.join(", ").into() }));
        };
        let identity = Identity { dialect: Dialect::Postgres, version: version / 100, banner: banner.clone() };
        let access = Arc::clone(access);
        Ok(Self { access, database, connection, relay, identity, backend: 0, is_prepared: false, is_answering: false })
    }

    async fn pour(&mut self, statement: &Statement, limit: Duration, gather: &mut Gather) -> Result<(), Fault> {
        self.begin(limit).await?;
        let mut text = statement.text.clone();
        if !statement.values.is_empty() {
            let types: Vec<&str> = statement.values.iter().map(type_of).collect();
            self.execute(format!("PREPARE rounds_ask({}) AS {text}", types.join(", "))).await?;
            self.is_prepared = true;
            let values = statement.values.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
            text = format!("EXECUTE rounds_ask({})", values.join(", "));
        }
        let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch(&mut self.connection);
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

    /// Begins a transaction that can only read, with limits of its own.
    async fn begin(&mut self, limit: Duration) -> Result<(), Fault> {
        let limit_ms = server_limit(limit).as_millis();
        // An open transaction of a run that vanished must not hold back the server's clean-up.
        let idle_ms = self.access.session_limit.as_millis();
        let zone =
            self.access.target.timezone.as_ref().map_or_else(String::new, |zone| format!("SET LOCAL TIME ZONE {};", text_literal(zone)));
        // The query at the end pins the transaction: after it, no SET TRANSACTION can make it write.
        let text = format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {limit_ms}; SET LOCAL idle_in_transaction_session_timeout = {idle_ms}; \
             SET LOCAL client_min_messages = error; {zone} \
             SELECT pg_backend_pid()"
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(&mut self.connection).await.map_err(|error| Fault::from_driver(&error))?;
        let backend = rows.first().map(values_of).transpose()?.and_then(|values| values.into_iter().next()?);
        let backend = backend.and_then(|backend| backend.parse().ok());
        self.backend = backend.ok_or_else(|| Fault::Lost { detail: "the server does not say which backend answers".to_owned() })?;
        Ok(())
    }

    /// Ends the transaction. The two go in one message, which a pooler sends to one session.
    async fn end(&mut self) -> Result<(), Fault> {
        let text = if std::mem::take(&mut self.is_prepared) { "ROLLBACK; DEALLOCATE rounds_ask" } else { "ROLLBACK" };
        self.execute(text.to_owned()).await
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
            self.end().await?;
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
        let row = sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(&mut connection).await.map_err(|error| error.to_string())?;
        match values_of(&row).as_deref() {
            Ok([Some(yes)]) if yes == "t" => Ok(()),
            _ => Err(format!("the server did not cancel its backend {}", self.backend)),
        }
    }
}

async fn connect(access: &Access, database: &str) -> Result<(PgConnection, Relay), TransportError> {
    let relay = Relay::open(&access.reach, &format!(".s.PGSQL.{PORT}"), access.connect_limit).await?;
    let password = access.password.as_ref().map_or("", |password| password.expose_secret());
    let mode = match access.target.tls {
        _ if access.is_local() => PgSslMode::Disable,
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

/// Asks who the server is: version and banner.
async fn introduce(connection: &mut PgConnection, access: &Access) -> Result<Vec<String>, sqlx::Error> {
    let limit_ms = access.connect_limit.as_millis();
    let text = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {limit_ms}; SELECT current_setting('server_version_num'), version(); ROLLBACK"
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(connection).await?;
    let silent = || sqlx::Error::Protocol("the server does not say who it is".to_owned());
    let values = values_of(rows.first().ok_or_else(silent)?).map_err(|_| silent())?;
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
            // Writing into a String cannot fail.
            c if c.is_ascii() => drop(write!(literal, "\\x{:02x}", u32::from(c))),
            c => drop(write!(literal, "\\U{:08x}", u32::from(c))),
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
