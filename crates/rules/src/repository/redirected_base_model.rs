use super::facts::Repository;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// A configuration takes the weights of another place than a repository of the hub.
pub(crate) static REDIRECTED_BASE_MODEL: Rule = Rule {
    id: "redirected-base-model",
    summary: "an adapter or recipe takes its base model from a place of the author's choice",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the adapter",
        vector: "a base model that is named by URL, by path or as files",
        weakness: "loaders fetch the base that the adapter names",
        impact: "a base model that nobody has looked at is loaded with the adapter",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(494),
    ],
    page: include_str!("redirected_base_model.md"),
    file: file!(),
};

/// Where a base model lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `org/name` of a hub, or the name of a library's registry.
    Hub,
    /// A URL.
    Url,
    /// A path outside of the repository.
    Path,
}

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    for (path, document) in &repository.documents {
        if Repository::file_name(path) != "adapter_config.json" {
            continue;
        }
        let Some(base) = document.root.get("base_model_name_or_path") else {
            continue;
        };
        let Some(text) = base.as_str() else { continue };
        if let Some(finding) = judge(path, text, &|label| {
            sink.text_of(&document.artifact, &document.text, base.span.clone(), label)
        }) {
            sink.push(finding);
        }
    }
    for (path, prose) in &repository.texts {
        if Repository::file_name(path) != "Modelfile" {
            continue;
        }
        let mut at = 0_usize;
        for line in prose.text.split_inclusive('\n') {
            let start = at;
            at = at.saturating_add(line.len());
            let mut words = line.split_whitespace();
            let verb = words.next().unwrap_or_default().to_ascii_uppercase();
            let Some(text) = words
                .next()
                .filter(|_| matches!(verb.as_str(), "FROM" | "ADAPTER"))
            else {
                continue;
            };
            let range = start..start.saturating_add(line.trim_end().len());
            let place = |label: &str| sink.text_of(&prose.artifact, &prose.text, range.clone(), label);
            if let Some(finding) = judge(path, text, &place) {
                sink.push(finding);
            }
        }
    }
}

fn judge(path: &str, text: &str, place: &dyn Fn(&str) -> Location) -> Option<Finding> {
    let (message, severity, label) = match kind(text) {
        Place::Hub => return None,
        Place::Url => (
            format!("the base model of {} is fetched from {}", code(path), code(text)),
            Severity::High,
            "not a repository of a hub",
        ),
        // Training writes the path of the base as it was given, and that is mostly a folder of the author's.
        Place::Path => (
            format!(
                "the base model of {} is a path of the author's machine, {}",
                code(path),
                code(text)
            ),
            Severity::Low,
            "whatever lies there is loaded",
        ),
    };
    Some(
        Finding::new(&REDIRECTED_BASE_MODEL, message, place(label))
            .severity(severity)
            .subject(format!("{path} {text}"))
            .property("base", text)
            .help("name the base model yourself, as a repository with a pinned commit"),
    )
}

fn kind(text: &str) -> Place {
    let hub = [
        "https://huggingface.co/",
        "https://hf.co/",
        "hf.co/",
        "huggingface.co/",
        "https://ollama.com/",
    ];
    if hub.iter().any(|h| text.starts_with(h)) {
        return Place::Hub;
    }
    if text.contains("://") || text.starts_with("\\\\") || text.starts_with("//") {
        return Place::Url;
    }
    let drive = text.get(1..3).is_some_and(|d| d == ":\\" || d == ":/");
    if text.starts_with('/') || text.starts_with('~') || text.split(['/', '\\']).any(|p| p == "..") || drive {
        return Place::Path;
    }
    Place::Hub
}
