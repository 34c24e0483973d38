//! Patterns of files on a target: how a probe expands them without missing what it may not see.

use crate::check::ParamFault;

/// Functions for a fragment. `hidden PATTERN` prints `hidden DIR` for every directory that has to be searched and may not be, so
/// that "no file matches" is a proof; `plain NAME` prints a name on one line. Sets `IFS=`, so that `for f in $pattern` expands
/// wildcards and nothing else.
pub(super) const SHELL: &str = r#"IFS=
nl='
'
plain() { case $1 in *"$nl"*) printf %s "$1" | tr '\n' '?';; *) printf %s "$1";; esac; echo; }
hidden() {
  hp=$1
  while hd=${hp%/*}; [ -n "$hd" ]; do
    for hq in $hd; do
      [ -d "$hq" ] || continue
      case ${hp##*/} in
        *[*?[]*) [ -r "$hq" ] && [ -x "$hq" ] || { printf 'hidden '; plain "$hq"; };;
        *) [ -x "$hq" ] || { printf 'hidden '; plain "$hq"; };;
      esac
    done
    hp=$hd
  done
}
"#;

/// Whether every one of `patterns`, the parameter `key`, is an absolute path with `*`, `?` and `[…]` for wildcards.
///
/// # Errors
/// Names the first that is not.
pub(super) fn validate(key: &str, patterns: &[String]) -> Result<(), ParamFault> {
    let fault = |message: String| Err(ParamFault { key: key.to_owned(), message });
    if patterns.is_empty() {
        return fault("name at least one path".to_owned());
    }
    for (place, pattern) in patterns.iter().enumerate() {
        if !pattern.starts_with('/') || pattern.ends_with('/') || pattern.contains('\\') || pattern.chars().any(char::is_control) {
            return fault(format!("`{}` is no absolute path; wildcards are * ? and […], without a / at the end", pattern.escape_debug()));
        }
        if patterns[..place].contains(pattern) {
            return fault(format!("`{pattern}` stands twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_paths_are_patterns() {
        assert_eq!(validate("files", &["/var/log/*.log".to_owned(), "/var/log".to_owned()]), Ok(()));
        for bad in [&["var/log"][..], &["/a\nb"], &["/a/"], &["/a\\*"], &["/a", "/a"], &[]] {
            let patterns: Vec<String> = bad.iter().map(|&pattern| pattern.to_owned()).collect();
            assert!(validate("files", &patterns).is_err(), "{bad:?}");
        }
    }
}
