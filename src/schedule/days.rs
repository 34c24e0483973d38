//! Day words: `every-day`, `workday`, `mon` … `sun`, `1st-sun`, `last-fri`, `last-workday`, numbers of days.

use chrono::{Datelike as _, Days as ChronoDays, NaiveDate, Weekday};

use super::calendar::Calendar;
use crate::nearest::nearest;
use crate::yaml::{Fault, Faults, Node, NodeValue};

/// One word for days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayWord {
    /// Every day.
    EveryDay,
    /// Every day that the calendar calls a workday.
    Workday,
    /// The last workday of a month.
    LastWorkday,
    /// A day of the week.
    Weekly(Weekday),
    /// The nth of a day of the week in a month, from 1.
    Nth(u8, Weekday),
    /// The last of a day of the week in a month.
    Last(Weekday),
    /// A day of the month.
    Date(u8),
}

/// Some day words; a day is meant when any of them means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days(pub Vec<DayWord>);

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

impl Days {
    /// Every day.
    #[must_use]
    pub fn every_day() -> Self {
        Self(vec![DayWord::EveryDay])
    }

    /// Reads one word or a list of them.
    pub fn read(node: &Node, faults: &mut Faults) -> Self {
        let items = match &node.value {
            NodeValue::List(_) => faults.some(node, "days"),
            _ => std::slice::from_ref(node),
        };
        let words = items.iter().filter_map(|item| {
            let text = faults.scalar(item, "a day")?;
            let word = DayWord::from_word(text);
            if word.is_none() {
                let known = ["every-day", "workday", "last-workday"].into_iter().chain(WEEKDAYS.iter().map(|(name, _)| *name));
                let help = nearest(text, known).map_or_else(
                    || "every-day, workday, last-workday, mon … sun, 1st-sun, last-fri, or numbers 1 to 31".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                faults.push(Fault::error(item.span, format!("`{text}` is no day")).help(help));
            }
            word
        });
        Self(words.collect())
    }

    /// Whether any of the words means `date`.
    #[must_use]
    pub fn contain(&self, date: NaiveDate, calendar: Option<&Calendar>) -> bool {
        self.0.iter().any(|word| word.means(date, calendar))
    }

    /// Whether any day that they mean, apart from workdays, exists in `months` (all when empty) of some year.
    #[must_use]
    pub fn ever_in(&self, months: &[u8]) -> bool {
        let Some(first) = NaiveDate::from_ymd_opt(2024, 1, 1) else { return true };
        // Six years from a leap year on hold every date, and every fifth weekday that a month can have.
        let fits = |date: NaiveDate| months.is_empty() || u8::try_from(date.month()).is_ok_and(|month| months.contains(&month));
        self.0.is_empty() || self.need_calendar() || first.iter_days().take(6 * 366).any(|date| fits(date) && self.contain(date, None))
    }

    /// Whether any word needs a calendar to say what a workday is.
    #[must_use]
    pub fn need_calendar(&self) -> bool {
        self.0.iter().any(|word| matches!(word, DayWord::Workday | DayWord::LastWorkday))
    }
}

impl DayWord {
    /// The word's meaning.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "every-day" => return Some(Self::EveryDay),
            "workday" => return Some(Self::Workday),
            "last-workday" => return Some(Self::LastWorkday),
            _ => {}
        }
        if let Some(weekday) = weekday(word) {
            return Some(Self::Weekly(weekday));
        }
        if let Ok(number) = word.parse::<u8>() {
            return (1..=31).contains(&number).then_some(Self::Date(number));
        }
        let (which, day) = word.split_once('-')?;
        let weekday = weekday(day)?;
        Some(match which {
            "1st" => Self::Nth(1, weekday),
            "2nd" => Self::Nth(2, weekday),
            "3rd" => Self::Nth(3, weekday),
            "4th" => Self::Nth(4, weekday),
            "5th" => Self::Nth(5, weekday),
            "last" => Self::Last(weekday),
            _ => return None,
        })
    }

    fn means(self, date: NaiveDate, calendar: Option<&Calendar>) -> bool {
        let workday = |date| calendar.map_or_else(|| Calendar::plain().is_workday(date), |calendar| calendar.is_workday(date));
        match self {
            Self::EveryDay => true,
            Self::Workday => workday(date),
            Self::LastWorkday => workday(date) && days_after_in_month(date).all(|later| !workday(later)),
            Self::Weekly(weekday) => date.weekday() == weekday,
            Self::Nth(nth, weekday) => date.weekday() == weekday && (date.day0() / 7 + 1) == u32::from(nth),
            Self::Last(weekday) => date.weekday() == weekday && days_after_in_month(date).count() < 7,
            Self::Date(number) => date.day() == u32::from(number),
        }
    }
}

/// The weekday of a word such as `mon`.
#[must_use]
pub(super) fn weekday(word: &str) -> Option<Weekday> {
    WEEKDAYS.iter().find(|(name, _)| *name == word).map(|(_, weekday)| *weekday)
}

fn days_after_in_month(date: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    (1..31).map_while(move |days| date.checked_add_days(ChronoDays::new(days))).take_while(move |later| later.month() == date.month())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(word: &str, date: (i32, u32, u32), expected: bool) {
        let date = NaiveDate::from_ymd_opt(date.0, date.1, date.2).unwrap();
        assert_eq!(DayWord::from_word(word).unwrap().means(date, None), expected, "{word} on {date}");
    }

    #[test]
    fn words_mean_their_days() {
        case("1st-sun", (2026, 11, 1), true);
        case("1st-sun", (2026, 11, 8), false);
        case("last-fri", (2026, 11, 27), true);
        case("last-fri", (2026, 11, 20), false);
        case("workday", (2026, 11, 21), false);
        case("last-workday", (2026, 11, 30), true);
        case("last-workday", (2026, 10, 30), true);
        case("31", (2026, 12, 31), true);
        assert_eq!(DayWord::from_word("6th-mon"), None);
        assert_eq!(DayWord::from_word("32"), None);
    }
}
