//! Compressed bytes that a program carries, as the functions of Python's library unpack them.
//!
//! What a program decodes is a value of its own and no artifact: it is wanted whole or not at all. The one decision: the
//! result has a ceiling that the caller names, and nothing beyond it is unpacked.

use crate::decode::{Codec, maker};
use miniz_oxide::inflate::{
    DecompressError, decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit,
};
use std::io::Read;
use wellhead_core::{Blob, Budget, Exhausted};

/// How something is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Deflate with zlib's header and checksum.
    Zlib,
    /// Deflate alone.
    Deflate,
    /// Members of gzip, one after another.
    Gzip,
    /// Streams of bzip2.
    Bzip2,
    /// XZ, or LZMA's older form.
    Lzma,
    /// Frames of Zstandard.
    Zstd,
}

/// What comes out of `data`, up to `most` bytes; `None` where it is damaged, cut off or larger.
///
/// # Errors
/// When the budget does not allow what came out.
pub fn unpack(
    data: &[u8],
    packing: Packing,
    most: usize,
    budget: &mut Budget,
) -> Result<Option<Vec<u8>>, Exhausted> {
    budget.steps((data.len() as u64).saturating_add(1))?;
    let read = |reader: &mut dyn Read| {
        let mut out = Vec::new();
        let limit = (most as u64).saturating_add(1);
        let whole = reader.take(limit).read_to_end(&mut out).is_ok();
        (whole && out.len() <= most, out)
    };
    let decode = |codec| read(&mut maker(&Blob::from_bytes(data), codec)());
    let inflate = |result: Result<Vec<u8>, DecompressError>| match result {
        Ok(out) => (true, out),
        Err(error) => (false, error.output),
    };
    let (whole, out) = match packing {
        Packing::Zlib => inflate(decompress_to_vec_zlib_with_limit(data, most)),
        Packing::Deflate => inflate(decompress_to_vec_with_limit(data, most)),
        Packing::Gzip => read(&mut flate2::bufread::MultiGzDecoder::new(data)),
        Packing::Bzip2 => decode(Codec::Bzip2),
        Packing::Lzma if data.starts_with(b"\xfd7zXZ\0") => decode(Codec::Xz),
        Packing::Lzma => decode(Codec::Lzma),
        Packing::Zstd => decode(Codec::Zstd),
    };
    // What came out was worked for, also where it is thrown away: a loop over a bomb must come to an end.
    let hard = if matches!(packing, Packing::Bzip2 | Packing::Lzma) {
        4
    } else {
        1
    };
    budget.steps((out.len() as u64).saturating_mul(hard))?;
    if !whole {
        return Ok(None);
    }
    budget.expanded(out.len() as u64)?;
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_asked_for_is_not_unpacked() {
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&vec![7; 1 << 20], 6);
        let budget = &mut Budget::default();
        let unpacked = unpack(&packed, Packing::Zlib, 1 << 20, budget).unwrap();
        assert_eq!(unpacked.map(|out| out.len()), Some(1 << 20));
        assert_eq!(unpack(&packed, Packing::Zlib, (1 << 20) - 1, budget), Ok(None));
    }

    #[test]
    fn what_is_thrown_away_is_paid_for() {
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&vec![7; 8 << 20], 6);
        let limits = wellhead_core::Limits {
            steps: 10 << 20,
            ..wellhead_core::Limits::default()
        };
        let budget = &mut Budget::new(limits, std::sync::Arc::default());
        let ends = (0..20).find(|_| unpack(&packed, Packing::Zlib, 1 << 20, budget).is_err());
        assert!(ends.is_some());
    }

    #[test]
    fn what_is_damaged_gives_nothing() {
        for packing in [
            Packing::Zlib,
            Packing::Deflate,
            Packing::Gzip,
            Packing::Bzip2,
            Packing::Lzma,
            Packing::Zstd,
        ] {
            for data in [&b""[..], b"\xff\xff\xff\xff", b"BZh91AY&SY", b"\xfd7zXZ\0\0\x04"] {
                let out = unpack(data, packing, 100, &mut Budget::default()).unwrap();
                assert!(out.unwrap_or_default().is_empty(), "{packing:?} {data:?}");
            }
        }
    }
}
