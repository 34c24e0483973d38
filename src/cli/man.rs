//! `rounds man`: manual pages of the program and its commands, made from the same definitions as `--help`.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;

use super::exit::Exit;
use super::{Cli, tell};
use crate::nearest::nearest;

/// Arguments of `rounds man`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rounds man | man -l -\n  rounds man run | man -l -\n  rounds man --out /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// A command [default: the program itself]
    command: Option<String>,
    /// Folder to write the pages of the program and of every command to
    #[arg(long, short = 'o', value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

/// Prints a page, or writes them all.
pub(super) fn man(args: &ManArgs) -> Exit {
    let pages = pages();
    if let Some(dir) = &args.out {
        return match write(dir, &pages) {
            Ok(()) => Exit::Fine,
            Err(error) => {
                tell(&format!("cannot write to {}", dir.display()), &error);
                Exit::Internal
            }
        };
    }
    let name = args.command.as_ref().map_or_else(|| "rounds".to_owned(), |command| format!("rounds-{command}"));
    let Some((_, page)) = pages.iter().find(|(known, _)| *known == name) else {
        let asked = args.command.as_deref().unwrap_or_default();
        let known = pages.iter().filter_map(|(name, _)| name.strip_prefix("rounds-"));
        let hint = nearest(asked, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        eprintln!("rounds: there is no command `{asked}`{hint}");
        return Exit::BadInput;
    };
    match std::io::Write::write_all(&mut std::io::stdout(), page) {
        Ok(()) => Exit::Fine,
        Err(error) => {
            tell("cannot print the page", &error);
            Exit::Internal
        }
    }
}

/// Names and texts of the pages: the program's first, then one for each command that people see.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = vec![page("rounds", root.clone())];
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("rounds-{}", command.get_name());
        pages.push(page(&name, command.clone().display_name(&name)));
    }
    pages
}

fn page(name: &str, command: Command) -> (String, Vec<u8>) {
    let mut text = Vec::new();
    // Writing into memory fails for nobody.
    let _ = Man::new(command).source(concat!("rounds ", env!("CARGO_PKG_VERSION"))).render(&mut text);
    (name.to_owned(), text)
}

fn write(dir: &Path, pages: &[(String, Vec<u8>)]) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    for (name, page) in pages {
        let path = dir.join(format!("{name}.1"));
        std::fs::write(&path, page)?;
        println!("{}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_and_every_command_have_a_page() {
        let pages = pages();
        for command in ["rounds", "rounds-run", "rounds-lint", "rounds-learn"] {
            let page = pages.iter().find(|(name, _)| name == command).map(|(_, page)| String::from_utf8_lossy(page).into_owned());
            let page = page.unwrap_or_else(|| panic!("{command} has no page"));
            assert!(page.starts_with(".ie") && page.contains(".SH SYNOPSIS"), "{page}");
        }
        assert!(pages.iter().all(|(name, _)| name != "rounds-render-worker"), "hidden commands are for the program itself");
    }

    #[test]
    fn every_command_that_people_see_has_examples_and_help_for_every_argument() {
        Cli::command().debug_assert();
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "`{name}` says nothing of itself");
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.starts_with("Examples:\n  rounds "), "`{name}` has no examples");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "`{name}` does not explain `{}`", argument.get_id());
            }
        }
    }
}
