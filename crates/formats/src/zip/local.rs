//! The header before each member, held against the directory.

use super::{DifferenceKind as K, Entry, Reader, directory, name_of};
use crate::bytes::{Source, u16_at, u32_at, u64_at};
use wellhead_core::{Budget, code};

pub(super) const HEADER: &[u8] = b"PK\x03\x04";
/// Sizes and digest follow the data.
pub(super) const HAS_DESCRIPTOR: u16 = 1 << 3;
/// Encrypted, patch data, strong encryption, masked header.
const ODD_FLAGS: u16 = ENCRYPTED | PATCH | 1 << 6 | 1 << 13;
pub(super) const ENCRYPTED: u16 = 1;
pub(super) const PATCH: u16 = 1 << 5;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) stored: u64,
    pub(super) size: u64,
    /// Its own length: the data begins behind it.
    pub(super) length: u64,
}

/// Reads the header at `at`.
pub(super) fn header(source: &mut Source<'_>, at: u64) -> Option<Header> {
    // One read covers nearly every name; PyTorch's alignment is in the extra field and not needed.
    let mut bytes = source.bytes(at, 320);
    if !bytes.starts_with(HEADER) {
        return None;
    }
    let name_len = usize::from(u16_at(&bytes, 26)?);
    let extra_len = usize::from(u16_at(&bytes, 28)?);
    let length = 30_usize.saturating_add(name_len).saturating_add(extra_len);
    let (stored, size) = (u32_at(&bytes, 18)?, u32_at(&bytes, 22)?);
    let wide = stored == u32::MAX || size == u32::MAX;
    if length > bytes.len() && (wide || name_len > bytes.len().saturating_sub(30)) {
        bytes = source.bytes(at, length);
    }
    let name = bytes.get(30..)?.get(..name_len)?.to_vec();
    let (mut stored, mut size) = (u64::from(stored), u64::from(size));
    if wide {
        let extra = bytes.get(30_usize.saturating_add(name_len)..).unwrap_or_default();
        let fields = directory::extra_fields(extra);
        if let Some(f) = directory::field(&fields, 0x0001) {
            let mut at = 0_usize;
            for value in [&mut size, &mut stored] {
                if *value == u64::from(u32::MAX)
                    && let Some(v) = u64_at(f, at)
                {
                    *value = v;
                    at = at.saturating_add(8);
                }
            }
        }
    }
    Some(Header {
        name,
        flags: u16_at(&bytes, 6)?,
        method: u16_at(&bytes, 8)?,
        crc: u32_at(&bytes, 14)?,
        stored,
        size,
        length: length as u64,
    })
}

/// Reads the header of every member of the directories and compares.
pub(super) fn read(r: &mut Reader<'_>, budget: &mut Budget) {
    for index in 0..r.archive.entries.len() {
        if !r.pay(budget.steps(64)) {
            return;
        }
        let Some(entry) = r.archive.entries.get(index).cloned() else {
            return;
        };
        let Some(header) = header(&mut r.source, entry.offset) else {
            let words = format!("the directory's place for {} holds no header", code(&entry.name));
            r.differ(K::NoHeader, (entry.offset, 30), Some(index), words);
            continue;
        };
        compare(r, index, &entry, &header);
        let start = entry.offset.saturating_add(header.length);
        if let Some(e) = r.archive.entries.get_mut(index) {
            e.data = start..start.saturating_add(entry.stored);
            e.local = Some(header);
        }
    }
}

fn compare(r: &mut Reader<'_>, index: usize, e: &Entry, h: &Header) {
    let at = (e.offset, h.length);
    let shown = code(&e.name);
    if h.name != e.raw_name {
        let words = format!(
            "{shown} in the directory is {} in its header",
            code(&name_of(&h.name))
        );
        r.differ(K::Name, at, Some(index), words);
    }
    if (h.flags ^ e.flags) & ODD_FLAGS != 0 {
        let words = format!(
            "the flags of {shown} are {:#06x} in the directory and {:#06x} in its header",
            e.flags, h.flags
        );
        r.differ(K::Flags, at, Some(index), words);
    }
    if h.method != e.method {
        let words = format!(
            "{shown} is {} by the directory and {} by its header",
            method_name(e.method),
            method_name(h.method)
        );
        r.differ(K::Method, at, Some(index), words);
    }
    if (h.flags | e.flags) & HAS_DESCRIPTOR != 0 {
        descriptor(r, index, e, h);
    }
    // With a descriptor the header may leave its fields empty, or fill them all the same.
    let empty = h.crc == 0 && h.stored == 0 && h.size == 0;
    let unknown = h.stored == u64::from(u32::MAX) || h.size == u64::from(u32::MAX);
    let deferred = (h.flags | e.flags) & HAS_DESCRIPTOR != 0;
    let masked = h.flags & (1 << 13) != 0;
    if masked || (deferred && (empty || unknown || h.crc == 0)) {
        return;
    }
    if (h.stored, h.size) != (e.stored, e.size) {
        let words = format!(
            "{shown} takes {} of {} bytes by the directory and {} of {} by its header",
            e.stored, e.size, h.stored, h.size
        );
        r.differ(K::Size, at, Some(index), words);
    }
    if h.crc != e.crc {
        let words = format!(
            "the CRC of {shown} is {:08x} by the directory and {:08x} by its header",
            e.crc, h.crc
        );
        r.differ(K::Crc, at, Some(index), words);
    }
}

/// Compares the descriptor behind the data, in whichever of its four forms it fits.
fn descriptor(r: &mut Reader<'_>, index: usize, e: &Entry, h: &Header) {
    let at = e.offset.saturating_add(h.length).saturating_add(e.stored);
    let bytes = r.source.bytes(at, 24);
    let signed = bytes.starts_with(b"PK\x07\x08");
    let fields = bytes.get(if signed { 4 } else { 0 }..).unwrap_or_default();
    let crc = u32_at(fields, 0);
    let narrow = (u32_at(fields, 4).map(u64::from), u32_at(fields, 8).map(u64::from));
    let wide = (u64_at(fields, 4), u64_at(fields, 12));
    let expected = (Some(e.stored), Some(e.size));
    if crc == Some(e.crc) && (narrow == expected || wide == expected) {
        return;
    }
    // A writer that knew the sizes, set the flag out of habit and wrote no descriptor contradicts nothing.
    if !signed && (h.crc, h.stored, h.size) == (e.crc, e.stored, e.size) {
        return;
    }
    let words = format!(
        "what follows the data of {} is not what the directory says of it",
        code(&e.name)
    );
    r.differ(K::Size, (at, 16), Some(index), words);
}

/// A method as a phrase.
pub(super) fn method_name(method: u16) -> String {
    match method {
        0 => "stored".to_owned(),
        8 => "deflated".to_owned(),
        _ => match known_method(method) {
            Some(name) => format!("compressed with {name}"),
            None => format!("of the unknown method {method}"),
        },
    }
}

/// Methods beside the two usual ones.
pub(super) fn known_method(method: u16) -> Option<&'static str> {
    Some(match method {
        1..=6 => "a method of the 1980s",
        9 => "Deflate64",
        12 => "bzip2",
        14 => "LZMA",
        20 | 93 => "Zstandard",
        94 => "MP3",
        95 => "XZ",
        96 => "JPEG",
        97 => "WavPack",
        98 => "PPMd",
        99 => "AES encryption",
        _ => return None,
    })
}
