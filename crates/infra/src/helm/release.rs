//! Values that are given to charts which no tree holds, wherever they are given: files, Argo CD, Flux, Terraform.
//!
//! The one decision: of the few charts whose values are known, what they make is built as objects of a cluster, so that who
//! reaches it is decided where it always is; of what a chart does by itself nothing is guessed.

use crate::{
    estate::{Dialect, Reading},
    files::folder,
    kubernetes::{
        self,
        object::{self, Object},
    },
    resource::Word,
    settings,
};
use std::{borrow::Cow, ops::Range};
use wellhead_formats::text::{Entry, Node, Value};

/// How many values one release is given, and how many parts a route through them has.
const MOST_VALUES: usize = 32;
const LONGEST_ROUTE: usize = 16;

/// How deep tables of values are joined.
const DEEPEST: usize = 16;

/// Reads the releases that files declare, and files of values whose chart is known by what they hold.
pub(crate) fn releases(reading: &mut Reading<'_>) {
    let documents = reading.documents;
    for document in documents {
        let Some(root) = &document.root else { continue };
        match document.dialect {
            Dialect::Kubernetes => {
                for object in object::objects(root, &document.path) {
                    declared(&object, reading);
                }
            }
            Dialect::Kustomization => {
                for chart in root.get("helmCharts").map_or(&[][..], Node::items) {
                    let values = chart.get("valuesInline").cloned();
                    let name = chart.get("name").and_then(Node::as_text).unwrap_or_default();
                    release(name, values.into_iter().collect(), &[], &document.path, reading);
                }
            }
            _ => {}
        }
    }
    for document in documents.iter().filter(|d| d.dialect == Dialect::HelmValues) {
        let Some(root) = &document.root else { continue };
        // A chart that is there is rendered.
        let place = folder(&document.path);
        let is_template = |d: &crate::estate::Document| {
            let inner = d.path.strip_prefix(place).map(|p| p.trim_start_matches('/'));
            inner.is_some_and(|p| p.starts_with("templates/"))
        };
        let known = reading.given.contains(&document.span.start);
        if known || hub(root).is_none() || documents.iter().any(is_template) {
            continue;
        }
        release("jupyterhub", vec![root.clone()], &[], &document.path, reading);
    }
}

/// The release that an object of an operator declares.
fn declared(object: &Object<'_>, reading: &mut Reading<'_>) {
    let at = |keys: &[&str]| object.get(keys);
    let (sources, chart, values): (Vec<&Node>, &[&str], &[&str]) = match object.kind() {
        "Application" | "ApplicationSet" => {
            let routes: &[&[&str]] = &[&["spec"], &["spec", "template", "spec"]];
            let specs = routes.iter().filter_map(|r| at(r));
            let sources = specs.flat_map(|s| {
                let several = s.get("sources").map_or(&[][..], Node::items);
                s.get("source").into_iter().chain(several)
            });
            (sources.collect(), &["chart"], &["helm"])
        }
        "HelmRelease" => (
            at(&["spec"]).into_iter().collect(),
            &["chart", "spec", "chart"],
            &[],
        ),
        "HelmChart" => (at(&["spec"]).into_iter().collect(), &["chart"], &[]),
        _ => return,
    };
    for source in sources.into_iter().take(MOST_VALUES) {
        let (Some(chart), Some(given)) = (source.path(chart).and_then(Node::as_text), source.path(values))
        else {
            continue;
        };
        let mut trees = Vec::new();
        for key in ["values", "valuesContent", "valuesObject"] {
            trees.extend(given.get(key).and_then(|n| tree(n, reading)));
        }
        let parameters = given.get("parameters").map_or(&[][..], Node::items);
        let listed = parameters
            .iter()
            .filter_map(|p| Some((p.get("name")?.as_text()?.to_owned(), p.get("value")?.clone())));
        let set = given.get("set").map_or(&[][..], Node::entries);
        let set = set.iter().map(|e| (e.key.clone(), e.node.clone()));
        let sets: Vec<(String, Node)> = listed.chain(set).take(MOST_VALUES).collect();
        release(chart, trees, &sets, &object.path, reading);
    }
}

/// Values as a tree: written as one, or a text in YAML.
fn tree(node: &Node, reading: &mut Reading<'_>) -> Option<Node> {
    let Some(text) = node.as_str() else {
        return (!node.entries().is_empty()).then(|| node.clone());
    };
    let content = Word {
        text: text.to_owned(),
        span: node.span.clone(),
        open: false,
    };
    match settings::yaml(&content, reading.files.text(), reading.budget) {
        Ok(node) => Some(node),
        Err(why) => {
            reading.gap(node.span.clone(), why);
            None
        }
    }
}

