//! Lines with options and indented content.

use super::AssembleError;

/// One line and what is indented below it.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) line: usize,
    pub(super) verb: String,
    /// What stands behind the verb and is no option.
    pub(super) name: String,
    options: Vec<(String, String)>,
    /// The indented lines, with one level taken away.
    pub(super) body: String,
}

impl Item {
    pub(super) fn option(&self, key: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    }

    /// The words behind the name that are no pair of a key and a value.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.options
            .iter()
            .filter(|(_, value)| value.is_empty())
            .map(|(key, _)| key.as_str())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.option(key).is_some()
    }

    /// A number in decimal, or behind `0x` or `0o`.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, AssembleError> {
        let Some(text) = self.option(key) else {
            return Ok(None);
        };
        let parsed = if let Some(hex) = text.strip_prefix("0x") {
            u64::from_str_radix(hex, 16)
        } else if let Some(octal) = text.strip_prefix("0o") {
            u64::from_str_radix(octal, 8)
        } else {
            text.parse()
        };
        parsed
            .map(Some)
            .map_err(|_| self.error(format!("`{key}={text}` is no number")))
    }

    pub(super) fn error(&self, message: impl Into<String>) -> AssembleError {
        AssembleError {
            line: self.line,
            message: message.into(),
        }
    }

    /// The value of an option with `\xNN`, `\n` and `\\` resolved, as bytes.
    pub(super) fn raw(&self, text: &str) -> Result<Vec<u8>, AssembleError> {
        let mut out = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('\\') {
            out.extend(before.as_bytes());
            let mut chars = after.chars();
            match chars.next() {
                Some('n') => out.push(b'\n'),
                Some('s') => out.push(b' '),
                Some('\\') => out.push(b'\\'),
                Some('x') => {
                    let hex: String = chars.by_ref().take(2).collect();
                    out.push(u8::from_str_radix(&hex, 16).map_err(|_| self.error("bad escape"))?);
                }
                _ => return Err(self.error("bad escape")),
            }
            rest = chars.as_str();
        }
        out.extend(rest.as_bytes());
        Ok(out)
    }
}

/// Reads a listing. Empty lines and lines that begin with `#` say nothing.
pub(super) fn parse(text: &str) -> Result<Vec<Item>, AssembleError> {
    let mut items: Vec<Item> = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let number = i.saturating_add(1);
        if let Some(body) = line.strip_prefix("  ").or_else(|| line.strip_prefix('\t')) {
            let Some(item) = items.last_mut() else {
                return Err(AssembleError {
                    line: number,
                    message: "content before the first line".to_owned(),
                });
            };
            item.body.push_str(body);
            item.body.push('\n');
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            items.push(item(number, line));
        }
    }
    Ok(items)
}

fn item(number: usize, line: &str) -> Item {
    let mut words = line.split_whitespace();
    let verb = words.next().unwrap_or_default().to_owned();
    let mut name = String::new();
    let mut options = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some((key, value)) if is_key(key) => options.push((key.to_owned(), value.to_owned())),
            _ if name.is_empty() && options.is_empty() => word.clone_into(&mut name),
            _ => options.push((word.to_owned(), String::new())),
        }
    }
    Item {
        line: number,
        verb,
        name,
        options,
        body: String::new(),
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}
