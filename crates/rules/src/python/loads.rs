//! Everything that a project loads as a model or data set, for the lock of models.
//!
//! The rules ask "is this call bad"; a lock asks "which bytes does this project run on", so here every load counts,
//! the harmless ones too. The one decision: a load whose name cannot be known is a load all the same, with the reason.
//! A lock that left it out would be taken for a proof of what it does not cover.

use super::hub::{self, Kind, Revision, is_repository};
use std::ops::Range;
use wellhead_formats::text::Node;
use wellhead_pycode::{Argument, Call, Module, Value};

/// What is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoadKind {
    /// A model of a hub.
    Model,
    /// A data set of a hub.
    Dataset,
}

impl LoadKind {
    /// The name in locks and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
        }
    }
}

/// What a load names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loaded {
    /// A repository of a hub.
    Repository {
        /// What it is.
        kind: LoadKind,
        /// `org/name`.
        name: String,
        /// The revision as it is written; `None` is the default branch.
        revision: Option<String>,
        /// The one file that is asked for, if it is one.
        file: Option<String>,
        /// Whether all of its files are asked for.
        whole: bool,
    },
    /// A file or folder of this machine, as it is written.
    Path(String),
    /// It cannot be told, and why.
    Unresolved {
        /// The name, where at least that is known.
        name: Option<String>,
        /// Why, in a few words.
        why: &'static str,
    },
}

/// One load.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load {
    /// What loads it: `transformers.AutoModel.from_pretrained`, `hf download`, `base_model`.
    pub by: String,
    /// What is loaded.
    pub what: Loaded,
    /// The byte of the text at which it stands.
    pub at: usize,
}

/// Said where the code decides at run time.
pub const RUN_TIME: &str = "the name is only known at run time";
const REVISION: &str = "the revision is only known at run time";
const DEFAULT: &str = "no model is named, so the library chooses one";
const FOREIGN: &str = "code on GitHub, which is not asked";
const FETCHED: &str = "the library fetches it from a place of its own";
const SPACE: &str = "a space of the hub, and the lock holds models and data sets";
/// Said of a name that is neither a file nor a repository.
pub const NOWHERE: &str = "neither a file that is here nor the name of a repository on the hub";

/// Calls beside those of [`hub`] that take the name of a repository: name, position, keyword.
const MORE: &[(&str, usize, &str)] = &[
    ("langchain_huggingface.HuggingFaceEmbeddings", 9, "model_name"),
    (
        "langchain_community.embeddings.HuggingFaceEmbeddings",
        9,
        "model_name",
    ),
    (
        "langchain_huggingface.HuggingFacePipeline.from_model_id",
        0,
        "model_id",
    ),
    (
        "llama_index.embeddings.huggingface.HuggingFaceEmbedding",
        0,
        "model_name",
    ),
    ("FlagEmbedding.BGEM3FlagModel", 0, "model_name_or_path"),
    ("FlagEmbedding.FlagModel", 0, "model_name_or_path"),
    ("mlx_lm.load", 0, "path_or_hf_repo"),
    ("outlines.models.transformers", 0, "model_name"),
    ("setfit.SetFitModel", 0, "model_id"),
    ("keybert.KeyBERT", 0, "model"),
    ("span_marker.SpanMarkerModel", 0, "model_id"),
    (
        "ctranslate2.converters.TransformersConverter",
        0,
        "model_name_or_path",
    ),
];

/// Methods that take one.
const METHODS: &[&str] = &["load_lora_weights", "load_ip_adapter", "load_textual_inversion"];

/// Calls that fetch weights of their own: what they take when it is no file.
const OWN_STORE: &[(&str, usize, &str)] = &[
    ("whisper.load_model", 0, "name"),
    ("ultralytics.YOLO", 0, "model"),
    ("faster_whisper.WhisperModel", 0, "model_size_or_path"),
    ("torch.hub.load_state_dict_from_url", 0, "url"),
    ("torch.hub.download_url_to_file", 0, "url"),
    ("torch.utils.model_zoo.load_url", 0, "url"),
    ("tensorflow_hub.load", 0, "handle"),
    ("tensorflow_hub.KerasLayer", 0, "handle"),
    ("tensorflow_hub.resolve", 0, "handle"),
    ("tensorflow_datasets.load", 0, "name"),
    ("keras.utils.get_file", 1, "origin"),
    ("tensorflow.keras.utils.get_file", 1, "origin"),
];

