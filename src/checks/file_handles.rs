//! Open file handles of the whole host.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::procfs::count;

/// Open file handles of the whole host.
pub struct FileHandles;

impl Check for FileHandles {
    const META: Meta = Meta {
        id: "file-handles",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("File handles", "文件句柄"),
        asks: Text::new(
            "How many of the file handles that the kernel allows all programs together (`fs.file-max`) are in use. The limit of a single process is another.",
            "全系统已分配的文件句柄占内核上限（`fs.file-max`）的比例。单个进程的上限（ulimit）不在此列。",
        ),
        why: Text::new(
            "Without handles nobody can open a file or accept a connection: “Too many open files in system”.",
            "文件句柄耗尽后，任何程序都无法打开文件或接受连接，报“Too many open files in system”。",
        ),
        advice: Text::new(
            "Find who holds them (`for p in /proc/[0-9]*; do echo $(ls $p/fd | wc -l) $p; done | sort -n | tail`); a number that only grows is a leak. \
             Raise `fs.file-max` where the need is real.",
            "用 `for p in /proc/[0-9]*; do echo $(ls $p/fd | wc -l) $p; done | sort -n | tail` 找出占用者，只增不减即为句柄泄漏；确有需要时调大 `fs.file-max`。",
        ),
        source: Text::new("common use: 80 %", "通用阈值：80%"),
        fields: &[
            Field::new("used_pct", FieldType::Percent, "Used", "使用率"),
            Field::new("used", FieldType::Number, "In use", "已用"),
            Field::new("limit", FieldType::Number, "Limit", "上限"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("used_pct > 80%"),
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("file-nr", "cat /proc/sys/fs/file-nr")]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("file-nr")?;
        let row = read(&text).ok_or_else(|| Unreadable::new("/proc/sys/fs/file-nr", &*text))?;
        Ok(Parsed::Rows(vec![row]))
    }
}

/// Allocated, of these unused (always 0 since Linux 2.6), limit.
fn read(text: &str) -> Option<Row> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [allocated, unused, limit] = words[..] else { return None };
    let (used, limit) = (count(allocated)? - count(unused)?, count(limit).filter(|&limit| limit > 0.0)?);
    (used >= 0.0).then(|| Row::new().number("used_pct", 100.0 * used / limit).number("used", used).number("limit", limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows};

    #[test]
    fn handles_in_use_are_a_share_of_the_limit() {
        for name in ["debian-12", "busybox-1.35"] {
            let rows = rows::<FileHandles>("{}", name);
            assert_eq!(number(&rows[0], "used_pct"), 100.0 * number(&rows[0], "used") / number(&rows[0], "limit"));
        }
    }

    #[test]
    fn the_limit_of_new_kernels_is_so_high_that_nothing_is_used() {
        assert!(number(&read("2112\t0\t9223372036854775807\n").unwrap(), "used_pct") < 1e-9);
    }

    #[test]
    fn fewer_than_three_numbers_are_no_answer() {
        for text in ["2112 0\n", "2112 0 0\n", "0 5 100\n", "a 0 100\n"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
