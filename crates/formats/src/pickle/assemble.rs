//! Readable listings to bytes, so that tests, rule pages and examples hold no binary files.
//!
//! One instruction a line, as the disassembler prints it; offsets in front and comments are ignored. `RAW` puts bytes
//! as they are, for what no assembler would write.
//!
//! ```text
//! PROTO 2
//! GLOBAL 'builtins print'   # module and name
//! BINUNICODE 'x'*3          # repeated
//! TUPLE1
//! REDUCE
//! STOP
//! RAW hex:80 02
//! ```

use super::opcode::{self as op, Operand, by_name, describe};

/// A line that cannot be assembled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct AssembleError {
    /// The line, from 1.
    pub line: usize,
    /// Why.
    pub why: String,
}

/// Assembles a listing.
///
/// # Errors
/// When a line names no opcode, or its operand does not fit.
pub fn assemble(text: &str) -> Result<Vec<u8>, AssembleError> {
    let mut out = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line_number = n.saturating_add(1);
        instruction(line, &mut out).map_err(|why| AssembleError {
            line: line_number,
            why,
        })?;
    }
    Ok(out)
}

fn instruction(line: &str, out: &mut Vec<u8>) -> Result<(), String> {
    let mut rest = without_comment(line).trim();
    // An index and an offset, as listings print them.
    while let Some((word, after)) = rest.split_once(char::is_whitespace) {
        let skipped = word.starts_with("0x") || word.trim_end_matches([':', '│', '|']).parse::<u64>().is_ok();
        if !skipped && word != "│" && word != "|" {
            break;
        }
        rest = after.trim_start();
    }
    if rest.is_empty() {
        return Ok(());
    }
    let (name, operand) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let operand = operand.trim();
    if name == "RAW" {
        out.extend(bytes(operand)?);
        return Ok(());
    }
    let byte = by_name(name).ok_or_else(|| format!("`{name}` is no opcode"))?;
    out.push(byte);
    let kind = describe(byte).map_or(Operand::None, |(_, kind)| kind);
    let int = || number(operand);
    match kind {
        Operand::None => {
            if !operand.is_empty() {
                return Err(format!("{name} takes no operand"));
            }
        }
        Operand::U1 => out.push(fit(int()?)?),
        Operand::U2 => out.extend(fit::<u16>(int()?)?.to_le_bytes()),
        Operand::I4 => out.extend(fit::<i32>(int()?)?.to_le_bytes()),
        Operand::U4 => out.extend(fit::<u32>(int()?)?.to_le_bytes()),
        Operand::U8 => out.extend(fit::<u64>(int()?)?.to_le_bytes()),
        Operand::F8 => {
            let f: f64 = operand.parse().map_err(|_| format!("`{operand}` is no number"))?;
            out.extend(f.to_be_bytes());
        }
        Operand::Bytes1 => {
            let data = counted(byte, operand)?;
            out.push(fit(data.len() as i128)?);
            out.extend(data);
        }
        Operand::Bytes4 | Operand::Bytes4Signed => {
            let data = counted(byte, operand)?;
            out.extend(fit::<u32>(data.len() as i128)?.to_le_bytes());
            out.extend(data);
        }
        Operand::Bytes8 => {
            let data = counted(byte, operand)?;
            out.extend((data.len() as u64).to_le_bytes());
            out.extend(data);
        }
        Operand::Line => {
            if byte == op::UNICODE && is_quoted(operand) {
                out.extend(bytes(operand)?);
            } else {
                out.extend(operand.bytes());
            }
            out.push(b'\n');
        }
        Operand::TwoLines => {
            let both = if is_quoted(operand) {
                String::from_utf8_lossy(&bytes(operand)?).into_owned()
            } else {
                operand.to_owned()
            };
            let (module, attribute) = both.split_once(' ').ok_or("a module and a name are wanted")?;
            out.extend(module.bytes());
            out.push(b'\n');
            out.extend(attribute.bytes());
            out.push(b'\n');
        }
    }
    Ok(())
}

fn is_quoted(text: &str) -> bool {
    text.starts_with(['\'', '"'])
        || text.starts_with("b'")
        || text.starts_with("b\"")
        || text.starts_with("hex:")
}

/// The line up to a `#` that stands outside quotes, at the start or behind a blank.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    let mut escaped = false;
    let mut blank = true;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if blank => return line.get(..at).unwrap_or(line),
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), c) if c == q && !escaped => quote = None,
            _ => {}
        }
        escaped = c == '\\' && !escaped;
        blank = c.is_whitespace();
    }
    line
}

