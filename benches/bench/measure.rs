//! Measuring: whole processes by the shell's own accounting, peak memory from `/proc`, medians of several runs.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a finished command took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) wall_s: f64,
    /// User and system time of the command and everything it waited for.
    pub(crate) cpu_s: f64,
    /// Highest resident memory of the process itself; 0 when it was too short to be seen.
    pub(crate) peak_mib: f64,
    pub(crate) status: i32,
}

/// Runs a shell command and measures it.
pub(crate) fn command(script: &str) -> Took {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let accounts = folder.path().join("times");
    // bash accounts for a command and all its children.
    let timed = format!(
        "TIMEFORMAT='%U %S'; {{ time ( {script} ) >{out} 2>&1; }} 2>{times}; exit $?",
        out = folder.path().join("out").display(),
        times = accounts.display()
    );
    let clock = Instant::now();
    let mut child = Command::new("bash").arg("-c").arg(&timed).stdin(Stdio::null()).spawn().expect("bash starts");
    let peak_mib = watch(&mut child);
    let status = child.wait().expect("bash ends");
    let wall_s = clock.elapsed().as_secs_f64();
    let text = fs::read_to_string(&accounts).unwrap_or_default();
    let cpu_s = text.lines().last().unwrap_or_default().split_whitespace().filter_map(|word| word.parse::<f64>().ok()).sum();
    if std::env::var_os("BENCH_SHOW").is_some() {
        eprintln!("{}", fs::read_to_string(folder.path().join("out")).unwrap_or_default());
    }
    Took { wall_s, cpu_s, peak_mib, status: status.code().unwrap_or(-1) }
}

/// Watches the memory of a child and of what it started, until it has ended.
fn watch(child: &mut Child) -> f64 {
    let mut peak: f64 = 0.0;
    while child.try_wait().ok().flatten().is_none() {
        peak = peak.max(largest_below(child.id()));
        std::thread::sleep(Duration::from_millis(20));
    }
    peak
}

/// The highest peak among the descendants of a process, in MiB.
fn largest_below(pid: u32) -> f64 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let below = children.split_whitespace().filter_map(|pid| pid.parse().ok()).map(largest_below);
    below.fold(peak_mib(pid), f64::max)
}

/// The peak of a process that runs `rounds`, in MiB.
fn peak_mib(pid: u32) -> f64 {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if !name.starts_with("rounds") {
        return 0.0;
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// The one in the middle by wall time.
pub(crate) fn median(mut runs: Vec<Took>) -> Took {
    runs.sort_by(|a, b| a.wall_s.total_cmp(&b.wall_s));
    runs[runs.len() / 2]
}

/// How long a piece of work took, in seconds, and what it gave.
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let clock = Instant::now();
    let value = work();
    (clock.elapsed().as_secs_f64(), value)
}

/// A result beside its bound.
pub(crate) fn tell(what: &str, figure: f64, unit: &str, bound: f64) {
    let verdict = if figure <= bound { "within" } else { "OVER" };
    println!("{what:<64} {figure:>9.3} {unit:<4} {verdict} {bound} {unit}");
}

/// The machine, for the record.
pub(crate) fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown").to_owned();
    format!("{cpus} cores, {model}; {}", if cfg!(debug_assertions) { "DEBUG BUILD: figures mean nothing" } else { "release build" })
}

/// Our program.
pub(crate) fn rounds() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_rounds"))
}
