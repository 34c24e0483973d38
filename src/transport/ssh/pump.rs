//! Carries bytes between local sockets and channels of one session: beneath a jump, and for tunnels.
//!
//! One thread serves all channels of its session, because a session belongs to one thread at a time.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::PollFlags;
use ssh2::{BlockDirections, Channel, Session};

use super::fault::{code, number};
use super::socket::{Socket, wait};

/// How many bytes wait in each direction of each connection.
const ROOM: usize = 64 * 1024;

/// Most connections through one tunnel at a time.
const MOST: usize = 8;

/// How often a pump looks up without being woken.
const TURN: Duration = Duration::from_millis(500);

/// A running pump; dropping it ends its connections and waits for its thread.
#[derive(Debug)]
pub(super) struct Pump {
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    socket: Socket,
}

/// Where local connections come from.
#[derive(Debug)]
pub(super) enum Door {
    /// A loopback port.
    Tcp(TcpListener),
    /// A socket in the file system.
    Unix(UnixListener),
}

/// Where tunnelled connections lead to, as seen from the far host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Far {
    /// A host and port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(String),
}

impl Pump {
    /// Carries one connection: `local` to `channel`.
    pub(super) fn joined(session: Session, socket: Socket, channel: Channel, local: Socket) -> io::Result<Self> {
        local.set_nonblocking()?;
        Self::start(session, socket, None, vec![Link::new(channel, local)])
    }

    /// Carries whatever comes in by `door`, each connection on a channel of its own.
    pub(super) fn listening(session: Session, socket: Socket, door: Door, far: Far) -> io::Result<Self> {
        match &door {
            Door::Tcp(listener) => listener.set_nonblocking(true)?,
            Door::Unix(listener) => listener.set_nonblocking(true)?,
        }
        Self::start(session, socket, Some((door, far)), Vec::new())
    }

    fn start(session: Session, socket: Socket, door: Option<(Door, Far)>, links: Vec<Link>) -> io::Result<Self> {
        session.set_blocking(false);
        let stop = Arc::new(AtomicBool::new(false));
        let mut run = Run { session, socket: socket.try_clone()?, door, opening: None, links, stop: Arc::clone(&stop) };
        let thread = std::thread::Builder::new().name("ssh-pump".to_owned()).spawn(move || run.all())?;
        Ok(Self { thread: Some(thread), stop, socket })
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.socket.shut(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            // It has nothing left to wait for; a panic there has no one to be told.
            let _ = thread.join();
        }
    }
}

struct Run {
    session: Session,
    socket: Socket,
    door: Option<(Door, Far)>,
    /// A connection whose channel is being opened.
    opening: Option<Socket>,
    links: Vec<Link>,
    stop: Arc<AtomicBool>,
}

struct Link {
    channel: Channel,
    local: Socket,
    outgoing: VecDeque<u8>,
    incoming: VecDeque<u8>,
    ours: Ours,
    far_ended: bool,
    is_over: bool,
}

/// How far our side of a connection has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ours {
    /// More may come.
    Open,
    /// Nothing more comes; the far side has not been told.
    Ended,
    /// The far side has been told.
    Told,
}

