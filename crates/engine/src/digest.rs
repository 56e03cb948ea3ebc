//! Digests of what is audited, where something claims one.

use sha2::{Digest as _, Sha256};
use wellhead_core::{Blob, Budget};

/// The SHA-256 of all bytes of a blob in hexadecimal digits; `None` where they cannot be read within the budget.
pub(crate) fn sha256(blob: &Blob, budget: &mut Budget) -> Option<String> {
    let digest = raw(blob, budget)?;
    Some(digest.iter().map(|b| format!("{b:02x}")).collect())
}

/// The same as bytes.
pub(crate) fn raw(blob: &Blob, budget: &mut Budget) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut at = 0_u64;
    loop {
        budget.check_clock().ok()?;
        let n = blob.fill_at(at, &mut buffer).ok()?;
        if n == 0 {
            return Some(hash.finalize().into());
        }
        hash.update(buffer.get(..n)?);
        at = at.saturating_add(n as u64);
    }
}
