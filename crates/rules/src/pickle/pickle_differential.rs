use super::assess;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
};
use wellhead_formats::pickle::Program;

/// Loaders read the file differently.
pub(crate) static PICKLE_DIFFERENTIAL: Rule = Rule {
    id: "pickle-differential",
    summary: "the file is written so that loaders and scanners read different programs from it",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 3,
        detectability: 2,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "an attacker who knows how scanners read pickles",
        vector: "a literal, a frame or an argument that readers disagree about",
        weakness: "the format is defined by several implementations that are not the same",
        impact: "what a scanner approves is not what a loader runs",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(436),
        Reference::Cwe(502),
    ],
    page: include_str!("pickle_differential.md"),
    file: file!(),
};

pub(crate) fn check(program: &Program, sink: &mut Sink) {
    let mut deliberate = program.differentials.iter().filter(|d| d.deliberate);
    let Some(first) = deliberate.next() else { return };
    let mut finding = Finding::new(
        &PICKLE_DIFFERENTIAL,
        "loaders and scanners read different programs from this file",
        assess::locate_site(program, sink, &first.site, "read differently"),
    )
    .note(first.words.clone())
    .note("no library writes a pickle like this")
    .help("fetch the file again from its source and compare its digest")
    .subject("differential");
    for other in deliberate.take(3) {
        finding = finding.note(other.words.clone());
    }
    sink.push(finding);
}
