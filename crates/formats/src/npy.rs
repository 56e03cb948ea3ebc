//! NumPy's array file: a Python literal, then raw numbers, or a pickle for arrays of objects.

mod literal;

use crate::{
    bytes::{Source, is_zero, u16_at, u32_at},
    document::{Document, Member, MemberSource, Opened, Role},
    identify,
    tensors::{Defect, DefectKind, Tensor, defect, defect_of},
};
use literal::Literal;
use wellhead_core::{Blob, Budget, Depth, Outcome, code};

/// Longest header that is read; NumPy itself warns from 10,000 on.
const MAX_HEADER: u64 = 1 << 20;

/// How many keys of a header are looked at; the format knows three.
const MAX_KEYS: usize = 64;

/// One array.
#[derive(Clone, Debug)]
pub struct Array {
    /// Version of the layout.
    pub version: (u8, u8),
    /// Its type and shape.
    pub tensor: Tensor,
    /// Whether its elements are, or hold, Python objects: then the rest is a pickle.
    pub objects: bool,
    /// Whether the first dimension runs fastest, as in Fortran.
    pub columns: bool,
    /// What is wrong with it.
    pub defects: Vec<Defect>,
}

/// Opens the array in `blob`.
pub(crate) fn open(blob: &Blob, depth: Depth, budget: &mut Budget) -> Opened {
    let mut array = Array {
        version: (0, 0),
        tensor: Tensor {
            name: String::new(),
            dtype: String::new(),
            shape: Vec::new(),
            bytes: 0..0,
        },
        objects: false,
        columns: false,
        defects: Vec::new(),
    };
    let mut members = Vec::new();
    let outcome = match read(blob, &mut array, &mut members, budget) {
        Ok(()) => Outcome::Analysed,
        Err(why) => Outcome::Partly { why },
    };
    Opened {
        document: Document::Npy(Box::new(array)),
        members,
        outcome,
        depth,
    }
}

fn read(
    blob: &Blob,
    array: &mut Array,
    members: &mut Vec<Member>,
    budget: &mut Budget,
) -> Result<(), String> {
    let io = |e: std::io::Error| format!("could not be read: {e}");
    let fixed = blob.bytes(0, 12).map_err(io)?;
    let byte = |i: usize| fixed.get(i).copied().unwrap_or(0);
    array.version = (byte(6), byte(7));
    let (length, start) = match array.version.0 {
        1 => (u16_at(&fixed, 8).map(u64::from), 10),
        _ => (u32_at(&fixed, 8).map(u64::from), 12),
    };
    if !matches!(array.version, (1..=3, 0)) {
        let (a, b) = array.version;
        defect(
            &mut array.defects,
            6..8,
            format!("its layout has the unknown version {a}.{b}"),
        );
    }
    let length = length.ok_or("its header is cut off")?;
    let data = length.saturating_add(start);
    if length > MAX_HEADER || data > blob.len() {
        defect(
            &mut array.defects,
            8..12,
            format!("its header is {length} bytes long, the file {}", blob.len()),
        );
        return Err("its header is cut off or too long".to_owned());
    }
    budget.steps(length).map_err(|e| e.to_string())?;
    let header = blob
        .bytes(start, usize::try_from(length).unwrap_or(0))
        .map_err(io)?;
    let described = describe(array, &header);
    let rest = blob.slice(data, blob.len().saturating_sub(data));
    let mut member = |name: String, role, blob: Blob| {
        members.push(Member {
            name,
            role,
            size: blob.len(),
            stored: blob.len(),
            hidden: false,
            source: MemberSource::Stored(blob),
        });
    };
    match described {
        Ok(_) if array.objects => {
            array.tensor.bytes = data..blob.len();
            member("objects".to_owned(), Role::Objects, rest);
            Ok(())
        }
        Ok(size) => {
            let want = array.tensor.elements().and_then(|n| n.checked_mul(size?));
            let have = rest.len();
            array.tensor.bytes = data..data.saturating_add(want.unwrap_or(have).min(have));
            match want {
                Some(want) if want < have => {
                    let end = data.saturating_add(want);
                    let extra = blob.slice(end, have.saturating_sub(want));
                    let zero = is_zero(&mut Source::new(blob), end, blob.len(), 1 << 20);
                    // Several arrays in one file are ordinary: `numpy.save` into an open file.
                    let next = identify::glance(&extra);
                    if next != Some(&crate::format::table::NPY) {
                        let kind = if zero { " (zeros)" } else { "" };
                        let what = if zero {
                            DefectKind::Broken
                        } else {
                            DefectKind::Smuggled
                        };
                        let words = format!("{} bytes{kind} follow its data", extra.len());
                        defect_of(&mut array.defects, what, end..blob.len(), words);
                    }
                    if next.is_some() {
                        member(format!("bytes at {end:#x}"), Role::Plain, extra);
                    }
                }
                Some(want) if want > have => {
                    defect(
                        &mut array.defects,
                        data..blob.len(),
                        format!("needs {want} bytes and has {have}"),
                    );
                }
                _ => {}
            }
            Ok(())
        }
        Err(words) => {
            defect(&mut array.defects, start..data, words.clone());
            if identify::glance(&rest).is_some() {
                member(format!("bytes at {data:#x}"), Role::Plain, rest);
            }
            Err(words)
        }
    }
}

