//! Age of the oldest transaction ids of a PostgreSQL server.

use super::no_params::NoParams;
use super::records::Records;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Age of the oldest transaction ids of a PostgreSQL server.
pub struct PostgresXidAge;

/// Ids that lie ahead of the oldest one: half of the 32-bit circle. The server refuses to write shortly before.
const IDS: f64 = 2_147_483_648.0;

impl Check for PostgresXidAge {
    const META: Meta = Meta {
        id: "postgres-xid-age",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Transaction id age", "事务 ID 年龄"),
        asks: Text::new(
            "How much of the transaction ids, and of the multixact ids, each database has used since its oldest row was frozen; templates count too.",
            "各数据库自最旧行冻结以来消耗的事务 ID 和 MultiXact ID 占比（含模板库）。",
        ),
        why: Text::new(
            "When they run out, the server takes no more writes until a vacuum of hours has ended.",
            "事务 ID 耗尽时（回卷），数据库将拒绝写入，需数小时的 VACUUM 才能恢复。",
        ),
        advice: Text::new(
            "Run VACUUM (FREEZE) on the oldest tables, first ending what holds vacuum back: old transactions, prepared transactions, unused replication slots.",
            "对最旧的表执行 VACUUM (FREEZE)，并先处理阻碍清理的长事务、预备事务和废弃复制槽。",
        ),
        source: Text::new(
            "50 % and 80 % in common use; autovacuum freezes at 10 % unless something keeps it from doing so",
            "50%、80% 为通用阈值；正常情况下 autovacuum 在约 10% 时即开始冻结",
        ),
        fields: &[
            Field::new("database", FieldType::Text, "Database", "数据库"),
            Field::new("used_pct", FieldType::Percent, "Transaction ids used", "事务 ID 使用率"),
            Field::new("multixact_pct", FieldType::Percent, "Multixact ids used", "MultiXact 使用率"),
            Field::new("xid_age", FieldType::Number, "Age", "事务 ID 年龄"),
            Field::new("multixact_age", FieldType::Number, "Multixact age", "MultiXact 年龄"),
        ],
        key: &["database"],
        rows_are: RowsAre::Things,
        warn: Some("used_pct > 50% or multixact_pct > 50%"),
        crit: Some("used_pct > 80% or multixact_pct > 80%"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let statement = "select datname::text as database, age(datfrozenxid)::text as xid_age, \
             mxid_age(datminmxid)::text as multixact_age from pg_database order by datname";
        vec![Probe::sql("ages", vec![SqlVariant::new(Dialect::Postgres, statement).since(1000)])]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let ages = Records::of(seen, "ages", &[])?;
        let mut rows = Vec::new();
        for record in ages.iter() {
            let (xid_age, multixact_age) = (record.amount("xid_age")?, record.amount("multixact_age")?);
            rows.push(
                Row::new()
                    .text("database", record.text("database")?)
                    .number("used_pct", 100.0 * xid_age / IDS)
                    .number("multixact_pct", 100.0 * multixact_age / IDS)
                    .number("xid_age", xid_age)
                    .number("multixact_age", multixact_age),
            );
        }
        Ok(Parsed::Rows(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, row, rows};

    #[test]
    fn templates_age_too() {
        for version in ["postgres-10", "postgres-12", "postgres-15", "postgres-15-standby", "postgres-17"] {
            let rows = rows::<PostgresXidAge>("{}", version);
            let template = row(&rows, "database", "template0");
            assert!(number(template, "xid_age") > 0.0 && number(template, "used_pct") < 0.001, "{version}");
        }
    }

    #[test]
    fn the_age_is_measured_against_half_of_the_ids() {
        let rows = rows::<PostgresXidAge>("{}", "postgres-15");
        let erp = row(&rows, "database", "erp");
        assert!((number(erp, "used_pct") - 70.0 / 21_474_836.48).abs() < 1e-12);
    }
}
