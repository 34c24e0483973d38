//! An inventory file as written: entries with the places of their keys, nothing resolved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::target::TlsMode;
use crate::model::{FieldType, Kind, Login, Person, SecretRef, System};
use crate::yaml::{Fault, Faults, MapReader, Node, NodeValue, Span, Spanned};

/// One inventory file.
#[derive(Debug, Default)]
pub struct InventoryFile {
    /// Its name.
    pub id: Option<Spanned<String>>,
    /// Ways of logging in.
    pub logins: Vec<Spanned<Login>>,
    /// People.
    pub people: Vec<Spanned<Person>>,
    /// Systems.
    pub systems: Vec<Spanned<System>>,
    /// Types of the values that systems carry: a system, a name, its type.
    pub value_types: Vec<(String, Spanned<String>, FieldType)>,
    /// Keys for targets that an expression selects.
    pub defaults: Vec<Default_>,
    /// Targets.
    pub targets: Vec<Entry>,
    /// Files with more targets.
    pub more: Vec<Spanned<More>>,
    /// Named selections.
    pub groups: Vec<Group>,
}

/// Keys that hold for the targets that `targets` selects.
#[derive(Debug)]
pub struct Default_ {
    /// The expression; `None` selects all.
    pub targets: Option<Spanned<String>>,
    /// The keys.
    pub keys: Keys,
}

/// A target, or a range of them.
#[derive(Debug)]
pub struct Entry {
    /// Its id, perhaps a range.
    pub id: Spanned<String>,
    /// Its kind.
    pub kind: Option<Kind>,
    /// What else is said of it.
    pub keys: Keys,
}

/// Where more targets are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum More {
    /// A CSV file: `id,address,kind,system`, every other column is a label.
    Csv(PathBuf),
    /// The JSON that `ansible-inventory --list` prints.
    Ansible(PathBuf),
}

/// A named selection of targets.
#[derive(Debug)]
pub struct Group {
    /// Its name.
    pub id: Spanned<String>,
    /// An expression, or names.
    pub targets: Selection,
}

/// Which targets are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// Those for which the expression holds.
    Where(Spanned<String>),
    /// Those of these names: targets, groups, systems.
    Names(Vec<Spanned<String>>, Span),
}

/// The keys of a target; each that is `None` was not written.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Address, perhaps a range.
    pub address: Option<Spanned<String>>,
    /// Port.
    pub port: Option<u16>,
    /// URL.
    pub url: Option<Spanned<String>>,
    /// Database to connect to.
    pub database: Option<String>,
    /// SQLite file.
    pub path: Option<PathBuf>,
    /// Unix socket.
    pub socket: Option<PathBuf>,
    /// Its system.
    pub system: Option<Spanned<String>>,
    /// Its login.
    pub login: Option<Spanned<String>>,
    /// Jump hosts in order.
    pub via: Option<Vec<Spanned<String>>>,
    /// The host beneath.
    pub on: Option<Spanned<String>>,
    /// Who answers for it.
    pub owner: Option<Spanned<String>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Time zone.
    pub timezone: Option<Spanned<String>>,
    /// Pinned host key.
    pub host_key: Option<String>,
    /// TLS.
    pub tls: Option<TlsMode>,
    /// Private authority.
    pub ca: Option<PathBuf>,
}

