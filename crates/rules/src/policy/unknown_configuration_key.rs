use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// A key of the configuration that means nothing.
pub static UNKNOWN_CONFIGURATION_KEY: Rule = Rule {
    id: "unknown-configuration-key",
    summary: "a key of the configuration means nothing to wellhead",
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
        agent: "anyone whom the misspelt line was meant to stop",
        vector: "the check that the line was meant to switch on",
        weakness: "a policy that says less than its author believes",
        impact: "a gate stands open that everybody takes for shut",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1188)],
    page: include_str!("unknown_configuration_key.md"),
    file: file!(),
};
