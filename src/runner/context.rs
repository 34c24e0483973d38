//! What all visits of a run share: lines, the past, the clock, and what stops them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::logins::Logins;
use super::past::Past;
use crate::model::{Message, Target};
use crate::transport::Lines;

/// What all visits of a run share.
pub struct Context {
    /// How targets are reached.
    pub lines: Arc<Lines>,
    /// Earlier runs.
    pub past: Arc<dyn Past>,
    /// The time, for windows and captures.
    pub now: fn() -> DateTime<Utc>,
    /// Waits between the attempts to reach a target; their number is the number of retries.
    pub retry_after: Vec<Duration>,
    pub(super) logins: Logins,
    stop: CancellationToken,
    stopped_by: OnceLock<Message>,
    jumps: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Context {
    /// A context with the usual two retries.
    #[must_use]
    pub fn new(lines: Arc<Lines>, past: Arc<dyn Past>) -> Self {
        Self {
            lines,
            past,
            now: Utc::now,
            retry_after: vec![Duration::from_secs(1), Duration::from_secs(3)],
            logins: Logins::default(),
            stop: CancellationToken::new(),
            stopped_by: OnceLock::new(),
            jumps: Mutex::default(),
        }
    }

    /// The time as it is kept: a verdict must not rest on more than can be read back.
    pub(super) fn moment(&self) -> DateTime<Utc> {
        (self.now)().trunc_subsecs(3)
    }

    /// Ends everything when a person cancels, or the run has taken `limit`.
    pub(super) fn stop_by(self: &Arc<Self>, cancel: &CancellationToken, limit: Duration, at_limit: Message) -> JoinHandle<()> {
        let (context, cancel) = (Arc::clone(self), cancel.clone());
        tokio::spawn(async move {
            let reason = tokio::select! {
                () = cancel.cancelled() => Message::Cancelled,
                () = tokio::time::sleep(limit) => at_limit,
            };
            // The first reason is the one that counts.
            let _ = context.stopped_by.set(reason);
            context.stop.cancel();
        })
    }

    /// Whether the run was ended before its time: by a person, or by its limit.
    #[must_use]
    pub fn was_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Cancelled when the run is to end.
    pub(super) const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Why the run is to end, once it is.
    pub(super) fn stopped_by(&self) -> Option<Message> {
        self.stop.is_cancelled().then(|| self.stopped_by.get().cloned().unwrap_or(Message::Cancelled))
    }

    /// A place at each jump host on the way to `target`, to be kept for as long as the session lasts. Nobody waits for one
    /// once the run is to end: then nothing is asked any more.
    pub(super) async fn jump_turns(&self, target: &Target, at_once: usize) -> Vec<OwnedSemaphorePermit> {
        // Each once and in the order of their names, so that no two visits wait for each other.
        let jumps: BTreeSet<&String> = target.via.iter().collect();
        let mut turns = Vec::with_capacity(jumps.len());
        for jump in jumps {
            turns.extend(self.turn(self.jump(jump, at_once)).await);
        }
        turns
    }

    /// A permit of `semaphore`, or none once the run is to end.
    pub(super) async fn turn(&self, semaphore: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            // A semaphore of ours is never closed.
            permit = semaphore.acquire_owned() => permit.ok(),
            () = self.stop.cancelled() => None,
        }
    }

    fn jump(&self, id: &str, at_once: usize) -> Arc<Semaphore> {
        let mut jumps = self.jumps.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(jumps.entry(id.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(at_once.max(1)))))
    }
}
