//! The format `rounds-report/1`, field by field.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::report::grade::{Cap, Grade};

/// An inspection report.
#[derive(Serialize, JsonSchema)]
pub struct Report<'a> {
    /// Always `rounds-report/1`.
    pub format: &'static str,
    /// Number of the report, as people quote it.
    pub number: String,
    /// Language of the texts: `en` or `zh`. Ids and values do not depend on it.
    pub language: &'static str,
    /// The run.
    pub run: Run<'a>,
    /// The sums of the ledger.
    pub tally: Tally,
    /// Grade and score; absent when the ledger does not balance.
    pub health: Option<Health>,
    /// What changed since the last run of the same playbook; absent when there is none, or the ledger does not balance.
    pub since: Option<Since>,
    /// Every item; absent when the ledger does not balance, because then nothing but the sums can be trusted.
    pub items: Option<Vec<Item<'a>>>,
}

/// The run.
#[derive(Serialize, JsonSchema)]
pub struct Run<'a> {
    /// UUID.
    pub id: &'a str,
    /// Id of the playbook.
    pub playbook: &'a str,
    /// Title of the playbook.
    pub title: &'a str,
    /// SHA-256 of the playbook's text.
    pub playbook_sha256: &'a str,
    /// `running`, `done`, `cancelled` or `lost`; only `done` is whole.
    pub state: &'static str,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// When it ended, RFC 3339 in UTC; null when it has not.
    pub ended: Option<String>,
    /// IANA zone in which people are told times.
    pub timezone: &'a str,
    /// Who or what started it.
    pub started_by: &'a str,
    /// Machine that it ran on.
    pub host: &'a str,
    /// Version of the program.
    pub version: &'a str,
}

/// The sums of the ledger.
#[derive(Serialize, JsonSchema)]
pub struct Tally {
    /// Items that the plan named before anything ran.
    pub planned: usize,
    /// Items that ended, whichever way.
    pub ended: usize,
    /// Whether both are equal. If not, the run proves nothing.
    pub balances: bool,
    /// Items by outcome, every outcome named.
    pub outcomes: serde_json::Map<String, Json>,
    /// Items that were judged.
    pub judged: usize,
    /// Judged items in percent of planned ones; null when nothing was planned.
    pub coverage_pct: Option<f64>,
    /// Items whose every problem is waived; they are counted among the outcomes, too.
    pub waived: usize,
}

/// Grade and score.
#[derive(Serialize, JsonSchema)]
pub struct Health {
    /// The grade.
    pub grade: Grade,
    /// 0 to 100; null where there is no grade.
    pub score: Option<u8>,
    /// What holds the grade down.
    pub caps: Vec<Cap>,
}

/// What changed since the last run of the same playbook.
#[derive(Serialize, JsonSchema)]
pub struct Since {
    /// UUID of that run.
    pub run: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// Problem keys that it did not have.
    pub new: Vec<String>,
    /// Problem keys that this run proves gone.
    pub solved: Vec<String>,
    /// Problem keys that are still open.
    pub still_open: Vec<String>,
    /// Problem keys that could not be checked again, or whose row or item is gone without proof.
    pub unknown: Vec<String>,
}

/// One item: one check on one target.
#[derive(Serialize, JsonSchema)]
pub struct Item<'a> {
    /// Id of the line in the playbook.
    pub line: &'a str,
    /// Id of the target; empty for an item across targets.
    pub target: &'a str,
    /// Id of the target's system.
    pub system: Option<&'a str>,
    /// Id of the person who answers for it.
    pub owner: Option<&'a str>,
    /// Id of the check; empty for `reachable`.
    pub check: &'a str,
    /// Version of the check.
    pub check_version: u32,
    /// Chapter of the report.
    pub class: &'a str,
    /// Title.
    pub title: &'a str,
    /// `ok`, `info`, `warn`, `crit`, `not-applicable`, `error`, `unreachable`, `timed-out`, `skipped` or `not-run`.
    pub outcome: &'static str,
    /// Why there is no verdict; null where there is one.
    pub reason: Option<String>,
    /// Stable key of the problem, where the item itself is one.
    pub problem_key: Option<String>,
    /// Fields of the rows.
    pub fields: Vec<FieldNote<'a>>,
    /// Thresholds that hold for most rows.
    pub thresholds: Vec<Standard<'a>>,
    /// The rows.
    pub rows: Vec<RowNote<'a>>,
    /// When its probes were asked, RFC 3339 in UTC.
    pub at: String,
    /// How long its probes took, in milliseconds.
    pub took_ms: u64,
    /// How often it was tried.
    pub attempts: usize,
    /// SHA-256 of each capture.
    pub captures: Vec<CaptureNote<'a>>,
}

/// A field of an item's rows.
#[derive(Serialize, JsonSchema)]
pub struct FieldNote<'a> {
    /// Name.
    pub name: &'a str,
    /// `text`, `number`, `percent` (0 to 100), `bytes`, `duration` (seconds), `timestamp` (RFC 3339), `boolean` or `list`.
    #[serde(rename = "type")]
    pub kind: Json,
    /// Head of its column.
    pub label: &'a str,
}

/// One row.
#[derive(Serialize, JsonSchema)]
pub struct RowNote<'a> {
    /// Its key; null where a check has a single row.
    pub key: Option<&'a str>,
    /// Its values by field, as measured; null is "the target gave no value". Text is as the target gave it, unchanged.
    pub values: serde_json::Map<String, Json>,
    /// How it was judged.
    pub outcome: &'static str,
    /// Why it could not be judged, or what qualifies the verdict.
    pub reason: Option<String>,
    /// The threshold that was met; for `ok` the one nearest to it.
    pub rule: Option<Rule<'a>>,
    /// Fields that the threshold speaks of.
    pub measures: &'a [String],
    /// Stable key, where the row is a problem.
    pub problem_key: Option<String>,
    /// The waiver that covers it.
    pub waiver: Option<Waiver<'a>>,
    /// Id of the window in which nobody is told.
    pub silenced_by: Option<&'a str>,
}

/// A threshold that holds for most rows.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Standard<'a> {
    /// `warn` or `crit`: what it gives when it is met.
    pub level: &'static str,
    /// The expression as written.
    pub source: &'a str,
    /// Where it is written: `FILE:LINE`, or `catalogue`.
    pub origin: &'a str,
}

/// A threshold.
#[derive(Serialize, JsonSchema)]
pub struct Rule<'a> {
    /// The expression.
    pub source: &'a str,
    /// `FILE:LINE`, or `catalogue`.
    pub origin: &'a str,
}

/// A waiver.
#[derive(Serialize, JsonSchema)]
pub struct Waiver<'a> {
    /// Its id.
    pub id: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Who approved it.
    pub approved_by: &'a str,
    /// When it ends, RFC 3339 in UTC.
    pub ends: String,
}

/// A capture.
#[derive(Serialize, JsonSchema)]
pub struct CaptureNote<'a> {
    /// The probe.
    pub probe: &'a str,
    /// SHA-256 of the answer, hex.
    pub sha256: &'a str,
}
