//! Whole expressions, good and bad: the forms that playbooks use, the slips that people make, and attempts to break each rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Asia::Shanghai;
use proptest::prelude::*;

use super::{Calendar, Env, EvalError, Expr, Fault, History, Scope, Trend, Type, Vocabulary, compile};
use crate::checks::CATALOGUE;
use crate::model::{FieldType, Kind, Row, System, Target, Value};

const FIELDS: [(&str, FieldType); 26] = [
    ("mount", FieldType::Text),
    ("free_pct", FieldType::Percent),
    ("used_pct", FieldType::Percent),
    ("free_bytes", FieldType::Bytes),
    ("used_bytes", FieldType::Bytes),
    ("size_bytes", FieldType::Bytes),
    ("bytes", FieldType::Bytes),
    ("x", FieldType::Number),
    ("n", FieldType::Number),
    ("count_now", FieldType::Number),
    ("status", FieldType::Number),
    ("per_day", FieldType::Number),
    ("connections", FieldType::Number),
    ("max_connections", FieldType::Number),
    ("ok_count", FieldType::Number),
    ("planned_count", FieldType::Number),
    ("warn_count", FieldType::Number),
    ("took", FieldType::Duration),
    ("lag", FieldType::Duration),
    ("newest", FieldType::Timestamp),
    ("expires", FieldType::Timestamp),
    ("active", FieldType::Boolean),
    ("version", FieldType::Text),
    ("state", FieldType::Text),
    ("failed", FieldType::List),
    ("name", FieldType::Text),
];

fn vocabulary() -> Vocabulary {
    Vocabulary::of(&[target(), Target { id: "erp-db".into(), ..Target::new("", Kind::Mysql) }])
}

fn target() -> Target {
    let system = System {
        id: "erp".into(),
        tier: "core".into(),
        owner: Some("wang-lei".into()),
        values: BTreeMap::from([("max_response".into(), Value::Duration(2.0))]),
        ..System::default()
    };
    let labels = [("role", "web"), ("zone", "dmz"), ("region", "eu"), ("os", "linux"), ("vendor", "huawei")];
    Target {
        system: Some(Arc::new(system)),
        labels: labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        address: Some("10.1.1.11".into()),
        ..Target::new("erp-app1", Kind::Host)
    }
}

fn row_scope() -> Scope {
    Scope::row(&vocabulary(), FIELDS).given("values.max_lag", FieldType::Duration).with_calendar()
}

fn rows_scope() -> Scope {
    Scope::rows(&vocabulary(), FIELDS)
}

/// Saturday, 07:30 in Shanghai.
fn now() -> DateTime<Utc> {
    "2026-02-27T23:30:00Z".parse().unwrap()
}

fn row() -> Row {
    Row::new()
        .text("mount", "/u01")
        .number("free_pct", 15.0)
        .number("used_pct", 85.0)
        .number("free_bytes", 15e9)
        .number("used_bytes", 85e9)
        .number("size_bytes", 1e11)
        .number("bytes", 1e9)
        .number("x", 7.0)
        .number("n", 0.0)
        .number("count_now", 2.0)
        .number("status", 200.0)
        .number("per_day", 11.0)
        .number("connections", 90.0)
        .number("max_connections", 100.0)
        .number("ok_count", 2.0)
        .number("planned_count", 3.0)
        .number("warn_count", 1.0)
        .duration("took", 2.5)
        .duration("lag", 30.0)
        .timestamp("newest", now() - TimeDelta::hours(27))
        .timestamp("expires", now() + TimeDelta::days(20))
        .boolean("active", true)
        .text("version", "3.0.11-1~deb12u2")
        .text("state", "Failed")
        .list("failed", ["nginx.service", "cron.service"])
        .text("name", "")
}

fn with_null(name: &str) -> Row {
    row()
        .iter()
        .fold(Row::new(), |built, (field, value)| built.with(field.to_owned(), if field == name { Value::Null } else { value.clone() }))
}

struct Weekdays;

impl Calendar for Weekdays {
    fn is_workday(&self, date: NaiveDate) -> Option<bool> {
        use chrono::Datelike;
        (date.year() == 2026).then(|| date.weekday().number_from_monday() < 6)
    }
}

#[track_caller]
fn compiled(source: &str, scope: &Scope) -> Expr {
    compile(source, scope, Type::Boolean).unwrap_or_else(|faults| panic!("{source}: {faults:?}"))
}

