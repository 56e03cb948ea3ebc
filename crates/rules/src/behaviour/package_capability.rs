use super::verdict::verdicts;
use crate::distribution::DistributionFacts;
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};

/// What a package can do to the host and over the network, file by file.
pub(crate) static PACKAGE_CAPABILITY: Rule = Rule {
    id: "package-capability",
    summary: "a package speaks to the network, reads secrets or runs code that it builds",
    severity: Severity::Info,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 1,
        detectability: 3,
        technical_impact: 2,
        ml_application: 2,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the package, or took over the account of who does",
        vector: "a release that can do more than the last one",
        weakness: "nobody keeps a list of what a dependency is able to do",
        impact: "a new ability of a dependency goes unnoticed",
    },
    needs: &[],
    // An inventory is asked for; it tells of no flaw.
    status: RuleStatus::Preview,
    references: &[Reference::Cwe(506)],
    page: include_str!("package_capability.md"),
    file: file!(),
};

pub(super) fn check(package: &DistributionFacts, sink: &mut Sink) {
    for verdict in verdicts(package) {
        if let Some(finding) = verdict.finding(&PACKAGE_CAPABILITY, Severity::Info) {
            sink.push(finding.help("a note, not an accusation: compare it with the last release"));
        }
    }
}
