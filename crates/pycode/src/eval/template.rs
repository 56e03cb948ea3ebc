//! Texts with places for values: `%` and `str.format`.

use super::{
    datum::{CAP, Datum, Known, pay},
    format::{ascii, render, repr, spell, string},
    index,
};
use std::sync::Arc;
use wellhead_core::{Budget, Exhausted};

/// `text % values`.
pub(super) fn percent(text: &str, values: &Datum, budget: &mut Budget) -> Known {
    pay(text.len(), budget)?;
    let mut queue = match values {
        Datum::Tuple(items) => items.to_vec(),
        one => vec![one.clone()],
    }
    .into_iter();
    let mut out = String::new();
    let mut used_name = false;
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let mut after = after;
        if let Some(tail) = after.strip_prefix('%') {
            out.push('%');
            rest = tail;
            continue;
        }
        let mut named = None;
        if let Some(tail) = after.strip_prefix('(') {
            let Some((name, tail)) = tail.split_once(')') else {
                return Ok(None);
            };
            named = Some(Datum::Str(name.into()));
            after = tail;
        }
        let end = after.find(|c: char| !"-0# +.123456789".contains(c));
        let (flags, kind) = match end.and_then(|end| Some((after.get(..end)?, after.get(end..)?))) {
            Some((flags, tail)) => {
                let mut chars = tail.chars();
                let kind = chars.next();
                rest = chars.as_str();
                (flags, kind)
            }
            None => return Ok(None),
        };
        let value = match &named {
            Some(name) => {
                used_name = true;
                index(values, name, budget)?
            }
            None => queue.next(),
        };
        let (Some(value), Some(kind)) = (value, kind) else {
            return Ok(None);
        };
        let Some(piece) = directive(&value, flags, kind, budget)? else {
            return Ok(None);
        };
        pay(piece.len(), budget)?;
        out.push_str(&piece);
        if out.len() > CAP {
            return Ok(None);
        }
    }
    out.push_str(rest);
    // What is left over is an error, except for a mapping.
    let left_over = queue.next().is_some() && !used_name && !matches!(values, Datum::Dict(_));
    Ok(if left_over { None } else { Datum::text(out) })
}

/// One `%` of a format.
fn directive(
    value: &Datum,
    flags: &str,
    kind: char,
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    let bare = flags.trim_start_matches(['-', '0', '#', ' ', '+']);
    let (width, precision) = bare.split_once('.').unwrap_or((bare, ""));
    let has_precision = bare.contains('.');
    let has = |c: char| {
        flags
            .get(..flags.len().saturating_sub(bare.len()))
            .is_some_and(|f| f.contains(c))
    };
    let text = match kind {
        's' => string(value, budget)?,
        'r' => repr(value, budget)?,
        'a' => repr(value, budget)?.map(|t| ascii(&t)),
        'c' => match value {
            Datum::Str(text) if text.chars().count() == 1 => Some(text.as_ref().to_owned()),
            other => other
                .as_int()
                .and_then(|n| u32::try_from(n).ok())
                .and_then(char::from_u32)
                .map(String::from),
        },
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' | 'f' | 'F' => {
            let kind = if matches!(kind, 'i' | 'u') { 'd' } else { kind };
            if has_precision && !matches!(kind, 'f' | 'F') || matches!(value, Datum::Float(_)) && kind == 'd'
            {
                return Ok(None);
            }
            let align = if has('-') { "<" } else { "" };
            let sign = if has('+') {
                "+"
            } else if has(' ') {
                " "
            } else {
                ""
            };
            let alternate = if has('#') { "#" } else { "" };
            let zero = if has('0') && !has('-') { "0" } else { "" };
            let dot = if has_precision { "." } else { "" };
            let precision = if has_precision && precision.is_empty() {
                "0"
            } else {
                precision
            };
            let spec = format!("{align}{sign}{alternate}{zero}{width}{dot}{precision}{kind}");
            return Ok(spell(value, &spec));
        }
        _ => None,
    };
    let Some(text) = text else { return Ok(None) };
    let align = if has('-') { "<" } else { ">" };
    let dot = match (has_precision, precision) {
        (false, _) => String::new(),
        (true, "") => ".0".to_owned(),
        (true, n) => format!(".{n}"),
    };
    Ok(Datum::text(text).and_then(|text| spell(&text, &format!("{align}{width}{dot}s"))))
}

/// `text.format(…)`.
pub(super) fn braces(
    text: &str,
    positional: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    let mut next = 0_usize;
    fill(text, &mut next, positional, keywords, 2, budget)
}

fn fill(
    text: &str,
    next: &mut usize,
    positional: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    depth: u8,
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    pay(text.len(), budget)?;
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let (mark, after) = after.split_at_checked(1).unwrap_or((after, ""));
        if let Some(tail) = after.strip_prefix(mark) {
            out.push_str(mark);
            rest = tail;
            continue;
        }
        let Some((field, tail)) = field_of(after).filter(|_| mark == "{" && depth > 0) else {
            return Ok(None);
        };
        rest = tail;
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = match name.split_once('!') {
            Some((name, conversion)) => (name, conversion.chars().next()),
            None => (name, None),
        };
        let Some(value) = argument(name, next, positional, keywords, budget)? else {
            return Ok(None);
        };
        let Some(spec) = fill(spec, next, positional, keywords, depth.saturating_sub(1), budget)? else {
            return Ok(None);
        };
        let Some(piece) = render(&value, conversion, &spec, budget)? else {
            return Ok(None);
        };
        pay(piece.len(), budget)?;
        out.push_str(&piece);
        if out.len() > CAP {
            return Ok(None);
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

/// The field up to its closing brace, and what follows.
fn field_of(text: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open = open.saturating_add(1),
            '}' if open == 0 => return Some((text.get(..at)?, text.get(at..)?.strip_prefix('}')?)),
            '}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// `0`, `name`, `0[key]`.
fn argument(
    name: &str,
    next: &mut usize,
    positional: &[Datum],
    keywords: &[(Arc<str>, Datum)],
    budget: &mut Budget,
) -> Known {
    let (first, mut path) = match name.find(['[', '.']) {
        Some(at) => name.split_at_checked(at).unwrap_or((name, "")),
        None => (name, ""),
    };
    let found = if first.is_empty() {
        let at = *next;
        *next = next.saturating_add(1);
        positional.get(at)
    } else if first.chars().all(|c| c.is_ascii_digit()) {
        first.parse::<usize>().ok().and_then(|at| positional.get(at))
    } else {
        keywords.iter().find(|(k, _)| k.as_ref() == first).map(|(_, v)| v)
    };
    let Some(mut value) = found.cloned() else {
        return Ok(None);
    };
    while !path.is_empty() {
        let Some((key, tail)) = path.strip_prefix('[').and_then(|p| p.split_once(']')) else {
            return Ok(None);
        };
        path = tail;
        let key = match key.parse::<u32>() {
            Ok(n) => Datum::Int(n.into()),
            Err(_) => Datum::Str(key.into()),
        };
        let Some(inner) = index(&value, &key, budget)? else {
            return Ok(None);
        };
        value = inner;
    }
    Ok(Some(value))
}
