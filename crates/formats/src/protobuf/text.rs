//! Messages written as text: `name: value`, `name { … }`.
//!
//! What Google's reader takes is taken: `:` before a message, `<` and `>` for braces, `,` and `;` between fields, strings in
//! single or double quotes that are joined where they stand side by side, lists in brackets, comments from `#` on.

use std::{iter::Peekable, str::CharIndices};
use wellhead_core::Budget;

/// How deep messages may nest; readers stop at a hundred.
const MAX_NESTING: u32 = 100;

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) value: Value,
    /// Where it begins, in bytes.
    pub(crate) at: u64,
    /// Where it ends.
    pub(crate) end: u64,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string without its quotes, a number, a word.
    Scalar(String),
    /// A message.
    Message(Vec<Entry>),
}

/// Why a text is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) at: u64,
    pub(crate) words: String,
}

/// Reads a message.
pub(crate) fn parse(text: &str, budget: &mut Budget) -> Result<Vec<Entry>, SyntaxError> {
    let mut reader = Reader {
        chars: text.char_indices().peekable(),
        length: text.len(),
        budget,
    };
    reader.message(None, 0)
}

struct Reader<'t, 'b> {
    chars: Peekable<CharIndices<'t>>,
    length: usize,
    budget: &'b mut Budget,
}

impl Reader<'_, '_> {
    fn at(&mut self) -> u64 {
        self.chars.peek().map_or(self.length, |(i, _)| *i) as u64
    }

    fn wrong(&mut self, words: &str) -> SyntaxError {
        SyntaxError {
            at: self.at(),
            words: words.to_owned(),
        }
    }

    fn pay(&mut self, bytes: usize) -> Result<(), SyntaxError> {
        let paid = self
            .budget
            .steps(1)
            .and_then(|()| self.budget.memory(bytes as u64));
        paid.map_err(|e| self.wrong(&e.to_string()))
    }

