//! Recording the items of a target: in one transaction, with their captures, numbers and findings.

use std::collections::{BTreeMap, HashMap};

use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::content::Hash;
use super::error::While as _;
use super::format::{FORMAT, kind_word};
use super::pack::{Contents, Packed, PackedCapture, Sheet, millis, pack};
use super::writer::Write;
use super::{Store, StoreError, earlier, follow, runs, series};
use crate::model::{Capture, ItemRecord};

/// Values that one statement binds at most; SQLite allows 32,766.
pub(super) const BINDS: usize = 30_000;

/// An item as it ended, with what its verdict rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The item; its `captures` are filled in by the store.
    pub item: ItemRecord,
    /// The raw answers.
    pub captures: Vec<Capture>,
    /// The probes as they were asked: name and text, without secrets.
    pub asked: Vec<(String, String)>,
}

impl Store {
    /// Records all items of a target in one transaction, and hands them back as they were recorded: with the hashes of
    /// their captures. Once this returns they are on the disk.
    ///
    /// # Errors
    /// When they could not be recorded: then none of them is, and the run cannot balance. An item that was recorded before
    /// is refused, together with the others of this call.
    pub async fn record_target(&self, run: &str, recordings: Vec<Recording>) -> Result<Vec<ItemRecord>, StoreError> {
        if recordings.is_empty() {
            return Ok(Vec::new());
        }
        // Hashing and deflating megabytes would hold up whoever shares this thread.
        let packed = tokio::task::spawn_blocking(move || pack(recordings)).await;
        let (items, contents) = packed.map_err(|error| StoreError::Refused(format!("cannot be stored: {error}")))??;
        self.writer.submit(Record { run: run.to_owned(), items, contents }).await
    }
}

struct Record {
    run: String,
    items: Vec<Packed>,
    contents: Contents,
}

/// An item with its number in the store.
pub(super) type Numbered<'a> = (i64, &'a ItemRecord);

impl Write for Record {
    type Answer = Vec<ItemRecord>;

    async fn write(self, to: &mut SqliteConnection) -> Result<Self::Answer, StoreError> {
        let run = runs::running(to, &self.run).await?;
        let sheets = write_sheets(to, &self.items).await?;
        write_contents(to, self.contents).await?;
        let first: i64 =
            sqlx::query_scalar("SELECT coalesce(max(id), 0) + 1 FROM items").fetch_one(&mut *to).await.doing("numbering the items")?;
        write_items(to, first, &run, &sheets, &self.items).await?;
        write_captures(to, first, &self.items).await?;
        let numbered: Vec<Numbered<'_>> = (first..).zip(self.items.iter().map(|packed| &packed.item)).collect();
        series::write(to, &numbered).await?;
        earlier::write(to, &run.playbook, &numbered).await?;
        follow::write(to, &self.run, &run.playbook, &numbered).await?;
        Ok(self.items.into_iter().map(|packed| packed.item).collect())
    }
}

/// Writes the sheets that are not there yet; the numbers of all of them.
async fn write_sheets(to: &mut SqliteConnection, items: &[Packed]) -> Result<HashMap<Hash, i64>, StoreError> {
    let doing = "recording what items share";
    let all: BTreeMap<Hash, &str> = items
        .iter()
        .flat_map(|packed| std::iter::once(&packed.sheet).chain(&packed.asked))
        .map(|sheet| (sheet.hash, sheet.body.as_str()))
        .collect();
    let mut numbers = HashMap::with_capacity(all.len());
    let hashes: Vec<&Hash> = all.keys().collect();
    for some in hashes.chunks(BINDS) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT hash, id FROM sheets WHERE hash IN (");
        push_list(&mut query, some.iter().map(|hash| hash.as_slice()));
        let known = query.build().persistent(false).fetch_all(&mut *to).await.doing(doing)?;
        for row in known {
            numbers.insert(read_hash(row.get(0))?, row.get(1));
        }
    }
    let missing: Vec<(&Hash, &str)> =
        all.iter().filter(|(hash, _)| !numbers.contains_key(*hash)).map(|(hash, body)| (hash, *body)).collect();
    for some in missing.chunks(BINDS / 3) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO sheets (hash, format, body) ");
        query.push_values(some, |mut row, (hash, body)| {
            row.push_bind(hash.as_slice()).push_bind(FORMAT).push_bind(*body);
        });
        query.push(" RETURNING hash, id");
        let made = query.build().persistent(false).fetch_all(&mut *to).await.doing(doing)?;
        for row in made {
            numbers.insert(read_hash(row.get(0))?, row.get(1));
        }
    }
    Ok(numbers)
}

