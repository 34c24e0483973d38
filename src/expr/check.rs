//! Names and types: from the tree as written to the typed tree. It goes on after a fault, so that all of them are reported at once.

use std::ops::Range;

use super::fault::{Fault, Warning, nearest};
use super::node::{Arithmetic, FieldRef, Node, RowRef, Word};
use super::scope::{Scope, Subject};
use super::syntax::{Comparison, Operator, Syntax, SyntaxKind};
use super::types::Type;
use crate::model::unit::Literal;

/// An expression with its type.
pub(super) struct Typed {
    pub(super) node: Node,
    pub(super) of: Type,
}

impl Typed {
    pub(super) const fn new(node: Node, of: Type) -> Self {
        Self { node, of }
    }

    /// What stands for an expression with a fault: it gives rise to no further ones.
    pub(super) const fn unknown() -> Self {
        Self { node: Node::Boolean(false), of: Type::Unknown }
    }
}

/// Walks the tree and collects faults and the fields it meets.
pub(super) struct Checker<'s> {
    pub(super) source: &'s str,
    pub(super) scope: &'s Scope,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Warning>,
    /// Fields that the expression speaks of, in order.
    pub(super) fields: Vec<String>,
    /// Variables of the loops around the place, outermost first.
    pub(super) variables: Vec<(String, Type)>,
}

impl<'s> Checker<'s> {
    pub(super) const fn new(source: &'s str, scope: &'s Scope) -> Self {
        Self { source, scope, faults: Vec::new(), warnings: Vec::new(), fields: Vec::new(), variables: Vec::new() }
    }

    /// Checks the whole expression, which is to give `want`.
    pub(super) fn root(&mut self, tree: &Syntax, want: &Type) -> Node {
        let mut typed = self.check(tree);
        if *want == Type::Boolean {
            self.expect_boolean(&typed, tree);
        } else {
            adapt(&mut typed.of, tree, want);
            if typed.of != *want && typed.of != Type::Unknown {
                self.fault(tree, format!("this is {}, and {} is wanted", typed.of.noun(), want.noun()), "");
            }
        }
        typed.node
    }

    pub(super) fn check(&mut self, tree: &Syntax) -> Typed {
        match &tree.kind {
            SyntaxKind::Quantity(literal) => {
                let (Literal::Number(number) | Literal::Percent(number) | Literal::Bytes(number) | Literal::Duration(number)) = *literal;
                Typed::new(Node::Number(number), literal.field_type().into())
            }
            SyntaxKind::Text(text) => Typed::new(Node::Text(text.clone()), Type::Text),
            SyntaxKind::Boolean(yes) => Typed::new(Node::Boolean(*yes), Type::Boolean),
            SyntaxKind::Null => self.refuse(tree, "`null` has no value of its own", "compare a field with it: field == null"),
            SyntaxKind::List(elements) => self.list(elements),
            SyntaxKind::Name(name) => self.name(tree, name),
            SyntaxKind::Select { of, part } => self.select(tree, of, part),
            SyntaxKind::Call { name, name_range, on, arguments } => self.call(tree, (name, name_range), on.as_deref(), arguments),
            SyntaxKind::Not(of) => {
                let typed = self.check(of);
                self.expect_boolean(&typed, of);
                Typed::new(Node::Not(Box::new(typed.node)), Type::Boolean)
            }
            SyntaxKind::Negative(of) => {
                let typed = self.check(of);
                if typed.of == Type::Unknown {
                    return Typed::unknown();
                }
                if !typed.of.is_quantity() {
                    return self.refuse(of, format!("this is {}, which has no negative", typed.of.noun()), "");
                }
                Typed::new(Node::Negative(Box::new(typed.node)), typed.of)
            }
            SyntaxKind::Choice(parts) => self.choice(tree, parts),
            SyntaxKind::Binary(operator, left, right) => self.binary(tree, *operator, left, right),
        }
    }

