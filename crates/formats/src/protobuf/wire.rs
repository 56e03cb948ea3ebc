//! The wire format, field by field, without a schema.
//!
//! Fields are handed out with their place and nothing of their content, so that a tensor of ten gigabytes costs its tag
//! and its length. Nothing is rejected for its size: the two gibibytes that the official library allows are no limit for
//! those who write a reader of their own.

use crate::{
    bytes::{Source, Window},
    tensors::{Defect, defect},
};
use std::ops::Range;
use wellhead_core::{Blob, Budget, Exhausted};

/// How deep groups may nest; nothing has written any for twenty years.
const MAX_GROUPS: usize = 64;
/// Bytes that are read at once.
const WINDOW: usize = 32 << 10;
/// Longest text that is taken out of a message.
const MAX_TEXT: u64 = 64 << 10;

/// A field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its number.
    pub(crate) number: u32,
    /// Where its tag begins.
    pub(crate) at: u64,
    /// What it holds.
    pub(crate) value: Value,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes.
    Fixed64(u64),
    /// Four bytes.
    Fixed32(u32),
    /// Bytes, a text, a message, or packed numbers.
    Bytes(Range<u64>),
    /// A message between marks.
    Group(Range<u64>),
}

impl Field {
    /// The place of its content, if it can be a message.
    pub(crate) fn message(&self) -> Option<Range<u64>> {
        match &self.value {
            Value::Bytes(range) | Value::Group(range) => Some(range.clone()),
            _ => None,
        }
    }

    /// The place of its content, if it is bytes.
    pub(crate) fn bytes(&self) -> Option<Range<u64>> {
        match &self.value {
            Value::Bytes(range) => Some(range.clone()),
            _ => None,
        }
    }

    /// Its number, if it is one of variable length.
    pub(crate) fn varint(&self) -> Option<u64> {
        match self.value {
            Value::Varint(n) => Some(n),
            _ => None,
        }
    }
}

/// Why reading a message stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The budget ran out.
    Budget(Exhausted),
    /// The bytes are no message from here on.
    Fault(Fault),
}

/// Bytes that are no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: u64,
    pub(crate) words: String,
}

impl From<Exhausted> for Stop {
    fn from(why: Exhausted) -> Self {
        Self::Budget(why)
    }
}

/// A place in a message: where the next field begins, and where the message ends.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    at: u64,
    end: u64,
}

impl From<Range<u64>> for Cursor {
    fn from(range: Range<u64>) -> Self {
        Self {
            at: range.start,
            end: range.end,
        }
    }
}

/// A reader of fields, with what went wrong so far.
pub(crate) struct Wire<'a> {
    source: Source<'a>,
    window: Window,
    /// A field that is cut off ends the message.
    strict: bool,
    /// What is wrong with the messages.
    pub(crate) defects: Vec<Defect>,
    /// Why something was not read.
    pub(crate) partly: Option<String>,
}

impl<'a> Wire<'a> {
    /// A reader of `blob`.
    pub(crate) fn new(blob: &'a Blob) -> Self {
        Self {
            source: Source::new(blob),
            window: Window::new(WINDOW),
            strict: false,
            defects: Vec::new(),
            partly: None,
        }
    }

    /// A reader of small messages, to tell what they are: what is cut off is none.
    pub(crate) fn strict(blob: &'a Blob, window: usize) -> Self {
        Self {
            window: Window::new(window),
            strict: true,
            ..Self::new(blob)
        }
    }

    /// All of the file.
    pub(crate) fn whole(&self) -> Range<u64> {
        0..self.source.blob.len()
    }

