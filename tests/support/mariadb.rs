//! A MariaDB server of our own for one test: private folder, free port, ended when dropped.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::certificates::Certificate;
use super::server::{Running, as_user, folder_of, free_port, give, ran};

/// The account that a server runs as when we are root.
const USER: &str = "nobody";

/// A running MariaDB server.
pub(crate) struct Mariadb {
    // Dropped in this order: first the server, then its folder.
    _running: Running,
    folder: TempDir,
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
}

impl Mariadb {
    /// Starts a server with `options` of mariadbd (`--name=value`), and TLS where there is a certificate.
    pub(crate) fn start(options: &[&str], tls: Option<&Certificate>) -> Self {
        let folder = folder_of(USER);
        let tables = folder.path().join("data");
        // Two servers that share a folder for temporary tables take each other's away.
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).expect("a folder for temporary tables");
        give(&temporary, USER);
        let temporary = format!("--tmpdir={}", temporary.display());
        ran(as_user(USER, "mariadb-install-db")
            .current_dir(folder.path())
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .args([&temporary, &format!("--datadir={}", tables.display())]));
        let port = free_port();
        let socket = folder.path().join("mysql.sock");
        let mut command = as_user(USER, server());
        command.current_dir(folder.path()).args(["--no-defaults", &temporary, &format!("--datadir={}", tables.display())]);
        command.arg(format!("--socket={}", socket.display())).arg(format!("--port={port}"));
        command.args(["--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"]);
        if let Some(tls) = tls {
            let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
            std::fs::copy(&tls.certificate, &certificate).expect("the certificate");
            std::fs::copy(&tls.key, &key).expect("the key");
            give(&certificate, USER);
            give(&key, USER);
            command.arg(format!("--ssl-cert={}", certificate.display())).arg(format!("--ssl-key={}", key.display()));
        }
        command.args(options);
        let mut running = Running::start(&mut command, Signal::TERM, folder.path().join("log"));
        running.wait_until(|| {
            let mut ping = Command::new("mariadb-admin");
            ping.args(["--no-defaults", "--user=root", "--silent"]).arg(format!("--socket={}", socket.display())).arg("ping");
            ping.output().is_ok_and(|output| output.status.success())
        });
        Self { _running: running, folder, port }
    }

    /// Its Unix socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("mysql.sock")
    }

    /// What root gets from `sql`, columns separated by tabs, without heads.
    #[track_caller]
    pub(crate) fn sql(&self, sql: &str) -> String {
        let output = ran(Command::new("mariadb")
            .args(["--no-defaults", "--user=root", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"])
            .arg(format!("--socket={}", self.socket().display()))
            .args(["-e", sql]));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }
}

fn server() -> PathBuf {
    let places = ["/usr/sbin/mariadbd", "/usr/bin/mariadbd", "/usr/libexec/mariadbd"].map(PathBuf::from);
    places.into_iter().find(|place| place.exists()).expect("MariaDB is installed: apt-get install mariadb-server")
}
