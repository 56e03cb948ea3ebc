use super::assess;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
};
use wellhead_formats::pickle::Program;

/// A small file holds a value that is enormous when it is walked.
pub(crate) static PICKLE_EXPANSION: Rule = Rule {
    id: "pickle-expansion",
    summary: "a value in the file grows exponentially when it is compared, copied or printed",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 3,
        technical_impact: 2,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "containers that hold the same container twice, level after level",
        weakness: "shared parts are stored once and walked every time",
        impact: "the process that uses the value runs out of memory or time",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(776),
        Reference::Cwe(400),
    ],
    page: include_str!("pickle_expansion.md"),
    file: file!(),
};

pub(crate) fn check(program: &Program, sink: &mut Sink) {
    if let Some(site) = &program.expansion {
        let finding = Finding::new(
            &PICKLE_EXPANSION,
            "a value in this file is more than a million times larger than it looks",
            assess::locate_site(program, sink, site, "doubles what it holds"),
        )
        .help("do not load this file: no data needs such a value")
        .subject("expansion");
        sink.push(finding);
    }
}
