//! The expression language of playbooks: CEL, tightened so that a slip is an error and never a false ok.
//!
//! An expression is compiled once, against a [`Scope`] that knows every name and its type, and evaluated on an [`Env`].
//! The way of a text: `lex` (literals with units, slips) and `limits` → `syntax` (CEL's parser) → `check` with `names`,
//! `operators` and `calls` (the typed tree of `node`) → `eval`. What it promises:
//!
//! - All numbers are doubles, and `/` never truncates. Numbers, percents, bytes and lengths of time do not mix; only a
//!   number without unit may stand for a percent, and zero for anything.
//! - What has no value is an error: null (unless the expression asks `== null`), division by zero, a result that is not
//!   finite, a text that is no version, `all`, `max` and `min` of an empty list.
//! - `and` and `or` go from left to right and stop where the result is certain: `newest == null or now - newest > 26h`.
//!   An error met on the way is the result, even where the other side would have decided.
//! - The inventory is complete: a label, system or address that a target does not have is the empty text, so
//!   `labels.zone == "dmz"` is false for it. A label that nobody has, or a value that nobody carries, is refused beforehand.

use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use crate::model::{Untrusted, Value};

mod calls;
mod check;
mod direction;
mod env;
mod error;
mod eval;
mod fault;
mod found;
mod lex;
mod limits;
mod names;
mod node;
mod operators;
mod scope;
mod syntax;
#[cfg(test)]
mod tests;
mod trend;
mod types;
mod version;
mod within;

pub use env::{Calendar, Env};
pub use error::EvalError;
pub use fault::{Fault, Warning};
pub use scope::{Scope, Vocabulary, name_fault};
pub use trend::{History, Trend, reach_s};
pub use types::Type;

use check::Checker;
use found::Found;
use node::Node;

/// A compiled expression; cheap to clone.
#[derive(Clone)]
pub struct Expr(Arc<Compiled>);

struct Compiled {
    source: String,
    root: Node,
    of: Type,
    fields: Vec<String>,
    looks_back_s: f64,
    warnings: Vec<Warning>,
}

/// Compiles `source`, which is to give `want`.
///
/// # Errors
/// All faults that can be told apart, in the order of the text.
pub fn compile(source: &str, scope: &Scope, want: Type) -> Result<Expr, Vec<Fault>> {
    let tokens = lex::lex(source)?;
    let tree = syntax::parse(source, &tokens).map_err(|fault| vec![fault])?;
    let mut checker = Checker::new(source, scope);
    let root = checker.root(&tree, &want);
    if !checker.faults.is_empty() {
        checker.faults.sort_by_key(|fault| (fault.range.start, fault.range.end));
        return Err(checker.faults);
    }
    let mut warnings = checker.warnings;
    if !scope.selects {
        warnings.extend(direction::doubts(&tree));
    }
    let (fields, looks_back_s) = (checker.fields, checker.looks_back_s);
    Ok(Expr(Arc::new(Compiled { source: source.to_owned(), root, of: want, fields, looks_back_s, warnings })))
}

impl Expr {
    /// The expression as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The fields that it speaks of, in order, each once; the first is the measure.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        &self.0.fields
    }

    /// The longest period that it looks back on (`grew(used_bytes, 30d)`), in seconds; 0 without one.
    #[must_use]
    pub fn looks_back_s(&self) -> f64 {
        self.0.looks_back_s
    }

    /// What is allowed in it and probably not meant, when it is a threshold.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    /// Its value. A list of values other than texts is given as texts; "never full" as null.
    ///
    /// # Errors
    /// When it has none for what was seen.
    pub fn eval(&self, env: &Env<'_>) -> Result<Value, EvalError> {
        Ok(match eval::evaluate(&self.0.root, env)? {
            Found::Boolean(yes) => Value::Boolean(yes),
            Found::Number(number) if number.is_infinite() => Value::Null,
            Found::Number(number) if self.0.of == Type::Duration => Value::Duration(number),
            Found::Number(number) => Value::Number(number),
            Found::Text(text) => Value::Text(Untrusted::new(text)),
            Found::Moment(at) => Value::Timestamp(at),
            Found::List(members) => Value::List(members.iter().map(as_text).collect::<Result<_, _>>()?),
            Found::Rows(_) | Found::Row(_) => return Err(EvalError::NoValue(self.0.source.clone())),
        })
    }

    /// Whether it holds, for one that was compiled to give a yes or no.
    ///
    /// # Errors
    /// When it has no value for what was seen.
    pub fn test(&self, env: &Env<'_>) -> Result<bool, EvalError> {
        match eval::evaluate(&self.0.root, env)? {
            Found::Boolean(yes) => Ok(yes),
            _ => Err(EvalError::NoValue(self.0.source.clone())),
        }
    }
}

fn as_text(found: &Found<'_>) -> Result<Untrusted, EvalError> {
    Ok(match found {
        Found::Boolean(yes) => Untrusted::new(yes.to_string()),
        Found::Number(number) => Untrusted::new(number.to_string()),
        Found::Text(text) => Untrusted::new(text.as_ref()),
        Found::Moment(at) => Untrusted::new(at.to_rfc3339()),
        Found::List(_) | Found::Rows(_) | Found::Row(_) => return Err(EvalError::NoValue("list".to_owned())),
    })
}

impl Debug for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expr").field(&self.0.source).finish()
    }
}

impl PartialEq for Expr {
    /// The same text giving the same type; scopes are not compared.
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source && self.0.of == other.0.of
    }
}
