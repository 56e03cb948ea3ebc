//! Kustomize: objects of other folders with what an overlay changes of them.
//!
//! Each folder that no other one builds on is one cluster: its own files, its bases, its patches. What lies outside of the
//! tree is named and not followed.

mod merge;

use crate::{
    env_file,
    estate::{Dialect, Document, Reading},
    files::{folder, resolve},
    kubernetes::{self, object::Object},
    resource::file_name,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_formats::text::{self, Entry, Node, Value};

/// How deep folders build on each other.
const DEEPEST: usize = 16;

/// How many folders one overlay is built of, each as often as it is built on.
const MOST_FOLDERS: usize = 1000;

/// What a node costs in memory, roughly.
const NODE_BYTES: usize = 96;

/// An object on its way through overlays.
#[derive(Clone)]
struct Built {
    node: Node,
    path: String,
    /// What it was called before names were changed.
    original: String,
}

impl Built {
    fn text(&self, keys: &[&str]) -> &str {
        self.node.path(keys).and_then(Node::as_text).unwrap_or_default()
    }

    fn is(&self, kind: &str, name: &str) -> bool {
        self.text(&["kind"]) == kind && (self.original == name || self.text(&["metadata", "name"]) == name)
    }
}

/// Reads all overlays; the paths of what they build on are handed back.
pub(crate) fn overlays(documents: &[Document], reading: &mut Reading<'_>) -> BTreeSet<String> {
    let all: BTreeMap<&str, &Document> = documents
        .iter()
        .filter(|d| d.dialect == Dialect::Kustomization && d.root.is_some())
        .map(|d| (folder(&d.path), d))
        .collect();
    let mut used: BTreeSet<String> = BTreeSet::new();
    for (place, document) in &all {
        let root = document.root.as_ref();
        for path in root.map(|r| references(r, place)).unwrap_or_default() {
            if path != **place {
                used.insert(path);
            }
        }
    }
    let mut taken = BTreeSet::new();
    for place in all.keys().filter(|place| !used.contains(**place)) {
        let mut builder = Builder {
            documents,
            all: &all,
            taken: &mut taken,
            stack: Vec::new(),
            folders: 0,
        };
        let objects = builder.build(place, reading);
        let objects: Vec<Object<'_>> = objects
            .into_iter()
            .map(|b| Object {
                node: Cow::Owned(b.node),
                // All of an overlay is near to each other.
                path: Cow::Owned(b.path),
            })
            .collect();
        kubernetes::read(&objects, reading);
    }
    // What only a circle builds on is read as it stands, and is not what would be applied.
    for document in all.values().filter(|d| !taken.contains(&d.path)) {
        reading.gap(document.span.clone(), "folders build on each other in a circle");
    }
    taken
}

/// What a kustomization builds on.
fn references(root: &Node, place: &str) -> Vec<String> {
    ["resources", "bases", "components"]
        .iter()
        .flat_map(|key| root.get(key).map_or(&[][..], Node::items))
        .filter_map(Node::as_str)
        .filter_map(|r| resolve(place, r))
        .collect()
}

struct Builder<'a> {
    documents: &'a [Document],
    all: &'a BTreeMap<&'a str, &'a Document>,
    taken: &'a mut BTreeSet<String>,
    /// The folders that are being built.
    stack: Vec<String>,
    /// How many were.
    folders: usize,
}

