//! Whether the store is sound: what `doctor` asks.

use super::error::While as _;
use super::{Store, StoreError};

/// What a look at the whole store says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What is wrong, one sentence each; empty when the store is sound.
    pub faults: Vec<String>,
    /// Runs in it.
    pub runs: i64,
    /// Items in it.
    pub items: i64,
    /// Size of the file without its write-ahead log.
    pub size_bytes: i64,
    /// Room in the file that is free to be used again.
    pub free_bytes: i64,
}

impl Store {
    /// Looks through the whole store: the file's structure, references between tables, and whether every ended run balances.
    /// Takes time in proportion to its size.
    ///
    /// # Errors
    /// When the file cannot even be read.
    pub async fn check(&self) -> Result<Health, StoreError> {
        let doing = "checking it";
        let mut reader = self.reader().await?;
        let mut health = Health::default();
        let structure: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)").fetch_all(&mut *reader).await.doing(doing)?;
        health.faults.extend(structure.into_iter().filter(|line| line != "ok").map(|line| format!("the file is damaged: {line}")));
        let dangling: Vec<(String, String)> = sqlx::query_as("SELECT \"table\", \"parent\" FROM pragma_foreign_key_check LIMIT 20")
            .fetch_all(&mut *reader)
            .await
            .doing(doing)?;
        health.faults.extend(dangling.into_iter().map(|(table, parent)| format!("a row of {table} has lost its row of {parent}")));
        let unbalanced: Vec<(String, i64, i64)> = sqlx::query_as(
            "SELECT id, planned, (SELECT count(*) FROM items WHERE run = no) AS stored FROM runs WHERE state IN ('done', 'cancelled') \
             AND planned <> (SELECT count(*) FROM items WHERE run = no)",
        )
        .fetch_all(&mut *reader)
        .await
        .doing(doing)?;
        health.faults.extend(
            unbalanced
                .into_iter()
                .map(|(run, planned, stored)| format!("run {run} does not balance: {planned} planned, {stored} recorded")),
        );
        let sheetless: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM items i WHERE NOT EXISTS (SELECT 1 FROM sheets s WHERE s.id = i.sheet) \
             OR (i.asked IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sheets s WHERE s.id = i.asked))",
        )
        .fetch_one(&mut *reader)
        .await
        .doing(doing)?;
        if sheetless > 0 {
            health.faults.push(format!("{sheetless} items have lost their sheet"));
        }
        let contentless: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM item_captures c WHERE NOT EXISTS (SELECT 1 FROM contents o WHERE o.hash = c.out_hash) \
             OR (c.err_hash IS NOT NULL AND NOT EXISTS (SELECT 1 FROM contents o WHERE o.hash = c.err_hash))",
        )
        .fetch_one(&mut *reader)
        .await
        .doing(doing)?;
        if contentless > 0 {
            health.faults.push(format!("{contentless} captures have lost their content"));
        }
        let (pages, free, page): (i64, i64, i64) = sqlx::query_as(
            "SELECT c.page_count, f.freelist_count, s.page_size FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s",
        )
        .fetch_one(&mut *reader)
        .await
        .doing(doing)?;
        (health.size_bytes, health.free_bytes) = (pages * page, free * page);
        (health.runs, health.items) = sqlx::query_as("SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM items)")
            .fetch_one(&mut *reader)
            .await
            .doing(doing)?;
        Ok(health)
    }
}
