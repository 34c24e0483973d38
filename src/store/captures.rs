//! Reading captures back: what was asked, and what came.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::content::{hex, unpack};
use super::error::While as _;
use super::{Store, StoreError, format, load, moment};
use crate::model::{Capture, Ended, ItemKey};

/// A capture as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCapture {
    /// The probe's name within its check.
    pub probe: String,
    /// The probe as it was asked, where that was recorded.
    pub asked: Option<String>,
    /// Which variant was asked.
    pub variant: Option<String>,
    /// When it was asked.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub took_ms: u64,
    /// How it ended.
    pub ended: Ended,
    /// Whether the middle of the answer was cut.
    pub cut: bool,
    /// Standard output.
    pub out: Answer,
    /// Standard error.
    pub err: Answer,
}

/// What is kept of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its bytes.
    Kept(Vec<u8>),
    /// Retention has removed them.
    Removed {
        /// Their SHA-256, hex.
        sha256: String,
        /// How many there were.
        size_bytes: u64,
    },
}

impl KeptCapture {
    /// The capture as it came; `None` when retention has removed a part of it.
    #[must_use]
    pub fn whole(&self) -> Option<Capture> {
        let (Answer::Kept(out), Answer::Kept(err)) = (&self.out, &self.err) else { return None };
        Some(Capture {
            probe: self.probe.clone(),
            variant: self.variant.clone(),
            at: self.at,
            took_ms: self.took_ms,
            ended: self.ended.clone(),
            out: out.clone(),
            err: err.clone(),
            cut: self.cut,
        })
    }
}

impl Store {
    /// The captures of an item, in the order in which they were recorded. `run` is as in [`Store::load_run`].
    ///
    /// # Errors
    /// When the run or the item does not exist, or a content is not what its hash says.
    pub async fn captures(&self, run: &str, item: &ItemKey) -> Result<Vec<KeptCapture>, StoreError> {
        let doing = "reading captures";
        let mut reader = self.reader().await?;
        let (id, asked) = asked(&mut reader, run, item).await?;
        let asked: HashMap<String, String> = asked.into_iter().flatten().collect();
        let rows = sqlx::query(
            "SELECT c.probe, c.variant, c.at, c.took_ms, c.ended, c.cut, \
             o.hash AS out_hash, o.size AS out_size, o.coding AS out_coding, o.body AS out_body, \
             e.hash AS err_hash, e.size AS err_size, e.coding AS err_coding, e.body AS err_body \
             FROM item_captures c LEFT JOIN contents o ON o.hash = c.out_hash LEFT JOIN contents e ON e.hash = c.err_hash \
             WHERE c.item = $1 ORDER BY c.place",
        )
        .bind(id)
        .fetch_all(&mut *reader)
        .await
        .doing(doing)?;
        rows.iter().map(|row| read(row, &asked)).collect()
    }
}

/// The number of an item, and the probes as they were asked, where they were recorded.
pub(super) async fn asked(
    reader: &mut SqliteConnection,
    run: &str,
    item: &ItemKey,
) -> Result<(i64, Option<Vec<(String, String)>>), StoreError> {
    let no = load::find(reader, run).await?;
    let found = sqlx::query(
        "SELECT i.id, s.format, s.body FROM items i LEFT JOIN sheets s ON s.id = i.asked WHERE i.run = $1 AND i.target = $2 AND i.line = $3",
    )
    .bind(no)
    .bind(&item.target)
    .bind(&item.line)
    .fetch_optional(reader)
    .await
    .doing("reading what was asked")?;
    let found = found.ok_or_else(|| StoreError::unreadable(format!("the item {} on {}", item.line, item.target))("the run has none"))?;
    let asked = match found.get::<Option<String>, _>("body") {
        Some(body) => Some(format::read("the probes as asked", found.get("format"), &body)?),
        None => None,
    };
    Ok((found.get("id"), asked))
}

fn read(row: &SqliteRow, asked: &HashMap<String, String>) -> Result<KeptCapture, StoreError> {
    let probe: String = row.get("probe");
    let what = format!("the capture of `{probe}`");
    let out = answer(row.get("out_hash"), row.get("out_size"), row.get("out_coding"), row.get("out_body"))?;
    // Nothing was complained about: that is known, not missing.
    let err = answer(row.get("err_hash"), row.get("err_size"), row.get("err_coding"), row.get("err_body"))?;
    // A probe that was asked twice has one text and two captures.
    let asked = asked.get(&probe).or_else(|| asked.get(probe.strip_suffix(".again")?)).cloned();
    Ok(KeptCapture {
        asked,
        variant: row.get("variant"),
        at: moment::read(row.get("at"))?,
        took_ms: u64::try_from(row.get::<i64, _>("took_ms")).map_err(StoreError::unreadable(&what))?,
        ended: serde_json::from_str(row.get("ended")).map_err(StoreError::unreadable(&what))?,
        cut: row.get::<i64, _>("cut") != 0,
        out: out.ok_or_else(|| StoreError::unreadable(what)("its content is missing"))?,
        err: err.unwrap_or(Answer::Kept(Vec::new())),
        probe,
    })
}

fn answer(hash: Option<Vec<u8>>, size: Option<i64>, coding: Option<String>, body: Option<Vec<u8>>) -> Result<Option<Answer>, StoreError> {
    let (Some(hash), Some(size), Some(coding)) = (hash, size, coding) else { return Ok(None) };
    Ok(Some(match body {
        Some(body) => Answer::Kept(unpack(&hash, &coding, body)?),
        None => Answer::Removed { sha256: hex(&hash), size_bytes: u64::try_from(size).map_err(StoreError::unreadable("a size"))? },
    }))
}
