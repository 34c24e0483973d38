//! A hint for thresholds that look the wrong way round: `free_pct > 80`, `used_pct < 20`.

use super::fault::Warning;
use super::syntax::{Comparison, Operator, Syntax, SyntaxKind};

/// What is doubtful in a threshold. A field that is bounded on both sides is a range, and meant.
pub(super) fn doubts(tree: &Syntax) -> Vec<Warning> {
    let mut found = Vec::new();
    collect(tree, false, &mut found);
    let doubtful =
        found.iter().filter(|bound| bound.upside_down && !found.iter().any(|other| other.name == bound.name && !other.upside_down));
    doubtful
        .map(|bound| {
            let word = if bound.good { "free" } else { "used" };
            let end = if bound.good { "falls below" } else { "rises above" };
            Warning {
                range: bound.tree.range.clone(),
                message: format!("direction? this complains while `{}` is good", bound.name),
                help: format!("a threshold on what is {word} is met when it {end} a value"),
            }
        })
        .collect()
}

struct Bound<'t> {
    name: &'t str,
    tree: &'t Syntax,
    /// Whether much of it is good.
    good: bool,
    upside_down: bool,
}

fn collect<'t>(tree: &'t Syntax, negated: bool, found: &mut Vec<Bound<'t>>) {
    match &tree.kind {
        SyntaxKind::Not(of) => collect(of, !negated, found),
        SyntaxKind::Binary(Operator::And | Operator::Or, left, right) => {
            collect(left, negated, found);
            collect(right, negated, found);
        }
        SyntaxKind::Binary(Operator::Compare(comparison), left, right) => {
            let (name, comparison) = match (name_of(left), is_literal(right), is_literal(left), name_of(right)) {
                (Some(name), true, ..) => (name, *comparison),
                (_, _, true, Some(name)) => (name, comparison.flipped()),
                _ => return,
            };
            let above = match comparison {
                Comparison::Greater | Comparison::GreaterOrEqual => !negated,
                Comparison::Less | Comparison::LessOrEqual => negated,
                Comparison::Equal | Comparison::NotEqual => return,
            };
            let Some(good) = much_is_good(name) else { return };
            found.push(Bound { name, tree, good, upside_down: above == good });
        }
        _ => {}
    }
}

fn name_of(tree: &Syntax) -> Option<&str> {
    match &tree.kind {
        SyntaxKind::Name(name) => Some(name),
        SyntaxKind::Select { part, .. } => Some(part),
        _ => None,
    }
}

/// A literal other than zero: `used_bytes <= 0` asks for something else.
fn is_literal(tree: &Syntax) -> bool {
    match &tree.kind {
        SyntaxKind::Quantity(_) => tree.bare_number().is_none_or(|number| number != 0.0),
        _ => false,
    }
}

fn much_is_good(name: &str) -> Option<bool> {
    let mut words = name.split('_');
    if words.clone().any(|word| matches!(word, "free" | "available" | "avail" | "remaining" | "left" | "idle")) {
        return Some(true);
    }
    words.any(|word| matches!(word, "used" | "usage" | "busy")).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::lex::lex;
    use crate::expr::syntax::parse;

    fn count(source: &str) -> usize {
        doubts(&parse(source, &lex(source).unwrap()).unwrap()).len()
    }

    #[test]
    fn thresholds_the_wrong_way_round_are_doubted() {
        for source in ["free_pct > 80", "used_pct < 20", "80% < free_pct", "not free_pct < 80%", "a == 1 and inodes_used_pct <= 5%"] {
            assert_eq!(count(source), 1, "{source}");
        }
    }

    #[test]
    fn others_are_not() {
        for source in
            ["free_pct < 20", "used_pct > 80", "not used_pct < 20%", "free_pct > 5% and free_pct < 20%", "used_bytes > free_bytes"]
        {
            assert_eq!(count(source), 0, "{source}");
        }
    }
}
