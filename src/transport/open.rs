//! Opens the session that a target's kind asks for.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Answer, Asked, FailureKind, Lines, Session, TransportError, local, sql, ssh};
use crate::model::{Kind, Message, Target};

/// Logs in to `target`: a shell over SSH or here, or a database, through its jump hosts where it has some.
///
/// # Errors
/// Why there is no session. Web endpoints have none; asking for one is a fault of ours.
pub async fn open(lines: Arc<Lines>, target: Arc<Target>, cancel: CancellationToken) -> Result<Box<dyn Session>, TransportError> {
    match target.kind {
        Kind::Host if target.is_local() => local::open(lines, target),
        Kind::Host => ssh::open(lines, target, cancel).await,
        Kind::Sqlite => {
            let reach = sql::reach(&target);
            sql::open(lines, target, reach, cancel).await
        }
        Kind::Postgres | Kind::Mysql if target.via.is_empty() => {
            let reach = sql::reach(&target);
            sql::open(lines, target, reach, cancel).await
        }
        Kind::Postgres | Kind::Mysql => through(lines, target, cancel).await,
        _ => {
            let detail = format!("a {} target has no session", target.kind.id());
            Err(TransportError::new(FailureKind::OurSide, Message::OurSide { detail }))
        }
    }
}

/// A session with a database, and the tunnel that must live as long.
struct Tunnelled {
    session: Box<dyn Session>,
    _tunnel: ssh::Tunnel,
}

#[async_trait]
impl Session for Tunnelled {
    async fn ask(&mut self, asked: Vec<Asked>, answers: mpsc::Sender<Answer>, cancel: CancellationToken) -> Result<(), TransportError> {
        self.session.ask(asked, answers, cancel).await
    }

    fn greeting(&self) -> Vec<(&'static str, String)> {
        self.session.greeting()
    }
}

/// A database behind an SSH host: the last of `via` is where the tunnel ends, those before it are jumped through.
async fn through(lines: Arc<Lines>, target: Arc<Target>, cancel: CancellationToken) -> Result<Box<dyn Session>, TransportError> {
    let name = target.via.last().cloned().unwrap_or_default();
    let host = lines.targets.get(&name).ok_or_else(|| {
        TransportError::new(
            FailureKind::OurSide,
            Message::OurSide { detail: format!("`{name}`, through which `{}` is reached, is no host of the inventory", target.id) },
        )
    })?;
    let mut host = (**host).clone();
    if target.via.len() > 1 {
        host.via = target.via[..target.via.len() - 1].to_vec();
    }
    let (far, near) = match sql::reach(&target) {
        sql::Reach::Tcp { host, port } => (ssh::Far::Tcp(host, port), ssh::Near::Socket(format!(".s.PGSQL.{port}"))),
        other => {
            let detail = format!("`{}` is said to be at {other}, which cannot be reached through `{name}`: give it an address", target.id);
            return Err(TransportError::new(FailureKind::OurSide, Message::OurSide { detail }));
        }
    };
    let tunnel = ssh::tunnel(Arc::clone(&lines), Arc::new(host), far, near, cancel.clone()).await?;
    let socket = tunnel.socket().map(std::path::Path::to_owned).unwrap_or_default();
    let session = sql::open(lines, target, sql::Reach::Socket(socket), cancel).await?;
    Ok(Box::new(Tunnelled { session, _tunnel: tunnel }))
}
