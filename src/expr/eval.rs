//! Evaluates the typed tree. Strict: left to right, `and` and `or` stop where the result is certain, and whatever has no
//! value on the way there is an error. Bounded: every rule has a fixed number of steps.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::error::EvalError;
use super::node::{Arithmetic, FieldRef, Loop, Node, RowRef, TextTest, Total, Word};
use super::syntax::Comparison;
use super::trend::Trend;
use super::version;
use crate::model::{FieldType, Row, Target, Untrusted, Value};

/// How many steps a rule may take: two nested loops over a thousand rows, and then some.
const MAX_STEPS: u32 = 5_000_000;

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

/// Evaluates `node`.
pub(super) fn evaluate<'v>(node: &'v Node, env: &Env<'v>) -> Result<Found<'v>, EvalError> {
    Evaluation { env: *env, variables: Vec::new(), steps: MAX_STEPS }.eval(node)
}

struct Evaluation<'v> {
    env: Env<'v>,
    variables: Vec<Found<'v>>,
    steps: u32,
}

/// The tree was checked, so another type than expected is a slip of ours; it is an error like any other.
fn mistyped() -> EvalError {
    EvalError::NotAsDeclared("expression".to_owned())
}

impl<'v> Evaluation<'v> {
    fn eval(&mut self, node: &'v Node) -> Result<Found<'v>, EvalError> {
        self.take_steps(1)?;
        Ok(match node {
            Node::Boolean(yes) => Found::Boolean(*yes),
            Node::Number(number) => Found::Number(*number),
            Node::Text(text) => Found::Text(Cow::Borrowed(text)),
            Node::Moment(at) => Found::Moment(*at),
            Node::List(elements) => Found::List(elements.iter().map(|element| self.eval(element)).collect::<Result<_, _>>()?),
            Node::Now => Found::Moment(self.env.now),
            Node::Field(row, field) => read(self.row(*row)?, field)?,
            Node::IsNull(row, field) => Found::Boolean(matches!(value_of(self.row(*row)?, field)?, Value::Null)),
            Node::Given(..) | Node::Label(_) | Node::Inventory(_) | Node::SystemValue(..) => self.named(node)?,
            Node::Variable(at) => self.variables.get(*at).cloned().ok_or_else(mistyped)?,
            Node::Rows => Found::Rows(self.env.rows.iter().collect()),
            Node::Column(rows, field) => {
                let rows = self.rows(rows)?;
                self.take_steps(rows.len())?;
                Found::List(rows.into_iter().map(|row| read(row, field)).collect::<Result<_, _>>()?)
            }
            Node::Not(of) => Found::Boolean(!self.boolean(of)?),
            Node::And(left, right) => Found::Boolean(self.boolean(left)? && self.boolean(right)?),
            Node::Or(left, right) => Found::Boolean(self.boolean(left)? || self.boolean(right)?),
            Node::Choice(parts) => {
                let [condition, yes, no] = &**parts;
                if self.boolean(condition)? { self.eval(yes)? } else { self.eval(no)? }
            }
            Node::Compare(comparison, left, right) => {
                let (left, right) = (self.eval(left)?, self.eval(right)?);
                Found::Boolean(holds(*comparison, order(&left, &right)?))
            }
            Node::In(member, list) => {
                let member = self.eval(member)?;
                let list = self.list(list)?;
                let mut is_in = false;
                for other in &list {
                    is_in |= order(&member, other)?.is_eq();
                }
                Found::Boolean(is_in)
            }
            Node::Negative(of) => Found::Number(-self.finite(of)?),
            Node::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right)?,
            Node::TextTest(test, text, part) => {
                let (text, part) = (self.text(text)?, self.text(part)?);
                Found::Boolean(match test {
                    TextTest::StartsWith => text.starts_with(&*part),
                    TextTest::EndsWith => text.ends_with(&*part),
                    TextTest::Contains => text.contains(&*part),
                })
            }
            Node::Matches(text, pattern) => Found::Boolean(pattern.is_match(&self.text(text)?)),
            Node::Lower(text) => Found::Text(Cow::Owned(self.text(text)?.to_ascii_lowercase())),
            Node::Size(of) => Found::Number(self.size(of)?),
            Node::Loop(kind, list, slot, body) => self.each(*kind, list, *slot, body)?,
            Node::Total(total, list) => self.total(*total, list)?,
            Node::Pct(part, whole) => {
                let (part, whole) = (self.finite(part)?, self.finite(whole)?);
                finite(100.0 * divide(part, whole)?)?
            }
            Node::Older(left, right) => self.older(left, right)?,
            Node::Within(range) => Found::Boolean(range.contains(self.env.now.with_timezone(&self.env.zone).time())),
            Node::Workday => {
                let date = self.env.now.with_timezone(&self.env.zone).date_naive();
                let known = self.env.calendar.and_then(|calendar| calendar.is_workday(date));
                Found::Boolean(known.ok_or(EvalError::NoCalendar(date))?)
            }
            Node::Grew(field, seconds) => {
                let value = self.current(field)?;
                finite(self.trend()?.grew(&field.name, *seconds, self.env.now, value)?)?
            }
            Node::Average(field, seconds) => {
                let value = self.current(field)?;
                finite(self.trend()?.average(&field.name, *seconds, self.env.now, value)?)?
            }
            Node::FullIn(field, size) => {
                let (value, size) = (self.current(field)?, self.finite(size)?);
                // The one place where infinity is an answer: never full.
                Found::Number(self.trend()?.full_in(&field.name, size, self.env.now, value)?)
            }
        })
    }

