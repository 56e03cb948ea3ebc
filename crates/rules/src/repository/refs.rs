//! What configurations of a repository point at: code that a loader imports, other repositories, other files.

use super::{
    facts::{Document, Repository},
    reach::reach,
};
use crate::pickle::callables::{Judgement, Usage, judge};
use std::{collections::BTreeSet, ops::Range};
use wellhead_formats::text::Node;

/// A place in a configuration that names code.
#[derive(Clone, Debug)]
pub(super) struct CodeReference<'a> {
    pub(super) path: &'a str,
    pub(super) document: &'a Document,
    /// The value that names the code.
    pub(super) span: Range<usize>,
    /// The value as it was written; hostile text.
    pub(super) text: String,
    /// Who runs it.
    pub(super) loader: Loader,
    pub(super) target: Target,
}

/// Who runs the code that a configuration names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loader {
    /// transformers and its relatives, if they are told `trust_remote_code=True`.
    Transformers,
    /// diffusers, for pipelines and components that the repository brings.
    Diffusers,
    /// sentence-transformers, if it is told `trust_remote_code=True`.
    SentenceTransformers,
    /// PEFT, which imports the library that the adapter names.
    Peft,
    /// MLflow, without being asked.
    Mlflow,
    /// TorchServe, without being asked.
    TorchServe,
    /// BentoML, without being asked.
    BentoMl,
    /// Hydra and what instantiates its configurations.
    Hydra,
    /// Python itself, for plugins of an installed package.
    Plugin,
}

impl Loader {
    /// What loading is called there, as the beginning of a sentence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Transformers => "loading this model with `trust_remote_code=True`",
            Self::Diffusers => "loading this pipeline with `trust_remote_code=True`",
            Self::SentenceTransformers => {
                "loading this model with sentence-transformers and `trust_remote_code=True`"
            }
            Self::Peft => "loading this adapter",
            Self::Mlflow => "loading this model with MLflow",
            Self::TorchServe => "serving this model with TorchServe",
            Self::BentoMl => "serving this model with BentoML",
            Self::Hydra => "instantiating this configuration",
            Self::Plugin => "once this is installed, every start of the framework",
        }
    }

    /// Whether nobody has to allow it.
    pub(super) fn is_unasked(self) -> bool {
        !matches!(
            self,
            Self::Transformers | Self::Diffusers | Self::SentenceTransformers
        )
    }
}

/// What the code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A script of this repository.
    Local(String),
    /// A script that should be here and is not.
    Missing(String),
    /// Code of another repository.
    Elsewhere(String),
    /// A module of an installed library that is not known.
    Library(String),
    /// Something of an installed library that gives an attacker power, and what it does.
    Dangerous(String, &'static str),
    /// A path that leaves the repository.
    Outside(String),
}

/// All places that name code.
pub(super) fn code_references(repository: &Repository) -> Vec<CodeReference<'_>> {
    let mut out = Vec::new();
    for (path, document) in &repository.documents {
        let mut finder = Finder {
            repository,
            path,
            document,
            out: &mut out,
        };
        finder.document();
    }
    out
}

struct Finder<'a, 'o> {
    repository: &'a Repository,
    path: &'a str,
    document: &'a Document,
    out: &'o mut Vec<CodeReference<'a>>,
}

/// Most references that are kept of one document.
const MOST: usize = 64;

/// Libraries whose classes pipelines and modules are made of.
const PIPELINE_LIBRARIES: &[&str] = &[
    "diffusers",
    "transformers",
    "onnxruntime",
    "optimum",
    "flax",
    "peft",
    "torch",
    "open_clip",
    "timm",
    "k_diffusion",
    "paddlenlp",
    "ppdiffusers",
];

/// Packages whose loaders MLflow imports, as they document it.
const MLFLOW_LOADERS: &[&str] = &[
    "mlflow",
    "sktime",
    "mlflow_vismod",
    "mlflavors",
    "autogluon",
    "bigml_mlflow",
];

/// Handlers that TorchServe brings.
const TORCHSERVE_HANDLERS: &[&str] = &[
    "image_classifier",
    "image_segmenter",
    "object_detector",
    "text_classifier",
    "base_handler",
    "vision_handler",
    "text_handler",
];

