//! Section 4: what was open last time, and what became of each.

use serde::Serialize;

use super::context::Context;
use super::status::Status;
use crate::model::ItemKind;
use crate::report::compare::{Comparison, Earlier, Fate};

/// The problems of the last inspection.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOpen {
    /// What to say when there is nothing to list.
    pub note: Option<String>,
    /// When the last inspection was.
    pub since: Option<String>,
    /// The problems, those still open first.
    pub lines: Vec<LeftLine>,
}

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub struct LeftLine {
    /// What became of it.
    pub state: Status,
    /// Its level last time.
    pub level: Status,
    /// Title of the item.
    pub title: String,
    /// Target and row.
    pub object: String,
    /// As it was.
    pub before: String,
    /// As it is, or why that is not known.
    pub now: String,
    /// Who answers for it.
    pub owner: String,
    /// When it was first seen.
    pub first_seen: String,
    /// Whole days since then.
    pub days: i64,
}

pub(super) fn left_open(context: &Context<'_>, comparison: &Comparison<'_>) -> LeftOpen {
    let Some(previous) = context.source.previous else {
        return LeftOpen { note: Some(context.words.no_previous.to_owned()), since: None, lines: Vec::new() };
    };
    let mut earlier: Vec<&Earlier<'_>> = comparison.earlier.iter().collect();
    earlier.sort_by_key(|earlier| (order(earlier.fate), std::cmp::Reverse(earlier.was.outcome().severity())));
    let lines: Vec<LeftLine> = earlier.into_iter().map(|earlier| line(context, earlier)).collect();
    LeftOpen {
        note: lines.is_empty().then(|| context.words.no_left_open.to_owned()),
        since: Some(context.format.time(previous.head.started)),
        lines,
    }
}

const fn order(fate: Fate) -> u8 {
    match fate {
        Fate::Worse => 0,
        Fate::Same => 1,
        Fate::Better => 2,
        Fate::NotRechecked => 3,
        Fate::Orphaned => 4,
        Fate::Accepted => 5,
        Fate::Solved => 6,
    }
}

fn state(context: &Context<'_>, fate: Fate) -> Status {
    let (tone, en, zh) = match fate {
        Fate::Worse => ("crit", "Worse", "加重"),
        Fate::Same => ("warn", "Still open", "未解决"),
        Fate::Better => ("warn", "Better, still open", "减轻，未解决"),
        Fate::NotRechecked => ("unknown", "Not checked again", "本次未能复查"),
        Fate::Orphaned => ("unknown", "No longer there", "对象已不存在"),
        Fate::Accepted => ("info", "Waived", "已豁免"),
        Fate::Solved => ("ok", "Solved", "已解决"),
    };
    Status::plain(tone, context.format.pick(en, zh))
}

fn line(context: &Context<'_>, earlier: &Earlier<'_>) -> LeftLine {
    let (was, format) = (&earlier.was, context.format);
    let on_record = context.source.history.first_seen(&was.key());
    let previous = context.source.previous.map_or(context.run.head.started, |previous| previous.head.started);
    let first_seen = on_record.unwrap_or(previous);
    let day = format.date(first_seen);
    LeftLine {
        state: state(context, earlier.fate),
        level: Status::level(was.outcome(), was.item.kind == ItemKind::Trend, format.lang),
        title: context.title(was.item),
        object: context.object(was.item, was.row),
        before: context.description(was),
        now: now(context, earlier),
        owner: context.owner(&was.item.key.target),
        first_seen: if on_record.is_some() { day } else { format.pick(format!("{day} or earlier"), format!("{day} 或更早")) },
        days: format.days(first_seen, context.now()).max(0),
    }
}

fn now(context: &Context<'_>, earlier: &Earlier<'_>) -> String {
    if let Some(is) = &earlier.is {
        return context.description(is);
    }
    let was = &earlier.was;
    let Some(item) = context.run.items.iter().find(|item| item.key == was.item.key) else {
        return context.format.pick("no longer in the plan", "已不在巡检计划内").to_owned();
    };
    if earlier.fate == Fate::NotRechecked {
        let row = was.row.and_then(|row| item.rows.iter().find(|now| now.key == row.key));
        let reason = row.and_then(|row| row.reason.as_ref()).or(item.reason.as_ref());
        let word = item.outcome.label().get(context.format.lang);
        return reason.map_or_else(|| word.to_owned(), |reason| context.format.clip(&reason.text(context.format.lang)));
    }
    match was.row.and_then(|row| item.rows.iter().find(|now| now.key == row.key)) {
        Some(row) => context.measures(item, row),
        None if earlier.fate == Fate::Orphaned => context.format.pick("the row is no longer there", "该条目已不存在").to_owned(),
        None => "—".to_owned(),
    }
}
