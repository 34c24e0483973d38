//! Moments as the store keeps them: milliseconds since 1970 in UTC.

use chrono::{DateTime, SubsecRound as _, Utc};

use super::StoreError;

/// The moment that `millis` stands for.
pub(super) fn read(millis: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| StoreError::unreadable("a moment")(format!("{millis} ms is out of range")))
}

/// `at` without what is finer than a millisecond.
pub(super) fn trunc(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(3)
}

/// The moment that `millis` stands for, where there is one.
pub(super) fn read_some(millis: Option<i64>) -> Result<Option<DateTime<Utc>>, StoreError> {
    millis.map(read).transpose()
}
