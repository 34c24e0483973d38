//! Peers that hang, babble, lie and hang up, in one run with well-behaved ones: each costs its own items, its time and little memory.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::ledger::item;
use super::site::{Site, host, login};
use crate::support::hostile::{Hostile, Manner};
use crate::support::sshd::{Sshd, Wanted};
use crate::support::web::{Reply, Web};

/// What hostile peers may cost over an idle run.
const MEMORY_KIB: u64 = 64 * 1024;

/// Before anybody has logged in.
const MANNERS: [(&str, Manner); 7] = [
    ("silent", Manner::Silent),
    ("banner", Manner::BannerThenSilent),
    ("other", Manner::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff\xff")),
    ("endless", Manner::Endless),
    ("endless-line", Manner::EndlessBanner),
    ("drip", Manner::Drip),
    ("hangs-up", Manner::HangsUp),
];

/// Once somebody has logged in: the address, what is run instead of the shell, and how its items then end.
const SHELLS: [(&str, &str, &str, &str); 9] = [
    ("hang", "127.0.0.11", "sleep 40", "timed-out"),
    ("babble", "127.0.0.12", "timeout 40 yes '{{7*7}} $(reboot) <script>'", "unreachable"),
    ("long-line", "127.0.0.13", "head -c 1000000000 /dev/zero | tr '\\0' x", "unreachable"),
    ("bytes", "127.0.0.14", "printf '\\377\\376\\000\\033]0;owned\\007\\033[2J\\n'", "unreachable"),
    ("cut", "127.0.0.15", "kill -9 $PPID", "unreachable"),
    ("shell-drip", "127.0.0.16", "timeout 40 sh -c 'while :; do printf x; sleep 1; done'", "unreachable"),
    ("echo", "127.0.0.17", "timeout 40 cat", "unreachable"),
    ("complains", "127.0.0.18", "timeout 40 yes >&2", "unreachable"),
    // It answers the first probe and then goes away for good.
    ("leaves", "127.0.0.19", "timeout 40 sh -c 'head -c 2000 | sh -s; kill -9 $PPID'", "unreachable"),
];

const PLAYBOOK: &str = "playbook: all\nschedule: by-hand\nlimits: { item: 3s, target: 6s }\nchecks:\n  \
    - { id: load, check: load }\n  - { id: disk, check: disk-space }\n  - { id: sessions, check: postgres-connections }\n  \
    - { id: threads, check: mysql-connections }\n  - { id: page, check: http }\n";

/// The shell of every account on this server: what the address that was come in by makes of it.
fn shell_of_the_server(site: &Site) -> String {
    let cases: Vec<String> = SHELLS.iter().map(|(_, address, instead, _)| format!("*\" {address} \"*) {instead}; exit ;;")).collect();
    let cases = cases.join("\n");
    let script = site.path("shell");
    fs::write(&script, format!("case \"$SSH_CONNECTION\" in\n{cases}\nesac\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n")).expect("a script");
    format!("ForceCommand /bin/sh {}", script.display())
}

#[test]
fn peers_that_do_not_play_by_the_rules_cost_their_own_items_only() {
    let runtime = Runtime::new().expect("a runtime");
    let site = Site::new();
    let addresses: Vec<&str> =
        ["127.0.0.1", "127.0.0.2", "127.0.0.3"].into_iter().chain(SHELLS.iter().map(|(_, address, ..)| *address)).collect();
    let config = shell_of_the_server(&site);
    let sshd = Sshd::with(&Wanted { listen: &addresses, config: &config, ..Wanted::default() }).expect("sshd starts");
    let other = Sshd::start();
    let peers: Vec<(&str, Hostile)> = MANNERS.iter().map(|(name, manner)| (*name, Hostile::start(*manner))).collect();
    let replies = [
        ("web-drip", Reply::Drip),
        ("web-endless", Reply::Endless),
        ("web-half", Reply::Half),
        ("web-silent", Reply::Silence),
        ("web-raw", Reply::Raw("\u{0}\u{1b}[31m no HTTP at all {{7*7}}\r\n")),
    ];
    let webs: Vec<(&str, Web)> =
        replies.into_iter().map(|(name, reply)| (name, runtime.block_on(Web::start(move |_| reply.clone())))).collect();

    let mut targets = String::new();
    for (id, address) in [("well1", "127.0.0.1"), ("well2", "127.0.0.2")] {
        targets += &host(id, &sshd, address, "");
    }
    targets += &host("impostor", &sshd, "127.0.0.3", "").replace(&sshd.host_key("ed25519"), &other.host_key("ed25519"));
    for (id, address, ..) in SHELLS {
        targets += &host(id, &sshd, address, "");
    }
    for (name, peer) in &peers {
        let port = peer.port();
        let _ = writeln!(
            targets,
            "  - {{ id: ssh-{name}, kind: host, address: 127.0.0.1, port: {port}, login: inspect, host_key: \"SHA256:x\" }}"
        );
        let _ =
            writeln!(targets, "  - {{ id: pg-{name}, kind: postgres, address: 127.0.0.1, port: {port}, login: inspect, tls: disable }}");
        let _ = writeln!(targets, "  - {{ id: my-{name}, kind: mysql, address: 127.0.0.1, port: {port}, login: inspect, tls: disable }}");
    }
    for (id, web) in &webs {
        let _ = writeln!(targets, "  - {{ id: {id}, kind: http, url: \"{}\" }}", web.url("/"));
    }
    site.file("inventory.yaml", &format!("inventory: test\nlogins:\n{}targets:\n{targets}", login("inspect", &sshd)));
    site.file("settings.yaml", "settings: test\ntimezone: Asia/Shanghai\nat_once: 64\n");
    site.file("playbook.yaml", PLAYBOOK);

    let narrow = ["run", "all", "--quiet", "--format", "json", "--lang", "en", "--target", "well1", "--target", "well2"];
    let idle = site.rounds(&narrow);
    let ran = site.run_json("all");
    let mut ledger = site.ledger();
    ledger.assert_tells(&ran);
    let report = ran.json();
    for id in ["well1", "well2"] {
        for line in ["reachable", "load", "disk"] {
            let item = item(&report, id, line);
            assert!(["ok", "info", "warn", "crit"].contains(&item["outcome"].as_str().unwrap()), "{item}");
        }
    }
    let outcome = |id: &str, line: &str| item(&report, id, line)["outcome"].as_str().expect("an outcome").to_owned();
    let mut wrong = Vec::new();
    let mut expect = |id: &str, line: &str, expected: &[&str]| {
        let found = outcome(id, line);
        if !expected.contains(&found.as_str()) {
            wrong.push(format!("{id} {line}: {found}, not {expected:?}: {}", item(&report, id, line)["reason"]));
        }
    };
    expect("impostor", "reachable", &["crit"]);
    expect("impostor", "load", &["unreachable"]);
    for (id, _, _, expected) in SHELLS {
        expect(id, "reachable", &["ok"]);
        expect(id, "disk", &[expected]);
    }
    for (name, line) in MANNERS
        .iter()
        .flat_map(|(name, _)| [("ssh", "load"), ("pg", "sessions"), ("my", "threads")].map(|(kind, line)| (format!("{kind}-{name}"), line)))
    {
        expect(&name, "reachable", &["crit"]);
        expect(&name, line, &["unreachable"]);
    }
    for (id, _) in &webs {
        expect(id, "reachable", &["ok"]);
        expect(id, "page", &["crit", "error", "timed-out", "warn"]);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        item(&report, "impostor", "reachable")["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("identity") && reason.contains("pins")),
        "{}",
        item(&report, "impostor", "reachable")
    );
    // Three tries of ten seconds with their waits are the longest way to find out that nobody is there.
    assert!(ran.took < Duration::from_secs(50), "it took {:?}", ran.took);
    assert!(ran.peak_kib <= idle.peak_kib + MEMORY_KIB, "{} KiB, and {} KiB idle", ran.peak_kib, idle.peak_kib);
    assert!(!ran.out.contains(&0x1b), "no terminal is told anything by a target");
}
