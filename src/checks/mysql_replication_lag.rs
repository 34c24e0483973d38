//! How far a MySQL or MariaDB replica is behind its source.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::records::{Record, Records};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// How far a MySQL or MariaDB replica is behind its source.
pub struct MysqlReplicationLag;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Whether the server must be a replica: one that follows nobody is then an error instead of not applicable.
    #[serde(default)]
    required: bool,
}

const MYSQL: &[&str] = &["GRANT REPLICATION CLIENT ON *.* TO {user}"];
const MARIADB_10_5: &[&str] = &["GRANT REPLICA MONITOR ON *.* TO {user}"];

/// The same rights for whoever reads of the refusal.
const REMEDY: &[&str] = &["GRANT REPLICATION CLIENT ON *.* TO {user}, on MariaDB from 10.5 on GRANT REPLICA MONITOR ON *.* TO {user}"];

impl Check for MysqlReplicationLag {
    const META: Meta = Meta {
        id: "mysql-replication-lag",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Database,
        title: Text::new("Replication lag", "复制延迟"),
        asks: Text::new(
            "On a replica: whether both replication threads run, and how far it is behind its source, channel by channel; a delay that is configured does not count.",
            "在从库上逐个通道检查：两个复制线程是否运行，落后主库多久；主动配置的延迟不计入。",
        ),
        why: Text::new(
            "What the replica has not got is lost when the source fails, and reports read from it are wrong.",
            "主库故障时，未同步的数据会丢失；从库上的报表数据也会不准确。",
        ),
        advice: Text::new(
            "Read the error in the row; skip or repair the event, rebuild the replica if it has diverged, and use parallel replication where it merely cannot keep up.",
            "查看行内的错误信息，修复或跳过出错事件；数据不一致时重建从库；仅是追不上时启用并行复制。",
        ),
        source: Text::new("60 s in common use; five minutes break most recovery objectives", "60 秒为通用阈值；五分钟已超出多数 RPO 目标"),
        fields: &[
            Field::new("channel", FieldType::Text, "Channel", "通道"),
            Field::new("running", FieldType::Boolean, "Both threads run", "复制线程运行"),
            Field::new("lag", FieldType::Duration, "Lag", "延迟"),
            Field::new("source", FieldType::Text, "Source", "主库"),
            Field::new("receiving", FieldType::Text, "Receiver thread", "IO 线程"),
            Field::new("applying", FieldType::Text, "Applier thread", "SQL 线程"),
            Field::new("delay", FieldType::Duration, "Configured delay", "配置的延迟"),
            Field::new("error", FieldType::Text, "Error", "错误"),
        ],
        key: &["channel"],
        rows_are: RowsAre::Things,
        warn: Some("lag > 60s"),
        crit: Some("running == false or lag > 5m"),
        example: "{}",
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        let variants = vec![
            SqlVariant::new(Dialect::Mysql, "show replica status").since(804).grants(MYSQL),
            SqlVariant::new(Dialect::Mysql, "show slave status").grants(MYSQL),
            SqlVariant::new(Dialect::Mariadb, "show all slaves status").since(1005).grants(MARIADB_10_5),
            SqlVariant::new(Dialect::Mariadb, "show all slaves status").grants(MYSQL),
        ];
        vec![Probe::sql("channels", variants)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let channels = Records::of(seen, "channels", REMEDY)?;
        let rows = channels.iter().map(row).collect::<Result<Vec<_>, _>>()?;
        // RESET SLAVE ALL on a replica makes it look like a server that never was one: the last run knows better.
        let expected = params.required || seen.earlier.is_some_and(|earlier| !earlier.rows.is_empty());
        if rows.is_empty() && !expected {
            return Ok(Parsed::NotApplicable { what: "replication from another server" });
        }
        Ok(Parsed::Rows(rows))
    }
}

fn row(record: Record<'_>) -> Result<Row, Unreadable> {
    let text = |columns: &[&str]| Ok(record.first_of(columns)?.unwrap_or_default());
    let number = |columns: &[&str]| record.first_of(columns)?.map(|text| record.parse_amount(columns[0], text)).transpose();
    let channel = text(&["connection_name", "channel_name"])?;
    let receiving = text(&["replica_io_running", "slave_io_running"])?;
    let applying = text(&["replica_sql_running", "slave_sql_running"])?;
    let delay = number(&["sql_delay"])?.ok_or_else(|| record.fault("sql_delay", "null"))?;
    let behind = number(&["seconds_behind_source", "seconds_behind_master"])?;
    let error = ["last_io_error", "last_sql_error"].map(|column| text(&[column]));
    let [receiver_error, applier_error] = error;
    let errors: Vec<&str> = [receiver_error?, applier_error?].into_iter().filter(|error| !error.is_empty()).collect();
    let host = text(&["source_host", "master_host"])?;
    let port = text(&["source_port", "master_port"])?;
    Ok(Row::new()
        .text("channel", if channel.is_empty() { "(default)" } else { channel })
        .boolean("running", receiving == "Yes" && applying == "Yes")
        .with("lag", behind.map_or(Value::Null, |behind| Value::Duration((behind - delay).max(0.0))))
        .text("source", format!("{host}:{port}"))
        .text("receiving", receiving)
        .text("applying", applying)
        .duration("delay", delay)
        .text("error", errors.join(" · ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Earlier;
    use crate::checks::testing::{number, parse, parse_after, rows, text};

    #[test]
    fn mariadb_and_mysql_name_their_columns_differently() {
        for (name, channel) in [("mariadb-10.11-replica", "erp"), ("mysql-8-published", "(default)")] {
            let rows = rows::<MysqlReplicationLag>("{}", name);
            assert_eq!((text(&rows[0], "channel"), number(&rows[0], "lag")), (channel, 0.0), "{name}");
            assert_eq!(rows[0].get("running"), Some(&Value::Boolean(true)), "{name}");
        }
    }

    #[test]
    fn a_stopped_thread_has_no_lag_and_does_not_run() {
        let rows = rows::<MysqlReplicationLag>("{}", "mariadb-10.11-replica-broken");
        assert_eq!((rows[0].get("running"), rows[0].get("lag")), (Some(&Value::Boolean(false)), Some(&Value::Null)));
        assert!(text(&rows[0], "error").contains("Duplicate entry"));
    }

    #[test]
    fn a_delay_that_is_wanted_is_no_lag() {
        let rows = rows::<MysqlReplicationLag>("{}", "mariadb-10.11-replica-delayed");
        assert_eq!((number(&rows[0], "delay"), number(&rows[0], "lag")), (30.0, 0.0));
    }

    #[test]
    fn a_server_that_follows_nobody_has_no_lag_unless_it_did() {
        let name = "mariadb-10.11-none";
        assert!(matches!(parse::<MysqlReplicationLag>("{}", name), Ok(Parsed::NotApplicable { .. })));
        assert_eq!(parse::<MysqlReplicationLag>(r#"{ "required": true }"#, name), Ok(Parsed::Rows(Vec::new())));
        let earlier = Earlier { at: chrono::DateTime::UNIX_EPOCH, rows: rows::<MysqlReplicationLag>("{}", "mariadb-10.11-replica") };
        assert_eq!(parse_after::<MysqlReplicationLag>("{}", name, Some(&earlier)), Ok(Parsed::Rows(Vec::new())));
        assert!(parse::<MysqlReplicationLag>("{}", "mariadb-10.11-without-right").is_err());
    }
}
