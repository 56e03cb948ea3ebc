use super::{Environment, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

/// Files of an installed package are gone.
pub(crate) static MISSING_INSTALLED_FILE: Rule = Rule {
    id: "missing-installed-file",
    summary: "files of an installed package are gone",
    severity: Severity::Low,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 4,
        technical_impact: 2,
        ml_application: 2,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "whoever can write into the environment",
        vector: "a file that is deleted",
        weakness: "the package goes on without it",
        impact: "checks that lie in the file no longer happen, or another file is taken in its place",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(353)],
    page: include_str!("missing_installed_file.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        let Some(first) = distribution.missing.first() else {
            continue;
        };
        let count = distribution.missing.len();
        let (files, are) = if count == 1 {
            ("file", "is")
        } else {
            ("files", "are")
        };
        let message = format!(
            "{} is not whole: {count} {files} that were installed with it {are} gone",
            shown_name(distribution)
        );
        let names: Vec<String> = distribution.missing.iter().take(5).map(|p| code(p)).collect();
        let _ = first;
        sink.push(
            Finding::new(
                &MISSING_INSTALLED_FILE,
                message,
                Location::whole(&distribution.info, "its record names them"),
            )
            .note(format!("gone: {}", names.join(", ")))
            .help("install the package again, or leave out what is not needed before it is recorded")
            .subject(distribution.name.clone())
            .property("purl", distribution.purl()),
        );
    }
}
