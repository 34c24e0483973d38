//! Errors in logs, those of one kind together.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, TimeDelta, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{frame, log_time, patterns};
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::quote;
use crate::model::{FieldType, Kind, Message, Probe, Row, Target, Text, Untrusted, Value};
use crate::quantity::{Bytes, Seconds};

/// Errors in logs.
pub struct LogErrors;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How far back to look.
    #[serde(default = "one_day")]
    since: Seconds,
    /// Whether to look into the system's own log: the journal from priority `err` up, or `/var/log/messages` or `/var/log/syslog`.
    #[serde(default = "yes")]
    system_log: bool,
    /// More log files, or patterns of them; each pattern must match a file.
    #[serde(default)]
    files: Vec<String>,
    /// What is an error in a line of a file: an extended regular expression as `grep -E -i` knows it.
    #[serde(default = "words_of_trouble")]
    pattern: String,
    /// What is none after all, likewise; it holds for the journal too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclude: Option<String>,
    /// How much of the end of each file is read; where that does not reach back far enough, the file is an error.
    #[serde(default = "enough")]
    read_at_most: Bytes,
}

fn one_day() -> Seconds {
    Seconds(86_400.0)
}

fn yes() -> bool {
    true
}

fn words_of_trouble() -> String {
    "(^|[^[:alnum:]])(error|fatal|panic|critical|emerg|alert|segfault|exception|corrupt(ed|ion)?)([^[:alnum:]]|$)".to_owned()
}

fn enough() -> Bytes {
    Bytes(64.0 * 1_048_576.0)
}

/// Lines kept of each file or of the journal, and kinds of errors shown.
const KEPT_KINDS: usize = 100;

/// `keep` counts all lines and prints the last 300, at most 300 bytes of each.
const SCRIPT: &str = r#"keep() { awk '{ l[NR % 300] = substr($0, 1, 300) } END { print "matched " NR; for (i = NR > 300 ? NR - 299 : 1; i <= NR; i++) print "| " l[i % 300] }'; }
trouble() { if [ -n "$exclude" ]; then grep -E -i -e "$pattern" | grep -E -i -v -e "$exclude"; else grep -E -i -e "$pattern"; fi; }
wanted() { if [ -n "$exclude" ]; then grep -E -i -v -e "$exclude"; else cat; fi; }
for e in "$pattern" "$exclude"; do
  echo | grep -E -e "$e" >/dev/null; [ $? -le 1 ] || exit 2
done
now=$(date +%s)
scan() {
  s=$(stat -L -c '%s %Y' -- "$1" 2>/dev/null) || { printf 'hidden '; plain "$1"; return; }
  printf 'file %s ' "$s"; plain "$1"
  [ "${s#* }" -ge $((now - since)) ] || { echo old; return; }
  [ -r "$1" ] || { printf 'hidden '; plain "$1"; return; }
  case $1 in
    *.gz) gzip -dc -- "$1" | tr -d '\000' | trouble | keep;;
    *.xz|*.bz2|*.zst) printf 'compressed '; plain "$1";;
    *) [ "${s% *}" -le "$most" ] || { printf 'from '; tail -c "$most" -- "$1" | tr -d '\000' | sed -n '2{p;q;}' | cut -c1-200; }
       tail -c "$most" -- "$1" | tr -d '\000' | trouble | keep;;
  esac
}
echo errors
date '+now %s %z'
if [ "$system" = true ]; then
  if has journalctl && [ -n "$(priv journalctl --no-pager -q -n 1 -o cat 2>/dev/null)" ]; then
    echo journal
    { priv journalctl --no-pager -o short-iso -p err --since "-${since}s" && echo rounds-whole; } | { wanted; } | keep
  elif [ -e /var/log/messages ]; then scan /var/log/messages
  elif [ -e /var/log/syslog ]; then scan /var/log/syslog
  else echo 'neither a journal with entries nor /var/log/messages nor /var/log/syslog' >&2; exit 1
  fi
fi
each() {
  hidden "$1"
  found=
  for f in $1; do [ -f "$f" ] || continue; found=1; scan "$f"; done
  [ -n "$found" ] || echo "none $1"
}
"#;