/// Calls that load a file by its path: name, position, keyword, and whether a path that is not known is worth a line.
const FILES: &[(&str, usize, &str, bool)] = &[
    ("torch.load", 0, "f", true),
    ("torch.jit.load", 0, "f", true),
    ("torch.package.PackageImporter", 0, "file_or_buffer", true),
    ("joblib.load", 0, "filename", true),
    ("pandas.read_pickle", 0, "filepath_or_buffer", true),
    ("numpy.load", 0, "file", false),
    ("safetensors.torch.load_file", 0, "filename", true),
    ("safetensors.numpy.load_file", 0, "filename", true),
    ("safetensors.flax.load_file", 0, "filename", true),
    ("safetensors.safe_open", 0, "filename", true),
    ("safetensors.torch.load_model", 1, "filename", true),
    ("keras.models.load_model", 0, "filepath", true),
    ("keras.saving.load_model", 0, "filepath", true),
    ("tensorflow.keras.models.load_model", 0, "filepath", true),
    ("tensorflow.saved_model.load", 0, "export_dir", true),
    ("tensorflow.lite.Interpreter", 0, "model_path", true),
    ("tflite_runtime.interpreter.Interpreter", 0, "model_path", true),
    ("onnxruntime.InferenceSession", 0, "path_or_bytes", true),
    ("onnx.load", 0, "f", true),
    ("onnx.load_model", 0, "f", true),
    ("llama_cpp.Llama", 0, "model_path", true),
    ("gpt4all.GPT4All", 0, "model_name", true),
    (
        "ctransformers.AutoModelForCausalLM.from_pretrained",
        0,
        "model_path_or_repo_id",
        true,
    ),
    ("lightgbm.Booster", 9, "model_file", true),
    ("xgboost.Booster", 1, "model_file", false),
    ("xgboost.Booster().load_model", 0, "fname", true),
    ("xgboost.XGBClassifier().load_model", 0, "fname", true),
    ("xgboost.XGBRegressor().load_model", 0, "fname", true),
    ("catboost.CatBoost().load_model", 0, "fname", true),
    ("catboost.CatBoostClassifier().load_model", 0, "fname", true),
    ("fasttext.load_model", 0, "path", true),
    ("gensim.models.KeyedVectors.load", 0, "fname", true),
    (
        "gensim.models.KeyedVectors.load_word2vec_format",
        0,
        "fname",
        true,
    ),
    ("skops.io.load", 0, "file", true),
    ("dill.load", 9, "", false),
    ("cv2.dnn.readNet", 0, "model", true),
    ("cv2.dnn.readNetFromONNX", 0, "onnxFile", true),
];

/// Endings of files that `open(…, "rb")` and `numpy.load` load a model from.
const OPENED: &[&str] = &[
    ".pkl",
    ".pickle",
    ".pt",
    ".pth",
    ".bin",
    ".joblib",
    ".dill",
    ".npy",
    ".npz",
    ".onnx",
    ".gguf",
    ".h5",
    ".safetensors",
    ".model",
    ".ckpt",
];

/// Everything that a Python file or notebook loads.
pub fn loads(module: &Module) -> Vec<Load> {
    let mut out = Vec::new();
    for call in &module.calls {
        of_call(call, &mut out);
    }
    for command in &module.commands {
        for line in wellhead_infra::script(&command.text, 0) {
            let words: Vec<&str> = line.words.iter().map(|w| w.text.as_str()).collect();
            out.extend(in_command(&words, command.range.start));
        }
    }
    out.sort();
    out.dedup();
    out
}

