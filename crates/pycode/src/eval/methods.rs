//! Methods of known values.

use super::{
    Tool, crypto,
    datum::{CAP, Datum, Known, WEIGHT, pay},
    decode::{decode, encode_text, hex, to_hex},
    format::{braces, render},
    operators::{Operator, Unary, find, index, operator, place, unary, weigh},
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

    fn truth(self, at: usize, name: &str, default: bool) -> bool {
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
    pay(weigh(receiver), budget)?;
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
                ("__radd__", [left]) => operator(Operator::Add, left, receiver, budget),
                ("__rsub__", [left]) => operator(Operator::Sub, left, receiver, budget),
                ("__rmod__", [left]) => operator(Operator::Mod, left, receiver, budget),
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
        [right] => operator(binary, receiver, right, budget),
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

/// White space, as `str.isspace` has it.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// White space of bytes.
fn is_space_byte(b: u8) -> bool {
    b.is_ascii_whitespace() || b == 0x0b
}

/// Whether a result of so many copies is too long; what is made is paid for.
fn too_long(length: usize, budget: &mut Budget) -> Result<bool, Exhausted> {
    pay(length.min(CAP), budget)?;
    Ok(length > CAP)
}

fn of_text(text: &str, name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let first = given.positional.first();
    let out = match (name, given.positional, given.keywords) {
        ("format", positional, keywords) => {
            return Ok(braces(text, positional, keywords, budget)?.and_then(Datum::text));
        }
        ("format_map", [Datum::Dict(pairs)], []) => {
            let keywords: Vec<(Arc<str>, Datum)> = pairs
                .iter()
                .filter_map(|(k, v)| match k {
                    Datum::Str(k) => Some((Arc::clone(k), v.clone())),
                    _ => None,
                })
                .collect();
            braces(text, &[], &keywords, budget)?
        }
        ("encode", ..) => {
            let codec = given.get(0, "encoding").map_or(Some("utf-8"), Datum::as_str);
            let errors = given.get(1, "errors").map_or(Some("strict"), Datum::as_str);
            let known = codec.zip(errors).filter(|_| given.are(&["encoding", "errors"]));
            return Ok(known
                .and_then(|(codec, errors)| encode_text(text, codec, errors))
                .and_then(Datum::bytes));
        }
        ("join", [values], []) => return join_text(text, values, budget),
        ("replace", [Datum::Str(old), Datum::Str(new), ..], _) => {
            let most = match given.get(2, "count").map(Datum::as_int) {
                None => usize::MAX,
                Some(Some(n)) => usize::try_from(n).unwrap_or(usize::MAX),
                Some(None) => return Ok(None),
            };
            let times = text.matches(old.as_ref()).count().min(most);
            let longer = times.saturating_mul(new.len()).saturating_add(text.len());
            if too_long(longer, budget)? {
                return Ok(None);
            }
            Some(text.replacen(old.as_ref(), new, most))
        }
        ("split" | "rsplit", ..) => return split_text(text, name == "rsplit", given, budget),
        ("splitlines", ..) => {
            let lines = lines(text, given.truth(0, "keepends", false));
            return texts(lines.into_iter(), budget);
        }
        ("strip" | "lstrip" | "rstrip", ..) => {
            let set: Option<Vec<char>> = match first {
                None | Some(Datum::None) => None,
                Some(Datum::Str(set)) => Some(set.chars().collect()),
                Some(_) => return Ok(None),
            };
            if let Some(set) = &set {
                budget.steps(
                    (set.len() as u64)
                        .saturating_mul(text.len() as u64)
                        .min(1 << 40)
                        .checked_div(64)
                        .unwrap_or(0),
                )?;
            }
            let stripped = |c: char| set.as_ref().map_or_else(|| is_space(c), |set| set.contains(&c));
            Some(
                match name {
                    "strip" => text.trim_matches(stripped),
                    "lstrip" => text.trim_start_matches(stripped),
                    _ => text.trim_end_matches(stripped),
                }
                .to_owned(),
            )
        }
        ("lower", [], []) | ("casefold", [], []) if text.is_ascii() => Some(text.to_ascii_lowercase()),
        ("lower", [], []) => Some(text.to_lowercase()),
        ("upper", [], []) => Some(text.to_uppercase()),
        ("swapcase" | "title" | "capitalize", [], []) if text.is_ascii() => Some(recase(text, name)),
        ("startswith" | "endswith", [part], []) => {
            let test = |part: &str| {
                if name == "startswith" {
                    text.starts_with(part)
                } else {
                    text.ends_with(part)
                }
            };
            let known = match part {
                Datum::Str(part) => Some(test(part)),
                Datum::Tuple(parts) => {
                    let parts: Option<Vec<&str>> = parts.iter().map(Datum::as_str).collect();
                    parts.map(|parts| parts.into_iter().any(test))
                }
                _ => None,
            };
            return Ok(known.map(Datum::Bool));
        }
        ("find" | "index" | "rfind" | "rindex", [Datum::Str(part), ..], []) => {
            return Ok(search_text(
                text,
                part,
                name,
                given.positional.get(1..).unwrap_or_default(),
            ));
        }
        ("count", [Datum::Str(part)], []) if !part.is_empty() => {
            return Ok(Some(Datum::Int(text.matches(part.as_ref()).count() as i128)));
        }
        ("translate", [table], []) => translate(text, table, budget)?,
        ("ljust" | "rjust" | "center" | "zfill", [width, ..], []) => {
            let fill = match given.positional.get(1) {
                None => " ",
                Some(Datum::Str(fill)) if fill.chars().count() == 1 => fill,
                Some(_) => return Ok(None),
            };
            pad_text(text, name, width, fill)
        }
        ("partition" | "rpartition", [Datum::Str(mark)], []) if !mark.is_empty() => {
            let mark = mark.as_ref();
            let parts = if name == "partition" {
                text.split_once(mark)
                    .map_or([text, "", ""], |(a, b)| [a, mark, b])
            } else {
                text.rsplit_once(mark)
                    .map_or(["", "", text], |(a, b)| [a, mark, b])
            };
            return Ok(Datum::tuple(parts.map(|part| Datum::Str(part.into())).to_vec()));
        }
        ("removeprefix", [Datum::Str(part)], []) => {
            Some(text.strip_prefix(part.as_ref()).unwrap_or(text).to_owned())
        }
        ("removesuffix", [Datum::Str(part)], []) => {
            Some(text.strip_suffix(part.as_ref()).unwrap_or(text).to_owned())
        }
        ("isascii", [], []) => return Ok(Some(Datum::Bool(text.is_ascii()))),
        (_, [], []) if text.is_ascii() => return Ok(classify(text.as_bytes(), name).map(Datum::Bool)),
        _ => None,
    };
    Ok(out.and_then(Datum::text))
}

/// `isalpha`, `isdigit` … over ASCII.
fn classify(text: &[u8], name: &str) -> Option<bool> {
    let all = |test: fn(&u8) -> bool| !text.is_empty() && text.iter().all(test);
    let cased = text.iter().any(u8::is_ascii_alphabetic);
    Some(match name {
        "isalpha" => all(u8::is_ascii_alphabetic),
        "isdigit" | "isdecimal" | "isnumeric" => all(u8::is_ascii_digit),
        "isalnum" => all(u8::is_ascii_alphanumeric),
        "isspace" => all(|b| is_space(char::from(*b))),
        "isupper" => cased && !text.iter().any(u8::is_ascii_lowercase),
        "islower" => cased && !text.iter().any(u8::is_ascii_uppercase),
        "isprintable" => text.iter().all(|b| (b' '..=b'~').contains(b)),
        "isidentifier" => {
            let word = text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
            word && text.first().is_some_and(|b| !b.is_ascii_digit())
        }
        _ => return None,
    })
}

fn recase(text: &str, name: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        out.push(match name {
            "swapcase" if c.is_ascii_lowercase() => c.to_ascii_uppercase(),
            "swapcase" => c.to_ascii_lowercase(),
            _ if inside => c.to_ascii_lowercase(),
            _ => c.to_ascii_uppercase(),
        });
        inside = name == "capitalize" || c.is_ascii_alphabetic();
    }
    out
}

/// Texts as a list.
fn texts<'a>(parts: impl Iterator<Item = &'a str>, budget: &mut Budget) -> Known {
    let mut out = Vec::new();
    for part in parts {
        pay(part.len().saturating_add(32), budget)?;
        if out.len() as u64 >= WEIGHT {
            return Ok(None);
        }
        out.push(Datum::Str(part.into()));
    }
    Ok(Datum::list(out))
}

