use super::{attribute, is, locate, path, table, whose};
use crate::pickle::callables::{Judgement, Usage, judge};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_formats::{
    graph::{Framework, Operator},
    model::Model,
};

/// A configuration names something that is no part of Keras, or a part that does more than compute.
pub(crate) static UNSAFE_KERAS_OBJECT: Rule = Rule {
    id: "unsafe-keras-object",
    summary: "a Keras configuration names a function or class that loading imports and calls",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "`module` and `class_name` of any object in a configuration",
        weakness: "the deserializer imports the module and calls the name with arguments of the file",
        impact: "the attacker's code runs with the rights of whoever loads the model",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(470),
        Reference::Cwe(502),
        Reference::Cve("CVE-2025-1550"),
        Reference::Cve("CVE-2025-8747"),
        Reference::Cve("CVE-2025-49655"),
    ],
    page: include_str!("unsafe_keras_object.md"),
    file: file!(),
};

/// What an object of a configuration comes to.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Harmless,
    /// It does this.
    Dangerous {
        does: &'static str,
        class: &'static str,
        cve: Option<&'static str>,
    },
    /// Loading imports and calls it, and nothing is known of it.
    Unknown,
    /// Whoever loads the model has to bring it along.
    Custom,
}

/// Whether the configuration is what a SavedModel says of one of its objects.
fn is_described_by_graph(sink: &Sink) -> bool {
    let artifact = sink.artifact();
    artifact.nesting() > 0 && artifact.leaf().starts_with("_tf_keras_")
}

pub(crate) fn check(model: &Model, sink: &mut Sink) {
    if model.graph.framework != Framework::Keras {
        return;
    }
    for operator in &model.graph.operators {
        let name = code(&path(operator));
        let whose = whose(operator);
        let (message, severity, label) = match verdict(operator) {
            Verdict::Harmless => continue,
            Verdict::Dangerous { does, class, cve } => {
                let place = locate(model, operator, sink, "imported and called");
                let mut finding = Finding::new(
                    &UNSAFE_KERAS_OBJECT,
                    format!("loading this model runs {name}, named by {whose}"),
                    place,
                )
                .note(format!("{name} {does}"))
                .property("class", class);
                if let Some(cve) = cve {
                    finding = finding.note(format!("known from {cve}"));
                }
                sink.push(told(finding, operator).help("do not load this model"));
                continue;
            }
            Verdict::Unknown => (
                format!("loading this model imports and calls {name}, and what that does is not known"),
                Severity::High,
                "imported and called",
            ),
            // A SavedModel runs by its graph and needs the classes of its layers only to be trained on.
            Verdict::Custom if is_described_by_graph(sink) => continue,
            Verdict::Custom => (
                format!(
                    "this model needs {name}, which is no part of Keras: whoever loads it supplies the code"
                ),
                Severity::Medium,
                "no part of Keras",
            ),
        };
        let finding = Finding::new(&UNSAFE_KERAS_OBJECT, message, locate(model, operator, sink, label))
            .severity(severity)
            .confidence(Confidence::Medium)
            .note(format!("named by {whose}"))
            .help("read the code behind the name before you load the model, and take it from where you took the model's name");
        sink.push(told(finding, operator));
    }
}

fn told(finding: Finding, operator: &Operator) -> Finding {
    finding
        .subject(path(operator))
        .property("callable", escape(&path(operator)))
}

fn verdict(operator: &Operator) -> Verdict {
    let (module, name) = (operator.domain.as_str(), operator.name.as_str());
    let function = is(operator, "function");
    // The rule about code in layers tells of these.
    if matches!(name, "Lambda" | "__lambda__") && !function {
        return Verdict::Harmless;
    }
    if let Some(path) = module.strip_prefix("tensorflow.raw_ops").map(|_| name)
        && function
    {
        return operator_of_tensorflow(path);
    }
    if module == "tensorflow" && function {
        return function_of_tensorflow(name);
    }
    if module.is_empty() || module == "builtins" {
        return without_module(module, name);
    }
    if table::is_own(module) {
        return of_keras(operator, module, name, function);
    }
    elsewhere(operator, module, name)
}

fn does(found: table::Does) -> Verdict {
    Verdict::Dangerous {
        does: found.words,
        class: "F02",
        cve: found.cve,
    }
}

