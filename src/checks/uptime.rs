//! How long the host has been running.

use chrono::TimeDelta;

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::procfs::seconds_up;

/// How long the host has been running.
pub struct Uptime;

impl Check for Uptime {
    const META: Meta = Meta {
        id: "uptime",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Uptime", "运行时长"),
        asks: Text::new("How long ago the host was started.", "主机自上次启动以来的运行时长。"),
        why: Text::new(
            "A start that nobody planned is the trace of a crash or a power failure. A host that has not been restarted for a year runs a kernel \
             without a year of security fixes, and nobody knows whether it still starts.",
            "计划外的重启往往意味着宕机或断电；一年以上未重启的主机缺少一年的内核安全补丁，且无人知道它能否正常启动。",
        ),
        advice: Text::new(
            "After a start that was not planned, look for its cause (`last -x reboot shutdown | head`, `journalctl -b -1 -e`, the hypervisor's events). \
             After a year, plan a restart with the next kernel update.",
            "计划外重启请查明原因（`last -x reboot shutdown | head`、`journalctl -b -1 -e`、虚拟化平台事件）；超过一年未重启的，结合内核补丁安排计划内重启。",
        ),
        source: Text::new(
            "a day, so that an inspection twice a day sees each start; a year by common use",
            "一天内的启动可被每日两次的巡检发现；一年为通用经验值",
        ),
        fields: &[
            Field::new("up", FieldType::Duration, "Up for", "已运行"),
            Field::new("started", FieldType::Timestamp, "Started", "启动时间"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some("up < 1d or up > 365d"),
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("uptime", "cat /proc/uptime")]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("uptime")?;
        let up = seconds_up(&text)?;
        // By our clock: the target's own may be wrong.
        #[expect(clippy::cast_possible_truncation, reason = "a float-to-int cast saturates, and the subtraction is checked")]
        let started =
            TimeDelta::try_milliseconds((up * 1000.0) as i64).and_then(|up| seen.capture("uptime").ok()?.at.checked_sub_signed(up));
        let started = started.ok_or_else(|| Unreadable::new("/proc/uptime", &*text))?;
        Ok(Parsed::Rows(vec![Row::new().duration("up", up).timestamp("started", started)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows};
    use crate::model::Value;

    #[test]
    fn the_start_lies_the_uptime_before_the_capture() {
        for name in ["debian-12", "busybox-1.35"] {
            let rows = rows::<Uptime>("{}", name);
            let at = crate::checks::testing::recorded("uptime", name).at;
            let Some(Value::Timestamp(started)) = rows[0].get("started") else { panic!("no start in {rows:?}") };
            assert!(((at - *started).as_seconds_f64() - number(&rows[0], "up")).abs() < 0.01);
        }
    }
}
