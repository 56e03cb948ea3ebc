//! JSON as `json.loads` reads it and `json.dumps` writes it, for settings that a program carries and for what it sends.

use super::{
    datum::{CAP, Datum, Known, pay},
    render,
};
use num_bigint::BigInt;
use wellhead_core::{Budget, Exhausted};
use wellhead_formats::text::{Node, Value, json};

/// `json.loads(text)`.
pub(super) fn loads(text: &str, budget: &mut Budget) -> Known {
    pay(text.len().saturating_mul(16), budget)?;
    match (json(text, budget), budget.exhausted()) {
        (Ok(node), _) => Ok(value_of(&node)),
        (Err(_), Some(why)) => Err(why),
        (Err(_), None) => Ok(None),
    }
}

fn value_of(node: &Node) -> Option<Datum> {
    match &node.value {
        Value::Null => Some(Datum::None),
        Value::Bool(b) => Some(Datum::Bool(*b)),
        Value::Number(n) => number(n),
        Value::String(text) => Datum::text(text.as_str()),
        Value::Array(items) => Datum::list(items.iter().map(value_of).collect::<Option<_>>()?),
        Value::Table(entries) => {
            let pairs = entries
                .iter()
                .map(|entry| Some((Datum::text(entry.key.as_str())?, value_of(&entry.node)?)));
            Datum::dict(pairs.collect::<Option<_>>()?)
        }
    }
}

fn number(text: &str) -> Option<Datum> {
    if text.contains(['.', 'e', 'E']) {
        return text.parse().ok().map(Datum::Float);
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let n = Datum::number(digits)
        .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?
        .as_big()?;
    Datum::big(if negative {
        BigInt::from(0).checked_sub(&n)?
    } else {
        n
    })
}

/// `json.dumps(value)` without options.
pub(super) fn dumps(value: &Datum, budget: &mut Budget) -> Known {
    pay(super::operators::weigh(value), budget)?;
    let mut out = String::new();
    let written = write(value, &mut out, budget)?;
    Ok(if written { Datum::text(out) } else { None })
}

fn write(value: &Datum, out: &mut String, budget: &mut Budget) -> Result<bool, Exhausted> {
    if out.len() > CAP {
        return Ok(false);
    }
    match value {
        Datum::None => out.push_str("null"),
        Datum::Bool(true) => out.push_str("true"),
        Datum::Bool(false) => out.push_str("false"),
        Datum::Int(_) | Datum::Big(_) | Datum::Float(_) => match render(value, None, "", budget)? {
            Some(text) => out.push_str(&text),
            None => return Ok(false),
        },
        Datum::Str(text) => {
            pay(text.len(), budget)?;
            quote(text, out);
        }
        Datum::List(items) | Datum::Tuple(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                if !write(item, out, budget)? {
                    return Ok(false);
                }
            }
            out.push(']');
        }
        Datum::Dict(pairs) => {
            out.push('{');
            for (at, (key, value)) in pairs.iter().enumerate() {
                // Other keys become texts by rules of their own.
                let Datum::Str(key) = key else { return Ok(false) };
                if at > 0 {
                    out.push_str(", ");
                }
                quote(key, out);
                out.push_str(": ");
                if !write(value, out, budget)? {
                    return Ok(false);
                }
            }
            out.push('}');
        }
        Datum::Bytes(_) | Datum::Range(_) | Datum::Code(_) | Datum::Tool(_) => return Ok(false),
    }
    Ok(true)
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}
