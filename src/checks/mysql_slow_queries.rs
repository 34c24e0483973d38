//! Slow queries of a MySQL or MariaDB server, from its own counter.

use super::daily_rate::{Counter, before, earlier, per_day};
use super::no_params::NoParams;
use super::records::Records;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// Slow queries of a MySQL or MariaDB server.
pub struct MysqlSlowQueries;

impl Check for MysqlSlowQueries {
    const META: Meta = Meta {
        id: "mysql-slow-queries",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Database,
        title: Text::new("Slow queries", "慢查询"),
        asks: Text::new(
            "How many queries a day take longer than long_query_time; the server counts them whether or not it logs them.",
            "每天有多少查询超过 long_query_time；无论是否开启慢日志，服务器都会计数。",
        ),
        why: Text::new(
            "Slow queries are what users wait for, and their growth announces most failures of a database.",
            "慢查询直接影响用户体验；慢查询增多是多数数据库故障的先兆。",
        ),
        advice: Text::new(
            "Turn on slow_query_log, summarise it with mysqldumpslow, take the worst statements to EXPLAIN and add indexes; set long_query_time to what your users bear.",
            "开启 slow_query_log，用 mysqldumpslow 汇总，对最慢的语句执行 EXPLAIN 并补充索引；把 long_query_time 设为业务可接受的时间。",
        ),
        source: Text::new(
            "operations standards: at most 10 a day; critical at 100 by common use; a long_query_time above the default of 10 s hides them",
            "运维规范：每天不超过 10 次；100 次为通用严重阈值；long_query_time 高于默认值 10 秒会掩盖慢查询",
        ),
        fields: &[
            Field::new("per_day", FieldType::Number, "Slow queries a day", "每天慢查询数"),
            Field::new("slow_queries", FieldType::Number, "Counted", "累计慢查询数"),
            Field::new("long_query_time", FieldType::Duration, "Slow from", "慢查询阈值"),
            Field::new("logged", FieldType::Boolean, "Slow query log is on", "慢日志已开启"),
            Field::new("since", FieldType::Timestamp, "Counted since", "统计起始时间"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("per_day > 10 or long_query_time > 10s"),
        crit: Some("per_day > 100"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let status = "show global status where variable_name in ('Slow_queries', 'Uptime')";
        let settings =
            "select cast(@@global.long_query_time as char) as long_query_time, cast(@@global.slow_query_log as char) as slow_query_log";
        let both = |statement: &'static str| [Dialect::Mysql, Dialect::Mariadb].map(|dialect| SqlVariant::new(dialect, statement)).to_vec();
        vec![Probe::sql("status", both(status)), Probe::sql("settings", both(settings))]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let status = Records::of(seen, "status", &[])?;
        let count = status.named_amount("Slow_queries")?;
        let since = before(seen.at, status.named_amount("Uptime")?)?;
        let settings = Records::of(seen, "settings", &[])?;
        let settings = settings.only()?;
        let rate = per_day(Counter { at: seen.at, count }, Some(since), earlier(seen, "slow_queries"));
        let row = Row::new()
            .with("per_day", rate.map_or(Value::Null, Value::Number))
            .number("slow_queries", count)
            .duration("long_query_time", settings.amount("long_query_time")?)
            .boolean("logged", settings.boolean("slow_query_log")?)
            .timestamp("since", since);
        Ok(if rate.is_some() { Parsed::Rows(vec![row]) } else { Parsed::NoEarlierValue(vec![row]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Earlier;
    use crate::checks::testing::{parse, parse_after};

    #[test]
    fn a_server_of_twenty_minutes_says_nothing_about_a_day() {
        assert!(matches!(parse::<MysqlSlowQueries>("{}", "mariadb-10.11"), Ok(Parsed::NoEarlierValue(_))));
    }

    #[test]
    fn after_a_restart_the_counter_of_the_last_run_is_not_compared() {
        let now = crate::checks::testing::recorded("mysql-slow-queries", "mariadb-10.11-slow").at;
        let earlier = Earlier { at: now - chrono::TimeDelta::days(1), rows: vec![Row::new().number("slow_queries", 1.0)] };
        let parsed = parse_after::<MysqlSlowQueries>("{}", "mariadb-10.11-slow", Some(&earlier));
        let Ok(Parsed::NoEarlierValue(rows)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(rows[0].get("slow_queries"), Some(&Value::Number(2.0)));
        assert_eq!(rows[0].get("long_query_time"), Some(&Value::Duration(0.1)));
        assert_eq!(rows[0].get("logged"), Some(&Value::Boolean(true)));
    }
}
