//! Kubernetes: pods and whatever makes them, and the services, routes and policies that decide who reaches them.
//!
//! Objects are joined as the cluster joins them, by selectors and names. A tree holds more than one cluster would, though:
//! samples and copies with the same labels. So of what a selector selects, the nearest counts: the same file, else the
//! same folder, else the same namespace anywhere.

mod guards;
mod network;
pub(crate) mod object;
mod pod;
mod ray;
mod routes;
mod serving;

use crate::{
    estate::{Dialect, OPENING_BYTES, Reading},
    files::folder,
    resource::Word,
    workload::{LooseRoute, Workload, WorkloadKind},
};
pub(crate) use network::audience_of_block;
use object::{Object, Selector, word};
use pod::Owner;
use std::{cell::RefCell, collections::BTreeMap, ops::Range};
use wellhead_formats::text::{Node, Value};

/// How many objects of one kind and name are looked at.
const MOST_NAMED: usize = 256;

/// What joining two objects costs, in steps.
const JOIN: u64 = 64;

/// The objects that are joined with each other.
pub(crate) struct Cluster<'a, 'r> {
    pub(crate) objects: &'a [Object<'a>],
    by_kind: BTreeMap<&'a str, Vec<usize>>,
    by_name: BTreeMap<(&'a str, &'a str), Vec<usize>>,
    reading: RefCell<&'a mut Reading<'r>>,
    text: &'a str,
}

/// The plain files of a tree.
pub(crate) fn plain(reading: &mut Reading<'_>, taken: &dyn Fn(&str) -> bool) {
    let documents = reading.documents;
    let mut all = Vec::new();
    for document in documents
        .iter()
        .filter(|d| d.dialect == Dialect::Kubernetes && !taken(&d.path))
    {
        if let Some(root) = &document.root {
            all.extend(object::objects(root, &document.path));
        }
    }
    read(&all, reading);
}

/// Reads the objects of one cluster.
pub(crate) fn read(objects: &[Object<'_>], reading: &mut Reading<'_>) {
    let mut by_kind: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut by_name: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (i, object) in objects.iter().enumerate() {
        by_kind.entry(object.kind()).or_default().push(i);
        by_name.entry((object.kind(), object.name())).or_default().push(i);
    }
    let text = reading.files.text();
    let cluster = Cluster {
        objects,
        by_kind,
        by_name,
        reading: RefCell::new(reading),
        text,
    };
    let mut found: Vec<Found<'_>> = Vec::new();
    for object in objects {
        if !cluster.pay(object.node.span.len() as u64, object) {
            break;
        }
        found.extend(workloads(object, &cluster).into_iter().map(|workload| Found {
            workload,
            path: &object.path,
        }));
    }
    let mut pods = Pods::new(found);
    routes::join(&cluster, &mut pods);
    network::join(&cluster, &mut pods);
    guards::join_mesh(&cluster, &mut pods);
    let workloads = pods.found.into_iter().map(|f| f.workload);
    let reading = cluster.reading.into_inner();
    reading.workloads.extend(workloads);
    reading.loose.extend(pods.loose);
}

/// What an object runs.
fn workloads(object: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<Workload> {
    let owner = Owner {
        name: object.name(),
        namespace: object.namespace(),
        kind: WorkloadKind::Pod,
        span: object.place(),
    };
    match (object.kind(), object.group()) {
        ("RayCluster" | "RayService" | "RayJob" | "RayCronJob", _) => ray::workloads(object, cluster),
        ("InferenceService", _) => serving::inference_service(object, cluster),
        ("SeldonDeployment", _) => serving::seldon(object, cluster),
        ("Model", "mlops.seldon.io") => serving::seldon_model(object),
        ("Service", "serving.knative.dev") => serving::knative(object, cluster),
        ("DaskCluster", _) => serving::dask(object, cluster),
        ("Pod", _) => pod::pod(&object.node, &owner, cluster).into_iter().collect(),
        ("CronJob", _) => object
            .get(&["spec", "jobTemplate", "spec", "template"])
            .and_then(|t| pod::pod(t, &owner, cluster))
            .into_iter()
            .collect(),
        // Deployments, StatefulSets, Jobs, and every resource of others that holds a template of pods.
        _ => object
            .get(&["spec", "template"])
            .and_then(|t| pod::pod(t, &owner, cluster))
            .into_iter()
            .collect(),
    }
}

impl<'a> Cluster<'a, '_> {
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The objects of a kind.
    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &'a Object<'a>> + use<'a> {
        let found = self.by_kind.get(kind).cloned().unwrap_or_default();
        let objects = self.objects;
        found.into_iter().filter_map(move |i| objects.get(i))
    }

    /// The object of a kind with that name: of the same namespace, else of none that is said.
    fn named(&self, kind: &str, namespace: &str, name: &str) -> Option<&'a Object<'a>> {
        let found = self.by_name.get(&(kind, name)).map_or(&[][..], Vec::as_slice);
        let objects = self.objects;
        let all = || found.iter().take(MOST_NAMED).filter_map(|i| objects.get(*i));
        all()
            .find(|o| o.namespace() == namespace)
            .or_else(|| all().find(|o| o.namespace().is_empty() || namespace.is_empty()))
    }

    fn pay(&self, steps: u64, at: &Object<'_>) -> bool {
        let mut reading = self.reading.borrow_mut();
        let paid = reading.budget.steps(steps.saturating_add(1));
        if let Err(why) = &paid {
            reading.gap(at.place(), why.to_string());
        }
        paid.is_ok()
    }

    /// Pays for `n` bytes that stay in what is handed out.
    fn hold(&self, n: usize, span: &Range<usize>) -> bool {
        self.reading.borrow_mut().hold(n, span)
    }

    /// What a ConfigMap or a Secret holds.
    fn data(&self, kind: &str, namespace: &str, name: &str) -> Vec<(String, Word)> {
        let Some(object) = self.named(kind, namespace, name) else {
            return Vec::new();
        };
        // Every container may ask for it.
        if !self.pay(object.node.span.len() as u64, object)
            || self
                .reading
                .borrow_mut()
                .budget
                .memory(object.node.span.len() as u64)
                .is_err()
        {
            return Vec::new();
        }
        let mut out: Vec<(String, Word)> = Vec::new();
        for (table, encoded) in [("data", kind == "Secret"), ("stringData", false)] {
            for entry in object.get(&[table]).map_or(&[][..], Node::entries) {
                let Some(mut value) = word(&entry.node) else {
                    continue;
                };
                if encoded {
                    match base64(&value.text) {
                        Some(text) => value.text = text,
                        None => value.open = true,
                    }
                }
                out.retain(|(key, _)| *key != entry.key);
                out.push((entry.key.clone(), value));
            }
        }
        out
    }
}

