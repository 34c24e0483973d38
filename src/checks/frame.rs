//! Framed answers: a probe prints a first line and a last line of its own, so that half an answer is never taken for a whole one.

use crate::check::{Seen, Unreadable};
use crate::model::{Message, Untrusted};

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
pub(super) fn lines<'a>(seen: &Seen<'_>, probe: &str, head: &str, text: &'a str) -> Result<Vec<&'a str>, Unreadable> {
    let mut lines: Vec<&str> = text.lines().collect();
    if lines.first() != Some(&head) {
        return Err(Unreadable::new(probe, format!("the answer does not begin with `{head}`: {text}")));
    }
    if lines.pop() != Some("end") || lines.is_empty() {
        return Err(unfinished(seen, probe));
    }
    lines.remove(0);
    Ok(lines)
}

/// Why `probe` did not say all that it was to say, in the words of whoever ended it.
pub(super) fn unfinished(seen: &Seen<'_>, probe: &str) -> Unreadable {
    let said = seen.captures.iter().find(|capture| capture.probe == probe).map(|capture| Untrusted::from_bytes(&capture.err));
    let said = said.unwrap_or_default();
    let denied = ["not permitted", "denied", "sudo:", "must be root"].iter().any(|word| said.raw().contains(word));
    if denied {
        return Unreadable(Message::NeedsRight { needs: said.visible() });
    }
    Unreadable::new(probe, if said.raw().is_empty() { "the answer has no end" } else { said.raw() })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{Capture, Ended, Kind, Target};

    #[test]
    fn a_fragment_ends_with_its_last_line() {
        assert_eq!(script("echo head\n", ["one 'a b'".to_owned()]), "echo head\none 'a b'\necho end");
    }

    fn read<'a>(text: &'a str, complaint: &str) -> Result<Vec<&'a str>, Unreadable> {
        let capture = Capture {
            probe: "p".to_owned(),
            variant: None,
            at: DateTime::UNIX_EPOCH,
            took_ms: 0,
            ended: Ended::Exit { status: 0 },
            out: Vec::new(),
            err: complaint.into(),
            cut: false,
        };
        let target = Target::new("t", Kind::Host);
        lines(&Seen { captures: &[capture], at: DateTime::UNIX_EPOCH, earlier: None, target: &target }, "p", "head", text)
    }

    #[test]
    fn only_whole_answers_have_lines() {
        assert_eq!(read("head\na\nend\n", ""), Ok(vec!["a"]));
        assert_eq!(read("head\nend\n", ""), Ok(vec![]));
        for part in ["", "head\n", "head\na\n", "a\nend\n", "end\n", "head\na\nen"] {
            assert!(read(part, "").is_err(), "{part:?}");
        }
    }

    #[test]
    fn a_missing_right_is_named() {
        let error = read("head\n", "cat: /etc/shadow: Permission denied\n").unwrap_err();
        assert!(matches!(error.0, Message::NeedsRight { .. }), "{error:?}");
    }
}
