//! Data sets: type, shape and where the bytes lie, which may be another file.

use super::{
    Fault, Reader,
    attribute::committed,
    fields::Fields,
    group::text,
    heap::{self, LocalHeap},
    object::{Message, kind},
    types::{Datatype, shape},
};
use std::ops::Range;

/// Most source files of a virtual data set that are named.
const MAX_SOURCES: u64 = 4096;

/// A data set.
pub(super) struct Dataset {
    pub(super) datatype: Option<Datatype>,
    pub(super) shape: Vec<u64>,
    /// Its bytes in the file, where they lie in one piece as they are.
    pub(super) bytes: Option<Range<u64>>,
    /// Other files that hold its bytes, each with where it is named.
    pub(super) outside: Vec<(String, u64)>,
    /// Filters that its bytes went through, by number.
    pub(super) filters: Vec<u16>,
}

/// The data set that an object's messages describe, if it is one.
pub(super) fn read(r: &mut Reader<'_, '_>, messages: &[Message]) -> Result<Option<Dataset>, Fault> {
    let has = |of: u16| messages.iter().find(|m| m.kind == of);
    let Some(layout) = has(kind::LAYOUT) else {
        return Ok(None);
    };
    let mut out = Dataset {
        datatype: None,
        shape: Vec::new(),
        bytes: None,
        outside: Vec::new(),
        filters: Vec::new(),
    };
    if let Some(message) = has(kind::DATATYPE) {
        out.datatype = if message.shared {
            committed(r, &message.data)?
        } else {
            Datatype::read(&message.data)
        };
        if out.datatype.is_none() {
            r.defect(message.at, "a type of elements is damaged");
        }
    }
    if let Some(message) = has(kind::DATASPACE).filter(|m| !m.shared) {
        match shape(&message.data, r.lengths) {
            Some(sizes) => out.shape = sizes,
            None => r.defect(message.at, "the sizes of a data set are damaged"),
        }
    }
    for message in messages {
        match message.kind {
            kind::FILTERS => out.filters.extend(filters(&message.data)),
            kind::EXTERNAL_FILES => external(r, message, &mut out)?,
            _ => {}
        }
    }
    place(r, layout, &mut out)?;
    Ok(Some(out))
}

fn filters(data: &[u8]) -> Vec<u16> {
    let mut f = Fields::new(data);
    let mut out = Vec::new();
    let mut read = || {
        let version = f.u8()?;
        let count = f.u8()?;
        if version == 1 {
            f.skip(6)?;
        }
        for _ in 0..count {
            let id = f.u16()?;
            out.push(id);
            // Only filters of other makers have a name in the newer version.
            let name = if version == 1 || id >= 256 { f.size(2)? } else { 0 };
            f.skip(2)?;
            let values = f.size(2)?;
            f.skip(if version == 1 {
                name.checked_next_multiple_of(8)?
            } else {
                name
            })?;
            f.skip(values.checked_mul(4)?)?;
            if version == 1 && values % 2 == 1 {
                f.skip(4)?;
            }
        }
        Some(())
    };
    let _ = read();
    out
}

/// The files beside this one that hold the bytes.
fn external(r: &mut Reader<'_, '_>, message: &Message, out: &mut Dataset) -> Result<(), Fault> {
    let mut f = Fields::new(&message.data);
    let mut read = || {
        f.skip(4)?;
        f.skip(2)?;
        let used = f.u16()?;
        Some((used, f.uint(r.offsets)?))
    };
    let Some((used, heap)) = read() else {
        r.defect(message.at, "the list of a data set's files is damaged");
        return Ok(());
    };
    let heap = LocalHeap::open(r, heap)?;
    for _ in 0..used {
        let Some(name) = f.uint(r.lengths) else { break };
        let _ = f.skip(r.lengths.saturating_mul(2));
        let name = text(&heap.text(r, name)?);
        // Each may be the same long name of the heap.
        r.hold((name.len() as u64).saturating_add(96))?;
        out.outside.push((name, message.at));
    }
    Ok(())
}

