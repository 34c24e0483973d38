//! A statement as a report may show it: one line, shortened, without the values in it.

/// Longest text shown.
const LONGEST: usize = 120;

/// `statement` on one line with its string literals masked: they hold names of customers and passwords.
pub(super) fn shown(statement: &str) -> String {
    let mut text = String::with_capacity(LONGEST);
    let mut chars = statement.split_whitespace().flat_map(|word| word.chars().chain([' '])).peekable();
    let mut length = 0;
    while let Some(c) = chars.next() {
        if length == LONGEST {
            text.push('…');
            break;
        }
        length += 1;
        if c != '\'' {
            text.push(c);
            continue;
        }
        text.push_str("'…'");
        skip_literal(&mut chars);
    }
    text.trim_end().to_owned()
}

/// Goes behind the closing quote; a doubled or escaped quote is part of the literal.
fn skip_literal(chars: &mut std::iter::Peekable<impl Iterator<Item = char>>) {
    while let Some(c) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            '\'' if chars.peek() == Some(&'\'') => _ = chars.next(),
            '\'' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_masked_and_lines_joined() {
        assert_eq!(
            shown("select *\n  from customers where name = 'O''Brien \\' x' and id = 5"),
            "select * from customers where name = '…' and id = 5"
        );
        assert_eq!(shown("alter user x identified by 'cut off"), "alter user x identified by '…'");
    }

    #[test]
    fn what_is_long_is_cut_with_a_mark() {
        let text = shown(&"x".repeat(500));
        assert_eq!(text.chars().count(), LONGEST + 1);
        assert!(text.ends_with('…'));
    }
}
