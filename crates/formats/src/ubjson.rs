//! UBJSON: JSON in bytes, how XGBoost writes its models by default. Applying one computes and runs nothing.
//!
//! The one decision: arrays of one type are tensors and are skipped; the names of a model's parts and its short texts
//! are kept, everything else is only walked, to see that the file is whole.

use crate::{
    bytes::Pages,
    document::Opened,
    model::{Model, Opening},
    tensors::{DefectKind, Tensor, defect, defect_of},
};
use wellhead_core::{Budget, Outcome};

/// How deep objects and arrays may nest.
const MAX_DEPTH: usize = 512;
/// Longest text that is kept.
const MAX_TEXT: usize = 256;
/// Most facts that are kept.
const MAX_FACTS: usize = 200;

/// An object or array whose values are being read.
struct Frame {
    is_object: bool,
    /// The type of all values, where the container gives one.
    kind: Option<u8>,
    /// How many values are left, where the container says so.
    left: Option<u64>,
    name: String,
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
    let read = walk(&mut reader, &mut model, budget);
    let outcome = match (read, reader.pages.failed()) {
        (_, Some(why)) => Outcome::Partly {
            why: format!("could not be read: {why}"),
        },
        (Err(why), None) => Outcome::Partly { why },
        (Ok(()), None) => Outcome::Analysed,
    };
    model.opened(Vec::new(), outcome, opening)
}

/// Whether bytes begin an object whose first key is a name: text cannot, since its keys stand in quotes.
pub(crate) fn is_one(head: &[u8]) -> bool {
    let Some((b'{', rest)) = head.split_first() else {
        return false;
    };
    let (size, skip) = match rest.first() {
        Some(b'i' | b'U') => (1, 1),
        Some(b'I') => (2, 1),
        Some(b'l') => (4, 1),
        Some(b'L') => (8, 1),
        _ => return false,
    };
    let Some(length) = rest.get(skip..).and_then(|r| r.get(..size)) else {
        return false;
    };
    let length = length.iter().fold(0_u64, |n, b| (n << 8) | u64::from(*b));
    let Ok(length @ 1..=64) = usize::try_from(length) else {
        return false;
    };
    let key = rest
        .get(size.saturating_add(skip)..)
        .and_then(|r| r.get(..length));
    key.is_some_and(|k| k.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'))
}

struct Reader<'a> {
    pages: Pages<'a>,
    at: u64,
    len: u64,
}

impl Reader<'_> {
    fn bytes(&mut self, size: usize) -> Option<&[u8]> {
        let at = self.at;
        self.at = self.at.checked_add(size as u64)?;
        let bytes = self.pages.get(at, size);
        (bytes.len() == size).then_some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    /// The next byte that is no padding.
    fn marker(&mut self, budget: &mut Budget) -> Option<u8> {
        loop {
            let byte = self.byte()?;
            if byte != b'N' {
                return Some(byte);
            }
            budget.steps(1).ok()?;
        }
    }

    /// A number of a type that lengths may have.
    fn length(&mut self) -> Option<u64> {
        let kind = self.byte()?;
        let size = match kind {
            b'i' | b'U' => 1,
            b'I' => 2,
            b'l' => 4,
            b'L' => 8,
            _ => return None,
        };
        let bytes = self.bytes(size)?;
        let value = bytes.iter().fold(0_u64, |n, b| (n << 8) | u64::from(*b));
        let limit = match kind {
            b'i' => 0x7f,
            b'I' => 0x7fff,
            b'l' => 0x7fff_ffff,
            b'L' => u64::MAX >> 1,
            _ => u64::MAX,
        };
        (value <= limit).then_some(value)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.len)?;
        let wanted = usize::try_from(length).ok()?.min(MAX_TEXT);
        let text = String::from_utf8_lossy(self.pages.get(self.at, wanted)).into_owned();
        self.at = end;
        Some(text)
    }
}

/// Bytes of a value of fixed size, and its name.
fn fixed(kind: u8) -> Option<(u64, &'static str)> {
    Some(match kind {
        b'Z' | b'T' | b'F' => (0, "constant"),
        b'i' => (1, "int8"),
        b'U' => (1, "uint8"),
        b'C' => (1, "char"),
        b'I' => (2, "int16"),
        b'l' => (4, "int32"),
        b'L' => (8, "int64"),
        b'd' => (4, "float32"),
        b'D' => (8, "float64"),
        _ => return None,
    })
}

