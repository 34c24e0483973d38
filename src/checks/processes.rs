//! Processes that should be running.

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Message, Probe, Row, Target, Text, Value};

use super::parts;
use super::procfs::count;

/// Processes that should be running.
pub struct Processes;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What should be running.
    expect: Vec<Expected>,
}

/// One program and how often it should run.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// What it is called; unless `pattern` says otherwise, the name of its processes.
    name: String,
    /// Regular expression for the whole command line, for programs that share a name (`java .*-Dapp=erp`).
    #[serde(default)]
    pattern: Option<String>,
    /// How many processes there are at least.
    #[serde(default = "one")]
    min: u32,
    /// How many there are at most; any number unless given.
    #[serde(default)]
    max: Option<u32>,
}

const fn one() -> u32 {
    1
}

/// The kernel keeps this many characters of a process's name.
const NAME_LIMIT: usize = 15;

impl Check for Processes {
    const META: Meta = Meta {
        id: "processes",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Expected processes", "关键进程"),
        asks: Text::new(
            "How many processes of each expected program run. Processes that have ended (zombies) do not count; those in containers on the host do. A name of more than 15 \
             characters is compared with the program's file name.",
            "各关键程序当前的进程数。僵尸进程不计入，主机上容器内的进程计入。名称超过 15 个字符时与程序文件名比较。",
        ),
        why: Text::new(
            "A service whose process is gone is down, whatever its unit says; one that runs twice may work on the same data twice.",
            "进程不在即服务中断，无论服务状态如何显示；重复启动则可能重复处理同一份数据。",
        ),
        advice: Text::new(
            "Missing: read why it ended (`journalctl -u UNIT -e`, its own log, `dmesg -T | grep -i kill`) and start it. Too many: see who started the others (`ps -ef --forest`).",
            "缺少进程：查看退出原因（`journalctl -u 服务名 -e`、应用日志、`dmesg -T | grep -i kill`）后启动；进程过多：用 `ps -ef --forest` 查看由谁启动。",
        ),
        source: Text::new("the numbers expected in the playbook", "以巡检剧本中填写的预期数量为准"),
        fields: &[
            Field::new("name", FieldType::Text, "Program", "程序"),
            Field::new("running", FieldType::Number, "Processes", "进程数"),
            Field::new("missing", FieldType::Number, "Missing", "缺少"),
            Field::new("surplus", FieldType::Number, "Too many", "多出"),
            Field::new("at_least", FieldType::Number, "At least", "至少"),
            Field::new("at_most", FieldType::Number, "At most", "至多"),
            Field::new("pids", FieldType::List, "Process ids", "进程号"),
        ],
        key: &["name"],
        rows_are: RowsAre::Things,
        warn: Some("surplus > 0"),
        crit: Some("missing > 0"),
        example: r#"{ "expect": [{ "name": "postgres", "min": 2 }, { "name": "erp", "pattern": "java .*-Dapp=erp", "max": 1 }] }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        // Command lines may hold secrets: they are asked for only where a pattern needs them.
        let needs_lines = params.expect.iter().any(|expected| expected.pattern.is_some() || expected.name.len() > NAME_LIMIT);
        let lines = if needs_lines { "echo '[lines]'; list pid= -o args= || exit\n" } else { "" };
        let script = format!(
            "list() {{ ps -ww -e -o \"$@\" 2>/dev/null || ps -o \"$@\"; }}\n\
             echo '[names]'; list pid= -o stat= -o comm= || exit\n{lines}echo '[end]'"
        );
        vec![Probe::shell("ps", script)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("ps")?;
        let parts = parts::split("ps", &text)?;
        let processes = read(parts.need("names")?, parts.get("lines"))?;
        if !processes.iter().any(|process| process.id == "1") {
            let needs = "to see the processes of others: /proc is mounted with hidepid; add the account to the group of its gid= option";
            return Err(Unreadable(Message::NeedsRight { needs: needs.to_owned() }));
        }
        params.expect.iter().map(|expected| row(expected, &processes)).collect::<Result<_, _>>().map(Parsed::Rows)
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |message: String| Err(ParamFault { key: "expect".to_owned(), message });
        if params.expect.is_empty() {
            return fault("an empty list expects nothing: name at least one program".to_owned());
        }
        for (at, expected) in params.expect.iter().enumerate() {
            let name = &expected.name;
            if name.is_empty() || params.expect[..at].iter().any(|earlier| earlier.name == *name) {
                return fault(format!("each program needs a name of its own: `{name}`"));
            }
            if let Some(Err(error)) = expected.pattern.as_deref().map(Regex::new) {
                return fault(format!("the pattern of `{name}` is no regular expression: {error}"));
            }
            if expected.max.is_some_and(|max| max < expected.min) || (expected.min == 0 && expected.max.is_none()) {
                return fault(format!("`{name}` can never be wrong or never be right: set `min` to 1 or more, and `max` not below it"));
            }
        }
        Ok(())
    }
}

struct Process<'a> {
    id: &'a str,
    name: &'a str,
    /// The whole command line; `None` where it was not asked for, or the process began or ended meanwhile.
    line: Option<&'a str>,
}

