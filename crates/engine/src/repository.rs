//! Model repositories of a target: which folders are one, and what lies in them.
//!
//! Which folder is a repository is only known when all files are listed, so its small files are read here a second
//! time; weights never are. The one decision: a folder is a repository when a configuration or a card in it says so,
//! or when weights lie beside code or a card and it is no project of a programmer; everything below it belongs to it, so
//! that code is joined to the configuration that names it.

use crate::{run::Options, subjects::Input};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    path::Path,
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Blob, Budget, Coverage, Depth};
use wellhead_formats::text::{self, Node};
use wellhead_pycode::{Module, deeds};
use wellhead_rules::repository::{Document, Mismatch, Prose, Repository, RepositoryFile, Script};
use wellhead_sources::{Content, Entry};
use wellhead_trust::git_blob_id;

/// Largest configuration that is read; indexes of shards are the largest.
const MAX_DOCUMENT: usize = 4 << 20;
/// Largest file that is always compared with what the hub promised.
const MAX_COMPARED: usize = 4 << 20;
/// Largest card, template or recipe.
const MAX_PROSE: usize = 512 << 10;
/// Largest Python file, and of all of them in a repository.
const MAX_SCRIPT: usize = 2 << 20;
const MAX_SCRIPTS: usize = 16 << 20;
/// Most files of each kind that are read of a repository.
const MAX_FILES: usize = 1_000;
/// Deepest folder below a repository's own.
const MAX_DEPTH: usize = 12;

/// The files of the target, and what each was taken for.
pub(crate) struct Files<'a> {
    entries: BTreeMap<&'a str, &'a Entry>,
    formats: BTreeMap<&'a str, &'a Cow<'static, str>>,
    /// Folders into which packages were unpacked, each with its record beside it.
    installed: BTreeSet<&'a str>,
    target: Option<&'a str>,
}

/// The repositories of a target, each with the file that gave it away.
pub(crate) struct Found {
    /// The repository.
    pub(crate) repository: Repository,
    /// What was left out because there is too much of it.
    pub(crate) left_out: Option<String>,
}

impl<'a> Files<'a> {
    pub(crate) fn new(files: &'a [(String, Entry)], coverage: &'a [Coverage], targets: &'a [String]) -> Self {
        Self {
            entries: files.iter().map(|(path, entry)| (path.as_str(), entry)).collect(),
            formats: coverage
                .iter()
                .filter(|c| c.artifact.nesting() == 0)
                .filter_map(|c| Some((c.artifact.top(), c.format.as_ref()?)))
                .collect(),
            installed: files
                .iter()
                .filter_map(|(path, _)| {
                    let at = path.find(".dist-info/").or_else(|| path.find(".egg-info/"))?;
                    Some(folder_of(path.get(..at)?))
                })
                .collect(),
            target: match targets {
                [one] => Some(one.as_str()),
                _ => None,
            },
        }
    }

