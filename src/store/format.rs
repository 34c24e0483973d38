//! The stored forms of runs and items: what is JSON in the store, how it is split, and its version.
//!
//! An item is kept in two parts: a *sheet* that it shares with many others (title, advice, fields, thresholds), and a
//! *body* of its own. Both are JSON; their version stands in a column beside them.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::model::item::FieldNote;
use crate::model::{Attempt, ItemKind, ItemRecord, Message, Phrase, RowRecord, RowsAre, RunHead, RunState, Standard};

/// Version of the JSON that we write. What older versions wrote stays readable.
pub(super) const FORMAT: i64 = 1;

/// The part of an item that it shares with others.
#[derive(Serialize, Deserialize)]
pub(super) struct Sheet<'a> {
    pub(super) check_version: u32,
    pub(super) title: Cow<'a, Phrase>,
    pub(super) class: Cow<'a, str>,
    pub(super) rows_are: RowsAre,
    pub(super) fields: Cow<'a, [FieldNote]>,
    pub(super) thresholds: Cow<'a, [Standard]>,
    pub(super) advice: Cow<'a, Phrase>,
    pub(super) why: Cow<'a, Phrase>,
    pub(super) runbook: Option<Cow<'a, str>>,
}

/// The part of an item that is its own.
#[derive(Serialize, Deserialize)]
pub(super) struct Body<'a> {
    pub(super) reason: Option<Cow<'a, Message>>,
    pub(super) rows: Cow<'a, [RowRecord]>,
    pub(super) attempts: Cow<'a, [Attempt]>,
    pub(super) captures: Cow<'a, [(String, String)]>,
}

impl<'a> Sheet<'a> {
    /// The sheet of `item`.
    pub(super) fn of(item: &'a ItemRecord) -> Self {
        Self {
            check_version: item.check_version,
            title: Cow::Borrowed(&item.title),
            class: Cow::Borrowed(&item.class),
            rows_are: item.rows_are,
            fields: Cow::Borrowed(&item.fields),
            thresholds: Cow::Borrowed(&item.thresholds),
            advice: Cow::Borrowed(&item.advice),
            why: Cow::Borrowed(&item.why),
            runbook: item.runbook.as_deref().map(Cow::Borrowed),
        }
    }
}

impl<'a> Body<'a> {
    /// The body of `item`.
    pub(super) fn of(item: &'a ItemRecord) -> Self {
        Self {
            reason: item.reason.as_ref().map(Cow::Borrowed),
            rows: Cow::Borrowed(&item.rows),
            attempts: Cow::Borrowed(&item.attempts),
            captures: Cow::Borrowed(&item.captures),
        }
    }
}

/// The head of a run as deflated JSON: it holds the playbook and every target.
pub(super) fn head_of(head: &RunHead) -> Result<Vec<u8>, StoreError> {
    deflate(write(head)?.as_bytes())
}

/// The head of a run, read back.
pub(super) fn read_head(format: i64, head: &[u8]) -> Result<RunHead, StoreError> {
    let what = "the head of a run";
    let json = inflate(head).map_err(StoreError::unreadable(what))?;
    let json = String::from_utf8(json).map_err(StoreError::unreadable(what))?;
    read(what, format, &json)
}

/// JSON of format `format`, read back as `what`.
pub(super) fn read<T: DeserializeOwned>(what: &str, format: i64, json: &str) -> Result<T, StoreError> {
    if format != FORMAT {
        return Err(StoreError::unreadable(what)(format!("it has format {format}, we know {FORMAT}")));
    }
    serde_json::from_str(json).map_err(StoreError::unreadable(what))
}

/// `value` as JSON.
pub(super) fn write(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Refused(format!("cannot be stored: {error}")))
}

/// `bytes`, deflated.
pub(super) fn deflate(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|error| StoreError::Refused(format!("cannot be stored: {error}")))
}

/// `bytes`, inflated.
pub(super) fn inflate(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut inflated = Vec::new();
    DeflateDecoder::new(bytes).read_to_end(&mut inflated)?;
    Ok(inflated)
}

/// The word of `state` in the store.
pub(super) const fn state_word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Done => "done",
        RunState::Cancelled => "cancelled",
        RunState::Lost => "lost",
    }
}

/// The state whose word is `word`.
pub(super) fn read_state(word: &str) -> Result<RunState, StoreError> {
    let states = [RunState::Running, RunState::Done, RunState::Cancelled, RunState::Lost];
    let found = states.into_iter().find(|state| state_word(*state) == word);
    found.ok_or_else(|| StoreError::unreadable("the state of a run")(format!("`{word}` is none")))
}

/// The word of `kind` in the store.
pub(super) const fn kind_word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Reachable => "reachable",
        ItemKind::Check => "check",
        ItemKind::Trend => "trend",
        ItemKind::Across => "across",
        ItemKind::Person => "person",
    }
}

/// The kind whose word is `word`.
pub(super) fn read_kind(word: &str) -> Result<ItemKind, StoreError> {
    let kinds = [ItemKind::Reachable, ItemKind::Check, ItemKind::Trend, ItemKind::Across, ItemKind::Person];
    let found = kinds.into_iter().find(|kind| kind_word(*kind) == word);
    found.ok_or_else(|| StoreError::unreadable("an item")(format!("`{word}` is no kind of item")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 0.1.0 wrote them. They are never edited: when a change makes one unreadable, it needs a new format.
    const SHEET_1: &str = r#"{"check_version":3,"title":{"en":"Disk space","zh":"磁盘空间"},"class":"system","rows_are":"things","fields":[{"name":"free_pct","field_type":"percent","label":{"en":"Free"}}],"thresholds":[{"level":"warn","rule":{"source":"free_pct < 20%","origin":"daily.yaml:7"}}],"advice":{"en":"Find what grew."},"why":{},"runbook":"https://wiki.example/disk"}"#;
    const BODY_1: &str = r#"{"reason":{"id":"timed-out","limit_s":30.0},"rows":[{"key":"/var","row":[["mount",{"type":"text","value":"/var"}],["free_pct",{"type":"number","value":15.5}],["read_only",{"type":"boolean","value":false}],["age",{"type":"duration","value":60.0}],["since",{"type":"timestamp","value":"2026-03-01T00:00:00Z"}],["users",{"type":"list","value":["a","b"]}],["quota",{"type":"null"}]],"outcome":"warn","reason":{"id":"gone"},"rule":{"source":"free_pct < 20%","origin":"catalogue"},"measures":["free_pct"],"marks":[{"mark":"silenced","window":"night"}]}],"attempts":[{"at":"2026-03-01T00:00:00Z","took_ms":5,"failure":{"id":"cut-off","detail":"reset"}}],"captures":[["df","00ff"]]}"#;

    #[test]
    fn what_format_1_wrote_is_read_and_written_the_same() {
        let sheet: Sheet<'_> = read("a sheet", 1, SHEET_1).unwrap();
        assert_eq!(write(&sheet).unwrap(), SHEET_1);
        let body: Body<'_> = read("a body", 1, BODY_1).unwrap();
        assert_eq!(write(&body).unwrap(), BODY_1);
    }

    #[test]
    fn a_format_we_do_not_know_is_an_error() {
        let error = read::<Body<'_>>("a body", FORMAT + 1, BODY_1).err().unwrap();
        assert!(matches!(error, StoreError::Unreadable { .. }), "{error}");
    }
}