fn place(r: &mut Reader<'_, '_>, layout: &Message, out: &mut Dataset) -> Result<(), Fault> {
    let mut f = Fields::new(&layout.data);
    let version = f.u8().unwrap_or(0);
    let at = layout.at;
    match version {
        1 | 2 => {
            let mut read = || {
                f.skip(1)?;
                let class = f.u8()?;
                f.skip(5)?;
                (class == 1).then(|| f.uint(r.offsets))?
            };
            if let Some(address) = read() {
                let size = size_of(out);
                contiguous(r, address, size, at, out);
            }
        }
        3..=5 => match f.u8() {
            Some(0) => {
                if let Some(size) = f.u16() {
                    let begin = at.saturating_add(f.position() as u64).saturating_add(r.base);
                    out.bytes = Some(begin..begin.saturating_add(u64::from(size)));
                }
            }
            Some(1) => {
                if let (Some(address), Some(size)) = (f.uint(r.offsets), f.uint(r.lengths)) {
                    contiguous(r, address, Some(size), at, out);
                }
            }
            Some(3) => {
                if let (Some(address), Some(index)) = (f.uint(r.offsets), f.u32()) {
                    virtual_sources(r, address, index, out)?;
                }
            }
            _ => {}
        },
        _ => r.defect(at, "the layout of a data set is of an unknown version"),
    }
    Ok(())
}

fn size_of(out: &Dataset) -> Option<u64> {
    let each = out.datatype.as_ref()?.size as u64;
    out.shape.iter().try_fold(each, |n, size| n.checked_mul(*size))
}

fn contiguous(r: &mut Reader<'_, '_>, address: u64, size: Option<u64>, at: u64, out: &mut Dataset) {
    // Nothing was written yet, or the bytes lie in another file.
    if r.is_nowhere(address) || !out.outside.is_empty() {
        return;
    }
    let Some(size) = size else { return };
    let begin = address.saturating_add(r.base);
    let end = begin.saturating_add(size);
    if end > r.source.blob.len() {
        let behind = end.saturating_sub(r.source.blob.len());
        r.defect(at, format!("a data set ends {behind} bytes behind the file"));
    } else {
        out.bytes = Some(begin..end);
    }
}

/// The files that a virtual data set takes its parts from; `.` is this one.
fn virtual_sources(r: &mut Reader<'_, '_>, address: u64, index: u32, out: &mut Dataset) -> Result<(), Fault> {
    if r.is_nowhere(address) {
        return Ok(());
    }
    let Some((at, size)) = heap::global(r, address, index)? else {
        r.defect(address, "a virtual data set points at nothing");
        return Ok(());
    };
    let bytes = r.paid(at, size)?;
    let mut f = Fields::new(&bytes);
    let count = f.skip(1).and_then(|()| f.uint(r.lengths)).unwrap_or(0);
    for _ in 0..count.min(MAX_SOURCES) {
        r.budget.steps(1)?;
        let (Some(file), Some(_)) = (f.text(), f.text()) else {
            break;
        };
        if file != b"." {
            let file = text(file);
            r.hold((file.len() as u64).saturating_add(96))?;
            out.outside.push((file, at));
        }
        if selection(&mut f).and_then(|()| selection(&mut f)).is_none() {
            if count > 1 {
                r.unseen("sources of a virtual data set");
            }
            break;
        }
    }
    r.budget.release(bytes.len() as u64);
    Ok(())
}

/// Passes a selection of elements.
fn selection(f: &mut Fields<'_>) -> Option<()> {
    let of = f.u32()?;
    let version = f.u32()?;
    match (of, version) {
        // Nothing, or everything.
        (0 | 3, _) => f.skip(8),
        (1 | 2, 1) => {
            f.skip(4)?;
            let length = f.size(4)?;
            f.skip(length)
        }
        (2, 2) => {
            f.skip(1)?;
            let length = f.size(4)?;
            f.skip(length)
        }
        (2, 3) => {
            let flags = f.u8()?;
            let width = usize::from(f.u8()?);
            let rank = f.size(4)?;
            let numbers = if flags & 1 != 0 {
                rank.checked_mul(4)?
            } else {
                f.size(width)?.checked_mul(rank)?.checked_mul(2)?
            };
            f.skip(numbers.checked_mul(width)?)
        }
        _ => None,
    }
}
