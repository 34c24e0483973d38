//! Updates that wait to be installed, and whether anybody knows of them.

use std::cmp::Ordering;
use std::sync::LazyLock;

use chrono::{DateTime, FixedOffset, NaiveDateTime, TimeZone, Utc};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{frame, log_time, package};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Message, Probe, Row, Target, Text, Untrusted};

/// Updates that wait to be installed.
pub struct Patches;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Packages to leave out.
    #[serde(default)]
    exclude: Vec<String>,
}

/// Only what is on the host is asked; nothing is fetched. `part` prints a command's answer and its status.
const SCRIPT: &str = r#"part() { echo "part $1"; shift; "$@" | sed -e '/^Conf /d' -e 's/^/| /'; }
run() { "$@"; echo "rounds-status $?"; }
stamp() { for f in "$@"; do [ ! -e "$f" ] || stat -L -c 'stamp %Y' -- "$f"; done; }
echo patches
date '+now %s %z'
if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ] || [ -e /run/reboot-needed ]; then echo 'reboot marked'
fi
echo "running $(uname -r)"
for k in /lib/modules/*/modules.dep; do [ ! -e "$k" ] || { k=${k%/modules.dep}; echo "kernel ${k##*/}"; }; done
if [ -s /var/lib/dpkg/status ] && has apt-get; then
  echo 'manager apt'
  for f in /var/lib/apt/lists/*_Packages*; do [ ! -e "$f" ] || { stamp /var/lib/apt/lists /var/lib/apt/periodic/update-success-stamp; break; }; done
  for f in /var/lib/apt/lists/*ecurity*_Packages*; do [ ! -e "$f" ] || { echo security-source; break; }; done
  part updates run apt-get -q -s -o Debug::NoLocking=1 dist-upgrade
elif has zypper; then
  echo 'manager zypper'
  stamp /var/cache/zypp/raw/*/repodata/repomd.xml
  part updates run zypper --non-interactive --no-refresh list-updates
  part security run zypper --non-interactive --no-refresh list-patches --category security
  part known run zypper --non-interactive --no-refresh patches
elif has dnf || has yum; then
  if has dnf; then y=dnf all=--all; else y=yum all=all; fi
  echo 'manager dnf'
  if has needs-restarting; then needs-restarting -r >/dev/null 2>&1; echo "reboot needs-restarting $?"; fi
  part repositories run priv $y -C repolist -v
  part updates run priv $y -q -C check-update
  part security run priv $y -q -C check-update --security
  part known run priv $y -q -C updateinfo list $all
elif has apk; then
  echo 'manager apk'
  stamp /var/cache/apk/APKINDEX.*.tar.gz /etc/apk/cache/APKINDEX.*.tar.gz
  part updates run apk version -l '<'
else
  echo 'none of apt-get, zypper, dnf, yum, apk: command not found' >&2; exit 127
fi
echo end"#;

const COMMANDS: [&str; 8] = [
    "/usr/bin/dnf -C repolist -v",
    "/usr/bin/dnf -q -C check-update",
    "/usr/bin/dnf -q -C check-update --security",
    "/usr/bin/dnf -q -C updateinfo list --all",
    "/usr/bin/yum -C repolist -v",
    "/usr/bin/yum -q -C check-update",
    "/usr/bin/yum -q -C check-update --security",
    "/usr/bin/yum -q -C updateinfo list all",
];

