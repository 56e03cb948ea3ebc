//! Compose files of one folder as compose reads them: overrides, `include`, `extends` over files, `.env`, built images.

use super::{MOST_EXTENDS, Reader, file_word, find, is_service, traefik};
use crate::{
    env_file,
    estate::{Dialect, Document, OPENING_BYTES, Reading},
    files::{folder, resolve},
    resource::{Mount, Port, Resource, Variable, file_name, is_loopback},
    workload::{Audience, Opening, OpeningKind, Workload},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_formats::text::{Entry, Node};

/// How many files one line of a recipe puts into an image that are looked at.
const MOST_COPIED: usize = 32;

/// How many files one project includes.
const MOST_INCLUDED: usize = 64;

/// How many files of a mounted folder are looked into.
const MOST_MOUNTED: usize = 32;

/// The names that compose looks for, best first, each with its override.
const STANDARD: [[&str; 2]; 4] = [
    ["compose.yaml", "compose.override.yaml"],
    ["compose.yml", "compose.override.yml"],
    ["docker-compose.yml", "docker-compose.override.yml"],
    ["docker-compose.yaml", "docker-compose.override.yaml"],
];

/// Files that are read as one, the weakest first, and those whose services are asked for.
struct Project<'a> {
    folder: &'a str,
    name: String,
    files: Vec<&'a Document>,
    /// Only services that this file names, where the others were already read.
    only: Option<&'a Document>,
}

/// Reads all compose files of a tree.
pub(crate) fn compositions(reading: &mut Reading<'_>) {
    let documents = reading.documents;
    let all: Vec<&Document> = documents
        .iter()
        .filter(|d| d.dialect == Dialect::Compose)
        .filter(|d| {
            d.root
                .as_ref()
                .is_some_and(|r| r.get("services").is_some() || r.get("include").is_some())
        })
        .collect();
    for project in projects(&all) {
        project.read(reading);
    }
}

fn projects<'a>(all: &[&'a Document]) -> Vec<Project<'a>> {
    let mut taken: BTreeSet<&str> = BTreeSet::new();
    let mut out = Vec::new();
    let at = |folder: &str, name: &str| {
        let path = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        all.iter().copied().find(|d| d.path == path)
    };
    let mut bases: BTreeMap<&str, &'a Document> = BTreeMap::new();
    let folders: BTreeSet<&'a str> = all.iter().map(|d| folder(&d.path)).collect();
    for place in folders {
        let Some((base, over)) = STANDARD
            .iter()
            .find_map(|[name, over]| Some((at(place, name)?, at(place, over))))
        else {
            continue;
        };
        bases.insert(place, base);
        let mut files = included(base, all);
        files.push(base);
        files.extend(over);
        taken.extend(files.iter().map(|d| d.path.as_str()));
        out.push(Project {
            folder: place,
            name: base.path.clone(),
            files,
            only: None,
        });
    }
    // A file that another includes is read with that one; of a circle, the first.
    let named: BTreeSet<String> = all.iter().flat_map(|d| paths_of_include(d)).collect();
    let (inner, outer): (Vec<&'a Document>, Vec<&'a Document>) =
        all.iter().copied().partition(|d| named.contains(&d.path));
    for document in outer.into_iter().chain(inner) {
        if taken.contains(document.path.as_str()) {
            continue;
        }
        let place = folder(&document.path);
        // `-f base -f this`: a file that only adds to services of the base is no project of its own.
        let base = bases.get(place).copied().filter(|base| adds_to(document, base));
        let mut files = included(base.unwrap_or(document), all);
        files.extend(base);
        files.push(document);
        taken.extend(files.iter().map(|d| d.path.as_str()));
        out.push(Project {
            folder: place,
            name: document.path.clone(),
            files,
            only: base.map(|_| document),
        });
    }
    out
}

/// Whether a file changes services of another and declares nothing alone that would run.
fn adds_to(document: &Document, base: &Document) -> bool {
    let own = document.root.as_ref().and_then(|r| r.get("services"));
    let base = base.root.as_ref().and_then(|r| r.get("services"));
    let (Some(own), Some(base)) = (own, base) else {
        return false;
    };
    own.entries().iter().any(|e| {
        base.get(&e.key).is_some()
            && ["image", "build", "extends"]
                .iter()
                .all(|k| e.node.get(k).is_none())
    })
}

