//! The inventory: systems, targets, people and logins, from YAML, CSV and Ansible's JSON.

pub mod document;
pub mod lists;
pub mod ranges;
mod resolve;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

pub use resolve::resolve;

use crate::expr::Vocabulary;
use crate::model::{FieldType, Login, Person, System, Target};
use crate::yaml::Span;

/// Everything known of the systems that are inspected.
#[derive(Debug, Default)]
pub struct Inventory {
    /// Targets, in the order in which they are written.
    pub targets: Vec<Arc<Target>>,
    /// Systems by id.
    pub systems: BTreeMap<String, Arc<System>>,
    /// People by id.
    pub people: BTreeMap<String, Person>,
    /// Logins by id.
    pub logins: BTreeMap<String, Login>,
    /// Positions of the targets of each group.
    pub groups: BTreeMap<String, Vec<usize>>,
    /// Declared tiers, the most important first.
    pub tiers: Vec<String>,
    value_types: BTreeMap<String, (FieldType, Span)>,
    positions: HashMap<String, usize>,
    words: Vocabulary,
}

impl Inventory {
    /// The target whose id is `id`.
    #[must_use]
    pub fn target(&self, id: &str) -> Option<&Arc<Target>> {
        self.position(id).map(|position| &self.targets[position])
    }

    /// The words that expressions may use of it.
    #[must_use]
    pub const fn vocabulary(&self) -> &Vocabulary {
        &self.words
    }

    /// The position of the target whose id is `id`.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        self.positions.get(id).copied()
    }

    fn set_targets(&mut self, targets: Vec<Arc<Target>>) {
        self.positions = targets.iter().enumerate().map(|(position, target)| (target.id.clone(), position)).collect();
        self.words = Vocabulary::of(targets.iter().map(AsRef::as_ref));
        self.words.tiers.extend(self.tiers.iter().cloned());
        self.words.systems.extend(self.systems.keys().cloned());
        for (name, (field_type, _)) in &self.value_types {
            self.words.system_values.insert(name.clone(), *field_type);
        }
        self.targets = targets;
    }

    /// The targets that a name stands for: a target, a group or a system.
    fn named(&self, name: &str) -> Option<Vec<usize>> {
        if let Some(position) = self.position(name) {
            return Some(vec![position]);
        }
        if let Some(members) = self.groups.get(name) {
            return Some(members.clone());
        }
        self.systems.contains_key(name).then(|| {
            let of_system = |target: &Arc<Target>| target.system.as_ref().is_some_and(|system| system.id == name);
            self.targets.iter().enumerate().filter(|(_, target)| of_system(target)).map(|(position, _)| position).collect()
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.positions.keys().chain(self.groups.keys()).chain(self.systems.keys()).map(String::as_str)
    }
}
