use wellhead_core::{Confidence, Measure, Reference, Risk, Rule, RuleStatus, Severity, ThreatProfile};

/// An archive that grows beyond measure when it is unpacked.
pub static ARCHIVE_BOMB: Rule = Rule {
    id: "archive-bomb",
    summary: "an archive grows beyond measure when it is unpacked",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 3,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever made the archive",
        vector: "a few bytes that unpack to gigabytes, or archives in archives in archives",
        weakness: "unpacking without a ceiling",
        impact: "disk or memory fills up; scanners give up before they reach the payload",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Cwe(409),
        Reference::Cwe(674),
        Reference::Owasp("ML06:2023"),
    ],
    page: include_str!("archive_bomb.md"),
    file: file!(),
};
