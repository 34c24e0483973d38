//! Text from a target stays text: on the terminal, in HTML, PDF, JSON and CSV; and what a probe says without end is cut.

use std::fs;
use std::process::Command;

use super::ledger::item;
use super::site::{Site, host, login};
use crate::support::sshd::Sshd;

/// Texts that would do something somewhere if they were not kept as they are.
const TEXTS: [&str; 7] =
    ["{{7*7}}", "$(reboot)", "<script>alert(1)</script>", "#(40+9)", "=HYPERLINK(1)", "\u{1b}[31mred\u{1b}[0m", "\u{202e}txt.exe"];

#[test]
fn text_of_a_target_is_shown_and_never_done() {
    let sshd = Sshd::start();
    let site = Site::new();
    let table = site.path("table");
    let mut bytes = b"name,n\n".to_vec();
    for (n, text) in TEXTS.iter().enumerate() {
        bytes.extend_from_slice(format!("\"{text}\",{}\n", n + 1).as_bytes());
    }
    fs::write(&table, &bytes).expect("a table");
    let broken = site.path("broken");
    fs::write(&broken, b"name,n\n\xff\xfe{{7*7}},1\n").expect("a table that is no text");
    let exec = |id: &str, run: &str, more: &str| {
        format!(
            "  - {{ id: {id}, check: exec, with: {{ run: {run}, read: csv, key: [name], columns: {{ name: text, n: number }} }}{more} }}\n"
        )
    };
    let playbook = format!(
        "playbook: texts\nschedule: by-hand\nlimits: {{ item: 5s }}\nchecks:\n{}{}{}{}{}  - {{ id: load, check: load }}\n",
        exec("texts", &format!("[cat, \"{}\"]", table.display()), ", crit: n > 0"),
        exec("broken", &format!("[cat, \"{}\"]", broken.display()), ", crit: n > 0"),
        exec("endless", "[\"yes\", \"{{7*7}}\"]", ""),
        exec("long", "[sh, -c, \"head -c 1000000000 /dev/zero | tr '\\\\0' x\"]", ""),
        exec("dies", "[sh, -c, 'kill -9 $$']", ""),
    );
    site.file(
        "inventory.yaml",
        &format!("inventory: test\nlogins:\n{}targets:\n{}", login("inspect", &sshd), host("web1", &sshd, "127.0.0.1", "")),
    );
    site.file("playbook.yaml", &playbook);
    let ran = site.run("texts");
    site.ledger().assert_tells(&ran);
    let report = ran.json();
    let outcome = |line: &str| item(&report, "web1", line)["outcome"].as_str().expect("an outcome").to_owned();
    assert_eq!(outcome("texts"), "crit", "{}", item(&report, "web1", "texts"));
    assert!(["ok", "warn", "crit"].contains(&outcome("load").as_str()), "{}", item(&report, "web1", "load"));
    assert_eq!(outcome("endless"), "timed-out");
    for line in ["long", "dies"] {
        assert!(["error", "timed-out"].contains(&outcome(line).as_str()), "{}", item(&report, "web1", line));
    }
    assert!(["error", "crit"].contains(&outcome("broken").as_str()), "{}", item(&report, "web1", "broken"));

    // JSON: as it came.
    let rows = item(&report, "web1", "texts")["rows"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().map(|row| row["values"]["name"].as_str().expect("a name")).collect();
    for text in TEXTS {
        assert!(names.contains(&text), "{text:?}: {names:?}");
    }
    // The terminal: visible, and nothing that a terminal would obey.
    assert!(!ran.out.contains(&0x1b) && !ran.err.contains(&0x1b), "{}", ran.text());
    for text in &TEXTS[..5] {
        assert!(ran.text().contains(text), "{text}: {}", ran.text());
    }
    assert!(ran.text().contains("\\x1b[31mred") && !ran.text().contains('\u{202e}'), "{}", ran.text());
    // HTML: text only.
    for lang in ["en", "zh"] {
        let html = fs::read_to_string(ran.report(&format!(".{lang}.html"))).expect("HTML");
        assert!(!html.contains("<script>alert") && html.contains("&lt;script&gt;alert(1)"), "{lang}");
        assert!(html.contains("{{7*7}}") && html.contains("$(reboot)") && html.contains("#(40+9)"), "{lang}");
        assert!(!html.contains('\u{1b}') && !html.contains('\u{202e}'), "{lang}");
        // PDF: long words may be broken, so spaces do not count.
        let text =
            Command::new("pdftotext").arg(ran.report(&format!(".{lang}.pdf"))).arg("-").output().expect("pdftotext is installed").stdout;
        let text: String = String::from_utf8(text).expect("text").chars().filter(|c| !c.is_whitespace() && *c != '\u{200b}').collect();
        for shown in ["{{7*7}}", "$(reboot)", "<script>alert(1)</script>", "#(40+9)", "\\x1b[31mred"] {
            assert!(text.contains(shown), "{lang} {shown}: {text}");
        }
        // CSV: nothing that a spreadsheet would run.
        let csv = fs::read_to_string(ran.report(&format!(".{lang}.csv"))).expect("CSV");
        let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
        let cells: Vec<String> =
            reader.records().flat_map(|record| record.expect("a record").iter().map(str::to_owned).collect::<Vec<_>>()).collect();
        assert!(cells.iter().any(|cell| cell.contains("{{7*7}}")) && cells.iter().any(|cell| cell.contains("<script>")), "{lang}");
        assert!(!cells.iter().any(|cell| cell.starts_with(['=', '+', '@'])), "{lang}");
    }
}
