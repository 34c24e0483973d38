//! Where quotes, comments and `:name` are in a statement, by the rules of each dialect.

use super::statement::StatementFault;
use crate::model::probe::Dialect;

/// A part of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Outside of quotes and comments.
    Code(&'a str),
    /// A quoted text, a quoted name or a comment, with its marks.
    Quoted(&'a str),
    /// A `:name`, without the colon.
    Name(&'a str),
}

impl<'a> Piece<'a> {
    /// The word, or the character that is none, that it begins with, where it is code.
    pub(super) fn first_word(&self) -> Option<&'a str> {
        let Piece::Code(code) = self else { return None };
        let code = code.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        let end = code.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(code.len());
        // A statement that begins with anything but a word has the first character as its word, and is refused.
        let end = if end == 0 { code.chars().next()?.len_utf8() } else { end };
        Some(&code[..end])
    }
}

/// The parts of one statement, without the `;` at its end.
///
/// # Errors
/// When something follows that `;`, a quote or comment has no end, or a word or comment is refused.
pub(super) fn split(dialect: Dialect, text: &str) -> Result<Vec<Piece<'_>>, StatementFault> {
    let text = text.trim();
    let mut pieces = Vec::new();
    let mut from = 0;
    let mut at = 0;
    let mut ended = false;
    while let Some(c) = text[at..].chars().next() {
        if let Some(end) = quoted_end(dialect, text, at)? {
            if from < at {
                pieces.push(Piece::Code(&text[from..at]));
            }
            if ended && !is_comment(&text[at..]) {
                return Err(StatementFault::Several);
            }
            pieces.push(Piece::Quoted(&text[at..end]));
            (from, at) = (end, end);
            continue;
        }
        if c == ';' {
            if from < at {
                pieces.push(Piece::Code(&text[from..at]));
            }
            ended = true;
            (from, at) = (at + 1, at + 1);
            continue;
        }
        if ended && !c.is_whitespace() {
            return Err(StatementFault::Several);
        }
        if c == ':' {
            let name = word_at(&text[at + 1..]);
            let after_colon = text[..at].ends_with(':');
            if !after_colon && !name.is_empty() {
                if from < at {
                    pieces.push(Piece::Code(&text[from..at]));
                }
                pieces.push(Piece::Name(name));
                at += 1 + name.len();
                from = at;
                continue;
            }
        }
        if c.is_ascii_alphabetic() && !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            let word = word_at(&text[at..]);
            refuse_word(dialect, word)?;
            // A prefix such as E'…' belongs to its quote, which the next turn finds.
            at += word.len();
            continue;
        }
        at += c.len_utf8();
    }
    if from < text.len() && !ended {
        pieces.push(Piece::Code(&text[from..]));
    }
    Ok(pieces)
}

fn word_at(text: &str) -> &str {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return "";
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// Words outside of quotes that write although the statement begins by reading.
fn refuse_word(dialect: Dialect, word: &str) -> Result<(), StatementFault> {
    if !matches!(dialect, Dialect::Mysql | Dialect::Mariadb) {
        return Ok(());
    }
    for refused in ["OUTFILE", "DUMPFILE"] {
        if word.eq_ignore_ascii_case(refused) {
            return Err(StatementFault::Refused(refused));
        }
    }
    Ok(())
}

fn is_comment(text: &str) -> bool {
    text.starts_with("--") || text.starts_with("/*") || text.starts_with('#')
}

/// The end of the quote or comment that begins at `at`; `None` where none begins.
fn quoted_end(dialect: Dialect, text: &str, at: usize) -> Result<Option<usize>, StatementFault> {
    let mysql = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
    let rest = &text[at..];
    let found = if rest.starts_with("/*") {
        if mysql && (rest.starts_with("/*!") || rest.starts_with("/*M!")) {
            return Err(StatementFault::Refused("/*!"));
        }
        Some(block_comment(rest, dialect == Dialect::Postgres).ok_or(StatementFault::Open("a comment"))?)
    } else if rest.starts_with("--") && (!mysql || rest[2..].chars().next().is_none_or(|c| c.is_whitespace() || c.is_control()))
        || mysql && rest.starts_with('#')
    {
        Some(rest.find('\n').map_or(rest.len(), |end| end + 1))
    } else if rest.starts_with('\'') {
        // E'…' of PostgreSQL and every text of MySQL know the backslash.
        let escapes = mysql || dialect == Dialect::Postgres && is_escape_text(&text[..at]);
        Some(until_quote(rest, '\'', escapes).ok_or(StatementFault::Open("a text"))?)
    } else if rest.starts_with('"') {
        Some(until_quote(rest, '"', mysql).ok_or(StatementFault::Open("a quoted name"))?)
    } else if rest.starts_with('`') && dialect != Dialect::Postgres {
        Some(until_quote(rest, '`', false).ok_or(StatementFault::Open("a quoted name"))?)
    } else if rest.starts_with('[') && dialect == Dialect::Sqlite {
        Some(rest.find(']').ok_or(StatementFault::Open("a quoted name"))? + 1)
    } else if rest.starts_with('$') && dialect == Dialect::Postgres {
        dollar_quoted(text, at)?
    } else {
        None
    };
    Ok(found.map(|length| at + length))
}

fn is_escape_text(before: &str) -> bool {
    let mut back = before.chars().rev();
    matches!(back.next(), Some('e' | 'E')) && back.next().is_none_or(|c| !c.is_alphanumeric() && c != '_')
}

fn until_quote(text: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return Some(at + quote.len_utf8()),
            }
        }
    }
    None
}

fn block_comment(text: &str, nested: bool) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") && (nested || depth == 0) {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += text[at..].chars().next()?.len_utf8();
        }
    }
    None
}

/// `$tag$ … $tag$` of PostgreSQL; `$1` and `a$b` are none.
fn dollar_quoted(text: &str, at: usize) -> Result<Option<usize>, StatementFault> {
    if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return Ok(None);
    }
    let rest = &text[at..];
    let tag = word_at(&rest[1..]);
    if !rest[1 + tag.len()..].starts_with('$') {
        return Ok(None);
    }
    let mark = &rest[..tag.len() + 2];
    let body = &rest[mark.len()..];
    body.find(mark).map(|end| Some(end + 2 * mark.len())).ok_or(StatementFault::Open("a dollar-quoted text"))
}
