//! From tokens to a tree: CEL's own parser decides what belongs to what.
//!
//! The parser is shown a text in which every name and literal is the number of its token (`t0 > t2`). So literals with
//! units, reserved words, macros and escapes never reach it, and each leaf of its tree points back into the user's text.

use std::ops::Range;

use cel::common::ast::{CallExpr, Expr as CelExpr, IdedExpr, operators};
use cel::parser::PrattParser;

use super::fault::Fault;
use super::lex::{Token, TokenKind};
use crate::model::unit::Literal;

/// How deep a tree may be: a row of operators leans to the left and is as deep as it is long.
const MAX_DEPTH: usize = 80;

/// A node of the tree as written, before names and types are known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Syntax {
    pub(super) range: Range<usize>,
    pub(super) kind: SyntaxKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum SyntaxKind {
    Name(String),
    Quantity(Literal),
    Text(String),
    Boolean(bool),
    Null,
    List(Vec<Syntax>),
    /// `of.part`
    Select {
        of: Box<Syntax>,
        part: String,
    },
    /// `name(…)` or `on.name(…)`
    Call {
        name: String,
        name_range: Range<usize>,
        on: Option<Box<Syntax>>,
        arguments: Vec<Syntax>,
    },
    Not(Box<Syntax>),
    Negative(Box<Syntax>),
    Binary(Operator, Box<Syntax>, Box<Syntax>),
    /// `condition ? yes : no`
    Choice(Box<[Syntax; 3]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    And,
    Compare(Comparison),
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The same comparison with its sides exchanged.
    pub(super) const fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

impl Syntax {
    /// The number, if it is one without unit, a minus sign included.
    pub(super) fn bare_number(&self) -> Option<f64> {
        match &self.kind {
            SyntaxKind::Quantity(Literal::Number(number)) => Some(*number),
            SyntaxKind::Negative(of) => of.bare_number().map(|number| -number),
            _ => None,
        }
    }

    pub(super) const fn is_comparison(&self) -> bool {
        matches!(self.kind, SyntaxKind::Binary(Operator::Compare(_) | Operator::In, ..))
    }
}

/// The tree of `tokens`, whose brackets are known to match.
///
/// # Errors
/// The first place where they do not make sense; what follows it would only be consequences.
pub(super) fn parse(source: &str, tokens: &[Token]) -> Result<Syntax, Fault> {
    let (text, places) = encode(tokens);
    match PrattParser::new().parse(&text) {
        Ok(tree) if depth(&tree) > MAX_DEPTH => {
            Err(Fault::new(0..source.len(), format!("the parts of the expression nest deeper than {MAX_DEPTH}")))
        }
        Ok(tree) => Reader { tokens }.read(&tree).ok_or_else(|| Fault::new(0..source.len(), "this is not an expression")),
        Err(errors) => {
            // Columns count from 1; the encoded text is a single line.
            let column = errors.errors.first().map_or(1, |error| error.pos.1);
            let offset = usize::try_from(column).unwrap_or(1).saturating_sub(1);
            let index = places.iter().rposition(|place| *place <= offset).filter(|_| offset < text.trim_end().len());
            Err(misplaced(source, tokens, index))
        }
    }
}

/// How deep the tree is. It is asked before anything walks the tree by calling itself, so it keeps its own stack.
fn depth(tree: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(tree, 1)];
    while let Some((tree, depth)) = open.pop() {
        deepest = deepest.max(depth);
        match &tree.expr {
            CelExpr::Call(call) => open.extend(call.args.iter().chain(call.target.as_deref()).map(|part| (part, depth + 1))),
            CelExpr::List(list) => open.extend(list.elements.iter().map(|part| (part, depth + 1))),
            CelExpr::Select(select) => open.push((&select.operand, depth + 1)),
            _ => {}
        }
    }
    deepest
}

/// The text for CEL's parser, and where each token begins in it. `not` takes what follows up to the next `and`, `or`,
/// comma or bracket: `not a == b` means what it says.
fn encode(tokens: &[Token]) -> (String, Vec<usize>) {
    let mut text = String::new();
    let mut places = Vec::with_capacity(tokens.len());
    let mut nots = vec![0];
    for (index, token) in tokens.iter().enumerate() {
        if let TokenKind::Sign("&&" | "||" | "," | "?" | ":" | ")" | "]") = token.kind {
            text.push_str(&") ".repeat(nots.last_mut().map_or(0, std::mem::take)));
        }
        places.push(text.len());
        match token.kind {
            TokenKind::Sign(sign) => {
                match sign {
                    "(" | "[" => nots.push(0),
                    ")" | "]" => _ = nots.pop(),
                    _ => {}
                }
                text.push_str(sign);
            }
            TokenKind::Not => {
                if let Some(open) = nots.last_mut() {
                    *open += 1;
                }
                text.push_str("! (");
            }
            _ => text.extend(["t", &index.to_string()]),
        }
        text.push(' ');
    }
    text.push_str(&") ".repeat(nots.last_mut().map_or(0, std::mem::take)));
    (text, places)
}

/// What to say of the token that does not fit; `None` is the end.
fn misplaced(source: &str, tokens: &[Token], index: Option<usize>) -> Fault {
    let Some(index) = index else {
        return Fault::new(source.len()..source.len(), "the expression ends too early");
    };
    let range = tokens[index].range.clone();
    let word = &source[range.clone()];
    let fault = Fault::new(range.clone(), format!("`{word}` does not fit here"));
    let before = index.checked_sub(1).map(|before| &tokens[before].kind);
    let help = match word {
        "between" => "write x >= 5 and x <= 10",
        "is" | "IS" => "write x == null, or x != null",
        "like" | "LIKE" | "contains" | "matches" | "startsWith" | "endsWith" => "write field.contains(\"…\"), field.startsWith(\"…\")",
        "AND" | "And" => "write and",
        "OR" | "Or" => "write or",
        "NOT" | "Not" => "write not",
        "IN" | "In" => "write in",
        "if" | "then" | "else" | "when" => "write condition ? a : b",
        "equals" | "eq" => "write ==",
        "gt" => "write >",
        "lt" => "write <",
        _ if matches!(before, Some(TokenKind::Quantity(_))) => "a unit stands directly behind its number: 5m, 20GiB, 80%",
        _ if matches!(before, Some(TokenKind::Name(_) | TokenKind::Text(_))) => "an operator is missing in front of it: and, or, ==, <",
        _ => return fault,
    };
    fault.with_help(help)
}

struct Reader<'t> {
    tokens: &'t [Token],
}

