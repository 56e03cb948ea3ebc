//! Pickles inside constants: handed to a loader by the pickle itself, or lying there for somebody to load.

use super::{
    analyse_at,
    machine::{LISTED, Machine},
    program::{Evaluated, Hints, ImportId, Nested, Program},
    resync,
    value::{StrKind, Value},
};
use std::io::Read as _;
use wellhead_core::Blob;

/// How deep pickles may lie in pickles.
pub(super) const DEPTH: u32 = 6;
/// How many bytes of a coded constant are decoded.
const DECODED: usize = 32 << 20;
/// The key of what a call unpickles, where it cannot be followed.
const ARGUMENT: &str = "argument";
/// How much of a constant is read to see whether it is a pickle.
const HEAD: usize = 16 << 10;

impl Machine<'_> {
    /// Looks at a constant's first bytes, and into it if they look like a pickle or a coding of one.
    #[inline]
    pub(super) fn look_into(&mut self, v: Value, offset: u64) {
        let head = self.reader.bytes_at(offset, 4);
        let [a, b, c, _] = *head else { return };
        let worth = match a {
            0x80 => (2..=5).contains(&b),
            0xc2 => b == 0x80 && (2..=5).contains(&c),
            0x78 => matches!(b, 0x01 | 0x5e | 0x9c | 0xda),
            0x1f => b == 0x8b && c == 8,
            b'g' => b == b'A' && (b'I'..=b'X').contains(&c),
            b'e' => matches!((b, c), (b'J', _) | (b'A', b'E') | (b'N', b'o')),
            b'H' => b == b'4' && c == b's',
            b'8' => b == b'0' && c == b'0',
            b'c' | b'(' | 0x8c => true,
            _ => false,
        };
        if worth {
            self.look_closer(v, offset);
        }
    }

    #[cold]
    fn look_closer(&mut self, v: Value, offset: u64) {
        let Some((kind, _, len)) = self.place(v) else {
            return;
        };
        let short = usize::try_from(len).unwrap_or(HEAD).min(HEAD);
        let raw = self.reader.bytes_at(offset, short.min(96)).into_owned();
        if matches!(raw.first(), Some(b'c' | b'(')) && !raw.contains(&b'\n') {
            return;
        }
        let plain = matches!(
            kind,
            StrKind::Bytes | StrKind::ByteArray | StrKind::Latin | StrKind::Utf8
        );
        let head = self.reader.bytes_at(offset, short).into_owned();
        if plain && resync::is_program(&head, len <= HEAD as u64) {
            let blob = self.blob.slice(offset, len);
            self.enter(offset, &blob, String::new(), None);
            return;
        }
        if matches!(raw.first(), Some(b'c' | b'(' | 0x8c | 0x80)) && kind != StrKind::Quoted {
            return;
        }
        if self.decoding_ended {
            return;
        }
        let Some(bytes) = self.bytes_of(v, DECODED) else {
            return;
        };
        let mut spent = 0;
        let found = decode(&bytes, 0, &mut spent);
        if let Err(e) = self.budget.expanded(spent) {
            self.decoding_ended = true;
            self.records.partly.get_or_insert_with(|| e.to_string());
        }
        if let Some((decoded, encoding)) = found {
            self.enter(offset, &Blob::from_bytes(decoded), encoding, None);
        }
    }

    /// A call that unpickles `v`.
    pub(super) fn loads(&mut self, v: Value, by: Option<u32>) {
        let by = by.map(ImportId);
        // Protocol 2 has no bytes: Python writes them as `_codecs.encode(text, "latin1")`.
        let v = self.latin_source(v).unwrap_or(v);
        let Some((kind, offset, len)) = self.place(v) else {
            match self.string_of(v) {
                Some((bytes, _)) => self.enter(self.at, &Blob::from_bytes(bytes), "computed".to_owned(), by),
                None => self.note_unread(by),
            }
            return;
        };
        let known = self.records.looked.get(&offset).copied();
        if let Some(nested) = known.and_then(|i| self.records.nested.get_mut(i)) {
            nested.loaded_by = nested.loaded_by.or(by);
            return;
        }
        if kind == StrKind::Bytes || kind == StrKind::ByteArray || kind == StrKind::Latin {
            self.enter(offset, &self.blob.slice(offset, len), String::new(), by);
        } else if len > DECODED as u64 {
            self.note_unread(by);
        } else if let Some(bytes) = self.bytes_of(v, DECODED) {
            if let Err(e) = self.budget.expanded(bytes.len() as u64) {
                self.records.partly.get_or_insert_with(|| e.to_string());
            }
            let bytes = latin_bytes(&bytes).unwrap_or(bytes);
            self.enter(offset, &Blob::from_bytes(bytes), String::new(), by);
        }
    }

    /// Notes that something is unpickled and that nobody knows what.
    pub(super) fn note_unread(&mut self, by: Option<ImportId>) {
        let site = self.site();
        let Some(class) = by else { return };
        let known = &mut self.records.evaluated;
        if !known.iter().any(|e| e.class == class && e.key == ARGUMENT) {
            known.push(Evaluated {
                class,
                key: ARGUMENT.to_owned(),
                text: None,
                site,
            });
        }
    }

    pub(super) fn enter(&mut self, offset: u64, blob: &Blob, encoding: String, loaded_by: Option<ImportId>) {
        if self.depth >= DEPTH {
            self.records
                .partly
                .get_or_insert_with(|| format!("pickles lie in pickles more than {DEPTH} deep"));
            return;
        }
        let mut program = analyse_at(blob, Hints::default(), self.depth.saturating_add(1), self.budget);
        if loaded_by.is_none() && program.opcodes < 2 {
            return;
        }
        program.loader = self.hints.loader;
        let same =
            self.records.nested.iter().position(|n| {
                n.loaded_by == loaded_by && n.encoding == encoding && alike(&n.program, &program)
            });
        let site = self.site();
        let at = same.unwrap_or_else(|| {
            if self.records.nested.len() >= LISTED {
                self.records.partly.get_or_insert_with(|| {
                    format!("more than {LISTED} different pickles lie in its constants")
                });
            } else {
                self.records.nested.push(Nested {
                    site,
                    encoding,
                    loaded_by,
                    count: 0,
                    program: Box::new(program),
                });
            }
            self.records.nested.len().saturating_sub(1)
        });
        if let Some(n) = self.records.nested.get_mut(at) {
            n.count = n.count.saturating_add(1);
        }
        if self.records.looked.len() < 1 << 16 {
            self.records.looked.insert(offset, at);
        }
    }
}

