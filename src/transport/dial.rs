//! Connecting over TCP: every address of a name in turn, one limit for all, and a failure that says what kind it is.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DialError {
    /// What kind of failure.
    pub(crate) kind: DialFailure,
    /// The failure in the words of the system.
    pub(crate) detail: String,
}

/// Kinds of failure to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DialFailure {
    /// Nobody listens, or a firewall says no.
    Refused,
    /// No answer.
    TimedOut,
    /// The name does not resolve.
    NoSuchName,
    /// There is no way to that network or host.
    Unreachable,
    /// We ran out of something, or may not connect.
    OurSide,
}

/// Connects to `host` (a name or an address, IPv6 with or without brackets) within `limit`.
///
/// # Errors
/// When no address of it answers; the failure of the last address tried is the one reported.
pub(crate) async fn dial(host: &str, port: u16, limit: Duration) -> Result<TcpStream, DialError> {
    let deadline = Instant::now() + limit;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let addresses: Vec<SocketAddr> = match timeout_at(deadline, lookup_host((host, port))).await {
        Err(_) => return Err(DialError::timed_out("resolving the name", limit)),
        Ok(Err(error)) => return Err(DialError { kind: DialFailure::NoSuchName, detail: error.to_string() }),
        Ok(Ok(addresses)) => addresses.collect(),
    };
    let mut last = DialError { kind: DialFailure::NoSuchName, detail: "the name has no address".to_owned() };
    for (tried, address) in addresses.iter().enumerate() {
        // One silent address must not use up the time of the others.
        let left = addresses.len() - tried;
        let share = deadline.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
        match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Err(_) => last = DialError::timed_out("connecting", limit),
            Ok(Err(error)) => last = DialError::from_io(&error),
            Ok(Ok(stream)) => {
                // Small questions must not wait for more; where it cannot be set they merely take longer.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
        }
    }
    Err(last)
}

impl DialError {
    fn timed_out(doing: &str, limit: Duration) -> Self {
        Self { kind: DialFailure::TimedOut, detail: format!("{doing} took longer than {} ms", limit.as_millis()) }
    }

    /// The failure behind an error of the system.
    pub(crate) fn from_io(error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::NotFound => DialFailure::Refused,
            io::ErrorKind::TimedOut => DialFailure::TimedOut,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
                DialFailure::Unreachable
            }
            _ => DialFailure::OurSide,
        };
        Self { kind, detail: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_port_without_a_listener_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        dial("[127.0.0.1]", port, LIMIT).await.unwrap();
        drop(listener);
        assert_eq!(dial("127.0.0.1", port, LIMIT).await.unwrap_err().kind, DialFailure::Refused);
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_said_to() {
        assert_eq!(dial("nosuch.invalid", 1, LIMIT).await.unwrap_err().kind, DialFailure::NoSuchName);
    }
}
