//! A throw-away OpenSSH server.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::fs::{self, File, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rounds::model::{Kind, Login, SecretRef, Target};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// The types of its host keys.
pub const HOST_KEYS: [&str; 3] = ["ed25519", "ecdsa", "rsa"];

/// A running server, whose log, keys and configuration lie in a folder that goes with it.
pub struct Sshd {
    folder: TempDir,
    port: u16,
    child: Child,
}

/// What a server is to be like.
#[derive(Default)]
pub struct Wanted<'a> {
    /// Further lines of its configuration; they win over ours.
    pub config: &'a str,
    /// Addresses to listen on; 127.0.0.1 when empty.
    pub listen: &'a [&'a str],
    /// Password of our account, known to this server alone. Needs root and mount namespaces.
    pub password: Option<&'a str>,
}

impl Sshd {
    /// A server that knows one ed25519 key of ours.
    pub fn start() -> Self {
        Self::with(&Wanted::default()).expect("sshd starts")
    }

    /// A server as wanted, or the reason why this machine cannot have it.
    pub fn with(wanted: &Wanted<'_>) -> Result<Self, String> {
        if !Path::new(SSHD).exists() {
            return Err(format!("{SSHD} is not installed"));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        for kind in HOST_KEYS {
            let bits = if kind == "rsa" { &["-b", "2048"][..] } else { &[] };
            keygen(&[&["-t", kind, "-N", "", "-f", &path(&format!("host_{kind}"))], bits].concat());
        }
        keygen(&["-t", "ed25519", "-N", "", "-f", &path("id_ed25519")]);
        fs::copy(path("id_ed25519.pub"), path("authorized_keys")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = if wanted.listen.is_empty() { &["127.0.0.1"][..] } else { wanted.listen };
        let listen = listen.iter().map(|address| format!("ListenAddress {address}:{port}")).collect::<Vec<_>>().join("\n");
        let keys: String = HOST_KEYS.map(|kind| format!("HostKey {}\n", path(&format!("host_{kind}")))).concat();
        let config = format!(
            "{}\n{listen}\n{keys}AuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 500\nLogLevel VERBOSE\n",
            wanted.config,
            path("authorized_keys"),
        );
        fs::write(path("sshd_config"), config).unwrap();
        if is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let log = File::create(path("log")).unwrap();
        let mut command = match wanted.password {
            None => Command::new(SSHD),
            Some(password) => with_password(folder.path(), password)?,
        };
        command.args(["-D", "-e", "-f", &path("sshd_config")]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Self { folder, port, child };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if server.child.try_wait().unwrap().is_some() || Instant::now() > until {
                return Err(format!("sshd does not start: {}", server.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process id of the one that listens.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Our private key that it knows.
    pub fn key(&self) -> PathBuf {
        self.path("id_ed25519")
    }

    /// Makes a further key of ours with the arguments of `ssh-keygen` and has the server know it.
    pub fn new_key(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let path = self.path(name);
        keygen(&[arguments, &["-f", &path.display().to_string()]].concat());
        let public = fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
        let known = fs::read_to_string(self.path("authorized_keys")).unwrap();
        fs::write(self.path("authorized_keys"), known + &public).unwrap();
        path
    }

    /// `TYPE BASE64` of a host key.
    pub fn host_key(&self, kind: &str) -> String {
        let line = fs::read_to_string(self.path(&format!("host_{kind}.pub"))).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    /// `SHA256:…` of a host key.
    pub fn fingerprint(&self, kind: &str) -> String {
        let output = Command::new("ssh-keygen").args(["-l", "-f"]).arg(self.path(&format!("host_{kind}.pub"))).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    /// The line of known hosts for its ed25519 key at 127.0.0.1.
    pub fn known(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.port, self.host_key("ed25519"))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// How often the log has a line with `words`.
    pub fn logged(&self, words: &str) -> usize {
        self.log().lines().filter(|line| line.contains(words)).count()
    }

    /// It as a target, with our key.
    pub fn target(&self, id: &str) -> Target {
        let mut target = Target::new(id, Kind::Host);
        target.address = Some("127.0.0.1".to_owned());
        target.port = Some(self.port);
        target.login = Some(Arc::new(login(SecretRef::File(self.key()))));
        target
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A login as ourselves by `key`.
pub fn login(key: SecretRef) -> Login {
    Login { id: "test".to_owned(), user: Some(user()), key: Some(key), ..Login::default() }
}

/// Our account.
pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whether we are root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Writes a file that only we can read.
pub fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

fn keygen(arguments: &[&str]) {
    let status = Command::new("ssh-keygen").arg("-q").args(arguments).stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "ssh-keygen {arguments:?}");
}

/// Starts what follows with a shadow file of its own, in a mount namespace of its own: no account is touched.
fn with_password(folder: &Path, password: &str) -> Result<Command, String> {
    if !is_root() {
        return Err("a password of its own needs root".to_owned());
    }
    let hash = Command::new("openssl").args(["passwd", "-6", password]).output().map_err(|error| format!("openssl: {error}"))?;
    let hash = String::from_utf8(hash.stdout).unwrap();
    let shadow = folder.join("shadow");
    write_private(&shadow, &format!("{}:{}:19000:0:99999:7:::\n", user(), hash.trim()));
    let tried = Command::new("unshare").args(["-m", "mount", "--bind"]).arg(&shadow).arg("/etc/shadow").output();
    match tried {
        Ok(tried) if tried.status.success() => {}
        Ok(tried) => return Err(format!("no mount namespaces here: {}", String::from_utf8_lossy(&tried.stderr).trim())),
        Err(error) => return Err(format!("unshare: {error}")),
    }
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "mount --bind \"$0\" /etc/shadow && exec /usr/sbin/sshd \"$@\""]).arg(&shadow);
    Ok(command)
}
