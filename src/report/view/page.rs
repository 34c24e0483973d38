//! Page 1: what a manager reads.

use serde::Serialize;

use super::capacity::{Capacity, ExpiryLine, FillLine};
use super::context::Context;
use super::not_inspected::NotInspectedLine;
use super::problems::ProblemLine;
use super::status::Status;
use crate::model::{ItemKind, Outcome};
use crate::report::compare::{Comparison, Fate};
use crate::report::grade::{Grade, health};

/// How many risks, fillings and endings stand on the page.
const RISKS: usize = 5;
const FILLS: usize = 3;
const ENDINGS: usize = 4;
const DECISIONS: usize = 6;

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

/// `1 problem is`, `3 problems are`.
fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn open(problems: &[ProblemLine], level: &str) -> usize {
    problems.iter().filter(|problem| problem.level.tone == level).count()
}

fn verdict(context: &Context<'_>, problems: &[ProblemLine]) -> String {
    let (format, tally) = (context.format, context.run.tally());
    let grade = health(context.run).grade;
    let missing = tally.planned - tally.judged();
    if tally.planned == 0 {
        return format
            .pick("Not graded: the plan named no item, so nothing was inspected.", "未评级：巡检计划为空，未检查任何内容。")
            .to_owned();
    }
    if tally.judged() == 0 {
        return format.pick("Not graded: no item could be judged.", "未评级：没有任何巡检项得出结论。").to_owned();
    }
    let mut targets: Vec<&str> = problems.iter().map(|problem| problem.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    let (crit, rest) = (open(problems, "crit"), problems.len() - open(problems, "crit"));
    let (on, all) = (format.count(targets.len()), format.count(context.run.head.targets.len()));
    let found = if problems.is_empty() {
        format.pick("no open problem in what was checked".to_owned(), "已检查范围内无未处理问题".to_owned())
    } else {
        let (crit, rest, sum) = (format.count(crit), format.count(rest), format.count(problems.len()));
        format.pick(
            format!(
                "{} open on {on} of {all} targets ({crit} critical, {rest} lesser)",
                plural(problems.len(), "problem is", "problems are")
            ),
            format!("{all} 个对象中有 {on} 个存在未处理问题，共 {sum} 项（异常 {crit} 项，预警 {rest} 项）"),
        )
    };
    let missing = match missing {
        0 => format.pick("; everything planned was checked.", "；计划内容全部完成检查。").to_owned(),
        _ => {
            let (missing, planned) = (format.count(missing), format.count(tally.planned));
            format.pick(
                format!("; {missing} of {planned} planned items could not be checked or were left out."),
                format!("；计划的 {planned} 个巡检项中有 {missing} 个未完成检查。"),
            )
        }
    };
    let word = grade.label().get(format.lang);
    format.pick(format!("{word}: {found}{missing}"), format!("{word}：{found}{missing}"))
}

fn trend(context: &Context<'_>, comparison: &Comparison<'_>, problems: &[ProblemLine]) -> String {
    let format = context.format;
    let Some(previous) = context.source.previous else { return context.words.no_previous.to_owned() };
    let movement = movement(context, comparison, problems);
    let at = format.time(previous.head.started);
    let score = match (health(previous).score, health(context.run).score) {
        (Some(before), Some(now)) if before == now => format.pick(format!("score unchanged at {now}"), format!("评分持平（{now} 分）")),
        (Some(before), Some(now)) => {
            format.pick(format!("score {now}, {} {}", if now > before { "up from" } else { "down from" }, before), {
                let change = if now > before { "上升" } else { "下降" };
                format!("评分 {now}（{change} {} 分）", now.abs_diff(before))
            })
        }
        _ => format.pick("the scores cannot be compared".to_owned(), "评分无法对比".to_owned()),
    };
    let Movement { new, solved, still_open, unknown } = movement;
    let unknown = unknown.map(|unknown| format.pick(format!(", {unknown}"), format!("，{unknown}"))).unwrap_or_default();
    format.pick(
        format!("Since {at}: {new} new, {solved} solved, {still_open} still open{unknown}; {score}."),
        format!("较上次（{at}）：新增 {new} 项，解决 {solved} 项，仍未解决 {still_open} 项{unknown}；{score}。"),
    )
}

fn movement(context: &Context<'_>, comparison: &Comparison<'_>, problems: &[ProblemLine]) -> Movement {
    let format = context.format;
    let unknown = comparison.count(|fate| matches!(fate, Fate::NotRechecked | Fate::Orphaned));
    // Every open problem is either new or was there last time, so that the two add up to the number of open problems.
    let still_open = problems.iter().filter(|problem| !problem.is_new).count();
    Movement {
        new: format.count(problems.len() - still_open),
        solved: format.count(comparison.count(|fate| fate == Fate::Solved)),
        still_open: format.count(still_open),
        unknown: (unknown > 0).then(|| {
            let count = format.count(unknown);
            format.pick(format!("{count} could not be checked again"), format!("{count} 项本次未能复查"))
        }),
    }
}

fn coverage(context: &Context<'_>, not_inspected: &[NotInspectedLine]) -> Coverage {
    let (format, tally) = (context.format, context.run.tally());
    let targets = context.run.head.targets.len();
    let reached = context.run.head.targets.iter().filter(|target| was_reached(context, &target.id)).count();
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

fn was_reached(context: &Context<'_>, target: &str) -> bool {
    let mut items = context.run.items.iter().filter(|item| item.key.target == target).peekable();
    let reachable = context.run.items.iter().find(|item| item.kind == ItemKind::Reachable && item.key.target == target);
    match reachable {
        Some(item) => matches!(item.outcome, Outcome::Ok | Outcome::Info | Outcome::Warn),
        None => items.any(|item| item.outcome.is_judged()),
    }
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

fn tiles(context: &Context<'_>) -> Vec<Tile> {
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

fn decisions(context: &Context<'_>, problems: &[ProblemLine], capacity: &Capacity) -> Vec<String> {
    let format = context.format;
    let mut decisions = Vec::new();
    let unowned: Vec<String> = distinct(problems.iter().filter(|problem| !problem.has_owner).map(|problem| problem.target.clone()));
    if !unowned.is_empty() {
        let names = format.list(&unowned, 3);
        decisions.push(format.pick(
            format!("Name somebody who answers for {names}: nobody owns the problems there."),
            format!("为 {names} 指定负责人：相关问题目前无人负责。"),
        ));
    }
    let unreached: Vec<String> =
        context.run.head.targets.iter().filter(|target| !was_reached(context, &target.id)).map(|target| target.id.clone()).collect();
    if !unreached.is_empty() {
        let names = format.list(&unreached, 4);
        decisions.push(format.pick(
            format!("Restore our access to {names}, or take them out of the plan."),
            format!("恢复对 {names} 的巡检访问，或将其移出巡检计划。"),
        ));
    }
    let lapsed: Vec<String> =
        context.run.head.waivers.iter().filter(|waiver| waiver.ends <= context.now()).map(|waiver| waiver.id.clone()).collect();
    if !lapsed.is_empty() {
        let names = format.list(&lapsed, 4);
        decisions.push(format.pick(
            format!("Waivers have lapsed ({names}): put the problems right, or decide again."),
            format!("豁免已到期（{names}）：完成整改或重新审批。"),
        ));
    }
    if let Some(first) = capacity.fills.iter().find(|fill| fill.reaches && fill.days <= 30) {
        let FillLine { object, full_on, .. } = first;
        decisions.push(format.pick(
            format!("Approve an extension or a clean-up for {object} before {full_on}."),
            format!("在 {full_on} 之前批准 {object} 的扩容或清理方案。"),
        ));
    }
    let old = problems.iter().filter(|problem| problem.days > 30).count();
    if old > 0 {
        let count = format.count(old);
        decisions.push(format.pick(
            format!("Set a deadline for what has been open for more than 30 days ({count}), or accept it by waiver."),
            format!("{count} 项问题已持续 30 天以上：请确定整改期限，或办理豁免。"),
        ));
    }
    if context.source.history.last_restore().is_none() {
        decisions.push(format.pick("Schedule a restore drill: no restore has been proved.", "安排恢复演练：尚无恢复验证记录。").to_owned());
    }
    if health(context.run).grade == Grade::NotGraded {
        decisions.insert(0, format.pick("Repeat this inspection: it gives no verdict.", "重新执行巡检：本次未能得出结论。").to_owned());
    }
    decisions.truncate(DECISIONS);
    decisions
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct: Vec<String> = names.collect();
    distinct.sort();
    distinct.dedup();
    distinct
}
