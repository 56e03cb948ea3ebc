use super::weak;
use crate::EstateView;
use wellhead_core::{
    Confidence, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
};
use wellhead_infra::{Gain, Weakness};

/// A platform that is told to run what others hand it, or with more rights than it needs.
pub(crate) static DANGEROUS_PLATFORM_SETTING: Rule = Rule {
    id: "dangerous-platform-setting",
    summary: "a platform is told to run what others hand it, or with more rights than it needs",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 4,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "whoever may call the platform, or writes where it loads from",
        vector: "a model, an adapter or a request that makes it load one",
        weakness: "a setting that is off for good reason was switched on",
        impact: "code of others runs on the machine that serves models",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(94),
        Reference::Cwe(829),
    ],
    page: include_str!("dangerous_platform_setting.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    weak::report(
        &DANGEROUS_PLATFORM_SETTING,
        Weakness::Dangerous,
        |service| match service.product.gain {
            Gain::Code | Gain::Write => Severity::High,
            Gain::Data => Severity::Medium,
        },
        view,
        sink,
    );
}
