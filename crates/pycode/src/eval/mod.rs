//! What Python text computes from constants, without running it.
//!
//! Attackers hide a payload behind data: strings that are joined, reversed, decoded and unpacked before they are run.
//! The one decision: an evaluator that is sure or says nothing. A function here gives the value that Python would give,
//! or `None` where that cannot be known; what it costs is paid to the budget before it is done.

mod attributes;
mod bounds;
mod builtins;
mod byte_string;
mod call;
mod code_object;
mod commands;
mod containers;
mod crypto;
mod datum;
mod decode;
mod detours;
mod displays;
mod ebcdic;
mod effects;
mod expressions;
mod external;
mod files;
mod format;
mod items;
mod json;
mod layers;
mod library;
mod machine;
mod memory;
mod methods;
mod names;
mod numbers;
mod operators;
mod quoting;
mod receivers;
mod records;
mod scopes;
mod sequences;
mod sinks;
mod sources;
mod startup;
mod statements;
mod template;
mod text;
mod types;
mod value;

pub(crate) use machine::analyse;

pub use builtins::builtin;
pub use code_object::CodeObject;
pub use commands::command_runs_fetched;
pub use containers::mutate;
pub use crypto::{Cipher, Hash, Mode, Tool};
pub use datum::{CAP, DEPTH, Datum, Items, Known, Pairs, Range, WEIGHT};
pub use format::render;
pub use library::{constant, invoke};
pub use methods::method;
pub use names::{FUNCTIONS, METHODS, is_known};
pub use operators::{Operator, Unary, index, iterate, operator, set_item, slice, unary};

#[cfg(test)]
mod tests;
