//! Is this the start of a pickle? Judged by reading opcodes, not by magic bytes.
//!
//! Protocols 0 and 1 have no magic at all, and behind damage there is none to wait for. What every pickle that matters
//! has is an import followed by a call, all in valid opcodes; ordinary text and data die within a few of them.

use super::opcode::{self as op, Operand, describe};

/// How likely bytes are a pickle, by their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likelihood {
    /// They are not.
    No,
    /// They can be read as one that only holds data; a name or the place must decide.
    Possible,
    /// They are one.
    Certain,
}

/// How many opcodes are read before a decision.
const OPCODES: u32 = 4096;

/// How reading opcodes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Stop,
    Invalid,
    OutOfBytes,
    Enough,
}

struct Lexed {
    ended: Ended,
    consumed: usize,
    opcodes: u32,
    /// An import with a plausible name came, and a call after it.
    calls: bool,
    /// The same, and nothing before the call would have failed.
    runs: bool,
    imports: bool,
    /// The stack was never taken from when empty, and one value was left.
    balanced: bool,
    /// A value was kept in the memo, or a container was made.
    structured: bool,
}

/// Whether `head`, the first bytes of a file, starts a pickle. A few kilobytes are enough.
pub fn looks_like_pickle(head: &[u8]) -> Likelihood {
    let lexed = lex(head, None);
    let declared = matches!(head, [0x80, 2..=5, ..]);
    let sound = lexed.ended != Ended::Invalid;
    if declared && (sound || lexed.opcodes > 2 || lexed.imports) {
        return Likelihood::Certain;
    }
    if lexed.runs {
        return Likelihood::Certain;
    }
    let whole = lexed.ended == Ended::Stop && lexed.balanced;
    if whole && (lexed.structured || lexed.imports || matches!(head, [0x80, 0 | 1, ..])) {
        return Likelihood::Possible;
    }
    let cut = matches!(lexed.ended, Ended::OutOfBytes | Ended::Enough) && lexed.balanced;
    if cut && lexed.structured && lexed.opcodes >= 8 {
        return Likelihood::Possible;
    }
    Likelihood::No
}

/// Whether a constant that starts like a pickle is one: it reaches an import, or a STOP.
pub(super) fn is_program(bytes: &[u8], whole: bool) -> bool {
    let lexed = lex(bytes, None);
    let ends = lexed.ended == Ended::Stop && lexed.balanced;
    lexed.imports || (ends && (lexed.consumed == bytes.len() || !whole)) || {
        let declared = matches!(bytes, [0x80, 2..=5, ..]);
        declared && lexed.ended != Ended::Invalid && lexed.opcodes > 4
    }
}

/// Whether the bytes right behind a STOP go on as another pickle.
pub(super) fn goes_on(bytes: &[u8]) -> bool {
    let lexed = lex(bytes, None);
    match lexed.ended {
        Ended::Stop => lexed.balanced || lexed.imports,
        Ended::Invalid => lexed.calls || lexed.imports || matches!(bytes, [0x80, 2..=5, ..]),
        Ended::OutOfBytes | Ended::Enough => lexed.opcodes >= 2 || lexed.imports,
    }
}

/// Where, in junk, opcodes start that reach an import and a call.
pub(super) fn search(junk: &[u8]) -> Option<usize> {
    let mut bad = vec![false; junk.len()];
    for at in 0..junk.len() {
        if bad.get(at).copied().unwrap_or(true) {
            continue;
        }
        let rest = junk.get(at..)?;
        if lex(rest, Some((&mut bad, at))).calls {
            return Some(at);
        }
    }
    None
}

/// Whether text can be a dotted name of Python.
fn is_name(name: &[u8]) -> bool {
    let start = name
        .first()
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_' || *b >= 0x80);
    start
        && name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'<' | b'>' | b'-') || *b >= 0x80)
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|b| *b == b'\n')?;
    let line = rest.get(..end)?;
    *rest = rest.get(end.checked_add(1)?..)?;
    Some(line)
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let taken = rest.get(..n)?;
    *rest = rest.get(n..)?;
    Some(taken)
}

fn take_counted<'a>(rest: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let bytes = take(rest, width)?;
    let n = bytes.iter().rev().fold(0_u64, |n, b| (n << 8) | u64::from(*b));
    let n = usize::try_from(n).ok()?;
    take(rest, n)
}

/// How an operand was read.
enum Read {
    Fine,
    Cut,
    Wrong,
}

