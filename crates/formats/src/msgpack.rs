//! MessagePack: how Flax writes checkpoints, with arrays as values of an extension type.
//!
//! The format itself runs nothing; what a loader makes of an extension type is the loader's choice, and some unpickle
//! (`msgpack-numpy` does so for arrays of objects). The one decision: bytes are skipped, never copied, and what among
//! them is a pickle, a program or an archive goes back to the queue.

use crate::{
    bytes::Pages,
    document::{Member, Opened, Role},
    identify::hides,
    model::{Model, Opening},
    tensors::{DefectKind, Tensor, defect, defect_of},
};
use std::ops::Range;
use wellhead_core::{Blob, Budget, Outcome, code};

/// How deep maps and arrays may nest.
const MAX_DEPTH: usize = 512;
/// Longest text that is kept as a key or a value.
const MAX_TEXT: usize = 256;
/// Most facts that are kept.
const MAX_FACTS: usize = 200;
/// Most dimensions of an array that are kept.
const MAX_RANK: u64 = 32;

/// One value, without what lies in it.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Plain(String),
    Text(Range<u64>),
    Bytes(Range<u64>),
    Extension(i8, Range<u64>),
    Array(u64),
    Map(u64),
}

/// A map or array whose values are being read.
struct Frame {
    left: u64,
    is_map: bool,
    /// The key of the value that comes next; `None` while a key is wanted.
    key: Option<String>,
    index: u64,
}

/// Opens the file.
pub(crate) fn open(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let mut model = Model::new(opening.identity.format);
    let mut reader = Reader {
        pages: Pages::new(opening.blob),
        at: 0,
        len: opening.blob.len(),
    };
    let mut members = Vec::new();
    let read = walk(&mut reader, opening, &mut model, &mut members, budget);
    let outcome = match (read, reader.pages.failed()) {
        (_, Some(why)) => Outcome::Partly {
            why: format!("could not be read: {why}"),
        },
        (Err(why), None) => Outcome::Partly { why },
        (Ok(()), None) => Outcome::Analysed,
    };
    model.opened(members, outcome, opening)
}

/// Whether bytes without a name are a map of named values, as far as they go.
pub(crate) fn is_one(head: &[u8]) -> bool {
    let key_at = match head.first() {
        Some(0x81..=0x8f) => 1,
        Some(0xde) => 3,
        _ => return false,
    };
    let length = match head.get(key_at) {
        Some(first @ 0xa2..=0xbf) => usize::from(first & 0x1f),
        _ => return false,
    };
    let key = head
        .get(key_at.saturating_add(1)..)
        .and_then(|rest| rest.get(..length));
    let named = key.is_some_and(|k| k.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'));
    if !named {
        return false;
    }
    let blob = Blob::from_bytes(head);
    let mut reader = Reader {
        pages: Pages::new(&blob),
        at: key_at as u64,
        len: head.len() as u64,
    };
    // A few values that are sound, or the end of what is seen.
    let mut seen = 0_u8;
    while seen < 4 && reader.at < reader.len {
        let before = reader.at;
        match reader.item() {
            Some(Item::Extension(..) | Item::Bytes(_)) => return true,
            Some(_) => seen = seen.saturating_add(1),
            None => return before > 64,
        }
    }
    true
}

/// How many bytes a type takes that is so many behind the first of its kind.
fn power(first: u8, base: u8) -> usize {
    1_usize << first.saturating_sub(base).min(4)
}

struct Reader<'a> {
    pages: Pages<'a>,
    at: u64,
    len: u64,
}

