//! Model servers that an operator starts: KServe, Seldon, Knative, and clusters of Dask.

use super::{
    Cluster, guards,
    object::{Object, annotation, word},
    pod::{self, Owner},
    routes,
};
use crate::{
    resource::{Resource, Word},
    workload::{Audience, Guard, Isolation, Opening, OpeningKind, Workload, WorkloadKind},
};
use std::ops::Range;
use wellhead_formats::text::Node;

/// How many parts of one deployment are read.
const MOST_PARTS: usize = 64;

fn owner<'a>(object: &'a Object<'_>, kind: WorkloadKind) -> Owner<'a> {
    Owner {
        name: object.name(),
        namespace: object.namespace(),
        kind,
        span: object.place(),
    }
}

fn empty(object: &Object<'_>, kind: WorkloadKind) -> Workload {
    Workload {
        name: object.name().to_owned(),
        namespace: object.namespace().to_owned(),
        kind,
        span: object.place(),
        isolation: Isolation::None,
        ..Workload::default()
    }
}

fn opening(
    kind: OpeningKind,
    audience: Audience,
    port: u32,
    place: Range<usize>,
    guards: Vec<Guard>,
) -> Opening {
    Opening {
        kind,
        audience,
        inside: Some(port..port.saturating_add(1)),
        outside: None,
        guards,
        chain: vec![(place, "its operator makes a route to it".to_owned())],
    }
}

/// Whether labels keep a service of Knative inside its cluster.
fn is_local(object: &Object<'_>) -> bool {
    let names = [
        "networking.knative.dev/visibility",
        "networking.kserve.io/visibility",
        "serving.knative.dev/visibility",
    ];
    ["labels", "annotations"].iter().any(|table| {
        let Some(table) = object.get(&["metadata", table]) else {
            return false;
        };
        names.iter().any(|n| {
            annotation(table, n).is_some_and(|(v, _)| matches!(v, "cluster-local" | "cluster-internal"))
        })
    })
}

