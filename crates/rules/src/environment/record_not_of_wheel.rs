use super::{Environment, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// The record of an installed package is not the one in its wheel.
pub(crate) static RECORD_NOT_OF_WHEEL: Rule = Rule {
    id: "record-not-of-wheel",
    summary: "the record of an installed package is not the one in its wheel",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 2,
        detectability: 5,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can write into the environment",
        vector: "the record beside the files that were changed",
        weakness: "a record that lies beside its files can be changed with them",
        impact: "changed code passes every comparison inside the environment",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(353),
        Reference::Cwe(494),
        Reference::Spec("Recording installed projects"),
    ],
    page: include_str!("record_not_of_wheel.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        let Some(drift) = &distribution.wheel else {
            continue;
        };
        let whose = shown_name(distribution);
        let wheel = code(&drift.wheel);
        let (severity, message, files) = if !drift.changed.is_empty() {
            let message = format!(
                "files of {whose} were changed together with their record, which is not that of {wheel}"
            );
            (Severity::High, message, &drift.changed)
        } else if !drift.added.is_empty() {
            let message =
                format!("{whose} was given files that are not in {wheel}, and its record was rewritten");
            (Severity::High, message, &drift.added)
        } else if !drift.removed.is_empty() {
            let message = format!("the record of {whose} does not name all files of {wheel}");
            (Severity::Medium, message, &drift.removed)
        } else {
            continue;
        };
        let names: Vec<String> = files.iter().take(5).map(|f| code(f)).collect();
        sink.push(
            Finding::new(
                &RECORD_NOT_OF_WHEEL,
                message,
                Location::whole(&distribution.info, "not the record of its wheel"),
            )
            .severity(severity)
            .note(format!(
                "changed: {}, added: {}, removed: {}; such as {}",
                drift.changed.len(),
                drift.added.len(),
                drift.removed.len(),
                names.join(", ")
            ))
            .help("make the environment anew from the lock, and find out who wrote into this one")
            .subject(distribution.name.clone())
            .property("purl", distribution.purl()),
        );
    }
}
