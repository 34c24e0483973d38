//! A run as it is kept: enough to render its report again, whenever and in whichever language.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::item::{ItemRecord, Mark};
use super::tally::Tally;
use super::target::Target;
use super::text::Phrase;

/// What is known of a run before its items end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// UUID version 7.
    pub id: String,
    /// Id of the playbook.
    pub playbook: String,
    /// Title of the playbook.
    pub title: Phrase,
    /// The playbook as it was run, all its files joined.
    pub playbook_text: String,
    /// SHA-256 of that text, hex.
    pub playbook_hash: String,
    /// Person who owns the playbook.
    pub owner: Option<String>,
    /// Who or what started it: `by hand: NAME`, `schedule`.
    pub started_by: String,
    /// The machine we ran on.
    pub host: String,
    /// Our version.
    pub version: String,
    /// The one IANA zone of all times shown.
    pub timezone: String,
    /// When it began.
    pub started: DateTime<Utc>,
    /// Items named by the plan.
    pub planned: usize,
    /// Targets in the plan, as they were known then.
    pub targets: Vec<Target>,
    /// Waivers in the waiver files whose end has passed, or comes within 30 days, for the report.
    pub waivers: Vec<WaiverNote>,
    /// Names by id, of every person the report may name.
    pub people: Vec<(String, Phrase)>,
    /// The inventory's words that rules were compiled against, as `expr::Vocabulary` writes them; null in runs that kept none.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub vocabulary: serde_json::Value,
    /// The calendar that rules asked, as `schedule::Calendar` writes it; null where there was none.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub calendar: serde_json::Value,
}

/// What a report says of a waiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaiverNote {
    /// Its id.
    pub id: String,
    /// Why it was granted.
    pub reason: Phrase,
    /// Who approved it.
    pub approved_by: String,
    /// When it ends or ended.
    pub ends: DateTime<Utc>,
    /// How many rows of this run it covered.
    pub covered: usize,
}

/// How a run as a whole ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Still going, or its process died.
    Running,
    /// Every planned item ended and was recorded.
    Done,
    /// Cancelled by a person; what had not ended is `not-run`.
    Cancelled,
    /// The process died or the result could not be recorded: never green.
    Lost,
}

/// A run with its items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What was known before.
    pub head: RunHead,
    /// How it ended.
    pub state: RunState,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// Its items, ordered by target and line.
    pub items: Vec<ItemRecord>,
}

impl RunRecord {
    /// The run with the number of rows that each waiver of its head covers.
    #[must_use]
    pub fn with_waivers_counted(mut self) -> Self {
        for waiver in &mut self.head.waivers {
            let marks = self.items.iter().flat_map(|item| &item.rows).flat_map(|row| &row.marks);
            waiver.covered = marks.filter(|mark| matches!(mark, Mark::Waived { id, .. } if *id == waiver.id)).count();
        }
        self
    }

    /// The sums of its ledger.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally::of(self.head.planned, &self.items)
    }
}
