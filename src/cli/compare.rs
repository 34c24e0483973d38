//! `rounds compare`: what changed from one run to another, and whether that is a go.

use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::kept::{in_zone, load, open, print_json, short};
use super::places::Places;
use super::run::language_of_environment;
use super::summary::shown;
use super::table::table;
use crate::compare::{Changed, Comparison, Now, Place, compare};
use crate::model::unit::{Literal, parse};
use crate::model::untrusted::visible;
use crate::model::{FieldType, ItemRecord, Lang, Outcome, RunRecord, RunState, Text, Untrusted, Value};

/// Arguments of `rounds compare`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds compare 019a8c11 last\n  rounds compare 019a8c11 last --ignore uptime --allow disk-space.used_bytes=5%\n\nExit status: 0 go · 1 no-go: something is new, worse, not judged or no longer looked at · 3 bad input · 4 internal failure"
)]
pub(super) struct CompareArgs {
    /// The earlier run: its id, the beginning of it, or `last`
    earlier: String,
    /// The later run
    later: String,
    /// Leave out this check of the catalogue, or the line with this id
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    ignore: Vec<String>,
    /// A change of this value within this share is no change
    #[arg(long, value_name = "CHECK.FIELD=5%", value_parser = allowance, value_delimiter = ',')]
    allow: Vec<Allowance>,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Language [default: that of the environment]
    #[arg(long, value_parser = ["en", "zh"])]
    lang: Option<String>,
}

/// A change that is none.
#[derive(Clone, Debug, PartialEq)]
struct Allowance {
    check: String,
    field: String,
    within_pct: f64,
}

/// What became of something, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    New,
    Worse,
    NotJudged,
    NoLongerLookedAt,
    StillOpen,
    Solved,
    Changed,
    Appeared,
    Gone,
}

/// One line of the comparison.
#[derive(Serialize)]
struct Line {
    what: What,
    no_go: bool,
    target: String,
    #[serde(rename = "line")]
    item: String,
    row: Option<String>,
    before: String,
    after: String,
}

/// The comparison, for programs.
#[derive(Serialize)]
struct Report<'a> {
    earlier: &'a str,
    later: &'a str,
    go: bool,
    ignored_items: usize,
    lines: &'a [Line],
}

/// Compares.
pub(super) async fn run(args: CompareArgs, places: &Places) -> Exit {
    let store = match open(places).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let both = async { Ok::<_, Exit>((load(&store, &args.earlier).await?, load(&store, &args.later).await?)) }.await;
    store.close().await;
    let (earlier, later) = match both {
        Ok(both) => both,
        Err(exit) => return exit,
    };
    if earlier.head.id == later.head.id {
        eprintln!("rounds: both are the same run {}", short(&later.head.id));
        return Exit::BadInput;
    }
    let lang = args.lang.as_deref().and_then(Lang::from_code).unwrap_or_else(language_of_environment);
    for problem in doubts(&earlier, &later) {
        eprintln!("rounds: {problem}");
    }
    if !later.tally().balances() || !earlier.tally().balances() || later.state == RunState::Lost || earlier.state == RunState::Lost {
        eprintln!("rounds: a run that is lost or does not balance cannot be compared");
        return Exit::Internal;
    }
    let lines = lines(&earlier, &later, &args, lang);
    let ignored = later.items.iter().filter(|item| is_ignored(item, &args.ignore)).count();
    // Nothing left to look at is no go either.
    let looked_at = later.items.len() > ignored;
    let go = looked_at && later.state == RunState::Done && lines.iter().all(|line| !line.no_go);
    if args.json {
        let report = Report { earlier: &earlier.head.id, later: &later.head.id, go, ignored_items: ignored, lines: &lines };
        let printed = print_json(&report);
        return if printed == Exit::Fine { verdict(go) } else { printed };
    }
    print!("{}", for_people(&earlier, &later, &lines, lang));
    if ignored > 0 {
        println!("{ignored} {}", Text::new("items ignored", "项未参与比较").get(lang));
    }
    println!("{}", if go { Text::new("go", "可以放行") } else { Text::new("no-go", "不可放行") }.get(lang));
    verdict(go)
}

const fn verdict(go: bool) -> Exit {
    if go { Exit::Fine } else { Exit::Problems }
}

