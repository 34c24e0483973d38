//! From text to tokens: literals with units, words, signs, and the slips that people bring from elsewhere. Nothing here
//! knows what a name means.

use std::ops::Range;

use super::fault::Fault;
use super::limits;
use crate::model::unit::{self, Literal};

/// How long an expression may be.
pub(super) const MAX_BYTES: usize = 2_000;

/// A token and its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) range: Range<usize>,
    pub(super) kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// A field, a variable, a function.
    Name(String),
    Quantity(Literal),
    Text(String),
    Boolean(bool),
    Null,
    Not,
    /// A sign or operator, as CEL writes it.
    Sign(&'static str),
}

/// The tokens of `source`.
///
/// # Errors
/// Every slip that can be seen without knowing what the names mean.
pub(super) fn lex(source: &str) -> Result<Vec<Token>, Vec<Fault>> {
    if source.len() > MAX_BYTES {
        let fault = Fault::new(0..source.len(), format!("the expression has {} bytes, {MAX_BYTES} are allowed", source.len()));
        return Err(vec![fault.with_help("judge in several checks, or compute in the query")]);
    }
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), faults: Vec::new() };
    lexer.run();
    if lexer.faults.is_empty() {
        lexer.look_at_neighbours();
        lexer.faults.extend(limits::fault(source, &lexer.tokens));
    }
    if lexer.tokens.is_empty() && lexer.faults.is_empty() {
        lexer.faults.push(Fault::new(0..source.len(), "the expression is empty"));
    }
    if lexer.faults.is_empty() { Ok(lexer.tokens) } else { Err(lexer.faults) }
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
    faults: Vec<Fault>,
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 20] = ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]", ",", ".", "?", ":"];

/// What people write instead of a sign, what to say, and what to write.
const SLIPS: [(&str, &str, &str); 18] = [
    ("=~", "`=~` is not a sign here", "write field.matches(\"…\")"),
    ("!~", "`!~` is not a sign here", "write not field.matches(\"…\")"),
    ("=>", "`=>` is not a sign here", "write >="),
    ("=<", "`=<` is not a sign here", "write <="),
    ("<>", "`<>` is not a sign here", "write !="),
    ("===", "`===` is not a sign here", "write =="),
    ("!==", "`!==` is not a sign here", "write !="),
    ("**", "`**` is not a sign here", "write the product"),
    ("//", "`//` is not a sign here", "write / (it never truncates)"),
    ("=", "`=` alone does not compare", "write =="),
    ("!", "`!` is a tag in YAML, and binds tighter than it looks", "write not"),
    ("&", "`&` alone is not a sign here", "write and"),
    ("|", "`|` alone is not a sign here", "write or"),
    ("%", "a percent sign stands directly behind a number", "write 20%"),
    ("{", "braces have no meaning in an expression", "names are written bare: free_pct, labels.zone"),
    ("}", "braces have no meaning in an expression", "names are written bare: free_pct, labels.zone"),
    ("$", "`$` has no meaning in an expression", "names are written bare: free_pct, labels.zone"),
    ("`", "names are never quoted", "text stands in \"…\", names stand bare"),
];

