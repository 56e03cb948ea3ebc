//! The members' bytes: in which ways they can be read, and whether they are what the archive says.

use super::{DifferenceKind as K, Entry, Reader, local};
use crate::{
    decode::{Codec, Failing, Lazy, MEMORY_KB, Maker, maker, raw},
    document::{Member, MemberSource, Role},
    format::table as t,
    identify,
    inflate::{End, inflate},
};
use miniz_oxide::DataFormat;
use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::Arc,
};
use wellhead_core::{Blob, Budget, Depth, Outcome, code};

/// Pickles up to this size have their digest checked at every depth.
const CHECK: u64 = 16 << 20;
/// Longest target of a symbolic link.
const LINK: u64 = 4096;

/// One way to read a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Stored,
    Deflated,
    /// By another method, in the format that files of their own have.
    Packed(Codec),
    /// By LZMA, behind a header that only zip has.
    Lzma,
    /// By a method that does not exist: some readers then take the bytes as they are, some inflate.
    Guess,
}

impl Reading {
    fn of(method: u16) -> Result<Self, String> {
        match method {
            0 => Ok(Self::Stored),
            8 => Ok(Self::Deflated),
            12 => Ok(Self::Packed(Codec::Bzip2)),
            14 => Ok(Self::Lzma),
            20 | 93 => Ok(Self::Packed(Codec::Zstd)),
            95 => Ok(Self::Packed(Codec::Xz)),
            m => match local::known_method(m) {
                Some(name) => Err(format!("compressed with {name}, which is not read yet")),
                None => Ok(Self::Guess),
            },
        }
    }

    fn source(self, packed: Blob) -> MemberSource {
        let size = packed.len();
        let make = match self {
            Self::Stored => return MemberSource::Stored(packed),
            Self::Deflated => return MemberSource::Deflated(packed),
            Self::Guess => return MemberSource::Guess(packed),
            Self::Lzma => lzma(packed),
            Self::Packed(codec) => maker(&packed, codec),
        };
        MemberSource::Part(Lazy::new(make, size), 0, u64::MAX)
    }
}

/// Version, length of the properties, the properties; the stream ends where it says so or with the data.
fn lzma(packed: Blob) -> Maker {
    Arc::new(move || -> Box<dyn Read + Send> {
        let head = packed.bytes(0, 9).unwrap_or_default();
        let [_, _, 5, 0, props, dictionary @ ..] = head.as_slice() else {
            return Box::new(Failing(io::ErrorKind::InvalidData));
        };
        let dictionary = u32::from_le_bytes(dictionary.try_into().unwrap_or_default());
        match lzma_rust2::lzma_get_memory_usage_by_props(dictionary, *props) {
            Ok(kb) if kb <= MEMORY_KB => {}
            Ok(_) => return Box::new(Failing(io::ErrorKind::OutOfMemory)),
            Err(e) => return Box::new(Failing(e.kind())),
        }
        let stream = raw(&packed, 9);
        match lzma_rust2::LzmaReader::new_with_props(stream, u64::MAX, *props, dictionary, None) {
            Ok(reader) => Box::new(reader),
            Err(e) => Box::new(Failing(e.kind())),
        }
    })
}

