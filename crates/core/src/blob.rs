//! Bytes that are read where they are needed, never all at once.
//!
//! A parser asks for ranges; whether they come from a local file, an HTTP server or an inflated member is the
//! source's matter. A 10 GB model costs what its header costs.

use crate::digest::Digest;
use std::{fmt, io, sync::Arc};

/// Random access to bytes of a known length.
pub trait ReadAt: Send + Sync {
    /// The length in bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads some bytes at `offset` into `buf` and says how many; 0 only at the end or for an empty `buf`.
    ///
    /// # Errors
    /// What the source says: a device that fails, a server that closes.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// Why a read failed, if one did: a reader that took the failure for the end has not seen everything.
    fn failure(&self) -> Option<String> {
        None
    }
}

impl ReadAt for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.as_slice().len());
        let rest = self.get(start..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), rest.get(..n)) {
            to.copy_from_slice(from);
        }
        Ok(n)
    }
}

/// A shared handle to bytes, or to a window of them.
#[derive(Clone)]
pub struct Blob {
    inner: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
    claimed: Vec<Digest>,
}

impl Blob {
    /// All of `source`.
    pub fn new(source: impl ReadAt + 'static) -> Self {
        let len = source.len();
        Self {
            inner: Arc::new(source),
            start: 0,
            len,
            claimed: Vec::new(),
        }
    }

    /// Bytes that are in memory already.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(bytes.into())
    }

    /// The same bytes with the digests that their source claims for them.
    #[must_use]
    pub fn with_claimed(mut self, claimed: Vec<Digest>) -> Self {
        self.claimed = claimed;
        self
    }

    /// The digests that the source claims (a hub's listing, a lock).
    pub fn claimed(&self) -> &[Digest] {
        &self.claimed
    }

    /// Why a read of the source failed, if one did.
    pub fn failure(&self) -> Option<String> {
        self.inner.failure()
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The window `start..start+len`, cut to what there is.
    #[must_use]
    pub fn slice(&self, start: u64, len: u64) -> Self {
        let from = start.min(self.len);
        let len = len.min(self.len.saturating_sub(from));
        Self {
            inner: Arc::clone(&self.inner),
            start: self.start.saturating_add(from),
            len,
            claimed: Vec::new(),
        }
    }

    /// Reads some bytes; 0 only at the end or for an empty `buf`.
    ///
    /// # Errors
    /// As the source's [`ReadAt::read_at`].
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(offset);
        let n = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        match buf.get_mut(..n) {
            Some(window) if n > 0 => self.inner.read_at(self.start.saturating_add(offset), window),
            _ => Ok(0),
        }
    }

    /// Fills `buf` as far as there are bytes and says how many there were.
    ///
    /// # Errors
    /// As the source's [`ReadAt::read_at`]; an interrupted read is tried again.
    pub fn fill_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.read_at(offset.saturating_add(done as u64), rest) {
                Ok(0) => break,
                Ok(n) => done = done.saturating_add(n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    /// At most `max` bytes from `offset` on, fewer at the end.
    ///
    /// # Errors
    /// As [`Blob::fill_at`].
    pub fn bytes(&self, offset: u64, max: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut buf = vec![0; left.min(max)];
        let n = self.fill_at(offset, &mut buf)?;
        buf.truncate(n);
        Ok(buf)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes at {})", self.len, self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_never_leave_their_bytes() {
        let blob = Blob::from_bytes(*b"0123456789");
        let inner = blob.slice(2, 5).slice(1, 100);
        assert_eq!(inner.bytes(0, 100).unwrap(), b"3456");
        assert_eq!(inner.bytes(3, 1).unwrap(), b"6");
        assert_eq!(inner.bytes(4, 1).unwrap(), b"");
        assert_eq!(blob.slice(u64::MAX, u64::MAX).len(), 0);
    }
}
