//! Base64 that has exactly one spelling for each sequence of bytes, line breaks apart.
//!
//! A lenient decoder accepts several texts for the same bytes, so that one attestation could be read differently by two
//! programs. Line breaks are let through, since every index and client does so.

/// Decodes standard base64 with padding: no other alphabet, no white space but line breaks, no bits set beyond the last
/// byte.
pub fn strict_base64(text: &str) -> Option<Vec<u8>> {
    let bytes: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut chunks = bytes.chunks_exact(4).peekable();
    while let Some(chunk) = chunks.next() {
        let padding = chunk.iter().rev().take_while(|b| **b == b'=').count();
        if padding > 2 || (padding > 0 && chunks.peek().is_some()) {
            return None;
        }
        let mut word = 0_u32;
        for (i, byte) in chunk.iter().enumerate() {
            let bits = if i >= 4_usize.saturating_sub(padding) {
                0
            } else {
                value(*byte)?
            };
            word = (word << 6) | u32::from(bits);
        }
        let [_, a, b, c] = word.to_be_bytes();
        match padding {
            0 => out.extend([a, b, c]),
            1 if c == 0 => out.extend([a, b]),
            2 if b == 0 && c == 0 => out.push(a),
            _ => return None,
        }
    }
    Some(out)
}

fn value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte.wrapping_sub(b'A'),
        b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_canonical_spelling_is_read() {
        let cases: [(&str, Option<&[u8]>); 11] = [
            ("aG\nk=\r\n", Some(b"hi")),
            ("", Some(b"")),
            ("aGk=", Some(b"hi")),
            ("aA==", Some(b"h")),
            ("aGV5", Some(b"hey")),
            ("aGk", None),
            ("aGl=", None),
            ("aB==", None),
            ("aGk=aGk=", None),
            ("aG k=", None),
            ("a-_=", None),
        ];
        for (text, expected) in cases {
            assert_eq!(strict_base64(text).as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_two_texts_have_the_same_bytes(a in "[A-D+/=]{0,8}", b in "[A-D+/=]{0,8}") {
            if let (Some(x), Some(y)) = (strict_base64(&a), strict_base64(&b)) {
                prop_assert_eq!(x == y, a == b);
            }
        }
    }
}
