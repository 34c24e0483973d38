//! Known host keys: what the files say of one host.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};
use ssh2::{CheckResult, KnownHostFileKind};

use super::pattern::list_fits;

/// A public key of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostKey {
    /// The key as SSH encodes it; its type stands at its front.
    pub(super) blob: Vec<u8>,
}

/// A key that a file holds, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownKey {
    /// The key.
    pub(super) key: HostKey,
    /// `FILE:LINE`.
    pub(super) origin: String,
}

/// All that the files say of one host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// Keys that are its own.
    pub(super) keys: Vec<KnownKey>,
    /// Keys that must not be trusted any more.
    pub(super) revoked: Vec<KnownKey>,
    /// Lines that trust an authority for it, which is not supported.
    pub(super) authorities: Vec<String>,
}

impl HostKey {
    /// The key from its blob, when that begins with the name of a type.
    pub(super) fn new(blob: Vec<u8>) -> Option<Self> {
        let key = Self { blob };
        (!key.kind().is_empty()).then_some(key)
    }

    /// The key from `TYPE BASE64`.
    pub(super) fn read(kind: &str, base64: &str) -> Option<Self> {
        Self::new(STANDARD.decode(base64).ok()?).filter(|key| key.kind() == kind)
    }

    /// Its type, such as `ssh-ed25519`.
    pub(super) fn kind(&self) -> &str {
        let length = self.blob.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
        let name = self.blob.get(4..4_usize.saturating_add(length)).unwrap_or_default();
        std::str::from_utf8(name)
            .ok()
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@.-".contains(&byte)))
            .unwrap_or_default()
    }

    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub(super) fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    /// `TYPE BASE64`, as files hold it.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.kind(), STANDARD.encode(&self.blob))
    }
}

/// The name under which files keep the key of `host` at `port`.
pub(super) fn name_of(host: &str, port: u16) -> String {
    if port == 22 { host.to_ascii_lowercase() } else { format!("[{}]:{port}", host.to_ascii_lowercase()) }
}

/// What `files` say of `name`. Files that are not there say nothing; lines that cannot be read are left out with a warning,
/// which never makes a host more trusted.
///
/// # Errors
/// When a file is there and cannot be read.
pub(super) fn look_up(files: &[PathBuf], name: &str) -> Result<Known, String> {
    let mut known = Known::default();
    for path in files {
        let text = match std::fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let origin = origin(path, number);
            if known.take(line, &origin, name).is_none() {
                tracing::warn!(origin, "left out a line of known host keys that cannot be read");
            }
        }
    }
    Ok(known)
}

fn origin(path: &Path, line: usize) -> String {
    format!("{}:{line}", path.display())
}

impl Known {
    /// Takes in one line; `None` when it cannot be read.
    fn take(&mut self, line: &str, origin: &str, name: &str) -> Option<()> {
        let mut fields = line.split_ascii_whitespace();
        let first = fields.next()?;
        let (marker, hosts) = if first.starts_with('@') { (Some(first), fields.next()?) } else { (None, first) };
        if !matches!(marker, None | Some("@revoked" | "@cert-authority")) {
            return None;
        }
        let key = HostKey::read(fields.next()?, fields.next()?)?;
        let fits = match hosts.strip_prefix("|1|") {
            Some(hashed) => hash_fits(hashed, name)?,
            None => list_fits(hosts.split(','), name),
        };
        if fits {
            let key = KnownKey { key, origin: origin.to_owned() };
            match marker {
                None => self.keys.push(key),
                Some("@revoked") => self.revoked.push(key),
                Some(_) => self.authorities.push(key.origin),
            }
        }
        Some(())
    }

    /// Whether no key is known, good or bad.
    pub(super) const fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.revoked.is_empty()
    }
}

/// Whether `SALT|HASH` is that of `name`; libssh2 does the hashing. `None` when it is no hash.
fn hash_fits(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    if STANDARD.decode(salt).ok()?.is_empty() || STANDARD.decode(hash).ok()?.len() != 20 {
        return None;
    }
    // Only the name is asked about: any key will do.
    let mut blob = Vec::from(*b"\0\0\0\x0bssh-ed25519\0\0\0\x20");
    blob.extend([0; 32]);
    let mut line = format!("|1|{hashed} ");
    write!(line, "ssh-ed25519 {}", STANDARD.encode(&blob)).ok()?;
    let mut hosts = ssh2::Session::new().ok()?.known_hosts().ok()?;
    hosts.read_str(&line, KnownHostFileKind::OpenSSH).ok()?;
    match hosts.check(name, &blob) {
        CheckResult::Match | CheckResult::Mismatch => Some(true),
        CheckResult::NotFound => Some(false),
        CheckResult::Failure => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = "AAAAC3NzaC1lZDI1NTE5AAAAINh/d8ahKBUcdMnxjKVaFJNkr/oBcjgzfoebVHsn5KZb";

    fn look(lines: &str, name: &str) -> Known {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        look_up(&[file.path().to_owned(), "/no/such/file".into()], name).unwrap()
    }

    #[test]
    fn names_are_plain_bracketed_or_patterns() {
        for (hosts, name, expected) in [
            ("db1", "db1", 1),
            ("db1,10.0.0.5", "10.0.0.5", 1),
            ("DB1", "db1", 1),
            ("[db1]:2222", "[db1]:2222", 1),
            ("db1", "[db1]:2222", 0),
            ("*.net,!b.net", "a.net", 1),
            ("*.net,!b.net", "b.net", 0),
        ] {
            assert_eq!(look(&format!("{hosts} ssh-ed25519 {ED} comment\n"), name).keys.len(), expected, "{hosts} for {name}");
        }
    }

    #[test]
    fn hashed_names_are_recognized() {
        // Made by `ssh-keygen -H` from `[127.0.0.1]:2222`.
        let hashed = "|1|zYJ4Q5Adr9FvzstNOk1LFaWJ4Rc=|aY7rZhcgw48skwqrhqlTTX4CVDc=";
        let lines = format!("{hashed} ssh-ed25519 {ED}\n");
        assert_eq!(look(&lines, "[127.0.0.1]:2222").keys.len(), 1);
        assert_eq!(look(&lines, "127.0.0.1").keys.len(), 0);
    }

    #[test]
    fn markers_are_told_apart_and_lines_that_cannot_be_read_are_left_out() {
        let known = look(
            &format!(
                "@revoked h ssh-ed25519 {ED}\n@cert-authority *,!x ssh-ed25519 {ED}\nh ssh-rsa {ED}\nrubbish\n@odd h ssh-ed25519 {ED}\n|1|a|b ssh-ed25519 {ED}\n"
            ),
            "h",
        );
        assert_eq!((known.keys.len(), known.revoked.len(), known.authorities.len()), (0, 1, 1));
    }

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        let key = HostKey::read("ssh-ed25519", ED).unwrap();
        assert_eq!(key.kind(), "ssh-ed25519");
        assert_eq!(key.fingerprint(), "SHA256:4mJbVBvbpLs/BsFzUUQy5NiKn8Z8TbypgG4NEJgitJ8");
        assert_eq!(HostKey::read("ssh-rsa", ED), None);
    }

    #[test]
    fn types_that_could_mean_something_to_a_shell_are_no_types() {
        assert_eq!(HostKey::new(b"\0\0\0\x04a';b".to_vec()), None);
        assert_eq!(HostKey::new(b"\xff\xff\xff\xffssh".to_vec()), None);
        assert_eq!(HostKey::new(Vec::new()), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told() {
        assert!(look_up(&[std::env::temp_dir()], "h").is_err());
    }
}
