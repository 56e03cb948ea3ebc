//! Filters and methods on values that are known: what a name is computed with.
//!
//! Each returns `None` where it is not followed; the caller decides what that means.

use super::value::Value;
use std::rc::Rc;

/// Arguments by name.
pub(super) type Named<'a> = &'a [(Rc<str>, Value)];

fn by_name<'a>(named: Named<'a>, name: &str) -> Option<&'a Value> {
    named.iter().find(|(n, _)| &**n == name).map(|(_, v)| v)
}

/// Longest text that is built; the caller treats what is longer as not followed.
pub(super) const MAX_TEXT: usize = 64 << 10;
/// Most elements of a list that is followed.
pub(super) const MAX_ITEMS: usize = 256;
/// Most elements that are copied or looked through; a template may write down a longer list, and refer to it in every other statement.
pub(super) const MAX_COPIED: usize = 4096;

fn text(out: impl Into<String>) -> Option<Value> {
    let out: String = out.into();
    (out.len() <= MAX_TEXT).then(|| Value::Str(Rc::from(out)))
}

fn arg(args: &[Value], i: usize) -> Option<&str> {
    args.get(i).and_then(Value::as_str)
}

fn chars(text: &str) -> Value {
    Value::list(
        text.chars()
            .take(MAX_ITEMS)
            .map(|c| Value::str(c.encode_utf8(&mut [0; 4])))
            .collect(),
    )
}

/// The elements of what can be gone over.
pub(super) fn elements(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(items) if items.len() <= MAX_COPIED => Some(items.to_vec()),
        Value::Str(text) if text.chars().nth(MAX_ITEMS).is_none() => match chars(text) {
            Value::List(items) => Some(items.to_vec()),
            _ => None,
        },
        Value::Dict(pairs) if pairs.len() <= MAX_COPIED => {
            Some(pairs.iter().map(|(k, _)| k.clone()).collect())
        }
        Value::Range(n) if *n <= MAX_ITEMS as u64 => {
            Some((0..i64::try_from(*n).unwrap_or(0)).map(Value::Int).collect())
        }
        _ => None,
    }
}

/// `[…]` by a number; a negative one counts from the end.
pub(super) fn index(value: &Value, at: i64) -> Option<Value> {
    let place = |length: usize| {
        let length = i64::try_from(length).ok()?;
        let at = if at < 0 { at.checked_add(length)? } else { at };
        usize::try_from(at).ok().filter(|_| at < length)
    };
    match value {
        Value::List(items) => items.get(place(items.len())?).cloned(),
        Value::Str(text) => {
            let c = text.chars().nth(place(text.chars().count())?)?;
            Some(Value::str(c.encode_utf8(&mut [0; 4])))
        }
        _ => None,
    }
}

/// `[start:end:step]`.
pub(super) fn slice(value: &Value, ends: [Option<i64>; 3]) -> Option<Value> {
    let items = match value {
        Value::Str(text) if text.len() > MAX_TEXT => return None,
        Value::Str(text) => text
            .chars()
            .map(|c| Value::str(c.encode_utf8(&mut [0; 4])))
            .collect(),
        other => elements(other)?,
    };
    let length = i64::try_from(items.len()).ok()?;
    let step = ends[2].unwrap_or(1);
    if step == 0 {
        return None;
    }
    let clamp =
        |n: i64, low: i64, high: i64| (if n < 0 { n.saturating_add(length) } else { n }).clamp(low, high);
    let last = length.saturating_sub(1);
    let (start, end) = if step > 0 {
        (
            ends[0].map_or(0, |n| clamp(n, 0, length)),
            ends[1].map_or(length, |n| clamp(n, 0, length)),
        )
    } else {
        (
            ends[0].map_or(last, |n| clamp(n, -1, last)),
            ends[1].map_or(-1, |n| clamp(n, -1, last)),
        )
    };
    let mut out = Vec::new();
    let mut at = start;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        out.extend(usize::try_from(at).ok().and_then(|i| items.get(i)).cloned());
        at = at.saturating_add(step);
    }
    match value {
        Value::Str(_) => joined(&out, ""),
        _ => Some(Value::list(out)),
    }
}

/// The texts of a list with something between them.
pub(super) fn joined(items: &[Value], between: &str) -> Option<Value> {
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(between);
        }
        out.push_str(&item.printed()?);
        if out.len() > MAX_TEXT {
            return None;
        }
    }
    text(out)
}