/// The files that a file includes, and those that they include, the weakest first.
fn included<'a>(document: &Document, all: &[&'a Document]) -> Vec<&'a Document> {
    let mut out: Vec<&'a Document> = Vec::new();
    let mut queue = paths_of_include(document);
    while let Some(path) = queue.pop() {
        let Some(found) = all.iter().copied().find(|d| d.path == path) else {
            continue;
        };
        if out.len() >= MOST_INCLUDED || found.path == document.path || out.iter().any(|d| d.path == path) {
            continue;
        }
        out.push(found);
        queue.extend(paths_of_include(found));
    }
    out.reverse();
    out
}

fn paths_of_include(document: &Document) -> Vec<String> {
    let place = folder(&document.path);
    let list = document.root.as_ref().and_then(|r| r.get("include"));
    let mut out = Vec::new();
    for item in list.map_or(&[][..], Node::items) {
        let long = item.get("path");
        let paths = [Some(item), long].into_iter().flatten();
        let texts = paths
            .flat_map(|n| std::iter::once(n).chain(n.items()))
            .filter_map(Node::as_str);
        out.extend(texts.filter_map(|p| resolve(place, p)));
    }
    out
}

/// The files of variables that a file gives to those that it includes: named ones, else what lies beside them.
fn given_to_included(document: &Document) -> Vec<String> {
    let place = folder(&document.path);
    let list = document.root.as_ref().and_then(|r| r.get("include"));
    let mut out = Vec::new();
    for item in list.map_or(&[][..], Node::items) {
        let texts = |node: &Node| -> Vec<String> {
            let each = std::iter::once(node).chain(node.items());
            each.filter_map(Node::as_str).map(str::to_owned).collect()
        };
        match item.get("env_file") {
            Some(files) => out.extend(texts(files).iter().filter_map(|f| resolve(place, f))),
            None => {
                let paths = texts(item.get("path").unwrap_or(item));
                let first = paths.first().and_then(|p| resolve(place, p));
                out.extend(first.and_then(|p| resolve(folder(&p), ".env")));
            }
        }
    }
    out
}

/// A service before its openings are joined.
struct Read {
    workload: Workload,
    shares: Option<String>,
    labels: Vec<Variable>,
}

