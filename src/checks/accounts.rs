//! Accounts that can log in with a password, or that are root by another name.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::frame;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// Accounts that can log in with a password, or that are root by another name.
pub struct Accounts;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Accounts that may have uid 0.
    #[serde(default = "only_root")]
    allow_uid_0: Vec<String>,
    /// Accounts to leave out.
    #[serde(default)]
    exclude: Vec<String>,
}

fn only_root() -> Vec<String> {
    vec!["root".to_owned()]
}

/// Hashes never leave the target: each is replaced by what it says about the account before it is printed.
const SCRIPT: &str = r#"echo accounts
sort='function sort(h) { if (h == "") return "none"; if (h ~ /^[!*]/ || h == "x") return "locked"; return "set" }
function form(h, p) { if (sort(h) != "set") return ""; if (h !~ /^\$/) return "des"; split(h, p, "$"); return p[2] }'
awk -F: "$sort"'{ print "passwd:" $1 ":" $3 ":" $7 ":" ($2 == "x" ? "shadow" : sort($2)) ":" form($2) }' /etc/passwd || exit 1
[ -e /etc/shadow ] || { echo end; exit 0; }
{ priv cat /etc/shadow && echo :end:; } | awk -F: "$sort"'$0 == ":end:" { print "end"; next } { print "shadow:" $1 ":" sort($2) ":" form($2) ":" $3 }'"#;

