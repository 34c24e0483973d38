//! Reading typed things out of the tree: every fault is noted, reading goes on, the order of keys does not matter.

use super::fault::{Fault, Faults};
use super::node::{Key, Node, NodeValue, Span, Spanned};
use crate::model::unit::{self, Literal};
use crate::model::{FieldType, Phrase, Value};
use crate::nearest::nearest;

/// Reads a map key by key; [`MapReader::finish`] reports the keys that nobody asked for.
pub struct MapReader<'n> {
    what: &'static str,
    span: Span,
    entries: &'n [(Key, Node)],
    asked: Vec<&'static str>,
}

impl<'n> MapReader<'n> {
    /// A reader of `node`, which is `what`; `None`, with a fault, when it is no map.
    pub fn new(node: &'n Node, what: &'static str, faults: &mut Faults) -> Option<Self> {
        match &node.value {
            NodeValue::Map(entries) => Some(Self { what, span: node.span, entries, asked: Vec::new() }),
            _ => {
                faults.push(Fault::error(node.span, format!("{what} is a map of keys and values, this is {}", node.sort())));
                None
            }
        }
    }

    /// Where the map is written.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The value under `key`; one that is written without a value is told by [`MapReader::finish`].
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.take_with_key(key).map(|(_, node)| node)
    }

    /// Key and value, where `key` is written.
    pub fn take_with_key(&mut self, key: &'static str) -> Option<(&'n Key, &'n Node)> {
        self.asked.push(key);
        let (key, node) = self.entries.iter().find(|(name, _)| name.name == key)?;
        (node.value != NodeValue::Null).then_some((key, node))
    }

    /// The value under `key`, whose absence is a fault.
    pub fn require(&mut self, key: &'static str, faults: &mut Faults) -> Option<&'n Node> {
        let node = self.take(key);
        if node.is_none() && !self.entries.iter().any(|(name, _)| name.name == key) {
            // Point at the first line of the map: the whole of it would drown the message.
            let at = self.entries.first().map_or(self.span, |(first, _)| first.span);
            faults.push(Fault::error(at, format!("{} needs `{key}:`", self.what)));
        }
        node
    }

    /// Reports every key that was not asked for, with the nearest one that was, and every key without a value: `targets:`
    /// with nothing behind it must not mean "all".
    pub fn finish(self, faults: &mut Faults) {
        for (key, node) in self.entries {
            if node.value == NodeValue::Null {
                let message = format!("`{}:` has no value", key.name);
                faults.push(Fault::error(key.span, message).help("write one, or take the line out"));
            }
            if !self.asked.contains(&key.name.as_str()) {
                let near = nearest(&key.name, self.asked.iter().copied());
                let help =
                    near.map_or_else(|| format!("{} takes {}", self.what, self.asked.join(", ")), |near| format!("did you mean `{near}`?"));
                faults.push(Fault::error(key.span, format!("{} has no key `{}`", self.what, key.name)).help(help));
            }
        }
    }
}

/// Longest length of time that anything here can mean; what is beyond would overflow clocks.
const CENTURY_S: f64 = 36_525.0 * 86_400.0;

/// Whether a plain scalar would be a number, a truth value or a date to other readers of YAML, so that a text written so would be mangled there.
#[must_use]
pub fn looks_typed(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n")
        || text.parse::<f64>().is_ok()
        || (text.contains(':')
            && text.split(':').all(|part| part.len() <= 2 && !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())))
}

