//! A part of the day, such as `22:00-06:00`, which may span midnight.

use chrono::NaiveTime;
use chrono::Timelike;

/// From a minute of the day up to, and without, another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DayRange {
    from: u32,
    to: u32,
}

impl DayRange {
    /// Reads `HH:MM-HH:MM`; the end may be 24:00.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from.trim())?, minute(to.trim())?);
        (from != to && from < 1440).then_some(Self { from, to })
    }

    pub(super) fn contains(self, time: NaiveTime) -> bool {
        let minute = time.hour() * 60 + time.minute();
        if self.from < self.to { (self.from..self.to).contains(&minute) } else { minute >= self.from || minute < self.to }
    }
}

fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |text: &str| (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u32>().ok()).flatten();
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (minutes < 60 && (hours < 24 || hours == 24 && minutes == 0)).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_may_span_midnight_and_excludes_its_end() {
        let night = DayRange::parse("22:00-06:00").unwrap();
        let at = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 59).unwrap();
        assert!(night.contains(at(22, 0)) && night.contains(at(0, 0)) && night.contains(at(5, 59)));
        assert!(!night.contains(at(6, 0)) && !night.contains(at(21, 59)));
        let office = DayRange::parse("08:00 - 24:00").unwrap();
        assert!(office.contains(at(23, 59)) && !office.contains(at(7, 59)));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "22-06", "22:00", "8:00-9:00", "25:00-26:00", "24:00-01:00", "08:60-09:00", "08:00-08:00", "+8:00-09:00"] {
            assert_eq!(DayRange::parse(text), None, "{text}");
        }
    }
}
