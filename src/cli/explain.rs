//! `rounds explain`: what a check does, or which threshold wins on a target and why.

use clap::Args;

use super::exit::Exit;
use super::places::Places;
use super::{load, manual};
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
pub(super) struct ExplainArgs {
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
pub(super) fn explain(args: &ExplainArgs, places: &Places) -> Exit {
    let lang = Lang::from_code(&args.lang).unwrap_or(Lang::En);
    match (&args.line, checks::find(&args.subject)) {
        (None, Some(entry)) => {
            print!("{}", manual::page(entry, lang));
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
