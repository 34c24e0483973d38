//! Mode, owner and content of files that matter, or that they are not there.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::frame;
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{quote, sudoers};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// Mode, owner and content of files that matter.
pub struct FileState;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Absolute paths, and what each should be. A link is followed.
    #[serde(default = "accounts_and_keys")]
    files: BTreeMap<String, Expected>,
}

/// What is expected of one file; what is not said does not matter.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Whether it is there.
    #[serde(default)]
    state: State,
    /// Permissions exactly, in octal: "0640".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    /// Permissions at most, in octal: "0640" also takes 0600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode_at_most: Option<String>,
    /// Name of the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Name of the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// SHA-256 of the content, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// Whether a file should be there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It should be there.
    #[default]
    Exists,
    /// It should not.
    Absent,
}

fn accounts_and_keys() -> BTreeMap<String, Expected> {
    let file = |most: &str| Expected { mode_at_most: Some(most.to_owned()), owner: Some("root".to_owned()), ..Expected::default() };
    [("/etc/group", "0644"), ("/etc/passwd", "0644"), ("/etc/shadow", "0640"), ("/etc/ssh/sshd_config", "0644")]
        .map(|(path, most)| (path.to_owned(), file(most)))
        .into()
}

/// `one PLACE PATH hash|no-hash`; only the content may need root, everything else the directories alone decide.
const SCRIPT: &str = r#"one() {
  echo "file $1"
  if s=$(stat -L -c '%a %U %G' -- "$2" 2>&1); then echo "there $s"
  else printf 'failed %s\n' "$(echo "$s" | tr '\n' ' ')"; return
  fi
  [ "$3" = hash ] || return
  if [ -r "$2" ]; then h=$(sha256sum <"$2"); else h=$(priv sha256sum -- "$2"); fi && printf 'sha256 %s\n' "$h" || echo 'sha256 failed'
}
echo files"#;

