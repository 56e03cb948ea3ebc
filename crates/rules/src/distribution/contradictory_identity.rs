use super::{DistributionFacts, Harm, tell};
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_packages::distribution::AnomalyKind;

/// A distribution contradicts itself about what it is.
pub(crate) static CONTRADICTORY_IDENTITY: Rule = Rule {
    id: "contradictory-identity",
    summary: "a package contradicts itself about its name, version or build, so another one is installed than was asked for",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a package or runs a mirror",
        vector: "an archive whose file name, metadata folder and metadata differ",
        weakness: "resolvers, installers and auditors believe different ones of them",
        impact: "advisories and locks are asked about another package than the one that runs",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(436),
        Reference::Pep(427),
    ],
    page: include_str!("contradictory_identity.md"),
    file: file!(),
};

static HARMS: &[Harm] = &[
    Harm {
        kind: AnomalyKind::Name,
        severity: Severity::High,
        harm: "another package is installed than the name says",
        label: "another name",
    },
    Harm {
        kind: AnomalyKind::ForeignInfo,
        severity: Severity::High,
        harm: "this package passes itself off as another one",
        label: "of another package",
    },
    Harm {
        kind: AnomalyKind::Version,
        severity: Severity::Medium,
        harm: "another version is installed than the name says",
        label: "another version",
    },
    Harm {
        kind: AnomalyKind::Project,
        severity: Severity::Medium,
        harm: "what is installed is not what the project declares",
        label: "declared otherwise",
    },
    Harm {
        kind: AnomalyKind::Tags,
        severity: Severity::Medium,
        harm: "another build is installed than the name says",
        label: "another build",
    },
    Harm {
        kind: AnomalyKind::NoMetadata,
        severity: Severity::Medium,
        harm: "what this package is nobody can tell",
        label: "not said",
    },
];

pub(crate) fn check(facts: &DistributionFacts, sink: &mut Sink) {
    tell(
        &CONTRADICTORY_IDENTITY,
        HARMS,
        "do not install it; ask its publisher which of the two it is, or build it from its source",
        facts,
        &|_, severity| severity,
        sink,
    );
}
