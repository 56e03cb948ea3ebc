use super::judged;
use crate::pickle::callables::{Danger, Judgement, Usage};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
    escape,
};
use wellhead_formats::{
    document::DataFile,
    text::{Node, Value},
};

/// A configuration names code that is called when it is instantiated.
pub(crate) static UNSAFE_CONFIG_TARGET: Rule = Rule {
    id: "unsafe-config-target",
    summary: "instantiating a configuration calls a function that it names",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model or its configuration",
        vector: "a `_target_` or `class_path` that names a function",
        weakness: "frameworks that import and call whatever a configuration names",
        impact: "the attacker's code runs with the rights of whoever loads the model",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(470),
        Reference::Cwe(502),
        Reference::Cve("CVE-2025-23304"),
    ],
    page: include_str!("unsafe_config_target.md"),
    file: file!(),
};

/// Packages whose classes configurations are made of.
const KNOWN: &[&str] = &[
    "accelerate",
    "albumentations",
    "bitsandbytes",
    "datasets",
    "deepspeed",
    "detectron2",
    "diffusers",
    "einops",
    "fairseq",
    "fairseq2",
    "flash_attn",
    "hydra",
    "kornia",
    "ldm",
    "lightning",
    "lightning_fabric",
    "mamba_ssm",
    "megatron",
    "mmcv",
    "mmengine",
    "monai",
    "nemo",
    "numpy",
    "omegaconf",
    "optuna",
    "peft",
    "pytorch_lightning",
    "sam2",
    "sgm",
    "sklearn",
    "speechbrain",
    "spacy",
    "timm",
    "tokenizers",
    "torch",
    "torch_geometric",
    "torchaudio",
    "torchmetrics",
    "torchtune",
    "torchvision",
    "transformers",
    "trl",
    "wandb",
    "xformers",
];

/// How many targets of a file are named one by one.
const MOST: usize = 32;

/// Functions that configurations of honest projects call, and that do nothing with a value but compute another. The
/// table of pickles is stricter, as no pickle needs them.
const HARMLESS: &[&str] = &[
    "contextlib.nullcontext",
    "copy.copy",
    "copy.deepcopy",
    "multiprocessing.cpu_count",
    "operator.itemgetter",
    "os.cpu_count",
    "os.getcwd",
    "os.path.abspath",
    "os.path.basename",
    "os.path.dirname",
    "os.path.exists",
    "os.path.expanduser",
    "os.path.join",
    "pandas.read_csv",
    "tempfile.mkdtemp",
    "torch.compile",
];

/// Packages whose N12 functions take what they load from the configuration itself, so that it needs no other file.
const INLINE: &[&str] = &[
    "pickle",
    "_pickle",
    "cPickle",
    "pickle5",
    "jsonpickle",
    "dill",
    "yaml",
    "ruamel",
];

/// A key that names code, and what it names.
struct Target<'a> {
    path: String,
    key: &'a str,
    node: &'a Node,
    /// The name is not in the document: the environment or a resolver gives it.
    computed: bool,
}

