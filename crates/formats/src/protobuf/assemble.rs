//! A message from a readable listing: one field a line, messages in braces.
//!
//! ```text
//! 1: varint 8
//! 2: "text\n"
//! 3: fixed32 1.5
//! 4: fixed64 7
//! 5: packed 1 2 300
//! 6: hex 00 ff
//! 7: {
//!   1: "inner"
//! }
//! 8: length=99 {
//!   1: varint 1
//! }
//! 9: group {
//!   1: varint 1
//! }
//! 10: zeros 64
//! raw ff ff
//! ```
//!
//! `length=` lies about the length of what follows. A comment begins with `#`.

use crate::assemble::AssembleError;

/// A message that is being written.
struct Open {
    number: u64,
    lie: Option<u64>,
    group: bool,
    bytes: Vec<u8>,
}

/// Makes a message of a listing.
pub(crate) fn assemble(text: &str) -> Result<Vec<u8>, AssembleError> {
    let mut stack = vec![Open {
        number: 0,
        lie: None,
        group: false,
        bytes: Vec::new(),
    }];
    for (i, line) in text.lines().enumerate() {
        let at = i.saturating_add(1);
        let wrong = |message: &str| AssembleError {
            line: at,
            message: message.to_owned(),
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line == "}" {
            let done = stack.pop().filter(|_| !stack.is_empty());
            let (Some(done), Some(parent)) = (done, stack.last_mut()) else {
                return Err(wrong("`}` without `{`"));
            };
            close(done, &mut parent.bytes);
            continue;
        }
        let Some(top) = stack.last_mut() else {
            return Err(wrong("nothing is open"));
        };
        if let Some(raw) = line.strip_prefix("raw ") {
            top.bytes
                .extend(hex(raw).ok_or_else(|| wrong("not pairs of hexadecimal digits"))?);
            continue;
        }
        let (number, value) = line
            .split_once(':')
            .ok_or_else(|| wrong("expected `number: value`"))?;
        let number: u64 = number.trim().parse().map_err(|_| wrong("not a field number"))?;
        let value = value.trim();
        if let Some(head) = value.strip_suffix('{') {
            let head = head.trim();
            let lie = head.strip_prefix("length=").map(str::parse).transpose();
            stack.push(Open {
                number,
                lie: lie.map_err(|_| wrong("not a length"))?,
                group: head == "group",
                bytes: Vec::new(),
            });
            continue;
        }
        field(&mut top.bytes, number, value).ok_or_else(|| wrong("not a value"))?;
    }
    match (stack.pop(), stack.is_empty()) {
        (Some(whole), true) => Ok(whole.bytes),
        _ => Err(AssembleError {
            line: text.lines().count(),
            message: "`{` without `}`".to_owned(),
        }),
    }
}

fn close(done: Open, into: &mut Vec<u8>) {
    if done.group {
        varint(into, tag(done.number, 3));
        into.extend(done.bytes);
        varint(into, tag(done.number, 4));
    } else {
        varint(into, tag(done.number, 2));
        varint(into, done.lie.unwrap_or(done.bytes.len() as u64));
        into.extend(done.bytes);
    }
}

fn tag(number: u64, kind: u64) -> u64 {
    number.wrapping_shl(3) | kind
}

fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok();
    }
    text.parse()
        .ok()
        .or_else(|| text.parse::<i64>().ok().map(i64::cast_unsigned))
}

fn field(out: &mut Vec<u8>, at: u64, value: &str) -> Option<()> {
    let (word, rest) = value.split_once(' ').unwrap_or((value, ""));
    let bytes = match word {
        "varint" => {
            varint(out, tag(at, 0));
            varint(out, number(rest)?);
            return Some(());
        }
        "fixed32" => {
            varint(out, tag(at, 5));
            out.extend(rest.parse::<f32>().ok()?.to_le_bytes());
            return Some(());
        }
        "fixed64" => {
            varint(out, tag(at, 1));
            out.extend(number(rest)?.to_le_bytes());
            return Some(());
        }
        "packed" => {
            let mut packed = Vec::new();
            for n in rest.split_whitespace() {
                varint(&mut packed, number(n)?);
            }
            packed
        }
        "hex" => hex(rest)?,
        "zeros" => vec![0; usize::try_from(number(rest)?).ok()?],
        _ => quoted(value)?,
    };
    varint(out, tag(at, 2));
    varint(out, bytes.len() as u64);
    out.extend(bytes);
    Some(())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.split_whitespace().collect();
    let pairs = (0..digits.len()).step_by(2);
    pairs
        .map(|i| {
            digits
                .get(i..i.saturating_add(2))
                .and_then(|p| u8::from_str_radix(p, 16).ok())
        })
        .collect()
}

/// A text in quotes with `\n`, `\t`, `\"`, `\\` and `\xNN`.
fn quoted(value: &str) -> Option<Vec<u8>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = Vec::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend(c.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        match chars.next()? {
            'n' => out.push(b'\n'),
            't' => out.push(b'\t'),
            'x' => {
                let pair: String = chars.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&pair, 16).ok()?);
            }
            other => out.extend(other.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_becomes_the_bytes_that_it_says() {
        let text = "1: varint 150\n2: {\n  1: \"a\\n\"\n}\n3: packed 1 300\n4: length=9 {\n}\n5: group {\n1: varint 1\n}\n6: hex 00 ff\nraw ff\n";
        assert_eq!(
            assemble(text).unwrap(),
            b"\x08\x96\x01\x12\x04\x0a\x02a\n\x1a\x03\x01\xac\x02\x22\x09\x2b\x08\x01\x2c\x32\x02\x00\xff\xff"
        );
        assert_eq!(assemble("}").unwrap_err().line, 1);
        assert_eq!(assemble("1: {").unwrap_err().message, "`{` without `}`");
    }
}
