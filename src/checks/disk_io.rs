//! How busy the disks are, and how long they take.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::parts::{self, Parts};
use super::procfs::{count, grown, seconds_up, unescape};

/// How busy the disks are, and how long they take.
pub struct DiskIo;

/// Layers above a disk (LVM, RAID, encryption) have slaves and are left out: their work is counted below. Only multipath is itself the disk,
/// and its paths are left out instead.
const SCRIPT: &str = r#"echo '[uptime]'; cat /proc/uptime || exit
echo '[diskstats]'; cat /proc/diskstats || exit
echo '[disks]'
for disk in /sys/block/*; do
  [ -e "$disk" ] || continue
  name=${disk##*/}
  case $name in loop*|ram*|zram*|sr*|fd[0-9]*) continue ;; esac
  uuid=-
  if [ -r "$disk/dm/uuid" ]; then read -r uuid < "$disk/dm/uuid" || uuid=-; fi
  slaves=
  for slave in "$disk"/slaves/*; do [ -e "$slave" ] && slaves="$slaves ${slave##*/}"; done
  echo "$name ${uuid:--}$slaves"
done
echo '[links]'
for link in /dev/disk/by-id/*; do [ -L "$link" ] && echo "${link##*/} $(readlink "$link")"; done
echo '[mountinfo]'; grep -F ' /dev/' /proc/self/mountinfo || [ $? = 1 ] || exit
echo '[end]'"#;

/// What the kernel counts though no disk is behind it, by the beginning of its name.
const NO_DISKS: [&str; 5] = ["loop", "ram", "zram", "sr", "fd"];

impl Check for DiskIo {
    const META: Meta = Meta {
        id: "disk-io",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Hardware,
        title: Text::new("Disk I/O", "磁盘 I/O"),
        asks: Text::new(
            "How busy each disk was, what it moved and how long a request took on average, between the beginning and the end of the inspection of the host \
             (`over`, at least 1 s). A disk is named by its serial number, else by what is mounted from it. `wait` has no value when nothing was asked of the disk.",
            "巡检该主机期间（`over`，不少于 1 秒）每块磁盘的繁忙程度、吞吐量和平均响应时间。磁盘以序列号命名，没有序列号的以其挂载点命名。期间没有 I/O 请求时 `wait` 无值。",
        ),
        why: Text::new(
            "A disk at its limit makes every database commit and every page from disk wait.",
            "磁盘达到极限后，数据库的每次提交和每次读盘都要排队等待。",
        ),
        advice: Text::new(
            "Watch it for longer (`iostat -x 5`), find who reads and writes (`iotop -oPa`, `pidstat -d 5`); move backups and batch jobs to other hours, add memory or \
             faster disks. An array or SSD that serves many requests at once may be busy all the time and still quick: then `wait` decides.",
            "用 `iostat -x 5` 观察更长时间，用 `iotop -oPa`、`pidstat -d 5` 找出读写者；错开备份与批处理时段，增加内存或更换更快的磁盘。阵列和 SSD 可并行处理请求，繁忙度高不一定慢，应以 `wait` 为准。",
        ),
        source: Text::new("common use: busy for more than 90 % of the time", "通用经验：繁忙时间超过 90%"),
        fields: &[
            Field::new("disk", FieldType::Text, "Disk", "磁盘"),
            Field::new("busy_pct", FieldType::Percent, "Busy", "繁忙度"),
            Field::new("wait", FieldType::Duration, "Time per request", "平均响应时间"),
            Field::new("queue", FieldType::Number, "Requests under way", "平均队列长度"),
            Field::new("read_bytes", FieldType::Bytes, "Read per second", "每秒读"),
            Field::new("write_bytes", FieldType::Bytes, "Written per second", "每秒写"),
            Field::new("reads", FieldType::Number, "Reads per second", "每秒读次数"),
            Field::new("writes", FieldType::Number, "Writes per second", "每秒写次数"),
            Field::new("device", FieldType::Text, "Device", "设备"),
            Field::new("over", FieldType::Duration, "Measured over", "测量时长"),
        ],
        key: &["disk"],
        rows_are: RowsAre::Things,
        warn: Some("busy_pct > 90%"),
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("disks", SCRIPT).twice()]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let (before, after) = (seen.text("disks")?, seen.text("disks.again")?);
        let (before, after) = (parts::split("disks", &before)?, parts::split("disks.again", &after)?);
        let over = seconds_up(after.need("uptime")?)? - seconds_up(before.need("uptime")?)?;
        if over <= 0.0 {
            return Err(Unreadable::new("/proc/uptime", "it did not grow"));
        }
        let (earlier, now) = (read_counters(before.need("diskstats")?)?, read_counters(after.need("diskstats")?)?);
        let disks = read_disks(after.need("disks")?)?;
        let mut rows = Vec::new();
        for name in disks {
            let Some(counters) = now.iter().find(|disk| disk.name == name) else { continue };
            let earlier = earlier.iter().find(|disk| disk.name == name);
            rows.push(row(stable_name(&name, &after, &now)?, counters, earlier, over));
        }
        if rows.is_empty() {
            // Without /sys there are no names of disks, and counters of some all the same.
            if let Some(disk) = now.iter().find(|disk| !NO_DISKS.iter().any(|prefix| disk.name.starts_with(prefix))) {
                return Err(Unreadable::new("/sys/block", format!("{} is missing", disk.name)));
            }
            // The kernel was asked twice and knows of no disk: a container, or a host that runs from the network.
            return Ok(Parsed::NotApplicable { what: "a disk of its own" });
        }
        Ok(Parsed::Rows(rows))
    }
}