impl Check for Patches {
    const META: Meta = Meta {
        id: "patches",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Security,
        title: Text::new("Patch level", "补丁情况"),
        asks: Text::new(
            "How many updates wait, how many of them for security, how old the lists are that say so, and whether a restart is due (apt, dnf, yum, zypper, apk). Where the system does not tell security updates apart, every update counts as one.",
            "待装更新数、其中安全更新数、软件包列表的新旧，以及是否需要重启（apt、dnf、yum、zypper、apk）；系统无法区分安全更新时，全部按安全更新计。",
        ),
        why: Text::new(
            "Known holes are attacked within days, and a business system has lost its data to a patch that was never installed. Old lists show no updates where there are many.",
            "已知漏洞数日内就会被利用；曾有业务系统因未装补丁而丢失数据。列表陈旧时会显示“无更新”。",
        ),
        advice: Text::new(
            "Refresh the lists, plan the updates with a test and a way back, install them in a maintenance window, restart where due.",
            "刷新软件包列表，制定含测试与回退的更新计划，在维护窗口安装，必要时重启。",
        ),
        source: Text::new(
            "operations standards: patches are known, planned, tested, installed; a week for the lists is our own choice",
            "运维规范：补丁须掌握、计划、测试、安装；列表 7 天为本产品的取值",
        ),
        fields: &[
            Field::new("manager", FieldType::Text, "Package manager", "包管理器"),
            Field::new("updates", FieldType::Number, "Updates", "待装更新"),
            Field::new("security", FieldType::Number, "Security updates", "安全更新"),
            Field::new("told_apart", FieldType::Boolean, "Security told apart", "可区分安全更新"),
            Field::new("lists_age", FieldType::Duration, "Age of the lists", "列表时效"),
            Field::new("reboot", FieldType::Text, "Restart", "重启"),
            Field::new("packages", FieldType::List, "Packages", "软件包"),
        ],
        key: &[],
        rows_are: RowsAre::Things,
        warn: Some(r#"security > 0 or lists_age > 7d or reboot == "needed""#),
        crit: None,
        example: r#"{ "exclude": ["kernel"] }"#,
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("patches", SCRIPT).privileged(COMMANDS)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("patches")?;
        let answer = Answer::read(&frame::lines("patches", "patches", &text)?)?;
        let complaint = Untrusted::from_bytes(&seen.capture("patches")?.err);
        // What is left out for want of a list is said on standard error alone.
        if let Some(line) = complaint
            .raw()
            .lines()
            .find(|line| line.contains("no cache for") || line.contains("Ignoring repositories") || line.starts_with("WARNING"))
        {
            return Err(Unreadable::new("package lists", line));
        }
        if let Some(line) = complaint.raw().lines().find(|line| line.starts_with("sudo:")) {
            return Err(Unreadable(Message::NeedsRight { needs: Untrusted::new(line).visible() }));
        }
        let (updates, security) = match answer.manager {
            "apt" => apt(&answer)?,
            "zypper" => zypper(&answer)?,
            "dnf" => dnf(&answer)?,
            "apk" => apk(&answer)?,
            other => return Err(Unreadable::new("package manager", other)),
        };
        let wanted =
            |packages: &[String]| -> Vec<String> { packages.iter().filter(|name| !params.exclude.contains(name)).cloned().collect() };
        let updates = wanted(&updates);
        let told_apart = security.is_some();
        let security = security.map_or_else(|| updates.clone(), |security| wanted(&security));
        #[expect(clippy::cast_precision_loss, reason = "a count of packages")]
        let row = Row::new()
            .text("manager", answer.manager)
            .number("updates", updates.len() as f64)
            .number("security", security.len() as f64)
            .boolean("told_apart", told_apart)
            .duration("lists_age", (answer.now - answer.lists_at()?).as_seconds_f64())
            .text("reboot", answer.reboot())
            .list("packages", if security.is_empty() { updates } else { security }.into_iter().take(200));
        Ok(Parsed::Rows(vec![row]))
    }
}

/// What the probe printed, sorted.
struct Answer<'a> {
    now: DateTime<Utc>,
    zone: FixedOffset,
    manager: &'a str,
    marked: bool,
    needs_restarting: Option<&'a str>,
    running: &'a str,
    kernels: Vec<&'a str>,
    stamps: Vec<DateTime<Utc>>,
    security_source: bool,
    parts: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Answer<'a> {
    fn read(lines: &[&'a str]) -> Result<Self, Unreadable> {
        let at = |seconds: &str| seconds.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let clock = lines.first().and_then(|line| line.strip_prefix("now ")?.split_once(' '));
        let clock = clock.and_then(|(now, zone)| Some((at(now)?, log_time::offset(zone)?)));
        let (now, zone) = clock.ok_or_else(|| Unreadable::new("patches", "no clock"))?;
        let mut answer = Self {
            now,
            zone,
            manager: "",
            marked: false,
            needs_restarting: None,
            running: "",
            kernels: Vec::new(),
            stamps: Vec::new(),
            security_source: false,
            parts: Vec::new(),
        };
        for line in &lines[1..] {
            let refused = || Unreadable::new("patches", *line);
            if let Some(said) = line.strip_prefix("| ").or_else(|| (*line == "|").then_some("")) {
                answer.parts.last_mut().ok_or_else(refused)?.1.push(said);
                continue;
            }
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "reboot" if rest == "marked" => answer.marked = true,
                "reboot" => answer.needs_restarting = Some(rest.strip_prefix("needs-restarting ").ok_or_else(refused)?),
                "running" => answer.running = rest,
                "kernel" => answer.kernels.push(rest),
                "manager" => answer.manager = rest,
                "stamp" => answer.stamps.push(at(rest).ok_or_else(refused)?),
                "security-source" => answer.security_source = true,
                "part" => answer.parts.push((rest, Vec::new())),
                _ => return Err(refused()),
            }
        }
        Ok(answer)
    }

