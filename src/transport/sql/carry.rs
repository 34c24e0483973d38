//! One statement under way: its limit, its end from outside, and what becomes of its connection.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Access;
use super::engine::{Engine, GARBLED, login, server_limit, unpanicking};
use super::fault::Fault;
use super::gather::Gather;
use super::statement::Statement;
use crate::model::probe::FailKind;
use crate::model::{Capture, Ended, Message};
use crate::transport::{Answer, FailureKind, TransportError};

/// Longest that ending a statement from outside may take.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// What holds for all probes of one call.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    /// When the session's time is over.
    pub(super) deadline: Instant,
    /// Ends everything.
    pub(super) cancel: &'a CancellationToken,
}

/// A probe under way.
#[derive(Default)]
pub(super) struct Begun {
    /// Handed back with the capture.
    pub(super) id: usize,
    /// The probe's name.
    pub(super) probe: String,
    /// When it began.
    pub(super) at: DateTime<Utc>,
    /// How long it has taken so far.
    pub(super) spent: Duration,
    /// How long it may take.
    pub(super) limit: Duration,
    /// Which variant is asked, where there is a choice.
    pub(super) variant: Option<String>,
    /// What the variant needs.
    pub(super) grants: &'static [&'static str],
    /// Whether it is asked in each database.
    pub(super) each_database: bool,
    /// What is asked.
    pub(super) statement: Statement,
    /// How it ended, where it gave no answer.
    pub(super) ended: Option<Ended>,
    /// What could not be done besides.
    pub(super) note: String,
}

impl Begun {
    /// Its capture, with what was gathered where it answered.
    pub(super) fn capture(self, gather: Gather) -> Answer {
        let is_answered = self.ended.is_none();
        let cut = is_answered && gather.is_cut();
        let capture = Capture {
            probe: self.probe,
            variant: self.variant,
            at: self.at,
            took_ms: u64::try_from(self.spent.as_millis()).unwrap_or(u64::MAX),
            ended: self.ended.unwrap_or(Ended::Exit { status: 0 }),
            out: if is_answered { gather.into_json() } else { Vec::new() },
            err: self.note.into_bytes(),
            cut,
        };
        (self.id, capture)
    }
}

/// How carrying one statement went; a refusal is noted in [`Begun::ended`].
pub(super) enum Carried {
    /// It answered.
    Answered,
    /// It ended without an answer.
    Ended,
    /// The run was cancelled.
    Cancelled,
}

/// Asks the statement of `begun` over `engine`, which is logged in first where it is not.
///
/// # Errors
/// When the line fails.
pub(super) async fn carry(
    access: &Arc<Access>,
    engine: &mut Option<Box<dyn Engine>>,
    database: Option<&str>,
    begun: &mut Begun,
    gather: &mut Gather,
    ask: Asking<'_>,
) -> Result<Carried, TransportError> {
    if Instant::now() >= ask.deadline {
        begun.ended = Some(timed_out(access.session_limit));
        return Ok(Carried::Ended);
    }
    let entered = Instant::now();
    let mut line = match engine.take() {
        Some(line) => line,
        None => tokio::select! {
            opened = login(access, database) => opened?,
            () = ask.cancel.cancelled() => return Ok(Carried::Cancelled),
        },
    };
    let left = ask.deadline.saturating_duration_since(Instant::now());
    let limit = begun.limit.saturating_sub(begun.spent).min(left);
    let reading = Instant::now();
    let read = tokio::select! {
        read = unpanicking(line.read(&begun.statement, limit, gather)) => read.unwrap_or_else(|| Err(Fault::Lost { detail: GARBLED.into() })),
        () = tokio::time::sleep(limit) => Err(Fault::Stopped { detail: String::new() }),
        () = ask.cancel.cancelled() => {
            let _ = stop(&mut *line).await;
            return Ok(Carried::Cancelled);
        }
    };
    let took = reading.elapsed();
    begun.spent += entered.elapsed();
    let is_lost = matches!(read, Err(Fault::Lost { .. }));
    let is_over = is_lost && line.is_over();
    if !is_lost && (line.is_answering() || took >= limit) {
        if let Err(error) = stop(&mut *line).await {
            begun.note = format!("the statement could not be ended on the server, whose own limit will: {error}");
        }
    } else if !is_lost {
        *engine = Some(line);
    }
    let in_database = |detail: String| database.map_or_else(|| detail.clone(), |name| format!("database {name}: {detail}"));
    begun.ended = match read.map_err(|fault| fault.with_remedy(begun.grants, &access.user)) {
        Ok(()) => None,
        Err(Fault::Lost { .. }) if is_over => {
            gather.cut();
            None
        }
        Err(Fault::Lost { detail }) => return Err(TransportError::new(FailureKind::CutOff, Message::CutOff { detail: detail.into() })),
        Err(Fault::Stopped { .. }) if took >= server_limit(limit).mul_f64(0.9) => Some(timed_out(limit)),
        Err(Fault::Stopped { detail }) => Some(failed(FailKind::Other, &in_database(format!("ended by somebody else: {detail}")))),
        Err(Fault::Failed { kind, detail }) => Some(failed(kind, &in_database(detail))),
    };
    Ok(if begun.ended.is_none() { Carried::Answered } else { Carried::Ended })
}

async fn stop(line: &mut dyn Engine) -> Result<(), String> {
    match tokio::time::timeout(STOP_LIMIT, unpanicking(line.stop())).await {
        Ok(Some(stopped)) => stopped,
        Ok(None) => Err(GARBLED.to_owned()),
        Err(_) => Err(format!("no second connection within {} s", STOP_LIMIT.as_secs())),
    }
}

fn timed_out(limit: Duration) -> Ended {
    Ended::TimedOut { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
}

/// An end without an answer.
pub(super) fn failed(kind: FailKind, detail: &str) -> Ended {
    Ended::Failed { kind, detail: detail.into() }
}
