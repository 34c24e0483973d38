//! Probes (what to ask, as data) and captures (the raw answer).

use std::borrow::Cow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::untrusted::Untrusted;

/// A read-only question to a target, as data: nothing runs until a transport carries it.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Unique within its check; captures are found by it.
    pub name: Cow<'static, str>,
    /// The question.
    pub ask: Ask,
    /// How long this one may take on its own; `None` takes the limit of the run.
    pub limit: Option<Duration>,
}

impl Probe {
    /// A fragment of POSIX `sh` for a host. See [`ShellAsk`].
    #[must_use]
    pub fn shell(name: &'static str, script: impl Into<String>) -> Self {
        Self { name: name.into(), ask: Ask::Shell(ShellAsk { script: script.into(), ..ShellAsk::default() }), limit: None }
    }

    /// One SQL statement for every dialect it is written for.
    #[must_use]
    pub fn sql(name: &'static str, variants: Vec<SqlVariant>) -> Self {
        Self { name: name.into(), ask: Ask::Sql(SqlAsk { variants, binds: Vec::new(), each_database: false }), limit: None }
    }

    /// A question that we put from our side.
    #[must_use]
    pub fn net(name: &'static str, ask: NetAsk) -> Self {
        Self { name: name.into(), ask: Ask::Net(ask), limit: None }
    }

    /// The probe with commands that need root; see [`ShellAsk::privileged`].
    #[must_use]
    pub fn privileged<C: Into<Cow<'static, str>>>(mut self, commands: impl IntoIterator<Item = C>) -> Self {
        if let Ask::Shell(shell) = &mut self.ask {
            shell.privileged = commands.into_iter().map(Into::into).collect();
        }
        self
    }

    /// The shell probe asked twice, at the start and at the end of the script, at least one second apart:
    /// captures `NAME` and `NAME.again`. For rates.
    #[must_use]
    pub fn twice(mut self) -> Self {
        if let Ask::Shell(shell) = &mut self.ask {
            shell.twice = true;
        }
        self
    }

    /// The probe with a time limit of its own.
    #[must_use]
    pub const fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl Probe {
    /// The question in words that a person can read and, for the shell and SQL, run: what `rounds plan` prints.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.ask {
            Ask::Shell(shell) => shell.script.clone(),
            Ask::Sql(sql) => sql.text(),
            Ask::Net(net) => net.text(),
        }
    }
}

impl SqlAsk {
    fn text(&self) -> String {
        let mut parts: Vec<String> = self
            .variants
            .iter()
            .map(|variant| {
                let since = if variant.since == 0 {
                    String::new()
                } else {
                    format!(" from version {}.{}", variant.since / 100, variant.since % 100)
                };
                format!("-- {}{since}\n{}", variant.dialect.id(), variant.statement)
            })
            .collect();
        parts.extend(self.binds.iter().map(|(name, value)| format!("-- :{name} = {value:?}")));
        if self.each_database {
            parts.insert(0, "-- in each database, over a connection of its own".to_owned());
        }
        parts.join("\n")
    }
}

impl Dialect {
    /// The word for it.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
            Self::Sqlite => "sqlite",
        }
    }
}

impl NetAsk {
    fn text(&self) -> String {
        match self {
            Self::Http(http) => {
                let steps: Vec<String> = http
                    .steps
                    .iter()
                    .map(|step| format!("{} {}{}", step.method, if step.path.contains("://") { "" } else { &http.base }, step.path))
                    .collect();
                steps.join("\n")
            }
            Self::Tls { host, port, .. } => format!("TLS handshake with {host}:{port}"),
            Self::Tcp { host, port } => format!("TCP connection to {host}:{port}"),
            Self::Dns { name, record, server } => {
                format!("DNS {record} {name}{}", server.as_ref().map_or_else(String::new, |server| format!(" @{server}")))
            }
            Self::Ping { host, count } => format!("ping -c {count} {host}"),
        }
    }
}

/// The question of a probe, by the kind of transport that carries it.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// For the shell of a host.
    Shell(ShellAsk),
    /// For a database.
    Sql(SqlAsk),
    /// Put from our side to an address.
    Net(NetAsk),
}

