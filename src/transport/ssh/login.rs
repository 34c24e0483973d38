//! Logging in: each way once, in a fixed order, and in the end what was tried and what the server said.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use ssh2::{KeyboardInteractivePrompt, Prompt, Session};

use super::fault::{self, code, number};
use super::route::{AgentKeys, Hop, OfferedKey};
use super::socket::{Phase, left};
use crate::model::{Message, Untrusted};
use crate::transport::{FailureKind, TransportError};

/// Most keys of an agent that are offered: servers hang up after six attempts.
const AGENT_KEYS: usize = 5;

/// Logs in to `hop`: keys, the agent, then the password, given to the prompt where the server takes passwords only there.
/// A password is sent once: the same one by two ways would count as two failures.
///
/// # Errors
/// When no way leads in, or the line fails.
pub(super) fn log_in(session: &Session, hop: &Hop, phase: &Phase, limit: Duration, deadline: Instant) -> Result<(), TransportError> {
    let mut login = Attempts { session, hop, phase, limit, deadline, tried: Vec::new() };
    let Some(methods) = login.methods()? else { return Ok(()) };
    let offers = |method: &str| methods.split(',').any(|offered| offered == method);
    if offers("publickey") {
        for key in &hop.keys {
            if login.key(key)? {
                return Ok(());
            }
        }
        if let Some(agent) = &hop.agent
            && login.agent(agent)?
        {
            return Ok(());
        }
    }
    if let Some(password) = &hop.password {
        if offers("password") {
            let result = login.step(|session| session.userauth_password(&hop.user, password.expose_secret()));
            if login.came_in("password", result)? {
                return Ok(());
            }
        } else if offers("keyboard-interactive") {
            let mut prompter = Prompter { password: Some(password.expose_secret()), asked_more: None };
            let result = login.step(|session| session.userauth_keyboard_interactive(&hop.user, &mut prompter));
            let label = match prompter.asked_more {
                Some(more) => format!("password at a prompt, which also asked: {more}"),
                None => "password at a prompt".to_owned(),
            };
            if login.came_in(&label, result)? {
                return Ok(());
            }
        }
    }
    Err(login.refused(&format!("the server takes {methods}")))
}

struct Attempts<'a> {
    session: &'a Session,
    hop: &'a Hop,
    phase: &'a Phase,
    limit: Duration,
    deadline: Instant,
    tried: Vec<String>,
}

