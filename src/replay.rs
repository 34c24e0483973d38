//! Judging a recorded run again, from what the store holds and nothing else, and comparing with what was recorded.
//!
//! Checks are judged from their captures, the rules as they were resolved and the rows before them; trends from the series
//! before the run; rules across targets from the outcomes replayed. What rests on no capture (`reachable`, items skipped or
//! never run) stands as it was recorded. What cannot be judged again is told apart and never counts as identical.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::basis::Basis;
use crate::check::{Bound, Earlier};
use crate::checks::CATALOGUE;
use crate::expr::Vocabulary;
use crate::judge::Rules;
use crate::model::probe::Ask;
use crate::model::{Capture, FieldType, ItemKey, ItemKind, ItemRecord, Outcome, RunRecord, Target};
use crate::playbook::ACROSS;
use crate::runner::{self, Judging, Past, PastError, TrendJudging};
use crate::schedule::Calendar;
use crate::store::{Before, Point, SeriesKey, Store, StoreError};

mod difference;

pub use difference::{Change, Difference};

/// What came of judging a run again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// How many items came out as they were recorded.
    pub same: usize,
    /// Items that did not.
    pub different: Vec<Difference>,
    /// Items that cannot be judged again.
    pub not_possible: Vec<NotPossible>,
    /// Items that the plan named and that are not recorded.
    pub missing: usize,
}

/// An item that cannot be judged again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPossible {
    /// The item.
    pub key: ItemKey,
    /// Why not; safe to be shown.
    pub why: String,
}

/// Why nothing of a run can be judged again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run was recorded without what its rules rest on.
    #[error("the run does not hold {what}")]
    NotKept {
        /// What is missing.
        what: &'static str,
    },
}

/// Judges every item of `run` again, offline.
///
/// # Errors
/// When the store fails, or the run holds too little to judge anything by.
pub async fn replay(store: &Store, run: &RunRecord) -> Result<Replay, ReplayError> {
    let zone = run.head.timezone.parse().map_err(|_| ReplayError::NotKept { what: "a time zone that is known here" })?;
    let words = serde_json::from_value(run.head.vocabulary.clone());
    let words = words.map_err(|_| ReplayError::NotKept { what: "the words of the inventory that its rules were written in" })?;
    let calendar = match &run.head.calendar {
        serde_json::Value::Null => None,
        kept => Some(serde_json::from_value(kept.clone()).map_err(|_| ReplayError::NotKept { what: "a calendar that can be read" })?),
    };
    let targets = run.head.targets.iter().map(|target| (target.id.as_str(), target)).collect();
    let mut again =
        Again { store, run, zone, words, calendar, targets, compiled: HashMap::new(), judged: HashMap::new(), result: Replay::default() };
    again.result.missing = run.head.planned.saturating_sub(run.items.len());
    // What others look at comes first.
    for kinds in [&[ItemKind::Reachable, ItemKind::Check, ItemKind::Person][..], &[ItemKind::Trend], &[ItemKind::Across]] {
        for item in run.items.iter().filter(|item| kinds.contains(&item.kind)) {
            let judged = again.judge(item).await;
            again.settle(item, judged)?;
        }
    }
    Ok(again.result)
}

/// Why one item cannot be judged again, or nothing at all.
enum Obstacle {
    Item(String),
    Store(StoreError),
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        match error {
            // A capture that is damaged or was tampered with is the item's own trouble.
            StoreError::Unreadable { .. } => Self::Item(with_causes(&error)),
            other => Self::Store(other),
        }
    }
}

fn obstacle(why: impl Into<String>) -> Obstacle {
    Obstacle::Item(crate::model::untrusted::visible(&why.into()))
}

/// Judging under way.
struct Again<'r> {
    store: &'r Store,
    run: &'r RunRecord,
    zone: Tz,
    words: Vocabulary,
    calendar: Option<Calendar>,
    targets: HashMap<&'r str, &'r Target>,
    /// By check and basis: hundreds of items share them.
    compiled: HashMap<(String, String), Arc<Compiled>>,
    /// Items as they came out.
    judged: HashMap<ItemKey, ItemRecord>,
    result: Replay,
}

struct Compiled {
    bound: Box<dyn Bound>,
    rules: Rules,
    basis: Basis,
}

