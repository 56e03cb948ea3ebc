use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// A reader of ours failed on an artifact.
pub static INTERNAL_ERROR: Rule = Rule {
    id: "internal-error",
    summary: "wellhead failed on this artifact, so it was not judged",
    severity: Severity::High,
    confidence: Confidence::Low,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 2,
        technical_impact: 4,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "the author of a file that is made to break the scanner",
        vector: "input that a parser of wellhead does not survive",
        weakness: "a bug in wellhead",
        impact: "the artifact goes unjudged",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(755)],
    page: include_str!("internal_error.md"),
    file: file!(),
};
