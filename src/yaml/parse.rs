//! From the parser's events to the tree, within limits that no hostile file gets past.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError};

use super::fault::{Fault, Faults};
use super::node::{FileId, Key, Node, NodeValue, Scalar, Span};

/// Largest file that is read: an inventory of 50,000 hosts is half of it.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_NODES: usize = 2_000_000;
const MAX_DEPTH: usize = 32;
const MAX_SCALAR_BYTES: usize = 1024 * 1024;

/// Reads `text` as one document.
///
/// `None`, with an error among `faults`, when it is not well formed, over a limit, or uses anchors, aliases, merge keys or tags.
pub fn parse(file: FileId, text: &str, faults: &mut Faults) -> Option<Node> {
    let start = Span { file, start: 0, end: 0 };
    if text.len() > MAX_BYTES {
        faults.push(Fault::error(start, format!("the file is larger than {} MiB", MAX_BYTES / 1024 / 1024)));
        return None;
    }
    if let Some((at, found)) = text.char_indices().find(|(_, c)| *c == '\0') {
        faults.push(Fault::error(Span { file, start: at, end: at + found.len_utf8() }, "a NUL character in a text file"));
        return None;
    }
    let mut builder = Builder { file, text_len: text.len(), open: Vec::new(), root: None, nodes: 0, documents: 0 };
    for event in Parser::new_from_str(text) {
        let fault = match event {
            Ok((event, span)) => builder.take(event, span, faults).err(),
            Err(error) => Some(scan_fault(file, text, &error)),
        };
        if let Some(fault) = fault {
            faults.push(fault);
            return None;
        }
    }
    if builder.root.is_none() {
        faults.push(
            Fault::error(start, "the file is empty")
                .help("its first key says what it is: settings, inventory, calendar, windows, waivers, part, playbook"),
        );
    }
    builder.root
}

fn scan_fault(file: FileId, text: &str, error: &ScanError) -> Fault {
    let at =
        error.marker().byte_offset().unwrap_or_else(|| text.char_indices().nth(error.marker().index()).map_or(text.len(), |(at, _)| at));
    let help = if text[..at.min(text.len())].lines().last().is_some_and(|line| line.contains('\t')) || error.info().contains("tab") {
        Some("YAML is indented with spaces, never with tabs".to_owned())
    } else {
        None
    };
    Fault::error(Span { file, start: at.min(text.len()), end: (at + 1).min(text.len()) }, error.info()).maybe_help(help)
}

/// A collection that is still open.
enum Open {
    List { items: Vec<Node>, start: usize },
    Map { entries: Vec<(Key, Node)>, names: HashMap<String, Span>, key: Option<Key>, start: usize },
}

struct Builder {
    file: FileId,
    text_len: usize,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    documents: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: granit_parser::Span, faults: &mut Faults) -> Result<(), Fault> {
        let range = place.byte_range().unwrap_or(self.text_len..self.text_len);
        let span = Span { file: self.file, start: range.start, end: range.end };
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Fault::error(span, format!("more than {MAX_NODES} values in one file")));
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Fault::error(span, "a second document in one file")
                        .help("one file is one document: put the other into a file of its own"));
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => return Err(no_anchors(span)),
            Event::Scalar(text, style, anchor, tag) => {
                refuse_extras(span, anchor, tag.is_some())?;
                if text.len() > MAX_SCALAR_BYTES {
                    return Err(Fault::error(Span { end: span.start, ..span }, "a single value of more than 1 MiB"));
                }
                let plain = style == ScalarStyle::Plain;
                self.scalar(text.into_owned(), plain, span, faults)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_extras(span, anchor, tag.is_some())?;
                self.open(Open::List { items: Vec::new(), start: span.start }, span)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_extras(span, anchor, tag.is_some())?;
                self.open(Open::Map { entries: Vec::new(), names: HashMap::new(), key: None, start: span.start }, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span, faults)?,
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, open: Open, span: Span) -> Result<(), Fault> {
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err(Fault::error(span, "a list or map cannot be a key"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault::error(span, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self, span: Span, faults: &mut Faults) -> Result<(), Fault> {
        let node = match self.open.pop() {
            Some(Open::List { items, start }) => Node { value: NodeValue::List(items), span: Span { start, ..span } },
            Some(Open::Map { entries, start, .. }) => Node { value: NodeValue::Map(entries), span: Span { start, ..span } },
            None => return Ok(()),
        };
        self.add(node, faults)
    }

    fn scalar(&mut self, text: String, plain: bool, span: Span, faults: &mut Faults) -> Result<(), Fault> {
        if let Some(Open::Map { key: key @ None, .. }) = self.open.last_mut() {
            if plain && text == "<<" {
                return Err(no_anchors(span));
            }
            *key = Some(Key { name: text, span });
            return Ok(());
        }
        let null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        let value = if null { NodeValue::Null } else { NodeValue::Scalar(Scalar { text, plain }) };
        self.add(Node { value, span }, faults)
    }

    fn add(&mut self, node: Node, faults: &mut Faults) -> Result<(), Fault> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, names, key, .. }) => {
                let Some(key) = key.take() else {
                    return Err(Fault::error(node.span, "a value without a key"));
                };
                if let Some(first) = names.get(&key.name) {
                    if faults.is_full() {
                        return Err(Fault::error(key.span, "too many faults to read on"));
                    }
                    // Reading goes on: the other faults of the file are worth knowing, too.
                    faults.push(
                        Fault::error(key.span, format!("the key `{}` stands twice", key.name))
                            .label("again here")
                            .and_at(*first, "first here")
                            .help("remove one of them: neither would win"),
                    );
                } else {
                    names.insert(key.name.clone(), key.span);
                    entries.push((key, node));
                }
            }
        }
        Ok(())
    }
}