pub(super) fn read(r: &mut Reader<'_>, budget: &mut Budget) {
    let mut names: BTreeMap<String, u64> = BTreeMap::new();
    for index in 0..r.archive.entries.len() {
        if !r.pay(budget.steps(64)) {
            return;
        }
        let Some(entry) = r.archive.entries.get(index).cloned() else {
            return;
        };
        if entry.name.ends_with('/') && entry.stored == 0 && entry.size == 0 {
            continue;
        }
        let source = source(r, index, &entry, budget);
        if is_link(&entry) && entry.size <= LINK {
            let target = source
                .body(budget)
                .blob
                .bytes(0, LINK as usize)
                .unwrap_or_default();
            if let Some(e) = r.archive.entries.get_mut(index) {
                e.link = Some(super::name_of(&target));
            }
            continue;
        }
        let check =
            r.depth == Depth::Full || (entry.role == Role::Pickle && entry.size.max(entry.stored) <= CHECK);
        if check {
            verify(r, index, &entry, &source, budget);
        }
        let seen = names.entry(entry.name.clone()).or_insert(0);
        *seen = seen.saturating_add(1);
        let name = match *seen {
            1 => entry.name.clone(),
            n => format!("{}#{n}", entry.name),
        };
        let other = by_header(r, &entry, &name);
        if entry.role == Role::Pickle && entry.name.ends_with("bytecode.pkl") {
            r.members.push(Member {
                name: format!("{name} as {}", t::TORCHSCRIPT_CODE.name),
                role: Role::As(&t::TORCHSCRIPT_CODE),
                size: entry.size,
                stored: entry.stored,
                hidden: entry.hidden,
                source: source.clone(),
            });
        }
        r.members.push(Member {
            name,
            role: entry.role,
            size: entry.size,
            stored: entry.stored,
            hidden: entry.hidden,
            source,
        });
        r.members.extend(other);
    }
}

fn is_link(e: &Entry) -> bool {
    e.mode.is_some_and(|m| m & 0xf000 == 0xa000)
}

/// The member by its directory record.
fn source(r: &mut Reader<'_>, index: usize, e: &Entry, budget: &mut Budget) -> MemberSource {
    let Some(header) = &e.local else {
        return MemberSource::Unreadable("its header is missing".to_owned());
    };
    let flags = e.flags | header.flags;
    if e.aes || e.method == 99 || header.method == 99 {
        return MemberSource::Unreadable("encrypted".to_owned());
    }
    let reading = match Reading::of(e.method) {
        Ok(reading) => reading,
        Err(why) => return MemberSource::Unreadable(why),
    };
    let at = (e.offset, header.length);
    if reading == Reading::Guess && header.method == e.method {
        let words = format!("{} is {}", code(&e.name), local::method_name(e.method));
        r.differ(K::Method, at, Some(index), words);
    }
    let mut length = e.stored;
    // The traditional encryption puts twelve bytes before the data.
    let sealed = flags & local::ENCRYPTED != 0 && e.stored == e.size.saturating_add(12);
    if reading == Reading::Stored && e.size != e.stored && !sealed {
        let words = format!(
            "{} is stored in {} bytes and said to be {} long",
            code(&e.name),
            e.stored,
            e.size
        );
        r.differ(K::Size, at, Some(index), words);
        length = e.stored.max(e.size);
    }
    let packed = r.source.blob.slice(e.data.start, length);
    if packed.len() < length {
        r.partly.push(format!("{} is cut off", code(&e.name)));
    }
    let plain = reading.source(packed);
    if flags & local::PATCH != 0 {
        let words = format!("{} is flagged as patch data", code(&e.name));
        r.differ(K::FalseFlag, at, Some(index), words);
    }
    if flags & local::ENCRYPTED == 0 {
        return plain;
    }
    // Loaders that ignore the flag read the bytes as they are; bytes that make sense so were never encrypted.
    if reads_plain(&plain, e, budget) {
        let words = format!("{} is flagged as encrypted and is not", code(&e.name));
        r.differ(K::FalseFlag, at, Some(index), words);
        return plain;
    }
    MemberSource::Unreadable("encrypted".to_owned())
}

/// Whether a member that is flagged as encrypted is not: its digest fits, or it is a pickle, or it inflates to its very
/// end. Encrypted bytes look like anything for a few bytes, so nothing less will do.
fn reads_plain(plain: &MemberSource, e: &Entry, budget: &mut Budget) -> bool {
    let body = plain.body(budget);
    let (crc, whole) = crc_of(&body.blob, budget);
    if whole && crc == e.crc {
        return true;
    }
    match plain {
        MemberSource::Deflated(packed) => {
            let out = inflate(packed, DataFormat::Raw, budget);
            out.end == End::Whole && out.consumed == packed.len() && out.blob.len() == e.size
        }
        _ => identify::is_pickle(&body.blob),
    }
}

