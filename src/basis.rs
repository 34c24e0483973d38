//! What a verdict rests on besides captures: parameters and rules as they were resolved, kept with the item, so that
//! `rounds replay` judges again exactly as it was judged then.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::check::Bound;
use crate::expr::{self, Expr, Scope, Type, Vocabulary};
use crate::judge::{Candidate, Rules, Skip, Threshold, WaiverRule};
use crate::model::{FieldType, ItemKey, Phrase, Value, Verdict};

/// Values that rules may use, with their types.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// Values by name, `values.` included.
    pub values: BTreeMap<String, Value>,
    /// Their types.
    pub types: BTreeMap<String, FieldType>,
}

/// Parameters and rules of an item as they were resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// Version of this form.
    format: u32,
    /// Parameters of the check.
    pub params: serde_json::Value,
    /// Values that the rules use.
    pub given: Given,
    per_target: bool,
    has_calendar: bool,
    warn: Vec<CandidateText>,
    crit: Vec<CandidateText>,
    skip: Vec<SkipText>,
    waivers: Vec<WaiverText>,
    /// The items whose rows or outcomes are judged, where those are not its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<ItemKey>,
    /// How much history a trend wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_s: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CandidateText {
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<String>,
    /// The threshold; none is `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    origin: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SkipText {
    rows: Option<String>,
    reason: Phrase,
    origin: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WaiverText {
    id: String,
    rows: Option<String>,
    only_while: Option<String>,
    accepts: Verdict,
    covers_unreachable: bool,
    reason: Phrase,
    approved_by: String,
    ends: DateTime<Utc>,
}

/// Why a basis cannot be used again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BasisError {
    /// It was written by a newer version.
    #[error("its rules are kept in form {0}, which this version does not know")]
    Newer(u32),
    /// It is no JSON of ours.
    #[error("its rules cannot be read: {0}")]
    Unreadable(String),
    /// A rule no longer compiles: the check has changed since.
    #[error("its rule `{rule}` no longer fits the check: {detail}")]
    Rule {
        /// The rule.
        rule: String,
        /// Why.
        detail: String,
    },
}

const FORMAT: u32 = 1;

impl Basis {
    /// The name under which it is kept beside the probes of an item.
    pub const NAME: &'static str = "basis";

    /// The basis of an item that is judged by a check.
    #[must_use]
    pub fn of(bound: &dyn Bound, rules: &Rules, given: &Given, has_calendar: bool) -> Self {
        Self::new(bound.params(), rules, given, has_calendar)
    }

    /// The basis of a trend over the rows of the item `of`, which wants `history_s` of them.
    #[must_use]
    pub fn of_trend(bound: &dyn Bound, rules: &Rules, given: &Given, has_calendar: bool, of: &ItemKey, history_s: f64) -> Self {
        Self { members: vec![of.clone()], history_s: Some(history_s), ..Self::of(bound, rules, given, has_calendar) }
    }

    /// The basis of an item across targets, over the outcomes of `members`.
    #[must_use]
    pub fn of_across(rules: &Rules, members: &[ItemKey]) -> Self {
        Self { members: members.to_vec(), ..Self::new(serde_json::Value::Null, rules, &Given::default(), false) }
    }

    fn new(params: serde_json::Value, rules: &Rules, given: &Given, has_calendar: bool) -> Self {
        let text = |expression: &Option<Expr>| expression.as_ref().map(|expression| expression.source().to_owned());
        let candidates = |list: &[Candidate]| {
            let one = |candidate: &Candidate| CandidateText {
                rows: text(&candidate.rows),
                when: match &candidate.threshold {
                    Threshold::Never => None,
                    Threshold::When(expression) => Some(expression.source().to_owned()),
                },
                origin: candidate.origin.clone(),
            };
            list.iter().map(one).collect()
        };
        Self {
            format: FORMAT,
            params,
            given: given.clone(),
            per_target: rules.per_target,
            has_calendar,
            warn: candidates(&rules.warn),
            crit: candidates(&rules.crit),
            skip: rules
                .skip
                .iter()
                .map(|skip| SkipText { rows: text(&skip.rows), reason: skip.reason.clone(), origin: skip.origin.clone() })
                .collect(),
            waivers: rules
                .waivers
                .iter()
                .map(|waiver| WaiverText {
                    id: waiver.id.clone(),
                    rows: text(&waiver.rows),
                    only_while: text(&waiver.only_while),
                    accepts: waiver.accepts,
                    covers_unreachable: waiver.covers_unreachable,
                    reason: waiver.reason.clone(),
                    approved_by: waiver.approved_by.clone(),
                    ends: waiver.ends,
                })
                .collect(),
            members: Vec::new(),
            history_s: None,
        }
    }

