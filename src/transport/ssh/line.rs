//! A line: the chain of logged-in sessions that leads to a target, made hop by hop on a thread that may block.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ssh2::{DisconnectCode, MethodType, Session};

use super::fault::{self, code, number};
use super::identity::Expectation;
use super::known::HostKey;
use super::login;
use super::pump::Pump;
use super::route::Hop;
use super::socket::{Cutter, Phase, Socket, left};
use crate::model::{Message, Untrusted};
use crate::transport::{FailureKind, TransportError};

/// Longest first message of a server that is shown when it speaks something else.
const SAID_BYTES: usize = 120;

/// A logged-in line to a target.
pub(super) struct Line {
    /// The sessions from here to the target.
    links: Vec<Link>,
    /// What was learnt on the way.
    pub(super) greeting: Vec<(&'static str, String)>,
}

/// One session of a line.
struct Link {
    session: Session,
    socket: Socket,
    /// Carries this session's socket through the one before.
    pump: Option<Pump>,
}

/// Connects and logs in to each hop in turn; each may take `limit`. The first is tried at `addresses`, in order.
pub(super) fn connect(hops: &[Hop], addresses: &[SocketAddr], limit: Duration, cutter: &Cutter) -> Result<Line, TransportError> {
    let mut line = Line { links: Vec::new(), greeting: Vec::new() };
    for hop in hops {
        let deadline = Instant::now() + limit;
        let making = Making { hop, limit, deadline, cutter };
        let made = match line.links.last() {
            None => making.dial(addresses).map(|(socket, address)| (socket, None, address.to_string())),
            Some(before) => making.through(before).map(|(socket, pump)| (socket, Some(pump), hop.place())),
        };
        let made = made.and_then(|(socket, pump, address)| {
            cutter.watch(&socket).map_err(|error| fault::our_side(format!("cannot keep a handle on the connection: {error}")))?;
            let session = making.session(&socket, pump.is_some(), &mut line.greeting, address)?;
            line.links.push(Link { session, socket, pump });
            Ok(())
        });
        if let Err(error) = made {
            // Cut from outside, everything fails in some way of its own; the reason is the limit.
            return Err(if cutter.is_cut() { fault::timed_out(&cutter.phase(), limit) } else { error });
        }
    }
    Ok(line)
}

impl Line {
    /// The session with the target, and the socket beneath it.
    pub(super) fn last(&self) -> Option<(&Session, &Socket)> {
        self.links.last().map(|link| (&link.session, &link.socket))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // From the target back to us: each session still has the ones before it to say goodbye through.
        while let Some(Link { session, socket, pump }) = self.links.pop() {
            session.set_blocking(false);
            let _ = session.disconnect(Some(DisconnectCode::ByApplication), "done", None);
            socket.shut(Shutdown::Both);
            // Freeing must not give up halfway; on a socket that is shut nothing makes it wait.
            session.set_blocking(true);
            session.set_timeout(500);
            drop(session);
            drop(pump);
        }
    }
}

/// One hop in the making.
struct Making<'a> {
    hop: &'a Hop,
    limit: Duration,
    deadline: Instant,
    cutter: &'a Cutter,
}

