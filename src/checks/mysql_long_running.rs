//! Statements and transactions that have been open for long on a MySQL or MariaDB server.

use super::no_params::NoParams;
use super::records::Records;
use super::rights::MYSQL_PROCESS;
use super::sessions::{Open, grouped};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Target, Text};

/// Statements and transactions that have been open for long on a MySQL or MariaDB server.
pub struct MysqlLongRunning;

impl Check for MysqlLongRunning {
    const META: Meta = Meta {
        id: "mysql-long-running",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Database,
        title: Text::new("Long-running statements", "长时间运行的语句"),
        asks: Text::new(
            "For each database and account, how long its longest statement has been running, and how long an InnoDB transaction has been left idle.",
            "按数据库和账号统计：运行最久的语句已运行多久，以及 InnoDB 事务空闲未提交已持续多久。",
        ),
        why: Text::new(
            "They hold locks, let the undo log grow, and often are the first sign of a failure to come.",
            "长语句和长事务持有锁、使 undo 日志膨胀，往往是故障的先兆。",
        ),
        advice: Text::new(
            "Look at the statement with EXPLAIN, add the missing index, or end it with KILL QUERY ID; set max_execution_time (MariaDB: max_statement_time) and commit sooner.",
            "用 EXPLAIN 分析语句并补充索引，必要时执行 KILL QUERY 线程号；设置 max_execution_time（MariaDB 为 max_statement_time），尽早提交事务。",
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
        // Without PROCESS the list of threads shows our own and says nothing; the list of transactions refuses,
        // so this statement is refused as a whole. `sight` proves it apart from any optimizer.
        let sight = "select cast(count(*) as char) as transactions from information_schema.innodb_trx";
        let open = "select coalesce(p.db, '(none)') as `database`, p.user as account, \
             case when p.command = 'Sleep' then 'idle in transaction' else 'running' end as doing, \
             cast(p.id as char) as session, cast(p.time as char) as seconds, left(p.info, 400) as statement \
             from information_schema.processlist p \
             left join information_schema.innodb_trx t on t.trx_mysql_thread_id = p.id \
             where p.id <> connection_id() and p.user not in ('system user', 'event_scheduler', 'unauthenticated user') \
             and p.command not in ('Daemon', 'Binlog Dump', 'Binlog Dump GTID', 'Connect', 'Slave_IO', 'Slave_SQL', 'Slave_worker') \
             and (p.command <> 'Sleep' or t.trx_id is not null) order by p.time desc";
        let both = |statement: &'static str| {
            [Dialect::Mysql, Dialect::Mariadb].map(|dialect| SqlVariant::new(dialect, statement).grants(MYSQL_PROCESS)).to_vec()
        };
        vec![Probe::sql("sight", both(sight)), Probe::sql("open", both(open))]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        Records::of(seen, "sight", MYSQL_PROCESS)?.only()?.amount("transactions")?;
        let open = Records::of(seen, "open", MYSQL_PROCESS)?;
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
        let rows = rows::<MysqlLongRunning>("{}", "mariadb-10.11-busy");
        let app = row(&rows, "account", "erp_app");
        assert_eq!((text(app, "doing"), number(app, "sessions"), number(app, "longest")), ("running", 2.0, 7.0));
        assert!(rows.iter().any(|row| text(row, "doing") == "idle in transaction"));
        assert!(!format!("{rows:?}").contains("Brien"));
    }

    #[test]
    fn none_running_is_an_answer_only_for_those_who_may_look() {
        assert_eq!(parse::<MysqlLongRunning>("{}", "mariadb-10.11"), Ok(Parsed::Rows(Vec::new())));
        for name in ["mariadb-10.11-without-right", "mariadb-10.11-busy-without-right"] {
            let refusal = parse::<MysqlLongRunning>("{}", name).unwrap_err();
            assert!(format!("{refusal:?}").contains("GRANT PROCESS"), "{refusal:?}");
        }
    }
}
