//! Sections 1 and 2: what was inspected and how, and the counts.

use serde::Serialize;

use super::context::Context;
use super::status::Status;
use crate::check::Class;
use crate::model::{ItemKind, Outcome};
use crate::report::grade::health;

/// Section 1.
#[derive(Clone, Debug, Serialize)]
pub struct Overview {
    /// How it was done, in a sentence or two.
    pub method: String,
    /// Systems and targets, by system.
    pub scope: Vec<ScopeLine>,
    /// Targets that could not be reached, in a sentence; empty when all were.
    pub unreached: String,
}

/// The targets of one kind in one system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ScopeLine {
    /// System.
    pub system: String,
    /// Tier.
    pub tier: String,
    /// Kind.
    pub kind: String,
    /// Names of the targets.
    pub targets: String,
    /// How many.
    pub count: usize,
    /// Who answers for them.
    pub owner: String,
}

/// Section 2.
#[derive(Clone, Debug, Serialize)]
pub struct Conclusion {
    /// Grade in a word.
    pub grade: Status,
    /// Score, or a dash.
    pub score: String,
    /// Why it is held down; empty when it is not.
    pub caps: String,
    /// Items by outcome; they add up to the planned number.
    pub outcomes: Vec<OutcomeLine>,
    /// Planned number.
    pub planned: String,
    /// Sum of the outcomes.
    pub ended: String,
    /// How many of the items with a problem are waived.
    pub waived: String,
    /// Items by class and outcome.
    pub classes: Vec<ClassCounts>,
}

/// A count of items.
#[derive(Clone, Debug, Serialize)]
pub struct OutcomeLine {
    /// The outcome.
    pub outcome: Status,
    /// How many items.
    pub count: String,
    /// Of the planned number.
    pub share: String,
}

/// Counts of one class.
#[derive(Clone, Debug, Serialize)]
pub struct ClassCounts {
    /// The class.
    pub label: String,
    /// Critical, warning, could not judge, not inspected, ok, not applicable.
    pub counts: [usize; 6],
}

pub(super) fn overview(context: &Context<'_>) -> Overview {
    let format = context.format;
    let unreached: Vec<String> = context
        .run
        .items
        .iter()
        .filter(|item| item.kind == ItemKind::Reachable && !matches!(item.outcome, Outcome::Ok | Outcome::Info | Outcome::Warn))
        .map(|item| item.key.target.clone())
        .collect();
    Overview {
        method: format
            .pick(
                "Inspected without agents over read-only connections: each check asks, reads typed values out of the answer and judges them by its \
                 thresholds. What could not be asked, read or judged is listed as such and never counts as fine.",
                "采用无代理方式，通过只读连接巡检：每项检查采集原始输出，解析为带类型的数值，再按阈值判断。凡未能采集、解析或判断的，均如实列出，不视为正常。",
            )
            .to_owned(),
        scope: scope(context),
        unreached: if unreached.is_empty() {
            format.pick("Every target could be reached.", "全部对象均可达。").to_owned()
        } else {
            let names = format.list(&unreached, 40);
            format.pick(format!("Could not be reached: {names}."), format!("无法连接的对象：{names}。"))
        },
    }
}

fn scope(context: &Context<'_>) -> Vec<ScopeLine> {
    let format = context.format;
    let mut groups: std::collections::BTreeMap<(String, String, String, String), Vec<String>> = std::collections::BTreeMap::new();
    for target in &context.run.head.targets {
        let tier = target.system.as_ref().map_or_else(|| "—".to_owned(), |system| system.tier.clone());
        let kind = target.kind.label().get(format.lang).to_owned();
        groups.entry((context.system(&target.id), tier, kind, context.owner(&target.id))).or_default().push(target.id.clone());
    }
    groups
        .into_iter()
        .map(|((system, tier, kind, owner), targets)| ScopeLine {
            system,
            tier: if tier.is_empty() { "—".to_owned() } else { tier },
            kind,
            count: targets.len(),
            targets: format.list(&targets, 40),
            owner,
        })
        .collect()
}

pub(super) fn conclusion(context: &Context<'_>) -> Conclusion {
    let (format, tally) = (context.format, context.run.tally());
    let health = health(context.run);
    let caps: Vec<&str> = health.caps.iter().map(|cap| cap.label().get(format.lang)).collect();
    let outcomes = Outcome::ALL
        .into_iter()
        .map(|outcome| {
            let count = tally.count(outcome);
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
            let share = if tally.planned == 0 { "—".to_owned() } else { format.percent(100.0 * count as f64 / tally.planned as f64) };
            OutcomeLine { outcome: Status::of(outcome, format.lang), count: format.count(count), share }
        })
        .collect();
    Conclusion {
        grade: Status::plain(health.grade.tone(), health.grade.label().get(format.lang)),
        score: health.score.map_or_else(|| "—".to_owned(), |score| score.to_string()),
        caps: caps.join(format.pick("; ", "；")),
        outcomes,
        planned: format.count(tally.planned),
        ended: format.count(tally.ended()),
        waived: format.count(tally.waived),
        classes: class_counts(context),
    }
}

fn class_counts(context: &Context<'_>) -> Vec<ClassCounts> {
    let mut classes: Vec<(&str, [usize; 6])> = Vec::new();
    for item in &context.run.items {
        let place = match item.outcome {
            Outcome::Crit => 0,
            Outcome::Warn => 1,
            Outcome::Error | Outcome::TimedOut => 2,
            Outcome::Unreachable | Outcome::Skipped | Outcome::NotRun => 3,
            Outcome::Ok | Outcome::Info => 4,
            Outcome::NotApplicable => 5,
        };
        let class = super::detail::class_of(item);
        match classes.iter_mut().find(|(id, _)| *id == class) {
            Some((_, counts)) => counts[place] += 1,
            None => {
                let mut counts = [0; 6];
                counts[place] = 1;
                classes.push((class, counts));
            }
        }
    }
    classes.sort_by_key(|(id, _)| super::detail::class_rank(id));
    classes.into_iter().map(|(id, counts)| ClassCounts { label: super::detail::class_label(id, context.format.lang), counts }).collect()
}

/// Every class's id, for those who order by it.
pub(super) fn class_ids() -> [&'static str; 8] {
    Class::ALL.map(Class::id)
}
