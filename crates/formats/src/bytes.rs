//! Little-endian fields out of hostile bytes, and ranges out of blobs that may fail.

use std::num::NonZeroUsize;
use wellhead_core::Blob;

/// The two bytes at `at`.
pub(crate) fn u16_at(buf: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(array_at(buf, at)?))
}

/// The four bytes at `at`.
pub(crate) fn u32_at(buf: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(array_at(buf, at)?))
}

/// The eight bytes at `at`.
pub(crate) fn u64_at(buf: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(array_at(buf, at)?))
}

/// The `N` bytes at `at`.
pub(crate) fn array_at<const N: usize>(buf: &[u8], at: usize) -> Option<[u8; N]> {
    buf.get(at..)?.get(..N)?.try_into().ok()
}

/// A blob whose first failure is kept, so that walks over many small ranges need no error path of their own: what
/// fails reads as the end.
pub(crate) struct Source<'a> {
    pub(crate) blob: &'a Blob,
    pub(crate) failed: Option<String>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(blob: &'a Blob) -> Self {
        Self { blob, failed: None }
    }

    /// At most `max` bytes from `offset` on, fewer at the end.
    pub(crate) fn bytes(&mut self, offset: u64, max: usize) -> Vec<u8> {
        match self.blob.bytes(offset, max) {
            Ok(bytes) => bytes,
            Err(e) => {
                self.failed.get_or_insert_with(|| e.to_string());
                Vec::new()
            }
        }
    }
}

/// A window over a blob for reading small things one after another.
pub(crate) struct Window {
    start: u64,
    buf: Vec<u8>,
    size: usize,
}

impl Window {
    /// A window that reads `size` bytes at a time.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            start: 0,
            buf: Vec::new(),
            size,
        }
    }

    /// `n` bytes from `offset` on, fewer at the end.
    pub(crate) fn get(&mut self, source: &mut Source<'_>, offset: u64, n: usize) -> &[u8] {
        let inside = |start: u64, len: usize| {
            offset
                .checked_sub(start)
                .and_then(|at| usize::try_from(at).ok())
                .filter(|at| at.saturating_add(n) <= len)
        };
        let at = inside(self.start, self.buf.len()).unwrap_or_else(|| {
            self.buf = source.bytes(offset, self.size.max(n));
            self.start = offset;
            0
        });
        let end = at.saturating_add(n).min(self.buf.len());
        self.buf.get(at..end).unwrap_or_default()
    }
}

/// Whether a range of a blob holds nothing but zeros, as far as `max` bytes.
pub(crate) fn is_zero(source: &mut Source<'_>, start: u64, end: u64, max: u64) -> bool {
    let end = end.min(start.saturating_add(max));
    let mut at = start;
    while at < end {
        let want = usize::try_from(end.saturating_sub(at))
            .unwrap_or(usize::MAX)
            .min(1 << 16);
        let piece = source.bytes(at, want);
        if piece.is_empty() {
            return true;
        }
        if piece.iter().any(|b| *b != 0) {
            return false;
        }
        at = at.saturating_add(piece.len() as u64);
    }
    true
}

/// How much of a blob one page of [`Pages`] holds.
const PAGE: NonZeroUsize = NonZeroUsize::new(16 << 10).unwrap();
/// How many pages are held at a time.
const PAGES: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// A blob for reading small things here and there: structures that are joined by offsets.
pub(crate) struct Pages<'a> {
    source: Source<'a>,
    /// The number of the page in each place, and its bytes.
    pages: Vec<(usize, Vec<u8>)>,
    /// What did not lie within one page.
    joined: Vec<u8>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(blob: &'a Blob) -> Self {
        Self {
            source: Source::new(blob),
            pages: vec![(usize::MAX, Vec::new()); PAGES.get()],
            joined: Vec::new(),
        }
    }

    /// What reading failed with, if it did.
    pub(crate) fn failed(&self) -> Option<&str> {
        self.source.failed.as_deref()
    }

    /// `n` bytes from `offset` on, fewer at the end.
    pub(crate) fn get(&mut self, offset: u64, n: usize) -> &[u8] {
        let Ok(place) = usize::try_from(offset) else {
            return &[];
        };
        let (number, at) = (place / PAGE, place % PAGE);
        if at.saturating_add(n) > PAGE.get() {
            self.joined = self.source.bytes(offset, n);
            return &self.joined;
        }
        let Some(page) = self.pages.get_mut(number % PAGES) else {
            return &[];
        };
        if page.0 != number {
            let start = place.saturating_sub(at) as u64;
            *page = (number, self.source.bytes(start, PAGE.get()));
        }
        let end = at.saturating_add(n).min(page.1.len());
        page.1.get(at..end).unwrap_or_default()
    }
}
