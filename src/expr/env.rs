//! What an expression is evaluated on.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::trend::Trend;
use crate::model::{Row, Target, Value};

/// Says what a workday is.
pub trait Calendar {
    /// Whether `date` is one; `None` where the calendar does not say.
    fn is_workday(&self, date: NaiveDate) -> Option<bool>;
}

/// What an expression is evaluated on.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The row that is judged.
    pub row: Option<&'a Row>,
    /// All rows of the item, for `per: target`.
    pub rows: &'a [Row],
    /// The target.
    pub target: Option<&'a Target>,
    /// The time of capture.
    pub now: DateTime<Utc>,
    /// Where `within` and `workday` are to be understood.
    pub zone: Tz,
    /// The calendar for `workday()`.
    pub calendar: Option<&'a dyn Calendar>,
    /// Values of names declared by [`super::Scope::given`].
    pub given: Option<&'a BTreeMap<String, Value>>,
    /// The history, for trends.
    pub trend: Option<Trend<'a>>,
}

impl<'a> Env<'a> {
    /// At `now` in `zone`, with nothing to look at.
    #[must_use]
    pub const fn at(now: DateTime<Utc>, zone: Tz) -> Self {
        Self { row: None, rows: &[], target: None, now, zone, calendar: None, given: None, trend: None }
    }

    /// With `row` as the one that is judged.
    #[must_use]
    pub const fn with_row(self, row: &'a Row) -> Self {
        Self { row: Some(row), ..self }
    }

    /// With all rows of the item.
    #[must_use]
    pub const fn with_rows(self, rows: &'a [Row]) -> Self {
        Self { rows, ..self }
    }

    /// With the target.
    #[must_use]
    pub const fn with_target(self, target: &'a Target) -> Self {
        Self { target: Some(target), ..self }
    }

    /// With a calendar.
    #[must_use]
    pub const fn with_calendar(self, calendar: &'a dyn Calendar) -> Self {
        Self { calendar: Some(calendar), ..self }
    }

    /// With values of declared names.
    #[must_use]
    pub const fn with_given(self, given: &'a BTreeMap<String, Value>) -> Self {
        Self { given: Some(given), ..self }
    }

    /// With a history.
    #[must_use]
    pub const fn with_trend(self, trend: Trend<'a>) -> Self {
        Self { trend: Some(trend), ..self }
    }
}
