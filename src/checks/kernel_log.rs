//! What the kernel said: from the journal where there is one with entries of the kernel, else from its own buffer.

use chrono::{DateTime, TimeDelta, Utc};

use super::{frame, log_time};
use crate::check::{Seen, Unreadable};
use crate::model::probe::quote;
use crate::model::{Message, Probe, Untrusted};

/// One message of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// When, where it is said.
    pub(super) at: Option<DateTime<Utc>>,
    /// The message without its time.
    pub(super) text: String,
}

/// What was read of the kernel's log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KernelLog {
    /// Entries since the time asked for, oldest first; those without a time are among them.
    pub(super) entries: Vec<Entry>,
    /// How long the system had been up, in seconds.
    pub(super) up: f64,
    /// How many processes the kernel killed for want of memory since it started; `None` before Linux 4.13.
    pub(super) oom_kills: Option<f64>,
}

/// The probe for the lines of the last `since` seconds that match `pattern`, an extended regular expression of ours.
pub(super) fn probe(pattern: &str, since: i64) -> Probe {
    // `rounds-whole` comes through the filter only when the log was read to its end.
    let script = format!(
        "echo kernel-log\n\
         date '+now %s %z'\n\
         read -r up rest </proc/uptime && echo \"up $up\"\n\
         while read -r name value; do [ \"$name\" != oom_kill ] || echo \"oom_kill $value\"; done </proc/vmstat\n\
         some() {{ grep -E -e '^rounds-whole$' -e {pattern} | tail -n 2000 | cut -c1-400; }}\n\
         if has journalctl && [ -n \"$(priv journalctl --no-pager -q -n 1 -o cat _TRANSPORT=kernel 2>/dev/null)\" ]; then\n\
         echo journal\n\
         {{ priv journalctl --no-pager -o short-iso --since -{since}s _TRANSPORT=kernel && echo rounds-whole; }} | some\n\
         else\n\
         echo buffer\n\
         {{ priv dmesg && echo rounds-whole; }} | some\n\
         fi\n\
         echo end",
        pattern = quote(pattern),
    );
    Probe::shell("kernel", script).privileged([
        "/usr/bin/journalctl --no-pager -q -n 1 -o cat _TRANSPORT\\=kernel".to_owned(),
        format!("/usr/bin/journalctl --no-pager -o short-iso --since -{since}s _TRANSPORT\\=kernel"),
        "/usr/bin/dmesg".to_owned(),
        "/bin/dmesg".to_owned(),
    ])
}

/// Reads the answer of [`probe`].
///
/// # Errors
/// When the log could not be read to its end.
pub(super) fn read(seen: &Seen<'_>, since: i64) -> Result<KernelLog, Unreadable> {
    let text = seen.text("kernel")?;
    let lines = frame::lines("kernel", "kernel-log", &text)?;
    let refused = |line: &str| Unreadable::new("the kernel's log", line);
    let mut lines = lines.into_iter().peekable();
    let clock = lines.next().unwrap_or_default();
    let (now, zone) = clock.strip_prefix("now ").and_then(|clock| clock.split_once(' ')).ok_or_else(|| refused(clock))?;
    let now = now.parse().ok().and_then(|now| DateTime::from_timestamp(now, 0)).ok_or_else(|| refused(clock))?;
    let zone = log_time::offset(zone).ok_or_else(|| refused(clock))?;
    let up = lines.next().unwrap_or_default();
    let up: f64 = up.strip_prefix("up ").and_then(|up| up.parse().ok()).filter(|up: &f64| up.is_finite()).ok_or_else(|| refused(up))?;
    let kills = lines.next_if(|line| line.starts_with("oom_kill "));
    let oom_kills = kills.map(|line| line["oom_kill ".len()..].parse::<u32>().map(f64::from).map_err(|_| refused(line))).transpose()?;
    let source = lines.next().unwrap_or_default();
    if source != "journal" && source != "buffer" {
        return Err(refused(source));
    }
    let mut said: Vec<&str> = lines.collect();
    if said.pop() != Some("rounds-whole") {
        return Err(unread(seen)?);
    }
    let from = now - TimeDelta::seconds(since);
    let mut entries = Vec::new();
    for line in said {
        let entry = if source == "journal" {
            // `-- Boot … --` and the like are the journal's own.
            if line.starts_with("-- ") {
                continue;
            }
            of_journal(line, now, zone).ok_or_else(|| refused(line))?
        } else {
            of_buffer(line, now, up)
        };
        if entry.at.is_none_or(|at| at >= from) {
            entries.push(entry);
        }
    }
    Ok(KernelLog { entries, up, oom_kills })
}

/// `2026-11-21T10:00:00+0000 host kernel: text`.
fn of_journal(line: &str, now: DateTime<Utc>, zone: chrono::FixedOffset) -> Option<Entry> {
    let (at, end) = log_time::moment(line, now, zone)?;
    let (_, text) = line[end..].split_once("kernel: ")?;
    Some(Entry { at: Some(at), text: text.to_owned() })
}

/// `[  123.456789] text`, in seconds since the start; a kernel may print no times at all.
fn of_buffer(line: &str, now: DateTime<Utc>, up: f64) -> Entry {
    let timed = line.strip_prefix('[').and_then(|rest| {
        let (seconds, text) = rest.split_once(']')?;
        let ago = up - seconds.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite())?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of an uptime")]
        let at = now.checked_sub_signed(TimeDelta::try_milliseconds((ago * 1000.0) as i64)?)?;
        Some(Entry { at: Some(at), text: text.trim_start().to_owned() })
    });
    timed.unwrap_or_else(|| Entry { at: None, text: line.to_owned() })
}

/// Why the log was not read to its end, in the words of whoever refused.
fn unread(seen: &Seen<'_>) -> Result<Unreadable, Unreadable> {
    let said = Untrusted::from_bytes(&seen.capture("kernel")?.err);
    let denied = ["not permitted", "denied", "sudo:"].iter().any(|word| said.raw().contains(word));
    if denied {
        return Ok(Unreadable(Message::NeedsRight { needs: format!("reading the kernel's log: {}", said.visible()) }));
    }
    Ok(Unreadable::new("the kernel's log", if said.raw().is_empty() { "it could not be read to its end" } else { said.raw() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_since_the_start_become_moments() {
        let now = "2026-11-21T10:00:00Z".parse().unwrap();
        let entry = of_buffer("[   40.500000] md: x", now, 100.5);
        assert_eq!(entry, Entry { at: Some("2026-11-21T09:59:00Z".parse().unwrap()), text: "md: x".to_owned() });
        assert_eq!(of_buffer("no time", now, 1.0).at, None);
        assert_eq!(of_buffer("[99999999999999999999999] x", now, 1.0).at, None);
    }
}