impl Builder<'_> {
    fn build(&mut self, place: &str, reading: &mut Reading<'_>) -> Vec<Built> {
        let Some(document) = self.all.get(place) else {
            return Vec::new();
        };
        let Some(root) = &document.root else {
            return Vec::new();
        };
        if self.stack.len() >= DEEPEST || self.stack.iter().any(|s| s == place) {
            reading.gap(
                document.span.clone(),
                "folders build on each other in a circle or too deep",
            );
            return Vec::new();
        }
        self.folders = self.folders.saturating_add(1);
        if self.folders > MOST_FOLDERS || !reading.pay(root.span.len(), &document.span) {
            if self.folders == MOST_FOLDERS.saturating_add(1) {
                reading.gap(document.span.clone(), "built of more folders than are looked at");
            }
            return Vec::new();
        }
        self.stack.push(place.to_owned());
        self.taken.insert(document.path.clone());
        let mut out = Vec::new();
        for key in ["resources", "bases", "components"] {
            for item in root.get(key).map_or(&[][..], Node::items) {
                self.resource(item, place, &mut out, reading);
            }
        }
        for (key, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
            for item in root.get(key).map_or(&[][..], Node::items) {
                let made = generated(item, kind, place, document, reading);
                let name = made.text(&["metadata", "name"]).to_owned();
                let behaviour = item.get("behavior").and_then(Node::as_str);
                match out
                    .iter_mut()
                    .find(|b| b.is(kind, &name))
                    .filter(|_| behaviour == Some("merge"))
                {
                    Some(base) => merge::strategic(&mut base.node, &made.node, 0),
                    None => {
                        out.retain(|b| !b.is(kind, &name));
                        out.push(made);
                    }
                }
            }
        }
        for item in root.get("helmCharts").map_or(&[][..], Node::items) {
            reading.gap(
                item.span.clone(),
                "a chart that an overlay renders with values of its own",
            );
        }
        for item in root.get("replacements").map_or(&[][..], Node::items) {
            reading.gap(item.span.clone(), "values that an overlay copies between objects");
        }
        if reading.pay(out.len(), &document.span) {
            self.patches(root, place, &mut out, reading);
            changes(root, &mut out, reading);
        }
        self.stack.pop();
        out
    }

    fn resource(&mut self, item: &Node, place: &str, out: &mut Vec<Built>, reading: &mut Reading<'_>) {
        let Some(name) = item.as_str() else { return };
        let Some(path) = resolve(place, name) else {
            reading.gap(item.span.clone(), "builds on what is no part of the tree");
            return;
        };
        if self.all.contains_key(path.as_str()) {
            out.extend(self.build(&path, reading));
            return;
        }
        let Some(document) = self.documents.iter().find(|d| d.path == path) else {
            reading.gap(item.span.clone(), "builds on a file that was not read");
            return;
        };
        self.taken.insert(path);
        let Some(root) = document
            .root
            .as_ref()
            .filter(|_| document.dialect == Dialect::Kubernetes)
        else {
            return;
        };
        for object in kubernetes::object::objects(root, &document.path) {
            if !reading.hold(size(&object.node), &item.span) {
                return;
            }
            out.push(Built {
                original: object.name().to_owned(),
                node: object.node.into_owned(),
                path: document.path.clone(),
            });
        }
    }

    fn patches(&mut self, root: &Node, place: &str, out: &mut [Built], reading: &mut Reading<'_>) {
        for key in ["patches", "patchesStrategicMerge", "patchesJson6902"] {
            for item in root.get(key).map_or(&[][..], Node::items) {
                let target = item.get("target");
                let inline = item.get("patch");
                // A file, or the patch itself.
                let named = item.get("path").or(Some(item).filter(|n| n.as_str().is_some()));
                let path = named
                    .and_then(Node::as_str)
                    .filter(|t| !t.contains('\n'))
                    .and_then(|t| resolve(place, t));
                let found = path
                    .as_ref()
                    .and_then(|p| self.documents.iter().find(|d| d.path == *p));
                let patch = match (found, inline.or(named)) {
                    (Some(document), _) => {
                        self.taken.insert(document.path.clone());
                        document.root.clone()
                    }
                    (None, Some(text))
                        if inline.is_some() || text.as_str().is_some_and(|t| t.contains('\n')) =>
                    {
                        parsed(text, reading)
                    }
                    _ => None,
                };
                let Some(patch) = patch else {
                    reading.gap(item.span.clone(), "a patch that was not read");
                    continue;
                };
                if !reading.hold(size(&patch), &item.span) {
                    return;
                }
                if !reading.pay(out.len().saturating_mul(16), &item.span) {
                    return;
                }
                apply(&patch, target, out, reading);
            }
        }
    }
}

