use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// An ignore whose day has passed.
pub static EXPIRED_IGNORE: Rule = Rule {
    id: "expired-ignore",
    summary: "an ignore whose day has passed covers nothing any more",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 3,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "anyone who counts on an exception that was meant to be temporary",
        vector: "the finding that the ignore used to cover",
        weakness: "a temporary exception that nobody came back to",
        impact: "an accepted risk outlives the reason for which it was accepted",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1188)],
    page: include_str!("expired_ignore.md"),
    file: file!(),
};
