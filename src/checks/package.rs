//! Packages that must be there, in a version not too old, or must not.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::frame;
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::quote;
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// Packages that must be there, in a version not too old, or must not.
pub struct Package;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Names of packages, and what is expected of each: `present`, `absent` or `{ at_least: "3.0.14" }`.
    packages: BTreeMap<String, Expected>,
}

/// What is expected of one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Installed, in any version.
    Present,
    /// Not installed.
    Absent,
    /// Installed in this version or a later one; without an epoch the installed one's epoch does not count.
    AtLeast(String),
}

/// Every package manager is asked that is there: a foreign one may be installed and know nothing.
const SCRIPT: &str = r#"one() {
if has dpkg-query; then o=$(dpkg-query -W -f='${db:Status-Abbrev} ${Version}\n' -- "$1" 2>&1); echo "dpkg $? $1"; printf '%s\n' "$o" | sed 's/^/| /'; fi
if has rpm; then o=$(rpm -q --qf '%{EPOCH}:%{VERSION}-%{RELEASE}\n' -- "$1" 2>&1); echo "rpm $? $1"; printf '%s\n' "$o" | sed 's/^/| /'; fi
if has apk; then o=$(apk info -v 2>&1); echo "apk $? $1"; printf '%s\n' "$o" | sed 's/^/| /'; fi; }
has dpkg-query || has rpm || has apk || { echo 'no package manager: dpkg-query, rpm, apk: not found' >&2; exit 127; }
echo packages
"#;

impl Check for Package {
    const META: Meta = Meta {
        id: "package",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::System,
        title: Text::new("Packages", "软件包"),
        asks: Text::new(
            "Whether packages are installed, in the version needed or a later one, or are not installed (dpkg, rpm, apk).",
            "软件包是否已安装且版本不低于要求，或确实未安装（dpkg、rpm、apk）。",
        ),
        why: Text::new(
            "Software that is too old has known holes; software that nobody needs is attacked all the same.",
            "版本过旧的软件存在已知漏洞；无用的软件同样会被攻击。",
        ),
        advice: Text::new(
            "Install, update or remove the package in the next maintenance window, and note the change.",
            "在维护窗口安装、升级或卸载该软件包，并记录变更。",
        ),
        source: Text::new("as the playbook expects", "以巡检方案中的期望为准"),
        fields: &[
            Field::new("package", FieldType::Text, "Package", "软件包"),
            Field::new("version", FieldType::Text, "Installed version", "已装版本"),
            Field::new("expected", FieldType::Text, "Expected", "期望"),
            Field::new("compliant", FieldType::Boolean, "Compliant", "符合"),
        ],
        key: &["package"],
        rows_are: RowsAre::Things,
        warn: Some("not compliant"),
        crit: None,
        example: r#"{ "packages": { "openssl": { "at_least": "3.0.14" }, "chrony": "present", "telnetd": "absent" } }"#,
    };

    type Params = Params;

    fn probes(params: &Params, _: &Target) -> Vec<Probe> {
        let calls = params.packages.keys().map(|name| format!("one {}", quote(name)));
        vec![Probe::shell("packages", frame::script(SCRIPT, calls))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("packages")?;
        let answers = answers(&frame::lines("packages", "packages", &text)?)?;
        let mut rows = Vec::new();
        for (name, expected) in &params.packages {
            let mut asked = false;
            let mut newest: Option<String> = None;
            for answer in answers.iter().filter(|answer| answer.package == name) {
                asked = true;
                for version in answer.installed()? {
                    if newest.as_deref().is_none_or(|newest| compare(&version, newest) == Ordering::Greater) {
                        newest = Some(version);
                    }
                }
            }
            if !asked {
                return Err(Unreadable::new("packages", format!("nothing about {name}")));
            }
            rows.push(row(name, expected, newest.as_deref()));
        }
        Ok(Parsed::Rows(rows))
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |message: String| Err(ParamFault { key: "packages".to_owned(), message });
        if params.packages.is_empty() {
            return fault("name at least one package".to_owned());
        }
        for (name, expected) in &params.packages {
            // Wildcards would make dpkg and rpm answer about other packages.
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+._-:".contains(&byte));
            if !plain || !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
                return fault(format!("`{}` is no name of a package", name.escape_debug()));
            }
            if matches!(expected, Expected::AtLeast(version) if !version.starts_with(|c: char| c.is_ascii_digit())) {
                return fault(format!("{name}: a version begins with a digit"));
            }
        }
        Ok(())
    }
}

