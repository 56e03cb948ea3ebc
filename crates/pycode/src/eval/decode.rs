//! Bases and codecs, as lenient or as strict as Python's own.

use super::datum::Datum;

/// `binascii.a2b_base64`: what is no digit is skipped, and nothing behind the padding is read.
pub(super) fn base64(text: &[u8], altchars: Option<[u8; 2]>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut quad, mut pads, mut left) = (0_u8, 0_u8, 0_u8);
    for c in text {
        let c = match altchars {
            Some([plus, _]) if *c == plus => b'+',
            Some([_, slash]) if *c == slash => b'/',
            _ => *c,
        };
        if c == b'=' {
            if quad >= 2 {
                pads = pads.saturating_add(1);
                if quad.saturating_add(pads) >= 4 {
                    return Some(out);
                }
            }
            continue;
        }
        let Some(digit) = digit64(c) else { continue };
        pads = 0;
        match quad {
            0 => left = digit,
            1 => {
                out.push(left << 2 | digit >> 4);
                left = digit & 0x0f;
            }
            2 => {
                out.push(left << 4 | digit >> 2);
                left = digit & 0x03;
            }
            _ => out.push(left << 6 | digit),
        }
        quad = quad.wrapping_add(1) & 3;
    }
    (quad == 0).then_some(out)
}

fn digit64(c: u8) -> Option<u8> {
    Some(match c {
        b'A'..=b'Z' => c.wrapping_sub(b'A'),
        b'a'..=b'z' => c.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => c.wrapping_sub(b'0').wrapping_add(52),
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Whether `b64decode(…, validate=True)` takes it.
pub(super) fn is_base64(text: &[u8]) -> bool {
    let end = text
        .iter()
        .rposition(|c| *c != b'=')
        .map_or(0, |at| at.saturating_add(1));
    let (digits, padding) = text.split_at_checked(end).unwrap_or((text, &[]));
    padding.len() <= 2 && digits.iter().all(|c| digit64(*c).is_some())
}

/// Digits of a base that is a power of two, without padding: `bits` each, most significant first.
fn by_bits(digits: impl Iterator<Item = Option<u8>>, bits: u32) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut held, mut have) = (0_u32, 0_u32);
    for digit in digits {
        held = (held << bits | u32::from(digit?)) & 0xffff;
        have = have.saturating_add(bits);
        if have >= 8 {
            have = have.saturating_sub(8);
            out.push((held >> have & 0xff) as u8);
        }
    }
    Some(out)
}

fn position(alphabet: &[u8], c: u8) -> Option<u8> {
    alphabet
        .iter()
        .position(|a| *a == c)
        .and_then(|at| u8::try_from(at).ok())
}

/// `base64.b32decode`, and with the other alphabet `b32hexdecode`.
pub(super) fn base32(text: &[u8], casefold: bool, hex: bool) -> Option<Vec<u8>> {
    let alphabet: &[u8] = if hex {
        b"0123456789ABCDEFGHIJKLMNOPQRSTUV"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    };
    if text.len().checked_rem(8) != Some(0) {
        return None;
    }
    let end = text
        .iter()
        .rposition(|c| *c != b'=')
        .map_or(0, |at| at.saturating_add(1));
    let (digits, padding) = text.split_at_checked(end)?;
    if ![0, 1, 3, 4, 6].contains(&padding.len()) {
        return None;
    }
    let digit = |c: &u8| {
        let c = if casefold { c.to_ascii_uppercase() } else { *c };
        position(alphabet, c)
    };
    by_bits(digits.iter().map(digit), 5)
}

/// Digits of base 16, which come in pairs; `spaces` may stand between pairs, as `bytes.fromhex` has it.
pub(super) fn hex(text: &[u8], spaces: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len().checked_div(2).unwrap_or(0));
    let mut chars = text.iter();
    while let Some(high) = chars.next() {
        if spaces && (high.is_ascii_whitespace() || *high == 0x0b) {
            continue;
        }
        let value = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
        out.push(value(*high)? << 4 | value(*chars.next()?)?);
    }
    Some(out)
}

/// Bytes as digits of base 16.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for b in bytes {
        for digit in [b >> 4, b & 0x0f] {
            out.extend(char::from_digit(digit.into(), 16));
        }
    }
    out
}

