//! Text formats as trees whose every node knows its bytes.
//!
//! JSON, TOML and YAML end in the same [`Node`], so that a reader of locks or compose files is written once and a
//! finding can always point at the line.

mod json;
mod node;
mod toml;
mod toml_plain;
mod yaml;

pub use json::json;
pub use node::{Entry, Node, Value};
pub use toml::toml;
pub use yaml::{Tag, yaml, yaml_tags};

use std::{fmt, ops::Range};
use wellhead_core::Exhausted;

/// How deep values may nest in any of the text formats.
pub const MAX_NESTING: usize = 128;

/// A text is not what it claims to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SyntaxError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// The bytes where it is.
    pub span: Range<usize>,
    /// The ceiling that was reached, if that is why.
    pub exhausted: Option<Exhausted>,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl SyntaxError {
    fn new(message: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            message: message.into(),
            span,
            exhausted: None,
        }
    }

    fn exhausted(why: Exhausted, at: usize) -> Self {
        Self {
            message: why.to_string(),
            span: at..at,
            exhausted: Some(why),
        }
    }
}

/// What a node costs in memory, roughly: itself, its place in its parent and the head of its string.
const NODE_BYTES: u64 = 96;
