//! bzip2: streams one after another, each of blocks that are sorted, moved to the front and coded by Huffman.
//!
//! A decoder of our own, because the pure ones that exist refuse blocks that do not get smaller, which blocks of
//! weights never do. Blocks of the long abandoned randomised kind are the one thing left out.

use std::io::{self, Read};

/// Symbols of a block's alphabet: 256 bytes, two for runs, the end.
const SYMBOLS: usize = 258;
/// Longest code.
const LONGEST: usize = 20;
/// Symbols between two choices of a table.
const GROUP: usize = 50;
const BLOCK: u64 = 0x3141_5926_5359;
const END: u64 = 0x1772_4538_5090;

fn damaged() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// Bits, the highest of a byte first.
struct Bits<R> {
    input: R,
    held: u64,
    count: u32,
}

impl<R: Read> Bits<R> {
    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match self.input.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(byte.first().copied()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// At most 32 bits.
    fn take(&mut self, n: u32) -> io::Result<u32> {
        while self.count < n {
            let byte = self.byte()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.held = self.held << 8 | u64::from(byte);
            self.count = self.count.saturating_add(8);
        }
        self.count = self.count.saturating_sub(n);
        let mask = (1_u64 << n).wrapping_sub(1);
        Ok((self.held >> self.count & mask) as u32)
    }

    fn bit(&mut self) -> io::Result<bool> {
        Ok(self.take(1)? == 1)
    }

    fn index(&mut self, n: u32) -> io::Result<usize> {
        Ok(self.take(n)? as usize)
    }

    fn magic(&mut self) -> io::Result<u64> {
        Ok(u64::from(self.take(24)?) << 24 | u64::from(self.take(24)?))
    }
}

/// One code: how many codes are shorter, and the symbols by their codes.
struct Table {
    /// By length: the largest code of it, and what is taken from a code to find its symbol; none has a length of zero.
    limit: [i64; LONGEST + 2],
    base: [i64; LONGEST + 2],
    symbols: Vec<u16>,
    shortest: usize,
}

impl Table {
    fn new(lengths: &[usize]) -> Self {
        let mut symbols = Vec::with_capacity(lengths.len());
        let mut limit = [-1_i64; LONGEST + 2];
        let mut base = [0_i64; LONGEST + 2];
        let mut code = 0_i64;
        for length in 1..=LONGEST {
            code = code.saturating_mul(2);
            let first = symbols.len() as i64;
            let of = lengths.iter().enumerate().filter(|(_, l)| **l == length);
            symbols.extend(of.map(|(s, _)| s as u16));
            let n = (symbols.len() as i64).saturating_sub(first);
            if let (Some(limit), Some(base)) = (limit.get_mut(length), base.get_mut(length)) {
                *base = code.saturating_sub(first);
                code = code.saturating_add(n);
                *limit = code.saturating_sub(1);
            }
        }
        Self {
            limit,
            base,
            symbols,
            shortest: lengths.iter().copied().min().unwrap_or(1).max(1),
        }
    }

    fn symbol<R: Read>(&self, bits: &mut Bits<R>) -> io::Result<u16> {
        let mut length = self.shortest;
        let mut code = i64::from(bits.take(length as u32)?);
        loop {
            let limit = *self.limit.get(length).ok_or_else(damaged)?;
            if code <= limit {
                let base = self.base.get(length).copied().unwrap_or_default();
                let at = usize::try_from(code.saturating_sub(base)).map_err(|_| damaged())?;
                return self.symbols.get(at).copied().ok_or_else(damaged);
            }
            length = length.saturating_add(1);
            if length > LONGEST {
                return Err(damaged());
            }
            code = code << 1 | i64::from(bits.take(1)?);
        }
    }
}

/// What streams of bzip2 hold, joined; what follows the last of them is passed over, as Python's reader does.
pub(super) struct Streams<R> {
    bits: Bits<R>,
    /// The largest block of this stream; zero between streams.
    size: usize,
    begun: bool,
    ended: bool,
    /// The block: bytes below, the place of the next one above.
    block: Vec<u32>,
    at: u32,
    left: usize,
    /// The byte that was given last, how often in a row, and how often more it is due.
    last: Option<u8>,
    run: u32,
    due: u32,
}

impl<R: Read> Streams<R> {
    pub(super) fn new(input: R) -> Self {
        let bits = Bits {
            input,
            held: 0,
            count: 0,
        };
        Self {
            bits,
            size: 0,
            begun: false,
            ended: false,
            block: Vec::new(),
            at: 0,
            left: 0,
            last: None,
            run: 0,
            due: 0,
        }
    }

