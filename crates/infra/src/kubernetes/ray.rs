//! KubeRay: clusters of Ray, whose operator writes the command, the service and the token by itself.

use super::{
    Cluster,
    object::{Object, word},
    pod::{self, Owner},
    routes,
};
use crate::{
    resource::{Command, Variable, Word},
    workload::{Audience, Isolation, Opening, OpeningKind, Workload, WorkloadKind},
};
use std::ops::Range;
use wellhead_formats::text::Node;

/// Ports of the head that the operator's service leads to: the store of the cluster, the dashboard, clients, Serve.
const HEAD_PORTS: [u32; 4] = [6379, 8265, 10_001, 8000];

/// How many groups of workers are read.
const MOST_GROUPS: usize = 64;

/// The head and the workers of a cluster.
pub(super) fn workloads(object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Workload> {
    let spec = match object.kind() {
        "RayService" => object.get(&["spec", "rayClusterConfig"]),
        "RayJob" => object.get(&["spec", "rayClusterSpec"]),
        "RayCronJob" => object
            .get(&["spec", "jobTemplate", "rayClusterSpec"])
            .or_else(|| object.get(&["spec", "jobTemplate", "spec", "rayClusterSpec"])),
        _ => object.spec(),
    };
    let Some(spec) = spec else { return Vec::new() };
    let mut out = Vec::new();
    if let Some(group) = spec.get("headGroupSpec") {
        out.extend(head(object, spec, group, cluster));
    }
    let groups = spec.get("workerGroupSpecs").map_or(&[][..], Node::items);
    for group in groups.iter().take(MOST_GROUPS) {
        let found = member(object, spec, group, WorkloadKind::RayWorker, cluster);
        out.extend(found);
    }
    out
}

fn member(
    object: &Object<'_>,
    spec: &Node,
    group: &Node,
    kind: WorkloadKind,
    cluster: &Cluster<'_, '_>,
) -> Option<Workload> {
    let owner = Owner {
        name: object.name(),
        namespace: object.namespace(),
        kind,
        span: object.place(),
    };
    let mut workload = pod::pod(group.get("template")?, &owner, cluster)?;
    let label = |text: &str| Word {
        text: text.to_owned(),
        span: group.span.clone(),
        open: false,
    };
    let node_type = if kind == WorkloadKind::RayHead {
        "head"
    } else {
        "worker"
    };
    workload
        .labels
        .insert("ray.io/cluster".to_owned(), label(object.name()));
    workload
        .labels
        .insert("ray.io/node-type".to_owned(), label(node_type));
    // The operator hands the token to every container.
    if let Some(mode) = spec.path(&["authOptions", "mode"]) {
        for container in &mut workload.containers {
            container.environment.push(Variable {
                name: "RAY_AUTH_MODE".to_owned(),
                value: word(mode),
                span: mode.span.clone(),
            });
        }
    }
    // The operator writes the policy.
    let isolated = spec.path(&["networkIsolation", "mode"]).and_then(Node::as_text);
    if matches!(isolated, Some("denyAll" | "denyAllIngress")) {
        workload.isolation = Isolation::Limited(Vec::new());
    }
    let overwritten = object
        .annotation("ray.io/overwrite-container-cmd")
        .is_some_and(|(v, _)| v == "true");
    if !overwritten && let Some(main) = workload.containers.first_mut() {
        main.start.push(start(group, kind));
        main.arguments_only = false;
    }
    Some(workload)
}

/// The command that the operator writes from `rayStartParams`.
fn start(group: &Node, kind: WorkloadKind) -> Command {
    let params = group.get("rayStartParams");
    let place = params.map_or(group.span.clone(), |n| n.span.clone());
    let plain = |text: &str| Word {
        text: text.to_owned(),
        span: place.start..place.start,
        open: false,
    };
    let mut words = vec![plain("ray"), plain("start")];
    if kind == WorkloadKind::RayHead {
        words.push(plain("--head"));
        // What the operator adds where nothing is said.
        if params.is_none_or(|p| p.get("dashboard-host").is_none()) {
            let span = place.clone();
            words.push(Word {
                span,
                ..plain("--dashboard-host=0.0.0.0")
            });
        }
    }
    for entry in params.map_or(&[][..], Node::entries) {
        let value = word(&entry.node).unwrap_or_default();
        words.push(Word {
            text: format!("--{}={}", entry.key, value.text),
            span: entry.key_span.start..entry.node.span.end.max(entry.key_span.end),
            open: value.open,
        });
    }
    Command {
        words,
        ..Command::default()
    }
}

fn head(object: &Object<'_>, spec: &Node, group: &Node, cluster: &Cluster<'_, '_>) -> Option<Workload> {
    let mut workload = member(object, spec, group, WorkloadKind::RayHead, cluster)?;
    let name = object.name();
    workload.names.extend([
        format!("{name}-head-svc"),
        format!("{name}-head"),
        format!("{name}-serve-svc"),
    ]);
    let service = group
        .get("headService")
        .or_else(|| object.get(&["spec", "serveService"]));
    workload
        .names
        .extend(service.and_then(|s| s.path(&["metadata", "name"])?.as_text().map(str::to_owned)));
    let kind = group
        .get("serviceType")
        .or_else(|| group.path(&["headService", "spec", "type"]))
        .or_else(|| object.get(&["spec", "serveService", "spec", "type"]));
    let declared: Vec<u32> = workload
        .containers
        .iter()
        .flat_map(|c| &c.ports)
        .filter_map(|p| Some(p.container.as_ref()?.start))
        .collect();
    let mut ports: Vec<u32> = if declared.is_empty() {
        HEAD_PORTS.to_vec()
    } else {
        declared
    };
    ports.truncate(MOST_GROUPS);
    let place = kind.map_or(group.span.start..group.span.start, |n| n.span.clone());
    for port in ports {
        workload.openings.push(opening(
            OpeningKind::ClusterService,
            Audience::Cluster,
            port,
            &place,
        ));
        let inside = Some(port..port.saturating_add(1));
        workload.openings.extend(routes::typed(
            object,
            kind,
            inside,
            Some(port),
            None,
            place.clone(),
        ));
    }
    if let Some(node) = group.get("enableIngress").filter(|n| super::is_on(n)) {
        workload.openings.push(opening(
            OpeningKind::Ingress,
            Audience::Everyone,
            8265,
            &node.span,
        ));
    }
    Some(workload)
}

fn opening(kind: OpeningKind, audience: Audience, port: u32, place: &Range<usize>) -> Opening {
    Opening {
        kind,
        audience,
        inside: Some(port..port.saturating_add(1)),
        outside: Some(port..port.saturating_add(1)),
        guards: Vec::new(),
        chain: vec![(place.clone(), "the operator of Ray makes a way to it".to_owned())],
    }
}
