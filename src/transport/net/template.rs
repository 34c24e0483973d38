//! `{name}` in the steps of a conversation: replaced by a value that is escaped for its place, and nothing else.

use std::fmt::Write as _;

use reqwest::Url;
use serde_json::Value;

/// The place that a value goes to; it decides how the value is escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Path or query of a URL.
    Url,
    /// Value of a header.
    Header,
    /// Text that is escaped as a whole afterwards: a JSON string, a form's value.
    Text,
}

/// Why a template cannot be filled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateFault {
    /// No value, secret or kept value has this name.
    #[error("`{{{0}}}` has no value")]
    NoValue(String),
    /// The value would end the header.
    #[error("the value of `{{{0}}}` has a line end in it, which a header cannot hold")]
    LineEnd(String),
}

/// `template` with each `{name}` replaced by what `value` gives for it.
pub(super) fn fill<'a>(template: &str, place: Place, value: impl Fn(&str) -> Option<&'a str>) -> Result<String, TemplateFault> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        let after = &rest[open + 1..];
        let Some(name) = after.find('}').map(|close| &after[..close]).filter(|name| is_name(name)) else {
            // A brace that holds no name is itself.
            filled.push('{');
            rest = after;
            continue;
        };
        let value = value(name).ok_or_else(|| TemplateFault::NoValue(name.to_owned()))?;
        match place {
            Place::Url => filled.push_str(&percent_encoded(value)),
            Place::Header if value.contains(['\r', '\n', '\0']) => return Err(TemplateFault::LineEnd(name.to_owned())),
            Place::Header | Place::Text => filled.push_str(value),
        }
        rest = &after[name.len() + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

/// `json` with each `{name}` in its strings filled; keys are left as they are.
pub(super) fn fill_json<'a>(json: &Value, value: &impl Fn(&str) -> Option<&'a str>) -> Result<Value, TemplateFault> {
    Ok(match json {
        Value::String(text) => Value::String(fill(text, Place::Text, value)?),
        Value::Array(items) => Value::Array(items.iter().map(|item| fill_json(item, value)).collect::<Result<_, _>>()?),
        Value::Object(fields) => Value::Object(
            fields.iter().map(|(key, item)| Ok((key.clone(), fill_json(item, value)?))).collect::<Result<_, TemplateFault>>()?,
        ),
        other => other.clone(),
    })
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `text` with every byte but letters, digits and `-._~` as `%XX`: one segment of a path, one value of a query.
pub(super) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

/// `text` as a form sends it.
pub(super) fn form_encoded(text: &str) -> String {
    form([("", text)]).trim_start_matches('=').to_owned()
}

/// The fields of a form as they are sent.
pub(super) fn form<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    // The encoder of queries is that of forms; the URL around it is only its vessel.
    let mut url = Url::parse("form:/").expect("a constant URL");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<&'static str> {
        match name {
            "a" => Some("../x?y=1&z #"),
            "line" => Some("x\r\nHost: evil"),
            _ => None,
        }
    }

    #[test]
    fn a_value_cannot_leave_its_place() {
        assert_eq!(fill("/orders/{a}/z", Place::Url, value).unwrap(), "/orders/..%2Fx%3Fy%3D1%26z%20%23/z");
        assert_eq!(fill("Bearer {line}", Place::Header, value), Err(TemplateFault::LineEnd("line".into())));
        let json = serde_json::json!({ "{a}": ["{a}", 1, "{\"x\"}"] });
        let filled = fill_json(&json, &|_: &str| Some("q\"")).unwrap();
        assert_eq!(filled.to_string(), r#"{"{a}":["q\"",1,"{\"x\"}"]}"#);
        assert_eq!(form([("k&", "v=1 +厂")]), "k%26=v%3D1+%2B%E5%8E%82");
    }

    #[test]
    fn an_unknown_name_is_never_sent_as_it_stands() {
        assert_eq!(fill("/x/{nosuch}", Place::Url, value), Err(TemplateFault::NoValue("nosuch".into())));
        assert_eq!(fill("{ \"x\": {} }", Place::Text, value).unwrap(), "{ \"x\": {} }");
    }

    #[test]
    fn a_value_is_not_filled_again() {
        assert_eq!(fill("{a}", Place::Text, |_| Some("{a}")).unwrap(), "{a}");
    }
}
