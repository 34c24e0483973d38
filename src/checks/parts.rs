//! Answers made of several parts: a fragment prints `[name]` before each part and `[end]` last.
//!
//! The end mark makes an answer that broke off, or a loop that never ran, differ from one that lists nothing.

use crate::check::Unreadable;

/// An answer split at its marks.
pub(super) struct Parts<'a> {
    probe: &'static str,
    parts: Vec<(&'a str, &'a str)>,
}

/// Splits `text`, the answer of `probe`, at the marks of the fragment.
///
/// # Errors
/// When it does not begin with a mark, does not end with `[end]`, or has a mark twice.
pub(super) fn split<'a>(probe: &'static str, text: &'a str) -> Result<Parts<'a>, Unreadable> {
    let body = text
        .strip_suffix("[end]\n")
        .filter(|body| body.is_empty() || body.ends_with('\n'))
        .ok_or_else(|| Unreadable::new(probe, format!("the answer breaks off: …{}", text.lines().last().unwrap_or_default())))?;
    let mut marks: Vec<(&str, usize, usize)> = Vec::new();
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let after = at + line.len();
        if let Some(name) = mark(line) {
            if marks.iter().any(|(known, ..)| *known == name) {
                return Err(Unreadable::new(probe, format!("the part [{name}] comes twice")));
            }
            marks.push((name, at, after));
        } else if marks.is_empty() {
            return Err(Unreadable::new(probe, line));
        }
        at = after;
    }
    let ends = marks.iter().skip(1).map(|(_, begins, _)| *begins).chain([body.len()]);
    let parts = marks.iter().zip(ends).map(|((name, _, begins), ends)| (*name, &body[*begins..ends])).collect();
    Ok(Parts { probe, parts })
}

/// The name in a line that is a mark: lower-case words, digits and what unit names are made of.
fn mark(line: &str) -> Option<&str> {
    let name = line.trim_end_matches('\n').strip_prefix('[')?.strip_suffix(']')?;
    (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ._@:-".contains(&byte))).then_some(name)
}

impl<'a> Parts<'a> {
    /// The part `name`, where the fragment came to it.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.parts.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// The part `name`, which every answer has.
    ///
    /// # Errors
    /// When it is missing.
    pub(super) fn need(&self, name: &str) -> Result<&'a str, Unreadable> {
        self.get(name).ok_or_else(|| Unreadable::new(self.probe, format!("the part [{name}] is missing")))
    }

    /// Names and texts, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.parts.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_reaches_to_the_next_mark() {
        let parts = split("p", "[a]\n1\n2\n[b]\n[c x]\n3\n[end]\n").unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(parts.iter().collect::<Vec<_>>(), [("a", "1\n2\n"), ("b", ""), ("c x", "3\n")]);
        assert!(parts.need("d").is_err());
    }

    #[test]
    fn an_answer_that_breaks_off_or_repeats_a_mark_is_refused() {
        for text in ["", "[a]\n1\n", "[a]\n1[end]\n", "1\n[end]\n", "[a]\n[a]\n[end]\n", "[a]\n[end]"] {
            assert!(split("p", text).is_err(), "{text:?}");
        }
    }
}
