//! Lines of a playbook with `use:` followed: what is left are checks, each with the values that its expressions may use.

use std::collections::BTreeSet;

use super::document::{CheckDoc, LineDoc, PartDoc, PartValue, PlaybookDoc, TargetsDoc, UseDoc, Values};
use super::site::Site;
use crate::inventory::Inventory;
use crate::inventory::document::Selection;
use crate::model::{FieldType, Value};
use crate::nearest::nearest;
use crate::yaml::{Fault, Faults, Key, Node, NodeValue, Span, Spanned};

/// Deepest nesting of `use:`.
const MAX_DEPTH: usize = 8;

/// A check of the playbook, wherever it came from.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its id in the run, prefix included.
    pub(super) id: String,
    /// The check as written, values put in.
    pub(super) doc: CheckDoc,
    /// Values that its expressions may use as `values.NAME`.
    pub(super) values: Values,
    /// The `use:` that brought it, for messages.
    pub(super) used_at: Option<Span>,
}

/// The lines of `playbook`, every `use:` followed.
pub(super) fn expand(playbook: &PlaybookDoc, site: &Site, inventory: &Inventory, faults: &mut Faults) -> Vec<Line> {
    let mut values = site.settings.values.clone();
    values.extend(playbook.values.clone());
    let mut expander = Expander { site, inventory, faults, open: vec![playbook.id.value.clone()] };
    let mut lines = Vec::new();
    expander.lines(&playbook.lines, &values, &mut lines);
    refuse_doubles(&lines, faults);
    lines
}

struct Expander<'a> {
    site: &'a Site,
    inventory: &'a Inventory,
    faults: &'a mut Faults,
    /// What is being expanded, from outside to inside: a playbook that uses itself would never end.
    open: Vec<String>,
}