impl Reader<'_> {
    /// `None` for forms that the encoded text cannot give rise to.
    fn read(&self, tree: &IdedExpr) -> Option<Syntax> {
        match &tree.expr {
            CelExpr::Ident(word) => self.leaf(word),
            CelExpr::Select(select) if !select.test => {
                let of = self.read(&select.operand)?;
                let (part, place) = self.name(&select.field)?;
                Some(Syntax { range: of.range.start..place.end, kind: SyntaxKind::Select { of: Box::new(of), part } })
            }
            CelExpr::List(list) => {
                let elements = self.read_all(&list.elements)?;
                let range = elements.first()?.range.start..elements.last()?.range.end;
                Some(Syntax { range, kind: SyntaxKind::List(elements) })
            }
            CelExpr::Call(call) => self.call(call),
            _ => None,
        }
    }

    fn read_all(&self, trees: &[IdedExpr]) -> Option<Vec<Syntax>> {
        trees.iter().map(|tree| self.read(tree)).collect()
    }

    fn token(&self, word: &str) -> Option<&Token> {
        self.tokens.get(word.strip_prefix('t')?.parse::<usize>().ok()?)
    }

    fn name(&self, word: &str) -> Option<(String, Range<usize>)> {
        let token = self.token(word)?;
        let TokenKind::Name(name) = &token.kind else { return None };
        Some((name.clone(), token.range.clone()))
    }

    fn leaf(&self, word: &str) -> Option<Syntax> {
        let token = self.token(word)?;
        let kind = match &token.kind {
            TokenKind::Name(name) => SyntaxKind::Name(name.clone()),
            TokenKind::Quantity(literal) => SyntaxKind::Quantity(*literal),
            TokenKind::Text(text) => SyntaxKind::Text(text.clone()),
            TokenKind::Boolean(yes) => SyntaxKind::Boolean(*yes),
            TokenKind::Null => SyntaxKind::Null,
            TokenKind::Not | TokenKind::Sign(_) => return None,
        };
        Some(Syntax { range: token.range.clone(), kind })
    }

    fn call(&self, call: &CallExpr) -> Option<Syntax> {
        match call.func_name.as_str() {
            operators::LOGICAL_NOT | operators::NEGATE => {
                let of = Box::new(self.read(call.args.first()?)?);
                let range = of.range.clone();
                let is_not = call.func_name == operators::LOGICAL_NOT;
                Some(Syntax { range, kind: if is_not { SyntaxKind::Not(of) } else { SyntaxKind::Negative(of) } })
            }
            operators::CONDITIONAL => {
                let parts: [Syntax; 3] = self.read_all(&call.args)?.try_into().ok()?;
                Some(Syntax { range: parts[0].range.start..parts[2].range.end, kind: SyntaxKind::Choice(Box::new(parts)) })
            }
            word => match operator(word) {
                Some(operator) => {
                    let left = Box::new(self.read(call.args.first()?)?);
                    let right = Box::new(self.read(call.args.get(1)?)?);
                    Some(Syntax { range: left.range.start..right.range.end, kind: SyntaxKind::Binary(operator, left, right) })
                }
                None => self.named_call(call, word),
            },
        }
    }

    fn named_call(&self, call: &CallExpr, word: &str) -> Option<Syntax> {
        let (name, name_range) = self.name(word)?;
        let on = match &call.target {
            Some(on) => Some(Box::new(self.read(on)?)),
            None => None,
        };
        let arguments = self.read_all(&call.args)?;
        let start = on.as_ref().map_or(name_range.start, |on| on.range.start);
        let end = arguments.last().map_or(name_range.end, |last| last.range.end);
        Some(Syntax { range: start..end, kind: SyntaxKind::Call { name, name_range, on, arguments } })
    }
}

