//! A run of 20,000 items without a network: planned, judged, stored, rendered.

use std::fmt::Write as _;
use std::process::Command;
use std::sync::Arc;

use rounds::check::Seen;
use rounds::expr::Env;
use rounds::judge;
use rounds::model::item::FieldNote;
use rounds::model::{Capture, ItemRecord, Lang, Phrase, RunRecord, RunState};
use rounds::playbook::{Narrow, Plan, Site, Work};
use rounds::report::{self, Limits, NoHistory, Shape, Source, Templates};
use rounds::store::{Recording, Store};
use rounds::yaml::Faults;
use rounds::{inventory, recorded, round};

use super::measure::{command, rounds, tell, time};

/// Checks whose recorded captures are judged; each line of the playbook is one of them.
const CHECKS: [&str; 10] =
    ["load", "memory", "swap", "disk-space", "inodes", "uptime", "file-handles", "read-only-mounts", "patches", "sysctl"];

/// Plans, judges and stores 1,000 targets × 20 checks; renders the run with `with_report`.
pub(crate) fn twenty_thousand_items(with_report: bool) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (plan_s, plan) = time(plan);
    let items = plan.items.iter().filter(|item| matches!(item.work, Work::Check(_))).count();
    assert_eq!(items, 20_000);
    let captures = captures();
    let (judge_s, recordings) = time(|| judge_all(&plan, &captures));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut head = round::head(&plan, "bench".to_owned(), chrono::Utc::now());
    head.planned = recordings.iter().map(Vec::len).sum();
    let (store_s, items) = time(|| runtime.block_on(store(&folder.path().join("bench.db"), &head, recordings)));
    println!("20,000 items: planned in {plan_s:.2} s, judged in {judge_s:.2} s, stored in {store_s:.2} s");
    tell("  planning, judging and storing", plan_s + judge_s + store_s, "s", 2.0);
    if with_report {
        let run = RunRecord { head, state: RunState::Done, ended: Some(chrono::Utc::now()), items };
        render(folder.path(), &run);
    }
}

fn plan() -> Plan {
    let mut site = Site::default();
    let mut faults = Faults::default();
    let targets = (0..1000).fold("inventory: many\ntargets:\n".to_owned(), |mut text, host| {
        let _ = writeln!(text, "  - {{ id: host{host}, kind: host, labels: {{ role: web }} }}");
        text
    });
    let lines = (0..20).fold("playbook: bench\nchecks:\n".to_owned(), |mut text, line| {
        let _ = writeln!(text, "  - {{ id: line{line}, check: {} }}", CHECKS[line % CHECKS.len()]);
        text
    });
    site.read_text("inventory.yaml".as_ref(), targets, &mut faults);
    site.read_text("bench.yaml".as_ref(), lines, &mut faults);
    let files = std::mem::take(&mut site.inventories);
    let inventory = inventory::resolve(files, Vec::new(), &[], &[], &site.sources, &mut faults);
    let playbook = site.playbook("bench").expect("the playbook").1.clone();
    let plan = rounds::playbook::plan(&site, &inventory, &playbook, &Narrow::default(), &mut faults).expect("a plan");
    assert!(!faults.any_error(), "{}", faults.lines(&site.sources));
    plan
}

/// Recorded captures of each check, as the tests of the catalogue use them.
fn captures() -> Vec<(&'static str, Vec<Capture>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    CHECKS
        .iter()
        .map(|id| {
            let mut files: Vec<_> = std::fs::read_dir(folder.join(id)).expect("captures").flatten().map(|entry| entry.path()).collect();
            files.sort();
            let file = files.iter().find(|file| file.to_string_lossy().contains("debian-12")).unwrap_or(&files[0]);
            let text = std::fs::read_to_string(file).expect("a capture");
            (*id, recorded::read(&text).expect("a capture in our form").captures)
        })
        .collect()
}