fn test_on(expr: &Expr, row: &Row) -> Result<bool, EvalError> {
    let given = BTreeMap::from([("values.max_lag".to_owned(), Value::Duration(60.0))]);
    let target = target();
    expr.test(&Env::at(now(), Shanghai).with_row(row).with_target(&target).with_given(&given).with_calendar(&Weekdays))
}

#[track_caller]
fn holds(source: &str, expected: bool) {
    assert_eq!(test_on(&compiled(source, &row_scope()), &row()), Ok(expected), "{source}");
}

#[track_caller]
fn refused(source: &str, scope: &Scope, expected: &str) -> Vec<Fault> {
    let faults = compile(source, scope, Type::Boolean).err().unwrap_or_else(|| panic!("{source} compiles"));
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(all.iter().any(|fault| fault.contains(expected)), "{source}: {all:#?}");
    for fault in &faults {
        assert!(source.get(fault.range.clone()).is_some(), "{source}: {fault:?}");
    }
    faults
}

#[test]
fn the_expressions_of_the_language_reference_judge_as_they_read() {
    for (source, expected) in [
        ("free_pct < 20%", true),
        ("free_pct < 10%", false),
        ("free_bytes < 200GiB", true),
        ("mount == \"/u01\"", true),
        ("mount == \"/opt/old\"", false),
        ("used_pct < 97%", true),
        ("used_pct > 70%", true),
        ("per_day > 10", true),
        ("took > 2s", true),
        ("status != 200", false),
        ("status == 200", true),
        ("status in [200, 204]", true),
        ("newest == null or now - newest > 26h", true),
        ("ok_count < planned_count", true),
        ("ok_count < 1", false),
        ("lag > values.max_lag", false),
        ("took > system.values.max_response", true),
        ("n < 1000", true),
        ("pct(connections, max_connections) > 80%", true),
        ("older(version, \"3.0.14\")", true),
        ("within(\"22:00-06:00\")", false),
        ("within(\"07:00-08:00\")", true),
        ("workday()", false),
    ] {
        holds(source, expected);
    }
}

#[test]
fn selections_judge_the_inventory() {
    let scope = Scope::targets(&vocabulary());
    let bare = Target { id: "erp-db".into(), ..Target::new("", Kind::Mysql) };
    for (source, on_app, on_bare) in [
        ("system.tier == \"core\"", true, false),
        ("target.kind == \"host\"", true, false),
        ("labels.zone == \"dmz\"", true, false),
        ("labels.zone != \"dmz\"", false, true),
        ("labels.zone == \"\"", false, true),
        ("labels.role == \"web\" and labels.region == \"eu\"", true, false),
        ("target.id.startsWith(\"erp-\")", true, true),
        ("system.owner in [\"wang-lei\"]", true, false),
        ("target.address.startsWith(\"10.1.\")", true, false),
    ] {
        let expr = compiled(source, &scope);
        let env = Env::at(now(), Shanghai);
        assert_eq!(expr.test(&env.with_target(&target())), Ok(on_app), "{source}");
        assert_eq!(expr.test(&env.with_target(&bare)), Ok(on_bare), "{source}");
    }
}

#[test]
fn a_list_of_rows_is_judged_as_a_whole() {
    let rows = [row().number("z", 1.0), with_null("lag"), row()];
    for (source, expected) in [
        ("count(rows) == 3", true),
        ("rows.size() > 3", false),
        ("max(rows.used_pct) > 80%", true),
        ("min(rows.free_bytes) < 20GB", true),
        ("sum(rows.used_bytes) > 200GB", true),
        ("count(distinct(rows.version)) > 1", false),
        ("rows.exists(r, r.lag == null)", true),
        ("rows.all(r, r.state == \"ok\")", false),
        ("count(rows.filter(r, r.lag != null)) == 2", true),
        ("max(rows.filter(r, r.lag != null).lag) > 1m", false),
        ("sum(rows.map(r, r.used_bytes + r.free_bytes)) == 300GB", true),
        ("rows.exists(r, rows.exists(s, s.mount != r.mount))", false),
        ("\"Failed\" in rows.state", true),
    ] {
        let expr = compiled(source, &rows_scope());
        assert_eq!(expr.test(&Env::at(now(), Shanghai).with_rows(&rows)), Ok(expected), "{source}");
    }
    let expr = compiled("max(rows.lag) > 1m", &rows_scope());
    assert_eq!(expr.test(&Env::at(now(), Shanghai).with_rows(&rows)), Err(EvalError::NullField("lag".into())));
    assert_eq!(expr.fields(), ["lag"]);
}

