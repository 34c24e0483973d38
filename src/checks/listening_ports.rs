//! Ports that listen, against those that should.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::parts;
use super::procfs::count;

/// Ports that listen, against those that should.
pub struct ListeningPorts;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Ports that must listen: `tcp/443`.
    #[serde(default)]
    expected: Vec<String>,
    /// Ports that may listen beside them: `tcp/9100`, `udp/123`, `tcp/30000-32767`.
    #[serde(default)]
    allowed: Vec<String>,
    /// Whether what listens on the loopback address alone, and so is out of others' reach, counts too.
    #[serde(default)]
    loopback: bool,
}

/// The kernel's tables, and names of programs where the right to see them is given. Old kernels and hosts without IPv6 have no tcp6.
const SCRIPT: &str = r#"echo '[machine]'; uname -m || exit
echo '[range]'; cat /proc/sys/net/ipv4/ip_local_port_range || exit
listening() {
  [ -e "/proc/net/$1" ] || return 0
  echo "[$1]"
  head -n 1 "/proc/net/$1" || return
  grep " $2 " "/proc/net/$1"
  [ $? -le 1 ]
}
listening tcp 0A && listening tcp6 0A && listening udp 07 && listening udp6 07 || exit
if has ss; then echo '[programs]'; priv ss -lntup 2>/dev/null; fi
echo '[end]'"#;

impl Check for ListeningPorts {
    const META: Meta = Meta {
        id: "listening-ports",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Security,
        title: Text::new("Listening ports", "监听端口"),
        asks: Text::new(
            "Which expected ports nobody listens on, and which ports listen that are neither expected nor allowed. UDP ports from the range that the host gives to clients, \
             and what listens on the loopback address alone, are left out unless named or asked for.",
            "哪些应监听的端口没有监听，哪些端口在监听却不在预期或允许之列。主机分配给客户端的临时 UDP 端口以及仅监听回环地址的端口，除非点名或要求，否则不计。",
        ),
        why: Text::new(
            "A missing port is a service that cannot be reached; an unknown one is a way in that nobody guards: a test server, a debug port, an intruder.",
            "缺少端口意味着服务不可达；多出的端口则是无人把守的入口：测试服务、调试端口，甚至入侵者。",
        ),
        advice: Text::new(
            "Missing: start the service, see which address it binds to. Unexpected: find the program (`ss -lntup`), stop it or bind it to 127.0.0.1, or allow it here with the owner's consent.",
            "缺少：启动服务并核对其绑定地址。多出：用 `ss -lntup` 找到程序，停用或改绑 127.0.0.1；确有需要的，经负责人同意后加入允许列表。",
        ),
        source: Text::new("the ports named in the playbook", "以巡检剧本中列出的端口为准"),
        fields: &[
            Field::new("port", FieldType::Text, "Port", "端口"),
            Field::new("problem", FieldType::Text, "Problem (missing, unexpected)", "问题（missing 缺少、unexpected 多出）"),
            Field::new("addresses", FieldType::List, "Addresses", "监听地址"),
            Field::new("programs", FieldType::List, "Programs", "程序"),
        ],
        key: &["port"],
        rows_are: RowsAre::Problems,
        warn: Some("problem == \"unexpected\""),
        crit: Some("problem == \"missing\""),
        example: r#"{ "expected": ["tcp/22"], "allowed": ["udp/123", "tcp/9100-9199"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("sockets", SCRIPT).privileged(["/usr/bin/ss -lntup", "/usr/sbin/ss -lntup"])]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("sockets")?;
        let parts = parts::split("sockets", &text)?;
        let big_endian = is_big_endian(parts.need("machine")?.trim());
        let first_client_port = first_client_port(parts.need("range")?)?;
        let mut listeners = Vec::new();
        for (table, protocol) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
            match parts.get(table) {
                Some(text) => read_table(text, protocol, big_endian, &mut listeners)?,
                None if table == "tcp" => return Err(Unreadable::new("/proc/net/tcp", "it is missing")),
                None => {}
            }
        }
        if !params.loopback {
            listeners.retain(|listener| !listener.address.is_loopback());
        }
        let (expected, allowed) = (specs(&params.expected)?, specs(&params.allowed)?);
        let mut rows: Vec<Row> = Vec::new();
        for (spec, name) in expected.iter().zip(&params.expected) {
            if !listeners.iter().any(|listener| spec.covers(listener)) {
                rows.push(row(name.clone(), "missing", Vec::new(), Vec::new()));
            }
        }
        listeners.sort_by_key(|listener| (listener.protocol, listener.port));
        for same in listeners.chunk_by(|a, b| (a.protocol, a.port) == (b.protocol, b.port)) {
            let listener = &same[0];
            let client = listener.protocol == "udp" && listener.port >= first_client_port;
            if client || expected.iter().chain(&allowed).any(|spec| spec.covers(listener)) {
                continue;
            }
            let addresses = same.iter().map(|listener| listener.address.to_string()).collect();
            let programs = programs(parts.get("programs").unwrap_or_default(), listener);
            rows.push(row(format!("{}/{}", listener.protocol, listener.port), "unexpected", addresses, programs));
        }
        Ok(Parsed::Rows(rows))
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |key: &str, message: String| Err(ParamFault { key: key.to_owned(), message });
        if params.expected.is_empty() && params.allowed.is_empty() {
            return fault("expected", "say which ports must listen (`expected`) or may listen (`allowed`)".to_owned());
        }
        for (key, words) in [("expected", &params.expected), ("allowed", &params.allowed)] {
            for (at, word) in words.iter().enumerate() {
                match Spec::read(word) {
                    None => return fault(key, format!("`{word}` is no port: write tcp/443 or udp/123")),
                    Some(spec) if key == "expected" && spec.first != spec.last => {
                        return fault(key, format!("`{word}`: a range cannot be expected, only allowed"));
                    }
                    Some(_) if words[..at].contains(word) => return fault(key, format!("`{word}` stands twice")),
                    Some(_) => {}
                }
            }
        }
        Ok(())
    }
}

