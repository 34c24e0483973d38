//! What a check is: metadata, the probes it asks, and a pure function from captures to typed rows.
//!
//! A check is one file in `checks/`. It implements [`Check`] and stands in the catalogue as an [`Entry`],
//! which hides its types behind [`Bound`]. Judging the rows is not the check's work: it only says which
//! rules hold when a playbook says nothing.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::model::RowsAre;
use crate::model::probe::{FailKind, answer};
use crate::model::{Capture, Ended, FieldType, Kind, Message, Probe, Row, Target, Text, Untrusted};

/// One check of the catalogue. See `checks/disk_space.rs` for one that shows all the forms.
pub trait Check: 'static {
    /// What is known of it without asking anybody.
    const META: Meta;

    /// What a playbook can set under `with:`; unknown keys are refused (`deny_unknown_fields`).
    type Params: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static;

    /// What to ask `target`. Pure: no answer is needed, variants per system are guarded inside the probe.
    fn probes(params: &Self::Params, target: &Target) -> Vec<Probe>;

    /// Reads the captures. Pure.
    ///
    /// # Errors
    /// When what was seen cannot be read with certainty: a line that does not parse is an error, never left out.
    fn parse(params: &Self::Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable>;

    /// The fields of the rows, where they depend on the parameters (`columns:`).
    fn fields(params: &Self::Params) -> Cow<'static, [Field]> {
        let _ = params;
        Cow::Borrowed(Self::META.fields)
    }

    /// The fields that make a row's key, where they depend on the parameters.
    fn key(params: &Self::Params) -> Vec<String> {
        let _ = params;
        Self::META.key.iter().map(|&field| field.to_owned()).collect()
    }

    /// What no row, or a row less than last time, means, where it depends on the parameters.
    fn rows_are(params: &Self::Params) -> RowsAre {
        let _ = params;
        Self::META.rows_are
    }

    /// What is wrong with the parameters beyond their types (an expression that does not parse, two that exclude each other).
    ///
    /// # Errors
    /// With the parameter's name and what to write instead.
    fn validate(params: &Self::Params) -> Result<(), ParamFault> {
        let _ = params;
        Ok(())
    }
}

/// Everything about a check that is known beforehand; manuals, lint, schema and reports are made from it.
#[derive(Clone, Copy, Debug)]
pub struct Meta {
    /// Kebab-case, equal to the file's name.
    pub id: &'static str,
    /// Counted up whenever parsing or default rules change; stored with each item.
    pub version: u32,
    /// Kinds of target that it fits.
    pub kinds: &'static [Kind],
    /// Chapter of the report.
    pub class: Class,
    /// Name: the thing looked at, as a noun.
    pub title: Text,
    /// What it asks, in one or two sentences.
    pub asks: Text,
    /// Why it matters: the risk, in words of the business where there are any.
    pub why: Text,
    /// How to put a problem right.
    pub advice: Text,
    /// Where the default thresholds come from.
    pub source: Text,
    /// Fields of its rows.
    pub fields: &'static [Field],
    /// Fields that make the key of a row, one that survives reboot and renewal; empty when there is one row at most.
    pub key: &'static [&'static str],
    /// What no row, or a row less than last time, means.
    pub rows_are: RowsAre,
    /// When it warns unless a playbook says otherwise; `None` is `never`.
    pub warn: Option<&'static str>,
    /// When it is critical unless a playbook says otherwise; `None` is `never`.
    pub crit: Option<&'static str>,
    /// A value of `with:` that is complete, as JSON: for the manual and the tests.
    pub example: &'static str,
}

/// A field of a check's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// `snake_case`; `_pct` for percent, `_bytes` for bytes.
    pub name: Cow<'static, str>,
    /// Its type.
    pub field_type: FieldType,
    /// What it says, as the head of a column.
    pub label: Text,
}

impl Field {
    /// A field of the catalogue.
    #[must_use]
    pub const fn new(name: &'static str, field_type: FieldType, en: &'static str, zh: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), field_type, label: Text::new(en, zh) }
    }
}

/// Chapters of a report, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Disks, RAID, sensors.
    Hardware,
    /// Operating system.
    System,
    /// Network.
    Network,
    /// Middleware.
    Middleware,
    /// Databases.
    Database,
    /// Applications.
    Application,
    /// Security.
    Security,
    /// Backups and drills.
    Backup,
}

impl Class {
    /// Every class, in the order of a report's chapters.
    pub const ALL: [Self; 8] =
        [Self::Hardware, Self::System, Self::Network, Self::Middleware, Self::Database, Self::Application, Self::Security, Self::Backup];

