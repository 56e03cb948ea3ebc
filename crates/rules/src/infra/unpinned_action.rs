use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_infra::Configuration;

/// An action that is named by a tag or a branch.
pub(crate) static UNPINNED_ACTION: Rule = Rule {
    id: "unpinned-action",
    summary: "an action of others is used without its commit",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::PoisonedLibrary),
    risk: Risk {
        exploitability: 3,
        detectability: 5,
        technical_impact: 5,
        ml_application: 2,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever can push to the action's repository",
        vector: "a tag or branch that is moved to another commit",
        weakness: "the name in the workflow can be made to point elsewhere",
        impact: "the attacker's code runs with the workflow's token and secrets, and in what it builds",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(494),
        Reference::Cwe(829),
        Reference::Cve("CVE-2025-30066"),
    ],
    page: include_str!("unpinned_action.md"),
    file: file!(),
};

/// Owners that run the platform itself: who takes over their tags has the workflow anyway.
const PLATFORM: &[&str] = &["actions", "github"];

/// Names that only branches have.
const BRANCHES: &[&str] = &["main", "master", "develop", "dev", "trunk", "head"];

pub(super) fn check(configuration: &Configuration, sink: &mut Sink) {
    for resource in &configuration.resources {
        // What lies in the repository itself moves with it; what an expression names is not known.
        for word in resource
            .uses
            .iter()
            .filter(|w| !w.open && !w.text.starts_with('.'))
        {
            let (name, reference) = match word.text.split_once('@') {
                Some((name, reference)) => (name, reference),
                None => (word.text.as_str(), ""),
            };
            let is_commit =
                matches!(reference.len(), 40 | 64) && reference.bytes().all(|b| b.is_ascii_hexdigit());
            let owner = name.split('/').next().unwrap_or_default();
            if is_commit || !name.contains('/') || owner.is_empty() {
                continue;
            }
            let branch = reference.is_empty() || BRANCHES.contains(&reference.to_ascii_lowercase().as_str());
            let message = if reference.is_empty() {
                format!("whoever can push to {} runs code in this workflow", code(name))
            } else {
                format!(
                    "whoever can push to {} or move {} runs code in this workflow",
                    code(name),
                    code(reference)
                )
            };
            let severity = match (PLATFORM.contains(&owner), branch) {
                (true, false) => Severity::Low,
                (true, true) | (false, _) => Severity::Medium,
            };
            let label = if branch {
                "a branch moves with every push"
            } else {
                "a tag can be moved"
            };
            let place = sink.text(&configuration.text, word.span.clone(), label);
            sink.push(
                Finding::new(&UNPINNED_ACTION, message, place)
                    .severity(severity)
                    .subject(escape(&word.text))
                    .help("name the commit, with all of its 40 digits, and keep the version as a comment behind it")
                    .property("action", escape(name))
                    .property("reference", escape(reference)),
            );
        }
    }
}
