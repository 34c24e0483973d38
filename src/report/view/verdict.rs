//! The verdict and the trend of page 1, each in a sentence.

use super::context::Context;
use super::page::Movement;
use super::problems::ProblemLine;
use crate::report::compare::{Comparison, Fate};
use crate::report::grade::health;

pub(super) fn verdict(context: &Context<'_>, problems: &[ProblemLine]) -> String {
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

pub(super) fn trend(context: &Context<'_>, comparison: &Comparison<'_>, problems: &[ProblemLine]) -> String {
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

pub(super) fn movement(context: &Context<'_>, comparison: &Comparison<'_>, problems: &[ProblemLine]) -> Movement {
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

/// `1 problem is`, `3 problems are`.
pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn open(problems: &[ProblemLine], level: &str) -> usize {
    problems.iter().filter(|problem| problem.level.tone == level).count()
}
