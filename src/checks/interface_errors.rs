//! Errors and drops of network interfaces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

use super::parts;
use super::procfs::{count, grown, share_pct};

/// Errors and drops of network interfaces.
pub struct InterfaceErrors;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Look at these interfaces alone; those with hardware (or its virtual likeness) behind them unless given.
    #[serde(default)]
    interfaces: Vec<String>,
}

impl Check for InterfaceErrors {
    const META: Meta = Meta {
        id: "interface-errors",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Network,
        title: Text::new("Interface errors", "网卡错包"),
        // Errors come seldom and in bursts: a second would miss nearly all, so the counters of the last inspection are the other end.
        asks: Text::new(
            "Which share of the packets of each network interface was damaged (errors) or thrown away (drops) since the last inspection. The first inspection, and the first \
             after a restart, only note the counters. Bridges, tunnels and interfaces of containers are left out unless named.",
            "自上次巡检以来各网卡错包（error）与丢包（drop）占总包数的比例。首次巡检以及主机重启后的首次巡检仅记录计数。网桥、隧道和容器网卡除非指定，否则不检查。",
        ),
        why: Text::new(
            "A bad cable, port or module shows here first: slow transfers today, an outage tomorrow.",
            "网线、端口或光模块故障最先表现为错包：今天是传输变慢，明天就可能断网。",
        ),
        advice: Text::new(
            "See which errors they are (`ip -s -s link show IF`, `ethtool -S IF`): CRC and frame errors mean cable, module or port; overruns and missed packets mean rings \
             or processors too small (`ethtool -g IF`). Compare with the switch port.",
            "用 `ip -s -s link show 网卡`、`ethtool -S 网卡` 区分类型：CRC、frame 错误多为网线、光模块或端口问题；overrun、missed 多为队列过小或 CPU 处理不及（`ethtool -g 网卡`）。并与交换机端口计数对照。",
        ),
        source: Text::new(
            "a healthy link has no errors; 0.01 % lets single events pass, critical at 1 %; drops are shown and not judged",
            "正常链路不应有错包；0.01% 可容忍偶发，1% 为严重；丢包仅展示、不参与判定",
        ),
        fields: &[
            Field::new("interface", FieldType::Text, "Interface", "网卡"),
            Field::new("error_pct", FieldType::Percent, "Errors", "错包率"),
            Field::new("drop_pct", FieldType::Percent, "Drops", "丢包率"),
            Field::new("errors", FieldType::Number, "Errors since last time", "期间错包数"),
            Field::new("drops", FieldType::Number, "Drops since last time", "期间丢包数"),
            Field::new("since", FieldType::Duration, "Measured over", "测量时长"),
            Field::new("packets_total", FieldType::Number, "Packets since start", "累计包数"),
            Field::new("errors_total", FieldType::Number, "Errors since start", "累计错包数"),
            Field::new("drops_total", FieldType::Number, "Drops since start", "累计丢包数"),
        ],
        key: &["interface"],
        rows_are: RowsAre::Things,
        warn: Some("error_pct > 0.01%"),
        crit: Some("error_pct > 1%"),
        example: r#"{ "interfaces": ["eth0"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        let script = r#"echo '[interfaces]'; cat /proc/net/dev || exit
echo '[hardware]'
for interface in /sys/class/net/*; do [ -e "$interface/device" ] && echo "${interface##*/}"; done
echo '[end]'"#;
        vec![Probe::shell("dev", script)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("dev")?;
        let parts = parts::split("dev", &text)?;
        let mut interfaces = read(parts.need("interfaces")?)?;
        let hardware: Vec<&str> = parts.need("hardware")?.lines().collect();
        let wanted = |name: &str| {
            if !params.interfaces.is_empty() {
                params.interfaces.iter().any(|wanted| wanted == name)
            } else if hardware.is_empty() {
                // Inside a container none has hardware behind it.
                name != "lo"
            } else {
                hardware.contains(&name)
            }
        };
        interfaces.retain(|interface| wanted(&interface.name));
        if let Some(missing) = params.interfaces.iter().find(|name| interfaces.iter().all(|interface| interface.name != **name)) {
            return Err(Unreadable::new("/proc/net/dev", format!("{missing} is missing")));
        }
        if interfaces.is_empty() {
            return Ok(Parsed::NotApplicable { what: "a network interface beyond loopback" });
        }
        let changes: Vec<Option<Change>> = interfaces.iter().map(|interface| change(interface, seen)).collect();
        let known = changes.iter().any(Option::is_some);
        let rows = interfaces.iter().zip(changes).map(|(interface, change)| row(interface, change)).collect();
        // One new interface among known ones is a row without value; none known is a run without earlier values.
        Ok(if known { Parsed::Rows(rows) } else { Parsed::NoEarlierValue(rows) })
    }
}

struct Interface {
    name: String,
    packets: f64,
    errors: f64,
    drops: f64,
}

/// /proc/net/dev: two lines of heads; then `name:` and eight counters received (bytes packets errs drop …), eight sent.
fn read(text: &str) -> Result<Vec<Interface>, Unreadable> {
    if !text.lines().next().is_some_and(|head| head.starts_with("Inter-|")) {
        return Err(Unreadable::new("/proc/net/dev", text));
    }
    text.lines().skip(2).map(|line| read_line(line).ok_or_else(|| Unreadable::new("/proc/net/dev", line))).collect()
}