fn of_call(call: &Call, out: &mut Vec<Load>) {
    let mut push = |what: Loaded, range: &Range<usize>| {
        out.push(Load {
            by: call.callee().to_owned(),
            what,
            at: range.start,
        });
    };
    // `hf://…` is read by everything that reads through fsspec.
    let all = call
        .positional
        .iter()
        .chain(call.keywords.iter().map(|k| &k.argument));
    for argument in all {
        for text in argument.value.texts() {
            if let Some(loaded) = address(text) {
                push(loaded, &call.range);
            } else if text.len() < 4096 && speaks_of_hub(text) && is_shell(call) {
                for line in wellhead_infra::script(text, 0) {
                    let words: Vec<&str> = line.words.iter().map(|w| w.text.as_str()).collect();
                    in_command(&words, call.range.start)
                        .into_iter()
                        .for_each(|l| push(l.what, &call.range));
                }
            }
        }
        if let Value::List(items) = &argument.value
            && is_shell(call)
        {
            let words: Vec<&str> = items.iter().map(|i| i.as_text().unwrap_or("$?")).collect();
            in_command(&words, call.range.start)
                .into_iter()
                .for_each(|l| push(l.what, &call.range));
        }
    }
    if let Some((_, position, keyword, always)) = FILES.iter().find(|(name, ..)| call.may_be(name)) {
        by_path(call, *position, keyword, *always, &mut push);
        return;
    }
    if let Some((_, position, keyword)) = OWN_STORE.iter().find(|(name, ..)| call.may_be(name)) {
        let argument = argument(call, *position, keyword);
        let texts: Vec<&str> = argument.iter().flat_map(|a| a.value.texts()).collect();
        match texts.as_slice() {
            [] => unknown(argument, call, &mut push),
            texts => texts.iter().for_each(|name| {
                let what = if is_repository(name, Kind::Model) && name.contains('/') {
                    repository(LoadKind::Model, name, None)
                } else if name.contains(['/', '\\']) && !name.contains("://") {
                    Loaded::Path((*name).to_owned())
                } else {
                    Loaded::Unresolved {
                        name: Some((*name).to_owned()),
                        why: FETCHED,
                    }
                };
                push(what, &call.range);
            }),
        }
        return;
    }
    // Its names are those of models whose weights lie on the hub; which repository that is, only the library knows.
    if call.may_be("timm.create_model") && call.keyword("pretrained").is_some_and(|k| k.value.may_be_true()) {
        let argument = argument(call, 0, "model_name");
        let mut named = argument.iter().flat_map(|a| a.value.texts()).peekable();
        if named.peek().is_none() {
            unknown(argument, call, &mut push);
        }
        for name in named.filter(|n| address(n).is_none()) {
            let what = Loaded::Unresolved {
                name: Some(name.to_owned()),
                why: FETCHED,
            };
            push(what, &call.range);
        }
        return;
    }
    if is_opened(call) {
        for text in call.argument(0, "file").iter().flat_map(|a| a.value.texts()) {
            if OPENED
                .iter()
                .any(|ending| text.to_ascii_lowercase().ends_with(ending))
            {
                push(Loaded::Path(text.to_owned()), &call.range);
            }
        }
        return;
    }
    from_hub(call, &mut push);
}

/// `open("model.pkl", "rb")`
fn is_opened(call: &Call) -> bool {
    let opens = [
        "open",
        "io.open",
        "builtins.open",
        "gzip.open",
        "bz2.open",
        "lzma.open",
    ];
    if !opens.iter().any(|name| call.may_be(name)) {
        return false;
    }
    let mode = call.argument(1, "mode");
    mode.is_some_and(|m| m.value.texts().any(|t| t.contains('r') && t.contains('b')))
}

fn is_shell(call: &Call) -> bool {
    call.callees
        .iter()
        .any(|c| c.starts_with("subprocess.") || matches!(c.as_str(), "os.system" | "os.popen"))
}

fn argument<'a>(call: &'a Call, position: usize, keyword: &str) -> Option<&'a Argument> {
    call.positional.get(position).or_else(|| call.keyword(keyword))
}

fn unknown(argument: Option<&Argument>, call: &Call, push: &mut dyn FnMut(Loaded, &Range<usize>)) {
    // A value that another load gave is that load.
    let from_load = |path: &str| {
        path.starts_with("huggingface_hub.") || path.contains("BytesIO") || path.contains("open()")
    };
    let elsewhere = argument.is_some_and(|a| match &a.value {
        Value::Path(path) => from_load(path),
        Value::None => true,
        _ => false,
    });
    if !elsewhere && (argument.is_some() || call.open) {
        let name = None;
        push(Loaded::Unresolved { name, why: RUN_TIME }, &call.range);
    }
}

fn by_path(
    call: &Call,
    position: usize,
    keyword: &str,
    always: bool,
    push: &mut dyn FnMut(Loaded, &Range<usize>),
) {
    let argument = argument(call, position, keyword);
    let mut known = false;
    for text in argument.iter().flat_map(|a| a.value.texts()) {
        known = true;
        if address(text).is_some() {
            continue;
        }
        let what = if text.contains("://") {
            let name = Some(text.to_owned());
            Loaded::Unresolved { name, why: FETCHED }
        } else {
            Loaded::Path(text.to_owned())
        };
        push(what, &call.range);
    }
    if !known && always {
        unknown(argument, call, push);
    } else if known && argument.is_some_and(|a| a.value.is_uncertain()) {
        push(
            Loaded::Unresolved {
                name: None,
                why: RUN_TIME,
            },
            &call.range,
        );
    }
}

