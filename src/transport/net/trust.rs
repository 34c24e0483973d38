//! Whom we trust over TLS: the authorities of this machine, and a target's own besides.

use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::OurSide;

/// The authorities of this machine; reading them takes a while, so it is done once.
static SYSTEM: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();

/// The authorities of this machine and those in the PEM file `ca`.
pub(super) async fn roots(ca: Option<&str>) -> Result<RootCertStore, OurSide> {
    let mut roots = RootCertStore::empty();
    let system = tokio::task::spawn_blocking(|| SYSTEM.get_or_init(|| rustls_native_certs::load_native_certs().certs));
    let system = system.await.map_err(|error| OurSide::new(format!("cannot read the machine's authorities: {error}")))?;
    roots.add_parsable_certificates(system.iter().cloned());
    if let Some(path) = ca {
        let pem = tokio::fs::read(path).await.map_err(|error| OurSide::new(format!("cannot read {path}: {error}")))?;
        let mut found = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let bad = |error: String| OurSide::new(format!("{path} holds no certificate that we can read: {error}"));
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            found += 1;
        }
        if found == 0 {
            return Err(OurSide::new(format!("{path} holds no certificate")));
        }
    }
    if roots.is_empty() {
        return Err(OurSide::new("this machine knows no authorities: apt-get install ca-certificates"));
    }
    Ok(roots)
}

/// The cryptography that all our TLS uses.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A client that trusts `roots` and verifies everything.
pub(super) fn client(roots: RootCertStore) -> Result<ClientConfig, OurSide> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| OurSide::new(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
