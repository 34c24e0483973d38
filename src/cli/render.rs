//! Reports: of the run that just ended, or of a recorded one again (`rounds report`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use clap::Args;

use super::exit::Exit;
use super::places::Places;
use super::run::language_of_environment;
use super::tell;
use crate::basis::Basis;
use crate::model::{ItemKey, Lang, RunRecord, Value};
use crate::report::{self, History, Limits, Shape, Source, Templates};
use crate::store::{FindingFilter, FindingState, SeriesKey, Store};

/// How far back trend pictures go.
const HISTORY_DAYS: i64 = 90;

/// Of how many problems the appendix tells the commands.
const MOST_COMMANDS: usize = 200;

/// What report is wished for.
#[derive(Args, Clone, Debug)]
pub(super) struct ReportWish {
    /// Folder that reports are written to
    #[arg(long, short = 'o', value_name = "DIR", default_value = "reports")]
    pub out: PathBuf,
    /// Shapes of the report
    #[arg(long, short = 'f', value_delimiter = ',', value_parser = ["html", "pdf", "json", "csv", "junit"], default_value = "html,pdf")]
    pub format: Vec<String>,
    /// Languages of the report [default: those of the playbook]
    #[arg(long, value_delimiter = ',', value_parser = ["en", "zh"])]
    pub lang: Vec<String>,
    /// Folder with templates of your own
    #[arg(long, value_name = "DIR")]
    pub templates: Option<PathBuf>,
    /// Write no report
    #[arg(long)]
    pub no_report: bool,
}

impl ReportWish {
    /// The language of the screen: the first that is wished for, else that of the environment.
    #[must_use]
    pub(super) fn screen_language(&self) -> Lang {
        self.lang.first().and_then(|code| Lang::from_code(code)).unwrap_or_else(language_of_environment)
    }
}

/// Arguments of `rounds report`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rounds report last\n  rounds report 019a --lang zh --format pdf --out /tmp")]
pub(super) struct ReportArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(default_value = "last")]
    run: String,
    #[command(flatten)]
    wish: ReportWish,
}

