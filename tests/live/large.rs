//! Thousands of targets: from every kind of list, with waivers, overrides and groups, nothing is lost and nothing takes minutes.

use std::fmt::Write as _;
use std::time::Duration;

use super::site::Site;

const EACH: usize = 5000;

/// Far more than it takes, and far less than what grows with the square of the targets takes.
const LIMIT: Duration = Duration::from_secs(90);

fn csv() -> String {
    let mut text = "id,address,kind,system,role,zone\n".to_owned();
    for n in 0..EACH {
        let _ = writeln!(text, "csv{n},10.2.{}.{},host,,{},z{}", n / 250, n % 250 + 1, ["web", "db"][n % 2], n % 7);
    }
    text
}

fn ansible() -> String {
    let names: Vec<String> = (0..EACH).map(|n| format!("ans{n}")).collect();
    let hosts: serde_json::Map<String, serde_json::Value> =
        names.iter().map(|name| (name.clone(), serde_json::json!({ "ansible_host": format!("{name}.x"), "role": "cache" }))).collect();
    let all = serde_json::json!({ "_meta": { "hostvars": hosts }, "all": { "children": ["caches"] }, "caches": { "hosts": names } });
    all.to_string()
}

#[test]
fn fifteen_thousand_hosts_are_all_there() {
    let site = Site::new();
    std::fs::write(site.path("site").join("hosts.csv"), csv()).expect("a list");
    std::fs::write(site.path("site").join("ansible.json"), ansible()).expect("a list");
    site.file(
        "inventory.yaml",
        &format!(
            "inventory: test\nmore_targets: [{{ csv: hosts.csv }}, {{ ansible: ansible.json }}]\n\
             defaults:\n  - {{ targets: 'labels.role == \"web\"', port: 2222 }}\n\
             targets:\n  - {{ id: \"yaml[0001..{EACH}]\", kind: host, address: \"h[0001..{EACH}].x\", labels: {{ role: batch }} }}\n\
             groups:\n  - {{ id: webs, targets: 'labels.role == \"web\"' }}\n"
        ),
    );
    let mut waivers = "waivers: test\nlist:\n".to_owned();
    for n in 0..40 {
        let _ = writeln!(
            waivers,
            "  - {{ id: W-{n}, check: disk-space, targets: 'labels.zone == \"z{}\"', rows: 'mount == \"/x{n}\"', accepts: warn, reason: r, approved_by: b, ends: 2099-01-01 }}",
            n % 7
        );
    }
    let _ = writeln!(
        waivers,
        "  - {{ id: W-r, check: reachable, targets: [webs, caches], accepts: crit, reason: r, approved_by: b, ends: 2099-01-01 }}"
    );
    site.file("waivers.yaml", &waivers);
    site.file(
        "playbook.yaml",
        "playbook: daily\ntargets: target.kind == \"host\"\nschedule: by-hand\nchecks:\n  - { use: linux-daily, only: [cpu, disk, load, memory] }\n  \
         - id: processes\n    check: processes\n    with: { expect: [{ name: sshd }] }\n    overrides:\n      - { targets: [webs], warn: never }\n",
    );
    let ran = site.rounds(&["lint", "--plain"]);
    assert_eq!(ran.status, Some(0), "{}{}", ran.text(), ran.complaints());
    assert!(ran.text().contains(&format!("{} targets", 3 * EACH)), "{}", ran.text());
    assert!(ran.took < LIMIT, "it took {:?}", ran.took);
}
