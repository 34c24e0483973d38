//! Contents of captures: found by their SHA-256, deflated where that makes them smaller.

use sha2::{Digest as _, Sha256};

use super::StoreError;
use super::format::{deflate, inflate};

/// Shorter contents are not worth deflating.
const WORTH_DEFLATING: usize = 128;

/// SHA-256 of a content.
pub(super) type Hash = [u8; 32];

/// A content, ready to be stored.
pub(super) struct Content {
    pub(super) hash: Hash,
    pub(super) size: i64,
    pub(super) coding: &'static str,
    pub(super) body: Vec<u8>,
}

/// SHA-256 of `bytes`.
pub(super) fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// SHA-256 of `bytes` in hexadecimal digits, as `sha256sum` prints it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&hash(bytes))
}

/// `hash` in hexadecimal digits, as `sha256sum` prints it.
pub(super) fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Makes `bytes` with their `hash` ready to be stored.
pub(super) fn pack(hash: Hash, bytes: &[u8]) -> Result<Content, StoreError> {
    let size = i64::try_from(bytes.len()).map_err(|_| StoreError::Refused("a capture is too large".to_owned()))?;
    if bytes.len() >= WORTH_DEFLATING {
        let deflated = deflate(bytes)?;
        if deflated.len() < bytes.len() {
            return Ok(Content { hash, size, coding: "deflate", body: deflated });
        }
    }
    Ok(Content { hash, size, coding: "plain", body: bytes.to_vec() })
}

/// The bytes that were packed; an error when they are not what their hash says.
pub(super) fn unpack(expected: &[u8], coding: &str, body: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let what = || format!("the capture {}", hex(expected));
    let bytes = match coding {
        "plain" => body,
        "deflate" => inflate(&body).map_err(StoreError::unreadable(what()))?,
        other => return Err(StoreError::unreadable(what())(format!("unknown coding `{other}`"))),
    };
    if hash(&bytes) == expected { Ok(bytes) } else { Err(StoreError::unreadable(what())("its bytes do not have that hash")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_to_the_same_bytes() {
        for bytes in [Vec::new(), b"short".to_vec(), vec![b'a'; 100_000], (0..=255).cycle().take(1000).collect()] {
            let content = pack(hash(&bytes), &bytes).unwrap();
            assert!(content.body.len() <= bytes.len());
            assert_eq!(unpack(&content.hash, content.coding, content.body).unwrap(), bytes);
        }
    }

    #[test]
    fn a_content_that_was_changed_is_not_handed_out() {
        let content = pack(hash(b"truth"), b"truth").unwrap();
        assert!(unpack(&content.hash, content.coding, b"lies!".to_vec()).is_err());
    }

    #[test]
    fn hashes_read_as_sha256sum_prints_them() {
        assert_eq!(hex(&hash(b"")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
