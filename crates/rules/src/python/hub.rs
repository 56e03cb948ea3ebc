//! Which calls fetch from a model hub, what they fetch, and at which revision.

use wellhead_pycode::{Argument, Call, Value};

/// A call that fetches a repository of a hub.
pub(crate) struct Fetch<'a> {
    /// The argument that names the repository.
    pub(crate) repository: &'a Argument,
    /// The names it may have; empty where it is not known, or is no repository of a hub.
    pub(crate) names: Vec<String>,
    /// What is fetched, for messages.
    pub(crate) kind: Kind,
    /// The revision, where the call states one.
    pub(crate) revision: Revision,
}

/// What is fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Model,
    Dataset,
    /// `torch.hub.load` runs `hubconf.py` of the repository.
    TorchHub,
}

/// How a call states its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Revision {
    /// A commit by all of its 40 digits.
    Pinned,
    /// A name that can be moved.
    Movable(String),
    /// Nothing is stated.
    Missing,
    /// It cannot be known.
    Unknown,
}

/// Functions by full name: the repository's position and keywords.
const FUNCTIONS: &[(&str, usize, &[&str], Kind)] = &[
    ("huggingface_hub.hf_hub_download", 0, &["repo_id"], Kind::Model),
    ("huggingface_hub.snapshot_download", 0, &["repo_id"], Kind::Model),
    (
        "huggingface_hub.HfApi().hf_hub_download",
        0,
        &["repo_id"],
        Kind::Model,
    ),
    (
        "huggingface_hub.HfApi().snapshot_download",
        0,
        &["repo_id"],
        Kind::Model,
    ),
    (
        "huggingface_hub.from_pretrained_keras",
        0,
        &["pretrained_model_name_or_path"],
        Kind::Model,
    ),
    (
        "huggingface_hub.file_download.hf_hub_download",
        0,
        &["repo_id"],
        Kind::Model,
    ),
    (
        "huggingface_hub.hf_api.HfApi().hf_hub_download",
        0,
        &["repo_id"],
        Kind::Model,
    ),
    (
        "huggingface_hub.hf_api.HfApi().snapshot_download",
        0,
        &["repo_id"],
        Kind::Model,
    ),
    (
        "transformers.utils.hub.cached_file",
        0,
        &["path_or_repo_id"],
        Kind::Model,
    ),
    (
        "transformers.utils.cached_file",
        0,
        &["path_or_repo_id"],
        Kind::Model,
    ),
    (
        "sentence_transformers.cross_encoder.CrossEncoder",
        0,
        &["model_name", "model_name_or_path"],
        Kind::Model,
    ),
    (
        "sentence_transformers.SparseEncoder",
        0,
        &["model_name_or_path"],
        Kind::Model,
    ),
    ("datasets.load.load_dataset", 0, &["path"], Kind::Dataset),
    ("datasets.load_dataset", 0, &["path"], Kind::Dataset),
    ("datasets.load_dataset_builder", 0, &["path"], Kind::Dataset),
    ("evaluate.load", 0, &["path"], Kind::Dataset),
    ("transformers.pipeline", 1, &["model"], Kind::Model),
    ("transformers.pipelines.pipeline", 1, &["model"], Kind::Model),
    (
        "sentence_transformers.SentenceTransformer",
        0,
        &["model_name_or_path"],
        Kind::Model,
    ),
    (
        "sentence_transformers.CrossEncoder",
        0,
        &["model_name", "model_name_or_path"],
        Kind::Model,
    ),
    ("vllm.LLM", 0, &["model"], Kind::Model),
    ("torch.hub.load", 0, &["repo_or_dir"], Kind::TorchHub),
    ("torch.hub.help", 0, &["github"], Kind::TorchHub),
    ("torch.hub.list", 0, &["github"], Kind::TorchHub),
];

/// Keywords under which `from_pretrained` of the field's libraries takes a repository.
const PRETRAINED: &[&str] = &[
    "pretrained_model_name_or_path",
    "pretrained_model_or_path",
    "model_id",
    "repo_id",
    "model_name_or_path",
    "model_name",
];

/// The call as a fetch from a hub, where it is one.
pub(crate) fn fetch(call: &Call) -> Option<Fetch<'_>> {
    let function = FUNCTIONS.iter().find(|(name, ..)| call.may_be(name));
    let (repository, kind) = match function {
        Some((_, position, keywords, kind)) => (named(call, *position, keywords)?, *kind),
        None if call.is_method("from_pretrained") => (pretrained(call)?, Kind::Model),
        None => return None,
    };
    if kind == Kind::TorchHub {
        return torch_hub(call, repository);
    }
    let kind = match repository_type(call) {
        Some("dataset") => Kind::Dataset,
        _ => kind,
    };
    let names = repository
        .value
        .texts()
        .filter(|name| is_repository(name, kind))
        .map(str::to_owned)
        .collect();
    Some(Fetch {
        repository,
        names,
        kind,
        revision: revision(call, "revision"),
    })
}

