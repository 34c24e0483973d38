//! Rule 4: some beats all, nearer beats farther, later beats earlier; key by key.

use rounds::judge::Threshold;
use rounds::playbook::{Plan, PlannedCheck, Work};

use crate::site::{INVENTORY, accepted, refused, try_files, try_playbook};

fn check<'p>(plan: &'p Plan, line: &str, target: &str) -> &'p PlannedCheck {
    let item = plan.items.iter().find(|item| item.key.line == line && item.key.target == target).expect("the item is planned");
    match &item.work {
        Work::Check(check) => check,
        _ => panic!("{line} on {target} is no check"),
    }
}

/// The rules for `warn` that are for all rows, weakest first.
fn warns(plan: &Plan, target: &str) -> Vec<String> {
    let rules = &check(plan, "disk", target).rules;
    rules
        .warn
        .iter()
        .filter(|candidate| candidate.rows.is_none())
        .map(|candidate| match &candidate.threshold {
            Threshold::Never => "never".to_owned(),
            Threshold::When(expression) => expression.source().to_owned(),
        })
        .collect()
}

#[test]
fn the_whole_ladder_stands_in_order_of_precedence() {
    let settings = "settings: t\ntiers: [core, normal]\noverrides:\n\
        \x20 - { check: disk-space, targets: [db1], warn: free_pct < 5% }\n\
        \x20 - { check: disk-space, warn: free_pct < 2% }\n";
    let playbook = "playbook: p\noverrides:\n\
        \x20 - { check: disk-space, targets: [db1], warn: free_pct < 6% }\n\
        \x20 - { check: disk-space, warn: free_pct < 3% }\n\
        checks:\n  - id: disk\n    check: disk-space\n    warn: free_pct < 4%\n    overrides:\n\
        \x20     - { targets: [db1], warn: free_pct < 7% }\n      - { targets: [db1], warn: free_pct < 8% }\n";
    let tried = try_files(&[("settings.yaml", settings), ("inventory.yaml", INVENTORY), ("p.yaml", playbook)]);
    assert!(!tried.refused, "{}", tried.faults);
    let expected = [20, 2, 3, 4, 5, 6, 7, 8].map(|pct| format!("free_pct < {pct}%"));
    assert_eq!(warns(&tried.plans[0], "db1"), expected);
    assert_eq!(warns(&tried.plans[0], "app1"), expected[..4]);
    // What is beaten everywhere is said to be: six overrides, of which the last alone decides anything.
    assert_eq!(tried.faults.matches("this never applies").count(), 5, "{}", tried.faults);
}

#[test]
fn a_threshold_is_overridden_key_by_key() {
    let plan = &accepted("checks:\n  - id: disk\n    check: disk-space\n    overrides: [{ targets: [db1], warn: never }]\n").plans[0];
    assert_eq!(warns(plan, "db1"), ["free_pct < 20%", "never"]);
    assert_eq!(check(plan, "disk", "db1").rules.crit.len(), 1, "crit stays that of the catalogue");
}

#[test]
fn lists_replace_and_add_adds() {
    let plan = &accepted(
        "checks:\n  - id: disk\n    check: disk-space\n    with: { exclude_mounts: [/a] }\n    overrides:\n\
         \x20     - { targets: [db1], with: { exclude_mounts: { add: [/b] } } }\n      - { targets: [app1], with: { exclude_mounts: [/c] } }\n",
    )
    .plans[0];
    let mounts = |target: &str| check(plan, "disk", target).bound.params()["exclude_mounts"].clone();
    assert_eq!(mounts("db1"), serde_json::json!(["/a", "/b"]));
    assert_eq!(mounts("app1"), serde_json::json!(["/c"]));
    assert_eq!(mounts("app2"), serde_json::json!(["/a"]));
}

#[test]
fn add_needs_a_list_to_add_to_and_stands_alone() {
    refused("checks: [{ id: d, check: disk-space, with: { exclude_mounts: { add: /b } } }]\n", "p.yaml:2", "puts a list onto a list");
    refused("checks: [{ id: d, check: disk-space, with: { exclude_mounts: { add: [/b], remove: [/c] } } }]\n", "p.yaml:2", "stands alone");
}

#[test]
fn never_switches_off_and_nothing_else_does() {
    for word in ["false", "off", "none", "0", "no"] {
        refused(&format!("checks:\n  - {{ id: d, check: disk-space, warn: {word} }}\n"), "p.yaml:3", "is no rule");
    }
    let plan = &accepted("checks: [{ id: disk, check: disk-space, warn: never }]\n").plans[0];
    assert_eq!(warns(plan, "db1").last().map(String::as_str), Some("never"));
}

#[test]
fn an_override_that_can_never_win_is_told() {
    let tried = try_playbook(
        "targets: [app1, app2]\nchecks:\n  - id: d\n    check: disk-space\n    overrides:\n      - { targets: [db1], warn: free_pct < 5% }\n",
    );
    assert!(tried.faults.contains("p.yaml:7: warning: this never applies"), "{}", tried.faults);
}

#[test]
fn an_override_says_for_what() {
    refused("overrides: [{ warn: free_pct < 1% }]\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "must say which check");
    refused("overrides: [{ check: disk-spce, warn: free_pct < 1% }]\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "no check");
    let inside = "checks: [{ id: d, check: disk-space, overrides: [{ check: cpu, targets: [db1], warn: free_pct < 1% }] }]\n";
    refused(inside, "p.yaml:2", "is for that check");
    let all = "checks: [{ id: d, check: disk-space, overrides: [{ warn: free_pct < 1% }] }]\n";
    refused(all, "p.yaml:2", "for which targets or rows");
    let nothing = "checks: [{ id: d, check: disk-space, overrides: [{ targets: [db1] }] }]\n";
    refused(nothing, "p.yaml:2", "changes nothing");
}

#[test]
fn a_slip_in_settings_is_told_there() {
    let settings = "settings: t\ntiers: [core, normal]\noverrides:\n  - { check: disk-spce, warn: free_pct < 5% }\n";
    let playbook = "playbook: p\nchecks: [{ id: d, check: disk-space }]\n";
    let tried = try_files(&[("settings.yaml", settings), ("inventory.yaml", INVENTORY), ("p.yaml", playbook)]);
    assert!(
        tried.faults.contains("settings.yaml:4: error: there is no check `disk-spce` (did you mean `disk-space`?)"),
        "{}",
        tried.faults
    );
}
