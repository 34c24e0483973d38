//! From inventory files as written to targets as meant: ranges unfolded, defaults filled in, references followed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Inventory;
use super::document::{Default_, Entry, InventoryFile, Keys, Selection};
use super::ranges;
use crate::expr::{self, Env, Expr, Scope, Type, Vocabulary};
use crate::model::{FieldType, Kind, Login, Person, System, Target};
use crate::nearest::nearest;
use crate::yaml::{Fault, Faults, Sources, Span, Spanned};

/// Resolves `files` and the targets and groups that lists brought along.
pub fn resolve(
    files: Vec<InventoryFile>,
    listed: Vec<Entry>,
    listed_groups: &[(String, Vec<String>)],
    tiers: &[Spanned<String>],
    sources: &Sources,
    faults: &mut Faults,
) -> Inventory {
    let mut entries = Vec::new();
    let mut defaults = Vec::new();
    let mut groups = Vec::new();
    let mut inventory = Inventory { tiers: tiers.iter().map(|tier| tier.value.clone()).collect(), ..Inventory::default() };
    let mut logins = Vec::new();
    let mut people = Vec::new();
    let mut systems = Vec::new();
    for file in files {
        entries.extend(file.targets);
        defaults.extend(file.defaults);
        groups.extend(file.groups);
        logins.extend(file.logins);
        people.extend(file.people);
        systems.extend(file.systems);
        note_types(file.value_types, &mut inventory.value_types, faults);
    }
    entries.extend(listed);
    inventory.logins = by_id(logins, "login", |login: &Login| login.id.clone(), faults);
    inventory.people = by_id(people.clone(), "person", |person: &Person| person.id.clone(), faults);
    check_members(&people, &inventory, faults);
    check_systems(&systems, &inventory, faults);
    inventory.systems = by_id(systems, "system", |system: &System| system.id.clone(), faults)
        .into_iter()
        .map(|(id, system)| (id, Arc::new(system)))
        .collect();

    let entries = super::lists::unique(entries.into_iter().flat_map(|entry| unfold(entry, faults)).collect(), faults);
    let ids: BTreeSet<String> = entries.iter().map(|entry| entry.id.value.clone()).collect();
    for entry in entries.iter().filter(|entry| inventory.systems.contains_key(&entry.id.value)) {
        let message = format!("the name `{}` is taken by a system: targets, groups and systems share their names", entry.id.value);
        faults.push(Fault::error(entry.id.span, message));
    }
    let logins: HashMap<String, Arc<Login>> = inventory.logins.iter().map(|(id, login)| (id.clone(), Arc::new(login.clone()))).collect();
    let names = Names {
        systems: inventory.systems.keys().cloned().collect(),
        logins: logins.keys().cloned().collect(),
        people: inventory.people.keys().cloned().collect(),
        targets: ids,
    };
    let mut resolver = Resolver { inventory: &inventory, logins, names: &names, kinds: kinds(&entries), faults };
    let mut targets = Vec::new();
    let defaults = Defaults::compile(&defaults, &entries, &inventory, resolver.faults);
    for mut entry in entries {
        defaults.fill(&mut entry, &inventory, resolver.faults);
        targets.extend(resolver.target(&entry, sources).map(Arc::new));
    }
    inventory.set_targets(targets);
    for (id, members) in listed_groups {
        let members = members.iter().filter_map(|member| inventory.position(member)).collect();
        inventory.groups.insert(id.clone(), members);
    }
    for group in groups {
        if inventory.groups.contains_key(&group.id.value)
            || inventory.position(&group.id.value).is_some()
            || inventory.systems.contains_key(&group.id.value)
        {
            faults.push(Fault::error(group.id.span, format!("the name `{}` is taken by another target, group or system", group.id.value)));
            continue;
        }
        let members = inventory.select(&group.targets, faults);
        if members.is_empty() && !inventory.targets.is_empty() {
            faults.push(Fault::error(group.id.span, format!("the group `{}` has no members", group.id.value)));
        }
        inventory.groups.insert(group.id.value, members);
    }
    inventory
}

fn by_id<T>(list: Vec<Spanned<T>>, what: &str, id: fn(&T) -> String, faults: &mut Faults) -> BTreeMap<String, T> {
    let mut spans: BTreeMap<String, Span> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for item in list {
        let id = id(&item.value);
        if let Some(first) = spans.get(&id) {
            faults.push(Fault::error(item.span, format!("the {what} `{id}` stands twice")).and_at(*first, "first here"));
            continue;
        }
        spans.insert(id.clone(), item.span);
        found.insert(id, item.value);
    }
    found
}