/// What a text in Base64 stands for, where that is text.
pub(crate) fn base64(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let (mut bits, mut n) = (0_u32, 0_u32);
    for b in text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=') {
        let six = match b {
            b'A'..=b'Z' => b.saturating_sub(b'A'),
            b'a'..=b'z' => b.saturating_sub(b'a').saturating_add(26),
            b'0'..=b'9' => b.saturating_sub(b'0').saturating_add(52),
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        n = n.saturating_add(6);
        if n >= 8 {
            n = n.saturating_sub(8);
            out.push(u8::try_from(bits >> n & 0xff).unwrap_or_default());
        }
    }
    String::from_utf8(out).ok()
}

/// A workload and the file that it stands in.
struct Found<'a> {
    workload: Workload,
    path: &'a str,
}

/// The workloads of a cluster by their labels.
struct Pods<'a> {
    found: Vec<Found<'a>>,
    by_label: BTreeMap<(String, String), Vec<usize>>,
    /// Ways to none of them.
    loose: Vec<LooseRoute>,
}

impl<'a> Pods<'a> {
    fn new(found: Vec<Found<'a>>) -> Self {
        let mut by_label: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
        for (i, f) in found.iter().enumerate() {
            for (name, word) in &f.workload.labels {
                let key = (name.clone(), word.text.clone());
                by_label.entry(key).or_default().push(i);
            }
        }
        Self {
            found,
            by_label,
            loose: Vec::new(),
        }
    }

    /// What a selector of an object selects, the nearest only.
    fn selected(&self, selector: &Selector, by: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<usize> {
        let all: Vec<usize> = match selector.key() {
            Some(key) => self.by_label.get(key).cloned().unwrap_or_default(),
            None => (0..self.found.len()).collect(),
        };
        if !cluster.pay((all.len() as u64).saturating_mul(JOIN), by) {
            return Vec::new();
        }
        let fits = |i: &usize| {
            self.found.get(*i).is_some_and(|f| {
                let (own, other) = (f.workload.namespace.as_str(), by.namespace());
                // Who applies them may give one namespace to all.
                let unsaid = own.is_empty() || other.is_empty();
                let is_near = folder(f.path) == folder(&by.path);
                (own == other || unsaid && is_near) && selector.selects(&f.workload.labels)
            })
        };
        let all: Vec<usize> = all.into_iter().filter(fits).collect();
        // Each of them gets what the object says.
        if !cluster.hold(all.len().saturating_mul(OPENING_BYTES), &by.place()) {
            return Vec::new();
        }
        // A policy for all of a namespace that is named holds wherever its pods are declared.
        if selector.is_empty() && !by.namespace().is_empty() {
            return all;
        }
        let near = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let is = |i: &usize| self.found.get(*i).is_some_and(|f| same(f.path));
            all.iter().copied().filter(is).collect()
        };
        let in_file = near(&|path| *path == *by.path);
        if !in_file.is_empty() && !selector.is_empty() {
            return in_file;
        }
        let in_folder = near(&|path| folder(path) == folder(&by.path));
        if !in_folder.is_empty() || selector.is_empty() {
            return in_folder;
        }
        all
    }

    /// The workloads that others call so, the nearest only.
    fn called(&self, name: &str, namespace: &str, by: &Object<'_>, cluster: &Cluster<'_, '_>) -> Vec<usize> {
        if !cluster.pay((self.found.len() as u64) >> 3, by) {
            return Vec::new();
        }
        let is =
            |f: &Found<'_>| f.workload.namespace == namespace && f.workload.names.iter().any(|n| n == name);
        let all = || self.found.iter().enumerate().filter(|(_, f)| is(f));
        let of = |same: &dyn Fn(&str) -> bool| -> Vec<usize> {
            all().filter(|(_, f)| same(f.path)).map(|(i, _)| i).collect()
        };
        let in_file = of(&|path| *path == *by.path);
        if !in_file.is_empty() {
            return in_file;
        }
        let in_folder = of(&|path| folder(path) == folder(&by.path));
        if !in_folder.is_empty() {
            return in_folder;
        }
        of(&|_| true)
    }
}

/// Whether a value is on: `true`, `"true"`.
fn is_on(node: &Node) -> bool {
    matches!(&node.value, Value::Bool(true)) || node.as_text().is_some_and(|t| t.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests;
