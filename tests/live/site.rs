//! A site of our own for one test: its files, its home, its store, its reports, all in one folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::ledger::Ledger;
use super::ran::{Ran, Running};
use crate::support::sshd::{Sshd, user};

/// A site.
pub(crate) struct Site {
    folder: TempDir,
    env: Vec<(String, String)>,
}

impl Site {
    /// An empty site in the time zone of Shanghai.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("rounds-site-").tempdir().expect("a folder for a site");
        for name in ["site", "home", "state"] {
            fs::create_dir(folder.path().join(name)).expect("a folder of the site");
        }
        let site = Self { folder, env: Vec::new() };
        site.file("settings.yaml", "settings: test\ntimezone: Asia/Shanghai\n");
        site
    }

    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its store.
    pub(crate) fn store(&self) -> PathBuf {
        self.path("state/rounds.db")
    }

    /// Writes one of its files.
    pub(crate) fn file(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path("site").join(name), text).expect("a file of the site");
        self
    }

    /// Sets a variable of the environment that the program runs in.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Runs the program to its end.
    #[track_caller]
    pub(crate) fn rounds(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).finish()
    }

    /// Runs a playbook, with its reports in every shape and both languages.
    #[track_caller]
    pub(crate) fn run(&self, playbook: &str) -> Ran {
        self.rounds(&["run", playbook, "--quiet", "--format", "html,pdf,json,csv,junit", "--lang", "en,zh"])
    }

    /// Runs a playbook, with its report as JSON alone.
    #[track_caller]
    pub(crate) fn run_json(&self, playbook: &str) -> Ran {
        self.rounds(&["run", playbook, "--quiet", "--format", "json", "--lang", "en"])
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command(arguments), self.folder.path())
    }

    /// What its store says.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(&self.store())
    }

    /// Every file that was written, the site's own ones left out.
    pub(crate) fn written(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(self.folder.path(), &mut files);
        files.retain(|file| !file.starts_with(self.path("site")));
        files
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rounds"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path("home")).env("USER", user());
        command.env("LANG", "C.UTF-8").env("ROUNDS_SITE", self.path("site")).env("ROUNDS_STORE", self.store());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The `login:` in an inventory by the key that `server` knows.
pub(crate) fn login(id: &str, server: &Sshd) -> String {
    format!("  - {{ id: {id}, user: {}, key: {{ file: \"{}\" }} }}\n", user(), server.key().display())
}

/// A host in an inventory: `server` at `address`, its key pinned.
pub(crate) fn host(id: &str, server: &Sshd, address: &str, more: &str) -> String {
    let (port, key) = (server.port(), server.host_key("ed25519"));
    format!("  - {{ id: \"{id}\", kind: host, address: \"{address}\", port: {port}, login: inspect, host_key: \"{key}\"{more} }}\n")
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        if entry.file_type().expect("its type").is_dir() {
            collect(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}
