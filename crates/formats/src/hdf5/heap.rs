//! The three heaps: names of old groups (local), texts of variable length (global), links and attributes of new objects
//! (fractal).

use super::{Fault, Reader, fields::Fields};

/// Longest name in a local heap that is read.
const MAX_NAME: usize = 64 << 10;

/// The bytes of a local heap.
pub(super) struct LocalHeap {
    at: u64,
    length: u64,
}

impl LocalHeap {
    pub(super) fn open(r: &mut Reader<'_, '_>, address: u64) -> Result<Self, Fault> {
        let bytes = r.bytes(address, 64)?;
        let mut f = Fields::new(&bytes);
        let mut read = || {
            (f.take(4)? == b"HEAP").then_some(())?;
            f.skip(4)?;
            let length = f.uint(r.lengths)?;
            f.skip(r.lengths)?;
            let at = f.uint(r.offsets)?;
            Some(Self { at, length })
        };
        read().ok_or_else(|| r.broken(address, "a heap of names is damaged"))
    }

    /// The text at an offset, up to its zero.
    pub(super) fn text(&self, r: &mut Reader<'_, '_>, offset: u64) -> Result<Vec<u8>, Fault> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let at = self.at.saturating_add(offset);
        // Nearly every name is short; one read more costs less than long ones for all.
        for max in [256, MAX_NAME] {
            let bytes = r.bytes(at, left.min(max))?;
            if let Some(end) = bytes.iter().position(|b| *b == 0) {
                return Ok(bytes.get(..end).unwrap_or_default().to_vec());
            }
        }
        Err(r.broken(at, "a name is longer than its heap"))
    }
}

/// Longest object of a heap that is read: a configuration of a model is far smaller.
pub(super) const MAX_OBJECT: u64 = 64 << 20;
/// Most objects of one global heap collection.
const MAX_COLLECTION: usize = 1 << 16;

/// Where the object of that index lies in the global heap collection at `address`.
pub(super) fn global(r: &mut Reader<'_, '_>, address: u64, index: u32) -> Result<Option<(u64, u64)>, Fault> {
    if let Some((at, objects)) = &r.collection
        && *at == address
    {
        return Ok(objects.get(&index).copied());
    }
    let objects = collection(r, address)?;
    let found = objects.get(&index).copied();
    r.collection = Some((address, objects));
    Ok(found)
}

pub(super) fn collection(
    r: &mut Reader<'_, '_>,
    address: u64,
) -> Result<std::collections::BTreeMap<u32, (u64, u64)>, Fault> {
    let head_size = 8_usize.saturating_add(r.lengths);
    let head = r.bytes(address, head_size)?;
    let mut f = Fields::new(&head);
    let is_one = f.take(4) == Some(b"GCOL");
    let _ = f.skip(4);
    let Some(size) = f.uint(r.lengths).filter(|_| is_one) else {
        return Err(r.broken(address, "a heap of texts is damaged"));
    };
    let end = address.saturating_add(size);
    let mut at = address.saturating_add(head_size as u64);
    let mut objects = std::collections::BTreeMap::new();
    let object_head = 8_usize.saturating_add(r.lengths);
    while at.saturating_add(object_head as u64) <= end && objects.len() < MAX_COLLECTION {
        let head = r.bytes(at, object_head)?;
        let mut f = Fields::new(&head);
        let (Some(index), Some(()), Some(size)) = (f.u16(), f.skip(6), f.uint(r.lengths)) else {
            break;
        };
        // Index 0 is the free space at the end.
        if index == 0 {
            break;
        }
        let data = at.saturating_add(object_head as u64);
        objects.insert(u32::from(index), (data, size));
        at = data.saturating_add(size.checked_next_multiple_of(8).unwrap_or(size));
    }
    Ok(objects)
}

/// A fractal heap.
pub(super) struct FractalHeap {
    offset_size: usize,
    length_size: usize,
    id_length: usize,
    width: u64,
    start: u64,
    max_direct: u64,
    root: u64,
    rows: u64,
    filtered: bool,
}

/// Bytes that a number up to `max` takes.
fn width_of(max: u64) -> usize {
    let bits = u64::BITS.saturating_sub(max.leading_zeros());
    usize::try_from(bits.div_ceil(8)).unwrap_or(8).max(1)
}

