//! How an exchange over HTTP fails, in one word and in all of the library's, and which redirects it follows.

use std::error::Error as StdError;

use reqwest::Url;
use reqwest::redirect::{Attempt, Policy};

use super::OurSide;
use crate::transport::dial::{DialError, DialFailure};

/// Redirects followed at most.
const REDIRECTS: usize = 10;

/// Follows up to ten redirects; one that leads to another place is a failure where secrets or tokens are at stake.
pub(super) fn following(base: Url, has_secrets: bool) -> Policy {
    Policy::custom(move |attempt: Attempt<'_>| {
        if attempt.previous().len() > REDIRECTS {
            return attempt.error(format!("more than {REDIRECTS} redirects"));
        }
        let is_upgrade = attempt.url().scheme() == "https" && attempt.url().host() == base.host();
        let is_elsewhere = attempt.url().origin() != base.origin() && !is_upgrade;
        if is_elsewhere && has_secrets {
            return attempt.error("it leads to another place, where secrets must not go");
        }
        attempt.follow()
    })
}

/// The word for a failure of the exchange, and all that the library says; a failure on our side is none of theirs.
pub(super) fn failure_of(error: &reqwest::Error) -> Result<(&'static str, String), OurSide> {
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
pub(super) fn words(error: &reqwest::Error) -> String {
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
