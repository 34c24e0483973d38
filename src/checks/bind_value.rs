//! A value that a playbook gives to a query.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::probe::Bind;

/// Text, a number, or yes or no.
#[derive(Clone, Debug, PartialEq)]
pub struct BindValue(Bind);

impl BindValue {
    /// The value as a probe carries it.
    #[must_use]
    pub fn to_bind(&self) -> Bind {
        self.0.clone()
    }
}

impl<'de> Deserialize<'de> for BindValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar).map(Self)
    }
}

struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = Bind;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text, a number, or true or false")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Bind, E> {
        Ok(Bind::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Bind, E> {
        Ok(Bind::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Bind, E> {
        i64::try_from(value).map(Bind::Integer).map_err(|_| E::custom(format!("{value} is too large a number: write it in quotes")))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Bind, E> {
        if value.is_finite() { Ok(Bind::Number(value)) } else { Err(E::custom("a number must be finite")) }
    }

    fn visit_str<E>(self, value: &str) -> Result<Bind, E> {
        Ok(Bind::Text(value.to_owned()))
    }
}

impl Serialize for BindValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Bind::Text(text) => text.serialize(serializer),
            Bind::Integer(number) => number.serialize(serializer),
            Bind::Number(number) => number.serialize(serializer),
            Bind::Boolean(yes) => yes.serialize(serializer),
        }
    }
}

impl JsonSchema for BindValue {
    fn schema_name() -> Cow<'static, str> {
        "BindValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_types_and_read_back() {
        let values: Vec<BindValue> = serde_json::from_str(r#"["S1", 5, 1.5, true]"#).unwrap();
        assert_eq!(values[1].to_bind(), Bind::Integer(5));
        assert_eq!(serde_json::to_string(&values).unwrap(), r#"["S1",5,1.5,true]"#);
    }

    #[test]
    fn lists_and_nothing_are_no_values() {
        for text in ["null", "[1]", "{}", "18446744073709551615"] {
            assert!(serde_json::from_str::<BindValue>(text).is_err(), "{text}");
        }
    }
}
