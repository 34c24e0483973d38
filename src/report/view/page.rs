//! Page 1: what a manager reads.

use serde::Serialize;

use super::capacity::{Capacity, ExpiryLine, FillLine};
use super::context::Context;
use super::coverage::{coverage, tiles};
use super::decisions::decisions;
use super::not_inspected::NotInspectedLine;
use super::problems::ProblemLine;
use super::status::Status;
use super::verdict::{movement, plural, trend, verdict};
use crate::report::compare::Comparison;
use crate::report::grade::health;

/// How many risks, fillings and endings stand on the page.
const RISKS: usize = 5;
const FILLS: usize = 3;
const ENDINGS: usize = 4;

/// The manager's page.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// Tone of the verdict.
    pub tone: &'static str,
    /// The verdict in a sentence.
    pub verdict: String,
    /// What changed since last time, in a sentence.
    pub trend: String,
    /// How much was checked.
    pub coverage: Coverage,
    /// Counts of items that add up to the planned number.
    pub tiles: Vec<Tile>,
    /// How many problems a waiver covers, where there are any: said aloud.
    pub accepted_note: Option<String>,
    /// New, solved, still open; absent when there is nothing to compare with.
    pub movement: Option<Movement>,
    /// The greatest risks.
    pub risks: Vec<RiskLine>,
    /// What fills up first.
    pub fills: Vec<FillLine>,
    /// The last proved restore.
    pub restore: String,
    /// What expires within 30 days.
    pub expires: Vec<ExpiryLine>,
    /// How many more expire, in words.
    pub expires_more: Option<String>,
    /// What somebody has to decide.
    pub decisions: Vec<String>,
}

/// How much was checked.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// In percent, or a dash.
    pub percent: String,
    /// For a bar, 0 to 100.
    pub bar: u8,
    /// `118 of 124 planned items`.
    pub items: String,
    /// `11 of 12 targets`.
    pub targets: String,
    /// Whether less than 95 % were checked.
    pub is_low: bool,
    /// What was not, with names.
    pub missing: Vec<Missing>,
}

/// What was not checked for one reason.
#[derive(Clone, Debug, Serialize)]
pub struct Missing {
    /// How it ended.
    pub outcome: Status,
    /// How many items.
    pub count: String,
    /// Names of targets, and of items where it is not the whole target.
    pub names: String,
}

/// A count with its status.
#[derive(Clone, Debug, Serialize)]
pub struct Tile {
    /// The status.
    pub status: Status,
    /// The count.
    pub count: String,
}

/// What changed since last time.
#[derive(Clone, Debug, Serialize)]
pub struct Movement {
    /// Problems that the last run did not have.
    pub new: String,
    /// Problems that this run proves gone.
    pub solved: String,
    /// Problems of the last run that are still there.
    pub still_open: String,
    /// Problems of the last run that could not be checked again, in words.
    pub unknown: Option<String>,
}

/// One of the greatest risks.
#[derive(Clone, Debug, Serialize)]
pub struct RiskLine {
    /// High, medium or low.
    pub level: Status,
    /// System, as the business calls it.
    pub system: String,
    /// What is wrong.
    pub risk: String,
    /// What it may lead to.
    pub why: String,
    /// Where.
    pub objects: String,
    /// Who answers for it.
    pub owner: String,
    /// When it was first seen.
    pub first_seen: String,
    /// Whole days since then.
    pub days: i64,
    /// What to do.
    pub advice: String,
    /// Until when.
    pub deadline: String,
    /// Ticket number.
    pub ticket: String,
}

pub(super) fn page(
    context: &Context<'_>,
    comparison: &Comparison<'_>,
    problems: &[ProblemLine],
    capacity: &Capacity,
    not_inspected: &[NotInspectedLine],
) -> Page {
    let accepted = crate::report::found::problems(context.run).iter().filter(|found| found.is_waived()).count();
    let format = context.format;
    Page {
        tone: health(context.run).grade.tone(),
        verdict: verdict(context, problems),
        trend: trend(context, comparison, problems),
        coverage: coverage(context, not_inspected),
        tiles: tiles(context),
        accepted_note: (accepted > 0).then(|| {
            let count = format.count(accepted);
            let they = if accepted == 1 { "it is" } else { "they are" };
            let known = plural(accepted, "known problem is", "known problems are");
            format.pick(
                format!("{known} accepted by waiver: {they} still there, and not counted in grade and score."),
                format!("另有 {count} 项已知问题经豁免：问题仍然存在，不计入评级与评分。"),
            )
        }),
        movement: context.source.previous.map(|_| movement(context, comparison, problems)),
        risks: risks(context, problems),
        fills: capacity.fills.iter().filter(|fill| fill.reaches).take(FILLS).cloned().collect(),
        restore: restore(context),
        expires: capacity.expires.iter().take(ENDINGS).cloned().collect(),
        expires_more: (capacity.expires.len() > ENDINGS).then(|| {
            let more = format.count(capacity.expires.len() - ENDINGS);
            format.pick(format!("and {more} more, see section 7"), format!("另有 {more} 项，见第 7 节"))
        }),
        decisions: decisions(context, problems, capacity),
    }
}

/// The worst problems, those of one check and system taken together.
fn risks(context: &Context<'_>, problems: &[ProblemLine]) -> Vec<RiskLine> {
    let format = context.format;
    let mut risks: Vec<(&ProblemLine, Vec<String>)> = Vec::new();
    for problem in problems {
        let same = risks.iter().position(|(first, _)| first.group == problem.group && first.level == problem.level);
        match same {
            Some(at) => risks[at].1.push(problem.object.clone()),
            None if risks.len() < RISKS => risks.push((problem, vec![problem.object.clone()])),
            None => {}
        }
    }
    risks
        .into_iter()
        .map(|(problem, objects)| RiskLine {
            level: problem.level.clone(),
            system: problem.system.clone(),
            risk: problem.title.clone(),
            why: problem.why.clone(),
            objects: format.list(&objects, 2),
            owner: problem.owner.clone(),
            first_seen: problem.first_seen.clone(),
            days: problem.days,
            advice: problem.advice.clone(),
            deadline: problem.deadline.clone(),
            ticket: problem.ticket.clone(),
        })
        .collect()
}

fn restore(context: &Context<'_>) -> String {
    let format = context.format;
    context.source.history.last_restore().map_or_else(
        || context.words.none_on_record.to_owned(),
        |restore| {
            let (at, took, lost) = (format.date(restore.at), format.duration(restore.took_s), format.duration(restore.lost_s));
            format.pick(
                format!("{at}, {}: restored in {took} (RTO), {lost} of data lost (RPO)", restore.what),
                format!("{at}，{}：恢复用时 {took}（RTO），数据损失 {lost}（RPO）", restore.what),
            )
        },
    )
}
