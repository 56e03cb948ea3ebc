use super::weak;
use crate::EstateView;
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_infra::Weakness;

/// A platform that lets any web page act for whoever is signed in to it.
pub(crate) static BROWSER_GUARD_OFF: Rule = Rule {
    id: "browser-guard-off",
    summary: "a platform lets any web page act for whoever is signed in to it",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "the author of any web page that a user of the platform opens",
        vector: "requests that the user's own browser sends",
        weakness: "the platform was told not to look at where requests come from",
        impact: "code runs, or models are read and changed, in the user's name, also behind a login and on a private network",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(352),
        Reference::Cwe(942),
    ],
    page: include_str!("browser_guard_off.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    weak::report(
        &BROWSER_GUARD_OFF,
        Weakness::Browser,
        |_| Severity::Medium,
        view,
        sink,
    );
}
