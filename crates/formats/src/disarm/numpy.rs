//! NumPy's arrays in pickles: as `numpy` itself writes them, and as joblib does with the bytes behind the wrapper.

use super::{
    dtype::{self, Dtype, Numpy},
    layout::{Layout, column_major, row_major},
    leaf::Leaf,
    meaning::{Meaning, Spec},
};
use crate::pickle::tree::{Behind, Call, Item, Node, Place, Tree};

/// Longest text that is taken for the name of a type.
const NAME: u64 = 256;

/// The type that a pickled `numpy.dtype` stands for.
pub(super) fn dtype_of(tree: &Tree, item: Item) -> Option<Numpy> {
    if let Some((_, name)) = tree.global(item) {
        return dtype::numpy(name);
    }
    let call = tree.call(item)?;
    if tree.global(call.callee)? != ("numpy", "dtype") {
        return None;
    }
    let first = tree.sequence(call.args)?.first().copied()?;
    let mut found = match tree.global(first) {
        Some((_, name)) => dtype::numpy(name)?,
        None => dtype::numpy(&tree.text(first, NAME)?)?,
    };
    // Version, byte order, subarray, names, fields, size, alignment, flags.
    if let Some(state) = call.state.and_then(|s| tree.sequence(s)) {
        let at = |i: usize| state.get(i).copied().unwrap_or(Item::None);
        if let Some(order) = tree.text(at(1), 4) {
            found.big = order == ">" && found.dtype.size > 1;
        }
        if let Some(size) = tree.unsigned(at(5)).filter(|n| *n > 0) {
            found.dtype.size = size;
        }
        if at(2) != Item::None || at(3) != Item::None {
            found.dtype.name = None;
            found.dtype.kind = "records";
        }
        found.objects |= tree.unsigned(at(7)).is_some_and(|flags| flags & 1 == 1);
    }
    Some(found)
}

fn count(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1_u64, |n, d| n.checked_mul(*d))
}

/// What joblib's wrapper with that state has behind it.
pub(super) fn behind(tree: &Tree, state: Item) -> Behind {
    let dtype = tree.get(state, "dtype").and_then(|d| dtype_of(tree, d));
    let shape = tree.get(state, "shape").and_then(|s| tree.sizes(s));
    let bytes = dtype
        .zip(shape)
        .and_then(|(d, s)| Some((d, count(&s)?.checked_mul(d.dtype.size)?)));
    match bytes {
        Some((d, _)) if d.objects => Behind::Pickle,
        Some((_, bytes)) => Behind::Raw {
            bytes,
            aligned: tree
                .get(state, "numpy_array_alignment_bytes")
                .is_some_and(|v| v != Item::None),
        },
        None => Behind::Unknown,
    }
}

/// An array of joblib's.
pub(super) fn wrapper(tree: &Tree, call: &Call) -> Meaning<'static> {
    if let Some(root) = call.nested {
        return Meaning::Alias(root);
    }
    let (Some(state), Some(raw)) = (call.state, call.raw) else {
        return Meaning::Refused("its bytes are not in this file".to_owned());
    };
    let dtype = tree.get(state, "dtype").and_then(|d| dtype_of(tree, d));
    let shape = tree.get(state, "shape").and_then(|s| tree.sizes(s));
    let columns = tree
        .get(state, "order")
        .and_then(|o| tree.text(o, 8))
        .is_some_and(|o| o == "F");
    array(tree, dtype, shape, columns, raw)
}

/// `numpy._core.multiarray._reconstruct` with its state: version, shape, type, whether columns come first, bytes.
pub(super) fn reconstruct<'t>(tree: &'t Tree, call: &'t Call) -> Meaning<'t> {
    let Some(state) = call.state.and_then(|s| tree.sequence(s)) else {
        return Meaning::Refused("it has no state".to_owned());
    };
    // The first files had no version.
    let state = match state {
        [_, rest @ ..] if state.len() >= 5 => rest,
        _ => state,
    };
    let [shape, dtype, columns, bytes, ..] = state else {
        return Meaning::Refused("its state is not an array's".to_owned());
    };
    let found = dtype_of(tree, *dtype);
    if let Some(Node::List(items)) = tree.node(*bytes) {
        return Meaning::Sequence(vec![items]);
    }
    let Some(place) = place(tree, *bytes) else {
        return Meaning::Refused("its bytes are not in this file".to_owned());
    };
    array(tree, found, tree.sizes(*shape), truth(*columns), place)
}

/// `numpy._core.numeric._frombuffer(bytes, type, shape, order)`.
pub(super) fn frombuffer(tree: &Tree, args: &[Item]) -> Meaning<'static> {
    let [buffer, dtype, shape, order, ..] = args else {
        return Meaning::Refused("it has too few arguments".to_owned());
    };
    let Some(place) = place(tree, *buffer) else {
        return Meaning::Refused("its bytes are not in this file".to_owned());
    };
    let columns = tree.text(*order, 8).is_some_and(|o| o == "F");
    array(tree, dtype_of(tree, *dtype), tree.sizes(*shape), columns, place)
}