fn operand<'a>(byte: u8, kind: Operand, rest: &mut &'a [u8]) -> Read {
    let fixed = |rest: &mut &'a [u8], n| take(rest, n).map(|b| (b, &b""[..]));
    let before = rest.len();
    let read = match kind {
        Operand::None => Some((&b""[..], &b""[..])),
        Operand::U1 => fixed(rest, 1),
        Operand::U2 => fixed(rest, 2),
        Operand::I4 | Operand::U4 => fixed(rest, 4),
        Operand::U8 | Operand::F8 => fixed(rest, 8),
        Operand::Bytes1 => take_counted(rest, 1).map(|b| (b, &b""[..])),
        Operand::Bytes4 => take_counted(rest, 4).map(|b| (b, &b""[..])),
        Operand::Bytes4Signed => match rest.get(3) {
            Some(high) if *high >= 0x80 => return Read::Wrong,
            _ => take_counted(rest, 4).map(|b| (b, &b""[..])),
        },
        Operand::Bytes8 => take_counted(rest, 8).map(|b| (b, &b""[..])),
        Operand::Line => take_line(rest).map(|l| (l, &b""[..])),
        Operand::TwoLines => take_line(rest).and_then(|m| take_line(rest).map(|n| (m, n))),
    };
    let Some((a, b)) = read else {
        // A line without an end in kilobytes is no operand.
        let endless = matches!(kind, Operand::Line | Operand::TwoLines) && before > 2048;
        return if endless { Read::Wrong } else { Read::Cut };
    };
    let number = |l: &[u8]| {
        l.first()
            .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b' ' | b'.'))
    };
    let word = |l: &[u8]| matches!(l.first(), Some(b'n' | b'i' | b'N' | b'I'));
    let fine = match byte {
        op::INT | op::LONG | op::GET | op::PUT => number(a) && a.len() < 5000,
        op::FLOAT => number(a) || word(a),
        op::STRING => super::literal::unquoted(a).is_some(),
        op::GLOBAL | op::INST => is_name(a) && is_name(b),
        op::PERSID => a.len() < 200 && a.iter().all(|b| (b' '..=b'~').contains(b)),
        op::PROTO => a.first().is_some_and(|p| *p <= 5),
        _ => true,
    };
    if fine { Read::Fine } else { Read::Wrong }
}

/// Values that an opcode takes off the stack and puts on it; `None` for those that take to the last mark.
fn effect(byte: u8) -> Option<(u32, u32)> {
    Some(match byte {
        op::POP | op::STOP => (1, 0),
        op::DUP => (1, 2),
        op::APPEND | op::BUILD | op::REDUCE | op::NEWOBJ | op::STACK_GLOBAL | op::TUPLE2 => (2, 1),
        op::SETITEM | op::NEWOBJ_EX | op::TUPLE3 => (3, 1),
        op::TUPLE1 | op::BINPERSID | op::READONLY_BUFFER | op::MEMOIZE => (1, 1),
        op::PUT | op::BINPUT | op::LONG_BINPUT => (1, 1),
        op::MARK | op::PROTO | op::FRAME => (0, 0),
        op::APPENDS | op::SETITEMS | op::ADDITEMS | op::TUPLE | op::LIST | op::DICT => return None,
        op::FROZENSET | op::POP_MARK | op::INST | op::OBJ => return None,
        _ => (0, 1),
    })
}

