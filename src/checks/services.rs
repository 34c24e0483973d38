//! Services that should be running and start with the host.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::quote;
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

use super::parts::{self, Parts};

/// Services that should be running and start with the host.
pub struct Services;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Names of the services as the host's service manager knows them (`nginx`, `mysqld`, `getty@tty1`).
    units: Vec<String>,
}

impl Check for Services {
    const META: Meta = Meta {
        id: "services",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Services", "系统服务"),
        asks: Text::new(
            "Whether each named service runs, and whether it starts with the host. The service manager is asked: systemd, OpenRC, or the scripts of System V.",
            "指定的服务是否正在运行、是否开机自启。向系统的服务管理器查询：systemd、OpenRC 或 System V 脚本。",
        ),
        why: Text::new(
            "A service that is down is an outage; one that does not start by itself is an outage after the next restart.",
            "服务停止即业务中断；未设置开机自启的服务，下次重启后就会中断。",
        ),
        advice: Text::new(
            "Not running: `systemctl status UNIT` and `journalctl -u UNIT -e` say why; put that right and start it. Not starting with the host: `systemctl enable UNIT` \
             (`rc-update add`, `chkconfig UNIT on`).",
            "未运行：用 `systemctl status 服务名`、`journalctl -u 服务名 -e` 查明原因，处理后启动；未自启：执行 `systemctl enable 服务名`（或 `rc-update add`、`chkconfig 服务名 on`）。",
        ),
        source: Text::new("the services named in the playbook", "以巡检剧本中列出的服务为准"),
        fields: &[
            Field::new("service", FieldType::Text, "Service", "服务"),
            Field::new("active", FieldType::Boolean, "Runs", "正在运行"),
            Field::new("enabled", FieldType::Boolean, "Starts with the host", "开机自启"),
            Field::new("state", FieldType::Text, "State", "状态"),
            Field::new("start", FieldType::Text, "Start", "启动方式"),
            Field::new("asked", FieldType::Text, "Service manager", "服务管理器"),
        ],
        key: &["service"],
        rows_are: RowsAre::Things,
        warn: Some("not enabled"),
        crit: Some("not active"),
        example: r#"{ "units": ["good", "broken", "nosuch"] }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        let units: Vec<String> = params.units.iter().map(|unit| quote(unit)).collect();
        vec![Probe::shell("services", SCRIPT.replace("UNITS", &units.join(" ")))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("services")?;
        let parts = parts::split("services", &text)?;
        let read: fn(&Parts<'_>, &str, &str) -> Result<Answer, Unreadable> = match parts.need("manager")?.trim() {
            "systemd" => |_, _, answer| systemd(answer),
            "openrc" => openrc,
            "sysv" => sysv,
            other => return Err(Unreadable::new("services", other)),
        };
        let manager = parts.need("manager")?.trim();
        let row = |unit: &String| {
            let state = read(&parts, unit, parts.need(&format!("unit {unit}"))?)?;
            let boolean = |yes: Option<bool>| yes.map_or(Value::Null, Value::Boolean);
            Ok(Row::new()
                .text("service", unit)
                .with("active", boolean(state.active))
                .with("enabled", boolean(state.enabled))
                .text("state", state.state)
                .text("start", state.start)
                .text("asked", manager))
        };
        params.units.iter().map(row).collect::<Result<_, _>>().map(Parsed::Rows)
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |message: String| Err(ParamFault { key: "units".to_owned(), message });
        if params.units.is_empty() {
            return fault("an empty list asks for nothing: name at least one service".to_owned());
        }
        for (at, unit) in params.units.iter().enumerate() {
            // Nothing that a shell, a glob or an option could be made of.
            let plain = unit.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@:-".contains(&byte));
            if unit.is_empty() || unit.starts_with(['-', '.']) || !plain {
                return fault(format!("`{unit}` is no name of a service: letters, digits and . _ @ : - only"));
            }
            if params.units[..at].contains(unit) {
                return fault(format!("`{unit}` stands twice"));
            }
        }
        Ok(())
    }
}

/// `is-enabled` is asked besides `show`, for systemd does not tell of the scripts of System V in another way.
/// `rc-service -e` succeeds where a script is there; the exit status of `service … status` is the one that LSB defines.
const SCRIPT: &str = r#"if [ -d /run/systemd/system ]; then
  echo '[manager]'; echo systemd
  for unit in UNITS; do
    echo "[unit $unit]"
    systemctl show -p LoadState -p ActiveState -p SubState -p UnitFileState -- "$unit" || exit
    echo "Enabled=$(systemctl is-enabled -- "$unit" 2>/dev/null | head -n 1)"
  done
elif has rc-status && [ -d /run/openrc ]; then
  echo '[manager]'; echo openrc
  echo '[all]'; rc-status --all --nocolor || exit
  for unit in UNITS; do
    echo "[unit $unit]"
    if rc-service -e "$unit"; then echo there; else echo absent; fi
  done
elif has service && [ -d /etc/init.d ]; then
  echo '[manager]'; echo sysv
  echo '[runlevel]'; if [ -r /etc/inittab ]; then sed -n 's/^[^#:]*:\([0-9]\):initdefault:.*/\1/p' /etc/inittab; fi
  for unit in UNITS; do
    echo "[unit $unit]"
    if [ -x "/etc/init.d/$unit" ]; then service "$unit" status >/dev/null 2>&1 </dev/null; echo "status $?"; else echo absent; fi
    for link in /etc/rc[0-9].d/S[0-9][0-9]"$unit" /etc/init.d/rc[0-9].d/S[0-9][0-9]"$unit"; do [ -e "$link" ] && echo "$link"; done
  done
else
  echo 'neither systemd nor OpenRC nor System V manages services here' >&2
  exit 1
fi
echo '[end]'"#;

struct Answer {
    active: Option<bool>,
    enabled: Option<bool>,
    state: String,
    start: String,
}

impl Answer {
    fn absent() -> Self {
        Self { active: Some(false), enabled: Some(false), state: "not-found".to_owned(), start: "not-found".to_owned() }
    }
}

fn systemd(answer: &str) -> Result<Answer, Unreadable> {
    let value = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let need = |name: &str| value(name).filter(|value| !value.is_empty()).ok_or_else(|| Unreadable::new("systemctl show", answer));
    let (load, active, sub) = (need("LoadState")?, need("ActiveState")?, need("SubState")?);
    if load == "not-found" {
        return Ok(Answer::absent());
    }
    let file_state = value("UnitFileState").ok_or_else(|| Unreadable::new("systemctl show", answer))?;
    let asked = value("Enabled").unwrap_or_default();
    // A script of System V has no state of its own, or "generated" whether it is enabled or not: `is-enabled` knows.
    let start = if file_state.is_empty() || file_state == "generated" { asked } else { file_state };
    let enabled = match start {
        // "static" and its like are started by something else.
        "enabled" | "static" | "indirect" | "alias" | "generated" => Some(true),
        // "enabled-runtime" and its like are forgotten at the next start.
        "disabled" | "masked" | "masked-runtime" | "enabled-runtime" | "linked" | "linked-runtime" | "transient" | "bad" => Some(false),
        _ => None,
    };
    let state = if load == "loaded" { format!("{active} ({sub})") } else { format!("{load}, {active} ({sub})") };
    Ok(Answer { active: Some(matches!(active, "active" | "reloading")), enabled, state, start: start.to_owned() })
}

/// `rc-status --all`: ` sshd    [  started  ]` below `Runlevel: default`.
fn openrc(parts: &Parts<'_>, unit: &str, answer: &str) -> Result<Answer, Unreadable> {
    match answer.trim() {
        "absent" => return Ok(Answer::absent()),
        "there" => {}
        _ => return Err(Unreadable::new("rc-service", answer)),
    }
    let mut runlevel = "";
    // Stopped and in no runlevel: not listed at all.
    let (mut state, mut start) = ("stopped".to_owned(), String::new());
    for line in parts.need("all")?.lines() {
        if let Some((head, level)) = line.split_once("Runlevel: ") {
            runlevel = if head.is_empty() { level.trim() } else { "" };
            continue;
        }
        let Some((name, shown)) = line.rsplit_once('[') else {
            return Err(Unreadable::new("rc-status", line));
        };
        if name.trim() == unit {
            shown.trim_end().trim_end_matches(']').trim().clone_into(&mut state);
            if !runlevel.is_empty() {
                runlevel.clone_into(&mut start);
            }
        }
    }
    Ok(Answer { active: Some(state.starts_with("started")), enabled: Some(!start.is_empty()), state, start })
}

fn sysv(parts: &Parts<'_>, _: &str, answer: &str) -> Result<Answer, Unreadable> {
    let mut lines = answer.lines();
    let first = lines.next().unwrap_or_default();
    if first == "absent" {
        return Ok(Answer::absent());
    }
    let status = first.strip_prefix("status ").ok_or_else(|| Unreadable::new("service status", answer))?;
    let (active, state) = match status {
        "0" => (Some(true), "running".to_owned()),
        "1" | "2" => (Some(false), "dead".to_owned()),
        "3" => (Some(false), "stopped".to_owned()),
        // 4 is "unknown": for many scripts it means that only root may ask.
        other => (None, format!("unknown (status {other})")),
    };
    let levels: Vec<&str> = lines.filter_map(|link| Some(link.rsplit_once(".d/S")?.0.rsplit_once("rc")?.1)).collect();
    let default = parts.need("runlevel")?.trim();
    let enabled = (!default.is_empty()).then(|| levels.contains(&default));
    Ok(Answer { active, enabled, state, start: levels.join(" ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{row, rows, text};

    fn answers(row: &Row) -> (Option<bool>, Option<bool>) {
        let yes = |name| match row.get(name) {
            Some(Value::Boolean(yes)) => Some(*yes),
            _ => None,
        };
        (yes("active"), yes("enabled"))
    }

    #[test]
    fn systemd_tells_what_runs_and_what_starts() {
        let rows = rows::<Services>(
            r#"{ "units": ["good", "broken", "looping", "nosuch", "off", "shut", "dbus", "old", "old-off", "my@a-b"] }"#,
            "debian-12-systemd-252",
        );
        let of = |name| answers(row(&rows, "service", name));
        assert_eq!(of("good"), (Some(true), Some(true)));
        assert_eq!(of("broken"), (Some(false), Some(true)));
        assert_eq!(of("looping"), (Some(false), Some(false)), "a service that starts again and again does not run");
        assert_eq!(of("nosuch"), (Some(false), Some(false)));
        assert_eq!(of("off"), (Some(false), Some(false)));
        assert_eq!(of("shut"), (Some(false), Some(false)));
        assert_eq!(of("dbus"), (Some(true), Some(true)), "static units are started by others");
        assert_eq!(of("old"), (Some(true), Some(true)), "a script of System V");
        assert_eq!(of("old-off"), (Some(false), Some(false)), "a script of System V without links");
        assert_eq!(of("my@a-b").0, Some(true));
    }

    #[test]
    fn openrc_tells_by_runlevel() {
        let rows = rows::<Services>(r#"{ "units": ["good", "broken", "nosuch", "off"] }"#, "debian-12-openrc-0.45");
        let of = |name| answers(row(&rows, "service", name));
        assert_eq!(of("good"), (Some(true), Some(true)));
        assert_eq!(of("broken"), (Some(false), Some(true)));
        assert_eq!(of("nosuch"), (Some(false), Some(false)));
        assert_eq!(of("off"), (Some(false), Some(false)));
        assert_eq!(text(row(&rows, "service", "good"), "start"), "default");
    }

    #[test]
    fn scripts_of_system_v_tell_by_exit_status_and_links() {
        let rows = rows::<Services>(r#"{ "units": ["good", "broken", "nosuch", "off", "asks-root"] }"#, "debian-12-sysvinit");
        let of = |name| answers(row(&rows, "service", name));
        assert_eq!(of("good"), (Some(true), Some(true)));
        assert_eq!(of("broken"), (Some(false), Some(true)));
        assert_eq!(of("nosuch"), (Some(false), Some(false)));
        assert_eq!(of("off"), (Some(false), Some(false)));
        assert_eq!(of("asks-root").0, None, "a script that does not know is no proof of anything");
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for units in ["[]", r#"["-x"]"#, r#"["a b"]"#, r#"["$(reboot)"]"#, r#"["../x"]"#, r#"["a", "a"]"#] {
            let params = serde_json::from_str(&format!(r#"{{ "units": {units} }}"#)).unwrap();
            assert!(Entry::of::<Services>().bind(params).is_err(), "{units}");
        }
    }
}
