//! The directory of a 7z archive, which is a small language of its own.
//!
//! Every count is compared with the bytes that are left before anything is allocated for it: each thing that is
//! counted takes a byte, or a bit, or stands for an entry that the budget pays for.

use std::collections::BTreeSet;
use wellhead_core::{Budget, Exhausted};

/// Why a directory cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not laid out as a directory is.
    Damaged,
    /// It uses what nobody writes.
    Unusual(&'static str),
    /// It costs too much.
    Exhausted(Exhausted),
}

impl From<Exhausted> for Fault {
    fn from(why: Exhausted) -> Self {
        Self::Exhausted(why)
    }
}

type Result<T> = std::result::Result<T, Fault>;

/// What a directory says, either of itself (packed) or of the members.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Where the packed data begins, behind the first 32 bytes.
    pub(super) pack_start: u64,
    pub(super) pack_sizes: Vec<u64>,
    pub(super) folders: Vec<Folder>,
    /// The sizes of what lies in each folder, one after another.
    pub(super) parts: Vec<Vec<u64>>,
}

/// Something that is decoded as one.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    pub(super) coders: Vec<Coder>,
    /// Which input is fed by which output.
    pub(super) binds: Vec<(u64, u64)>,
    /// The inputs that are fed by packed streams, in their order.
    pub(super) packed: Vec<u64>,
    /// The sizes of all outputs.
    pub(super) sizes: Vec<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Coder {
    pub(super) id: Vec<u8>,
    pub(super) inputs: u64,
    pub(super) props: Vec<u8>,
}

/// A member as the directory lists it.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) has_data: bool,
    pub(super) is_folder: bool,
    pub(super) attributes: u32,
}

/// A directory.
#[derive(Debug)]
pub(super) enum Directory {
    /// It is packed itself.
    Packed(Streams),
    Plain {
        streams: Streams,
        files: Vec<File>,
    },
}

/// How many coders, and inputs of one, a folder may have; 7-Zip itself allows no more.
const MAX_CODERS: u64 = 32;
/// How many inputs all coders of a folder may have together; 7-Zip itself allows no more.
const MAX_INPUTS: u64 = 64;
/// What a coder, a bind or a packed stream takes in memory at most, without its properties.
const PART: usize = 96;

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, n: u64) -> Result<&'a [u8]> {
        let n = usize::try_from(n).map_err(|_| Fault::Damaged)?;
        let (taken, rest) = self.rest.split_at_checked(n).ok_or(Fault::Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or(Fault::Damaged)?;
        self.rest = rest;
        Ok(*first)
    }

    /// A number whose first byte says by its leading ones how many follow.
    fn number(&mut self) -> Result<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = 0_u64;
        for i in 0..more {
            let byte = u64::from(self.byte()?);
            value |= byte.checked_shl(i.saturating_mul(8)).unwrap_or(0);
        }
        let mask = 0x7f_u8.checked_shr(more).unwrap_or(0);
        let high = u64::from(first & mask);
        Ok(value | high.checked_shl(more.saturating_mul(8)).unwrap_or(0))
    }

    /// A number of things each of which takes at least a byte of what is left.
    fn count(&mut self) -> Result<usize> {
        let n = self.number()?;
        if n > self.rest.len() as u64 {
            return Err(Fault::Damaged);
        }
        usize::try_from(n).map_err(|_| Fault::Damaged)
    }

    fn bits(&mut self, n: usize) -> Result<Vec<bool>> {
        let bytes = self.take(n.div_ceil(8) as u64)?;
        let bit = |i: usize| bytes.get(i / 8).is_some_and(|b| b & (0x80 >> (i % 8)) != 0);
        Ok((0..n).map(bit).collect())
    }

    /// Bits, or a byte that stands for all of them being set.
    fn bits_or_all(&mut self, n: usize) -> Result<Vec<bool>> {
        if self.byte()? == 0 {
            self.bits(n)
        } else if n > self.rest.len().saturating_mul(8) {
            Err(Fault::Damaged)
        } else {
            Ok(vec![true; n])
        }
    }

    fn u32(&mut self) -> Result<u32> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().map_err(|_| Fault::Damaged)?))
    }
}

/// Reads the directory in `bytes`.
pub(super) fn read(bytes: &[u8], budget: &mut Budget) -> Result<Directory> {
    let mut c = Cursor { rest: bytes };
    match c.byte()? {
        0x17 => Ok(Directory::Packed(streams(&mut c, budget)?)),
        0x01 => {
            let mut found = Streams::default();
            let mut listed = Vec::new();
            loop {
                match c.byte()? {
                    0x00 => break,
                    // Properties of the archive.
                    0x02 => loop {
                        if c.byte()? == 0 {
                            break;
                        }
                        let n = c.number()?;
                        c.take(n)?;
                    },
                    0x03 => return Err(Fault::Unusual("it has additional streams")),
                    0x04 => found = streams(&mut c, budget)?,
                    0x05 => listed = files(&mut c, budget)?,
                    _ => return Err(Fault::Damaged),
                }
            }
            Ok(Directory::Plain {
                streams: found,
                files: listed,
            })
        }
        _ => Err(Fault::Damaged),
    }
}

