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

/// How the carrying of a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The script said its last word, or its shell ended.
    Over,
    /// The target took longer than it may.
    OutOfTime,
    /// We ended it.
    Cancelled,
}

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

    /// What the end of the line means: fine only when every probe has its capture.
    pub(super) fn verdict(self, ending: Ending) -> Result<(), TransportError> {
        match self.frames.finish() {
            Some(Finish::Done) if self.missing == 0 => Ok(()),
            Some(Finish::Limit) => Err(self.timed_out()),
            Some(_) => Err(cut_off("the script was ended on the target")),
            None if self.frames.hello().is_some() && ending == Ending::OutOfTime => Err(self.timed_out()),
            None if self.frames.hello().is_some() => Err(cut_off("the shell ended")),
            None => Err(self.never_started(ending)),
        }
    }

    /// The script never spoke: a target that says nothing at all is slow, one that says something else is no shell.
    fn never_started(self, ending: Ending) -> TransportError {
        let timed_out = self.timed_out();
        let noise = self.frames.into_noise();
        let said = noise.raw().trim();
        if said.is_empty() && ending == Ending::OutOfTime {
            return timed_out;
        }
        let said = if said.is_empty() { "nothing" } else { noise.raw() };
        let how = if ending == Ending::OutOfTime { "it did not end in time" } else { "it ended" };
        let detail = Untrusted::new(format!("{SHELL} did not start ({how}); the target said: {said}"));
        TransportError::new(FailureKind::Protocol, Message::Protocol { detail })
    }

    fn timed_out(&self) -> TransportError {
        TransportError::new(FailureKind::TimedOut, Message::TimedOut { limit_s: self.session_limit.as_secs_f64() })
    }
}

fn cut_off(detail: &str) -> TransportError {
    TransportError::new(FailureKind::CutOff, Message::CutOff { detail: Untrusted::new(detail) })
}
