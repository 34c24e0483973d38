//! Section 5: everything that was not inspected or could not be judged, with the reason; equal reasons of a target together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::Context;
use super::status::Status;
use crate::report::found::unjudged;

/// What of one target was not inspected for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct NotInspectedLine {
    /// How it ended.
    pub outcome: Status,
    /// Target.
    pub object: String,
    /// System.
    pub system: String,
    /// Who answers for it.
    pub owner: String,
    /// Titles of the items, with the row where only that was not judged.
    pub items: String,
    /// How many items.
    pub count: usize,
    /// Why.
    pub reason: String,
}

/// By severity, target and reason; a sorted map keeps the order stable.
type Group<'a> = (std::cmp::Reverse<u8>, &'a str, String);

pub(super) fn lines(context: &Context<'_>) -> Vec<NotInspectedLine> {
    let format = context.format;
    let mut groups: BTreeMap<Group<'_>, (Status, Vec<String>)> = BTreeMap::new();
    for found in unjudged(context.run) {
        let reason = found.row.and_then(|row| row.reason.as_ref()).or(found.item.reason.as_ref());
        let reason = reason
            .map_or_else(|| format.pick("no reason on record", "未记录原因").to_owned(), |reason| format.clip(&reason.text(format.lang)));
        let outcome = found.outcome();
        let title = context.title(found.item);
        let title = match found.row.and_then(|row| row.key.as_ref()) {
            None => title,
            Some(key) => format!("{title} · {}", format.untrusted(key)),
        };
        let (_, titles) = groups
            .entry((std::cmp::Reverse(outcome.severity()), &found.item.key.target, reason))
            .or_insert_with(|| (Status::of(outcome, format.lang), Vec::new()));
        titles.push(title);
    }
    groups
        .into_iter()
        .map(|((_, target, reason), (outcome, titles))| NotInspectedLine {
            outcome,
            object: if target.is_empty() { format.pick("across targets", "跨对象").to_owned() } else { target.to_owned() },
            system: context.system(target),
            owner: context.owner(target),
            count: titles.len(),
            items: titles.join(format.pick(", ", "、")),
            reason,
        })
        .collect()
}
