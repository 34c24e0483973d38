//! The SSH transport against a real OpenSSH server.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rounds::model::{Capture, Ended, Lang, Login, Probe, SecretRef, Target};
use rounds::transport::ssh::{Far, Near, open, tunnel};
use rounds::transport::{Asked, FailureKind, Lines, Session, TransportError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

mod support;

use support::sshd::{Sshd, Wanted, is_root, login, user, write_private};

const CAP: usize = 64 * 1024;

/// How we get to the server of a test.
struct Way {
    lines: Lines,
    target: Target,
}

impl Way {
    /// To `server`, whose key is known.
    fn to(server: &Sshd) -> Self {
        let way = Self { lines: lines(vec![server.path("known_hosts")]), target: server.target("web1") };
        fs::write(server.path("known_hosts"), server.known()).unwrap();
        way
    }

    fn config(mut self, server: &Sshd, text: &str) -> Self {
        let path = server.path("ssh_config");
        fs::write(&path, text).unwrap();
        self.lines.ssh_config = Some(path);
        self
    }

    fn login(mut self, login: Login) -> Self {
        self.target.login = Some(Arc::new(login));
        self
    }

    async fn open(&self) -> Result<Box<dyn Session>, TransportError> {
        open(Arc::new(self.lines.clone()), Arc::new(self.target.clone()), CancellationToken::new()).await
    }

    async fn ask(&self, probes: Vec<Probe>) -> (Vec<Capture>, Result<(), TransportError>) {
        match self.open().await {
            Ok(mut session) => ask(&mut *session, probes, CancellationToken::new()).await,
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    async fn whoami(&self) -> Result<String, TransportError> {
        let (captures, ended) = self.ask(vec![Probe::shell("who", "id -un")]).await;
        ended.map(|()| captures[0].text().trim().to_owned())
    }

    async fn failure(&self) -> (FailureKind, String) {
        let error = self.whoami().await.expect_err("it should not have led in");
        (error.kind, error.message.text(Lang::En))
    }
}

fn lines(known_hosts: Vec<PathBuf>) -> Lines {
    Lines {
        targets: Arc::new(HashMap::new()),
        known_hosts,
        ssh_config: None,
        connect_limit: Duration::from_secs(10),
        session_limit: Duration::from_mins(1),
        cap_bytes: CAP,
    }
}

async fn ask(session: &mut dyn Session, probes: Vec<Probe>, cancel: CancellationToken) -> (Vec<Capture>, Result<(), TransportError>) {
    let asked = probes.into_iter().enumerate().map(|(id, probe)| {
        let limit = probe.limit.unwrap_or(Duration::from_secs(20));
        Asked { id, probe, limit }
    });
    let (sender, mut receiver) = mpsc::channel(2);
    let reading = async {
        let mut captures = Vec::new();
        while let Some((_, capture)) = receiver.recv().await {
            captures.push(capture);
        }
        captures
    };
    let (ended, captures) = tokio::join!(session.ask(asked.collect(), sender, cancel), reading);
    (captures, ended)
}

/// Whether it is gone within a second: what was killed takes a moment to die.
fn dies(marker: &str) -> bool {
    let until = Instant::now() + Duration::from_secs(1);
    while alive(marker) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    !alive(marker)
}

fn alive(marker: &str) -> bool {
    let output = Command::new("ps").args(["-A", "-o", "stat=,args="]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().any(|line| line.contains(marker) && !line.starts_with('Z'))
}

// ---- Logging in

#[tokio::test]
async fn keys_of_every_common_type_lead_in() {
    let server = Sshd::start();
    for (name, arguments) in [
        ("k_ed", &["-t", "ed25519", "-N", ""][..]),
        ("k_ec", &["-t", "ecdsa", "-N", ""]),
        ("k_rsa", &["-t", "rsa", "-b", "2048", "-N", ""]),
        ("k_pem", &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]),
    ] {
        let key = server.new_key(name, arguments);
        assert_eq!(Way::to(&server).login(login(SecretRef::File(key))).whoami().await, Ok(user()), "{name}");
    }
}

#[tokio::test]
async fn an_encrypted_key_leads_in_with_its_passphrase_and_failures_are_told_truly() {
    let server = Sshd::start();
    let key = server.new_key("k_enc", &["-t", "ed25519", "-N", "right words", "-a", "1"]);
    let with = |words: Option<&str>| {
        let passphrase = words.map(|words| {
            write_private(&server.path("passphrase"), words);
            SecretRef::File(server.path("passphrase"))
        });
        Way::to(&server).login(Login { passphrase, ..login(SecretRef::File(key.clone())) })
    };
    assert_eq!(with(Some("right words")).whoami().await, Ok(user()));
    let (kind, text) = with(Some("wrong words")).failure().await;
    assert!(kind == FailureKind::LoginRefused && text.contains("the passphrase is wrong") && !text.contains("wrong words"), "{text}");
    let (kind, text) = with(None).failure().await;
    assert!(kind == FailureKind::LoginRefused && text.contains("no passphrase is given"), "{text}");
}

#[tokio::test]
async fn a_key_from_the_environment_leads_in() {
    let server = Sshd::start();
    let key = SecretRef::Command(vec!["cat".to_owned(), server.key().display().to_string()]);
    // A command gives its first line only, which is no key: that is told, too.
    let (kind, text) = Way::to(&server).login(login(key)).failure().await;
    assert!(kind == FailureKind::LoginRefused && text.contains("cannot be read"), "{text}");
}

#[tokio::test]
async fn a_certificate_beside_the_key_leads_in() {
    let server = Sshd::with(&Wanted { config: "TrustedUserCAKeys /dev/null", ..Wanted::default() }).unwrap();
    drop(server);
    let server = Sshd::start();
    let authority = server.new_key("ca", &["-t", "ed25519", "-N", ""]);
    let key = server.new_key("k_cert", &["-t", "ed25519", "-N", ""]);
    let public = fs::read_to_string(server.path("ca.pub")).unwrap();
    fs::write(server.path("authorized_keys"), format!("cert-authority {public}")).unwrap();
    let signed = Command::new("ssh-keygen")
        .arg("-q")
        .arg("-s")
        .arg(&authority)
        .args(["-I", "test", "-n", &user()])
        .arg(server.path("k_cert.pub"))
        .status();
    assert!(signed.unwrap().success());
    assert_eq!(Way::to(&server).login(login(SecretRef::File(key))).whoami().await, Ok(user()));
}

/// An agent of our own, found by its socket in this process's environment.
struct Agent(Child);

impl Agent {
    /// Starts one that holds `key`. The environment is this test's alone: each test is a process of its own.
    fn holding(server: &Sshd, key: &PathBuf) -> (Self, PathBuf) {
        let socket = server.path("agent");
        let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(std::process::Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while !socket.exists() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let added = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &socket).status().unwrap();
        assert!(added.success());
        (Self(child), socket)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_agent_leads_in() {
    let server = Sshd::start();
    let key = server.new_key("k_agent", &["-t", "ed25519", "-N", ""]);
    let (_agent, socket) = Agent::holding(&server, &key);
    fs::remove_file(&key).unwrap();
    // The agent is found by the environment, which must be set before any thread runs: by a process of our own.
    let known = server.path("known_hosts");
    fs::write(&known, server.known()).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inner_agent", "--ignored", "--nocapture"])
        .env("SSH_AUTH_SOCK", socket)
        .env("ROUNDS_TEST_PORT", server.port().to_string())
        .env("ROUNDS_TEST_KNOWN", known)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(server.logged("Accepted publickey"), 1, "{}", server.log());
}

#[tokio::test]
#[ignore = "run by an_agent_leads_in, in an environment that has an agent"]
async fn inner_agent() {
    let mut target = Target::new("web1", rounds::model::Kind::Host);
    target.address = Some("127.0.0.1".to_owned());
    target.port = Some(std::env::var("ROUNDS_TEST_PORT").unwrap().parse().unwrap());
    target.login = Some(Arc::new(Login { user: Some(user()), agent: true, ..Login::default() }));
    let way = Way { lines: lines(vec![std::env::var_os("ROUNDS_TEST_KNOWN").unwrap().into()]), target };
    assert_eq!(way.whoami().await, Ok(user()));
}

async fn password_by(config: &str, failed: &str) {
    let server = match Sshd::with(&Wanted { config, password: Some("opensesame"), ..Wanted::default() }) {
        Ok(server) => server,
        Err(why) => return println!("not tested: {why}"),
    };
    let with = |words: &str| {
        let name = format!("password-{words}");
        write_private(&server.path(&name), words);
        Way::to(&server).login(Login { user: Some(user()), password: Some(SecretRef::File(server.path(&name))), ..Login::default() })
    };
    assert_eq!(with("opensesame").whoami().await, Ok(user()), "{}", server.log());
    let (kind, text) = with("closesesame").failure().await;
    assert!(kind == FailureKind::LoginRefused && text.contains("password") && !text.contains("closesesame"), "{text}");
    assert_eq!(server.logged(failed), 1, "a wrong password is sent once: {}", server.log());
}

#[tokio::test]
async fn a_password_leads_in_and_a_wrong_one_is_sent_once() {
    password_by("PasswordAuthentication yes", "Failed password").await;
}

#[tokio::test]
async fn a_password_at_a_prompt_leads_in_and_a_wrong_one_is_sent_once() {
    password_by("UsePAM yes\nKbdInteractiveAuthentication yes", "PAM: Authentication failure").await;
}

#[tokio::test]
async fn what_was_tried_and_what_the_server_takes_is_told() {
    let server = Sshd::start();
    fs::write(server.path("authorized_keys"), "").unwrap();
    let (kind, text) = Way::to(&server).failure().await;
    assert_eq!(kind, FailureKind::LoginRefused);
    assert!(text.contains("id_ed25519 (refused)") && text.contains("the server takes publickey"), "{text}");
    assert_eq!(server.logged("Failed publickey"), 1, "{}", server.log());
}

#[tokio::test]
async fn a_missing_secret_fails_on_our_side_before_anything_is_connected() {
    let server = Sshd::start();
    let before = server.logged("Connection from");
    let (kind, _) = Way::to(&server).login(login(SecretRef::Env("NO_SUCH_VARIABLE_OF_ROUNDS".to_owned()))).failure().await;
    assert_eq!((kind, server.logged("Connection from")), (FailureKind::OurSide, before));
}

// ---- Who it is

async fn identity(server: &Sshd, known_hosts: &str) -> Result<String, (FailureKind, String)> {
    let way = Way::to(server);
    fs::write(server.path("known_hosts"), known_hosts).unwrap();
    way.whoami().await.map_err(|error| (error.kind, error.message.text(Lang::En)))
}

#[tokio::test]
async fn a_host_is_known_by_any_of_its_keys_however_it_is_written() {
    let server = Sshd::start();
    for kind in support::sshd::HOST_KEYS {
        let key = server.host_key(kind);
        assert_eq!(identity(&server, &format!("[127.0.0.1]:{} {key}\n", server.port())).await, Ok(user()), "{kind}");
    }
    let key = server.host_key("ed25519");
    assert_eq!(identity(&server, &format!("127.0.0.1 {key}\n")).await, Ok(user()), "by its bare name");
    assert_eq!(identity(&server, &format!("rubbish\n[127.0.0.?]:* {key} a comment\n")).await, Ok(user()), "by a pattern");
    let hashed = Way::to(&server);
    let path = server.path("known_hosts");
    assert!(Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&path).status().unwrap().success());
    assert!(fs::read_to_string(&path).unwrap().starts_with("|1|"));
    assert_eq!(hashed.whoami().await, Ok(user()), "by a hashed name");
}

#[tokio::test]
async fn an_unknown_host_is_never_trusted_and_the_way_to_know_it_is_told() {
    let server = Sshd::start();
    let (kind, text) = identity(&server, "").await.unwrap_err();
    assert_eq!(kind, FailureKind::Identity);
    assert!(text.contains(&server.fingerprint("ed25519")), "{text}");
    assert!(text.contains(&format!("echo '{}'", server.known().trim())), "{text}");
    assert_eq!(server.logged("Accepted publickey"), 0);
    let (_, text) = identity(&server, &format!("@cert-authority * {}\n", server.host_key("rsa"))).await.unwrap_err();
    assert!(text.contains("authority"), "{text}");
}

#[tokio::test]
async fn a_changed_key_is_refused_with_both_fingerprints() {
    let (server, other) = (Sshd::start(), Sshd::start());
    let (kind, text) = identity(&server, &format!("[127.0.0.1]:{} {}\n", server.port(), other.host_key("ed25519"))).await.unwrap_err();
    assert_eq!(kind, FailureKind::Identity);
    assert!(text.contains(&server.fingerprint("ed25519")) && text.contains(&other.fingerprint("ed25519")), "{text}");
    assert!(text.contains("known_hosts:1"), "{text}");
}

#[tokio::test]
async fn a_revoked_key_is_refused_even_when_it_is_known() {
    let server = Sshd::start();
    let (kind, text) = identity(&server, &format!("{}@revoked * {}\n", server.known(), server.host_key("ed25519"))).await.unwrap_err();
    assert!(kind == FailureKind::Identity && text.contains("revoked"), "{text}");
}

#[tokio::test]
async fn a_pinned_key_is_all_that_counts() {
    let server = Sshd::start();
    for pin in [server.fingerprint("ed25519"), server.host_key("rsa"), format!("{} comment", server.host_key("ecdsa"))] {
        let mut way = Way::to(&server);
        fs::write(server.path("known_hosts"), "").unwrap();
        way.target.host_key = Some(pin.clone());
        assert_eq!(way.whoami().await, Ok(user()), "{pin}");
    }
    let mut way = Way::to(&server);
    way.target.host_key = Some("SHA256:0000000000000000000000000000000000000000000".to_owned());
    assert_eq!(way.failure().await.0, FailureKind::Identity);
    way.target.host_key = Some("rubbish".to_owned());
    assert_eq!(way.failure().await.0, FailureKind::OurSide);
}

#[tokio::test]
async fn a_host_that_also_has_a_certificate_is_known_by_its_plain_key() {
    let server = Sshd::start();
    assert!(
        Command::new("ssh-keygen")
            .arg("-q")
            .arg("-s")
            .arg(server.key())
            .args(["-h", "-I", "host"])
            .arg(server.path("host_ed25519.pub"))
            .status()
            .unwrap()
            .success()
    );
    let config = format!("HostKey {0}\nHostCertificate {0}-cert.pub", server.path("host_ed25519").display());
    let certified = Sshd::with(&Wanted { config: &config, ..Wanted::default() }).unwrap();
    let mut way = Way::to(&certified);
    way.target.host_key = Some(server.host_key("ed25519"));
    assert_eq!(way.whoami().await, Ok(user()));
}

// ---- The user's configuration, and the way there

#[tokio::test]
async fn the_users_configuration_says_where_as_whom_and_with_which_key() {
    let server = Sshd::start();
    let text = format!(
        "Host we?1\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  HostKeyAlias the-web\n  UserKnownHostsFile {}\n",
        server.port(),
        user(),
        server.key().display(),
        server.path("other_known").display()
    );
    let mut way = Way::to(&server).config(&server, &text);
    fs::write(server.path("other_known"), format!("the-web {}\n", server.host_key("ed25519"))).unwrap();
    (way.target.address, way.target.port, way.target.login) = (Some("web1".to_owned()), None, None);
    assert_eq!(way.whoami().await, Ok(user()));
    way = way.config(&server, "Host web1\n  ProxyCommand nc %h %p\n");
    let (kind, text) = way.failure().await;
    assert!(kind == FailureKind::OurSide && text.contains("ProxyCommand") && text.contains("ssh_config:2"), "{text}");
}

/// Two servers, the second of which we reach through the first.
fn jump() -> (Sshd, Sshd, Way) {
    let (bastion, inner) = (Sshd::start(), Sshd::start());
    let mut way = Way::to(&inner);
    fs::write(inner.path("known_hosts"), inner.known() + &bastion.known()).unwrap();
    way.lines.targets = Arc::new(HashMap::from([("bastion".to_owned(), Arc::new(bastion.target("bastion")))]));
    way.target.via = vec!["bastion".to_owned()];
    (bastion, inner, way)
}

#[tokio::test]
async fn a_jump_host_of_the_inventory_leads_on() {
    let (bastion, inner, way) = jump();
    let mut session = way.open().await.unwrap();
    let (captures, ended) =
        ask(&mut *session, vec![Probe::shell("big", "head -c 300000 /dev/zero; echo end")], CancellationToken::new()).await;
    assert_eq!(ended, Ok(()));
    assert!(captures[0].cut && captures[0].out.ends_with(b"end\n"));
    assert!(
        session.greeting().iter().any(|(name, at)| *name == "via" && at.ends_with(&bastion.port().to_string())),
        "{:?}",
        session.greeting()
    );
    drop(session);
    assert_eq!((bastion.logged("Accepted publickey"), inner.logged("Accepted publickey")), (1, 1));
}

#[tokio::test]
async fn a_jump_host_of_the_users_configuration_leads_on() {
    let (bastion, inner, mut way) = jump();
    way.target.via = Vec::new();
    let text = format!(
        "Host 127.0.0.1\n  ProxyJump {}@jump:{}\nHost jump\n  HostName 127.0.0.1\n  IdentityFile {}\n  IdentitiesOnly yes\n",
        user(),
        bastion.port(),
        bastion.key().display()
    );
    let way = way.config(&inner, &text);
    assert_eq!(way.whoami().await, Ok(user()));
    assert_eq!((bastion.logged("Accepted publickey"), inner.logged("Accepted publickey")), (1, 1));
}

#[tokio::test]
async fn each_hop_proves_who_it_is() {
    let (bastion, inner, way) = jump();
    fs::write(inner.path("known_hosts"), inner.known()).unwrap();
    let (kind, text) = way.failure().await;
    assert!(kind == FailureKind::Identity && text.contains(&bastion.port().to_string()), "{text}");
    fs::write(inner.path("known_hosts"), bastion.known()).unwrap();
    let (kind, text) = way.failure().await;
    assert!(kind == FailureKind::Identity && text.contains(&inner.port().to_string()), "{text}");
}

#[tokio::test]
async fn a_target_that_the_jump_host_cannot_reach_is_told_with_its_words() {
    let (_bastion, inner, mut way) = jump();
    way.target.port = Some(1);
    let (kind, text) = way.failure().await;
    assert!(kind == FailureKind::Refused && text.contains("jump host"), "{text}");
    way.target.via = vec!["nobody".to_owned()];
    assert_eq!(way.failure().await.0, FailureKind::OurSide);
    drop(inner);
}

#[tokio::test]
async fn jump_hosts_that_form_a_circle_are_a_fault_of_ours() {
    let host = |id: &str, via: &str| {
        let mut target = Target::new(id, rounds::model::Kind::Host);
        target.via = vec![via.to_owned()];
        target.login = Some(Arc::new(Login { user: Some("nobody".to_owned()), ..Login::default() }));
        target
    };
    let mut lines = lines(Vec::new());
    lines.targets = Arc::new([("a", "b"), ("b", "a")].map(|(id, via)| (id.to_owned(), Arc::new(host(id, via)))).into());
    let (kind, text) = Way { lines, target: host("c", "a") }.failure().await;
    assert!(kind == FailureKind::OurSide && text.contains("circle"), "{text}");
}

// ---- What it carries

#[tokio::test]
async fn all_probes_of_a_target_take_one_login_and_one_session() {
    let server = Sshd::start();
    let probes = (0..20).map(|at| Probe::shell("p", format!("echo {at}"))).chain([Probe::shell("rate", "date").twice()]).collect();
    let (captures, ended) = Way::to(&server).ask(probes).await;
    assert_eq!((captures.len(), ended), (22, Ok(())));
    assert_eq!((server.logged("Accepted publickey"), server.logged("Starting session")), (1, 1), "{}", server.log());
}

#[tokio::test]
async fn a_session_can_be_asked_again() {
    let server = Sshd::start();
    let mut session = Way::to(&server).open().await.unwrap();
    for _ in 0..3 {
        let (captures, ended) = ask(&mut *session, vec![Probe::shell("p", "echo again")], CancellationToken::new()).await;
        assert_eq!((captures[0].text(), ended), ("again\n".into(), Ok(())));
    }
    let greeting: HashMap<_, _> = session.greeting().into_iter().collect();
    assert!(greeting["server"].starts_with("SSH-2.0-OpenSSH"), "{greeting:?}");
    assert_eq!(greeting["host_key"], format!("ssh-ed25519 {}", server.fingerprint("ed25519")));
    assert_eq!(server.logged("Accepted publickey"), 1);
}

#[tokio::test]
async fn what_would_block_or_flood_costs_only_its_own_item() {
    let server = Sshd::start();
    let second = Duration::from_secs(1);
    let probes = vec![
        Probe::shell("stderr", "head -c 8000000 /dev/zero >&2; echo out"),
        Probe::shell("line", "head -c 1000000000 /dev/zero; echo end"),
        Probe::shell("endless", "yes").within(second),
        Probe::shell("drip", "while :; do printf x; sleep 0.1; done").within(second),
        Probe::shell("hung", "sleep 4811.5").within(second),
        Probe::shell("bytes", r"printf '\377\376'"),
        Probe::shell("orders", "printf '%s' '$(reboot) {{7*7}} <script>'"),
        Probe::shell("privileged", "priv id -u").privileged(["/usr/bin/id -u"]),
    ];
    let started = Instant::now();
    let before = peak_kib();
    let (captures, ended) = Way::to(&server).ask(probes).await;
    assert_eq!(ended, Ok(()));
    let by: HashMap<_, _> = captures.iter().map(|capture| (&*capture.probe, capture)).collect();
    assert_eq!((by["stderr"].text(), by["stderr"].err.len(), by["stderr"].cut), ("out\n".into(), CAP, true));
    assert!(by["line"].cut && by["line"].out.ends_with(b"end\n") && by["line"].ended == Ended::Exit { status: 0 });
    assert!(by["endless"].cut && by["endless"].ended == Ended::TimedOut { limit_ms: 1000 });
    assert!(by["drip"].text().starts_with("xxx") && by["drip"].ended == Ended::TimedOut { limit_ms: 1000 });
    assert_eq!(by["hung"].ended, Ended::TimedOut { limit_ms: 1000 });
    assert_eq!(by["bytes"].out, b"\xff\xfe");
    assert_eq!(by["orders"].text(), "$(reboot) {{7*7}} <script>");
    assert_eq!(by["privileged"].ended, Ended::Exit { status: 0 });
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(peak_kib() - before < 64 * 1024, "{} KiB above {before}", peak_kib() - before);
    assert!(!alive("sleep 4811.5"));
}

/// The most memory that this process has had resident.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap()
}

#[tokio::test]
async fn cancelling_leaves_no_process_on_the_target_within_five_seconds() {
    let server = Sshd::start();
    let mut session = Way::to(&server).open().await.unwrap();
    let cancel = CancellationToken::new();
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(alive("sleep 4822.5"));
        cancel.cancel();
        Instant::now()
    };
    let probes = vec![Probe::shell("fine", "echo fine"), Probe::shell("hung", "trap '' TERM; sleep 4822.5; sleep 4822.5")];
    let ((captures, ended), cancelled) = tokio::join!(ask(&mut *session, probes, cancel.clone()), cancelling);
    assert!(cancelled.elapsed() < Duration::from_secs(5), "{:?}", cancelled.elapsed());
    assert_eq!((captures.len(), ended), (1, Ok(())));
    assert!(!alive("sleep 4822.5"));
}

#[tokio::test]
async fn a_script_that_does_not_react_is_ended_by_force() {
    let server = Sshd::start();
    let mut session = Way::to(&server).open().await.unwrap();
    let cancel = CancellationToken::new();
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        cancel.cancel();
        Instant::now()
    };
    // The probe stops the shell that runs the script: its grandparent's parent, found by its script on standard input.
    let stop = "p=$$; for n in 1 2 3 4 5 6; do q=$(ps -o ppid= -p $p | tr -d ' '); case $(ps -o args= -p $q) in '/bin/sh -s') kill -STOP $q; break ;; esac; p=$q; done; sleep 4833.5";
    let ((_, ended), cancelled) = tokio::join!(ask(&mut *session, vec![Probe::shell("stops", stop)], cancel.clone()), cancelling);
    assert!(cancelled.elapsed() < Duration::from_secs(5), "{:?}", cancelled.elapsed());
    assert_eq!(ended, Ok(()));
    assert!(dies("sleep 4833.5"));
}

#[tokio::test]
async fn when_the_line_is_cut_the_target_ends_its_part_itself() {
    let server = Sshd::start();
    let mut session = Way::to(&server).open().await.unwrap();
    let cutting = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(alive("sleep 4844.5"));
        // The process that serves our connection, not the listener.
        let output = Command::new("ps").args(["-o", "pid=", "--ppid", &server.pid().to_string()]).output().unwrap();
        let pid = String::from_utf8(output.stdout).unwrap();
        assert!(Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap().success());
    };
    let ((captures, ended), ()) = tokio::join!(
        ask(&mut *session, vec![Probe::shell("fine", "echo fine"), Probe::shell("hung", "sleep 4844.5")], CancellationToken::new()),
        cutting
    );
    assert_eq!((captures.len(), ended.unwrap_err().kind), (1, FailureKind::CutOff));
    let until = Instant::now() + Duration::from_secs(6);
    while alive("sleep 4844.5") && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!alive("sleep 4844.5"));
    let (_, again) = ask(&mut *session, vec![Probe::shell("p", "id")], CancellationToken::new()).await;
    assert_eq!(again.unwrap_err().kind, FailureKind::CutOff);
}

