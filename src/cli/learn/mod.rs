//! `rounds learn`: looks at a target once and writes a playbook that states the present as expectation.
//!
//! Facts (mounts, versions, settings, accounts, files, ports) are pinned as they are; what moves by itself keeps the
//! thresholds of the catalogue. What could not be looked at stands in the playbook as a comment. The playbook is then run
//! once and recorded, so that what goes missing later is known to have been there.

mod facts;
mod seeds;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::places::Places;
use super::progress::Progress;
use super::render::ReportWish;
use super::{load, manual, run, tell};
use crate::check::Bound;
use crate::checks;
use crate::inventory::Inventory;
use crate::model::probe::Ask;
use crate::model::{ItemKind, Kind, Outcome, RunRecord, Target};
use crate::playbook::{self, Narrow, Plan, Work};
use crate::round;
use crate::store::Store;
use seeds::{SEEDS, Seed};
use write::Asked;

/// Arguments of `rounds learn`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  rounds learn web1
  rounds learn erp-db --out playbooks/erp-db-as-it-is.yaml --no-run

What moves by itself (free space, load, rates) keeps the thresholds of the catalogue. After a change that was meant, learn again
into another file and compare the two, or change the line.")]
pub(super) struct LearnArgs {
    /// Id of a target of the inventory
    target: String,
    /// File to write to; never over one that is there [default: learnt-TARGET.yaml in the site]
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<PathBuf>,
    /// Do not run what was written
    #[arg(long)]
    no_run: bool,
    /// Show nothing while it runs
    #[arg(long, short)]
    quiet: bool,
}

/// Learns.
pub(super) async fn learn(args: &LearnArgs, places: &Places) -> Exit {
    let site = places.site();
    let out = args.out.clone().unwrap_or_else(|| site.join(format!("learnt-{}.yaml", args.target)));
    if out.symlink_metadata().is_ok() {
        eprintln!("rounds: {} is there already, and nothing is overwritten", out.display());
        return Exit::BadInput;
    }
    let text = match look(args, &site).await {
        Ok(text) => text,
        Err(exit) => return exit,
    };
    let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&out).and_then(|mut file| file.write_all(text.as_bytes()));
    if let Err(error) = written {
        tell(&format!("cannot write {}", out.display()), &error);
        return Exit::Internal;
    }
    println!("{}", out.display());
    for line in text.lines().filter(|line| line.contains(" was not learnt")) {
        println!("{}", line.trim_start().trim_start_matches("# "));
    }
    if args.no_run { Exit::Fine } else { prove(args, &out, places).await }
}

/// Runs what was written and records it: it has to hold, and what is there now can be missed later.
async fn prove(args: &LearnArgs, out: &Path, places: &Places) -> Exit {
    let asked = if out.components().count() == 1 { format!("./{}", out.display()) } else { out.display().to_string() };
    let (loaded, plan) = load::plan(&places.site(), &asked, &Narrow::default());
    loaded.show_faults();
    let Some(plan) = plan.filter(|_| !loaded.faults.any_error()) else {
        eprintln!("rounds: what was written does not lint, which is a fault of ours");
        return Exit::Internal;
    };
    let store = match Store::open(places.store()).await {
        Ok(store) => Arc::new(store),
        Err(error) => {
            tell(&format!("the store {}", places.store().display()), &error);
            return Exit::Internal;
        }
    };
    let wish = ReportWish { out: PathBuf::new(), format: Vec::new(), lang: Vec::new(), templates: None, no_report: true };
    let exit = run::inspect(plan, &loaded.inventory, &store, args.quiet, &wish).await;
    if let Ok(store) = Arc::try_unwrap(store) {
        store.close().await;
    }
    exit
}

