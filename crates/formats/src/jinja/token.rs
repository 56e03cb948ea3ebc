//! Template text to tokens.
//!
//! What is no token is passed over: a template that does not compile runs nothing, but one reader's error is another's
//! extension, so reading goes on.

use std::{ops::Range, rc::Rc};
use wellhead_core::{Budget, Exhausted};

/// A token and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    /// Text between tags.
    Data,
    /// `{{`
    Output,
    /// `{%`
    Statement,
    /// `}}` or `%}`
    End,
    Name(Rc<str>),
    Str(Rc<str>),
    Int(i64),
    Float(f64),
    Op(&'static str),
}

/// What a token costs in memory, roughly.
const TOKEN: u64 = 96;

/// Operators, longer ones before their beginnings.
static OPERATORS: &[&str] = &[
    "**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "(", ")", "[", "]", "{", "}", ",", ":",
    ".", "|", "=", ">", "<", ";",
];

/// Reads a template.
///
/// # Errors
/// If the budget for steps or memory has run out.
pub(super) fn tokens(text: &str, budget: &mut Budget) -> Result<Vec<Token>, Exhausted> {
    let mut lexer = Lexer {
        text,
        at: 0,
        out: Vec::new(),
        budget,
    };
    lexer.template()?;
    Ok(lexer.out)
}

struct Lexer<'a, 'b> {
    text: &'a str,
    at: usize,
    out: Vec<Token>,
    budget: &'b mut Budget,
}

impl<'a> Lexer<'a, '_> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: TokenKind, length: usize) -> Result<(), Exhausted> {
        self.budget.steps(1)?;
        self.budget.memory(TOKEN)?;
        let end = self.at.saturating_add(length).min(self.text.len());
        self.out.push(Token {
            kind,
            span: self.at..end,
        });
        self.at = end;
        Ok(())
    }

    fn step(&mut self, n: usize) {
        self.at = self.at.saturating_add(n).min(self.text.len());
    }

    fn template(&mut self) -> Result<(), Exhausted> {
        while self.at < self.text.len() {
            let rest = self.rest();
            let tag = rest
                .match_indices('{')
                .map(|(i, _)| i)
                .find(|i| matches!(rest.as_bytes().get(i.saturating_add(1)), Some(b'{' | b'%' | b'#')));
            let Some(tag) = tag else {
                return self.push(TokenKind::Data, rest.len());
            };
            if tag > 0 {
                self.push(TokenKind::Data, tag)?;
            }
            match self.rest().as_bytes().get(1) {
                Some(b'#') => {
                    let end = self.rest().find("#}").map_or(usize::MAX, |i| i.saturating_add(2));
                    self.step(end);
                }
                Some(b'%') => self.statement()?,
                _ => {
                    self.push(TokenKind::Output, 2)?;
                    self.tag("}}")?;
                }
            }
        }
        Ok(())
    }

    fn statement(&mut self) -> Result<(), Exhausted> {
        let inner = self.rest().get(2..).unwrap_or_default();
        let word = inner.trim_start_matches(['-', '+']).trim_start();
        if let Some(after) = word.strip_prefix("raw") {
            let close = after.trim_start().trim_start_matches(['-', '+']);
            if let Some(body) = close.strip_prefix("%}") {
                let skipped = self.rest().len().saturating_sub(body.len());
                self.step(skipped);
                let end = end_of_raw(body);
                if end.0 > 0 {
                    self.push(TokenKind::Data, end.0)?;
                }
                self.step(end.1.saturating_sub(end.0));
                return Ok(());
            }
        }
        self.push(TokenKind::Statement, 2)?;
        self.tag("%}")
    }

    /// The tokens of a tag and its end.
    fn tag(&mut self, close: &str) -> Result<(), Exhausted> {
        if self.rest().starts_with(['-', '+']) {
            self.step(1);
        }
        let mut open = 0_u32;
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else {
                return self.push(TokenKind::End, 0);
            };
            if open == 0 {
                let marked =
                    rest.starts_with(['-', '+']) && rest.get(1..).is_some_and(|r| r.starts_with(close));
                if marked || rest.starts_with(close) {
                    return self.push(TokenKind::End, if marked { 3 } else { 2 });
                }
            }
            match c {
                '{' | '[' | '(' => open = open.saturating_add(1),
                '}' | ']' | ')' => open = open.saturating_sub(1),
                _ => {}
            }
            self.token(c)?;
        }
    }

    fn token(&mut self, c: char) -> Result<(), Exhausted> {
        let rest = self.rest();
        if c.is_whitespace() {
            self.step(c.len_utf8());
            return Ok(());
        }
        if c.is_alphabetic() || c == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            let name = Rc::from(rest.get(..length).unwrap_or_default());
            return self.push(TokenKind::Name(name), length);
        }
        if c.is_ascii_digit() {
            return self.number();
        }
        if c == '\'' || c == '"' {
            return self.string(c);
        }
        match OPERATORS.iter().find(|op| rest.starts_with(**op)) {
            Some(op) => self.push(TokenKind::Op(op), op.len()),
            None => {
                self.step(c.len_utf8());
                Ok(())
            }
        }
    }

    fn number(&mut self) -> Result<(), Exhausted> {
        let rest = self.rest();
        let radix = match rest.get(..2) {
            Some("0x" | "0X") => 16,
            Some("0b" | "0B") => 2,
            Some("0o" | "0O") => 8,
            _ => 10,
        };
        let skip = if radix == 10 { 0 } else { 2 };
        let digits = rest.get(skip..).unwrap_or_default();
        let length = digits
            .find(|c: char| !(c.is_digit(radix) || c == '_'))
            .unwrap_or(digits.len());
        let clean: String = digits.chars().take(length).filter(|c| *c != '_').collect();
        let length = length.saturating_add(skip);
        let tail = rest.get(length..).unwrap_or_default();
        let fraction = tail
            .strip_prefix('.')
            .filter(|t| t.starts_with(|c: char| c.is_ascii_digit()));
        let exponent = tail.starts_with(['e', 'E']) && radix == 10;
        if radix == 10 && (fraction.is_some() || exponent) {
            let more = tail
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
                .unwrap_or(tail.len());
            let whole = length.saturating_add(more);
            let text: String = rest.chars().take(whole).filter(|c| *c != '_').collect();
            return self.push(TokenKind::Float(text.parse().unwrap_or(0.0)), whole);
        }
        let value = i64::from_str_radix(&clean, radix).unwrap_or(i64::MAX);
        self.push(TokenKind::Int(value), length)
    }

    fn string(&mut self, quote: char) -> Result<(), Exhausted> {
        let body = self.rest().get(1..).unwrap_or_default();
        let mut escaped = false;
        let mut end = None;
        for (i, c) in body.char_indices() {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                end = Some(i);
                break;
            }
        }
        let length = end.unwrap_or(body.len());
        self.budget.memory(length as u64)?;
        self.budget.steps(length as u64 / 16)?;
        let text = Rc::from(unescaped(body.get(..length).unwrap_or_default()));
        self.push(
            TokenKind::Str(text),
            length.saturating_add(if end.is_some() { 2 } else { 1 }),
        )
    }
}

