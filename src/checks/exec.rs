//! A command of the user's own, its output read into declared columns.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::argv;
use super::read_output::{self, Read};
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::columns::{Columns, typed, zone_of};
use crate::model::{Kind, Probe, Row, Target, Text};

/// A command of the user's own, its output read into declared columns.
pub struct Exec;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The command and its arguments, each a word of the list; there is no shell.
    run: Vec<String>,
    /// How its output is read.
    read: Read,
    /// The columns of a row and their types.
    columns: Columns,
    /// Columns that name a row; without any there is one row at most.
    #[serde(default)]
    key: Vec<String>,
    /// What the rows are: things that should be there, or problems that should not.
    #[serde(default)]
    rows_are: Rows,
    /// Exit statuses that come with a good answer.
    #[serde(default = "success")]
    statuses: Vec<i32>,
    /// Run as root (`sudo -n` where the login allows it); the command needs its absolute path.
    #[serde(default)]
    as_root: bool,
    /// What the command changes, where it does not only read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    writes: Option<String>,
}

/// What rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// Things that should be there: none is an error.
    #[default]
    Things,
    /// Problems: none is good. Only a table (`columns`, `csv`, `json`) can prove that there is none.
    Problems,
}

fn success() -> Vec<i32> {
    vec![0]
}

impl Check for Exec {
    const META: Meta = Meta {
        id: "exec",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Application,
        title: Text::new("Own command", "自定义命令"),
        asks: Text::new(
            "What a command of your own prints, read by a regular expression, as a table, CSV, JSON or a single number.",
            "自定义命令的输出，按正则表达式、表格、CSV、JSON 或单个数值读取。",
        ),
        why: Text::new("As the playbook says.", "以巡检方案中的说明为准。"),
        advice: Text::new("As the playbook says.", "以巡检方案中的整改建议为准。"),
        source: Text::new("as the playbook sets them", "以巡检方案中的阈值为准"),
        fields: &[],
        key: &[],
        rows_are: RowsAre::Things,
        warn: None,
        crit: None,
        example: r#"{ "run": ["uptime"], "read": { "regex": "load averages?: *(?P<load_1>[0-9.]+)" }, "columns": { "load_1": "number" } }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        vec![argv::probe("exec", &params.run, params.as_root)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text_with("exec", &params.statuses)?;
        let zone = zone_of(seen.target.timezone.as_deref()).map_err(|fault| Unreadable::new("timezone", fault))?;
        let found = read_output::records(&params.read, &params.columns, &text).map_err(|fault| Unreadable::new("exec", fault))?;
        if found.is_empty() && params.rows_are == Rows::Things {
            return Err(Unreadable::new("exec", format!("nothing matched in: {text}")));
        }
        if found.len() > 1 && params.key.is_empty() {
            return Err(Unreadable::new("exec", format!("{} rows matched, and no `key:` tells them apart", found.len())));
        }
        let row = |record: Vec<Option<String>>| {
            params.columns.iter().zip(record).try_fold(Row::new(), |row, ((name, kind), text)| {
                let value = typed(name, kind, text.as_deref(), zone).map_err(|fault| Unreadable::new("exec", fault))?;
                Ok(row.with(name.to_owned(), value))
            })
        };
        Ok(Parsed::Rows(found.into_iter().map(row).collect::<Result<_, _>>()?))
    }

