//! FlatBuffers without a schema: a walker over tables, vectors and strings.
//!
//! Runtimes verify a FlatBuffer only if they are asked to, so offsets are the attack. The one decision: bounds are
//! checked before anything is followed, a fault is a defect and reads as an absent field, and no table is walked twice,
//! so that vectors whose elements are all the same table cost no more than their bytes.

mod catboost;
mod executorch;
#[cfg(test)]
mod tests;
mod tflite;
mod tflite_names;

pub(crate) use catboost::open as open_catboost;
pub(crate) use executorch::open as open_executorch;
pub(crate) use tflite::open as open_tflite;

use crate::{
    bytes::{Pages, array_at},
    tensors::{Defect, defect},
};
use std::collections::BTreeSet;
use wellhead_core::{Blob, Budget, Exhausted};

/// Longest string that is read to its end; what is longer is cut.
const MAX_STRING: usize = 1024;

/// A FlatBuffer.
pub(crate) struct Buffer<'a> {
    pages: Pages<'a>,
    len: u64,
    /// What is wrong with it.
    pub(crate) defects: Vec<Defect>,
    walked: BTreeSet<u64>,
    vectors: BTreeSet<u64>,
}

/// A table: where it is, and where its fields are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Its offset in the file.
    pub(crate) at: u64,
    vtable: u64,
    vtable_len: u16,
    len: u16,
}

/// A vector whose elements lie in the file.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Vector {
    /// Its first element.
    pub(crate) at: u64,
    /// How many elements it has.
    pub(crate) count: u64,
    /// Bytes of one.
    size: u64,
}

impl Vector {
    /// Its bytes in the file.
    pub(crate) fn range(self) -> std::ops::Range<u64> {
        self.at..self.at.saturating_add(self.count.saturating_mul(self.size))
    }
}

impl<'a> Buffer<'a> {
    /// The buffer in `blob`.
    pub(crate) fn new(blob: &'a Blob) -> Self {
        Self {
            pages: Pages::new(blob),
            len: blob.len(),
            defects: Vec::new(),
            walked: BTreeSet::new(),
            vectors: BTreeSet::new(),
        }
    }

    /// What reading failed with, if it did.
    pub(crate) fn failed(&self) -> Option<&str> {
        self.pages.failed()
    }

    fn read<const N: usize>(&mut self, at: u64) -> Option<[u8; N]> {
        array_at(self.pages.get(at, N), 0)
    }

    fn u16(&mut self, at: u64) -> Option<u16> {
        self.read(at).map(u16::from_le_bytes)
    }

    /// The 32-bit number at an offset.
    pub(crate) fn u32(&mut self, at: u64) -> Option<u32> {
        self.read(at).map(u32::from_le_bytes)
    }

    /// The 64-bit number at an offset.
    pub(crate) fn u64(&mut self, at: u64) -> Option<u64> {
        self.read(at).map(u64::from_le_bytes)
    }

    /// The table that the offset at `at` leads to.
    fn table_at(&mut self, at: u64, what: &str) -> Option<Table> {
        let step = self.u32(at)?;
        let place = at.saturating_add(step.into());
        let table = self.table(place);
        if table.is_none() || step == 0 {
            defect(
                &mut self.defects,
                at..at.saturating_add(4),
                format!("the offset of {what} does not lead to a table"),
            );
            return None;
        }
        table
    }

    /// The table that the whole buffer is; it begins at `base`.
    pub(crate) fn root(&mut self, base: u64) -> Option<Table> {
        self.table_at(base, "the root table")
    }

    fn table(&mut self, at: u64) -> Option<Table> {
        let back = i32::from_le_bytes(self.read(at)?);
        let vtable = at.checked_add_signed(i64::from(back).checked_neg()?)?;
        let vtable_len = self.u16(vtable)?;
        let len = self.u16(vtable.checked_add(2)?)?;
        let sound = vtable_len >= 4
            && vtable_len.is_multiple_of(2)
            && vtable.saturating_add(vtable_len.into()) <= self.len
            && len >= 4
            && at.saturating_add(len.into()) <= self.len;
        sound.then_some(Table {
            at,
            vtable,
            vtable_len,
            len,
        })
    }

