//! What the script promises, under every shell that is at hand.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::local::Local;
use super::{Asked, FailureKind, Lines, Session as _, TransportError};
use crate::model::{Capture, Ended, Kind, Probe, Target};

const CAP: usize = 64 * 1024;

/// The shells at hand; those that are missing are named on the test's output.
fn shells() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap();
    let is_there = |shell: &&str| std::env::split_paths(&path).any(|folder| folder.join(shell.split(' ').next().unwrap()).exists());
    let (there, missing): (Vec<_>, Vec<_>) = ["dash", "bash", "busybox sh", "mksh"].into_iter().partition(is_there);
    for shell in missing {
        println!("not tested, because it is not installed: {shell}");
    }
    there
}

fn lines(session_limit: Duration) -> Arc<Lines> {
    Arc::new(Lines {
        targets: Arc::new(HashMap::new()),
        known_hosts: Vec::new(),
        ssh_config: None,
        connect_limit: Duration::from_secs(5),
        session_limit,
        cap_bytes: CAP,
    })
}

struct Asking {
    shell: &'static str,
    session_limit: Duration,
    cancel: CancellationToken,
}

impl Asking {
    fn of(shell: &'static str) -> Self {
        Self { shell, session_limit: Duration::from_mins(1), cancel: CancellationToken::new() }
    }

    async fn ask(self, probes: Vec<Probe>) -> (Vec<Capture>, Result<(), TransportError>) {
        let mut local = Local::with_shell(lines(self.session_limit), Arc::new(Target::new("here", Kind::Host)), self.shell);
        let asked = probes.into_iter().enumerate().map(|(id, probe)| {
            let limit = probe.limit.unwrap_or(Duration::from_secs(20));
            Asked { id, probe, limit }
        });
        let (sender, mut receiver) = mpsc::channel(1);
        let asking = local.ask(asked.collect(), sender, self.cancel);
        let reading = async {
            let mut captures = Vec::new();
            while let Some((_, capture)) = receiver.recv().await {
                captures.push(capture);
            }
            captures
        };
        let (ended, captures) = tokio::join!(asking, reading);
        (captures, ended)
    }
}

async fn ask(shell: &'static str, probes: Vec<Probe>) -> Vec<Capture> {
    let (captures, ended) = Asking::of(shell).ask(probes).await;
    assert_eq!(ended, Ok(()), "under {shell}: {captures:?}");
    captures
}

async fn one(shell: &'static str, script: &str) -> Capture {
    ask(shell, vec![Probe::shell("one", script)]).await.remove(0)
}

/// Whether it is gone within a second: what was killed takes a moment to die.
fn dies(marker: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(1);
    while alive(marker) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    !alive(marker)
}

fn alive(marker: &str) -> bool {
    let output = std::process::Command::new("ps").args(["-A", "-o", "stat=,args="]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line.contains(marker) && !line.starts_with('Z'))
}

#[tokio::test]
async fn streams_and_statuses_are_kept_apart() {
    for shell in shells() {
        let probes = vec![
            Probe::shell("plain", "printf out; printf err >&2; exit 3"),
            Probe::shell("silent", ":"),
            Probe::shell("killed", "kill -9 $$"),
        ];
        let captures = ask(shell, probes).await;
        let seen: Vec<_> = captures.iter().map(|c| (&*c.probe, &*c.out, &*c.err, &c.ended, c.cut)).collect();
        assert_eq!(
            seen,
            [
                ("plain", &b"out"[..], &b"err"[..], &Ended::Exit { status: 3 }, false),
                ("silent", b"", b"", &Ended::Exit { status: 0 }, false),
                ("killed", b"", b"", &Ended::Exit { status: 137 }, false),
            ],
            "under {shell}"
        );
    }
}

#[tokio::test]
async fn probes_run_in_the_c_locale_with_stdin_closed_and_nobody_else_reads_what_they_make() {
    for shell in shells() {
        let capture = one(shell, "echo $LC_ALL; umask; cat; case :$PATH: in *:/usr/sbin:*) echo sbin ;; esac; has cat && echo has; has no-such-thing || echo has-not; priv echo direct").await;
        let text = capture.text().into_owned();
        assert_eq!(text.replace("0077", "077"), "C\n077\nsbin\nhas\nhas-not\ndirect\n", "under {shell}");
    }
}

