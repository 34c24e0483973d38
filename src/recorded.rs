//! Recorded captures: the text format in which answers of real systems are kept for tests, ours and the users'.
//!
//! ```text
//! # system: Debian 12.11, coreutils 9.1
//! # command: df -PkT
//! # taken: 2026-11-21
//! == df status 0
//! Filesystem     Type 1024-blocks …
//! == df stderr
//! df: /mnt/x: Permission denied
//! ```
//! The head says what the answers came from. A section is one probe: `== NAME status N`, `== NAME timed-out 30s`,
//! `== NAME failed permission`, each with the output below, and `== NAME stderr` for what it complained about.
//! `# at: 2026-11-21T10:00:00Z` sets the time of capture, `# variant: …` what was chosen.

use chrono::{DateTime, Utc};

use crate::model::probe::FailKind;
use crate::model::unit::{self, Literal};
use crate::model::{Capture, Ended, Untrusted};

/// What a file of recorded captures holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where the answers come from: distribution and version.
    pub system: String,
    /// The commands that gave them.
    pub command: String,
    /// When they were taken.
    pub at: DateTime<Utc>,
    /// The captures.
    pub captures: Vec<Capture>,
}

/// Why a file of recorded captures is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct RecordedError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads recorded captures.
///
/// # Errors
/// When the head lacks `system` or `command`, or a section's first line is not of the form.
pub fn read(text: &str) -> Result<Recorded, RecordedError> {
    let mut recorded = Recorded { system: String::new(), command: String::new(), at: DateTime::UNIX_EPOCH, captures: Vec::new() };
    let mut to_stderr = false;
    for (index, line) in text.lines().enumerate() {
        let fault = |message: &str| RecordedError { line: index + 1, message: message.to_owned() };
        if let Some(section) = line.strip_prefix("== ") {
            to_stderr = begin_section(section, &mut recorded).map_err(|message| fault(&message))?;
        } else if let Some(capture) = recorded.captures.last_mut() {
            let lines = if to_stderr { &mut capture.err } else { &mut capture.out };
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        } else if let Some(head) = line.strip_prefix('#') {
            read_head(head, &mut recorded).map_err(|message| fault(&message))?;
        } else if !line.trim().is_empty() {
            return Err(fault("expected a `# …` line or a section `== NAME status N`"));
        }
    }
    if recorded.system.is_empty() || recorded.command.is_empty() {
        return Err(RecordedError { line: 1, message: "the head must say `# system: …` and `# command: …`".to_owned() });
    }
    for capture in &mut recorded.captures {
        capture.at = recorded.at;
        if let Ended::Failed { detail, .. } = &mut capture.ended {
            *detail = Untrusted::from_bytes(capture.out.trim_ascii());
        }
    }
    Ok(recorded)
}

fn read_head(head: &str, recorded: &mut Recorded) -> Result<(), String> {
    let Some((key, value)) = head.split_once(':') else { return Ok(()) };
    let value = value.trim();
    match key.trim() {
        "system" => value.clone_into(&mut recorded.system),
        "command" => value.clone_into(&mut recorded.command),
        "at" => recorded.at = value.parse().map_err(|_| format!("`{value}` is no moment, write 2026-11-21T10:00:00Z"))?,
        _ => {}
    }
    Ok(())
}

/// Begins a section; whether its lines go to standard error.
fn begin_section(section: &str, recorded: &mut Recorded) -> Result<bool, String> {
    let mut words = section.split_whitespace();
    let name = words.next().ok_or("a section needs a name")?.to_owned();
    let ended = match (words.next(), words.next()) {
        (Some("stderr"), None) => {
            let last = recorded.captures.last().filter(|capture| capture.probe == name);
            return last.map(|_| true).ok_or_else(|| format!("`{name} stderr` must follow the section `{name}`"));
        }
        (Some("status"), Some(status)) => Ended::Exit { status: status.parse().map_err(|_| format!("`{status}` is no exit status"))? },
        (Some("timed-out"), Some(limit)) => match unit::parse(limit) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limits are small and positive")]
            Ok(Literal::Duration(seconds)) => Ended::TimedOut { limit_ms: (seconds * 1000.0) as u64 },
            _ => return Err(format!("`{limit}` is no duration")),
        },
        (Some("failed"), Some(kind)) => Ended::Failed { kind: fail_kind(kind)?, detail: Untrusted::default() },
        _ => return Err("expected `== NAME status N`, `== NAME timed-out 30s`, `== NAME failed KIND` or `== NAME stderr`".to_owned()),
    };
    recorded.captures.push(Capture {
        probe: name,
        variant: None,
        at: recorded.at,
        took_ms: 0,
        ended,
        out: Vec::new(),
        err: Vec::new(),
        cut: words.next() == Some("cut"),
    });
    Ok(false)
}

fn fail_kind(word: &str) -> Result<FailKind, String> {
    match word {
        "permission" => Ok(FailKind::Permission),
        "missing" => Ok(FailKind::Missing),
        "no-variant" => Ok(FailKind::NoVariant),
        "our-side" => Ok(FailKind::OurSide),
        "other" => Ok(FailKind::Other),
        _ => Err(format!("`{word}` is none of permission, missing, no-variant, our-side, other")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_become_captures() {
        let recorded =
            read("# system: Debian 12\n# command: df\n== df status 1\nout\n== df stderr\nbad\n== x failed permission\ndenied\n").unwrap();
        assert_eq!(recorded.captures.len(), 2);
        assert_eq!(recorded.captures[0].out, b"out\n");
        assert_eq!(recorded.captures[0].err, b"bad\n");
        assert_eq!(recorded.captures[1].ended, Ended::Failed { kind: FailKind::Permission, detail: "denied".into() });
    }

    #[test]
    fn answers_without_an_origin_are_refused() {
        assert!(read("== df status 0\nx\n").is_err());
        assert!(read("# system: Debian 12\n# command: df\n== df\n").is_err());
    }
}
