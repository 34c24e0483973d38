//! Loss and round-trip time of ICMP echoes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::web;
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::NetAsk;
use crate::model::{Ended, FieldType, Kind, Probe, Row, Target, Text, Value};

/// Loss and round-trip time of ICMP echoes.
pub struct Ping;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How many echoes, one a second.
    #[serde(default = "five")]
    count: u32,
    /// Host or address; the target's own unless given.
    #[serde(default)]
    host: Option<String>,
}

const fn five() -> u32 {
    5
}

impl Params {
    fn host(&self, target: &Target) -> String {
        self.host.clone().unwrap_or_else(|| web::host_of(target))
    }
}

impl Check for Ping {
    const META: Meta = Meta {
        id: "ping",
        version: 1,
        kinds: &[Kind::Host, Kind::Http, Kind::Postgres, Kind::Mysql],
        class: Class::Network,
        title: Text::new("Ping", "网络连通性（ping）"),
        asks: Text::new(
            "How many ICMP echoes come back from the target to this machine, and how fast.",
            "本机向目标发送 ICMP 回显请求的丢包率和往返时间。",
        ),
        why: Text::new("Lost packets make every service behind them slow long before it fails.", "丢包会使其后的所有业务先变慢、后中断。"),
        advice: Text::new(
            "Find the hop where the loss begins (`mtr TARGET`); look at its cable, duplex, load and errors. Some hosts answer no echoes by rule: use tcp-port there.",
            "用 `mtr 目标` 找出开始丢包的节点，检查线缆、双工、负载和错误计数。部分主机按规则不应答 ICMP，请改用 tcp-port。",
        ),
        source: Text::new("common use: one echo of five lost is a sign, half is a fault", "通用经验：五个回显丢一个为预警，丢一半为故障"),
        fields: &[
            Field::new("host", FieldType::Text, "Host", "主机"),
            Field::new("answered", FieldType::Boolean, "Answered", "有应答"),
            Field::new("loss_pct", FieldType::Percent, "Loss", "丢包率"),
            Field::new("rtt", FieldType::Duration, "Round trip, average", "平均往返时间"),
            Field::new("rtt_max", FieldType::Duration, "Round trip, longest", "最长往返时间"),
            Field::new("sent", FieldType::Number, "Sent", "发送"),
            Field::new("received", FieldType::Number, "Received", "收到"),
            Field::new("failure", FieldType::Text, "Failure", "失败原因"),
        ],
        key: &["host"],
        rows_are: RowsAre::Things,
        warn: Some("loss_pct >= 20% or rtt > 300ms"),
        crit: Some("not answered or loss_pct >= 50%"),
        example: r#"{ "count": 3 }"#,
    };

    type Params = Params;

    fn validate(params: &Params) -> Result<(), ParamFault> {
        if (1..=20).contains(&params.count) {
            return Ok(());
        }
        Err(ParamFault { key: "count".to_owned(), message: format!("{} echoes: write 1 to 20", params.count) })
    }

    fn probes(params: &Params, target: &Target) -> Vec<Probe> {
        vec![Probe::net("ping", NetAsk::Ping { host: params.host(target), count: params.count })]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let host = params.host(seen.target);
        if let Some(failure) = no_way(seen)? {
            return Ok(Parsed::Rows(vec![unsent(host, failure)]));
        }
        // 1 is "no echo came": an answer as good as any.
        let text = seen.text_with("ping", &[0, 1])?;
        let (sent, received) =
            counts(&text).ok_or_else(|| Unreadable::new("ping", "there is no line `… packets transmitted, … received`"))?;
        let times = times(&text);
        if sent <= 0.0 || received > sent || (received > 0.0) != times.is_some() {
            return Err(Unreadable::new("ping", "the summary contradicts itself"));
        }
        let row = Row::new()
            .text("host", host)
            .boolean("answered", received > 0.0)
            .number("loss_pct", 100.0 * (sent - received) / sent)
            .with("rtt", times.map_or(Value::Null, |(average, _)| Value::Duration(average)))
            .with("rtt_max", times.map_or(Value::Null, |(_, longest)| Value::Duration(longest)))
            .number("sent", sent)
            .number("received", received)
            .text("failure", if received > 0.0 { "" } else { "no echo came back" });
        Ok(Parsed::Rows(vec![row]))
    }
}