impl Reader<'_> {
    fn number(&mut self, size: usize) -> Option<u64> {
        let bytes = self.pages.get(self.at, size);
        if bytes.len() < size {
            return None;
        }
        let value = bytes.iter().fold(0_u64, |n, b| (n << 8) | u64::from(*b));
        self.at = self.at.checked_add(size as u64)?;
        Some(value)
    }

    /// `length` bytes from here on, if there are so many.
    fn span(&mut self, length: u64) -> Option<Range<u64>> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.len)?;
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    fn extension(&mut self, length: u64) -> Option<Item> {
        let kind = u8::try_from(self.number(1)?).ok()?.cast_signed();
        Some(Item::Extension(kind, self.span(length)?))
    }

    fn item(&mut self) -> Option<Item> {
        let first = u8::try_from(self.number(1)?).ok()?;
        let low = |mask: u8| u64::from(first & mask);
        Some(match first {
            0x00..=0x7f => Item::Plain(first.to_string()),
            0xe0..=0xff => Item::Plain(first.cast_signed().to_string()),
            0x80..=0x8f => Item::Map(low(0x0f)),
            0x90..=0x9f => Item::Array(low(0x0f)),
            0xa0..=0xbf => Item::Text(self.span(low(0x1f))?),
            0xc0 => Item::Plain("nil".to_owned()),
            0xc1 => return None,
            0xc2 => Item::Plain("false".to_owned()),
            0xc3 => Item::Plain("true".to_owned()),
            0xc4..=0xc6 => {
                let length = self.number(power(first, 0xc4))?;
                Item::Bytes(self.span(length)?)
            }
            0xc7..=0xc9 => {
                let length = self.number(power(first, 0xc7))?;
                self.extension(length)?
            }
            0xca => {
                let bits = u32::try_from(self.number(4)?).ok()?;
                Item::Plain(f32::from_bits(bits).to_string())
            }
            0xcb => Item::Plain(f64::from_bits(self.number(8)?).to_string()),
            0xcc..=0xcf => Item::Plain(self.number(power(first, 0xcc))?.to_string()),
            0xd0 => Item::Plain(u8::try_from(self.number(1)?).ok()?.cast_signed().to_string()),
            0xd1 => Item::Plain(u16::try_from(self.number(2)?).ok()?.cast_signed().to_string()),
            0xd2 => Item::Plain(u32::try_from(self.number(4)?).ok()?.cast_signed().to_string()),
            0xd3 => Item::Plain(self.number(8)?.cast_signed().to_string()),
            0xd4..=0xd8 => self.extension(power(first, 0xd4) as u64)?,
            0xd9..=0xdb => {
                let length = self.number(power(first, 0xd9))?;
                Item::Text(self.span(length)?)
            }
            0xdc | 0xdd => Item::Array(self.number(if first == 0xdc { 2 } else { 4 })?),
            0xde | 0xdf => Item::Map(self.number(if first == 0xde { 2 } else { 4 })?),
        })
    }

    fn text(&mut self, range: &Range<u64>) -> String {
        let size = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        String::from_utf8_lossy(self.pages.get(range.start, size.min(MAX_TEXT))).into_owned()
    }
}

fn walk(
    reader: &mut Reader<'_>,
    opening: &Opening<'_>,
    model: &mut Model,
    members: &mut Vec<Member>,
    budget: &mut Budget,
) -> Result<(), String> {
    let mut stack: Vec<Frame> = Vec::new();
    while reader.at < reader.len || !stack.is_empty() {
        budget.steps(1).map_err(|e| e.to_string())?;
        let start = reader.at;
        let Some(item) = reader.item() else {
            let words = if start == 0 {
                "this is no MessagePack".to_owned()
            } else if reader.at >= reader.len || start >= reader.len {
                "ends within a value".to_owned()
            } else {
                "a value reaches behind the end of the file or is of no known type".to_owned()
            };
            let kind = if stack.is_empty() && start > 0 {
                DefectKind::Smuggled
            } else {
                DefectKind::Broken
            };
            defect_of(&mut model.defects, kind, start..reader.len, words);
            return Ok(());
        };
        // Where a key is wanted, the value is one.
        if let Some(frame) = stack.last_mut()
            && frame.is_map
            && frame.key.is_none()
            && !matches!(item, Item::Array(_) | Item::Map(_))
        {
            frame.key = Some(match &item {
                Item::Text(range) | Item::Bytes(range) => reader.text(range),
                Item::Plain(text) => text.clone(),
                _ => "?".to_owned(),
            });
            continue;
        }
        match item {
            Item::Array(count) | Item::Map(count) => {
                if stack.len() >= MAX_DEPTH {
                    defect(&mut model.defects, start..reader.at, "values nest too deep");
                    return Err(format!("nests deeper than {MAX_DEPTH} values"));
                }
                stack.push(Frame {
                    left: count,
                    is_map: matches!(item, Item::Map(_)),
                    key: None,
                    index: 0,
                });
            }
            item => {
                value(reader, opening, model, members, &stack, item, budget)?;
                finish(&mut stack);
            }
        }
        // An empty container is a value by itself.
        while stack.last().is_some_and(|f| f.left == 0) {
            stack.pop();
            finish(&mut stack);
        }
    }
    Ok(())
}