/// A release of a chart with these values, the later ones over the earlier, and single ones over all of them.
pub(crate) fn release(
    chart: &str,
    trees: Vec<Node>,
    sets: &[(String, Node)],
    path: &str,
    reading: &mut Reading<'_>,
) {
    let name = chart.rsplit('/').next().unwrap_or(chart);
    if !matches!(name, "jupyterhub" | "binderhub" | "daskhub" | "ray-cluster") {
        return;
    }
    let mut trees = trees.into_iter().take(MOST_VALUES);
    let first = trees.next().or_else(|| {
        let (_, node) = sets.first()?;
        Some(Node::new(node.span.clone(), Value::Table(Vec::new())))
    });
    let Some(mut values) = first else { return };
    let size = reading.files.slice(&values.span).len();
    if !reading.pay(size, &values.span) || !reading.hold(size.saturating_mul(8), &values.span) {
        return;
    }
    reading.given.insert(values.span.start);
    for tree in trees {
        reading.given.insert(tree.span.start);
        overlay(&mut values, tree, DEEPEST);
    }
    for (route, node) in sets {
        let route: Vec<&str> = route.split('.').take(LONGEST_ROUTE).collect();
        put(&mut values, &route, node.clone());
    }
    if name == "ray-cluster" {
        let objects: Vec<_> = ray_cluster(&values, path).into_iter().collect();
        kubernetes::read(&objects, reading);
        return;
    }
    let Some(hub) = hub(&values) else { return };
    let said = settings::of_tree(hub, path, &values.span);
    let objects = jupyterhub(hub, path);
    if objects.len() < 2 {
        // Who reaches it is not said.
        reading.settings.push(said);
        return;
    }
    let before = reading.workloads.len();
    kubernetes::read(&objects, reading);
    for workload in reading.workloads.iter_mut().skip(before) {
        workload.settings.push(said.clone());
    }
}

/// Lays a table over another.
fn overlay(base: &mut Node, over: Node, depth: usize) {
    match (&mut base.value, over.value) {
        (Value::Table(entries), Value::Table(more)) if depth > 0 => {
            for entry in more {
                match entries.iter_mut().rev().find(|e| e.key == entry.key) {
                    Some(old) => {
                        // Name and value stand together.
                        if !matches!(entry.node.value, Value::Table(_)) {
                            old.key_span = entry.key_span;
                        }
                        overlay(&mut old.node, entry.node, depth.saturating_sub(1));
                    }
                    None => entries.push(entry),
                }
            }
        }
        (_, value) => *base = Node::new(over.span, value),
    }
}

/// Puts a value where a route leads.
fn put(at: &mut Node, route: &[&str], value: Node) {
    let Some((key, rest)) = route.split_first() else {
        *at = value;
        return;
    };
    if !matches!(at.value, Value::Table(_)) {
        *at = Node::new(value.span.clone(), Value::Table(Vec::new()));
    }
    let Value::Table(entries) = &mut at.value else {
        return;
    };
    match entries.iter_mut().rev().find(|e| e.key == *key) {
        Some(old) => {
            if rest.is_empty() {
                old.key_span = value.span.clone();
            }
            put(&mut old.node, rest, value);
        }
        None => {
            let mut node = Node::new(value.span.clone(), Value::Null);
            let key_span = value.span.clone();
            put(&mut node, rest, value);
            entries.push(Entry {
                key: (*key).to_owned(),
                key_span,
                node,
            });
        }
    }
}

/// The values of JupyterHub's chart, at the top or below the name under which another chart has it.
fn hub(root: &Node) -> Option<&Node> {
    let routes: &[&[&str]] = &[
        &[],
        &["jupyterhub"],
        &["binderhub", "jupyterhub"],
        &["daskhub", "jupyterhub"],
    ];
    routes.iter().filter_map(|r| root.path(r)).find(|n| {
        let configured = n.path(&["hub", "config"]).is_some_and(|c| {
            c.entries()
                .iter()
                .any(|e| e.key == "JupyterHub" || e.key.ends_with("Authenticator"))
        });
        let parts = ["hub", "proxy", "singleuser"]
            .iter()
            .filter(|k| n.get(k).is_some());
        configured || parts.count() >= 2
    })
}

/// Builds trees whose places all are one, but for what is taken over from the values.
struct Builder(Range<usize>);

impl Builder {
    fn text(&self, text: &str) -> Node {
        Node::new(self.0.clone(), Value::String(text.to_owned()))
    }

    fn number(&self, number: u32) -> Node {
        Node::new(self.0.clone(), Value::Number(number.to_string()))
    }

    fn list(&self, items: Vec<Node>) -> Node {
        Node::new(self.0.clone(), Value::Array(items))
    }

    /// A table of what is there.
    fn table(&self, entries: Vec<(&str, Option<Node>)>) -> Node {
        let entries = entries.into_iter().filter_map(|(key, node)| {
            Some(Entry {
                key: key.to_owned(),
                key_span: self.0.clone(),
                node: node?,
            })
        });
        Node::new(self.0.clone(), Value::Table(entries.collect()))
    }

