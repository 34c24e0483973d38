//! Space taken by the logs of a MySQL or MariaDB server, as far as SQL shows it.

use super::no_params::NoParams;
use super::records::Records;
use super::rights::{MYSQL_MAY_SEE, MYSQL_REFERENCES};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, FailKind, SqlVariant};
use crate::model::{Ended, FieldType, Kind, Probe, Row, Target, Text, Value};

/// Space taken by the logs of a MySQL or MariaDB server.
pub struct MysqlLogSize;

const MYSQL: &[&str] = &["GRANT REPLICATION CLIENT ON *.* TO {user}"];
const MARIADB_10_5: &[&str] = &["GRANT BINLOG MONITOR ON *.* TO {user}"];

/// The same rights for whoever reads of the refusal.
const REMEDY: &[&str] = &["GRANT REPLICATION CLIENT ON *.* TO {user}, on MariaDB from 10.5 on GRANT BINLOG MONITOR ON *.* TO {user}"];

impl Check for MysqlLogSize {
    const META: Meta = Meta {
        id: "mysql-log-size",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Database,
        title: Text::new("Log size", "日志大小"),
        asks: Text::new(
            "How much space the binary logs take and whether they are purged, and the slow and general logs where they are tables (a CSV table hides its size: convert it to MyISAM or log to files); logs in plain files are the host's.",
            "二进制日志占用的空间及是否自动清理，以及以表形式存储的慢日志和通用日志（CSV 表不显示大小，请转为 MyISAM 或改写入文件）；写入普通文件的日志在主机上检查。",
        ),
        why: Text::new(
            "Logs fill disks: a server whose binary log cannot grow stops accepting changes.",
            "日志会写满磁盘：二进制日志无法写入时，数据库将停止接受变更。",
        ),
        advice: Text::new(
            "Set binlog_expire_logs_seconds (before MySQL 8: expire_logs_days), purge with PURGE BINARY LOGS only what replicas and backups no longer need; empty log tables by TRUNCATE, and turn general_log off.",
            "设置 binlog_expire_logs_seconds（MySQL 8 之前为 expire_logs_days），确认从库和备份不再需要后用 PURGE BINARY LOGS 清理；日志表用 TRUNCATE 清空，关闭 general_log。",
        ),
        source: Text::new(
            "operations standards: logs never fill the disk, so whatever nothing purges is a warning; set the figures to what the volume bears",
            "运维规范：日志不得写满磁盘，未配置自动清理即告警；具体数值请按磁盘容量调整",
        ),
        fields: &[
            Field::new("log", FieldType::Text, "Log", "日志"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "大小"),
            Field::new("files", FieldType::Number, "Files", "文件数"),
            Field::new("purged", FieldType::Boolean, "Purged by the server", "自动清理"),
        ],
        key: &["log"],
        rows_are: RowsAre::Things,
        warn: Some("size_bytes > 10GiB or purged == false"),
        crit: Some("size_bytes > 50GiB"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let settings = "show global variables where variable_name in ('log_bin', 'log_output', 'slow_query_log', 'general_log', \
             'expire_logs_days', 'binlog_expire_logs_seconds', 'binlog_expire_logs_auto_purge', 'max_binlog_total_size')";
        // A CSV table, which a log table is unless somebody converted it, tells nobody its size: it says 0.
        let tables = "select table_name as log, case when engine <> 'CSV' then cast(data_length + index_length as char) end as size_bytes \
             from information_schema.tables where table_schema = 'mysql' and table_name in ('slow_log', 'general_log') order by table_name";
        let both = |statement: &'static str, grants| {
            [Dialect::Mysql, Dialect::Mariadb].map(|dialect| SqlVariant::new(dialect, statement).grants(grants)).to_vec()
        };
        let binary = vec![
            SqlVariant::new(Dialect::Mysql, "show binary logs").grants(MYSQL),
            SqlVariant::new(Dialect::Mariadb, "show binary logs").since(1005).grants(MARIADB_10_5),
            SqlVariant::new(Dialect::Mariadb, "show binary logs").grants(MYSQL),
        ];
        vec![
            Probe::sql("settings", both(settings, &[])),
            Probe::sql("binary", binary),
            Probe::sql("sight", both(MYSQL_MAY_SEE, MYSQL_REFERENCES)),
            Probe::sql("tables", both(tables, MYSQL_REFERENCES)),
        ]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let settings = Records::of(seen, "settings", &[])?;
        Records::of(seen, "sight", MYSQL_REFERENCES)?.only()?.proves_sight("may_see", seen, MYSQL_REFERENCES)?;
        let mut rows: Vec<Row> = binary_logs(seen, &settings)?.into_iter().collect();
        let tables = Records::of(seen, "tables", MYSQL_REFERENCES)?;
        let to_tables = settings.named_text("log_output")?.split(',').any(|place| place.eq_ignore_ascii_case("TABLE"));
        for (table, switch) in [("slow_log", "slow_query_log"), ("general_log", "general_log")] {
            let size = tables.only_where("log", table)?.maybe_amount("size_bytes")?;
            if to_tables && settings.named_flag(switch)? {
                let size = size.map_or(Value::Null, Value::Number);
                // Nothing empties these tables but a person, or an event that we cannot see.
                rows.push(Row::new().text("log", table).with("size_bytes", size).number("files", 1.0).boolean("purged", false));
            }
        }
        Ok(if rows.is_empty() { Parsed::NotApplicable { what: "log that SQL shows" } } else { Parsed::Rows(rows) })
    }
}

