//! The functions of Helm and Sprig that charts use. What is not listed is not known.

use super::{
    LONGEST,
    eval::Engine,
    value::{Kind, Value, quoted},
};
use crate::kubernetes::object::UNKNOWN;
use std::{ops::Range, rc::Rc};
use wellhead_formats::text;

/// The version of a cluster of today.
pub(super) const CLUSTER: (i64, i64) = (1, 31);

/// A call with its arguments evaluated; what is piped comes last.
pub(super) fn call(name: &str, arguments: &[Value], engine: &Engine<'_>) -> Value {
    let size = arguments.iter().map(weight).fold(1, usize::saturating_add);
    if !engine.pay(size) {
        return Value::default();
    }
    conditions(name, arguments)
        .or_else(|| texts(name, arguments))
        .or_else(|| collections(name, arguments))
        .or_else(|| encodings(name, arguments, engine))
        .or_else(|| numbers(name, arguments))
        .unwrap_or_default()
}

fn weight(value: &Value) -> usize {
    match &value.kind {
        Kind::Text(t) => t.len(),
        Kind::List(items) => items.len().saturating_mul(8),
        Kind::Map(entries) => entries.len().saturating_mul(8),
        _ => 1,
    }
}

/// A text that keeps the place of the value it was made from.
fn made(from: &Value, text: &str) -> Value {
    if text.len() > LONGEST {
        return Value::default();
    }
    Value::at(&from.span, Kind::Text(Rc::from(text)))
}

/// Whether two values are the same; none where one is not known.
fn same(a: &Value, b: &Value) -> Option<bool> {
    if a.is_unknown() || b.is_unknown() {
        return None;
    }
    match (&a.kind, &b.kind) {
        (Kind::Number(_), Kind::Number(_)) => Some(a.as_number() == b.as_number()),
        (Kind::List(_) | Kind::Map(_), Kind::List(_) | Kind::Map(_)) => Some(a.printed() == b.printed()),
        (Kind::List(_) | Kind::Map(_), _) | (_, Kind::List(_) | Kind::Map(_)) => Some(false),
        _ => Some(a.printed() == b.printed()),
    }
}

fn known(b: Option<bool>) -> Value {
    b.map_or_else(Value::default, Value::bool)
}