/// Names that are looked up among Keras's own, then among what whoever loads the model has registered.
fn without_module(module: &str, name: &str) -> Verdict {
    let bare = name.rsplit('>').next().unwrap_or(name);
    if let Some(found) = table::dangerous(bare) {
        return does(found);
    }
    if table::is_known(bare) {
        return Verdict::Harmless;
    }
    if module.is_empty() {
        // A dotted name is a path for the loaders that import it.
        if let Some((module, name)) = name.rsplit_once('.')
            && let Judgement::Dangerous(danger) = judge(module, name, Usage::Call)
        {
            return Verdict::Dangerous {
                does: danger.does,
                class: danger.class,
                cve: danger.cve,
            };
        }
        return Verdict::Custom;
    }
    match judge("builtins", name, Usage::Call) {
        Judgement::Dangerous(danger) => Verdict::Dangerous {
            does: danger.does,
            class: danger.class,
            cve: danger.cve,
        },
        Judgement::Allowed => Verdict::Harmless,
        Judgement::Unknown => Verdict::Custom,
    }
}

fn of_keras(operator: &Operator, module: &str, name: &str, function: bool) -> Verdict {
    if let Some(found) = table::dangerous(name) {
        return does(found);
    }
    if table::is_known(name) {
        return Verdict::Harmless;
    }
    // Attributes of a class, and modules that a module of Keras has imported for itself.
    let foreign = |part: &str| matches!(judge(part, name, Usage::Call), Judgement::Dangerous(_));
    if name.contains('.') || module.split('.').skip(1).any(foreign) {
        return Verdict::Dangerous {
            does: "reaches another module through one of Keras",
            class: "N18",
            cve: None,
        };
    }
    let is_class = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_operation = module.contains(".ops") || module == "keras.ops";
    if is_class && !function {
        let registered = attribute(operator, "registered_name").is_some_and(|r| r.contains('>'));
        let plain = !module.starts_with("keras.") && module != "keras";
        // Classes of packages built on Keras are too many to list; what they can reach is listed above.
        if is_operation || plain || !registered {
            return Verdict::Harmless;
        }
        return Verdict::Custom;
    }
    if is_operation {
        return Verdict::Harmless;
    }
    Verdict::Unknown
}

fn elsewhere(operator: &Operator, module: &str, name: &str) -> Verdict {
    match judge(module, name, Usage::Call) {
        Judgement::Allowed => return Verdict::Harmless,
        Judgement::Dangerous(danger) => {
            return Verdict::Dangerous {
                does: danger.does,
                class: danger.class,
                cve: danger.cve,
            };
        }
        Judgement::Unknown => {}
    }
    // The way through a module that another has imported: `numpy.os` and `system`.
    let parts: Vec<&str> = module.split('.').take(16).collect();
    for start in 1..parts.len() {
        let rest = parts.get(start..).unwrap_or_default().join(".");
        if let Judgement::Dangerous(danger) = judge(&rest, name, Usage::Call) {
            return Verdict::Dangerous {
                does: danger.does,
                class: danger.class,
                cve: danger.cve,
            };
        }
    }
    let registered = attribute(operator, "registered_name").is_some_and(|r| r.contains('>'));
    if registered || module == "__main__" {
        Verdict::Custom
    } else {
        Verdict::Unknown
    }
}

/// A function of TensorFlow by its path, as layers made of calls have it.
fn function_of_tensorflow(path: &str) -> Verdict {
    let path = path.trim_start_matches("tf.");
    if table::computes(path) {
        return Verdict::Harmless;
    }
    if let Some(raw) = path.strip_prefix("raw_ops.") {
        return operator_of_tensorflow(raw);
    }
    let reaches = [
        "io.",
        "py_function",
        "numpy_function",
        "py_func",
        "load_",
        "data.",
        "saved_model.",
        "train.",
        "sysconfig.",
        "config.",
        "keras.models.",
        "keras.utils.",
        "keras.saving.",
        "summary.",
        "distribute.",
        "lite.",
        "compat.v1.gfile",
        "compat.v1.py_func",
        "experimental.dlpack",
        "function",
        "autograph.",
        "feature_column.",
        "audio.",
        "types.",
        "version",
        "print",
        "debugging.",
        "compat.v1.io",
        "compat.v1.load",
        "compat.v1.saved_model",
        "compat.v1.train",
        "profiler.",
        "tpu.",
        "Module",
        "init_scope",
    ];
    if reaches.iter().any(|p| path.starts_with(p)) {
        return Verdict::Dangerous {
            does: "reads, writes or runs more than tensors",
            class: "F02",
            cve: None,
        };
    }
    Verdict::Unknown
}

/// An operator of TensorFlow by its name.
fn operator_of_tensorflow(name: &str) -> Verdict {
    let operator = Operator {
        name: name.to_owned(),
        ..Operator::default()
    };
    match crate::model::table::known(Framework::TensorFlow, &operator) {
        Some(known) if known.effect != crate::model::table::Effect::Pure => Verdict::Dangerous {
            does: known.does,
            class: "F05",
            cve: known.cve,
        },
        _ => Verdict::Harmless,
    }
}
