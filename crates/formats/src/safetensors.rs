//! safetensors: a JSON header and raw tensors, checked against each other.
//!
//! The format is safe because it says so little; whatever else a file holds is smuggled in. So everything is
//! checked that the specification demands, also what the official reader lets pass: keys that stand twice.

use crate::{
    bytes::{Source, is_zero, u64_at},
    document::{Document, Member, MemberSource, Opened, Role},
    identify,
    tensors::{Defect, DefectKind, Tensor, defect, defect_of},
    text::{self, Node, Value},
};
use std::{collections::BTreeSet, ops::Range};
use wellhead_core::{Blob, Budget, Depth, Outcome, code};

/// Longest header that the specification allows.
const MAX_HEADER: u64 = 100_000_000;

/// How many keys of a tensor are looked at; the format knows three.
const MAX_KEYS: usize = 64;

/// A safetensors file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The tensors in the order of the header.
    pub tensors: Vec<Tensor>,
    /// `__metadata__`, key and value; hostile text.
    pub metadata: Vec<(String, String)>,
    /// Length of the header in bytes.
    pub header: u64,
    /// What is wrong with it.
    pub defects: Vec<Defect>,
}

/// Bits of one element.
fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F4" => 4,
        "F6_E2M3" | "F6_E3M2" => 6,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "I16" | "U16" | "F16" | "BF16" => 16,
        "I32" | "U32" | "F32" => 32,
        "I64" | "U64" | "F64" | "C64" => 64,
        "C128" => 128,
        _ => return None,
    })
}

/// Opens the file in `blob`.
pub(crate) fn open(blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let mut file = File::default();
    let mut members = Vec::new();
    let outcome = match read(blob, &mut file, &mut members, budget) {
        Ok(()) => Outcome::Analysed,
        Err(why) => Outcome::Partly { why },
    };
    Opened {
        document: Document::Safetensors(Box::new(file)),
        members,
        outcome,
        depth,
    }
}

fn read(blob: &Blob, file: &mut File, members: &mut Vec<Member>, budget: &mut Budget) -> Result<(), String> {
    let io = |e: std::io::Error| format!("could not be read: {e}");
    let head = blob.bytes(0, 8).map_err(io)?;
    let Some(length) = u64_at(&head, 0) else {
        defect(
            &mut file.defects,
            0..blob.len(),
            "is shorter than its header's length field",
        );
        return Err("its header is cut off".to_owned());
    };
    file.header = length;
    if length > MAX_HEADER {
        let words = format!("its header is {length} bytes long, more than {MAX_HEADER}");
        defect(&mut file.defects, 0..8, words);
        return Err("its header is too long".to_owned());
    }
    let data = length.saturating_add(8);
    if data > blob.len() {
        let words = format!("its header is {length} bytes long, the file {}", blob.len());
        defect(&mut file.defects, 0..8, words);
        return Err("its header is cut off".to_owned());
    }
    budget.memory(length).map_err(|e| e.to_string())?;
    let bytes = blob.bytes(8, usize::try_from(length).unwrap_or(0)).map_err(io);
    budget.release(length);
    let bytes = bytes?;
    let Ok(header) = std::str::from_utf8(&bytes) else {
        defect(&mut file.defects, 8..data, "its header is not UTF-8");
        return Err("its header is not UTF-8".to_owned());
    };
    if !header.starts_with('{') {
        defect(&mut file.defects, 8..9, "its header does not begin with a brace");
    }
    let root = text::json(header, budget).map_err(|e| {
        let at = e.span.start as u64;
        defect(
            &mut file.defects,
            at.saturating_add(8)..at.saturating_add(9),
            format!("its header is not JSON: {e}"),
        );
        e.exhausted
            .map_or_else(|| "its header is not JSON".to_owned(), |x| x.to_string())
    })?;
    let Value::Table(_) = root.value else {
        defect(&mut file.defects, 8..data, "its header is no JSON object");
        return Err("its header is no JSON object".to_owned());
    };
    take_header(file, &root, data, blob.len());
    budget
        .steps(file.tensors.len() as u64)
        .map_err(|e| e.to_string())?;
    account(file, members, data, blob);
    Ok(())
}

/// Where a part of the header lies in the file.
fn place(span: &Range<usize>) -> Range<u64> {
    (span.start as u64).saturating_add(8)..(span.end as u64).saturating_add(8)
}

fn take_header(file: &mut File, root: &Node, data: u64, len: u64) {
    let mut seen = BTreeSet::new();
    for entry in root.entries() {
        let at = place(&entry.key_span);
        if !seen.insert(entry.key.as_str()) {
            let words = format!("the key {} stands twice in its header", code(&entry.key));
            defect_of(&mut file.defects, DefectKind::Ambiguous, at.clone(), words);
        }
        if entry.key == "__metadata__" {
            take_metadata(file, &entry.node);
            continue;
        }
        if let Err(words) = take_tensor(file, &entry.key, &entry.node, data, len) {
            defect(
                &mut file.defects,
                at,
                format!("tensor {} {words}", code(&entry.key)),
            );
        }
    }
}

