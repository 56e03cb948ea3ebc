//! One artifact, compressed.
//!
//! A gzip file may hold several streams, which readers join; what stands behind the last one is an artifact of its
//! own here, for some readers go on there.

use crate::{
    bytes::{Source, is_zero, u16_at, u32_at},
    decode::{Codec, decode},
    document::{Compressed, Document, Member, MemberSource, Opened, Role},
    format::{Format, table as t},
    inflate::{End, Finished, inflate_all},
    zip::outcome_of,
};
use miniz_oxide::DataFormat;
use wellhead_core::{Blob, Budget, Depth, Outcome};

/// Longest file name or comment in a gzip header.
const TEXT: usize = 4096;

struct Header {
    /// Where the data begins.
    data: u64,
    name: Option<String>,
}

/// The gzip header at `at`.
fn header(source: &mut Source<'_>, at: u64) -> Option<Header> {
    let fixed = source.bytes(at, 12);
    if !fixed.starts_with(b"\x1f\x8b\x08") {
        return None;
    }
    let flags = *fixed.get(3)?;
    let mut data = at.saturating_add(10);
    if flags & 4 != 0 {
        data = data.saturating_add(2).saturating_add(u16_at(&fixed, 10)?.into());
    }
    let mut name = None;
    for bit in [8_u8, 16] {
        if flags & bit != 0 {
            let text = source.bytes(data, TEXT);
            let end = text.iter().position(|b| *b == 0)?;
            data = data.saturating_add(end as u64).saturating_add(1);
            if bit == 8 {
                name = Some(text.iter().take(end).map(|b| char::from(*b)).collect());
            }
        }
    }
    if flags & 2 != 0 {
        data = data.saturating_add(2);
    }
    Some(Header { data, name })
}

/// Opens a gzip file that is called `name`.
pub(crate) fn gzip(name: &str, blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let mut source = Source::new(blob);
    let mut facts = Compressed {
        format: &t::GZIP,
        name: None,
        streams: 1,
        expanded: 0,
        trailing: 0,
        damage: Vec::new(),
    };
    let Some(first) = header(&mut source, 0) else {
        let why = "its gzip header is damaged".to_owned();
        return Opened {
            document: Document::Compressed(facts),
            members: Vec::new(),
            outcome: Outcome::NotAnalysed { why },
            depth,
        };
    };
    facts.name = first.name;
    let mut end = 0;
    let mut next = |finished: Finished| {
        let trailer = source.bytes(finished.at, 8);
        end = finished.at.saturating_add(trailer.len() as u64);
        // The length is kept modulo 2^32.
        let stated = (u32_at(&trailer, 0), u32_at(&trailer, 4).map(u64::from));
        if stated != (Some(finished.crc), Some(finished.len & 0xffff_ffff)) && facts.damage.len() < 8 {
            let n = facts.streams;
            facts
                .damage
                .push(format!("stream {n} is not what its checksum says"));
        }
        let data = header(&mut source, end)?.data;
        facts.streams = facts.streams.saturating_add(1);
        Some(data)
    };
    let out = inflate_all(blob, DataFormat::Raw, first.data, budget, &mut next);
    let inner = inner_name(name, facts.name.as_deref());
    finish(facts, blob, out, end, inner, depth)
}

/// Opens a zlib stream that is called `name`.
pub(crate) fn zlib(name: &str, blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let facts = Compressed {
        format: &t::ZLIB,
        name: None,
        streams: 1,
        expanded: 0,
        trailing: 0,
        damage: Vec::new(),
    };
    let start = zfile(blob).unwrap_or(0);
    let out = inflate_all(blob, DataFormat::ZLibIgnoreChecksum, start, budget, &mut |_| None);
    let end = out.consumed;
    finish(facts, blob, out, end, inner_name(name, None), depth)
}

/// Where the data begins in what joblib wrote before it took to bare zlib: behind `ZF` and a length in hexadecimal
/// digits, padded to 19 or 20 characters.
pub(crate) fn zfile(blob: &Blob) -> Option<u64> {
    let head = blob.bytes(0, 24).ok()?;
    if !head.starts_with(b"ZF0x") {
        return None;
    }
    [21_usize, 22]
        .into_iter()
        .find(|at| head.get(*at) == Some(&0x78))
        .map(|at| at as u64)
}

/// Opens a stream of another compression that is called `name`.
pub(crate) fn other(
    format: &'static Format,
    codec: Codec,
    name: &str,
    blob: &Blob,
    depth: Depth,
    budget: &mut Budget,
) -> Opened {
    let out = decode(blob, codec, budget);
    let facts = Compressed {
        format,
        name: None,
        streams: 1,
        expanded: out.blob.len(),
        trailing: 0,
        damage: Vec::new(),
    };
    Opened {
        document: Document::Compressed(facts),
        members: vec![Member {
            name: inner_name(name, None),
            role: Role::Plain,
            size: out.blob.len(),
            stored: blob.len(),
            hidden: false,
            source: MemberSource::Stored(out.blob),
        }],
        outcome: outcome_of(&out.end),
        depth,
    }
}