/// A fragment of POSIX `sh`, run in its own process group with stdin closed, `LC_ALL=C` and `/sbin` in the path.
///
/// It may call two functions of ours: `has COMMAND` (is it there?) and `priv COMMAND ARG…` (run it as root: directly
/// as uid 0, by `sudo -n` where the target allows it, plainly otherwise, so that the refusal is in the capture).
/// Values go in only through [`quote`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShellAsk {
    /// The fragment.
    pub script: String,
    /// The commands it calls through `priv`, exactly as sudoers wants them: absolute path and arguments, with
    /// `[a-z]`-like classes where the argument is found on the host.
    pub privileged: Vec<Cow<'static, str>>,
    /// Asked at the start and again at the end of the script.
    pub twice: bool,
}

/// Quotes `word` so that a POSIX shell takes it as exactly one word, whatever it contains.
#[must_use]
pub fn quote(word: &str) -> String {
    if !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Escapes `word` so that sudoers takes it as exactly this argument (or path) of a command.
#[must_use]
pub fn sudoers(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if " \\,:=*?[]!()\"'".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A dialect of SQL that a transport of ours speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// PostgreSQL; versions as `server_version_num / 100` gives them for 10 and later: 1500 is 15.0.
    Postgres,
    /// MySQL of Oracle; versions as major × 100 + minor: 800 is 8.0.
    Mysql,
    /// MariaDB; versions as major × 100 + minor: 1011 is 10.11.
    Mariadb,
    /// SQLite.
    Sqlite,
}

/// One way of asking, for one dialect from one version on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlVariant {
    /// The dialect.
    pub dialect: Dialect,
    /// The first version that understands it (see [`Dialect`]); 0 for all.
    pub since: u32,
    /// One statement that reads.
    pub statement: Cow<'static, str>,
    /// What the account needs beyond connecting, as GRANT statements with `{user}` for its name; `rounds grants` prints them.
    pub grants: &'static [&'static str],
}

impl SqlVariant {
    /// A statement for every version of `dialect` that needs no rights beyond connecting.
    #[must_use]
    pub fn new(dialect: Dialect, statement: impl Into<Cow<'static, str>>) -> Self {
        Self { dialect, since: 0, statement: statement.into(), grants: &[] }
    }

    /// The statement for versions from `since` on.
    #[must_use]
    pub const fn since(mut self, since: u32) -> Self {
        self.since = since;
        self
    }

    /// The statement with the rights it needs.
    #[must_use]
    pub const fn grants(mut self, grants: &'static [&'static str]) -> Self {
        self.grants = grants;
        self
    }
}

/// A question to a database. The first variant of the server's dialect whose version fits is asked
/// (variants go from new to old); none fitting is an error, never an empty answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SqlAsk {
    /// The ways of asking.
    pub variants: Vec<SqlVariant>,
    /// Values for `:name` in the statement, sent apart from it.
    pub binds: Vec<(String, Bind)>,
    /// PostgreSQL only: ask in each database that allows connections; the answer gains a leading column `database`.
    pub each_database: bool,
}

/// A value that travels apart from the statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Yes or no.
    Boolean(bool),
}

/// A question put from our side; its answer is one of the types in [`answer`].
#[derive(Clone, Debug, PartialEq)]
pub enum NetAsk {
    /// Requests over HTTP(S), in order, cookies and kept values carried on. Answer: [`answer::Http`].
    Http(HttpAsk),
    /// The certificate chain of a TLS server. Answer: [`answer::Tls`].
    Tls {
        /// Host or address to connect to.
        host: String,
        /// Port.
        port: u16,
        /// Name sent and verified; the host itself unless given.
        server_name: Option<String>,
        /// PEM file of a private authority to trust besides the system's.
        ca: Option<String>,
    },
    /// Whether a TCP connection is accepted. Answer: [`answer::Tcp`].
    Tcp {
        /// Host or address to connect to.
        host: String,
        /// Port.
        port: u16,
    },
    /// What a name resolves to. Answer: [`answer::Dns`].
    Dns {
        /// The name asked for.
        name: String,
        /// Record type: A, AAAA, CNAME, MX, NS, TXT, PTR, SRV, SOA.
        record: String,
        /// Server asked (address, optional port); those of this machine unless given.
        server: Option<String>,
    },
    /// ICMP echoes, by this machine's `ping`. Answer: the text that it prints.
    Ping {
        /// Host or address.
        host: String,
        /// How many echoes.
        count: u32,
    },
}