fn number(text: &str) -> Result<i128, String> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |d| (true, d));
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let value = value.map_err(|_| format!("`{text}` is no integer"))?;
    Ok(if negative { value.saturating_neg() } else { value })
}

fn fit<T: TryFrom<i128>>(n: i128) -> Result<T, String> {
    T::try_from(n).map_err(|_| format!("{n} does not fit"))
}

fn counted(byte: u8, operand: &str) -> Result<Vec<u8>, String> {
    if matches!(byte, op::LONG1 | op::LONG4) && !is_quoted(operand) {
        let n = number(operand)?;
        let mut all = n.to_le_bytes().to_vec();
        // The shortest form that keeps the sign.
        while let [.., before, last] = all.as_slice()
            && ((*last == 0 && *before < 0x80) || (*last == 0xff && *before >= 0x80))
        {
            all.pop();
        }
        if n == 0 {
            all.clear();
        }
        return Ok(all);
    }
    bytes(operand)
}

/// `'text'`, `b'bytes'`, `hex:80 02`, each with `*3` for three times.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    if let Some(hex) = text.strip_prefix("hex:") {
        return super::nested::from_hex(hex.as_bytes()).ok_or_else(|| format!("`{hex}` is not hexadecimal"));
    }
    let body = text.strip_prefix('b').unwrap_or(text);
    let quote = body
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"'))
        .ok_or_else(|| format!("`{text}` is not quoted"))?;
    let end = body
        .rfind(quote)
        .filter(|at| *at > 0)
        .ok_or_else(|| format!("`{text}` is not closed"))?;
    let inner = body.get(1..end).unwrap_or_default();
    let times = match body.get(end.saturating_add(1)..).unwrap_or_default().trim() {
        "" => 1,
        rest => rest
            .strip_prefix('*')
            .and_then(|n| n.trim().parse::<usize>().ok())
            .filter(|n| *n <= 1 << 28)
            .ok_or_else(|| format!("`{rest}` behind the quotes"))?,
    };
    Ok(unescape(inner)?.repeat(times))
}

fn unescape(inner: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            let mut buf = [0; 4];
            out.extend(c.encode_utf8(&mut buf).bytes());
            continue;
        }
        match chars.next() {
            Some('n') => out.push(b'\n'),
            Some('r') => out.push(b'\r'),
            Some('t') => out.push(b'\t'),
            Some('0') => out.push(0),
            Some('x') => {
                let hex: String = chars.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&hex, 16).map_err(|_| format!("`\\x{hex}` is no byte"))?);
            }
            Some(c @ ('\\' | '\'' | '"')) => out.extend(c.to_string().bytes()),
            Some(c) => out.extend(format!("\\{c}").bytes()),
            None => return Err("a backslash at the end".to_owned()),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::disassemble;
    use wellhead_core::{Blob, Budget};

    #[test]
    fn a_listing_assembles_to_what_it_was_printed_from() {
        let text = "PROTO 2\nGLOBAL 'posix system'\nBINUNICODE 'it\\'s'\nTUPLE1\nREDUCE\nBININT -5\nLONG1 1001\nINT 0x10\nBINBYTES b'\\x80\\x00'\nSTRING 'x'\nSTOP\n";
        let bytes = assemble(text).unwrap();
        let listing: Vec<String> = disassemble(
            &Blob::from_bytes(bytes.clone()),
            0..u64::MAX,
            &mut Budget::default(),
        )
        .iter()
        .map(ToString::to_string)
        .collect();
        assert_eq!(assemble(&listing.join("\n")).unwrap(), bytes);
        insta::assert_snapshot!(listing.join("\n"), @r#"
        0x00  PROTO       2
        0x02  GLOBAL      'posix system'
        0x10  BINUNICODE  "it's"
        0x19  TUPLE1
        0x1a  REDUCE
        0x1b  BININT      -5
        0x20  LONG1       1001
        0x24  INT         0x10
        0x2a  BINBYTES    b'\x80\x00'
        0x31  STRING      'x'
        0x36  STOP
        "#);
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(
            assemble("PROTO 2\nNOPE").unwrap_err().to_string(),
            "line 2: `NOPE` is no opcode"
        );
        assert_eq!(
            assemble("BININT1 300").unwrap_err().to_string(),
            "line 1: 300 does not fit"
        );
    }
}
