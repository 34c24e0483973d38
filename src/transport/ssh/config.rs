//! The user's OpenSSH configuration, as far as it is honoured: where a host is, as whom, with which key, through which hosts.
//!
//! Settings that only make a connection stricter, faster or prettier are passed over. Those that would lead it elsewhere
//! or change whom it trusts, and that we do not support, are refused: never ignored.

use std::path::{Path, PathBuf};

use super::pattern::{fits, list_fits};

/// How deep files may include each other.
const DEEPEST: usize = 8;

/// Why the configuration cannot be used for a host.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConfigFault {
    /// The file cannot be read.
    #[error("cannot read {path}: {detail}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// It holds something that applies to the host and that we do not support.
    #[error(
        "{path}:{line}: `{setting}` applies to {host} and is not supported here; give the target's address, login and `via` in the inventory"
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The line's words.
        setting: String,
        /// The host.
        host: String,
    },
    /// A line has no meaning.
    #[error("{path}:{line}: cannot make sense of `{setting}`")]
    Senseless {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The line's words.
        setting: String,
    },
}

/// What the configuration says of one host. The first value found wins, as with OpenSSH.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct HostConfig {
    /// Name or address to connect to.
    pub(super) host_name: Option<String>,
    /// Account.
    pub(super) user: Option<String>,
    /// Port.
    pub(super) port: Option<u16>,
    /// Private keys, in order.
    pub(super) identity_files: Vec<PathBuf>,
    /// Whether only these keys are offered, even by the agent.
    pub(super) identities_only: Option<bool>,
    /// Jump hosts as written; empty for `none`.
    pub(super) proxy_jump: Option<Vec<String>>,
    /// Files of known host keys instead of the usual ones.
    pub(super) user_known_hosts: Option<Vec<PathBuf>>,
    /// The system's files of known host keys instead of the usual ones.
    pub(super) global_known_hosts: Option<Vec<PathBuf>>,
    /// Name under which its key is known.
    pub(super) host_key_alias: Option<String>,
}

/// What the file `path` says of `host`, the name as the user gives it. A file that is not there says nothing. `has_jump`
/// says that the way to the host is known already, so that no `ProxyCommand` would be used.
pub(super) fn read(path: &Path, host: &str, home: &Path, has_jump: bool) -> Result<HostConfig, ConfigFault> {
    let mut reading = Reading { host, home, config: HostConfig::default(), proxy_command: None };
    if path.exists() {
        reading.file(path, true, 0)?;
    }
    match (reading.proxy_command, &reading.config.proxy_jump) {
        // A jump named before the command wins over it, as with OpenSSH.
        (None, _) => Ok(reading.config),
        (Some((_, true)), Some(jumps)) if !jumps.is_empty() => Ok(reading.config),
        _ if has_jump => Ok(reading.config),
        (Some((fault, _)), _) => Err(fault),
    }
}

