//! A plan: every item of a run by name, before anything runs. It is data; the runner carries it out.

use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use crate::basis::Given;
use crate::check::Bound;
use crate::expr::Vocabulary;
use crate::judge::{Rules, WaiverRule};
use crate::model::{ItemKey, ItemKind, Message, Person, Phrase, Probe, Standard, Target};
use crate::schedule::Calendar;

/// Everything that one run will do.
pub struct Plan {
    /// Id of the playbook.
    pub playbook: String,
    /// Its title.
    pub title: Phrase,
    /// Who owns it.
    pub owner: Option<String>,
    /// Name of the organisation, for the cover.
    pub organisation: Phrase,
    /// The playbook's files as they were read, joined.
    pub text: String,
    /// The one zone of all times.
    pub timezone: Tz,
    /// Which days are worked, for `workday()`.
    pub calendar: Option<Arc<Calendar>>,
    /// The inventory's words that expressions were compiled against.
    pub words: Vocabulary,
    /// Targets in the order in which they are looked at.
    pub targets: Vec<Arc<Target>>,
    /// Every item, by target; those across targets last.
    pub items: Vec<PlannedItem>,
    /// People that a report may name.
    pub people: Vec<Person>,
    /// Waivers of the site, for the report's list.
    pub waivers: Vec<PlannedWaiver>,
    /// Windows of the site.
    pub windows: Vec<PlannedWindow>,
    /// Limits.
    pub limits: PlanLimits,
    /// Languages of the report.
    pub languages: Vec<crate::model::Lang>,
}

/// Limits of time and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanLimits {
    /// For one probe.
    pub item: Duration,
    /// For all probes of one target together.
    pub target: Duration,
    /// For the whole run.
    pub run: Duration,
    /// Targets inspected at once.
    pub at_once: usize,
    /// Sessions through one jump host at once.
    pub at_once_per_jump: usize,
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self {
            item: Duration::from_secs(30),
            target: Duration::from_mins(5),
            run: Duration::from_hours(1),
            at_once: 32,
            at_once_per_jump: 8,
        }
    }
}

/// A waiver, for the report's list; whether it covers anything is decided by the rules of items.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedWaiver {
    /// Its id.
    pub id: String,
    /// Why it was granted.
    pub reason: Phrase,
    /// Who granted it.
    pub approved_by: String,
    /// When it ends.
    pub ends: chrono::DateTime<chrono::Utc>,
}

/// A window with the targets that it is for.
#[derive(Clone, Debug)]
pub struct PlannedWindow {
    /// The window.
    pub window: crate::schedule::Window,
    /// Ids of its targets; `None` is every target.
    pub targets: Option<std::collections::BTreeSet<String>>,
}

/// One item.
pub struct PlannedItem {
    /// Its name in the run.
    pub key: ItemKey,
    /// Its target; `None` across targets.
    pub target: Option<Arc<Target>>,
    /// What is to be done.
    pub work: Work,
    /// What the report says of it.
    pub texts: Arc<ItemTexts>,
}

/// What the report says of an item besides its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ItemTexts {
    /// Id of the check in the catalogue; empty for items without one.
    pub check: String,
    /// Version of the check.
    pub check_version: u32,
    /// Title.
    pub title: Phrase,
    /// Class in the report.
    pub class: String,
    /// Why it matters.
    pub why: Phrase,
    /// What to do about it.
    pub advice: Phrase,
    /// Link to a runbook.
    pub runbook: Option<String>,
    /// The thresholds that hold for most rows.
    pub thresholds: Vec<Standard>,
}

/// What is to be done for an item.
pub enum Work {
    /// Log in, or say why not.
    Reachable {
        /// Waivers that cover being unreachable.
        waivers: Vec<WaiverRule>,
    },
    /// Ask, parse, judge.
    Check(Arc<PlannedCheck>),
    /// Judge the change of another item's values over time.
    Trend {
        /// The item whose rows it goes through.
        of: ItemKey,
        /// The check of that item.
        bound: Arc<dyn Bound>,
        /// Values that its rules may use.
        given: Arc<Given>,
        /// The rules.
        rules: Arc<Rules>,
        /// How much history it needs.
        history: Duration,
    },
    /// Judge the items of a line together.
    Across {
        /// Those items.
        members: Vec<ItemKey>,
        /// The rules, over counts of outcomes.
        rules: Arc<Rules>,
    },
    /// Ask a person.
    Person {
        /// Who.
        who: String,
    },
    /// Left out from the beginning, for this reason.
    Skip(Message),
    /// Cannot be done, for this reason.
    NotRun(Message),
}

/// A check with everything that one target needs.
pub struct PlannedCheck {
    /// The check with its parameters.
    pub bound: Arc<dyn Bound>,
    /// What is asked.
    pub probes: Vec<Probe>,
    /// How it is judged.
    pub rules: Arc<Rules>,
    /// Values that its rules may use.
    pub given: Arc<Given>,
    /// Longest that one of its probes may take.
    pub limit: Duration,
}

impl PlannedItem {
    /// What sort of item it is.
    #[must_use]
    pub const fn kind(&self) -> ItemKind {
        match self.work {
            Work::Reachable { .. } => ItemKind::Reachable,
            Work::Trend { .. } => ItemKind::Trend,
            Work::Across { .. } => ItemKind::Across,
            Work::Person { .. } => ItemKind::Person,
            Work::Check(_) | Work::Skip(_) | Work::NotRun(_) => ItemKind::Check,
        }
    }
}