fn join_text(mark: &str, values: &Datum, budget: &mut Budget) -> Known {
    // A text joins its own characters.
    let Some(values) = super::iterate(values, budget)? else {
        return Ok(None);
    };
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        let Datum::Str(text) = value else { return Ok(None) };
        pay(text.len().saturating_add(mark.len()), budget)?;
        if at > 0 {
            out.push_str(mark);
        }
        out.push_str(text);
        if out.len() > CAP {
            return Ok(None);
        }
    }
    Ok(Datum::text(out))
}

fn split_text(text: &str, from_right: bool, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let most = match given.get(1, "maxsplit").map(Datum::as_int) {
        None => None,
        Some(Some(n)) => usize::try_from(n).ok(),
        Some(None) => return Ok(None),
    };
    match given.get(0, "sep") {
        Some(Datum::Str(mark)) if !mark.is_empty() => {
            let mark = mark.as_ref();
            let limit = most.map_or(usize::MAX, |n| n.saturating_add(1));
            if from_right && most.is_some() {
                let mut parts: Vec<&str> = text.rsplitn(limit, mark).collect();
                parts.reverse();
                return texts(parts.into_iter(), budget);
            }
            texts(text.splitn(limit, mark), budget)
        }
        None | Some(Datum::None) if most.is_none() => {
            texts(text.split(is_space).filter(|part| !part.is_empty()), budget)
        }
        _ => Ok(None),
    }
}