fn repository(kind: LoadKind, name: &str, revision: Option<&str>) -> Loaded {
    Loaded::Repository {
        kind,
        name: name.to_owned(),
        revision: revision.filter(|r| !r.is_empty()).map(str::to_owned),
        file: None,
        whole: false,
    }
}

/// `hf://org/name@revision/file`, `hf-hub:org/name`
pub(super) fn address(text: &str) -> Option<Loaded> {
    let (rest, kind) = if let Some(rest) = text.strip_prefix("hf://") {
        match rest.split_once('/') {
            Some(("datasets", rest)) => (rest, LoadKind::Dataset),
            Some(("models", rest)) => (rest, LoadKind::Model),
            Some(("spaces" | "buckets", _)) => return None,
            _ => (rest, LoadKind::Model),
        }
    } else {
        let rest = text
            .strip_prefix("hf-hub:")
            .or_else(|| text.strip_prefix("hf_hub:"))?;
        (rest, LoadKind::Model)
    };
    let (name, revision, file) = match rest.split_once('@') {
        Some((name, rest)) => {
            let (revision, file) = rest.split_once('/').unwrap_or((rest, ""));
            (name.to_owned(), Some(revision), file.to_owned())
        }
        None => {
            let mut parts = rest.splitn(3, '/');
            let name: Vec<&str> = parts.by_ref().take(2).collect();
            (name.join("/"), None, parts.next().unwrap_or_default().to_owned())
        }
    };
    if !is_name(&name) {
        let name = Some(text.to_owned());
        return Some(Loaded::Unresolved { name, why: NOWHERE });
    }
    Some(Loaded::Repository {
        kind,
        name,
        revision: revision.map(|r| r.replace("%2F", "/")),
        // A pattern is no file.
        file: Some(file).filter(|f| !f.is_empty() && !f.contains(['*', '?', '{'])),
        whole: false,
    })
}

