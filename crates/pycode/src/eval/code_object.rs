//! Code objects that a program carries as bytes.

use std::sync::Arc;
use wellhead_formats::marshal::Bytecode;

/// What `marshal.loads` gives for a code object.
#[derive(Clone, Debug)]
pub struct CodeObject {
    /// The bytes it was read from.
    pub marshalled: Arc<[u8]>,
    /// What they hold: names, texts, imports and calls.
    pub bytecode: Bytecode,
}

impl PartialEq for CodeObject {
    fn eq(&self, other: &Self) -> bool {
        self.marshalled == other.marshalled
    }
}
