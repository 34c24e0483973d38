//! What throw-away servers share: a private folder, an unprivileged user, a free port, an end by process id.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A folder for a server that refuses to be root: it belongs to `user` when we are root, to us otherwise.
pub(crate) fn folder_of(user: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix("rounds-test-").tempdir().expect("a folder for a server");
    give(folder.path(), user);
    folder
}

/// Hands `path` over to `user` when we are root.
pub(crate) fn give(path: &Path, user: &str) {
    if is_root() {
        ran(Command::new("chown").arg("-R").arg(user).arg(path));
    }
}

/// `program`, to be run as `user` when we are root: the same process, so that its id is the server's.
pub(crate) fn as_user(user: &str, program: impl AsRef<Path>) -> Command {
    let program = program.as_ref();
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={}", group_of(user)), "--clear-groups", "--"]).arg(program);
    command
}

fn group_of(user: &str) -> String {
    let output = ran(Command::new("id").args(["-g", user]));
    String::from_utf8(output.stdout).expect("a number").trim().to_owned()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `command` to its end, which must be a good one.
#[track_caller]
pub(crate) fn ran(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output
}

/// A port that nobody listens on just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port()
}

/// A server process, ended when dropped.
pub(crate) struct Running {
    child: Child,
    signal: Signal,
    log: PathBuf,
}

impl Running {
    /// Starts `command`, whose words go to `log`; `signal` is the one that ends it and its children at once.
    pub(crate) fn start(command: &mut Command, signal: Signal, log: PathBuf) -> Self {
        let words = std::fs::File::create(&log).expect("a log");
        let other = words.try_clone().expect("the log again");
        let child = command.stdin(Stdio::null()).stdout(words).stderr(other).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, signal, log }
    }

    /// Waits until `is_ready`; a server that ends before, or takes a minute, fails the test with its log.
    pub(crate) fn wait_until(&mut self, mut is_ready: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !is_ready() {
            let ended = self.child.try_wait().expect("the state of the server");
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {}", std::fs::read_to_string(&self.log).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, self.signal);
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