struct Reading<'a> {
    host: &'a str,
    home: &'a Path,
    config: HostConfig,
    /// A `ProxyCommand` that applies, and whether a jump was named before it.
    proxy_command: Option<(ConfigFault, bool)>,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path, mut active: bool, depth: usize) -> Result<(), ConfigFault> {
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigFault::Unreadable { path: path.to_owned(), detail: error.to_string() })?;
        for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
            let senseless = || ConfigFault::Senseless { path: path.to_owned(), line: number, setting: line.to_owned() };
            let unsupported =
                || ConfigFault::Unsupported { path: path.to_owned(), line: number, setting: line.to_owned(), host: self.host.to_owned() };
            let words = words(line).ok_or_else(senseless)?;
            let Some((keyword, values)) = words.split_first() else { continue };
            let first = values.first().map(String::as_str).ok_or_else(senseless)?;
            match &*keyword.to_ascii_lowercase() {
                "host" => active = list_fits(values.iter().map(String::as_str), self.host),
                "match" => active = self.matches(values).ok_or_else(unsupported)?,
                _ if !active => {}
                "include" if depth >= DEEPEST => return Err(unsupported()),
                "include" => {
                    for included in
                        values.iter().map(|value| self.included(value)).collect::<Option<Vec<_>>>().ok_or_else(unsupported)?.concat()
                    {
                        self.file(&included, active, depth + 1)?;
                    }
                }
                "proxycommand" if first.eq_ignore_ascii_case("none") => {}
                "proxycommand" if self.proxy_command.is_none() => {
                    self.proxy_command = Some((unsupported(), self.config.proxy_jump.is_some()));
                }
                "knownhostscommand" | "revokedhostkeys" | "canonicalizehostname" | "bindaddress" | "bindinterface"
                    if !["none", "no"].contains(&&*first.to_ascii_lowercase()) =>
                {
                    return Err(unsupported());
                }
                keyword => self.setting(keyword, first, values).map_err(|fault| match fault {
                    Fault::Senseless => senseless(),
                    Fault::Unsupported => ConfigFault::Unsupported {
                        path: path.to_owned(),
                        line: number,
                        setting: line.to_owned(),
                        host: self.host.to_owned(),
                    },
                })?,
            }
        }
        Ok(())
    }

    /// Whether a `Match` line applies; `None` when that cannot be told here.
    fn matches(&self, criteria: &[String]) -> Option<bool> {
        if criteria.len() == 1 && criteria[0].eq_ignore_ascii_case("all") {
            return Some(true);
        }
        let mut undecided = false;
        for criterion in criteria.chunks(2) {
            let name = match &*criterion[0].to_ascii_lowercase() {
                "host" => self.config.host_name.as_deref().unwrap_or(self.host),
                "originalhost" => self.host,
                _ => {
                    undecided = true;
                    continue;
                }
            };
            if !list_fits(criterion.get(1)?.split(','), name) {
                return Some(false);
            }
        }
        if undecided { None } else { Some(true) }
    }

    fn setting(&mut self, keyword: &str, first: &str, values: &[String]) -> Result<(), Fault> {
        match keyword {
            "hostname" => set(&mut self.config.host_name, first.replace("%h", self.host).replace("%%", "%")),
            "user" => set(&mut self.config.user, first.to_owned()),
            "port" => set(&mut self.config.port, first.parse().map_err(|_| Fault::Senseless)?),
            "identitiesonly" => set(&mut self.config.identities_only, first.eq_ignore_ascii_case("yes")),
            "hostkeyalias" => set(&mut self.config.host_key_alias, first.to_owned()),
            "identityfile" if first.eq_ignore_ascii_case("none") => {}
            "identityfile" => {
                let path = self.path(first)?;
                self.config.identity_files.push(path);
            }
            "proxyjump" if first.eq_ignore_ascii_case("none") => set(&mut self.config.proxy_jump, Vec::new()),
            "proxyjump" => set(&mut self.config.proxy_jump, first.split(',').map(str::to_owned).collect()),
            "userknownhostsfile" => {
                let paths = self.paths(values)?;
                set(&mut self.config.user_known_hosts, paths);
            }
            "globalknownhostsfile" => {
                let paths = self.paths(values)?;
                set(&mut self.config.global_known_hosts, paths);
            }
            _ => {}
        }
        Ok(())
    }

    fn paths(&self, values: &[String]) -> Result<Vec<PathBuf>, Fault> {
        values.iter().filter(|value| !value.eq_ignore_ascii_case("none")).map(|value| self.path(value)).collect()
    }

    /// A path with `~`, `%d`, `%h` and `%%` put in; other tokens are refused.
    fn path(&self, written: &str) -> Result<PathBuf, Fault> {
        let home = self.home.to_string_lossy();
        let mut path = String::new();
        let mut rest = match written.strip_prefix("~/") {
            Some(rest) => {
                path.push_str(&home);
                path.push('/');
                rest
            }
            None if written.starts_with('~') || written.contains("${") => return Err(Fault::Unsupported),
            None => written,
        };
        while let Some((before, after)) = rest.split_once('%') {
            path.push_str(before);
            path.push_str(match after.chars().next() {
                Some('d') => &home,
                Some('h') => self.config.host_name.as_deref().unwrap_or(self.host),
                Some('n') => self.host,
                Some('%') => "%",
                _ => return Err(Fault::Unsupported),
            });
            rest = &after[1..];
        }
        path.push_str(rest);
        Ok(PathBuf::from(path))
    }

    /// The files that an `Include` names: wildcards in the last part only; relative to `~/.ssh`.
    fn included(&self, written: &str) -> Option<Vec<PathBuf>> {
        let path = self.path(written).ok()?;
        let path = if path.is_absolute() { path } else { self.home.join(".ssh").join(path) };
        let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
        if folder.to_string_lossy().contains(['*', '?', '[']) || name.contains('[') {
            return None;
        }
        if !name.contains(['*', '?']) {
            return Some(if path.exists() { vec![path] } else { Vec::new() });
        }
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let fitting = entries.filter(|entry| entry.file_name().to_str().is_some_and(|file| !file.starts_with('.') && fits(name, file)));
        let mut paths: Vec<_> = fitting.map(|entry| entry.path()).collect();
        paths.sort();
        Some(paths)
    }
}

