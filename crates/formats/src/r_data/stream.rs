//! The three ways in which R writes the same numbers and texts: big-endian, as the machine has them, and as text.

use crate::bytes::{Pages, array_at};
use wellhead_core::{Blob, Budget, Exhausted};

/// Longest text that is kept.
const MAX_TEXT: usize = 256;
/// Longest white space between words; R writes one byte.
const MAX_BLANKS: u64 = 64 << 10;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Xdr,
    Native,
    Text,
}

/// Why reading a stream ends.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// The stream is no such stream from here on.
    Damaged(&'static str),
    /// The budget has run out, or the blob could not be read.
    Cut(String),
}

impl From<Exhausted> for Stop {
    fn from(why: Exhausted) -> Self {
        Self::Cut(why.to_string())
    }
}

const ENDS: Stop = Stop::Damaged("ends within a value");

pub(super) struct Stream<'a> {
    pages: Pages<'a>,
    pub(super) at: u64,
    pub(super) len: u64,
    pub(super) encoding: Encoding,
    /// White space that was passed over and is not paid for yet.
    pub(super) blanks: u64,
}

impl<'a> Stream<'a> {
    /// The stream that begins at `at`, whose first two bytes say how it is written.
    pub(super) fn new(blob: &'a Blob, at: u64) -> Option<Self> {
        let mut pages = Pages::new(blob);
        let encoding = match pages.get(at, 2) {
            b"X\n" => Encoding::Xdr,
            b"B\n" => Encoding::Native,
            b"A\n" => Encoding::Text,
            _ => return None,
        };
        Some(Self {
            pages,
            at: at.saturating_add(2),
            len: blob.len(),
            encoding,
            blanks: 0,
        })
    }

    pub(super) fn failed(&self) -> Option<&str> {
        self.pages.failed()
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let bytes = array_at(self.pages.get(self.at, N), 0).ok_or(ENDS)?;
        self.at = self.at.saturating_add(N as u64);
        Ok(bytes)
    }

    /// The next word of a stream that is text.
    fn word(&mut self) -> Result<String, Stop> {
        let mut word = String::new();
        let start = self.at;
        loop {
            let [byte] = self.fixed()?;
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' if word.is_empty() => {
                    self.blanks = self.blanks.saturating_add(1);
                    if self.at.saturating_sub(start) > MAX_BLANKS {
                        return Err(Stop::Damaged("holds white space without an end"));
                    }
                }
                b' ' | b'\n' | b'\r' | b'\t' => return Ok(word),
                // No number has so many digits.
                _ if word.len() > 64 => return Err(Stop::Damaged("holds a word that is no number")),
                _ => word.push(char::from(byte)),
            }
            if self.at >= self.len {
                return if word.is_empty() { Err(ENDS) } else { Ok(word) };
            }
        }
    }

    pub(super) fn int(&mut self) -> Result<i32, Stop> {
        match self.encoding {
            Encoding::Xdr => Ok(i32::from_be_bytes(self.fixed()?)),
            Encoding::Native => Ok(i32::from_le_bytes(self.fixed()?)),
            Encoding::Text => {
                let word = self.word()?;
                if word == "NA" {
                    return Ok(i32::MIN);
                }
                word.parse()
                    .map_err(|_| Stop::Damaged("holds a word where a number is due"))
            }
        }
    }

    /// The next number, without taking it.
    pub(super) fn peek(&mut self) -> Result<i32, Stop> {
        let at = self.at;
        let value = self.int();
        self.at = at;
        value
    }

    /// A count of values, which for long vectors takes three numbers.
    pub(super) fn length(&mut self) -> Result<u64, Stop> {
        let first = self.int()?;
        if first != -1 {
            return u64::try_from(first).map_err(|_| Stop::Damaged("holds a length below zero"));
        }
        let high = u64::from(self.int()?.cast_unsigned());
        let low = u64::from(self.int()?.cast_unsigned());
        if high > 0xffff {
            return Err(Stop::Damaged("holds a length that no vector has"));
        }
        Ok((high << 32) | low)
    }

    /// Passes over `count` numbers of `size` bytes each; says where they were.
    pub(super) fn skip(
        &mut self,
        count: u64,
        size: u64,
        budget: &mut Budget,
    ) -> Result<std::ops::Range<u64>, Stop> {
        let start = self.at;
        if self.encoding == Encoding::Text {
            // A complex number is two words.
            let words = if size == 16 {
                count.saturating_mul(2)
            } else {
                count
            };
            for _ in 0..words {
                self.word()?;
                let blanks = std::mem::take(&mut self.blanks);
                budget.steps(blanks.saturating_add(4))?;
            }
        } else {
            let end = count.checked_mul(size).and_then(|n| n.checked_add(self.at));
            self.at = end.filter(|end| *end <= self.len).ok_or(ENDS)?;
        }
        Ok(start..self.at)
    }

    /// `length` bytes as text, cut where it gets long.
    pub(super) fn text(&mut self, length: u64, budget: &mut Budget) -> Result<String, Stop> {
        if self.encoding == Encoding::Text {
            return self.escaped(length, budget);
        }
        let end = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.len)
            .ok_or(ENDS)?;
        let wanted = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_TEXT);
        let text = String::from_utf8_lossy(self.pages.get(self.at, wanted)).into_owned();
        self.at = end;
        Ok(text)
    }

    /// Text in a stream that is text: `\n`, `\"`, `\040`.
    fn escaped(&mut self, length: u64, budget: &mut Budget) -> Result<String, Stop> {
        // The number before it may have left its line end.
        while matches!(self.pages.get(self.at, 1).first(), Some(b'\n' | b' ' | b'\r')) {
            budget.steps(1)?;
            self.at = self.at.saturating_add(1);
        }
        let mut bytes = Vec::new();
        for _ in 0..length {
            budget.steps(1)?;
            let [byte] = self.fixed()?;
            let byte = if byte == b'\\' { self.escape()? } else { byte };
            if bytes.len() < MAX_TEXT {
                bytes.push(byte);
            }
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn escape(&mut self) -> Result<u8, Stop> {
        let [byte] = self.fixed()?;
        Ok(match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'v' => 0x0b,
            b'b' => 8,
            b'r' => b'\r',
            b'f' => 0x0c,
            b'a' => 7,
            b'0'..=b'7' => {
                let mut value = u32::from(byte).saturating_sub(48);
                for _ in 0..2 {
                    let next = self.pages.get(self.at, 1).first().copied().unwrap_or(0);
                    if !matches!(next, b'0'..=b'7') {
                        break;
                    }
                    value = (value << 3) | u32::from(next).saturating_sub(48);
                    self.at = self.at.saturating_add(1);
                }
                u8::try_from(value & 0xff).unwrap_or(0)
            }
            other => other,
        })
    }
}
