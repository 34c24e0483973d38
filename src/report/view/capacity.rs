//! Section 7: what fills up and when, and what expires.

use serde::Serialize;

use super::context::Context;
use crate::model::{ItemRecord, RowRecord, Untrusted};
use crate::report::expiry::{Ending, ending};
use crate::report::forecast::{Forecast, forecast, sparkline};

/// Resources shown with their line; the tightest come first and the rest is counted.
const SHOWN: usize = 40;
/// Size of a line in the units of the drawing.
const LINE: (f64, f64) = (120.0, 24.0);
const SOON_DAYS: i64 = 30;

/// Section 7.
#[derive(Clone, Debug, Serialize)]
pub struct Capacity {
    /// What to say when there is nothing to show.
    pub note: Option<String>,
    /// Resources, those that fill first at the top.
    pub fills: Vec<FillLine>,
    /// How many more there are, in words.
    pub more: Option<String>,
    /// What expires within 30 days or has expired, soonest first.
    pub expires: Vec<ExpiryLine>,
}

/// One resource.
#[derive(Clone, Debug, Serialize)]
pub struct FillLine {
    /// Target and row.
    pub object: String,
    /// Title of the check.
    pub what: String,
    /// System.
    pub system: String,
    /// How full it is.
    pub now: String,
    /// Change a day.
    pub growth: String,
    /// When it is full, or why that is not known.
    pub full_on: String,
    /// Whether it will be full within a year.
    pub reaches: bool,
    /// Whole days until then.
    pub days: i64,
    /// `12.5 %` in words, for those who cannot see the line.
    pub days_text: String,
    /// Points of its line in a box of 120 × 24, newest at the right.
    pub points: Vec<(f64, f64)>,
    /// The same points as an attribute of SVG.
    pub svg_points: String,
}

/// One thing that expires.
#[derive(Clone, Debug, Serialize)]
pub struct ExpiryLine {
    /// Certificate, password …
    pub what: String,
    /// Which one.
    pub object: String,
    /// When.
    pub on: String,
    /// Whole days left, negative when it has expired.
    pub days: i64,
    /// The same in words.
    pub left: String,
    /// The tone.
    pub tone: &'static str,
    /// Who answers for it.
    pub owner: String,
}

pub(super) fn capacity(context: &Context<'_>) -> Capacity {
    let format = context.format;
    let mut fills: Vec<(f64, f64, FillLine)> = Vec::new();
    let mut has_history = false;
    for item in &context.run.items {
        for row in &item.rows {
            let Some((field, limit)) = resource(row) else { continue };
            let Some(now) = row.row.get(field).and_then(crate::model::Value::as_f64) else { continue };
            let key = row.key.as_ref().map(Untrusted::raw);
            let mut series = context.source.history.series(&item.key, key, field);
            has_history |= !series.is_empty();
            // The value of this run belongs to the line, whether or not the store has it already.
            if series.last().is_none_or(|(at, _)| *at < item.at) {
                series.push((item.at, now));
            }
            let distance = if limit > 0.0 { limit - now } else { now };
            let forecast = forecast(&series, limit);
            let days = if let Forecast::Reaches { days, .. } = forecast { days } else { f64::INFINITY };
            fills.push((days, distance, fill_line(context, item, row, now, limit, &series, forecast)));
        }
    }
    fills.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let more = fills.len().saturating_sub(SHOWN);
    Capacity {
        note: (fills.is_empty() || !has_history).then(|| context.words.no_history.to_owned()),
        more: (more > 0).then(|| {
            let count = format.count(more);
            format.pick(
                format!("{count} more resources have more room or fill later; CSV and JSON hold them all."),
                format!("其余 {count} 项余量更大或更晚用满，完整数据见 CSV 与 JSON。"),
            )
        }),
        fills: fills.into_iter().take(SHOWN).map(|(_, _, line)| line).collect(),
        expires: expires(context),
    }
}

