//! Section 6: every check by class, what is fine told in one line, with every row below it for those who want them all.

use std::collections::HashMap;

use serde::Serialize;

use super::context::Context;
use super::status::Status;
use crate::check::Class;
use crate::checks::find;
use crate::model::{FieldType, ItemKind, ItemRecord, Lang, Outcome, Value};

/// The id under which the items `reachable` are told: before every other class.
const CONNECTION: &str = "connection";
/// Values named in a check's line before the rest is only counted.
const NAMED: usize = 4;
/// Characters of each.
const NAMED_CHARACTERS: usize = 90;

/// One class.
#[derive(Clone, Debug, Serialize)]
pub struct ClassView {
    /// Heading.
    pub label: String,
    /// Its checks.
    pub checks: Vec<CheckLine>,
}

/// One check over all its targets.
#[derive(Clone, Debug, Serialize)]
pub struct CheckLine {
    /// Title.
    pub title: String,
    /// How it is done.
    pub method: String,
    /// What is normal.
    pub standard: String,
    /// Range of what is fine, and the worst values by name.
    pub value: String,
    /// The worst outcome of its items.
    pub status: Status,
    /// Counts by outcome, in words.
    pub counts: String,
    /// How many rows there are, in words.
    pub row_count: String,
    /// Every row; empty on paper.
    pub rows: Vec<RowLine>,
}

/// One row of one item, or an item without rows.
#[derive(Clone, Debug, Serialize)]
pub struct RowLine {
    /// Target and row.
    pub object: String,
    /// Its values.
    pub value: String,
    /// Why, where there is no verdict or it is qualified.
    pub reason: String,
    /// How it ended.
    pub status: Status,
    /// Whether a waiver covers it.
    pub waived: bool,
}

pub(super) fn class_of(item: &ItemRecord) -> &str {
    if item.kind == ItemKind::Reachable { CONNECTION } else { &item.class }
}

pub(super) fn class_rank(id: &str) -> usize {
    if id == CONNECTION {
        return 0;
    }
    super::overview::class_ids().iter().position(|class| *class == id).map_or(usize::MAX, |at| at + 1)
}

pub(super) fn class_label(id: &str, lang: Lang) -> String {
    if id == CONNECTION {
        return match lang {
            Lang::En => "Connection",
            Lang::Zh => "连接",
        }
        .to_owned();
    }
    Class::ALL.into_iter().find(|class| class.id() == id).map_or_else(|| id.to_owned(), |class| class.label().get(lang).to_owned())
}

pub(super) fn classes(context: &Context<'_>) -> Vec<ClassView> {
    let mut order: Vec<(&str, &str)> = Vec::new();
    let mut groups: HashMap<(&str, &str), Vec<&ItemRecord>> = HashMap::new();
    for item in &context.run.items {
        let key = (class_of(item), item.key.line.as_str());
        groups.entry(key).or_insert_with(|| {
            order.push(key);
            Vec::new()
        });
        if let Some(items) = groups.get_mut(&key) {
            items.push(item);
        }
    }
    order.sort_by_key(|(class, _)| class_rank(class));
    let mut classes: Vec<(&str, ClassView)> = Vec::new();
    for key in order {
        let line = check_line(context, &groups[&key]);
        match classes.last_mut() {
            Some((class, view)) if *class == key.0 => view.checks.push(line),
            _ => classes.push((key.0, ClassView { label: class_label(key.0, context.format.lang), checks: vec![line] })),
        }
    }
    classes.into_iter().map(|(_, view)| view).collect()
}

fn check_line(context: &Context<'_>, items: &[&ItemRecord]) -> CheckLine {
    let format = context.format;
    let first = items[0];
    let worst = items.iter().map(|item| item.outcome).max_by_key(|outcome| outcome.severity()).unwrap_or(Outcome::NotRun);
    let counts: Vec<String> = Outcome::ALL
        .into_iter()
        .filter_map(|outcome| {
            let count = items.iter().filter(|item| item.outcome == outcome).count();
            (count > 0).then(|| format!("{} {}", Status::of(outcome, format.lang).word, format.count(count)))
        })
        .collect();
    let rows: Vec<RowLine> = items.iter().flat_map(|item| row_lines(context, item)).collect();
    CheckLine {
        title: context.title(first),
        method: method(context, first),
        standard: if first.kind == ItemKind::Reachable {
            format.pick("lets us in", "可连接并登录").to_owned()
        } else {
            context.standard(first)
        },
        value: value(context, items),
        status: Status::of(worst, format.lang),
        counts: counts.join(format.pick(", ", "，")),
        row_count: {
            let count = format.count(rows.len());
            format.pick(format!("{count} rows"), format!("{count} 行"))
        },
        rows,
    }
}

