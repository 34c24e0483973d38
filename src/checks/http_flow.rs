//! A key function of an application, step by step: log in, place an order, remove it again.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json_path::JsonPath;

use super::status_rule;
use super::web::{self, Secrets};
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{HttpAsk, HttpStep, NetAsk, answer};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// A key function of an application, step by step.
pub struct HttpFlow;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What it writes and removes again; required as soon as a step is neither GET nor HEAD.
    #[serde(default)]
    writes: Option<String>,
    /// Values by name, for `{name}` in steps.
    #[serde(default)]
    values: BTreeMap<String, String>,
    /// Secrets by name, for `{name}` in steps.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, web::SecretSchema>")]
    secrets: Secrets,
    /// Whether redirects are followed (at most ten; with secrets never to another place).
    #[serde(default = "yes")]
    follow: bool,
    /// The steps, in order.
    steps: Vec<Step>,
}

const fn yes() -> bool {
    true
}

/// One request; exactly one of the methods says its path.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Name of the step.
    id: String,
    /// Path of a GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    get: Option<String>,
    /// Path of a HEAD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    /// Path of a POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    post: Option<String>,
    /// Path of a PUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put: Option<String>,
    /// Path of a PATCH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    /// Path of a DELETE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete: Option<String>,
    /// Headers; values may hold `{name}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// Body sent as JSON; strings inside may hold `{name}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<serde_json::Value>,
    /// Body sent as a form; values may hold `{name}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    form: BTreeMap<String, String>,
    /// Rule over `status` that lets the next step go ahead; `status < 400` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect: Option<String>,
    /// Text that the answer must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contains: Option<String>,
    /// Values kept from a JSON answer by JSONPath, for later steps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    keep: BTreeMap<String, String>,
    /// Asked even after a failed step: for cleaning up.
    #[serde(default)]
    always: bool,
}

impl Step {
    /// Method and path of every method that is given: one, where the step is in order.
    fn requests(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("GET", &self.get),
            ("HEAD", &self.head),
            ("POST", &self.post),
            ("PUT", &self.put),
            ("PATCH", &self.patch),
            ("DELETE", &self.delete),
        ];
        all.into_iter().filter_map(|(method, path)| Some((method, path.as_deref()?))).collect()
    }

    fn go_on(&self) -> Result<Vec<(u16, u16)>, String> {
        status_rule::ranges(self.expect.as_deref().unwrap_or("status < 400"))
    }

    fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for (_, path) in self.requests() {
            names.extend(web::names_in(path));
        }
        names.extend(self.headers.values().chain(self.form.values()).flat_map(|text| web::names_in(text)));
        self.json.iter().for_each(|json| names_in_json(json, &mut names));
        names
    }
}

fn names_in_json<'a>(json: &'a serde_json::Value, names: &mut BTreeSet<&'a str>) {
    match json {
        serde_json::Value::String(text) => names.extend(web::names_in(text)),
        serde_json::Value::Array(items) => items.iter().for_each(|item| names_in_json(item, names)),
        serde_json::Value::Object(fields) => fields.values().for_each(|item| names_in_json(item, names)),
        _ => {}
    }
}