impl Check for LogErrors {
    const META: Meta = Meta {
        id: "log-errors",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Errors in logs", "错误日志"),
        asks: Text::new(
            "Errors in the system's log and in log files since a time, like ones counted together. Of each file and of the journal the last 300 matching lines are looked at; lines without a time count as recent.",
            "指定时间以来系统日志和日志文件中的错误，同类合并计数；每个文件和 journal 取最后 300 条匹配行，无时间的行按近期处理。",
        ),
        why: Text::new(
            "Most failures announce themselves in a log hours or days before anybody notices.",
            "多数故障在被察觉前数小时甚至数天就已出现在日志中。",
        ),
        advice: Text::new(
            "Read the log around the time of the last one, put the cause right, and exclude by `exclude:` only what is known to be harmless.",
            "查看最近一次前后的日志并排除原因；仅将确认无害的内容写入 `exclude:`。",
        ),
        source: Text::new("operations standards: error logs are inspected every day", "运维规范：每日检查错误日志"),
        fields: &[
            Field::new("source", FieldType::Text, "Log", "日志"),
            Field::new("message", FieldType::Text, "Message", "消息"),
            Field::new("count", FieldType::Number, "Count", "次数"),
            Field::new("last_at", FieldType::Timestamp, "Last time", "最近一次"),
            Field::new("sample", FieldType::Text, "Last line", "最近一条"),
        ],
        key: &["source", "message"],
        rows_are: RowsAre::Problems,
        warn: Some("count > 0"),
        crit: None,
        example: r#"{ "since": "24h", "files": ["/var/log/mysql/*.log"], "exclude": "Deprecated program name" }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        let since = seconds(params);
        let head = format!(
            "{}since={since}\nmost={:.0}\nsystem={}\npattern={}\nexclude={}\n{SCRIPT}",
            patterns::SHELL,
            params.read_at_most.0,
            params.system_log,
            quote(&params.pattern),
            quote(params.exclude.as_deref().unwrap_or_default()),
        );
        let calls = params.files.iter().map(|pattern| format!("each {}", quote(pattern)));
        let mut commands = Vec::new();
        if params.system_log {
            commands.push("/usr/bin/journalctl --no-pager -q -n 1 -o cat".to_owned());
            commands.push(format!("/usr/bin/journalctl --no-pager -o short-iso -p err --since -{since}s"));
        }
        vec![Probe::shell("errors", frame::script(&head, calls)).privileged(commands)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("errors")?;
        let complaint = Untrusted::from_bytes(&seen.capture("errors")?.err);
        if complaint.raw().contains("not seeing messages from other users") {
            return Err(Unreadable(Message::NeedsRight {
                needs: "membership in the group systemd-journal or adm, or sudo for journalctl".to_owned(),
            }));
        }
        // The end of a pipe hides that its beginning failed, but not what it said.
        if let Some(line) =
            complaint.raw().lines().find(|line| ["gzip:", "tail:", "grep:", "tr:"].iter().any(|tool| line.starts_with(tool)))
        {
            return Err(Unreadable::new("a log", line));
        }
        let lines = frame::lines("errors", "errors", &text)?;
        let (&clock, lines) = lines.split_first().ok_or_else(|| Unreadable::new("errors", "no clock"))?;
        let refused = || Unreadable::new("errors", clock);
        let (now, zone) = clock.strip_prefix("now ").and_then(|clock| clock.split_once(' ')).ok_or_else(refused)?;
        let now = now.parse().ok().and_then(|now| DateTime::from_timestamp(now, 0)).ok_or_else(refused)?;
        let zone = log_time::offset(zone).ok_or_else(refused)?;
        let mut reading =
            Reading { now, zone, from: now - TimeDelta::seconds(seconds(params)), source: None, whole: true, groups: BTreeMap::new() };
        for line in lines {
            reading.read(line)?;
        }
        reading.finish_source()?;
        Ok(Parsed::Rows(reading.rows()))
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |key: &str, message: String| Err(ParamFault { key: key.to_owned(), message });
        if !params.system_log && params.files.is_empty() {
            return fault("files", "with `system_log: false` name at least one file".to_owned());
        }
        if !params.files.is_empty() {
            patterns::validate("files", &params.files)?;
        }
        if params.since.0 < 1.0 {
            return fault("since", "look back at least a second".to_owned());
        }
        for (key, pattern) in [("pattern", Some(&params.pattern)), ("exclude", params.exclude.as_ref())] {
            let Some(pattern) = pattern else { continue };
            if pattern.is_empty() || pattern.chars().any(char::is_control) {
                return fault(key, "a regular expression of at least one sign, on one line".to_owned());
            }
            if let Err(error) = regex::Regex::new(pattern) {
                return fault(key, format!("the regular expression does not compile: {error}"));
            }
        }
        Ok(())
    }
}

/// Whole seconds to look back.
fn seconds(params: &Params) -> i64 {
    i64::try_from(params.since.duration().as_secs()).unwrap_or(i64::MAX / 1000)
}

/// The state of reading line after line.
struct Reading<'a> {
    now: DateTime<Utc>,
    zone: FixedOffset,
    from: DateTime<Utc>,
    source: Option<&'a str>,
    /// Whether the journal, where it is the source, was read to its end.
    whole: bool,
    groups: BTreeMap<(String, String), Group>,
}

