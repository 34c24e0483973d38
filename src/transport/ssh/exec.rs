//! Carries one script over a session: sends it, drains both streams alternately, ends it when told to.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use ssh2::{BlockDirections, Channel, Session};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::fault::{self, code, number};
use super::line::Line;
use super::socket::{Phase, Socket, left, wait};
use crate::model::probe::quote;
use crate::transport::carried::{Carried, Ending, SLACK};
use crate::transport::frames::Stream;
use crate::transport::script::end_by_force;
use crate::transport::{Answer, TransportError};

/// Works with every login shell, csh and fish included.
const COMMAND: &str = "exec /bin/sh -s";

/// How many bytes are read at once.
const CHUNK: usize = 32 * 1024;

/// How often the cancelling of a run is looked at.
const TURN: Duration = Duration::from_millis(50);

/// How long a script that was told to end may take before it is ended by force.
const END_LIMIT: Duration = Duration::from_millis(3300);

/// How long ending by force may take.
const FORCE_LIMIT: Duration = Duration::from_millis(1200);

/// One carrying of a script.
pub(super) struct Carrying<'a> {
    /// The line it goes over.
    pub(super) line: &'a Line,
    /// Where the line leads, as shown to people.
    pub(super) place: &'a str,
    /// Where captures go.
    pub(super) answers: &'a mpsc::Sender<Answer>,
    /// The order to stop.
    pub(super) cancel: &'a CancellationToken,
    /// How long opening the channel may take.
    pub(super) connect_limit: Duration,
    /// How long the script may take.
    pub(super) session_limit: Duration,
}

impl Carrying<'_> {
    /// Carries the script to its end. Errors mean that the line is of no more use.
    pub(super) fn run(&self, carried: &mut Carried) -> Result<Ending, TransportError> {
        let Some((session, socket)) = self.line.last() else { return Err(fault::cut_off("the line has no session")) };
        session.set_blocking(false);
        let ready = std::mem::take(&mut carried.refused);
        if !self.hand_over(ready) {
            return Ok(Ending::Cancelled);
        }
        let mut channel = self.open(session, socket, COMMAND)?;
        let text = std::mem::take(&mut carried.text);
        let mut sent = 0;
        let mut chunk = vec![0; CHUNK];
        let deadline = Instant::now() + self.session_limit + SLACK;
        let mut give_up_at: Option<Instant> = None;
        let mut eof_pending = false;
        loop {
            let mut moved = false;
            if sent < text.len() && give_up_at.is_none() {
                let size = self.tolerate(channel.write(&text[sent..]))?;
                sent += size;
                moved |= size > 0;
            }
            if eof_pending {
                eof_pending = matches!(channel.send_eof(), Err(error) if number(&error) == code::EAGAIN);
            }
            for stream in [Stream::Out, Stream::Err] {
                let size = self.tolerate(channel.stream(i32::from(stream == Stream::Err)).read(&mut chunk))?;
                if size > 0 {
                    moved = true;
                    let ready = carried.take(stream, &chunk[..size])?;
                    if give_up_at.is_none() && !self.hand_over(ready) {
                        (give_up_at, eof_pending) = (Some(Instant::now() + END_LIMIT), true);
                    }
                }
            }
            if carried.is_finished() {
                return Ok(Ending::Over);
            }
            if !moved && channel.eof() {
                return Ok(Ending::Over);
            }
            if give_up_at.is_none() && self.is_cancelled() {
                // The end of its input is the order to stop.
                (give_up_at, eof_pending) = (Some(Instant::now() + END_LIMIT), true);
            }
            if give_up_at.unwrap_or(deadline) <= Instant::now() {
                self.end_by_force(session, socket, carried);
                return Ok(if give_up_at.is_some() { Ending::Cancelled } else { Ending::OutOfTime });
            }
            if !moved {
                self.rest(session, socket, TURN)?;
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled() || self.answers.is_closed()
    }

    /// Sends captures on; `false` when nobody wants them any more.
    fn hand_over(&self, ready: Vec<Answer>) -> bool {
        for mut answer in ready {
            loop {
                match self.answers.try_send(answer) {
                    Ok(()) => break,
                    Err(mpsc::error::TrySendError::Closed(_)) => return false,
                    Err(mpsc::error::TrySendError::Full(back)) => answer = back,
                }
                if self.is_cancelled() {
                    return false;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        true
    }

    fn open(&self, session: &Session, socket: &Socket, command: &str) -> Result<Channel, TransportError> {
        let deadline = Instant::now() + self.connect_limit;
        let mut channel = self.retry(session, socket, deadline, || session.channel_session())?;
        self.retry(session, socket, deadline, || channel.exec(command))?;
        Ok(channel)
    }

    fn retry<T>(
        &self,
        session: &Session,
        socket: &Socket,
        deadline: Instant,
        mut ask: impl FnMut() -> Result<T, ssh2::Error>,
    ) -> Result<T, TransportError> {
        loop {
            match ask() {
                Ok(value) => return Ok(value),
                Err(error) if number(&error) == code::EAGAIN && Instant::now() < deadline => {
                    self.rest(session, socket, left(deadline).min(TURN))?;
                }
                Err(error) => {
                    let phase = Phase { place: self.place.to_owned(), waits_for: "a channel" };
                    return Err(fault::of(&error, session, &phase, self.connect_limit));
                }
            }
        }
    }

    fn rest(&self, session: &Session, socket: &Socket, limit: Duration) -> Result<(), TransportError> {
        let flags = match session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::None | BlockDirections::Inbound => PollFlags::IN,
        };
        wait(&[(socket.as_fd(), flags)], limit).map(drop).map_err(|error| fault::cut_off(&format!("{}: {error}", self.place)))
    }

    /// Nothing yet is no failure.
    fn tolerate(&self, result: std::io::Result<usize>) -> Result<usize, TransportError> {
        match result {
            Ok(size) => Ok(size),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            Err(error) => Err(fault::cut_off(&format!("{}: {error}", self.place))),
        }
    }

    /// Kills the script and what runs beneath it, over a channel of its own. What even that does not reach is named.
    fn end_by_force(&self, session: &Session, socket: &Socket, carried: &Carried) {
        let Some(hello) = carried.hello() else { return };
        let pid = hello.pid;
        tracing::warn!(place = self.place, shell.pid = pid, "the script did not end when told to: ending it by force");
        let command = format!("exec /bin/sh -c {}", quote(&end_by_force(pid)));
        let deadline = Instant::now() + FORCE_LIMIT;
        let said = self.open(session, socket, &command).and_then(|mut channel| {
            let mut said = Vec::new();
            let mut chunk = [0; 64];
            while !channel.eof() && Instant::now() < deadline && said.len() < 64 {
                match self.tolerate(channel.read(&mut chunk))? {
                    0 => self.rest(session, socket, left(deadline).min(TURN))?,
                    size => said.extend_from_slice(&chunk[..size]),
                }
            }
            Ok(said)
        });
        if !said.is_ok_and(|said| said.starts_with(b"gone")) {
            tracing::error!(place = self.place, shell.pid = pid, "could not make sure that the script has ended");
        }
    }
}
