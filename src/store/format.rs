//! The stored forms of runs and items: what is JSON in the store, how it is split, and its version.
//!
//! An item is kept in two parts: a *sheet* that it shares with many others (title, advice, fields, thresholds), and a
//! *body* of its own. Both are JSON; their version stands in a column beside them.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::model::item::FieldNote;
use crate::model::{Attempt, ItemKind, ItemRecord, Message, Phrase, RowRecord, RowsAre, Rule, RunHead, RunState};

/// Version of the JSON that we write. What older versions wrote stays readable.
pub(super) const FORMAT: i64 = 1;

/// The part of an item that it shares with others.
#[derive(Serialize, Deserialize)]
pub(super) struct Sheet {
    pub(super) check_version: u32,
    pub(super) title: Phrase,
    pub(super) class: String,
    pub(super) rows_are: RowsAre,
    pub(super) fields: Vec<FieldNote>,
    pub(super) thresholds: Vec<Rule>,
    pub(super) advice: Phrase,
    pub(super) why: Phrase,
    pub(super) runbook: Option<String>,
}

/// The part of an item that is its own.
#[derive(Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) reason: Option<Message>,
    pub(super) rows: Vec<RowRecord>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) captures: Vec<(String, String)>,
}

#[derive(Serialize)]
struct SheetOf<'a> {
    check_version: u32,
    title: &'a Phrase,
    class: &'a str,
    rows_are: RowsAre,
    fields: &'a [FieldNote],
    thresholds: &'a [Rule],
    advice: &'a Phrase,
    why: &'a Phrase,
    runbook: Option<&'a str>,
}

#[derive(Serialize)]
struct BodyOf<'a> {
    reason: Option<&'a Message>,
    rows: &'a [RowRecord],
    attempts: &'a [Attempt],
    captures: &'a [(String, String)],
}

/// The sheet of `item` as JSON.
pub(super) fn sheet_of(item: &ItemRecord) -> Result<String, StoreError> {
    write(&SheetOf {
        check_version: item.check_version,
        title: &item.title,
        class: &item.class,
        rows_are: item.rows_are,
        fields: &item.fields,
        thresholds: &item.thresholds,
        advice: &item.advice,
        why: &item.why,
        runbook: item.runbook.as_deref(),
    })
}

/// The body of `item` as JSON.
pub(super) fn body_of(item: &ItemRecord) -> Result<String, StoreError> {
    write(&BodyOf { reason: item.reason.as_ref(), rows: &item.rows, attempts: &item.attempts, captures: &item.captures })
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
