//! Lines for playbooks that we write for people: of the checks wished for, those that the catalogue has.

use crate::checks;

/// A line that a starter would like to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// Check in the catalogue.
    pub(super) check: &'static str,
    /// The line in YAML, without its dash and indentation; further lines are indented like keys of a map in a list.
    pub(super) yaml: &'static str,
}

impl Wish {
    /// A line with an id and nothing else of its own.
    #[must_use]
    pub(super) const fn new(check: &'static str, yaml: &'static str) -> Self {
        Self { check, yaml }
    }

    fn is_known(&self) -> bool {
        checks::find(self.check).is_some()
    }
}

/// The lines of `wishes` whose checks are in the catalogue, as entries of `checks:`.
#[must_use]
pub(super) fn lines(wishes: &[Wish]) -> String {
    let known = wishes.iter().filter(|wish| wish.is_known());
    known.map(|wish| format!("  - {}\n", wish.yaml.trim_end().replace('\n', "\n    "))).collect()
}

/// Whether any of `wishes` can be fulfilled.
#[must_use]
pub(super) fn any(wishes: &[Wish]) -> bool {
    wishes.iter().any(Wish::is_known)
}

/// The zone of this machine by its IANA name, UTC where it does not say.
#[must_use]
pub(super) fn timezone_here() -> String {
    let from_link = || {
        let link = std::fs::read_link("/etc/localtime").ok()?;
        Some(link.to_str()?.split_once("zoneinfo/")?.1.to_owned())
    };
    let zone = std::env::var("TZ").ok().map(|zone| zone.trim_start_matches(':').to_owned()).or_else(from_link);
    zone.filter(|zone| zone.parse::<chrono_tz::Tz>().is_ok()).unwrap_or_else(|| "UTC".to_owned())
}
