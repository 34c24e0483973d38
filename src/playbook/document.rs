//! A playbook or part as written: every key with its place, nothing resolved yet.

use std::collections::BTreeMap;

use crate::inventory::document::{Selection, read_selection};
use crate::model::{FieldType, Phrase, Value};
use crate::schedule::ScheduleNode;
use crate::yaml::{Fault, Faults, Key, MapReader, Node, NodeValue, Span, Spanned};

/// Values by name, with their types.
pub type Values = BTreeMap<String, (FieldType, Value)>;

/// A playbook as written.
#[derive(Clone, Debug)]
pub struct PlaybookDoc {
    /// Its id.
    pub id: Spanned<String>,
    /// Title.
    pub title: Phrase,
    /// Person who owns it.
    pub owner: Option<Spanned<String>>,
    /// Where it looks; `None` is the whole inventory.
    pub targets: Option<Selection>,
    /// When it runs; `None` is by hand.
    pub schedule: Option<ScheduleNode>,
    /// What it looks at.
    pub lines: Vec<LineDoc>,
    /// Rules over the targets of a line.
    pub across: Vec<AcrossDoc>,
    /// Rules and parameters for checks of some kind.
    pub overrides: Vec<OverrideDoc>,
    /// Values that its expressions may use.
    pub values: Values,
    /// Longest that one item, and the whole run, may take.
    pub limits: Limits,
    /// Who gets the report, in which languages.
    pub report: ReportDoc,
}

/// Limits of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// For one probe, in seconds.
    pub item_s: Option<f64>,
    /// For all probes of one target together, in seconds.
    pub target_s: Option<f64>,
    /// For the whole run, in seconds.
    pub run_s: Option<f64>,
}

/// What a playbook says of its report.
#[derive(Clone, Debug, Default)]
pub struct ReportDoc {
    /// Languages; both unless said.
    pub languages: Vec<String>,
    /// People it is sent to.
    pub to: Vec<Spanned<String>>,
    /// `run` or `system`.
    pub per: Option<String>,
}

/// A part: checks to be used by playbooks, with values they declare.
#[derive(Clone, Debug)]
pub struct PartDoc {
    /// Its id.
    pub id: Spanned<String>,
    /// What has to be given, or has a default.
    pub values: BTreeMap<String, PartValue>,
    /// Its lines.
    pub lines: Vec<LineDoc>,
}

/// A value that a part declares.
#[derive(Clone, Debug)]
pub enum PartValue {
    /// It has to be given and is the id of a target.
    Target,
    /// It has to be given, of this type (`text`, `number`, `percent`, `bytes`, `duration`, `boolean`).
    Required(String),
    /// It has a default.
    Default(Node),
}

/// One entry under `checks:`.
#[derive(Clone, Debug)]
pub enum LineDoc {
    /// A check.
    Check(Box<CheckDoc>),
    /// The lines of a part or of another playbook.
    Use(Box<UseDoc>),
}

/// A check as written.
#[derive(Clone, Debug)]
pub struct CheckDoc {
    /// Id of the line.
    pub id: Spanned<String>,
    /// Id in the catalogue.
    pub check: Spanned<String>,
    /// Where; `None` is wherever the playbook looks and the kind fits.
    pub targets: Option<TargetsDoc>,
    /// Parameters by key.
    pub with: Vec<(Key, Node)>,
    /// Parameters by target.
    pub variants: Vec<VariantDoc>,
    /// Thresholds.
    pub thresholds: ThresholdsDoc,
    /// Thresholds and parameters for some targets or rows.
    pub overrides: Vec<OverrideDoc>,
    /// Rules over time.
    pub trend: Vec<TrendDoc>,
    /// Whether the rules see all rows at once (`per: target`).
    pub per_target: bool,
    /// Title, when not the catalogue's.
    pub title: Option<Phrase>,
    /// Why it matters, when not the catalogue's.
    pub why: Option<Phrase>,
    /// What to do, when not the catalogue's.
    pub advice: Option<Phrase>,
    /// Link to a runbook.
    pub runbook: Option<String>,
    /// Longest that its probes may take, in seconds.
    pub limit_s: Option<f64>,
    /// For `ask-person`: who answers.
    pub who: Option<Spanned<String>>,
    /// For `ask-person`: within how long, in seconds.
    pub within_s: Option<f64>,
}

