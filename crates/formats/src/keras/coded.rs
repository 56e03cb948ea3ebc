//! Bytes that a configuration holds as text: bytecode of functions, pickled modules, archives.

use crate::{
    document::{Member, Role},
    format::table as t,
    identify, marshal,
};
use wellhead_core::Blob;

/// Shortest text that is looked into.
const SHORTEST: usize = 16;

/// Base64 as Python's `codecs` reads it: what is no letter of the alphabet is passed over, and padding ends it.
pub(super) fn lenient_base64(text: &str, max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut quad, mut pads) = (0_u32, 0_u32, 0_u32);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                pads = pads.saturating_add(1);
                if quad >= 2 && quad.saturating_add(pads) >= 4 {
                    break;
                }
                continue;
            }
            _ => continue,
        };
        pads = 0;
        bits = ((bits << 6) | u32::from(six)) & 0x00ff_ffff;
        quad = (quad.wrapping_add(1)) & 3;
        let byte = match quad {
            2 => bits >> 4,
            3 => bits >> 2,
            0 => bits,
            _ => continue,
        };
        out.push((byte & 0xff) as u8);
        if out.len() >= max {
            break;
        }
    }
    out
}

/// A text as `raw_unicode_escape` writes it: how old versions kept bytes.
fn raw_bytes(text: &str, max: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for c in text.chars() {
        match u8::try_from(u32::from(c)) {
            Ok(byte) => out.push(byte),
            Err(_) => out.extend(format!("\\u{:04x}", u32::from(c)).into_bytes()),
        }
        if out.len() >= max {
            break;
        }
    }
    out
}

/// What a text that is a function must be: the bytecode that the loader makes of it, whatever it looks like.
pub(super) fn bytecode(name: String, text: &str) -> Member {
    let decoded = if text.is_ascii() {
        lenient_base64(text, usize::MAX)
    } else {
        raw_bytes(text, usize::MAX)
    };
    Member::decoded(name, Role::As(&t::PYTHON_BYTECODE), decoded)
}

/// What a text that is a module of PyTorch must be: what `torch.load` makes of it.
pub(super) fn torch_module(name: String, text: &str) -> Member {
    let decoded = lenient_base64(text, usize::MAX);
    let raw = raw_bytes(text, usize::MAX);
    let known = |bytes: &[u8]| identify::glance(&Blob::from_bytes(bytes)).is_some();
    if known(&decoded) {
        Member::decoded(name, Role::Plain, decoded)
    } else if known(&raw) {
        Member::decoded(name, Role::Plain, raw)
    } else {
        Member::decoded(name, Role::Pickle, raw)
    }
}

/// What any text turns out to be, if it is something that could run.
pub(super) fn anything(name: &str, text: &str) -> Option<Member> {
    if text.len() < SHORTEST {
        return None;
    }
    let head = |bytes: &[u8]| match bytes {
        [0xe3 | 0x63, _, _, _, 0, ..] | [0x80, 2..=5, ..] => true,
        _ => [
            &b"PK\x03\x04"[..],
            b"\x7fELF",
            b"\x89HDF",
            b"\x1f\x8b\x08",
            b"MZ",
            b"\x78\x9c",
        ]
        .iter()
        .any(|magic| bytes.starts_with(magic)),
    };
    let whole = if head(&lenient_base64(text, SHORTEST)) {
        lenient_base64(text, usize::MAX)
    } else if head(&raw_bytes(text, SHORTEST)) {
        raw_bytes(text, usize::MAX)
    } else {
        return None;
    };
    if marshal::looks_like_code(&whole) {
        return Some(Member::decoded(name, Role::As(&t::PYTHON_BYTECODE), whole));
    }
    identify::glance(&Blob::from_bytes(whole.as_slice()))?;
    Some(Member::decoded(name, Role::Plain, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_python_reads_it() {
        for (text, expected) in [
            ("aGVsbG8=", &b"hello"[..]),
            ("aGVs\nbG8=\n", b"hello"),
            ("a!G-V?s bG8=", b"hello"),
            ("aGVsbG8=aGVsbG8=", b"hello"),
            ("=aGVsbG8=", b"hello"),
            ("", b""),
        ] {
            assert_eq!(lenient_base64(text, 100), expected, "{text}");
        }
    }
}
