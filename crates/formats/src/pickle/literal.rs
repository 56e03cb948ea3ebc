//! Literals as the loaders read them, each on its own.
//!
//! The C unpickler, the Python one and the tools that only list opcodes disagree about a few spellings of numbers;
//! whoever reads like one of them can be fed a pickle that means something else to another.

use std::borrow::Cow;

/// What three readers make of one literal; `None` where the reader refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readings<T> {
    /// `_pickle`.
    pub(crate) c: Option<T>,
    /// `pickle._Unpickler`.
    pub(crate) python: Option<T>,
    /// `pickletools.genops`, on which scanners are built.
    pub(crate) tools: Option<T>,
}

impl<T: Copy + PartialEq> Readings<T> {
    /// What any loader reads.
    pub(crate) fn any(&self) -> Option<T> {
        self.c.or(self.python)
    }

    /// Who reads what, where they differ.
    pub(crate) fn difference(&self, what: &str, show: impl Fn(T) -> String) -> Option<String> {
        self.any()?;
        if self.c == self.python && self.c == self.tools {
            return None;
        }
        let say = |r: Option<T>| r.map_or_else(|| "nothing".to_owned(), &show);
        Some(format!(
            "the C unpickler reads {} from this {what}, the Python one {}, opcode listers {}",
            say(self.c),
            say(self.python),
            say(self.tools)
        ))
    }
}

/// What C and Python skip round a number.
const BLANKS: [char; 6] = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// An integer as Python's `int(text, base)` reads it; values beyond 64 bits are cut to `i64::MAX`.
fn python_int(bytes: &[u8], base: u32) -> Option<i64> {
    let t = text(bytes)?.trim_matches(BLANKS);
    let (negative, t) = match t.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, t.strip_prefix('+').unwrap_or(t)),
    };
    let prefixed = |lower: &str, upper: &str| t.strip_prefix(lower).or_else(|| t.strip_prefix(upper));
    let (radix, digits, prefix) = if base != 0 {
        (base, t, false)
    } else if let Some(d) = prefixed("0x", "0X") {
        (16, d, true)
    } else if let Some(d) = prefixed("0o", "0O") {
        (8, d, true)
    } else if let Some(d) = prefixed("0b", "0B") {
        (2, d, true)
    } else {
        // Leading zeros are refused unless the number is zero: they meant octal in Python 2.
        let bare = t.starts_with('0') && t.bytes().any(|b| !matches!(b, b'0' | b'_'));
        if bare {
            return None;
        }
        (10, t, false)
    };
    // One underscore may stand between digits, and after a prefix.
    let digits = if prefix {
        digits.strip_prefix('_').unwrap_or(digits)
    } else {
        digits
    };
    if digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let mut value = 0_i64;
    for c in digits.chars().filter(|c| *c != '_') {
        let d = c.to_digit(radix)?;
        value = value
            .saturating_mul(i64::from(radix))
            .saturating_add(i64::from(d));
    }
    Some(if negative { value.saturating_neg() } else { value })
}

/// An integer as C's `strtol(text, &end, 0)` reads it, provided that a line end or a NUL follows.
fn c_long(bytes: &[u8]) -> Option<i64> {
    let line = bytes.split(|b| *b == 0).next().unwrap_or_default();
    let t = text(line)?.trim_start_matches(BLANKS);
    let (negative, t) = match t.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, t.strip_prefix('+').unwrap_or(t)),
    };
    let (radix, digits) = match t.strip_prefix("0x").or_else(|| t.strip_prefix("0X")) {
        Some(d) => (16, d),
        None if t.len() > 1 && t.starts_with('0') => (8, t),
        None => (10, t),
    };
    // `strtol` of nothing is 0, and the unpickler does not ask whether there was a digit.
    if digits.is_empty() {
        return (t.is_empty() && !negative && bytes.len() > line.len()).then_some(0);
    }
    let value = i64::from_str_radix(digits, radix)
        .ok()
        .filter(|_| !digits.starts_with(['+', '-']))?;
    Some(if negative { value.saturating_neg() } else { value })
}

/// The operand of INT.
pub(crate) fn int(line: &[u8]) -> Readings<i64> {
    let python = match line {
        b"00" => Some(0),
        b"01" => Some(1),
        _ => python_int(line, 0),
    };
    Readings {
        c: c_long(line).or_else(|| {
            let first = line.split(|b| *b == 0).next().unwrap_or_default();
            python_int(first, 0)
        }),
        python,
        tools: match line {
            b"00" => Some(0),
            b"01" => Some(1),
            _ => python_int(line, 10),
        },
    }
}

/// The operand of LONG.
pub(crate) fn long(line: &[u8]) -> Readings<i64> {
    let digits = line.strip_suffix(b"L").unwrap_or(line);
    let value = python_int(digits, 0);
    Readings {
        c: value,
        python: value,
        tools: python_int(digits, 10),
    }
}

/// The operand of GET and PUT; a negative one is refused by all.
pub(crate) fn index(line: &[u8]) -> Option<u64> {
    python_int(line, 10).and_then(|n| u64::try_from(n).ok())
}

