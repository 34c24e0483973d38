//! When playbooks run and when windows hold: schedules, day words, calendars.

mod calendar;
mod days;
mod window;

pub use calendar::{Calendar, CalendarDoc, read_calendar};
pub use days::{DayWord, Days};
pub use window::{Effect, Window, read_windows};

use crate::yaml::{Fault, Faults, MapReader, Node, NodeValue, Span, Spanned};

/// A schedule as written.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleNode {
    /// Where it is written.
    pub span: Span,
    /// When.
    pub when: When,
    /// Calendar that says what a workday is.
    pub calendar: Option<Spanned<String>>,
    /// What is done about due times missed: `run-latest`, `skip` or `run-all`.
    pub missed: String,
    /// What is done when the last run is still going: `skip`, `wait` or `cancel-previous`.
    pub overlap: String,
    /// By how much starts are spread, stably, in seconds.
    pub spread_s: f64,
    /// How late a start may be, in seconds.
    pub deadline_s: Option<f64>,
    /// On a day off: `run`, `skip`, `next-workday` or `previous-workday`.
    pub day_off: String,
    /// In a freeze: `run`, `skip` or `next-allowed-day`.
    pub on_freeze: String,
}

/// The times of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Only by hand.
    ByHand,
    /// At these times of these days, in minutes since midnight.
    At {
        /// Minutes since midnight.
        minutes: Vec<u16>,
        /// Which days.
        days: Days,
        /// Which months; empty is all.
        months: Vec<u8>,
    },
    /// A cron expression of five fields.
    Cron(String),
}

/// Reads `schedule:`.
pub fn read(node: &Node, faults: &mut Faults) -> Option<ScheduleNode> {
    let mut schedule = ScheduleNode {
        span: node.span,
        when: When::ByHand,
        calendar: None,
        missed: "run-latest".to_owned(),
        overlap: "skip".to_owned(),
        spread_s: 0.0,
        deadline_s: None,
        day_off: "run".to_owned(),
        on_freeze: "run".to_owned(),
    };
    if let Some(word) = node.scalar() {
        if word != "by-hand" {
            faults.push(
                Fault::error(node.span, format!("a schedule cannot be `{word}`")).help("by-hand, or { at: [\"08:00\"], days: every-day }"),
            );
        }
        return Some(schedule);
    }
    let mut map = MapReader::new(node, "a schedule", faults)?;
    let minutes = map.take("at").map(|node| read_times(node, faults));
    let days = map.take("days").map(|node| Days::read(node, faults));
    let months = map.take("months").map(|node| read_months(node, faults)).unwrap_or_default();
    let cron = map.take("cron").and_then(|node| read_cron(node, faults));
    schedule.calendar = map.take("calendar").and_then(|node| faults.id(node, "calendar"));
    let mut word = |key: &'static str, words: &[&str], slot: &mut String, faults: &mut Faults| {
        if let Some(word) = map.take(key).and_then(|node| faults.word(node, key, words)) {
            word.clone_into(slot);
        }
    };
    word("missed", &["run-latest", "skip", "run-all"], &mut schedule.missed, faults);
    word("overlap", &["skip", "wait", "cancel-previous"], &mut schedule.overlap, faults);
    word("day_off", &["run", "skip", "next-workday", "previous-workday"], &mut schedule.day_off, faults);
    word("on_freeze", &["run", "skip", "next-allowed-day"], &mut schedule.on_freeze, faults);
    schedule.spread_s = map.take("spread").and_then(|node| faults.duration(node, "spread")).unwrap_or(0.0);
    schedule.deadline_s = map.take("deadline").and_then(|node| faults.duration(node, "deadline"));
    map.finish(faults);
    if let Some(days) = &days
        && !days.ever_in(&months)
    {
        faults.push(Fault::error(node.span, "no such day exists in these months: this would never be due"));
    }
    schedule.when = match (minutes, cron) {
        (Some(minutes), None) => When::At { minutes, days: days.unwrap_or_else(Days::every_day), months },
        (None, Some(cron)) => {
            if days.is_some() || !months.is_empty() {
                faults.push(
                    Fault::error(node.span, "`cron:` says days and months itself").help("take out `days:` and `months:`, or write `at:`"),
                );
            }
            When::Cron(cron)
        }
        (Some(_), Some(_)) => {
            faults.push(Fault::error(node.span, "a schedule has `at:` or `cron:`, not both"));
            return None;
        }
        (None, None) => {
            faults.push(
                Fault::error(node.span, "a schedule needs `at:` or `cron:`").help("at: [\"08:00\", \"18:00\"], or schedule: by-hand"),
            );
            return None;
        }
    };
    Some(schedule)
}

fn read_times(node: &Node, faults: &mut Faults) -> Vec<u16> {
    let items = match &node.value {
        NodeValue::List(_) => faults.some(node, "at"),
        _ => std::slice::from_ref(node),
    };
    items
        .iter()
        .filter_map(|item| {
            let text = faults.scalar(item, "a time of day")?;
            let minutes = time_of_day(text);
            if minutes.is_none() {
                faults.push(Fault::error(item.span, format!("`{text}` is no time of day")).help("write \"08:00\", in quotes"));
            }
            minutes
        })
        .collect()
}

/// Minutes since midnight of `HH:MM`.
#[must_use]
pub fn time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |part: &str, most: u16| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten().filter(|number| *number <= most);
    Some(two(hours, 23)? * 60 + two(minutes, 59)?)
}

fn read_months(node: &Node, faults: &mut Faults) -> Vec<u8> {
    faults
        .some(node, "months")
        .iter()
        .filter_map(|item| {
            let number = faults.integer(item, "a month")?;
            let month = u8::try_from(number).ok().filter(|month| (1..=12).contains(month));
            if month.is_none() {
                faults.push(Fault::error(item.span, format!("{number} is no month: 1 to 12")));
            }
            month
        })
        .collect()
}

fn read_cron(node: &Node, faults: &mut Faults) -> Option<String> {
    let text = faults.scalar(node, "cron")?;
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != 5 {
        faults.push(
            Fault::error(node.span, format!("a cron expression has five fields, this has {}", fields.len()))
                .help("minute hour day month weekday"),
        );
        return None;
    }
    if fields[2] != "*" && fields[4] != "*" {
        faults.push(
            Fault::error(node.span, "both day fields are set: to cron that means \"or\"")
                .help("write at: and days:, such as days: [1st-sun]"),
        );
        return None;
    }
    match text.parse::<croner::Cron>() {
        Err(error) => {
            faults.push(Fault::error(node.span, format!("no cron expression: {error}")));
            None
        }
        Ok(cron) if cron.find_next_occurrence(&chrono::DateTime::UNIX_EPOCH, false).is_err() => {
            faults.push(Fault::error(node.span, format!("`{text}` would never be due")));
            None
        }
        Ok(_) => Some(text.to_owned()),
    }
}
