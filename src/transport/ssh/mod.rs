//! Hosts over SSH, by libssh2 on threads that may block.
//!
//! `route` finds the way (inventory, then OpenSSH's configuration), `line` makes it hop by hop (`identity` checks each
//! host's key, `login` logs in, `pump` carries a hop through the one before), `exec` carries the script, `tunnel` lends a
//! line to a database driver.
//!
//! A session takes about 100 KiB, and one thread while it works, one more for each jump; idle ones keep a socket only. At
//! most [`SESSIONS`] exist at a time, whatever a run asks for; more wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::carried::{Carried, SHELL};
use super::{Answer, Asked, FailureKind, Lines, Session, TransportError};
use crate::model::{Message, Target};

mod config;
mod exec;
mod fault;
mod identity;
mod known;
mod line;
mod login;
mod pattern;
mod pump;
mod route;
mod socket;
pub mod tunnel;

pub use tunnel::{Far, Near, Tunnel, tunnel};

/// Most sessions at a time; each may need a blocking thread, of which the runtime has 512.
pub const SESSIONS: usize = 256;

/// How long a thread may take to notice that its connection was cut.
const NOTICE: Duration = Duration::from_secs(2);

static SLOTS: std::sync::LazyLock<Arc<Semaphore>> = std::sync::LazyLock::new(|| Arc::new(Semaphore::new(SESSIONS)));

/// A session with a host.
struct Ssh {
    held: Option<Held>,
    lines: Arc<Lines>,
    target: Arc<Target>,
    place: String,
    greeting: Vec<(&'static str, String)>,
}

/// A line and the slot that it takes up: both go back together, wherever they are dropped.
struct Held {
    line: line::Line,
    _slot: OwnedSemaphorePermit,
}

/// Connects and logs in to `target`: each hop may take `lines.connect_limit`, all its phases together.
///
/// # Errors
/// When the way, the identity, the login or a setting of ours fails; see [`FailureKind`].
pub async fn open(lines: Arc<Lines>, target: Arc<Target>, cancel: CancellationToken) -> Result<Box<dyn Session>, TransportError> {
    let (held, place) = dial(&lines, &target, &cancel).await?;
    let greeting = held.line.greeting.clone();
    Ok(Box::new(Ssh { held: Some(held), lines, target, place, greeting }))
}

/// Whether the keys of `target` and of every host on the way are known or pinned, without connecting.
///
/// # Errors
/// Whose key is not, or why that cannot be told.
pub async fn knows(lines: &Lines, target: &Arc<Target>) -> Result<(), TransportError> {
    for hop in &route::plan(lines, target).await? {
        let expectation = identity::Expectation::of(hop)?;
        if let identity::Expectation::Files(known) = &expectation
            && known.keys.is_empty()
        {
            return Err(fault::identity(format!("no key of {} is known, and none is pinned", hop.place())));
        }
    }
    Ok(())
}

#[async_trait]
impl Session for Ssh {
    async fn ask(&mut self, asked: Vec<Asked>, answers: mpsc::Sender<Answer>, cancel: CancellationToken) -> Result<(), TransportError> {
        let mut carried = Carried::new(&asked, &self.target, &self.lines, SHELL)?;
        let held = self.held.take().ok_or_else(|| fault::cut_off("the line failed before"))?;
        let (lines, place) = (Arc::clone(&self.lines), self.place.clone());
        let carrying = tokio::task::spawn_blocking(move || {
            let carrying = exec::Carrying {
                line: &held.line,
                place: &place,
                answers: &answers,
                cancel: &cancel,
                connect_limit: lines.connect_limit,
                session_limit: lines.session_limit,
            };
            let ending = carrying.run(&mut carried);
            if !carried.still_running().is_empty() {
                tracing::warn!(place, pids = ?carried.still_running(), "processes of probes could not be ended");
            }
            let is_cancelled = cancel.is_cancelled() || answers.is_closed();
            match ending {
                Err(error) => (None, Err(error)),
                Ok(_) if is_cancelled => (None, Ok(())),
                Ok(ending) => (Some(held), carried.verdict(ending)),
            }
        });
        let (held, result) = carrying.await.map_err(|error| fault::our_side(format!("a thread of ours failed: {error}")))?;
        self.held = held;
        result
    }

    fn greeting(&self) -> Vec<(&'static str, String)> {
        self.greeting.clone()
    }
}

/// A line to `target`, and its place as shown to people.
async fn dial(lines: &Arc<Lines>, target: &Arc<Target>, cancel: &CancellationToken) -> Result<(Held, String), TransportError> {
    let cancelled = || TransportError::new(FailureKind::CutOff, Message::Cancelled);
    let slot = tokio::select! {
        slot = Arc::clone(&SLOTS).acquire_owned() => slot.map_err(|error| fault::our_side(error.to_string()))?,
        () = cancel.cancelled() => return Err(cancelled()),
    };
    let limit = lines.connect_limit;
    let prepare = async {
        let hops = route::plan(lines, target).await?;
        let addresses = look_up(hops.first(), limit).await?;
        Ok::<_, TransportError>((hops, addresses))
    };
    let (hops, addresses) = tokio::select! {
        prepared = prepare => prepared?,
        () = cancel.cancelled() => return Err(cancelled()),
    };
    let place = hops.last().map_or_else(|| target.place(), route::Hop::place);
    // Each hop keeps its own limit; this one is for a peer that keeps a phase from ever waiting.
    let deadline = Instant::now() + limit * u32::try_from(hops.len()).unwrap_or(u32::MAX) + Duration::from_millis(200);
    let cutter = Arc::new(socket::Cutter::default());
    let theirs = Arc::clone(&cutter);
    let mut connecting =
        tokio::task::spawn_blocking(move || line::connect(&hops, &addresses, limit, &theirs).map(|line| Held { line, _slot: slot }));
    let joined = tokio::select! {
        joined = &mut connecting => joined,
        () = sleep_until(deadline) => {
            cutter.cut();
            timeout(NOTICE, &mut connecting).await.unwrap_or_else(|_| Ok(Err(fault::timed_out(&cutter.phase(), limit))))
        }
        () = cancel.cancelled() => {
            cutter.cut();
            // The thread ends in its own time and gives its slot back itself.
            let _ = timeout(NOTICE, &mut connecting).await;
            return Err(cancelled());
        }
    };
    let held = joined.map_err(|error| fault::our_side(format!("a thread of ours failed: {error}")))??;
    Ok((held, place))
}

async fn look_up(first: Option<&route::Hop>, limit: Duration) -> Result<Vec<SocketAddr>, TransportError> {
    let Some(hop) = first else { return Ok(Vec::new()) };
    let phase = socket::Phase { place: hop.place(), waits_for: "its address" };
    match timeout(limit, tokio::net::lookup_host((hop.host.as_str(), hop.port))).await {
        Err(_) => Err(fault::timed_out(&phase, limit)),
        Ok(Err(_)) => Err(TransportError::new(FailureKind::NoSuchName, Message::NoSuchName { name: hop.host.clone() })),
        Ok(Ok(addresses)) => Ok(addresses.collect()),
    }
}
