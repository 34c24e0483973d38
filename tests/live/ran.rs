//! The program as a process: watched while it runs, and what it left behind.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Longest that a run of a test may take.
const LIMIT: Duration = Duration::from_mins(2);

/// How often a running process is looked at.
const TURN: Duration = Duration::from_millis(10);

/// A running `rounds`.
pub(crate) struct Running {
    child: Child,
    began: Instant,
    folder: PathBuf,
    peak_kib: u64,
}

/// A `rounds` that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Its exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// Its standard output, byte by byte as it came.
    pub(crate) out: Vec<u8>,
    /// Its standard error.
    pub(crate) err: Vec<u8>,
    /// How long it took.
    pub(crate) took: Duration,
    /// Most memory that it had at once, in KiB.
    pub(crate) peak_kib: u64,
    folder: PathBuf,
}

impl Running {
    /// Starts `command`, whose words go to files in `folder`.
    pub(crate) fn start(mut command: Command, folder: &Path) -> Self {
        let out = File::create(folder.join("stdout")).expect("a file for standard output");
        let err = File::create(folder.join("stderr")).expect("a file for standard error");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("the program starts");
        Self { child, began: Instant::now(), folder: folder.to_owned(), peak_kib: 0 }
    }

    /// Waits until `is_so`, while it runs.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            self.look();
            let ended = self.child.try_wait().expect("its state");
            assert!(ended.is_none() && self.began.elapsed() < LIMIT, "it ended before: {ended:?} {}", self.words());
            std::thread::sleep(TURN);
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("its process id");
        kill_process(pid, signal).expect("it can be signalled");
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Ran {
        let status = loop {
            self.look();
            if let Some(status) = self.child.try_wait().expect("its state") {
                break status;
            }
            if self.began.elapsed() > LIMIT {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("it took more than {LIMIT:?}: {}", self.words());
            }
            std::thread::sleep(TURN);
        };
        let read = |name: &str| fs::read(self.folder.join(name)).expect("what it said");
        Ran {
            status: status.code(),
            out: read("stdout"),
            err: read("stderr"),
            took: self.began.elapsed(),
            peak_kib: self.peak_kib,
            folder: self.folder,
        }
    }

    /// Notes the most memory that it had so far; only a living process tells.
    fn look(&mut self) {
        let Ok(status) = fs::read_to_string(format!("/proc/{}/status", self.child.id())) else { return };
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        self.peak_kib = self.peak_kib.max(peak.unwrap_or(0));
    }

    fn words(&self) -> String {
        ["stdout", "stderr"].map(|name| fs::read_to_string(self.folder.join(name)).unwrap_or_default()).join("\n---\n")
    }
}

impl Ran {
    /// Standard output as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("standard output is text")
    }

    /// Standard error as text.
    #[track_caller]
    pub(crate) fn complaints(&self) -> &str {
        std::str::from_utf8(&self.err).expect("standard error is text")
    }

    /// The id of the run, as it was told.
    #[track_caller]
    pub(crate) fn run_id(&self) -> &str {
        let line = self.text().lines().find_map(|line| line.strip_prefix("run "));
        line.unwrap_or_else(|| panic!("no run was recorded: {}\n{}", self.text(), self.complaints()))
    }

    /// A report that it wrote, by the end of its name.
    #[track_caller]
    pub(crate) fn report(&self, ending: &str) -> PathBuf {
        let line = self.text().lines().find(|line| line.ends_with(ending));
        self.folder.join(line.unwrap_or_else(|| panic!("no report {ending}: {}\n{}", self.text(), self.complaints())))
    }

    /// The JSON report in English.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.report(".en.json")).expect("the report")).expect("JSON")
    }
}
