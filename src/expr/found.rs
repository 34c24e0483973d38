//! Values while they are computed: read from rows, compared, and never anything but finite.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::{DateTime, TimeDelta, Utc};

use super::error::EvalError;
use super::node::FieldRef;
use super::syntax::Comparison;
use crate::model::{FieldType, Row, Value};

/// A value while it is computed. Quantities are doubles; which quantity it is has been checked before.
#[derive(Clone, Debug)]
pub(super) enum Found<'v> {
    Boolean(bool),
    Number(f64),
    Text(Cow<'v, str>),
    Moment(DateTime<Utc>),
    List(Vec<Found<'v>>),
    Rows(Vec<&'v Row>),
    Row(&'v Row),
}

/// The tree was checked, so another type than expected is a slip of ours; it is an error like any other.
pub(super) fn mistyped() -> EvalError {
    EvalError::NotAsDeclared("expression".to_owned())
}

pub(super) fn value_of<'v>(row: &'v Row, field: &FieldRef) -> Result<&'v Value, EvalError> {
    let value = row.get(&field.name).filter(|value| value.fits(field.field_type));
    value.ok_or_else(|| EvalError::NotAsDeclared(field.name.clone()))
}

/// The value of a field that may not be null here.
pub(super) fn read<'v>(row: &'v Row, field: &FieldRef) -> Result<Found<'v>, EvalError> {
    convert(value_of(row, field)?, &field.name, field.field_type)
}

pub(super) fn convert<'v>(value: &'v Value, name: &str, field_type: FieldType) -> Result<Found<'v>, EvalError> {
    if !value.fits(field_type) {
        return Err(EvalError::NotAsDeclared(name.to_owned()));
    }
    Ok(match value {
        Value::Null => return Err(EvalError::NullField(name.to_owned())),
        Value::Number(number) | Value::Duration(number) if !number.is_finite() => return Err(EvalError::NotFinite),
        Value::Number(number) | Value::Duration(number) => Found::Number(*number),
        Value::Boolean(yes) => Found::Boolean(*yes),
        Value::Text(text) => Found::Text(Cow::Borrowed(text.raw())),
        Value::Timestamp(at) => Found::Moment(*at),
        Value::List(texts) => Found::List(texts.iter().map(|text| Found::Text(Cow::Borrowed(text.raw()))).collect()),
    })
}

pub(super) fn finite<'v>(number: f64) -> Result<Found<'v>, EvalError> {
    if number.is_finite() { Ok(Found::Number(number)) } else { Err(EvalError::NotFinite) }
}

pub(super) fn divide(left: f64, right: f64) -> Result<f64, EvalError> {
    if right == 0.0 { Err(EvalError::DivisionByZero) } else { Ok(left / right) }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact in a double for 285,000 years")]
pub(super) fn seconds(delta: TimeDelta) -> f64 {
    // Whole milliseconds and the rest apart: nanoseconds alone would overflow after 292 years.
    delta.num_milliseconds() as f64 / 1000.0 + f64::from(delta.subsec_nanos() % 1_000_000) / 1e9
}

pub(super) fn shift<'v>(at: DateTime<Utc>, by_s: f64) -> Result<Found<'v>, EvalError> {
    let millis = (by_s * 1000.0).round();
    if !millis.is_finite() || millis.abs() > 9e15 {
        return Err(EvalError::OutOfTime);
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked one line above")]
    let delta = TimeDelta::try_milliseconds(millis as i64);
    delta.and_then(|delta| at.checked_add_signed(delta)).map(Found::Moment).ok_or(EvalError::OutOfTime)
}

/// How two values of one type relate.
pub(super) fn order(left: &Found<'_>, right: &Found<'_>) -> Result<Ordering, EvalError> {
    match (left, right) {
        (Found::Number(left), Found::Number(right)) => left.partial_cmp(right).ok_or(EvalError::NotFinite),
        (Found::Text(left), Found::Text(right)) => Ok(left.cmp(right)),
        (Found::Boolean(left), Found::Boolean(right)) => Ok(left.cmp(right)),
        (Found::Moment(left), Found::Moment(right)) => Ok(left.cmp(right)),
        _ => Err(mistyped()),
    }
}

pub(super) const fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

pub(super) fn extreme<'v>(name: &'static str, members: Vec<Found<'v>>, wanted: Ordering) -> Result<Found<'v>, EvalError> {
    let mut members = members.into_iter();
    let mut best = members.next().ok_or(EvalError::EmptyList(name))?;
    for member in members {
        if order(&member, &best)? == wanted {
            best = member;
        }
    }
    Ok(best)
}

/// What makes a member of a list the same as another, for `distinct`.
pub(super) fn identity(found: &Found<'_>) -> String {
    match found {
        // Zero has two signs and is one number.
        Found::Number(number) => format!("n{}", number + 0.0),
        Found::Text(text) => format!("t{text}"),
        Found::Boolean(yes) => format!("b{yes}"),
        Found::Moment(at) => format!("m{}", at.to_rfc3339()),
        Found::List(_) | Found::Rows(_) | Found::Row(_) => String::new(),
    }
}
