//! Operators: which types they take, and which they give.

use super::check::{Checker, Typed};
use super::fault::Warning;
use super::node::{Arithmetic, Node};
use super::syntax::{Comparison, Operator, Syntax, SyntaxKind};
use super::types::Type;
use crate::model::unit::Literal;

impl Checker<'_> {
    pub(super) fn choice(&mut self, parts: &[Syntax; 3]) -> Typed {
        let [condition, yes, no] = parts;
        let [condition_typed, mut yes_typed, mut no_typed] = [self.check(condition), self.check(yes), self.check(no)];
        self.expect_boolean(&condition_typed, condition);
        if !self.agree(&mut yes_typed, yes, &mut no_typed, no) {
            return Typed::unknown();
        }
        let of = yes_typed.of;
        Typed::new(Node::Choice(Box::new([condition_typed.node, yes_typed.node, no_typed.node])), of)
    }

    pub(super) fn binary(&mut self, tree: &Syntax, operator: Operator, left: &Syntax, right: &Syntax) -> Typed {
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
        if !self.agree(&mut left_typed, left, &mut right_typed, right) {
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
            if !self.agree(&mut left_typed, left, &mut typed, element) {
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
    pub(super) fn agree(&mut self, left: &mut Typed, left_tree: &Syntax, right: &mut Typed, right_tree: &Syntax) -> bool {
        let (left_of, right_of) = (left.of.clone(), right.of.clone());
        if left_of == Type::Unknown || right_of == Type::Unknown {
            return false;
        }
        adapt(&mut left.of, left_tree, &right_of);
        adapt(&mut right.of, right_tree, &left_of);
        if left.of == right.of {
            return true;
        }
        let help = mismatch_help((&left_of, left_tree), (&right_of, right_tree))
            .or_else(|| mismatch_help((&right_of, right_tree), (&left_of, left_tree)));
        let (left_noun, right_noun) = (left_of.noun(), right_of.noun());
        let message = format!("`{}` is {left_noun}, `{}` is {right_noun}", self.written(left_tree), self.written(right_tree));
        let start = left_tree.range.start.min(right_tree.range.start);
        self.fault_at(start..left_tree.range.end.max(right_tree.range.end), message, help.unwrap_or_default());
        false
    }
}

/// A number without unit is a percent beside a percent; zero needs no unit anywhere.
pub(super) fn adapt(of: &mut Type, tree: &Syntax, other: &Type) {
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