    /// Folders that may be repositories, the outermost first: those with a file whose name says so.
    pub(crate) fn folders(&self) -> Vec<&'a str> {
        let coded: BTreeSet<&str> = self
            .entries
            .keys()
            .filter(|path| path.ends_with(".py"))
            .map(|path| folder_of(path))
            .collect();
        let marked: BTreeSet<&str> = self
            .entries
            .keys()
            .filter(|path| {
                let name = name_of(path);
                is_marker(name) || is_weights(name) && coded.contains(folder_of(path))
            })
            .filter(|path| !is_tool_state(path))
            .map(|path| folder_of(path))
            // TorchServe keeps its manifest in a folder of its own.
            .map(|folder| folder.strip_suffix("MAR-INF/").unwrap_or(folder))
            .collect();
        let mut all: Vec<&str> = marked.into_iter().collect();
        all.sort_by_key(|f| (f.matches('/').count(), *f));
        all
    }

    /// Reads the repository of a folder, which ends in a slash or is empty.
    ///
    /// Its own configurations and card decide whether it is a model; only then is the rest of it read.
    pub(crate) fn read(&self, folder: &str, options: &Options<'_>) -> Found {
        let mut reader = Reader::new(folder, self.name(folder), options);
        let inside: Vec<(&str, &str, &Entry)> = self
            .entries
            .range(folder..)
            .map_while(|(path, entry)| Some((*path, path.strip_prefix(folder)?, *entry)))
            .filter(|(_, inside, _)| inside.matches('/').count() <= MAX_DEPTH && !is_tool_state(inside))
            .collect();
        let is_own = |inside: &str| !inside.contains('/') || inside == MANIFEST;
        for (path, inside, entry) in inside.iter().filter(|(_, inside, _)| is_own(inside)) {
            if !inside.ends_with(".py") {
                reader.file(path, inside, entry);
            }
        }
        let is_model = says_model_as_a_whole(&reader.repository)
            || holds_weights(&inside.iter().map(|(_, inside, _)| *inside))
                && !self.is_part_of_project(folder);
        reader.repository.is_model = is_model;
        for (path, inside, entry) in inside {
            if !is_model && !is_own(inside) {
                continue;
            }
            let file = RepositoryFile {
                artifact: ArtifactPath::file(path),
                format: self.formats.get(path).map(|f| (*f).clone()),
                mismatch: self.mismatch(folder, inside, entry, options, &mut reader.budget),
            };
            reader.repository.files.insert(inside.to_owned(), file);
            if is_model && (!is_own(inside) || inside.ends_with(".py")) {
                reader.file(path, inside, entry);
            }
        }
        reader.found()
    }

    /// Whether a folder above is a programmer's project or an installed package: what lies in it is its data.
    fn is_part_of_project(&self, folder: &str) -> bool {
        let mut above = folder;
        while !above.is_empty() {
            above = folder_of(above.trim_end_matches('/'));
            let has = |name: &str| self.entries.contains_key(format!("{above}{name}").as_str());
            if PROJECT_FILES.iter().any(|name| has(name)) || has("setup.py") || self.installed.contains(above)
            {
                return true;
            }
        }
        false
    }

    /// Whether a file is another one than the hub's client wrote down. Weights are only read where all is to be read.
    fn mismatch(
        &self,
        folder: &str,
        inside: &str,
        entry: &Entry,
        options: &Options<'_>,
        budget: &mut Budget,
    ) -> Option<Mismatch> {
        let (promised, by) = self.promise(folder, inside, entry)?;
        let blob = entry.open().ok()?;
        let small = blob.len() <= MAX_COMPARED as u64;
        if !(small || options.depth == Depth::Full && promised.len() == 64) {
            return None;
        }
        let found = match promised.len() {
            64 => crate::digest::sha256(&blob, budget)?,
            _ => git_blob_id(&blob.bytes(0, MAX_COMPARED).ok()?),
        };
        (found != promised).then_some(Mismatch { promised, found, by })
    }

    /// The digest that the hub promised for a file, and who says so.
    fn promise(&self, folder: &str, inside: &str, entry: &Entry) -> Option<(String, String)> {
        let is_id = |text: &str| {
            matches!(text.len(), 40 | 64)
                && text
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        // In the cache a file is a link into `blobs`, whose names are the digests.
        if let Content::File(path) = &entry.content
            && path
                .parent()
                .and_then(Path::file_name)
                .is_some_and(|f| f == "blobs")
            && let Some(name) = path.file_name().and_then(OsStr::to_str).filter(|n| is_id(n))
        {
            return Some((name.to_owned(), "the name in the cache".to_owned()));
        }
        let record = format!("{folder}.cache/huggingface/download/{inside}.metadata");
        let text = read_text(self.entries.get(record.as_str())?, 4 << 10)?;
        let promised = text.lines().nth(1)?.trim().trim_matches('"').to_owned();
        is_id(&promised).then(|| (promised, "the record of the download".to_owned()))
    }

    /// `org/name` of a hub's cache, or the last two folders.
    fn name(&self, folder: &str) -> Option<String> {
        let target = self.target.unwrap_or_default();
        let whole = format!("{}/{folder}", target.trim_end_matches('/'));
        // `hf://org/name@revision`
        let whole = match whole.strip_prefix("hf://") {
            Some(rest) => rest.split('@').next().unwrap_or(rest),
            None => whole.as_str(),
        };
        let mut parts: Vec<&str> = whole
            .split(['/', '\\'])
            .filter(|p| !p.is_empty() && *p != "." && *p != "..")
            .collect();
        for part in &parts {
            if let Some(name) = part.strip_prefix("models--") {
                return Some(name.replacen("--", "/", 1));
            }
        }
        let name = parts.pop()?;
        Some(match parts.pop() {
            Some(org) => format!("{org}/{name}"),
            None => name.to_owned(),
        })
    }
}

