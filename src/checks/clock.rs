//! How far the clock is off.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

use super::no_params::NoParams;
use super::parts::{self, Parts};
use super::procfs::count;

/// How far the clock is off.
pub struct Clock;

/// Every program that may know is asked, for the one that is installed need not be the one that works. `timedatectl timesync-status` alone could start
/// the service that it asks, so it is asked only where that runs.
const SCRIPT: &str = r"if has chronyc; then echo '[chrony]'; chronyc -n tracking 2>&1; fi
if has ntpq; then echo '[ntp]'; ntpq -n -c rv 127.0.0.1 2>&1; fi
if has ntpctl; then echo '[openntpd]'; ntpctl -s status 2>&1; fi
if [ -d /run/systemd/system ]; then
  if systemctl is-active --quiet systemd-timesyncd; then echo '[timesyncd]'; timedatectl timesync-status --no-pager 2>&1; fi
  echo '[systemd]'; timedatectl status --no-pager 2>&1
fi
if has busybox; then echo '[kernel]'; busybox adjtimex 2>&1; elif has adjtimex; then echo '[kernel]'; adjtimex --print 2>&1; fi
echo '[end]'";

impl Check for Clock {
    const META: Meta = Meta {
        id: "clock",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Clock", "系统时钟"),
        asks: Text::new(
            "Whether something keeps the clock right, and how far it is off by what that says: chrony, ntpd, systemd-timesyncd, or the kernel itself (BusyBox ntpd).",
            "是否有服务在校时，以及其报告的时钟偏差：chrony、ntpd、systemd-timesyncd 或内核（BusyBox ntpd）。",
        ),
        why: Text::new(
            "With wrong clocks logs cannot be compared, tickets and certificates are refused, replication and clusters lose their order, and evidence loses its worth.",
            "时钟不准会导致日志无法对照、票据与证书校验失败、复制与集群错乱，审计证据也失去效力。",
        ),
        advice: Text::new(
            "Not synchronised: start a time service (`systemctl enable --now chronyd`) and see that it reaches its servers (`chronyc sources -v`, UDP port 123). \
             Far off: find out why before setting it, databases do not like jumps; `chronyc makestep` sets it at once.",
            "未同步：启用校时服务（`systemctl enable --now chronyd`），并确认能访问时间服务器（`chronyc sources -v`，UDP 123 端口）。偏差大：先查明原因再校正，数据库忌讳时间跳变；`chronyc makestep` 可立即校正。",
        ),
        source: Text::new(
            "common use: 100 ms and 1 s; an uncertainty above 1 s says that the servers have long been silent",
            "通用阈值：100 毫秒预警，1 秒严重；不确定度超过 1 秒说明时间服务器已长时间无响应",
        ),
        fields: &[
            Field::new("synchronised", FieldType::Boolean, "Synchronised", "已同步"),
            Field::new("offset", FieldType::Duration, "Off by", "偏差"),
            Field::new("ahead", FieldType::Boolean, "Ahead", "偏快"),
            Field::new("uncertainty", FieldType::Duration, "Uncertain by", "不确定度"),
            Field::new("source", FieldType::Text, "According to", "依据"),
            Field::new("server", FieldType::Text, "Server", "时间源"),
            Field::new("stratum", FieldType::Number, "Stratum", "层级"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("not synchronised or offset == null or offset > 100ms or uncertainty == null or uncertainty > 1s"),
        crit: Some("not (offset == null) and offset > 1s"),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("clock", SCRIPT)]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("clock")?;
        let parts = parts::split("clock", &text)?;
        read(&parts).map(|state| Parsed::Rows(vec![state.row()]))
    }
}

/// What one program says of the clock.
struct State {
    source: &'static str,
    synchronised: bool,
    /// Positive when the clock is ahead.
    offset: Option<f64>,
    uncertainty: Option<f64>,
    server: Option<String>,
    stratum: Option<f64>,
}

/// Reads what one program said; `None` where it said that it does not know.
type Reader = fn(&str) -> Result<Option<State>, Unreadable>;

/// The first daemon that keeps the clock right; else the first that answered at all; else what the kernel knows.
fn read(parts: &Parts<'_>) -> Result<State, Unreadable> {
    let readers: [(&str, Reader); 3] = [("chrony", chrony), ("ntp", ntp), ("timesyncd", timesyncd)];
    let mut daemons = Vec::new();
    for (part, reader) in readers {
        if let Some(answer) = parts.get(part) {
            daemons.extend(reader(answer)?);
        }
    }
    let best = daemons.iter().position(|state| state.synchronised).unwrap_or(0);
    if best < daemons.len() {
        return Ok(daemons.swap_remove(best));
    }
    let kernel = parts.get("kernel").map(kernel).transpose()?.flatten();
    let synchronised = kernel.as_ref().map(|state| state.synchronised).or_else(|| parts.get("systemd").and_then(systemd));
    // Daemons that do their own sums leave the kernel's offset at zero, and that zero says nothing. BusyBox ntpd, which has no program to ask, uses it.
    let has_other = ["chrony", "ntp", "timesyncd", "openntpd"].iter().any(|part| parts.get(part).is_some());
    match (synchronised, kernel) {
        (Some(true), None) => Err(no_offset()),
        (Some(true), Some(_)) if has_other => Err(no_offset()),
        (_, Some(state)) => Ok(state),
        // The kernel's own flag says that nothing keeps it.
        (Some(false), None) => {
            Ok(State { source: "systemd", synchronised: false, offset: None, uncertainty: None, server: None, stratum: None })
        }
        (None, None) => {
            let said = parts.iter().map(|(part, answer)| format!("{part}: {}", answer.trim())).collect::<Vec<_>>().join("; ");
            Err(Unreadable::new("the clock", if said.is_empty() { "no program that knows of it".to_owned() } else { said }))
        }
    }
}

fn no_offset() -> Unreadable {
    Unreadable::new("the clock's offset", "synchronised, by something that does not tell the offset")
}

impl State {
    fn row(self) -> Row {
        let number = |number: Option<f64>| number.map_or(Value::Null, Value::Number);
        let duration = |seconds: Option<f64>| seconds.map_or(Value::Null, Value::Duration);
        // A program that is not synchronised has no offset, only a zero that it was born with.
        let offset = self.offset.filter(|_| self.synchronised);
        Row::new()
            .boolean("synchronised", self.synchronised)
            .with("offset", duration(offset.map(f64::abs)))
            .with("ahead", offset.map_or(Value::Null, |offset| Value::Boolean(offset > 0.0)))
            .with("uncertainty", duration(self.uncertainty.filter(|_| self.synchronised)))
            .text("source", self.source)
            .with("server", self.server.map_or(Value::Null, |server| Value::Text(server.into())))
            .with("stratum", number(self.stratum))
    }
}

/// `chronyc tracking`, the same words since version 1. `None` when no daemon answers (`506 Cannot talk to daemon`).
fn chrony(answer: &str) -> Result<Option<State>, Unreadable> {
    let value = |name: &str| {
        answer.lines().find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == name)).map(|(_, value)| value.trim())
    };
    let Some(leap) = value("Leap status") else { return Ok(None) };
    let unreadable = || Unreadable::new("chronyc tracking", answer);
    let need = |name: &str| value(name).ok_or_else(unreadable);
    let seconds = |name: &str| need(name)?.split_whitespace().next().and_then(signed).ok_or_else(unreadable);
    // `0.000012345 seconds fast of NTP time`
    let system = need("System time")?;
    let sign = match system.split_whitespace().nth(2) {
        Some("fast") => 1.0,
        Some("slow") => -1.0,
        _ => return Err(unreadable()),
    };
    let reference = need("Reference ID")?;
    let server = reference.split_once('(').map_or(reference, |(_, name)| name.trim_end_matches(')'));
    Ok(Some(State {
        source: "chrony",
        synchronised: leap != "Not synchronised",
        offset: Some(sign * seconds("System time")?),
        uncertainty: Some(seconds("Root delay")? / 2.0 + seconds("Root dispersion")?),
        server: Some(server.to_owned()).filter(|server| !server.is_empty()),
        stratum: value("Stratum").and_then(count),
    }))
}

