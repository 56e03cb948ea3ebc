//! Bytes by windows: the machine sees a file of any size through a buffer of a quarter mebibyte.

use std::borrow::Cow;
use wellhead_core::Blob;

const WINDOW: usize = 256 << 10;

/// Reads a blob forward, and skips without reading.
pub(crate) struct Reader {
    blob: Blob,
    buf: Vec<u8>,
    /// The place of `buf[0]` in the blob.
    start: u64,
    filled: usize,
    pos: usize,
    failed: Option<String>,
}

/// A line's place, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Reader {
    pub(crate) fn new(blob: Blob) -> Self {
        let size = usize::try_from(blob.len()).unwrap_or(WINDOW).min(WINDOW);
        Self {
            blob,
            buf: vec![0; size],
            start: 0,
            filled: 0,
            pos: 0,
            failed: None,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.blob.len()
    }

    /// What the source said when it failed.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    #[inline]
    pub(crate) fn offset(&self) -> u64 {
        self.start.wrapping_add(self.pos as u64)
    }

    pub(crate) fn seek(&mut self, to: u64) {
        let within = to
            .checked_sub(self.start)
            .and_then(|d| usize::try_from(d).ok())
            .filter(|d| *d <= self.filled);
        if let Some(pos) = within {
            self.pos = pos;
        } else {
            self.start = to;
            self.pos = 0;
            self.filled = 0;
        }
    }

    #[cold]
    fn refill(&mut self) {
        self.start = self.offset();
        self.pos = 0;
        self.filled = match self.blob.fill_at(self.start, &mut self.buf) {
            Ok(n) => n,
            Err(e) => {
                self.failed.get_or_insert_with(|| e.to_string());
                0
            }
        };
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Option<u8> {
        if self.pos >= self.filled {
            self.refill();
        }
        let byte = self.buf.get(..self.filled)?.get(self.pos).copied()?;
        self.pos = self.pos.wrapping_add(1);
        Some(byte)
    }

    /// The next `n` bytes without taking them; `None` when there are fewer, or more than a window is asked for.
    #[inline]
    pub(crate) fn peek(&mut self, n: usize) -> Option<&[u8]> {
        if self.filled.wrapping_sub(self.pos) < n {
            self.refill();
        }
        self.buf
            .get(..self.filled)?
            .get(self.pos..self.pos.checked_add(n)?)
    }

    /// At most `n` of the next bytes, fewer at the end.
    pub(crate) fn peek_some(&mut self, n: usize) -> &[u8] {
        if self.filled.wrapping_sub(self.pos) < n {
            self.refill();
        }
        let rest = self
            .buf
            .get(..self.filled)
            .and_then(|b| b.get(self.pos..))
            .unwrap_or_default();
        rest.get(..n).unwrap_or(rest)
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes: [u8; N] = self.peek(N)?.try_into().ok()?;
        self.pos = self.pos.wrapping_add(N);
        Some(bytes)
    }

    /// Goes `n` bytes on; `false`, without moving, where there are fewer.
    #[inline]
    pub(crate) fn skip(&mut self, n: u64) -> bool {
        if let Ok(n) = usize::try_from(n)
            && n <= self.filled.wrapping_sub(self.pos)
        {
            self.pos = self.pos.wrapping_add(n);
            return true;
        }
        match self.offset().checked_add(n) {
            Some(to) if to <= self.blob.len() => {
                self.seek(to);
                true
            }
            _ => false,
        }
    }

    /// Takes a line as loaders do: without a line end at the end of the data, the last byte is lost instead.
    pub(crate) fn line(&mut self) -> Option<Line> {
        let offset = self.offset();
        loop {
            if self.pos >= self.filled {
                self.refill();
                if self.filled == 0 {
                    let len = self.offset().saturating_sub(offset);
                    return (len > 0).then(|| Line {
                        offset,
                        len: len.saturating_sub(1),
                    });
                }
            }
            let rest = self.buf.get(self.pos..self.filled).unwrap_or_default();
            if let Some(at) = rest.iter().position(|b| *b == b'\n') {
                self.pos = self.pos.wrapping_add(at);
                let len = self.offset().saturating_sub(offset);
                self.pos = self.pos.wrapping_add(1);
                return Some(Line { offset, len });
            }
            self.pos = self.filled;
        }
    }

    /// Bytes from anywhere, at most `max`: from the window where they are in it.
    pub(crate) fn bytes_at(&self, offset: u64, max: usize) -> Cow<'_, [u8]> {
        let window = offset
            .checked_sub(self.start)
            .and_then(|d| usize::try_from(d).ok())
            .and_then(|from| self.buf.get(..self.filled)?.get(from..from.checked_add(max)?));
        match window {
            Some(bytes) => Cow::Borrowed(bytes),
            None => Cow::Owned(self.blob.bytes(offset, max).unwrap_or_default()),
        }
    }
}
