use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// A file is not the one that its source says it is.
pub static DIGEST_MISMATCH: Rule = Rule {
    id: "digest-mismatch",
    summary: "a file is not the one that its source says it is",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 2,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever sits between the hub's records and the bytes: a cache, a mirror, a store, a proxy",
        vector: "the bytes are replaced, the listing with their digest is not",
        weakness: "clients that compare lengths and not digests",
        impact: "another model is loaded than the one that was chosen, reviewed and pinned",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(354),
        Reference::Cwe(494),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("digest_mismatch.md"),
    file: file!(),
};
