//! Marshalled objects: every type code of Python 2.0 to 3.15, without building any object of Python.
//!
//! Objects lie in one list and name each other by number, so that what is referred to a million times is kept once, and
//! the list is never longer than the bytes it was read from.

use std::sync::Arc;
use wellhead_core::{Budget, Exhausted};

/// How deep objects may lie in one another. Python itself allows 2000; no compiler writes 50.
const DEPTH: u32 = 200;
/// What one object costs in memory, roughly.
const OBJECT_BYTES: u64 = 64;

/// An object's number.
pub(super) type Id = usize;

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    /// What nothing is made of: numbers that are not looked at, `...`, an end mark.
    Other,
    None,
    Int(i64),
    /// Text, decoded.
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    /// A tuple, list, set or dictionary, with its items.
    Items(Vec<Id>),
    Code(Box<Raw>),
}

/// The parts of a code object, in the order of its layout.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Raw {
    pub(super) numbers: Vec<u32>,
    pub(super) parts: Vec<Id>,
    pub(super) first_line: u32,
    pub(super) tail: Vec<Id>,
}

/// In which order a code object's parts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Python 2.
    Two,
    /// Python 3.0 to 3.7.
    Three,
    /// Python 3.8 to 3.10: arguments by position only.
    ThreeEight,
    /// Python 3.11 and later: names of all variables in one list.
    ThreeEleven,
}

impl Layout {
    /// Numbers in front, objects before the line, objects behind it.
    fn shape(self) -> (usize, usize, usize) {
        match self {
            Self::Two => (4, 8, 1),
            Self::Three => (5, 8, 1),
            Self::ThreeEight => (6, 8, 1),
            Self::ThreeEleven => (5, 8, 2),
        }
    }
}

/// A question about an object.
type Test = fn(&Object) -> bool;

/// Why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Damaged { at: usize, why: &'static str },
    Exhausted(Exhausted),
}

impl From<Exhausted> for Stop {
    fn from(why: Exhausted) -> Self {
        Self::Exhausted(why)
    }
}

pub(super) struct Objects<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    layout: Layout,
    pub(super) all: Vec<Object>,
    /// What may be referred to, by the number that references use.
    refs: Vec<Option<Id>>,
    /// The same of interned texts of Python 2.
    interned: Vec<Id>,
    pub(super) held: u64,
}

impl<'a> Objects<'a> {
    pub(super) fn new(bytes: &'a [u8], layout: Layout) -> Self {
        Self {
            bytes,
            at: 0,
            layout,
            all: Vec::new(),
            refs: Vec::new(),
            interned: Vec::new(),
            held: 0,
        }
    }

