//! Torch's tensors in pickles: a storage, which the loader fetches by an id, and a window into it.

use super::{
    dtype::{self, Dtype},
    layout::Layout,
    leaf::Leaf,
    meaning::{Meaning, Spec},
    numpy,
};
use crate::pickle::tree::{Item, Node, Reading, Tree};
use std::collections::{BTreeMap, HashMap};
use wellhead_core::{Blob, Budget, code};

/// Torch's old layout is so many pickles, then the storages.
pub(super) const PICKLES: usize = 5;
/// Longest key of a storage, or name of a type.
const NAME: u64 = 256;

/// The storages that a checkpoint's ids stand for.
#[derive(Default)]
pub(super) struct Storages {
    pub(super) by_key: BTreeMap<String, Blob>,
    /// Tensors that stand for an id by themselves.
    pub(super) tensors: BTreeMap<String, Spec>,
    /// Its numbers were written by a machine that puts the most significant byte first.
    pub(super) big: bool,
}

/// A storage as a tensor needs it.
pub(super) struct Storage {
    pub(super) id: String,
    pub(super) blob: Blob,
    /// The type of its class, where that has one.
    pub(super) dtype: Option<Dtype>,
    pub(super) swap: bool,
}

/// The storage that an item of the tree stands for, or why there is none.
pub(super) fn storage(
    tree: &Tree,
    storages: &Storages,
    item: Item,
    budget: &mut Budget,
) -> Result<Storage, String> {
    match tree.node(item) {
        Some(Node::Persistent(id)) => by_id(tree, storages, *id),
        Some(Node::Call(call)) => {
            let args = tree.sequence(call.args).unwrap_or_default();
            match (tree.global(call.callee), args) {
                (Some(("torch.storage", "_load_from_bytes")), [bytes, ..]) => {
                    from_bytes(tree, *bytes, budget)
                }
                _ => Err("its storage is something else than a storage".to_owned()),
            }
        }
        _ => Err("its storage is something else than a storage".to_owned()),
    }
}

fn by_id(tree: &Tree, storages: &Storages, id: Item) -> Result<Storage, String> {
    let Some(id) = Id::of(tree, id) else {
        return Err("its storage is named in an unknown way".to_owned());
    };
    let Some(blob) = storages.by_key.get(&id.key) else {
        return Err(format!("its storage {} is not in this file", code(&id.key)));
    };
    let (mut blob, mut key) = (blob.clone(), id.key);
    if let Some((view, start, len)) = id.view {
        let size = id.dtype.map_or(1, |d| d.size);
        blob = blob.slice(start.saturating_mul(size), len.saturating_mul(size));
        key = format!("{key}/{view}");
    }
    Ok(Storage {
        id: key,
        blob,
        dtype: id.dtype,
        swap: storages.big,
    })
}

/// A storage that was saved into bytes, as a plain `pickle.dump` of a tensor does.
fn from_bytes(tree: &Tree, bytes: Item, budget: &mut Budget) -> Result<Storage, String> {
    let wrong = || "its storage is saved in an unknown way".to_owned();
    let place = numpy::place(tree, bytes).ok_or_else(wrong)?;
    let blob = tree.bytes(place).ok_or_else(wrong)?;
    let (inner, storages) = legacy(&blob, budget)?;
    let root = inner.roots.get(3).copied().ok_or_else(wrong)?;
    let Some(Node::Persistent(id)) = inner.node(root) else {
        return Err(wrong());
    };
    let mut storage = by_id(&inner, &storages, *id)?;
    storage.id = format!("bytes at {:#x}", place.offset);
    Ok(storage)
}

/// The id of a storage: `("storage", class, key, device, elements[, view])`; how many elements it has is read from the storage itself.
struct Id {
    key: String,
    dtype: Option<Dtype>,
    view: Option<(String, u64, u64)>,
}