/// Where a line looks.
#[derive(Clone, Debug)]
pub enum TargetsDoc {
    /// An expression or names.
    Selection(Selection),
    /// `{ value: NAME }` of a part.
    Value(Spanned<String>),
}

/// `warn:` and `crit:` as written.
#[derive(Clone, Debug, Default)]
pub struct ThresholdsDoc {
    /// When it warns.
    pub warn: Option<Spanned<String>>,
    /// When it is critical.
    pub crit: Option<Spanned<String>>,
}

/// An override as written.
#[derive(Clone, Debug)]
pub struct OverrideDoc {
    /// The whole of it.
    pub span: Span,
    /// Id in the catalogue; needed in settings and at the top of a playbook.
    pub check: Option<Spanned<String>>,
    /// Which targets.
    pub targets: Option<Selection>,
    /// Which rows.
    pub rows: Option<Spanned<String>>,
    /// Thresholds.
    pub thresholds: ThresholdsDoc,
    /// Parameters.
    pub with: Vec<(Key, Node)>,
    /// Why the item is left out there.
    pub skip: Option<Spanned<Phrase>>,
}

impl OverrideDoc {
    /// Whether it holds for some targets or rows only.
    #[must_use]
    pub const fn is_for_some(&self) -> bool {
        self.targets.is_some() || self.rows.is_some()
    }
}

/// A variant: parameters for the targets that it fits.
#[derive(Clone, Debug)]
pub struct VariantDoc {
    /// The whole of it.
    pub span: Span,
    /// Which targets; `None` fits all.
    pub targets: Option<Selection>,
    /// Parameters.
    pub with: Vec<(Key, Node)>,
}

/// A rule over time as written.
#[derive(Clone, Debug)]
pub struct TrendDoc {
    /// Its id within the line.
    pub id: Spanned<String>,
    /// Thresholds.
    pub thresholds: ThresholdsDoc,
    /// How much history it needs, in seconds.
    pub history_s: f64,
}

/// A rule across targets as written.
#[derive(Clone, Debug)]
pub struct AcrossDoc {
    /// Its id.
    pub id: Spanned<String>,
    /// The line whose items it looks at.
    pub of: Spanned<String>,
    /// Which targets.
    pub targets: Option<Selection>,
    /// Thresholds.
    pub thresholds: ThresholdsDoc,
    /// Title.
    pub title: Option<Phrase>,
    /// What to do.
    pub advice: Option<Phrase>,
}

/// `use:` as written.
#[derive(Clone, Debug)]
pub struct UseDoc {
    /// The whole of it.
    pub span: Span,
    /// Part or playbook.
    pub of: Spanned<String>,
    /// What its ids begin with.
    pub prefix: Option<Spanned<String>>,
    /// Its values.
    pub with: Vec<(Key, Node)>,
    /// A value that goes through the targets of an expression.
    pub for_each: Option<(Key, Selection)>,
    /// Only these lines of it.
    pub only: Vec<Spanned<String>>,
}

/// Reads the root of a playbook.
pub fn read_playbook(root: &Node, faults: &mut Faults) -> Option<PlaybookDoc> {
    let mut map = MapReader::new(root, "a playbook", faults)?;
    let id = map.require("playbook", faults).and_then(|node| faults.id(node, "the id of a playbook"));
    let doc = PlaybookDoc {
        id: id.unwrap_or_else(|| Spanned::new(String::new(), root.span)),
        title: map.take("title").and_then(|node| faults.phrase(node, "title")).unwrap_or_default(),
        owner: map.take("owner").and_then(|node| faults.id(node, "owner")),
        targets: map.take("targets").and_then(|node| read_selection(node, "targets", faults)),
        schedule: map.take("schedule").and_then(|node| crate::schedule::read(node, faults)),
        lines: read_lines(map.take("checks"), faults),
        across: each(map.take("across"), "across", faults, read_across),
        overrides: each(map.take("overrides"), "overrides", faults, read_override),
        values: map.take("values").map(|node| read_values(node, faults)).unwrap_or_default(),
        limits: map.take("limits").map(|node| read_limits(node, faults)).unwrap_or_default(),
        report: map.take("report").and_then(|node| read_report(node, faults)).unwrap_or_default(),
    };
    if let Some((key, _)) = map.take_with_key("drills") {
        faults.push(Fault::error(key.span, "drills are not part of this version").help("take `drills:` out of the playbook"));
    }
    map.finish(faults);
    if doc.lines.is_empty() {
        faults.push(Fault::error(doc.id.span, "a playbook without checks looks at nothing").help("add `checks:` with at least one entry"));
    }
    for over in &doc.overrides {
        if over.check.is_none() {
            faults.push(Fault::error(over.span, "an override outside a check must say which check it is for").help("add `check: ID`"));
        }
    }
    Some(doc)
}

