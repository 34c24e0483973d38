//! `rounds runs`: what was recorded, the newest first.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::exit::Exit;
use super::kept::{in_zone, open, print_json, short, state_word};
use super::places::Places;
use super::table::table;
use super::tell;
use crate::model::unit::show_duration;
use crate::model::{Outcome, RunState, untrusted};
use crate::store::{RunFilter, RunLine};

/// Arguments of `rounds runs`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rounds runs\n  rounds runs --playbook core-daily --state lost --limit 5\n  rounds runs --json")]
pub(super) struct RunsArgs {
    /// Only runs of this playbook
    #[arg(long, short, value_name = "ID")]
    playbook: Option<String>,
    /// Only runs that ended so
    #[arg(long, value_enum)]
    state: Option<State>,
    /// At most so many, the newest
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    limit: u32,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// How a run ended, as a word of the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Running,
    Done,
    Cancelled,
    Lost,
}

/// A run in the list, for programs.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    playbook: &'a str,
    state: &'static str,
    timezone: &'a str,
    started: String,
    ended: Option<String>,
    duration_s: Option<f64>,
    host: &'a str,
    planned: usize,
    balances: bool,
    waived: usize,
    outcomes: BTreeMap<&'static str, usize>,
}

/// Lists runs.
pub(super) async fn runs(args: RunsArgs, places: &Places) -> Exit {
    let store = match open(places).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let state = args.state.map(|state| match state {
        State::Running => RunState::Running,
        State::Done => RunState::Done,
        State::Cancelled => RunState::Cancelled,
        State::Lost => RunState::Lost,
    });
    let filter = RunFilter { playbook: args.playbook, state, since: None, limit: Some(args.limit) };
    let found = async {
        let mut lines = Vec::new();
        for line in store.list_runs(&filter).await? {
            let zone = store.head(&line.id).await?.timezone;
            lines.push((line, zone));
        }
        Ok::<_, crate::store::StoreError>(lines)
    };
    let lines = found.await;
    store.close().await;
    match lines {
        Ok(lines) if args.json => print_json(&lines.iter().map(|(line, zone)| for_programs(line, zone)).collect::<Vec<_>>()),
        Ok(lines) if lines.is_empty() => {
            eprintln!("rounds: no such run is recorded");
            Exit::Fine
        }
        Ok(lines) => {
            print!("{}", for_people(&lines));
            Exit::Fine
        }
        Err(error) => {
            tell("no list of runs", &error);
            Exit::Internal
        }
    }
}

fn for_people(lines: &[(RunLine, String)]) -> String {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|(line, zone)| {
            vec![
                short(&line.id).to_owned(),
                untrusted::visible(&line.playbook),
                in_zone(line.started, zone),
                state_word(line.state).to_owned(),
                duration_s(line).map_or_else(|| "—".to_owned(), show_duration),
                counts(line),
            ]
        })
        .collect();
    table(&["RUN", "PLAYBOOK", "STARTED", "STATE", "TOOK", "ITEMS"], &rows, &[4])
}

/// How the items ended; sums that differ show both numbers.
fn counts(line: &RunLine) -> String {
    let tally = &line.tally;
    let parts = Outcome::ALL.into_iter().filter(|outcome| tally.count(*outcome) > 0);
    let mut text = parts.map(|outcome| format!("{} {}", tally.count(outcome), outcome.id())).collect::<Vec<_>>().join(", ");
    if tally.waived > 0 {
        let _ = write!(text, " ({} waived)", tally.waived);
    }
    if !tally.balances() {
        let gap = if line.state == RunState::Running { "so far" } else { "DOES NOT BALANCE" };
        let _ = write!(text, " [{} of {} planned, {gap}]", tally.ended(), tally.planned);
    }
    text
}

fn duration_s(line: &RunLine) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "runs are far shorter than 2^52 ms")]
    line.ended.map(|ended| (ended - line.started).num_milliseconds() as f64 / 1000.0)
}

fn for_programs<'a>(line: &'a RunLine, zone: &'a str) -> Line<'a> {
    Line {
        id: &line.id,
        playbook: &line.playbook,
        state: state_word(line.state),
        timezone: zone,
        started: line.started.to_rfc3339(),
        ended: line.ended.map(|ended| ended.to_rfc3339()),
        duration_s: duration_s(line),
        host: &line.host,
        planned: line.tally.planned,
        balances: line.tally.balances(),
        waived: line.tally.waived,
        outcomes: Outcome::ALL.into_iter().map(|outcome| (outcome.id(), line.tally.count(outcome))).collect(),
    }
}
