//! How the output of a user's command becomes records: by regex, as a table, CSV, JSON or a single value.

use std::collections::BTreeMap;
use std::fmt;

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json_path::JsonPath;

use crate::check::ParamFault;
use crate::columns::Columns;

/// How output is read. One word (`number`, `csv`, `columns`), or a map with exactly one of `regex`, `csv`, `json`, or `columns` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Read {
    /// Every match is a row; its named groups are the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    regex: Option<String>,
    /// JSONPath to the rows; `columns` says where in a row each column is, `$.name` unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<String>,
    /// Comma-separated values with a head line; the separator, where it is no comma.
    #[serde(skip_serializing_if = "Option::is_none")]
    csv: Option<String>,
    /// The whole output is one value, of the one column.
    #[serde(skip_serializing_if = "is_false")]
    number: bool,
    /// Where each column is: a heading, its place counted from 1, or a JSONPath. Alone: a table with columns between spaces.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    columns: BTreeMap<String, String>,
    /// Whether a table has a head line.
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Read {
    /// Whether finding no row proves that there is none: a table that was read, not a pattern that did not match.
    pub(super) fn proves_absence(&self) -> bool {
        self.regex.is_none() && !self.number
    }

    fn place<'a>(&'a self, column: &'a str) -> &'a str {
        self.columns.get(column).map_or(column, String::as_str)
    }
}

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The keys of the map form.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Keys {
            regex: Option<String>,
            json: Option<String>,
            csv: Option<String>,
            #[serde(default)]
            number: bool,
            #[serde(default)]
            columns: BTreeMap<String, String>,
            header: Option<bool>,
        }
        struct WordOrMap;
        impl<'de> Visitor<'de> for WordOrMap {
            type Value = Read;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("`number`, `csv`, `columns`, or a map with `regex`, `json`, `csv` or `columns`")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Read, E> {
                match word {
                    "number" => Ok(Read { number: true, ..Read::default() }),
                    "csv" => Ok(Read { csv: Some(",".to_owned()), ..Read::default() }),
                    "columns" => Ok(Read::default()),
                    _ => Err(E::custom(format!("`{word}` is none of number, csv, columns"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Read, A::Error> {
                let Keys { regex, json, csv, number, columns, header } = Keys::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Read { regex, json, csv, number, columns, header })
            }
        }
        deserializer.deserialize_any(WordOrMap)
    }
}

/// Whether `read` says one way of reading, and can fill `columns`.
///
/// # Errors
/// Says what contradicts what.
pub(super) fn validate(read: &Read, columns: &Columns) -> Result<(), ParamFault> {
    let fault = |message: String| Err(ParamFault { key: "read".to_owned(), message });
    let ways = [read.regex.is_some(), read.json.is_some(), read.csv.is_some(), read.number];
    if ways.iter().filter(|way| **way).count() > 1 {
        return fault("say one of regex, json, csv, number".to_owned());
    }
    if let Some(name) = read.columns.keys().find(|name| columns.get(name).is_none()) {
        return fault(format!("`{name}` is no declared column"));
    }
    if let Some(pattern) = &read.regex {
        let regex = match compile(pattern) {
            Ok(regex) => regex,
            Err(error) => return fault(format!("the regex does not compile: {error}")),
        };
        let groups: Vec<String> = regex.capture_names().flatten().map(str::to_ascii_lowercase).collect();
        if let Some(group) = groups.iter().find(|group| columns.get(group).is_none()) {
            return fault(format!("the group `{group}` is no declared column"));
        }
        if let Some((name, _)) = columns.iter().find(|(name, _)| !groups.iter().any(|group| group == name)) {
            return fault(format!("the regex has no group (?P<{name}>…)"));
        }
    }
    if read.json.is_some() {
        for path in read.json.iter().chain(read.columns.values()) {
            if let Err(error) = JsonPath::parse(path) {
                return fault(format!("`{path}` is no JSONPath: {error}"));
            }
        }
    }
    if read.csv.as_ref().is_some_and(|separator| separator.len() != 1) {
        return fault("the separator of csv is one character, such as \";\"".to_owned());
    }
    if read.number && columns.iter().count() != 1 {
        return fault("`number` fills exactly one column".to_owned());
    }
    if read.header == Some(false) && columns.iter().any(|(name, _)| read.place(name).parse::<usize>().is_err()) {
        return fault("a table without a head line needs the place of each column, counted from 1".to_owned());
    }
    Ok(())
}

/// One text a declared column, in their order; `None` is a null of the command's own (JSON's null, a group that took no part).
pub(super) type Record = Vec<Option<String>>;

/// The records in `text`.
///
/// # Errors
/// When a line, a column or a value is not where it should be; nothing is left out.
pub(super) fn records(read: &Read, columns: &Columns, text: &str) -> Result<Vec<Record>, String> {
    if let Some(pattern) = &read.regex {
        return by_regex(pattern, columns, text);
    }
    if let Some(path) = &read.json {
        return by_json(path, read, columns, text);
    }
    if let Some(separator) = &read.csv {
        return by_csv(separator.as_bytes()[0], read, columns, text);
    }
    if read.number {
        return Ok(vec![vec![Some(text.trim().to_owned())]]);
    }
    by_table(read, columns, text)
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).multi_line(true).size_limit(1 << 20).build()
}

fn by_regex(pattern: &str, columns: &Columns, text: &str) -> Result<Vec<Record>, String> {
    let regex = compile(pattern).map_err(|error| error.to_string())?;
    let group_of = |name: &str| regex.capture_names().flatten().find(|group| group.eq_ignore_ascii_case(name));
    let groups: Vec<Option<&str>> = columns.iter().map(|(name, _)| group_of(name)).collect();
    let value = |found: &regex::Captures<'_>, group: Option<&str>| Some(found.name(group?)?.as_str().to_owned());
    Ok(regex.captures_iter(text).map(|found| groups.iter().map(|group| value(&found, *group)).collect()).collect())
}

fn by_json(path: &str, read: &Read, columns: &Columns, text: &str) -> Result<Vec<Record>, String> {
    let document: serde_json::Value = serde_json::from_str(text.trim()).map_err(|error| format!("no JSON: {error}"))?;
    let rows = JsonPath::parse(path).map_err(|error| error.to_string())?.query(&document).all();
    rows.into_iter().map(|row| columns.iter().map(|(name, _)| json_cell(row, name, read)).collect()).collect()
}

fn json_cell(row: &serde_json::Value, column: &str, read: &Read) -> Result<Option<String>, String> {
    let cell = match read.columns.get(column) {
        Some(path) => {
            let found = JsonPath::parse(path).map_err(|error| error.to_string())?.query(row).all();
            let [cell] = found[..] else { return Err(format!("`{path}` gives {} values for `{column}`, not one", found.len())) };
            cell
        }
        // Names of foreign keys are folded to lower case; a row that is a bare value is its only column.
        None => match row {
            serde_json::Value::Object(fields) => {
                let mut same = fields.iter().filter(|(key, _)| key.eq_ignore_ascii_case(column));
                let (_, cell) = same.next().ok_or_else(|| format!("a row has no `{column}`"))?;
                if same.next().is_some() {
                    return Err(format!("a row has `{column}` twice"));
                }
                cell
            }
            bare => bare,
        },
    };
    match cell {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text.clone())),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Ok(Some(cell.to_string())),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Err(format!("`{column}` is a list or an object, not a value")),
    }
}

