//! Transports: how probes reach a target and captures come back. One session per target and attempt.
//!
//! `open` logs in; `Session::ask` carries all the probes of a target at once and hands back each capture as it ends.
//! Nothing here knows a check, and nothing here judges.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::model::{Capture, Message, Probe, Target};

mod carried;
mod dial;
mod frames;
mod kept;
pub mod local;
#[cfg(test)]
mod local_tests;
pub mod net;
mod open;
mod scan;
pub mod script;
pub mod sql;

pub use open::open;
pub mod ssh;

/// One probe to carry.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Handed back with the capture.
    pub id: usize,
    /// The question.
    pub probe: Probe,
    /// How long it may take on its own.
    pub limit: Duration,
}

/// What ended: the `id` of the [`Asked`] and what came of it. A probe asked `twice` gives two.
pub type Answer = (usize, Capture);

/// What all sessions of a run share.
#[derive(Clone, Debug)]
pub struct Lines {
    /// Host targets by id, for jump hosts and `via`.
    pub targets: Arc<HashMap<String, Arc<Target>>>,
    /// Files of known host keys, in order; the user's and the system's unless set.
    pub known_hosts: Vec<PathBuf>,
    /// OpenSSH configuration that is honoured for host, user, port, key and jump; `None` for none.
    pub ssh_config: Option<PathBuf>,
    /// How long connecting and logging in may take, each hop.
    pub connect_limit: Duration,
    /// How long a whole session may take, all its probes together; the target ends its part itself after that.
    pub session_limit: Duration,
    /// How many bytes of an answer are kept: half from its head, half from its tail.
    pub cap_bytes: usize,
}

/// A logged-in session with one target.
#[async_trait]
pub trait Session: Send {
    /// Carries every probe and sends each capture as soon as it ends. Returns when all have ended.
    ///
    /// On `cancel` it ends what runs on the target, within 5 s, and returns; probes that had not ended give no capture.
    ///
    /// # Errors
    /// When the line fails: captures sent before stay valid, the rest has none.
    async fn ask(&mut self, asked: Vec<Asked>, answers: mpsc::Sender<Answer>, cancel: CancellationToken) -> Result<(), TransportError>;

    /// What was learnt while logging in, for the capture of `reachable`: address, host key, server version.
    fn greeting(&self) -> Vec<(&'static str, String)>;
}

/// Why there is no session, or no longer one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", message.text(crate::model::Lang::En))]
pub struct TransportError {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The failure in words.
    pub message: Message,
    /// Id of the host on the way at which it failed, where that is known and is not the target itself.
    pub hop: Option<String>,
}

/// Kinds of failure of a line, for deciding on a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// Nobody listens, or a firewall says no.
    Refused,
    /// No answer to connecting or logging in.
    TimedOut,
    /// The name does not resolve.
    NoSuchName,
    /// Not who we know, or nobody told us who it is.
    Identity,
    /// It did not let us in.
    LoginRefused,
    /// The line was cut.
    CutOff,
    /// It speaks another protocol, or none that we share.
    Protocol,
    /// A secret, key or program of ours is missing, or a setting of ours is wrong.
    OurSide,
}

impl FailureKind {
    /// Whether trying again may help. Identity and logging in never are tried again.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(self, Self::Refused | Self::TimedOut | Self::CutOff)
    }
}

impl TransportError {
    /// A failure of this kind, in words.
    #[must_use]
    pub const fn new(kind: FailureKind, message: Message) -> Self {
        Self { kind, message, hop: None }
    }

    /// The failure of the host `hop` on the way.
    #[must_use]
    pub fn at(self, hop: impl Into<String>) -> Self {
        Self { hop: Some(hop.into()), ..self }
    }
}
