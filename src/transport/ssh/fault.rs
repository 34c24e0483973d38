//! Failures of SSH in the words and kinds of all transports.

use std::time::Duration;

use ssh2::{ErrorCode, MethodType, Session};

use super::socket::Phase;
use crate::model::{Message, Untrusted};
use crate::transport::{FailureKind, TransportError};

/// Codes of libssh2 that are told apart; see its `libssh2.h`.
pub(super) mod code {
    pub(in super::super) const KEX_FAILURE: i32 = -5;
    pub(in super::super) const KEY_EXCHANGE_FAILURE: i32 = -8;
    pub(in super::super) const FILE: i32 = -16;
    pub(in super::super) const AUTHENTICATION_FAILED: i32 = -18;
    pub(in super::super) const PUBLICKEY_UNVERIFIED: i32 = -19;
    pub(in super::super) const CHANNEL_FAILURE: i32 = -21;
    pub(in super::super) const EAGAIN: i32 = -37;
    /// No answer: `TIMEOUT`, `SOCKET_TIMEOUT`.
    pub(in super::super) const TIMEOUTS: [i32; 2] = [-9, -30];
    /// The line is gone: `SOCKET_NONE`, `BANNER_RECV`, `BANNER_SEND`, `SOCKET_SEND`, `SOCKET_DISCONNECT`, `SOCKET_RECV`, `BAD_SOCKET`.
    pub(in super::super) const CUT: [i32; 7] = [-1, -2, -3, -7, -13, -43, -45];
}

/// The number in an error of libssh2.
pub(super) fn number(error: &ssh2::Error) -> i32 {
    match error.code() {
        ErrorCode::Session(number) | ErrorCode::SFTP(number) => number,
    }
}

/// What an error of libssh2 means while `phase` was waited for, `limit` being what it may take.
pub(super) fn of(error: &ssh2::Error, session: &Session, phase: &Phase, limit: Duration) -> TransportError {
    let said = error.message();
    match number(error) {
        number if code::TIMEOUTS.contains(&number) || number == code::EAGAIN => timed_out(phase, limit),
        code::KEX_FAILURE | code::KEY_EXCHANGE_FAILURE => {
            protocol(&format!("{}: no way to agree on how to talk ({said}); we speak {}", phase.place, spoken(session)))
        }
        number if code::CUT.contains(&number) => cut_off(&format!("{} while waiting for {}: {said}", phase.place, phase.waits_for)),
        number => protocol(&format!("{} while waiting for {}: {said} ({number})", phase.place, phase.waits_for)),
    }
}

/// No answer in time.
pub(super) fn timed_out(phase: &Phase, limit: Duration) -> TransportError {
    let place = if phase.waits_for.is_empty() { phase.place.clone() } else { format!("{} (waiting for {})", phase.place, phase.waits_for) };
    TransportError::new(FailureKind::TimedOut, Message::ConnectTimedOut { place, limit_s: limit.as_secs_f64() })
}

/// The line is gone.
pub(super) fn cut_off(detail: &str) -> TransportError {
    TransportError::new(FailureKind::CutOff, Message::CutOff { detail: Untrusted::new(detail) })
}

/// It does not speak as it should.
pub(super) fn protocol(detail: &str) -> TransportError {
    TransportError::new(FailureKind::Protocol, Message::Protocol { detail: Untrusted::new(detail) })
}

/// Something of ours is missing or wrong.
pub(super) fn our_side(detail: impl Into<String>) -> TransportError {
    TransportError::new(FailureKind::OurSide, Message::OurSide { detail: detail.into() })
}

/// It is not who we know.
pub(super) fn identity(detail: String) -> TransportError {
    TransportError::new(FailureKind::Identity, Message::Identity { detail })
}

fn spoken(session: &Session) -> String {
    let kinds = [
        ("key exchange", MethodType::Kex),
        ("host keys", MethodType::HostKey),
        ("ciphers", MethodType::CryptCs),
        ("MACs", MethodType::MacCs),
    ];
    let lists = kinds.map(|(name, kind)| {
        let spoken = session.supported_algs(kind).unwrap_or_default();
        // Certificates of hosts are never asked for; the last two are no algorithms but signals.
        let told: Vec<_> =
            spoken.into_iter().filter(|name| !["-cert-", "ext-info", "kex-strict"].iter().any(|part| name.contains(part))).collect();
        format!("{name} {}", told.join(","))
    });
    lists.join("; ")
}
