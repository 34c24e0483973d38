//! Whether a SQLite file is whole.

use super::no_params::NoParams;
use super::records::Records;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, FailKind, SqlVariant};
use crate::model::{Ended, FieldType, Kind, Probe, Row, Target, Text, Value};

/// Whether a SQLite file is whole.
pub struct SqliteIntegrity;

/// Findings shown in the row.
const DETAILS: usize = 20;

impl Check for SqliteIntegrity {
    const META: Meta = Meta {
        id: "sqlite-integrity",
        version: 1,
        kinds: &[Kind::Sqlite],
        class: Class::Database,
        title: Text::new("Integrity", "数据完整性"),
        asks: Text::new(
            "Reads every page of the file: structure, indexes against tables, constraints, and references between tables. An empty file passes SQLite's own check, not this one.",
            "读取文件的每一页：检查结构、索引与表是否一致、约束以及外键引用。空文件能通过 SQLite 自检，但不能通过本检查。",
        ),
        why: Text::new(
            "Damage spreads with every write and into every backup, until a restore is of no use either.",
            "损坏会随写入扩散并进入每份备份，最终连恢复也无济于事。",
        ),
        advice: Text::new(
            "Stop the writers, keep a copy of the file with its -wal, restore the last good backup, or save what can be read with `sqlite3 FILE .recover`; then look for the cause in disk and memory.",
            "停止写入，保留文件及其 -wal 的副本，恢复最近一份完好的备份，或用 `sqlite3 文件 .recover` 抢救可读数据；随后排查磁盘和内存。",
        ),
        source: Text::new("any damage is one too many", "任何损坏都不可接受"),
        fields: &[
            Field::new("problems", FieldType::Number, "Damage", "损坏数"),
            Field::new("broken_references", FieldType::Number, "Broken references", "外键违例数"),
            Field::new("objects", FieldType::Number, "Tables, indexes, views", "对象数"),
            Field::new("size_bytes", FieldType::Bytes, "Size", "大小"),
            Field::new("details", FieldType::List, "Details", "明细"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("broken_references > 0 or objects == 0"),
        crit: Some("problems > 0"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let sqlite = |statement: &'static str| vec![SqlVariant::new(Dialect::Sqlite, statement)];
        let file = "select cast(c.page_count as text) as pages, cast(s.page_size as text) as page_size, \
             cast((select count(*) from sqlite_master) as text) as objects from pragma_page_count c, pragma_page_size s";
        let integrity = "select integrity_check as finding from pragma_integrity_check";
        let references =
            "select cast(count(*) as text) as broken, min(\"table\" || ' → ' || parent) as example from pragma_foreign_key_check";
        vec![Probe::sql("file", sqlite(file)), Probe::sql("integrity", sqlite(integrity)), Probe::sql("references", sqlite(references))]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        if let Some(row) = too_damaged(seen)? {
            return Ok(Parsed::Rows(vec![row]));
        }
        let file = Records::of(seen, "file", &[])?;
        let file = file.only()?;
        let pages = file.amount("pages")?;
        if pages < 1.0 {
            return Err(Unreadable::new("the file", "it is empty: is this the right path?"));
        }
        let integrity = Records::of(seen, "integrity", &[])?;
        let findings = integrity.iter().map(|record| record.text("finding")).collect::<Result<Vec<_>, _>>()?;
        let findings: Vec<&str> = match findings.as_slice() {
            [] => return Err(Unreadable::new("integrity", "no answer to the check")),
            ["ok"] => Vec::new(),
            // One finding may hold a whole list, a line each, under a heading.
            _ => findings.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with("***")).collect(),
        };
        let references = Records::of(seen, "references", &[])?;
        let references = references.only()?;
        let broken = references.amount("broken")?;
        let example = references.maybe_text("example")?.filter(|_| broken > 0.0);
        #[expect(clippy::cast_precision_loss, reason = "SQLite reports at most 100 findings")]
        let problems = findings.len() as f64;
        let details: Vec<&str> = findings.into_iter().take(DETAILS).chain(example).collect();
        let row = Row::new()
            .number("problems", problems)
            .number("broken_references", broken)
            .number("objects", file.amount("objects")?)
            .number("size_bytes", pages * file.amount("page_size")?)
            .list("details", details);
        Ok(Parsed::Rows(vec![row]))
    }
}

/// A file too damaged to be asked is damage found, not a check that failed. Any other refusal is one.
fn too_damaged(seen: &Seen<'_>) -> Result<Option<Row>, Unreadable> {
    let mut said = None;
    for probe in ["file", "integrity", "references"] {
        match &seen.capture(probe)?.ended {
            Ended::Failed { kind: FailKind::Other, detail } if is_damage(detail.raw()) => said = Some(detail.raw()),
            _ => _ = Records::of(seen, probe, &[])?,
        }
    }
    Ok(said.map(|said| {
        Row::new()
            .number("problems", 1.0)
            .with("broken_references", Value::Null)
            .with("objects", Value::Null)
            .with("size_bytes", Value::Null)
            .list("details", [said])
    }))
}

/// How SQLite says that what it reads is damaged, or no database at all.
fn is_damage(message: &str) -> bool {
    ["disk image is malformed", "file is not a database"].iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows};

    #[test]
    fn a_whole_file_has_no_damage() {
        let rows = rows::<SqliteIntegrity>("{}", "good");
        assert_eq!((number(&rows[0], "problems"), number(&rows[0], "objects")), (0.0, 3.0));
        assert_eq!(rows[0].get("size_bytes"), Some(&Value::Number(16_384.0)));
    }

    #[test]
    fn damage_is_found_however_far_it_goes() {
        assert!(number(&rows::<SqliteIntegrity>("{}", "bad")[0], "problems") > 3.0);
        for name in ["malformed", "not"] {
            assert_eq!(rows::<SqliteIntegrity>("{}", name)[0].get("problems"), Some(&Value::Number(1.0)), "{name}");
        }
    }

    #[test]
    fn references_to_nothing_are_counted() {
        let rows = rows::<SqliteIntegrity>("{}", "refs");
        assert_eq!((number(&rows[0], "problems"), number(&rows[0], "broken_references")), (0.0, 2.0));
    }

    #[test]
    fn an_empty_file_is_not_whole() {
        assert!(parse::<SqliteIntegrity>("{}", "empty").is_err());
        assert_eq!(rows::<SqliteIntegrity>("{}", "dropped")[0].get("objects"), Some(&Value::Number(0.0)));
    }
}