impl Expander<'_> {
    fn lines(&mut self, docs: &[LineDoc], values: &Values, lines: &mut Vec<Line>) {
        for doc in docs {
            match doc {
                LineDoc::Check(check) => {
                    lines.push(Line { id: check.id.value.clone(), doc: (**check).clone(), values: values.clone(), used_at: None });
                }
                LineDoc::Use(used) => self.used(used, values, lines),
            }
        }
    }

    fn used(&mut self, used: &UseDoc, values: &Values, lines: &mut Vec<Line>) {
        if self.open.contains(&used.of.value) || self.open.len() > MAX_DEPTH {
            self.faults.push(Fault::error(used.of.span, format!("`{}` uses itself: {}", used.of.value, self.open.join(" → "))));
            return;
        }
        let mut found = Vec::new();
        self.open.push(used.of.value.clone());
        if let Some(part) = self.site.parts.iter().find(|part| part.id.value == used.of.value) {
            self.part(part, used, values, &mut found);
        } else if let Some((_, playbook)) = self.site.playbook(&used.of.value) {
            if !used.with.is_empty() || used.for_each.is_some() {
                self.faults.push(
                    Fault::error(used.span, format!("`{}` is a playbook, and only parts take values", used.of.value))
                        .help("take `with:` and `for_each:` out"),
                );
            }
            if !playbook.overrides.is_empty() || !playbook.across.is_empty() {
                self.faults.push(
                    Fault::warning(used.of.span, format!("of `{}` come its checks; its `overrides:` and `across:` do not", used.of.value))
                        .help("write those that are meant into this playbook, too"),
                );
            }
            let mut inner = values.clone();
            inner.extend(playbook.values.clone());
            self.lines(&playbook.lines, &inner, &mut found);
        } else {
            let names = self
                .site
                .parts
                .iter()
                .map(|part| part.id.value.as_str())
                .chain(self.site.playbooks.iter().map(|(_, playbook)| playbook.id.value.as_str()));
            let near = nearest(&used.of.value, names).map(|near| format!("did you mean `{near}`?"));
            self.faults.push(Fault::error(used.of.span, format!("there is no part and no playbook `{}`", used.of.value)).maybe_help(near));
        }
        self.open.pop();
        self.keep_only(used, &mut found);
        for mut line in found {
            if let Some(prefix) = &used.prefix {
                line.id = format!("{}.{}", prefix.value, line.id);
            }
            line.used_at = Some(used.span);
            lines.push(line);
        }
    }

    fn part(&mut self, part: &PartDoc, used: &UseDoc, values: &Values, found: &mut Vec<Line>) {
        for (key, _) in &used.with {
            if !part.values.contains_key(&key.name) {
                let near = nearest(&key.name, part.values.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
                self.faults.push(
                    Fault::error(key.span, format!("the part `{}` declares no value `{}`", part.id.value, key.name))
                        .maybe_help(near)
                        .and_at(part.id.span, "the part"),
                );
            }
        }
        let given: Vec<(Key, Node)> = used.with.clone();
        match &used.for_each {
            None => self.instance(part, used, &given, values, found),
            Some((key, selection)) => {
                for position in self.inventory.select(selection, self.faults) {
                    let id = self.inventory.targets[position].id.clone();
                    let node = Node { value: NodeValue::Scalar(crate::yaml::Scalar { text: id, plain: false }), span: key.span };
                    let mut given = given.clone();
                    given.push((key.clone(), node));
                    self.instance(part, used, &given, values, found);
                }
            }
        }
    }

    /// The lines of a part with one set of values.
    fn instance(&mut self, part: &PartDoc, used: &UseDoc, given: &[(Key, Node)], values: &Values, found: &mut Vec<Line>) {
        let mut nodes: Vec<(String, Node)> = Vec::new();
        for (name, declared) in &part.values {
            let node = given.iter().find(|(key, _)| key.name == *name).map(|(_, node)| node);
            match (node, declared) {
                (Some(node), _) | (None, PartValue::Default(node)) => nodes.push((name.clone(), node.clone())),
                (None, PartValue::Target | PartValue::Required(_)) => {
                    self.faults.push(
                        Fault::error(used.span, format!("the part `{}` needs the value `{name}`", part.id.value))
                            .help(format!("with: {{ {name}: … }}")),
                    );
                    return;
                }
            }
        }
        let mut inner = values.clone();
        for (name, node) in &nodes {
            if let Some(value) = self.faults.typed_value(node, "a value") {
                self.expect_type(name, node, &value, &part.values[name]);
                inner.insert(name.clone(), value);
            }
        }
        let mut lines = Vec::new();
        self.lines(&part.lines, &inner, &mut lines);
        for mut line in lines {
            self.put_in(&mut line.doc, &nodes);
            found.push(line);
        }
    }

    /// A given value has the type of what the part declares.
    fn expect_type(&mut self, name: &str, node: &Node, value: &(FieldType, Value), declared: &PartValue) {
        let expected = match declared {
            PartValue::Target => {
                if value.1.as_text().is_none_or(|id| self.inventory.position(id).is_none()) {
                    self.faults
                        .push(Fault::error(node.span, format!("the value `{name}` is the id of a target, and there is none of this name")));
                }
                return;
            }
            PartValue::Required(word) => word.clone(),
            PartValue::Default(default) => match self.faults.typed_value(default, "a value") {
                Some((field_type, _)) => type_word(field_type).to_owned(),
                None => return,
            },
        };
        if type_word(value.0) != expected {
            self.faults.push(Fault::error(node.span, format!("the value `{name}` is a {expected}, not a {}", type_word(value.0))));
        }
    }

    /// Replaces `{ value: NAME }` in data by the value.
    fn put_in(&mut self, doc: &mut CheckDoc, nodes: &[(String, Node)]) {
        if let Some(TargetsDoc::Value(name)) = &doc.targets {
            match nodes.iter().find(|(known, _)| *known == name.value).and_then(|(_, node)| node.scalar()) {
                Some(id) => {
                    let names = vec![Spanned::new(id.to_owned(), name.span)];
                    doc.targets = Some(TargetsDoc::Selection(Selection::Names(names, name.span)));
                }
                None => self.faults.push(Fault::error(name.span, format!("the part declares no value `{}`", name.value))),
            }
        }
        let of_overrides = doc.overrides.iter_mut().flat_map(|over| &mut over.with);
        let of_variants = doc.variants.iter_mut().flat_map(|variant| &mut variant.with);
        for (_, node) in doc.with.iter_mut().chain(of_overrides).chain(of_variants) {
            self.put_in_node(node, nodes);
        }
    }

    fn put_in_node(&mut self, node: &mut Node, nodes: &[(String, Node)]) {
        let span = node.span;
        match &mut node.value {
            NodeValue::Map(entries) if entries.len() == 1 && entries[0].0.name == "value" => {
                let name = entries[0].1.scalar().unwrap_or_default().to_owned();
                match nodes.iter().find(|(known, _)| *known == name) {
                    Some((_, given)) => node.value = given.value.clone(),
                    None => self.faults.push(Fault::error(span, format!("the part declares no value `{name}`"))),
                }
            }
            NodeValue::Map(entries) => entries.iter_mut().for_each(|(_, node)| self.put_in_node(node, nodes)),
            NodeValue::List(items) => items.iter_mut().for_each(|node| self.put_in_node(node, nodes)),
            _ => {}
        }
    }

    fn keep_only(&mut self, used: &UseDoc, found: &mut Vec<Line>) {
        if used.only.is_empty() {
            return;
        }
        for only in &used.only {
            if !found.iter().any(|line| line.id == only.value) {
                let near = nearest(&only.value, found.iter().map(|line| line.id.as_str())).map(|near| format!("did you mean `{near}`?"));
                self.faults.push(Fault::error(only.span, format!("`{}` has no check `{}`", used.of.value, only.value)).maybe_help(near));
            }
        }
        let only: BTreeSet<&str> = used.only.iter().map(|only| only.value.as_str()).collect();
        found.retain(|line| only.contains(line.id.as_str()));
    }
}

const fn type_word(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "text",
        FieldType::Number => "number",
        FieldType::Percent => "percent",
        FieldType::Bytes => "bytes",
        FieldType::Duration => "duration",
        FieldType::Timestamp => "timestamp",
        FieldType::Boolean => "boolean",
        FieldType::List => "list",
    }
}

/// Two lines of one id would be told apart by nothing; `for_each` makes the same line for different targets, which is fine.
fn refuse_doubles(lines: &[Line], faults: &mut Faults) {
    for (at, line) in lines.iter().enumerate() {
        let twin = lines[..at].iter().find(|other| other.id == line.id && (other.used_at.is_none() || other.used_at != line.used_at));
        if let Some(twin) = twin {
            faults.push(
                Fault::error(line.used_at.unwrap_or(line.doc.id.span), format!("the id `{}` stands twice", line.id))
                    .and_at(twin.used_at.unwrap_or(twin.doc.id.span), "first here")
                    .help("ids name items in reports, trends and tickets: give one of them another (`as:` with `use:`)"),
            );
        }
        if line.id == "reachable" {
            faults.push(Fault::error(line.doc.id.span, "`reachable` is the id of an item that every target has").help("choose another id"));
        }
    }
}
