use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, ThreatProfile,
};

/// Something comes from where the policy does not allow it.
pub static SOURCE_NOT_ALLOWED: Rule = Rule {
    id: "source-not-allowed",
    summary: "something is taken from a source that the policy does not allow",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 5,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever runs the source, or publishes there",
        vector: "a package, model, image or action that nobody agreed to",
        weakness: "a line was added that names another source",
        impact: "what is installed or loaded comes from people who were never looked at",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(1357),
    ],
    page: include_str!("source_not_allowed.md"),
    file: file!(),
};
