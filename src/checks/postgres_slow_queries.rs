//! Slow statements of a PostgreSQL server, from `pg_stat_statements`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::daily_rate::{Counter, before, earlier, per_day};
use super::records::{Record, Records};
use super::rights::{PG_MAY_SEE, PG_MONITOR};
use super::statement_text::shown;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, FailKind, SqlVariant};
use crate::model::unit::show_duration;
use crate::model::{Ended, FieldType, Kind, Message, Probe, Row, Target, Text, Value};
use crate::quantity::Seconds;

/// Slow statements of a PostgreSQL server.
pub struct PostgresSlowQueries;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// A statement is slow when its executions take at least this long on average.
    #[serde(default = "one_second")]
    slow: Seconds,
}

fn one_second() -> Seconds {
    Seconds(1.0)
}

/// Where nothing counts statements, nobody knows how many were slow: that is an error with its remedy.
const REMEDY: &str = "pg_stat_statements: set shared_preload_libraries = 'pg_stat_statements', restart, and run \
     CREATE EXTENSION pg_stat_statements in the database that is inspected";

impl Check for PostgresSlowQueries {
    const META: Meta = Meta {
        id: "postgres-slow-queries",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Slow queries", "慢查询"),
        asks: Text::new(
            "How often a day statements run that take a second or more on average (`slow`), by pg_stat_statements.",
            "每天执行多少次平均耗时超过一秒（可用 `slow` 调整）的语句，数据来自 pg_stat_statements。",
        ),
        why: Text::new(
            "Slow queries are what users wait for, and their growth announces most failures of a database.",
            "慢查询直接影响用户体验；慢查询增多是多数数据库故障的先兆。",
        ),
        advice: Text::new(
            "Take the statements from the list to EXPLAIN (ANALYZE, BUFFERS); add indexes, refresh statistics with ANALYZE, rewrite what reads more than it needs.",
            "对列表中的语句执行 EXPLAIN (ANALYZE, BUFFERS)，补充索引，用 ANALYZE 更新统计信息，改写读取过多数据的语句。",
        ),
        source: Text::new(
            "operations standards: at most 10 a day; critical at 100 by common use",
            "运维规范：每天不超过 10 次；100 次为通用严重阈值",
        ),
        fields: &[
            Field::new("per_day", FieldType::Number, "Slow queries a day", "每天慢查询数"),
            Field::new("statements", FieldType::Number, "Different statements", "语句种类"),
            Field::new("calls", FieldType::Number, "Executions counted", "累计执行次数"),
            Field::new("slow", FieldType::Duration, "Slow from", "慢查询阈值"),
            Field::new("since", FieldType::Timestamp, "Counted since", "统计起始时间"),
            Field::new("worst", FieldType::List, "Most executed", "执行最多的慢语句"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("per_day > 10"),
        crit: Some("per_day > 100"),
        example: r#"{ "slow": "500ms" }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        let slow_ms = params.slow.0.max(0.0) * 1000.0;
        let variants = |statement: &dyn Fn(u32) -> String| {
            let variant = |since| SqlVariant::new(Dialect::Postgres, statement(since)).since(since).grants(PG_MONITOR);
            [1400, 1300, 1000].map(variant).to_vec()
        };
        vec![Probe::sql("totals", variants(&|since| totals(since, slow_ms))), Probe::sql("worst", variants(&|since| worst(since, slow_ms)))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let totals = answered(seen, "totals")?;
        let totals = totals.only()?;
        totals.proves_sight("may_see", seen, PG_MONITOR)?;
        if totals.text("track")? == "none" || totals.maybe_text("query_ids")? == Some("off") {
            return Err(Unreadable::new(
                "pg_stat_statements",
                "it counts nothing: pg_stat_statements.track is none, or compute_query_id is off",
            ));
        }
        let worst = answered(seen, "worst")?;
        let worst = worst.iter().map(sentence).collect::<Result<Vec<_>, _>>()?;

        let calls = totals.amount("calls")?;
        let since = totals.maybe_amount("age")?.map(|age| before(seen.at, age)).transpose()?;
        let rate = per_day(Counter { at: seen.at, count: calls }, since, earlier(seen, "calls"));
        let row = Row::new()
            .with("per_day", rate.map_or(Value::Null, Value::Number))
            .number("statements", totals.amount("statements")?)
            .number("calls", calls)
            .duration("slow", params.slow.0)
            .with("since", since.map_or(Value::Null, Value::Timestamp))
            .list("worst", worst);
        Ok(if rate.is_some() { Parsed::Rows(vec![row]) } else { Parsed::NoEarlierValue(vec![row]) })
    }
}

/// The column with the average time of an execution in milliseconds: version 13 renamed it when it began to count planning too.
fn mean_column(since: u32) -> &'static str {
    if since >= 1300 { "mean_exec_time" } else { "mean_time" }
}

fn totals(since: u32, slow_ms: f64) -> String {
    let mean = mean_column(since);
    let age = if since >= 1400 {
        "(select round(extract(epoch from clock_timestamp() - stats_reset))::text from pg_stat_statements_info)"
    } else {
        "null::text"
    };
    format!(
        "select {PG_MAY_SEE}, current_setting('pg_stat_statements.track') as track, current_setting('compute_query_id', true) as query_ids, \
         {age} as age, (count(*) filter (where {mean} >= {slow_ms}))::text as statements, \
         (coalesce(sum(calls) filter (where {mean} >= {slow_ms}), 0))::text as calls from pg_stat_statements"
    )
}

fn worst(since: u32, slow_ms: f64) -> String {
    let mean = mean_column(since);
    format!(
        "select coalesce(d.datname::text, '(dropped)') as database, s.queryid::text as query_id, s.calls::text as calls, \
         round((s.{mean} / 1000)::numeric, 3)::text as mean, left(s.query, 400) as statement \
         from pg_stat_statements s left join pg_database d on d.oid = s.dbid \
         where s.{mean} >= {slow_ms} order by s.calls desc, s.queryid limit 10"
    )
}

fn answered(seen: &Seen<'_>, probe: &'static str) -> Result<Records, Unreadable> {
    if let Ended::Failed { kind: FailKind::Missing | FailKind::Other, detail } = &seen.capture(probe)?.ended
        && detail.raw().contains("pg_stat_statements")
    {
        return Err(Unreadable(Message::NeedsRight { needs: REMEDY.to_owned() }));
    }
    Records::of(seen, probe, PG_MONITOR)
}

fn sentence(record: Record<'_>) -> Result<String, Unreadable> {
    let (database, id, calls, mean) = (record.text("database")?, record.text("query_id")?, record.amount("calls")?, record.amount("mean")?);
    Ok(format!("{database} · {id} · {calls} × {} · {}", show_duration(mean), shown(record.text("statement")?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Earlier;
    use crate::checks::testing::{parse, parse_after};

    fn skipped(name: &str) -> Row {
        match parse::<PostgresSlowQueries>("{}", name) {
            Ok(Parsed::NoEarlierValue(mut rows)) => rows.remove(0),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn every_version_counts_slow_statements() {
        for (name, calls) in [("postgres-10", 3.0), ("postgres-12", 6.0), ("postgres-15", 6.0), ("postgres-17", 3.0)] {
            // Half an hour of statistics says nothing about a day.
            assert_eq!(skipped(name).get("calls"), Some(&Value::Number(calls)), "{name}");
        }
    }

    #[test]
    fn the_rate_is_that_of_the_time_since_the_last_run() {
        let now = crate::checks::testing::recorded("postgres-slow-queries", "postgres-10").at;
        let earlier = Earlier { at: now - chrono::TimeDelta::hours(6), rows: vec![Row::new().number("calls", 1.0)] };
        let parsed = parse_after::<PostgresSlowQueries>("{}", "postgres-10", Some(&earlier));
        let Ok(Parsed::Rows(rows)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(rows[0].get("per_day"), Some(&Value::Number(8.0)));
    }

    #[test]
    fn nobody_counting_is_an_error_with_its_remedy() {
        let refusal = parse::<PostgresSlowQueries>("{}", "postgres-15-no-extension").unwrap_err();
        assert!(format!("{refusal:?}").contains("CREATE EXTENSION"), "{refusal:?}");
    }

    #[test]
    fn statements_of_others_must_be_visible() {
        assert!(parse::<PostgresSlowQueries>("{}", "postgres-15-without-right").is_err());
    }
}
