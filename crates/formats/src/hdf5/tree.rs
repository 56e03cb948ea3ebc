//! B-trees: of version 1 for the names of old groups, of version 2 for links and attributes in a fractal heap.

use super::{Fault, Reader, fields::Fields};
use std::collections::BTreeSet;

/// Most nodes of one tree.
const MAX_NODES: usize = 1 << 18;
/// Most records of one tree.
const MAX_RECORDS: usize = 1 << 20;
/// What a record takes in memory besides its bytes.
const RECORD: u64 = 56;
/// What a child that waits to be read takes in memory.
const CHILD: u64 = 48;

/// The symbol table nodes that a tree of version 1 leads to.
pub(super) fn symbol_nodes(r: &mut Reader<'_, '_>, root: u64) -> Result<Vec<u64>, Fault> {
    let mut out = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut queue = vec![root];
    while let Some(node) = queue.pop() {
        r.budget.steps(1)?;
        let head_size = 8_usize.saturating_add(r.offsets.saturating_mul(2));
        let head = r.bytes(node, head_size)?;
        let mut f = Fields::new(&head);
        let mut read = || {
            (f.take(4)? == b"TREE" && f.u8()? == 0).then_some(())?;
            Some((f.u8()?, usize::from(f.u16()?)))
        };
        let Some((level, used)) = read() else {
            return Err(r.broken(node, "a tree of names is damaged"));
        };
        let pair = r.lengths.saturating_add(r.offsets);
        let bytes = r.bytes(
            node.saturating_add(head_size as u64),
            pair.saturating_mul(used).saturating_add(r.lengths),
        )?;
        for child in bytes.chunks_exact(pair).take(used) {
            let mut f = Fields::new(child);
            let (Some(()), Some(address)) = (f.skip(r.lengths), f.uint(r.offsets)) else {
                break;
            };
            if seen.len() >= MAX_NODES || !seen.insert(address) {
                r.defect(node, "a tree of names leads in a circle");
                continue;
            }
            if level == 0 {
                out.push(address);
            } else {
                queue.push(address);
            }
        }
    }
    Ok(out)
}

/// How a tree of version 2 is laid out.
struct Shape {
    record: usize,
    /// For each level from the leaves: bytes of a child's count of records, and of all records below it.
    widths: Vec<(usize, usize)>,
}

/// Bytes that a number up to `max` takes.
fn width_of(max: u64) -> usize {
    let bits = u64::BITS.saturating_sub(max.leading_zeros());
    usize::try_from(bits.div_ceil(8)).unwrap_or(8).max(1)
}

/// The records of a tree of version 2.
pub(super) fn records(r: &mut Reader<'_, '_>, address: u64) -> Result<Vec<Vec<u8>>, Fault> {
    let head = r.bytes(address, 64)?;
    let mut f = Fields::new(&head);
    let offsets = r.offsets;
    let mut read = || {
        (f.take(4)? == b"BTHD").then_some(())?;
        f.skip(2)?;
        let node = u64::from(f.u32()?);
        let record = usize::from(f.u16()?);
        let depth = f.u16()?;
        f.skip(2)?;
        let root = f.uint(offsets)?;
        let count = f.u16()?;
        (record > 0 && depth < 32).then_some((node, record, depth, root, usize::from(count)))
    };
    let Some((node_size, record, depth, root, count)) = read() else {
        return Err(r.broken(address, "a tree of links or attributes is damaged"));
    };
    let mut out = Vec::new();
    if r.is_nowhere(root) {
        return Ok(out);
    }
    let shape = shape(node_size, record, depth, offsets);
    let mut seen = BTreeSet::from([root]);
    let mut queue = vec![(root, count, depth)];
    while let Some((at, count, level)) = queue.pop() {
        r.budget.steps(1)?;
        node(r, &shape, (at, count, level), &mut out, &mut queue, &mut seen)?;
        if out.len() > MAX_RECORDS || seen.len() > MAX_NODES {
            r.unseen("records of a tree with too many");
            break;
        }
    }
    let children = (seen.len() as u64).saturating_sub(1);
    r.budget.release(children.saturating_mul(CHILD));
    Ok(out)
}

/// What was paid for the records, which whoever is done with them gives back.
pub(super) fn held(records: &[Vec<u8>]) -> u64 {
    let each = |record: &Vec<u8>| (record.len() as u64).saturating_add(RECORD);
    records.iter().map(each).fold(0, u64::saturating_add)
}

fn shape(node_size: u64, record: usize, depth: u16, offsets: usize) -> Shape {
    // Signature, version, type and checksum.
    let room = node_size.saturating_sub(10);
    let leaf = room.checked_div(record as u64).unwrap_or(0);
    let count_width = width_of(leaf);
    let mut widths = vec![(count_width, 0)];
    let mut below = leaf;
    for level in 1..=depth {
        let total_width = if level == 1 { 0 } else { width_of(below) };
        widths.push((count_width, total_width));
        let pointer = offsets.saturating_add(count_width).saturating_add(total_width) as u64;
        let here = room
            .saturating_sub(pointer)
            .checked_div((record as u64).saturating_add(pointer))
            .unwrap_or(0);
        below = here.saturating_add(1).saturating_mul(below).saturating_add(here);
    }
    Shape { record, widths }
}

type Queued = (u64, usize, u16);

fn node(
    r: &mut Reader<'_, '_>,
    shape: &Shape,
    (at, count, level): Queued,
    out: &mut Vec<Vec<u8>>,
    queue: &mut Vec<Queued>,
    seen: &mut BTreeSet<u64>,
) -> Result<(), Fault> {
    let (count_width, total_width) = shape.widths.get(usize::from(level)).copied().unwrap_or((1, 0));
    let pointer = r.offsets.saturating_add(count_width).saturating_add(total_width);
    let mut size = shape.record.saturating_mul(count).saturating_add(6);
    if level > 0 {
        size = size.saturating_add(pointer.saturating_mul(count.saturating_add(1)));
    }
    let bytes = r.bytes(at, size)?;
    let mut f = Fields::new(&bytes);
    let signature: &[u8] = if level > 0 { b"BTIN" } else { b"BTLF" };
    if f.take(4) != Some(signature) || f.skip(2).is_none() {
        return Err(r.broken(at, "a tree of links or attributes is damaged"));
    }
    for _ in 0..count {
        r.budget.steps(1)?;
        let Some(record) = f.take(shape.record) else { break };
        if out.len() > MAX_RECORDS {
            return Ok(());
        }
        r.hold((shape.record as u64).saturating_add(RECORD))?;
        out.push(record.to_vec());
    }
    if level == 0 {
        return Ok(());
    }
    for _ in 0..=count {
        let (Some(child), Some(records), Some(())) =
            (f.uint(r.offsets), f.size(count_width), f.skip(total_width))
        else {
            break;
        };
        if seen.len() > MAX_NODES {
            return Ok(());
        }
        if seen.insert(child) {
            r.hold(CHILD)?;
            queue.push((child, records, level.saturating_sub(1)));
        } else {
            r.defect(at, "a tree of links or attributes leads in a circle");
        }
    }
    Ok(())
}
