//! Terraform and OpenTofu: what a cloud is told to run and to open.
//!
//! Files are evaluated as far as they can be without a cloud: variables by their defaults, locals, references, local
//! modules. What is known only after it is applied stays unknown, and still says what it comes from.

mod aws;
mod azure;
mod cluster;
mod eval;
mod functions;
mod gcp;
mod hosts;
mod modules;
mod syntax;
mod term;

use crate::{
    cloud::{Cloud, Setting},
    estate::{Dialect, Document, Reading},
    files::{folder, resolve},
    host, kubernetes,
    resource::{Command, Variable, Word, file_name},
    settings, shell,
    workload::{Workload, WorkloadKind},
};
use eval::{Folder, Resource, World};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use syntax::{Kind, Part};
use term::{Known, Term};
use wellhead_formats::text::{self, Node, Value};

/// Resources that say how a bucket is, or who may use it, and do not use it themselves.
const CONFIGURES: &[&str] = &[
    "aws_s3_",
    "aws_iam_",
    "google_storage_",
    "google_project_iam_",
    "azurerm_storage_",
    "azurerm_role_assignment",
];

/// How many users of one bucket are kept.
const MOST_USERS: usize = 64;

/// Whether a type of resource is an object in a bucket.
fn is_object(kind: &str) -> bool {
    [
        "aws_s3_object",
        "aws_s3_bucket_object",
        "google_storage_bucket_object",
        "azurerm_storage_blob",
    ]
    .contains(&kind)
}

/// How many settings of one resource are kept, and how deep.
const MOST_SETTINGS: usize = 512;
const DEEPEST_SETTING: usize = 12;

/// Reads all Terraform of a tree.
pub(crate) fn plans(reading: &mut Reading<'_>) -> Cloud {
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    let documents = reading.documents;
    for document in documents {
        if matches!(
            document.dialect,
            Dialect::Terraform | Dialect::TerraformJson | Dialect::TerraformVariables
        ) {
            add(document, reading, &mut folders);
        }
    }
    for folder in folders.values_mut() {
        folder.index();
    }
    let called = called(&folders);
    let mut cloud = Cloud::default();
    let mut workloads = Vec::new();
    let mut exhausted = false;
    for name in folders.keys().filter(|name| !called.contains(*name)) {
        let world = World::new(reading.files, &folders, reading.budget);
        let resources = world.resources(name);
        exhausted |= world.exhausted.get();
        drop(world);
        // Joining by reference compares resources with each other.
        let n = resources.len() as u64;
        if reading
            .budget
            .steps(n.saturating_mul(n).saturating_mul(16))
            .is_err()
        {
            exhausted = true;
            break;
        }
        let mut plan = Plan {
            resources: &resources,
            text: reading.files.text(),
            cloud: &mut cloud,
            workloads: &mut workloads,
        };
        plan.read();
        let objects = cluster::objects(&resources, reading);
        if !objects.is_empty() {
            kubernetes::read(&objects, reading);
        }
    }
    if exhausted {
        let span = documents
            .iter()
            .find(|d| d.dialect == Dialect::Terraform)
            .map_or(0..0, |d| d.span.clone());
        reading.gap(span, "evaluating Terraform takes more than the budget");
    }
    absorb(reading, &workloads);
    reading.workloads.extend(workloads);
    cloud
}

fn add(document: &Document, reading: &mut Reading<'_>, folders: &mut BTreeMap<String, Folder>) {
    let text = reading.files.slice(&document.span);
    // What the tree of an expression costs beside its text.
    if !reading.pay(text.len().saturating_mul(4), &document.span)
        || !reading.hold(text.len().saturating_mul(24), &document.span)
    {
        return;
    }
    let (body, problems) = match &document.root {
        Some(root) => (syntax::json(root), Vec::new()),
        None => syntax::hcl(text, document.span.start),
    };
    for (span, why) in problems {
        reading.gap(span, why);
    }
    let found = folders.entry(folder(&document.path).to_owned()).or_default();
    let name = file_name(&document.path);
    if document.dialect != Dialect::TerraformVariables && !name.ends_with(".tfvars.json") {
        found.body.attributes.extend(body.attributes);
        found.body.blocks.extend(body.blocks);
        return;
    }
    let given = name.starts_with("terraform.tfvars") || name.contains(".auto.tfvars");
    // In JSON, variables are the entries themselves.
    let from_json = document
        .root
        .iter()
        .flat_map(Node::entries)
        .map(|e| (e.key.clone(), syntax::of_json(&e.node)));
    let from_hcl = body.attributes.into_iter().map(|a| (a.name, a.value));
    let all: Vec<_> = if document.root.is_some() {
        from_json.collect()
    } else {
        from_hcl.collect()
    };
    let target = if given { &mut found.set } else { &mut found.offered };
    target.extend(all);
}