/// A patch that stands in the overlay as a text.
fn parsed(text: &Node, reading: &mut Reading<'_>) -> Option<Node> {
    let source = text.as_str()?;
    let raw = reading.files.slice(&text.span);
    let at = raw.find(source.trim_end());
    let mut node = text::yaml(source, reading.budget).ok()?;
    let whole = text.span.clone();
    node.relocate(&mut |span| match at {
        Some(at) => {
            let start = whole.start.saturating_add(at);
            start.saturating_add(span.start)..start.saturating_add(span.end)
        }
        // Indented, it has no places of its own.
        None => whole.clone(),
    });
    Some(node)
}

fn apply(patch: &Node, target: Option<&Node>, out: &mut [Built], reading: &mut Reading<'_>) {
    let several = patch.items().first().is_some_and(|n| n.get("kind").is_some());
    let is_operations = patch.items().first().is_some_and(|n| n.get("op").is_some());
    if is_operations {
        for object in out.iter_mut().filter(|b| target.is_some_and(|t| fits(b, t))) {
            for operation in patch.items() {
                if !reading.hold(size(operation), &operation.span) {
                    return;
                }
                merge::operation(&mut object.node, operation);
            }
        }
        return;
    }
    let single = std::slice::from_ref(patch);
    for document in if several { patch.items() } else { single } {
        let text = |keys: &[&str]| document.path(keys).and_then(Node::as_text).unwrap_or_default();
        let (kind, name) = (text(&["kind"]), text(&["metadata", "name"]));
        for object in out.iter_mut() {
            let chosen = match target {
                Some(target) => fits(object, target),
                None => object.is(kind, name),
            };
            if !chosen {
                continue;
            }
            if !reading.hold(size(document), &document.span) {
                return;
            }
            let mut change = document.clone();
            // With a target, the patch's own name says nothing.
            if target.is_some()
                && let Value::Table(entries) = &mut change.value
            {
                for entry in entries.iter_mut().filter(|e| e.key == "metadata") {
                    if let Value::Table(inner) = &mut entry.node.value {
                        inner.retain(|e| e.key != "name");
                    }
                }
                entries.retain(|e| e.key != "kind" && e.key != "apiVersion");
            }
            merge::strategic(&mut object.node, &change, 0);
        }
    }
}

/// Whether a target means an object; names may hold `.*`.
fn fits(object: &Built, target: &Node) -> bool {
    let wanted = |key: &str| target.get(key).and_then(Node::as_text);
    let like = |pattern: &str, text: &str| match pattern.split_once(".*") {
        Some((start, end)) => {
            text.starts_with(start)
                && text.ends_with(end)
                && text.len() >= start.len().saturating_add(end.len())
        }
        None => pattern == text,
    };
    let kind = wanted("kind").is_none_or(|k| like(k, object.text(&["kind"])));
    let name = wanted("name")
        .is_none_or(|n| like(n, &object.original) || like(n, object.text(&["metadata", "name"])));
    let selector = wanted("labelSelector").is_none_or(|s| {
        s.split(',').all(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            object.text(&["metadata", "labels", key.trim()]) == value.trim_start_matches('=').trim()
        })
    });
    kind && name && selector
}

fn size(node: &Node) -> usize {
    let mut n = 0_usize;
    node.walk(&mut |_| n = n.saturating_add(NODE_BYTES));
    n
}

fn string(text: &str, span: &Range<usize>) -> Node {
    Node::new(span.clone(), Value::String(text.to_owned()))
}

