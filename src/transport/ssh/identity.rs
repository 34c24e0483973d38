//! Whether a host is who it should be: its key against the pinned one or the files of known keys.

use super::fault;
use super::known::{HostKey, Known, look_up, name_of};
use super::route::Hop;
use crate::transport::TransportError;

/// Types of host keys in the order we like them, with the algorithms that show them. Certificates are left out: a server
/// that has one would show it instead of the key we know, and we check no authorities.
const KINDS: [(&str, &str); 5] = [
    ("ssh-ed25519", "ssh-ed25519"),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    ("ssh-rsa", "rsa-sha2-512,rsa-sha2-256"),
];

/// What is known of a host before it shows its key.
#[derive(Debug)]
pub(super) enum Expectation {
    /// The inventory pins the key.
    PinnedKey(HostKey),
    /// The inventory pins the key's fingerprint.
    PinnedPrint(String),
    /// The files are asked.
    Files(Known),
}

impl Expectation {
    /// What is known of `hop`.
    ///
    /// # Errors
    /// When the pinned key or a file cannot be read.
    pub(super) fn of(hop: &Hop) -> Result<Self, TransportError> {
        if let Some(pinned) = &hop.pinned {
            let mut words = pinned.split_ascii_whitespace();
            return match (words.next(), words.next()) {
                (Some(print), None) if print.starts_with("SHA256:") => Some(Self::PinnedPrint(print.trim_end_matches('=').to_owned())),
                (Some(kind), Some(base64)) => HostKey::read(kind, base64).map(Self::PinnedKey),
                _ => None,
            }
            .ok_or_else(|| {
                fault::our_side(format!("the pinned host key of {} is neither `SHA256:…` nor `TYPE BASE64`: {pinned}", hop.id))
            });
        }
        let by_name = |name: &str| look_up(&hop.known_hosts, name).map_err(fault::our_side);
        if let Some(alias) = &hop.key_alias {
            return by_name(alias).map(Self::Files);
        }
        let known = by_name(&name_of(&hop.host, hop.port))?;
        // Like OpenSSH: what is known of the bare name holds for other ports that have no line of their own.
        if known.is_empty() && hop.port != 22 { by_name(&name_of(&hop.host, 22)).map(Self::Files) } else { Ok(Self::Files(known)) }
    }

    /// The algorithms to ask for, those of known keys first: else a server might show another key than the one we know.
    pub(super) fn algorithms(&self) -> String {
        let knows = |kind: &str| match self {
            Self::PinnedKey(key) => key.kind() == kind,
            Self::PinnedPrint(_) => false,
            Self::Files(known) => known.keys.iter().any(|known| known.key.kind() == kind),
        };
        let (first, then): (Vec<_>, Vec<_>) = KINDS.iter().partition(|&&(kind, _)| knows(kind));
        first.into_iter().chain(then).map(|&(_, algorithms)| algorithms).collect::<Vec<_>>().join(",")
    }

    /// Compares with what `hop` showed.
    ///
    /// # Errors
    /// When it is another key, a revoked one, or nobody told us any.
    pub(super) fn check(&self, hop: &Hop, shown: &HostKey) -> Result<(), TransportError> {
        let seen = format!("{} {}", shown.kind(), shown.fingerprint());
        match self {
            Self::PinnedKey(key) if key == shown => Ok(()),
            Self::PinnedKey(key) => Err(fault::identity(format!(
                "{} showed {seen}, but the inventory pins {} {}; if it was really replaced, pin the new key",
                hop.place(),
                key.kind(),
                key.fingerprint()
            ))),
            Self::PinnedPrint(print) if *print == shown.fingerprint() => Ok(()),
            Self::PinnedPrint(print) => Err(fault::identity(format!(
                "{} showed {seen}, but the inventory pins {print}; if that is the fingerprint of its key of another type, pin the whole key (`TYPE BASE64`), if the key was really replaced, pin the new one",
                hop.place()
            ))),
            Self::Files(known) => check_files(known, hop, shown, &seen),
        }
    }
}

fn check_files(known: &Known, hop: &Hop, shown: &HostKey, seen: &str) -> Result<(), TransportError> {
    if let Some(revoked) = known.revoked.iter().find(|revoked| revoked.key == *shown) {
        return Err(fault::identity(format!("{} showed {seen}, which {} marks as revoked", hop.place(), revoked.origin)));
    }
    if known.keys.iter().any(|known| known.key == *shown) {
        return Ok(());
    }
    let name = hop.key_alias.clone().unwrap_or_else(|| name_of(&hop.host, hop.port));
    let file = hop.known_hosts.first().map_or_else(|| "~/.ssh/known_hosts".to_owned(), |file| file.display().to_string());
    let add = format!("echo '{name} {}' >> {file}", shown.line());
    if known.keys.is_empty() {
        let authorities = match &*known.authorities {
            [] => String::new(),
            lines => format!(" ({} trusts an authority for it, which is not supported)", lines.join(", ")),
        };
        return Err(fault::identity(format!(
            "{} is unknown{authorities}: it showed {seen}. Compare that with what its keeper says (asking the host itself, as `ssh-keyscan -p {} {}` does, \
             proves nothing), then: {add}",
            hop.place(),
            hop.port,
            hop.host
        )));
    }
    let expected: Vec<_> =
        known.keys.iter().map(|known| format!("{} {} ({})", known.key.kind(), known.key.fingerprint(), known.origin)).collect();
    Err(fault::identity(format!(
        "{} showed {seen}, expected {}. It was reinstalled, or somebody stands in between. Once its keeper has confirmed the new key: \
         ssh-keygen -R '{name}' -f {file}; {add}",
        hop.place(),
        expected.join(" or ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::ssh::known::KnownKey;

    fn key(kind: &str) -> HostKey {
        let length = u32::try_from(kind.len()).unwrap().to_be_bytes();
        HostKey::new([&length[..], kind.as_bytes(), b"key"].concat()).unwrap()
    }

    #[test]
    fn algorithms_of_known_keys_are_asked_for_first_and_certificates_never() {
        let known = Known { keys: vec![KnownKey { key: key("ssh-rsa"), origin: "f:1".into() }], ..Known::default() };
        let algorithms = Expectation::Files(known).algorithms();
        assert!(algorithms.starts_with("rsa-sha2-512,rsa-sha2-256,ssh-ed25519,"), "{algorithms}");
        assert!(!algorithms.contains("cert"), "{algorithms}");
    }
}
