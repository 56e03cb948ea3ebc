//! Functions of the language and of the standard library that compute from what they are given and nothing else.

use super::datum::{Datum, Known};
use std::sync::Arc;
use wellhead_core::Budget;

/// The function with that full name (`chr`, `builtins.chr`, `base64.b64decode`, `bytes.fromhex`, `zlib.decompress`).
///
/// # Errors
/// When the budget ran out.
pub fn builtin(
    _name: &str,
    _arguments: &[Datum],
    _keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    budget.steps(1)?;
    Ok(None)
}