    fn peek(&mut self) -> Option<char> {
        while let Some((_, c)) = self.chars.peek().copied() {
            if c == '#' {
                while self.chars.next_if(|(_, c)| *c != '\n').is_some() {}
            } else if !c.is_whitespace() {
                return Some(c);
            } else {
                self.chars.next();
            }
        }
        None
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.chars.next();
        }
        found
    }

    fn message(&mut self, end: Option<char>, depth: u32) -> Result<Vec<Entry>, SyntaxError> {
        if depth > MAX_NESTING {
            return Err(self.wrong("messages nest deeper than readers go"));
        }
        let mut entries = Vec::new();
        loop {
            let next = self.peek();
            if next == end {
                self.chars.next();
                return Ok(entries);
            }
            if next.is_none() {
                return Err(self.wrong("the text ends inside of a message"));
            }
            if self.take(',') || self.take(';') {
                continue;
            }
            self.field(&mut entries, depth)?;
        }
    }

    fn field(&mut self, entries: &mut Vec<Entry>, depth: u32) -> Result<(), SyntaxError> {
        let at = self.at();
        let name = self.name()?;
        let colon = self.take(':');
        if self.take('[') {
            while !self.take(']') {
                if self.peek().is_none() {
                    return Err(self.wrong("the text ends inside of a list"));
                }
                if !self.take(',') {
                    self.value(entries, &name, at, depth)?;
                }
            }
            return Ok(());
        }
        if !colon && !matches!(self.peek(), Some('{' | '<')) {
            return Err(self.wrong("a name is followed by neither a value nor a message"));
        }
        self.value(entries, &name, at, depth)
    }

    fn value(
        &mut self,
        entries: &mut Vec<Entry>,
        name: &str,
        at: u64,
        depth: u32,
    ) -> Result<(), SyntaxError> {
        self.pay(name.len().saturating_add(96))?;
        let deeper = depth.saturating_add(1);
        let value = if self.take('{') {
            Value::Message(self.message(Some('}'), deeper)?)
        } else if self.take('<') {
            Value::Message(self.message(Some('>'), deeper)?)
        } else {
            Value::Scalar(self.scalar()?)
        };
        let end = self.at();
        entries.push(Entry {
            name: name.to_owned(),
            value,
            at,
            end,
        });
        Ok(())
    }

    /// A name, or that of an extension in brackets.
    fn name(&mut self) -> Result<String, SyntaxError> {
        let bracket = self.take('[');
        let name = self.word();
        if name.is_empty() || (bracket && !self.take(']')) {
            return Err(self.wrong("a field without a name"));
        }
        Ok(name)
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        self.peek();
        while let Some((_, c)) = self
            .chars
            .next_if(|(_, c)| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | '/'))
        {
            word.push(c);
        }
        word
    }

    fn scalar(&mut self) -> Result<String, SyntaxError> {
        let mut out = String::new();
        let mut quoted = false;
        while let Some(quote @ ('"' | '\'')) = self.peek() {
            quoted = true;
            self.chars.next();
            self.string(quote, &mut out)?;
        }
        if quoted {
            self.pay(out.len())?;
            return Ok(out);
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.wrong("a value is missing"));
        }
        self.pay(word.len())?;
        Ok(word)
    }

    fn string(&mut self, quote: char, out: &mut String) -> Result<(), SyntaxError> {
        loop {
            match self.chars.next() {
                None => return Err(self.wrong("the text ends inside of a string")),
                Some((_, c)) if c == quote => return Ok(()),
                Some((_, '\\')) => self.escape(out)?,
                Some((_, c)) => out.push(c),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), SyntaxError> {
        let Some((_, c)) = self.chars.next() else {
            return Err(self.wrong("the text ends inside of a string"));
        };
        let number = match c {
            'n' => Some(u32::from(b'\n')),
            't' => Some(u32::from(b'\t')),
            'r' => Some(u32::from(b'\r')),
            'x' | 'X' => Some(self.digits(16, 2, 0)),
            'u' => Some(self.digits(16, 4, 0)),
            'U' => Some(self.digits(16, 8, 0)),
            '0'..='7' => Some(self.digits(8, 2, c.to_digit(8).unwrap_or(0))),
            _ => None,
        };
        out.push(number.map_or(c, |n| char::from_u32(n).unwrap_or(char::REPLACEMENT_CHARACTER)));
        Ok(())
    }

    fn digits(&mut self, radix: u32, most: u32, first: u32) -> u32 {
        let mut number = first;
        for _ in 0..most {
            let Some((_, c)) = self.chars.next_if(|(_, c)| c.is_digit(radix)) else {
                break;
            };
            number = number
                .saturating_mul(radix)
                .saturating_add(c.to_digit(radix).unwrap_or(0));
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields as `name=value` and `name{…}`.
    fn told(entries: &[Entry]) -> String {
        let all: Vec<_> = entries
            .iter()
            .map(|e| match &e.value {
                Value::Scalar(text) => format!("{}={text}", e.name),
                Value::Message(inner) => format!("{}{{{}}}", e.name, told(inner)),
            })
            .collect();
        all.join(" ")
    }

    #[test]
    fn what_the_official_reader_takes_is_taken() {
        for (text, fields) in [
            ("a: 1 b: \"x\"", "a=1 b=x"),
            ("a { b: 'x' \"y\" } c: < d: -1.5e+3 >", "a{b=xy} c{d=-1.5e+3}"),
            ("a: [1, 2] b: [{c: 1}, {c: 2}]", "a=1 a=2 b{c=1} b{c=2}"),
            ("# note\na: true; b: \"\\x41\\102\\n\",", "a=true b=AB\n"),
            ("[a.b/c]: 1", "a.b/c=1"),
            ("", ""),
        ] {
            assert_eq!(
                told(&parse(text, &mut Budget::default()).unwrap()),
                fields,
                "{text}"
            );
        }
    }

    #[test]
    fn what_it_does_not_is_not() {
        for text in ["a", "a: ", "a {", "}", "a: \"x", "a: [1", ": 1", "a b"] {
            assert!(parse(text, &mut Budget::default()).is_err(), "{text}");
        }
        assert!(parse(&"a{".repeat(10_000), &mut Budget::default()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text: String) {
            let _ = parse(&text, &mut Budget::default());
        }
    }
}
