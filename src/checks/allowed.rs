//! Settings and what they may be: `kernel.sysrq: [0, 16]`, and the row that says whether one is so.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check::Field;
use crate::model::{FieldType, Row, Value};

/// The values that a setting may have: one, or several of which any will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed(Vec<String>);

/// The fields of the rows of checks that compare settings.
pub(super) const FIELDS: &[Field] = &[
    Field::new("setting", FieldType::Text, "Setting", "设置项"),
    Field::new("value", FieldType::Text, "Value", "当前值"),
    Field::new("expected", FieldType::Text, "Expected", "期望值"),
    Field::new("compliant", FieldType::Boolean, "Compliant", "符合"),
];

impl Allowed {
    /// Any of `words`.
    pub(super) fn any_of(words: &[&str]) -> Self {
        Self(words.iter().map(|&word| word.to_owned()).collect())
    }

    /// Whether `value` is one of them, in upper or lower case.
    pub(super) fn allows(&self, value: &str) -> bool {
        self.0.iter().any(|word| word.eq_ignore_ascii_case(value))
    }

    /// The values as people read them.
    pub(super) fn shown(&self) -> String {
        self.0.join(" | ")
    }
}

/// The row of one setting; a value that is not known leaves `compliant` without a value too.
pub(super) fn row(setting: &str, value: Option<&str>, expected: String, compliant: Option<bool>) -> Row {
    Row::new()
        .text("setting", setting)
        .with("value", value.map_or(Value::Null, |value| Value::Text(value.into())))
        .text("expected", expected)
        .with("compliant", compliant.map_or(Value::Null, Value::Boolean))
}

impl<'de> Deserialize<'de> for Allowed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Words)
    }
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = Allowed;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value as text or whole number (yes, no, true, false and numbers with a point in quotes), or a list of them")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Allowed, E> {
        Ok(Allowed(vec![word.to_owned()]))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Allowed, E> {
        Ok(Allowed(vec![number.to_string()]))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Allowed, E> {
        Ok(Allowed(vec![number.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Allowed, A::Error> {
        let mut words = Vec::new();
        while let Some(Allowed(word)) = list.next_element()? {
            words.extend(word);
        }
        if words.is_empty() {
            return Err(A::Error::custom("an empty list would allow no value at all"));
        }
        Ok(Allowed(words))
    }
}

impl Serialize for Allowed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl JsonSchema for Allowed {
    fn schema_name() -> Cow<'static, str> {
        "Allowed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": ["string", "integer"] },
                { "type": "array", "minItems": 1, "items": { "type": ["string", "integer"] } },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_or_several_may_be_written() {
        for (json, shown) in [("\"no\"", "no"), ("1", "1"), ("-1", "-1"), ("[0, \"16\"]", "0 | 16")] {
            assert_eq!(serde_json::from_str::<Allowed>(json).unwrap().shown(), shown);
        }
    }

    #[test]
    fn values_that_yaml_would_mangle_are_refused() {
        for json in ["1.10", "true", "null", "[]", "{}"] {
            assert!(serde_json::from_str::<Allowed>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        assert!(Allowed::any_of(&["no"]).allows("NO"));
        assert!(!Allowed::any_of(&["no"]).allows("nope"));
    }
}
