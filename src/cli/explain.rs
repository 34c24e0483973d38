//! `rounds explain`: what a check does, or which threshold wins on a target and why.

use clap::Args;

use super::exit::Exit;
use super::load;
use super::places::Places;
use crate::check::{Entry, RowsAre};
use crate::checks;
use crate::judge::{Candidate, Threshold};
use crate::model::Lang;
use crate::nearest::nearest;
use crate::playbook::{Narrow, Work};

/// Arguments of `rounds explain`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds explain disk-space\n  rounds explain disk-space --lang zh\n  rounds explain core-daily disk erp-db"
)]
pub struct ExplainArgs {
    /// Id of a check, or a playbook
    subject: String,
    /// With a playbook: the id of a line
    line: Option<String>,
    /// With a line: a target
    target: Option<String>,
    /// Language
    #[arg(long, default_value = "en", value_parser = ["en", "zh"])]
    lang: String,
}

/// Explains.
pub fn explain(args: &ExplainArgs, places: &Places) -> Exit {
    let lang = Lang::from_code(&args.lang).unwrap_or(Lang::En);
    match (&args.line, checks::find(&args.subject)) {
        (None, Some(entry)) => {
            print!("{}", manual(entry, lang));
            Exit::Fine
        }
        (None, None) => {
            let near = nearest(&args.subject, checks::CATALOGUE.iter().map(|entry| entry.meta.id));
            let hint = near.map_or_else(|| "`rounds checks` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
            eprintln!("rounds: there is no check `{}`; {hint}", args.subject);
            Exit::BadInput
        }
        (Some(line), _) => ladder(args, line, lang, places),
    }
}

/// The manual page of a check, in Markdown.
#[must_use]
pub fn manual(entry: &Entry, lang: Lang) -> String {
    let meta = entry.meta;
    let pick = |en: &'static str, zh: &'static str| if lang == Lang::En { en } else { zh };
    let kinds: Vec<&str> = meta.kinds.iter().map(|kind| kind.id()).collect();
    let mut text = format!("{} — {}\n\n{}\n\n", meta.id, meta.title.get(lang), meta.asks.get(lang));
    let mut say = |head: &str, body: &str| text.push_str(&format!("{head}: {body}\n"));
    say(pick("for", "适用目标"), &kinds.join(", "));
    say(pick("why", "意义"), meta.why.get(lang));
    say(pick("warn", "预警条件"), meta.warn.unwrap_or("never"));
    say(pick("crit", "异常条件"), meta.crit.unwrap_or("never"));
    say(pick("source of the thresholds", "阈值来源"), meta.source.get(lang));
    say(pick("advice", "整改建议"), meta.advice.get(lang));
    let rows = match (meta.key.is_empty(), meta.rows_are) {
        (true, _) => pick("one at most", "最多一行").to_owned(),
        (false, RowsAre::Things) => format!("{} {}", pick("things, by", "对象，按"), meta.key.join(", ")),
        (false, RowsAre::Problems) => format!("{} {}", pick("problems, by", "问题，按"), meta.key.join(", ")),
    };
    say(pick("rows", "数据行"), &rows);
    text.push_str(&format!("\n{}:\n", pick("fields", "字段")));
    for field in meta.fields {
        text.push_str(&format!(
            "  {:<18} {:<10} {}\n",
            field.name,
            format!("{:?}", field.field_type).to_lowercase(),
            field.label.get(lang)
        ));
    }
    let schema = entry.schema();
    if let Some(properties) =
        schema.get("properties").and_then(|properties| properties.as_object()).filter(|properties| !properties.is_empty())
    {
        text.push_str(&format!("\n{} (with):\n", pick("parameters", "参数")));
        for (name, property) in properties {
            let about = property.get("description").and_then(|about| about.as_str()).unwrap_or_default().replace('\n', " ");
            let default = property.get("default").map_or_else(String::new, |default| format!(" [{default}]"));
            text.push_str(&format!("  {name:<18} {about}{default}\n"));
        }
        text.push_str(&format!("\n{}: with: {}\n", pick("example", "示例"), meta.example));
    }
    text
}

/// The ladder of thresholds of a line on a target.
fn ladder(args: &ExplainArgs, line: &str, lang: Lang, places: &Places) -> Exit {
    let narrow = Narrow { targets: args.target.iter().cloned().collect(), lines: vec![line.to_owned()], ..Narrow::default() };
    let (loaded, plan) = load::plan(&places.site(), &args.subject, &narrow);
    loaded.show_faults();
    let Some(plan) = plan.filter(|_| !loaded.faults.any_error()) else { return Exit::BadInput };
    let mut shown = 0;
    for item in plan.items.iter().filter(|item| item.key.line == line) {
        shown += 1;
        println!("{} on {}: {}", item.key.line, item.key.target, item.texts.title.get(lang));
        match &item.work {
            Work::Check(check) => {
                println!("  with: {}", check.bound.params());
                show("crit", &check.rules.crit);
                show("warn", &check.rules.warn);
                for waiver in &check.rules.waivers {
                    println!(
                        "  waiver {}: up to {:?} until {}",
                        waiver.id,
                        waiver.accepts,
                        waiver.ends.with_timezone(&plan.timezone).format("%Y-%m-%d %H:%M")
                    );
                }
            }
            Work::Skip(reason) | Work::NotRun(reason) => println!("  {}", reason.text(lang)),
            _ => {}
        }
    }
    if shown == 0 {
        eprintln!(
            "rounds: `{}` has no line `{line}`{}",
            args.subject,
            args.target.as_ref().map_or_else(String::new, |target| format!(" on `{target}`"))
        );
        return Exit::BadInput;
    }
    Exit::Fine
}

/// One level of the ladder, the strongest first.
fn show(level: &str, candidates: &[Candidate]) {
    if candidates.is_empty() {
        println!("  {level}: never (nobody says otherwise)");
    }
    let mut decided = false;
    for candidate in candidates.iter().rev() {
        let rule = match &candidate.threshold {
            Threshold::Never => "never",
            Threshold::When(expression) => expression.source(),
        };
        let rows = candidate.rows.as_ref().map_or_else(String::new, |rows| format!(" for rows where {}", rows.source()));
        let role = match (decided, candidate.rows.is_some()) {
            (true, _) => "beaten",
            (false, true) => "wins there",
            (false, false) => "wins",
        };
        decided |= candidate.rows.is_none();
        println!("  {level}: {rule}{rows} — {role} ({})", candidate.origin);
    }
}
