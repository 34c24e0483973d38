//! A settings file as written: the zone, the tiers, limits, and rules that hold for every playbook of the site.

use super::document::{Limits, OverrideDoc, Values, read_expression, read_limits, read_override, read_values};
use crate::inventory::document::{Selection, read_selection};
use crate::yaml::{Fault, Faults, MapReader, Node, Spanned};

/// Settings as written.
#[derive(Clone, Debug, Default)]
pub struct SettingsDoc {
    /// The one zone of all times.
    pub timezone: Option<Spanned<String>>,
    /// Tiers, the most important first.
    pub tiers: Vec<Spanned<String>>,
    /// Name of the organisation, on the cover of reports.
    pub organisation: Option<crate::model::Phrase>,
    /// Rules and parameters for checks.
    pub overrides: Vec<OverrideDoc>,
    /// Values that every expression may use.
    pub values: Values,
    /// Limits that playbooks do not say themselves.
    pub limits: Limits,
    /// How many targets are inspected at once.
    pub at_once: Option<u64>,
    /// How many sessions go through one jump host at once.
    pub at_once_per_jump: Option<u64>,
    /// Who is told.
    pub alerts: Vec<AlertDoc>,
}

/// An entry of `alerts:`.
#[derive(Clone, Debug)]
pub struct AlertDoc {
    /// Of which targets.
    pub targets: Option<Selection>,
    /// From which verdict on.
    pub level: Option<String>,
    /// Who.
    pub to: Vec<Spanned<String>>,
}

/// Reads the root of a settings file.
pub fn read_settings(root: &Node, faults: &mut Faults) -> SettingsDoc {
    let mut doc = SettingsDoc::default();
    let Some(mut map) = MapReader::new(root, "settings", faults) else { return doc };
    map.take("settings");
    doc.timezone = map.take("timezone").and_then(|node| faults.spanned_text(node, "timezone"));
    if let Some(zone) = &doc.timezone
        && zone.value.parse::<chrono_tz::Tz>().is_err()
    {
        faults.push(
            Fault::error(zone.span, format!("`{}` is no IANA time zone", zone.value)).help("such as Asia/Shanghai, Europe/Berlin, UTC"),
        );
    }
    doc.tiers = map.take("tiers").map(|node| faults.ids(node, "tiers")).unwrap_or_default();
    doc.organisation = map.take("organisation").and_then(|node| faults.phrase(node, "organisation"));
    doc.overrides = map
        .take("overrides")
        .map(|node| faults.list(node, "overrides").iter().filter_map(|item| read_override(item, faults)).collect())
        .unwrap_or_default();
    doc.values = map.take("values").map(|node| read_values(node, faults)).unwrap_or_default();
    doc.limits = map.take("limits").map(|node| read_limits(node, faults)).unwrap_or_default();
    doc.at_once = map.take("at_once").and_then(|node| faults.integer(node, "at_once"));
    doc.at_once_per_jump = map.take("at_once_per_jump").and_then(|node| faults.integer(node, "at_once_per_jump"));
    doc.alerts = map
        .take("alerts")
        .map(|node| faults.list(node, "alerts").iter().filter_map(|item| read_alert(item, faults)).collect())
        .unwrap_or_default();
    if let Some(node) = map.take("tickets") {
        read_tickets(node, faults);
    }
    map.finish(faults);
    for over in doc.overrides.iter().filter(|over| over.check.is_none()) {
        faults.push(Fault::error(over.span, "an override outside a check must say which check it is for").help("add `check: ID`"));
    }
    doc
}

fn read_alert(node: &Node, faults: &mut Faults) -> Option<AlertDoc> {
    let mut map = MapReader::new(node, "an alert", faults)?;
    let alert = AlertDoc {
        targets: map.take("targets").and_then(|node| read_selection(node, "targets", faults)),
        level: map.take("level").and_then(|node| faults.word(node, "level", &["warn", "crit", "error"])).map(str::to_owned),
        to: map.require("to", faults).map(|node| faults.ids(node, "to")).unwrap_or_default(),
    };
    map.finish(faults);
    Some(alert)
}

/// Tickets are checked for their form; the built-in tracker that acts on them is not part of this version.
fn read_tickets(node: &Node, faults: &mut Faults) {
    for item in faults.list(node, "tickets") {
        let Some(mut map) = MapReader::new(item, "an entry of tickets", faults) else { continue };
        if let Some(node) = map.take("targets") {
            read_selection(node, "targets", faults);
        }
        for key in ["confirm", "close", "tracker", "assign", "project"] {
            if let Some(node) = map.take(key) {
                read_expression(node, key, faults);
            }
        }
        if let Some(node) = map.take("open_on") {
            for item in faults.list(node, "open_on") {
                faults.word(item, "open_on", &["warn", "crit", "error", "unreachable"]);
            }
        }
        if let Some(node) = map.take("storm") {
            faults.integer(node, "storm");
        }
        map.finish(faults);
    }
}
