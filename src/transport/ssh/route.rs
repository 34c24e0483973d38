//! The way to a target: every hop with its address, account, credentials and where its key is known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use super::config::{self, HostConfig};
use super::fault::our_side;
use crate::model::{Login, SecretRef, Target};
use crate::secret;
use crate::transport::{Lines, TransportError};

/// Longest chain of hosts: a circle of jump hosts ends here.
const LONGEST: usize = 8;

/// Keys that OpenSSH tries when nobody names one.
const USUAL_KEYS: [&str; 3] = [".ssh/id_ed25519", ".ssh/id_ecdsa", ".ssh/id_rsa"];

/// One host on the way, the last one being the target.
#[derive(Debug)]
pub(super) struct Hop {
    /// How it is called in the inventory or the configuration.
    pub(super) id: String,
    /// Name or address.
    pub(super) host: String,
    /// Port.
    pub(super) port: u16,
    /// Account.
    pub(super) user: String,
    /// Key pinned in the inventory.
    pub(super) pinned: Option<String>,
    /// Name under which the files hold its key, where not its own.
    pub(super) key_alias: Option<String>,
    /// Files of known keys.
    pub(super) known_hosts: Vec<PathBuf>,
    /// Private keys to offer, in order.
    pub(super) keys: Vec<OfferedKey>,
    /// Whether the agent is asked; with `Some` only for these public keys.
    pub(super) agent: Option<AgentKeys>,
    /// Password.
    pub(super) password: Option<SecretString>,
}

/// A private key to offer.
#[derive(Debug)]
pub(super) struct OfferedKey {
    /// Where it is from, as shown to people.
    pub(super) label: String,
    /// The key as its file holds it.
    pub(super) text: SecretString,
    /// Its file, where it has one.
    pub(super) path: Option<PathBuf>,
    /// Passphrase, where one is given.
    pub(super) passphrase: Option<SecretString>,
}

/// Which keys of the agent are offered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AgentKeys {
    /// All it has.
    All,
    /// Those whose public halves stand in these files (`IdentitiesOnly`).
    Only(Vec<PathBuf>),
}

impl Hop {
    /// Where it is, as shown to people.
    pub(super) fn place(&self) -> String {
        if self.host.contains(':') { format!("[{}]:{}", self.host, self.port) } else { format!("{}:{}", self.host, self.port) }
    }
}

/// The way to `target`: jump hosts first. Secrets are resolved here, before anything is connected.
///
/// # Errors
/// When a setting is wrong or missing, or a secret cannot be had.
pub(super) async fn plan(lines: &Lines, target: &Arc<Target>) -> Result<Vec<Hop>, TransportError> {
    let mut stops = vec![Stop::Target(Arc::clone(target))];
    let mut hops = Vec::new();
    // From the target back to us: each first stop may itself be behind others.
    while let Some(stop) = stops.pop() {
        if hops.len() >= LONGEST {
            return Err(our_side(format!("the way to {} is longer than {LONGEST} hosts: do its jump hosts form a circle?", target.id)));
        }
        let is_first = stops.is_empty();
        let (hop, before) = stop.resolve(lines).await?;
        hops.push(hop);
        // A chain that was named in full stands as it is; only its first host may have a way of its own.
        if is_first {
            stops = before;
        }
    }
    hops.reverse();
    Ok(hops)
}

/// A host on the way, as it is named.
enum Stop {
    Target(Arc<Target>),
    Named { user: Option<String>, host: String, port: Option<u16> },
}

impl Stop {
    async fn resolve(self, lines: &Lines) -> Result<(Hop, Vec<Self>), TransportError> {
        let home = home()?;
        match self {
            Self::Target(target) => {
                let name = target.address.clone().unwrap_or_else(|| target.id.clone());
                let config = read_config(lines, &name, &home, !target.via.is_empty())?;
                let before = if target.via.is_empty() {
                    jumps(&config)?
                } else {
                    target.via.iter().map(|id| by_id(lines, &target, id)).collect::<Result<_, _>>()?
                };
                let named = Named { id: target.id.clone(), name, port: target.port, user: None, pinned: target.host_key.clone() };
                Ok((named.hop(lines, config, target.login.as_deref(), &home).await?, before))
            }
            Self::Named { user, host, port } => {
                let config = read_config(lines, &host, &home, false)?;
                let before = jumps(&config)?;
                let named = Named { id: host.clone(), name: host, port, user, pinned: None };
                Ok((named.hop(lines, config, None, &home).await?, before))
            }
        }
    }
}

struct Named {
    id: String,
    name: String,
    port: Option<u16>,
    user: Option<String>,
    pinned: Option<String>,
}

impl Named {
    async fn hop(self, lines: &Lines, config: HostConfig, login: Option<&Login>, home: &Path) -> Result<Hop, TransportError> {
        let Self { id, name, port, user, pinned } = self;
        let keys = keys(lines, &config, login, home).await?;
        let agent = agent(&config, login, &keys);
        let password = match login.and_then(|login| login.password.as_ref()) {
            Some(reference) => Some(resolve(&id, "password", reference).await?),
            None => None,
        };
        let user = login.and_then(|login| login.user.clone()).or(user).or(config.user).map_or_else(our_user, Ok)?;
        let known_hosts = match (config.user_known_hosts, config.global_known_hosts) {
            (None, None) => lines.known_hosts.clone(),
            (user, global) => [user.unwrap_or_else(|| lines.known_hosts.clone()), global.unwrap_or_default()].concat(),
        };
        Ok(Hop {
            id,
            host: config.host_name.unwrap_or(name),
            port: port.or(config.port).unwrap_or(22),
            user,
            pinned,
            key_alias: config.host_key_alias,
            known_hosts,
            keys,
            agent,
            password,
        })
    }
}

