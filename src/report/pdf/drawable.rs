//! Makes every text of a page's data drawable: characters that no font has become visible codes, long words may break.

use std::fmt::Write as _;

use serde_json::Value;

use super::fonts::covers;

/// Words longer than this may be broken; a path or a hash would otherwise run out of its column.
const LONG_WORD: usize = 18;
/// Where a long word has no place of its own to break, it may break after so many characters.
const STRETCH: usize = 12;
/// An empty place at which a line may end.
const BREAK: char = '\u{200b}';

/// Replaces in every string of `data` what cannot be drawn, and says how many characters that were.
pub(super) fn make_drawable(data: &mut Value) -> usize {
    match data {
        Value::String(text) => {
            let (drawable, replaced) = drawable(text);
            *text = drawable;
            replaced
        }
        Value::Array(values) => values.iter_mut().map(make_drawable).sum(),
        Value::Object(map) => map.values_mut().map(make_drawable).sum(),
        _ => 0,
    }
}

fn drawable(text: &str) -> (String, usize) {
    let mut replaced = 0;
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if covers(c) {
            shown.push(c);
        } else {
            replaced += 1;
            // Writing to a String cannot fail.
            let _ = write!(shown, "U+{:04X}", u32::from(c));
        }
    }
    (breakable(&shown), replaced)
}

fn breakable(text: &str) -> String {
    let is_long = text.split(|c: char| c == ' ' || is_wide(c)).any(|word| word.len() > LONG_WORD && word.chars().count() > LONG_WORD);
    if !is_long {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len() * 2);
    for part in text.split_inclusive(|c: char| c == ' ' || is_wide(c)) {
        if part.chars().count() <= LONG_WORD {
            shown.push_str(part);
            continue;
        }
        let mut since = 0;
        let mut rest = part.chars().peekable();
        while let Some(c) = rest.next() {
            shown.push(c);
            since += 1;
            let next_is_mark = rest.peek().is_some_and(|next| ('\u{300}'..='\u{36f}').contains(next));
            let good_place =
                since > 3 && matches!(c, '/' | '-' | '_' | '.' | ',' | ':' | ';' | '=' | '&' | '?' | '@' | '\\' | '·' | ')' | '|');
            if (good_place || since >= STRETCH) && rest.peek().is_some() && !next_is_mark {
                shown.push(BREAK);
                since = 0;
            }
        }
    }
    shown
}

/// Characters between which a line may end anyway.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_font_has_is_shown_as_its_code_and_counted() {
        let mut data = serde_json::json!({ "a": "ok 😀", "b": ["中\u{0}"], "n": 1 });
        assert_eq!(make_drawable(&mut data), 2);
        assert_eq!(data, serde_json::json!({ "a": "ok U+1F600", "b": ["中U+0000"], "n": 1 }));
    }

    #[test]
    fn short_words_are_left_alone_and_long_ones_may_break() {
        assert_eq!(drawable("<script>alert(1)").0, "<script>alert(1)");
        let (long, _) = drawable(&"a".repeat(40));
        assert_eq!(long.matches(BREAK).count(), 3);
        assert_eq!(long.replace(BREAK, ""), "a".repeat(40));
    }

    #[test]
    fn chinese_breaks_anywhere_and_needs_no_help() {
        let text = "这是一段很长的中文文本，其中没有任何空格，但是可以在任何位置换行显示";
        assert_eq!(drawable(text).0, text);
    }
}