fn row(port: String, problem: &str, addresses: Vec<String>, programs: Vec<String>) -> Row {
    Row::new().text("port", port).text("problem", problem).list("addresses", addresses).list("programs", programs)
}

struct Listener {
    protocol: &'static str,
    port: u16,
    address: std::net::IpAddr,
}

/// A port or a range of them, as a playbook writes it.
struct Spec {
    protocol: &'static str,
    first: u16,
    last: u16,
}

impl Spec {
    fn read(word: &str) -> Option<Self> {
        let (protocol, ports) = word.split_once('/')?;
        let protocol = ["tcp", "udp"].into_iter().find(|known| *known == protocol)?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let port = |digits: &str| count(digits).and_then(|_| digits.parse::<u16>().ok()).filter(|&port| port > 0);
        let (first, last) = (port(first)?, port(last)?);
        (first <= last).then_some(Self { protocol, first, last })
    }

    fn covers(&self, listener: &Listener) -> bool {
        self.protocol == listener.protocol && (self.first..=self.last).contains(&listener.port)
    }
}

fn specs(words: &[String]) -> Result<Vec<Spec>, Unreadable> {
    let read = |word: &String| Spec::read(word).ok_or_else(|| Unreadable::new("the parameters", word));
    words.iter().map(read).collect()
}

/// The kernel writes addresses as numbers in the machine's own order of bytes.
fn is_big_endian(machine: &str) -> bool {
    matches!(machine, "s390" | "s390x" | "ppc" | "ppc64" | "mips" | "mips64" | "sparc" | "sparc64" | "parisc" | "m68k")
}

/// Two ports, `32768 60999`: from here on ports are given to clients.
fn first_client_port(text: &str) -> Result<u16, Unreadable> {
    let first = text.split_whitespace().next().and_then(|first| first.parse().ok());
    first.ok_or_else(|| Unreadable::new("ip_local_port_range", text))
}

fn read_table(text: &str, protocol: &'static str, big_endian: bool, listeners: &mut Vec<Listener>) -> Result<(), Unreadable> {
    let mut lines = text.lines();
    if !lines.next().is_some_and(|head| head.contains("local_address")) {
        return Err(Unreadable::new("/proc/net", text));
    }
    for line in lines {
        let local = line.split_whitespace().nth(1).and_then(|local| read_socket(local, big_endian));
        let (address, port) = local.ok_or_else(|| Unreadable::new("/proc/net", line))?;
        listeners.push(Listener { protocol, port, address });
    }
    Ok(())
}

