//! Runs that are ended before their time: by a person, or by their limit. Nothing is left on the hosts, and nothing unaccounted for.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::ledger::ended;
use super::site::{Site, host, login};
use crate::support::sshd::{Sshd, Wanted};

/// Longest that ending may take.
const END: Duration = Duration::from_secs(5);

const HOSTS: usize = 3;

/// A site of hosts that a playbook keeps busy with `sleep SECONDS`.
fn site(sshd: &Sshd, seconds: &str, limits: &str) -> Site {
    let site = Site::new();
    let hosts = host(&format!("web[1..{HOSTS}]"), sshd, &format!("127.0.0.[1..{HOSTS}]"), "");
    site.file("inventory.yaml", &format!("inventory: test\nlogins:\n{}targets:\n{hosts}", login("inspect", sshd)));
    site.file(
        "playbook.yaml",
        &format!(
            "playbook: slow\nschedule: by-hand\nlimits: {{ {limits} }}\nchecks:\n  - {{ id: load, check: load }}\n  \
             - {{ id: slow, check: exec, with: {{ run: [sleep, \"{seconds}\"], read: number, columns: {{ n: number }} }} }}\n  \
             - {{ id: after, check: exec, with: {{ run: [\"echo\", \"1\"], read: number, columns: {{ n: number }} }} }}\n"
        ),
    );
    site
}

fn fleet() -> Sshd {
    Sshd::with(&Wanted { listen: &["127.0.0.1", "127.0.0.2", "127.0.0.3"], ..Wanted::default() }).expect("sshd starts")
}

/// How many processes are `sleep SECONDS`.
fn sleepers(seconds: &str) -> usize {
    let output = Command::new("ps").args(["-A", "-o", "stat=,args="]).output().expect("ps");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter(|line| !line.starts_with('Z') && line.trim_end().ends_with(&format!("sleep {seconds}"))).count()
}

/// Waits until nothing of it is left.
#[track_caller]
fn assert_gone(seconds: &str) {
    let until = Instant::now() + Duration::from_secs(2);
    while sleepers(seconds) > 0 {
        assert!(Instant::now() < until, "{} are left on the hosts", sleepers(seconds));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_interrupt_ends_a_run_at_once_and_leaves_nothing_behind() {
    for (signal, seconds) in [(Signal::INT, "97531.1"), (Signal::TERM, "97531.2")] {
        let sshd = fleet();
        let site = site(&sshd, seconds, "item: 100s");
        let mut running = site.start(&["run", "slow", "--quiet", "--format", "json", "--lang", "en"]);
        running.wait_until(|| sleepers(seconds) >= HOSTS);
        let told = Instant::now();
        running.signal(signal);
        let ran = running.finish();
        assert!(told.elapsed() < END, "it took {:?}", told.elapsed());
        assert_gone(seconds);
        assert!(!matches!(ran.status, Some(0)), "{:?}", ran.status);
        let mut ledger = site.ledger();
        assert_eq!(ledger.state(ran.run_id()), "cancelled");
        ledger.assert_tells(&ran);
        let report = ran.json();
        assert_eq!(report["run"]["state"], "cancelled");
        assert_eq!(ended(&report, "unreachable"), Vec::<String>::new(), "that we left says nothing about the hosts");
        for host in 1..=HOSTS {
            for line in ["slow", "after"] {
                assert_eq!(ledger.outcome(ran.run_id(), &format!("web{host}"), line), "not-run", "{line}");
            }
        }
        assert!(ended(&report, "not-run").iter().all(|item| item.contains("cancelled")), "{:#?}", ended(&report, "not-run"));
    }
}

#[test]
fn the_limit_of_a_run_ends_it_like_a_person_and_says_so() {
    let sshd = fleet();
    let site = site(&sshd, "97531.3", "item: 100s, run: 6s");
    let ran = site.run_json("slow");
    assert!(ran.took < Duration::from_secs(6) + END, "it took {:?}", ran.took);
    assert_gone("97531.3");
    assert!(!matches!(ran.status, Some(0)), "{:?}", ran.status);
    let mut ledger = site.ledger();
    assert_eq!(ledger.state(ran.run_id()), "cancelled", "it is not whole");
    ledger.assert_tells(&ran);
    let report = ran.json();
    assert_eq!(ledger.outcome(ran.run_id(), "web1", "slow"), "not-run");
    assert!(ended(&report, "not-run").iter().all(|item| item.contains("6 s")), "{:#?}", ended(&report, "not-run"));
}

#[test]
fn a_probe_that_takes_too_long_costs_only_itself() {
    let sshd = fleet();
    let site = site(&sshd, "97531.4", "item: 2s");
    let ran = site.run_json("slow");
    assert_gone("97531.4");
    let mut ledger = site.ledger();
    ledger.assert_tells(&ran);
    assert_eq!(ledger.state(ran.run_id()), "done");
    for host in 1..=HOSTS {
        let target = format!("web{host}");
        assert_eq!(ledger.outcome(ran.run_id(), &target, "slow"), "timed-out");
        assert_eq!(ledger.outcome(ran.run_id(), &target, "after"), "info");
        assert_eq!(ledger.outcome(ran.run_id(), &target, "reachable"), "ok");
    }
}