fn streams(c: &mut Cursor<'_>, budget: &mut Budget) -> Result<Streams> {
    let mut s = Streams::default();
    let mut known = false;
    loop {
        match c.byte()? {
            0x00 => break,
            0x06 => packs(c, &mut s)?,
            0x07 => folders(c, &mut s, budget)?,
            0x08 => {
                parts(c, &mut s, budget)?;
                known = true;
            }
            _ => return Err(Fault::Damaged),
        }
    }
    if !known {
        // Without word of it, each folder is one part.
        s.parts = s.folders.iter().map(|f| vec![f.size()]).collect();
    }
    Ok(s)
}

fn packs(c: &mut Cursor<'_>, s: &mut Streams) -> Result<()> {
    s.pack_start = c.number()?;
    let n = c.count()?;
    loop {
        match c.byte()? {
            0x00 => return Ok(()),
            0x09 => s.pack_sizes = (0..n).map(|_| c.number()).collect::<Result<_>>()?,
            0x0a => digests(c, n)?,
            _ => return Err(Fault::Damaged),
        }
    }
}

fn digests(c: &mut Cursor<'_>, n: usize) -> Result<()> {
    let defined = c.bits_or_all(n)?;
    let count = defined.iter().filter(|d| **d).count() as u64;
    c.take(count.saturating_mul(4))?;
    Ok(())
}

fn folders(c: &mut Cursor<'_>, s: &mut Streams, budget: &mut Budget) -> Result<()> {
    if c.byte()? != 0x0b {
        return Err(Fault::Damaged);
    }
    let n = c.count()?;
    budget.entries(n as u64)?;
    if c.byte()? != 0 {
        return Err(Fault::Unusual("its folders are described elsewhere"));
    }
    for _ in 0..n {
        let f = folder(c)?;
        // A coder takes four bytes of the directory and some hundred here, so an entry does not pay for a folder.
        let parts = f
            .coders
            .len()
            .saturating_add(f.binds.len())
            .saturating_add(f.packed.len());
        let props: usize = f.coders.iter().map(|c| c.props.len()).sum();
        budget.memory(parts.saturating_mul(PART).saturating_add(props) as u64)?;
        s.folders.push(f);
    }
    if c.byte()? != 0x0c {
        return Err(Fault::Damaged);
    }
    for f in &mut s.folders {
        for _ in 0..f.coders.len() {
            f.sizes.push(c.number()?);
        }
    }
    loop {
        match c.byte()? {
            0x00 => return Ok(()),
            0x0a => digests(c, n)?,
            _ => return Err(Fault::Damaged),
        }
    }
}

fn folder(c: &mut Cursor<'_>) -> Result<Folder> {
    let mut f = Folder::default();
    let coders = c.number()?;
    if coders == 0 || coders > MAX_CODERS {
        return Err(Fault::Damaged);
    }
    let mut inputs = 0_u64;
    for _ in 0..coders {
        let flags = c.byte()?;
        let id = c.take(u64::from(flags & 0x0f))?.to_vec();
        let (mut ins, mut outs) = (1, 1);
        if flags & 0x10 != 0 {
            (ins, outs) = (c.number()?, c.number()?);
        }
        if outs != 1 || ins == 0 || ins > MAX_CODERS || flags & 0x80 != 0 {
            return Err(Fault::Unusual("a coder has several results"));
        }
        let mut props = Vec::new();
        if flags & 0x20 != 0 {
            let n = c.number()?;
            props = c.take(n)?.to_vec();
        }
        inputs = inputs.saturating_add(ins);
        f.coders.push(Coder {
            id,
            inputs: ins,
            props,
        });
    }
    for _ in 1..coders {
        f.binds.push((c.number()?, c.number()?));
    }
    if inputs > MAX_INPUTS {
        return Err(Fault::Unusual("a folder has too many streams"));
    }
    let packed = inputs
        .checked_sub(f.binds.len() as u64)
        .filter(|n| *n > 0)
        .ok_or(Fault::Damaged)?;
    if packed == 1 {
        let free = (0..inputs).find(|i| f.binds.iter().all(|(input, _)| input != i));
        f.packed.push(free.ok_or(Fault::Damaged)?);
    } else {
        for _ in 0..packed {
            f.packed.push(c.number()?);
        }
    }
    // The coders are a tree. An output that fed two inputs would be decoded once for each, and so on below it.
    let (mut fed, mut used) = (BTreeSet::new(), BTreeSet::new());
    let bound = f.binds.iter().map(|(input, _)| input);
    let sound = bound
        .chain(&f.packed)
        .all(|input| *input < inputs && fed.insert(*input))
        && f.binds
            .iter()
            .all(|(_, output)| *output < coders && used.insert(*output));
    if sound { Ok(f) } else { Err(Fault::Damaged) }
}

