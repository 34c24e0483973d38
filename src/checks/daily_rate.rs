//! How often a day something happens, from a counter that only grows until it starts anew.

use chrono::{DateTime, TimeDelta, Utc};

use crate::check::{Seen, Unreadable};

/// Less time than this says nothing about a day: one slow query in a minute is not 1440 a day.
const SHORTEST: TimeDelta = TimeDelta::hours(1);

/// A counter at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter {
    /// When it was read.
    pub(super) at: DateTime<Utc>,
    /// What it said.
    pub(super) count: f64,
}

/// Times a day since `earlier`, or since the counter was `started` where there is no usable earlier value;
/// `None` when less than an hour is known.
pub(super) fn per_day(now: Counter, started: Option<DateTime<Utc>>, earlier: Option<Counter>) -> Option<f64> {
    // A counter that fell, or started after it was last read, counts from its start.
    let continued = earlier.filter(|earlier| earlier.count <= now.count && started.is_none_or(|started| started <= earlier.at));
    let since_earlier = continued.and_then(|earlier| rate(now.count - earlier.count, now.at - earlier.at));
    since_earlier.or_else(|| rate(now.count, now.at - started?))
}

/// The counter `field` as it stood in the last run.
pub(super) fn earlier(seen: &Seen<'_>, field: &str) -> Option<Counter> {
    let earlier = seen.earlier?;
    let count = earlier.rows.first()?.get(field)?.as_f64()?;
    Some(Counter { at: earlier.at, count })
}

/// The moment `seconds` before `at`.
pub(super) fn before(at: DateTime<Utc>, seconds: f64) -> Result<DateTime<Utc>, Unreadable> {
    #[expect(clippy::cast_possible_truncation, reason = "what is out of range is refused by the subtraction")]
    let age = TimeDelta::try_milliseconds((seconds * 1000.0) as i64);
    age.and_then(|age| at.checked_sub_signed(age)).ok_or_else(|| Unreadable::new("start of a counter", format!("{seconds} s ago")))
}

fn rate(count: f64, over: TimeDelta) -> Option<f64> {
    (over >= SHORTEST).then(|| count / (over.as_seconds_f64() / 86_400.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hours)
    }

    fn counter(hours: i64, count: f64) -> Counter {
        Counter { at: at(hours), count }
    }

    #[test]
    fn the_last_interval_counts_and_not_the_average_of_a_year() {
        assert_eq!(per_day(counter(9_000, 1_050.0), Some(at(0)), Some(counter(8_976, 1_000.0))), Some(50.0));
    }

    #[test]
    fn a_run_by_hand_a_minute_later_does_not_shift_the_rate() {
        let now = Counter { at: at(48) + TimeDelta::minutes(1), count: 21.0 };
        let rate = per_day(now, Some(at(0)), Some(counter(48, 20.0))).unwrap();
        assert!((10.0..11.0).contains(&rate), "{rate}");
    }

    #[test]
    fn after_a_restart_the_counter_counts_from_its_start() {
        assert_eq!(per_day(counter(36, 5.0), Some(at(24)), Some(counter(0, 2.0))), Some(10.0));
        assert_eq!(per_day(counter(36, 5.0), Some(at(24)), Some(counter(30, 9.0))), Some(10.0));
    }

    #[test]
    fn minutes_say_nothing_about_a_day() {
        let now = Counter { at: at(0) + TimeDelta::minutes(10), count: 3.0 };
        assert_eq!(per_day(now, Some(at(0)), None), None);
        assert_eq!(per_day(counter(5, 3.0), None, None), None);
    }
}
