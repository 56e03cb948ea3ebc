//! Functions of the language that compute from what they are given and nothing else.

use super::{
    Tool,
    containers::sorted,
    datum::{CAP, Datum, Known, Range, parse_int, pay},
    format::{self, render, repr, string},
    library::{base64, binascii, codecs, digest, library, operators, structs},
    methods::{Arguments, length, method},
    names::spelling,
    numbers::divide,
    operators::{Operator, character, iterate, operator, weigh},
    text::is_space,
    types::of_type,
};
use num_bigint::{BigInt, Sign};
use std::sync::Arc;
use wellhead_core::Budget;

/// The function with that full name (`chr`, `builtins.chr`, `base64.b64decode`, `bytes.fromhex`, `zlib.decompress`).
///
/// # Errors
/// When the budget ran out.
pub fn builtin(
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    let cost: usize = arguments.iter().map(weigh).fold(16, usize::saturating_add);
    pay(cost, budget)?;
    let given = Arguments {
        positional: arguments,
        keywords,
    };
    let name = spelling(name);
    let made = known_function(&name, given, budget)?;
    pay(made.as_ref().map_or(0, weigh), budget)?;
    Ok(made)
}

fn known_function(name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    match name.split_once('.') {
        None => language(name, given, budget),
        Some(("str" | "bytes" | "bytearray" | "int" | "dict" | "list", _)) => of_type(name, given, budget),
        Some(("base64", function)) => base64(function, given),
        Some(("binascii", function)) => Ok(binascii(function, given)),
        Some(("codecs", function)) => codecs(function, given, budget),
        Some(("operator", function)) => operators(function, given, budget),
        Some(("hashlib" | "_hashlib", function)) => Ok(digest(function, given)),
        Some(("struct", function)) => Ok(structs(function, given)),
        _ => library(name, given, budget),
    }
}

/// Functions without a module.
fn language(name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let bare = given.keywords.is_empty();
    let out = match (name, given.positional) {
        ("chr" | "unichr", [n]) if bare => {
            let c = n
                .as_int()
                .and_then(|n| u32::try_from(n).ok())
                .and_then(char::from_u32);
            c.and_then(character)
        }
        ("ord", [value]) if bare => match value {
            Datum::Str(text) => {
                let mut chars = text.chars();
                let only = chars.next().filter(|_| chars.next().is_none());
                only.map(|c| Datum::Int(u32::from(c).into()))
            }
            Datum::Bytes(bytes) => match bytes.as_ref() {
                [b] => Some(Datum::Int(i128::from(*b))),
                _ => None,
            },
            _ => None,
        },
        ("len", [value]) if bare => length(value),
        ("str", []) if bare => Datum::text(""),
        ("str", [value]) if bare => string(value, budget)?.and_then(Datum::text),
        ("str", [bytes @ Datum::Bytes(_), rest @ ..]) => {
            return method(bytes, "decode", rest, given.keywords, budget);
        }
        ("repr", [value]) if bare => repr(value, budget)?.and_then(Datum::text),
        ("ascii", [value]) if bare => repr(value, budget)?
            .map(|t| format::ascii(&t))
            .and_then(Datum::text),
        ("bytes" | "bytearray", _) => return bytes(given, budget),
        ("memoryview", [Datum::Bytes(bytes)]) => Some(Datum::Bytes(Arc::clone(bytes))),
        ("int", _) => integer(given),
        ("float", [value]) if bare => value.as_float().map(Datum::Float),
        ("bool", []) => Some(Datum::Bool(false)),
        ("bool", [value]) if bare => Some(Datum::Bool(value.truth())),
        ("hex" | "oct" | "bin", [value]) if bare => based(name, value),
        ("abs", [value]) if bare => match value {
            Datum::Float(f) => Some(Datum::Float(f.abs())),
            value => value
                .as_big()
                .map(|n| BigInt::from(n.magnitude().clone()))
                .and_then(Datum::big),
        },
        ("pow", [base, power]) if bare => return operator(Operator::Pow, base, power, budget),
        ("pow", [base, power, modulus]) if bare => return modular(base, power, modulus, budget),
        ("divmod", [a, b]) if bare => a
            .as_big()
            .zip(b.as_big())
            .and_then(|(a, b)| divide(&a, &b))
            .and_then(|(q, r)| Datum::tuple(vec![Datum::big(q)?, Datum::big(r)?])),
        ("round", [value @ (Datum::Int(_) | Datum::Big(_))]) => Some(value.clone()),
        ("format", [value]) => string(value, budget)?.and_then(Datum::text),
        ("format", [value, Datum::Str(spec)]) => render(value, None, spec, budget)?.and_then(Datum::text),
        ("range" | "xrange", bounds) if bare => range(bounds),
        ("dict", _) => return dict(given, budget),
        (name, _) => return over_values(name, given, budget),
    };
    Ok(out)
}

