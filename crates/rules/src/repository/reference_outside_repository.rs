use super::facts::{Document, Repository};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::text::Node;

/// A configuration names files outside of its repository.
pub(crate) static REFERENCE_OUTSIDE_REPOSITORY: Rule = Rule {
    id: "reference-outside-repository",
    summary: "a model's configuration or index names files outside of its folder",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the model",
        vector: "a path with `..`, an absolute path or a URL where a file of the folder is expected",
        weakness: "loaders join paths without looking where they lead",
        impact: "files of the machine are read as a model, or a pickle from elsewhere is loaded",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(22),
        Reference::Cwe(73),
    ],
    page: include_str!("reference_outside_repository.md"),
    file: file!(),
};

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    for (path, document) in &repository.documents {
        let root = &document.root;
        match Repository::file_name(path) {
            "MLmodel" => {
                for flavor in root.get("flavors").map_or(&[][..], Node::entries) {
                    for key in [
                        "code",
                        "data",
                        "python_model",
                        "model_path",
                        "pickled_model",
                        "model_code_path",
                    ] {
                        if let Some(node) = flavor.node.get(key) {
                            judge(path, document, node, sink);
                        }
                    }
                    if let Some(artifacts) = flavor.node.get("artifacts") {
                        for artifact in artifacts.entries() {
                            if let Some(node) = artifact.node.get("path") {
                                judge(path, document, node, sink);
                            }
                        }
                    }
                }
            }
            "modules.json" => {
                for node in root.items().iter().filter_map(|m| m.get("path")) {
                    judge(path, document, node, sink);
                }
            }
            "MANIFEST.json" => {
                for key in [
                    "serializedFile",
                    "handler",
                    "modelFile",
                    "extensions",
                    "requirementsFile",
                ] {
                    if let Some(node) = root.path(&["model", key]) {
                        judge(path, document, node, sink);
                    }
                }
            }
            name if name.ends_with(".index.json") => {
                let mut seen = std::collections::BTreeSet::new();
                for entry in root.get("weight_map").map_or(&[][..], Node::entries) {
                    if entry.node.as_str().is_some_and(|file| seen.insert(file)) {
                        judge(path, document, &entry.node, sink);
                        pickle_in_index(path, document, &entry.node, sink);
                    }
                }
            }
            _ => {}
        }
    }
}

fn judge(path: &str, document: &Document, node: &Node, sink: &mut Sink) {
    let Some(text) = node.as_str() else { return };
    let (how, severity) = if text.contains("://") {
        ("a URL", Severity::High)
    } else if text.starts_with(['/', '\\', '~']) || text.get(1..2) == Some(":") {
        ("an absolute path", Severity::High)
    } else if text.split(['/', '\\']).any(|p| p == "..") {
        ("a path that leaves the folder", Severity::High)
    } else {
        return;
    };
    let place = sink.text_of(&document.artifact, &document.text, node.span.clone(), how);
    sink.push(
        Finding::new(
            &REFERENCE_OUTSIDE_REPOSITORY,
            format!(
                "loading this model reads {}, which lies outside of its folder",
                code(text)
            ),
            place,
        )
        .severity(severity)
        .subject(format!("{path} {text}"))
        .property("target", text)
        .help("do not load it; every file of a model belongs into its own folder"),
    );
}

/// An index of safetensors whose shards are pickles is loaded as what they are.
fn pickle_in_index(path: &str, document: &Document, node: &Node, sink: &mut Sink) {
    let Some(text) = node.as_str() else { return };
    if !path.ends_with(".safetensors.index.json") || text.ends_with(".safetensors") {
        return;
    }
    let place = sink.text_of(
        &document.artifact,
        &document.text,
        node.span.clone(),
        "not safetensors",
    );
    sink.push(
        Finding::new(
            &REFERENCE_OUTSIDE_REPOSITORY,
            format!("an index of safetensors leads to {}, which is none", code(text)),
            place,
        )
        .severity(Severity::Medium)
        .subject(format!("{path} {text} kind"))
        .property("target", text)
        .help("fetch the repository again from its original"),
    );
}
