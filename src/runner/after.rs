//! Items that look at other items: trends over time, rules across targets, questions to people.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;

use super::context::Context;
use super::judge_item::blame;
use super::past::{Past, PastError};
use super::visit::{blank, without_answer};
use crate::basis::{Basis, Given};
use crate::check::Bound;
use crate::expr::{self, Env, Expr, History};
use crate::judge::{self, Judged, Rules, Threshold};
use crate::model::item::FieldNote;
use crate::model::{FieldType, ItemKey, ItemRecord, Message, Outcome, Phrase, Row, RowRecord, Target, Untrusted};
use crate::playbook::{ACROSS, Plan, PlannedItem, Work};
use crate::schedule::Calendar;
use crate::store::{Point, Recording, SeriesKey};

/// What a trend is judged by besides the rows that it looks at.
pub struct TrendJudging<'j> {
    /// Id of the playbook.
    pub playbook: &'j str,
    /// The check of the rows.
    pub bound: &'j dyn Bound,
    /// The rules.
    pub rules: &'j Rules,
    /// Values that the rules use.
    pub given: &'j Given,
    /// The zone of the run.
    pub zone: Tz,
    /// Which days are worked.
    pub calendar: Option<&'j Calendar>,
    /// The target.
    pub target: Option<&'j Target>,
    /// How much history the rules want.
    pub history_s: f64,
}

/// Judges the change over time of the rows of `base`, the item that `item` looks at.
pub(super) async fn trend(plan: &Plan, context: &Context, item: &PlannedItem, base: Option<&ItemRecord>) -> Recording {
    let now = context.moment();
    let Work::Trend { bound, given, rules, history, of } = &item.work else {
        return without_answer(item, Outcome::Error, Message::OurSide { detail: "not a trend".to_owned() }, now);
    };
    let Some(base) = base.filter(|base| base.outcome.is_judged()) else {
        // What could not be judged now has no trend either, for the same reason.
        let (outcome, reason) = base.map_or((Outcome::NotRun, None), |base| (base.outcome, base.reason.clone()));
        return without_answer(item, outcome, reason.unwrap_or(Message::NoEarlierValue), now);
    };
    let judging = TrendJudging {
        playbook: &plan.playbook,
        bound: &**bound,
        rules,
        given,
        zone: plan.timezone,
        calendar: plan.calendar.as_deref(),
        target: item.target.as_deref(),
        history_s: history.as_secs_f64(),
    };
    let judged = match judge_trend(&*context.past, base, &judging).await {
        Ok(judged) => judged,
        Err(error) => return without_answer(item, Outcome::Error, Message::OurSide { detail: error.to_string() }, now),
    };
    let mut record = blank(item, judged.outcome, judged.reason, base.at);
    record.rows = judged.rows;
    record.rows_are = bound.rows_are();
    record.fields.clone_from(&base.fields);
    let basis = Basis::of_trend(&**bound, rules, given, plan.calendar.is_some(), of, judging.history_s);
    Recording { item: record, captures: Vec::new(), asked: vec![(Basis::NAME.to_owned(), basis.to_json())] }
}

/// The verdict on the change over time of the rows of `base`.
///
/// # Errors
/// When the past cannot be read.
pub async fn judge_trend(past: &dyn Past, base: &ItemRecord, judging: &TrendJudging<'_>) -> Result<Judged, PastError> {
    let rows: Vec<Row> = judge::observed(&base.rows).cloned().collect();
    let keys: Vec<Option<Untrusted>> = base.rows.iter().map(|row| row.key.clone()).collect();
    let history = fetch(past, base, &keys, judging).await?;
    let mut env = Env::at(base.at, judging.zone).with_given(&judging.given.values);
    if let Some(target) = judging.target {
        env = env.with_target(target);
    }
    if let Some(calendar) = judging.calendar {
        env = env.with_calendar(calendar);
    }
    let nothing = Points::default();
    let history_of = |key: Option<&Untrusted>| -> &dyn History { history.get(&key.cloned()).unwrap_or(&nothing) };
    // A fault of ours in a rule costs this item only.
    let judged =
        catch_unwind(AssertUnwindSafe(|| judge::judge_trend(rows, judging.bound, judging.rules, &env, &history_of, judging.history_s)));
    Ok(judged.unwrap_or_else(|panic| Judged { outcome: Outcome::Error, reason: Some(blame(&*panic)), rows: Vec::new() }))
}

/// Stored values of one row, by field.
#[derive(Default)]
struct Points {
    series: HashMap<String, Vec<Point>>,
    now: DateTime<Utc>,
}

impl History for Points {
    fn series(&self, field: &str, within_s: f64) -> Vec<Point> {
        #[expect(clippy::cast_possible_truncation, reason = "spans of history are far below 2^63 ms")]
        let since = self.now - Duration::milliseconds((within_s * 1000.0) as i64);
        self.series.get(field).into_iter().flatten().filter(|(at, _)| *at >= since).copied().collect()
    }
}