#[tokio::test]
async fn a_fragment_that_is_no_shell_costs_only_itself() {
    for shell in shells() {
        let captures = ask(shell, vec![Probe::shell("bad", "if ( }; '"), Probe::shell("good", "echo fine")]).await;
        assert!(matches!(captures[0].ended, Ended::Exit { status: 1.. }) && !captures[0].err.is_empty(), "under {shell}: {captures:?}");
        assert_eq!(captures[1].out, b"fine\n", "under {shell}");
    }
}

#[tokio::test]
async fn text_that_looks_like_orders_stays_text() {
    for shell in shells() {
        let hostile = "$(reboot) `reboot` {{7*7}} <script> '; reboot #\u{1e} \\n %s";
        let capture = one(shell, &format!("printf '%s' {}", crate::model::probe::quote(hostile))).await;
        assert_eq!(capture.text(), hostile, "under {shell}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_arrive_as_they_are() {
    for shell in shells() {
        assert_eq!(one(shell, r"printf '\377\376\000\036ok'").await.out, b"\xff\xfe\0\x1eok", "under {shell}");
    }
}

#[tokio::test]
async fn a_hung_probe_times_out_alone_and_keeps_what_it_said() {
    for shell in shells() {
        let started = Instant::now();
        let probes = vec![
            Probe::shell("hung", "echo before; sleep 4711.25 | cat").within(Duration::from_secs(1)),
            Probe::shell("stubborn", "trap '' TERM; echo before; sleep 4711.75; sleep 4711.75").within(Duration::from_secs(1)),
            Probe::shell("next", "echo after"),
        ];
        let captures = ask(shell, probes).await;
        assert_eq!(captures[0].ended, Ended::TimedOut { limit_ms: 1000 }, "under {shell}");
        assert_eq!(captures[0].text(), "before\n", "under {shell}");
        assert_eq!(captures[1].ended, Ended::TimedOut { limit_ms: 1000 }, "under {shell}");
        assert_eq!(captures[2].text(), "after\n", "under {shell}");
        assert!(started.elapsed() < Duration::from_secs(10), "under {shell}: {:?}", started.elapsed());
        assert!(!alive("sleep 4711.25") && !alive("sleep 4711.75"), "under {shell}");
    }
}

#[tokio::test]
async fn what_a_probe_leaves_behind_neither_holds_it_up_nor_speaks_in_the_next() {
    for shell in shells() {
        let started = Instant::now();
        let probes = vec![
            Probe::shell("leaves", "echo first; (sleep 1; echo late; sleep 4722.5) & sleep 0.2"),
            Probe::shell("escapes", "setsid sh -c 'sleep 2; echo late; echo late >&2; sleep 2' & sleep 0.3; echo second")
                .within(Duration::from_secs(1)),
            Probe::shell("next", "sleep 3; echo third"),
        ];
        let captures = ask(shell, probes).await;
        assert_eq!((captures[0].text(), &captures[0].ended), ("first\n".into(), &Ended::Exit { status: 0 }), "under {shell}");
        assert_eq!(captures[1].ended, Ended::TimedOut { limit_ms: 1000 }, "its output was still open, under {shell}");
        assert_eq!((&*captures[2].out, &*captures[2].err), (&b"third\n"[..], &b""[..]), "under {shell}");
        assert!(started.elapsed() < Duration::from_secs(12), "under {shell}");
        assert!(!alive("sleep 4722.5"), "under {shell}");
    }
}

#[tokio::test]
async fn output_beyond_the_cap_keeps_head_and_tail_and_says_so() {
    for shell in shells() {
        let capture = one(shell, "echo begin; head -c 8000000 /dev/zero >&2; head -c 300000 /dev/zero; echo end").await;
        assert!(capture.cut && capture.out.len() <= CAP && capture.err.len() <= CAP, "under {shell}");
        assert!(capture.out.starts_with(b"begin\n") && capture.out.ends_with(b"end\n"), "under {shell}");
        assert_eq!(capture.ended, Ended::Exit { status: 0 }, "under {shell}");
    }
}

#[tokio::test]
async fn output_of_any_size_around_the_cap_is_whole_or_marked_as_cut() {
    for shell in shells() {
        for size in [CAP / 2, CAP / 2 + 1, CAP - 1, CAP, CAP + 1, CAP + 5000, CAP * 2] {
            let capture = one(shell, &format!("seq 1 100000 | head -c {size}")).await;
            assert_eq!((capture.cut, capture.out.len()), (size > CAP, size.min(CAP)), "{size} under {shell}");
        }
    }
}

#[tokio::test]
async fn endless_output_ends_at_the_limit() {
    for shell in shells() {
        let probes = vec![Probe::shell("yes", "yes").within(Duration::from_secs(1)), Probe::shell("next", "echo after")];
        let captures = ask(shell, probes).await;
        assert!(captures[0].cut && captures[0].out.len() <= CAP, "under {shell}");
        assert_eq!(captures[0].ended, Ended::TimedOut { limit_ms: 1000 }, "under {shell}");
        assert_eq!(captures[1].text(), "after\n", "under {shell}");
    }
}

#[tokio::test]
async fn asking_twice_gives_two_captures_a_second_apart() {
    for shell in shells() {
        let captures = ask(shell, vec![Probe::shell("once", "echo 1"), Probe::shell("rate", "echo 2").twice()]).await;
        let names: Vec<_> = captures.iter().map(|capture| &*capture.probe).collect();
        assert_eq!(names, ["rate", "once", "rate.again"], "under {shell}");
        let apart = captures[2].at - captures[0].at;
        assert!((1000..2500).contains(&apart.num_milliseconds()), "{apart} under {shell}");
    }
}

#[tokio::test]
async fn the_session_limit_ends_everything() {
    for shell in shells() {
        let mut asking = Asking::of(shell);
        asking.session_limit = Duration::from_secs(2);
        let probes = vec![Probe::shell("fine", "echo fine"), Probe::shell("hung", "sleep 4733.5"), Probe::shell("never", "echo never")];
        let (captures, ended) = asking.ask(probes).await;
        assert_eq!(captures.len(), 1, "under {shell}: {captures:?}");
        assert_eq!(ended.unwrap_err().kind, FailureKind::TimedOut, "under {shell}");
        assert!(!alive("sleep 4733.5"), "under {shell}");
    }
}

#[tokio::test]
async fn cancelling_leaves_no_process_within_five_seconds() {
    for shell in shells() {
        let asking = Asking::of(shell);
        let cancel = asking.cancel.clone();
        let probes = vec![Probe::shell("fine", "echo fine"), Probe::shell("hung", "trap '' TERM; sleep 4744.5; sleep 4744.5")];
        let cancelling = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            assert!(alive("sleep 4744.5"), "under {shell}");
            cancel.cancel();
            Instant::now()
        };
        let ((captures, ended), cancelled) = tokio::join!(asking.ask(probes), cancelling);
        assert!(cancelled.elapsed() < Duration::from_secs(5), "under {shell}: {:?}", cancelled.elapsed());
        assert_eq!((captures.len(), ended), (1, Ok(())), "under {shell}");
        assert!(!alive("sleep 4744.5"), "under {shell}");
    }
}

#[tokio::test]
async fn a_script_that_nobody_waits_for_any_more_ends_by_itself() {
    let asking = Asking::of("dash").ask(vec![Probe::shell("hung", "sleep 4777.5")]);
    assert!(tokio::time::timeout(Duration::from_secs(1), asking).await.is_err());
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!alive("sleep 4777.5"));
}