/// Takes type and shape from the header; the size of an element, where it can be told.
fn describe(array: &mut Array, header: &[u8]) -> Result<Option<u64>, String> {
    // Versions 1 and 2 are Latin-1, version 3 is UTF-8.
    let text = match std::str::from_utf8(header) {
        Ok(text) => text.to_owned(),
        Err(_) => header.iter().map(|b| char::from(*b)).collect(),
    };
    let Some(Literal::Dict(pairs)) = literal::parse(&text) else {
        return Err("its header is no dictionary of literals".to_owned());
    };
    if pairs.len() > MAX_KEYS {
        return Err("its header has more keys than the format knows".to_owned());
    }
    // Of a key that stands twice Python takes the last.
    let get = |key: &str| {
        pairs
            .iter()
            .rev()
            .find(|(k, _)| *k == Literal::Text(key.to_owned()))
            .map(|(_, v)| v)
    };
    let known = ["descr", "fortran_order", "shape"];
    for (i, (key, _)) in pairs.iter().enumerate() {
        let name = if let Literal::Text(name) = key {
            name.as_str()
        } else {
            ""
        };
        let twice = pairs.iter().skip(i.saturating_add(1)).any(|(k, _)| k == key);
        if !known.contains(&name) || twice {
            let words = format!(
                "its header has the key {} {}",
                code(name),
                if twice { "twice" } else { "that is none" }
            );
            defect(&mut array.defects, 10..10, words);
        }
    }
    let descr = get("descr").ok_or("its header names no type")?;
    let Some(Literal::Tuple(shape) | Literal::List(shape)) = get("shape") else {
        return Err("its header names no shape".to_owned());
    };
    array.tensor.shape = shape
        .iter()
        .map(|d| match d {
            Literal::Int(n) => u64::try_from(*n).ok(),
            _ => None,
        })
        .collect::<Option<_>>()
        .ok_or("its shape is no list of sizes")?;
    array.tensor.dtype = descr.to_string();
    array.objects = has_objects(descr);
    array.columns = get("fortran_order") == Some(&Literal::Bool(true));
    Ok(item_size(descr))
}

/// Whether a type is, or has a field that is, Python's object.
fn has_objects(descr: &Literal) -> bool {
    match descr {
        // One type, or several with commas; only objects are written with a capital O.
        Literal::Text(t) => t.contains('O') || t.contains("object"),
        Literal::List(fields) => fields.iter().any(|f| match f {
            Literal::Tuple(parts) => parts.get(1).is_none_or(has_objects),
            other => has_objects(other),
        }),
        // A type and its shape.
        Literal::Tuple(parts) => parts.first().is_none_or(has_objects),
        // What is not understood is taken for the worst.
        _ => true,
    }
}

fn item_size(descr: &Literal) -> Option<u64> {
    match descr {
        Literal::Text(t) => text_size(t),
        Literal::List(fields) => fields.iter().try_fold(0_u64, |sum, f| {
            let Literal::Tuple(parts) = f else { return None };
            let size = item_size(parts.get(1)?)?.checked_mul(count(parts.get(2))?)?;
            sum.checked_add(size)
        }),
        Literal::Tuple(parts) => item_size(parts.first()?)?.checked_mul(count(parts.get(1))?),
        _ => None,
    }
}

/// The number of elements of a shape; 1 where there is none.
fn count(shape: Option<&Literal>) -> Option<u64> {
    match shape {
        None => Some(1),
        Some(Literal::Int(n)) => u64::try_from(*n).ok(),
        Some(Literal::Tuple(dims) | Literal::List(dims)) => {
            dims.iter().try_fold(1_u64, |n, d| n.checked_mul(count(Some(d))?))
        }
        Some(_) => None,
    }
}

