//! The worker's side.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Canvas, Job, Limits};
use crate::report::{html, pdf};

/// Largest job that is read.
const LARGEST_JOB_BYTES: u64 = 1 << 30;

/// Reads a job from standard input, draws it, and writes the file to standard output; a message on standard error says why not.
///
/// The hidden subcommand `render-worker` is this function and nothing else.
#[must_use]
pub fn worker_main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nobody is left to tell when this fails.
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<(), String> {
    // The job is ours and holds the limits; what runs away is the template, and that runs after they are set.
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(LARGEST_JOB_BYTES).read_to_end(&mut bytes).map_err(|error| format!("cannot read the job: {error}"))?;
    let job: Job = serde_json::from_slice(&bytes).map_err(|error| format!("cannot read the job: {error}"))?;
    drop(bytes);
    limit(job.limits)?;
    let drawn = match job.canvas {
        Canvas::Html => html::draw(&job.templates, &job.main, &job.data)?,
        Canvas::Pdf => pdf::draw(&job.templates, &job.main, job.data, &job.ident, job.at)?,
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&drawn).and_then(|()| out.flush()).map_err(|error| format!("cannot write the result: {error}"))
}

fn limit(limits: Limits) -> Result<(), String> {
    let wanted = [
        (Resource::As, limits.memory_bytes),
        (Resource::Cpu, limits.cpu_s),
        // No file may be written, no core left behind.
        (Resource::Fsize, 0),
        (Resource::Core, 0),
    ];
    for (resource, most) in wanted {
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(|error| format!("cannot set the limit {resource:?}: {error}"))?;
    }
    Ok(())
}