    fn fields(params: &Params) -> Cow<'static, [Field]> {
        Cow::Owned(params.columns.fields())
    }

    fn key(params: &Params) -> Vec<String> {
        params.key.clone()
    }

    fn rows_are(params: &Params) -> RowsAre {
        match params.rows_are {
            Rows::Things => RowsAre::Things,
            Rows::Problems => RowsAre::Problems,
        }
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        argv::validate(&params.run, params.as_root)?;
        params.columns.validate()?;
        let fault = |key: &str, message: String| Err(ParamFault { key: key.to_owned(), message });
        if params.columns.is_empty() {
            return fault("columns", "declare at least one column, such as { used_pct: percent }".to_owned());
        }
        if let Some(name) = params.key.iter().find(|name| params.columns.get(name).is_none()) {
            return fault("key", format!("`{name}` is no declared column"));
        }
        if params.statuses.is_empty() {
            return fault("statuses", "name at least one exit status".to_owned());
        }
        if params.rows_are == Rows::Problems && !params.read.proves_absence() {
            return fault("rows_are", "a regex or a number that matches nothing proves nothing: read a table, csv or json".to_owned());
        }
        read_output::validate(&params.read, &params.columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Bound, Entry};
    use crate::checks::testing::{number, parse, row, rows, text};

    const DF: &str = r#""run": ["df", "-Pk"], "columns": { "mount": "text", "used_pct": "percent" }, "key": ["mount"]"#;

    #[track_caller]
    fn refused(params: &str, reason: &str) {
        let Err(fault) = Entry::of::<Exec>().bind(serde_json::from_str(params).unwrap()) else { panic!("{params} was taken") };
        assert!(fault.message.contains(reason), "{params}: {}", fault.message);
    }

    #[test]
    fn a_regex_gives_a_column_for_each_named_group() {
        assert!(number(&rows::<Exec>(Exec::META.example, "debian-12-uptime")[0], "load_1") >= 0.0);
        assert!(number(&rows::<Exec>(Exec::META.example, "busybox-1.35-uptime")[0], "load_1") >= 0.0);
    }

    #[test]
    fn a_table_gives_a_row_for_each_line() {
        let params = format!(r#"{{ {DF}, "read": {{ "columns": {{ "mount": "Mounted on", "used_pct": "Capacity" }} }} }}"#);
        for capture in ["debian-12-df", "busybox-1.35-df"] {
            let rows = rows::<Exec>(&params, capture);
            assert!(number(row(&rows, "mount", "/"), "used_pct") > 0.0, "{capture}");
        }
    }

    #[test]
    fn places_in_a_table_may_be_counted() {
        let params = format!(r#"{{ {DF}, "read": {{ "columns": {{ "mount": "6", "used_pct": "5" }}, "header": true }} }}"#);
        assert_eq!(text(&rows::<Exec>(&params, "debian-12-df")[0], "mount"), "/");
    }

    #[test]
    fn nothing_matched_is_an_error() {
        let params = r#"{ "run": ["uptime"], "read": { "regex": "never (?P<x>[0-9]+)" }, "columns": { "x": "number" } }"#;
        assert!(parse::<Exec>(params, "debian-12-uptime").is_err());
    }

    #[test]
    fn text_that_is_no_number_is_an_error() {
        let params = r#"{ "run": ["uptime"], "read": { "regex": "(?P<x>load)" }, "columns": { "x": "number" } }"#;
        assert!(parse::<Exec>(params, "debian-12-uptime").is_err());
        let params = r#"{ "run": ["uptime"], "read": "number", "columns": { "x": "number" } }"#;
        assert!(parse::<Exec>(params, "debian-12-uptime").is_err());
    }

    #[test]
    fn several_rows_need_a_key() {
        let params = r#"{ "run": ["df"], "read": { "regex": "(?P<pct>[0-9]+%)" }, "columns": { "pct": "percent" } }"#;
        assert!(parse::<Exec>(params, "debian-12-df").is_err());
    }

    #[test]
    fn parameters_that_contradict_each_other_are_refused() {
        refused(r#"{ "run": "df -h", "read": "number", "columns": { "n": "number" } }"#, "sequence");
        refused(r#"{ "run": ["df"], "read": "number", "columns": {} }"#, "at least one");
        refused(r#"{ "run": ["df"], "read": { "regex": "(" }, "columns": { "n": "number" } }"#, "regex");
        refused(r#"{ "run": ["df"], "read": { "regex": "x(?P<other>.)" }, "columns": { "n": "number" } }"#, "other");
        refused(r#"{ "run": ["df"], "read": { "json": "$[" }, "columns": { "n": "number" } }"#, "JSONPath");
        refused(r#"{ "run": ["df"], "read": "words", "columns": { "n": "number" } }"#, "number");
        refused(r#"{ "run": ["df"], "read": "number", "columns": { "n": "number" }, "key": ["m"] }"#, "no declared column");
        refused(r#"{ "run": ["df"], "read": "number", "columns": { "n": "number" }, "rows_are": "problems" }"#, "proves nothing");
    }

    #[test]
    fn parameters_read_back_as_they_were_written() {
        for read in [r#""number""#, r#""csv""#, r#"{ "regex": "(?P<n>.)" }"#, r#"{ "json": "$.a[*]", "columns": { "n": "$.m" } }"#] {
            let params = format!(r#"{{ "run": ["x"], "read": {read}, "columns": {{ "n": "number" }} }}"#);
            let bound = Entry::of::<Exec>().bind(serde_json::from_str(&params).unwrap()).unwrap();
            let again = Entry::of::<Exec>().bind(bound.params()).unwrap();
            assert_eq!(bound.params(), again.params());
        }
    }

    #[test]
    fn a_zone_that_nobody_knows_is_an_error() {
        let recorded = crate::checks::testing::recorded("exec", "debian-12-uptime");
        let bound = Entry::of::<Exec>().bind(serde_json::from_str(Exec::META.example).unwrap()).unwrap();
        let target = Target { timezone: Some("Asia/Peking".to_owned()), ..Target::new("t", Kind::Host) };
        assert!(bound.parse(&Seen { captures: &recorded.captures, at: recorded.at, earlier: None, target: &target }).is_err());
    }

    #[test]
    fn columns_are_the_fields_of_the_rows() {
        let params = r#"{ "run": ["x"], "read": "csv", "columns": { "b": "timestamp", "a": "text" }, "key": ["a"] }"#;
        let bound: Box<dyn Bound> = Entry::of::<Exec>().bind(serde_json::from_str(params).unwrap()).unwrap();
        assert_eq!(bound.fields().iter().map(|field| field.name.as_ref()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(bound.key(), ["a"]);
    }
}