struct Reader {
    budget: Budget,
    repository: Repository,
    script_bytes: usize,
    left_out: Option<String>,
}

/// Where TorchServe keeps its manifest.
const MANIFEST: &str = "MAR-INF/MANIFEST.json";

/// Files that make a folder a programmer's project, in which weights are data among others.
const PROJECT_FILES: &[&str] = &[
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
    "MANIFEST.in",
    "PKG-INFO",
    "Pipfile",
    "poetry.lock",
    "uv.lock",
    "noxfile.py",
    "manage.py",
    "Makefile",
    "CMakeLists.txt",
    "Cargo.toml",
    "package.json",
    "go.mod",
];

/// Most Python files beside weights; more of them are a program or package that brings some.
const MAX_CODE_BESIDE: usize = 4;

/// Whether weights lie beside a card or code, and the folder is no project: paths below it.
fn holds_weights<'n>(files: &(impl Iterator<Item = &'n str> + Clone)) -> bool {
    let own = || files.clone().filter(|f| !f.contains('/'));
    let code = own().filter(|f| f.ends_with(".py")).count();
    let card = own().any(|f| f == "README.md");
    if !own().any(is_weights) || !(card || code > 0) || code > MAX_CODE_BESIDE {
        return false;
    }
    // Recipes of a hub's endpoint install what their handler needs.
    let project = own().any(|f| PROJECT_FILES.contains(&f))
        || own().any(|f| f == "requirements.txt") && !own().any(|f| f == "handler.py");
    // A package below is what the weights belong to.
    let package = files
        .clone()
        .any(|f| f.ends_with("/__init__.py") && f.matches('/').count() == 1);
    !project && !package
}

/// Names of files that hold weights and hardly anything else. A pickle by its own name is mostly data.
fn is_weights(name: &str) -> bool {
    [
        ".safetensors",
        ".gguf",
        ".pt",
        ".pth",
        ".ckpt",
        ".onnx",
        ".keras",
        ".tflite",
        ".llamafile",
    ]
    .iter()
    .any(|end| name.ends_with(end))
        || matches!(name, "model.pkl" | "model.joblib" | "model.h5" | "tf_model.h5")
        || name.ends_with(".bin")
            && [
                "pytorch_model",
                "diffusion_pytorch_model",
                "adapter_model",
                "model",
            ]
            .iter()
            .any(|start| name.starts_with(start))
}

/// Whether the repository's own configurations or card say that it is a model.
fn says_model_as_a_whole(repository: &Repository) -> bool {
    let own = |path: &&String| !path.contains('/');
    let mut documents = repository.documents.iter();
    let mut texts = repository.texts.iter();
    documents.any(|(path, document)| own(&path) && says_model(path, &document.root))
        || texts.any(|(path, prose)| own(&path) && text_says_model(path, &prose.text))
        || repository.documents.contains_key(MANIFEST)
}

impl Reader {
    fn new(folder: &str, name: Option<String>, options: &Options<'_>) -> Self {
        Self {
            budget: Budget::new(options.limits.clone(), Arc::clone(&options.cancelled)),
            repository: Repository {
                folder: folder.trim_end_matches('/').to_owned(),
                name,
                ..Repository::default()
            },
            script_bytes: 0,
            left_out: None,
        }
    }

    fn found(self) -> Found {
        Found {
            repository: self.repository,
            left_out: self.left_out,
        }
    }

    fn file(&mut self, path: &str, inside: &str, entry: &Entry) {
        let most = match kind_of(name_of(inside)) {
            Some(Part::Document(_)) => MAX_DOCUMENT,
            Some(Part::Prose) => MAX_PROSE,
            Some(Part::Script | Part::Notebook) => MAX_SCRIPT,
            None => return,
        };
        match read_text(entry, most) {
            Some(text) => self.part(ArtifactPath::file(path), inside, &text),
            None if inside.ends_with(".py") => {
                self.left_out = Some(format!("{} was not read", wellhead_core::code(path)));
            }
            None => {}
        }
    }

