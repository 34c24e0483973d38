//! The command line: one file a command, each giving an [`Exit`].

mod backup;
mod capture_text;
mod checks;
mod compare;
mod completions;
mod demo;
mod doctor;
pub mod exit;
mod explain;
mod grants;
mod init;
mod item_text;
mod kept;
mod learn;
mod lint;
mod load;
mod man;
mod manual;
mod places;
mod plan;
mod progress;
mod prune;
mod record;
mod render;
mod replay;
mod run;
mod runs;
mod schema;
mod show;
mod starter;
mod sudoers;
mod summary;
mod table;
mod test;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use exit::Exit;
use places::Places;

/// Makes the rounds of servers, databases and applications, and reports what it found.
#[derive(Parser, Debug)]
#[command(name = "rounds", version, about, propagate_version = true, arg_required_else_help = true, after_help = EXIT_STATUS, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    places: Places,
}

const EXIT_STATUS: &str = "Exit status: 0 nothing to report · 1 an unwaived warning or critical finding · 2 none of these, but something \
could not be judged · 3 bad input · 4 internal failure, or a result that could not be recorded";

const SCHEMA_EXAMPLES: &str = "Examples:\n  rounds schema > rounds.schema.json\n  # in an editor with yaml-language-server, as the first line of a file:\n  \
# yaml-language-server: $schema=./rounds.schema.json";

#[derive(Subcommand, Debug)]
enum Command {
    /// Write a folder to start from: inventory, settings, a playbook, with comments
    Init(init::InitArgs),
    /// Show what a run is like: inspect this machine and sample systems, and write every report
    Demo(demo::DemoArgs),
    /// Inspect now what a playbook says, record it and write a report
    Run(run::RunArgs),
    /// Find every fault in a site's files, without connecting to anything
    Lint(lint::LintArgs),
    /// Print every command and statement that a run would send, per target; run nothing
    Plan(plan::PlanArgs),
    /// Explain a check, or which threshold wins for a check on a target and why
    Explain(explain::ExplainArgs),
    /// List the checks of the catalogue, or print their whole manual
    Checks(checks::ChecksArgs),
    /// Look at a target once and write a playbook that expects what is there now
    Learn(learn::LearnArgs),
    /// Judge recorded answers offline against the outcomes that you expect
    Test(test::TestArgs),
    /// Write the answers of a recorded item as a file of captures, for `rounds test`
    Record(record::RecordArgs),
    /// Print the sudoers file with exactly the commands that a playbook runs as root
    Sudoers(sudoers::SudoersArgs),
    /// Print the GRANT statements that a playbook's questions to databases need
    Grants(grants::GrantsArgs),
    /// Print the JSON Schema of playbooks and the other files, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Render the report of a recorded run again
    Report(render::ReportArgs),
    /// List recorded runs
    Runs(runs::RunsArgs),
    /// Show a recorded run, an item of it, or the raw answers of an item
    Show(show::ShowArgs),
    /// Judge a recorded run again, offline, and compare with what was recorded
    Replay(replay::ReplayArgs),
    /// Tell what changed from one run to another, and whether that is a go
    Compare(compare::CompareArgs),
    /// Remove runs and raw answers that are older than they need be kept
    Prune(prune::PruneArgs),
    /// Copy the store while it is in use
    Backup(backup::BackupArgs),
    /// Look whether everything that a run needs is there, and say what to do where it is not
    Doctor(doctor::DoctorArgs),
    /// Print the completion of the command line for a shell
    Completions(completions::CompletionsArgs),
    /// Print manual pages
    Man(man::ManArgs),
    /// Draws a report in a process of its own
    #[command(hide = true)]
    RenderWorker,
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A failure to print leaves nothing to tell it with.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Fine.into(),
                _ => Exit::BadInput.into(),
            };
        }
    };
    if matches!(cli.command, Command::RenderWorker) {
        return crate::report::worker_main();
    }
    start_logging();
    hush_panics();
    // The ring provider is the only one that is built in; a second call finds it already there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(128).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("rounds: cannot start: {error}");
            return Exit::Internal.into();
        }
    };
    let exit = runtime.block_on(dispatch(cli));
    // Threads that hang on a dead line must not keep a finished run from ending.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    exit.into()
}

async fn dispatch(cli: Cli) -> Exit {
    let places = &cli.places;
    match cli.command {
        Command::Run(args) => run::run(args, places).await,
        Command::Lint(args) => lint::lint(&args, places),
        Command::Plan(args) => plan::plan(&args, places),
        Command::Explain(args) => explain::explain(&args, places),
        Command::Init(args) => init::init(&args),
        Command::Demo(args) => demo::demo(&args).await,
        Command::Checks(args) => checks::checks(&args),
        Command::Learn(args) => learn::learn(&args, places).await,
        Command::Test(args) => test::test(&args, places),
        Command::Record(args) => record::record(&args, places).await,
        Command::Sudoers(args) => sudoers::sudoers(&args, places),
        Command::Grants(args) => grants::grants(&args, places),
        Command::Completions(args) => completions::completions(&args),
        Command::Man(args) => man::man(&args),
        Command::Schema => schema::schema(),
        Command::Report(args) => render::report(args, places).await,
        Command::Runs(args) => runs::runs(args, places).await,
        Command::Show(args) => show::show(args, places).await,
        Command::Replay(args) => replay::replay(args, places).await,
        Command::Compare(args) => compare::run(args, places).await,
        Command::Prune(args) => prune::prune(args, places).await,
        Command::Backup(args) => backup::backup(args, places).await,
        Command::Doctor(args) => doctor::doctor(args, places).await,
        Command::RenderWorker => Exit::Internal,
    }
}

/// Logs go to standard error, warnings and worse unless `ROUNDS_LOG` says otherwise.
fn start_logging() {
    use std::io::IsTerminal as _;
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("ROUNDS_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).init();
}

/// A panic may quote what a target said: it is shown with visible codes like everything else.
fn hush_panics() {
    std::panic::set_hook(Box::new(|panic| eprintln!("rounds: {}", crate::model::untrusted::visible(&panic.to_string()))));
}

/// Tells on standard error why a command failed, with every cause.
fn tell(doing: &str, error: &dyn std::error::Error) {
    let mut text = format!("rounds: {doing}: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    eprintln!("{}", crate::model::untrusted::visible(&text));
}
