//! What Python text computes from constants, without running it.
//!
//! Attackers hide a payload behind data: strings that are joined, reversed, decoded and unpacked before they are run.
//! The one decision: an evaluator that is sure or says nothing. A function here gives the value that Python would give,
//! or `None` where that cannot be known; what it costs is paid to the budget before it is done.

mod builtins;
mod code_object;
mod crypto;
mod datum;
mod decode;
mod machine;
mod methods;
mod operators;
mod sinks;

pub(crate) use machine::analyse;

pub use builtins::builtin;
pub use code_object::CodeObject;
pub use crypto::Tool;
pub use datum::{CAP, DEPTH, Datum, Items, Known, Pairs, Range, WEIGHT};
pub use methods::{method, mutate};
pub use operators::{Operator, Unary, index, iterate, operator, render, set_item, slice, unary};
