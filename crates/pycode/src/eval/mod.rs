//! What Python text computes from constants, without running it.
//!
//! Attackers hide a payload behind data: strings that are joined, reversed, decoded and unpacked before they are run.
//! The one decision: an evaluator that is sure or says nothing. A function here gives the value that Python would give,
//! or `None` where that cannot be known; what it costs is paid to the budget before it is done.
//!
//! On top of it walks the abstract interpreter of [`crate::analyse_package`]: `machine` holds the walk, `statements`,
//! `expressions` and `call` follow the language, `external` what lies outside of the package, `layers` code that only
//! exists once it was decoded, `sources` and `sinks` are tables.

mod builtins;
mod call;
mod code_object;
mod crypto;
mod datum;
mod decode;
mod expressions;
mod external;
mod format;
mod layers;
mod machine;
mod methods;
mod names;
mod operators;
mod sinks;
mod sources;
mod statements;
mod value;

pub(crate) use machine::analyse;

pub use builtins::{builtin, constant};
pub use code_object::CodeObject;
pub use crypto::{Cipher, Hash, Mode, Tool};
pub use datum::{CAP, DEPTH, Datum, Items, Known, Pairs, Range, WEIGHT};
pub use format::render;
pub use methods::{method, mutate};
pub use names::{FUNCTIONS, METHODS, is_known};
pub use operators::{Operator, Unary, index, iterate, operator, set_item, slice, unary};

#[cfg(test)]
mod tests;