    /// The lines of a part whose command ended with one of `statuses`.
    fn part(&self, name: &str, statuses: &[&str]) -> Result<&[&'a str], Unreadable> {
        let said = self.parts.iter().find(|(part, _)| *part == name).map(|(_, said)| said.as_slice()).unwrap_or_default();
        let (status, said) = said.split_last().ok_or_else(|| Unreadable::new(self.manager, format!("no answer about {name}")))?;
        match status.strip_prefix("rounds-status ") {
            Some(status) if statuses.contains(&status) => Ok(said),
            _ => Err(Unreadable::new(format!("{} about {name}", self.manager), format!("{status}: {}", said.join(" ")))),
        }
    }

    /// When the lists were fetched: apt moves all at once, the others have one a repository, of which the oldest counts.
    fn lists_at(&self) -> Result<DateTime<Utc>, Unreadable> {
        let stamps = if self.manager == "dnf" { dnf_stamps(self)? } else { self.stamps.clone() };
        let at = if self.manager == "apt" { stamps.into_iter().max() } else { stamps.into_iter().min() };
        at.ok_or_else(|| Unreadable::new("package lists", "there are none: nobody fetched them, so no update can be known"))
    }

    fn reboot(&self) -> &'static str {
        match self.needs_restarting {
            _ if self.marked => "needed",
            Some("0") => "not-needed",
            Some("1") => "needed",
            // A container, or a kernel without modules, tells nothing.
            _ if self.kernels.is_empty() || self.running.is_empty() => "unknown",
            _ => {
                let newer = self.kernels.iter().any(|kernel| package::compare(kernel, self.running) == Ordering::Greater);
                if newer || !self.kernels.contains(&self.running) { "needed" } else { "not-needed" }
            }
        }
    }
}

/// Updates, and those for security among them where they can be told apart.
type Found = (Vec<String>, Option<Vec<String>>);

static APT_TOTAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(\d+) upgraded, (\d+) newly installed, (?:\d+ downgraded, )?\d+ to remove and (\d+) not upgraded").ok());

/// `Inst libssl3 [3.0.15-1] (3.0.17-1 Debian-Security:12/stable-security [amd64])`
fn apt(answer: &Answer<'_>) -> Result<Found, Unreadable> {
    let lines = answer.part("updates", &["0"])?;
    let total = lines.iter().find_map(|line| APT_TOTAL.as_ref()?.captures(line)).ok_or_else(|| Unreadable::new("apt-get", "no total"))?;
    let number = |group: usize| total[group].parse::<usize>().map_err(|_| Unreadable::new("apt-get", &total[0]));
    let (mut updates, mut security) = (Vec::new(), Vec::new());
    for line in lines.iter().filter_map(|line| line.strip_prefix("Inst ")) {
        let (name, rest) = line.split_once(' ').ok_or_else(|| Unreadable::new("apt-get", line))?;
        // Without an installed version in brackets it is new, pulled in by an update.
        if rest.starts_with('[') {
            updates.push(name.to_owned());
            if rest.to_ascii_lowercase().contains("security") || rest.contains("UbuntuESM") {
                security.push(name.to_owned());
            }
        }
    }
    if updates.len() != number(1)? {
        return Err(Unreadable::new("apt-get", format!("{} packages listed, and: {}", updates.len(), &total[0])));
    }
    for kept in 0..number(3)? {
        updates.push(format!("(held back {})", kept + 1));
    }
    Ok((updates, answer.security_source.then_some(security)))
}

