//! What disks say of their own health.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::frame;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// What disks say of their own health.
pub struct Smart;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Slots to leave out.
    #[serde(default)]
    exclude: Vec<String>,
}

/// A disk is known by the slot it is in: that outlives a restart, and a renewal of the disk. Disks of hypervisors have no SMART.
const SCRIPT: &str = r#"echo smart
[ -d /sys/block ] || { echo 'no /sys/block' >&2; exit 1; }
for b in /sys/block/*; do
  [ -e "$b/device" ] || continue
  n=${b##*/}
  case $n in sr*|fd*|nbd*|mmcblk*|rbd*) continue;; vd*|xvd*) echo "virtual $n"; continue;; esac
  case $(cat "$b/device/vendor" "$b/device/model" 2>/dev/null) in
    *QEMU*|*VMware*|*VBOX*|*Virtual*|*'Amazon Elastic'*|*'Google PersistentDisk'*|*PersistentDisk*) echo "virtual $n"; continue;;
  esac
  slot=
  for l in /dev/disk/by-path/*; do
    [ -n "$slot" ] || [ "$(readlink -f "$l")" != "/dev/$n" ] || slot=${l##*/}
  done
  [ -n "$slot" ] || { slot=$(readlink -f "$b"); slot=${slot#/sys/devices/}; slot=${slot%/block/*}; }
  echo "disk $slot"
  case $n in nvme*) d=${n%n*};; *) d=$n;; esac
  has smartctl || { echo 'smartctl: command not found' >&2; exit 127; }
  priv smartctl -j -i -H -A "/dev/$d"
  echo "status $?"
done
echo end"#;

const COMMANDS: [&str; 4] = [
    "/usr/sbin/smartctl -j -i -H -A /dev/sd[a-z]",
    "/usr/sbin/smartctl -j -i -H -A /dev/sd[a-z][a-z]",
    "/usr/sbin/smartctl -j -i -H -A /dev/nvme[0-9]",
    "/usr/sbin/smartctl -j -i -H -A /dev/nvme[0-9][0-9]",
];

