//! What the providers for Kubernetes are told: the same objects that files in YAML declare.
//!
//! The one decision: a resource becomes the tree of the object that it makes, so that who reaches a pod is decided by one
//! reader, whatever the object was written in. Only names differ: `container_port` is `containerPort`, blocks that may
//! stand several times are lists in the plural.

use super::{
    eval::Resource,
    term::{Known, Term},
};
use crate::{
    estate::{Dialect, Document, Reading},
    helm,
    kubernetes::object::{self, Object, UNKNOWN},
    resource::Word,
    settings,
};
use std::{borrow::Cow, ops::Range};
use wellhead_formats::text::{Entry, Node, Value};

/// How deep objects nest.
const DEEPEST: usize = 40;

/// Types of resources without `kubernetes_` and version, the kind that each makes, and the version of its API.
const KINDS: &[(&str, &str, &str)] = &[
    ("config_map", "ConfigMap", "v1"),
    ("cron_job", "CronJob", "batch/v1"),
    ("daemon_set", "DaemonSet", "apps/v1"),
    ("daemonset", "DaemonSet", "apps/v1"),
    ("deployment", "Deployment", "apps/v1"),
    ("ingress", "Ingress", "networking.k8s.io/v1"),
    ("job", "Job", "batch/v1"),
    ("network_policy", "NetworkPolicy", "networking.k8s.io/v1"),
    ("pod", "Pod", "v1"),
    ("replication_controller", "ReplicationController", "v1"),
    ("secret", "Secret", "v1"),
    ("service", "Service", "v1"),
    ("stateful_set", "StatefulSet", "apps/v1"),
];

/// Blocks that are items of a list, and what the list is called.
const LISTS: &[(&str, &str)] = &[
    ("config_map_ref", "configMapRef"),
    ("container", "containers"),
    ("egress", "egress"),
    ("env", "env"),
    ("env_from", "envFrom"),
    ("from", "from"),
    ("host_aliases", "hostAliases"),
    ("http_header", "httpHeaders"),
    ("image_pull_secrets", "imagePullSecrets"),
    ("ingress", "ingress"),
    ("init_container", "initContainers"),
    ("items", "items"),
    ("match_expressions", "matchExpressions"),
    ("path", "paths"),
    ("port", "ports"),
    ("ports", "ports"),
    ("rule", "rules"),
    ("sources", "sources"),
    ("tls", "tls"),
    ("to", "to"),
    ("toleration", "tolerations"),
    ("volume", "volumes"),
    ("volume_claim_template", "volumeClaimTemplates"),
    ("volume_mount", "volumeMounts"),
];

/// Tables whose keys are the user's own.
const OWN: &[&str] = &[
    "annotations",
    "binary_data",
    "data",
    "labels",
    "limits",
    "match_labels",
    "node_selector",
    "requests",
];