fn read_config(lines: &Lines, name: &str, home: &Path, has_via: bool) -> Result<HostConfig, TransportError> {
    let Some(path) = &lines.ssh_config else { return Ok(HostConfig::default()) };
    match config::read(path, name, home, has_via) {
        Ok(config) => Ok(config),
        Err(fault) => Err(our_side(fault.to_string())),
    }
}

fn jumps(config: &HostConfig) -> Result<Vec<Stop>, TransportError> {
    config.proxy_jump.iter().flatten().map(|jump| read_jump(jump)).collect()
}

/// `[USER@]HOST[:PORT]`.
fn read_jump(jump: &str) -> Result<Stop, TransportError> {
    let wrong = || our_side(format!("cannot make sense of the ProxyJump `{jump}`"));
    let (user, place) = jump.rsplit_once('@').map_or((None, jump), |(user, place)| (Some(user.to_owned()), place));
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or_else(wrong)?)),
        None => match place.split_once(':') {
            // More than one colon without brackets is an address.
            Some((_, rest)) if rest.contains(':') => (place, None),
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let port = port.map(str::parse).transpose().map_err(|_| wrong())?;
    if host.is_empty() || host.contains('/') {
        return Err(wrong());
    }
    Ok(Stop::Named { user, host: host.to_owned(), port })
}

fn by_id(lines: &Lines, target: &Target, id: &str) -> Result<Stop, TransportError> {
    let via = lines.targets.get(id).ok_or_else(|| our_side(format!("{} goes via {id}, which the inventory does not know", target.id)))?;
    if via.is_local() {
        return Err(our_side(format!("{} goes via {id}, which is this machine: leave it out", target.id)));
    }
    Ok(Stop::Target(Arc::clone(via)))
}

async fn keys(lines: &Lines, config: &HostConfig, login: Option<&Login>, home: &Path) -> Result<Vec<OfferedKey>, TransportError> {
    let passphrase = match login.and_then(|login| login.passphrase.as_ref()) {
        Some(reference) => Some(resolve(login.map_or("", |login| &login.id), "passphrase", reference).await?),
        None => None,
    };
    if let Some(reference) = login.and_then(|login| login.key.as_ref()) {
        let text = resolve(login.map_or("", |login| &login.id), "key", reference).await?;
        let (label, path) = match reference {
            SecretRef::File(path) => (format!("key {}", path.display()), Some(path.clone())),
            SecretRef::Env(name) => (format!("key in ${name}"), None),
            SecretRef::Systemd(name) => (format!("systemd credential {name}"), None),
            SecretRef::Command(words) => (format!("key of `{}`", words.first().map_or("", String::as_str)), None),
        };
        return Ok(vec![OfferedKey { label, text, path, passphrase }]);
    }
    // A login that names another way in is not preceded by keys nobody spoke of: each one counts as a failed attempt.
    let names_another = login.is_some_and(|login| login.password.is_some() || login.agent);
    let files = match &*config.identity_files {
        [] if names_another || lines.ssh_config.is_none() => Vec::new(),
        [] => USUAL_KEYS.iter().map(|key| home.join(key)).collect(),
        files => files.to_vec(),
    };
    let mut keys = Vec::new();
    for path in files.into_iter().filter(|path| path.exists()) {
        let text = secret::resolve(&SecretRef::File(path.clone())).await.map_err(|error| our_side(error.to_string()))?;
        keys.push(OfferedKey { label: format!("key {}", path.display()), text, path: Some(path), passphrase: passphrase.clone() });
    }
    Ok(keys)
}

/// The agent is asked where the login says so, and where nothing says how to log in, as `ssh` would.
fn agent(config: &HostConfig, login: Option<&Login>, keys: &[OfferedKey]) -> Option<AgentKeys> {
    let is_wanted = login.is_some_and(|login| login.agent);
    let is_open = login.is_none_or(|login| login.key.is_none() && login.password.is_none()) && std::env::var_os("SSH_AUTH_SOCK").is_some();
    if config.identities_only == Some(true) && !is_wanted {
        let files = config.identity_files.iter().cloned().chain(keys.iter().filter_map(|key| key.path.clone()));
        return is_open.then(|| AgentKeys::Only(files.collect()));
    }
    (is_wanted || is_open).then_some(AgentKeys::All)
}

async fn resolve(id: &str, what: &str, reference: &SecretRef) -> Result<SecretString, TransportError> {
    secret::resolve(reference).await.map_err(|error| our_side(format!("the {what} of {id}: {error}")))
}

fn home() -> Result<PathBuf, TransportError> {
    std::env::home_dir().ok_or_else(|| our_side("this account has no home directory"))
}

fn our_user() -> Result<String, TransportError> {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .ok_or_else(|| our_side("no account to log in as: neither the login nor the configuration names one, and $USER is not set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(jump: &str, expected: Option<(Option<&str>, &str, Option<u16>)>) {
        let read = match read_jump(jump) {
            Ok(Stop::Named { user, host, port }) => Some((user, host, port)),
            _ => None,
        };
        assert_eq!(read, expected.map(|(user, host, port)| (user.map(str::to_owned), host.to_owned(), port)), "{jump}");
    }

    #[test]
    fn jumps_name_account_host_and_port() {
        case("bastion", Some((None, "bastion", None)));
        case("me@bastion:2222", Some((Some("me"), "bastion", Some(2222))));
        case("[fe80::1]:22", Some((None, "fe80::1", Some(22))));
        case("fe80::1", Some((None, "fe80::1", None)));
        case("bastion:x", None);
        case("ssh://bastion", None);
        case("", None);
    }
}
