//! A site made of texts.

use std::path::Path;

use rounds::inventory::{self, Inventory};
use rounds::playbook::{self, Narrow, Plan, Site};
use rounds::yaml::Faults;

/// An inventory with what the tests speak of.
pub(crate) const INVENTORY: &str = r#"inventory: t
people: [{ id: wang-lei, name: 王磊 }, { id: li-na }, { id: ops-lead, members: [wang-lei] }]
systems:
  - { id: erp, tier: core, owner: wang-lei, values: { max_response: 2s, min_free: 20GiB } }
  - { id: shop, tier: normal, owner: li-na, values: { max_response: 3s, min_free: 5GiB } }
targets:
  - { id: "app[1..2]", kind: host, address: "10.1.1.[11..12]", system: erp, labels: { role: app, zone: dmz } }
  - { id: db1, kind: host, address: 10.1.1.21, system: erp, labels: { role: db, zone: inner } }
  - { id: shop1, kind: host, address: 10.1.1.31, system: shop, labels: { role: app, zone: dmz } }
groups: [{ id: apps, targets: 'labels.role == "app"' }]
"#;

/// Settings with the tiers of that inventory.
pub(crate) const SETTINGS: &str = "settings: t\ntimezone: Asia/Shanghai\ntiers: [core, normal]\n";

/// A site of named texts, read, resolved and planned.
pub(crate) struct Tried {
    /// What is wrong, a line each.
    pub(crate) faults: String,
    /// Whether any of it is an error.
    pub(crate) refused: bool,
    /// The plans of its playbooks.
    pub(crate) plans: Vec<Plan>,
    /// What was read.
    pub(crate) site: Site,
    /// Its inventory.
    pub(crate) inventory: Inventory,
}

/// Reads `files` (name and text) as a site and plans its playbooks.
pub(crate) fn try_files(files: &[(&str, &str)]) -> Tried {
    let mut faults = Faults::default();
    let mut site = Site::default();
    for (name, text) in files {
        site.read_text(Path::new(name), *text, &mut faults);
    }
    let inventories = std::mem::take(&mut site.inventories);
    let listed = std::mem::take(&mut site.listed);
    let inventory = inventory::resolve(inventories, listed, &site.listed_groups, &site.settings.tiers, &site.sources, &mut faults);
    let playbooks: Vec<_> = site.playbooks.iter().map(|(_, playbook)| playbook.clone()).collect();
    let plans =
        playbooks.iter().filter_map(|playbook| playbook::plan(&site, &inventory, playbook, &Narrow::default(), &mut faults)).collect();
    Tried { faults: faults.lines(&site.sources), refused: faults.any_error(), plans, site, inventory }
}

/// A playbook over that inventory; `text` follows its first line.
pub(crate) fn try_playbook(text: &str) -> Tried {
    try_files(&[("settings.yaml", SETTINGS), ("inventory.yaml", INVENTORY), ("p.yaml", &format!("playbook: p\n{text}"))])
}

/// The text is refused, with a fault on `place` (`FILE:LINE`) that says `words`.
#[track_caller]
pub(crate) fn refused(text: &str, place: &str, words: &str) {
    let tried = try_playbook(text);
    assert!(tried.refused, "accepted:\n{text}\n{}", tried.faults);
    let told = tried.faults.lines().any(|line| line.starts_with(&format!("{place}:")) && line.contains(words));
    assert!(told, "not told `{words}` at {place}:\n{}", tried.faults);
}

/// The text is accepted without a word.
#[track_caller]
pub(crate) fn accepted(text: &str) -> Tried {
    let tried = try_playbook(text);
    assert_eq!(tried.faults, "", "{text}");
    tried
}

/// A file beside the inventory is refused, with a fault on its line that says `words`.
#[track_caller]
pub(crate) fn file_refused(text: &str, line: usize, words: &str) {
    let playbook = "playbook: p\nchecks: [{ id: disk, check: disk-space }]\n";
    let tried = try_files(&[("settings.yaml", SETTINGS), ("inventory.yaml", INVENTORY), ("p.yaml", playbook), ("f.yaml", text)]);
    let place = format!("f.yaml:{line}: error: ");
    let told = tried.faults.lines().any(|fault| fault.starts_with(&place) && fault.contains(words));
    assert!(told, "not told `{words}` at line {line}:\n{}", tried.faults);
}
