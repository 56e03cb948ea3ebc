use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, ThreatProfile,
};

/// An internal package that another source could supply.
pub static INTERNAL_PACKAGE_EXPOSED: Rule = Rule {
    id: "internal-package-exposed",
    summary: "an internal package could come from another index than the internal one",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 5,
        detectability: 5,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "anyone who can publish on the other source",
        vector: "a package under the internal name, with a higher version",
        weakness: "nothing in the configuration ties the name to the internal index",
        impact: "a stranger's package is installed in place of the company's own",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(427),
        Reference::Atlas("AML.T0010"),
    ],
    page: include_str!("internal_package_exposed.md"),
    file: file!(),
};