/// `base64.b85decode`.
pub(super) fn base85(text: &[u8]) -> Option<Vec<u8>> {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    let mut values = [None; 256];
    for (digit, c) in (0_u8..).zip(alphabet) {
        if let Some(slot) = values.get_mut(usize::from(*c)) {
            *slot = Some(digit);
        }
    }
    let digit = |c: &u8| values.get(usize::from(*c)).copied().flatten();
    let digits: Vec<u8> = text.iter().map(digit).collect::<Option<_>>()?;
    groups85(&digits)
}

/// Groups of five digits in base 85 to four bytes; a last one that is short was filled with the highest digit.
fn groups85(digits: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(digits.len());
    for group in digits.chunks(5) {
        let mut n = 0_u64;
        for at in 0..5 {
            let digit = group.get(at).copied().unwrap_or(84);
            n = n.saturating_mul(85).saturating_add(digit.into());
        }
        let bytes = u32::try_from(n).ok()?.to_be_bytes();
        let have = group.len().saturating_sub(1).min(4);
        out.extend(bytes.get(..have)?);
    }
    Some(out)
}

/// `base64.a85decode`.
pub(super) fn ascii85(text: &[u8], adobe: bool, foldspaces: bool) -> Option<Vec<u8>> {
    let text = if adobe {
        let text = text.strip_suffix(b"~>")?;
        text.strip_prefix(b"<~").unwrap_or(text)
    } else {
        text
    };
    let mut digits = Vec::with_capacity(text.len());
    for c in text {
        let whole = digits.len().checked_rem(5) == Some(0);
        match c {
            b'!'..=b'u' => digits.push(c.wrapping_sub(b'!')),
            b'z' if whole => digits.extend([0; 5]),
            // Four spaces, as the digits that spell them.
            b'y' if foldspaces && whole => digits.extend([10, 27, 53, 67, 43]),
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b => {}
            _ => return None,
        }
    }
    groups85(&digits)
}

/// `base64.b64encode`.
pub(super) fn to_base64(bytes: &[u8], plus: u8, slash: u8) -> Vec<u8> {
    encode(bytes, 6, 4, &|digit| match digit {
        0..=25 => b'A'.wrapping_add(digit),
        26..=51 => b'a'.wrapping_add(digit).wrapping_sub(26),
        52..=61 => b'0'.wrapping_add(digit).wrapping_sub(52),
        62 => plus,
        _ => slash,
    })
}

/// `base64.b32encode`.
pub(super) fn to_base32(bytes: &[u8]) -> Vec<u8> {
    encode(bytes, 5, 8, &|digit| match digit {
        0..=25 => b'A'.wrapping_add(digit),
        _ => b'2'.wrapping_add(digit).wrapping_sub(26),
    })
}

fn encode(bytes: &[u8], bits: u32, group: usize, digit: &dyn Fn(u8) -> u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(2));
    let (mut held, mut have) = (0_u32, 0_u32);
    let mask = (1_u32 << bits).wrapping_sub(1);
    for b in bytes {
        held = (held << 8 | u32::from(*b)) & 0xffff;
        have = have.saturating_add(8);
        while have >= bits {
            have = have.saturating_sub(bits);
            out.push(digit((held >> have & mask) as u8));
        }
    }
    if have > 0 {
        out.push(digit((held << bits.saturating_sub(have) & mask) as u8));
    }
    while out.len().checked_rem(group) != Some(0) {
        out.push(b'=');
    }
    out
}