impl Faults {
    /// Any scalar as text, however it is written.
    pub fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = node.scalar();
        if text.is_none() {
            self.push(Fault::error(node.span, format!("{what} is a single value, this is {}", node.sort())));
        }
        text
    }

    /// A text; one that other readers would take for a number or a truth value must be quoted.
    pub fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.scalar(node, what)?;
        if let NodeValue::Scalar(scalar) = &node.value
            && scalar.plain
            && looks_typed(text)
        {
            self.push(
                Fault::error(node.span, format!("{what} is a text, and `{text}` is a number, a time or a truth value to YAML"))
                    .help(format!("quote it: \"{text}\"")),
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// A text with its place.
    pub fn spanned_text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        Some(Spanned::new(self.text(node, what)?, node.span))
    }

    /// An id: letters, digits, `-`, `_` and `.`, beginning with a letter or digit.
    pub fn id(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        self.name(node, what, &['-', '_', '.'])
    }

    /// An id, or a range of them: `app[1..3]`.
    pub fn id_range(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        self.name(node, what, &['-', '_', '.', '[', ']'])
    }

    fn name(&mut self, node: &Node, what: &str, signs: &[char]) -> Option<Spanned<String>> {
        let text = self.scalar(node, what)?;
        let good =
            text.chars().next().is_some_and(char::is_alphanumeric) && text.chars().all(|c| c.is_alphanumeric() || signs.contains(&c));
        if !good {
            self.push(Fault::error(node.span, format!("{what} is a name of letters, digits, `-`, `_` and `.`")));
            return None;
        }
        Some(Spanned::new(text.to_owned(), node.span))
    }

    /// One of a few words.
    pub fn word<'w>(&mut self, node: &Node, what: &str, words: &[&'w str]) -> Option<&'w str> {
        let text = self.scalar(node, what)?;
        if let Some(word) = words.iter().find(|word| **word == text) {
            return Some(word);
        }
        let help = nearest(text, words.iter().copied())
            .map_or_else(|| format!("one of {}", words.join(", ")), |near| format!("did you mean `{near}`?"));
        self.push(Fault::error(node.span, format!("{what} cannot be `{text}`")).help(help));
        None
    }

    /// `true` or `false`, and nothing else.
    pub fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.scalar(node, what)? {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                self.push(Fault::error(node.span, format!("{what} is true or false, not `{other}`")));
                None
            }
        }
    }

    /// A whole number from 0.
    pub fn integer(&mut self, node: &Node, what: &str) -> Option<u64> {
        let text = self.scalar(node, what)?;
        if let Ok(number) = text.parse()
            && (text == "0" || !text.starts_with('0'))
        {
            return Some(number);
        }
        self.push(Fault::error(node.span, format!("{what} is a whole number, not `{text}`")));
        None
    }

    /// A length of time in seconds, with its unit.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<f64> {
        let text = self.scalar(node, what)?;
        match unit::parse(text) {
            Ok(Literal::Duration(seconds)) if seconds > 0.0 && seconds <= CENTURY_S => return Some(seconds),
            Ok(Literal::Duration(seconds)) if seconds > 0.0 => {
                self.push(Fault::error(node.span, format!("{what} of more than a century: `{text}`")));
            }
            Ok(Literal::Number(_)) => {
                self.push(Fault::error(node.span, format!("{text} what?")).help(format!("{what} takes a unit: {text}s, {text}m, {text}h")));
            }
            Ok(_) => {
                self.push(Fault::error(node.span, format!("{what} is a length of time, not `{text}`")).help("write it like 30s, 5m, 1d2h"));
            }
            Err(error) => self.push(Fault::error(node.span, format!("{what} is a length of time, not `{text}`")).help(error.to_string())),
        }
        None
    }

    /// A text in both languages: a map of `en` and `zh`, or one text for both.
    pub fn phrase(&mut self, node: &Node, what: &'static str) -> Option<Phrase> {
        if matches!(node.value, NodeValue::Map(_)) {
            let mut map = MapReader::new(node, what, self)?;
            let en = map.take("en").and_then(|node| self.text(node, what));
            let zh = map.take("zh").and_then(|node| self.text(node, what));
            map.finish(self);
            return Some(Phrase { en, zh });
        }
        self.text(node, what).map(Phrase::plain)
    }

    /// The items of a list.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.value {
            NodeValue::List(items) => items,
            _ => {
                self.push(
                    Fault::error(node.span, format!("{what} is a list, this is {}", node.sort()))
                        .help("write it as [a, b] or as lines that begin with `- `"),
                );
                &[]
            }
        }
    }

    /// The items of a list that must have some: an empty one would mean "never", "nobody" or, worse, "all".
    pub fn some<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        let items = self.list(node, what);
        if items.is_empty() && matches!(node.value, NodeValue::List(_)) {
            self.push(Fault::error(node.span, format!("{what} is an empty list")).help("write at least one, or take the line out"));
        }
        items
    }

    /// A list of texts.
    pub fn texts(&mut self, node: &Node, what: &str) -> Vec<String> {
        self.list(node, what).iter().filter_map(|item| self.text(item, what)).collect()
    }

    /// A list of ids.
    pub fn ids(&mut self, node: &Node, what: &str) -> Vec<Spanned<String>> {
        self.list(node, what).iter().filter_map(|item| self.id(item, what)).collect()
    }

    /// A literal with its unit, a truth value or a text, and its type: what `values:` holds.
    pub fn typed_value(&mut self, node: &Node, what: &str) -> Option<(FieldType, Value)> {
        let text = self.scalar(node, what)?;
        let plain = matches!(&node.value, NodeValue::Scalar(scalar) if scalar.plain);
        if !plain {
            return Some((FieldType::Text, Value::Text(text.into())));
        }
        Some(match (text, unit::parse(text)) {
            ("true", _) => (FieldType::Boolean, Value::Boolean(true)),
            ("false", _) => (FieldType::Boolean, Value::Boolean(false)),
            (_, Ok(literal)) => (literal.field_type(), literal.value()),
            (_, Err(_)) => return self.text(node, what).map(|text| (FieldType::Text, Value::Text(text.into()))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::{FileId, Sources};
    use super::super::parse::parse;
    use super::*;

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest_known_one() {
        let mut sources = Sources::default();
        let text = "adress: x\n";
        let file = sources.add("inventory.yaml", text);
        let mut faults = Faults::default();
        let root = parse(file, text, &mut faults).unwrap();
        let mut map = MapReader::new(&root, "a target", &mut faults).unwrap();
        map.take("address");
        map.finish(&mut faults);
        assert_eq!(faults.lines(&sources), "inventory.yaml:1: error: a target has no key `adress` (did you mean `address`?)\n");
    }

    #[track_caller]
    fn text_of(yaml: &str) -> Option<String> {
        let mut faults = Faults::default();
        let root = parse(FileId(0), yaml, &mut faults).unwrap();
        faults.text(root.get("k").unwrap(), "k")
    }

    #[test]
    fn a_text_that_yaml_would_mangle_must_be_quoted() {
        for mangled in ["1.10", "027", "yes", "off", "12:30"] {
            assert_eq!(text_of(&format!("k: {mangled}")), None, "{mangled}");
            assert_eq!(text_of(&format!("k: \"{mangled}\"")).as_deref(), Some(mangled));
        }
        assert_eq!(text_of("k: 10.1.1.11").as_deref(), Some("10.1.1.11"));
    }

    #[test]
    fn thirty_what() {
        let mut sources = Sources::default();
        let text = "timeout: 30\n";
        let file = sources.add("p.yaml", text);
        let mut faults = Faults::default();
        let root = parse(file, text, &mut faults).unwrap();
        faults.duration(root.get("timeout").unwrap(), "timeout");
        assert!(faults.lines(&sources).contains("30 what?"));
    }
}