impl Keys {
    /// Takes over what `self` does not say itself.
    pub fn fill_from(&mut self, other: &Self) {
        fn fill<T: Clone>(own: &mut Option<T>, other: Option<&T>) {
            if own.is_none() {
                *own = other.cloned();
            }
        }
        fill(&mut self.address, other.address.as_ref());
        fill(&mut self.port, other.port.as_ref());
        fill(&mut self.url, other.url.as_ref());
        fill(&mut self.database, other.database.as_ref());
        fill(&mut self.path, other.path.as_ref());
        fill(&mut self.socket, other.socket.as_ref());
        fill(&mut self.system, other.system.as_ref());
        fill(&mut self.login, other.login.as_ref());
        fill(&mut self.via, other.via.as_ref());
        fill(&mut self.on, other.on.as_ref());
        fill(&mut self.owner, other.owner.as_ref());
        fill(&mut self.timezone, other.timezone.as_ref());
        fill(&mut self.host_key, other.host_key.as_ref());
        fill(&mut self.tls, other.tls.as_ref());
        fill(&mut self.ca, other.ca.as_ref());
        for (name, value) in &other.labels {
            self.labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// Reads the root of an inventory file.
pub fn read(root: &Node, faults: &mut Faults) -> InventoryFile {
    let mut file = InventoryFile::default();
    let Some(mut map) = MapReader::new(root, "an inventory", faults) else { return file };
    file.id = map.take("inventory").and_then(|node| faults.id(node, "inventory"));
    file.logins = each(map.take("logins"), "logins", faults, read_login);
    file.people = each(map.take("people"), "people", faults, read_person);
    for node in map.take("systems").map_or(&[][..], |node| faults.list(node, "systems")) {
        file.systems.extend(read_system(node, &mut file.value_types, faults));
    }
    file.defaults = each(map.take("defaults"), "defaults", faults, read_default);
    file.targets = each(map.take("targets"), "targets", faults, read_entry);
    file.more = each(map.take("more_targets"), "more_targets", faults, read_more);
    file.groups = each(map.take("groups"), "groups", faults, read_group);
    map.finish(faults);
    file
}

fn each<T>(node: Option<&Node>, what: &str, faults: &mut Faults, read: fn(&Node, &mut Faults) -> Option<T>) -> Vec<T> {
    node.map_or_else(Vec::new, |node| faults.list(node, what).iter().filter_map(|item| read(item, faults)).collect())
}

fn read_login(node: &Node, faults: &mut Faults) -> Option<Spanned<Login>> {
    let mut map = MapReader::new(node, "a login", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of a login"));
    let login = Login {
        id: id.as_ref().map(|id| id.value.clone()).unwrap_or_default(),
        user: map.take("user").and_then(|node| faults.text(node, "user")),
        password: map.take("password").and_then(|node| read_secret(node, "password", faults)),
        key: map.take("key").and_then(|node| read_secret(node, "key", faults)),
        passphrase: map.take("passphrase").and_then(|node| read_secret(node, "passphrase", faults)),
        agent: map.take("agent").and_then(|node| faults.boolean(node, "agent")).unwrap_or(false),
        sudo: map.take("sudo").and_then(|node| faults.boolean(node, "sudo")).unwrap_or(false),
    };
    map.finish(faults);
    id.map(|id| Spanned::new(login, id.span))
}

/// Reads a reference to a secret; a secret in plain text is refused.
pub fn read_secret(node: &Node, what: &str, faults: &mut Faults) -> Option<SecretRef> {
    let remedy = "say where it is to be had: {env: NAME}, {file: PATH}, {systemd: NAME} or {command: [pass, NAME]}";
    if !matches!(node.value, NodeValue::Map(_)) {
        faults.push(Fault::error(node.span, format!("{what} is a reference to a secret, never the secret itself")).help(remedy));
        return None;
    }
    let mut map = MapReader::new(node, "a secret", faults)?;
    let found = [
        map.take("env").and_then(|node| faults.text(node, "env")).map(SecretRef::Env),
        map.take("file").and_then(|node| faults.text(node, "file")).map(|path| SecretRef::File(path.into())),
        map.take("systemd").and_then(|node| faults.text(node, "systemd")).map(SecretRef::Systemd),
        map.take("command").map(|node| SecretRef::Command(faults.texts(node, "command"))),
    ];
    map.finish(faults);
    let mut found = found.into_iter().flatten();
    let secret = found.next();
    if secret.is_none() || found.next().is_some() {
        faults.push(Fault::error(node.span, format!("{what} comes from exactly one place")).help(remedy));
        return None;
    }
    secret
}

fn read_person(node: &Node, faults: &mut Faults) -> Option<Spanned<Person>> {
    let mut map = MapReader::new(node, "a person", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of a person"));
    let person = Person {
        id: id.as_ref().map(|id| id.value.clone()).unwrap_or_default(),
        name: map.take("name").and_then(|node| faults.phrase(node, "name")).unwrap_or_default(),
        mail: map.take("mail").and_then(|node| faults.text(node, "mail")),
        phone: map.take("phone").and_then(|node| faults.text(node, "phone")),
        language: map.take("language").and_then(|node| faults.word(node, "language", &["en", "zh"])).map(str::to_owned),
        members: map.take("members").map(|node| faults.ids(node, "members")).unwrap_or_default().into_iter().map(|id| id.value).collect(),
    };
    map.finish(faults);
    id.map(|id| Spanned::new(person, id.span))
}

fn read_system(node: &Node, types: &mut Vec<(String, Spanned<String>, FieldType)>, faults: &mut Faults) -> Option<Spanned<System>> {
    let mut map = MapReader::new(node, "a system", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of a system"));
    let mut system = System {
        id: id.as_ref().map(|id| id.value.clone()).unwrap_or_default(),
        name: map.take("name").and_then(|node| faults.phrase(node, "name")).unwrap_or_default(),
        tier: map.require("tier", faults).and_then(|node| faults.id(node, "tier")).map(|tier| tier.value).unwrap_or_default(),
        owner: map.take("owner").and_then(|node| faults.id(node, "owner")).map(|owner| owner.value),
        contacts: map
            .take("contacts")
            .map(|node| faults.ids(node, "contacts"))
            .unwrap_or_default()
            .into_iter()
            .map(|id| id.value)
            .collect(),
        service_level: map.take("service_level").and_then(|node| faults.phrase(node, "service_level")),
        ..System::default()
    };
    if let Some(mut objectives) = map.take("objectives").and_then(|node| MapReader::new(node, "objectives", faults)) {
        system.rpo_s = objectives.take("rpo").and_then(|node| faults.duration(node, "rpo"));
        system.rto_s = objectives.take("rto").and_then(|node| faults.duration(node, "rto"));
        objectives.finish(faults);
    }
    if let Some(Node { value: NodeValue::Map(values), .. }) = map.take("values") {
        for (key, node) in values {
            if let Some((field_type, value)) = faults.typed_value(node, "a value") {
                types.push((system.id.clone(), Spanned::new(key.name.clone(), key.span), field_type));
                system.values.insert(key.name.clone(), value);
            }
        }
    }
    map.finish(faults);
    id.map(|id| Spanned::new(system, id.span))
}

fn read_default(node: &Node, faults: &mut Faults) -> Option<Default_> {
    let mut map = MapReader::new(node, "a default", faults)?;
    let targets = match map.take("targets").map(|node| read_selection(node, "targets", faults)) {
        Some(Some(Selection::Where(expression))) => Some(expression),
        Some(Some(Selection::Names(_, span))) => {
            faults.push(
                Fault::error(span, "defaults select by an expression, not by names").help("write targets: 'target.id in [\"a\", \"b\"]'"),
            );
            None
        }
        _ => None,
    };
    let keys = read_keys(&mut map, faults);
    map.finish(faults);
    Some(Default_ { targets, keys })
}

fn read_entry(node: &Node, faults: &mut Faults) -> Option<Entry> {
    let mut map = MapReader::new(node, "a target", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id_range(node, "the id of a target"));
    let kinds = Kind::ALL.map(Kind::id);
    let kind = map.require("kind", faults).and_then(|node| faults.word(node, "kind", &kinds)).and_then(Kind::from_id);
    let keys = read_keys(&mut map, faults);
    map.finish(faults);
    Some(Entry { id: id?, kind, keys })
}

fn read_keys(map: &mut MapReader<'_>, faults: &mut Faults) -> Keys {
    let mut keys = Keys {
        address: map.take("address").and_then(|node| faults.spanned_text(node, "address")),
        port: map.take("port").and_then(|node| read_port(node, faults)),
        url: map.take("url").and_then(|node| faults.spanned_text(node, "url")),
        database: map.take("database").and_then(|node| faults.text(node, "database")),
        path: map.take("path").and_then(|node| faults.text(node, "path")).map(PathBuf::from),
        socket: map.take("socket").and_then(|node| faults.text(node, "socket")).map(PathBuf::from),
        system: map.take("system").and_then(|node| faults.id(node, "system")),
        login: map.take("login").and_then(|node| faults.id(node, "login")),
        via: map.take("via").map(|node| read_via(node, faults)),
        on: map.take("on").and_then(|node| faults.id(node, "on")),
        owner: map.take("owner").and_then(|node| faults.id(node, "owner")),
        labels: BTreeMap::new(),
        timezone: map.take("timezone").and_then(|node| faults.spanned_text(node, "timezone")),
        host_key: map.take("host_key").and_then(|node| faults.text(node, "host_key")),
        tls: map.take("tls").and_then(|node| read_tls(node, faults)),
        ca: map.take("ca").and_then(|node| faults.text(node, "ca")).map(PathBuf::from),
    };
    if let Some(node) = map.take("labels") {
        let NodeValue::Map(entries) = &node.value else {
            faults.push(Fault::error(node.span, format!("labels are a map of names and values, this is {}", node.sort())));
            return keys;
        };
        for (name, node) in entries {
            if !is_snake_case(&name.name) {
                faults.push(
                    Fault::error(name.span, format!("the label `{}` is not in snake_case", name.name))
                        .help("letters a–z, digits and `_`, beginning with a letter"),
                );
            }
            if let Some(value) = faults.text(node, "the value of a label") {
                keys.labels.insert(name.name.clone(), value);
            }
        }
    }
    if let Some(zone) = &keys.timezone
        && zone.value.parse::<chrono_tz::Tz>().is_err()
    {
        faults.push(
            Fault::error(zone.span, format!("`{}` is no IANA time zone", zone.value)).help("such as Asia/Shanghai, Europe/Berlin, UTC"),
        );
    }
    keys
}

/// Whether `name` may be the name of a label or a field.
#[must_use]
pub fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn read_port(node: &Node, faults: &mut Faults) -> Option<u16> {
    let number = faults.integer(node, "port")?;
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        faults.push(Fault::error(node.span, format!("{number} is no port: 1 to 65535")));
    }
    port
}

fn read_via(node: &Node, faults: &mut Faults) -> Vec<Spanned<String>> {
    if matches!(node.value, NodeValue::List(_)) { faults.ids(node, "via") } else { faults.id(node, "via").into_iter().collect() }
}

fn read_tls(node: &Node, faults: &mut Faults) -> Option<TlsMode> {
    Some(match faults.word(node, "tls", &["disable", "require", "verify-ca", "verify-full"])? {
        "disable" => TlsMode::Disable,
        "require" => TlsMode::Require,
        "verify-ca" => TlsMode::VerifyCa,
        _ => TlsMode::VerifyFull,
    })
}

fn read_more(node: &Node, faults: &mut Faults) -> Option<Spanned<More>> {
    let mut map = MapReader::new(node, "an entry of more_targets", faults)?;
    let csv = map.take("csv").and_then(|node| faults.text(node, "csv"));
    let ansible = map.take("ansible").and_then(|node| faults.text(node, "ansible"));
    let span = map.span();
    map.finish(faults);
    match (csv, ansible) {
        (Some(path), None) => Some(Spanned::new(More::Csv(path.into()), span)),
        (None, Some(path)) => Some(Spanned::new(More::Ansible(path.into()), span)),
        _ => {
            faults.push(Fault::error(span, "an entry of more_targets names one file").help("{ csv: FILE } or { ansible: FILE }"));
            None
        }
    }
}

fn read_group(node: &Node, faults: &mut Faults) -> Option<Group> {
    let mut map = MapReader::new(node, "a group", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of a group"));
    let targets = map.require("targets", faults).and_then(|node| read_selection(node, "targets", faults));
    map.finish(faults);
    Some(Group { id: id?, targets: targets? })
}

/// Reads `targets:`: a string is an expression, a list is names.
pub fn read_selection(node: &Node, what: &str, faults: &mut Faults) -> Option<Selection> {
    match &node.value {
        NodeValue::List(_) => {
            let names = faults.some(node, what).iter().filter_map(|item| faults.id(item, what)).collect();
            Some(Selection::Names(names, node.span))
        }
        _ => faults.spanned_text(node, what).map(Selection::Where),
    }
}
