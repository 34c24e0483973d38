//! The manual of the catalogue, made from what each check says of itself: a page for the terminal, and the whole as Markdown.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::check::{Class, Entry, RowsAre};
use crate::checks;
use crate::model::probe::Ask;
use crate::model::{FieldType, Kind, Lang, Target, Text};

/// A parameter of a check, as its schema describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameter {
    /// Its key under `with:`.
    pub(super) name: String,
    /// What it is.
    pub(super) about: String,
    /// Its default as JSON; `None` where it has to be given.
    pub(super) default: Option<String>,
}

/// The parameters of a check, in the order in which it declares them.
#[must_use]
pub(super) fn parameters(entry: &Entry) -> Vec<Parameter> {
    let schema = entry.schema();
    let required: Vec<&str> = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    let one = |(name, property): (&String, &Value)| {
        let default = property.get("default").map_or_else(|| "null".to_owned(), Value::to_string);
        Parameter {
            name: name.clone(),
            about: property.get("description").and_then(Value::as_str).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" "),
            default: (!required.contains(&name.as_str())).then_some(default),
        }
    };
    properties.into_iter().flatten().map(one).collect()
}

/// What a check needs beyond logging in: commands as root, rights in a database; each with what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    /// Commands run as root, as sudoers wants them.
    pub(super) commands: BTreeSet<String>,
    /// GRANT statements by the word of their dialect.
    pub(super) grants: BTreeSet<(&'static str, &'static str)>,
}

/// The rights that a check needs with the parameters of its example.
#[must_use]
pub(super) fn rights(entry: &Entry) -> Rights {
    let mut rights = Rights::default();
    let example = serde_json::from_str(entry.meta.example).unwrap_or_default();
    let Ok(bound) = entry.bind(example) else { return rights };
    for kind in entry.meta.kinds {
        for probe in bound.probes(&Target::new("example", *kind)) {
            match probe.ask {
                Ask::Shell(shell) => rights.commands.extend(shell.privileged.iter().map(ToString::to_string)),
                Ask::Sql(sql) => {
                    let of = sql.variants.iter().flat_map(|variant| variant.grants.iter().map(|grant| (variant.dialect.id(), *grant)));
                    rights.grants.extend(of);
                }
                Ask::Net(_) => {}
            }
        }
    }
    rights
}

/// The page of a check for a terminal.
#[must_use]
pub(super) fn page(entry: &Entry, lang: Lang) -> String {
    let meta = entry.meta;
    let pick = |en, zh| Text::new(en, zh).get(lang);
    let mut text = format!("{} — {}\n\n{}\n\n", meta.id, meta.title.get(lang), meta.asks.get(lang));
    for (head, body) in facts(entry, lang) {
        let _ = writeln!(text, "{head}: {body}");
    }
    if !meta.fields.is_empty() {
        let _ = write!(text, "\n{}:\n", pick("fields", "字段"));
    }
    for field in meta.fields {
        let _ = writeln!(text, "  {:<18} {:<10} {}", field.name, type_word(field.field_type), field.label.get(lang));
    }
    let parameters = parameters(entry);
    if !parameters.is_empty() {
        let _ = write!(text, "\n{} (with):\n", pick("parameters", "参数"));
        for parameter in parameters {
            let default = parameter.default.map_or_else(|| pick("required", "必填").to_owned(), |default| default);
            let _ = writeln!(text, "  {:<18} {} [{default}]", parameter.name, parameter.about);
        }
        let _ = write!(text, "\n{}: with: {}\n", pick("example", "示例"), one_line(meta.example));
    }
    let rights = rights(entry);
    for command in &rights.commands {
        let _ = write!(text, "\n{}: {command}", pick("as root (see `rounds sudoers`)", "需 root 权限（见 `rounds sudoers`）"));
    }
    for (dialect, grant) in &rights.grants {
        let _ = write!(text, "\n{} ({dialect}): {grant}", pick("right (see `rounds grants`)", "所需授权（见 `rounds grants`）"));
    }
    if !rights.commands.is_empty() || !rights.grants.is_empty() {
        text.push('\n');
    }
    text
}

/// What is said of a check in a line each.
fn facts(entry: &Entry, lang: Lang) -> Vec<(&'static str, String)> {
    let meta = entry.meta;
    let pick = |en, zh| Text::new(en, zh).get(lang);
    let kinds: Vec<&str> = meta.kinds.iter().map(|kind| Kind::id(*kind)).collect();
    vec![
        (pick("for", "适用目标"), kinds.join(", ")),
        (pick("why", "意义"), meta.why.get(lang).to_owned()),
        (pick("warn", "预警条件"), meta.warn.unwrap_or("never").to_owned()),
        (pick("crit", "异常条件"), meta.crit.unwrap_or("never").to_owned()),
        (pick("source of the thresholds", "阈值来源"), meta.source.get(lang).to_owned()),
        (pick("advice", "整改建议"), meta.advice.get(lang).to_owned()),
        (pick("rows", "数据行"), rows(entry, lang)),
    ]
}

fn rows(entry: &Entry, lang: Lang) -> String {
    let meta = entry.meta;
    let pick = |en, zh| Text::new(en, zh).get(lang);
    if meta.fields.is_empty() {
        return pick("as the playbook declares them under `columns:` and `key:`", "由剧本中的 `columns:` 与 `key:` 声明").to_owned();
    }
    if meta.key.is_empty() {
        return pick("one at most", "最多一行").to_owned();
    }
    let key = meta.key.join(", ");
    match meta.rows_are {
        RowsAre::Things => format!("{} {key}", pick("things that should be there, by", "应存在的对象，按")),
        RowsAre::Problems => format!("{} {key}", pick("problems, by", "问题，按")),
    }
}