#[test]
fn all_and_extremes_of_nothing_are_errors() {
    for (source, expected) in [
        ("rows.all(r, r.active)", Err(EvalError::EmptyList("all"))),
        ("max(rows.used_pct) > 1%", Err(EvalError::EmptyList("max"))),
        ("min(rows.used_pct) < 1%", Err(EvalError::EmptyList("min"))),
        ("count(rows) == 0", Ok(true)),
        ("sum(rows.bytes) == 0", Ok(true)),
        ("rows.exists(r, r.active)", Ok(false)),
    ] {
        assert_eq!(compiled(source, &rows_scope()).test(&Env::at(now(), Shanghai)), expected, "{source}");
    }
}

#[test]
fn other_good_expressions_judge_as_they_read() {
    for (source, expected) in [
        ("free_pct < 20", true),
        ("100 - used_pct < 20%", true),
        ("used_pct + 10% > 90", true),
        ("free_pct > 5% and free_pct < 20%", true),
        ("not mount == \"/\"", true),
        ("not mount in [\"/\", \"/boot\"]", true),
        ("not active or x > 5", true),
        ("active", true),
        ("active == false", false),
        ("state.lowerAscii() == \"failed\"", true),
        ("mount.startsWith(\"/u\") and not mount.endsWith(\"2\")", true),
        ("mount.matches(r\"^/u\\d+$\")", true),
        ("\"nginx.service\" in failed", true),
        ("count(failed) > 1", true),
        ("failed.exists(unit, unit.startsWith(\"cron\"))", true),
        ("failed.all(unit, unit.contains(\"nginx\"))", false),
        ("failed.filter(unit, unit == \"none\").size() == 0", true),
        ("x / 2 == 3.5", true),
        ("x - 2 * 3 == 1", true),
        ("-x < 0", true),
        ("x > -5", true),
        ("used_bytes / size_bytes > 0.8", true),
        ("used_bytes > size_bytes * 0.8", true),
        ("lag > 0", true),
        ("free_bytes == 0", false),
        ("lag * 2 == 1m", true),
        ("expires - now < 30d", true),
        ("expires < now + 30d", true),
        ("now > timestamp(\"2026-01-01T00:00:00+08:00\")", true),
        ("(x > 5 ? free_pct : used_pct) < 20%", true),
        ("name == \"\"", true),
        ("name.size() == 0", true),
        ("active && !(x == 8)".replace("!(x == 8)", "not (x == 8)").as_str(), true),
        ("true", true),
    ] {
        holds(source, expected);
    }
}

#[test]
fn quantities_of_different_kinds_never_compare() {
    for (source, expected) in [
        ("free_bytes < 200", "200 what?"),
        ("took > 2", "2 what?"),
        ("x > 80%", "percents only"),
        ("connections > max_connections * 80%", "percent"),
        ("free_bytes < 20%", "pct(used, max)"),
        ("free_pct < 20GiB", "a percent"),
        ("took > 20GiB", "length of time"),
        ("newest > 26h", "now - moment"),
        ("newest == \"2026-01-01\"", "timestamp("),
        ("status == \"200\"", "without quotes"),
        ("version == 3.0", "in quotes"),
        ("version < \"3.0.14\"", "older("),
        ("older(version, 3.0)", "quotes".replace("quotes", "a version is text").as_str()),
        ("older(version, \"latest\")", "is no version"),
        ("active == \"true\"", "without quotes"),
        ("active > true", "neither more nor less"),
        ("free_pct < x", "a number"),
        ("status in [200, \"204\"]", "text"),
        ("mount in [\"/\", 1]", "number"),
        ("x in mount", "contains("),
        ("mount in \"/u01\"", "contains("),
        ("failed == \"nginx\"", "in list"),
        ("failed.contains(\"nginx\")", "in list"),
        ("mount + \"x\" == \"/u01x\"", "not computed with"),
        ("used_pct * used_pct > 1", "multiplied"),
        ("newest + expires > now", "added"),
        ("5 < x < 10", "do not chain"),
        ("x == n == status", "do not chain"),
        ("x", "compare it"),
        ("newest", "now - newest"),
        ("mount", "== \"…\""),
        ("x and active", "no yes or no"),
        ("not x", "no yes or no"),
        ("x ? active : true", "no yes or no"),
        ("active ? x : mount", "text"),
        ("x / 0 > 1", "division by zero"),
        ("-mount == \"x\"", "negative"),
    ] {
        refused(source, &row_scope(), expected);
    }
}

