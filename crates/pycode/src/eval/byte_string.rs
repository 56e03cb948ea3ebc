//! Methods of bytes.

use super::{
    datum::{CAP, Datum, Known, WEIGHT, pay},
    decode::{decode, hex, to_hex},
    methods::{Arguments, too_long},
    operators::find,
};
use wellhead_core::Budget;

/// White space of bytes.
fn is_space_byte(b: u8) -> bool {
    b.is_ascii_whitespace() || b == 0x0b
}

pub(super) fn of_bytes(bytes: &[u8], name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
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
        ("split", [Datum::Bytes(mark)], []) if !mark.is_empty() && mark.len() <= LONGEST => {
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
        ("find" | "index", [value], []) => {
            let byte = value.as_int().and_then(|n| u8::try_from(n).ok());
            let found = byte.map(|byte| bytes.iter().position(|b| *b == byte));
            return Ok(match found {
                Some(Some(at)) => Some(Datum::Int(at as i128)),
                Some(None) => (name == "find").then_some(Datum::Int(-1)),
                None => None,
            });
        }
        ("count", [Datum::Bytes(part)], []) if !part.is_empty() && part.len() <= LONGEST => {
            let n = split_bytes(bytes, part).len().saturating_sub(1);
            return Ok(Some(Datum::Int(n as i128)));
        }
        ("partition", [Datum::Bytes(mark)], []) if !mark.is_empty() => {
            let parts = match find(bytes, mark) {
                Some(at) => {
                    let end = at.saturating_add(mark.len());
                    [bytes.get(..at), Some(mark.as_ref()), bytes.get(end..)]
                }
                None => [Some(bytes), Some(&[][..]), Some(&[])],
            };
            let parts = parts.map(|part| Datum::Bytes(part.unwrap_or_default().into()));
            return Ok(Datum::tuple(parts.to_vec()));
        }
        ("removeprefix", [Datum::Bytes(part)], []) => {
            Some(bytes.strip_prefix(part.as_ref()).unwrap_or(bytes).to_vec())
        }
        ("removesuffix", [Datum::Bytes(part)], []) => {
            Some(bytes.strip_suffix(part.as_ref()).unwrap_or(bytes).to_vec())
        }
        ("ljust" | "rjust", [width, fill @ ..], []) if fill.len() <= 1 => {
            let fill = match fill {
                [] => Some(b' '),
                [Datum::Bytes(fill)] if fill.len() == 1 => fill.first().copied(),
                _ => None,
            };
            let width = width.as_int().filter(|n| i64::try_from(*n).is_ok());
            let (Some(fill), Some(width)) = (fill, width) else {
                return Ok(None);
            };
            let width = usize::try_from(width.max(0)).unwrap_or(usize::MAX);
            if too_long(width, budget)? {
                return Ok(None);
            }
            let padding = vec![fill; width.saturating_sub(bytes.len())];
            Some(if name == "ljust" {
                [bytes, &padding].concat()
            } else {
                [&padding, bytes].concat()
            })
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

/// Longest mark; a longer one would be looked for at a cost that nobody paid.
const LONGEST: usize = 64;

/// The parts between marks of at most [`LONGEST`] bytes.
fn split_bytes<'a>(bytes: &'a [u8], mark: &[u8]) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(mark.len()).position(|window| window == mark) {
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
    if old.len() > LONGEST {
        return Ok(None);
    }
    let parts = split_bytes(bytes, old);
    let copies = parts.len().saturating_sub(1).saturating_mul(new.len());
    if too_long(bytes.len().saturating_add(copies), budget)? {
        return Ok(None);
    }
    Ok(Datum::bytes(parts.join(new)))
}