/// The length of what stands before `{% endraw %}`, and of all up to its end.
fn end_of_raw(body: &str) -> (usize, usize) {
    let mut from = 0;
    while let Some(found) = body.get(from..).and_then(|b| b.find("{%")) {
        let start = from.saturating_add(found);
        let tag = body.get(start.saturating_add(2)..).unwrap_or_default();
        let word = tag.trim_start_matches(['-', '+']).trim_start();
        if let Some(after) = word.strip_prefix("endraw") {
            let close = after.trim_start().trim_start_matches(['-', '+']);
            if let Some(behind) = close.strip_prefix("%}") {
                return (start, body.len().saturating_sub(behind.len()));
            }
        }
        from = start.saturating_add(2);
    }
    (body.len(), body.len())
}

/// A literal's text with Python's escapes resolved.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let Some(c) = after.chars().next() else {
            out.push('\\');
            return out;
        };
        let behind = after.get(c.len_utf8()..).unwrap_or_default();
        let (decoded, used) = match c {
            'n' => (Some('\n'), 0),
            't' => (Some('\t'), 0),
            'r' => (Some('\r'), 0),
            'a' => (Some('\x07'), 0),
            'b' => (Some('\x08'), 0),
            'f' => (Some('\x0c'), 0),
            'v' => (Some('\x0b'), 0),
            '\\' | '\'' | '"' => (Some(c), 0),
            '\n' => (None, 0),
            'x' => coded(behind, 2, 16),
            'u' => coded(behind, 4, 16),
            'U' => coded(behind, 8, 16),
            'N' => named(behind),
            '0'..='7' => {
                let (decoded, used) = coded(after, 3, 8);
                (decoded, used.saturating_sub(1))
            }
            _ => {
                out.push('\\');
                (Some(c), 0)
            }
        };
        out.extend(decoded);
        rest = behind.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// A character by its number in at most so many digits, and how many there are.
fn coded(text: &str, most: usize, radix: u32) -> (Option<char>, usize) {
    let digits: String = text
        .chars()
        .take(most)
        .take_while(|c| c.is_digit(radix))
        .collect();
    let code = u32::from_str_radix(&digits, radix).ok();
    (
        Some(
            code.and_then(char::from_u32)
                .unwrap_or(char::REPLACEMENT_CHARACTER),
        ),
        digits.len(),
    )
}

/// A character by its name: `{LOW LINE}`. Of the thousands of names only those are known that names are made of.
fn named(text: &str) -> (Option<char>, usize) {
    let Some((name, _)) = text.strip_prefix('{').and_then(|t| t.split_once('}')) else {
        return (Some(char::REPLACEMENT_CHARACTER), 0);
    };
    let used = name.len().saturating_add(2);
    let upper = name.to_uppercase();
    let letter = upper
        .strip_prefix("LATIN SMALL LETTER ")
        .map(str::to_lowercase)
        .or_else(|| upper.strip_prefix("LATIN CAPITAL LETTER ").map(str::to_owned));
    let decoded = match upper.as_str() {
        "LOW LINE" => Some('_'),
        "FULL STOP" => Some('.'),
        "SPACE" => Some(' '),
        _ => letter.filter(|l| l.len() == 1).and_then(|l| l.chars().next()),
    };
    (Some(decoded.unwrap_or(char::REPLACEMENT_CHARACTER)), used)
}
