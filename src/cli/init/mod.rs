//! `rounds init`: a folder to start from, which lints and runs as it is.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::Datelike as _;
use clap::Args;

use super::exit::Exit;
use super::starter::{self, Wish};
use super::tell;

/// Arguments of `rounds init`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rounds init my-site\n  rounds lint --site my-site\n  rounds run daily --site my-site")]
pub(super) struct InitArgs {
    /// Folder to write to; it is made where it is missing
    dir: PathBuf,
}

/// Checks of a host that say something everywhere and need no rights.
const HOST: [Wish; 9] = [
    Wish::new("cpu", "{ id: cpu, check: cpu }"),
    Wish::new("load", "{ id: load, check: load }"),
    Wish::new("memory", "{ id: memory, check: memory }"),
    Wish::new("swap", "{ id: swap, check: swap }"),
    Wish::new("disk-space", "{ id: disk, check: disk-space }"),
    Wish::new("inodes", "{ id: inodes, check: inodes }"),
    Wish::new("uptime", "{ id: uptime, check: uptime }"),
    Wish::new("zombies", "{ id: zombies, check: zombies }"),
    Wish::new("file-handles", "{ id: file-handles, check: file-handles }"),
];

/// Writes the folder.
pub(super) fn init(args: &InitArgs) -> Exit {
    let files = files(chrono::Local::now().year());
    let taken: Vec<PathBuf> = files.iter().map(|(name, _)| args.dir.join(name)).filter(|path| path.symlink_metadata().is_ok()).collect();
    if !taken.is_empty() {
        for path in taken {
            eprintln!("rounds: {} is there already, and nothing is overwritten", path.display());
        }
        return Exit::BadInput;
    }
    if let Err(error) = write(&args.dir, &files) {
        tell(&format!("cannot write to {}", args.dir.display()), &error);
        return Exit::Internal;
    }
    for (name, _) in &files {
        println!("{}", args.dir.join(name).display());
    }
    let dir = crate::model::probe::quote(&args.dir.to_string_lossy());
    println!("\nNext:\n  rounds lint --site {dir}\n  rounds run daily --site {dir}");
    Exit::Fine
}

/// Names and texts of the files.
#[must_use]
pub(super) fn files(year: i32) -> Vec<(&'static str, String)> {
    let years = |text: &str| text.replace("{next_year}", &(year + 1).to_string()).replace("{year}", &year.to_string());
    vec![
        ("settings.yaml", include_str!("settings.yaml").replace("{timezone}", &starter::timezone_here())),
        ("inventory.yaml", include_str!("inventory.yaml").to_owned()),
        ("daily.yaml", include_str!("daily.yaml").replace("{host_checks}\n", &starter::lines(&HOST))),
        ("waivers.yaml", include_str!("waivers.yaml").to_owned()),
        ("calendar.yaml", years(include_str!("calendar.yaml"))),
    ]
}

/// Writes `files` into `dir`; never over one that is there.
fn write(dir: &Path, files: &[(&str, String)]) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for (name, text) in files {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(dir.join(name))?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::load;
    use crate::playbook::Narrow;

    #[test]
    fn what_init_writes_lints_and_plans_without_a_word() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &files(2026)).unwrap();
        let (loaded, plan) = load::plan(dir.path(), "daily", &Narrow::default());
        assert_eq!(loaded.faults.lines(&loaded.site.sources), "");
        assert!(plan.unwrap().items.len() > 1);
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("daily.yaml"), "mine").unwrap();
        assert_eq!(init(&InitArgs { dir: dir.path().to_owned() }), Exit::BadInput);
        assert_eq!(std::fs::read_to_string(dir.path().join("daily.yaml")).unwrap(), "mine");
        assert!(!dir.path().join("settings.yaml").exists());
    }
}