    fn part(&mut self, artifact: ArtifactPath, inside: &str, text: &str) {
        let name = name_of(inside);
        match kind_of(name) {
            Some(Part::Document(kind)) => {
                if self.repository.documents.len() >= MAX_FILES {
                    self.left_out = Some("more configurations than are read of one repository".to_owned());
                } else if let Some(root) = kind.parse(text, &mut self.budget) {
                    let document = Document {
                        artifact,
                        text: Arc::from(text),
                        root,
                    };
                    self.repository.documents.insert(inside.to_owned(), document);
                }
            }
            Some(Part::Prose) if self.repository.texts.len() < MAX_FILES => {
                let code = if name.to_ascii_lowercase().ends_with(".md") {
                    python_blocks(text, &mut self.budget)
                } else {
                    Vec::new()
                };
                let prose = Prose {
                    artifact,
                    text: Arc::from(text),
                    code,
                };
                self.repository.texts.insert(inside.to_owned(), prose);
            }
            Some(kind @ (Part::Script | Part::Notebook)) => {
                if self.repository.scripts.len() >= MAX_FILES || self.script_bytes > MAX_SCRIPTS {
                    self.left_out = Some("more Python than is read of one repository".to_owned());
                    return;
                }
                self.script_bytes = self.script_bytes.saturating_add(text.len());
                let module = match kind {
                    Part::Notebook => wellhead_pycode::notebook(text, &mut self.budget).ok(),
                    _ => Some(wellhead_pycode::parse(text, &mut self.budget)),
                };
                if let Some(module) = module {
                    let deeds = deeds(&module, &mut self.budget);
                    let script = Script {
                        artifact,
                        module,
                        deeds,
                    };
                    self.repository.scripts.insert(inside.to_owned(), script);
                }
            }
            Some(Part::Prose) | None => {}
        }
    }
}

/// What a file is to a repository, by its name.
#[derive(Clone, Copy)]
enum Part {
    Document(Kind),
    Prose,
    Script,
    Notebook,
}

fn kind_of(name: &str) -> Option<Part> {
    if let Some(kind) = document_kind(name) {
        return Some(Part::Document(kind));
    }
    if is_prose(name) {
        return Some(Part::Prose);
    }
    if name.ends_with(".ipynb") {
        return Some(Part::Notebook);
    }
    name.ends_with(".py").then_some(Part::Script)
}

/// A small file inside of an archive that may be a repository.
pub(crate) struct Packed {
    artifact: ArtifactPath,
    text: Arc<str>,
    /// The archive's format says that it is a model.
    is_model: bool,
}

/// Most of them that are kept of one file, and their bytes.
const MAX_PACKED: usize = 2_000;
const MAX_PACKED_BYTES: u64 = 16 << 20;

/// Keeps a member of an archive for [`archives`], if it may matter and there is room for it.
pub(crate) fn keep(input: &Input<'_>, kept: &mut Vec<Packed>) {
    let Some(inside) = input.identity.inside else {
        return;
    };
    let whole = matches!(inside.name, "torch-mar" | "nemo");
    if kept.len() >= MAX_PACKED
        || input.path.nesting() == 0
        || !(whole || matches!(inside.name, "zip" | "tar" | "7z"))
    {
        return;
    }
    let Some(kind) = kind_of(input.path.name()) else {
        return;
    };
    let most = match kind {
        Part::Document(_) => MAX_DOCUMENT,
        Part::Prose => MAX_PROSE,
        Part::Script | Part::Notebook => MAX_SCRIPT,
    };
    let bytes: u64 = kept.iter().map(|p| p.text.len() as u64).sum();
    if input.blob.len() > most as u64 || bytes.saturating_add(input.blob.len()) > MAX_PACKED_BYTES {
        return;
    }
    // Some configurations are formats of their own, so their bytes are asked for and not their document.
    if let Ok(bytes) = input.blob.bytes(0, most) {
        kept.push(Packed {
            artifact: input.path.clone(),
            text: Arc::from(String::from_utf8_lossy(&bytes)),
            is_model: whole,
        });
    }
}

