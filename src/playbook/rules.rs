//! Thresholds: the whole ladder of a check on a target, compiled, weakest first.

use std::collections::HashMap;

use super::document::{OverrideDoc, ThresholdsDoc, Values};
use super::waiver::WaiverDoc;
use crate::check::{Bound, Field};
use crate::expr::{self, Expr, Scope, Type, Vocabulary};
use crate::judge::{Candidate, Rules, Skip, Threshold, WaiverRule};
use crate::model::{FieldType, Rule, Standard, Verdict};
use crate::yaml::{Fault, Faults, Sources, Span, Spanned};

/// Origin of the rules that a check brings along.
pub const CATALOGUE: &str = "catalogue";

/// One step of the ladder: who says it, and what.
#[derive(Clone, Copy)]
pub(super) struct Step<'d> {
    /// Thresholds.
    pub(super) thresholds: &'d ThresholdsDoc,
    /// Which rows.
    pub(super) rows: Option<&'d Spanned<String>>,
    /// Why rows are left out.
    pub(super) skip: Option<&'d Spanned<crate::model::Phrase>>,
}

impl<'d> From<&'d OverrideDoc> for Step<'d> {
    fn from(over: &'d OverrideDoc) -> Self {
        Self { thresholds: &over.thresholds, rows: over.rows.as_ref(), skip: over.skip.as_ref().filter(|_| over.rows.is_some()) }
    }
}

/// Compiles expressions of one site, each text once per scope.
pub(super) struct Compiler<'s> {
    /// Words of the inventory.
    pub(super) words: &'s Vocabulary,
    /// The files, for origins.
    pub(super) sources: &'s Sources,
    /// Whether `workday()` means anything.
    pub(super) has_calendar: bool,
    cache: HashMap<(String, u64), Expr>,
}

impl<'s> Compiler<'s> {
    /// A compiler without anything compiled.
    #[must_use]
    pub(super) fn new(words: &'s Vocabulary, sources: &'s Sources, has_calendar: bool) -> Self {
        Self { words, sources, has_calendar, cache: HashMap::new() }
    }

    /// The scope of a check's rows.
    #[must_use]
    pub(super) fn scope(&self, fields: &[Field], values: &Values, sort: Sort) -> Scope {
        let fields = fields.iter().map(|field| (field.name.to_string(), field.field_type));
        let mut scope = match sort {
            Sort::Row => Scope::row(self.words, fields),
            Sort::Rows => Scope::rows(self.words, fields),
            Sort::Trend => Scope::trend(self.words, fields),
        };
        for (name, (field_type, _)) in values {
            scope = scope.given(format!("values.{name}"), *field_type);
        }
        if self.has_calendar { scope.with_calendar() } else { scope }
    }

    /// Compiles an expression of the site; `key` tells scopes apart.
    pub(super) fn compile(&mut self, source: &Spanned<String>, scope: &Scope, key: u64, faults: &mut Faults) -> Option<Expr> {
        if let Some(known) = self.cache.get(&(source.value.clone(), key)) {
            return Some(known.clone());
        }
        let compiled = match expr::compile(&source.value, scope, Type::Boolean) {
            Ok(compiled) => {
                for warning in compiled.warnings() {
                    faults.push(Fault::warning(source.span.within(&warning.range), warning.message.clone()).help(warning.help.clone()));
                }
                Some(compiled)
            }
            Err(list) => {
                for fault in list {
                    faults.push(Fault::error(source.span.within(&fault.range), fault.message).maybe_help(fault.help));
                }
                None
            }
        };
        // One that fails is compiled again wherever it is written, so that each place is told.
        if let Some(compiled) = &compiled {
            self.cache.insert((source.value.clone(), key), compiled.clone());
        }
        compiled
    }