/// A ConfigMap or a Secret of literals, files and files of variables.
fn generated(item: &Node, kind: &str, place: &str, document: &Document, reading: &mut Reading<'_>) -> Built {
    let mut data: Vec<Entry> = Vec::new();
    let mut add = |key: &str, node: Node| {
        data.push(Entry {
            key: key.to_owned(),
            key_span: node.span.clone(),
            node,
        });
    };
    for literal in item.get("literals").map_or(&[][..], Node::items) {
        if let Some((key, value)) = literal.as_str().and_then(|t| t.split_once('=')) {
            add(key, string(value.trim_matches(['"', '\'']), &literal.span));
        }
    }
    for file in item.get("files").map_or(&[][..], Node::items) {
        let Some(text) = file.as_str() else { continue };
        let (key, path) = text.split_once('=').unwrap_or((file_name(text), text));
        let found = resolve(place, path)
            .and_then(|p| reading.files.find(&p))
            .map(|f| f.span.clone());
        match found {
            Some(span) => {
                if reading.hold(span.len(), &file.span) {
                    add(key, string(reading.files.slice(&span), &span));
                }
            }
            None => reading.gap(file.span.clone(), "a file that was not read"),
        }
    }
    let single = item.get("env").into_iter();
    for file in item.get("envs").map_or(&[][..], Node::items).iter().chain(single) {
        let path = file.as_str().and_then(|p| resolve(place, p));
        let found = path.and_then(|p| reading.files.find(&p)).map(|f| f.span.clone());
        for variable in found
            .map(|s| env_file::variables(reading.files.text(), &s))
            .unwrap_or_default()
        {
            let text = variable.value.map(|w| w.text).unwrap_or_default();
            add(&variable.name, string(&text, &variable.span));
        }
    }
    let name = item.get("name").and_then(Node::as_text).unwrap_or_default();
    let span = item.span.clone();
    let entry = |key: &str, node: Node| Entry {
        key: key.to_owned(),
        key_span: span.start..span.start,
        node,
    };
    let place_of_name = item.get("name").map_or(span.clone(), |n| n.span.clone());
    let metadata = Node::new(
        span.clone(),
        Value::Table(vec![entry("name", string(name, &place_of_name))]),
    );
    let table = if kind == "Secret" { "stringData" } else { "data" };
    Built {
        original: name.to_owned(),
        path: document.path.clone(),
        node: Node::new(
            span.clone(),
            Value::Table(vec![
                entry("apiVersion", string("v1", &span)),
                entry("kind", string(kind, &span)),
                entry("metadata", metadata),
                entry(table, Node::new(span.clone(), Value::Table(data))),
            ]),
        ),
    }
}

/// Names, namespace, labels and images that an overlay changes everywhere.
fn changes(root: &Node, out: &mut [Built], reading: &mut Reading<'_>) {
    if let Some(namespace) = root.get("namespace").filter(|n| n.as_text().is_some()) {
        for object in out.iter_mut() {
            put(&mut object.node, &["metadata", "namespace"], namespace);
        }
    }
    let text = |key: &str| root.get(key).and_then(Node::as_text).unwrap_or_default();
    let (prefix, suffix) = (text("namePrefix"), text("nameSuffix"));
    if !prefix.is_empty() || !suffix.is_empty() {
        let names: BTreeSet<String> = out
            .iter()
            .map(|b| b.text(&["metadata", "name"]).to_owned())
            .collect();
        for object in out.iter_mut() {
            let name = object.text(&["metadata", "name"]).to_owned();
            let span = object
                .node
                .path(&["metadata", "name"])
                .map_or(0..0, |n| n.span.clone());
            put(
                &mut object.node,
                &["metadata", "name"],
                &string(&format!("{prefix}{name}{suffix}"), &span),
            );
            renamed(&mut object.node, &names, prefix, suffix);
        }
    }
    let pairs = root.get("labels").map_or(&[][..], Node::items);
    let all = pairs
        .iter()
        .filter_map(|l| l.get("pairs"))
        .chain(root.get("commonLabels"));
    let labels: Vec<Entry> = all.flat_map(Node::entries).cloned().collect();
    for object in out.iter_mut().filter(|_| !labels.is_empty()) {
        if !reading.hold(
            labels.len().saturating_mul(NODE_BYTES).saturating_mul(2),
            &root.span,
        ) {
            return;
        }
        for label in &labels {
            put(&mut object.node, &["metadata", "labels", &label.key], &label.node);
            if object.node.path(&["spec", "template"]).is_some() {
                put(
                    &mut object.node,
                    &["spec", "template", "metadata", "labels", &label.key],
                    &label.node,
                );
            }
        }
    }
    for image in root.get("images").map_or(&[][..], Node::items) {
        if !reading.pay(out.len().saturating_mul(64), &image.span) {
            return;
        }
        for object in out.iter_mut() {
            replace_image(&mut object.node, image);
        }
    }
}