impl Project<'_> {
    fn read(&self, reading: &mut Reading<'_>) {
        let variables = self.variables(reading);
        let lookup = |name: &str| variables.get(name).cloned();
        let text = reading.files.text();
        let reader = Reader {
            text,
            lookup: &lookup,
        };
        let mut found: Vec<Read> = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for document in &self.files {
            let services = document.root.as_ref().and_then(|r| r.get("services"));
            for entry in services.map_or(&[][..], Node::entries) {
                if !seen.insert(&entry.key) || !self.asks_for(&entry.key) {
                    continue;
                }
                if !reading.pay(entry.node.span.len(), &entry.key_span) {
                    return;
                }
                found.extend(self.service(&reader, entry, reading));
            }
        }
        self.share(&mut found, reading);
        let labels: Vec<Vec<Variable>> = found.iter().map(|r| r.labels.clone()).collect();
        let proxy = found
            .iter()
            .filter(|r| is_image(&r.workload, "traefik"))
            .filter_map(|r| r.workload.openings.iter().map(|o| o.audience).max())
            .max();
        let all = labels.iter().map(Vec::len).fold(0, usize::saturating_add);
        for read in &mut found {
            // A middleware may be declared by any of them.
            let routed = read.labels.iter().any(|l| l.name.starts_with("traefik."));
            if routed && !reading.pay(all.saturating_mul(16), &read.workload.span) {
                break;
            }
            let routed = traefik::openings(&read.labels, &labels, proxy);
            read.workload.openings.extend(routed);
        }
        reading.workloads.extend(found.into_iter().map(|r| r.workload));
    }

    fn asks_for(&self, service: &str) -> bool {
        self.only.is_none_or(|document| {
            let services = document.root.as_ref().and_then(|r| r.get("services"));
            services.is_some_and(|s| s.get(service).is_some())
        })
    }

    /// What `.env` beside the files says, and what is given to files that are included.
    fn variables(&self, reading: &Reading<'_>) -> BTreeMap<String, String> {
        let own = resolve(self.folder, ".env");
        // The project's own value comes before that of what it includes.
        let given = self.files.iter().rev().flat_map(|d| given_to_included(d));
        let mut out = BTreeMap::new();
        for path in own.into_iter().chain(given).take(MOST_INCLUDED) {
            let Some(file) = reading.files.find(&path) else {
                continue;
            };
            let found = env_file::variables(reading.files.text(), &file.span).into_iter();
            let mut found: BTreeMap<String, String> = found
                .filter_map(|v| Some((v.name, v.value.filter(|w| !w.open)?.text)))
                .collect();
            found.append(&mut out);
            out = found;
        }
        out
    }

    /// All tables that say something of a service, the strongest first.
    fn layers<'n, 'r: 'n>(&'n self, name: &str, reading: &mut Reading<'r>) -> Vec<&'n Node> {
        let mut out: Vec<&Node> = Vec::new();
        for document in self.files.iter().rev() {
            let Some(mut services) = document.root.as_ref().and_then(|r| r.get("services")) else {
                continue;
            };
            let mut place = document.path.as_str();
            let mut name = name.to_owned();
            for depth in 0..=MOST_EXTENDS {
                let Some(node) = services.get(&name) else { break };
                out.push(node);
                let Some(extends) = node.get("extends") else { break };
                if depth == MOST_EXTENDS {
                    reading.gap(
                        extends.span.clone(),
                        "`extends` goes round in a circle or too deep",
                    );
                }
                let next = extends
                    .as_str()
                    .or_else(|| extends.get("service").and_then(Node::as_str));
                let file = extends.get("file").and_then(Node::as_str);
                let Some(next) = next else { break };
                if let Some(file) = file {
                    let path = resolve(folder(place), file);
                    let found = path.and_then(|p| reading.documents.iter().find(|d| d.path == p));
                    let Some((other, tree)) =
                        found.and_then(|d| Some((d, d.root.as_ref()?.get("services")?)))
                    else {
                        reading.gap(
                            extends.span.clone(),
                            "extends a service of a file that was not read",
                        );
                        break;
                    };
                    (place, services) = (&other.path, tree);
                }
                next.clone_into(&mut name);
            }
        }
        out
    }

    fn service(&self, reader: &Reader<'_>, entry: &Entry, reading: &mut Reading<'_>) -> Option<Read> {
        let layers = self.layers(&entry.key, reading);
        if !layers.iter().any(|n| is_service(n)) {
            return None;
        }
        let mut resource = reader.service(entry, &layers);
        let (outer, all) = env_files(self.folder, reader, &layers, reading);
        resource.environment.splice(0..0, outer);
        resource.more_environment = !all;
        self.built(reader, &layers, &mut resource, reading);
        self.configs(reader, &layers, &mut resource);
        for mount in std::mem::take(&mut resource.mounts) {
            let found = filled(self.folder, mount, reading);
            resource.mounts.extend(found);
        }
        let mut labels = Vec::new();
        for node in layers.iter().rev() {
            let deployed = node.path(&["deploy", "labels"]);
            for list in [node.get("labels"), deployed].into_iter().flatten() {
                reader.environment(list, &mut labels);
            }
        }
        let mode = find(&layers, "network_mode").and_then(Node::as_str);
        let internal = mode == Some("none") || self.is_internal(&layers);
        let openings = if resource.host_network {
            vec![host_network(
                find(&layers, "network_mode").map_or(0..0, |n| n.span.clone()),
            )]
        } else {
            let ports = resource.ports.iter().filter(|p| p.published);
            ports.map(|p| published(p, internal)).collect()
        };
        let text_of = |key: &str| find(&layers, key).and_then(Node::as_text).map(str::to_owned);
        let mut names: Vec<String> = text_of("container_name").into_iter().collect();
        names.extend(text_of("hostname"));
        names.extend(aliases(&layers));
        let profiles = find(&layers, "profiles").map_or(&[][..], Node::items);
        let workload = Workload {
            name: entry.key.clone(),
            namespace: self.name.clone(),
            names,
            span: resource.span.clone(),
            labels: labels
                .iter()
                .filter_map(|v| Some((v.name.clone(), v.value.clone()?)))
                .collect(),
            openings,
            profiles: profiles
                .iter()
                .filter_map(Node::as_str)
                .map(str::to_owned)
                .collect(),
            containers: vec![resource],
            ..Workload::default()
        };
        let shares = mode.and_then(|m| {
            m.strip_prefix("service:")
                .or_else(|| m.strip_prefix("container:"))
        });
        Some(Read {
            workload,
            shares: shares.map(str::to_owned),
            labels,
        })
    }

    /// Whether all networks of a service are cut off from the host's.
    fn is_internal(&self, layers: &[&Node]) -> bool {
        let named = find(layers, "networks");
        let list: Vec<&str> = match named {
            None => vec!["default"],
            Some(n) => n
                .entries()
                .iter()
                .map(|e| e.key.as_str())
                .chain(n.items().iter().filter_map(Node::as_str))
                .collect(),
        };
        let internal = |name: &&str| {
            let networks = self.files.iter().rev().filter_map(|d| d.root.as_ref());
            networks
                .filter_map(|r| r.path(&["networks", name, "internal"]))
                .next()
                .is_some_and(|n| n.as_bool() == Some(true))
        };
        !list.is_empty() && list.iter().all(internal)
    }

    /// Gives a service what the recipe of its image says.
    fn built(
        &self,
        reader: &Reader<'_>,
        layers: &[&Node],
        resource: &mut Resource,
        reading: &mut Reading<'_>,
    ) {
        let Some(build) = find(layers, "build") else {
            return;
        };
        let text = |key: &str| build.get(key).and_then(|n| reader.word(n)).map(|w| w.text);
        let context = reader.word(build).map(|w| w.text).or_else(|| text("context"));
        let file = text("dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
        let Some(path) =
            resolve(self.folder, context.as_deref().unwrap_or(".")).and_then(|c| resolve(&c, &file))
        else {
            return;
        };
        if let Some(stages) = reading.recipes.get(&path) {
            let target = text("target");
            crate::estate::built_from(resource, stages, target.as_deref(), reader.text);
            // What the recipe copies lies in the context.
            let context = resolve(self.folder, context.as_deref().unwrap_or("."));
            let copied = crate::estate::stage_of(stages, target.as_deref());
            for mount in copied.map_or(&[][..], |s| &s.mounts) {
                let found = filled(context.as_deref().unwrap_or_default(), mount.clone(), reading);
                // A folder that is copied whole is the application.
                resource.mounts.extend(
                    found
                        .into_iter()
                        .filter(|m| m.content.is_some())
                        .take(MOST_COPIED),
                );
            }
        }
    }

    /// `configs` and `secrets` of a service as mounts.
    fn configs(&self, reader: &Reader<'_>, layers: &[&Node], resource: &mut Resource) {
        for item in find(layers, "configs").map_or(&[][..], Node::items) {
            let name = item
                .as_str()
                .or_else(|| item.get("source").and_then(Node::as_str));
            let Some(name) = name else { continue };
            let target = item.get("target").and_then(Node::as_str);
            let mut roots = self.files.iter().rev().filter_map(|d| d.root.as_ref());
            let Some(config) = roots.find_map(|r| r.path(&["configs", name])) else {
                continue;
            };
            let source = config.get("file").and_then(|n| reader.word(n)).map(|w| w.text);
            resource.mounts.push(Mount {
                target: target.map_or_else(|| format!("/{name}"), str::to_owned),
                source: source.unwrap_or_default(),
                content: config.get("content").and_then(|n| reader.word(n)),
                span: item.span.clone(),
            });
        }
    }

    /// Services that share another's network are reached through its ports.
    fn share(&self, found: &mut [Read], reading: &mut Reading<'_>) {
        let mut shared: Vec<(usize, Vec<Opening>)> = Vec::new();
        for (i, read) in found.iter().enumerate() {
            let Some(host) = &read.shares else { continue };
            let other = found.iter().find(|r| r.workload.is_called(host));
            let openings = other.map(|r| r.workload.openings.as_slice()).unwrap_or_default();
            let bytes = openings.len().saturating_mul(OPENING_BYTES);
            if !reading.pay(found.len(), &read.workload.span) || !reading.hold(bytes, &read.workload.span) {
                break;
            }
            shared.push((i, openings.to_vec()));
        }
        for (i, openings) in shared {
            if let Some(read) = found.get_mut(i) {
                read.workload.openings.extend(openings);
            }
        }
    }
}

