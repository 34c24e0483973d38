//! Sessions that wait for locks on a PostgreSQL server.

use super::lock_waits::{Wait, grouped};
use super::no_params::NoParams;
use super::records::Records;
use super::rights::{PG_MAY_SEE, PG_MONITOR};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Target, Text};

/// Sessions that wait for locks on a PostgreSQL server.
pub struct PostgresLocks;

impl Check for PostgresLocks {
    const META: Meta = Meta {
        id: "postgres-locks",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Lock waits", "锁等待"),
        asks: Text::new(
            "For each database, how many sessions wait for a lock, how long the longest has been waiting, and who blocks it.",
            "按数据库统计：多少会话在等待锁，最长等待多久，被谁阻塞。",
        ),
        why: Text::new(
            "Users see a hanging application; behind one forgotten transaction a whole shop can queue up.",
            "用户看到的是系统卡死；一个未提交的事务即可阻塞整个业务。",
        ),
        advice: Text::new(
            "Let the owner of the blocking session commit, or end it with pg_terminate_backend(PID); keep transactions short and run schema changes with lock_timeout set.",
            "联系阻塞会话的负责人提交事务，或执行 pg_terminate_backend(PID)；缩短事务，变更表结构时设置 lock_timeout。",
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
        let sight = format!("select {PG_MAY_SEE}");
        // The moment a wait began is null in its first instants, and unknown before version 14:
        // there the statement's own start is the earliest that it can be.
        let exact = waits("(select min(coalesce(l.waitstart, clock_timestamp())) from pg_locks l where l.pid = w.pid and not l.granted)");
        let earliest = waits("w.query_start");
        vec![
            Probe::sql("sight", vec![SqlVariant::new(Dialect::Postgres, sight).since(1000).grants(PG_MONITOR)]),
            Probe::sql(
                "waits",
                vec![
                    SqlVariant::new(Dialect::Postgres, exact).since(1400).grants(PG_MONITOR),
                    SqlVariant::new(Dialect::Postgres, earliest).since(1000).grants(PG_MONITOR),
                ],
            ),
        ]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        Records::of(seen, "sight", PG_MONITOR)?.only()?.proves_sight("may_see", seen, PG_MONITOR)?;
        let waits = Records::of(seen, "waits", PG_MONITOR)?;
        let waits = waits.iter().map(Wait::read).collect::<Result<Vec<_>, _>>()?;
        Ok(Parsed::Rows(grouped(waits)))
    }
}

/// The sessions that wait, given the expression for when their wait began. A blocker with process id 0 is a prepared transaction.
fn waits(since: &str) -> String {
    format!(
        "select coalesce(w.datname::text, '(none)') as database, coalesce(w.usename::text, '(none)') as account, w.pid::text as session, \
         round(coalesce(greatest(0, extract(epoch from clock_timestamp() - {since})), 0)::numeric, 3)::text as seconds, \
         left(w.query, 400) as statement, \
         (select string_agg(distinct coalesce(format('%s #%s (%s)', b.usename, b.pid, b.state), 'a prepared transaction'), ', ') \
          from unnest(pg_blocking_pids(w.pid)) as blocker(pid) left join pg_stat_activity b on b.pid = blocker.pid) as blockers \
         from pg_stat_activity w where w.wait_event_type = 'Lock' order by 4 desc"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows};
    use crate::model::Value;

    #[test]
    fn waits_name_their_blockers() {
        for name in ["postgres-12-busy", "postgres-15-busy"] {
            let rows = rows::<PostgresLocks>("{}", name);
            assert_eq!(rows.len(), 1, "{name}");
            assert_eq!(rows[0].get("waiting"), Some(&Value::Number(2.0)));
            assert!(number(&rows[0], "longest_wait") > 6.0);
            let details = format!("{:?}", rows[0].get("details"));
            assert!(details.contains("← batch #") && details.contains("(idle in transaction)"), "{details}");
        }
    }

    #[test]
    fn no_waits_is_an_answer_only_for_those_who_may_look() {
        assert_eq!(parse::<PostgresLocks>("{}", "postgres-15-none"), Ok(Parsed::Rows(Vec::new())));
        assert!(parse::<PostgresLocks>("{}", "postgres-15-without-right").is_err());
    }
}
