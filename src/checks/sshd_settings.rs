//! Settings of the SSH server as they are in force.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allowed::{self, Allowed};
use crate::check::{Check, Class, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{Kind, Probe, Row, Target, Text};

/// Settings of the SSH server as they are in force.
pub struct SshdSettings;

/// What the playbook can set. Names of settings in lower case, as `sshd -T` prints them.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Settings and the values that each may have.
    #[serde(default = "safe")]
    expect: BTreeMap<String, Allowed>,
    /// Settings that are numbers, and the largest that each may be.
    #[serde(default = "limits")]
    at_most: BTreeMap<String, u32>,
    /// Settings that are lists, and what must not be in them; `*` stands for anything at the end.
    #[serde(default = "broken_algorithms")]
    without: BTreeMap<String, Vec<String>>,
}

fn safe() -> BTreeMap<String, Allowed> {
    let defaults: [(&str, &[&str]); 6] = [
        ("hostbasedauthentication", &["no"]),
        ("ignorerhosts", &["yes"]),
        ("permitemptypasswords", &["no"]),
        ("permitrootlogin", &["no", "prohibit-password", "without-password", "forced-commands-only"]),
        ("permituserenvironment", &["no"]),
        ("strictmodes", &["yes"]),
    ];
    defaults.into_iter().map(|(key, words)| (key.to_owned(), Allowed::any_of(words))).collect()
}

fn limits() -> BTreeMap<String, u32> {
    [("logingracetime", 120), ("maxauthtries", 6)].map(|(key, most)| (key.to_owned(), most)).into()
}

fn broken_algorithms() -> BTreeMap<String, Vec<String>> {
    let defaults: [(&str, &[&str]); 3] = [
        ("ciphers", &["3des-cbc", "arcfour*", "blowfish-cbc", "cast128-cbc", "none"]),
        ("kexalgorithms", &["diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1"]),
        ("macs", &["hmac-md5*", "hmac-ripemd160*", "none"]),
    ];
    defaults.into_iter().map(|(key, words)| (key.to_owned(), words.iter().map(|&word| word.to_owned()).collect())).collect()
}

