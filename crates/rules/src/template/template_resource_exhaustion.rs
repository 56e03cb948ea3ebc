use super::place;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
};
use wellhead_formats::jinja::Template;

/// Rendering the template takes all memory or time.
pub(crate) static TEMPLATE_RESOURCE_EXHAUSTION: Rule = Rule {
    id: "template-resource-exhaustion",
    summary: "rendering a chat template takes more memory or time than a server has",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 3,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model",
        vector: "a chat template that counts or repeats without end",
        weakness: "runtimes that render templates without a limit",
        impact: "the server hangs or dies on the first request",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(400)],
    page: include_str!("template_resource_exhaustion.md"),
    file: file!(),
};

pub(crate) fn check(template: &Template, sink: &mut Sink) {
    if !template.chat {
        return;
    }
    for act in &template.hungers {
        let message = format!(
            "rendering this chat template may hang or kill the server: it {}",
            plain(&act.what)
        );
        sink.push(
            Finding::new(
                &TEMPLATE_RESOURCE_EXHAUSTION,
                message,
                place(template, &act.span, sink, "on every request"),
            )
            .help("take the template of the model that it was made from")
            .subject(code(&act.what)),
        );
    }
}

/// The words are ours and the numbers in them as well.
fn plain(text: &str) -> String {
    wellhead_core::escape(text)
}