fn number(kind: u8, bytes: &[u8]) -> String {
    let value = bytes.iter().fold(0_u64, |n, b| (n << 8) | u64::from(*b));
    let narrow = u32::try_from(value).unwrap_or(0);
    match kind {
        b'Z' => "null".to_owned(),
        b'T' => "true".to_owned(),
        b'F' => "false".to_owned(),
        b'C' => char::from(bytes.first().copied().unwrap_or(0)).to_string(),
        b'd' => f32::from_bits(narrow).to_string(),
        b'D' => f64::from_bits(value).to_string(),
        b'i' => u8::try_from(value).unwrap_or(0).cast_signed().to_string(),
        b'I' => u16::try_from(value).unwrap_or(0).cast_signed().to_string(),
        b'l' => narrow.cast_signed().to_string(),
        b'L' => value.cast_signed().to_string(),
        _ => value.to_string(),
    }
}

fn walk(reader: &mut Reader<'_>, model: &mut Model, budget: &mut Budget) -> Result<(), String> {
    let mut stack: Vec<Frame> = Vec::new();
    loop {
        budget.steps(1).map_err(|e| e.to_string())?;
        let start = reader.at;
        if next(reader, model, &mut stack, budget)?.is_none() {
            let words = if start == 0 {
                "this is no UBJSON"
            } else if reader.at > reader.len {
                "ends within a value"
            } else {
                "a value reaches behind the end of the file or is of no known type"
            };
            defect(&mut model.defects, start..reader.len.max(start), words);
            return Ok(());
        }
        while stack.last().is_some_and(|f| f.left == Some(0)) {
            stack.pop();
        }
        if stack.is_empty() {
            break;
        }
    }
    if reader.at < reader.len {
        let words = "bytes stand behind the value that the file is";
        defect_of(
            &mut model.defects,
            DefectKind::Smuggled,
            reader.at..reader.len,
            words,
        );
    }
    Ok(())
}

/// Reads one value or the end of a container; `None` where there is none.
fn next(
    reader: &mut Reader<'_>,
    model: &mut Model,
    stack: &mut Vec<Frame>,
    budget: &mut Budget,
) -> Result<Option<()>, String> {
    let exhausted = |budget: &mut Budget| budget.exhausted().map_or(Ok(None), |e| Err(e.to_string()));
    let mut kind = None;
    if let Some(frame) = stack.last_mut() {
        let ends = if frame.is_object { b'}' } else { b']' };
        if frame.left.is_none() {
            let at = reader.at;
            let Some(marker) = reader.marker(budget) else {
                return exhausted(budget);
            };
            if marker == ends {
                stack.pop();
                return Ok(Some(()));
            }
            if frame.is_object {
                // The length of a key; no padding stands before it in a sound file.
                reader.at = reader.at.saturating_sub(1).max(at);
            } else {
                kind = Some(marker);
            }
        }
        if frame.is_object {
            let Some(key) = reader.text() else {
                return Ok(None);
            };
            frame.name = key;
        }
        frame.left = frame.left.map(|n| n.saturating_sub(1));
        frame.index = frame.index.saturating_add(1);
        kind = kind.or(frame.kind);
    }
    let kind = match kind {
        Some(kind) => kind,
        None => match reader.marker(budget) {
            Some(kind) => kind,
            None => return exhausted(budget),
        },
    };
    value(reader, model, stack, kind, budget)
}

fn value(
    reader: &mut Reader<'_>,
    model: &mut Model,
    stack: &mut Vec<Frame>,
    kind: u8,
    budget: &mut Budget,
) -> Result<Option<()>, String> {
    let keep = stack.len() <= 6 && model.metadata.len() < MAX_FACTS && stack.iter().all(|f| f.is_object);
    match kind {
        b'{' | b'[' => return container(reader, model, stack, kind, budget),
        b'S' | b'H' => {
            let Some(text) = reader.text() else {
                return Ok(None);
            };
            if keep {
                model.metadata.push((path(stack), text));
            }
        }
        _ => {
            let Some((size, _)) = fixed(kind) else {
                return Ok(None);
            };
            let size = usize::try_from(size).unwrap_or(0);
            let Some(bytes) = reader.bytes(size) else {
                return Ok(None);
            };
            if keep {
                let text = number(kind, bytes);
                model.metadata.push((path(stack), text));
            }
        }
    }
    Ok(Some(()))
}

