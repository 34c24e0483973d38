//! Outcomes: how an item of a run ended. Exactly one each, and none of them a default.

use serde::{Deserialize, Serialize};

use super::text::Text;

/// What judging a row or an item says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Judged, and no rule was met.
    Ok,
    /// Worth knowing; nothing to put right.
    Info,
    /// A `warn` rule was met.
    Warn,
    /// A `crit` rule was met.
    Crit,
}

/// How an item ended: a verdict, or why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Judged, and no rule was met.
    Ok,
    /// Worth knowing; nothing to put right.
    Info,
    /// A `warn` rule was met.
    Warn,
    /// A `crit` rule was met.
    Crit,
    /// The thing asked about is proved absent: the probe answered and lists none.
    NotApplicable,
    /// An answer came, or should have, and could not be judged.
    Error,
    /// The target could not be reached or did not let us in.
    Unreachable,
    /// The target was reached and gave no answer within the limit.
    TimedOut,
    /// Deliberately left out of this run, with the reason.
    Skipped,
    /// Never started, with the reason.
    NotRun,
}

impl Outcome {
    /// Every outcome, in the order in which tables list them.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Info,
        Self::Warn,
        Self::Crit,
        Self::NotApplicable,
        Self::Error,
        Self::Unreachable,
        Self::TimedOut,
        Self::Skipped,
        Self::NotRun,
    ];

    /// The word used in YAML, JSON, the store and on the terminal.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Crit => "crit",
            Self::NotApplicable => "not-applicable",
            Self::Error => "error",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Skipped => "skipped",
            Self::NotRun => "not-run",
        }
    }

    /// The outcome whose word is `id`.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.id() == id)
    }

    /// The word shown to a reader of a report.
    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            Self::Ok => Text::new("ok", "正常"),
            Self::Info => Text::new("info", "提示"),
            Self::Warn => Text::new("warning", "预警"),
            Self::Crit => Text::new("critical", "异常"),
            Self::NotApplicable => Text::new("not applicable", "不适用"),
            Self::Error => Text::new("could not judge", "未能判断"),
            Self::Unreachable => Text::new("unreachable", "无法连接"),
            Self::TimedOut => Text::new("timed out", "超时"),
            Self::Skipped => Text::new("skipped", "已跳过"),
            Self::NotRun => Text::new("not run", "未执行"),
        }
    }

    /// Whether the item was judged (or proved not to apply): the numerator of coverage.
    #[must_use]
    pub const fn is_judged(self) -> bool {
        matches!(self, Self::Ok | Self::Info | Self::Warn | Self::Crit | Self::NotApplicable)
    }

    /// Whether this asks for somebody's action as a problem of the target.
    #[must_use]
    pub const fn is_problem(self) -> bool {
        matches!(self, Self::Warn | Self::Crit)
    }

    /// Whether something that should have been judged could not be.
    #[must_use]
    pub const fn is_unjudged(self) -> bool {
        matches!(self, Self::Error | Self::Unreachable | Self::TimedOut | Self::NotRun)
    }

    /// How bad, for picking the worst row of an item: crit, then error, then warn.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::NotApplicable => 0,
            Self::Ok => 1,
            Self::Info => 2,
            Self::Skipped => 3,
            Self::NotRun => 4,
            Self::Warn => 5,
            Self::TimedOut => 6,
            Self::Unreachable => 7,
            Self::Error => 8,
            Self::Crit => 9,
        }
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok => Self::Ok,
            Verdict::Info => Self::Info,
            Verdict::Warn => Self::Warn,
            Verdict::Crit => Self::Crit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_found_by_its_word() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_id(outcome.id()), Some(outcome));
        }
    }

    #[test]
    fn an_item_takes_crit_before_error_before_warn() {
        let mut outcomes = [Outcome::Warn, Outcome::Crit, Outcome::Error, Outcome::Ok];
        outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.severity()));
        assert_eq!(outcomes, [Outcome::Crit, Outcome::Error, Outcome::Warn, Outcome::Ok]);
    }
}
