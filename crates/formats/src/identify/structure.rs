//! Formats that are told by more than their first bytes.

use super::Layer;
use crate::tensorflow::checkpoint;
use crate::{
    compressed,
    format::{Format, table as t},
    inflate::{self, inflate},
    json_models, msgpack,
    pickle::{self, Hints, Likelihood, looks_like_pickle},
    small, tar, torch7, ubjson, xml, zip,
};
use miniz_oxide::DataFormat;
use std::borrow::Cow;
use wellhead_core::{Blob, Budget};

/// How many names are looked at to tell what an archive is.
const NAMES: usize = 20_000;

/// Zip and tar archives, and what is built on them.
pub(super) fn container(name: &str, head: &[u8], blob: &Blob) -> Option<&'static Format> {
    if head.starts_with(b"PK\x03\x04")
        || head.starts_with(b"PK\x05\x06")
        || head.starts_with(b"PK\x07\x08PK\x03\x04")
    {
        return Some(zip::refine(name, &zip::names(blob, NAMES)));
    }
    tar::is_header(head).then(|| tar::refine(name, blob))
}

/// Formats whose first bytes are a length or a checksum.
pub(super) fn without_magic(head: &[u8], blob: &Blob) -> Option<&'static Format> {
    let first: [u8; 8] = head.get(..8)?.try_into().ok()?;
    let length = u64::from_le_bytes(first);
    if head.get(8) == Some(&b'{') && length < (1 << 32) && (length <= blob.len() || blob.len() > 16) {
        // JSON cannot be told from a pickle by a brace alone: a key or the end has to follow.
        let rest = head.get(9..).unwrap_or_default();
        let next = rest.iter().find(|b| !b.is_ascii_whitespace());
        if matches!(next, Some(b'"' | b'}')) {
            return Some(&t::SAFETENSORS);
        }
    }
    // Its first key goes on from none, so a table begins with zero.
    if head.first() == Some(&0) && checkpoint::is_one(blob) {
        return Some(&t::TENSORFLOW_CHECKPOINT);
    }
    if is_zlib(head, blob) || compressed::zfile(blob).is_some() {
        return Some(&t::ZLIB);
    }
    if ubjson::is_one(head) {
        return Some(&t::XGBOOST_UBJ);
    }
    if msgpack::is_one(head) {
        return Some(&t::MSGPACK);
    }
    if torch7::is_one(head) {
        return Some(&t::TORCH7);
    }
    if head.starts_with(b"tree\nversion=v") {
        return Some(&t::LIGHTGBM);
    }
    if small::is_word2vec(head, blob.len()) {
        return Some(&t::WORD2VEC);
    }
    if small::is_xgboost_binary(head) {
        return Some(&t::XGBOOST_BINARY);
    }
    // HDF5 may stand behind a block of the user's own.
    [512, 1024, 2048]
        .into_iter()
        .any(|at| {
            head.get(at..)
                .is_some_and(|rest| rest.starts_with(b"\x89HDF\r\n\x1a\n"))
        })
        .then_some(&t::HDF5)
}

/// Two bytes make a zlib header, so the beginning has to inflate as well.
fn is_zlib(head: &[u8], blob: &Blob) -> bool {
    let [0x78, second @ (0x01 | 0x5e | 0x9c | 0xda), ..] = head else {
        return false;
    };
    // `x^` begins texts too; those do not inflate.
    let _ = second;
    let start = blob.slice(0, head.len() as u64);
    let out = inflate(&start, DataFormat::ZLibIgnoreChecksum, &mut Budget::default());
    match out.end {
        inflate::End::Whole => true,
        inflate::End::Truncated => !out.blob.is_empty(),
        _ => false,
    }
}

/// Whether a loader that unpickles would get somewhere, and in which layout the pickles lie.
pub(super) fn pickle(head: &[u8]) -> Option<&'static Format> {
    (looks_like_pickle(head) == Likelihood::Certain).then(|| pickle_layout(head))
}

/// Whether the bytes can be read as a pickle that only holds data; a name has to decide.
pub(super) fn is_possibly_pickle(head: &[u8]) -> bool {
    looks_like_pickle(head) != Likelihood::No
}

/// Whether the first byte is an opcode of protocol 0 that a stream can begin with: under a pickle's name that is enough,
/// since whoever opens the file will unpickle it.
pub(super) fn begins_like_pickle(head: &[u8]) -> bool {
    matches!(
        head,
        [
            b'(' | b'I' | b'L' | b'F' | b'N' | b'S' | b'V' | b'c' | b'P' | b']' | b'}' | b')',
            _,
            ..
        ]
    )
}

/// Torch's old layout begins with a pickle of its magic number.
pub(super) fn pickle_layout(head: &[u8]) -> &'static Format {
    let magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let legacy = head.get(2..).is_some_and(|rest| rest.starts_with(magic));
    if legacy { &t::TORCH_LEGACY } else { &t::PICKLE }
}

