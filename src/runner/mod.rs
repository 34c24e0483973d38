//! Carries out a plan: bounded, cancellable, one session a target, every planned item accounted for.
//!
//! What happens is told as [`RunEvent`]s on one bounded channel, in order. A target's items come together, when the last
//! of them has ended, so that they can be recorded in one transaction.

mod after;
mod ask;
mod context;
mod judge_item;
mod past;
mod visit;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use context::Context;
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
    for target in &plan.targets {
        let items = by_target.get(target.id.as_str()).cloned().unwrap_or_default();
        let (plan, context, events, at_once, target) =
            (Arc::clone(&plan), Arc::clone(&context), events.clone(), Arc::clone(&at_once), Arc::clone(target));
        visits.spawn(async move {
            // A semaphore of ours is never closed; without a permit the visit would only be unbounded.
            let _permit = at_once.acquire_owned().await.ok();
            // Nobody may listen any more (a closed terminal): the run goes on, its ledger is what counts.
            let _ = events.send(RunEvent::TargetBegan { target: target.id.clone() }).await;
            let recordings = visit::visit(&plan, &context, &target, &items).await;
            let summary: Vec<_> = recordings.iter().map(|recording| (recording.item.key.clone(), recording.item.outcome)).collect();
            let _ = events.send(RunEvent::Ended { target: Some(target.id.clone()), recordings }).await;
            summary
        });
    }
    let mut outcomes: HashMap<_, Outcome> = HashMap::new();
    while let Some(ended) = visits.join_next().await {
        match ended {
            Ok(summary) => outcomes.extend(summary),
            // The items of a visit that panicked are missing from the ledger, which will not balance: loud, and never green.
            Err(error) => tracing::error!(%error, "a visit ended in a fault of ours"),
        }
    }
    let across = after::across(&plan, &context, &outcomes);
    if !across.is_empty() {
        let _ = events.send(RunEvent::Ended { target: None, recordings: across }).await;
    }
    stop.abort();
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