/// A line of /proc/diskstats: numbers since boot.
struct Counters {
    number: String,
    name: String,
    reads: f64,
    sectors_read: f64,
    read_ms: f64,
    writes: f64,
    sectors_written: f64,
    write_ms: f64,
    busy_ms: f64,
    weighted_ms: f64,
}

fn read_counters(text: &str) -> Result<Vec<Counters>, Unreadable> {
    text.lines().map(|line| read_line(line).ok_or_else(|| Unreadable::new("/proc/diskstats", line))).collect()
}

fn read_line(line: &str) -> Option<Counters> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [major, minor, name, rest @ ..] = &words[..] else { return None };
    let numbers: Vec<f64> = rest.iter().map(|word| count(word)).collect::<Option<_>>()?;
    // Newer kernels add discards and flushes behind.
    let [reads, _, sectors_read, read_ms, writes, _, sectors_written, write_ms, _, busy_ms, weighted_ms, ..] = numbers[..] else {
        return None;
    };
    let number = format!("{major}:{minor}");
    let name = (*name).to_owned();
    Some(Counters { number, name, reads, sectors_read, read_ms, writes, sectors_written, write_ms, busy_ms, weighted_ms })
}

/// Names of the disks themselves, as /proc/diskstats writes them.
fn read_disks(text: &str) -> Result<Vec<String>, Unreadable> {
    let mut disks = Vec::new();
    let mut paths: Vec<&str> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(uuid)) = (words.next(), words.next()) else {
            return Err(Unreadable::new("/sys/block", line));
        };
        let slaves: Vec<&str> = words.collect();
        if uuid.starts_with("mpath-") {
            paths.extend(slaves);
        } else if !slaves.is_empty() {
            continue;
        }
        disks.push(name);
    }
    Ok(disks.into_iter().filter(|disk| !paths.contains(disk)).map(|disk| disk.replace('!', "/")).collect())
}

/// A name that survives a reboot: the serial number, else the shortest path mounted from the disk, else what the kernel calls it.
fn stable_name(name: &str, parts: &Parts<'_>, counters: &[Counters]) -> Result<String, Unreadable> {
    let links = parts.need("links")?.lines().filter_map(|line| line.split_once(' '));
    let mut ids: Vec<&str> = links.filter(|(_, device)| device.rsplit('/').next() == Some(name)).map(|(link, _)| link).collect();
    ids.sort_by_key(|id| (rank(id), id.len(), *id));
    if let Some(id) = ids.first() {
        return Ok((*id).to_owned());
    }
    let numbers: Vec<&str> = counters.iter().filter(|disk| is_part_of(&disk.name, name)).map(|disk| disk.number.as_str()).collect();
    let mounts = parts.need("mountinfo")?.lines().filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        words.get(2).filter(|number| numbers.contains(number)).and(words.get(4)).map(|mount| unescape(mount))
    });
    Ok(mounts.min_by_key(|mount| (mount.len(), mount.clone())).unwrap_or_else(|| name.to_owned()))
}

/// Names with model and serial number first, then numbers that only machines read.
fn rank(id: &str) -> usize {
    let machines = ["wwn-", "nvme-eui.", "nvme-uuid.", "nvme-nvme.", "scsi-0", "scsi-1", "scsi-2", "scsi-3", "dm-uuid-", "lvm-"];
    usize::from(machines.iter().any(|prefix| id.starts_with(prefix)))
}

