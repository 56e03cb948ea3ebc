//! What a value of the tree comes to as data.
//!
//! The one decision: a fixed, short list of callees is taken for data (rebuilders of tensors, containers, numbers), by
//! what they are known to return for these arguments. Every other call stays a call: what it would have returned is
//! unknown, and only what was handed to it is looked at.

use super::{
    dtype::Dtype,
    layout::{Layout, row_major},
    leaf::Leaf,
    numpy,
    torch::{self, Storages},
};
use crate::pickle::tree::{Call, Item, Node, Tree};
use std::borrow::Cow;
use wellhead_core::{Budget, escape};

/// Longest text that is kept.
const TEXT: u64 = 64 << 10;
/// Longest list of pairs that is taken for a dictionary.
const PAIRS: usize = 1 << 14;

/// A tensor, before anybody looked whether it lies in its storage.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) dtype: Dtype,
    pub(super) layout: Layout,
    /// Which storage it is a window of, for telling what is shared.
    pub(super) storage: Option<String>,
    /// What belongs to it and is no tensor.
    pub(super) extra: Vec<(&'static str, Leaf)>,
}

/// What a value comes to.
pub(super) enum Meaning<'t> {
    /// Plain data.
    Leaf(Leaf),
    /// What another value comes to.
    Alias(Item),
    /// A tensor.
    Tensor(Box<Spec>),
    /// A tensor that cannot be had, and why.
    Refused(String),
    /// Keys and values, in pieces. What the tree has is never copied: it may hold itself.
    Mapping(Vec<Cow<'t, [(Item, Item)]>>),
    /// Values in order, in pieces.
    Sequence(Vec<&'t [Item]>),
    /// Values under fixed names.
    Parts(Vec<(&'static str, Item)>),
    /// A value that JSON cannot hold.
    Dropped(String),
    /// An instance of a class; its attributes are data, what the class makes of them is not known.
    Object {
        class: String,
        state: Option<Item>,
        args: Cow<'t, [Item]>,
        items: &'t [Item],
        pairs: &'t [(Item, Item)],
    },
    /// A call whose result is not known.
    Unknown { callee: String, args: &'t [Item] },
}

/// What a value comes to, looking one level deep.
pub(super) fn of<'t>(tree: &'t Tree, storages: &Storages, item: Item, budget: &mut Budget) -> Meaning<'t> {
    match item {
        Item::None => return Meaning::Leaf(Leaf::Null),
        Item::Bool(b) => return Meaning::Leaf(Leaf::Bool(b)),
        Item::Int(n) => return Meaning::Leaf(Leaf::Int(n)),
        Item::Float(n) => return Meaning::Leaf(Leaf::Float(n)),
        Item::Other => return Meaning::Dropped("a value that is not kept in the file as such".to_owned()),
        Item::Node(_) => {}
    }
    match tree.node(item) {
        None => Meaning::Dropped("nothing".to_owned()),
        Some(Node::Constant(place)) => match tree.text(item, TEXT) {
            Some(text) => Meaning::Leaf(Leaf::Text(text)),
            None => Meaning::Dropped(format!("{} bytes", place.len)),
        },
        Some(Node::Tuple(items) | Node::List(items) | Node::Set(items)) => Meaning::Sequence(vec![items]),
        Some(Node::Dict(pairs)) => Meaning::Mapping(vec![Cow::Borrowed(pairs)]),
        Some(Node::Global(path)) => {
            // `torch.float32` and the like are values, not code.
            if path.0 == "torch" {
                Meaning::Leaf(Leaf::Text(format!("torch.{}", path.1)))
            } else {
                Meaning::Dropped(format!(
                    "the name `{}`",
                    escape(&format!("{}.{}", path.0, path.1))
                ))
            }
        }
        Some(Node::Persistent(id)) => {
            let tensor = super::tar::key(tree, *id).and_then(|key| storages.tensors.get(&key));
            match tensor {
                Some(spec) => Meaning::Tensor(Box::new(spec.clone())),
                None => bare(tree, storages, item, budget),
            }
        }
        Some(Node::Call(call)) => of_call(tree, storages, call, budget),
    }
}

/// A storage that stands by itself, as a tensor of one dimension.
fn bare<'t>(tree: &'t Tree, storages: &Storages, item: Item, budget: &mut Budget) -> Meaning<'t> {
    match torch::storage(tree, storages, item, budget) {
        Ok(storage) => {
            let dtype = storage.dtype.unwrap_or(super::dtype::BYTE);
            let len = storage.blob.len().checked_div(dtype.size).unwrap_or(0);
            Meaning::Tensor(Box::new(Spec {
                dtype,
                layout: Layout {
                    source: storage.blob,
                    offset: 0,
                    shape: vec![len],
                    strides: row_major(&[len]),
                    size: dtype.size,
                    swap: storage.swap,
                },
                storage: Some(storage.id),
                extra: Vec::new(),
            }))
        }
        Err(why) => Meaning::Refused(why),
    }
}