impl Check for HttpFlow {
    const META: Meta = Meta {
        id: "http-flow",
        version: 1,
        kinds: &[Kind::Http],
        class: Class::Application,
        title: Text::new("Key function, step by step", "关键业务流程"),
        asks: Text::new(
            "Whether a function of the application works from its first step to its last, and how long each step takes.",
            "应用的关键功能能否从第一步走到最后一步，以及每一步的耗时。",
        ),
        why: Text::new(
            "A start page that answers says little: what earns money is that an order can be placed.",
            "首页能打开说明不了问题：能下单才是业务可用。",
        ),
        advice: Text::new(
            "Look at the first step that did not pass: its status and failure say whether the network, the application or its data is at fault. Steps that were not run could not be judged.",
            "查看第一个未通过的步骤：状态码和失败原因可区分网络、应用或数据问题。未执行的步骤无法判断。",
        ),
        source: Text::new("operations standards: key functions work and answer within 2 s", "运维规范：关键功能可用，响应时间不超过 2 秒"),
        fields: &[
            Field::new("step", FieldType::Text, "Step", "步骤"),
            Field::new("passed", FieldType::Boolean, "Passed", "通过"),
            Field::new("status", FieldType::Number, "Status", "状态码"),
            Field::new("took", FieldType::Duration, "Took", "耗时"),
            Field::new("failure", FieldType::Text, "Failure", "失败原因"),
            Field::new("request", FieldType::Text, "Request", "请求"),
            Field::new("detail", FieldType::Text, "Detail", "详情"),
        ],
        key: &["step"],
        rows_are: RowsAre::Things,
        warn: Some("took > 2s"),
        crit: Some("not passed"),
        example: r#"{
            "writes": "places a test order and removes it",
            "secrets": { "pw": { "env": "PW" } },
            "steps": [
                { "id": "login", "post": "/login", "json": { "user": "u", "password": "{pw}" }, "expect": "status == 200", "keep": { "token": "$.token" } },
                { "id": "order", "post": "/orders", "headers": { "Authorization": "Bearer {token}" }, "json": { "item": 1 }, "expect": "status == 201", "keep": { "order": "$.id" } },
                { "id": "remove", "delete": "/orders/{order}", "headers": { "Authorization": "Bearer {token}" }, "always": true, "expect": "status in [200, 204]" }
            ]
        }"#,
    };

    type Params = Params;

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |message: String| ParamFault { key: "steps".to_owned(), message };
        if params.steps.is_empty() {
            return Err(fault("there is no step".to_owned()));
        }
        let mut ids = BTreeSet::new();
        let mut known: BTreeSet<&str> = params.values.keys().chain(params.secrets.keys()).map(String::as_str).collect();
        for step in &params.steps {
            let id = &step.id;
            if !ids.insert(id.as_str()) {
                return Err(fault(format!("two steps are called `{id}`")));
            }
            let requests = step.requests();
            let [(method, _)] = requests[..] else {
                return Err(fault(format!("step `{id}`: write exactly one of get, head, post, put, patch, delete")));
            };
            if !matches!(method, "GET" | "HEAD") && params.writes.as_deref().is_none_or(|writes| writes.trim().is_empty()) {
                let message = format!("step `{id}` is a {method}: say under `writes:` what it writes and how that is removed again");
                return Err(ParamFault { key: "writes".to_owned(), message });
            }
            if step.json.is_some() && !step.form.is_empty() {
                return Err(fault(format!("step `{id}`: a body is `json` or `form`, not both")));
            }
            step.go_on().map_err(|message| fault(format!("step `{id}`: expect: {message}")))?;
            if let Some(name) = step.names().into_iter().find(|name| !known.contains(name)) {
                return Err(fault(format!("step `{id}`: `{{{name}}}` is no value, no secret and kept by no step before")));
            }
            for (name, path) in &step.keep {
                JsonPath::parse(path).map_err(|error| fault(format!("step `{id}`: keep {name}: `{path}`: {error}")))?;
                known.insert(name);
            }
        }
        Ok(())
    }

    fn probes(params: &Params, target: &Target) -> Vec<Probe> {
        let pairs = |map: &BTreeMap<String, String>| map.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let steps = params.steps.iter().flat_map(|step| {
            step.requests().into_iter().map(move |(method, path)| HttpStep {
                id: step.id.clone(),
                method: method.to_owned(),
                path: path.to_owned(),
                headers: pairs(&step.headers),
                json: step.json.clone(),
                form: pairs(&step.form),
                keep: pairs(&step.keep),
                go_on: step.go_on().unwrap_or_default(),
                always: step.always,
            })
        });
        let ask = HttpAsk {
            base: target.url.clone().unwrap_or_default(),
            ca: web::ca_of(target),
            follow: params.follow,
            steps: steps.collect(),
            values: pairs(&params.values),
            secrets: params.secrets.iter().map(|(name, secret)| (name.clone(), secret.clone())).collect(),
        };
        vec![Probe::net("flow", NetAsk::Http(ask))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let answer: answer::Http = seen.answer("flow")?;
        if answer.steps.len() != params.steps.len() {
            return Err(Unreadable::new("flow", format!("{} answers to {} steps", answer.steps.len(), params.steps.len())));
        }
        let mut rows = Vec::new();
        let mut has_failed = false;
        for (step, taken) in params.steps.iter().zip(&answer.steps) {
            if step.id != taken.id {
                return Err(Unreadable::new("flow", format!("an answer to `{}` where `{}` was asked", taken.id, step.id)));
            }
            let passed = step.passed(taken)?;
            has_failed |= passed == Some(false);
            rows.push(row_of(taken, passed));
        }
        // Steps are left out only behind one that failed: else the answer cannot be right, and nothing must look fine.
        if !has_failed && answer.steps.iter().any(|taken| taken.failure.is_some()) {
            return Err(Unreadable::new("flow", "steps were not run although none had failed"));
        }
        Ok(Parsed::Rows(rows))
    }
}

