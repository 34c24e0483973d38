//! Memory that is still available.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

use super::no_params::NoParams;
use super::procfs::{meminfo_bytes, need_meminfo_bytes};

/// Memory that is still available.
pub struct Memory;

impl Check for Memory {
    const META: Meta = Meta {
        id: "memory",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Memory usage", "内存使用率"),
        asks: Text::new(
            "How much memory programs could still get without swapping, as the kernel itself reckons it (`MemAvailable`): caches that can be given back \
             count as available, huge pages set aside count as used. Kernels before 3.14 do not tell; there it is estimated from free memory, \
             buffers, caches and reclaimable slabs less shared memory, and `estimated` says so.",
            "在不使用交换分区的前提下，程序还能获得多少内存，以内核给出的 `MemAvailable` 为准：可回收缓存计为可用，预留的大页计为已用。\
             3.14 之前的内核不提供该值，此时按“空闲＋缓冲＋缓存＋可回收 slab－共享内存”估算，并在 `estimated` 中标明。",
        ),
        why: Text::new(
            "When memory runs out the kernel kills a process, usually the largest: the database or the application server.",
            "内存耗尽时内核会触发 OOM 杀掉进程，通常正是占用最大的数据库或应用服务。",
        ),
        advice: Text::new(
            "See who holds it (`ps -eo rss,pid,args --sort=-rss | head`), look for growth over days (a leak), check cache sizes configured for databases and Java heaps, \
             or add memory.",
            "用 `ps -eo rss,pid,args --sort=-rss | head` 找出占用者，查看是否逐日增长（内存泄漏），核对数据库缓存与 Java 堆的配置，必要时扩容。",
        ),
        source: Text::new(
            "operations standards: at most 80 %; critical at 90 % by common use; available memory counted, not free",
            "运维规范：内存使用率不高于 80%；90% 为通用严重阈值；按可用内存（available）而非空闲内存（free）计算",
        ),
        fields: &[
            Field::new("used_pct", FieldType::Percent, "Used", "使用率"),
            Field::new("available_pct", FieldType::Percent, "Available", "可用比例"),
            Field::new("available_bytes", FieldType::Bytes, "Available memory", "可用内存"),
            Field::new("used_bytes", FieldType::Bytes, "Used memory", "已用内存"),
            Field::new("size_bytes", FieldType::Bytes, "Memory", "内存总量"),
            Field::new("huge_pages_bytes", FieldType::Bytes, "Set aside as huge pages", "预留大页"),
            Field::new("estimated", FieldType::Boolean, "Estimated", "估算值"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("used_pct > 80%"),
        crit: Some("used_pct > 90%"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("meminfo", "cat /proc/meminfo")]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        read(&seen.text("meminfo")?).map(|row| Parsed::Rows(vec![row]))
    }
}

fn read(text: &str) -> Result<Row, Unreadable> {
    let size = need_meminfo_bytes(text, "MemTotal")?;
    let told = meminfo_bytes(text, "MemAvailable")?;
    let available = match told {
        Some(available) => available,
        None => estimate(text)?,
    };
    // Inside some containers the two come from different books: better no figure than one below zero.
    if size <= 0.0 || available > size {
        return Err(Unreadable::new("/proc/meminfo", format!("{available} B available of {size} B")));
    }
    // Kernels without huge pages have no such lines.
    let huge = match (meminfo_bytes(text, "HugePages_Total")?, meminfo_bytes(text, "Hugepagesize")?) {
        (Some(pages), Some(page)) => Some(pages * page),
        _ => None,
    };
    let used = size - available;
    Ok(Row::new()
        .number("used_pct", 100.0 * used / size)
        .number("available_pct", 100.0 * available / size)
        .number("available_bytes", available)
        .number("used_bytes", used)
        .number("size_bytes", size)
        .with("huge_pages_bytes", huge.map_or(Value::Null, Value::Number))
        .boolean("estimated", told.is_none()))
}

/// What kernels before 3.14 leave to the reader. Shared memory lies in the page cache and cannot be given back.
fn estimate(text: &str) -> Result<f64, Unreadable> {
    let need = |name| need_meminfo_bytes(text, name);
    let available = need("MemFree")? + need("Buffers")? + need("Cached")? + need("SReclaimable")? - need("Shmem")?;
    Ok(available.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows};

    #[test]
    fn the_kernels_own_figure_is_taken() {
        let rows = rows::<Memory>("{}", "debian-12");
        assert!((number(&rows[0], "used_pct") + number(&rows[0], "available_pct") - 100.0).abs() < 1e-9);
        assert_eq!(rows[0].get("estimated"), Some(&Value::Boolean(false)));
    }

    #[test]
    fn without_the_kernels_figure_it_is_estimated_and_says_so() {
        let rows = rows::<Memory>("{}", "without-memavailable");
        assert_eq!(number(&rows[0], "available_bytes"), (2_510_052.0 + 120_284.0 + 2_353_688.0 - 350_868.0) * 1024.0);
        assert_eq!(rows[0].get("estimated"), Some(&Value::Boolean(true)));
        assert_eq!(rows[0].get("huge_pages_bytes"), Some(&Value::Null), "this kernel does not tell");
    }

    #[test]
    fn caches_count_as_available_though_they_are_not_free() {
        let row = read("MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 700 kB\nCached: 690 kB\n").unwrap();
        assert_eq!(number(&row, "used_pct"), 30.0);
    }

    #[test]
    fn without_any_figure_there_is_no_row() {
        assert!(read("MemTotal: 1000 kB\nMemFree: 10 kB\n").is_err());
        assert!(read("MemFree: 10 kB\nMemAvailable: 700 kB\n").is_err());
        assert!(read("MemTotal: 1000 kB\nMemAvailable: 7000 kB\n").is_err());
        assert!(read("MemTotal: 1000 MB\nMemAvailable: 70 MB\n").is_err());
    }
}
