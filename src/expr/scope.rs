//! Which names an expression may speak of: the row's fields, the inventory's words, and what the caller adds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::types::Type;
use crate::model::{FieldType, Kind, Target, Value};

/// The words of the inventory: what can be said of targets, and which values occur. A value that nobody carries is a slip.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vocabulary {
    /// Names of labels, each with the values that occur.
    pub labels: BTreeMap<String, BTreeSet<String>>,
    /// Ids of targets.
    pub targets: BTreeSet<String>,
    /// Ids of systems.
    pub systems: BTreeSet<String>,
    /// Declared tiers.
    pub tiers: BTreeSet<String>,
    /// Ids of the owners of systems.
    pub owners: BTreeSet<String>,
    /// Values that systems carry, by name.
    pub system_values: BTreeMap<String, FieldType>,
}

impl Vocabulary {
    /// The words that `targets` and their systems use. Tiers that are declared and unused, and the exact types of
    /// systems' values (a percent is stored as a number), are for the caller to add.
    #[must_use]
    pub fn of<'t>(targets: impl IntoIterator<Item = &'t Target>) -> Self {
        let mut words = Self::default();
        for target in targets {
            words.targets.insert(target.id.clone());
            for (name, value) in &target.labels {
                words.labels.entry(name.clone()).or_default().insert(value.clone());
            }
            let Some(system) = &target.system else { continue };
            words.systems.insert(system.id.clone());
            words.tiers.insert(system.tier.clone());
            words.owners.extend(system.owner.clone());
            for (name, value) in &system.values {
                if let Some(field_type) = plain_type(value) {
                    words.system_values.entry(name.clone()).or_insert(field_type);
                }
            }
        }
        words
    }
}

/// The type of a value that stands alone.
fn plain_type(value: &Value) -> Option<FieldType> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(_) => FieldType::Boolean,
        Value::Number(_) => FieldType::Number,
        Value::Text(_) => FieldType::Text,
        Value::Duration(_) => FieldType::Duration,
        Value::Timestamp(_) => FieldType::Timestamp,
        Value::List(_) => FieldType::List,
    })
}

/// What an expression judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The inventory, before any probe: no fields, no clock.
    Targets,
    /// One row.
    Row,
    /// All rows of the item at once (`per: target`).
    Rows,
    /// One row and its history.
    Trend,
}

/// The names that one expression may use, with their types.
#[derive(Clone, Debug)]
pub struct Scope {
    pub(super) subject: Subject,
    pub(super) fields: Vec<(String, FieldType)>,
    pub(super) words: Vocabulary,
    pub(super) given: BTreeMap<String, FieldType>,
    pub(super) has_calendar: bool,
    pub(super) selects: bool,
}

impl Scope {
    /// For `targets:`, judged on the inventory before the probe.
    #[must_use]
    pub fn targets(words: &Vocabulary) -> Self {
        Self {
            subject: Subject::Targets,
            fields: Vec::new(),
            words: words.clone(),
            given: BTreeMap::new(),
            has_calendar: false,
            selects: false,
        }
    }

    /// For `rows:`, `warn:` and `crit:`, judged on each row.
    #[must_use]
    pub fn row(words: &Vocabulary, fields: impl IntoIterator<Item = (impl Into<String>, FieldType)>) -> Self {
        let fields = fields.into_iter().map(|(name, field_type)| (name.into(), field_type)).collect();
        Self { subject: Subject::Row, fields, ..Self::targets(words) }
    }

    /// For `warn:` and `crit:` with `per: target`, judged once on the list `rows`.
    #[must_use]
    pub fn rows(words: &Vocabulary, fields: impl IntoIterator<Item = (impl Into<String>, FieldType)>) -> Self {
        Self { subject: Subject::Rows, ..Self::row(words, fields) }
    }

    /// For `trend:`, judged on each row and its history.
    #[must_use]
    pub fn trend(words: &Vocabulary, fields: impl IntoIterator<Item = (impl Into<String>, FieldType)>) -> Self {
        Self { subject: Subject::Trend, ..Self::row(words, fields) }
    }

