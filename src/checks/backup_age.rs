//! Age and size of the newest backup.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{frame, patterns};
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::quote;
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// Age and size of the newest backup.
pub struct BackupAge;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Patterns of files or directories, each the place of one backup; each is one row.
    files: Vec<String>,
    /// Endings of names that are not finished yet.
    #[serde(default = "unfinished")]
    exclude_endings: Vec<String>,
}

fn unfinished() -> Vec<String> {
    [".tmp", ".part", ".partial", ".filepart", ".incomplete"].map(str::to_owned).to_vec()
}

/// How many of the newest are looked at for what is usual.
const KEPT: usize = 20;

/// Every file is counted, the newest are shown: change time, bytes, raw mode, name. Only the newest directory is added up.
const SCRIPT: &str = r#"each() {
  echo "pattern $1"
  hidden "$2"
  there=0
  for f in $2; do
    [ -e "$f" ] || continue
    case $f in SKIP) ;; *"$nl"*) printf 'hidden '; plain "$f";; *) there=$((there + 1));; esac
  done
  echo "there $there"
  l=$(for f in $2; do
    [ -e "$f" ] || continue
    case $f in SKIP) ;; *"$nl"*) ;; *) printf '%s\0' "$f";; esac
  done | xargs -0 -r stat -L -c '%Y %s %f %n' -- | sort -rn | awk 'NR <= 20 { print "file " $0 } END { print "count " NR }')
  printf '%s\n' "$l"
  n=${l%%"$nl"*}
  n=/${n#*/}
  [ -d "$n" ] || return 0
  if s=$(du -skx -- "$n" 2>/dev/null); then echo "kib ${s%%[!0-9]*}"; else printf 'hidden '; plain "$n"; fi
}
echo backups
"#;