    /// Why bytes could not be read, if they could not.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.source.failed.as_deref()
    }

    /// The next field of a message, or `None` at its end.
    pub(crate) fn next(&mut self, cursor: &mut Cursor, budget: &mut Budget) -> Result<Option<Field>, Stop> {
        budget.steps(1)?;
        if cursor.at >= cursor.end {
            return Ok(None);
        }
        let at = cursor.at;
        let (number, kind) = self.tag(cursor)?;
        let value = match kind {
            3 => Value::Group(self.group(cursor, number, at, budget)?),
            4 => {
                return Err(fault(
                    at,
                    format!("field {number} ends a group that was not begun"),
                ));
            }
            kind => self.scalar(cursor, number, kind, at)?,
        };
        Ok(Some(Field { number, at, value }))
    }

    fn tag(&mut self, cursor: &mut Cursor) -> Result<(u32, u8), Stop> {
        let at = cursor.at;
        let tag = self.varint(cursor)?;
        let number = tag >> 3;
        // A tag is a number of 32 bits for every reader.
        if number == 0 || tag > u64::from(u32::MAX) {
            return Err(fault(
                at,
                format!("a field has the number {number}, which none can have"),
            ));
        }
        Ok((u32::try_from(number).unwrap_or(0), (tag & 7) as u8))
    }

    fn scalar(&mut self, cursor: &mut Cursor, number: u32, kind: u8, at: u64) -> Result<Value, Stop> {
        Ok(match kind {
            0 => Value::Varint(self.varint(cursor)?),
            1 => Value::Fixed64(u64::from_le_bytes(self.fixed(cursor, number)?)),
            5 => Value::Fixed32(u32::from_le_bytes(self.fixed(cursor, number)?)),
            2 => {
                let length = self.varint(cursor)?;
                let end = cursor.at.checked_add(length).filter(|end| *end <= cursor.end);
                let end = match end {
                    Some(end) => end,
                    None => {
                        let left = cursor.end.saturating_sub(cursor.at);
                        let words =
                            format!("field {number} is said to have {length} bytes where {left} are left");
                        if self.strict {
                            return Err(fault(at, words));
                        }
                        // What there is of a field that is cut off may be what matters.
                        self.wrong(at, words);
                        cursor.end
                    }
                };
                let start = std::mem::replace(&mut cursor.at, end);
                Value::Bytes(start..end)
            }
            _ => {
                return Err(fault(
                    at,
                    format!("field {number} has the wire type {kind}, which does not exist"),
                ));
            }
        })
    }

    /// The content of a group; its marks nest, so they are counted.
    fn group(
        &mut self,
        cursor: &mut Cursor,
        number: u32,
        at: u64,
        budget: &mut Budget,
    ) -> Result<Range<u64>, Stop> {
        let mut open = vec![number];
        let start = cursor.at;
        loop {
            budget.steps(1)?;
            let here = cursor.at;
            if here >= cursor.end {
                return Err(fault(at, format!("the group of field {number} does not end")));
            }
            let (inner, kind) = self.tag(cursor)?;
            match kind {
                3 if open.len() >= MAX_GROUPS => {
                    return Err(fault(here, format!("groups nest deeper than {MAX_GROUPS}")));
                }
                3 => open.push(inner),
                4 if open.pop() != Some(inner) => {
                    return Err(fault(
                        here,
                        format!("field {inner} ends the group of another field"),
                    ));
                }
                4 if open.is_empty() => return Ok(start..here),
                4 => {}
                kind => {
                    self.scalar(cursor, inner, kind, here)?;
                }
            }
        }
    }

    fn varint(&mut self, cursor: &mut Cursor) -> Result<u64, Stop> {
        let start = cursor.at;
        let left = usize::try_from(cursor.end.saturating_sub(start))
            .unwrap_or(usize::MAX)
            .min(10);
        let bytes = self.window.get(&mut self.source, start, left);
        let mut value = 0_u64;
        for (i, byte) in (0_u32..).zip(bytes) {
            let bits = u64::from(byte & 0x7f);
            // Readers drop what does not fit into 64 bits.
            value |= bits.checked_shl(i.saturating_mul(7)).unwrap_or(0);
            if byte & 0x80 == 0 {
                cursor.at = start.saturating_add(u64::from(i)).saturating_add(1);
                return Ok(value);
            }
        }
        let words = if bytes.len() == 10 {
            "a number takes more than ten bytes"
        } else {
            "a number is cut off"
        };
        Err(fault(start, words.to_owned()))
    }

    fn fixed<const N: usize>(&mut self, cursor: &mut Cursor, number: u32) -> Result<[u8; N], Stop> {
        let at = cursor.at;
        let end = at.saturating_add(N as u64);
        let bytes = self.window.get(&mut self.source, at, N);
        let bytes = <[u8; N]>::try_from(bytes).ok().filter(|_| end <= cursor.end);
        let Some(bytes) = bytes else {
            return Err(fault(at, format!("field {number} is cut off")));
        };
        cursor.at = end;
        Ok(bytes)
    }

    /// A text, or the beginning of one that is longer than any name.
    pub(crate) fn text(&mut self, range: Range<u64>) -> String {
        String::from_utf8_lossy(&self.head(range, MAX_TEXT)).into_owned()
    }

    /// At most `max` bytes of a range.
    pub(crate) fn head(&mut self, range: Range<u64>, max: u64) -> Vec<u8> {
        let length = range.end.saturating_sub(range.start).min(max);
        let length = usize::try_from(length).unwrap_or(0);
        self.window.get(&mut self.source, range.start, length).to_vec()
    }

    /// Whether one of some short words stands in a range.
    pub(crate) fn says_any(
        &mut self,
        range: Range<u64>,
        words: &[&[u8]],
        budget: &mut Budget,
    ) -> Result<bool, Exhausted> {
        let mut at = range.start;
        while at < range.end {
            let piece = self.head(at..range.end, WINDOW as u64);
            budget.steps(piece.len() as u64 / 16)?;
            if words
                .iter()
                .any(|word| piece.windows(word.len().max(1)).any(|w| w == *word))
            {
                return Ok(true);
            }
            // Pieces overlap by more than a word.
            let step = (piece.len() as u64).saturating_sub(32);
            if piece.len() < WINDOW || step == 0 {
                break;
            }
            at = at.saturating_add(step);
        }
        Ok(false)
    }

    /// The numbers of a field that may be packed.
    pub(crate) fn packed(
        &mut self,
        value: &Value,
        max: usize,
        budget: &mut Budget,
    ) -> Result<Vec<u64>, Stop> {
        let range = match value {
            Value::Varint(n) => return Ok(vec![*n]),
            Value::Bytes(range) => range.clone(),
            _ => return Ok(Vec::new()),
        };
        let mut cursor = Cursor::from(range);
        let mut out = Vec::new();
        while cursor.at < cursor.end && out.len() < max {
            budget.steps(1)?;
            out.push(self.varint(&mut cursor)?);
        }
        Ok(out)
    }

    /// Goes on after a message that is broken: its siblings are still read. Only a spent budget ends everything.
    pub(crate) fn settle<T>(&mut self, result: Result<T, Stop>) -> Result<Option<T>, Exhausted> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Stop::Budget(why)) => Err(why),
            Err(Stop::Fault(fault)) => {
                self.wrong(fault.at, fault.words);
                Ok(None)
            }
        }
    }

    /// Writes down that a message is broken.
    fn wrong(&mut self, at: u64, words: String) {
        self.partly.get_or_insert_with(|| format!("{words} at {at:#x}"));
        defect(&mut self.defects, at..at.saturating_add(1), words);
    }
}