/// `org/name` by its form alone.
fn is_name(text: &str) -> bool {
    let part = |p: &str| {
        p.starts_with(|c: char| c.is_ascii_alphanumeric())
            && p.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    text.split_once('/').is_some_and(|(a, b)| part(a) && part(b))
}

fn from_hub(call: &Call, push: &mut dyn FnMut(Loaded, &Range<usize>)) {
    let is_pipeline = call.may_be("transformers.pipeline") || call.may_be("transformers.pipelines.pipeline");
    let more = MORE.iter().find(|(name, ..)| call.may_be(name));
    let method = METHODS.iter().any(|m| call.is_method(m));
    if hub::repository_type(call) == Some("space") {
        let name = call.argument(0, "repo_id").and_then(|a| a.value.as_text());
        let name = name.map(str::to_owned);
        push(Loaded::Unresolved { name, why: SPACE }, &call.range);
        return;
    }
    let (argument, kind, revisions) = if let Some(fetch) = hub::fetch(call) {
        if fetch.kind == Kind::TorchHub {
            let name = fetch.names.first().cloned();
            push(Loaded::Unresolved { name, why: FOREIGN }, &call.range);
            return;
        }
        (
            Some(fetch.repository),
            fetch.kind,
            revisions(call, &fetch.revision),
        )
    } else if let Some((_, position, keyword)) = more {
        let revision = hub::revision(call, "revision");
        (
            argument(call, *position, keyword),
            Kind::Model,
            revisions(call, &revision),
        )
    } else if method || call.is_method("from_pretrained") {
        if call.callees.iter().all(|c| c.starts_with("super()")) {
            return;
        }
        let keyword = [
            "pretrained_model_name_or_path",
            "repo_id",
            "model_id",
            "model_name",
        ];
        let named = keyword.iter().find_map(|k| call.keyword(k));
        let revision = hub::revision(call, "revision");
        (
            call.positional.first().or(named),
            Kind::Model,
            revisions(call, &revision),
        )
    } else if is_pipeline && !call.open && call.argument(1, "model").is_none() {
        push(
            Loaded::Unresolved {
                name: None,
                why: DEFAULT,
            },
            &call.range,
        );
        return;
    } else {
        return;
    };
    let Some(argument) = argument else {
        if call.open {
            push(
                Loaded::Unresolved {
                    name: None,
                    why: RUN_TIME,
                },
                &call.range,
            );
        }
        return;
    };
    let sentence = call
        .callees
        .iter()
        .any(|c| c.starts_with("sentence_transformers."));
    let mut known = false;
    for text in argument.value.texts() {
        known = true;
        if address(text).is_some() {
            continue;
        }
        let kind = if kind == Kind::Dataset {
            LoadKind::Dataset
        } else {
            LoadKind::Model
        };
        if !is_repository(
            text,
            if kind == LoadKind::Dataset {
                Kind::Dataset
            } else {
                Kind::Model
            },
        ) {
            if !is_builder(text, kind) {
                push(Loaded::Path(text.to_owned()), &call.range);
            }
            continue;
        }
        let name = match (sentence, text.contains('/')) {
            (true, false) => format!("sentence-transformers/{text}"),
            _ => text.to_owned(),
        };
        let Some(revisions) = &revisions else {
            push(
                Loaded::Unresolved {
                    name: Some(name),
                    why: REVISION,
                },
                &call.range,
            );
            continue;
        };
        for revision in revisions {
            for file in files(call) {
                push(
                    Loaded::Repository {
                        kind,
                        name: name.clone(),
                        revision: revision.clone(),
                        file,
                        whole: is_whole(call),
                    },
                    &call.range,
                );
            }
        }
    }
    if !known {
        unknown(Some(argument), call, push);
    } else if argument.value.is_uncertain() {
        push(
            Loaded::Unresolved {
                name: None,
                why: RUN_TIME,
            },
            &call.range,
        );
    }
}

/// Whether the name is that of a loader of `datasets` that reads files which the call names.
fn is_builder(text: &str, kind: LoadKind) -> bool {
    kind == LoadKind::Dataset && !text.contains(['/', '.'])
}

/// The revisions that a call may ask for; `None` where they cannot be known.
fn revisions(call: &Call, stated: &Revision) -> Option<Vec<Option<String>>> {
    match stated {
        Revision::Unknown => None,
        Revision::Missing if call.keyword("revision").is_none() => Some(vec![None]),
        Revision::Missing | Revision::Movable(_) | Revision::Pinned => {
            let argument = call.keyword("revision")?;
            let all = argument.value.alternatives().iter();
            Some(all.map(|v| v.as_text().map(str::to_owned)).collect())
        }
    }
}

/// The files that a call asks for by name.
fn files(call: &Call) -> Vec<Option<String>> {
    if !call.is_method("hf_hub_download") {
        return vec![None];
    }
    let folder = call.keyword("subfolder").and_then(|a| a.value.as_text());
    let named: Vec<Option<String>> = call
        .argument(1, "filename")
        .iter()
        .flat_map(|a| a.value.texts())
        .map(|file| match folder {
            Some(folder) => Some(format!("{}/{file}", folder.trim_matches('/'))),
            None => Some(file.to_owned()),
        })
        .collect();
    if named.is_empty() { vec![None] } else { named }
}

fn is_whole(call: &Call) -> bool {
    let some = ["allow_patterns", "ignore_patterns"];
    call.is_method("snapshot_download") && !some.iter().any(|k| call.keyword(k).is_some()) && !call.open
}

/// Whether a text may hold a command that loads.
pub fn speaks_of_hub(text: &str) -> bool {
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // Asked of every string of every configuration: what most do not have is looked for first.
    text.contains("--model")
        || text.contains(' ') && any(&["hf download", "vllm serve"])
        || text.contains("huggingface") && any(&["huggingface-cli", "huggingface.co/"])
}

/// Whether a text may hold a command with a program of Python in it that loads.
pub fn speaks_python(text: &str) -> bool {
    text.contains(" -c") && text.contains("python")
}

/// The program of `python -c PROGRAM`, where it is one that may load.
pub fn python_of<'a>(words: &[&'a str]) -> Option<&'a str> {
    let at = words.iter().position(|w| {
        let program = w.rsplit('/').next().unwrap_or(w);
        program.starts_with("python")
    })?;
    let behind = words.get(at.saturating_add(1)..)?;
    let flag = behind.iter().position(|w| *w == "-c")?;
    let only_options = behind.get(..flag)?.iter().all(|w| w.starts_with('-'));
    behind
        .get(flag.saturating_add(1))
        .copied()
        .filter(|_| only_options)
}

