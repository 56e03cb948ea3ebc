//! The index of a checkpoint: a sorted table of tensor names, as LevelDB writes it.
//!
//! The weights lie in files beside it, as raw numbers, in the order that the index says. Loading a checkpoint runs nothing;
//! what is held against each other are the offsets, and what is handed back is the graph of objects that names classes.

use crate::{
    bytes::{Source, u64_at},
    document::Opened,
    graph::{Framework, Graph},
    model::{Model, Opening},
    protobuf::wire::{Cursor, Stop, Value, Wire},
    tensors::{Tensor, defect},
};
use std::ops::Range;
use wellhead_core::{Blob, Budget, Exhausted, Outcome, code};

/// The end of a table: two handles, padding, a number.
const FOOTER: u64 = 48;
/// That number.
pub(crate) const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// Largest block that is read; TensorFlow writes 256 KiB.
const MAX_BLOCK: u64 = 64 << 20;

/// A key and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// Whether the file ends as a table does.
pub(crate) fn is_one(blob: &Blob) -> bool {
    blob.len() >= FOOTER
        && blob
            .bytes(blob.len().saturating_sub(8), 8)
            .is_ok_and(|end| u64_at(&end, 0) == Some(MAGIC))
}

/// Opens an index.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    model.graph = Graph::new(Framework::TensorFlow);
    let mut reader = Reader {
        source: Source::new(opening.blob),
        length: opening.blob.len(),
        model,
        budget,
    };
    let result = reader.table();
    let failed = reader.source.failed.take();
    let outcome = match (result, failed) {
        (_, Some(why)) => Outcome::Partly {
            why: format!("could not be read: {why}"),
        },
        (Err(why), None) => Outcome::Partly { why },
        (Ok(()), None) => Outcome::Analysed,
    };
    reader.model.opened(Vec::new(), outcome, opening)
}

struct Reader<'a, 'b> {
    source: Source<'a>,
    length: u64,
    model: Model,
    budget: &'b mut Budget,
}

impl Reader<'_, '_> {
    fn table(&mut self) -> Result<(), String> {
        let start = self.length.saturating_sub(FOOTER);
        let footer = self.source.bytes(start, 40);
        let handles = handle(&footer, 0).and_then(|(_, at)| handle(&footer, at));
        let Some((index, _)) = handles else {
            return Err(self.broken(start..self.length, "its footer names no index"));
        };
        let blocks = self.block(&index)?;
        let named = self.entries(&blocks, &index)?;
        self.budget.release(blocks.len() as u64);
        drop(blocks);
        for (_, value) in named {
            self.budget.steps(1).map_err(|e| e.to_string())?;
            let Some((place, _)) = handle(&value, 0) else {
                return Err(self.broken(index, "its index names no block"));
            };
            let block = self.block(&place)?;
            let entries = self.entries(&block, &place)?;
            self.budget.release(block.len() as u64);
            drop(block);
            // What was taken for the entries is given back when they are gone; their tensors stay.
            let held = entries.iter().map(|(k, v)| pair_cost(k, v));
            let held = held.fold(0, u64::saturating_add);
            for (key, value) in entries {
                self.entry(&key, value, &place).map_err(|e| e.to_string())?;
            }
            self.budget.release(held);
        }
        Ok(())
    }

    /// Writes a defect down and says it.
    fn broken(&mut self, at: Range<u64>, words: &str) -> String {
        defect(&mut self.model.defects, at, words);
        words.to_owned()
    }

    /// The content of a block, whose length is paid; behind it stand its compression and a checksum.
    fn block(&mut self, place: &Range<u64>) -> Result<Vec<u8>, String> {
        let size = place.end.saturating_sub(place.start);
        if place.end > self.length.saturating_sub(FOOTER) || size > MAX_BLOCK {
            return Err(self.broken(place.clone(), "a block lies outside of the file"));
        }
        // An index may name one block as often as it likes, and the block may be empty.
        self.budget
            .steps(size.div_ceil(16))
            .and_then(|()| self.budget.check_clock())
            .and_then(|()| self.budget.memory(size))
            .map_err(|e| e.to_string())?;
        let mut bytes = self
            .source
            .bytes(place.start, usize::try_from(size).unwrap_or(0).saturating_add(1));
        match bytes.pop() {
            Some(0) => Ok(bytes),
            Some(1) => Err("its blocks are compressed with Snappy, which is not read".to_owned()),
            _ => Err(self.broken(place.clone(), "a block is compressed in no known way")),
        }
    }

