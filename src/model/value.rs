//! Typed values, and the rows of them that a check reads out of its captures.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::untrusted::Untrusted;

/// What kind of quantity a field holds; it decides which literals it may be compared with and how it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// Text from the target.
    Text,
    /// A plain number.
    Number,
    /// A share, 0 to 100.
    Percent,
    /// An amount of bytes.
    Bytes,
    /// A length of time, held in seconds.
    Duration,
    /// A moment.
    Timestamp,
    /// Yes or no.
    Boolean,
    /// A list of texts, for the details of a single row.
    List,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
pub enum Value {
    /// The target answered "no value"; judging it is an error unless the rule itself asks for null.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A number, percent (0 to 100) or amount of bytes; always finite.
    Number(f64),
    /// Text from the target.
    Text(Untrusted),
    /// A length of time in seconds.
    Duration(f64),
    /// A moment in UTC.
    Timestamp(DateTime<Utc>),
    /// Several texts.
    List(Vec<Untrusted>),
}

impl Value {
    /// Whether a field declared as `field` may hold this value. Null fits everywhere.
    #[must_use]
    pub const fn fits(&self, field: FieldType) -> bool {
        match self {
            Self::Null => true,
            Self::Boolean(_) => matches!(field, FieldType::Boolean),
            Self::Number(_) => matches!(field, FieldType::Number | FieldType::Percent | FieldType::Bytes),
            Self::Text(_) => matches!(field, FieldType::Text),
            Self::Duration(_) => matches!(field, FieldType::Duration),
            Self::Timestamp(_) => matches!(field, FieldType::Timestamp),
            Self::List(_) => matches!(field, FieldType::List),
        }
    }

    /// The number behind a number, a duration (seconds) or a timestamp (seconds since 1970), for trends.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) | Self::Duration(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact in a double for 285,000 years")]
            Self::Timestamp(at) => Some(at.timestamp_millis() as f64 / 1000.0),
            _ => None,
        }
    }

    /// The text behind a text value.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.raw()),
            _ => None,
        }
    }
}

/// One row of observations: named values in the order in which the check declares them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Row {
    fields: Vec<(Cow<'static, str>, Value)>,
}

impl Row {
    /// A row without fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { fields: Vec::new() }
    }

    /// The row with one more field.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: Value) -> Self {
        self.push(name, value);
        self
    }

    /// The row with text from the target.
    #[must_use]
    pub fn text(self, name: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        self.with(name, Value::Text(Untrusted::new(text)))
    }

    /// The row with a number, a percent or an amount of bytes; a number that is not finite becomes null, never zero.
    #[must_use]
    pub fn number(self, name: impl Into<Cow<'static, str>>, number: f64) -> Self {
        self.with(name, if number.is_finite() { Value::Number(number) } else { Value::Null })
    }

    /// The row with a length of time in seconds.
    #[must_use]
    pub fn duration(self, name: impl Into<Cow<'static, str>>, seconds: f64) -> Self {
        self.with(name, if seconds.is_finite() { Value::Duration(seconds) } else { Value::Null })
    }

    /// The row with a yes or no.
    #[must_use]
    pub fn boolean(self, name: impl Into<Cow<'static, str>>, yes: bool) -> Self {
        self.with(name, Value::Boolean(yes))
    }

    /// The row with a moment.
    #[must_use]
    pub fn timestamp(self, name: impl Into<Cow<'static, str>>, at: DateTime<Utc>) -> Self {
        self.with(name, Value::Timestamp(at))
    }

    /// The row with a list of texts.
    #[must_use]
    pub fn list<T: Into<String>>(self, name: impl Into<Cow<'static, str>>, texts: impl IntoIterator<Item = T>) -> Self {
        self.with(name, Value::List(texts.into_iter().map(Untrusted::new).collect()))
    }

    /// Adds a field.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        self.fields.push((name.into(), value));
    }

    /// The value of the field `name`, where the row has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// Names and values, in declared order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// How many fields the row has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether the row has no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}