/// The size of a simple type: `<f4`, `|b1`, `<U10`, `<M8[ns]`.
fn text_size(t: &str) -> Option<u64> {
    let t = t.trim_start_matches(['<', '>', '|', '=']);
    let kind = t.chars().next()?;
    let rest = t.get(kind.len_utf8()..)?;
    let digits = rest.split('[').next()?;
    let n: Option<u64> = digits.parse().ok();
    match kind {
        'b' | 'i' | 'u' | 'f' | 'c' | 'S' | 'a' | 'V' | 'm' | 'M' => n,
        'U' => n?.checked_mul(4),
        '?' if rest.is_empty() => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn build(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = b"\x93NUMPY".to_vec();
        out.extend([version, 0]);
        if version == 1 {
            out.extend((header.len() as u16).to_le_bytes());
        } else {
            out.extend((header.len() as u32).to_le_bytes());
        }
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    fn show(bytes: Vec<u8>) -> String {
        let opened = open(&Blob::from_bytes(bytes), Depth::Headers, &mut Budget::default());
        let Document::Npy(a) = &opened.document else {
            panic!()
        };
        let mut out = vec![format!("{} {:?}", a.tensor.dtype, a.tensor.shape)];
        out.extend(a.defects.iter().map(|d| d.words.clone()));
        out.extend(
            opened
                .members
                .iter()
                .map(|m| format!("member {} {:?}", m.name, m.role)),
        );
        out.extend(opened.outcome.why().map(|w| format!("partly: {w}")));
        out.join("; ")
    }

    #[test]
    fn arrays_of_every_kind() {
        let h = |descr: &str, shape: &str| {
            format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}  \n")
        };
        for (version, header, data, expected) in [
            (1, h("'<f4'", "(2, 3)"), &[0; 24][..], "'<f4' [2, 3]"),
            (2, h("'<U3'", "(2,)"), &[0; 24], "'<U3' [2]"),
            (3, h("'<M8[ns]'", "()"), &[0; 8], "'<M8[ns]' []"),
            (
                1,
                h("[('x', '<i4'), ('y', '<f8', (2,))]", "(1,)"),
                &[0; 20],
                "[('x', '<i4'), ('y', '<f8', (2,))] [1]",
            ),
            (
                1,
                h("'|O'", "(2,)"),
                b"\x80\x04N.",
                "'|O' [2]; member objects Objects",
            ),
            (
                1,
                h("[('a', '<i4'), ('b', '|O')]", "(1,)"),
                b"\x80\x04N.",
                "[('a', '<i4'), ('b', '|O')] [1]; member objects Objects",
            ),
            (
                1,
                h("[('a', [('deep', 'O8')])]", "(1,)"),
                b"",
                "[('a', [('deep', 'O8')])] [1]; member objects Objects",
            ),
            (1, h("[('Own', '<i4')]", "(1,)"), &[0; 4], "[('Own', '<i4')] [1]"),
            (1, h("'i4,O'", "(1,)"), b"", "'i4,O' [1]; member objects Objects"),
            (
                1,
                h("'<f4'", "(2,)"),
                &[0; 4],
                "'<f4' [2]; needs 8 bytes and has 4",
            ),
            (
                1,
                h("'<f4'", "(1,)"),
                b"\0\0\0\0\x80\x04N.",
                "'<f4' [1]; 4 bytes follow its data; member bytes at 0x4a Plain",
            ),
            (
                9,
                h("'|O'", "(1,)"),
                b"",
                "'|O' [1]; its layout has the unknown version 9.0; member objects Objects",
            ),
            (
                1,
                "{'descr': __import__('os')}".to_owned(),
                b"",
                " []; its header is no dictionary of literals; partly: its header is no dictionary of literals",
            ),
            (
                1,
                "{'shape': (1,)}".to_owned(),
                b"",
                " []; its header names no type; partly: its header names no type",
            ),
        ] {
            assert_eq!(show(build(version, &header, data)), expected, "{header}");
        }
    }

    #[test]
    fn two_arrays_in_one_file_are_ordinary() {
        let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (1,), }";
        let mut bytes = build(1, header, &[0; 2]);
        bytes.extend(build(1, header, &[0; 2]));
        assert_eq!(show(bytes), "'<i2' [1]; member bytes at 0x45 Plain");
    }

    proptest! {
        #[test]
        fn never_panics(version in 0u8..5, header in "[\\[\\](){}',:0-9a-zA-Z<| ]{0,60}", data in proptest::collection::vec(any::<u8>(), 0..20)) {
            show(build(version, &header, &data));
        }

        #[test]
        fn never_panics_on_bytes(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = b"\x93NUMPY\x01\0".to_vec();
            bytes.extend(data);
            show(bytes);
        }
    }
}
