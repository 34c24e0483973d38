//! Sizes of the databases of a MySQL or MariaDB server.

use super::no_params::NoParams;
use super::records::Records;
use super::rights::{MYSQL_MAY_SEE, MYSQL_REFERENCES};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Sizes of the databases of a MySQL or MariaDB server.
pub struct MysqlDatabaseSize;

impl Check for MysqlDatabaseSize {
    const META: Meta = Meta {
        id: "mysql-database-size",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Database,
        title: Text::new("Database size", "数据库容量"),
        asks: Text::new(
            "How much space the tables and indexes of each database take, by the server's statistics (MySQL 8 renews them once a day), and how much of it is free inside the files.",
            "各数据库的表和索引占用的空间，以及文件内的空闲空间；数据来自服务器统计信息（MySQL 8 每天更新一次）。",
        ),
        why: Text::new(
            "Capacity is planned from growth: what grows unnoticed fills the volume at night.",
            "容量规划依赖增长数据；未被察觉的增长会突然写满磁盘。",
        ),
        advice: Text::new(
            "Find the largest tables in information_schema.tables, archive or partition what is old, give free space back with OPTIMIZE TABLE in a window, or extend the volume.",
            "在 information_schema.tables 中找出最大的表，归档或分区历史数据，在维护窗口用 OPTIMIZE TABLE 回收空间，或扩容。",
        ),
        source: Text::new(
            "no size is too large in itself: judge the growth with `trend:`, or set a limit that fits the volume",
            "容量本身无通用阈值：用 `trend:` 判断增长，或按磁盘容量设置上限",
        ),
        fields: &[
            Field::new("database", FieldType::Text, "Database", "数据库"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "容量"),
            Field::new("index_bytes", FieldType::Bytes, "Of it indexes", "其中索引"),
            Field::new("free_bytes", FieldType::Bytes, "Free inside", "内部空闲"),
            Field::new("tables", FieldType::Number, "Tables", "表数量"),
        ],
        key: &["database"],
        rows_are: RowsAre::Things,
        warn: None,
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        // A table that the server cannot open has no engine here, and no size.
        let sizes = "select table_schema as `database`, cast(sum(data_length + index_length) as char) as size_bytes, \
             cast(sum(index_length) as char) as index_bytes, cast(sum(data_free) as char) as free_bytes, cast(count(*) as char) as tables, \
             cast(sum(engine is null) as char) as unreadable \
             from information_schema.tables where table_type in ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') \
             and table_schema not in ('information_schema', 'performance_schema', 'sys') group by table_schema order by table_schema";
        let both = |statement: &'static str| {
            [Dialect::Mysql, Dialect::Mariadb].map(|dialect| SqlVariant::new(dialect, statement).grants(MYSQL_REFERENCES)).to_vec()
        };
        vec![Probe::sql("sight", both(MYSQL_MAY_SEE)), Probe::sql("sizes", both(sizes))]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        Records::of(seen, "sight", MYSQL_REFERENCES)?.only()?.proves_sight("may_see", seen, MYSQL_REFERENCES)?;
        let sizes = Records::of(seen, "sizes", MYSQL_REFERENCES)?;
        let mut rows = Vec::new();
        for record in sizes.iter() {
            let database = record.text("database")?;
            if record.amount("unreadable")? > 0.0 {
                let detail = format!("the server itself cannot open some tables of {database}: run CHECK TABLE");
                return Err(Unreadable::new("sizes", detail));
            }
            rows.push(
                Row::new()
                    .text("database", database)
                    .number("size_bytes", record.amount("size_bytes")?)
                    .number("index_bytes", record.amount("index_bytes")?)
                    .number("free_bytes", record.amount("free_bytes")?)
                    .number("tables", record.amount("tables")?),
            );
        }
        Ok(Parsed::Rows(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows};

    #[test]
    fn each_database_has_its_size() {
        let rows = rows::<MysqlDatabaseSize>("{}", "mariadb-10.11");
        let erp = row(&rows, "database", "erp");
        assert_eq!((number(erp, "size_bytes"), number(erp, "tables")), (1_622_016.0, 3.0));
    }

    #[test]
    fn tables_that_are_hidden_are_not_small() {
        let refusal = parse::<MysqlDatabaseSize>("{}", "mariadb-10.11-without-right").unwrap_err();
        assert!(format!("{refusal:?}").contains("GRANT REFERENCES"), "{refusal:?}");
    }
}
