use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// An allowed source from which nothing comes.
pub static UNUSED_ALLOWED_SOURCE: Rule = Rule {
    id: "unused-allowed-source",
    summary: "the policy allows a source from which nothing comes",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 2,
        ml_application: 2,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever takes over a source that is no longer used",
        vector: "a new line that takes something from there",
        weakness: "a list of trusted sources that is longer than it has to be",
        impact: "what comes from there is installed without a question",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1188)],
    page: include_str!("unused_allowed_source.md"),
    file: file!(),
};
