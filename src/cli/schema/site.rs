//! The schema of the other files of a site.

use serde_json::{Map, Value, json};

use super::{list, map, reference, some, text, words};
use crate::model::{Kind, Outcome};

/// Settings.
pub(super) fn settings() -> Value {
    map(
        &["settings"],
        &[
            ("settings", reference("id")),
            ("timezone", text()),
            ("tiers", reference("ids")),
            ("organisation", reference("phrase")),
            ("overrides", list("outer-override")),
            ("values", reference("values")),
            ("limits", reference("limits")),
            ("at_once", json!({ "type": "integer", "minimum": 1 })),
            ("at_once_per_jump", json!({ "type": "integer", "minimum": 1 })),
            ("alerts", list("alert")),
            ("tickets", list("ticket")),
        ],
    )
}

/// An inventory.
pub(super) fn inventory() -> Value {
    map(
        &["inventory"],
        &[
            ("inventory", reference("id")),
            ("logins", list("login")),
            ("people", list("person")),
            ("systems", list("system")),
            ("defaults", list("default")),
            ("targets", list("target")),
            ("more_targets", list("more")),
            ("groups", list("group")),
        ],
    )
}

/// A calendar.
pub(super) fn calendar() -> Value {
    map(
        &["calendar", "covers"],
        &[
            ("calendar", reference("id")),
            ("covers", json!({ "type": "array", "minItems": 1, "items": { "type": "integer" } })),
            ("workweek", json!({ "type": "array", "minItems": 1, "items": words(&["mon", "tue", "wed", "thu", "fri", "sat", "sun"]) })),
            ("hours", json!({ "type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$" })),
            ("days_off", list("calendar-days")),
            ("days_on", list("calendar-days")),
        ],
    )
}

/// Windows.
pub(super) fn windows() -> Value {
    map(&["windows", "list"], &[("windows", reference("id")), ("list", list("window"))])
}

/// Waivers.
pub(super) fn waivers() -> Value {
    map(&["waivers", "list"], &[("waivers", reference("id")), ("list", list("waiver"))])
}

/// Tests.
pub(super) fn tests() -> Value {
    map(&["test", "playbook", "cases"], &[("test", text()), ("playbook", text()), ("cases", some("case"))])
}

