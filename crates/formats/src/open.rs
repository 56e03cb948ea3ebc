//! From an identity to a document.

use crate::{
    ar, cab, caffe, compressed, coreml,
    decode::Codec,
    document::{DataFile, Document, Encoding, Member, MemberSource, OpenOptions, Opened, Role, TextFile},
    flatbuffer,
    format::{Format, Support, table as t},
    gguf, hdf5,
    identify::{Identity, Layer, glance, hides, is_zip},
    jinja, keras, marshal,
    model::Opening,
    msgpack, native, npy, onnx, paddle,
    pickle::{self, Hints, Loader},
    protobuf, r_data, rar, safetensors, sevenz, skops, tar, tensorflow, text, torch7, torchscript, ubjson,
    xml, zip,
};
use crate::{json_models, mxnet, small};
use std::sync::Arc;
use wellhead_core::{Blob, Budget, Depth, Outcome};

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
    let opening = Opening {
        name,
        identity,
        blob,
        options,
    };
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
            "xz" => compressed::other(format, Codec::Xz, name, blob, depth, budget),
            "lzma" => compressed::other(format, Codec::Lzma, name, blob, depth, budget),
            "lz4" => compressed::other(format, Codec::Lz4, name, blob, depth, budget),
            "bzip2" => compressed::other(format, Codec::Bzip2, name, blob, depth, budget),
            "zstd" => compressed::other(format, Codec::Zstd, name, blob, depth, budget),
            "7z" => sevenz::open(blob, depth, budget),
            "rar" => rar::open(blob, depth, budget),
            "cab" => cab::open(blob, depth, budget),
            "ar" => ar::open(blob, depth, budget),
            "safetensors" => safetensors::open(blob, depth, budget),
            "npy" => npy::open(blob, depth, budget),
            "tflite" => flatbuffer::open_tflite(&opening, budget),
            "executorch" => flatbuffer::open_executorch(&opening, budget),
            "catboost" => flatbuffer::open_catboost(&opening, budget),
            "msgpack" => msgpack::open(&opening, budget),
            "ubjson" => ubjson::open(&opening, budget),
            "r-data" => r_data::open(&opening, budget),
            "torch7" => torch7::open(&opening, budget),
            "onnx" => onnx::open(&opening, onnx::Kind::Model, budget),
            "onnx-tensor" => {
                let kind = protobuf::onnx_kind(blob).unwrap_or(onnx::Kind::Tensor);
                onnx::open(&opening, kind, budget)
            }
            "protobuf" => protobuf::open(&opening, budget),
            "tensorflow-checkpoint" => tensorflow::checkpoint::open(&opening, budget),
            "coreml" => coreml::open(&opening, budget),
            "caffe" => caffe::open(&opening, budget),
            "paddle" => paddle::open(&opening, budget),
            "pbtxt" => message_text(&opening, tensorflow::text::open, budget),
            "prototxt" => message_text(&opening, caffe::open_text, budget),
            "saved-model" | "tensorflow-graph" | "keras-metadata" => tensorflow::open(&opening, budget),
            "hdf5" => hdf5::open(&opening, budget),
            "python-bytecode" => marshal::open(&opening, budget),
            "elf" | "pe" | "mach-o" => native::open(&opening, budget),
            "keras-config" => match read_text(blob, budget) {
                Ok((text, outcome)) => keras::open(&opening, text, outcome, budget),
                Err(why) => plain(Document::Opaque, Outcome::NotAnalysed { why }),
            },
            "json" | "yaml" => structured(&opening, budget),
            "torchscript-code" => torchscript::open(&opening, budget),
            "skops-schema" => skops::open(&opening, budget),
            "openvino" => xml::open_openvino(&opening, budget),
            "torch-export-graph" => torchscript::open_exported(&opening, budget),
            "mxnet" => mxnet::open_params(&opening, budget),
            "mxnet-symbol" | "zarr-metadata" | "tensorstore-spec" | "xgboost-json" => {
                json_models::open(&opening, budget)
            }
            "xgboost-binary" => small::open_xgboost(&opening, budget),
            "lightgbm" => small::open_lightgbm(&opening, budget),
            "fasttext" => small::open_fasttext(&opening, budget),
            "word2vec" => small::open_word2vec(&opening, budget),
            "tensorrt" => small::open_tensorrt(&opening, budget),
            "rknn" => small::open_rknn(&opening),
            "pickle" | "torch-legacy" => pickles(name, identity, blob, options, budget),
            "gguf" => gguf::open(&opening, budget),
            "ggml" => gguf::open_ggml(&opening, budget),
            _ => {
                let (document, outcome) = read(format, blob, budget);
                let mut opened = plain(document, outcome);
                // The cells of a notebook may speak of templates; nothing renders them.
                if *format != t::NOTEBOOK {
                    embedded_templates(&mut opened, budget);
                }
                opened
            }
        },
    };
    if *format == t::RAW_TENSOR && depth == Depth::Full {
        match probe(blob, budget) {
            Ok(members) => opened.members.extend(members),
            Err(why) => opened.outcome = Outcome::Partly { why },
        }
    }
    for layer in &identity.polyglot {
        opened.members.push(layer_member(layer, blob));
    }
    opened
}

