//! `rounds doctor`: whether everything that a run needs is there, and what to do where it is not.

mod machine;
mod places;
mod targets;

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::load;
use super::places::Places;
use crate::inventory::Inventory;
use crate::model::untrusted::visible;
use crate::playbook::Narrow;

/// Arguments of `rounds doctor`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds doctor\n  rounds doctor core-daily\n  rounds doctor --offline --templates our-templates\n\nExit status: 0 nothing is in the way · 1 something is · 3 the site's files have faults"
)]
pub(super) struct DoctorArgs {
    /// Only the targets of this playbook
    playbook: Option<String>,
    /// Connect to no target
    #[arg(long)]
    offline: bool,
    /// Folder with report templates of your own
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
}

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    Well,
    Doubtful,
    Bad,
}

/// One thing looked at.
#[derive(Clone, Debug)]
struct Looked {
    stand: Stand,
    what: String,
    remedy: String,
}

impl Looked {
    fn well(what: impl Into<String>) -> Self {
        Self { stand: Stand::Well, what: what.into(), remedy: String::new() }
    }

    fn doubtful(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { stand: Stand::Doubtful, what: what.into(), remedy: remedy.into() }
    }

    fn bad(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { stand: Stand::Bad, what: what.into(), remedy: remedy.into() }
    }
}

/// Looks at everything, printing as it goes.
pub(super) async fn doctor(args: DoctorArgs, places: &Places) -> Exit {
    let (loaded, plan) = match &args.playbook {
        Some(playbook) => load::plan(&places.site(), playbook, &Narrow::default()),
        None => (load::site(&places.site(), &[]), None),
    };
    let has_site = places.site().is_dir();
    let is_faulty = (has_site || args.playbook.is_some()) && loaded.faults.any_error();
    if is_faulty {
        loaded.show_faults();
        if args.playbook.is_some() && plan.is_none() {
            return Exit::BadInput;
        }
    }
    let mut worst = Stand::Well;
    let mut tell = |looked: Vec<Looked>| {
        for one in looked {
            worst = worst.max(one.stand);
            show(&one);
        }
    };
    tell(machine::clock());
    tell(machine::fonts(&loaded.site.sources));
    tell(machine::templates(args.templates).await);
    tell(places::store(places).await);
    if has_site {
        let inventory = &loaded.inventory;
        let targets = plan.as_ref().map_or_else(|| inventory.targets.clone(), |plan| plan.targets.clone());
        tell(vec![site_stands(inventory, targets.len(), is_faulty)]);
        tell(targets::agent(&targets).await);
        tell(targets::secrets(&targets).await);
        tell(targets::known_hosts(inventory, &targets).await);
        if !args.offline {
            tell(targets::reach(inventory, &targets).await);
        }
    } else {
        let remedy = "make one with `rounds init DIR`, or name it with --site DIR";
        tell(vec![Looked::doubtful(format!("there is no site in {}", places.site().display()), remedy)]);
    }
    match worst {
        _ if is_faulty => Exit::BadInput,
        Stand::Bad => Exit::Problems,
        Stand::Well | Stand::Doubtful => Exit::Fine,
    }
}

fn site_stands(inventory: &Inventory, targets: usize, is_faulty: bool) -> Looked {
    if is_faulty {
        return Looked::bad("the site's files have faults", "rounds lint");
    }
    if targets == 0 {
        return Looked::bad("the inventory names no target", "add one under `targets:`; rounds init writes an example");
    }
    Looked::well(format!("the site's files read well: {} targets, {targets} of them looked at here", inventory.targets.len()))
}

fn show(looked: &Looked) {
    let sign = match looked.stand {
        Stand::Well => '✓',
        Stand::Doubtful => '!',
        Stand::Bad => '✗',
    };
    println!("{sign} {}", visible(&looked.what));
    if !looked.remedy.is_empty() {
        println!("    → {}", visible(&looked.remedy));
    }
}