/// What is said of a target.
enum Verdict {
    Silent,
    Danger(&'static Danger, Severity),
    Unknown,
    Computed,
}

pub(crate) fn check(data: &DataFile, sink: &mut Sink) {
    let Ok(root) = &data.root else { return };
    let mut unknown: Vec<Target<'_>> = Vec::new();
    let mut told = 0_usize;
    let mut computed = 0_usize;
    let inside = sink.artifact().nesting() > 0;
    root.walk(&mut |node| {
        for mut target in targets(node, root, inside) {
            let verdict = if target.computed {
                Verdict::Computed
            } else {
                verdict(&mut target, node, root)
            };
            match verdict {
                Verdict::Silent => {}
                Verdict::Danger(danger, severity) if told < MOST => {
                    told = told.saturating_add(1);
                    sink.push(dangerous(data, node, &target, danger, severity, sink));
                }
                Verdict::Danger(..) => {}
                Verdict::Computed if computed < MOST => {
                    computed = computed.saturating_add(1);
                    sink.push(not_there(data, &target, inside, sink));
                }
                Verdict::Computed => {}
                Verdict::Unknown => {
                    if unknown.len() < MOST && !unknown.iter().any(|u| u.path == target.path) {
                        unknown.push(target);
                    }
                }
            }
        }
    });
    if let Some(first) = unknown.first() {
        sink.push(not_known(data, first, &unknown, sink));
    }
}

fn verdict(target: &mut Target<'_>, node: &Node, root: &Node) -> Verdict {
    let path = target.path.replace(':', ".");
    match path.as_str() {
        "hydra.utils.get_method"
        | "hydra.utils.get_static_method"
        | "hydra.utils.get_class"
        | "hydra.utils.get_object" => {
            let named = argument(node, "path").or_else(|| node.get("_args_")?.items().first());
            let Some(text) = named.and_then(Node::as_str) else {
                return Verdict::Computed;
            };
            match resolved(text, node, root) {
                Some(path) if is_path(&path) => target.path = path,
                Some(_) => return Verdict::Silent,
                None => return Verdict::Computed,
            }
            // The function is handed out, and the keys beside it are not what it is called with.
            return general(&target.path, None, Usage::Reference);
        }
        "hydra.utils.instantiate" | "hydra.utils.call" if is_fixed(node, root) => return Verdict::Silent,
        _ => {}
    }
    general(&path, Some(node), Usage::Call)
}

fn general(path: &str, node: Option<&Node>, usage: Usage) -> Verdict {
    if HARMLESS.contains(&path) {
        return Verdict::Silent;
    }
    match judged(path, usage) {
        Judgement::Allowed => Verdict::Silent,
        Judgement::Dangerous(_) if node.is_some_and(|node| is_restrained(path, node)) => Verdict::Silent,
        Judgement::Dangerous(danger) => Verdict::Danger(danger, severity(danger, path, node)),
        Judgement::Unknown if is_known(path) => Verdict::Silent,
        // A word that is no path names a class of the program that reads this.
        Judgement::Unknown if !path.contains('.') => Verdict::Silent,
        Judgement::Unknown => Verdict::Unknown,
    }
}

/// A loader that the configuration itself keeps from unpickling.
fn is_restrained(path: &str, node: &Node) -> bool {
    // A merge may bring any argument.
    if node.get("<<").is_some() {
        return false;
    }
    match path {
        "torch.load" => argument(node, "weights_only").and_then(Node::as_bool) == Some(true),
        "numpy.load" => {
            let few = node
                .get("_args_")
                .is_none_or(|args| matches!(args.value, Value::Array(_)) && args.items().len() <= 2);
            few && argument(node, "allow_pickle").is_none_or(|n| n.as_bool() == Some(false))
        }
        _ => false,
    }
}

/// How bad it is that a configuration calls a function: whatever runs code is as bad as in a pickle, and what reads a
/// file or an address is what configurations are for.
fn severity(danger: &Danger, path: &str, node: Option<&Node>) -> Severity {
    let first = path.split('.').next().unwrap_or_default();
    let last = path.rsplit('.').next().unwrap_or_default();
    let hub = match first {
        "transformers" | "diffusers" => {
            last == "from_pretrained" || path == "transformers.pipeline" || is_known(path)
        }
        "huggingface_hub" => last.ends_with("download"),
        _ => false,
    };
    if hub && matches!(danger.class, "N12" | "N15") {
        let set = |name: &str| {
            node.and_then(|node| argument(node, name))
                .is_some_and(|n| !matches!(n.value, Value::Bool(false) | Value::Null))
        };
        return if set("trust_remote_code") || set("custom_pipeline") {
            Severity::High
        } else {
            Severity::Medium
        };
    }
    let reads = match danger.class {
        "N12" => !INLINE.contains(&first) || last.starts_with("safe_"),
        // It calls what its argument names.
        "N16" => !path.starts_with("logging.config"),
        "N17" => true,
        "N14" | "N15" => !danger.does.starts_with("runs programs") || is_known(path) || first == "openai",
        _ => false,
    };
    if reads { Severity::High } else { Severity::Critical }
}

/// An argument of what a table calls, wherever the framework wants it.
fn argument<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.get(name).or_else(|| {
        ["init_args", "params", "dict_kwargs"]
            .iter()
            .find_map(|key| node.get(key)?.get(name))
    })
}

