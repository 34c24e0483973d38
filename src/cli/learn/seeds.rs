//! What `rounds learn` asks besides the catalogue as it is, and what of the answers are facts: things that do not move by
//! themselves. A check that stands here takes one entry; one that does not keeps its own thresholds.

use crate::model::Kind;

/// A line that is learnt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed {
    /// Id of its line. Of several with one id the first that answers is kept.
    pub(super) id: &'static str,
    /// Check in the catalogue.
    pub(super) check: &'static str,
    /// Kinds of target.
    pub(super) kinds: &'static [Kind],
    /// The value of `with:` in YAML.
    pub(super) with: &'static str,
    /// What is written of it.
    pub(super) lesson: Lesson,
}

/// What is written of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lesson {
    /// Each row has these values, and there are no other rows; besides, the check's own thresholds hold.
    FactsBesides(&'static [&'static str]),
    /// Each row has these values, and there are no other rows; the check's own thresholds do not matter.
    Facts(&'static [&'static str]),
    /// The keys of the rows become this parameter, a list: the check itself compares.
    Expect(&'static str),
}

use Lesson::{Expect, Facts, FactsBesides};

const HOST: &[Kind] = &[Kind::Host];

pub(super) const SEEDS: [Seed; 16] = [
    Seed { id: "mounts", check: "disk-space", kinds: HOST, with: "{}", lesson: FactsBesides(&["fstype"]) },
    // The check wants to be told something; nobody has listened on tcp/1 for decades.
    Seed { id: "ports", check: "listening-ports", kinds: HOST, with: "{ allowed: [tcp/1] }", lesson: Expect("expected") },
    Seed { id: "kernel-settings", check: "sysctl", kinds: HOST, with: "{}", lesson: Facts(&["value"]) },
    Seed { id: "sshd-settings", check: "sshd-settings", kinds: HOST, with: "{}", lesson: Facts(&["value"]) },
    Seed {
        id: "accounts-with-password",
        check: "accounts",
        kinds: HOST,
        with: "{}",
        lesson: Facts(&["uid", "extra_root", "password", "shell"]),
    },
    Seed { id: "firewall", check: "firewall", kinds: HOST, with: "{}", lesson: Facts(&["active"]) },
    Seed { id: "file-rights", check: "file-state", kinds: HOST, with: "{}", lesson: Facts(&["state", "mode", "owner", "group"]) },
    Seed {
        id: "file-contents",
        check: "exec",
        kinds: HOST,
        // A file that is not there has no row, and one that appears is new.
        with: r"{ run: [sha256sum, --, /etc/passwd, /etc/group, /etc/hosts, /etc/fstab, /etc/crontab, /etc/sysctl.conf, /etc/nsswitch.conf, /etc/ssh/sshd_config, /etc/hosts.allow, /etc/hosts.deny], read: { regex: '(?m)^(?P<sha256>[0-9a-f]{64})  (?P<path>/\S+)$' }, columns: { path: text, sha256: text }, key: [path], statuses: [0, 1] }",
        lesson: Facts(&["sha256"]),
    },
    Seed {
        id: "kernel-release",
        check: "exec",
        kinds: HOST,
        with: r"{ run: [uname, -srm], read: { regex: '(?m)^(?P<kernel>\S.*)$' }, columns: { kernel: text } }",
        lesson: Facts(&["kernel"]),
    },
    Seed {
        id: "accounts",
        check: "exec",
        kinds: HOST,
        with: r"{ run: [cat, /etc/passwd], read: { regex: '(?m)^(?P<account>[^:\n]+):[^:\n]*:(?P<uid>\d+):(?P<gid>\d+):[^:\n]*:(?P<home>[^:\n]*):(?P<shell>[^:\n]*)$' }, columns: { account: text, uid: text, gid: text, home: text, shell: text }, key: [account] }",
        lesson: Facts(&["uid", "gid", "home", "shell"]),
    },
    Seed {
        id: "services",
        check: "exec",
        kinds: HOST,
        with: r"{ run: [systemctl, list-unit-files, --type=service, --no-legend, --no-pager], read: { regex: '(?m)^\s*(?P<unit>\S+\.service)\s+(?P<state>\S+)' }, columns: { unit: text, state: text }, key: [unit] }",
        lesson: Facts(&["state"]),
    },
    Seed {
        id: "packages",
        check: "exec",
        kinds: HOST,
        with: r"{ run: [dpkg-query, --show, '--showformat=${db:Status-Abbrev} ${binary:Package} ${Version}\n'], read: { regex: '(?m)^(?P<status>\S+)\s+(?P<pkg>\S+) (?P<version>\S*)$' }, columns: { pkg: text, version: text, status: text }, key: [pkg] }",
        lesson: Facts(&["version", "status"]),
    },
    Seed {
        id: "packages",
        check: "exec",
        kinds: HOST,
        // Several versions of one package (kernels) are told apart by their full names.
        with: r"{ run: [rpm, -qa, --queryformat, '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH} %{VERSION}-%{RELEASE}\n'], read: { regex: '(?m)^(?P<pkg>\S+) (?P<version>\S+)$' }, columns: { pkg: text, version: text }, key: [pkg] }",
        lesson: Facts(&["version"]),
    },
    Seed {
        id: "settings",
        check: "sql",
        kinds: &[Kind::Postgres],
        with: r#"{ query: "select name, setting as value from pg_settings where source in ('configuration file', 'command line', 'database', 'user') order by name", columns: { name: text, value: text }, key: [name] }"#,
        lesson: Facts(&["value"]),
    },
    Seed {
        id: "roles",
        check: "sql",
        kinds: &[Kind::Postgres],
        with: r#"{ query: "select rolname as role, rolsuper as superuser, rolcanlogin as can_log_in from pg_roles order by rolname", columns: { role: text, superuser: boolean, can_log_in: boolean }, key: [role] }"#,
        lesson: Facts(&["superuser", "can_log_in"]),
    },
    Seed {
        id: "schema",
        check: "sql",
        kinds: &[Kind::Sqlite],
        with: r#"{ query: "select name, type, sql as definition from sqlite_master where substr(name, 1, 7) <> 'sqlite_' order by name", columns: { name: text, type: text, definition: text }, key: [name] }"#,
        lesson: Facts(&["type", "definition"]),
    },
];
