//! Literals with units (`80%`, `2s`, `1d2h`, `20GiB`): the one grammar of playbooks, parameters and expressions.

use super::value::{FieldType, Value};

/// A literal as it was meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Literal {
    /// A plain number.
    Number(f64),
    /// A share, 0 to 100.
    Percent(f64),
    /// An amount of bytes.
    Bytes(f64),
    /// A length of time in seconds.
    Duration(f64),
}

impl Literal {
    /// The type of field that this literal is comparable with.
    #[must_use]
    pub const fn field_type(self) -> FieldType {
        match self {
            Self::Number(_) => FieldType::Number,
            Self::Percent(_) => FieldType::Percent,
            Self::Bytes(_) => FieldType::Bytes,
            Self::Duration(_) => FieldType::Duration,
        }
    }

    /// The value that it stands for.
    #[must_use]
    pub const fn value(self) -> Value {
        match self {
            Self::Number(number) | Self::Percent(number) | Self::Bytes(number) => Value::Number(number),
            Self::Duration(seconds) => Value::Duration(seconds),
        }
    }
}

/// Why a literal is refused, with the right spelling where one is near.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiteralError {
    /// Not a number with an optional unit at all.
    #[error("not a number with a unit")]
    NotALiteral,
    /// A unit that means different things to different people, or is not one of ours.
    #[error("unknown unit `{unit}`; {hint}")]
    Unit {
        /// The unit as written.
        unit: String,
        /// What to write instead.
        hint: String,
    },
    /// `027`: would be octal to some readers.
    #[error("leading zeros are refused: write {0}")]
    LeadingZero(String),
    /// `1h1d`, `1h2h`: parts must descend.
    #[error("the parts of a duration go from large to small, each once: d h m s ms")]
    Order,
}