/// Reads the root of a part.
pub fn read_part(root: &Node, faults: &mut Faults) -> Option<PartDoc> {
    let mut map = MapReader::new(root, "a part", faults)?;
    let id = map.require("part", faults).and_then(|node| faults.id(node, "the id of a part"));
    let mut values = BTreeMap::new();
    if let Some(Node { value: NodeValue::Map(entries), .. }) = map.take("values") {
        for (key, node) in entries {
            let value = match node.get("type") {
                Some(kind) => {
                    let words = ["target", "text", "number", "percent", "bytes", "duration", "boolean"];
                    match faults.word(kind, "the type of a value", &words) {
                        Some("target") => PartValue::Target,
                        Some(word) => PartValue::Required(word.to_owned()),
                        None => continue,
                    }
                }
                None => PartValue::Default(node.clone()),
            };
            values.insert(key.name.clone(), value);
        }
    }
    let lines = read_lines(map.take("checks"), faults);
    map.finish(faults);
    Some(PartDoc { id: id?, values, lines })
}

fn each<T>(node: Option<&Node>, what: &str, faults: &mut Faults, read: fn(&Node, &mut Faults) -> Option<T>) -> Vec<T> {
    node.map_or_else(Vec::new, |node| faults.list(node, what).iter().filter_map(|item| read(item, faults)).collect())
}

fn read_lines(node: Option<&Node>, faults: &mut Faults) -> Vec<LineDoc> {
    each(node, "checks", faults, |node, faults| {
        if node.get("use").is_some() {
            read_use(node, faults).map(|used| LineDoc::Use(Box::new(used)))
        } else {
            read_check(node, faults).map(|check| LineDoc::Check(Box::new(check)))
        }
    })
}

/// Parameters that may stand beside `with:` because they say what the rows of an own probe are.
const LIFTED: [&str; 5] = ["run", "read", "columns", "key", "rows_are"];

