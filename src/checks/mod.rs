//! The catalogue of checks. One check is one file here and two lines below: its module, and its entry.

use crate::check::Entry;

pub mod disk_space;
pub mod dns;
pub mod http;
pub mod http_flow;
pub mod ping;
pub mod tcp_port;
pub mod tls_certificate;

mod status_rule;
mod web;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod testing;

/// Every check, by id. Ids that were retired are never used again.
pub static CATALOGUE: &[Entry] = &[
    Entry::of::<disk_space::DiskSpace>(),
    Entry::of::<dns::Dns>(),
    Entry::of::<http::Http>(),
    Entry::of::<http_flow::HttpFlow>(),
    Entry::of::<ping::Ping>(),
    Entry::of::<tcp_port::TcpPort>(),
    Entry::of::<tls_certificate::TlsCertificate>(),
];

/// The check whose id is `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.meta.id == id)
}
