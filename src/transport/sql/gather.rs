//! Rows on their way into an answer: capped in number and size, their columns checked.

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;

use super::fault::Fault;
use crate::model::probe::answer::Table;

/// Most rows that an answer holds.
const ROW_CAP: usize = 10_000;

/// What the server may send besides the values themselves: heads, lengths, notices.
const FRAME_BYTES: usize = 4 << 20;

/// Rows gathered so far.
#[derive(Debug)]
pub(super) struct Gather {
    table: Table,
    bytes: usize,
    cap_bytes: usize,
    database: Option<String>,
    is_cut: bool,
}

impl Gather {
    /// Nothing yet; at most `cap_bytes` of values.
    pub(super) fn new(cap_bytes: usize) -> Self {
        Self { table: Table::default(), bytes: 0, cap_bytes, database: None, is_cut: false }
    }

    /// From now on rows come from this database: a leading column says so.
    pub(super) fn database(&mut self, name: &str) {
        self.database = Some(name.to_owned());
    }

    /// How many bytes the server may send for this answer.
    pub(super) fn allowance(&self) -> usize {
        // Twice the cap: a row may be under way when the cap is reached, and text may be sent in a wider form.
        (self.cap_bytes.saturating_sub(self.bytes)).saturating_mul(2).saturating_add(FRAME_BYTES)
    }

    /// Takes the names of the columns, folded to lower case.
    ///
    /// # Errors
    /// When two are the same, or they differ from those of the rows before.
    pub(super) fn columns<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Result<(), Fault> {
        let leading = self.database.as_ref().map(|_| "database".to_owned());
        let names: Vec<String> = leading.into_iter().chain(names.into_iter().map(str::to_lowercase)).collect();
        if let Some(double) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| name) {
            return Err(Fault::other(format!("two columns are both named `{double}`: give one of them another name with AS")));
        }
        if self.table.columns.is_empty() {
            self.table.columns = names;
        } else if self.table.columns != names {
            let before = self.table.columns.join(", ");
            return Err(Fault::other(format!("the columns differ from one database to the next: {before}; {}", names.join(", "))));
        }
        Ok(())
    }

    /// Takes a row; `false` when it no longer fits, which leaves the answer cut.
    pub(super) fn row(&mut self, mut values: Vec<Option<String>>) -> bool {
        if let Some(database) = &self.database {
            values.insert(0, Some(database.clone()));
        }
        // Each value also costs us its place, so that a million empty ones are not free.
        let size = values.iter().map(|value| size_of::<Option<String>>() + value.as_ref().map_or(0, String::len)).sum::<usize>();
        if self.table.rows.len() >= ROW_CAP || self.bytes + size > self.cap_bytes {
            self.is_cut = true;
            return false;
        }
        self.bytes += size;
        self.table.rows.push(values);
        true
    }

    /// Pours the rows of an answer in, each written as text by `read`. `is_answering` stays set where it stops before
    /// the end: because the answer is cut, or a value cannot be taken.
    ///
    /// # Errors
    /// What the server says in the middle of its answer, or why a value or a column cannot be taken.
    pub(super) async fn pour<R: sqlx::Row>(
        &mut self,
        mut rows: BoxStream<'_, Result<R, sqlx::Error>>,
        read: fn(&R) -> Result<Vec<Option<String>>, Fault>,
        is_answering: &mut bool,
    ) -> Result<(), Fault> {
        *is_answering = true;
        let mut is_first = true;
        loop {
            let row = match rows.try_next().await {
                Ok(Some(row)) => row,
                ended => {
                    *is_answering = false;
                    return ended.map(drop).map_err(|error| Fault::from_driver(&error));
                }
            };
            if std::mem::take(&mut is_first) {
                self.columns(row.columns().iter().map(sqlx::Column::name))?;
            }
            if !self.row(read(&row)?) {
                return Ok(());
            }
        }
    }

    /// Notes that rows are missing.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
    }

    /// Whether rows are missing.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the server sent no row, so that the columns are not known yet.
    pub(super) fn lacks_columns(&self) -> bool {
        self.table.columns.is_empty()
    }

    /// The answer as JSON.
    pub(super) fn into_json(self) -> Vec<u8> {
        serde_json::to_vec(&self.table).expect("a table of texts is always JSON")
    }
}

/// Bytes as PostgreSQL writes them, for every server: `\x` and hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::from("\\x"), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_folded_and_never_doubled() {
        let mut gather = Gather::new(1000);
        gather.columns(["Name", "VALUE"]).unwrap();
        assert_eq!(gather.table.columns, ["name", "value"]);
        assert!(Gather::new(1000).columns(["a", "A"]).is_err());
    }

    #[test]
    fn a_row_that_no_longer_fits_leaves_the_answer_cut() {
        let mut gather = Gather::new(100);
        gather.columns(["a"]).unwrap();
        assert!(gather.row(vec![Some("x".repeat(50))]));
        assert!(!gather.row(vec![Some("x".repeat(50))]));
        assert!(gather.is_cut());
        let table: Table = serde_json::from_slice(&gather.into_json()).unwrap();
        assert_eq!(table.rows.len(), 1);
    }

    #[test]
    fn rows_say_which_database_they_come_from() {
        let mut gather = Gather::new(1000);
        gather.database("a");
        gather.columns(["n"]).unwrap();
        gather.row(vec![None]);
        gather.database("b");
        gather.columns(["n"]).unwrap();
        assert!(gather.columns(["m"]).is_err());
        assert_eq!(gather.table.columns, ["database", "n"]);
    }
}