impl Lexer<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            let start = self.at;
            match c {
                ' ' | '\t' | '\n' | '\r' => self.at += 1,
                '0'..='9' => self.number(),
                '"' | '\'' => self.text(start, false),
                'r' if self.rest()[1..].starts_with(['"', '\'']) => {
                    self.at += 1;
                    self.text(start, true);
                }
                'a'..='z' | 'A'..='Z' | '_' => self.word(),
                _ if c.is_ascii() => self.sign(c),
                _ => self.foreign(c),
            }
        }
    }

    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn push(&mut self, start: usize, kind: TokenKind) {
        self.tokens.push(Token { range: start..self.at, kind });
    }

    fn fault(&mut self, start: usize, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Fault::new(start..self.at, message).with_help(help));
    }

    fn number(&mut self) {
        let start = self.at;
        match unit::scan(self.rest()) {
            Ok((literal, length)) => {
                self.at += length;
                let (Literal::Number(number) | Literal::Percent(number) | Literal::Bytes(number) | Literal::Duration(number)) = literal;
                let rest = self.rest();
                if rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                    self.at += rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
                    let written = self.source[start..self.at].to_owned();
                    return self.fault(start, format!("`{written}` is no number"), format!("a version is text: \"{written}\""));
                }
                if !number.is_finite() {
                    self.fault(start, "this number is larger than a double holds", "write a smaller one");
                }
                self.push(start, TokenKind::Quantity(literal));
            }
            Err(error) => {
                self.at += self.rest().find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(self.rest().len());
                let written = self.source[start..self.at].to_owned();
                self.faults.push(Fault::new(start..self.at, format!("`{written}`: {error}")));
            }
        }
    }

    fn text(&mut self, start: usize, raw: bool) {
        let quote = self.rest().as_bytes()[0];
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.rest().chars().next() {
            let here = self.at;
            self.at += c.len_utf8();
            match c {
                _ if c == quote as char => return self.push(start, TokenKind::Text(text)),
                '\\' if !raw => match self.escape() {
                    Some(c) => text.push(c),
                    None => {
                        let written = self.source[here..self.at].to_owned();
                        self.fault(
                            here,
                            format!("`{written}` is no escape"),
                            "write \\\\ for a backslash, or r\"…\" for a text without escapes",
                        );
                    }
                },
                _ => text.push(c),
            }
        }
        self.fault(start, "this text is not closed", format!("end it with {}", quote as char));
    }

    /// The character of the escape behind a backslash.
    fn escape(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        match c {
            '\\' | '"' | '\'' => Some(c),
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'u' => {
                let code = self.rest().get(..4)?;
                let found = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
                self.at += 4;
                Some(found)
            }
            _ => None,
        }
    }

    fn word(&mut self) {
        let start = self.at;
        self.at += self.rest().find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest().len());
        let kind = match &self.source[start..self.at] {
            "and" => TokenKind::Sign("&&"),
            "or" => TokenKind::Sign("||"),
            "in" => TokenKind::Sign("in"),
            "not" => TokenKind::Not,
            "true" => TokenKind::Boolean(true),
            "false" => TokenKind::Boolean(false),
            "null" => TokenKind::Null,
            name => TokenKind::Name(name.to_owned()),
        };
        self.push(start, kind);
    }

    fn sign(&mut self, c: char) {
        let start = self.at;
        let sign = SIGNS.into_iter().find(|sign| self.rest().starts_with(sign));
        let slip = SLIPS.into_iter().filter(|(slip, ..)| self.rest().starts_with(slip)).max_by_key(|(slip, ..)| slip.len());
        match (sign, slip) {
            (sign, Some((slip, message, help))) if slip.len() > sign.map_or(0, str::len) => {
                self.at += slip.len();
                self.fault(start, message, help);
            }
            (Some(sign), _) => {
                self.at += sign.len();
                self.push(start, TokenKind::Sign(sign));
            }
            (None, _) => {
                self.at += 1;
                self.faults.push(Fault::new(start..self.at, format!("`{}` has no meaning in an expression", c.escape_default())));
            }
        }
    }

    /// A character from beyond ASCII outside of quotes: a full-width twin of a sign, a quotation mark, or text.
    fn foreign(&mut self, c: char) {
        let start = self.at;
        self.at += c.len_utf8();
        if "“”„‟‘’「」『』《》".contains(c) {
            // What stands between such marks was meant as text: one fault for all of it.
            let closing = self.rest().find(|c| "”’」』》“".contains(c));
            self.at += closing.map_or(0, |end| end + self.rest()[end..].chars().next().map_or(0, char::len_utf8));
            return self.fault(start, format!("`{c}` is not the quotation mark of a keyboard"), "write \"…\"");
        }
        let twin = match c {
            '≥' => Some(">=".to_owned()),
            '≤' => Some("<=".to_owned()),
            '≠' => Some("!=".to_owned()),
            '×' => Some("*".to_owned()),
            '÷' => Some("/".to_owned()),
            '−' | '–' | '—' => Some("-".to_owned()),
            '、' => Some(",".to_owned()),
            '。' => Some(".".to_owned()),
            '！' => Some("not, or !=".to_owned()),
            '＝' => Some("==".to_owned()),
            '\u{3000}' | '\u{a0}' | '\u{feff}' | '\u{2000}'..='\u{200b}' => Some("an ordinary space".to_owned()),
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).map(String::from),
            _ => None,
        };
        if let Some(twin) = twin {
            return self.fault(start, format!("`{}` is not the sign of a keyboard", shown(c)), format!("write {twin}"));
        }
        self.at += self.rest().find(|c: char| c.is_ascii() || !c.is_alphanumeric()).unwrap_or(self.rest().len());
        let written: String = self.source[start..self.at].chars().map(shown).collect();
        self.fault(start, format!("`{written}` is no name"), "names are ASCII, text stands in \"…\"");
    }

    /// Slips that take two tokens.
    fn look_at_neighbours(&mut self) {
        if let Some(Token { range, kind: TokenKind::Sign(".") }) = self.tokens.first() {
            self.faults.push(Fault::new(range.clone(), "a dot stands between a name and its part").with_help("write labels.zone, 0.5"));
        }
        for pair in self.tokens.windows(2) {
            let range = pair[0].range.start..pair[1].range.end;
            let fault = match (&pair[0].kind, &pair[1].kind) {
                (TokenKind::Not, TokenKind::Sign("in")) => {
                    Fault::new(range, "`not in` is not an operator here").with_help("put not in front: not x in [1, 2]")
                }
                (TokenKind::Sign("-"), TokenKind::Sign("-")) => {
                    Fault::new(range, "two minus signs in a row").with_help("write one, or a bracket")
                }
                (TokenKind::Name(_) | TokenKind::Sign(")" | "]"), TokenKind::Sign("[")) => {
                    Fault::new(range, "the members of a list have no numbers").with_help("ask for them: list.exists(x, x == \"a\")")
                }
                (before, TokenKind::Sign("."))
                    if !matches!(before, TokenKind::Name(_) | TokenKind::Text(_) | TokenKind::Sign(")" | "]")) =>
                {
                    Fault::new(pair[1].range.clone(), "a dot stands between a name and its part").with_help("write labels.zone, 0.5")
                }
                (TokenKind::Sign("["), TokenKind::Sign("]")) => Fault::new(range, "an empty list holds nothing to compare with"),
                (TokenKind::Quantity(_), TokenKind::Name(_) | TokenKind::Quantity(_)) if pair[0].range.end == pair[1].range.start => {
                    Fault::new(range, "a number ends where a name begins").with_help("numbers have no separators: 1000000")
                }
                _ => continue,
            };
            self.faults.push(fault);
        }
    }
}