/// Whether `partition` is `disk` or one of its partitions: `sda1` of `sda`, `nvme0n1p2` of `nvme0n1`.
fn is_part_of(partition: &str, disk: &str) -> bool {
    partition.strip_prefix(disk).is_some_and(|rest| {
        let rest = if disk.ends_with(|last: char| last.is_ascii_digit()) { rest.strip_prefix('p').unwrap_or(rest) } else { rest };
        partition == disk || (!rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

fn row(disk: String, now: &Counters, earlier: Option<&Counters>, over: f64) -> Row {
    // A disk that came meanwhile, or whose counters began anew, has no rates yet.
    let grew = |of: fn(&Counters) -> f64| earlier.and_then(|earlier| grown(of(earlier), of(now)));
    let per_second = |of: fn(&Counters) -> f64| grew(of).map_or(f64::NAN, |grew| grew / over);
    let share = |of: fn(&Counters) -> f64| per_second(of) / 1000.0;
    let requests = grew(|counters| counters.reads).zip(grew(|counters| counters.writes)).map(|(reads, writes)| reads + writes);
    let took_ms = grew(|counters| counters.read_ms).zip(grew(|counters| counters.write_ms)).map(|(read, write)| read + write);
    let wait = requests.zip(took_ms).filter(|(requests, _)| *requests > 0.0).map_or(f64::NAN, |(requests, ms)| ms / requests / 1000.0);
    let busy = 100.0 * share(|counters| counters.busy_ms);
    Row::new()
        .text("disk", disk)
        // The clocks of the two files differ by up to a tick. `f64::min` would turn "unknown" into 100.
        .number("busy_pct", if busy > 100.0 { 100.0 } else { busy })
        .duration("wait", wait)
        .number("queue", share(|counters| counters.weighted_ms))
        // Sectors are 512 bytes here, whatever the disk's own size.
        .number("read_bytes", 512.0 * per_second(|counters| counters.sectors_read))
        .number("write_bytes", 512.0 * per_second(|counters| counters.sectors_written))
        .number("reads", per_second(|counters| counters.reads))
        .number("writes", per_second(|counters| counters.writes))
        .text("device", now.name.clone())
        .duration("over", over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows, text};
    use crate::model::Value;

    #[test]
    fn a_disk_without_serial_number_is_named_by_what_is_mounted_from_it() {
        for name in ["debian-12", "busybox-1.35"] {
            let rows = rows::<DiskIo>("{}", name);
            assert_eq!(rows.len(), 1, "loop devices and compressed memory are no disks: {rows:?}");
            assert_eq!((text(&rows[0], "disk"), text(&rows[0], "device")), ("/", "vda"));
            assert!(number(&rows[0], "over") >= 1.0);
            assert!((0.0..=100.0).contains(&number(&rows[0], "busy_pct")));
        }
    }

    #[test]
    fn writing_shows_as_bytes_and_time_per_request() {
        let rows = rows::<DiskIo>("{}", "debian-12");
        assert!(number(&rows[0], "write_bytes") > 0.0);
        assert!(number(&rows[0], "wait") > 0.0);
    }

    #[test]
    fn layers_are_left_out_and_multipath_stands_for_its_paths() {
        let disks = "sda -\nsdb -\nsdc -\ndm-0 mpath-36001405 sda sdb\ndm-1 LVM-x dm-0\nmd0 - sdc\ncciss!c0d0 -\n";
        assert_eq!(read_disks(disks).unwrap(), ["sdc", "dm-0", "cciss/c0d0"]);
    }

    #[test]
    fn the_serial_number_goes_before_numbers_for_machines() {
        let text = "[links]\nwwn-0x5000c500 ../../sda\nata-ST4000_ZDH1 ../../sda\nata-ST4000_ZDH1-part1 ../../sda1\n[mountinfo]\n[end]\n";
        let parts = parts::split("disks", text).unwrap();
        assert_eq!(stable_name("sda", &parts, &[]).unwrap(), "ata-ST4000_ZDH1");
        assert_eq!(stable_name("sdb", &parts, &[]).unwrap(), "sdb");
    }

    #[test]
    fn partitions_belong_to_their_disk_alone() {
        assert!(is_part_of("sda1", "sda") && is_part_of("nvme0n1p2", "nvme0n1") && is_part_of("vda", "vda"));
        assert!(!is_part_of("sdaa", "sda") && !is_part_of("sdaa1", "sda") && !is_part_of("sdb", "sda"));
    }

    #[test]
    fn counters_that_began_anew_give_no_rate() {
        let line = |busy: u32| read_line(&format!("8 0 sda 10 0 80 5 10 0 80 5 0 {busy} 10")).unwrap();
        let row = row("d".into(), &line(5), Some(&line(4_000_000_000)), 1.0);
        assert_eq!(row.get("busy_pct"), Some(&Value::Null));
        assert_eq!(row.get("wait"), Some(&Value::Null), "nothing was asked of it");
    }
}
