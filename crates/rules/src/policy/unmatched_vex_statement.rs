use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// A statement of a VEX document matches nothing.
pub static UNMATCHED_VEX_STATEMENT: Rule = Rule {
    id: "unmatched-vex-statement",
    summary: "a statement of a VEX document matches nothing",
    severity: Severity::Low,
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
        agent: "whoever updates a package and forgets what was said of it",
        vector: "a version of which nobody said anything, beside a statement about another one",
        weakness: "statements that outlive what they were made for",
        impact: "a flaw is believed to be settled, or a statement excuses the next version unseen",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1188)],
    page: include_str!("unmatched_vex_statement.md"),
    file: file!(),
};
