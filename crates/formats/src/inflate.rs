//! Deflate with random access.
//!
//! A first pass pays for every byte that comes out and finds where the stream ends; it keeps a small result in memory
//! and of a large one only snapshots of the decompressor, so that reading anywhere costs at most the way from the
//! snapshot before it. Without snapshots a hostile archive inside a compressed one could make every read start over.

use miniz_oxide::{
    DataFormat, MZError, MZFlush, MZStatus,
    inflate::stream::{InflateState, inflate as step},
};
use std::{
    io,
    sync::{Mutex, PoisonError},
};
use wellhead_core::{Blob, Budget, Exhausted, ReadAt};

/// Results up to this size are kept in memory.
const KEEP: u64 = 8 << 20;
/// First distance of snapshots, in bytes that came out.
const FIRST_STEP: u64 = 1 << 20;
/// How many snapshots are kept; each is about 45 KB.
const SNAPSHOTS: usize = 48;
/// How much is read and written at a time.
const CHUNK: usize = 1 << 16;

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With its last block.
    Whole,
    /// In the middle.
    Truncated,
    /// At bytes that no compressor writes.
    Damaged,
    /// It cost too much.
    Exhausted(Exhausted),
    /// The source failed.
    Failed(String),
}

/// What came out.
#[derive(Clone, Debug)]
pub(crate) struct Inflated {
    /// The bytes, up to where the stream ended.
    pub(crate) blob: Blob,
    /// How many compressed bytes it took.
    pub(crate) consumed: u64,
    /// How it ended.
    pub(crate) end: End,
}

/// Inflates what begins at the start of `source`.
pub(crate) fn inflate(source: &Blob, format: DataFormat, budget: &mut Budget) -> Inflated {
    inflate_all(source, format, 0, budget, &mut |_| None)
}

/// A stream that has ended, of several in a row.
pub(crate) struct Finished {
    /// Where it ended in the source.
    pub(crate) at: u64,
    /// CRC-32 of what came out of it.
    pub(crate) crc: u32,
    /// How much came out of it.
    pub(crate) len: u64,
}

/// Inflates the stream that begins at `start` and then those that `next` finds behind it.
pub(crate) fn inflate_all(
    source: &Blob,
    format: DataFormat,
    start: u64,
    budget: &mut Budget,
    next: &mut dyn FnMut(Finished) -> Option<u64>,
) -> Inflated {
    let mut starts = vec![start];
    let mut run = Run::new(format, start);
    let mut stream_from = 0;
    let mut kept = Vec::new();
    let mut snapshots: Vec<Run> = Vec::new();
    let mut distance = FIRST_STEP;
    let mut crc = crc32fast::Hasher::new();
    let mut out = vec![0; CHUNK];
    let end = loop {
        if run.out >= KEEP.saturating_add(next_snapshot(&snapshots, distance)) {
            if snapshots.len() >= SNAPSHOTS {
                let mut keep = false;
                snapshots.retain(|_| {
                    keep = !keep;
                    keep
                });
                distance = distance.saturating_mul(2);
            }
            snapshots.push(run.clone());
        }
        match run.step(source, &mut out) {
            Ok(0) if run.done => {
                let finished = Finished {
                    at: run.read,
                    crc: std::mem::take(&mut crc).finalize(),
                    len: run.out.saturating_sub(stream_from),
                };
                let Some(start) = next(finished) else {
                    break End::Whole;
                };
                if let Err(why) = budget.entries(1) {
                    break End::Exhausted(why);
                }
                stream_from = run.out;
                starts.push(start);
                run.go_on(format, start);
            }
            Ok(0) => break End::Truncated,
            Ok(n) => {
                let piece = out.get(..n).unwrap_or_default();
                crc.update(piece);
                if run.out <= KEEP {
                    kept.extend_from_slice(piece);
                } else {
                    kept = Vec::new();
                }
                let paid = budget
                    .expanded(n as u64)
                    .and_then(|()| budget.ratio(run.read, run.out));
                if let Err(why) = paid {
                    break End::Exhausted(why);
                }
            }
            Err(Stop::Damaged) => break End::Damaged,
            Err(Stop::Failed(why)) => break End::Failed(why),
        }
    };
    let (len, consumed) = (run.out, run.read);
    let blob = if len <= KEEP {
        Blob::from_bytes(kept)
    } else {
        Blob::new(InflateAt {
            source: source.clone(),
            format,
            starts,
            snapshots,
            len,
            cursor: Mutex::new(None),
        })
    };
    Inflated { blob, consumed, end }
}