    /// As it is kept.
    ///
    /// # Panics
    /// Never: everything in it has a form in JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and maps with text keys have a form in JSON")
    }

    /// From what was kept.
    ///
    /// # Errors
    /// When it is of a newer form, or none of ours.
    pub fn from_json(text: &str) -> Result<Self, BasisError> {
        let basis: Self = serde_json::from_str(text).map_err(|error| BasisError::Unreadable(error.to_string()))?;
        if basis.format > FORMAT { Err(BasisError::Newer(basis.format)) } else { Ok(basis) }
    }

    /// The rules, compiled for `bound` again.
    ///
    /// # Errors
    /// When one no longer compiles.
    pub fn rules(&self, bound: &dyn Bound, words: &Vocabulary) -> Result<Rules, BasisError> {
        let fields: Vec<_> = bound.fields().iter().map(|field| (field.name.to_string(), field.field_type)).collect();
        self.rules_over(&fields, words)
    }

    /// The rules, compiled for rows of `fields` again.
    ///
    /// # Errors
    /// When one no longer compiles.
    pub fn rules_over(&self, fields: &[(String, FieldType)], words: &Vocabulary) -> Result<Rules, BasisError> {
        let extended = |mut scope: Scope| {
            for (name, field_type) in &self.given.types {
                scope = scope.given(name.clone(), *field_type);
            }
            if self.has_calendar { scope.with_calendar() } else { scope }
        };
        let fields = || fields.iter().cloned();
        let row = extended(Scope::row(words, fields()));
        let whole = match (self.per_target, self.history_s) {
            (true, _) => extended(Scope::rows(words, fields())),
            (false, Some(_)) => extended(Scope::trend(words, fields())),
            (false, None) => row.clone(),
        };
        let optional = |source: &Option<String>| source.as_deref().map(|source| compile(source, &row)).transpose();
        let candidates = |list: &[CandidateText]| {
            let one = |text: &CandidateText| {
                let threshold = text.when.as_deref().map(|source| compile(source, &whole)).transpose()?;
                Ok(Candidate {
                    rows: optional(&text.rows)?,
                    threshold: threshold.map_or(Threshold::Never, Threshold::When),
                    origin: text.origin.clone(),
                })
            };
            list.iter().map(one).collect::<Result<Vec<_>, BasisError>>()
        };
        let mut rules =
            Rules { per_target: self.per_target, warn: candidates(&self.warn)?, crit: candidates(&self.crit)?, ..Rules::default() };
        for skip in &self.skip {
            rules.skip.push(Skip { rows: optional(&skip.rows)?, reason: skip.reason.clone(), origin: skip.origin.clone() });
        }
        for waiver in &self.waivers {
            rules.waivers.push(WaiverRule {
                id: waiver.id.clone(),
                rows: optional(&waiver.rows)?,
                only_while: optional(&waiver.only_while)?,
                accepts: waiver.accepts,
                covers_unreachable: waiver.covers_unreachable,
                reason: waiver.reason.clone(),
                approved_by: waiver.approved_by.clone(),
                ends: waiver.ends,
            });
        }
        Ok(rules)
    }
}

fn compile(source: &str, scope: &Scope) -> Result<Expr, BasisError> {
    expr::compile(source, scope, Type::Boolean).map_err(|faults| BasisError::Rule {
        rule: source.to_owned(),
        detail: faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
    })
}