    /// The rules of a check: catalogue first, then `steps` in ascending precedence.
    pub(super) fn rules(&mut self, bound: &dyn Bound, steps: &[Step<'_>], per_target: bool, values: &Values, faults: &mut Faults) -> Rules {
        let fields = bound.fields();
        let row_scope = self.scope(&fields, values, Sort::Row);
        let row_key = scope_key(&fields, values, Sort::Row);
        let sort = if per_target { Sort::Rows } else { Sort::Row };
        let scope = self.scope(&fields, values, sort);
        let key = scope_key(&fields, values, sort);
        let mut rules = Rules { per_target, ..Rules::default() };
        if !per_target {
            rules.warn.extend(catalogue(bound.meta().warn, &scope));
            rules.crit.extend(catalogue(bound.meta().crit, &scope));
        }
        for step in steps {
            if let (true, Some(rows)) = (per_target, step.rows) {
                faults.push(
                    Fault::error(rows.span, "with `per: target` all rows are judged together")
                        .help("take `rows:` out, or write the condition into the rule: rows.filter(r, …)"),
                );
                continue;
            }
            let rows = match step.rows {
                None => None,
                Some(source) => match self.compile(source, &row_scope, row_key, faults) {
                    Some(compiled) => Some(compiled),
                    None => continue,
                },
            };
            if let Some(skip) = step.skip {
                rules.skip.push(Skip { rows: rows.clone(), reason: skip.value.clone(), origin: self.sources.origin(skip.span) });
            }
            for (source, list) in [(&step.thresholds.warn, &mut rules.warn), (&step.thresholds.crit, &mut rules.crit)] {
                let Some(source) = source else { continue };
                let threshold = if source.value == "never" {
                    Threshold::Never
                } else {
                    match self.compile(source, &scope, key, faults) {
                        Some(compiled) => Threshold::When(compiled),
                        None => continue,
                    }
                };
                list.push(Candidate { rows: rows.clone(), threshold, origin: self.sources.origin(source.span) });
            }
        }
        rules
    }

    /// The rules of a trend.
    pub(super) fn trend(&mut self, bound: &dyn Bound, thresholds: &ThresholdsDoc, values: &Values, faults: &mut Faults) -> Rules {
        let fields = bound.fields();
        let scope = self.scope(&fields, values, Sort::Trend);
        self.plain(thresholds, &scope, scope_key(&fields, values, Sort::Trend), faults)
    }

    /// A waiver for the rows of a check.
    pub(super) fn waiver(
        &mut self,
        doc: &WaiverDoc,
        fields: &[Field],
        values: &Values,
        zone: chrono_tz::Tz,
        faults: &mut Faults,
    ) -> Option<WaiverRule> {
        let scope = self.scope(fields, values, Sort::Row);
        let key = scope_key(fields, values, Sort::Row);
        let mut compile = |source: &Option<Spanned<String>>, faults: &mut Faults| match source {
            None => Some(None),
            Some(source) => self.compile(source, &scope, key, faults).map(Some),
        };
        Some(WaiverRule {
            id: doc.id.value.clone(),
            rows: compile(&doc.rows, faults)?,
            only_while: compile(&doc.only_while, faults)?,
            accepts: doc.accepts,
            covers_unreachable: doc.covers_unreachable,
            reason: doc.reason.clone(),
            approved_by: doc.approved_by.value.clone(),
            ends: doc.ends_at(zone),
        })
    }

    /// The rules across targets: over counts of outcomes, no rows.
    pub(super) fn across(&mut self, thresholds: &ThresholdsDoc, faults: &mut Faults) -> Rules {
        let scope = Scope::row(self.words, ACROSS.map(|name| (name, FieldType::Number)));
        self.plain(thresholds, &scope, u64::MAX, faults)
    }

    /// Rules that stand for themselves, without a ladder.
    fn plain(&mut self, thresholds: &ThresholdsDoc, scope: &Scope, key: u64, faults: &mut Faults) -> Rules {
        let mut rules = Rules::default();
        for (source, list) in [(&thresholds.warn, &mut rules.warn), (&thresholds.crit, &mut rules.crit)] {
            let Some(source) = source.as_ref().filter(|source| source.value != "never") else { continue };
            if let Some(compiled) = self.compile(source, scope, key, faults) {
                list.push(Candidate { rows: None, threshold: Threshold::When(compiled), origin: self.sources.origin(source.span) });
            }
        }
        rules
    }
}

/// Fields that rules across targets speak of.
pub const ACROSS: [&str; 6] = ["planned_count", "ok_count", "warn_count", "crit_count", "judged_count", "unjudged_count"];

/// What an expression is judged on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    /// Each row.
    Row,
    /// The list of rows.
    Rows,
    /// Each row and its history.
    Trend,
}

fn scope_key(fields: &[Field], values: &Values, sort: Sort) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    sort.hash(&mut hasher);
    for field in fields {
        (&field.name, field.field_type).hash(&mut hasher);
    }
    for (name, (field_type, _)) in values {
        (name, field_type).hash(&mut hasher);
    }
    hasher.finish()
}

/// A rule that a check brings along.
///
/// # Panics
/// When it does not compile: a test compiles those of the whole catalogue, and dropping one would make problems look fine.
fn catalogue(source: Option<&str>, scope: &Scope) -> Option<Candidate> {
    let source = source?;
    let compiled =
        expr::compile(source, scope, Type::Boolean).unwrap_or_else(|faults| panic!("the catalogue's rule `{source}`: {faults:?}"));
    Some(Candidate { rows: None, threshold: Threshold::When(compiled), origin: CATALOGUE.to_owned() })
}

/// The thresholds in force for most rows, for tables: the strongest of each level without a condition on rows.
#[must_use]
pub(super) fn plain_thresholds(rules: &Rules) -> Vec<Standard> {
    let strongest = |level: Verdict, list: &[Candidate]| {
        let candidate = list.iter().rev().find(|candidate| candidate.rows.is_none())?;
        match &candidate.threshold {
            Threshold::Never => None,
            Threshold::When(compiled) => {
                Some(Standard { level, rule: Rule { source: compiled.source().to_owned(), origin: candidate.origin.clone() } })
            }
        }
    };
    [strongest(Verdict::Warn, &rules.warn), strongest(Verdict::Crit, &rules.crit)].into_iter().flatten().collect()
}

/// Reports every override of a ladder that can never win on the real inventory.
pub(super) fn report_idle(used: &HashMap<Span, bool>, faults: &mut Faults) {
    for (span, wins) in used {
        if !wins {
            faults.push(
                Fault::warning(*span, "this never applies to any target of the inventory")
                    .help("a nearer or later line wins everywhere, or its targets are none of the playbook's"),
            );
        }
    }
}