#[tokio::test]
async fn a_script_that_does_not_react_is_ended_by_force() {
    let asking = Asking::of("dash");
    let cancel = asking.cancel.clone();
    let stop = "p=$$; for n in 1 2 3 4 5 6; do q=$(ps -o ppid= -p $p | tr -d ' '); case $(ps -o args= -p $q) in 'dash -s') kill -STOP $q; break ;; esac; p=$q; done; sleep 4788.5";
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(alive("sleep 4788.5"));
        cancel.cancel();
        Instant::now()
    };
    let ((_, ended), cancelled) = tokio::join!(asking.ask(vec![Probe::shell("stops", stop)]), cancelling);
    assert!(cancelled.elapsed() < Duration::from_secs(5), "{:?}", cancelled.elapsed());
    assert_eq!(ended, Ok(()));
    assert!(dies("sleep 4788.5"));
}

/// The text of a script for `probes`, each within a second.
fn text(session_limit: Duration, sudo: bool, probes: &[&str]) -> String {
    let terms = super::script::Terms { cap_bytes: CAP, session_limit, sudo, shell: "dash" };
    let asked = probes.iter().map(|script| Asked { id: 0, probe: Probe::shell("p", *script), limit: Duration::from_secs(1) });
    super::script::build(&asked.collect::<Vec<_>>(), terms).unwrap().text
}

