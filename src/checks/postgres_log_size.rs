//! Space taken by the logs of a PostgreSQL server: the write-ahead log, and the server log where the server itself writes it.

use super::no_params::NoParams;
use super::records::{Record, Records};
use super::rights::PG_MONITOR;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Space taken by the logs of a PostgreSQL server.
pub struct PostgresLogSize;

impl Check for PostgresLogSize {
    const META: Meta = Meta {
        id: "postgres-log-size",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Log size", "日志大小"),
        asks: Text::new(
            "How much space the write-ahead log takes, and the server log where the logging collector writes it; logs that go to syslog or to a file of the service are the host's.",
            "WAL 日志占用的空间，以及由 logging_collector 写出的服务器日志；写入 syslog 或由服务重定向的日志在主机上检查。",
        ),
        why: Text::new(
            "Logs fill disks: WAL piles up behind a failing archive or a forgotten replication slot until the server stops.",
            "日志会写满磁盘：归档失败或遗留复制槽会使 WAL 不断堆积，直至数据库停止。",
        ),
        advice: Text::new(
            "For WAL look at pg_stat_archiver and pg_replication_slots, set max_slot_wal_keep_size; for the server log set log_rotation_age, log_truncate_on_rotation and a sparing log_min_duration_statement.",
            "WAL 堆积时检查 pg_stat_archiver 和 pg_replication_slots，设置 max_slot_wal_keep_size；服务器日志设置 log_rotation_age、log_truncate_on_rotation，并避免过低的 log_min_duration_statement。",
        ),
        source: Text::new(
            "operations standards: logs never fill the disk; set the figures to what the volume bears",
            "运维规范：日志不得写满磁盘；具体数值请按磁盘容量调整",
        ),
        fields: &[
            Field::new("log", FieldType::Text, "Log", "日志"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "大小"),
            Field::new("files", FieldType::Number, "Files", "文件数"),
        ],
        key: &["log"],
        rows_are: RowsAre::Things,
        warn: Some("size_bytes > 10GiB"),
        crit: Some("size_bytes > 50GiB"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let wal = "select count(*)::text as files, coalesce(sum(size), 0)::text as size_bytes from pg_ls_waldir()";
        // The function fails where there is no log folder; the condition keeps it from being called then.
        let server_log = "select current_setting('logging_collector') as collector, count(*)::text as files, \
             coalesce(sum(size), 0)::text as size_bytes from pg_ls_logdir() where current_setting('logging_collector') = 'on'";
        vec![
            Probe::sql("wal", vec![SqlVariant::new(Dialect::Postgres, wal).since(1000).grants(PG_MONITOR)]),
            Probe::sql("server_log", vec![SqlVariant::new(Dialect::Postgres, server_log).since(1000).grants(PG_MONITOR)]),
        ]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let wal = Records::of(seen, "wal", PG_MONITOR)?;
        let server_log = Records::of(seen, "server_log", PG_MONITOR)?;
        let mut rows = vec![row("wal", wal.only()?)?];
        let server_log = server_log.only()?;
        if server_log.boolean("collector")? {
            rows.push(row("server log", server_log)?);
        }
        Ok(Parsed::Rows(rows))
    }
}

fn row(log: &str, record: Record<'_>) -> Result<Row, Unreadable> {
    let files = record.amount("files")?;
    // A running server writes to at least one file of each.
    if files < 1.0 {
        return Err(Unreadable::new(log, "no files"));
    }
    Ok(Row::new().text("log", log).number("size_bytes", record.amount("size_bytes")?).number("files", files))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows, text};

    #[test]
    fn the_write_ahead_log_always_counts() {
        let rows = rows::<PostgresLogSize>("{}", "postgres-15");
        assert_eq!((rows.len(), text(&rows[0], "log"), number(&rows[0], "size_bytes")), (1, "wal", 33_554_432.0));
    }

    #[test]
    fn the_server_log_counts_where_the_collector_writes_it() {
        let rows = rows::<PostgresLogSize>("{}", "postgres-17-collector");
        assert_eq!((text(&rows[1], "log"), number(&rows[1], "files")), ("server log", 1.0));
    }

    #[test]
    fn who_may_not_list_the_folders_learns_nothing() {
        assert!(parse::<PostgresLogSize>("{}", "postgres-15-without-right").is_err());
    }
}
