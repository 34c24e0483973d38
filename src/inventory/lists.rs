//! Targets from other people's lists: CSV files and the JSON of `ansible-inventory --list`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Entry, Keys, is_snake_case};
use crate::model::Kind;
use crate::yaml::{Fault, Faults, FileId, Span, Spanned};

/// Most targets of one list.
const MAX_TARGETS: usize = 100_000;

/// Targets of a CSV file: `id` is required, `address,kind,system` and the other keys of a target that fit into a cell are
/// taken as such, every other column is a label. Empty cells were not written.
pub fn read_csv(file: FileId, text: &str, faults: &mut Faults) -> Vec<Entry> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let at_start = Span { file, start: 0, end: text.find('\n').unwrap_or(text.len()) };
    let columns: Vec<String> = match reader.headers() {
        Ok(headers) => headers.iter().map(str::to_lowercase).collect(),
        Err(error) => {
            faults.push(Fault::error(at_start, format!("no CSV: {error}")));
            return Vec::new();
        }
    };
    if !columns.iter().any(|column| column == "id") {
        faults.push(
            Fault::error(at_start, "the first line must name the columns, `id` among them")
                .help("id,address,kind,system; every other column is a label"),
        );
        return Vec::new();
    }
    for column in columns.iter().filter(|column| !is_snake_case(column)) {
        faults.push(
            Fault::error(at_start, format!("the column `{column}` is not in snake_case"))
                .help("letters a–z, digits and `_`: it becomes a label"),
        );
    }
    let mut entries = Vec::new();
    for record in reader.records().take(MAX_TARGETS) {
        match record {
            Ok(record) => {
                let start = usize::try_from(record.position().map_or(0, csv::Position::byte)).unwrap_or_default();
                let span = Span { file, start, end: start + text[start.min(text.len())..].find('\n').unwrap_or(0) };
                entries.extend(csv_entry(&columns, &record, span, faults));
            }
            Err(error) => faults.push(Fault::error(at_start, format!("no CSV: {error}"))),
        }
    }
    entries
}

fn csv_entry(columns: &[String], record: &csv::StringRecord, span: Span, faults: &mut Faults) -> Option<Entry> {
    let mut keys = Keys::default();
    let mut id = None;
    let mut kind = Some(Kind::Host);
    for (column, cell) in columns.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        let spanned = || Spanned::new(cell.to_owned(), span);
        match column.as_str() {
            "id" => id = Some(spanned()),
            "address" => keys.address = Some(spanned()),
            "system" => keys.system = Some(spanned()),
            "login" => keys.login = Some(spanned()),
            "owner" => keys.owner = Some(spanned()),
            "url" => keys.url = Some(spanned()),
            "port" => match cell.parse() {
                Ok(port) => keys.port = Some(port),
                Err(_) => faults.push(Fault::error(span, format!("`{cell}` is no port"))),
            },
            "kind" => {
                kind = Kind::from_id(cell);
                if kind.is_none() {
                    faults.push(
                        Fault::error(span, format!("kind cannot be `{cell}`"))
                            .help(format!("one of {}", Kind::ALL.map(Kind::id).join(", "))),
                    );
                }
            }
            label => {
                keys.labels.insert(label.to_owned(), cell.to_owned());
            }
        }
    }
    if id.is_none() {
        faults.push(Fault::error(span, "a line without an id"));
    }
    Some(Entry { id: id?, kind, keys })
}

/// Targets and groups of the JSON that `ansible-inventory --list` prints. `ansible_host` and `ansible_port` become address
/// and port, other variables that are plain values become labels; variables of Ansible itself, secrets among them, are left out.
pub fn read_ansible(file: FileId, text: &str, faults: &mut Faults) -> (Vec<Entry>, Vec<(String, Vec<String>)>) {
    let whole = Span { file, start: 0, end: 0 };
    let root: Value = match serde_json::from_str(text) {
        Ok(root) => root,
        Err(error) => {
            faults.push(Fault::error(whole, format!("no JSON: {error}")).help("it is what `ansible-inventory --list` prints"));
            return (Vec::new(), Vec::new());
        }
    };
    let Some(groups) = root.as_object().filter(|root| root.contains_key("_meta")) else {
        faults
            .push(Fault::error(whole, "no inventory of Ansible: `_meta` is missing").help("it is what `ansible-inventory --list` prints"));
        return (Vec::new(), Vec::new());
    };
    let empty = serde_json::Map::new();
    let variables = root["_meta"]["hostvars"].as_object().unwrap_or(&empty);
    let mut hosts: BTreeSet<&str> = variables.keys().map(String::as_str).collect();
    hosts.extend(groups.values().filter_map(|group| group["hosts"].as_array()).flatten().filter_map(Value::as_str));
    let entries = hosts.iter().take(MAX_TARGETS).map(|host| ansible_entry(host, variables.get(*host), whole)).collect();
    let members = groups
        .keys()
        .filter(|name| !matches!(name.as_str(), "_meta" | "all" | "ungrouped"))
        .map(|name| (name.replace(' ', "_"), members(groups, name, &mut BTreeSet::new()).into_iter().collect()))
        .collect();
    (entries, members)
}

