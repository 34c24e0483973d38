//! What the checks share that ask from our side: where a target is found, and how a playbook writes a secret.

use std::collections::BTreeMap;

use reqwest::Url;
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Kind, SecretRef, Target};

/// The host of `target`: of its URL, its address, or its own name; this machine is `127.0.0.1`.
pub(super) fn host_of(target: &Target) -> String {
    if target.is_local() {
        return "127.0.0.1".to_owned();
    }
    let of_url = || Some(url_of(target)?.host_str()?.to_owned());
    let host = if target.kind == Kind::Http { of_url() } else { None };
    host.or_else(|| target.address.clone()).unwrap_or_else(|| target.id.clone())
}

/// The port of the URL of `target`, given or usual.
pub(super) fn port_of(target: &Target) -> Option<u16> {
    url_of(target)?.port_or_known_default()
}

fn url_of(target: &Target) -> Option<Url> {
    Url::parse(target.url.as_deref()?).ok()
}

/// The private authority of `target`, as probes take it.
pub(super) fn ca_of(target: &Target) -> Option<String> {
    target.ca.as_ref().map(|path| path.display().to_string())
}

/// `host:port`, brackets around an IPv6 address.
pub(super) fn endpoint(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Secrets by name, for `{name}` in a request.
pub(super) type Secrets = BTreeMap<String, SecretRef>;

/// How a playbook writes where a secret is to be had; never the secret itself.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(dead_code, reason = "it is the shape of SecretRef for the schema, never made")]
pub(super) enum SecretSchema {
    /// An environment variable of ours.
    Env(String),
    /// A file that only we can read.
    File(String),
    /// A systemd credential.
    Systemd(String),
    /// The first line that a command of ours prints.
    Command(Vec<String>),
}

/// The names in `{name}` of a template.
pub(super) fn names_in(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name)).filter(|name| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_found_by_its_url_its_address_or_its_name() {
        let web = Target { url: Some("https://erp.example:8443/app".into()), ..Target::new("web", Kind::Http) };
        assert_eq!((host_of(&web).as_str(), port_of(&web)), ("erp.example", Some(8443)));
        let local = Target { address: Some("local".into()), ..Target::new("me", Kind::Host) };
        assert_eq!(host_of(&local), "127.0.0.1");
        assert_eq!(host_of(&Target::new("erp-app", Kind::Host)), "erp-app");
        assert_eq!(endpoint("fd00::1", 80), "[fd00::1]:80");
        assert_eq!(names_in("/x/{a}/{ b}/{c_1}").collect::<Vec<_>>(), ["a", "c_1"]);
    }
}