/// A value has one type, whichever system carries it: an expression is for all of them.
fn note_types(found: Vec<(String, Spanned<String>, FieldType)>, types: &mut BTreeMap<String, (FieldType, Span)>, faults: &mut Faults) {
    for (system, name, field_type) in found {
        let (first, span) = *types.entry(name.value.clone()).or_insert((field_type, name.span));
        if first != field_type {
            faults.push(
                Fault::error(name.span, format!("the value `{}` of `{system}` is of another type than that of another system", name.value))
                    .and_at(span, "there")
                    .help("write both with the same sort of unit"),
            );
        }
    }
}

/// Members of people are people.
fn check_members(people: &[Spanned<Person>], inventory: &Inventory, faults: &mut Faults) {
    for person in people {
        for member in person.value.members.iter().filter(|member| !inventory.people.contains_key(*member)) {
            let near = nearest(member, inventory.people.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
            faults.push(Fault::error(person.span, format!("nobody has the id `{member}`")).maybe_help(near));
        }
    }
}

fn check_systems(systems: &[Spanned<System>], inventory: &Inventory, faults: &mut Faults) {
    for system in systems {
        let tier = &system.value.tier;
        if !inventory.tiers.is_empty() && !tier.is_empty() && !inventory.tiers.contains(tier) {
            let help = nearest(tier, inventory.tiers.iter().map(String::as_str))
                .map_or_else(|| format!("declared are {}", inventory.tiers.join(", ")), |near| format!("did you mean `{near}`?"));
            faults.push(Fault::error(system.span, format!("the tier `{tier}` of system `{}` is not declared", system.value.id)).help(help));
        }
        for person in system.value.owner.iter().chain(&system.value.contacts) {
            if !inventory.people.contains_key(person) {
                let near = nearest(person, inventory.people.keys().map(String::as_str));
                faults.push(
                    Fault::error(system.span, format!("nobody has the id `{person}`"))
                        .maybe_help(near.map(|near| format!("did you mean `{near}`?"))),
                );
            }
        }
    }
}

/// The targets that a range stands for; id and address go in step.
fn unfold(entry: Entry, faults: &mut Faults) -> Vec<Entry> {
    let ids = match ranges::expand(&entry.id.value) {
        Ok(ids) => ids,
        Err(message) => {
            faults.push(Fault::error(entry.id.span, message));
            return Vec::new();
        }
    };
    if ids.len() == 1 && !entry.id.value.contains('[') {
        return vec![entry];
    }
    let addresses = match entry.keys.address.as_ref().map(|address| (ranges::expand(&address.value), address.span)) {
        None => None,
        Some((Ok(addresses), _)) if addresses.len() == ids.len() => Some(addresses),
        Some((Ok(addresses), span)) => {
            faults.push(
                Fault::error(span, format!("{} addresses for {} targets", addresses.len(), ids.len()))
                    .and_at(entry.id.span, "these targets"),
            );
            return Vec::new();
        }
        Some((Err(message), span)) => {
            faults.push(Fault::error(span, message));
            return Vec::new();
        }
    };
    let one = |(at, id): (usize, String)| {
        let mut keys = entry.keys.clone();
        if let (Some(address), Some(addresses)) = (&mut keys.address, &addresses) {
            address.value.clone_from(&addresses[at]);
        }
        Entry { id: Spanned::new(id, entry.id.span), kind: entry.kind, keys }
    };
    ids.into_iter().enumerate().map(one).collect()
}

fn kinds(entries: &[Entry]) -> HashMap<String, (Kind, Option<String>)> {
    entries
        .iter()
        .filter_map(|entry| Some((entry.id.value.clone(), (entry.kind?, entry.keys.address.as_ref().map(|address| address.value.clone())))))
        .collect()
}

/// The defaults with their expressions compiled.
struct Defaults<'d> {
    list: Vec<(Option<Expr>, &'d Keys)>,
}

impl<'d> Defaults<'d> {
    fn compile(defaults: &'d [Default_], entries: &[Entry], inventory: &Inventory, faults: &mut Faults) -> Self {
        let provisional: Vec<Target> = entries.iter().map(|entry| provisional(entry, inventory)).collect();
        let mut words = Vocabulary::of(&provisional);
        words.tiers.extend(inventory.tiers.iter().cloned());
        let scope = Scope::targets(&words);
        let list = defaults
            .iter()
            .filter_map(|default| match &default.targets {
                None => Some((None, &default.keys)),
                Some(expression) => Some((Some(compile(expression, &scope, faults)?), &default.keys)),
            })
            .collect();
        Self { list }
    }

    /// Later defaults win over earlier ones, the target's own keys over all.
    fn fill(&self, entry: &mut Entry, inventory: &Inventory, faults: &mut Faults) {
        if self.list.is_empty() {
            return;
        }
        let target = provisional(entry, inventory);
        for (condition, keys) in self.list.iter().rev() {
            let holds = condition.as_ref().is_none_or(|condition| {
                condition.test(&about(&target)).unwrap_or_else(|error| {
                    faults.push(Fault::error(entry.id.span, format!("a default cannot be decided for `{}`: {error}", entry.id.value)));
                    false
                })
            });
            if holds {
                entry.keys.fill_from(keys);
            }
        }
    }
}

/// What is known of a target before defaults: enough to judge their expressions.
fn provisional(entry: &Entry, inventory: &Inventory) -> Target {
    let mut target = Target::new(entry.id.value.clone(), entry.kind.unwrap_or(Kind::Host));
    target.address = entry.keys.address.as_ref().map(|address| address.value.clone());
    target.labels.clone_from(&entry.keys.labels);
    target.system = entry.keys.system.as_ref().and_then(|system| inventory.systems.get(&system.value).cloned());
    target
}

/// What an expression over targets is judged on; it has no clock.
fn about(target: &Target) -> Env<'_> {
    Env::at(chrono::DateTime::UNIX_EPOCH, chrono_tz::UTC).with_target(target)
}

