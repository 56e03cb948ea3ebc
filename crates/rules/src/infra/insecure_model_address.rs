use super::reach::is_aside;
use crate::EstateView;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};

/// A model that a server takes from an address without encryption.
pub(crate) static INSECURE_MODEL_ADDRESS: Rule = Rule {
    id: "insecure-model-address",
    summary: "a model server takes its model from an address without encryption",
    severity: Severity::High,
    confidence: Confidence::High,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 5,
        ml_application: 5,
        ml_operations: 4,
    },
    threat: ThreatProfile {
        agent: "anyone between the cluster and the address, and whoever answers for its name",
        vector: "the download of the model at each start",
        weakness: "nothing says that what arrives is what was asked for",
        impact: "another model is served, and where its format allows it code runs in the server",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(319),
        Reference::Cwe(494),
    ],
    page: include_str!("insecure_model_address.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    for workload in &view.estate.workloads {
        for model in workload.models.iter().filter(|m| !m.open) {
            let Some(rest) = model.text.strip_prefix("http://") else {
                continue;
            };
            let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
            let inside = host.ends_with(".svc") || host.contains(".svc.") || !host.contains('.');
            let place = view.place(sink, &model.span, "taken from here without encryption");
            let severity = match is_aside(place.artifact.leaf()) {
                true => Severity::Low,
                false if inside => Severity::Medium,
                false => Severity::High,
            };
            let message = format!(
                "whoever is between this server and {} chooses the model that it loads",
                code(host)
            );
            sink.push(
                Finding::new(&INSECURE_MODEL_ADDRESS, message, place)
                    .severity(severity)
                    .subject(format!("{} {}", escape(&workload.name), escape(host)))
                    .property("checks", vec!["SRV-13"])
                    .help("take it over `https://`, or from a bucket: `s3://`, `gs://`, `oci://`")
                    .help("record its digest with `wellhead lock`, and compare it where it is loaded"),
            );
        }
    }
}