/// Runs a script that was changed for a test by `command`, its input held open; what it printed, and whether it ended well.
async fn run(command: &mut tokio::process::Command, script: &str) -> (String, bool) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let piped = std::process::Stdio::piped;
    let mut child = command.stdin(piped()).stdout(piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).await.unwrap();
    let mut printed = Vec::new();
    let reading = async {
        child.stdout.take().unwrap().read_to_end(&mut printed).await.unwrap();
        child.wait().await.unwrap()
    };
    let ended = tokio::time::timeout(Duration::from_secs(15), reading).await.unwrap();
    drop(stdin);
    (String::from_utf8_lossy(&printed).into_owned(), ended.success())
}

#[tokio::test]
async fn a_script_that_was_stopped_is_ended_by_its_own_watchdog() {
    // The shell that asks stops itself, as it would on a line that takes no more bytes; only the ticker is left to end it.
    let script = text(Duration::from_secs(1), false, &["echo begun; sleep 4755.5"]).replace("hard_s=11", "hard_s=3");
    let script = script.replace("    running=$!\n", "    running=$!\n    sleep 0.3; kill -STOP $$\n");
    let (printed, is_good) = run(tokio::process::Command::new("dash").arg("-s"), &script).await;
    assert!(printed.contains(" b 0 ") && !printed.contains(" q ") && !is_good, "{printed}");
    assert!(dies("sleep 4755.5"));
}

#[tokio::test]
async fn what_cannot_be_ended_is_named() {
    // Only the runner of the probe can be killed here, as with processes of root or on dead storage.
    let script = text(Duration::from_secs(20), false, &["trap '' TERM; sleep 5.25; sleep 5.25", "echo after"]);
    let script = script.replace(r#"kill -"$1" -"$running""#, r#"kill -"$1" "$running""#);
    let (printed, is_good) = run(tokio::process::Command::new("dash").arg("-s"), &script).await;
    let closing = printed.lines().find(|line| line.contains(" z 0 ")).unwrap();
    let named: Vec<i32> = closing.split(' ').skip(5).map(|pid| pid.parse().unwrap()).collect();
    assert!(!named.is_empty() && closing.contains(" 1 ") && printed.contains("after") && is_good, "{printed}");
}

#[tokio::test]
async fn where_groups_cannot_be_made_a_hung_probe_is_ended_with_all_beneath_it() {
    let script = text(Duration::from_secs(20), false, &["echo begun; sleep 4766.5 | cat", "echo after"]);
    let script = script.replace("command -v setsid", "command -v no-such-setsid");
    let (printed, is_good) = run(tokio::process::Command::new("dash").arg("-s"), &script).await;
    assert!(printed.contains("begun") && printed.contains("after") && is_good, "{printed}");
    assert!(!alive("sleep 4766.5"));
}

#[tokio::test]
async fn rights_are_asked_of_sudo_only_where_the_login_says_so() {
    if !rustix::process::geteuid().is_root() {
        return println!("not tested, because it needs root to become somebody else: sudo");
    }
    let folder = tempfile::tempdir().unwrap();
    let sudo = folder.path().join("sudo");
    std::fs::write(&sudo, "#!/bin/sh\necho sudo called with \"$*\"\n").unwrap();
    for path in [folder.path(), &sudo] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    for (may, user, expected) in [(true, "65534", "sudo called with -n -- /usr/bin/id -u"), (false, "65534", "65534"), (true, "0", "0")] {
        let mut command = tokio::process::Command::new("setpriv");
        command.args([&format!("--reuid={user}"), "--clear-groups", "dash", "-s"]).env("PATH", &path).current_dir("/");
        let (printed, _) = run(&mut command, &text(Duration::from_secs(20), may, &["priv /usr/bin/id -u"])).await;
        assert!(printed.lines().any(|line| line == expected), "{may} {user}: {printed}");
    }
}

#[tokio::test]
async fn a_shell_that_does_not_start_is_told_with_its_words() {
    let (_, ended) = Asking::of("false").ask(vec![Probe::shell("p", "id")]).await;
    assert_eq!(ended.unwrap_err().kind, FailureKind::Protocol);
    let (_, ended) = Asking::of("no-such-shell").ask(vec![Probe::shell("p", "id")]).await;
    assert_eq!(ended.unwrap_err().kind, FailureKind::OurSide);
}
