//! A way for database drivers through an SSH host: connections to a local socket come out at the far side.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::pump::{Door, Pump};
use super::{Held, dial, fault};
use crate::model::Target;
use crate::transport::{Lines, TransportError};

pub use super::pump::Far;

/// What the local side of a tunnel is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Near {
    /// A Unix socket of this name in a new folder that only we can enter: nobody else on this machine can use it.
    /// PostgreSQL's drivers want the folder and a socket called `.s.PGSQL.PORT`, MySQL's the socket itself.
    Socket(String),
    /// A port on 127.0.0.1, for drivers that know nothing else. While it is open, every account of this machine can
    /// reach the far side through it; the database's own login still stands before them.
    Loopback,
}

/// An open tunnel. Dropping it ends its connections, its line and its socket.
pub struct Tunnel {
    // In the order in which they have to go.
    pump: Option<Pump>,
    held: Option<Held>,
    folder: Option<Folder>,
    near: Opened,
    place: String,
}

enum Opened {
    Socket(PathBuf),
    Port(u16),
}

/// A folder of ours that goes with the tunnel.
struct Folder(PathBuf);

/// Opens a tunnel through the host `through` to `far`, as seen from there. It carries up to eight connections at a time.
///
/// Whether anything listens at `far` shows when the driver connects: then its connection is closed at once, and the host's
/// reason is traced.
///
/// # Errors
/// When the host cannot be reached or logged in to, or no local socket can be made.
pub async fn tunnel(
    lines: Arc<Lines>,
    through: Arc<Target>,
    far: Far,
    near: Near,
    cancel: CancellationToken,
) -> Result<Tunnel, TransportError> {
    let (held, place) = dial(&lines, &through, &cancel).await?;
    let (door, folder, near) =
        make_door(near).map_err(|error| fault::our_side(format!("cannot make the local end of a tunnel: {error}")))?;
    let (session, socket) = held.line.last().ok_or_else(|| fault::cut_off("the line has no session"))?;
    let pump = socket
        .try_clone()
        .and_then(|socket| Pump::listening(session.clone(), socket, door, far))
        .map_err(|error| fault::our_side(format!("cannot start a tunnel: {error}")))?;
    Ok(Tunnel { pump: Some(pump), held: Some(held), folder, near, place })
}

impl Tunnel {
    /// The Unix socket, when it was asked for.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match &self.near {
            Opened::Socket(path) => Some(path),
            Opened::Port(_) => None,
        }
    }

    /// The port on 127.0.0.1, when it was asked for.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        match self.near {
            Opened::Port(port) => Some(port),
            Opened::Socket(_) => None,
        }
    }

    /// The host it goes through, as shown to people.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.pump = None;
        self.held = None;
        self.folder = None;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a tunnel's folder stays behind");
        }
    }
}

fn make_door(near: Near) -> std::io::Result<(Door, Option<Folder>, Opened)> {
    match near {
        Near::Loopback => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = listener.local_addr()?.port();
            Ok((Door::Tcp(listener), None, Opened::Port(port)))
        }
        Near::Socket(name) => {
            // Creating fails when it is there already, so a name that somebody guessed does no harm.
            let folder = std::env::temp_dir().join(format!("rounds-{}", uuid::Uuid::now_v7().simple()));
            std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
            let folder = Folder(folder);
            let path = folder.0.join(name);
            let listener = UnixListener::bind(&path)?;
            Ok((Door::Unix(listener), Some(folder), Opened::Socket(path)))
        }
    }
}