impl<'a> Finder<'a, '_> {
    fn document(&mut self) {
        let name = Repository::file_name(self.path);
        let document = self.document;
        self.anywhere();
        match name {
            "model_index.json" => self.pipeline(&document.root),
            "modules.json" => self.modules(&document.root),
            "adapter_config.json" => self.adapter(&document.root),
            "MLmodel" => self.mlflow(&document.root),
            "MANIFEST.json" => self.torchserve(&document.root),
            "bentofile.yaml" => {
                if let Some(service) = document.root.get("service") {
                    self.script(service, Loader::BentoMl, |text| {
                        text.split(':').next().unwrap_or(text)
                    });
                }
            }
            "pyproject.toml" => self.plugins(&document.root),
            _ => {}
        }
    }

    fn push(&mut self, node: &'a Node, loader: Loader, target: Target) {
        if self.out.iter().filter(|r| r.path == self.path).count() < MOST {
            self.out.push(CodeReference {
                path: self.path,
                document: self.document,
                span: node.span.clone(),
                text: node.as_text().unwrap_or_default().to_owned(),
                loader,
                target,
            });
        }
    }

    /// A script of this repository, by a dotted module name or a file's.
    fn script(&mut self, node: &'a Node, loader: Loader, module: impl Fn(&str) -> &str) {
        let Some(whole) = node.as_str() else { return };
        let text = module(whole);
        let folder = Repository::folder_of(self.path);
        if text.starts_with(['/', '\\', '~']) || text.split(['/', '\\']).any(|p| p == "..") {
            self.push(node, loader, Target::Outside(whole.to_owned()));
            return;
        }
        let stem = text.strip_suffix(".py").unwrap_or(text);
        let dotted = stem.trim_start_matches("./").replace('/', ".");
        // A file's own name may have dots.
        let file = format!("{folder}{}", text.trim_start_matches("./"));
        let scripts = &self.repository.scripts;
        let found = scripts
            .get_key_value(&file)
            .map(|(path, _)| path.as_str())
            .or_else(|| self.repository.module(folder, &dotted));
        // Only these import what is installed; the others look for a file of the repository.
        let installed = matches!(
            loader,
            Loader::SentenceTransformers | Loader::TorchServe | Loader::BentoMl | Loader::Plugin
        );
        let target = match (found, danger(whole).filter(|_| installed)) {
            (Some(found), _) => Target::Local(found.to_owned()),
            (None, Some(does)) => Target::Dangerous(whole.to_owned(), does),
            (None, None) => Target::Missing(format!("{}.py", dotted.replace('.', "/"))),
        };
        self.push(node, loader, target);
    }

    /// sentence-transformers imports and calls the activation of a layer by its path.
    fn activation(&mut self, node: &'a Node) {
        let Some(text) = node.as_str() else { return };
        let Some((module, _)) = text.rsplit_once('.') else {
            return;
        };
        let first = text.split('.').next().unwrap_or(text);
        let is_path = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
        if !is_path || text.starts_with("torch.nn.") {
            return;
        }
        let own = self.repository.module(Repository::folder_of(self.path), module);
        let target = match (own, danger(text)) {
            (Some(found), _) => Target::Local(found.to_owned()),
            (None, Some(does)) => Target::Dangerous(text.to_owned(), does),
            (None, None) if matches!(first, "torch" | "transformers" | "sentence_transformers") => return,
            (None, None) => Target::Library(module.to_owned()),
        };
        self.push(node, Loader::SentenceTransformers, target);
    }

    /// Keys that mean code wherever they stand: models keep the configurations of their parts inside their own.
    fn anywhere(&mut self) {
        let mut stack = vec![&self.document.root];
        while let Some(node) = stack.pop() {
            stack.extend(node.items());
            for entry in node.entries() {
                match entry.key.as_str() {
                    "auto_map" => self.auto_map(&entry.node),
                    "custom_pipelines" => {
                        for pipeline in entry.node.entries() {
                            if let Some(class) = pipeline.node.get("impl") {
                                self.class(class, Loader::Transformers);
                            }
                        }
                    }
                    "custom_pipeline" => self.custom_pipeline(&entry.node),
                    "_target_" | "__target__" | "_callable_" | "class_path" => self.hydra(&entry.node),
                    "target" if node.get("params").is_some() => self.hydra(&entry.node),
                    "activation_function" | "activation_fn" => self.activation(&entry.node),
                    _ => stack.push(&entry.node),
                }
            }
        }
    }

    fn auto_map(&mut self, map: &'a Node) {
        for entry in map.entries() {
            for node in std::iter::once(&entry.node).chain(entry.node.items()) {
                self.class(node, Loader::Transformers);
            }
        }
    }

    /// `modeling_x.Class`, or `org/repository--modeling_x.Class`.
    fn class(&mut self, node: &'a Node, loader: Loader) {
        let Some(text) = node.as_str().filter(|t| !t.is_empty()) else {
            return;
        };
        match text.split_once("--") {
            Some((repository, _)) => {
                let repository = repository.to_owned();
                self.push(node, loader, Target::Elsewhere(repository));
            }
            None => self.script(node, loader, |text| {
                text.rsplit_once('.').map_or(text, |(module, _)| module)
            }),
        }
    }

    fn custom_pipeline(&mut self, node: &'a Node) {
        let Some(text) = node.as_str() else { return };
        if text.contains('/') && !text.ends_with(".py") {
            let repository = text.to_owned();
            self.push(node, Loader::Diffusers, Target::Elsewhere(repository));
        } else {
            self.script(node, Loader::Diffusers, |text| text);
        }
    }

    /// Components are pairs of library and class; the library may be a module of the repository.
    fn pipeline(&mut self, root: &'a Node) {
        for entry in root.entries() {
            let [library, class] = entry.node.items() else {
                continue;
            };
            let (Some(name), Some(class)) = (library.as_str(), class.as_str()) else {
                continue;
            };
            let first = name.split('.').next().unwrap_or(name);
            if PIPELINE_LIBRARIES.contains(&first)
                || name.ends_with("_pipeline") && name.contains("diffusers")
            {
                continue;
            }
            let folder = format!("{}{}/", Repository::folder_of(self.path), entry.key);
            let found = self
                .repository
                .module(&folder, name)
                .or_else(|| self.repository.module(&folder, &format!("{}.{name}", entry.key)));
            let target = match (found, entry.key.as_str()) {
                (Some(found), _) => Target::Local(found.to_owned()),
                (None, "_class_name") => Target::Missing(format!("{}.py", name.replace('.', "/"))),
                // Modules of diffusers itself are written by their folder: `stable_diffusion`.
                (None, _) if PIPELINE_MODULES.contains(&name) => continue,
                (None, _) => {
                    let whole = format!("{name}.{class}");
                    match danger(&whole) {
                        Some(does) => Target::Dangerous(whole, does),
                        None => Target::Library(name.to_owned()),
                    }
                }
            };
            self.push(library, Loader::Diffusers, target);
        }
    }

    fn modules(&mut self, root: &'a Node) {
        for module in root.items() {
            let Some(kind) = module.get("type") else { continue };
            let Some(text) = kind.as_str() else { continue };
            if text.starts_with("sentence_transformers.") {
                continue;
            }
            match text.split_once("--") {
                Some((repository, _)) => {
                    self.push(
                        kind,
                        Loader::SentenceTransformers,
                        Target::Elsewhere(repository.to_owned()),
                    );
                }
                None => self.script(kind, Loader::SentenceTransformers, |text| {
                    text.rsplit_once('.').map_or(text, |(module, _)| module)
                }),
            }
        }
    }

    /// PEFT imports `parent_library` and takes the class of that name from it.
    fn adapter(&mut self, root: &'a Node) {
        let Some(library) = root.path(&["auto_mapping", "parent_library"]) else {
            return;
        };
        let Some(name) = library.as_str() else { return };
        let first = name.split('.').next().unwrap_or(name);
        if matches!(
            first,
            "transformers" | "peft" | "torch" | "timm" | "diffusers" | "sentence_transformers"
        ) {
            return;
        }
        let target = if name.starts_with("transformers_modules") {
            Target::Elsewhere(name.to_owned())
        } else {
            match self.repository.module(Repository::folder_of(self.path), name) {
                Some(found) => Target::Local(found.to_owned()),
                None => Target::Library(name.to_owned()),
            }
        };
        self.push(library, Loader::Peft, target);
    }

    fn mlflow(&mut self, root: &'a Node) {
        for flavor in root.get("flavors").map_or(&[][..], Node::entries) {
            // MLflow runs it whole, from the model's own folder, wherever it lay when the model was written.
            if let Some(code) = flavor.node.get("model_code_path") {
                self.script(code, Loader::Mlflow, |text| {
                    text.rsplit(['/', '\\']).next().unwrap_or(text)
                });
            }
            let Some(module) = flavor.node.get("loader_module") else {
                continue;
            };
            let Some(name) = module.as_str() else { continue };
            let first = name.split('.').next().unwrap_or(name);
            if MLFLOW_LOADERS.contains(&first) {
                continue;
            }
            let code = flavor.node.get("code").and_then(Node::as_str).unwrap_or("code");
            let folder = format!("{}{}/", Repository::folder_of(self.path), code.trim_matches('/'));
            let target = match self.repository.module(&folder, name) {
                Some(found) => Target::Local(found.to_owned()),
                None => Target::Library(name.to_owned()),
            };
            self.push(module, Loader::Mlflow, target);
        }
    }

    fn torchserve(&mut self, root: &'a Node) {
        for key in ["handler", "modelFile"] {
            let Some(node) = root.path(&["model", key]) else {
                continue;
            };
            let Some(text) = node.as_str() else { continue };
            let name = text.split(':').next().unwrap_or(text);
            if TORCHSERVE_HANDLERS.contains(&name) || name.starts_with("ts.torch_handler.") {
                continue;
            }
            self.script(node, Loader::TorchServe, |text| {
                text.split(':').next().unwrap_or(text)
            });
        }
    }

    fn hydra(&mut self, node: &'a Node) {
        let Some(text) = node.as_str() else { return };
        let Some((module, _)) = text.rsplit_once('.') else {
            return;
        };
        // What belongs to an installed library is for the rules about callables.
        let own = self.repository.module(Repository::folder_of(self.path), module);
        let class = || module.rsplit_once('.').map(|(m, _)| m);
        let own = own.or_else(|| self.repository.module(Repository::folder_of(self.path), class()?));
        if let Some(found) = own {
            let found = found.to_owned();
            self.push(node, Loader::Hydra, Target::Local(found));
        }
    }

    fn plugins(&mut self, root: &'a Node) {
        for group in root
            .path(&["project", "entry-points"])
            .map_or(&[][..], Node::entries)
        {
            if !group.key.starts_with("vllm.") {
                continue;
            }
            for plugin in group.node.entries() {
                self.script(&plugin.node, Loader::Plugin, |text| {
                    text.split(':').next().unwrap_or(text)
                });
            }
        }
    }
}