/// A conversation over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpAsk {
    /// Where paths of the steps begin.
    pub base: String,
    /// PEM file of a private authority to trust besides the system's.
    pub ca: Option<String>,
    /// Whether redirects are followed (at most 10).
    pub follow: bool,
    /// The requests.
    pub steps: Vec<HttpStep>,
    /// Values by name for `{name}` in steps.
    pub values: Vec<(String, String)>,
    /// Secrets by name for `{name}` in steps: resolved by the transport, never stored.
    pub secrets: Vec<(String, super::target::SecretRef)>,
}

/// One request of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpStep {
    /// Name of the step.
    pub id: String,
    /// GET, HEAD, POST, PUT, PATCH, DELETE.
    pub method: String,
    /// Path or full URL; may hold `{name}`.
    pub path: String,
    /// Headers; values may hold `{name}`.
    pub headers: Vec<(String, String)>,
    /// Body sent as JSON; strings inside may hold `{name}`.
    pub json: Option<serde_json::Value>,
    /// Body sent as a form; values may hold `{name}`.
    pub form: Vec<(String, String)>,
    /// Values kept from a JSON answer, as name and JSONPath, for later steps.
    pub keep: Vec<(String, String)>,
    /// Statuses that let the next step go ahead, as inclusive ranges; anything else ends the conversation.
    pub go_on: Vec<(u16, u16)>,
    /// Asked even after a failed step (cleaning up).
    pub always: bool,
}

/// How the carrying of a probe ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Ended {
    /// It ran to its end with this exit status; SQL and network questions that were answered have 0.
    Exit {
        /// Exit status; above 128 it is 128 + the signal.
        status: i32,
    },
    /// It took longer than its limit and was ended; what came before is kept.
    TimedOut {
        /// The limit in milliseconds.
        limit_ms: u64,
    },
    /// The server, or we on our side, refused to carry it out.
    Failed {
        /// What kind of refusal.
        kind: FailKind,
        /// In the words of whoever refused.
        detail: Untrusted,
    },
}

/// Kinds of refusal that checks tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailKind {
    /// The account lacks a right.
    Permission,
    /// The thing asked about (table, view, function, database) is not there.
    Missing,
    /// No variant of the question fits this server.
    NoVariant,
    /// The failure is on our side: a missing program, an unreadable file, a secret that cannot be had.
    OurSide,
    /// Anything else the server said.
    Other,
}

/// The raw answer to one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// The probe's name within its check.
    pub probe: String,
    /// Which variant was asked, where there was a choice, and of which database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// When it was asked.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub took_ms: u64,
    /// How it ended.
    pub ended: Ended,
    /// Standard output, or the JSON of an [`answer`].
    #[serde(with = "bytes_as_text")]
    pub out: Vec<u8>,
    /// Standard error.
    #[serde(with = "bytes_as_text", default)]
    pub err: Vec<u8>,
    /// Whether the middle of `out` was cut because it was over the cap.
    #[serde(default)]
    pub cut: bool,
}

impl Capture {
    /// Whether it ran to its end with status 0 and whole.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        matches!(self.ended, Ended::Exit { status: 0 }) && !self.cut
    }

    /// Standard output as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.out)
    }
}

/// Bytes as a JSON string where they are UTF-8, else as `{ "base64": … }`.
mod bytes_as_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.serialize(serializer),
            Err(_) => serde_json::json!({ "base64": STANDARD.encode(bytes) }).serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(text.into_bytes()),
            serde_json::Value::Object(map) => {
                let text = map.get("base64").and_then(|text| text.as_str()).ok_or_else(|| D::Error::missing_field("base64"))?;
                STANDARD.decode(text).map_err(D::Error::custom)
            }
            _ => Err(D::Error::custom("captured bytes are a text or { base64: … }")),
        }
    }
}

