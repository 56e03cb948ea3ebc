use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// A statement of a VEX document cannot be used.
pub static INVALID_VEX_STATEMENT: Rule = Rule {
    id: "invalid-vex-statement",
    summary: "a statement of a VEX document cannot be used",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Updates,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 2,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "nobody needs to act: the document means less than its author thinks",
        vector: "a statement without a status, a reason or a package",
        weakness: "a document that its readers understand in different ways",
        impact: "a flaw counts as settled for its author, and stays open here",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1188)],
    page: include_str!("invalid_vex_statement.md"),
    file: file!(),
};
