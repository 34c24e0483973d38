//! `expect:` of a step: a rule over `status` alone, turned into the ranges of statuses that it lets pass.

/// Statuses that a server can answer with.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// The inclusive ranges of statuses for which `rule` holds: `status == 200`, `status in [200, 204]`,
/// `status >= 200 and status < 300`, joined by `and` and `or`, of which `and` binds closer.
///
/// # Errors
/// When the rule is of another form, or lets no status pass.
pub(super) fn ranges(rule: &str) -> Result<Vec<(u16, u16)>, String> {
    let alternatives: Vec<Vec<Condition>> =
        split(rule, "or").map(|part| split(part, "and").map(condition).collect::<Result<_, _>>()).collect::<Result<_, _>>()?;
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for status in STATUSES.filter(|status| alternatives.iter().any(|all| all.iter().all(|condition| condition.holds(*status)))) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == status => *last = status,
            _ => ranges.push((status, status)),
        }
    }
    if ranges.is_empty() { Err(format!("`{rule}` lets no status pass")) } else { Ok(ranges) }
}

enum Condition {
    Compare(&'static str, u16),
    In(Vec<u16>),
}

impl Condition {
    fn holds(&self, status: u16) -> bool {
        match self {
            Self::In(list) => list.contains(&status),
            Self::Compare(operator, number) => match *operator {
                "==" => status == *number,
                "!=" => status != *number,
                "<=" => status <= *number,
                ">=" => status >= *number,
                "<" => status < *number,
                _ => status > *number,
            },
        }
    }
}

fn split<'a>(rule: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    // The words stand alone: `status == 200 or status == 204`.
    let mut rest = Some(rule);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut from = 0;
        while let Some(at) = text[from..].find(word).map(|at| at + from) {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            if before.ends_with(char::is_whitespace) && after.starts_with(char::is_whitespace) {
                rest = Some(after);
                return Some(before);
            }
            from = at + word.len();
        }
        rest = None;
        Some(text)
    })
}

fn condition(text: &str) -> Result<Condition, String> {
    let refused = || format!("`{}`: write `status == 200`, `status in [200, 204]` or `status < 400`", text.trim());
    let rest = text.trim().strip_prefix("status").ok_or_else(refused)?.trim_start();
    let number = |text: &str| text.trim().parse::<u16>().ok().filter(|number| STATUSES.contains(number)).ok_or_else(refused);
    if let Some(list) = rest.strip_prefix("in").map(str::trim) {
        let list = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).ok_or_else(refused)?;
        return Ok(Condition::In(list.split(',').map(number).collect::<Result<_, _>>()?));
    }
    let operator = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|operator| rest.starts_with(operator)).ok_or_else(refused)?;
    Ok(Condition::Compare(operator, number(&rest[operator.len()..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_becomes_ranges() {
        assert_eq!(ranges("status == 200"), Ok(vec![(200, 200)]));
        assert_eq!(ranges("status in [200, 204]"), Ok(vec![(200, 200), (204, 204)]));
        assert_eq!(ranges("status >= 200 and status < 300 or status == 304"), Ok(vec![(200, 299), (304, 304)]));
        assert_eq!(ranges("status != 100"), Ok(vec![(101, 599)]));
    }

    #[test]
    fn what_is_no_rule_over_the_status_is_refused() {
        for rule in [
            "",
            "200",
            "status",
            "status = 200",
            "took < 2s",
            "status == 2000",
            "status in 200",
            "status == 200 and",
            "status < 200 and status > 300",
        ] {
            assert!(ranges(rule).is_err(), "{rule}");
        }
    }
}
