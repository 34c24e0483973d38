//! `rounds run`: inspect now, record, report.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::places::Places;
use super::progress::Progress;
use super::render::{self, ReportWish};
use super::summary::{Paint, summary};
use super::{load, tell};
use crate::inventory::Inventory;
use crate::model::{Kind, Lang};
use crate::playbook::{Narrow, Plan};
use crate::round;
use crate::store::Store;
use crate::transport::Lines;

/// Longest that logging in may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Most bytes that are kept of one answer.
const CAP_BYTES: usize = 256 * 1024;

/// Arguments of `rounds run`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds run linux-daily\n  rounds run core-daily.yaml --target erp-db --out reports --format html,pdf\n  rounds run before-change || echo no-go"
)]
pub(super) struct RunArgs {
    /// Playbook: a file, or the id of one of the site or of one that ships
    playbook: String,
    /// Only these targets, groups or systems
    #[arg(long, short = 't', value_name = "NAME")]
    target: Vec<String>,
    /// Only these checks, by the id of their line
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Show nothing while it runs
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    report: ReportWish,
}

/// Runs.
pub(super) async fn run(args: RunArgs, places: &Places) -> Exit {
    let narrow = Narrow { targets: args.target.clone(), lines: args.only.clone(), ..Narrow::default() };
    let (loaded, plan) = load::plan(&places.site(), &args.playbook, &narrow);
    loaded.show_faults();
    let Some(plan) = plan.filter(|_| !loaded.faults.any_error()) else { return Exit::BadInput };
    if plan.items.is_empty() {
        eprintln!("rounds: nothing is left to inspect: no item fits what was asked for");
        return Exit::BadInput;
    }
    let store = match Store::open(places.store()).await {
        Ok(store) => Arc::new(store),
        Err(error) => {
            tell(&format!("the store {}", places.store().display()), &error);
            return Exit::Internal;
        }
    };
    let exit = inspect(plan, &loaded.inventory, &store, args.quiet, &args.report).await;
    if let Ok(store) = Arc::try_unwrap(store) {
        store.close().await;
    }
    exit
}

/// Carries out a plan, shows what it found, and writes the report that was wished for.
pub(super) async fn inspect(plan: Plan, inventory: &Inventory, store: &Arc<Store>, quiet: bool, wish: &ReportWish) -> Exit {
    let lang = wish.screen_language();
    let mut progress = Progress::new(plan.targets.len(), quiet, lang);
    let lines = lines(inventory, &plan);
    let cancel = cancel_on_signal();
    let languages = plan.languages.clone();
    let run = round::carry_out(plan, Arc::clone(store), Arc::new(lines), started_by(), cancel, &mut |event| progress.tell(event)).await;
    progress.finish();
    let run = match run {
        Ok(run) => run,
        Err(error) => {
            tell("this run is lost", &error);
            return Exit::Internal;
        }
    };
    print!("{}", summary(&run, lang, Paint::for_stdout()));
    println!("run {}", run.head.id);
    let exit = Exit::of(&run);
    match render::write(&run, store, wish, &languages).await {
        Ok(files) => {
            for file in files {
                println!("{}", file.display());
            }
            exit
        }
        Err(error) => {
            tell("the run is recorded, its report could not be written", &*error);
            Exit::Internal
        }
    }
}

/// How the targets of `inventory` are reached.
#[must_use]
pub(super) fn lines(inventory: &Inventory, plan: &Plan) -> Lines {
    lines_of(inventory, plan.limits.target)
}

/// How the targets of `inventory` are reached, a session taking at most `session_limit`.
#[must_use]
pub(super) fn lines_of(inventory: &Inventory, session_limit: Duration) -> Lines {
    let hosts = inventory.targets.iter().filter(|target| target.kind == Kind::Host);
    let ssh = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".ssh"));
    let mut known_hosts: Vec<PathBuf> = ssh.iter().map(|folder| folder.join("known_hosts")).collect();
    known_hosts.push(PathBuf::from("/etc/ssh/ssh_known_hosts"));
    Lines {
        targets: Arc::new(hosts.map(|target| (target.id.clone(), Arc::clone(target))).collect()),
        known_hosts,
        ssh_config: ssh.map(|folder| folder.join("config")).filter(|config| config.exists()),
        connect_limit: CONNECT_LIMIT,
        session_limit,
        cap_bytes: CAP_BYTES,
    }
}

/// Cancelled by the first interrupt or request to end; the second one ends the program as it always does.
#[must_use]
pub(super) fn cancel_on_signal() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else { return };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        eprintln!("rounds: ending what still runs; once more to leave at once");
        cancel.cancel();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
    token
}

fn started_by() -> String {
    let user = std::env::var("SUDO_USER")
        .or_else(|_| std::env::var("USER"))
        .unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw()));
    format!("by hand: {user}")
}

/// The language of the screen: that of the report when only one is wished for, else that of the environment.
#[must_use]
pub(super) fn language_of_environment() -> Lang {
    let spoken = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    spoken.and_then(|spoken| Lang::from_code(&spoken)).unwrap_or(Lang::En)
}