/// Looks at the target once; gives the text of the playbook.
async fn look(args: &LearnArgs, folder: &Path) -> Result<String, Exit> {
    let mut loaded = load::site(folder, &[]);
    let Some(target) = loaded.inventory.target(&args.target).cloned() else {
        loaded.show_faults();
        let known = loaded.inventory.targets.iter().map(|target| target.id.as_str());
        let hint = crate::nearest::nearest(&args.target, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        eprintln!("rounds: there is no target `{}`{hint}", crate::model::untrusted::visible(&args.target));
        return Err(Exit::BadInput);
    };
    let lines = lines(&target);
    let path = PathBuf::from("what-is-asked.yaml");
    loaded.site.read_text(&path, question(&target, &lines), &mut loaded.faults);
    let asked = loaded.site.playbook(QUESTION).map(|(_, playbook)| playbook.clone());
    let plan = asked.and_then(|asked| playbook::plan(&loaded.site, &loaded.inventory, &asked, &Narrow::default(), &mut loaded.faults));
    if loaded.faults.any_error() {
        loaded.show_faults();
        return Err(Exit::BadInput);
    }
    let plan = plan.ok_or(Exit::BadInput)?;
    let bounds = bounds(&plan);
    let run = ask(plan, &loaded.inventory, args.quiet).await?;
    if let Some(item) = run.items.iter().find(|item| item.kind == ItemKind::Reachable && item.outcome != Outcome::Ok) {
        let reason = item.reason.as_ref().map_or_else(String::new, |reason| reason.text(crate::model::Lang::En));
        eprintln!("rounds: `{}` could not be reached: {reason}", target.id);
        return Err(Exit::Unjudged);
    }
    Ok(answer(&target, &lines, &bounds, &run))
}

/// Id of the playbook that asks.
const QUESTION: &str = "what-is-asked";

/// A line that is asked: an entry of [`SEEDS`], or a check of the catalogue as it is.
struct Line {
    /// Id while it is asked; several candidates for one id differ here.
    asked_as: String,
    id: &'static str,
    check: &'static str,
    with: &'static str,
    lesson: Option<seeds::Lesson>,
}

fn lines(target: &Target) -> Vec<Line> {
    let fits = |seed: &&Seed| seed.kinds.contains(&target.kind) && checks::find(seed.check).is_some();
    let seeded: Vec<&Seed> = SEEDS.iter().filter(fits).collect();
    let mut lines: Vec<Line> = seeded
        .iter()
        .enumerate()
        .map(|(at, seed)| Line {
            asked_as: format!("{}.{at}", seed.id),
            id: seed.id,
            check: seed.check,
            with: seed.with,
            lesson: Some(seed.lesson),
        })
        .collect();
    for entry in checks::CATALOGUE.iter().filter(|entry| entry.meta.kinds.contains(&target.kind)) {
        let needs_nothing = manual::parameters(entry).iter().all(|parameter| parameter.default.is_some());
        let is_bindable = needs_nothing && entry.bind(serde_json::json!({})).is_ok();
        if is_bindable && !seeded.iter().any(|seed| seed.check == entry.meta.id) {
            let id = entry.meta.id;
            lines.push(Line { asked_as: id.to_owned(), id, check: id, with: "{}", lesson: None });
        }
    }
    lines
}

/// The playbook that asks.
fn question(target: &Target, lines: &[Line]) -> String {
    let mut text = format!("playbook: {QUESTION}\ntargets: [{}]\nchecks:\n", facts::scalar(&target.id));
    for line in lines {
        text.push_str(&format!("  - {{ id: {}, check: {}, with: {} }}\n", line.asked_as, line.check, line.with));
    }
    text
}

fn bounds(plan: &Plan) -> BTreeMap<String, Arc<dyn Bound>> {
    let of = |item: &crate::playbook::PlannedItem| match &item.work {
        Work::Check(check) => Some((item.key.line.clone(), Arc::clone(&check.bound))),
        _ => None,
    };
    plan.items.iter().filter_map(of).collect()
}

/// Carries out the asking, in a store of its own that is thrown away: it is no inspection.
async fn ask(plan: Plan, inventory: &Inventory, quiet: bool) -> Result<RunRecord, Exit> {
    let folder = std::env::temp_dir().join(format!("rounds-learn-{}", uuid::Uuid::now_v7()));
    let asked = ask_in(&folder, plan, inventory, quiet).await;
    if let Err(error) = std::fs::remove_dir_all(&folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "a folder of ours stays behind");
    }
    asked
}