struct Group {
    count: f64,
    last_at: Option<DateTime<Utc>>,
    sample: String,
}

impl<'a> Reading<'a> {
    fn read(&mut self, line: &'a str) -> Result<(), Unreadable> {
        if let Some(entry) = line.strip_prefix("| ").or_else(|| (line == "|").then_some("")) {
            return self.entry(entry);
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "journal" => {
                self.finish_source()?;
                (self.source, self.whole) = (Some("journal"), false);
            }
            "file" => {
                self.finish_source()?;
                self.source = Some(rest.splitn(3, ' ').nth(2).ok_or_else(|| Unreadable::new("errors", line))?);
            }
            "matched" | "old" if self.source.is_some() => {}
            // The part that was read must begin before the time looked at.
            "from" if self.source.is_some() => {
                if log_time::moment(rest, self.now, self.zone).is_none_or(|(at, _)| at > self.from) {
                    let file = self.source.unwrap_or_default();
                    return Err(Unreadable::new(file, "the end that is read (`read_at_most`) does not reach back to `since`"));
                }
            }
            "hidden" => return Err(Unreadable(Message::NeedsRight { needs: format!("reading {}", Untrusted::new(rest).visible()) })),
            "compressed" => return Err(Unreadable::new(rest, "compressed in a form other than gzip")),
            "none" => return Err(Unreadable::new(rest, "no file matches")),
            _ => return Err(Unreadable::new("errors", line)),
        }
        Ok(())
    }

    fn finish_source(&mut self) -> Result<(), Unreadable> {
        if self.whole { Ok(()) } else { Err(Unreadable::new("journal", "it could not be read to its end")) }
    }

    fn entry(&mut self, entry: &str) -> Result<(), Unreadable> {
        let source = self.source.ok_or_else(|| Unreadable::new("errors", entry))?;
        if source == "journal" {
            if entry == "rounds-whole" {
                self.whole = true;
                return Ok(());
            }
            // What the journal says of itself (`-- Boot …`), and the further lines of a message.
            if entry.starts_with("-- ") || entry.starts_with(char::is_whitespace) || entry.is_empty() {
                return Ok(());
            }
        }
        let (at, text) = match log_time::moment(entry, self.now, self.zone) {
            Some((at, _)) if at < self.from => return Ok(()),
            Some((at, end)) => (Some(at), &entry[end..]),
            None => (None, entry),
        };
        let mut key = (source.to_owned(), kind(text));
        if self.groups.len() >= KEPT_KINDS && !self.groups.contains_key(&key) {
            "(more kinds)".clone_into(&mut key.1);
        }
        let group = self.groups.entry(key).or_insert(Group { count: 0.0, last_at: None, sample: String::new() });
        group.count += 1.0;
        group.last_at = group.last_at.max(at);
        entry.clone_into(&mut group.sample);
        Ok(())
    }

    fn rows(self) -> Vec<Row> {
        let row = |((source, message), group): ((String, String), Group)| {
            Row::new()
                .text("source", source)
                .text("message", message)
                .number("count", group.count)
                .with("last_at", group.last_at.map_or(Value::Null, Value::Timestamp))
                .text("sample", group.sample)
        };
        self.groups.into_iter().map(row).collect()
    }
}

