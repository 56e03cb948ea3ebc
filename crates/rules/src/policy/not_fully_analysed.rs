use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// A part that was not seen and could run code.
pub static NOT_FULLY_ANALYSED: Rule = Rule {
    id: "not-fully-analysed",
    summary: "a part of an artifact that could run code when loaded was not seen",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(wellhead_core::Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "the author of a model who knows how scanners give up",
        vector: "padding, nesting, encryption or damage in front of the payload",
        weakness: "a scanner that calls clean what it did not look at",
        impact: "code runs when the model is loaded",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(693),
        Reference::Cwe(502),
    ],
    page: include_str!("not_fully_analysed.md"),
    file: file!(),
};
