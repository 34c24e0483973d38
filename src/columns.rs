//! Columns that users declare (`columns: { newest: timestamp }`), and how text of a target becomes their values.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::check::{Field, ParamFault};
use crate::model::unit::{self, Literal};
use crate::model::untrusted::visible;
use crate::model::{FieldType, Text, Untrusted, Value};

/// What a declared column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Text as it came.
    Text,
    /// A plain number.
    Number,
    /// A share, 0 to 100; a `%` behind it is allowed.
    Percent,
    /// An amount of bytes: a number of bytes, or with a unit such as `20GiB`.
    Bytes,
    /// A number of seconds.
    Seconds,
    /// A length of time as text: `1d2h`, `02:15:00`, `3 days 02:15:00`.
    Duration,
    /// A moment: ISO 8601, or seconds since 1970; without a zone of its own it is in the target's.
    Timestamp,
    /// Yes or no: true/false, t/f, yes/no, y/n, on/off, 1/0.
    Boolean,
}

impl ColumnType {
    /// The type of the field that the column becomes.
    #[must_use]
    pub const fn field_type(self) -> FieldType {
        match self {
            Self::Text => FieldType::Text,
            Self::Number => FieldType::Number,
            Self::Percent => FieldType::Percent,
            Self::Bytes => FieldType::Bytes,
            Self::Seconds | Self::Duration => FieldType::Duration,
            Self::Timestamp => FieldType::Timestamp,
            Self::Boolean => FieldType::Boolean,
        }
    }
}

/// The value of `column` that the target wrote as `text`; `None` is its null. Text that is not wholly of the type is refused.
///
/// # Errors
/// Says what the column's text is and what it should have been.
pub fn typed(column: &str, kind: ColumnType, text: Option<&str>, zone: Tz) -> Result<Value, String> {
    let Some(raw) = text else { return Ok(Value::Null) };
    let text = raw.trim();
    let value = match kind {
        ColumnType::Text => Ok(Value::Text(Untrusted::new(raw))),
        _ if text.is_empty() => Err("is empty".to_owned()),
        ColumnType::Number => whole_number(text).map(Value::Number),
        ColumnType::Percent => number(text.strip_suffix('%').map_or(text, str::trim_end)).map(Value::Number),
        ColumnType::Bytes => bytes(text).map(Value::Number),
        ColumnType::Seconds => number(text).map(Value::Duration),
        ColumnType::Duration => duration(text).map(Value::Duration),
        ColumnType::Timestamp => moment(text, zone).map(Value::Timestamp),
        ColumnType::Boolean => boolean(text).map(Value::Boolean),
    };
    value.map_err(|fault| if text.is_empty() { format!("`{column}` {fault}") } else { format!("`{column}`: `{}` {fault}", visible(text)) })
}

/// The zone of timestamps that the target gives without one: its own `timezone`, else UTC.
///
/// # Errors
/// When the inventory names no zone that we know.
pub fn zone_of(timezone: Option<&str>) -> Result<Tz, String> {
    timezone.map_or(Ok(Tz::UTC), |name| name.parse().map_err(|_| format!("`{name}` is no IANA time zone")))
}

/// A number that must not change on its way through a double.
fn whole_number(text: &str) -> Result<f64, String> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value = number(text)?;
    let is_integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'+');
    if is_integer && value.abs() > EXACT && format!("{value:.0}") != text.trim_start_matches('+') {
        return Err("has more digits than a number can hold: declare the column `text`".to_owned());
    }
    Ok(value)
}

fn number(text: &str) -> Result<f64, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    // `inf`, `nan` and hexadecimal are numbers to some parsers, and to nobody's thresholds.
    let shaped = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let value = text.parse::<f64>().ok().filter(|value| shaped && value.is_finite()).ok_or("is not a number")?;
    if digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit() {
        return Err("has leading zeros, which a number would lose: declare the column `text`".to_owned());
    }
    Ok(value)
}

fn bytes(text: &str) -> Result<f64, String> {
    // People's tools put a space before the unit.
    match unit::parse(&text.replacen(' ', "", 1)) {
        Ok(Literal::Bytes(amount)) => Ok(amount),
        Ok(Literal::Number(_)) | Err(unit::LiteralError::NotALiteral | unit::LiteralError::LeadingZero(_)) => {
            number(text).map_err(|_| "is not an amount of bytes".to_owned())
        }
        Ok(_) => Err("is not an amount of bytes".to_owned()),
        Err(error) => Err(format!("is not an amount of bytes: {error}")),
    }
}

fn duration(text: &str) -> Result<f64, String> {
    if text.contains(':') {
        return clock_time(text).ok_or_else(|| "is not a duration such as 02:15:00 or 3 days 02:15:00".to_owned());
    }
    match unit::parse(&text.replace(' ', "")) {
        Ok(Literal::Duration(seconds)) => Ok(seconds),
        Ok(Literal::Number(_)) => Err("has no unit: declare the column `seconds`, or have the unit written".to_owned()),
        Ok(_) => Err("is not a duration".to_owned()),
        Err(error) => days_alone(text).ok_or_else(|| format!("is not a duration: {error}")),
    }
}

