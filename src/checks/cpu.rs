//! How busy the processors are.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::procfs::{count, seconds_up};

/// How busy the processors are.
pub struct Cpu;

impl Check for Cpu {
    const META: Meta = Meta {
        id: "cpu",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("CPU usage", "CPU 使用率"),
        asks: Text::new(
            "How busy all processors were, on average, between the beginning and the end of the inspection of the host (`over`, at least 1 s). \
             Time taken away by the hypervisor counts as busy, waiting for disks does not; both stand beside it.",
            "巡检该主机期间（`over`，不少于 1 秒）全部 CPU 的平均使用率。被虚拟化平台占走的时间（steal）计为繁忙，等待磁盘 I/O 的时间不计；两者均单独列出。",
        ),
        why: Text::new(
            "A host without CPU to spare answers slowly, misses deadlines of batch jobs and has no room for a peak.",
            "CPU 没有余量时，业务响应变慢，批处理超时，高峰来临时无法承受。",
        ),
        advice: Text::new(
            "See who uses it (`top -o %CPU`, `pidstat 1 5`). High `system_pct` points at the kernel, drivers or many system calls; high `steal_pct` at an \
             overcommitted hypervisor; `busiest_pct` near 100 % beside a low total at a single thread that is the bottleneck.",
            "用 `top -o %CPU`、`pidstat 1 5` 找出占用者。`system_pct` 高多为内核、驱动或系统调用频繁；`steal_pct` 高说明宿主机超分；总体不高而 `busiest_pct` 接近 100% 说明单线程成为瓶颈。",
        ),
        source: Text::new(
            "operations standards: at most 70 %; critical at 90 % by common use",
            "运维规范：CPU 使用率不高于 70%；90% 为通用严重阈值",
        ),
        fields: &[
            Field::new("used_pct", FieldType::Percent, "Busy", "使用率"),
            Field::new("user_pct", FieldType::Percent, "Programs", "用户态"),
            Field::new("system_pct", FieldType::Percent, "Kernel", "内核态"),
            Field::new("iowait_pct", FieldType::Percent, "Waiting for I/O", "等待 I/O"),
            Field::new("steal_pct", FieldType::Percent, "Taken by the hypervisor", "被宿主机占用"),
            Field::new("busiest_pct", FieldType::Percent, "Busiest core", "最忙的核"),
            Field::new("cores", FieldType::Number, "Cores online", "在线核数"),
            Field::new("over", FieldType::Duration, "Measured over", "测量时长"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("used_pct > 70%"),
        crit: Some("used_pct > 90%"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("stat", "cat /proc/uptime && grep '^cpu' /proc/stat").twice()]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let before = read(&seen.text("stat")?)?;
        let after = read(&seen.text("stat.again")?)?;
        let over = after.up - before.up;
        if over <= 0.0 {
            return Err(Unreadable::new("/proc/uptime", format!("{} s, then {} s", before.up, after.up)));
        }
        let spent = Spent::between(before.all()?, after.all()?)?;
        // A core that came or went meanwhile has no usage of its own.
        let mut busiest: f64 = 0.0;
        for (name, ticks) in after.cores() {
            if let Some((_, earlier)) = before.cores().find(|(known, _)| *known == name) {
                busiest = busiest.max(Spent::between(earlier, ticks)?.used_pct());
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 cores")]
        let cores = after.cores().count() as f64;
        Ok(Parsed::Rows(vec![
            Row::new()
                .number("used_pct", spent.used_pct())
                .number("user_pct", spent.pct(spent.user))
                .number("system_pct", spent.pct(spent.system))
                .number("iowait_pct", spent.pct(spent.iowait))
                .number("steal_pct", spent.pct(spent.steal))
                .number("busiest_pct", busiest)
                .number("cores", cores)
                .duration("over", over),
        ]))
    }
}

/// Ticks in the order of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. What follows (guests) is part of user and nice.
type Ticks = [f64; 8];

struct Sample {
    up: f64,
    cpus: Vec<(String, Ticks)>,
}

fn read(text: &str) -> Result<Sample, Unreadable> {
    let (up, stat) = text.split_once('\n').ok_or_else(|| Unreadable::new("/proc/stat", text))?;
    let cpus: Option<Vec<_>> = stat.lines().map(read_cpu).collect();
    let cpus = cpus.ok_or_else(|| Unreadable::new("/proc/stat", stat))?;
    Ok(Sample { up: seconds_up(up)?, cpus })
}

fn read_cpu(line: &str) -> Option<(String, Ticks)> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let mut ticks = Ticks::default();
    for tick in &mut ticks {
        *tick = count(words.next()?)?;
    }
    Some((name.to_owned(), ticks))
}

impl Sample {
    fn all(&self) -> Result<&Ticks, Unreadable> {
        let all = self.cpus.iter().find(|(name, _)| name == "cpu");
        all.map(|(_, ticks)| ticks).ok_or_else(|| Unreadable::new("/proc/stat", "the line `cpu` is missing"))
    }

    fn cores(&self) -> impl Iterator<Item = (&str, &Ticks)> {
        self.cpus.iter().filter(|(name, _)| name != "cpu").map(|(name, ticks)| (name.as_str(), ticks))
    }
}

/// Where the time between two samples went, in ticks.
struct Spent {
    user: f64,
    system: f64,
    iowait: f64,
    steal: f64,
    total: f64,
}

impl Spent {
    fn between(before: &Ticks, after: &Ticks) -> Result<Self, Unreadable> {
        let mut spent = Ticks::default();
        for (at, grown) in spent.iter_mut().enumerate() {
            *grown = after[at] - before[at];
            if *grown < 0.0 {
                // The kernel corrects idle and iowait backwards by a tick now and then (proc(5)); the others never fall.
                let corrected = at == 3 || at == 4;
                if !corrected {
                    return Err(Unreadable::new("/proc/stat", format!("a counter fell from {} to {}", before[at], after[at])));
                }
                *grown = 0.0;
            }
        }
        let [user, nice, system, _, iowait, irq, softirq, steal] = spent;
        let total = spent.iter().sum();
        if total <= 0.0 {
            return Err(Unreadable::new("/proc/stat", "no time passed between two samples"));
        }
        Ok(Self { user: user + nice, system: system + irq + softirq, iowait, steal, total })
    }

    fn pct(&self, ticks: f64) -> f64 {
        100.0 * ticks / self.total
    }

    fn used_pct(&self) -> f64 {
        self.pct(self.user + self.system + self.steal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows};

    #[test]
    fn usage_is_the_difference_of_two_samples() {
        let rows = rows::<Cpu>("{}", "debian-12");
        let parts = ["user_pct", "system_pct", "steal_pct"].map(|name| number(&rows[0], name));
        assert!((parts.iter().sum::<f64>() - number(&rows[0], "used_pct")).abs() < 1e-9);
        assert!(number(&rows[0], "busiest_pct") >= number(&rows[0], "used_pct"));
        assert_eq!(number(&rows[0], "cores"), 2.0);
        assert!(number(&rows[0], "over") >= 1.0);
    }

    #[test]
    fn busybox_reads_the_same_files() {
        assert_eq!(number(&rows::<Cpu>("{}", "busybox-1.35")[0], "cores"), 2.0);
    }

    fn ticks(user: f64, idle: f64, iowait: f64) -> Ticks {
        [user, 0.0, 0.0, idle, iowait, 0.0, 0.0, 0.0]
    }

    #[test]
    fn one_busy_core_of_many_shows_beside_a_low_total() {
        let sample = |up: f64, busy: f64| {
            let core = |core: u32| {
                let busy = if core == 77 { busy } else { 0.0 };
                format!("cpu{core} {busy} 0 0 {} 0 0 0 0 0 0\n", 100.0 * up - busy)
            };
            let all = format!("{up:.2} 0.00\ncpu  {busy} 0 0 {} 0 0 0 0 0 0\n", 12_800.0 * up - busy);
            let text = all + &(0..128).map(core).collect::<String>();
            read(&text).unwrap()
        };
        let (before, after) = (sample(10.0, 500.0), sample(12.0, 700.0));
        assert!((Spent::between(before.all().unwrap(), after.all().unwrap()).unwrap().used_pct() - 100.0 / 128.0).abs() < 1e-9);
        let of = |sample: &Sample| *sample.cores().find(|(name, _)| *name == "cpu77").unwrap().1;
        assert!((Spent::between(&of(&before), &of(&after)).unwrap().used_pct() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn idle_corrected_backwards_is_no_reset_but_any_other_fall_is() {
        let spent = Spent::between(&ticks(10.0, 100.0, 50.0), &ticks(30.0, 180.0, 49.0)).unwrap();
        assert!((spent.used_pct() - 20.0).abs() < 1e-9);
        assert!(Spent::between(&ticks(10.0, 100.0, 50.0), &ticks(9.0, 180.0, 50.0)).is_err());
        assert!(Spent::between(&ticks(10.0, 100.0, 50.0), &ticks(10.0, 100.0, 50.0)).is_err());
    }
}