enum Fault {
    Senseless,
    Unsupported,
}

fn set<T>(slot: &mut Option<T>, value: T) {
    slot.get_or_insert(value);
}

/// The words of a line: `Keyword value…` or `Keyword=value`, quotes and comments understood. `None` when a quote does not end.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (word, after) = quoted.split_once('"')?;
            words.push(word.to_owned());
            rest = after;
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '"' || (c == '=' && words.is_empty())).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
        rest = rest.trim_start();
        if words.len() == 1 {
            rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, host: &str) -> Result<HostConfig, ConfigFault> {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join(".ssh/config.d")).unwrap();
        std::fs::write(home.path().join(".ssh/config.d/a.conf"), "Port 2201\nHost other\nUser other\n").unwrap();
        let path = home.path().join(".ssh/config");
        std::fs::write(&path, text).unwrap();
        read(&path, host, home.path(), false)
    }

    #[test]
    fn the_first_value_wins_and_keys_add_up() {
        let config = read_text(
            "# ours\nHost db*\n  HostName %h.example.net\n  User=inspect\n  IdentityFile \"/keys/a b\"\nHost *\n  User nobody\n  IdentityFile /keys/c\n  IdentitiesOnly yes\n",
            "db1",
        );
        let config = config.unwrap();
        assert_eq!((config.host_name.as_deref(), config.user.as_deref()), (Some("db1.example.net"), Some("inspect")));
        assert_eq!((config.identity_files, config.identities_only), (vec!["/keys/a b".into(), "/keys/c".into()], Some(true)));
    }

    #[test]
    fn patterns_leave_hosts_out() {
        let text = "Host *.net !db9.net\n  Port 2222\n";
        assert_eq!(read_text(text, "db1.net").unwrap().port, Some(2222));
        assert_eq!(read_text(text, "db9.net").unwrap().port, None);
    }

    #[test]
    fn included_files_count_where_they_stand() {
        let config = read_text("Include config.d/*.conf\nUser later\n", "db1").unwrap();
        assert_eq!((config.port, config.user.as_deref()), (Some(2201), Some("later")));
        assert_eq!(read_text("Host x\nInclude config.d/*.conf\n", "db1").unwrap().port, None);
    }

    #[test]
    fn what_leads_elsewhere_and_applies_is_refused() {
        for line in [
            "ProxyCommand nc %h %p",
            "Match exec true",
            "Match user root",
            "KnownHostsCommand /bin/k",
            "RevokedHostKeys /k",
            "IdentityFile ~bob/key",
        ] {
            let fault = read_text(&format!("Host db*\n  User u\n  {line}\n"), "db1").unwrap_err();
            assert!(matches!(fault, ConfigFault::Unsupported { line: 3, .. }), "{line}: {fault}");
        }
    }

    #[test]
    fn what_leads_elsewhere_for_others_is_passed_over() {
        let text = "Host web\n  ProxyCommand nc %h %p\nMatch host web exec true\n  User x\nMatch all\n  Port 22\n";
        assert_eq!(read_text(text, "db1").unwrap().port, Some(22));
    }

    #[test]
    fn a_match_on_the_host_alone_is_understood() {
        let text = "Match originalhost db1\n  User a\nMatch host *.net\n  Port 1\n";
        let config = read_text(text, "db1").unwrap();
        assert_eq!((config.user.as_deref(), config.port), (Some("a"), None));
    }

    #[test]
    fn jumps_are_read_and_none_ends_them() {
        assert_eq!(read_text("ProxyJump a@b:3,c\n", "x").unwrap().proxy_jump, Some(vec!["a@b:3".to_owned(), "c".to_owned()]));
        assert_eq!(read_text("ProxyJump none\nProxyJump a\n", "x").unwrap().proxy_jump, Some(Vec::new()));
    }

    #[test]
    fn a_file_that_is_not_there_says_nothing() {
        assert_eq!(read(Path::new("/no/such/file"), "x", Path::new("/"), false), Ok(HostConfig::default()));
    }
}