    /// With one more name, such as `values.max_lag` or `backup_time`; its value comes with [`super::Env::given`].
    #[must_use]
    pub fn given(mut self, name: impl Into<String>, field_type: FieldType) -> Self {
        self.given.insert(name.into(), field_type);
        self
    }

    /// For an expression that picks rows and complains of none: neither direction of a comparison is odd there.
    #[must_use]
    pub const fn selecting(mut self) -> Self {
        self.selects = true;
        self
    }

    /// With a calendar, so that `workday()` means something.
    #[must_use]
    pub const fn with_calendar(mut self) -> Self {
        self.has_calendar = true;
        self
    }

    pub(super) fn field(&self, name: &str) -> Option<FieldType> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, field_type)| *field_type)
    }

    pub(super) const fn has_clock(&self) -> bool {
        !matches!(self.subject, Subject::Targets)
    }

    /// Whether a bare field means the row's.
    pub(super) const fn has_row(&self) -> bool {
        matches!(self.subject, Subject::Row | Subject::Trend)
    }

    /// The parts of `labels`, `target`, `system`, `values` and `system.values`, with their types.
    pub(super) fn parts(&self, of: &str) -> Vec<(String, Type)> {
        let texts = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), Type::Text)).collect();
        match of {
            "labels" => self.words.labels.keys().map(|name| (name.clone(), Type::Text)).collect(),
            "target" => texts(&["id", "kind", "address"]),
            "system" => texts(&["id", "tier", "owner"]),
            "system.values" => self.words.system_values.iter().map(|(name, of)| (name.clone(), Type::from(*of))).collect(),
            "values" => {
                let values = self.given.iter().filter_map(|(name, of)| Some((name.strip_prefix("values.")?.to_owned(), Type::from(*of))));
                values.collect()
            }
            _ => Vec::new(),
        }
    }

    /// The values that occur for a name of the inventory, where they are known.
    pub(super) fn known_values(&self, path: &str) -> Option<BTreeSet<String>> {
        if let Some(label) = path.strip_prefix("labels.") {
            return self.words.labels.get(label).cloned();
        }
        match path {
            "target.id" => Some(self.words.targets.clone()),
            "target.kind" => Some(Kind::ALL.iter().map(|kind| kind.id().to_owned()).collect()),
            "system.id" => Some(self.words.systems.clone()),
            "system.tier" => Some(self.words.tiers.clone()),
            "system.owner" => Some(self.words.owners.clone()),
            _ => None,
        }
    }

    /// Every name that may stand alone.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names = vec!["labels", "target", "system"];
        if self.has_row() {
            names.extend(self.fields.iter().map(|(name, _)| name.as_str()));
        }
        if self.subject == Subject::Rows {
            names.push("rows");
        }
        if self.has_clock() {
            names.push("now");
        }
        names.extend(self.given.keys().map(|name| name.split('.').next().unwrap_or(name)));
        names
    }
}

/// Names that mean something of their own in expressions, and words that CEL keeps for itself.
const RESERVED: [&str; 33] = [
    "target",
    "system",
    "labels",
    "values",
    "rows",
    "now",
    "backup_time",
    "and",
    "or",
    "not",
    "in",
    "true",
    "false",
    "null",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "is",
    "between",
];

/// What speaks against `name` as the name of a field or label, if anything does.
#[must_use]
pub fn name_fault(name: &str) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("`{name}` has a meaning of its own in expressions: choose an alias"));
    }
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Some(format!("`{}` is not snake_case: a to z first, then a to z, 0 to 9 and _", crate::model::untrusted::visible(name)));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_are_plain_words_without_a_meaning() {
        assert_eq!(name_fault("free_pct"), None);
        assert_eq!(name_fault("p95"), None);
        for name in ["", "Free", "free-pct", "9th", "_x", "磁盘", "rows", "package", "now", "and"] {
            assert!(name_fault(name).is_some(), "{name}");
        }
    }
}