/// Servers that take a model by an option, and the options.
const SERVERS: &[(&str, &[&str])] = &[
    ("text-generation-launcher", &["--model-id"]),
    ("text-embeddings-router", &["--model-id"]),
    ("sglang.launch_server", &["--model-path", "--model"]),
    ("vllm.entrypoints.openai.api_server", &["--model"]),
    ("vllm", &["--model"]),
    ("", &["--model-id"]),
];

/// What a command loads.
pub fn in_command(words: &[&str], at: usize) -> Option<Load> {
    let program = words.first().map(|w| w.rsplit('/').next().unwrap_or(w))?;
    let option = |names: &[&str]| {
        words.iter().enumerate().find_map(|(i, word)| {
            let (name, value) = word.split_once('=').map_or((*word, None), |(n, v)| (n, Some(v)));
            names
                .contains(&name)
                .then(|| value.or_else(|| words.get(i.saturating_add(1)).copied()))?
        })
    };
    let revision = option(&["--revision"]);
    let (by, name, kind, plain): (String, &str, LoadKind, Vec<&str>) = match (program, words.get(1).copied())
    {
        ("hf" | "huggingface-cli", Some("download")) => {
            let plain = positional(words.get(2..).unwrap_or_default());
            let kind = match option(&["--repo-type", "--type"]) {
                Some("dataset") => LoadKind::Dataset,
                Some("space") => return None,
                _ => LoadKind::Model,
            };
            let (name, files) = plain.split_first()?;
            (format!("{program} download"), name, kind, files.to_vec())
        }
        ("vllm", Some("serve")) => {
            let plain = positional(words.get(2..).unwrap_or_default());
            let name = plain.first().copied().or_else(|| option(&["--model"]))?;
            ("vllm serve".to_owned(), name, LoadKind::Model, Vec::new())
        }
        ("git", Some("clone")) => {
            let url = words
                .iter()
                .find(|w| w.contains("huggingface.co/") || w.contains("hf.co/"))?;
            let path = url
                .split_once(".co/")?
                .1
                .trim_end_matches('/')
                .trim_end_matches(".git");
            let (path, kind) = match path.strip_prefix("datasets/") {
                Some(path) => (path, LoadKind::Dataset),
                None => (path, LoadKind::Model),
            };
            let branch = option(&["--branch", "-b"]);
            let mut load = repository(kind, path, branch);
            if let Loaded::Repository { whole, .. } = &mut load {
                *whole = true;
            }
            let by = "git clone".to_owned();
            return is_name(path).then_some(Load { by, what: load, at });
        }
        _ => {
            let (server, names) = SERVERS.iter().find(|(server, _)| {
                server.is_empty() || words.iter().take(4).any(|w| w.rsplit('/').next() == Some(server))
            })?;
            let name = option(names)?;
            let by = if server.is_empty() { "--model-id" } else { server };
            (by.to_owned(), name, LoadKind::Model, Vec::new())
        }
    };
    let open = |text: &str| text.contains('$') || text.contains("{{");
    let what = if open(name) {
        Loaded::Unresolved {
            name: None,
            why: RUN_TIME,
        }
    } else if revision.is_some_and(open) {
        let name = Some(name.to_owned());
        Loaded::Unresolved { name, why: REVISION }
    } else if !is_repository(
        name,
        if kind == LoadKind::Dataset {
            Kind::Dataset
        } else {
            Kind::Model
        },
    ) && !is_name(name)
    {
        Loaded::Path(name.to_owned())
    } else {
        let limited = option(&["--include", "--exclude"]).is_some();
        let file = match plain.as_slice() {
            [one] if !open(one) => Some((*one).to_owned()),
            _ => None,
        };
        Loaded::Repository {
            kind,
            name: name.to_owned(),
            revision: revision.map(str::to_owned),
            whole: by.ends_with(" download") && plain.is_empty() && !limited,
            file,
        }
    };
    Some(Load { by, what, at })
}