fn container(
    reader: &mut Reader<'_>,
    model: &mut Model,
    stack: &mut Vec<Frame>,
    kind: u8,
    budget: &mut Budget,
) -> Result<Option<()>, String> {
    if stack.len() >= MAX_DEPTH {
        return Err(format!("nests deeper than {MAX_DEPTH} values"));
    }
    let mut frame = Frame {
        is_object: kind == b'{',
        kind: None,
        left: None,
        name: String::new(),
        index: 0,
    };
    let peek = |reader: &mut Reader<'_>| reader.pages.get(reader.at, 1).first().copied();
    if peek(reader) == Some(b'$') {
        reader.at = reader.at.saturating_add(1);
        frame.kind = reader.byte();
        // A type without a count is none.
        if frame.kind.is_none() || peek(reader) != Some(b'#') {
            return Ok(None);
        }
    }
    if peek(reader) == Some(b'#') {
        reader.at = reader.at.saturating_add(1);
        let Some(count) = reader.length() else {
            return Ok(None);
        };
        frame.left = Some(count);
        if let (false, Some((size, dtype))) = (frame.is_object, frame.kind.and_then(fixed)) {
            // Without bytes of its own a value costs nothing to write, so a count of such proves nothing.
            let end = count.checked_mul(size).and_then(|n| n.checked_add(reader.at));
            let Some(end) = end.filter(|end| *end <= reader.len) else {
                return Ok(None);
            };
            budget.memory(512).map_err(|e| e.to_string())?;
            model.tensors.push(Tensor {
                name: path(stack),
                dtype: dtype.to_owned(),
                shape: vec![count],
                bytes: reader.at..end,
            });
            reader.at = end;
            return Ok(Some(()));
        }
        // Values of a container take a byte each at least.
        if count > reader.len.saturating_sub(reader.at) {
            return Ok(None);
        }
    }
    stack.push(frame);
    Ok(Some(()))
}

/// The way to the value that is read: `learner/gradient_booster/model/trees/0/base_weights`.
fn path(stack: &[Frame]) -> String {
    let steps = stack.iter().map(|frame| {
        if frame.is_object {
            frame.name.clone()
        } else {
            frame.index.saturating_sub(1).to_string()
        }
    });
    let mut path = steps.take(24).collect::<Vec<_>>().join("/");
    if path.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|i| path.is_char_boundary(*i));
        path.truncate(end.unwrap_or(0));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Document, OpenOptions, Role, assemble::assemble, format::table as t, identify as identity, open,
    };
    use proptest::prelude::*;
    use wellhead_core::Blob;

    fn show(bytes: Vec<u8>) -> String {
        let blob = Blob::from_bytes(bytes);
        let mut budget = Budget::default();
        let identity = identity("x.ubj", Role::As(&t::XGBOOST_UBJ), &blob, &mut budget);
        let opened = open("x.ubj", &identity, &blob, OpenOptions::default(), &mut budget);
        let Document::Model(model) = &opened.document else {
            return "nothing".to_owned();
        };
        let mut out: Vec<String> = model.metadata.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        for t in &model.tensors {
            out.push(format!("{} {} {:?} {:?}", t.name, t.dtype, t.shape, t.bytes));
        }
        out.extend(model.defects.iter().map(|d| format!("{:?} {}", d.kind, d.words)));
        out.extend(opened.outcome.why().map(str::to_owned));
        out.join("\n")
    }

    #[test]
    fn a_model_shows_its_texts_and_arrays() {
        let listing = "
            text {L
            str64be learner
            text {i
            str8 name
            text SU
            str8 reg:squarederror
            text i
            str8 w
            text [$d#U
            u8 2
            zeros 8
            text i
            str8 many
            text [U
            hex 01 5d
            text }}";
        let bytes = assemble("binary", listing).unwrap();
        assert!(is_one(&bytes));
        assert_eq!(
            show(bytes),
            "learner/name: reg:squarederror\nlearner/w float32 [2] 52..60"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (bytes, expected) in [
            (&b"x"[..], "Broken this is no UBJSON"),
            (b"{i\x01aZ", "Broken ends within a value"),
            (b"{i\x01aS", "Broken ends within a value"),
            (
                b"{i\x01a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff",
                "Broken a value reaches behind the end of the file or is of no known type",
            ),
            (
                b"{}junk",
                "Smuggled bytes stand behind the value that the file is",
            ),
        ] {
            assert!(
                show(bytes.to_vec()).ends_with(expected),
                "{bytes:?}: {}",
                show(bytes.to_vec())
            );
        }
        assert!(show(vec![b'['; 1000]).contains("nests deeper than 512"));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256), text in "[{}\\[\\]$#iUlLSZ\\x00-\\x03]{0,60}") {
            is_one(&bytes);
            show(bytes);
            show(text.into_bytes());
        }
    }
}
