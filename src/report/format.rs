//! Values in words: numbers, quantities and times as people of one language write them, in the report's one time zone.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::model::unit::show_bytes;
use crate::model::{FieldType, Lang, Untrusted, Value};

/// Longest text of a target that a page shows; what is cut is counted, and JSON and CSV hold it whole.
const LONGEST: usize = 400;

/// How values are written.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// The language.
    pub lang: Lang,
    /// The zone of every time.
    pub zone: Tz,
}

impl Format {
    /// The English or the Chinese one of two texts.
    pub fn pick<T>(self, en: T, zh: T) -> T {
        match self.lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// A moment to the minute: `2026-11-21 08:00`.
    #[must_use]
    pub fn time(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M").to_string()
    }

    /// A day: `2026-11-21`.
    #[must_use]
    pub fn date(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%Y-%m-%d").to_string()
    }

    /// Days from one date to another, as a calendar in this zone counts them; negative when `to` comes first.
    #[must_use]
    pub fn days(self, from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
        (to.with_timezone(&self.zone).date_naive() - from.with_timezone(&self.zone).date_naive()).num_days()
    }

    /// A number with at most `places` decimals and groups of three: `12,345.7`.
    #[must_use]
    pub fn number(self, number: f64, places: usize) -> String {
        let text = format!("{:.places$}", number.abs());
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let fraction = fraction.trim_end_matches('0');
        let mut shown = String::new();
        if number < 0.0 && (whole != "0" || !fraction.is_empty()) {
            shown.push('-');
        }
        for (at, digit) in whole.chars().enumerate() {
            if at > 0 && (whole.len() - at).is_multiple_of(3) {
                shown.push(',');
            }
            shown.push(digit);
        }
        if !fraction.is_empty() {
            shown.push('.');
            shown.push_str(fraction);
        }
        shown
    }

    /// A count.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn count(self, count: usize) -> String {
        self.number(count as f64, 0)
    }

    /// A share: `93.1 %`.
    #[must_use]
    pub fn percent(self, percent: f64) -> String {
        // 99.97 % must not become 100 %: what is not whole stays below it.
        let shown = if percent < 100.0 && percent > 99.9 { 99.9 } else { percent };
        format!("{} %", self.number(shown, 1))
    }

    /// A length of time by its two largest parts: `1 d 2 h`, `1 天 2 小时`.
    #[must_use]
    pub fn duration(self, seconds: f64) -> String {
        let sign = if seconds < 0.0 { "-" } else { "" };
        let seconds = seconds.abs();
        let units = self.pick(["d", "h", "min", "s", "ms"], ["天", "小时", "分", "秒", "毫秒"]);
        if seconds == 0.0 {
            return format!("0 {}", units[3]);
        }
        if seconds < 1.0 {
            return format!("{sign}{} {}", self.number(seconds * 1000.0, 1), units[4]);
        }
        if seconds < 60.0 {
            return format!("{sign}{} {}", self.number(seconds, 2), units[3]);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and held far below 2^63 seconds")]
        let whole = seconds.round().min(9e15) as u64;
        let parts = [whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60];
        let first = parts.iter().position(|part| *part > 0).unwrap_or(3);
        let shown: Vec<String> =
            (first..parts.len()).take(2).filter(|&at| parts[at] > 0).map(|at| format!("{} {}", parts[at], units[at])).collect();
        format!("{sign}{}", shown.join(" "))
    }

    /// Text of a target on one line, with visible codes for what cannot be seen, cut where it is very long.
    #[must_use]
    pub fn untrusted(self, text: &Untrusted) -> String {
        self.clip(&text.visible())
    }

    /// `text`, cut where it is very long; the cut says how much is left out.
    #[must_use]
    pub fn clip(self, text: &str) -> String {
        match text.char_indices().nth(LONGEST) {
            None => text.to_owned(),
            Some((end, _)) => {
                let more = self.count(text[end..].chars().count());
                format!("{}… {}", &text[..end], self.pick(format!("[{more} more characters]"), format!("[另有 {more} 个字符]")))
            }
        }
    }

    /// A value as the field's type asks.
    #[must_use]
    pub fn value(self, value: &Value, field: Option<FieldType>) -> String {
        match value {
            Value::Null => self.pick("no value", "无值").to_owned(),
            Value::Boolean(yes) => self.pick(if *yes { "yes" } else { "no" }, if *yes { "是" } else { "否" }).to_owned(),
            Value::Number(number) => match field {
                Some(FieldType::Percent) => self.percent(*number),
                Some(FieldType::Bytes) => show_bytes(*number),
                _ => self.number(*number, 3),
            },
            Value::Text(text) => self.untrusted(text),
            Value::Duration(seconds) => self.duration(*seconds),
            Value::Timestamp(at) => self.time(*at),
            Value::List(texts) if texts.is_empty() => self.pick("none", "无").to_owned(),
            Value::List(texts) => {
                let joined: Vec<String> = texts.iter().map(Untrusted::visible).collect();
                self.clip(&joined.join(self.pick("; ", "；")))
            }
        }
    }

    /// The first `most` of `names`, and how many more there are.
    #[must_use]
    pub fn list(self, names: &[String], most: usize) -> String {
        let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(self.pick(", ", "、"));
        if names.len() <= most {
            return shown;
        }
        let more = self.count(names.len() - most);
        format!("{shown}{}", self.pick(format!(" and {more} more"), format!(" 等，另有 {more} 个")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Format = Format { lang: Lang::En, zone: Tz::UTC };
    const ZH: Format = Format { lang: Lang::Zh, zone: Tz::Asia__Shanghai };

    #[test]
    fn numbers_are_grouped_and_rounded() {
        assert_eq!(EN.number(1_234_567.891, 1), "1,234,567.9");
        assert_eq!(EN.number(-0.04, 1), "0");
        assert_eq!(EN.number(-1500.0, 0), "-1,500");
        assert_eq!(EN.percent(93.14), "93.1 %");
    }

    #[test]
    fn almost_all_is_not_all() {
        assert_eq!(EN.percent(99.97), "99.9 %");
        assert_eq!(EN.percent(100.0), "100 %");
    }

    #[test]
    fn durations_and_times_speak_the_language_and_the_zone() {
        assert_eq!(EN.duration(93_600.0), "1 d 2 h");
        assert_eq!(ZH.duration(93_600.0), "1 天 2 小时");
        assert_eq!(ZH.time(DateTime::UNIX_EPOCH), "1970-01-01 08:00");
    }

    #[test]
    fn days_are_counted_by_the_calendar_of_the_zone() {
        let morning = DateTime::UNIX_EPOCH;
        assert_eq!(EN.days(morning, morning + chrono::TimeDelta::hours(23)), 0);
        assert_eq!(ZH.days(morning, morning + chrono::TimeDelta::hours(16)), 1);
        assert_eq!(EN.days(morning, morning - chrono::TimeDelta::minutes(1)), -1);
    }

    #[test]
    fn a_null_is_never_shown_as_a_number() {
        assert_eq!(EN.value(&Value::Null, Some(FieldType::Percent)), "no value");
    }

    #[test]
    fn what_is_cut_is_counted() {
        let shown = EN.untrusted(&Untrusted::new("x".repeat(1_400)));
        assert!(shown.ends_with("[1,000 more characters]"), "{shown}");
    }
}
