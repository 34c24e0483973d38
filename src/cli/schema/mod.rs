//! `rounds schema`: JSON Schema of the files of a site, for editors.

use serde_json::{Map, Value, json};

use super::exit::Exit;
use crate::checks;

/// Prints the schema.
pub(super) fn schema() -> Exit {
    println!("{:#}", document());
    Exit::Fine
}

/// The schema of every sort of file; the first key tells them apart.
#[must_use]
pub(super) fn document() -> Value {
    let selection = json!({ "oneOf": [
        { "type": "string", "description": "an expression over target, system and labels" },
        { "type": "array", "items": { "type": "string" }, "description": "names of targets, groups or systems" },
        { "type": "object", "properties": { "value": { "type": "string" } }, "required": ["value"], "additionalProperties": false },
    ] });
    let phrase = json!({ "oneOf": [
        { "type": "string" },
        { "type": "object", "properties": { "en": { "type": "string" }, "zh": { "type": "string" } }, "additionalProperties": false },
    ] });
    let expression = json!({ "type": "string", "description": "an expression over the fields of the check, or never" });
    let duration = json!({ "type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$", "examples": ["30s", "5m", "1d2h"] });
    let line = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "check": { "enum": checks::CATALOGUE.iter().map(|entry| entry.meta.id).chain(["ask-person"]).collect::<Vec<_>>() },
            "use": { "type": "string" }, "as": { "type": "string" }, "only": { "type": "array", "items": { "type": "string" } }, "for_each": { "type": "object" },
            "targets": { "$ref": "#/$defs/selection" }, "with": { "type": "object" },
            "warn": { "$ref": "#/$defs/expression" }, "crit": { "$ref": "#/$defs/expression" }, "per": { "enum": ["row", "target"] },
            "overrides": { "type": "array", "items": { "$ref": "#/$defs/override" } },
            "trend": { "type": "array", "items": { "$ref": "#/$defs/trend" } },
            "variants": { "type": "array", "items": { "type": "object" } },
            "run": { "type": "array", "items": { "type": "string" } }, "read": { "type": "object" }, "columns": { "type": "object" },
            "key": { "type": "array", "items": { "type": "string" } }, "rows_are": { "enum": ["things", "problems"] },
            "title": { "$ref": "#/$defs/phrase" }, "why": { "$ref": "#/$defs/phrase" }, "advice": { "$ref": "#/$defs/phrase" },
            "runbook": { "type": "string" }, "limit": { "$ref": "#/$defs/duration" },
            "who": { "type": "string" }, "within": { "$ref": "#/$defs/duration" },
        },
        "additionalProperties": false,
        "allOf": parameters_by_check(),
    });
    let override_ = json!({ "type": "object", "additionalProperties": false, "properties": {
        "check": { "type": "string" }, "targets": { "$ref": "#/$defs/selection" }, "rows": { "$ref": "#/$defs/expression" },
        "warn": { "$ref": "#/$defs/expression" }, "crit": { "$ref": "#/$defs/expression" }, "with": { "type": "object" }, "skip": { "$ref": "#/$defs/phrase" },
    } });
    let trend = json!({ "type": "object", "additionalProperties": false, "required": ["id"], "properties": {
        "id": { "type": "string" }, "warn": { "$ref": "#/$defs/expression" }, "crit": { "$ref": "#/$defs/expression" }, "history": { "$ref": "#/$defs/duration" },
    } });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A file of a rounds site",
        "$defs": { "selection": selection, "phrase": phrase, "expression": expression, "duration": duration, "line": line, "override": override_, "trend": trend },
        "oneOf": [playbook(), part(), other("settings"), other("inventory"), other("calendar"), other("windows"), other("waivers")],
    })
}

fn playbook() -> Value {
    json!({ "type": "object", "required": ["playbook", "checks"], "additionalProperties": false, "properties": {
        "playbook": { "type": "string" }, "title": { "$ref": "#/$defs/phrase" }, "owner": { "type": "string" }, "targets": { "$ref": "#/$defs/selection" },
        "schedule": {}, "checks": { "type": "array", "items": { "$ref": "#/$defs/line" } }, "across": { "type": "array", "items": { "type": "object" } },
        "overrides": { "type": "array", "items": { "$ref": "#/$defs/override" } }, "values": { "type": "object" },
        "limits": { "type": "object", "additionalProperties": { "$ref": "#/$defs/duration" } }, "report": { "type": "object" },
    } })
}

fn part() -> Value {
    json!({ "type": "object", "required": ["part", "checks"], "additionalProperties": false, "properties": {
        "part": { "type": "string" }, "values": { "type": "object" }, "checks": { "type": "array", "items": { "$ref": "#/$defs/line" } },
    } })
}

fn other(sort: &str) -> Value {
    json!({ "type": "object", "required": [sort] })
}

/// For each check: `with` has its parameters and no others.
fn parameters_by_check() -> Vec<Value> {
    checks::CATALOGUE
        .iter()
        .map(|entry| {
            let mut with: Map<String, Value> = entry.schema().as_object().cloned().unwrap_or_default();
            with.remove("$schema");
            with.remove("title");
            // What is required may also come from an override or stand beside `with:`.
            with.remove("required");
            json!({ "if": { "properties": { "check": { "const": entry.meta.id } }, "required": ["check"] }, "then": { "properties": { "with": with } } })
        })
        .collect()
}