fn by_csv(separator: u8, read: &Read, columns: &Columns, text: &str) -> Result<Vec<Record>, String> {
    let header = read.header != Some(false);
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(text.as_bytes());
    let lines: Vec<Vec<String>> = reader
        .records()
        .map(|record| record.map(|record| record.iter().map(str::to_owned).collect()).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    let (head, lines) = if header { lines.split_first().ok_or("no head line")? } else { (&Vec::new(), &lines[..]) };
    let places = places(head, read, columns)?;
    lines.iter().map(|line| pick(line, &places)).collect()
}

/// A table with columns between spaces. A heading may hold a space when it is named (`Mounted on`), the last column may always.
fn by_table(read: &Read, columns: &Columns, text: &str) -> Result<Vec<Record>, String> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut head: Vec<String> = Vec::new();
    if read.header != Some(false) {
        let mut line = lines.next().ok_or("no head line")?.to_owned();
        for (name, _) in columns.iter().filter(|(name, _)| read.place(name).contains(' ')) {
            let heading = read.place(name);
            // One word for the time of splitting.
            line = line.replace(heading, &heading.replace(' ', "\u{0}"));
        }
        head = line.split_whitespace().map(|word| word.replace('\u{0}', " ")).collect();
    }
    let places = places(&head, read, columns)?;
    // Columns that are counted do not need the headings to be as many as the words (`Mounted on`).
    let counted = columns.iter().all(|(name, _)| read.place(name).parse::<usize>().is_ok());
    let width = if counted { places.iter().max().map_or(0, |last| last + 1) } else { head.len() };
    lines
        .map(|line| {
            let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if words.len() > width && !counted {
                let last = words.split_off(width - 1).join(" ");
                words.push(last);
            }
            if words.len() < width {
                return Err(format!("a line has {} columns instead of {width}: {line}", words.len()));
            }
            pick(&words, &places)
        })
        .collect()
}

