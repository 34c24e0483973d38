//! Reports from end to end: built from a run, drawn by real workers, read back with other people's tools.

mod report_sample;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use report_sample::{HOSTILE, Remembered, disk, head, item, now, previous, run};
use rounds::model::run::RunState;
use rounds::model::{Lang, Message, Outcome, RunRecord};
use rounds::report::worker::{Canvas, Job, WorkerError};
use rounds::report::{Limits, NoHistory, RenderError, Rendered, Shape, Source, Templates, View, render, render_in_worker, view};

fn exe() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rounds"))
}

fn rendered(lang: Lang, shapes: &[Shape]) -> Rendered {
    let (run, previous) = (run(), previous());
    let source = Source { run: &run, previous: Some(&previous), history: &Remembered };
    render(&source, lang, shapes, &Templates::default(), exe(), Limits::default()).unwrap_or_else(|error| panic!("{error:?}"))
}

fn one(run: &RunRecord, lang: Lang, shape: Shape) -> Vec<u8> {
    let source = Source { run, previous: None, history: &NoHistory };
    let rendered = render(&source, lang, &[shape], &Templates::default(), exe(), Limits::default());
    rendered.unwrap_or_else(|error| panic!("{error:?}")).files.remove(0).1
}

fn text_of(pdf: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    std::fs::write(&path, pdf).unwrap();
    let output = Command::new("pdftotext").arg("-layout").arg(&path).arg("-").output().expect("pdftotext is installed");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Text without blanks, line ends and invisible places to break: what a reader reads, however it is laid out.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{200b}').collect()
}

