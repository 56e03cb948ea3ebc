use super::{DistributionFacts, Harm, tell};
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_packages::distribution::AnomalyKind;

/// A distribution takes the place of a tool or of another distribution.
pub(crate) static SHADOWING_DISTRIBUTION: Rule = Rule {
    id: "shadowing-distribution",
    summary: "a package installs a command or module under the name of somebody else's",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a package",
        vector: "a command named like a tool, or a module named like that of another package",
        weakness: "commands of an environment come first on PATH, and installers overwrite files of other packages",
        impact: "the next `pip`, `git` or import of a library runs the attacker's code",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(426),
        Reference::Cwe(427),
    ],
    page: include_str!("shadowing_distribution.md"),
    file: file!(),
};

static HARMS: &[Harm] = &[
    Harm {
        kind: AnomalyKind::ShadowsTool,
        severity: Severity::High,
        harm: "installing this package replaces a tool",
        label: "takes its place",
    },
    Harm {
        kind: AnomalyKind::ShadowsModule,
        severity: Severity::Medium,
        harm: "installing this package replaces a part of another one",
        label: "takes its place",
    },
    Harm {
        kind: AnomalyKind::ShadowsKin,
        severity: Severity::Low,
        harm: "installing this package replaces a part of the one that it is named after",
        label: "takes its place",
    },
    Harm {
        kind: AnomalyKind::ShadowsStandard,
        severity: Severity::Low,
        harm: "where the folder of packages comes first, this package replaces a part of Python",
        label: "takes its place",
    },
];

pub(crate) fn check(facts: &DistributionFacts, sink: &mut Sink) {
    tell(
        &SHADOWING_DISTRIBUTION,
        HARMS,
        "do not install it into an environment in which you use that name",
        facts,
        &|_, severity| severity,
        sink,
    );
}