impl Check for SshdSettings {
    const META: Meta = Meta {
        id: "sshd-settings",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Security,
        title: Text::new("SSH server settings", "SSH 服务配置"),
        asks: Text::new(
            "The settings that the SSH server computes from its files (`sshd -T`), compared with what is expected; `Match` blocks are not looked into.",
            "SSH 服务的有效配置（`sshd -T`）与期望值比较；不含 `Match` 块内的设置。",
        ),
        why: Text::new(
            "SSH is the way into every server; root logins with a password and broken algorithms are tried all day long.",
            "SSH 是进入服务器的主要入口；root 口令登录和已被攻破的算法每天都在遭受尝试。",
        ),
        advice: Text::new(
            "Correct `/etc/ssh/sshd_config` or a file in `sshd_config.d`, test it with `sshd -t`, then reload sshd while a session stays open.",
            "修改 `/etc/ssh/sshd_config` 或 `sshd_config.d` 下的文件，用 `sshd -t` 检查后重载 sshd，并保留一个已登录会话。",
        ),
        source: Text::new("CIS benchmarks for Linux; OpenSSH's own list of legacy algorithms", "CIS Linux 安全基线；OpenSSH 遗留算法列表"),
        fields: allowed::FIELDS,
        key: &["setting"],
        rows_are: RowsAre::Things,
        warn: Some("not compliant"),
        crit: Some(r#"not compliant and setting in ["permitemptypasswords", "permitrootlogin"]"#),
        example: r#"{ "expect": { "permitrootlogin": "no", "passwordauthentication": "no" }, "at_most": { "maxauthtries": 4 } }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        // Unprivileged it cannot read the host keys and says so with status 1.
        vec![Probe::shell("sshd", "priv sshd -T && echo end").privileged(["/usr/sbin/sshd -T"])]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("sshd")?;
        let settings = text.strip_suffix("end\n").ok_or_else(|| Unreadable::new("sshd -T", "the answer has no end"))?;
        // A setting may stand several times (port, hostkey): its values are joined.
        let mut values: BTreeMap<&str, String> = BTreeMap::new();
        for line in settings.lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
                return Err(Unreadable::new("sshd -T", line));
            }
            values.entry(name).and_modify(|all| *all = format!("{all} {value}")).or_insert_with(|| value.to_owned());
        }
        if values.len() < 10 {
            return Err(Unreadable::new("sshd -T", "fewer settings than any sshd has"));
        }
        let value = |name: &str| values.get(name).map(String::as_str);
        let mut rows: Vec<Row> = Vec::new();
        for (name, expected) in &params.expect {
            rows.push(allowed::row(name, value(name), expected.shown(), value(name).map(|value| expected.allows(value))));
        }
        for (name, most) in &params.at_most {
            let fits = value(name).map(|value| value.parse::<u32>().map(|number| number <= *most));
            let fits = fits.transpose().map_err(|_| Unreadable::new(name.as_str(), value(name).unwrap_or_default()))?;
            // No limit at all is spelt 0.
            let fits = fits.map(|fits| fits && (name != "logingracetime" || value(name) != Some("0")));
            rows.push(allowed::row(name, value(name), format!("≤ {most}"), fits));
        }
        for (name, banned) in &params.without {
            let found = value(name).map(|value| value.split(',').filter(|item| is_banned(item, banned)).collect::<Vec<_>>());
            let shown =
                found.as_ref().map(|found| if found.is_empty() { value(name).unwrap_or_default().to_owned() } else { found.join(",") });
            rows.push(allowed::row(name, shown.as_deref(), format!("∌ {}", banned.join(", ")), found.map(|found| found.is_empty())));
        }
        Ok(Parsed::Rows(rows))
    }

    fn validate(params: &Params) -> Result<(), crate::check::ParamFault> {
        let names: Vec<&String> = params.expect.keys().chain(params.at_most.keys()).chain(params.without.keys()).collect();
        for (place, name) in names.iter().enumerate() {
            let message = if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
                format!("`{name}`: write the setting in lower case, as `sshd -T` prints it")
            } else if names[..place].contains(name) {
                format!("`{name}` is expected in two ways")
            } else {
                continue;
            };
            return Err(crate::check::ParamFault { key: "expect".to_owned(), message });
        }
        Ok(())
    }
}

fn is_banned(item: &str, banned: &[String]) -> bool {
    banned.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => item.starts_with(start),
        None => item == pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{parse, row, rows, text};
    use crate::model::{Message, Value};

    #[test]
    fn a_fresh_debian_is_compliant() {
        let rows = rows::<SshdSettings>("{}", "debian-12");
        assert_eq!(rows.len(), 11);
        assert!(rows.iter().all(|row| row.get("compliant") == Some(&Value::Boolean(true))), "{rows:?}");
        assert_eq!(text(row(&rows, "setting", "permitrootlogin"), "value"), "without-password");
    }

    #[test]
    fn what_is_open_is_named() {
        let rows = rows::<SshdSettings>("{}", "debian-12-open");
        for setting in ["permitrootlogin", "permitemptypasswords", "maxauthtries", "logingracetime", "ciphers"] {
            assert_eq!(row(&rows, "setting", setting).get("compliant"), Some(&Value::Boolean(false)), "{setting}");
        }
        assert_eq!(text(row(&rows, "setting", "ciphers"), "value"), "3des-cbc");
    }

    #[test]
    fn without_root_it_cannot_be_judged() {
        let error = parse::<SshdSettings>("{}", "debian-12-unprivileged").unwrap_err();
        assert!(matches!(error.0, Message::ProbeFailed { status: Some(1), .. }), "{error:?}");
    }

    #[test]
    fn a_setting_that_this_version_does_not_have_is_not_judged() {
        let rows = rows::<SshdSettings>(r#"{ "expect": { "rhostsrsaauthentication": "no" } }"#, "debian-12");
        assert_eq!(rows[0].get("compliant"), Some(&Value::Null));
    }

    #[test]
    fn a_setting_cannot_be_expected_in_two_ways() {
        let twice = serde_json::json!({ "expect": { "maxauthtries": 4 } });
        assert!(Entry::of::<SshdSettings>().bind(twice).is_err());
        assert!(Entry::of::<SshdSettings>().bind(serde_json::json!({ "expect": { "PermitRootLogin": "no" } })).is_err());
    }
}
