//! Methods of known values.

use super::{
    byte_string::of_bytes,
    containers::{of_items, of_pairs},
    crypto,
    datum::{CAP, Datum, Known, pay},
    operators::{Operator, Unary, index, operator, unary, weigh},
    render,
    text::of_text,
};
use num_bigint::{BigInt, Sign};
use std::sync::Arc;
use wellhead_core::{Budget, Exhausted};

/// The arguments of a call.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a> {
    pub(super) positional: &'a [Datum],
    pub(super) keywords: &'a [(Arc<str>, Datum)],
}

impl<'a> Arguments<'a> {
    /// The argument at a place or of a name.
    pub(super) fn get(self, at: usize, name: &str) -> Option<&'a Datum> {
        self.positional.get(at).or_else(|| {
            let named = self.keywords.iter().find(|(k, _)| k.as_ref() == name);
            named.map(|(_, value)| value)
        })
    }

    /// Whether there are no other arguments than these.
    pub(super) fn are(self, names: &[&str]) -> bool {
        self.positional.len() <= names.len() && self.keywords.iter().all(|(k, _)| names.contains(&k.as_ref()))
    }

    /// Whether an argument is true.
    pub(super) fn truth(self, at: usize, name: &str, default: bool) -> bool {
        self.get(at, name).map_or(default, Datum::truth)
    }
}

/// `receiver.name(arguments, keywords)` where it leaves the receiver as it is.
///
/// # Errors
/// When the budget ran out.
pub fn method(
    receiver: &Datum,
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    let cost = arguments
        .iter()
        .map(weigh)
        .fold(weigh(receiver), usize::saturating_add);
    pay(cost, budget)?;
    let made = known_method(receiver, name, arguments, keywords, budget)?;
    pay(made.as_ref().map_or(0, weigh), budget)?;
    Ok(made)
}

fn known_method(
    receiver: &Datum,
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    if let Some(known) = special(receiver, name, arguments, budget)? {
        return Ok(Some(known));
    }
    let given = Arguments {
        positional: arguments,
        keywords,
    };
    match receiver {
        Datum::Str(text) => of_text(text, name, given, budget),
        Datum::Bytes(bytes) => of_bytes(bytes, name, given, budget),
        Datum::Int(_) | Datum::Big(_) | Datum::Bool(_) => Ok(of_int(receiver, name, given)),
        Datum::List(items) | Datum::Tuple(items) => of_items(receiver, items, name, given, budget),
        Datum::Dict(pairs) => of_pairs(receiver, pairs, name, given, budget),
        Datum::Tool(tool) if keywords.is_empty() => crypto::method(tool, name, arguments, budget),
        _ => Ok(None),
    }
}