fn take_metadata(file: &mut File, node: &Node) {
    if !matches!(node.value, Value::Table(_)) {
        defect(
            &mut file.defects,
            place(&node.span),
            "its `__metadata__` is no object",
        );
    }
    let mut seen = BTreeSet::new();
    for e in node.entries() {
        if !seen.insert(e.key.as_str()) {
            let words = format!("the metadata key {} stands twice", code(&e.key));
            defect(&mut file.defects, place(&e.key_span), words);
        }
        match e.node.as_str() {
            Some(value) => file.metadata.push((e.key.clone(), value.to_owned())),
            None => {
                let words = format!("the metadata of {} is no string", code(&e.key));
                defect(&mut file.defects, place(&e.node.span), words);
            }
        }
    }
}

fn take_tensor(file: &mut File, name: &str, node: &Node, data: u64, len: u64) -> Result<(), String> {
    let number = |n: &Node| match &n.value {
        Value::Number(text) => text.parse::<u64>().ok(),
        _ => None,
    };
    if node.entries().len() > MAX_KEYS {
        return Err("has more keys than the format knows".to_owned());
    }
    for (i, key) in node.entries().iter().enumerate() {
        if node
            .entries()
            .iter()
            .skip(i.saturating_add(1))
            .any(|k| k.key == key.key)
        {
            return Err(format!("has {} twice", code(&key.key)));
        }
    }
    let dtype = node.get("dtype").and_then(Node::as_str).ok_or("has no dtype")?;
    let shape = node
        .get("shape")
        .filter(|n| matches!(n.value, Value::Array(_)))
        .ok_or("has no shape")?;
    let shape: Vec<u64> = shape
        .items()
        .iter()
        .map(|n| number(n).ok_or("has a shape that is no list of sizes"))
        .collect::<Result<_, _>>()?;
    let offsets: Vec<u64> = node
        .get("data_offsets")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(number)
        .collect();
    let [from, to] = offsets[..] else {
        return Err("has no pair of offsets".to_owned());
    };
    let tensor = Tensor {
        name: name.to_owned(),
        dtype: dtype.to_owned(),
        shape,
        bytes: data.saturating_add(from)..data.saturating_add(to),
    };
    let mut wrong = None;
    if from > to {
        wrong = Some("ends before it begins".to_owned());
    } else if tensor.bytes.end > len {
        wrong = Some(format!(
            "ends {} bytes behind the file",
            tensor.bytes.end.saturating_sub(len)
        ));
    } else {
        match bits(dtype) {
            None => wrong = Some(format!("has the unknown dtype {}", code(dtype))),
            Some(bits) => {
                let want = tensor
                    .elements()
                    .and_then(|n| n.checked_mul(bits))
                    .map(|n| n.div_ceil(8));
                let have = to.saturating_sub(from);
                if want != Some(have) {
                    let want = want.map_or_else(
                        || "more bytes than can be counted".to_owned(),
                        |n| format!("{n} bytes"),
                    );
                    wrong = Some(format!("needs {want} by its shape and has {have}"));
                }
            }
        }
    }
    file.tensors.push(tensor);
    wrong.map_or(Ok(()), Err)
}

