//! Two models side by side: the same weights, and what the copy brings beside them.
//!
//! The one decision: a copy is compared by what is loaded, not by what is stored. Weights are compared by tensor, so
//! that other shards of the same tensors are no difference; texts without their line endings; configurations by their
//! values; and everything that a rule says of the copy and not of the original is a difference that can run code.

use crate::{
    artifact::{FileResult, Visitor},
    repository::Files,
    run::{Listing, Options, assemble, named},
    subjects::Input,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Blob, Budget, Finding, Location, Measure, Severity};
use wellhead_formats::{
    Document, Family, Format, Role,
    text::{Node, Value},
};
use wellhead_rules::repository::{CodeChange, SettingChange, Twin, Weights, loaded_scripts};

/// An artifact of one side.
struct Leaf {
    artifact: ArtifactPath,
    format: &'static Format,
    /// Of all bytes; `None` where they could not be read, or where the tensors say it all.
    digest: Option<[u8; 32]>,
    /// The text without its line endings, if it is one.
    text: Option<Arc<str>>,
    /// The value of a structured text, by key and without its order.
    values: Option<BTreeMap<String, String>>,
    /// Names of what a pickle imports or a graph computes.
    names: BTreeSet<String>,
    /// Whether its weights are compared by tensor.
    told_apart: bool,
}

/// A tensor or storage.
struct Part {
    artifact: ArtifactPath,
    /// Type and shape.
    kind: String,
    digest: Option<[u8; 32]>,
}

/// What one side holds.
#[derive(Default)]
pub(crate) struct Side {
    /// One file: its name does not count.
    single: bool,
    leaves: BTreeMap<String, Leaf>,
    parts: BTreeMap<String, Part>,
    unread: Option<String>,
}

impl Side {
    pub(crate) fn new(listing: &Listing) -> Self {
        Self {
            single: listing.entries.len() == 1,
            ..Self::default()
        }
    }

    /// Whether there are weights to compare.
    pub(crate) fn is_model(&self) -> bool {
        let packaged = self.leaves.values().any(|l| l.format.family == Family::Package);
        !packaged && (!self.parts.is_empty() || self.leaves.values().any(is_opaque_model))
    }

    /// The same name for the same thing on both sides.
    fn key(&self, artifact: &ArtifactPath, inside: Option<&Format>) -> String {
        let shown = artifact.to_string();
        let members = shown.split_once("!/").map_or("", |(_, members)| members);
        // PyTorch names the folder in its archive after the file.
        let members = match inside.map(|f| f.name) {
            Some("torch-zip" | "torchscript") => members.split_once('/').map_or(members, |(_, rest)| rest),
            _ => members,
        };
        let top = if self.single { "" } else { artifact.top() };
        if members.is_empty() {
            top.to_owned()
        } else {
            format!("{top}!/{members}")
        }
    }
}

impl Visitor for Side {
    fn visit(&mut self, input: &Input<'_>, budget: &mut Budget) {
        let format = input.identity.format;
        let key = self.key(input.path, input.identity.inside);
        let document = &input.opened.document;
        if input.role == Role::Tensor || format.name == "raw-tensor" {
            let digest = self.digest(input.blob, budget);
            let kind = format!("{} bytes", input.blob.len());
            let artifact = input.path.clone();
            self.parts.insert(
                key,
                Part {
                    artifact,
                    kind,
                    digest,
                },
            );
            return;
        }
        let tensors = document.tensors();
        // Shards of one folder are one set of tensors.
        let folder = key
            .rfind('/')
            .and_then(|at| key.get(..=at))
            .unwrap_or_default()
            .to_owned();
        for tensor in tensors {
            let length = tensor.bytes.end.saturating_sub(tensor.bytes.start);
            let digest = self.digest(&input.blob.slice(tensor.bytes.start, length), budget);
            let name = if tensor.name.is_empty() {
                key.clone()
            } else {
                format!("{folder}{}", tensor.name)
            };
            let part = Part {
                artifact: input.path.clone(),
                kind: format!("`{}` {:?}", wellhead_core::escape(&tensor.dtype), tensor.shape),
                digest,
            };
            self.parts.insert(name, part);
        }
        let container = matches!(
            document,
            Document::Zip(_) | Document::Tar(_) | Document::Compressed(_)
        );
        let digest = if container || !tensors.is_empty() {
            None
        } else {
            self.digest(input.blob, budget)
        };
        let (text, values) = texts(document);
        self.leaves.insert(
            key,
            Leaf {
                artifact: input.path.clone(),
                format,
                digest,
                text,
                values,
                names: names(document),
                told_apart: !tensors.is_empty(),
            },
        );
    }
}