/// Compiles an expression over targets; its faults are placed in the file.
pub(super) fn compile(source: &Spanned<String>, scope: &Scope, faults: &mut Faults) -> Option<Expr> {
    match expr::compile(&source.value, scope, Type::Boolean) {
        Ok(expression) => Some(expression),
        Err(list) => {
            for fault in list {
                faults.push(Fault::error(source.span.within(&fault.range), fault.message).maybe_help(fault.help));
            }
            None
        }
    }
}

/// The names that a reference may have.
struct Names {
    systems: BTreeSet<String>,
    logins: BTreeSet<String>,
    people: BTreeSet<String>,
    targets: BTreeSet<String>,
}

struct Resolver<'a> {
    inventory: &'a Inventory,
    logins: HashMap<String, Arc<Login>>,
    names: &'a Names,
    kinds: HashMap<String, (Kind, Option<String>)>,
    faults: &'a mut Faults,
}

impl Resolver<'_> {
    fn target(&mut self, entry: &Entry, sources: &Sources) -> Option<Target> {
        let kind = entry.kind?;
        let keys = &entry.keys;
        let mut target = Target::new(entry.id.value.clone(), kind);
        target.defined = sources.origin(entry.id.span);
        target.address = keys.address.as_ref().map(|address| address.value.clone());
        target.port = keys.port;
        target.url = keys.url.as_ref().map(|url| url.value.clone());
        target.database.clone_from(&keys.database);
        target.path.clone_from(&keys.path);
        target.socket.clone_from(&keys.socket);
        target.labels.clone_from(&keys.labels);
        target.timezone = keys.timezone.as_ref().map(|zone| zone.value.clone());
        target.host_key.clone_from(&keys.host_key);
        target.tls = keys.tls.unwrap_or_default();
        target.ca.clone_from(&keys.ca);
        let names = self.names;
        target.system = keys
            .system
            .as_ref()
            .and_then(|name| self.follow(name, "system", &names.systems))
            .and_then(|name| self.inventory.systems.get(name).cloned());
        target.login =
            keys.login.as_ref().and_then(|name| self.follow(name, "login", &names.logins)).and_then(|name| self.logins.get(name).cloned());
        target.owner = keys.owner.as_ref().and_then(|name| self.follow(name, "person", &names.people)).map(str::to_owned);
        target.on = keys.on.as_ref().and_then(|name| self.follow(name, "target", &names.targets)).map(str::to_owned);
        target.via = keys.via.iter().flatten().filter_map(|name| self.follow_host(name)).collect();
        if let Some(name) = keys.via.iter().flatten().find(|name| name.value == target.id) {
            self.faults.push(
                Fault::error(name.span, format!("`{}` would be reached through itself", target.id))
                    .and_at(entry.id.span, "this target")
                    .help("a default that is for its jump host, too, leaves it out by `not (target.id == …)`"),
            );
        }
        self.complete(&mut target, entry);
        Some(target)
    }

    /// Fills in what follows from the kind, and reports what it lacks.
    fn complete(&mut self, target: &mut Target, entry: &Entry) {
        let mut lacks = |key: &str, example: &str| {
            self.faults.push(
                Fault::error(entry.id.span, format!("the {} target `{}` needs `{key}:`", target.kind.id(), target.id))
                    .help(example.to_owned()),
            );
        };
        match target.kind {
            Kind::Http => match &target.url {
                None => lacks("url", "url: https://erp.example"),
                Some(url) if !url.starts_with("https://") && !url.starts_with("http://") => {
                    lacks("url", "it begins with https:// or http://");
                }
                Some(_) => {}
            },
            Kind::Sqlite => {
                if target.path.is_none() {
                    lacks("path", "path: /var/lib/app/app.db");
                }
            }
            Kind::Postgres | Kind::Mysql => {
                if target.address.is_none() && target.socket.is_none() {
                    let beneath = target.on.as_ref().and_then(|on| self.kinds.get(on)).and_then(|(_, address)| address.clone());
                    match (beneath, &target.on) {
                        // A database on this machine, or one reached through its own host, is at that host's loopback.
                        (Some(address), _) if address == "local" => target.address = Some("127.0.0.1".to_owned()),
                        (_, Some(on)) if target.via.contains(on) => target.address = Some("127.0.0.1".to_owned()),
                        (Some(address), _) => target.address = Some(address),
                        (None, Some(on)) => target.address = Some(on.clone()),
                        (None, None) => lacks("address", "address: 10.1.1.21, socket: /run/postgresql, or on: HOST"),
                    }
                }
            }
            _ => {
                if target.address.is_none() {
                    target.address = Some(target.id.clone());
                }
            }
        }
    }

    fn follow<'n>(&mut self, name: &'n Spanned<String>, what: &str, known: &BTreeSet<String>) -> Option<&'n str> {
        if known.contains(&name.value) {
            return Some(&name.value);
        }
        let near = nearest(&name.value, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        self.faults.push(Fault::error(name.span, format!("there is no {what} `{}`", name.value)).maybe_help(near));
        None
    }

    fn follow_host(&mut self, name: &Spanned<String>) -> Option<String> {
        let names = self.names;
        let found = self.follow(name, "target", &names.targets)?;
        if self.kinds.get(found).is_some_and(|(kind, _)| *kind != Kind::Host) {
            self.faults.push(Fault::error(name.span, format!("`{found}` is no host: only hosts are jumped through")));
            return None;
        }
        Some(found.to_owned())
    }
}

