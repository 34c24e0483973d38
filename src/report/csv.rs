//! CSV: every row of every item for spreadsheets, which would run `=HYPERLINK(…)` from a target if we let them.

use super::source::Source;
use super::view::report_number;
use crate::model::{ItemRecord, Lang, Mark, RowRecord, Untrusted, Value, problem_key};

/// How the text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 with a byte order mark: without one, spreadsheets take Chinese for something else.
    Utf8Marked,
    /// UTF-8, for programs.
    Utf8,
}

const COLUMNS: [&str; 22] = [
    "report",
    "started",
    "target",
    "system",
    "kind",
    "owner",
    "line",
    "check",
    "title",
    "class",
    "row",
    "outcome",
    "waived_by",
    "reason",
    "measure",
    "value",
    "values",
    "threshold",
    "written_in",
    "advice",
    "problem_key",
    "at",
];

/// Writes every row, and a line for each item without rows.
///
/// # Errors
/// When the file cannot be written, which in memory means that a bug of ours made rows of unequal length.
pub fn csv(source: &Source<'_>, lang: Lang, encoding: Encoding) -> Result<Vec<u8>, csv::Error> {
    let mut bytes = Vec::new();
    if encoding == Encoding::Utf8Marked {
        bytes.extend_from_slice("\u{feff}".as_bytes());
    }
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(bytes);
    writer.write_record(COLUMNS)?;
    let tally = source.run.tally();
    if tally.balances() {
        for item in &source.run.items {
            if item.rows.is_empty() {
                writer.write_record(cells(source, item, None, lang))?;
            }
            for row in &item.rows {
                writer.write_record(cells(source, item, Some(row), lang))?;
            }
        }
    } else {
        let mut record = vec![String::new(); COLUMNS.len()];
        record[0] = report_number(&source.run.head);
        record[11].push_str("unbalanced");
        record[13] = format!("planned {}, ended {}", tally.planned, tally.ended());
        writer.write_record(record)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn cells(source: &Source<'_>, item: &ItemRecord, row: Option<&RowRecord>, lang: Lang) -> Vec<String> {
    let head = &source.run.head;
    let target = head.targets.iter().find(|target| target.id == item.key.target);
    let outcome = row.map_or(item.outcome, |row| row.outcome);
    let reason = row.and_then(|row| row.reason.as_ref()).or(if row.is_none() { item.reason.as_ref() } else { None });
    let measure = row.and_then(|row| row.measures.first());
    let waiver = row.into_iter().flat_map(|row| &row.marks).find_map(|mark| match mark {
        Mark::Waived { id, .. } => Some(id.as_str()),
        Mark::Silenced { .. } => None,
    });
    let rule = row.and_then(|row| row.rule.as_ref());
    let values = row.map(|row| row.row.iter().map(|(name, value)| format!("{name}={}", raw(value))).collect::<Vec<_>>().join("; "));
    let cells = [
        report_number(head),
        head.started.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        item.key.target.clone(),
        target.and_then(|target| target.system.as_ref()).map(|system| system.id.clone()).unwrap_or_default(),
        target.map(|target| target.kind.id().to_owned()).unwrap_or_default(),
        target.and_then(|target| target.owner()).unwrap_or_default().to_owned(),
        item.key.line.clone(),
        item.check.clone(),
        item.title.get(lang).to_owned(),
        item.class.clone(),
        row.and_then(|row| row.key.as_ref()).map(Untrusted::visible).unwrap_or_default(),
        outcome.id().to_owned(),
        waiver.unwrap_or_default().to_owned(),
        reason.map(|reason| reason.text(lang)).unwrap_or_default(),
        measure.cloned().unwrap_or_default(),
        measure.and_then(|measure| row?.row.get(measure)).map(raw).unwrap_or_default(),
        values.unwrap_or_default(),
        rule.map(|rule| rule.source.clone()).unwrap_or_default(),
        rule.map(|rule| rule.origin.clone()).unwrap_or_default(),
        if outcome.is_problem() { item.advice.get(lang).to_owned() } else { String::new() },
        if outcome.is_problem() { problem_key(item, row) } else { String::new() },
        item.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    ];
    cells.iter().map(|cell| harmless(&crate::model::untrusted::visible(cell))).collect()
}

fn raw(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Boolean(yes) => yes.to_string(),
        Value::Number(number) | Value::Duration(number) => number.to_string(),
        Value::Text(text) => text.visible(),
        Value::Timestamp(at) => at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        Value::List(texts) => texts.iter().map(Untrusted::visible).collect::<Vec<_>>().join(" | "),
    }
}

/// A cell that no spreadsheet takes for a formula; a plain negative number stays a number.
fn harmless(cell: &str) -> String {
    let is_number = || cell.len() > 1 && cell[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && cell.parse::<f64>().is_ok();
    // Full-width signs are taken for the plain ones by some.
    let may_be_formula = cell.trim_start().starts_with(['=', '+', '-', '@', '|', '%', '＝', '＋', '－', '＠']);
    if may_be_formula && !(cell.starts_with('-') && is_number()) { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_target_becomes_a_formula() {
        for text in ["=1+1", "+1", "-2+3", "@SUM(A1)", " =1", "＝1", "-1e5", "%0", "|cmd"] {
            assert!(harmless(text).starts_with('\''), "{text}");
        }
        for text in ["-5", "-0.25", "5", "a=b", "", "/data"] {
            assert_eq!(harmless(text), text);
        }
    }
}
