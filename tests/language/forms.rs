//! Every form of the language reads as it is written down, drills apart.

use crate::site::{Tried, try_files};

/// Reads a file without planning anything.
#[track_caller]
fn read(files: &[(&str, &str)]) -> Tried {
    let tried = try_files(files);
    assert_eq!(tried.faults, "");
    tried
}

#[test]
fn settings_read() {
    let tried = read(&[(
        "settings.yaml",
        r#"settings: factory
timezone: Asia/Shanghai
tiers: [core, important, normal, auxiliary]
organisation: { en: Factory, zh: 工厂 }
alerts:
  - { to: [system-owner] }
  - { targets: 'system.tier == "core"', level: crit, to: [ops-lead, wecom-ops] }
tickets:
  - { open_on: [crit], confirm: 2 of 3, close: 1 pass, tracker: gitlab, assign: system-owner, storm: 20 }
  - { targets: [billing], project: billing/ops }
limits: { item: 30s, target: 5m, run: 1h }
at_once: 16
"#,
    )]);
    assert_eq!(tried.site.settings.tiers.len(), 4);
    assert_eq!(tried.site.settings.alerts.len(), 2);
}

#[test]
fn an_inventory_reads() {
    let tried = read(&[(
        "inventory.yaml",
        r#"inventory: factory
logins:
  - { id: inspect, user: inspect, key: { file: /etc/rounds/key }, sudo: true }
  - { id: erp-ro, user: ro, password: { systemd: erp-ro } }
people: [{ id: wang-lei, name: 王磊, mail: wang@x.example, language: zh }, { id: dba, members: [wang-lei] }]
systems: [{ id: erp, name: { zh: 企业资源计划, en: ERP }, tier: core, owner: wang-lei, objectives: { rpo: 4h, rto: 2h }, values: { max_response: 2s } }]
defaults:
  - { targets: 'target.kind == "host"', login: inspect }
  - { targets: 'labels.zone == "dmz"', via: [jump] }
targets:
  - { id: jump, kind: host, address: 10.1.0.1 }
  - { id: erp-db, kind: host, address: 10.1.1.20, system: erp }
  - { id: "erp-app[1..2]", kind: host, address: "10.1.1.[11..12]", system: erp, labels: { role: app, zone: dmz } }
  - { id: erp-mysql, kind: mysql, on: erp-db, login: erp-ro, system: erp, timezone: Asia/Shanghai }
  - { id: erp-web, kind: http, url: "https://erp.example", system: erp }
groups: [{ id: apps, targets: 'labels.role == "app"' }]
"#,
    )]);
    let inventory = &tried.inventory;
    assert_eq!(inventory.targets.len(), 6);
    let app2 = inventory.target("erp-app2").expect("unfolded");
    assert_eq!(app2.address.as_deref(), Some("10.1.1.12"));
    assert_eq!(app2.via, ["jump"], "by default");
    assert_eq!(app2.login.as_ref().map(|login| login.id.as_str()), Some("inspect"), "by default");
    assert_eq!(inventory.target("erp-mysql").expect("there").address.as_deref(), Some("10.1.1.20"), "that of the host beneath");
    assert_eq!(inventory.groups["apps"].len(), 2);
}

/// Only the form: what the checks make of it is theirs to test.
#[track_caller]
fn reads(text: &str) -> rounds::playbook::document::PlaybookDoc {
    let mut faults = rounds::yaml::Faults::default();
    let mut site = rounds::playbook::Site::default();
    site.read_text(std::path::Path::new("p.yaml"), text, &mut faults);
    assert_eq!(faults.lines(&site.sources), "");
    site.playbooks.remove(0).1
}

#[test]
fn a_playbook_reads() {
    let doc = reads(
        r#"playbook: core-daily
title: { en: "Core systems: daily inspection", zh: 核心系统每日巡检 }
owner: wang-lei
targets: system.tier == "core"
schedule: { at: ["08:00", "18:00"], days: every-day, missed: run-latest, overlap: skip, spread: 2m }
values: { slow: 2s }
limits: { run: 30m }
checks:
  - { id: cpu, check: cpu }
  - id: disk
    check: disk-space
    with: { exclude_types: { add: [overlay] } }
    warn: free_pct < 20%
    crit: free_pct < 10%
    overrides:
      - { targets: [erp-db], rows: 'mount == "/u01"', warn: free_bytes < 200GiB, crit: never }
      - { targets: 'labels.role == "drill"', skip: 由演练预检负责 }
    trend: [{ id: filling, warn: 'full_in(used_bytes, size_bytes) < 30d', history: 7d }]
  - { id: slow, check: mysql-slow-queries, warn: per_day > 10 }
  - { id: orders-page, check: http, targets: [erp-web], with: { path: /api/orders/ping }, warn: took > 2s, crit: status != 200 }
  - id: nightly-batch
    check: sql
    targets: [erp-mysql]
    with:
      query: select max(finished_at) as newest from batch_runs where plant = :p
      bind: { p: "S1" }
      columns: { newest: timestamp }
    crit: newest == null or now - newest > 26h
    why: { zh: 夜间批处理未完成会导致次日报表错误 }
    advice: { zh: 检查批处理日志并重跑 }
    runbook: https://wiki.example/batch
  - { id: ups, check: ask-person, who: wang-lei, within: 24h }
across:
  - { id: pair, of: cpu, targets: 'labels.role == "core_switch"', warn: ok_count < planned_count, crit: ok_count < 1 }
report: { languages: [zh, en], to: [managers], per: system }
"#,
    );
    assert_eq!(doc.lines.len(), 6);
    assert_eq!(doc.across.len(), 1);
    assert_eq!(doc.report.languages, ["zh", "en"]);
}

