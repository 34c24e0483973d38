//! Drawing in a process of its own: a template that runs away takes only its worker with it.
//!
//! The parent writes a [`Job`] as JSON to the worker's standard input and reads the finished file from its standard output.
//! The worker limits itself (memory, processor time, no files, no core) before it reads anything, gets no environment, and is
//! killed when it takes too long.

mod child;
mod parent;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Serialize};

pub use child::worker_main;
pub use parent::{WorkerError, render_in_worker};

/// What is to be drawn.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// As what.
    pub canvas: Canvas,
    /// Templates by file name.
    pub templates: BTreeMap<String, String>,
    /// The one to begin with.
    pub main: String,
    /// The view.
    pub data: serde_json::Value,
    /// What identifies the document: the report number.
    pub ident: String,
    /// The run's moment in its zone.
    pub at: DateTime<FixedOffset>,
    /// Limits that the worker sets on itself.
    pub limits: Limits,
}

/// What a worker draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Canvas {
    /// An HTML page.
    Html,
    /// A PDF document.
    Pdf,
}

/// What a worker may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Address space in bytes: memory, the program itself and the stacks of its threads.
    pub memory_bytes: u64,
    /// Processor time.
    pub cpu_s: u64,
    /// Time on the clock, watched by the parent.
    pub wall_s: u64,
    /// Size of what it gives back.
    pub output_bytes: u64,
}

impl Limits {
    /// Time on the clock.
    #[must_use]
    pub const fn wall(self) -> Duration {
        Duration::from_secs(self.wall_s)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 2 << 30, cpu_s: 120, wall_s: 180, output_bytes: 256 << 20 }
    }
}
