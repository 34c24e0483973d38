//! Keys of rows: what tells them apart, and stays the same from run to run.

use std::collections::BTreeSet;

use crate::check::Bound;
use crate::model::{Message, Row, Untrusted, Value};

/// A row with its key.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    /// The parts of the key, joined; `None` where the check has none, or a part is null.
    pub(super) key: Option<Untrusted>,
    pub(super) row: Row,
    /// What makes it impossible to judge the row, whatever the rules say.
    pub(super) fault: Option<Message>,
}

/// Gives rows their keys, and finds those that have none, the same one, or not the fields that the check declares.
pub(super) fn give(rows: Vec<Row>, bound: &dyn Bound) -> Vec<Keyed> {
    let names = bound.key();
    let fields = bound.fields();
    let count = rows.len();
    let mut keyed: Vec<Keyed> = rows
        .into_iter()
        .map(|row| {
            let undeclared =
                fields.iter().find(|field| !row.get(&field.name).is_some_and(|value| value.fits(field.field_type) && is_finite(value)));
            let fault = undeclared.map(|field| Message::OurSide { detail: format!("`{}` is not what the check declares", field.name) });
            match key_of(&row, &names) {
                _ if names.is_empty() && count > 1 => Keyed { key: None, row, fault: Some(Message::NoKey { rows: count }) },
                Ok(key) => Keyed { key, row, fault },
                Err(field) => Keyed { key: None, row, fault: Some(Message::NullKey { field }) },
            }
        })
        .collect();
    let mut seen = BTreeSet::new();
    let doubled: BTreeSet<Untrusted> = keyed.iter().filter_map(|row| row.key.as_ref()).filter(|key| !seen.insert(*key)).cloned().collect();
    for row in &mut keyed {
        if let Some(key) = row.key.as_ref().filter(|key| doubled.contains(key)) {
            row.fault = Some(Message::DoubleKey { key: key.clone() });
        }
    }
    keyed
}

fn is_finite(value: &Value) -> bool {
    !matches!(value, Value::Number(number) | Value::Duration(number) if !number.is_finite())
}

/// The parts of the key joined by ` · `, or the name of the part that is null.
fn key_of(row: &Row, names: &[String]) -> Result<Option<Untrusted>, String> {
    if names.is_empty() {
        return Ok(None);
    }
    let parts: Result<Vec<String>, String> = names.iter().map(|name| row.get(name).and_then(part).ok_or_else(|| name.clone())).collect();
    Ok(Some(Untrusted::new(parts?.join(" · "))))
}

/// A value as part of a key: exact, so that two that differ never read the same.
fn part(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(yes) => yes.to_string(),
        Value::Number(number) | Value::Duration(number) => number.to_string(),
        Value::Text(text) => text.raw().to_owned(),
        Value::Timestamp(at) => at.to_rfc3339(),
        Value::List(texts) => texts.iter().map(Untrusted::raw).collect::<Vec<_>>().join(", "),
    })
}
