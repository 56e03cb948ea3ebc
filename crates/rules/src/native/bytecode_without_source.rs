use super::{Carriers, Compiled};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

pub(crate) static BYTECODE_WITHOUT_SOURCE: Rule = Rule {
    id: "bytecode-without-source",
    summary: "a package carries compiled Python without the source that it should be of",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: None,
    risk: Risk {
        exploitability: 4,
        detectability: 3,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or poisons a package",
        vector: "a compiled module that is imported like any other",
        weakness: "scanners and reviewers read source, and Python does not need it",
        impact: "code runs that nobody has read",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(506)],
    page: include_str!("bytecode_without_source.md"),
    file: file!(),
};

/// How many files are told of one by one.
const MAX_TOLD: usize = 8;

pub(crate) fn check(carriers: &Carriers, sink: &mut Sink) {
    let lone = || carriers.compiled.iter().filter(|c| c.source.is_none());
    let all = lone().count();
    for compiled in lone().take(MAX_TOLD) {
        let mut finding = tell(compiled);
        if all > MAX_TOLD {
            finding = finding.note(format!("{all} files of this package are like it"));
        }
        sink.push(finding);
    }
}

fn tell(compiled: &Compiled) -> Finding {
    let name = code(compiled.artifact.name());
    // What lies in `__pycache__` alone is not imported by its name; somebody has to load it by its path.
    let (message, severity) = if compiled.importable {
        (
            format!("importing this module runs code that nobody can read: {name} has no source beside it"),
            Severity::Medium,
        )
    } else {
        (
            format!("this package carries compiled code of no source of its own: {name}"),
            Severity::Low,
        )
    };
    let mut finding = Finding::new(
        &BYTECODE_WITHOUT_SOURCE,
        message,
        Location::whole(&compiled.artifact, "no source beside it"),
    )
    .severity(severity)
    .help("ask for the source, or take a release that has it")
    .subject(compiled.artifact.name());
    if let Some((major, minor)) = compiled.python {
        finding = finding.note(format!("it is of Python {major}.{minor}"));
    }
    let calls: Vec<String> = compiled.calls.iter().take(6).map(|c| code(c)).collect();
    if !calls.is_empty() {
        finding = finding.note(format!("it calls {}", calls.join(", ")));
    }
    finding
}
