//! A file of tests as written.

use chrono::{DateTime, Utc};

use crate::model::Outcome;
use crate::yaml::{Fault, Faults, MapReader, Node, NodeValue, Spanned};

/// A file of tests.
#[derive(Clone, Debug)]
pub(super) struct TestDoc {
    /// What it is about.
    pub(super) name: String,
    /// Id of the playbook.
    pub(super) playbook: Spanned<String>,
    /// Its cases.
    pub(super) cases: Vec<CaseDoc>,
}

/// One case.
#[derive(Clone, Debug)]
pub(super) struct CaseDoc {
    /// What it is about.
    pub(super) name: Option<String>,
    /// Id of the line.
    pub(super) line: Spanned<String>,
    /// Id of the target.
    pub(super) target: Spanned<String>,
    /// File of the recorded answers.
    pub(super) captures: String,
    /// File of the recorded answers of the run before, for rates.
    pub(super) earlier: Option<String>,
    /// The clock; that of the captures unless said.
    pub(super) now: Option<DateTime<Utc>>,
    /// How the item should end.
    pub(super) expect: Outcome,
    /// How some of its rows should end, by their keys.
    pub(super) rows: Vec<(String, Outcome)>,
}

/// Reads the root of a file of tests.
pub(super) fn read(root: &Node, faults: &mut Faults) -> Option<TestDoc> {
    let mut map = MapReader::new(root, "a file of tests", faults)?;
    let name = map.require("test", faults).and_then(|node| faults.scalar(node, "test"));
    let playbook = map.require("playbook", faults).and_then(|node| faults.id(node, "playbook"));
    let list = map.require("cases", faults);
    map.finish(faults);
    let cases: Vec<CaseDoc> = list.map_or_else(Vec::new, |node| {
        let items = faults.list(node, "cases");
        if items.is_empty() {
            faults.push(Fault::error(node.span, "a test without cases tests nothing"));
        }
        items.iter().filter_map(|item| read_case(item, faults)).collect()
    });
    Some(TestDoc { name: name?.to_owned(), playbook: playbook?, cases })
}

fn read_case(node: &Node, faults: &mut Faults) -> Option<CaseDoc> {
    let mut map = MapReader::new(node, "a case", faults)?;
    let name = map.take("name").and_then(|node| faults.text(node, "name"));
    let line = map.require("line", faults).and_then(|node| faults.id(node, "line"));
    let target = map.require("target", faults).and_then(|node| faults.id(node, "target"));
    let captures = map.require("captures", faults).and_then(|node| faults.text(node, "captures"));
    let earlier = map.take("earlier").and_then(|node| faults.text(node, "earlier"));
    let now = map.take("now").and_then(|node| read_moment(node, faults));
    let expect = map.require("expect", faults).and_then(|node| read_outcome(node, faults));
    let rows = map.take("rows").map(|node| read_rows(node, faults)).unwrap_or_default();
    map.finish(faults);
    Some(CaseDoc { name, line: line?, target: target?, captures: captures?, earlier, now, expect: expect?, rows })
}

fn read_rows(node: &Node, faults: &mut Faults) -> Vec<(String, Outcome)> {
    let NodeValue::Map(entries) = &node.value else {
        faults.push(Fault::error(node.span, format!("rows are a map of keys and outcomes, this is {}", node.sort())));
        return Vec::new();
    };
    entries.iter().filter_map(|(key, node)| Some((key.name.clone(), read_outcome(node, faults)?))).collect()
}

fn read_outcome(node: &Node, faults: &mut Faults) -> Option<Outcome> {
    let words = Outcome::ALL.map(Outcome::id);
    faults.word(node, "an outcome", &words).and_then(Outcome::from_id)
}

fn read_moment(node: &Node, faults: &mut Faults) -> Option<DateTime<Utc>> {
    let text = faults.scalar(node, "now")?;
    let moment = text.parse().ok();
    if moment.is_none() {
        faults.push(Fault::error(node.span, format!("`{text}` is no moment with a zone")).help("write 2026-11-21T10:00:00Z"));
    }
    moment
}