/// What something installed does that gives an attacker power: `module.name` or `module:name`.
fn danger(path: &str) -> Option<&'static str> {
    let path = path.trim().replace(':', ".");
    let (module, name) = path.rsplit_once('.')?;
    match judge(module, name, Usage::Call) {
        Judgement::Dangerous(danger) => Some(danger.does),
        _ => None,
    }
}

/// Modules of diffusers that components are written by.
const PIPELINE_MODULES: &[&str] = &[
    "stable_diffusion",
    "stable_diffusion_safe",
    "stable_diffusion_xl",
    "deepfloyd_if",
    "paint_by_example",
    "latent_diffusion",
    "unidiffuser",
    "audioldm",
    "audioldm2",
    "alt_diffusion",
    "versatile_diffusion",
    "semantic_stable_diffusion",
    "spectrogram_diffusion",
    "kandinsky",
    "shap_e",
    "wuerstchen",
    "blip_diffusion",
    "stable_cascade",
    "pixart_alpha",
    "controlnet",
    "flux",
    "hunyuandit",
    "stable_audio",
    "vq_diffusion",
    "musicldm",
    "deprecated",
    "pipeline_loading_utils",
];

/// Scripts that a loader runs by their name or place, whatever the configurations say.
pub(super) fn loaded_by_name(repository: &Repository) -> Vec<&str> {
    let called = repository
        .name
        .as_deref()
        .map(|n| n.rsplit('/').next().unwrap_or(n));
    let has = |name: &str| repository.files.keys().any(|p| Repository::file_name(p) == name);
    let triton = has("config.pbtxt");
    let prefixes = [
        "modeling_",
        "configuration_",
        "tokenization_",
        "processing_",
        "image_processing_",
        "feature_extraction_",
        "generation_",
        "pipeline_",
    ];
    let names = [
        "__init__.py",
        "sitecustomize.py",
        "usercustomize.py",
        "conftest.py",
        "setup.py",
        "hubconf.py",
        "handler.py",
        "pipeline.py",
        "custom_st.py",
    ];
    repository
        .scripts
        .iter()
        .filter(|(path, script)| {
            let name = Repository::file_name(path);
            let stem = name.strip_suffix(".py").unwrap_or(name);
            let builder = || {
                let imports = &script.module.imports;
                imports.iter().any(|i| {
                    i.path.starts_with("datasets") && (i.path.ends_with("Builder") || i.path == "datasets")
                }) && called == Some(stem)
            };
            // transformers takes the loop of generation from there.
            let generation =
                *path == "custom_generate/generate.py" || path.ends_with("/custom_generate/generate.py");
            names.contains(&name)
                || generation
                || repository.imported.contains(path.as_str())
                || prefixes.iter().any(|p| name.starts_with(p))
                || (triton && name == "model.py")
                || builder()
        })
        .map(|(path, _)| path.as_str())
        .collect()
}

/// All scripts that loading the model runs: those that configurations name, those that loaders look for by name, and
/// what they import.
pub fn loaded_scripts(repository: &Repository) -> BTreeSet<String> {
    let references = code_references(repository);
    let named = references.iter().filter_map(|r| match &r.target {
        Target::Local(script) => Some(script.as_str()),
        _ => None,
    });
    let entries: BTreeSet<&str> = named.chain(loaded_by_name(repository)).collect();
    reach(repository, entries)
        .keys()
        .map(|path| (*path).to_owned())
        .collect()
}
