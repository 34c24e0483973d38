//! Items: one check on one target in one run, and what is kept of each.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::message::Message;
use super::outcome::{Outcome, Verdict};
use super::text::Phrase;
use super::untrusted::Untrusted;
use super::value::{FieldType, Row};

/// What sort of item it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// Whether the target lets us in; every target has one.
    Reachable,
    /// A check on a target.
    Check,
    /// A rule over the change of a check's values in time.
    Trend,
    /// A rule across the targets of a check.
    Across,
    /// A question that only a person can answer.
    Person,
}

/// What the rows of an item stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowsAre {
    /// Things that should be there: none is an error, one less than last time is a warning.
    Things,
    /// Problems: none is ok, one less than last time is solved.
    Problems,
}

/// What names an item within a run: the id of its line in the playbook and the target.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemKey {
    /// Id of the line, `reachable` for that item, `LINE.TREND` for a trend.
    pub line: String,
    /// Id of the target; empty for an item across targets.
    pub target: String,
}

impl ItemKey {
    /// The key of `line` on `target`.
    #[must_use]
    pub fn new(line: impl Into<String>, target: impl Into<String>) -> Self {
        Self { line: line.into(), target: target.into() }
    }
}

/// The threshold that gave a row its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The expression as written.
    pub source: String,
    /// Where it is written: `FILE:LINE`, or `catalogue`.
    pub origin: String,
}

/// A threshold as it stands for most rows of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standard {
    /// What it gives when it is met.
    pub level: Verdict,
    /// The threshold.
    pub rule: Rule,
}

/// A mark on a verdict; it never changes the outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mark", rename_all = "kebab-case")]
pub enum Mark {
    /// Accepted by a waiver until its end.
    Waived {
        /// The waiver's id.
        id: String,
        /// Why it is accepted.
        reason: Phrase,
        /// Who approved it.
        approved_by: String,
        /// When it ends.
        ends: DateTime<Utc>,
    },
    /// Nobody is told, because of a window.
    Silenced {
        /// The window's id.
        window: String,
    },
}

/// One judged row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowRecord {
    /// The row's key, its parts joined by ` · `; `None` where a check has a single row.
    pub key: Option<Untrusted>,
    /// The values.
    pub row: Row,
    /// How it was judged.
    pub outcome: Outcome,
    /// Why it could not be judged, or what qualifies the verdict.
    pub reason: Option<Message>,
    /// The threshold that was met; for `ok` rows the one nearest to being met.
    pub rule: Option<Rule>,
    /// The fields that the rule speaks of, the first being the measure.
    pub measures: Vec<String>,
    /// Marks.
    pub marks: Vec<Mark>,
}

/// One try at an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub took_ms: u64,
    /// How it failed; `None` for the one that succeeded.
    pub failure: Option<Message>,
}

/// A field of an item's rows, as declared by the check or by `columns:`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldNote {
    /// Its name.
    pub name: String,
    /// Its type.
    pub field_type: FieldType,
    /// What it says, for table heads.
    pub label: Phrase,
}

/// All that is kept of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemRecord {
    /// Which item.
    pub key: ItemKey,
    /// What sort.
    pub kind: ItemKind,
    /// Id of the check in the catalogue; empty for `reachable`, trends keep their check's.
    pub check: String,
    /// The check's version in the catalogue.
    pub check_version: u32,
    /// Title shown, from the playbook or the catalogue.
    pub title: Phrase,
    /// Class in the report (host, network, database …); see `check::Class`.
    pub class: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where there is no verdict.
    pub reason: Option<Message>,
    /// Its rows.
    pub rows: Vec<RowRecord>,
    /// What it means that a row of last time is no longer among them.
    pub rows_are: RowsAre,
    /// The rows' fields.
    pub fields: Vec<FieldNote>,
    /// What the rule is, when no row says so: the item's `warn` and `crit` as they stand for most rows.
    pub thresholds: Vec<Standard>,
    /// What to do about a problem.
    pub advice: Phrase,
    /// Why it matters.
    pub why: Phrase,
    /// Link to a runbook.
    pub runbook: Option<String>,
    /// When its probes were asked.
    pub at: DateTime<Utc>,
    /// How long its probes took.
    pub took_ms: u64,
    /// Tries, the last one last.
    pub attempts: Vec<Attempt>,
    /// Content hashes (SHA-256, hex) of its captures in the store, by probe.
    pub captures: Vec<(String, String)>,
}

impl ItemRecord {
    /// Whether every problem row of it is covered by a waiver.
    #[must_use]
    pub fn is_waived(&self) -> bool {
        let mut problems = self.rows.iter().filter(|row| row.outcome.is_problem() || row.outcome.is_unjudged()).peekable();
        problems.peek().is_some() && problems.all(RowRecord::is_waived)
    }
}

impl RowRecord {
    /// Whether a waiver covers it.
    #[must_use]
    pub fn is_waived(&self) -> bool {
        self.marks.iter().any(|mark| matches!(mark, Mark::Waived { .. }))
    }
}
