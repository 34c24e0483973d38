//! The problems of a run, one by one: a row that warns or is critical, or an item that says so without rows.

use crate::model::{ItemRecord, Outcome, RowRecord, RunRecord, Untrusted, problem_key};

/// One problem.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The item.
    pub item: &'a ItemRecord,
    /// The row; `None` where the item itself is the problem.
    pub row: Option<&'a RowRecord>,
}

/// What names a problem within two runs of one playbook: line, target, row key.
pub type Place<'a> = (&'a str, &'a str, Option<&'a str>);

impl<'a> Found<'a> {
    /// `warn` or `crit`.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.row.map_or(self.item.outcome, |row| row.outcome)
    }

    /// Whether a waiver covers it.
    #[must_use]
    pub fn is_waived(&self) -> bool {
        self.row.is_some_and(RowRecord::is_waived)
    }

    /// The stable key.
    #[must_use]
    pub fn key(&self) -> String {
        problem_key(self.item, self.row)
    }

    /// Where it is in the playbook's terms.
    #[must_use]
    pub fn place(&self) -> Place<'a> {
        place(self.item, self.row)
    }
}

/// The place of `row` of `item`.
#[must_use]
pub fn place<'a>(item: &'a ItemRecord, row: Option<&'a RowRecord>) -> Place<'a> {
    (item.key.line.as_str(), item.key.target.as_str(), row.and_then(|row| row.key.as_ref()).map(Untrusted::raw))
}

/// Every problem of `run`, waived ones included, in the run's order.
#[must_use]
pub fn problems(run: &RunRecord) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    for item in &run.items {
        let before = found.len();
        found.extend(item.rows.iter().filter(|row| row.outcome.is_problem()).map(|row| Found { item, row: Some(row) }));
        if found.len() == before && item.outcome.is_problem() {
            found.push(Found { item, row: None });
        }
    }
    found
}

/// Everything of `run` that was not judged: whole items, and single rows of items that were.
#[must_use]
pub fn unjudged(run: &RunRecord) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    for item in &run.items {
        if item.outcome.is_judged() {
            found.extend(item.rows.iter().filter(|row| !row.outcome.is_judged()).map(|row| Found { item, row: Some(row) }));
            continue;
        }
        let rows = item.rows.iter().filter(|row| !row.outcome.is_judged()).map(|row| Found { item, row: Some(row) });
        let before = found.len();
        found.extend(rows);
        if found.len() == before {
            found.push(Found { item, row: None });
        }
    }
    found
}