    fn take_steps(&mut self, steps: usize) -> Result<(), EvalError> {
        self.steps = u32::try_from(steps).ok().and_then(|steps| self.steps.checked_sub(steps)).ok_or(EvalError::TooManySteps)?;
        Ok(())
    }

    fn row(&self, row: RowRef) -> Result<&'v Row, EvalError> {
        match row {
            RowRef::Judged => self.env.row.ok_or_else(|| EvalError::NoValue("row".to_owned())),
            RowRef::Variable(at) => match self.variables.get(at) {
                Some(Found::Row(row)) => Ok(row),
                _ => Err(mistyped()),
            },
        }
    }

    /// What the inventory or the caller says. The inventory is complete: a text that it does not have is the empty text.
    fn named(&self, node: &'v Node) -> Result<Found<'v>, EvalError> {
        if let Node::Given(name, field_type) = node {
            let value = self.env.given.and_then(|given| given.get(name)).ok_or_else(|| EvalError::NoValue(name.clone()))?;
            return convert(value, name, *field_type);
        }
        let target = self.env.target.ok_or_else(|| EvalError::NoValue("target".to_owned()))?;
        let system = target.system.as_deref();
        let text = match node {
            Node::SystemValue(name, field_type) => {
                let missing = || EvalError::NoValue(format!("system.values.{name}"));
                return convert(system.and_then(|system| system.values.get(name)).ok_or_else(missing)?, name, *field_type);
            }
            Node::Label(name) => target.labels.get(name).map(String::as_str),
            Node::Inventory(Word::TargetId) => Some(target.id.as_str()),
            Node::Inventory(Word::TargetKind) => Some(target.kind.id()),
            Node::Inventory(Word::TargetAddress) => target.address.as_deref(),
            Node::Inventory(Word::SystemId) => system.map(|system| system.id.as_str()),
            Node::Inventory(Word::SystemTier) => system.map(|system| system.tier.as_str()),
            Node::Inventory(Word::SystemOwner) => system.and_then(|system| system.owner.as_deref()),
            _ => return Err(mistyped()),
        };
        Ok(Found::Text(Cow::Borrowed(text.unwrap_or_default())))
    }

    fn boolean(&mut self, node: &'v Node) -> Result<bool, EvalError> {
        if let Found::Boolean(yes) = self.eval(node)? { Ok(yes) } else { Err(mistyped()) }
    }

    fn finite(&mut self, node: &'v Node) -> Result<f64, EvalError> {
        match self.eval(node)? {
            Found::Number(number) if number.is_finite() => Ok(number),
            Found::Number(_) => Err(EvalError::NotFinite),
            _ => Err(mistyped()),
        }
    }

    fn text(&mut self, node: &'v Node) -> Result<Cow<'v, str>, EvalError> {
        if let Found::Text(text) = self.eval(node)? { Ok(text) } else { Err(mistyped()) }
    }

    fn rows(&mut self, node: &'v Node) -> Result<Vec<&'v Row>, EvalError> {
        if let Found::Rows(rows) = self.eval(node)? { Ok(rows) } else { Err(mistyped()) }
    }

    /// The members of a list, of rows too.
    fn list(&mut self, node: &'v Node) -> Result<Vec<Found<'v>>, EvalError> {
        Ok(self.members(node)?.0)
    }

    /// The members of a list, and whether they are rows.
    fn members(&mut self, node: &'v Node) -> Result<(Vec<Found<'v>>, bool), EvalError> {
        let found = match self.eval(node)? {
            Found::List(list) => (list, false),
            Found::Rows(rows) => (rows.into_iter().map(Found::Row).collect(), true),
            _ => return Err(mistyped()),
        };
        self.take_steps(found.0.len())?;
        Ok(found)
    }

    fn size(&mut self, node: &'v Node) -> Result<f64, EvalError> {
        #[expect(clippy::cast_precision_loss, reason = "nothing in memory has 2^52 members")]
        Ok(match self.eval(node)? {
            Found::Text(text) => text.chars().count() as f64,
            Found::List(list) => list.len() as f64,
            Found::Rows(rows) => rows.len() as f64,
            _ => return Err(mistyped()),
        })
    }

    fn arithmetic(&mut self, operator: Arithmetic, left: &'v Node, right: &'v Node) -> Result<Found<'v>, EvalError> {
        let (left, right) = (self.eval(left)?, self.eval(right)?);
        match (left, operator, right) {
            (Found::Number(left), _, Found::Number(right)) => {
                if !left.is_finite() || !right.is_finite() {
                    return Err(EvalError::NotFinite);
                }
                finite(match operator {
                    Arithmetic::Add => left + right,
                    Arithmetic::Subtract => left - right,
                    Arithmetic::Multiply => left * right,
                    Arithmetic::Divide => divide(left, right)?,
                })
            }
            (Found::Moment(left), Arithmetic::Subtract, Found::Moment(right)) => finite(seconds(left - right)),
            (Found::Moment(at), Arithmetic::Add, Found::Number(by)) | (Found::Number(by), Arithmetic::Add, Found::Moment(at)) => {
                shift(at, by)
            }
            (Found::Moment(at), Arithmetic::Subtract, Found::Number(by)) => shift(at, -by),
            _ => Err(mistyped()),
        }
    }

    fn each(&mut self, kind: Loop, list: &'v Node, slot: usize, body: &'v Node) -> Result<Found<'v>, EvalError> {
        let (members, are_rows) = self.members(list)?;
        if kind == Loop::All && members.is_empty() {
            // "All of none are well" is how an empty selection turns green.
            return Err(EvalError::EmptyList("all"));
        }
        let mut kept = Vec::new();
        for member in members {
            self.variables.truncate(slot);
            self.variables.push(member.clone());
            match kind {
                Loop::Exists if self.boolean(body)? => return Ok(Found::Boolean(true)),
                Loop::All if !self.boolean(body)? => return Ok(Found::Boolean(false)),
                Loop::Filter if self.boolean(body)? => kept.push(member),
                Loop::Map => kept.push(self.eval(body)?),
                Loop::Exists | Loop::All | Loop::Filter => {}
            }
        }
        self.variables.truncate(slot);
        Ok(match kind {
            Loop::Exists => Found::Boolean(false),
            Loop::All => Found::Boolean(true),
            Loop::Map => Found::List(kept),
            Loop::Filter if are_rows => {
                Found::Rows(kept.iter().filter_map(|member| if let Found::Row(row) = member { Some(*row) } else { None }).collect())
            }
            Loop::Filter => Found::List(kept),
        })
    }

    fn total(&mut self, total: Total, list: &'v Node) -> Result<Found<'v>, EvalError> {
        let members = self.list(list)?;
        match total {
            #[expect(clippy::cast_precision_loss, reason = "nothing in memory has 2^52 members")]
            Total::Count => Ok(Found::Number(members.len() as f64)),
            Total::Sum => {
                let mut sum = 0.0;
                for member in members {
                    let Found::Number(number) = member else { return Err(mistyped()) };
                    sum += number;
                }
                finite(sum)
            }
            Total::Max => extreme("max", members, Ordering::Greater),
            Total::Min => extreme("min", members, Ordering::Less),
            Total::Distinct => {
                let mut seen = BTreeSet::new();
                Ok(Found::List(members.into_iter().filter(|member| seen.insert(identity(member))).collect()))
            }
        }
    }

    fn older(&mut self, left: &'v Node, right: &'v Node) -> Result<Found<'v>, EvalError> {
        let (left, right) = (self.text(left)?, self.text(right)?);
        let order = version::compare(&left, &right).ok_or_else(|| {
            let wrong = if version::compare(&left, &left).is_none() { &left } else { &right };
            EvalError::NotAVersion(Untrusted::new(wrong.chars().take(100).collect::<String>()))
        })?;
        Ok(Found::Boolean(order.is_lt()))
    }

    fn current(&self, field: &'v FieldRef) -> Result<f64, EvalError> {
        if let Found::Number(number) = read(self.row(RowRef::Judged)?, field)? { Ok(number) } else { Err(mistyped()) }
    }

    fn trend(&self) -> Result<Trend<'v>, EvalError> {
        self.env.trend.ok_or_else(|| EvalError::NoValue("history".to_owned()))
    }
}

