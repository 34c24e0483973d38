//! Raw answers on the terminal: line by line, with visible codes for everything that is no plain text.

use std::fmt::Write as _;

use serde::Serialize;

use super::kept::in_zone;
use crate::model::untrusted::visible;
use crate::model::{Ended, ItemKey, Untrusted};
use crate::store::{Answer, KeptCapture};

/// Captures of an item, for programs.
#[derive(Serialize)]
pub(super) struct Answers<'a> {
    line: &'a str,
    target: &'a str,
    captures: Vec<OneAnswer<'a>>,
}

/// One capture. An answer that retention has removed is null and has its hash.
#[derive(Serialize)]
struct OneAnswer<'a> {
    probe: &'a str,
    variant: Option<&'a str>,
    asked: Option<&'a str>,
    at: String,
    took_ms: u64,
    ended: &'a Ended,
    cut: bool,
    out: Option<String>,
    out_removed_sha256: Option<&'a str>,
    err: Option<String>,
    err_removed_sha256: Option<&'a str>,
}

/// The captures in JSON; bytes that are no UTF-8 are written as `\xNN`.
pub(super) fn for_programs<'a>(key: &'a ItemKey, captures: &'a [KeptCapture]) -> Answers<'a> {
    let text = |answer: &Answer| match answer {
        Answer::Kept(bytes) => Some(Untrusted::from_bytes(bytes).raw().to_owned()),
        Answer::Removed { .. } => None,
    };
    let captures = captures.iter().map(|capture| OneAnswer {
        probe: &capture.probe,
        variant: capture.variant.as_deref(),
        asked: capture.asked.as_deref(),
        at: capture.at.to_rfc3339(),
        took_ms: capture.took_ms,
        ended: &capture.ended,
        cut: capture.cut,
        out: text(&capture.out),
        out_removed_sha256: removed(&capture.out),
        err: text(&capture.err),
        err_removed_sha256: removed(&capture.err),
    });
    Answers { line: &key.line, target: &key.target, captures: captures.collect() }
}

fn removed(answer: &Answer) -> Option<&str> {
    match answer {
        Answer::Kept(_) => None,
        Answer::Removed { sha256, .. } => Some(sha256),
    }
}

/// The captures for a terminal: `$` what was asked, `|` what it said, `!` what it complained about.
pub(super) fn for_people(captures: &[KeptCapture], zone: &str) -> String {
    let mut text = String::new();
    if captures.is_empty() {
        text.push_str("  no answers were recorded\n");
    }
    for capture in captures {
        let variant = capture.variant.as_ref().map_or_else(String::new, |variant| format!(" [{}]", visible(variant)));
        let cut = if capture.cut { " · the middle was cut" } else { "" };
        let (at, ended) = (in_zone(capture.at, zone), ended(&capture.ended));
        let _ = writeln!(text, "  == {}{variant} · {ended} · {at} · {} ms{cut}", visible(&capture.probe), capture.took_ms);
        for line in capture.asked.iter().flat_map(|asked| asked.lines()) {
            let _ = writeln!(text, "  $ {}", visible(line));
        }
        write_answer(&mut text, '|', &capture.out);
        write_answer(&mut text, '!', &capture.err);
    }
    text
}

fn write_answer(text: &mut String, sign: char, answer: &Answer) {
    match answer {
        Answer::Kept(bytes) => {
            // Only the line feed ends a line here: whatever else might is shown.
            for line in Untrusted::from_bytes(bytes).raw().split_terminator('\n') {
                let _ = writeln!(text, "  {sign} {}", visible(line));
            }
        }
        Answer::Removed { sha256, size_bytes } => {
            let _ = writeln!(text, "  {sign} removed by retention: {size_bytes} bytes, SHA-256 {sha256}");
        }
    }
}

fn ended(ended: &Ended) -> String {
    match ended {
        Ended::Exit { status } => format!("status {status}"),
        Ended::TimedOut { limit_ms } => format!("timed out after {limit_ms} ms"),
        Ended::Failed { detail, .. } => format!("failed: {}", detail.visible()),
    }
}