/// What one package manager said of one package.
struct Answer<'a> {
    manager: &'a str,
    status: &'a str,
    package: &'a str,
    lines: Vec<&'a str>,
}

fn answers<'a>(lines: &[&'a str]) -> Result<Vec<Answer<'a>>, Unreadable> {
    let mut answers: Vec<Answer<'a>> = Vec::new();
    for line in lines {
        if let Some(said) = line.strip_prefix("| ").or_else(|| (*line == "|").then_some("")) {
            answers.last_mut().ok_or_else(|| Unreadable::new("packages", *line))?.lines.push(said);
        } else {
            let words: Vec<&str> = line.split(' ').collect();
            let [manager @ ("dpkg" | "rpm" | "apk"), status, package] = words[..] else { return Err(Unreadable::new("packages", *line)) };
            answers.push(Answer { manager, status, package, lines: Vec::new() });
        }
    }
    Ok(answers)
}

impl Answer<'_> {
    /// The installed versions, none where it is proved that there is none.
    fn installed(&self) -> Result<Vec<String>, Unreadable> {
        let said: Vec<&str> = self.lines.iter().copied().filter(|line| !line.is_empty()).collect();
        let refused = || Unreadable::new(format!("{} about {}", self.manager, self.package), said.join(" "));
        match (self.manager, self.status) {
            ("dpkg", "0") if !said.is_empty() => {
                let of_line = |line: &&str| {
                    let (state, version) = (line.get(..3)?, line.get(3..)?.trim());
                    // Second letter: i installed; the others are half or no longer there.
                    Some((state.as_bytes()[1] == b'i').then(|| version.to_owned()))
                };
                let versions: Option<Vec<_>> = said.iter().map(of_line).collect();
                Ok(versions.ok_or_else(refused)?.into_iter().flatten().collect())
            }
            ("dpkg", "1") if said == [format!("dpkg-query: no packages found matching {}", self.package)] => Ok(vec![]),
            ("rpm", "0") if !said.is_empty() => {
                if said.iter().any(|line| !line.contains(':') || line.contains(' ')) {
                    return Err(refused());
                }
                Ok(said.iter().map(|line| line.trim_start_matches("(none):").to_owned()).collect())
            }
            ("rpm", "1") if said == [format!("package {} is not installed", self.package)] => Ok(vec![]),
            // It lists all that is installed, and something always is.
            ("apk", "0") if !said.is_empty() => {
                let version = |line: &&str| {
                    let rest = line.strip_prefix(self.package)?.strip_prefix('-')?;
                    rest.starts_with(|c: char| c.is_ascii_digit()).then(|| rest.to_owned())
                };
                Ok(said.iter().filter(|line| !line.starts_with("WARNING")).filter_map(version).collect())
            }
            _ => Err(refused()),
        }
    }
}

fn row(name: &str, expected: &Expected, version: Option<&str>) -> Row {
    let (shown, compliant) = match expected {
        Expected::Present => ("present".to_owned(), version.is_some()),
        Expected::Absent => ("absent".to_owned(), version.is_none()),
        Expected::AtLeast(least) => (format!("≥ {least}"), version.is_some_and(|version| reaches(version, least))),
    };
    Row::new()
        .text("package", name)
        .with("version", version.map_or(Value::Null, |version| Value::Text(version.into())))
        .text("expected", shown)
        .boolean("compliant", compliant)
}

/// Whether `version` is `least` or later; what `least` leaves out (epoch, release) does not count.
fn reaches(version: &str, least: &str) -> bool {
    let version = if least.contains(':') { version } else { version.split_once(':').map_or(version, |(_, rest)| rest) };
    compare(version, least) != Ordering::Less
}

/// The order of versions that dpkg and rpm share: epoch first, then runs of digits as numbers and the rest as text; `~` comes
/// before everything, even the end.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    fn epoch(version: &str) -> (u64, &str) {
        match version.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
            None => (0, version),
        }
    }
    let ((left_epoch, left), (right_epoch, right)) = (epoch(left), epoch(right));
    // apk writes what comes before a release as `_rc1`.
    let before_release = |version: &str| ["_alpha", "_beta", "_pre", "_rc"].iter().fold(version.to_owned(), |v, mark| v.replace(mark, "~"));
    left_epoch.cmp(&right_epoch).then_with(|| compare_runs(before_release(left).as_bytes(), before_release(right).as_bytes()))
}

