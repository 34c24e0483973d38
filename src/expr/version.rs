//! Which of two versions is older, as people who upgrade software mean it.
//!
//! Numbers count as numbers (1.10 is newer than 1.9) and missing ones as zero. What a packager adds counts only where
//! both versions have it: `older("1:9.2p1-2+deb12u3", "9.3")` compares the software, not the package. Words that announce
//! a release (`rc`, `beta`, Debian's `~`) make a version older than the release itself; other words make it newer.

use std::cmp::Ordering;

/// Words that come before a release.
const BEFORE: [&str; 8] = ["alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "milestone"];

/// How `left` relates to `right`; `None` when one of them has no number to compare.
pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (mut left, mut right) = (Version::parse(left)?, Version::parse(right)?);
    if left.epoch.is_none() || right.epoch.is_none() {
        (left.epoch, right.epoch) = (None, None);
    }
    if left.revision.is_empty() || right.revision.is_empty() {
        left.revision.clear();
        right.revision.clear();
    }
    Some(
        left.epoch
            .cmp(&right.epoch)
            .then_with(|| order(&left.upstream, &right.upstream))
            .then_with(|| order(&left.revision, &right.revision)),
    )
}

#[derive(Debug)]
struct Version {
    epoch: Option<u64>,
    upstream: Vec<Part>,
    revision: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Announces a release: sorts before the end.
    Before(String),
    /// Anything else that is no number: sorts behind the end.
    Word(String),
    Number(u128),
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let text = text.strip_prefix('v').unwrap_or(&text);
        let (epoch, text) = match text.split_once(':') {
            Some((epoch, rest)) => (Some(epoch.parse().ok()?), rest),
            None => (None, text),
        };
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let (upstream, revision) = match text.split_once('-') {
            // `1.0-rc1` is a version of the software, `1.0-3ubuntu2` one of a package.
            Some((_, rest)) if matches!(parts(rest)?.first(), Some(Part::Before(_))) => (text, ""),
            Some((upstream, revision)) => (upstream, revision),
            None => (text, ""),
        };
        // What follows `+` tells of the packaging too (`7.88.1+dfsg`).
        let upstream = upstream.split('+').next().unwrap_or(upstream);
        Some(Self { epoch, upstream: parts(upstream)?, revision: parts(revision)? })
    }
}

/// `None` when a number is too long to be one.
fn parts(text: &str) -> Option<Vec<Part>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let same: fn(char) -> bool = match c {
            '0'..='9' => |c| c.is_ascii_digit(),
            'a'..='z' => |c| c.is_ascii_lowercase(),
            _ => |_| false,
        };
        let end = rest.find(|c| !same(c)).unwrap_or(rest.len()).max(c.len_utf8());
        let (part, behind) = rest.split_at(end);
        match c {
            '0'..='9' => found.push(Part::Number(part.parse().ok()?)),
            '~' => found.push(Part::Before("~".to_owned())),
            'a'..='z' if BEFORE.contains(&part) => found.push(Part::Before(part.to_owned())),
            'a'..='z' => found.push(Part::Word(part.to_owned())),
            _ => {}
        }
        rest = behind;
    }
    Some(found)
}

fn order(left: &[Part], right: &[Part]) -> Ordering {
    (0..left.len().max(right.len()))
        .map(|at| order_parts(left.get(at), right.get(at)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Before < end = 0 < word < number: `1.0rc1` < `1.0` = `1.0.0` < `1.0p1` < `1.0.1`.
fn order_parts(left: Option<&Part>, right: Option<&Part>) -> Ordering {
    const fn rank(part: Option<&Part>) -> u8 {
        match part {
            Some(Part::Before(_)) => 0,
            None | Some(Part::Number(0)) => 1,
            Some(Part::Word(_)) => 2,
            Some(Part::Number(_)) => 3,
        }
    }
    match (left, right) {
        (Some(Part::Number(left)), Some(Part::Number(right))) => left.cmp(right),
        (Some(Part::Word(left)), Some(Part::Word(right))) | (Some(Part::Before(left)), Some(Part::Before(right))) => left.cmp(right),
        _ => rank(left).cmp(&rank(right)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(left: &str, expected: Ordering, right: &str) {
        assert_eq!(compare(left, right), Some(expected), "{left} and {right}");
        assert_eq!(compare(right, left), Some(expected.reverse()), "{right} and {left}");
    }

    #[test]
    fn versions_are_in_the_order_in_which_they_came_out() {
        let less = Ordering::Less;
        case("1.9", less, "1.10");
        case("3.0.11", less, "3.0.14");
        case("3.0.11-1~deb12u2", less, "3.0.14");
        case("1.1.1k", less, "1.1.1w");
        case("1.1.1", less, "1.1.1k");
        case("16beta1", less, "16");
        case("16rc1", less, "16.1");
        case("16beta2", less, "16rc1");
        case("1.0.0-rc1", less, "1.0.0");
        case("1:9.2p1-2+deb12u3", less, "9.3");
        case("2.4.57-2", less, "2.4.57-2+deb12u1");
        case("8.0.35-0ubuntu0.20.04.1", less, "8.0.35-0ubuntu0.22.04.1");
        case("1:1.0", less, "2:0.5");
        case("3.0.7-24.el9", less, "3.0.7-27.el9");
        case("1.0~rc1", less, "1.0");
    }

    #[test]
    fn what_the_packager_adds_does_not_make_another_version() {
        let equal = Ordering::Equal;
        case("3.0", equal, "3.0.0");
        case("v1.2.3", equal, "1.2.3");
        case("3.0.14-1~deb12u1", equal, "3.0.14");
        case("8.0.35-0ubuntu0.22.04.1", equal, "8.0.35");
        case("10.11.6-MariaDB", equal, "10.11.6");
        case("7.88.1+dfsg", equal, "7.88.1");
        case("1:9.2", equal, "9.2");
    }

    #[test]
    fn what_has_no_number_is_no_version() {
        for text in ["", "unknown", "(none)", "x1.0", "a:1.0"] {
            assert_eq!(compare(text, "1.0"), None, "{text}");
        }
    }
}
