//! What the checks that read the kernel's own files under /proc share: counters, shares, paths.

use crate::check::Unreadable;

/// A counter as the kernel writes it: digits and nothing else.
pub(super) fn count(word: &str) -> Option<f64> {
    // `f64::from_str` alone would take "inf", "1e9" and "-3" too.
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    word.parse().ok()
}

/// A number as the kernel writes it with decimals (`0.25`).
pub(super) fn decimal(word: &str) -> Option<f64> {
    let (whole, fraction) = word.split_once('.')?;
    count(whole)?;
    count(fraction)?;
    word.parse().ok()
}

/// By how much a counter grew; `None` where it fell, which is a reset.
pub(super) fn grown(before: f64, now: f64) -> Option<f64> {
    (now >= before).then_some(now - before)
}

/// `part` as a share of `whole` in percent. Nothing of nothing is 0 %: nothing happened, and so nothing went wrong.
pub(super) fn share_pct(part: f64, whole: f64) -> f64 {
    if part == 0.0 && whole == 0.0 { 0.0 } else { 100.0 * part / whole }
}

/// Seconds since boot, from the first line of /proc/uptime.
pub(super) fn seconds_up(line: &str) -> Result<f64, Unreadable> {
    line.split_whitespace().next().and_then(decimal).ok_or_else(|| Unreadable::new("/proc/uptime", line))
}

/// The amount of memory named `name` in /proc/meminfo, in bytes; `None` where this kernel does not tell.
///
/// # Errors
/// When the line is there and is no amount.
pub(super) fn meminfo_bytes(text: &str, name: &str) -> Result<Option<f64>, Unreadable> {
    let Some(line) = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))) else {
        return Ok(None);
    };
    let words: Vec<&str> = line[name.len() + 1..].split_whitespace().collect();
    match words[..] {
        [amount, "kB"] => count(amount).map(|kib| kib * 1024.0),
        // HugePages_Total and its like are plain numbers.
        [amount] => count(amount),
        _ => None,
    }
    .map(Some)
    .ok_or_else(|| Unreadable::new("/proc/meminfo", line))
}

/// The amount of memory named `name` in /proc/meminfo, which every kernel tells, in bytes.
///
/// # Errors
/// When it is missing or no amount.
pub(super) fn need_meminfo_bytes(text: &str, name: &str) -> Result<f64, Unreadable> {
    meminfo_bytes(text, name)?.ok_or_else(|| Unreadable::new("/proc/meminfo", format!("{name} is missing")))
}

/// A path as the kernel writes it in its tables: space, tab, line end and backslash as `\040` and its like.
pub(super) fn unescape(path: &str) -> String {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|digits| first == b'\\' && digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
        let code = octal.map(|digits| digits.iter().fold(0_u16, |code, digit| code * 8 + u16::from(digit - b'0')));
        if let Some(byte) = code.and_then(|code| u8::try_from(code).ok()) {
            plain.push(byte);
            rest = &after[3..];
        } else {
            plain.push(first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_a_counter() {
        assert_eq!(count("42"), Some(42.0));
        for word in ["", "-1", "1e9", "inf", "0x10", "4 2"] {
            assert_eq!(count(word), None, "{word}");
        }
    }

    #[test]
    fn a_counter_that_fell_is_a_reset_and_no_rate() {
        assert_eq!(grown(5.0, 7.0), Some(2.0));
        assert_eq!(grown(7.0, 5.0), None);
    }

    #[test]
    fn paths_lose_the_escapes_of_the_kernel() {
        assert_eq!(unescape(r"/mnt/my\040share\134x"), r"/mnt/my share\x");
        assert_eq!(unescape(r"/a\04"), r"/a\04");
        assert_eq!(unescape(r"/a\777"), r"/a\777");
    }
}
