//! An existing monitoring plugin: its verdict, its message and its performance data.

use std::borrow::Cow;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::argv;
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::columns::{ColumnType, Columns, typed};
use crate::model::{Ended, FieldType, Kind, Probe, Row, Target, Text, Value};

/// An existing monitoring plugin.
pub struct NagiosPlugin;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The plugin and its arguments, each a word of the list; there is no shell.
    run: Vec<String>,
    /// Performance data to judge by: labels in lower case with `_` for every other sign, and their types.
    #[serde(default)]
    columns: Columns,
    /// Run as root (`sudo -n` where the login allows it); the plugin needs its absolute path.
    #[serde(default)]
    as_root: bool,
}

const FIELDS: [Field; 3] = [
    Field::new("state", FieldType::Text, "State", "状态"),
    Field::new("message", FieldType::Text, "Message", "消息"),
    Field::new("perfdata", FieldType::List, "Performance data", "性能数据"),
];

impl Check for NagiosPlugin {
    const META: Meta = Meta {
        id: "nagios-plugin",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Application,
        title: Text::new("Monitoring plugin", "监控插件"),
        asks: Text::new(
            "What a Nagios-compatible plugin on the host says: state, message and performance data. `unknown` and anything else that is no state cannot be judged.",
            "主机上 Nagios 兼容插件的结论：状态、消息和性能数据；UNKNOWN 及其他返回码视为未能判断。",
        ),
        why: Text::new("As the plugin's own documentation says.", "以插件自身文档为准。"),
        advice: Text::new(
            "Follow the plugin's message; run it by hand on the host for details.",
            "根据插件消息处理；可在主机上手工运行查看详情。",
        ),
        source: Text::new("the plugin's own thresholds", "插件自身的阈值"),
        fields: &FIELDS,
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some(r#"state == "warning""#),
        crit: Some(r#"state == "critical""#),
        example: r#"{ "run": ["/usr/lib/nagios/plugins/check_load", "-w", "5,4,3", "-c", "10,8,6"], "columns": { "load1": "number" } }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        vec![argv::probe("plugin", &params.run, params.as_root)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text_with("plugin", &[0, 1, 2])?;
        // What merely failed with 1 or 2 (sudo, an interpreter) says nothing on standard output, and was refused above as empty.
        let state = match seen.capture("plugin")?.ended {
            Ended::Exit { status: 0 } => "ok",
            Ended::Exit { status: 1 } => "warning",
            _ => "critical",
        };
        let (message, data) = split(&text);
        let data = data.iter().flat_map(|line| measures(line)).collect::<Result<Vec<_>, _>>()?;
        let mut row = Row::new()
            .text("state", state)
            .text("message", message)
            .list("perfdata", data.iter().map(|measure| format!("{}={}{}", measure.label, measure.number, measure.unit)));
        for (name, kind) in params.columns.iter() {
            let mut same = data.iter().filter(|measure| fold(&measure.label) == name);
            let measure = same.next().ok_or_else(|| Unreadable::new("perfdata", format!("there is no `{name}`: {text}")))?;
            if same.next().is_some() {
                return Err(Unreadable::new("perfdata", format!("there are two `{name}`: {text}")));
            }
            row.push(name.to_owned(), measure.value(name, kind)?);
        }
        Ok(Parsed::Rows(vec![row]))
    }

    fn fields(params: &Params) -> Cow<'static, [Field]> {
        Cow::Owned(FIELDS.into_iter().chain(params.columns.fields()).collect())
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        argv::validate(&params.run, params.as_root)?;
        params.columns.validate()?;
        match params.columns.iter().find(|(name, _)| FIELDS.iter().any(|field| field.name == *name)) {
            Some((name, _)) => {
                Err(ParamFault { key: "columns".to_owned(), message: format!("`{name}` is a field of every plugin already") })
            }
            None => Ok(()),
        }
    }
}

/// Message and lines of performance data: what follows `|` on the first line, and everything behind a `|` in the lines after it.
fn split(text: &str) -> (String, Vec<&str>) {
    let mut lines = text.lines();
    let (first, data) =
        lines.next().map_or(("", None), |line| line.split_once('|').map_or((line, None), |(text, data)| (text, Some(data))));
    let mut message = vec![first.trim()];
    let mut data: Vec<&str> = data.into_iter().collect();
    let mut in_data = false;
    for line in lines {
        match line.split_once('|') {
            _ if in_data => data.push(line),
            Some((text, rest)) => {
                message.push(text.trim());
                data.push(rest);
                in_data = true;
            }
            None => message.push(line.trim()),
        }
    }
    message.retain(|line| !line.is_empty());
    (message.join("\n"), data)
}

/// One `'label'=value[unit];warn;crit;min;max`.
struct Measure {
    label: String,
    number: String,
    unit: String,
}

fn measures(line: &str) -> Vec<Result<Measure, Unreadable>> {
    let mut found = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let Some((measure, after)) = measure(rest) else {
            found.push(Err(Unreadable::new("perfdata", rest)));
            break;
        };
        found.push(Ok(measure));
        rest = after.trim_start();
    }
    found
}