/// What the call says that the repository is.
pub(crate) fn repository_type(call: &Call) -> Option<&str> {
    call.keyword("repo_type")?.value.as_text()
}

/// Whether a call loads from a hub and a name that another module knows decides what, or at which revision.
pub fn awaits(call: &Call) -> bool {
    let loads = call.is_method("from_pretrained")
        || FUNCTIONS.iter().any(|(name, ..)| call.may_be(name))
        || call.keyword("trust_remote_code").is_some();
    let keywords = call.keywords.iter().map(|k| &k.argument);
    loads
        && call.positional.iter().chain(keywords).any(|argument| {
            let values = argument.value.alternatives();
            values.iter().any(|v| matches!(v, Value::Path(_)))
        })
}

fn named<'a>(call: &'a Call, position: usize, keywords: &[&str]) -> Option<&'a Argument> {
    call.positional
        .get(position)
        .or_else(|| keywords.iter().find_map(|name| call.keyword(name)))
}

/// The repository of `from_pretrained`: the first argument that is a text, since adapters take the model first.
fn pretrained(call: &Call) -> Option<&Argument> {
    let texts = |a: &&Argument| a.value.texts().next().is_some();
    let positional = call.positional.iter().take(2);
    let keywords = PRETRAINED.iter().filter_map(|name| call.keyword(name));
    positional.chain(keywords).find(texts)
}

/// `torch.hub.load("owner/name:ref", …)`
fn torch_hub<'a>(call: &Call, repository: &'a Argument) -> Option<Fetch<'a>> {
    if call
        .keyword("source")
        .is_some_and(|s| s.value.texts().any(|t| t == "local"))
    {
        return None;
    }
    let mut names = Vec::new();
    let mut found = Revision::Pinned;
    for text in repository.value.texts() {
        let (name, reference) = text.split_once(':').map_or((text, None), |(n, r)| (n, Some(r)));
        if !is_repository(name, Kind::TorchHub) {
            continue;
        }
        names.push(name.to_owned());
        match reference {
            Some(reference) if is_commit(reference) => {}
            Some(reference) => found = Revision::Movable(reference.to_owned()),
            None => found = Revision::Missing,
        }
    }
    Some(Fetch {
        repository,
        names,
        kind: Kind::TorchHub,
        revision: found,
    })
}

/// How a keyword of a call states a revision.
pub(super) fn revision(call: &Call, keyword: &str) -> Revision {
    let Some(argument) = call.keyword(keyword) else {
        return if call.open || call.partial {
            Revision::Unknown
        } else {
            Revision::Missing
        };
    };
    let mut movable = None;
    let mut missing = false;
    let mut known = true;
    for value in argument.value.alternatives() {
        match value {
            Value::Text(text) if is_commit(text) => {}
            Value::Text(text) => movable = Some(text.clone()),
            Value::None => missing = true,
            _ => known = false,
        }
    }
    match (movable, missing, known) {
        // What may be set from outside is judged by neither its default nor its absence.
        (_, _, false) => Revision::Unknown,
        (Some(name), ..) => Revision::Movable(name),
        (None, true, _) => Revision::Missing,
        (None, false, _) => Revision::Pinned,
    }
}

/// A commit by all of its digits.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Loaders that come with the `datasets` library and read files that the call names.
const BUILDERS: &[&str] = &[
    "csv",
    "json",
    "parquet",
    "text",
    "arrow",
    "pandas",
    "xml",
    "sql",
    "webdataset",
    "imagefolder",
    "audiofolder",
    "videofolder",
    "pdffolder",
    "generator",
    "spark",
    "cache",
    "hdf5",
    "lance",
    "niftifolder",
];

/// Models that the hub serves without an organisation, by how their names start.
const CANONICAL: &[&str] = &[
    "bert-base",
    "bert-large",
    "gpt2",
    "openai-gpt",
    "distilbert",
    "distilgpt2",
    "distilroberta",
    "roberta-",
    "xlnet-",
    "xlm-",
    "t5-small",
    "t5-base",
    "t5-large",
    "t5-3b",
    "t5-11b",
    "albert-",
    "camembert-",
    "transfo-xl",
    "ctrl",
    "flaubert",
    "all-MiniLM",
    "all-mpnet",
    "all-distilroberta",
    "paraphrase-",
    "multi-qa-",
    "msmarco-",
    "stsb-",
    "nli-",
    "distiluse-",
    "clip-ViT",
];