/// `[-]HH:MM:SS[.fff]`, with days before it as PostgreSQL (`3 days`, `1 day`) or ps (`3-`) write them.
fn clock_time(text: &str) -> Option<f64> {
    let (days, clock) = match text.rsplit_once(' ') {
        Some((days, clock)) => (days_alone(days)?, clock),
        None => match text.split_once('-') {
            Some((days, clock)) if !days.is_empty() => (whole(days)? * 86_400.0, clock),
            _ => (0.0, text),
        },
    };
    let (sign, clock) = clock.strip_prefix('-').map_or((1.0, clock), |rest| (-1.0, rest));
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (whole(parts.next()?)?, whole(parts.next()?)?, parts.next()?);
    let seconds_value = seconds.parse::<f64>().ok().filter(|_| seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))?;
    let fits = parts.next().is_none() && minutes < 60.0 && seconds_value < 60.0;
    fits.then_some(days + sign * (hours * 3_600.0 + minutes * 60.0 + seconds_value))
}

/// `3 days`, `-1 days`, `1 day`; months and years vary in length and are refused.
fn days_alone(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let (sign, digits) = number.strip_prefix('-').map_or((1.0, number), |rest| (-1.0, rest));
    matches!(unit, "day" | "days").then_some(())?;
    Some(sign * whole(digits)? * 86_400.0)
}

fn whole(digits: &str) -> Option<f64> {
    (!digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

fn moment(text: &str, zone: Tz) -> Result<DateTime<Utc>, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
        return seconds_since_1970(text);
    }
    let (stamp, offset) = split_offset(text);
    let naive = local_moment(stamp).ok_or("is not a moment such as 2026-11-21 08:00:00")?;
    match offset {
        Some(offset) => {
            let seconds = offset_seconds(offset).ok_or("has an unknown time zone: write it as Z or +08:00")?;
            naive
                .checked_sub_signed(chrono::TimeDelta::seconds(seconds))
                .map(|utc| utc.and_utc())
                .ok_or_else(|| "is out of range".to_owned())
        }
        None => match zone.from_local_datetime(&naive) {
            chrono::LocalResult::Single(at) => Ok(at.with_timezone(&Utc)),
            chrono::LocalResult::Ambiguous(..) => Err(format!("happens twice in {zone}, when clocks go back: have the offset written")),
            chrono::LocalResult::None => Err(format!("does not exist in {zone}, clocks jump over it")),
        },
    }
}

fn seconds_since_1970(text: &str) -> Result<DateTime<Utc>, String> {
    let whole = text.split('.').next().unwrap_or_default();
    // 2026112108 would be both eight o'clock on a day of 2026 and a second of 2034.
    let looks_like_a_date = NaiveDate::parse_from_str(whole.get(..8).unwrap_or_default(), "%Y%m%d").is_ok();
    if !(9..=10).contains(&whole.len()) || looks_like_a_date {
        return Err("is no moment: write 2026-11-21 08:00:00, or seconds since 1970".to_owned());
    }
    let seconds = number(text)?;
    #[expect(clippy::cast_possible_truncation, reason = "at most ten digits of seconds")]
    DateTime::from_timestamp_millis((seconds * 1000.0).round() as i64).ok_or_else(|| "is out of range".to_owned())
}

/// Splits `…Z`, `… UTC`, `…+08`, `…+0800`, `… +08:00` into the stamp and its offset.
fn split_offset(text: &str) -> (&str, Option<&str>) {
    for suffix in ["Z", "z", "UTC", "GMT"] {
        if let Some(stamp) = text.strip_suffix(suffix) {
            return (stamp.trim_end(), Some("+00"));
        }
    }
    // A minus inside the date is no offset: look behind the time's first colon.
    let after_time = text.find(':').unwrap_or(text.len());
    match text[after_time..].find(['+', '-']) {
        Some(at) => (text[..after_time + at].trim_end(), Some(&text[after_time + at..])),
        None => (text, None),
    }
}

