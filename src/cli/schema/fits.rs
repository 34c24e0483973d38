//! Tests: what we write and ship fits the schema, and what lint refuses by its form does not.
//!
//! As much of JSON Schema as our own schema uses; a keyword that it does not know fails the test.

use serde_json::Value;

use crate::yaml::{Faults, FileId, Node, NodeValue, parse};

/// Why `node` does not fit `schema`; nothing when it does.
fn misfits(node: &Node, schema: &Value, root: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let keywords = schema.as_object().unwrap_or_else(|| panic!("{at}: a schema is a map: {schema}"));
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$ref" => {
                let name = rule.as_str().and_then(|path| path.strip_prefix("#/$defs/")).unwrap();
                let target = root["$defs"].get(name).unwrap_or_else(|| panic!("there is no definition `{name}`"));
                found.extend(misfits(node, target, root, at));
            }
            "oneOf" => {
                let tries: Vec<Vec<String>> = rule.as_array().unwrap().iter().map(|one| misfits(node, one, root, at)).collect();
                let fitting = tries.iter().filter(|misfits| misfits.is_empty()).count();
                if fitting != 1 {
                    found.push(format!("{at}: {fitting} of {} alternatives fit: {tries:?}", tries.len()));
                }
            }
            "type" => {
                let words: Vec<&str> =
                    rule.as_str().map_or_else(|| rule.as_array().unwrap().iter().filter_map(Value::as_str).collect(), |word| vec![word]);
                if !words.iter().any(|word| is_type(node, word)) {
                    found.push(format!("{at}: not of type {words:?}"));
                }
            }
            "enum" => {
                if let Some(text) = node.scalar()
                    && !rule.as_array().unwrap().iter().any(|word| word == text)
                {
                    found.push(format!("{at}: `{text}` is none of {rule}"));
                }
            }
            "const" => {
                if node.scalar() != rule.as_str() {
                    found.push(format!("{at}: is not {rule}"));
                }
            }
            "not" => {
                if misfits(node, rule, root, at).is_empty() {
                    found.push(format!("{at}: is refused by {rule}"));
                }
            }
            "pattern" => {
                let pattern = regex::Regex::new(rule.as_str().unwrap()).unwrap();
                if node.scalar().is_some_and(|text| !pattern.is_match(text)) {
                    found.push(format!("{at}: `{}` does not match {pattern}", node.scalar().unwrap()));
                }
            }
            "required" => {
                for key in rule.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if matches!(node.value, NodeValue::Map(_)) && node.get(key).is_none() {
                        found.push(format!("{at}: lacks `{key}`"));
                    }
                }
            }
            "properties" | "additionalProperties" => found.extend(entries(node, keyword, rule, schema, root, at)),
            "items" => {
                if let NodeValue::List(items) = &node.value {
                    found.extend(items.iter().enumerate().flat_map(|(place, item)| misfits(item, rule, root, &format!("{at}[{place}]"))));
                }
            }
            "minItems" => {
                if matches!(&node.value, NodeValue::List(items) if items.is_empty()) {
                    found.push(format!("{at}: is empty"));
                }
            }
            // Parameters of checks are lint's to judge; ranges of numbers and names are hints for editors.
            "allOf" | "$schema" | "$defs" | "title" | "description" | "examples" | "minimum" | "maximum" | "propertyNames"
            | "minProperties" | "maxProperties" => {}
            other => panic!("{at}: the schema uses `{other}`, which this test does not know"),
        }
    }
    found
}

fn entries(node: &Node, keyword: &str, rule: &Value, schema: &Value, root: &Value, at: &str) -> Vec<String> {
    let NodeValue::Map(entries) = &node.value else { return Vec::new() };
    let declared = |key: &str| schema.get("properties").and_then(|properties| properties.get(key));
    let mut found = Vec::new();
    for (key, value) in entries {
        let at = format!("{at}.{}", key.name);
        match (keyword, declared(&key.name)) {
            ("properties", Some(rule)) => found.extend(misfits(value, rule, root, &at)),
            ("additionalProperties", None) if *rule == Value::Bool(false) => found.push(format!("{at}: no such key")),
            ("additionalProperties", None) => found.extend(misfits(value, rule, root, &at)),
            _ => {}
        }
    }
    found
}