/// What a filter makes of a known value.
pub(super) fn filter(name: &str, value: &Value, args: &[Value], named: Named<'_>) -> Option<Value> {
    match name {
        "string" | "safe" | "escape" | "e" | "forceescape" | "striptags" => {
            Some(Value::Str(value.printed()?))
        }
        "list" => elements(value).map(Value::list),
        "first" => elements(value)?.first().cloned(),
        "last" => elements(value)?.last().cloned(),
        "reverse" => match value {
            Value::Str(t) => text(t.chars().rev().collect::<String>()),
            other => {
                let mut items = elements(other)?;
                items.reverse();
                Some(Value::list(items))
            }
        },
        "join" => {
            let items = elements(value)?;
            joined(&items, args.first().map_or(Some(""), Value::as_str)?)
        }
        "length" | "count" => {
            let n = match value {
                Value::Str(t) => t.chars().count(),
                Value::List(items) => items.len(),
                Value::Dict(pairs) => pairs.len(),
                other => elements(other)?.len(),
            };
            i64::try_from(n).ok().map(Value::Int)
        }
        "sort" | "unique" if args.is_empty() => {
            let mut items = elements(value)?;
            if items.iter().any(|v| v.as_str().is_none()) {
                return None;
            }
            if name == "sort" {
                items.sort_by_key(|v| v.as_str().unwrap_or_default().to_lowercase());
            } else {
                items.dedup_by(|a, b| a.as_str() == b.as_str());
            }
            Some(Value::list(items))
        }
        "items" | "dictsort" => method(value, "items", &[], &[]),
        "int" => match value {
            Value::Str(t) => Some(Value::Int(t.trim().parse().unwrap_or(0))),
            Value::Int(n) => Some(Value::Int(*n)),
            Value::Bool(b) => Some(Value::Int((*b).into())),
            _ => None,
        },
        "abs" => match value {
            Value::Int(n) => Some(Value::Int(n.saturating_abs())),
            _ => None,
        },
        "default" | "d" => match value {
            Value::None if args.get(1).and_then(Value::truth) == Some(true) => args.first().cloned(),
            known => Some(known.clone()),
        },
        "format" => percent(value.as_str()?, args, named),
        "replace" | "upper" | "lower" | "title" | "capitalize" | "center" => method(value, name, args, named),
        "trim" => method(value, "strip", args, named),
        "batch" | "slice" | "wordcount" | "truncate" | "indent" => None,
        _ => None,
    }
}

/// What a method makes of a known value.
pub(super) fn method(value: &Value, name: &str, args: &[Value], named: Named<'_>) -> Option<Value> {
    match value {
        Value::Str(t) => text_method(t, name, args, named),
        Value::Dict(pairs) => match name {
            "items" | "keys" | "values" if pairs.len() > MAX_COPIED => None,
            "items" => Some(Value::list(
                pairs
                    .iter()
                    .map(|(k, v)| Value::list(vec![k.clone(), v.clone()]))
                    .collect(),
            )),
            "keys" => Some(Value::list(pairs.iter().map(|(k, _)| k.clone()).collect())),
            "values" => Some(Value::list(pairs.iter().map(|(_, v)| v.clone()).collect())),
            "get" | "pop" => {
                let key = args.first()?;
                let found = pairs.iter().rev().find(|(k, _)| k.equals(key) == Some(true));
                found
                    .map(|(_, v)| v.clone())
                    .or_else(|| Some(args.get(1).cloned().unwrap_or(Value::None)))
            }
            "copy" => Some(value.clone()),
            _ => None,
        },
        Value::List(items) => match name {
            "pop" => index(value, -1),
            "copy" => Some(value.clone()),
            "index" | "count" => {
                let key = args.first()?;
                let n = items.iter().position(|v| v.equals(key) == Some(true))?;
                i64::try_from(n).ok().map(Value::Int)
            }
            _ => None,
        },
        _ => None,
    }
}

fn text_method(t: &str, name: &str, args: &[Value], named: Named<'_>) -> Option<Value> {
    let strip = |side: fn(&str, &[char]) -> String| {
        let set: Vec<char> = match arg(args, 0) {
            Some(set) => set.chars().take(64).collect(),
            None if args.is_empty() => vec![' ', '\t', '\n', '\r', '\x0b', '\x0c'],
            None => return None,
        };
        text(side(t, &set))
    };
    match name {
        "upper" => text(t.to_uppercase()),
        "lower" | "casefold" => text(t.to_lowercase()),
        "title" => text(titled(t)),
        "capitalize" => {
            let mut chars = t.chars();
            let first = chars.next().map(|c| c.to_uppercase().to_string());
            text(first.unwrap_or_default() + &chars.as_str().to_lowercase())
        }
        "swapcase" => text(
            t.chars()
                .map(|c| {
                    if c.is_uppercase() {
                        c.to_lowercase().to_string()
                    } else {
                        c.to_uppercase().to_string()
                    }
                })
                .collect::<String>(),
        ),
        "strip" => strip(|t, set| t.trim_matches(set).to_owned()),
        "lstrip" => strip(|t, set| t.trim_start_matches(set).to_owned()),
        "rstrip" => strip(|t, set| t.trim_end_matches(set).to_owned()),
        "removeprefix" => text(t.strip_prefix(arg(args, 0)?).unwrap_or(t)),
        "removesuffix" => text(t.strip_suffix(arg(args, 0)?).unwrap_or(t)),
        "replace" => {
            let (from, to) = (arg(args, 0)?, arg(args, 1)?);
            let grown = t
                .len()
                .saturating_add(t.len().saturating_add(1).saturating_mul(to.len()));
            if grown > MAX_TEXT.saturating_mul(4) {
                return None;
            }
            text(t.replace(from, to))
        }
        "join" => joined(&elements(args.first()?)?, t),
        "split" | "rsplit" | "splitlines" => {
            let parts: Vec<Value> = match (name, arg(args, 0)) {
                ("splitlines", _) => t.lines().map(Value::str).collect(),
                (_, Some(by)) if !by.is_empty() && args.len() == 1 => t.split(by).map(Value::str).collect(),
                (_, None) if args.is_empty() => t.split_whitespace().map(Value::str).collect(),
                _ => return None,
            };
            (parts.len() <= MAX_ITEMS).then(|| Value::list(parts))
        }
        "startswith" => Some(Value::Bool(t.starts_with(arg(args, 0)?))),
        "endswith" => Some(Value::Bool(t.ends_with(arg(args, 0)?))),
        "find" | "index" => {
            let at = t.find(arg(args, 0)?)?;
            let before = t.get(..at)?.chars().count();
            i64::try_from(before).ok().map(Value::Int)
        }
        "format" => braces(t, args, named),
        "encode" | "decode" | "expandtabs" | "__str__" => text(t),
        "__add__" => text(format!("{t}{}", arg(args, 0)?)),
        "center" | "ljust" | "rjust" | "zfill" => {
            let Some(Value::Int(width)) = args.first() else {
                return None;
            };
            let width = usize::try_from(*width).unwrap_or(0);
            (width <= t.chars().count()).then(|| Value::str(t))
        }
        _ => None,
    }
}

