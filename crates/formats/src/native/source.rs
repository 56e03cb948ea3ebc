//! The bytes of a program as the reader of object files wants them: references that live as long as the file.
//!
//! The one decision: what is read is kept in cells that are written once, so references into it can be handed out
//! safely, and what is kept never grows beyond what was paid for, whatever the file claims.

use object::{Endianness, U32, U64, read::ReadRef};
use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
    ops::Range,
};
use wellhead_core::Blob;

/// Small reads share pages of this size.
const PAGE: u64 = 16 << 10;
/// Most pieces that are kept.
const CELLS: usize = 4096;
/// Most bytes that are kept.
pub(super) const MAX_KEPT: u64 = 48 << 20;
/// Longest name.
const MAX_NAME: u64 = 4096;

/// A file, or one program of several in it.
pub(super) struct Source {
    blob: Blob,
    cells: Box<[OnceCell<Box<[u8]>>]>,
    index: RefCell<BTreeMap<(u64, u64), usize>>,
    left: Cell<u64>,
}

impl Source {
    /// `allowance` is how much may be kept; whoever makes one has paid for it.
    pub(super) fn new(blob: Blob, allowance: u64) -> Self {
        Self {
            blob,
            cells: (0..CELLS).map(|_| OnceCell::new()).collect(),
            index: RefCell::new(BTreeMap::new()),
            left: Cell::new(allowance),
        }
    }

    /// What a file of that size may need.
    pub(super) fn allowance(size: u64) -> u64 {
        size.saturating_mul(2).saturating_add(PAGE).min(MAX_KEPT)
    }

    /// The bytes without keeping them.
    pub(super) fn blob(&self) -> &Blob {
        &self.blob
    }

    /// Whether something could not be read because too much was asked for.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() < PAGE || self.index.borrow().len() >= CELLS
    }

    /// A number of the file's own width; zero where there is none.
    pub(super) fn word(&self, offset: u64, wide: bool, endian: Endianness) -> u64 {
        if wide {
            self.read_at::<U64<Endianness>>(offset)
                .map_or(0, |w| w.get(endian))
        } else {
            self.read_at::<U32<Endianness>>(offset)
                .map_or(0, |w| w.get(endian).into())
        }
    }

    /// A piece, read once.
    fn piece(&self, offset: u64, size: u64) -> Result<&[u8], ()> {
        let known = self.index.borrow().get(&(offset, size)).copied();
        if let Some(at) = known {
            return self
                .cells
                .get(at)
                .and_then(OnceCell::get)
                .map(AsRef::as_ref)
                .ok_or(());
        }
        let at = self.index.borrow().len();
        let cell = self.cells.get(at).ok_or(())?;
        let left = self.left.get().checked_sub(size).ok_or(())?;
        let bytes = self
            .blob
            .bytes(offset, usize::try_from(size).map_err(|_| ())?)
            .map_err(|_| ())?;
        if bytes.len() as u64 != size {
            return Err(());
        }
        self.left.set(left);
        self.index.borrow_mut().insert((offset, size), at);
        Ok(cell.get_or_init(|| bytes.into()))
    }

    /// The page round an offset, and where the offset lies in it.
    fn page(&self, offset: u64) -> Result<(&[u8], usize), ()> {
        let start = offset.checked_div(PAGE).ok_or(())?.checked_mul(PAGE).ok_or(())?;
        let left = self.blob.len().checked_sub(start).ok_or(())?;
        let page = self.piece(start, PAGE.min(left))?;
        let inside = usize::try_from(offset.checked_sub(start).ok_or(())?).map_err(|_| ())?;
        Ok((page, inside))
    }
}

impl<'a> ReadRef<'a> for &'a Source {
    fn len(self) -> Result<u64, ()> {
        Ok(self.blob.len())
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        if size == 0 {
            return Ok(&[]);
        }
        let end = offset.checked_add(size).ok_or(())?;
        if end > self.blob.len() {
            return Err(());
        }
        if size <= PAGE {
            let (page, inside) = self.page(offset)?;
            let size = usize::try_from(size).map_err(|_| ())?;
            let wanted = inside..inside.checked_add(size).ok_or(())?;
            if let Some(bytes) = page.get(wanted) {
                return Ok(bytes);
            }
        }
        self.piece(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let end = range.end.min(self.blob.len());
        if range.start >= end {
            return Err(());
        }
        let until = |bytes: &'a [u8]| {
            let at = bytes.iter().position(|b| *b == delimiter)?;
            bytes.get(..at)
        };
        let (page, inside) = self.page(range.start)?;
        if let Some(found) = page.get(inside..).and_then(until) {
            return Ok(found);
        }
        let size = MAX_NAME.min(end.saturating_sub(range.start));
        until(self.piece(range.start, size)?).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_paid_for() {
        let source = Source::new(Blob::from_bytes(vec![7; 100_000]), 40_000);
        assert_eq!((&source).read_bytes_at(99_990, 10).unwrap(), [7; 10]);
        assert!((&source).read_bytes_at(99_990, 11).is_err());
        assert!((&source).read_bytes_at(u64::MAX, 2).is_err());
        assert!((&source).read_bytes_at(0, 50_000).is_err());
        assert_eq!((&source).read_bytes_at(0, 20_000).unwrap().len(), 20_000);
        // The same again costs nothing, another one more than is left.
        assert_eq!((&source).read_bytes_at(0, 20_000).unwrap().len(), 20_000);
        assert!((&source).read_bytes_at(1, 20_000).is_err());
    }

    #[test]
    fn a_name_ends_where_it_ends() {
        let mut bytes = vec![b'a'; 16 << 10];
        bytes.extend(b"bc\0d");
        let source = Source::new(Blob::from_bytes(bytes), 1 << 20);
        let end = 16 << 10;
        assert_eq!(
            (&source).read_bytes_at_until(end - 1..end + 4, 0).unwrap(),
            b"abc"
        );
        assert!((&source).read_bytes_at_until(end + 3..end + 4, 0).is_err());
        assert!((&source).read_bytes_at_until(0..end + 4, 0).is_err());
    }
}