    /// Goes to the next block; false at the end of all.
    fn next(&mut self) -> io::Result<bool> {
        loop {
            if self.size == 0 && !self.header()? {
                return Ok(false);
            }
            match self.bits.magic()? {
                BLOCK => {
                    self.read_block()?;
                    (self.last, self.run, self.due) = (None, 0, 0);
                    return Ok(true);
                }
                END => {
                    self.bits.take(32)?;
                    // The next stream begins at a byte.
                    self.bits.count = self.bits.count.saturating_sub(self.bits.count % 8);
                    self.size = 0;
                }
                _ => return Err(damaged()),
            }
        }
    }

    /// The header of a stream; false where there is none.
    fn header(&mut self) -> io::Result<bool> {
        let mut header = [0_u8; 4];
        for (i, slot) in header.iter_mut().enumerate() {
            match self.bits.take(8) {
                Ok(byte) => *slot = byte as u8,
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof && self.begun && i == 0 => {
                    return Ok(false);
                }
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof && self.begun => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        match header {
            [b'B', b'Z', b'h', level @ b'1'..=b'9'] => {
                self.size = usize::from(level.saturating_sub(b'0')).saturating_mul(100_000);
                self.begun = true;
                Ok(true)
            }
            _ if self.begun => Ok(false),
            _ => Err(damaged()),
        }
    }

    fn read_block(&mut self) -> io::Result<()> {
        let b = &mut self.bits;
        b.take(32)?;
        if b.bit()? {
            return Err(damaged());
        }
        let origin = b.index(24)?;
        let mut alphabet = alphabet(b)?;
        let count = b.index(3)?;
        let choices = b.index(15)?;
        if !(2..=6).contains(&count) || choices == 0 {
            return Err(damaged());
        }
        let choices = selectors(b, choices, count)?;
        let symbols = alphabet.len().saturating_add(2);
        let tables = (0..count)
            .map(|_| table(b, symbols))
            .collect::<io::Result<Vec<_>>>()?;
        let mut counts = [0_u32; 256];
        self.block.clear();
        let (mut run, mut weight) = (0_usize, 1_usize);
        let end = symbols.saturating_sub(1);
        let mut place = 0_usize;
        loop {
            let choice = choices.get(place / GROUP).copied().ok_or_else(damaged)?;
            let symbol = usize::from(tables.get(choice).ok_or_else(damaged)?.symbol(b)?);
            place = place.saturating_add(1);
            if symbol <= 1 {
                run = run.saturating_add(weight.saturating_mul(symbol.saturating_add(1)));
                weight = weight.saturating_mul(2);
                if run > self.size {
                    return Err(damaged());
                }
                continue;
            }
            if run > 0 {
                let byte = *alphabet.first().ok_or_else(damaged)?;
                let len = self.block.len().saturating_add(run);
                if len > self.size {
                    return Err(damaged());
                }
                self.block.resize(len, byte.into());
                add(&mut counts, byte, run as u32);
                (run, weight) = (0, 1);
            }
            if symbol == end {
                break;
            }
            let at = symbol.saturating_sub(1);
            let moved = alphabet.get_mut(..=at).ok_or_else(damaged)?;
            moved.rotate_right(1);
            let byte = *moved.first().ok_or_else(damaged)?;
            if self.block.len() >= self.size {
                return Err(damaged());
            }
            self.block.push(byte.into());
            add(&mut counts, byte, 1);
        }
        self.link(&counts, origin)
    }

    /// Undoes the sorting: each place learns which follows it.
    fn link(&mut self, counts: &[u32; 256], origin: usize) -> io::Result<()> {
        let mut sum = 0_u32;
        let mut starts = [0_u32; 256];
        for (start, n) in starts.iter_mut().zip(counts) {
            *start = sum;
            sum = sum.saturating_add(*n);
        }
        for i in 0..self.block.len() {
            let byte = self.block.get(i).copied().unwrap_or_default() & 0xff;
            let Some(start) = starts.get_mut(byte as usize) else {
                continue;
            };
            if let Some(slot) = self.block.get_mut(*start as usize) {
                *slot |= (i as u32) << 8;
            }
            *start = start.saturating_add(1);
        }
        self.left = self.block.len();
        let first = self.block.get(origin).copied();
        self.at = match first {
            Some(entry) => entry >> 8,
            None if self.block.is_empty() => 0,
            None => return Err(damaged()),
        };
        Ok(())
    }

    /// The next byte of the block, before runs of four and more are drawn out.
    fn raw(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        let entry = *self.block.get(self.at as usize)?;
        self.at = entry >> 8;
        Some((entry & 0xff) as u8)
    }

    fn give(&mut self) -> Option<u8> {
        if self.due > 0 {
            self.due = self.due.saturating_sub(1);
            return self.last;
        }
        if self.run == 4 {
            // Four of a kind are followed by how many more there are.
            self.due = self.raw()?.into();
            self.run = 0;
            let last = self.last;
            if self.due > 0 {
                self.due = self.due.saturating_sub(1);
                return last;
            }
        }
        let byte = self.raw()?;
        self.run = if self.last == Some(byte) && self.run > 0 {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.last = Some(byte);
        Some(byte)
    }
}

fn add(counts: &mut [u32; 256], byte: u8, n: u32) {
    if let Some(count) = counts.get_mut(usize::from(byte)) {
        *count = count.saturating_add(n);
    }
}

/// The bytes that occur.
fn alphabet<R: Read>(b: &mut Bits<R>) -> io::Result<Vec<u8>> {
    let ranges = b.take(16)?;
    let mut bytes = Vec::new();
    for high in 0..16_u32 {
        if ranges & 0x8000_u32 >> high == 0 {
            continue;
        }
        let used = b.take(16)?;
        let low = (0..16_u32).filter(|low| used & 0x8000_u32 >> low != 0);
        bytes.extend(low.map(|low| (high << 4 | low) as u8));
    }
    if bytes.is_empty() {
        Err(damaged())
    } else {
        Ok(bytes)
    }
}

/// Which table is used for which group of symbols.
fn selectors<R: Read>(b: &mut Bits<R>, n: usize, tables: usize) -> io::Result<Vec<usize>> {
    let mut order: Vec<usize> = (0..tables).collect();
    let mut chosen = Vec::with_capacity(n);
    for _ in 0..n {
        let mut at = 0_usize;
        while b.bit()? {
            at = at.saturating_add(1);
            if at >= tables {
                return Err(damaged());
            }
        }
        let moved = order.get_mut(..=at).ok_or_else(damaged)?;
        moved.rotate_right(1);
        chosen.push(*moved.first().ok_or_else(damaged)?);
    }
    Ok(chosen)
}

fn table<R: Read>(b: &mut Bits<R>, symbols: usize) -> io::Result<Table> {
    let mut lengths = Vec::with_capacity(symbols.min(SYMBOLS));
    let mut length = b.index(5)?;
    for _ in 0..symbols {
        loop {
            if !(1..=LONGEST).contains(&length) {
                return Err(damaged());
            }
            if !b.bit()? {
                break;
            }
            length = if b.bit()? {
                length.saturating_sub(1)
            } else {
                length.saturating_add(1)
            };
        }
        lengths.push(length);
    }
    Ok(Table::new(&lengths))
}

impl<R: Read> Read for Streams<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            let mut n = 0_usize;
            for slot in buf.iter_mut() {
                let Some(byte) = self.give() else { break };
                *slot = byte;
                n = n.saturating_add(1);
            }
            if n > 0 {
                return Ok(n);
            }
            if self.ended || !self.next()? {
                self.ended = true;
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unhex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pairs = digits.chunks(2);
        pairs
            .map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap())
            .collect()
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Streams::new(bytes).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn damage_is_told_from_being_cut_off() {
        assert_eq!(read(b"").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(read(b"BZh9").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(
            read(b"BZh9xxxxxxxxx").unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        let empty = b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0";
        assert_eq!(read(empty).unwrap(), b"");
        assert_eq!(read(&[empty.as_slice(), b"trailing"].concat()).unwrap(), b"");
    }

    #[test]
    fn what_the_reference_wrote() {
        // `bz2.compress(b"hello hello hello\n")`, then seventy-seven `a`, four `b` and five `c`.
        let hello = unhex(
            "425a6839314159265359e5b5f3090000045100001040000244a00021b5180c029069c2a30bb9229c284872daf98480",
        );
        let runs = unhex(
            "425a68393141592653595f5a25b60000034500600000203800200030c00643ca0b21d52be2ee48a70a120beb44b6c0",
        );
        let expected = ["a".repeat(77), "bbbb".to_owned(), "ccccc".to_owned()].concat();
        assert_eq!(read(&hello).unwrap(), b"hello hello hello\n");
        assert_eq!(read(&runs).unwrap(), expected.as_bytes());
        let both = read(&[hello.clone(), runs].concat()).unwrap();
        assert_eq!(both.len(), 18 + expected.len());
        let cut = read(&hello[..hello.len() - 12]).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }

    proptest! {
        #[test]
        fn any_bytes_end_somehow(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&[b"BZh1\x31\x41\x59\x26\x53\x59".as_slice(), &data].concat());
        }
    }
}
