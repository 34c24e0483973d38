//! Whether a statement of SQL is one statement that only reads, as far as its words can tell.
//!
//! The true guards are the read-only transaction and the rights of the account. This one catches slips in a playbook
//! before anything is sent, in any of the dialects we speak; where dialects disagree on how a text is to be read
//! (a backslash before a quote, `#`, `$$`), the text is refused rather than guessed at.

use std::fmt;

/// A statement that only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadOnly<'a> {
    /// The statement without the semicolon at its end.
    pub statement: &'a str,
    /// Names of the values it asks for as `:name`, in order, each once.
    pub binds: Vec<&'a str>,
}

/// Why a statement is refused, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is nothing in it.
    #[error("there is no statement in it")]
    Empty,
    /// It does not begin like a question.
    #[error("it begins with `{0}`: a query begins with SELECT, WITH, SHOW, VALUES, TABLE or a PRAGMA that reads")]
    Begins(String),
    /// There is more behind a semicolon.
    #[error("it holds several statements: give each a check of its own")]
    Several,
    /// It would change, lock or end something.
    #[error("`{0}` does more than read; a column of that name is written in quotes")]
    Acts(String),
    /// A quote or comment has no end.
    #[error("the {0} has no end")]
    Unended(Part),
    /// Databases read it differently.
    #[error("databases disagree on {0}")]
    Ambiguous(&'static str),
}

/// A part of a statement that has a beginning and an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text in quotes.
    Quote,
    /// A comment.
    Comment,
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Quote => "text in quotes",
            Self::Comment => "comment",
        })
    }
}

/// Reads `text` as one statement that only reads.
///
/// # Errors
/// When it is none, several, or may do more than read.
pub fn read_only(text: &str) -> Result<ReadOnly<'_>, Refused> {
    let tokens = tokens(text)?;
    let end = tokens.iter().position(|token| token.text == ";").unwrap_or(tokens.len());
    if tokens[end..].iter().any(|token| token.text != ";") {
        return Err(Refused::Several);
    }
    let tokens = &tokens[..end];
    let statement = tokens.last().map_or("", |last| &text[..last.end]);
    let words: Vec<&str> = tokens.iter().filter(|token| token.kind == Kind::Word).map(|token| token.text).collect();
    let begins = tokens.iter().find(|token| token.text != "(").ok_or(Refused::Empty)?;
    match begins.text.to_ascii_uppercase().as_str() {
        "SELECT" | "WITH" | "SHOW" | "VALUES" | "TABLE" => {}
        "PRAGMA" => pragma(tokens)?,
        _ => return Err(Refused::Begins(begins.text.to_owned())),
    }
    if let Some(word) = words.iter().find(|word| ACTS.contains(&word.to_ascii_uppercase().as_str())) {
        return Err(Refused::Acts((*word).to_owned()));
    }
    let locks = words.windows(2).find(|pair| LOCKS.iter().any(|lock| lock.iter().zip(*pair).all(|(a, b)| a.eq_ignore_ascii_case(b))));
    if let Some(lock) = locks {
        return Err(Refused::Acts(lock.join(" ")));
    }
    if let Some(word) = words.iter().find(|word| acts_as_function(word)) {
        return Err(Refused::Acts((*word).to_owned()));
    }
    let mut binds: Vec<&str> = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == Kind::Bind) {
        if !binds.contains(&&token.text[1..]) {
            binds.push(&token.text[1..]);
        }
    }
    Ok(ReadOnly { statement, binds })
}

/// Words that no question needs outside of quotes.
const ACTS: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "OUTFILE"];

/// Pairs of words by which a SELECT takes locks.
const LOCKS: [[&str; 2]; 5] = [["FOR", "UPDATE"], ["FOR", "SHARE"], ["FOR", "NO"], ["FOR", "KEY"], ["IN", "SHARE"]];

