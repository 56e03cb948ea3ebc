//! Object headers: the messages that describe a group or a data set, over all continuation blocks.

use super::{Fault, Reader, fields::Fields};

/// Most blocks that one header is continued over.
const MAX_BLOCKS: usize = 1024;
/// Most messages of one header.
const MAX_MESSAGES: usize = 1 << 17;

/// The messages that are read.
pub(super) mod kind {
    pub(in super::super) const DATASPACE: u16 = 0x01;
    pub(in super::super) const LINK_INFO: u16 = 0x02;
    pub(in super::super) const DATATYPE: u16 = 0x03;
    pub(in super::super) const LINK: u16 = 0x06;
    pub(in super::super) const EXTERNAL_FILES: u16 = 0x07;
    pub(in super::super) const LAYOUT: u16 = 0x08;
    pub(in super::super) const FILTERS: u16 = 0x0b;
    pub(in super::super) const ATTRIBUTE: u16 = 0x0c;
    pub(in super::super) const CONTINUATION: u16 = 0x10;
    pub(in super::super) const SYMBOL_TABLE: u16 = 0x11;
    pub(in super::super) const ATTRIBUTE_INFO: u16 = 0x15;
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) kind: u16,
    /// Its content lies in another object, and here is only where.
    pub(super) shared: bool,
    pub(super) data: Vec<u8>,
    /// Where its content begins.
    pub(super) at: u64,
}

/// All messages of the object header at `address`.
pub(super) fn messages(r: &mut Reader<'_, '_>, address: u64) -> Result<Vec<Message>, Fault> {
    let head = r.bytes(address, 32)?;
    let (first, new) = if head.starts_with(b"OHDR") {
        (new_header(address, &head), true)
    } else {
        (old_header(address, &head), false)
    };
    let Some((begin, length, tracked)) = first else {
        return Err(r.broken(address, "an object header is cut off or of an unknown version"));
    };
    let mut out = Vec::new();
    let mut blocks = vec![(begin, length)];
    let mut next = 0_usize;
    while let Some((begin, length)) = blocks.get(next).copied() {
        next = next.saturating_add(1);
        let bytes = r.paid(begin, length)?;
        let mut f = Fields::new(&bytes);
        while out.len() < MAX_MESSAGES {
            r.budget.steps(1)?;
            let Some((kind, flags, size)) = message_head(&mut f, new, tracked) else {
                break;
            };
            let at = begin.saturating_add(f.position() as u64);
            let Some(data) = f.take(size) else {
                r.defect(at, "a message is longer than its object header");
                break;
            };
            if kind == kind::CONTINUATION {
                let mut d = Fields::new(data);
                if let (Some(to), Some(length)) = (d.uint(r.offsets), d.uint(r.lengths)) {
                    // A block of the new layout has a signature in front and a checksum behind.
                    let (to, length) = if new {
                        (to.saturating_add(4), length.saturating_sub(8))
                    } else {
                        (to, length)
                    };
                    if blocks.len() < MAX_BLOCKS && !blocks.iter().any(|(b, _)| *b == to) {
                        blocks.push((to, length));
                    } else {
                        r.defect(at, "an object header is continued in a circle");
                    }
                }
                continue;
            }
            let interesting = matches!(
                kind,
                kind::DATASPACE
                    | kind::LINK_INFO
                    | kind::DATATYPE
                    | kind::LINK
                    | kind::EXTERNAL_FILES
                    | kind::LAYOUT
                    | kind::FILTERS
                    | kind::ATTRIBUTE
                    | kind::SYMBOL_TABLE
                    | kind::ATTRIBUTE_INFO
            );
            if interesting {
                r.hold(size as u64)?;
                out.push(Message {
                    kind,
                    shared: flags & 2 != 0,
                    data: data.to_vec(),
                    at,
                });
            }
        }
        // The length that the file states may be longer than what was there to read and pay for.
        r.budget.release(bytes.len() as u64);
    }
    Ok(out)
}

/// Where the messages begin, how long they are, and whether each has its order of creation.
fn old_header(address: u64, head: &[u8]) -> Option<(u64, u64, bool)> {
    let mut f = Fields::new(head);
    if f.u8()? != 1 {
        return None;
    }
    f.skip(7)?;
    let size = f.u32()?;
    Some((address.checked_add(16)?, u64::from(size), false))
}

fn new_header(address: u64, head: &[u8]) -> Option<(u64, u64, bool)> {
    let mut f = Fields::new(head);
    f.skip(4)?;
    if f.u8()? != 2 {
        return None;
    }
    let flags = f.u8()?;
    if flags & 0x20 != 0 {
        f.skip(16)?;
    }
    if flags & 0x10 != 0 {
        f.skip(4)?;
    }
    let size = f.uint(1 << (flags & 3))?;
    Some((address.checked_add(f.position() as u64)?, size, flags & 4 != 0))
}

fn message_head(f: &mut Fields<'_>, new: bool, tracked: bool) -> Option<(u16, u8, usize)> {
    if new {
        let kind = u16::from(f.u8()?);
        let size = usize::from(f.u16()?);
        let flags = f.u8()?;
        if tracked {
            f.skip(2)?;
        }
        Some((kind, flags, size))
    } else {
        let kind = f.u16()?;
        let size = usize::from(f.u16()?);
        let flags = f.u8()?;
        f.skip(3)?;
        Some((kind, flags, size))
    }
}
