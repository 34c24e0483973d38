//! A PostgreSQL server of our own for one test: private folder, free port, ended when dropped.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::certificates::Certificate;
use super::server::{Running, as_user, folder_of, free_port, give, ran};

/// The account that a server runs as when we are root.
const USER: &str = "postgres";

/// The superuser's password.
pub(crate) const SUPERUSER_PASSWORD: &str = "super secret";

/// A running PostgreSQL server.
pub(crate) struct Postgres {
    // Dropped in this order: first the server, then its folder.
    _running: Running,
    folder: TempDir,
    /// Its port on 127.0.0.1, also part of its socket's name.
    pub(crate) port: u16,
}

impl Postgres {
    /// Starts a server with `settings`, and TLS where there is a certificate.
    pub(crate) fn start(settings: &[(&str, &str)], tls: Option<&Certificate>) -> Self {
        let folder = folder_of(USER);
        let cluster = folder.path().join("data");
        let password = folder.path().join("password");
        std::fs::write(&password, SUPERUSER_PASSWORD).expect("the password");
        give(&password, USER);
        ran(as_user(USER, program("initdb"))
            .current_dir(folder.path())
            .args(["--no-sync", "--auth=scram-sha-256", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"])
            .arg("--pwfile")
            .arg(&password)
            .arg(&cluster));
        let port = free_port();
        let mut command = as_user(USER, program("postgres"));
        command.current_dir(folder.path()).arg("-D").arg(&cluster);
        command.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", &format!("port={port}")]);
        command.args(["-c", &format!("unix_socket_directories={}", folder.path().display())]);
        if let Some(tls) = tls {
            let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
            std::fs::copy(&tls.certificate, &certificate).expect("the certificate");
            std::fs::copy(&tls.key, &key).expect("the key");
            ran(Command::new("chmod").arg("600").arg(&key));
            give(&certificate, USER);
            give(&key, USER);
            command.args(["-c", "ssl=on", "-c", &format!("ssl_cert_file={}", certificate.display())]);
            command.args(["-c", &format!("ssl_key_file={}", key.display())]);
        }
        for (name, value) in settings {
            command.args(["-c", &format!("{name}={value}")]);
        }
        let mut running = Running::start(&mut command, Signal::QUIT, folder.path().join("log"));
        running.wait_until(|| {
            let ready = Command::new(program("pg_isready")).args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).status();
            ready.is_ok_and(|status| status.success())
        });
        Self { _running: running, folder, port }
    }

    /// The folder of its Unix socket.
    pub(crate) fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the superuser gets from `sql` in `database`, unaligned and without heads.
    #[track_caller]
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let output = ran(Command::new("psql")
            .env("PGPASSWORD", SUPERUSER_PASSWORD)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-d", database])
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }
}

/// A program of the newest PostgreSQL that is installed.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed: apt-get install postgresql");
    let mut found: Vec<PathBuf> =
        versions.filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name))).filter(|path| path.exists()).collect();
    found.sort();
    found.pop().unwrap_or_else(|| panic!("no {name} below /usr/lib/postgresql"))
}