/// Folders that others call as modules.
fn called(folders: &BTreeMap<String, Folder>) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (name, folder) in folders {
        for block in folder.body.blocks.iter().filter(|b| b.kind == "module") {
            let Some(source) = block.body.attribute("source") else {
                continue;
            };
            if let Kind::Text(parts) = &source.value.kind
                && let [Part::Literal(source)] = parts.as_slice()
                && source.starts_with('.')
            {
                // One that calls itself is still read.
                out.extend(resolve(name, source).filter(|path| path != name));
            }
        }
    }
    // Where all call each other, none would be left.
    if out.len() >= folders.len() {
        BTreeSet::new()
    } else {
        out
    }
}

/// The resources of one root folder, and where what they say goes.
struct Plan<'a> {
    resources: &'a [Resource],
    text: &'a str,
    cloud: &'a mut Cloud,
    workloads: &'a mut Vec<Workload>,
}

impl<'a> Plan<'a> {
    fn read(&mut self) {
        let before = self.workloads.len();
        let buckets = self.cloud.buckets.len();
        aws::read(self);
        gcp::read(self);
        azure::read(self);
        hosts::read(self);
        self.users(buckets);
        let made = self.workloads.iter_mut().skip(before);
        for machine in made.filter(|w| w.kind == WorkloadKind::Machine) {
            host::with_containers(machine, self.text);
        }
    }

    fn of(&self, kinds: &[&str]) -> Vec<&'a Resource> {
        self.resources
            .iter()
            .filter(|r| kinds.contains(&r.kind.as_str()))
            .collect()
    }

    /// Says of each bucket from that one on what refers to it.
    fn users(&mut self, from: usize) {
        for bucket in self.cloud.buckets.iter_mut().skip(from) {
            let mut addresses = vec![bucket.address.as_str()];
            addresses.extend(bucket.account.as_deref());
            let uses = |r: &&Resource| {
                let configures = CONFIGURES.iter().any(|p| r.kind.starts_with(p)) && !is_object(&r.kind);
                !configures && addresses.iter().any(|a| r.term.comes_from(a))
            };
            let users = self.resources.iter().filter(uses).take(MOST_USERS);
            bucket.users = users
                .map(|r| crate::cloud::BucketUser {
                    kind: r.kind.clone(),
                    address: r.address.clone(),
                    span: r.span.clone(),
                    object: ["key", "name"]
                        .iter()
                        .filter(|_| is_object(&r.kind))
                        .find_map(|k| r.term.get(k).and_then(Term::word)),
                })
                .collect();
        }
    }

    /// Keeps the settings of services that the cloud runs.
    fn managed(&mut self, is_one: impl Fn(&str) -> bool) {
        for resource in self.resources.iter().filter(|r| is_one(&r.kind)) {
            let mut settings = Vec::new();
            flatten(&resource.term, &resource.span, "", 0, &mut settings);
            self.cloud.managed.push(crate::cloud::Managed {
                kind: resource.kind.clone(),
                address: resource.address.clone(),
                span: resource.span.clone(),
                settings,
            });
        }
    }
}

fn flatten(term: &Term, place: &Range<usize>, route: &str, depth: usize, out: &mut Vec<Setting>) {
    if depth > DEEPEST_SETTING || out.len() >= MOST_SETTINGS {
        return;
    }
    let deeper = depth.saturating_add(1);
    match &term.kind {
        Known::List(items) => {
            for item in items {
                flatten(item, &item.span, route, deeper, out);
            }
        }
        Known::Map(entries) => {
            for (name, span, term) in entries {
                let route = if route.is_empty() {
                    name.clone()
                } else {
                    format!("{route}.{name}")
                };
                flatten(term, span, &route, deeper, out);
            }
        }
        _ => out.extend(term.word().map(|value| Setting {
            name: route.to_owned(),
            span: value.span.clone().start.min(place.start)..value.span.end.max(place.end),
            value,
        })),
    }
    // A value of another file has its own place.
    if let Some(setting) = out.last_mut()
        && setting.span.len() > MOST_SPAN
    {
        setting.span = setting.value.span.clone();
    }
}

/// Name and value stand together; what lies further apart does not belong together.
const MOST_SPAN: usize = 4096;

/// Whether a resource refers to another by its address.
fn refers(term: Option<&Term>, address: &str) -> bool {
    term.is_some_and(|t| t.comes_from(address))
}

/// The ports from one to another; `None` is all.
fn ports(from: Option<i64>, to: Option<i64>) -> Option<Range<u32>> {
    let from = u32::try_from(from?).ok()?;
    let to = u32::try_from(to.unwrap_or_else(|| from.into())).ok()?;
    let all = from == 0 && (to == 0 || to >= 65_535);
    (!all && from <= to).then(|| from..to.saturating_add(1))
}

/// What a machine runs when it starts, as commands: a script, a document of cloud-init, or several of either.
fn script(term: &Term, text: &str) -> Vec<Command> {
    match &term.kind {
        Known::List(parts) => parts
            .iter()
            .take(MOST_PARTS)
            .flat_map(|t| script(t, text))
            .collect(),
        Known::Text(script, open) if script.starts_with("#cloud-config") => {
            let content = Word {
                text: script.clone(),
                span: term.span.clone(),
                open: *open,
            };
            let mut budget = wellhead_core::Budget::default();
            let root = settings::yaml(&content, text, &mut budget).ok();
            host::with_units(root.map(|r| cloud_init(&r, text)).unwrap_or_default(), text)
        }
        Known::Text(script, _) => host::with_units(shell::script_in(script, text, &term.span), text),
        _ => Vec::new(),
    }
}