/// Whether two programs import, call and end alike, so that one stands for both.
fn alike(a: &Program, b: &Program) -> bool {
    a.flavour == b.flavour
        && a.outcome == b.outcome
        && a.streams.len() == b.streams.len()
        && a.streams.iter().zip(&b.streams).all(|(x, y)| x.end == y.end)
        && a.imports.len() == b.imports.len()
        && a.imports
            .iter()
            .zip(&b.imports)
            .all(|(x, y)| x.module == y.module && x.name == y.name)
        && a.calls.len() == b.calls.len()
        && a.calls
            .iter()
            .zip(&b.calls)
            .all(|(x, y)| x.callee == y.callee && x.kind == y.kind && x.passes == y.passes)
        && a.writes.len() == b.writes.len()
        && a.writes
            .iter()
            .zip(&b.writes)
            .all(|(x, y)| x.target == y.target && x.passes == y.passes)
        && a.nested.len() == b.nested.len()
        && a.nested
            .iter()
            .zip(&b.nested)
            .all(|(x, y)| alike(&x.program, &y.program))
        && a.differentials.len() == b.differentials.len()
        && a.extensions.len() == b.extensions.len()
        && a.trailing.is_some() == b.trailing.is_some()
}

/// Text of Latin-1 characters as the bytes they stand for.
fn latin_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// Undoes base64, hexadecimal, compression and Latin-1, in any order, until a pickle comes out.
fn decode(bytes: &[u8], depth: u32, spent: &mut u64) -> Option<(Vec<u8>, String)> {
    if depth > 4 {
        return None;
    }
    let text = bytes.is_ascii() || std::str::from_utf8(bytes).is_ok();
    let attempts: [(&str, Option<Vec<u8>>); 5] = [
        ("zlib", inflate(bytes)),
        ("gzip", gunzip(bytes)),
        ("hex", from_hex(bytes)),
        ("base64", from_base64(bytes)),
        (
            "latin-1 text",
            latin_bytes(bytes).filter(|_| text && !bytes.is_ascii()),
        ),
    ];
    for (name, decoded) in attempts {
        let Some(decoded) = decoded.filter(|d| d.len() >= 4) else {
            continue;
        };
        *spent = spent.saturating_add(decoded.len() as u64);
        let head = decoded.get(..HEAD).unwrap_or(&decoded);
        if resync::is_program(head, decoded.len() <= HEAD) {
            return Some((decoded, name.to_owned()));
        }
        if let Some((inner, names)) = decode(&decoded, depth.saturating_add(1), spent) {
            return Some((inner, format!("{names} in {name}")));
        }
    }
    None
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    if !matches!(bytes, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) {
        return None;
    }
    let mut out = Vec::new();
    let read = flate2::read::ZlibDecoder::new(bytes)
        .take(DECODED as u64)
        .read_to_end(&mut out);
    (read.is_ok() || !out.is_empty()).then_some(out)
}

fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    if !matches!(bytes, [0x1f, 0x8b, 8, ..]) {
        return None;
    }
    let mut out = Vec::new();
    let read = flate2::read::GzDecoder::new(bytes)
        .take(DECODED as u64)
        .read_to_end(&mut out);
    (read.is_ok() || !out.is_empty()).then_some(out)
}

/// Hexadecimal digits, as many loaders take them: blanks ignored.
pub(super) fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .iter()
        .filter(|b| !b.is_ascii_whitespace())
        .map(|b| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    digits
        .chunks_exact(2)
        .map(|p| Some((p.first()? << 4) | p.get(1)?))
        .collect()
}

/// Base64 in either alphabet, padding and blanks ignored.
pub(super) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let (mut bits, mut have) = (0_u32, 0_u32);
    for b in text.iter().filter(|b| !b.is_ascii_whitespace() && **b != b'=') {
        let six = match b {
            b'A'..=b'Z' => b.wrapping_sub(b'A'),
            b'a'..=b'z' => b.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => b.wrapping_sub(b'0').wrapping_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = ((bits << 6) | u32::from(six)) & 0xff_ffff;
        have = have.wrapping_add(6);
        if have >= 8 {
            have = have.wrapping_sub(8);
            out.push(((bits >> have) & 0xff) as u8);
        }
    }
    Some(out)
}