    /// Keys and values of a block, which are paid: each key says how much of the one before it goes on.
    fn entries(&mut self, block: &[u8], place: &Range<u64>) -> Result<Vec<Pair>, String> {
        let mut out = Vec::new();
        let mut key: Vec<u8> = Vec::new();
        let restarts = block
            .len()
            .checked_sub(4)
            .and_then(|at| block.get(at..))
            .and_then(|b| b.try_into().ok())
            .map(u32::from_le_bytes);
        let tail = restarts
            .and_then(|n| usize::try_from(n).ok())
            .and_then(|n| n.checked_mul(4))
            .and_then(|n| n.checked_add(4));
        let Some(end) = tail.and_then(|tail| block.len().checked_sub(tail)) else {
            return Err(self.broken(place.clone(), "a block is too short for its own end"));
        };
        let mut at = 0;
        while at < end {
            let Some((shared, unshared, length, start)) = lengths(block, at) else {
                return Err(self.broken(place.clone(), "an entry of a block is cut off"));
            };
            let middle = start.saturating_add(unshared);
            let stop = middle.saturating_add(length);
            let (Some(fresh), Some(value)) = (block.get(start..middle), block.get(middle..stop)) else {
                return Err(self.broken(place.clone(), "an entry of a block is cut off"));
            };
            if shared > key.len() || stop > end {
                return Err(self.broken(place.clone(), "an entry of a block is cut off"));
            }
            key.truncate(shared);
            key.extend(fresh);
            let cost = pair_cost(&key, value);
            self.budget
                .steps(1)
                .and_then(|()| self.budget.memory(cost))
                .map_err(|e| e.to_string())?;
            out.push((key.clone(), value.to_vec()));
            at = stop;
        }
        Ok(out)
    }

    /// A tensor: where in which file it lies.
    fn entry(&mut self, key: &[u8], value: Vec<u8>, block: &Range<u64>) -> Result<(), Exhausted> {
        let name = String::from_utf8_lossy(key).into_owned();
        let blob = Blob::from_bytes(value);
        let mut wire = Wire::strict(&blob, 1 << 10);
        let mut entry = Tensor {
            name,
            dtype: String::new(),
            shape: Vec::new(),
            bytes: 0..0,
        };
        let (mut offset, mut size, mut shard) = (0, 0, 0);
        let mut cursor = Cursor::from(wire.whole());
        let result = loop {
            match wire.next(&mut cursor, self.budget) {
                Ok(Some(field)) => match (field.number, &field.value) {
                    (1, Value::Varint(n)) => entry.dtype = super::dtype(*n),
                    (2, Value::Bytes(range)) => {
                        match super::shape_of(&mut wire, range.clone(), self.budget) {
                            Ok(shape) => entry.shape = shape,
                            Err(stop) => break Err(stop),
                        }
                    }
                    (3, Value::Varint(n)) => shard = *n,
                    (4, Value::Varint(n)) => offset = *n,
                    (5, Value::Varint(n)) => size = *n,
                    _ => {}
                },
                Ok(None) => break Ok(()),
                Err(stop) => break Err(stop),
            }
        };
        match result {
            Err(Stop::Budget(why)) => return Err(why),
            Err(Stop::Fault(fault)) => {
                let words = format!("the entry {}: {}", code(&entry.name), fault.words);
                defect(&mut self.model.defects, block.clone(), words);
            }
            Ok(()) => {}
        }
        if key.is_empty() {
            // The first entry describes the files: its first field counts them.
            return Ok(());
        }
        let Some(end) = offset.checked_add(size) else {
            let words = format!("the tensor {} ends behind every file", code(&entry.name));
            defect(&mut self.model.defects, block.clone(), words);
            return Ok(());
        };
        self.budget
            .memory((entry.name.len() as u64).saturating_add(160))?;
        entry.bytes = offset..end;
        if shard > 0 && self.model.metadata.len() < 1000 {
            let value = format!("file {shard}");
            self.model.metadata.push((entry.name.clone(), value));
        }
        self.model.tensors.push(entry);
        Ok(())
    }
}

/// What a key and a value cost.
fn pair_cost(key: &[u8], value: &[u8]) -> u64 {
    (key.len() as u64)
        .saturating_add(value.len() as u64)
        .saturating_add(128)
}

