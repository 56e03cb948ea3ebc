use super::{Environment, shown_name};
use wellhead_core::{
    Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Severity, Sink, ThreatProfile,
    code,
};

/// Pip installed a package over the one of conda.
pub(crate) static PIP_OVER_CONDA: Rule = Rule {
    id: "pip-over-conda",
    summary: "pip installed a package over the one of conda",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    measure: Measure::Integrity,
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
        vector: "two installers in one prefix",
        weakness: "neither knows what the other wrote",
        impact: "updates of conda no longer reach what runs",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[Reference::Owasp("ML06:2023"), Reference::Cwe(1104)],
    page: include_str!("pip_over_conda.md"),
    file: file!(),
};

pub(crate) fn check(environment: &Environment, sink: &mut Sink) {
    for distribution in &environment.distributions {
        let Some((info, version)) = &distribution.over_conda else {
            continue;
        };
        let message = format!(
            "updates of conda no longer reach {}: pip installed it over the package of conda, {}",
            shown_name(distribution),
            code(version)
        );
        sink.push(
            Finding::new(
                &PIP_OVER_CONDA,
                message,
                Location::whole(&distribution.info, "installed over it"),
            )
            .at(Location::whole(info, "the package of conda"))
            .help("make the environment anew, with all of it from one of them")
            .subject(distribution.name.clone())
            .property("purl", distribution.purl()),
        );
    }
}
