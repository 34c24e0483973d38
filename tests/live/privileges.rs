//! What needs root is asked with exactly the commands that a sudoers file allows, and what it does not allow is told.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::ledger::item;
use super::site::{Site, host};
use crate::support::sshd::{Sshd, Wanted, is_root};

/// An account with a shell that comes with the package of PostgreSQL.
const USER: &str = "postgres";

const PLAYBOOK: &str = "playbook: privileges\nschedule: by-hand\nchecks:\n  \
    - { id: allowed, check: exec, with: { run: [/usr/bin/id, -u], read: number, columns: { uid: number }, as_root: true }, crit: uid > 0 }\n  \
    - { id: other-words, check: exec, with: { run: [/usr/bin/id, -g], read: number, columns: { gid: number }, as_root: true }, crit: gid > 0 }\n  \
    - { id: plain, check: exec, with: { run: [/usr/bin/id, -u], read: number, columns: { uid: number } }, crit: uid == 0 }\n";

/// A file of sudo's that goes with the value.
struct Sudoers(&'static Path);

impl Sudoers {
    fn allow(command: &str) -> Self {
        let file = Self(Path::new("/etc/sudoers.d/rounds-live-test"));
        fs::write(file.0, format!("{USER} ALL=(root) NOPASSWD: {command}\n")).expect("a file of sudo's");
        let checked = Command::new("visudo").args(["-c", "-f"]).arg(file.0).output().expect("visudo is installed");
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
        file
    }
}

impl Drop for Sudoers {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0);
    }
}

#[test]
fn an_account_gets_by_sudo_what_its_file_lists_and_no_more() {
    if !is_root() || !Path::new("/usr/bin/sudo").exists() {
        eprintln!("SKIPPED: needs root and sudo");
        return;
    }
    // Without PAM an account that has no password counts as locked.
    let sshd = Sshd::with(&Wanted { config: "UsePAM yes", ..Wanted::default() }).expect("sshd starts");
    // Its file of known keys is read by the account itself.
    fs::set_permissions(sshd.path(""), Permissions::from_mode(0o711)).expect("a folder that others can pass");
    let _sudoers = Sudoers::allow("/usr/bin/id -u");
    let site = Site::new();
    let login = format!("  - {{ id: inspect, user: {USER}, key: {{ file: \"{}\" }}, sudo: true }}\n", sshd.key().display());
    site.file("inventory.yaml", &format!("inventory: test\nlogins:\n{login}targets:\n{}", host("web1", &sshd, "127.0.0.1", "")));
    site.file("playbook.yaml", PLAYBOOK);
    let ran = site.run_json("privileges");
    site.ledger().assert_tells(&ran);
    let report = ran.json();
    let outcome = |line: &str| item(&report, "web1", line)["outcome"].as_str().unwrap().to_owned();
    assert_eq!(outcome("allowed"), "ok", "{}", item(&report, "web1", "allowed"));
    assert_eq!(outcome("plain"), "ok", "{}", item(&report, "web1", "plain"));
    let refused = item(&report, "web1", "other-words");
    assert_eq!(refused["outcome"], "error");
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.contains("sudo")), "{refused}");
    assert_eq!(ran.status, Some(2), "{}", ran.complaints());
}