#[test]
fn unknown_names_are_refused_everywhere_with_the_nearest() {
    for (source, expected) in [
        ("fre_pct < 20%", "`free_pct`"),
        ("nowhere > 1", "unknown name"),
        ("labels.zoen == \"dmz\"", "labels.zone"),
        ("labels == \"dmz\"", "has parts"),
        ("labels.zone == \"dmzz\"", "\"dmz\""),
        ("labels.zone != \"dmzz\"", "\"dmz\""),
        ("labels.zone in [\"dmz\", \"lan\"]", "nobody's"),
        ("\"lan\" == labels.zone", "nobody's"),
        ("labels.zone == null", "empty text"),
        ("system.teir == \"core\"", "system.tier"),
        ("system.tier == \"croe\"", "core"),
        ("target.kind == \"hots\"", "host"),
        ("target.id == \"erp-app9\"", "erp-app1"),
        ("values.max_lagg < 1s", "values.max_lag"),
        ("system.values.response < 1s", "no system has"),
        ("system.values < 1s", "has parts"),
        ("mount.zone == \"a\"", "no parts"),
        ("x.y.z > 1", "no parts"),
        ("mount.startswith(\"/\")", "startsWith"),
        ("startsWith(mount, \"/\")", "behind a dot"),
        ("mount.older(\"1\")", "in front"),
        ("now.getMonth() == 1", "within("),
        ("now.getHours() > 8", "within("),
        ("has(newest)", "!= null"),
        ("took > duration(\"2s\")", "2s, 1d2h"),
        ("int(x) > 1", "numbers already"),
        ("pct(x) > 1%", "pct(used, max)"),
        ("workday(1)", "workday()"),
        ("within(\"22-6\")", "22:00-06:00"),
        ("mount.matches(\"(\")", "not a regular expression"),
        ("mount.matches(state)", "written out"),
        ("mount.matches(\"a{1000}{1000}\")", "not a regular expression"),
        ("count(rows) > 1", "per: target"),
        ("rows.exists(r, r.x > 1)", "per: target"),
        ("failed.exists(u, v == \"a\")", "unknown name `v`"),
        ("failed.exists(u, u > 1)", "text"),
        ("failed.exists(mount, true)", "meaning already"),
        ("failed.exists(\"u\", true)", "begins with a name"),
        ("failed.exists(true)", "takes a name"),
        ("mount.exists(m, true)", "no list"),
        ("x == null and null == null", "only a field"),
        ("x > null", "neither more nor less"),
        ("x + 1 == null", "only a field"),
        ("null", "no value of its own"),
        ("free_pct < never", "stands alone"),
        ("active == True", "write true"),
        ("grew(bytes, 1d) > 1GiB", "trend:"),
        ("`x` > 1", "never quoted"),
        ("\"a\"(x)", "not an expression"),
        (".x > 1", "dot"),
        ("x[0] > 1", "no numbers"),
        ("x.in > 1", "does not fit"),
        ("max(failed) > 1", "quantities"),
        ("max(x, n) > 1", "one list"),
    ] {
        refused(source, &row_scope(), expected);
    }
    refused("rows.exists(r, r.fre_pct < 1%)", &rows_scope(), "`free_pct`");
    refused("rows.all(r, labels.zoen == r.mount)", &rows_scope(), "labels.zone");
    refused("rows.map(r, r.nothing).size() > 1", &rows_scope(), "no field");
    refused("used_pct > 80%", &rows_scope(), "max(rows.used_pct)");
    refused("rows.used_pct > 80%", &rows_scope(), "a list");
    refused("sum(rows) > 1", &rows_scope(), "sum(rows.FIELD)");
    refused("rows.exists(r, r)", &rows_scope(), "a row");
    refused("rows.exists(a, rows.exists(b, rows.exists(c, true)))", &rows_scope(), "inside each other");
    refused("now > now", &Scope::targets(&vocabulary()), "before any probe");
    refused("within(\"01:00-02:00\")", &Scope::targets(&vocabulary()), "before any probe");
    refused("workday()", &Scope::row(&vocabulary(), FIELDS), "no calendar");
}

