use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code,
};
use wellhead_pycode::{Capability, Change, Comparison};

/// A new version that can do what the old one could not.
pub(crate) static NEW_CAPABILITY: Rule = Rule {
    id: "new-capability",
    summary: "a new version can do what the old one could not",
    severity: Severity::High,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 5,
        ml_application: 3,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever took over the package or its build",
        vector: "a release that looks like any other",
        weakness: "updates are taken without being read",
        impact: "the attacker's code runs wherever the package is imported",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(506),
        Reference::Atlas("AML.T0010.001"),
    ],
    page: include_str!("new_capability.md"),
    file: file!(),
};

pub(super) fn check(comparison: &Comparison, sink: &mut Sink) {
    for change in &comparison.gained {
        let mut places = change.places.iter();
        let Some(first) = places.next() else { continue };
        let when = if change.at_import {
            "when it is imported, the new version"
        } else {
            "the new version"
        };
        let mut finding = Finding::new(
            &NEW_CAPABILITY,
            format!("{when} {}", change.capability.verb()),
            first.clone(),
        )
        .severity(severity(change))
        .subject(format!(
            "{} {}",
            change.capability,
            if change.at_import { "import" } else { "call" }
        ))
        .property("capability", change.capability.name())
        .help("read the places that are shown before you update");
        for place in places {
            finding = finding.at(place.clone());
        }
        let by: Vec<String> = change.by.iter().take(5).map(|b| code(b)).collect();
        finding = finding.note(format!("by {}", by.join(", ")));
        if change.known {
            finding = finding.note("the old version could do it too, but not at import");
        }
        if change.in_new_module {
            finding = finding.note("in a module that the old version did not have");
        }
        sink.push(finding);
    }
}

/// What attacks need weighs more than what ordinary features bring, and what runs by itself more than what is called.
fn severity(change: &Change) -> Severity {
    let strong = matches!(
        change.capability,
        Capability::Execution
            | Capability::Process
            | Capability::Network
            | Capability::Credentials
            | Capability::Native
    );
    match (strong, change.at_import) {
        (true, true) => Severity::High,
        (true, false) | (false, true) => Severity::Medium,
        (false, false) => Severity::Low,
    }
}