/// Lines at every end that `str.splitlines` knows.
fn lines(text: &str, keep: bool) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    while let Some(at) = rest.find(ends) {
        let tail = rest.get(at..).unwrap_or_default();
        let width = if tail.starts_with("\r\n") {
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        let next = at.saturating_add(width);
        out.push(rest.get(..if keep { next } else { at }).unwrap_or_default());
        rest = rest.get(next..).unwrap_or_default();
    }
    if !rest.is_empty() {
        out.push(rest);
    }
    out
}

/// `find` and its like, in characters.
fn search_text(text: &str, part: &str, name: &str, bounds: &[Datum]) -> Option<Datum> {
    let start = match bounds {
        [] => 0,
        [start] if text.is_ascii() => {
            let start = usize::try_from(start.as_int()?).ok()?;
            (start <= text.len()).then_some(start)?
        }
        _ => return None,
    };
    let rest = text.get(start..)?;
    let found = if name.starts_with('r') {
        rest.rfind(part)
    } else {
        rest.find(part)
    };
    let Some(at) = found else {
        return name.ends_with("find").then_some(Datum::Int(-1));
    };
    let before = text.get(..start.saturating_add(at))?.chars().count();
    Some(Datum::Int(before as i128))
}

/// `text.translate(table)`.
fn translate(text: &str, table: &Datum, budget: &mut Budget) -> Result<Option<String>, Exhausted> {
    let Datum::Dict(pairs) = table else {
        return Ok(None);
    };
    budget.steps((pairs.len() as u64).saturating_add(text.len() as u64))?;
    let mut known = std::collections::BTreeMap::new();
    for (key, value) in pairs.iter() {
        if let Some(n) = key.as_int() {
            known.insert(n, value);
        }
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match known.get(&i128::from(u32::from(c))) {
            None => out.push(c),
            Some(Datum::None) => {}
            Some(Datum::Str(new)) => {
                pay(new.len(), budget)?;
                out.push_str(new);
            }
            Some(other) => match other
                .as_int()
                .and_then(|n| u32::try_from(n).ok())
                .and_then(char::from_u32)
            {
                Some(c) => out.push(c),
                None => return Ok(None),
            },
        }
        if out.len() > CAP {
            return Ok(None);
        }
    }
    Ok(Some(out))
}

