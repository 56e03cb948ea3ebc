//! Text formats as trees whose every node knows its bytes.
//!
//! JSON, TOML and YAML end in the same [`Node`], so that a reader of locks or compose files is written once and a
//! finding can always point at the line.

mod node;

pub use node::{Entry, Node, Value};
