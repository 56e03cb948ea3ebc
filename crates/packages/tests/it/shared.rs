//! Access to the reference data.

use std::{collections::BTreeMap, io::Read as _, path::PathBuf};

/// A file of the reference data; `None`, with a word about it, where there is none.
#[expect(clippy::disallowed_methods, reason = "a test reads the data it is given")]
pub(crate) fn file(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var("WELLHEAD_SHARED").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let bytes = std::fs::read(root.join("data").join(path)).ok();
    if bytes.is_none() {
        eprintln!("skipped: no {path}");
    }
    bytes
}

/// A text file of the reference data.
pub(crate) fn text(path: &str) -> Option<String> {
    file(path).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// The members of a well-made zip without zip64 (the advisory archives are), by name.
pub(crate) fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let u16_at = |at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let end = (0..bytes.len() - 21)
        .rev()
        .find(|at| bytes[*at..].starts_with(b"PK\x05\x06"))
        .unwrap();
    let mut at = u32_at(end + 16);
    let mut out = BTreeMap::new();
    for _ in 0..u16_at(end + 10) {
        let (method, packed, name_len) = (u16_at(at + 10), u32_at(at + 20), u16_at(at + 28));
        let name = String::from_utf8(bytes[at + 46..at + 46 + name_len].to_vec()).unwrap();
        let local = u32_at(at + 42);
        let start = local + 30 + u16_at(local + 26) + u16_at(local + 28);
        let data = &bytes[start..start + packed];
        let mut raw = Vec::new();
        match method {
            0 => raw.extend_from_slice(data),
            8 => {
                flate2::read::DeflateDecoder::new(data)
                    .read_to_end(&mut raw)
                    .unwrap();
            }
            other => panic!("method {other}"),
        }
        out.insert(name, raw);
        at += 46 + name_len + u16_at(at + 30) + u16_at(at + 32);
    }
    out
}