const fn type_word(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "text",
        FieldType::Number => "number",
        FieldType::Percent => "percent",
        FieldType::Bytes => "bytes",
        FieldType::Duration => "duration",
        FieldType::Timestamp => "timestamp",
        FieldType::Boolean => "boolean",
        FieldType::List => "list",
    }
}

/// The whole manual in Markdown: what `playbooks/CHECKS.md` holds.
#[must_use]
pub(super) fn markdown(lang: Lang) -> String {
    let pick = |en, zh| Text::new(en, zh).get(lang);
    let mut text = format!("# {}\n\n", pick("Checks", "检查项目录"));
    let command = if lang == Lang::En { "rounds checks --markdown" } else { "rounds checks --markdown --lang zh" };
    let _ = writeln!(text, "<!-- {} `{command}` -->\n", pick("Made by", "由以下命令生成："));
    text.push_str(pick(
        "What each check asks, why, when it warns, and what it needs. A line of a playbook that says nothing more than `check: ID` is\n\
         complete: thresholds and parameters have the defaults given here.\n",
        "每个检查项询问什么、为什么、何时告警、需要什么权限。剧本中只写 `check: ID` 即可使用：阈值与参数均有下列默认值。\n",
    ));
    for class in Class::ALL {
        let entries: Vec<&Entry> = checks::CATALOGUE.iter().filter(|entry| entry.meta.class == class).collect();
        if entries.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {}\n", class.label().get(lang));
        for entry in entries {
            write_entry(&mut text, entry, lang);
        }
    }
    text
}

fn write_entry(text: &mut String, entry: &Entry, lang: Lang) {
    let meta = entry.meta;
    let pick = |en, zh| Text::new(en, zh).get(lang);
    let _ = write!(text, "\n### {} — {}\n\n{}\n\n", meta.id, meta.title.get(lang), meta.asks.get(lang));
    for (head, body) in facts(entry, lang) {
        let is_rule = head == pick("warn", "预警条件") || head == pick("crit", "异常条件");
        let body = if is_rule && body != "never" { format!("`{body}`") } else { body };
        let _ = writeln!(text, "- **{head}**: {body}");
    }
    if !meta.fields.is_empty() {
        let _ =
            write!(text, "\n| {} | {} | {} |\n| --- | --- | --- |\n", pick("field", "字段"), pick("type", "类型"), pick("meaning", "含义"));
        for field in meta.fields {
            let _ = writeln!(text, "| `{}` | {} | {} |", field.name, type_word(field.field_type), cell(field.label.get(lang)));
        }
    }
    let parameters = parameters(entry);
    if !parameters.is_empty() {
        let _ = write!(
            text,
            "\n| {} | {} | {} |\n| --- | --- | --- |\n",
            pick("parameter", "参数"),
            pick("default", "默认值"),
            pick("meaning", "含义")
        );
        for parameter in parameters {
            let default = parameter.default.map_or_else(|| pick("required", "必填").to_owned(), |default| format!("`{}`", cell(&default)));
            let _ = writeln!(text, "| `{}` | {default} | {} |", parameter.name, cell(&parameter.about));
        }
    }
    let rights = rights(entry);
    if !rights.commands.is_empty() {
        let _ = write!(text, "\n{}\n\n", pick("As root, with the parameters of the example:", "需 root 权限（按示例参数）："));
        for command in &rights.commands {
            let _ = writeln!(text, "- `{command}`");
        }
    }
    if !rights.grants.is_empty() {
        let _ = write!(text, "\n{}\n\n", pick("Rights of the account:", "账号所需授权："));
        for (dialect, grant) in &rights.grants {
            let _ = writeln!(text, "- {dialect}: `{grant}`");
        }
    }
    let with = if one_line(meta.example) == "{}" { String::new() } else { format!(", with: {}", one_line(meta.example)) };
    let _ = write!(text, "\n```yaml\nchecks:\n  - {{ id: {id}, check: {id}{with} }}\n```\n", id = meta.id);
}

/// JSON on one line, with the spaces that it has inside of texts.
fn one_line(json: &str) -> String {
    json.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Text as it may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn committed(name: &str, lang: Lang) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let command = format!("cargo run -- checks --markdown --lang {} > playbooks/{name}", lang.code());
        assert!(text == markdown(lang), "{} is stale; make it with `{command}`", path.display());
    }

    #[test]
    fn the_committed_manual_is_that_of_the_catalogue() {
        committed("CHECKS.md", Lang::En);
        committed("CHECKS.zh.md", Lang::Zh);
    }

    #[test]
    fn every_check_has_a_page_in_both_languages() {
        for entry in checks::CATALOGUE {
            for lang in Lang::ALL {
                let page = page(entry, lang);
                assert!(page.contains(entry.meta.asks.get(lang)) && page.contains(entry.meta.source.get(lang)), "{page}");
            }
        }
    }

    #[test]
    fn every_example_is_a_line_that_binds_and_can_stand_in_a_playbook() {
        use crate::yaml::{Faults, FileId, parse};
        for entry in checks::CATALOGUE {
            let mut text = String::new();
            write_entry(&mut text, entry, Lang::En);
            let yaml = text.split_once("```yaml\n").unwrap().1.trim_end_matches("```\n");
            let mut faults = Faults::default();
            assert!(parse(FileId(0), yaml, &mut faults).is_some() && !faults.any_error(), "{}: {faults:?}", entry.meta.id);
            assert!(entry.bind(serde_json::from_str(entry.meta.example).unwrap()).is_ok(), "{}", entry.meta.id);
        }
    }
}
