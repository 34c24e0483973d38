//! A web page: its status, content and response time.

use std::collections::BTreeMap;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json_path::JsonPath;

use super::web::{self, Secrets};
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{HttpAsk, HttpStep, NetAsk, answer};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// A web page: its status, content and response time.
pub struct Http;

/// Methods that only read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    /// The page.
    #[default]
    Get,
    /// Its head alone.
    Head,
}

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Path at the target's URL (`/x` begins at its host, `x` at its folder), or a full URL.
    #[serde(default)]
    path: String,
    /// GET or HEAD.
    #[serde(default)]
    method: Method,
    /// Headers sent; values may hold `{name}` of a secret.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Secrets by name, for `{name}` in headers.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, web::SecretSchema>")]
    secrets: Secrets,
    /// Whether redirects are followed (at most ten).
    #[serde(default)]
    follow: bool,
    /// Text that the body must contain.
    #[serde(default)]
    contains: Option<String>,
    /// Regular expression that the body must match.
    #[serde(default)]
    matches: Option<String>,
    /// Values that a JSON body must have, by JSONPath.
    #[serde(default)]
    json: BTreeMap<String, serde_json::Value>,
}

impl Check for Http {
    const META: Meta = Meta {
        id: "http",
        version: 1,
        kinds: &[Kind::Http],
        class: Class::Application,
        title: Text::new("Web page", "Web 页面"),
        asks: Text::new(
            "Whether a page is answered, with which status and content, and how long it takes to its last byte.",
            "页面是否应答、状态码和内容是否正确，以及接收完整内容的耗时。",
        ),
        why: Text::new("It is what the users of the application see first.", "这是应用的用户最先看到的东西。"),
        advice: Text::new(
            "`refused`, `timed-out`: look at the web server and the way to it. Status 5xx: read the application's log of that moment. Slow: look at the database and the load of its host.",
            "refused、timed-out：检查 Web 服务器及网络路径；5xx：查看应用当时的日志；响应慢：检查数据库及主机负载。",
        ),
        source: Text::new("operations standards: key functions answer within 2 s", "运维规范：关键功能响应时间不超过 2 秒"),
        fields: &[
            Field::new("url", FieldType::Text, "URL", "地址"),
            Field::new("answered", FieldType::Boolean, "Answered", "有应答"),
            Field::new("status", FieldType::Number, "Status", "状态码"),
            Field::new("matched", FieldType::Boolean, "Content as expected", "内容符合预期"),
            Field::new("took", FieldType::Duration, "Took", "耗时"),
            Field::new("body_bytes", FieldType::Bytes, "Size", "大小"),
            Field::new("failure", FieldType::Text, "Failure", "失败原因"),
            Field::new("detail", FieldType::Text, "Detail", "详情"),
        ],
        key: &["url"],
        rows_are: RowsAre::Things,
        warn: Some("took > 2s"),
        crit: Some("not answered or status >= 400 or not matched"),
        example: r#"{ "path": "/health", "contains": "ok" }"#,
    };

    type Params = Params;

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |key: &str, message: String| ParamFault { key: key.to_owned(), message };
        if let Some(Err(error)) = params.matches.as_deref().map(Regex::new) {
            return Err(fault("matches", error.to_string()));
        }
        for path in params.json.keys() {
            JsonPath::parse(path).map_err(|error| fault("json", format!("`{path}`: {error}")))?;
        }
        if params.method == Method::Head && params.wants_body() {
            return Err(fault("method", "HEAD brings no body: use GET, or leave out contains, matches and json".to_owned()));
        }
        let names = params.headers.values().map(String::as_str).chain([params.path.as_str()]).flat_map(web::names_in);
        match names.into_iter().find(|name| !params.secrets.contains_key(*name)) {
            Some(name) => Err(fault("secrets", format!("`{{{name}}}` has no value: add it under secrets"))),
            None => Ok(()),
        }
    }

    fn probes(params: &Params, target: &Target) -> Vec<Probe> {
        let step = HttpStep {
            id: "page".to_owned(),
            method: if params.method == Method::Head { "HEAD" } else { "GET" }.to_owned(),
            path: params.path.clone(),
            headers: params.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            ..HttpStep::default()
        };
        let ask = HttpAsk {
            base: target.url.clone().unwrap_or_default(),
            ca: web::ca_of(target),
            follow: params.follow,
            steps: vec![step],
            values: Vec::new(),
            secrets: params.secrets.iter().map(|(name, secret)| (name.clone(), secret.clone())).collect(),
        };
        vec![Probe::net("http", NetAsk::Http(ask))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let answer: answer::Http = seen.answer("http")?;
        let [page] = &answer.steps[..] else {
            return Err(Unreadable::new("http", format!("{} answers to one request", answer.steps.len())));
        };
        let answered = page.failure.is_none();
        let status = page.status.filter(|_| answered);
        if answered && status.is_none() {
            return Err(Unreadable::new("http", "the answer is neither a status nor a failure"));
        }
        let matched = if answered { Value::Boolean(params.fits(page)?) } else { Value::Null };
        #[expect(clippy::cast_precision_loss, reason = "bodies are far below 2^52 bytes")]
        let size = if answered { Value::Number(page.body_bytes as f64) } else { Value::Null };
        let row = Row::new()
            .text("url", params.url(seen.target))
            .boolean("answered", answered)
            .with("status", status.map_or(Value::Null, |status| Value::Number(status.into())))
            .with("matched", matched)
            .duration("took", page.took_ms / 1000.0)
            .with("body_bytes", size)
            .text("failure", page.failure.clone().unwrap_or_default())
            .text("detail", page.detail.clone().unwrap_or_default());
        Ok(Parsed::Rows(vec![row]))
    }
}

