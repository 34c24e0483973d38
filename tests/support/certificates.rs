//! An authority of our own, made by the `openssl` command, and certificates signed by it.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::server::ran;

/// An authority.
pub(crate) struct Authority {
    folder: TempDir,
    name: String,
}

/// A server's certificate and key, as PEM files.
pub(crate) struct Certificate {
    /// The certificate.
    pub(crate) certificate: PathBuf,
    /// The key.
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Makes an authority called `name`.
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("rounds-test-ca-").tempdir().expect("a folder for an authority");
        let authority = Self { folder, name: name.to_owned() };
        ran(Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "400"])
            .args(["-subj", &format!("/CN={name}"), "-addext", "keyUsage=critical,keyCertSign,cRLSign"])
            .arg("-keyout")
            .arg(authority.path("ca.key"))
            .arg("-out")
            .arg(authority.pem()));
        authority
    }

    /// The authority's certificate.
    pub(crate) fn pem(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// A certificate for `names` (`DNS:…`, `IP:…`) that is valid for `days` from now; 0 is expired a second later.
    pub(crate) fn sign(&self, file: &str, names: &str, days: u32) -> Certificate {
        let (key, request, certificate, extensions) = (
            self.path(&format!("{file}.key")),
            self.path(&format!("{file}.csr")),
            self.path(&format!("{file}.pem")),
            self.path(&format!("{file}.ext")),
        );
        std::fs::write(&extensions, format!("subjectAltName={names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"))
            .expect("extensions");
        ran(Command::new("openssl")
            .args(["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", &format!("/CN={file}")])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&request));
        ran(Command::new("openssl")
            .args(["x509", "-req", "-CAcreateserial", "-days", &days.to_string()])
            .arg("-in")
            .arg(&request)
            .arg("-CA")
            .arg(self.pem())
            .arg("-CAkey")
            .arg(self.path("ca.key"))
            .arg("-extfile")
            .arg(&extensions)
            .arg("-out")
            .arg(&certificate));
        Certificate { certificate, key }
    }

    /// The name it was made with.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn path(&self, file: &str) -> PathBuf {
        Path::join(self.folder.path(), file)
    }
}