impl Again<'_> {
    async fn judge(&mut self, item: &ItemRecord) -> Result<ItemRecord, Obstacle> {
        match item.kind {
            ItemKind::Reachable | ItemKind::Person => Ok(item.clone()),
            ItemKind::Check => self.check(item).await,
            ItemKind::Trend => self.trend(item).await,
            ItemKind::Across => self.across(item).await,
        }
    }

    /// Compares what came out with what was recorded.
    fn settle(&mut self, item: &ItemRecord, judged: Result<ItemRecord, Obstacle>) -> Result<(), StoreError> {
        let judged = judged.and_then(|judged| as_stored(&judged));
        match judged {
            Ok(judged) => {
                let changes = difference::changes(item, &judged);
                if changes.is_empty() {
                    self.result.same += 1;
                } else {
                    self.result.different.push(Difference { key: item.key.clone(), changes });
                }
                self.judged.insert(item.key.clone(), judged);
            }
            Err(Obstacle::Item(why)) => self.result.not_possible.push(NotPossible { key: item.key.clone(), why }),
            Err(Obstacle::Store(error)) => return Err(error),
        }
        Ok(())
    }

    async fn check(&mut self, item: &ItemRecord) -> Result<ItemRecord, Obstacle> {
        let Some(basis) = self.basis(item).await? else { return stands(item) };
        let compiled = self.compiled(item, &basis)?;
        let target = self.target(item)?;
        let Some(captures) = self.captures(item, &*compiled.bound, target).await? else { return stands(item) };
        let earlier = match self.store.earlier_before(&self.run.head, &item.key, &item.check, item.at).await? {
            Before::Rows(earlier) => Some(earlier),
            Before::Nothing => None,
            Before::Removed => return Err(obstacle("retention has removed runs before this one, so that its earlier rows are not known")),
        };
        let judging = Judging {
            bound: &*compiled.bound,
            rules: &compiled.rules,
            given: &compiled.basis.given,
            zone: self.zone,
            calendar: self.calendar.as_ref(),
            target,
            at: item.at,
            earlier: earlier.as_ref(),
        };
        Ok(runner::judge(item.clone(), &captures, &judging))
    }

    /// The captures of an item; `None` when it was recorded that not all of its probes were answered.
    async fn captures(&self, item: &ItemRecord, bound: &dyn Bound, target: &Target) -> Result<Option<Vec<Capture>>, Obstacle> {
        let kept = self.store.captures(&self.run.head.id, &item.key).await?;
        let recorded: HashMap<&str, &str> = item.captures.iter().map(|(probe, hash)| (probe.as_str(), hash.as_str())).collect();
        if kept.len() != item.captures.len() {
            return Err(obstacle(format!("{} captures were recorded, {} are there", item.captures.len(), kept.len())));
        }
        let mut captures = Vec::with_capacity(kept.len());
        for capture in &kept {
            let whole = capture.whole().ok_or_else(|| obstacle(format!("retention has removed the capture of `{}`", capture.probe)))?;
            if recorded.get(capture.probe.as_str()).is_none_or(|hash| *hash != sha256(&whole.out)) {
                return Err(obstacle(format!("the capture of `{}` is not the one that was recorded", capture.probe)));
            }
            captures.push(whole);
        }
        let missing = wanted(bound, target).into_iter().find(|name| !captures.iter().any(|capture| capture.probe == *name));
        match missing {
            None => Ok(Some(captures)),
            Some(_) if !item.outcome.is_judged() && item.rows.is_empty() => Ok(None),
            Some(name) => Err(obstacle(format!("there is no capture of `{name}`"))),
        }
    }

    async fn trend(&mut self, item: &ItemRecord) -> Result<ItemRecord, Obstacle> {
        let basis = self.basis(item).await?;
        let Some(basis) = basis else {
            return self.trend_of_nothing(item);
        };
        let compiled = self.compiled(item, &basis)?;
        let target = self.target(item)?;
        let of = compiled.basis.members.first().ok_or_else(|| obstacle("it is not kept which item it looks at"))?;
        let base = self.judged.get(of).ok_or_else(|| obstacle(format!("`{}`, which it looks at, cannot be judged again", of.line)))?;
        let history_s = compiled.basis.history_s.ok_or_else(|| obstacle("it is not kept how far it looks back"))?;
        let since = runner::history_since(base.at, &compiled.rules, history_s);
        if self.store.were_removed(&self.run.head, since).await? {
            return Err(obstacle("retention has removed runs that it looks back on"));
        }
        let judging = TrendJudging {
            playbook: &self.run.head.playbook,
            bound: &*compiled.bound,
            rules: &compiled.rules,
            given: &compiled.basis.given,
            zone: self.zone,
            calendar: self.calendar.as_ref(),
            target: Some(target),
            history_s,
        };
        let past = PastOf { store: self.store, before: base.at };
        let judged = runner::judge_trend(&past, base, &judging).await.map_err(|error| obstacle(error.to_string()))?;
        Ok(ItemRecord { outcome: judged.outcome, reason: judged.reason, rows: judged.rows, ..item.clone() })
    }

    /// A trend that was not judged follows the item that it looks at.
    fn trend_of_nothing(&self, item: &ItemRecord) -> Result<ItemRecord, Obstacle> {
        let base = item.key.line.rsplit_once('.').and_then(|(line, _)| self.judged.get(&ItemKey::new(line, &item.key.target)));
        if base.is_some_and(|base| base.outcome.is_judged()) && item.outcome != Outcome::Error {
            return Err(obstacle("the item that it looks at is judged now, and its own rules were not kept"));
        }
        stands(item)
    }

    async fn across(&mut self, item: &ItemRecord) -> Result<ItemRecord, Obstacle> {
        let Some(basis) = self.basis(item).await? else { return stands(item) };
        let basis = Basis::from_json(&basis).map_err(|error| obstacle(error.to_string()))?;
        let fields = ACROSS.map(|name| (name.to_owned(), FieldType::Number));
        let rules = basis.rules_over(&fields, &self.words).map_err(|error| obstacle(error.to_string()))?;
        let unknown: HashSet<&ItemKey> = self.result.not_possible.iter().map(|item| &item.key).collect();
        if let Some(member) = basis.members.iter().find(|member| unknown.contains(member)) {
            return Err(obstacle(format!("`{}` on {}, which it counts, cannot be judged again", member.line, member.target)));
        }
        let outcomes = self.judged.iter().map(|(key, item)| (key.clone(), item.outcome)).collect();
        let row = runner::judge_across(&basis.members, &rules, &outcomes, item.at, self.zone);
        Ok(ItemRecord { outcome: row.outcome, reason: row.reason.clone(), rows: vec![row], ..item.clone() })
    }

    /// What the verdict on `item` rests on, where it was kept.
    async fn basis(&self, item: &ItemRecord) -> Result<Option<String>, Obstacle> {
        let asked = self.store.asked(&self.run.head.id, &item.key).await?;
        Ok(asked.into_iter().flatten().find(|(name, _)| name == Basis::NAME).map(|(_, basis)| basis))
    }

    fn compiled(&mut self, item: &ItemRecord, basis: &str) -> Result<Arc<Compiled>, Obstacle> {
        let key = (item.check.clone(), basis.to_owned());
        if let Some(known) = self.compiled.get(&key) {
            return Ok(Arc::clone(known));
        }
        let entry = CATALOGUE.iter().find(|entry| entry.meta.id == item.check);
        let entry = entry.ok_or_else(|| obstacle(format!("this program has no check `{}`", item.check)))?;
        if entry.meta.version != item.check_version {
            let (then, now) = (item.check_version, entry.meta.version);
            return Err(obstacle(format!("`{}` was judged by version {then} of its check, this program has version {now}", item.check)));
        }
        let basis = Basis::from_json(basis).map_err(|error| obstacle(error.to_string()))?;
        let bound =
            entry.bind(basis.params.clone()).map_err(|fault| obstacle(format!("its parameters no longer fit: {}", fault.message)))?;
        let rules = basis.rules(&*bound, &self.words).map_err(|error| obstacle(error.to_string()))?;
        let compiled = Arc::new(Compiled { bound, rules, basis });
        self.compiled.insert(key, Arc::clone(&compiled));
        Ok(compiled)
    }

    fn target(&self, item: &ItemRecord) -> Result<&'_ Target, Obstacle> {
        self.targets.get(item.key.target.as_str()).copied().ok_or_else(|| obstacle("the run does not hold its target"))
    }
}

