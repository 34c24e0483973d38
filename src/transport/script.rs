//! Builds the one POSIX `sh` script that carries all shell probes of a session.
//!
//! It goes to the standard input of `exec /bin/sh -s`, which every login shell understands. The same text works under
//! dash, bash, BusyBox ash and mksh.

use std::fmt::Write as _;
use std::io::Read as _;
use std::time::Duration;

use chrono::Utc;

use super::frames::Expected;
use super::scan::RECORD;
use super::{Answer, Asked, FailureKind, TransportError};
use crate::model::probe::{Ask, FailKind, ShellAsk, quote};
use crate::model::{Capture, Ended, Message, Untrusted};

/// The part that is the same for all scripts.
const SESSION: &str = include_str!("session.sh");

/// What runs one probe.
const PROBE: &str = include_str!("probe.sh");

/// Longest fragment: Linux passes no argument above 128 KiB.
const LONGEST_FRAGMENT: usize = 120 * 1024;

/// How long after the session's limit the script is ended even when it takes no more signals.
const SLACK: Duration = Duration::from_secs(10);

/// What holds for a whole script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How many bytes of each stream of each probe are sent: head and tail.
    pub(super) cap_bytes: usize,
    /// After how long the script ends itself.
    pub(super) session_limit: Duration,
    /// Whether `priv` may use `sudo -n`.
    pub(super) sudo: bool,
    /// The shell on the target, one or two words.
    pub(super) shell: &'static str,
}

/// A script, and how to read what it prints.
#[derive(Debug)]
pub(super) struct Script {
    /// To be sent as it is.
    pub(super) text: String,
    /// What its frames bear.
    pub(super) mark: String,
    /// Its probes in the order of their indices.
    pub(super) expected: Vec<Expected>,
    /// Captures of probes that are not carried at all.
    pub(super) refused: Vec<Answer>,
}

/// One probe as it is run on a host: the functions that it may call and its own text.
#[must_use]
pub fn text_of(ask: &ShellAsk, sudo: bool) -> String {
    let privileged = if sudo { "sudo -n -- \"$@\"" } else { "\"$@\"" };
    format!("has() {{ command -v \"$1\" >/dev/null 2>&1; }}\npriv() {{ {privileged}; }}\n{}\n", ask.script)
}

/// The whole script as it is sent, for showing; its mark and limits are examples.
#[must_use]
pub fn preview(asked: &[Asked], sudo: bool) -> String {
    let terms = Terms { cap_bytes: 1 << 20, session_limit: Duration::from_mins(5), sudo, shell: "/bin/sh" };
    build_with("0".repeat(32), asked, terms).text
}

/// Kills the script whose shell is `pid`, and all groups that it runs; prints `gone` when it is. For a script that does not
/// end when its input does.
pub(super) fn end_by_force(pid: i32) -> String {
    // The groups are listed first: once the shell is dead, its children are nobody's.
    format!(
        "groups=; for stat in /proc/[0-9]*/stat; do read -r line <\"$stat\" || continue; set -- ${{line##*\\) }}; \
         [ \"$2\" != {pid} ] || groups=\"$groups -$3\"; done 2>/dev/null; \
         kill -KILL $groups -{pid} {pid} 2>/dev/null; kill -0 {pid} 2>/dev/null || echo gone"
    )
}

/// The script for `asked`, with a mark that nobody has seen before.
pub(super) fn build(asked: &[Asked], terms: Terms) -> Result<Script, TransportError> {
    Ok(build_with(random_mark()?, asked, terms))
}

fn build_with(mark: String, asked: &[Asked], terms: Terms) -> Script {
    let mut refused = Vec::new();
    let mut carried: Vec<(&Asked, &ShellAsk)> = Vec::new();
    for asked in asked {
        match carriable(&asked.probe.ask) {
            Ok(ask) => carried.push((asked, ask)),
            Err(detail) => refused.push((asked.id, refusal(&asked.probe.name, detail))),
        }
    }
    let mut text = head(&mark, terms);
    let mut expected = Vec::new();
    let (twice, once): (Vec<_>, Vec<_>) = carried.into_iter().partition(|(_, ask)| ask.twice);
    for &(asked, ask) in &twice {
        ask_line(&mut text, &mut expected, asked, ask, asked.probe.name.to_string());
    }
    if !twice.is_empty() {
        text.push_str("now\nfirst_ended=$now\n");
    }
    for &(asked, ask) in &once {
        ask_line(&mut text, &mut expected, asked, ask, asked.probe.name.to_string());
    }
    if !twice.is_empty() {
        text.push_str("a_second_later\n");
    }
    for &(asked, ask) in &twice {
        ask_line(&mut text, &mut expected, asked, ask, format!("{}.again", asked.probe.name));
    }
    text.push_str("quit \"${stop:-done}\"\n}\nrounds\n");
    Script { text, mark, expected, refused }
}