impl Check for Smart {
    const META: Meta = Meta {
        id: "smart",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Hardware,
        title: Text::new("Health of disks", "磁盘健康"),
        asks: Text::new(
            "What every physical disk says of itself (SMART): health, bad sectors, wear, temperature, hours of work. Needs smartctl 7.0 or newer.",
            "各物理磁盘的 SMART 自检信息：健康状态、坏扇区、磨损、温度、通电时间；需要 smartctl 7.0 及以上。",
        ),
        why: Text::new(
            "Disks that report bad sectors or wear fail soon; replaced in time nothing is lost.",
            "出现坏扇区或磨损过度的磁盘很快会损坏，及时更换可避免数据丢失。",
        ),
        advice: Text::new(
            "Secure a backup, check that the RAID array is whole, order and replace the disk of this slot.",
            "确认备份可用、RAID 阵列完整后，申请备件并更换该槽位的磁盘。",
        ),
        source: Text::new(
            "common use: any bad sector is a warning, a failed self-assessment is critical; wear 80 % and 95 % are our own choice",
            "通用做法：出现坏扇区即预警，自检失败为严重；磨损 80%、95% 为本产品的取值",
        ),
        fields: &[
            Field::new("slot", FieldType::Text, "Slot", "槽位"),
            Field::new("health", FieldType::Text, "Health", "健康状态"),
            Field::new("bad_sectors", FieldType::Number, "Bad sectors", "坏扇区"),
            Field::new("wear_pct", FieldType::Percent, "Wear", "磨损"),
            Field::new("temperature", FieldType::Number, "Temperature (°C)", "温度（℃）"),
            Field::new("powered_on", FieldType::Duration, "Powered on", "通电时间"),
            Field::new("model", FieldType::Text, "Model", "型号"),
            Field::new("serial", FieldType::Text, "Serial number", "序列号"),
            Field::new("notes", FieldType::List, "Notes", "备注"),
        ],
        key: &["slot"],
        rows_are: RowsAre::Things,
        // Not every kind of disk counts bad sectors or wear; its health it must tell.
        warn: Some("not (bad_sectors == null or bad_sectors < 1) or not (wear_pct == null or wear_pct < 80%)"),
        crit: Some(r#"health == "failed" or not (wear_pct == null or wear_pct < 95%)"#),
        example: r#"{ "exclude": ["pci-0000:00:14.0-usb-0:1:1.0-scsi-0:0:0:0"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("smart", SCRIPT).privileged(COMMANDS)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("smart")?;
        let lines = frame::lines("smart", "smart", &text)?;
        let mut rows = Vec::new();
        let mut rest = &lines[..];
        while let Some((first, others)) = rest.split_first() {
            rest = others;
            if first.starts_with("virtual ") {
                continue;
            }
            let slot = first.strip_prefix("disk ").ok_or_else(|| Unreadable::new("smart", *first))?;
            let length = others.iter().position(|line| line.starts_with("status ")).ok_or_else(|| Unreadable::new("smartctl", slot))?;
            let status = others[length]["status ".len()..].parse::<u32>().map_err(|_| Unreadable::new("smartctl", others[length]))?;
            if !params.exclude.iter().any(|out| out == slot) {
                rows.push(disk(slot, &others[..length].join("\n"), status)?);
            }
            rest = &others[length + 1..];
        }
        Ok(if rows.is_empty() && params.exclude.is_empty() {
            Parsed::NotApplicable { what: "disks with SMART" }
        } else {
            Parsed::Rows(rows)
        })
    }
}

/// The row of one disk out of smartctl's JSON.
fn disk(slot: &str, answer: &str, status: u32) -> Result<Row, Unreadable> {
    let json: Json = serde_json::from_str(answer).map_err(|_| Unreadable::new(format!("smartctl (7.0 or newer) about {slot}"), answer))?;
    let number = |pointer: &str| json.pointer(pointer).and_then(Json::as_f64);
    let words = |pointer: &str| json.pointer(pointer).and_then(Json::as_str);
    let mut notes: Vec<String> = json
        .pointer("/smartctl/messages")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|message| message.get("string").and_then(Json::as_str).map(str::to_owned))
        .collect();
    // Bits 4 and 5 of the status: an attribute is, or was, at its threshold.
    for (bit, note) in [(4, "an attribute is at its threshold"), (5, "an attribute was at its threshold")] {
        if status & (1 << bit) != 0 {
            notes.push(note.to_owned());
        }
    }
    let health = json.pointer("/smart_status/passed").and_then(Json::as_bool).map(|passed| if passed { "passed" } else { "failed" });
    let attribute = |id: u64| {
        let table = json.pointer("/ata_smart_attributes/table")?.as_array()?;
        table.iter().find(|entry| entry.get("id").and_then(Json::as_u64) == Some(id))?.pointer("/raw/value")?.as_f64()
    };
    // Reallocated, pending and uncorrectable sectors; NVMe counts errors of its medium, SAS its list of grown defects.
    let ata: Vec<f64> = [5, 197, 198].into_iter().filter_map(attribute).collect();
    let bad_sectors = if ata.is_empty() {
        number("/nvme_smart_health_information_log/media_errors").or_else(|| number("/scsi_grown_defect_list"))
    } else {
        Some(ata.iter().sum())
    };
    let wear = number("/nvme_smart_health_information_log/percentage_used")
        .or_else(|| number("/endurance_used/current_percent"))
        .or_else(|| number("/scsi_percentage_used_endurance_indicator"));
    let known = |number: Option<f64>| number.map_or(Value::Null, Value::Number);
    let said = |text: Option<&str>| text.map_or(Value::Null, |text| Value::Text(text.into()));
    Ok(Row::new()
        .text("slot", slot)
        .with("health", said(health))
        .with("bad_sectors", known(bad_sectors))
        .with("wear_pct", known(wear))
        .with("temperature", known(number("/temperature/current")))
        .with("powered_on", number("/power_on_time/hours").map_or(Value::Null, |hours| Value::Duration(hours * 3_600.0)))
        .with("model", said(words("/model_name").or_else(|| words("/scsi_model_name"))))
        .with("serial", said(words("/serial_number")))
        .list("notes", notes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows, text};

    #[test]
    fn a_healthy_sata_disk_is_read() {
        let rows = rows::<Smart>("{}", "ata");
        assert_eq!((text(&rows[0], "health"), number(&rows[0], "bad_sectors")), ("passed", 0.0));
        assert!(number(&rows[0], "powered_on") > 0.0);
    }

    #[test]
    fn a_failing_disk_says_so() {
        let rows = rows::<Smart>("{}", "ata-failed");
        assert_eq!(text(&rows[0], "health"), "failed");
    }

    #[test]
    fn nvme_and_sas_count_in_their_own_ways() {
        let nvme = &rows::<Smart>("{}", "nvme")[0];
        assert_eq!((text(nvme, "health"), number(nvme, "bad_sectors")), ("passed", 0.0));
        assert!(number(nvme, "wear_pct") >= 0.0);
        let sas = &rows::<Smart>("{}", "sas")[0];
        assert_eq!(text(sas, "health"), "passed");
        assert!(number(sas, "bad_sectors") >= 0.0);
    }

    #[test]
    fn a_virtual_machine_has_no_disks_to_ask() {
        for capture in ["debian-12-virtual", "busybox-1.35-virtual"] {
            assert_eq!(parse::<Smart>("{}", capture), Ok(Parsed::NotApplicable { what: "disks with SMART" }), "{capture}");
        }
    }

    #[test]
    fn a_disk_that_could_not_be_opened_has_no_health() {
        let rows = rows::<Smart>("{}", "not-a-disk");
        assert_eq!(rows[0].get("health"), Some(&Value::Null));
        assert!(matches!(rows[0].get("notes"), Some(Value::List(notes)) if !notes.is_empty()));
    }

    #[test]
    fn text_of_an_old_smartctl_is_an_error() {
        assert!(disk("slot", "smartctl 6.6 2017-11-05\n=======> UNRECOGNIZED OPTION: j", 1).is_err());
    }
}
