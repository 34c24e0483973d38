//! Reading what people, other programs and enemies wrote.

use std::fmt::Write as _;

use rounds::inventory;
use rounds::playbook::Site;
use rounds::yaml::{Faults, Sources, parse};

use super::measure::{tell, time};

/// 5,000 hosts as YAML, CSV and Ansible's JSON, each resolved to targets.
pub(crate) fn five_thousand_hosts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let yaml: String = (0..5000).fold("inventory: many\ntargets:\n".to_owned(), |mut text, host| {
        let _ = writeln!(
            text,
            "  - {{ id: host{host}, kind: host, address: 10.{}.{}.{}, labels: {{ role: web, zone: z{} }} }}",
            host / 65536,
            host / 256 % 256,
            host % 256,
            host % 7
        );
        text
    });
    load("5,000 hosts from YAML", folder.path(), &[("i.yaml", &yaml)]);
    let csv: String = (0..5000).fold("id,address,kind,role\n".to_owned(), |mut text, host| {
        let _ = writeln!(text, "host{host},10.0.{}.{},host,web", host / 256, host % 256);
        text
    });
    load(
        "5,000 hosts from CSV",
        folder.path(),
        &[("i.yaml", "inventory: many\nmore_targets: [{ csv: hosts.csv }]\n"), ("hosts.csv", &csv)],
    );
    let hosts: Vec<String> = (0..5000).map(|host| format!("host{host}")).collect();
    let variables: serde_json::Map<String, serde_json::Value> =
        hosts.iter().map(|host| (host.clone(), serde_json::json!({ "ansible_host": "10.0.0.1", "role": "web" }))).collect();
    let json =
        serde_json::json!({ "_meta": { "hostvars": variables }, "all": { "children": ["web"] }, "web": { "hosts": hosts } }).to_string();
    load(
        "5,000 hosts from Ansible's JSON",
        folder.path(),
        &[("i.yaml", "inventory: many\nmore_targets: [{ ansible: hosts.json }]\n"), ("hosts.json", &json)],
    );
}

fn load(what: &str, folder: &std::path::Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).expect("a file is written");
    }
    let (took, count) = time(|| {
        let mut site = Site::default();
        let mut faults = Faults::default();
        site.read_folder(folder, &mut faults);
        let files = std::mem::take(&mut site.inventories);
        let listed = std::mem::take(&mut site.listed);
        let inventory = inventory::resolve(files, listed, &site.listed_groups, &[], &site.sources, &mut faults);
        assert!(!faults.any_error(), "{}", faults.lines(&site.sources));
        inventory.targets.len()
    });
    assert_eq!(count, 5000);
    tell(what, took, "s", 1.0);
}

/// Files that want our time and memory.
pub(crate) fn hostile_files() {
    let bomb = (0..9).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |mut text, level| {
        let _ = writeln!(text, "a{0}: &a{0} [{1}]", level + 1, vec![format!("*a{level}"); 9].join(", "));
        text
    });
    let cases = [
        ("billion laughs", bomb),
        ("100,000 brackets", format!("a: {}", "[".repeat(100_000))),
        ("50 MB in one scalar", format!("a: {}", "x".repeat(50 * 1024 * 1024))),
        ("16 MB of one scalar, under the size of a file", format!("a: {}", "x".repeat(15 * 1024 * 1024))),
        ("the same key 200,000 times", "a: 1\n".repeat(200_000)),
        ("a tag", "a: !!python/object:os.system x\n".to_owned()),
    ];
    for (what, text) in cases {
        let mut sources = Sources::default();
        let file = sources.add("hostile.yaml", "");
        let (took, refused) = time(|| {
            let mut faults = Faults::default();
            parse(file, &text, &mut faults);
            faults.any_error()
        });
        assert!(refused, "{what} was accepted");
        tell(&format!("hostile YAML refused: {what}"), took * 1000.0, "ms", 100.0);
    }
}
