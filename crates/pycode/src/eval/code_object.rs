//! Code objects that a program carries as bytes.
//!
//! `exec(marshal.loads(…))` hides a program from everything that reads text. The one decision: the bytecode reader that
//! judges `.pyc` files reads it, and what lies in the object as text or bytes can be judged again.

use super::datum::{Datum, Known, pay};
use std::sync::Arc;
use wellhead_core::{Blob, Budget};
use wellhead_formats::marshal::{self, Bytecode};

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

impl CodeObject {
    /// The names of globals, attributes and modules, of this object and those in it; hostile text.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.bytecode
            .codes
            .iter()
            .flat_map(|code| code.names.iter().map(AsRef::as_ref))
    }

    /// The texts among the constants, of this object and those in it; hostile text.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.bytecode
            .codes
            .iter()
            .flat_map(|code| code.texts.iter().map(AsRef::as_ref))
    }

    /// The bytes among the constants, of this object and those in it.
    pub fn blobs(&self) -> impl Iterator<Item = &Arc<[u8]>> {
        self.bytecode.codes.iter().flat_map(|code| &code.bytes)
    }
}

/// `marshal.loads(bytes)`, where it is a code object.
pub(super) fn loads(bytes: &Arc<[u8]>, budget: &mut Budget) -> Known {
    pay(bytes.len().saturating_mul(16), budget)?;
    let read = marshal::read(&Blob::from_bytes(bytes.as_ref()), budget);
    match (read, budget.exhausted()) {
        (Ok(bytecode), _) => Ok(Some(Datum::Code(Arc::new(CodeObject {
            marshalled: Arc::clone(bytes),
            bytecode,
        })))),
        (Err(_), Some(why)) => Err(why),
        (Err(_), None) => Ok(None),
    }
}
