//! Names: variables of loops, fields, the words of the inventory, and what the caller gives.

use super::check::{Checker, Typed};
use super::node::{Node, RowRef, Word};
use super::scope::Subject;
use super::syntax::{Syntax, SyntaxKind};
use super::types::Type;
use crate::nearest::nearest;

impl Checker<'_> {
    pub(super) fn name(&mut self, tree: &Syntax, name: &str) -> Typed {
        if let Some(at) = self.variables.iter().rposition(|(variable, _)| variable == name) {
            return Typed::new(Node::Variable(at), self.variables[at].1.clone());
        }
        if self.scope.has_row()
            && let Some(field) = self.field(name)
        {
            let of = field.field_type.into();
            return Typed::new(Node::Field(RowRef::Judged, field), of);
        }
        match name {
            "now" if self.scope.has_clock() => return Typed::new(Node::Now, Type::Timestamp),
            "rows" if self.scope.subject == Subject::Rows => return Typed::new(Node::Rows, Type::Rows),
            "labels" | "target" | "system" | "values" => {
                let parts = self.scope.parts(name);
                let example = parts.first().map_or_else(|| format!("{name}.NAME"), |(part, _)| format!("{name}.{part}"));
                return self.refuse(tree, format!("`{name}` has parts and no value of its own"), format!("write {example}"));
            }
            _ => {}
        }
        if let Some(field_type) = self.scope.given.get(name) {
            return Typed::new(Node::Given(name.to_owned(), *field_type), (*field_type).into());
        }
        self.unknown_name(tree, name)
    }

    fn unknown_name(&mut self, tree: &Syntax, name: &str) -> Typed {
        let help = match (self.scope.subject, name) {
            (Subject::Rows, _) if self.scope.field(name).is_some() => {
                format!("with `per: target` the list is judged: max(rows.{name}), rows.exists(r, r.{name} …)")
            }
            (Subject::Targets, "now" | "rows") => "`targets:` is judged on the inventory, before any probe".to_owned(),
            (_, "rows") => "`rows` is there with `per: target`; without it each row is judged by its bare fields".to_owned(),
            (_, "True" | "TRUE") => "write true".to_owned(),
            (_, "False" | "FALSE") => "write false".to_owned(),
            (_, "NULL" | "Null" | "None" | "nil") => "write null".to_owned(),
            (_, "never" | "none" | "off") => "`never` stands alone as the threshold, without an expression".to_owned(),
            _ => {
                let variables = self.variables.iter().map(|(variable, _)| variable.as_str());
                let names: Vec<&str> = variables.chain(self.scope.names()).collect();
                nearest(name, names.iter().copied()).map_or_else(
                    || if names.is_empty() { String::new() } else { format!("names are: {}", names.join(", ")) },
                    |near| format!("did you mean `{near}`?"),
                )
            }
        };
        self.refuse(tree, format!("unknown name `{name}`"), help)
    }

    pub(super) fn select(&mut self, tree: &Syntax, of: &Syntax, part: &str) -> Typed {
        let is_variable = |name: &str| self.variables.iter().any(|(variable, _)| variable == name);
        if let Some(path) = path_of(of) {
            let root = path.split('.').next().unwrap_or_default();
            if matches!(root, "labels" | "target" | "system" | "values") && !is_variable(root) {
                return self.inventory(tree, &path, part);
            }
        }
        let typed = self.check(of);
        let rows = match (&typed.node, &typed.of) {
            (_, Type::Unknown) => return Typed::unknown(),
            (Node::Variable(at), Type::Row) => Err(*at),
            (_, Type::Rows) => Ok(typed.node),
            _ => return self.refuse(tree, format!("`{}` is {} and has no parts", self.written(of), typed.of.noun()), ""),
        };
        let Some(field) = self.field(part) else {
            let fields: Vec<&str> = self.scope.fields.iter().map(|(name, _)| name.as_str()).collect();
            let help = nearest(part, fields.iter().copied())
                .map_or_else(|| format!("fields are: {}", fields.join(", ")), |near| format!("did you mean `{near}`?"));
            return self.refuse(tree, format!("rows have no field `{part}`"), help);
        };
        let of = field.field_type.into();
        match rows {
            Err(variable) => Typed::new(Node::Field(RowRef::Variable(variable), field), of),
            Ok(_) if !Type::has_equality(&of) => self.refuse(tree, "a list of lists cannot be judged", ""),
            Ok(rows) => Typed::new(Node::Column(Box::new(rows), field), Type::List(Box::new(of))),
        }
    }

    /// `labels.x`, `target.id`, `system.values.x`, `values.x`.
    fn inventory(&mut self, tree: &Syntax, path: &str, part: &str) -> Typed {
        let parts = self.scope.parts(path);
        let full = format!("{path}.{part}");
        if full == "system.values" {
            return self.refuse(tree, "`system.values` has parts and no value of its own", "write system.values.NAME");
        }
        let Some((_, of)) = parts.iter().find(|(name, _)| name == part).cloned() else {
            let names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
            let help = match nearest(part, names.iter().copied()) {
                Some(near) => format!("did you mean `{path}.{near}`?"),
                None if path == "system" => "write system.id, system.tier, system.owner or system.values.NAME".to_owned(),
                None if names.is_empty() => String::new(),
                None => format!("known are: {}", names.join(", ")),
            };
            let message = match path {
                "labels" => format!("no target carries the label `{part}`"),
                "system.values" => format!("no system has a value `{part}`"),
                _ => format!("unknown name `{full}`"),
            };
            return self.refuse(tree, message, help);
        };
        let node = match full.as_str() {
            "target.id" => Node::Inventory(Word::TargetId),
            "target.kind" => Node::Inventory(Word::TargetKind),
            "target.address" => Node::Inventory(Word::TargetAddress),
            "system.id" => Node::Inventory(Word::SystemId),
            "system.tier" => Node::Inventory(Word::SystemTier),
            "system.owner" => Node::Inventory(Word::SystemOwner),
            _ if path == "labels" => Node::Label(part.to_owned()),
            _ if path == "system.values" => match self.scope.words.system_values.get(part) {
                Some(field_type) => Node::SystemValue(part.to_owned(), *field_type),
                None => return Typed::unknown(),
            },
            _ => match self.scope.given.get(&full) {
                Some(field_type) => Node::Given(full, *field_type),
                None => return Typed::unknown(),
            },
        };
        Typed::new(node, of)
    }

    /// A value that nobody in the inventory carries is a slip; the empty text asks who carries none.
    pub(super) fn known_value(&mut self, node: &Node, name: &Syntax, value: &Syntax) {
        let SyntaxKind::Text(text) = &value.kind else { return };
        if text.is_empty() || !matches!(node, Node::Label(_) | Node::Inventory(_)) {
            return;
        }
        let Some(path) = path_of(name) else { return };
        let Some(known) = self.scope.known_values(&path) else { return };
        if known.contains(text) {
            return;
        }
        let help = match nearest(text, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if known.len() <= 12 => format!("values are: {}", known.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
            None => String::new(),
        };
        self.fault(value, format!("nobody's `{path}` is \"{text}\""), help);
    }
}

/// The dotted name that `tree` spells.
fn path_of(tree: &Syntax) -> Option<String> {
    match &tree.kind {
        SyntaxKind::Name(name) => Some(name.clone()),
        SyntaxKind::Select { of, part } => Some(format!("{}.{part}", path_of(of)?)),
        _ => None,
    }
}
