//! Kernel parameters that matter for security.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allowed::{self, Allowed};
use super::frame;
use crate::check::{Check, Class, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::quote;
use crate::model::{Kind, Probe, Row, Target, Text};

/// Kernel parameters that matter for security.
pub struct Sysctl;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Kernel parameters and the values that each may have.
    #[serde(default = "hardened")]
    expect: BTreeMap<String, Allowed>,
}

fn hardened() -> BTreeMap<String, Allowed> {
    let defaults: [(&str, &[&str]); 13] = [
        ("fs.protected_hardlinks", &["1"]),
        ("fs.protected_symlinks", &["1"]),
        ("fs.suid_dumpable", &["0", "2"]),
        ("kernel.dmesg_restrict", &["1"]),
        ("kernel.kptr_restrict", &["1", "2"]),
        ("kernel.randomize_va_space", &["2"]),
        ("net.ipv4.conf.all.accept_redirects", &["0"]),
        ("net.ipv4.conf.all.accept_source_route", &["0"]),
        ("net.ipv4.conf.all.rp_filter", &["1", "2"]),
        ("net.ipv4.conf.all.send_redirects", &["0"]),
        ("net.ipv4.icmp_echo_ignore_broadcasts", &["1"]),
        ("net.ipv4.icmp_ignore_bogus_error_responses", &["1"]),
        ("net.ipv4.tcp_syncookies", &["1"]),
    ];
    defaults.into_iter().map(|(key, words)| (key.to_owned(), Allowed::any_of(words))).collect()
}

/// Read from /proc: `sysctl` itself is missing on small systems and spells keys with dots differently.
const SCRIPT: &str = r#"[ -d /proc/sys/kernel ] || { echo 'no /proc/sys' >&2; exit 1; }
one() {
  if [ ! -e "/proc/sys/$1" ]; then echo "absent $1"
  elif v=$(cat "/proc/sys/$1" 2>/dev/null); then printf 'value %s %s\n' "$1" "$(printf %s "$v" | tr '\n\t' '  ')"
  else echo "denied $1"
  fi
}
echo sysctl"#;

impl Check for Sysctl {
    const META: Meta = Meta {
        id: "sysctl",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Security,
        title: Text::new("Kernel parameters", "内核参数"),
        asks: Text::new(
            "Whether kernel parameters have the values expected, as they are in force now, not as some file says.",
            "内核参数的当前生效值（而非配置文件中的值）是否符合期望。",
        ),
        why: Text::new(
            "Weak kernel parameters let attackers redirect traffic, follow planted links or read kernel addresses.",
            "内核参数过弱，攻击者可重定向流量、利用恶意链接或读取内核地址。",
        ),
        advice: Text::new(
            "Set the value in `/etc/sysctl.d/90-hardening.conf` and load it with `sysctl --system`.",
            "在 `/etc/sysctl.d/90-hardening.conf` 中设置，并用 `sysctl --system` 加载。",
        ),
        source: Text::new("CIS benchmarks for Linux and the kernel's documentation of each parameter", "CIS Linux 安全基线及内核参数文档"),
        fields: allowed::FIELDS,
        key: &["setting"],
        rows_are: RowsAre::Things,
        warn: Some("not compliant"),
        crit: None,
        example: r#"{ "expect": { "kernel.randomize_va_space": 2, "net.ipv4.tcp_syncookies": ["1", "2"], "net.ipv4.ip_forward": 0 } }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        // Read from /proc: `sysctl` itself is missing on small systems and spells keys with dots differently.
        let calls = params.expect.keys().map(|key| format!("one {}", quote(&path(key))));
        vec![Probe::shell("sysctl", frame::script(SCRIPT, calls))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("sysctl")?;
        let mut values = BTreeMap::new();
        for line in frame::lines("sysctl", "sysctl", &text)? {
            let mut words = line.splitn(3, ' ');
            match (words.next(), words.next(), words.next()) {
                (Some("value"), Some(path), value) => values.insert(path, Some(value.unwrap_or_default())),
                (Some("absent" | "denied"), Some(path), None) => values.insert(path, None),
                _ => return Err(Unreadable::new("sysctl", line)),
            };
        }
        let row = |(key, expected): (&String, &Allowed)| -> Result<Row, Unreadable> {
            let path = path(key);
            let value = *values.get(path.as_str()).ok_or_else(|| Unreadable::new("sysctl", format!("nothing about {key}")))?;
            let value = value.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "));
            let compliant = value.as_deref().map(|value| expected.allows(value));
            Ok(allowed::row(key, value.as_deref(), expected.shown(), compliant))
        };
        Ok(Parsed::Rows(params.expect.iter().map(row).collect::<Result<_, _>>()?))
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        for key in params.expect.keys() {
            let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte));
            if !plain || key.contains("..") || key.starts_with(['.', '/']) {
                let message = format!("`{key}` is no kernel parameter: write it like net.ipv4.tcp_syncookies");
                return Err(ParamFault { key: "expect".to_owned(), message });
            }
        }
        Ok(())
    }
}

/// The place of a key below `/proc/sys`; a key with slashes may hold dots (`net/ipv4/conf/eth0.100/rp_filter`).
fn path(key: &str) -> String {
    if key.contains('/') { key.to_owned() } else { key.replace('.', "/") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{row, rows, text};
    use crate::model::Value;

    #[test]
    fn debian_is_judged_by_what_is_in_force() {
        let rows = rows::<Sysctl>("{}", "debian-12");
        let aslr = row(&rows, "setting", "kernel.randomize_va_space");
        assert_eq!((text(aslr, "value"), text(aslr, "expected")), ("2", "2"));
        assert_eq!(aslr.get("compliant"), Some(&Value::Boolean(true)));
        let redirects = row(&rows, "setting", "net.ipv4.conf.all.accept_redirects");
        assert_eq!(redirects.get("compliant"), Some(&Value::Boolean(text(redirects, "value") == "0")));
    }

    #[test]
    fn busybox_answers_alike() {
        assert_eq!(rows::<Sysctl>("{}", "busybox-1.35").len(), hardened().len());
    }

    #[test]
    fn values_of_several_numbers_are_compared_whatever_lies_between_them() {
        let rows = rows::<Sysctl>(r#"{ "expect": { "net.ipv4.tcp_rmem": "4096 131072 33554432" } }"#, "debian-12-more");
        assert_eq!(rows[0].get("compliant"), Some(&Value::Boolean(true)));
    }

    #[test]
    fn a_parameter_that_is_not_there_is_neither_compliant_nor_not() {
        let rows = rows::<Sysctl>(r#"{ "expect": { "kernel.no_such_parameter": 1, "net.ipv4.route.flush": 0 } }"#, "debian-12-more");
        assert_eq!(rows[0].get("compliant"), Some(&Value::Null));
        assert_eq!(rows[1].get("compliant"), Some(&Value::Null), "it may only be written");
    }

    #[test]
    fn a_key_that_is_no_parameter_is_refused() {
        for key in ["../../etc/passwd", "/etc/passwd", "a b", "$(id)"] {
            assert!(Entry::of::<Sysctl>().bind(serde_json::json!({ "expect": { key: 1 } })).is_err(), "{key}");
        }
    }
}
