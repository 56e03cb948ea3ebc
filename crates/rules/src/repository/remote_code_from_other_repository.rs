use super::{
    facts::Repository,
    refs::{Target, code_references},
};
use std::collections::BTreeSet;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};

/// A configuration takes code from another repository.
pub(crate) static REMOTE_CODE_FROM_OTHER_REPOSITORY: Rule = Rule {
    id: "remote-code-from-other-repository",
    summary: "a model's configuration takes its code from another repository",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 5,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can write to the other repository, now or later",
        vector: "`auto_map` with `org/repository--module.Class`",
        weakness: "the revision of a model does not pin the repository that its code comes from",
        impact: "code that nobody has looked at runs with the rights of whoever loads the model",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(829),
        Reference::Cwe(494),
    ],
    page: include_str!("remote_code_from_other_repository.md"),
    file: file!(),
};

pub(super) fn check(repository: &Repository, sink: &mut Sink) {
    let mut seen = BTreeSet::new();
    for reference in code_references(repository) {
        let Target::Elsewhere(other) = &reference.target else {
            continue;
        };
        if !seen.insert((reference.path.to_owned(), other.clone())) {
            continue;
        }
        let place = sink.text_of(
            &reference.document.artifact,
            &reference.document.text,
            reference.span.clone(),
            "the code lies there, at whatever it is today",
        );
        let message = format!(
            "{} runs code of another repository, {}",
            reference.loader.words(),
            code(other)
        );
        sink.push(
            Finding::new(&REMOTE_CODE_FROM_OTHER_REPOSITORY, message, place)
                .subject(format!("{} {other}", reference.path))
                .property("repository", other.as_str())
                .note("that code was not looked at, and pinning the model does not pin it")
                .help("read the code there and pin it with `code_revision=\"<40 hexadecimal digits>\"`")
                .help("or copy the code into your own repository and name it there"),
        );
    }
}
