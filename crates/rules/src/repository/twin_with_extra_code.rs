use super::twin::Twin;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};

/// A copy of a model that brings code which the original does not.
pub(crate) static TWIN_WITH_EXTRA_CODE: Rule = Rule {
    id: "twin-with-extra-code",
    summary: "a copy of a model brings code that the original does not",
    severity: Severity::Critical,
    confidence: Confidence::High,
    measure: Measure::Integrity,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 4,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever publishes a copy under a name that is taken for the original's",
        vector: "one file more, or one line more, beside weights that work as expected",
        weakness: "a model that answers like the original is taken for the original",
        impact: "the attacker's code runs as soon as the copy is loaded",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Cwe(345),
    ],
    page: include_str!("twin_with_extra_code.md"),
    file: file!(),
};

pub(super) fn check(twin: &Twin, sink: &mut Sink) {
    let same = twin.weights.are_the_same();
    for change in &twin.code {
        let weights = if same {
            "has the weights of the original"
        } else {
            "is made after the original"
        };
        let brings = if change.changed { "changes" } else { "adds" };
        let when = match (change.leads, change.at_load) {
            (true, _) => ", which makes loading it run code",
            (false, true) => ", which loading it runs",
            (false, false) => "",
        };
        let severity = if same && change.at_load {
            Severity::Critical
        } else {
            Severity::High
        };
        let mut finding = Finding::new(
            &TWIN_WITH_EXTRA_CODE,
            format!("this copy {weights} and {brings} {}{when}", code(&change.path)),
            change.location.clone(),
        )
        .severity(severity)
        .subject(change.path.clone())
        .property("same_weights", same)
        .note(if change.changed {
            format!("{}, other than the original's", change.what)
        } else {
            format!("{}, and the original has none there", change.what)
        });
        if let Some(harm) = &change.harm {
            finding = finding.note(harm.clone());
        }
        sink.push(
            finding
                .help("load the original instead, by its own name and a pinned commit")
                .help("if you trust whoever made the copy, read the difference first"),
        );
    }
}
