//! A pickle as lines that people can read.
//!
//! Listings are made when they are asked for, from a place where an instruction is known to start. So nothing is kept
//! while millions of instructions go by.

use super::{
    literal,
    opcode::{self as op, Operand, describe},
    program::{Call, Import, Program, Site},
    reader::Reader,
};
use std::{fmt, ops::Range};
use wellhead_core::{Blob, Budget, Excerpt, ExcerptKind};

/// One instruction of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Its number in the listing's file, or from the start of the range that was asked for.
    pub index: u64,
    /// The byte of its opcode.
    pub offset: u64,
    /// Its length in bytes, operand included.
    pub length: u64,
    /// The opcode's name; `INVALID` for a byte that is none.
    pub opcode: &'static str,
    /// The operand as text, cut; empty where there is none.
    pub argument: String,
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.argument.is_empty() {
            write!(f, "{:#04x}  {}", self.offset, self.opcode)
        } else {
            write!(f, "{:#04x}  {:<11} {}", self.offset, self.opcode, self.argument)
        }
    }
}

/// How many instructions a listing has at most.
const LISTED: usize = 100_000;
/// How many bytes of a string are shown.
const SHOWN: usize = 96;

/// The instructions of a range of bytes, numbered from 0, across several pickles; ends at the first byte that is no
/// opcode, after a hundred thousand, or with the budget.
pub fn disassemble(blob: &Blob, range: Range<u64>, budget: &mut Budget) -> Vec<Instruction> {
    let mut out = Vec::new();
    let mut reader = Reader::new(blob.clone());
    reader.seek(range.start);
    while reader.offset() < range.end.min(blob.len()) && out.len() < LISTED {
        if budget.steps(1).is_err() {
            break;
        }
        let Some(mut instruction) = next(&mut reader) else {
            break;
        };
        instruction.index = out.len() as u64;
        let invalid = instruction.opcode == "INVALID";
        out.push(instruction);
        if invalid {
            break;
        }
    }
    out
}

/// The instruction at the reader.
fn next(reader: &mut Reader) -> Option<Instruction> {
    let offset = reader.offset();
    let byte = reader.u8()?;
    let known = describe(byte);
    let (opcode, argument) = match known {
        Some((name, kind)) => (name, argument(reader, byte, kind)),
        None => ("INVALID", Some(format!("{byte:#04x}"))),
    };
    let argument = argument.unwrap_or_else(|| {
        let end = reader.len();
        reader.seek(end);
        "<cut off>".to_owned()
    });
    Some(Instruction {
        index: 0,
        offset,
        length: reader.offset().saturating_sub(offset),
        opcode,
        argument,
    })
}

fn argument(reader: &mut Reader, byte: u8, kind: Operand) -> Option<String> {
    Some(match kind {
        Operand::None => String::new(),
        Operand::U1 => u8::from_le_bytes(reader.array()?).to_string(),
        Operand::U2 => u16::from_le_bytes(reader.array()?).to_string(),
        Operand::I4 => i32::from_le_bytes(reader.array()?).to_string(),
        Operand::U4 => u32::from_le_bytes(reader.array()?).to_string(),
        Operand::U8 => u64::from_le_bytes(reader.array()?).to_string(),
        Operand::F8 => format!("{:?}", f64::from_be_bytes(reader.array()?)),
        Operand::Bytes1 => {
            let n = u8::from_le_bytes(reader.array()?);
            counted(reader, byte, u64::from(n))?
        }
        Operand::Bytes4 => {
            let n = u32::from_le_bytes(reader.array()?);
            counted(reader, byte, u64::from(n))?
        }
        Operand::Bytes4Signed => {
            let n = u64::try_from(i32::from_le_bytes(reader.array()?)).ok()?;
            counted(reader, byte, n)?
        }
        Operand::Bytes8 => {
            let n = u64::from_le_bytes(reader.array()?);
            counted(reader, byte, n)?
        }
        Operand::Line => {
            let text = line(reader)?;
            match byte {
                op::STRING => text,
                op::UNICODE => quoted(&text, false),
                _ => text,
            }
        }
        Operand::TwoLines => {
            let module = line(reader)?;
            format!("'{module} {}'", line(reader)?)
        }
    })
}

fn line(reader: &mut Reader) -> Option<String> {
    let line = reader.line()?;
    let max = usize::try_from(line.len).unwrap_or(SHOWN).min(SHOWN);
    let mut text = literal::latin(&reader.bytes_at(line.offset, max));
    if line.len > max as u64 {
        text.push('…');
    }
    Some(text)
}

fn counted(reader: &mut Reader, byte: u8, len: u64) -> Option<String> {
    let offset = reader.offset();
    let max = usize::try_from(len).unwrap_or(SHOWN).min(SHOWN);
    let bytes = reader.bytes_at(offset, max).into_owned();
    if !reader.skip(len) {
        return None;
    }
    let cut = len > max as u64;
    Some(match byte {
        op::LONG1 | op::LONG4 => integer(&bytes, cut),
        op::SHORT_BINUNICODE | op::BINUNICODE | op::BINUNICODE8 => quoted(&literal::utf8(&bytes), cut),
        op::SHORT_BINSTRING | op::BINSTRING => quoted(&literal::latin(&bytes), cut),
        _ => quoted_bytes(&bytes, len),
    })
}

