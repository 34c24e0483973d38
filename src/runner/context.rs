//! What all visits of a run share: lines, the past, the clock, and what stops them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::past::Past;
use crate::model::Message;
use crate::transport::Lines;

/// How often a login may be refused before it is not used again in the run: a locked account helps nobody.
const REFUSALS: u32 = 2;

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
    stop: CancellationToken,
    stopped_by: OnceLock<Message>,
    refusals: Mutex<HashMap<String, u32>>,
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
            stop: CancellationToken::new(),
            stopped_by: OnceLock::new(),
            refusals: Mutex::default(),
            jumps: Mutex::default(),
        }
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

    /// Whether `login` was refused so often that it is not used again.
    pub(super) fn is_withheld(&self, login: &str) -> bool {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).get(login).is_some_and(|count| *count >= REFUSALS)
    }

    /// Notes that `login` was refused.
    pub(super) fn note_refusal(&self, login: &str) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(login.to_owned()).or_default() += 1;
    }

    /// The turnstile of a jump host.
    pub(super) fn jump(&self, id: &str, at_once: usize) -> Arc<Semaphore> {
        let mut jumps = self.jumps.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(jumps.entry(id.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(at_once))))
    }
}
