//! Links of a group, in the layouts of old and new files: to objects in the file, to other paths, to other files.

use super::{
    Fault, Reader,
    fields::Fields,
    heap::{FractalHeap, LocalHeap},
    object::{Message, kind},
    tree,
};

/// Most links of one group.
const MAX_LINKS: usize = 1 << 20;

/// What a link takes in memory besides its texts.
const LINK: u64 = 96;

/// A name in a group and what it leads to.
pub(super) struct Link {
    pub(super) name: String,
    pub(super) target: Target,
    pub(super) at: u64,
}

pub(super) enum Target {
    /// An object header.
    Object(u64),
    /// A path in the same file.
    Soft,
    /// A path in another file.
    External { file: String },
    /// A kind that a program registers for itself.
    Other(u8),
}

impl Link {
    /// What was paid for it, which whoever is done with it gives back.
    pub(super) fn held(&self) -> u64 {
        let file = match &self.target {
            Target::External { file } => file.len(),
            Target::Object(_) | Target::Soft | Target::Other(_) => 0,
        };
        (self.name.len() as u64)
            .saturating_add(file as u64)
            .saturating_add(LINK)
    }
}

/// Adds a link, of which a name in a heap may make many long ones.
fn add(r: &mut Reader<'_, '_>, out: &mut Vec<Link>, link: Link) -> Result<(), Fault> {
    r.hold(link.held())?;
    out.push(link);
    Ok(())
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The links that a group's messages describe; nothing for what is no group.
pub(super) fn links(r: &mut Reader<'_, '_>, messages: &[Message]) -> Result<Vec<Link>, Fault> {
    let mut out = Vec::new();
    for message in messages {
        match message.kind {
            kind::SYMBOL_TABLE => old_group(r, message, &mut out)?,
            kind::LINK => match link(r, &message.data, message.at) {
                Some(link) => add(r, &mut out, link)?,
                None => r.defect(message.at, "a link is damaged"),
            },
            kind::LINK_INFO => dense(r, message, &mut out)?,
            _ => {}
        }
        if out.len() > MAX_LINKS {
            r.unseen("links of a group with too many");
            break;
        }
    }
    Ok(out)
}

fn link(r: &Reader<'_, '_>, data: &[u8], at: u64) -> Option<Link> {
    let mut f = Fields::new(data);
    f.skip(1)?;
    let flags = f.u8()?;
    let of = if flags & 8 != 0 { f.u8()? } else { 0 };
    if flags & 4 != 0 {
        f.skip(8)?;
    }
    if flags & 16 != 0 {
        f.skip(1)?;
    }
    let length = f.size(1 << (flags & 3))?;
    let name = text(f.take(length)?);
    let target = match of {
        0 => Target::Object(f.uint(r.offsets)?),
        1 => Target::Soft,
        64 => {
            let length = f.size(2)?;
            let mut inner = Fields::new(f.take(length)?);
            inner.skip(1)?;
            let file = text(inner.text()?);
            Target::External { file }
        }
        other => Target::Other(other),
    };
    Some(Link { name, target, at })
}

fn dense(r: &mut Reader<'_, '_>, message: &Message, out: &mut Vec<Link>) -> Result<(), Fault> {
    let mut f = Fields::new(&message.data);
    let mut read = || {
        f.skip(1)?;
        let flags = f.u8()?;
        if flags & 1 != 0 {
            f.skip(8)?;
        }
        Some((f.uint(r.offsets)?, f.uint(r.offsets)?))
    };
    let Some((heap, names)) = read() else {
        r.defect(message.at, "a group's description is damaged");
        return Ok(());
    };
    if r.is_nowhere(heap) || r.is_nowhere(names) {
        return Ok(());
    }
    let heap = FractalHeap::open(r, heap)?;
    let records = tree::records(r, names)?;
    for record in &records {
        if out.len() > MAX_LINKS {
            break;
        }
        // The hash of the name stands in front of its id.
        let id = record.get(4..).unwrap_or_default();
        if let Some((at, bytes)) = heap.object(r, id)? {
            match link(r, &bytes, at) {
                Some(link) => add(r, out, link)?,
                None => r.defect(at, "a link is damaged"),
            }
            r.budget.release(bytes.len() as u64);
        }
    }
    r.budget.release(tree::held(&records));
    Ok(())
}

fn old_group(r: &mut Reader<'_, '_>, message: &Message, out: &mut Vec<Link>) -> Result<(), Fault> {
    let mut f = Fields::new(&message.data);
    let (Some(tree), Some(heap)) = (f.uint(r.offsets), f.uint(r.offsets)) else {
        r.defect(message.at, "a group's description is damaged");
        return Ok(());
    };
    let heap = LocalHeap::open(r, heap)?;
    for node in tree::symbol_nodes(r, tree)? {
        if out.len() > MAX_LINKS {
            break;
        }
        symbols(r, node, &heap, out)?;
    }
    Ok(())
}

/// The entries of a symbol table node.
fn symbols(r: &mut Reader<'_, '_>, node: u64, heap: &LocalHeap, out: &mut Vec<Link>) -> Result<(), Fault> {
    let head = r.bytes(node, 8)?;
    let mut f = Fields::new(&head);
    let is_one = f.take(4) == Some(b"SNOD");
    let _ = f.skip(2);
    let Some(count) = f.u16().filter(|_| is_one) else {
        return Err(r.broken(node, "a table of names is damaged"));
    };
    let size = r.offsets.saturating_mul(2).saturating_add(24);
    let begin = node.saturating_add(8);
    let bytes = r.bytes(begin, size.saturating_mul(usize::from(count)))?;
    for entry in bytes.chunks_exact(size) {
        r.budget.steps(1)?;
        let mut f = Fields::new(entry);
        let mut read = || {
            let name = f.uint(r.offsets)?;
            let object = f.uint(r.offsets)?;
            let cached = f.u32()?;
            f.skip(4)?;
            Some((name, object, cached))
        };
        let Some((name, object, cached)) = read() else {
            break;
        };
        let name = text(&heap.text(r, name)?);
        let target = if cached == 2 {
            Target::Soft
        } else {
            Target::Object(object)
        };
        let at = node;
        add(r, out, Link { name, target, at })?;
    }
    Ok(())
}