/// Joins both lists by process id, zombies left out.
fn read<'a>(names: &'a str, lines: Option<&'a str>) -> Result<Vec<Process<'a>>, Unreadable> {
    let split = |line: &'a str| {
        let (id, rest) = line.trim_start().split_once(' ')?;
        count(id).map(|_| (id, rest.trim()))
    };
    let mut command_lines = std::collections::HashMap::new();
    for line in lines.unwrap_or_default().lines() {
        let (id, command) = split(line).ok_or_else(|| Unreadable::new("ps", line))?;
        command_lines.insert(id, command);
    }
    let mut processes = Vec::new();
    for line in names.lines() {
        let process = split(line).and_then(|(id, rest)| Some((id, rest.split_once(' ')?)));
        let (id, (state, name)) = process.ok_or_else(|| Unreadable::new("ps", line))?;
        if !state.starts_with(['Z', 'X']) {
            processes.push(Process { id, name: name.trim(), line: command_lines.get(id).copied() });
        }
    }
    Ok(processes)
}

fn row(expected: &Expected, processes: &[Process<'_>]) -> Result<Row, Unreadable> {
    let pattern = expected.pattern.as_deref().map(Regex::new).transpose();
    let pattern = pattern.map_err(|error| Unreadable(Message::OurSide { detail: error.to_string() }))?;
    let fits = |process: &&Process<'_>| match &pattern {
        Some(pattern) => process.line.is_some_and(|line| pattern.is_match(line)),
        None if expected.name.len() > NAME_LIMIT => process.line.is_some_and(|line| program(line) == expected.name),
        None => process.name == expected.name,
    };
    let pids: Vec<&str> = processes.iter().filter(fits).map(|process| process.id).collect();
    #[expect(clippy::cast_precision_loss, reason = "there are at most 2^22 processes")]
    let number = pids.len() as f64;
    let (min, max) = (f64::from(expected.min), expected.max.map(f64::from));
    Ok(Row::new()
        .text("name", &expected.name)
        .number("running", number)
        .number("missing", (min - number).max(0.0))
        .number("surplus", max.map_or(0.0, |max| (number - max).max(0.0)))
        .number("at_least", min)
        .with("at_most", max.map_or(Value::Null, Value::Number))
        .list("pids", pids))
}

/// The file name of the program that a command line begins with.
fn program(line: &str) -> &str {
    let path = line.split(' ').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{number, parse, row, rows};

    const EXPECT: &str = r#"{ "expect": [
        { "name": "postgres", "min": 2 }, { "name": "sleepers", "pattern": "sleep 31[0-9]$", "max": 1 },
        { "name": "nosuch" }, { "name": "my app", "max": 5 }, { "name": "a-daemon-with-a-long-name" } ] }"#;

    #[test]
    fn processes_are_counted_by_name_and_by_command_line() {
        for name in ["debian-12", "busybox-1.35"] {
            let rows = rows::<Processes>(EXPECT, name);
            assert_eq!(number(row(&rows, "name", "sleepers"), "running"), 2.0);
            assert_eq!(number(row(&rows, "name", "sleepers"), "surplus"), 1.0);
            assert_eq!(number(row(&rows, "name", "nosuch"), "missing"), 1.0);
            assert_eq!(number(row(&rows, "name", "a-daemon-with-a-long-name"), "running"), 1.0);
            assert_eq!(number(row(&rows, "name", "postgres"), "missing"), 2.0);
        }
    }

    #[test]
    fn a_name_may_hold_spaces_and_zombies_do_not_count() {
        let processes = read("  1 Ss  init\n 20 S my app\n 21 Z my app <defunct>\n 22 Z    my app\n", None).unwrap();
        assert_eq!(processes.iter().map(|process| process.name).collect::<Vec<_>>(), ["init", "my app"]);
    }

    #[test]
    fn a_table_that_hides_others_is_no_proof_of_absence() {
        let refused = parse::<Processes>(r#"{ "expect": [{ "name": "init" }] }"#, "hidepid");
        assert!(matches!(refused, Err(Unreadable(Message::NeedsRight { .. }))), "{refused:?}");
    }

    #[track_caller]
    fn refused(params: &str, why: &str) {
        let Err(fault) = Entry::of::<Processes>().bind(serde_json::from_str(params).unwrap()) else { panic!("{params} was taken") };
        assert!(fault.message.contains(why), "{}", fault.message);
    }

    #[test]
    fn expectations_that_cannot_fail_or_hold_are_refused() {
        refused(r#"{ "expect": [] }"#, "at least one");
        refused(r#"{ "expect": [{ "name": "a" }, { "name": "a" }] }"#, "name of its own");
        refused(r#"{ "expect": [{ "name": "a", "pattern": "(" }] }"#, "no regular expression");
        refused(r#"{ "expect": [{ "name": "a", "min": 3, "max": 2 }] }"#, "max");
        refused(r#"{ "expect": [{ "name": "a", "min": 0 }] }"#, "never be wrong");
    }
}
