use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// An ignore that matched nothing.
pub static UNUSED_IGNORE: Rule = Rule {
    id: "unused-ignore",
    summary: "an ignore matched nothing",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 2,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever adds the next file that the ignore would cover",
        vector: "a new artifact under a path that is already excused",
        weakness: "an exception that is wider than what it was written for",
        impact: "a finding is hidden that nobody ever looked at",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1188)],
    page: include_str!("unused_ignore.md"),
    file: file!(),
};
