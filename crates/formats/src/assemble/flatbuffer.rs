//! FlatBuffers: `identifier TFL3`, then the fields of the root table, one a line: number, type, value. What is indented
//! below `table` are the fields of a table; below `tables`, each `-` begins one.
//!
//! ```text
//! identifier TFL3
//! 1 tables
//!   -
//!     0 u8 32
//!     1 text MyOperator
//! ```
//!
//! Types: `u8`, `u32`, `u64`, `text`, `ints`, `bytes` (hexadecimal), `offset` (a raw one, to lead nowhere).

use super::{AssembleError, binary::number, hex};

struct Line<'a> {
    number: usize,
    depth: usize,
    text: &'a str,
}

enum Value {
    /// Bytes in the table itself.
    Inline(Vec<u8>),
    /// A vector: how many elements, and its bytes.
    Vector(usize, Vec<u8>),
    Table(Vec<(u16, Self)>),
    Tables(Vec<Vec<(u16, Self)>>),
}

pub(super) fn flatbuffer(text: &str) -> Result<Vec<u8>, AssembleError> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut identifier = "";
    for (i, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        if let Some(name) = trimmed.strip_prefix("identifier ") {
            identifier = name;
        } else if !trimmed.is_empty() && !trimmed.starts_with('#') {
            let depth = line.len().saturating_sub(line.trim_start().len()) / 2;
            lines.push(Line {
                number: i.saturating_add(1),
                depth,
                text: trimmed,
            });
        }
    }
    let (fields, _) = fields(&lines, 0)?;
    let mut out = vec![0; 4];
    if !identifier.is_empty() {
        out.extend(identifier.as_bytes().iter().take(4));
    }
    write_table(&mut out, 0, &fields);
    Ok(out)
}

/// The fields at the beginning of `lines`, and how many lines they take.
fn fields(lines: &[Line<'_>], depth: usize) -> Result<(Vec<(u16, Value)>, usize), AssembleError> {
    let mut fields = Vec::new();
    let mut at = 0_usize;
    while let Some(line) = lines.get(at).filter(|l| l.depth == depth) {
        let wrong = |message: String| AssembleError {
            line: line.number,
            message,
        };
        let mut words = line.text.splitn(3, ' ');
        let index = words.next().unwrap_or_default();
        let index = index
            .parse()
            .map_err(|_| wrong(format!("`{index}` is no field")))?;
        let kind = words.next().unwrap_or_default();
        let argument = words.next().unwrap_or_default();
        at = at.saturating_add(1);
        let rest = lines.get(at..).unwrap_or_default();
        let below = depth.saturating_add(1);
        let (value, taken) = match kind {
            "table" => {
                let (fields, taken) = self::fields(rest, below)?;
                (Value::Table(fields), taken)
            }
            "tables" => tables(rest, below)?,
            _ => (plain(kind, argument).map_err(wrong)?, 0),
        };
        fields.push((index, value));
        at = at.saturating_add(taken);
    }
    Ok((fields, at))
}

fn tables(lines: &[Line<'_>], depth: usize) -> Result<(Value, usize), AssembleError> {
    let mut tables = Vec::new();
    let mut at = 0_usize;
    while lines.get(at).is_some_and(|l| l.depth == depth && l.text == "-") {
        at = at.saturating_add(1);
        let (fields, taken) = fields(lines.get(at..).unwrap_or_default(), depth.saturating_add(1))?;
        tables.push(fields);
        at = at.saturating_add(taken);
    }
    Ok((Value::Tables(tables), at))
}

fn plain(kind: &str, argument: &str) -> Result<Value, String> {
    let cut = |size: usize| -> Result<Value, String> {
        let bytes = number(argument)?.to_le_bytes();
        Ok(Value::Inline(bytes.get(..size).unwrap_or_default().to_vec()))
    };
    match kind {
        "u8" => cut(1),
        "u32" | "offset" => cut(4),
        "u64" => cut(8),
        "text" => Ok(Value::Vector(argument.len(), argument.as_bytes().to_vec())),
        "bytes" => {
            let bytes = hex(argument).map_err(|e| e.message)?;
            Ok(Value::Vector(bytes.len(), bytes))
        }
        "ints" => {
            let mut bytes = Vec::new();
            for word in argument.split_whitespace() {
                bytes.extend(number(word)?.to_le_bytes().iter().take(4));
            }
            Ok(Value::Vector(bytes.len() / 4, bytes))
        }
        _ => Err(format!("unknown type `{kind}`")),
    }
}

fn put(out: &mut [u8], at: usize, value: usize) {
    let bytes = u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(place) = out.get_mut(at..at.saturating_add(4)) {
        place.copy_from_slice(&bytes);
    }
}

/// Lets the offset at `from` lead to the end of what is written.
fn lead(out: &mut Vec<u8>, from: usize) {
    while !out.len().is_multiple_of(4) {
        out.push(0);
    }
    let step = out.len().saturating_sub(from);
    put(out, from, step);
}

fn write_table(out: &mut Vec<u8>, from: usize, fields: &[(u16, Value)]) {
    while !out.len().is_multiple_of(4) {
        out.push(0);
    }
    let vtable = out.len();
    let slots = fields
        .iter()
        .map(|(i, _)| usize::from(*i).saturating_add(1))
        .max()
        .unwrap_or(0);
    let vtable_len = slots.saturating_mul(2).saturating_add(4);
    out.resize(vtable.saturating_add(vtable_len).next_multiple_of(4), 0);
    lead(out, from);
    let table = out.len();
    out.extend(
        u32::try_from(table.saturating_sub(vtable))
            .unwrap_or(0)
            .to_le_bytes(),
    );
    let mut places = Vec::new();
    for (index, value) in fields {
        let place = out.len();
        match value {
            Value::Inline(bytes) => out.extend(bytes),
            _ => out.extend([0; 4]),
        }
        let slot = vtable
            .saturating_add(4)
            .saturating_add(usize::from(*index).saturating_mul(2));
        put16(out, slot, place.saturating_sub(table));
        places.push(place);
    }
    let len = out.len().saturating_sub(table);
    put16(out, vtable, vtable_len);
    put16(out, vtable.saturating_add(2), len);
    for ((_, value), place) in fields.iter().zip(places) {
        match value {
            Value::Inline(_) => {}
            Value::Vector(count, bytes) => {
                lead(out, place);
                out.extend(u32::try_from(*count).unwrap_or(0).to_le_bytes());
                out.extend(bytes);
                out.push(0);
            }
            Value::Table(fields) => write_table(out, place, fields),
            Value::Tables(tables) => {
                lead(out, place);
                out.extend(u32::try_from(tables.len()).unwrap_or(0).to_le_bytes());
                let first = out.len();
                out.resize(first.saturating_add(tables.len().saturating_mul(4)), 0);
                for (i, fields) in tables.iter().enumerate() {
                    write_table(out, first.saturating_add(i.saturating_mul(4)), fields);
                }
            }
        }
    }
}

fn put16(out: &mut [u8], at: usize, value: usize) {
    let bytes = u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes();
    if let Some(place) = out.get_mut(at..at.saturating_add(2)) {
        place.copy_from_slice(&bytes);
    }
}
