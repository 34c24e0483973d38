//! The certificate chain of a TLS server, and, apart from it, whether we would trust it.
//!
//! To look at a bad certificate one must get through the handshake, so the verifier here lets every chain pass and
//! writes down what a strict one says. It lives for one handshake, over which nothing is sent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use super::tcp::failure;
use super::{OurSide, fine_millis, trust};
use crate::model::probe::answer;
use crate::transport::dial::dial;

/// Shakes hands with `host` and hangs up.
pub(super) async fn look(host: &str, port: u16, name: Option<&str>, ca: Option<&str>, limit: Duration) -> Result<answer::Tls, OurSide> {
    let roots = trust::roots(ca).await?;
    let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), trust::provider()).build();
    let strict = strict.map_err(|error| OurSide::new(format!("TLS cannot be set up: {error}")))?;
    let witness = Arc::new(Witness { strict, seen: Mutex::new(None) });
    let config = ClientConfig::builder_with_provider(trust::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| OurSide::new(format!("TLS cannot be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = name.unwrap_or(host).trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(name.clone()).map_err(|_| OurSide::new(format!("`{name}` is no name that a certificate can bear")))?;

    let began = Instant::now();
    let mut answer = answer::Tls::default();
    match dial(host, port, limit).await {
        Err(error) => {
            let (word, detail) = failure(error)?;
            (answer.failure, answer.detail) = (Some(word), Some(detail));
        }
        Ok(stream) => match timeout_at(began + limit, TlsConnector::from(Arc::new(config)).connect(name, stream)).await {
            Err(_) => {
                (answer.failure, answer.detail) = (Some("timed-out".into()), Some(format!("no handshake within {} ms", limit.as_millis())));
            }
            Ok(Err(error)) => {
                let word = if error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).is_some() { "tls" } else { "cut" };
                (answer.failure, answer.detail) = (Some(word.into()), Some(error.to_string()));
            }
            Ok(Ok(stream)) => answer.protocol = stream.get_ref().1.protocol_version().map(protocol),
        },
    }
    answer.took_ms = fine_millis(began.elapsed());
    if let Some(seen) = witness.seen.lock().unwrap_or_else(PoisonError::into_inner).take() {
        answer.chain = seen.chain;
        answer.trusted = Some(seen.distrust.is_none());
        answer.distrust = seen.distrust;
    }
    Ok(answer)
}

fn protocol(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Lets every chain pass, and writes down what was sent and what a strict verifier says to it.
#[derive(Debug)]
struct Witness {
    strict: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<SeenChain>>,
}

#[derive(Debug)]
struct SeenChain {
    chain: Vec<String>,
    distrust: Option<String>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let distrust = verified.err().map(|error| match error {
            Error::InvalidCertificate(why) => why.to_string(),
            other => other.to_string(),
        });
        let chain = std::iter::once(end_entity).chain(intermediates).map(|der| STANDARD.encode(der)).collect();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(SeenChain { chain, distrust });
        Ok(ServerCertVerified::assertion())
    }

    // That the server holds the key of what it shows is verified for real.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}