fn measure(text: &str) -> Option<(Measure, &str)> {
    let (label, after) = if let Some(quoted) = text.strip_prefix('\'') {
        // A quote inside is doubled.
        let mut end = 0;
        loop {
            end += quoted[end..].find('\'')?;
            if !quoted[end + 1..].starts_with('\'') {
                break;
            }
            end += 2;
        }
        (quoted[..end].replace("''", "'"), quoted[end + 1..].strip_prefix('=')?)
    } else {
        let (label, after) = text.split_once('=')?;
        (label.to_owned(), after)
    };
    let end = after.find(char::is_whitespace).unwrap_or(after.len());
    let (measured, after) = after.split_at(end);
    let value = measured.split(';').next()?;
    let unit_at = value.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(value.len());
    let (number, unit) = value.split_at(unit_at);
    let known = !label.is_empty() && (number.parse::<f64>().is_ok() || value == "U");
    known.then(|| (Measure { label, number: number.to_owned(), unit: unit.to_owned() }, after))
}

impl Measure {
    fn value(&self, name: &str, kind: ColumnType) -> Result<Value, Unreadable> {
        if self.number.is_empty() {
            // `U`: the plugin could not determine it.
            return Ok(Value::Null);
        }
        let fault = |fault: String| Unreadable::new("perfdata", fault);
        let wrong_unit = || fault(format!("`{name}` is in `{}`, which is no {kind:?}", self.unit));
        let number = || typed(name, ColumnType::Number, Some(&self.number), Tz::UTC).map_err(fault);
        let times = |factor: f64| Ok::<f64, Unreadable>(number()?.as_f64().unwrap_or(f64::NAN) * factor);
        let unit = self.unit.as_str();
        match kind {
            ColumnType::Number if matches!(unit, "" | "c") => number(),
            ColumnType::Percent if matches!(unit, "" | "%") => number(),
            // The plugins of the Monitoring Plugins project count KB and MB in steps of 1024.
            ColumnType::Bytes => {
                let power = match unit.trim_end_matches("iB").trim_end_matches('B') {
                    "" => 0,
                    "K" | "k" => 1,
                    "M" => 2,
                    "G" => 3,
                    "T" => 4,
                    "P" => 5,
                    _ => return Err(wrong_unit()),
                };
                Ok(Value::Number(times(1024_f64.powi(power))?))
            }
            ColumnType::Seconds | ColumnType::Duration => {
                let factor = match unit {
                    "s" => 1.0,
                    "ms" => 1e-3,
                    "us" => 1e-6,
                    "ns" => 1e-9,
                    "" if kind == ColumnType::Seconds => 1.0,
                    _ => return Err(wrong_unit()),
                };
                Ok(Value::Duration(times(factor)?))
            }
            ColumnType::Text => Ok(Value::Text(format!("{}{}", self.number, self.unit).into())),
            ColumnType::Timestamp | ColumnType::Boolean if unit.is_empty() => typed(name, kind, Some(&self.number), Tz::UTC).map_err(fault),
            _ => Err(wrong_unit()),
        }
    }
}

/// A label as a name of a field: `/var used` is `var_used`, `Load-1` is `load_1`.
fn fold(label: &str) -> String {
    label
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect::<String>()
        .trim_matches('_')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows, text};

    const LOAD: &str = NagiosPlugin::META.example;

    #[test]
    fn state_message_and_measures_are_read() {
        let row = &rows::<NagiosPlugin>(LOAD, "check_load-ok")[0];
        assert_eq!(text(row, "state"), "ok");
        assert!(text(row, "message").contains("load average"), "{row:?}");
        assert!(number(row, "load1") >= 0.0);
    }

    #[test]
    fn warning_and_critical_are_states() {
        assert_eq!(text(&rows::<NagiosPlugin>(r#"{ "run": ["x"] }"#, "check_disk-warning")[0], "state"), "warning");
        assert_eq!(text(&rows::<NagiosPlugin>(r#"{ "run": ["x"] }"#, "check_procs-critical")[0], "state"), "critical");
    }

    #[test]
    fn unknown_cannot_be_judged() {
        assert!(parse::<NagiosPlugin>(r#"{ "run": ["x"] }"#, "check_disk-unknown").is_err());
    }

    #[test]
    fn a_measure_that_is_not_there_is_an_error() {
        assert!(parse::<NagiosPlugin>(r#"{ "run": ["x"], "columns": { "load2": "number" } }"#, "check_load-ok").is_err());
    }

    #[test]
    fn labels_may_be_quoted_and_data_may_span_lines() {
        let (message, data) = split("DISK OK | /=5MB;;;0;10\nmore text\nlast | 'a b''c'=1.5s\nx=2%;80;90\n");
        assert_eq!(message, "DISK OK\nmore text\nlast");
        let measures: Vec<Measure> = data.iter().flat_map(|line| measures(line)).collect::<Result<_, _>>().unwrap();
        assert_eq!(measures.iter().map(|m| m.label.as_str()).collect::<Vec<_>>(), ["/", "a b'c", "x"]);
        assert_eq!(measures[1].value("x", ColumnType::Seconds), Ok(Value::Duration(1.5)));
        assert_eq!(measures[0].value("x", ColumnType::Bytes), Ok(Value::Number(5.0 * 1_048_576.0)));
        assert!(measures[2].value("x", ColumnType::Number).is_err(), "a percent is no plain number");
    }

    #[test]
    fn a_measure_that_the_plugin_could_not_take_is_null() {
        let (measure, _) = measure("load=U").unwrap();
        assert_eq!(measure.value("load", ColumnType::Number), Ok(Value::Null));
    }

    #[test]
    fn broken_measures_are_errors() {
        for line in ["load=", "'unfinished=1", "=1", "words"] {
            assert!(measures(line).iter().any(Result::is_err), "{line}");
        }
    }
}
