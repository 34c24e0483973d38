//! Framed answers: a probe prints a first line and a last line of its own, so that half an answer is never taken for a whole one.

use crate::check::Unreadable;

/// A fragment: `head` with its functions, then one line a call, then the last line.
pub(super) fn script(head: &str, calls: impl IntoIterator<Item = String>) -> String {
    let mut script = head.trim_end().to_owned();
    for call in calls {
        script.push('\n');
        script.push_str(&call);
    }
    script.push_str("\necho end");
    script
}

/// The lines between the first line, which must be `head`, and the last one, which must be `end`.
///
/// # Errors
/// When either is missing: something ended the fragment early.
pub(super) fn lines<'a>(probe: &str, head: &str, text: &'a str) -> Result<Vec<&'a str>, Unreadable> {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.first() != Some(&head) {
        return Err(Unreadable::new(probe, format!("the answer does not begin with `{head}`: {text}")));
    }
    if lines.pop() != Some("end") || lines.is_empty() {
        return Err(Unreadable::new(probe, "the answer has no end"));
    }
    lines.remove(0);
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_ends_with_its_last_line() {
        assert_eq!(script("echo head\n", ["one 'a b'".to_owned()]), "echo head\none 'a b'\necho end");
    }

    #[test]
    fn only_whole_answers_have_lines() {
        assert_eq!(lines("p", "head", "head\na\nend\n"), Ok(vec!["a"]));
        assert_eq!(lines("p", "head", "head\nend\n"), Ok(vec![]));
        for part in ["", "head\n", "head\na\n", "a\nend\n", "end\n", "head\na\nen"] {
            assert!(lines("p", "head", part).is_err(), "{part:?}");
        }
    }
}
