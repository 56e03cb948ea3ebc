use super::facts::Repository;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};
use wellhead_formats::text::Node;

/// Two chat templates for one model.
pub(crate) static CONFLICTING_CHAT_TEMPLATES: Rule = Rule {
    id: "conflicting-chat-templates",
    summary: "a repository has two chat templates that differ",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 3,
        ml_application: 4,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the model, or a copy of it",
        vector: "`chat_template.jinja` beside the template in `tokenizer_config.json`",
        weakness: "the file that people read is not the one that newer loaders take",
        impact: "every prompt says something that nobody has read",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(436)],
    page: include_str!("conflicting_chat_templates.md"),
    file: file!(),
};

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    for (path, prose) in &repository.texts {
        if Repository::file_name(path) != "chat_template.jinja" {
            continue;
        }
        let folder = Repository::folder_of(path);
        for name in [
            "tokenizer_config.json",
            "chat_template.json",
            "processor_config.json",
        ] {
            let other = format!("{folder}{name}");
            let Some(document) = repository.documents.get(&other) else {
                continue;
            };
            let Some(template) = document.root.get("chat_template").and_then(default_template) else {
                continue;
            };
            let Some(text) = template.as_str().filter(|t| !same(t, &prose.text)) else {
                continue;
            };
            let place = Location::whole(&prose.artifact, "newer loaders take this one");
            let theirs = sink.text_of(
                &document.artifact,
                &document.text,
                template.span.clone(),
                "older loaders take this one",
            );
            sink.push(
                Finding::new(
                    &CONFLICTING_CHAT_TEMPLATES,
                    format!(
                        "{} and the template in {} are not the same",
                        code(path),
                        code(&other)
                    ),
                    place,
                )
                .at(theirs)
                .subject(format!("{path} {other}"))
                .note(format!(
                    "{} characters there and {} here",
                    text.chars().count(),
                    prose.text.chars().count()
                ))
                .help("keep one of them, and read it"),
            );
        }
    }
}

/// The template itself, or the one that is called `default`.
fn default_template(node: &Node) -> Option<&Node> {
    if node.as_str().is_some() {
        return Some(node);
    }
    let named = node.items().iter();
    named
        .filter(|t| t.get("name").and_then(Node::as_str) == Some("default"))
        .find_map(|t| t.get("template"))
}

/// White space at ends of lines and of the text is no difference.
fn same(a: &str, b: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let text = text.trim();
        text.lines().map(|l| l.trim_end().to_owned()).collect()
    };
    lines(a) == lines(b)
}