fn pad_text(text: &str, name: &str, width: &Datum, fill: &str) -> Option<String> {
    let width = usize::try_from(width.as_int()?.max(0))
        .ok()
        .filter(|n| *n <= CAP.checked_div(4).unwrap_or(0))?;
    let length = text.chars().count();
    let missing = width.saturating_sub(length);
    Some(match name {
        "ljust" => [text, &fill.repeat(missing)].concat(),
        "rjust" => [&fill.repeat(missing), text].concat(),
        "zfill" => {
            let (sign, digits) = match text.strip_prefix(['+', '-']) {
                Some(digits) => text.split_at_checked(text.len().checked_sub(digits.len())?)?,
                None => ("", text),
            };
            [sign, &"0".repeat(missing), digits].concat()
        }
        _ => {
            // Python puts the odd one left where the width is odd.
            let half = missing.checked_div(2)?;
            let left = half.saturating_add(missing & width & 1);
            [
                &fill.repeat(left),
                text,
                &fill.repeat(missing.saturating_sub(left)),
            ]
            .concat()
        }
    })
}

fn of_bytes(bytes: &[u8], name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
    let out: Option<Vec<u8>> = match (name, given.positional, given.keywords) {
        ("decode", ..) => {
            let codec = given.get(0, "encoding").map_or(Some("utf-8"), Datum::as_str);
            let errors = given.get(1, "errors").map_or(Some("strict"), Datum::as_str);
            let known = codec.zip(errors).filter(|_| given.are(&["encoding", "errors"]));
            return Ok(known
                .and_then(|(codec, errors)| decode(bytes, codec, errors))
                .and_then(Datum::text));
        }
        ("hex", [], []) => return Ok(Datum::text(to_hex(bytes))),
        ("tobytes" | "copy" | "__bytes__", [], []) => Some(bytes.to_vec()),
        ("fromhex", [Datum::Str(text)], []) => hex(text.as_bytes(), true),
        ("join", [values], []) => return join_bytes(bytes, values, budget),
        ("replace", [Datum::Bytes(old), Datum::Bytes(new)], []) if !old.is_empty() => {
            return replace_bytes(bytes, old, new, budget);
        }
        ("split", [Datum::Bytes(mark)], []) if !mark.is_empty() => {
            return pieces(split_bytes(bytes, mark).into_iter(), budget);
        }
        ("split", [] | [Datum::None], []) => {
            let parts = bytes.split(|b| is_space_byte(*b)).filter(|part| !part.is_empty());
            return pieces(parts, budget);
        }
        ("strip" | "lstrip" | "rstrip", set, []) => {
            let set = match set {
                [] | [Datum::None] => None,
                [Datum::Bytes(set)] => Some(set),
                _ => return Ok(None),
            };
            let stripped = |b: &u8| match set {
                None => is_space_byte(*b),
                // A set of bytes repeats itself behind 256 of them at the latest, and a long one is paid for as text.
                Some(set) => set.contains(b),
            };
            budget.steps(
                (set.map_or(1, |s| s.len()) as u64)
                    .saturating_mul(bytes.len() as u64)
                    .checked_div(64)
                    .unwrap_or(0),
            )?;
            let start = match name {
                "rstrip" => 0,
                _ => bytes.iter().position(|b| !stripped(b)).unwrap_or(bytes.len()),
            };
            let end = match name {
                "lstrip" => bytes.len(),
                _ => bytes
                    .iter()
                    .rposition(|b| !stripped(b))
                    .map_or(start, |at| at.saturating_add(1)),
            };
            bytes.get(start..end).map(<[u8]>::to_vec)
        }
        ("startswith", [Datum::Bytes(part)], []) => return Ok(Some(Datum::Bool(bytes.starts_with(part)))),
        ("endswith", [Datum::Bytes(part)], []) => return Ok(Some(Datum::Bool(bytes.ends_with(part)))),
        ("find" | "index", [Datum::Bytes(part)], []) => {
            return Ok(match find(bytes, part) {
                Some(at) => Some(Datum::Int(at as i128)),
                None => (name == "find").then_some(Datum::Int(-1)),
            });
        }
        ("lower", [], []) => Some(bytes.to_ascii_lowercase()),
        ("upper", [], []) => Some(bytes.to_ascii_uppercase()),
        ("translate", [Datum::Bytes(table)], []) => bytes
            .iter()
            .map(|b| table.get(usize::from(*b)).copied())
            .collect::<Option<_>>()
            .filter(|_| table.len() == 256),
        ("isascii", [], []) => return Ok(Some(Datum::Bool(bytes.is_ascii()))),
        _ => None,
    };
    Ok(out.and_then(Datum::bytes))
}

