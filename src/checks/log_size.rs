//! Size of logs, how much of their disk they take, and how fast they grow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{frame, patterns};
use crate::check::{Check, Class, Earlier, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::quote;
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// Size of logs.
pub struct LogSize;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Files, directories (with all below them on the same filesystem) or patterns of them; each is one row.
    #[serde(default = "system_logs")]
    paths: Vec<String>,
}

fn system_logs() -> Vec<String> {
    vec!["/var/log".to_owned()]
}

/// `du` and `df` count in KiB; a directory counts with all that is in it, as it lies on the disk.
const SCRIPT: &str = r#"each() {
  echo "pattern $1"
  hidden "$2"
  seen=
  for f in $2; do
    [ -e "$f" ] || continue
    if [ -d "$f" ]; then
      if s=$(du -skx -- "$f" 2>/dev/null); then printf 'kib %s ' "${s%%[!0-9]*}"; else printf 'hidden '; fi
    elif s=$(stat -L -c %s -- "$f" 2>/dev/null); then printf 'bytes %s ' "$s"
    else printf 'hidden '; fi
    plain "$f"
    [ -n "$seen" ] || df -Pk -- "$f" | awk 'NR == 2 { for (i = 4; i <= NF; i++) if ($i ~ /^[0-9]+%$/) { print "disk " $(i - 3); exit } }'
    seen=1
  done
}
echo logs
"#;

impl Check for LogSize {
    const META: Meta = Meta {
        id: "log-size",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Size of logs", "日志大小"),
        asks: Text::new(
            "How large log files and directories are, what share of their filesystem they take, and how much they grow in a day.",
            "日志文件和目录的大小、占所在文件系统的比例，以及每日增长量。",
        ),
        why: Text::new(
            "Logs that nobody rotates fill the disk, and then the service stops; a log that suddenly grows tells of a fault.",
            "日志不轮转会写满磁盘并导致服务停止；日志突然暴增往往意味着故障。",
        ),
        advice: Text::new(
            "Rotate and compress (`logrotate`, `journalctl --vacuum-size`), lower the log level, and find what began to write so much.",
            "配置轮转与压缩（`logrotate`、`journalctl --vacuum-size`），降低日志级别，并查明大量写入的来源。",
        ),
        source: Text::new(
            "operations standards: logs never fill the disk; a quarter and a half of the filesystem are our own choice",
            "运维规范：日志不得写满磁盘；占文件系统四分之一、一半为本产品的取值",
        ),
        fields: &[
            Field::new("path", FieldType::Text, "Path", "路径"),
            Field::new("disk_pct", FieldType::Percent, "Share of the filesystem", "占文件系统比例"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "大小"),
            Field::new("growth_bytes", FieldType::Bytes, "Growth a day", "日增长"),
            Field::new("count", FieldType::Number, "Files", "文件数"),
            Field::new("largest", FieldType::Text, "Largest", "最大者"),
            Field::new("largest_bytes", FieldType::Bytes, "Its size", "最大者大小"),
            Field::new("unreadable", FieldType::List, "Could not be read", "无法读取"),
        ],
        key: &["path"],
        rows_are: RowsAre::Things,
        warn: Some("disk_pct > 25%"),
        crit: Some("disk_pct > 50%"),
        example: r#"{ "paths": ["/var/log", "/opt/app/logs/*.log"] }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        let calls = params.paths.iter().enumerate().map(|(place, pattern)| format!("each {place} {}", quote(pattern)));
        vec![Probe::shell("logs", frame::script(&format!("{}{SCRIPT}", patterns::SHELL), calls))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("logs")?;
        let lines = frame::lines("logs", "logs", &text)?;
        let mut logs: Vec<Logs> = Vec::new();
        for line in lines {
            let next = logs.len();
            match (line.strip_prefix("pattern "), logs.last_mut()) {
                (Some(place), _) if place.parse() == Ok(next) => logs.push(Logs::default()),
                (None, Some(logs)) => logs.read(line)?,
                _ => return Err(Unreadable::new("logs", line)),
            }
        }
        if logs.len() != params.paths.len() {
            return Err(Unreadable::new("logs", format!("{} answers for {} paths", logs.len(), params.paths.len())));
        }
        Ok(Parsed::Rows(params.paths.iter().zip(logs).map(|(path, logs)| logs.row(path, seen)).collect()))
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        patterns::validate("paths", &params.paths)
    }
}

/// What lies behind one path.
#[derive(Default)]
struct Logs {
    size: f64,
    count: f64,
    largest: Option<(f64, String)>,
    disk: Option<f64>,
    hidden: Vec<String>,
}

impl Logs {
    fn read(&mut self, line: &str) -> Result<(), Unreadable> {
        let refused = || Unreadable::new("logs", line);
        let (word, rest) = line.split_once(' ').ok_or_else(refused)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| refused());
        #[expect(clippy::cast_precision_loss, reason = "a size in bytes that a double cannot hold exactly is beyond any log")]
        match word {
            "hidden" => self.hidden.push(rest.to_owned()),
            "disk" => self.disk = Some(number(rest)? as f64 * 1024.0),
            "kib" | "bytes" => {
                let (size, name) = rest.split_once(' ').ok_or_else(refused)?;
                let size = number(size)? as f64 * if word == "kib" { 1024.0 } else { 1.0 };
                self.size += size;
                self.count += 1.0;
                if self.largest.as_ref().is_none_or(|(largest, _)| size > *largest) {
                    self.largest = Some((size, name.to_owned()));
                }
            }
            _ => return Err(refused()),
        }
        Ok(())
    }

