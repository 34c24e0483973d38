//! Secrets: resolved from where the inventory says they are, at the moment they are needed, and never shown.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use tokio::process::Command;

use crate::model::SecretRef;

/// Longest that a command may take to print a secret.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);

/// Why a secret cannot be had. It says where it was looked for, never what was found.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set")]
    Env(String),
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Others can read the file too.
    #[error("{0} can be read by group or others: chmod 600 it")]
    Mode(String),
    /// We were not started by systemd with credentials.
    #[error("no systemd credential `{0}`: $CREDENTIALS_DIRECTORY is not set")]
    Systemd(String),
    /// The command failed.
    #[error("`{command}` failed: {detail}")]
    Command {
        /// The command's name, without its arguments.
        command: String,
        /// How it failed.
        detail: String,
    },
}

/// The secret that `reference` points at: without the line end it was stored with.
///
/// # Errors
/// When it cannot be had.
pub async fn resolve(reference: &SecretRef) -> Result<SecretString, SecretError> {
    match reference {
        SecretRef::Env(name) => std::env::var(name).map(SecretString::from).map_err(|_| SecretError::Env(name.clone())),
        SecretRef::File(path) => read(path).await,
        SecretRef::Systemd(name) => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| SecretError::Systemd(name.clone()))?;
            read_any_mode(&Path::new(&folder).join(name)).await
        }
        SecretRef::Command(command) => run(command).await,
    }
}

async fn read(path: &Path) -> Result<SecretString, SecretError> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = path.display().to_string();
    let metadata = tokio::fs::metadata(path).await.map_err(|source| SecretError::File { path: shown.clone(), source })?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(SecretError::Mode(shown));
    }
    read_any_mode(path).await
}

async fn read_any_mode(path: &Path) -> Result<SecretString, SecretError> {
    let text = tokio::fs::read_to_string(path).await.map_err(|source| SecretError::File { path: path.display().to_string(), source })?;
    Ok(without_line_end(text))
}

async fn run(command: &[String]) -> Result<SecretString, SecretError> {
    let fail = |detail: String| SecretError::Command { command: command.first().cloned().unwrap_or_default(), detail };
    let (program, arguments) = command.split_first().ok_or_else(|| fail("an empty command".to_owned()))?;
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(COMMAND_LIMIT, child)
        .await
        .map_err(|_| fail(format!("no answer within {} s", COMMAND_LIMIT.as_secs())))?
        .map_err(|error| fail(error.to_string()))?;
    if !output.status.success() {
        return Err(fail(output.status.to_string()));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| fail("it printed no text".to_owned()))?;
    let first = text.lines().next().filter(|line| !line.is_empty()).ok_or_else(|| fail("it printed nothing".to_owned()))?;
    Ok(SecretString::from(first.to_owned()))
}

fn without_line_end(mut text: String) -> SecretString {
    // A key file keeps its last line end: only a single line loses it.
    if text.trim_end().lines().count() == 1 {
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
    }
    SecretString::from(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[tokio::test]
    async fn the_first_line_of_a_command_is_the_secret() {
        let command = ["printf", "s3cret\\nmore\\n"].map(str::to_owned).to_vec();
        assert_eq!(resolve(&SecretRef::Command(command)).await.unwrap().expose_secret(), "s3cret");
        assert!(resolve(&SecretRef::Command(vec!["false".to_owned()])).await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "pw\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(resolve(&SecretRef::File(path.clone())).await, Err(SecretError::Mode(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(resolve(&SecretRef::File(path)).await.unwrap().expose_secret(), "pw");
    }
}
