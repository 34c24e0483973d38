//! A gauge between a database driver and its server: every byte of a connection passes through it and is counted.
//!
//! The drivers buffer whatever length a server announces and have no limit of their own. The relay dials, so that a
//! failure to connect has its own words; hands the driver a Unix socket in a folder that only we may enter; and cuts
//! the line when the server has sent more than was allowed, so that a babbling server cannot use up our memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::Reach;
use crate::model::Message;
use crate::transport::dial::{DialError, DialFailure, dial};
use crate::transport::{FailureKind, TransportError};

/// What a server may send until it has let us in.
const GREETING_BYTES: i64 = 1 << 20;

/// How long the driver may take to come for its socket; it does at once.
const ACCEPT_LIMIT: Duration = Duration::from_secs(5);

/// A connection on its way through the gauge; dropping it cuts the line.
#[derive(Debug)]
pub(super) struct Relay {
    folder: PathBuf,
    gauge: Arc<Gauge>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Gauge {
    allowed: AtomicI64,
    is_over: AtomicBool,
}

impl Relay {
    /// Connects to `reach` within `limit` and listens for the driver at `folder()/name`.
    ///
    /// # Errors
    /// When nobody answers there, or no socket can be made here.
    pub(super) async fn open(reach: &Reach, name: &str, limit: Duration) -> Result<Self, TransportError> {
        let server = connect(reach, limit).await?;
        let here = |error: std::io::Error| {
            TransportError::new(FailureKind::OurSide, Message::OurSide { detail: format!("cannot make a private socket: {error}") })
        };
        let folder = std::env::temp_dir().join(format!("rounds-{}", Uuid::now_v7().simple()));
        tokio::fs::DirBuilder::new().mode(0o700).create(&folder).await.map_err(here)?;
        let listener = match UnixListener::bind(folder.join(name)) {
            Ok(listener) => listener,
            Err(error) => {
                remove(&folder);
                return Err(here(error));
            }
        };
        let gauge = Arc::new(Gauge { allowed: AtomicI64::new(GREETING_BYTES), is_over: AtomicBool::new(false) });
        let task = tokio::spawn(carry(server, listener, folder.clone(), Arc::clone(&gauge)));
        Ok(Self { folder, gauge, _task: AbortOnDropHandle::new(task) })
    }

    /// The folder of the socket.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets the server send `bytes` from now on.
    pub(super) fn allow(&self, bytes: usize) {
        self.gauge.allowed.store(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Whether the line was cut because the server sent more than was allowed.
    pub(super) fn is_over(&self) -> bool {
        self.gauge.is_over.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        remove(&self.folder);
    }
}

/// Takes the socket's folder away; it is gone already where the driver has come.
fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

async fn connect(reach: &Reach, limit: Duration) -> Result<Box<dyn Line>, TransportError> {
    let place = reach.to_string();
    match reach {
        Reach::Tcp { host, port } => match dial(host, *port, limit).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(refusal(error, host, place, limit)),
        },
        Reach::Socket(path) | Reach::File(path) => match tokio::time::timeout(limit, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(refusal(DialError::from_io(&error), &place, place.clone(), limit)),
            Err(_) => Err(refusal(DialError { kind: DialFailure::TimedOut, detail: String::new() }, &place, place.clone(), limit)),
        },
    }
}

fn refusal(error: DialError, host: &str, place: String, limit: Duration) -> TransportError {
    let detail = error.detail.into();
    match error.kind {
        DialFailure::Refused | DialFailure::Unreachable => TransportError::new(FailureKind::Refused, Message::Refused { place, detail }),
        DialFailure::TimedOut => {
            TransportError::new(FailureKind::TimedOut, Message::ConnectTimedOut { place, limit_s: limit.as_secs_f64() })
        }
        DialFailure::NoSuchName => TransportError::new(FailureKind::NoSuchName, Message::NoSuchName { name: host.to_owned() }),
        DialFailure::OurSide => {
            TransportError::new(FailureKind::OurSide, Message::OurSide { detail: format!("{place}: {}", detail.visible()) })
        }
    }
}

async fn carry(server: Box<dyn Line>, listener: UnixListener, folder: PathBuf, gauge: Arc<Gauge>) {
    let accepted = tokio::time::timeout(ACCEPT_LIMIT, listener.accept()).await;
    drop(listener);
    remove(&folder);
    let Ok(Ok((driver, _))) = accepted else { return };
    let (mut from_server, mut to_server) = tokio::io::split(server);
    let (mut from_driver, mut to_driver) = driver.into_split();
    tokio::select! {
        // Either side hanging up ends the connection: the protocols of databases know no half of one.
        _ = tokio::io::copy(&mut from_driver, &mut to_server) => { let _ = to_server.shutdown().await; }
        () = pour(&mut from_server, &mut to_driver, &gauge) => {}
    }
}

async fn pour(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin), gauge: &Gauge) {
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let count_signed = i64::try_from(count).unwrap_or(i64::MAX);
        if gauge.allowed.fetch_sub(count_signed, Ordering::Relaxed) < count_signed {
            gauge.is_over.store(true, Ordering::Relaxed);
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_babbles_is_cut_off_and_the_socket_is_gone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let babble = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
        });
        let reach = Reach::Tcp { host: "127.0.0.1".into(), port };
        let relay = Relay::open(&reach, "s", Duration::from_secs(5)).await.unwrap();
        let mut driver = UnixStream::connect(relay.folder().join("s")).await.unwrap();
        let mut got = Vec::new();
        driver.read_to_end(&mut got).await.unwrap();
        assert!(relay.is_over());
        assert!(i64::try_from(got.len()).unwrap() <= GREETING_BYTES);
        assert!(!relay.folder().exists());
        babble.await.unwrap();
    }
}