#[test]
fn all_faults_are_reported_at_once_and_in_order() {
    let source = "fre_pct < 20% or labels.zoen == \"x\" and status == \"200\" or rows.exists(r, q > 1)";
    let faults = refused(source, &row_scope(), "`free_pct`");
    let places: Vec<&str> = faults.iter().map(|fault| &source[fault.range.clone()]).collect();
    assert_eq!(places, ["fre_pct", "labels.zoen", "status == \"200\"", "rows", "q"]);
}

#[test]
fn null_is_an_error_unless_the_expression_asks_for_it() {
    let null = with_null("newest");
    let on = |source: &str| test_on(&compiled(source, &row_scope()), &null);
    let error = Err(EvalError::NullField("newest".into()));
    assert_eq!(on("newest == null or now - newest > 26h"), Ok(true));
    assert_eq!(on("newest != null and now - newest > 26h"), Ok(false));
    assert_eq!(on("newest == null"), Ok(true));
    assert_eq!(on("null != newest"), Ok(false));
    assert_eq!(on("now - newest > 26h"), error);
    assert_eq!(on("newest == expires"), error);
    assert_eq!(on("newest in [now]"), error);
    assert_eq!(on("x == 7 and now - newest > 26h"), error);
    assert_eq!(on("x == 8 and now - newest > 26h"), Ok(false));
    // Left to right: the side that comes first has to have a value.
    assert_eq!(on("now - newest > 26h or newest == null"), error);
    assert_eq!(on("now - newest > 26h or x == 7"), error);
    for (name, _) in FIELDS {
        let null = with_null(name);
        for (source, result) in [(format!("{name} == null"), true), (format!("{name} != null"), false)] {
            assert_eq!(test_on(&compiled(&source, &row_scope()), &null), Ok(result), "{source}");
        }
    }
}

#[test]
fn what_cannot_be_computed_is_an_error_and_never_false() {
    let on = |source: &str| test_on(&compiled(source, &row_scope()), &row());
    assert_eq!(on("x / n > 1"), Err(EvalError::DivisionByZero));
    assert_eq!(on("pct(x, n) > 1%"), Err(EvalError::DivisionByZero));
    assert_eq!(on(&format!("x * 1{0} * 1{0} > 1", "0".repeat(300))), Err(EvalError::NotFinite));
    assert_eq!(on("older(state, \"1.0\")"), Err(EvalError::NotAVersion("Failed".into())));
    assert_eq!(on("now + 9999999999w > now"), Err(EvalError::OutOfTime));
    let expr = compiled("x > 1", &row_scope());
    assert_eq!(test_on(&expr, &Row::new()), Err(EvalError::NotAsDeclared("x".into())));
    assert_eq!(test_on(&expr, &Row::new().text("x", "7")), Err(EvalError::NotAsDeclared("x".into())));
    assert_eq!(test_on(&expr, &Row::new().with("x", Value::Number(f64::NAN))), Err(EvalError::NotFinite));
    let workday = compiled("workday()", &row_scope());
    let next_year = Env::at(now() + TimeDelta::days(400), Shanghai).with_calendar(&Weekdays);
    assert!(matches!(workday.test(&next_year), Err(EvalError::NoCalendar(_))));
    let lag = compiled("lag > values.max_lag", &row_scope());
    assert_eq!(lag.test(&Env::at(now(), Shanghai).with_row(&row())), Err(EvalError::NoValue("values.max_lag".into())));
    let zone = compiled("labels.zone == \"dmz\"", &row_scope());
    assert_eq!(zone.test(&Env::at(now(), Shanghai)), Err(EvalError::NoValue("target".into())));
}

#[test]
fn the_steps_of_a_rule_are_bounded() {
    let rows = vec![row(); 3_000];
    let expr = compiled("rows.exists(a, rows.exists(b, a.x != b.x))", &rows_scope());
    assert_eq!(expr.test(&Env::at(now(), Shanghai).with_rows(&rows)), Err(EvalError::TooManySteps));
}

#[test]
fn thresholds_the_wrong_way_round_compile_with_a_warning() {
    for (source, count) in
        [("free_pct > 80", 1), ("used_pct < 20", 1), ("used_pct > 0.8", 1), ("used_pct > 150%", 1), ("free_pct < 20%", 0)]
    {
        assert_eq!(compiled(source, &row_scope()).warnings().len(), count, "{source}");
    }
}