/// What transports other than the shell put into [`Capture::out`], as JSON.
pub mod answer {
    use serde::{Deserialize, Serialize};

    /// The answer of a database.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct Table {
        /// Column names, folded to lower case, in order.
        pub columns: Vec<String>,
        /// Values as the server writes them as text; null where it says null.
        pub rows: Vec<Vec<Option<String>>>,
    }

    /// The answers of a conversation over HTTP.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct Http {
        /// One a step, in order.
        pub steps: Vec<HttpStep>,
    }

    /// What came of one request.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct HttpStep {
        /// The step's name.
        pub id: String,
        /// Method and URL as sent, secrets masked.
        pub request: String,
        /// Status, where an answer came.
        pub status: Option<u16>,
        /// Headers of the answer, names in lower case, secrets masked.
        pub headers: Vec<(String, String)>,
        /// Body of the answer as text, at most the cap.
        pub body: String,
        /// Whether the end of the body is missing because it was over the cap.
        #[serde(default)]
        pub body_cut: bool,
        /// Size of the body as received.
        pub body_bytes: u64,
        /// From sending to the last byte of the answer.
        pub took_ms: f64,
        /// Why there is no answer, or no whole one: `refused`, `unreachable`, `timed-out`, `tls`, `dns`, `cut`, `redirect`,
        /// `too-large`, `keep` (a value to be kept is not in it), or `not-run` after a failed step.
        pub failure: Option<String>,
        /// The failure in the words of the library.
        pub detail: Option<String>,
    }

    /// What came of asking for certificates.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct Tls {
        /// The chain as sent, leaf first, DER in base64.
        pub chain: Vec<String>,
        /// Protocol version agreed on, e.g. `TLSv1.3`.
        pub protocol: Option<String>,
        /// Whether the chain leads to a trusted authority and bears the name; `None` when none was sent.
        pub trusted: Option<bool>,
        /// Why not, where not.
        pub distrust: Option<String>,
        /// Time to the end of the handshake.
        pub took_ms: f64,
        /// Why there is no chain, or no session: `refused`, `unreachable`, `timed-out`, `tls`, `dns`, `cut`.
        pub failure: Option<String>,
        /// The failure in the words of the library.
        pub detail: Option<String>,
    }

    /// What came of a TCP connection.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct Tcp {
        /// Whether it was accepted.
        pub open: bool,
        /// Time to the answer.
        pub took_ms: f64,
        /// Why not: `refused`, `timed-out`, `dns`, `unreachable`.
        pub failure: Option<String>,
        /// The failure in the words of the system.
        pub detail: Option<String>,
    }

    /// What came of resolving a name.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    pub struct Dns {
        /// The records' data, sorted.
        pub records: Vec<String>,
        /// Time to the answer.
        pub took_ms: f64,
        /// Why none: `no-such-name`, `no-records`, `refused`, `timed-out`, `server-failure`.
        pub failure: Option<String>,
        /// The failure in the words of the library.
        pub detail: Option<String>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_so_that_a_shell_takes_them_literally() {
        assert_eq!(quote("/var/log"), "/var/log");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$(reboot)"), "'$(reboot)'");
        assert_eq!(quote("it's"), r"'it'\''s'");
    }

    #[test]
    fn arguments_are_escaped_for_sudoers() {
        assert_eq!(sudoers("/etc/shadow"), "/etc/shadow");
        assert_eq!(sudoers("--since=a,b *"), r"--since\=a\,b\ \*");
    }

    #[test]
    fn captured_bytes_survive_storing_even_when_they_are_no_text() {
        let capture = Capture {
            probe: "p".into(),
            variant: None,
            at: DateTime::UNIX_EPOCH,
            took_ms: 1,
            ended: Ended::Exit { status: 0 },
            out: vec![b'a', 0xff],
            err: b"fine".to_vec(),
            cut: false,
        };
        let json = serde_json::to_string(&capture).unwrap();
        assert_eq!(serde_json::from_str::<Capture>(&json).unwrap(), capture);
    }
}
