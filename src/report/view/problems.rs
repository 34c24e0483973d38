//! Section 3: open problems with advice, and apart from them the accepted ones.

use serde::Serialize;

use super::context::Context;
use super::status::Status;
use crate::model::{ItemKind, Mark, Outcome};
use crate::report::compare::Comparison;
use crate::report::expiry::ending;
use crate::report::found::{Found, problems};

/// One open problem.
#[derive(Clone, Debug, Serialize)]
pub struct ProblemLine {
    /// High, medium or low.
    pub level: Status,
    /// Title of the item.
    pub title: String,
    /// Values, reason and threshold.
    pub description: String,
    /// Target and row.
    pub object: String,
    /// System, as the business calls it.
    pub system: String,
    /// Who answers for it.
    pub owner: String,
    /// When it was first seen.
    pub first_seen: String,
    /// Whole days since then.
    pub days: i64,
    /// Whether this run is the first that saw it.
    pub is_new: bool,
    /// What to do.
    pub advice: String,
    /// Link to a runbook, only where it is `http(s)`.
    pub runbook: Option<String>,
    /// Until when.
    pub deadline: String,
    /// Ticket number.
    pub ticket: String,
    /// The risk, in words of the business where there are any.
    pub why: String,
    /// Line of the playbook and target's system: what belongs together on page 1.
    #[serde(skip)]
    pub(super) group: (String, String),
    #[serde(skip)]
    pub(super) has_owner: bool,
    #[serde(skip)]
    pub(super) target: String,
}

/// One problem that a waiver covers.
#[derive(Clone, Debug, Serialize)]
pub struct AcceptedLine {
    /// High, medium or low.
    pub level: Status,
    /// Title of the item.
    pub title: String,
    /// Target and row.
    pub object: String,
    /// Values and threshold.
    pub description: String,
    /// Id of the waiver.
    pub waiver: String,
    /// Why it is accepted.
    pub reason: String,
    /// Who approved it.
    pub approved_by: String,
    /// When that ends.
    pub ends: String,
}

pub(super) fn problem_lines(context: &Context<'_>, comparison: &Comparison<'_>) -> Vec<ProblemLine> {
    let mut lines: Vec<(u8, ProblemLine)> = problems(context.run)
        .iter()
        .filter(|found| !found.is_waived())
        .map(|found| (rank(found), line(context, comparison, found)))
        .collect();
    // Worst first, then longest open, then by line of the playbook: the same order, and the same choice for page 1, in every language.
    lines.sort_by(|(rank_a, a), (rank_b, b)| {
        rank_b.cmp(rank_a).then(b.days.cmp(&a.days)).then_with(|| a.group.0.cmp(&b.group.0)).then_with(|| a.object.cmp(&b.object))
    });
    lines.into_iter().map(|(_, line)| line).collect()
}

pub(super) fn accepted_lines(context: &Context<'_>) -> Vec<AcceptedLine> {
    let mut lines = Vec::new();
    for found in problems(context.run) {
        let marks = found.row.map(|row| row.marks.as_slice()).unwrap_or_default();
        for mark in marks {
            if let Mark::Waived { id, reason, approved_by, ends } = mark {
                lines.push(AcceptedLine {
                    level: Status::level(found.outcome(), found.item.kind == ItemKind::Trend, context.format.lang),
                    title: context.title(found.item),
                    object: context.object(found.item, found.row),
                    description: context.description(&found),
                    waiver: id.clone(),
                    reason: reason.get(context.format.lang).to_owned(),
                    approved_by: context.person(approved_by),
                    ends: context.format.date(*ends),
                });
            }
        }
    }
    lines
}

fn rank(found: &Found<'_>) -> u8 {
    match found.outcome() {
        Outcome::Crit => 2,
        _ if found.item.kind == ItemKind::Trend => 0,
        _ => 1,
    }
}

fn line(context: &Context<'_>, comparison: &Comparison<'_>, found: &Found<'_>) -> ProblemLine {
    let (item, format) = (found.item, context.format);
    let key = found.key();
    let known = comparison.knows(found);
    let previous = context.source.previous.filter(|_| known).map(|previous| previous.head.started);
    let on_record = context.source.history.first_seen(&key);
    let first_seen = on_record.or(previous).unwrap_or(context.run.head.started);
    // Without a history all that is known is that the last run had it, too.
    let at_least = on_record.is_none() && known;
    let ticket = context.source.history.ticket(&key);
    let expires = found.row.and_then(|row| ending(item, row)).map(|(_, at)| at);
    let deadline = ticket.as_ref().and_then(|ticket| ticket.deadline).map(|at| format.date(at));
    let deadline = deadline.or_else(|| {
        expires.map(|at| {
            let day = format.date(at);
            if at < context.now() {
                format.pick(format!("expired {day}"), format!("已于 {day} 到期"))
            } else {
                format.pick(format!("expires {day}"), format!("{day} 到期"))
            }
        })
    });
    let first = format.date(first_seen);
    ProblemLine {
        level: Status::level(found.outcome(), item.kind == ItemKind::Trend, format.lang),
        title: context.title(item),
        description: context.description(found),
        object: context.object(item, found.row),
        system: context.system(&item.key.target),
        owner: context.owner(&item.key.target),
        first_seen: if at_least { format.pick(format!("{first} or earlier"), format!("{first} 或更早")) } else { first },
        days: format.days(first_seen, context.now()).max(0),
        // Without anything to compare with nobody knows whether it is new.
        is_new: !known && (context.source.previous.is_some() || on_record.is_some()) && first_seen >= context.run.head.started,
        advice: or_dash(super::phrase(context, &item.advice, "")),
        runbook: item.runbook.clone().filter(|url| url.starts_with("https://") || url.starts_with("http://")),
        deadline: deadline.unwrap_or_else(|| format.pick("not set", "未设定").to_owned()),
        ticket: ticket.map_or_else(|| context.words.none_on_record.to_owned(), |ticket| ticket.number),
        why: super::phrase(context, &item.why, ""),
        group: (item.key.line.clone(), context.system(&item.key.target)),
        has_owner: context.owner_id(&item.key.target).is_some(),
        target: item.key.target.clone(),
    }
}

fn or_dash(text: String) -> String {
    if text.is_empty() { "—".to_owned() } else { text }
}
