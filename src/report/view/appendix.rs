//! Section 9: thresholds with their source, raw values, commands, waivers, and how the grade is made.

use std::collections::BTreeMap;

use serde::Serialize;

use super::context::Context;
use super::status::Status;
use crate::checks::find;
use crate::model::{ItemRecord, Outcome, Value};
use crate::report::found::{Found, problems, unjudged};

/// Raw values that paper can carry; JSON and CSV hold them all.
const RAW: usize = 400;

/// Section 9.
#[derive(Clone, Debug, Serialize)]
pub struct Appendix {
    /// Waivers that lapsed or end soon.
    pub waivers: Vec<WaiverLine>,
    /// Thresholds.
    pub thresholds: Vec<ThresholdLine>,
    /// Raw values of problems and of what could not be judged.
    pub values: Vec<RawLine>,
    /// How many more there are, in words.
    pub values_more: Option<String>,
    /// Commands and captures of the items with problems.
    pub commands: Vec<CommandLine>,
    /// What to say when no command is on record.
    pub commands_note: Option<String>,
    /// How grade and score are made.
    pub grading: String,
    /// How many characters of targets' answers cannot be seen and are shown as codes; absent when none.
    pub codes_note: Option<String>,
    /// How many characters the drawing replaced; a renderer fills it in.
    pub fonts_note: Option<String>,
}

/// A waiver.
#[derive(Clone, Debug, Serialize)]
pub struct WaiverLine {
    /// Its id.
    pub id: String,
    /// Lapsed or not.
    pub state: Status,
    /// Why it was granted.
    pub reason: String,
    /// Who approved it.
    pub approved_by: String,
    /// When it ends.
    pub ends: String,
    /// How many rows it covered.
    pub covered: usize,
}

/// One threshold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ThresholdLine {
    /// Title of the item.
    pub item: String,
    /// The expression.
    pub rule: String,
    /// Where it is written.
    pub origin: String,
    /// Where its figures come from, for those of the catalogue.
    pub source: String,
    /// How many items it applies to.
    pub count: usize,
}

/// Raw values of a row.
#[derive(Clone, Debug, Serialize)]
pub struct RawLine {
    /// Target and row.
    pub object: String,
    /// Title of the item.
    pub item: String,
    /// `name=value` of every field.
    pub values: String,
}

/// What was asked, and the hashes of the answers.
#[derive(Clone, Debug, Serialize)]
pub struct CommandLine {
    /// Target.
    pub object: String,
    /// Title of the item.
    pub item: String,
    /// Commands; empty when not on record.
    pub commands: Vec<String>,
    /// `probe sha256`.
    pub captures: Vec<String>,
}

pub(super) fn appendix(context: &Context<'_>) -> Appendix {
    let format = context.format;
    let mut shown = problems(context.run);
    shown.extend(unjudged(context.run).into_iter().filter(|found| found.item.outcome == Outcome::Error || found.row.is_some()));
    let with_rows: Vec<&Found<'_>> = shown.iter().filter(|found| found.row.is_some()).collect();
    let more = with_rows.len().saturating_sub(RAW);
    let commands = commands(context, &shown);
    Appendix {
        waivers: waivers(context),
        thresholds: thresholds(context),
        values: with_rows.into_iter().take(RAW).map(|found| raw_line(context, found)).collect(),
        values_more: (more > 0).then(|| {
            let count = format.count(more);
            format.pick(format!("{count} more rows: see CSV or JSON."), format!("其余 {count} 行见 CSV 或 JSON。"))
        }),
        commands_note: commands.iter().all(|line| line.commands.is_empty()).then(|| context.words.no_commands.to_owned()),
        commands,
        grading: grading(context),
        codes_note: codes_note(context),
        fonts_note: None,
    }
}

fn waivers(context: &Context<'_>) -> Vec<WaiverLine> {
    let format = context.format;
    context
        .run
        .head
        .waivers
        .iter()
        .map(|waiver| WaiverLine {
            id: waiver.id.clone(),
            state: if waiver.ends <= context.now() {
                Status::plain("crit", format.pick("Lapsed", "已到期"))
            } else {
                Status::plain("warn", format.pick("Ends soon", "即将到期"))
            },
            reason: waiver.reason.get(format.lang).to_owned(),
            approved_by: context.person(&waiver.approved_by),
            ends: format.date(waiver.ends),
            covered: waiver.covered,
        })
        .collect()
}

