//! What every part of the view needs: language, zone, targets and people by id, and the values of rows in words.

use std::collections::HashMap;
use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::model::{FieldType, ItemRecord, Lang, Mark, Outcome, Phrase, RowRecord, RunHead, RunRecord, Standard, Target, Untrusted, Value};
use crate::report::format::Format;
use crate::report::found::Found;
use crate::report::source::Source;
use crate::report::words::Words;

pub(super) struct Context<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) run: &'a RunRecord,
    pub(super) format: Format,
    pub(super) words: Words,
    targets: HashMap<&'a str, &'a Target>,
    people: HashMap<&'a str, &'a Phrase>,
}

impl<'a> Context<'a> {
    pub(super) fn new(source: &'a Source<'a>, lang: Lang) -> Self {
        let head = &source.run.head;
        Self {
            source,
            run: source.run,
            format: Format { lang, zone: zone(head) },
            words: Words::of(lang),
            targets: head.targets.iter().map(|target| (target.id.as_str(), target)).collect(),
            people: head.people.iter().map(|(id, name)| (id.as_str(), name)).collect(),
        }
    }

    /// The moment that "now" means in this report.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.run.ended.unwrap_or(self.run.head.started)
    }

    pub(super) fn target(&self, id: &str) -> Option<&'a Target> {
        self.targets.get(id).copied()
    }

    pub(super) fn person(&self, id: &str) -> String {
        let name = self.people.get(id).map(|name| name.get(self.format.lang)).filter(|name| !name.is_empty());
        name.unwrap_or(id).to_owned()
    }

    /// Who answers for a target; nobody is said, too.
    pub(super) fn owner(&self, target: &str) -> String {
        self.owner_id(target).map_or_else(|| self.format.pick("nobody named", "未指定").to_owned(), |id| self.person(id))
    }

    pub(super) fn owner_id(&self, target: &str) -> Option<&'a str> {
        if target.is_empty() { self.run.head.owner.as_deref() } else { self.target(target)?.owner() }
    }

    /// What the business calls the system of a target.
    pub(super) fn system(&self, target: &str) -> String {
        let system = self.target(target).and_then(|target| target.system.as_deref());
        system.map_or_else(
            || "—".to_owned(),
            |system| {
                let name = system.name.get(self.format.lang);
                if name.is_empty() { system.id.clone() } else { name.to_owned() }
            },
        )
    }

    pub(super) fn title(&self, item: &ItemRecord) -> String {
        super::phrase(self, &item.title, if item.check.is_empty() { &item.key.line } else { &item.check })
    }

    /// Target, and the row where there is one: `erp-db1 · /data`.
    pub(super) fn object(&self, item: &ItemRecord, row: Option<&RowRecord>) -> String {
        let target = if item.key.target.is_empty() { self.format.pick("across targets", "跨对象") } else { &item.key.target };
        match row.and_then(|row| row.key.as_ref()) {
            None => target.to_owned(),
            Some(key) => format!("{target} · {}", self.format.untrusted(key)),
        }
    }

    /// The measures of a row, each with its label: `Used 93.1 %`; the first fields where the rule names none.
    pub(super) fn measures(&self, item: &ItemRecord, row: &RowRecord) -> String {
        let shown: Vec<String> = if row.measures.is_empty() {
            row.row.iter().filter(|(name, _)| !is_key(row, name)).take(3).map(|(name, value)| self.labelled(item, name, value)).collect()
        } else {
            row.measures
                .iter()
                .map(|name| match row.row.get(name) {
                    Some(value) => self.labelled(item, name, value),
                    None => format!("{name} {}", self.format.pick("no value", "无值")),
                })
                .collect()
        };
        shown.join(self.format.pick(", ", "，"))
    }

    /// What a problem says: values, the reason where there is one, the threshold.
    pub(super) fn description(&self, found: &Found<'_>) -> String {
        let lang = self.format.lang;
        let mut parts = Vec::new();
        if let Some(row) = found.row {
            let measures = self.measures(found.item, row);
            if !measures.is_empty() {
                parts.push(measures);
            }
        }
        let reason = found.row.and_then(|row| row.reason.as_ref()).or(if found.row.is_none() { found.item.reason.as_ref() } else { None });
        if let Some(reason) = reason {
            parts.push(self.format.clip(&reason.text(lang)));
        }
        if let Some(rule) = found.row.and_then(|row| row.rule.as_ref()) {
            let origin = self.origin(&rule.origin);
            parts.push(self.format.pick(format!("threshold: {} ({origin})", rule.source), format!("阈值：{}（{origin}）", rule.source)));
        }
        for mark in found.row.iter().flat_map(|row| &row.marks) {
            if let Mark::Silenced { window } = mark {
                parts.push(self.format.pick(format!("silenced by window {window}"), format!("维护窗口 {window} 内静默")));
            }
        }
        if parts.is_empty() {
            parts.push(found.outcome().label().get(lang).to_owned());
        }
        parts.join(self.format.pick("; ", "；"))
    }

    pub(super) fn origin(&self, origin: &str) -> String {
        if origin == "catalogue" { self.format.pick("catalogue default", "内置默认").to_owned() } else { origin.to_owned() }
    }

    /// The standard of an item, as it stands for most of its rows.
    pub(super) fn standard(&self, item: &ItemRecord) -> String {
        if item.thresholds.is_empty() {
            return self.format.pick("no threshold", "无阈值").to_owned();
        }
        let one = |standard: &Standard| {
            let level = Outcome::from(standard.level).label().get(self.format.lang);
            format!("{level}{}{}", self.format.pick(": ", "："), standard.rule.source)
        };
        item.thresholds.iter().map(one).collect::<Vec<_>>().join(self.format.pick("; ", "；"))
    }

    pub(super) fn field_type(item: &ItemRecord, name: &str) -> Option<FieldType> {
        item.fields.iter().find(|field| field.name == name).map(|field| field.field_type)
    }

    pub(super) fn label(&self, item: &ItemRecord, name: &str) -> String {
        let label = item.fields.iter().find(|field| field.name == name).map(|field| field.label.get(self.format.lang));
        label.filter(|label| !label.is_empty()).unwrap_or(name).to_owned()
    }

    fn labelled(&self, item: &ItemRecord, name: &str, value: &Value) -> String {
        format!("{} {}", self.label(item, name), self.format.value(value, Self::field_type(item, name)))
    }
}

/// The number that people quote: playbook, start in the report's zone, and the end of the run's id.
#[must_use]
pub fn report_number(head: &RunHead) -> String {
    let at = head.started.with_timezone(&zone(head)).format("%Y%m%d-%H%M");
    let tail: String = head.id.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail = &tail[tail.len().saturating_sub(6)..];
    format!("{}-{at}-{tail}", head.playbook)
}

/// The zone of the run; one that we do not know is UTC, and the cover says which zone is meant.
pub(super) fn zone(head: &RunHead) -> Tz {
    Tz::from_str(&head.timezone).unwrap_or(Tz::UTC)
}

/// Whether a field only repeats the row's key, which stands beside it anyway.
fn is_key(row: &RowRecord, name: &str) -> bool {
    let text = row.row.get(name).and_then(Value::as_text);
    text.is_some() && text == row.key.as_ref().map(Untrusted::raw)
}