/// The words that are neither options nor the values of options.
fn positional<'a>(words: &[&'a str]) -> Vec<&'a str> {
    const FLAGS: &[&str] = &[
        "--quiet",
        "--force-download",
        "--resume-download",
        "--trust-remote-code",
        "--dry-run",
    ];
    let mut out = Vec::new();
    let mut skip = false;
    for word in words {
        if std::mem::take(&mut skip) {
            continue;
        }
        if word.starts_with('-') {
            skip = !word.contains('=') && !FLAGS.contains(word);
        } else {
            out.push(*word);
        }
    }
    out
}

/// Keys under which configurations of trainers and adapters name a model.
const KEYS: &[&str] = &[
    "base_model",
    "base_model_name_or_path",
    "model_name_or_path",
    "pretrained_model_name_or_path",
    "adapter_name_or_path",
    "reward_model_name_or_path",
];
const DATASET_KEYS: &[&str] = &[
    "dataset_name_or_path",
    "hf_dataset",
    "hub_dataset",
    "dataset_name",
];

/// What a configuration file loads: keys that trainers and adapters know, and commands in its strings.
pub fn in_config(root: &Node) -> Vec<Load> {
    let mut out = Vec::new();
    root.walk(&mut |node| {
        for entry in node.entries() {
            let kind = match entry.key.as_str() {
                key if KEYS.contains(&key) => LoadKind::Model,
                key if DATASET_KEYS.contains(&key) => LoadKind::Dataset,
                _ => continue,
            };
            let Some(name) = entry.node.as_str().filter(|name| is_name(name)) else {
                continue;
            };
            let of_hub = is_repository(
                name,
                if kind == LoadKind::Dataset {
                    Kind::Dataset
                } else {
                    Kind::Model
                },
            );
            if !of_hub {
                continue;
            }
            let revision = [
                "revision",
                "model_revision",
                "base_model_revision",
                "dataset_revision",
            ]
            .iter()
            .find_map(|key| node.get(key).and_then(Node::as_str));
            out.push(Load {
                by: entry.key.clone(),
                what: repository(kind, name, revision),
                at: entry.node.span.start,
            });
        }
        if let Some(text) = node.as_str() {
            if let Some(what) = address(text) {
                out.push(Load {
                    by: "hf://".to_owned(),
                    what,
                    at: node.span.start,
                });
            } else if text.len() < 64 << 10 && speaks_of_hub(text) {
                out.extend(in_script(text, node.span.start, true));
            }
        }
        // The exec form: a list of words.
        let words: Vec<&str> = node.items().iter().take(64).filter_map(Node::as_str).collect();
        if words.iter().any(|w| w.starts_with("--model") || *w == "download") {
            out.extend(in_command(&words, node.span.start));
        }
    });
    out.sort();
    out.dedup();
    out
}