#[tokio::test]
async fn an_account_without_a_shell_is_told_with_its_words() {
    let server = Sshd::with(&Wanted { config: "ForceCommand echo This account is closed.", ..Wanted::default() }).unwrap();
    let (kind, text) = Way::to(&server).failure().await;
    assert!(kind == FailureKind::Protocol && text.contains("This account is closed."), "{text}");
}

#[tokio::test]
async fn a_server_we_share_no_algorithm_with_is_told_what_we_speak() {
    let server = Sshd::with(&Wanted { config: "KexAlgorithms sntrup761x25519-sha512@openssh.com", ..Wanted::default() }).unwrap();
    let (kind, text) = Way::to(&server).failure().await;
    assert!(kind == FailureKind::Protocol && text.contains("curve25519-sha256"), "{text}");
}

// ---- Tunnels

#[tokio::test]
async fn a_tunnel_carries_several_connections_to_a_port_of_the_far_side() {
    let server = Sshd::start();
    let far = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far_port = far.local_addr().unwrap().port();
    let echo = tokio::spawn(async move {
        while let Ok((mut stream, _)) = far.accept().await {
            tokio::spawn(async move {
                let (mut reading, mut writing) = stream.split();
                let _ = tokio::io::copy(&mut reading, &mut writing).await;
            });
        }
    });
    for near in [Near::Socket(".s.PGSQL.5432".to_owned()), Near::Loopback] {
        let way = Way::to(&server);
        let (lines, through) = (Arc::new(way.lines), Arc::new(way.target));
        let tunnel = tunnel(lines, through, Far::Tcp("127.0.0.1".to_owned(), far_port), near, CancellationToken::new()).await.unwrap();
        let talk = async |word: &[u8]| {
            let mut answer = vec![0; word.len()];
            if let Some(path) = tunnel.socket() {
                let mut stream = tokio::net::UnixStream::connect(path).await.unwrap();
                let (mut reading, mut writing) = stream.split();
                let (sent, read) = tokio::join!(writing.write_all(word), reading.read_exact(&mut answer));
                sent.unwrap();
                read.unwrap();
            } else {
                let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", tunnel.port().unwrap())).await.unwrap();
                let (mut reading, mut writing) = stream.split();
                let (sent, read) = tokio::join!(writing.write_all(word), reading.read_exact(&mut answer));
                sent.unwrap();
                read.unwrap();
            }
            answer
        };
        let big = vec![7; 3_000_000];
        let (one, two, three) = tokio::join!(talk(b"one"), talk(b"two"), talk(&big));
        assert!(one == b"one" && two == b"two" && three == big);
        let folder = tunnel.socket().map(|path| path.parent().unwrap().to_owned());
        if let Some(folder) = &folder {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        drop(tunnel);
        assert!(folder.is_none_or(|folder| !folder.exists()));
    }
    echo.abort();
}

#[tokio::test]
async fn a_tunnel_to_where_nobody_listens_closes_what_connects() {
    let server = Sshd::start();
    let way = Way::to(&server);
    let tunnel =
        tunnel(Arc::new(way.lines), Arc::new(way.target), Far::Tcp("127.0.0.1".to_owned(), 1), Near::Loopback, CancellationToken::new())
            .await
            .unwrap();
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", tunnel.port().unwrap())).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 10])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

// ---- Peers that do not play by the rules

async fn hostile(manner: support::hostile::Manner) -> (FailureKind, String, Duration) {
    let peer = support::hostile::Hostile::start(manner);
    let mut target = Target::new("odd", rounds::model::Kind::Host);
    target.address = Some("127.0.0.1".to_owned());
    target.port = Some(peer.port());
    target.login = Some(Arc::new(Login { user: Some("nobody".to_owned()), ..Login::default() }));
    let mut lines = lines(Vec::new());
    lines.connect_limit = Duration::from_secs(2);
    let started = Instant::now();
    let (kind, text) = Way { lines, target }.failure().await;
    assert_eq!(peer.seen(), 1, "connected once");
    (kind, text, started.elapsed())
}

#[tokio::test]
async fn a_peer_that_hangs_in_any_phase_costs_the_limit_and_no_more() {
    use support::hostile::Manner;
    for manner in [Manner::Silent, Manner::BannerThenSilent, Manner::Drip, Manner::Endless, Manner::EndlessBanner] {
        let (kind, text, took) = hostile(manner).await;
        assert!(took < Duration::from_secs(4), "{manner:?}: {took:?}");
        assert!(matches!(kind, FailureKind::TimedOut | FailureKind::Protocol | FailureKind::CutOff), "{manner:?}: {text}");
        println!("{manner:?} after {took:?}: {text}");
    }
}

#[tokio::test]
async fn a_peer_that_speaks_something_else_is_quoted() {
    use support::hostile::Manner;
    let (kind, text, _) = hostile(Manner::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n")).await;
    assert!(kind == FailureKind::Protocol && text.contains("HTTP/1.1 400"), "{text}");
    let (kind, text, _) = hostile(Manner::Says(b"\x1b[31m\0\xff\n")).await;
    assert!(kind == FailureKind::Protocol && !text.contains('\u{1b}'), "{text}");
    assert_eq!(hostile(Manner::HangsUp).await.0, FailureKind::CutOff);
}

#[tokio::test]
async fn nobody_there_and_no_such_name_are_told_apart() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut target = Target::new("gone", rounds::model::Kind::Host);
    target.address = Some("127.0.0.1".to_owned());
    target.port = Some(port);
    target.login = Some(Arc::new(Login { user: Some("nobody".to_owned()), ..Login::default() }));
    let mut way = Way { lines: lines(Vec::new()), target };
    assert_eq!(way.failure().await.0, FailureKind::Refused);
    way.target.address = Some("no-such-host.invalid".to_owned());
    assert_eq!(way.failure().await.0, FailureKind::NoSuchName);
}

#[tokio::test]
async fn cancelling_while_connecting_ends_at_once() {
    let peer = support::hostile::Hostile::start(support::hostile::Manner::Silent);
    let mut target = Target::new("odd", rounds::model::Kind::Host);
    (target.address, target.port) = (Some("127.0.0.1".to_owned()), Some(peer.port()));
    target.login = Some(Arc::new(Login { user: Some("nobody".to_owned()), ..Login::default() }));
    let cancel = CancellationToken::new();
    let started = Instant::now();
    let opening = open(Arc::new(lines(Vec::new())), Arc::new(target), cancel.clone());
    let cancelling = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    };
    let (opened, ()) = tokio::join!(opening, cancelling);
    assert!(opened.is_err() && started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn the_tests_of_passwords_say_when_they_cannot_run() {
    if !is_root() {
        println!("not tested, because it needs root: logging in by password");
    }
}

/// Sixteen addresses of one server, each in turn a target with ten probes. Run by hand, alone:
/// `cargo nextest run --run-ignored only --no-capture fleet`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and all cores: it compares times"]
async fn a_fleet_is_no_slower_than_one_ssh_a_host() {
    let (server, addresses) = many_addresses();
    let theirs = xargs(&server, &addresses, 50);
    let (ours, peak) = (fleet(&server, &addresses, 50).await, peak_kib());
    println!("50 hosts, 10 reads each: ours {ours:?} with {peak} KiB at most, xargs -P32 ssh {theirs:?}");
    assert!(ours < theirs.mul_f64(1.25), "{ours:?} against {theirs:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and all cores"]
async fn a_thousand_hosts_take_little_memory() {
    let (server, addresses) = many_addresses();
    let took = fleet(&server, &addresses, 1000).await;
    println!("1000 hosts: {took:?} with {} KiB at most", peak_kib());
    assert!(peak_kib() < 150 * 1024);
}

fn many_addresses() -> (Sshd, Vec<String>) {
    let addresses: Vec<_> = (1..=16).map(|at| format!("127.0.0.{at}")).collect();
    let listen: Vec<_> = addresses.iter().map(String::as_str).collect();
    let server = Sshd::with(&Wanted { listen: &listen, ..Wanted::default() }).unwrap();
    fs::write(server.path("known_hosts"), format!("[127.0.0.*]:* {}\n", server.host_key("ed25519"))).unwrap();
    (server, addresses)
}

async fn fleet(server: &Sshd, addresses: &[String], size: usize) -> Duration {
    let started = Instant::now();
    let at_a_time = Arc::new(tokio::sync::Semaphore::new(32));
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..size {
        let mut way = Way { lines: lines(vec![server.path("known_hosts")]), target: server.target(&format!("h{at}")) };
        way.target.address = Some(addresses[at % addresses.len()].clone());
        let at_a_time = Arc::clone(&at_a_time);
        tasks.spawn(async move {
            let _turn = at_a_time.acquire_owned().await.unwrap();
            let (captures, ended) = way.ask((0..10).map(|_| Probe::shell("load", "cat /proc/loadavg")).collect()).await;
            assert_eq!((captures.iter().filter(|capture| capture.is_clean()).count(), ended), (10, Ok(())));
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    started.elapsed()
}

fn xargs(server: &Sshd, addresses: &[String], size: usize) -> Duration {
    let list: String = (0..size).map(|at| addresses[at % addresses.len()].clone() + "\n").collect();
    fs::write(server.path("list"), list).unwrap();
    let command = format!(
        "xargs -P32 -I% ssh -F none -o BatchMode=yes -o UserKnownHostsFile={} -i {} -p {} {}@% '{}' < {} > /dev/null",
        server.path("known_hosts").display(),
        server.key().display(),
        server.port(),
        user(),
        "cat /proc/loadavg; ".repeat(10),
        server.path("list").display()
    );
    let started = Instant::now();
    assert!(Command::new("sh").args(["-c", &command]).status().unwrap().success());
    started.elapsed()
}