    fn damaged(&self, why: &'static str) -> Stop {
        Stop::Damaged { at: self.at, why }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(Stop::Damaged {
            at: self.at,
            why: "ends in the middle of an object",
        })?;
        self.at = self.at.saturating_add(n);
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Stop> {
        Ok(self.take(1)?.first().copied().unwrap_or(0))
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        Ok(crate::bytes::u32_at(self.take(4)?, 0).unwrap_or(0))
    }

    fn size(&mut self) -> Result<usize, Stop> {
        let size = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if size > self.bytes.len().saturating_sub(self.at) {
            return Err(self.damaged("has an object that is longer than the data"));
        }
        Ok(size)
    }

    fn keep(&mut self, object: Object, budget: &mut Budget) -> Result<Id, Stop> {
        let own = match &object {
            Object::Text(text) => text.len(),
            Object::Bytes(bytes) => bytes.len(),
            Object::Items(items) => items.len().saturating_mul(8),
            _ => 0,
        };
        let cost = OBJECT_BYTES.saturating_add(own as u64);
        budget.memory(cost)?;
        self.held = self.held.saturating_add(cost);
        self.all.push(object);
        Ok(self.all.len().saturating_sub(1))
    }

    /// Reads the object that begins here.
    pub(super) fn read(&mut self, depth: u32, budget: &mut Budget) -> Result<Id, Stop> {
        self.maybe(depth, budget)?
            .ok_or_else(|| self.damaged("has an end mark where an object should be"))
    }

    /// Reads the object that begins here; `None` for the mark that ends a dictionary.
    fn maybe(&mut self, depth: u32, budget: &mut Budget) -> Result<Option<Id>, Stop> {
        budget.steps(1)?;
        if depth >= DEPTH {
            return Err(self.damaged("nests deeper than 200 objects"));
        }
        let code = self.u8()?;
        let slot = (code & 0x80 != 0).then(|| {
            self.refs.push(None);
            self.refs.len().saturating_sub(1)
        });
        let object = match code & 0x7f {
            b'0' => return Ok(None),
            b'r' => {
                let index = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
                let target = self.refs.get(index).copied().flatten();
                return target
                    .map(Some)
                    .ok_or_else(|| self.damaged("refers to an object that is not there"));
            }
            b'R' => {
                let index = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
                let target = self.interned.get(index).copied();
                return target
                    .map(Some)
                    .ok_or_else(|| self.damaged("refers to a text that is not there"));
            }
            b'c' => Object::Code(Box::new(self.code(depth, budget)?)),
            b'(' | b'[' | b'<' | b'>' => {
                let size = self.size()?;
                self.items(size, depth, budget)?
            }
            b')' => {
                let size = usize::from(self.u8()?);
                self.items(size, depth, budget)?
            }
            b':' => self.items(3, depth, budget)?,
            b'{' | b'}' => self.dictionary(depth, budget)?,
            leaf => self.leaf(leaf, budget)?,
        };
        let interned = code & 0x7f == b't' && self.layout == Layout::Two;
        let id = self.keep(object, budget)?;
        if let Some(slot) = slot.and_then(|slot| self.refs.get_mut(slot)) {
            *slot = Some(id);
        }
        if interned {
            self.interned.push(id);
        }
        Ok(Some(id))
    }

    fn items(&mut self, size: usize, depth: u32, budget: &mut Budget) -> Result<Object, Stop> {
        let mut items = Vec::new();
        for _ in 0..size {
            items.push(self.read(depth.saturating_add(1), budget)?);
        }
        Ok(Object::Items(items))
    }

    fn dictionary(&mut self, depth: u32, budget: &mut Budget) -> Result<Object, Stop> {
        let mut items = Vec::new();
        while let Some(key) = self.maybe(depth.saturating_add(1), budget)? {
            items.push(key);
            match self.maybe(depth.saturating_add(1), budget)? {
                Some(value) => items.push(value),
                None => break,
            }
        }
        Ok(Object::Items(items))
    }

    fn leaf(&mut self, code: u8, budget: &mut Budget) -> Result<Object, Stop> {
        Ok(match code {
            b'N' => Object::None,
            b'T' => Object::Int(1),
            b'F' => Object::Int(0),
            b'S' | b'.' => Object::Other,
            b'i' => Object::Int(i64::from(self.u32()?.cast_signed())),
            b'I' | b'g' => {
                self.take(8)?;
                Object::Other
            }
            b'y' => {
                self.take(16)?;
                Object::Other
            }
            b'f' => {
                let n = usize::from(self.u8()?);
                self.take(n)?;
                Object::Other
            }
            b'x' => {
                for _ in 0..2 {
                    let n = usize::from(self.u8()?);
                    self.take(n)?;
                }
                Object::Other
            }
            b'l' => {
                let digits = self.u32()?.cast_signed().unsigned_abs();
                let bytes = usize::try_from(digits).unwrap_or(usize::MAX).saturating_mul(2);
                self.take(bytes)?;
                Object::Other
            }
            b's' => {
                let n = self.size()?;
                // `keep` pays for it once it is there; that there is room is seen to before.
                budget.memory(n as u64)?;
                budget.release(n as u64);
                Object::Bytes(self.take(n)?.into())
            }
            b't' | b'u' | b'a' | b'A' => {
                let n = self.size()?;
                Object::Text(text(self.take(n)?, budget)?)
            }
            b'z' | b'Z' => {
                let n = usize::from(self.u8()?);
                Object::Text(String::from_utf8_lossy(self.take(n)?).into())
            }
            _ => return Err(self.damaged("has an object of an unknown kind")),
        })
    }

    fn code(&mut self, depth: u32, budget: &mut Budget) -> Result<Raw, Stop> {
        let (numbers, parts, tail) = self.layout.shape();
        let mut raw = Raw::default();
        for _ in 0..numbers {
            raw.numbers.push(self.u32()?);
        }
        for _ in 0..parts {
            raw.parts.push(self.read(depth.saturating_add(1), budget)?);
        }
        raw.first_line = self.u32()?;
        for _ in 0..tail {
            raw.tail.push(self.read(depth.saturating_add(1), budget)?);
        }
        // The first part is the instructions in every layout; anything else was read by the wrong one.
        let has = |id: Option<&Id>, test: Test| id.and_then(|id| self.all.get(*id)).is_some_and(test);
        let is_bytes: Test = |o| matches!(o, Object::Bytes(_));
        let is_items: Test = |o| matches!(o, Object::Items(_));
        let is_name: Test = |o| matches!(o, Object::Text(_) | Object::Bytes(_));
        let kinds: [(usize, Test); 5] = match self.layout {
            Layout::ThreeEleven => [
                (0, is_bytes),
                (1, is_items),
                (2, is_items),
                (4, is_bytes),
                (5, is_name),
            ],
            _ => [
                (0, is_bytes),
                (1, is_items),
                (2, is_items),
                (6, is_name),
                (7, is_name),
            ],
        };
        if !kinds.iter().all(|(at, test)| has(raw.parts.get(*at), *test)) {
            return Err(self.damaged("has a code object whose parts are of the wrong kinds"));
        }
        Ok(raw)
    }
}

/// Text of bytes, where there is room for it.
fn text(bytes: &[u8], budget: &mut Budget) -> Result<Arc<str>, Exhausted> {
    let valid = std::str::from_utf8(bytes);
    // Each byte that is no text becomes three, in a string that doubles as it grows and is then copied.
    let times = if valid.is_ok() { 1 } else { 7 };
    let room = (bytes.len() as u64).saturating_mul(times);
    budget.memory(room)?;
    budget.release(room);
    Ok(match valid {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes).into(),
    })
}
