//! The ledger's sums: how many items were planned, and how many ended each way.

use serde::{Deserialize, Serialize};

use super::item::ItemRecord;
use super::outcome::Outcome;

/// Counts of items by outcome, beside the number planned before anything ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Items named by the plan.
    pub planned: usize,
    /// Items by outcome, in the order of [`Outcome::ALL`].
    counts: [usize; 10],
    /// Items of `warn` or `crit` whose every problem is waived; they are counted above, too.
    pub waived: usize,
}

impl Tally {
    /// Counts `items` against the number that the plan named.
    #[must_use]
    pub fn of(planned: usize, items: &[ItemRecord]) -> Self {
        let mut tally = Self { planned, ..Self::default() };
        for item in items {
            tally.counts[Self::place(item.outcome)] += 1;
            if item.is_waived() {
                tally.waived += 1;
            }
        }
        tally
    }

    /// The sums of items that were counted elsewhere: how many of each outcome, and how many of them are waived.
    #[must_use]
    pub fn from_counts(planned: usize, counts: impl IntoIterator<Item = (Outcome, usize)>, waived: usize) -> Self {
        let mut tally = Self { planned, waived, ..Self::default() };
        for (outcome, count) in counts {
            tally.counts[Self::place(outcome)] += count;
        }
        tally
    }

    /// How many items ended as `outcome`.
    #[must_use]
    pub const fn count(&self, outcome: Outcome) -> usize {
        self.counts[Self::place(outcome)]
    }

    /// How many items ended, whichever way.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.counts.iter().sum()
    }

    /// Whether every planned item ended exactly once. Reports that do not balance say so in red and nothing else.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.ended() == self.planned
    }

    /// How many items were judged.
    #[must_use]
    pub fn judged(&self) -> usize {
        Outcome::ALL.into_iter().filter(|outcome| outcome.is_judged()).map(|outcome| self.count(outcome)).sum()
    }

    /// Judged items in percent of planned ones; `None` when nothing was planned.
    #[must_use]
    pub fn coverage_pct(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        (self.planned > 0).then(|| 100.0 * self.judged() as f64 / self.planned as f64)
    }

    const fn place(outcome: Outcome) -> usize {
        match outcome {
            Outcome::Ok => 0,
            Outcome::Info => 1,
            Outcome::Warn => 2,
            Outcome::Crit => 3,
            Outcome::NotApplicable => 4,
            Outcome::Error => 5,
            Outcome::Unreachable => 6,
            Outcome::TimedOut => 7,
            Outcome::Skipped => 8,
            Outcome::NotRun => 9,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_follow_the_listed_order() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(Tally::place(outcome), place);
        }
    }

    #[test]
    fn an_item_that_vanished_upsets_the_balance() {
        assert!(!Tally::of(1, &[]).balances());
        assert_eq!(Tally::of(0, &[]).coverage_pct(), None);
    }
}