fn thresholds(context: &Context<'_>) -> Vec<ThresholdLine> {
    let lang = context.format.lang;
    let mut counted: BTreeMap<(String, &str, &str, &str), usize> = BTreeMap::new();
    for item in &context.run.items {
        // A rule that won for a single row (an override) counts beside those that hold for most rows.
        let mut rules: Vec<(&str, &str)> =
            item.thresholds.iter().map(|standard| (standard.rule.source.as_str(), standard.rule.origin.as_str())).collect();
        rules.extend(item.rows.iter().filter_map(|row| row.rule.as_ref()).map(|rule| (rule.source.as_str(), rule.origin.as_str())));
        rules.sort_unstable();
        rules.dedup();
        for (source, origin) in rules {
            *counted.entry((context.title(item), source, origin, item.check.as_str())).or_default() += 1;
        }
    }
    counted
        .into_iter()
        .map(|((item, rule, origin, check), count)| ThresholdLine {
            item,
            rule: rule.to_owned(),
            origin: context.origin(origin),
            source: if origin == "catalogue" {
                find(check).map_or("—", |entry| entry.meta.source.get(lang)).to_owned()
            } else {
                context.words.playbook.to_owned()
            },
            count,
        })
        .collect()
}

fn raw_line(context: &Context<'_>, found: &Found<'_>) -> RawLine {
    let values = found.row.map(|row| row.row.iter().map(|(name, value)| format!("{name}={}", raw(value))).collect::<Vec<_>>());
    RawLine {
        object: context.object(found.item, found.row),
        item: context.title(found.item),
        values: context.format.clip(&values.unwrap_or_default().join("  ")),
    }
}

/// A value as it was measured: no unit made of it, no language.
fn raw(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(yes) => yes.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.visible(),
        Value::Duration(seconds) => format!("{seconds}s"),
        Value::Timestamp(at) => at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        Value::List(texts) => format!("[{}]", texts.iter().map(crate::model::Untrusted::visible).collect::<Vec<_>>().join(", ")),
    }
}

fn commands(context: &Context<'_>, shown: &[Found<'_>]) -> Vec<CommandLine> {
    let mut items: Vec<&ItemRecord> = Vec::new();
    for found in shown {
        if !items.iter().rev().take(8).any(|item| item.key == found.item.key) {
            items.push(found.item);
        }
    }
    items
        .into_iter()
        .filter_map(|item| {
            let commands: Vec<String> =
                context.source.history.commands(&item.key).into_iter().map(|(probe, command)| format!("{probe}: {command}")).collect();
            let captures: Vec<String> = item.captures.iter().map(|(probe, hash)| format!("{probe} {hash}")).collect();
            (!commands.is_empty() || !captures.is_empty()).then(|| CommandLine {
                object: context.object(item, None),
                item: context.title(item),
                commands: commands.iter().map(|command| context.format.clip(&crate::model::untrusted::visible(command))).collect(),
                captures,
            })
        })
        .take(RAW)
        .collect()
}

fn grading(context: &Context<'_>) -> String {
    context
        .format
        .pick(
            "Each planned item that was not deliberately left out counts one point when ok, half a point when it warns, and nothing when it is critical or \
             could not be checked; the score is their share of 100, rounded down. Excellent from 95, Good from 85, Fair from 70, below that Needs \
             attention. An open critical problem, or coverage below 50 %, allows no more than Needs attention (69); coverage below 95 % no more than Fair \
             (84). A run that planned or judged nothing, or is not whole, is not graded. Waived problems cost no points and are listed apart.",
            "除明确跳过的以外，每个计划巡检项：正常计 1 分，预警计 0.5 分，异常或未能检查计 0 分；评分为得分占比折合百分制，向下取整。95 分及以上为优秀，85 分及以上为良好，70 分及以上为一般，\
             70 分以下为需关注。存在未处理的异常，或覆盖率低于 50%，最高为需关注（69 分）；覆盖率低于 95%，最高为一般（84 分）。计划为空、没有任何结论或不完整的巡检不评级。已豁免的问题不扣分，单独列出。",
        )
        .to_owned()
}

/// Counts characters of targets' answers that cannot be seen: each value of each row once, wherever it is shown.
fn codes_note(context: &Context<'_>) -> Option<String> {
    let count: usize = context
        .run
        .items
        .iter()
        .flat_map(|item| &item.rows)
        .flat_map(|row| row.row.iter().map(|(_, value)| value).map(coded).chain(row.key.iter().map(|key| coded_in(key.raw()))))
        .sum();
    let format = context.format;
    (count > 0).then(|| {
        let count = format.count(count);
        format.pick(
            format!("{count} characters in answers of targets cannot be seen (controls, line ends, directions) and are shown as codes such as \\x1b or U+202E."),
            format!("目标返回的内容中有 {count} 个不可见字符（控制符、换行、方向控制符等），以 \\x1b、U+202E 等代码显示。"),
        )
    })
}

fn coded(value: &Value) -> usize {
    match value {
        Value::Text(text) => coded_in(text.raw()),
        Value::List(texts) => texts.iter().map(|text| coded_in(text.raw())).sum(),
        _ => 0,
    }
}

fn coded_in(text: &str) -> usize {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return 0;
    }
    text.chars()
        .filter(|c| {
            let mut bytes = [0; 4];
            let alone: &str = c.encode_utf8(&mut bytes);
            crate::model::untrusted::visible(alone) != alone
        })
        .count()
}
