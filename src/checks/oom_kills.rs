//! Processes that the kernel killed because memory ran out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kernel_log;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};
use crate::quantity::Seconds;

/// Processes that the kernel killed because memory ran out.
pub struct OomKills;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How far back to look.
    #[serde(default = "one_day")]
    since: Seconds,
}

fn one_day() -> Seconds {
    Seconds(86_400.0)
}

/// Kernels from 2.6 on: `Killed process 1 (name)`, `Killed process 1, UID 48, (name)`, with the memory behind it.
static KILLED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(Memory cgroup )?.*Killed process \d+(?:,? UID:? ?\d+,?)? \((.*?)\)(?:[,:]| total-vm|$).*").ok());
static RESIDENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?:anon|file|shmem)-rss:(\d+)kB").ok());

impl Check for OomKills {
    const META: Meta = Meta {
        id: "oom-kills",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Out-of-memory kills", "内存不足杀进程"),
        asks: Text::new(
            "Which programs the kernel killed since a time because memory ran out, of the whole host or of a cgroup; from the journal, or without one since the last start.",
            "指定时间以来因整机或 cgroup 内存不足被内核杀死的进程；取自 journal，没有 journal 时仅自上次启动起。",
        ),
        why: Text::new(
            "The kernel kills what is largest, which as a rule is the database or the application itself.",
            "内核优先杀死占用内存最大的进程，往往正是数据库或业务应用本身。",
        ),
        advice: Text::new(
            "Find what took the memory, limit it (buffer pool, heap, cgroup), or add memory; protect what must live with `OOMScoreAdjust`.",
            "找出占用内存的程序，加以限制（缓冲池、堆、cgroup）或增加内存；对关键服务设置 `OOMScoreAdjust`。",
        ),
        source: Text::new("operations standards: memory never runs out; any kill is a warning", "运维规范：内存不得耗尽；出现一次即预警"),
        fields: &[
            Field::new("process", FieldType::Text, "Process", "进程"),
            Field::new("count", FieldType::Number, "Times killed", "被杀次数"),
            Field::new("last_at", FieldType::Timestamp, "Last time", "最近一次"),
            Field::new("memory_bytes", FieldType::Bytes, "Largest memory", "最大内存"),
            Field::new("scope", FieldType::Text, "Scope", "范围"),
        ],
        key: &["process"],
        rows_are: RowsAre::Problems,
        warn: Some("count > 0"),
        crit: Some("count > 2"),
        example: r#"{ "since": "7d" }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        vec![kernel_log::probe("Killed process [0-9]", seconds(params))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let log = kernel_log::read(seen, seconds(params))?;
        let mut kills: BTreeMap<String, Kills> = BTreeMap::new();
        let mut listed = 0.0;
        for entry in &log.entries {
            let found = KILLED.as_ref().and_then(|form| form.captures(&entry.text));
            let found = found.ok_or_else(|| Unreadable::new("a kill", entry.text.as_str()))?;
            listed += 1.0;
            kills.entry(found[2].to_owned()).or_default().add(entry.at, &entry.text, found.get(1).is_some());
        }
        // The buffer forgets: what the kernel counted since its start, and no longer tells, is a kill all the same.
        #[expect(clippy::cast_precision_loss, reason = "seconds to look back")]
        let counted = log.oom_kills.filter(|_| log.up <= seconds(params) as f64).unwrap_or(0.0);
        if counted > listed {
            kills.insert("(no longer in the log)".to_owned(), Kills { count: counted - listed, ..Kills::default() });
        }
        Ok(Parsed::Rows(kills.into_iter().map(|(process, kills)| kills.row(process)).collect()))
    }
}

/// Whole seconds to look back.
fn seconds(params: &Params) -> i64 {
    i64::try_from(params.since.duration().as_secs()).unwrap_or(i64::MAX / 1000)
}

/// Kills of one program.
#[derive(Default)]
struct Kills {
    count: f64,
    last_at: Option<DateTime<Utc>>,
    memory: Option<f64>,
    scope: Option<&'static str>,
}

impl Kills {
    fn add(&mut self, at: Option<DateTime<Utc>>, text: &str, in_cgroup: bool) {
        self.count += 1.0;
        self.last_at = self.last_at.max(at);
        let resident =
            RESIDENT.as_ref().map(|form| form.captures_iter(text).filter_map(|found| found[1].parse::<f64>().ok()).collect::<Vec<_>>());
        let resident = resident.filter(|parts| !parts.is_empty()).map(|parts| parts.iter().sum::<f64>() * 1024.0);
        self.memory = resident.into_iter().chain(self.memory).reduce(f64::max);
        // The whole host is the worse of the two.
        self.scope = if in_cgroup && self.scope != Some("host") { Some("cgroup") } else { Some("host") };
    }

    fn row(self, process: String) -> Row {
        Row::new()
            .text("process", process)
            .number("count", self.count)
            .with("last_at", self.last_at.map_or(Value::Null, Value::Timestamp))
            .with("memory_bytes", self.memory.map_or(Value::Null, Value::Number))
            .with("scope", self.scope.map_or(Value::Null, |scope| Value::Text(scope.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows, text};

    #[test]
    fn a_kill_in_a_cgroup_is_read_from_the_buffer() {
        for capture in ["debian-12-buffer", "busybox-1.35-buffer"] {
            let rows = rows::<OomKills>("{}", capture);
            let kill = row(&rows, "process", "tail");
            assert!(number(kill, "count") >= 1.0, "{capture}");
            assert_eq!(text(kill, "scope"), "cgroup");
            assert!(number(kill, "memory_bytes") > 1_000_000.0);
        }
    }

    #[test]
    fn the_journal_tells_the_same() {
        let rows = rows::<OomKills>("{}", "debian-12-journal");
        assert_eq!(text(row(&rows, "process", "tail"), "scope"), "cgroup");
    }

    #[test]
    fn a_log_without_kills_is_good_news() {
        assert_eq!(parse::<OomKills>("{}", "debian-12-quiet"), Ok(Parsed::Rows(vec![])));
    }

    #[test]
    fn kills_that_the_buffer_forgot_are_counted() {
        let rows = rows::<OomKills>("{}", "debian-12-forgotten");
        assert!(number(&rows[0], "count") >= 1.0);
        assert_eq!(text(&rows[0], "process"), "(no longer in the log)");
    }

    #[test]
    fn without_the_right_to_read_the_log_it_cannot_be_judged() {
        let error = parse::<OomKills>("{}", "debian-12-unprivileged").unwrap_err();
        assert!(matches!(error.0, crate::model::Message::NeedsRight { .. }), "{error:?}");
    }

    #[test]
    fn old_and_new_kernels_are_understood() {
        for (line, process, scope) in [
            ("Killed process 1319, UID 108, (mysqld) total-vm:52428800kB, anon-rss:50000000kB, file-rss:4kB", "mysqld", None),
            ("Killed process 2022 (mysqld) total-vm:1606028kB, anon-rss:38760kB, file-rss:0kB", "mysqld", None),
            ("Out of memory: Killed process 77 (Web (Content)) total-vm:1kB, anon-rss:1kB, UID:0", "Web (Content)", None),
            ("Memory cgroup out of memory: Killed process 9 (java) total-vm:1kB, anon-rss:1kB", "java", Some("Memory cgroup ")),
        ] {
            let found = KILLED.as_ref().unwrap().captures(line).unwrap();
            assert_eq!((&found[2], found.get(1).map(|scope| scope.as_str())), (process, scope), "{line}");
        }
    }
}