/// Whether what a table instantiates is there to be read, and is not a table that another target makes first:
/// `builtins.dict` of the pair `_target_` and `os.system` is a configuration that nobody sees.
fn is_fixed(node: &Node, root: &Node) -> bool {
    let mut fixed = true;
    let mut left = 4096_usize;
    let mut stack: Vec<&Node> = node
        .entries()
        .iter()
        .filter(|e| e.key != "_target_")
        .map(|e| &e.node)
        .collect();
    while let Some(next) = stack.pop() {
        let Some(rest) = left.checked_sub(1) else {
            return false;
        };
        left = rest;
        match &next.value {
            Value::Table(entries) => stack.extend(entries.iter().filter_map(|e| {
                if e.key == "_target_" {
                    // Nested instantiation is judged where it stands.
                    fixed &= e.node.as_str().is_some_and(|path| {
                        let makes = judged(path, Usage::Call) == Judgement::Allowed && !is_known(path);
                        is_path(path) && !makes && !path.starts_with("omegaconf")
                    });
                    return None;
                }
                Some(&e.node)
            })),
            Value::Array(items) => stack.extend(items),
            Value::String(text) if text == "_target_" => fixed = false,
            Value::String(text) if text.contains("${") => {
                let inner = text.strip_prefix("${").and_then(|t| t.strip_suffix('}'));
                match inner.and_then(|key| lookup(key, node, root)) {
                    Some(there) => stack.push(there),
                    // It is in another file of the same configuration, or a resolver makes it.
                    None => fixed &= !text.contains("oc.create") && !text.contains("oc.decode"),
                }
            }
            _ => {}
        }
    }
    fixed
}

fn dangerous(
    data: &DataFile,
    node: &Node,
    target: &Target<'_>,
    danger: &Danger,
    severity: Severity,
    sink: &Sink,
) -> Finding {
    let name = code(&target.path);
    let arguments = arguments(node, target.key);
    let message = if arguments.is_empty() {
        format!("instantiating this configuration runs {name}")
    } else {
        format!(
            "instantiating this configuration runs {name} with {}",
            code(&arguments)
        )
    };
    let place = sink.text(&data.text.text, target.node.span.clone(), "called");
    Finding::new(&UNSAFE_CONFIG_TARGET, message, place)
        .severity(severity)
        .note(format!("{name} {}", danger.does))
        .help("do not load this model or instantiate this configuration")
        .property("class", danger.class)
        .property("callable", escape(&target.path))
        .subject(target.path.clone())
}

fn not_there(data: &DataFile, target: &Target<'_>, inside: bool, sink: &Sink) -> Finding {
    let place = sink.text(&data.text.text, target.node.span.clone(), "computed");
    let message = format!(
        "instantiating this configuration calls {}: the function is computed",
        code(&target.path)
    );
    Finding::new(&UNSAFE_CONFIG_TARGET, message, place)
        .severity(if inside { Severity::High } else { Severity::Medium })
        .confidence(Confidence::Medium)
        .note("its name comes from elsewhere when the configuration is read")
        .help("write the name of the class where it is used")
        .subject(target.path.clone())
}

fn not_known(data: &DataFile, first: &Target<'_>, all: &[Target<'_>], sink: &Sink) -> Finding {
    // Inside a model it came with the model; in a project it is mostly the project's own.
    let severity = if sink.artifact().nesting() > 0 {
        Severity::Medium
    } else {
        Severity::Low
    };
    let message = format!(
        "instantiating this configuration calls {}, and what that does is not known",
        code(&first.path)
    );
    let place = sink.text(&data.text.text, first.node.span.clone(), "called");
    let mut finding = Finding::new(&UNSAFE_CONFIG_TARGET, message, place)
        .severity(severity)
        .confidence(Confidence::Low)
        .help("read the code of what is called before you instantiate it")
        .subject(first.path.clone());
    let more: Vec<String> = all.iter().skip(1).take(4).map(|t| code(&t.path)).collect();
    if !more.is_empty() {
        finding = finding.note(format!("also named here: {}", more.join(", ")));
    }
    finding
}