/// How far behind [`KEEP`] the next snapshot is due.
fn next_snapshot(snapshots: &[Run], distance: u64) -> u64 {
    snapshots
        .last()
        .map_or(0, |s| s.out.saturating_sub(KEEP).saturating_add(distance))
}

enum Stop {
    Damaged,
    Failed(String),
}

/// A decompressor and where it is.
#[derive(Clone)]
struct Run {
    state: Box<InflateState>,
    /// Compressed bytes taken.
    read: u64,
    /// Bytes that came out.
    out: u64,
    /// Which stream of several it is in.
    stream: usize,
    /// The stream has ended.
    done: bool,
}

impl Run {
    fn new(format: DataFormat, start: u64) -> Self {
        Self {
            state: InflateState::new_boxed(format),
            read: start,
            out: 0,
            stream: 0,
            done: false,
        }
    }

    /// Goes on with the stream that begins at `start`.
    fn go_on(&mut self, format: DataFormat, start: u64) {
        self.state = InflateState::new_boxed(format);
        self.read = start;
        self.stream = self.stream.saturating_add(1);
        self.done = false;
    }

    /// Fills `out` from the start as far as it goes; 0 at the end.
    fn step(&mut self, source: &Blob, out: &mut [u8]) -> Result<usize, Stop> {
        let mut written = 0_usize;
        let mut input = vec![0; CHUNK];
        while !self.done {
            let Some(room) = out.get_mut(written..).filter(|room| !room.is_empty()) else {
                break;
            };
            let got = source
                .fill_at(self.read, &mut input)
                .map_err(|e| Stop::Failed(e.to_string()))?;
            let given = input.get(..got).unwrap_or_default();
            let result = step(&mut self.state, given, room, MZFlush::None);
            self.read = self.read.saturating_add(result.bytes_consumed as u64);
            self.out = self.out.saturating_add(result.bytes_written as u64);
            written = written.saturating_add(result.bytes_written);
            match result.status {
                Ok(MZStatus::StreamEnd) => self.done = true,
                Ok(_) | Err(MZError::Buf) => {
                    if result.bytes_consumed == 0 && result.bytes_written == 0 {
                        break;
                    }
                }
                // What came out before the damage counts: a loader may have used it.
                Err(_) if written > 0 => break,
                Err(_) => return Err(Stop::Damaged),
            }
        }
        Ok(written)
    }
}

/// What comes out of a stream, readable anywhere.
struct InflateAt {
    source: Blob,
    format: DataFormat,
    /// Where its streams begin.
    starts: Vec<u64>,
    snapshots: Vec<Run>,
    len: u64,
    cursor: Mutex<Option<Cursor>>,
}

/// The decompressor of the last read, and what it gave last.
struct Cursor {
    run: Run,
    buf: Vec<u8>,
    start: u64,
}

impl InflateAt {
    /// A decompressor at or before `offset`.
    fn seek(&self, offset: u64) -> Run {
        self.snapshots
            .iter()
            .rev()
            .find(|s| s.out <= offset)
            .cloned()
            .unwrap_or_else(|| Run::new(self.format, self.starts.first().copied().unwrap_or(0)))
    }
}

