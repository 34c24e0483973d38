//! Free inodes on mounted filesystems.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::parts;
use super::procfs::{count, unescape};

/// Free inodes on mounted filesystems.
pub struct Inodes;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Filesystem types to leave out; the default are those that hold nothing on a disk or never change.
    #[serde(default = "not_on_disk")]
    exclude_types: Vec<String>,
    /// Mount points to leave out.
    #[serde(default)]
    exclude_mounts: Vec<String>,
}

fn not_on_disk() -> Vec<String> {
    ["tmpfs", "devtmpfs", "squashfs", "iso9660", "overlay", "efivarfs", "ramfs", "9p", "udf"].map(str::to_owned).to_vec()
}

impl Check for Inodes {
    const META: Meta = Meta {
        id: "inodes",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Inodes", "inode 使用率"),
        asks: Text::new(
            "How many of its inodes each mounted filesystem has used, one for each file or folder. Filesystems that make inodes as they go (Btrfs, FAT) have \
             none to run out of and give no row.",
            "各已挂载文件系统的 inode 使用情况（每个文件或目录占用一个）。动态分配 inode 的文件系统（Btrfs、FAT 等）不存在耗尽问题，不列出。",
        ),
        why: Text::new(
            "Without free inodes no file can be created though there is space left: services stop with “No space left on device”.",
            "inode 耗尽时即使磁盘仍有空间也无法新建文件，业务会报“No space left on device”而中断。",
        ),
        advice: Text::new(
            "Find the folder with the many files (`du --inodes -x MOUNT | sort -n | tail`): sessions, mail queues, caches, small logs. Clear it and see that it is \
             cleared regularly; more inodes mean a new filesystem, except on XFS.",
            "用 `du --inodes -x 挂载点 | sort -n | tail` 找出小文件最多的目录（会话、邮件队列、缓存、碎日志），清理并设置定期清理；除 XFS 外，增加 inode 需重建文件系统。",
        ),
        source: Text::new("common use: 80 %", "通用阈值：80%"),
        fields: &[
            Field::new("mount", FieldType::Text, "Mount point", "挂载点"),
            Field::new("used_pct", FieldType::Percent, "Used", "使用率"),
            Field::new("free", FieldType::Number, "Free inodes", "剩余 inode"),
            Field::new("used", FieldType::Number, "Used inodes", "已用 inode"),
            Field::new("total", FieldType::Number, "Inodes", "inode 总数"),
            Field::new("fstype", FieldType::Text, "Type", "类型"),
            Field::new("device", FieldType::Text, "Device", "设备"),
        ],
        key: &["mount"],
        rows_are: RowsAre::Things,
        warn: Some("used_pct > 80%"),
        crit: None,
        example: r#"{ "exclude_mounts": ["/mnt/scratch"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        // BusyBox has no -T in many builds, so the types come from the kernel's own list on every system.
        vec![Probe::shell("df", "echo '[mounts]'; cat /proc/mounts || exit; echo '[inodes]'; df -Pi || exit; echo '[end]'")]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("df")?;
        let parts = parts::split("df", &text)?;
        let mounts = read_mounts(parts.need("mounts")?)?;
        let table = parts.need("inodes")?;
        if !table.lines().next().is_some_and(|head| head.starts_with("Filesystem") && head.contains("Inodes")) {
            return Err(Unreadable::new("df -i", table));
        }
        let mut rows: Vec<Row> = Vec::new();
        let (mut listed, mut without) = (0, 0);
        for line in table.lines().skip(1) {
            let filesystem = read_line(line).ok_or_else(|| Unreadable::new("df -i", line))?;
            let fstype = mounts.iter().rev().find(|(mount, _)| *mount == filesystem.mount).map(|(_, fstype)| fstype.as_str());
            // Mounted or unmounted between the two lists: its type is not known, and it is not left out for one.
            let fstype = fstype.ok_or_else(|| Unreadable::new("/proc/mounts", format!("{} is missing", filesystem.mount)))?;
            if params.exclude_types.iter().any(|hidden| hidden == fstype) || params.exclude_mounts.contains(&filesystem.mount) {
                continue;
            }
            listed += 1;
            if filesystem.total == 0.0 {
                without += 1;
                continue;
            }
            // The same place mounted over again is one filesystem to its users: the last one listed is on top.
            rows.retain(|row| row.get("mount").and_then(|mount| mount.as_text()) != Some(&*filesystem.mount));
            rows.push(filesystem.row(fstype));
        }
        if listed > 0 && listed == without {
            return Ok(Parsed::NotApplicable { what: "a filesystem with a fixed number of inodes" });
        }
        Ok(Parsed::Rows(rows))
    }
}