fn split_bytes<'a>(bytes: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    /// Longest mark; a longer one would be looked for at a cost that nobody paid.
    const LONGEST: usize = 64;
    let mut out = Vec::new();
    let mut rest = bytes;
    while mark.len() <= LONGEST
        && let Some(at) = rest.windows(mark.len()).position(|window| window == mark)
    {
        out.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at.saturating_add(mark.len())..).unwrap_or_default();
    }
    out.push(rest);
    out
}

fn pieces<'a>(parts: impl Iterator<Item = &'a [u8]>, budget: &mut Budget) -> Known {
    let mut out = Vec::new();
    for part in parts {
        pay(part.len().saturating_add(32), budget)?;
        if out.len() as u64 >= WEIGHT {
            return Ok(None);
        }
        out.push(Datum::Bytes(part.into()));
    }
    Ok(Datum::list(out))
}

fn join_bytes(mark: &[u8], values: &Datum, budget: &mut Budget) -> Known {
    let Some(values) = values.items() else {
        return Ok(None);
    };
    let mut out = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let Datum::Bytes(bytes) = value else {
            return Ok(None);
        };
        pay(bytes.len().saturating_add(mark.len()), budget)?;
        if at > 0 {
            out.extend_from_slice(mark);
        }
        out.extend_from_slice(bytes);
        if out.len() > CAP {
            return Ok(None);
        }
    }
    Ok(Datum::bytes(out))
}

