//! The schema of playbooks and parts.

use serde_json::{Map, Value, json};

use super::{list, map, reference, some, text, words};
use crate::check::Entry;
use crate::checks;

/// A playbook.
pub(super) fn playbook() -> Value {
    map(
        &["playbook", "checks"],
        &[
            ("playbook", reference("id")),
            ("title", reference("phrase")),
            ("owner", reference("id")),
            ("targets", reference("selection")),
            ("schedule", reference("schedule")),
            ("values", reference("values")),
            ("limits", reference("limits")),
            ("checks", some("line")),
            ("across", list("across")),
            ("overrides", list("outer-override")),
            ("report", reference("report")),
        ],
    )
}

/// A part.
pub(super) fn part() -> Value {
    map(&["part", "checks"], &[("part", reference("id")), ("values", reference("part-values")), ("checks", some("line"))])
}

/// What they are made of.
pub(super) fn defs() -> Map<String, Value> {
    let ids: Vec<&str> = checks::CATALOGUE.iter().map(|entry| entry.meta.id).chain(["ask-person"]).collect();
    let selection_or_value = json!({ "oneOf": [reference("selection"), map(&["value"], &[("value", reference("id"))])] });
    let lifted = [
        ("run", json!({ "type": "array", "minItems": 1, "items": text() })),
        ("read", json!({})),
        ("columns", json!({ "type": "object" })),
        ("key", json!({ "type": "array", "items": text() })),
        ("rows_are", words(&["things", "problems"])),
    ];
    let mut line: Vec<(&str, Value)> = vec![
        ("id", reference("id")),
        ("check", json!({ "enum": ids })),
        ("targets", selection_or_value),
        ("with", json!({ "type": "object" })),
        ("variants", some("variant")),
        ("warn", reference("threshold")),
        ("crit", reference("threshold")),
        ("overrides", list("override")),
        ("trend", list("trend")),
        ("per", words(&["row", "target"])),
        ("title", reference("phrase")),
        ("why", reference("phrase")),
        ("advice", reference("phrase")),
        ("runbook", text()),
        ("limit", reference("duration")),
        ("who", reference("id")),
        ("within", reference("duration")),
    ];
    line.extend(lifted.clone());
    let mut check = map(&["id", "check"], &line);
    let (parameters, of_parameters) = parameters_by_check();
    check["allOf"] = Value::Array(parameters);
    let mut variant: Vec<(&str, Value)> = vec![("targets", reference("selection")), ("with", json!({ "type": "object" }))];
    variant.extend(lifted);
    let for_each = json!({ "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": reference("selection") });
    let used = map(
        &["use"],
        &[
            ("use", reference("id")),
            ("as", reference("id")),
            ("with", reference("values")),
            ("only", reference("some-ids")),
            ("for_each", for_each),
        ],
    );
    let of_override = [
        ("targets", reference("selection")),
        ("rows", reference("expression")),
        ("warn", reference("threshold")),
        ("crit", reference("threshold")),
        ("with", json!({ "type": "object" })),
        ("skip", reference("phrase")),
    ];
    let mut outer = vec![("check", json!({ "enum": ids }))];
    outer.extend(of_override.clone());
    let type_words = words(&["target", "text", "number", "percent", "bytes", "duration", "boolean"]);
    let part_value = json!({ "oneOf": [{ "type": ["string", "number", "boolean"] }, map(&["type"], &[("type", type_words)])] });
    let defs = [
        ("line", json!({ "oneOf": [check, used] })),
        ("override", map(&[], &of_override)),
        ("outer-override", map(&["check"], &outer)),
        ("variant", map(&[], &variant)),
        (
            "trend",
            map(
                &["id"],
                &[
                    ("id", reference("id")),
                    ("warn", reference("threshold")),
                    ("crit", reference("threshold")),
                    ("history", reference("duration")),
                ],
            ),
        ),
        (
            "across",
            map(
                &["id", "of"],
                &[
                    ("id", reference("id")),
                    ("of", reference("id")),
                    ("targets", reference("selection")),
                    ("warn", reference("threshold")),
                    ("crit", reference("threshold")),
                    ("title", reference("phrase")),
                    ("advice", reference("phrase")),
                ],
            ),
        ),
        ("report", map(&[], &[("languages", some("language")), ("to", reference("ids")), ("per", words(&["run", "system"]))])),
        ("part-values", json!({ "type": "object", "additionalProperties": part_value })),
        ("schedule", schedule()),
    ];
    defs.into_iter().map(|(name, schema)| (name.to_owned(), schema)).chain(of_parameters).collect()
}

