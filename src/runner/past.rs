//! What a run needs to know of earlier ones.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::check::Earlier;
use crate::model::ItemKey;
use crate::store::{Point, SeriesKey, Store};

/// Why the past cannot be read; items that need it become `error`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot read earlier runs: {0}")]
pub struct PastError(pub String);

/// Earlier runs of the same playbook.
#[async_trait]
pub trait Past: Send + Sync {
    /// Rows of the last run in which each of `items` (with its check) was judged.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn earlier_of(&self, playbook: &str, items: &[(ItemKey, String)]) -> Result<HashMap<ItemKey, Earlier>, PastError>;

    /// The values of fields of rows since a moment, the oldest first; a key that has none is missing.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn series_of(
        &self,
        playbook: &str,
        keys: &[SeriesKey],
        since: DateTime<Utc>,
    ) -> Result<HashMap<SeriesKey, Vec<Point>>, PastError>;
}

/// No earlier runs.
#[derive(Clone, Copy, Debug)]
pub struct NoPast;

#[async_trait]
impl Past for NoPast {
    async fn earlier_of(&self, _: &str, _: &[(ItemKey, String)]) -> Result<HashMap<ItemKey, Earlier>, PastError> {
        Ok(HashMap::new())
    }

    async fn series_of(&self, _: &str, _: &[SeriesKey], _: DateTime<Utc>) -> Result<HashMap<SeriesKey, Vec<Point>>, PastError> {
        Ok(HashMap::new())
    }
}

#[async_trait]
impl Past for Store {
    async fn earlier_of(&self, playbook: &str, items: &[(ItemKey, String)]) -> Result<HashMap<ItemKey, Earlier>, PastError> {
        Self::earlier_of(self, playbook, items).await.map_err(|error| PastError(error.to_string()))
    }

    async fn series_of(
        &self,
        playbook: &str,
        keys: &[SeriesKey],
        since: DateTime<Utc>,
    ) -> Result<HashMap<SeriesKey, Vec<Point>>, PastError> {
        Self::series_of(self, playbook, keys, since).await.map_err(|error| PastError(error.to_string()))
    }
}