/// `0100007F:0016` is port 22 of 127.0.0.1; an IPv6 address is four such numbers in a row.
fn read_socket(local: &str, big_endian: bool) -> Option<(std::net::IpAddr, u16)> {
    let (address, port) = local.split_once(':')?;
    let mut bytes = Vec::with_capacity(16);
    for at in (0..address.len()).step_by(8) {
        let word = u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?;
        bytes.extend(if big_endian { word.to_be_bytes() } else { word.to_le_bytes() });
    }
    let address = match *bytes {
        [a, b, c, d] => std::net::IpAddr::from([a, b, c, d]),
        _ => std::net::IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

/// Names in the last column of `ss -lntup`: `users:(("nginx",pid=12,fd=6),("nginx",pid=11,fd=6))`.
fn programs(ss: &str, listener: &Listener) -> Vec<String> {
    let port = format!(":{}", listener.port);
    let mut names: Vec<String> = Vec::new();
    for line in ss.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let same = words.first() == Some(&listener.protocol) && words.get(4).is_some_and(|local| local.ends_with(&port));
        let Some((_, users)) = line.split_once("users:((").filter(|_| same) else { continue };
        for name in users.split("(\"").filter_map(|user| user.trim_start_matches('"').split_once("\",pid=")).map(|(name, _)| name) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{row, rows, text};
    use crate::model::Value;

    fn list(row: &Row, name: &str) -> Vec<String> {
        match row.get(name) {
            Some(Value::List(texts)) => texts.iter().map(|text| text.raw().to_owned()).collect(),
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn what_is_missing_and_what_is_too_many_are_rows() {
        let rows = rows::<ListeningPorts>(r#"{ "expected": ["tcp/8080", "tcp/443"], "allowed": ["udp/123"] }"#, "debian-12");
        assert_eq!(text(row(&rows, "port", "tcp/443"), "problem"), "missing");
        let unexpected = row(&rows, "port", "tcp/9999");
        assert_eq!(text(unexpected, "problem"), "unexpected");
        assert_eq!((list(unexpected, "addresses"), list(unexpected, "programs")), (vec!["::".to_owned()], vec!["python3".to_owned()]));
        assert_eq!(
            rows.len(),
            3,
            "tcp/8080 is expected, udp/123 allowed, 127.0.0.1:5000 out of reach, a client's port no listener: {rows:?}"
        );
        assert_eq!(text(row(&rows, "port", "udp/514"), "problem"), "unexpected");
    }

    #[test]
    fn loopback_counts_where_it_is_asked_for() {
        let rows = rows::<ListeningPorts>(r#"{ "expected": ["tcp/5000"], "loopback": true }"#, "debian-12");
        assert!(rows.iter().all(|row| text(row, "port") != "tcp/5000"));
    }

    #[test]
    fn busybox_has_no_names_of_programs() {
        let rows = rows::<ListeningPorts>(r#"{ "expected": ["tcp/8080"] }"#, "busybox-1.35");
        assert_eq!(list(row(&rows, "port", "tcp/9999"), "programs"), Vec::<String>::new());
    }

    #[test]
    fn ranges_allow_and_cannot_be_expected() {
        let params = r#"{ "allowed": ["tcp/8000-9999", "udp/1-1023"] }"#;
        assert!(rows::<ListeningPorts>(params, "debian-12").is_empty());
        for params in [
            r#"{ "expected": ["tcp/1-5"] }"#,
            r#"{ "expected": ["22"] }"#,
            r#"{ "allowed": ["tcp/0"] }"#,
            "{}",
            r#"{ "allowed": ["tcp/9-8"] }"#,
        ] {
            assert!(Entry::of::<ListeningPorts>().bind(serde_json::from_str(params).unwrap()).is_err(), "{params}");
        }
    }

    #[test]
    fn addresses_are_read_in_the_order_of_the_machine() {
        let read = |local, big| read_socket(local, big).map(|(address, port)| format!("{address} {port}"));
        assert_eq!(read("0100007F:0016", false).unwrap(), "127.0.0.1 22");
        assert_eq!(read("7F000001:0016", true).unwrap(), "127.0.0.1 22");
        assert_eq!(read("00000000000000000000000001000000:01BB", false).unwrap(), "::1 443");
        assert_eq!(read("0000000000000000FFFF00000100007F:01BB", false).unwrap(), "127.0.0.1 443");
        for local in ["0100007F", "0100:16", "0100007F:", "0100007F0100007F:16"] {
            assert!(read(local, false).is_none(), "{local}");
        }
    }
}
