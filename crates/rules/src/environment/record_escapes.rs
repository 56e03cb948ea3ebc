use super::{Environment, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// The record of a package names files outside of the environment.
pub(crate) static RECORD_ESCAPES: Rule = Rule {
    id: "record-escapes",
    summary: "the record of a package names files outside of the environment",
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
        agent: "whoever publishes a package",
        vector: "a row of its record that leads out of the environment",
        weakness: "installers and uninstallers follow the rows",
        impact: "files of the system are written, or deleted when the package is removed",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(22),
        Reference::Cwe(73),
    ],
    page: include_str!("record_escapes.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        let Some((path, line)) = distribution.escapes.first() else {
            continue;
        };
        let message = format!(
            "removing {} deletes a file outside of the environment: {}",
            shown_name(distribution),
            code(path)
        );
        let mut finding = Finding::new(
            &RECORD_ESCAPES,
            message,
            Location::whole(&distribution.info, format!("line {line}")),
        )
        .help("do not uninstall it with pip; make a new environment and report the package to its index")
        .subject(distribution.name.clone())
        .property("purl", distribution.purl());
        let more = distribution.escapes.len().saturating_sub(1);
        if more > 0 {
            finding = finding.note(format!("{more} more rows lead out of the environment"));
        }
        sink.push(finding);
    }
}
