//! The typed tree: every name is resolved and every type known, so that evaluating it can only fail for what the data says.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use regex::Regex;

use super::syntax::Comparison;
use super::within::DayRange;
use crate::model::FieldType;

/// A field of a row.
#[derive(Clone, Debug)]
pub(super) struct FieldRef {
    pub(super) name: String,
    pub(super) field_type: FieldType,
}

/// Where a row comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum RowRef {
    /// The row that is judged.
    Judged,
    /// The row in a variable of a loop.
    Variable(usize),
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Boolean(bool),
    Number(f64),
    Text(String),
    Moment(DateTime<Utc>),
    List(Vec<Node>),
    Now,
    /// A field's value; null is an error.
    Field(RowRef, FieldRef),
    /// Whether a field's value is null.
    IsNull(RowRef, FieldRef),
    /// A value of the caller's.
    Given(String, FieldType),
    Label(String),
    Inventory(Word),
    SystemValue(String, FieldType),
    /// A variable of a loop.
    Variable(usize),
    /// All rows of the item.
    Rows,
    /// One field of each of several rows.
    Column(Box<Node>, FieldRef),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Choice(Box<[Node; 3]>),
    Compare(Comparison, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    Negative(Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    TextTest(TextTest, Box<Node>, Box<Node>),
    Matches(Box<Node>, Arc<Regex>),
    Lower(Box<Node>),
    Size(Box<Node>),
    /// What to do with each member, the list, the variable's place, the body.
    Loop(Loop, Box<Node>, usize, Box<Node>),
    Total(Total, Box<Node>),
    Pct(Box<Node>, Box<Node>),
    Older(Box<Node>, Box<Node>),
    Within(DayRange),
    Workday,
    /// How much a field rose in so many seconds.
    Grew(FieldRef, f64),
    /// The mean of a field over so many seconds.
    Average(FieldRef, f64),
    /// When a field reaches a size.
    FullIn(FieldRef, Box<Node>),
}

/// What the inventory says of a target and its system.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    TargetId,
    TargetKind,
    TargetAddress,
    SystemId,
    SystemTier,
    SystemOwner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loop {
    Exists,
    All,
    Filter,
    Map,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Total {
    Count,
    Sum,
    Max,
    Min,
    Distinct,
}
