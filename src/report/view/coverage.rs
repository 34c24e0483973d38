//! How much of the plan was checked, for page 1: planned, reached, not checked, with names; and the sums by outcome.

use std::collections::HashSet;

use super::context::Context;
use super::not_inspected::NotInspectedLine;
use super::page::{Coverage, Missing, Tile};
use super::status::Status;
use crate::model::{ItemKind, Outcome};

pub(super) fn coverage(context: &Context<'_>, not_inspected: &[NotInspectedLine]) -> Coverage {
    let (format, tally) = (context.format, context.run.tally());
    let targets = context.run.head.targets.len();
    let reached = targets - unreached(context).len();
    let (judged, planned) = (format.count(tally.judged()), format.count(tally.planned));
    let (reached_text, targets_text) = (format.count(reached), format.count(targets));
    let percent = tally.coverage_pct();
    Coverage {
        percent: percent.map_or_else(|| "—".to_owned(), |percent| format.percent(percent)),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
        bar: percent.unwrap_or(0.0).floor() as u8,
        items: format.pick(format!("{judged} of {planned} planned items checked"), format!("计划 {planned} 个巡检项，完成 {judged} 个")),
        targets: format
            .pick(format!("{reached_text} of {targets_text} targets reached"), format!("共 {targets_text} 个对象，可达 {reached_text} 个")),
        is_low: percent.is_none_or(|percent| percent < crate::report::grade::FULL_COVERAGE_PCT),
        missing: missing(context, not_inspected),
    }
}

pub(super) fn tiles(context: &Context<'_>) -> Vec<Tile> {
    let (tally, words) = (context.run.tally(), context.words);
    let sum = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| tally.count(*outcome)).sum::<usize>();
    [
        ("crit", words.criticals, sum(&[Outcome::Crit])),
        ("warn", words.warnings, sum(&[Outcome::Warn])),
        ("unknown", words.could_not_judge, sum(&[Outcome::Error, Outcome::TimedOut])),
        ("skipped", words.not_inspected_word, sum(&[Outcome::Unreachable, Outcome::Skipped, Outcome::NotRun])),
        ("ok", words.fine, sum(&[Outcome::Ok, Outcome::Info])),
        ("na", words.not_applicable, sum(&[Outcome::NotApplicable])),
    ]
    .into_iter()
    .map(|(tone, word, count)| Tile { status: Status::plain(tone, word), count: context.format.count(count) })
    .collect()
}

/// Ids of the targets that could not be reached.
///
/// The item `reachable` says so; a target without one counts as reached when anything of it was judged.
pub(super) fn unreached(context: &Context<'_>) -> Vec<String> {
    let mut asked: HashSet<&str> = HashSet::new();
    let mut reached: HashSet<&str> = HashSet::new();
    let mut judged: HashSet<&str> = HashSet::new();
    for item in &context.run.items {
        let target = item.key.target.as_str();
        if item.kind == ItemKind::Reachable {
            asked.insert(target);
            if matches!(item.outcome, Outcome::Ok | Outcome::Info | Outcome::Warn) {
                reached.insert(target);
            }
        } else if item.outcome.is_judged() {
            judged.insert(target);
        }
    }
    let ids = context.run.head.targets.iter().map(|target| target.id.as_str());
    ids.filter(|id| if asked.contains(id) { !reached.contains(id) } else { !judged.contains(id) }).map(str::to_owned).collect()
}

fn missing(context: &Context<'_>, not_inspected: &[NotInspectedLine]) -> Vec<Missing> {
    let format = context.format;
    let mut missing: Vec<(Status, usize, Vec<String>)> = Vec::new();
    for line in not_inspected {
        let name = if line.count == 1 { format!("{} ({})", line.object, line.items) } else { format!("{} ({})", line.object, line.count) };
        match missing.iter_mut().find(|(status, _, _)| *status == line.outcome) {
            Some((_, count, names)) => {
                *count += line.count;
                names.push(name);
            }
            None => missing.push((line.outcome.clone(), line.count, vec![name])),
        }
    }
    missing
        .into_iter()
        .map(|(outcome, count, names)| Missing { outcome, count: format.count(count), names: format.list(&names, 4) })
        .collect()
}
