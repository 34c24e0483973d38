//! What changed between two runs of a playbook: problems that are new, solved or still open, and values.

use std::collections::{BTreeMap, HashMap};

use crate::model::{ItemKey, ItemRecord, Proof, RowRecord, RowsAre, RunRecord, Untrusted, Value, proof, shown};

/// What changed from an earlier run to a later one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison<'a> {
    /// Problems that the later run shows and the earlier one did not.
    pub new: Vec<Problem<'a>>,
    /// Problems of the earlier run that the later one proves gone.
    pub solved: Vec<Problem<'a>>,
    /// Problems of the earlier run that the later one shows, too, or does not prove gone.
    pub still_open: Vec<StillOpen<'a>>,
    /// Values that differ: texts, lists and yes-or-no always; numbers only where they are what a rule measures, since
    /// others are never the same twice.
    pub changed: Vec<Changed<'a>>,
    /// Items, and rows of things, that were not there before.
    pub appeared: Vec<Place<'a>>,
    /// Items, and rows of things, that are no longer there.
    pub gone: Vec<Place<'a>>,
}

/// An item, or one row of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place<'a> {
    /// The item.
    pub item: &'a ItemRecord,
    /// The row; `None` for the item as a whole.
    pub row: Option<&'a RowRecord>,
}

/// A problem, and where it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem<'a> {
    /// Its problem key.
    pub key: String,
    /// Where it shows: in the later run when new, else in the earlier one.
    pub place: Place<'a>,
}

/// A problem that stays open.
#[derive(Clone, Debug, PartialEq)]
pub struct StillOpen<'a> {
    /// Its problem key.
    pub key: String,
    /// Where the earlier run showed it.
    pub before: Place<'a>,
    /// What the later run says.
    pub now: Now<'a>,
}

/// What the later run says of a problem of the earlier one that is not solved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Now<'a> {
    /// It shows here.
    Shown(Place<'a>),
    /// Its item was not judged, or not well enough to prove it gone.
    NotProved(&'a ItemRecord),
    /// The row that had it is no longer there: a person must say.
    ThingGone(&'a ItemRecord),
    /// Its item is not in the plan any more.
    NotPlanned,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed<'a> {
    /// Where it stands now.
    pub place: Place<'a>,
    /// The field.
    pub field: &'a str,
    /// What it was.
    pub before: &'a Value,
    /// What it is.
    pub after: &'a Value,
}

/// Compares `earlier` with `later`. Both lists and their order are made from the items alone.
#[must_use]
pub fn compare<'a>(earlier: &'a RunRecord, later: &'a RunRecord) -> Comparison<'a> {
    let mut comparison = Comparison::default();
    compare_problems(earlier, later, &mut comparison);
    let (before, after) = (by_key(earlier), by_key(later));
    for item in &later.items {
        match before.get(&item.key) {
            None => comparison.appeared.push(Place { item, row: None }),
            Some(earlier) => compare_rows(earlier, item, &mut comparison),
        }
    }
    let left = earlier.items.iter().filter(|item| !after.contains_key(&item.key));
    comparison.gone.extend(left.map(|item| Place { item, row: None }));
    comparison
}

fn by_key(run: &RunRecord) -> HashMap<&ItemKey, &ItemRecord> {
    run.items.iter().map(|item| (&item.key, item)).collect()
}

/// The places that show each problem: two lines may see the same one.
fn problems(run: &RunRecord) -> BTreeMap<String, Vec<Place<'_>>> {
    let mut problems: BTreeMap<String, Vec<Place<'_>>> = BTreeMap::new();
    for item in &run.items {
        for shown in shown(item) {
            problems.entry(shown.key).or_default().push(Place { item, row: shown.row });
        }
    }
    problems
}

fn compare_problems<'a>(earlier: &'a RunRecord, later: &'a RunRecord, comparison: &mut Comparison<'a>) {
    let mut now = problems(later);
    let items = by_key(later);
    for (key, places) in problems(earlier) {
        let before = places[0];
        if let Some(found) = now.remove(&key) {
            comparison.still_open.push(StillOpen { key, before, now: Now::Shown(found[0]) });
            continue;
        }
        // Whoever saw it must prove it gone: the first one that does not keeps it open.
        match places.iter().find_map(|place| not_solved(place, &items)) {
            Some(now) => comparison.still_open.push(StillOpen { key, before, now }),
            None => comparison.solved.push(Problem { key, place: before }),
        }
    }
    comparison.new.extend(now.into_iter().map(|(key, places)| Problem { key, place: places[0] }));
}

/// Why the problem at `place` cannot be called solved; `None` when it can.
fn not_solved<'a>(place: &Place<'_>, later: &HashMap<&ItemKey, &'a ItemRecord>) -> Option<Now<'a>> {
    let Some(&item) = later.get(&place.item.key).filter(|item| item.check == place.item.check) else {
        return Some(Now::NotPlanned);
    };
    let row_key = place.row.and_then(|row| row.key.as_ref());
    match proof(row_key, place.outcome(), item) {
        Proof::Gone => None,
        Proof::Orphaned => Some(Now::ThingGone(item)),
        Proof::None => Some(Now::NotProved(item)),
    }
}

fn compare_rows<'a>(earlier: &'a ItemRecord, later: &'a ItemRecord, comparison: &mut Comparison<'a>) {
    // Rows of another check, or none because nobody could look, are no change.
    if earlier.check != later.check {
        return;
    }
    let (before, after) = (present(earlier), present(later));
    for (key, row) in &after {
        match before.get(key) {
            Some(known) => compare_values(known, Place { item: later, row: Some(row) }, comparison),
            None if is_listing(earlier) && is_listing(later) => comparison.appeared.push(Place { item: later, row: Some(row) }),
            None => {}
        }
    }
    if is_listing(earlier) && is_listing(later) {
        let left = before.iter().filter(|(key, _)| !after.contains_key(*key));
        comparison.gone.extend(left.map(|(_, &row)| Place { item: earlier, row: Some(row) }));
    }
}

/// The rows that are really there, by key.
fn present(item: &ItemRecord) -> BTreeMap<Option<&Untrusted>, &RowRecord> {
    item.rows.iter().filter(|row| !row.is_gone()).map(|row| (row.key.as_ref(), row)).collect()
}

/// Whether the item was judged and lists things, so that a row less is one that is gone.
fn is_listing(item: &ItemRecord) -> bool {
    item.outcome.is_judged() && item.rows_are == RowsAre::Things
}

fn compare_values<'a>(before: &'a RowRecord, place: Place<'a>, comparison: &mut Comparison<'a>) {
    let Some(after) = place.row else { return };
    for (field, value) in after.row.iter() {
        let Some(known) = before.row.get(field) else { continue };
        let is_measure = after.measures.iter().any(|measure| measure == field);
        if known != value && (is_measure || value.as_f64().is_none() || known.as_f64().is_none()) {
            comparison.changed.push(Changed { place, field, before: known, after: value });
        }
    }
}

impl Place<'_> {
    /// The outcome of the row, or of the item as a whole.
    #[must_use]
    pub fn outcome(&self) -> crate::model::Outcome {
        self.row.map_or(self.item.outcome, |row| row.outcome)
    }
}

#[cfg(test)]
mod tests;
