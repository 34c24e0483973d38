//! Faults that the kernel reports: disks, filesystems, memory, processor, hangs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kernel_log;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};
use crate::quantity::Seconds;

/// Faults that the kernel reports.
pub struct KernelErrors;

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

/// Kinds of fault, and words of the kernel that tell them, in lower case. The first that fits counts; all are fixed words, so that
/// the probe and the reader match alike.
const KINDS: [(&str, &[&str]); 9] = [
    ("memory-uncorrected", &["uncorrected error", "uncorrectable error", "memory failure:", " ue memory", "ue page"]),
    ("machine-check", &["machine check", "[hardware error]"]),
    ("memory-corrected", &[" ce memory", "ce page", "corrected error"]),
    (
        "filesystem",
        &[
            "remounting filesystem read-only",
            "ext4-fs error",
            "ext3-fs error",
            "metadata i/o error",
            "xfs_do_force_shutdown",
            "corruption of in-memory data",
            "metadata corruption detected",
            "btrfs: error",
            "btrfs error",
            "btrfs critical",
        ],
    ),
    (
        "disk",
        &[
            "i/o error",
            "critical medium error",
            "critical target error",
            "unrecovered read error",
            "failed command:",
            "exception emask",
            "i/o timeout, ",
            "nvme: device not ready",
            "rejecting i/o to offline device",
            "rejecting i/o to dead device",
        ],
    ),
    ("lockup", &["soft lockup", "hard lockup", "rcu: info:", "rcu_sched self-detected stall", "blocked for more than"]),
    (
        "kernel-bug",
        &[
            "kernel bug at",
            "bug: unable to handle",
            "bug: kernel null",
            "oops:",
            "kernel panic",
            "general protection fault: ",
            "general protection fault, probably",
            "refcount_t:",
        ],
    ),
    (
        "network-storage",
        &["not responding, still trying", "not responding, timed out", "detected conn error", "session recovery timed out"],
    ),
    ("heat", &["clock throttled", "critical temperature"]),
];

impl Check for KernelErrors {
    const META: Meta = Meta {
        id: "kernel-errors",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Hardware,
        title: Text::new("Kernel errors", "内核错误"),
        asks: Text::new(
            "Faults of disks, filesystems, memory, processor and network storage, hangs and bugs that the kernel reported since a time; from the journal, or without one since the last start.",
            "指定时间以来内核报告的磁盘、文件系统、内存、处理器、网络存储故障及挂起和内核缺陷；取自 journal，没有 journal 时仅自上次启动起。",
        ),
        why: Text::new(
            "The kernel sees a dying disk or memory module days before applications do; a filesystem that went read-only has already stopped them.",
            "磁盘或内存损坏，内核往往比应用早几天发现；文件系统变只读时业务已经中断。",
        ),
        advice: Text::new(
            "Read the messages in full (`journalctl -k`, `dmesg -T`), secure a backup, then have the part replaced or the driver updated.",
            "查看完整信息（`journalctl -k`、`dmesg -T`），先确保有备份，再更换部件或升级驱动。",
        ),
        source: Text::new(
            "common use: any such message is looked at; damage to data is critical",
            "通用做法：此类信息均须处理；涉及数据损坏为严重",
        ),
        fields: &[
            Field::new("fault", FieldType::Text, "Fault", "故障类型"),
            Field::new("count", FieldType::Number, "Messages", "条数"),
            Field::new("last_at", FieldType::Timestamp, "Last time", "最近一次"),
            Field::new("messages", FieldType::List, "Last messages", "最近信息"),
        ],
        // Names of devices do not survive a restart, kinds of fault do.
        key: &["fault"],
        rows_are: RowsAre::Problems,
        warn: Some("count > 0"),
        crit: Some(r#"fault in ["memory-uncorrected", "machine-check", "filesystem", "kernel-bug"]"#),
        example: r#"{ "since": "7d" }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        // grep -E without -i: BusyBox and GNU agree on upper and lower case only for ASCII, which bracket pairs spell out.
        let either = |word: &str| -> String {
            word.chars()
                .map(|c| match c {
                    'a'..='z' => format!("[{c}{}]", c.to_ascii_uppercase()),
                    '[' => r"\[".to_owned(),
                    ']' => r"\]".to_owned(),
                    _ => c.to_string(),
                })
                .collect()
        };
        let words: Vec<String> = KINDS.iter().flat_map(|(_, words)| words.iter().map(|word| either(word))).collect();
        vec![kernel_log::probe(&words.join("|"), seconds(params))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let mut faults: BTreeMap<&'static str, Fault> = BTreeMap::new();
        for entry in kernel_log::read(seen, seconds(params))?.entries {
            // In the journal's line the words may have stood in the name of the host.
            let Some(kind) = kind(&entry.text) else { continue };
            let fault = faults.entry(kind).or_default();
            fault.count += 1.0;
            fault.last_at = fault.last_at.max(entry.at);
            if fault.messages.len() == 10 {
                fault.messages.remove(0);
            }
            fault.messages.push(entry.text);
        }
        let row = |(kind, fault): (&'static str, Fault)| {
            Row::new()
                .text("fault", kind)
                .number("count", fault.count)
                .with("last_at", fault.last_at.map_or(Value::Null, Value::Timestamp))
                .list("messages", fault.messages)
        };
        Ok(Parsed::Rows(faults.into_iter().map(row).collect()))
    }
}

#[derive(Default)]
struct Fault {
    count: f64,
    last_at: Option<DateTime<Utc>>,
    messages: Vec<String>,
}

/// Whole seconds to look back.
fn seconds(params: &Params) -> i64 {
    i64::try_from(params.since.duration().as_secs()).unwrap_or(i64::MAX / 1000)
}

fn kind(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    KINDS.iter().find(|(_, words)| words.iter().any(|word| text.contains(word))).map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows};

    #[test]
    fn faults_of_a_disk_and_of_its_filesystem_are_told_apart() {
        for capture in ["debian-12-buffer", "busybox-1.35-buffer"] {
            let rows = rows::<KernelErrors>("{}", capture);
            assert!(number(row(&rows, "fault", "disk"), "count") >= 1.0, "{capture}");
            assert!(number(row(&rows, "fault", "filesystem"), "count") >= 1.0, "{capture}");
        }
    }

    #[test]
    fn a_log_without_faults_is_good_news() {
        assert_eq!(parse::<KernelErrors>("{}", "debian-12-quiet"), Ok(Parsed::Rows(vec![])));
    }

    #[test]
    fn without_the_right_to_read_the_log_it_cannot_be_judged() {
        assert!(parse::<KernelErrors>("{}", "debian-12-unprivileged").is_err());
    }

    #[test]
    fn the_kernels_words_have_a_kind() {
        for (text, expected) in [
            ("EXT4-fs (sda1): Remounting filesystem read-only", Some("filesystem")),
            ("XFS (dm-0): Metadata I/O Error (0x1) detected", Some("filesystem")),
            ("blk_update_request: I/O error, dev sda, sector 12", Some("disk")),
            ("ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x0", Some("disk")),
            ("EDAC MC0: 1 CE memory read error on CPU_SrcID#0", Some("memory-corrected")),
            ("EDAC MC0: 1 UE memory read error on CPU_SrcID#0", Some("memory-uncorrected")),
            ("mce: [Hardware Error]: Machine check events logged", Some("machine-check")),
            ("INFO: task mysqld:812 blocked for more than 120 seconds.", Some("lockup")),
            ("nfs: server nas not responding, still trying", Some("network-storage")),
            ("EXT4-fs (sda1): mounted filesystem with ordered data mode", None),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
