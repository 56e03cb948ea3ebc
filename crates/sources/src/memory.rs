//! Targets that are in memory: what rule pages and tests audit.

use crate::{Content, Entry};
use wellhead_core::Blob;

/// Entries from paths and bytes, sorted by path.
pub fn from_memory<P: Into<String>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, B)>) -> Vec<Entry> {
    let mut entries: Vec<_> = files
        .into_iter()
        .map(|(path, bytes)| Entry {
            path: path.into(),
            content: Content::Blob(Blob::from_bytes(bytes)),
        })
        .collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    entries
}
