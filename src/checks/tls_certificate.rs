//! The certificates of a TLS server: how long they last, and whether they are trusted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;

use super::web;
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{NetAsk, answer};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Untrusted, Value};

/// The certificates of a TLS server: how long they last, and whether they are trusted.
pub struct TlsCertificate;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The port; that of the target's URL, or 443, unless given.
    #[serde(default)]
    port: Option<std::num::NonZeroU16>,
    /// Name that the certificate must bear; the host's own unless given.
    #[serde(default)]
    server_name: Option<String>,
}

impl Params {
    fn place(&self, target: &Target) -> (String, u16) {
        let port = self.port.map(std::num::NonZeroU16::get).or_else(|| web::port_of(target)).unwrap_or(443);
        (web::host_of(target), port)
    }
}

impl Check for TlsCertificate {
    const META: Meta = Meta {
        id: "tls-certificate",
        version: 1,
        kinds: &[Kind::Http, Kind::Host],
        class: Class::Security,
        title: Text::new("TLS certificate", "TLS 证书"),
        asks: Text::new(
            "Which certificates the server shows, when the first of them expires, and whether a client of this machine trusts them for this name.",
            "服务器出示的证书链、其中最早的到期时间，以及本机客户端是否信任该证书用于此名称。",
        ),
        why: Text::new("On the day it expires every client refuses the service at once.", "证书到期当天，所有客户端都会拒绝连接。"),
        advice: Text::new(
            "Renew it and reload the server, with every certificate in between. If it is not trusted, the detail says why: another name, an unknown authority (set `ca:` on the target for a private one), an expired part.",
            "续签并重新加载服务，同时带上全部中间证书。若不受信任，详情会说明原因：名称不符、未知颁发机构（私有机构请在目标上设置 ca:）、链中有过期证书。",
        ),
        source: Text::new(
            "common use: 30 and 7 days; keys and signatures: NIST SP 800-131A (RSA from 2048 bits, no SHA-1)",
            "通用阈值：30 天和 7 天；密钥与签名：NIST SP 800-131A（RSA 不低于 2048 位，不用 SHA-1）",
        ),
        fields: &[
            Field::new("endpoint", FieldType::Text, "Endpoint", "端点"),
            Field::new("answered", FieldType::Boolean, "Answered", "有应答"),
            Field::new("trusted", FieldType::Boolean, "Trusted", "受信任"),
            Field::new("left", FieldType::Duration, "Time left", "剩余时间"),
            Field::new("expires", FieldType::Timestamp, "Expires", "到期时间"),
            Field::new("expires_first", FieldType::Text, "Expires first", "最早到期的证书"),
            Field::new("weak", FieldType::Boolean, "Weak key or signature", "弱密钥或弱签名"),
            Field::new("subject", FieldType::Text, "Subject", "主体"),
            Field::new("issuer", FieldType::Text, "Issuer", "颁发者"),
            Field::new("names", FieldType::List, "Names", "名称"),
            Field::new("key_kind", FieldType::Text, "Key", "密钥类型"),
            Field::new("key_bits", FieldType::Number, "Key size", "密钥位数"),
            Field::new("signature", FieldType::Text, "Signature", "签名算法"),
            Field::new("protocol", FieldType::Text, "Protocol", "协议版本"),
            Field::new("chain", FieldType::List, "Chain", "证书链"),
            Field::new("failure", FieldType::Text, "Failure", "失败原因"),
            Field::new("detail", FieldType::Text, "Detail", "详情"),
        ],
        key: &["endpoint"],
        rows_are: RowsAre::Things,
        warn: Some("left < 30d or weak"),
        crit: Some("not answered or not trusted or left < 7d"),
        example: "{}",
    };

    type Params = Params;

