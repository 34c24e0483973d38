//! `rounds demo`: a real inspection of this machine, a sample database and a small web site, with reports in all shapes.
//!
//! Nothing is staged but the sample data: plan, run, store and reports are those of `rounds run`. No root, no network.

mod database;
mod site;
mod website;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::exit::Exit;
use super::places::Places;
use super::progress::Progress;
use super::render::{self, ReportWish};
use super::summary::{Paint, summary};
use super::{load, run, tell};
use crate::model::{Lang, RunRecord};
use crate::playbook::Narrow;
use crate::round;
use crate::store::Store;

/// Arguments of `rounds demo`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  rounds demo
  rounds demo /tmp/look --lang zh

It writes the playbook, the inventory, the sample database and the reports (HTML, PDF and JSON in English and Chinese) into the
folder, so that all of it can be looked at and changed. It needs neither root nor a network.")]
pub(super) struct DemoArgs {
    /// Folder to write to
    #[arg(default_value = "rounds-demo")]
    dir: PathBuf,
    /// Language of the screen [default: that of the environment]
    #[arg(long, value_parser = ["en", "zh"])]
    lang: Option<String>,
}

/// Why there is no demonstration.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("{} holds something else: name a folder that is empty or not there", .0.display())]
    Taken(PathBuf),
    #[error("cannot write to {}", .0.display())]
    Write(PathBuf, #[source] std::io::Error),
    #[error("the sample database")]
    Database(#[from] sqlx::Error),
    #[error("the sample web site")]
    Website(#[source] std::io::Error),
    #[error("the playbook of the demonstration does not lint:\n{0}")]
    Lint(String),
    #[error("the store")]
    Store(#[from] crate::store::StoreError),
    #[error("the run")]
    Run(#[from] round::RoundError),
    #[error("the reports: {0}")]
    Report(String),
}

/// Carries out the demonstration.
pub(super) async fn demo(args: &DemoArgs) -> Exit {
    let lang = args.lang.as_deref().and_then(Lang::from_code).unwrap_or_else(run::language_of_environment);
    let website = match website::Website::start().await {
        Ok(website) => website,
        Err(error) => {
            tell("no demonstration", &DemoError::Website(error));
            return Exit::Internal;
        }
    };
    let shown = show(&args.dir, &website, lang).await;
    website.stop().await;
    match shown {
        Ok((run, reports)) => {
            print!("{}", summary(&run, lang, Paint::for_stdout()));
            print!("{}", closing(&args.dir, &reports, lang));
            // What it found is the point of it, and no failure.
            if run.tally().balances() { Exit::Fine } else { Exit::Internal }
        }
        Err(error) => {
            tell("no demonstration", &error);
            if matches!(error, DemoError::Taken(_)) { Exit::BadInput } else { Exit::Internal }
        }
    }
}

async fn show(dir: &Path, website: &website::Website, lang: Lang) -> Result<(RunRecord, Vec<PathBuf>), DemoError> {
    site::prepare(dir)?;
    database::create(&dir.join(site::DATABASE)).await?;
    site::write(dir, &website.url())?;
    let (loaded, plan) = load::plan(dir, site::PLAYBOOK, &Narrow::default());
    let faults = || loaded.faults.lines(&loaded.site.sources);
    let plan = plan.filter(|_| !loaded.faults.any_error()).ok_or_else(|| DemoError::Lint(faults()))?;
    let lines = Arc::new(run::lines(&loaded.inventory, &plan));
    let mut progress = Progress::new(plan.targets.len(), false, lang);
    let places = Places { site: Some(dir.to_owned()), store: Some(dir.join("rounds.db")) };
    let store = Arc::new(Store::open(places.store()).await?);
    let cancel = run::cancel_on_signal();
    let carried =
        round::carry_out(plan, Arc::clone(&store), lines, "rounds demo".to_owned(), cancel, &mut |event| progress.tell(event)).await;
    progress.finish();
    let run = carried?;
    let wish = ReportWish {
        out: dir.to_owned(),
        format: ["html", "pdf", "json"].map(str::to_owned).to_vec(),
        lang: Vec::new(),
        templates: None,
        no_report: false,
    };
    let reports =
        render::write_as("report", &run, &store, &wish, &Lang::ALL).await.map_err(|error| DemoError::Report(error.to_string()))?;
    if let Ok(store) = Arc::try_unwrap(store) {
        store.close().await;
    }
    Ok((run, reports))
}

/// What was written, and what can be done with it.
fn closing(dir: &Path, reports: &[PathBuf], lang: Lang) -> String {
    let quoted = crate::model::probe::quote(&dir.to_string_lossy());
    let pick = |en: &'static str, zh: &'static str| if lang == Lang::En { en } else { zh };
    let mut text = format!("\n{}\n", pick("Reports", "报告"));
    for path in reports {
        text.push_str(&format!("  {}\n", path.display()));
    }
    text.push_str(&format!("\n{}\n", pick("Playbook, inventory, sample data and record of the run", "剧本、清单、示例数据与运行记录")));
    for name in site::NAMES.iter().chain(&["rounds.db"]) {
        let path = dir.join(name);
        if path.exists() {
            text.push_str(&format!("  {}\n", path.display()));
        }
    }
    text.push_str(&format!(
        "\n{}\n  rounds plan {playbook} --site {quoted}\n  rounds run {playbook} --site {quoted} --store {quoted}/rounds.db\n",
        pick(
            "Go on (the web site is served while the demonstration runs, and is down afterwards)",
            "继续尝试（示例网站仅在演示期间运行，之后会显示为不可达）"
        ),
        playbook = site::PLAYBOOK,
    ));
    text
}
