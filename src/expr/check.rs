//! Names and types: from the tree as written to the typed tree. It goes on after a fault, so that all of them are reported at once.

use std::ops::Range;

use super::fault::{Fault, Warning};
use super::node::{FieldRef, Node};
use super::operators::adapt;
use super::scope::Scope;
use super::syntax::{Syntax, SyntaxKind};
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
    /// The longest period that it looks back on, in seconds.
    pub(super) looks_back_s: f64,
    /// Variables of the loops around the place, outermost first.
    pub(super) variables: Vec<(String, Type)>,
}

impl<'s> Checker<'s> {
    pub(super) const fn new(source: &'s str, scope: &'s Scope) -> Self {
        Self { source, scope, faults: Vec::new(), warnings: Vec::new(), fields: Vec::new(), looks_back_s: 0.0, variables: Vec::new() }
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
            SyntaxKind::Choice(parts) => self.choice(parts),
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
}