/// Functions that end, lock, wait, write or read files although they stand in a SELECT.
fn acts_as_function(word: &str) -> bool {
    const NAMES: [&str; 22] = [
        "pg_terminate_backend",
        "pg_cancel_backend",
        "pg_reload_conf",
        "pg_rotate_logfile",
        "pg_switch_wal",
        "pg_promote",
        "pg_wal_replay_pause",
        "pg_wal_replay_resume",
        "pg_drop_replication_slot",
        "pg_read_file",
        "pg_read_binary_file",
        "pg_sleep",
        "set_config",
        "setval",
        "nextval",
        "get_lock",
        "load_file",
        "sleep",
        "benchmark",
        "load_extension",
        "writefile",
        "readfile",
    ];
    const BEGINNINGS: [&str; 8] =
        ["pg_advisory_", "pg_try_advisory_", "pg_stat_reset", "pg_stat_statements_reset", "pg_create_", "dblink", "lo_", "pg_logical_"];
    let word = word.to_ascii_lowercase();
    NAMES.contains(&word.as_str()) || BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
}

/// PRAGMAs that only tell; those that take an argument take a table's name.
fn pragma(tokens: &[Token<'_>]) -> Result<(), Refused> {
    const TELLS: [&str; 20] = [
        "integrity_check",
        "quick_check",
        "foreign_key_check",
        "foreign_key_list",
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "database_list",
        "collation_list",
        "compile_options",
        "page_count",
        "page_size",
        "freelist_count",
        "user_version",
        "schema_version",
        "application_id",
        "encoding",
    ];
    const TAKE_A_NAME: [&str; 9] = [
        "integrity_check",
        "quick_check",
        "foreign_key_check",
        "foreign_key_list",
        "table_info",
        "table_xinfo",
        "index_list",
        "index_info",
        "index_xinfo",
    ];
    let name = tokens.get(1).map_or("", |token| token.text).to_ascii_lowercase();
    let fits = TELLS.contains(&name.as_str()) && (tokens.len() == 2 || TAKE_A_NAME.contains(&name.as_str()) && tokens[2].text == "(");
    if fits { Ok(()) } else { Err(Refused::Acts(format!("PRAGMA {name}"))) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Bind,
    Other,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    end: usize,
}

/// Words, values to bind and single signs; comments are left out, and a text in quotes is one sign.
fn tokens(text: &str) -> Result<Vec<Token<'_>>, Refused> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (length, kind) = match first {
            c if c.is_whitespace() => (c.len_utf8(), None),
            '-' if rest.starts_with("--") => (line_comment(rest)?, None),
            '/' if rest.starts_with("/*") => (comment(rest)?, None),
            '\'' | '"' | '`' => (quoted(rest, first)?, Some(Kind::Other)),
            '#' if !rest.starts_with("#>") => return Err(Refused::Ambiguous("`#`: a comment is written `-- …`")),
            '$' => return Err(Refused::Ambiguous("`$`: write text in single quotes, and values as `:name` under `bind`")),
            ':' if rest.starts_with("::") => (2, Some(Kind::Other)),
            ':' if word_length(&rest[1..]) > 0 => (1 + word_length(&rest[1..]), Some(Kind::Bind)),
            _ if word_length(rest) > 0 => (word_length(rest), Some(Kind::Word)),
            c => (c.len_utf8(), Some(Kind::Other)),
        };
        if let Some(kind) = kind {
            tokens.push(Token { kind, text: &rest[..length], end: at + length });
        }
        at += length;
    }
    Ok(tokens)
}

/// Bytes of the word that `text` begins with. Numbers are words too: `1e5` is no name.
fn word_length(text: &str) -> usize {
    let mut length = 0;
    for c in text.chars() {
        // `x$processlist` is a name, `$1` and `$$` are not.
        if !(c.is_alphanumeric() || c == '_' || c == '$' && length > 0) {
            break;
        }
        length += c.len_utf8();
    }
    length
}

fn line_comment(rest: &str) -> Result<usize, Refused> {
    if !rest[2..].is_empty() && !rest[2..].starts_with(char::is_whitespace) {
        return Err(Refused::Ambiguous("`--` without a space behind it"));
    }
    Ok(rest.find('\n').unwrap_or(rest.len()))
}

