//! Calendars: which days are worked, with holidays and working days moved by decree (休/班).

use std::collections::BTreeSet;

use chrono::{Datelike as _, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};

use super::days::weekday;
use crate::yaml::{Fault, Faults, MapReader, Node, Spanned};

/// A calendar as written and as meant.
#[derive(Clone, Debug)]
pub struct CalendarDoc {
    /// Its id.
    pub id: Spanned<String>,
    /// What it says.
    pub calendar: Calendar,
}

/// Which days are worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    /// Years that it covers; outside of them it does not know holidays.
    pub covers: Vec<i32>,
    workweek: Vec<Weekday>,
    off: BTreeSet<NaiveDate>,
    on: BTreeSet<NaiveDate>,
    /// Office hours in minutes since midnight.
    pub hours: Option<(u16, u16)>,
}

impl Calendar {
    /// Monday to Friday, no holidays known.
    #[must_use]
    pub fn plain() -> Self {
        use Weekday::{Fri, Mon, Thu, Tue, Wed};
        Self { covers: Vec::new(), workweek: vec![Mon, Tue, Wed, Thu, Fri], off: BTreeSet::new(), on: BTreeSet::new(), hours: None }
    }

    /// Whether `date` is worked: moved by decree, else a holiday, else the week.
    #[must_use]
    pub fn is_workday(&self, date: NaiveDate) -> bool {
        if self.on.contains(&date) {
            return true;
        }
        !self.off.contains(&date) && self.workweek.contains(&date.weekday())
    }

    /// Whether it knows the holidays of `date`'s year.
    #[must_use]
    pub fn covers(&self, date: NaiveDate) -> bool {
        self.covers.contains(&date.year())
    }
}

impl crate::expr::Calendar for Calendar {
    fn is_workday(&self, date: NaiveDate) -> Option<bool> {
        self.covers(date).then(|| Self::is_workday(self, date))
    }
}

/// Reads the root of a calendar file.
pub fn read_calendar(root: &Node, faults: &mut Faults) -> Option<CalendarDoc> {
    let mut map = MapReader::new(root, "a calendar", faults)?;
    let id = map.require("calendar", faults).and_then(|node| faults.id(node, "the id of a calendar"));
    let mut calendar = Calendar::plain();
    if let Some(node) = map.require("covers", faults) {
        calendar.covers = faults
            .some(node, "covers")
            .iter()
            .filter_map(|item| faults.integer(item, "a year"))
            .filter_map(|year| i32::try_from(year).ok())
            .collect();
    }
    if let Some(node) = map.take("workweek") {
        calendar.workweek = faults
            .some(node, "workweek")
            .iter()
            .filter_map(|item| faults.word(item, "a day of the week", &["mon", "tue", "wed", "thu", "fri", "sat", "sun"]))
            .filter_map(weekday)
            .collect();
    }
    calendar.hours = map.take("hours").and_then(|node| read_hours(node, faults));
    calendar.off = map.take("days_off").map(|node| read_dates(node, faults)).unwrap_or_default();
    calendar.on = map.take("days_on").map(|node| read_dates(node, faults)).unwrap_or_default();
    map.finish(faults);
    check_dates(&calendar, root, faults);
    Some(CalendarDoc { id: id?, calendar })
}

/// A holiday of a year that the calendar does not claim to know is a slip of the year; a day is worked or not.
fn check_dates(calendar: &Calendar, root: &Node, faults: &mut Faults) {
    for (key, dates) in [("days_off", &calendar.off), ("days_on", &calendar.on)] {
        let span = root.get(key).map_or(root.span, |node| node.span);
        if let Some(date) = dates.iter().find(|date| !calendar.covers(**date)) {
            let help = format!("add {} to `covers:` once its holidays are listed", date.year());
            faults.push(Fault::error(span, format!("{date} is in a year that the calendar does not cover")).help(help));
        }
    }
    if let Some(date) = calendar.off.intersection(&calendar.on).next() {
        let span = root.get("days_on").map_or(root.span, |node| node.span);
        faults.push(Fault::error(span, format!("{date} stands under `days_off:` and `days_on:`")));
    }
}

fn read_hours(node: &Node, faults: &mut Faults) -> Option<(u16, u16)> {
    let text = faults.scalar(node, "hours")?;
    let hours = text.split_once('-').and_then(|(from, to)| Some((super::time_of_day(from)?, super::time_of_day(to)?)));
    if hours.is_none() {
        faults.push(Fault::error(node.span, format!("`{text}` are no hours")).help("write \"08:00-20:00\""));
    }
    hours
}

fn read_dates(node: &Node, faults: &mut Faults) -> BTreeSet<NaiveDate> {
    let mut dates = BTreeSet::new();
    for item in faults.list(node, "days") {
        let Some(mut map) = MapReader::new(item, "an entry of days", faults) else { continue };
        let on = map.take("on").and_then(|node| read_date(node, faults));
        let from = map.take("from").and_then(|node| read_date(node, faults));
        let to = map.take("to").and_then(|node| read_date(node, faults));
        map.take("name");
        map.finish(faults);
        match (on, from, to) {
            (Some(on), None, None) => {
                dates.insert(on);
            }
            (None, Some(from), Some(to)) if from <= to && (to - from).num_days() < 366 => {
                dates.extend(from.iter_days().take_while(|date| *date <= to));
            }
            _ => faults.push(Fault::error(
                item.span,
                "an entry of days is `on: DATE`, or `from: DATE` and `to: DATE` in order, of a year at most",
            )),
        }
    }
    dates
}

/// Reads a date, `2027-02-05`.
pub(super) fn read_date(node: &Node, faults: &mut Faults) -> Option<NaiveDate> {
    let text = faults.scalar(node, "a date")?;
    let date = text.parse().ok();
    if date.is_none() {
        faults.push(Fault::error(node.span, format!("`{text}` is no date")).help("write 2027-02-05"));
    }
    date
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{FileId, parse};

    #[test]
    fn a_decree_beats_a_holiday_beats_the_week() {
        let text = "calendar: cn\ncovers: [2027]\nworkweek: [mon, tue, wed, thu, fri]\ndays_off: [{ from: 2027-02-05, to: 2027-02-11, name: 春节 }]\ndays_on: [{ on: 2027-02-14, name: 补班 }]\n";
        let mut faults = Faults::default();
        let root = parse(FileId(0), text, &mut faults).unwrap();
        let calendar = read_calendar(&root, &mut faults).unwrap().calendar;
        assert!(!faults.any_error(), "{faults:?}");
        let day = |day| NaiveDate::from_ymd_opt(2027, 2, day).unwrap();
        assert!(!calendar.is_workday(day(8)), "a holiday on a Monday");
        assert!(calendar.is_workday(day(14)), "a Sunday worked by decree");
        assert!(!calendar.is_workday(day(13)), "an ordinary Saturday");
        assert!(calendar.is_workday(day(12)));
    }
}