/// What makes the comparison less than it may look.
fn doubts(earlier: &RunRecord, later: &RunRecord) -> Vec<String> {
    let mut doubts = Vec::new();
    if earlier.head.playbook != later.head.playbook {
        let (before, after) = (visible(&earlier.head.playbook), visible(&later.head.playbook));
        doubts.push(format!("the runs are of two playbooks, {before} and {after}: items are told by line and target"));
    }
    if earlier.head.started > later.head.started {
        doubts.push(format!("{} began after {}: the earlier run comes first", short(&earlier.head.id), short(&later.head.id)));
    }
    if later.state != RunState::Done {
        doubts.push(format!("{} did not come to its end", short(&later.head.id)));
    }
    doubts
}

fn is_ignored(item: &ItemRecord, ignore: &[String]) -> bool {
    ignore.iter().any(|name| *name == item.check || *name == item.key.line)
}

fn lines(earlier: &RunRecord, later: &RunRecord, args: &CompareArgs, lang: Lang) -> Vec<Line> {
    let comparison: Comparison<'_> = compare(earlier, later);
    let counts = |place: &Place<'_>| !is_ignored(place.item, &args.ignore);
    let mut lines = Vec::new();
    for problem in comparison.new.iter().filter(|problem| counts(&problem.place)) {
        lines.push(line(What::New, !is_waived(&problem.place), &problem.place, "—".to_owned(), said(&problem.place, lang)));
    }
    for open in comparison.still_open.iter().filter(|open| counts(&open.before)) {
        let (what, no_go, after) = match open.now {
            Now::Shown(place) if place.outcome().severity() > open.before.outcome().severity() => {
                (What::Worse, !is_waived(&place), said(&place, lang))
            }
            Now::Shown(place) => (What::StillOpen, false, said(&place, lang)),
            Now::NotProved(item) => (What::NotJudged, true, outcome(item.outcome, lang)),
            Now::ThingGone(_) => (What::NoLongerLookedAt, true, Text::new("the row is gone", "该行已消失").get(lang).to_owned()),
            Now::NotPlanned => (What::NoLongerLookedAt, true, Text::new("not in the plan", "不在计划中").get(lang).to_owned()),
        };
        lines.push(line(what, no_go, &open.before, said(&open.before, lang), after));
    }
    // An item that was not judged stands once, whether it shows as a problem above or has only its outcome to say so.
    for item in later.items.iter().filter(|item| item.outcome.is_unjudged() && !is_ignored(item, &args.ignore)) {
        let place = Place { item, row: None };
        let known = lines.iter_mut().filter(|line| line.item == visible(&item.key.line) && line.target == visible(&item.key.target));
        let mut is_known = false;
        for line in known {
            is_known = true;
            line.no_go |= !item.is_waived();
        }
        if !is_known {
            lines.push(line(What::NotJudged, !item.is_waived(), &place, before(earlier, item, lang), said(&place, lang)));
        }
    }
    for problem in comparison.solved.iter().filter(|problem| counts(&problem.place)) {
        let now = Text::new("solved", "已解决").get(lang).to_owned();
        lines.push(line(What::Solved, false, &problem.place, said(&problem.place, lang), now));
    }
    for changed in comparison.changed.iter().filter(|changed| counts(&changed.place) && !is_allowed(changed, &args.allow)) {
        let value = |value: &Value| format!("{} {}", visible(changed.field), shown(value, field_type(changed)));
        lines.push(line(What::Changed, false, &changed.place, value(changed.before), value(changed.after)));
    }
    for place in comparison.appeared.iter().filter(|place| counts(place)) {
        lines.push(line(What::Appeared, false, place, "—".to_owned(), said(place, lang)));
    }
    for place in comparison.gone.iter().filter(|place| counts(place)) {
        // A row that is gone is a warning of its own in the later run; an item that is gone would be silence.
        let what = if place.row.is_none() { What::NoLongerLookedAt } else { What::Gone };
        let now = Text::new("gone", "已消失").get(lang).to_owned();
        lines.push(line(what, place.row.is_none(), place, said(place, lang), now));
    }
    lines
}

fn line(what: What, no_go: bool, place: &Place<'_>, before: String, after: String) -> Line {
    let row = place.row.and_then(|row| row.key.as_ref()).map(Untrusted::visible);
    Line { what, no_go, target: visible(&place.item.key.target), item: visible(&place.item.key.line), row, before, after }
}

fn before(earlier: &RunRecord, item: &ItemRecord, lang: Lang) -> String {
    earlier.items.iter().find(|before| before.key == item.key).map_or_else(|| "—".to_owned(), |before| outcome(before.outcome, lang))
}

fn is_waived(place: &Place<'_>) -> bool {
    place.row.map_or_else(|| place.item.is_waived(), crate::model::RowRecord::is_waived)
}

