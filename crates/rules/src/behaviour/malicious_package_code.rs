use super::verdict::verdicts;
use crate::distribution::DistributionFacts;
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};

/// A package runs what it hides or fetches, or sends what it reads, without being asked.
pub(crate) static MALICIOUS_PACKAGE_CODE: Rule = Rule {
    id: "malicious-package-code",
    summary: "a package runs hidden code or sends secrets without being asked",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 5,
        detectability: 3,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 5,
    },
    threat: ThreatProfile {
        agent: "whoever publishes the package, or took over the account of who does",
        vector: "`setup.py`, a `.pth` file or a module that importing the package runs",
        weakness: "installing or importing a package runs what is in it",
        impact: "programs of the attacker run with the rights of the user, and secrets leave",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(912),
        Reference::Atlas("AML.T0010.001"),
    ],
    page: include_str!("malicious_package_code.md"),
    file: file!(),
};

pub(super) fn check(package: &DistributionFacts, sink: &mut Sink) {
    for verdict in verdicts(package) {
        if verdict.severity() == Some(Severity::Critical)
            && let Some(finding) = verdict.finding(&MALICIOUS_PACKAGE_CODE, Severity::Critical)
        {
            sink.push(finding.help(
                "do not install it; report it to the index, and treat hosts that have it as taken over",
            ));
        }
    }
}
