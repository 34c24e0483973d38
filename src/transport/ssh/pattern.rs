//! Patterns of OpenSSH: `*`, `?`, and lists with `!` for what is left out.

/// Whether `name` fits `pattern`, in which `*` stands for any characters and `?` for one. Case makes no difference.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_ascii_lowercase().into_bytes(), name.to_ascii_lowercase().into_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when the present reading of the last `*` fails.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((after_star, from)) => {
                    retry = Some((after_star, from + 1));
                    p = after_star;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// Whether `name` fits a list: at least one pattern fits, and none of those with `!`.
pub(super) fn list_fits<'a>(patterns: impl IntoIterator<Item = &'a str>, name: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(left_out) if fits(left_out, name) => return false,
            Some(_) => {}
            None => found |= fits(pattern, name),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_characters() {
        for (pattern, name, expected) in [
            ("*.example.net", "a.b.example.net", true),
            ("*.example.net", "example.net", false),
            ("db?", "db1", true),
            ("db?", "db", false),
            ("DB1", "db1", true),
            ("*a*b", "xaab", true),
            ("*a*b", "xaba", false),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn what_is_left_out_wins_wherever_it_stands() {
        assert!(!list_fits(["!db9", "db*"], "db9"));
        assert!(!list_fits(["db*", "!db9"], "db9"));
        assert!(list_fits(["db*", "!db9"], "db8"));
        assert!(!list_fits(["!db9"], "db8"));
    }
}