fn titled(t: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in t.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        inside = c.is_alphabetic();
    }
    out
}

/// `'%s' % value`.
pub(super) fn percent(format: &str, args: &[Value], named: Named<'_>) -> Option<Value> {
    let mut out = String::new();
    let mut args = args.iter();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let (key, after) = match after.strip_prefix('(').and_then(|a| a.split_once(')')) {
            Some((key, behind)) => (Some(key), behind),
            None => (None, after),
        };
        let spec = after.find(|c: char| c.is_alphabetic() || c == '%')?;
        let kind = after.get(spec..)?.chars().next()?;
        rest = after.get(spec.saturating_add(1)..)?;
        if kind == '%' {
            out.push('%');
            continue;
        }
        // Widths and precisions would need more; a name needs none.
        if spec > 0 {
            return None;
        }
        let value = match key {
            Some(key) => by_name(named, key)?,
            None => args.next()?,
        };
        match (kind, value) {
            ('c', Value::Int(n)) => out.push(u32::try_from(*n).ok().and_then(char::from_u32)?),
            ('x', Value::Int(n)) => out.push_str(&format!("{n:x}")),
            ('s' | 'd' | 'i' | 'c' | 'a', value) => out.push_str(&value.printed()?),
            ('r', value) => out.push_str(&value.repr()?),
            _ => return None,
        }
        if out.len() > MAX_TEXT {
            return None;
        }
    }
    out.push_str(rest);
    text(out)
}

/// A field of `'{0.a[b]}'.format(…)`: what stands in the braces.
pub(super) fn fields(format: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = format;
    while let Some(start) = rest.find('{') {
        let after = rest.get(start.saturating_add(1)..).unwrap_or_default();
        if let Some(escaped) = after.strip_prefix('{') {
            rest = escaped;
            continue;
        }
        let Some(end) = after.find('}') else { break };
        out.extend(after.get(..end));
        rest = after.get(end..).unwrap_or_default();
        if out.len() >= MAX_ITEMS {
            break;
        }
    }
    out
}

/// `'{}'.format(value)` where every field is a plain number or nothing.
fn braces(format: &str, args: &[Value], named: Named<'_>) -> Option<Value> {
    let mut out = String::new();
    let mut rest = format;
    let mut next = 0_usize;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(rest.get(..at)?);
        let tail = rest.get(at..)?;
        if tail.starts_with("{{") || tail.starts_with("}}") {
            out.push_str(tail.get(..1)?);
            rest = tail.get(2..)?;
            continue;
        }
        let (field, behind) = tail.strip_prefix('{')?.split_once('}')?;
        let (field, spec) = field.split_once(':').unwrap_or((field, ""));
        let field = field.split('!').next().unwrap_or_default();
        let value = if field.is_empty() {
            let i = next;
            next = next.saturating_add(1);
            args.get(i)?
        } else {
            match field.parse::<usize>() {
                Ok(i) => args.get(i)?,
                Err(_) => by_name(named, field)?,
            }
        };
        match (spec, value) {
            ("c", Value::Int(n)) => out.push(u32::try_from(*n).ok().and_then(char::from_u32)?),
            ("" | "s" | "d", value) => out.push_str(&value.printed()?),
            _ => return None,
        }
        if out.len() > MAX_TEXT {
            return None;
        }
        rest = behind;
    }
    out.push_str(rest);
    text(out)
}

/// The largest width or precision that a format asks for.
pub(super) fn width(format: &str) -> u64 {
    format
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .max()
        .unwrap_or(0)
}