/// What the commands of a script load, which stands at byte `at`; with `one_place` all of them stand there.
pub fn in_script(text: &str, at: usize, one_place: bool) -> Vec<Load> {
    wellhead_infra::script(text, at)
        .iter()
        .filter_map(|line| {
            let words: Vec<&str> = line.words.iter().map(|w| w.text.as_str()).collect();
            let place = if one_place { at } else { line.span().start };
            in_command(&words, place)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_core::Budget;

    fn shown(loads: &[Load]) -> String {
        let mut rows: Vec<(usize, String)> = loads
            .iter()
            .map(|load| {
                let what = match &load.what {
                    Loaded::Repository {
                        kind,
                        name,
                        revision,
                        file,
                        whole,
                    } => format!(
                        "{} {name}@{}{}{}",
                        kind.name(),
                        revision.as_deref().unwrap_or("-"),
                        file.as_ref().map(|f| format!(" {f}")).unwrap_or_default(),
                        if *whole { " whole" } else { "" }
                    ),
                    Loaded::Path(path) => format!("path {path}"),
                    Loaded::Unresolved { name, why } => {
                        format!("? {} {why}", name.as_deref().unwrap_or("-"))
                    }
                };
                (load.at, format!("{}: {what}", load.by))
            })
            .collect();
        rows.sort();
        let rows: Vec<String> = rows.into_iter().map(|(_, row)| row).collect();
        rows.join("\n")
    }

    fn python(source: &str) -> String {
        shown(&loads(&wellhead_pycode::parse(source, &mut Budget::default())))
    }

    #[test]
    fn python_says_what_it_loads() {
        let source = r#"
import torch, joblib, pickle, sys, subprocess, pandas as pd
from transformers import AutoModel, AutoTokenizer, pipeline
from huggingface_hub import hf_hub_download, snapshot_download
from datasets import load_dataset
from sentence_transformers import SentenceTransformer
NAME = "acme/bert"
AutoModel.from_pretrained(NAME)
AutoTokenizer.from_pretrained(NAME, revision="v1")
AutoModel.from_pretrained(sys.argv[1])
AutoModel.from_pretrained("acme/x", revision=sys.argv[2])
AutoModel.from_pretrained("./out/best")
hf_hub_download("acme/bert", "model.bin", subfolder="a")
snapshot_download(repo_id="acme/bert", revision="5d0f2e8a7f1a2e0b9c1c3e4b5a6978877665544a")
snapshot_download("acme/bert", allow_patterns="*.json")
load_dataset("acme/data", revision="main")
load_dataset("csv", data_files="a.csv")
pipeline("text-classification")
pipeline("text-classification", model="acme/bert")
SentenceTransformer("all-MiniLM-L6-v2")
torch.hub.load("pytorch/vision", "resnet18")
torch.load("w/m.pt")
torch.load(hf_hub_download("acme/bert", "pytorch_model.bin"))
torch.load(sys.argv[3])
pickle.load(open("m.pkl", "rb"))
open("notes.txt", "rb")
pd.read_parquet("hf://datasets/acme/data@main/t.parquet")
subprocess.run(["hf", "download", "acme/cli", "--revision", "v2"])
subprocess.run("huggingface-cli download acme/cli2 a.bin", shell=True)
"#;
        insta::assert_snapshot!(python(source), @r#"
        transformers.AutoModel.from_pretrained: model acme/bert@-
        transformers.AutoTokenizer.from_pretrained: model acme/bert@v1
        transformers.AutoModel.from_pretrained: ? - the name is only known at run time
        transformers.AutoModel.from_pretrained: ? acme/x the revision is only known at run time
        transformers.AutoModel.from_pretrained: path ./out/best
        huggingface_hub.hf_hub_download: model acme/bert@- a/model.bin
        huggingface_hub.snapshot_download: model acme/bert@5d0f2e8a7f1a2e0b9c1c3e4b5a6978877665544a whole
        huggingface_hub.snapshot_download: model acme/bert@-
        datasets.load_dataset: dataset acme/data@main
        transformers.pipeline: ? - no model is named, so the library chooses one
        transformers.pipeline: model acme/bert@-
        sentence_transformers.SentenceTransformer: model sentence-transformers/all-MiniLM-L6-v2@-
        torch.hub.load: ? pytorch/vision code on GitHub, which is not asked
        torch.load: path w/m.pt
        huggingface_hub.hf_hub_download: model acme/bert@- pytorch_model.bin
        torch.load: ? - the name is only known at run time
        open: path m.pkl
        pandas.read_parquet: dataset acme/data@main t.parquet
        subprocess.run: model acme/cli@v2 whole
        subprocess.run: model acme/cli2@- a.bin
        "#);
    }

    #[test]
    fn commands_and_configurations_say_what_they_load() {
        let script = "hf download acme/a --revision v1 --local-dir x\nhf download acme/b model.bin\n\
            huggingface-cli download --repo-type dataset acme/d\nvllm serve acme/c --revision main\n\
            text-generation-launcher --model-id acme/e --port 80\ngit clone https://huggingface.co/acme/f\n\
            hf download \"$MODEL\"\npython train.py --model acme/own\necho hello\n";
        insta::assert_snapshot!(shown(&in_script(script, 0, false)), @r#"
        hf download: model acme/a@v1 whole
        hf download: model acme/b@- model.bin
        huggingface-cli download: dataset acme/d@- whole
        vllm serve: model acme/c@main
        text-generation-launcher: model acme/e@-
        git clone: model acme/f@- whole
        hf download: ? - the name is only known at run time
        "#);
        let yaml = "base_model: acme/a\nrevision: v1\nstep:\n  run: |\n    pip install x\n    hf download acme/b\n\
            command: [\"--model-id\", \"acme/c\"]\ndata: hf://datasets/acme/d/t.csv\nname: acme/no\nbase_model_name_or_path: ./here\n";
        let root = wellhead_formats::text::yaml(yaml, &mut Budget::default()).unwrap();
        insta::assert_snapshot!(shown(&in_config(&root)), @r#"
        base_model: model acme/a@v1
        hf download: model acme/b@- whole
        --model-id: model acme/c@-
        hf://: dataset acme/d@- t.csv
        "#);
    }
}
