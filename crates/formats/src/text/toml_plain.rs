//! TOML as programs write it, read in one pass.
//!
//! Locks are megabytes of plain tables: bare keys, strings without escapes, arrays, inline tables. This reader knows
//! just that, and gives up on everything else, so that the full parser decides. Whatever it accepts, the full parser
//! reads to the same values; a property test holds the two together.

use super::{Entry, NODE_BYTES, Node, Value};
use std::ops::Range;
use wellhead_core::Budget;

/// How deep values may nest here; locks nest three deep.
const MAX_DEPTH: u32 = 16;

/// Most keys of one table: keys are compared one by one. Locks have dozens.
const MAX_KEYS: usize = 1_024;

/// Longest text that is read here, so that comparing keys stays short in sum.
const MAX_TEXT: usize = 4 << 20;

/// Reads the text, or gives up.
pub(super) fn read(text: &str, budget: &mut Budget) -> Option<Node> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let mut reader = Reader {
        text,
        at: 0,
        nodes: 0,
        budget,
    };
    let read = reader.document();
    if read.is_none() {
        let paid = reader.nodes.saturating_mul(NODE_BYTES);
        reader.budget.release(paid);
    }
    read
}

impl Reader<'_> {
    fn document(&mut self) -> Option<Node> {
        let mut root: Vec<Entry> = Vec::new();
        // Where the lines that follow a header belong.
        let mut route: Vec<String> = Vec::new();
        let mut open: Vec<Entry> = Vec::new();
        let mut opened = 0..0;
        let mut list = false;
        loop {
            self.blanks()?;
            match self.peek() {
                None => break,
                Some(b'[') if root.len() > MAX_KEYS => return None,
                Some(b'[') => {
                    close(
                        self.text,
                        &mut root,
                        &route,
                        std::mem::take(&mut open),
                        opened,
                        list,
                    )?;
                    let start = self.at;
                    list = self.rest().starts_with("[[");
                    self.take("[")?;
                    if list {
                        self.take("[")?;
                    }
                    route = self.route()?;
                    self.take("]")?;
                    if list {
                        self.take("]")?;
                    }
                    opened = start..self.at;
                    self.end_of_line()?;
                }
                Some(_) => {
                    let entry = self.entry(0)?;
                    if open.len() > MAX_KEYS || open.iter().any(|e| e.key == entry.key) {
                        return None;
                    }
                    open.push(entry);
                    self.end_of_line()?;
                }
            }
        }
        close(self.text, &mut root, &route, open, opened, list)?;
        Some(Node::new(0..self.text.len(), Value::Table(root)))
    }
}

