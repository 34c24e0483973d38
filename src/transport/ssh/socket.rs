//! The socket beneath a session: to the network, or one end of a pair that a jump host's session feeds.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::RecvFlags;

/// A stream socket.
#[derive(Debug)]
pub(super) enum Socket {
    /// To the network.
    Tcp(TcpStream),
    /// To a pump of ours, or from a driver of ours.
    Unix(UnixStream),
}

impl Socket {
    /// A second handle on the same socket.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone()?),
            Self::Unix(stream) => Self::Unix(stream.try_clone()?),
        })
    }

    /// Ends it for all its handles: whoever waits on it wakes up.
    pub(super) fn shut(&self, how: Shutdown) {
        // Already closed by the other side is as good.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }

    pub(super) fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(true),
            Self::Unix(stream) => stream.set_nonblocking(true),
        }
    }

    /// What has come first, left where it is. Empty when the other side hung up.
    pub(super) fn peek(&self, limit: Duration) -> io::Result<Vec<u8>> {
        if !wait(&[(self.as_fd(), PollFlags::IN)], limit)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut bytes = vec![0; 256];
        let (size, _) = rustix::net::recv(self.as_fd(), &mut bytes[..], RecvFlags::PEEK)?;
        bytes.truncate(size);
        Ok(bytes)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl io::Read for &Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match *self {
            Socket::Tcp(stream) => (&*stream).read(bytes),
            Socket::Unix(stream) => (&*stream).read(bytes),
        }
    }
}

impl io::Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match *self {
            Socket::Tcp(stream) => (&*stream).write(bytes),
            Socket::Unix(stream) => (&*stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until one of `sockets` is ready for what is asked of it; `false` when none is within `limit`.
pub(super) fn wait(sockets: &[(BorrowedFd<'_>, PollFlags)], limit: Duration) -> io::Result<bool> {
    let mut polled: Vec<_> = sockets.iter().map(|(socket, flags)| PollFd::from_borrowed_fd(*socket, *flags)).collect();
    let limit = Timespec { tv_sec: limit.as_secs().min(3600).cast_signed(), tv_nsec: limit.subsec_nanos().into() };
    match poll(&mut polled, Some(&limit)) {
        Ok(ready) => Ok(ready > 0),
        // A signal: the caller looks at its clock and comes again.
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Ends a connection that is being made, from another thread, and knows how far it had come.
#[derive(Debug, Default)]
pub(super) struct Cutter {
    sockets: Mutex<Vec<Socket>>,
    phase: Mutex<Phase>,
    cut: AtomicBool,
}

/// What a connection waits for.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase {
    /// Where, as shown to people.
    pub(super) place: String,
    /// For what.
    pub(super) waits_for: &'static str,
}

impl Cutter {
    /// Has `socket` ended by [`Self::cut`].
    pub(super) fn watch(&self, socket: &Socket) -> io::Result<()> {
        let socket = socket.try_clone()?;
        let mut sockets = lock(&self.sockets);
        if self.is_cut() {
            socket.shut(Shutdown::Both);
        }
        sockets.push(socket);
        Ok(())
    }

    /// Ends all that is watched and all that will be.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        lock(&self.sockets).iter().for_each(|socket| socket.shut(Shutdown::Both));
    }

    /// Whether it has been ended.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// Notes what is waited for.
    pub(super) fn enter(&self, place: &str, waits_for: &'static str) {
        *lock(&self.phase) = Phase { place: place.to_owned(), waits_for };
    }

    /// What is waited for.
    pub(super) fn phase(&self) -> Phase {
        lock(&self.phase).clone()
    }
}

/// A thread that panicked leaves a list or a word behind that is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is left until `deadline`; never zero, which would mean no limit at all.
pub(super) fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
