//! The parent's side: starts a worker, feeds it, takes what it gives, and stops it when it takes too long.

use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::Job;

/// How often a worker is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How much of what a worker says in its defence is kept.
const MESSAGE_BYTES: u64 = 16 << 10;
/// Signals by which the system stops what exceeds a limit, or what fails for want of memory.
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;
const SIGXFSZ: i32 = 25;

/// Why a report was not drawn.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The worker could not be started or talked to.
    #[error("the render worker: {doing}")]
    Process {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The job could not be written down.
    #[error("the render worker's job")]
    Job(#[source] serde_json::Error),
    /// The template failed; the message says where.
    #[error("the template failed: {message}")]
    Template {
        /// In the worker's words.
        message: String,
    },
    /// It took too long.
    #[error("the template was stopped after {seconds} s")]
    TooLong {
        /// The limit.
        seconds: u64,
    },
    /// It took more memory or processor time than it may, or recursed without end.
    #[error("the template was stopped: {what}")]
    TooMuch {
        /// What it exceeded.
        what: &'static str,
    },
    /// It gave more than it may.
    #[error("the template gave more than {bytes} bytes")]
    TooLarge {
        /// The limit.
        bytes: u64,
    },
}

/// Draws `job` in a worker: `exe render-worker`.
///
/// Blocking; it returns at the latest when the job's time on the clock is over.
///
/// # Errors
/// When the worker cannot be started, the template fails, or a limit is exceeded.
pub fn render_in_worker(exe: &Path, job: &Job) -> Result<Vec<u8>, WorkerError> {
    let started = Instant::now();
    let input = serde_json::to_vec(job).map_err(WorkerError::Job)?;
    let mut child = Command::new(exe)
        .arg("render-worker")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| WorkerError::Process { doing: "starting it", source })?;
    let stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        // A worker that dies before it has read everything breaks the pipe; its exit status tells more than that.
        let feed = scope.spawn(move || stdin.map(|mut pipe| pipe.write_all(&input)));
        let most = job.limits.output_bytes;
        // One byte more than allowed is enough to know.
        let output = scope.spawn(move || stdout.map_or_else(|| Ok(Vec::new()), |pipe| read(pipe, most + 1)));
        let errors = scope.spawn(move || stderr.map_or_else(|| Ok(Vec::new()), |pipe| read(pipe, MESSAGE_BYTES)));
        let ended = wait(&mut child, started + job.limits.wall());
        let _ = feed.join();
        let output = output.join().unwrap_or_else(|_| Ok(Vec::new()));
        let errors = errors.join().unwrap_or_else(|_| Ok(Vec::new())).unwrap_or_default();
        let Some(status) = ended? else { return Err(WorkerError::TooLong { seconds: job.limits.wall_s }) };
        let output = output.map_err(|source| WorkerError::Process { doing: "reading what it gives", source })?;
        if output.len() as u64 > most {
            return Err(WorkerError::TooLarge { bytes: most });
        }
        if status.success() { Ok(output) } else { Err(fault(status, &errors)) }
    })
}

/// Waits until the worker ends, or stops it at `deadline`; `None` when it was stopped.
fn wait(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>, WorkerError> {
    let failed = |source| WorkerError::Process { doing: "waiting for it", source };
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            // It may end by itself in this very moment.
            let _ = child.kill();
            child.wait().map_err(failed)?;
            return Ok(None);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Reads at most `most` bytes; closing the pipe after that ends a worker that has more to say.
fn read(pipe: impl Read, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn fault(status: ExitStatus, errors: &[u8]) -> WorkerError {
    let said = String::from_utf8_lossy(errors);
    let what = match status.signal() {
        Some(SIGXCPU | SIGKILL) => "it took too much processor time",
        Some(SIGABRT) if said.contains("memory allocation") => "it took too much memory",
        Some(SIGABRT | SIGSEGV) if said.contains("overflowed its stack") => "it calls itself without end",
        Some(SIGABRT | SIGSEGV) => "it took too much memory",
        Some(SIGXFSZ) => "it tried to write a file",
        _ => return WorkerError::Template { message: crate::model::untrusted::visible(said.trim()).replace("\\n", "\n") },
    };
    WorkerError::TooMuch { what }
}