/// A number of seven bits a byte.
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for i in 0..10_u32 {
        let byte = *bytes.get(at)?;
        at = at.saturating_add(1);
        value |= u64::from(byte & 0x7f)
            .checked_shl(i.saturating_mul(7))
            .unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

/// The place of a block, and where its description ends.
fn handle(bytes: &[u8], at: usize) -> Option<(Range<u64>, usize)> {
    let (offset, at) = varint(bytes, at)?;
    let (size, at) = varint(bytes, at)?;
    Some((offset..offset.checked_add(size)?, at))
}

/// Three numbers before an entry: how much of the key goes on, how much is new, how long the value is.
fn lengths(bytes: &[u8], at: usize) -> Option<(usize, usize, usize, usize)> {
    let (shared, at) = varint(bytes, at)?;
    let (unshared, at) = varint(bytes, at)?;
    let (length, at) = varint(bytes, at)?;
    let small = |n: u64| usize::try_from(n).ok();
    Some((small(shared)?, small(unshared)?, small(length)?, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        document::{Document, OpenOptions, Role},
        identify::identify,
    };

    /// An index of one block with these keys and values.
    fn index(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let block = |entries: &[(&[u8], &[u8])]| {
            let mut out = Vec::new();
            for (key, value) in entries {
                out.extend([0, key.len() as u8, value.len() as u8]);
                out.extend(*key);
                out.extend(*value);
            }
            out.extend([0, 0, 0, 0, 1, 0, 0, 0]);
            out
        };
        let bytes: Vec<(&[u8], &[u8])> = entries.iter().map(|(k, v)| (k.as_bytes(), *v)).collect();
        let data = block(&bytes);
        let mut out = data.clone();
        out.extend([0; 5]);
        let start = out.len();
        let blocks = block(&[(b"z", &[0, data.len() as u8])]);
        out.extend(&blocks);
        out.extend([0; 5]);
        let mut footer = vec![0, 0, start as u8, blocks.len() as u8];
        footer.resize(40, 0);
        out.extend(footer);
        out.extend(MAGIC.to_le_bytes());
        out
    }

    fn open(bytes: Vec<u8>) -> (Model, Outcome) {
        let (blob, budget) = (Blob::from_bytes(bytes), &mut Budget::default());
        let identity = identify("variables.index", Role::Plain, &blob, budget);
        let opened = crate::open::open(
            "variables.index",
            &identity,
            &blob,
            OpenOptions::default(),
            budget,
        );
        let Document::Model(model) = opened.document else {
            panic!("{} is no model", identity.format.name)
        };
        (*model, opened.outcome)
    }

    #[test]
    fn tensors_of_an_index_are_listed() {
        let (model, outcome) = open(index(&[
            ("", b"\x08\x01"),
            ("w", b"\x08\x01\x12\x04\x12\x02\x08\x03\x20\x08\x28\x0c"),
        ]));
        assert_eq!(outcome, Outcome::Analysed);
        let tensor = &model.tensors[0];
        assert_eq!(
            (
                tensor.name.as_str(),
                tensor.dtype.as_str(),
                tensor.shape.as_slice(),
                tensor.bytes.clone()
            ),
            ("w", "float32", &[3][..], 8..20)
        );
    }

    #[test]
    fn a_block_outside_of_the_file_is_a_defect() {
        let mut bytes = index(&[("w", b"\x08\x01")]);
        let at = bytes.len() - 46;
        bytes[at] = 0xff;
        let (model, outcome) = open(bytes);
        assert!(matches!(outcome, Outcome::Partly { .. }));
        assert_eq!(model.defects.len(), 1);
    }

    #[test]
    fn a_block_that_is_named_again_and_again_is_paid_each_time() {
        // A block of a mebibyte that is all end and no entry.
        let size = 1_u32 << 20;
        let mut out = vec![0; size as usize - 4];
        out.extend((size / 4 - 1).to_le_bytes());
        out.extend([0; 5]);
        let start = out.len() as u32;
        let mut blocks = b"\x00\x00\x04\x00\x80\x80\x40".repeat(10_000);
        blocks.extend([0, 0, 0, 0, 1, 0, 0, 0]);
        let mut footer = vec![0, 0];
        for n in [start, blocks.len() as u32] {
            footer.extend([
                n as u8 | 128,
                (n >> 7) as u8 | 128,
                (n >> 14) as u8 | 128,
                (n >> 21) as u8,
            ]);
        }
        footer.resize(40, 0);
        out.extend(blocks);
        out.extend([0; 5]);
        out.extend(footer);
        out.extend(MAGIC.to_le_bytes());
        let limits = wellhead_core::Limits {
            steps: 1_000_000,
            ..Default::default()
        };
        let (blob, budget) = (
            Blob::from_bytes(out),
            &mut Budget::new(limits, Default::default()),
        );
        let identity = identify("variables.index", Role::Plain, &blob, budget);
        let options = OpenOptions::default();
        let opened = crate::open::open("variables.index", &identity, &blob, options, budget);
        let why = opened.outcome.why().unwrap_or_default();
        assert!(why.contains("steps"), "{why}");
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let mut bytes = bytes;
            bytes.insert(0, 0);
            bytes.resize(bytes.len().max(40), 0);
            bytes.extend(MAGIC.to_le_bytes());
            let _ = open(bytes);
        }
    }
}
