//! Grade and score of a run: a pure function of its outcomes, capped by the worst open problem and by what was not checked.

use serde::{Deserialize, Serialize};

use crate::model::run::RunState;
use crate::model::{ItemRecord, Outcome, RunRecord, Text};

/// Below this coverage nobody may be told that all is well.
pub const FULL_COVERAGE_PCT: f64 = 95.0;
/// Below this coverage more is unknown than known.
const HALF_COVERAGE_PCT: f64 = 50.0;

/// Grades, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// 优秀: 95 and more.
    Excellent,
    /// 良好: 85 and more.
    Good,
    /// 一般: 70 and more.
    Fair,
    /// 需关注: less than 70.
    NeedsAttention,
    /// Nothing was checked, or the run is not whole: there is nothing to grade.
    NotGraded,
}

/// Why a grade is not what the score alone would give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cap {
    /// A critical problem is open.
    OpenCritical,
    /// Less than 95 % of the planned items were checked.
    Coverage,
    /// Less than half of the planned items were checked.
    HalfUnknown,
    /// The plan named no item.
    NothingPlanned,
    /// No item was judged.
    NothingJudged,
    /// The run did not end, or its result could not be recorded.
    NotWhole,
}

/// Grade, score and what held them down.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// The grade.
    pub grade: Grade,
    /// 0 to 100; `None` where there is no grade.
    pub score: Option<u8>,
    /// Every cap that applies.
    pub caps: Vec<Cap>,
}

impl Grade {
    /// The word shown.
    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            Self::Excellent => Text::new("Excellent", "优秀"),
            Self::Good => Text::new("Good", "良好"),
            Self::Fair => Text::new("Fair", "一般"),
            Self::NeedsAttention => Text::new("Needs attention", "需关注"),
            Self::NotGraded => Text::new("Not graded", "未评级"),
        }
    }

    /// The tone in which it is shown.
    #[must_use]
    pub const fn tone(self) -> &'static str {
        match self {
            Self::Excellent | Self::Good => "ok",
            Self::Fair => "warn",
            Self::NeedsAttention => "crit",
            Self::NotGraded => "unknown",
        }
    }

    const fn least_score(self) -> u8 {
        match self {
            Self::Excellent => 95,
            Self::Good => 85,
            Self::Fair => 70,
            Self::NeedsAttention | Self::NotGraded => 0,
        }
    }

    /// The best score that still has this grade.
    const fn best_score(self) -> u8 {
        match self {
            Self::Excellent | Self::NotGraded => 100,
            Self::Good => 94,
            Self::Fair => 84,
            Self::NeedsAttention => 69,
        }
    }

    fn of_score(score: u8) -> Self {
        [Self::Excellent, Self::Good, Self::Fair].into_iter().find(|grade| score >= grade.least_score()).unwrap_or(Self::NeedsAttention)
    }
}

impl Cap {
    /// In words.
    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            Self::OpenCritical => Text::new("a critical problem is open", "存在未处理的异常"),
            Self::Coverage => Text::new("less than 95 % of the plan was checked", "巡检覆盖率低于 95%"),
            Self::HalfUnknown => Text::new("less than half of the plan was checked", "巡检覆盖率不足一半"),
            Self::NothingPlanned => Text::new("the plan named no item", "巡检计划为空"),
            Self::NothingJudged => Text::new("no item could be judged", "没有任何巡检项得出结论"),
            Self::NotWhole => Text::new("the run is not whole", "本次巡检不完整"),
        }
    }

    /// The best grade that it allows.
    const fn allows(self) -> Grade {
        match self {
            Self::Coverage => Grade::Fair,
            Self::OpenCritical | Self::HalfUnknown => Grade::NeedsAttention,
            Self::NothingPlanned | Self::NothingJudged | Self::NotWhole => Grade::NotGraded,
        }
    }
}

/// Grades `run`.
///
/// Each planned item that was not deliberately left out is worth one point when fine, half a point when it warns, nothing when it
/// is critical or could not be judged; the score is their share of 100, rounded down. Waived problems cost nothing: they are
/// shown apart.
#[must_use]
pub fn health(run: &RunRecord) -> Health {
    let tally = run.tally();
    let mut caps = Vec::new();
    if matches!(run.state, RunState::Running | RunState::Lost) || !tally.balances() {
        caps.push(Cap::NotWhole);
    }
    match tally.coverage_pct() {
        None => caps.push(Cap::NothingPlanned),
        Some(_) if tally.judged() == 0 => caps.push(Cap::NothingJudged),
        Some(coverage) if coverage < HALF_COVERAGE_PCT => caps.push(Cap::HalfUnknown),
        Some(coverage) if coverage < FULL_COVERAGE_PCT => caps.push(Cap::Coverage),
        Some(_) => {}
    }
    if run.items.iter().any(has_open_critical) {
        caps.push(Cap::OpenCritical);
    }
    let best = caps.iter().map(|cap| cap.allows()).max().unwrap_or(Grade::Excellent);
    if best == Grade::NotGraded {
        return Health { grade: Grade::NotGraded, score: None, caps };
    }
    let score = raw_score(run).min(best.best_score());
    Health { grade: Grade::of_score(score), score: Some(score), caps }
}

/// Whether `item` is critical, or holds a critical row, that no waiver covers.
fn has_open_critical(item: &ItemRecord) -> bool {
    let by_row = item.rows.iter().any(|row| row.outcome == Outcome::Crit && !row.is_waived());
    let by_itself = item.outcome == Outcome::Crit && !item.rows.iter().any(|row| row.outcome == Outcome::Crit);
    by_row || by_itself
}

fn raw_score(run: &RunRecord) -> u8 {
    let mut counted: u64 = 0;
    let mut half_points: u64 = 0;
    for item in &run.items {
        if item.outcome == Outcome::Skipped {
            continue;
        }
        counted += 1;
        half_points += match item.outcome {
            Outcome::Ok | Outcome::Info | Outcome::NotApplicable => 2,
            Outcome::Warn | Outcome::Crit if item.is_waived() => 2,
            Outcome::Warn => 1,
            _ => 0,
        };
    }
    // Rounded down, so that a single warning in a large fleet is never 100.
    let score = (half_points * 50).checked_div(counted).unwrap_or(0);
    u8::try_from(score).unwrap_or(100)
}
