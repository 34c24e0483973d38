//! Opens the session that a target's kind asks for.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Answer, Asked, FailureKind, Lines, Session, TransportError, local, sql};
use crate::model::{Kind, Message, Target};

/// Logs in to `target`: a shell over SSH or here, or a database, through its jump hosts where it has some.
///
/// # Errors
/// Why there is no session. Web endpoints have none; asking for one is a fault of ours.
pub async fn open(lines: Arc<Lines>, target: Arc<Target>, cancel: CancellationToken) -> Result<Box<dyn Session>, TransportError> {
    match target.kind {
        Kind::Host if target.is_local() => local::open(lines, target),
        Kind::Sqlite => {
            let reach = sql::reach(&target);
            sql::open(lines, target, reach, cancel).await
        }
        Kind::Postgres | Kind::Mysql if target.via.is_empty() => {
            let reach = sql::reach(&target);
            sql::open(lines, target, reach, cancel).await
        }
        _ => {
            let detail = format!("a {} target has no session", target.kind.id());
            Err(TransportError::new(FailureKind::OurSide, Message::OurSide { detail }))
        }
    }
}
