//! What tests of commands share.

use crate::model::Phrase;
use crate::playbook::{Plan, PlanLimits};

/// A plan without targets and items.
pub(super) fn empty_plan() -> Plan {
    Plan {
        playbook: "p".to_owned(),
        title: Phrase::plain("P"),
        owner: None,
        organisation: Phrase::default(),
        text: String::new(),
        timezone: chrono_tz::UTC,
        calendar: None,
        words: crate::expr::Vocabulary::default(),
        targets: Vec::new(),
        items: Vec::new(),
        people: Vec::new(),
        waivers: Vec::new(),
        windows: Vec::new(),
        limits: PlanLimits::default(),
        languages: Vec::new(),
    }
}