/// How many parts the data of one machine has.
const MOST_PARTS: usize = 16;

/// What cloud-init runs, and the files that it writes before.
fn cloud_init(root: &Node, text: &str) -> Vec<Command> {
    let word = |node: &Node| {
        Some(Word {
            text: node.as_text()?.to_owned(),
            span: node.span.clone(),
            open: false,
        })
    };
    let mut out = Vec::new();
    for file in root.get("write_files").map_or(&[][..], Node::items) {
        out.extend(file.get("content").and_then(word).map(|input| Command {
            input: Some(input),
            ..Command::default()
        }));
    }
    for key in ["bootcmd", "runcmd"] {
        for line in root.get(key).map_or(&[][..], Node::items) {
            match line.as_str() {
                Some(script) => out.extend(shell::script_in(script, text, &line.span)),
                None => out.extend(shell::from_words(
                    line.items().iter().filter_map(word).collect(),
                    text,
                )),
            }
        }
    }
    out
}

/// Leaves away what was said of scripts by themselves that a machine runs whose firewall is known.
fn absorb(reading: &mut Reading<'_>, machines: &[Workload]) {
    let files = reading.files;
    let mut run: BTreeSet<usize> = BTreeSet::new();
    for machine in machines {
        if machine.kind != WorkloadKind::Machine || machine.openings.is_empty() {
            continue;
        }
        let commands = machine.containers.iter().flat_map(|c| &c.start);
        let words = commands.filter_map(|c| c.words.first());
        let own = files.at(machine.span.start).map(|f| f.span.start);
        run.extend(words.filter_map(|w| files.at(w.span.start)).map(|f| f.span.start));
        // What stands in the plan itself is no script of its own.
        if let Some(own) = own {
            run.remove(&own);
        }
    }
    if run.is_empty() {
        return;
    }
    reading.workloads.retain(|w| {
        let by_itself = matches!(w.kind, WorkloadKind::Script | WorkloadKind::DockerRun);
        let file = files.at(w.span.start).map(|f| f.span.start);
        !(by_itself && file.is_some_and(|f| run.contains(&f)))
    });
}

/// A list of texts as words.
fn words(term: Option<&Term>) -> Vec<Word> {
    term.map(Term::each)
        .unwrap_or_default()
        .into_iter()
        .filter_map(Term::word)
        .collect()
}

/// `[{name, value}]` as variables.
fn variables(list: &[&Term]) -> Vec<Variable> {
    let mut out = Vec::new();
    for item in list {
        let name = item.get("name").and_then(Term::as_str);
        if let Some(name) = name {
            let secret = || Word {
                span: item.span.clone(),
                open: true,
                ..Word::default()
            };
            let value = item.get("value").map_or_else(|| Some(secret()), Term::word);
            let end = value.as_ref().map_or(item.span.end, |w| w.span.end);
            let start = item.span.start;
            out.push(Variable {
                name: name.to_owned(),
                span: if end >= start && end.saturating_sub(start) < MOST_SPAN {
                    start..end
                } else {
                    item.span.clone()
                },
                value,
            });
        }
    }
    out
}

/// A value that is a document: written as one, or a text in JSON.
fn document(term: &Term, source: &str) -> Option<Term> {
    match &term.kind {
        Known::Map(_) | Known::List(_) => Some(term.clone()),
        Known::Text(text, _) => {
            let mut budget = wellhead_core::Budget::default();
            // What could not be filled in is a value that is not known.
            let node = text::json(text, &mut budget).ok()?;
            let raw = source.get(term.span.clone()).unwrap_or_default();
            let shift = raw
                .find(text.as_str())
                .map(|at| term.span.start.saturating_add(at));
            let mut out = of_node(&node, &term.span, shift);
            out.refs.clone_from(&term.refs);
            Some(out)
        }
        _ => None,
    }
}

/// A tree of JSON as a value; places only where the text stands as it is.
fn of_node(node: &Node, whole: &Range<usize>, shift: Option<usize>) -> Term {
    let place = |span: &Range<usize>| match shift {
        Some(at) => span.start.saturating_add(at)..span.end.saturating_add(at),
        None => whole.clone(),
    };
    let kind = match &node.value {
        Value::Null => Known::Null,
        Value::Bool(b) => Known::Bool(*b),
        Value::Number(n) => Known::Number(n.clone()),
        Value::String(text) => Known::Text(text.clone(), text.contains("${")),
        Value::Array(items) => Known::List(items.iter().map(|n| of_node(n, whole, shift)).collect()),
        Value::Table(entries) => Known::Map(
            entries
                .iter()
                .map(|e| (e.key.clone(), place(&e.key_span), of_node(&e.node, whole, shift)))
                .collect(),
        ),
    };
    Term::new(&place(&node.span), kind)
}

#[cfg(test)]
mod tests;