fn schedule() -> Value {
    let times = json!({ "oneOf": [reference("time"), { "type": "array", "minItems": 1, "items": reference("time") }] });
    let months = json!({ "type": "array", "minItems": 1, "items": { "type": "integer", "minimum": 1, "maximum": 12 } });
    let at_times = map(
        &[],
        &[
            ("at", times),
            ("days", reference("days")),
            ("months", months),
            ("cron", json!({ "type": "string", "description": "five fields; never both day fields", "examples": ["*/15 8-18 * * 1-5"] })),
            ("calendar", reference("id")),
            ("missed", words(&["run-latest", "skip", "run-all"])),
            ("overlap", words(&["skip", "wait", "cancel-previous"])),
            ("spread", reference("duration")),
            ("deadline", reference("duration")),
            ("day_off", words(&["run", "skip", "next-workday", "previous-workday"])),
            ("on_freeze", words(&["run", "skip", "next-allowed-day"])),
        ],
    );
    json!({ "oneOf": [{ "const": "by-hand" }, at_times] })
}

/// For each check: `with` has its parameters and no others. Beside them what they refer to, by names of its own.
fn parameters_by_check() -> (Vec<Value>, Map<String, Value>) {
    let mut defs = Map::new();
    let rules = checks::CATALOGUE
        .iter()
        .map(|entry| {
            let mut with = with_own_names(entry);
            for (name, schema) in with.remove("$defs").as_ref().and_then(Value::as_object).into_iter().flatten() {
                defs.insert(format!("{}.{name}", entry.meta.id), schema.clone());
            }
            with.remove("$schema");
            with.remove("title");
            // What is required may also come from an override, a variant or stand beside `with:`.
            with.remove("required");
            // Lists may be added to, values of parts put in: that is for lint to tell.
            let free = with.get_mut("properties").and_then(Value::as_object_mut);
            for property in free.into_iter().flat_map(Map::values_mut) {
                let description = property.get("description").cloned();
                let stands_for = json!({ "oneOf": [map(&["add"], &[("add", json!({ "type": "array" }))]), map(&["value"], &[("value", text())])] });
                let mut either = json!({ "anyOf": [property.take(), stands_for] });
                if let Some(description) = description {
                    either["description"] = description;
                }
                *property = either;
            }
            json!({ "if": { "properties": { "check": { "const": entry.meta.id } }, "required": ["check"] }, "then": { "properties": { "with": Value::Object(with) } } })
        })
        .collect();
    (rules, defs)
}

/// The schema of a check's parameters, whose references lead to definitions that carry the check's name.
fn with_own_names(entry: &Entry) -> Map<String, Value> {
    fn rename(value: &mut Value, id: &str) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(path)) = map.get_mut("$ref")
                    && let Some(name) = path.strip_prefix("#/$defs/")
                {
                    *path = format!("#/$defs/{id}.{name}");
                }
                map.values_mut().for_each(|value| rename(value, id));
            }
            Value::Array(items) => items.iter_mut().for_each(|value| rename(value, id)),
            _ => {}
        }
    }
    let mut schema = Value::Object(entry.schema().as_object().cloned().unwrap_or_default());
    rename(&mut schema, entry.meta.id);
    match schema {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