impl Making<'_> {
    fn phase(&self, waits_for: &'static str) -> Phase {
        self.cutter.enter(&self.hop.place(), waits_for);
        self.cutter.phase()
    }

    fn dial(&self, addresses: &[SocketAddr]) -> Result<(Socket, SocketAddr), TransportError> {
        let phase = self.phase("the connection");
        let mut last = None;
        for (at, address) in addresses.iter().enumerate() {
            // Addresses that do not answer must not use up the time of those that would.
            let share = left(self.deadline) / u32::try_from(addresses.len() - at).unwrap_or(1);
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                Ok(stream) => {
                    // Small packets go at once; where that cannot be set, they go later.
                    let _ = stream.set_nodelay(true);
                    return Ok((Socket::Tcp(stream), *address));
                }
                Err(error) => last = Some((address, error)),
            }
        }
        Err(match last {
            Some((_, error)) if error.kind() == io::ErrorKind::TimedOut => fault::timed_out(&phase, self.limit),
            Some((address, error)) => refused(address.to_string(), &error.to_string()),
            None => TransportError::new(FailureKind::NoSuchName, Message::NoSuchName { name: self.hop.host.clone() }),
        })
    }

    /// A connection to this hop through the session before it.
    fn through(&self, before: &Link) -> Result<(Socket, Pump), TransportError> {
        let phase = self.phase("the jump host to connect");
        before.session.set_blocking(true);
        before.session.set_timeout(millis(left(self.deadline)));
        let channel = before.session.channel_direct_tcpip(&self.hop.host, self.hop.port, None).map_err(|error| match number(&error) {
            code::CHANNEL_FAILURE => refused(self.hop.place(), &format!("says the jump host: {}", error.message())),
            _ => fault::of(&error, &before.session, &phase, self.limit),
        })?;
        let joined = UnixStream::pair().and_then(|(ours, pumps)| {
            let pump = Pump::joined(before.session.clone(), before.socket.try_clone()?, channel, Socket::Unix(pumps))?;
            Ok((Socket::Unix(ours), pump))
        });
        joined.map_err(|error| fault::our_side(format!("cannot start carrying bytes through the jump host: {error}")))
    }

    /// Shakes hands, checks who it is, and logs in.
    fn session(
        &self,
        socket: &Socket,
        is_jumped: bool,
        greeting: &mut Vec<(&'static str, String)>,
        address: String,
    ) -> Result<Session, TransportError> {
        let phase = self.phase("its banner");
        let said = socket.peek(left(self.deadline)).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => fault::timed_out(&phase, self.limit),
            _ => fault::cut_off(&format!("{} while waiting for its banner: {error}", phase.place)),
        })?;
        if said.is_empty() {
            return Err(fault::cut_off(&format!("{} hung up before saying anything", phase.place)));
        }
        let phase = self.phase("the handshake");
        let expectation = Expectation::of(self.hop)?;
        let mut session = Session::new().map_err(|error| fault::our_side(format!("cannot start a session: {}", error.message())))?;
        let stream = socket.try_clone().map_err(|error| fault::our_side(format!("cannot hand over the connection: {error}")))?;
        session.set_tcp_stream(stream);
        session.set_timeout(millis(left(self.deadline)));
        session
            .method_pref(MethodType::HostKey, &expectation.algorithms())
            .map_err(|error| fault::our_side(format!("no type of host key is left to ask for: {}", error.message())))?;
        session.handshake().map_err(|error| {
            let fault = fault::of(&error, &session, &phase, self.limit);
            if said.starts_with(b"SSH-") { fault } else { not_ssh(&phase, &said, fault) }
        })?;
        let shown = session.host_key().and_then(|(blob, _)| HostKey::new(blob.to_vec()));
        let shown = shown.ok_or_else(|| fault::protocol(&format!("{} showed no host key", phase.place)))?;
        expectation.check(self.hop, &shown)?;
        if is_jumped {
            greeting.push(("via", greeting.iter().rfind(|(name, _)| *name == "address").map_or_else(String::new, |(_, at)| at.clone())));
        }
        greeting.retain(|(name, _)| *name == "via");
        greeting.push(("address", address));
        greeting.push(("host_key", format!("{} {}", shown.kind(), shown.fingerprint())));
        greeting.push(("server", session.banner_bytes().map(|banner| Untrusted::from_bytes(banner).visible()).unwrap_or_default()));
        greeting.push(("user", self.hop.user.clone()));
        login::log_in(&session, self.hop, &self.phase("the login"), self.limit, self.deadline)?;
        Ok(session)
    }
}

fn refused(place: String, detail: &str) -> TransportError {
    TransportError::new(FailureKind::Refused, Message::Refused { place, detail: Untrusted::new(detail) })
}

/// What speaks there is no SSH server; its own first words say more than any error.
fn not_ssh(phase: &Phase, said: &[u8], fault: TransportError) -> TransportError {
    let said = Untrusted::from_bytes(&said[..said.len().min(SAID_BYTES)]);
    match fault.kind {
        FailureKind::TimedOut => fault,
        _ => fault::protocol(&format!("{} speaks no SSH; it said: {}", phase.place, said.raw())),
    }
}

fn millis(limit: Duration) -> u32 {
    u32::try_from(limit.as_millis()).unwrap_or(u32::MAX)
}
