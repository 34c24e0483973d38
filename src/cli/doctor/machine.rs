//! What this machine must be able to do: tell the time, draw every character, draw a report.

use std::collections::BTreeSet;
use std::path::PathBuf;

use chrono::{DateTime, Datelike as _, Utc};

use super::Looked;
use crate::model::{Lang, Phrase, RunHead, RunRecord, RunState};
use crate::report::{self, Limits, NoHistory, Shape, Source, Templates, pdf};
use crate::yaml::Sources;

/// The year in which this was written: no clock that is right shows an earlier one.
const WRITTEN: i32 = 2026;
/// How far the hardware clock may be from the system's.
const DRIFT_S: i64 = 60;
/// Seconds since 1970 of the hardware clock, where the kernel shows it.
const HARDWARE_CLOCK: &str = "/sys/class/rtc/rtc0/since_epoch";

/// Whether the clock can be believed, as far as that shows without asking anybody.
pub(super) fn clock() -> Vec<Looked> {
    let now = Utc::now();
    let mut looked = Vec::new();
    if (WRITTEN..WRITTEN + 100).contains(&now.year()) {
        looked.push(Looked::well(format!("the clock shows {}", now.format("%Y-%m-%d %H:%M:%S UTC"))));
    } else {
        let what = format!("the clock shows {}, which cannot be", now.format("%Y-%m-%d"));
        looked.push(Looked::bad(what, "set it, and keep it right with chrony or systemd-timesyncd"));
    }
    let hardware = std::fs::read_to_string(HARDWARE_CLOCK).ok().and_then(|text| text.trim().parse::<i64>().ok());
    match hardware.map(|hardware| (hardware - now.timestamp()).abs()) {
        Some(drift_s) if drift_s > DRIFT_S => {
            let what = format!("the hardware clock is {drift_s} s from the system's");
            looked.push(Looked::doubtful(what, "see `timedatectl`: one of them is wrong, or the hardware clock keeps local time"));
        }
        Some(_) => looked.push(Looked::well("the hardware clock agrees with the system's")),
        None => {}
    }
    let zones = chrono_tz::TZ_VARIANTS.len();
    looked.push(Looked::well(format!("{zones} time zones are built in ({})", chrono_tz::IANA_TZDB_VERSION)));
    looked
}

/// Whether what the site says can be drawn in a PDF.
pub(super) fn fonts(sources: &Sources) -> Vec<Looked> {
    let texts = sources.iter().flat_map(|(_, source)| source.text.chars());
    let missing: BTreeSet<char> = texts.filter(|c| !c.is_control() && !pdf::fonts::covers(*c)).collect();
    if !pdf::fonts::covers('中') || !pdf::fonts::covers('é') {
        return vec![Looked::bad("the fonts built in cannot be read", "this binary is damaged: install it again")];
    }
    if missing.is_empty() {
        return vec![Looked::well("the fonts built in can draw every character of the site's files")];
    }
    let some: Vec<String> = missing.iter().take(8).map(|c| format!("U+{:04X}", *c as u32)).collect();
    let what = format!("{} characters of the site's files are in no font: {}", missing.len(), some.join(" "));
    vec![Looked::doubtful(what, "PDF reports show them as codes; write them otherwise where that disturbs")]
}

/// Whether the templates draw, in a worker as in a real run.
pub(super) async fn templates(folder: Option<PathBuf>) -> Vec<Looked> {
    let drawn = tokio::task::spawn_blocking(move || draw(folder)).await;
    vec![match drawn {
        Ok(Ok(count)) => Looked::well(format!("the report templates draw ({count} files, in a worker)")),
        Ok(Err(error)) => Looked::bad(format!("no report can be drawn: {error}"), "put the template right, or leave out --templates"),
        Err(error) => Looked::bad(format!("no report can be drawn: {error}"), "this is a fault of the program"),
    }]
}

fn draw(folder: Option<PathBuf>) -> Result<usize, String> {
    let templates = folder.map_or_else(|| Ok(Templates::default()), |folder| Templates::from_folder(&folder));
    let templates = templates.map_err(|error| error.to_string())?;
    let exe = std::env::current_exe().map_err(|error| error.to_string())?;
    let run = sample();
    let source = Source { run: &run, previous: None, history: &NoHistory };
    let mut count = 0;
    for lang in Lang::ALL {
        let rendered = report::render(&source, lang, &[Shape::Html, Shape::Pdf], &templates, &exe, Limits::default());
        count += rendered.map_err(|error| error.to_string())?.files.len();
    }
    Ok(count)
}

/// A run with nothing in it, for drawing.
fn sample() -> RunRecord {
    let at = DateTime::<Utc>::UNIX_EPOCH;
    let head = RunHead {
        id: "00000000-0000-7000-8000-000000000000".to_owned(),
        playbook: "doctor".to_owned(),
        title: Phrase::plain("Doctor 体检"),
        playbook_text: String::new(),
        playbook_hash: "0".repeat(64),
        owner: None,
        started_by: "doctor".to_owned(),
        host: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        timezone: "UTC".to_owned(),
        started: at,
        planned: 0,
        targets: Vec::new(),
        waivers: Vec::new(),
        people: Vec::new(),
        vocabulary: serde_json::Value::Null,
        calendar: serde_json::Value::Null,
    };
    RunRecord { head, state: RunState::Done, ended: Some(at), items: Vec::new() }
}