fn method(context: &Context<'_>, item: &ItemRecord) -> String {
    let format = context.format;
    match item.kind {
        ItemKind::Reachable => format.pick("Connects and logs in.", "建立连接并登录。").to_owned(),
        ItemKind::Check => find(&item.check).map_or_else(|| item.check.clone(), |entry| entry.meta.asks.get(format.lang).to_owned()),
        ItemKind::Trend => {
            format.pick("Judges how values change from inspection to inspection.", "根据历次巡检的数值变化判断。").to_owned()
        }
        ItemKind::Across => format.pick("Judges the targets of a check together.", "对同一检查的多个对象综合判断。").to_owned(),
        ItemKind::Person => format.pick("A person answers.", "由人员答复。").to_owned(),
    }
}

/// The range of the first measure over all rows, and the worst rows by name.
fn value(context: &Context<'_>, items: &[&ItemRecord]) -> String {
    let format = context.format;
    let mut parts = Vec::new();
    let rows = items.iter().map(|item| item.rows.len()).sum::<usize>();
    if let Some(range) = range(context, items) {
        parts.push(range);
    } else if rows > 0 {
        let fine = items.iter().flat_map(|item| &item.rows).filter(|row| matches!(row.outcome, Outcome::Ok | Outcome::Info)).count();
        let (fine, rows) = (format.count(fine), format.count(rows));
        parts.push(format.pick(format!("{fine} of {rows} rows ok"), format!("{rows} 行中 {fine} 行正常")));
    } else {
        let fine = items.iter().filter(|item| matches!(item.outcome, Outcome::Ok | Outcome::Info)).count();
        let (fine, all) = (format.count(fine), format.count(items.len()));
        parts.push(format.pick(format!("{fine} of {all} ok"), format!("{all} 项中 {fine} 项正常")));
    }
    let mut bad: Vec<(u8, String)> = Vec::new();
    let mut more = 0;
    for item in items {
        for row in item.rows.iter().filter(|row| row.outcome.is_problem()) {
            // Only so many are put into words; a check may have thousands.
            if bad.len() < NAMED * 8 {
                let text = format!("{} {}", context.object(item, Some(row)), context.measures(item, row));
                bad.push((row.outcome.severity(), shorten(text)));
            } else {
                more += 1;
            }
        }
    }
    bad.sort_by_key(|bad| std::cmp::Reverse(bad.0));
    more += bad.len().saturating_sub(NAMED);
    parts.extend(bad.into_iter().take(NAMED).map(|(_, text)| text));
    if more > 0 {
        let more = format.count(more);
        parts.push(format.pick(format!("{more} more in section 3"), format!("其余 {more} 项见第 3 节")));
    }
    parts.join(format.pick("; ", "；"))
}

/// A glance, for a line that names several; section 3 has the whole.
fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(NAMED_CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

fn range(context: &Context<'_>, items: &[&ItemRecord]) -> Option<String> {
    let format = context.format;
    let first = items.iter().flat_map(|item| &item.rows).find_map(|row| row.measures.first())?;
    let field = items.iter().find_map(|item| Context::field_type(item, first))?;
    if !matches!(field, FieldType::Number | FieldType::Percent | FieldType::Bytes | FieldType::Duration) {
        return None;
    }
    let of_rows = items.iter().flat_map(|item| &item.rows).filter(|row| row.measures.first() == Some(first));
    let values: Vec<f64> = of_rows.filter_map(|row| row.row.get(first)?.as_f64()).collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    let show = |number: f64| match field {
        FieldType::Duration => format.duration(number),
        _ => format.value(&Value::Number(number), Some(field)),
    };
    let label = context.label(items[0], first);
    let span = if low.to_bits() == high.to_bits() { show(low) } else { format!("{} – {}", show(low), show(high)) };
    Some(format!("{label} {span}"))
}

fn row_lines(context: &Context<'_>, item: &ItemRecord) -> Vec<RowLine> {
    let lang = context.format.lang;
    let reason = |reason: Option<&crate::model::Message>| reason.map(|reason| context.format.clip(&reason.text(lang))).unwrap_or_default();
    if item.rows.is_empty() {
        return vec![RowLine {
            object: context.object(item, None),
            value: "—".to_owned(),
            reason: reason(item.reason.as_ref()),
            status: Status::of(item.outcome, lang),
            waived: false,
        }];
    }
    item.rows
        .iter()
        .map(|row| RowLine {
            object: context.object(item, Some(row)),
            value: context.measures(item, row),
            reason: reason(row.reason.as_ref()),
            status: Status::of(row.outcome, lang),
            waived: row.is_waived(),
        })
        .collect()
}