fn integer(bytes: &[u8], cut: bool) -> String {
    if cut || bytes.len() > 16 {
        return format!("<integer of {} bytes and more>", bytes.len());
    }
    let negative = bytes.last().is_some_and(|b| *b >= 0x80);
    let mut all = [if negative { 0xff } else { 0 }; 16];
    for (slot, b) in all.iter_mut().zip(bytes) {
        *slot = *b;
    }
    i128::from_le_bytes(all).to_string()
}

/// Text as a Python literal.
pub(super) fn quoted(text: &str, cut: bool) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    if cut {
        out.push('…');
    }
    out.push(quote);
    out
}

/// Bytes as a Python literal, with their number where they are cut.
pub(super) fn quoted_bytes(bytes: &[u8], len: u64) -> String {
    let mut out = String::from("b'");
    let shown = bytes.get(..32).unwrap_or(bytes);
    for b in shown {
        match b {
            b'\'' | b'\\' => {
                out.push('\\');
                out.push(char::from(*b));
            }
            b' '..=b'~' => out.push(char::from(*b)),
            _ => out.push_str(&format!("\\x{b:02x}")),
        }
    }
    if len > shown.len() as u64 {
        out.push_str(&format!("…' ({len} bytes)"));
    } else {
        out.push('\'');
    }
    out
}

/// How many instructions before a place are shown with it.
const BEFORE: usize = 6;

impl Program {
    /// The bytes that the program was read from.
    pub fn blob(&self) -> &Blob {
        &self.blob
    }

    /// The instructions that lead to a place, the last of which is the place itself.
    pub fn leading_to(&self, site: &Site) -> Vec<Instruction> {
        let mut reader = Reader::new(self.blob.slice(0, site.offset.saturating_add(64 << 10)));
        reader.seek(site.context_offset);
        let mut out = Vec::new();
        let mut index = site.context_index;
        while out.len() < 16 && reader.offset() <= site.offset {
            let at = reader.offset();
            let Some(mut i) = next(&mut reader) else { break };
            // Between two instructions may stand an array; the place itself is always one.
            let behind = at.saturating_add(i.length) > site.offset;
            if at < site.offset && (behind || i.opcode == "INVALID") {
                reader.seek(site.offset);
                index = site.index;
                out.clear();
                continue;
            }
            i.index = index;
            index = index.saturating_add(1);
            out.push(i);
        }
        out
    }

    /// The lines that show an import and a call, as much of both as there is.
    pub fn excerpt(&self, import: Option<&Import>, call: Option<&Call>, called: &str) -> Excerpt {
        let mut excerpt = Excerpt::new(ExcerptKind::Disassembly);
        let mut after = 0_u64;
        if let Some(import) = import.filter(|i| i.count > 0) {
            after = self.show_import(&mut excerpt, import, call.is_none());
        }
        if let Some(call) = call {
            self.show_call(&mut excerpt, call, after, called);
        }
        excerpt
    }

    /// The lines that lead to a place, the last marked.
    pub fn excerpt_at(&self, site: &Site, label: &str) -> Excerpt {
        let mut excerpt = Excerpt::new(ExcerptKind::Disassembly);
        let lines = self.leading_to(site);
        let from = lines.len().saturating_sub(4);
        for i in lines.iter().skip(from) {
            excerpt.push_line(number(i.index), &i.to_string());
        }
        if let Some(last) = lines.last() {
            mark(&mut excerpt, last, label, true);
        }
        excerpt
    }

    fn show_import(&self, excerpt: &mut Excerpt, import: &Import, primary: bool) -> u64 {
        let lines = self.leading_to(&import.site);
        let Some((last, before)) = lines.split_last() else {
            return 0;
        };
        if last.opcode == "STACK_GLOBAL" {
            let names: Vec<_> = before.iter().filter(|i| !i.argument.is_empty()).collect();
            let from = names.len().saturating_sub(4);
            for i in names
                .iter()
                .skip(from)
                .filter(|i| i.opcode.contains("UNICODE") || i.opcode.contains("STRING"))
            {
                excerpt.push_line(number(i.index), &i.to_string());
            }
        }
        excerpt.push_line(number(last.index), &last.to_string());
        mark(excerpt, last, "imported here", primary);
        last.index
    }

    fn show_call(&self, excerpt: &mut Excerpt, call: &Call, after: u64, called: &str) {
        let lines = self.leading_to(&call.site);
        let Some((last, before)) = lines.split_last() else {
            return;
        };
        let from = before.len().saturating_sub(BEFORE);
        let mut arguments = before
            .iter()
            .skip(from)
            .filter(|i| i.index > after && !matches!(i.opcode, "BINPUT" | "LONG_BINPUT" | "PUT" | "MEMOIZE"))
            .filter(|i| !i.argument.is_empty());
        let first = arguments.next();
        for i in first.into_iter().chain(arguments) {
            excerpt.push_line(number(i.index), &i.to_string());
        }
        if let Some(first) = first {
            mark(excerpt, first, "with this argument", false);
        }
        excerpt.push_line(number(last.index), &last.to_string());
        mark(excerpt, last, called, true);
    }
}

fn number(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn mark(excerpt: &mut Excerpt, i: &Instruction, label: &str, primary: bool) {
    let part = if i.argument.is_empty() || i.opcode == "INST" {
        i.opcode
    } else {
        &i.argument
    };
    excerpt.mark(number(i.index), part, label, primary);
}
