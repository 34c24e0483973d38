//! What one target is asked: the probes of its items, each question once, sorted by the line that carries it.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::Capture;
use crate::model::probe::Ask;
use crate::playbook::PlannedCheck;
use crate::transport::Asked;

/// The questions to one target, and who waits for which answer.
#[derive(Default)]
pub(super) struct Questions {
    /// For the session with the target.
    pub(super) session: Vec<Asked>,
    /// From our side.
    pub(super) net: Vec<Asked>,
    /// By id of the question: the items that wait, each with the name it gave the probe.
    waiting: Vec<Vec<(usize, String)>>,
    known: HashMap<String, usize>,
    missing: HashMap<usize, usize>,
}

impl Questions {
    /// Adds the probes of the item `item`.
    pub(super) fn add(&mut self, item: usize, check: &PlannedCheck) {
        for probe in &check.probes {
            let limit = probe.limit.map_or(check.limit, |own| own.min(check.limit.max(own)));
            let answers = match &probe.ask {
                Ask::Shell(shell) if shell.twice => 2,
                _ => 1,
            };
            *self.missing.entry(item).or_default() += answers;
            let id = self.question(probe, limit);
            self.waiting[id].push((item, probe.name.to_string()));
        }
    }

    /// The id of a question; the same one is asked once for all who want to know.
    fn question(&mut self, probe: &crate::model::Probe, limit: Duration) -> usize {
        let key = format!("{limit:?} {:?}", probe.ask);
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        let id = self.waiting.len();
        self.waiting.push(Vec::new());
        self.known.insert(key, id);
        let asked = Asked { id, probe: probe.clone(), limit };
        match probe.ask {
            Ask::Net(_) => self.net.push(asked),
            Ask::Shell(_) | Ask::Sql(_) => self.session.push(asked),
        }
        id
    }

    /// Hands an answer to those who wait for it: items with the capture under the name they know.
    pub(super) fn answer(&mut self, id: usize, capture: &Capture) -> Vec<(usize, Capture)> {
        let again = capture.probe.strip_suffix(".again").is_some();
        let Some(waiting) = self.waiting.get(id) else { return Vec::new() };
        let answers: Vec<(usize, Capture)> = waiting
            .iter()
            .map(|(item, name)| {
                let probe = if again { format!("{name}.again") } else { name.clone() };
                (*item, Capture { probe, ..capture.clone() })
            })
            .collect();
        for (item, _) in &answers {
            if let Some(missing) = self.missing.get_mut(item) {
                *missing = missing.saturating_sub(1);
            }
        }
        answers
    }

    /// Whether every probe of `item` was answered.
    pub(super) fn is_complete(&self, item: usize) -> bool {
        self.missing.get(&item).is_none_or(|missing| *missing == 0)
    }

    /// Whether `item` asks through the session.
    pub(super) fn needs_session(&self, item: usize) -> bool {
        self.session.iter().any(|asked| self.waiting[asked.id].iter().any(|(waiting, _)| *waiting == item))
    }

    /// The questions for the session whose answers somebody still waits for.
    pub(super) fn unanswered(&self, answered: &[usize]) -> Vec<Asked> {
        self.session.iter().filter(|asked| !answered.contains(&asked.id)).cloned().collect()
    }
}