    /// Nothing found, or something hidden, leaves the sizes without a value: neither is "small".
    fn row(self, path: &str, seen: &Seen<'_>) -> Row {
        let whole = self.hidden.is_empty() && self.count > 0.0;
        let known = |number: Option<f64>| number.filter(|_| whole).map_or(Value::Null, Value::Number);
        let growth = seen.earlier.and_then(|earlier| growth(self.size, earlier, path, seen));
        Row::new()
            .text("path", path)
            .with("disk_pct", known(self.disk.filter(|disk| *disk > 0.0).map(|disk| 100.0 * self.size / disk)))
            .with("size_bytes", known(Some(self.size)))
            .with("growth_bytes", known(growth))
            .number("count", self.count)
            .with("largest", self.largest.as_ref().map_or(Value::Null, |(_, name)| Value::Text(name.as_str().into())))
            .with("largest_bytes", self.largest.map_or(Value::Null, |(size, _)| Value::Number(size)))
            .list("unreadable", self.hidden)
    }
}

/// Bytes a day since the earlier run; none within an hour of it, where a run by hand would make a day out of a minute.
fn growth(size: f64, earlier: &Earlier, path: &str, seen: &Seen<'_>) -> Option<f64> {
    let same = |row: &&Row| row.get("path").and_then(Value::as_text) == Some(path);
    let before = earlier.rows.iter().find(same)?.get("size_bytes")?.as_f64()?;
    let days = (seen.at - earlier.at).as_seconds_f64() / 86_400.0;
    (days >= 1.0 / 24.0).then(|| (size - before) / days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse_after, row, rows, text};

    const ASKED: &str = r#"{ "paths": ["/var/log", "/var/log/*.log", "/var/log/none-*.log"] }"#;

    #[test]
    fn directories_and_patterns_are_added_up() {
        for capture in ["debian-12", "busybox-1.35"] {
            let rows = rows::<LogSize>(ASKED, capture);
            let (all, some) = (row(&rows, "path", "/var/log"), row(&rows, "path", "/var/log/*.log"));
            assert!(number(all, "size_bytes") >= number(some, "size_bytes"), "{capture}");
            assert!(number(all, "disk_pct") > 0.0 && number(all, "disk_pct") < 1.0, "{capture}");
            assert!(text(some, "largest").starts_with("/var/log/"));
        }
    }

    #[test]
    fn a_path_that_is_not_there_has_no_size() {
        let rows = rows::<LogSize>(ASKED, "debian-12");
        let none = row(&rows, "path", "/var/log/none-*.log");
        assert_eq!((none.get("size_bytes"), none.get("disk_pct")), (Some(&Value::Null), Some(&Value::Null)));
    }

    #[test]
    fn what_may_not_be_read_is_not_counted_as_small() {
        let rows = rows::<LogSize>(r#"{ "paths": ["/var/log", "/root/logs/*.log"] }"#, "debian-12-unprivileged");
        for (path, hidden) in [("/var/log", "/var/log"), ("/root/logs/*.log", "/root")] {
            let row = row(&rows, "path", path);
            assert_eq!(row.get("size_bytes"), Some(&Value::Null), "{path}");
            assert_eq!(row.get("unreadable"), Some(&Value::List(vec![hidden.into()])));
        }
    }

    #[test]
    fn growth_is_by_the_day_whenever_the_last_run_was() {
        let now = crate::checks::testing::recorded("log-size", "debian-12");
        let size = number(row(&rows::<LogSize>(ASKED, "debian-12"), "path", "/var/log"), "size_bytes");
        let earlier = |hours: i64| Earlier {
            at: now.at - chrono::TimeDelta::hours(hours),
            rows: vec![Row::new().text("path", "/var/log").number("size_bytes", size - 1000.0)],
        };
        let growth = |hours: i64| match parse_after::<LogSize>(ASKED, "debian-12", Some(&earlier(hours))) {
            Ok(Parsed::Rows(rows)) => rows[0].get("growth_bytes").cloned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(growth(48), Some(Value::Number(500.0)));
        assert_eq!(growth(12), Some(Value::Number(2000.0)));
        assert_eq!(growth(0), Some(Value::Null));
    }
}