async fn write_contents(to: &mut SqliteConnection, contents: Contents) -> Result<(), StoreError> {
    let mut contents = contents.into_values().peekable();
    while contents.peek().is_some() {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO contents (hash, size, coding, body, refs, last_at) ");
        query.push_values(contents.by_ref().take(BINDS / 6), |mut row, referred| {
            row.push_bind(referred.content.hash.to_vec())
                .push_bind(referred.content.size)
                .push_bind(referred.content.coding)
                .push_bind(referred.content.body)
                .push_bind(referred.refs)
                .push_bind(referred.last_at);
        });
        // A body that retention had removed comes back with the new answer.
        query.push(
            " ON CONFLICT (hash) DO UPDATE SET refs = contents.refs + excluded.refs, \
             last_at = CASE WHEN excluded.last_at > contents.last_at THEN excluded.last_at ELSE contents.last_at END, \
             coding = CASE WHEN contents.body IS NULL THEN excluded.coding ELSE contents.coding END, \
             body = coalesce(contents.body, excluded.body)",
        );
        query.build().persistent(false).execute(&mut *to).await.doing("recording captures")?;
    }
    Ok(())
}

async fn write_items(
    to: &mut SqliteConnection,
    first: i64,
    run: &runs::Running,
    sheets: &HashMap<Hash, i64>,
    items: &[Packed],
) -> Result<(), StoreError> {
    let sheet_no = |sheet: &Sheet| sheets.get(&sheet.hash).copied();
    let numbered: Vec<(i64, &Packed)> = (first..).zip(items).collect();
    for some in numbered.chunks(BINDS / 14) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO items (id, run, target, line, playbook, kind, check_id, outcome, waived, at, took_ms, sheet, asked, body) ",
        );
        query.push_values(some, |mut row, (id, packed)| {
            let item = &packed.item;
            row.push_bind(id)
                .push_bind(run.no)
                .push_bind(&item.key.target)
                .push_bind(&item.key.line)
                .push_bind(&run.playbook)
                .push_bind(kind_word(item.kind))
                .push_bind(&item.check)
                .push_bind(item.outcome.id())
                .push_bind(i64::from(item.is_waived()))
                .push_bind(item.at.timestamp_millis())
                .push_bind(millis(item.took_ms))
                .push_bind(sheet_no(&packed.sheet))
                .push_bind(packed.asked.as_ref().and_then(sheet_no))
                .push_bind(&packed.body);
        });
        query.build().persistent(false).execute(&mut *to).await.doing("recording items")?;
    }
    Ok(())
}

async fn write_captures(to: &mut SqliteConnection, first: i64, items: &[Packed]) -> Result<(), StoreError> {
    let captures: Vec<(i64, i64, &PackedCapture)> = (first..)
        .zip(items)
        .flat_map(|(item, packed)| (0..).zip(&packed.captures).map(move |(place, capture)| (item, place, capture)))
        .collect();
    for some in captures.chunks(BINDS / 10) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO item_captures (item, place, probe, variant, at, took_ms, ended, cut, out_hash, err_hash) ",
        );
        query.push_values(some, |mut row, (item, place, capture)| {
            row.push_bind(item)
                .push_bind(place)
                .push_bind(&capture.probe)
                .push_bind(&capture.variant)
                .push_bind(capture.at)
                .push_bind(capture.took_ms)
                .push_bind(&capture.ended)
                .push_bind(i64::from(capture.cut))
                .push_bind(capture.out.as_slice())
                .push_bind(capture.err.as_ref().map(Hash::as_slice));
        });
        query.build().persistent(false).execute(&mut *to).await.doing("recording captures")?;
    }
    Ok(())
}

/// Adds `values` and the closing bracket to a query that ends in `IN (`.
pub(super) fn push_list<'q, T>(query: &mut QueryBuilder<Sqlite>, values: impl IntoIterator<Item = T>)
where
    T: sqlx::Encode<'q, Sqlite> + sqlx::Type<Sqlite>,
{
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind(value);
    }
    list.push_unseparated(")");
}

fn read_hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map_err(StoreError::unreadable("a hash"))
}
