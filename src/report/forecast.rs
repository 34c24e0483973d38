//! When something that grows reaches its limit: a straight line through its history that a few outliers do not move.

use chrono::{DateTime, TimeDelta, Utc};

/// Values in time, oldest first.
pub type Series = Vec<(DateTime<Utc>, f64)>;

/// Values looked at, spread evenly over the series: enough for a line, few enough for thousands of series.
const LOOKED_AT: usize = 60;
/// Fewer values, or a shorter time, give no forecast.
const FEWEST: usize = 4;
const SHORTEST_S: f64 = 2.0 * 86_400.0;
/// Forecasts further away than this say nothing.
const FURTHEST_DAYS: f64 = 365.0;

/// What a series says of its future.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forecast {
    /// Fewer than four values, or less than two days of them.
    TooLittle,
    /// It does not move towards the limit within a year.
    NotInSight {
        /// Change a day.
        per_day: f64,
    },
    /// It reaches the limit.
    Reaches {
        /// When.
        at: DateTime<Utc>,
        /// Days from the last value.
        days: f64,
        /// Change a day.
        per_day: f64,
    },
}

/// When `series` reaches `limit`.
#[must_use]
pub fn forecast(series: &[(DateTime<Utc>, f64)], limit: f64) -> Forecast {
    let points = thin(series);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Forecast::TooLittle };
    if points.len() < FEWEST || last.0 - first.0 < SHORTEST_S {
        return Forecast::TooLittle;
    }
    let Some(slope) = median_slope(&points) else { return Forecast::TooLittle };
    let per_day = slope * 86_400.0;
    let distance = limit - last.1;
    if distance == 0.0 {
        return Forecast::Reaches { at: series[series.len() - 1].0, days: 0.0, per_day };
    }
    let days = distance / per_day;
    if !days.is_finite() || !(0.0..=FURTHEST_DAYS).contains(&days) {
        return Forecast::NotInSight { per_day };
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a year in seconds")]
    let at = series[series.len() - 1].0 + TimeDelta::seconds((days * 86_400.0) as i64);
    Forecast::Reaches { at, days, per_day }
}

/// Points of a line `width` × `height` that shows `series`, newest value at the right; empty with fewer than two values.
#[must_use]
pub fn sparkline(series: &[(DateTime<Utc>, f64)], width: f64, height: f64) -> Vec<(f64, f64)> {
    let points = thin(series);
    if points.len() < 2 {
        return Vec::new();
    }
    let (start, end) = (points[0].0, points[points.len() - 1].0);
    let low = points.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    let along = if end > start { width / (end - start) } else { 0.0 };
    // A flat line runs through the middle.
    let up = if high > low { height / (high - low) } else { 0.0 };
    let rest = if high > low { 0.0 } else { height / 2.0 };
    let round = |number: f64| (number * 10.0).round() / 10.0;
    points.iter().map(|(at, value)| (round((at - start) * along), round(height - (value - low) * up - rest))).collect()
}

/// At most [`LOOKED_AT`] finite values as seconds and value, first and last kept.
fn thin(series: &[(DateTime<Utc>, f64)]) -> Vec<(f64, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact in a double for 285,000 years")]
    let all: Vec<(f64, f64)> =
        series.iter().filter(|point| point.1.is_finite()).map(|(at, value)| (at.timestamp_millis() as f64 / 1000.0, *value)).collect();
    if all.len() <= LOOKED_AT {
        return all;
    }
    (0..LOOKED_AT).map(|at| all[at * (all.len() - 1) / (LOOKED_AT - 1)]).collect()
}

/// The median of the slopes between all pairs (Theil–Sen).
fn median_slope(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes: Vec<f64> = points
        .iter()
        .enumerate()
        .flat_map(|(at, early)| points[at + 1..].iter().filter(|late| late.0 > early.0).map(|late| (late.1 - early.1) / (late.0 - early.0)))
        .collect();
    if slopes.is_empty() {
        return None;
    }
    let middle = slopes.len() / 2;
    let (_, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(values: &[f64]) -> Series {
        let start = DateTime::UNIX_EPOCH;
        values.iter().zip(0..).map(|(value, day)| (start + TimeDelta::days(day), *value)).collect()
    }

    #[test]
    fn steady_growth_gives_the_day() {
        let Forecast::Reaches { days, per_day, .. } = forecast(&daily(&[80.0, 82.0, 84.0, 86.0, 88.0]), 100.0) else { panic!() };
        assert!((days - 6.0).abs() < 1e-6 && (per_day - 2.0).abs() < 1e-6, "{days} {per_day}");
    }

    #[test]
    fn one_spike_does_not_move_the_line() {
        let Forecast::Reaches { days, .. } = forecast(&daily(&[80.0, 81.0, 99.0, 83.0, 84.0, 85.0, 86.0]), 100.0) else { panic!() };
        assert!((days - 14.0).abs() < 1.0, "{days}");
    }

    #[test]
    fn what_shrinks_or_stands_still_has_no_day() {
        assert!(matches!(forecast(&daily(&[50.0, 49.0, 48.0, 47.0]), 100.0), Forecast::NotInSight { .. }));
        assert!(matches!(forecast(&daily(&[50.0; 10]), 100.0), Forecast::NotInSight { .. }));
    }

    #[test]
    fn two_values_are_no_forecast() {
        assert_eq!(forecast(&daily(&[80.0, 90.0]), 100.0), Forecast::TooLittle);
        assert_eq!(forecast(&[], 100.0), Forecast::TooLittle);
        assert_eq!(forecast(&daily(&[f64::NAN; 9]), 100.0), Forecast::TooLittle);
    }

    #[test]
    fn a_sparkline_stays_within_its_box() {
        let points = sparkline(&daily(&[1.0, 5.0, 3.0, 9.0]), 120.0, 24.0);
        assert_eq!(points.first(), Some(&(0.0, 24.0)));
        assert_eq!(points.last(), Some(&(120.0, 0.0)));
        assert!(points.iter().all(|(x, y)| (0.0..=120.0).contains(x) && (0.0..=24.0).contains(y)));
    }
}
