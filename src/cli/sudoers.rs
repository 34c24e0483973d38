//! `rounds sudoers`: exactly the commands that a playbook runs as root, as a file for sudoers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args;

use super::exit::Exit;
use super::load;
use super::places::Places;
use crate::model::probe::Ask;
use crate::model::{Kind, Lang, Target};
use crate::playbook::{Narrow, Plan, Work};

/// Arguments of `rounds sudoers`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds sudoers linux-weekly > /tmp/rounds && visudo -cf /tmp/rounds\n  rounds sudoers core-daily.yaml --user inspect --target erp-db"
)]
pub(super) struct SudoersArgs {
    /// Playbook: a file, or the id of one of the site or of one that ships
    playbook: String,
    /// Account on the targets [default: that of each login]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only these targets, groups or systems
    #[arg(long, short = 't', value_name = "NAME")]
    target: Vec<String>,
}

/// Prints the file.
pub(super) fn sudoers(args: &SudoersArgs, places: &Places) -> Exit {
    let narrow = Narrow { targets: args.target.clone(), ..Narrow::default() };
    let (loaded, plan) = load::plan(&places.site(), &args.playbook, &narrow);
    loaded.show_faults();
    let Some(plan) = plan.filter(|_| !loaded.faults.any_error()) else { return Exit::BadInput };
    let needs = needs(&plan, args.user.as_deref());
    if let Some(user) = needs.keys().find(|user| !is_account(user)) {
        eprintln!("rounds: `{}` is no name of an account", crate::model::untrusted::visible(user));
        return Exit::BadInput;
    }
    if let Some(command) = needs.values().flat_map(|need| need.commands.keys()).find(|command| command.contains(char::is_control)) {
        eprintln!("rounds: `{}` cannot stand in a file for sudoers", crate::model::untrusted::visible(command));
        return Exit::BadInput;
    }
    for target in plan.targets.iter().filter(|target| target.kind == Kind::Host && !target.is_local()) {
        if !target.login.as_ref().is_some_and(|login| login.sudo) && needs.values().any(|need| need.targets.contains(&target.id)) {
            eprintln!("rounds: the login of `{}` does not say `sudo: true`, so these commands would run without root there", target.id);
        }
    }
    print!("{}", file(&plan, &needs));
    Exit::Fine
}

/// What one account runs as root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    /// On which targets.
    pub(super) targets: BTreeSet<String>,
    /// The commands, each with the checks that it is for.
    pub(super) commands: BTreeMap<String, BTreeSet<String>>,
}

/// What each account runs as root, by its name.
#[must_use]
pub(super) fn needs(plan: &Plan, user: Option<&str>) -> BTreeMap<String, Need> {
    let mut needs: BTreeMap<String, Need> = BTreeMap::new();
    for item in &plan.items {
        let (Some(target), Work::Check(check)) = (&item.target, &item.work) else { continue };
        for probe in &check.probes {
            let Ask::Shell(shell) = &probe.ask else { continue };
            for command in &shell.privileged {
                let need = needs.entry(user.map_or_else(|| account(target), str::to_owned)).or_default();
                need.targets.insert(target.id.clone());
                need.commands.entry(command.to_string()).or_default().insert(item.texts.check.clone());
            }
        }
    }
    needs
}

/// The account that logs in to `target`: that of its login, else our own.
fn account(target: &Target) -> String {
    let of_login = target.login.as_ref().and_then(|login| login.user.clone());
    of_login.unwrap_or_else(|| std::env::var("USER").unwrap_or_else(|_| "root".to_owned()))
}

/// Names that sudoers takes as they are.
fn is_account(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.len() <= 32
        && name.trim_end_matches('$').bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b))
}

fn file(plan: &Plan, needs: &BTreeMap<String, Need>) -> String {
    let title = crate::model::untrusted::visible(plan.title.get(Lang::En));
    let mut text = format!("# What the playbook `{}` ({title}) runs as root; made by `rounds sudoers`.\n", plan.playbook);
    text.push_str("# Install as /etc/sudoers.d/rounds, mode 0440, after `visudo -cf FILE`.\n");
    if needs.is_empty() {
        text.push_str("# Nothing: no check of it needs root.\n");
    }
    for (user, need) in needs {
        let targets: Vec<&str> = need.targets.iter().map(String::as_str).collect();
        let _ = write!(text, "\n# On {}\n", targets.join(", "));
        if user == "root" {
            text.push_str("# The account is root already.\n");
            continue;
        }
        let alias = format!("ROUNDS_{}", user.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        let commands: Vec<String> = need.commands.keys().map(|command| exact(command)).collect();
        for (command, checks) in &need.commands {
            let checks: Vec<&str> = checks.iter().map(String::as_str).collect();
            let _ = writeln!(text, "#   {}: {}", checks.join(", "), crate::model::untrusted::visible(command));
        }
        let _ = writeln!(text, "Cmnd_Alias {alias} = {}", commands.join(", \\\n    "));
        let _ = writeln!(text, "Defaults:{user} !requiretty");
        let _ = writeln!(text, "{user} ALL=(root) NOPASSWD: {alias}");
    }
    text
}

/// A command as sudoers takes it and nothing more: without arguments it would allow any.
fn exact(command: &str) -> String {
    if command.contains(' ') { command.to_owned() } else { format!("{command} \"\"") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn need(commands: &[&str]) -> BTreeMap<String, Need> {
        let commands = commands.iter().map(|command| ((*command).to_owned(), BTreeSet::from(["check".to_owned()]))).collect();
        BTreeMap::from([("inspect".to_owned(), Need { targets: BTreeSet::from(["web1".to_owned()]), commands })])
    }

    /// Every command that any check of the catalogue runs as root with its example parameters.
    fn of_the_catalogue() -> Vec<String> {
        crate::checks::CATALOGUE.iter().flat_map(|entry| crate::cli::manual::rights(entry).commands).collect()
    }

    #[test]
    fn visudo_takes_what_is_printed() {
        let Ok(version) = Command::new("visudo").arg("--version").output() else {
            eprintln!("no visudo here");
            return;
        };
        assert!(version.status.success());
        let mut commands = of_the_catalogue();
        commands.push("/usr/sbin/smartctl -a *".to_owned());
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        let (plan, dir) = (crate::cli::testing::empty_plan(), tempfile::tempdir().unwrap());
        let path = dir.path().join("rounds");
        std::fs::write(&path, file(&plan, &need(&commands))).unwrap();
        let checked = Command::new("visudo").arg("-cf").arg(&path).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }

    #[test]
    fn a_command_without_arguments_allows_none() {
        let plan = crate::cli::testing::empty_plan();
        assert!(file(&plan, &need(&["/usr/sbin/reboot-needed"])).contains("/usr/sbin/reboot-needed \"\"\n"));
    }

    #[test]
    fn every_command_of_the_catalogue_has_an_absolute_path() {
        for command in of_the_catalogue() {
            assert!(command.starts_with('/'), "{command}");
        }
    }

    #[test]
    fn a_name_that_would_mean_more_to_sudoers_is_no_account() {
        for name in ["inspect", "_apt", "svc.rounds", "machine$"] {
            assert!(is_account(name), "{name}");
        }
        for name in ["", "ALL", "%wheel", "#0", "a b", "a,b", "a=(ALL)", "a\nb"] {
            assert!(!is_account(name), "{name:?}");
        }
    }
}
