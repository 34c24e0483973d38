//! The change of a value over time, measured by time and never by runs: a run by hand between two others shifts nothing.

use chrono::{DateTime, Utc};

use super::error::EvalError;

/// Earlier values of the row that is judged.
pub trait History {
    /// The values of `field` within the last `within_s` seconds, in any order. Runs in which it had none are left out.
    fn series(&self, field: &str, within_s: f64) -> Vec<(DateTime<Utc>, f64)>;
}

/// The history that a rule of `trend:` looks at.
#[derive(Clone, Copy)]
pub struct Trend<'a> {
    /// Earlier values.
    pub history: &'a dyn History,
    /// How much of it `full_in` wants (`history: 7d`), in seconds.
    pub over_s: f64,
}

/// A value, and how many seconds ago it was so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) age_s: f64,
    pub(super) value: f64,
}

/// Runs are not exactly a day apart: this share of a period is as good as the whole.
const NEARLY: f64 = 0.98;
/// How much farther back than a period its first value may lie: a weekly check has values for a period of a day, too.
const MARGIN_S: f64 = 8.0 * 86_400.0;
/// Into how many stretches of time the points of a line are gathered; it bounds the work and takes the weight from runs in bursts.
const BUCKETS: u32 = 200;

/// How far back values are wanted for a period, in seconds: its first value may lie before it.
#[must_use]
pub const fn reach_s(period_s: f64) -> f64 {
    period_s + period_s.max(MARGIN_S)
}