impl Check for FileState {
    const META: Meta = Meta {
        id: "file-state",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Security,
        title: Text::new("State of files", "文件状态"),
        asks: Text::new(
            "Whether files have the permissions, owner, group and content expected, or are not there.",
            "文件的权限、属主、属组和内容（SHA-256）是否符合期望，或确实不存在。",
        ),
        why: Text::new(
            "A password file that anyone may read, or a configuration changed by nobody knows whom, is how break-ins begin and stay.",
            "口令文件任何人可读、配置文件被不明修改，往往是入侵的起点和落脚点。",
        ),
        advice: Text::new(
            "Find out who changed it and why; put it right with `chmod`, `chown` or from the backup, or correct the expectation.",
            "查明修改人和原因；用 `chmod`、`chown` 纠正或从备份恢复，或更正期望值。",
        ),
        source: Text::new("CIS benchmarks for Linux: permissions of system files", "CIS Linux 安全基线：系统文件权限"),
        fields: &[
            Field::new("path", FieldType::Text, "Path", "路径"),
            Field::new("compliant", FieldType::Boolean, "Compliant", "符合"),
            Field::new("problems", FieldType::List, "Differences", "差异"),
            Field::new("state", FieldType::Text, "State", "状态"),
            Field::new("mode", FieldType::Text, "Mode", "权限"),
            Field::new("owner", FieldType::Text, "Owner", "属主"),
            Field::new("group", FieldType::Text, "Group", "属组"),
            Field::new("sha256", FieldType::Text, "SHA-256", "SHA-256"),
        ],
        key: &["path"],
        rows_are: RowsAre::Things,
        warn: Some("not compliant"),
        crit: None,
        example: r#"{ "files": { "/etc/passwd": { "mode": "0644", "owner": "root", "group": "root" }, "/etc/shadow": { "mode_at_most": "0640" }, "/etc/hosts.equiv": { "state": "absent" } } }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        let wants_sum = |expected: &Expected| if expected.sha256.is_some() { "hash" } else { "no-hash" };
        let calls =
            params.files.iter().enumerate().map(|(place, (path, expected))| format!("one {place} {} {}", quote(path), wants_sum(expected)));
        let sums = params.files.iter().filter(|(_, expected)| expected.sha256.is_some());
        let commands = sums.map(|(path, _)| format!("/usr/bin/sha256sum -- {}", sudoers(path)));
        vec![Probe::shell("files", frame::script(SCRIPT, calls)).privileged(commands)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("files")?;
        let lines = frame::lines("files", "files", &text)?;
        let mut rows = Vec::new();
        for (place, (path, expected)) in params.files.iter().enumerate() {
            let mark = format!("file {place}");
            let answer: Vec<&str> =
                lines.iter().skip_while(|line| **line != mark).skip(1).take_while(|line| !line.starts_with("file ")).copied().collect();
            rows.push(compare(path, expected, &answer)?);
        }
        Ok(Parsed::Rows(rows))
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |message: String| Err(ParamFault { key: "files".to_owned(), message });
        for (path, expected) in &params.files {
            if !path.starts_with('/') || path.chars().any(char::is_control) {
                return fault(format!("`{}` is no absolute path", path.escape_debug()));
            }
            if expected.mode.iter().chain(&expected.mode_at_most).any(|mode| octal(mode).is_none()) {
                return fault(format!("{path}: write permissions in octal and in quotes, such as \"0640\""));
            }
            if expected.sha256.as_ref().is_some_and(|sum| sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                return fault(format!("{path}: a SHA-256 has 64 hexadecimal digits"));
            }
        }
        Ok(())
    }
}

/// The row of one file out of what the probe said of it.
fn compare(path: &str, expected: &Expected, answer: &[&str]) -> Result<Row, Unreadable> {
    let first = *answer.first().ok_or_else(|| Unreadable::new("files", format!("nothing about {path}")))?;
    let nothing = ["state", "mode", "owner", "group", "sha256"];
    let without_details = |compliant: Value, problems: Vec<String>, state: &str| {
        let row = Row::new().text("path", path).with("compliant", compliant).list("problems", problems).text("state", state);
        nothing[1..].iter().fold(row, |row, &name| row.with(name, Value::Null))
    };
    if let Some(message) = first.strip_prefix("failed ") {
        // Both coreutils and BusyBox end with the system's own words; only these two prove that it is not there.
        let message = message.trim();
        if message.ends_with("No such file or directory") || message.ends_with("Not a directory") {
            let compliant = expected.state == State::Absent;
            let problems = if compliant { vec![] } else { vec!["not there".to_owned()] };
            return Ok(without_details(Value::Boolean(compliant), problems, "absent"));
        }
        return Ok(without_details(Value::Null, vec![message.to_owned()], "unknown"));
    }
    let words: Vec<&str> = first.split(' ').collect();
    let ["there", mode, owner, group] = words[..] else { return Err(Unreadable::new("files", first)) };
    let bits = octal(mode).ok_or_else(|| Unreadable::new("files", first))?;
    let mut problems = Vec::new();
    if expected.state == State::Absent {
        problems.push("is there".to_owned());
    }
    if let Some(wanted) = expected.mode.as_deref().filter(|wanted| octal(wanted) != Some(bits)) {
        problems.push(format!("mode {mode}, expected {wanted}"));
    }
    if let Some(most) = expected.mode_at_most.as_deref().filter(|most| octal(most).is_none_or(|most| bits & !most != 0)) {
        problems.push(format!("mode {mode}, expected at most {most}"));
    }
    if let Some(wanted) = expected.owner.as_deref().filter(|wanted| *wanted != owner) {
        problems.push(format!("owner {owner}, expected {wanted}"));
    }
    if let Some(wanted) = expected.group.as_deref().filter(|wanted| *wanted != group) {
        problems.push(format!("group {group}, expected {wanted}"));
    }
    let (sum, sum_is_known) = match &expected.sha256 {
        None => (Value::Null, true),
        Some(wanted) => match content_sum(answer) {
            Some(sum) => {
                if !sum.eq_ignore_ascii_case(wanted) {
                    problems.push("content differs".to_owned());
                }
                (Value::Text(sum.into()), true)
            }
            None => {
                problems.push("content could not be read".to_owned());
                (Value::Null, false)
            }
        },
    };
    Ok(Row::new()
        .text("path", path)
        .with("compliant", if sum_is_known { Value::Boolean(problems.is_empty()) } else { Value::Null })
        .list("problems", problems)
        .text("state", "exists")
        .text("mode", format!("{bits:04o}"))
        .text("owner", owner)
        .text("group", group)
        .with("sha256", sum))
}

/// The sum out of `sha256 SUM  NAME`; a name with odd characters makes coreutils put a `\` before it.
fn content_sum<'a>(answer: &[&'a str]) -> Option<&'a str> {
    let sum = answer.get(1)?.strip_prefix("sha256 ")?.split(' ').next()?.trim_start_matches('\\');
    (sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(sum)
}

