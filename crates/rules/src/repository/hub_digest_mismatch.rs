use super::facts::Repository;
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// A file is not the one that was fetched.
pub(crate) static HUB_DIGEST_MISMATCH: Rule = Rule {
    id: "hub-digest-mismatch",
    summary: "a file of a model is not the one that the hub promised",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can write to the folder, the cache or the way to it",
        vector: "a file that was changed after it was fetched, or on its way",
        weakness: "loaders trust the folder that they find",
        impact: "weights or code that the hub never served are loaded in its name",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(354),
        Reference::Cwe(345),
    ],
    page: include_str!("hub_digest_mismatch.md"),
    file: file!(),
};

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    for (path, file) in &repository.files {
        let Some(mismatch) = &file.mismatch else { continue };
        sink.push(
            Finding::new(
                &HUB_DIGEST_MISMATCH,
                format!("{} is not the file that the hub promised", code(path)),
                Location::whole(&file.artifact, "other bytes"),
            )
            .subject(path.clone())
            .note(format!("{} says {}", mismatch.by, code(&mismatch.promised)))
            .note(format!("the file is {}", code(&mismatch.found)))
            .help("delete it and fetch it again; if it differs again, ask the publisher")
            .help("if you changed it yourself, keep it outside of the cache"),
        );
    }
}