/// Tables with `|` between columns, the head above a line of `-+-`.
fn zypper(answer: &Answer<'_>) -> Result<Found, Unreadable> {
    let updates = zypper_column(answer.part("updates", &["0"])?, "Name", None)?;
    let security = zypper_column(answer.part("security", &["0"])?, "Name", Some("needed"))?;
    // A repository without any patches, of whatever state, does not say what is for security.
    let knows = !zypper_column(answer.part("known", &["0"])?, "Name", None)?.is_empty();
    Ok((updates, knows.then_some(security)))
}

fn zypper_column(lines: &[&str], column: &str, status: Option<&str>) -> Result<Vec<String>, Unreadable> {
    if lines.iter().any(|line| line.contains("Operating only with the installed resolvables")) {
        return Err(Unreadable::new("zypper", "no repositories are defined"));
    }
    let Some(rule) = lines.iter().position(|line| line.contains("-+-") && line.bytes().all(|byte| byte == b'-' || byte == b'+')) else {
        let none = lines.iter().any(|line| line.contains("No updates found") || line.contains("No patches found"));
        return if none { Ok(vec![]) } else { Err(Unreadable::new("zypper", lines.join(" "))) };
    };
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let head = cells(lines.get(rule.wrapping_sub(1)).copied().unwrap_or_default());
    let place =
        |name: &str| head.iter().position(|cell| cell == name).ok_or_else(|| Unreadable::new("zypper", format!("no column {name}")));
    let (name_at, status_at) = (place(column)?, status.map(|_| place("Status")).transpose()?);
    let mut names = Vec::new();
    for line in lines[rule + 1..].iter().take_while(|line| line.contains('|')) {
        let row = cells(line);
        let name = row.get(name_at).ok_or_else(|| Unreadable::new("zypper", *line))?;
        if status_at.is_none_or(|at| row.get(at).map(String::as_str) == status) {
            names.push(name.clone());
        }
    }
    Ok(names)
}

/// `name.arch   version   repository`, long names on a line of their own.
fn dnf(answer: &Answer<'_>) -> Result<Found, Unreadable> {
    let updates = dnf_names(answer.part("updates", &["0", "100"])?);
    let security = dnf_names(answer.part("security", &["0", "100"])?);
    // A repository without advisories does not say what is for security.
    let knows = answer.part("known", &["0"])?.iter().any(|line| !line.trim().is_empty());
    Ok((updates, knows.then_some(security)))
}

fn dnf_names(lines: &[&str]) -> Vec<String> {
    let lines = lines.iter().take_while(|line| !line.starts_with("Obsoleting Packages"));
    let first_words = lines.filter(|line| !line.starts_with(char::is_whitespace)).filter_map(|line| line.split_whitespace().next());
    first_words.filter_map(|word| word.rsplit_once('.')).map(|(name, _)| name.to_owned()).collect()
}

/// `Repo-expire : 172800 second(s) (last: Sat Nov 21 22:21:51 2026)`, one a repository, in the zone of the host.
fn dnf_stamps(answer: &Answer<'_>) -> Result<Vec<DateTime<Utc>>, Unreadable> {
    let lines = answer.part("repositories", &["0"])?;
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_start().strip_prefix(':')?.trim().to_owned());
    let ids = lines.iter().filter(|line| value(line, "Repo-id").is_some()).count();
    let mut stamps = Vec::new();
    for said in lines.iter().filter_map(|line| value(line, "Repo-expire")) {
        let last = said.split_once("last: ").and_then(|(_, last)| last.strip_suffix(')'));
        let at = last.and_then(|last| NaiveDateTime::parse_from_str(last, "%a %b %e %H:%M:%S %Y").ok());
        let at = at.and_then(|at| answer.zone.from_local_datetime(&at).single());
        stamps.push(at.ok_or_else(|| Unreadable::new("age of a repository's list", said.as_str()))?.with_timezone(&Utc));
    }
    if ids != stamps.len() {
        return Err(Unreadable::new("age of repositories' lists", format!("{ids} repositories, {} ages", stamps.len())));
    }
    Ok(stamps)
}