impl Check for BackupAge {
    const META: Meta = Meta {
        id: "backup-age",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Backup,
        title: Text::new("Age of backups", "备份时效"),
        asks: Text::new(
            "How old the newest backup of a pattern is, how large, and how that compares with the ones before it.",
            "按文件名模式查找最新备份的时间和大小，并与以往备份的大小比较。",
        ),
        why: Text::new(
            "A backup job that stopped is noticed on the day the backup is needed; one that suddenly is half as large lacks half the data.",
            "备份任务停了往往要到需要恢复时才发现；备份突然变小说明缺了数据。",
        ),
        advice: Text::new(
            "Read the log of the backup job, run it by hand, and restore the newest good backup somewhere to prove it.",
            "查看备份任务日志，手工执行一次，并恢复最近一份备份加以验证。",
        ),
        source: Text::new(
            "operations standards: core data at least every 4 hours (`age > 4h`), everything else nightly; 26 h leave a night's job two hours",
            "运维规范：核心数据至少每 4 小时备份（`age > 4h`），其他每晚备份；26 小时为夜间任务留两小时余量",
        ),
        fields: &[
            Field::new("files", FieldType::Text, "Backup", "备份"),
            Field::new("count", FieldType::Number, "Kept", "份数"),
            Field::new("age", FieldType::Duration, "Age", "距今"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "大小"),
            Field::new("usual_bytes", FieldType::Bytes, "Usual size", "以往大小"),
            Field::new("usual_pct", FieldType::Percent, "Of the usual size", "为以往的"),
            Field::new("newest", FieldType::Text, "Newest", "最新文件"),
            Field::new("unreadable", FieldType::List, "Could not be read", "无法读取"),
        ],
        key: &["files"],
        rows_are: RowsAre::Things,
        // No backup yet to compare with is no fault of this one.
        warn: Some("age > 26h or not (usual_pct == null or usual_pct >= 50%)"),
        crit: Some("count < 1 or age > 50h or size_bytes < 1B"),
        example: r#"{ "files": ["/backup/erp-*.gz", "/backup/crm"] }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        // Endings are quoted, so that the leading star is the only wildcard.
        let endings: Vec<String> = params.exclude_endings.iter().map(|ending| format!("*{}", quote(ending))).collect();
        let skipped = if endings.is_empty() { "''".to_owned() } else { endings.join("|") };
        let head = format!("{}{}", patterns::SHELL, SCRIPT.replace("SKIP", &skipped));
        let calls = params.files.iter().enumerate().map(|(place, pattern)| format!("each {place} {}", quote(pattern)));
        vec![Probe::shell("backups", frame::script(&head, calls))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("backups")?;
        let lines = frame::lines("backups", "backups", &text)?;
        let mut found: Vec<Found> = Vec::new();
        for line in lines {
            let next = found.len();
            match (line.strip_prefix("pattern "), found.last_mut()) {
                (Some(place), _) if place.parse() == Ok(next) => found.push(Found::default()),
                (None, Some(found)) => found.read(line)?,
                _ => return Err(Unreadable::new("backups", line)),
            }
        }
        // Files that are there and that `stat` says nothing of are no proof of an empty place.
        let is_whole = |found: &Found| found.count.is_some_and(|count| count > 0.0 || found.there == Some(0.0));
        if found.len() != params.files.len() || !found.iter().all(is_whole) {
            return Err(Unreadable::new("backups", "an answer is missing"));
        }
        Ok(Parsed::Rows(params.files.iter().zip(found).map(|(pattern, found)| found.row(pattern, seen)).collect()))
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        patterns::validate("files", &params.files)?;
        match params.exclude_endings.iter().find(|ending| ending.is_empty() || ending.chars().any(char::is_control)) {
            Some(_) => Err(ParamFault { key: "exclude_endings".to_owned(), message: "an ending has at least one letter".to_owned() }),
            None => Ok(()),
        }
    }
}

/// What matches one pattern.
#[derive(Default)]
struct Found {
    /// Newest first: change time in seconds since 1970, size where it is known, name.
    files: Vec<(f64, Option<f64>, String)>,
    /// How many `stat` answered for, and how many the shell saw.
    count: Option<f64>,
    there: Option<f64>,
    hidden: Vec<String>,
}

impl Found {
    fn read(&mut self, line: &str) -> Result<(), Unreadable> {
        let refused = || Unreadable::new("backups", line);
        let (word, rest) = line.split_once(' ').ok_or_else(refused)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| refused());
        #[expect(clippy::cast_precision_loss, reason = "seconds and sizes that a double cannot hold exactly are beyond any backup")]
        match word {
            "hidden" => self.hidden.push(rest.to_owned()),
            "there" => self.there = Some(number(rest)? as f64),
            "count" => self.count = Some(number(rest)? as f64),
            "kib" => self.files.first_mut().ok_or_else(refused)?.1 = Some(number(rest)? as f64 * 1024.0),
            "file" if self.files.len() < KEPT => {
                let mut words = rest.splitn(4, ' ');
                let mut word = || words.next().ok_or_else(refused);
                let (changed, size, mode, name) = (number(word()?)? as f64, number(word()?)? as f64, word()?, word()?);
                let mode = u32::from_str_radix(mode, 16).map_err(|_| refused())?;
                let is_directory = mode & 0xf000 == 0x4000;
                self.files.push((changed, (!is_directory).then_some(size), name.to_owned()));
            }
            _ => return Err(refused()),
        }
        Ok(())
    }

    /// Anything hidden leaves age, size and count without a value: a newer one may be there, or none.
    fn row(self, pattern: &str, seen: &Seen<'_>) -> Row {
        let whole = self.hidden.is_empty();
        let newest = self.files.first().filter(|_| whole);
        let size = newest.and_then(|(_, size, _)| *size);
        let usual = newest.and_then(|newest| self.usual(newest, pattern, seen));
        let known = |number: Option<f64>| number.map_or(Value::Null, Value::Number);
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay exact in a double")]
        let now = seen.at.timestamp() as f64;
        Row::new()
            .text("files", pattern)
            .with("count", known(self.count.filter(|_| whole)))
            .with("age", newest.map_or(Value::Null, |(changed, ..)| Value::Duration(now - changed)))
            .with("size_bytes", known(size))
            .with("usual_bytes", known(usual))
            .with("usual_pct", known(size.zip(usual).filter(|(_, usual)| *usual > 0.0).map(|(size, usual)| 100.0 * size / usual)))
            .with("newest", newest.map_or(Value::Null, |(.., name)| Value::Text(name.as_str().into())))
            .list("unreadable", self.hidden)
    }