/// The member by its own header, where that leads to other bytes.
fn by_header(r: &Reader<'_>, e: &Entry, name: &str) -> Option<Member> {
    let h = e.local.as_ref().filter(|_| !e.hidden)?;
    let known = h.flags & local::HAS_DESCRIPTOR == 0 || h.stored != 0;
    let stored = if known && h.stored != u64::from(u32::MAX) {
        h.stored
    } else {
        e.stored
    };
    if h.method == e.method && stored <= e.stored {
        return None;
    }
    let source = match Reading::of(h.method) {
        Ok(reading) => reading.source(r.source.blob.slice(e.data.start, stored)),
        Err(why) => MemberSource::Unreadable(why),
    };
    Some(Member {
        name: format!("{name} (by its header)"),
        role: e.role,
        size: h.size,
        stored,
        hidden: true,
        source,
    })
}

/// Checks length and digest of what comes out.
fn verify(r: &mut Reader<'_>, index: usize, e: &Entry, source: &MemberSource, budget: &mut Budget) {
    if matches!(source, MemberSource::Unreadable(_)) || (e.hidden && e.crc == 0) {
        return;
    }
    let body = source.body(budget);
    if body.outcome != Outcome::Analysed {
        return;
    }
    let at = (e.data.start, e.stored);
    if matches!(source, MemberSource::Deflated(_)) && body.blob.len() != e.size {
        let words = format!(
            "{} is {} bytes long and said to be {}",
            code(&e.name),
            body.blob.len(),
            e.size
        );
        r.differ(K::Size, at, Some(index), words);
    }
    let (crc, whole) = crc_of(&body.blob, budget);
    if whole && crc != e.crc {
        let words = format!(
            "the CRC of {} is {crc:08x}, not {:08x} as stated",
            code(&e.name),
            e.crc
        );
        r.differ(K::Content, at, Some(index), words);
    }
}

/// The CRC-32 of all bytes, and whether all could be read.
fn crc_of(blob: &Blob, budget: &mut Budget) -> (u32, bool) {
    let mut hash = crc32fast::Hasher::new();
    let mut at = 0_u64;
    let mut buf = vec![0; 1 << 17];
    while at < blob.len() {
        let Ok(n) = blob.fill_at(at, &mut buf) else {
            return (0, false);
        };
        if n == 0 || budget.check_clock().is_err() {
            return (0, false);
        }
        hash.update(buf.get(..n).unwrap_or_default());
        at = at.saturating_add(n as u64);
    }
    (hash.finalize(), true)
}

impl MemberSource {
    /// The bytes; pays for decompression.
    pub(crate) fn body(&self, budget: &mut Budget) -> crate::document::Body {
        use crate::document::Body;
        let whole = |blob: &Blob| Body {
            blob: blob.clone(),
            outcome: Outcome::Analysed,
        };
        match self {
            Self::Stored(blob) => whole(blob),
            Self::Deflated(packed) => {
                let out = inflate(packed, DataFormat::Raw, budget);
                Body {
                    outcome: outcome_of(&out.end),
                    blob: out.blob,
                }
            }
            Self::Guess(packed) => {
                let out = inflate(packed, DataFormat::Raw, budget);
                // Bytes that inflate to their very end were deflated; that does not happen by chance.
                if out.end == End::Whole && out.consumed == packed.len() && !packed.is_empty() {
                    whole(&out.blob)
                } else {
                    whole(packed)
                }
            }
            Self::Part(lazy, start, len) => {
                let (blob, outcome) = lazy.part(*start, *len, budget);
                Body { blob, outcome }
            }
            Self::Unreadable(why) => Body {
                blob: Blob::from_bytes(Vec::new()),
                outcome: Outcome::NotAnalysed { why: why.clone() },
            },
        }
    }
}

/// The outcome of a stream that ended so.
pub(crate) fn outcome_of(end: &End) -> Outcome {
    let why = match end {
        End::Whole => return Outcome::Analysed,
        End::Truncated => "its compressed data is cut off".to_owned(),
        End::Damaged => "its compressed data is damaged".to_owned(),
        End::Exhausted(why) => why.to_string(),
        End::Failed(why) => format!("could not be read: {why}"),
    };
    Outcome::Partly { why }
}