/// Accounts for every byte behind the header: tensors that share bytes, bytes that belong to none.
fn account(file: &mut File, members: &mut Vec<Member>, data: u64, blob: &Blob) {
    let mut order: Vec<(Range<u64>, String)> = file
        .tensors
        .iter()
        .filter(|t| t.bytes.start <= t.bytes.end)
        .map(|t| (t.bytes.clone(), t.name.clone()))
        .collect();
    order.sort_by_key(|(bytes, _)| (bytes.start, bytes.end));
    let mut at = data;
    let mut last = String::new();
    let mut loose = Vec::new();
    for (bytes, name) in order {
        if bytes.start < at && bytes.end > bytes.start {
            let words = format!("tensors {} and {} share bytes", code(&last), code(&name));
            defect_of(
                &mut file.defects,
                DefectKind::Ambiguous,
                bytes.start..at.min(bytes.end),
                words,
            );
        } else if bytes.start > at {
            loose.push((at..bytes.start.min(blob.len()), "between its tensors"));
        }
        if bytes.end > at {
            at = bytes.end;
            last = name;
        }
    }
    if at < blob.len() {
        loose.push((at..blob.len(), "behind its last tensor"));
    }
    for (bytes, place) in loose {
        let size = bytes.end.saturating_sub(bytes.start);
        let zero = is_zero(&mut Source::new(blob), bytes.start, bytes.end, 1 << 20);
        let kind = if zero { " (zeros)" } else { "" };
        defect_of(
            &mut file.defects,
            if zero {
                DefectKind::Broken
            } else {
                DefectKind::Smuggled
            },
            bytes.clone(),
            format!("{size} bytes{kind} {place} belong to none"),
        );
        let rest = blob.slice(bytes.start, size);
        if !zero && identify::glance(&rest).is_some() {
            members.push(Member {
                name: format!("bytes at {:#x}", bytes.start),
                role: Role::Plain,
                size,
                stored: size,
                hidden: true,
                source: MemberSource::Stored(rest),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn build(header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = (header.len() as u64).to_le_bytes().to_vec();
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    fn show(bytes: Vec<u8>) -> String {
        let opened = open(&Blob::from_bytes(bytes), Depth::Headers, &mut Budget::default());
        let Document::Safetensors(file) = &opened.document else {
            panic!()
        };
        let mut out: Vec<String> = file
            .defects
            .iter()
            .map(|d| format!("{:#x}: {}", d.offset, d.words))
            .collect();
        out.extend(opened.members.iter().map(|m| format!("member {}", m.name)));
        out.extend(opened.outcome.why().map(str::to_owned));
        out.join("\n")
    }

    #[test]
    fn an_ordinary_file_has_no_defects() {
        let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"empty":{"dtype":"F16","shape":[0],"data_offsets":[16,16]},"s":{"dtype":"I64","shape":[],"data_offsets":[16,24]}}   "#;
        assert_eq!(show(build(header, &[0; 24])), "");
    }

    #[test]
    fn every_defect_is_named() {
        let one = |t: &str| format!(r#"{{"a":{t}}}"#);
        for (header, data, expected) in [
            (one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#), 4, "0x9: tensor `a` needs 8 bytes by its shape and has 4"),
            (one(r#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#), 4, "0x9: tensor `a` ends 4 bytes behind the file"),
            (one(r#"{"dtype":"F32","shape":[2],"data_offsets":[8,0]}"#), 8, "0x9: tensor `a` ends before it begins\n0x3e: 8 bytes (zeros) behind its last tensor belong to none"),
            (one(r#"{"dtype":"X9","shape":[1],"data_offsets":[0,1]}"#), 1, "0x9: tensor `a` has the unknown dtype `X9`"),
            (one(r#"{"shape":[1],"data_offsets":[0,1]}"#), 0, "0x9: tensor `a` has no dtype"),
            (one(r#"{"dtype":"U8","shape":1,"data_offsets":[0,1]}"#), 0, "0x9: tensor `a` has no shape"),
            (one(r#"{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}"#), 0, "0x9: tensor `a` has a shape that is no list of sizes"),
            (one(r#"{"dtype":"U8","shape":[1],"data_offsets":[0]}"#), 0, "0x9: tensor `a` has no pair of offsets"),
            (one(r#"{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}"#), 0, "0x9: tensor `a` has `dtype` twice"),
            (one(r#"{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}"#), 4, "0x9: tensor `a` needs more bytes than can be counted by its shape and has 4"),
            (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#.to_owned(), 4, "0x3d: the key `a` stands twice in its header"),
            (r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#.to_owned(), 3, "0x72: tensors `a` and `b` share bytes"),
            (r#"{"__metadata__":{"a":1,"a":"x"}}"#.to_owned(), 0, "0x1d: the metadata of `a` is no string\n0x1f: the metadata key `a` stands twice"),
            ("[]".to_owned(), 0, "0x8: its header does not begin with a brace\n0x8: its header is no JSON object\nits header is no JSON object"),
            ("{".to_owned(), 0, "0x9: its header is not JSON: expected a key in quotes, found the end\nits header is not JSON"),
        ] {
            let got = show(build(&header, &vec![0; data]));
            assert_eq!(got, expected, "{header}");
        }
    }

    #[test]
    fn a_pickle_behind_the_tensors_is_a_member() {
        let header = r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}"#;
        assert_eq!(
            show(build(header, b"\0\0\x80\x04N.")),
            "0x3f: 4 bytes behind its last tensor belong to none\nmember bytes at 0x3f"
        );
    }

    #[test]
    fn lengths_that_cannot_be() {
        assert_eq!(
            show(b"1234".to_vec()),
            "0x0: is shorter than its header's length field\nits header is cut off"
        );
        assert_eq!(
            show(build("{}", b"")[..9].to_vec()),
            "0x0: its header is 2 bytes long, the file 9\nits header is cut off"
        );
        let mut huge = (u64::MAX).to_le_bytes().to_vec();
        huge.extend(b"{}");
        assert_eq!(
            show(huge),
            "0x0: its header is 18446744073709551615 bytes long, more than 100000000\nits header is too long"
        );
    }

    proptest! {
        #[test]
        fn never_panics(data in proptest::collection::vec(any::<u8>(), 0..512), n in 0u64..300) {
            let mut bytes = n.to_le_bytes().to_vec();
            bytes.extend(data);
            show(bytes);
        }
    }
}