fn read_line(line: &str) -> Option<Interface> {
    // An alias such as `eth0:1` holds a colon of its own, and old kernels put no space behind the last one.
    let (name, counters) = line.rsplit_once(':')?;
    let counters: Vec<f64> = counters.split_whitespace().map(count).collect::<Option<_>>()?;
    let [_, rx_packets, rx_errors, rx_drops, _, _, _, _, _, tx_packets, tx_errors, tx_drops, _, _, _, _] = counters[..] else {
        return None;
    };
    Some(Interface {
        name: name.trim().to_owned(),
        packets: rx_packets + tx_packets,
        errors: rx_errors + tx_errors,
        drops: rx_drops + tx_drops,
    })
}

struct Change {
    packets: f64,
    errors: f64,
    drops: f64,
    since: f64,
}

/// What came since the last run; `None` where there is none, or a counter began anew.
fn change(interface: &Interface, seen: &Seen<'_>) -> Option<Change> {
    let earlier = seen.earlier?;
    let row = earlier.rows.iter().find(|row| row.get("interface").and_then(Value::as_text) == Some(&*interface.name))?;
    let total = |name| row.get(name)?.as_f64();
    Some(Change {
        packets: grown(total("packets_total")?, interface.packets)?,
        errors: grown(total("errors_total")?, interface.errors)?,
        drops: grown(total("drops_total")?, interface.drops)?,
        since: (seen.at - earlier.at).as_seconds_f64(),
    })
}

fn row(interface: &Interface, change: Option<Change>) -> Row {
    let values = change.map_or([const { Value::Null }; 5], |change| {
        [
            // What was damaged or dropped is not among the packets.
            Value::Number(share_pct(change.errors, change.packets + change.errors)),
            Value::Number(share_pct(change.drops, change.packets + change.drops)),
            Value::Number(change.errors),
            Value::Number(change.drops),
            Value::Duration(change.since),
        ]
    });
    let names = ["error_pct", "drop_pct", "errors", "drops", "since"];
    let row = Row::new().text("interface", &interface.name);
    let row = names.into_iter().zip(values).fold(row, |row, (name, value)| row.with(name, value));
    row.number("packets_total", interface.packets).number("errors_total", interface.errors).number("drops_total", interface.drops)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::check::Earlier;
    use crate::checks::testing::{number, parse, parse_after, recorded, row, text};

    fn first(name: &str) -> Vec<Row> {
        match parse::<InterfaceErrors>("{}", name) {
            Ok(Parsed::NoEarlierValue(rows)) => rows,
            other => panic!("a first run has no rate: {other:?}"),
        }
    }

    /// Rows of a run an hour before, in which `eth0` had `packets` and `errors` less.
    fn earlier(packets: f64, errors: f64) -> Earlier {
        let now = first("debian-12");
        let eth0 = row(&now, "interface", "eth0");
        let before = Row::new()
            .text("interface", "eth0")
            .number("packets_total", number(eth0, "packets_total") - packets)
            .number("errors_total", number(eth0, "errors_total") - errors)
            .number("drops_total", number(eth0, "drops_total"));
        Earlier { at: recorded("interface-errors", "debian-12").at - TimeDelta::hours(1), rows: vec![before] }
    }

    #[test]
    fn only_interfaces_with_hardware_are_looked_at() {
        for name in ["debian-12", "busybox-1.35"] {
            let rows = first(name);
            assert_eq!(rows.iter().map(|row| text(row, "interface")).collect::<Vec<_>>(), ["eth0"]);
        }
    }

    #[test]
    fn kernels_that_put_no_space_behind_the_colon_are_read_too() {
        let rows = first("centos-6.4");
        assert_eq!(number(row(&rows, "interface", "eth1"), "packets_total"), 201_292.0 + 234_067.0);
        assert_eq!(rows.len(), 1, "where none has hardware behind it, all but loopback are looked at");
    }

    #[test]
    fn errors_are_a_share_of_the_packets_since_last_time() {
        let parsed = parse_after::<InterfaceErrors>("{}", "debian-12", Some(&earlier(100.0, 0.0)));
        let Ok(Parsed::Rows(rows)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(number(&rows[0], "error_pct"), 0.0);
        assert_eq!(number(&rows[0], "since"), 3600.0);
    }

    #[test]
    fn a_counter_that_fell_is_a_reset() {
        let parsed = parse_after::<InterfaceErrors>("{}", "debian-12", Some(&earlier(100.0, -1.0)));
        assert!(matches!(parsed, Ok(Parsed::NoEarlierValue(_))), "{parsed:?}");
    }

    #[test]
    fn a_named_interface_that_is_not_there_is_an_error() {
        assert!(parse::<InterfaceErrors>(r#"{ "interfaces": ["eth7"] }"#, "debian-12").is_err());
    }

    #[test]
    fn damaged_packets_count_though_they_are_not_among_the_packets() {
        let now = read_line("bond0:1: 10 90 7 0 0 0 0 0 10 0 3 5 0 0 0 0").unwrap();
        assert_eq!((now.name.as_str(), now.packets, now.errors, now.drops), ("bond0:1", 90.0, 10.0, 5.0));
        let change = Change { packets: 90.0, errors: 10.0, drops: 5.0, since: 1.0 };
        assert_eq!(number(&super::row(&now, Some(change)), "error_pct"), 10.0);
        assert!(read_line("eth0: 10 90 7").is_none());
    }
}