impl Step {
    /// Whether the step passed; `None` where it was not run, of which nothing can be said.
    fn passed(&self, taken: &answer::HttpStep) -> Result<Option<bool>, Unreadable> {
        match (&taken.failure, taken.status) {
            (Some(failure), _) if failure == "not-run" => Ok(None),
            (Some(_), _) => Ok(Some(false)),
            (None, None) => Err(Unreadable::new("flow", format!("step `{}` has neither a status nor a failure", self.id))),
            (None, Some(status)) => {
                let expected = self.go_on().map_err(|message| Unreadable::new("flow", message))?;
                let contains = self.contains.as_ref().is_none_or(|text| taken.body.contains(text.as_str()));
                if !contains && taken.body_cut {
                    return Err(Unreadable::new("flow", format!("the answer to `{}` is larger than what is kept of it", self.id)));
                }
                Ok(Some(contains && expected.iter().any(|(first, last)| (*first..=*last).contains(&status))))
            }
        }
    }
}

fn row_of(taken: &answer::HttpStep, passed: Option<bool>) -> Row {
    Row::new()
        .text("step", taken.id.clone())
        // Null makes the row "could not judge": a step that was not run is neither fine nor a fault of its own.
        .with("passed", passed.map_or(Value::Null, Value::Boolean))
        .with("status", taken.status.map_or(Value::Null, |status| Value::Number(status.into())))
        .with("took", passed.map_or(Value::Null, |_| Value::Duration(taken.took_ms / 1000.0)))
        .text("failure", taken.failure.clone().unwrap_or_default())
        .text("request", taken.request.clone())
        .text("detail", taken.detail.clone().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{number, row, rows, text};

    #[test]
    fn every_step_of_a_flow_that_works_passes() {
        let rows = rows::<HttpFlow>(HttpFlow::META.example, "order");
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| row.get("passed") == Some(&Value::Boolean(true))));
        assert!((number(row(&rows, "step", "order"), "status") - 201.0).abs() < 1e-9);
    }

    #[test]
    fn steps_behind_a_failed_one_are_not_judged() {
        let rows = rows::<HttpFlow>(HttpFlow::META.example, "login-refused");
        assert_eq!(row(&rows, "step", "login").get("passed"), Some(&Value::Boolean(false)));
        for step in ["order", "remove"] {
            assert_eq!(row(&rows, "step", step).get("passed"), Some(&Value::Null), "{step}");
            assert_eq!(text(row(&rows, "step", step), "failure"), "not-run");
        }
    }

    #[track_caller]
    fn refused(params: &str, key: &str) {
        let fault = Entry::of::<HttpFlow>().bind(serde_json::from_str(params).unwrap()).err().unwrap_or_else(|| panic!("{params}"));
        assert_eq!(fault.key, key, "{}", fault.message);
    }

    #[test]
    fn flows_that_cannot_work_are_refused() {
        refused(r#"{ "steps": [] }"#, "steps");
        refused(r#"{ "steps": [{ "id": "a", "post": "/" }] }"#, "writes");
        refused(r#"{ "steps": [{ "id": "a", "get": "/", "head": "/" }] }"#, "steps");
        refused(r#"{ "steps": [{ "id": "a" }] }"#, "steps");
        refused(r#"{ "steps": [{ "id": "a", "get": "/" }, { "id": "a", "get": "/" }] }"#, "steps");
        refused(r#"{ "steps": [{ "id": "a", "get": "/{token}" }] }"#, "steps");
        refused(r#"{ "steps": [{ "id": "a", "get": "/", "expect": "status = 200" }] }"#, "steps");
        refused(r#"{ "steps": [{ "id": "a", "get": "/", "keep": { "x": "$[" } }] }"#, "steps");
    }
}
