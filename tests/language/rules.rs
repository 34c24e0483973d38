//! The rules of the language but precedence, each broken on purpose: the fault says what is wrong, and where.

use rounds::checks;
use rounds::model::Outcome;
use rounds::playbook::Work;

use crate::site::{INVENTORY, SETTINGS, accepted, file_refused, refused, try_files};

/// A playbook with one disk check that says `rest` besides.
fn disk(rest: &str) -> String {
    format!("checks:\n  - id: disk\n    check: disk-space\n{rest}")
}

// 1. The first key says what a file is.

#[test]
fn the_first_key_says_what_a_file_is() {
    file_refused("title: x\nplaybook: y\n", 1, "must come first");
    file_refused("playbok: y\n", 1, "did you mean `playbook`?");
    file_refused("- playbook: y\n", 1, "is a map");
    file_refused("just text\n", 1, "is a map");
    file_refused("settings: again\n", 1, "a second file of settings");
    file_refused("playbook: p\nchecks: [{ id: d, check: disk-space }]\n", 1, "stands twice");
}

#[test]
fn a_key_that_nobody_knows_or_without_a_value_is_refused() {
    refused("targts: [db1]\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "did you mean `targets`?");
    refused("targets:\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "`targets:` has no value");
    refused(&disk("    crit:\n"), "p.yaml:5", "`crit:` has no value");
    refused(&disk("    thresholds: { warn: x }\n"), "p.yaml:5", "no key `thresholds`");
}

// 2. A string under `targets:` is an expression, a list is names.

#[test]
fn a_string_is_an_expression_and_a_list_is_names() {
    accepted("targets: 'labels.role == \"app\" and system.tier == \"core\"'\nchecks: [{ id: d, check: disk-space }]\n");
    accepted("targets: [erp, apps, shop1]\nchecks: [{ id: d, check: disk-space }]\n");
    refused("targets: db1\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "[db1]");
    refused("targets: [labels.role == \"app\"]\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "is a name");
    refused("targets: [db2]\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "did you mean `db1`?");
    refused("targets: []\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "empty list");
}

#[test]
fn targets_groups_and_systems_share_their_names() {
    file_refused("inventory: u\ntargets: [{ id: erp, kind: host }]\n", 2, "taken by a system");
    file_refused("inventory: u\ntargets: [{ id: db1, kind: host }]\n", 2, "stands twice");
    file_refused("inventory: u\ngroups: [{ id: db1, targets: [app1] }]\n", 2, "is taken");
    file_refused("inventory: u\ngroups: [{ id: none, targets: 'target.kind == \"http\"' }]\n", 2, "has no members");
    file_refused("inventory: u\nsystems: [{ id: idle, tier: core }]\ngroups: [{ id: g, targets: [idle] }]\n", 3, "stands for no target");
}

#[test]
fn labels_are_snake_case_and_brackets_belong_to_targets() {
    file_refused("inventory: u\ntargets: [{ id: x1, kind: host, labels: { Role-Name: app } }]\n", 2, "snake_case");
    refused("checks: [{ id: \"d[1..2]\", check: disk-space }]\n", "p.yaml:2", "is a name of letters");
}

// 3. Two moments, two words.

#[test]
fn targets_know_no_fields_and_rows_are_judged_after_the_probe() {
    refused("targets: free_pct < 20%\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "free_pct");
    accepted(&disk("    overrides: [{ rows: 'mount == \"/u01\" and labels.role == \"db\"', warn: never }]\n"));
    refused(&disk("    overrides: [{ rows: 'mountpoint == \"/\"', warn: never }]\n"), "p.yaml:5", "mount");
    let with = disk("    overrides: [{ rows: 'mount == \"/\"', with: { exclude_mounts: [/] } }]\n");
    refused(&with, "p.yaml:5", "parameters are chosen before there are rows");
}

// 5. Literals with units.

#[test]
fn units_are_asked_for_and_spelt_in_one_way() {
    refused(&disk("    limit: 30\n"), "p.yaml:5", "30 what?");
    refused(&disk("    limit: 5min\n"), "p.yaml:5", "5m");
    refused(&disk("    limit: 99999999999999999999w\n"), "p.yaml:5", "century");
    refused(&disk("    limit: 0s\n"), "p.yaml:5", "length of time");
    refused(&disk("    warn: free_bytes < 200G\n"), "p.yaml:5", "GiB");
    refused(&disk("    warn: free_bytes < 20%\n"), "p.yaml:5", "percent");
    refused(&disk("    warn: free_pct < 20GiB\n"), "p.yaml:5", "bytes");
    refused(&disk("    warn: free_bytes < 200\n"), "p.yaml:5", "200");
    accepted(&disk("    limit: 1d2h\n    warn: free_bytes < 200GiB\n"));
}

#[test]
fn values_of_systems_keep_their_units() {
    accepted(&disk("    warn: free_bytes < system.values.min_free\n"));
    refused(&disk("    warn: free_pct < system.values.min_free\n"), "p.yaml:5", "");
    file_refused("inventory: u\nsystems: [{ id: crm, tier: core, values: { max_response: 20% } }]\n", 2, "another type");
}

// 6. A slip is never a false ok.

#[test]
fn slips_in_expressions_are_errors_at_their_place() {
    for (rule, words) in [
        ("free_pct = 5", "write =="),
        ("free < 5%", "free"),
        ("labels.rol == \"app\"", "role"),
        ("labels.role == \"aap\"", "app"),
        ("mount == 5", ""),
        ("free_pct < \"5\"", ""),
        ("5% < free_pct < 10%", ""),
        ("!(free_pct < 5%)", "not"),
        ("free_pct ＜ 5%", "write <"),
        ("mount.matches(\"[\")", ""),
        ("free_pct between 5 and 10", ""),
        ("free_pct", ""),
        ("free_pct <", ""),
    ] {
        let quoted = serde_json::Value::from(rule).to_string();
        refused(&disk(&format!("    warn: {quoted}\n")), "p.yaml:5", words);
    }
}

#[test]
fn a_rule_in_the_wrong_direction_is_doubted() {
    let tried = crate::site::try_playbook(&disk("    warn: free_pct > 80%\n"));
    assert!(tried.faults.contains("p.yaml:5: warning: "), "{}", tried.faults);
}

#[test]
fn every_place_of_a_slip_is_told_and_not_only_the_first() {
    let text = "checks:\n  - { id: a, check: disk-space, warn: fre_pct < 5% }\n  - { id: b, check: disk-space, warn: fre_pct < 5% }\n";
    refused(text, "p.yaml:3", "free_pct");
    refused(text, "p.yaml:4", "free_pct");
}

#[test]
fn a_value_that_nobody_carries_and_an_empty_selection_are_refused() {
    refused("targets: system.tier == \"cor\"\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "core");
    refused("targets: target.kind == \"http\"\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "no target");
    refused(&disk("    targets: 'labels.role == \"db\" and labels.zone == \"dmz\"'\n"), "p.yaml:5", "without a target");
}

// 7. Rows.

#[test]
fn a_field_judges_each_row_and_rows_the_list() {
    accepted(&disk("    per: target\n    crit: rows.exists(r, r.free_pct < 5%)\n"));
    refused(&disk("    per: target\n    crit: free_pct < 5%\n"), "p.yaml:6", "free_pct");
    refused(&disk("    crit: rows.exists(r, r.free_pct < 5%)\n"), "p.yaml:5", "rows");
    refused(&disk("    per: target\n    crit: rows.exists(r, r.fre_pct < 5%)\n"), "p.yaml:6", "free_pct");
    refused(&disk("    per: target\n"), "p.yaml:3", "there are no others");
    let rows =
        disk("    per: target\n    crit: rows.exists(r, r.free_pct < 5%)\n    overrides: [{ rows: 'mount == \"/\"', crit: never }]\n");
    refused(&rows, "p.yaml:7", "judged together");
}

// 8. The change over time only in `trend:`.

#[test]
fn the_change_over_time_is_a_trend_of_its_own() {
    accepted(&disk("    trend: [{ id: filling, warn: 'full_in(used_bytes, size_bytes) < 30d', history: 7d }]\n"));
    refused(&disk("    warn: full_in(used_bytes, size_bytes) < 30d\n"), "p.yaml:5", "trend");
    refused(&disk("    trend: [{ id: filling }]\n"), "p.yaml:5", "without warn or crit");
    refused(&disk("    trend: [{ id: a, warn: 'grew(used_bytes, 3) > 1GiB' }]\n"), "p.yaml:5", "");
    let twice = disk("    trend: [{ id: a, warn: 'grew(used_bytes, 1d) > 1GiB' }, { id: a, crit: 'grew(used_bytes, 1d) > 2GiB' }]\n");
    refused(&twice, "p.yaml:3", "planned twice");
    let line = "checks:\n  - { id: d, check: disk-space, trend: [{ id: a, warn: 'grew(used_bytes, 1d) > 1GiB' }] }\n  - { id: d.a, check: disk-space }\n";
    refused(line, "p.yaml:4", "planned twice");
}

// 9. Items only where the kind fits.

#[test]
fn nothing_is_left_over_on_either_side() {
    let inventory = "inventory: u\ntargets: [{ id: web, kind: http, url: \"https://erp.example\" }]\n";
    let playbook = "playbook: p\nchecks: [{ id: d, check: disk-space }]\n";
    let tried = try_files(&[("s.yaml", SETTINGS), ("i.yaml", INVENTORY), ("u.yaml", inventory), ("p.yaml", playbook)]);
    assert!(tried.faults.contains("p.yaml:1: error: no check looks at `web`"), "{}", tried.faults);
    let alone = try_files(&[("u.yaml", inventory), ("p.yaml", playbook)]);
    assert!(alone.faults.contains("p.yaml:2: error: `d` is left without a target"), "{}", alone.faults);
    let named = "playbook: p\nchecks: [{ id: d, check: disk-space, targets: [web] }]\n";
    let named = try_files(&[("u.yaml", inventory), ("p.yaml", named)]);
    assert!(named.faults.contains("p.yaml:2: error: `disk-space` does not fit `web`"), "{}", named.faults);
    refused("checks: []\n", "p.yaml:1", "looks at nothing");
    let empty = try_files(&[("p.yaml", playbook)]);
    assert!(empty.faults.contains("the inventory has no targets"), "{}", empty.faults);
}

#[test]
fn a_kind_without_transport_is_planned_and_not_run() {
    let inventory = "inventory: u\ntargets: [{ id: ora, kind: oracle }, { id: h, kind: host }]\n";
    let playbook = "playbook: p\nchecks: [{ id: d, check: disk-space }]\n";
    let tried = try_files(&[("u.yaml", inventory), ("p.yaml", playbook)]);
    assert_eq!(tried.faults, "");
    let ora: Vec<_> = tried.plans[0].items.iter().filter(|item| item.key.target == "ora").collect();
    assert!(matches!(ora.as_slice(), [item] if matches!(item.work, Work::NotRun(_))), "one item that says {:?}", Outcome::NotRun);
}

#[test]
fn a_person_is_asked_and_judged_by_no_rule() {
    accepted("checks:\n  - { id: d, check: disk-space }\n  - { id: ask, check: ask-person, who: wang-lei, within: 24h }\n");
    refused("checks: [{ id: ask, check: ask-person }]\n", "p.yaml:2", "needs `who:`");
    refused("checks: [{ id: ask, check: ask-person, who: wang-li }]\n", "p.yaml:2", "did you mean `wang-lei`?");
    refused("checks: [{ id: ask, check: ask-person, who: wang-lei, warn: x > 1 }]\n", "p.yaml:2", "nothing to judge");
    refused(&disk("    who: wang-lei\n"), "p.yaml:5", "ask-person");
}

// 10. Probes read.

#[test]
fn what_writes_says_so() {
    for (check, with, words) in [
        ("http", "{ method: POST }", "GET"),
        ("http-flow", "{ steps: [{ id: order, post: /orders, json: {} }] }", "writes"),
        ("sql", "{ query: \"delete from orders\", columns: { n: number } }", "query"),
    ] {
        let Some(entry) = checks::find(check) else { continue };
        let inventory =
            "inventory: u\ntargets: [{ id: web, kind: http, url: \"https://a.example\" }, { id: db, kind: sqlite, path: /a.db }]\n";
        let target = if entry.meta.id == "sql" { "db" } else { "web" };
        let playbook = format!("playbook: p\ntargets: [{target}]\nchecks: [{{ id: w, check: {check}, with: {with} }}]\n");
        let tried = try_files(&[("u.yaml", inventory), ("p.yaml", &playbook)]);
        assert!(tried.refused && tried.faults.contains(words), "{check}: {}", tried.faults);
    }
}

// 11. Text is refused where a number would be mangled.

#[test]
fn text_that_would_be_mangled_is_quoted() {
    for text in ["1.10", "027", "on", "12:30"] {
        refused(&disk(&format!("    title: {text}\n")), "p.yaml:5", "quote it");
        file_refused(&format!("inventory: u\ntargets: [{{ id: x1, kind: host, labels: {{ v: {text} }} }}]\n"), 2, "quote it");
    }
    accepted(&disk("    title: \"1.10\"\n"));
}

// What belongs to no rule by number.

#[test]
fn ids_are_given_once() {
    let twice = "checks:\n  - { id: d, check: disk-space }\n  - { id: d, check: disk-space, targets: [db1] }\n";
    refused(twice, "p.yaml:4", "stands twice");
    refused("checks: [{ id: reachable, check: disk-space }]\n", "p.yaml:2", "every target has");
    let across = "checks: [{ id: d, check: disk-space }]\nacross:\n  - { id: x, of: d, crit: ok_count < 1 }\n  - { id: x, of: d, crit: ok_count < 2 }\n";
    refused(across, "p.yaml:5", "stands twice");
}

#[test]
fn rules_across_targets_judge_counts() {
    accepted("checks: [{ id: d, check: disk-space }]\nacross: [{ id: pair, of: d, targets: [apps], warn: ok_count < planned_count }]\n");
    refused("checks: [{ id: d, check: disk-space }]\nacross: [{ id: pair, of: d }]\n", "p.yaml:3", "without warn or crit");
    refused("checks: [{ id: d, check: disk-space }]\nacross: [{ id: pair, of: e, warn: ok_count < 1 }]\n", "p.yaml:3", "`e`");
    refused("checks: [{ id: d, check: disk-space }]\nacross: [{ id: pair, of: d, warn: okay_count < 1 }]\n", "p.yaml:3", "ok_count");
}

#[test]
fn a_waiver_has_an_end_an_approver_and_a_check_that_exists() {
    let waiver = |change: &str, to: &str| {
        "waivers: w\nlist:\n  - { id: W-1, check: disk-space, targets: [db1], accepts: warn, reason: r, requested_by: li-na, approved_by: ops-lead, ends: 2027-03-31 }\n".replace(change, to)
    };
    file_refused(&waiver("2027-03-31", "never"), 3, "cannot end `never`");
    file_refused(&waiver("2027-03-31", "2027-02-30"), 3, "cannot end");
    file_refused(&waiver("approved_by: ops-lead", "approved_by: li-na"), 3, "cannot grant it");
    file_refused(&waiver("ops-lead", "ops-led"), 3, "did you mean `ops-lead`?");
    file_refused(&waiver("[db1]", "[db9]"), 3, "db9");
    file_refused(&waiver("disk-space", "disk-spce"), 3, "did you mean `disk-space`?");
    file_refused(&waiver("accepts: warn", "accepts: all"), 3, "accepts cannot be `all`");
    file_refused(&waiver("accepts: warn, ", ""), 3, "needs `accepts:`");
    file_refused(&waiver("accepts: warn", "rows: 'mont == \"/\"', accepts: warn"), 3, "mount");
}

#[test]
fn two_of_one_name_are_refused_wherever_there_are_names() {
    let waiver = "  - { id: W-1, check: disk-space, targets: [db1], accepts: warn, reason: r, approved_by: ops-lead, ends: 2027-03-31 }\n";
    file_refused(&format!("waivers: w\nlist:\n{waiver}{waiver}"), 4, "stands twice");
    let window = "  - { id: w, from: 2026-12-28 00:00, to: 2027-01-05 08:00, effect: [skip], reason: r }\n";
    file_refused(&format!("windows: w\nlist:\n{window}{window}"), 4, "stands twice");
}

#[test]
fn windows_hold_sometime_for_somebody() {
    let window = |text: &str| format!("windows: w\nlist:\n  - {{ id: w, {text}, reason: r }}\n");
    file_refused(&window("from: 2027-01-05, to: 2026-12-28, effect: [skip]"), 3, "in order");
    file_refused(&window("from: 2026-12-28, effect: [skip]"), 3, "`from:` and `to:`");
    file_refused(&window("targets: [db9], from: 2026-12-28, to: 2027-01-05, effect: [skip]"), 3, "db9");
    file_refused(&window("from: 2026-12-28, to: 2027-01-05, effect: [sleep]"), 3, "an effect cannot be `sleep`");
    file_refused(&window("from: 2026-12-28, to: 2027-01-05, effect: []"), 3, "empty list");
    file_refused(&window("every: { days: [6th-mon], at: \"23:00\" }, for: 5h, effect: [skip]"), 3, "is no day");
    file_refused(&window("every: { days: [mon], at: \"25:00\" }, for: 5h, effect: [skip]"), 3, "no time of day");
    file_refused(&window("every: { days: [mon], at: \"23:00\" }, for: 400d, effect: [skip]"), 3, "31 days");
}

#[test]
fn calendars_know_the_years_that_they_speak_of() {
    let calendar = |text: &str| format!("calendar: cn\ncovers: [2026, 2027]\n{text}\n");
    file_refused(&calendar("days_off: [{ on: 2028-01-01 }]"), 3, "does not cover");
    file_refused(&calendar("days_off: [{ from: 2027-02-11, to: 2027-02-05 }]"), 3, "in order");
    file_refused(&calendar("days_off: [{ on: 2027-02-30 }]"), 3, "is no date");
    file_refused(&calendar("days_off: [{ on: 2027-02-05 }]\ndays_on: [{ on: 2027-02-05 }]"), 4, "stands under");
    file_refused(&calendar("workweek: []"), 3, "empty list");
    file_refused(&calendar("hours: 8-20"), 3, "no hours");
}

#[test]
fn schedules_are_due_sometime() {
    let schedule = |text: &str| format!("schedule: {text}\nchecks: [{{ id: d, check: disk-space }}]\n");
    accepted(&schedule("{ at: [\"08:00\", \"18:00\"], days: every-day, missed: run-latest, overlap: skip, spread: 2m }"));
    accepted(&schedule("by-hand"));
    accepted(&schedule("{ cron: \"0 8 * * 1-5\" }"));
    refused(&schedule("{ at: [], days: every-day }"), "p.yaml:2", "empty list");
    refused(&schedule("{ at: \"24:00\" }"), "p.yaml:2", "no time of day");
    refused(&schedule("{ at: \"8:00\" }"), "p.yaml:2", "no time of day");
    refused(&schedule("{ at: \"08:00\", days: [] }"), "p.yaml:2", "empty list");
    refused(&schedule("{ at: \"08:00\", days: [wokday] }"), "p.yaml:2", "did you mean `workday`?");
    refused(&schedule("{ at: \"08:00\", days: [30, 31], months: [2] }"), "p.yaml:2", "never be due");
    refused(&schedule("{ at: \"08:00\", months: [13] }"), "p.yaml:2", "no month");
    refused(&schedule("{ at: \"08:00\", cron: \"0 8 * * *\" }"), "p.yaml:2", "not both");
    refused(&schedule("{ cron: \"0 8 1 * 1\" }"), "p.yaml:2", "both day fields");
    refused(&schedule("{ cron: \"0 8 * *\" }"), "p.yaml:2", "five fields");
    refused(&schedule("{ cron: \"0 0 30 2 *\" }"), "p.yaml:2", "never be due");
    refused(&schedule("{ days: [mon] }"), "p.yaml:2", "needs `at:`");
    refused(&schedule("daily"), "p.yaml:2", "cannot be `daily`");
    refused(&schedule("{ at: \"08:00\", calendar: cn }"), "p.yaml:2", "no calendar `cn`");
}

#[test]
fn parts_take_the_values_that_they_declare() {
    let part = "part: full\nvalues: { on: { type: target }, low: 20% }\nchecks: [{ id: disk, check: disk-space, targets: { value: on }, warn: free_pct < values.low }]\n";
    let with = |used: &str| {
        let playbook = format!("playbook: p\nchecks: [{used}, {{ id: rest, check: disk-space }}]\n");
        let tried = try_files(&[("s.yaml", SETTINGS), ("i.yaml", INVENTORY), ("part.yaml", part), ("p.yaml", &playbook)]);
        tried.faults
    };
    assert_eq!(with("{ use: full, as: x, with: { on: db1, low: 5% } }"), "");
    assert_eq!(with("{ use: full, for_each: { on: 'labels.role == \"app\"' } }"), "");
    assert!(with("{ use: full, with: { low: 5% } }").contains("p.yaml:2: error: the part `full` needs the value `on`"));
    assert!(with("{ use: full, with: { on: db1, lo: 5% } }").contains("did you mean `low`?"));
    assert!(with("{ use: full, with: { on: db1, low: 5s } }").contains("is a percent, not a duration"));
    assert!(with("{ use: full, with: { on: nobody } }").contains("there is none of this name"));
    assert!(with("{ use: fool, with: { on: db1 } }").contains("did you mean `full`?"));
    assert!(with("{ use: full, with: { on: db1 } }, { use: full, with: { on: app1 } }").contains("stands twice"));
    assert!(with("{ use: full, with: { on: db1 }, only: [disc] }").contains("did you mean `disk`?"));
    assert!(with("{ use: full, with: { on: db1 }, only: [] }").contains("empty list"));
    assert!(with("{ use: p }").contains("uses itself"));
}

#[test]
fn inventory_entries_refer_to_what_exists() {
    let target = |text: &str| format!("inventory: u\ntargets:\n  - {{ id: x1, {text} }}\n");
    file_refused(&target("kind: hst"), 3, "kind cannot be `hst`");
    file_refused(&target("kind: host, system: epr"), 3, "did you mean `erp`?");
    file_refused(&target("kind: host, login: nobody"), 3, "no login `nobody`");
    file_refused(&target("kind: host, via: [x1]"), 3, "through itself");
    file_refused(&target("kind: host, via: [db9]"), 3, "db9");
    file_refused(&target("kind: http"), 3, "needs `url:`");
    file_refused(&target("kind: sqlite"), 3, "needs `path:`");
    file_refused(&target("kind: postgres"), 3, "needs `address:`");
    file_refused(&target("kind: host, port: 70000"), 3, "no port");
    file_refused(&target("kind: host, timezone: Asia/Shangai"), 3, "no IANA time zone");
    file_refused("inventory: u\nlogins: [{ id: l, password: hunter2 }]\n", 2, "never the secret itself");
    file_refused("inventory: u\nlogins: [{ id: l, password: { env: A, file: /b } }]\n", 2, "exactly one place");
    file_refused("inventory: u\npeople: [{ id: team, members: [wang-li] }]\n", 2, "did you mean `wang-lei`?");
    file_refused("inventory: u\nsystems: [{ id: crm, tier: cor }]\n", 2, "did you mean `core`?");
    file_refused("inventory: u\ntargets: [{ id: \"y[1..3]\", kind: host, address: \"10.0.0.[1..2]\" }]\n", 2, "2 addresses for 3 targets");
}