/// `numpy._core.multiarray.scalar(type, bytes)`.
pub(super) fn scalar(tree: &Tree, args: &[Item]) -> Meaning<'static> {
    let [dtype, bytes, ..] = args else {
        return Meaning::Dropped("a NumPy number of no type".to_owned());
    };
    let Some(found) = dtype_of(tree, *dtype) else {
        return Meaning::Dropped("a NumPy number of an unknown type".to_owned());
    };
    let raw = place(tree, *bytes)
        .and_then(|p| tree.bytes(p))
        .and_then(|b| b.bytes(0, 16).ok());
    match raw.and_then(|raw| number(found, &raw)) {
        Some(leaf) => Meaning::Leaf(leaf),
        None => Meaning::Dropped("a NumPy value that is no number".to_owned()),
    }
}

/// One element as a number.
pub(super) fn number(found: Numpy, raw: &[u8]) -> Option<Leaf> {
    let mut raw = raw.get(..usize::try_from(found.dtype.size).ok()?)?.to_vec();
    if found.big {
        raw.reverse();
    }
    let mut wide = [0_u8; 8];
    let sign = raw.last().is_some_and(|b| b & 0x80 != 0);
    let name = found.dtype.name?;
    if name.starts_with('I') && sign {
        wide = [0xff; 8];
    }
    for (to, from) in wide.iter_mut().zip(&raw) {
        *to = *from;
    }
    Some(match name {
        "F64" => Leaf::Float(f64::from_le_bytes(wide)),
        "F32" => Leaf::Float(f64::from(f32::from_le_bytes(raw.try_into().ok()?))),
        "BOOL" => Leaf::Bool(raw.first() != Some(&0)),
        "F16" => Leaf::Float(half(u16::from_le_bytes(raw.try_into().ok()?))),
        _ if name.starts_with('I') => Leaf::Int(i64::from_le_bytes(wide)),
        _ if name.starts_with('U') => Leaf::Unsigned(u64::from_le_bytes(wide)),
        _ => return None,
    })
}

/// A half-precision number.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2_f64.powi(exponent.saturating_sub(15)),
    }
}

fn truth(item: Item) -> bool {
    matches!(item, Item::Bool(true)) || matches!(item, Item::Int(n) if n != 0)
}

/// Where bytes stand: as themselves, or as the text that `_codecs.encode` turns into them.
pub(super) fn place(tree: &Tree, item: Item) -> Option<Place> {
    match tree.node(item)? {
        Node::Constant(place) => Some(*place),
        Node::Call(call) => {
            let args = tree.sequence(call.args)?;
            match (tree.global(call.callee)?, args) {
                (("_codecs", "encode"), [text, ..]) => match tree.node(*text)? {
                    Node::Constant(place) => Some(*place),
                    _ => None,
                },
                // `bytes()` and `bytearray(b"…")`, as older protocols write them.
                (("builtins" | "__builtin__", "bytes" | "bytearray"), [inner, ..]) => {
                    match tree.node(*inner)? {
                        Node::Constant(place) => Some(*place),
                        _ => None,
                    }
                }
                (("builtins" | "__builtin__", "bytes" | "bytearray"), []) => Some(Place {
                    coding: crate::pickle::tree::Coding::Bytes,
                    offset: 0,
                    len: 0,
                }),
                // A buffer that went along in the pickle.
                (("pickle" | "_pickle", "PickleBuffer"), [inner, ..]) => match tree.node(*inner)? {
                    Node::Constant(place) => Some(*place),
                    _ => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}

fn array(
    tree: &Tree,
    found: Option<Numpy>,
    shape: Option<Vec<u64>>,
    columns: bool,
    at: Place,
) -> Meaning<'static> {
    let Some(found) = found else {
        return Meaning::Refused("its element type is unknown".to_owned());
    };
    let Some(shape) = shape else {
        return Meaning::Refused("its shape cannot be told".to_owned());
    };
    let Some(source) = tree.bytes(at) else {
        return Meaning::Refused("its bytes are not bytes".to_owned());
    };
    Meaning::Tensor(Box::new(spec(found, shape, columns, source)))
}

/// An array whose elements fill `source`.
pub(super) fn spec(found: Numpy, shape: Vec<u64>, columns: bool, source: wellhead_core::Blob) -> Spec {
    let strides = if columns {
        column_major(&shape)
    } else {
        row_major(&shape)
    };
    let Numpy { dtype, big, objects } = found;
    let dtype = if objects {
        Dtype {
            name: None,
            kind: "Python objects",
            ..dtype
        }
    } else {
        dtype
    };
    Spec {
        dtype,
        layout: Layout {
            source,
            offset: 0,
            shape,
            strides,
            size: dtype.size,
            swap: big,
        },
        storage: None,
        extra: Vec::new(),
    }
}
