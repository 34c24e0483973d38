//! Swap space in use.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::parts;
use super::procfs::{need_meminfo_bytes, unescape};

/// Swap space in use.
pub struct Swap;

impl Check for Swap {
    const META: Meta = Meta {
        id: "swap",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Swap usage", "交换分区使用率"),
        asks: Text::new(
            "How much of the swap space is in use. A host without swap is not applicable: the kernel says that it has none.",
            "交换分区（swap）的使用情况。内核明确表示未配置交换分区的主机为“不适用”。",
        ),
        why: Text::new(
            "Programs whose memory lies on disk answer a thousand times slower, and full swap is the last step before processes are killed.",
            "内存被换出到磁盘后，程序响应会慢上千倍；交换分区写满是触发 OOM 杀进程前的最后一步。",
        ),
        advice: Text::new(
            "See whether it swaps now (`vmstat 1 5`, columns si and so) and who was swapped out (`grep VmSwap /proc/[0-9]*/status | sort -nk2 | tail`); \
             give programs less or the host more memory. Old pages that only lie there do no harm.",
            "用 `vmstat 1 5` 的 si、so 列判断当前是否在换入换出，用 `grep VmSwap /proc/[0-9]*/status | sort -nk2 | tail` 找出被换出的进程；\
             降低程序内存占用或扩容。仅是早先换出、长期不用的页没有危害。",
        ),
        source: Text::new("common use: 50 %", "通用阈值：50%"),
        fields: &[
            Field::new("used_pct", FieldType::Percent, "Used", "使用率"),
            Field::new("used_bytes", FieldType::Bytes, "Used space", "已用空间"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "总容量"),
            Field::new("areas", FieldType::List, "Partitions and files", "分区与文件"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("used_pct > 50%"),
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell(
            "swaps",
            "echo '[meminfo]'; grep '^Swap' /proc/meminfo || exit; echo '[swaps]'; cat /proc/swaps || exit; echo '[end]'",
        )]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("swaps")?;
        let parts = parts::split("swaps", &text)?;
        let (meminfo, swaps) = (parts.need("meminfo")?, parts.need("swaps")?);
        let (size, free) = (need_meminfo_bytes(meminfo, "SwapTotal")?, need_meminfo_bytes(meminfo, "SwapFree")?);
        let mut lines = swaps.lines();
        if !lines.next().is_some_and(|head| head.starts_with("Filename")) {
            return Err(Unreadable::new("/proc/swaps", swaps));
        }
        let areas: Vec<String> = lines.map(|line| unescape(line.split_whitespace().next().unwrap_or_default())).collect();
        if free > size || (size == 0.0 && !areas.is_empty()) {
            return Err(Unreadable::new("/proc/meminfo", format!("{free} B of {size} B of swap are free, in {} areas", areas.len())));
        }
        if size == 0.0 {
            return Ok(Parsed::NotApplicable { what: "swap space" });
        }
        let used = size - free;
        Ok(Parsed::Rows(vec![
            Row::new().number("used_pct", 100.0 * used / size).number("used_bytes", used).number("size_bytes", size).list("areas", areas),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows};
    use crate::model::Value;

    #[test]
    fn usage_is_of_all_areas_together() {
        let rows = rows::<Swap>("{}", "debian-12");
        assert_eq!(number(&rows[0], "used_pct"), 100.0 * number(&rows[0], "used_bytes") / number(&rows[0], "size_bytes"));
        let Some(Value::List(areas)) = rows[0].get("areas") else { panic!("no areas in {rows:?}") };
        assert_eq!(areas.iter().map(crate::model::Untrusted::raw).collect::<Vec<_>>(), ["/swap file", "/dev/zram0"]);
    }

    #[test]
    fn a_host_that_lists_no_swap_has_none() {
        assert_eq!(parse::<Swap>("{}", "busybox-1.35-without"), Ok(Parsed::NotApplicable { what: "swap space" }));
    }
}
