//! Values one after another, for formats that need no language of their own: `u32 7`, `text GGUF`, `hex 00 ff`,
//! `zeros 16`, `str32 name` (a length, then the text), with `be` behind a type for the other byte order. What stands
//! behind `#` at the end of a line is said to people.

use super::AssembleError;

pub(super) fn binary(text: &str) -> Result<Vec<u8>, AssembleError> {
    let mut out = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let line = line.split(" # ").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        value(verb, argument, &mut out).map_err(|message| AssembleError {
            line: i.saturating_add(1),
            message,
        })?;
    }
    Ok(out)
}

fn value(verb: &str, argument: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let (kind, big) = match verb.strip_suffix("be") {
        Some(kind) => (kind, true),
        None => (verb, false),
    };
    let mut ordered = |bytes: &[u8]| {
        if big {
            out.extend(bytes.iter().rev());
        } else {
            out.extend(bytes);
        }
    };
    match kind {
        "u8" | "u16" | "u32" | "u64" => {
            for word in argument.split_whitespace() {
                let number = number(word)?.to_le_bytes();
                let size = match kind {
                    "u8" => 1,
                    "u16" => 2,
                    "u32" => 4,
                    _ => 8,
                };
                ordered(number.get(..size).unwrap_or_default());
            }
        }
        "f32" | "f64" => {
            for word in argument.split_whitespace() {
                let number: f64 = word.parse().map_err(|_| format!("`{word}` is no number"))?;
                if kind == "f64" {
                    ordered(&number.to_le_bytes());
                } else {
                    #[expect(clippy::cast_possible_truncation, reason = "the listing asks for it")]
                    ordered(&(number as f32).to_le_bytes());
                }
            }
        }
        "str8" | "str16" | "str32" | "str64" => {
            let length = (argument.len() as u64).to_le_bytes();
            let size = match kind {
                "str8" => 1,
                "str16" => 2,
                "str32" => 4,
                _ => 8,
            };
            ordered(length.get(..size).unwrap_or_default());
            out.extend(argument.as_bytes());
        }
        "text" => out.extend(argument.as_bytes()),
        "line" => {
            out.extend(argument.as_bytes());
            out.push(b'\n');
        }
        "hex" => out.extend(super::hex(argument).map_err(|e| e.message)?),
        "zeros" => {
            let size = usize::try_from(number(argument)?).map_err(|e| e.to_string())?;
            out.resize(out.len().saturating_add(size), 0);
        }
        _ => return Err(format!("unknown verb `{verb}`")),
    }
    Ok(())
}

/// A number in decimal, negative or not, or behind `0x`.
pub(super) fn number(word: &str) -> Result<u64, String> {
    let parsed = if let Some(hex) = word.strip_prefix("0x") {
        u64::from_str_radix(hex, 16).ok()
    } else if word.starts_with('-') {
        word.parse::<i64>().ok().map(i64::cast_unsigned)
    } else {
        word.parse().ok()
    };
    parsed.ok_or_else(|| format!("`{word}` is no number"))
}
