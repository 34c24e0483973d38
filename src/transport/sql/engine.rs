//! What every kind of server can do for a session, and the login that picks the kind.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;

use super::fault::Fault;
use super::gather::Gather;
use super::mysql::Mysql;
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::statement::Statement;
use super::{Access, FailureKind, TransportError};
use crate::model::probe::Dialect;
use crate::model::{Kind, Message};

/// Who a server says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its dialect.
    pub(super) dialect: Dialect,
    /// Its version, as [`Dialect`] counts them.
    pub(super) version: u32,
    /// Its own words.
    pub(super) banner: String,
}

/// One connection to a server.
#[async_trait]
pub(super) trait Engine: Send {
    /// Who the server is.
    fn identity(&self) -> &Identity;

    /// Asks one statement in a read-only transaction of its own, which the server ends before `limit`.
    /// Stops as soon as the answer is cut.
    async fn read(&mut self, statement: &Statement, limit: Duration, gather: &mut Gather) -> Result<(), Fault>;

    /// Whether an answer is under way: such a connection can only be stopped and dropped.
    fn is_answering(&self) -> bool;

    /// Whether the line was cut because the server sent more than it was allowed.
    fn is_over(&self) -> bool;

    /// Ends what runs on the server, from outside: a server does not notice that nobody listens any more.
    async fn stop(&mut self) -> Result<(), String>;
}

/// Logs in to `database`, or the target's own, within the limit for connecting.
pub(super) async fn login(access: &Arc<Access>, database: Option<&str>) -> Result<Box<dyn Engine>, TransportError> {
    let opening = async {
        Ok(match access.target.kind {
            Kind::Postgres => Box::new(Postgres::login(access, database).await?) as Box<dyn Engine>,
            Kind::Mysql => Box::new(Mysql::login(access).await?),
            Kind::Sqlite => Box::new(Sqlite::open(access).await?),
            kind => return Err(TransportError::new(FailureKind::OurSide, Message::NoTransport { kind: kind.id().to_owned() })),
        })
    };
    match tokio::time::timeout(access.connect_limit, unpanicking(opening)).await {
        Ok(Some(opened)) => opened,
        Ok(None) => Err(TransportError::new(FailureKind::Protocol, Message::Protocol { detail: GARBLED.into() })),
        Err(_) => {
            let (place, limit_s) = (access.place(), access.connect_limit.as_secs_f64());
            Err(TransportError::new(FailureKind::TimedOut, Message::ConnectTimedOut { place, limit_s }))
        }
    }
}

/// What is said where a driver gave up on an answer.
pub(super) const GARBLED: &str = "the driver cannot read what the server sent";

/// `work`, or `None` where it panicked: the drivers index into what a server sends without looking first.
pub(super) async fn unpanicking<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

/// The limit on the server: a tenth below ours, so that its own words come through.
pub(super) fn server_limit(limit: Duration) -> Duration {
    (limit * 9 / 10).max(Duration::from_millis(1))
}

/// The first whole number of `text`, times 100, plus the second: the way in which dialects count versions.
pub(super) fn version_of(text: &str) -> Option<u32> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).map(str::parse::<u32>);
    let major = numbers.next()?.ok()?;
    let minor = numbers.next()?.ok()?;
    major.checked_mul(100)?.checked_add(minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_counted_in_hundreds() {
        assert_eq!(version_of("10.11.19-MariaDB-0+deb12u1"), Some(1011));
        assert_eq!(version_of("8.0.36"), Some(800));
        assert_eq!(version_of("nonsense"), None);
        assert_eq!(version_of("99999999999.1"), None);
    }

    #[tokio::test]
    async fn a_panic_of_a_driver_stays_with_its_connection() {
        assert_eq!(unpanicking(async { [1][usize::from(std::env::args().count() > 0)] }).await, None);
    }
}
