//! Numbers and texts as the database writes them. The reader trusts nothing: every length is checked against what is
//! left before anything is allocated.

use std::ops::Range;

/// The bytes end too early, or say something that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Appends values to bytes.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn number(&mut self, value: usize) {
        let mut value = value as u64;
        loop {
            // Seven bits fit in a byte.
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                self.bytes.push(low);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn texts<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a String>) {
        self.number(texts.len());
        for text in texts {
            self.text(text);
        }
    }

    pub(super) fn part(&mut self, part: &Self) {
        self.number(part.bytes.len());
        self.bytes.extend_from_slice(&part.bytes);
    }
}

/// Takes values from bytes.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Where what is left lies in the bytes that it was taken from.
    pub(super) fn place_in(&self, all: &[u8]) -> Range<usize> {
        let start = (self.rest.as_ptr() as usize)
            .saturating_sub(all.as_ptr() as usize)
            .min(all.len());
        start..start.saturating_add(self.rest.len())
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<usize, Malformed> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(value).map_err(|_| Malformed);
            }
        }
        Err(Malformed)
    }

    /// A count of things of which each takes at least one byte.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        let n = self.number()?;
        if n > self.rest.len() {
            return Err(Malformed);
        }
        Ok(n)
    }

    pub(super) fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let n = self.number()?;
        std::str::from_utf8(self.take(n)?).map_err(|_| Malformed)
    }

    /// A text, as the place of its bytes in the bytes that it was taken from.
    pub(super) fn place_of_text(&mut self, all: &[u8]) -> Result<Range<usize>, Malformed> {
        let text = self.text()?;
        Ok(Self {
            rest: text.as_bytes(),
        }
        .place_in(all))
    }

    pub(super) fn texts(&mut self) -> Result<Vec<String>, Malformed> {
        let n = self.count()?;
        (0..n).map(|_| self.text().map(str::to_owned)).collect()
    }

    pub(super) fn part(&mut self) -> Result<Self, Malformed> {
        let n = self.number()?;
        Ok(Self { rest: self.take(n)? })
    }
}

/// Reads a little-endian number at a place of a table.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(raw.try_into().ok()?))
}
