//! Rules about compiled Python: what importing a module, or loading a function, runs.

#[cfg(test)]
mod tests;
mod unsafe_bytecode;

use crate::{Check, Registered};

pub(crate) static RULES: &[Registered] = &[Registered {
    rule: &unsafe_bytecode::UNSAFE_BYTECODE,
    check: Check::Bytecode(unsafe_bytecode::check),
}];