fn read_check(node: &Node, faults: &mut Faults) -> Option<CheckDoc> {
    let mut map = MapReader::new(node, "a check", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of a check"));
    let check = map.require("check", faults).and_then(|node| faults.id(node, "check"));
    let mut with = map.take("with").map(|node| read_with(node, faults)).unwrap_or_default();
    for key in LIFTED {
        if let Some((key, node)) = map.take_with_key(key) {
            with.push((key.clone(), node.clone()));
        }
    }
    let doc = CheckDoc {
        id: id.clone().unwrap_or_else(|| Spanned::new(String::new(), node.span)),
        check: check.clone().unwrap_or_else(|| Spanned::new(String::new(), node.span)),
        targets: map.take("targets").and_then(|node| read_targets(node, faults)),
        with,
        variants: each(map.take("variants"), "variants", faults, read_variant),
        thresholds: read_thresholds(&mut map, faults),
        overrides: each(map.take("overrides"), "overrides", faults, read_override),
        trend: each(map.take("trend"), "trend", faults, read_trend),
        per_target: map.take("per").and_then(|node| faults.word(node, "per", &["target", "row"])) == Some("target"),
        title: map.take("title").and_then(|node| faults.phrase(node, "title")),
        why: map.take("why").and_then(|node| faults.phrase(node, "why")),
        advice: map.take("advice").and_then(|node| faults.phrase(node, "advice")),
        runbook: map.take("runbook").and_then(|node| faults.text(node, "runbook")),
        limit_s: map.take("limit").and_then(|node| faults.duration(node, "limit")),
        who: map.take("who").and_then(|node| faults.id(node, "who")),
        within_s: map.take("within").and_then(|node| faults.duration(node, "within")),
    };
    map.finish(faults);
    let says = |thresholds: &ThresholdsDoc| thresholds.warn.is_some() || thresholds.crit.is_some();
    if doc.per_target && !says(&doc.thresholds) && !doc.overrides.iter().any(|over| says(&over.thresholds)) {
        faults.push(
            Fault::error(
                doc.id.span,
                "with `per: target` the check's own thresholds, which are for each row, do not hold, and there are no others",
            )
            .help("add warn or crit over the list `rows`: rows.exists(r, …)"),
        );
    }
    (id.is_some() && check.is_some()).then_some(doc)
}

fn read_targets(node: &Node, faults: &mut Faults) -> Option<TargetsDoc> {
    if let Some(value) = node.get("value") {
        return faults.id(value, "value").map(TargetsDoc::Value);
    }
    read_selection(node, "targets", faults).map(TargetsDoc::Selection)
}

fn read_with(node: &Node, faults: &mut Faults) -> Vec<(Key, Node)> {
    match &node.value {
        NodeValue::Map(entries) => entries.clone(),
        _ => {
            faults.push(Fault::error(node.span, format!("with is a map of parameters, this is {}", node.sort())));
            Vec::new()
        }
    }
}

fn read_thresholds(map: &mut MapReader<'_>, faults: &mut Faults) -> ThresholdsDoc {
    let mut read = |key, faults: &mut Faults| {
        let node = map.take(key)?;
        let text = faults.scalar(node, key)?;
        if matches!(text, "false" | "off" | "none" | "0" | "no") {
            faults.push(Fault::error(node.span, format!("`{text}` is no rule")).help(format!("write {key}: never to switch it off")));
            return None;
        }
        Some(Spanned::new(text.to_owned(), inside_quotes(node)))
    };
    ThresholdsDoc { warn: read("warn", faults), crit: read("crit", faults) }
}

/// The place of the text itself, so that a place inside an expression lands on its character.
fn inside_quotes(node: &Node) -> Span {
    match &node.value {
        NodeValue::Scalar(scalar) if !scalar.plain && node.span.end - node.span.start == scalar.text.len() + 2 => {
            Span { start: node.span.start + 1, end: node.span.end - 1, ..node.span }
        }
        _ => node.span,
    }
}

/// Reads an override; also those of settings.
pub fn read_override(node: &Node, faults: &mut Faults) -> Option<OverrideDoc> {
    let mut map = MapReader::new(node, "an override", faults)?;
    let doc = OverrideDoc {
        span: node.span,
        check: map.take("check").and_then(|node| faults.id(node, "check")),
        targets: map.take("targets").and_then(|node| read_selection(node, "targets", faults)),
        rows: map.take("rows").and_then(|node| read_expression(node, "rows", faults)),
        thresholds: read_thresholds(&mut map, faults),
        with: map.take("with").map(|node| read_with(node, faults)).unwrap_or_default(),
        skip: map.take("skip").and_then(|node| Some(Spanned::new(faults.phrase(node, "skip")?, node.span))),
    };
    map.finish(faults);
    if doc.rows.is_some() && !doc.with.is_empty() {
        faults.push(
            Fault::error(node.span, "parameters are chosen before there are rows").help("`with:` goes with `targets:`, not with `rows:`"),
        );
    }
    if doc.thresholds.warn.is_none() && doc.thresholds.crit.is_none() && doc.with.is_empty() && doc.skip.is_none() {
        faults.push(Fault::error(node.span, "an override that changes nothing").help("it takes warn, crit, with or skip"));
    }
    Some(doc)
}

/// Reads an expression with its place.
pub fn read_expression(node: &Node, what: &str, faults: &mut Faults) -> Option<Spanned<String>> {
    let text = faults.scalar(node, what)?;
    Some(Spanned::new(text.to_owned(), inside_quotes(node)))
}

fn read_variant(node: &Node, faults: &mut Faults) -> Option<VariantDoc> {
    let mut map = MapReader::new(node, "a variant", faults)?;
    let targets = map.take("targets").and_then(|node| read_selection(node, "targets", faults));
    let mut with = map.take("with").map(|node| read_with(node, faults)).unwrap_or_default();
    for key in LIFTED {
        if let Some((key, node)) = map.take_with_key(key) {
            with.push((key.clone(), node.clone()));
        }
    }
    map.finish(faults);
    Some(VariantDoc { span: node.span, targets, with })
}

fn read_trend(node: &Node, faults: &mut Faults) -> Option<TrendDoc> {
    let mut map = MapReader::new(node, "a trend", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of a trend"));
    let thresholds = read_thresholds(&mut map, faults);
    let history_s = map.take("history").and_then(|node| faults.duration(node, "history")).unwrap_or(7.0 * 86_400.0);
    map.finish(faults);
    if thresholds.warn.is_none() && thresholds.crit.is_none() {
        faults.push(Fault::error(node.span, "a trend without warn or crit").help("such as warn: 'full_in(used_bytes, size_bytes) < 30d'"));
    }
    Some(TrendDoc { id: id?, thresholds, history_s })
}

fn read_across(node: &Node, faults: &mut Faults) -> Option<AcrossDoc> {
    let mut map = MapReader::new(node, "an entry of across", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of an entry of across"));
    let of = map.require("of", faults).and_then(|node| faults.id(node, "of"));
    let targets = map.take("targets").and_then(|node| read_selection(node, "targets", faults));
    let thresholds = read_thresholds(&mut map, faults);
    let title = map.take("title").and_then(|node| faults.phrase(node, "title"));
    let advice = map.take("advice").and_then(|node| faults.phrase(node, "advice"));
    map.finish(faults);
    if thresholds.warn.is_none() && thresholds.crit.is_none() {
        faults.push(Fault::error(node.span, "a rule across targets without warn or crit").help("such as crit: ok_count < 1"));
    }
    Some(AcrossDoc { id: id?, of: of?, targets, thresholds, title, advice })
}

fn read_use(node: &Node, faults: &mut Faults) -> Option<UseDoc> {
    let mut map = MapReader::new(node, "an entry with `use`", faults)?;
    let of = map.require("use", faults).and_then(|node| faults.id(node, "use"));
    let prefix = map.take("as").and_then(|node| faults.id(node, "as"));
    let with = map.take("with").map(|node| read_with(node, faults)).unwrap_or_default();
    let only = map.take("only").map_or(&[][..], |node| faults.some(node, "only"));
    let only = only.iter().filter_map(|item| faults.id(item, "only")).collect();
    let for_each = map.take("for_each").and_then(|node| match &node.value {
        NodeValue::Map(entries) if entries.len() == 1 => {
            let (key, node) = &entries[0];
            Some((key.clone(), read_selection(node, "for_each", faults)?))
        }
        _ => {
            faults.push(
                Fault::error(node.span, "for_each names one value and an expression").help("for_each: { db: 'target.kind == \"mysql\"' }"),
            );
            None
        }
    });
    map.finish(faults);
    Some(UseDoc { span: node.span, of: of?, prefix, with, for_each, only })
}

/// Reads `values:` of a playbook or of settings.
pub fn read_values(node: &Node, faults: &mut Faults) -> Values {
    let NodeValue::Map(entries) = &node.value else {
        faults.push(Fault::error(node.span, format!("values are a map, this is {}", node.sort())));
        return Values::new();
    };
    entries.iter().filter_map(|(key, node)| Some((key.name.clone(), faults.typed_value(node, "a value")?))).collect()
}

/// Reads `limits:`.
pub fn read_limits(node: &Node, faults: &mut Faults) -> Limits {
    let Some(mut map) = MapReader::new(node, "limits", faults) else { return Limits::default() };
    let limits = Limits {
        item_s: map.take("item").and_then(|node| faults.duration(node, "item")),
        target_s: map.take("target").and_then(|node| faults.duration(node, "target")),
        run_s: map.take("run").and_then(|node| faults.duration(node, "run")),
    };
    map.finish(faults);
    limits
}

fn read_report(node: &Node, faults: &mut Faults) -> Option<ReportDoc> {
    let mut map = MapReader::new(node, "report", faults)?;
    let languages = map.take("languages").map(|node| {
        let items = faults.some(node, "languages");
        items.iter().filter_map(|item| faults.word(item, "a language", &["en", "zh"])).map(str::to_owned).collect()
    });
    let report = ReportDoc {
        languages: languages.unwrap_or_default(),
        to: map.take("to").map(|node| faults.ids(node, "to")).unwrap_or_default(),
        per: map.take("per").and_then(|node| faults.word(node, "per", &["run", "system"])).map(str::to_owned),
    };
    map.finish(faults);
    Some(report)
}
