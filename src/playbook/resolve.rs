//! From a playbook as written to a plan as meant: every item by name, with its probes and rules.

use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::document::{CheckDoc, OverrideDoc, PlaybookDoc, TargetsDoc, Values};
use super::lines::{Line, expand};
use super::params;
use super::plan::{ItemTexts, Plan, PlanLimits, PlannedCheck, PlannedItem, PlannedWaiver, PlannedWindow, Work};
use super::rules::{Compiler, Step, plain_thresholds, report_idle};
use super::site::Site;
use super::waiver::WaiverDoc;
use chrono::{DateTime, Utc};

use crate::basis::Given;
use crate::check::{Bound, Class, Entry};
use crate::checks;
use crate::inventory::Inventory;
use crate::inventory::document::Selection;
use crate::judge::{Rules, WaiverRule};
use crate::model::{ItemKey, Lang, Message, Phrase, Target, Text};
use crate::nearest::nearest;
use crate::yaml::{Fault, Faults, Key, Node, Span, Spanned};

/// What the person who runs a playbook asks for besides.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    /// Only these targets, groups or systems; empty is all.
    pub targets: Vec<String>,
    /// Only these lines; empty is all.
    pub lines: Vec<String>,
    /// The moment for which waivers are judged; now unless said.
    pub now: Option<DateTime<Utc>>,
}

/// Makes the plan of `playbook`. With errors among `faults` there may still be one, which must not be run.
pub fn plan(site: &Site, inventory: &Inventory, playbook: &PlaybookDoc, narrow: &Narrow, faults: &mut Faults) -> Option<Plan> {
    let timezone = site.settings.timezone.as_ref().and_then(|zone| zone.value.parse().ok()).unwrap_or(chrono_tz::UTC);
    let calendar = calendar(site, playbook, faults);
    let base: BTreeSet<usize> = match &playbook.targets {
        None => (0..inventory.targets.len()).collect(),
        Some(selection) => {
            let found = inventory.select(selection, faults);
            if found.is_empty() && !inventory.targets.is_empty() {
                faults.push(
                    Fault::error(selection_span(selection), "no target of the inventory is meant")
                        .help("a playbook that looks at nothing would always be fine"),
                );
            }
            found.into_iter().collect()
        }
    };
    if inventory.targets.is_empty() {
        faults.push(Fault::error(playbook.id.span, "the inventory has no targets").help("add a file whose first key is `inventory:`"));
    }
    let lines = expand(playbook, site, inventory, faults);
    let mut planner = Planner {
        site,
        inventory,
        playbook,
        compiler: Compiler::new(inventory.vocabulary(), &site.sources, calendar.is_some()),
        faults,
        base,
        timezone,
        now: narrow.now.unwrap_or_else(Utc::now),
        limits: limits(site, playbook),
        by_target: BTreeMap::new(),
        across: Vec::new(),
        rungs_used: HashMap::new(),
        waived: Vec::new(),
        unreachable_waivers: Vec::new(),
        keys: BTreeSet::new(),
        now_at: playbook.id.span,
        waivers_used: BTreeSet::new(),
    };
    planner.waived = planner.select_waived();
    planner.unreachable_waivers = planner.unreachable_waivers();
    for line in &lines {
        planner.line(line);
    }
    planner.across_items(&lines);
    planner.report_leftovers(&lines);
    planner.ask_people_exist();
    Some(planner.finish(narrow, calendar))
}

/// The calendar that says what a workday is: the one that the schedule names, else the only one.
fn calendar(site: &Site, playbook: &PlaybookDoc, faults: &mut Faults) -> Option<Arc<crate::schedule::Calendar>> {
    let named = playbook.schedule.as_ref().and_then(|schedule| schedule.calendar.as_ref());
    if let Some(name) = named {
        let found = site.calendars.iter().find(|doc| doc.id.value == name.value);
        if found.is_none() {
            let near =
                nearest(&name.value, site.calendars.iter().map(|doc| doc.id.value.as_str())).map(|near| format!("did you mean `{near}`?"));
            faults.push(Fault::error(name.span, format!("there is no calendar `{}`", name.value)).maybe_help(near));
        }
        return found.map(|doc| Arc::new(doc.calendar.clone()));
    }
    let needs = |schedule: &crate::schedule::ScheduleNode| {
        schedule.day_off != "run" || matches!(&schedule.when, crate::schedule::When::At { days, .. } if days.need_calendar())
    };
    let schedule = playbook.schedule.as_ref().filter(|schedule| needs(schedule));
    match (site.calendars.as_slice(), schedule) {
        ([only], _) => Some(Arc::new(only.calendar.clone())),
        ([], Some(schedule)) => {
            let help = "add a file whose first key is `calendar:`; until then every Monday to Friday is worked";
            faults.push(Fault::warning(schedule.span, "workdays are spoken of, and no calendar knows the holidays").help(help));
            None
        }
        (_, Some(schedule)) => {
            faults.push(Fault::error(schedule.span, "which of the calendars is meant?").help("add `calendar: ID`"));
            None
        }
        (_, None) => None,
    }
}