    /// Reports a fault and stands in for the expression.
    pub(super) fn refuse(&mut self, at: &Syntax, message: impl Into<String>, help: impl Into<String>) -> Typed {
        self.fault(at, message, help);
        Typed::unknown()
    }

    pub(super) fn fault(&mut self, at: &Syntax, message: impl Into<String>, help: impl Into<String>) {
        self.fault_at(at.range.clone(), message, help);
    }

    pub(super) fn fault_at(&mut self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let help = help.into();
        self.faults.push(Fault { range, message: message.into(), help: (!help.is_empty()).then_some(help) });
    }

    pub(super) fn written(&self, tree: &Syntax) -> &'s str {
        &self.source[tree.range.clone()]
    }

    pub(super) fn expect_boolean(&mut self, typed: &Typed, tree: &Syntax) {
        if !matches!(typed.of, Type::Boolean | Type::Unknown) {
            let written = self.written(tree);
            let help = match typed.of {
                Type::Text => format!("compare it: {written} == \"…\""),
                Type::Timestamp => format!("compare it: now - {written} > 26h"),
                Type::List(_) | Type::Rows => format!("ask for its members: count({written}) > 0"),
                _ => format!("compare it: {written} > …"),
            };
            self.fault(tree, format!("this is {}, no yes or no", typed.of.noun()), help);
        }
    }

    /// A field, noted as one that the expression speaks of.
    pub(super) fn field(&mut self, name: &str) -> Option<FieldRef> {
        let field_type = self.scope.field(name)?;
        if !self.fields.iter().any(|field| field == name) {
            self.fields.push(name.to_owned());
        }
        Some(FieldRef { name: name.to_owned(), field_type })
    }

    fn list(&mut self, elements: &[Syntax]) -> Typed {
        let mut nodes = Vec::with_capacity(elements.len());
        let mut of = Type::Unknown;
        for (at, element) in elements.iter().enumerate() {
            let typed = self.check(element);
            if at == 0 {
                of = typed.of.clone();
                if !of.has_equality() && of != Type::Unknown {
                    return self.refuse(element, format!("a list cannot hold {}", of.noun()), "");
                }
            } else if typed.of != of && typed.of != Type::Unknown && of != Type::Unknown {
                return self.refuse(element, format!("this is {}, the first member of the list is {}", typed.of.noun(), of.noun()), "");
            }
            nodes.push(typed.node);
        }
        if of == Type::Unknown { Typed::unknown() } else { Typed::new(Node::List(nodes), Type::List(Box::new(of))) }
    }

    fn name(&mut self, tree: &Syntax, name: &str) -> Typed {
        if let Some(at) = self.variables.iter().rposition(|(variable, _)| variable == name) {
            return Typed::new(Node::Variable(at), self.variables[at].1.clone());
        }
        if self.scope.has_row() {
            if let Some(field) = self.field(name) {
                let of = field.field_type.into();
                return Typed::new(Node::Field(RowRef::Judged, field), of);
            }
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

    fn select(&mut self, tree: &Syntax, of: &Syntax, part: &str) -> Typed {
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

    fn choice(&mut self, tree: &Syntax, parts: &[Syntax; 3]) -> Typed {
        let [condition, yes, no] = parts;
        let [condition_typed, mut yes_typed, mut no_typed] = [self.check(condition), self.check(yes), self.check(no)];
        self.expect_boolean(&condition_typed, condition);
        if !self.agree((&mut yes_typed, yes), (&mut no_typed, no), tree) {
            return Typed::unknown();
        }
        let of = yes_typed.of;
        Typed::new(Node::Choice(Box::new([condition_typed.node, yes_typed.node, no_typed.node])), of)
    }

    fn binary(&mut self, tree: &Syntax, operator: Operator, left: &Syntax, right: &Syntax) -> Typed {
        match operator {
            Operator::And | Operator::Or => {
                let (left_typed, right_typed) = (self.check(left), self.check(right));
                self.expect_boolean(&left_typed, left);
                self.expect_boolean(&right_typed, right);
                let sides = (Box::new(left_typed.node), Box::new(right_typed.node));
                let node = if operator == Operator::And { Node::And(sides.0, sides.1) } else { Node::Or(sides.0, sides.1) };
                Typed::new(node, Type::Boolean)
            }
            Operator::Compare(comparison) => self.compare(tree, comparison, left, right),
            Operator::In => self.member(tree, left, right),
            Operator::Add => self.arithmetic(tree, Arithmetic::Add, left, right),
            Operator::Subtract => self.arithmetic(tree, Arithmetic::Subtract, left, right),
            Operator::Multiply => self.arithmetic(tree, Arithmetic::Multiply, left, right),
            Operator::Divide => self.arithmetic(tree, Arithmetic::Divide, left, right),
        }
    }

    fn compare(&mut self, tree: &Syntax, comparison: Comparison, left: &Syntax, right: &Syntax) -> Typed {
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        for (null, other) in [(left, right), (right, left)] {
            if null.kind == SyntaxKind::Null {
                return self.null_test(tree, comparison, other);
            }
        }
        let (mut left_typed, mut right_typed) = (self.check(left), self.check(right));
        if !self.agree((&mut left_typed, left), (&mut right_typed, right), tree) {
            return Typed::new(Node::Boolean(false), Type::Boolean);
        }
        let of = &left_typed.of;
        if is_equality && !of.has_equality() {
            let help = if matches!(of, Type::List(_)) { "ask for its members: \"a\" in list, count(list) > 0" } else { "" };
            self.fault(tree, format!("{} cannot be compared as a whole", of.noun()), help);
        } else if !is_equality && !of.is_ordered() {
            let help = if *of == Type::Text { "versions are compared by older(version, \"3.0.14\")" } else { "write == or !=" };
            self.fault(tree, format!("{} is neither more nor less", of.noun()), help);
        }
        if *of == Type::Percent {
            self.plausible_percent(left);
            self.plausible_percent(right);
        }
        if is_equality {
            self.known_value(&left_typed.node, left, right);
            self.known_value(&right_typed.node, right, left);
        }
        Typed::new(Node::Compare(comparison, Box::new(left_typed.node), Box::new(right_typed.node)), Type::Boolean)
    }

    /// Percents are 0 to 100: `used_pct > 0.8` would be met by nearly everything, `used_pct > 200` by nothing.
    fn plausible_percent(&mut self, tree: &Syntax) {
        let (number, help) = match (tree.bare_number(), &tree.kind) {
            (Some(number), _) if number > 0.0 && number < 1.0 => (number, format!("write {}%", number * 100.0)),
            (Some(number), _) if number > 100.0 => (number, String::new()),
            (_, SyntaxKind::Quantity(Literal::Percent(number))) if *number > 100.0 => (*number, String::new()),
            _ => return,
        };
        let help = if help.is_empty() { "percents are 0 to 100".to_owned() } else { help };
        self.warnings.push(Warning { range: tree.range.clone(), message: format!("{number} as a percent?"), help });
    }

    fn null_test(&mut self, tree: &Syntax, comparison: Comparison, other: &Syntax) -> Typed {
        let typed = if other.kind == SyntaxKind::Null { Typed::unknown() } else { self.check(other) };
        let test = match (typed.node, &typed.of) {
            (_, Type::Unknown) if other.kind != SyntaxKind::Null => return Typed::new(Node::Boolean(false), Type::Boolean),
            (Node::Field(row, field), _) => Node::IsNull(row, field),
            (Node::Label(_) | Node::Inventory(_), _) => {
                return self.refuse(tree, "this is never null: what the inventory does not say is the empty text", "write == \"\"");
            }
            _ => return self.refuse(tree, "only a field can be null", ""),
        };
        match comparison {
            Comparison::Equal => Typed::new(test, Type::Boolean),
            Comparison::NotEqual => Typed::new(Node::Not(Box::new(test)), Type::Boolean),
            _ => self.refuse(tree, "null is neither more nor less", "write == null or != null"),
        }
    }

    fn member(&mut self, tree: &Syntax, left: &Syntax, right: &Syntax) -> Typed {
        let mut left_typed = self.check(left);
        let boolean = |node| Typed::new(node, Type::Boolean);
        let SyntaxKind::List(elements) = &right.kind else {
            let right_typed = self.check(right);
            return match right_typed.of {
                Type::Unknown => boolean(Node::Boolean(false)),
                Type::List(of) => {
                    adapt(&mut left_typed.of, left, &of);
                    if left_typed.of != *of && left_typed.of != Type::Unknown {
                        let message =
                            format!("`{}` is {}, the members of the list are {}", self.written(left), left_typed.of.noun(), of.noun());
                        return self.refuse(tree, message, "");
                    }
                    boolean(Node::In(Box::new(left_typed.node), Box::new(right_typed.node)))
                }
                Type::Rows => self.refuse(tree, "`in` looks into a list of values", "write \"a\" in rows.FIELD"),
                Type::Text => self.refuse(tree, "`in` looks into a list", "for a part of a text write text.contains(\"…\")"),
                of => self.refuse(right, format!("`in` looks into a list, and this is {}", of.noun()), ""),
            };
        };
        let mut nodes = Vec::with_capacity(elements.len());
        for element in elements {
            let mut typed = self.check(element);
            if !self.agree((&mut left_typed, left), (&mut typed, element), tree) {
                return boolean(Node::Boolean(false));
            }
            self.known_value(&left_typed.node, left, element);
            nodes.push(typed.node);
        }
        if !left_typed.of.has_equality() {
            return self.refuse(left, format!("{} is no member of a list", left_typed.of.noun()), "");
        }
        boolean(Node::In(Box::new(left_typed.node), Box::new(Node::List(nodes))))
    }

    fn arithmetic(&mut self, tree: &Syntax, operator: Arithmetic, left: &Syntax, right: &Syntax) -> Typed {
        let (mut left_typed, mut right_typed) = (self.check(left), self.check(right));
        if matches!(operator, Arithmetic::Add | Arithmetic::Subtract) {
            let (left_of, right_of) = (left_typed.of.clone(), right_typed.of.clone());
            adapt(&mut left_typed.of, left, &right_of);
            adapt(&mut right_typed.of, right, &left_of);
        }
        if operator == Arithmetic::Divide && right.bare_number() == Some(0.0) {
            self.fault(right, "division by zero", "");
        }
        let of = match (&left_typed.of, operator, &right_typed.of) {
            (Type::Unknown, ..) | (.., Type::Unknown) => return Typed::unknown(),
            (a, Arithmetic::Add | Arithmetic::Subtract, b) if a == b && a.is_quantity() => a.clone(),
            (a, Arithmetic::Divide, b) if a == b && a.is_quantity() => Type::Number,
            (a, Arithmetic::Multiply | Arithmetic::Divide, Type::Number) if a.is_quantity() => a.clone(),
            (Type::Number, Arithmetic::Multiply, b) if b.is_quantity() => b.clone(),
            (Type::Timestamp, Arithmetic::Subtract, Type::Timestamp) => Type::Duration,
            (Type::Timestamp, Arithmetic::Add | Arithmetic::Subtract, Type::Duration)
            | (Type::Duration, Arithmetic::Add, Type::Timestamp) => Type::Timestamp,
            (a, _, b) => {
                let help = match (a, b) {
                    (Type::Text, _) | (_, Type::Text) => "texts are compared, not computed with",
                    (Type::Percent, _) | (_, Type::Percent) => "for a share of two amounts write pct(used, max) > 80%",
                    _ => "",
                };
                let verb = match operator {
                    Arithmetic::Add => "added to",
                    Arithmetic::Subtract => "reduced by",
                    Arithmetic::Multiply => "multiplied by",
                    Arithmetic::Divide => "divided by",
                };
                return self.refuse(tree, format!("{} cannot be {verb} {}", a.noun(), b.noun()), help);
            }
        };
        Typed::new(Node::Arithmetic(operator, Box::new(left_typed.node), Box::new(right_typed.node)), of)
    }

    /// Whether both are of one type, a bare literal taking the other's where that is meant; a fault otherwise.
    pub(super) fn agree(&mut self, left: (&mut Typed, &Syntax), right: (&mut Typed, &Syntax), tree: &Syntax) -> bool {
        let (left_of, right_of) = (left.0.of.clone(), right.0.of.clone());
        if left_of == Type::Unknown || right_of == Type::Unknown {
            return false;
        }
        adapt(&mut left.0.of, left.1, &right_of);
        adapt(&mut right.0.of, right.1, &left_of);
        if left.0.of == right.0.of {
            return true;
        }
        let help =
            mismatch_help((&left_of, left.1), (&right_of, right.1)).or_else(|| mismatch_help((&right_of, right.1), (&left_of, left.1)));
        let message = format!("`{}` is {}, `{}` is {}", self.written(left.1), left_of.noun(), self.written(right.1), right_of.noun());
        self.fault(tree, message, help.unwrap_or_default());
        false
    }

    /// A value that nobody in the inventory carries is a slip; the empty text asks who carries none.
    fn known_value(&mut self, node: &Node, name: &Syntax, value: &Syntax) {
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
pub(super) fn path_of(tree: &Syntax) -> Option<String> {
    match &tree.kind {
        SyntaxKind::Name(name) => Some(name.clone()),
        SyntaxKind::Select { of, part } => Some(format!("{}.{part}", path_of(of)?)),
        _ => None,
    }
}

/// A number without unit is a percent beside a percent; zero needs no unit anywhere.
fn adapt(of: &mut Type, tree: &Syntax, other: &Type) {
    let Some(number) = tree.bare_number() else { return };
    if *other == Type::Percent || number == 0.0 && matches!(other, Type::Bytes | Type::Duration) {
        *of = other.clone();
    }
}

/// What to write instead of comparing `a` with `b`.
fn mismatch_help((a, a_tree): (&Type, &Syntax), (b, b_tree): (&Type, &Syntax)) -> Option<String> {
    let number = a_tree.bare_number();
    Some(match (a, b) {
        (Type::Boolean, _) if a_tree.is_comparison() => "comparisons do not chain: write 5 < x and x < 10".to_owned(),
        (Type::Number, Type::Bytes) if number.is_some() => format!("{} what? write its unit: 20GiB, 500MB", number?),
        (Type::Number, Type::Duration) if number.is_some() => format!("{} what? write its unit: 30s, 5m, 26h", number?),
        (Type::Number, Type::Text) if number.is_some() => format!("text stands in quotes: \"{}\"", number?),
        (Type::Text, Type::Boolean) if matches!(a_tree.kind, SyntaxKind::Text(_)) => {
            "yes and no are written true and false, without quotes".to_owned()
        }
        (Type::Text, Type::Timestamp) => "a moment is written timestamp(\"2027-01-31T08:00:00+08:00\")".to_owned(),
        (Type::Text, _) if matches!(a_tree.kind, SyntaxKind::Text(_)) && b.is_quantity() => "numbers stand without quotes".to_owned(),
        (Type::Percent, Type::Number) if matches!(b_tree.kind, SyntaxKind::Name(_)) => {
            "a percent compares with percents only: drop the %, or write pct(used, max) > 80%".to_owned()
        }
        (Type::Percent, _) if b.is_quantity() => "a percent compares with percents only: write pct(used, max) > 80%".to_owned(),
        (Type::Duration, Type::Timestamp) => "the age of a moment is now - moment".to_owned(),
        (Type::List(_), _) => "ask for its members: \"a\" in list, count(list) > 0".to_owned(),
        _ => return None,
    })
}