fn comment(rest: &str) -> Result<usize, Refused> {
    let inside = &rest[2..];
    if inside.starts_with(['!', 'M', '+']) {
        return Err(Refused::Ambiguous("`/*!`, `/*M` and `/*+`: what some run is a comment to others"));
    }
    let end = inside.find("*/").ok_or(Refused::Unended(Part::Comment))?;
    if inside[..end].contains("/*") {
        return Err(Refused::Ambiguous("comments inside comments"));
    }
    Ok(end + 4)
}

fn quoted(rest: &str, quote: char) -> Result<usize, Refused> {
    let mut signs = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = signs.next() {
        if c == '\\' && quote != '`' && signs.peek().is_some_and(|(_, next)| *next == quote || *next == '\\') {
            return Err(Refused::Ambiguous("a backslash before a quote: give the value under `bind`"));
        }
        if c == quote && signs.next_if(|(_, next)| *next == quote).is_none() {
            return Ok(at + 1);
        }
    }
    Err(Refused::Unended(Part::Quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str) {
        assert!(read_only(text).is_ok(), "{text}: {:?}", read_only(text));
    }

    #[track_caller]
    fn refuses(text: &str, reason: &str) {
        let refusal = read_only(text).expect_err(text).to_string();
        assert!(refusal.contains(reason), "{text}: {refusal}");
    }

    #[test]
    fn questions_are_let_through() {
        reads("select 1");
        reads("  (SELECT 1) UNION (SELECT 2) ;\n");
        reads("with x as (select 1) select * from x");
        reads("show global status where variable_name = 'Uptime'");
        reads("values (1), (2)");
        reads("table batch_runs");
        reads("pragma table_info(orders)");
        reads("select 'drop; delete' as \"update\", `into` from sys.x$processlist -- it's; fine\n where data #>> '{a}' = 'b'");
        reads("select replace(a, 'x', 'y'), updated_at, truncate(b, 2) from t /* delete */");
    }

    #[test]
    fn what_does_more_than_read_is_refused() {
        refuses("delete from t", "begins with `delete`");
        refuses("explain analyze delete from t", "begins with `explain`");
        refuses("begin", "begins with");
        refuses("with gone as (delete from t returning *) select * from gone", "`delete`");
        refuses("select * into backup from t", "`into`");
        refuses("select * from t for update", "`update`");
        refuses("select * from t FOR  SHARE", "`FOR SHARE`");
        refuses("select * from t lock in share mode", "`in share`");
        refuses("select pg_terminate_backend(1)", "pg_terminate_backend");
        refuses("select sleep(100)", "sleep");
        refuses("pragma journal_mode = delete", "PRAGMA journal_mode");
        refuses("pragma user_version = 5", "PRAGMA user_version");
        refuses("pragma writable_schema(1)", "PRAGMA writable_schema");
        refuses("", "no statement");
        refuses("-- nothing", "no statement");
    }

    #[test]
    fn several_statements_are_refused_wherever_the_second_hides() {
        refuses("select 1; drop table t", "several");
        refuses("select ';' ; ; select 2", "several");
        refuses("select 1 /* ; */ ; delete from t", "several");
    }

    #[test]
    fn what_databases_read_differently_is_refused() {
        refuses(r"select 'a\' ; delete from t -- '", "backslash");
        refuses("select $$ ' $$ ; delete from t -- '", "`$`");
        refuses("select 1 # '\n; delete from t -- '", "`#`");
        refuses("select 1 /*! ; delete from t */", "`/*!`");
        refuses("select 1 /* a /* b */ ; delete from t */", "inside");
        refuses("select 1--1", "`--`");
        refuses("select 'open", "no end");
        refuses("select 1 /* open", "no end");
    }

    #[test]
    fn values_to_bind_are_found_outside_of_quotes_only() {
        let read = read_only("select a::text from t where p = :p and q = ':no' and r in (:r, :p);").unwrap();
        assert_eq!(read.binds, ["p", "r"]);
        assert_eq!(read.statement, "select a::text from t where p = :p and q = ':no' and r in (:r, :p)");
    }
}