/// The operator that CEL's parser calls `word`.
fn operator(word: &str) -> Option<Operator> {
    Some(match word {
        operators::LOGICAL_OR => Operator::Or,
        operators::LOGICAL_AND => Operator::And,
        operators::EQUALS => Operator::Compare(Comparison::Equal),
        operators::NOT_EQUALS => Operator::Compare(Comparison::NotEqual),
        operators::LESS => Operator::Compare(Comparison::Less),
        operators::LESS_EQUALS => Operator::Compare(Comparison::LessOrEqual),
        operators::GREATER => Operator::Compare(Comparison::Greater),
        operators::GREATER_EQUALS => Operator::Compare(Comparison::GreaterOrEqual),
        operators::IN => Operator::In,
        operators::ADD => Operator::Add,
        operators::SUBSTRACT => Operator::Subtract,
        operators::MULTIPLY => Operator::Multiply,
        operators::DIVIDE => Operator::Divide,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::lex::lex;

    fn tree(source: &str) -> Result<Syntax, Fault> {
        parse(source, &lex(source).unwrap())
    }

    #[test]
    fn not_takes_the_whole_comparison() {
        let SyntaxKind::Binary(Operator::And, left, _) = tree("not a == b and c").unwrap().kind else { panic!() };
        let SyntaxKind::Not(inner) = left.kind else { panic!() };
        assert!(inner.is_comparison());
    }

    #[test]
    fn ranges_point_into_the_text_as_written() {
        let source = "free_pct <   20% or labels.zone == \"dmz\"";
        let SyntaxKind::Binary(Operator::Or, left, right) = tree(source).unwrap().kind else { panic!() };
        assert_eq!(&source[left.range], "free_pct <   20%");
        assert_eq!(&source[right.range], "labels.zone == \"dmz\"");
    }

    #[test]
    fn what_does_not_fit_is_pointed_at() {
        for (source, at, help) in [
            ("x between 5 and 10", "between", "x >= 5 and x <= 10"),
            ("x is null", "is", "== null"),
            ("a AND b", "AND", "write and"),
            ("x > 5 min", "min", "directly behind"),
            ("a b", "b", "operator is missing"),
            ("a and (b or )", ")", ""),
            ("a >", "", ""),
            ("a and not", "not", ""),
        ] {
            let fault = tree(source).expect_err(source);
            assert_eq!(&source[fault.range.clone()], at, "{source}: {fault:?}");
            assert!(fault.help.clone().unwrap_or_default().contains(help), "{source}: {fault:?}");
        }
    }
}
