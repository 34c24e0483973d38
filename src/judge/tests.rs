//! The first promise, sentence by sentence.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::UTC;
use proptest::prelude::*;

use super::{Candidate, Judged, Rules, Skip, Threshold, WaiverRule, judge, judge_single, judge_trend, observed, unreachable_marks};
use crate::check::{Bound, Earlier, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::checks::CATALOGUE;
use crate::expr::{Env, Expr, History, Scope, Type, Vocabulary, compile};
use crate::model::{FieldType, Mark, Message, Outcome, Phrase, Probe, Row, RowRecord, Target, Untrusted, Value, Verdict};

/// A check that only says what its rows are.
struct Stub {
    key: &'static [&'static str],
    rows_are: RowsAre,
}

static FIELDS: [Field; 3] = [
    Field::new("mount", FieldType::Text, "Mount", "挂载点"),
    Field::new("used_pct", FieldType::Percent, "Used", "已用"),
    Field::new("limit", FieldType::Number, "Limit", "限制"),
];

impl Bound for Stub {
    fn meta(&self) -> &'static Meta {
        CATALOGUE[0].meta
    }
    fn probes(&self, _: &Target) -> Vec<Probe> {
        Vec::new()
    }
    fn parse(&self, _: &Seen<'_>) -> Result<Parsed, Unreadable> {
        Ok(Parsed::Rows(Vec::new()))
    }
    fn fields(&self) -> Cow<'static, [Field]> {
        Cow::Borrowed(&FIELDS)
    }
    fn key(&self) -> Vec<String> {
        self.key.iter().map(|&name| name.to_owned()).collect()
    }
    fn rows_are(&self) -> RowsAre {
        self.rows_are
    }
    fn params(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

const THINGS: Stub = Stub { key: &["mount"], rows_are: RowsAre::Things };
const PROBLEMS: Stub = Stub { key: &["mount"], rows_are: RowsAre::Problems };
const SINGLE: Stub = Stub { key: &[], rows_are: RowsAre::Things };

fn expr(source: &str) -> Expr {
    let scope = Scope::row(&Vocabulary::default(), FIELDS.iter().map(|field| (field.name.as_ref(), field.field_type)));
    compile(source, &scope, Type::Boolean).unwrap_or_else(|faults| panic!("{source}: {faults:?}"))
}

fn over_rows(source: &str) -> Expr {
    let scope = Scope::rows(&Vocabulary::default(), FIELDS.iter().map(|field| (field.name.as_ref(), field.field_type)));
    compile(source, &scope, Type::Boolean).unwrap_or_else(|faults| panic!("{source}: {faults:?}"))
}

fn when(source: &str) -> Candidate {
    Candidate { rows: None, threshold: Threshold::When(expr(source)), origin: "catalogue".into() }
}

fn for_rows(rows: &str, threshold: Threshold) -> Candidate {
    Candidate { rows: Some(expr(rows)), threshold, origin: "daily.yaml:7".into() }
}

fn usual() -> Rules {
    Rules { warn: vec![when("used_pct > 80%")], crit: vec![when("used_pct > 90%")], ..Rules::default() }
}

fn row(mount: &str, used_pct: f64) -> Row {
    Row::new().text("mount", mount).number("used_pct", used_pct).number("limit", 1.0)
}

fn now() -> DateTime<Utc> {
    "2026-03-01T08:00:00Z".parse().unwrap()
}

fn judged(check: &Stub, rows: Vec<Row>, rules: &Rules) -> Judged {
    judge(Ok(Parsed::Rows(rows)), check, rules, &Env::at(now(), UTC), None)
}

fn after(check: &Stub, parsed: Parsed, earlier: Vec<Row>, rules: &Rules) -> Judged {
    let earlier = Earlier { at: now() - TimeDelta::days(1), rows: earlier };
    judge(Ok(parsed), check, rules, &Env::at(now(), UTC), Some(&earlier))
}

fn outcomes(judged: &Judged) -> Vec<Outcome> {
    judged.rows.iter().map(|row| row.outcome).collect()
}

#[test]
fn each_row_is_judged_and_the_item_takes_the_worst() {
    let judged = judged(&THINGS, vec![row("/", 10.0), row("/u01", 95.0), row("/u02", 85.0)], &usual());
    assert_eq!(outcomes(&judged), [Outcome::Ok, Outcome::Crit, Outcome::Warn]);
    assert_eq!((judged.outcome, judged.reason), (Outcome::Crit, None));
}

#[test]
fn an_error_is_worse_than_a_warning_and_not_than_crit() {
    let null = row("/null", f64::NAN);
    let with_warning = judged(&THINGS, vec![row("/", 85.0), null.clone()], &usual());
    assert_eq!(with_warning.outcome, Outcome::Error);
    assert_eq!(with_warning.reason, Some(Message::NullField { field: "used_pct".into() }));
    let with_crit = judged(&THINGS, vec![row("/", 95.0), null], &usual());
    assert_eq!((with_crit.outcome, with_crit.reason), (Outcome::Crit, None));
}

#[test]
fn no_rows_is_an_error_unless_rows_are_problems() {
    let none = judged(&THINGS, vec![], &usual());
    assert_eq!((none.outcome, none.reason), (Outcome::Error, Some(Message::NoRows)));
    assert_eq!(judged(&PROBLEMS, vec![], &usual()).outcome, Outcome::Ok);
}

#[test]
fn a_row_without_key_is_an_error_and_so_are_two_of_one_key() {
    let keyless = Row::new().with("mount", Value::Null).number("used_pct", 1.0).number("limit", 1.0);
    let without = judged(&THINGS, vec![row("/", 10.0), keyless], &usual());
    assert_eq!(outcomes(&without), [Outcome::Ok, Outcome::Error]);
    assert_eq!(without.reason, Some(Message::NullKey { field: "mount".into() }));
    let doubled = judged(&THINGS, vec![row("/", 10.0), row("/", 10.0), row("/u01", 10.0)], &usual());
    assert_eq!(outcomes(&doubled), [Outcome::Error, Outcome::Error, Outcome::Ok]);
    assert_eq!(doubled.reason, Some(Message::DoubleKey { key: "/".into() }));
    assert_eq!(doubled.outcome, Outcome::Error);
}

#[test]
fn without_a_key_there_is_one_row_at_most() {
    assert_eq!(judged(&SINGLE, vec![row("", 10.0)], &usual()).outcome, Outcome::Ok);
    let two = judged(&SINGLE, vec![row("/", 10.0), row("/u01", 10.0)], &usual());
    assert_eq!((two.outcome, two.reason), (Outcome::Error, Some(Message::NoKey { rows: 2 })));
}

#[test]
fn keys_of_several_fields_are_joined() {
    let check = Stub { key: &["mount", "limit"], rows_are: RowsAre::Things };
    let judged = judged(&check, vec![row("/", 10.0)], &usual());
    assert_eq!(judged.rows[0].key, Some(Untrusted::new("/ · 1")));
}

#[test]
fn a_row_of_last_time_that_is_missing_is_a_warning_with_its_old_values() {
    let now_rows = Parsed::Rows(vec![row("/", 10.0)]);
    let judged = after(&THINGS, now_rows.clone(), vec![row("/", 9.0), row("/u01", 50.0)], &usual());
    assert_eq!(outcomes(&judged), [Outcome::Ok, Outcome::Warn]);
    assert_eq!(judged.outcome, Outcome::Warn);
    let gone = &judged.rows[1];
    assert_eq!((gone.reason.as_ref(), gone.key.as_ref()), (Some(&Message::Gone), Some(&Untrusted::new("/u01"))));
    assert_eq!(gone.row, row("/u01", 50.0));
    assert_eq!(observed(&judged.rows).count(), 1);
    let solved = after(&PROBLEMS, now_rows, vec![row("/", 9.0), row("/u01", 50.0)], &usual());
    assert_eq!(outcomes(&solved), [Outcome::Ok]);
}

#[test]
fn nothing_left_of_what_was_there_is_an_error_and_tells_what_is_gone() {
    let judged = after(&THINGS, Parsed::Rows(vec![]), vec![row("/", 9.0)], &usual());
    assert_eq!((judged.outcome, judged.reason.as_ref()), (Outcome::Error, Some(&Message::NoRows)));
    assert_eq!(outcomes(&judged), [Outcome::Warn]);
}

#[test]
fn not_applicable_takes_proof_and_hides_nothing_that_was_there() {
    let absent = || Parsed::NotApplicable { what: "RAID" };
    let judged = judge(Ok(absent()), &THINGS, &usual(), &Env::at(now(), UTC), None);
    assert_eq!((judged.outcome, judged.reason), (Outcome::NotApplicable, Some(Message::NotThere { what: "RAID".into() })));
    assert_eq!(after(&THINGS, absent(), vec![row("md0", 1.0)], &usual()).outcome, Outcome::Warn);
    assert_eq!(after(&PROBLEMS, absent(), vec![row("md0", 1.0)], &usual()).outcome, Outcome::NotApplicable);
}

#[test]
fn a_rate_without_an_earlier_value_is_skipped_and_keeps_its_rows() {
    let judged = judge(Ok(Parsed::NoEarlierValue(vec![row("/", 99.0)])), &THINGS, &usual(), &Env::at(now(), UTC), None);
    assert_eq!((judged.outcome, judged.reason), (Outcome::Skipped, Some(Message::NoEarlierValue)));
    assert_eq!(observed(&judged.rows).collect::<Vec<_>>(), [&row("/", 99.0)]);
    let none = judge(Ok(Parsed::NoEarlierValue(vec![])), &THINGS, &usual(), &Env::at(now(), UTC), None);
    assert_eq!(none.outcome, Outcome::Error);
    let doubled = judge(Ok(Parsed::NoEarlierValue(vec![row("/", 1.0), row("/", 1.0)])), &THINGS, &usual(), &Env::at(now(), UTC), None);
    assert_eq!(doubled.outcome, Outcome::Error);
}

#[test]
fn what_cannot_be_read_is_an_error_or_timed_out() {
    let of = |message: Message| judge(Err(Unreadable(message)), &PROBLEMS, &usual(), &Env::at(now(), UTC), None);
    let limit = Message::TimedOut { limit_s: 30.0 };
    assert_eq!((of(limit.clone()).outcome, of(limit.clone()).reason), (Outcome::TimedOut, Some(limit)));
    assert_eq!(of(Message::Empty { probe: "df".into() }).outcome, Outcome::Error);
}

#[test]
fn a_rule_that_has_no_value_makes_the_row_an_error() {
    let rules = Rules { warn: vec![when("used_pct / limit > 1%")], ..Rules::default() };
    let zero = Row::new().text("mount", "/").number("used_pct", 1.0).number("limit", 0.0);
    let judged = judged(&THINGS, vec![zero], &rules);
    assert_eq!(judged.outcome, Outcome::Error);
    assert!(matches!(&judged.rows[0].reason, Some(Message::Rule { rule, .. }) if rule == "used_pct / limit > 1%"));
    assert_eq!(judged.rows[0].rule.as_ref().map(|rule| rule.source.as_str()), Some("used_pct / limit > 1%"));
}

#[test]
fn crit_is_judged_before_warn_and_each_error_counts_where_it_decides() {
    let null_limit = |used| Row::new().text("mount", "/").number("used_pct", used).with("limit", Value::Null);
    let rules = Rules { warn: vec![when("limit > 5")], crit: vec![when("used_pct > 90%")], ..Rules::default() };
    assert_eq!(judged(&THINGS, vec![null_limit(95.0)], &rules).outcome, Outcome::Crit);
    assert_eq!(judged(&THINGS, vec![null_limit(50.0)], &rules).outcome, Outcome::Error);
    let rules = Rules { warn: vec![when("used_pct > 80%")], crit: vec![when("limit > 5")], ..Rules::default() };
    assert_eq!(judged(&THINGS, vec![null_limit(85.0)], &rules).outcome, Outcome::Error);
}

#[test]
fn the_last_threshold_that_is_for_a_row_is_in_force_warn_and_crit_apart() {
    let mut rules = usual();
    rules.crit.push(for_rows("mount == \"/u01\"", Threshold::Never));
    rules.warn.push(for_rows("mount.startsWith(\"/u\")", Threshold::When(expr("used_pct > 50%"))));
    let judged = judged(&THINGS, vec![row("/u01", 95.0), row("/u02", 95.0), row("/u03", 60.0), row("/", 60.0)], &rules);
    assert_eq!(outcomes(&judged), [Outcome::Warn, Outcome::Crit, Outcome::Warn, Outcome::Ok]);
    let rule = judged.rows[0].rule.clone().unwrap();
    assert_eq!((rule.source.as_str(), rule.origin.as_str()), ("used_pct > 50%", "daily.yaml:7"));
    assert_eq!(judged.rows[0].measures, ["used_pct"]);
    assert_eq!(judged.rows[3].rule.clone().unwrap().source, "used_pct > 80%");
}

#[test]
fn a_selection_of_rows_that_has_no_value_is_an_error() {
    let mut rules = usual();
    rules.crit.push(for_rows("limit > 5", Threshold::Never));
    let null = Row::new().text("mount", "/").number("used_pct", 99.0).with("limit", Value::Null);
    assert_eq!(judged(&THINGS, vec![null], &rules).outcome, Outcome::Error);
}

#[test]
fn without_any_threshold_rows_are_collected_and_not_judged() {
    let judged_nothing = judged(&THINGS, vec![row("/", 99.0)], &Rules::default());
    assert_eq!((judged_nothing.outcome, judged_nothing.rows[0].rule.clone()), (Outcome::Info, None));
    let never = Candidate { rows: None, threshold: Threshold::Never, origin: "daily.yaml:3".into() };
    let mut rules = usual();
    rules.warn.push(never.clone());
    rules.crit.push(never);
    assert_eq!(judged(&THINGS, vec![row("/", 99.0)], &rules).outcome, Outcome::Info);
}

#[test]
fn rows_left_out_on_purpose_say_so_and_decide_only_when_all_are() {
    let skip = |rows: &str| Skip { rows: Some(expr(rows)), reason: Phrase::plain("scratch"), origin: "daily.yaml:9".into() };
    let rules = Rules { skip: vec![skip("mount == \"/scratch\"")], ..usual() };
    let one = judged(&THINGS, vec![row("/", 10.0), row("/scratch", 99.0)], &rules);
    assert_eq!((one.outcome, outcomes(&one)), (Outcome::Ok, vec![Outcome::Ok, Outcome::Skipped]));
    let all = judged(&THINGS, vec![row("/scratch", 99.0)], &rules);
    assert_eq!(all.outcome, Outcome::Skipped);
    assert!(matches!(all.reason, Some(Message::SkippedBy { .. })));
}

#[test]
fn per_target_judges_the_list_once() {
    let candidate =
        |source: &str| vec![Candidate { rows: None, threshold: Threshold::When(over_rows(source)), origin: "catalogue".into() }];
    let rules =
        Rules { warn: candidate("count(rows) > 2"), crit: candidate("max(rows.used_pct) > 90%"), per_target: true, ..Rules::default() };
    let fine = judged(&THINGS, vec![row("/", 10.0), row("/u01", 20.0)], &rules);
    assert_eq!((fine.outcome, outcomes(&fine)), (Outcome::Ok, vec![Outcome::Ok, Outcome::Info, Outcome::Info]));
    assert_eq!((fine.rows[0].key.clone(), observed(&fine.rows).count()), (None, 2));
    assert_eq!(judged(&THINGS, vec![row("/", 10.0), row("/u01", 95.0)], &rules).outcome, Outcome::Crit);
    assert_eq!(judged(&THINGS, vec![row("/", 10.0), row("/u01", f64::NAN)], &rules).outcome, Outcome::Error);
    assert_eq!(judged(&THINGS, vec![row("/", 10.0), row("/", 10.0)], &rules).outcome, Outcome::Error);
    assert_eq!(judged(&THINGS, vec![], &rules).outcome, Outcome::Error);
    let gone = after(&THINGS, Parsed::Rows(vec![row("/", 10.0)]), vec![row("/u01", 1.0)], &rules);
    assert_eq!(gone.outcome, Outcome::Warn);
    let scratch = Skip { rows: Some(expr("mount == \"/scratch\"")), reason: Phrase::plain("scratch"), origin: String::new() };
    let rules = Rules { skip: vec![scratch], ..rules };
    assert_eq!(judged(&THINGS, vec![row("/", 10.0), row("/scratch", 99.0)], &rules).outcome, Outcome::Ok);
}

#[test]
fn a_value_that_is_not_what_the_check_declares_is_an_error() {
    for bad in [
        Row::new().text("mount", "/").number("limit", 1.0),
        Row::new().text("mount", "/").text("used_pct", "10").number("limit", 1.0),
        Row::new().text("mount", "/").with("used_pct", Value::Number(f64::INFINITY)).number("limit", 1.0),
    ] {
        assert_eq!(judged(&THINGS, vec![bad], &Rules::default()).outcome, Outcome::Error);
    }
}

fn waiver(accepts: Verdict) -> WaiverRule {
    WaiverRule {
        id: "W-31".into(),
        rows: Some(expr("mount == \"/opt/old\"")),
        only_while: Some(expr("used_pct < 97%")),
        accepts,
        covers_unreachable: false,
        reason: Phrase::plain("retired in March"),
        approved_by: "ops-lead".into(),
        ends: now() + TimeDelta::days(30),
    }
}

fn is_waived(rules: &Rules, row: Row) -> bool {
    judged(&THINGS, vec![row], rules).rows.iter().all(RowRecord::is_waived)
}

#[test]
fn a_waiver_is_a_mark_within_its_bounds_and_never_an_outcome() {
    let rules = Rules { waivers: vec![waiver(Verdict::Warn)], ..usual() };
    let waived = judged(&THINGS, vec![row("/opt/old", 85.0)], &rules);
    assert_eq!(waived.outcome, Outcome::Warn);
    assert!(matches!(&waived.rows[0].marks[..], [Mark::Waived { id, .. }] if id == "W-31"));
    assert!(!is_waived(&rules, row("/opt/new", 85.0)), "another row");
    assert!(!is_waived(&rules, row("/opt/old", 95.0)), "worse than accepted");
    assert!(!is_waived(&rules, row("/opt/old", 10.0)), "nothing to waive");
    let rules = Rules { waivers: vec![waiver(Verdict::Crit)], ..usual() };
    assert!(is_waived(&rules, row("/opt/old", 95.0)));
    assert!(!is_waived(&rules, row("/opt/old", 98.0)), "beyond its bound");
    assert!(!is_waived(&rules, row("/opt/old", f64::NAN)), "could not be judged");
}

#[test]
fn a_waiver_may_cover_a_row_that_is_gone_and_an_unreachable_target() {
    let rules = Rules { waivers: vec![waiver(Verdict::Warn)], ..usual() };
    let gone = after(&THINGS, Parsed::Rows(vec![row("/", 10.0)]), vec![row("/opt/old", 50.0)], &rules);
    assert!(gone.rows[1].is_waived());
    assert_eq!(unreachable_marks(&[waiver(Verdict::Crit)]), []);
    let whole = WaiverRule { rows: None, only_while: None, covers_unreachable: true, ..waiver(Verdict::Crit) };
    assert_eq!(unreachable_marks(&[whole]).len(), 1);
}

#[test]
fn judging_sees_the_target_of_the_item() {
    let labels = [("role".to_owned(), "drill".to_owned())].into();
    let target = Arc::new(Target { labels, ..Target::new("t", crate::model::Kind::Host) });
    let words = Vocabulary::of([&*target]);
    let scope = Scope::row(&words, FIELDS.iter().map(|field| (field.name.as_ref(), field.field_type)));
    let on_drill = compile("labels.role == \"drill\" and used_pct > 1%", &scope, Type::Boolean).unwrap();
    let warn = Candidate { rows: None, threshold: Threshold::When(on_drill), origin: "catalogue".into() };
    let rules = Rules { warn: vec![warn], ..Rules::default() };
    let env = Env::at(now(), UTC).with_target(&target);
    assert_eq!(judge(Ok(Parsed::Rows(vec![row("/", 2.0)])), &THINGS, &rules, &env, None).outcome, Outcome::Warn);
}

struct Days(i64);

impl History for Days {
    fn series(&self, _: &str, _: f64) -> Vec<(DateTime<Utc>, f64)> {
        (1..=self.0).map(|day| (now() - TimeDelta::days(day), 50.0)).collect()
    }
}

#[test]
fn a_trend_is_skipped_until_there_is_history_and_judged_from_then_on() {
    let scope = Scope::trend(&Vocabulary::default(), FIELDS.iter().map(|field| (field.name.as_ref(), field.field_type)));
    let grew = compile("grew(used_pct, 7d) > 5%", &scope, Type::Boolean).unwrap();
    let warn = Candidate { rows: None, threshold: Threshold::When(grew), origin: "daily.yaml:12".into() };
    let rules = Rules { warn: vec![warn], ..Rules::default() };
    let (young, old) = (Days(3), Days(8));
    let trend = |rows: Vec<Row>| {
        let history_of = |key: Option<&Untrusted>| -> &dyn History { if key == Some(&"/new".into()) { &young } else { &old } };
        judge_trend(rows, &THINGS, &rules, &Env::at(now(), UTC), &history_of, 86_400.0)
    };
    let new = trend(vec![row("/new", 90.0)]);
    assert_eq!((new.outcome, new.reason), (Outcome::Skipped, Some(Message::Collecting { have_days: 3.0, want_days: 7.0 })));
    assert_eq!(
        outcomes(&trend(vec![row("/new", 90.0), row("/", 60.0), row("/u01", 50.0)])),
        [Outcome::Skipped, Outcome::Warn, Outcome::Ok]
    );
    assert_eq!(trend(vec![row("/", f64::NAN)]).outcome, Outcome::Error);
    assert_eq!(trend(vec![]).outcome, Outcome::Error);
}

#[test]
fn a_rule_across_targets_judges_its_counts() {
    let counts = Row::new().number("limit", 0.0);
    let rules = Rules { crit: vec![when("limit < 1")], ..Rules::default() };
    assert_eq!(judge_single(counts, &rules, &Env::at(now(), UTC)).outcome, Outcome::Crit);
    assert_eq!(judge_single(Row::new(), &rules, &Env::at(now(), UTC)).outcome, Outcome::Error);
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (0.0..100.0_f64).prop_map(Value::Number),
        1 => Just(Value::Null),
        1 => Just(Value::Number(0.0)),
        1 => Just(Value::Number(f64::NAN)),
        1 => Just(Value::Duration(5.0)),
        2 => "[a-c]".prop_map(|text| Value::Text(text.into())),
    ]
}