/// The innermost container has one value more.
fn finish(stack: &mut [Frame]) {
    if let Some(frame) = stack.last_mut() {
        frame.key = None;
        frame.left = frame.left.saturating_sub(1);
        frame.index = frame.index.saturating_add(1);
    }
}

/// The way to the value that is read: `params/Dense_0/kernel`.
fn path(stack: &[Frame]) -> String {
    let steps = stack.iter().map(|frame| match &frame.key {
        Some(key) => key.clone(),
        None => frame.index.to_string(),
    });
    let mut path = steps.take(24).collect::<Vec<_>>().join("/");
    if path.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|i| path.is_char_boundary(*i));
        path.truncate(end.unwrap_or(0));
    }
    path
}

fn value(
    reader: &mut Reader<'_>,
    opening: &Opening<'_>,
    model: &mut Model,
    members: &mut Vec<Member>,
    stack: &[Frame],
    item: Item,
    budget: &mut Budget,
) -> Result<(), String> {
    match item {
        Item::Plain(text) if stack.len() <= 3 && model.metadata.len() < MAX_FACTS => {
            model.metadata.push((path(stack), text));
        }
        Item::Text(range) if model.metadata.len() < MAX_FACTS => {
            let text = reader.text(&range);
            model.metadata.push((path(stack), text));
        }
        Item::Bytes(range) => hidden(opening, members, &path(stack), &range, budget)?,
        Item::Extension(kind @ (1 | 3), range) if array(reader, model, stack, kind, &range, budget)? => {}
        Item::Extension(1..=3 | -1, range) => hidden(opening, members, &path(stack), &range, budget)?,
        Item::Extension(kind, range) => {
            let words = format!(
                "{} is of the extension type {kind}, which each loader reads in its own way",
                code(&path(stack))
            );
            defect(&mut model.defects, range.clone(), words);
            hidden(opening, members, &path(stack), &range, budget)?;
        }
        _ => {}
    }
    Ok(())
}

/// Bytes that are a format of their own go back to the queue.
fn hidden(
    opening: &Opening<'_>,
    members: &mut Vec<Member>,
    name: &str,
    range: &Range<u64>,
    budget: &mut Budget,
) -> Result<(), String> {
    budget.steps(16).map_err(|e| e.to_string())?;
    let blob = opening
        .blob
        .slice(range.start, range.end.saturating_sub(range.start));
    let head = blob.bytes(0, 4096).unwrap_or_default();
    if let Some(format) = hides(&head, &blob, budget) {
        budget.entries(1).map_err(|e| e.to_string())?;
        members.push(Member::stored(name, Role::As(format), blob));
    }
    Ok(())
}

/// An array as Flax writes it: shape, name of the type, bytes. `false` if it is written otherwise.
fn array(
    reader: &mut Reader<'_>,
    model: &mut Model,
    stack: &[Frame],
    kind: i8,
    range: &Range<u64>,
    budget: &mut Budget,
) -> Result<bool, String> {
    let after = reader.at;
    let whole = reader.len;
    reader.at = range.start;
    reader.len = range.end;
    let read = parts(reader);
    reader.at = after;
    reader.len = whole;
    let Some((shape, dtype, bytes)) = read else {
        let words = format!(
            "{} is no array as the extension type {kind} has it",
            code(&path(stack))
        );
        defect(&mut model.defects, range.clone(), words);
        return Ok(false);
    };
    budget.memory(512).map_err(|e| e.to_string())?;
    budget.steps(16).map_err(|e| e.to_string())?;
    let tensor = Tensor {
        name: path(stack),
        dtype,
        shape,
        bytes,
    };
    // Types of NumPy end in their bits: float32.
    let digits = tensor.dtype.trim_start_matches(|c: char| !c.is_ascii_digit());
    let bits: Option<u64> = digits.parse().ok();
    let have = tensor.bytes.end.saturating_sub(tensor.bytes.start);
    if let Some(bits) = bits.filter(|bits| bits.is_multiple_of(8)) {
        let want = tensor.elements().and_then(|n| n.checked_mul(bits / 8));
        if want != Some(have) {
            let words = format!(
                "array {} does not have the bytes that its shape needs",
                code(&tensor.name)
            );
            defect(&mut model.defects, range.clone(), words);
        }
    }
    model.tensors.push(tensor);
    Ok(true)
}