/// The kind of a message: what is left when numbers, addresses and ids become `#`. `host name[pid]:` loses the host.
fn kind(text: &str) -> String {
    let text = text.trim_start_matches([' ', ']', ':', '-']).trim_end();
    // Syslog: the host is the first word, the program the second, with a colon.
    let text = match text.split_once(' ') {
        Some((_, rest)) if rest.split_whitespace().next().is_some_and(|word| word.ends_with(':')) => rest,
        _ => text,
    };
    let mut kind = String::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next().filter(|_| kind.len() < 160) {
        if !kind.is_empty() {
            kind.push(' ');
        }
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_id = bare.len() >= 8
            && bare.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
            && bare.bytes().any(|byte| byte.is_ascii_digit());
        if is_id {
            kind.push('#');
            continue;
        }
        let mut in_number = false;
        for c in word.chars() {
            if c.is_ascii_digit() {
                if !in_number {
                    kind.push('#');
                }
                in_number = true;
            } else {
                kind.push(c);
                in_number = false;
            }
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{number, parse, row, rows, text};

    const FILES: &str = r#"{ "system_log": false, "files": ["/var/log/app/*.log*"], "exclude": "harmless" }"#;

    #[test]
    fn like_errors_are_counted_together_and_old_ones_left_out() {
        for capture in ["debian-12-files", "busybox-1.35-files"] {
            let rows = rows::<LogErrors>(FILES, capture);
            let refused = row(&rows, "message", "ERROR connection # refused by #.#.#.#");
            assert_eq!((number(refused, "count"), text(refused, "source")), (2.0, "/var/log/app/app.log"), "{capture}");
            assert!(rows.iter().all(|row| !text(row, "sample").contains("long ago")), "{rows:?}");
            assert!(rows.iter().all(|row| !text(row, "sample").contains("harmless")));
            let packed = rows.iter().find(|row| text(row, "source") == "/var/log/app/app.log.1.gz").unwrap();
            assert!(text(packed, "sample").contains("from the packed one"));
            let timeless = row(&rows, "message", "java.lang.IllegalStateException: Error without a time");
            assert_eq!(timeless.get("last_at"), Some(&Value::Null));
        }
    }

    #[test]
    fn the_journal_is_read_from_err_up() {
        let rows = rows::<LogErrors>("{}", "debian-12-journal");
        assert_eq!(text(&rows[0], "source"), "journal");
        assert!(
            rows.iter()
                .any(|row| text(row, "message").starts_with("demo[#]: demo: disk # is failing")
                    && row.get("count") == Some(&Value::Number(2.0))),
            "{rows:?}"
        );
    }

    #[test]
    fn a_journal_without_errors_is_good_news() {
        assert_eq!(parse::<LogErrors>("{}", "debian-12-journal-quiet"), Ok(Parsed::Rows(vec![])));
    }

    #[test]
    fn a_pattern_that_matches_no_file_is_an_error() {
        assert!(parse::<LogErrors>(FILES, "debian-12-no-file").is_err());
    }

    #[test]
    fn a_file_that_may_not_be_read_is_an_error() {
        let error = parse::<LogErrors>(FILES, "debian-12-unprivileged").unwrap_err();
        assert!(matches!(error.0, Message::NeedsRight { .. }), "{error:?}");
    }

    #[test]
    fn an_end_that_does_not_reach_back_far_enough_is_an_error() {
        assert!(parse::<LogErrors>(FILES, "debian-12-large").is_err());
    }

    #[test]
    fn ids_and_numbers_do_not_make_a_new_kind() {
        assert_eq!(kind(" web1 nginx[812]: upstream 10.0.0.7:80 timed out"), "nginx[#]: upstream #.#.#.#:# timed out");
        assert_eq!(kind("ERROR request 3f2a9c4e-11aa-4b2c-9d8e-001122334455 failed after 30s"), "ERROR request # failed after #s");
    }

    #[test]
    fn something_must_be_looked_at() {
        for params in [r#"{ "system_log": false }"#, r#"{ "pattern": "(" }"#, r#"{ "since": "0s" }"#, r#"{ "files": ["relative.log"] }"#] {
            assert!(Entry::of::<LogErrors>().bind(serde_json::from_str(params).unwrap()).is_err(), "{params}");
        }
    }
}
