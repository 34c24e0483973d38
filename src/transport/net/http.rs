//! A conversation over HTTP(S): steps in order, cookies and kept values carried on, secrets masked in what is stored.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, Response, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json_path::JsonPath;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::mask::Masker;
use super::template::{Place, TemplateFault, fill, fill_json, form};
use super::{OurSide, Outcome, fine_millis, trust};
use crate::model::Untrusted;
use crate::model::probe::{HttpAsk, HttpStep, answer};
use crate::secret;
use crate::transport::Lines;
use crate::transport::dial::{DialError, DialFailure};

/// Redirects followed at most.
const REDIRECTS: usize = 10;

/// How long the cleaning-up steps have when the run is cancelled.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(4);

/// How much of a body is read at most, as a multiple of what is kept: its size is worth knowing, an endless one is not.
const READ_FACTOR: u64 = 16;

/// Holds the conversation. An `always` step is asked after a failed one too, and has a fifth of the limit to itself.
pub(super) async fn converse(lines: &Lines, ask: &HttpAsk, limit: Duration, cancel: &CancellationToken) -> Result<Outcome, OurSide> {
    let began = Instant::now();
    let mut talk = Talk::begin(lines, ask).await?;
    let cleans_up = ask.steps.iter().any(|step| step.always);
    let main_end = began + if cleans_up { limit * 4 / 5 } else { limit };
    let mut answer = answer::Http::default();
    let mut has_failed = false;
    let mut cancelled_at = None;
    for step in &ask.steps {
        if has_failed && !step.always {
            answer.steps.push(not_run(step, None));
            continue;
        }
        let end = match cancelled_at {
            Some(at) => at + CLEAN_UP_LIMIT,
            None if step.always => began + limit,
            None => main_end,
        };
        let taken = if cancelled_at.is_some() {
            talk.take(step, end).await?
        } else {
            tokio::select! {
                taken = talk.take(step, end) => taken?,
                () = cancel.cancelled() => {
                    cancelled_at = Some(Instant::now());
                    has_failed = true;
                    continue;
                }
            }
        };
        has_failed |= !goes_on(step, &taken);
        answer.steps.push(taken);
    }
    Ok(Outcome::json(&answer))
}

fn goes_on(step: &HttpStep, taken: &answer::HttpStep) -> bool {
    let Some(status) = taken.status.filter(|_| taken.failure.is_none()) else { return false };
    if step.go_on.is_empty() { status < 400 } else { step.go_on.iter().any(|(first, last)| (*first..=*last).contains(&status)) }
}

fn not_run(step: &HttpStep, detail: Option<String>) -> answer::HttpStep {
    answer::HttpStep {
        id: step.id.clone(),
        // The path as written: without its values it is no URL.
        request: format!("{} {}", step.method, step.path),
        failure: Some("not-run".to_owned()),
        detail,
        ..answer::HttpStep::default()
    }
}

/// A conversation under way.
struct Talk<'a> {
    client: Client,
    base: Url,
    ask: &'a HttpAsk,
    secrets: Vec<(&'a str, SecretString)>,
    kept: Vec<(String, String)>,
    masker: Masker,
    cap_bytes: usize,
}

