//! Pods: containers with their commands, variables and mounted configuration.

use super::{
    Cluster,
    object::{labels, word},
};
use crate::{
    resource::{Mount, Port, Resource, Variable, Word},
    shell,
    workload::{Audience, Isolation, Opening, OpeningKind, Workload, WorkloadKind},
};
use std::ops::Range;
use wellhead_formats::text::Node;

/// What a pod belongs to.
pub(super) struct Owner<'a> {
    pub(super) name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) kind: WorkloadKind,
    pub(super) span: Range<usize>,
}

/// The pod of a template (`{metadata, spec}`); `None` where it has no containers.
pub(super) fn pod(template: &Node, owner: &Owner<'_>, cluster: &Cluster<'_, '_>) -> Option<Workload> {
    let spec = template.get("spec")?;
    let all = spec.get("containers")?.items();
    if all.is_empty() {
        return None;
    }
    let sidecars = spec.get("initContainers").map_or(&[][..], Node::items);
    let stays = |n: &&Node| n.get("restartPolicy").and_then(Node::as_str) == Some("Always");
    let host_network = spec.get("hostNetwork").filter(|n| n.as_bool() == Some(true));
    let mut workload = Workload {
        name: owner.name.to_owned(),
        namespace: owner.namespace.to_owned(),
        kind: owner.kind,
        span: owner.span.clone(),
        labels: labels(template.path(&["metadata", "labels"])),
        isolation: Isolation::None,
        ..Workload::default()
    };
    for node in all.iter().chain(sidecars.iter().filter(stays)) {
        let mut resource = container(node, spec, owner.namespace, cluster);
        resource.host_network = host_network.is_some();
        workload.openings.extend(
            node.get("ports")
                .map_or(&[][..], Node::items)
                .iter()
                .filter_map(host_port),
        );
        workload.containers.push(resource);
    }
    if let Some(node) = host_network {
        workload.openings.push(Opening {
            kind: OpeningKind::HostNetwork,
            audience: Audience::Everyone,
            chain: vec![(node.span.clone(), "shares the network of its node".to_owned())],
            ..Opening::default()
        });
    }
    Some(workload)
}

fn host_port(node: &Node) -> Option<Opening> {
    let number = |key: &str| {
        node.get(key)
            .and_then(Node::as_i64)
            .and_then(|n| u32::try_from(n).ok())
    };
    let outside = number("hostPort").filter(|p| *p > 0)?;
    let inside = number("containerPort")?;
    let address = node.get("hostIP").and_then(Node::as_str);
    Some(Opening {
        kind: OpeningKind::HostPort,
        audience: crate::compose::audience_of(address),
        inside: Some(inside..inside.saturating_add(1)),
        outside: Some(outside..outside.saturating_add(1)),
        guards: Vec::new(),
        chain: vec![(node.span.clone(), "published on its node".to_owned())],
    })
}

/// One container of a pod's `spec`.
pub(super) fn container(node: &Node, spec: &Node, namespace: &str, cluster: &Cluster<'_, '_>) -> Resource {
    let (own, all) = environment(node, namespace, cluster);
    let mut resource = Resource {
        name: node
            .get("name")
            .and_then(Node::as_text)
            .unwrap_or_default()
            .to_owned(),
        span: node.span.clone(),
        image: node.get("image").and_then(word),
        environment: own,
        more_environment: !all,
        mounts: mounts(node, spec, namespace, cluster),
        ports: node
            .get("ports")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(port)
            .collect(),
        privileged: node
            .path(&["securityContext", "privileged"])
            .filter(|n| n.as_bool() == Some(true))
            .map(|n| n.span.clone()),
        arguments_only: node.get("command").is_none_or(|n| n.items().is_empty()),
        ..Resource::default()
    };
    let words: Vec<Word> = ["command", "args"]
        .iter()
        .flat_map(|key| node.get(key).map_or(&[][..], Node::items))
        .filter_map(word)
        .map(|w| expanded(w, &resource.environment, cluster))
        .collect();
    if !words.is_empty() {
        resource.start = shell::from_words(words, cluster.text());
    }
    resource
}

fn port(node: &Node) -> Option<Port> {
    let number = node.get("containerPort")?.as_text().and_then(shell::port_range);
    Some(Port {
        name: node
            .get("name")
            .and_then(Node::as_text)
            .unwrap_or_default()
            .to_owned(),
        container: number,
        span: node.span.clone(),
        ..Port::default()
    })
}

/// `$(NAME)`, as the cluster replaces it in commands and values; `$$(NAME)` is none.
fn expanded(mut word: Word, environment: &[Variable], cluster: &Cluster<'_, '_>) -> Word {
    if !word.text.contains("$(") {
        return word;
    }
    let text = std::mem::take(&mut word.text);
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("$(") {
        word.text.push_str(before);
        let Some((name, behind)) = after.split_once(')') else {
            word.text.push_str("$(");
            rest = after;
            continue;
        };
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        let value = environment
            .iter()
            .rev()
            .find(|v| v.name == name)
            .and_then(|v| v.value.as_ref());
        match value {
            Some(value) if is_name && !before.ends_with('$') => {
                if !cluster.hold(value.text.len(), &word.span) {
                    word.open = true;
                    break;
                }
                word.text.push_str(&value.text);
                word.open |= value.open;
            }
            _ => {
                word.open |= is_name && !before.ends_with('$');
                word.text.push_str("$(");
                rest = after;
                continue;
            }
        }
        rest = behind;
        if word.text.len() > MOST_EXPANDED {
            word.open = true;
            break;
        }
    }
    word.text.push_str(rest);
    word
}