/// Methods that are operators.
fn special(receiver: &Datum, name: &str, arguments: &[Datum], budget: &mut Budget) -> Known {
    if !name.starts_with("__") {
        return Ok(None);
    }
    // What two values of different types make is tried on both, and the first says that it is not implemented.
    let is_number = |value: &Datum| value.as_big().is_some();
    let is_sequence =
        |value: &Datum| matches!(value, Datum::Str(_) | Datum::Bytes(_)) || value.items().is_some();
    let same = |other: &Datum| is_number(receiver) && is_number(other);
    let fits = |other: &Datum| match name {
        "__mul__" | "__rmul__" if is_sequence(receiver) => is_number(other),
        "__mod__" if receiver.as_str().is_some() => true,
        "__iadd__" if matches!(receiver, Datum::List(_)) => matches!(other, Datum::List(_)),
        _ => same(other) || receiver.type_name() == other.type_name(),
    };
    let binary = match name {
        "__add__" | "__concat__" | "__iadd__" => Operator::Add,
        "__sub__" => Operator::Sub,
        "__mul__" | "__rmul__" => Operator::Mul,
        "__mod__" => Operator::Mod,
        "__floordiv__" => Operator::FloorDiv,
        "__truediv__" => Operator::Div,
        "__pow__" => Operator::Pow,
        "__xor__" | "__rxor__" => Operator::BitXor,
        "__and__" | "__rand__" => Operator::BitAnd,
        "__or__" => Operator::BitOr,
        "__lshift__" => Operator::LeftShift,
        "__rshift__" => Operator::RightShift,
        "__eq__" => Operator::Equal,
        "__ne__" => Operator::NotEqual,
        "__lt__" => Operator::Less,
        "__le__" => Operator::LessEqual,
        "__gt__" => Operator::Greater,
        "__ge__" => Operator::GreaterEqual,
        _ => {
            return match (name, arguments) {
                ("__getitem__", [at]) => index(receiver, at, budget),
                ("__contains__", [item]) => operator(Operator::In, item, receiver, budget),
                ("__radd__", [left]) if same(left) => operator(Operator::Add, left, receiver, budget),
                ("__rsub__", [left]) if same(left) => operator(Operator::Sub, left, receiver, budget),
                ("__rmod__", [left]) if same(left) || left.as_str().is_some() => {
                    operator(Operator::Mod, left, receiver, budget)
                }
                ("__neg__", []) => unary(Unary::Minus, receiver, budget),
                ("__invert__", []) => unary(Unary::Invert, receiver, budget),
                ("__bool__", []) => Ok(Some(Datum::Bool(receiver.truth()))),
                ("__len__", []) => Ok(length(receiver)),
                ("__str__", []) => Ok(render(receiver, Some('s'), "", budget)?.and_then(Datum::text)),
                ("__repr__", []) => Ok(render(receiver, Some('r'), "", budget)?.and_then(Datum::text)),
                ("__format__", [Datum::Str(spec)]) => {
                    Ok(render(receiver, None, spec, budget)?.and_then(Datum::text))
                }
                _ => Ok(None),
            };
        }
    };
    match arguments {
        [right] if fits(right) => operator(binary, receiver, right, budget),
        _ => Ok(None),
    }
}

/// `len(value)`.
pub(super) fn length(value: &Datum) -> Option<Datum> {
    let n = match value {
        Datum::Str(text) => text.chars().count() as u64,
        Datum::Bytes(bytes) => bytes.len() as u64,
        Datum::List(items) | Datum::Tuple(items) => items.len() as u64,
        Datum::Dict(pairs) => pairs.len() as u64,
        Datum::Range(range) => range.count(),
        _ => return None,
    };
    Some(Datum::Int(n.into()))
}

/// Whether a result of so many copies is too long; what is made is paid for.
pub(super) fn too_long(length: usize, budget: &mut Budget) -> Result<bool, Exhausted> {
    pay(length.min(CAP), budget)?;
    Ok(length > CAP)
}

fn of_int(receiver: &Datum, name: &str, given: Arguments<'_>) -> Option<Datum> {
    let n = receiver.as_big()?;
    match name {
        "to_bytes" if given.are(&["length", "byteorder", "signed"]) => {
            let length = given.get(0, "length").map_or(Some(1), Datum::as_int)?;
            let order = given.get(1, "byteorder").map_or(Some("big"), Datum::as_str)?;
            to_bytes(
                &n,
                usize::try_from(length).ok()?,
                order,
                given.truth(2, "signed", false),
            )
        }
        "bit_length" if given.positional.is_empty() => Some(Datum::Int(n.bits().into())),
        "bit_count" if given.positional.is_empty() => Some(Datum::Int(n.magnitude().count_ones().into())),
        "conjugate" | "__int__" | "__index__" if given.positional.is_empty() => Datum::big(n),
        _ => None,
    }
}

/// `number.to_bytes(length, order)`.
pub(super) fn to_bytes(n: &BigInt, length: usize, order: &str, signed: bool) -> Option<Datum> {
    if length > CAP || (n.sign() == Sign::Minus && !signed) {
        return None;
    }
    let (mut little, fill) = if signed {
        let fill = if n.sign() == Sign::Minus { 0xff } else { 0 };
        (n.to_signed_bytes_le(), fill)
    } else {
        (n.magnitude().to_bytes_le(), 0)
    };
    if n.sign() == Sign::NoSign {
        little.clear();
    }
    if little.len() > length {
        return None;
    }
    little.resize(length, fill);
    match order {
        "big" => little.reverse(),
        "little" => {}
        _ => return None,
    }
    Datum::bytes(little)
}