impl Attempts<'_> {
    /// What the server takes; `None` when it took us in without asking anything.
    fn methods(&self) -> Result<Option<String>, TransportError> {
        match self.step(|session| session.auth_methods(&self.hop.user).map(str::to_owned)) {
            Ok(methods) => Ok(Some(methods)),
            Err(_) if self.session.authenticated() => Ok(None),
            Err(error) => Err(fault::of(&error, self.session, self.phase, self.limit)),
        }
    }

    fn step<T>(&self, ask: impl FnOnce(&Session) -> Result<T, ssh2::Error>) -> Result<T, ssh2::Error> {
        self.session.set_timeout(u32::try_from(left(self.deadline).as_millis()).unwrap_or(u32::MAX));
        ask(self.session)
    }

    /// Offers a private key, with its certificate where one lies beside it.
    fn key(&mut self, key: &OfferedKey) -> Result<bool, TransportError> {
        let certificate = key.path.as_deref().map(certificate_of).filter(|path| path.exists());
        let passphrase = key.passphrase.as_ref().map(ExposeSecret::expose_secret);
        let result = self.step(|session| match (&key.path, &certificate) {
            (Some(path), Some(certificate)) => session.userauth_pubkey_file(&self.hop.user, Some(certificate), path, passphrase),
            _ => session.userauth_pubkey_memory(&self.hop.user, None, key.text.expose_secret(), passphrase),
        });
        match &result {
            Err(error) if [code::FILE, code::PUBLICKEY_UNVERIFIED].contains(&number(error)) || is_local(error) => {
                match unusable(key) {
                    Some(why) => self.tried.push(format!("{} ({why})", key.label)),
                    None => self.tried.push(format!("{} ({})", key.label, error.message())),
                }
                Ok(false)
            }
            _ => self.came_in(&key.label, result),
        }
    }

    fn agent(&mut self, keys: &AgentKeys) -> Result<bool, TransportError> {
        let identities = self.session.agent().and_then(|mut agent| {
            agent.connect()?;
            agent.list_identities()?;
            agent.identities().map(|identities| (agent, identities))
        });
        let (agent, identities) = match identities {
            Ok(found) => found,
            Err(error) => {
                self.tried.push(format!("agent ({})", error.message()));
                return Ok(false);
            }
        };
        let wanted: Vec<_> = identities.iter().filter(|identity| is_wanted(keys, identity.blob())).collect();
        if wanted.is_empty() {
            self.tried.push("agent (it holds no key to offer)".to_owned());
        }
        for identity in wanted.into_iter().take(AGENT_KEYS) {
            let result = self.step(|_| agent.userauth(&self.hop.user, identity));
            if self.came_in(&format!("agent key {}", identity.comment()), result)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an attempt led in. Refused is no error here; a line that fails is.
    fn came_in(&mut self, label: &str, result: Result<(), ssh2::Error>) -> Result<bool, TransportError> {
        match result {
            // With several factors, one that was right is no login yet.
            Ok(()) if self.session.authenticated() => Ok(true),
            Ok(()) => {
                self.tried.push(format!("{label} (accepted, but not enough)"));
                Ok(false)
            }
            Err(error) if code::CUT.contains(&number(&error)) => {
                self.tried.push(format!("{label} (the server hung up)"));
                Err(self.refused("it takes no more attempts"))
            }
            Err(error) if code::TIMEOUTS.contains(&number(&error)) || number(&error) == code::EAGAIN => {
                Err(fault::of(&error, self.session, self.phase, self.limit))
            }
            Err(error) if [code::AUTHENTICATION_FAILED, code::PUBLICKEY_UNVERIFIED].contains(&number(&error)) => {
                self.tried.push(format!("{label} (refused)"));
                Ok(false)
            }
            Err(error) => {
                self.tried.push(format!("{label} ({})", error.message()));
                Ok(false)
            }
        }
    }

    fn refused(&self, why: &str) -> TransportError {
        let tried = if self.tried.is_empty() { "nothing to try".to_owned() } else { format!("tried {}", self.tried.join(", ")) };
        let banner =
            self.session.userauth_banner().ok().flatten().map_or_else(String::new, |banner| format!("; it says: {}", banner.trim()));
        let detail = Untrusted::new(format!("{}: {tried}; {why}{banner}", self.phase.place));
        TransportError::new(FailureKind::LoginRefused, Message::LoginRefused { user: self.hop.user.clone(), detail }).at(&self.hop.id)
    }
}

/// Whether the failure is of our key and not an answer of the server.
fn is_local(error: &ssh2::Error) -> bool {
    ["private key", "public key", "passphrase"].iter().any(|words| error.message().to_ascii_lowercase().contains(words))
        && number(error) != code::AUTHENTICATION_FAILED
}

/// `KEY-cert.pub`, where OpenSSH keeps the certificate of `KEY`.
fn certificate_of(key: &Path) -> std::path::PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push("-cert.pub");
    name.into()
}

/// Why a key of ours cannot be used, told truly: libssh2 calls a wrong passphrase an unsupported format. `None` when
/// nothing is wrong with it, so that it was the server who refused.
fn unusable(key: &OfferedKey) -> Option<String> {
    let text = key.text.expose_secret();
    if text.contains("ENCRYPTED") && !text.contains("OPENSSH") {
        return key.passphrase.is_none().then(|| "it is encrypted and no passphrase is given".to_owned());
    }
    let read = match ssh_key::PrivateKey::from_openssh(text) {
        Ok(read) => read,
        Err(_) if text.contains("PRIVATE KEY") && !text.contains("OPENSSH") => return None,
        Err(error) => return Some(format!("it cannot be read: {error}")),
    };
    if !read.is_encrypted() {
        return None;
    }
    match &key.passphrase {
        None => Some("it is encrypted and no passphrase is given".to_owned()),
        Some(passphrase) => read.decrypt(passphrase.expose_secret()).is_err().then(|| "the passphrase is wrong".to_owned()),
    }
}

fn is_wanted(keys: &AgentKeys, blob: &[u8]) -> bool {
    let AgentKeys::Only(files) = keys else { return true };
    files.iter().any(|file| {
        let mut public = file.as_os_str().to_owned();
        public.push(".pub");
        let text = std::fs::read_to_string(public).unwrap_or_default();
        text.split_ascii_whitespace().nth(1).and_then(|base64| STANDARD.decode(base64).ok()).is_some_and(|listed| listed == blob)
    })
}

/// Gives the password to the first hidden prompt and nothing to any other.
struct Prompter<'a> {
    password: Option<&'a str>,
    asked_more: Option<String>,
}

impl KeyboardInteractivePrompt for Prompter<'_> {
    fn prompt(&mut self, _: &str, _: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        let answers = prompts.iter().map(|prompt| match self.password.take() {
            Some(password) if !prompt.echo => password.to_owned(),
            unused => {
                self.password = unused;
                self.asked_more = Some(prompt.text.trim().to_owned());
                String::new()
            }
        });
        answers.collect()
    }
}