/// How long a word may become.
const MOST_EXPANDED: usize = 64 << 10;

/// The variables of a container, and whether all places that they come from were there.
fn environment(node: &Node, namespace: &str, cluster: &Cluster<'_, '_>) -> (Vec<Variable>, bool) {
    let (mut out, mut all) = (Vec::new(), true);
    for source in node.get("envFrom").map_or(&[][..], Node::items) {
        let prefix = source.get("prefix").and_then(Node::as_str).unwrap_or_default();
        for (key, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
            let Some(name) = source.path(&[key, "name"]).and_then(Node::as_text) else {
                continue;
            };
            let found = cluster.data(kind, namespace, name);
            all &= !found.is_empty();
            for (key, value) in found {
                out.push(Variable {
                    name: format!("{prefix}{key}"),
                    span: value.span.clone(),
                    value: Some(value),
                });
            }
        }
    }
    for item in node.get("env").map_or(&[][..], Node::items) {
        let Some(name) = item.get("name").and_then(Node::as_text) else {
            continue;
        };
        let value = match item.get("value") {
            Some(value) => word(value).map(|w| expanded(w, &out, cluster)),
            None if item.get("valueFrom").is_some() => Some(from_elsewhere(item, namespace, cluster)),
            None => Some(Word {
                span: item.span.clone(),
                ..Word::default()
            }),
        };
        out.push(Variable {
            name: name.to_owned(),
            value,
            span: item.span.clone(),
        });
    }
    (out, all)
}

/// `valueFrom`: what a ConfigMap or a Secret of the same files holds, or a value that is not known.
fn from_elsewhere(item: &Node, namespace: &str, cluster: &Cluster<'_, '_>) -> Word {
    for (key, kind) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
        let text = |part: &str| item.path(&["valueFrom", key, part]).and_then(Node::as_text);
        if let (Some(name), Some(key)) = (text("name"), text("key"))
            && let Some((_, value)) = cluster
                .data(kind, namespace, name)
                .into_iter()
                .find(|(k, _)| k == key)
        {
            return value;
        }
    }
    Word {
        text: String::new(),
        span: item.span.clone(),
        open: true,
    }
}

fn mounts(node: &Node, spec: &Node, namespace: &str, cluster: &Cluster<'_, '_>) -> Vec<Mount> {
    let mut out = Vec::new();
    let volumes = spec.get("volumes").map_or(&[][..], Node::items);
    for mount in node.get("volumeMounts").map_or(&[][..], Node::items) {
        let text = |key: &str| mount.get(key).and_then(Node::as_text);
        let (Some(name), Some(target)) = (text("name"), text("mountPath")) else {
            continue;
        };
        let volume = volumes
            .iter()
            .find(|v| v.get("name").and_then(Node::as_text) == Some(name));
        let Some(volume) = volume else { continue };
        let bare = |source: &str| Mount {
            target: target.to_owned(),
            source: source.to_owned(),
            content: None,
            span: mount.span.clone(),
        };
        if let Some(path) = volume.path(&["hostPath", "path"]).and_then(Node::as_text) {
            out.push(bare(path));
        }
        let projected = volume
            .path(&["projected", "sources"])
            .map_or(&[][..], Node::items);
        for source in std::iter::once(volume).chain(projected) {
            for (key, kind, named) in [
                ("configMap", "ConfigMap", "name"),
                ("secret", "Secret", "secretName"),
                ("secret", "Secret", "name"),
            ] {
                let Some(table) = source.get(key) else { continue };
                let Some(name) = table.get(named).and_then(Node::as_text) else {
                    continue;
                };
                let data = cluster.data(kind, namespace, name);
                if data.is_empty() {
                    out.push(bare(name));
                }
                for (key, content) in data {
                    let file = renamed(table, &key);
                    let Some(file) = file else { continue };
                    let path = match text("subPath") {
                        Some(sub) if sub == file => target.to_owned(),
                        Some(_) => continue,
                        None => format!("{}/{file}", target.trim_end_matches('/')),
                    };
                    out.push(Mount {
                        target: path,
                        source: name.to_owned(),
                        content: Some(content),
                        span: mount.span.clone(),
                    });
                }
            }
        }
    }
    out
}

/// What a key is called as a file: `items` may pick and rename.
fn renamed(table: &Node, key: &str) -> Option<String> {
    let Some(items) = table.get("items") else {
        return Some(key.to_owned());
    };
    let item = items
        .items()
        .iter()
        .find(|i| i.get("key").and_then(Node::as_text) == Some(key))?;
    item.get("path").and_then(Node::as_text).map(str::to_owned)
}
