//! Section 8: what differs from the last run — outcomes, texts and settings, rows and items that came or went.

use std::collections::HashMap;

use serde::Serialize;

use super::context::Context;
use crate::model::{ItemKey, ItemRecord, RowRecord, Untrusted, Value};

/// Differences listed; the rest is counted.
const LISTED: usize = 300;

/// Section 8.
#[derive(Clone, Debug, Serialize)]
pub struct Changes {
    /// What to say when there is nothing to list.
    pub note: Option<String>,
    /// Differences of the playbook or of the plan as a whole, in sentences.
    pub plan: Vec<String>,
    /// Differences of values.
    pub lines: Vec<ChangeLine>,
    /// How many more there are, in words.
    pub more: Option<String>,
}

/// One difference.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeLine {
    /// Target and row.
    pub object: String,
    /// Title of the item.
    pub item: String,
    /// Which field.
    pub field: String,
    /// As it was.
    pub before: String,
    /// As it is.
    pub after: String,
}

pub(super) fn changes(context: &Context<'_>) -> Changes {
    let Some(previous) = context.source.previous else {
        return Changes { note: Some(context.words.no_previous.to_owned()), plan: Vec::new(), lines: Vec::new(), more: None };
    };
    let format = context.format;
    let earlier: HashMap<&ItemKey, &ItemRecord> = previous.items.iter().map(|item| (&item.key, item)).collect();
    let mut lines = Vec::new();
    for item in &context.run.items {
        if let Some(before) = earlier.get(&item.key) {
            compare_item(context, before, item, &mut lines);
        }
    }
    let plan = plan_changes(context, previous);
    let more = lines.len().saturating_sub(LISTED);
    lines.truncate(LISTED);
    Changes {
        note: (lines.is_empty() && plan.is_empty()).then(|| context.words.no_changes.to_owned()),
        plan,
        lines,
        more: (more > 0).then(|| {
            let count = format.count(more);
            format.pick(format!("{count} more differences are not listed here."), format!("另有 {count} 处差异未在此列出。"))
        }),
    }
}

/// Rows that came, went or differ in text, yes/no or list; numbers move all the time and belong to the trend.
fn compare_item(context: &Context<'_>, before: &ItemRecord, now: &ItemRecord, lines: &mut Vec<ChangeLine>) {
    // Without an answer on both sides nothing can be said of a difference.
    if !before.outcome.is_judged() || !now.outcome.is_judged() {
        return;
    }
    let rows: HashMap<Option<&str>, &RowRecord> = before.rows.iter().map(|row| (row.key.as_ref().map(Untrusted::raw), row)).collect();
    let (gone_word, come_word) = (context.format.pick("not there", "不存在"), context.format.pick("there", "存在"));
    let whole_row = |row: &RowRecord, before: &str, after: &str| ChangeLine {
        object: context.object(now, Some(row)),
        item: context.title(now),
        field: context.format.pick("row", "条目").to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
    };
    for row in &now.rows {
        match rows.get(&row.key.as_ref().map(Untrusted::raw)) {
            None => lines.push(whole_row(row, gone_word, come_word)),
            Some(earlier) => compare_row(context, now, earlier, row, lines),
        }
    }
    let kept: std::collections::HashSet<Option<&str>> = now.rows.iter().map(|row| row.key.as_ref().map(Untrusted::raw)).collect();
    for row in before.rows.iter().filter(|row| !kept.contains(&row.key.as_ref().map(Untrusted::raw))) {
        lines.push(whole_row(row, come_word, gone_word));
    }
}

fn compare_row(context: &Context<'_>, item: &ItemRecord, before: &RowRecord, now: &RowRecord, lines: &mut Vec<ChangeLine>) {
    for (name, value) in now.row.iter() {
        if !matches!(value, Value::Text(_) | Value::Boolean(_) | Value::List(_)) {
            continue;
        }
        let Some(earlier) = before.row.get(name).filter(|earlier| *earlier != value) else { continue };
        let field = Context::field_type(item, name);
        lines.push(ChangeLine {
            object: context.object(item, Some(now)),
            item: context.title(item),
            field: context.label(item, name),
            before: context.format.value(earlier, field),
            after: context.format.value(value, field),
        });
    }
}

fn plan_changes(context: &Context<'_>, previous: &crate::model::RunRecord) -> Vec<String> {
    let format = context.format;
    let mut plan = Vec::new();
    if previous.head.playbook_hash != context.run.head.playbook_hash {
        plan.push(format.pick("The playbook was changed.", "巡检方案已修改。").to_owned());
    }
    if previous.head.version != context.run.head.version {
        let (before, now) = (&previous.head.version, &context.run.head.version);
        plan.push(format.pick(format!("The program was updated from {before} to {now}."), format!("巡检程序由 {before} 升级到 {now}。")));
    }
    let ids = |run: &crate::model::RunRecord| run.head.targets.iter().map(|target| target.id.clone()).collect::<Vec<_>>();
    let (before, now) = (ids(previous), ids(context.run));
    let come: Vec<String> = now.iter().filter(|id| !before.contains(id)).cloned().collect();
    let gone: Vec<String> = before.iter().filter(|id| !now.contains(id)).cloned().collect();
    if !come.is_empty() {
        let names = format.list(&come, 20);
        plan.push(format.pick(format!("New targets: {names}."), format!("新增对象：{names}。")));
    }
    if !gone.is_empty() {
        let names = format.list(&gone, 20);
        plan.push(format.pick(format!("Targets no longer in the plan: {names}."), format!("移出计划的对象：{names}。")));
    }
    plan
}
