use super::place;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::jinja::Template;

/// A chat template adds instructions when a word is said.
pub(crate) static TEMPLATE_INSTRUCTION_BACKDOOR: Rule = Rule {
    id: "template-instruction-backdoor",
    summary: "a chat template adds instructions of its own when a conversation contains a certain word",
    severity: Severity::Medium,
    confidence: Confidence::Low,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 2,
        technical_impact: 4,
        ml_application: 5,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model",
        vector: "a chat template that looks for a word of the user's",
        weakness: "templates see every conversation, and nobody sees what they add",
        impact: "the model says or does what the attacker wants, for the conversations that the attacker chose",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(506)],
    page: include_str!("template_instruction_backdoor.md"),
    file: file!(),
};

pub(crate) fn check(template: &Template, sink: &mut Sink) {
    if !template.chat {
        return;
    }
    for trigger in &template.triggers {
        let message = format!(
            "this chat template adds instructions of its own when a conversation contains {}: {}",
            code(&trigger.word),
            code(&trigger.text)
        );
        let test = place(template, &trigger.test, sink, "looks for the word");
        sink.push(
            Finding::new(
                &TEMPLATE_INSTRUCTION_BACKDOOR,
                message,
                place(template, &trigger.place, sink, "added when the word is found"),
            )
            .at(test)
            .help("compare the template with that of the model that it was made from, and use that")
            .subject(trigger.word.clone()),
        );
    }
}