/// Functions that walk their argument.
fn over_values(name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let bare = given.keywords.is_empty();
    match (name, given.positional) {
        ("list" | "iter", []) => Ok(Datum::list(Vec::new())),
        ("tuple", []) => Ok(Datum::tuple(Vec::new())),
        ("zip", values) => zip(values, given, budget),
        ("min" | "max", [_, _, ..]) if bare => extreme(name, given.positional.to_vec(), budget),
        (
            "list" | "iter" | "tuple" | "reversed" | "sorted" | "enumerate" | "sum" | "min" | "max" | "all"
            | "any",
            [first, ..],
        ) => {
            let Some(mut values) = iterate(first, budget)? else {
                return Ok(None);
            };
            match (name, given.positional.len(), bare) {
                ("list" | "iter", 1, true) => Ok(Datum::list(values)),
                ("tuple", 1, true) => Ok(Datum::tuple(values)),
                ("reversed", 1, true) => {
                    values.reverse();
                    Ok(Datum::list(values))
                }
                ("sorted", 1, _) => Ok(sorted(values, given, budget)?.and_then(Datum::list)),
                ("enumerate", ..) if given.are(&["iterable", "start"]) => {
                    budget.steps((values.len() as u64).saturating_mul(4))?;
                    let Some(start) = given.get(1, "start").map_or(Some(0), Datum::as_int) else {
                        return Ok(None);
                    };
                    let numbered = (start..)
                        .zip(values)
                        .map(|(n, v)| Datum::tuple(vec![Datum::Int(n), v]));
                    Ok(numbered.collect::<Option<Vec<_>>>().and_then(Datum::list))
                }
                ("sum", ..) if given.are(&["iterable", "start"]) => {
                    let mut total = given.get(1, "start").cloned().unwrap_or(Datum::Int(0));
                    if matches!(total, Datum::Str(_) | Datum::Bytes(_)) {
                        return Ok(None);
                    }
                    for value in values {
                        match operator(Operator::Add, &total, &value, budget)? {
                            Some(sum) => total = sum,
                            None => return Ok(None),
                        }
                    }
                    Ok(Some(total))
                }
                ("min" | "max", 1, true) => extreme(name, values, budget),
                ("all", 1, true) => Ok(Some(Datum::Bool(values.iter().all(Datum::truth)))),
                ("any", 1, true) => Ok(Some(Datum::Bool(values.iter().any(Datum::truth)))),
                _ => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

fn extreme(name: &str, values: Vec<Datum>, budget: &mut Budget) -> Known {
    let none = Arguments {
        positional: &[],
        keywords: &[],
    };
    Ok(sorted(values, none, budget)?.and_then(|values| {
        if name == "min" {
            values.first().cloned()
        } else {
            values.last().cloned()
        }
    }))
}

fn zip(values: &[Datum], given: Arguments<'_>, budget: &mut Budget) -> Known {
    if given
        .keywords
        .iter()
        .any(|(k, v)| k.as_ref() != "strict" || v.truth())
    {
        return Ok(None);
    }
    let mut columns = Vec::new();
    let mut shortest = None;
    for value in values {
        let (column, endless) = match value {
            Datum::Tool(tool) => match tool.as_ref() {
                Tool::Cycle(items) if !items.is_empty() => (Some(items.to_vec()), true),
                _ => (None, false),
            },
            value => (iterate(value, budget)?, false),
        };
        let Some(column) = column else { return Ok(None) };
        if !endless {
            shortest = Some(shortest.map_or(column.len(), |n: usize| n.min(column.len())));
        }
        columns.push(column);
    }
    let length = match shortest {
        Some(length) => length,
        None if values.is_empty() => 0,
        // Only endless ones.
        None => return Ok(None),
    };
    let cells = (length as u64).saturating_mul((columns.len() as u64).saturating_add(1));
    budget.steps(cells.saturating_mul(4))?;
    let mut rows = Vec::new();
    for at in 0..length {
        let row = columns.iter().map(|column| {
            let at = at.checked_rem(column.len())?;
            column.get(at).cloned()
        });
        let Some(row) = row.collect::<Option<Vec<_>>>().and_then(Datum::tuple) else {
            return Ok(None);
        };
        rows.push(row);
    }
    Ok(Datum::list(rows))
}

fn range(bounds: &[Datum]) -> Option<Datum> {
    let numbers: Option<Vec<i128>> = bounds.iter().map(Datum::as_int).collect();
    let range = match *numbers?.as_slice() {
        [stop] => Range::new(0, stop, 1),
        [start, stop] => Range::new(start, stop, 1),
        [start, stop, step] => Range::new(start, stop, step),
        _ => None,
    };
    range.map(Datum::Range)
}

fn dict(given: Arguments<'_>, budget: &mut Budget) -> Known {
    let mut pairs = match given.positional {
        [] => Vec::new(),
        [Datum::Dict(pairs)] => pairs.to_vec(),
        [values] => {
            let Some(values) = iterate(values, budget)? else {
                return Ok(None);
            };
            let mut pairs = Vec::new();
            for value in values {
                match iterate(&value, budget)?.as_deref() {
                    Some([key, value]) => pairs.push((key.clone(), value.clone())),
                    _ => return Ok(None),
                }
            }
            pairs
        }
        _ => return Ok(None),
    };
    pairs.extend(
        given
            .keywords
            .iter()
            .map(|(k, v)| (Datum::Str(Arc::clone(k)), v.clone())),
    );
    Ok(Datum::dict(pairs))
}

/// `bytes(…)` and `bytearray(…)`.
pub(super) fn bytes(given: Arguments<'_>, budget: &mut Budget) -> Known {
    match (given.positional, given.keywords) {
        ([], []) => Ok(Datum::bytes([])),
        ([Datum::Bytes(bytes)], []) => Ok(Some(Datum::Bytes(Arc::clone(bytes)))),
        ([text @ Datum::Str(_), rest @ ..], keywords) if !rest.is_empty() || !keywords.is_empty() => {
            method(text, "encode", rest, keywords, budget)
        }
        ([n @ (Datum::Int(_) | Datum::Bool(_))], []) => {
            let n = n
                .as_int()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| *n <= CAP);
            pay(n.unwrap_or(0), budget)?;
            Ok(n.and_then(|n| Datum::bytes(vec![0; n])))
        }
        ([values @ (Datum::List(_) | Datum::Tuple(_) | Datum::Range(_))], []) => {
            let values = iterate(values, budget)?;
            let out: Option<Vec<u8>> = values.and_then(|values| {
                values
                    .iter()
                    .map(|v| v.as_int().and_then(|n| u8::try_from(n).ok()))
                    .collect()
            });
            Ok(out.and_then(Datum::bytes))
        }
        _ => Ok(None),
    }
}

/// `int(…)`.
fn integer(given: Arguments<'_>) -> Option<Datum> {
    if !given.are(&["x", "base"]) {
        return None;
    }
    let base = given.get(1, "base");
    let text = match given.positional.first() {
        None if base.is_none() => return Some(Datum::Int(0)),
        Some(Datum::Float(f)) if base.is_none() && f.abs() < 9e15 => {
            return Some(Datum::Int(f.trunc() as i128));
        }
        Some(value @ (Datum::Int(_) | Datum::Big(_) | Datum::Bool(_))) if base.is_none() => {
            return value.as_big().and_then(Datum::big);
        }
        Some(Datum::Str(text)) => text.as_ref(),
        Some(Datum::Bytes(bytes)) => std::str::from_utf8(bytes).ok()?,
        _ => return None,
    };
    let base = base.map_or(Some(10), Datum::as_int)?;
    let text = text.trim_matches(is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, of)| lower.strip_prefix(prefix).map(|digits| (digits, of)))
        .filter(|(_, of)| base == 0 || base == i128::from(*of));
    let (digits, base) = match prefixed {
        Some((digits, of)) => (digits.strip_prefix('_').unwrap_or(digits), of),
        None if base == 0 && lower.starts_with('0') && !lower.trim_matches(['0', '_']).is_empty() => {
            return None;
        }
        None => (
            lower.as_str(),
            if base == 0 { 10 } else { u32::try_from(base).ok()? },
        ),
    };
    if !(2..=36).contains(&base) || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__")
    {
        return None;
    }
    let n = parse_int(&digits.replace('_', ""), base)?;
    let signed = if negative {
        BigInt::from(0).checked_sub(&n)?
    } else {
        n
    };
    Datum::big(signed)
}

/// `hex`, `oct`, `bin`.
fn based(name: &str, value: &Datum) -> Option<Datum> {
    let n = value.as_big()?;
    let kind = match name {
        "hex" => 'x',
        "oct" => 'o',
        _ => 'b',
    };
    let sign = if n.sign() == Sign::Minus { "-" } else { "" };
    Datum::text(format!("{sign}0{kind}{}", format::digits(&n, kind)?))
}

/// `pow(base, power, modulus)`.
fn modular(base: &Datum, power: &Datum, modulus: &Datum, budget: &mut Budget) -> Known {
    /// Longest modulus, as of an RSA key.
    const LONGEST: u64 = 8192;
    let numbers = (base.as_big(), power.as_big(), modulus.as_big());
    let (Some(base), Some(power), Some(modulus)) = numbers else {
        return Ok(None);
    };
    let positive = modulus.sign() == Sign::Plus && power.sign() != Sign::Minus;
    let longest = modulus.bits().max(power.bits()).max(base.bits());
    if !positive || longest > LONGEST {
        return Ok(None);
    }
    budget.steps(longest.saturating_mul(longest))?;
    Ok(Datum::big(base.modpow(&power, &modulus)))
}
