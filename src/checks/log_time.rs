//! When a line of a log was written, in the forms that logs have.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use regex::{Captures, Regex};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// ISO 8601 and what is close to it: `2026-11-21T10:00:00.123+08:00`, `2026-11-21 10:00:00,123`, `2026/11/21 10:00:00`.
static ISO: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,]\d+)? ?(Z|[+-]\d\d:?\d\d)?").ok());
/// Web servers: `21/Nov/2026:10:00:00 +0800`, and Java's `21-Nov-2026 10:00:00.123`.
static DAY_FIRST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(\d\d)[-/]([A-Z][a-z]{2})[-/](\d{4})[: ](\d\d):(\d\d):(\d\d)(?:\.\d+)? ?([+-]\d{4})?").ok());
/// Syslog: `Nov 21 10:00:00`, and Apache's errors, which end it with the year: `Sat Nov 21 10:00:00.123456 2026`.
static SYSLOG: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"([A-Z][a-z]{2}) {1,2}(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:\.\d+)?(?: (\d{4}))?\b").ok());

/// The moment that stands near the beginning of `line`, and the place where its text goes on. A time without a zone is in `zone`,
/// a day without a year is the last such day before `now`.
pub(super) fn moment(line: &str, now: DateTime<Utc>, zone: FixedOffset) -> Option<(DateTime<Utc>, usize)> {
    let head = &line[..line.char_indices().nth(80).map_or(line.len(), |(end, _)| end)];
    let find = |form: &'static LazyLock<Option<Regex>>| form.as_ref()?.captures(head);
    if let Some(found) = find(&ISO) {
        let naive = day(number(&found, 1)?, number(&found, 2)?, number(&found, 3)?)?.and_hms_opt(
            number(&found, 4)?,
            number(&found, 5)?,
            number(&found, 6)?,
        )?;
        return Some((in_zone(naive, found.get(7).map(|zone| zone.as_str()), zone)?, found.get(0)?.end()));
    }
    if let Some(found) = find(&DAY_FIRST) {
        let naive = day(number(&found, 3)?, month(&found[2])?, number(&found, 1)?)?.and_hms_opt(
            number(&found, 4)?,
            number(&found, 5)?,
            number(&found, 6)?,
        )?;
        return Some((in_zone(naive, found.get(7).map(|zone| zone.as_str()), zone)?, found.get(0)?.end()));
    }
    let found = find(&SYSLOG)?;
    let (month, day_of_month) = (month(&found[1])?, number(&found, 2)?);
    let end = found.get(0)?.end();
    let in_year = |year: u32| {
        let naive = day(year, month, day_of_month)?.and_hms_opt(number(&found, 3)?, number(&found, 4)?, number(&found, 5)?)?;
        in_zone(naive, None, zone)
    };
    if found.get(6).is_some() {
        return Some((in_year(number(&found, 6)?)?, end));
    }
    // A clock that is a little ahead must not move an entry back by a year; 29 February is looked for in more years.
    let this_year = u32::try_from(now.with_timezone(&zone).year()).ok()? + 1;
    (0..9).find_map(|back| in_year(this_year - back).filter(|at| *at <= now + TimeDelta::days(1))).map(|at| (at, end))
}

/// The offset that `date +%z` prints: `+0800`.
pub(super) fn offset(text: &str) -> Option<FixedOffset> {
    let (sign, digits) = text.strip_prefix('-').map_or_else(|| (1, text.trim_start_matches('+')), |digits| (-1, digits));
    let digits = digits.replace(':', "");
    let (hours, minutes) = (digits.get(..2)?.parse::<i32>().ok()?, digits.get(2..4)?.parse::<i32>().ok()?);
    FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60))
}

fn number(found: &Captures<'_>, group: usize) -> Option<u32> {
    found.get(group)?.as_str().parse().ok()
}

fn month(name: &str) -> Option<u32> {
    MONTHS.iter().zip(1..).find(|(month, _)| **month == name).map(|(_, number)| number)
}

fn day(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

fn in_zone(naive: NaiveDateTime, own: Option<&str>, zone: FixedOffset) -> Option<DateTime<Utc>> {
    let zone = match own {
        Some("Z") => FixedOffset::east_opt(0)?,
        Some(own) => offset(own)?,
        None => zone,
    };
    Some(zone.from_local_datetime(&naive).single()?.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(line: &str, expected: &str, rest: &str) {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let (at, end) = moment(line, now, FixedOffset::east_opt(8 * 3_600).unwrap()).expect(line);
        assert_eq!((at, &line[end..]), (expected.parse().unwrap(), rest), "{line}");
    }

    #[test]
    fn times_are_read_in_the_forms_that_logs_have() {
        case("2026-11-21T10:00:00.123Z x", "2026-11-21T10:00:00Z", " x");
        case("2026-11-21 10:00:00,123 ERROR x", "2026-11-21T02:00:00Z", "ERROR x");
        case("2026-11-21T10:00:00+0800 host x", "2026-11-21T02:00:00Z", " host x");
        case("2026/11/21 10:00:00 [error] x", "2026-11-21T02:00:00Z", "[error] x");
        case("1.2.3.4 - - [21/Nov/2026:10:00:00 +0000] x", "2026-11-21T10:00:00Z", "] x");
        case("21-Nov-2026 10:00:00.123 SEVERE x", "2026-11-21T02:00:00Z", "SEVERE x");
        case("[Sat Nov 21 10:00:00.123456 2026] [x]", "2026-11-21T02:00:00Z", "] [x]");
        case("Nov 21 10:00:00 host x: y", "2026-11-21T02:00:00Z", " host x: y");
    }

    #[test]
    fn a_day_without_a_year_is_the_last_one_gone_by() {
        case("Nov  1 10:00:00 x", "2026-11-01T02:00:00Z", " x");
        case("Dec 31 23:00:00 x", "2025-12-31T15:00:00Z", " x");
        case("Feb 29 08:00:00 x", "2024-02-29T00:00:00Z", " x");
        case("Nov 21 18:00:05 x", "2026-11-21T10:00:05Z", " x");
    }

    #[test]
    fn what_is_no_time_is_none() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        for line in ["", "error: x", "2026-13-21 10:00:00 x", "Foo 21 10:00:00 x", "at com.example.Main(Main.java:10)"] {
            assert_eq!(moment(line, now, FixedOffset::east_opt(0).unwrap()), None, "{line}");
        }
    }
}