/// The index of each declared column.
fn places(head: &[String], read: &Read, columns: &Columns) -> Result<Vec<usize>, String> {
    columns
        .iter()
        .map(|(name, _)| {
            let place = read.place(name);
            if let Ok(number) = place.parse::<usize>() {
                return number.checked_sub(1).ok_or_else(|| "places are counted from 1".to_owned());
            }
            let mut same = head.iter().enumerate().filter(|(_, heading)| heading.trim().eq_ignore_ascii_case(place));
            let (index, _) = same.next().ok_or_else(|| format!("there is no column `{place}`, only {}", head.join(", ")))?;
            same.next().map_or(Ok(index), |_| Err(format!("there are two columns `{place}`")))
        })
        .collect()
}

fn pick(cells: &[String], places: &[usize]) -> Result<Record, String> {
    places.iter().map(|&place| cells.get(place).map(|cell| Some(cell.clone())).ok_or_else(|| format!("no column {}", place + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read_all(read: &str, columns: &str, text: &str) -> Result<Vec<Record>, String> {
        let (read, columns) = (serde_json::from_str(read).unwrap(), serde_json::from_str(columns).unwrap());
        validate(&read, &columns).unwrap();
        records(&read, &columns, text)
    }

    fn some(words: &[&str]) -> Record {
        words.iter().map(|&word| Some(word.to_owned())).collect()
    }

    #[test]
    fn every_match_of_a_regex_is_a_record() {
        let read = r#"{ "regex": "^(?P<Name>\\w+)=(?P<n>\\d+)?" }"#;
        let found = read_all(read, r#"{ "n": "number", "name": "text" }"#, "a=1\nb=\n").unwrap();
        assert_eq!(found, [some(&["1", "a"]), vec![None, Some("b".to_owned())]]);
    }

    #[test]
    fn json_rows_are_found_by_path_and_nulls_stay_nulls() {
        let text = r#"{ "cpu": [{ "PCT": 12.5, "id": 0, "note": null }, { "PCT": 3, "id": 1, "note": "x" }] }"#;
        let read = r#"{ "json": "$.cpu[*]", "columns": { "used": "$.PCT" } }"#;
        let found = read_all(read, r#"{ "id": "number", "used": "percent", "note": "text" }"#, text).unwrap();
        assert_eq!(found, [vec![Some("0".into()), Some("12.5".into()), None], some(&["1", "3", "x"])]);
        assert!(read_all(read, r#"{ "used": "percent", "gone": "text" }"#, text).unwrap_err().contains("no `gone`"));
        assert!(read_all(read, r#"{ "used": "percent" }"#, "not json").is_err());
    }

    #[test]
    fn csv_headings_are_folded_and_ragged_lines_refused() {
        let found = read_all(r#""csv""#, r#"{ "used": "number", "name": "text" }"#, "Name,USED\n\"a, b\",1\n").unwrap();
        assert_eq!(found, [some(&["1", "a, b"])]);
        assert!(read_all(r#""csv""#, r#"{ "used": "number" }"#, "name,used\na\n").is_err());
        assert_eq!(read_all(r#"{ "csv": ";" }"#, r#"{ "b": "number" }"#, "a;b\n1;2\n").unwrap(), [some(&["2"])]);
    }

    #[test]
    fn short_lines_of_a_table_are_refused_and_long_ones_end_in_the_last_column() {
        let columns = r#"{ "pid": "number", "cmd": "text" }"#;
        assert_eq!(read_all(r#""columns""#, columns, "PID CMD\n 1 sh -c x\n").unwrap(), [some(&["1", "sh -c x"])]);
        assert!(read_all(r#""columns""#, columns, "PID CMD\n 1\n").is_err());
        assert!(read_all(r#""columns""#, columns, "PID COMMAND\n 1 x\n").unwrap_err().contains("no column `cmd`"));
    }

    #[test]
    fn a_table_without_a_head_is_read_by_place() {
        let read = r#"{ "columns": { "n": "2" }, "header": false }"#;
        assert_eq!(read_all(read, r#"{ "n": "number" }"#, "a 1\nb 2\n").unwrap(), [some(&["1"]), some(&["2"])]);
        assert!(read_all(read, r#"{ "n": "number" }"#, "a 1\nb\n").is_err());
    }

    #[test]
    fn two_columns_of_one_name_are_told() {
        assert!(read_all(r#""columns""#, r#"{ "a": "number" }"#, "A a\n1 2\n").unwrap_err().contains("two columns"));
    }
}
