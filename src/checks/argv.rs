//! Commands of users: a list of words, never a line for a shell.

use crate::check::ParamFault;
use crate::model::Probe;
use crate::model::probe::{quote, sudoers};

/// The probe that runs `run`, as root where `as_root`.
pub(super) fn probe(name: &'static str, run: &[String], as_root: bool) -> Probe {
    let words: Vec<String> = run.iter().map(|word| quote(word)).collect();
    let command = words.join(" ");
    if as_root {
        let allowed: Vec<String> = run.iter().map(|word| sudoers(word)).collect();
        Probe::shell(name, format!("priv {command}")).privileged([allowed.join(" ")])
    } else {
        Probe::shell(name, command)
    }
}

/// Whether `run` is a command at all.
///
/// # Errors
/// Says what to write instead.
pub(super) fn validate(run: &[String], as_root: bool) -> Result<(), ParamFault> {
    let fault = |message: &str| Err(ParamFault { key: "run".to_owned(), message: message.to_owned() });
    let Some(program) = run.first() else { return fault("name a command: [mpstat, -o, JSON]") };
    if program.is_empty() || program.contains(' ') || program.contains('=') || program.starts_with('-') {
        return fault("the first word is the command alone; each argument is a word of the list, there is no shell line");
    }
    if run.iter().any(|word| word.chars().any(|c| c == '\0' || c == '\n' || c == '\r')) {
        return fault("words of a command hold no line ends");
    }
    if as_root && !program.starts_with('/') {
        return fault("a command that runs as root is written with its absolute path");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::probe::Ask;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn every_word_stays_one_word() {
        let Ask::Shell(shell) = probe("p", &words(&["echo", "a b", "$(reboot)", "it's"]), false).ask else { panic!("no shell") };
        assert_eq!(shell.script, r"echo 'a b' '$(reboot)' 'it'\''s'");
        let Ask::Shell(shell) = probe("p", &words(&["/usr/sbin/x", "a,b"]), true).ask else { panic!("no shell") };
        assert_eq!((shell.script.as_str(), shell.privileged[0].as_ref()), ("priv /usr/sbin/x a,b", r"/usr/sbin/x a\,b"));
    }

    #[test]
    fn lines_for_a_shell_are_refused() {
        for bad in [&[][..], &["df -h"], &[""], &["A=1", "x"], &["-x"], &["x", "a\nb"]] {
            assert!(validate(&words(bad), false).is_err(), "{bad:?}");
        }
        assert!(validate(&words(&["mpstat"]), true).is_err());
    }
}
