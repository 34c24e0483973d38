//! What differs between an item as it was recorded and as it came out again.

use crate::model::{ItemKey, ItemRecord, Lang, Message, RowRecord, Untrusted, Value};

/// An item that came out otherwise than it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The item.
    pub key: ItemKey,
    /// What differs.
    pub changes: Vec<Change>,
}

/// One thing that differs; all texts are safe to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Key of the row; empty for the item as a whole, or a row without key.
    pub row: String,
    /// What it is.
    pub what: String,
    /// As it was recorded.
    pub stored: String,
    /// As it came out.
    pub replayed: String,
}

/// What differs between `stored` and `replayed`.
pub(super) fn changes(stored: &ItemRecord, replayed: &ItemRecord) -> Vec<Change> {
    let mut changes = Vec::new();
    let whole = |what: &str, stored: String, replayed: String| Change { row: String::new(), what: what.to_owned(), stored, replayed };
    if stored.outcome != replayed.outcome {
        changes.push(whole("outcome", stored.outcome.id().to_owned(), replayed.outcome.id().to_owned()));
    }
    if stored.reason != replayed.reason {
        changes.push(whole("reason", reason(stored.reason.as_ref()), reason(replayed.reason.as_ref())));
    }
    if stored.rows.len() != replayed.rows.len() {
        changes.push(whole("rows", stored.rows.len().to_string(), replayed.rows.len().to_string()));
    }
    for (stored, replayed) in stored.rows.iter().zip(&replayed.rows) {
        compare(stored, replayed, &mut changes);
    }
    changes
}

fn compare(stored: &RowRecord, replayed: &RowRecord, changes: &mut Vec<Change>) {
    if stored == replayed {
        return;
    }
    let row = stored.key.as_ref().map(Untrusted::visible).unwrap_or_default();
    let before = changes.len();
    let mut note = |what: &str, stored: String, replayed: String| {
        if stored != replayed {
            changes.push(Change { row: row.clone(), what: what.to_owned(), stored, replayed });
        }
    };
    let key = |row: &RowRecord| row.key.as_ref().map_or_else(|| "none".to_owned(), Untrusted::visible);
    note("key", key(stored), key(replayed));
    note("outcome", stored.outcome.id().to_owned(), replayed.outcome.id().to_owned());
    note("reason", reason(stored.reason.as_ref()), reason(replayed.reason.as_ref()));
    let rule = |row: &RowRecord| row.rule.as_ref().map_or_else(|| "none".to_owned(), |rule| format!("{} ({})", rule.source, rule.origin));
    note("threshold", rule(stored), rule(replayed));
    for (field, value) in stored.row.iter() {
        note(field, shown(Some(value)), shown(replayed.row.get(field)));
    }
    for (field, value) in replayed.row.iter().filter(|(field, _)| stored.row.get(field).is_none()) {
        note(field, shown(None), shown(Some(value)));
    }
    if changes.len() == before {
        // Marks, measures, or digits that are not shown.
        let text = |row: &RowRecord| crate::model::untrusted::visible(&format!("{row:?}"));
        changes.push(Change { row, what: "record".to_owned(), stored: text(stored), replayed: text(replayed) });
    }
}

fn reason(reason: Option<&Message>) -> String {
    reason.map_or_else(|| "none".to_owned(), |reason| crate::model::untrusted::visible(&reason.text(Lang::En)))
}

/// A value to the last digit.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(Value::Null) => "null".to_owned(),
        Some(Value::Boolean(yes)) => yes.to_string(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Duration(seconds)) => format!("{seconds} s"),
        Some(Value::Timestamp(at)) => at.to_rfc3339(),
        Some(Value::Text(text)) => text.visible(),
        Some(Value::List(list)) => list.iter().map(Untrusted::visible).collect::<Vec<_>>().join("; "),
    }
}