    /// The word used in JSON and the store.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::System => "system",
            Self::Network => "network",
            Self::Middleware => "middleware",
            Self::Database => "database",
            Self::Application => "application",
            Self::Security => "security",
            Self::Backup => "backup",
        }
    }

    /// The chapter's heading.
    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            Self::Hardware => Text::new("Hardware", "硬件"),
            Self::System => Text::new("Operating system", "操作系统"),
            Self::Network => Text::new("Network", "网络"),
            Self::Middleware => Text::new("Middleware", "中间件"),
            Self::Database => Text::new("Database", "数据库"),
            Self::Application => Text::new("Application", "应用"),
            Self::Security => Text::new("Security", "安全"),
            Self::Backup => Text::new("Backup and drills", "备份与演练"),
        }
    }
}

/// What a check reads out of its captures.
#[derive(Clone, Debug, PartialEq)]
pub enum Parsed {
    /// Rows to judge.
    Rows(Vec<Row>),
    /// The probe answered and lists none: what is asked about is not on this target.
    NotApplicable {
        /// What is not there.
        what: &'static str,
    },
    /// A rate needs an earlier value; the rows are kept for the next run.
    NoEarlierValue(Vec<Row>),
}

/// Why captures cannot be read with certainty; the item becomes `error`, or `timed-out` where that is why.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable(pub Message);

impl Unreadable {
    /// `what` could not be read because of `detail`, which is text from the target.
    #[must_use]
    pub fn new(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self(Message::Unreadable { what: what.into(), detail: Untrusted::new(shorten(&detail.into())) })
    }
}

/// What is wrong with one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamFault {
    /// The key under `with:`.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// Rows of the last run in which this item was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// When they were captured.
    pub at: DateTime<Utc>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// What was seen: all that a check may look at when it parses.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The captures of its probes.
    pub captures: &'a [Capture],
    /// When the first of them was taken.
    pub at: DateTime<Utc>,
    /// Rows of the last run in which this item was judged.
    pub earlier: Option<&'a Earlier>,
    /// The target.
    pub target: &'a Target,
}

impl<'a> Seen<'a> {
    /// The capture of `probe`, however it ended.
    ///
    /// # Errors
    /// When there is none.
    pub fn capture(&self, probe: &str) -> Result<&'a Capture, Unreadable> {
        self.captures
            .iter()
            .find(|capture| capture.probe == probe)
            .ok_or_else(|| Unreadable(Message::OurSide { detail: format!("no capture of `{probe}`") }))
    }

    /// Standard output of `probe` as text, provided that it ended with status 0, whole and not empty.
    ///
    /// # Errors
    /// Says why not: command not found, right missing, timed out, cut, empty, or failed.
    pub fn text(&self, probe: &str) -> Result<Cow<'a, str>, Unreadable> {
        self.text_with(probe, &[0])
    }

    /// Like [`Seen::text`] for a command that also answers with other exit statuses than 0.
    ///
    /// # Errors
    /// As [`Seen::text`].
    pub fn text_with(&self, probe: &str, statuses: &[i32]) -> Result<Cow<'a, str>, Unreadable> {
        let capture = self.capture(probe)?;
        match &capture.ended {
            Ended::Exit { status } if statuses.contains(status) => {}
            _ => return Err(refusal(capture)),
        }
        if capture.cut {
            return Err(Unreadable(Message::Cut { probe: probe.to_owned() }));
        }
        let text = capture.text();
        if text.trim().is_empty() {
            // What the command complained about is worth more than "empty".
            return Err(if capture.err.is_empty() { Unreadable(Message::Empty { probe: probe.to_owned() }) } else { refusal(capture) });
        }
        Ok(text)
    }

    /// The answer of a database to `probe`.
    ///
    /// # Errors
    /// When the server refused, or the answer is cut.
    pub fn table(&self, probe: &str) -> Result<answer::Table, Unreadable> {
        self.answer(probe)
    }

    /// The answer to a question put from our side, or by SQL.
    ///
    /// # Errors
    /// When there is none.
    pub fn answer<T: DeserializeOwned>(&self, probe: &str) -> Result<T, Unreadable> {
        let text = self.text(probe)?;
        serde_json::from_str(&text).map_err(|error| Unreadable::new(probe, error.to_string()))
    }
}

