//! Carries out a plan: bounded, cancellable, one session a target, every planned item accounted for.
//!
//! What happens is told as [`RunEvent`]s on one bounded channel, in order. A target's items come together, when the last
//! of them has ended, so that they can be recorded in one transaction.

mod after;
mod ask;
mod context;
mod judge_item;
pub(crate) mod logins;
mod past;
#[cfg(test)]
mod tests;
mod visit;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::{self, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use after::judge_across;
pub use after::{TrendJudging, history_since, judge_trend};
pub use context::Context;
pub use judge_item::{Judging, judge};
pub use past::{NoPast, Past, PastError};

use crate::model::{Message, Outcome};
use crate::playbook::{Plan, Work};
use crate::store::Recording;

/// What happens in a run.
#[derive(Clone, Debug)]
pub enum RunEvent {
    /// A target's turn has come.
    TargetBegan {
        /// Its id.
        target: String,
    },
    /// Items have ended: all those of one target, or those across targets.
    Ended {
        /// The target; `None` across targets.
        target: Option<String>,
        /// The items.
        recordings: Vec<Recording>,
    },
}

/// Carries out `plan`. Returns when every item has ended and been told; cancelling `cancel` ends what still runs.
pub async fn run(plan: Arc<Plan>, context: Arc<Context>, events: mpsc::Sender<RunEvent>, cancel: CancellationToken) {
    let stop = context.stop_by(&cancel, plan.limits.run, Message::RunLimit { limit_s: plan.limits.run.as_secs_f64() });
    let by_target = by_target(&plan);
    let at_once = Arc::new(Semaphore::new(plan.limits.at_once));
    let mut visits = JoinSet::new();
    let mut visited: HashMap<task::Id, &str> = HashMap::new();
    for target in &plan.targets {
        let items = by_target.get(target.id.as_str()).cloned().unwrap_or_default();
        let (plan, context, events, at_once) = (Arc::clone(&plan), Arc::clone(&context), events.clone(), Arc::clone(&at_once));
        let id = target.id.as_str();
        let target = Arc::clone(target);
        let visit = async move {
            // Those who wait for a jump host keep nobody else from going on.
            let _jumps = context.jump_turns(&target, plan.limits.at_once_per_jump).await;
            let _permit = context.turn(at_once).await;
            // Nobody may listen any more (a closed terminal): the run goes on, its ledger is what counts.
            let _ = events.send(RunEvent::TargetBegan { target: target.id.clone() }).await;
            let recordings = visit::visit(&plan, &context, &target, &items).await;
            let summary: Vec<_> = recordings.iter().map(|recording| (recording.item.key.clone(), recording.item.outcome)).collect();
            let _ = events.send(RunEvent::Ended { target: Some(target.id.clone()), recordings }).await;
            summary
        };
        visited.insert(visits.spawn(visit).id(), id);
    }
    let mut outcomes: HashMap<_, Outcome> = HashMap::new();
    while let Some(ended) = visits.join_next_with_id().await {
        match ended {
            Ok((_, summary)) => outcomes.extend(summary),
            Err(error) => {
                let Some(target) = visited.get(&error.id()) else { continue };
                let recordings = failed_visit(&plan, &context, by_target.get(target).map_or(&[], Vec::as_slice), error);
                outcomes.extend(recordings.iter().map(|recording| (recording.item.key.clone(), recording.item.outcome)));
                let _ = events.send(RunEvent::Ended { target: Some((*target).to_owned()), recordings }).await;
            }
        }
    }
    let across = after::across(&plan, &context, &outcomes);
    if !across.is_empty() {
        let _ = events.send(RunEvent::Ended { target: None, recordings: across }).await;
    }
    stop.abort();
    // Aborted, or ended by itself: either is what was wanted.
    let _ = stop.await;
}

/// The recordings of a visit that ended in a panic: a fault of ours in one target must not take the others' ledger with it.
fn failed_visit(plan: &Plan, context: &Context, items: &[usize], error: JoinError) -> Vec<Recording> {
    let reason = match error.try_into_panic() {
        Ok(panic) => judge_item::blame(&*panic),
        Err(error) => Message::OurSide { detail: error.to_string() },
    };
    let now = context.moment();
    items.iter().map(|&position| visit::without_answer(&plan.items[position], Outcome::Error, reason.clone(), now)).collect()
}

/// Positions of the items of each target.
fn by_target(plan: &Plan) -> HashMap<&str, Vec<usize>> {
    let mut by_target: HashMap<&str, Vec<usize>> = HashMap::new();
    for (position, item) in plan.items.iter().enumerate() {
        if let Some(target) = &item.target
            && !matches!(item.work, Work::Across { .. } | Work::Person { .. })
        {
            by_target.entry(&target.id).or_default().push(position);
        }
    }
    by_target
}