/// The text of an HTML page with its entities resolved, and the tags that were in it.
fn read_html(html: &str) -> (String, Vec<String>) {
    let (mut text, mut tags, mut rest) = (String::new(), Vec::new(), html);
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag that ends");
        tags.push(rest[at + 1..end].to_owned());
        rest = &rest[end + 1..];
        if tags.last().is_some_and(|tag| tag == "style") {
            rest = &rest[rest.find("</style>").expect("a style that ends")..];
        }
    }
    text.push_str(rest);
    for (entity, c) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x60;", "`"), ("&#x3D;", "="), ("&amp;", "&")] {
        text = text.replace(entity, c);
    }
    (text, tags)
}

fn html(lang: Lang) -> String {
    String::from_utf8(rendered(lang, &[Shape::Html]).files.remove(0).1).unwrap()
}

/// Writes the samples into `target/report-samples`, for looking at: `cargo test --test report -- --ignored samples`.
#[test]
#[ignore = "for looking at"]
fn samples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/report-samples");
    std::fs::create_dir_all(&folder).unwrap();
    for lang in Lang::ALL {
        for (shape, bytes) in rendered(lang, &Shape::ALL).files {
            std::fs::write(folder.join(format!("{}.{}", lang.code(), shape.extension())), bytes).unwrap();
        }
    }
    let mut unbalanced = run();
    unbalanced.head.planned += 1;
    for (name, run) in [("red", unbalanced), ("empty", small(Vec::new(), 0)), ("fine", small(vec![disk("wiki", &[("/", 10.0)])], 1))] {
        for shape in [Shape::Html, Shape::Pdf] {
            std::fs::write(folder.join(format!("{name}.{}", shape.extension())), one(&run, Lang::Zh, shape)).unwrap();
        }
    }
}

/// Whether a tag has an attribute such as `onclick`.
fn has_handler(tag: &str) -> bool {
    tag.split('"').step_by(2).any(|part| part.split_whitespace().any(|name| name.starts_with("on")))
}

/// The largest report that is promised: 400 targets of 50 items. Release builds draw HTML and PDF of it within 10 s and 500 MB.
#[test]
#[ignore = "measures; run it in a release build"]
fn twenty_thousand_items() {
    for problem_in in [50, 5] {
        println!("one problem in {problem_in}:");
        measure(large(problem_in));
    }
}

fn measure(mut run: RunRecord) {
    run.head.targets = (0..400)
        .map(|at| {
            let mut target = report_sample::targets()[at % 12].clone();
            target.id = format!("host-{at:03}");
            target
        })
        .collect();
    let source = Source { run: &run, previous: None, history: &NoHistory };
    for shape in Shape::ALL {
        let started = Instant::now();
        let rendered =
            render(&source, Lang::Zh, &[shape], &Templates::default(), exe(), Limits { memory_bytes: 1 << 30, ..Limits::default() });
        let bytes = rendered.unwrap_or_else(|error| panic!("{error:?}")).files.remove(0).1.len();
        println!("{}: {bytes} bytes in {:.1} s", shape.id(), started.elapsed().as_secs_f64());
    }
}

fn large(problem_in: i32) -> RunRecord {
    let mut items = Vec::new();
    for target in 0..400 {
        for line in 0..50 {
            // One in so many warns or is critical, one in a hundred could not be judged.
            let at = target * 50 + line;
            let used = if at % problem_in == 2 { 85.0 + f64::from(at % 10) } else { f64::from(at % 75) };
            let mut item = disk(&format!("host-{target:03}"), &[("/", used)]);
            item.key.line = format!("line-{line:02}");
            item.title = rounds::model::Phrase::plain(format!("Check {line}"));
            if at % 100 == 3 {
                item.outcome = Outcome::TimedOut;
                item.reason = Some(Message::TimedOut { limit_s: 30.0 });
                item.rows.clear();
            }
            items.push(item);
        }
    }
    small(items, 20_000)
}

#[test]
fn hostile_text_stands_in_the_html_as_it_came_and_does_nothing() {
    for lang in Lang::ALL {
        let (text, tags) = read_html(&html(lang));
        for hostile in HOSTILE {
            assert!(text.contains(hostile), "{hostile}");
        }
        assert!(text.contains("\\x1b[31mred\\x1b[0m U+202Egpj.exe 😀"), "escapes and directions are shown as codes");
        assert!(!tags.iter().any(|tag| tag.starts_with("script") || has_handler(tag)), "{tags:?}");
    }
}

#[test]
fn hostile_text_stands_in_the_pdf_as_it_came() {
    for lang in Lang::ALL {
        let text = squeezed(&text_of(&rendered(lang, &[Shape::Pdf]).files[0].1));
        for part in [
            "alert(1)",
            "{{7*7}}",
            "$(reboot)",
            "#panic(\"x\")",
            "*bold*_x_",
            "@ref<lab>$x^2$",
            "=HYPERLINK(\"http://x\")",
            "DROPTABLEruns;--",
            "\\x1b[31mred",
            "U+1F600",
        ] {
            assert!(text.contains(&squeezed(part)), "{part} is not in {text}");
        }
    }
}

#[test]
fn html_is_whole_and_takes_nothing_from_elsewhere() {
    for lang in Lang::ALL {
        let html = html(lang);
        let (_, tags) = read_html(&html);
        let mut open: Vec<&str> = Vec::new();
        for tag in &tags {
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
            match tag {
                _ if tag.starts_with('!') || ["meta", "br", "rect", "polyline"].contains(&name) => {}
                _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "closed out of turn"),
                _ => open.push(name),
            }
        }
        assert!(open.is_empty(), "left open: {open:?}");
        for (from, to) in [("{", "}"), ("(", ")")] {
            let style = &html[html.find("<style>").unwrap()..html.find("</style>").unwrap()];
            assert_eq!(style.matches(from).count(), style.matches(to).count(), "unbalanced {from} in the style");
        }
        for tag in &tags {
            assert!(!["src=", "@import", "<link"].iter().any(|part| tag.contains(part)), "{tag}");
        }
        let ids: Vec<&str> = tags.iter().filter_map(|tag| tag.split("id=\"").nth(1)?.split('"').next()).collect();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len());
        assert!(html.contains(if lang == Lang::En { "<html lang=\"en\">" } else { "<html lang=\"zh-CN\">" }));
    }
}

#[test]
fn the_pdf_is_archivable_tagged_numbered_and_the_same_every_time() {
    let pdf = rendered(Lang::Zh, &[Shape::Pdf]).files.remove(0).1;
    let raw = String::from_utf8_lossy(&pdf);
    assert!(
        raw.contains("<pdfaid:part>2") && raw.contains("<pdfaid:conformance>A") && raw.contains("pdfuaid"),
        "the metadata name the standards"
    );
    let text = text_of(&pdf);
    let pages = text.matches('\u{c}').count();
    assert!(text.contains(&format!("第 {pages} 页，共 {pages} 页")), "{pages} pages");
    assert!(text.matches("core-daily-20261123-0800-9ab3d4").count() >= pages, "the number runs along");
    assert_eq!(rendered(Lang::Zh, &[Shape::Pdf]).files.remove(0).1, pdf);
}

#[test]
fn page_one_is_one_page() {
    for lang in Lang::ALL {
        let text = text_of(&rendered(lang, &[Shape::Pdf]).files[0].1);
        let pages: Vec<&str> = text.split('\u{c}').collect();
        let (start, next) = if lang == Lang::En { ("Summary for management", "Overview") } else { ("管理摘要", "概况") };
        assert!(pages[1].contains(start) && pages[2].contains(next), "{}", pages[2]);
    }
}

#[test]
fn every_number_of_the_ledger_adds_up_on_page_one() {
    let (run, previous) = (run(), previous());
    let View::Whole(whole) = view(&Source { run: &run, previous: Some(&previous), history: &Remembered }, Lang::En) else { panic!() };
    let tiles: usize = whole.page.tiles.iter().map(|tile| tile.count.parse::<usize>().unwrap()).sum();
    assert_eq!(tiles, run.head.planned);
    let classes: usize = whole.conclusion.classes.iter().flat_map(|class| class.counts).sum();
    assert_eq!(classes, run.head.planned);
    let movement = whole.page.movement.as_ref().unwrap();
    assert_eq!(movement.new.parse::<usize>().unwrap() + movement.still_open.parse::<usize>().unwrap(), whole.problems.len());
    let unjudged: usize = whole.not_inspected.iter().map(|line| line.count).sum();
    assert_eq!(unjudged, run.head.planned - run.tally().judged(), "each item that was not judged stands in section 5");
}

#[test]
fn page_one_names_the_same_risks_in_the_same_order_in_every_language() {
    let (run, previous) = (run(), previous());
    let risks = |lang| {
        let View::Whole(whole) = view(&Source { run: &run, previous: Some(&previous), history: &Remembered }, lang) else { panic!() };
        // The first object is the same text in both languages; how many more there are is said in words.
        let first = |objects: &str| objects.split([',', '、', ' ']).next().unwrap_or_default().to_owned();
        whole.page.risks.iter().map(|risk| (first(&risk.objects), risk.days)).collect::<Vec<_>>()
    };
    assert_eq!(risks(Lang::En), risks(Lang::Zh));
    assert!(risks(Lang::En).len() > 2);
}

#[test]
fn what_became_of_the_problems_of_last_time_is_told() {
    let (run, previous) = (run(), previous());
    let View::Whole(whole) = view(&Source { run: &run, previous: Some(&previous), history: &Remembered }, Lang::En) else { panic!() };
    let state = |object: &str, title: &str| {
        let line = whole.left_open.lines.iter().find(|line| line.object == object && line.title == title);
        line.unwrap_or_else(|| panic!("{title} on {object}")).state.word.clone()
    };
    assert_eq!(state("erp-app1 · /data", "Disk space"), "Worse");
    assert_eq!(state("erp-app1", "CPU load"), "Solved");
    assert_eq!(state("erp-app2", "CPU load"), "Not checked again");
    assert_eq!(state("erp-dr", "Reachable"), "Still open");
    assert_eq!(whole.page.movement.as_ref().unwrap().solved, "1", "what could not be checked again is not solved");
    let disk = whole.problems.iter().find(|problem| problem.object == "erp-app1 · /data").unwrap();
    assert_eq!((disk.days, disk.ticket.as_str(), disk.deadline.as_str()), (17, "OPS-1042", "2026-11-27"));
}

#[test]
fn a_problem_whose_row_is_missing_is_not_called_solved() {
    let before = small(vec![disk("wiki", &[("/", 10.0), ("/mnt/x", 95.0)])], 1);
    let now = small(vec![disk("wiki", &[("/", 10.0)])], 1);
    let left = |now: &RunRecord| {
        let View::Whole(whole) = view(&Source { run: now, previous: Some(&before), history: &NoHistory }, Lang::Zh) else { panic!() };
        (whole.left_open.lines[0].state.word.clone(), whole.page.movement.unwrap().solved)
    };
    assert_eq!(left(&now), ("对象已不存在".to_owned(), "0".to_owned()));
    assert_eq!(left(&small(Vec::new(), 0)), ("对象已不存在".to_owned(), "0".to_owned()), "an item that left the plan proves nothing");
    let fine = small(vec![disk("wiki", &[("/", 10.0), ("/mnt/x", 20.0)])], 1);
    assert_eq!(left(&fine), ("已解决".to_owned(), "1".to_owned()));
}

#[test]
fn the_first_report_calls_nothing_new() {
    let run = run();
    let View::Whole(whole) = view(&Source { run: &run, previous: None, history: &NoHistory }, Lang::En) else { panic!() };
    assert!(whole.page.movement.is_none() && whole.problems.iter().all(|problem| !problem.is_new));
    assert!(whole.page.trend.contains("no earlier inspection"), "{}", whole.page.trend);
    assert!(whole.page.decisions.iter().any(|decision| decision.contains("no restore has been proved")));
}

#[test]
fn a_waived_problem_is_loud_but_not_among_the_open_ones() {
    let run = run();
    let View::Whole(whole) = view(&Source { run: &run, previous: None, history: &NoHistory }, Lang::En) else { panic!() };
    assert_eq!(whole.accepted.len(), 1);
    assert!(whole.page.accepted_note.is_some());
    assert!(!whole.problems.iter().any(|problem| problem.object.contains("/opt/old")));
}

fn small(items: Vec<rounds::model::ItemRecord>, planned: usize) -> RunRecord {
    RunRecord { head: head(now(), planned), state: RunState::Done, ended: Some(now()), items }
}

#[test]
fn a_ledger_that_does_not_balance_gives_the_red_page_and_nothing_else() {
    let mut run = run();
    run.head.planned += 1;
    let source = Source { run: &run, previous: None, history: &NoHistory };
    assert!(!view(&source, Lang::Zh).balances());
    let rendered = render(&source, Lang::Zh, &Shape::ALL, &Templates::default(), exe(), Limits::default()).unwrap();
    assert!(!rendered.balances);
    for (shape, bytes) in rendered.files {
        let text = if shape == Shape::Pdf { text_of(&bytes) } else { String::from_utf8(bytes).unwrap() };
        assert!(text.contains("60") && text.contains("59"), "{shape:?} tells both sums");
        assert!(!text.contains("erp-app1"), "{shape:?} tells nothing else");
    }
}

#[test]
fn nothing_planned_nothing_judged_or_nothing_recorded_is_never_green() {
    let mut skipped = item("cpu", "wiki", Outcome::Skipped);
    skipped.reason = Some(Message::Cancelled);
    let mut lost = small(vec![disk("wiki", &[("/", 10.0)])], 1);
    lost.state = RunState::Lost;
    for run in [small(Vec::new(), 0), small(vec![skipped], 1), lost] {
        for lang in Lang::ALL {
            let View::Whole(whole) = view(&Source { run: &run, previous: None, history: &NoHistory }, lang) else { panic!() };
            assert_eq!(whole.page.tone, "unknown");
            assert_eq!(whole.cover.score, "—");
            let nothing = if lang == Lang::En { "Nothing was checked." } else { "未检查任何内容。" };
            assert!(run.state == RunState::Lost || whole.problems_note == nothing && whole.not_inspected_note == nothing);
        }
        let xml = String::from_utf8(one(&run, Lang::En, Shape::Junit)).unwrap();
        assert!(run.state == RunState::Lost || !xml.contains("errors=\"0\"") || !xml.contains("skipped=\"0\""), "{xml}");
        assert!(!one(&run, Lang::Zh, Shape::Pdf).is_empty());
        assert!(!one(&run, Lang::En, Shape::Html).is_empty());
    }
}

#[test]
fn one_open_critical_or_a_gap_in_coverage_caps_the_grade() {
    let grade = |items: Vec<rounds::model::ItemRecord>| {
        let planned = items.len();
        let run = small(items, planned);
        let health = rounds::report::grade::health(&run);
        (health.grade.label().en, health.score.unwrap())
    };
    let fine = |count: usize| -> Vec<_> { (0..count).map(|_| disk("wiki", &[("/", 10.0)])).collect() };
    assert_eq!(grade(fine(200)), ("Excellent", 100));
    assert_eq!(grade([fine(199), vec![disk("wiki", &[("/", 85.0)])]].concat()), ("Excellent", 99));
    assert_eq!(grade([fine(199), vec![disk("wiki", &[("/", 95.0)])]].concat()), ("Needs attention", 69));
    assert_eq!(grade([fine(94), vec![item("cpu", "wiki", Outcome::Skipped); 6]].concat()), ("Fair", 84));
}

#[test]
fn junit_drops_nothing_and_is_well_formed() {
    let run = run();
    let xml = String::from_utf8(one(&run, Lang::Zh, Shape::Junit)).unwrap();
    assert_eq!(xml.matches("<testcase ").count(), run.head.planned);
    let unjudged = run.items.iter().filter(|item| item.outcome.is_unjudged()).count();
    assert_eq!(xml.matches("<error ").count(), unjudged);
    let python = "import sys, xml.dom.minidom as m; d = m.parse(sys.stdin.buffer); print(d.documentElement.getAttribute('tests'))";
    let mut child = Command::new("python3")
        .args(["-c", python])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), xml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), run.head.planned.to_string());
}

#[test]
fn csv_holds_every_row_and_no_formula() {
    let run = run();
    let bytes = one(&run, Lang::Zh, Shape::Csv);
    assert!(bytes.starts_with("\u{feff}".as_bytes()));
    let mut reader = csv::Reader::from_reader(&bytes[3..]);
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), run.items.iter().map(|item| item.rows.len().max(1)).sum::<usize>());
    for cell in records.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '@']) && !cell.contains(['\n', '\u{1b}']), "{cell}");
    }
    assert!(records.iter().any(|record| record.iter().any(|cell| cell == "'=HYPERLINK(\"http://x\")")));
}

#[test]
fn json_tells_the_record_and_has_a_schema() {
    let bytes = rendered(Lang::En, &[Shape::Json]).files.remove(0).1;
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(json["format"], "rounds-report/1");
    assert_eq!(json["items"].as_array().unwrap().len(), json["tally"]["planned"]);
    let sum: u64 = json["tally"]["outcomes"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(sum, json["tally"]["ended"]);
    assert_eq!(json["since"]["solved"], serde_json::json!(["cpu/erp-app1/-/rule"]));
    let services = json["items"].as_array().unwrap().iter().find(|item| item["line"] == "services" && item["target"] == "oa-app").unwrap();
    assert_eq!(services["rows"][0]["values"]["unit"], HOSTILE[0], "programs get the text as it came");
    let schema = serde_json::to_value(rounds::report::json::schema()).unwrap();
    for name in schema["required"].as_array().unwrap() {
        assert!(json.get(name.as_str().unwrap()).is_some(), "{name}");
    }
    for name in json.as_object().unwrap().keys() {
        assert!(schema["properties"].get(name).is_some(), "{name} is not in the schema");
    }
}

#[test]
fn a_sample_of_all_of_unicode_makes_an_archivable_pdf_with_its_codes_counted() {
    let table = include_str!("../report-templates/fonts/tongyong-guifan-hanzi.txt").replace('\n', "");
    // Every 64th character and the borders of each block of 128: at least one of every block of Unicode but the rarest ideographs.
    let wanted = |code: &u32| code % 64 == 1 || code % 128 == 48 || code % 128 == 127;
    let sample: String =
        (0..=0x10_ffff).filter(wanted).filter_map(char::from_u32).filter(|c| !('\u{2f000}'..'\u{e0000}').contains(c)).collect();
    let template = "#set document(title: \"x\")\n#set text(font: (\"Noto Sans CJK SC\", \"DejaVu Sans Mono\"))\n#let d = json(\"data.json\")\n= x\n#d.list\n\n*#d.list*\n\n#d.appendix.fonts_note";
    for (lang, note) in [("en", "charactersonthesepagesarenotintheembeddedfonts"), ("zh-CN", "个字符不在内嵌字体中")] {
        let mut job = job(Canvas::Pdf, template, Limits::default());
        job.data = serde_json::json!({ "lang": lang, "list": format!("{table} {sample}"), "appendix": {} });
        let squeezed = squeezed(&text_of(&render_in_worker(exe(), &job).unwrap()));
        assert!(squeezed.contains(note), "the count is told");
        assert!(squeezed.contains("U+1F601") && squeezed.contains("U+0001") && squeezed.contains("U+E0001"), "codes are shown");
        let missing: String = table.chars().filter(|c| !squeezed.contains(*c)).collect();
        assert!(missing.is_empty(), "{missing}");
    }
}

fn job(canvas: Canvas, text: &str, limits: Limits) -> Job {
    let main = if canvas == Canvas::Html { "a.html.hbs" } else { "a.typ" };
    Job {
        canvas,
        templates: [(main.to_owned(), text.to_owned())].into(),
        main: main.to_owned(),
        data: serde_json::json!({ "lang": "en", "list": [1, 2, 3] }),
        ident: "x".to_owned(),
        at: now().fixed_offset(),
        limits,
    }
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let endless = job(
        Canvas::Pdf,
        "#for i in range(1000000) { for j in range(1000000) { let x = i * j } }",
        Limits { wall_s: 2, ..Limits::default() },
    );
    let started = Instant::now();
    let error = render_in_worker(exe(), &endless).unwrap_err();
    assert!(matches!(error, WorkerError::TooLong { seconds: 2 }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let greedy = Job { limits: Limits { cpu_s: 1, ..Limits::default() }, ..endless };
    let error = render_in_worker(exe(), &greedy).unwrap_err();
    assert!(matches!(error, WorkerError::TooMuch { what } if what.contains("processor")), "{error:?}");
}

#[test]
fn a_template_that_takes_all_memory_or_calls_itself_is_stopped() {
    let limits = Limits { memory_bytes: 768 << 20, ..Limits::default() };
    let large = "#let s = \"x\" * 1000000\n#for i in range(30) { s = s + s }\n#s.len()";
    let error = render_in_worker(exe(), &job(Canvas::Pdf, large, limits)).unwrap_err();
    assert!(matches!(error, WorkerError::TooMuch { what } if what.contains("memory")), "{error:?}");
    for (canvas, text) in
        [(Canvas::Html, "{{> a}}"), (Canvas::Html, "{{#each list}}{{> a}}{{/each}}"), (Canvas::Pdf, "#let f(n) = f(n + 1)\n#f(0)")]
    {
        let error = render_in_worker(exe(), &job(canvas, text, limits)).unwrap_err();
        assert!(matches!(error, WorkerError::TooMuch { .. } | WorkerError::Template { .. }), "{error:?}");
    }
}

#[test]
fn a_template_reads_nothing_but_its_folder() {
    for text in [
        "#read(\"/etc/passwd\")",
        "#read(\"../../etc/passwd\")",
        "#include \"/etc/hosts\"",
        "#import \"@preview/x:0.1.0\": *",
        "#image(\"/proc/self/environ\")",
    ] {
        let error = render_in_worker(exe(), &job(Canvas::Pdf, text, Limits::default())).unwrap_err();
        let WorkerError::Template { message } = error else { panic!("{error:?}") };
        assert!(message.starts_with("a.typ:1:"), "{message}");
    }
    let error = render_in_worker(exe(), &job(Canvas::Html, "{{> /etc/passwd}}", Limits::default())).unwrap_err();
    assert!(matches!(error, WorkerError::Template { .. }), "{error:?}");
}

#[test]
fn a_slip_in_a_template_is_told_with_its_place() {
    let error =
        render_in_worker(exe(), &job(Canvas::Pdf, "x\n#let d = json(\"data.json\")\n#d.titel", Limits::default())).unwrap_err().to_string();
    assert!(error.contains("a.typ:3:") && error.contains("titel"), "{error}");
    let error =
        render_in_worker(exe(), &job(Canvas::Pdf, "#set text(font: \"No Such Font\")\nx", Limits::default())).unwrap_err().to_string();
    assert!(error.contains("font"), "{error}");
    let error = render_in_worker(exe(), &job(Canvas::Html, "{{{list}}}", Limits::default())).unwrap_err().to_string();
    assert!(error.contains("a.html.hbs"), "{error}");
}

#[test]
fn a_folder_of_templates_replaces_ours_and_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("inspection.html.hbs"), "<!doctype html><title>{{cover.number}}</title>{{> foot}}").unwrap();
    std::fs::write(folder.path().join("foot.html.hbs"), "<p>{{cover.host}}</p>").unwrap();
    let templates = Templates::from_folder(folder.path()).unwrap();
    let run = run();
    let source = Source { run: &run, previous: None, history: &NoHistory };
    let rendered = render(&source, Lang::En, &[Shape::Html], &templates, exe(), Limits::default()).unwrap();
    assert_eq!(rendered.files[0].1, b"<!doctype html><title>core-daily-20261123-0800-9ab3d4</title><p>ops-1</p>");
    std::fs::write(folder.path().join("foot.html.hbs"), "{{{cover.host}}}").unwrap();
    assert!(Templates::from_folder(folder.path()).is_err());
    let broken = Templates::default().with("inspection.typ", "#panic(\"no\")");
    let error = render(&source, Lang::En, &[Shape::Pdf], &broken, exe(), Limits::default()).unwrap_err();
    assert!(matches!(error, RenderError::Draw { shape: Shape::Pdf, .. }), "{error:?}");
}