fn compare_runs(mut left: &[u8], mut right: &[u8]) -> Ordering {
    loop {
        // Text: letters before other signs, `~` before the end.
        let rank = |byte: Option<&u8>| match byte {
            None => 0_i32,
            Some(byte) if byte.is_ascii_digit() => 0,
            Some(b'~') => -1,
            Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
            Some(byte) => i32::from(*byte) + 256,
        };
        while left.first().is_some_and(|byte| !byte.is_ascii_digit()) || right.first().is_some_and(|byte| !byte.is_ascii_digit()) {
            let order = rank(left.first()).cmp(&rank(right.first()));
            if order != Ordering::Equal {
                return order;
            }
            left = left.get(1..).unwrap_or_default();
            right = right.get(1..).unwrap_or_default();
        }
        if left.is_empty() && right.is_empty() {
            return Ordering::Equal;
        }
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let ((left_number, left_rest), (right_number, right_rest)) = (left.split_at(digits(left)), right.split_at(digits(right)));
        let significant = |number: &[u8]| number.iter().copied().skip_while(|digit| *digit == b'0').collect::<Vec<u8>>();
        let (left_number, right_number) = (significant(left_number), significant(right_number));
        let order = left_number.len().cmp(&right_number.len()).then(left_number.cmp(&right_number));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{parse, row, rows, text};

    const ASKED: &str = r#"{ "packages": { "openssl": { "at_least": "3.0.14" }, "chrony": "present", "telnetd": "absent" } }"#;

    #[test]
    fn dpkg_and_rpm_are_asked_both() {
        let rows = rows::<Package>(ASKED, "debian-12-with-rpm");
        assert!(text(row(&rows, "package", "openssl"), "version").starts_with("3.0."));
        assert_eq!(row(&rows, "package", "openssl").get("compliant"), Some(&Value::Boolean(true)));
        assert_eq!(row(&rows, "package", "chrony").get("compliant"), Some(&Value::Boolean(false)));
        assert_eq!(row(&rows, "package", "telnetd").get("compliant"), Some(&Value::Boolean(true)));
    }

    #[test]
    fn an_installed_rpm_has_its_version() {
        let rows = rows::<Package>(r#"{ "packages": { "rounds-demo": { "at_least": "1.3" }, "telnetd": "absent" } }"#, "rpm-4.18");
        assert_eq!(text(row(&rows, "package", "rounds-demo"), "version"), "1.2-1");
        assert_eq!(row(&rows, "package", "rounds-demo").get("compliant"), Some(&Value::Boolean(false)));
    }

    #[test]
    fn a_database_that_cannot_be_opened_never_means_absent() {
        let error = parse::<Package>(r#"{ "packages": { "telnetd": "absent" } }"#, "rpm-4.18-no-database").unwrap_err();
        assert!(format!("{error:?}").contains("rpm about telnetd"), "{error:?}");
    }

    #[test]
    fn a_package_removed_but_for_its_configuration_is_absent() {
        let answer = Answer { manager: "dpkg", status: "0", package: "x", lines: vec!["rc  1.2-3"] };
        assert_eq!(answer.installed(), Ok(vec![]));
    }

    #[test]
    fn versions_are_ordered_as_package_managers_do() {
        for (older, newer) in [
            ("1.9", "1.10"),
            ("3.0.14~rc1", "3.0.14"),
            ("3.0.14", "3.0.14-1~deb12u2"),
            ("3.0.14-1~deb12u1", "3.0.14-1~deb12u2"),
            ("9.99", "1:1.0"),
            ("1.0.2a", "1.0.2k"),
            ("1.36.1_rc2-r0", "1.36.1-r0"),
            ("5.14.0-70.el9", "5.14.0-362.8.1.el9_3"),
        ] {
            assert_eq!(compare(older, newer), Ordering::Less, "{older} {newer}");
            assert_eq!(compare(newer, older), Ordering::Greater, "{newer} {older}");
        }
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
    }

    #[test]
    fn an_epoch_does_not_make_an_old_version_new() {
        assert!(!reaches("1:9.18.24-1", "9.20"));
        assert!(reaches("1:9.20.1-1", "9.20"));
        assert!(!reaches("1:9.18", "2:1.0"));
    }

    #[test]
    fn wildcards_are_no_names() {
        for name in ["kernel*", "-x", "a b", ""] {
            assert!(Entry::of::<Package>().bind(serde_json::json!({ "packages": { name: "present" } })).is_err(), "{name}");
        }
    }
}
