//! GGUF: `version N`, `order big`, `string KEY value=` (or its body), `u32 KEY value=` and the other numbers, `strings KEY`
//! (a line each), `numbers KEY count=N` (zeros of `u32`), `pair KEY type=N` (its body as `as=hex` is the value), `tensor
//! NAME type=F32 shape=2,3 offset=0`, `data`; `counts tensors=N pairs=N` says something else than what is there.

use super::{AssembleError, listing::Item};

/// Numbers of element types that a listing may call by name.
const TYPES: &[(&str, u32)] = &[
    ("F32", 0),
    ("F16", 1),
    ("Q4_0", 2),
    ("Q8_0", 8),
    ("Q4_K", 12),
    ("I8", 24),
];

#[derive(Default)]
struct Writer {
    big: bool,
    wide: bool,
    out: Vec<u8>,
}

impl Writer {
    fn number(&mut self, value: u64, bytes: usize) {
        let little = value.to_le_bytes();
        let mut part: Vec<u8> = little.iter().copied().take(bytes).collect();
        if self.big {
            part.reverse();
        }
        self.out.extend(part);
    }

    fn length(&mut self, value: u64) {
        self.number(value, if self.wide { 8 } else { 4 });
    }

    fn string(&mut self, text: &[u8]) {
        self.length(text.len() as u64);
        self.out.extend(text);
    }
}

/// The type's number and how many bytes it takes.
fn scalar(verb: &str) -> Option<(u64, usize)> {
    Some(match verb {
        "u8" => (0, 1),
        "i8" => (1, 1),
        "u16" => (2, 2),
        "i16" => (3, 2),
        "u32" => (4, 4),
        "i32" => (5, 4),
        "bool" => (7, 1),
        "u64" => (10, 8),
        "i64" => (11, 8),
        _ => return None,
    })
}

pub(super) fn gguf(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let find = |verb: &str| items.iter().find(|i| i.verb == verb);
    let version: u64 = find("version").and_then(|i| i.name.parse().ok()).unwrap_or(3);
    let mut w = Writer {
        big: find("order").is_some_and(|i| i.name == "big"),
        wide: version != 1,
        out: b"GGUF".to_vec(),
    };
    let tensors: Vec<&Item> = items.iter().filter(|i| i.verb == "tensor").collect();
    let is_pair = |i: &&Item| {
        matches!(i.verb.as_str(), "string" | "strings" | "numbers" | "pair" | "f32")
            || scalar(&i.verb).is_some()
    };
    let pairs: Vec<&Item> = items.iter().filter(is_pair).collect();
    w.number(version, 4);
    let count = |key: &str, there: usize| match find("counts").map(|i| i.number(key)) {
        Some(Ok(Some(n))) => n,
        _ => there as u64,
    };
    w.length(count("tensors", tensors.len()));
    w.length(count("pairs", pairs.len()));
    for pair in pairs {
        value(&mut w, pair)?;
    }
    for tensor in tensors {
        describe(&mut w, tensor)?;
    }
    let aligned = w.out.len().next_multiple_of(32);
    for item in items {
        match item.verb.as_str() {
            "data" => {
                if w.out.len() < aligned {
                    w.out.resize(aligned, 0);
                }
                w.out.extend(item.content()?);
            }
            "tensor" | "version" | "order" | "counts" | "string" | "strings" | "numbers" | "pair" | "f32" => {
            }
            verb if scalar(verb).is_some() => {}
            other => return Err(item.error(format!("unknown verb `{other}`"))),
        }
    }
    Ok(w.out)
}

fn value(w: &mut Writer, item: &Item) -> Result<(), AssembleError> {
    w.string(item.name.as_bytes());
    match item.verb.as_str() {
        "string" => {
            w.number(8, 4);
            let text = match item.option("value") {
                Some(value) => value,
                None => item.body.strip_suffix('\n').unwrap_or(&item.body),
            };
            w.string(text.as_bytes());
        }
        "strings" => {
            w.number(9, 4);
            w.number(8, 4);
            w.length(item.body.lines().count() as u64);
            for line in item.body.lines() {
                w.string(line.as_bytes());
            }
        }
        "numbers" => {
            w.number(9, 4);
            w.number(4, 4);
            let count = item.number("count")?.unwrap_or(0);
            w.length(count);
            // A count that cannot be is only stated.
            for _ in 0..count.min(1024) {
                w.number(0, 4);
            }
        }
        "pair" => {
            w.number(item.number("type")?.unwrap_or(0), 4);
            w.out.extend(item.content()?);
        }
        "f32" => {
            w.number(6, 4);
            let value: f32 = item.option("value").and_then(|v| v.parse().ok()).unwrap_or(0.0);
            w.number(value.to_bits().into(), 4);
        }
        verb => {
            let (id, bytes) = scalar(verb).unwrap_or((0, 1));
            w.number(id, 4);
            w.number(item.number("value")?.unwrap_or(0), bytes);
        }
    }
    Ok(())
}

fn describe(w: &mut Writer, item: &Item) -> Result<(), AssembleError> {
    w.string(item.name.as_bytes());
    let shape: Option<Vec<u64>> = item
        .option("shape")
        .unwrap_or_default()
        .split(',')
        .filter(|d| !d.is_empty())
        .map(|d| d.parse().ok())
        .collect();
    let shape = shape.ok_or_else(|| item.error("`shape=` is no list of numbers"))?;
    w.number(shape.len() as u64, 4);
    for d in &shape {
        w.length(*d);
    }
    let kind = item.option("type").unwrap_or("F32");
    let named = TYPES.iter().find(|(name, _)| *name == kind).map(|(_, id)| *id);
    let id = named
        .or_else(|| kind.parse().ok())
        .ok_or_else(|| item.error(format!("unknown type `{kind}`")))?;
    w.number(id.into(), 4);
    w.number(item.number("offset")?.unwrap_or(0), 8);
    Ok(())
}
