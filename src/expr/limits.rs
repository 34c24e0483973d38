//! Limits that hold before anything is parsed, so that no text can overflow the parser's stack: brackets match, and nothing
//! is deeper or longer than any expression that a person can read.

use std::ops::Range;

use super::fault::Fault;
use super::lex::{Token, TokenKind};

/// How deep brackets and `not` may nest.
const MAX_DEPTH: usize = 16;
/// How many operators may stand in a row between two brackets.
const MAX_CHAIN: usize = 64;
/// How many operators, dots included, an expression may have: a bound on the depth of its tree.
const MAX_OPERATORS: usize = 256;

/// A bracket that waits to be closed, or the expression itself.
struct Open {
    closer: &'static str,
    range: Range<usize>,
    /// Operators since it was opened, or since the last comma.
    chain: usize,
    /// How many `not` reach up to here.
    nots: usize,
}

/// What is wrong with the brackets, or beyond the limits, in `tokens`.
pub(super) fn fault(source: &str, tokens: &[Token]) -> Option<Fault> {
    let mut open = vec![Open { closer: "", range: 0..source.len(), chain: 0, nots: 0 }];
    let (mut operators, mut depth) = (0, 0);
    for token in tokens {
        let inner = open.last_mut()?;
        match &token.kind {
            TokenKind::Not => {
                inner.nots += 1;
                inner.chain += 1;
                operators += 1;
                depth += 1;
            }
            TokenKind::Sign(sign @ ("(" | "[")) => {
                depth += 1;
                let closer = if *sign == "(" { ")" } else { "]" };
                open.push(Open { closer, range: token.range.clone(), chain: 0, nots: 0 });
            }
            TokenKind::Sign(sign @ (")" | "]")) => {
                if inner.closer != *sign {
                    return Some(Fault::new(token.range.clone(), format!("`{sign}` closes nothing")));
                }
                depth -= 1 + inner.nots;
                open.pop();
            }
            TokenKind::Sign(",") => {
                depth -= std::mem::take(&mut inner.nots);
                inner.chain = 0;
            }
            TokenKind::Sign(sign) => {
                if matches!(*sign, "&&" | "||" | "?" | ":") {
                    depth -= std::mem::take(&mut inner.nots);
                }
                inner.chain += 1;
                operators += 1;
            }
            _ => {}
        }
        if let Some(limit) = exceeded(depth, open.last().map_or(0, |inner| inner.chain), operators) {
            return Some(Fault::new(token.range.clone(), limit).with_help("`x in [\"a\", \"b\"]` is shorter than a row of `or`"));
        }
    }
    let Open { closer, range, .. } = open.pop().filter(|open| !open.closer.is_empty())?;
    Some(Fault::new(range, format!("this bracket is never closed by `{closer}`")))
}

fn exceeded(depth: usize, chain: usize, operators: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        Some(format!("brackets and `not` nest deeper than {MAX_DEPTH}"))
    } else if chain > MAX_CHAIN {
        Some(format!("more than {MAX_CHAIN} operators in a row"))
    } else if operators > MAX_OPERATORS {
        Some(format!("more than {MAX_OPERATORS} operators"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::expr::lex::{MAX_BYTES, lex};

    #[track_caller]
    fn refused(source: &str, expected: &str) {
        let message = lex(source).expect_err(source)[0].to_string();
        assert!(message.contains(expected), "{source}: {message}");
    }

    #[test]
    fn brackets_match() {
        refused("(a", "never closed");
        refused("a in [1, (2]", "closes nothing");
        refused("a)", "closes nothing");
        refused("(a]", "closes nothing");
    }

    #[test]
    fn limits_hold_before_anything_is_parsed() {
        refused(&"a".repeat(MAX_BYTES + 1), "bytes");
        refused(&format!("{}a{}", "(".repeat(17), ")".repeat(17)), "deeper");
        refused(&format!("{}a", "not ".repeat(17)), "deeper");
        refused(&vec!["a"; 66].join("+"), "operators in a row");
        assert!(lex(&format!("{}a{}", "(".repeat(16), ")".repeat(16))).is_ok());
        assert!(lex(&vec!["a"; 65].join("+")).is_ok());
    }
}
