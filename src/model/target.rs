//! Systems, targets, people and logins: what the inventory knows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::text::{Phrase, Text};

/// What a target is; it decides the transport and which checks fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A machine with a shell: over SSH, or this one.
    Host,
    /// A PostgreSQL server.
    Postgres,
    /// A MySQL or MariaDB server.
    Mysql,
    /// A SQLite file.
    Sqlite,
    /// A web endpoint.
    Http,
    /// An Oracle database: no transport yet.
    Oracle,
    /// A Microsoft SQL Server: no transport yet.
    Sqlserver,
    /// A Redis server: no transport yet.
    Redis,
    /// A network switch or router: no transport yet.
    Switch,
    /// A Windows machine: no transport yet.
    Windows,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Host,
        Self::Postgres,
        Self::Mysql,
        Self::Sqlite,
        Self::Http,
        Self::Oracle,
        Self::Sqlserver,
        Self::Redis,
        Self::Switch,
        Self::Windows,
    ];

    /// The word used in the inventory.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
            Self::Http => "http",
            Self::Oracle => "oracle",
            Self::Sqlserver => "sqlserver",
            Self::Redis => "redis",
            Self::Switch => "switch",
            Self::Windows => "windows",
        }
    }

    /// The kind whose word is `id`.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }

    /// Whether we can talk to it; what has none is planned and comes out as `not-run`.
    #[must_use]
    pub const fn has_transport(self) -> bool {
        matches!(self, Self::Host | Self::Postgres | Self::Mysql | Self::Sqlite | Self::Http)
    }

    /// The name shown to a reader of a report.
    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            Self::Host => Text::new("host", "主机"),
            Self::Postgres => Text::new("PostgreSQL", "PostgreSQL 数据库"),
            Self::Mysql => Text::new("MySQL/MariaDB", "MySQL/MariaDB 数据库"),
            Self::Sqlite => Text::new("SQLite", "SQLite 数据库"),
            Self::Http => Text::new("web endpoint", "Web 端点"),
            Self::Oracle => Text::new("Oracle", "Oracle 数据库"),
            Self::Sqlserver => Text::new("SQL Server", "SQL Server 数据库"),
            Self::Redis => Text::new("Redis", "Redis"),
            Self::Switch => Text::new("network device", "网络设备"),
            Self::Windows => Text::new("Windows host", "Windows 主机"),
        }
    }
}

/// Where a secret is to be had; the secret itself is never part of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// An environment variable of ours.
    Env(String),
    /// A file that only we can read.
    File(PathBuf),
    /// A systemd credential (`$CREDENTIALS_DIRECTORY/NAME`).
    Systemd(String),
    /// The first line that a command of ours prints, such as `pass` or `vault`.
    Command(Vec<String>),
}

/// How to log in: a name that targets refer to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Its name.
    pub id: String,
    /// Account on the target; the OpenSSH configuration or our own user name unless given.
    pub user: Option<String>,
    /// Password, also answered to keyboard-interactive prompts.
    pub password: Option<SecretRef>,
    /// Private key.
    pub key: Option<SecretRef>,
    /// Passphrase of the key.
    pub passphrase: Option<SecretRef>,
    /// Whether the SSH agent is asked.
    pub agent: bool,
    /// Whether `sudo -n` may be used for probes that need it.
    pub sudo: bool,
}

/// A person or a list of persons who is responsible or is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The id that others refer to.
    pub id: String,
    /// The name shown.
    pub name: Phrase,
    /// Mail address.
    pub mail: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Preferred language, `en` or `zh`.
    pub language: Option<String>,
    /// Members, when this is a group of people.
    pub members: Vec<String>,
}

/// What the business knows by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct System {
    /// The id that others refer to.
    pub id: String,
    /// The name shown.
    pub name: Phrase,
    /// Tier, one of the declared ones.
    pub tier: String,
    /// Person who answers for it.
    pub owner: Option<String>,
    /// People to be told.
    pub contacts: Vec<String>,
    /// Service level as agreed, in the users' words.
    pub service_level: Option<Phrase>,
    /// Longest acceptable loss of data in seconds.
    pub rpo_s: Option<f64>,
    /// Longest acceptable time to restore in seconds.
    pub rto_s: Option<f64>,
    /// Values that expressions of playbooks may use.
    pub values: BTreeMap<String, super::value::Value>,
}

/// How much of a TLS connection to a database is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// No TLS.
    Disable,
    /// TLS, nothing verified.
    Require,
    /// The authority is verified.
    VerifyCa,
    /// Authority and name are verified.
    #[default]
    VerifyFull,
}

/// One thing that is inspected: a host, a database, an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The id that others refer to.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// Host name or address; `local` is this machine. For SQLite it is unused.
    pub address: Option<String>,
    /// Port, when not the usual one.
    pub port: Option<u16>,
    /// URL of a web endpoint.
    pub url: Option<String>,
    /// Database to connect to.
    pub database: Option<String>,
    /// Path of a SQLite file, on this machine.
    pub path: Option<PathBuf>,
    /// Unix socket of a database on this machine.
    pub socket: Option<PathBuf>,
    /// The system it belongs to.
    pub system: Option<Arc<System>>,
    /// How to log in.
    pub login: Option<Arc<Login>>,
    /// Jump hosts in order, ids of host targets; for a database: the SSH target through which it is reached.
    pub via: Vec<String>,
    /// The host beneath a database or endpoint.
    pub on: Option<String>,
    /// Person who answers for it, when not the system's owner.
    pub owner: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// IANA time zone of timestamps that it gives without one.
    pub timezone: Option<String>,
    /// Pinned host key: `SHA256:…` or `ssh-ed25519 AAAA…`.
    pub host_key: Option<String>,
    /// TLS of a database connection.
    pub tls: TlsMode,
    /// PEM file of a private authority.
    pub ca: Option<PathBuf>,
    /// Where it is defined: file and line.
    pub defined: String,
}

impl Target {
    /// A target with nothing but an id and a kind.
    #[must_use]
    pub fn new(id: impl Into<String>, kind: Kind) -> Self {
        Self {
            id: id.into(),
            kind,
            address: None,
            port: None,
            url: None,
            database: None,
            path: None,
            socket: None,
            system: None,
            login: None,
            via: Vec::new(),
            on: None,
            owner: None,
            labels: BTreeMap::new(),
            timezone: None,
            host_key: None,
            tls: TlsMode::default(),
            ca: None,
            defined: String::new(),
        }
    }

    /// Whether it is the machine that we run on.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.kind == Kind::Host && self.address.as_deref() == Some("local")
    }

    /// Where it is found, as shown to people: address with port, URL or path.
    #[must_use]
    pub fn place(&self) -> String {
        if let Some(url) = &self.url {
            return url.clone();
        }
        if let Some(path) = self.path.as_ref().or(self.socket.as_ref()) {
            return path.display().to_string();
        }
        let address = self.address.as_deref().unwrap_or(&self.id);
        match self.port {
            Some(port) if address.contains(':') => format!("[{address}]:{port}"),
            Some(port) => format!("{address}:{port}"),
            None => address.to_owned(),
        }
    }

    /// The person who answers for it: its own owner, else the system's.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref().or_else(|| self.system.as_ref()?.owner.as_deref())
    }
}