fn octal(mode: &str) -> Option<u32> {
    u32::from_str_radix(mode, 8).ok().filter(|bits| *bits <= 0o7777 && mode.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{row, rows, text};

    /// What the recorded commands asked about, in order of paths.
    const ASKED: &str = r#"{ "files": {
        "/etc/hosts.equiv": { "state": "absent" },
        "/etc/passwd": { "mode": "0644", "owner": "root", "group": "root", "sha256": "0000000000000000000000000000000000000000000000000000000000000000" },
        "/etc/passwd/x": { "state": "absent" },
        "/etc/shadow": { "mode_at_most": "0600", "sha256": "0000000000000000000000000000000000000000000000000000000000000000" },
        "/root/.ssh/id_rsa": { "state": "absent" }
    } }"#;

    #[test]
    fn differences_are_named() {
        let rows = rows::<FileState>(ASKED, "debian-12");
        let passwd = row(&rows, "path", "/etc/passwd");
        assert_eq!(passwd.get("problems"), Some(&Value::List(vec!["content differs".into()])));
        assert_eq!(text(passwd, "mode"), "0644");
        let shadow = row(&rows, "path", "/etc/shadow");
        assert!(
            matches!(shadow.get("problems"), Some(Value::List(list)) if list[0].raw() == "mode 640, expected at most 0600"),
            "{shadow:?}"
        );
    }

    #[test]
    fn what_is_proved_absent_is_compliant_where_it_should_be() {
        for capture in ["debian-12", "busybox-1.35"] {
            let rows = rows::<FileState>(ASKED, capture);
            for path in ["/etc/hosts.equiv", "/etc/passwd/x"] {
                assert_eq!(row(&rows, "path", path).get("compliant"), Some(&Value::Boolean(true)), "{capture} {path}");
            }
        }
    }

    #[test]
    fn what_may_not_be_looked_at_is_neither_there_nor_absent() {
        let rows = rows::<FileState>(ASKED, "debian-12-unprivileged");
        for path in ["/root/.ssh/id_rsa", "/etc/shadow"] {
            assert_eq!(row(&rows, "path", path).get("compliant"), Some(&Value::Null), "{path}");
        }
    }

    #[test]
    fn expectations_that_make_no_sense_are_refused() {
        for expected in [serde_json::json!({ "mode": "rw-" }), serde_json::json!({ "mode": "999" }), serde_json::json!({ "sha256": "abc" })]
        {
            assert!(Entry::of::<FileState>().bind(serde_json::json!({ "files": { "/etc/passwd": expected } })).is_err());
        }
        assert!(Entry::of::<FileState>().bind(serde_json::json!({ "files": { "etc/passwd": {} } })).is_err());
    }
}
