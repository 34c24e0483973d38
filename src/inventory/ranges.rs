//! Ranges in names: `erp-app[1..3]`, `10.1.1.[11..13]`, `web[01..12]`.

/// Most names that one range may stand for.
const MAX: usize = 10_000;

/// The names that `pattern` stands for: itself, when it holds no range.
///
/// # Errors
/// When brackets do not hold `FROM..TO` with FROM ≤ TO, there is more than one range, or it is too long.
pub fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let Some((before, rest)) = pattern.split_once('[') else {
        return Ok(vec![pattern.to_owned()]);
    };
    let malformed = || format!("`{pattern}` is no range: write name[1..9]");
    let (range, after) = rest.split_once(']').ok_or_else(malformed)?;
    if after.contains('[') {
        return Err(format!("`{pattern}` holds two ranges: one is the most"));
    }
    let (from, to) = range.split_once("..").ok_or_else(malformed)?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<usize>().ok()).flatten().ok_or_else(malformed);
    let (first, last) = (number(from)?, number(to)?);
    if first > last {
        return Err(format!("`{pattern}` runs backwards"));
    }
    if last - first >= MAX {
        return Err(format!("`{pattern}` stands for more than {MAX} names"));
    }
    // `[01..12]` keeps its zeros, `[1..12]` has none.
    let width = if from.starts_with('0') { from.len() } else { 0 };
    Ok((first..=last).map(|number| format!("{before}{number:0width$}{after}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_stands_for_its_names() {
        assert_eq!(expand("app[1..3]").unwrap(), ["app1", "app2", "app3"]);
        assert_eq!(expand("web[08..10]-x").unwrap(), ["web08-x", "web09-x", "web10-x"]);
        assert_eq!(expand("10.1.1.[11..12]").unwrap(), ["10.1.1.11", "10.1.1.12"]);
        assert_eq!(expand("plain").unwrap(), ["plain"]);
    }

    #[test]
    fn a_range_that_is_none_is_refused() {
        for pattern in ["a[1-3]", "a[3..1]", "a[1..", "a[x..y]", "a[1..2][3..4]", "a[0..99999999]"] {
            assert!(expand(pattern).is_err(), "{pattern}");
        }
    }
}