fn selection_span(selection: &Selection) -> Span {
    match selection {
        Selection::Where(expression) => expression.span,
        Selection::Names(_, span) => *span,
    }
}

fn limits(site: &Site, playbook: &PlaybookDoc) -> PlanLimits {
    let standard = PlanLimits::default();
    let pick = |own: Option<f64>, of_site: Option<f64>, standard: Duration| own.or(of_site).map_or(standard, Duration::from_secs_f64);
    let count = |number: Option<u64>, standard: usize| {
        number.and_then(|number| usize::try_from(number).ok()).map_or(standard, |number| number.max(1))
    };
    let (own, of_site) = (playbook.limits, site.settings.limits);
    PlanLimits {
        item: pick(own.item_s, of_site.item_s, standard.item),
        target: pick(own.target_s, of_site.target_s, standard.target),
        run: pick(own.run_s, of_site.run_s, standard.run),
        at_once: count(site.settings.at_once, standard.at_once),
        at_once_per_jump: count(site.settings.at_once_per_jump, standard.at_once_per_jump),
    }
}

struct Planner<'a> {
    site: &'a Site,
    inventory: &'a Inventory,
    playbook: &'a PlaybookDoc,
    compiler: Compiler<'a>,
    faults: &'a mut Faults,
    base: BTreeSet<usize>,
    timezone: chrono_tz::Tz,
    now: DateTime<Utc>,
    limits: PlanLimits,
    by_target: BTreeMap<usize, Vec<PlannedItem>>,
    across: Vec<PlannedItem>,
    rungs_used: HashMap<Span, bool>,
    /// By waiver of the site: the targets that it is for; `None` is all.
    waived: Vec<Option<BTreeSet<usize>>>,
    unreachable_waivers: Vec<(usize, WaiverRule)>,
    /// Items that are planned already.
    keys: BTreeSet<ItemKey>,
    /// The line that is being planned.
    now_at: Span,
    waivers_used: BTreeSet<usize>,
}

/// One rung of the ladder of a line: the line itself, or an override.
struct Rung<'l> {
    step: Step<'l>,
    with: &'l [(Key, Node)],
    /// Why items are left out there.
    skip: Option<&'l Spanned<Phrase>>,
    /// The targets that it is for; `None` is all.
    selected: Option<BTreeSet<usize>>,
    /// Where it is written; `None` for the line itself.
    span: Option<Span>,
}

/// The rungs that hold for a target, and the variant: targets that agree in both share what is made of them.
type Signature = (Vec<usize>, Option<usize>);

/// What the targets of one line share when the same rungs hold for them.
struct Shared {
    bound: Arc<dyn Bound>,
    rules: Arc<Rules>,
    given: Arc<Given>,
    texts: Arc<ItemTexts>,
    trends: Vec<(String, Arc<Rules>, Duration, Arc<ItemTexts>)>,
}