fn any_row() -> impl Strategy<Value = Row> {
    (prop_oneof![4 => "[a-f]".prop_map(|text| Value::Text(text.into())), 1 => any_value()], any_value(), any_value())
        .prop_map(|(mount, used, limit)| Row::new().with("mount", mount).with("used_pct", used).with("limit", limit))
}

fn any_candidate() -> impl Strategy<Value = Candidate> {
    let source =
        prop::sample::select(vec!["used_pct > 50%", "used_pct / limit > 1%", "limit > 5", "limit == null", "mount == \"a\"", "false"]);
    let rows = prop::option::of(prop::sample::select(vec!["limit > 50", "mount == \"b\"", "used_pct == null", "true"]));
    (prop::option::of(source), rows).prop_map(|(source, rows)| Candidate {
        rows: rows.map(expr),
        threshold: source.map_or(Threshold::Never, |source| Threshold::When(expr(source))),
        origin: "catalogue".into(),
    })
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let candidates = || prop::collection::vec(any_candidate(), 0..3);
    (candidates(), candidates()).prop_map(|(warn, crit)| Rules { warn, crit, waivers: vec![waiver(Verdict::Crit)], ..Rules::default() })
}

proptest! {
    #[test]
    fn nothing_is_fine_while_a_row_could_not_be_judged(rows in prop::collection::vec(any_row(), 0..6), earlier in prop::collection::vec(any_row(), 0..4), rules in any_rules(), things: bool) {
        let check = if things { &THINGS } else { &PROBLEMS };
        let count = rows.len();
        let judged = after(check, Parsed::Rows(rows.clone()), earlier.clone(), &rules);
        let has = |outcome| judged.rows.iter().any(|row| row.outcome == outcome);
        if has(Outcome::Error) {
            prop_assert!(matches!(judged.outcome, Outcome::Error | Outcome::Crit));
        }
        if judged.outcome == Outcome::Ok {
            prop_assert!(judged.rows.iter().all(|row| row.outcome == Outcome::Ok));
            prop_assert!(count > 0 || !things);
        }
        prop_assert_eq!(has(Outcome::Crit), judged.outcome == Outcome::Crit);
        // Every row that came is there, in order, and none was made up but those of last time.
        prop_assert!(judged.rows.len() >= count);
        for (record, row) in judged.rows.iter().zip(&rows) {
            prop_assert_eq!(format!("{:?}", &record.row), format!("{row:?}"));
        }
        prop_assert!(judged.rows[count..].iter().all(|row| row.reason == Some(Message::Gone)));
        // Marks change nothing.
        let unmarked = after(check, Parsed::Rows(rows), earlier, &Rules { waivers: Vec::new(), ..rules });
        prop_assert_eq!(unmarked.outcome, judged.outcome);
    }

    #[test]
    fn a_null_that_a_rule_needs_is_never_ok(used in prop::option::of(0.0..100.0_f64)) {
        let null = Row::new().text("mount", "/").with("used_pct", used.map_or(Value::Null, Value::Number)).number("limit", 1.0);
        let judged = judged(&THINGS, vec![null], &usual());
        prop_assert_eq!(judged.outcome == Outcome::Error, used.is_none());
    }
}