    /// The median of the older ones that are still there; where each backup replaces the last, what the last run saw: of another
    /// backup its size, of the same one what was usual then.
    fn usual(&self, newest: &(f64, Option<f64>, String), pattern: &str, seen: &Seen<'_>) -> Option<f64> {
        let mut older: Vec<f64> = self.files.iter().skip(1).filter_map(|(_, size, _)| *size).collect();
        if !older.is_empty() {
            older.sort_by(f64::total_cmp);
            return Some(older[older.len() / 2]);
        }
        let earlier = seen.earlier?;
        let row = earlier.rows.iter().find(|row| row.get("files").and_then(Value::as_text) == Some(pattern))?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 stay exact in a double")]
        let changed_before = earlier.at.timestamp() as f64 - row.get("age")?.as_f64()?;
        let same = (changed_before - newest.0).abs() < 1.0;
        row.get(if same { "usual_bytes" } else { "size_bytes" })?.as_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Earlier;
    use crate::checks::testing::{number, parse_after, row, rows, text};

    const ASKED: &str = r#"{ "files": ["/backup/erp-*.gz", "/backup/crm.dump", "/backup/base-*", "/backup/none-*"] }"#;

    #[test]
    fn the_newest_is_compared_with_the_older_ones() {
        for capture in ["debian-12", "busybox-1.35"] {
            let rows = rows::<BackupAge>(ASKED, capture);
            let erp = row(&rows, "files", "/backup/erp-*.gz");
            assert_eq!((text(erp, "newest"), number(erp, "count")), ("/backup/erp-4.gz", 4.0), "{capture}");
            assert_eq!((number(erp, "size_bytes"), number(erp, "usual_bytes")), (20_000.0, 100_000.0));
            assert!((number(erp, "usual_pct") - 20.0).abs() < 1e-9);
            assert!(number(erp, "age") > 3_500.0 && number(erp, "age") < 7_300.0, "{erp:?}");
        }
    }

    #[test]
    fn a_directory_is_a_backup_too() {
        let rows = rows::<BackupAge>(ASKED, "debian-12");
        let base = row(&rows, "files", "/backup/base-*");
        assert_eq!(text(base, "newest"), "/backup/base-2");
        assert!(number(base, "size_bytes") >= 50_000.0);
    }

    #[test]
    fn no_backup_is_counted_as_none() {
        let rows = rows::<BackupAge>(ASKED, "debian-12");
        assert_eq!(row(&rows, "files", "/backup/none-*").get("count"), Some(&Value::Number(0.0)));
    }

    #[test]
    fn what_may_not_be_listed_is_not_counted_as_none() {
        let rows = rows::<BackupAge>(r#"{ "files": ["/root/backup/*.gz"] }"#, "debian-12-unprivileged");
        assert_eq!((rows[0].get("count"), rows[0].get("age")), (Some(&Value::Null), Some(&Value::Null)));
        assert_eq!(rows[0].get("unreadable"), Some(&Value::List(vec!["/root".into()])));
    }

    #[test]
    fn a_backup_that_replaces_the_last_is_compared_with_what_the_last_run_saw() {
        let recorded = crate::checks::testing::recorded("backup-age", "debian-12");
        let now = rows::<BackupAge>(ASKED, "debian-12");
        let crm = row(&now, "files", "/backup/crm.dump");
        assert_eq!(crm.get("usual_pct"), Some(&Value::Null));
        let usual = |age: f64, size: f64, usual: f64| {
            let seen =
                Row::new().text("files", "/backup/crm.dump").duration("age", age).number("size_bytes", size).number("usual_bytes", usual);
            let earlier = Earlier { at: recorded.at, rows: vec![seen] };
            match parse_after::<BackupAge>(ASKED, "debian-12", Some(&earlier)) {
                Ok(Parsed::Rows(rows)) => row(&rows, "files", "/backup/crm.dump").get("usual_bytes").cloned(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(usual(number(crm, "age") + 86_400.0, 7.0, 9.0), Some(Value::Number(7.0)), "another backup: its size");
        assert_eq!(usual(number(crm, "age"), 7.0, 9.0), Some(Value::Number(9.0)), "the same backup: what was usual");
    }
}