fn of_call<'t>(tree: &'t Tree, storages: &Storages, call: &'t Call, budget: &mut Budget) -> Meaning<'t> {
    let args = tree.sequence(call.args).unwrap_or_default();
    let Some(callee) = tree.global(call.callee) else {
        return Meaning::Unknown {
            callee: "something that cannot be followed".to_owned(),
            args,
        };
    };
    if let Some(meaning) = torch::rebuilt(tree, storages, callee, args, budget) {
        return meaning;
    }
    if let Some((module, "NumpyArrayWrapper")) = tree.class(call)
        && module.ends_with("numpy_pickle")
    {
        return numpy::wrapper(tree, call);
    }
    if let Some(meaning) = known(tree, call, callee, args) {
        return meaning;
    }
    let (module, name) = callee;
    if (module, name) == ("torch.storage", "_load_from_bytes") {
        return Meaning::Refused("a storage by itself, saved into bytes".to_owned());
    }
    let path = format!("{module}.{name}");
    if call.instance || call.state.is_some() {
        return Meaning::Object {
            class: path,
            state: call.state,
            args: Cow::Borrowed(args),
            items: &call.items,
            pairs: &call.pairs,
        };
    }
    Meaning::Unknown { callee: path, args }
}

/// NumPy's arrays and numbers, the containers of the standard library, small values.
fn known<'t>(tree: &'t Tree, call: &'t Call, callee: (&str, &str), args: &'t [Item]) -> Option<Meaning<'t>> {
    let first = args.first().copied();
    let sequence = |item: Option<Item>| {
        let given = item.and_then(|i| tree.sequence(i)).unwrap_or_default();
        Meaning::Sequence(vec![given, &call.items])
    };
    Some(match callee {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
            numpy::reconstruct(tree, call)
        }
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => numpy::scalar(tree, args),
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => numpy::frombuffer(tree, args),
        ("numpy", "dtype") => Meaning::Leaf(Leaf::Text(tree.text(first?, TEXT)?)),
        ("collections", "OrderedDict" | "Counter" | "defaultdict") | ("builtins" | "__builtin__", "dict") => {
            let given = args.iter().find_map(|a| mapping(tree, *a)).unwrap_or_default();
            Meaning::Mapping(vec![given, Cow::Borrowed(&call.pairs)])
        }
        ("builtins" | "__builtin__", "list" | "tuple" | "set" | "frozenset") | ("collections", "deque") => {
            sequence(first)
        }
        ("torch", "Size") => sequence(first),
        ("builtins" | "__builtin__", "bytearray" | "bytes") | ("_codecs", "encode") => {
            Meaning::Dropped("bytes".to_owned())
        }
        ("torch", "device") => Meaning::Leaf(Leaf::Text(
            args.iter()
                .map(|a| match a {
                    Item::Int(n) => n.to_string(),
                    other => tree.text(*other, TEXT).unwrap_or_default(),
                })
                .collect::<Vec<_>>()
                .join(":"),
        )),
        ("torch.serialization", "_get_layout") => Meaning::Leaf(Leaf::Text(tree.text(first?, TEXT)?)),
        (
            "pathlib" | "pathlib._local",
            "PosixPath" | "WindowsPath" | "Path" | "PurePath" | "PurePosixPath" | "PureWindowsPath",
        ) => Meaning::Leaf(Leaf::Text(
            args.iter()
                .filter_map(|a| tree.text(*a, TEXT))
                .collect::<Vec<_>>()
                .join("/"),
        )),
        ("copyreg" | "copy_reg", "_reconstructor") => {
            let class = tree.global(first?).map(|(m, n)| format!("{m}.{n}"))?;
            let base = args.get(2).copied().filter(|b| *b != Item::None);
            Meaning::Object {
                class,
                state: call.state,
                args: base.into_iter().collect(),
                items: &call.items,
                pairs: &call.pairs,
            }
        }
        _ => return None,
    })
}

/// Keys and values of a dictionary, or of a list of pairs.
fn mapping(tree: &Tree, item: Item) -> Option<Cow<'_, [(Item, Item)]>> {
    match tree.node(item)? {
        Node::Dict(pairs) => Some(Cow::Borrowed(pairs)),
        Node::List(items) | Node::Tuple(items) if items.len() <= PAIRS => items
            .iter()
            .map(|pair| match tree.sequence(*pair)? {
                [key, value] => Some((*key, *value)),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Cow::Owned),
        _ => None,
    }
}
