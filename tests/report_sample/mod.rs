//! A run as it comes out of a company's Monday morning, with everything that can go wrong and answers that mean harm.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use rounds::model::item::FieldNote;
use rounds::model::run::{RunState, WaiverNote};
use rounds::model::{
    Attempt, FieldType, ItemKey, ItemKind, ItemRecord, Kind, Mark, Message, Outcome, Phrase, Row, RowRecord, Rule, RunHead, RunRecord,
    System, Target, Untrusted,
};
use rounds::model::{Standard, Verdict};
use rounds::report::{History, TicketNote};

/// Texts of targets that would do harm if anything took them for more than text.
pub(crate) const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "{{7*7}}",
    "$(reboot)",
    "#panic(\"x\")",
    "*bold* _x_ @ref <lab> $x^2$",
    "=HYPERLINK(\"http://x\")",
    "'; DROP TABLE runs; --",
];

pub(crate) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 23, 0, 0, 0).unwrap()
}

fn phrase(en: &str, zh: &str) -> Phrase {
    Phrase { en: Some(en.to_owned()), zh: Some(zh.to_owned()) }
}

fn system(id: &str, en: &str, zh: &str, tier: &str, owner: Option<&str>) -> Arc<System> {
    Arc::new(System {
        id: id.to_owned(),
        name: phrase(en, zh),
        tier: tier.to_owned(),
        owner: owner.map(str::to_owned),
        ..System::default()
    })
}

pub(crate) fn targets() -> Vec<Target> {
    let erp = system("erp", "ERP", "企业资源计划（ERP）", "core", Some("wang-lei"));
    let crm = system("crm", "Customer relations", "客户关系管理（CRM）", "core", Some("li-na"));
    let oa = system("oa", "Office automation", "办公自动化（OA）", "office", Some("zhang-wei"));
    let wiki = system("wiki", "Wiki", "知识库", "auxiliary", None);
    [
        ("erp-app1", Kind::Host, &erp),
        ("erp-app2", Kind::Host, &erp),
        ("erp-db1", Kind::Postgres, &erp),
        ("erp-db2", Kind::Postgres, &erp),
        ("erp-dr", Kind::Host, &erp),
        ("crm-app", Kind::Host, &crm),
        ("crm-db", Kind::Mysql, &crm),
        ("crm-web", Kind::Http, &crm),
        ("oa-app", Kind::Host, &oa),
        ("oa-db", Kind::Mysql, &oa),
        ("wiki", Kind::Host, &wiki),
        ("core-switch", Kind::Switch, &oa),
    ]
    .into_iter()
    .map(|(id, kind, system)| {
        let mut target = Target::new(id, kind);
        target.address = Some(format!("{id}.corp.example"));
        target.system = Some(Arc::clone(system));
        target
    })
    .collect()
}

pub(crate) fn item(line: &str, target: &str, outcome: Outcome) -> ItemRecord {
    let (check, class, en, zh) = match line {
        "reachable" => ("", "system", "Reachable", "可达性"),
        "disk" => ("disk-space", "system", "Disk space", "磁盘空间"),
        "cpu" => ("cpu", "system", "CPU load", "CPU 使用率"),
        "memory" => ("memory", "system", "Memory", "内存使用率"),
        "services" => ("services", "application", "Services", "服务状态"),
        "kernel" => ("sysctl", "security", "Kernel settings", "内核参数"),
        "cert" => ("tls-certificate", "security", "Certificates", "TLS 证书"),
        "accounts" => ("accounts", "security", "Accounts", "账号与密码"),
        "connections" => ("db-connections", "database", "Connections", "数据库连接数"),
        "backup" => ("backup-age", "backup", "Age of the newest backup", "最近备份时间"),
        "orders" => ("http", "application", "Order page", "下单页面"),
        "disk.growth" => ("disk-space", "system", "Growth of disks", "磁盘增长趋势"),
        other => (other, "system", other, other),
    };
    ItemRecord {
        key: ItemKey::new(line, target),
        kind: match line {
            "reachable" => ItemKind::Reachable,
            "disk.growth" => ItemKind::Trend,
            _ => ItemKind::Check,
        },
        check: check.to_owned(),
        check_version: 1,
        title: phrase(en, zh),
        class: class.to_owned(),
        outcome,
        reason: None,
        rows: Vec::new(),
        rows_are: rounds::model::RowsAre::Things,
        fields: Vec::new(),
        thresholds: Vec::new(),
        advice: Phrase::default(),
        why: Phrase::default(),
        runbook: None,
        at: now(),
        took_ms: 184,
        attempts: vec![Attempt { at: now(), took_ms: 184, failure: None }],
        captures: Vec::new(),
    }
}