/// `ntpq -c rv`: `name=value` apart by commas, milliseconds. `None` when no daemon answers.
fn ntp(answer: &str) -> Result<Option<State>, Unreadable> {
    if !answer.contains("leap_") {
        return Ok(None);
    }
    let value = |name: &str| answer.split([',', '\n']).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    let ms = |name: &str| {
        value(name).and_then(signed).map(|ms| ms / 1000.0).ok_or_else(|| Unreadable::new("ntpq", format!("{name} is missing: {answer}")))
    };
    let synchronised = !answer.contains("leap_alarm") && !answer.contains("sync_unspec") && value("stratum") != Some("16");
    Ok(Some(State {
        source: "ntp",
        synchronised,
        // ntpd tells by how much its clock is to be moved.
        offset: Some(-ms("offset")?),
        uncertainty: Some(ms("rootdelay")? / 2.0 + ms("rootdisp")?),
        server: value("refid").map(str::to_owned),
        stratum: value("stratum").and_then(count),
    }))
}

/// `timedatectl timesync-status`. `None` when the service does not answer.
fn timesyncd(answer: &str) -> Result<Option<State>, Unreadable> {
    let value = |name: &str| answer.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(": ")).map(str::trim);
    let Some(server) = value("Server") else { return Ok(None) };
    let span = |name: &str| {
        let written = value(name).map(|text| text.split(" (").next().unwrap_or_default());
        written.map(|text| timespan(text).ok_or_else(|| Unreadable::new("timedatectl timesync-status", answer))).transpose()
    };
    let offset = span("Offset")?;
    Ok(Some(State {
        source: "systemd-timesyncd",
        // Until a server has answered there is no offset.
        synchronised: offset.is_some() && value("Leap") == Some("normal"),
        // timesyncd tells by how much its clock is to be moved.
        offset: offset.map(|offset| -offset),
        uncertainty: span("Root distance")?,
        server: Some(server.to_owned()),
        stratum: value("Stratum").and_then(count),
    }))
}