    /// Whether this table has not been walked before; remembers it.
    pub(crate) fn first_visit(&mut self, table: Table, budget: &mut Budget) -> Result<bool, Exhausted> {
        budget.memory(32)?;
        Ok(self.walked.insert(table.at))
    }

    /// Whether this vector has elements and was not walked before; remembers it. Tables may share vectors, so that walking
    /// each would take the product of their sizes.
    pub(crate) fn first_walk(&mut self, vector: Vector, budget: &mut Budget) -> Result<bool, Exhausted> {
        if vector.count == 0 {
            return Ok(false);
        }
        budget.memory(32)?;
        Ok(self.vectors.insert(vector.at))
    }

    /// Where a field of `size` bytes lies, if the table has it.
    pub(crate) fn field(&mut self, table: Table, index: u16, size: u16) -> Option<u64> {
        let slot = index.checked_mul(2)?.checked_add(4)?;
        if slot.checked_add(2)? > table.vtable_len {
            return None;
        }
        let step = self.u16(table.vtable.checked_add(slot.into())?)?;
        if step == 0 {
            return None;
        }
        if step.saturating_add(size) > table.len {
            defect(
                &mut self.defects,
                table.at..table.at.saturating_add(table.len.into()),
                format!("field {index} of a table lies outside it"),
            );
            return None;
        }
        table.at.checked_add(step.into())
    }

    /// A number of one byte, or zero.
    pub(crate) fn byte(&mut self, table: Table, index: u16) -> u8 {
        self.field(table, index, 1)
            .and_then(|at| self.read::<1>(at))
            .map_or(0, |[b]| b)
    }

    /// A 32-bit number, or zero.
    pub(crate) fn int(&mut self, table: Table, index: u16) -> u32 {
        self.field(table, index, 4)
            .and_then(|at| self.u32(at))
            .unwrap_or(0)
    }

    /// A 64-bit number, or zero.
    pub(crate) fn long(&mut self, table: Table, index: u16) -> u64 {
        self.field(table, index, 8)
            .and_then(|at| self.u64(at))
            .unwrap_or(0)
    }

    /// A table that is a field.
    pub(crate) fn child(&mut self, table: Table, index: u16, what: &str) -> Option<Table> {
        let at = self.field(table, index, 4)?;
        self.table_at(at, what)
    }

    /// A vector of elements of `size` bytes; an absent one is empty.
    pub(crate) fn vector(&mut self, table: Table, index: u16, size: u64, what: &str) -> Vector {
        let Some(at) = self.field(table, index, 4) else {
            return Vector::default();
        };
        let found = self.u32(at).and_then(|step| {
            let place = at.checked_add(step.into())?;
            let count = u64::from(self.u32(place)?);
            let first = place.checked_add(4)?;
            let end = first.checked_add(count.checked_mul(size)?)?;
            (step != 0 && end <= self.len).then_some(Vector {
                at: first,
                count,
                size,
            })
        });
        found.unwrap_or_else(|| {
            defect(
                &mut self.defects,
                at..at.saturating_add(4),
                format!("{what} reach behind the end of the file"),
            );
            Vector::default()
        })
    }

    /// The tables of a vector, one after another: `None` where an offset leads nowhere.
    pub(crate) fn element(&mut self, vector: Vector, index: u64, what: &str) -> Option<Table> {
        let at = vector.at.checked_add(index.checked_mul(4)?)?;
        self.table_at(at, what)
    }

    /// A text; empty if it is absent.
    pub(crate) fn text(&mut self, table: Table, index: u16, what: &str) -> String {
        let vector = self.vector(table, index, 1, what);
        self.text_of(vector)
    }

    /// The bytes of a vector as text.
    fn text_of(&mut self, vector: Vector) -> String {
        let wanted = usize::try_from(vector.count).unwrap_or(usize::MAX);
        let bytes = self.pages.get(vector.at, wanted.min(MAX_STRING));
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// The 32-bit numbers of a vector, at most `max` of them.
    pub(crate) fn ints(&mut self, vector: Vector, max: usize) -> Vec<u32> {
        (0..vector.count)
            .take(max)
            .map_while(|i| self.u32(vector.at.checked_add(i.checked_mul(4)?)?))
            .collect()
    }
}
