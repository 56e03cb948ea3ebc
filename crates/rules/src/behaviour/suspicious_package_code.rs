use super::verdict::verdicts;
use crate::distribution::DistributionFacts;
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};

/// A package does what only parts of a harmful path are known of.
pub(crate) static SUSPICIOUS_PACKAGE_CODE: Rule = Rule {
    id: "suspicious-package-code",
    summary: "a package does by itself what attacks are made of",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 4,
        detectability: 3,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the package, or took over the account of who does",
        vector: "`setup.py`, a `.pth` file or a module that importing the package runs",
        weakness: "installing or importing a package runs what is in it",
        impact: "programs may be started and secrets may leave before anybody has read the code",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Atlas("AML.T0010.001"),
    ],
    page: include_str!("suspicious_package_code.md"),
    file: file!(),
};

pub(super) fn check(package: &DistributionFacts, sink: &mut Sink) {
    for verdict in verdicts(package) {
        if let Some(severity @ (Severity::High | Severity::Medium)) = verdict.severity()
            && let Some(finding) = verdict.finding(&SUSPICIOUS_PACKAGE_CODE, severity)
        {
            sink.push(finding.help("read the places that are shown before you install it"));
        }
    }
}
