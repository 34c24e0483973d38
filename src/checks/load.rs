//! Load per core.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::procfs::{count, decimal};

/// Load per core.
pub struct Load;

impl Check for Load {
    const META: Meta = Meta {
        id: "load",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("System load", "系统负载"),
        asks: Text::new(
            "How many tasks ran, waited for a processor or waited for a disk, averaged over 1, 5 and 15 minutes and divided by the cores that are online.",
            "过去 1、5、15 分钟内运行、等待 CPU 或等待磁盘的平均任务数，并按在线核数折算。",
        ),
        why: Text::new(
            "A load above one per core for a quarter of an hour means that work queues up: users wait and batch jobs run into each other.",
            "15 分钟单核负载持续超过 1，说明任务在排队：用户等待变长，批处理相互挤压。",
        ),
        advice: Text::new(
            "See whether tasks run or wait (`vmstat 1 5`: column r for processors, b for disks; `ps -eo state,pid,args | grep ^D` names those that wait for disks). \
             Then relieve the processors or the storage.",
            "用 `vmstat 1 5` 区分等 CPU（r 列）还是等磁盘（b 列），`ps -eo state,pid,args | grep ^D` 可列出等待磁盘的进程；再针对 CPU 或存储处理。",
        ),
        source: Text::new("common use: 0.7 and 1.0 per core, over 15 minutes", "通用经验：15 分钟单核负载 0.7 预警，1.0 严重"),
        fields: &[
            Field::new("per_core_15", FieldType::Number, "Per core, 15 min", "单核负载（15 分钟）"),
            Field::new("per_core_5", FieldType::Number, "Per core, 5 min", "单核负载（5 分钟）"),
            Field::new("per_core_1", FieldType::Number, "Per core, 1 min", "单核负载（1 分钟）"),
            Field::new("load_15", FieldType::Number, "Load, 15 min", "负载（15 分钟）"),
            Field::new("load_5", FieldType::Number, "Load, 5 min", "负载（5 分钟）"),
            Field::new("load_1", FieldType::Number, "Load, 1 min", "负载（1 分钟）"),
            Field::new("cores", FieldType::Number, "Cores online", "在线核数"),
            Field::new("tasks", FieldType::Number, "Tasks", "任务总数"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("per_core_15 > 0.7"),
        crit: Some("per_core_15 > 1.0"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("loadavg", "cat /proc/loadavg && grep -c '^cpu[0-9]' /proc/stat")]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("loadavg")?;
        let row = read(&text).ok_or_else(|| Unreadable::new("/proc/loadavg", &*text))?;
        Ok(Parsed::Rows(vec![row]))
    }
}

/// `0.17 0.48 0.64 2/101 32761`, then the number of cores.
fn read(text: &str) -> Option<Row> {
    let (averages, cores) = text.split_once('\n')?;
    let cores = count(cores.trim()).filter(|&cores| cores > 0.0)?;
    let words: Vec<&str> = averages.split_whitespace().collect();
    let [one, five, fifteen, tasks, _last_pid] = words[..] else { return None };
    let [one, five, fifteen] = [decimal(one)?, decimal(five)?, decimal(fifteen)?];
    let tasks = count(tasks.split_once('/')?.1)?;
    Some(
        Row::new()
            .number("per_core_15", fifteen / cores)
            .number("per_core_5", five / cores)
            .number("per_core_1", one / cores)
            .number("load_15", fifteen)
            .number("load_5", five)
            .number("load_1", one)
            .number("cores", cores)
            .number("tasks", tasks),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows};

    #[test]
    fn load_is_divided_by_the_cores_online() {
        for name in ["debian-12", "busybox-1.35"] {
            let rows = rows::<Load>("{}", name);
            assert_eq!(number(&rows[0], "cores"), 2.0);
            assert_eq!(number(&rows[0], "per_core_15"), number(&rows[0], "load_15") / 2.0);
        }
    }

    #[test]
    fn a_load_without_cores_is_no_load() {
        assert!(read("0.17 0.48 0.64 2/101 32761\n0\n").is_none());
        assert!(read("0.17 0.48 0.64 2/101 32761\n").is_none());
        assert!(read("0.17 0.48 2/101 32761\n2\n").is_none());
    }

    #[test]
    fn many_cores_carry_a_high_load() {
        let row = read("96.50 101.25 89.60 130/5120 99\n128\n").unwrap();
        assert_eq!(number(&row, "per_core_15"), 0.7);
        assert_eq!(number(&row, "tasks"), 5120.0);
    }
}