fn carriable(ask: &Ask) -> Result<&ShellAsk, &'static str> {
    match ask {
        Ask::Shell(ask) if ask.script.contains('\0') => Err("its text holds a NUL, which no shell takes"),
        Ask::Shell(ask) if ask.script.len() > LONGEST_FRAGMENT => Err("its text is longer than the 120 KiB that a shell can be given"),
        Ask::Shell(ask) => Ok(ask),
        Ask::Sql(_) | Ask::Net(_) => Err("a shell carries shell probes only"),
    }
}

fn refusal(probe: &str, detail: &str) -> Capture {
    Capture {
        probe: probe.to_owned(),
        variant: None,
        at: Utc::now(),
        took_ms: 0,
        ended: Ended::Failed { kind: FailKind::OurSide, detail: Untrusted::new(detail) },
        out: Vec::new(),
        err: Vec::new(),
        cut: false,
    }
}

/// Everything up to the first probe.
fn head(mark: &str, terms: Terms) -> String {
    // One byte more than is kept tells that something was dropped. The tail comes on top, so that it is right even where
    // `head` reads further than it prints.
    let keep_head = terms.cap_bytes + 1;
    let keep_tail = (terms.cap_bytes / 2).max(1);
    let session_s = whole_seconds(terms.session_limit);
    let hard_s = whole_seconds(terms.session_limit + SLACK);
    let sudo = if terms.sudo { "1" } else { "" };
    let runner = quote(&PROBE.replace("@RS@", &RECORD.to_string()));
    let shell = quote(terms.shell);
    format!(
        "rounds() {{\nrs='{RECORD}' mark={mark} sh={shell} keep_head={keep_head} keep_tail={keep_tail}\n\
         session_s={session_s} hard_s={hard_s} sudo={sudo}\nrunner={runner}\n{SESSION}\n"
    )
}

fn ask_line(text: &mut String, expected: &mut Vec<Expected>, asked: &Asked, ask: &ShellAsk, name: String) {
    let (index, limit_s) = (expected.len(), whole_seconds(asked.limit));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "ask {index} {limit_s} {}", quote(&ask.script));
    expected.push(Expected { id: asked.id, name, limit: asked.limit });
}

/// The shell counts seconds: rounded up, at least one.
fn whole_seconds(limit: Duration) -> u64 {
    (limit.as_secs() + u64::from(limit.subsec_nanos() > 0)).max(1)
}

/// 128 bits in hexadecimal.
fn random_mark() -> Result<String, TransportError> {
    let mut bytes = [0_u8; 16];
    std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).map_err(|error| {
        TransportError::new(FailureKind::OurSide, Message::OurSide { detail: format!("cannot read /dev/urandom: {error}") })
    })?;
    Ok(bytes.iter().fold(String::new(), |mut mark, byte| {
        let _ = write!(mark, "{byte:02x}");
        mark
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Probe;
    use crate::model::probe::NetAsk;

    fn asked(id: usize, probe: Probe) -> Asked {
        Asked { id, probe, limit: Duration::from_millis(1500) }
    }

    fn terms() -> Terms {
        Terms { cap_bytes: 64, session_limit: Duration::from_secs(9), sudo: false, shell: "/bin/sh" }
    }

    #[test]
    fn probes_asked_twice_frame_the_others() {
        let script =
            build(&[asked(0, Probe::shell("once", "id")), asked(1, Probe::shell("rate", "cat /proc/stat").twice())], terms()).unwrap();
        let names: Vec<_> = script.expected.iter().map(|expected| &*expected.name).collect();
        assert_eq!(names, ["rate", "once", "rate.again"]);
    }

    #[test]
    fn fragments_stand_in_the_script_as_one_quoted_word() {
        let script = build(&[asked(0, Probe::shell("p", "echo 'a'; }\nreboot"))], terms()).unwrap();
        assert!(script.text.contains("ask 0 2 'echo '\\''a'\\''; }\nreboot'\n"), "{}", script.text);
    }

    #[test]
    fn marks_differ_from_script_to_script() {
        let [one, other] = [build(&[], terms()).unwrap().mark, build(&[], terms()).unwrap().mark];
        assert_eq!((one.len(), one == other), (32, false));
    }

    #[test]
    fn what_no_shell_can_carry_fails_on_our_side_alone() {
        let net = Probe::net("net", NetAsk::Tcp { host: "h".into(), port: 1 });
        let long = Probe::shell("long", "x".repeat(LONGEST_FRAGMENT + 1));
        let script =
            build(&[asked(0, net), asked(1, Probe::shell("nul", "a\0b")), asked(2, long), asked(3, Probe::shell("fine", "id"))], terms());
        let script = script.unwrap();
        let refused: Vec<_> = script
            .refused
            .iter()
            .map(|(id, capture)| (*id, matches!(capture.ended, Ended::Failed { kind: FailKind::OurSide, .. })))
            .collect();
        assert_eq!((refused, script.expected.len()), (vec![(0, true), (1, true), (2, true)], 1));
    }
}
