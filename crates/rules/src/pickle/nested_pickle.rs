use super::assess::{self, HELP_SAFE_FORMAT, Worst};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_formats::pickle::{Nested, Program};

/// A pickle lies in a constant of a pickle.
pub(crate) static NESTED_PICKLE: Rule = Rule {
    id: "nested-pickle",
    summary: "a pickle is hidden inside a constant of a pickle",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 2,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever publishes or replaces a model file",
        vector: "a second pickle in a string, a bytes object or an array, plain or coded",
        weakness: "a reader that looks only at the outer program does not see the inner one",
        impact: "the inner program runs when the outer one, or the code that uses it, loads it",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(502),
        Reference::Cwe(506),
    ],
    page: include_str!("nested_pickle.md"),
    file: file!(),
};

pub(crate) fn check(program: &Program, sink: &mut Sink) {
    for nested in &program.nested {
        let known_loader = assess::is_loaded_by_known(program, nested);
        if let Some(finding) = about(program, sink, nested, known_loader) {
            sink.push(finding);
        }
    }
}

fn about(program: &Program, sink: &Sink, nested: &Nested, known_loader: bool) -> Option<Finding> {
    let loader = nested.loaded_by.and_then(|id| program.import(id));
    let how = match loader {
        Some(by) => format!("which {} loads", code(&by.path())),
        None => "which runs when somebody loads it".to_owned(),
    };
    let whole = nested
        .program
        .streams
        .iter()
        .all(|s| s.end == wellhead_formats::pickle::End::Stop)
        && nested.program.differentials.iter().all(|d| !d.deliberate);
    let (message, severity) = match assess::worst(&nested.program) {
        Worst::Dangerous(name, _) => (
            format!("a pickle hidden in a constant runs {}, {how}", code(&name)),
            Severity::Critical,
        ),
        Worst::Unknown(name) => (
            format!("a pickle hidden in a constant uses {}, {how}", code(&name)),
            Severity::High,
        ),
        // Storages of torch are written so: the outer pickle hands the inner one to a function that is known.
        Worst::Harmless if known_loader && whole => return None,
        Worst::Harmless if !whole => (
            format!("a damaged pickle is hidden in a constant, {how}"),
            Severity::High,
        ),
        Worst::Harmless => (
            format!("a pickle is hidden in a constant, {how}"),
            Severity::Medium,
        ),
    };
    let mut finding = Finding::new(
        &NESTED_PICKLE,
        message,
        assess::locate_site(program, sink, &nested.site, "the constant"),
    )
    .severity(severity)
    .subject(format!("{} {}", nested.encoding, nested.program.opcodes))
    .help(HELP_SAFE_FORMAT);
    if !nested.encoding.is_empty() {
        finding = finding.note(format!("it is written as {}", nested.encoding));
    }
    if nested.count > 1 {
        finding = finding.note(format!("{} constants hold one like it", nested.count));
    }
    for line in nested
        .program
        .pseudo_code()
        .lines()
        .filter(|l| !l.starts_with('#'))
        .take(3)
    {
        finding = finding.note(format!("it does {}", code(line)));
    }
    Some(finding)
}