impl FractalHeap {
    pub(super) fn open(r: &mut Reader<'_, '_>, address: u64) -> Result<Self, Fault> {
        let bytes = r.bytes(address, 256)?;
        let mut f = Fields::new(&bytes);
        let mut read = || {
            (f.take(4)? == b"FRHP").then_some(())?;
            f.skip(1)?;
            let id_length = usize::from(f.u16()?);
            let filters = f.u16()?;
            f.skip(1)?;
            let max_object = u64::from(f.u32()?);
            // Huge objects, free space, and eight counters.
            f.skip(r.lengths.checked_mul(2)?.checked_add(r.offsets.checked_mul(2)?)?)?;
            f.skip(r.lengths.checked_mul(8)?)?;
            let width = u64::from(f.u16()?);
            let start = f.uint(r.lengths)?;
            let max_direct = f.uint(r.lengths)?;
            let bits = f.u16()?;
            f.skip(2)?;
            let root = f.uint(r.offsets)?;
            let rows = u64::from(f.u16()?);
            (start.is_power_of_two() && max_direct.is_power_of_two() && start <= max_direct && width > 0)
                .then_some(())?;
            (bits <= 64).then_some(())?;
            Some(Self {
                offset_size: usize::from(bits.div_ceil(8)),
                length_size: width_of(max_direct.saturating_sub(1)).min(width_of(max_object)),
                id_length,
                width,
                start,
                max_direct,
                root,
                rows,
                filtered: filters > 0,
            })
        };
        read().ok_or_else(|| r.broken(address, "a heap of links or attributes is damaged"))
    }

    /// The object that an id stands for; `None` for objects that are not read, of which the reader then says so.
    pub(super) fn object(&self, r: &mut Reader<'_, '_>, id: &[u8]) -> Result<Option<(u64, Vec<u8>)>, Fault> {
        let mut f = Fields::new(id);
        let Some(first) = f.u8() else { return Ok(None) };
        match (first >> 4) & 3 {
            0 => {
                let (Some(offset), Some(length)) = (f.uint(self.offset_size), f.uint(self.length_size))
                else {
                    return Ok(None);
                };
                let Some(at) = self.locate(r, offset)? else {
                    r.unseen("an object of a filtered heap");
                    return Ok(None);
                };
                if length > MAX_OBJECT {
                    r.unseen("an object that is too large");
                    return Ok(None);
                }
                let bytes = r.paid(at, length)?;
                Ok(Some((at, bytes)))
            }
            2 => {
                let mut length = usize::from(first & 0x0f);
                if self.id_length > 17 {
                    length = (length << 8) | usize::from(f.u8().unwrap_or(0));
                }
                let bytes = f.take(length.saturating_add(1)).unwrap_or_default();
                // As for the others, whoever is done with it gives this back.
                r.hold(bytes.len() as u64)?;
                Ok(Some((0, bytes.to_vec())))
            }
            _ => {
                r.unseen("an object that lies outside of its heap");
                Ok(None)
            }
        }
    }

    /// Size of the blocks in a row of the doubling table.
    fn block_size(&self, row: u64) -> u64 {
        let shift = u32::try_from(row.saturating_sub(1)).unwrap_or(64);
        self.start.checked_shl(shift).unwrap_or(u64::MAX)
    }

    /// Rows of direct blocks.
    fn direct_rows(&self) -> u64 {
        u64::from(
            self.max_direct
                .trailing_zeros()
                .saturating_sub(self.start.trailing_zeros()),
        )
        .saturating_add(2)
    }

    /// Where in the file an offset of the heap lies.
    fn locate(&self, r: &mut Reader<'_, '_>, offset: u64) -> Result<Option<u64>, Fault> {
        if self.filtered {
            return Ok(None);
        }
        if self.rows == 0 {
            return Ok(Some(self.root.saturating_add(offset)));
        }
        let (mut block, mut left) = (self.root, offset);
        // Each level is a block of fewer rows, and no heap has more than 64.
        for _ in 0..64 {
            r.budget.steps(1)?;
            let first = self.start.saturating_mul(self.width);
            let (row, before) = if left < first {
                (0, 0)
            } else {
                let row = u64::from(left.checked_div(first).unwrap_or(1).ilog2()).saturating_add(1);
                let shift = u32::try_from(row.saturating_sub(1)).unwrap_or(64);
                (row, first.checked_shl(shift).unwrap_or(u64::MAX))
            };
            let size = self.block_size(row).max(1);
            let in_row = left.saturating_sub(before);
            let column = in_row.checked_div(size).unwrap_or(0);
            let inside = in_row.checked_rem(size).unwrap_or(0);
            let entry = row.saturating_mul(self.width).saturating_add(column);
            let head = 5_usize.saturating_add(r.offsets).saturating_add(self.offset_size);
            let place = block
                .saturating_add(head as u64)
                .saturating_add(entry.saturating_mul(r.offsets as u64));
            let bytes = r.bytes(place, r.offsets)?;
            let child = Fields::new(&bytes).uint(r.offsets).filter(|c| !r.is_nowhere(*c));
            let Some(child) = child else {
                return Err(r.broken(place, "a heap of links or attributes has a hole"));
            };
            if row < self.direct_rows() {
                return Ok(Some(child.saturating_add(inside)));
            }
            (block, left) = (child, inside);
        }
        Err(r.broken(block, "a heap of links or attributes nests too deep"))
    }
}
