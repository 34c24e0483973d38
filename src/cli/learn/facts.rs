//! What was seen, as rules: for each row an override that fails as soon as one of its facts is another.
//!
//! Everything in here is text from the target. It goes into expressions as quoted text and into YAML as quoted scalars, and
//! never as anything else.

use crate::model::{FieldType, Row, Value};

/// Longest expression that is written; what a person could not read is not a rule.
const MAX_BYTES: usize = 1_500;

/// That a row is this one: its key fields have these values. `None` where a part of the key is null.
#[must_use]
pub(super) fn is_row(row: &Row, key: &[String]) -> Option<String> {
    let parts: Option<Vec<String>> = key
        .iter()
        .map(|name| match row.get(name)? {
            Value::Null => None,
            value => Some(format!("{name} == {}", literal(value, None)?)),
        })
        .collect();
    let text = parts?.join(" and ");
    (text.len() <= MAX_BYTES && !text.is_empty()).then_some(text)
}

/// That any of the facts is another than in `row`. `None` where one cannot be written as an expression.
#[must_use]
pub(super) fn differs(row: &Row, facts: &[&str], types: &[(String, FieldType)]) -> Option<String> {
    let mut parts = Vec::new();
    for name in facts {
        let of = types.iter().find(|(field, _)| field == name).map(|(_, of)| *of);
        let part = match row.get(name)? {
            Value::Null => format!("not ({name} == null)"),
            value => format!("{name} == null or {name} != {}", literal(value, of)?),
        };
        parts.push(part);
    }
    let text = parts.join(" or ");
    (text.len() <= MAX_BYTES && !text.is_empty()).then_some(text)
}

/// A value as it is written in an expression.
fn literal(value: &Value, of: Option<FieldType>) -> Option<String> {
    Some(match value {
        Value::Text(text) => scalar(text.raw()),
        Value::Boolean(yes) => yes.to_string(),
        Value::Number(number) if *number < 0.0 => return None,
        Value::Number(number) => match of {
            Some(FieldType::Percent) => format!("{number}%"),
            Some(FieldType::Bytes) => format!("{number}B"),
            _ => number.to_string(),
        },
        Value::Duration(seconds) if *seconds >= 0.0 => format!("{seconds}s"),
        _ => return None,
    })
}

/// A text as a double-quoted scalar of YAML, whatever it holds; expressions quote and escape the same way.
#[must_use]
pub(super) fn scalar(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if must_be_coded(c) => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Characters that YAML forbids, takes for line ends, or a reader would not see; all of them have four digits.
fn must_be_coded(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{Env, Scope, Type, Vocabulary, compile};
    use crate::yaml::{Faults, FileId, parse};

    const HOSTILE: [&str; 9] = [
        "it's \"quoted\"",
        "{{ handlebars }} #{ruby} ${sh}",
        "line\none: two\n- three",
        "a: b # c",
        "back\\slash \\u0041 \\n",
        "\u{0}\u{1b}[31m\u{7f}\u{85}\u{feff}\u{202e}",
        "\" or true or \"",
        "中文 😀 ｆｕｌｌ",
        "!!python/object &anchor *alias",
    ];

    fn row(text: &str) -> Row {
        Row::new().text("name", text).text("value", text)
    }

    #[test]
    fn hostile_text_stays_text_through_expression_and_yaml() {
        let words = Vocabulary::default();
        let types = [("name".to_owned(), FieldType::Text), ("value".to_owned(), FieldType::Text)];
        for text in HOSTILE {
            let row = row(text);
            let (is_row, differs) = (is_row(&row, &["name".to_owned()]).unwrap(), differs(&row, &["value"], &types).unwrap());
            for (expression, expected) in [(is_row, true), (differs, false)] {
                let yaml = format!("k: {}\n", scalar(&expression));
                let mut faults = Faults::default();
                let root = parse(FileId(0), &yaml, &mut faults).unwrap_or_else(|| panic!("{yaml}: {faults:?}"));
                assert_eq!(root.get("k").unwrap().scalar(), Some(expression.as_str()), "{yaml}");
                let compiled = compile(&expression, &Scope::row(&words, types.clone()), Type::Boolean).unwrap();
                let at = chrono::DateTime::UNIX_EPOCH;
                assert_eq!(compiled.test(&Env::at(at, chrono_tz::UTC).with_row(&row)), Ok(expected), "{expression}");
                let other = Row::new().text("name", "x").text("value", "x");
                assert_eq!(compiled.test(&Env::at(at, chrono_tz::UTC).with_row(&other)), Ok(!expected), "{expression}");
            }
        }
    }

    #[test]
    fn a_value_that_was_not_there_may_not_appear_and_one_that_was_may_not_go() {
        let types = [("value".to_owned(), FieldType::Text)];
        assert_eq!(differs(&Row::new().with("value", Value::Null), &["value"], &types).unwrap(), "not (value == null)");
        assert_eq!(differs(&Row::new().text("value", "a"), &["value"], &types).unwrap(), "value == null or value != \"a\"");
    }

    #[test]
    fn what_is_too_long_to_be_read_is_no_rule() {
        assert_eq!(is_row(&row(&"x".repeat(3_000)), &["name".to_owned()]), None);
    }
}
