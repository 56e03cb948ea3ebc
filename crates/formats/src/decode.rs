//! XZ, LZMA, LZ4, bzip2 and Zstandard with random access.
//!
//! As in `inflate`, a first pass pays for what comes out and keeps a small result. These decoders cannot be copied, so
//! reading a large result backwards starts over; how often is bounded, for hostile data must not make it endless.

mod bzip2;
mod lazy;
mod zstd;

use crate::inflate::End;
use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};
use wellhead_core::{Blob, Budget, ReadAt};

pub(crate) use lazy::Lazy;

/// Results up to this size are kept in memory.
const KEEP: u64 = 16 << 20;
/// How much is read at a time.
const CHUNK: usize = 1 << 16;
/// Working memory that a stream may ask for, in KiB; the largest preset of `xz` needs 65 MiB.
pub(crate) const MEMORY_KB: u32 = 160 << 10;
/// How many times over a large result may be decoded.
const REPEATS: u64 = 16;

/// The compressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Xz,
    Lzma,
    Lz4,
    Bzip2,
    Zstd,
}

/// Begins to read what comes out, as often as is asked.
pub(crate) type Maker = Arc<dyn Fn() -> Box<dyn Read + Send> + Send + Sync>;

/// What came out.
pub(crate) struct Decoded {
    pub(crate) blob: Blob,
    pub(crate) end: End,
}

/// Decodes all of `source`.
pub(crate) fn decode(source: &Blob, codec: Codec, budget: &mut Budget) -> Decoded {
    let (blob, end) = decode_from(maker(source, codec), source.len(), budget);
    Decoded { blob, end }
}

/// What decodes `source`.
pub(crate) fn maker(source: &Blob, codec: Codec) -> Maker {
    let source = source.clone();
    match codec {
        Codec::Xz => {
            let make = move || -> Box<dyn Read + Send> {
                Box::new(lzma_rust2::XzReader::new_mem_limit(
                    raw(&source, 0),
                    true,
                    MEMORY_KB,
                ))
            };
            Arc::new(make)
        }
        Codec::Lzma => {
            let make = move || -> Box<dyn Read + Send> {
                match lzma_rust2::LzmaReader::new_mem_limit(raw(&source, 0), MEMORY_KB, None) {
                    Ok(reader) => Box::new(reader),
                    Err(e) => Box::new(Failing(e.kind())),
                }
            };
            Arc::new(make)
        }
        Codec::Lz4 => {
            let make = move || -> Box<dyn Read + Send> {
                Box::new(lz4_flex::frame::FrameDecoder::new(raw(&source, 0)))
            };
            Arc::new(make)
        }
        Codec::Zstd => {
            let make = move || -> Box<dyn Read + Send> { Box::new(zstd::Frames::new(raw(&source, 0))) };
            Arc::new(make)
        }
        Codec::Bzip2 => Arc::new(move || Box::new(bzip2::Streams::new(raw(&source, 0)))),
    }
}

/// Decodes to the end, from `packed` bytes.
pub(crate) fn decode_from(make: Maker, packed: u64, budget: &mut Budget) -> (Blob, End) {
    let mut decoder = make();
    let mut kept = Vec::new();
    let mut buf = vec![0; CHUNK];
    let mut len = 0_u64;
    let end = loop {
        match decoder.read(&mut buf) {
            Ok(0) => break End::Whole,
            Ok(n) => {
                len = len.saturating_add(n as u64);
                if len <= KEEP {
                    kept.extend_from_slice(buf.get(..n).unwrap_or_default());
                } else {
                    kept = Vec::new();
                }
                let paid = budget.expanded(n as u64).and_then(|()| budget.ratio(packed, len));
                if let Err(why) = paid {
                    break End::Exhausted(why);
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => break End::Truncated,
            Err(e) if e.kind() == io::ErrorKind::OutOfMemory => {
                break End::Failed("its decoder needs too much memory".to_owned());
            }
            Err(_) => break End::Damaged,
        }
    };
    drop(decoder);
    let blob = if len <= KEEP {
        Blob::from_bytes(kept)
    } else {
        Blob::new(DecodeAt {
            make,
            len,
            state: Mutex::new(State::default()),
        })
    };
    (blob, end)
}

/// Reads a blob from `at` on.
pub(crate) struct BlobReader {
    blob: Blob,
    at: u64,
}

impl Read for BlobReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.blob.read_at(self.at, buf)?;
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}

pub(crate) fn raw(blob: &Blob, at: u64) -> io::BufReader<BlobReader> {
    let reader = BlobReader {
        blob: blob.clone(),
        at,
    };
    io::BufReader::with_capacity(CHUNK, reader)
}

/// What comes out, readable anywhere.
struct DecodeAt {
    make: Maker,
    len: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    reader: Option<Box<dyn Read + Send>>,
    /// What the reader gave last, and where that begins.
    buf: Vec<u8>,
    start: u64,
    /// Bytes that came out over all readings.
    decoded: u64,
}

/// A decoder whose header was refused.
pub(crate) struct Failing(pub(crate) io::ErrorKind);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
}

