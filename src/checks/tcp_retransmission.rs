//! TCP segments that had to be sent again.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

use super::no_params::NoParams;
use super::procfs::{count, grown, share_pct};

/// TCP segments that had to be sent again.
pub struct TcpRetransmission;

impl Check for TcpRetransmission {
    const META: Meta = Meta {
        id: "tcp-retransmission",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Network,
        title: Text::new("TCP retransmission", "TCP 重传率"),
        // A second's worth of segments would be mostly our own session: one lost packet of twenty would be 5 %.
        asks: Text::new(
            "Which share of the TCP segments sent since the last inspection had to be sent again. The first inspection, and the first after a restart, only note the counters.",
            "自上次巡检以来发送的 TCP 报文段中重传的比例。首次巡检以及主机重启后的首次巡检仅记录计数。",
        ),
        why: Text::new(
            "Lost segments make connections wait for 200 ms and more each time: users see hanging pages, replication falls behind.",
            "报文丢失每次都会使连接停顿 200 毫秒以上：页面卡顿，数据库复制延迟。",
        ),
        advice: Text::new(
            "See which connections suffer (`ss -ti | grep -B1 retrans`), then the path to them (`mtr`): errors on interfaces and switch ports, duplex, full uplinks, \
             firewalls that drop, MTU.",
            "用 `ss -ti | grep -B1 retrans` 找出受影响的连接，再用 `mtr` 排查链路：网卡与交换机端口错包、双工不匹配、带宽占满、防火墙丢包、MTU 不一致。",
        ),
        source: Text::new("common use: 0.1 %", "通用阈值：0.1%"),
        fields: &[
            Field::new("retransmitted_pct", FieldType::Percent, "Sent again", "重传率"),
            Field::new("sent", FieldType::Number, "Sent since last time", "期间发送段数"),
            Field::new("retransmitted", FieldType::Number, "Sent again since last time", "期间重传段数"),
            Field::new("since", FieldType::Duration, "Measured over", "测量时长"),
            Field::new("sent_total", FieldType::Number, "Sent since start", "累计发送段数"),
            Field::new("retransmitted_total", FieldType::Number, "Sent again since start", "累计重传段数"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("retransmitted_pct > 0.1%"),
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("snmp", "grep '^Tcp:' /proc/net/snmp")]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("snmp")?;
        let (sent, again) = read(&text).ok_or_else(|| Unreadable::new("/proc/net/snmp", &*text))?;
        let earlier = seen.earlier.and_then(|earlier| {
            let total = |name| earlier.rows.first()?.get(name)?.as_f64();
            let since = (seen.at - earlier.at).as_seconds_f64();
            Some((grown(total("sent_total")?, sent)?, grown(total("retransmitted_total")?, again)?, since))
        });
        let row = |values: [Value; 4]| {
            let names = ["retransmitted_pct", "sent", "retransmitted", "since"];
            let row = names.into_iter().zip(values).fold(Row::new(), |row, (name, value)| row.with(name, value));
            vec![row.number("sent_total", sent).number("retransmitted_total", again)]
        };
        Ok(match earlier {
            None => Parsed::NoEarlierValue(row([const { Value::Null }; 4])),
            // The kernel counts a segment sent again in the second counter alone.
            Some((sent, again, since)) => Parsed::Rows(row([
                Value::Number(share_pct(again, sent + again)),
                Value::Number(sent),
                Value::Number(again),
                Value::Duration(since),
            ])),
        })
    }
}

/// `OutSegs` and `RetransSegs`: a line of names, a line of values, of which `MaxConn` may be -1.
fn read(text: &str) -> Option<(f64, f64)> {
    let mut lines = text.lines();
    let (names, values) = (lines.next()?, lines.next()?);
    let (names, values): (Vec<&str>, Vec<&str>) = (names.split_whitespace().collect(), values.split_whitespace().collect());
    (names.len() == values.len() && names.first() == Some(&"Tcp:")).then_some(())?;
    let value = |name: &str| count(values[names.iter().position(|known| *known == name)?]);
    Some((value("OutSegs")?, value("RetransSegs")?))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::check::Earlier;
    use crate::checks::testing::{number, parse, parse_after, recorded};

    fn earlier(sent: f64, again: f64) -> Earlier {
        let row = Row::new().number("sent_total", sent).number("retransmitted_total", again);
        let at = recorded("tcp-retransmission", "debian-12").at - TimeDelta::hours(10);
        Earlier { at, rows: vec![row] }
    }

    fn totals() -> (f64, f64) {
        let Ok(Parsed::NoEarlierValue(rows)) = parse::<TcpRetransmission>("{}", "debian-12") else { panic!("a first run has no rate") };
        assert_eq!(rows[0].get("retransmitted_pct"), Some(&Value::Null));
        (number(&rows[0], "sent_total"), number(&rows[0], "retransmitted_total"))
    }

    #[test]
    fn the_first_run_notes_the_counters_and_the_second_has_the_share() {
        let (sent, again) = totals();
        let parsed = parse_after::<TcpRetransmission>("{}", "debian-12", Some(&earlier(sent - 990.0, again - 10.0)));
        let Ok(Parsed::Rows(rows)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(number(&rows[0], "retransmitted_pct"), 1.0);
        assert_eq!(number(&rows[0], "since"), 36_000.0);
    }

    #[test]
    fn a_restart_is_no_negative_rate() {
        let (sent, again) = totals();
        let parsed = parse_after::<TcpRetransmission>("{}", "debian-12", Some(&earlier(sent + 1.0, again)));
        assert!(matches!(parsed, Ok(Parsed::NoEarlierValue(_))), "{parsed:?}");
    }

    #[test]
    fn names_without_their_values_are_no_answer() {
        assert!(read("Tcp: OutSegs RetransSegs\n").is_none());
        assert!(read("Tcp: OutSegs RetransSegs\nTcp: 5\n").is_none());
        assert!(read("Tcp: OutSegs\nTcp: 5\n").is_none());
        assert_eq!(read("Tcp: MaxConn OutSegs RetransSegs\nTcp: -1 5 0\n"), Some((5.0, 0.0)));
    }
}
