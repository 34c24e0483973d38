//! `rounds schema`: JSON Schema of the files of a site, for editors. Words and parameters are those of the code itself.

#[cfg(test)]
mod fits;
mod playbook;
mod site;

use serde_json::{Map, Value, json};

use super::exit::Exit;

/// Prints the schema.
pub(super) fn schema() -> Exit {
    println!("{:#}", document());
    Exit::Fine
}

/// The schema of every sort of file; the first key tells them apart.
#[must_use]
pub(super) fn document() -> Value {
    let mut defs = common();
    defs.extend(playbook::defs());
    defs.extend(site::defs());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of a rounds site",
        "type": "object",
        "$defs": defs,
        "oneOf": [
            playbook::playbook(),
            playbook::part(),
            site::settings(),
            site::inventory(),
            site::calendar(),
            site::windows(),
            site::waivers(),
            site::tests(),
        ],
    })
}

/// What all sorts of files share.
fn common() -> Map<String, Value> {
    let defs = json!({
        "id": { "type": ["string", "integer"], "pattern": r"^[\p{L}\p{N}][\p{L}\p{N}._-]*$" },
        "ids": { "type": "array", "items": { "$ref": "#/$defs/id" } },
        "some-ids": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/id" } },
        "selection": { "description": "an expression over target, system and labels, or a list of names", "oneOf": [
            { "type": "string", "description": "an expression over target, system and labels" },
            { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/id" }, "description": "names of targets, groups or systems" },
        ] },
        "phrase": { "oneOf": [
            { "type": "string" },
            map(&[], &[("en", json!({ "type": "string" })), ("zh", json!({ "type": "string" }))]),
        ] },
        "expression": { "type": "string", "description": "an expression over the fields of the check" },
        "threshold": { "type": "string", "description": "an expression over the fields of the check, or never", "not": { "enum": ["false", "off", "none", "0", "no"] } },
        "duration": { "type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(w|d|h|ms|m|s))+$", "examples": ["30s", "5m", "1d2h"] },
        "time": { "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["08:00"] },
        "date": { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2027-03-31"] },
        "moment": { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2})?$", "examples": ["2026-12-28 00:00"] },
        "days": { "oneOf": [{ "$ref": "#/$defs/day" }, { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/day" } }] },
        "day": { "description": "every-day, workday, last-workday, mon … sun, 1st-sun, last-fri, or 1 to 31", "oneOf": [
            { "type": "integer", "minimum": 1, "maximum": 31 },
            { "type": "string", "pattern": "^(every-day|workday|last-workday|((1st|2nd|3rd|4th|5th|last)-)?(mon|tue|wed|thu|fri|sat|sun))$" },
        ] },
        "values": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } },
        "limits": map(&[], &[("item", reference("duration")), ("target", reference("duration")), ("run", reference("duration"))]),
        "language": { "enum": ["en", "zh"] },
    });
    match defs {
        Value::Object(defs) => defs,
        _ => Map::new(),
    }
}

/// A map with these keys and no others.
fn map(required: &[&str], properties: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> = properties.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties })
}

fn list(of: &str) -> Value {
    json!({ "type": "array", "items": { "$ref": format!("#/$defs/{of}") } })
}

fn some(of: &str) -> Value {
    json!({ "type": "array", "minItems": 1, "items": { "$ref": format!("#/$defs/{of}") } })
}

fn reference(to: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{to}") })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn words(words: &[&str]) -> Value {
    json!({ "enum": words })
}
