use super::callee;
use std::collections::BTreeSet;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_pycode::{Call, Module, Value};

/// Loading a format that can run code.
pub(crate) static UNSAFE_DESERIALIZATION: Rule = Rule {
    id: "unsafe-deserialization",
    summary: "data is loaded in a format that can run code",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever made or exchanged the file",
        vector: "a pickle, or a document with language tags, that calls a function",
        weakness: "the loader executes what the file says",
        impact: "the attacker's code runs with the rights of the loading process",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(502),
        Reference::Atlas("AML.T0011.000"),
    ],
    page: include_str!("unsafe_deserialization.md"),
    file: file!(),
};

/// Loaders of pickles, the family each belongs to, and what to use instead.
const PICKLES: &[(&str, &str)] = &[
    ("pickle.load", "pickle"),
    ("pickle.loads", "pickle"),
    ("pickle.Unpickler().load", "pickle"),
    ("_pickle.load", "pickle"),
    ("_pickle.loads", "pickle"),
    ("cPickle.load", "pickle"),
    ("cPickle.loads", "pickle"),
    ("pickle5.load", "pickle"),
    ("pickle5.loads", "pickle"),
    ("pickle._load", "pickle"),
    ("pickle._loads", "pickle"),
    ("pickle._Unpickler().load", "pickle"),
    ("_pickle.Unpickler().load", "pickle"),
    ("cPickle.Unpickler().load", "pickle"),
    ("six.moves.cPickle.load", "pickle"),
    ("six.moves.cPickle.loads", "pickle"),
    ("srsly.pickle_loads", "pickle"),
    ("statsmodels.iolib.smpickle.load_pickle", "pickle"),
    ("fastai.learner.load_learner", "pickle"),
    ("fastai.vision.all.load_learner", "pickle"),
    ("fastai.text.all.load_learner", "pickle"),
    ("fastai.tabular.all.load_learner", "pickle"),
    ("dill.load_session", "dill"),
    ("dill.load_module", "dill"),
    ("dill.Unpickler().load", "dill"),
    ("ray.cloudpickle.load", "cloudpickle"),
    ("ray.cloudpickle.loads", "cloudpickle"),
    ("joblib.numpy_pickle.load", "joblib"),
    ("dill.load", "dill"),
    ("dill.loads", "dill"),
    ("cloudpickle.load", "cloudpickle"),
    ("cloudpickle.loads", "cloudpickle"),
    ("joblib.load", "joblib"),
    ("sklearn.externals.joblib.load", "joblib"),
    ("pandas.read_pickle", "pandas"),
    ("pandas.io.pickle.read_pickle", "pandas"),
    ("shelve.open", "shelve"),
    ("shelve.DbfilenameShelf", "shelve"),
    ("jsonpickle.decode", "jsonpickle"),
    ("jsonpickle.loads", "jsonpickle"),
    ("yaml.unsafe_load", "yaml"),
    ("yaml.unsafe_load_all", "yaml"),
];

/// Where bytes come from somebody else, by parts of the names of calls.
const FOREIGN: &[&str] = &[
    "requests.",
    "httpx.",
    "urllib.request.",
    "aiohttp.",
    "socket.",
    "huggingface_hub.",
    "boto3.",
    "redis.",
    "wget.",
    "gdown.",
    "torch.hub.download_url_to_file",
    "urllib.urlretrieve",
    "tensorflow.keras.utils.get_file",
    "keras.utils.get_file",
    "pooch.retrieve",
];

/// What the first parameter of a loader is called.
const FIRST: &[&str] = &["f", "file", "filename", "filepath_or_buffer", "path", "data"];

pub(super) fn check(module: &Module, sink: &mut Sink) {
    let fetched = fetched(module);
    for call in &module.calls {
        let outside = comes_from_outside(module, call, &fetched);
        let Some((loader, argument, advice)) = unsafe_load(call, outside) else {
            continue;
        };
        // Where `functools.partial` bound the loader, it was reported there.
        if is_copy(call) || call.bound {
            continue;
        }
        let message = format!("loading this with {} runs whatever code it brings", code(loader));
        let place = match argument {
            Some(range) => {
                let place = sink.text(&module.text, range, "this allows it");
                sink.and(place, &module.text, call.callee_range.clone(), "loaded here")
            }
            None => callee(module, call, sink, "executes what the data says"),
        };
        let mut finding = Finding::new(&UNSAFE_DESERIALIZATION, message, place).help(advice);
        if matches!(loader, "load_model" | "enable_unsafe_deserialization") {
            // The safe way is the default and was left on purpose.
            finding = finding.severity(Severity::High).confidence(Confidence::High);
        } else if outside {
            finding = finding
                .severity(Severity::High)
                .confidence(Confidence::High)
                .note("the data comes from another machine");
        } else if is_written_here(module, loader) {
            finding = finding
                .severity(Severity::Low)
                .note("the same file writes such data; it is safe as long as nobody else can");
        }
        sink.push(finding);
    }
}

type Unsafe<'a> = (&'a str, Option<std::ops::Range<usize>>, &'static str);

