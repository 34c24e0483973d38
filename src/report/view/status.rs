//! How an outcome looks: a word, a shape and a tone, never a colour alone.

use serde::Serialize;

use crate::model::{Lang, Outcome};

/// An outcome or a level, ready to be drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `ok`, `info`, `warn`, `crit`, `unknown`, `skipped` or `na`: the style.
    pub tone: &'static str,
    /// The shape.
    pub mark: &'static str,
    /// The word.
    pub word: String,
}

impl Status {
    /// An outcome.
    #[must_use]
    pub fn of(outcome: Outcome, lang: Lang) -> Self {
        let tone = tone(outcome);
        Self { tone, mark: mark(tone), word: sentence_case(outcome.label().get(lang)) }
    }

    /// A problem's level: high, medium or low.
    #[must_use]
    pub fn level(outcome: Outcome, is_trend: bool, lang: Lang) -> Self {
        let (tone, en, zh) = match (outcome, is_trend) {
            (Outcome::Crit, _) => ("crit", "High", "高"),
            (_, false) => ("warn", "Medium", "中"),
            // A trend warns of what is not there yet.
            (_, true) => ("info", "Low", "低"),
        };
        let word = match lang {
            Lang::En => en,
            Lang::Zh => zh,
        };
        Self { tone, mark: mark(tone), word: word.to_owned() }
    }

    /// A word with the look of `tone`.
    #[must_use]
    pub fn plain(tone: &'static str, word: impl Into<String>) -> Self {
        Self { tone, mark: mark(tone), word: word.into() }
    }
}

const fn tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Info => "info",
        Outcome::Warn => "warn",
        Outcome::Crit => "crit",
        Outcome::NotApplicable => "na",
        Outcome::Error | Outcome::Unreachable | Outcome::TimedOut | Outcome::NotRun => "unknown",
        Outcome::Skipped => "skipped",
    }
}

fn mark(tone: &str) -> &'static str {
    match tone {
        "ok" => "●",
        "info" => "▽",
        "warn" => "▲",
        "crit" => "■",
        "unknown" => "◆",
        "skipped" => "○",
        _ => "–",
    }
}

fn sentence_case(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