impl Id {
    fn of(tree: &Tree, item: Item) -> Option<Self> {
        // The tar layout names a tensor by its number.
        if let Some(n) = tree.unsigned(item) {
            return Some(Self {
                key: n.to_string(),
                dtype: None,
                view: None,
            });
        }
        let [kind, class, key, _, _, rest @ ..] = tree.sequence(item)? else {
            return None;
        };
        if tree.text(*kind, NAME)? != "storage" {
            return None;
        }
        let view = rest.first().and_then(|v| match tree.sequence(*v)? {
            [key, start, len] => Some((
                tree.text(*key, NAME)?,
                tree.unsigned(*start)?,
                tree.unsigned(*len)?,
            )),
            _ => None,
        });
        let (_, class) = tree.global(*class)?;
        let untyped = matches!(class, "UntypedStorage" | "_UntypedStorage");
        let dtype = dtype::storage(class);
        if dtype.is_none() && !untyped {
            return None;
        }
        Some(Self {
            key: tree.text(*key, NAME)?,
            dtype,
            view,
        })
    }
}

/// Reads torch's old layout: the pickles, and behind them each storage with the number of its elements.
pub(super) fn legacy(blob: &Blob, budget: &mut Budget) -> Result<(Tree, Storages), String> {
    let how = Reading {
        streams: PICKLES,
        behind: numpy::behind,
    };
    let tree = crate::pickle::tree::read(blob, 0, how, budget);
    let sizes: HashMap<String, u64> = tree
        .persistent_ids()
        .filter_map(|id| Id::of(&tree, id))
        .map(|id| (id.key, id.dtype.map_or(1, |d| d.size)))
        .collect();
    let mut storages = Storages::default();
    let keys = tree.roots.get(4).and_then(|keys| tree.sequence(*keys));
    let mut at = tree.end;
    for key in keys.unwrap_or_default() {
        budget.entries(1).map_err(|e| e.to_string())?;
        let Some(key) = tree.text(*key, NAME) else { break };
        let (Ok(count), Some(size)) = (blob.bytes(at, 8), sizes.get(&key)) else {
            break;
        };
        let Ok(count) = count.try_into().map(u64::from_le_bytes) else {
            break;
        };
        let Some(bytes) = count.checked_mul(*size) else {
            break;
        };
        let start = at.saturating_add(8);
        storages.by_key.insert(key, blob.slice(start, bytes));
        at = start.saturating_add(bytes);
    }
    Ok((tree, storages))
}

/// What a call of one of torch's own functions for tensors comes to; `None` for any other.
pub(super) fn rebuilt<'t>(
    tree: &'t Tree,
    storages: &Storages,
    callee: (&str, &str),
    args: &[Item],
    budget: &mut Budget,
) -> Option<Meaning<'t>> {
    let (module, name) = callee;
    if !matches!(
        module,
        "torch._utils" | "torch._tensor" | "torch.tensor" | "torch.nn.parameter"
    ) {
        return None;
    }
    let first = args.first().copied();
    Some(match name {
        "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3" => {
            let typed = name == "_rebuild_tensor_v3";
            let metadata = args.get(if typed { 7 } else { 6 }).copied();
            if let Some(why) = metadata.and_then(|m| lazily(tree, m)) {
                return Some(Meaning::Refused(why));
            }
            let dtype = args.get(6).copied().filter(|_| typed);
            window(tree, storages, args, dtype, budget)
        }
        "_rebuild_parameter" | "_rebuild_parameter_with_state" => first.map_or_else(too_few, Meaning::Alias),
        "_rebuild_device_tensor_from_numpy"
        | "_rebuild_xla_tensor"
        | "_rebuild_device_tensor_from_cpu_tensor" => first.map_or_else(too_few, Meaning::Alias),
        "_rebuild_qtensor" => match window(tree, storages, args, None, budget) {
            Meaning::Tensor(mut spec) => {
                spec.extra = quantiser(tree, args.get(4).copied().unwrap_or(Item::None));
                Meaning::Tensor(spec)
            }
            other => other,
        },
        "_rebuild_sparse_tensor" => sparse(tree, args),
        "_rebuild_from_type_v2" | "_rebuild_from_type" => {
            let inner = tree
                .global(first?)
                .zip(args.get(2).and_then(|a| tree.sequence(*a)));
            return match inner {
                // What it rebuilds with may not be itself again: that would never end.
                Some((callee, args)) if !callee.1.starts_with("_rebuild_from_type") => {
                    rebuilt(tree, storages, callee, args, budget)
                }
                _ => None,
            };
        }
        "_rebuild_meta_tensor_no_storage" => {
            Meaning::Refused("it has no data: it was saved from the `meta` device".to_owned())
        }
        _ => return None,
    })
}