/// Why `capture` holds no usable answer.
fn refusal(capture: &Capture) -> Unreadable {
    let probe = capture.probe.clone();
    let said = Untrusted::from_bytes(&capture.err);
    let said = if said.raw().trim().is_empty() { Untrusted::from_bytes(&capture.out) } else { said };
    let said = Untrusted::new(shorten(said.raw().trim()));
    Unreadable(match &capture.ended {
        #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^52 ms")]
        Ended::TimedOut { limit_ms } => Message::TimedOut { limit_s: *limit_ms as f64 / 1000.0 },
        Ended::Failed { kind: FailKind::Permission, detail } => Message::NeedsRight { needs: detail.visible() },
        Ended::Failed { kind: FailKind::NoVariant, detail } => Message::NoVariant { server: detail.clone() },
        Ended::Failed { kind: FailKind::OurSide, detail } => Message::OurSide { detail: detail.visible() },
        Ended::Failed { kind: FailKind::Missing | FailKind::Other, detail } => {
            Message::ProbeFailed { probe, status: None, detail: Untrusted::new(shorten(detail.raw())) }
        }
        Ended::Exit { status } => {
            let text = said.raw().to_ascii_lowercase();
            if text.contains("sudo:")
                || text.contains("permission denied")
                || text.contains("operation not permitted")
                || text.contains("must be root")
            {
                Message::NeedsRight { needs: said.visible() }
            } else if *status == 127 || text.contains("not found") && text.contains("command") {
                Message::CommandNotFound { command: said.visible() }
            } else {
                Message::ProbeFailed { probe, status: Some(*status), detail: said }
            }
        }
    })
}

/// At most 300 characters of `text`, the cut shown.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A check with its parameters: what the rest of the program works with.
pub trait Bound: Send + Sync {
    /// What is known of the check.
    fn meta(&self) -> &'static Meta;
    /// What to ask `target`.
    fn probes(&self, target: &Target) -> Vec<Probe>;
    /// Reads the captures.
    ///
    /// # Errors
    /// When they cannot be read with certainty.
    fn parse(&self, seen: &Seen<'_>) -> Result<Parsed, Unreadable>;
    /// The fields of its rows.
    fn fields(&self) -> Cow<'static, [Field]>;
    /// The fields that make the key of a row.
    fn key(&self) -> Vec<String>;
    /// What the rows stand for.
    fn rows_are(&self) -> RowsAre;
    /// The parameters, as they are stored with an item.
    fn params(&self) -> serde_json::Value;
}

/// An entry of the catalogue: a check with its types hidden.
#[derive(Clone, Copy)]
pub struct Entry {
    /// What is known of the check.
    pub meta: &'static Meta,
    schema: fn() -> Schema,
    bind: fn(serde_json::Value) -> Result<Box<dyn Bound>, ParamFault>,
}

impl Entry {
    /// The entry of the check `C`.
    #[must_use]
    pub const fn of<C: Check>() -> Self {
        Self { meta: &C::META, schema: || schema_for!(C::Params), bind: bind::<C> }
    }

    /// JSON Schema of its parameters, with their defaults.
    #[must_use]
    pub fn schema(&self) -> Schema {
        (self.schema)()
    }

    /// The check with `params` (a JSON object).
    ///
    /// # Errors
    /// When a parameter is missing, unknown, of the wrong type or refused by the check.
    pub fn bind(&self, params: serde_json::Value) -> Result<Box<dyn Bound>, ParamFault> {
        (self.bind)(params)
    }
}

struct BoundCheck<C: Check> {
    params: C::Params,
}

fn bind<C: Check>(params: serde_json::Value) -> Result<Box<dyn Bound>, ParamFault> {
    let params: C::Params = serde_json::from_value(params).map_err(|error| {
        let message = error.to_string();
        // serde names the field of a missing or unknown one in backquotes; others are found by the caller's spans.
        let key = message.split('`').nth(1).unwrap_or_default().to_owned();
        ParamFault { key, message }
    })?;
    C::validate(&params)?;
    Ok(Box::new(BoundCheck::<C> { params }))
}

impl<C: Check> Bound for BoundCheck<C> {
    fn meta(&self) -> &'static Meta {
        &C::META
    }

    fn probes(&self, target: &Target) -> Vec<Probe> {
        C::probes(&self.params, target)
    }

    fn parse(&self, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        C::parse(&self.params, seen)
    }

    fn fields(&self) -> Cow<'static, [Field]> {
        C::fields(&self.params)
    }

    fn key(&self) -> Vec<String> {
        C::key(&self.params)
    }

    fn rows_are(&self) -> RowsAre {
        C::rows_are(&self.params)
    }

    fn params(&self) -> serde_json::Value {
        serde_json::to_value(&self.params).unwrap_or_default()
    }
}