impl Side {
    fn digest(&mut self, blob: &Blob, budget: &mut Budget) -> Option<[u8; 32]> {
        let digest = crate::digest::raw(blob, budget);
        if digest.is_none() {
            self.unread = Some("some bytes could not be read within the limits".to_owned());
        }
        digest
    }
}

/// A text without line endings and white space at their ends, and the values of a structured one.
fn texts(document: &Document) -> (Option<Arc<str>>, Option<BTreeMap<String, String>>) {
    let text = match document {
        Document::Data(data) => &data.text.text,
        Document::Text(text) => &text.text,
        _ => return (None, None),
    };
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let plain = lines.join("\n");
    let values = match document {
        Document::Data(data) => data.root.as_ref().ok().map(|root| {
            let keys = root
                .entries()
                .iter()
                .map(|e| (e.key.clone(), plain_value(&e.node)));
            match &root.value {
                Value::Table(_) => keys.collect(),
                _ => BTreeMap::from([(String::new(), plain_value(root))]),
            }
        }),
        _ => None,
    };
    (Some(Arc::from(plain.trim_end())), values)
}

/// A value as text that is the same for the same value, whatever the order of keys.
fn plain_value(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.clone(),
        Value::String(s) => format!("{s:?}"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain_value).collect();
            format!("[{}]", items.join(","))
        }
        Value::Table(entries) => {
            let sorted: BTreeMap<&str, String> = entries
                .iter()
                .map(|e| (e.key.as_str(), plain_value(&e.node)))
                .collect();
            let items: Vec<String> = sorted.iter().map(|(k, v)| format!("{k:?}:{v}")).collect();
            format!("{{{}}}", items.join(","))
        }
    }
}

