//! A waivers file as written: findings accepted by somebody, for a reason, until a day.

use chrono::{DateTime, Days, NaiveDate, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::document::read_expression;
use crate::inventory::document::{Selection, read_selection};
use crate::model::{Phrase, Verdict};
use crate::yaml::{Fault, Faults, MapReader, Node, Span, Spanned};

/// A waiver as written.
#[derive(Clone, Debug)]
pub struct WaiverDoc {
    /// Its id.
    pub id: Spanned<String>,
    /// The whole of it.
    pub span: Span,
    /// Check in the catalogue, or `reachable`.
    pub check: Spanned<String>,
    /// Only this line of playbooks: several lines of `sql` or `exec` have nothing in common but the check.
    pub line: Option<Spanned<String>>,
    /// Which targets.
    pub targets: Option<Selection>,
    /// Which rows.
    pub rows: Option<Spanned<String>>,
    /// It holds only while this does.
    pub only_while: Option<Spanned<String>>,
    /// The worst verdict that it covers.
    pub accepts: Verdict,
    /// Whether it covers being unreachable, too.
    pub covers_unreachable: bool,
    /// Why.
    pub reason: Phrase,
    /// Who asked for it.
    pub requested_by: Option<Spanned<String>>,
    /// Who granted it.
    pub approved_by: Spanned<String>,
    /// Its last day.
    pub ends: NaiveDate,
}

impl WaiverDoc {
    /// The moment at which it ends: when its last day ends in `zone`.
    #[must_use]
    pub fn ends_at(&self, zone: Tz) -> DateTime<Utc> {
        let next = self.ends.checked_add_days(Days::new(1)).unwrap_or(self.ends);
        let midnight = next.and_time(chrono::NaiveTime::MIN);
        zone.from_local_datetime(&midnight).earliest().map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc))
    }
}

/// Reads the root of a waivers file.
pub fn read_waivers(root: &Node, faults: &mut Faults) -> Vec<WaiverDoc> {
    let Some(mut map) = MapReader::new(root, "a waivers file", faults) else { return Vec::new() };
    map.take("waivers");
    let list = map.require("list", faults);
    map.finish(faults);
    list.map_or_else(Vec::new, |node| faults.list(node, "list").iter().filter_map(|item| read_waiver(item, faults)).collect())
}

fn read_waiver(node: &Node, faults: &mut Faults) -> Option<WaiverDoc> {
    let mut map = MapReader::new(node, "a waiver", faults)?;
    let id = map.require("id", faults).and_then(|node| faults.id(node, "the id of a waiver"));
    let check = map.require("check", faults).and_then(|node| faults.id(node, "check"));
    let line = map.take("line").and_then(|node| faults.id(node, "line"));
    let targets = map.require("targets", faults).and_then(|node| read_selection(node, "targets", faults));
    let rows = map.take("rows").and_then(|node| read_expression(node, "rows", faults));
    let only_while = map.take("only_while").and_then(|node| read_expression(node, "only_while", faults));
    let accepts = map.require("accepts", faults).and_then(|node| faults.word(node, "accepts", &["warn", "crit"]));
    let covers_unreachable = map.take("covers_unreachable").and_then(|node| faults.boolean(node, "covers_unreachable")).unwrap_or(false);
    let reason = map.require("reason", faults).and_then(|node| faults.phrase(node, "reason"));
    let requested_by = map.take("requested_by").and_then(|node| faults.id(node, "requested_by"));
    let approved_by = map.require("approved_by", faults).and_then(|node| faults.id(node, "approved_by"));
    let ends = map.require("ends", faults).and_then(|node| read_end(node, faults));
    map.finish(faults);
    if let (Some(requested), Some(approved)) = (&requested_by, &approved_by)
        && requested.value == approved.value
    {
        faults.push(Fault::error(approved.span, "who asks for a waiver cannot grant it").and_at(requested.span, "asked for here"));
    }
    Some(WaiverDoc {
        id: id?,
        span: node.span,
        check: check?,
        line,
        targets,
        rows,
        only_while,
        accepts: if accepts? == "crit" { Verdict::Crit } else { Verdict::Warn },
        covers_unreachable,
        reason: reason?,
        requested_by,
        approved_by: approved_by?,
        ends: ends?,
    })
}

fn read_end(node: &Node, faults: &mut Faults) -> Option<NaiveDate> {
    let text = faults.scalar(node, "ends")?;
    let end = text.parse().ok();
    if end.is_none() {
        let help = if text == "never" {
            "a waiver that never ends is no waiver: raise the threshold in an override instead"
        } else {
            "write its last day: 2027-03-31"
        };
        faults.push(Fault::error(node.span, format!("a waiver cannot end `{text}`")).help(help));
    }
    end
}
