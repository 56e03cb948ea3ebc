//! JSON as loaders of the field read it: RFC 8259 plus a byte order mark and `NaN`, `Infinity`, `-Infinity`, which
//! Python's `json` accepts.
//!
//! Our own reader, because no kept crate gives spans, keeps keys that stand twice (a safetensors header with two
//! entries of one name has two readings) and pays a budget.

use super::{Entry, MAX_NESTING, NODE_BYTES, Node, SyntaxError, Value};
use std::ops::Range;
use wellhead_core::Budget;

/// Reads a JSON text.
///
/// # Errors
/// Where it is not JSON, nests deeper than [`MAX_NESTING`], or costs more than the budget has.
pub fn json(text: &str, budget: &mut Budget) -> Result<Node, SyntaxError> {
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        budget,
    };
    if text.starts_with('\u{feff}') {
        reader.at = 3;
    }
    let node = reader.value(0)?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.wrong("expected the end of the text"));
    }
    Ok(node)
}

struct Reader<'a, 'b> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    budget: &'b mut Budget,
}

impl Reader<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self, n: usize) {
        self.at = self.at.saturating_add(n).min(self.bytes.len());
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step(1);
        }
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    fn wrong(&self, message: &str) -> SyntaxError {
        let found = self.slice(self.at..self.bytes.len()).chars().next();
        let width = found.map_or(0, char::len_utf8);
        let found = found.map_or_else(|| "the end".to_owned(), |c| wellhead_core::code(&c.to_string()));
        SyntaxError::new(
            format!("{message}, found {found}"),
            self.at..self.at.saturating_add(width),
        )
    }

    fn pay(&mut self) -> Result<(), SyntaxError> {
        let at = self.at;
        self.budget.steps(1).map_err(|e| SyntaxError::exhausted(e, at))?;
        self.budget
            .memory(NODE_BYTES)
            .map_err(|e| SyntaxError::exhausted(e, at))
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxError> {
        self.space();
        self.pay()?;
        if depth > MAX_NESTING {
            return Err(self.wrong(&format!("nested deeper than {MAX_NESTING} levels")));
        }
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node::new(start..self.at, value))
    }

    fn word(&mut self) -> Result<Value, SyntaxError> {
        let rest = self.slice(self.at..self.bytes.len());
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Number("NaN".to_owned())),
            ("Infinity", Value::Number("Infinity".to_owned())),
        ];
        let Some((word, value)) = words.into_iter().find(|(word, _)| rest.starts_with(word)) else {
            return Err(self.wrong("expected a value"));
        };
        self.step(word.len());
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.step(1);
        }
        if self.slice(self.at..self.bytes.len()).starts_with("Infinity") {
            self.step("Infinity".len());
            return Ok(Value::Number("-Infinity".to_owned()));
        }
        let digits = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step(1);
        }
        let whole = self.at.saturating_sub(digits);
        if whole == 0 || (whole > 1 && self.bytes.get(digits) == Some(&b'0')) {
            return Err(self.wrong("expected a number without leading zeros"));
        }
        if self.peek() == Some(b'.') {
            self.step(1);
            self.some_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.step(1);
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.step(1);
            }
            self.some_digits()?;
        }
        Ok(Value::Number(self.slice(start..self.at).to_owned()))
    }

    fn some_digits(&mut self) -> Result<(), SyntaxError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step(1);
        }
        if self.at == start {
            Err(self.wrong("expected digits"))
        } else {
            Ok(())
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        self.step(1);
        let mut out = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b != b'"' && b != b'\\' && b >= 0x20) {
                self.step(1);
            }
            out.push_str(self.slice(start..self.at));
            match self.peek() {
                Some(b'"') => {
                    self.step(1);
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.wrong("expected the end of the string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        self.step(1);
        let c = match self.peek() {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b @ (b'"' | b'\\' | b'/')) => char::from(b),
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.wrong("expected an escape")),
        };
        self.step(1);
        Ok(c)
    }

    /// `\uXXXX`, or a pair of them; a lone surrogate becomes U+FFFD, as loaders that keep it cannot encode it.
    fn unicode_escape(&mut self) -> Result<char, SyntaxError> {
        let high = self.hex4()?;
        if (0xd800..0xdc00).contains(&high) && self.slice(self.at..self.bytes.len()).starts_with("\\u") {
            let back = self.at;
            self.step(1);
            let low = self.hex4()?;
            if (0xdc00..0xe000).contains(&low) {
                let high = high.saturating_sub(0xd800).wrapping_shl(10);
                let code = high
                    .saturating_add(low.saturating_sub(0xdc00))
                    .saturating_add(0x1_0000);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            self.at = back;
        }
        Ok(char::from_u32(high).unwrap_or('\u{fffd}'))
    }

    /// The four digits after the `u` that the reader stands on.
    fn hex4(&mut self) -> Result<u32, SyntaxError> {
        self.step(1);
        let digits = self.slice(self.at..self.at.saturating_add(4).min(self.bytes.len()));
        let code = Some(digits)
            .filter(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|d| u32::from_str_radix(d, 16).ok());
        match code {
            Some(code) => {
                self.step(4);
                Ok(code)
            }
            None => Err(self.wrong("expected four hexadecimal digits")),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.step(1);
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.step(1);
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth.saturating_add(1))?);
            self.space();
            match self.peek() {
                Some(b',') => self.step(1),
                Some(b']') => {
                    self.step(1);
                    return Ok(Value::Array(items));
                }
                _ => return Err(self.wrong("expected `,` or `]`")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.step(1);
        let mut entries = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.step(1);
            return Ok(Value::Table(entries));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("expected a key in quotes"));
            }
            let start = self.at;
            let key = self.string()?;
            let key_span = start..self.at;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.wrong("expected `:`"));
            }
            self.step(1);
            let node = self.value(depth.saturating_add(1))?;
            entries.push(Entry { key, key_span, node });
            self.space();
            match self.peek() {
                Some(b',') => self.step(1),
                Some(b'}') => {
                    self.step(1);
                    return Ok(Value::Table(entries));
                }
                _ => return Err(self.wrong("expected `,` or `}`")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Node, SyntaxError> {
        json(text, &mut Budget::default())
    }

    #[test]
    fn values_know_their_bytes_and_double_keys_stay() {
        let text = r#" {"a": [1, -2.5e3], "a": "x\u00e9\ud83d\ude00"} "#;
        let node = read(text).unwrap();
        assert_eq!(node.entries().len(), 2);
        assert_eq!(node.get("a").unwrap().as_str(), Some("xé😀"));
        let second = &node.entries()[0].node.items()[1];
        assert_eq!(&text[second.span.clone()], "-2.5e3");
    }

    #[test]
    fn errors_say_what_was_expected_and_where() {
        for (text, message, at) in [
            ("", "expected a value, found the end", 0),
            ("{\"a\" 1}", "expected `:`, found `1`", 5),
            ("[1 2]", "expected `,` or `]`, found `2`", 3),
            ("[01]", "expected a number without leading zeros, found `]`", 3),
            ("\"a", "expected the end of the string, found the end", 2),
            ("\"\\x\"", "expected an escape, found `x`", 2),
            ("1 1", "expected the end of the text, found `1`", 2),
            ("{a:1}", "expected a key in quotes, found `a`", 1),
        ] {
            let e = read(text).unwrap_err();
            assert_eq!((e.message.as_str(), e.span.start), (message, at), "{text}");
        }
    }

    #[test]
    fn what_python_accepts_is_accepted() {
        for text in ["NaN", "-Infinity", "\u{feff}{}", "\"\\ud800\"", "[1E+2]"] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn depth_and_memory_are_bounded() {
        assert!(
            read(&"[".repeat(1_000_000))
                .unwrap_err()
                .message
                .starts_with("nested deeper")
        );
        let wide = format!("[{}1]", "1,".repeat(3_000_000));
        assert!(read(&wide).unwrap_err().exhausted.is_some());
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = read(&text);
        }

        #[test]
        fn agrees_with_serde_json(text in "[\\[\\]{}:,\"a0-9.eE+\\-\\\\u ntrfl]{0,24}") {
            let ours = read(&text).is_ok();
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            // A lone surrogate is the one thing that we accept and serde does not; numbers out of range another.
            if theirs {
                prop_assert!(ours, "{}", text);
            }
        }
    }
}
