//! Making items and captures ready to be written, away from the writer and from whoever waits for it.

use std::collections::BTreeMap;

use super::content::{self, Content, Hash};
use super::{Recording, StoreError, format, moment};
use crate::model::{Capture, ItemRecord};

/// An item, ready to be written.
pub(super) struct Packed {
    pub(super) item: ItemRecord,
    pub(super) sheet: Sheet,
    pub(super) asked: Option<Sheet>,
    pub(super) body: String,
    pub(super) captures: Vec<PackedCapture>,
}

/// What items share, with the hash it is found by.
pub(super) struct Sheet {
    pub(super) hash: Hash,
    pub(super) body: String,
}

/// A capture, its contents apart from it.
pub(super) struct PackedCapture {
    pub(super) probe: String,
    pub(super) variant: Option<String>,
    pub(super) at: i64,
    pub(super) took_ms: i64,
    pub(super) ended: String,
    pub(super) cut: bool,
    pub(super) out: Hash,
    pub(super) err: Option<Hash>,
}

/// A content, how often the items refer to it, and when it was given last.
pub(super) struct Referred {
    pub(super) content: Content,
    pub(super) refs: i64,
    pub(super) last_at: i64,
}

/// Contents by their hash.
pub(super) type Contents = BTreeMap<Hash, Referred>;

/// Makes a target's items ready: hashed, deflated, as JSON. No I/O, and no small work.
pub(super) fn pack(recordings: Vec<Recording>) -> Result<(Vec<Packed>, Contents), StoreError> {
    let mut contents = Contents::new();
    let items = recordings.into_iter().map(|recording| pack_item(recording, &mut contents)).collect::<Result<_, _>>()?;
    Ok((items, contents))
}

fn pack_item(recording: Recording, contents: &mut Contents) -> Result<Packed, StoreError> {
    let Recording { mut item, captures, asked } = recording;
    // As it will be read back.
    item.at = moment::trunc(item.at);
    let captures = captures.into_iter().map(|capture| pack_capture(capture, contents)).collect::<Result<Vec<_>, _>>()?;
    item.captures = captures.iter().map(|capture| (capture.probe.clone(), content::hex(&capture.out))).collect();
    let asked = if asked.is_empty() { None } else { Some(Sheet::new(format::write(&asked)?)) };
    Ok(Packed {
        sheet: Sheet::new(format::write(&format::Sheet::of(&item))?),
        asked,
        body: format::write(&format::Body::of(&item))?,
        captures,
        item,
    })
}

impl Sheet {
    fn new(body: String) -> Self {
        Self { hash: content::hash(body.as_bytes()), body }
    }
}

fn pack_capture(capture: Capture, contents: &mut Contents) -> Result<PackedCapture, StoreError> {
    let at = capture.at.timestamp_millis();
    let out = refer(&capture.out, at, contents)?;
    let err = if capture.err.is_empty() { None } else { Some(refer(&capture.err, at, contents)?) };
    Ok(PackedCapture {
        ended: format::write(&capture.ended)?,
        probe: capture.probe,
        variant: capture.variant,
        at,
        took_ms: millis(capture.took_ms),
        cut: capture.cut,
        out,
        err,
    })
}

fn refer(bytes: &[u8], at: i64, contents: &mut Contents) -> Result<Hash, StoreError> {
    let hash = content::hash(bytes);
    if let Some(known) = contents.get_mut(&hash) {
        known.refs += 1;
        known.last_at = known.last_at.max(at);
    } else {
        contents.insert(hash, Referred { content: content::pack(hash, bytes)?, refs: 1, last_at: at });
    }
    Ok(hash)
}

/// A length of time as the store keeps it; no probe takes 292 million years.
pub(super) fn millis(took_ms: u64) -> i64 {
    i64::try_from(took_ms).unwrap_or(i64::MAX)
}