fn refuse_extras(span: Span, anchor: usize, tagged: bool) -> Result<(), Fault> {
    if tagged {
        return Err(Fault::error(span, "YAML tags (`!…`) are not part of the language")
            .help("write the plain value; quote a text that begins with `!`"));
    }
    if anchor != 0 {
        return Err(no_anchors(span));
    }
    Ok(())
}

fn no_anchors(span: Span) -> Fault {
    Fault::error(span, "anchors, aliases and merge keys are not part of the language")
        .help("reuse checks with `part:` and `use:`; quote a text that begins with `&` or `*`")
}

#[cfg(test)]
mod tests {
    use super::super::node::Sources;
    use super::*;

    #[track_caller]
    fn refused(text: &str, words: &str) {
        let mut sources = Sources::default();
        let file = sources.add("t.yaml", text);
        let mut faults = Faults::default();
        parse(file, text, &mut faults);
        assert!(faults.any_error(), "accepted: {}", &text[..text.len().min(80)]);
        let shown = faults.lines(&sources);
        assert!(shown.contains(words), "{shown}");
    }

    #[test]
    fn spans_point_at_what_was_written() {
        let text = "playbook: x\nchecks:\n  - id: cpu\n    warn: \"a > 1\"\n";
        let mut faults = Faults::default();
        let root = parse(FileId(0), text, &mut faults).unwrap();
        let NodeValue::List(checks) = &root.get("checks").unwrap().value else { panic!() };
        let id = checks[0].get("id").unwrap();
        assert_eq!(&text[id.span.start..id.span.end], "cpu");
        let warn = checks[0].get("warn").unwrap();
        assert_eq!(&text[warn.span.start..warn.span.end], "\"a > 1\"");
    }

    #[test]
    fn bombs_depth_tags_and_doubled_keys_are_refused() {
        refused("a: &a [x, x]\nb: [*a, *a]\n", "anchors");
        refused("a: {<<: {b: 1}}\n", "merge");
        refused("a: !!python/object:os.system x\n", "tags");
        refused(&format!("a: {}{}\n", "[".repeat(40), "]".repeat(40)), "nested more than 32 deep");
        refused(&format!("a: {}\n", "[".repeat(5000)), "recursion limit");
        refused("a: 1\nb: 2\na: 3\n", "stands twice");
        refused(&format!("a: {}\n", "x".repeat(2 * 1024 * 1024)), "1 MiB");
        refused(&"x".repeat(MAX_BYTES + 1), "larger than 16 MiB");
        refused("a: 1\n---\nb: 2\n", "second document");
        refused("a:\n\t- x\n", "tabs");
        refused("", "empty");
        refused("? [a]\n: b\n", "cannot be a key");
    }

    #[test]
    fn every_doubled_key_is_told_not_only_the_first() {
        let mut faults = Faults::default();
        parse(FileId(0), "a: 1\na: 2\nb: 1\nb: 2\n", &mut faults);
        assert_eq!(faults.sorted().len(), 2);
    }
}
