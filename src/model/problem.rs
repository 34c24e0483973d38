//! Problem keys: what makes a problem of today the same one as a problem of last month.

use std::fmt::Write as _;

use super::item::{ItemKind, ItemRecord, RowRecord};
use super::message::Message;
use super::outcome::Outcome;

/// The stable key of the problem that `row` of `item` is, or `item` itself where no row says so.
///
/// It is made of the check in the catalogue, the target's id, the row's key and the class of failure, never of
/// playbook, severity, message or value: the same disk that two playbooks find full, warned of today and critical
/// tomorrow, is one problem.
///
/// The parts stand between slashes, with `/`, `%`, blanks and control characters in them as `%XX`; `-` stands for no row key.
#[must_use]
pub fn problem_key(item: &ItemRecord, row: Option<&RowRecord>) -> String {
    let check = if item.check.is_empty() { item.key.line.as_str() } else { item.check.as_str() };
    let outcome = row.map_or(item.outcome, |row| row.outcome);
    let reason = row.and_then(|row| row.reason.as_ref()).or(item.reason.as_ref());
    let class = failure_class(item.kind, outcome, reason);
    let mut key = String::new();
    escape_into(&mut key, check);
    key.push('/');
    escape_into(&mut key, &item.key.target);
    key.push('/');
    match row.and_then(|row| row.key.as_ref()) {
        None => key.push('-'),
        Some(part) if part.raw() == "-" => key.push_str("%2D"),
        Some(part) => escape_into(&mut key, part.raw()),
    }
    key.push('/');
    key.push_str(class);
    key
}

/// The class of a failure: what has to be proved for the problem to be gone.
///
/// Ways in which a connection fails come and go with the weather (refused now, timed out an hour later), so they are one class;
/// a wrong identity and a refused login are other problems, for other people.
#[must_use]
pub const fn failure_class(kind: ItemKind, outcome: Outcome, reason: Option<&Message>) -> &'static str {
    match (outcome, reason) {
        (_, Some(Message::Identity { .. })) => "identity",
        (_, Some(Message::LoginRefused { .. })) => "login",
        (Outcome::Warn | Outcome::Crit, Some(Message::Gone)) => "gone",
        (Outcome::Unreachable, _) => "no-connection",
        (Outcome::Error | Outcome::TimedOut | Outcome::NotRun | Outcome::Skipped, _) => "not-judged",
        _ => match kind {
            ItemKind::Reachable => "no-connection",
            ItemKind::Check => "rule",
            ItemKind::Trend => "trend",
            ItemKind::Across => "across",
            ItemKind::Person => "answer",
        },
    }
}

fn escape_into(key: &mut String, part: &str) {
    for c in part.chars() {
        if c == '/' || c == '%' || c.is_whitespace() || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(key, "%{byte:02X}");
            }
        } else {
            key.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{ItemKey, Phrase, Row, Untrusted};

    fn item(check: &str, target: &str, outcome: Outcome) -> ItemRecord {
        ItemRecord {
            key: ItemKey::new("line-of-a-playbook", target),
            kind: ItemKind::Check,
            check: check.to_owned(),
            check_version: 1,
            title: Phrase::default(),
            class: "system".to_owned(),
            outcome,
            reason: None,
            rows: Vec::new(),
            fields: Vec::new(),
            thresholds: Vec::new(),
            advice: Phrase::default(),
            why: Phrase::default(),
            runbook: None,
            at: DateTime::UNIX_EPOCH,
            took_ms: 0,
            attempts: Vec::new(),
            captures: Vec::new(),
        }
    }

    fn row(key: Option<&str>, outcome: Outcome) -> RowRecord {
        RowRecord {
            key: key.map(Untrusted::from),
            row: Row::new(),
            outcome,
            reason: None,
            rule: None,
            measures: Vec::new(),
            marks: Vec::new(),
        }
    }

    #[test]
    fn severity_and_line_do_not_matter() {
        let warned = item("disk-space", "db1", Outcome::Warn);
        let mut critical = item("disk-space", "db1", Outcome::Crit);
        critical.key.line = "another".to_owned();
        assert_eq!(
            problem_key(&warned, Some(&row(Some("/var/my data"), Outcome::Warn))),
            problem_key(&critical, Some(&row(Some("/var/my data"), Outcome::Crit)))
        );
        assert_eq!(problem_key(&warned, Some(&row(Some("/var/my data"), Outcome::Warn))), "disk-space/db1/%2Fvar%2Fmy%20data/rule");
    }

    #[test]
    fn no_part_can_pose_as_another() {
        let item = item("c", "t", Outcome::Warn);
        let keys = [None, Some("-"), Some("a/b"), Some("a%2Fb"), Some("")].map(|key| problem_key(&item, Some(&row(key, Outcome::Warn))));
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "{keys:?}");
    }

    #[test]
    fn a_refusal_and_a_time_out_are_one_problem_and_a_wrong_identity_is_another() {
        let mut reachable = item("", "db1", Outcome::Crit);
        reachable.kind = ItemKind::Reachable;
        reachable.key.line = "reachable".to_owned();
        let mut with = |reason: Message| {
            reachable.reason = Some(reason);
            problem_key(&reachable, None)
        };
        let refused = with(Message::Refused { place: "10.0.0.1:22".into(), detail: "no".into() });
        let timed_out = with(Message::ConnectTimedOut { place: "10.0.0.1:22".into(), limit_s: 5.0 });
        let identity = with(Message::Identity { detail: "other key".into() });
        assert_eq!(refused, "reachable/db1/-/no-connection");
        assert_eq!(refused, timed_out);
        assert_eq!(identity, "reachable/db1/-/identity");
    }
}
