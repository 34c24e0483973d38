//! Text that came from a target: hostile until a renderer has escaped it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Text from a target. It has no `Display`: whoever shows it says how.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Marks `text` as coming from a target.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Marks bytes as coming from a target; what is not UTF-8 becomes the visible code `\xNN`.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            for byte in chunk.invalid() {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
        Self(text)
    }

    /// The text as it came, for judging, comparing and storing; never for showing.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// The text on one line with every control and bidirectional character as a visible code, safe for a terminal.
    /// Markup is not escaped: HTML and typst have their own renderers for that.
    #[must_use]
    pub fn visible(&self) -> String {
        visible(&self.0)
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// `text` with control characters, line ends and bidirectional overrides as visible codes.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("\\t"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\u{0}'..='\u{1f}' | '\u{7f}' => {
                let _ = write!(shown, "\\x{:02x}", c as u32);
            }
            _ if is_invisible(c) => {
                let _ = write!(shown, "U+{:04X}", c as u32);
            }
            _ => shown.push(c),
        }
    }
    shown
}

/// Whether `c` changes a text without showing: controls of the second half, bidirectional controls, joiners, fillers, variation
/// selectors, tags, and what is no character at all.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fdd0}'..='\u{fdef}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || (c as u32) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_a_terminal_become_visible_codes() {
        assert_eq!(Untrusted::new("a\u{1b}[31mb\n").visible(), "a\\x1b[31mb\\n");
    }

    #[test]
    fn what_changes_a_text_without_showing_becomes_a_visible_code() {
        assert_eq!(Untrusted::new("a\u{202e}b\u{61c}c\u{ad}d\u{e0041}e\u{ffff}").visible(), "aU+202EbU+061CcU+00ADdU+E0041eU+FFFF");
        assert_eq!(Untrusted::new("中文 é 😀").visible(), "中文 é 😀");
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_as_codes() {
        assert_eq!(Untrusted::from_bytes(b"ok\xff\xfe!").raw(), "ok\\xff\\xfe!");
    }
}