/// Renders the report of a recorded run again.
pub(super) async fn report(args: ReportArgs, places: &Places) -> Exit {
    let store = match Store::open(places.store()).await {
        Ok(store) => Arc::new(store),
        Err(error) => {
            tell(&format!("the store {}", places.store().display()), &error);
            return Exit::Internal;
        }
    };
    let run = match store.load_run(&args.run).await {
        Ok(run) => run,
        Err(error) => {
            tell("no such run", &error);
            return Exit::BadInput;
        }
    };
    match write(&run, &store, &args.wish, &Lang::ALL).await {
        Ok(files) => {
            for file in files {
                println!("{}", file.display());
            }
            if run.tally().balances() { Exit::Fine } else { Exit::Internal }
        }
        Err(error) => {
            tell("no report", &*error);
            Exit::Internal
        }
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Writes the report of `run` as wished; gives the files.
///
/// # Errors
/// When a template fails, or a file cannot be written.
pub(super) async fn write(run: &RunRecord, store: &Store, wish: &ReportWish, languages: &[Lang]) -> Result<Vec<PathBuf>, AnyError> {
    write_named(None, run, store, wish, languages).await
}

/// As [`write`], with files that begin with `name` and not with the number of the run.
///
/// # Errors
/// As [`write`].
pub(super) async fn write_as(
    name: &str,
    run: &RunRecord,
    store: &Store,
    wish: &ReportWish,
    languages: &[Lang],
) -> Result<Vec<PathBuf>, AnyError> {
    write_named(Some(name.to_owned()), run, store, wish, languages).await
}

async fn write_named(
    name: Option<String>,
    run: &RunRecord,
    store: &Store,
    wish: &ReportWish,
    languages: &[Lang],
) -> Result<Vec<PathBuf>, AnyError> {
    if wish.no_report {
        return Ok(Vec::new());
    }
    let shapes: Vec<Shape> = wish.format.iter().filter_map(|word| Shape::from_id(word)).collect();
    let wished: Vec<Lang> = wish.lang.iter().filter_map(|code| Lang::from_code(code)).collect();
    let languages = if wished.is_empty() { languages.to_vec() } else { wished };
    let templates = match &wish.templates {
        Some(folder) => Templates::from_folder(folder)?,
        None => Templates::default(),
    };
    let previous = store.previous_run(&run.head.playbook, run.head.started).await?;
    let remembered = Remembered::load(run, store).await?;
    let folder = wish.out.clone();
    std::fs::create_dir_all(&folder)?;
    let exe = std::env::current_exe()?;
    let run = run.clone();
    tokio::task::spawn_blocking(move || {
        let source = Source { run: &run, previous: previous.as_ref(), history: &remembered };
        let mut files = Vec::new();
        for lang in languages {
            let rendered = report::render(&source, lang, &shapes, &templates, &exe, Limits::default())?;
            let name = name.as_deref().unwrap_or(&rendered.number);
            for (shape, bytes) in rendered.files {
                let path = folder.join(format!("{name}.{}.{}", lang.code(), shape.extension()));
                write_whole(&path, &bytes)?;
                files.push(path);
            }
        }
        Ok(files)
    })
    .await?
}

/// Writes a file under another name first, so that nobody ever sees half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let half = path.with_extension("part");
    std::fs::write(&half, bytes)?;
    std::fs::rename(&half, path)
}

/// What the store knows of before, fetched at once.
struct Remembered {
    series: HashMap<SeriesKey, Vec<(DateTime<Utc>, f64)>>,
    first_seen: HashMap<String, DateTime<Utc>>,
    commands: HashMap<ItemKey, Vec<(String, String)>>,
}

impl Remembered {
    async fn load(run: &RunRecord, store: &Store) -> Result<Self, AnyError> {
        let mut keys = Vec::new();
        for item in &run.items {
            for row in &item.rows {
                for (field, value) in row.row.iter().filter(|(_, value)| matches!(value, Value::Number(_) | Value::Duration(_))) {
                    let _ = value;
                    keys.push(SeriesKey { item: item.key.clone(), row_key: row.key.clone(), field: field.to_owned() });
                }
            }
        }
        let since = run.head.started - Duration::days(HISTORY_DAYS);
        let series = store.series_of(&run.head.playbook, &keys, since).await?;
        let open = FindingFilter { state: Some(FindingState::Open), playbook: Some(run.head.playbook.clone()), ..FindingFilter::default() };
        let mut first_seen: HashMap<String, DateTime<Utc>> = HashMap::new();
        for finding in store.findings(&open).await? {
            let first = first_seen.entry(finding.problem_key).or_insert(finding.first_seen);
            *first = (*first).min(finding.first_seen);
        }
        let mut commands = HashMap::new();
        let told = run.items.iter().filter(|item| item.outcome.is_problem() || item.outcome.is_unjudged());
        for item in told.take(MOST_COMMANDS) {
            let asked = store.asked(&run.head.id, &item.key).await?.unwrap_or_default();
            let probes: Vec<(String, String)> = asked.into_iter().filter(|(name, _)| name != Basis::NAME).collect();
            commands.insert(item.key.clone(), probes);
        }
        Ok(Self { series, first_seen, commands })
    }
}

impl History for Remembered {
    fn series(&self, key: &ItemKey, row_key: Option<&str>, field: &str) -> Vec<(DateTime<Utc>, f64)> {
        let key = SeriesKey { item: key.clone(), row_key: row_key.map(Into::into), field: field.to_owned() };
        self.series.get(&key).cloned().unwrap_or_default()
    }

    fn first_seen(&self, problem_key: &str) -> Option<DateTime<Utc>> {
        self.first_seen.get(problem_key).copied()
    }

    fn commands(&self, key: &ItemKey) -> Vec<(String, String)> {
        self.commands.get(key).cloned().unwrap_or_default()
    }
}
