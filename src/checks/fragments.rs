//! Tests over the whole catalogue: what is sent to a host is a program for every shell that a host may have.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::CATALOGUE;
use super::testing::target;
use crate::model::probe::Ask;

/// Every fragment of the catalogue, with the check's id and the probe's name.
fn fragments() -> Vec<(&'static str, String, String)> {
    let mut fragments = Vec::new();
    for entry in CATALOGUE {
        let bound = entry.bind(serde_json::from_str(entry.meta.example).unwrap()).unwrap();
        for probe in bound.probes(&target(entry.meta.kinds[0])) {
            if let Ask::Shell(shell) = probe.ask {
                fragments.push((entry.meta.id, probe.name.into_owned(), shell.script));
            }
        }
    }
    fragments
}

/// Whether `shell` takes `script` for a program, and what it says otherwise; `None` where there is no such shell here.
fn complaint(shell: &[&str], script: &str) -> Option<String> {
    let mut child = Command::new(shell[0]).args(&shell[1..]).arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Some(if output.status.success() { String::new() } else { String::from_utf8_lossy(&output.stderr).into_owned() })
}

#[test]
fn every_shell_of_a_host_understands_every_fragment() {
    let shells: [&[&str]; 4] = [&["sh"], &["dash"], &["bash", "--posix"], &["busybox", "ash"]];
    assert_eq!(complaint(shells[0], "if true; then").map(|said| said.is_empty()), Some(false), "`sh -n` does not look");
    for (id, probe, script) in fragments() {
        for shell in shells {
            assert_eq!(complaint(shell, &script).unwrap_or_default(), "", "{id}: {probe} under {shell:?}");
        }
    }
}

/// The program that a command begins with, without its folder.
fn program(command: &str) -> Option<&str> {
    command.split_whitespace().next()?.rsplit('/').next()
}

#[test]
fn what_needs_root_is_asked_through_priv_and_listed() {
    for entry in CATALOGUE {
        let bound = entry.bind(serde_json::from_str(entry.meta.example).unwrap()).unwrap();
        for probe in bound.probes(&target(entry.meta.kinds[0])) {
            let Ask::Shell(shell) = probe.ask else { continue };
            let programs: Vec<&str> = shell.privileged.iter().filter_map(|command| program(command)).collect();
            let asked: Vec<&str> = shell.script.split("priv ").skip(1).filter_map(program).collect();
            for listed in &programs {
                // A program that the fragment chooses among several stands there as a variable.
                let chosen = asked.iter().any(|asked| asked.starts_with('$')) && shell.script.contains(listed);
                assert!(chosen || asked.contains(listed), "{}: {listed} is listed and not used", entry.meta.id);
            }
            for asked in asked.iter().filter(|asked| !asked.starts_with('$')) {
                assert!(programs.contains(asked), "{}: {asked} is not listed", entry.meta.id);
            }
            assert!(!shell.script.contains("sudo"), "{}: sudo is the transport's work", entry.meta.id);
        }
    }
}