fn is_type(node: &Node, word: &str) -> bool {
    let plain = matches!(&node.value, NodeValue::Scalar(scalar) if scalar.plain);
    let parses = |text: &str| serde_json::from_str::<Value>(text).ok();
    match word {
        "object" => matches!(node.value, NodeValue::Map(_)),
        "array" => matches!(node.value, NodeValue::List(_)),
        "boolean" => plain && matches!(node.scalar(), Some("true" | "false")),
        "integer" => plain && node.scalar().and_then(parses).is_some_and(|value| value.is_u64()),
        "number" => plain && node.scalar().and_then(parses).is_some_and(|value| value.is_number()),
        "string" => node.scalar().is_some(),
        other => panic!("the schema uses the type `{other}`"),
    }
}

/// A check that is not in the catalogue yet must not hide what else is wrong with a file.
fn misfits_of(text: &str) -> Vec<String> {
    let mut faults = Faults::default();
    let node = parse(FileId(0), text, &mut faults).unwrap_or_else(|| panic!("{faults:?}"));
    let mut schema = super::document();
    let NodeValue::Map(entries) = &node.value else { panic!("a file is a map") };
    let sort = entries[0].0.name.clone();
    let alternatives = schema["oneOf"].as_array().unwrap().clone();
    let own = alternatives.iter().find(|one| one["required"].as_array().unwrap().contains(&Value::from(sort.as_str()))).unwrap().clone();
    let line = &mut schema["$defs"]["line"]["oneOf"][0]["properties"]["check"];
    *line = serde_json::json!({ "$ref": "#/$defs/id" });
    misfits(&node, &own, &schema, &sort)
}

#[test]
fn every_playbook_that_ships_fits() {
    for (id, text) in crate::playbook::shipped::PLAYBOOKS {
        assert_eq!(misfits_of(text), Vec::<String>::new(), "{id}");
    }
}

#[test]
fn every_file_of_init_fits() {
    for (name, text) in crate::cli::init::files(2026) {
        assert_eq!(misfits_of(&text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn every_definition_is_used_and_every_reference_leads_somewhere() {
    let schema = super::document();
    let text = schema.to_string();
    for name in schema["$defs"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("\"#/$defs/{name}\"")), "nothing uses `{name}`");
    }
    for reference in text.split("\"#/$defs/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schema["$defs"].get(name).is_some(), "there is no `{name}`");
    }
}

#[test]
fn what_lint_refuses_by_its_form_does_not_fit() {
    for text in [
        "playbook: p\nchecks: []\n",
        "playbook: p\ncheks: [{ id: d, check: disk-space }]\nchecks: [{ id: d, check: disk-space }]\n",
        "playbook: p\nchecks: [{ id: d, check: disk-space, warn: off }]\n",
        "playbook: p\nchecks: [{ id: d, check: disk-space, limit: 30 }]\n",
        "playbook: p\nchecks: [{ check: disk-space }]\n",
        "playbook: p\ntargets: []\nchecks: [{ id: d, check: disk-space }]\n",
        "playbook: p\nschedule: { at: \"24:00\" }\nchecks: [{ id: d, check: disk-space }]\n",
        "playbook: p\nschedule: daily\nchecks: [{ id: d, check: disk-space }]\n",
        "inventory: u\nlogins: [{ id: l, password: hunter2 }]\n",
        "inventory: u\ntargets: [{ id: x, kind: hst }]\n",
        "waivers: w\nlist: [{ id: W-1, check: disk-space, targets: [x], accepts: warn, reason: r, approved_by: y, ends: never }]\n",
        "windows: w\nlist: [{ id: w, from: 2026-12-28, to: 2027-01-05, effect: [sleep], reason: r }]\n",
        "calendar: c\ncovers: [2026]\ndays_off: [{ on: tomorrow }]\n",
        "settings: s\nlimits: { probe: 30s }\n",
        "part: p\nvalues: { db: { type: database } }\nchecks: [{ id: d, check: disk-space }]\n",
        "test: t\nplaybook: p\ncases: [{ line: d, target: x, captures: f, expect: red }]\n",
    ] {
        assert_ne!(misfits_of(text), Vec::<String>::new(), "{text}");
    }
}
