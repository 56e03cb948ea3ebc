use super::place;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile, code,
};
use wellhead_formats::jinja::Template;

/// A chat template calls or loads what no runtime is known to define.
pub(crate) static UNKNOWN_TEMPLATE_CALL: Rule = Rule {
    id: "unknown-template-call",
    summary: "a chat template calls a function, or loads a template, that runtimes of models are not known to define",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 2,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model",
        vector: "a chat template that calls what the runtime happens to define",
        weakness: "runtimes hand their own functions to templates of models",
        impact: "what the function does with the attacker's arguments; at least, requests fail",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(829)],
    page: include_str!("unknown_template_call.md"),
    file: file!(),
};

pub(crate) fn check(template: &Template, sink: &mut Sink) {
    if !template.chat {
        return;
    }
    for act in &template.loads {
        let message = format!(
            "rendering this chat template reads another file of whoever renders it: {}",
            code(&act.what)
        );
        sink.push(
            Finding::new(
                &UNKNOWN_TEMPLATE_CALL,
                message,
                place(template, &act.span, sink, "loaded when the template is rendered"),
            )
            .severity(Severity::Medium)
            .help("take the template of the model that it was made from")
            .subject(act.what.clone()),
        );
    }
    for act in &template.unknown_calls {
        let message = format!(
            "this chat template calls {}, which runtimes of models are not known to define",
            code(&act.what)
        );
        sink.push(
            Finding::new(
                &UNKNOWN_TEMPLATE_CALL,
                message,
                place(template, &act.span, sink, "called when the template is rendered"),
            )
            .help("check what your runtime defines under that name")
            .subject(act.what.clone()),
        );
    }
}