const DURATIONS: [(&str, f64); 6] = [("w", 604_800.0), ("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001)];
const BYTES: [(&str, f64); 11] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("PiB", 1_125_899_906_842_624.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("PB", 1e15),
];

/// Reads a literal that spans the whole of `text`.
///
/// # Errors
/// When it is no literal, or one with a unit that we refuse.
pub fn parse(text: &str) -> Result<Literal, LiteralError> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (literal, used) = scan(rest)?;
    if used != rest.len() {
        return Err(LiteralError::NotALiteral);
    }
    let sign = if negative { -1.0 } else { 1.0 };
    Ok(match literal {
        Literal::Number(number) => Literal::Number(number * sign),
        Literal::Percent(number) => Literal::Percent(number * sign),
        Literal::Bytes(number) => Literal::Bytes(number * sign),
        Literal::Duration(number) => Literal::Duration(number * sign),
    })
}

/// Reads the literal that `text` begins with (no sign), and how many bytes it takes.
///
/// # Errors
/// When `text` does not begin with a digit, or the unit is refused.
pub fn scan(text: &str) -> Result<(Literal, usize), LiteralError> {
    let (number, digits) = scan_number(text)?;
    let unit = unit_at(&text[digits..]);
    match unit {
        "" if text[digits..].starts_with('%') => Ok((Literal::Percent(number), digits + 1)),
        "" => Ok((Literal::Number(number), digits)),
        _ => {
            if let Some((_, factor)) = BYTES.iter().find(|(name, _)| *name == unit) {
                return Ok((Literal::Bytes(number * factor), digits + unit.len()));
            }
            scan_duration(text)
        }
    }
}

fn scan_number(text: &str) -> Result<(f64, usize), LiteralError> {
    let whole = text.bytes().take_while(u8::is_ascii_digit).count();
    if whole == 0 {
        return Err(LiteralError::NotALiteral);
    }
    if whole > 1 && text.starts_with('0') {
        return Err(LiteralError::LeadingZero(text[..whole].trim_start_matches('0').to_owned()));
    }
    let fraction = text[whole..].strip_prefix('.').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
    let end = if fraction == 0 { whole } else { whole + 1 + fraction };
    let number = text[..end].parse().map_err(|_| LiteralError::NotALiteral)?;
    Ok((number, end))
}

fn unit_at(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    &text[..end]
}

fn scan_duration(text: &str) -> Result<(Literal, usize), LiteralError> {
    let mut seconds = 0.0;
    let mut at = 0;
    let mut smallest = f64::INFINITY;
    while text[at..].starts_with(|c: char| c.is_ascii_digit()) {
        let (number, digits) = scan_number(&text[at..])?;
        let unit = unit_at(&text[at + digits..]);
        let Some((_, factor)) = DURATIONS.iter().find(|(name, _)| *name == unit) else {
            return Err(LiteralError::Unit { unit: unit.to_owned(), hint: unit_hint(unit) });
        };
        if *factor >= smallest {
            return Err(LiteralError::Order);
        }
        smallest = *factor;
        seconds += number * factor;
        at += digits + unit.len();
    }
    Ok((Literal::Duration(seconds), at))
}

fn unit_hint(unit: &str) -> String {
    match unit {
        "K" | "k" | "KB" | "kb" => "write KiB (1024) or kB (1000)".to_owned(),
        "M" | "mb" | "Mb" => "write MiB (1024²) or MB (1000²); minutes are m".to_owned(),
        "G" | "g" | "gb" | "Gb" => "write GiB (1024³) or GB (1000³)".to_owned(),
        "T" | "t" | "tb" => "write TiB (1024⁴) or TB (1000⁴)".to_owned(),
        "min" | "mins" | "minute" | "minutes" => "minutes are m: 5m".to_owned(),
        "sec" | "secs" | "second" | "seconds" => "seconds are s: 30s".to_owned(),
        "hr" | "hrs" | "hour" | "hours" | "H" => "hours are h: 4h".to_owned(),
        "day" | "days" | "D" => "days are d: 7d".to_owned(),
        "week" | "weeks" => "weeks are w: 2w".to_owned(),
        "mon" | "month" | "months" | "y" | "year" | "years" => "months and years vary in length: write days, 30d".to_owned(),
        _ => "units are % · ms s m h d w · B kB MB GB TB PB · KiB MiB GiB TiB PiB".to_owned(),
    }
}

/// Writes seconds as people do: `1d 2h`, `3m 5s`, `1.25 s`, `12 ms`; the two largest parts.
#[must_use]
pub fn show_duration(seconds: f64) -> String {
    let (sign, seconds) = if seconds < 0.0 { ("-", -seconds) } else { ("", seconds) };
    if seconds < 1.0 {
        return format!("{sign}{} ms", trim((seconds * 1000.0 * 10.0).round() / 10.0));
    }
    if seconds < 60.0 {
        return format!("{sign}{} s", trim((seconds * 100.0).round() / 100.0));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and far below 2^63 seconds")]
    let whole = seconds.round().min(9e15) as u64;
    let parts = [(whole / 86_400, "d"), (whole / 3_600 % 24, "h"), (whole / 60 % 60, "m"), (whole % 60, "s")];
    let first = parts.iter().position(|(number, _)| *number > 0).unwrap_or(3);
    let shown: Vec<String> =
        parts[first..].iter().take(2).filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number}{unit}")).collect();
    format!("{sign}{}", shown.join(" "))
}

/// Writes bytes with a binary unit and three figures: `512 B`, `1.5 GiB`, `20 GiB`.
#[must_use]
pub fn show_bytes(bytes: f64) -> String {
    let (sign, mut amount) = if bytes < 0.0 { ("-", -bytes) } else { ("", bytes) };
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < units.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let shown = if amount >= 100.0 || unit == 0 { amount.round() } else { (amount * 10.0).round() / 10.0 };
    format!("{sign}{} {}", trim(shown), units[unit])
}

/// Writes a number without needless zeros, at most three decimals: `3`, `0.25`, `1200`.
#[must_use]
pub fn show_number(number: f64) -> String {
    trim((number * 1000.0).round() / 1000.0)
}

fn trim(number: f64) -> String {
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: Literal) {
        assert_eq!(parse(text), Ok(expected), "{text}");
    }

    #[test]
    fn literals_read_as_they_are_meant() {
        case("80%", Literal::Percent(80.0));
        case("2s", Literal::Duration(2.0));
        case("1d2h", Literal::Duration(93_600.0));
        case("1.5h", Literal::Duration(5_400.0));
        case("250ms", Literal::Duration(0.25));
        case("20GiB", Literal::Bytes(20.0 * 1_073_741_824.0));
        case("20GB", Literal::Bytes(20e9));
        case("-5", Literal::Number(-5.0));
        case("0", Literal::Number(0.0));
        case("0.5", Literal::Number(0.5));
    }

    #[test]
    fn units_that_mean_two_things_are_refused_with_the_right_spelling() {
        for (text, hint) in [("5G", "GiB"), ("5M", "MiB"), ("5min", "5m"), ("30sec", "30s"), ("3months", "30d")] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }

    #[test]
    fn what_is_no_literal_is_refused() {
        for text in ["", "abc", "1h1d", "1h2h", "027", "1.2.3", "5 GiB", "80%%"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quantities_are_shown_as_people_write_them() {
        assert_eq!(show_duration(93_600.0), "1d 2h");
        assert_eq!(show_duration(0.0125), "12.5 ms");
        assert_eq!(show_duration(61.0), "1m 1s");
        assert_eq!(show_bytes(1_610_612_736.0), "1.5 GiB");
        assert_eq!(show_bytes(512.0), "512 B");
        assert_eq!(show_number(12.3456), "12.346");
    }
}