impl Params {
    fn wants_body(&self) -> bool {
        self.contains.is_some() || self.matches.is_some() || !self.json.is_empty()
    }

    /// The URL as it is written: base and path, without values of secrets.
    fn url(&self, target: &Target) -> String {
        let base = target.url.as_deref().unwrap_or_default();
        if self.path.contains("://") {
            return self.path.clone();
        }
        let joined = reqwest::Url::parse(base).ok().and_then(|base| base.join(&self.path).ok());
        joined.map_or_else(|| format!("{base}{}", self.path), |url| url.to_string())
    }

    /// Whether the body is what was expected; a body that is not whole can prove that it fits, not that it does not.
    fn fits(&self, page: &answer::HttpStep) -> Result<bool, Unreadable> {
        let text_fits = self.contains.as_ref().is_none_or(|text| page.body.contains(text.as_str()))
            && self.matches.as_deref().and_then(|regex| Regex::new(regex).ok()).is_none_or(|regex| regex.is_match(&page.body));
        if page.body_cut && (!text_fits || !self.json.is_empty()) {
            return Err(Unreadable::new("http", "the body is larger than what is kept of it"));
        }
        Ok(text_fits && self.json_fits(&page.body))
    }

    fn json_fits(&self, body: &str) -> bool {
        if self.json.is_empty() {
            return true;
        }
        let Ok(json) = serde_json::from_str::<serde_json::Value>(body) else { return false };
        self.json.iter().all(|(path, expected)| {
            let query = JsonPath::parse(path).ok();
            query.and_then(|query| query.query(&json).exactly_one().ok()).is_some_and(|found| found == expected)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows, text};
    use crate::model::Value;

    #[test]
    fn a_page_has_a_status_and_a_time() {
        let rows = rows::<Http>(r#"{ "path": "/health", "contains": "ok", "json": { "$.status": "ok" } }"#, "answered");
        assert_eq!(text(&rows[0], "url"), "https://192.0.2.1/health");
        assert!((number(&rows[0], "status") - 200.0).abs() < 1e-9);
        assert_eq!(rows[0].get("matched"), Some(&Value::Boolean(true)));
        assert!(number(&rows[0], "took") > 0.0);
    }

    #[test]
    fn content_that_is_missing_is_seen() {
        for params in [r#"{ "contains": "nosuch" }"#, r#"{ "matches": "^ok$" }"#, r#"{ "json": { "$.status": "down" } }"#] {
            assert_eq!(rows::<Http>(params, "answered")[0].get("matched"), Some(&Value::Boolean(false)), "{params}");
        }
    }

    #[test]
    fn a_refusal_is_a_row_without_a_status() {
        let rows = rows::<Http>("{}", "refused");
        assert_eq!(rows[0].get("answered"), Some(&Value::Boolean(false)));
        assert_eq!(rows[0].get("status"), Some(&Value::Null));
        assert_eq!(text(&rows[0], "failure"), "refused");
    }

    #[test]
    fn parameters_that_cannot_work_are_refused() {
        let bind = |params: &str| crate::check::Entry::of::<Http>().bind(serde_json::from_str(params).unwrap());
        for params in
            [r#"{ "matches": "(" }"#, r#"{ "json": { "$[": 1 } }"#, r#"{ "method": "HEAD", "contains": "x" }"#, r#"{ "method": "POST" }"#]
        {
            assert!(bind(params).is_err(), "{params}");
        }
        assert!(bind(r#"{ "headers": { "X-Key": "{key}" } }"#).is_err());
        assert!(bind(r#"{ "headers": { "X-Key": "{key}" }, "secrets": { "key": { "env": "KEY" } } }"#).is_ok());
    }
}
