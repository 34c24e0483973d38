//! Functions, methods of texts and lists, and loops: their names, arguments and types.

use std::ops::Range;
use std::sync::Arc;

use regex::RegexBuilder;

use super::check::{Checker, Typed};
use super::node::{FieldRef, Loop, Node, TextTest, Total};
use super::scope::Subject;
use super::syntax::{Syntax, SyntaxKind};
use super::types::Type;
use super::version;
use super::within::DayRange;
use crate::nearest::nearest;

/// How deep loops may nest.
const MAX_LOOPS: usize = 2;
/// How large a compiled pattern may be, in bytes.
const MAX_PATTERN: usize = 1 << 20;

const FUNCTIONS: [&str; 14] =
    ["pct", "older", "within", "workday", "count", "sum", "max", "min", "distinct", "size", "timestamp", "grew", "average", "full_in"];
const METHODS: [&str; 10] = ["startsWith", "endsWith", "contains", "matches", "size", "lowerAscii", "exists", "all", "filter", "map"];

type Name<'a> = (&'a str, &'a Range<usize>);

impl Checker<'_> {
    pub(super) fn call(&mut self, tree: &Syntax, name: Name<'_>, on: Option<&Syntax>, arguments: &[Syntax]) -> Typed {
        match on {
            Some(on) => self.method(tree, name, on, arguments),
            None => self.function(tree, name, arguments),
        }
    }

    fn function(&mut self, tree: &Syntax, (name, place): Name<'_>, arguments: &[Syntax]) -> Typed {
        let total = match name {
            "count" => Some(Total::Count),
            "sum" => Some(Total::Sum),
            "max" => Some(Total::Max),
            "min" => Some(Total::Min),
            "distinct" => Some(Total::Distinct),
            _ => None,
        };
        match (name, arguments) {
            (_, [list]) if total.is_some() => self.total(tree, name, total.unwrap_or(Total::Count), list),
            ("size", [of]) => self.size(of),
            ("pct", [part, whole]) => self.pct(tree, part, whole),
            ("older", [left, right]) => self.older(left, right),
            ("within", [range]) => self.within(tree, range),
            ("workday", []) => self.workday(tree),
            ("timestamp", [text]) => self.moment(text),
            ("grew" | "average", [field, period]) => self.change(tree, name, field, period),
            ("full_in", [used, size]) => self.full_in(tree, used, size),
            _ if FUNCTIONS.contains(&name) => {
                let form = match name {
                    "pct" => "pct(used, max)",
                    "older" => "older(version, \"3.0.14\")",
                    "within" => "within(\"22:00-06:00\")",
                    "workday" => "workday()",
                    "timestamp" => "timestamp(\"2027-01-31T08:00:00+08:00\")",
                    "grew" => "grew(used_bytes, 1d)",
                    "average" => "average(used_pct, 30d)",
                    "full_in" => "full_in(used_bytes, size_bytes)",
                    "size" => "size(text)",
                    _ => return self.refuse(tree, format!("`{name}` takes one list"), format!("write {name}(rows.FIELD)")),
                };
                self.refuse(tree, format!("`{name}` takes other arguments"), format!("write {form}"))
            }
            _ => self.unknown_function(name, place),
        }
    }

    fn unknown_function(&mut self, name: &str, place: &Range<usize>) -> Typed {
        let help = match name {
            "has" => "write field != null".to_owned(),
            "duration" => "a length of time is written 2s, 1d2h".to_owned(),
            "int" | "uint" | "double" | "float" | "number" | "dyn" | "type" => {
                "numbers are numbers already, and / never truncates".to_owned()
            }
            "string" | "bytes" => "amounts are written 20GiB, texts \"…\"".to_owned(),
            "and" | "or" | "not" | "in" => String::new(),
            _ if METHODS.contains(&name) => format!("it stands behind a dot: text.{name}(…)"),
            _ => {
                let near = nearest(name, FUNCTIONS.into_iter().chain(METHODS));
                near.map_or_else(|| format!("functions are: {}", FUNCTIONS.join(", ")), |near| format!("did you mean `{near}`?"))
            }
        };
        self.fault_at(place.clone(), format!("unknown function `{name}`"), help);
        Typed::unknown()
    }

    fn method(&mut self, tree: &Syntax, (name, place): Name<'_>, on: &Syntax, arguments: &[Syntax]) -> Typed {
        let kind = match name {
            "exists" => Some(Loop::Exists),
            "all" => Some(Loop::All),
            "filter" => Some(Loop::Filter),
            "map" => Some(Loop::Map),
            _ => None,
        };
        let part_test = match name {
            "startsWith" => Some(TextTest::StartsWith),
            "endsWith" => Some(TextTest::EndsWith),
            "contains" => Some(TextTest::Contains),
            _ => None,
        };
        match (name, kind, part_test, arguments) {
            (_, Some(kind), _, [variable, body]) => self.each(tree, kind, on, variable, body),
            (_, _, Some(part_test), [argument]) => {
                let text = self.text_of(on, name);
                let argument = self.text_of(argument, name);
                match (text, argument) {
                    (Some(text), Some(argument)) => {
                        Typed::new(Node::TextTest(part_test, Box::new(text), Box::new(argument)), Type::Boolean)
                    }
                    _ => Typed::unknown(),
                }
            }
            ("matches", .., [pattern]) => self.matches(on, pattern),
            ("lowerAscii", .., []) => match self.text_of(on, name) {
                Some(text) => Typed::new(Node::Lower(Box::new(text)), Type::Text),
                None => Typed::unknown(),
            },
            ("size", .., []) => self.size(on),
            _ if kind.is_some() => {
                self.refuse(tree, format!("`{name}` takes a name and a condition"), format!("write rows.{name}(r, r.FIELD …)"))
            }
            _ if METHODS.contains(&name) => self.refuse(tree, format!("`{name}` takes other arguments"), format!("write text.{name}(…)")),
            _ => self.unknown_method(name, place),
        }
    }

    fn unknown_method(&mut self, name: &str, place: &Range<usize>) -> Typed {
        let help = match name {
            _ if name.starts_with("get") => "for hours and days write within(\"22:00-06:00\"), workday(), now - moment > 26h".to_owned(),
            _ if FUNCTIONS.contains(&name) => format!("it stands in front: {name}(…)"),
            "lower" | "toLower" | "toLowerCase" => "did you mean `lowerAscii`?".to_owned(),
            "any" | "some" => "did you mean `exists`?".to_owned(),
            _ => nearest(name, METHODS)
                .map_or_else(|| format!("methods are: {}", METHODS.join(", ")), |near| format!("did you mean `{near}`?")),
        };
        self.fault_at(place.clone(), format!("unknown method `{name}`"), help);
        Typed::unknown()
    }

    fn text_of(&mut self, tree: &Syntax, method: &str) -> Option<Node> {
        let typed = self.check(tree);
        match typed.of {
            Type::Text => return Some(typed.node),
            Type::Unknown => {}
            Type::List(_) if method == "contains" => self.fault(tree, "`contains` looks into a text", "for a list write \"a\" in list"),
            of => self.fault(tree, format!("`{method}` is for texts, and this is {}", of.noun()), ""),
        }
        None
    }

    fn matches(&mut self, on: &Syntax, pattern: &Syntax) -> Typed {
        let text = self.text_of(on, "matches");
        let SyntaxKind::Text(source) = &pattern.kind else {
            return self.refuse(pattern, "a pattern is written out, so that it can be checked beforehand", "write text.matches(r\"…\")");
        };
        match RegexBuilder::new(source).size_limit(MAX_PATTERN).build() {
            Ok(regex) => match text {
                Some(text) => Typed::new(Node::Matches(Box::new(text), Arc::new(regex)), Type::Boolean),
                None => Typed::unknown(),
            },
            Err(error) => {
                // The message draws the place on lines of its own; its last line says what is wrong.
                let message = error.to_string();
                let message = message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.refuse(pattern, format!("not a regular expression: {message}"), "")
            }
        }
    }

    fn size(&mut self, on: &Syntax) -> Typed {
        let typed = self.check(on);
        match typed.of {
            Type::Text | Type::List(_) | Type::Rows => Typed::new(Node::Size(Box::new(typed.node)), Type::Number),
            Type::Unknown => Typed::unknown(),
            of => self.refuse(on, format!("{} has no size", of.noun()), ""),
        }
    }

    fn each(&mut self, tree: &Syntax, kind: Loop, on: &Syntax, variable: &Syntax, body: &Syntax) -> Typed {
        let list = self.check(on);
        let SyntaxKind::Name(name) = &variable.kind else {
            return self.refuse(variable, "a loop begins with a name for the member", "write rows.exists(r, r.FIELD …)");
        };
        let member = match &list.of {
            Type::Rows => Type::Row,
            Type::List(of) => (**of).clone(),
            Type::Unknown => Type::Unknown,
            of => return self.refuse(on, format!("this is {}, no list", of.noun()), ""),
        };
        let is_taken = self.scope.field(name).is_some()
            || self.scope.names().contains(&name.as_str())
            || ["rows", "now", "values"].contains(&name.as_str())
            || self.variables.iter().any(|(other, _)| other == name);
        if is_taken {
            return self.refuse(variable, format!("`{name}` has a meaning already"), "choose another name for the member, such as r");
        }
        if self.variables.len() == MAX_LOOPS {
            return self.refuse(
                tree,
                format!("more than {MAX_LOOPS} loops inside each other"),
                "the steps would multiply: judge in the query",
            );
        }
        let slot = self.variables.len();
        self.variables.push((name.clone(), member));
        let inner = self.check(body);
        if kind != Loop::Map {
            self.expect_boolean(&inner, body);
        }
        self.variables.pop();
        let of = match kind {
            Loop::Exists | Loop::All => Type::Boolean,
            Loop::Filter => list.of.clone(),
            Loop::Map if inner.of.has_equality() => Type::List(Box::new(inner.of.clone())),
            Loop::Map if inner.of == Type::Unknown => Type::Unknown,
            Loop::Map => return self.refuse(body, format!("a list cannot hold {}", inner.of.noun()), "name a field of it: r.FIELD"),
        };
        if list.of == Type::Unknown || of == Type::Unknown {
            // What the loop gives is known even when its parts are not.
            return if of == Type::Boolean { Typed::new(Node::Boolean(false), of) } else { Typed::unknown() };
        }
        Typed::new(Node::Loop(kind, Box::new(list.node), slot, Box::new(inner.node)), of)
    }

    fn total(&mut self, tree: &Syntax, name: &str, total: Total, list: &Syntax) -> Typed {
        let typed = self.check(list);
        let of = match (total, &typed.of) {
            (_, Type::Unknown) => return Typed::unknown(),
            (Total::Count, Type::List(_) | Type::Rows) => Type::Number,
            (_, Type::Rows) => {
                return self.refuse(list, format!("`{name}` of what?"), format!("name a field: {name}({}.FIELD)", self.written(list)));
            }
            (Total::Sum, Type::List(of)) if of.is_quantity() => (**of).clone(),
            (Total::Max | Total::Min, Type::List(of)) if of.is_ordered() => (**of).clone(),
            (Total::Distinct, Type::List(of)) => Type::List(of.clone()),
            (_, Type::List(of)) => return self.refuse(tree, format!("`{name}` is for quantities, and the members are {}", of.noun()), ""),
            (_, of) => return self.refuse(list, format!("`{name}` is for lists, and this is {}", of.noun()), ""),
        };
        Typed::new(Node::Total(total, Box::new(typed.node)), of)
    }

    fn pct(&mut self, tree: &Syntax, part: &Syntax, whole: &Syntax) -> Typed {
        let (mut part_typed, mut whole_typed) = (self.check(part), self.check(whole));
        if !self.agree(&mut part_typed, part, &mut whole_typed, whole) {
            return Typed::unknown();
        }
        if !part_typed.of.is_quantity() {
            return self.refuse(tree, format!("{} has no share", part_typed.of.noun()), "write pct(used, max)");
        }
        Typed::new(Node::Pct(Box::new(part_typed.node), Box::new(whole_typed.node)), Type::Percent)
    }

    fn older(&mut self, left: &Syntax, right: &Syntax) -> Typed {
        for side in [left, right] {
            if let SyntaxKind::Text(text) = &side.kind {
                if version::compare(text, text).is_none() {
                    self.fault(side, format!("\"{text}\" is no version"), "a version begins with a number: \"3.0.14\"");
                }
            } else if side.bare_number().is_some() {
                let help = format!("a version is text: \"{}\"", self.written(side));
                return self.refuse(side, "as a number, 1.10 would be 1.1", help);
            }
        }
        match (self.text_of(left, "older"), self.text_of(right, "older")) {
            (Some(left), Some(right)) => Typed::new(Node::Older(Box::new(left), Box::new(right)), Type::Boolean),
            _ => Typed::unknown(),
        }
    }

    fn within(&mut self, tree: &Syntax, range: &Syntax) -> Typed {
        if !self.scope.has_clock() {
            return self.refuse(tree, "`targets:` is judged on the inventory, before any probe", "");
        }
        let parsed = if let SyntaxKind::Text(text) = &range.kind { DayRange::parse(text) } else { None };
        match parsed {
            Some(range) => Typed::new(Node::Within(range), Type::Boolean),
            None => self.refuse(range, "not a part of the day", "write within(\"22:00-06:00\")"),
        }
    }

    fn workday(&mut self, tree: &Syntax) -> Typed {
        if !self.scope.has_clock() {
            return self.refuse(tree, "`targets:` is judged on the inventory, before any probe", "");
        }
        if !self.scope.has_calendar {
            return self.refuse(tree, "there is no calendar that says what a workday is", "add one: `calendar: NAME`");
        }
        Typed::new(Node::Workday, Type::Boolean)
    }

    fn moment(&mut self, text: &Syntax) -> Typed {
        let parsed = if let SyntaxKind::Text(text) = &text.kind { chrono::DateTime::parse_from_rfc3339(text).ok() } else { None };
        match parsed {
            Some(at) => Typed::new(Node::Moment(at.to_utc()), Type::Timestamp),
            None => self.refuse(text, "not a moment with its zone", "write timestamp(\"2027-01-31T08:00:00+08:00\")"),
        }
    }

    fn change(&mut self, tree: &Syntax, name: &str, field: &Syntax, period: &Syntax) -> Typed {
        let field = self.history_of(tree, name, field);
        let period_typed = self.check(period);
        let (Some(field), Node::Number(seconds)) = (field, period_typed.node) else { return Typed::unknown() };
        if period_typed.of != Type::Duration || seconds <= 0.0 {
            return self.refuse(period, format!("`{name}` looks back over a length of time"), format!("write {name}({}, 1d)", field.name));
        }
        let of = field.field_type.into();
        self.looks_back_s = self.looks_back_s.max(seconds);
        let node = if name == "grew" { Node::Grew(field, seconds) } else { Node::Average(field, seconds) };
        Typed::new(node, of)
    }

    fn full_in(&mut self, tree: &Syntax, used: &Syntax, size: &Syntax) -> Typed {
        let field = self.history_of(tree, "full_in", used);
        let mut size_typed = self.check(size);
        let Some(field) = field else { return Typed::unknown() };
        let mut used_typed = Typed::new(Node::Number(0.0), field.field_type.into());
        if !self.agree(&mut used_typed, used, &mut size_typed, size) {
            return Typed::unknown();
        }
        Typed::new(Node::FullIn(field, Box::new(size_typed.node)), Type::Duration)
    }

    /// The field whose history a function looks at.
    fn history_of(&mut self, tree: &Syntax, function: &str, field: &Syntax) -> Option<FieldRef> {
        if self.scope.subject != Subject::Trend {
            self.fault(tree, format!("`{function}` looks at the history, which only a trend has"), "move it to `trend:` of the check");
            return None;
        }
        let SyntaxKind::Name(name) = &field.kind else {
            self.fault(field, format!("`{function}` wants a field of the check"), "");
            return None;
        };
        let Some(found) = self.field(name) else {
            self.check(field);
            return None;
        };
        if !Type::from(found.field_type).is_quantity() {
            self.fault(field, format!("`{name}` is {}, which has no course", Type::from(found.field_type).noun()), "");
            return None;
        }
        Some(found)
    }
}
