//! Dead rows in the tables of a PostgreSQL server.

use chrono::DateTime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::records::{Record, Records};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Ask, Dialect, SqlAsk, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};
use crate::quantity::Bytes;

/// Dead rows in the tables of a PostgreSQL server.
pub struct PostgresBloat;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Tables smaller than this are left out; in a small table a few dead rows are a large share.
    #[serde(default = "hundred_mebibytes")]
    min_size: Bytes,
    /// How many tables of each database, those with most dead rows first.
    #[serde(default = "fifty")]
    top: u32,
}

fn hundred_mebibytes() -> Bytes {
    Bytes(104_857_600.0)
}

fn fifty() -> u32 {
    50
}

impl Check for PostgresBloat {
    const META: Meta = Meta {
        id: "postgres-bloat",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Dead rows in tables", "表膨胀（死元组）"),
        asks: Text::new(
            "Which share of the rows of each larger table is dead and waits for vacuum, in every database; space that vacuum has freed inside a table already does not count.",
            "各数据库中较大的表有多少比例是待 vacuum 清理的死元组；vacuum 已在表内释放的空间不计入。",
        ),
        why: Text::new(
            "Dead rows take space and make every scan slower; a growing share says that vacuum does not keep up.",
            "死元组占用空间并拖慢每次扫描；比例持续上升说明 vacuum 跟不上。",
        ),
        advice: Text::new(
            "Run VACUUM (ANALYZE) TABLE, end transactions that are open for long, lower autovacuum_vacuum_scale_factor for large tables; give space back with pg_repack or VACUUM FULL in a window.",
            "执行 VACUUM (ANALYZE) 表名，结束长事务，为大表调低 autovacuum_vacuum_scale_factor；需要收缩空间时在维护窗口用 pg_repack 或 VACUUM FULL。",
        ),
        source: Text::new(
            "autovacuum begins at a fifth of the live rows by default: a table beyond that has been left behind",
            "autovacuum 默认在死元组达到活元组的 20% 时触发，超过说明清理滞后",
        ),
        fields: &[
            Field::new("database", FieldType::Text, "Database", "数据库"),
            Field::new("table", FieldType::Text, "Table", "表"),
            Field::new("dead_pct", FieldType::Percent, "Dead rows", "死元组比例"),
            Field::new("dead", FieldType::Number, "Dead", "死元组数"),
            Field::new("live", FieldType::Number, "Live", "活元组数"),
            Field::new("size_bytes", FieldType::Bytes, "Table size", "表大小"),
            Field::new("vacuumed", FieldType::Timestamp, "Last vacuum", "上次 vacuum"),
        ],
        key: &["database", "table"],
        rows_are: RowsAre::Problems,
        warn: Some("dead_pct > 20%"),
        crit: Some("dead_pct > 50%"),
        example: r#"{ "min_size": "1GiB" }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        // Every database gives at least one row, without a table where none is large enough: that is the proof that it was asked.
        let statement = format!(
            "select pg_is_in_recovery()::text as standby, t.* from (select 1) as proof(n) left join ( \
             select s.schemaname || '.' || s.relname as \"table\", pg_relation_size(s.relid)::text as size_bytes, \
             s.n_live_tup::text as live, s.n_dead_tup::text as dead, \
             round(extract(epoch from greatest(s.last_vacuum, s.last_autovacuum)))::text as vacuumed \
             from pg_stat_all_tables s where pg_relation_size(s.relid) >= {} \
             and s.schemaname not like 'pg\\_temp\\_%' and s.schemaname not like 'pg\\_toast\\_temp\\_%' \
             order by s.n_dead_tup desc, 1 limit {} ) as t on true",
            params.min_size.0.max(0.0).round(),
            params.top,
        );
        let variants = vec![SqlVariant::new(Dialect::Postgres, statement).since(1000)];
        vec![Probe { name: "tables".into(), ask: Ask::Sql(SqlAsk { variants, binds: Vec::new(), each_database: true }), limit: None }]
    }

    fn parse(_: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let tables = Records::of(seen, "tables", &[])?;
        let Some(first) = tables.iter().next() else {
            return Err(Unreadable::new("tables", "no database was asked"));
        };
        if first.boolean("standby")? {
            return Ok(Parsed::NotApplicable { what: "vacuum of its own (a standby repeats its primary's)" });
        }
        let rows = tables.iter().filter_map(|record| row_of_table(record).transpose());
        Ok(Parsed::Rows(rows.collect::<Result<_, _>>()?))
    }
}

/// The row of a table; `None` for the row that only proves that a database was asked.
fn row_of_table(record: Record<'_>) -> Result<Option<Row>, Unreadable> {
    let database = record.text("database")?;
    let Some(table) = record.maybe_text("table")? else { return Ok(None) };
    let (live, dead) = (record.amount("live")?, record.amount("dead")?);
    let vacuumed = match record.maybe_number("vacuumed")? {
        None => Value::Null,
        #[expect(clippy::cast_possible_truncation, reason = "checked by the conversion that follows")]
        Some(seconds) => {
            Value::Timestamp(DateTime::from_timestamp(seconds as i64, 0).ok_or_else(|| record.fault("vacuumed", "a moment out of range"))?)
        }
    };
    Ok(Some(
        Row::new()
            .text("database", database)
            .text("table", table)
            // A large table without any counted row has lost its statistics, by a crash for instance: 0 of 0 is null.
            .number("dead_pct", 100.0 * dead / (live + dead))
            .number("dead", dead)
            .number("live", live)
            .number("size_bytes", record.amount("size_bytes")?)
            .with("vacuumed", vacuumed),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows};

    #[test]
    fn dead_rows_are_a_share_of_all_rows() {
        for version in ["postgres-10", "postgres-15"] {
            let rows = rows::<PostgresBloat>("{}", version);
            assert_eq!(rows.len(), 2, "{version}");
            let events = row(&rows, "table", "s.events");
            assert!((number(events, "dead_pct") - 100.0 / 3.0).abs() < 0.01);
            assert_eq!(events.get("vacuumed"), Some(&Value::Null));
        }
    }

    #[test]
    fn databases_without_large_tables_were_asked_all_the_same() {
        assert_eq!(parse::<PostgresBloat>("{}", "postgres-15-no-large-table"), Ok(Parsed::Rows(Vec::new())));
    }

    #[test]
    fn a_standby_has_no_dead_rows_of_its_own() {
        assert!(matches!(parse::<PostgresBloat>("{}", "postgres-15-standby"), Ok(Parsed::NotApplicable { .. })));
    }

    #[test]
    fn a_table_whose_statistics_are_lost_has_no_share() {
        let columns = ["database", "table", "size_bytes", "live", "dead", "vacuumed"].map(str::to_owned).to_vec();
        let values = vec![
            Some("erp".to_owned()),
            Some("s.t".to_owned()),
            Some("900000000".to_owned()),
            Some("0".to_owned()),
            Some("0".to_owned()),
            None,
        ];
        let row = row_of_table(Record::new("tables", &columns, &values)).unwrap().unwrap();
        assert_eq!(row.get("dead_pct"), Some(&Value::Null));
    }
}