fn finish(
    mut facts: Compressed,
    blob: &Blob,
    out: crate::inflate::Inflated,
    end: u64,
    inner: String,
    depth: Depth,
) -> Opened {
    facts.expanded = out.blob.len();
    let mut members = vec![Member {
        name: inner,
        role: Role::Plain,
        size: out.blob.len(),
        stored: out.consumed,
        hidden: false,
        source: MemberSource::Stored(out.blob),
    }];
    if out.end == End::Whole {
        let rest = blob.len().saturating_sub(end);
        let mut source = Source::new(blob);
        // Tapes and some writers fill up with zeros.
        if rest > 0 && !is_zero(&mut source, end, blob.len(), 1 << 20) {
            facts.trailing = rest;
            let trailing = blob.slice(end, rest);
            members.push(Member {
                name: format!("bytes at {end:#x}"),
                role: Role::Plain,
                size: rest,
                stored: rest,
                hidden: true,
                source: MemberSource::Stored(trailing),
            });
        }
    }
    Opened {
        document: Document::Compressed(facts),
        members,
        outcome: outcome_of(&out.end),
        depth,
    }
}

/// The name of what a compressed file holds: its own without the last extension, as every tool names it.
fn inner_name(name: &str, stated: Option<&str>) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let lower = file.to_lowercase();
    for (ext, instead) in [
        (".gz", ""),
        (".xz", ""),
        (".bz2", ""),
        (".lzma", ""),
        (".lz4", ""),
        (".txz", ".tar"),
        (".tbz2", ".tar"),
        (".tgz", ".tar"),
        (".z", ""),
        (".zlib", ""),
        (".gzip", ""),
        (".zst", ""),
        (".zstd", ""),
        (".tzst", ".tar"),
    ] {
        let stem = lower.strip_suffix(ext).and_then(|s| file.get(..s.len()));
        if let Some(stem) = stem.filter(|s| !s.is_empty()) {
            return format!("{stem}{instead}");
        }
    }
    match stated {
        Some(name) if !name.is_empty() => name.rsplit(['/', '\\']).next().unwrap_or(name).to_owned(),
        _ => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_is_named_as_tools_name_it() {
        for (name, stated, inner) in [
            ("a/model.pkl.gz", None, "model.pkl"),
            ("src.tgz", None, "src.tar"),
            ("x.pkl.Z", None, "x.pkl"),
            ("blob", Some("dir/model.pkl"), "model.pkl"),
            ("model.joblib", None, "model.joblib"),
            (".gz", None, ".gz"),
        ] {
            assert_eq!(inner_name(name, stated), inner);
        }
    }

    fn gz(data: &[u8]) -> Vec<u8> {
        let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
        out.extend(miniz_oxide::deflate::compress_to_vec(data, 6));
        out.extend(crc32fast::hash(data).to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out
    }

    #[test]
    fn several_streams_are_one_artifact_and_what_follows_is_another() {
        let mut file = gz(b"hello ");
        file.extend(gz(b"world"));
        file.extend(b"\x80\x04N.");
        let opened = gzip(
            "m.gz",
            &Blob::from_bytes(file),
            Depth::Headers,
            &mut Budget::default(),
        );
        let Document::Compressed(facts) = &opened.document else {
            panic!()
        };
        assert_eq!((facts.streams, facts.expanded, facts.trailing), (2, 11, 4));
        assert!(facts.damage.is_empty(), "{:?}", facts.damage);
        let all: Vec<_> = opened
            .members
            .iter()
            .map(|m| {
                (
                    m.name.as_str(),
                    m.body(&mut Budget::default()).blob.bytes(0, 99).unwrap(),
                )
            })
            .collect();
        assert_eq!(all[0], ("m", b"hello world".to_vec()));
        assert_eq!(all[1].1, b"\x80\x04N.");
        assert_eq!(opened.outcome, Outcome::Analysed);
    }

    #[test]
    fn many_large_streams_are_read_anywhere() {
        let piece: Vec<u8> = (0..3_u32 << 20)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let packed = gz(&piece);
        let file: Vec<u8> = (0..5).flat_map(|_| packed.clone()).collect();
        let opened = gzip(
            "m.gz",
            &Blob::from_bytes(file),
            Depth::Headers,
            &mut Budget::default(),
        );
        let blob = opened.members[0].body(&mut Budget::default()).blob;
        assert_eq!(blob.len(), 15 << 20);
        for at in [14 << 20, 0, (3 << 20) - 5, (9 << 20) - 1, 1] {
            let got = blob.bytes(at, 10).unwrap();
            let expected: Vec<u8> = (at..at + 10).map(|i| piece[i as usize % piece.len()]).collect();
            assert_eq!(got, expected, "{at}");
        }
    }

    #[test]
    fn damage_is_said_and_what_came_before_it_is_kept() {
        let mut file = gz(b"hello");
        let n = file.len();
        file[n - 6] ^= 1;
        let opened = gzip(
            "m.gz",
            &Blob::from_bytes(&file[..]),
            Depth::Headers,
            &mut Budget::default(),
        );
        let Document::Compressed(facts) = &opened.document else {
            panic!()
        };
        assert_eq!(facts.damage, ["stream 1 is not what its checksum says"]);
        let cut = gzip(
            "m.gz",
            &Blob::from_bytes(&file[..14]),
            Depth::Headers,
            &mut Budget::default(),
        );
        assert_eq!(cut.outcome.why(), Some("its compressed data is cut off"));
    }
}