impl Trend<'_> {
    /// How much `field` rose in the last `period_s` seconds. A fall to under half is a reset, of a counter or by clearing
    /// up: what is there afterwards counts from zero. Smaller falls count as falls.
    ///
    /// # Errors
    /// [`EvalError::Collecting`] while the history is shorter than the period.
    pub(super) fn grew(&self, field: &str, period_s: f64, now: DateTime<Utc>, value: f64) -> Result<f64, EvalError> {
        let points = covering(self.points(field, period_s, now, value), period_s)?;
        Ok(points.windows(2).map(|pair| if is_reset(pair[0], pair[1]) { pair[1].value } else { pair[1].value - pair[0].value }).sum())
    }

    /// The mean of `field` over the last `period_s` seconds, each value weighing as long as it held.
    ///
    /// # Errors
    /// [`EvalError::Collecting`] while the history is shorter than the period.
    pub(super) fn average(&self, field: &str, period_s: f64, now: DateTime<Utc>, value: f64) -> Result<f64, EvalError> {
        let points = covering(self.points(field, period_s, now, value), period_s)?;
        let span = points.first().map_or(0.0, |first| first.age_s);
        let area: f64 = points.windows(2).map(|pair| (pair[0].age_s - pair[1].age_s) * f64::midpoint(pair[0].value, pair[1].value)).sum();
        Ok(area / span)
    }

    /// In how many seconds `field` reaches `size` when it goes on as over the history wanted; infinite when it does not grow.
    /// The line is Theil and Sen's: a single outlier does not bend it. What lies before a reset is left out.
    ///
    /// # Errors
    /// [`EvalError::Collecting`] while the history (since the last reset) is shorter than wanted.
    pub(super) fn full_in(&self, field: &str, size: f64, now: DateTime<Utc>, value: f64) -> Result<f64, EvalError> {
        if value >= size {
            return Ok(0.0);
        }
        let mut points = self.points(field, self.over_s, now, value);
        if let Some(reset) = points.windows(2).rposition(|pair| is_reset(pair[0], pair[1])) {
            points.drain(..=reset);
        }
        let points = gather(&covering(points, self.over_s)?, self.over_s);
        if points.len() < 2 {
            return Err(EvalError::Collecting { have_s: points.first().map_or(0.0, |first| first.age_s), want_s: self.over_s });
        }
        let slope = median_slope(&points);
        Ok(if slope > 0.0 { (size - value) / slope } else { f64::INFINITY })
    }

    /// The values of `field`, oldest first, the one judged now last.
    fn points(&self, field: &str, period_s: f64, now: DateTime<Utc>, value: f64) -> Vec<Point> {
        let mut points: Vec<Point> = self
            .history
            .series(field, reach_s(period_s))
            .into_iter()
            .map(|(at, value)| Point { age_s: seconds_between(at, now), value })
            .filter(|point| point.age_s > 0.0 && point.value.is_finite())
            .collect();
        points.sort_by(|a, b| b.age_s.total_cmp(&a.age_s).then(a.value.total_cmp(&b.value)));
        points.dedup_by(|next, kept| next.age_s.total_cmp(&kept.age_s).is_eq());
        points.push(Point { age_s: 0.0, value });
        points
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact in a double for 285,000 years")]
fn seconds_between(earlier: DateTime<Utc>, later: DateTime<Utc>) -> f64 {
    (later - earlier).num_milliseconds() as f64 / 1000.0
}

fn is_reset(before: Point, after: Point) -> bool {
    before.value > 0.0 && after.value < before.value / 2.0
}

/// The points of the period, with one at its very beginning where the history reaches back that far.
fn covering(points: Vec<Point>, period_s: f64) -> Result<Vec<Point>, EvalError> {
    let have_s = points.first().map_or(0.0, |first| first.age_s);
    if have_s < period_s * NEARLY {
        return Err(EvalError::Collecting { have_s, want_s: period_s });
    }
    let inside = points.iter().position(|point| point.age_s <= period_s).unwrap_or(points.len());
    let Some(before) = inside.checked_sub(1).map(|before| points[before]) else { return Ok(points) };
    let after = points[inside];
    let value = if is_reset(before, after) {
        before.value
    } else {
        before.value + (after.value - before.value) * (before.age_s - period_s) / (before.age_s - after.age_s)
    };
    let mut covered = vec![Point { age_s: period_s, value }];
    covered.extend(points.into_iter().skip(inside).filter(|point| point.age_s < period_s));
    Ok(covered)
}

/// The means of the points in equal stretches of time.
fn gather(points: &[Point], period_s: f64) -> Vec<Point> {
    let stretch = period_s / f64::from(BUCKETS);
    let place = |point: &Point| (point.age_s / stretch).floor();
    points
        .chunk_by(|a, b| place(a).total_cmp(&place(b)).is_eq())
        .map(|chunk| {
            #[expect(clippy::cast_precision_loss, reason = "no series has 2^52 points")]
            let count = chunk.len() as f64;
            let mean = |of: fn(&Point) -> f64| chunk.iter().map(of).sum::<f64>() / count;
            Point { age_s: mean(|point| point.age_s), value: mean(|point| point.value) }
        })
        .collect()
}

/// The median of the slopes between all pairs, per second.
fn median_slope(points: &[Point]) -> f64 {
    let mut slopes: Vec<f64> = points
        .iter()
        .enumerate()
        .flat_map(|(at, a)| points[at + 1..].iter().map(move |b| (b.value - a.value) / (a.age_s - b.age_s)))
        .filter(|slope| slope.is_finite())
        .collect();
    slopes.sort_by(f64::total_cmp);
    match slopes.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => slopes[odd / 2],
        even => f64::midpoint(slopes[even / 2 - 1], slopes[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const DAY: f64 = 86_400.0;

    struct Fixed(Vec<(f64, f64)>);

    impl History for Fixed {
        fn series(&self, _: &str, within_s: f64) -> Vec<(DateTime<Utc>, f64)> {
            let ago = |days: f64| TimeDelta::from_std(std::time::Duration::from_secs_f64(days * DAY)).unwrap();
            self.0.iter().filter(|(days, _)| days * DAY <= within_s).map(|(days, value)| (now() - ago(*days), *value)).collect()
        }
    }

    fn now() -> DateTime<Utc> {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    fn trend(history: &Fixed) -> Trend<'_> {
        Trend { history, over_s: 7.0 * DAY }
    }

    fn near(found: Result<f64, EvalError>, expected: f64) {
        let found = found.unwrap();
        assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    #[test]
    fn growth_is_measured_by_time_and_a_run_by_hand_shifts_nothing() {
        let daily = Fixed(vec![(3.0, 70.0), (2.0, 80.0), (1.0, 90.0)]);
        near(trend(&daily).grew("x", DAY, now(), 100.0), 10.0);
        let with_runs_by_hand = Fixed(vec![(3.0, 70.0), (2.0, 80.0), (1.0, 90.0), (0.5, 95.0), (0.1, 99.0)]);
        near(trend(&with_runs_by_hand).grew("x", DAY, now(), 100.0), 10.0);
        let weekly = Fixed(vec![(7.0, 30.0)]);
        near(trend(&weekly).grew("x", DAY, now(), 100.0), 10.0);
    }

    #[test]
    fn a_counter_that_starts_again_has_still_counted() {
        let restarted = Fixed(vec![(1.0, 1000.0), (0.5, 1010.0), (0.25, 5.0)]);
        near(trend(&restarted).grew("x", DAY, now(), 25.0), 10.0 + 5.0 + 20.0);
        let a_little_cleared = Fixed(vec![(1.0, 100.0), (0.5, 90.0)]);
        near(trend(&a_little_cleared).grew("x", DAY, now(), 95.0), -5.0);
    }

    #[test]
    fn without_enough_history_there_is_no_answer() {
        let young = Fixed(vec![(0.5, 90.0)]);
        assert_eq!(trend(&young).grew("x", DAY, now(), 100.0), Err(EvalError::Collecting { have_s: DAY / 2.0, want_s: DAY }));
        assert!(trend(&Fixed(vec![])).average("x", DAY, now(), 1.0).is_err());
        assert!(trend(&Fixed(vec![(3.0, 1.0), (2.0, 2.0), (1.0, 3.0)])).full_in("x", 100.0, now(), 4.0).is_err());
    }

    #[test]
    fn a_mean_weighs_values_by_how_long_they_held() {
        // Ten samples within the last hour of two days do not outweigh the two days.
        let mut points = vec![(2.0, 10.0), (1.0, 10.0)];
        points.extend((1..10).map(|at| (f64::from(at) / 240.0, 10.0)));
        near(trend(&Fixed(points)).average("x", 2.0 * DAY, now(), 10.0), 10.0);
        near(trend(&Fixed(vec![(2.0, 0.0), (1.0, 10.0)])).average("x", 2.0 * DAY, now(), 20.0), 10.0);
    }

    #[test]
    fn steady_growth_fills_up_when_the_line_says() {
        let steady = Fixed((1..=8).map(|day| (f64::from(day), 100.0 - 2.0 * f64::from(day))).collect());
        near(trend(&steady).full_in("x", 120.0, now(), 100.0), 10.0 * DAY);
        let with_an_outlier =
            Fixed((1..=8).map(|day| (f64::from(day), if day == 3 { 150.0 } else { 100.0 - 2.0 * f64::from(day) })).collect());
        near(trend(&with_an_outlier).full_in("x", 160.0, now(), 100.0), 30.0 * DAY);
    }

    #[test]
    fn what_does_not_grow_is_never_full_and_what_is_full_is_full_now() {
        let level = Fixed((1..=8).map(|day| (f64::from(day), 100.0)).collect());
        assert_eq!(trend(&level).full_in("x", 120.0, now(), 100.0), Ok(f64::INFINITY));
        assert_eq!(trend(&level).full_in("x", 100.0, now(), 100.0), Ok(0.0));
    }

    #[test]
    fn after_clearing_up_the_line_starts_anew() {
        let cleared = Fixed((1..=8).map(|day| (f64::from(day), if day > 2 { 100.0 } else { 10.0 })).collect());
        assert!(matches!(trend(&cleared).full_in("x", 200.0, now(), 20.0), Err(EvalError::Collecting { .. })));
    }
}
