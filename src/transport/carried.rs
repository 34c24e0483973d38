//! One script on its way: what was asked, what has come back, and what is left when it ends.
//!
//! Local and SSH sessions differ only in how bytes travel; what they mean is told here.

use std::time::Duration;

use super::frames::{Finish, Frames, Hello, Stream};
use super::script::{self, Terms};
use super::{Answer, Asked, FailureKind, Lines, TransportError};
use crate::model::{Message, Target, Untrusted};

/// The shell on the target.
pub(super) const SHELL: &str = "/bin/sh";

/// How long the target may take over the session's limit before we give it up.
pub(super) const SLACK: Duration = Duration::from_secs(12);

/// How long a script that was told to end may take for it.
pub(super) const END_LIMIT: Duration = Duration::from_millis(4200);

/// A script and what has come of it.
pub(super) struct Carried {
    /// What is to be sent.
    pub(super) text: Vec<u8>,
    /// Captures that need no carrying.
    pub(super) refused: Vec<Answer>,
    frames: Frames,
    session_limit: Duration,
    missing: usize,
}

impl Carried {
    /// The script for `asked` on `target`, whose shell is `shell`.
    pub(super) fn new(asked: &[Asked], target: &Target, lines: &Lines, shell: &'static str) -> Result<Self, TransportError> {
        let sudo = target.login.as_ref().is_some_and(|login| login.sudo);
        let terms = Terms { cap_bytes: lines.cap_bytes, session_limit: lines.session_limit, sudo, shell };
        let script = script::build(asked, terms)?;
        let missing = script.expected.len();
        let frames = Frames::new(&script.mark, script.expected, lines.cap_bytes);
        Ok(Self { text: script.text.into_bytes(), refused: script.refused, frames, session_limit: lines.session_limit, missing })
    }

    /// Takes in bytes and hands back the captures that they completed.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) -> Result<Vec<Answer>, TransportError> {
        let answers = self.frames.take(stream, bytes)?;
        self.missing -= answers.len().min(self.missing);
        Ok(answers)
    }

    /// What the script said of itself.
    pub(super) fn hello(&self) -> Option<Hello> {
        self.frames.hello()
    }

    /// Whether the script has said its last word.
    pub(super) fn is_finished(&self) -> bool {
        self.frames.finish().is_some()
    }

    /// Processes on the target that could not be ended.
    pub(super) fn still_running(&self) -> &[i32] {
        self.frames.still_running()
    }

    /// What the end of the line means: fine only when every probe has its capture. `ending` says how the line ended.
    pub(super) fn verdict(self, ending: &str) -> Result<(), TransportError> {
        match self.frames.finish() {
            Some(Finish::Done) if self.missing == 0 => Ok(()),
            Some(Finish::Limit) => {
                Err(TransportError::new(FailureKind::TimedOut, Message::TimedOut { limit_s: self.session_limit.as_secs_f64() }))
            }
            Some(_) => Err(cut_off("the script was ended on the target")),
            None if self.frames.hello().is_some() => Err(cut_off(ending)),
            None => {
                let noise = self.frames.into_noise();
                let said = if noise.raw().trim().is_empty() { "nothing".to_owned() } else { noise.raw().to_owned() };
                let detail = Untrusted::new(format!("{SHELL} did not start ({ending}); the target said: {said}"));
                Err(TransportError::new(FailureKind::Protocol, Message::Protocol { detail }))
            }
        }
    }
}

fn cut_off(detail: &str) -> TransportError {
    TransportError::new(FailureKind::CutOff, Message::CutOff { detail: Untrusted::new(detail) })
}
