//! Numbers over time: what trends look back on.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::error::While as _;
use super::record::{BINDS, Numbered, push_list};
use super::{Store, StoreError, moment};
use crate::model::{FieldType, ItemKey, ItemRecord, Message, RowRecord, Untrusted, Value};

/// Which numbers: a field of one row of one item of a playbook.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// The item.
    pub item: ItemKey,
    /// The row's key, as in `RowRecord`.
    pub row_key: Option<Untrusted>,
    /// The field.
    pub field: String,
}

/// A number and when it was captured.
pub type Point = (DateTime<Utc>, f64);

/// How many targets one question names at most.
const TARGETS: usize = 500;

impl Store {
    /// What the field was in each run of `playbook` since `since`, the oldest first. A run that has no number for it leaves a gap.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn series(&self, playbook: &str, key: &SeriesKey, since: DateTime<Utc>) -> Result<Vec<Point>, StoreError> {
        let mut all = self.series_of(playbook, std::slice::from_ref(key), since).await?;
        Ok(all.remove(key).unwrap_or_default())
    }

    /// The same for many fields at once; a key that has no numbers is missing in the answer.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn series_of(
        &self,
        playbook: &str,
        keys: &[SeriesKey],
        since: DateTime<Utc>,
    ) -> Result<HashMap<SeriesKey, Vec<Point>>, StoreError> {
        let wanted: HashSet<&SeriesKey> = keys.iter().collect();
        let fields: HashSet<&str> = keys.iter().map(|key| key.field.as_str()).collect();
        let mut lines_of: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
        for key in keys {
            lines_of.entry(&key.item.target).or_default().insert(&key.item.line);
        }
        let targets: Vec<(&str, HashSet<&str>)> = lines_of.into_iter().collect();
        let mut series: HashMap<SeriesKey, Vec<Point>> = HashMap::new();
        for some in targets.chunks(TARGETS) {
            let lines: HashSet<&str> = some.iter().flat_map(|(_, lines)| lines.iter().copied()).collect();
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT i.line, i.target, o.row_key, o.field, i.at, o.number FROM items i JOIN observations o ON o.item = i.id WHERE i.playbook = ",
            );
            query.push_bind(playbook).push(" AND i.at >= ").push_bind(since.timestamp_millis()).push(" AND i.target IN (");
            push_list(&mut query, some.iter().map(|(target, _)| *target));
            query.push(" AND i.line IN (");
            push_list(&mut query, lines.iter().copied());
            query.push(" AND o.field IN (");
            push_list(&mut query, fields.iter().copied());
            query.push(" ORDER BY i.at");
            let rows: Vec<(String, String, Option<String>, String, i64, f64)> =
                query.build_query_as().persistent(false).fetch_all(&mut *self.reader().await?).await.doing("reading numbers over time")?;
            for (line, target, row_key, field, at, number) in rows {
                let key = SeriesKey { item: ItemKey { line, target }, row_key: row_key.map(Untrusted::from), field };
                if wanted.contains(&key) {
                    series.entry(key).or_default().push((moment::read(at)?, number));
                }
            }
        }
        Ok(series)
    }
}

/// Records the numbers of the items' rows.
pub(super) async fn write(to: &mut SqliteConnection, items: &[Numbered<'_>]) -> Result<(), StoreError> {
    let observations: Vec<Observation<'_>> = items.iter().flat_map(|&(id, item)| observe(id, item)).collect();
    for some in observations.chunks(BINDS / 5) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO observations (item, row_key, field, type, number) ");
        query.push_values(some, |mut row, seen| {
            row.push_bind(seen.item).push_bind(seen.row_key).push_bind(seen.field).push_bind(seen.field_type).push_bind(seen.number);
        });
        query.build().persistent(false).execute(&mut *to).await.doing("recording numbers")?;
    }
    Ok(())
}

struct Observation<'a> {
    item: i64,
    row_key: Option<&'a str>,
    field: &'a str,
    field_type: &'static str,
    number: f64,
}

fn observe(id: i64, item: &ItemRecord) -> impl Iterator<Item = Observation<'_>> {
    let declared = |name: &str| item.fields.iter().find(|field| field.name == name).map(|field| field.field_type);
    item.rows.iter().filter(|row| names_one_thing(row)).flat_map(move |row| {
        row.row.iter().filter_map(move |(field, value)| {
            let number = match value {
                Value::Boolean(yes) => f64::from(u8::from(*yes)),
                other => other.as_f64()?,
            };
            let field_type = type_word(declared(field), value);
            Some(Observation { item: id, row_key: row.key.as_ref().map(Untrusted::raw), field, field_type, number })
        })
    })
}

/// Whether the row's numbers are of this run and of one thing: not a row that is gone, or shares its key with another.
const fn names_one_thing(row: &RowRecord) -> bool {
    !matches!(row.reason, Some(Message::Gone | Message::DoubleKey { .. } | Message::NullKey { .. }))
}

const fn type_word(declared: Option<FieldType>, value: &Value) -> &'static str {
    match (declared, value) {
        (Some(FieldType::Percent), _) => "percent",
        (Some(FieldType::Bytes), _) => "bytes",
        (_, Value::Duration(_)) => "duration",
        (_, Value::Timestamp(_)) => "timestamp",
        (_, Value::Boolean(_)) => "boolean",
        _ => "number",
    }
}