/// A codec's name in its one spelling.
fn codec(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c == '_' || c == ' ' {
                '-'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    match plain.as_str() {
        "utf8" | "u8" | "utf" | "cp65001" => "utf-8",
        "latin1" | "latin" | "l1" | "iso-8859-1" | "iso8859-1" | "8859" => "latin-1",
        "us-ascii" | "646" => "ascii",
        "utf16" | "u16" => "utf-16",
        "utf16-le" | "utf-16le" => "utf-16-le",
        "utf16-be" | "utf-16be" => "utf-16-be",
        "utf32" | "u32" => "utf-32",
        "utf-32le" => "utf-32-le",
        "utf-32be" => "utf-32-be",
        "windows-1252" | "1252" => "cp1252",
        "rot13" => "rot-13",
        "hex" => "hex-codec",
        "base64" => "base64-codec",
        "zip" | "zlib" => "zlib-codec",
        "bz2" => "bz2-codec",
        "unicodeescape" => "unicode-escape",
        other => other,
    }
    .to_owned()
}

/// What `codecs.decode` and `codecs.encode` turn into what.
pub(super) enum Transform {
    Rot13,
    Hex,
    Base64,
    Zlib,
    Bzip2,
    Text,
}

/// The kind of a codec.
pub(super) fn transform(name: &str) -> Transform {
    match codec(name).as_str() {
        "rot-13" => Transform::Rot13,
        "hex-codec" => Transform::Hex,
        "base64-codec" => Transform::Base64,
        "zlib-codec" => Transform::Zlib,
        "bz2-codec" => Transform::Bzip2,
        _ => Transform::Text,
    }
}

/// The alphabet turned by half.
pub(super) fn rot13(text: &str) -> String {
    let turn = |c: char, first: u8| {
        let at = (c as u8).wrapping_sub(first).wrapping_add(13);
        char::from(first.wrapping_add(at.checked_rem(26).unwrap_or(0)))
    };
    text.chars()
        .map(|c| match c {
            'a'..='z' => turn(c, b'a'),
            'A'..='Z' => turn(c, b'A'),
            c => c,
        })
        .collect()
}

/// What Windows has where Latin-1 has control characters.
const CP1252: [Option<char>; 32] = [
    Some('€'),
    None,
    Some('‚'),
    Some('ƒ'),
    Some('„'),
    Some('…'),
    Some('†'),
    Some('‡'),
    Some('ˆ'),
    Some('‰'),
    Some('Š'),
    Some('‹'),
    Some('Œ'),
    None,
    Some('Ž'),
    None,
    None,
    Some('‘'),
    Some('’'),
    Some('“'),
    Some('”'),
    Some('•'),
    Some('–'),
    Some('—'),
    Some('˜'),
    Some('™'),
    Some('š'),
    Some('›'),
    Some('œ'),
    None,
    Some('ž'),
    Some('Ÿ'),
];

/// `bytes.decode(codec, errors)`.
pub(super) fn decode(bytes: &[u8], name: &str, errors: &str) -> Option<String> {
    let drop_wrong = match errors {
        "strict" => false,
        "ignore" => true,
        // What takes the place of what is wrong differs by codec; only UTF-8 is known.
        "replace" if codec(name) == "utf-8" => return Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => {
            return std::str::from_utf8(bytes)
                .ok()
                .filter(|_| codec(name) == "utf-8")
                .map(str::to_owned);
        }
    };
    let one_by_one = |of: &dyn Fn(u8) -> Option<char>| {
        let mut out = String::with_capacity(bytes.len());
        for b in bytes {
            match of(*b) {
                Some(c) => out.push(c),
                None if drop_wrong => {}
                None => return None,
            }
        }
        Some(out)
    };
    match codec(name).as_str() {
        "utf-8" if drop_wrong => Some(bytes.utf8_chunks().map(|chunk| chunk.valid()).collect()),
        "utf-8" => std::str::from_utf8(bytes).ok().map(str::to_owned),
        "utf-8-sig" => {
            let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            std::str::from_utf8(rest).ok().map(str::to_owned)
        }
        "ascii" => one_by_one(&|b| b.is_ascii().then(|| char::from(b))),
        "latin-1" => one_by_one(&|b| Some(char::from(b))),
        "cp1252" => one_by_one(&|b| match b {
            0x80..=0x9f => CP1252.get(usize::from(b & 0x1f)).copied().flatten(),
            b => Some(char::from(b)),
        }),
        "utf-16" => match bytes {
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
            _ => utf16(bytes, u16::from_le_bytes),
        },
        "utf-16-le" => utf16(bytes, u16::from_le_bytes),
        "utf-16-be" => utf16(bytes, u16::from_be_bytes),
        "utf-32" => match bytes {
            [0xff, 0xfe, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
            [0, 0, 0xfe, 0xff, rest @ ..] => utf32(rest, u32::from_be_bytes),
            _ => utf32(bytes, u32::from_le_bytes),
        },
        "utf-32-le" => utf32(bytes, u32::from_le_bytes),
        "utf-32-be" => utf32(bytes, u32::from_be_bytes),
        "unicode-escape" => unescape(bytes),
        other => super::ebcdic::decode(bytes, other),
    }
}

fn utf16(bytes: &[u8], of: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().map(|pair| of(*pair)));
    rest.is_empty().then(|| text.collect::<Result<_, _>>().ok())?
}

fn utf32(bytes: &[u8], of: fn([u8; 4]) -> u32) -> Option<String> {
    let (words, rest) = bytes.as_chunks::<4>();
    rest.is_empty()
        .then(|| words.iter().map(|word| char::from_u32(of(*word))).collect())?
}

/// Backslashes as in a literal of text, over Latin-1.
pub(super) fn unescape(bytes: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            out.push(char::from(*first));
            continue;
        }
        let [kind, tail @ ..] = rest else { return None };
        rest = tail;
        let digits = match kind {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            b'0'..=b'7' => {
                let mut n = u32::from(kind & 7);
                for _ in 0..2 {
                    let [digit @ b'0'..=b'7', tail @ ..] = rest else {
                        break;
                    };
                    n = n << 3 | u32::from(digit & 7);
                    rest = tail;
                }
                out.push(char::from_u32(n)?);
                continue;
            }
            kind => {
                match kind {
                    b'n' => out.push('\n'),
                    b'r' => out.push('\r'),
                    b't' => out.push('\t'),
                    b'a' => out.push('\x07'),
                    b'b' => out.push('\x08'),
                    b'f' => out.push('\x0c'),
                    b'v' => out.push('\x0b'),
                    b'\n' => {}
                    b'\\' | b'\'' | b'"' => out.push(char::from(*kind)),
                    // Names of characters would need a table of them all.
                    b'N' => return None,
                    other => out.extend(['\\', char::from(*other)]),
                }
                continue;
            }
        };
        let (number, tail) = rest.split_at_checked(digits)?;
        let number = std::str::from_utf8(number).ok().filter(|n| !n.starts_with('+'))?;
        out.push(char::from_u32(u32::from_str_radix(number, 16).ok()?)?);
        rest = tail;
    }
    Some(out)
}

