//! From an identity to a document.

use crate::{
    compressed,
    document::{DataFile, Document, Encoding, Member, MemberSource, OpenOptions, Opened, Role, TextFile},
    format::{Format, Support, table as t},
    identify::{Identity, Layer, is_zip},
    npy, pickle, safetensors, tar, text, zip,
};
use std::sync::Arc;
use wellhead_core::{Blob, Budget, Outcome};

/// Opens an artifact as what it was taken for. `name` is the file's path or the member's name.
///
/// Never fails: what could not be read is said in the outcome, and what was read before that is in the document.
pub fn open(
    name: &str,
    identity: &Identity,
    blob: &Blob,
    options: OpenOptions,
    budget: &mut Budget,
) -> Opened {
    let format = identity.format;
    let depth = options.depth;
    let plain = |document, outcome| Opened {
        document,
        members: Vec::new(),
        outcome,
        depth,
    };
    let mut opened = match format.support {
        Support::Inert => plain(Document::Opaque, Outcome::Analysed),
        Support::Unread => plain(Document::Opaque, Outcome::NotAnalysed { why: unread(format) }),
        Support::Opened if is_zip(format) => {
            let read = zip::read(blob, options, budget);
            Opened {
                document: Document::Zip(Box::new(read.archive)),
                members: read.members,
                outcome: read.outcome,
                depth,
            }
        }
        Support::Opened => match format.name {
            "tar" | "torch-tar" | "nemo" => tar::open(format, blob, depth, budget),
            "gzip" => compressed::gzip(name, blob, depth, budget),
            "zlib" => compressed::zlib(name, blob, depth, budget),
            "safetensors" => safetensors::open(blob, depth, budget),
            "npy" => npy::open(blob, depth, budget),
            "pickle" | "torch-legacy" => {
                let program = pickle::analyse(blob, hints(name, format, options.role), budget);
                let outcome = program.outcome.clone();
                plain(Document::Pickle(Box::new(program)), outcome)
            }
            _ => {
                let (document, outcome) = read(format, blob, budget);
                plain(document, outcome)
            }
        },
    };
    for layer in &identity.polyglot {
        opened.members.push(layer_member(layer, blob));
    }
    opened
}

/// Who will load a pickle.
fn hints(name: &str, format: &Format, role: Role) -> pickle::Hints {
    let lower = name.to_ascii_lowercase();
    let loader = if *format == t::TORCH_LEGACY || (role == Role::Pickle && lower.ends_with("data.pkl")) {
        pickle::Loader::Torch
    } else if lower.contains(".joblib") {
        pickle::Loader::Joblib
    } else {
        pickle::Loader::Any
    };
    pickle::Hints { loader }
}

/// The second reading of a file goes back to the queue as a member of the first.
fn layer_member(layer: &Layer, blob: &Blob) -> Member {
    Member {
        name: format!("as {} at {:#x}", layer.format.name, layer.offset),
        role: Role::As(layer.format),
        size: blob.len(),
        stored: blob.len(),
        hidden: true,
        source: MemberSource::Stored(blob.clone()),
    }
}

fn unread(format: &Format) -> String {
    match format.name {
        "unknown" => "unknown format".to_owned(),
        "lfs-pointer" => "a Git LFS pointer; the file itself is not here".to_owned(),
        _ => format!("recognised as {}, which is not read yet", format.with_article()),
    }
}

fn read(format: &'static Format, blob: &Blob, budget: &mut Budget) -> (Document, Outcome) {
    let (text, outcome) = match read_text(blob, budget) {
        Ok(read) => read,
        Err(why) => return (Document::Opaque, Outcome::NotAnalysed { why }),
    };
    let parse = match format {
        f if *f == t::JSON || *f == t::NOTEBOOK => text::json,
        f if *f == t::TOML => text::toml,
        f if *f == t::YAML => text::yaml,
        _ => return (Document::Text(text), outcome),
    };
    let root = parse(&text.text, budget);
    let outcome = match &root {
        Ok(_) => outcome,
        Err(e) => outcome.and(Outcome::Partly {
            why: format!("not valid {format}: {e}"),
        }),
    };
    (Document::Data(Box::new(DataFile { text, root })), outcome)
}

/// Reads and decodes a text; a long one is cut where the memory ends.
fn read_text(blob: &Blob, budget: &mut Budget) -> Result<(TextFile, Outcome), String> {
    // The bytes and their decoded form.
    let cost = blob.len().saturating_mul(2);
    let ceiling = budget.limits().memory / 4;
    budget.memory(cost.min(ceiling)).map_err(|e| e.to_string())?;
    let max = usize::try_from(ceiling / 2).unwrap_or(usize::MAX);
    let bytes = blob.bytes(0, max).map_err(|e| e.to_string());
    budget.release(cost.min(ceiling));
    let bytes = bytes?;
    let outcome = if (bytes.len() as u64) < blob.len() {
        Outcome::Partly {
            why: format!("only the first {} bytes of this text were read", bytes.len()),
        }
    } else {
        Outcome::Analysed
    };
    Ok((decode(&bytes), outcome))
}

fn decode(bytes: &[u8]) -> TextFile {
    let utf16 = |rest: &[u8], word: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).filter_map(|c| c.try_into().ok().map(word));
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect::<String>()
    };
    let (text, encoding): (Arc<str>, _) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => (String::from_utf8_lossy(rest).into(), Encoding::Utf8Bom),
        [0xff, 0xfe, rest @ ..] => (utf16(rest, u16::from_le_bytes).into(), Encoding::Utf16Le),
        [0xfe, 0xff, rest @ ..] => (utf16(rest, u16::from_be_bytes).into(), Encoding::Utf16Be),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => (text.into(), Encoding::Utf8),
            Err(_) => (String::from_utf8_lossy(bytes).into(), Encoding::Lossy),
        },
    };
    TextFile { text, encoding }
}
