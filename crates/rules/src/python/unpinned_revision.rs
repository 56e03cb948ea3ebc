use super::{
    callee,
    hub::{Kind, Revision, fetch},
};
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_pycode::Module;

/// A model or data set that is fetched at whatever its branch points to.
pub(crate) static UNPINNED_REVISION: Rule = Rule {
    id: "unpinned-revision",
    summary: "a model or data set is fetched at a revision that can be moved",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever takes over the repository's owner, or re-registers the name",
        vector: "a new commit on the branch that the code follows",
        weakness: "the code names a branch or tag where it could name a commit",
        impact: "another model is loaded than the one that was tested",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(494),
        Reference::Atlas("AML.T0010.003"),
    ],
    page: include_str!("unpinned_revision.md"),
    file: file!(),
};

pub(super) fn check(module: &Module, sink: &mut Sink) {
    for call in &module.calls {
        let Some(fetch) = fetch(call) else { continue };
        let Some(name) = fetch.names.first() else { continue };
        let what = match fetch.kind {
            Kind::Model => "the model",
            Kind::Dataset => "the data set",
            Kind::TorchHub => "the code of",
        };
        let (message, label) = match &fetch.revision {
            Revision::Pinned | Revision::Unknown => continue,
            Revision::Missing => (
                format!(
                    "{what} {} is fetched at whatever its default branch holds today",
                    code(name)
                ),
                "no commit is named".to_owned(),
            ),
            Revision::Movable(reference) => (
                format!(
                    "{what} {} is fetched at {}, which can be moved",
                    code(name),
                    code(reference)
                ),
                "a branch, a tag or a shortened commit".to_owned(),
            ),
        };
        let place = match (fetch.kind, &fetch.revision, call.keyword("revision")) {
            (Kind::TorchHub, ..) | (_, Revision::Missing, _) | (.., None) => fetch.repository.range.clone(),
            (.., Some(argument)) => argument.range.clone(),
        };
        let location = sink.text(&module.text, place, label).and(
            &module.text,
            call.callee_range.clone(),
            "fetched here",
        );
        let mut finding = Finding::new(&UNPINNED_REVISION, message, location).subject(name.clone());
        if fetch.kind == Kind::TorchHub {
            // The repository's own `hubconf.py` runs, so whoever moves the branch runs code.
            finding = finding
                .severity(Severity::High)
                .at(callee(module, call, sink, "runs `hubconf.py` of the repository"))
                .help("name the commit after a colon: `owner/name:<40 hexadecimal digits>`");
        } else {
            finding = finding.help("name the commit: `revision=\"<40 hexadecimal digits>\"`");
        }
        sink.push(finding);
    }
}