/// The repositories that lie packed in one file.
pub(crate) fn archives(kept: Vec<Packed>, coverage: &[Coverage], options: &Options<'_>) -> Vec<Repository> {
    let mut containers: BTreeMap<ArtifactPath, Vec<Packed>> = BTreeMap::new();
    for packed in kept {
        if let Some(container) = packed.artifact.parent() {
            containers.entry(container).or_default().push(packed);
        }
    }
    let mut out = Vec::new();
    for (container, packed) in containers {
        let names: Vec<&str> = packed.iter().map(|p| plain(p.artifact.leaf())).collect();
        let common = common_folder(&names);
        let name = name_of(container.name()).split('.').next().map(str::to_owned);
        let mut reader = Reader::new("", name, options);
        for one in &packed {
            let inside = plain(one.artifact.leaf());
            let inside = inside.strip_prefix(common).unwrap_or(inside);
            reader.part(one.artifact.clone(), inside, &one.text);
        }
        for row in coverage
            .iter()
            .filter(|c| c.artifact.parent().as_ref() == Some(&container))
        {
            let inside = plain(row.artifact.leaf());
            let file = RepositoryFile {
                artifact: row.artifact.clone(),
                format: row.format.clone(),
                mismatch: None,
            };
            let inside = inside.strip_prefix(common).unwrap_or(inside);
            reader.repository.files.insert(inside.to_owned(), file);
        }
        let repository = &mut reader.repository;
        repository.is_model = packed.iter().any(|p| p.is_model)
            || says_model_as_a_whole(repository)
            || holds_weights(&repository.files.keys().map(String::as_str));
        if repository.is_model {
            out.push(reader.repository);
        }
    }
    out
}

fn plain(name: &str) -> &str {
    name.trim_start_matches("./")
}

/// The folder that holds all of an archive, with its slash; empty where there is none.
fn common_folder<'n>(names: &[&'n str]) -> &'n str {
    let Some(first) = names.first() else { return "" };
    let Some(folder) = first.find('/').and_then(|at| first.get(..=at)) else {
        return "";
    };
    let shared = folder != "MAR-INF/" && names.iter().all(|n| n.starts_with(folder));
    if shared { folder } else { "" }
}

#[derive(Clone, Copy)]
enum Kind {
    Json,
    Yaml,
    Toml,
}

impl Kind {
    fn parse(self, text: &str, budget: &mut Budget) -> Option<Node> {
        let parsed = match self {
            Self::Json => text::json(text, budget),
            Self::Yaml => text::yaml(text, budget),
            Self::Toml => text::toml(text, budget),
        };
        parsed.ok()
    }
}

/// Structured texts that say something of a model. Vocabularies and tokenizers are large and name no code.
fn document_kind(name: &str) -> Option<Kind> {
    match name {
        "tokenizer.json" | "vocab.json" | "merges.json" | "added_tokens.json" | "package.json"
        | "package-lock.json" => None,
        "MLmodel" => Some(Kind::Yaml),
        "pyproject.toml" => Some(Kind::Toml),
        _ if name.ends_with(".json") => Some(Kind::Json),
        _ if name.ends_with(".yaml") || name.ends_with(".yml") => Some(Kind::Yaml),
        _ => None,
    }
}

fn is_prose(name: &str) -> bool {
    matches!(
        name,
        "README.md" | "MODEL_CARD.md" | "Modelfile" | "config.pbtxt" | "config.properties"
    ) || name.ends_with(".jinja")
        || name.ends_with(".sh")
}