/// Why nothing could be sent at all, where that is the target's or the network's affair.
fn no_way(seen: &Seen<'_>) -> Result<Option<&'static str>, Unreadable> {
    let capture = seen.capture("ping")?;
    if !matches!(capture.ended, Ended::Exit { status: 1 | 2 }) || capture.cut {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&capture.err);
    let known = [
        ("Name or service not known", "the name does not resolve"),
        ("No address associated with hostname", "the name does not resolve"),
        ("bad address", "the name does not resolve"),
        ("Network is unreachable", "the network is unreachable"),
        ("No route to host", "the network is unreachable"),
    ];
    Ok(known.into_iter().find(|(words, _)| said.contains(words)).map(|(_, failure)| failure))
}

fn unsent(host: String, failure: &str) -> Row {
    Row::new()
        .text("host", host)
        .boolean("answered", false)
        .with("loss_pct", Value::Null)
        .with("rtt", Value::Null)
        .with("rtt_max", Value::Null)
        .with("sent", Value::Null)
        .with("received", Value::Null)
        .text("failure", failure)
}

/// `3 packets transmitted, 3 received` (iputils) or `… 3 packets received` (BusyBox).
fn counts(text: &str) -> Option<(f64, f64)> {
    let line = text.lines().find(|line| line.contains(" packets transmitted, "))?;
    let (sent, rest) = line.split_once(" packets transmitted, ")?;
    let received = rest.split(' ').next()?;
    Some((sent.trim().parse::<u32>().ok()?.into(), received.parse::<u32>().ok()?.into()))
}

/// Average and longest in seconds: `rtt min/avg/max/mdev = a/b/c/d ms` or `round-trip min/avg/max = a/b/c ms`.
fn times(text: &str) -> Option<(f64, f64)> {
    let line = text.lines().find(|line| line.contains("min/avg/max"))?;
    let values = line.split_once(" = ")?.1.trim().strip_suffix(" ms")?;
    let millis: Vec<f64> = values.split('/').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [_, average, longest, ..] = millis[..] else { return None };
    (average.is_finite() && longest.is_finite()).then_some((average / 1000.0, longest / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows, text};

    #[test]
    fn echoes_give_loss_and_time() {
        for name in ["iputils-20221126", "busybox-1.35"] {
            let rows = rows::<Ping>("{}", name);
            assert!(number(&rows[0], "loss_pct").abs() < 1e-9, "{name}");
            assert!(number(&rows[0], "rtt") > 0.0 && number(&rows[0], "rtt") < number(&rows[0], "rtt_max"), "{name}");
        }
    }

    #[test]
    fn silence_is_all_lost_and_has_no_time() {
        let rows = rows::<Ping>("{}", "iputils-silence");
        assert!((number(&rows[0], "loss_pct") - 100.0).abs() < 1e-9);
        assert_eq!(rows[0].get("answered"), Some(&Value::Boolean(false)));
        assert_eq!(rows[0].get("rtt"), Some(&Value::Null));
    }

    #[test]
    fn where_nothing_could_be_sent_there_is_a_row_without_figures() {
        for (name, failure) in
            [("iputils-no-such-name", "the name does not resolve"), ("iputils-unreachable", "the network is unreachable")]
        {
            let rows = rows::<Ping>("{}", name);
            assert_eq!(text(&rows[0], "failure"), failure);
            assert_eq!(rows[0].get("loss_pct"), Some(&Value::Null));
        }
    }
}
