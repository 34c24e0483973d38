//! Connections to a PostgreSQL server.

use super::no_params::NoParams;
use super::records::Records;
use super::rights::{PG_MAY_SEE, PG_MONITOR};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Connections to a PostgreSQL server.
pub struct PostgresConnections;

impl Check for PostgresConnections {
    const META: Meta = Meta {
        id: "postgres-connections",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Connections", "连接数"),
        asks: Text::new(
            "How many of the connections that an ordinary account can get are taken; those reserved for superusers do not count as free.",
            "普通账号可用的连接已占用多少；为超级用户保留的连接不计入可用数。",
        ),
        why: Text::new(
            "When the last connection is taken, applications get errors instead of data.",
            "连接用尽后，应用将无法连接数据库，业务直接报错。",
        ),
        advice: Text::new(
            "See who holds them in the list; end leaked sessions, set idle_in_transaction_session_timeout, put a pooler such as PgBouncer in between, or raise max_connections.",
            "查看连接来源列表，清理泄漏的会话，设置 idle_in_transaction_session_timeout，使用 PgBouncer 等连接池，或调大 max_connections。",
        ),
        source: Text::new(
            "operations standards: at most 80 % of the maximum; critical at 90 % by common use",
            "运维规范：连接数不超过最大值的 80%；90% 为通用严重阈值",
        ),
        fields: &[
            Field::new("used_pct", FieldType::Percent, "Used", "使用率"),
            Field::new("used", FieldType::Number, "Connections", "当前连接数"),
            Field::new("usable", FieldType::Number, "Available to applications", "应用可用上限"),
            Field::new("active", FieldType::Number, "Active", "活动"),
            Field::new("idle", FieldType::Number, "Idle", "空闲"),
            Field::new("idle_in_transaction", FieldType::Number, "Idle in transaction", "事务中空闲"),
            Field::new("held_by", FieldType::List, "Held by", "连接来源"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("used_pct > 80%"),
        crit: Some("used_pct > 90%"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        // Before version 12 the senders of replication took their connections from the same number.
        let totals = format!(
            "select {PG_MAY_SEE}, \
             (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int \
              - coalesce(current_setting('reserved_connections', true), '0')::int)::text as usable, \
             (count(*) filter (where backend_type = 'client backend' \
              or (backend_type = 'walsender' and current_setting('server_version_num')::int < 120000)))::text as used, \
             (count(*) filter (where backend_type = 'client backend' and state = 'active'))::text as active, \
             (count(*) filter (where backend_type = 'client backend' and state = 'idle'))::text as idle, \
             (count(*) filter (where backend_type = 'client backend' and state like 'idle in transaction%'))::text as idle_in_transaction \
             from pg_stat_activity"
        );
        let holders = "select coalesce(usename::text, '(none)') as account, coalesce(datname::text, '(none)') as database, \
             coalesce(host(client_addr), 'local') as client, count(*)::text as sessions \
             from pg_stat_activity where backend_type = 'client backend' \
             group by 1, 2, 3 order by count(*) desc, 1, 2, 3 limit 10";
        vec![
            Probe::sql("totals", vec![SqlVariant::new(Dialect::Postgres, totals).since(1000).grants(PG_MONITOR)]),
            Probe::sql("holders", vec![SqlVariant::new(Dialect::Postgres, holders).since(1000).grants(PG_MONITOR)]),
        ]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let totals = Records::of(seen, "totals", PG_MONITOR)?;
        let totals = totals.only()?;
        totals.proves_sight("may_see", seen, PG_MONITOR)?;
        let holders = Records::of(seen, "holders", PG_MONITOR)?;
        let mut held_by = Vec::new();
        for holder in holders.iter() {
            let (account, database, client) = (holder.text("account")?, holder.text("database")?, holder.text("client")?);
            held_by.push(format!("{account} · {database} · {client}: {}", holder.amount("sessions")?));
        }
        let (used, usable) = (totals.amount("used")?, totals.amount("usable")?);
        if usable <= 0.0 || used <= 0.0 {
            // Our own session is one of them.
            return Err(totals.fault("used", &format!("{used} of {usable} connections")));
        }
        let row = Row::new()
            .number("used_pct", 100.0 * used / usable)
            .number("used", used)
            .number("usable", usable)
            .number("active", totals.amount("active")?)
            .number("idle", totals.amount("idle")?)
            .number("idle_in_transaction", totals.amount("idle_in_transaction")?)
            .list("held_by", held_by);
        Ok(Parsed::Rows(vec![row]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows};
    use crate::model::Value;

    #[test]
    fn every_version_counts_connections_against_what_applications_can_get() {
        for version in ["postgres-10", "postgres-12", "postgres-15", "postgres-17"] {
            let rows = rows::<PostgresConnections>("{}", version);
            assert_eq!((number(&rows[0], "used"), number(&rows[0], "usable")), (1.0, 17.0), "{version}");
        }
    }

    #[test]
    fn a_busy_server_says_who_holds_them() {
        let rows = rows::<PostgresConnections>("{}", "postgres-15-busy");
        assert!(number(&rows[0], "used_pct") > 88.0);
        assert_eq!(rows[0].get("idle_in_transaction"), Some(&Value::Number(1.0)));
        let held_by = format!("{:?}", rows[0].get("held_by"));
        assert!(held_by.contains("erp_app · erp · local: 12"), "{held_by}");
    }

    #[test]
    fn an_account_that_sees_only_itself_does_not_count_one() {
        let refusal = parse::<PostgresConnections>("{}", "postgres-15-busy-without-right").unwrap_err();
        assert!(format!("{refusal:?}").contains("GRANT pg_monitor"), "{refusal:?}");
    }
}
