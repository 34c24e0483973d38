//! What became of the problems of the last run, and which ones are new. Gone is only what this run proves gone.

use std::collections::{HashMap, HashSet};

use super::found::{Found, Place, problems};
use crate::check::RowsAre;
use crate::checks::CATALOGUE;
use crate::model::{ItemKey, ItemRecord, Outcome, RunRecord};

/// What this run says of a problem of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Judged again, and fine.
    Solved,
    /// Still there, and as bad.
    Same,
    /// Still there, and worse.
    Worse,
    /// Still there, and better.
    Better,
    /// Still there, and covered by a waiver now.
    Accepted,
    /// Not judged this time: nobody knows.
    NotRechecked,
    /// Its row, or its item, is no longer there: for a person to decide.
    Orphaned,
}

impl Fate {
    /// Whether the problem is known to be open still.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Same | Self::Worse | Self::Better)
    }
}

/// A problem of the last run with what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Earlier<'a> {
    /// As it was.
    pub was: Found<'a>,
    /// As it is, where it is still there.
    pub is: Option<Found<'a>>,
    /// What became of it.
    pub fate: Fate,
}

/// Two runs of one playbook, compared.
#[derive(Debug, Default)]
pub struct Comparison<'a> {
    /// Problems of the last run that no waiver covered then.
    pub earlier: Vec<Earlier<'a>>,
    /// Places of open problems that the last run had, too, waived or not.
    known: HashSet<Place<'a>>,
}

impl Comparison<'_> {
    /// Whether `found` was there last time.
    #[must_use]
    pub fn knows(&self, found: &Found<'_>) -> bool {
        self.known.contains(&found.place())
    }

    /// How many problems of the last run have one of these fates.
    #[must_use]
    pub fn count(&self, wanted: impl Fn(Fate) -> bool) -> usize {
        self.earlier.iter().filter(|earlier| wanted(earlier.fate)).count()
    }
}

/// Compares `run` with the last run of the same playbook.
#[must_use]
pub fn compare<'a>(run: &'a RunRecord, previous: Option<&'a RunRecord>) -> Comparison<'a> {
    let Some(previous) = previous else { return Comparison::default() };
    let now: HashMap<Place<'a>, Found<'a>> = problems(run).into_iter().map(|found| (found.place(), found)).collect();
    let items: HashMap<&ItemKey, &ItemRecord> = run.items.iter().map(|item| (&item.key, item)).collect();
    let mut comparison = Comparison::default();
    for was in problems(previous) {
        let is = now.get(&was.place()).copied();
        if is.is_some() {
            comparison.known.insert(was.place());
        }
        if was.is_waived() {
            continue;
        }
        let fate = match is {
            Some(is) if is.is_waived() => Fate::Accepted,
            Some(is) => match is.outcome().severity().cmp(&was.outcome().severity()) {
                std::cmp::Ordering::Less => Fate::Better,
                std::cmp::Ordering::Equal => Fate::Same,
                std::cmp::Ordering::Greater => Fate::Worse,
            },
            None => items.get(&was.item.key).map_or(Fate::Orphaned, |item| fate_without_problem(&was, item)),
        };
        comparison.earlier.push(Earlier { was, is, fate });
    }
    comparison
}

/// The fate of a problem whose place is no problem any more.
fn fate_without_problem(was: &Found<'_>, item: &ItemRecord) -> Fate {
    let Some(row) = was.row else {
        // The item itself was the problem: it is solved when the item is judged and none.
        return if item.outcome.is_judged() { Fate::Solved } else { Fate::NotRechecked };
    };
    if let Some(now) = item.rows.iter().find(|now| now.key == row.key) {
        return if now.outcome.is_judged() { Fate::Solved } else { Fate::NotRechecked };
    }
    if !item.outcome.is_judged() {
        return Fate::NotRechecked;
    }
    // The row is missing. Where rows are problems, or the thing is proved absent, that is the proof; else it is for a person.
    let rows_are = CATALOGUE.iter().find(|entry| entry.meta.id == item.check).map(|entry| entry.meta.rows_are);
    let proved = rows_are == Some(RowsAre::Problems) || item.outcome == Outcome::NotApplicable || row.key.is_none() && item.rows.is_empty();
    if proved { Fate::Solved } else { Fate::Orphaned }
}
