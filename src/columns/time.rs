//! Lengths of time and moments as databases, `ps` and people write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::number;
use crate::model::unit::{self, Literal};

pub(super) fn duration(text: &str) -> Result<f64, String> {
    if text.contains(':') {
        return clock_time(text).ok_or_else(|| "is not a duration such as 02:15:00 or 3 days 02:15:00".to_owned());
    }
    match unit::parse(&text.replace(' ', "")) {
        Ok(Literal::Duration(seconds)) => Ok(seconds),
        Ok(Literal::Number(_)) => Err("has no unit: declare the column `seconds`, or have the unit written".to_owned()),
        Ok(_) => Err("is not a duration".to_owned()),
        Err(error) => days_alone(text).ok_or_else(|| format!("is not a duration: {error}")),
    }
}

/// `[-]HH:MM:SS[.fff]`, with days before it as PostgreSQL (`3 days`, `1 day`) or ps (`3-`) write them.
fn clock_time(text: &str) -> Option<f64> {
    let (days, clock) = match text.rsplit_once(' ') {
        Some((days, clock)) => (days_alone(days)?, clock),
        None => match text.split_once('-') {
            Some((days, clock)) if !days.is_empty() => (whole(days)? * 86_400.0, clock),
            _ => (0.0, text),
        },
    };
    let (sign, clock) = clock.strip_prefix('-').map_or((1.0, clock), |rest| (-1.0, rest));
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (whole(parts.next()?)?, whole(parts.next()?)?, parts.next()?);
    let seconds_value = seconds.parse::<f64>().ok().filter(|_| seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))?;
    let fits = parts.next().is_none() && minutes < 60.0 && seconds_value < 60.0;
    fits.then_some(days + sign * (hours * 3_600.0 + minutes * 60.0 + seconds_value))
}

/// `3 days`, `-1 days`, `1 day`; months and years vary in length and are refused.
fn days_alone(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let (sign, digits) = number.strip_prefix('-').map_or((1.0, number), |rest| (-1.0, rest));
    matches!(unit, "day" | "days").then_some(())?;
    Some(sign * whole(digits)? * 86_400.0)
}

fn whole(digits: &str) -> Option<f64> {
    (!digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

pub(super) fn moment(text: &str, zone: Tz) -> Result<DateTime<Utc>, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
        return seconds_since_1970(text);
    }
    let (stamp, offset) = split_offset(text);
    let naive = local_moment(stamp).ok_or("is not a moment such as 2026-11-21 08:00:00")?;
    match offset {
        Some(offset) => {
            let seconds = offset_seconds(offset).ok_or("has an unknown time zone: write it as Z or +08:00")?;
            naive
                .checked_sub_signed(chrono::TimeDelta::seconds(seconds))
                .map(|utc| utc.and_utc())
                .ok_or_else(|| "is out of range".to_owned())
        }
        None => match zone.from_local_datetime(&naive) {
            chrono::LocalResult::Single(at) => Ok(at.with_timezone(&Utc)),
            chrono::LocalResult::Ambiguous(..) => Err(format!("happens twice in {zone}, when clocks go back: have the offset written")),
            chrono::LocalResult::None => Err(format!("does not exist in {zone}, clocks jump over it")),
        },
    }
}

fn seconds_since_1970(text: &str) -> Result<DateTime<Utc>, String> {
    let whole = text.split('.').next().unwrap_or_default();
    // 2026112108 would be both eight o'clock on a day of 2026 and a second of 2034.
    let looks_like_a_date = NaiveDate::parse_from_str(whole.get(..8).unwrap_or_default(), "%Y%m%d").is_ok();
    if !(9..=10).contains(&whole.len()) || looks_like_a_date {
        return Err("is no moment: write 2026-11-21 08:00:00, or seconds since 1970".to_owned());
    }
    let seconds = number(text)?;
    #[expect(clippy::cast_possible_truncation, reason = "at most ten digits of seconds")]
    DateTime::from_timestamp_millis((seconds * 1000.0).round() as i64).ok_or_else(|| "is out of range".to_owned())
}

/// Splits `…Z`, `… UTC`, `…+08`, `…+0800`, `… +08:00` into the stamp and its offset.
fn split_offset(text: &str) -> (&str, Option<&str>) {
    for suffix in ["Z", "z", "UTC", "GMT"] {
        if let Some(stamp) = text.strip_suffix(suffix) {
            return (stamp.trim_end(), Some("+00"));
        }
    }
    // A minus inside the date is no offset: look behind the time's first colon.
    let after_time = text.find(':').unwrap_or(text.len());
    match text[after_time..].find(['+', '-']) {
        Some(at) => (text[..after_time + at].trim_end(), Some(&text[after_time + at..])),
        None => (text, None),
    }
}

fn offset_seconds(offset: &str) -> Option<i64> {
    let (sign, digits) = offset.strip_prefix('-').map_or_else(|| (1, offset.trim_start_matches('+')), |rest| (-1, rest));
    let digits = digits.replace(':', "");
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i64>().ok()?, 0),
        4 => (digits[..2].parse::<i64>().ok()?, digits[2..].parse::<i64>().ok()?),
        _ => return None,
    };
    (hours <= 15 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn local_moment(stamp: &str) -> Option<NaiveDateTime> {
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(stamp, form).ok())
        .or_else(|| NaiveDate::parse_from_str(stamp, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
}
