//! What the exit status of a command says.

use std::process::ExitCode;

use crate::model::{Outcome, RunRecord, RunState};

/// What the exit status says; the worst that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Nothing to report.
    Fine = 0,
    /// A warning or something critical that no waiver covers.
    Problems = 1,
    /// None of these, but something could not be judged.
    Unjudged = 2,
    /// Bad input, usage included.
    BadInput = 3,
    /// A failure of ours, or of the machine we run on; also a result that could not be recorded.
    Internal = 4,
}

impl Exit {
    /// What a run says.
    #[must_use]
    pub fn of(run: &RunRecord) -> Self {
        if !run.tally().balances() || run.state == RunState::Lost {
            return Self::Internal;
        }
        if run.items.iter().any(|item| item.outcome.is_problem() && !item.is_waived()) {
            return Self::Problems;
        }
        let unjudged = |outcome: Outcome| outcome.is_unjudged() || outcome == Outcome::Skipped && run.items.len() == 1;
        if run.items.is_empty() || run.state != RunState::Done || run.items.iter().any(|item| unjudged(item.outcome) && !item.is_waived()) {
            return Self::Unjudged;
        }
        Self::Fine
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
