use super::{DistributionFacts, Harm, tell};
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_packages::distribution::{Anomaly, AnomalyKind, Trigger};

/// The RECORD of a wheel is not that of its members.
pub(crate) static FALSE_RECORD: Rule = Rule {
    id: "false-record",
    summary: "the RECORD of a wheel is not that of its members, so files are installed that nobody vouches for",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever changed the wheel after it was built",
        vector: "a member that was added or replaced without its row",
        weakness: "installers unpack every member, and auditors believe the RECORD",
        impact: "the code is installed, and no later check of the environment sees it",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(353),
        Reference::Cwe(345),
        Reference::Pep(427),
    ],
    page: include_str!("false_record.md"),
    file: file!(),
};

static HARMS: &[Harm] = &[
    Harm {
        kind: AnomalyKind::WrongDigest,
        severity: Severity::Critical,
        harm: "this wheel was changed after it was built",
        label: "not the file that is listed",
    },
    Harm {
        kind: AnomalyKind::Unlisted,
        severity: Severity::Critical,
        harm: "installing this wheel installs a file that nobody vouches for",
        label: "not listed",
    },
    Harm {
        kind: AnomalyKind::TwoRows,
        severity: Severity::High,
        harm: "two installers may take two different files for the right one",
        label: "stated twice",
    },
    Harm {
        kind: AnomalyKind::NoDigest,
        severity: Severity::High,
        harm: "a file of this wheel can be replaced without that anybody notices",
        label: "no digest",
    },
    Harm {
        kind: AnomalyKind::NoRecord,
        severity: Severity::High,
        harm: "nothing vouches for the files of this wheel",
        label: "no RECORD",
    },
    Harm {
        kind: AnomalyKind::NotThere,
        severity: Severity::Medium,
        harm: "a file was taken out of this wheel after it was built",
        label: "not there",
    },
    Harm {
        kind: AnomalyKind::InvalidRow,
        severity: Severity::Medium,
        harm: "what this row vouches for nobody can tell",
        label: "not understood",
    },
];

pub(crate) fn check(facts: &DistributionFacts, sink: &mut Sink) {
    let severity = |anomaly: &Anomaly, severity: Severity| {
        let member = anomaly
            .member
            .as_deref()
            .and_then(|m| facts.distribution.member(m));
        match member {
            // A folder's entry, or a text that nothing reads by itself, is untidy.
            Some(m) if m.trigger == Trigger::Never && severity == Severity::Critical => Severity::High,
            _ => severity,
        }
    };
    tell(
        &FALSE_RECORD,
        HARMS,
        "do not install it; fetch it again from its index with hashes, or build it from its source",
        facts,
        &severity,
        sink,
    );
}