    fn probes(params: &Params, target: &Target) -> Vec<Probe> {
        let (host, port) = params.place(target);
        vec![Probe::net("tls", NetAsk::Tls { host, port, server_name: params.server_name.clone(), ca: web::ca_of(target) })]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let answer: answer::Tls = seen.answer("tls")?;
        let (host, port) = params.place(seen.target);
        let endpoint = web::endpoint(&host, port);
        let ders = answer.chain.iter().map(|text| STANDARD.decode(text)).collect::<Result<Vec<_>, _>>();
        let ders = ders.map_err(|error| Unreadable::new("tls", error.to_string()))?;
        let chain = ders.iter().map(|der| Certificate::read(der)).collect::<Result<Vec<_>, _>>()?;
        let (Some(leaf), Some(first)) = (chain.first(), chain.iter().min_by_key(|certificate| certificate.expires)) else {
            if answer.failure.is_none() {
                return Err(Unreadable::new("tls", "the answer is neither a chain nor a failure"));
            }
            return Ok(Parsed::Rows(vec![without_chain(endpoint, answer)]));
        };
        let trusted = answer.trusted.ok_or_else(|| Unreadable::new("tls", "nothing is said of the chain's trust"))?;
        #[expect(clippy::cast_precision_loss, reason = "seconds of a few thousand years")]
        let left_s = (first.expires - seen.at).num_seconds() as f64;
        let row = Row::new()
            .text("endpoint", endpoint)
            .boolean("answered", answer.failure.is_none())
            .boolean("trusted", trusted)
            .duration("left", left_s)
            .timestamp("expires", first.expires)
            .text("expires_first", first.subject.clone())
            .boolean("weak", chain.iter().any(|certificate| certificate.is_weak))
            .text("subject", leaf.subject.clone())
            .text("issuer", leaf.issuer.clone())
            .list("names", leaf.names.clone())
            .text("key_kind", leaf.key_kind)
            .with("key_bits", leaf.key_bits.map_or(Value::Null, |bits| Value::Number(bits.into())))
            .text("signature", leaf.signature.clone())
            .with("protocol", answer.protocol.map_or(Value::Null, |protocol| Value::Text(protocol.into())))
            .list("chain", chain.iter().map(|certificate| format!("{} ({})", certificate.subject, certificate.expires.format("%Y-%m-%d"))))
            .text("failure", answer.failure.unwrap_or_default())
            .text("detail", answer.detail.or(answer.distrust).unwrap_or_default());
        Ok(Parsed::Rows(vec![row]))
    }
}

/// A row of which nothing is known but that no certificate came.
fn without_chain(endpoint: String, answer: answer::Tls) -> Row {
    let mut row = Row::new().text("endpoint", endpoint).boolean("answered", false);
    for field in &TlsCertificate::META.fields[2..15] {
        row.push(field.name.clone(), Value::Null);
    }
    row.text("failure", answer.failure.unwrap_or_default()).text("detail", answer.detail.unwrap_or_default())
}

/// What is read out of one certificate.
struct Certificate {
    subject: String,
    issuer: String,
    expires: DateTime<Utc>,
    names: Vec<String>,
    key_kind: &'static str,
    key_bits: Option<u32>,
    signature: String,
    is_weak: bool,
}

impl Certificate {
    fn read(der: &[u8]) -> Result<Self, Unreadable> {
        let (rest, certificate) = parse_x509_certificate(der).map_err(|error| Unreadable::new("certificate", error.to_string()))?;
        if !rest.is_empty() {
            return Err(Unreadable::new("certificate", "something follows it"));
        }
        let until = certificate.validity().not_after.timestamp();
        let expires = DateTime::from_timestamp(until, 0).ok_or_else(|| Unreadable::new("certificate", format!("it expires at {until}")))?;
        let (key_kind, key_bits) = key_of(&certificate);
        let oid = &certificate.signature_algorithm.algorithm;
        // What an authority signs itself with is not what its trust rests on.
        let is_root = certificate.subject() == certificate.issuer();
        let has_weak_key = matches!(key_kind, "RSA" | "DSA") && key_bits.is_none_or(|bits| bits < 2048)
            || key_kind == "EC" && key_bits.is_some_and(|bits| bits < 224);
        let has_weak_signature = !is_root && WEAK_SIGNATURES.contains(&oid.to_id_string().as_str());
        Ok(Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            expires,
            names: names_of(&certificate)?,
            key_kind,
            key_bits,
            signature: oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned),
            is_weak: has_weak_key || has_weak_signature,
        })
    }
}

