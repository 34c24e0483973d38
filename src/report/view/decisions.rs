//! What somebody has to decide, drawn from what the run found.

use super::capacity::{Capacity, FillLine};
use super::context::Context;
use super::coverage::unreached;
use super::problems::ProblemLine;
use crate::report::grade::{Grade, health};

/// How many stand on page 1.
const MOST: usize = 6;

pub(super) fn decisions(context: &Context<'_>, problems: &[ProblemLine], capacity: &Capacity) -> Vec<String> {
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
    let unreached = unreached(context);
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
    decisions.truncate(MOST);
    decisions
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct: Vec<String> = names.collect();
    distinct.sort();
    distinct.dedup();
    distinct
}
