use super::weak;
use crate::EstateView;
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_infra::{Gain, Weakness};

/// A platform that asks for a login which anybody can have.
pub(crate) static OPEN_SIGN_UP: Rule = Rule {
    id: "open-sign-up",
    summary: "a platform asks for a login that anybody can make or has",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 5,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "anyone who reaches the platform",
        vector: "its own page for signing up or in",
        weakness: "nobody has to know the person who signs in",
        impact: "a stranger works in it as a user: reads data, changes labels and models, runs code",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(287),
        Reference::Cwe(1188),
    ],
    page: include_str!("open_sign_up.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    weak::report(
        &OPEN_SIGN_UP,
        Weakness::SignUp,
        |service| match service.product.gain {
            Gain::Code | Gain::Write => Severity::High,
            Gain::Data => Severity::Medium,
        },
        view,
        sink,
    );
}
