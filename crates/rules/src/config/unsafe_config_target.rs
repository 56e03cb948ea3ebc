use super::judged;
use crate::pickle::callables::{Judgement, Usage};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
    escape,
};
use wellhead_formats::{document::DataFile, text::Node};

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

/// A key that names code, and what it names.
struct Target<'a> {
    path: String,
    key: &'a str,
    node: &'a Node,
}

pub(crate) fn check(data: &DataFile, sink: &mut Sink) {
    let Ok(root) = &data.root else { return };
    let mut unknown: Vec<Target<'_>> = Vec::new();
    let mut told = 0_usize;
    root.walk(&mut |node| {
        for target in targets(node) {
            match judged(&target.path, Usage::Call) {
                Judgement::Allowed => {}
                Judgement::Dangerous(danger) if told < MOST => {
                    told = told.saturating_add(1);
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
                    sink.push(
                        Finding::new(&UNSAFE_CONFIG_TARGET, message, place)
                            .note(format!("{name} {}", danger.does))
                            .help("do not load this model or instantiate this configuration")
                            .property("class", danger.class)
                            .property("callable", escape(&target.path))
                            .subject(target.path.clone()),
                    );
                }
                Judgement::Dangerous(_) => {}
                Judgement::Unknown if is_known(&target.path) => {}
                // A word that is no path names a class of the program that reads this.
                Judgement::Unknown if !target.path.contains('.') || target.key == "target" => {}
                Judgement::Unknown => {
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
fn targets(node: &Node) -> Vec<Target<'_>> {
    let mut out = Vec::new();
    for entry in node.entries() {
        let key = entry.key.as_str();
        let Some(text) = entry.node.as_str() else { continue };
        let named = match key {
            "_target_" | "class_path" | "__target__" | "_callable_" => is_path(text),
            // Latent diffusion and its relatives.
            "target" => node.get("params").is_some() && is_path(text),
            _ => false,
        };
        let path = if named {
            text.to_owned()
        } else if key == "class" && is_path(text) {
            match node.get("module").and_then(Node::as_str) {
                Some(module) if is_path(module) => format!("{module}.{text}"),
                _ => continue,
            }
        } else {
            continue;
        };
        out.push(Target {
            path,
            key,
            node: &entry.node,
        });
    }
    out
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

fn is_known(path: &str) -> bool {
    path.split(['.', ':'])
        .next()
        .is_some_and(|first| KNOWN.contains(&first))
}