async fn ask_in(folder: &Path, plan: Plan, inventory: &Inventory, quiet: bool) -> Result<RunRecord, Exit> {
    let mut maker = std::fs::DirBuilder::new();
    // Captures are for our eyes alone.
    std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
    if let Err(error) = maker.create(folder) {
        tell(&format!("cannot make {}", folder.display()), &error);
        return Err(Exit::Internal);
    }
    let store = match Store::open(folder.join("rounds.db")).await {
        Ok(store) => Arc::new(store),
        Err(error) => {
            tell("the store for what is asked", &error);
            return Err(Exit::Internal);
        }
    };
    let mut progress = Progress::new(plan.targets.len(), quiet, run::language_of_environment());
    let lines = Arc::new(run::lines(inventory, &plan));
    let cancel = run::cancel_on_signal();
    let carried =
        round::carry_out(plan, Arc::clone(&store), lines, "rounds learn".to_owned(), cancel, &mut |event| progress.tell(event)).await;
    progress.finish();
    if let Ok(store) = Arc::try_unwrap(store) {
        store.close().await;
    }
    carried.map_err(|error| {
        tell("the target could not be looked at", &error);
        Exit::Internal
    })
}

/// The playbook that states what came.
fn answer(target: &Target, lines: &[Line], bounds: &BTreeMap<String, Arc<dyn Bound>>, run: &RunRecord) -> String {
    let mut text = format!(
        "# `{target}` as it was on {at}; written by `rounds learn`.\n# Facts are pinned; what moves by itself keeps the thresholds of the catalogue.\n\
         playbook: learnt-{target}\ntitle: {{ en: {en}, zh: {zh} }}\ntargets: [{quoted}]\nschedule: by-hand\nchecks:\n",
        target = target.id,
        at = run.head.started.format("%Y-%m-%d %H:%M UTC"),
        en = facts::scalar(&format!("{} as it was learnt", target.id)),
        zh = facts::scalar(&format!("{} 现状基线", target.id)),
        quoted = facts::scalar(&target.id),
    );
    let mut learnt: BTreeSet<&str> = BTreeSet::new();
    for line in lines {
        let Some(item) = run.items.iter().find(|item| item.key.line == line.asked_as) else { continue };
        let Some(bound) = bounds.get(&line.asked_as) else { continue };
        // Of several ways to ask the same the first that answers is the one.
        if learnt.contains(line.id) {
            continue;
        }
        let probes = bound.probes(target);
        let from_outside = target.kind != Kind::Http && probes.iter().all(|probe| matches!(probe.ask, Ask::Net(_)));
        let written = write::line(&Asked { id: line.id, with: line.with, lesson: line.lesson, from_outside, bound: &**bound, item });
        if !written.trim_start().starts_with('#') {
            learnt.insert(line.id);
        }
        text.push_str(&written);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Faults, FileId, parse};

    #[test]
    fn every_seed_is_a_line_that_binds_where_the_catalogue_has_its_check() {
        for seed in SEEDS {
            let mut faults = Faults::default();
            assert!(parse(FileId(0), &format!("with: {}\n", seed.with), &mut faults).is_some(), "{}: {faults:?}", seed.id);
        }
        for kind in [Kind::Host, Kind::Postgres, Kind::Sqlite] {
            let mut target = Target::new("t", kind);
            target.path = Some("/tmp/x.db".into());
            let lines = lines(&target);
            let inventory = format!("inventory: t\ntargets: [{{ id: t, kind: {}, address: local, path: /tmp/x.db }}]\n", kind.id());
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("inventory.yaml"), inventory).unwrap();
            std::fs::write(dir.path().join("q.yaml"), question(&target, &lines)).unwrap();
            if lines.is_empty() {
                continue;
            }
            let (loaded, plan) = load::plan(dir.path(), QUESTION, &Narrow::default());
            assert_eq!(loaded.faults.lines(&loaded.site.sources), "", "{}", question(&target, &lines));
            assert!(plan.is_some());
        }
    }
}