/// The history of every row of `base`, by its key.
async fn fetch(
    past: &dyn Past,
    base: &ItemRecord,
    rows: &[Option<Untrusted>],
    judging: &TrendJudging<'_>,
) -> Result<HashMap<Option<Untrusted>, Points>, PastError> {
    let fields = fields_of(judging.rules);
    let key = |row: &Option<Untrusted>, field: &String| SeriesKey { item: base.key.clone(), row_key: row.clone(), field: field.clone() };
    let keys: Vec<SeriesKey> = rows.iter().flat_map(|row| fields.iter().map(move |field| key(row, field))).collect();
    let mut points = past.series_of(judging.playbook, &keys, history_since(base.at, judging.rules, judging.history_s)).await?;
    let of_row = |row: &Option<Untrusted>| {
        let series = fields.iter().map(|field| (field.clone(), points.remove(&key(row, field)).unwrap_or_default())).collect();
        (row.clone(), Points { series, now: base.at })
    };
    Ok(rows.iter().map(of_row).collect())
}

/// The moment from which on `rules` want values, asked at `at`.
#[must_use]
pub fn history_since(at: DateTime<Utc>, rules: &Rules, history_s: f64) -> DateTime<Utc> {
    let longest_s = expressions(rules).map(Expr::looks_back_s).fold(history_s, f64::max);
    #[expect(clippy::cast_possible_truncation, reason = "spans of history are far below 2^63 s")]
    let reach = Duration::seconds(expr::reach_s(longest_s).ceil() as i64);
    at - reach
}

/// The expressions of the thresholds.
fn expressions(rules: &Rules) -> impl Iterator<Item = &Expr> {
    rules.warn.iter().chain(&rules.crit).filter_map(|candidate| match &candidate.threshold {
        Threshold::When(expression) => Some(expression),
        Threshold::Never => None,
    })
}

/// The fields that rules speak of, each once.
fn fields_of(rules: &Rules) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for expression in expressions(rules) {
        for field in expression.fields() {
            if !fields.contains(field) {
                fields.push(field.clone());
            }
        }
    }
    fields
}

/// The items across targets and the questions to people.
pub(super) fn across(plan: &Plan, context: &Context, outcomes: &HashMap<ItemKey, Outcome>) -> Vec<Recording> {
    let now = context.moment();
    let judged = plan.items.iter().filter_map(|item| match &item.work {
        Work::Across { members, rules } => Some(one_across(plan, item, members, rules, outcomes, now)),
        Work::Person { who } => Some(without_answer(item, Outcome::NotRun, Message::AwaitsPerson { who: who.clone() }, now)),
        _ => None,
    });
    judged.collect()
}

fn one_across(
    plan: &Plan,
    item: &PlannedItem,
    members: &[ItemKey],
    rules: &Rules,
    outcomes: &HashMap<ItemKey, Outcome>,
    now: DateTime<Utc>,
) -> Recording {
    let judged = judge_across(members, rules, outcomes, now, plan.timezone);
    let mut record = blank(item, judged.outcome, judged.reason.clone(), now);
    record.fields = ACROSS
        .iter()
        .map(|name| FieldNote { name: (*name).to_owned(), field_type: FieldType::Number, label: Phrase::plain(*name) })
        .collect();
    record.rows = vec![judged];
    let basis = Basis::of_across(rules, members);
    Recording { item: record, captures: Vec::new(), asked: vec![(Basis::NAME.to_owned(), basis.to_json())] }
}

/// The verdict on how `members` ended.
#[must_use]
pub(crate) fn judge_across(
    members: &[ItemKey],
    rules: &Rules,
    outcomes: &HashMap<ItemKey, Outcome>,
    now: DateTime<Utc>,
    zone: Tz,
) -> RowRecord {
    let row = counts(members, outcomes);
    let unjudged = members.iter().filter(|member| outcomes.get(member).is_none_or(|outcome| !outcome.is_judged())).count();
    let mut judged = judge::judge_single(row, rules, &Env::at(now, zone));
    // Members that nobody could look at leave the question open: what is fine so far is no proof.
    if matches!(judged.outcome, Outcome::Ok | Outcome::Info) && unjudged > 0 {
        judged.outcome = Outcome::Error;
        judged.reason = Some(Message::MembersUnjudged { count: unjudged });
    }
    judged
}

/// How the members ended, under the names that rules across targets use.
fn counts(members: &[ItemKey], outcomes: &HashMap<ItemKey, Outcome>) -> Row {
    let count =
        |which: fn(Outcome) -> bool| members.iter().filter(|member| outcomes.get(member).is_some_and(|outcome| which(*outcome))).count();
    let judged = count(Outcome::is_judged);
    let numbers = [
        members.len(),
        count(|outcome| matches!(outcome, Outcome::Ok | Outcome::Info)),
        count(|outcome| outcome == Outcome::Warn),
        count(|outcome| outcome == Outcome::Crit),
        judged,
        members.len() - judged,
    ];
    ACROSS.iter().zip(numbers).fold(Row::new(), |row, (name, number)| {
        #[expect(clippy::cast_precision_loss, reason = "counts of targets are small")]
        let number = number as f64;
        row.number(*name, number)
    })
}
