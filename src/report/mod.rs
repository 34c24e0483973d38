//! Reports: a run, put into words once, and drawn as HTML, PDF, JSON, CSV or JUnit XML.
//!
//! `view` makes the one model that all pages are drawn from: every word resolved for a language, every number formatted,
//! every text of a target on one line with visible codes. HTML and PDF are templates over that model; they are drawn in a
//! worker process (`worker`) that can read nothing and is stopped when it takes too much. JSON, CSV and JUnit are written
//! straight from the record.

pub mod compare;
pub mod csv;
pub mod expiry;
pub mod forecast;
pub mod format;
pub mod found;
pub mod grade;
pub mod html;
pub mod json;
pub mod junit;
pub mod lint;
pub mod pdf;
mod render;
mod source;
pub mod templates;
pub mod view;
pub mod words;
pub mod worker;

pub use render::{RenderError, Rendered, Shape, render};
pub use source::{History, NoHistory, RestoreNote, Source, TicketNote};
pub use templates::Templates;
pub use view::{View, view};
pub use worker::{Limits, render_in_worker, worker_main};