impl<'a> Planner<'a> {
    fn line(&mut self, line: &Line) {
        let doc = &line.doc;
        self.now_at = line.used_at.unwrap_or(doc.id.span);
        if doc.check.value == "ask-person" {
            self.person(line);
            return;
        }
        if let Some(who) = &doc.who {
            self.faults.push(Fault::error(who.span, "`who:` goes with `check: ask-person`"));
        }
        let Some(entry) = checks::find(&doc.check.value) else {
            let ids = checks::CATALOGUE.iter().map(|entry| entry.meta.id);
            let help = nearest(&doc.check.value, ids)
                .map_or_else(|| "`rounds checks` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
            self.faults.push(Fault::error(doc.check.span, format!("there is no check `{}`", doc.check.value)).help(help));
            return;
        };
        let ladder = self.ladder(doc);
        let variants: Vec<Option<BTreeSet<usize>>> =
            doc.variants.iter().map(|variant| variant.targets.as_ref().map(|targets| self.selected(targets))).collect();
        let mut shared: HashMap<Signature, Option<Shared>> = HashMap::new();
        let mut with_waivers: HashMap<(Signature, Vec<usize>), Arc<Rules>> = HashMap::new();
        let mut questions: HashMap<String, usize> = HashMap::new();
        for position in self.targets_of(line, entry) {
            let target = Arc::clone(&self.inventory.targets[position]);
            let fits = |selected: &Option<BTreeSet<usize>>| selected.as_ref().is_none_or(|selected| selected.contains(&position));
            let holds: Vec<usize> = (0..ladder.len()).filter(|&at| fits(&ladder[at].selected)).collect();
            self.note_winners(&ladder, &holds);
            if let Some(skip) = holds.iter().rev().find_map(|&at| ladder[at].skip) {
                let reason = Message::SkippedBy { reason: skip.value.clone(), origin: self.site.sources.origin(skip.span) };
                let texts = Arc::new(texts(entry, doc, &doc.id.value, Vec::new()));
                self.push(position, ItemKey::new(&line.id, &target.id), Work::Skip(reason), texts);
                continue;
            }
            let variant = variants.iter().position(fits);
            if variant.is_none() && !variants.is_empty() {
                self.faults.push(
                    Fault::error(doc.id.span, format!("no variant of `{}` fits the target `{}`", line.id, target.id))
                        .help("add a variant without `targets:` as the last one, or narrow the targets of the line"),
                );
                continue;
            }
            let signature = (holds, variant);
            if !shared.contains_key(&signature) {
                let rungs: Vec<&Rung<'_>> = signature.0.iter().map(|&at| &ladder[at]).collect();
                let made = self.share(entry, line, &rungs, variant.map(|at| doc.variants[at].with.as_slice()));
                shared.insert(signature.clone(), made);
            }
            if let Some(Some(made)) = shared.get(&signature) {
                let waivers = self.waivers_of(line, position);
                let rules = match with_waivers.entry((signature, waivers)) {
                    Slot::Occupied(slot) => Arc::clone(slot.get()),
                    Slot::Vacant(slot) => {
                        let rules = self.with_waivers(line, &slot.key().1, made);
                        Arc::clone(slot.insert(rules))
                    }
                };
                self.items(line, &target, position, made, rules);
                let from_here =
                    made.bound.probes(&target).into_iter().filter(|probe| matches!(probe.ask, crate::model::probe::Ask::Net(_)));
                for probe in from_here {
                    *questions.entry(probe.text()).or_default() += 1;
                }
            }
        }
        if let Some((question, times)) = questions.iter().filter(|(_, times)| **times > 1).max() {
            let message = format!("the same question would be put {times} times: {}", crate::model::untrusted::visible(question));
            self.faults.push(Fault::warning(doc.id.span, message).help("name one target, or leave the url to the targets"));
        }
    }

    /// The rungs of a line, weakest first: for all before the line before for some, the site's before the playbook's before the line's.
    fn ladder<'l>(&mut self, doc: &'l CheckDoc) -> Vec<Rung<'l>>
    where
        'a: 'l,
    {
        let of_check = |over: &&'l OverrideDoc| over.check.as_ref().is_some_and(|check| check.value == doc.check.value);
        let (site, playbook): (&'a Site, &'a PlaybookDoc) = (self.site, self.playbook);
        let outer: Vec<&'l OverrideDoc> = site.settings.overrides.iter().chain(&playbook.overrides).filter(of_check).collect();
        let own = Rung {
            step: Step { thresholds: &doc.thresholds, rows: None, skip: None },
            with: &doc.with,
            skip: None,
            selected: None,
            span: None,
        };
        let mut ladder: Vec<Rung<'l>> = outer.iter().filter(|over| !over.is_for_some()).map(|over| self.rung(over)).collect();
        ladder.push(own);
        ladder.extend(outer.iter().filter(|over| over.is_for_some()).map(|over| self.rung(over)));
        for over in &doc.overrides {
            if let Some(check) = &over.check {
                self.faults.push(
                    Fault::error(check.span, "an override of a check is for that check")
                        .help("take `check:` out, or move the override to the top"),
                );
            }
            if !over.is_for_some() {
                self.faults.push(
                    Fault::error(over.span, "an override of a check says for which targets or rows")
                        .help("what holds for all stands in the check itself"),
                );
            }
            ladder.push(self.rung(over));
        }
        ladder
    }

