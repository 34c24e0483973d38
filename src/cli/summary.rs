//! What a run found, on the terminal: problems first, then what could not be judged, then the sums.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use crate::model::unit::{show_bytes, show_duration, show_number};
use crate::model::{FieldType, ItemRecord, Lang, Outcome, RowRecord, RunRecord, RunState, Value};

/// Most findings that are listed; the report holds all.
const MOST: usize = 40;

/// Colours of a terminal, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(bool);

impl Paint {
    /// Colours when standard output is a terminal that wants them.
    #[must_use]
    pub(super) fn for_stdout() -> Self {
        Self(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    }

    /// `text` in the colour of `outcome`.
    #[must_use]
    pub(super) fn outcome(self, outcome: Outcome, text: &str) -> String {
        let code = match outcome {
            Outcome::Crit => "1;31",
            Outcome::Warn => "33",
            Outcome::Ok | Outcome::Info => "32",
            Outcome::Error | Outcome::Unreachable | Outcome::TimedOut | Outcome::NotRun => "35",
            Outcome::NotApplicable | Outcome::Skipped => "2",
        };
        self.code(code, text)
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The summary of `run` in `lang`.
#[must_use]
pub(super) fn summary(run: &RunRecord, lang: Lang, paint: Paint) -> String {
    let mut text = String::new();
    let mut listed = 0;
    let mut order: Vec<(&ItemRecord, Option<&RowRecord>)> = findings(run);
    order.sort_by_key(|(item, row)| std::cmp::Reverse(row.map_or(item.outcome, |row| row.outcome).severity()));
    for (item, row) in &order {
        listed += 1;
        if listed > MOST {
            break;
        }
        write_finding(&mut text, item, *row, lang, paint);
    }
    if order.len() > MOST {
        let more = order.len() - MOST;
        let _ = writeln!(
            text,
            "{}",
            if lang == Lang::En { format!("… and {more} more in the report") } else { format!("……另有 {more} 项，见报告") }
        );
    }
    if !order.is_empty() {
        text.push('\n');
    }
    write_sums(&mut text, run, lang, paint);
    text
}

/// Rows and items that somebody should know of.
fn findings(run: &RunRecord) -> Vec<(&ItemRecord, Option<&RowRecord>)> {
    let mut found = Vec::new();
    for item in &run.items {
        let asks = |outcome: Outcome| outcome.is_problem() || outcome.is_unjudged();
        if !asks(item.outcome) {
            continue;
        }
        let rows: Vec<&RowRecord> = item.rows.iter().filter(|row| asks(row.outcome)).collect();
        if rows.is_empty() {
            found.push((item, None));
        } else {
            found.extend(rows.into_iter().map(|row| (item, Some(row))));
        }
    }
    found
}

fn write_finding(text: &mut String, item: &ItemRecord, row: Option<&RowRecord>, lang: Lang, paint: Paint) {
    let outcome = row.map_or(item.outcome, |row| row.outcome);
    let word = outcome.label().get(lang);
    let key = row.and_then(|row| row.key.as_ref()).map_or_else(String::new, |key| format!(" {}", key.visible()));
    let waived = if row.map_or_else(|| item.is_waived(), RowRecord::is_waived) {
        if lang == Lang::En { " (waived)" } else { "（已豁免）" }
    } else {
        ""
    };
    let target = if item.key.target.is_empty() { "—" } else { &item.key.target };
    let _ = write!(text, "{} {target} · {}{key}{waived}", paint.outcome(outcome, &format!("{word:<9}")), item.title.get(lang));
    let reason = row.and_then(|row| row.reason.as_ref()).or(item.reason.as_ref());
    if let Some(reason) = reason {
        let _ = write!(text, ": {}", reason.text(lang));
    } else if let Some(row) = row {
        let values: Vec<String> =
            row.measures.iter().filter_map(|name| Some(format!("{name} {}", shown(row.row.get(name)?, field_type(item, name))))).collect();
        if !values.is_empty() {
            let _ = write!(text, ": {}", values.join(", "));
        }
    }
    if let Some(rule) = row.and_then(|row| row.rule.as_ref()) {
        let _ = write!(text, "  {}", paint.code("2", &format!("[{} · {}]", rule.source, rule.origin)));
    }
    text.push('\n');
}

fn field_type(item: &ItemRecord, name: &str) -> Option<FieldType> {
    item.fields.iter().find(|field| field.name == name).map(|field| field.field_type)
}

/// A value as people read it.
#[must_use]
pub(super) fn shown(value: &Value, field: Option<FieldType>) -> String {
    match value {
        Value::Null => "—".to_owned(),
        Value::Boolean(yes) => yes.to_string(),
        Value::Number(number) => match field {
            Some(FieldType::Percent) => format!("{} %", show_number((number * 10.0).round() / 10.0)),
            Some(FieldType::Bytes) => show_bytes(*number),
            _ => show_number(*number),
        },
        Value::Duration(seconds) => show_duration(*seconds),
        Value::Timestamp(at) => at.format("%Y-%m-%d %H:%M UTC").to_string(),
        Value::Text(text) => text.visible(),
        Value::List(list) => list.iter().take(3).map(crate::model::Untrusted::visible).collect::<Vec<_>>().join("; "),
    }
}

fn write_sums(text: &mut String, run: &RunRecord, lang: Lang, paint: Paint) {
    let tally = run.tally();
    let parts: Vec<String> = Outcome::ALL
        .into_iter()
        .filter(|outcome| tally.count(*outcome) > 0)
        .map(|outcome| paint.outcome(outcome, &format!("{} {}", tally.count(outcome), outcome.label().get(lang))))
        .collect();
    let planned = if lang == Lang::En { "planned" } else { "计划" };
    let sign = if tally.balances() { "=" } else { "≠" };
    let _ = writeln!(text, "{} {planned} {sign} {}", tally.planned, parts.join(" + "));
    if tally.waived > 0 {
        let _ = writeln!(
            text,
            "{}",
            if lang == Lang::En { format!("{} of them waived", tally.waived) } else { format!("其中 {} 项已豁免", tally.waived) }
        );
    }
    let state = match (run.state, lang) {
        (RunState::Done, _) => return,
        (RunState::Cancelled, Lang::En) => "The run was cancelled.",
        (RunState::Cancelled, Lang::Zh) => "本次巡检已取消。",
        (RunState::Lost | RunState::Running, Lang::En) => "The run is lost: its result is not to be relied on.",
        (RunState::Lost | RunState::Running, Lang::Zh) => "本次巡检结果丢失，不可采信。",
    };
    let _ = writeln!(text, "{}", paint.code("1;31", state));
}
