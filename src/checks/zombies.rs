//! Processes that ended and that nobody has asked about since.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::parts;
use super::procfs::count;

/// Processes that ended and that nobody has asked about since.
pub struct Zombies;

/// With `hidepid` an account sees its own processes only: then no zombie is no answer.
const SCRIPT: &str = r#"if ! cat /proc/1/status >/dev/null 2>&1; then
  echo 'Permission denied: /proc hides the processes of others (hidepid)' >&2
  exit 1
fi
echo '[states]'
grep -h -s '^State:' /proc/[0-9]*/status | sort | uniq -c
zombies=$(grep -l -s '^State:[[:space:]]*Z' /proc/[0-9]*/status)
case $? in 0 | 1 | 2) ;; *) exit 1 ;; esac
echo '[zombies]'
for status in $zombies; do
  parent=$(sed -n 's/^PPid:[[:space:]]*//p' "$status" 2>/dev/null)
  [ -n "$parent" ] || continue
  id=${status#/proc/}
  echo "${id%/status} $parent $(sed -n 's/^Name:[[:space:]]*//p' "/proc/$parent/status" 2>/dev/null)"
done
echo '[end]'"#;

impl Check for Zombies {
    const META: Meta = Meta {
        id: "zombies",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Zombie processes", "僵尸进程"),
        asks: Text::new(
            "How many processes have ended and are still in the process table because their parent did not ask how they ended. The table is looked at twice, \
             at least a second apart; only what is a zombie both times counts, for each process is one for an instant.",
            "已结束但父进程未回收、仍留在进程表中的进程数。间隔至少 1 秒查看两次，两次都是僵尸的才计数，因为任何进程结束时都会短暂处于该状态。",
        ),
        why: Text::new(
            "Zombies are the trace of a program that is stuck or faulty, and each takes a place in the process table until no process can be started any more.",
            "僵尸进程说明父进程卡住或有缺陷；每个都占用进程号，积累过多后将无法创建新进程。",
        ),
        advice: Text::new(
            "The parents named here are at fault: restart them or have them mended. A zombie cannot be killed; it goes when its parent ends.",
            "问题出在此处列出的父进程：重启它或修复其程序。僵尸进程无法被杀死，父进程结束后才会消失。",
        ),
        source: Text::new("common use: from 1, critical from 5", "通用阈值：1 个预警，5 个严重"),
        fields: &[
            Field::new("zombies", FieldType::Number, "Zombies", "僵尸进程数"),
            Field::new("parents", FieldType::List, "Their parents", "父进程"),
            Field::new("processes", FieldType::Number, "Processes in all", "进程总数"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("zombies >= 1"),
        crit: Some("zombies >= 5"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("processes", SCRIPT).twice()]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let (before, after) = (read(&seen.text("processes")?)?, read(&seen.text("processes.again")?)?);
        let lasting: Vec<&Zombie> = after.zombies.iter().filter(|zombie| before.zombies.contains(zombie)).collect();
        let mut parents: Vec<(String, usize)> = Vec::new();
        for zombie in &lasting {
            match parents.iter_mut().find(|(parent, _)| *parent == zombie.parent) {
                Some((_, children)) => *children += 1,
                None => parents.push((zombie.parent.clone(), 1)),
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "there are at most 2^22 processes")]
        let number = lasting.len() as f64;
        let parents = parents.into_iter().map(|(parent, children)| format!("{parent}: {children}"));
        Ok(Parsed::Rows(vec![Row::new().number("zombies", number).list("parents", parents).number("processes", after.processes)]))
    }
}

struct Table {
    processes: f64,
    zombies: Vec<Zombie>,
}

#[derive(PartialEq, Eq)]
struct Zombie {
    id: String,
    parent: String,
}

fn read(text: &str) -> Result<Table, Unreadable> {
    let parts = parts::split("processes", text)?;
    let mut processes = 0.0;
    for line in parts.need("states")?.lines() {
        let number = line.split_whitespace().next().and_then(count).filter(|_| line.contains("State:"));
        processes += number.ok_or_else(|| Unreadable::new("/proc/*/status", line))?;
    }
    // Whoever looks is a process too.
    if processes == 0.0 {
        return Err(Unreadable::new("/proc/*/status", "not one process was seen"));
    }
    let zombies = parts.need("zombies")?.lines().map(|line| read_zombie(line).ok_or_else(|| Unreadable::new("/proc/*/status", line)));
    Ok(Table { processes, zombies: zombies.collect::<Result<_, _>>()? })
}

/// `812 790 nginx`: the zombie, its parent and the parent's name, which may hold spaces.
fn read_zombie(line: &str) -> Option<Zombie> {
    let (id, rest) = line.split_once(' ')?;
    let (parent, name) = rest.split_once(' ')?;
    count(id).and(count(parent))?;
    Some(Zombie { id: id.to_owned(), parent: format!("{name} ({parent})") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows};
    use crate::model::Value;

    #[test]
    fn zombies_are_counted_by_parent() {
        let rows = rows::<Zombies>("{}", "debian-12");
        assert_eq!(number(&rows[0], "zombies"), 3.0);
        assert!(number(&rows[0], "processes") > 10.0);
        let Some(Value::List(parents)) = rows[0].get("parents") else { panic!("no parents in {rows:?}") };
        assert_eq!(parents.len(), 1);
        assert!(parents[0].raw().starts_with("my app (") && parents[0].raw().ends_with("): 3"), "{parents:?}");
    }

    #[test]
    fn a_host_without_zombies_counts_none() {
        let rows = rows::<Zombies>("{}", "busybox-1.35");
        assert_eq!(number(&rows[0], "zombies"), 0.0);
        assert!(number(&rows[0], "processes") > 10.0);
    }

    #[test]
    fn a_table_without_processes_is_no_table() {
        assert!(read("[states]\n[zombies]\n[end]\n").is_err());
        assert!(read("[states]\n  3 State:\tS (sleeping)\n[zombies]\n").is_err());
        assert!(read("[states]\n  3 State:\tS (sleeping)\n[zombies]\n12 x y\n[end]\n").is_err());
    }
}
