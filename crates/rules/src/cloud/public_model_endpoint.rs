use super::{Said, head, model_user, said};
use crate::EstateView;
use std::ops::Range;
use wellhead_core::{
    Confidence, Finding, Measure, Reference, Risk, Rule, RuleStatus, Scenario, Severity, Sink, ThreatProfile,
    code, escape,
};
use wellhead_infra::{Audience, Managed, OpeningKind, Workload};

/// An endpoint or workspace for models answers the internet.
pub(crate) static PUBLIC_MODEL_ENDPOINT: Rule = Rule {
    id: "public-model-endpoint",
    summary: "an endpoint or workspace for models answers the internet",
    severity: Severity::Medium,
    confidence: Confidence::Medium,
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
        agent: "anyone on the internet who has or finds a credential",
        vector: "the public address of the endpoint or workspace",
        weakness: "its network access is public",
        impact: "a leaked key is enough to use, copy or replace models",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(284),
        Reference::Cwe(668),
    ],
    page: include_str!("public_model_endpoint.md"),
    file: file!(),
};

pub(super) fn check(view: &EstateView, sink: &mut Sink) {
    for managed in &view.estate.cloud.managed {
        match managed.kind.as_str() {
            "google_vertex_ai_endpoint" => vertex(view, managed, sink),
            "azurerm_machine_learning_workspace" | "azurerm_ai_foundry" => workspace(view, managed, sink),
            _ => {}
        }
    }
    everyone_invokes(view, sink);
    cloud_run(view, sink);
}

/// An endpoint of Vertex AI is public unless it stands in a network.
fn vertex(view: &EstateView, managed: &Managed, sink: &mut Sink) {
    let private = managed
        .settings
        .iter()
        .any(|s| s.name == "network" || s.name.starts_with("private_service_connect_config"));
    if private {
        return;
    }
    report(
        view,
        &managed.address,
        "answers at a public address of the cloud",
        &[(head(view, &managed.span), "in no network".to_owned())],
        (
            Severity::Low,
            "set `network`, or `private_service_connect_config`, on the endpoint",
        ),
        sink,
    );
}

fn workspace(view: &EstateView, managed: &Managed, sink: &mut Sink) {
    let (setting, off) = if managed.kind == "azurerm_ai_foundry" {
        ("public_network_access", "Disabled")
    } else {
        ("public_network_access_enabled", "false")
    };
    let (mark, severity) = match said(managed, setting) {
        Said::Unknown => return,
        Said::Value(value, _) if value.eq_ignore_ascii_case(off) => return,
        Said::Value(_, span) => ((span.clone(), "public".to_owned()), Severity::Medium),
        Said::Absent => (
            (
                head(view, &managed.span),
                "public unless it is told otherwise".to_owned(),
            ),
            Severity::Low,
        ),
    };
    let help = if off == "false" {
        "set `public_network_access_enabled = false`, and reach it through a private endpoint"
    } else {
        "set `public_network_access = \"Disabled\"`, and reach it through a private endpoint"
    };
    report(
        view,
        &managed.address,
        "answers the internet; only credentials stand before it",
        &[mark],
        (severity, help),
        sink,
    );
}

/// A role on an endpoint that everyone has.
fn everyone_invokes(view: &EstateView, sink: &mut Sink) {
    for grant in &view.estate.cloud.grants {
        if !grant.address.starts_with("google_vertex_ai_") {
            continue;
        }
        let everyone = grant
            .principals
            .iter()
            .find(|p| matches!(p.text.as_str(), "allUsers" | "allAuthenticatedUsers"));
        if let Some(who) = everyone {
            report(
                view,
                &grant.address,
                "lets everyone ask the model, without any credential",
                &[(who.span.clone(), "everyone".to_owned())],
                (
                    Severity::High,
                    "give the role to the service accounts that need it",
                ),
                sink,
            );
        }
    }
}

/// A service of Cloud Run that everyone may call, with models in it that no entry of the catalogue knows.
fn cloud_run(view: &EstateView, sink: &mut Sink) {
    for workload in view.estate.workloads.iter().filter(|w| !super::runs_platform(w)) {
        let way = workload.openings.iter().find(|o| {
            o.kind == OpeningKind::PublicUrl && o.audience == Audience::Internet && o.guards.is_empty()
        });
        let Some((way, shows)) = way.zip(serves_models(view, workload)) else {
            continue;
        };
        let mut marks: Vec<(Range<usize>, String)> = way.chain.clone();
        for mark in &mut marks {
            mark.0 = head(view, &mark.0);
        }
        marks.push(shows);
        let help = "take `allUsers` away, and give `roles/run.invoker` to the service accounts that need it";
        report(
            view,
            &workload.name,
            "lets everyone on the internet use its model",
            &marks,
            (Severity::Medium, help),
            sink,
        );
    }
}

/// What shows that a service of Cloud Run serves models: a GPU, or models that it mounts.
fn serves_models(view: &EstateView, workload: &Workload) -> Option<(Range<usize>, String)> {
    let cloud = &view.estate.cloud;
    let own = cloud
        .managed
        .iter()
        .find(|m| m.span == workload.span && m.kind.starts_with("google_cloud_run_"))?;
    let gpu = own.settings.iter().find(|s| {
        s.name.contains("nvidia.com/gpu")
            || s.name.ends_with("node_selector.accelerator")
            || s.name.contains("gpu-type")
    });
    if let Some(gpu) = gpu {
        return Some((gpu.span.clone(), "it has a GPU".to_owned()));
    }
    let mounts = |b: &&wellhead_infra::Bucket| {
        b.users.iter().any(|u| u.address == own.address) && model_user(view, b).is_some()
    };
    let bucket = cloud.buckets.iter().find(mounts)?;
    Some((
        head(view, &bucket.span),
        "it reads this bucket of models".to_owned(),
    ))
}

fn report(
    view: &EstateView,
    name: &str,
    does: &str,
    marks: &[(Range<usize>, String)],
    (severity, help): (Severity, &'static str),
    sink: &mut Sink,
) {
    let mut places = view.places(sink, marks).into_iter();
    let Some(place) = places.next() else { return };
    let finding = Finding::new(&PUBLIC_MODEL_ENDPOINT, format!("{} {does}", code(name)), place)
        .severity(severity)
        .subject(escape(name))
        .help(help);
    sink.push(places.fold(finding, Finding::at));
}