/// Signatures over MD2, MD5 and SHA-1, with RSA, ECDSA and DSA.
const WEAK_SIGNATURES: [&str; 5] =
    ["1.2.840.113549.1.1.2", "1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.10040.4.3"];

fn key_of(certificate: &X509Certificate<'_>) -> (&'static str, Option<u32>) {
    let key = certificate.public_key();
    let bits = |key: &PublicKey<'_>| u32::try_from(key.key_size()).ok().filter(|bits| *bits > 0);
    match key.parsed() {
        Ok(key @ PublicKey::RSA(_)) => ("RSA", bits(&key)),
        // A point has two numbers of whole bytes: P-521 comes out as 528.
        Ok(key @ PublicKey::EC(_)) => ("EC", bits(&key).map(|bits| if bits == 528 { 521 } else { bits })),
        Ok(key @ PublicKey::DSA(_)) => ("DSA", bits(&key)),
        _ => match key.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => ("Ed25519", Some(256)),
            "1.3.101.113" => ("Ed448", Some(456)),
            _ => ("other", None),
        },
    }
}

fn names_of(certificate: &X509Certificate<'_>) -> Result<Vec<String>, Unreadable> {
    let names = certificate.subject_alternative_name().map_err(|error| Unreadable::new("certificate", error.to_string()))?;
    let Some(names) = names else { return Ok(Vec::new()) };
    let shown = names.value.general_names.iter().map(|name| match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => address(bytes),
        other => Untrusted::new(other.to_string()).visible(),
    });
    Ok(shown.collect())
}

fn address(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(four).to_string();
    }
    <[u8; 16]>::try_from(bytes).map_or_else(|_| format!("{bytes:?}"), |sixteen| std::net::Ipv6Addr::from(sixteen).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows, text};

    #[test]
    fn the_first_of_the_chain_to_expire_counts() {
        let rows = rows::<TlsCertificate>("{}", "private-authority");
        assert_eq!(text(&rows[0], "endpoint"), "192.0.2.1:443");
        assert_eq!(rows[0].get("trusted"), Some(&Value::Boolean(true)));
        // The certificate in between lasts ten days, the server's own sixty.
        let days = number(&rows[0], "left") / 86_400.0;
        assert!((9.0..=10.0).contains(&days), "{days}");
        assert_eq!(text(&rows[0], "expires_first"), "CN=Between");
        assert_eq!(rows[0].get("weak"), Some(&Value::Boolean(false)));
        assert_eq!(text(&rows[0], "key_kind"), "EC");
        assert!((number(&rows[0], "key_bits") - 256.0).abs() < 1e-9);
    }

    #[test]
    fn an_authority_that_nobody_knows_is_not_trusted_and_says_so() {
        let rows = rows::<TlsCertificate>("{}", "self-signed-weak");
        assert_eq!(rows[0].get("trusted"), Some(&Value::Boolean(false)));
        assert!(!text(&rows[0], "detail").is_empty());
        assert_eq!(rows[0].get("weak"), Some(&Value::Boolean(true)));
    }

    #[test]
    fn no_chain_is_a_row_without_figures() {
        let rows = rows::<TlsCertificate>("{}", "refused");
        assert_eq!(rows[0].get("answered"), Some(&Value::Boolean(false)));
        assert_eq!(rows[0].get("left"), Some(&Value::Null));
        assert_eq!(text(&rows[0], "failure"), "refused");
    }
}