impl Check for Accounts {
    const META: Meta = Meta {
        id: "accounts",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Security,
        title: Text::new("Accounts and passwords", "账号与口令"),
        asks: Text::new(
            "Local accounts that have a password or none at all, how old it is and how it is hashed, and accounts with uid 0 besides root. Hashes stay on the host.",
            "本地账号中设有口令或空口令的账号、口令使用时长、加密方式，以及除 root 外 uid 为 0 的账号；口令密文不离开主机。",
        ),
        why: Text::new(
            "An account without a password is an open door; a second root and a password nobody changed for years are how former staff still get in.",
            "空口令账号等于敞开大门；隐藏的超级用户和多年未改的口令让离职人员仍可登录。",
        ),
        advice: Text::new(
            "Lock what is not needed (`usermod -L NAME`), set a new password (`passwd NAME`), give administrators sudo instead of uid 0.",
            "锁定不需要的账号（`usermod -L 账号`），更换口令（`passwd 账号`），管理员用 sudo 而非 uid 0。",
        ),
        source: Text::new(
            "operations standards: passwords change every 90 days; CIS benchmarks for Linux",
            "运维规范：口令每 90 天更换；CIS Linux 安全基线",
        ),
        fields: &[
            Field::new("account", FieldType::Text, "Account", "账号"),
            Field::new("uid", FieldType::Number, "uid", "uid"),
            Field::new("extra_root", FieldType::Boolean, "Root by another name", "隐藏超级用户"),
            Field::new("password", FieldType::Text, "Password", "口令"),
            Field::new("password_age", FieldType::Duration, "Password age", "口令使用时长"),
            Field::new("weak_hash", FieldType::Boolean, "Weak hash", "弱加密"),
            Field::new("hash", FieldType::Text, "Hash", "加密方式"),
            Field::new("shell", FieldType::Text, "Shell", "登录 shell"),
        ],
        key: &["account"],
        // An account that is gone or locked is a door closed.
        rows_are: RowsAre::Problems,
        warn: Some(r#"password == "set" and (weak_hash or password_age > 90d)"#),
        crit: Some(r#"extra_root or password == "none""#),
        example: r#"{ "allow_uid_0": ["root", "toor"], "exclude": ["legacy"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("accounts", SCRIPT).privileged(["/usr/bin/cat /etc/shadow", "/bin/cat /etc/shadow"])]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("accounts")?;
        let lines = frame::lines("accounts", "accounts", &text)?;
        let mut accounts = Vec::new();
        let mut shadow: HashMap<&str, Password<'_>> = HashMap::new();
        for line in lines {
            let fields: Vec<&str> = line.split(':').collect();
            match fields[..] {
                ["passwd", name, uid, shell, sort, hash] if !name.is_empty() => {
                    let uid = uid.parse::<u32>().map_err(|_| Unreadable::new("/etc/passwd", line))?;
                    accounts.push((name, uid, shell, (sort != "shadow").then_some(Password { sort, hash, changed: "" })));
                }
                ["shadow", name, sort, hash, changed] if !name.is_empty() => {
                    shadow.insert(name, Password { sort, hash, changed });
                }
                _ => return Err(Unreadable::new("accounts", line)),
            }
        }
        if !accounts.iter().any(|(_, uid, ..)| *uid == 0) {
            return Err(Unreadable::new("/etc/passwd", "no account with uid 0"));
        }
        if shadow.is_empty() && accounts.iter().any(|(.., password)| password.is_none()) {
            return Err(Unreadable::new("/etc/shadow", "no entries"));
        }
        let mut rows = Vec::new();
        for (name, uid, shell, in_passwd) in accounts {
            // Without an entry in either file nobody can log in with a password.
            let password = in_passwd.or_else(|| shadow.get(name).copied()).unwrap_or(Password { sort: "locked", hash: "", changed: "" });
            let extra_root = uid == 0 && !params.allow_uid_0.iter().any(|allowed| allowed == name);
            if (password.sort != "locked" || extra_root) && !params.exclude.iter().any(|excluded| excluded == name) {
                rows.push(password.row(name, uid, extra_root, shell, seen)?);
            }
        }
        Ok(Parsed::Rows(rows))
    }
}

/// What is known of an account's password: sort is `none`, `locked` or `set`; `changed` in days since 1970.
#[derive(Clone, Copy)]
struct Password<'a> {
    sort: &'a str,
    hash: &'a str,
    changed: &'a str,
}

impl Password<'_> {
    fn row(self, name: &str, uid: u32, extra_root: bool, shell: &str, seen: &Seen<'_>) -> Result<Row, Unreadable> {
        let age = match (self.sort, self.changed) {
            // No date: ageing is off. 0: must be changed at the next login. Neither tells an age.
            (_, "" | "0") => Value::Null,
            ("set", days) => {
                let changed = days.parse::<u32>().map_err(|_| Unreadable::new("/etc/shadow", format!("{name}: changed on day {days}")))?;
                #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay exact in a double")]
                let age = seen.at.timestamp() as f64 - f64::from(changed) * 86_400.0;
                // The day of a change begins before the hour of it, and may not have begun yet in UTC.
                Value::Duration(age.max(0.0))
            }
            _ => Value::Null,
        };
        let (hash, weak) = match self.hash {
            "" => (Value::Null, false),
            "des" => (Value::Text("DES".into()), true),
            "1" => (Value::Text("MD5".into()), true),
            "2a" | "2b" | "2y" => (Value::Text("bcrypt".into()), false),
            "5" => (Value::Text("SHA-256".into()), false),
            "6" => (Value::Text("SHA-512".into()), false),
            "7" => (Value::Text("scrypt".into()), false),
            "y" => (Value::Text("yescrypt".into()), false),
            "gy" => (Value::Text("gost-yescrypt".into()), false),
            other => (Value::Text(other.into()), false),
        };
        Ok(Row::new()
            .text("account", name)
            .number("uid", f64::from(uid))
            .boolean("extra_root", extra_root)
            .text("password", self.sort)
            .with("password_age", age)
            .boolean("weak_hash", weak)
            .with("hash", hash)
            .text("shell", shell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows, text};

    #[test]
    fn a_host_whose_accounts_are_all_locked_has_none_to_show() {
        assert_eq!(parse::<Accounts>("{}", "debian-12"), Ok(Parsed::Rows(vec![])));
    }

    #[test]
    fn open_doors_are_shown() {
        let rows = rows::<Accounts>("{}", "debian-12-open");
        assert_eq!(row(&rows, "account", "backdoor").get("extra_root"), Some(&Value::Boolean(true)));
        assert_eq!(text(row(&rows, "account", "guest"), "password"), "none");
        let old = row(&rows, "account", "oldtimer");
        assert_eq!((text(old, "hash"), old.get("weak_hash")), ("MD5", Some(&Value::Boolean(true))));
        assert!(number(old, "password_age") > 365.0 * 86_400.0);
        let fresh = row(&rows, "account", "fresh");
        assert_eq!(text(fresh, "hash"), "yescrypt");
        assert!(number(fresh, "password_age") < 2.0 * 86_400.0);
    }

    #[test]
    fn busybox_awk_tells_the_same() {
        assert_eq!(rows::<Accounts>("{}", "busybox-1.35-open"), rows::<Accounts>("{}", "debian-12-open"));
    }

    #[test]
    fn a_second_root_may_be_allowed() {
        let rows = rows::<Accounts>(r#"{ "allow_uid_0": ["root", "backdoor"], "exclude": ["guest"] }"#, "debian-12-open");
        assert!(rows.iter().all(|row| row.get("extra_root") == Some(&Value::Boolean(false))));
        assert!(rows.iter().all(|row| text(row, "account") != "guest"));
    }

    #[test]
    fn without_root_it_cannot_be_judged() {
        assert!(parse::<Accounts>("{}", "debian-12-unprivileged").is_err());
    }

    #[test]
    fn hashes_stay_on_the_host() {
        for name in ["debian-12-open", "busybox-1.35-open"] {
            let recorded = crate::checks::testing::recorded("accounts", name);
            assert!(!recorded.captures[0].text().contains('$'), "{name}");
        }
    }
}