/// Sets a value at a route, making the tables on the way.
fn put(node: &mut Node, route: &[&str], value: &Node) {
    let Some((first, rest)) = route.split_first() else {
        *node = value.clone();
        return;
    };
    if !matches!(node.value, Value::Table(_)) {
        node.value = Value::Table(Vec::new());
    }
    let Value::Table(entries) = &mut node.value else {
        return;
    };
    if !entries.iter().any(|e| e.key == *first) {
        entries.push(Entry {
            key: (*first).to_owned(),
            key_span: value.span.clone(),
            node: Node::new(value.span.clone(), Value::Null),
        });
    }
    if let Some(entry) = entries.iter_mut().rev().find(|e| e.key == *first) {
        put(&mut entry.node, rest, value);
    }
}

/// What stands around a name that means another object.
const REFERRING: &[&str] = &[
    "configMapRef",
    "secretRef",
    "configMapKeyRef",
    "secretKeyRef",
    "configMap",
    "secret",
    "service",
    "backend",
    "services",
    "backendRefs",
    "destination",
    "targetRef",
    "targetRefs",
    "parentRefs",
    "middlewares",
];

/// Changes names that mean objects whose names were changed.
fn renamed(node: &mut Node, names: &BTreeSet<String>, prefix: &str, suffix: &str) {
    let mut stack: Vec<(&mut Node, bool)> = vec![(node, false)];
    while let Some((node, refers)) = stack.pop() {
        match &mut node.value {
            Value::Table(entries) => {
                for entry in entries.iter_mut() {
                    let is_name = matches!(entry.key.as_str(), "serviceName" | "secretName")
                        || (refers && matches!(entry.key.as_str(), "name" | "host"));
                    if let Value::String(text) = &mut entry.node.value
                        && is_name
                        && names.contains(text)
                    {
                        *text = format!("{prefix}{text}{suffix}");
                    }
                    let refers = REFERRING.contains(&entry.key.as_str());
                    stack.push((&mut entry.node, refers));
                }
            }
            Value::Array(items) => stack.extend(items.iter_mut().map(|n| (n, refers))),
            _ => {}
        }
    }
}

/// Gives containers another image: its name, its tag or its digest.
fn replace_image(node: &mut Node, change: &Node) {
    let text = |key: &str| change.get(key).and_then(Node::as_text);
    let Some(name) = text("name") else { return };
    let mut stack = vec![node];
    while let Some(node) = stack.pop() {
        match &mut node.value {
            Value::Table(entries) => {
                for entry in entries.iter_mut() {
                    if entry.key == "image"
                        && let Some(image) = entry.node.as_str()
                    {
                        let bare = image.split('@').next().unwrap_or(image);
                        let (base, tag) = match bare.rsplit_once(':') {
                            Some((base, tag)) if !tag.contains('/') => (base, Some(tag)),
                            _ => (bare, None),
                        };
                        if base == name {
                            let base = text("newName").unwrap_or(base);
                            let made = match (text("digest"), text("newTag").or(tag)) {
                                (Some(digest), _) => format!("{base}@{digest}"),
                                (None, Some(tag)) => format!("{base}:{tag}"),
                                (None, None) => base.to_owned(),
                            };
                            entry.node = string(&made, &change.span);
                        }
                    }
                    stack.push(&mut entry.node);
                }
            }
            Value::Array(items) => stack.extend(items.iter_mut()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