/// The objects that the resources of one root make.
pub(super) fn objects(resources: &[Resource], reading: &mut Reading<'_>) -> Vec<Object<'static>> {
    let mut out = Vec::new();
    for resource in resources {
        let Some(kind) = Kind::of(&resource.kind) else {
            continue;
        };
        let size = usize::try_from(resource.term.size()).unwrap_or(usize::MAX);
        if !reading.pay(size >> 3, &resource.span) || !reading.hold(size.saturating_mul(2), &resource.span) {
            break;
        }
        let path = reading
            .files
            .at(resource.span.start)
            .map(|f| f.path.clone())
            .unwrap_or_default();
        match kind {
            Kind::Typed(kind, version) => out.push(Object {
                node: Cow::Owned(typed(resource, kind, version)),
                path: Cow::Owned(path),
            }),
            Kind::Manifest(key) => {
                let written = resource.term.get(key).and_then(|t| manifest(t, reading));
                let made = written.iter().flat_map(|node| object::objects(node, ""));
                out.extend(made.map(|o| Object {
                    node: Cow::Owned(o.node.into_owned()),
                    path: Cow::Owned(path.clone()),
                }));
            }
            Kind::Release => release(&resource.term, &path, reading),
        }
    }
    out
}

enum Kind {
    /// A resource with blocks of its own: its kind, and the version of its API.
    Typed(&'static str, &'static str),
    /// One that holds the object under that name.
    Manifest(&'static str),
    /// A chart that is installed.
    Release,
}

impl Kind {
    fn of(resource: &str) -> Option<Self> {
        match resource {
            "kubernetes_manifest" | "k8s_manifest" => return Some(Self::Manifest("manifest")),
            "helm_release" => return Some(Self::Release),
            "kubectl_manifest" => return Some(Self::Manifest("yaml_body")),
            _ => {}
        }
        let name = resource.strip_prefix("kubernetes_")?;
        let plain = name
            .rsplit_once("_v")
            .filter(|(_, version)| version.starts_with(|c: char| c.is_ascii_digit()));
        let name = plain.map_or(name, |(name, _)| name);
        let (_, kind, version) = KINDS.iter().find(|(n, ..)| *n == name)?;
        Some(Self::Typed(kind, version))
    }
}

/// A chart with the values that it is given.
fn release(term: &Term, path: &str, reading: &mut Reading<'_>) {
    let Some(chart) = term.get("chart").and_then(Term::as_str) else {
        return;
    };
    let given = term.get("values").map(Term::each).unwrap_or_default();
    let trees: Vec<Node> = given.into_iter().filter_map(|t| written(t, reading)).collect();
    let set = ["set", "set_sensitive"].iter().flat_map(|k| term.blocks(k));
    let sets = set.filter_map(|t| {
        let name = t.get("name")?.as_str()?.to_owned();
        Some((name, plain(t.get("value")?, "", 0)))
    });
    let sets: Vec<(String, Node)> = sets.collect();
    helm::release(chart, trees, &sets, path, reading);
}

fn typed(resource: &Resource, kind: &str, version: &str) -> Node {
    let text = |text: &str| Node::new(resource.span.clone(), Value::String(text.to_owned()));
    let entry = |key: &str, node: Node| Entry {
        key: key.to_owned(),
        key_span: resource.span.clone(),
        node,
    };
    let mut entries = vec![entry("apiVersion", text(version)), entry("kind", text(kind))];
    let mut made = tree(&resource.term, "", 0);
    if let Value::Table(own) = &mut made.value {
        for e in own.iter_mut() {
            // What this provider takes as text, it encodes itself.
            if kind == "Secret" && e.key == "data" {
                "stringData".clone_into(&mut e.key);
            } else if e.key == "binaryData" {
                "data".clone_into(&mut e.key);
            }
        }
        entries.append(own);
    }
    Node::new(made.span, Value::Table(entries))
}

/// A block or a value as the tree of an object; `parent` is the block that it stands in.
fn tree(term: &Term, parent: &str, depth: usize) -> Node {
    if depth > DEEPEST {
        return Node::new(term.span.clone(), Value::Null);
    }
    let Known::Map(entries) = &term.kind else {
        return plain(term, parent, depth);
    };
    let entries = entries
        .iter()
        .map(|(key, span, value)| child(key, span, value, parent, depth));
    Node::new(term.span.clone(), Value::Table(entries.collect()))
}

fn child(key: &str, span: &Range<usize>, value: &Term, parent: &str, depth: usize) -> Entry {
    let deeper = depth.saturating_add(1);
    let is_blocks =
        |items: &[Term]| !items.is_empty() && items.iter().all(|t| matches!(t.kind, Known::Map(_)));
    let (key, node) = match &value.kind {
        Known::List(items) if is_blocks(items) => {
            // The port that an Ingress leads to is one.
            let list = LISTS
                .iter()
                .find(|(name, _)| *name == key && !(key == "port" && parent == "service"));
            match (list, items.first()) {
                (Some((_, plural)), _) => {
                    let items = items.iter().map(|t| tree(t, key, deeper));
                    let list = Value::Array(items.collect());
                    ((*plural).to_owned(), Node::new(value.span.clone(), list))
                }
                (None, Some(only)) => (camel(key), tree(only, key, deeper)),
                (None, None) => (camel(key), plain(value, key, deeper)),
            }
        }
        Known::Map(_) if OWN.contains(&key) || (key == "selector" && value.get("match_labels").is_none()) => {
            (camel(key), plain(value, key, deeper))
        }
        Known::Map(_) => (camel(key), tree(value, key, deeper)),
        _ => (camel(key), plain(value, key, deeper)),
    };
    Entry {
        key,
        key_span: span.clone(),
        node,
    }
}

/// A value as it is written.
fn plain(term: &Term, key: &str, depth: usize) -> Node {
    let deeper = depth.saturating_add(1);
    let value = match &term.kind {
        _ if depth > DEEPEST => Value::Null,
        Known::Null => Value::Null,
        Known::Bool(b) => Value::Bool(*b),
        Known::Number(n) => Value::Number(n.clone()),
        // Terraform takes either for a number.
        Known::Text(text, false) if key.ends_with("port") && text.bytes().all(|b| b.is_ascii_digit()) => {
            Value::Number(text.clone())
        }
        Known::Text(text, false) => Value::String(text.clone()),
        Known::Text(text, true) => Value::String(format!("{text}{UNKNOWN}")),
        // What comes from the same place is the same.
        Known::Unknown => {
            let refs: Vec<&str> = term.refs.iter().map(String::as_str).collect();
            Value::String(format!("{UNKNOWN}{}", refs.join(",")))
        }
        Known::List(items) => Value::Array(items.iter().map(|t| plain(t, key, deeper)).collect()),
        Known::Map(entries) => {
            let entries = entries.iter().map(|(key, span, value)| Entry {
                key: key.clone(),
                key_span: span.clone(),
                node: plain(value, key, deeper),
            });
            Value::Table(entries.collect())
        }
    };
    Node::new(term.span.clone(), value)
}

/// `container_port` as Kubernetes writes it.
fn camel(key: &str) -> String {
    match key {
        "cluster_ip" => return "clusterIP".to_owned(),
        "host_ip" => return "hostIP".to_owned(),
        "external_ips" => return "externalIPs".to_owned(),
        "load_balancer_ip" => return "loadBalancerIP".to_owned(),
        _ => {}
    }
    let mut out = String::with_capacity(key.len());
    let mut upper = false;
    for c in key.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                out.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => out.push(c),
        }
    }
    out
}

/// A value that holds an object. A file that is read as one anyway is not read twice.
fn manifest(term: &Term, reading: &mut Reading<'_>) -> Option<Node> {
    let read = |d: &Document| d.span.start == term.span.start && d.dialect == Dialect::Kubernetes;
    if reading.documents.iter().any(read) {
        return None;
    }
    written(term, reading)
}

/// A value that is a document: written in HCL, or a text in YAML.
fn written(term: &Term, reading: &mut Reading<'_>) -> Option<Node> {
    match &term.kind {
        Known::Map(_) | Known::List(_) => Some(plain(term, "", 0)),
        Known::Text(text, open) => {
            let content = Word {
                text: text.clone(),
                span: term.span.clone(),
                open: *open,
            };
            match settings::yaml(&content, reading.files.text(), reading.budget) {
                Ok(node) => Some(node),
                // Directives of a template are no YAML, and what they make is not known.
                Err(_) if *open => None,
                Err(why) => {
                    reading.gap(term.span.clone(), why);
                    None
                }
            }
        }
        _ => None,
    }
}