/// What they are made of.
#[expect(clippy::too_many_lines, reason = "a table of definitions, a key a line")]
pub(super) fn defs() -> Map<String, Value> {
    let outcome = words(&Outcome::ALL.map(Outcome::id));
    let defs = [
        ("secret", secret()),
        (
            "login",
            map(
                &["id"],
                &[
                    ("id", reference("id")),
                    ("user", text()),
                    ("password", reference("secret")),
                    ("key", reference("secret")),
                    ("passphrase", reference("secret")),
                    ("agent", json!({ "type": "boolean" })),
                    ("sudo", json!({ "type": "boolean" })),
                ],
            ),
        ),
        (
            "person",
            map(
                &["id"],
                &[
                    ("id", reference("id")),
                    ("name", reference("phrase")),
                    ("mail", text()),
                    ("phone", text()),
                    ("language", reference("language")),
                    ("members", reference("ids")),
                ],
            ),
        ),
        (
            "system",
            map(
                &["id", "tier"],
                &[
                    ("id", reference("id")),
                    ("name", reference("phrase")),
                    ("tier", reference("id")),
                    ("owner", reference("id")),
                    ("contacts", reference("ids")),
                    ("service_level", reference("phrase")),
                    ("objectives", map(&[], &[("rpo", reference("duration")), ("rto", reference("duration"))])),
                    ("values", reference("values")),
                ],
            ),
        ),
        ("default", keys(&[], &[("targets", json!({ "type": "string", "description": "an expression over target, system and labels" }))])),
        ("target", keys(&["id", "kind"], &[("id", text()), ("kind", words(&Kind::ALL.map(Kind::id)))])),
        ("more", json!({ "oneOf": [map(&["csv"], &[("csv", text())]), map(&["ansible"], &[("ansible", text())])] })),
        ("group", map(&["id", "targets"], &[("id", reference("id")), ("targets", reference("selection"))])),
        (
            "alert",
            map(&["to"], &[("targets", reference("selection")), ("level", words(&["warn", "crit", "error"])), ("to", reference("ids"))]),
        ),
        (
            "ticket",
            map(
                &[],
                &[
                    ("targets", reference("selection")),
                    ("open_on", json!({ "type": "array", "items": words(&["warn", "crit", "error", "unreachable"]) })),
                    ("confirm", text()),
                    ("close", text()),
                    ("tracker", text()),
                    ("assign", text()),
                    ("project", text()),
                    ("storm", json!({ "type": "integer", "minimum": 0 })),
                ],
            ),
        ),
        (
            "calendar-days",
            map(&[], &[("on", reference("date")), ("from", reference("date")), ("to", reference("date")), ("name", reference("phrase"))]),
        ),
        (
            "window",
            map(
                &["id", "effect", "reason"],
                &[
                    ("id", reference("id")),
                    ("targets", reference("selection")),
                    ("from", reference("moment")),
                    ("to", reference("moment")),
                    ("every", map(&["at"], &[("days", reference("days")), ("at", reference("time"))])),
                    ("for", reference("duration")),
                    (
                        "effect",
                        json!({ "type": "array", "minItems": 1, "items": words(&["skip", "no-alerts", "no-changes", "no-drills"]) }),
                    ),
                    ("reason", reference("phrase")),
                ],
            ),
        ),
        (
            "waiver",
            map(
                &["id", "check", "targets", "accepts", "reason", "approved_by", "ends"],
                &[
                    ("id", reference("id")),
                    ("check", reference("id")),
                    ("line", reference("id")),
                    ("targets", reference("selection")),
                    ("rows", reference("expression")),
                    ("only_while", reference("expression")),
                    ("accepts", words(&["warn", "crit"])),
                    ("covers_unreachable", json!({ "type": "boolean" })),
                    ("reason", reference("phrase")),
                    ("requested_by", reference("id")),
                    ("approved_by", reference("id")),
                    ("ends", reference("date")),
                ],
            ),
        ),
        (
            "case",
            map(
                &["line", "target", "captures", "expect"],
                &[
                    ("name", text()),
                    ("line", reference("id")),
                    ("target", reference("id")),
                    ("captures", text()),
                    ("earlier", text()),
                    ("now", text()),
                    ("expect", outcome.clone()),
                    ("rows", json!({ "type": "object", "additionalProperties": outcome })),
                ],
            ),
        ),
    ];
    defs.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

/// Where a secret is to be had; the secret itself is refused.
fn secret() -> Value {
    let command = json!({ "type": "array", "minItems": 1, "items": text() });
    json!({ "oneOf": [
        map(&["env"], &[("env", text())]),
        map(&["file"], &[("file", text())]),
        map(&["systemd"], &[("systemd", text())]),
        map(&["command"], &[("command", command)]),
    ] })
}

/// A map with the keys of a target besides `more`.
fn keys(required: &[&str], more: &[(&str, Value)]) -> Value {
    let via = json!({ "oneOf": [reference("id"), reference("ids")] });
    let mut keys = more.to_vec();
    keys.extend([
        ("address", text()),
        ("port", json!({ "type": "integer", "minimum": 1, "maximum": 65_535 })),
        ("url", json!({ "type": "string", "pattern": "^https?://" })),
        ("database", text()),
        ("path", text()),
        ("socket", text()),
        ("system", reference("id")),
        ("login", reference("id")),
        ("via", via),
        ("on", reference("id")),
        ("owner", reference("id")),
        ("labels", json!({ "type": "object", "propertyNames": { "pattern": "^[a-z][a-z0-9_]*$" }, "additionalProperties": text() })),
        ("timezone", text()),
        ("host_key", text()),
        ("tls", words(&["disable", "require", "verify-ca", "verify-full"])),
        ("ca", text()),
    ]);
    map(required, &keys)
}
