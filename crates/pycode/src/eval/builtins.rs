//! Functions of the language and of the standard library that compute from what they are given and nothing else.

use super::{
    Tool, code_object, crypto,
    crypto::{Cipher, Hash, Mode},
    datum::{CAP, Datum, Known, Range, WEIGHT, parse_int, pay},
    decode::{self, Transform, ascii_or_bytes},
    format::{self, render, repr, string},
    methods::{Arguments, is_space, length, method, sorted, to_bytes},
    names::spelling,
    operators::{Operator, character, divide, index, iterate, operator, weigh},
};
use num_bigint::{BigInt, Sign};
use std::sync::Arc;
use wellhead_core::Budget;
use wellhead_formats::unpack::{Packing, unpack};

/// A constant of the standard library by its full name: `string.ascii_letters`, `Crypto.Cipher.AES.MODE_CBC`.
pub fn constant(name: &str) -> Option<Datum> {
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const DIGITS: &str = "0123456789";
    const MARKS: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    const SPACES: &str = " \t\n\r\x0b\x0c";
    let text = |parts: &[&str]| Datum::text(parts.concat());
    Some(match spelling(name).as_str() {
        "string.ascii_lowercase" => return text(&[LOWER]),
        "string.ascii_uppercase" => return text(&[UPPER]),
        "string.ascii_letters" => return text(&[LOWER, UPPER]),
        "string.digits" => return text(&[DIGITS]),
        "string.hexdigits" => return text(&[DIGITS, "abcdefABCDEF"]),
        "string.octdigits" => return text(&["01234567"]),
        "string.punctuation" => return text(&[MARKS]),
        "string.whitespace" => return text(&[SPACES]),
        "string.printable" => return text(&[DIGITS, LOWER, UPPER, MARKS, SPACES]),
        "Crypto.Cipher.AES.MODE_ECB" => Datum::Int(1),
        "Crypto.Cipher.AES.MODE_CBC" => Datum::Int(2),
        "Crypto.Cipher.AES.MODE_CFB" => Datum::Int(3),
        "Crypto.Cipher.AES.MODE_OFB" => Datum::Int(5),
        "Crypto.Cipher.AES.MODE_CTR" => Datum::Int(6),
        "Crypto.Cipher.AES.block_size" => Datum::Int(16),
        "sys.maxunicode" => Datum::Int(0x0010_ffff),
        _ => return None,
    })
}

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
    match name.split_once('.') {
        None => language(&name, given, budget),
        Some(("str" | "bytes" | "bytearray" | "int" | "dict" | "list", _)) => of_type(&name, given, budget),
        Some(("base64", function)) => base64(function, given),
        Some(("binascii", function)) => Ok(binascii(function, given)),
        Some(("codecs", function)) => codecs(function, given, budget),
        Some(("operator", function)) => operators(function, given, budget),
        Some(("hashlib" | "_hashlib", function)) => Ok(digest(function, given)),
        Some(("struct", function)) => Ok(structs(function, given)),
        _ => library(&name, given, budget),
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
    budget.steps((length as u64).saturating_mul(columns.len() as u64))?;
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
fn bytes(given: Arguments<'_>, budget: &mut Budget) -> Known {
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

/// Functions that belong to a type: `bytes.fromhex`, `int.from_bytes`, and methods with their receiver in front.
fn of_type(name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    match (name, given.positional) {
        ("bytes.fromhex" | "bytearray.fromhex", [Datum::Str(text)]) => {
            Ok(decode::hex(text.as_bytes(), true).and_then(Datum::bytes))
        }
        ("int.from_bytes", _) => from_bytes(given, budget),
        ("str.maketrans", [Datum::Dict(pairs)]) => {
            let pairs: Option<Vec<_>> = pairs
                .iter()
                .map(|(key, value)| match key {
                    Datum::Str(text) => {
                        let mut chars = text.chars();
                        let only = chars.next().filter(|_| chars.next().is_none())?;
                        Some((Datum::Int(u32::from(only).into()), value.clone()))
                    }
                    key => Some((Datum::Int(key.as_int()?), value.clone())),
                })
                .collect();
            Ok(pairs.and_then(Datum::dict))
        }
        ("str.maketrans", [Datum::Str(from), Datum::Str(to), rest @ ..]) if rest.len() <= 1 => {
            if from.chars().count() != to.chars().count() {
                return Ok(None);
            }
            let code = |c: char| Datum::Int(u32::from(c).into());
            let mut pairs: Vec<_> = from
                .chars()
                .zip(to.chars())
                .map(|(a, b)| (code(a), code(b)))
                .collect();
            match rest.first() {
                None => {}
                Some(Datum::Str(gone)) => pairs.extend(gone.chars().map(|c| (code(c), Datum::None))),
                Some(_) => return Ok(None),
            }
            Ok(Datum::dict(pairs))
        }
        ("bytes.maketrans" | "bytearray.maketrans", [Datum::Bytes(from), Datum::Bytes(to)]) => {
            if from.len() != to.len() {
                return Ok(None);
            }
            let mut table: Vec<u8> = (0..=255).collect();
            for (a, b) in from.iter().zip(to.iter()) {
                if let Some(slot) = table.get_mut(usize::from(*a)) {
                    *slot = *b;
                }
            }
            Ok(Datum::bytes(table))
        }
        ("dict.fromkeys", [keys, rest @ ..]) if rest.len() <= 1 => {
            let value = rest.first().unwrap_or(&Datum::None);
            let pairs =
                iterate(keys, budget)?.map(|keys| keys.into_iter().map(|key| (key, value.clone())).collect());
            Ok(pairs.and_then(Datum::dict))
        }
        (name, [receiver, rest @ ..]) => {
            let (owner, function) = name.split_once('.').unwrap_or_default();
            let owner = if owner == "bytearray" { "bytes" } else { owner };
            if receiver.type_name() != owner || function.contains('.') {
                return Ok(None);
            }
            method(receiver, function, rest, given.keywords, budget)
        }
        _ => Ok(None),
    }
}

fn from_bytes(given: Arguments<'_>, budget: &mut Budget) -> Known {
    let bytes = match given.get(0, "bytes") {
        Some(Datum::Bytes(bytes)) => Some(Arc::clone(bytes)),
        Some(values @ (Datum::List(_) | Datum::Tuple(_))) => {
            let one = Arguments {
                positional: std::slice::from_ref(values),
                keywords: &[],
            };
            match self::bytes(one, budget)? {
                Some(Datum::Bytes(bytes)) => Some(bytes),
                _ => None,
            }
        }
        _ => None,
    };
    let order = given.get(1, "byteorder").map_or(Some("big"), Datum::as_str);
    let signed = given.get(2, "signed").is_some_and(Datum::truth);
    Ok(bytes.and_then(|bytes| {
        Datum::big(match (order?, signed) {
            ("big", false) => BigInt::from_bytes_be(Sign::Plus, &bytes),
            ("big", true) => BigInt::from_signed_bytes_be(&bytes),
            ("little", false) => BigInt::from_bytes_le(Sign::Plus, &bytes),
            ("little", true) => BigInt::from_signed_bytes_le(&bytes),
            _ => return None,
        })
    }))
}

/// `base64`.
fn base64(function: &str, given: Arguments<'_>) -> Known {
    let data = given.get(0, "s").or_else(|| given.get(0, "b"));
    let Some(data) = data.and_then(ascii_or_bytes) else {
        return Ok(None);
    };
    let truth = |at: usize, name: &str| given.get(at, name).is_some_and(Datum::truth);
    let alphabet = match given.get(1, "altchars") {
        Some(value) if function.starts_with("b64") => match ascii_or_bytes(value) {
            Some([plus, slash]) => Some([*plus, *slash]),
            _ if *value == Datum::None => None,
            _ => return Ok(None),
        },
        _ => None,
    };
    let is_bytes = matches!(given.positional.first(), Some(Datum::Bytes(_)));
    let out = match function {
        "b64decode" => {
            let [plus, slash] = alphabet.unwrap_or(*b"+/");
            let strict = given
                .keywords
                .iter()
                .any(|(k, v)| k.as_ref() == "validate" && v.truth())
                || given.positional.get(2).is_some_and(Datum::truth);
            let valid = || (plus, slash) == (b'+', b'/') && decode::is_base64(data);
            (!strict || valid())
                .then(|| decode::base64(data, alphabet))
                .flatten()
        }
        "standard_b64decode" | "decodebytes" | "decodestring" => decode::base64(data, None),
        "urlsafe_b64decode" => decode::base64(data, Some([b'-', b'_'])),
        "b32decode" if given.get(2, "map01").is_none() => decode::base32(data, truth(1, "casefold"), false),
        "b32hexdecode" => decode::base32(data, truth(1, "casefold"), true),
        "b16decode" => {
            let lower = data.iter().any(u8::is_ascii_lowercase);
            (truth(1, "casefold") || !lower)
                .then(|| decode::hex(data, false))
                .flatten()
        }
        "b85decode" => decode::base85(data),
        "a85decode" if given.are(&["b", "foldspaces", "adobe"]) && given.positional.len() <= 1 => {
            decode::ascii85(data, truth(usize::MAX, "adobe"), truth(usize::MAX, "foldspaces"))
        }
        "b64encode" if is_bytes => {
            let [plus, slash] = alphabet.unwrap_or(*b"+/");
            Some(decode::to_base64(data, plus, slash))
        }
        "standard_b64encode" if is_bytes => Some(decode::to_base64(data, b'+', b'/')),
        "urlsafe_b64encode" if is_bytes => Some(decode::to_base64(data, b'-', b'_')),
        "b32encode" if is_bytes => Some(decode::to_base32(data)),
        "b16encode" if is_bytes => Some(decode::to_hex(data).to_ascii_uppercase().into_bytes()),
        _ => None,
    };
    Ok(out.and_then(Datum::bytes))
}

/// `binascii`.
fn binascii(function: &str, given: Arguments<'_>) -> Option<Datum> {
    let data = ascii_or_bytes(given.positional.first()?)?;
    match (function, given.positional.len(), given.keywords) {
        ("unhexlify" | "a2b_hex", 1, []) => Datum::bytes(decode::hex(data, false)?),
        ("hexlify" | "b2a_hex", 1, []) => Datum::bytes(decode::to_hex(data).into_bytes()),
        ("a2b_base64", 1, []) => Datum::bytes(decode::base64(data, None)?),
        ("b2a_base64", 1, keywords) => {
            let mut out = decode::to_base64(data, b'+', b'/');
            if keywords.iter().all(|(k, v)| k.as_ref() != "newline" || v.truth()) {
                out.push(b'\n');
            }
            Datum::bytes(out)
        }
        _ => None,
    }
}

/// `codecs`.
fn codecs(function: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let encoding = given.get(1, "encoding").map_or(Some("utf-8"), Datum::as_str);
    let (Some(value), Some(encoding)) = (given.get(0, "obj"), encoding) else {
        return Ok(None);
    };
    let errors = given.get(2, "errors").map_or(Some("strict"), Datum::as_str);
    let Some(errors) = errors else { return Ok(None) };
    let out = match (function, decode::transform(encoding), value) {
        ("decode" | "encode", Transform::Rot13, Datum::Str(text)) => {
            return Ok(Datum::text(decode::rot13(text)));
        }
        ("decode", Transform::Hex, value) => ascii_or_bytes(value).and_then(|data| decode::hex(data, false)),
        ("encode", Transform::Hex, Datum::Bytes(data)) => Some(decode::to_hex(data).into_bytes()),
        ("decode", Transform::Base64, value) => {
            ascii_or_bytes(value).and_then(|data| decode::base64(data, None))
        }
        ("decode", Transform::Zlib, Datum::Bytes(data)) => unpack(data, Packing::Zlib, CAP, budget)?,
        ("decode", Transform::Bzip2, Datum::Bytes(data)) => unpack(data, Packing::Bzip2, CAP, budget)?,
        ("decode", Transform::Text, Datum::Bytes(data)) => {
            return Ok(decode::decode(data, encoding, errors).and_then(Datum::text));
        }
        // Escapes are read in a text too, as its UTF-8.
        ("decode", Transform::Text, Datum::Str(text)) if encoding.replace('-', "_") == "unicode_escape" => {
            return Ok(decode::unescape(text.as_bytes()).and_then(Datum::text));
        }
        ("encode", Transform::Text, Datum::Str(text)) => decode::encode_text(text, encoding, errors),
        _ => None,
    };
    Ok(out.and_then(Datum::bytes))
}

/// `operator`.
fn operators(function: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let of = match function.trim_matches('_') {
        "add" | "concat" | "iadd" | "iconcat" => Operator::Add,
        "sub" => Operator::Sub,
        "mul" => Operator::Mul,
        "mod" => Operator::Mod,
        "floordiv" => Operator::FloorDiv,
        "truediv" => Operator::Div,
        "pow" => Operator::Pow,
        "xor" | "ixor" => Operator::BitXor,
        "and" => Operator::BitAnd,
        "or" => Operator::BitOr,
        "lshift" => Operator::LeftShift,
        "rshift" => Operator::RightShift,
        "eq" => Operator::Equal,
        "ne" => Operator::NotEqual,
        "getitem" => {
            return match given.positional {
                [value, at] => index(value, at, budget),
                _ => Ok(None),
            };
        }
        _ => return Ok(None),
    };
    match given.positional {
        [left, right] => operator(of, left, right, budget),
        _ => Ok(None),
    }
}

/// `hashlib`.
fn digest(function: &str, given: Arguments<'_>) -> Option<Datum> {
    let (name, data) = match function {
        "new" => (given.get(0, "name")?.as_str()?, given.get(1, "data")),
        name => (
            name.trim_start_matches("openssl_"),
            given.get(0, "string").or_else(|| given.get(0, "data")),
        ),
    };
    let data = match data {
        None => Arc::default(),
        Some(Datum::Bytes(data)) => Arc::clone(data),
        Some(_) => return None,
    };
    Some(tool(Tool::Digest(Hash::named(name)?, data)))
}

/// `struct.pack` and `struct.unpack` of whole numbers.
fn structs(function: &str, given: Arguments<'_>) -> Option<Datum> {
    let (form, rest) = given.positional.split_first()?;
    let form = form
        .as_str()
        .or_else(|| std::str::from_utf8(form.as_bytes()?).ok())?;
    // Without a mark, sizes and gaps are those of the machine.
    let (order, form) = match form.split_at_checked(1)? {
        ("<", form) => ("little", form),
        (">" | "!", form) => ("big", form),
        (first, _)
            if first.chars().all(|c| "bB".contains(c))
                || form.chars().all(|c| c.is_ascii_digit() || "bB".contains(c)) =>
        {
            ("little", form)
        }
        _ => return None,
    };
    let mut fields = Vec::new();
    let mut times = None;
    for c in form.chars() {
        if let Some(digit) = c.to_digit(10) {
            let before: usize = times.unwrap_or(0);
            times = Some(before.saturating_mul(10).saturating_add(digit as usize));
            continue;
        }
        let (size, signed) = match c {
            'b' => (1, true),
            'B' => (1, false),
            'h' => (2, true),
            'H' => (2, false),
            'i' | 'l' => (4, true),
            'I' | 'L' => (4, false),
            'q' => (8, true),
            'Q' => (8, false),
            ' ' => continue,
            _ => return None,
        };
        let count = times.take().unwrap_or(1);
        if fields.len().saturating_add(count) > 1 << 16 {
            return None;
        }
        fields.extend(std::iter::repeat_n((size, signed), count));
    }
    match (function, rest) {
        ("calcsize", []) => Some(Datum::Int(fields.iter().map(|(size, _)| *size as i128).sum())),
        ("pack", values) if values.len() == fields.len() => {
            let mut out = Vec::new();
            for ((size, signed), value) in fields.into_iter().zip(values) {
                match to_bytes(&value.as_big()?, size, order, signed)? {
                    Datum::Bytes(bytes) => out.extend_from_slice(&bytes),
                    _ => return None,
                }
            }
            Datum::bytes(out)
        }
        ("unpack", [Datum::Bytes(bytes)]) => {
            let mut rest = bytes.as_ref();
            let mut out = Vec::new();
            for (size, signed) in fields {
                let (field, tail) = rest.split_at_checked(size)?;
                rest = tail;
                out.push(Datum::big(match (order, signed) {
                    ("little", true) => BigInt::from_signed_bytes_le(field),
                    ("little", false) => BigInt::from_bytes_le(Sign::Plus, field),
                    (_, true) => BigInt::from_signed_bytes_be(field),
                    (_, false) => BigInt::from_bytes_be(Sign::Plus, field),
                })?);
            }
            rest.is_empty().then(|| Datum::tuple(out))?
        }
        _ => None,
    }
}

fn tool(tool: Tool) -> Datum {
    Datum::Tool(Arc::new(tool))
}

/// Everything else of the library and of the packages that malware decrypts with.
fn library(name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let first = given.positional.first();
    let unpacked = |packing: Packing, budget: &mut Budget| -> Known {
        match given.get(0, "data") {
            Some(Datum::Bytes(data)) => Ok(unpack(data, packing, CAP, budget)?.and_then(Datum::bytes)),
            _ => Ok(None),
        }
    };
    let held = |given: Option<&Datum>| match given {
        Some(Datum::Bytes(bytes)) => Some(Arc::clone(bytes)),
        _ => None,
    };
    Ok(match (name, given.positional) {
        ("zlib.decompress", _) => {
            let window = given.get(1, "wbits").map_or(Some(15), Datum::as_int);
            return match window {
                Some(0..=15) => unpacked(Packing::Zlib, budget),
                Some(-15..=-8) => unpacked(Packing::Deflate, budget),
                Some(24..=31) => unpacked(Packing::Gzip, budget),
                _ => Ok(None),
            };
        }
        ("gzip.decompress", _) => return unpacked(Packing::Gzip, budget),
        ("bz2.decompress", _) => return unpacked(Packing::Bzip2, budget),
        ("lzma.decompress", [_]) if given.keywords.is_empty() => return unpacked(Packing::Lzma, budget),
        ("compression.zstd.decompress" | "zstandard.decompress", [_]) => {
            return unpacked(Packing::Zstd, budget);
        }
        ("compression.zlib.decompress", [_]) => return unpacked(Packing::Zlib, budget),
        ("zlib.decompressobj", []) if given.keywords.is_empty() => Some(tool(Tool::Unpacker(Packing::Zlib))),
        ("bz2.BZ2Decompressor", []) => Some(tool(Tool::Unpacker(Packing::Bzip2))),
        ("lzma.LZMADecompressor", []) if given.keywords.is_empty() => {
            Some(tool(Tool::Unpacker(Packing::Lzma)))
        }
        ("zlib.crc32", [Datum::Bytes(data)]) => Some(Datum::Int(crc32(data).into())),
        ("marshal.loads", [Datum::Bytes(bytes)]) => return code_object::loads(bytes, budget),
        ("io.BytesIO" | "six.BytesIO", [Datum::Bytes(bytes)]) => Some(tool(Tool::File(Arc::clone(bytes)))),
        ("gzip.GzipFile", _) => return gzip_file(given, budget),
        ("itertools.cycle", [values]) => iterate(values, budget)?
            .and_then(super::Items::new)
            .map(|items| tool(Tool::Cycle(items))),
        ("itertools.chain", parts) => return chain(parts, budget),
        ("itertools.chain.from_iterable", [parts]) => match iterate(parts, budget)? {
            Some(parts) => return chain(&parts, budget),
            None => None,
        },
        ("itertools.repeat", [value, n]) => {
            let n = n
                .as_int()
                .and_then(|n| u64::try_from(n.max(0)).ok())
                .filter(|n| *n <= WEIGHT);
            budget.steps(n.unwrap_or(0))?;
            n.and_then(|n| usize::try_from(n).ok())
                .and_then(|n| Datum::list(vec![value.clone(); n]))
        }
        ("urllib.parse.unquote" | "urllib.unquote" | "urllib2.unquote", [Datum::Str(text)]) => {
            decode::unquote(text, false).and_then(Datum::text)
        }
        ("urllib.parse.unquote_plus" | "urllib.unquote_plus", [Datum::Str(text)]) => {
            decode::unquote(text, true).and_then(Datum::text)
        }
        ("cryptography.fernet.Fernet", _) => given.get(0, "key").and_then(crypto::fernet).map(tool),
        ("Crypto.Cipher.AES.new", _) => {
            let start = given.get(2, "iv").or_else(|| given.get(2, "IV"));
            given
                .get(0, "key")
                .and_then(|key| crypto::aes(key, given.get(1, "mode"), start))
                .map(tool)
        }
        ("Crypto.Cipher.ARC4.new" | "Crypto.Cipher.XOR.new", [Datum::Bytes(key)]) if !key.is_empty() => {
            let cipher = if name.contains("ARC4") {
                Cipher::Rc4
            } else {
                Cipher::Xor
            };
            Some(tool(Tool::Cipher(
                cipher,
                Arc::clone(key),
                Mode::Ecb,
                Arc::default(),
            )))
        }
        ("Crypto.Util.Padding.unpad", [Datum::Bytes(data), size]) if given.keywords.is_empty() => size
            .as_int()
            .and_then(|n| u8::try_from(n).ok())
            .and_then(|size| crypto::unpad(data, size))
            .and_then(Datum::bytes),
        ("Crypto.Util.number.long_to_bytes", [n]) => n
            .as_big()
            .filter(|n| n.sign() == Sign::Plus)
            .and_then(|n| Datum::bytes(n.magnitude().to_bytes_be())),
        ("Crypto.Util.number.bytes_to_long", [Datum::Bytes(bytes)]) => {
            Datum::big(BigInt::from_bytes_be(Sign::Plus, bytes))
        }
        ("Crypto.Util.strxor.strxor", [Datum::Bytes(a), Datum::Bytes(b)]) if a.len() == b.len() => {
            let mixed: Vec<u8> = a.iter().zip(b.iter()).map(|(a, b)| a ^ b).collect();
            Datum::bytes(mixed)
        }
        _ => hazmat(name, first, held, given),
    })
}

/// `cryptography.hazmat`, whose cipher is put together from an algorithm and a mode.
fn hazmat(
    name: &str,
    first: Option<&Datum>,
    held: impl Fn(Option<&Datum>) -> Option<Arc<[u8]>>,
    given: Arguments<'_>,
) -> Option<Datum> {
    let part = name.strip_prefix("cryptography.hazmat.primitives.")?;
    let as_tool = |value: Option<&Datum>| match value {
        Some(Datum::Tool(tool)) => Some(Arc::clone(tool)),
        _ => None,
    };
    match part.strip_prefix("ciphers.").unwrap_or(part) {
        "algorithms.AES" => Some(tool(Tool::Algorithm(Cipher::Aes, held(first)?))),
        "algorithms.ARC4" => Some(tool(Tool::Algorithm(Cipher::Rc4, held(first)?))),
        "modes.ECB" => Some(tool(Tool::Mode(Mode::Ecb, Arc::default()))),
        "modes.CBC" => Some(tool(Tool::Mode(Mode::Cbc, held(first)?))),
        "modes.CTR" => Some(tool(Tool::Mode(Mode::Ctr, held(first)?))),
        "modes.OFB" => Some(tool(Tool::Mode(Mode::Ofb, held(first)?))),
        "modes.CFB8" => Some(tool(Tool::Mode(Mode::Cfb8, held(first)?))),
        "modes.CFB" => Some(tool(Tool::Mode(Mode::Cfb128, held(first)?))),
        "Cipher" | "base.Cipher" => {
            let algorithm = as_tool(given.get(0, "algorithm"))?;
            let mode = given.get(1, "mode");
            match (algorithm.as_ref(), mode) {
                (Tool::Algorithm(Cipher::Rc4, key), None | Some(Datum::None)) => Some(tool(Tool::Cipher(
                    Cipher::Rc4,
                    Arc::clone(key),
                    Mode::Ecb,
                    Arc::default(),
                ))),
                (Tool::Algorithm(cipher, key), mode) => match as_tool(mode)?.as_ref() {
                    Tool::Mode(mode, start) => Some(tool(Tool::Cipher(
                        *cipher,
                        Arc::clone(key),
                        *mode,
                        Arc::clone(start),
                    ))),
                    _ => None,
                },
                _ => None,
            }
        }
        "padding.PKCS7" => {
            let bits = first?.as_int()?;
            u8::try_from(bits.checked_div(8)?)
                .ok()
                .filter(|n| *n > 0)
                .map(|n| tool(Tool::Unpadder(n)))
        }
        _ => None,
    }
}

fn gzip_file(given: Arguments<'_>, budget: &mut Budget) -> Known {
    let Some(Datum::Tool(file)) = given.get(3, "fileobj") else {
        return Ok(None);
    };
    match file.as_ref() {
        Tool::File(data) => {
            Ok(unpack(data, Packing::Gzip, CAP, budget)?.map(|out| tool(Tool::File(out.into()))))
        }
        _ => Ok(None),
    }
}

fn chain(parts: &[Datum], budget: &mut Budget) -> Known {
    let mut out = Vec::new();
    for part in parts {
        match iterate(part, budget)? {
            Some(values) if (out.len() as u64) < WEIGHT => out.extend(values),
            _ => return Ok(None),
        }
    }
    Ok(Datum::list(out))
}

/// CRC-32, bit by bit: keys are short.
fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc >>= 1;
            if low == 1 {
                crc ^= 0xedb8_8320;
            }
        }
    }
    !crc
}
