use super::twin::Twin;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};

/// A copy of a model whose tokenizer, templates or settings are other.
pub(crate) static TWIN_WITH_CHANGED_BEHAVIOUR: Rule = Rule {
    id: "twin-with-changed-behaviour",
    summary: "a copy of a model has another tokenizer, template, graph or configuration than the original",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a copy under a name that is taken for the original's",
        vector: "a chat template with an instruction more, a tokenizer with other tokens",
        weakness: "only weights are compared",
        impact: "the model is told, or says, what the attacker chose",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(345)],
    page: include_str!("twin_with_changed_behaviour.md"),
    file: file!(),
};

pub(super) fn check(twin: &Twin, sink: &mut Sink) {
    for change in &twin.settings {
        let mut finding = Finding::new(
            &TWIN_WITH_CHANGED_BEHAVIOUR,
            format!(
                "this copy has changed {} of the original, {}",
                change.what,
                code(&change.path)
            ),
            change.location.clone(),
        )
        .severity(if change.weighty {
            Severity::Medium
        } else {
            Severity::Low
        })
        .subject(change.path.clone());
        if !change.keys.is_empty() {
            let keys: Vec<String> = change.keys.iter().take(6).map(|k| code(k)).collect();
            finding = finding.note(format!("what differs: {}", keys.join(", ")));
        }
        sink.push(finding.help("read the difference, or take the file of the original"));
    }
}
