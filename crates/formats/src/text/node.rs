//! The tree that all text formats share.

use std::ops::Range;

/// A value and the bytes of the text that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What it is.
    pub value: Value,
}

/// What a node is. Dates of TOML are strings; numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written.
    Number(String),
    /// A string with its escapes resolved.
    String(String),
    /// A sequence.
    Array(Vec<Node>),
    /// A mapping in the order of the text; a key that stands twice is there twice.
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key with its escapes resolved.
    pub key: String,
    /// The key's bytes in the text.
    pub key_span: Range<usize>,
    /// The value.
    pub node: Node,
}

impl Node {
    /// A node.
    pub fn new(span: Range<usize>, value: Value) -> Self {
        Self { span, value }
    }

    /// The value of a key: the last one where the key stands twice, as most loaders take it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .rev()
            .find(|e| e.key == key)
            .map(|e| &e.node)
    }

    /// The node at the end of a route of keys.
    pub fn path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a table; none for everything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The items of an array; none for everything else.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string or a number, as configuration files mix them.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    /// A truth value.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// A whole number.
    pub fn as_i64(&self) -> Option<i64> {
        match &self.value {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Moves every span by `by` bytes, for a text that is read as a part of a larger one.
    pub fn shift(&mut self, by: usize) {
        self.relocate(&mut |span| span.start.saturating_add(by)..span.end.saturating_add(by));
    }

    /// Gives every span another place, for a text that was made from others.
    pub fn relocate(&mut self, place: &mut dyn FnMut(&Range<usize>) -> Range<usize>) {
        let mut stack = vec![self];
        while let Some(node) = stack.pop() {
            node.span = place(&node.span);
            match &mut node.value {
                Value::Array(items) => stack.extend(items.iter_mut()),
                Value::Table(entries) => {
                    for entry in entries {
                        entry.key_span = place(&entry.key_span);
                        stack.push(&mut entry.node);
                    }
                }
                _ => {}
            }
        }
    }

    /// Calls `visit` for this node and every node below it, depth first.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        let mut stack = vec![self];
        while let Some(node) = stack.pop() {
            visit(node);
            match &node.value {
                Value::Array(items) => stack.extend(items.iter().rev()),
                Value::Table(entries) => stack.extend(entries.iter().rev().map(|e| &e.node)),
                _ => {}
            }
        }
    }
}
