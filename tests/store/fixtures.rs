//! Runs, items and captures to record.

use chrono::{DateTime, Duration, Utc};
use rounds::model::item::FieldNote;
use rounds::model::{
    Capture, Ended, FieldType, ItemKey, ItemKind, ItemRecord, Outcome, Phrase, Row, RowRecord, RowsAre, Rule, RunHead, RunState, Tally,
};
use rounds::model::{Standard, Verdict};
use rounds::store::{Recording, Store, StoreError};
use tempfile::TempDir;

/// A folder with a store in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("rounds.db")
    }

    pub(crate) fn beside(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(self.path()).await.unwrap()
    }
}

/// The moment `day` days and `hours` hours after the tests' first day.
pub(crate) fn day(day: i64, hours: i64) -> DateTime<Utc> {
    "2026-03-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + Duration::days(day) + Duration::hours(hours)
}

pub(crate) fn head(playbook: &str, started: DateTime<Utc>, planned: usize) -> RunHead {
    RunHead {
        id: uuid::Uuid::now_v7().to_string(),
        playbook: playbook.to_owned(),
        title: Phrase::plain("Daily"),
        playbook_text: "playbook: daily\n".to_owned(),
        playbook_hash: "0".repeat(64),
        owner: None,
        started_by: "schedule".to_owned(),
        host: "hub".to_owned(),
        version: "0.1.0".to_owned(),
        timezone: "UTC".to_owned(),
        started,
        planned,
        targets: vec![rounds::model::Target::new("db1", rounds::model::Kind::Host)],
        waivers: Vec::new(),
        people: Vec::new(),
        vocabulary: serde_json::Value::Null,
        calendar: serde_json::Value::Null,
    }
}

pub(crate) fn row(key: &str, outcome: Outcome, free_pct: f64) -> RowRecord {
    RowRecord {
        key: Some(key.into()),
        row: Row::new().text("mount", key).number("free_pct", free_pct).number("free_bytes", free_pct * 1e9).boolean("read_only", false),
        outcome,
        reason: None,
        rule: Some(Rule { source: "free_pct < 20%".to_owned(), origin: "daily.yaml:7".to_owned() }),
        measures: vec!["free_pct".to_owned()],
        marks: Vec::new(),
    }
}

pub(crate) fn item(line: &str, target: &str, at: DateTime<Utc>, outcome: Outcome, rows: Vec<RowRecord>) -> ItemRecord {
    let field = |name: &str, field_type| FieldNote { name: name.to_owned(), field_type, label: Phrase::plain(name) };
    ItemRecord {
        key: ItemKey::new(line, target),
        kind: ItemKind::Check,
        check: "disk-space".to_owned(),
        check_version: 1,
        title: Phrase::plain("Disk space"),
        class: "system".to_owned(),
        outcome,
        reason: None,
        rows,
        rows_are: RowsAre::Things,
        fields: vec![
            field("mount", FieldType::Text),
            field("free_pct", FieldType::Percent),
            field("free_bytes", FieldType::Bytes),
            field("read_only", FieldType::Boolean),
        ],
        thresholds: vec![Standard {
            level: Verdict::Warn,
            rule: Rule { source: "free_pct < 20%".to_owned(), origin: "daily.yaml:7".to_owned() },
        }],
        advice: Phrase::plain("Find what grew."),
        why: Phrase::plain("A full disk stops databases."),
        runbook: None,
        at,
        took_ms: 12,
        attempts: Vec::new(),
        captures: Vec::new(),
    }
}

pub(crate) fn capture(probe: &str, at: DateTime<Utc>, out: impl Into<Vec<u8>>) -> Capture {
    Capture {
        probe: probe.to_owned(),
        variant: None,
        at,
        took_ms: 5,
        ended: Ended::Exit { status: 0 },
        out: out.into(),
        err: Vec::new(),
        cut: false,
    }
}

/// An item with a capture of its own.
pub(crate) fn recording(item: ItemRecord) -> Recording {
    let out = format!("{} {} {}\n", item.key.target, item.key.line, item.at);
    Recording { captures: vec![capture("df", item.at, out)], asked: vec![("df".to_owned(), "df -PkT".to_owned())], item }
}

/// Records a whole run of `items` and ends it.
pub(crate) async fn run(store: &Store, playbook: &str, started: DateTime<Utc>, items: Vec<ItemRecord>) -> String {
    try_run(store, playbook, started, items).await.unwrap().0
}

pub(crate) async fn try_run(
    store: &Store,
    playbook: &str,
    started: DateTime<Utc>,
    items: Vec<ItemRecord>,
) -> Result<(String, Tally), StoreError> {
    let head = head(playbook, started, items.len());
    store.begin_run(&head).await?;
    store.record_target(&head.id, items.into_iter().map(recording).collect()).await?;
    let tally = store.end_run(&head.id, RunState::Done, started + Duration::minutes(1)).await?;
    Ok((head.id, tally))
}
