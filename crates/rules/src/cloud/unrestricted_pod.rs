use crate::EstateView;
use std::collections::BTreeSet;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_infra::{Access, Audience, Bind, Isolation, Launch, Workload, launches};

/// A platform that asks nobody is reached by every pod of its cluster.
pub(crate) static UNRESTRICTED_POD: Rule = Rule {
    id: "unrestricted-pod",
    summary: "a platform that asks nobody is reached by every pod of its cluster",
    severity: Severity::Low,
    confidence: Confidence::Medium,
    measure: Measure::Infrastructure,
    scenario: Some(Scenario::ExposedDashboard),
    risk: Risk {
        exploitability: 3,
        detectability: 3,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever runs anything in the cluster, or has broken into it",
        vector: "the address of the pod or its service",
        weakness: "no network policy selects the pod, and the platform has no password",
        impact: "models and data are read or replaced, or code runs with the rights of the platform",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(306),
        Reference::Cwe(923),
    ],
    page: include_str!("unrestricted_pod.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    for workload in &view.estate.workloads {
        if workload.isolation != Isolation::None {
            continue;
        }
        let mut told = BTreeSet::new();
        for launch in workload.containers.iter().flat_map(|c| launches(c, true)) {
            let inside = launch.access != Access::On && launch.bind == Bind::All && launch.certain;
            if inside && !is_told(workload, &launch) && told.insert(launch.product.id) {
                report(view, workload, &launch, sink);
            }
        }
    }
}

/// Whether others than the cluster come in: that is told of with whatever leads to it.
fn is_told(workload: &Workload, launch: &Launch) -> bool {
    launch.ports.iter().any(|port| {
        workload
            .ways_to(*port)
            .iter()
            .any(|w| w.audience > Audience::Cluster && !w.is_guarded())
    })
}

fn report(view: &EstateView, workload: &Workload, launch: &Launch, sink: &mut Sink) {
    let product = launch.product;
    let message = format!(
        "every pod of the cluster reaches {} in {}, which asks nobody",
        product.name,
        code(&workload.name)
    );
    let mut places = view.places(sink, &launch.marks).into_iter();
    let Some(place) = places.next() else { return };
    let finding = Finding::new(&UNRESTRICTED_POD, message, place)
        .subject(format!("{} in {}", product.id, escape(&workload.name)))
        .property("product", product.id)
        .help("add a `NetworkPolicy` that selects it and lets in only the pods that use it")
        .help(product.remedy);
    sink.push(places.fold(finding, Finding::at));
}