/// An item that rests on nothing but its record; one with a verdict must rest on more.
fn stands(item: &ItemRecord) -> Result<ItemRecord, Obstacle> {
    if item.outcome.is_judged() { Err(obstacle("what its verdict rests on was not kept")) } else { Ok(item.clone()) }
}

/// Names of the captures that the probes give.
fn wanted(bound: &dyn Bound, target: &Target) -> Vec<String> {
    let mut names = Vec::new();
    for probe in bound.probes(target) {
        if matches!(&probe.ask, Ask::Shell(shell) if shell.twice) {
            names.push(format!("{}.again", probe.name));
        }
        names.push(probe.name.into_owned());
    }
    names
}

/// `item` as the store gives it back: JSON may change the last digit of a number.
fn as_stored(item: &ItemRecord) -> Result<ItemRecord, Obstacle> {
    fn round<T: Serialize + DeserializeOwned>(of: &T) -> Result<T, Obstacle> {
        serde_json::to_string(of).and_then(|json| serde_json::from_str(&json)).map_err(|error| obstacle(error.to_string()))
    }
    Ok(ItemRecord { rows: round(&item.rows)?, reason: round(&item.reason)?, ..item.clone() })
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    crate::model::untrusted::visible(&text)
}

/// The store as it was before a moment.
struct PastOf<'s> {
    store: &'s Store,
    before: DateTime<Utc>,
}

#[async_trait]
impl Past for PastOf<'_> {
    async fn earlier_of(&self, _: &str, _: &[(ItemKey, String)]) -> Result<HashMap<ItemKey, Earlier>, PastError> {
        Err(PastError("only series are asked for here".to_owned()))
    }

    async fn series_of(
        &self,
        playbook: &str,
        keys: &[SeriesKey],
        since: DateTime<Utc>,
    ) -> Result<HashMap<SeriesKey, Vec<Point>>, PastError> {
        let mut series = self.store.series_of(playbook, keys, since).await.map_err(|error| PastError(error.to_string()))?;
        for points in series.values_mut() {
            points.retain(|(at, _)| *at < self.before);
        }
        Ok(series)
    }
}
