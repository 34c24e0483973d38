//! One statement that reads: what is refused before it is sent, and where its values go.
//!
//! The server enforces reading by a read-only transaction and by the account's rights. This is the first fence, not
//! the last: it keeps a second statement, and words that begin writing, from leaving us at all.

use crate::model::probe::{Bind, Dialect};

/// A statement ready to be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    /// The text, with the dialect's marks (`$1`, `?`, `?1`) in the place of names.
    pub text: String,
    /// The values of the marks, in order.
    pub values: Vec<Bind>,
}

/// Why a statement is refused before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// There is nothing to ask.
    #[error("the statement is empty")]
    Empty,
    /// A second statement follows a semicolon.
    #[error("one statement a probe: something follows the first `;`")]
    Several,
    /// A quote or a comment has no end.
    #[error("{0} is not closed")]
    Open(&'static str),
    /// It begins with a word that does not read.
    #[error("`{0}` does not read: a statement begins with {list}", list = READS.join(", "))]
    NotReading(String),
    /// It writes a file on the server, or hides a part from other servers.
    #[error("`{0}` is refused")]
    Refused(&'static str),
    /// A name has no value.
    #[error("`:{0}` has no value under `bind`")]
    NoValue(String),
    /// A value has no name in the statement.
    #[error("`{0}` under `bind` is not used: the statement has no `:{0}`")]
    Unused(String),
}

/// Words that a statement may begin with.
const READS: [&str; 9] = ["SELECT", "WITH", "VALUES", "TABLE", "SHOW", "EXPLAIN", "DESCRIBE", "DESC", "PRAGMA"];

/// `text` with `binds` in the places of their `:name`, which are found outside of quotes, comments and `::` casts.
///
/// # Errors
/// When it is not one statement that reads, or names and values do not match.
pub fn prepare(dialect: Dialect, text: &str, binds: &[(String, Bind)]) -> Result<Statement, StatementFault> {
    let pieces = split(dialect, text)?;
    let first = pieces.iter().find_map(Piece::first_word).ok_or(StatementFault::Empty)?;
    if !READS.contains(&first.to_ascii_uppercase().as_str()) {
        return Err(StatementFault::NotReading(first.to_owned()));
    }
    let mut statement = Statement { text: String::with_capacity(text.len()), values: Vec::new() };
    let mut numbered: Vec<&str> = Vec::new();
    for piece in &pieces {
        let name = match piece {
            Piece::Code(code) | Piece::Quoted(code) => {
                statement.text.push_str(code);
                continue;
            }
            Piece::Name(name) => *name,
        };
        let (_, value) = binds.iter().find(|(bind, _)| bind == name).ok_or_else(|| StatementFault::NoValue(name.to_owned()))?;
        let known = numbered.iter().position(|seen| *seen == name);
        // MySQL's marks have no numbers: a value used twice is sent twice.
        let by_place = matches!(dialect, Dialect::Mysql | Dialect::Mariadb);
        let number = match known {
            Some(number) if !by_place => number,
            _ => {
                numbered.push(name);
                statement.values.push(value.clone());
                numbered.len() - 1
            }
        };
        statement.text.push(if dialect == Dialect::Postgres { '$' } else { '?' });
        if !by_place {
            statement.text += &(number + 1).to_string();
        }
    }
    match binds.iter().find(|(bind, _)| !numbered.contains(&bind.as_str())) {
        Some((bind, _)) => Err(StatementFault::Unused(bind.clone())),
        None => Ok(statement),
    }
}

/// A part of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// Outside of quotes and comments.
    Code(&'a str),
    /// A quoted text, a quoted name or a comment, with its marks.
    Quoted(&'a str),
    /// A `:name`, without the colon.
    Name(&'a str),
}

impl<'a> Piece<'a> {
    fn first_word(&self) -> Option<&'a str> {
        let Piece::Code(code) = self else { return None };
        let code = code.trim_start_matches(|c: char| c.is_whitespace() || c == '(');
        let end = code.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(code.len());
        // A statement that begins with anything but a word has the first character as its word, and is refused.
        let end = if end == 0 { code.chars().next()?.len_utf8() } else { end };
        Some(&code[..end])
    }
}

fn split(dialect: Dialect, text: &str) -> Result<Vec<Piece<'_>>, StatementFault> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(name: &str) -> Vec<(String, Bind)> {
        vec![(name.to_owned(), Bind::Text("v".to_owned()))]
    }

    #[track_caller]
    fn case(dialect: Dialect, text: &str, expected: &str) {
        let statement = prepare(dialect, text, &bind("p")).unwrap();
        assert_eq!(statement.text, expected);
        assert!(!statement.values.is_empty());
    }

    #[test]
    fn names_are_found_outside_of_quotes_comments_and_casts() {
        case(Dialect::Postgres, "select ':p', \":p\", a::p /* :p /* :p */ */ -- :p\n, $x$ :p $x$ where b = :p", {
            "select ':p', \":p\", a::p /* :p /* :p */ */ -- :p\n, $x$ :p $x$ where b = $1"
        });
        case(Dialect::Postgres, r"select E'\':p', '\', :p", r"select E'\':p', '\', $1");
        case(Dialect::Mysql, r"select '\':p', `:p`, 5--:p # :p", r"select '\':p', `:p`, 5--? # :p");
        case(Dialect::Sqlite, "select [:p], :p", "select [:p], ?1");
    }

    #[test]
    fn a_name_used_twice_is_one_value_where_marks_have_numbers() {
        assert_eq!(prepare(Dialect::Postgres, "select :p, :p", &bind("p")).unwrap().values.len(), 1);
        let statement = prepare(Dialect::Mariadb, "select :p, :p", &bind("p")).unwrap();
        assert_eq!((statement.text.as_str(), statement.values.len()), ("select ?, ?", 2));
    }

    #[test]
    fn names_and_values_must_match() {
        assert_eq!(prepare(Dialect::Postgres, "select :q", &bind("p")), Err(StatementFault::NoValue("q".into())));
        assert_eq!(prepare(Dialect::Postgres, "select 1", &bind("p")), Err(StatementFault::Unused("p".into())));
    }

    #[track_caller]
    fn refused(dialect: Dialect, text: &str, fault: &StatementFault) {
        assert_eq!(prepare(dialect, text, &[]).as_ref(), Err(fault), "{text}");
    }

    #[test]
    fn a_second_statement_is_refused_and_a_last_semicolon_is_not() {
        assert_eq!(prepare(Dialect::Postgres, "select 1 ; -- done", &[]).unwrap().text.trim_end_matches("-- done").trim(), "select 1");
        assert_eq!(prepare(Dialect::Postgres, "select ';'", &[]).unwrap().text, "select ';'");
        for text in ["select 1; drop table t", "select 1;;'x'", "select 1;\n\ncommit"] {
            refused(Dialect::Postgres, text, &StatementFault::Several);
        }
    }

    #[test]
    fn what_does_not_begin_by_reading_is_refused() {
        for (text, word) in [("SET default_transaction_read_only=off", "SET"), ("/* select */ commit", "commit"), ("{x}", "{")] {
            refused(Dialect::Postgres, text, &StatementFault::NotReading(word.to_owned()));
        }
        refused(Dialect::Postgres, " -- nothing", &StatementFault::Empty);
        refused(Dialect::Mysql, "select 1 /*!50000 into outfile '/tmp/x' */", &StatementFault::Refused("/*!"));
        refused(Dialect::Mariadb, "select 1 into OutFile '/tmp/x'", &StatementFault::Refused("OUTFILE"));
        assert!(prepare(Dialect::Postgres, "( select 1 ) union (select 2)", &[]).is_ok());
    }

    #[test]
    fn what_has_no_end_is_refused() {
        refused(Dialect::Postgres, "select 'x", &StatementFault::Open("a text"));
        refused(Dialect::Postgres, "select $a$ x $b$", &StatementFault::Open("a dollar-quoted text"));
        refused(Dialect::Mysql, "select 1 /* x", &StatementFault::Open("a comment"));
    }
}
