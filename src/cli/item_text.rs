//! One item on the terminal: its rows with units, the threshold of each with its line, attempts, reason and advice.

use std::fmt::Write as _;

use super::kept::in_zone;
use super::summary::{Paint, shown};
use crate::model::unit::show_duration;
use crate::model::untrusted::visible;
use crate::model::{FieldType, ItemRecord, Lang, Mark, Outcome, RowRecord, Text, Untrusted};

/// Words before what they name.
const REASON: Text = Text::new("reason", "原因");
const THRESHOLD: Text = Text::new("threshold", "阈值");
const ADVICE: Text = Text::new("advice", "整改建议");
const WHY: Text = Text::new("why", "为何重要");
const ATTEMPT: Text = Text::new("attempt", "尝试");
const WAIVED: Text = Text::new("waived", "已豁免");
const SILENCED: Text = Text::new("silenced", "已静默");
const RUNBOOK: Text = Text::new("runbook", "处理手册");
const ROW: Text = Text::new("row", "行");
const ANSWERED: Text = Text::new("answered", "成功");

/// `item` in `lang`, times in `zone`.
#[must_use]
pub(super) fn item(item: &ItemRecord, zone: &str, lang: Lang, paint: Paint) -> String {
    let mut text = String::new();
    let target = if item.key.target.is_empty() { "—" } else { &item.key.target };
    let check = if item.check.is_empty() { String::new() } else { format!(" ({} v{})", item.check, item.check_version) };
    let outcome = paint.outcome(item.outcome, item.outcome.label().get(lang));
    let title = visible(item.title.get(lang));
    let _ = writeln!(text, "{} · {} · {title}{check}: {outcome}", visible(&item.key.line), visible(target));
    #[expect(clippy::cast_precision_loss, reason = "probes take far less than 2^52 ms")]
    let took = show_duration(item.took_ms as f64 / 1000.0);
    let _ = writeln!(text, "  {} · {took}", in_zone(item.at, zone));
    if let Some(reason) = &item.reason {
        let _ = writeln!(text, "  {}: {}", REASON.get(lang), visible(&reason.text(lang)));
    }
    for row in &item.rows {
        write_row(&mut text, item, row, lang, paint);
    }
    for rule in item.thresholds.iter().filter(|_| item.rows.is_empty()) {
        let level = Outcome::from(rule.level).label().get(lang);
        let _ = writeln!(text, "  {}: {level}: {} [{}]", THRESHOLD.get(lang), visible(&rule.rule.source), visible(&rule.rule.origin));
    }
    for (number, attempt) in item.attempts.iter().enumerate() {
        let how = attempt.failure.as_ref().map_or_else(|| ANSWERED.get(lang).to_owned(), |failure| visible(&failure.text(lang)));
        let _ = writeln!(text, "  {} {}: {} · {} ms · {how}", ATTEMPT.get(lang), number + 1, in_zone(attempt.at, zone), attempt.took_ms);
    }
    for (word, said) in [(WHY, item.why.get(lang)), (ADVICE, item.advice.get(lang)), (RUNBOOK, item.runbook.as_deref().unwrap_or_default())]
    {
        if !said.is_empty() {
            let _ = writeln!(text, "  {}: {}", word.get(lang), visible(said));
        }
    }
    text
}

fn write_row(text: &mut String, item: &ItemRecord, row: &RowRecord, lang: Lang, paint: Paint) {
    let key = row.key.as_ref().map_or_else(|| "—".to_owned(), Untrusted::visible);
    let _ = writeln!(text, "  {} {key}: {}", ROW.get(lang), paint.outcome(row.outcome, row.outcome.label().get(lang)));
    for (name, value) in row.row.iter() {
        let field = item.fields.iter().find(|field| field.name == name);
        let field_type: Option<FieldType> = field.map(|field| field.field_type);
        let label = field.map(|field| field.label.get(lang)).filter(|label| !label.is_empty() && *label != name);
        let label = label.map_or_else(String::new, |label| format!(" ({})", visible(label)));
        let measure = if row.measures.iter().any(|measure| measure == name) { " *" } else { "" };
        let _ = writeln!(text, "      {}{label} = {}{measure}", visible(name), shown(value, field_type));
    }
    if let Some(reason) = &row.reason {
        let _ = writeln!(text, "      {}: {}", REASON.get(lang), visible(&reason.text(lang)));
    }
    if let Some(rule) = &row.rule {
        let _ = writeln!(text, "      {}: {} [{}]", THRESHOLD.get(lang), visible(&rule.source), visible(&rule.origin));
    }
    for mark in &row.marks {
        let said = match mark {
            Mark::Waived { id, reason, approved_by, ends } => {
                let until = ends.format("%Y-%m-%d %H:%M UTC");
                format!("{} {id} · {} · {approved_by} · {until}", WAIVED.get(lang), reason.get(lang))
            }
            Mark::Silenced { window } => format!("{} {window}", SILENCED.get(lang)),
        };
        let _ = writeln!(text, "      {}", visible(&said));
    }
}