    fn object(&self, kind: (&str, &str), metadata: Node, spec: Node, path: &str) -> Object<'static> {
        let (version, kind) = kind;
        Object {
            node: Cow::Owned(self.table(vec![
                ("apiVersion", Some(self.text(version))),
                ("kind", Some(self.text(kind))),
                ("metadata", Some(metadata)),
                ("spec", Some(spec)),
            ])),
            path: Cow::Owned(path.to_owned()),
        }
    }
}

/// The hub, and what leads to it as far as the values say so.
fn jupyterhub(values: &Node, path: &str) -> Vec<Object<'static>> {
    let key = values.entries().iter().find(|e| e.key == "hub");
    let made = Builder(key.map_or(values.span.clone(), |e| e.key_span.clone()));
    let named = |name: &str, annotations: Option<&Node>| {
        made.table(vec![
            ("name", Some(made.text(name))),
            ("annotations", annotations.cloned()),
        ])
    };
    let label = || made.table(vec![("app", Some(made.text("jupyterhub")))]);
    let container = made.table(vec![
        ("name", Some(made.text("hub"))),
        ("command", Some(made.list(vec![made.text("jupyterhub")]))),
    ]);
    let template = made.table(vec![
        ("metadata", Some(made.table(vec![("labels", Some(label()))]))),
        (
            "spec",
            Some(made.table(vec![("containers", Some(made.list(vec![container])))])),
        ),
    ]);
    let spec = made.table(vec![("template", Some(template))]);
    let mut out = vec![made.object(("apps/v1", "Deployment"), named("hub", None), spec, path)];
    let service = values.path(&["proxy", "service"]);
    let kind = service.and_then(|s| s.get("type"));
    let ingress = values.get("ingress");
    let is_routed = ingress.and_then(|i| i.get("enabled")).and_then(Node::as_bool) == Some(true);
    if kind.is_none() && !is_routed {
        return out;
    }
    let own = |key: &str| service.and_then(|s| s.get(key));
    let port = made.table(vec![
        ("port", Some(made.number(80))),
        ("targetPort", Some(made.number(8000))),
        ("nodePort", own("nodePorts").and_then(|n| n.get("http")).cloned()),
    ]);
    let spec = made.table(vec![
        // What is not said is what the chart says.
        (
            "type",
            Some(kind.cloned().unwrap_or_else(|| made.text("ClusterIP"))),
        ),
        ("selector", Some(label())),
        (
            "loadBalancerSourceRanges",
            own("loadBalancerSourceRanges").cloned(),
        ),
        ("ports", Some(made.list(vec![port]))),
    ]);
    let metadata = named("proxy-public", own("annotations"));
    out.push(made.object(("v1", "Service"), metadata, spec, path));
    if let Some(ingress) = ingress.filter(|_| is_routed) {
        let backend = made.table(vec![
            ("name", Some(made.text("proxy-public"))),
            ("port", Some(made.table(vec![("number", Some(made.number(80)))]))),
        ]);
        let place = ingress.get("enabled").map_or(made.0.clone(), |n| n.span.clone());
        let backend = Node::new(place.clone(), made.table(vec![("service", Some(backend))]).value);
        let way = Builder(place);
        let way_in = way.table(vec![("backend", Some(backend))]);
        let http = made.table(vec![("paths", Some(made.list(vec![way_in])))]);
        let rule = made.table(vec![("http", Some(http))]);
        let spec = made.table(vec![
            ("ingressClassName", ingress.get("ingressClassName").cloned()),
            ("rules", Some(made.list(vec![rule]))),
        ]);
        let metadata = named("jupyterhub", ingress.get("annotations"));
        out.push(made.object(("networking.k8s.io/v1", "Ingress"), metadata, spec, path));
    }
    out
}

/// A cluster of Ray whose head is given an address.
fn ray_cluster(values: &Node, path: &str) -> Option<Object<'static>> {
    let kind = values
        .path(&["service", "type"])
        .or_else(|| values.path(&["head", "serviceType"]))?;
    let made = Builder(kind.span.clone());
    let container = made.table(vec![("name", Some(made.text("ray-head")))]);
    let spec = made.table(vec![("containers", Some(made.list(vec![container])))]);
    let head = made.table(vec![
        ("serviceType", Some(kind.clone())),
        (
            "rayStartParams",
            values.path(&["head", "rayStartParams"]).cloned(),
        ),
        ("template", Some(made.table(vec![("spec", Some(spec))]))),
    ]);
    let spec = made.table(vec![("headGroupSpec", Some(head))]);
    let metadata = made.table(vec![("name", Some(made.text("ray-cluster")))]);
    Some(made.object(("ray.io/v1", "RayCluster"), metadata, spec, path))
}