fn offset_seconds(offset: &str) -> Option<i64> {
    let (sign, digits) = offset.strip_prefix('-').map_or_else(|| (1, offset.trim_start_matches('+')), |rest| (-1, rest));
    let digits = digits.replace(':', "");
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i64>().ok()?, 0),
        4 => (digits[..2].parse::<i64>().ok()?, digits[2..].parse::<i64>().ok()?),
        _ => return None,
    };
    (hours <= 15 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn local_moment(stamp: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(stamp, form).ok())
        .or_else(|| NaiveDate::parse_from_str(stamp, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err("is neither yes nor no".to_owned()),
    }
}

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

    #[track_caller]
    fn reads(kind: ColumnType, text: &str, expected: Value) {
        assert_eq!(typed("c", kind, Some(text), Tz::Asia__Shanghai), Ok(expected), "{text}");
    }

    #[track_caller]
    fn refuses(kind: ColumnType, text: &str, reason: &str) {
        let refusal = typed("c", kind, Some(text), Tz::Europe__Berlin).expect_err(text);
        assert!(refusal.contains(reason), "{text}: {refusal}");
    }

    #[track_caller]
    fn at(text: &str) -> Value {
        Value::Timestamp(text.parse().unwrap())
    }

    #[test]
    fn null_stays_null_and_empty_text_is_no_number() {
        assert_eq!(typed("c", ColumnType::Number, None, Tz::UTC), Ok(Value::Null));
        refuses(ColumnType::Number, "", "empty");
        reads(ColumnType::Text, "", Value::Text("".into()));
        reads(ColumnType::Text, " 027 ", Value::Text(" 027 ".into()));
    }

    #[test]
    fn numbers_are_read_whole_or_refused() {
        reads(ColumnType::Number, "1.10", Value::Number(1.1));
        reads(ColumnType::Number, "-3", Value::Number(-3.0));
        reads(ColumnType::Number, "1e+06", Value::Number(1e6));
        reads(ColumnType::Number, ".5", Value::Number(0.5));
        for text in ["12 MB", "1,234", "nan", "inf", "0x10", "command not found", "5%", "--3", "1.2.3"] {
            refuses(ColumnType::Number, text, "not a number");
        }
        refuses(ColumnType::Number, "027", "leading zeros");
        refuses(ColumnType::Number, "12345678901234567891", "more digits");
    }

    #[test]
    fn shares_and_amounts_may_bear_their_unit() {
        reads(ColumnType::Percent, "80 %", Value::Number(80.0));
        reads(ColumnType::Percent, "80.5", Value::Number(80.5));
        reads(ColumnType::Bytes, "1024", Value::Number(1024.0));
        reads(ColumnType::Bytes, "2 KiB", Value::Number(2048.0));
        refuses(ColumnType::Bytes, "5G", "GiB");
        refuses(ColumnType::Bytes, "80%", "bytes");
    }

    #[test]
    fn lengths_of_time_are_read_as_databases_and_ps_write_them() {
        reads(ColumnType::Seconds, "1.5", Value::Duration(1.5));
        reads(ColumnType::Duration, "1d2h", Value::Duration(93_600.0));
        reads(ColumnType::Duration, "02:15:00.5", Value::Duration(8_100.5));
        reads(ColumnType::Duration, "-838:59:59", Value::Duration(-3_020_399.0));
        reads(ColumnType::Duration, "3 days 00:00:01", Value::Duration(259_201.0));
        reads(ColumnType::Duration, "3 days", Value::Duration(259_200.0));
        reads(ColumnType::Duration, "2-01:00:00", Value::Duration(176_400.0));
        refuses(ColumnType::Duration, "30", "no unit");
        refuses(ColumnType::Duration, "05:12", "not a duration");
        refuses(ColumnType::Duration, "1 mon 02:00:00", "not a duration");
    }

    #[test]
    fn moments_without_a_zone_are_in_the_targets() {
        reads(ColumnType::Timestamp, "2026-11-21 08:00:00", at("2026-11-21T00:00:00Z"));
        reads(ColumnType::Timestamp, "2026-11-21", at("2026-11-20T16:00:00Z"));
        reads(ColumnType::Timestamp, "2026-11-21 08:00:00.25+00", at("2026-11-21T08:00:00.25Z"));
        reads(ColumnType::Timestamp, "2026-11-21T08:00:00-0330", at("2026-11-21T11:30:00Z"));
        reads(ColumnType::Timestamp, "2026-11-21 08:00:00 UTC", at("2026-11-21T08:00:00Z"));
        reads(ColumnType::Timestamp, "1795248000", at("2026-11-21T08:00:00Z"));
    }

    #[test]
    fn moments_that_are_none_or_two_are_refused() {
        refuses(ColumnType::Timestamp, "0000-00-00 00:00:00", "not a moment");
        refuses(ColumnType::Timestamp, "infinity", "not a moment");
        refuses(ColumnType::Timestamp, "2026112108", "no moment");
        refuses(ColumnType::Timestamp, "20261121", "no moment");
        refuses(ColumnType::Timestamp, "2026-10-25 02:30:00", "twice");
        refuses(ColumnType::Timestamp, "2026-03-29 02:30:00", "does not exist");
        refuses(ColumnType::Timestamp, "2026-11-21 08:00:00 CST", "not a moment");
    }

    #[test]
    fn yes_and_no_have_few_spellings() {
        reads(ColumnType::Boolean, "ON", Value::Boolean(true));
        reads(ColumnType::Boolean, "f", Value::Boolean(false));
        refuses(ColumnType::Boolean, "2", "neither");
    }

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

    #[test]
    fn a_zone_nobody_knows_is_an_error() {
        assert_eq!(zone_of(None), Ok(Tz::UTC));
        assert_eq!(zone_of(Some("Asia/Shanghai")), Ok(Tz::Asia__Shanghai));
        assert!(zone_of(Some("Asia/Peking")).is_err());
    }
}
