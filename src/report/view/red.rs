//! The red page of a run whose ledger does not balance.

use serde::Serialize;

use super::context::{Context, report_number};
use crate::report::words::Words;

/// Both sums, and nothing else.
#[derive(Clone, Debug, Serialize)]
pub struct RedPage {
    /// Language.
    pub lang: &'static str,
    /// Our words.
    pub words: Words,
    /// Report number.
    pub number: String,
    /// When the run began, with the zone.
    pub period: String,
    /// Items that the plan named.
    pub planned: usize,
    /// Items that ended.
    pub ended: usize,
}

pub(super) fn red_page(context: &Context<'_>) -> RedPage {
    let tally = context.run.tally();
    RedPage {
        lang: context.format.pick("en", "zh-CN"),
        words: context.words,
        number: report_number(&context.run.head),
        period: format!("{} {}", context.format.time(context.run.head.started), context.format.zone.name()),
        planned: tally.planned,
        ended: tally.ended(),
    }
}
