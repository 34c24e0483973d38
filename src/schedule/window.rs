//! Windows: times in which targets are left alone, or nobody is told.

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::calendar::Calendar;
use super::days::Days;
use crate::inventory::document::{Selection, read_selection};
use crate::model::Phrase;
use crate::yaml::{Fault, Faults, MapReader, Node, Span, Spanned};

/// What a window brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Its targets are not inspected.
    Skip,
    /// Nobody is told of what is found.
    NoAlerts,
    /// No changes.
    NoChanges,
    /// No drills.
    NoDrills,
}

/// A window as written.
#[derive(Clone, Debug)]
pub struct Window {
    /// Its id.
    pub id: Spanned<String>,
    /// The whole of it.
    pub span: Span,
    /// Whose; `None` is everything.
    pub targets: Option<Selection>,
    /// When.
    times: Times,
    /// What it brings about.
    pub effects: Vec<Effect>,
    /// Why.
    pub reason: Phrase,
}

#[derive(Clone, Debug)]
enum Times {
    Once { from: NaiveDateTime, to: NaiveDateTime },
    Every { days: Days, minute: u16, for_s: f64 },
}

impl Window {
    /// Whether it holds at `now`, its times being those of `zone`.
    #[must_use]
    pub fn holds(&self, now: DateTime<Utc>, zone: Tz, calendar: Option<&Calendar>) -> bool {
        let local = now.with_timezone(&zone);
        match &self.times {
            Times::Once { from, to } => {
                let now = local.naive_local();
                *from <= now && now < *to
            }
            Times::Every { days, minute, for_s } => {
                #[expect(clippy::cast_possible_truncation, reason = "windows last days at most")]
                let length = Duration::milliseconds((for_s * 1000.0) as i64);
                // It may have begun on an earlier day.
                (0..=length.num_days() + 1).any(|back| {
                    let Some(date) = local.date_naive().checked_sub_signed(Duration::days(back)) else { return false };
                    let begin = date.and_hms_opt(u32::from(minute / 60), u32::from(minute % 60), 0);
                    let begin = begin.and_then(|begin| zone.from_local_datetime(&begin).earliest());
                    days.contain(date, calendar) && begin.is_some_and(|begin| begin <= local && local < begin + length)
                })
            }
        }
    }
}

/// Reads the root of a windows file.
pub fn read_windows(root: &Node, faults: &mut Faults) -> Vec<Window> {
    let Some(mut map) = MapReader::new(root, "a windows file", faults) else { return Vec::new() };
    map.take("windows");
    let list = map.require("list", faults);
    map.finish(faults);
    list.map_or_else(Vec::new, |node| faults.list(node, "list").iter().filter_map(|item| read_window(item, faults)).collect())
}

fn read_window(node: &Node, faults: &mut Faults) -> Option<Window> {
    let mut map = MapReader::new(node, "a window", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of a window"));
    let targets = map.take("targets").and_then(|node| read_selection(node, "targets", faults));
    let from = map.take("from").and_then(|node| read_moment(node, faults));
    let to = map.take("to").and_then(|node| read_moment(node, faults));
    let every = map.take("every").and_then(|node| read_every(node, faults));
    let for_s = map.take("for").and_then(|node| {
        let length = faults.duration(node, "for")?;
        if length > LONGEST_S {
            faults.push(Fault::error(node.span, "a window that returns lasts 31 days at most").help("write `from:` and `to:`"));
        }
        Some(length)
    });
    let words = ["skip", "no-alerts", "no-changes", "no-drills"];
    let effects: Vec<Effect> = map
        .require("effect", faults)
        .map(|node| faults.some(node, "effect").iter().filter_map(|item| faults.word(item, "an effect", &words)).map(effect).collect())
        .unwrap_or_default();
    let reason = map.require("reason", faults).and_then(|node| faults.phrase(node, "reason")).unwrap_or_default();
    map.finish(faults);
    let times = match (from, to, every, for_s) {
        (Some(from), Some(to), None, None) if from < to => Times::Once { from, to },
        (None, None, Some((days, minute)), Some(for_s)) => Times::Every { days, minute, for_s },
        _ => {
            faults.push(Fault::error(node.span, "a window has `from:` and `to:` in order, or `every:` and `for:`"));
            return None;
        }
    };
    Some(Window { id: id?, span: node.span, targets, times, effects, reason })
}

/// Longest that a window which returns may last, in seconds.
const LONGEST_S: f64 = 31.0 * 86_400.0;

fn effect(word: &str) -> Effect {
    match word {
        "skip" => Effect::Skip,
        "no-alerts" => Effect::NoAlerts,
        "no-changes" => Effect::NoChanges,
        _ => Effect::NoDrills,
    }
}

fn read_moment(node: &Node, faults: &mut Faults) -> Option<NaiveDateTime> {
    let text = faults.scalar(node, "a moment")?;
    let moment = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok();
    let moment = moment.or_else(|| text.parse::<chrono::NaiveDate>().ok()?.and_hms_opt(0, 0, 0));
    if moment.is_none() {
        faults.push(Fault::error(node.span, format!("`{text}` is no moment")).help("write 2026-12-28 00:00"));
    }
    moment
}

fn read_every(node: &Node, faults: &mut Faults) -> Option<(Days, u16)> {
    let mut map = MapReader::new(node, "every", faults)?;
    let days = map.take("days").map_or_else(Days::every_day, |node| Days::read(node, faults));
    let at = map.require("at", faults)?;
    map.finish(faults);
    let minute = super::time_of_day(at.scalar().unwrap_or_default());
    if minute.is_none() {
        faults.push(Fault::error(at.span, "this is no time of day").help("write \"23:00\", in quotes"));
    }
    Some((days, minute?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{FileId, parse};

    fn windows(text: &str) -> Vec<Window> {
        let mut faults = Faults::default();
        let root = parse(FileId(0), text, &mut faults).unwrap();
        let windows = read_windows(&root, &mut faults);
        assert!(!faults.any_error(), "{faults:?}");
        windows
    }

    #[test]
    fn a_window_over_midnight_holds_on_both_days() {
        let list = windows(
            "windows: f\nlist:\n  - { id: patch, every: { days: [2nd-sat], at: \"23:00\" }, for: 5h, effect: [skip], reason: r }\n",
        );
        let zone = chrono_tz::Asia::Shanghai;
        let at = |day, hour| zone.with_ymd_and_hms(2026, 11, day, hour, 30, 0).unwrap().with_timezone(&Utc);
        assert!(list[0].holds(at(14, 23), zone, None));
        assert!(list[0].holds(at(15, 3), zone, None));
        assert!(!list[0].holds(at(15, 4), zone, None));
        assert!(!list[0].holds(at(21, 23), zone, None));
    }

    #[test]
    fn a_window_once_holds_from_its_begin_to_its_end() {
        let list = windows(
            "windows: f\nlist:\n  - { id: y, from: 2026-12-28 00:00, to: 2027-01-05 08:00, effect: [no-changes], reason: 年终决算 }\n",
        );
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert!(list[0].holds(at("2026-12-28T00:00:00Z"), chrono_tz::UTC, None));
        assert!(!list[0].holds(at("2027-01-05T08:00:00Z"), chrono_tz::UTC, None));
    }
}
