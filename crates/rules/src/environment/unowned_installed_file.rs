use super::{Environment, Unowned, UnownedKind};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink,
    ThreatProfile, code,
};

/// Code that no package installed lies where Python imports from.
pub(crate) static UNOWNED_INSTALLED_FILE: Rule = Rule {
    id: "unowned-installed-file",
    summary: "code that no package installed lies where Python imports from",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can write into the environment",
        vector: "a file beside those of the packages",
        weakness: "Python imports whatever lies on its path",
        impact: "code that nobody installed runs with the next import of its name",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(427),
        Reference::Cwe(506),
        Reference::Atlas("AML.T0010"),
    ],
    page: include_str!("unowned_installed_file.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for unowned in &environment.unowned {
        sink.push(finding(unowned));
    }
}

fn finding(unowned: &Unowned) -> Finding {
    let severity = if unowned.effects.attacks() {
        Severity::Critical
    } else if unowned.shadows.is_some() {
        Severity::High
    } else {
        Severity::Medium
    };
    let what = match unowned.is {
        UnownedKind::Source => "a module".to_owned(),
        UnownedKind::Bytecode => "compiled code without its source".to_owned(),
        UnownedKind::Native => "a native module".to_owned(),
        UnownedKind::Link => "a link".to_owned(),
        UnownedKind::Unrecorded => "a module of what was installed without a record".to_owned(),
        UnownedKind::Folder | UnownedKind::Data => format!("a folder of {} modules", unowned.code),
    };
    let message = match &unowned.shadows {
        Some(owned) => format!(
            "Python imports {what} that nobody installed in the place of {}",
            code(&owned.to_string())
        ),
        None if unowned.is == UnownedKind::Unrecorded => format!("whoever imports it runs {what}"),
        None => format!("whoever imports it runs {what} that no installed package brought"),
    };
    let mut finding = Finding::new(
        &UNOWNED_INSTALLED_FILE,
        message,
        Location::whole(&unowned.artifact, "in no record"),
    )
    .severity(severity)
    .help("delete it, or install what it belongs to so that it is recorded");
    if let Some(worst) = unowned.effects.worst() {
        finding = finding.note(format!("it {worst}"));
    }
    finding
}
