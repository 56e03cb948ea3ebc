//! Values as far as they are known.
//!
//! A value that is not known still knows what it comes from: `aws_s3_bucket.models.arn` is no text before it is applied,
//! but it says which bucket a policy speaks of, and that is what joins the two.

use crate::resource::Word;
use std::{collections::BTreeSet, ops::Range};

/// A value, where it is said, and the resources that it comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Term {
    pub(super) span: Range<usize>,
    pub(super) kind: Known,
    pub(super) refs: BTreeSet<String>,
}

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Known {
    #[default]
    Unknown,
    Null,
    Bool(bool),
    Number(String),
    /// A text, and whether parts of it are not known.
    Text(String, bool),
    List(Vec<Term>),
    Map(Vec<(String, Range<usize>, Term)>),
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Term {
    pub(super) fn new(span: &Range<usize>, kind: Known) -> Self {
        Self {
            span: span.clone(),
            kind,
            refs: BTreeSet::new(),
        }
    }

    pub(super) fn unknown(span: &Range<usize>) -> Self {
        Self::new(span, Known::Unknown)
    }

    pub(super) fn text(span: &Range<usize>, text: &str) -> Self {
        Self::new(span, Known::Text(text.to_owned(), false))
    }

    /// The value of a key; the last one where it stands twice.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Known::Map(entries) => entries.iter().rev().find(|(k, ..)| k == key).map(|(.., t)| t),
            _ => None,
        }
    }

    pub(super) fn path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |term, key| match &term.kind {
            // A nested block is a list of one.
            Known::List(items) => items.first()?.get(key),
            _ => term.get(key),
        })
    }

    /// The tables below a key: of one block, of several, of a list in JSON.
    pub(super) fn blocks(&self, key: &str) -> Vec<&Self> {
        self.get(key).map(Self::each).unwrap_or_default()
    }

    /// The items of a list; a single value is a list of one.
    pub(super) fn each(&self) -> Vec<&Self> {
        match &self.kind {
            Known::List(items) => items.iter().collect(),
            Known::Null => Vec::new(),
            _ => vec![self],
        }
    }

    pub(super) fn entries(&self) -> &[(String, Range<usize>, Self)] {
        match &self.kind {
            Known::Map(entries) => entries,
            _ => &[],
        }
    }

    /// A text that is known in full.
    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Known::Text(text, false) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Known::Bool(b) => Some(*b),
            Known::Text(text, false) => match text.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<i64> {
        match &self.kind {
            Known::Number(n) | Known::Text(n, false) => n.parse().ok(),
            _ => None,
        }
    }

    /// A scalar as a word; what is not known is an open one.
    pub(super) fn word(&self) -> Option<Word> {
        let (text, open) = match &self.kind {
            Known::Null | Known::List(_) | Known::Map(_) => return None,
            Known::Unknown => (String::new(), true),
            Known::Bool(b) => (b.to_string(), false),
            Known::Number(n) => (n.clone(), false),
            Known::Text(text, open) => (text.clone(), *open),
        };
        Some(Word {
            text,
            span: self.span.clone(),
            open,
        })
    }

    /// Everything that it and what lies in it comes from.
    pub(super) fn all_refs(&self) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        let mut stack = vec![self];
        while let Some(term) = stack.pop() {
            out.extend(term.refs.iter().cloned());
            match &term.kind {
                Known::List(items) => stack.extend(items),
                Known::Map(entries) => stack.extend(entries.iter().map(|(.., t)| t)),
                _ => {}
            }
        }
        out
    }

    /// Whether it, or something in it, comes from a resource.
    pub(super) fn comes_from(&self, address: &str) -> bool {
        let mut stack = vec![self];
        while let Some(term) = stack.pop() {
            if term.refs.contains(address) {
                return true;
            }
            match &term.kind {
                Known::List(items) => stack.extend(items),
                Known::Map(entries) => stack.extend(entries.iter().map(|(.., t)| t)),
                _ => {}
            }
        }
        false
    }

    /// How large it is, for what it costs to copy.
    pub(super) fn size(&self) -> u64 {
        let mut out = 0_u64;
        let mut stack = vec![self];
        while let Some(term) = stack.pop() {
            out = out.saturating_add(160);
            match &term.kind {
                Known::Text(text, _) => out = out.saturating_add(text.len() as u64),
                Known::List(items) => stack.extend(items),
                Known::Map(entries) => stack.extend(entries.iter().map(|(.., t)| t)),
                _ => {}
            }
        }
        out
    }
}