/// The field that says how full a resource is, and its limit; only rows with a key are resources that fill, load comes and goes.
fn resource(row: &RowRecord) -> Option<(&'static str, f64)> {
    row.key.as_ref()?;
    if row.row.get("used_pct").is_some() {
        Some(("used_pct", 100.0))
    } else if row.row.get("free_pct").is_some() {
        Some(("free_pct", 0.0))
    } else {
        None
    }
}

fn fill_line(
    context: &Context<'_>,
    item: &ItemRecord,
    row: &RowRecord,
    now: f64,
    limit: f64,
    series: &[(chrono::DateTime<chrono::Utc>, f64)],
    forecast: Forecast,
) -> FillLine {
    let format = context.format;
    let used = if limit > 0.0 { now } else { 100.0 - now };
    let a_day = |per_day: f64| {
        let per_day = if limit > 0.0 { per_day } else { -per_day };
        let sign = if per_day > 0.0 { "+" } else { "" };
        format
            .pick(format!("{sign}{} points a day", format.number(per_day, 2)), format!("每天 {sign}{} 个百分点", format.number(per_day, 2)))
    };
    let (growth, full_on, reaches, days) = match forecast {
        Forecast::TooLittle => ("—".to_owned(), format.pick("too little history", "历史数据不足").to_owned(), false, 0),
        Forecast::NotInSight { per_day } => (a_day(per_day), format.pick("not within a year", "一年内不会用满").to_owned(), false, 0),
        #[expect(clippy::cast_possible_truncation, reason = "at most 365")]
        Forecast::Reaches { at, days, per_day } => (a_day(per_day), format.date(at), true, days as i64),
    };
    let points = sparkline(series, LINE.0, LINE.1);
    let svg_points = points.iter().map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ");
    FillLine {
        object: context.object(item, Some(row)),
        what: context.title(item),
        system: context.system(&item.key.target),
        now: format.percent(used),
        growth,
        full_on,
        reaches,
        days,
        days_text: if reaches { days_in_words(context, days) } else { String::new() },
        points,
        svg_points,
    }
}

fn days_in_words(context: &Context<'_>, days: i64) -> String {
    match days {
        0 => context.format.pick("today", "今天").to_owned(),
        1 => context.format.pick("1 day", "1 天").to_owned(),
        _ => context.format.pick(format!("{days} days"), format!("{days} 天")),
    }
}

fn expires(context: &Context<'_>) -> Vec<ExpiryLine> {
    let (format, now) = (context.format, context.now());
    let mut lines: Vec<(chrono::DateTime<chrono::Utc>, Ending, String, String)> = Vec::new();
    for item in &context.run.items {
        for row in &item.rows {
            if let Some((what, at)) = ending(item, row) {
                lines.push((at, what, context.object(item, Some(row)), context.owner(&item.key.target)));
            }
        }
    }
    for waiver in &context.run.head.waivers {
        lines.push((waiver.ends, Ending::Waiver, waiver.id.clone(), context.person(&waiver.approved_by)));
    }
    lines.retain(|(at, ..)| format.days(now, *at) <= SOON_DAYS);
    lines.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.2.cmp(&b.2)));
    lines
        .into_iter()
        .map(|(at, what, object, owner)| {
            let expired = at <= now;
            let days = format.days(now, at);
            let left = match (expired, days) {
                (true, 0) => format.pick("expired today", "今天已到期").to_owned(),
                (true, _) => {
                    let ago = days_in_words(context, -days);
                    format.pick(format!("expired {ago} ago"), format!("已到期 {ago}"))
                }
                (false, _) => days_in_words(context, days),
            };
            ExpiryLine {
                what: what.label().get(format.lang).to_owned(),
                object,
                on: format.date(at),
                days,
                left,
                tone: if expired || days < 7 { "crit" } else { "warn" },
                owner,
            }
        })
        .collect()
}