/// The operand of FLOAT: whether each reader takes it. The value never matters.
pub(crate) fn float(line: &[u8]) -> Readings<()> {
    let strict = |t: &str| {
        let unsigned = t.strip_prefix(['+', '-']).unwrap_or(t);
        let known = ["nan", "inf", "infinity"]
            .iter()
            .any(|k| unsigned.eq_ignore_ascii_case(k));
        let plain =
            unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') && t.parse::<f64>().is_ok();
        (known || plain).then_some(())
    };
    let c = text(line.split(|b| *b == 0).next().unwrap_or_default()).and_then(strict);
    let python = text(line).and_then(|t| {
        let t = t.trim();
        let lone = t.starts_with('_') || t.ends_with('_') || t.contains("__");
        let between = t.as_bytes().windows(3).all(|w| match w {
            [a, b'_', b] => a.is_ascii_digit() && b.is_ascii_digit(),
            _ => true,
        });
        (!lone && between)
            .then(|| t.replace('_', ""))
            .and_then(|t| strict(&t))
    });
    Readings {
        c,
        python,
        tools: python,
    }
}

/// A quoted literal without its quotes; `None` where loaders refuse the quotes.
pub(crate) fn unquoted(line: &[u8]) -> Option<&[u8]> {
    match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => Some(inner),
        _ => None,
    }
}

/// The escapes of a quoted literal resolved, as `codecs.escape_decode` does.
pub(crate) fn unescape(inner: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied().peekable();
    while let Some(b) = rest.next() {
        if b != b'\\' {
            out.push(b);
            continue;
        }
        match rest.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'v') => out.push(11),
            Some(b'\n') => {}
            Some(q @ (b'\\' | b'\'' | b'"')) => out.push(q),
            Some(b'x') => {
                let mut value = 0_u32;
                for _ in 0..2 {
                    if let Some(d) = rest.peek().and_then(|b| char::from(*b).to_digit(16)) {
                        value = value.saturating_mul(16).saturating_add(d);
                        rest.next();
                    }
                }
                out.push((value & 0xff) as u8);
            }
            Some(o @ b'0'..=b'7') => {
                let mut value = u32::from(o & 7);
                for _ in 0..2 {
                    if let Some(d) = rest.peek().and_then(|b| char::from(*b).to_digit(8)) {
                        value = value.saturating_mul(8).saturating_add(d);
                        rest.next();
                    }
                }
                out.push((value & 0xff) as u8);
            }
            Some(other) => out.extend([b'\\', other]),
            None => out.push(b'\\'),
        }
    }
    out
}

/// Raw-unicode-escape: Latin-1 with `\uXXXX` and `\UXXXXXXXX` after an odd number of backslashes.
pub(crate) fn raw_unicode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0_usize;
    let mut slashes = 0_u32;
    while let Some(b) = bytes.get(at).copied() {
        at = at.saturating_add(1);
        let width = match bytes.get(at) {
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        if b == b'\\' && slashes.is_multiple_of(2) && width > 0 {
            let from = at.saturating_add(1);
            let to = from.saturating_add(width);
            let c = bytes
                .get(from..to)
                .and_then(text)
                .filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|t| u32::from_str_radix(t, 16).ok());
            if let Some(c) = c {
                out.push(char::from_u32(c).unwrap_or('\u{fffd}'));
                at = to;
                slashes = 0;
                continue;
            }
        }
        slashes = if b == b'\\' { slashes.saturating_add(1) } else { 0 };
        out.push(char::from(b));
    }
    out
}

/// Text that may hold lone surrogates, which become U+FFFD.
pub(crate) fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Eight-bit text.
pub(crate) fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_disagree_about_these_numbers() {
        for (line, c, python, tools) in [
            (&b"0x10"[..], Some(16), Some(16), None),
            (b"0o10", Some(8), Some(8), None),
            (b"0b11", Some(3), Some(3), None),
            (b"010", Some(8), None, Some(10)),
            (b"12", Some(12), Some(12), Some(12)),
            (b"-3", Some(-3), Some(-3), Some(-3)),
            (b"01", Some(1), Some(1), Some(1)),
            (b"1_0", Some(10), Some(10), Some(10)),
            (b" 7", Some(7), Some(7), Some(7)),
            (b"5\0junk", Some(5), None, None),
            (b"junk", None, None, None),
        ] {
            let r = int(line);
            assert_eq!((r.c, r.python, r.tools), (c, python, tools), "{line:?}");
        }
        assert_eq!(long(b"0b11L").any(), Some(3));
        assert_eq!(long(b"0b11L").tools, None);
        assert_eq!(long(b"010L").any(), None);
        assert_eq!(index(b"12"), Some(12));
        assert_eq!(index(b"-1"), None);
    }

    #[test]
    fn readers_disagree_about_these_floats() {
        for (line, c, python) in [
            (&b"1.5"[..], true, true),
            (b" 1.5", false, true),
            (b"1_0", false, true),
            (b"1__0", false, false),
            (b"-inf", true, true),
            (b"nan", true, true),
            (b"x", false, false),
        ] {
            let r = float(line);
            assert_eq!((r.c.is_some(), r.python.is_some()), (c, python), "{line:?}");
        }
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(unescape(br"\x6fs\n\101\'\q"), b"os\nA'\\q");
        assert_eq!(raw_unicode(br"\u006fs \\u0041"), "os \\\\u0041");
        assert_eq!(unquoted(b"'a'"), Some(&b"a"[..]));
        assert_eq!(unquoted(b"'"), None);
    }
}