/// What `env_file` names.
/// The variables of files, and whether all of these were there.
fn env_files(
    place: &str,
    reader: &Reader<'_>,
    layers: &[&Node],
    reading: &mut Reading<'_>,
) -> (Vec<Variable>, bool) {
    let (mut out, mut all) = (Vec::new(), true);
    let Some(list) = find(layers, "env_file") else {
        return (out, all);
    };
    for node in std::iter::once(list).chain(list.items()) {
        let Some(word) = reader.word(node.get("path").unwrap_or(node)) else {
            continue;
        };
        let path = resolve(place, &word.text);
        let Some(file) = path.and_then(|path| reading.files.find(&path)) else {
            all = false;
            continue;
        };
        let span = file.span.clone();
        // One file may be asked for by every service.
        if reading.hold(span.len(), &node.span) {
            out.extend(env_file::variables(reading.files.text(), &span));
        }
    }
    (out, all)
}

/// A mount with what the file outside holds; a folder is as many as it has files.
fn filled(place: &str, mount: Mount, reading: &mut Reading<'_>) -> Vec<Mount> {
    let Some(path) = resolve(place, &mount.source).filter(|_| mount.content.is_none()) else {
        return vec![mount];
    };
    let below = format!("{path}/");
    let files: Vec<(String, Range<usize>)> = reading
        .files
        .files()
        .iter()
        .filter(|f| f.path == path || (!path.is_empty() && f.path.starts_with(&below)))
        .take(MOST_MOUNTED)
        .map(|f| (f.path.clone(), f.span.clone()))
        .collect();
    let mut out = Vec::new();
    for (file, span) in files {
        if !reading.hold(span.len(), &mount.span) {
            break;
        }
        let rest = file.strip_prefix(&below).map(|rest| format!("/{rest}"));
        out.push(Mount {
            target: format!(
                "{}{}",
                mount.target.trim_end_matches('/'),
                rest.unwrap_or_default()
            ),
            content: Some(file_word(reading.files.slice(&span), &span)),
            ..mount.clone()
        });
    }
    if out.is_empty() { vec![mount] } else { out }
}

