//! Whether a TCP port accepts connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::web;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{NetAsk, answer};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Whether a TCP port accepts connections.
pub struct TcpPort;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The port.
    port: std::num::NonZeroU16,
    /// Host or address to connect to; the target's own unless given.
    #[serde(default)]
    host: Option<String>,
}

impl Params {
    fn host(&self, target: &Target) -> String {
        self.host.clone().unwrap_or_else(|| web::host_of(target))
    }
}

impl Check for TcpPort {
    const META: Meta = Meta {
        id: "tcp-port",
        version: 1,
        kinds: &[Kind::Host, Kind::Http, Kind::Postgres, Kind::Mysql],
        class: Class::Network,
        title: Text::new("TCP port", "TCP 端口"),
        asks: Text::new(
            "Whether a port accepts connections from this machine, and how long that takes.",
            "从本机连接该端口是否成功，以及所需时间。",
        ),
        why: Text::new(
            "A service that nobody can connect to is down, whatever its process says.",
            "无法连接的服务就是不可用的服务，无论其进程状态如何。",
        ),
        advice: Text::new(
            "`refused`: see whether the service runs and listens on this address (`ss -ltn`). `timed-out` or `unreachable`: look at firewalls and routes in between. `dns`: put the name right.",
            "refused：确认服务已启动并监听该地址（ss -ltn）；timed-out、unreachable：检查中间的防火墙和路由；dns：修正域名解析。",
        ),
        source: Text::new(
            "a connection that takes over 1 s has lost its first packet: TCP repeats it after 1 s (RFC 6298)",
            "建立连接超过 1 秒说明首个报文丢失：TCP 在 1 秒后重传（RFC 6298）",
        ),
        fields: &[
            Field::new("endpoint", FieldType::Text, "Endpoint", "端点"),
            Field::new("open", FieldType::Boolean, "Open", "可连接"),
            Field::new("took", FieldType::Duration, "Took", "耗时"),
            Field::new("failure", FieldType::Text, "Failure", "失败原因"),
            Field::new("detail", FieldType::Text, "Detail", "详情"),
        ],
        key: &["endpoint"],
        rows_are: RowsAre::Things,
        warn: Some("took > 1s"),
        crit: Some("not open"),
        example: r#"{ "port": 8080 }"#,
    };

    type Params = Params;

    fn probes(params: &Params, target: &Target) -> Vec<Probe> {
        vec![Probe::net("tcp", NetAsk::Tcp { host: params.host(target), port: params.port.get() })]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let answer: answer::Tcp = seen.answer("tcp")?;
        if answer.open == answer.failure.is_some() {
            return Err(Unreadable::new("tcp", "the answer is neither a connection nor a failure"));
        }
        let row = Row::new()
            .text("endpoint", web::endpoint(&params.host(seen.target), params.port.get()))
            .boolean("open", answer.open)
            .duration("took", answer.took_ms / 1000.0)
            .text("failure", answer.failure.unwrap_or_default())
            .text("detail", answer.detail.unwrap_or_default());
        Ok(Parsed::Rows(vec![row]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows, text};
    use crate::model::Value;

    #[test]
    fn a_listener_is_open() {
        let rows = rows::<TcpPort>(r#"{ "port": 8080 }"#, "open");
        assert_eq!(text(&rows[0], "endpoint"), "192.0.2.1:8080");
        assert_eq!(rows[0].get("open"), Some(&Value::Boolean(true)));
        assert!(number(&rows[0], "took") < 1.0);
    }

    #[test]
    fn a_refusal_is_a_row() {
        let rows = rows::<TcpPort>(r#"{ "port": 8080 }"#, "refused");
        assert_eq!(rows[0].get("open"), Some(&Value::Boolean(false)));
        assert_eq!(text(&rows[0], "failure"), "refused");
    }
}
