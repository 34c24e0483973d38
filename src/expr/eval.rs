//! Evaluates the typed tree. Strict: left to right, `and` and `or` stop where the result is certain, and whatever has no
//! value on the way there is an error. Bounded: every rule has a fixed number of steps.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::env::Env;
use super::error::EvalError;
use super::found::{Found, convert, divide, extreme, finite, holds, identity, mistyped, order, read, seconds, shift, value_of};
use super::node::{Arithmetic, FieldRef, Loop, Node, RowRef, TextTest, Total, Word};
use super::syntax::Comparison;
use super::trend::Trend;
use super::version;
use crate::model::{Row, Untrusted, Value};

/// How many steps a rule may take: two nested loops over a thousand rows, and then some.
const MAX_STEPS: u32 = 5_000_000;

/// Evaluates `node`.
pub(super) fn evaluate<'v>(node: &'v Node, env: &Env<'v>) -> Result<Found<'v>, EvalError> {
    Evaluation { env: *env, variables: Vec::new(), steps: MAX_STEPS }.eval(node)
}

struct Evaluation<'v> {
    env: Env<'v>,
    variables: Vec<Found<'v>>,
    steps: u32,
}

impl<'v> Evaluation<'v> {
    // The arms that call back stand in functions of their own: a frame that holds all their values would be deep.
    fn eval(&mut self, node: &'v Node) -> Result<Found<'v>, EvalError> {
        self.take_steps(1)?;
        match node {
            Node::Not(of) => Ok(Found::Boolean(!self.boolean(of)?)),
            Node::And(left, right) => Ok(Found::Boolean(self.boolean(left)? && self.boolean(right)?)),
            Node::Or(left, right) => Ok(Found::Boolean(self.boolean(left)? || self.boolean(right)?)),
            Node::Choice(parts) => self.choice(parts),
            Node::Compare(comparison, left, right) => self.compare(*comparison, left, right),
            Node::In(member, list) => self.member(member, list),
            Node::Negative(of) => Ok(Found::Number(-self.finite(of)?)),
            Node::Arithmetic(operator, left, right) => self.arithmetic(*operator, left, right),
            Node::Loop(kind, list, slot, body) => self.each(*kind, list, *slot, body),
            Node::Total(total, list) => self.total(*total, list),
            Node::List(_) | Node::Column(..) => self.build(node),
            Node::TextTest(..) | Node::Matches(..) | Node::Lower(_) | Node::Size(_) | Node::Older(..) => self.about_text(node),
            Node::Pct(part, whole) => self.pct(part, whole),
            Node::Grew(..) | Node::Average(..) | Node::FullIn(..) => self.change(node),
            _ => self.leaf(node),
        }
    }

    fn leaf(&self, node: &'v Node) -> Result<Found<'v>, EvalError> {
        Ok(match node {
            Node::Boolean(yes) => Found::Boolean(*yes),
            Node::Number(number) => Found::Number(*number),
            Node::Text(text) => Found::Text(Cow::Borrowed(text)),
            Node::Moment(at) => Found::Moment(*at),
            Node::Now => Found::Moment(self.env.now),
            Node::Field(row, field) => read(self.row(*row)?, field)?,
            Node::IsNull(row, field) => Found::Boolean(matches!(value_of(self.row(*row)?, field)?, Value::Null)),
            Node::Variable(at) => self.variables.get(*at).cloned().ok_or_else(mistyped)?,
            Node::Rows => Found::Rows(self.env.rows.iter().collect()),
            Node::Within(range) => Found::Boolean(range.contains(self.env.now.with_timezone(&self.env.zone).time())),
            Node::Workday => {
                let date = self.env.now.with_timezone(&self.env.zone).date_naive();
                let known = self.env.calendar.and_then(|calendar| calendar.is_workday(date));
                Found::Boolean(known.ok_or(EvalError::NoCalendar(date))?)
            }
            _ => self.named(node)?,
        })
    }

    fn build(&mut self, node: &'v Node) -> Result<Found<'v>, EvalError> {
        match node {
            Node::List(elements) => elements.iter().map(|element| self.eval(element)).collect::<Result<_, _>>().map(Found::List),
            Node::Column(rows, field) => {
                let rows = self.rows(rows)?;
                self.take_steps(rows.len())?;
                rows.into_iter().map(|row| read(row, field)).collect::<Result<_, _>>().map(Found::List)
            }
            _ => Err(mistyped()),
        }
    }

    fn choice(&mut self, parts: &'v [Node; 3]) -> Result<Found<'v>, EvalError> {
        let [condition, yes, no] = parts;
        if self.boolean(condition)? { self.eval(yes) } else { self.eval(no) }
    }

    fn compare(&mut self, comparison: Comparison, left: &'v Node, right: &'v Node) -> Result<Found<'v>, EvalError> {
        let (left, right) = (self.eval(left)?, self.eval(right)?);
        Ok(Found::Boolean(holds(comparison, order(&left, &right)?)))
    }

    fn member(&mut self, member: &'v Node, list: &'v Node) -> Result<Found<'v>, EvalError> {
        let member = self.eval(member)?;
        let mut is_in = false;
        for other in &self.list(list)? {
            is_in |= order(&member, other)?.is_eq();
        }
        Ok(Found::Boolean(is_in))
    }

    fn about_text(&mut self, node: &'v Node) -> Result<Found<'v>, EvalError> {
        match node {
            Node::TextTest(kind, text, part) => {
                let (text, part) = (self.text(text)?, self.text(part)?);
                Ok(Found::Boolean(match kind {
                    TextTest::StartsWith => text.starts_with(&*part),
                    TextTest::EndsWith => text.ends_with(&*part),
                    TextTest::Contains => text.contains(&*part),
                }))
            }
            Node::Matches(text, pattern) => Ok(Found::Boolean(pattern.is_match(&self.text(text)?))),
            Node::Lower(text) => Ok(Found::Text(Cow::Owned(self.text(text)?.to_ascii_lowercase()))),
            Node::Size(of) => self.size(of).map(Found::Number),
            Node::Older(left, right) => self.older(left, right),
            _ => Err(mistyped()),
        }
    }

    fn pct(&mut self, part: &'v Node, whole: &'v Node) -> Result<Found<'v>, EvalError> {
        let (part, whole) = (self.finite(part)?, self.finite(whole)?);
        finite(100.0 * divide(part, whole)?)
    }

    fn change(&mut self, node: &'v Node) -> Result<Found<'v>, EvalError> {
        let now = self.env.now;
        match node {
            Node::Grew(field, seconds) => finite(self.trend()?.grew(&field.name, *seconds, now, self.current(field)?)?),
            Node::Average(field, seconds) => finite(self.trend()?.average(&field.name, *seconds, now, self.current(field)?)?),
            Node::FullIn(field, size) => {
                let (value, size) = (self.current(field)?, self.finite(size)?);
                // The one place where infinity is an answer: never full.
                self.trend()?.full_in(&field.name, size, now, value).map(Found::Number)
            }
            _ => Err(mistyped()),
        }
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
            Loop::Filter if are_rows => {
                Found::Rows(kept.iter().filter_map(|member| if let Found::Row(row) = member { Some(*row) } else { None }).collect())
            }
            Loop::Map | Loop::Filter => Found::List(kept),
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
