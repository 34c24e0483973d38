//! JUnit XML: one suite a target, one case an item, and no item that vanishes.

use std::fmt::Write as _;

use super::view::report_number;
use crate::model::{ItemRecord, Lang, Mark, Outcome, RunRecord, Untrusted};

/// Writes the run. Problems are failures; what could not be judged, reached or run is an error; what was left out on purpose,
/// does not apply or is waived is skipped with the reason.
#[must_use]
pub fn junit(run: &RunRecord, lang: Lang) -> Vec<u8> {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let tally = run.tally();
    let number = report_number(&run.head);
    if !tally.balances() {
        let sums = format!("the ledger does not balance: planned {}, ended {}", tally.planned, tally.ended());
        line(&mut xml, format_args!("<testsuites name=\"{}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">", escape(&number)));
        line(&mut xml, format_args!("  <testsuite name=\"rounds\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">"));
        line(
            &mut xml,
            format_args!("    <testcase classname=\"rounds\" name=\"ledger\"><error type=\"unbalanced\" message=\"{sums}\"/></testcase>"),
        );
        line(&mut xml, format_args!("  </testsuite>\n</testsuites>"));
        return xml.into_bytes();
    }
    let all = Counts::of(run.items.iter());
    line(&mut xml, format_args!("<testsuites name=\"{}\" {all}>", escape(&number)));
    let mut suites: Vec<(&str, Vec<&ItemRecord>)> = Vec::new();
    for item in &run.items {
        match suites.last_mut() {
            Some((target, items)) if *target == item.key.target => items.push(item),
            _ => suites.push((&item.key.target, vec![item])),
        }
    }
    for (target, items) in suites {
        let name = if target.is_empty() { "(across targets)" } else { target };
        let counts = Counts::of(items.iter().copied());
        let at = run.head.started.format("%Y-%m-%dT%H:%M:%S");
        line(&mut xml, format_args!("  <testsuite name=\"{}\" timestamp=\"{at}\" {counts}>", escape(name)));
        for item in items {
            case(&mut xml, item, name, lang);
        }
        line(&mut xml, format_args!("  </testsuite>"));
    }
    if run.items.is_empty() {
        // An empty file would be green.
        line(&mut xml, format_args!("  <testsuite name=\"rounds\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000\">"));
        line(
            &mut xml,
            format_args!(
                "    <testcase classname=\"rounds\" name=\"plan\"><error type=\"empty\" message=\"the plan named no item\"/></testcase>"
            ),
        );
        line(&mut xml, format_args!("  </testsuite>"));
    }
    line(&mut xml, format_args!("</testsuites>"));
    xml.into_bytes()
}

struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    took_ms: u64,
}

impl Counts {
    fn of<'a>(items: impl Iterator<Item = &'a ItemRecord>) -> Self {
        let mut counts = Self { tests: 0, failures: 0, errors: 0, skipped: 0, took_ms: 0 };
        for item in items {
            counts.tests += 1;
            counts.took_ms += item.took_ms;
            match Kind::of(item) {
                Kind::Passed => {}
                Kind::Failure => counts.failures += 1,
                Kind::Error => counts.errors += 1,
                Kind::Skipped => counts.skipped += 1,
            }
        }
        if counts.tests == 0 {
            (counts.tests, counts.errors) = (1, 1);
        }
        counts
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tests, failures, errors, skipped, took_ms } = self;
        let seconds = seconds(*took_ms);
        write!(f, "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{seconds}\"")
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Passed,
    Failure,
    Error,
    Skipped,
}

impl Kind {
    fn of(item: &ItemRecord) -> Self {
        match item.outcome {
            Outcome::Ok | Outcome::Info => Self::Passed,
            Outcome::Warn | Outcome::Crit if item.is_waived() => Self::Skipped,
            Outcome::Warn | Outcome::Crit => Self::Failure,
            Outcome::Error | Outcome::Unreachable | Outcome::TimedOut | Outcome::NotRun => Self::Error,
            Outcome::Skipped | Outcome::NotApplicable => Self::Skipped,
        }
    }
}

fn case(xml: &mut String, item: &ItemRecord, target: &str, lang: Lang) {
    let (class, name) = (escape(target), escape(&item.key.line));
    let time = seconds(item.took_ms);
    let open = format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"{time}\"");
    let element = match Kind::of(item) {
        Kind::Passed => return line(xml, format_args!("{open}/>")),
        Kind::Failure => "failure",
        Kind::Error => "error",
        Kind::Skipped => "skipped",
    };
    let message = escape(&message(item, lang));
    line(xml, format_args!("{open}>"));
    if element == "skipped" {
        line(xml, format_args!("      <skipped message=\"{message}\"/>"));
    } else {
        line(xml, format_args!("      <{element} type=\"{}\" message=\"{message}\">", item.outcome.id()));
        for row in item.rows.iter().filter(|row| !matches!(row.outcome, Outcome::Ok | Outcome::Info | Outcome::NotApplicable)) {
            let key = row.key.as_ref().map(Untrusted::visible).unwrap_or_default();
            let rule = row.rule.as_ref().map(|rule| format!(" {} ({})", rule.source, rule.origin)).unwrap_or_default();
            let reason = row.reason.as_ref().map(|reason| format!(" {}", reason.text(lang))).unwrap_or_default();
            let waived = if row.is_waived() { " [waived]" } else { "" };
            line(xml, format_args!("{}", escape(&format!("{} {key}{rule}{reason}{waived}", row.outcome.id()))));
        }
        line(xml, format_args!("      </{element}>"));
    }
    line(xml, format_args!("    </testcase>"));
}

fn message(item: &ItemRecord, lang: Lang) -> String {
    let title = item.title.get(lang);
    if item.outcome.is_problem() && item.is_waived() {
        let waiver = item.rows.iter().flat_map(|row| &row.marks).find_map(|mark| match mark {
            Mark::Waived { id, reason, approved_by, ends } => Some(format!(
                "{}: waived by {id} until {} ({approved_by}: {})",
                item.outcome.id(),
                ends.format("%Y-%m-%d"),
                reason.get(lang)
            )),
            Mark::Silenced { .. } => None,
        });
        return waiver.unwrap_or_else(|| item.outcome.id().to_owned());
    }
    match &item.reason {
        Some(reason) => format!("{title}: {}: {}", item.outcome.label().get(lang), reason.text(lang)),
        None => format!("{title}: {}", item.outcome.label().get(lang)),
    }
}

fn seconds(took_ms: u64) -> String {
    format!("{}.{:03}", took_ms / 1000, took_ms % 1000)
}

fn line(xml: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "{text}");
}

/// `text` for an attribute or an element; characters that XML forbids are shown as visible codes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => escaped.push(c),
            _ => {
                let code = u32::from(c);
                // Writing to a String cannot fail.
                let _ = if code < 0x80 { write!(escaped, "\\x{code:02x}") } else { write!(escaped, "U+{code:04X}") };
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_shown_as_its_code() {
        assert_eq!(escape("a\u{0}\u{1b}[31m<b>&\"\u{ffff}中😀"), "a\\x00\\x1b[31m&lt;b&gt;&amp;&quot;U+FFFF中😀");
    }
}
