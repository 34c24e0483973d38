//! Why an expression has no value for what was seen. None of these is ever taken for false.

use chrono::NaiveDate;

use crate::model::{Message, Untrusted};

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EvalError {
    /// The target answered null, and the expression does not ask for it.
    #[error("`{0}` has no value")]
    NullField(String),
    /// The row lacks a field that its check declares, or holds another type in it.
    #[error("`{0}` is not what the check declares")]
    NotAsDeclared(String),
    /// Something was divided by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A result that is no finite number.
    #[error("the result is no finite number")]
    NotFinite,
    /// A moment outside of the years that a calendar holds.
    #[error("the moment lies outside of the calendar")]
    OutOfTime,
    /// The largest, the smallest, or "all" of nothing.
    #[error("`{0}` of an empty list")]
    EmptyList(&'static str),
    /// A text that is no version.
    #[error("`{}` is no version", .0.visible())]
    NotAVersion(Untrusted),
    /// A name whose value the caller did not give, or the inventory does not have.
    #[error("`{0}` has no value here")]
    NoValue(String),
    /// The calendar does not say whether this is a workday.
    #[error("no calendar covers {0}")]
    NoCalendar(NaiveDate),
    /// Not enough history yet.
    #[error("only {have_s} of {want_s} seconds of history")]
    Collecting {
        /// Seconds collected so far.
        have_s: f64,
        /// Seconds wanted.
        want_s: f64,
    },
    /// More steps than a rule may take.
    #[error("the rule takes too many steps for so many rows")]
    TooManySteps,
}

impl EvalError {
    /// The reason to keep with a row that `rule` could not judge.
    #[must_use]
    pub fn message(&self, rule: &str) -> Message {
        match self {
            Self::NullField(field) => Message::NullField { field: field.clone() },
            Self::Collecting { have_s, want_s } => Message::Collecting { have_days: have_s / 86_400.0, want_days: want_s / 86_400.0 },
            _ => Message::Rule { rule: rule.to_owned(), detail: self.to_string() },
        }
    }
}
