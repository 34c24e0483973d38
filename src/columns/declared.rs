//! The columns that a user declares, in the order written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ColumnType;
use crate::check::{Field, ParamFault};
use crate::model::Text;

/// The columns that a user declares, in the order written; names are `snake_case`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns(Vec<(String, ColumnType)>);

/// Names that mean something else in expressions, among them CEL's reserved words.
const RESERVED: [&str; 30] = [
    "target",
    "system",
    "labels",
    "values",
    "rows",
    "now",
    "backup_time",
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "and",
    "or",
];

impl Columns {
    /// Names and types, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ColumnType)> {
        self.0.iter().map(|(name, kind)| (name.as_str(), *kind))
    }

    /// Whether none is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The type of the column `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ColumnType> {
        self.iter().find(|(column, _)| *column == name).map(|(_, kind)| kind)
    }

    /// The fields that the columns become; their labels are empty, so that the name is shown.
    #[must_use]
    pub fn fields(&self) -> Vec<Field> {
        self.iter()
            .map(|(name, kind)| Field { name: Cow::Owned(name.to_owned()), field_type: kind.field_type(), label: Text::new("", "") })
            .collect()
    }

    /// Whether every name can stand in an expression.
    ///
    /// # Errors
    /// Names the first that cannot.
    pub fn validate(&self) -> Result<(), ParamFault> {
        let fault = |message: String| Err(ParamFault { key: "columns".to_owned(), message });
        for (name, _) in self.iter() {
            let snake = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if !snake {
                return fault(format!("`{name}` is no name of a column: write it in lower case with `_`, such as `used_pct`"));
            }
            if name == "not" || RESERVED.contains(&name) {
                return fault(format!("`{name}` means something else in expressions: give the column another name"));
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Columns;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("columns and their types, such as { newest: timestamp }")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Columns, A::Error> {
                let mut columns = Vec::new();
                while let Some((name, kind)) = map.next_entry::<String, ColumnType>()? {
                    if columns.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format!("the column `{name}` is declared twice")));
                    }
                    columns.push((name, kind));
                }
                Ok(Columns(columns))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl JsonSchema for Columns {
    fn schema_name() -> Cow<'static, str> {
        "Columns".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kind = generator.subschema_for::<ColumnType>();
        json_schema!({ "type": "object", "propertyNames": { "pattern": "^[a-z][a-z0-9_]*$" }, "additionalProperties": kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_columns_keep_their_order_and_read_back() {
        let columns: Columns = serde_json::from_str(r#"{ "zeta": "number", "alpha": "timestamp" }"#).unwrap();
        assert_eq!(columns.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["zeta", "alpha"]);
        assert_eq!(serde_json::to_string(&columns).unwrap(), r#"{"zeta":"number","alpha":"timestamp"}"#);
        assert_eq!(columns.validate(), Ok(()));
    }

    #[test]
    fn names_that_no_expression_can_use_are_refused() {
        for name in ["Used", "used-pct", "1st", "rows", "package", "not", ""] {
            let columns: Columns = serde_json::from_value(serde_json::json!({ name: "number" })).unwrap();
            assert!(columns.validate().is_err(), "{name}");
        }
        assert!(serde_json::from_str::<Columns>(r#"{ "a": "number", "a": "text" }"#).is_err());
    }
}