#[test]
fn an_expression_knows_its_fields_in_order() {
    let expr = compiled("used_pct > 80% and (mount == \"/\" or used_pct > 90%) and newest != null", &row_scope());
    assert_eq!(expr.fields(), ["used_pct", "mount", "newest"]);
}

struct Growing;

impl History for Growing {
    fn series(&self, field: &str, _: f64) -> Vec<(DateTime<Utc>, f64)> {
        let step = if field == "used_bytes" { 1e9 } else { 0.0 };
        (1..=10).map(|day: i32| (now() - TimeDelta::days(day.into()), 85e9 - step * f64::from(day))).collect()
    }
}

struct NoHistory;

impl History for NoHistory {
    fn series(&self, _: &str, _: f64) -> Vec<(DateTime<Utc>, f64)> {
        Vec::new()
    }
}

#[test]
fn trends_judge_the_history() {
    let scope = Scope::trend(&vocabulary(), FIELDS);
    let row = row().number("flat", 85e9);
    let on = |source: &str, history: &dyn History| {
        let trend = Trend { history, over_s: 7.0 * 86_400.0 };
        compiled(source, &scope).test(&Env::at(now(), Shanghai).with_row(&row).with_trend(trend))
    };
    assert_eq!(on("full_in(used_bytes, size_bytes) < 30d", &Growing), Ok(true));
    assert_eq!(on("full_in(used_bytes, size_bytes) < 14d", &Growing), Ok(false));
    assert_eq!(on("grew(used_bytes, 1d) > 900MB", &Growing), Ok(true));
    assert_eq!(on("average(used_bytes, 7d) > 90GB", &Growing), Ok(false));
    assert!(matches!(on("full_in(used_bytes, size_bytes) < 30d", &NoHistory), Err(EvalError::Collecting { .. })));
    assert!(matches!(on("grew(used_bytes, 1d) > 0", &NoHistory), Err(EvalError::Collecting { .. })));
    for (source, expected) in [
        ("grew(used_bytes, 30) > 1GB", "length of time"),
        ("grew(used_bytes + 1, 1d) > 1GB", "a field"),
        ("grew(mount, 1d) > 1", "no course"),
        ("grew(usd_bytes, 1d) > 1", "used_bytes"),
        ("full_in(used_bytes, 100) < 30d", "100 what?"),
        ("full_in(used_bytes, size_bytes) < 30", "30 what?"),
    ] {
        refused(source, &scope, expected);
    }
}

#[test]
fn never_full_is_neither_soon_nor_an_error() {
    let scope = Scope::trend(&vocabulary(), [("flat", FieldType::Bytes)]);
    let row = Row::new().number("flat", 85e9);
    let env = Env::at(now(), Shanghai).with_row(&row).with_trend(Trend { history: &Growing, over_s: 86_400.0 });
    assert_eq!(compiled("full_in(flat, 100GB) < 30d", &scope).test(&env), Ok(false));
    assert_eq!(compiled("full_in(flat, 100GB) > 30d", &scope).test(&env), Ok(true));
    assert_eq!(compiled("full_in(flat, 100GB) - 1d > 30d", &scope).test(&env), Err(EvalError::NotFinite));
    let length = compile("full_in(flat, 100GB)", &scope, Type::Duration).unwrap();
    assert_eq!(length.eval(&env), Ok(Value::Null));
}

#[test]
fn values_are_given_with_their_types() {
    let value = |source: &str, want: Type| {
        let row = row();
        compile(source, &row_scope(), want)
            .unwrap_or_else(|faults| panic!("{source}: {faults:?}"))
            .eval(&Env::at(now(), Shanghai).with_row(&row))
    };
    assert_eq!(value("now - newest", Type::Duration), Ok(Value::Duration(97_200.0)));
    assert_eq!(value("pct(used_bytes, size_bytes)", Type::Percent), Ok(Value::Number(85.0)));
    assert_eq!(value("failed.filter(f, f == \"x\")", Type::List(Box::new(Type::Text))), Ok(Value::List(vec![])));
    assert!(compile("used_bytes", &row_scope(), Type::Percent).is_err());
}

