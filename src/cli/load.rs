//! Reads site, inventory and playbook for a command, and shows every fault before anything else happens.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use crate::inventory::{self, Inventory};
use crate::nearest::nearest;
use crate::playbook::{self, Narrow, Plan, Site, shipped};
use crate::yaml::{Fault, Faults, FileId, Span};

/// A site read and resolved.
pub(super) struct Loaded {
    /// Its files.
    pub site: Site,
    /// Its inventory.
    pub inventory: Inventory,
    /// What is wrong with it.
    pub faults: Faults,
}

/// Reads the site in `folder`, and besides it the files that a person named.
#[must_use]
pub(super) fn site(folder: &Path, besides: &[PathBuf]) -> Loaded {
    let mut site = Site::default();
    let mut faults = Faults::default();
    for path in besides {
        site.read_file(path, &mut faults);
    }
    if folder.is_dir() {
        site.read_folder(folder, &mut faults);
    } else if besides.is_empty() {
        let file = site.sources.add(folder, "");
        faults.push(
            Fault::error(Span { file, start: 0, end: 0 }, format!("there is no site in {}", folder.display()))
                .help("make one with `rounds init DIR`, or name it with --site DIR"),
        );
    }
    site.bring_shipped(&mut faults);
    let files = std::mem::take(&mut site.inventories);
    let listed = std::mem::take(&mut site.listed);
    let inventory = inventory::resolve(files, listed, &site.listed_groups, &site.settings.tiers, &site.sources, &mut faults);
    Loaded { site, inventory, faults }
}

/// The plan of the playbook that a person named: a file, the id of one of the site, or of one that ships.
#[must_use]
pub(super) fn plan(folder: &Path, asked: &str, narrow: &Narrow) -> (Loaded, Option<Plan>) {
    let is_file = asked.contains('/') || Path::new(asked).extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let besides = if is_file { vec![PathBuf::from(asked)] } else { Vec::new() };
    let mut loaded = site(folder, &besides);
    if !is_file
        && loaded.site.playbook(asked).is_none()
        && let Some(text) = shipped::playbook(asked)
    {
        loaded.site.read_shipped(asked, text, &mut loaded.faults);
        loaded.site.bring_shipped(&mut loaded.faults);
    }
    let id = if is_file {
        loaded
            .site
            .playbooks
            .iter()
            .find(|(file, _)| loaded.site.sources.get(*file).path == Path::new(asked))
            .map(|(_, playbook)| playbook.id.value.clone())
    } else {
        Some(asked.to_owned())
    };
    let found = id.and_then(|id| loaded.site.playbook(&id).map(|(_, playbook)| playbook.clone()));
    let Some(playbook) = found else {
        if !is_file {
            no_such_playbook(&mut loaded, folder, asked);
        } else if !loaded.faults.any_error() {
            loaded.faults.push(
                Fault::error(Span { file: FileId(0), start: 0, end: 0 }, format!("{asked} is no playbook"))
                    .help("its first key is `playbook:`"),
            );
        }
        return (loaded, None);
    };
    let plan = playbook::plan(&loaded.site, &loaded.inventory, &playbook, narrow, &mut loaded.faults);
    (loaded, plan)
}

fn no_such_playbook(loaded: &mut Loaded, folder: &Path, asked: &str) {
    let known: Vec<&str> = loaded
        .site
        .playbooks
        .iter()
        .map(|(_, playbook)| playbook.id.value.as_str())
        .chain(shipped::PLAYBOOKS.iter().map(|(id, _)| *id))
        .collect();
    let help = nearest(asked, known.iter().copied())
        .map_or_else(|| format!("there are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
    let file = loaded.site.sources.add(folder, "");
    loaded.faults.push(Fault::error(Span { file, start: 0, end: 0 }, format!("there is no playbook `{asked}`")).help(help));
}

impl Loaded {
    /// Shows what is wrong on standard error: drawn for a terminal, a line each elsewhere.
    pub(super) fn show_faults(&self) {
        let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        eprint!("{}", self.faults.draw(&self.site.sources, color));
    }
}