impl Inventory {
    /// Whether a text is nothing but names of targets, groups and systems: one of them would be a subtraction.
    fn are_names(&self, text: &str) -> bool {
        let mut names = text.split([',', ' ']).filter(|name| !name.is_empty()).peekable();
        names.peek().is_some() && names.all(|name| self.named(name).is_some())
    }

    /// The positions of the targets that are meant; unknown names and expressions that hold for none are faults.
    pub fn select(&self, selection: &Selection, faults: &mut Faults) -> Vec<usize> {
        match selection {
            Selection::Where(expression) if self.are_names(&expression.value) => {
                let list: Vec<&str> = expression.value.split([',', ' ']).filter(|name| !name.is_empty()).collect();
                faults.push(
                    Fault::error(expression.span, format!("a text is an expression, and `{}` is a name", list.join(", ")))
                        .help(format!("names stand in a list: [{}]", list.join(", "))),
                );
                Vec::new()
            }
            Selection::Where(expression) => {
                let Some(compiled) = compile(expression, &Scope::targets(self.vocabulary()), faults) else { return Vec::new() };
                let mut found = Vec::new();
                for (position, target) in self.targets.iter().enumerate() {
                    match compiled.test(&about(target)) {
                        Ok(true) => found.push(position),
                        Ok(false) => {}
                        Err(error) => faults.push(Fault::error(expression.span, format!("cannot be decided for `{}`: {error}", target.id))),
                    }
                }
                found
            }
            Selection::Names(names, _) => {
                let mut found = BTreeSet::new();
                for name in names {
                    match self.named(&name.value) {
                        Some(positions) if positions.is_empty() => {
                            faults.push(Fault::error(name.span, format!("`{}` stands for no target", name.value)));
                        }
                        Some(positions) => found.extend(positions),
                        None => {
                            let near = nearest(&name.value, self.names()).map(|near| format!("did you mean `{near}`?"));
                            faults.push(
                                Fault::error(name.span, format!("no target, group or system is named `{}`", name.value)).maybe_help(near),
                            );
                        }
                    }
                }
                found.into_iter().collect()
            }
        }
    }
}
