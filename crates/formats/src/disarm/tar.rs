//! Torch's first layout: a tar archive of storages, of tensors over them, and of a pickle that names both by number.

use super::{
    dtype::{self, Dtype},
    layout::Layout,
    meaning::Spec,
    numpy,
    torch::Storages,
};
use crate::{
    bytes::{u32_at, u64_at},
    pickle::tree::{self, Item, Reading, Tree},
};
use std::collections::BTreeMap;
use wellhead_core::{Blob, Budget};

/// Most dimensions of a tensor.
const DIMENSIONS: u32 = 64;
/// Longest key.
const KEY: u64 = 64;

/// Reads what the pickle's ids stand for.
pub(super) fn storages(storages: &Blob, tensors: &Blob, budget: &mut Budget) -> Result<Storages, String> {
    let mut found = Storages::default();
    let mut types: BTreeMap<String, Dtype> = BTreeMap::new();
    let (count, mut at) = number(storages, 0, budget)?;
    for _ in 0..count {
        budget.entries(1).map_err(|e| e.to_string())?;
        let (tree, root, end) = one(storages, at, budget)?;
        let [id, _, class] = tree.sequence(root).unwrap_or_default() else {
            return Err("a storage is described in an unknown way".to_owned());
        };
        let dtype = tree.global(*class).and_then(|(_, name)| dtype::storage(name));
        let (Some(id), Some(dtype)) = (key(&tree, *id), dtype) else {
            return Err("a storage is described in an unknown way".to_owned());
        };
        let head = storages.bytes(end, 8).unwrap_or_default();
        let elements = u64_at(&head, 0).ok_or("a storage is cut off")?;
        let bytes = elements
            .checked_mul(dtype.size)
            .ok_or("a storage is larger than can be")?;
        let start = end.saturating_add(8);
        found.by_key.insert(id.clone(), storages.slice(start, bytes));
        types.insert(id, dtype);
        at = start.saturating_add(bytes);
    }
    // Windows into storages, by the number of the one they are in.
    if at < storages.len() {
        let (tree, root, _) = one(storages, at, budget)?;
        for view in tree.sequence(root).unwrap_or_default() {
            let [id, whole, offset, len] = tree.sequence(*view).unwrap_or_default() else {
                continue;
            };
            let ids = key(&tree, *id).zip(key(&tree, *whole));
            let range = tree.unsigned(*offset).zip(tree.unsigned(*len));
            let (Some((id, whole)), Some((offset, len))) = (ids, range) else {
                continue;
            };
            if let (Some(blob), Some(dtype)) = (found.by_key.get(&whole), types.get(&whole).copied()) {
                let window = blob.slice(offset.saturating_mul(dtype.size), len.saturating_mul(dtype.size));
                found.by_key.insert(id.clone(), window);
                types.insert(id, dtype);
            }
        }
    }
    take_tensors(&mut found, &types, tensors, budget)?;
    Ok(found)
}

fn take_tensors(
    found: &mut Storages,
    types: &BTreeMap<String, Dtype>,
    blob: &Blob,
    budget: &mut Budget,
) -> Result<(), String> {
    let (count, mut at) = number(blob, 0, budget)?;
    for _ in 0..count {
        budget.entries(1).map_err(|e| e.to_string())?;
        let (tree, root, end) = one(blob, at, budget)?;
        let [id, storage, ..] = tree.sequence(root).unwrap_or_default() else {
            return Err("a tensor is described in an unknown way".to_owned());
        };
        let head = blob.bytes(end, 8).unwrap_or_default();
        let dimensions = u32_at(&head, 0)
            .filter(|n| *n <= DIMENSIONS)
            .ok_or("a tensor has more dimensions than can be")?;
        // Sizes, then steps, then the offset.
        let numbers = u64::from(dimensions).saturating_mul(2).saturating_add(1);
        let start = end.saturating_add(8);
        let raw = blob
            .bytes(start, usize::try_from(numbers.saturating_mul(8)).unwrap_or(0))
            .unwrap_or_default();
        let all: Vec<u64> = raw
            .chunks_exact(8)
            .filter_map(|c| c.try_into().ok().map(u64::from_le_bytes))
            .collect();
        let split = dimensions as usize;
        let (Some(shape), Some(strides), Some(offset)) = (
            all.get(..split),
            all.get(split..split.saturating_mul(2)),
            all.get(split.saturating_mul(2)),
        ) else {
            return Err("a tensor is cut off".to_owned());
        };
        let ids = key(&tree, *id).zip(key(&tree, *storage));
        if let Some((id, storage)) = ids
            && let (Some(source), Some(dtype)) = (found.by_key.get(&storage), types.get(&storage))
        {
            let layout = Layout {
                source: source.clone(),
                offset: *offset,
                shape: shape.to_vec(),
                strides: strides.to_vec(),
                size: dtype.size,
                swap: false,
            };
            let spec = Spec {
                dtype: *dtype,
                layout,
                storage: Some(storage),
                extra: Vec::new(),
            };
            found.tensors.insert(id, spec);
        }
        at = start.saturating_add(numbers.saturating_mul(8));
    }
    Ok(())
}

/// One pickle: its tree, what it returns and where it ends.
fn one(blob: &Blob, at: u64, budget: &mut Budget) -> Result<(Tree, Item, u64), String> {
    let how = Reading {
        streams: 1,
        behind: numpy::behind,
    };
    let tree = tree::read(blob, at, how, budget);
    if let Some(why) = &tree.partly {
        return Err(why.clone());
    }
    let root = tree.roots.first().copied().ok_or("a pickle returns nothing")?;
    let end = tree.end;
    Ok((tree, root, end))
}

fn number(blob: &Blob, at: u64, budget: &mut Budget) -> Result<(u64, u64), String> {
    let (tree, root, end) = one(blob, at, budget)?;
    let count = tree.unsigned(root).ok_or("a count is no number")?;
    Ok((count, end))
}

/// A number as a key; some writers wrote it as text.
pub(super) fn key(tree: &Tree, item: Item) -> Option<String> {
    match item {
        Item::Int(n) => Some(n.to_string()),
        other => tree.text(other, KEY),
    }
}