fn ansible_entry(host: &str, variables: Option<&Value>, span: Span) -> Entry {
    let spanned = |text: &str| Spanned::new(text.to_owned(), span);
    let mut keys = Keys { address: Some(spanned(host)), ..Keys::default() };
    for (name, value) in variables.and_then(Value::as_object).into_iter().flatten() {
        match (name.as_str(), value) {
            ("ansible_host", Value::String(address)) => keys.address = Some(spanned(address)),
            ("ansible_connection", Value::String(how)) if how == "local" => keys.address = Some(spanned("local")),
            ("ansible_port", port) => keys.port = port.as_u64().and_then(|port| u16::try_from(port).ok()),
            (name, _) if name.starts_with("ansible_") => {}
            (name, Value::String(text)) if is_snake_case(name) && !looks_secret(name) => {
                keys.labels.insert(name.to_owned(), text.clone());
            }
            (name, Value::Bool(_) | Value::Number(_)) if is_snake_case(name) => {
                keys.labels.insert(name.to_owned(), value.to_string());
            }
            _ => {}
        }
    }
    Entry { id: spanned(host), kind: Some(Kind::Host), keys }
}

/// Variables that are likely to hold a secret stay in Ansible.
fn looks_secret(name: &str) -> bool {
    ["pass", "secret", "token", "key", "vault", "credential"].iter().any(|word| name.contains(word))
}

fn members(groups: &serde_json::Map<String, Value>, name: &str, visited: &mut BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if !visited.insert(name.to_owned()) {
        return found;
    }
    let listed = |key: &str| groups.get(name).and_then(|group| group[key].as_array()).into_iter().flatten().filter_map(Value::as_str);
    found.extend(listed("hosts").map(str::to_owned));
    for child in listed("children") {
        found.extend(members(groups, child, visited));
    }
    found
}

/// The first target of each id, the others reported as faults.
pub fn unique(entries: Vec<Entry>, faults: &mut Faults) -> Vec<Entry> {
    let mut first: BTreeMap<String, Span> = BTreeMap::new();
    entries
        .into_iter()
        .filter(|entry| match first.get(&entry.id.value) {
            Some(span) => {
                faults
                    .push(Fault::error(entry.id.span, format!("the target `{}` stands twice", entry.id.value)).and_at(*span, "first here"));
                false
            }
            None => {
                first.insert(entry.id.value.clone(), entry.id.span);
                true
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_column_that_is_no_key_is_a_label() {
        let mut faults = Faults::default();
        let entries =
            read_csv(FileId(0), "id,address,kind,system,role\nweb1,10.0.0.1,host,shop,web\ndb1,10.0.0.2,postgres,shop,\n", &mut faults);
        assert!(!faults.any_error(), "{faults:?}");
        assert_eq!(entries[0].keys.labels["role"], "web");
        assert_eq!(entries[1].kind, Some(Kind::Postgres));
        assert!(entries[1].keys.labels.is_empty());
    }

    #[test]
    fn a_csv_line_that_is_wrong_is_told_with_its_line() {
        let mut sources = crate::yaml::Sources::default();
        let text = "id,kind\na,host\nb,hosst\n";
        let file = sources.add("hosts.csv", text);
        let mut faults = Faults::default();
        read_csv(file, text, &mut faults);
        assert!(faults.lines(&sources).starts_with("hosts.csv:3: error: kind cannot be `hosst`"), "{}", faults.lines(&sources));
    }

    #[test]
    fn ansible_groups_hold_the_hosts_of_their_children_and_no_secrets_come_along() {
        let text = r#"{"_meta":{"hostvars":{"a":{"ansible_host":"10.0.0.1","ansible_port":2222,"ansible_password":"x","db_password":"y","role":"web"}}},
            "all":{"children":["ungrouped","web"]},"web":{"children":["front"]},"front":{"hosts":["a"]}}"#;
        let mut faults = Faults::default();
        let (entries, groups) = read_ansible(FileId(0), text, &mut faults);
        assert_eq!(entries[0].keys.address.as_ref().unwrap().value, "10.0.0.1");
        assert_eq!(entries[0].keys.port, Some(2222));
        assert_eq!(entries[0].keys.labels.keys().collect::<Vec<_>>(), ["role"]);
        assert!(groups.contains(&("web".to_owned(), vec!["a".to_owned()])));
    }
}
