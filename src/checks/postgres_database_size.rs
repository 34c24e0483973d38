//! Sizes of the databases of a PostgreSQL server.

use super::no_params::NoParams;
use super::records::Records;
use super::rights::PG_MONITOR;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Sizes of the databases of a PostgreSQL server.
pub struct PostgresDatabaseSize;

impl Check for PostgresDatabaseSize {
    const META: Meta = Meta {
        id: "postgres-database-size",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Database size", "数据库容量"),
        asks: Text::new("How much space each database takes on disk; templates are left out.", "各数据库占用的磁盘空间（不含模板库）。"),
        why: Text::new(
            "Capacity is planned from growth: what grows unnoticed fills the volume at night.",
            "容量规划依赖增长数据；未被察觉的增长会突然写满磁盘。",
        ),
        advice: Text::new(
            "Find the largest tables with pg_total_relation_size, archive or partition what is old, or extend the volume.",
            "用 pg_total_relation_size 找出最大的表，归档或分区历史数据，或扩容。",
        ),
        source: Text::new(
            "no size is too large in itself: judge the growth with `trend:`, or set a limit that fits the volume",
            "容量本身无通用阈值：用 `trend:` 判断增长，或按磁盘容量设置上限",
        ),
        fields: &[
            Field::new("database", FieldType::Text, "Database", "数据库"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "容量"),
        ],
        key: &["database"],
        rows_are: RowsAre::Things,
        warn: None,
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let statement = "select datname::text as database, pg_database_size(oid)::text as size_bytes \
             from pg_database where not datistemplate and datallowconn order by datname";
        vec![Probe::sql("sizes", vec![SqlVariant::new(Dialect::Postgres, statement).since(1000).grants(PG_MONITOR)])]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let sizes = Records::of(seen, "sizes", PG_MONITOR)?;
        let row = |database: &str, bytes| Row::new().text("database", database).number("size_bytes", bytes);
        let rows = sizes.iter().map(|record| Ok(row(record.text("database")?, record.amount("size_bytes")?)));
        Ok(Parsed::Rows(rows.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{parse, row, rows};
    use crate::model::Value;

    #[test]
    fn each_database_has_its_size() {
        let rows = rows::<PostgresDatabaseSize>("{}", "postgres-15");
        assert_eq!(row(&rows, "database", "erp").get("size_bytes"), Some(&Value::Number(16_802_307.0)));
        assert_eq!(rows.len(), 3);
    }

    #[test]
    fn a_database_that_may_not_be_measured_is_an_error_with_the_grant() {
        let refusal = parse::<PostgresDatabaseSize>("{}", "postgres-15-without-right").unwrap_err();
        assert!(format!("{refusal:?}").contains("GRANT pg_monitor"), "{refusal:?}");
    }
}
