use super::{Environment, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

/// An installed package lacks what it requires.
pub(crate) static UNMET_REQUIREMENT: Rule = Rule {
    id: "unmet-requirement",
    summary: "an installed package lacks what it requires",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    measure: Measure::Updates,
    scenario: None,
    risk: Risk {
        exploitability: 2,
        detectability: 3,
        technical_impact: 2,
        ml_application: 2,
        ml_operations: 2,
    },
    threat: ThreatProfile {
        agent: "nobody; an accident",
        vector: "an installation that did not end",
        weakness: "packages run with versions that they were not made for",
        impact: "checks and fixes that a package relies on are not there",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1104)],
    page: include_str!("unmet_requirement.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        if distribution.unmet.is_empty() {
            continue;
        }
        let all: Vec<String> = distribution
            .unmet
            .iter()
            .take(8)
            .map(|u| match &u.installed {
                Some(version) => format!("{} (installed: {})", code(&u.requirement), code(version)),
                None => format!("{} (not installed)", code(&u.requirement)),
            })
            .collect();
        let message = format!(
            "{} runs without what it was made for: {}",
            shown_name(distribution),
            all.join(", ")
        );
        sink.push(
            Finding::new(
                &UNMET_REQUIREMENT,
                message,
                Location::whole(&distribution.info, "its metadata require it"),
            )
            .help("install from the lock again: `pip check` has to be silent")
            .subject(distribution.name.clone())
            .property("purl", distribution.purl()),
        );
    }
}
