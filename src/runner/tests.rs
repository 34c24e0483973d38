//! Runs of this machine under several names: whatever happens, every planned item ends exactly once.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Context, NoPast, Past, PastError, RunEvent, run};
use crate::check::Earlier;
use crate::inventory;
use crate::model::{ItemKey, ItemRecord, Kind, Message, Outcome, Target};
use crate::playbook::{self, Narrow, Plan, Site};
use crate::store::{Point, SeriesKey};
use crate::transport::Lines;
use crate::yaml::Faults;

/// Longest that a run of these tests may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// `count` names of this machine, each with its item `reachable` and two checks; one item across them.
fn plan(count: usize) -> Plan {
    let mut site = Site::default();
    let mut faults = Faults::default();
    let targets: Vec<String> = (0..count).map(|number| format!("  - {{ id: t{number}, kind: host, address: local }}\n")).collect();
    let files = [
        ("inventory.yaml", format!("inventory: test\ntargets:\n{}", targets.concat())),
        (
            "playbook.yaml",
            "playbook: daily\nchecks:\n  - { id: load, check: load }\n  - { id: uptime, check: uptime }\nacross:\n  \
             - { id: enough, of: load, crit: \"ok_count < 0\" }\n"
                .to_owned(),
        ),
    ];
    for (name, text) in files {
        site.read_text(Path::new(name), text, &mut faults);
    }
    let (files, listed) = (std::mem::take(&mut site.inventories), std::mem::take(&mut site.listed));
    let inventory = inventory::resolve(files, listed, &site.listed_groups, &site.settings.tiers, &site.sources, &mut faults);
    let playbook = site.playbook("daily").unwrap().1.clone();
    let plan = playbook::plan(&site, &inventory, &playbook, &Narrow::default(), &mut faults);
    assert!(!faults.any_error(), "{}", faults.draw(&site.sources, false));
    let plan = plan.unwrap();
    assert!(plan.items.len() >= count * 3, "{} items", plan.items.len());
    plan
}

fn context(past: impl Past + 'static) -> Context {
    let lines = Lines {
        targets: Arc::new(HashMap::new()),
        known_hosts: Vec::new(),
        ssh_config: None,
        connect_limit: Duration::from_secs(5),
        session_limit: Duration::from_secs(30),
        cap_bytes: 64 * 1024,
    };
    Context::new(Arc::new(lines), Arc::new(past))
}

/// Runs `plan`; `each` sees every event. The items, after making sure that each planned one ended exactly once.
async fn carry(plan: Plan, context: Context, cancel: CancellationToken, mut each: impl FnMut(&RunEvent)) -> Vec<ItemRecord> {
    let plan = Arc::new(plan);
    let (sender, mut events) = mpsc::channel(4);
    let running = tokio::spawn(run(Arc::clone(&plan), Arc::new(context), sender, cancel));
    let mut items = Vec::new();
    let collecting = async {
        while let Some(event) = events.recv().await {
            each(&event);
            if let RunEvent::Ended { recordings, .. } = event {
                items.extend(recordings.into_iter().map(|recording| recording.item));
            }
        }
    };
    tokio::time::timeout(PATIENCE, collecting).await.expect("the run comes to its end");
    running.await.unwrap();
    let mut ended: Vec<ItemKey> = items.iter().map(|item| item.key.clone()).collect();
    let mut planned: Vec<ItemKey> = plan.items.iter().map(|item| item.key.clone()).collect();
    ended.sort();
    planned.sort();
    assert_eq!(ended, planned);
    items
}

fn count(items: &[ItemRecord], is: impl Fn(&ItemRecord) -> bool) -> usize {
    items.iter().filter(|item| is(item)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_well_judges_every_item() {
    let items = carry(plan(3), context(NoPast), CancellationToken::new(), |_| {}).await;
    assert_eq!(count(&items, |item| item.outcome.is_judged()), items.len(), "{items:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_accounts_for_every_item() {
    let mut plan = plan(12);
    plan.limits.at_once = 2;
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    let items = carry(plan, context(NoPast), cancel, move |event| {
        if matches!(event, RunEvent::Ended { .. }) {
            token.cancel();
        }
    })
    .await;
    let cancelled = count(&items, |item| item.outcome == Outcome::NotRun && item.reason == Some(Message::Cancelled));
    assert!(cancelled >= 9 * 3, "{cancelled} of {}", items.len());
    // What we broke off ourselves says nothing against the target.
    assert_eq!(count(&items, |item| matches!(item.outcome, Outcome::Unreachable | Outcome::TimedOut)), 0);
    assert_eq!(count(&items, |item| item.key.line == "reachable" && item.outcome == Outcome::Crit), 0);
    // Members that nobody looked at are no proof.
    assert_eq!(count(&items, |item| item.key.target.is_empty() && item.outcome == Outcome::Ok), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_reaches_its_limit_accounts_for_every_item() {
    let mut plan = plan(6);
    plan.limits.at_once = 1;
    plan.limits.run = Duration::from_millis(1);
    let items = carry(plan, context(NoPast), CancellationToken::new(), |_| {}).await;
    let stopped = count(&items, |item| matches!(item.reason, Some(Message::RunLimit { .. })) && item.outcome == Outcome::NotRun);
    assert!(stopped >= 5 * 3, "{stopped} of {}", items.len());
}

/// A past that has a fault of ours for one target.
struct Panicking;

#[async_trait]
impl Past for Panicking {
    async fn earlier_of(&self, _: &str, items: &[(ItemKey, String)]) -> Result<HashMap<ItemKey, Earlier>, PastError> {
        assert!(items.iter().all(|(item, _)| item.target != "t1"), "broken \u{1b}[31m");
        Ok(HashMap::new())
    }

    async fn series_of(&self, _: &str, _: &[SeriesKey], _: DateTime<Utc>) -> Result<HashMap<SeriesKey, Vec<Point>>, PastError> {
        Ok(HashMap::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_that_panics_costs_its_own_items_only() {
    let items = carry(plan(3), context(Panicking), CancellationToken::new(), |_| {}).await;
    for item in items.iter().filter(|item| !item.key.target.is_empty()) {
        if item.key.target == "t1" {
            assert_eq!(item.outcome, Outcome::Error, "{item:?}");
            assert!(matches!(&item.reason, Some(Message::OurSide { detail }) if detail.contains("broken \\x1b[31m")), "{item:?}");
        } else {
            assert!(item.outcome.is_judged(), "{item:?}");
        }
    }
}

#[tokio::test]
async fn a_jump_host_is_held_until_the_visit_ends_and_keeps_nobody_waiting_once_the_run_is_to_end() {
    let context = Arc::new(context(NoPast));
    let mut target = Target::new("db", Kind::Host);
    target.via = vec!["jump".to_owned(), "inner".to_owned(), "jump".to_owned()];
    let held = context.jump_turns(&target, 1).await;
    assert_eq!(held.len(), 2, "each jump host once");
    let waiting = tokio::time::timeout(Duration::from_millis(50), context.jump_turns(&target, 1)).await;
    assert!(waiting.is_err(), "a second visit goes through the same jump host");
    drop(held);
    let held = context.jump_turns(&target, 1).await;
    context.stop().cancel();
    assert!(context.jump_turns(&target, 1).await.is_empty());
    drop(held);
}
