//! Methods of texts.

use super::{
    datum::{CAP, Datum, Known, WEIGHT, pay},
    decode::encode_text,
    methods::{Arguments, too_long},
    template::braces,
};
use std::sync::Arc;
use wellhead_core::{Budget, Exhausted};

/// White space, as `str.isspace` has it.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

pub(super) fn of_text(text: &str, name: &str, given: Arguments<'_>, budget: &mut Budget) -> Known {
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
        ("splitlines", [] | [Datum::Bool(_) | Datum::Int(_)], _) if given.are(&["keepends"]) => {
            let lines = lines(text, given.truth(0, "keepends", false));
            return texts(lines.into_iter(), budget);
        }
        ("strip" | "lstrip" | "rstrip", [] | [_], []) => {
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
    let width = width.as_int().filter(|n| i64::try_from(*n).is_ok())?;
    let width = usize::try_from(width.max(0))
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
