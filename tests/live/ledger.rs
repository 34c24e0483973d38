//! The store read by plain SQL, past the program's own code, and the promise that its ledger balances.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::ran::Ran;

/// Every outcome that an item may have.
const OUTCOMES: [&str; 10] = ["ok", "info", "warn", "crit", "not-applicable", "error", "unreachable", "timed-out", "skipped", "not-run"];

/// A store that is read.
pub(crate) struct Ledger {
    runtime: tokio::runtime::Runtime,
    connection: Option<SqliteConnection>,
}

impl Ledger {
    /// The store in the file `path`.
    pub(crate) fn open(path: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let connection = runtime.block_on(SqliteConnectOptions::new().filename(path).connect()).expect("the store");
        Self { runtime, connection: Some(connection) }
    }

    /// The one number that `sql` gives.
    #[track_caller]
    pub(crate) fn number(&mut self, sql: &str) -> i64 {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        let connection = self.connection.as_mut().expect("it is open");
        self.runtime.block_on(query.fetch_one(connection)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The texts of the one column that `sql` gives.
    #[track_caller]
    pub(crate) fn texts(&mut self, sql: &str) -> Vec<String> {
        let query = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        let connection = self.connection.as_mut().expect("it is open");
        self.runtime.block_on(query.fetch_all(connection)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The items of a run by outcome.
    #[track_caller]
    pub(crate) fn outcomes(&mut self, run: &str) -> BTreeMap<String, i64> {
        let of = |outcome: &&str| {
            let items = "SELECT count(*) FROM items JOIN runs ON items.run = runs.no";
            format!("{items} WHERE runs.id = '{run}' AND items.outcome = '{outcome}'")
        };
        OUTCOMES.iter().map(|outcome| ((*outcome).to_owned(), self.number(&of(outcome)))).collect()
    }

    /// The outcome of one item.
    #[track_caller]
    pub(crate) fn outcome(&mut self, run: &str, target: &str, line: &str) -> String {
        let of = format!("runs.id = '{run}' AND target = '{target}' AND line = '{line}'");
        let found = self.texts(&format!("SELECT outcome FROM items JOIN runs ON items.run = runs.no WHERE {of}"));
        assert_eq!(found.len(), 1, "{target} {line} has one outcome: {found:?}");
        found[0].clone()
    }

    /// The state of a run.
    #[track_caller]
    pub(crate) fn state(&mut self, run: &str) -> String {
        self.texts(&format!("SELECT state FROM runs WHERE id = '{run}'")).remove(0)
    }

    /// Asserts that every planned item has exactly one outcome; gives the counts.
    #[track_caller]
    pub(crate) fn assert_balances(&mut self, run: &str) -> BTreeMap<String, i64> {
        let planned = self.number(&format!("SELECT planned FROM runs WHERE id = '{run}'"));
        let named = "SELECT count(DISTINCT target || '/' || line) FROM items JOIN runs ON items.run = runs.no";
        let named = self.number(&format!("{named} WHERE runs.id = '{run}'"));
        let outcomes = self.outcomes(run);
        assert!(planned > 0, "something was planned");
        assert_eq!(planned, outcomes.values().sum::<i64>(), "{outcomes:?}");
        assert_eq!(planned, named, "no item stands twice");
        outcomes
    }

    /// Asserts that the JSON report of `ran` tells what the store holds; gives the counts.
    #[track_caller]
    pub(crate) fn assert_tells(&mut self, ran: &Ran) -> BTreeMap<String, i64> {
        let outcomes = self.assert_balances(ran.run_id());
        let report = ran.json();
        let tally = &report["tally"];
        let told: BTreeMap<String, i64> = serde_json::from_value(tally["outcomes"].clone()).expect("counts");
        assert_eq!(told, outcomes);
        let sum: i64 = outcomes.values().sum();
        assert_eq!((tally["planned"].as_i64(), tally["ended"].as_i64()), (Some(sum), Some(sum)));
        assert_eq!(tally["balances"], true);
        let mut listed: BTreeMap<String, i64> = OUTCOMES.iter().map(|outcome| ((*outcome).to_owned(), 0)).collect();
        for item in report["items"].as_array().expect("items") {
            *listed.entry(item["outcome"].as_str().expect("an outcome").to_owned()).or_default() += 1;
        }
        assert_eq!(listed, outcomes, "the items of the report are those of the store");
        outcomes
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = self.runtime.block_on(connection.close());
        }
    }
}

/// The item of a report.
#[track_caller]
pub(crate) fn item<'r>(report: &'r Value, target: &str, line: &str) -> &'r Value {
    let items = report["items"].as_array().expect("items");
    let found = items.iter().find(|item| item["target"] == target && item["line"] == line);
    found.unwrap_or_else(|| panic!("no item {line} on {target}"))
}

/// Every item of a report that ended so, with its reason, for messages.
pub(crate) fn ended(report: &Value, outcome: &str) -> Vec<String> {
    let items = report["items"].as_array().expect("items").iter().filter(|item| item["outcome"] == outcome);
    items.map(|item| format!("{} {}: {}", item["target"], item["line"], item["reason"])).collect()
}