/// The loader, the argument that makes it unsafe where it is one, and what to use instead.
fn unsafe_load(call: &Call, outside: bool) -> Option<Unsafe<'_>> {
    let named = |names: &[&str]| names.iter().any(|n| call.may_be(n));
    if let Some((name, family)) = PICKLES.iter().find(|(name, _)| call.may_be(name)) {
        let advice = match *family {
            "yaml" => "use `yaml.safe_load`",
            "joblib" => "keep the model as ONNX or skops, or check its digest before loading",
            "pandas" => "keep the table as Parquet",
            _ => "use a format without code (safetensors, JSON, Parquet), or check the digest before loading",
        };
        return Some((name, None, advice));
    }
    if named(&["numpy.load", "numpy.lib.npyio.load"]) {
        let allow = call
            .argument(2, "allow_pickle")
            .filter(|a| a.value.may_be_true())?;
        return Some((
            "numpy.load",
            Some(allow.range.clone()),
            "keep arrays of numbers, and drop `allow_pickle`",
        ));
    }
    if named(&["numpy.lib.format.read_array"]) {
        let allow = call
            .argument(1, "allow_pickle")
            .filter(|a| a.value.may_be_true())?;
        return Some((
            "numpy.lib.format.read_array",
            Some(allow.range.clone()),
            "keep arrays of numbers, and drop `allow_pickle`",
        ));
    }
    if [
        "load_model",
        "model_from_json",
        "deserialize_keras_object",
        "deserialize",
    ]
    .iter()
    .any(|name| call.is_method(name))
    {
        let off = call
            .keyword("safe_mode")
            .filter(|a| a.value.alternatives().contains(&Value::Bool(false)))?;
        return Some((
            "load_model",
            Some(off.range.clone()),
            "drop `safe_mode=False`, and export the model without `Lambda` layers",
        ));
    }
    if named(&[
        "keras.config.enable_unsafe_deserialization",
        "tensorflow.keras.config.enable_unsafe_deserialization",
    ]) {
        return Some((
            "enable_unsafe_deserialization",
            None,
            "load the one model that needs it in a process of its own",
        ));
    }
    if named(&["yaml.load", "yaml.load_all"]) {
        return yaml(call);
    }
    if outside && named(&["torch.jit.load"]) {
        return Some((
            "torch.jit.load",
            None,
            "check the digest of the file before loading",
        ));
    }
    None
}

fn yaml(call: &Call) -> Option<Unsafe<'_>> {
    const ADVICE: &str = "use `yaml.safe_load`";
    let Some(loader) = call.argument(1, "Loader") else {
        // PyYAML 6 refuses the call; older ones take the unsafe loader.
        return (!call.open && !call.partial).then_some(("yaml.load", None, ADVICE));
    };
    let is_unsafe = loader.value.alternatives().iter().any(|v| match v {
        Value::Path(path) => {
            matches!(
                path.rsplit('.').next(),
                Some("Loader" | "UnsafeLoader" | "CLoader" | "CUnsafeLoader")
            ) && path.starts_with("yaml.")
        }
        _ => false,
    });
    is_unsafe.then(|| ("yaml.load", Some(loader.range.clone()), ADVICE))
}

fn paths(call: &Call) -> impl Iterator<Item = &str> {
    let first = call.positional.first().into_iter();
    first
        .flat_map(|a| a.value.alternatives())
        .filter_map(|v| match v {
            Value::Path(path) => Some(path.as_str()),
            _ => None,
        })
}

/// `pickle.loads(pickle.dumps(x))` copies an object.
fn is_copy(call: &Call) -> bool {
    paths(call).any(|p| p.ends_with(".dumps()"))
}

/// Whether a call gets something from another machine.
fn is_foreign(call: &Call) -> bool {
    let foreign = |name: &String| FOREIGN.iter().any(|part| name.starts_with(part));
    call.callees.iter().any(foreign)
}

/// The files that the module says a download is to be written to.
fn fetched(module: &Module) -> BTreeSet<&str> {
    let downloads = module.calls.iter().filter(|c| is_foreign(c));
    let arguments = downloads.flat_map(|c| c.positional.iter().chain(c.keywords.iter().map(|k| &k.argument)));
    let texts = arguments.flat_map(|a| a.value.texts());
    texts
        .filter(|text| !text.contains("://") && text.contains('.'))
        .collect()
}

/// Whether what is loaded comes from another machine: by the value itself, by a download inside of the argument, or by a
/// file that the module downloads.
fn comes_from_outside(module: &Module, call: &Call, fetched: &BTreeSet<&str>) -> bool {
    const MOST: usize = 64;
    let named = FIRST.iter().find_map(|name| call.keyword(name));
    let Some(first) = call.positional.first().or(named) else {
        return false;
    };
    let is_path =
        |value: &Value| matches!(value, Value::Path(p) if FOREIGN.iter().any(|part| p.starts_with(part)));
    let is_text = |text: &str| {
        let remote = ["http://", "https://", "s3://", "gs://", "hf://", "ftp://"];
        fetched.contains(text) || remote.iter().any(|scheme| text.starts_with(scheme))
    };
    if first.value.alternatives().iter().any(is_path) || first.value.texts().any(is_text) {
        return true;
    }
    let from = module
        .calls
        .partition_point(|c| c.range.start < first.range.start);
    let inside = module.calls.get(from..).unwrap_or_default().iter();
    inside
        .take_while(|c| c.range.start < first.range.end)
        .take(MOST)
        .any(|c| {
            let opened = c.positional.first().into_iter().flat_map(|a| a.value.texts());
            is_foreign(c) || c.may_be("open") && opened.into_iter().any(is_text)
        })
}

/// Whether the module writes what this family of loaders reads.
fn is_written_here(module: &Module, loader: &str) -> bool {
    let family = loader.split('.').next().unwrap_or_default();
    module.calls.iter().any(|c| {
        c.callees.iter().any(|name| {
            name.starts_with(family)
                && (name.ends_with(".dump") || name.ends_with(".dumps") || name.ends_with(".Pickler().dump"))
                || family == "pandas" && name.ends_with(".to_pickle")
                || family == "numpy" && (name == "numpy.save" || name == "numpy.savez")
        })
    })
}
