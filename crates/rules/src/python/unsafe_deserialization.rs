use super::callee;
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
    ("dill.load", "dill"),
    ("dill.loads", "dill"),
    ("cloudpickle.load", "cloudpickle"),
    ("cloudpickle.loads", "cloudpickle"),
    ("joblib.load", "joblib"),
    ("sklearn.externals.joblib.load", "joblib"),
    ("pandas.read_pickle", "pandas"),
    ("pandas.io.pickle.read_pickle", "pandas"),
    ("shelve.open", "shelve"),
    ("jsonpickle.decode", "jsonpickle"),
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
];

pub(super) fn check(module: &Module, sink: &mut Sink) {
    for call in &module.calls {
        let Some((loader, argument, advice)) = unsafe_load(call) else {
            continue;
        };
        if is_copy(call) {
            continue;
        }
        let message = format!("loading this with {} runs whatever code it brings", code(loader));
        let place = match argument {
            Some(range) => sink.text(&module.text, range, "this allows it").and(
                &module.text,
                call.callee_range.clone(),
                "loaded here",
            ),
            None => callee(module, call, sink, "executes what the data says"),
        };
        let mut finding = Finding::new(&UNSAFE_DESERIALIZATION, message, place).help(advice);
        if matches!(loader, "load_model" | "enable_unsafe_deserialization") {
            // The safe way is the default and was left on purpose.
            finding = finding.severity(Severity::High).confidence(Confidence::High);
        } else if comes_from_outside(call) {
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
fn unsafe_load(call: &Call) -> Option<Unsafe<'_>> {
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
    if call.is_method("load_model") || call.is_method("model_from_json") {
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
    if named(&["torch.jit.load"]) && comes_from_outside(call) {
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

fn comes_from_outside(call: &Call) -> bool {
    paths(call).any(|p| FOREIGN.iter().any(|part| p.starts_with(part)))
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