fn aliases(layers: &[&Node]) -> Vec<String> {
    let networks = find(layers, "networks").map_or(&[][..], Node::entries);
    networks
        .iter()
        .filter_map(|e| e.node.get("aliases"))
        .flat_map(Node::items)
        .filter_map(Node::as_str)
        .map(str::to_owned)
        .collect()
}

fn host_network(span: Range<usize>) -> Opening {
    Opening {
        kind: OpeningKind::HostNetwork,
        audience: Audience::Everyone,
        chain: vec![(span, "shares the network of the host".to_owned())],
        ..Opening::default()
    }
}

/// Who reaches an address of a host.
pub(crate) fn audience_of(address: Option<&str>) -> Audience {
    let Some(address) = address.map(|a| a.trim_matches(['[', ']'])) else {
        return Audience::Everyone;
    };
    if is_loopback(address) {
        return Audience::Host;
    }
    if matches!(address, "0.0.0.0" | "::" | "*" | "") {
        return Audience::Everyone;
    }
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(a)) if a.is_private() || a.is_link_local() => Audience::Network,
        Ok(_) => Audience::Everyone,
        Err(_) => Audience::Unknown,
    }
}

/// What a published port opens.
pub(crate) fn published(port: &Port, internal: bool) -> Opening {
    let audience = match audience_of(port.address.as_deref()) {
        _ if internal => Audience::Cluster,
        _ if port.open && port.address.is_none() => Audience::Unknown,
        audience => audience,
    };
    let label = match audience {
        Audience::Host => "published on this host only",
        Audience::Cluster => "published, but its networks are internal",
        Audience::Everyone => "published on all addresses of the host",
        _ => "published",
    };
    Opening {
        kind: OpeningKind::HostPort,
        audience,
        inside: port.container.clone(),
        outside: port.outside.clone(),
        guards: Vec::new(),
        chain: vec![(port.span.clone(), label.to_owned())],
    }
}

/// Whether a container of a workload runs an image of that name.
fn is_image(workload: &Workload, name: &str) -> bool {
    workload.containers.iter().any(|c| {
        c.image
            .as_ref()
            .is_some_and(|i| file_name(&i.text).split([':', '@']).next() == Some(name))
    })
}
