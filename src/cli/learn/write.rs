//! The playbook that states what was seen.

use std::fmt::Write as _;

use super::facts::{differs, is_row, scalar};
use super::seeds::Lesson;
use crate::check::Bound;
use crate::model::untrusted::visible;
use crate::model::{FieldType, ItemRecord, Lang, Outcome, Value};

/// A line that was asked.
pub(super) struct Asked<'a> {
    /// Id of the line as it is written.
    pub(super) id: &'a str,
    /// Its `with:` in YAML; `{}` is none.
    pub(super) with: &'a str,
    /// What is written of it; `None` keeps the check's own thresholds.
    pub(super) lesson: Option<Lesson>,
    /// Whether it is asked from our side, of a target that is more than what answers there.
    pub(super) from_outside: bool,
    /// Its check with parameters.
    pub(super) bound: &'a dyn Bound,
    /// What came of it.
    pub(super) item: &'a ItemRecord,
}

/// The text of a line, or the comment that says why there is none.
pub(super) fn line(asked: &Asked<'_>) -> String {
    match asked.item.outcome {
        Outcome::Warn | Outcome::Crit if asked.from_outside => {
            return format!("  # {} was not learnt: nothing answers it as it should, and perhaps nothing is meant to\n", asked.id);
        }
        Outcome::Ok | Outcome::Info | Outcome::Warn | Outcome::Crit => {}
        // A rate has no value on the first visit; its thresholds do not depend on one.
        Outcome::Skipped if asked.lesson.is_none() => {}
        _ => return why_not(asked),
    }
    match asked.lesson {
        None => head(asked, asked.with) + &already(asked),
        Some(Lesson::Expect(parameter)) => expect(asked, parameter),
        Some(Lesson::FactsBesides(facts)) => pinned(asked, facts, asked.bound.meta().crit),
        Some(Lesson::Facts(facts)) => pinned(asked, facts, None),
    }
}

/// That a line was left out, and why: what could not be looked at is never taken for fine.
fn why_not(asked: &Asked<'_>) -> String {
    let reason =
        asked.item.reason.as_ref().map_or_else(|| asked.item.outcome.label().get(Lang::En).to_owned(), |reason| reason.text(Lang::En));
    format!("  # {} ({}) was not learnt: {}\n", asked.id, asked.bound.meta().id, visible(&reason))
}

fn head(asked: &Asked<'_>, with: &str) -> String {
    let mut text = format!("  - id: {}\n    check: {}\n", asked.id, asked.bound.meta().id);
    // A check that asks anything is called by what it asks here.
    if matches!(asked.bound.meta().id, "exec" | "sql") {
        let _ = writeln!(text, "    title: {}", scalar(&asked.id.replace('-', " ")));
    }
    if with != "{}" {
        let _ = writeln!(text, "    with: {with}");
    }
    text
}

/// A note beside a line whose own thresholds are exceeded already.
fn already(asked: &Asked<'_>) -> String {
    if asked.item.outcome.is_problem() {
        format!("    # It was {} already when this was learnt.\n", asked.item.outcome.id())
    } else {
        String::new()
    }
}

/// What was there becomes what is expected; the check compares.
fn expect(asked: &Asked<'_>, parameter: &str) -> String {
    let key = asked.bound.key();
    let names: Vec<String> =
        asked.item.rows.iter().filter_map(|row| row.row.get(key.first()?)).filter_map(Value::as_text).map(scalar).collect();
    if names.is_empty() {
        return head(asked, asked.with);
    }
    head(asked, &format!("{{ {parameter}: [{}] }}", names.join(", ")))
}

/// Each row as it was; a row that is not listed is new.
fn pinned(asked: &Asked<'_>, facts: &[&str], besides: Option<&str>) -> String {
    let key = asked.bound.key();
    let types: Vec<(String, FieldType)> = asked.bound.fields().iter().map(|field| (field.name.to_string(), field.field_type)).collect();
    let crit = |differs: &str| match besides {
        Some(rule) => scalar(&format!("({rule}) or {differs}")),
        None => scalar(differs),
    };
    let mut text = head(asked, asked.with);
    if besides.is_none() {
        text.push_str("    warn: never\n");
    }
    if besides.is_some() {
        text.push_str(&already(asked));
    }
    if key.is_empty() {
        return match asked.item.rows.first().and_then(|row| differs(&row.row, facts, &types)) {
            Some(rule) => text + &format!("    crit: {}\n", crit(&rule)),
            None => format!("  # {} was not learnt: its value cannot be written as a rule\n", asked.id),
        };
    }
    text.push_str("    # What is not listed below was not there when this was learnt.\n    crit: \"true\"\n");
    let mut listed = String::new();
    for row in &asked.item.rows {
        match (is_row(&row.row, &key), differs(&row.row, facts, &types)) {
            (Some(rows), Some(rule)) => {
                let _ = writeln!(listed, "      - {{ rows: {}, crit: {} }}", scalar(&rows), crit(&rule));
            }
            (Some(rows), None) => {
                let reason = "{ en: its value is too long to be a rule, zh: 取值过长，无法写成规则 }";
                let _ = writeln!(listed, "      - {{ rows: {}, skip: {reason} }}", scalar(&rows));
            }
            (None, _) => {
                let name = row.key.as_ref().map_or_else(|| "without a key".to_owned(), crate::model::untrusted::Untrusted::visible);
                let short: String = name.chars().take(200).collect();
                let _ = writeln!(listed, "      # a row was not learnt, its key is none or too long: {short}");
            }
        }
    }
    if listed.lines().any(|line| line.trim_start().starts_with('-')) {
        text.push_str("    overrides:\n");
    }
    text + &listed
}