fn fault(at: u64, words: String) -> Stop {
    Stop::Fault(Fault { at, words })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All fields of bytes, or what went wrong.
    fn fields(bytes: &[u8]) -> Result<Vec<String>, String> {
        let blob = Blob::from_bytes(bytes);
        let (mut wire, budget) = (Wire::new(&blob), &mut Budget::default());
        let mut cursor = Cursor::from(wire.whole());
        let mut out = Vec::new();
        loop {
            match wire.next(&mut cursor, budget) {
                Ok(Some(field)) => out.push(format!("{}@{} {:?}", field.number, field.at, field.value)),
                Ok(None) => return Ok(out),
                Err(Stop::Fault(f)) => return Err(format!("{} at {}", f.words, f.at)),
                Err(Stop::Budget(why)) => return Err(why.to_string()),
            }
        }
    }

    #[test]
    fn every_kind_of_field_is_handed_out_with_its_place() {
        let bytes = b"\x08\x96\x01\x12\x02ab\x1d\x01\0\0\0\x21\x02\0\0\0\0\0\0\0\x2b\x08\x01\x2c\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        insta::assert_debug_snapshot!(fields(bytes), @r#"
        Ok(
            [
                "1@0 Varint(150)",
                "2@3 Bytes(5..7)",
                "3@7 Fixed32(1)",
                "4@12 Fixed64(2)",
                "5@21 Group(22..24)",
                "6@25 Varint(18446744073709551615)",
            ],
        )
        "#);
    }

    #[test]
    fn bytes_that_are_no_message_say_where_and_why() {
        for (bytes, why) in [
            (&b"\x08"[..], "a number is cut off at 1"),
            (b"\x08\x80", "a number is cut off at 1"),
            (
                b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
                "a number takes more than ten bytes at 1",
            ),
            (b"\x1d\x01\0", "field 3 is cut off at 1"),
            (b"\x00\x01", "a field has the number 0, which none can have at 0"),
            (
                b"\x0e\x01",
                "field 1 has the wire type 6, which does not exist at 0",
            ),
            (b"\x0b\x08\x01", "the group of field 1 does not end at 0"),
            (b"\x0b\x14", "field 2 ends the group of another field at 1"),
            (b"\x0c", "field 1 ends a group that was not begun at 0"),
        ] {
            assert_eq!(fields(bytes).unwrap_err(), why, "{bytes:?}");
        }
        assert!(
            fields(&[0x0b; 4096])
                .unwrap_err()
                .starts_with("groups nest deeper")
        );
    }

    #[test]
    fn a_field_that_is_cut_off_is_read_as_far_as_it_goes() {
        for bytes in [
            &b"\x12\x05ab"[..],
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            let blob = Blob::from_bytes(bytes);
            let mut wire = Wire::new(&blob);
            let mut cursor = Cursor::from(wire.whole());
            let field = wire.next(&mut cursor, &mut Budget::default()).unwrap().unwrap();
            assert_eq!(field.bytes().map(|r| r.end), Some(bytes.len() as u64));
            assert_eq!(wire.defects.len(), 1);
        }
    }

    #[test]
    fn a_padded_number_is_a_number() {
        assert_eq!(fields(b"\x08\x81\x80\x00").unwrap(), ["1@0 Varint(1)"]);
    }
}
