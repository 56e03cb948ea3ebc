//! What a name promises, and what may honestly bear it.

use super::is_textual;
use crate::{
    format::{FORMATS, Family, Format, table as t},
    protobuf::is_protobuf,
};

/// Extensions that promise nothing, because several unlike formats share them.
static ANYTHING: &[&str] = &[
    "bin", "pt", "pth", "ckpt", "model", "dat", "data", "weights", "params", "bak", "old", "orig", "tmp",
    "part", "index", "cache", "db", "p", "o", "a", "r", "com", "ts", "z", "bundle", "mar", "t7", "raw",
    "blob",
];

/// Extension, and formats beside the promised one that honestly bear it.
static ALSO: &[(&str, &[&Format])] = &[
    (
        "pkl",
        &[
            &t::GZIP,
            &t::ZLIB,
            &t::BZIP2,
            &t::XZ,
            &t::LZMA,
            &t::LZ4,
            &t::ZSTD,
            &t::TORCH_ZIP,
            &t::TORCH_LEGACY,
            &t::ZIP,
        ],
    ),
    (
        "pickle",
        &[
            &t::GZIP,
            &t::ZLIB,
            &t::BZIP2,
            &t::XZ,
            &t::LZMA,
            &t::LZ4,
            &t::ZSTD,
            &t::TORCH_ZIP,
            &t::TORCH_LEGACY,
            &t::ZIP,
        ],
    ),
    (
        "joblib",
        &[&t::GZIP, &t::ZLIB, &t::BZIP2, &t::XZ, &t::LZMA, &t::LZ4, &t::ZSTD],
    ),
    (
        "tar",
        &[
            &t::GZIP,
            &t::BZIP2,
            &t::XZ,
            &t::ZSTD,
            &t::TORCH_TAR,
            &t::TORCH_ZIP,
            &t::TORCH_LEGACY,
            &t::NEMO,
        ],
    ),
    ("nemo", &[&t::TAR, &t::GZIP]),
    ("gz", &[&t::TAR, &t::ZLIB]),
    ("rds", &[&t::GZIP, &t::BZIP2, &t::XZ]),
    ("rda", &[&t::GZIP, &t::BZIP2, &t::XZ]),
    ("rdata", &[&t::GZIP, &t::BZIP2, &t::XZ]),
    ("xz", &[&t::LZMA]),
    ("lzma", &[&t::XZ]),
    ("xml", &[&t::OPENVINO]),
    ("h5", &[&t::KERAS]),
    ("nc", &[&t::HDF5]),
    ("mat", &[&t::HDF5]),
    ("keras", &[&t::HDF5]),
    ("ptl", &[&t::TORCH_ZIP]),
    ("pt2", &[&t::TORCH_ZIP, &t::TORCHSCRIPT]),
    ("mlmodel", &[&t::YAML]),
    ("exe", &[&t::APE]),
    ("llamafile", &[&t::ELF, &t::PE]),
    ("dll", &[&t::MACH_O]),
    ("so", &[&t::MACH_O]),
    ("bundle", &[&t::MACH_O]),
    ("feather", &[&t::ARROW]),
    ("txt", &[&t::LIGHTGBM, &t::WORD2VEC]),
    ("task", &[&t::ZIP]),
];

/// Extensions that models and pickles bear.
static MODEL: &[&str] = &[
    "pt",
    "pth",
    "ckpt",
    "bin",
    "pkl",
    "pickle",
    "joblib",
    "dill",
    "model",
    "weights",
    "npy",
    "npz",
    "mar",
    "nemo",
    "keras",
    "h5",
    "safetensors",
    "onnx",
    "gguf",
];

/// Whether one of the extensions of a name is a model's: `model.pkl.zst`.
pub(super) fn has_model_extension(path: &str) -> bool {
    let (name, _) = split(path);
    name.split('.').skip(1).any(|ext| MODEL.contains(&ext))
}

/// The lower-case name without folders, and its extension.
fn split(path: &str) -> (String, Option<String>) {
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
    let ext = name
        .rsplit_once('.')
        .filter(|(stem, ext)| !stem.is_empty() && !ext.is_empty())
        .map(|(_, ext)| ext.to_owned());
    (name, ext)
}

/// Extensions of texts that are written about other files.
static PROGRAMS: &[&str] = &[
    "rs", "go", "py", "js", "mjs", "ts", "tsx", "java", "kt", "rb", "php", "c", "h", "cc", "cpp", "cs",
    "swift", "scala", "lua", "sh", "md", "rst", "txt", "html", "json", "yaml", "yml", "toml", "j2", "tmpl",
    "tpl", "erb", "snap",
];

/// The format that the name of `path` promises.
pub fn promised(path: &str) -> Option<&'static Format> {
    let (name, ext) = split(path);
    let bare = name.split_once('.').map_or(name.as_str(), |(stem, _)| stem);
    if let Some(f) = FORMATS.iter().find(|f| f.names.contains(&name.as_str())) {
        return Some(f);
    }
    let ext = ext.as_deref();
    // `Dockerfile.gpu` is one, `dockerfile.rs` is a program about them.
    let is_program = ext.is_some_and(|e| PROGRAMS.contains(&e));
    if matches!(bare, "dockerfile" | "containerfile") && !is_program {
        return Some(&t::DOCKERFILE);
    }
    if let Some("txt" | "in") = ext
        && (name.contains("requirements") || name.contains("constraints") || path.contains("requirements/"))
    {
        return Some(&t::REQUIREMENTS);
    }
    if ext == Some("pth") && path.contains("site-packages/") {
        return Some(&t::PYTHON_PATH);
    }
    // The weights of a TensorFlow checkpoint: `variables.data-00000-of-00001`.
    if ext.is_some_and(|e| e.starts_with("data-") && e.contains("-of-")) {
        return Some(&t::RAW_TENSOR);
    }
    let ext = ext.filter(|e| !ANYTHING.contains(e))?;
    FORMATS.iter().copied().find(|f| f.extensions.contains(&ext))
}

/// Whether a file of this name that promises one format may honestly be another.
pub(super) fn honest(path: &str, promised: &Format, found: &Format) -> bool {
    if promised == found || matches!(found.name, "unknown" | "empty" | "lfs-pointer") {
        return true;
    }
    // A pointer, a linker script or a template may stand under any binary name only as text; text under a text name
    // is whatever the reader makes of it.
    if is_textual(promised) && is_textual(found) {
        return true;
    }
    // Formats built on zip are told apart by their members, and a name seldom says which.
    if is_zip(promised)
        && is_zip(found)
        && (!found.runs_code_on_load || promised.runs_code_on_load || *promised == t::ZIP)
    {
        return true;
    }
    if promised.family == Family::Executable && is_textual(found) {
        return true;
    }
    // One message may stand under the name of another: graphs, tensors and models are all called `.pb`.
    if is_protobuf(promised) && is_protobuf(found) {
        return true;
    }
    let (_, ext) = split(path);
    let also = ALSO.iter().find(|(e, _)| Some(*e) == ext.as_deref());
    also.is_some_and(|(_, formats)| formats.contains(&found))
}

/// Whether the format is a zip archive underneath.
pub(crate) fn is_zip(format: &Format) -> bool {
    matches!(
        format.name,
        "zip"
            | "torch-zip"
            | "torchscript"
            | "torch-package"
            | "torch-export"
            | "npz"
            | "skops"
            | "keras"
            | "torch-mar"
            | "wheel"
            | "egg"
            | "jar"
            | "office"
    )
}