fn value_of<'v>(row: &'v Row, field: &FieldRef) -> Result<&'v Value, EvalError> {
    let value = row.get(&field.name).filter(|value| value.fits(field.field_type));
    value.ok_or_else(|| EvalError::NotAsDeclared(field.name.clone()))
}

/// The value of a field that may not be null here.
fn read<'v>(row: &'v Row, field: &FieldRef) -> Result<Found<'v>, EvalError> {
    convert(value_of(row, field)?, &field.name, field.field_type)
}

fn convert<'v>(value: &'v Value, name: &str, field_type: FieldType) -> Result<Found<'v>, EvalError> {
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

fn finite<'v>(number: f64) -> Result<Found<'v>, EvalError> {
    if number.is_finite() { Ok(Found::Number(number)) } else { Err(EvalError::NotFinite) }
}

fn divide(left: f64, right: f64) -> Result<f64, EvalError> {
    if right == 0.0 { Err(EvalError::DivisionByZero) } else { Ok(left / right) }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact in a double for 285,000 years")]
fn seconds(delta: TimeDelta) -> f64 {
    // Whole milliseconds and the rest apart: nanoseconds alone would overflow after 292 years.
    delta.num_milliseconds() as f64 / 1000.0 + f64::from(delta.subsec_nanos() % 1_000_000) / 1e9
}

fn shift<'v>(at: DateTime<Utc>, by_s: f64) -> Result<Found<'v>, EvalError> {
    let by_ms = (by_s * 1000.0).round();
    if !by_ms.is_finite() || by_ms.abs() > 9e15 {
        return Err(EvalError::OutOfTime);
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked one line above")]
    let delta = TimeDelta::try_milliseconds(by_ms as i64);
    delta.and_then(|delta| at.checked_add_signed(delta)).map(Found::Moment).ok_or(EvalError::OutOfTime)
}

/// How two values of one type relate.
fn order(left: &Found<'_>, right: &Found<'_>) -> Result<Ordering, EvalError> {
    match (left, right) {
        (Found::Number(left), Found::Number(right)) => left.partial_cmp(right).ok_or(EvalError::NotFinite),
        (Found::Text(left), Found::Text(right)) => Ok(left.cmp(right)),
        (Found::Boolean(left), Found::Boolean(right)) => Ok(left.cmp(right)),
        (Found::Moment(left), Found::Moment(right)) => Ok(left.cmp(right)),
        _ => Err(mistyped()),
    }
}

const fn holds(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn extreme<'v>(name: &'static str, members: Vec<Found<'v>>, wanted: Ordering) -> Result<Found<'v>, EvalError> {
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
fn identity(found: &Found<'_>) -> String {
    match found {
        // Zero has two signs and is one number.
        Found::Number(number) => format!("n{}", number + 0.0),
        Found::Text(text) => format!("t{text}"),
        Found::Boolean(yes) => format!("b{yes}"),
        Found::Moment(at) => format!("m{}", at.to_rfc3339()),
        Found::List(_) | Found::Rows(_) | Found::Row(_) => String::new(),
    }
}
