//! A fleet over SSH on loopback, beside plain `ssh` doing the same reads.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rounds::checks;
use rounds::model::probe::Ask;
use rounds::model::{Kind, Target};

use super::measure::{Took, command, median, rounds, tell};
use crate::support::sshd::{Sshd, Wanted, user};

const TEN: [&str; 10] =
    ["load", "memory", "swap", "disk-space", "inodes", "read-only-mounts", "uptime", "file-handles", "zombies", "failed-units"];
const TWENTY: [&str; 20] = [
    "load",
    "memory",
    "swap",
    "disk-space",
    "inodes",
    "read-only-mounts",
    "uptime",
    "file-handles",
    "cpu",
    "failed-units",
    "zombies",
    "disk-io",
    "clock",
    "interface-errors",
    "tcp-retransmission",
    "raid",
    "sysctl",
    "kernel-errors",
    "oom-kills",
    "log-errors",
];

/// One server listens on sixteen addresses at most.
const SERVERS: usize = 4;
const ADDRESSES: usize = 13;

/// 50 hosts × 10 checks beside `xargs ssh`; with `thousand`, 1,000 × 20 beside 50 × 20.
pub(crate) fn hosts(thousand: bool) {
    let servers: Vec<(Sshd, Vec<String>)> = (0..SERVERS)
        .map(|server| {
            let addresses: Vec<String> = (0..ADDRESSES).map(|address| format!("127.0.{}.{}", server + 1, address + 1)).collect();
            let listen: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let config = "MaxStartups 500:30:1000\nMaxSessions 100\nLogLevel ERROR\n";
            (Sshd::with(&Wanted { config, listen: &listen, ..Wanted::default() }).expect("sshd starts"), addresses)
        })
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ours = site(folder.path(), &servers, 50, &TEN);
    let plain = plain_ssh(folder.path(), &servers, 50, &TEN);
    // In turn, so that a machine that drifts drifts for both.
    let (mut a, mut b) = (Vec::new(), Vec::new());
    command(&ours);
    for _ in 0..3 {
        a.push(checked(command(&ours)));
        b.push(command(&plain));
    }
    let (ours, plain) = (median(a), median(b));
    println!(
        "50 hosts × 10 checks: ours {:.2} s, {:.2} s CPU, {:.0} MiB; xargs -P32 ssh {:.2} s, {:.2} s CPU",
        ours.wall_s, ours.cpu_s, ours.peak_mib, plain.wall_s, plain.cpu_s
    );
    tell("  wall time, ours ÷ xargs ssh", ours.wall_s / plain.wall_s, "×", 1.0);
    tell("  client CPU, ours ÷ xargs ssh", ours.cpu_s / plain.cpu_s, "×", 1.0);
    if thousand {
        let fifty = checked(command(&site(folder.path(), &servers, 50, &TWENTY)));
        let many = checked(command(&site(folder.path(), &servers, 1000, &TWENTY)));
        println!("1,000 hosts × 20 checks: {:.1} s, {:.1} s CPU; 50 hosts × 20 checks: {:.2} s", many.wall_s, many.cpu_s, fifty.wall_s);
        tell("  time a host, 1,000 ÷ 50", (many.wall_s / 1000.0) / (fifty.wall_s / 50.0), "×", 1.2);
        tell("  peak memory", many.peak_mib, "MiB", 150.0);
    }
}

/// A run that could not look is no figure.
fn checked(took: Took) -> Took {
    assert!((0..=2).contains(&took.status), "the run ended with {}", took.status);
    took
}

/// Writes a site and gives the command that runs it.
fn site(folder: &Path, servers: &[(Sshd, Vec<String>)], hosts: usize, ids: &[&str]) -> String {
    let site = folder.join(format!("site-{hosts}-{}", ids.len()));
    fs::create_dir_all(&site).expect("a folder");
    let mut inventory = "inventory: fleet\nlogins:\n".to_owned();
    for (place, (server, _)) in servers.iter().enumerate() {
        let _ = writeln!(inventory, "  - {{ id: l{place}, user: {}, key: {{ file: {} }} }}", user(), server.key().display());
    }
    inventory.push_str("targets:\n");
    for (host, (place, address)) in places(servers).into_iter().cycle().take(hosts).enumerate() {
        let server = &servers[place].0;
        let _ = writeln!(
            inventory,
            "  - {{ id: h{host}, kind: host, address: {address}, port: {}, login: l{place}, host_key: \"{}\" }}",
            server.port(),
            server.host_key("ed25519")
        );
    }
    fs::write(site.join("inventory.yaml"), inventory).expect("a file");
    let lines: String = ids.iter().fold(String::new(), |mut text, id| {
        let _ = writeln!(text, "  - {{ id: {id}, check: {id} }}");
        text
    });
    fs::write(site.join("fleet.yaml"), format!("playbook: fleet\nlimits: {{ run: 2h }}\nchecks:\n{lines}")).expect("a file");
    let store = site.join("store.db");
    format!("{} run fleet --quiet --no-report --site {} --store {}", rounds().display(), site.display(), store.display())
}

/// The same reads by `xargs -P32 ssh`.
fn plain_ssh(folder: &Path, servers: &[(Sshd, Vec<String>)], hosts: usize, ids: &[&str]) -> String {
    let mut script =
        "PATH=$PATH:/usr/sbin:/sbin; LC_ALL=C; export LC_ALL PATH\nhas() { command -v \"$1\" >/dev/null 2>&1; }\npriv() { \"$@\"; }\n"
            .to_owned();
    for id in ids {
        let bound = checks::find(id).expect("a check").bind(serde_json::json!({})).expect("it needs no parameters");
        for probe in bound.probes(&Target::new("t", Kind::Host)) {
            if let Ask::Shell(shell) = &probe.ask {
                let _ = writeln!(script, "( {}\n) </dev/null", shell.script);
                if shell.twice {
                    let _ = writeln!(script, "sleep 1\n( {}\n) </dev/null", shell.script);
                }
            }
        }
    }
    let read = folder.join("read.sh");
    fs::write(&read, script).expect("a file");
    let known = folder.join("known_hosts");
    let mut known_text = String::new();
    let mut list = String::new();
    for (place, address) in places(servers).into_iter().take(hosts) {
        let server = &servers[place].0;
        let _ = writeln!(known_text, "[{address}]:{} {}", server.port(), server.host_key("ed25519"));
        let _ = writeln!(list, "-p {} -i {} {}@{address}", server.port(), server.key().display(), user());
    }
    fs::write(&known, known_text).expect("a file");
    let hosts = folder.join("hosts");
    fs::write(&hosts, list).expect("a file");
    format!(
        "xargs -P32 -L1 -a {} sh -c 'exec ssh -F none -o BatchMode=yes -o KexAlgorithms=curve25519-sha256 -o UserKnownHostsFile={} \"$@\" sh -s <{} >/dev/null 2>&1' sh",
        hosts.display(),
        known.display(),
        read.display()
    )
}

fn places(servers: &[(Sshd, Vec<String>)]) -> Vec<(usize, &str)> {
    servers.iter().enumerate().flat_map(|(place, (_, addresses))| addresses.iter().map(move |address| (place, address.as_str()))).collect()
}