fn binary_logs(seen: &Seen<'_>, settings: &Records) -> Result<Option<Row>, Unreadable> {
    if !settings.named_flag("log_bin")? {
        return without_binary_log(seen);
    }
    let logs = Records::of(seen, "binary", REMEDY)?;
    let (mut bytes, mut files) = (0.0, 0.0);
    for log in logs.iter() {
        bytes += log.amount("file_size")?;
        files += 1.0;
    }
    if files < 1.0 {
        return Err(Unreadable::new("binary", "binary logging is on and there is no file"));
    }
    let limited = |name| Ok(settings.maybe_named_amount(name)?.unwrap_or_default() > 0.0);
    let purges = match settings.maybe_named_text("binlog_expire_logs_auto_purge")? {
        Some(_) => settings.named_flag("binlog_expire_logs_auto_purge")?,
        None => true,
    };
    let expires = limited("binlog_expire_logs_seconds")? || limited("expire_logs_days")? || limited("max_binlog_total_size")?;
    Ok(Some(Row::new().text("log", "binary log").number("size_bytes", bytes).number("files", files).boolean("purged", purges && expires)))
}

/// With binary logging off the server must refuse to list the files, and for that reason alone.
fn without_binary_log(seen: &Seen<'_>) -> Result<Option<Row>, Unreadable> {
    match &seen.capture("binary")?.ended {
        Ended::Failed { kind: FailKind::Other | FailKind::Missing, detail } if detail.raw().contains("not using binary logging") => {
            Ok(None)
        }
        _ => match Records::of(seen, "binary", REMEDY) {
            Ok(_) => Err(Unreadable::new("binary", "log_bin is off and yet there are files")),
            Err(unreadable) => Err(unreadable),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows};

    #[test]
    fn binary_logs_are_counted_and_somebody_must_purge_them() {
        let kept = rows::<MysqlLogSize>("{}", "mariadb-10.11");
        assert!(number(&kept[0], "size_bytes") > 300_000.0);
        assert_eq!(kept[0].get("purged"), Some(&Value::Boolean(false)));
        let purged = rows::<MysqlLogSize>("{}", "mariadb-10.11-purged");
        assert_eq!(purged[0].get("purged"), Some(&Value::Boolean(true)));
    }

    #[test]
    fn a_log_table_that_hides_its_size_is_not_empty() {
        let hidden = rows::<MysqlLogSize>("{}", "mariadb-10.11-log-tables");
        assert_eq!(row(&hidden, "log", "slow_log").get("size_bytes"), Some(&Value::Null));
        let shown = rows::<MysqlLogSize>("{}", "mariadb-10.11-log-tables-myisam");
        assert_eq!(row(&shown, "log", "slow_log").get("size_bytes"), Some(&Value::Number(1312.0)));
    }

    #[test]
    fn no_log_is_believed_only_of_a_server_that_says_so() {
        assert!(matches!(parse::<MysqlLogSize>("{}", "mariadb-10.11-no-binary-log"), Ok(Parsed::NotApplicable { .. })));
        for name in ["mariadb-10.11-without-right", "mariadb-10.11-no-binary-log-without-right"] {
            assert!(parse::<MysqlLogSize>("{}", name).is_err(), "{name}");
        }
    }
}
