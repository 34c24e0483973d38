//! The catalogue of checks. One check is one file here and two lines below: its module, and its entry.

use crate::check::Entry;

pub mod disk_space;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod testing;

/// Every check, by id. Ids that were retired are never used again.
pub static CATALOGUE: &[Entry] = &[Entry::of::<disk_space::DiskSpace>()];

/// The check whose id is `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.meta.id == id)
}
