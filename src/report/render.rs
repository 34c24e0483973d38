//! Renders a run in the shapes that are asked for.

use std::path::Path;

use chrono::{DateTime, FixedOffset, TimeZone as _, Utc};

use super::source::Source;
use super::templates::{self, Templates};
use super::view::{View, report_number, view};
use super::worker::{Canvas, Job, Limits, WorkerError, render_in_worker};
use super::{csv, json, junit};
use crate::model::{Lang, RunRecord};

/// The shape of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// A page for browsers.
    Html,
    /// A document for people.
    Pdf,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
    /// For build servers.
    Junit,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 5] = [Self::Html, Self::Pdf, Self::Json, Self::Csv, Self::Junit];

    /// The word used on the command line.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Junit => "junit",
        }
    }

    /// The shape whose word is `id`.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.id() == id)
    }

    /// The ending of its files.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Junit => "xml",
            other => other.id(),
        }
    }
}

/// What was rendered.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Whether the ledger balances; a command that rendered one that does not ends with status 4.
    pub balances: bool,
    /// Report number, fit for a file name.
    pub number: String,
    /// The files, in the order asked for.
    pub files: Vec<(Shape, Vec<u8>)>,
}

/// Why a report could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// Drawing failed.
    #[error("cannot draw the {}", shape.id())]
    Draw {
        /// Which shape.
        shape: Shape,
        /// Why.
        source: WorkerError,
    },
    /// Writing failed.
    #[error("cannot write the {}", shape.id())]
    Write {
        /// Which shape.
        shape: Shape,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Renders `source` in `lang`. `exe` is this program: HTML and PDF are drawn by workers of it. Blocking.
///
/// # Errors
/// When a template fails or exceeds a limit.
pub fn render(
    source: &Source<'_>,
    lang: Lang,
    shapes: &[Shape],
    templates: &Templates,
    exe: &Path,
    limits: Limits,
) -> Result<Rendered, RenderError> {
    let draws = shapes.iter().any(|shape| matches!(shape, Shape::Html | Shape::Pdf));
    let model = draws.then(|| view(source, lang));
    let mut files = Vec::with_capacity(shapes.len());
    for &shape in shapes {
        let write = |error: Box<dyn std::error::Error + Send + Sync>| RenderError::Write { shape, source: error };
        let bytes = match (shape, &model) {
            (Shape::Html | Shape::Pdf, Some(view)) => {
                let job = job(source.run, view, shape, templates, limits).map_err(|error| write(error.into()))?;
                render_in_worker(exe, &job).map_err(|source| RenderError::Draw { shape, source })?
            }
            (Shape::Html | Shape::Pdf, None) => continue,
            (Shape::Json, _) => json::json(source, lang).map_err(|error| write(error.into()))?,
            (Shape::Csv, _) => csv::csv(source, lang, csv::Encoding::Utf8Marked).map_err(|error| write(error.into()))?,
            (Shape::Junit, _) => junit::junit(source.run, lang),
        };
        files.push((shape, bytes));
    }
    Ok(Rendered { balances: source.run.tally().balances(), number: report_number(&source.run.head), files })
}

/// The job that draws `view` as `shape`, which is HTML or PDF.
///
/// # Errors
/// When the view cannot be written as JSON.
pub(super) fn job(run: &RunRecord, view: &View, shape: Shape, templates: &Templates, limits: Limits) -> Result<Job, serde_json::Error> {
    let red = Templates::red();
    let (templates, html, pdf) =
        if view.balances() { (templates, templates::HTML, templates::PDF) } else { (&red, templates::RED_HTML, templates::RED_PDF) };
    let (canvas, main, kind, data) = match shape {
        Shape::Pdf => (Canvas::Pdf, pdf, "typ", serde_json::to_value(view.clone().for_paper())?),
        _ => (Canvas::Html, html, "hbs", serde_json::to_value(view)?),
    };
    Ok(Job {
        canvas,
        templates: templates.of_kind(kind),
        main: main.to_owned(),
        data,
        ident: report_number(&run.head),
        at: moment(run),
        limits,
    })
}

/// When the run ended, in its zone: the date of the document.
fn moment(run: &RunRecord) -> DateTime<FixedOffset> {
    let at: DateTime<Utc> = run.ended.unwrap_or(run.head.started);
    let zone = run.head.timezone.parse().unwrap_or(chrono_tz::Tz::UTC);
    let there = zone.from_utc_datetime(&at.naive_utc());
    there.fixed_offset()
}
