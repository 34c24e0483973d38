//! Databases over sqlx: one login per target, one statement a probe, each in a read-only transaction with a time
//! limit on the server, every value as the text that the server writes.
//!
//! `open` takes the address as a [`Reach`], so that a caller can put a tunnel in between; [`reach`] is the direct way.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::{FailureKind, Lines, Session, TransportError};
use crate::model::target::TlsMode;
use crate::model::{Kind, Message, Target};
use crate::secret;

mod carry;
mod engine;
mod fault;
mod gather;
mod lexer;
mod mysql;
mod postgres;
mod relay;
mod session;
mod sqlite;
pub mod statement;

/// Where to connect to: the target itself, or our end of a tunnel to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Host name or address, and port.
    Tcp {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A Unix socket.
    Socket(PathBuf),
    /// A file of SQLite.
    File(PathBuf),
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) | Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Where `target` is reached directly: its file, its socket, or its address with the usual port of its kind.
#[must_use]
pub fn reach(target: &Target) -> Reach {
    let usual = if target.kind == Kind::Mysql { 3306 } else { 5432 };
    let port = target.port.unwrap_or(usual);
    if target.kind == Kind::Sqlite {
        return Reach::File(target.path.clone().unwrap_or_default());
    }
    match &target.socket {
        // PostgreSQL names its sockets by the folder they are in.
        Some(folder) if target.kind == Kind::Postgres && folder.is_dir() => Reach::Socket(folder.join(format!(".s.PGSQL.{port}"))),
        Some(socket) => Reach::Socket(socket.clone()),
        None => Reach::Tcp { host: target.address.clone().unwrap_or_else(|| target.id.clone()), port },
    }
}

/// Logs in to the database `target`, found at `reach`, within the limit of `lines`.
///
/// # Errors
/// When nobody answers, it is not who we know, it does not let us in, or a secret of ours is missing.
pub async fn open(
    lines: Arc<Lines>,
    target: Arc<Target>,
    reach: Reach,
    cancel: CancellationToken,
) -> Result<Box<dyn Session>, TransportError> {
    let opening = async {
        let access = Arc::new(Access::of(&lines, target, reach).await?);
        let engine = engine::login(&access, None).await?;
        Ok(Box::new(session::SqlSession::new(access, engine)) as Box<dyn Session>)
    };
    tokio::select! {
        opened = opening => opened,
        () = cancel.cancelled() => Err(TransportError::new(FailureKind::OurSide, Message::Cancelled)),
    }
}

/// All that a login needs; the password is fetched once and never shown.
struct Access {
    target: Arc<Target>,
    reach: Reach,
    user: String,
    password: Option<SecretString>,
    /// The target's own authorities, as PEM.
    ca: Option<Vec<u8>>,
    connect_limit: Duration,
    session_limit: Duration,
    cap_bytes: usize,
}

impl Access {
    /// The database of PostgreSQL that the session is in.
    fn database(&self) -> &str {
        self.target.database.as_deref().unwrap_or("postgres")
    }

    async fn of(lines: &Lines, target: Arc<Target>, reach: Reach) -> Result<Self, TransportError> {
        let ours = |detail: String| TransportError::new(FailureKind::OurSide, Message::OurSide { detail });
        let login = target.login.as_deref();
        let password = match login.and_then(|login| login.password.as_ref()) {
            Some(reference) => Some(secret::resolve(reference).await.map_err(|error| ours(format!("the password: {error}")))?),
            None => None,
        };
        let ca = match &target.ca {
            Some(path) => Some(tokio::fs::read(path).await.map_err(|error| ours(format!("cannot read {}: {error}", path.display())))?),
            None => None,
        };
        let user = login.and_then(|login| login.user.clone()).or_else(|| std::env::var("USER").ok());
        let user = match user {
            Some(user) => user,
            None if target.kind == Kind::Sqlite => String::new(),
            None => return Err(ours(format!("the target {} has no login with a user", target.id))),
        };
        let (connect_limit, session_limit) = (lines.connect_limit, lines.session_limit);
        Ok(Self { target, reach, user, password, ca, connect_limit, session_limit, cap_bytes: lines.cap_bytes })
    }

    fn place(&self) -> String {
        self.target.place()
    }

    /// Whether it is a Unix socket of this machine, on which there is nobody in between.
    fn is_local(&self) -> bool {
        matches!(self.reach, Reach::Socket(_)) && self.target.socket.is_some()
    }

    /// How the line is secured, for the capture of `reachable`.
    fn tls_word(&self) -> &'static str {
        match self.target.tls {
            _ if self.is_local() => "not wanted on a local socket",
            TlsMode::Disable => "disabled",
            TlsMode::Require => "required, nothing verified",
            TlsMode::VerifyCa => "authority verified",
            TlsMode::VerifyFull => "authority and name verified",
        }
    }

    /// The name that a certificate must bear; the address we dial is another when a tunnel is in between.
    fn name(&self) -> &str {
        match (&self.target.address, &self.reach) {
            (Some(address), _) => address,
            (None, Reach::Tcp { host, .. }) => host,
            (None, _) => "localhost",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direct_way_is_the_socket_the_file_or_the_address_with_the_usual_port() {
        let mut target = Target::new("erp", Kind::Mysql);
        assert_eq!(reach(&target).to_string(), "erp:3306");
        target.address = Some("fd00::1".into());
        target.port = Some(3307);
        assert_eq!(reach(&target).to_string(), "[fd00::1]:3307");
        target.socket = Some("/run/mysqld/mysqld.sock".into());
        assert_eq!(reach(&target), Reach::Socket("/run/mysqld/mysqld.sock".into()));
        let folder = Target { socket: Some("/".into()), ..Target::new("pg", Kind::Postgres) };
        assert_eq!(reach(&folder), Reach::Socket("/.s.PGSQL.5432".into()));
    }
}