    fn rung<'l>(&mut self, over: &'l OverrideDoc) -> Rung<'l> {
        self.rungs_used.entry(over.span).or_insert(false);
        Rung {
            step: Step::from(over),
            with: &over.with,
            skip: over.skip.as_ref().filter(|_| over.rows.is_none()),
            selected: over.targets.as_ref().map(|targets| self.selected(targets)),
            span: Some(over.span),
        }
    }

    fn selected(&mut self, targets: &Selection) -> BTreeSet<usize> {
        self.inventory.select(targets, self.faults).into_iter().collect()
    }

    /// Marks the rungs that decide something for a target: one that a nearer unconditional rung beats in everything decides nothing.
    fn note_winners(&mut self, ladder: &[Rung<'_>], holds: &[usize]) {
        for (place, &at) in holds.iter().enumerate() {
            let Some(span) = ladder[at].span else { continue };
            let rung = &ladder[at];
            let nearer = || holds[place + 1..].iter().map(|&at| &ladder[at]).filter(|rung| rung.step.rows.is_none());
            let beaten = |says: fn(&Step<'_>) -> bool| !says(&rung.step) || nearer().any(|rung| says(&rung.step));
            let with_beaten =
                rung.with.iter().all(|(key, _)| nearer().any(|rung| rung.with.iter().any(|(other, _)| other.name == key.name)));
            let idle = rung.skip.is_none()
                && rung.step.skip.is_none()
                && with_beaten
                && beaten(|step| step.thresholds.warn.is_some())
                && beaten(|step| step.thresholds.crit.is_some());
            if !idle {
                self.rungs_used.insert(span, true);
            }
        }
    }

    /// Where a line looks: its own targets, within the playbook's, of the kinds that fit.
    fn targets_of(&mut self, line: &Line, entry: &Entry) -> Vec<usize> {
        let doc = &line.doc;
        let fits = |position: &usize| entry.meta.kinds.contains(&self.inventory.targets[*position].kind);
        let (found, span): (Vec<usize>, Span) = match &doc.targets {
            Some(TargetsDoc::Selection(selection)) => {
                let span = selection_span(selection);
                let found: Vec<usize> =
                    self.inventory.select(selection, self.faults).into_iter().filter(|position| self.base.contains(position)).collect();
                if let Selection::Names(..) = selection {
                    for position in found.iter().filter(|position| !fits(position)) {
                        let target = &self.inventory.targets[*position];
                        if target.kind.has_transport() && named_itself(selection, &target.id) {
                            let kinds: Vec<&str> = entry.meta.kinds.iter().map(|kind| kind.id()).collect();
                            self.faults.push(
                                Fault::error(
                                    span,
                                    format!("`{}` does not fit `{}`, a {} target", entry.meta.id, target.id, target.kind.id()),
                                )
                                .help(format!("it is for {}", kinds.join(", "))),
                            );
                        }
                    }
                }
                (found.into_iter().filter(fits).collect(), span)
            }
            Some(TargetsDoc::Value(name)) => {
                self.faults.push(Fault::error(name.span, "`{ value: … }` is for parts").help("a playbook names its targets itself"));
                return Vec::new();
            }
            None => (self.base.iter().copied().filter(fits).collect(), doc.id.span),
        };
        if found.is_empty() && !self.faults.any_error() {
            let kinds: Vec<&str> = entry.meta.kinds.iter().map(|kind| kind.id()).collect();
            self.faults.push(
                Fault::error(span, format!("`{}` is left without a target", line.id))
                    .help(format!("it is for {}, and the playbook looks at none of them", kinds.join(", "))),
            );
        }
        found
    }

    fn share(&mut self, entry: &Entry, line: &Line, rungs: &[&Rung<'_>], variant: Option<&[(Key, Node)]>) -> Option<Shared> {
        let doc = &line.doc;
        let mut layers: Vec<&[(Key, Node)]> = Vec::new();
        for rung in rungs {
            layers.push(rung.with);
            // A variant refines the line itself: what is said for some targets still wins over it.
            if rung.span.is_none() {
                layers.extend(variant);
            }
        }
        let bound = params::bind(entry, &layers, doc.id.span, self.faults)?;
        let steps: Vec<Step<'_>> = rungs.iter().map(|rung| rung.step).collect();
        let rules = self.compiler.rules(&*bound, &steps, doc.per_target, &line.values, self.faults);
        let texts_of = |rules: &Rules, title: &str| Arc::new(texts(entry, doc, title, plain_thresholds(rules)));
        let mut trends = Vec::new();
        for trend in &doc.trend {
            let rules = self.compiler.trend(&*bound, &trend.thresholds, &line.values, self.faults);
            let texts = texts_of(&rules, &trend.id.value);
            trends.push((trend.id.value.clone(), Arc::new(rules), Duration::from_secs_f64(trend.history_s), texts));
        }
        let texts = texts_of(&rules, &doc.id.value);
        Some(Shared { bound, rules: Arc::new(rules), given: Arc::new(given(&line.values)), texts, trends })
    }

    fn items(&mut self, line: &Line, target: &Arc<Target>, position: usize, made: &Shared, rules: Arc<Rules>) {
        let key = ItemKey::new(&line.id, &target.id);
        let planned = PlannedCheck {
            bound: Arc::clone(&made.bound),
            probes: made.bound.probes(target),
            rules,
            given: Arc::clone(&made.given),
            limit: line.doc.limit_s.map_or(self.limits.item, Duration::from_secs_f64),
        };
        self.push(position, key.clone(), Work::Check(Arc::new(planned)), Arc::clone(&made.texts));
        for (id, rules, history, texts) in &made.trends {
            let (bound, given) = (Arc::clone(&made.bound), Arc::clone(&made.given));
            let work = Work::Trend { of: key.clone(), bound, given, rules: Arc::clone(rules), history: *history };
            self.push(position, ItemKey::new(format!("{}.{id}", line.id), &target.id), work, Arc::clone(texts));
        }
    }

    /// The targets of each waiver, asked once: there may be thousands of targets, and many waivers.
    fn select_waived(&mut self) -> Vec<Option<BTreeSet<usize>>> {
        let site = self.site;
        site.waivers.iter().map(|waiver| waiver.targets.as_ref().map(|targets| self.selected(targets))).collect()
    }

    /// The waivers that cover being unreachable and have not ended, by their place in the site.
    fn unreachable_waivers(&mut self) -> Vec<(usize, WaiverRule)> {
        let (site, timezone, now) = (self.site, self.timezone, self.now);
        let covers = |waiver: &WaiverDoc| waiver.check.value == "reachable" || waiver.covers_unreachable;
        let waivers = site.waivers.iter().enumerate().filter(|(_, waiver)| covers(waiver) && waiver.ends_at(timezone) > now);
        waivers.filter_map(|(at, waiver)| Some((at, self.compiler.waiver(waiver, &[], &Values::new(), timezone, self.faults)?))).collect()
    }

    fn is_waived(&self, waiver: usize, position: usize) -> bool {
        self.waived[waiver].as_ref().is_none_or(|targets| targets.contains(&position))
    }

    /// The waivers, by their place in the site, that are for this check and target and have not ended.
    fn waivers_of(&mut self, line: &Line, position: usize) -> Vec<usize> {
        let of_line = |waiver: &WaiverDoc| waiver.line.as_ref().is_none_or(|id| id.value == line.id);
        let of_check =
            |waiver: &WaiverDoc| waiver.check.value == line.doc.check.value && of_line(waiver) && waiver.ends_at(self.timezone) > self.now;
        let waivers = self.site.waivers.iter().enumerate().filter(|(at, waiver)| of_check(waiver) && self.is_waived(*at, position));
        let waivers: Vec<usize> = waivers.map(|(at, _)| at).collect();
        self.waivers_used.extend(&waivers);
        waivers
    }

    /// The rules of a line with these waivers.
    fn with_waivers(&mut self, line: &Line, waivers: &[usize], made: &Shared) -> Arc<Rules> {
        let site = self.site;
        let mut rules = Arc::clone(&made.rules);
        for waiver in waivers.iter().map(|&at| &site.waivers[at]) {
            if let Some(rule) = self.compiler.waiver(waiver, &made.bound.fields(), &line.values, self.timezone, self.faults) {
                Arc::make_mut(&mut rules).waivers.push(rule);
            }
        }
        rules
    }

    fn push(&mut self, position: usize, key: ItemKey, work: Work, texts: Arc<ItemTexts>) {
        let target = Arc::clone(&self.inventory.targets[position]);
        if !self.keys.insert(key.clone()) {
            let span = self.now_at;
            let message = format!("the item `{}` on `{}` is planned twice", key.line, key.target);
            self.faults.push(Fault::error(span, message).help("ids of lines and trends name items: each may be on a target once"));
        }
        self.by_target.entry(position).or_default().push(PlannedItem { key, target: Some(target), work, texts });
    }

    fn person(&mut self, line: &Line) {
        let doc = &line.doc;
        let Some(who) = &doc.who else {
            self.faults.push(Fault::error(doc.id.span, "`ask-person` needs `who:`").help("who: wang-lei, within: 24h"));
            return;
        };
        if !self.inventory.people.is_empty() && !self.inventory.people.contains_key(&who.value) {
            let near = nearest(&who.value, self.inventory.people.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            self.faults.push(Fault::error(who.span, format!("nobody has the id `{}`", who.value)).maybe_help(near));
        }
        let judged = doc.thresholds.warn.is_some() || doc.thresholds.crit.is_some() || !doc.overrides.is_empty() || !doc.trend.is_empty();
        if judged || doc.targets.is_some() || !doc.with.is_empty() || !doc.variants.is_empty() {
            self.faults.push(
                Fault::error(doc.id.span, "a person is asked, no target: there is nothing to judge by rules")
                    .help("`ask-person` takes title, why, advice, runbook, who and within"),
            );
        }
        if !self.keys.insert(ItemKey::new(&line.id, "")) {
            self.faults.push(Fault::error(doc.id.span, format!("the id `{}` stands twice", line.id)));
        }
        let title = doc.title.clone().unwrap_or_else(|| Phrase::plain(&doc.id.value));
        let texts = ItemTexts { title, class: Class::Application.id().to_owned(), check: "ask-person".to_owned(), ..ItemTexts::default() };
        let key = ItemKey::new(&line.id, "");
        self.across.push(PlannedItem { key, target: None, work: Work::Person { who: who.value.clone() }, texts: Arc::new(texts) });
    }

    fn across_items(&mut self, lines: &[Line]) {
        let playbook = self.playbook;
        for doc in &playbook.across {
            if !lines.iter().any(|line| line.id == doc.of.value) {
                let near = nearest(&doc.of.value, lines.iter().map(|line| line.id.as_str())).map(|near| format!("did you mean `{near}`?"));
                self.faults.push(
                    Fault::error(doc.of.span, format!("there is no check with the id `{}` in this playbook", doc.of.value))
                        .maybe_help(near),
                );
                continue;
            }
            if lines.iter().any(|line| line.id == doc.id.value) {
                self.faults.push(Fault::error(doc.id.span, format!("the id `{}` is taken by a check", doc.id.value)));
            } else if !self.keys.insert(ItemKey::new(&doc.id.value, "")) {
                self.faults.push(Fault::error(doc.id.span, format!("the id `{}` stands twice", doc.id.value)));
            }
            let selected = doc.targets.as_ref().map(|targets| self.selected(targets));
            let members: Vec<ItemKey> = self
                .by_target
                .iter()
                .filter(|(position, _)| selected.as_ref().is_none_or(|selected| selected.contains(position)))
                .flat_map(|(_, items)| items)
                .filter(|item| item.key.line == doc.of.value)
                .map(|item| item.key.clone())
                .collect();
            if members.is_empty() {
                self.faults.push(
                    Fault::error(doc.id.span, format!("`{}` has no members", doc.id.value))
                        .help("its targets are none of those of the check"),
                );
            }
            let rules = self.compiler.across(&doc.thresholds, self.faults);
            let thresholds = plain_thresholds(&rules);
            let texts = ItemTexts {
                title: doc.title.clone().unwrap_or_else(|| Phrase::plain(&doc.id.value)),
                advice: doc.advice.clone().unwrap_or_default(),
                class: Class::Application.id().to_owned(),
                thresholds,
                ..ItemTexts::default()
            };
            self.across.push(PlannedItem {
                key: ItemKey::new(&doc.id.value, ""),
                target: None,
                work: Work::Across { members, rules: Arc::new(rules) },
                texts: Arc::new(texts),
            });
        }
    }

    /// What was written and does nothing, and what is looked at by nothing.
    fn report_leftovers(&mut self, lines: &[Line]) {
        let (site, playbook) = (self.site, self.playbook);
        for (over, own) in
            site.settings.overrides.iter().map(|over| (over, false)).chain(playbook.overrides.iter().map(|over| (over, true)))
        {
            let Some(check) = &over.check else { continue };
            if checks::find(&check.value).is_none() {
                let near = nearest(&check.value, checks::CATALOGUE.iter().map(|entry| entry.meta.id))
                    .map(|near| format!("did you mean `{near}`?"));
                self.faults.push(Fault::error(check.span, format!("there is no check `{}`", check.value)).maybe_help(near));
            } else if own && !lines.iter().any(|line| line.doc.check.value == check.value) {
                self.faults.push(
                    Fault::error(check.span, format!("this playbook has no check `{}`", check.value)).help("this would override nothing"),
                );
            }
        }
        report_idle(&self.rungs_used, self.faults);
        let site = self.site;
        for (at, waiver) in site.waivers.iter().enumerate() {
            let known = waiver.check.value == "reachable" || checks::find(&waiver.check.value).is_some();
            if !known {
                let near = nearest(&waiver.check.value, checks::CATALOGUE.iter().map(|entry| entry.meta.id))
                    .map(|near| format!("did you mean `{near}`?"));
                self.faults.push(Fault::error(waiver.check.span, format!("there is no check `{}`", waiver.check.value)).maybe_help(near));
            } else if waiver.check.value != "reachable"
                && !self.waivers_used.contains(&at)
                && lines.iter().any(|line| line.doc.check.value == waiver.check.value)
            {
                self.faults
                    .push(Fault::warning(waiver.span, format!("the waiver `{}` is for none of this playbook's targets", waiver.id.value)));
            }
        }
        for position in &self.base {
            let target = &self.inventory.targets[*position];
            if !self.by_target.contains_key(position) && target.kind.has_transport() && !self.faults.any_error() {
                let span = self.playbook.targets.as_ref().map_or(self.playbook.id.span, selection_span);
                self.faults.push(
                    Fault::error(span, format!("no check looks at `{}`, a {} target", target.id, target.kind.id()))
                        .help("add a check for its kind, or leave the target out"),
                );
            }
        }
    }

    fn ask_people_exist(&mut self) {
        let playbook = self.playbook;
        let of_waivers = self.site.waivers.iter().flat_map(|waiver| waiver.requested_by.iter().chain([&waiver.approved_by]));
        for person in playbook.owner.iter().chain(&playbook.report.to).chain(of_waivers) {
            if !self.inventory.people.contains_key(&person.value) && !self.inventory.people.is_empty() {
                let near =
                    nearest(&person.value, self.inventory.people.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
                self.faults.push(Fault::error(person.span, format!("nobody has the id `{}`", person.value)).maybe_help(near));
            }
        }
    }

    fn finish(mut self, narrow: &Narrow, calendar: Option<Arc<crate::schedule::Calendar>>) -> Plan {
        let wanted: Option<BTreeSet<usize>> = (!narrow.targets.is_empty()).then(|| {
            let span = self.playbook.id.span;
            let names = narrow.targets.iter().map(|name| Spanned::new(name.clone(), span)).collect();
            self.inventory.select(&Selection::Names(names, span), self.faults).into_iter().collect()
        });
        let is_wanted = |position: &usize| wanted.as_ref().is_none_or(|wanted| wanted.contains(position));
        let line_wanted = |item: &PlannedItem| {
            narrow.lines.is_empty()
                || narrow.lines.iter().any(|line| item.key.line == *line || item.key.line.starts_with(&format!("{line}.")))
        };
        let mut by_target = std::mem::take(&mut self.by_target);
        let mut items = Vec::new();
        let mut targets = Vec::new();
        for position in self.base.clone().iter().filter(|position| is_wanted(position)) {
            let target = Arc::clone(&self.inventory.targets[*position]);
            let mut own: Vec<PlannedItem> = by_target.remove(position).unwrap_or_default();
            own.retain(line_wanted);
            if own.is_empty() && target.kind.has_transport() {
                continue;
            }
            items.push(self.reachable(*position, &target));
            items.append(&mut own);
            targets.push(target);
        }
        if wanted.is_none() {
            items.extend(std::mem::take(&mut self.across).into_iter().filter(line_wanted));
        }
        self.plan(items, targets, calendar)
    }

    fn reachable(&self, position: usize, target: &Arc<Target>) -> PlannedItem {
        let title = Text::new("Reachable", "可达性").into();
        let advice = Text::new(
            "Check network, firewall, service and login; then run the playbook again.",
            "检查网络、防火墙、服务与登录账号后重新巡检。",
        );
        let texts = ItemTexts {
            title,
            class: Class::Network.id().to_owned(),
            check: "reachable".to_owned(),
            check_version: 1,
            advice: advice.into(),
            ..ItemTexts::default()
        };
        let key = ItemKey::new("reachable", &target.id);
        let work = if target.kind.has_transport() {
            let waivers = self.unreachable_waivers.iter().filter(|(at, _)| self.is_waived(*at, position));
            let waivers = waivers.map(|(_, rule)| rule.clone()).collect();
            Work::Reachable { waivers }
        } else {
            Work::NotRun(Message::NoTransport { kind: target.kind.id().to_owned() })
        };
        PlannedItem { key, target: Some(Arc::clone(target)), work, texts: Arc::new(texts) }
    }

    fn plan(mut self, items: Vec<PlannedItem>, targets: Vec<Arc<Target>>, calendar: Option<Arc<crate::schedule::Calendar>>) -> Plan {
        let windows = self.windows();
        let languages: Vec<Lang> = self.playbook.report.languages.iter().filter_map(|code| Lang::from_code(code)).collect();
        let title = if self.playbook.title.is_empty() { Phrase::plain(&self.playbook.id.value) } else { self.playbook.title.clone() };
        let mut text = String::new();
        for (_, source) in self.site.sources.iter() {
            let _ = writeln!(text, "# {}\n{}", source.path.display(), source.text);
        }
        let waivers = self.site.waivers.iter().map(|waiver| PlannedWaiver {
            id: waiver.id.value.clone(),
            reason: waiver.reason.clone(),
            approved_by: waiver.approved_by.value.clone(),
            ends: waiver.ends_at(self.timezone),
        });
        Plan {
            playbook: self.playbook.id.value.clone(),
            title,
            owner: self.playbook.owner.as_ref().map(|owner| owner.value.clone()),
            organisation: self.site.settings.organisation.clone().unwrap_or_default(),
            text,
            timezone: self.timezone,
            calendar,
            words: self.inventory.vocabulary().clone(),
            targets,
            items,
            people: self.inventory.people.values().cloned().collect(),
            waivers: waivers.collect(),
            windows,
            limits: self.limits,
            languages: if languages.is_empty() { Lang::ALL.to_vec() } else { languages },
        }
    }

    /// The windows that leave targets alone or keep alerts back, with the targets that they are for.
    fn windows(&mut self) -> Vec<PlannedWindow> {
        let site = self.site;
        let mut planned = Vec::with_capacity(site.windows.len());
        for window in &site.windows {
            let ids =
                |positions: BTreeSet<usize>| positions.into_iter().map(|position| self.inventory.targets[position].id.clone()).collect();
            let selected = window.targets.as_ref().map(|targets| self.inventory.select(targets, self.faults).into_iter().collect());
            planned.push(PlannedWindow { window: window.clone(), targets: selected.map(ids) });
        }
        planned
    }
}

/// Whether a selection names the target itself, not only a group or system that it belongs to.
fn named_itself(selection: &Selection, id: &str) -> bool {
    matches!(selection, Selection::Names(names, _) if names.iter().any(|name| name.value == id))
}

/// Values under the names that expressions use.
fn given(values: &Values) -> Given {
    let mut given = Given::default();
    for (name, (field_type, value)) in values {
        given.values.insert(format!("values.{name}"), value.clone());
        given.types.insert(format!("values.{name}"), *field_type);
    }
    given
}

fn texts(entry: &Entry, doc: &CheckDoc, trend: &str, thresholds: Vec<crate::model::Standard>) -> ItemTexts {
    let mut title = doc.title.clone().unwrap_or_else(|| entry.meta.title.into());
    if trend != doc.id.value {
        title = Phrase { en: title.en.map(|title| format!("{title}: {trend}")), zh: title.zh.map(|title| format!("{title}：{trend}")) };
    }
    ItemTexts {
        check: entry.meta.id.to_owned(),
        check_version: entry.meta.version,
        title,
        class: entry.meta.class.id().to_owned(),
        why: doc.why.clone().unwrap_or_else(|| entry.meta.why.into()),
        advice: doc.advice.clone().unwrap_or_else(|| entry.meta.advice.into()),
        runbook: doc.runbook.clone(),
        thresholds,
    }
}
