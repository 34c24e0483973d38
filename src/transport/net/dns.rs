//! What a name resolves to, asked of the servers of this machine or of a given one; never of `/etc/hosts`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{NameServerConfigGroup, ResolveHosts, ResolverConfig};
use hickory_resolver::name_server::TokioConnectionProvider;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::proto::{ProtoError, ProtoErrorKind};
use hickory_resolver::{ResolveError, TokioResolver};
use tokio::time::{Instant, timeout};

use super::{OurSide, fine_millis};
use crate::model::probe::answer;

/// Asks for the records of type `record` of `name`.
pub(super) async fn resolve(name: &str, record: &str, server: Option<&str>, limit: Duration) -> Result<answer::Dns, OurSide> {
    let kind: RecordType = record.to_ascii_uppercase().parse().map_err(|_| OurSide::new(format!("`{record}` is no type of record")))?;
    let asked = question(name, kind)?;
    let resolver = resolver(server, limit)?;
    let began = Instant::now();
    let looked = timeout(limit, resolver.lookup(asked, kind)).await;
    let mut answer = answer::Dns { took_ms: fine_millis(began.elapsed()), ..answer::Dns::default() };
    match looked {
        Err(_) => (answer.failure, answer.detail) = (Some("timed-out".into()), Some(format!("no answer within {} ms", limit.as_millis()))),
        Ok(Err(error)) => (answer.failure, answer.detail) = (Some(word(&error)?.to_owned()), Some(error.to_string())),
        Ok(Ok(lookup)) => {
            // The aliases on the way to an address are no addresses.
            let records = lookup.record_iter().filter(|found| found.record_type() == kind);
            answer.records = records.map(|found| found.data().to_string()).collect();
            answer.records.sort();
            if answer.records.is_empty() {
                answer.failure = Some("no-records".into());
            }
        }
    }
    Ok(answer)
}

/// The full name: no search list is tried. For PTR an address stands for its name.
fn question(name: &str, kind: RecordType) -> Result<Name, OurSide> {
    if let (RecordType::PTR, Ok(address)) = (kind, name.parse::<IpAddr>()) {
        return Ok(Name::from(address));
    }
    let mut asked = Name::from_utf8(name).map_err(|error| OurSide::new(format!("`{name}` is no name: {error}")))?;
    asked.set_fqdn(true);
    Ok(asked)
}

fn resolver(server: Option<&str>, limit: Duration) -> Result<TokioResolver, OurSide> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio()
            .map_err(|error| OurSide::new(format!("this machine's resolver settings cannot be read: {error}")))?,
        Some(text) => {
            let address = address_of(text).ok_or_else(|| OurSide::new(format!("`{text}` is no address of a name server")))?;
            let group = NameServerConfigGroup::from_ips_clear(&[address.ip()], address.port(), true);
            TokioResolver::builder_with_config(ResolverConfig::from_parts(None, Vec::new(), group), TokioConnectionProvider::default())
        }
    };
    let options = builder.options_mut();
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = 0;
    options.attempts = 1;
    // Two tries within the limit: a lost packet is no failure of the server.
    options.timeout = limit * 9 / 20;
    Ok(builder.build())
}

fn address_of(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, 53)))
}

fn word(error: &ResolveError) -> Result<&'static str, OurSide> {
    let Some(proto) = error.proto() else { return Err(OurSide(error.to_string())) };
    Ok(match proto.kind() {
        ProtoErrorKind::NoRecordsFound { response_code, .. } => by_code(*response_code),
        ProtoErrorKind::Timeout => "timed-out",
        ProtoErrorKind::Io(_) if is_refused(proto) => "refused",
        ProtoErrorKind::NoConnections => "refused",
        _ => "server-failure",
    })
}

const fn by_code(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NXDomain => "no-such-name",
        ResponseCode::NoError => "no-records",
        ResponseCode::Refused => "refused",
        _ => "server-failure",
    }
}

fn is_refused(error: &ProtoError) -> bool {
    matches!(error.kind(), ProtoErrorKind::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_for_its_name_when_a_pointer_is_asked() {
        assert_eq!(question("192.0.2.1", RecordType::PTR).unwrap().to_string(), "1.2.0.192.in-addr.arpa.");
        assert_eq!(question("erp.example", RecordType::A).unwrap().to_string(), "erp.example.");
        assert!(question("a..b", RecordType::A).is_err());
    }

    #[test]
    fn a_server_is_an_address_with_or_without_its_port() {
        assert_eq!(address_of("192.0.2.1").unwrap().port(), 53);
        assert_eq!(address_of("[fd00::1]:5353").unwrap().port(), 5353);
        assert_eq!(address_of("ns.example"), None);
    }
}