/// Mount points and types of /proc/mounts.
fn read_mounts(text: &str) -> Result<Vec<(String, String)>, Unreadable> {
    let read = |line: &str| {
        let mut words = line.split(' ').skip(1);
        Some((unescape(words.next()?), words.next()?.to_owned()))
    };
    text.lines().map(|line| read(line).ok_or_else(|| Unreadable::new("/proc/mounts", line))).collect()
}

struct Filesystem {
    device: String,
    total: f64,
    used: f64,
    free: f64,
    mount: String,
}

/// One line of `df -Pi`; device and mount point may hold spaces, the share between them is `7%` or `-`.
fn read_line(line: &str) -> Option<Filesystem> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let share = (4..words.len()).find(|&at| {
        let is_share = words[at] == "-" || words[at].strip_suffix('%').is_some_and(|number| count(number).is_some());
        is_share && words[at - 3..at].iter().all(|word| count(word).is_some())
    })?;
    let mount = words.get(share + 1..)?.join(" ");
    mount.starts_with('/').then_some(())?;
    Some(Filesystem {
        device: words[..share - 3].join(" "),
        total: count(words[share - 3])?,
        used: count(words[share - 2])?,
        free: count(words[share - 1])?,
        mount,
    })
}

impl Filesystem {
    fn row(self, fstype: &str) -> Row {
        Row::new()
            .text("mount", self.mount)
            .number("used_pct", 100.0 * self.used / self.total)
            .number("free", self.free)
            .number("used", self.used)
            .number("total", self.total)
            .text("fstype", fstype)
            .text("device", self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows, text};

    #[test]
    fn coreutils_and_busybox_list_what_holds_data() {
        for name in ["debian-12", "busybox-1.35"] {
            let rows = rows::<Inodes>("{}", name);
            let root = row(&rows, "mount", "/");
            assert_eq!(number(root, "used") + number(root, "free"), number(root, "total"));
            assert_eq!(text(root, "fstype"), "ext4");
            assert!(rows.iter().all(|row| text(row, "fstype") != "tmpfs"));
        }
    }

    #[test]
    fn a_mount_point_with_spaces_has_its_type_too() {
        let rows = rows::<Inodes>("{}", "debian-12");
        assert_eq!(text(row(&rows, "mount", "/mnt/my share"), "fstype"), "ext4");
    }

    #[test]
    fn filesystems_without_inodes_alone_are_not_applicable() {
        let params = r#"{ "exclude_types": ["ext4", "tmpfs", "devtmpfs"] }"#;
        assert_eq!(parse::<Inodes>(params, "debian-12"), Ok(Parsed::NotApplicable { what: "a filesystem with a fixed number of inodes" }));
    }

    #[test]
    fn leaving_everything_out_gives_no_row_and_no_proof() {
        let params = r#"{ "exclude_types": ["ext4", "tmpfs", "devtmpfs", "btrfs"] }"#;
        assert_eq!(parse::<Inodes>(params, "debian-12"), Ok(Parsed::Rows(Vec::new())));
    }

    #[test]
    fn a_device_may_hold_spaces_and_numbers() {
        let filesystem = read_line("//nas/disk 100 1000 400 600 40% /mnt/my 5 share").unwrap();
        assert_eq!((filesystem.device.as_str(), filesystem.mount.as_str()), ("//nas/disk 100", "/mnt/my 5 share"));
        assert!(read_line("/dev/sda1 1000 400 600 40% not-a-path").is_none());
    }
}
