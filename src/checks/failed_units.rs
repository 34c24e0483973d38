//! Units and services that failed.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::parts;

/// Units and services that failed.
pub struct FailedUnits;

/// `rc-status --crashed` would be shorter, and answers “none” and “failed” alike, with status 1.
const SCRIPT: &str = r"if [ -d /run/systemd/system ]; then
  echo '[systemd]'
  systemctl list-units --state=failed,auto-restart --all --no-legend --no-pager --full || exit
elif has rc-status && [ -d /run/openrc ]; then
  echo '[openrc]'
  rc-status --all --nocolor || exit
else
  echo '[neither]'; cat /proc/1/comm || exit
fi
echo '[end]'";

impl Check for FailedUnits {
    const META: Meta = Meta {
        id: "failed-units",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Failed services", "失败的服务"),
        asks: Text::new(
            "Which units of systemd have failed, or are being started again and again; with OpenRC which services have crashed. Hosts with other service managers do not keep \
             such a list: not applicable.",
            "哪些 systemd 单元处于失败（failed）或反复重启（auto-restart）状态；OpenRC 则为哪些服务已崩溃（crashed）。其他服务管理器没有此类记录，为“不适用”。",
        ),
        why: Text::new(
            "What failed here does not do its work: a mount, a timer for backups, log rotation, an agent, a database.",
            "失败的单元没有在工作：可能是挂载、备份定时器、日志轮转、代理或数据库。",
        ),
        advice: Text::new(
            "`systemctl status UNIT` and `journalctl -u UNIT -e` say why. Put it right and start it; what is no longer needed is disabled, and `systemctl reset-failed UNIT` clears the mark.",
            "用 `systemctl status 单元`、`journalctl -u 单元 -e` 查明原因，处理后重新启动；不再需要的应禁用，并用 `systemctl reset-failed 单元` 清除失败标记。",
        ),
        source: Text::new("any is a problem", "出现即为问题"),
        fields: &[
            Field::new("unit", FieldType::Text, "Unit", "单元"),
            Field::new("state", FieldType::Text, "State", "状态"),
            Field::new("description", FieldType::Text, "Description", "说明"),
        ],
        key: &["unit"],
        rows_are: RowsAre::Problems,
        warn: Some(r#"state in ["failed", "auto-restart", "crashed"]"#),
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("units", SCRIPT)]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("units")?;
        let parts = parts::split("units", &text)?;
        let row = |unit: &str, state: &str, description: &str| {
            Row::new().text("unit", unit).text("state", state).text("description", description)
        };
        if let Some(units) = parts.get("systemd") {
            let read = |line: &str| {
                let unit = read_unit(line).ok_or_else(|| Unreadable::new("systemctl list-units", line))?;
                Ok(row(unit.name, unit.sub, unit.description))
            };
            return units.lines().filter(|line| !line.trim().is_empty()).map(read).collect::<Result<_, _>>().map(Parsed::Rows);
        }
        if let Some(services) = parts.get("openrc") {
            let mut rows: Vec<Row> = Vec::new();
            for line in services.lines().filter(|line| !line.contains("Runlevel: ")) {
                let (name, state) = line.rsplit_once('[').ok_or_else(|| Unreadable::new("rc-status", line))?;
                let crashed = row(name.trim(), "crashed", "");
                // The same service may stand below several runlevels.
                if state.contains("crashed") && !rows.contains(&crashed) {
                    rows.push(crashed);
                }
            }
            return Ok(Parsed::Rows(rows));
        }
        if parts.need("neither")?.trim() == "systemd" {
            return Err(Unreadable::new("systemctl", "process 1 is systemd, and /run/systemd/system is missing"));
        }
        Ok(Parsed::NotApplicable { what: "a service manager that keeps a list of failures" })
    }
}

struct Unit<'a> {
    name: &'a str,
    sub: &'a str,
    description: &'a str,
}

/// `● nginx.service  loaded failed failed  A web server`; the mark is `*` in the C locale and missing in some versions.
fn read_unit(line: &str) -> Option<Unit<'_>> {
    let line = line.trim_start();
    // A name may itself begin with x: only a mark that stands alone is one.
    let marked = word(line).filter(|(mark, _)| ["●", "*", "×", "↻", "○", "x"].contains(mark));
    let rest = marked.map_or(line, |(_, rest)| rest);
    let (name, rest) = word(rest)?;
    let (_load, rest) = word(rest)?;
    let (active, rest) = word(rest)?;
    let (sub, description) = word(rest).unwrap_or((rest, ""));
    let known = matches!(active, "failed" | "activating" | "deactivating" | "active" | "inactive");
    (known && name.contains('.') && !sub.is_empty()).then_some(Unit { name, sub, description })
}

/// The first word of `text`, and what follows it.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(' ')?;
    Some((word, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{parse, row, rows, text};

    #[test]
    fn systemd_lists_what_failed_and_what_starts_again_and_again() {
        let rows = rows::<FailedUnits>("{}", "debian-12-systemd-252");
        assert_eq!(text(row(&rows, "unit", "broken.service"), "state"), "failed");
        assert_eq!(text(row(&rows, "unit", "broken.service"), "description"), "A service that fails");
        assert_eq!(text(row(&rows, "unit", "looping.service"), "state"), "auto-restart");
    }

    #[test]
    fn older_systemd_marks_units_with_a_dot_or_not_at_all() {
        assert_eq!(text(&rows::<FailedUnits>("{}", "centos-7")[1], "unit"), "kdump.service");
        let rows = rows::<FailedUnits>("{}", "centos-7.2-mounts");
        assert_eq!(text(&rows[0], "unit"), "proc-fs-nfsd.mount");
        assert_eq!(rows.len(), 5);
    }

    #[test]
    fn a_list_without_units_is_ok_only_with_its_end() {
        assert!(rows::<FailedUnits>("{}", "debian-12-systemd-252-none").is_empty());
    }

    #[test]
    fn openrc_lists_what_crashed() {
        let rows = rows::<FailedUnits>("{}", "openrc-crashed");
        assert_eq!(rows.iter().map(|row| text(row, "unit")).collect::<Vec<_>>(), ["openssh", "dbus"]);
        assert!(parse::<FailedUnits>("{}", "debian-12-openrc-0.45") == Ok(Parsed::Rows(Vec::new())), "stopped is not crashed");
    }

    #[test]
    fn other_managers_keep_no_such_list() {
        assert!(matches!(parse::<FailedUnits>("{}", "debian-12-sysvinit"), Ok(Parsed::NotApplicable { .. })));
    }

    #[test]
    fn every_mark_before_a_unit_is_known() {
        for mark in ["● ", "* ", "  ", "", "× "] {
            let line = format!("{mark}x-app.service loaded failed failed A web server");
            let unit = read_unit(&line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((unit.name, unit.sub, unit.description), ("x-app.service", "failed", "A web server"));
        }
        assert!(read_unit("Failed to list units: Connection timed out").is_none());
    }
}