/// Whether the words are characters, most of them of the Latin script or marks between words.
fn is_utf16(rest: &[u8], word: fn([u8; 2]) -> u16) -> bool {
    let words = rest.chunks_exact(2).filter_map(|c| c.try_into().ok().map(word));
    let (mut all, mut plain) = (0_usize, 0_usize);
    for c in char::decode_utf16(words) {
        all = all.saturating_add(1);
        let is_text = matches!(c, Ok(c) if (c as u32) < 0x250 && (!c.is_control() || c.is_whitespace()));
        plain = plain.saturating_add(usize::from(is_text));
    }
    plain.saturating_mul(2) >= all
}

/// Text, and what kind where its first line says so.
pub(super) fn text(head: &[u8], len: u64) -> Option<&'static Format> {
    let utf16 = match head {
        [0xff, 0xfe, rest @ ..] => is_utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => is_utf16(rest, u16::from_be_bytes),
        _ => false,
    };
    if utf16 {
        return Some(&t::PLAIN_TEXT);
    }
    let valid = match std::str::from_utf8(head) {
        Ok(text) => Cow::Borrowed(text),
        // A character may be cut at the end of the head.
        Err(e) if e.error_len().is_none() && (head.len() as u64) < len => {
            Cow::Borrowed(std::str::from_utf8(head.get(..e.valid_up_to())?).ok()?)
        }
        // Text in an older encoding is mostly ASCII.
        Err(_) => {
            let odd = head.iter().filter(|b| !b.is_ascii()).count();
            if odd.saturating_mul(10) > head.len() {
                return None;
            }
            String::from_utf8_lossy(head)
        }
    };
    let binary = |c: char| matches!(c as u32, 0..=8 | 0xb | 0xe..=0x1a | 0x1c..=0x1f | 0x7f);
    if valid.chars().any(binary) {
        return None;
    }
    let start = valid.trim_start_matches('\u{feff}').trim_start();
    let lower: String = start.chars().take(64).collect::<String>().to_lowercase();
    let first = valid.lines().next().unwrap_or_default();
    Some(if first.starts_with("#!") && first.contains("python") {
        &t::PYTHON
    } else if first.starts_with("#!") && first.contains("sh") {
        &t::SHELL
    } else if (lower.starts_with("<?xml") || lower.starts_with("<net")) && xml::is_openvino(start) {
        &t::OPENVINO
    } else if lower.starts_with("<?xml") {
        &t::XML
    } else if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        &t::HTML
    } else if start.starts_with("{\"") || start.starts_with("[{") || start.starts_with("{\n") {
        &t::JSON
    } else {
        &t::PLAIN_TEXT
    })
}

/// What a member that is taken for raw numbers is.
///
/// Among millions of numbers any four bytes occur, so a magic number alone proves nothing here: an executable has a
/// sound header, an archive its directory, and a pickle is one only if it calls or imports something.
pub(super) fn tensor(head: &[u8], blob: &Blob, budget: &mut Budget) -> (&'static Format, Vec<Layer>) {
    let format = match super::magic::of(head) {
        Some(f) if super::magic::is_program(f, head) => f,
        _ if head.starts_with(b"PK\x03\x04") && !zip::names(blob, 1).is_empty() => &t::ZIP,
        _ if runs(head, blob, budget) => &t::PICKLE,
        _ => &t::RAW_TENSOR,
    };
    (format, Vec::new())
}

/// Whether the bytes are a pickle that does something.
pub(crate) fn runs(head: &[u8], blob: &Blob, budget: &mut Budget) -> bool {
    if looks_like_pickle(head) != Likelihood::Certain {
        return false;
    }
    // What a pickle does, it does within its first megabytes or not at all.
    let program = pickle::analyse(&blob.slice(0, 4 << 20), Hints::default(), budget);
    !program.calls.is_empty() || !program.imports.is_empty()
}

/// Further readings of the same bytes.
///
/// A pickle may begin with the magic number of a picture (`GIF89a` is a number to the unpickler), a zip archive may end
/// any file. A zip itself begins with an opcode that only loaders with persistent ids survive.
pub(super) fn layers(format: &'static Format, head: &[u8], blob: &Blob) -> Vec<Layer> {
    let mut layers = Vec::new();
    let zip = super::names::is_zip(format);
    let known = zip || matches!(format.name, "pickle" | "torch-legacy");
    let likelihood = if known {
        Likelihood::No
    } else {
        looks_like_pickle(head)
    };
    // Text that can be read as a pickle of data may go on with a call further on.
    if likelihood == Likelihood::Certain || (likelihood == Likelihood::Possible && super::is_textual(format))
    {
        layers.push(Layer {
            format: &t::PICKLE,
            offset: 0,
        });
    }
    // What the text of a model says to its own loader.
    if *format == t::JSON
        && let Some(model) = json_models::told(head)
    {
        layers.push(Layer {
            format: model,
            offset: 0,
        });
    }
    // An archive that is a member of a tar is followed by the tar's own end.
    let flush = *format == t::TAR;
    if !zip && let Some(offset) = zip::at_end(blob, flush) {
        layers.push(Layer {
            format: zip::refine("", &zip::names(blob, NAMES)),
            offset,
        });
    }
    layers
}