/// Chat templates that structured text holds go back to the queue.
fn embedded_templates(opened: &mut Opened, budget: &mut Budget) {
    let Document::Data(data) = &opened.document else {
        return;
    };
    let Ok(root) = &data.root else { return };
    match jinja::embedded(root, budget) {
        Ok(members) => opened.members.extend(members),
        Err(why) => {
            let outcome = std::mem::replace(&mut opened.outcome, Outcome::Analysed);
            opened.outcome = outcome.and(Outcome::Partly { why: why.to_string() });
        }
    }
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

/// Runs the pickle machine; what stands behind the last pickle is handed back if it is something.
fn pickles(
    name: &str,
    identity: &Identity,
    blob: &Blob,
    options: OpenOptions,
    budget: &mut Budget,
) -> Opened {
    let loader = match options.role {
        // What the module's own code does not define, its loader refuses.
        Role::Pickle if identity.inside == Some(&t::TORCHSCRIPT) => Loader::TorchScript,
        Role::Pickle => Loader::Torch,
        Role::Objects => Loader::Numpy,
        _ if *identity.format == t::TORCH_LEGACY => Loader::Torch,
        _ if name.to_lowercase().contains(".joblib") => Loader::Joblib,
        _ => Loader::Any,
    };
    let program = pickle::analyse(blob, Hints { loader }, budget);
    let mut members = Vec::new();
    // A zip archive behind the pickles is a layer of its own already.
    let known = identity.polyglot.iter().any(|l| is_zip(l.format));
    if let Some(rest) = program.trailing.filter(|t| !t.storages && !known) {
        let rest_blob = blob.slice(rest.offset, rest.length);
        if glance(&rest_blob).is_some_and(|f| *f != t::PICKLE) {
            members.push(Member {
                name: format!("bytes at {:#x}", rest.offset),
                role: Role::Plain,
                size: rest.length,
                stored: rest.length,
                hidden: true,
                source: MemberSource::Stored(rest_blob),
            });
        }
    }
    Opened {
        outcome: program.outcome.clone(),
        document: Document::Pickle(Box::new(program)),
        members,
        depth: options.depth,
    }
}

/// How far apart the places are at which raw numbers are probed.
const PROBE: usize = 4096;

/// Looks into raw numbers for programs and pickles that hide in them, at the start of every page.
fn probe(blob: &Blob, budget: &mut Budget) -> Result<Vec<Member>, String> {
    let mut members = Vec::new();
    let mut at = PROBE as u64;
    while at < blob.len() {
        budget.steps(256).map_err(|e| e.to_string())?;
        let window = blob
            .bytes(at, 64 * PROBE)
            .map_err(|e| format!("could not be read: {e}"))?;
        for (i, page) in window.chunks(PROBE).enumerate() {
            let here = at.saturating_add((i as u64).saturating_mul(PROBE as u64));
            if let Some(format) = hides(page, &blob.slice(here, u64::MAX), budget) {
                let rest = blob.slice(here, u64::MAX);
                members.push(Member {
                    name: format!("bytes at {here:#x}"),
                    role: Role::As(format),
                    size: rest.len(),
                    stored: rest.len(),
                    hidden: true,
                    source: MemberSource::Stored(rest),
                });
            }
        }
        at = at.saturating_add(window.len().max(1) as u64);
    }
    Ok(members)
}

fn unread(format: &Format) -> String {
    match format.name {
        "unknown" => "unknown format".to_owned(),
        "lfs-pointer" => "a Git LFS pointer; the file itself is not here".to_owned(),
        _ => format!("recognised as {}, which is not read yet", format.with_article()),
    }
}

/// A message that is written as text: a model, and still a text.
fn message_text(
    opening: &Opening<'_>,
    read: fn(&Opening<'_>, &str, &mut Budget) -> Opened,
    budget: &mut Budget,
) -> Opened {
    match read_text(opening.blob, budget) {
        Ok((text, outcome)) => {
            let mut opened = read(opening, &text.text, budget);
            opened.outcome = outcome.and(opened.outcome);
            if let Document::Model(model) = &mut opened.document {
                model.text = Some(text);
            }
            opened
        }
        Err(why) => Opened {
            document: Document::Opaque,
            members: Vec::new(),
            outcome: Outcome::NotAnalysed { why },
            depth: opening.options.depth,
        },
    }
}

/// JSON, or the configuration of a model that is written so.
fn structured(opening: &Opening<'_>, budget: &mut Budget) -> Opened {
    let (document, outcome) = read(opening.identity.format, opening.blob, budget);
    match document {
        Document::Data(data) if data.root.as_ref().is_ok_and(keras::is_config) => {
            let DataFile { text, root } = *data;
            let Ok(root) = root else {
                return Opened {
                    document: Document::Text(text),
                    members: Vec::new(),
                    outcome,
                    depth: opening.options.depth,
                };
            };
            let (model, mut members, walked) = keras::model(text, &root, budget);
            // A file may look like a model and be read as the configuration of a tokenizer.
            members.extend(jinja::embedded(&root, budget).unwrap_or_default());
            model.opened(members, outcome.and(walked), opening)
        }
        document => {
            let mut opened = Opened {
                document,
                members: Vec::new(),
                outcome,
                depth: opening.options.depth,
            };
            embedded_templates(&mut opened, budget);
            opened
        }
    }
}

fn read(format: &'static Format, blob: &Blob, budget: &mut Budget) -> (Document, Outcome) {
    let (text, outcome) = match read_text(blob, budget) {
        Ok(read) => read,
        Err(why) => return (Document::Opaque, Outcome::NotAnalysed { why }),
    };
    let (syntax, root) = match format.name {
        "json" | "notebook" => ("JSON", text::json(&text.text, budget)),
        "toml" => ("TOML", text::toml(&text.text, budget)),
        "yaml" => ("YAML", text::yaml(&text.text, budget)),
        _ => return (Document::Text(text), outcome),
    };
    let outcome = match &root {
        Ok(_) => outcome,
        Err(e) => outcome.and(Outcome::Partly {
            why: format!("not valid {syntax}: {e}"),
        }),
    };
    (Document::Data(Box::new(DataFile { text, root })), outcome)
}

/// Reads and decodes a text; a long one is cut where the memory ends, and the outcome says so.
///
/// # Errors
/// Where the bytes cannot be had.
pub fn read_text(blob: &Blob, budget: &mut Budget) -> Result<(TextFile, Outcome), String> {
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
