//! Statements and transactions that have been open for long on a PostgreSQL server.

use super::no_params::NoParams;
use super::records::Records;
use super::rights::{PG_MAY_SEE, PG_MONITOR};
use super::sessions::{Open, grouped};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Target, Text};

/// Statements and transactions that have been open for long on a PostgreSQL server.
pub struct PostgresLongRunning;

impl Check for PostgresLongRunning {
    const META: Meta = Meta {
        id: "postgres-long-running",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Long-running statements", "长时间运行的语句"),
        asks: Text::new(
            "For each database and account, how long its longest statement has been running, and how long a transaction has been left idle.",
            "按数据库和账号统计：运行最久的语句已运行多久，以及事务空闲未提交已持续多久。",
        ),
        why: Text::new(
            "They hold locks, keep vacuum from cleaning up, and often are the first sign of a failure to come.",
            "长语句和长事务持有锁、阻碍 vacuum 清理死元组，往往是故障的先兆。",
        ),
        advice: Text::new(
            "Look at the statement with EXPLAIN, add the missing index, or end it with pg_cancel_backend(PID); set statement_timeout and idle_in_transaction_session_timeout.",
            "用 EXPLAIN 分析语句并补充索引，必要时执行 pg_cancel_backend(PID)；设置 statement_timeout 和 idle_in_transaction_session_timeout。",
        ),
        source: Text::new(
            "60 s in common use; no transaction of a business application lasts an hour",
            "60 秒为通用阈值；正常业务事务不会持续一小时",
        ),
        fields: &[
            Field::new("database", FieldType::Text, "Database", "数据库"),
            Field::new("account", FieldType::Text, "Account", "账号"),
            Field::new("doing", FieldType::Text, "State", "状态"),
            Field::new("longest", FieldType::Duration, "Longest", "最长时间"),
            Field::new("sessions", FieldType::Number, "Sessions", "会话数"),
            Field::new("details", FieldType::List, "Details", "明细"),
        ],
        key: &["database", "account", "doing"],
        rows_are: RowsAre::Problems,
        warn: Some("longest > 60s"),
        crit: Some("longest > 1h"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let sight = format!(
            "select {PG_MAY_SEE}, (count(*) filter (where state = 'disabled'))::text as untracked \
             from pg_stat_activity where backend_type = 'client backend'"
        );
        let open = "select coalesce(datname::text, '(none)') as database, coalesce(usename::text, '(none)') as account, \
             case when state like 'idle in transaction%' then 'idle in transaction' else 'running' end as doing, pid::text as session, \
             round(greatest(0, extract(epoch from clock_timestamp() - \
             case when state like 'idle in transaction%' then state_change else query_start end))::numeric, 3)::text as seconds, \
             left(query, 400) as statement \
             from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() \
             and (state in ('active', 'fastpath function call') or state like 'idle in transaction%') \
             order by 5 desc";
        vec![
            Probe::sql("sight", vec![SqlVariant::new(Dialect::Postgres, sight).since(1000).grants(PG_MONITOR)]),
            Probe::sql("open", vec![SqlVariant::new(Dialect::Postgres, open).since(1000).grants(PG_MONITOR)]),
        ]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let sight = Records::of(seen, "sight", PG_MONITOR)?;
        let sight = sight.only()?;
        sight.proves_sight("may_see", seen, PG_MONITOR)?;
        if sight.amount("untracked")? > 0.0 {
            return Err(Unreadable::new("what sessions are doing", "track_activities is off for some of them"));
        }
        let open = Records::of(seen, "open", PG_MONITOR)?;
        let open = open.iter().map(Open::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Parsed::Rows(grouped(open)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows, text};

    #[test]
    fn statements_and_idle_transactions_are_told_apart() {
        for name in ["postgres-12-busy", "postgres-15-busy"] {
            let rows = rows::<PostgresLongRunning>("{}", name);
            assert_eq!(rows.len(), 3, "{name}");
            let app = row(&rows, "account", "erp_app");
            assert_eq!((text(app, "doing"), number(app, "sessions")), ("running", 2.0));
            assert_eq!(text(row(&rows, "account", "batch"), "doing"), "idle in transaction");
            assert!(rows.iter().all(|row| number(row, "longest") > 6.0));
        }
    }

    #[test]
    fn what_customers_are_called_is_not_in_the_report() {
        let rows = format!("{:?}", rows::<PostgresLongRunning>("{}", "postgres-15-busy"));
        assert!(!rows.contains("Brien") && !rows.contains("secret text"), "{rows}");
    }

    #[test]
    fn none_running_is_an_answer_only_for_those_who_may_look() {
        assert_eq!(parse::<PostgresLongRunning>("{}", "postgres-15-none"), Ok(Parsed::Rows(Vec::new())));
        for name in ["postgres-15-without-right", "postgres-15-busy-without-right"] {
            assert!(parse::<PostgresLongRunning>("{}", name).is_err(), "{name}");
        }
    }
}