impl ReadAt for InflateAt {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if offset >= self.len || buf.is_empty() {
            return Ok(0);
        }
        let mut held = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let run = self.seek(offset);
            let start = run.out;
            Cursor {
                run,
                buf: Vec::new(),
                start,
            }
        };
        let cursor = match held.as_mut() {
            // Going on is cheaper than starting at a snapshot, unless a snapshot lies between.
            Some(c)
                if c.start <= offset
                    && !self
                        .snapshots
                        .iter()
                        .any(|s| s.out > c.run.out && s.out <= offset) =>
            {
                c
            }
            _ => held.insert(fresh()),
        };
        loop {
            let at = usize::try_from(offset.saturating_sub(cursor.start)).unwrap_or(usize::MAX);
            if let Some(have) = cursor.buf.get(at..).filter(|have| !have.is_empty()) {
                let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
                let n = have.len().min(buf.len()).min(left);
                if let (Some(to), Some(from)) = (buf.get_mut(..n), have.get(..n)) {
                    to.copy_from_slice(from);
                }
                return Ok(n);
            }
            cursor.start = cursor.run.out;
            cursor.buf.resize(CHUNK, 0);
            let n = cursor
                .run
                .step(&self.source, &mut cursor.buf)
                .map_err(|stop| match stop {
                    Stop::Failed(why) => io::Error::other(why),
                    Stop::Damaged => io::Error::other("damaged compressed data"),
                })?;
            cursor.buf.truncate(n);
            if n == 0 {
                let next = cursor.run.stream.saturating_add(1);
                match self.starts.get(next).filter(|_| cursor.run.done) {
                    Some(start) => cursor.run.go_on(self.format, *start),
                    None => return Ok(0),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wellhead_core::Limits;

    fn deflate(data: &[u8]) -> Vec<u8> {
        miniz_oxide::deflate::compress_to_vec(data, 1)
    }

    fn pattern(n: usize) -> Vec<u8> {
        (0..n as u32)
            .flat_map(|i| (i.wrapping_mul(2_654_435_761)).to_le_bytes())
            .take(n)
            .collect()
    }

    #[test]
    fn large_streams_are_read_anywhere_in_any_order() {
        let data = pattern(20 << 20);
        let mut tail = deflate(&data);
        let consumed = tail.len() as u64;
        tail.extend_from_slice(b"after the end");
        let out = inflate(&Blob::from_bytes(tail), DataFormat::Raw, &mut Budget::default());
        assert_eq!((out.end, out.consumed), (End::Whole, consumed));
        assert_eq!(out.blob.len(), data.len() as u64);
        for at in [
            0,
            19 << 20,
            5,
            9 << 20,
            (9 << 20) + 10,
            12_345_678,
            (20 << 20) - 3,
            100_000,
        ] {
            let got = out.blob.bytes(at, 5_000).unwrap();
            let at = at as usize;
            assert_eq!(got, &data[at..(at + 5_000).min(data.len())], "{at}");
        }
    }

    #[test]
    fn a_bomb_stops_and_what_came_out_before_stays() {
        let packed = deflate(&vec![0; 64 << 20]);
        let limits = Limits {
            expanded_bytes: 10 << 20,
            ..Limits::default()
        };
        let mut budget = Budget::new(limits, std::sync::Arc::default());
        let out = inflate(&Blob::from_bytes(packed), DataFormat::Raw, &mut budget);
        assert!(matches!(out.end, End::Exhausted(_)));
        assert!(out.blob.len() > 9 << 20);
        assert_eq!(out.blob.bytes(9 << 20, 4).unwrap(), [0; 4]);
    }

    #[test]
    fn damage_and_truncation_end_a_stream_and_keep_its_beginning() {
        let data = pattern(300_000);
        let packed = deflate(&data);
        let cut = inflate(
            &Blob::from_bytes(&packed[..packed.len() / 2]),
            DataFormat::Raw,
            &mut Budget::default(),
        );
        assert_eq!(cut.end, End::Truncated);
        assert!(cut.blob.len() > 100_000);
        assert_eq!(cut.blob.bytes(0, 1000).unwrap(), &data[..1000]);
        let bad = inflate(
            &Blob::from_bytes(*b"\xff\xff\xff\xff"),
            DataFormat::Raw,
            &mut Budget::default(),
        );
        assert_eq!((bad.end, bad.blob.len()), (End::Damaged, 0));
    }

    proptest! {
        #[test]
        fn any_bytes_end_somehow(data in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let out = inflate(&Blob::from_bytes(data), DataFormat::Raw, &mut Budget::default());
            let all = out.blob.bytes(0, usize::MAX).unwrap();
            prop_assert_eq!(all.len() as u64, out.blob.len());
        }
    }
}
