//! The figures of page 1, read from the PDF in both languages, against those that SQL counts in the store.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::ledger::ended;
use super::site::{Site, host, login};
use crate::support::server::free_port;
use crate::support::sshd::{Sshd, Wanted};

const PLAYBOOK: &str = "playbook: fleet\ntargets: target.kind == \"host\"\nschedule: by-hand\nlimits: { item: 3s, target: 6s }\nchecks:\n  \
                        - { use: linux-daily, only: [load, memory, disk, inodes, uptime] }\n  \
                        - { id: roots, check: exec, with: { run: [/usr/bin/id, -u], read: number, columns: { uid: number }, as_root: true }, crit: uid > 0 }\n  \
                        - { id: queue, check: exec, with: { run: [cat, /proc/sys/kernel/pid_max], read: number, columns: { waiting: number } }, warn: waiting > 1, crit: never }\n";

#[test]
fn page_one_says_in_both_languages_what_sql_counts() {
    // Five hosts: one is well, one is dead, one is slow, one has no sudo, one is waived.
    let sshd = Sshd::with(&Wanted { listen: &["127.0.0.1", "127.0.0.2", "127.0.0.3"], ..Wanted::default() }).expect("sshd starts");
    let slow = Sshd::with(&Wanted { config: "ForceCommand sleep 25", ..Wanted::default() }).expect("a slow sshd starts");
    let site = Site::new();
    let dead_host = format!("  - {{ id: dead, kind: host, address: 127.0.0.1, port: {}, login: inspect }}\n", free_port());
    let slow_login = login("slow", &slow);
    let slow_host = host("slow", &slow, "127.0.0.1", "").replace("login: inspect", "login: slow");
    let no_sudo = login("no-sudo", &sshd).replace(" }\n", ", sudo: true }\n");
    let no_sudo_host = host("no-sudo", &sshd, "127.0.0.2", "").replace("login: inspect", "login: no-sudo");
    site.file(
        "inventory.yaml",
        &format!(
            "inventory: test\nlogins:\n{}{slow_login}{no_sudo}targets:\n{}{dead_host}{slow_host}{no_sudo_host}{}",
            login("inspect", &sshd),
            host("well", &sshd, "127.0.0.1", ""),
            host("waived", &sshd, "127.0.0.3", ""),
        ),
    );
    site.file("playbook.yaml", PLAYBOOK);
    site.file(
        "waivers.yaml",
        "waivers: test\nlist:\n  - { id: W-1, check: exec, targets: [waived], accepts: warn, reason: known, approved_by: li-na, ends: 2099-01-01 }\n",
    );
    let ran = site.run("fleet");
    let counts = site.ledger().assert_tells(&ran);
    let report = ran.json();
    let others = site.ledger().number("SELECT count(*) FROM items WHERE target = 'dead' AND line <> 'reachable'");
    assert_eq!(counts["unreachable"], others, "{:#?}", ended(&report, "unreachable"));
    assert_eq!(counts["timed-out"], others, "the slow one cost only its own items: {:#?}", ended(&report, "timed-out"));
    assert_eq!(ran.status, Some(1), "{}", ran.complaints());
    assert_eq!(report["tally"]["waived"], 1);
    let waived = site.ledger().number("SELECT sum(waived) FROM items");
    assert_eq!(waived, 1);

    let sum = |words: &[&str]| words.iter().map(|word| counts[*word]).sum::<i64>();
    let planned: i64 = counts.values().sum();
    let judged = sum(&["ok", "info", "warn", "crit", "not-applicable"]);
    let targets = site.ledger().number("SELECT count(DISTINCT target) FROM items");
    let reached = site.ledger().number("SELECT count(*) FROM items WHERE line = 'reachable' AND outcome = 'ok'");
    let tiles = [
        (["critical", "异常"], sum(&["crit"])),
        (["warning", "预警"], sum(&["warn"])),
        (["could not judge", "未能判断"], sum(&["error", "timed-out"])),
        (["not inspected", "未巡检"], sum(&["unreachable", "skipped", "not-run"])),
        (["ok", "正常"], sum(&["ok", "info"])),
        (["not applicable", "不适用"], sum(&["not-applicable"])),
    ];
    for (place, lang) in ["en", "zh"].into_iter().enumerate() {
        let text = page_one(&ran.report(&format!(".{lang}.pdf")));
        let said = tiles_of(&text, &tiles.map(|(words, _)| words[place]));
        let expected: BTreeMap<&str, i64> = tiles.iter().map(|(words, count)| (words[place], *count)).collect();
        assert_eq!(said, expected, "{text}");
        let sentences = if lang == "en" {
            [format!("{judged} of {planned} planned items checked"), format!("{reached} of {targets} targets reached")]
        } else {
            [format!("计划 {planned} 个巡检项，完成 {judged} 个"), format!("共 {targets} 个对象，可达 {reached} 个")]
        };
        let flat: String = text.split_whitespace().collect();
        for sentence in sentences {
            assert!(flat.contains(&sentence.replace(' ', "")), "{sentence}: {text}");
        }
        assert!(text.contains("dead") && text.contains("slow"), "what was not looked at is named: {text}");
    }
}

/// The manager's page, which follows the cover.
fn page_one(pdf: &Path) -> String {
    let output =
        Command::new("pdftotext").args(["-f", "2", "-l", "2", "-layout"]).arg(pdf).arg("-").output().expect("pdftotext is installed");
    String::from_utf8(output.stdout).expect("text")
}

/// The counts of the tiles: a line of numbers above a line of words.
#[track_caller]
fn tiles_of<'w>(text: &str, words: &[&'w str; 6]) -> BTreeMap<&'w str, i64> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| words.iter().all(|word| line.contains(word))).unwrap_or_else(|| panic!("no tiles: {text}"));
    let numbers = lines[..at].iter().rev().find(|line| !line.trim().is_empty()).expect("numbers above");
    let numbers: Vec<i64> = numbers.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    assert_eq!(numbers.len(), 6, "{text}");
    words.iter().copied().zip(numbers).collect()
}