/// The kernel's own books: BusyBox `adjtimex` and the package of that name write the same lines.
fn kernel(answer: &str) -> Result<Option<State>, Unreadable> {
    let value = |name: &str| {
        let line = answer.lines().find_map(|line| line.trim_start_matches("-o").trim_start().strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next().and_then(signed)
    };
    let Some(status) = value("status") else { return Ok(None) };
    let unreadable = || Unreadable::new("adjtimex", answer);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sixteen bits of flags; what does not fit saturates")]
    let status = status as u32;
    let (phase_locked, unsynchronised, nanoseconds) = (status & 0x0001 != 0, status & 0x0040 != 0, status & 0x2000 != 0);
    let offset = value("offset").ok_or_else(unreadable)? / if nanoseconds { 1e9 } else { 1e6 };
    if !unsynchronised && !phase_locked {
        return Err(no_offset());
    }
    Ok(Some(State {
        source: "kernel",
        synchronised: !unsynchronised,
        offset: Some(-offset),
        uncertainty: Some(value("maxerror").ok_or_else(unreadable)? / 1e6),
        server: None,
        stratum: None,
    }))
}

/// Whether the kernel's flag says "synchronised", in the words of systemd's versions.
fn systemd(answer: &str) -> Option<bool> {
    let lines = ["System clock synchronized", "NTP synchronized"];
    let said = answer.lines().find_map(|line| line.split_once(':').filter(|(key, _)| lines.contains(&key.trim())));
    match said?.1.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// A decimal number with or without a sign.
fn signed(word: &str) -> Option<f64> {
    let digits = word.trim_start_matches(['+', '-']);
    let plain = word.len() - digits.len() <= 1 && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { word.parse().ok() } else { None }
}

/// `-1min 2.345s`, `+27us`: how systemd writes a length of time.
fn timespan(text: &str) -> Option<f64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.trim_start_matches('+')),
    };
    let mut seconds = 0.0;
    for word in text.split_whitespace() {
        let unit = word.find(|c: char| c.is_ascii_alphabetic())?;
        let factor = match &word[unit..] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        // The sign stands before the first part alone.
        seconds += signed(&word[..unit]).filter(|number| number.is_sign_positive())? * factor;
    }
    (!text.is_empty()).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows, text};

    #[track_caller]
    fn rows_of(name: &str) -> Vec<Row> {
        rows::<Clock>("{}", name)
    }

    fn yes(row: &Row, name: &str) -> bool {
        row.get(name) == Some(&Value::Boolean(true))
    }

    #[test]
    fn chrony_tells_by_how_much_it_is_off() {
        let rows = rows_of("debian-12-chrony-4.3");
        assert!(yes(&rows[0], "synchronised"));
        assert_eq!((text(&rows[0], "source"), text(&rows[0], "server")), ("chrony", "127.0.0.1"));
        assert!(number(&rows[0], "offset") < 1.0 && number(&rows[0], "uncertainty") < 1.0);
    }

    #[test]
    fn chrony_without_servers_has_no_offset() {
        let rows = rows_of("debian-12-chrony-4.3-alone");
        assert!(!yes(&rows[0], "synchronised"));
        assert_eq!(rows[0].get("offset"), Some(&Value::Null), "its zero is no measurement");
    }

    #[test]
    fn chrony_of_other_distributions_uses_the_same_words() {
        let rows = rows_of("opensuse-leap-15-chrony");
        assert!((number(&rows[0], "offset") - 0.000_052_616).abs() < 1e-12);
        assert!(!yes(&rows[0], "ahead"));
        assert_eq!(text(&rows[0], "server"), "85.199.214.100");
        let rows = rows_of("chrony-2-hours-ahead");
        assert!((number(&rows[0], "offset") - 16_042.547_851_562).abs() < 1e-6 && yes(&rows[0], "ahead"));
    }

    #[test]
    fn a_small_offset_may_be_very_uncertain() {
        let rows = rows_of("balena-chrony-uncertain");
        assert_eq!(number(&rows[0], "offset"), 0.0);
        assert!(number(&rows[0], "uncertainty") > 3849.0);
    }

    #[test]
    fn timesyncd_tells_by_how_much_to_move_it() {
        let rows = rows_of("debian-unstable-timesyncd-245");
        assert!((number(&rows[0], "offset") - 1.087_495).abs() < 1e-9);
        assert!(yes(&rows[0], "synchronised") && yes(&rows[0], "ahead"));
    }

    #[test]
    fn ntpd_that_has_just_started_is_not_synchronised() {
        let rows = rows_of("debian-12-ntpsec-1.2.2-starting");
        assert_eq!(text(&rows[0], "source"), "ntp");
        assert!(!yes(&rows[0], "synchronised"));
        assert_eq!(rows[0].get("offset"), Some(&Value::Null));
    }

    #[test]
    fn a_zero_of_the_kernel_is_not_believed_where_a_daemon_keeps_silent() {
        assert!(parse::<Clock>("{}", "debian-12-ntpsec-silent").is_err());
    }

    #[test]
    fn a_daemon_that_is_installed_and_does_not_run_leaves_the_clock_alone() {
        let rows = rows_of("debian-12-chrony-4.3-stopped");
        assert!(!yes(&rows[0], "synchronised"));
        assert_eq!(text(&rows[0], "source"), "kernel");
    }

    #[test]
    fn busybox_knows_what_the_kernel_knows() {
        let rows = rows_of("busybox-1.35");
        assert!(!yes(&rows[0], "synchronised"));
        assert_eq!(text(&rows[0], "source"), "kernel");
    }

    #[test]
    fn where_no_program_knows_there_is_no_answer() {
        assert!(parse::<Clock>("{}", "nothing-installed").is_err());
    }

    #[test]
    fn the_kernels_zero_without_phase_lock_says_nothing() {
        assert!(kernel("-o  offset: 0 us\n maxerror: 5000\n status: 0 ()\n").is_err());
        let locked = kernel("-o  offset: -2500 us\n maxerror: 5000\n status: 1 (PLL)\n").unwrap().unwrap();
        assert_eq!((locked.synchronised, locked.offset), (true, Some(0.0025)));
        let nano = kernel("-o  offset: 2500 us\n maxerror: 5000\n status: 8193 (PLL | NANO)\n").unwrap().unwrap();
        assert_eq!(nano.offset, Some(-2.5e-6));
    }

    #[test]
    fn lengths_of_time_are_read_as_systemd_writes_them() {
        for (written, seconds) in [("-27us", -27e-6), ("+1.234ms", 0.001_234), ("-1min 2.5s", -62.5), ("3h 2min", 10_920.0)] {
            assert!((timespan(written).unwrap() - seconds).abs() < 1e-12, "{written}");
        }
        for written in ["", "n/a", "12", "1year", "--1s"] {
            assert!(timespan(written).is_none(), "{written}");
        }
    }
}