impl ReadAt for DecodeAt {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if offset >= self.len || buf.is_empty() {
            return Ok(0);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if state.reader.is_none() || offset < state.start {
            state.reader = Some((self.make)());
            state.buf.clear();
            state.start = 0;
        }
        loop {
            let at = usize::try_from(offset.saturating_sub(state.start)).unwrap_or(usize::MAX);
            if let Some(have) = state.buf.get(at..).filter(|have| !have.is_empty()) {
                let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
                let n = have.len().min(buf.len()).min(left);
                if let (Some(to), Some(from)) = (buf.get_mut(..n), have.get(..n)) {
                    to.copy_from_slice(from);
                }
                return Ok(n);
            }
            if state.decoded > self.len.saturating_mul(REPEATS) {
                return Err(io::Error::other(
                    "its compressed data is read back and forth too often",
                ));
            }
            state.start = state.start.saturating_add(state.buf.len() as u64);
            state.buf.resize(CHUNK, 0);
            let read = match &mut state.reader {
                Some(reader) => reader.read(&mut state.buf),
                None => Ok(0),
            };
            let n = match read {
                Ok(n) => n,
                // The buffer holds zeros that nobody decoded, and the decoder may be anywhere.
                Err(e) => {
                    state.buf.clear();
                    state.reader = None;
                    return Err(e);
                }
            };
            state.buf.truncate(n);
            state.decoded = state.decoded.saturating_add(n as u64);
            if n == 0 {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn lz4(data: &[u8]) -> Vec<u8> {
        let mut e = lz4_flex::frame::FrameEncoder::new(Vec::new());
        e.write_all(data).unwrap();
        e.finish().unwrap()
    }

    #[test]
    fn large_results_are_read_in_any_order() {
        let data: Vec<u8> = (0..20_u32 << 20)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let out = decode(&Blob::from_bytes(lz4(&data)), Codec::Lz4, &mut Budget::default());
        assert_eq!((out.end, out.blob.len()), (End::Whole, data.len() as u64));
        for at in [0, 19 << 20, 5, 12_345_678] {
            let end = at as usize + 100;
            assert_eq!(out.blob.bytes(at, 100).unwrap(), &data[at as usize..end], "{at}");
        }
    }

    #[test]
    fn what_is_cut_off_ends() {
        let packed = lz4(&[7; 100_000]);
        let out = decode(
            &Blob::from_bytes(&packed[..packed.len() / 2]),
            Codec::Lz4,
            &mut Budget::default(),
        );
        assert!(matches!(out.end, End::Truncated | End::Damaged), "{:?}", out.end);
        for codec in [Codec::Xz, Codec::Lzma, Codec::Bzip2] {
            let out = decode(&Blob::from_bytes(*b"BZh91AY&SY"), codec, &mut Budget::default());
            assert!(
                matches!(out.end, End::Truncated | End::Damaged),
                "{codec:?} {:?}",
                out.end
            );
        }
    }

    #[test]
    fn what_failed_is_no_data() {
        let at = DecodeAt {
            make: Arc::new(|| Box::new(Failing(io::ErrorKind::InvalidData))),
            len: 1 << 20,
            state: Mutex::new(State::default()),
        };
        let mut buf = [0; 8];
        for _ in 0..3 {
            assert!(at.read_at(0, &mut buf).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end_somehow(which in 0usize..5, data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (codec, magic): (_, &[u8]) = [
                (Codec::Xz, &b"\xfd7zXZ\0\0\x04"[..]),
                (Codec::Lzma, b"\x5d\0\0\x10\0\xff\xff\xff\xff\xff\xff\xff\xff"),
                (Codec::Lz4, b"\x04\x22\x4d\x18"),
                (Codec::Bzip2, b"BZh91AY&SY"),
                (Codec::Zstd, b"\x28\xb5\x2f\xfd\x04\x58"),
            ][which];
            let bytes = [magic, &data].concat();
            decode(&Blob::from_bytes(bytes), codec, &mut Budget::default());
        }
    }
}