#[test]
fn the_default_rules_of_the_catalogue_compile_without_a_doubt() {
    for entry in CATALOGUE {
        let bound = entry.bind(serde_json::from_str(entry.meta.example).unwrap()).unwrap();
        let scope = Scope::row(&Vocabulary::default(), bound.fields().iter().map(|field| (field.name.to_string(), field.field_type)));
        for rule in [entry.meta.warn, entry.meta.crit].into_iter().flatten() {
            assert_eq!(compiled(rule, &scope).warnings(), [], "{}: {rule}", entry.meta.id);
        }
    }
}

#[test]
fn the_deepest_and_longest_expressions_fit_a_stack_of_two_mebibytes() {
    let deep = format!("{}x{} == 142", "(9 + ".repeat(15), ")".repeat(15));
    let nots = format!("{}(active)", "not ".repeat(15));
    let long = vec!["x"; 64].join("+") + " > 1";
    let choices = format!("({}x) > 1", "active ? x : ".repeat(32));
    let left_deep = format!("{}x{} > 1", "(".repeat(15), " - n + n - n + n - n)".repeat(15));
    let right_deep = format!("x > 1{}active{}", " and (not x == 3".repeat(7), ")".repeat(7)).replace("3active", "3 and active");
    let run = move || {
        for source in [&deep, &nots, &long, &choices, &left_deep, &right_deep] {
            test_on(&compile(source, &row_scope(), Type::Boolean).unwrap_or_else(|faults| panic!("{source}: {faults:?}")), &row()).unwrap();
        }
        for open in ["(", "[", "not ", "-", "- (", "x.", "x(", "x ? ", "x in [", "failed.exists(a, ", "\"", "not("] {
            let source = open.repeat(2_000 / open.len());
            assert!(compile(&source, &row_scope(), Type::Boolean).is_err(), "{open}");
            assert!(
                compile(&format!("{}x{}", open.repeat(15), ")".repeat(15)), &row_scope(), Type::Boolean).is_err() || open.contains('(')
            );
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
}

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "x",
        "n",
        "free_pct",
        "used_bytes",
        "newest",
        "mount",
        "failed",
        "active",
        "labels.zone",
        "rows",
        "now",
        "null",
        "true",
        "and",
        "or",
        "not",
        "in",
        "(",
        ")",
        "[",
        "]",
        ",",
        ".",
        "==",
        "!=",
        "<",
        ">",
        "+",
        "-",
        "*",
        "/",
        "?",
        ":",
        "5",
        "80%",
        "2s",
        "1GiB",
        "\"dmz\"",
        "'",
        "\"",
        "exists",
        "all",
        "map",
        "r",
        "r.x",
        "count",
        "max",
        "pct",
        "older",
        "within",
        "matches",
        "＞",
        "=",
        "!",
        "grew",
        "size",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(source in ".{0,200}") {
        let _ = compile(&source, &row_scope(), Type::Boolean);
    }

    #[test]
    fn no_row_of_words_makes_it_panic_and_the_result_is_always_the_same(source in words()) {
        for scope in [row_scope(), rows_scope(), Scope::targets(&vocabulary()), Scope::trend(&vocabulary(), FIELDS)] {
            match compile(&source, &scope, Type::Boolean) {
                Ok(expr) => {
                    let rows = [row(), with_null("x")];
                    let target = target();
                    let env = Env::at(now(), Shanghai).with_row(&rows[0]).with_rows(&rows).with_target(&target);
                    prop_assert_eq!(expr.test(&env), expr.test(&env));
                }
                Err(faults) => {
                    prop_assert!(!faults.is_empty());
                    for fault in &faults {
                        prop_assert!(source.get(fault.range.clone()).is_some(), "{:?}", fault);
                    }
                    prop_assert_eq!(Some(faults), compile(&source, &scope, Type::Boolean).err());
                }
            }
        }
    }

    #[test]
    fn a_comparison_with_null_is_never_false(field in prop::sample::select(FIELDS.to_vec()), literal in prop::sample::select(vec!["5", "80%", "2s", "1GiB", "\"a\"", "true", "now"]), sign in prop::sample::select(vec!["==", "!=", "<", ">", "<=", ">="])) {
        for source in [format!("{} {sign} {literal}", field.0), format!("not {literal} {sign} {}", field.0)] {
            if let Ok(expr) = compile(&source, &row_scope(), Type::Boolean) {
                prop_assert_eq!(test_on(&expr, &with_null(field.0)), Err(EvalError::NullField(field.0.to_owned())));
            }
        }
    }
}
