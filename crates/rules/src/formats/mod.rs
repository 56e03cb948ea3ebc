//! What archives and arrays say of themselves, held against what they are.

mod archive_bomb;
mod archive_path_traversal;
mod code_in_model_metadata;
mod digest_mismatch;
mod executable_in_model;
mod extension_mismatch;
mod npy_object_array;
mod safetensors_malformed;
mod unsafe_xml_entity;
mod zip_header_mismatch;

pub use archive_bomb::ARCHIVE_BOMB;
pub use digest_mismatch::DIGEST_MISMATCH;

use crate::{Check, Registered};
use wellhead_core::{Excerpt, ExcerptKind, Sink};
use wellhead_formats::tensors::Defect;

pub(crate) static RULES: &[Registered] = &[
    Registered {
        rule: &ARCHIVE_BOMB,
        check: Check::Engine,
    },
    Registered {
        rule: &DIGEST_MISMATCH,
        check: Check::Engine,
    },
    Registered {
        rule: &archive_path_traversal::ARCHIVE_PATH_TRAVERSAL,
        check: Check::Listing(archive_path_traversal::check),
    },
    Registered {
        rule: &code_in_model_metadata::CODE_IN_MODEL_METADATA,
        check: Check::Safetensors(code_in_model_metadata::check_safetensors),
    },
    Registered {
        rule: &code_in_model_metadata::CODE_IN_MODEL_METADATA,
        check: Check::Model(code_in_model_metadata::check_model),
    },
    Registered {
        rule: &executable_in_model::EXECUTABLE_IN_MODEL,
        check: Check::Identity(executable_in_model::check),
    },
    Registered {
        rule: &extension_mismatch::EXTENSION_MISMATCH,
        check: Check::Identity(extension_mismatch::check),
    },
    Registered {
        rule: &npy_object_array::NPY_OBJECT_ARRAY,
        check: Check::Npy(npy_object_array::check),
    },
    Registered {
        rule: &safetensors_malformed::SAFETENSORS_MALFORMED,
        check: Check::Safetensors(safetensors_malformed::check),
    },
    Registered {
        rule: &unsafe_xml_entity::UNSAFE_XML_ENTITY,
        check: Check::Text(unsafe_xml_entity::check),
    },
    Registered {
        rule: &zip_header_mismatch::ZIP_HEADER_MISMATCH,
        check: Check::Zip(zip_header_mismatch::check),
    },
];

/// How many lines an excerpt of a listing or of defects has.
const MAX_LINES: usize = 6;

/// Lines of a binary header, the first of which is marked.
fn lines(kind: ExcerptKind, texts: &[String], label: &str) -> Excerpt {
    let mut excerpt = Excerpt::new(kind);
    for (number, text) in (1..).zip(texts.iter().take(MAX_LINES)) {
        excerpt.push_line(number, text);
    }
    excerpt.mark(1, "", label, true);
    excerpt
}

/// Whether the members are those of a package that installers unpack as it is: tools of packaging write such archives,
/// so what no tool does was done on purpose.
fn is_package<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.any(|name| {
        let inside = name.split_once('/');
        inside.is_some_and(|(folder, file)| {
            folder.ends_with(".dist-info") && matches!(file, "RECORD" | "WHEEL")
                || name == "EGG-INFO/PKG-INFO"
        })
    })
}

/// The place of the first defect, with all of them as the excerpt.
fn defects(sink: &Sink, defects: &[&Defect], label: &str) -> wellhead_core::Location {
    let texts: Vec<String> = defects
        .iter()
        .map(|d| format!("{:#08x}  {}", d.offset, d.words))
        .collect();
    let (offset, length) = defects.first().map_or((0, 0), |d| (d.offset, d.length));
    sink.bytes(offset, length, label)
        .with_excerpt(lines(ExcerptKind::Header, &texts, label))
}

#[cfg(test)]
mod tests;