/// Puts the entries of a finished table where its header says. Gives up where a table would be opened twice.
fn close(
    text: &str,
    root: &mut Vec<Entry>,
    route: &[String],
    entries: Vec<Entry>,
    span: Range<usize>,
    list: bool,
) -> Option<()> {
    let Some((last, parents)) = route.split_last() else {
        root.extend(entries);
        return Some(());
    };
    let mut at = root;
    for parent in parents {
        let place = match at.iter().position(|e| e.key == *parent) {
            Some(place) => place,
            None => {
                let node = Node::new(span.clone(), Value::Table(Vec::new()));
                at.push(Entry {
                    key: parent.clone(),
                    key_span: span.clone(),
                    node,
                });
                at.len().checked_sub(1)?
            }
        };
        let node = &mut at.get_mut(place)?.node;
        let inline = text.as_bytes().get(node.span.start) == Some(&b'{');
        at = match &mut node.value {
            Value::Table(entries) if !inline && entries.len() <= MAX_KEYS => entries,
            // Only lists that headers made hold tables here; an inline one cannot be extended.
            Value::Array(items) if node.span.is_empty() => match &mut items.last_mut()?.value {
                Value::Table(entries) => entries,
                _ => return None,
            },
            _ => return None,
        };
    }
    let node = Node::new(span.clone(), Value::Table(entries));
    let there = at.iter_mut().find(|e| e.key == *last);
    match (there, list) {
        (None, false) => at.push(Entry {
            key: last.clone(),
            key_span: span,
            node,
        }),
        (None, true) => at.push(Entry {
            key: last.clone(),
            // An empty span marks a list that headers made.
            key_span: span.clone(),
            node: Node::new(span.start..span.start, Value::Array(vec![node])),
        }),
        (Some(there), true) if there.node.span.is_empty() => match &mut there.node.value {
            Value::Array(items) => items.push(node),
            _ => return None,
        },
        _ => return None,
    }
    Some(())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// How many nodes were paid for.
    nodes: u64,
    budget: &'a mut Budget,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn advance(&mut self, n: usize) {
        self.at = self.at.saturating_add(n);
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest().starts_with(token).then(|| self.advance(token.len()))
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.advance(1);
        }
    }

    /// Spaces, line breaks and comments between values.
    fn blanks(&mut self) -> Option<()> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n') => self.advance(1),
                Some(b'#') => self.comment()?,
                _ => return Some(()),
            }
        }
    }

    fn comment(&mut self) -> Option<()> {
        let rest = self.rest();
        let end = rest.find('\n').unwrap_or(rest.len());
        let body = rest.get(..end)?;
        // Control characters are none of TOML, also in comments.
        if body.bytes().any(|b| (b < 0x20 && b != b'\t') || b == 0x7f) {
            return None;
        }
        self.advance(end);
        Some(())
    }

    fn end_of_line(&mut self) -> Option<()> {
        self.spaces();
        if self.peek() == Some(b'#') {
            self.comment()?;
        }
        match self.peek() {
            None => Some(()),
            Some(b'\n') => {
                self.advance(1);
                Some(())
            }
            Some(_) => None,
        }
    }

    fn bare(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let end = rest
            .bytes()
            .position(|b| !(b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
            .unwrap_or(rest.len());
        self.advance(end);
        rest.get(..end).filter(|key| !key.is_empty())
    }

    fn key(&mut self) -> Option<String> {
        if self.peek() == Some(b'"') {
            return self.string();
        }
        self.bare().map(str::to_owned)
    }

    fn route(&mut self) -> Option<Vec<String>> {
        let mut route = vec![self.key()?];
        while self.peek() == Some(b'.') {
            self.advance(1);
            route.push(self.key()?);
        }
        (route.len() <= 8).then_some(route)
    }

    fn entry(&mut self, depth: u32) -> Option<Entry> {
        let start = self.at;
        let key = self.key()?;
        let key_span = start..self.at;
        self.spaces();
        self.take("=")?;
        self.spaces();
        let node = self.value(depth)?;
        Some(Entry { key, key_span, node })
    }

    /// A string on one line without escapes.
    fn string(&mut self) -> Option<String> {
        self.take("\"")?;
        let rest = self.rest();
        let end = plain(rest.as_bytes())?;
        if rest.as_bytes().get(end) != Some(&b'"') {
            return None;
        }
        let inner = rest.get(..end)?;
        self.advance(end.saturating_add(1));
        // An empty string followed by a quote opens one of several lines.
        if inner.is_empty() && self.peek() == Some(b'"') {
            return None;
        }
        Some(inner.to_owned())
    }

    fn value(&mut self, depth: u32) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        // Who runs out here runs out in the full parser as well, and that one says so.
        self.budget.steps(1).ok()?;
        self.budget.memory(NODE_BYTES).ok()?;
        self.nodes = self.nodes.saturating_add(1);
        let start = self.at;
        let deeper = depth.saturating_add(1);
        let value = match self.peek()? {
            b'"' => Value::String(self.string()?),
            b'[' => self.array(deeper)?,
            b'{' => self.table(deeper)?,
            b't' | b'f' => match self.bare()? {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return None,
            },
            b'1'..=b'9' => {
                let digits = self.bare()?;
                let plain = digits.len() <= 18 && digits.bytes().all(|b| b.is_ascii_digit());
                // What goes on is a float, a time or a date.
                if !plain || matches!(self.peek(), Some(b'.' | b':' | b'+')) {
                    return None;
                }
                Value::Number(digits.to_owned())
            }
            _ => return None,
        };
        Some(Node::new(start..self.at, value))
    }

    fn array(&mut self, depth: u32) -> Option<Value> {
        self.take("[")?;
        let mut items = Vec::new();
        loop {
            self.blanks()?;
            if self.peek() == Some(b']') {
                self.advance(1);
                // No list that a header made has such a span.
                return Some(Value::Array(items));
            }
            items.push(self.value(depth)?);
            self.blanks()?;
            match self.peek()? {
                b',' => self.advance(1),
                b']' => {}
                _ => return None,
            }
        }
    }

    fn table(&mut self, depth: u32) -> Option<Value> {
        self.take("{")?;
        let mut entries: Vec<Entry> = Vec::new();
        self.spaces();
        if self.peek() == Some(b'}') {
            self.advance(1);
            return Some(Value::Table(entries));
        }
        loop {
            self.spaces();
            let entry = self.entry(depth)?;
            if entries.len() > MAX_KEYS || entries.iter().any(|e| e.key == entry.key) {
                return None;
            }
            entries.push(entry);
            self.spaces();
            match self.peek()? {
                b',' => self.advance(1),
                b'}' => {
                    self.advance(1);
                    return Some(Value::Table(entries));
                }
                _ => return None,
            }
        }
    }
}

/// How many bytes of a string stand before its end, or before the first that does not stand for itself.
fn plain(bytes: &[u8]) -> Option<usize> {
    // Without branches, so that many are looked at together: a lock is mostly addresses and digests.
    const AT_ONCE: usize = 16;
    let stops = |b: &u8| (*b == b'"') | (*b == b'\\') | ((*b < 0x20) & (*b != b'\t')) | (*b == 0x7f);
    let free = bytes
        .chunks_exact(AT_ONCE)
        .take_while(|chunk| !chunk.iter().fold(false, |any, b| any | stops(b)))
        .count()
        .saturating_mul(AT_ONCE);
    let rest = bytes.get(free..)?.iter().position(stops)?;
    Some(free.saturating_add(rest))
}
