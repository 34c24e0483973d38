//! Software RAID: whether every array has all its members.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::frame;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// Software RAID.
pub struct Raid;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Arrays to leave out, by id or name.
    #[serde(default)]
    exclude: Vec<String>,
}

/// Without the driver there is no file; `/proc` itself must then be readable, or nothing is proved.
const SCRIPT: &str = r#"echo raid
if [ -e /proc/mdstat ]; then cat /proc/mdstat || exit
elif [ -r /proc/devices ] && [ ! -e /sys/block/md0 ]; then echo no-mdstat
else echo 'neither /proc/mdstat nor a readable /proc' >&2; exit 1
fi
for l in /dev/disk/by-id/md-uuid-*; do
  [ -e "$l" ] && d=$(readlink -f "$l") && echo "link ${l##*/md-uuid-} ${d##*/}"
done
echo end"#;

static MEMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\[(\d+)/(\d+)\]").ok());
static SYNC: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(resync|recovery|check|reshape|repair)\s*=\s*(?:([\d.]+)%|(DELAYED|PENDING|REMOTE))").ok());

impl Check for Raid {
    const META: Meta = Meta {
        id: "raid",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Hardware,
        title: Text::new("Software RAID", "软 RAID"),
        asks: Text::new(
            "The state of every software RAID array of Linux (`/proc/mdstat`). Arrays of a hardware controller are not seen.",
            "Linux 软 RAID 各阵列状态（`/proc/mdstat`）；不含硬件 RAID 卡上的阵列。",
        ),
        why: Text::new(
            "A degraded array lives until the next disk fails, and then everything on it is lost.",
            "降级的阵列再坏一块盘即全部丢失。",
        ),
        advice: Text::new(
            "Look with `mdadm --detail /dev/mdX`, replace the failed disk, `mdadm --manage /dev/mdX --add DISK`, and watch it rebuild.",
            "用 `mdadm --detail /dev/mdX` 查看，更换故障盘后 `mdadm --manage /dev/mdX --add 磁盘`，并跟踪重建。",
        ),
        source: Text::new("common use: no array runs without all its members", "通用做法：阵列成员必须齐全"),
        fields: &[
            Field::new("id", FieldType::Text, "Array", "阵列标识"),
            Field::new("array", FieldType::Text, "Device", "设备"),
            Field::new("level", FieldType::Text, "Level", "级别"),
            Field::new("state", FieldType::Text, "State", "状态"),
            Field::new("missing", FieldType::Number, "Missing members", "缺失成员"),
            Field::new("failed", FieldType::Number, "Failed members", "故障成员"),
            Field::new("spares", FieldType::Number, "Spares", "热备"),
            Field::new("sync", FieldType::Text, "Rebuilding", "同步"),
            Field::new("sync_pct", FieldType::Percent, "Done", "同步进度"),
            Field::new("members", FieldType::List, "Members", "成员"),
        ],
        key: &["id"],
        rows_are: RowsAre::Things,
        warn: Some(r#"failed > 0 or sync == "resync""#),
        crit: Some(r#"state == "inactive" or state == "broken" or missing > 0"#),
        example: r#"{ "exclude": ["md127"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("raid", SCRIPT)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("raid")?;
        let lines = frame::lines("raid", "raid", &text)?;
        let (by_id, lines): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|line| line.starts_with("link "));
        if lines == ["no-mdstat"] {
            return Ok(Parsed::NotApplicable { what: "software RAID" });
        }
        // Both stand in every version of the file.
        let [head, arrays @ .., tail] = &lines[..] else { return Err(Unreadable::new("/proc/mdstat", text)) };
        if !head.starts_with("Personalities :") || !tail.starts_with("unused devices:") {
            return Err(Unreadable::new("/proc/mdstat", text));
        }
        let ids: HashMap<&str, &str> =
            by_id.iter().filter_map(|link| link["link ".len()..].split_once(' ')).map(|(uuid, device)| (device, uuid)).collect();
        let mut rows = Vec::new();
        let mut rest = arrays;
        while let Some((first, others)) = rest.split_first() {
            // Everything about an array is indented below its first line.
            let below = others.iter().take_while(|line| line.starts_with(char::is_whitespace) || line.is_empty()).count();
            if !first.trim().is_empty() && !first.starts_with("read_ahead") {
                let row = read_array(first, &others[..below], &ids)?;
                let named =
                    |field: &str| row.get(field).and_then(Value::as_text).is_some_and(|name| params.exclude.iter().any(|out| out == name));
                if !named("id") && !named("array") {
                    rows.push(row);
                }
            }
            rest = &others[below..];
        }
        Ok(if rows.is_empty() { Parsed::NotApplicable { what: "software RAID" } } else { Parsed::Rows(rows) })
    }
}

/// `md0 : active raid1 sdb1[1] sda1[0](F)` and what stands below it.
fn read_array(first: &str, below: &[&str], ids: &HashMap<&str, &str>) -> Result<Row, Unreadable> {
    let refused = || Unreadable::new("/proc/mdstat", first);
    let (name, rest) = first.split_once(':').ok_or_else(refused)?;
    let name = name.trim();
    let mut words = rest.split_whitespace().filter(|word| !word.starts_with('(')).peekable();
    let state = words.next().filter(|state| ["active", "inactive", "broken"].contains(state)).ok_or_else(refused)?;
    let level = words.next_if(|word| !word.contains('[')).filter(|_| state != "inactive");
    let members: Vec<&str> = words.collect();
    if !name.starts_with("md") || members.iter().any(|member| !member.contains('[')) {
        return Err(refused());
    }
    let marked = |mark: &str| members.iter().filter(|member| member.ends_with(mark)).count();
    let details = below.join("\n");
    // Metadata of a controller's firmware lies in a container, which is never active itself.
    let in_container = details.contains("super external:/");
    let state = if details.contains("super external:") && !in_container && state == "inactive" { "container" } else { state };
    let counts = MEMBERS.as_ref().and_then(|form| form.captures(&details));
    let missing = match counts {
        Some(counts) => {
            let number = |group: usize| counts[group].parse::<u32>().map(f64::from).map_err(|_| refused());
            Value::Number(number(1)? - number(2)?)
        }
        // Levels without redundancy count no members; an array that does not run says nothing of them.
        None if state != "active" && state != "container" => Value::Null,
        None if matches!(level, None | Some("raid0" | "linear" | "multipath" | "faulty")) => Value::Number(0.0),
        None => return Err(refused()),
    };
    let sync = SYNC.as_ref().and_then(|form| form.captures(&details));
    let progress = sync.as_ref().and_then(|sync| sync.get(2)?.as_str().parse().ok());
    #[expect(clippy::cast_precision_loss, reason = "a count of disks")]
    Ok(Row::new()
        .text("id", ids.get(name).copied().unwrap_or(name))
        .text("array", name)
        .with("level", level.map_or(Value::Null, |level| Value::Text(level.into())))
        .text("state", state)
        .with("missing", missing)
        .number("failed", marked("(F)") as f64)
        .number("spares", marked("(S)") as f64)
        .text("sync", sync.as_ref().map_or("none", |sync| sync.get(1).map_or("none", |kind| kind.as_str())))
        .with("sync_pct", progress.map_or(Value::Null, Value::Number))
        .list("members", members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows, text};

    fn array(text: &str) -> Row {
        let lines: Vec<&str> = text.lines().collect();
        read_array(lines[0], &lines[1..], &HashMap::new()).unwrap()
    }

    #[test]
    fn arrays_of_every_state_are_read() {
        let rows = rows::<Raid>("{}", "linux-mdstat");
        assert!(rows.len() > 10, "{}", rows.len());
        for (name, state, missing) in [("md127", "active", 0.0), ("md4", "inactive", 0.0), ("md7", "active", 1.0), ("md12", "active", 0.0)]
        {
            let row = row(&rows, "array", name);
            assert_eq!((text(row, "state"), number(row, "missing")), (state, missing), "{name}");
        }
        assert_eq!(text(row(&rows, "array", "md8"), "sync"), "resync");
        assert!((number(row(&rows, "array", "md8"), "sync_pct") - 8.5).abs() < 1e-9);
        assert_eq!(text(row(&rows, "array", "md219"), "state"), "container");
        assert_eq!(text(row(&rows, "array", "md7"), "id"), "md7", "no link, no id but the name");
    }

    #[test]
    fn a_host_without_arrays_has_none() {
        for capture in ["debian-12", "busybox-1.35"] {
            assert_eq!(parse::<Raid>("{}", capture), Ok(Parsed::NotApplicable { what: "software RAID" }), "{capture}");
        }
    }

    #[test]
    fn a_failed_member_is_counted() {
        let row = array(
            "md3 : active raid1 sdb1[2](F) sda1[0]\n      104320 blocks [2/1] [U_]\n      [=>....]  recovery =  8.1% (251596/3068288) finish=6.7min\n",
        );
        assert_eq!((number(&row, "failed"), number(&row, "missing"), text(&row, "sync")), (1.0, 1.0, "recovery"));
    }

    #[test]
    fn an_inactive_array_has_no_level_and_a_container_is_none() {
        assert_eq!(text(&array("md9 : inactive sda1[0](S)\n      1000 blocks super 1.2\n"), "state"), "inactive");
        assert_eq!(text(&array("md127 : inactive sdb[1](S) sda[0](S)\n      5288 blocks super external:imsm\n"), "state"), "container");
    }

    #[test]
    fn an_array_with_redundancy_that_counts_no_members_is_not_judged() {
        assert!(read_array("md0 : active raid5 sda1[0]", &["      1000 blocks"], &HashMap::new()).is_err());
        assert!(read_array("md0 : strange raid5 sda1[0]", &[], &HashMap::new()).is_err());
    }
}