impl Run {
    fn all(&mut self) {
        while !self.stop.load(Ordering::SeqCst) && (self.door.is_some() || !self.links.is_empty()) {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => {
                    if self.rest().is_err() {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        // Whoever waits at a local end learns that nothing more comes.
        self.links.iter().for_each(|link| link.local.shut(Shutdown::Both));
        self.socket.shut(Shutdown::Both);
    }

    /// Moves what can be moved; whether anything was.
    fn turn(&mut self) -> io::Result<bool> {
        let mut moved = self.admit()?;
        for link in &mut self.links {
            moved |= link.turn()?;
        }
        self.links.retain(|link| !link.is_over);
        Ok(moved)
    }

    /// Lets in the next connection and opens its channel.
    fn admit(&mut self) -> io::Result<bool> {
        let Some((door, far)) = &self.door else { return Ok(false) };
        if self.opening.is_none() && self.links.len() < MOST {
            self.opening = match door {
                Door::Tcp(listener) => ready(listener.accept())?.map(|(stream, _)| Socket::Tcp(stream)),
                Door::Unix(listener) => ready(listener.accept())?.map(|(stream, _)| Socket::Unix(stream)),
            };
        }
        let Some(local) = self.opening.take() else { return Ok(false) };
        let opened = match far {
            Far::Tcp(host, port) => self.session.channel_direct_tcpip(host, *port, None),
            Far::Unix(path) => self.session.channel_direct_streamlocal(path, None),
        };
        match opened {
            Ok(channel) => {
                local.set_nonblocking()?;
                self.links.push(Link::new(channel, local));
                Ok(true)
            }
            Err(error) if number(&error) == code::EAGAIN => {
                self.opening = Some(local);
                Ok(false)
            }
            Err(error) if code::CUT.contains(&number(&error)) => Err(io::ErrorKind::ConnectionReset.into()),
            Err(error) => {
                tracing::warn!(detail = error.message(), "the far host opens no connection for the tunnel");
                local.shut(Shutdown::Both);
                Ok(true)
            }
        }
    }

    /// Waits until something can be moved again.
    fn rest(&self) -> io::Result<()> {
        let mut sockets: Vec<(BorrowedFd<'_>, PollFlags)> = Vec::new();
        // Only while somebody reads what comes: else its being readable would keep us awake for nothing.
        if self.opening.is_some() || self.links.iter().any(|link| link.incoming.len() < ROOM || !link.outgoing.is_empty()) {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, matches!(self.session.block_directions(), BlockDirections::Outbound | BlockDirections::Both));
            sockets.push((self.socket.as_fd(), flags));
        }
        if self.opening.is_none() && self.links.len() < MOST {
            match &self.door {
                Some((Door::Tcp(listener), _)) => sockets.push((listener.as_fd(), PollFlags::IN)),
                Some((Door::Unix(listener), _)) => sockets.push((listener.as_fd(), PollFlags::IN)),
                None => {}
            }
        }
        for link in &self.links {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, link.ours == Ours::Open && link.outgoing.len() < ROOM);
            flags.set(PollFlags::OUT, !link.incoming.is_empty());
            if !flags.is_empty() {
                sockets.push((link.local.as_fd(), flags));
            }
        }
        wait(&sockets, TURN).map(drop)
    }
}

impl Link {
    const fn new(channel: Channel, local: Socket) -> Self {
        Self { channel, local, outgoing: VecDeque::new(), incoming: VecDeque::new(), ours: Ours::Open, far_ended: false, is_over: false }
    }

    fn turn(&mut self) -> io::Result<bool> {
        let mut moved = false;
        let mut chunk = [0; 16 * 1024];
        if self.ours == Ours::Open && self.outgoing.len() < ROOM {
            match ready((&self.local).read(&mut chunk)) {
                Ok(None) => {}
                Ok(Some(size)) if size > 0 => {
                    self.outgoing.extend(&chunk[..size]);
                    moved = true;
                }
                // Its end, or an error that is as good as one.
                _ => {
                    self.ours = Ours::Ended;
                    moved = true;
                }
            }
        }
        if !self.outgoing.is_empty()
            && let Some(size) = ready(self.channel.write(self.outgoing.as_slices().0))?
        {
            self.outgoing.drain(..size);
            moved |= size > 0;
        }
        if self.ours == Ours::Ended && self.outgoing.is_empty() {
            match self.channel.send_eof() {
                Err(error) if number(&error) == code::EAGAIN => {}
                _ => self.ours = Ours::Told,
            }
        }
        if !self.far_ended && self.incoming.len() < ROOM {
            match ready(self.channel.read(&mut chunk))? {
                Some(0) | None => self.far_ended = self.channel.eof(),
                Some(size) => {
                    self.incoming.extend(&chunk[..size]);
                    moved = true;
                }
            }
        }
        if !self.incoming.is_empty() {
            match ready((&self.local).write(self.incoming.as_slices().0)) {
                Ok(None) => {}
                Ok(Some(size)) => {
                    self.incoming.drain(..size);
                    moved |= size > 0;
                }
                Err(_) => self.is_over = true,
            }
        }
        if self.far_ended && self.incoming.is_empty() {
            // What the far end still wanted to say has been handed on; nobody there reads on.
            self.is_over = true;
        }
        if self.is_over {
            self.local.shut(Shutdown::Both);
            let _ = self.channel.close();
        }
        Ok(moved)
    }
}

/// `None` when it would have to wait.
fn ready<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}