fn names(document: &Document) -> BTreeSet<String> {
    match document {
        Document::Pickle(program) => program
            .imports
            .iter()
            .map(wellhead_formats::pickle::Import::path)
            .collect(),
        Document::Model(model) => {
            let operators = model.graph.operators.iter();
            let references = model.graph.references.iter();
            operators
                .map(|o| format!("{}::{}", o.domain, o.name))
                .chain(references.map(|r| r.target.clone()))
                .collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Compares a copy with the original, where both are models.
pub(crate) fn twin(
    (old, before, old_results): (&Listing, &Side, Vec<FileResult>),
    (new, after, new_results): (&Listing, &Side, Vec<FileResult>),
    options: &Options<'_>,
) -> (Twin, Vec<Finding>) {
    let known: BTreeSet<String> = findings(old, old_results, options)
        .0
        .iter()
        .map(|f| identity(before, f))
        .collect();
    let (found, loaded) = findings(new, new_results, options);
    let fresh: Vec<Finding> = found
        .into_iter()
        .filter(|f| f.measure == Measure::Integrity || leads_elsewhere(f))
        .filter(|f| f.severity >= Severity::Medium)
        .filter(|f| !known.contains(&identity(after, f)))
        .collect();
    let twin = Twin {
        weights: weights(before, after),
        code: code(before, after, &fresh, &loaded),
        settings: settings(before, after),
    };
    (twin, fresh)
}

/// What a configuration or card of the copy takes from somewhere else. Other rules about sources go by the name of the
/// folder, which is another one in every copy.
fn leads_elsewhere(finding: &Finding) -> bool {
    matches!(
        &*finding.rule,
        "remote-code-from-other-repository" | "redirected-base-model" | "card-asks-for-trust"
    )
}

/// What a whole audit of one side says, and the scripts that loading it runs.
fn findings(
    listing: &Listing,
    results: Vec<FileResult>,
    options: &Options<'_>,
) -> (Vec<Finding>, BTreeSet<String>) {
    let files: Vec<_> = named(listing.clone()).collect();
    let targets = vec![wellhead_core::escape(&listing.target)];
    let report = assemble(targets.clone(), results, &files, options);
    let own = Files::new(&files, &report.coverage, &targets);
    let mut loaded = BTreeSet::new();
    for folder in own.folders() {
        let repository = own.read(folder, options).repository;
        if repository.is_model {
            loaded.extend(
                loaded_scripts(&repository)
                    .into_iter()
                    .map(|path| format!("{folder}{path}")),
            );
        }
    }
    (report.findings, loaded)
}

/// What makes a finding of one side the same as one of the other.
fn identity(side: &Side, finding: &Finding) -> String {
    let place = finding
        .primary()
        .map(|l| side.key(&l.artifact, None))
        .unwrap_or_default();
    let subject = if finding.subject.is_empty() {
        &finding.message
    } else {
        &finding.subject
    };
    // Inside of a single file the folder of an archive is named after the file.
    let place = if side.single { String::new() } else { place };
    format!("{} {} {place} {subject}", finding.rule, finding.severity)
}

fn weights(before: &Side, after: &Side) -> Weights {
    let mut out = Weights {
        unknown: before.unread.clone().or_else(|| after.unread.clone()),
        ..Weights::default()
    };
    for (name, old) in &before.parts {
        let Some(new) = after.parts.get(name) else {
            out.lost.push(name.clone());
            continue;
        };
        out.compared = out.compared.saturating_add(1);
        if old.kind != new.kind {
            out.retyped
                .push((name.clone(), format!("{} became {}", old.kind, new.kind)));
        } else if old.digest != new.digest {
            out.changed.push(name.clone());
        } else {
            continue;
        }
        out.place.get_or_insert_with(|| new.artifact.clone());
    }
    let added = after
        .parts
        .keys()
        .filter(|name| !before.parts.contains_key(*name));
    out.added = added.cloned().collect();
    renamed(before, after, &mut out);
    // Models that are not told apart by tensor are compared whole.
    for (key, old) in before.leaves.iter().filter(|(_, l)| is_opaque_model(l)) {
        let Some(new) = after.leaves.get(key) else {
            if !key.contains("!/") {
                out.lost.push(key.clone());
            }
            continue;
        };
        // The pickle of a checkpoint names its storages, which are compared themselves.
        if old.digest.is_none() || new.digest.is_none() || key.contains("!/") && !after.parts.is_empty() {
            continue;
        }
        out.compared = out.compared.saturating_add(1);
        if old.digest != new.digest {
            let name = if key.is_empty() {
                new.artifact.to_string()
            } else {
                key.clone()
            };
            out.changed.push(name);
            out.place.get_or_insert_with(|| new.artifact.clone());
        }
    }
    if out.place.is_none() {
        out.place = after
            .parts
            .values()
            .map(|p| p.artifact.clone())
            .chain(after.leaves.values().map(|l| l.artifact.clone()))
            .next();
    }
    out
}

/// The same bytes under another name are the same weights.
fn renamed(before: &Side, after: &Side, out: &mut Weights) {
    let mut free: BTreeMap<[u8; 32], Vec<String>> = BTreeMap::new();
    for name in &out.added {
        if let Some(digest) = after.parts.get(name).and_then(|p| p.digest) {
            free.entry(digest).or_default().push(name.clone());
        }
    }
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut same = 0_u64;
    out.lost.retain(|name| {
        let digest = before.parts.get(name).and_then(|p| p.digest);
        let twin = digest.and_then(|d| free.get_mut(&d)?.pop());
        same = same.saturating_add(u64::from(twin.is_some()));
        let lost = twin.is_none();
        taken.extend(twin);
        lost
    });
    out.compared = out.compared.saturating_add(same);
    out.added.retain(|name| !taken.contains(name));
}

/// A model whose weights nothing tells apart.
fn is_opaque_model(leaf: &Leaf) -> bool {
    let container = matches!(
        leaf.format.name,
        "torch-zip" | "torchscript" | "torch-tar" | "npz"
    );
    leaf.format.family == Family::Model && !leaf.told_apart && !container
}

fn code(before: &Side, after: &Side, fresh: &[Finding], loaded: &BTreeSet<String>) -> Vec<CodeChange> {
    let mut out: Vec<CodeChange> = Vec::new();
    for (key, new) in after.leaves.iter().filter(|(key, l)| may_run(key, l.format)) {
        let old = before.leaves.get(key);
        if old.is_some_and(|old| same(old, new)) {
            continue;
        }
        // A pickle of the same program with other numbers is weights.
        let pickle = new.format.family == Family::Model;
        let added: Vec<&String> = old.map_or_else(Vec::new, |old| new.names.difference(&old.names).collect());
        let harm = harm(fresh, &new.artifact);
        if pickle && old.is_some() && added.is_empty() && harm.is_none() {
            continue;
        }
        let mut what = new.format.title.to_owned();
        if let Some(first) = added.first() {
            what = format!("{what} that imports {}", wellhead_core::code(first));
        }
        out.push(CodeChange {
            path: shown(key, new),
            what,
            changed: old.is_some(),
            leads: false,
            at_load: loaded.contains(key) || harm.as_ref().is_some_and(|h| h.0 >= Severity::High),
            harm: harm.map(|h| h.1),
            location: place(
                fresh,
                new,
                if old.is_some() {
                    "other than the original's"
                } else {
                    "not in the original"
                },
            ),
        });
    }
    // An archive is said by its members.
    let told: Vec<ArtifactPath> = out.iter().filter_map(|c| c.location.artifact.parent()).collect();
    out.retain(|c| !told.contains(&c.location.artifact));
    // What a rule says of the copy alone can run code, whatever the file is.
    for finding in fresh {
        let Some(location) = finding.primary() else {
            continue;
        };
        let seen = out.iter().any(|c| c.location.artifact == location.artifact);
        let remote = finding.rule.starts_with("remote-code");
        // A base or a card is said by its own finding: neither runs code by itself.
        let grave = finding.severity >= Severity::High && finding.measure == Measure::Integrity;
        if seen || !(remote || grave) {
            continue;
        }
        let key = after.key(&location.artifact, None);
        out.push(CodeChange {
            path: if key.is_empty() {
                location.artifact.to_string()
            } else {
                key.clone()
            },
            what: "it names what runs".to_owned(),
            leads: true,
            changed: before.leaves.contains_key(&key) || after.single,
            at_load: true,
            harm: Some(finding.message.clone()),
            location: location.clone(),
        });
    }
    out
}

fn shown(key: &str, leaf: &Leaf) -> String {
    if key.is_empty() || key.starts_with('!') {
        leaf.artifact.to_string()
    } else {
        key.to_owned()
    }
}

/// The worst that is said of an artifact of the copy and not of the original.
fn harm(fresh: &[Finding], artifact: &ArtifactPath) -> Option<(Severity, String)> {
    let about = fresh
        .iter()
        .filter(|f| f.locations.iter().any(|l| l.artifact == *artifact));
    about
        .max_by_key(|f| f.severity)
        .map(|f| (f.severity, f.message.clone()))
}

fn place(fresh: &[Finding], leaf: &Leaf, label: &str) -> Location {
    let worst = fresh
        .iter()
        .filter(|f| f.primary().is_some_and(|l| l.artifact == leaf.artifact))
        .max_by_key(|f| f.severity);
    match worst.and_then(Finding::primary) {
        Some(location) => location.clone(),
        None => Location::whole(&leaf.artifact, label),
    }
}

/// Whether a file may run code by itself: source, programs, pickles, what pip installs.
fn may_run(key: &str, format: &Format) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    match format.family {
        Family::Source | Family::Executable | Family::Package => true,
        Family::Model => format.runs_code_on_load,
        _ => {
            matches!(format.name, "dockerfile" | "requirements" | "python-path")
                || matches!(
                    name,
                    "pyproject.toml"
                        | "setup.cfg"
                        | "conda.yaml"
                        | "environment.yml"
                        | "environment.yaml"
                        | "Modelfile"
                        | "python_env.yaml"
                )
        }
    }
}

fn same(old: &Leaf, new: &Leaf) -> bool {
    match (&old.values, &new.values, &old.text, &new.text) {
        (Some(a), Some(b), ..) => a == b,
        (_, _, Some(a), Some(b)) => a == b,
        _ => old.digest == new.digest && old.names == new.names,
    }
}

fn settings(before: &Side, after: &Side) -> Vec<SettingChange> {
    let mut out = Vec::new();
    for (key, new) in &after.leaves {
        if may_run(key, new.format) && new.format.family != Family::Model {
            continue;
        }
        let name = key.rsplit('/').next().unwrap_or(key);
        let old = before.leaves.get(key);
        let Some((what, weighty)) = setting(name, new) else {
            continue;
        };
        // A file that says more than the original's folder did counts where it speaks to the model.
        if old.is_none() && !(weighty && name.ends_with(".jinja")) || old.is_some_and(|old| same(old, new)) {
            continue;
        }
        let keys: Vec<String> = match old {
            Some(old) => differing(old, new),
            None => Vec::new(),
        };
        let speaks = keys
            .iter()
            .any(|k| k.contains("template") || k.contains("system_prompt"));
        let runs = old.is_some_and(|old| names_code(old, new));
        // A pickle or graph that names the same things is told by its weights.
        if new.format.family == Family::Model && keys.is_empty() {
            continue;
        }
        out.push(SettingChange {
            path: shown(key, new),
            what: if speaks { "the chat template" } else { what },
            keys,
            weighty: weighty || speaks || runs,
            location: Location::whole(&new.artifact, "other than the original's"),
        });
    }
    out
}

/// Whether a value that differs names code, in whatever part of the configuration it stands.
fn names_code(old: &Leaf, new: &Leaf) -> bool {
    let (Some(a), Some(b)) = (&old.values, &new.values) else {
        return false;
    };
    b.iter()
        .filter(|(key, value)| a.get(*key) != Some(*value))
        .any(|(key, value)| {
            CODE_KEYS
                .iter()
                .any(|code| key == code || value.contains(&format!("{code:?}:")))
        })
}

/// Keys of configurations by which loaders find code.
const CODE_KEYS: &[&str] = &[
    "auto_map",
    "auto_mapping",
    "custom_pipelines",
    "custom_pipeline",
    "_target_",
    "parent_library",
];

/// Keys or names that are other on one side.
fn differing(old: &Leaf, new: &Leaf) -> Vec<String> {
    if let (Some(a), Some(b)) = (&old.values, &new.values) {
        let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        let other = keys
            .into_iter()
            .filter(|k| a.get(*k) != b.get(*k) && !k.is_empty());
        return other.cloned().collect();
    }
    old.names.symmetric_difference(&new.names).cloned().collect()
}

/// What a file that runs no code decides, and whether it is what the model is told.
fn setting(name: &str, leaf: &Leaf) -> Option<(&'static str, bool)> {
    let lower = name.to_ascii_lowercase();
    if leaf.format.family == Family::Model {
        return Some(("what the model computes or imports", true));
    }
    if lower.ends_with(".jinja") {
        return Some(("the chat template", true));
    }
    let tokenizer = [
        "tokenizer",
        "vocab",
        "merges",
        "special_tokens",
        "added_tokens",
        "spiece",
        "sentencepiece",
    ];
    if tokenizer.iter().any(|t| lower.starts_with(t)) {
        return Some(("the tokenizer", true));
    }
    let structured = leaf.values.is_some() && !lower.starts_with("package");
    (structured && !lower.ends_with(".index.json")).then_some(("the configuration", false))
}
