//! The rules that an item is judged by, as the plan resolved them.

use chrono::{DateTime, Utc};

use crate::expr::Expr;
use crate::model::{Phrase, Verdict};

/// A threshold, and the rows that it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// For which rows; `None` is all.
    pub rows: Option<Expr>,
    /// When it is met.
    pub threshold: Threshold,
    /// Where it is written: `FILE:LINE`, or `catalogue`.
    pub origin: String,
}

/// When a verdict is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Threshold {
    /// Never; it also takes the place of what an earlier line says.
    Never,
    /// When the expression holds.
    When(Expr),
}

/// Rows that are left out on purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Skip {
    /// Which; `None` is all.
    pub rows: Option<Expr>,
    /// Why.
    pub reason: Phrase,
    /// Where it is written: `FILE:LINE`.
    pub origin: String,
}

/// A waiver that holds at the time of the run: whoever builds the rules has left out those that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct WaiverRule {
    /// Its id.
    pub id: String,
    /// For which rows; `None` is all.
    pub rows: Option<Expr>,
    /// A bound within which it holds.
    pub only_while: Option<Expr>,
    /// The worst verdict that it accepts.
    pub accepts: Verdict,
    /// Whether it also accepts that the target cannot be reached.
    pub covers_unreachable: bool,
    /// Why it is accepted.
    pub reason: Phrase,
    /// Who approved it.
    pub approved_by: String,
    /// When it ends.
    pub ends: DateTime<Utc>,
}

/// All rules of an item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// When to warn, in ascending order of precedence: the last one that is for a row is in force.
    pub warn: Vec<Candidate>,
    /// When it is critical, likewise.
    pub crit: Vec<Candidate>,
    /// What is left out; the last one that is for a row gives the reason.
    pub skip: Vec<Skip>,
    /// Whether all rows are judged together, as the list `rows`. Thresholds then have no `rows` of their own.
    pub per_target: bool,
    /// Waivers that hold.
    pub waivers: Vec<WaiverRule>,
}