/// Reads opcodes. With `bad`, places from which nothing was found are marked, and reading ends at such a place.
fn lex(bytes: &[u8], mut bad: Option<(&mut Vec<bool>, usize)>) -> Lexed {
    let mut rest = bytes;
    let mut depth = 0_u32;
    let mut marks: Vec<u32> = Vec::new();
    let mut strings = 0_u32;
    let mut out = Lexed {
        ended: Ended::Enough,
        consumed: 0,
        opcodes: 0,
        calls: false,
        runs: false,
        imports: false,
        balanced: true,
        structured: false,
    };
    while out.opcodes < OPCODES {
        out.consumed = bytes.len().saturating_sub(rest.len());
        if let Some((bad, base)) = bad.as_mut()
            && let Some(slot) = bad.get_mut(base.saturating_add(out.consumed))
        {
            if *slot {
                out.ended = Ended::Invalid;
                break;
            }
            *slot = true;
        }
        let Some((byte, after)) = rest.split_first() else {
            out.ended = Ended::OutOfBytes;
            break;
        };
        let Some((_, kind)) = describe(*byte) else {
            out.ended = Ended::Invalid;
            break;
        };
        rest = after;
        match operand(*byte, kind, &mut rest) {
            Read::Fine => {}
            Read::Cut => {
                out.ended = Ended::OutOfBytes;
                break;
            }
            Read::Wrong => {
                out.ended = Ended::Invalid;
                break;
            }
        }
        out.opcodes = out.opcodes.saturating_add(1);
        let fence = marks.last().copied().unwrap_or(0);
        match effect(*byte) {
            Some((takes, puts)) => {
                out.balanced &= depth.saturating_sub(fence) >= takes || (*byte == op::POP && depth > 0);
                depth = depth.saturating_sub(takes).saturating_add(puts);
            }
            None => {
                out.balanced &= !marks.is_empty();
                depth = marks.pop().unwrap_or(0);
                let adds = !matches!(*byte, op::APPENDS | op::SETITEMS | op::ADDITEMS | op::POP_MARK);
                depth = depth.saturating_add(u32::from(adds));
            }
        }
        match *byte {
            op::MARK => marks.push(depth),
            op::SHORT_BINUNICODE
            | op::BINUNICODE
            | op::BINUNICODE8
            | op::UNICODE
            | op::STRING
            | op::BINSTRING
            | op::SHORT_BINSTRING
            | op::GET
            | op::BINGET
            | op::LONG_BINGET => strings = strings.saturating_add(1),
            op::GLOBAL => out.imports = true,
            op::STACK_GLOBAL if strings >= 2 => out.imports = true,
            op::INST => {
                out.imports = true;
                out.calls = true;
                out.runs |= out.balanced;
            }
            op::REDUCE | op::OBJ | op::NEWOBJ | op::NEWOBJ_EX | op::BUILD => {
                out.calls |= out.imports;
                out.runs |= out.imports && out.balanced;
            }
            op::PUT
            | op::BINPUT
            | op::LONG_BINPUT
            | op::MEMOIZE
            | op::DICT
            | op::LIST
            | op::APPENDS
            | op::SETITEMS => out.structured = true,
            op::STOP => {
                out.balanced &= depth == 0;
                out.ended = Ended::Stop;
                out.consumed = bytes.len().saturating_sub(rest.len());
                break;
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn innocent_files_are_not_pickles() {
        for text in [
            "import os\nimport sys\n\nprint(1)\n",
            "class Foo:\n    pass\n",
            "cat\ndog\nmouse\n",
            "a,b,c\n1,2,3\n",
            "{\"a\": 1}",
            "[1, 2, 3]",
            "(c) 2024 Somebody\nAll rights reserved.\n",
            "In the beginning\nwas the word.\n",
            "0.5 0.25\n1.5\n",
            "# Title\n\nText.\n",
            "NNNNNNNNACGT\n",
            "Name,Value\n",
            "build\ndist\n*.egg-info\n",
            "GIF89a",
            "RIFF\x10\x00\x00\x00WAVEfmt ",
            "]]]]]]]]",
            "%PDF-1.7\n",
            "",
        ] {
            assert_eq!(looks_like_pickle(text.as_bytes()), Likelihood::No, "{text:?}");
        }
        for bytes in [
            &b"\x80\x01\x06\x13\0\0%!PS-AdobeFont"[..],
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff\xe0",
            b"PK\x03\x04",
            b"PK\x03\x04\x14\0\0\0\n(K\x01tR",
        ] {
            assert_eq!(looks_like_pickle(bytes), Likelihood::No, "{bytes:?}");
        }
    }

    #[test]
    fn pickles_of_all_protocols_are_known() {
        for (bytes, is) in [
            (&b"(dp0\nS'a'\np1\nI1\ns."[..], Likelihood::Possible),
            (b"cposix\nsystem\n(S'x'\ntR.", Likelihood::Certain),
            (b"(S'x'\niposix\nsystem\n.", Likelihood::Certain),
            (b"I0x10\n0cposix\nsystem\n(S'x'\ntR.", Likelihood::Certain),
            (b"\x80\x02}q\x00.", Likelihood::Certain),
            (b"\x80\x05K\x01.", Likelihood::Certain),
            (b"\x8c\x05posix\x8c\x06system\x93)R.", Likelihood::Certain),
        ] {
            assert_eq!(looks_like_pickle(bytes), is, "{bytes:?}");
        }
    }

    #[test]
    fn a_program_is_found_in_junk() {
        assert_eq!(search(b"\xff\xfe\xfdcos\nsystem\n(tR."), Some(3));
        assert_eq!(search(&[0x30; 100_000]), None);
    }
}