/// A model that KServe serves: predictor, transformer and explainer.
pub(super) fn inference_service(object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Workload> {
    let mut out = Vec::new();
    for part in ["predictor", "transformer", "explainer"] {
        let Some(node) = object.get(&["spec", part]) else {
            continue;
        };
        let mut workload = empty(object, WorkloadKind::InferenceService);
        for container in node.get("containers").map_or(&[][..], Node::items) {
            workload
                .containers
                .push(pod::container(container, node, object.namespace(), cluster));
        }
        for entry in node.entries() {
            // `model: {storageUri}`, and the older `sklearn: {storageUri}`, `triton: {…}`.
            let server = ["storageUri", "modelFormat", "runtime", "storage"]
                .iter()
                .any(|k| entry.node.get(k).is_some());
            if server || entry.key == "model" {
                workload
                    .containers
                    .push(pod::container(&entry.node, node, object.namespace(), cluster));
                workload
                    .models
                    .extend(entry.node.get("storageUri").and_then(word));
            }
        }
        let stored = workload.containers.iter().flat_map(|c| &c.environment);
        let stored: Vec<Word> = stored
            .filter(|v| v.name == "STORAGE_URI")
            .filter_map(|v| v.value.clone())
            .collect();
        workload.models.extend(stored);
        // The transformer is what is asked where there is one; the predictor stays behind it.
        let behind = part != "transformer" && object.get(&["spec", "transformer"]).is_some();
        let guards = guards::of_annotations(object);
        let route = if behind || is_local(object) {
            opening(
                OpeningKind::ClusterService,
                Audience::Cluster,
                8080,
                object.place(),
                guards,
            )
        } else {
            opening(
                OpeningKind::VirtualService,
                Audience::Everyone,
                8080,
                object.place(),
                guards,
            )
        };
        workload.openings.push(route);
        out.push(workload);
    }
    out
}

/// Predictors of Seldon.
pub(super) fn seldon(object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Workload> {
    let mut out = Vec::new();
    for predictor in object
        .get(&["spec", "predictors"])
        .map_or(&[][..], Node::items)
        .iter()
        .take(MOST_PARTS)
    {
        let mut workload = empty(object, WorkloadKind::SeldonDeployment);
        // The operator makes a service for each predictor, and one for each model of its graph.
        let name = predictor.get("name").and_then(Node::as_text).unwrap_or("default");
        workload.names.push(format!("{}-{name}", object.name()));
        let model = predictor.path(&["graph", "name"]).and_then(Node::as_text);
        workload
            .names
            .extend(model.map(|m| format!("{}-{name}-{m}", object.name())));
        if out.is_empty() {
            workload.names.push(object.name().to_owned());
        }
        for part in predictor
            .get("componentSpecs")
            .map_or(&[][..], Node::items)
            .iter()
            .take(MOST_PARTS)
        {
            let found = pod::pod(part, &owner(object, WorkloadKind::SeldonDeployment), cluster);
            if let Some(found) = found {
                workload.containers.extend(found.containers);
                workload.openings.extend(found.openings);
                workload.labels.extend(found.labels);
            }
        }
        // The graph is a tree of models.
        let mut nodes: Vec<&Node> = predictor.get("graph").into_iter().collect();
        for _ in 0..MOST_PARTS {
            let Some(node) = nodes.pop() else { break };
            workload.models.extend(node.get("modelUri").and_then(word));
            if workload.containers.is_empty() {
                workload.containers.push(Resource {
                    name: node
                        .get("name")
                        .and_then(Node::as_text)
                        .unwrap_or_default()
                        .to_owned(),
                    image: node.get("implementation").and_then(word),
                    span: node.span.clone(),
                    ..Resource::default()
                });
            }
            nodes.extend(node.get("children").map_or(&[][..], Node::items));
        }
        for port in [8000, 9000] {
            workload.openings.push(opening(
                OpeningKind::ClusterService,
                Audience::Cluster,
                port,
                predictor.span.clone(),
                Vec::new(),
            ));
        }
        out.push(workload);
    }
    out
}

/// A model of the second Seldon, which an inference server of the cluster loads.
pub(super) fn seldon_model(object: &Object<'_>) -> Vec<Workload> {
    let mut workload = empty(object, WorkloadKind::SeldonDeployment);
    workload
        .models
        .extend(object.get(&["spec", "storageUri"]).and_then(word));
    vec![workload]
}

/// A service of Knative, which gives it an address of its own.
pub(super) fn knative(object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Workload> {
    let template = object.get(&["spec", "template"]);
    let Some(mut workload) = template.and_then(|t| pod::pod(t, &owner(object, WorkloadKind::Pod), cluster))
    else {
        return Vec::new();
    };
    let ports = workload.containers.iter().flat_map(|c| &c.ports);
    let port = ports
        .filter_map(|p| Some(p.container.as_ref()?.start))
        .next()
        .unwrap_or(8080);
    let (kind, audience) = if is_local(object) {
        (OpeningKind::ClusterService, Audience::Cluster)
    } else {
        (OpeningKind::PublicUrl, Audience::Everyone)
    };
    workload
        .openings
        .push(opening(kind, audience, port, object.place(), Vec::new()));
    vec![workload]
}

/// A cluster of Dask: its scheduler with its service, its workers.
pub(super) fn dask(object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Workload> {
    let mut out = Vec::new();
    for part in ["scheduler", "worker"] {
        let Some(node) = object.get(&["spec", part]) else {
            continue;
        };
        let Some(mut workload) = pod::pod(node, &owner(object, WorkloadKind::Pod), cluster) else {
            continue;
        };
        if part == "scheduler" {
            workload.names.push(format!("{}-scheduler", object.name()));
            let kind = node.path(&["service", "type"]);
            for (port, place) in [8786, 8787].map(|p| (p, kind.map_or(object.place(), |k| k.span.clone()))) {
                workload.openings.push(opening(
                    OpeningKind::ClusterService,
                    Audience::Cluster,
                    port,
                    place.clone(),
                    Vec::new(),
                ));
                let inside = Some(port..port.saturating_add(1));
                workload
                    .openings
                    .extend(routes::typed(object, kind, inside, Some(port), None, place));
            }
        }
        out.push(workload);
    }
    out
}
