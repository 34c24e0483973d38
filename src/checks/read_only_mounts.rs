//! Filesystems that became read-only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::parts;
use super::procfs::unescape;

/// Filesystems that became read-only.
pub struct ReadOnlyMounts;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Filesystem types to leave out; the default are those that are read-only by nature or hold nothing on a disk.
    #[serde(default = "read_only_by_nature")]
    exclude_types: Vec<String>,
    /// Mount points to leave out.
    #[serde(default)]
    exclude_mounts: Vec<String>,
}

fn read_only_by_nature() -> Vec<String> {
    [
        "iso9660", "udf", "squashfs", "erofs", "cramfs", "romfs", "tmpfs", "ramfs", "devtmpfs", "proc", "sysfs", "cgroup", "cgroup2",
        "efivarfs", "autofs", "nsfs",
    ]
    .map(str::to_owned)
    .to_vec()
}

impl Check for ReadOnlyMounts {
    const META: Meta = Meta {
        id: "read-only-mounts",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Read-only filesystems", "只读文件系统"),
        asks: Text::new(
            "Which filesystems are read-only though /etc/fstab does not say so. A second mount of a writable filesystem that is itself read-only, as containers use it, \
             is listed only where /etc/fstab wants it writable.",
            "哪些文件系统处于只读状态而 /etc/fstab 并未要求只读。可写文件系统的只读绑定挂载（容器常用）仅当 /etc/fstab 要求可写时才列出。",
        ),
        why: Text::new(
            "After an I/O error the kernel makes a filesystem read-only to save what is there: nothing is written any more, and the disk may be dying.",
            "发生 I/O 错误后内核会把文件系统改为只读以保护数据：此后所有写入失败，且磁盘可能正在损坏。",
        ),
        advice: Text::new(
            "Read the kernel's messages first (`dmesg -T | grep -iE 'error|remount'`), check the disk (`smartctl -a`) and the backup, then repair offline (`fsck`, `xfs_repair`) and mount again. \
             If it is meant to be read-only, write `ro` into /etc/fstab or leave it out here.",
            "先看内核日志（`dmesg -T | grep -iE 'error|remount'`），检查磁盘（`smartctl -a`）并确认备份可用，再离线修复（`fsck`、`xfs_repair`）后重新挂载；若本就应只读，请在 /etc/fstab 写明 `ro` 或在此排除。",
        ),
        source: Text::new(
            "any is a problem; critical where /etc/fstab asks for a writable one",
            "出现即为问题；/etc/fstab 要求可写者为严重",
        ),
        fields: &[
            Field::new("mount", FieldType::Text, "Mount point", "挂载点"),
            Field::new("fstab", FieldType::Text, "In /etc/fstab (rw, absent)", "fstab 中的要求（rw、absent）"),
            Field::new("read_only", FieldType::Text, "Read-only (filesystem, mount)", "只读范围（filesystem、mount）"),
            Field::new("fstype", FieldType::Text, "Type", "类型"),
            Field::new("device", FieldType::Text, "Device", "设备"),
            Field::new("options", FieldType::Text, "Options", "挂载选项"),
        ],
        key: &["mount"],
        rows_are: RowsAre::Problems,
        warn: Some("fstab == \"absent\""),
        crit: Some("fstab == \"rw\""),
        example: r#"{ "exclude_mounts": ["/mnt/golden-image"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        let script = "echo '[mountinfo]'; cat /proc/self/mountinfo || exit
if [ -e /etc/fstab ]; then echo '[fstab]'; cat /etc/fstab || exit; echo; fi
echo '[end]'";
        vec![Probe::shell("mounts", script)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("mounts")?;
        let parts = parts::split("mounts", &text)?;
        let table = parts.need("mountinfo")?;
        let fstab = parts.get("fstab").unwrap_or_default();
        let mut mounts: Vec<Mount> = Vec::new();
        for line in table.lines() {
            let mount = read_line(line).ok_or_else(|| Unreadable::new("/proc/self/mountinfo", line))?;
            // What was mounted over is out of everybody's sight.
            mounts.retain(|covered| covered.place != mount.place);
            mounts.push(mount);
        }
        if !mounts.iter().any(|mount| mount.place == "/") {
            return Err(Unreadable::new("/proc/self/mountinfo", "the root filesystem is missing"));
        }
        let excluded = |mount: &Mount| params.exclude_types.contains(&mount.fstype) || params.exclude_mounts.contains(&mount.place);
        Ok(Parsed::Rows(mounts.into_iter().filter(|mount| !excluded(mount)).filter_map(|mount| problem(mount, fstab)).collect()))
    }
}

struct Mount {
    place: String,
    options_here: String,
    fstype: String,
    device: String,
    options_beneath: String,
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`: options of the mount, optional fields up to `-`,
/// options of the filesystem beneath.
fn read_line(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(4);
    let (place, options_here) = (unescape(left.next()?), left.next()?.to_owned());
    let mut right = right.split(' ');
    let (fstype, device) = (right.next()?.to_owned(), unescape(right.next()?));
    let options_beneath = right.next().filter(|options| !options.is_empty())?.to_owned();
    Some(Mount { place, options_here, fstype, device, options_beneath })
}

/// The row of a mount that should be writable and is not.
fn problem(mount: Mount, fstab: &str) -> Option<Row> {
    let wanted = wanted(fstab, &mount.place);
    let read_only = if is_read_only(&mount.options_beneath) {
        "filesystem"
    } else if is_read_only(&mount.options_here) && wanted == Some(Wanted::Writable) {
        "mount"
    } else {
        return None;
    };
    let wanted = match wanted {
        Some(Wanted::ReadOnly) => return None,
        Some(Wanted::Writable) => "rw",
        None => "absent",
    };
    Some(
        Row::new()
            .text("mount", mount.place)
            .text("fstab", wanted)
            .text("read_only", read_only)
            .text("fstype", mount.fstype)
            .text("device", mount.device)
            .text("options", format!("{};{}", mount.options_here, mount.options_beneath)),
    )
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Writable,
    ReadOnly,
}

/// What /etc/fstab says of the mount point, where it says anything.
fn wanted(fstab: &str, mount: &str) -> Option<Wanted> {
    fstab.lines().filter(|line| !line.trim_start().starts_with('#')).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (place, options) = (words.get(1)?, words.get(3).copied().unwrap_or("defaults"));
        let place = unescape(place);
        let place = if place.len() > 1 { place.trim_end_matches('/') } else { &place };
        (place == mount).then_some(if is_read_only(options) { Wanted::ReadOnly } else { Wanted::Writable })
    })
}

/// Of several `ro` and `rw` the last one holds.
fn is_read_only(options: &str) -> bool {
    options.split(',').rev().find(|&option| option == "ro" || option == "rw") == Some("ro")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{row, rows, text};

    #[test]
    fn a_filesystem_that_fstab_wants_writable_is_listed_with_it() {
        let rows = rows::<ReadOnlyMounts>("{}", "debian-12");
        let data = row(&rows, "mount", "/mnt/data");
        assert_eq!((text(data, "fstab"), text(data, "read_only"), text(data, "fstype")), ("rw", "filesystem", "ext4"));
        let share = row(&rows, "mount", "/mnt/my share");
        assert_eq!((text(share, "fstab"), text(share, "read_only")), ("absent", "filesystem"));
        assert_eq!(rows.len(), 2, "what fstab wants read-only and what is bound read-only is no problem: {rows:?}");
    }

    #[test]
    fn a_host_where_all_is_writable_has_no_rows() {
        assert!(rows::<ReadOnlyMounts>("{}", "busybox-1.35").is_empty());
    }

    #[test]
    fn a_mount_can_be_left_out() {
        let rows = rows::<ReadOnlyMounts>(r#"{ "exclude_mounts": ["/mnt/data"] }"#, "debian-12");
        assert!(rows.iter().all(|row| text(row, "mount") != "/mnt/data"));
    }

    #[test]
    fn a_line_with_optional_fields_is_read_and_a_short_one_refused() {
        let mount = read_line("36 35 98:0 /mnt1 /mnt2 ro,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue").unwrap();
        assert_eq!((mount.place.as_str(), mount.options_beneath.as_str()), ("/mnt2", "rw,errors=continue"));
        assert!(problem(mount, "").is_none());
        assert!(read_line("36 35 98:0 /mnt1 /mnt2 ro - ext3").is_none());
    }

    #[test]
    fn the_last_of_ro_and_rw_holds() {
        assert!(is_read_only("rw,noatime,ro"));
        assert!(!is_read_only("ro,rw,errors=remount-ro"));
        assert!(!is_read_only("defaults"));
    }
}