impl<'a> Talk<'a> {
    async fn begin(lines: &Lines, ask: &'a HttpAsk) -> Result<Self, OurSide> {
        let base = Url::parse(&ask.base).map_err(|error| OurSide::new(format!("`{}` is no URL: {error}", ask.base)))?;
        let mut masker = Masker::default();
        let mut secrets = Vec::new();
        for (name, reference) in &ask.secrets {
            let secret = secret::resolve(reference).await.map_err(|error| OurSide::new(format!("the secret {name}: {error}")))?;
            masker.secret(secret.expose_secret());
            secrets.push((name.as_str(), secret));
        }
        let config = trust::client(trust::roots(ask.ca.as_deref()).await?)?;
        let builder = Client::builder()
            .no_proxy()
            .cookie_store(true)
            .referer(false)
            .user_agent(concat!("rounds/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(lines.connect_limit)
            .pool_max_idle_per_host(1)
            .redirect(if ask.follow { following(base.clone(), !ask.secrets.is_empty()) } else { Policy::none() })
            .tls_backend_preconfigured(config);
        let client = builder.build().map_err(|error| OurSide::new(format!("the HTTP client cannot be set up: {error}")))?;
        Ok(Self { client, base, ask, secrets, kept: Vec::new(), masker, cap_bytes: lines.cap_bytes })
    }

    /// Asks one step until `end`. A value that it needs and that no step kept leaves it not run.
    async fn take(&mut self, step: &HttpStep, end: Instant) -> Result<answer::HttpStep, OurSide> {
        let request = match self.request(step)? {
            Ok(request) => request,
            Err(fault) => return Ok(not_run(step, Some(fault.to_string()))),
        };
        let mut taken = answer::HttpStep {
            id: step.id.clone(),
            request: self.masker.mask(&format!("{} {}", request.method(), request.url())),
            ..answer::HttpStep::default()
        };
        let began = Instant::now();
        match timeout_at(end, self.client.execute(request)).await {
            Err(_) => (taken.failure, taken.detail) = (Some("timed-out".into()), Some(waited(began))),
            Ok(Err(error)) => {
                let (word, detail) = failure_of(&error)?;
                (taken.failure, taken.detail) = (Some(word.to_owned()), Some(self.masker.mask(&detail)));
            }
            Ok(Ok(response)) => {
                taken.status = Some(response.status().as_u16());
                let headers = headers_of(&response);
                let body = self.receive(response, began, end, &mut taken).await?;
                taken.took_ms = fine_millis(began.elapsed());
                if taken.failure.is_none() && goes_on(step, &taken) {
                    self.keep(step, &body, &mut taken);
                }
                taken.headers = headers.into_iter().map(|(name, value)| (name, self.masker.mask(&value))).collect();
                taken.body = self.masker.mask(Untrusted::from_bytes(&body).raw());
                return Ok(taken);
            }
        }
        taken.took_ms = fine_millis(began.elapsed());
        Ok(taken)
    }

    fn request(&self, step: &HttpStep) -> Result<Result<reqwest::Request, TemplateFault>, OurSide> {
        let value = |name: &str| self.value(name);
        let filled = || -> Result<_, TemplateFault> {
            let path = fill(&step.path, Place::Url, value)?;
            let headers =
                step.headers.iter().map(|(name, text)| Ok((name, fill(text, Place::Header, value)?))).collect::<Result<Vec<_>, _>>()?;
            let json = step.json.as_ref().map(|json| fill_json(json, &value)).transpose()?;
            let fields =
                step.form.iter().map(|(name, text)| Ok((name.as_str(), fill(text, Place::Text, value)?))).collect::<Result<Vec<_>, _>>()?;
            Ok((path, headers, json, fields))
        };
        let (path, headers, json, fields) = match filled() {
            Ok(filled) => filled,
            Err(fault) => return Ok(Err(fault)),
        };
        let method = Method::from_bytes(step.method.as_bytes()).map_err(|_| OurSide::new(format!("`{}` is no method", step.method)))?;
        let url = self.base.join(&path).map_err(|error| OurSide::new(format!("step {}: `{}`: {error}", step.id, step.path)))?;
        let mut builder = self.client.request(method, url);
        for (name, text) in headers {
            builder = builder.header(name.as_str(), text);
        }
        if let Some(json) = json {
            builder = builder.json(&json);
        } else if !fields.is_empty() {
            let body = form(fields.iter().map(|(name, text)| (*name, text.as_str())));
            builder = builder.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        let request = builder.build().map_err(|error| OurSide(self.masker.mask(&format!("step {}: {}", step.id, words(&error)))))?;
        Ok(Ok(request))
    }

    fn value(&self, name: &str) -> Option<&str> {
        let kept = self.kept.iter().rev().find(|(kept, _)| kept == name).map(|(_, value)| value.as_str());
        let secret = || self.secrets.iter().find(|(secret, _)| *secret == name).map(|(_, value)| value.expose_secret());
        let given = || self.ask.values.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        kept.or_else(secret).or_else(given)
    }

    /// Reads the body until `end`: as much as is kept, and then its size.
    async fn receive(
        &self,
        mut response: Response,
        began: Instant,
        end: Instant,
        taken: &mut answer::HttpStep,
    ) -> Result<Vec<u8>, OurSide> {
        let mut body = Vec::new();
        let most = u64::try_from(self.cap_bytes).unwrap_or(u64::MAX).saturating_mul(READ_FACTOR);
        loop {
            match timeout_at(end, response.chunk()).await {
                Err(_) => (taken.failure, taken.detail) = (Some("timed-out".into()), Some(waited(began))),
                Ok(Err(error)) => {
                    let (word, detail) = failure_of(&error)?;
                    (taken.failure, taken.detail) = (Some(word.to_owned()), Some(self.masker.mask(&detail)));
                }
                Ok(Ok(None)) => {}
                Ok(Ok(Some(chunk))) => {
                    let room = self.cap_bytes.saturating_sub(body.len()).min(chunk.len());
                    body.extend_from_slice(&chunk[..room]);
                    taken.body_cut |= room < chunk.len();
                    taken.body_bytes += chunk.len() as u64;
                    if taken.body_bytes <= most {
                        continue;
                    }
                    (taken.failure, taken.detail) = (Some("too-large".into()), Some(format!("the body is larger than {most} bytes")));
                }
            }
            return Ok(body);
        }
    }

    fn keep(&mut self, step: &HttpStep, body: &[u8], taken: &mut answer::HttpStep) {
        if step.keep.is_empty() {
            return;
        }
        let mut found = Vec::new();
        let result = keep_from(body, taken.body_cut, &step.keep, &mut found);
        for (name, value) in found {
            self.masker.kept(&value);
            self.kept.push((name, value));
        }
        if let Err(detail) = result {
            (taken.failure, taken.detail) = (Some("keep".to_owned()), Some(self.masker.mask(&detail)));
        }
    }
}

fn keep_from(body: &[u8], is_cut: bool, keep: &[(String, String)], found: &mut Vec<(String, String)>) -> Result<(), String> {
    if is_cut {
        return Err("the answer is larger than what is kept of it".to_owned());
    }
    let json: serde_json::Value = serde_json::from_slice(body).map_err(|error| format!("the answer is no JSON: {error}"))?;
    for (name, path) in keep {
        let query = JsonPath::parse(path).map_err(|error| format!("`{path}` is no JSONPath: {error}"))?;
        let value = query.query(&json).exactly_one().map_err(|_| format!("`{path}` finds no single value for `{name}`"))?;
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::Bool(yes) => yes.to_string(),
            _ => return Err(format!("`{path}` finds no text, number or boolean for `{name}`")),
        };
        found.push((name.clone(), text));
    }
    Ok(())
}

/// Names in lower case. What a cookie holds is a credential: its name is enough.
fn headers_of(response: &Response) -> Vec<(String, String)> {
    let headers = response.headers().iter();
    headers
        .map(|(name, value)| {
            let text = Untrusted::from_bytes(value.as_bytes()).raw().to_owned();
            let text = match text.split_once('=') {
                Some((cookie, rest)) if name == "set-cookie" => {
                    let attributes = rest.split_once(';').map_or("", |(_, attributes)| attributes);
                    if attributes.is_empty() { format!("{cookie}=***") } else { format!("{cookie}=***;{attributes}") }
                }
                _ => text,
            };
            (name.as_str().to_owned(), text)
        })
        .collect()
}

/// Follows up to ten redirects; one that leads to another place is answered as it stands where secrets are at stake.
fn following(base: Url, has_secrets: bool) -> Policy {
    Policy::custom(move |attempt: Attempt<'_>| {
        if attempt.previous().len() > REDIRECTS {
            return attempt.error(format!("more than {REDIRECTS} redirects"));
        }
        let is_elsewhere = attempt.url().origin() != base.origin();
        if is_elsewhere && has_secrets { attempt.stop() } else { attempt.follow() }
    })
}

fn waited(began: Instant) -> String {
    format!("no whole answer within {} ms", began.elapsed().as_millis())
}

/// The word for a failure of the exchange, and all that the library says; a failure on our side is none of theirs.
fn failure_of(error: &reqwest::Error) -> Result<(&'static str, String), OurSide> {
    let detail = words(error);
    if error.is_redirect() {
        return Ok(("redirect", detail));
    }
    if error.is_timeout() {
        return Ok(("timed-out", detail));
    }
    if error.is_builder() {
        return Err(OurSide(detail));
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if current.is::<rustls::Error>() {
            return Ok(("tls", detail));
        }
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            let io = innermost(io);
            if io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some() {
                return Ok(("tls", detail));
            }
            if error.is_dns() {
                return Ok(("dns", detail));
            }
            if error.is_connect() {
                return match DialError::from_io(io).kind {
                    DialFailure::Refused => Ok(("refused", detail)),
                    DialFailure::TimedOut => Ok(("timed-out", detail)),
                    DialFailure::Unreachable => Ok(("unreachable", detail)),
                    // Out of descriptors, forbidden by a filter of this machine; an early end is the server's.
                    _ if io.raw_os_error().is_some() => Err(OurSide(detail)),
                    _ => Ok(("cut", detail)),
                };
            }
        }
        cause = current.source();
    }
    Ok((if error.is_dns() { "dns" } else { "cut" }, detail))
}

/// The error of the system within errors that wrap it; `source` would skip over those.
fn innermost(mut io: &std::io::Error) -> &std::io::Error {
    while let Some(inner) = io.get_ref().and_then(|inner| inner.downcast_ref::<std::io::Error>()) {
        io = inner;
    }
    io
}

/// What the library says, with its causes, without the URL, which may hold a secret in a form of its own.
fn words(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(current) = cause {
        let text = current.to_string();
        if parts.last() != Some(&text) {
            parts.push(text);
        }
        cause = current.source();
    }
    if parts.is_empty() { "the exchange failed".to_owned() } else { parts.join(": ") }
}