/// Names that make a folder worth a second look.
fn is_marker(name: &str) -> bool {
    matches!(
        name,
        "config.json"
            | "tokenizer_config.json"
            | "model_index.json"
            | "modular_config.json"
            | "modular_model_index.json"
            | "video_preprocessor_config.json"
            | "adapter_config.json"
            | "generation_config.json"
            | "preprocessor_config.json"
            | "processor_config.json"
            | "modules.json"
            | "config_sentence_transformers.json"
            | "MLmodel"
            | "MANIFEST.json"
            | "bentofile.yaml"
            | "config.pbtxt"
            | "README.md"
            | "Modelfile"
    ) || [
        ".safetensors",
        ".safetensors.index.json",
        ".bin.index.json",
        ".gguf",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

/// Folders of tools, of which nothing is part of a model.
fn is_tool_state(path: &str) -> bool {
    let mut folders = path.split('/');
    folders.next_back();
    folders.any(|f| {
        matches!(
            f,
            "node_modules" | "__pycache__" | ".venv" | "venv" | "site-packages" | ".tox" | ".cache" | "blobs"
        )
    })
}

/// Whether a configuration says that its folder is a model.
fn says_model(name: &str, root: &Node) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|k| root.get(k).is_some());
    match name {
        "config.json" => has(&[
            "model_type",
            "architectures",
            "auto_map",
            "_class_name",
            "_name_or_path",
            "transformers_version",
            "torch_dtype",
            "quantization_config",
            "hidden_size",
            "custom_pipelines",
        ]),
        "tokenizer_config.json" => has(&["tokenizer_class", "auto_map", "chat_template", "model_max_length"]),
        "model_index.json" => has(&["_class_name", "_diffusers_version"]),
        "adapter_config.json" => has(&["peft_type", "base_model_name_or_path", "auto_mapping"]),
        "generation_config.json" => has(&["transformers_version", "eos_token_id", "auto_map", "max_length"]),
        "preprocessor_config.json" => has(&[
            "image_processor_type",
            "feature_extractor_type",
            "auto_map",
            "do_normalize",
        ]),
        "processor_config.json" => has(&["processor_class", "auto_map"]),
        "modules.json" => root.items().iter().any(|m| m.get("type").is_some()),
        "config_sentence_transformers.json" => true,
        "MLmodel" => has(&["flavors"]),
        "bentofile.yaml" => has(&["service"]),
        "modular_model_index.json" => has(&[
            "_class_name",
            "_blocks_class_name",
            "_diffusers_version",
            "auto_map",
        ]),
        _ => {
            name.ends_with(".json") && has(&["auto_map"])
                || name.ends_with(".index.json") && has(&["weight_map"])
        }
    }
}

fn text_says_model(name: &str, text: &str) -> bool {
    match name {
        "config.pbtxt" => {
            text.contains("backend:") || text.contains("platform:") || text.contains("max_batch_size")
        }
        "Modelfile" => text.lines().any(|l| l.starts_with("FROM ")),
        "README.md" => front_matter(text).is_some_and(|front| {
            [
                "library_name:",
                "pipeline_tag:",
                "base_model:",
                "model-index:",
                "task_categories:",
                "datasets:",
            ]
            .iter()
            .any(|key| front.lines().any(|line| line.starts_with(key)))
        }),
        _ => false,
    }
}

/// What a card says of itself between two lines of dashes.
fn front_matter(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches('\u{feff}').strip_prefix("---")?;
    rest.split("\n---").next()
}

/// The Python in the code blocks of a card, with where each block starts.
fn python_blocks(text: &str, budget: &mut Budget) -> Vec<(usize, Module)> {
    const MOST: usize = 64;
    let mut out = Vec::new();
    let mut at = 0_usize;
    let mut open: Option<(usize, bool)> = None;
    for line in text.split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let Some(rest) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        match open.take() {
            None => {
                let language = rest.trim().to_ascii_lowercase();
                let python = language.is_empty() || language.starts_with("py");
                open = Some((at, python));
            }
            Some((from, true)) if out.len() < MOST => {
                if let Some(code) = text.get(from..start) {
                    let module = wellhead_pycode::parse(code, budget);
                    // A block without a language may be anything.
                    if module.issues.is_empty() || !module.calls.is_empty() {
                        out.push((from, module));
                    }
                }
            }
            Some(_) => {}
        }
    }
    out
}

/// A text of a bounded size; `None` where it is longer or cannot be read.
fn read_text(entry: &Entry, max: usize) -> Option<String> {
    let blob: Blob = entry.open().ok()?;
    if blob.len() > max as u64 {
        return None;
    }
    let bytes = blob.bytes(0, max).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder of a path with its slash; empty at the top.
fn folder_of(path: &str) -> &str {
    path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default()
}
