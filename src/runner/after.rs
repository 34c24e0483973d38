//! Items that look at other items: trends over time, rules across targets, questions to people.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};

use super::context::Context;
use super::visit::{blank, without_answer};
use crate::expr::{Env, History};
use crate::judge::{self, Rules, Threshold};
use crate::model::item::FieldNote;
use crate::model::{FieldType, ItemKey, ItemRecord, Message, Outcome, Phrase, Row, Untrusted};
use crate::playbook::{ACROSS, Plan, PlannedItem, Work};
use crate::store::{Point, Recording, SeriesKey};

/// Judges the change over time of the rows of `base`, the item that `item` looks at.
pub(super) async fn trend(plan: &Plan, context: &Context, item: &PlannedItem, base: Option<&ItemRecord>) -> Recording {
    let now = (context.now)();
    let Work::Trend { bound, given, rules, history, .. } = &item.work else {
        return without_answer(item, Outcome::Error, Message::OurSide { detail: "not a trend".to_owned() }, now);
    };
    let Some(base) = base.filter(|base| base.outcome.is_judged()) else {
        // What could not be judged now has no trend either, for the same reason.
        let (outcome, reason) = base.map_or((Outcome::NotRun, None), |base| (base.outcome, base.reason.clone()));
        return without_answer(item, outcome, reason.unwrap_or(Message::NoEarlierValue), now);
    };
    let rows: Vec<Row> = judge::observed(&base.rows).cloned().collect();
    let keys: Vec<Option<Untrusted>> = base.rows.iter().map(|row| row.key.clone()).collect();
    let history_s = history.as_secs_f64();
    let past = match fetch(plan, context, base, &keys, &fields_of(rules), history_s).await {
        Ok(past) => past,
        Err(error) => return without_answer(item, Outcome::Error, Message::OurSide { detail: error.to_string() }, now),
    };
    let mut env = Env::at(base.at, plan.timezone).with_given(&given.values);
    if let Some(target) = &item.target {
        env = env.with_target(target);
    }
    let nothing = Points::default();
    let history_of = |key: Option<&Untrusted>| -> &dyn History { past.get(&key.cloned()).unwrap_or(&nothing) };
    let judged = judge::judge_trend(rows, &**bound, rules, &env, &history_of, history_s);
    let mut record = blank(item, judged.outcome, judged.reason, base.at);
    record.rows = judged.rows;
    record.rows_are = bound.rows_are();
    record.fields.clone_from(&base.fields);
    Recording { item: record, captures: Vec::new(), asked: Vec::new() }
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
    plan: &Plan,
    context: &Context,
    base: &ItemRecord,
    rows: &[Option<Untrusted>],
    fields: &[String],
    history_s: f64,
) -> Result<HashMap<Option<Untrusted>, Points>, super::PastError> {
    let key = |row: &Option<Untrusted>, field: &String| SeriesKey { item: base.key.clone(), row_key: row.clone(), field: field.clone() };
    let keys: Vec<SeriesKey> = rows.iter().flat_map(|row| fields.iter().map(move |field| key(row, field))).collect();
    // A day more than is asked for, so that the oldest value just within is found.
    #[expect(clippy::cast_possible_truncation, reason = "spans of history are far below 2^63 s")]
    let since = base.at - Duration::seconds(history_s as i64) - Duration::days(1);
    let mut points = context.past.series_of(&plan.playbook, &keys, since).await?;
    let of_row = |row: &Option<Untrusted>| {
        let series = fields.iter().map(|field| (field.clone(), points.remove(&key(row, field)).unwrap_or_default())).collect();
        (row.clone(), Points { series, now: base.at })
    };
    Ok(rows.iter().map(of_row).collect())
}

/// The fields that rules speak of, each once.
fn fields_of(rules: &Rules) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for candidate in rules.warn.iter().chain(&rules.crit) {
        let Threshold::When(expression) = &candidate.threshold else { continue };
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
    let now = (context.now)();
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
    let row = counts(members, outcomes);
    let unjudged = members.iter().filter(|member| outcomes.get(member).is_none_or(|outcome| !outcome.is_judged())).count();
    let mut judged = judge::judge_single(row, rules, &Env::at(now, plan.timezone));
    // Members that nobody could look at leave the question open: what is fine so far is no proof.
    if matches!(judged.outcome, Outcome::Ok | Outcome::Info) && unjudged > 0 {
        judged.outcome = Outcome::Error;
        judged.reason = Some(Message::MembersUnjudged { count: unjudged });
    }
    let mut record = blank(item, judged.outcome, judged.reason.clone(), now);
    record.fields = ACROSS
        .iter()
        .map(|name| FieldNote { name: (*name).to_owned(), field_type: FieldType::Number, label: Phrase::plain(*name) })
        .collect();
    record.rows = vec![judged];
    Recording { item: record, captures: Vec::new(), asked: Vec::new() }
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