/// `str.encode(codec, errors)`.
pub(super) fn encode_text(text: &str, name: &str, errors: &str) -> Option<Vec<u8>> {
    let below = |limit: u32| {
        let mut out = Vec::with_capacity(text.len());
        for c in text.chars() {
            match u8::try_from(u32::from(c)) {
                Ok(b) if u32::from(c) < limit => out.push(b),
                _ if errors == "ignore" => {}
                _ if errors == "replace" => out.push(b'?'),
                _ => return None,
            }
        }
        Some(out)
    };
    let words = |of: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(of).collect::<Vec<u8>>();
    match codec(name).as_str() {
        "utf-8" => Some(text.as_bytes().to_vec()),
        "utf-8-sig" => Some([b"\xef\xbb\xbf", text.as_bytes()].concat()),
        "ascii" => below(0x80),
        "latin-1" => below(0x100),
        "cp1252" if text.is_ascii() => below(0x80),
        "utf-16-le" => Some(words(u16::to_le_bytes)),
        "utf-16-be" => Some(words(u16::to_be_bytes)),
        "utf-16" => Some([b"\xff\xfe".as_slice(), &words(u16::to_le_bytes)].concat()),
        "unicode-escape" => {
            let mut out = String::new();
            for c in text.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    ' '..='~' => out.push(c),
                    c => out.push_str(&match u32::from(c) {
                        n @ 0..=0xff => format!("\\x{n:02x}"),
                        n @ 0..=0xffff => format!("\\u{n:04x}"),
                        n => format!("\\U{n:08x}"),
                    }),
                }
            }
            Some(out.into_bytes())
        }
        _ => None,
    }
}

/// `urllib.parse.unquote`: percent signs in UTF-8.
pub(super) fn unquote(text: &str, plus: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, rest.get(..2).and_then(|pair| hex(pair, false))) {
            (b'%', Some(byte)) => {
                out.extend(byte);
                rest = rest.get(2..).unwrap_or_default();
            }
            (b'+', _) if plus => out.push(b' '),
            (other, _) => out.push(*other),
        }
    }
    String::from_utf8(out).ok()
}

/// `urllib.parse.quote`: percent signs for all but what a path may hold.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"_.-~/".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// Bytes of an argument that may be bytes or, for the bases, a text of ASCII.
pub(super) fn ascii_or_bytes(value: &Datum) -> Option<&[u8]> {
    match value {
        Datum::Bytes(bytes) => Some(bytes),
        Datum::Str(text) if text.is_ascii() => Some(text.as_bytes()),
        _ => None,
    }
}