/// `openssl-3.1.4-r5   < 3.1.4-r6` below a head; Alpine does not say what is for security.
fn apk(answer: &Answer<'_>) -> Result<Found, Unreadable> {
    let lines = answer.part("updates", &["0"])?;
    let (head, lines) = lines.split_first().ok_or_else(|| Unreadable::new("apk", "no head line"))?;
    if !head.starts_with("Installed:") {
        return Err(Unreadable::new("apk", *head));
    }
    let name = |line: &&str| -> Result<String, Unreadable> {
        let package = line.split_whitespace().next().filter(|_| line.contains(" < ")).ok_or_else(|| Unreadable::new("apk", *line))?;
        // name-version-release: the last two parts are no name.
        Ok(package.rsplitn(3, '-').nth(2).ok_or_else(|| Unreadable::new("apk", *line))?.to_owned())
    };
    Ok((lines.iter().map(name).collect::<Result<_, _>>()?, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows, text};
    use crate::model::Value;

    #[test]
    fn apt_tells_security_updates_apart() {
        let row = &rows::<Patches>("{}", "debian-12")[0];
        assert_eq!((text(row, "manager"), row.get("told_apart")), ("apt", Some(&Value::Boolean(true))));
        assert!(number(row, "updates") > number(row, "security") && number(row, "security") > 0.0, "{row:?}");
        assert!(number(row, "lists_age") < 86_400.0);
        assert_eq!(text(row, "reboot"), "unknown");
    }

    #[test]
    fn dnf_and_zypper_count_a_security_update() {
        for capture in ["dnf-4.14", "zypper-1.14"] {
            let row = &rows::<Patches>("{}", capture)[0];
            assert_eq!((number(row, "updates"), number(row, "security")), (1.0, 1.0), "{capture}");
            assert_eq!(row.get("told_apart"), Some(&Value::Boolean(true)), "{capture}");
            assert!(number(row, "lists_age") < 86_400.0, "{capture}");
        }
    }

    #[test]
    fn without_advisories_every_update_counts_as_one_for_security() {
        let row = &rows::<Patches>("{}", "dnf-4.14-no-advisories")[0];
        assert_eq!((number(row, "security"), row.get("told_apart")), (1.0, Some(&Value::Boolean(false))));
    }

    #[test]
    fn without_lists_there_is_no_answer() {
        for capture in ["debian-12-no-lists", "dnf-4.14-no-lists", "zypper-1.14-no-repositories"] {
            assert!(parse::<Patches>("{}", capture).is_err(), "{capture}");
        }
    }

    #[test]
    fn old_lists_are_seen_to_be_old() {
        let row = &rows::<Patches>("{}", "debian-12-old-lists")[0];
        assert!(number(row, "lists_age") > 30.0 * 86_400.0);
    }

    #[test]
    fn alpine_lists_what_is_older_than_its_index() {
        let said = ["Installed:                                Available:", "libcrypto1.0-1.0.1q-r0                  < 1.0.2m-r0"];
        let lines: Vec<String> = said.iter().map(|line| format!("| {line}")).collect();
        let mut all = vec!["now 1795298506 +0000", "running 6.6", "manager apk", "stamp 1795290000", "part updates"];
        all.extend(lines.iter().map(String::as_str));
        all.push("| rounds-status 0");
        let answer = Answer::read(&all).unwrap();
        assert_eq!(apk(&answer), Ok((vec!["libcrypto1.0".to_owned()], None)));
        assert!(answer.lists_at().is_ok());
    }

    #[test]
    fn a_newer_kernel_on_disk_means_a_restart() {
        let answer = |kernels: &[&str]| {
            let kernels: Vec<String> = kernels.iter().map(|kernel| format!("kernel {kernel}")).collect();
            let mut lines = vec!["now 1795298506 +0000", "running 6.1.0-9-amd64"];
            lines.extend(kernels.iter().map(String::as_str));
            Answer::read(&lines).unwrap().reboot()
        };
        assert_eq!(answer(&["6.1.0-9-amd64", "6.1.0-10-amd64"]), "needed");
        assert_eq!(answer(&["6.1.0-9-amd64", "6.1.0-8-amd64"]), "not-needed");
        assert_eq!(answer(&["6.1.0-8-amd64"]), "needed", "the running one was removed");
        assert_eq!(answer(&[]), "unknown");
    }

    #[test]
    fn long_names_and_obsoleted_packages_are_not_counted_twice() {
        let lines = [
            "",
            "a-very-long-name-indeed.x86_64",
            "        1.2-1    updates",
            "b.noarch  1 updates",
            "Obsoleting Packages",
            "c.noarch 1 u",
        ];
        assert_eq!(dnf_names(&lines), ["a-very-long-name-indeed", "b"]);
    }
}
