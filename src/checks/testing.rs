//! What tests of checks share: recorded captures in, rows out.

use std::path::{Path, PathBuf};

use crate::check::{Check, Earlier, Entry, Parsed, Seen, Unreadable};
use crate::model::{Kind, Row, Target, Value};
use crate::recorded::{self, Recorded};

/// The folder of the recorded captures of the check `id`.
pub(super) fn folder(id: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(id)
}

/// The recorded captures `tests/captures/<check>/<name>.txt`.
#[track_caller]
pub(super) fn recorded(id: &str, name: &str) -> Recorded {
    let path = folder(id).join(format!("{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    recorded::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A target of the first kind that the check fits.
pub(super) fn target(kind: Kind) -> Target {
    Target { address: Some("192.0.2.1".to_owned()), url: Some("https://192.0.2.1/".to_owned()), ..Target::new("t", kind) }
}

/// What the check makes of recorded captures, with `params` as JSON and rows of an earlier run.
#[track_caller]
pub(super) fn parse_after<C: Check>(params: &str, name: &str, earlier: Option<&Earlier>) -> Result<Parsed, Unreadable> {
    let recorded = recorded(C::META.id, name);
    let bound = Entry::of::<C>().bind(serde_json::from_str(params).unwrap()).unwrap();
    let target = target(C::META.kinds[0]);
    let parsed = bound.parse(&Seen { captures: &recorded.captures, at: recorded.at, earlier, target: &target });
    if let Ok(Parsed::Rows(rows) | Parsed::NoEarlierValue(rows)) = &parsed {
        assert_declared(&bound.fields(), rows);
    }
    parsed
}

/// What the check makes of recorded captures.
#[track_caller]
pub(super) fn parse<C: Check>(params: &str, name: &str) -> Result<Parsed, Unreadable> {
    parse_after::<C>(params, name, None)
}

/// The rows that the check reads out of recorded captures.
#[track_caller]
pub(super) fn rows<C: Check>(params: &str, name: &str) -> Vec<Row> {
    match parse::<C>(params, name) {
        Ok(Parsed::Rows(rows)) => rows,
        other => panic!("expected rows, got {other:?}"),
    }
}

/// Every row has exactly the declared fields, in order and of their types.
#[track_caller]
fn assert_declared(fields: &[crate::check::Field], rows: &[Row]) {
    for row in rows {
        let names: Vec<&str> = row.iter().map(|(name, _)| name).collect();
        let declared: Vec<&str> = fields.iter().map(|field| field.name.as_ref()).collect();
        assert_eq!(names, declared, "a row has exactly the declared fields, in order");
        for (field, (name, value)) in fields.iter().zip(row.iter()) {
            assert!(value.fits(field.field_type), "`{name}` is declared {:?} and is {value:?}", field.field_type);
        }
    }
}

/// The number (or seconds) in the field `name`.
#[track_caller]
pub(super) fn number(row: &Row, name: &str) -> f64 {
    row.get(name).and_then(Value::as_f64).unwrap_or_else(|| panic!("`{name}` is no number in {row:?}"))
}

/// The text in the field `name`.
#[track_caller]
pub(super) fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_text).unwrap_or_else(|| panic!("`{name}` is no text in {row:?}"))
}

/// The row whose field `name` is `key`.
#[track_caller]
pub(super) fn row<'a>(rows: &'a [Row], name: &str, key: &str) -> &'a Row {
    rows.iter().find(|row| row.get(name).and_then(Value::as_text) == Some(key)).unwrap_or_else(|| panic!("no row with {name} {key}"))
}