fn parts(reader: &mut Reader<'_>) -> Option<(Vec<u64>, String, Range<u64>)> {
    let (Item::Array(3), Item::Array(rank)) = (reader.item()?, reader.item()?) else {
        return None;
    };
    if rank > MAX_RANK {
        return None;
    }
    let mut shape = Vec::new();
    for _ in 0..rank {
        let Item::Plain(size) = reader.item()? else {
            return None;
        };
        shape.push(size.parse().ok()?);
    }
    let (Item::Text(dtype) | Item::Bytes(dtype)) = reader.item()? else {
        return None;
    };
    let dtype = reader.text(&dtype);
    let (Item::Bytes(bytes) | Item::Text(bytes)) = reader.item()? else {
        return None;
    };
    Some((shape, dtype, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, OpenOptions, assemble::assemble, format::table as t, identify, open};
    use proptest::prelude::*;

    fn show(bytes: Vec<u8>) -> String {
        let blob = Blob::from_bytes(bytes);
        let mut budget = Budget::default();
        let identity = identify("x.msgpack", Role::As(&t::MSGPACK), &blob, &mut budget);
        let opened = open("x.msgpack", &identity, &blob, OpenOptions::default(), &mut budget);
        let Document::Model(model) = &opened.document else {
            return "nothing".to_owned();
        };
        let mut out: Vec<String> = model.metadata.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        for t in &model.tensors {
            out.push(format!("{} {} {:?} {:?}", t.name, t.dtype, t.shape, t.bytes));
        }
        out.extend(model.defects.iter().map(|d| format!("{:?} {}", d.kind, d.words)));
        out.extend(opened.members.iter().map(|m| format!("member {}", m.name)));
        out.extend(opened.outcome.why().map(str::to_owned));
        out.join("\n")
    }

    fn listed(listing: &str) -> String {
        show(assemble("binary", listing).unwrap())
    }

    #[test]
    fn a_checkpoint_of_flax_shows_its_arrays() {
        let listing = "
            hex 82
            hex a6
            text params
            hex 81
            hex a6
            text kernel
            hex c7 15 01          # extension type 1, 21 bytes
            hex 93 91 02
            hex a7
            text float32
            hex c4 08
            zeros 8
            hex a4
            text step
            hex cd 01 00";
        assert_eq!(listed(listing), "step: 256\nparams/kernel float32 [2] 32..40");
        assert!(is_one(&assemble("binary", listing).unwrap()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (listing, expected) in [
            (
                "hex 81 a1\ntext a\nhex d4 4d 00",
                "Broken `a` is of the extension type 77, which each loader reads in its own way",
            ),
            (
                "hex 81 a1\ntext a\nhex c4 ff 00",
                "Broken a value reaches behind the end of the file or is of no known type",
            ),
            ("hex 81 a1\ntext a", "Broken ends within a value"),
            ("hex c1", "Broken this is no MessagePack"),
            ("hex 80 c1", "Smuggled ends within a value"),
            ("hex df ff ff ff ff", "Broken ends within a value"),
            (
                "hex 81 a1\ntext a\nhex c7 03 01 93 90 a0",
                "Broken `a` is no array as the extension type 1 has it",
            ),
        ] {
            assert_eq!(listed(listing), expected, "{listing}");
        }
        let deep = vec![0x91; 10_000];
        assert!(show(deep).contains("nests deeper than 512 values"));
    }

    #[test]
    fn a_pickle_in_bytes_is_a_member() {
        let pickle = "80 02 63 62 75 69 6c 74 69 6e 73 0a 70 72 69 6e 74 0a 29 52 2e";
        for head in ["c4 15", "c7 15 01", "c7 15 4d"] {
            let shown = listed(&format!("hex 81 a4\ntext data\nhex {head} {pickle}"));
            assert!(shown.contains("member data"), "{shown}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            is_one(&bytes);
            show(bytes);
        }
    }
}