/// First parts of paths that are folders of a project rather than organisations of a hub.
const FOLDERS: &[&str] = &[
    "artifacts",
    "assets",
    "build",
    "cache",
    "checkpoint",
    "checkpoints",
    "ckpt",
    "ckpts",
    "data",
    "dist",
    "examples",
    "exp",
    "experiments",
    "local",
    "logs",
    "model",
    "models",
    "notebooks",
    "out",
    "output",
    "outputs",
    "pretrained",
    "resources",
    "result",
    "results",
    "run",
    "runs",
    "save",
    "saved",
    "saved_models",
    "src",
    "test",
    "tests",
    "tmp",
    "trained",
    "weights",
    "work",
];

/// Endings of files; a repository's name ends in none of them.
const FILES: &[&str] = &[
    ".pt",
    ".pth",
    ".bin",
    ".ckpt",
    ".safetensors",
    ".json",
    ".csv",
    ".gguf",
    ".onnx",
    ".h5",
    ".py",
    ".zip",
    ".tar",
    ".parquet",
    ".jsonl",
    ".txt",
];

/// Whether a text names a repository of a hub rather than a path of the project.
pub(super) fn is_repository(name: &str, kind: Kind) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let is_part = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let is_file = FILES
        .iter()
        .any(|ending| name.to_ascii_lowercase().ends_with(ending));
    if !parts.iter().all(is_part) || is_file {
        return false;
    }
    match (parts.as_slice(), kind) {
        ([one], Kind::Model) => CANONICAL.iter().any(|start| one.starts_with(start)),
        ([one], Kind::Dataset) => is_known_dataset(one),
        ([owner, rest], Kind::Model | Kind::Dataset) => {
            let is_folder = FOLDERS.contains(&owner.to_ascii_lowercase().as_str());
            !BUILDERS.contains(owner) && !is_folder && !rest.starts_with("checkpoint-")
        }
        ([_, _], Kind::TorchHub) => true,
        _ => false,
    }
}

/// Data sets that the hub serves without an organisation. A name that is none of them may be a folder.
fn is_known_dataset(name: &str) -> bool {
    const KNOWN: &[&str] = &[
        "imdb",
        "squad",
        "squad_v2",
        "glue",
        "super_glue",
        "mnist",
        "cifar10",
        "cifar100",
        "ag_news",
        "wikitext",
        "wikipedia",
        "bookcorpus",
        "c4",
        "common_voice",
        "conll2003",
        "cnn_dailymail",
        "xsum",
        "emotion",
        "rotten_tomatoes",
        "yelp_review_full",
        "amazon_polarity",
        "openwebtext",
        "samsum",
        "food101",
        "beans",
        "fashion_mnist",
        "trec",
        "hellaswag",
        "winogrande",
        "piqa",
        "gsm8k",
        "sst2",
        "snli",
        "multi_nli",
        "xnli",
        "librispeech_asr",
        "the_pile",
        "boolq",
        "commonsense_qa",
        "dbpedia_14",
        "go_emotions",
        "hotpot_qa",
        "lambada",
        "math_qa",
        "natural_questions",
        "openbookqa",
        "opus100",
        "oscar",
        "paws",
        "poem_sentiment",
        "ptb_text_only",
        "quac",
        "race",
        "sciq",
        "social_i_qa",
        "swag",
        "trivia_qa",
        "truthful_qa",
        "tweet_eval",
        "wikiann",
        "wikisql",
        "wmt14",
        "wmt16",
        "wmt19",
        "wnut_17",
        "yelp_polarity",
    ];
    KNOWN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_told_from_paths() {
        let cases = [
            ("org/model", Kind::Model, true),
            ("bert-base-uncased", Kind::Model, true),
            ("my_model", Kind::Model, false),
            ("./org/model", Kind::Model, false),
            ("/data/model", Kind::Model, false),
            ("../model", Kind::Model, false),
            ("models/bert", Kind::Model, false),
            ("results/checkpoint-500", Kind::Model, false),
            ("a/b/c", Kind::Model, false),
            ("org/model.pt", Kind::Model, false),
            ("C:\\models", Kind::Model, false),
            ("", Kind::Model, false),
            ("csv", Kind::Dataset, false),
            ("imdb", Kind::Dataset, true),
            ("my_data", Kind::Dataset, false),
            ("org/data", Kind::Dataset, true),
            ("pytorch/vision", Kind::TorchHub, true),
        ];
        for (name, kind, expected) in cases {
            assert_eq!(is_repository(name, kind), expected, "{name}");
        }
    }
}
