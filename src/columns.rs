//! Columns that users declare (`columns: { newest: timestamp }`), and how text of a target becomes their values.

mod declared;
mod time;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::declared::Columns;
use self::time::{duration, moment};
use crate::model::unit::{self, Literal};
use crate::model::untrusted::visible;
use crate::model::{FieldType, Untrusted, Value};

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

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err("is neither yes nor no".to_owned()),
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
    fn a_zone_nobody_knows_is_an_error() {
        assert_eq!(zone_of(None), Ok(Tz::UTC));
        assert_eq!(zone_of(Some("Asia/Shanghai")), Ok(Tz::Asia__Shanghai));
        assert!(zone_of(Some("Asia/Peking")).is_err());
    }
}
