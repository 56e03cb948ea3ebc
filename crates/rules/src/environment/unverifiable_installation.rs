use super::{Environment, RecordState, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

/// A package was installed without a usable record.
pub(crate) static UNVERIFIABLE_INSTALLATION: Rule = Rule {
    id: "unverifiable-installation",
    summary: "a package was installed without a usable record",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 3,
        ml_application: 2,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever can write into the environment",
        vector: "files of a package without a record",
        weakness: "nothing says what they should be",
        impact: "a change cannot be found",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(353),
        Reference::Spec("Recording installed projects"),
    ],
    page: include_str!("unverifiable_installation.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        let whose = shown_name(distribution);
        let tell = |message: String, severity: Severity| {
            Finding::new(
                &UNVERIFIABLE_INSTALLATION,
                message,
                Location::whole(&distribution.info, "nothing to compare with"),
            )
            .severity(if distribution.system {
                Severity::Info
            } else {
                severity
            })
            .subject(distribution.name.clone())
            .property("purl", distribution.purl())
            .help("install it again from a wheel, with pip or uv, into a new environment")
        };
        if distribution.record == RecordState::Missing {
            sink.push(tell(
                format!(
                    "nobody can tell whether files of {whose} were changed: it was installed without a record"
                ),
                Severity::Medium,
            ));
        } else if let RecordState::Partly(why) = &distribution.record {
            sink.push(tell(
                format!("only a part of the record of {whose} was read, the rest was not compared: {why}"),
                Severity::Medium,
            ));
        }
        if let Some(path) = distribution.without_digest.first() {
            let count = distribution.without_digest.len();
            sink.push(
                tell(
                    format!(
                        "nobody can tell whether code of {whose} was changed: its record holds no digest of {}",
                        code(path)
                    ),
                    Severity::Medium,
                )
                .note(format!("files of code without a digest: {count}")),
            );
        }
        if let Some((line, what)) = distribution.bad_rows.first() {
            let count = distribution.bad_row_count;
            sink.push(
                tell(
                    format!("files of {whose} cannot be compared, since its record is damaged: {what} in line {line}"),
                    Severity::Medium,
                )
                .note(format!("rows that could not be read: {count}")),
            );
        }
        if let Some((path, why)) = distribution.unreadable.first() {
            let count = distribution.unreadable.len();
            sink.push(
                tell(
                    format!(
                        "files of {whose} were not compared with its record: {}: {why}",
                        code(path)
                    ),
                    Severity::Low,
                )
                .note(format!("files that were not compared: {count}")),
            );
        }
    }
}
