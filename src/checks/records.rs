//! The answer of a database, read by column name: what is missing or not of its type is an error, never a default.

use crate::check::{Seen, Unreadable};
use crate::model::probe::{FailKind, answer};
use crate::model::{Ended, Message};

/// The rows that a database answered to one probe.
pub(super) struct Records {
    probe: &'static str,
    table: answer::Table,
}

/// One of those rows.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    probe: &'static str,
    columns: &'a [String],
    values: &'a [Option<String>],
}

impl Records {
    /// The answer to `probe`; a refusal names `grants`, the statements that would have allowed it.
    pub(super) fn of(seen: &Seen<'_>, probe: &'static str, grants: &[&str]) -> Result<Self, Unreadable> {
        if let (Ended::Failed { kind: FailKind::Permission, .. }, false) = (&seen.capture(probe)?.ended, grants.is_empty()) {
            return Err(needs(seen, grants));
        }
        let table = seen.table(probe)?;
        match table.rows.iter().find(|row| row.len() != table.columns.len()) {
            Some(row) => Err(Unreadable::new(probe, format!("a row of {} values under {} columns", row.len(), table.columns.len()))),
            None => Ok(Self { probe, table }),
        }
    }

    /// The rows, in the order of the answer.
    pub(super) fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.table.rows.iter().map(|values| Record { probe: self.probe, columns: &self.table.columns, values })
    }

    /// The single row of an answer that has exactly one.
    pub(super) fn only(&self) -> Result<Record<'_>, Unreadable> {
        let mut rows = self.iter();
        match (rows.next(), rows.next()) {
            (Some(row), None) => Ok(row),
            _ => Err(Unreadable::new(self.probe, format!("expected one row, got {}", self.table.rows.len()))),
        }
    }

    /// The number not below zero beside `name` in an answer of two columns, as `SHOW GLOBAL STATUS` gives it.
    pub(super) fn named_amount(&self, name: &str) -> Result<f64, Unreadable> {
        self.maybe_named_amount(name)?.ok_or_else(|| self.no_name(name))
    }

    /// The number not below zero beside `name`, `None` where this server has no such name.
    pub(super) fn maybe_named_amount(&self, name: &str) -> Result<Option<f64>, Unreadable> {
        self.named(name)?.map(|record| record.amount("value")).transpose()
    }

    /// The text beside `name`.
    pub(super) fn named_text(&self, name: &str) -> Result<&str, Unreadable> {
        self.maybe_named_text(name)?.ok_or_else(|| self.no_name(name))
    }

    /// The text beside `name`, `None` where this server has no such name.
    pub(super) fn maybe_named_text(&self, name: &str) -> Result<Option<&str>, Unreadable> {
        self.named(name)?.map(|record| record.text("value")).transpose()
    }

    /// The yes or no beside `name`.
    pub(super) fn named_flag(&self, name: &str) -> Result<bool, Unreadable> {
        self.named(name)?.ok_or_else(|| self.no_name(name))?.boolean("value")
    }

    /// The single row with `value` under `column`.
    pub(super) fn only_where(&self, column: &str, value: &str) -> Result<Record<'_>, Unreadable> {
        self.maybe_where(column, value)?.ok_or_else(|| self.no_name(value))
    }

    fn named(&self, name: &str) -> Result<Option<Record<'_>>, Unreadable> {
        self.maybe_where("variable_name", name)
    }

    fn maybe_where(&self, column: &str, value: &str) -> Result<Option<Record<'_>>, Unreadable> {
        let mut found = None;
        for record in self.iter() {
            if record.text(column)?.eq_ignore_ascii_case(value) && found.replace(record).is_some() {
                return Err(Unreadable::new(self.probe, format!("`{value}` stands twice")));
            }
        }
        Ok(found)
    }

    fn no_name(&self, name: &str) -> Unreadable {
        Unreadable::new(self.probe, format!("no `{name}`"))
    }
}

impl<'a> Record<'a> {
    /// The row of `values` under `columns`.
    #[cfg(test)]
    pub(super) const fn new(probe: &'static str, columns: &'a [String], values: &'a [Option<String>]) -> Self {
        Self { probe, columns, values }
    }