fn replace_bytes(bytes: &[u8], old: &[u8], new: &[u8], budget: &mut Budget) -> Known {
    if old.len() > 64 {
        return Ok(None);
    }
    let parts = split_bytes(bytes, old);
    let copies = parts.len().saturating_sub(1).saturating_mul(new.len());
    if too_long(bytes.len().saturating_add(copies), budget)? {
        return Ok(None);
    }
    Ok(Datum::bytes(parts.join(new)))
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

fn of_items(
    receiver: &Datum,
    items: &[Datum],
    name: &str,
    given: Arguments<'_>,
    budget: &mut Budget,
) -> Known {
    match (name, given.positional, given.keywords) {
        ("copy", [], []) => Ok(Some(receiver.clone())),
        ("index" | "count", [value], []) => {
            let mut seen = 0_i128;
            for (at, item) in items.iter().enumerate() {
                pay(weigh(item).min(weigh(value)), budget)?;
                match item.equals(value) {
                    Some(true) if name == "index" => return Ok(Some(Datum::Int(at as i128))),
                    Some(true) => seen = seen.saturating_add(1),
                    Some(false) => {}
                    None => return Ok(None),
                }
            }
            Ok((name == "count").then_some(Datum::Int(seen)))
        }
        _ => Ok(None),
    }
}

fn of_pairs(
    receiver: &Datum,
    pairs: &super::Pairs,
    name: &str,
    given: Arguments<'_>,
    budget: &mut Budget,
) -> Known {
    match (name, given.positional, given.keywords) {
        ("copy", [], []) => Ok(Some(receiver.clone())),
        ("get", [key], []) => Ok(match (key.key(), pairs.find(key, budget)?) {
            (None, _) => None,
            (_, found) => Some(found.cloned().unwrap_or(Datum::None)),
        }),
        ("get", [key, other], []) => Ok(match (key.key(), pairs.find(key, budget)?) {
            (None, _) => None,
            (_, found) => Some(found.unwrap_or(other).clone()),
        }),
        ("keys", [], []) => Ok(Datum::list(pairs.iter().map(|(k, _)| k.clone()).collect())),
        ("values", [], []) => Ok(Datum::list(pairs.iter().map(|(_, v)| v.clone()).collect())),
        ("items", [], []) => {
            let items: Option<Vec<Datum>> = pairs
                .iter()
                .map(|(k, v)| Datum::tuple(vec![k.clone(), v.clone()]))
                .collect();
            Ok(items.and_then(Datum::list))
        }
        _ => Ok(None),
    }
}

/// `receiver.name(arguments)` where it changes the receiver (`append`, `extend`, `pop`, `reverse`, `update` …): the
/// receiver as it is afterwards, and what the call gives.
///
/// # Errors
/// When the budget ran out.
pub fn mutate(
    receiver: &Datum,
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Result<Option<(Datum, Datum)>, Exhausted> {
    pay(weigh(receiver), budget)?;
    match receiver {
        Datum::List(items) => {
            let mut all = items.to_vec();
            let result = change_list(&mut all, name, arguments, keywords, budget)?;
            Ok(result.and_then(|result| Some((Datum::list(all)?, result))))
        }
        Datum::Bytes(bytes) => {
            let items: Vec<Datum> = bytes.iter().map(|b| Datum::Int(i128::from(*b))).collect();
            let mut all = items;
            let result = change_list(&mut all, name, arguments, keywords, budget)?;
            let back: Option<Vec<u8>> = all
                .iter()
                .map(|item| item.as_int().and_then(|n| u8::try_from(n).ok()))
                .collect();
            Ok(result.and_then(|result| Some((Datum::bytes(back?)?, result))))
        }
        Datum::Dict(pairs) => {
            let mut all = pairs.to_vec();
            let result = change_dict(&mut all, name, arguments, keywords, budget)?;
            Ok(result.and_then(|result| Some((Datum::dict(all)?, result))))
        }
        Datum::Tool(tool) => Ok(match (tool.as_ref(), name, arguments) {
            (Tool::Digest(hash, data), "update", [Datum::Bytes(more)]) => {
                let all = Datum::bytes([data.as_ref(), more.as_ref()].concat());
                all.and_then(|all| match all {
                    Datum::Bytes(all) => Some((Datum::Tool(Arc::new(Tool::Digest(*hash, all))), Datum::None)),
                    _ => None,
                })
            }
            _ => None,
        }),
        _ => Ok(None),
    }
}

fn change_list(
    all: &mut Vec<Datum>,
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    let done = Ok(Some(Datum::None));
    match (name, arguments, keywords) {
        ("append", [value], []) => {
            all.push(value.clone());
            done
        }
        ("extend" | "__iadd__", [values], []) => match super::iterate(values, budget)? {
            Some(values) => {
                all.extend(values);
                done
            }
            None => Ok(None),
        },
        ("insert", [at, value], []) => {
            let Some(at) = at.as_int() else { return Ok(None) };
            let length = all.len() as i128;
            let at = if at < 0 {
                at.saturating_add(length).max(0)
            } else {
                at.min(length)
            };
            all.insert(usize::try_from(at).unwrap_or(0), value.clone());
            done
        }
        ("pop", [] | [_], []) => {
            let last = Datum::Int(-1);
            let at = place(arguments.first().unwrap_or(&last), all.len());
            Ok(at.map(|at| all.remove(at)))
        }
        ("remove", [value], []) => {
            for (at, item) in all.iter().enumerate() {
                pay(weigh(item).min(weigh(value)), budget)?;
                match item.equals(value) {
                    Some(false) => {}
                    Some(true) => {
                        all.remove(at);
                        return done;
                    }
                    None => return Ok(None),
                }
            }
            Ok(None)
        }
        ("reverse", [], []) => {
            all.reverse();
            done
        }
        ("clear", [], []) => {
            all.clear();
            done
        }
        ("sort", [], keywords) => {
            let given = Arguments {
                positional: &[],
                keywords,
            };
            match sorted(std::mem::take(all), given, budget)? {
                Some(new) => {
                    *all = new;
                    done
                }
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// `sorted(values, reverse=…)` by the values themselves.
pub(super) fn sorted(
    mut values: Vec<Datum>,
    given: Arguments<'_>,
    budget: &mut Budget,
) -> Result<Option<Vec<Datum>>, Exhausted> {
    if given
        .keywords
        .iter()
        .any(|(k, v)| k.as_ref() != "reverse" && !(k.as_ref() == "key" && *v == Datum::None))
    {
        return Ok(None);
    }
    let total: u64 = values.iter().map(Datum::weight).sum();
    budget.steps(total.saturating_mul(64))?;
    let reverse = given.truth(usize::MAX, "reverse", false);
    // Values of one kind have an order among themselves; two kinds may have none.
    let orderable = values.windows(2).all(|pair| match pair {
        [a, b] => a.order(b).is_some() && a.type_name() == b.type_name(),
        _ => true,
    });
    if !orderable || values.iter().any(|v| matches!(v, Datum::Float(f) if f.is_nan())) {
        return Ok(None);
    }
    let flat = values.iter().all(|v| v.items().is_none());
    if !flat {
        return Ok(None);
    }
    values.sort_by(|a, b| {
        let (a, b) = if reverse { (b, a) } else { (a, b) };
        a.order(b).unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok(Some(values))
}

fn change_dict(
    all: &mut Vec<(Datum, Datum)>,
    name: &str,
    arguments: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    budget.steps(all.len() as u64)?;
    let position = |all: &[(Datum, Datum)], key: &Datum| {
        let key = key.key()?;
        Some(all.iter().position(|(k, _)| k.key().as_ref() == Some(&key)))
    };
    match (name, arguments) {
        ("update", [] | [Datum::Dict(_)]) => {
            if let [Datum::Dict(more)] = arguments {
                budget.steps(more.len() as u64)?;
                all.extend(more.iter().cloned());
            }
            all.extend(
                keywords
                    .iter()
                    .map(|(k, v)| (Datum::Str(Arc::clone(k)), v.clone())),
            );
            Ok(Some(Datum::None))
        }
        ("setdefault", [key, value]) => match position(all, key) {
            None => Ok(None),
            Some(Some(at)) => Ok(all.get(at).map(|(_, v)| v.clone())),
            Some(None) => {
                all.push((key.clone(), value.clone()));
                Ok(Some(value.clone()))
            }
        },
        ("pop", [key, rest @ ..]) if rest.len() <= 1 => match position(all, key) {
            None => Ok(None),
            Some(Some(at)) => Ok(Some(all.remove(at).1)),
            Some(None) => Ok(rest.first().cloned()),
        },
        ("clear", []) => {
            all.clear();
            Ok(Some(Datum::None))
        }
        _ => Ok(None),
    }
}
