//! Parameters of a check: layers merged key by key, put into JSON, bound to the check.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::check::{Bound, Entry};
use crate::nearest::nearest;
use crate::yaml::{Fault, Faults, Key, Node, NodeValue, Span};

/// Merges `layers` (weakest first) and binds them to `entry`.
pub(super) fn bind(entry: &Entry, layers: &[&[(Key, Node)]], at: Span, faults: &mut Faults) -> Option<Arc<dyn Bound>> {
    let schema = entry.schema();
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut merged: Map<String, Value> = Map::new();
    let mut places: Vec<(&str, Span)> = Vec::new();
    let mut sound = true;
    for (key, node) in layers.iter().copied().flatten() {
        let Some(property) = properties.and_then(|properties| properties.get(&key.name)) else {
            let known: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
            let help = nearest(&key.name, known.iter().copied()).map_or_else(
                || if known.is_empty() { "it takes no parameters".to_owned() } else { format!("it takes {}", known.join(", ")) },
                |near| format!("did you mean `{near}`?"),
            );
            faults.push(Fault::error(key.span, format!("`{}` has no parameter `{}`", entry.meta.id, key.name)).help(help));
            sound = false;
            continue;
        };
        let value = match node.get("add") {
            Some(more) => {
                if matches!(&node.value, NodeValue::Map(entries) if entries.len() > 1) {
                    faults.push(Fault::error(node.span, "`add:` stands alone: nothing can be said beside it"));
                    sound = false;
                    continue;
                }
                let base = merged.get(&key.name).or_else(|| property.get("default")).cloned().unwrap_or(Value::Array(Vec::new()));
                match (base, json(more)) {
                    (Value::Array(mut base), Value::Array(more)) => {
                        base.extend(more);
                        Value::Array(base)
                    }
                    _ => {
                        faults.push(Fault::error(node.span, format!("`add:` puts a list onto a list, and `{}` is none", key.name)));
                        sound = false;
                        continue;
                    }
                }
            }
            None => json(node),
        };
        merged.insert(key.name.clone(), value);
        places.retain(|(name, _)| *name != key.name);
        places.push((&key.name, node.span));
    }
    if !sound {
        return None;
    }
    match entry.bind(Value::Object(merged.clone())) {
        Ok(bound) => Some(bound.into()),
        Err(fault) => {
            let key = culprit(entry, &merged, &fault.message).unwrap_or(fault.key);
            let span = places.iter().find(|(name, _)| *name == key).map_or(at, |(_, span)| *span);
            let help = if fault.message.starts_with("missing field") {
                Some(format!("add it under `with:`; for example with: {}", entry.meta.example))
            } else if fault.message.contains("expected a string") {
                Some("a text that looks like a number is quoted".to_owned())
            } else {
                None
            };
            faults.push(Fault::error(span, format!("`{}`: {}", entry.meta.id, fault.message)).maybe_help(help));
            None
        }
    }
}

/// The key whose value alone gives the same message.
fn culprit(entry: &Entry, merged: &Map<String, Value>, message: &str) -> Option<String> {
    merged.iter().find_map(|(key, value)| {
        let alone = Map::from_iter([(key.clone(), value.clone())]);
        let same = entry.bind(Value::Object(alone)).err().is_some_and(|fault| fault.message == message);
        (same && !message.starts_with("missing field")).then(|| key.clone())
    })
}

/// A node as JSON: plain numbers and truth values are such, everything else is text.
fn json(node: &Node) -> Value {
    match &node.value {
        NodeValue::Null => Value::Null,
        NodeValue::Scalar(scalar) if scalar.plain => match scalar.text.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => match serde_json::from_str::<Value>(text) {
                Ok(number @ Value::Number(_)) => number,
                _ => Value::String(text.to_owned()),
            },
        },
        NodeValue::Scalar(scalar) => Value::String(scalar.text.clone()),
        NodeValue::List(items) => Value::Array(items.iter().map(json).collect()),
        NodeValue::Map(entries) => Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), json(node))).collect()),
    }
}