    /// The text under `column`; null is an error.
    pub(super) fn text(&self, column: &str) -> Result<&'a str, Unreadable> {
        self.maybe_text(column)?.ok_or_else(|| self.fault(column, "null"))
    }

    /// The text under `column`, `None` for null.
    pub(super) fn maybe_text(&self, column: &str) -> Result<Option<&'a str>, Unreadable> {
        self.first_of(&[column])
    }

    /// The text under the first of `columns` that the answer has: servers rename columns, never drop them silently.
    pub(super) fn first_of(&self, columns: &[&str]) -> Result<Option<&'a str>, Unreadable> {
        let place = columns.iter().find_map(|name| self.columns.iter().position(|column| column.eq_ignore_ascii_case(name)));
        let value = place.and_then(|place| self.values.get(place));
        value.map(Option::as_deref).ok_or_else(|| self.fault(&columns.join("` or `"), "no such column"))
    }

    /// The number under `column`, `None` for null.
    pub(super) fn maybe_number(&self, column: &str) -> Result<Option<f64>, Unreadable> {
        self.maybe_text(column)?.map(|text| number(text).ok_or_else(|| self.fault(column, text))).transpose()
    }

    /// `text`, found under `column`, as a number not below zero.
    pub(super) fn parse_amount(&self, column: &str, text: &str) -> Result<f64, Unreadable> {
        number(text).filter(|number| *number >= 0.0).ok_or_else(|| self.fault(column, text))
    }

    /// The count, size or length of time under `column`: a number not below zero.
    pub(super) fn amount(&self, column: &str) -> Result<f64, Unreadable> {
        self.maybe_amount(column)?.ok_or_else(|| self.fault(column, "null"))
    }

    /// The count, size or length of time under `column`, `None` for null.
    pub(super) fn maybe_amount(&self, column: &str) -> Result<Option<f64>, Unreadable> {
        self.maybe_text(column)?.map(|text| self.parse_amount(column, text)).transpose()
    }

    /// The yes or no under `column`; null is an error.
    pub(super) fn boolean(&self, column: &str) -> Result<bool, Unreadable> {
        match self.text(column)? {
            "true" | "t" | "1" | "on" | "ON" | "YES" => Ok(true),
            "false" | "f" | "0" | "off" | "OFF" | "NO" => Ok(false),
            other => Err(self.fault(column, other)),
        }
    }

    /// Goes on only if `column` says that the account sees all there is; else the statements in `grants` are asked for.
    pub(super) fn proves_sight(&self, column: &str, seen: &Seen<'_>, grants: &[&str]) -> Result<(), Unreadable> {
        if self.boolean(column)? { Ok(()) } else { Err(needs(seen, grants)) }
    }

    /// Says that `column` cannot be read because of `detail`.
    pub(super) fn fault(&self, column: &str, detail: &str) -> Unreadable {
        Unreadable::new(format!("`{column}` in the answer of {}", self.probe), detail)
    }
}

/// The right that is missing, as the statement to run.
pub(super) fn needs(seen: &Seen<'_>, grants: &[&str]) -> Unreadable {
    let user = seen.target.login.as_ref().and_then(|login| login.user.as_deref()).unwrap_or("ACCOUNT");
    Unreadable(Message::NeedsRight { needs: grants.join("; ").replace("{user}", user) })
}

/// A number as databases write it; `inf`, `nan` and the like are none.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Capture, Kind, Target};

    #[track_caller]
    fn with_answer<T>(json: &str, read: impl FnOnce(Result<Records, Unreadable>) -> T) -> T {
        let text = format!("# system: made up\n# command: made up\n== p status 0\n{json}\n");
        let captures: Vec<Capture> = crate::recorded::read(&text).unwrap().captures;
        let target = Target::new("t", Kind::Postgres);
        let seen = Seen { captures: &captures, at: captures[0].at, earlier: None, target: &target };
        read(Records::of(&seen, "p", &[]))
    }

    #[test]
    fn a_value_that_is_no_number_is_an_error_and_not_zero() {
        for value in ["\"inf\"", "\"\"", "\"12 MB\"", "\"-9e999\"", "null"] {
            with_answer(&format!(r#"{{"columns":["n"],"rows":[[{value}]]}}"#), |records| {
                assert!(records.unwrap().only().unwrap().amount("n").is_err(), "{value}");
            });
        }
    }

    #[test]
    fn an_amount_is_never_below_zero() {
        with_answer(r#"{"columns":["n"],"rows":[["-1"]]}"#, |records| {
            assert!(records.as_ref().unwrap().only().unwrap().amount("n").is_err());
            assert_eq!(records.unwrap().only().unwrap().maybe_number("n"), Ok(Some(-1.0)));
        });
    }

    #[test]
    fn a_row_that_does_not_fit_its_columns_is_refused() {
        with_answer(r#"{"columns":["a","b"],"rows":[["1"]]}"#, |records| assert!(records.is_err()));
    }

    #[test]
    fn a_column_that_is_not_there_is_no_null() {
        with_answer(r#"{"columns":["a"],"rows":[[null]]}"#, |records| {
            let records = records.unwrap();
            let row = records.only().unwrap();
            assert_eq!(row.maybe_text("a"), Ok(None));
            assert!(row.maybe_text("b").is_err());
        });
    }
}