/// A character as it can be shown on one line.
fn shown(c: char) -> String {
    crate::model::untrusted::visible(c.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<TokenKind> {
        lex(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}")).into_iter().map(|token| token.kind).collect()
    }

    #[track_caller]
    fn refused(source: &str, expected: &str) {
        let faults = lex(source).expect_err(source);
        let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(all.iter().any(|fault| fault.contains(expected)), "{source}: {all:?}");
        for fault in faults {
            assert!(source.get(fault.range.clone()).is_some(), "{source}: {fault:?} lies outside of the text");
        }
    }

    #[test]
    fn literals_take_their_units_along() {
        assert_eq!(
            kinds("free < 1d2h or 20GiB"),
            [
                TokenKind::Name("free".into()),
                TokenKind::Sign("<"),
                TokenKind::Quantity(Literal::Duration(93_600.0)),
                TokenKind::Sign("||"),
                TokenKind::Quantity(Literal::Bytes(20.0 * 1_073_741_824.0)),
            ]
        );
    }

    #[test]
    fn texts_have_escapes_unless_raw() {
        assert_eq!(kinds(r#"'a\\b"'"#), [TokenKind::Text(r#"a\b""#.into())]);
        assert_eq!(kinds(r#"r"\d+""#), [TokenKind::Text(r"\d+".into())]);
        assert_eq!(kinds(r#""\u4e2d“”""#), [TokenKind::Text("中“”".into())]);
        refused(r#""\d""#, "no escape");
        refused(r#""abc"#, "not closed");
    }

    #[test]
    fn slips_from_elsewhere_are_named() {
        for (source, expected) in [
            ("a = 1", "write =="),
            ("a <> 1", "write !="),
            ("a => 1", "write >="),
            ("!a", "write not"),
            ("a & b", "write and"),
            ("a | b", "write or"),
            ("a ＞ 1", "write >"),
            ("a ≥ 1", "write >="),
            ("a == “x y”", "write \"…\""),
            ("（a）", "write ("),
            ("a\u{3000}> 1", "ordinary space"),
            ("磁盘 > 1", "`磁盘` is no name"),
            ("a > 20 %", "directly behind"),
            ("{{ a }}", "written bare"),
            ("a // b", "never truncates"),
            ("a > 5G", "GiB"),
            ("a > 5min", "5m"),
            ("a > 027", "write 27"),
            ("a > 1.2.3", "\"1.2.3\""),
            ("a > 1_000", "no separators"),
            ("a not in [1]", "put not in front"),
            ("a in []", "empty list"),
            ("a - -1", "two minus"),
            ("  ", "empty"),
            (".a", "between a name"),
            ("a > .5", "between a name"),
            ("a[0]", "have no numbers"),
        ] {
            refused(source, expected);
        }
    }

    #[test]
    fn every_slip_is_reported_at_once() {
        assert_eq!(lex("a = 1 ＆ b <> “c”").unwrap_err().len(), 4);
    }
}
