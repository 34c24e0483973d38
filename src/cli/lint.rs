//! `rounds lint`: every fault of a site's files at once.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::load;
use super::places::Places;
use crate::playbook::{self, Narrow};

/// Arguments of `rounds lint`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rounds lint\n  rounds lint --site /etc/rounds\n  rounds lint playbooks/core-daily.yaml")]
pub(super) struct LintArgs {
    /// Files to look at besides the site's
    files: Vec<PathBuf>,
    /// A line for each fault, for editors and logs
    #[arg(long)]
    plain: bool,
}

/// Looks at every file, and plans every playbook on the real inventory.
pub(super) fn lint(args: &LintArgs, places: &Places) -> Exit {
    let mut loaded = load::site(&places.site(), &args.files);
    let own = |file: &crate::yaml::FileId| !loaded.site.shipped.contains(file);
    let playbooks: Vec<_> = loaded.site.playbooks.iter().filter(|(file, _)| own(file)).map(|(_, playbook)| playbook.clone()).collect();
    for playbook in &playbooks {
        playbook::plan(&loaded.site, &loaded.inventory, playbook, &Narrow::default(), &mut loaded.faults);
    }
    if args.plain {
        print!("{}", loaded.faults.lines(&loaded.site.sources));
    } else {
        loaded.show_faults();
    }
    if loaded.faults.any_error() {
        return Exit::BadInput;
    }
    let files = loaded.site.sources.iter().count() - loaded.site.shipped.len();
    println!("{files} files, {} targets, {} playbooks: no errors", loaded.inventory.targets.len(), playbooks.len());
    Exit::Fine
}
