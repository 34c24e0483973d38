//! A round: a plan carried out, recorded item by item, and handed back as it was recorded.
//!
//! What the command line and the daemon share. A result that could not be recorded is no result.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::model::run::WaiverNote;
use crate::model::{ItemKey, ItemRecord, RunHead, RunRecord, RunState};
use crate::playbook::Plan;
use crate::runner::{self, Context, RunEvent};
use crate::store::{Store, StoreError};
use crate::transport::Lines;

/// How many events may wait to be recorded.
const EVENTS: usize = 16;

/// Waivers that end within so many days are named in the report.
const WARN_DAYS: i64 = 30;

/// Why a round gave no run that can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The store failed: what could not be recorded did not happen.
    #[error("the run could not be recorded")]
    Store(#[from] StoreError),
    /// The runner ended in a fault of ours.
    #[error("the runner ended in a fault of ours: {0}")]
    Runner(String),
}

/// Carries out `plan`, recording into `store`; `watch` is told what happens, in order.
///
/// # Errors
/// When it cannot be recorded, or the ledger does not balance. The run is then `lost` in the store.
pub async fn carry_out(
    plan: Plan,
    store: Arc<Store>,
    lines: Arc<Lines>,
    started_by: String,
    cancel: CancellationToken,
    watch: &mut (dyn FnMut(&RunEvent) + Send),
) -> Result<RunRecord, RoundError> {
    let plan = Arc::new(plan);
    let head = head(&plan, started_by, Utc::now());
    store.begin_run(&head).await?;
    let context = Arc::new(Context::new(lines, Arc::clone(&store) as Arc<dyn runner::Past>));
    let (sender, mut events) = mpsc::channel(EVENTS);
    let running = tokio::spawn(runner::run(Arc::clone(&plan), Arc::clone(&context), sender, cancel.clone()));
    let mut items: Vec<ItemRecord> = Vec::with_capacity(head.planned);
    let mut failed: Option<StoreError> = None;
    while let Some(event) = events.recv().await {
        watch(&event);
        let RunEvent::Ended { recordings, .. } = event else { continue };
        if failed.is_some() {
            continue;
        }
        match store.record_target(&head.id, recordings).await {
            Ok(recorded) => items.extend(recorded),
            Err(error) => {
                // Nothing after this can make the run whole: end it rather than ask targets for nothing.
                cancel.cancel();
                failed = Some(error);
            }
        }
    }
    let ran = running.await;
    let ended = Utc::now();
    if let Err(error) = ran {
        lose(&store, &head.id, ended).await;
        return Err(RoundError::Runner(error.to_string()));
    }
    if let Some(error) = failed {
        lose(&store, &head.id, ended).await;
        return Err(error.into());
    }
    let state = if context.was_stopped() || cancel.is_cancelled() { RunState::Cancelled } else { RunState::Done };
    store.end_run(&head.id, state, ended).await?;
    sort(&mut items, &plan);
    Ok(RunRecord { head, state, ended: Some(ended), items }.with_waivers_counted())
}

/// Marks a run as lost: without an end of its own it would go on for ever in the eyes of others.
async fn lose(store: &Store, run: &str, ended: DateTime<Utc>) {
    // The store may be unable to note even this; it will when it is opened again.
    if let Err(second) = store.end_run(run, RunState::Lost, ended).await {
        tracing::warn!(run, %second, "could not mark the run as lost");
    }
}

/// What is known of a run of `plan` before it begins.
#[must_use]
pub fn head(plan: &Plan, started_by: String, started: DateTime<Utc>) -> RunHead {
    let soon = started + chrono::Duration::days(WARN_DAYS);
    let waivers = plan.waivers.iter().map(|waiver| WaiverNote {
        id: waiver.id.clone(),
        reason: waiver.reason.clone(),
        approved_by: waiver.approved_by.clone(),
        ends: waiver.ends,
        covered: 0,
    });
    RunHead {
        id: Uuid::now_v7().to_string(),
        playbook: plan.playbook.clone(),
        title: plan.title.clone(),
        playbook_text: plan.text.clone(),
        playbook_hash: hex(&Sha256::digest(plan.text.as_bytes())),
        owner: plan.owner.clone(),
        started_by,
        host: host_name(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        timezone: plan.timezone.name().to_owned(),
        started,
        planned: plan.items.len(),
        targets: plan.targets.iter().map(|target| (**target).clone()).collect(),
        waivers: waivers.filter(|waiver| waiver.ends <= soon || is_used(plan, &waiver.id)).collect(),
        people: plan.people.iter().map(|person| (person.id.clone(), person.name.clone())).collect(),
        vocabulary: kept(&plan.words),
        calendar: plan.calendar.as_deref().map_or(serde_json::Value::Null, kept),
    }
}

/// What rules rest on, for replaying them.
///
/// # Panics
/// Never: words and dates have a form in JSON.
fn kept(of: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(of).expect("words and dates have a form in JSON")
}

fn is_used(plan: &Plan, id: &str) -> bool {
    plan.items.iter().any(|item| match &item.work {
        crate::playbook::Work::Check(check) => check.rules.waivers.iter().any(|waiver| waiver.id == id),
        crate::playbook::Work::Reachable { waivers } => waivers.iter().any(|waiver| waiver.id == id),
        _ => false,
    })
}

/// Items in the order of the plan, whatever order they ended in.
fn sort(items: &mut [ItemRecord], plan: &Plan) {
    let places: HashMap<&ItemKey, usize> = plan.items.iter().enumerate().map(|(place, item)| (&item.key, place)).collect();
    items.sort_by_key(|item| places.get(&item.key).copied().unwrap_or(usize::MAX));
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