#[test]
fn an_own_probe_reads_with_variants() {
    let doc = reads(
        r#"playbook: p
checks:
  - id: cpu
    check: exec
    variants:
      - { targets: 'labels.vendor == "huawei"', run: [display, cpu-usage], read: { regex: 'Usage\s*:\s*(?P<used_pct>\d+)%' } }
      - { targets: 'labels.os == "linux"', run: [mpstat, -o, JSON], read: { json: "$.cpu[*]", columns: { used_pct: $.pct } } }
    columns: { used_pct: percent }
    warn: used_pct > 70%
"#,
    );
    let rounds::playbook::document::LineDoc::Check(check) = &doc.lines[0] else { panic!("a check") };
    assert_eq!(check.variants.len(), 2);
    assert_eq!(check.variants[0].with.iter().map(|(key, _)| key.name.as_str()).collect::<Vec<_>>(), ["run", "read"]);
}

#[test]
fn several_steps_over_http_read() {
    reads(
        r#"playbook: p
checks:
  - id: order
    check: http-flow
    with:
      writes: 建立并删除测试订单
      secrets: { pw: { env: PW } }
      steps:
        - { id: login, post: /login, json: { user: u, password: "{pw}" }, expect: status == 200, keep: { token: $.token } }
        - { id: remove, delete: "/orders/{order}", always: true, expect: 'status in [200, 204]' }
"#,
    );
}

#[test]
fn schedules_read() {
    for schedule in [
        r#"{ at: "03:00", days: [1st-sun], months: [3, 6, 9, 12], calendar: cn, day_off: next-workday, on_freeze: next-allowed-day }"#,
        r#"{ at: ["08:00"], days: [workday, 15, last-fri, last-workday], missed: skip, overlap: wait, deadline: 2h }"#,
        r#"{ cron: "*/15 8-18 * * 1-5", missed: run-all, overlap: cancel-previous }"#,
        "by-hand",
    ] {
        let doc = reads(&format!("playbook: p\nschedule: {schedule}\nchecks: [{{ id: d, check: disk-space }}]\n"));
        assert!(doc.schedule.is_some());
    }
}

#[test]
fn a_calendar_and_windows_read() {
    let tried = read(&[
        (
            "calendar.yaml",
            r#"calendar: cn
covers: [2026, 2027]
workweek: [mon, tue, wed, thu, fri]
hours: "08:00-20:00"
days_off: [{ from: 2027-02-05, to: 2027-02-11, name: 春节 }]
days_on: [{ on: 2027-02-14, name: 补班 }]
"#,
        ),
        (
            "windows.yaml",
            r#"windows: factory
list:
  - { id: year-end, from: 2026-12-28 00:00, to: 2027-01-05 08:00, effect: [no-changes, no-drills], reason: 年终决算 }
  - { id: patch, targets: [erp], every: { days: [2nd-sat], at: "23:00" }, for: 5h, effect: [no-alerts], reason: 补丁 }
"#,
        ),
    ]);
    assert_eq!(tried.site.calendars.len(), 1);
    assert_eq!(tried.site.windows.len(), 2);
}

#[test]
fn waivers_read() {
    let tried = read(&[(
        "waivers.yaml",
        "waivers: factory\nlist:\n  - { id: W-31, check: disk-space, targets: [erp-app1], rows: 'mount == \"/opt/old\"', only_while: used_pct < 97%, accepts: warn, reason: 三月下线, requested_by: li-na, approved_by: ops-lead, ends: 2027-03-31 }\n",
    )]);
    let ends = tried.site.waivers[0].ends_at(chrono_tz::Asia::Shanghai);
    assert_eq!(ends.to_rfc3339(), "2027-03-31T16:00:00+00:00", "when the day ends there");
}

#[test]
fn a_part_and_its_uses_read() {
    let tried = read(&[(
        "part.yaml",
        "part: mysql-basics\nvalues: { db: { type: target }, max_lag: 60s }\nchecks: [{ id: lag, check: mysql-replication-lag, targets: { value: db }, warn: lag > values.max_lag }]\n",
    )]);
    assert_eq!(tried.site.parts[0].values.len(), 2);
    let doc = reads(
        "playbook: p\nchecks: [{ use: mysql-basics, as: acme, with: { db: acme-db, max_lag: 30s } }, { use: mysql-basics, for_each: { db: 'target.kind == \"mysql\"' } }, { use: core-daily, only: [cpu, disk] }]\n",
    );
    assert_eq!(doc.lines.len(), 3);
}

#[test]
fn a_file_with_a_byte_order_mark_or_carriage_returns_reads() {
    reads("\u{feff}playbook: p\nchecks: [{ id: d, check: disk-space }]\n");
    let doc = reads("playbook: p\r\nowner: wang-lei\r\nchecks:\r\n  - id: d\r\n    check: disk-space\r\n    warn: free_pct < 5%\r\n");
    assert_eq!(doc.owner.map(|owner| owner.value).as_deref(), Some("wang-lei"));
}

#[test]
fn drills_are_refused_by_name() {
    crate::site::refused("drills: [{ id: erp }]\nchecks: [{ id: d, check: disk-space }]\n", "p.yaml:2", "not part of this version");
}
