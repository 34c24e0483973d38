//! `rounds plan`: every command and statement of a run, per target. Nothing is run.

use std::collections::BTreeSet;

use clap::Args;

use super::exit::Exit;
use super::load;
use super::places::Places;
use crate::model::probe::Ask;
use crate::model::{Lang, Outcome};
use crate::playbook::{Narrow, Plan, PlannedItem, Work};

/// Arguments of `rounds plan`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds plan linux-daily\n  rounds plan core-daily.yaml --target erp-db\n  rounds plan core-daily --items"
)]
pub(super) struct PlanArgs {
    /// Playbook: a file, or the id of one of the site or of one that ships
    playbook: String,
    /// Only these targets, groups or systems
    #[arg(long, short = 't', value_name = "NAME")]
    target: Vec<String>,
    /// Only these checks, by the id of their line
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Only the list of items, without what is sent
    #[arg(long)]
    items: bool,
}

/// Prints the plan.
pub(super) fn plan(args: &PlanArgs, places: &Places) -> Exit {
    let narrow = Narrow { targets: args.target.clone(), lines: args.only.clone(), ..Narrow::default() };
    let (loaded, plan) = load::plan(&places.site(), &args.playbook, &narrow);
    loaded.show_faults();
    let Some(plan) = plan.filter(|_| !loaded.faults.any_error()) else { return Exit::BadInput };
    println!("{} · {} targets · {} items · times in {}", plan.title.get(Lang::En), plan.targets.len(), plan.items.len(), plan.timezone);
    for target in &plan.targets {
        let login = target.login.as_ref().map_or_else(String::new, |login| format!(" as {}", login.user.as_deref().unwrap_or(&login.id)));
        let via = if target.via.is_empty() { String::new() } else { format!(" via {}", target.via.join(", ")) };
        println!("\n{} · {} · {}{login}{via}", target.id, target.kind.id(), target.place());
        let own: Vec<&PlannedItem> = plan.items.iter().filter(|item| item.target.as_ref().is_some_and(|own| own.id == target.id)).collect();
        for item in own {
            show_item(item, args.items);
        }
    }
    show_across(&plan);
    Exit::Fine
}

fn show_item(item: &PlannedItem, names_only: bool) {
    let line = &item.key.line;
    match &item.work {
        Work::Reachable { .. } => println!("  {line}: one session, for all of the below"),
        Work::Skip(reason) => println!("  {line}: skipped, {}", reason.text(Lang::En)),
        Work::NotRun(reason) => println!("  {line}: not run, {}", reason.text(Lang::En)),
        Work::Trend { of, history, .. } => {
            println!("  {line}: from the record of `{}`, {} days of it", of.line, history.as_secs() / 86_400)
        }
        Work::Across { .. } | Work::Person { .. } => {}
        Work::Check(check) => {
            println!("  {line} ({})", item.texts.check);
            if names_only {
                return;
            }
            let mut privileged = BTreeSet::new();
            for probe in &check.probes {
                let limit = probe.limit.unwrap_or(check.limit).as_secs_f64();
                println!("    · {} (at most {})", probe.name, crate::model::unit::show_duration(limit));
                for text in probe.text().lines() {
                    println!("      {}", crate::model::untrusted::visible(text));
                }
                if let Ask::Shell(shell) = &probe.ask {
                    privileged.extend(shell.privileged.iter().cloned());
                }
            }
            for command in privileged {
                println!("    · as root: {command}");
            }
            for standard in &item.texts.thresholds {
                println!("    · {}: {} ({})", Outcome::from(standard.level).id(), standard.rule.source, standard.rule.origin);
            }
        }
    }
}

fn show_across(plan: &Plan) {
    for item in plan.items.iter().filter(|item| item.target.is_none()) {
        match &item.work {
            Work::Across { members, .. } => println!("\n{}: over {} items", item.key.line, members.len()),
            Work::Person { who } => println!("\n{}: {who} is asked", item.key.line),
            _ => {}
        }
    }
}
