//! The store for commands that read what was recorded, and texts that all of them share.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::exit::Exit;
use super::places::Places;
use super::tell;
use crate::model::{RunRecord, RunState, untrusted};
use crate::store::{Store, StoreError};

/// Opens the store that is there; commands that read make none.
pub(super) async fn open(places: &Places) -> Result<Store, Exit> {
    let path = places.store();
    if !path.is_file() {
        eprintln!("rounds: there is no store {}: nothing was recorded yet, or name it with --store FILE", shown(&path));
        return Err(Exit::BadInput);
    }
    Store::open(&path).await.map_err(|error| {
        tell(&format!("the store {}", path.display()), &error);
        Exit::Internal
    })
}

/// The run that a person named.
pub(super) async fn load(store: &Store, asked: &str) -> Result<RunRecord, Exit> {
    store.load_run(asked).await.map_err(|error| {
        tell("no such run", &error);
        match error {
            StoreError::NoSuchRun(_) | StoreError::Ambiguous { .. } | StoreError::Pruned { .. } => Exit::BadInput,
            _ => Exit::Internal,
        }
    })
}

/// A path as it may stand on a terminal.
pub(super) fn shown(path: &Path) -> String {
    untrusted::visible(&path.display().to_string())
}

/// The beginning of a run's id by which people name it: the moment and enough of what is random.
pub(super) fn short(id: &str) -> &str {
    id.get(..18).unwrap_or(id)
}

/// `at` in the zone of its run; in UTC where this machine does not know that zone.
pub(super) fn in_zone(at: DateTime<Utc>, zone: &str) -> String {
    match zone.parse::<chrono_tz::Tz>() {
        Ok(zone) => at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string(),
        Err(_) => at.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    }
}

/// The word for how a run ended.
pub(super) const fn state_word(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Done => "done",
        RunState::Cancelled => "cancelled",
        RunState::Lost => "lost",
    }
}

/// Prints `value` as JSON in which every character that a terminal obeys or hides is written as an escape.
pub(super) fn print_json(value: &impl Serialize) -> Exit {
    match serde_json::to_string_pretty(value) {
        Ok(json) => {
            println!("{}", plain(&json));
            Exit::Fine
        }
        Err(error) => {
            tell("no JSON", &error);
            Exit::Internal
        }
    }
}

/// JSON that means the same and holds no invisible characters; outside of texts JSON has none but blanks and line ends.
pub(super) fn plain(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || untrusted::visible(c.encode_utf8(&mut [0; 4])).starts_with(c) {
            plain.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(plain, "\\u{unit:04x}");
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_and_loses_what_a_terminal_obeys() {
        let hostile = "a\u{1b}[31m\u{9b}\u{202e}\u{e0041}中U\\\"";
        let json = plain(&serde_json::to_string_pretty(&vec![hostile]).unwrap());
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [hostile]);
        assert_eq!(untrusted::visible(&json.replace('\n', "")), json.replace('\n', ""));
    }
}
