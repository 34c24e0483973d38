//! Connections to a MySQL or MariaDB server.

use super::no_params::NoParams;
use super::records::Records;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Connections to a MySQL or MariaDB server.
pub struct MysqlConnections;

impl Check for MysqlConnections {
    const META: Meta = Meta {
        id: "mysql-connections",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Database,
        title: Text::new("Connections", "连接数"),
        asks: Text::new(
            "How many of the permitted connections are taken now, and how many were at the peak since the server started.",
            "当前已用连接占最大连接数的比例，以及自启动以来的峰值。",
        ),
        why: Text::new(
            "When the last connection is taken, applications get \"Too many connections\" instead of data.",
            "连接用尽后，应用会收到 “Too many connections” 错误，业务无法访问。",
        ),
        advice: Text::new(
            "See who holds them with SHOW PROCESSLIST; close leaked sessions, lower wait_timeout, use a connection pool, or raise max_connections.",
            "用 SHOW PROCESSLIST 查看连接来源，清理泄漏的会话，调低 wait_timeout，使用连接池，或调大 max_connections。",
        ),
        source: Text::new(
            "operations standards: at most 80 % of the maximum; critical at 90 % by common use",
            "运维规范：连接数不超过最大值的 80%；90% 为通用严重阈值",
        ),
        fields: &[
            Field::new("used_pct", FieldType::Percent, "Used", "使用率"),
            Field::new("used", FieldType::Number, "Connections", "当前连接数"),
            Field::new("permitted", FieldType::Number, "Permitted", "最大连接数"),
            Field::new("running", FieldType::Number, "Running a statement", "活动线程数"),
            Field::new("peak_pct", FieldType::Percent, "Peak", "峰值使用率"),
            Field::new("peak", FieldType::Number, "Connections at the peak", "峰值连接数"),
            Field::new("refused", FieldType::Number, "Refused since the start", "因连接满被拒次数"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("used_pct > 80%"),
        crit: Some("used_pct > 90%"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let status = "show global status where variable_name in \
             ('Threads_connected', 'Threads_running', 'Max_used_connections', 'Connection_errors_max_connections')";
        let permitted = "show global variables where variable_name = 'max_connections'";
        let both = |statement: &'static str| [Dialect::Mysql, Dialect::Mariadb].map(|dialect| SqlVariant::new(dialect, statement)).to_vec();
        vec![Probe::sql("status", both(status)), Probe::sql("permitted", both(permitted))]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let status = Records::of(seen, "status", &[])?;
        let permitted = Records::of(seen, "permitted", &[])?.named_amount("max_connections")?;
        let used = status.named_amount("Threads_connected")?;
        let peak = status.named_amount("Max_used_connections")?;
        if permitted < 1.0 || used < 1.0 {
            // Our own session is one of them.
            return Err(Unreadable::new("status", format!("{used} of {permitted} connections")));
        }
        let row = Row::new()
            .number("used_pct", 100.0 * used / permitted)
            .number("used", used)
            .number("permitted", permitted)
            .number("running", status.named_amount("Threads_running")?)
            .number("peak_pct", 100.0 * peak / permitted)
            .number("peak", peak)
            .number("refused", status.named_amount("Connection_errors_max_connections")?);
        Ok(Parsed::Rows(vec![row]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows};

    #[test]
    fn connections_are_a_share_of_the_permitted() {
        let rows = rows::<MysqlConnections>("{}", "mariadb-10.11-busy");
        assert_eq!((number(&rows[0], "used"), number(&rows[0], "permitted"), number(&rows[0], "running")), (6.0, 151.0, 4.0));
        assert!((number(&rows[0], "used_pct") - 3.97).abs() < 0.01);
    }
}