fn outcome(outcome: Outcome, lang: Lang) -> String {
    outcome.label().get(lang).to_owned()
}

/// How a place ended, with what was measured or why it could not be.
fn said(place: &Place<'_>, lang: Lang) -> String {
    let mut text = outcome(place.outcome(), lang);
    let reason = place.row.and_then(|row| row.reason.as_ref()).or(place.item.reason.as_ref());
    if let Some(reason) = reason {
        let _ = write!(text, ": {}", visible(&reason.text(lang)));
    } else if let Some(row) = place.row {
        for name in &row.measures {
            let field = place.item.fields.iter().find(|field| field.name == *name).map(|field| field.field_type);
            if let Some(value) = row.row.get(name) {
                let _ = write!(text, " {} {}", visible(name), shown(value, field));
            }
        }
    }
    if is_waived(place) {
        text.push_str(Text::new(" (waived)", "（已豁免）").get(lang));
    }
    text
}

fn field_type(changed: &Changed<'_>) -> Option<FieldType> {
    changed.place.item.fields.iter().find(|field| field.name == changed.field).map(|field| field.field_type)
}

fn is_allowed(changed: &Changed<'_>, allow: &[Allowance]) -> bool {
    let (Some(before), Some(after)) = (changed.before.as_f64(), changed.after.as_f64()) else { return false };
    let item = changed.place.item;
    allow.iter().any(|allowed| {
        (allowed.check == item.check || allowed.check == item.key.line)
            && allowed.field == changed.field
            && (after - before).abs() <= before.abs() * allowed.within_pct / 100.0
    })
}

fn for_people(earlier: &RunRecord, later: &RunRecord, lines: &[Line], lang: Lang) -> String {
    let mut text = String::new();
    for (word, run) in [(Text::new("earlier", "之前"), earlier), (Text::new("later", "之后"), later)] {
        let (head, when) = (&run.head, in_zone(run.head.started, &run.head.timezone));
        let _ = writeln!(text, "{} {} · {} · {when}", word.get(lang), short(&head.id), visible(&head.playbook));
    }
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|line| {
            let mark = if line.no_go { "✗" } else { " " };
            let target = if line.target.is_empty() { "—".to_owned() } else { line.target.clone() };
            let row = line.row.clone().unwrap_or_default();
            vec![format!("{mark} {}", line.what.text().get(lang)), target, line.item.clone(), row, line.before.clone(), line.after.clone()]
        })
        .collect();
    if rows.is_empty() {
        text.push_str(Text::new("nothing changed\n", "没有变化\n").get(lang));
        return text;
    }
    let head = match lang {
        Lang::En => ["  WHAT", "TARGET", "LINE", "ROW", "BEFORE", "AFTER"],
        Lang::Zh => ["  变化", "目标", "检查项", "行", "之前", "之后"],
    };
    text.push_str(&table(&head, &rows, &[]));
    text
}

impl What {
    const fn text(self) -> Text {
        match self {
            Self::New => Text::new("new", "新增"),
            Self::Worse => Text::new("worse", "恶化"),
            Self::NotJudged => Text::new("not judged", "未判断"),
            Self::NoLongerLookedAt => Text::new("no longer looked at", "不再检查"),
            Self::StillOpen => Text::new("still open", "仍存在"),
            Self::Solved => Text::new("solved", "已解决"),
            Self::Changed => Text::new("changed", "变化"),
            Self::Appeared => Text::new("appeared", "出现"),
            Self::Gone => Text::new("gone", "消失"),
        }
    }
}

/// `CHECK.FIELD=5%`.
fn allowance(text: &str) -> Result<Allowance, String> {
    let form = || "write CHECK.FIELD=5%, such as disk-space.used_bytes=5%".to_owned();
    let (place, share) = text.split_once('=').ok_or_else(form)?;
    let (check, field) = place.rsplit_once('.').ok_or_else(form)?;
    match parse(share) {
        Ok(Literal::Percent(within_pct)) if within_pct >= 0.0 => {
            Ok(Allowance { check: check.to_owned(), field: field.to_owned(), within_pct })
        }
        _ => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_names_check_field_and_share() {
        let read = allowance("disk-space.used_bytes=5%").unwrap();
        assert_eq!(read, Allowance { check: "disk-space".to_owned(), field: "used_bytes".to_owned(), within_pct: 5.0 });
        for slip in ["disk-space=5%", "disk-space.used_bytes=5", "disk-space.used_bytes", "a.b=-5%"] {
            assert!(allowance(slip).is_err(), "{slip}");
        }
    }
}
