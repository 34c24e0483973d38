//! Sessions that wait for locks on a MySQL or MariaDB server.

use super::lock_waits::{Wait, grouped};
use super::no_params::NoParams;
use super::records::Records;
use super::rights::MYSQL_PROCESS;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Target, Text};

/// Sessions that wait for locks on a MySQL or MariaDB server.
pub struct MysqlLocks;

/// MySQL 8 moved who waits for whom into the performance schema.
const MYSQL_8: &[&str] = &["GRANT PROCESS ON *.* TO {user}", "GRANT SELECT ON performance_schema.data_lock_waits TO {user}"];

impl Check for MysqlLocks {
    const META: Meta = Meta {
        id: "mysql-locks",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Database,
        title: Text::new("Lock waits", "锁等待"),
        asks: Text::new(
            "For each database, how many sessions wait for a row lock or a metadata lock, how long the longest has been waiting, and who blocks it.",
            "按数据库统计：多少会话在等待行锁或元数据锁，最长等待多久，被谁阻塞。",
        ),
        why: Text::new(
            "Users see a hanging application; behind one forgotten transaction a whole shop can queue up.",
            "用户看到的是系统卡死；一个未提交的事务即可阻塞整个业务。",
        ),
        advice: Text::new(
            "Let the owner of the blocking session commit, or end it with KILL ID; keep transactions short and run schema changes with lock_wait_timeout set.",
            "联系阻塞会话的负责人提交事务，或执行 KILL 线程号；缩短事务，变更表结构时设置 lock_wait_timeout。",
        ),
        source: Text::new(
            "common use: users give up after half a minute, and five minutes are an outage",
            "通用经验：用户等待半分钟即放弃，五分钟视为业务中断",
        ),
        fields: &[
            Field::new("database", FieldType::Text, "Database", "数据库"),
            Field::new("longest_wait", FieldType::Duration, "Longest wait", "最长等待"),
            Field::new("waiting", FieldType::Number, "Waiting sessions", "等待会话数"),
            Field::new("details", FieldType::List, "Who waits for whom", "阻塞关系"),
        ],
        key: &["database"],
        rows_are: RowsAre::Problems,
        warn: Some("longest_wait > 30s"),
        crit: Some("longest_wait > 5m"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let sight = "select cast(count(*) as char) as transactions from information_schema.innodb_trx";
        let both = [Dialect::Mysql, Dialect::Mariadb].map(|dialect| SqlVariant::new(dialect, sight).grants(MYSQL_PROCESS));
        let old = || waits("information_schema.innodb_lock_waits", "requesting_trx_id", "blocking_trx_id");
        let new = waits("performance_schema.data_lock_waits", "requesting_engine_transaction_id", "blocking_engine_transaction_id");
        vec![
            Probe::sql("sight", both.to_vec()),
            Probe::sql(
                "waits",
                vec![
                    SqlVariant::new(Dialect::Mysql, new).since(800).grants(MYSQL_8),
                    SqlVariant::new(Dialect::Mysql, old()).grants(MYSQL_PROCESS),
                    SqlVariant::new(Dialect::Mariadb, old()).grants(MYSQL_PROCESS),
                ],
            ),
        ]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        Records::of(seen, "sight", MYSQL_PROCESS)?.only()?.amount("transactions")?;
        let waits = Records::of(seen, "waits", MYSQL_8)?;
        let waits = waits.iter().map(Wait::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Parsed::Rows(grouped(waits)))
    }
}

/// Waits for row locks, and for metadata locks, which only the state of the thread shows.
fn waits(table: &str, waiting: &str, blocking: &str) -> String {
    format!(
        "select coalesce(p.db, '(none)') as `database`, p.user as account, cast(p.id as char) as session, \
         cast(greatest(0, timestampdiff(second, t.trx_wait_started, now())) as char) as seconds, left(p.info, 400) as statement, \
         (select group_concat(distinct concat(bp.user, ' #', bp.id, ' (', lower(bp.command), ')') separator ', ') \
          from {table} w join information_schema.innodb_trx b on b.trx_id = w.{blocking} \
          join information_schema.processlist bp on bp.id = b.trx_mysql_thread_id where w.{waiting} = t.trx_id) as blockers \
         from information_schema.innodb_trx t join information_schema.processlist p on p.id = t.trx_mysql_thread_id \
         where t.trx_state = 'LOCK WAIT' \
         union all \
         select coalesce(p.db, '(none)'), p.user, cast(p.id as char), cast(greatest(0, p.time) as char), left(p.info, 400), p.state \
         from information_schema.processlist p where p.state like 'Waiting for %lock' or p.state = 'Waiting for table flush'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows};

    #[test]
    fn row_locks_and_metadata_locks_are_both_waits() {
        let rows = rows::<MysqlLocks>("{}", "mariadb-10.11-busy");
        assert_eq!((number(&rows[0], "waiting"), number(&rows[0], "longest_wait")), (2.0, 7.0));
        let details = format!("{:?}", rows[0].get("details"));
        assert!(details.contains("← root #") && details.contains("metadata lock"), "{details}");
    }

    #[test]
    fn no_waits_is_an_answer_only_for_those_who_may_look() {
        assert_eq!(parse::<MysqlLocks>("{}", "mariadb-10.11"), Ok(Parsed::Rows(Vec::new())));
        assert!(parse::<MysqlLocks>("{}", "mariadb-10.11-without-right").is_err());
    }
}