fn judge_all(plan: &Plan, captures: &[(&str, Vec<Capture>)]) -> Vec<Vec<Recording>> {
    let mut by_target: Vec<Vec<Recording>> = Vec::new();
    let mut last = String::new();
    for item in &plan.items {
        let (Work::Check(check), Some(target)) = (&item.work, &item.target) else { continue };
        let (_, captures) = captures.iter().find(|(id, _)| *id == item.texts.check).expect("captures of the check");
        let at = chrono::Utc::now();
        let seen = Seen { captures, at, earlier: None, target };
        let env = Env::at(at, plan.timezone).with_target(target).with_given(&check.given.values);
        let judged = judge::judge(check.bound.parse(&seen), &*check.bound, &check.rules, &env, None);
        let fields = check
            .bound
            .fields()
            .iter()
            .map(|field| FieldNote { name: field.name.to_string(), field_type: field.field_type, label: field.label.into() })
            .collect();
        let record = ItemRecord {
            key: item.key.clone(),
            kind: item.kind(),
            check: item.texts.check.clone(),
            check_version: item.texts.check_version,
            title: item.texts.title.clone(),
            class: item.texts.class.clone(),
            outcome: judged.outcome,
            reason: judged.reason,
            rows: judged.rows,
            rows_are: check.bound.rows_are(),
            fields,
            thresholds: item.texts.thresholds.clone(),
            advice: item.texts.advice.clone(),
            why: Phrase::default(),
            runbook: None,
            at,
            took_ms: 10,
            attempts: Vec::new(),
            captures: Vec::new(),
        };
        if target.id != last {
            by_target.push(Vec::new());
            last.clone_from(&target.id);
        }
        let recording = Recording { item: record, captures: captures.clone(), asked: Vec::new() };
        by_target.last_mut().expect("just pushed").push(recording);
    }
    by_target
}

async fn store(path: &std::path::Path, head: &rounds::model::RunHead, recordings: Vec<Vec<Recording>>) -> Vec<ItemRecord> {
    let store = Arc::new(Store::open(path).await.expect("a store"));
    store.begin_run(head).await.expect("begun");
    // As in a run: many targets end at about the same time, each waits for its own to be on the disk.
    let mut writing = tokio::task::JoinSet::new();
    let turns = Arc::new(tokio::sync::Semaphore::new(32));
    for target in recordings {
        let (store, run, turn) = (Arc::clone(&store), head.id.clone(), Arc::clone(&turns).acquire_owned().await.expect("open"));
        writing.spawn(async move {
            let recorded = store.record_target(&run, target).await.expect("recorded");
            drop(turn);
            recorded
        });
    }
    let mut items = Vec::new();
    while let Some(recorded) = writing.join_next().await {
        items.extend(recorded.expect("joined"));
    }
    store.end_run(&head.id, RunState::Done, chrono::Utc::now()).await.expect("balanced");
    items
}

fn render(folder: &std::path::Path, run: &RunRecord) {
    let source = Source { run, previous: None, history: &NoHistory };
    let draw = |shape: Shape| {
        let rendered = report::render(&source, Lang::Zh, &[shape], &Templates::default(), rounds(), Limits::default());
        rendered.expect("rendered").files.remove(0).1
    };
    let (html_s, html) = time(|| draw(Shape::Html));
    let (pdf_s, pdf) = time(|| draw(Shape::Pdf));
    println!("report of 20,000 items: HTML {html_s:.2} s ({} MiB), PDF {pdf_s:.2} s ({} KiB)", html.len() / 1024 / 1024, pdf.len() / 1024);
    tell("  HTML and PDF together", html_s + pdf_s, "s", 10.0);
    // The same rows for both: what the PDF holds, laid out by the page's own template and printed by Chromium.
    let view = report::view(&source, Lang::Zh).for_paper();
    let data = serde_json::to_value(&view).expect("a view is JSON");
    let templates = Templates::default().of_kind("hbs");
    let page = report::html::draw(&templates, "inspection.html.hbs", &data).expect("drawn");
    std::fs::write(folder.join("page.html"), page).expect("a file");
    let chromium =
        ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let Some(chromium) = chromium else {
        println!("  Chromium is not installed: not compared");
        return;
    };
    let print = format!(
        "{chromium} --headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run --user-data-dir={0}/profile --no-pdf-header-footer --print-to-pdf={0}/page.pdf file://{0}/page.html",
        folder.display()
    );
    let printed = command(&print);
    println!("  Chromium printing the same rows: {:.2} s, {:.2} s CPU", printed.wall_s, printed.cpu_s);
    tell("  PDF, ours ÷ Chromium", pdf_s / printed.wall_s, "×", 1.0 / 3.0);
}
