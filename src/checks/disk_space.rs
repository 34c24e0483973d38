//! Free space on mounted filesystems.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Free space on mounted filesystems.
pub struct DiskSpace;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Filesystem types to leave out; the default are those that hold nothing on a disk or never change.
    #[serde(default = "without_space")]
    exclude_types: Vec<String>,
    /// Mount points to leave out.
    #[serde(default)]
    exclude_mounts: Vec<String>,
}

fn without_space() -> Vec<String> {
    ["tmpfs", "devtmpfs", "squashfs", "iso9660", "overlay", "efivarfs", "ramfs", "9p", "udf"].map(str::to_owned).to_vec()
}

impl Check for DiskSpace {
    const META: Meta = Meta {
        id: "disk-space",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Disk space", "磁盘空间"),
        asks: Text::new(
            "How full each mounted filesystem is, as an unprivileged writer sees it: blocks reserved for root count as used.",
            "各已挂载文件系统的使用情况；为 root 保留的块计为已用。",
        ),
        why: Text::new(
            "A full disk stops databases, loses log entries and makes backups fail.",
            "磁盘写满会导致数据库停止、日志丢失、备份失败。",
        ),
        advice: Text::new(
            "Find what grew (`du -xh --max-depth=2 MOUNT | sort -h`), remove or move it, rotate logs, or extend the volume.",
            "用 `du -xh --max-depth=2 挂载点 | sort -h` 找出增长点，清理或迁移，配置日志轮转，或扩容。",
        ),
        source: Text::new(
            "operations standards: at least 20 % free; critical at 10 % by common use",
            "运维规范：剩余空间不低于 20%；10% 为通用严重阈值",
        ),
        fields: &[
            Field::new("mount", FieldType::Text, "Mount point", "挂载点"),
            Field::new("free_pct", FieldType::Percent, "Free", "剩余比例"),
            Field::new("used_pct", FieldType::Percent, "Used", "已用比例"),
            Field::new("free_bytes", FieldType::Bytes, "Free space", "剩余空间"),
            Field::new("used_bytes", FieldType::Bytes, "Used space", "已用空间"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "容量"),
            Field::new("fstype", FieldType::Text, "Type", "类型"),
            Field::new("device", FieldType::Text, "Device", "设备"),
        ],
        key: &["mount"],
        rows_are: RowsAre::Things,
        warn: Some("free_pct < 20%"),
        crit: Some("free_pct < 10%"),
        example: r#"{ "exclude_mounts": ["/mnt/scratch"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        // BusyBox knows -T only in newer builds; without it the types come from /proc/mounts.
        vec![Probe::shell("df", "df -PkT 2>/dev/null || { echo no-types; cat /proc/mounts; echo end-of-mounts; df -Pk; }")]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("df")?;
        // The first form repeats nothing; what follows a failed `df -PkT` starts with the mark.
        let (types, table) = match text.split_once("no-types\n") {
            None => (None, &*text),
            Some((_, rest)) => {
                let (mounts, table) =
                    rest.split_once("end-of-mounts\n").ok_or_else(|| Unreadable::new("df", "the list of mounts has no end"))?;
                (Some(mounts), table)
            }
        };
        let mut rows = Vec::new();
        for line in table.lines().skip(1) {
            let filesystem = read_line(line, types).ok_or_else(|| Unreadable::new("df", line))?;
            let hidden = params.exclude_types.contains(&filesystem.fstype) || params.exclude_mounts.contains(&filesystem.mount);
            // A filesystem without blocks (proc, cgroup) has no space to run out of.
            if !hidden && filesystem.size > 0.0 {
                rows.push(filesystem.row());
            }
        }
        // The same place mounted over again is one filesystem to its users: the last one listed is on top.
        rows.reverse();
        let mut seen_mounts = std::collections::HashSet::new();
        rows.retain(|row| seen_mounts.insert(row.get("mount").and_then(|mount| mount.as_text()).map(str::to_owned)));
        rows.reverse();
        Ok(Parsed::Rows(rows))
    }
}

struct Filesystem {
    device: String,
    fstype: String,
    size: f64,
    used: f64,
    free: f64,
    mount: String,
}

/// One line of `df -Pk[T]`; the mount point comes last and may hold spaces.
fn read_line(line: &str, types: Option<&str>) -> Option<Filesystem> {
    let numbers = if types.is_some() { 1 } else { 2 };
    let words: Vec<&str> = line.split_whitespace().collect();
    // The device may hold spaces too (`//nas/my share`): the capacity column is the first that ends in %, or is "-".
    let capacity = words.iter().enumerate().position(|(at, word)| at >= numbers + 3 && (word.ends_with('%') || *word == "-"))?;
    let kib = |at: usize| words.get(at)?.parse::<f64>().ok().map(|kib| kib * 1024.0);
    let mount = words.get(capacity + 1..)?.join(" ");
    if !mount.starts_with('/') {
        return None;
    }
    let fstype = match types {
        None => words.get(capacity - 4)?.to_string(),
        Some(mounts) => mounts.lines().rev().find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            (fields.next()? == mount.replace(' ', "\\040")).then(|| fields.next().unwrap_or_default().to_owned())
        })?,
    };
    Some(Filesystem {
        device: words[..capacity - 3 - (numbers - 1)].join(" "),
        fstype,
        size: kib(capacity - 3)?,
        used: kib(capacity - 2)?,
        free: kib(capacity - 1)?,
        mount,
    })
}

impl Filesystem {
    fn row(self) -> Row {
        // Like df itself: of what an unprivileged writer may use.
        let usable = self.used + self.free;
        let used_pct = 100.0 * self.used / usable;
        Row::new()
            .text("mount", self.mount)
            .number("free_pct", 100.0 - used_pct)
            .number("used_pct", used_pct)
            .number("free_bytes", self.free)
            .number("used_bytes", self.used)
            .number("size_bytes", self.size)
            .text("fstype", self.fstype)
            .text("device", self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows, text};

    #[test]
    fn coreutils_lists_what_holds_data() {
        let rows = rows::<DiskSpace>("{}", "debian-12");
        assert_eq!(text(&rows[0], "mount"), "/");
        assert!((number(&rows[0], "free_pct") + number(&rows[0], "used_pct") - 100.0).abs() < 1e-9);
        assert!(rows.iter().all(|row| text(row, "fstype") != "tmpfs"));
    }

    #[test]
    fn busybox_without_types_takes_them_from_the_mounts() {
        let rows = rows::<DiskSpace>("{}", "busybox-1.35");
        assert_eq!(text(&rows[0], "mount"), "/");
        assert_eq!(text(&rows[0], "fstype"), "ext4");
    }

    #[test]
    fn a_mount_can_be_left_out() {
        assert!(rows::<DiskSpace>(r#"{ "exclude_mounts": ["/"] }"#, "debian-12").iter().all(|row| text(row, "mount") != "/"));
    }

    #[test]
    fn a_device_and_a_mount_point_may_hold_spaces() {
        let line = "//nas/my share cifs 1000 400 600 40% /mnt/my share";
        let filesystem = read_line(line, None).unwrap();
        assert_eq!(
            (filesystem.device.as_str(), filesystem.fstype.as_str(), filesystem.mount.as_str()),
            ("//nas/my share", "cifs", "/mnt/my share")
        );
    }
}