/// What the entries of a table name.
fn targets<'a>(node: &'a Node, root: &Node, inside: bool) -> Vec<Target<'a>> {
    let mut out = Vec::new();
    for entry in node.entries() {
        let key = entry.key.as_str();
        let Some(text) = entry.node.as_str() else { continue };
        let names = match key {
            "_target_" | "class_path" | "__target__" | "_callable_" => true,
            // Latent diffusion and its relatives.
            "target" => node.get("params").is_some(),
            "class" => node.get("module").is_some(),
            _ => false,
        };
        if !names {
            continue;
        }
        let full = resolved(text, node, root);
        let computed = full.is_none();
        // Words that others than frameworks of models use too, for what their own templates fill in.
        if computed && (key == "class" || (key == "target" && !inside)) {
            continue;
        }
        let mut path = full.unwrap_or_else(|| text.to_owned());
        if !computed && !is_path(&path) {
            continue;
        }
        if key == "class" {
            let module = node.get("module").and_then(Node::as_str);
            match module.and_then(|module| resolved(module, node, root)) {
                Some(module) if is_path(&module) => path = format!("{module}.{path}"),
                _ => continue,
            }
        }
        out.push(Target {
            path,
            key,
            node: &entry.node,
            computed,
        });
    }
    out
}

/// A text with its interpolations replaced, the innermost first; nothing where one of them is not in the document.
fn resolved(text: &str, node: &Node, root: &Node) -> Option<String> {
    let mut text = text.to_owned();
    // A value may refer to the next one, or to itself.
    for _ in 0..16 {
        let Some((before, rest)) = text.rsplit_once("${") else {
            return Some(text);
        };
        let (key, after) = rest.split_once('}')?;
        let value = lookup(key, node, root)?.as_text()?;
        if value.len() > 512 || text.len() > 2048 {
            return None;
        }
        text = format!("{before}{value}{after}");
    }
    None
}

/// The node that an interpolation refers to: from the root, or from the table it stands in where it begins with a dot.
fn lookup<'a>(key: &str, node: &'a Node, root: &'a Node) -> Option<&'a Node> {
    let key = key.trim();
    // A colon calls a resolver; two dots leave the table.
    if key.is_empty() || key.len() > 512 || key.contains(':') || key.starts_with("..") {
        return None;
    }
    let (start, key) = match key.strip_prefix('.') {
        Some(rest) => (node, rest),
        None => (root, key),
    };
    key.split(['.', '['])
        .map(|part| part.trim_end_matches(']').trim_matches(['"', '\'']))
        .filter(|part| !part.is_empty())
        .try_fold(start, |at, part| {
            at.get(part)
                .or_else(|| at.items().get(part.parse::<usize>().ok()?))
        })
}

/// Whether a text is a dotted path.
fn is_path(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 512
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':'))
}

/// The other values of the table, which become arguments.
fn arguments(node: &Node, key: &str) -> String {
    let values = node
        .entries()
        .iter()
        .filter(|e| e.key != key && e.key != "module");
    let mut shown: Vec<String> = Vec::new();
    for entry in values {
        let texts = std::iter::once(&entry.node)
            .chain(entry.node.items())
            .chain(entry.node.entries().iter().map(|e| &e.node));
        shown.extend(texts.filter_map(Node::as_text).map(str::to_owned));
        if shown.len() >= 4 {
            break;
        }
    }
    shown.truncate(4);
    shown.join(", ")
}

/// Whether a path names a class of a known package. A function of it, or a method of a class, may do anything.
fn is_known(path: &str) -> bool {
    let mut parts = path.split(['.', ':']).filter(|p| !p.is_empty());
    let known = parts.next().is_some_and(|first| KNOWN.contains(&first));
    let capital = |part: &str| part.trim_start_matches('_').starts_with(char::is_uppercase);
    let rest: Vec<&str> = parts.collect();
    let Some((class, modules)) = rest.split_last() else {
        return false;
    };
    known && capital(class) && !modules.iter().any(|m| capital(m))
}