fn standards(warn: (&str, &str), crit: (&str, &str)) -> Vec<Standard> {
    let standard = |level, (source, origin)| Standard { level, rule: rule(source, origin) };
    vec![standard(Verdict::Warn, warn), standard(Verdict::Crit, crit)]
}

fn rule(source: &str, origin: &str) -> Rule {
    Rule { source: source.to_owned(), origin: origin.to_owned() }
}

fn field(name: &str, field_type: FieldType, en: &str, zh: &str) -> FieldNote {
    FieldNote { name: name.to_owned(), field_type, label: phrase(en, zh) }
}

fn row(key: Option<&str>, outcome: Outcome, values: Row, measures: &[&str], met: Option<Rule>) -> RowRecord {
    RowRecord {
        key: key.map(Untrusted::from),
        row: values,
        outcome,
        reason: None,
        rule: met,
        measures: measures.iter().map(|&measure| measure.to_owned()).collect(),
        marks: Vec::new(),
    }
}

pub(crate) fn verdict(used: f64) -> Outcome {
    if used > 90.0 {
        Outcome::Crit
    } else if used > 80.0 {
        Outcome::Warn
    } else {
        Outcome::Ok
    }
}

pub(crate) fn disk(target: &str, mounts: &[(&str, f64)]) -> ItemRecord {
    let mut disk = item("disk", target, Outcome::Ok);
    disk.fields = vec![
        field("mount", FieldType::Text, "Mount point", "挂载点"),
        field("used_pct", FieldType::Percent, "Used", "已用比例"),
        field("free_bytes", FieldType::Bytes, "Free space", "剩余空间"),
        field("fstype", FieldType::Text, "Type", "类型"),
    ];
    disk.thresholds = standards(("used_pct > 80%", "catalogue"), ("used_pct > 90%", "playbooks/core.yaml:12"));
    disk.advice = phrase(
        "Find what grew (`du -xh --max-depth=2 MOUNT | sort -h`), remove or move it, rotate logs, or extend the volume.",
        "用 `du -xh --max-depth=2 挂载点 | sort -h` 找出增长点，清理或迁移，配置日志轮转，或扩容。",
    );
    disk.why =
        phrase("A full disk stops databases, loses log entries and makes backups fail.", "磁盘写满会导致数据库停止、日志丢失、备份失败。");
    disk.captures = vec![("df".to_owned(), "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned())];
    for (mount, used) in mounts {
        let outcome = verdict(*used);
        let values =
            Row::new().text("mount", *mount).number("used_pct", *used).number("free_bytes", (100.0 - used) * 5e9).text("fstype", "xfs");
        let met = Some(disk.thresholds[usize::from(outcome == Outcome::Crit)].rule.clone());
        disk.rows.push(row(Some(mount), outcome, values, &["used_pct"], met));
        if outcome.severity() > disk.outcome.severity() {
            disk.outcome = outcome;
        }
    }
    disk
}

#[expect(clippy::too_many_arguments, reason = "a table of items, one a line")]
fn single(
    line: &str,
    target: &str,
    name: &'static str,
    field_type: FieldType,
    label: (&str, &str),
    value: f64,
    outcome: Outcome,
    rules: (&str, &str),
) -> ItemRecord {
    let mut item = item(line, target, outcome);
    item.fields = vec![field(name, field_type, label.0, label.1)];
    item.thresholds = standards((rules.0, "catalogue"), (rules.1, "catalogue"));
    let met = Some(item.thresholds[usize::from(outcome == Outcome::Crit)].rule.clone());
    let values = if field_type == FieldType::Duration { Row::new().duration(name, value) } else { Row::new().number(name, value) };
    item.rows = vec![row(None, outcome, values, &[name], met)];
    item.advice = phrase("See which processes take it and whether that is new.", "查看占用最高的进程，判断是否为新出现的负载。");
    item
}

fn cpu(target: &str, used: f64) -> ItemRecord {
    single("cpu", target, "used_pct", FieldType::Percent, ("Used", "使用率"), used, verdict(used), ("used_pct > 70%", "used_pct > 90%"))
}

fn certificate(target: &str, names: &[(&str, i64)]) -> ItemRecord {
    let mut item = item("cert", target, Outcome::Ok);
    item.fields = vec![
        field("name", FieldType::Text, "Name", "证书"),
        field("not_after", FieldType::Timestamp, "Valid until", "有效期至"),
        field("left", FieldType::Duration, "Left", "剩余时间"),
    ];
    item.thresholds = standards(("left < 30d", "catalogue"), ("left < 7d", "catalogue"));
    item.advice = phrase("Renew the certificate and reload the service.", "续签证书并重新加载服务。");
    item.why = phrase("When it expires, browsers and partners refuse the connection.", "证书到期后，浏览器与合作方将拒绝连接。");
    item.runbook = Some("https://wiki.corp.example/runbooks/certificates".to_owned());
    for (name, days) in names {
        let outcome = match days {
            ..7 => Outcome::Crit,
            7..30 => Outcome::Warn,
            _ => Outcome::Ok,
        };
        let left = TimeDelta::days(*days);
        #[expect(clippy::cast_precision_loss, reason = "a few days")]
        let values = Row::new().text("name", *name).timestamp("not_after", now() + left).duration("left", left.num_seconds() as f64);
        item.rows.push(row(
            Some(name),
            outcome,
            values,
            &["left"],
            Some(item.thresholds[usize::from(outcome == Outcome::Crit)].rule.clone()),
        ));
        if outcome.severity() > item.outcome.severity() {
            item.outcome = outcome;
        }
    }
    item
}

fn unreachable(line: &str, target: &str) -> ItemRecord {
    let mut item = item(line, target, Outcome::Unreachable);
    item.reason = Some(Message::SeeReachable);
    item
}

fn hostile(target: &str) -> ItemRecord {
    let mut item = item("services", target, Outcome::Crit);
    item.fields = vec![
        field("unit", FieldType::Text, "Unit", "服务单元"),
        field("state", FieldType::Text, "State", "状态"),
        field("says", FieldType::Text, "Says", "输出"),
    ];
    item.thresholds = standards(("never", "catalogue"), ("state != \"running\"", "playbooks/core.yaml:31"));
    item.advice =
        phrase("Look at `journalctl -u UNIT`, put the cause right, then start it.", "查看 `journalctl -u 服务名`，排除原因后启动服务。");
    item.why = phrase("A stopped service is missed by the people who use it.", "服务停止将直接影响用户使用。");
    for (at, text) in HOSTILE.iter().enumerate() {
        let values = Row::new()
            .text("unit", *text)
            .text("state", "failed")
            .text("says", format!("\u{1b}[31mred\u{1b}[0m \u{202e}gpj.exe 😀 {text}"));
        item.rows.push(row(
            Some(text),
            if at < 6 { Outcome::Warn } else { Outcome::Crit },
            values,
            &["state", "says"],
            Some(item.thresholds[1].rule.clone()),
        ));
    }
    item
}

/// Head of a run of the sample's playbook.
pub(crate) fn head(started: DateTime<Utc>, planned: usize) -> RunHead {
    RunHead {
        id: "0193526a-7c1e-7b60-8d5e-2f6f1c9ab3d4".to_owned(),
        playbook: "core-daily".to_owned(),
        title: phrase("Daily inspection of core systems", "核心系统每日巡检"),
        playbook_text: "playbook: core-daily\n".to_owned(),
        playbook_hash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
        owner: Some("chen-jing".to_owned()),
        started_by: "schedule".to_owned(),
        host: "ops-1".to_owned(),
        version: "0.1.0".to_owned(),
        timezone: "Asia/Shanghai".to_owned(),
        started,
        planned,
        targets: targets(),
        waivers: vec![
            WaiverNote {
                id: "W-31".to_owned(),
                reason: phrase("is switched off in March", "三月下线"),
                approved_by: "ops-lead".to_owned(),
                ends: now() + TimeDelta::days(9),
                covered: 1,
            },
            WaiverNote {
                id: "W-07".to_owned(),
                reason: phrase("waits for the vendor", "等待厂商补丁"),
                approved_by: "ops-lead".to_owned(),
                ends: now() - TimeDelta::days(3),
                covered: 0,
            },
        ],
        people: [
            ("wang-lei", "Wang Lei", "王磊"),
            ("li-na", "Li Na", "李娜"),
            ("zhang-wei", "Zhang Wei", "张伟"),
            ("chen-jing", "Chen Jing", "陈静"),
            ("ops-lead", "Zhao Min", "赵敏"),
        ]
        .map(|(id, en, zh)| (id.to_owned(), phrase(en, zh)))
        .to_vec(),
        vocabulary: serde_json::Value::Null,
        calendar: serde_json::Value::Null,
    }
}

/// The run of the report.
pub(crate) fn run() -> RunRecord {
    let mut items = Vec::new();
    for target in targets() {
        let id = target.id.as_str();
        let lines: &[&str] = match target.kind {
            Kind::Host => &["disk", "cpu", "memory", "services", "kernel"],
            Kind::Postgres | Kind::Mysql => &["connections", "backup", "accounts"],
            Kind::Http => &["orders", "cert"],
            _ => &["cpu", "memory"],
        };
        let mut reachable = item("reachable", id, Outcome::Ok);
        if id == "erp-dr" {
            reachable.outcome = Outcome::Crit;
            reachable.reason = Some(Message::ConnectTimedOut { place: "erp-dr.corp.example:22".to_owned(), limit_s: 10.0 });
            reachable.why =
                phrase("What cannot be reached cannot be inspected, nor taken over to.", "无法连接的对象无法巡检，也无法用于切换。");
            reachable.advice =
                phrase("Check power, network and firewall, then the SSH service.", "检查电源、网络与防火墙，再检查 SSH 服务。");
        } else if id == "core-switch" {
            reachable.outcome = Outcome::NotRun;
            reachable.reason = Some(Message::NoTransport { kind: "switch".to_owned() });
        }
        items.push(reachable);
        for line in lines {
            items.push(one(line, id));
        }
    }
    let mut growth = item("disk.growth", "crm-app", Outcome::Warn);
    growth.fields = vec![field("days_left", FieldType::Number, "Days left", "剩余天数")];
    growth.rows = vec![row(
        Some("/data"),
        Outcome::Warn,
        Row::new().number("days_left", 21.0),
        &["days_left"],
        Some(rule("days_left < 30", "playbooks/core.yaml:18")),
    )];
    items.push(growth);
    RunRecord { head: head(now(), items.len()), state: RunState::Done, ended: Some(now() + TimeDelta::seconds(252)), items }
}

#[expect(clippy::too_many_lines, reason = "a table of items")]
fn one(line: &str, id: &str) -> ItemRecord {
    match (line, id) {
        (_, "erp-dr") => unreachable(line, id),
        (_, "core-switch") => {
            let mut item = item(line, id, Outcome::NotRun);
            item.reason = Some(Message::NoTransport { kind: "switch".to_owned() });
            item
        }
        ("disk", "erp-app1") => {
            let mut disk = disk(id, &[("/", 41.3), ("/data", 93.1), ("/opt/old", 96.0)]);
            disk.rows[2].marks = vec![Mark::Waived {
                id: "W-31".to_owned(),
                reason: phrase("is switched off in March", "三月下线"),
                approved_by: "ops-lead".to_owned(),
                ends: now() + TimeDelta::days(9),
            }];
            disk
        }
        ("disk", "wiki") => {
            let mut disk = disk(
                id,
                &[("/", 62.0), ("/srv/a-very-long-path/that/goes-on-and-on/without/any/blank/2026-11-23T00:00:00Z/part-0001", 84.5)],
            );
            let mut gone = row(Some("/backup"), Outcome::Warn, Row::new(), &[], None);
            gone.reason = Some(Message::Gone);
            disk.rows.push(gone);
            disk.outcome = Outcome::Warn;
            disk
        }
        ("disk", "crm-app") => disk(id, &[("/", 55.0), ("/data", 78.9)]),
        ("disk", _) => disk(id, &[("/", 37.5), ("/var", 52.25)]),
        ("cpu", "oa-app") => cpu(id, 83.4),
        ("cpu", "erp-app2") => {
            let mut item = item(line, id, Outcome::Error);
            item.reason = Some(Message::Unreadable { what: "/proc/stat".to_owned(), detail: "cpu  <b>x</b>\u{1b}[2J".into() });
            item
        }
        ("cpu", _) => cpu(id, 23.5),
        ("memory", "crm-app") => {
            let mut item = item(line, id, Outcome::TimedOut);
            item.reason = Some(Message::TimedOut { limit_s: 30.0 });
            item
        }
        ("memory", _) => single(
            "memory",
            id,
            "available_bytes",
            FieldType::Bytes,
            ("Available", "可用"),
            6.4e9,
            Outcome::Ok,
            ("available_pct < 20%", "available_pct < 10%"),
        ),
        ("services", "oa-app") => hostile(id),
        ("services", "wiki") => {
            let mut item = item(line, id, Outcome::Skipped);
            item.reason =
                Some(Message::SkippedBy { reason: phrase("moves this week", "本周迁移"), origin: "playbooks/core.yaml:33".to_owned() });
            item
        }
        ("services", _) => item(line, id, Outcome::NotApplicable),
        ("kernel", _) => {
            let mut item = item(line, id, Outcome::Ok);
            item.fields = vec![field("name", FieldType::Text, "Setting", "参数"), field("setting", FieldType::Text, "Value", "取值")];
            item.rows = vec![row(
                Some("vm.swappiness"),
                Outcome::Ok,
                Row::new().text("name", "vm.swappiness").text("setting", "10"),
                &["setting"],
                None,
            )];
            item
        }
        ("connections", "erp-db1") => {
            let mut item = single(
                line,
                id,
                "used_pct",
                FieldType::Percent,
                ("Used", "已用比例"),
                91.7,
                Outcome::Crit,
                ("used_pct > 80%", "used_pct > 90%"),
            );
            item.advice = phrase(
                "Find idle sessions (`pg_stat_activity`), fix the pool that leaks them, raise the limit only then.",
                "查询空闲会话（`pg_stat_activity`），修复连接泄漏的连接池，再考虑调高上限。",
            );
            item.why = phrase("When none is left, nobody can place an order.", "连接耗尽后将无法下单。");
            item
        }
        ("connections", _) => {
            single(line, id, "used_pct", FieldType::Percent, ("Used", "已用比例"), 34.0, Outcome::Ok, ("used_pct > 80%", "used_pct > 90%"))
        }
        ("backup", "oa-db") => {
            single(line, id, "age", FieldType::Duration, ("Age", "距今"), 187_200.0, Outcome::Warn, ("age > 1d", "age > 3d"))
        }
        ("backup", _) => single(line, id, "age", FieldType::Duration, ("Age", "距今"), 9_000.0, Outcome::Ok, ("age > 4h", "age > 1d")),
        ("accounts", _) => {
            let mut item = item(line, id, Outcome::Ok);
            item.fields = vec![
                field("name", FieldType::Text, "Account", "账号"),
                field("password_expires", FieldType::Timestamp, "Password expires", "密码到期"),
            ];
            let days = if id == "crm-db" { 12 } else { 64 };
            item.rows = vec![row(
                Some("report_ro"),
                Outcome::Ok,
                Row::new().text("name", "report_ro").timestamp("password_expires", now() + TimeDelta::days(days)),
                &["password_expires"],
                None,
            )];
            item
        }
        ("orders", _) => single(line, id, "took", FieldType::Duration, ("Took", "耗时"), 0.84, Outcome::Ok, ("took > 2s", "status != 200")),
        ("cert", _) => certificate(id, &[("crm.corp.example", 5), ("api.crm.corp.example", 23), ("old.crm.corp.example", 190)]),
        (line, id) => item(line, id, Outcome::Ok),
    }
}

/// The run before it: the disk was less full, a certificate check was bad and is solved, a setting was another.
pub(crate) fn previous() -> RunRecord {
    let mut run = run();
    run.head.id = String::from("01935100-0000-7000-8000-00000000beef");
    run.head.started = now() - TimeDelta::days(1);
    run.head.playbook_hash = "0".repeat(64);
    run.ended = Some(now() - TimeDelta::days(1) + TimeDelta::seconds(240));
    for item in &mut run.items {
        item.at = now() - TimeDelta::days(1);
        match (item.key.line.as_str(), item.key.target.as_str()) {
            ("disk", "erp-app1") => *item = disk("erp-app1", &[("/", 41.0), ("/data", 88.4)]),
            ("disk", "wiki") => *item = disk("wiki", &[("/", 61.0), ("/backup", 12.0)]),
            ("kernel", "erp-app2") => item.rows[0].row = Row::new().text("name", "vm.swappiness").text("setting", "60"),
            ("cpu", "erp-app2") => *item = cpu("erp-app2", 88.0),
            ("cpu", "erp-app1") => *item = cpu("erp-app1", 95.5),
            ("connections", "erp-db1") => *item = one("connections", "erp-db2"),
            _ => {}
        }
    }
    run
}

/// What a store would know.
pub(crate) struct Remembered;

impl History for Remembered {
    fn series(&self, key: &ItemKey, row_key: Option<&str>, field: &str) -> Vec<(DateTime<Utc>, f64)> {
        if field != "used_pct" {
            return Vec::new();
        }
        let (end, per_day) = match (key.target.as_str(), row_key) {
            ("erp-app1", Some("/data")) => (93.1, 0.55),
            ("crm-app", Some("/data")) => (78.9, 0.98),
            ("wiki", Some("/")) => (62.0, 0.12),
            ("erp-app1" | "erp-app2" | "oa-app", Some(_)) => (41.0, -0.01),
            _ => return Vec::new(),
        };
        (1..=30)
            .rev()
            .map(|day| {
                (
                    now() - TimeDelta::days(day),
                    end - per_day * f64::from(i32::try_from(day).unwrap()) + f64::from(i32::try_from(day % 3).unwrap()) * 0.2,
                )
            })
            .collect()
    }

    fn first_seen(&self, problem_key: &str) -> Option<DateTime<Utc>> {
        match problem_key {
            "disk-space/erp-app1/%2Fdata/rule" => Some(now() - TimeDelta::days(17)),
            "reachable/erp-dr/-/no-connection" => Some(now() - TimeDelta::days(41)),
            _ => None,
        }
    }

    fn ticket(&self, problem_key: &str) -> Option<TicketNote> {
        (problem_key == "disk-space/erp-app1/%2Fdata/rule")
            .then(|| TicketNote { number: "OPS-1042".to_owned(), deadline: Some(now() + TimeDelta::days(4)) })
    }
}
