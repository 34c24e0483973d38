//! PDF: typst over the view's JSON, as PDF/A-2a and PDF/UA-1, the same bytes for the same run.

mod drawable;
pub mod fonts;
mod world;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, FixedOffset, Timelike as _};
use serde_json::Value;
use typst::World as _;
use typst::diag::{Severity, SourceDiagnostic};
use typst::foundations::{Datetime, Smart};
use typst::syntax::{DiagSpanKind, FileId};
use typst::{WorldExt as _, comemo};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

use drawable::make_drawable;
use world::Sealed;

/// Rows of problems above which the structure for screen readers is left out: it costs a kilobyte of file and fifty of memory a row.
const MOST_TAGGED: usize = 1_500;

/// Draws `data` with the template `main`. `templates` are the files of its folder by name; `at` is the run's moment, in its zone.
///
/// # Errors
/// With file, line and column when the template fails, or when the document breaks the rules of PDF/A.
pub fn draw(
    templates: &BTreeMap<String, String>,
    main: &str,
    mut data: Value,
    ident: &str,
    at: DateTime<FixedOffset>,
) -> Result<Vec<u8>, String> {
    let replaced = make_drawable(&mut data);
    note_replaced(&mut data, replaced);
    let tagged = rows(&data) <= MOST_TAGGED;
    let bytes = serde_json::to_vec(&data).map_err(|error| format!("the data of the report: {error}"))?;
    drop(data);
    let world = Sealed::new(templates, main, bytes, at).ok_or_else(|| format!("{main} is no name of a template"))?;
    let drawn = compile(&world, ident, at, tagged);
    // What was remembered for a next compilation would stay for ever.
    comemo::evict(0);
    drawn
}

fn compile(world: &Sealed, ident: &str, at: DateTime<FixedOffset>, tagged: bool) -> Result<Vec<u8>, String> {
    let compiled = typst::compile::<PagedDocument>(world);
    // A font that is not there is only a warning to typst; here it would mean a page in the wrong letters.
    let missing = compiled.warnings.iter().find(|warning| warning.message.contains("unknown font family"));
    if let Some(missing) = missing {
        return Err(place(world, missing));
    }
    let document = compiled.output.map_err(|errors| in_words(world, &errors))?;
    let standards = if tagged { &[PdfStandard::A_2a, PdfStandard::Ua_1][..] } else { &[PdfStandard::A_2b][..] };
    let options = PdfOptions {
        ident: Smart::Custom(ident.to_owned()),
        creator: Smart::Custom(Some(format!("rounds {}", env!("CARGO_PKG_VERSION")))),
        timestamp: timestamp(at),
        standards: PdfStandards::new(standards).map_err(|error| error.message().to_string())?,
        tagged,
        ..PdfOptions::default()
    };
    typst_pdf::pdf(&document, &options).map_err(|errors| in_words(world, &errors))
}

fn timestamp(at: DateTime<FixedOffset>) -> Option<Timestamp> {
    let byte = |number: u32| u8::try_from(number).ok();
    let datetime =
        Datetime::from_ymd_hms(at.year(), byte(at.month())?, byte(at.day())?, byte(at.hour())?, byte(at.minute())?, byte(at.second())?)?;
    Timestamp::new_local(datetime, at.offset().local_minus_utc() / 60)
}

/// Says on the pages how many characters were replaced.
fn note_replaced(data: &mut Value, replaced: usize) {
    let is_english = data.get("lang").and_then(Value::as_str) == Some("en");
    if let Some(appendix) = data.get_mut("appendix").and_then(Value::as_object_mut).filter(|_| replaced > 0) {
        let note = if is_english {
            format!("{replaced} characters on these pages are not in the embedded fonts and are shown as codes such as U+1F600.")
        } else {
            format!("本文档中有 {replaced} 个字符不在内嵌字体中，以 U+1F600 等代码显示。")
        };
        appendix.insert("fonts_note".to_owned(), Value::String(note));
    }
}

fn rows(data: &Value) -> usize {
    ["problems", "accepted", "not_inspected"].into_iter().filter_map(|name| data.get(name)?.as_array()).map(Vec::len).sum()
}

fn in_words(world: &Sealed, errors: &[SourceDiagnostic]) -> String {
    let shown: Vec<String> =
        errors.iter().filter(|error| error.severity == Severity::Error).take(5).map(|error| place(world, error)).collect();
    shown.join("\n")
}

/// `file:line:column: message (hint)`.
fn place(world: &Sealed, error: &SourceDiagnostic) -> String {
    let id: Option<FileId> = match error.span.get() {
        DiagSpanKind::Detached => None,
        DiagSpanKind::Number { id, .. } | DiagSpanKind::Range { id, .. } => Some(id),
    };
    let position = id.and_then(|id| {
        let source = world.source(id).ok()?;
        let range = world.range(error.span)?;
        let (line, column) = source.lines().byte_to_line_column(range.start)?;
        Some(format!("{}:{}:{}: ", id.vpath().get_without_slash(), line + 1, column + 1))
    });
    let hints: Vec<&str> = error.hints.iter().map(|hint| hint.v.as_str()).collect();
    let hints = if hints.is_empty() { String::new() } else { format!(" ({})", hints.join("; ")) };
    format!("{}{}{hints}", position.unwrap_or_default(), error.message)
}
