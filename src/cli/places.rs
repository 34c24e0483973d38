//! Where things are unless a person says otherwise: the site's folder and the store.

use std::path::{Path, PathBuf};

use clap::Args;

/// Where the site and the store are.
#[derive(Args, Clone, Debug)]
pub(super) struct Places {
    /// Folder with inventory, settings and playbooks [default: this folder if it holds a site, else /etc/rounds]
    #[arg(long, short = 's', env = "ROUNDS_SITE", value_name = "DIR", global = true)]
    pub site: Option<PathBuf>,
    /// File that runs are recorded in [default: rounds.db below $XDG_STATE_HOME, or /var/lib/rounds for root]
    #[arg(long, env = "ROUNDS_STORE", value_name = "FILE", global = true)]
    pub store: Option<PathBuf>,
}

impl Places {
    /// The site's folder.
    #[must_use]
    pub(super) fn site(&self) -> PathBuf {
        self.site.clone().unwrap_or_else(|| if holds_yaml(Path::new(".")) { PathBuf::from(".") } else { PathBuf::from("/etc/rounds") })
    }

    /// The store's file; the folder above it is made by whoever opens it.
    #[must_use]
    pub(super) fn store(&self) -> PathBuf {
        if let Some(store) = &self.store {
            return store.clone();
        }
        let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
        let folder = if rustix::process::geteuid().is_root() { Some(PathBuf::from("/var/lib")) } else { state.or_else(home) };
        folder.unwrap_or_default().join("rounds/rounds.db")
    }
}

fn holds_yaml(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
            && std::fs::read_to_string(&path).is_ok_and(|text| text.lines().any(|line| line.starts_with("inventory:")))
    })
}