fn conditions(name: &str, a: &[Value]) -> Option<Value> {
    let first = a.first();
    Some(match name {
        "and" => match a.iter().find(|v| v.truth() == Some(false)) {
            Some(v) => v.clone(),
            None if a.iter().any(|v| v.truth().is_none()) => Value::default(),
            None => a.last()?.clone(),
        },
        "or" => match a.iter().find(|v| v.truth() == Some(true)) {
            Some(v) => v.clone(),
            None if a.iter().any(|v| v.truth().is_none()) => Value::default(),
            None => a.last()?.clone(),
        },
        "not" => known(first?.truth().map(|b| !b)),
        "eq" => {
            let others = a.get(1..)?;
            let all: Vec<Option<bool>> = others.iter().map(|v| same(first.unwrap_or(v), v)).collect();
            if all.contains(&Some(true)) {
                Value::bool(true)
            } else if all.contains(&None) {
                Value::default()
            } else {
                Value::bool(false)
            }
        }
        "ne" => known(same(first?, a.get(1)?).map(|b| !b)),
        "lt" | "le" | "gt" | "ge" => {
            let order = first?.as_number()?.cmp(&a.get(1)?.as_number()?);
            Value::bool(match name {
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        "empty" => known(first?.truth().map(|b| !b)),
        "default" => {
            let value = a.get(1)?;
            match value.truth() {
                Some(true) => value.clone(),
                Some(false) => first?.clone(),
                None => Value::default(),
            }
        }
        "coalesce" => {
            let found = a.iter().find(|v| v.truth() != Some(false));
            found.cloned().unwrap_or_else(Value::nil)
        }
        "ternary" => match a.get(2)?.truth() {
            Some(true) => first?.clone(),
            Some(false) => a.get(1)?.clone(),
            None => Value::default(),
        },
        // What somebody must give is not known.
        "required" => match a.get(1)?.truth() {
            Some(false) => Value::default(),
            _ => a.get(1)?.clone(),
        },
        "fail" => Value::text(""),
        "kindIs" | "typeIs" => known(kind_of(a.get(1)?).map(|k| Some(k) == first.and_then(Value::as_str))),
        "kindOf" | "typeOf" => Value::text(kind_of(first?)?),
        "semverCompare" => known(semver(first?.as_str()?, a.get(1)?.as_str())),
        // Nothing is looked up where there is no cluster.
        "lookup" => Value::map(Vec::new()),
        _ => return None,
    })
}

fn kind_of(value: &Value) -> Option<&'static str> {
    Some(match &value.kind {
        Kind::Unknown => return None,
        Kind::Nil => "invalid",
        Kind::Bool(_) => "bool",
        Kind::Number(n) if n.contains('.') => "float64",
        Kind::Number(_) => "int64",
        Kind::Text(_) => "string",
        Kind::List(_) => "slice",
        Kind::Map(_) => "map",
    })
}

/// `>=1.19-0` against a version.
fn semver(constraint: &str, version: Option<&str>) -> Option<bool> {
    let version = match version {
        Some(text) => pair(text)?,
        None => CLUSTER,
    };
    let mut all = true;
    for part in constraint.split([',', ' ']).filter(|p| !p.is_empty()) {
        if part == "||" {
            return None;
        }
        let operator: String = part
            .chars()
            .take_while(|c| !c.is_ascii_digit() && *c != 'v')
            .collect();
        let wanted = pair(part.get(operator.len()..)?)?;
        all &= match operator.as_str() {
            ">=" => version >= wanted,
            ">" => version > wanted,
            "<=" => version <= wanted,
            "<" => version < wanted,
            "^" => version.0 == wanted.0 && version >= wanted,
            "~" | "=" | "" => version == wanted,
            "!=" => version != wanted,
            _ => return None,
        };
    }
    Some(all)
}

fn pair(text: &str) -> Option<(i64, i64)> {
    let mut parts = text.trim_start_matches('v').split(['.', '-', '+']);
    let major = parts.next()?.parse().ok()?;
    Some((
        major,
        parts.next().and_then(|p| p.parse().ok()).unwrap_or_default(),
    ))
}

fn texts(name: &str, a: &[Value]) -> Option<Value> {
    let last = a.last()?;
    let text = || last.printed();
    let arg = |i: usize| a.get(i).map(Value::printed);
    if let Some(wrapped) = wrapped(name, a, last) {
        return Some(wrapped);
    }
    Some(match name {
        "upper" => made(last, &text().to_uppercase()),
        "lower" => made(last, &text().to_lowercase()),
        "title" | "untitle" | "html" | "urlquery" | "camelcase" => last.clone(),
        "trim" => made(last, text().trim()),
        "nospace" => made(last, &text().replace(char::is_whitespace, "")),
        "trimSuffix" => {
            let (text, end) = (text(), arg(0)?);
            made(last, text.strip_suffix(&end).unwrap_or(&text))
        }
        "trimPrefix" => {
            let (text, start) = (text(), arg(0)?);
            made(last, text.strip_prefix(&start).unwrap_or(&text))
        }
        "trimAll" => {
            let cut = arg(0)?;
            made(last, text().trim_matches(|c| cut.contains(c)))
        }
        "trunc" => {
            let (text, n) = (text(), a.first()?.as_number()?);
            let count = usize::try_from(n.unsigned_abs()).ok()?;
            let len = text.chars().count();
            let skip = if n < 0 { len.saturating_sub(count) } else { 0 };
            made(last, &text.chars().skip(skip).take(count).collect::<String>())
        }
        "replace" => {
            let (from, to) = (arg(0)?, arg(1)?);
            if from.is_empty() || to.len() > from.len().saturating_mul(64) {
                return None;
            }
            made(last, &text().replace(&from, &to))
        }
        "repeat" => {
            let n = usize::try_from(a.first()?.as_number()?).ok()?;
            if n.saturating_mul(text().len()) > LONGEST {
                return None;
            }
            made(last, &text().repeat(n))
        }
        "contains" | "hasPrefix" | "hasSuffix" => {
            if last.is_unknown() || a.first()?.is_unknown() {
                return None;
            }
            let (part, whole) = (arg(0)?, text());
            Value::bool(match name {
                "contains" => whole.contains(&part),
                "hasPrefix" => whole.starts_with(&part),
                _ => whole.ends_with(&part),
            })
        }
        "printf" => printf(a)?,
        "print" | "cat" => {
            let separator = if name == "cat" { " " } else { "" };
            made(
                last,
                &a.iter().map(Value::printed).collect::<Vec<_>>().join(separator),
            )
        }
        "toString" | "toStrings" | "tostring" => made(last, &text()),
        "join" => {
            let items: Vec<String> = last.items().iter().map(Value::printed).collect();
            made(last, &items.join(&arg(0)?))
        }
        "splitList" | "split" => {
            let (separator, whole) = (arg(0)?, text());
            if separator.is_empty() {
                return None;
            }
            let parts: Vec<Value> = whole
                .split(separator.as_str())
                .take(1024)
                .map(|p| made(last, p))
                .collect();
            if name == "splitList" {
                Value::list(parts)
            } else {
                Value::map(
                    parts
                        .into_iter()
                        .enumerate()
                        .map(|(i, v)| (format!("_{i}"), v))
                        .collect(),
                )
            }
        }
        _ => return None,
    })
}

/// Quotes and indents.
fn wrapped(name: &str, a: &[Value], last: &Value) -> Option<Value> {
    match name {
        "quote" => {
            // What is not there is not quoted.
            let all = a.iter().filter(|v| !matches!(v.kind, Kind::Nil));
            let all: Vec<String> = all.map(|v| quoted(&v.printed())).collect();
            Some(made(last, &all.join(" ")))
        }
        "squote" => Some(made(last, &format!("'{}'", last.printed().replace('\'', "''")))),
        "indent" | "nindent" => {
            let n = usize::try_from(a.first()?.as_number()?)
                .ok()?
                .min(super::MOST_INDENT);
            let text = last.printed();
            if text.lines().count().saturating_mul(n).saturating_add(text.len()) > LONGEST {
                return Some(Value::default());
            }
            let pad = " ".repeat(n);
            let lines: Vec<String> = text.split('\n').map(|l| format!("{pad}{l}")).collect();
            let start = if name == "nindent" { "\n" } else { "" };
            Some(made(last, &format!("{start}{}", lines.join("\n"))))
        }
        _ => None,
    }
}

fn printf(a: &[Value]) -> Option<Value> {
    let (pattern, mut rest) = (a.first()?.printed(), a.iter().skip(1));
    let mut out = String::new();
    let mut text = pattern.as_str();
    let mut from: Option<&Value> = None;
    while let Some((before, after)) = text.split_once('%') {
        out.push_str(before);
        let flags = after
            .find(|c: char| c.is_alphabetic() || c == '%')
            .unwrap_or(after.len());
        let verb = after.get(flags..).and_then(|t| t.chars().next()).unwrap_or('%');
        text = after
            .get(flags.saturating_add(verb.len_utf8())..)
            .unwrap_or_default();
        match verb {
            '%' => out.push('%'),
            'q' => out.push_str(&quoted(&rest.next().map(Value::printed).unwrap_or_default())),
            _ => {
                let value = rest.next();
                from = from.or(value);
                out.push_str(&value.map_or(UNKNOWN.to_string(), Value::printed));
            }
        }
        if out.len() > LONGEST {
            return None;
        }
    }
    out.push_str(text);
    Some(made(from.unwrap_or(&Value::default()), &out))
}

fn collections(name: &str, a: &[Value]) -> Option<Value> {
    let first = a.first();
    Some(match name {
        "list" | "tuple" => Value::list(a.to_vec()),
        "dict" => {
            let pairs = a
                .chunks(2)
                .filter_map(|c| Some((c.first()?.printed(), c.get(1).cloned().unwrap_or_else(Value::nil))));
            Value::map(pairs.collect())
        }
        "get" => first?.get(&a.get(1)?.printed()),
        "set" => {
            let mut entries = first?.entries().to_vec();
            let key = a.get(1)?.printed();
            entries.retain(|(k, _)| *k != key);
            entries.push((key, a.get(2)?.clone()));
            Value::at(&first?.span, Kind::Map(Rc::new(entries)))
        }
        "unset" | "omit" => {
            let gone: Vec<String> = a.iter().skip(1).map(Value::printed).collect();
            let entries = first?
                .entries()
                .iter()
                .filter(|(k, _)| !gone.contains(k))
                .cloned();
            Value::at(&first?.span, Kind::Map(Rc::new(entries.collect())))
        }
        "pick" => {
            let kept: Vec<String> = a.iter().skip(1).map(Value::printed).collect();
            let entries = first?.entries().iter().filter(|(k, _)| kept.contains(k)).cloned();
            Value::at(&first?.span, Kind::Map(Rc::new(entries.collect())))
        }
        "hasKey" => match &first?.kind {
            Kind::Map(entries) => {
                let key = a.get(1)?.printed();
                Value::bool(entries.iter().any(|(k, _)| *k == key))
            }
            Kind::Unknown => Value::default(),
            _ => Value::bool(false),
        },
        "keys" => Value::list(first?.entries().iter().map(|(k, _)| Value::text(k)).collect()),
        "values" => Value::list(first?.entries().iter().map(|(_, v)| v.clone()).collect()),
        "merge" | "mustMerge" => {
            let mut out = first?.clone();
            for more in a.iter().skip(1) {
                out = more.overlaid(&out, 16);
            }
            out
        }
        "mergeOverwrite" | "mustMergeOverwrite" => {
            let mut out = first?.clone();
            for more in a.iter().skip(1) {
                out = out.overlaid(more, 16);
            }
            out
        }
        "deepCopy" | "mustDeepCopy" | "sortAlpha" | "uniq" | "compact" | "mustUniq" => first?.clone(),
        "dig" => {
            let (table, rest) = a.split_last()?;
            let (otherwise, keys) = rest.split_last()?;
            let mut at = table.clone();
            for key in keys {
                at = at.get(&key.printed());
            }
            if matches!(at.kind, Kind::Nil) {
                otherwise.clone()
            } else {
                at
            }
        }
        "first" => first?.items().first().cloned().unwrap_or_else(Value::nil),
        "last" => first?.items().last().cloned().unwrap_or_else(Value::nil),
        "rest" => Value::list(first?.items().iter().skip(1).cloned().collect()),
        "initial" => {
            let items = first?.items();
            Value::list(
                items
                    .iter()
                    .take(items.len().saturating_sub(1))
                    .cloned()
                    .collect(),
            )
        }
        "append" | "push" => {
            let mut items = first?.items().to_vec();
            items.push(a.get(1)?.clone());
            Value::list(items)
        }
        "prepend" => {
            let mut items = vec![a.get(1)?.clone()];
            items.extend(first?.items().iter().cloned());
            Value::list(items)
        }
        "concat" => Value::list(
            a.iter()
                .flat_map(|v| v.items().iter().cloned())
                .take(super::MOST_ITEMS)
                .collect(),
        ),
        "without" => {
            let kept = first?
                .items()
                .iter()
                .filter(|v| !a.iter().skip(1).any(|w| same(v, w) == Some(true)));
            Value::list(kept.cloned().collect())
        }
        "has" => {
            let items = a.get(1)?.items();
            Value::bool(items.iter().any(|v| same(v, first.unwrap_or(v)) == Some(true)))
        }
        "index" => {
            let mut at = first?.clone();
            for key in a.iter().skip(1) {
                at = match &at.kind {
                    Kind::List(items) => {
                        let i = key.as_number().and_then(|n| usize::try_from(n).ok());
                        i.and_then(|i| items.get(i)).cloned().unwrap_or_else(Value::nil)
                    }
                    _ => at.get(&key.printed()),
                };
            }
            at
        }
        "len" => match &first?.kind {
            Kind::List(items) => Value::number(i64::try_from(items.len()).ok()?),
            Kind::Map(entries) => Value::number(i64::try_from(entries.len()).ok()?),
            Kind::Text(text) => Value::number(i64::try_from(text.len()).ok()?),
            Kind::Nil => Value::number(0),
            _ => return None,
        },
        "until" => {
            let n = first?.as_number()?.clamp(0, 1024);
            Value::list((0..n).map(Value::number).collect())
        }
        _ => return None,
    })
}

fn encodings(name: &str, a: &[Value], engine: &Engine<'_>) -> Option<Value> {
    let last = a.last()?;
    Some(match name {
        "toYaml" | "toYamlPretty" | "toJson" | "toPrettyJson" | "toRawJson" | "mustToYaml" | "mustToJson" => {
            let mut out = String::new();
            if matches!(last.kind, Kind::Unknown) {
                out.push(UNKNOWN);
            } else if name.contains("Yaml") {
                last.yaml(0, &mut out);
            } else {
                json(last, 0, &mut out);
            }
            if !engine.pay(out.len()) {
                return None;
            }
            made(last, &out)
        }
        "fromYaml" | "fromJson" | "fromYamlArray" | "fromJsonArray" => {
            let text = last.as_str().filter(|t| !t.contains(UNKNOWN))?;
            let mut budget = engine.budget.borrow_mut();
            let mut node = text::yaml(text, &mut budget).ok()?;
            let place: Range<usize> = last.span.clone();
            node.relocate(&mut |_| place.clone());
            Value::of(&node)
        }
        // What it stands for is what matters, not how it is written.
        "b64enc" | "b64dec" if last.is_unknown() => Value::default(),
        "b64dec" => made(last, &crate::kubernetes::base64(&last.printed())?),
        "b64enc" => made(last, &encoded(last.printed().as_bytes())),
        _ => return None,
    })
}

fn encoded(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let part = |i: usize| u32::from(chunk.get(i).copied().unwrap_or_default());
        let bits = part(0) << 16 | part(1) << 8 | part(2);
        for i in 0..4_usize {
            let shift = [18_u32, 12, 6, 0].get(i).copied().unwrap_or_default();
            let digit = usize::try_from(bits >> shift & 63).unwrap_or_default();
            let c = DIGITS.get(digit).copied().unwrap_or(b'=');
            out.push(if i > chunk.len() { '=' } else { char::from(c) });
        }
    }
    out
}

fn json(value: &Value, depth: usize, out: &mut String) {
    if depth > super::MOST_INDENT || out.len() > LONGEST {
        return;
    }
    let deeper = depth.saturating_add(1);
    match &value.kind {
        Kind::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json(item, deeper, out);
            }
            out.push(']');
        }
        Kind::Map(entries) => {
            out.push('{');
            for (i, (key, value)) in entries.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(key));
                out.push(':');
                json(value, deeper, out);
            }
            out.push('}');
        }
        Kind::Text(text) => out.push_str(&quoted(text)),
        Kind::Nil => out.push_str("null"),
        Kind::Unknown => out.push_str(&quoted(&UNKNOWN.to_string())),
        _ => out.push_str(&value.printed()),
    }
}

fn numbers(name: &str, a: &[Value]) -> Option<Value> {
    let all = || a.iter().map(Value::as_number).collect::<Option<Vec<i64>>>();
    Some(match name {
        "int" | "int64" | "float64" | "toDecimal" | "atoi" => {
            let last = a.last()?;
            Value::at(&last.span, Kind::Number(last.as_number()?.to_string()))
        }
        "add" => Value::number(all()?.into_iter().fold(0, i64::saturating_add)),
        "add1" => Value::number(all()?.into_iter().fold(1, i64::saturating_add)),
        "sub" => Value::number(all()?.into_iter().reduce(i64::saturating_sub)?),
        "mul" => Value::number(all()?.into_iter().fold(1, i64::saturating_mul)),
        "div" => Value::number(
            all()?
                .into_iter()
                .reduce(|a, b| a.checked_div(b).unwrap_or_default())?,
        ),
        "max" => Value::number(all()?.into_iter().max()?),
        "min" => Value::number(all()?.into_iter().min()?),
        _ => return None,
    })
}
