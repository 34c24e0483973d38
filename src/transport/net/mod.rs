//! Questions put from our side: HTTP, TLS, TCP, DNS, ping. There is no session to open: each question stands alone.
//!
//! A refusal is an answer here, for the connection is what was asked about. Only what fails on our side (a missing
//! program, an unreadable file, a secret that cannot be had) is a failed capture.

use std::time::Duration;

use chrono::Utc;
use futures_util::StreamExt as _;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Answer, Asked, Lines};
use crate::model::probe::{Ask, FailKind, NetAsk};
use crate::model::{Capture, Ended};

mod dns;
mod http;
mod mask;
mod ping;
mod tcp;
mod template;
mod tls;
mod trust;

/// Questions under way at one time; more would measure our own machine rather than the others.
const AT_ONCE: usize = 8;

/// Carries every question and sends each capture as soon as it ends. Returns when all have ended.
///
/// On `cancel` it returns at once, after the cleaning-up steps of conversations, which have a few seconds;
/// questions that had not ended give no capture.
pub async fn ask(lines: &Lines, asked: Vec<Asked>, answers: &mpsc::Sender<Answer>, cancel: &CancellationToken) {
    let deadline = Instant::now() + lines.session_limit;
    futures_util::stream::iter(asked)
        .for_each_concurrent(AT_ONCE, |asked| async move {
            if let Some(answer) = carry(lines, asked, deadline, cancel).await {
                // Nobody left to listen is not our failure: the run is over for them.
                let _ = answers.send(answer).await;
            }
        })
        .await;
}

/// The capture of one question; `None` when cancelled.
async fn carry(lines: &Lines, asked: Asked, deadline: Instant, cancel: &CancellationToken) -> Option<Answer> {
    if cancel.is_cancelled() {
        return None;
    }
    let (at, began) = (Utc::now(), Instant::now());
    let probe = asked.probe.name.into_owned();
    let capture =
        |ended| Capture { probe, variant: None, at, took_ms: millis(began.elapsed()), ended, out: Vec::new(), err: Vec::new(), cut: false };
    if began >= deadline {
        // The session's limit decides what is still begun. It never shortens a question's own limit: silence within
        // what is left of ours would be put down to the target.
        return Some((asked.id, capture(Ended::TimedOut { limit_ms: millis(lines.session_limit) })));
    }
    let limit = asked.limit;
    let outcome = match &asked.probe.ask {
        // A conversation cleans up after itself, also when it is cancelled: it looks at `cancel` itself.
        Ask::Net(NetAsk::Http(ask)) => http::converse(lines, ask, limit, cancel).await,
        Ask::Net(other) => tokio::select! {
            outcome = single(lines, other, limit) => outcome,
            () = cancel.cancelled() => return None,
        },
        _ => Err(OurSide::new("this question is not for the network")),
    };
    if cancel.is_cancelled() {
        return None;
    }
    let capture = match outcome {
        Ok(Outcome { status, out, err }) => Capture { out, err, ..capture(Ended::Exit { status }) },
        Err(OurSide(detail)) => capture(Ended::Failed { kind: FailKind::OurSide, detail: detail.into() }),
    };
    Some((asked.id, capture))
}

async fn single(lines: &Lines, ask: &NetAsk, limit: Duration) -> Result<Outcome, OurSide> {
    let limit = match ask {
        NetAsk::Ping { .. } => limit,
        _ => limit.min(lines.connect_limit),
    };
    match ask {
        NetAsk::Tls { host, port, server_name, ca } => {
            tls::look(host, *port, server_name.as_deref(), ca.as_deref(), limit).await.map(|answer| Outcome::json(&answer))
        }
        NetAsk::Tcp { host, port } => tcp::knock(host, *port, limit).await.map(|answer| Outcome::json(&answer)),
        NetAsk::Dns { name, record, server } => {
            dns::resolve(name, record, server.as_deref(), limit).await.map(|answer| Outcome::json(&answer))
        }
        NetAsk::Ping { host, count } => ping::echo(host, *count, limit, lines.cap_bytes).await,
        NetAsk::Http(_) => Err(OurSide::new("a conversation is carried by itself")),
    }
}

/// An answer on its way into a capture.
struct Outcome {
    status: i32,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Outcome {
    fn json(answer: &impl Serialize) -> Self {
        let out = serde_json::to_vec(answer).expect("answers are texts and finite numbers, which are always JSON");
        Self { status: 0, out, err: Vec::new() }
    }
}

/// A failure on our side, in words.
#[derive(Debug, PartialEq, Eq)]
struct OurSide(String);

impl OurSide {
    fn new(detail: impl Into<String>) -> Self {
        Self(detail.into())
    }
}

/// Whole milliseconds.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds with a fraction.
fn fine_millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