impl Folder {
    /// The coder whose output is that of the folder.
    pub(super) fn last(&self) -> Option<usize> {
        (0..self.coders.len()).find(|o| self.binds.iter().all(|(_, output)| *output != *o as u64))
    }

    /// How much comes out.
    pub(super) fn size(&self) -> u64 {
        self.last()
            .and_then(|o| self.sizes.get(o))
            .copied()
            .unwrap_or_default()
    }
}

fn parts(c: &mut Cursor<'_>, s: &mut Streams, budget: &mut Budget) -> Result<()> {
    let mut counts = vec![1_u64; s.folders.len()];
    let mut sized = false;
    let mut next = c.byte()?;
    if next == 0x0d {
        for n in &mut counts {
            *n = c.number()?;
            budget.entries(*n)?;
        }
        next = c.byte()?;
    }
    if next == 0x09 {
        for (folder, n) in s.folders.iter().zip(&counts) {
            s.parts.push(sizes(c, folder.size(), *n)?);
        }
        sized = true;
        next = c.byte()?;
    }
    if !sized {
        for (folder, n) in s.folders.iter().zip(&counts) {
            if *n > 1 {
                return Err(Fault::Damaged);
            }
            s.parts
                .push(if *n == 1 { vec![folder.size()] } else { Vec::new() });
        }
    }
    // Digests of the parts follow, and nothing that matters behind them.
    while next != 0x00 {
        if next != 0x0a {
            return Err(Fault::Damaged);
        }
        // Folders of one part may have their digest already, so how many follow is not known for certain; the end is.
        let rest = c.rest;
        let total = s.parts.iter().map(Vec::len).sum::<usize>();
        let single = s.parts.iter().filter(|p| p.len() == 1).count();
        let fits = [total, total.saturating_sub(single)].into_iter().find(|n| {
            let mut probe = Cursor { rest };
            digests(&mut probe, *n).is_ok() && ends(&probe)
        });
        digests(c, fits.ok_or(Fault::Damaged)?)?;
        next = c.byte()?;
    }
    Ok(())
}

/// Whether the description of streams ends here: its own end, that of all streams, and then the files or nothing.
fn ends(c: &Cursor<'_>) -> bool {
    matches!(c.rest, [0, 0, 0 | 5, ..] | [0, 0])
}

/// The sizes of the parts of a folder; the last one takes what is left.
fn sizes(c: &mut Cursor<'_>, whole: u64, n: u64) -> Result<Vec<u64>> {
    let mut left = whole;
    let mut sizes = Vec::new();
    for _ in 1..n {
        let size = c.number()?;
        left = left.checked_sub(size).ok_or(Fault::Damaged)?;
        sizes.push(size);
    }
    if n > 0 {
        sizes.push(left);
    }
    Ok(sizes)
}

fn files(c: &mut Cursor<'_>, budget: &mut Budget) -> Result<Vec<File>> {
    let n = c.number()?;
    budget.entries(n)?;
    // An entry without any property costs no byte, but the budget bounds them.
    let n = usize::try_from(n).map_err(|_| Fault::Damaged)?;
    let mut files = vec![
        File {
            has_data: true,
            ..File::default()
        };
        n
    ];
    let mut empty_files: Option<Vec<bool>> = None;
    loop {
        let kind = c.byte()?;
        if kind == 0 {
            break;
        }
        let size = c.number()?;
        let mut p = Cursor { rest: c.take(size)? };
        match kind {
            0x0e => {
                for (file, empty) in files.iter_mut().zip(p.bits(n)?) {
                    file.has_data = !empty;
                }
            }
            0x0f => {
                let empty = files.iter().filter(|f| !f.has_data).count();
                empty_files = Some(p.bits(empty)?);
            }
            0x11 => names(&mut p, &mut files)?,
            0x15 => {
                let defined = p.bits_or_all(n)?;
                if p.byte()? != 0 {
                    return Err(Fault::Unusual("its attributes are described elsewhere"));
                }
                for (file, _) in files.iter_mut().zip(defined).filter(|(_, d)| *d) {
                    file.attributes = p.u32()?;
                }
            }
            // Times, comments, padding.
            _ => {}
        }
    }
    let mut empty_files = empty_files.unwrap_or_default().into_iter();
    for file in files.iter_mut().filter(|f| !f.has_data) {
        file.is_folder = !empty_files.next().unwrap_or(false);
    }
    Ok(files)
}

fn names(p: &mut Cursor<'_>, files: &mut [File]) -> Result<()> {
    if p.byte()? != 0 {
        return Err(Fault::Unusual("its names are kept elsewhere"));
    }
    let mut units = p
        .rest
        .chunks_exact(2)
        .filter_map(|c| c.try_into().ok().map(u16::from_le_bytes));
    for file in files {
        let name: Vec<u16> = units.by_ref().take_while(|u| *u != 0).collect();
        file.name = String::from_utf16_lossy(&name);
    }
    Ok(())
}