fn too_few() -> Meaning<'static> {
    Meaning::Refused("it has too few arguments".to_owned())
}

/// A tensor that torch would still have to conjugate or negate.
fn lazily(tree: &Tree, metadata: Item) -> Option<String> {
    ["conj", "neg"]
        .iter()
        .find(|key| tree.get(metadata, key) == Some(Item::Bool(true)))
        .map(|key| format!("its values were saved before `{key}` was applied to them"))
}

/// Storage, offset, shape, steps.
fn window<'t>(
    tree: &'t Tree,
    storages: &Storages,
    args: &[Item],
    dtype: Option<Item>,
    budget: &mut Budget,
) -> Meaning<'t> {
    let [storage_item, offset, shape, strides, ..] = args else {
        return too_few();
    };
    let storage = match storage(tree, storages, *storage_item, budget) {
        Ok(storage) => storage,
        Err(why) => return Meaning::Refused(why),
    };
    let stated = dtype
        .and_then(|d| tree.global(d))
        .and_then(|(_, name)| dtype::torch(name));
    let Some(dtype) = stated.or(storage.dtype) else {
        return Meaning::Refused("its element type is unknown".to_owned());
    };
    let sizes = tree.sizes(*shape).zip(tree.sizes(*strides));
    let (Some(offset), Some((shape, strides))) = (tree.unsigned(*offset), sizes) else {
        return Meaning::Refused("its shape, steps or offset are no sizes".to_owned());
    };
    // A complex number is two, each turned by itself; it is not written anyway.
    Meaning::Tensor(Box::new(Spec {
        dtype,
        layout: Layout {
            source: storage.blob,
            offset,
            shape,
            strides,
            size: dtype.size,
            swap: storage.swap,
        },
        storage: Some(storage.id),
        extra: Vec::new(),
    }))
}

/// What quantised integers have to be multiplied with, as far as it is numbers.
fn quantiser(tree: &Tree, params: Item) -> Vec<(&'static str, Leaf)> {
    let mut out = Vec::new();
    if let Some([scheme, scale, zero, ..]) = tree.sequence(params) {
        if let Some((_, name)) = tree.global(*scheme) {
            out.push(("quantisation", Leaf::Text(name.to_owned())));
        }
        for (key, item) in [("scale", scale), ("zero_point", zero)] {
            match item {
                Item::Float(n) => out.push((key, Leaf::Float(*n))),
                Item::Int(n) => out.push((key, Leaf::Int(*n))),
                _ => {}
            }
        }
    }
    out
}

/// Layout, then indices, values and shape.
fn sparse(tree: &Tree, args: &[Item]) -> Meaning<'static> {
    let data = args.get(1).and_then(|d| tree.sequence(*d)).unwrap_or_default();
    match data {
        [indices, values, shape, ..] if data.len() <= 4 => Meaning::Parts(vec![
            ("indices", *indices),
            ("values", *values),
            ("shape", *shape),
        ]),
        [rows, columns, values, shape, ..] => Meaning::Parts(vec![
            ("compressed_indices", *rows),
            ("plain_indices", *columns),
            ("values", *values),
            ("shape", *shape),
        ]),
        _ => too_few(),
    }
}
