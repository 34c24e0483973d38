//! The sample database: a small web shop's, with a few things wrong in it.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

/// Tables and rows. Times are relative, so that the findings are the same on every day: the settlement is two days
/// overdue, two orders have lost their customer, two were paid long ago and never sent.
const SAMPLE: &str = "
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL);
CREATE TABLE orders (
  order_no TEXT PRIMARY KEY, customer_id INTEGER NOT NULL, amount REAL NOT NULL, status TEXT NOT NULL,
  ordered_at TEXT NOT NULL, paid_at TEXT
);
CREATE TABLE batch_runs (name TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT);
INSERT INTO customers VALUES (1, 'Lotus Trading', 'Shanghai'), (2, 'Nordlicht GmbH', 'Hamburg'), (3, '青山商贸', '杭州');
INSERT INTO orders VALUES
  ('SO-1001', 1, 1280.00, 'sent', datetime('now', '-9 days'), datetime('now', '-9 days')),
  ('SO-1002', 2, 199.90, 'sent', datetime('now', '-8 days'), datetime('now', '-8 days')),
  ('SO-1003', 7, 450.00, 'sent', datetime('now', '-6 days'), datetime('now', '-6 days')),
  ('SO-1004', 3, 88.00, 'sent', datetime('now', '-5 days'), datetime('now', '-5 days')),
  ('SO-1005', 2, 2310.50, 'paid', datetime('now', '-5 days'), datetime('now', '-4 days')),
  ('SO-1006', 7, 75.25, 'sent', datetime('now', '-4 days'), datetime('now', '-4 days')),
  ('SO-1007', 1, 640.00, 'paid', datetime('now', '-4 days'), datetime('now', '-3 days')),
  ('SO-1008', 3, 512.00, 'paid', datetime('now', '-20 hours'), datetime('now', '-19 hours')),
  ('SO-1009', 1, 99.00, 'new', datetime('now', '-6 hours'), NULL),
  ('SO-1010', 2, 1799.00, 'new', datetime('now', '-2 hours'), NULL),
  ('SO-1011', 3, 35.50, 'new', datetime('now', '-1 hours'), NULL);
INSERT INTO batch_runs VALUES
  ('settlement', datetime('now', '-4 days', '-30 minutes'), datetime('now', '-4 days')),
  ('settlement', datetime('now', '-3 days', '-30 minutes'), datetime('now', '-3 days')),
  ('settlement', datetime('now', '-2 days', '-30 minutes'), NULL);
";

/// Makes the database anew.
///
/// # Errors
/// When the file cannot be replaced or written.
pub(super) async fn create(path: &Path) -> Result<(), sqlx::Error> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(sqlx::Error::Io(error)),
            _ => {}
        }
    }
    let mut connection = SqliteConnectOptions::new().filename(path).create_if_missing(true).disable_statement_logging().connect().await?;
    sqlx::raw_sql(SAMPLE).execute(&mut connection).await?;
    connection.close().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Row as _;

    #[tokio::test]
    async fn the_sample_is_made_anew_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.db");
        for _ in 0..2 {
            create(&path).await.unwrap();
            let mut connection = SqliteConnectOptions::new().filename(&path).read_only(true).connect().await.unwrap();
            let row = sqlx::query("SELECT count(*) AS n FROM orders").fetch_one(&mut connection).await.unwrap();
            assert_eq!(row.get::<i64, _>("n"), 11);
            connection.close().await.unwrap();
        }
    }
}
