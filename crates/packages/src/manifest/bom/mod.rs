//! Bills of materials as input: CycloneDX and SPDX.
//!
//! A bill says what is in something, not what to install, so it settles no range of a manifest beside it. The one
//! decision: whatever it lists ends in a bucket. What has no package URL, or one of another ecosystem, is unauditable
//! with that reason, and a bill that lists nothing is no proof of anything.

mod cyclonedx;
pub(crate) mod purl;
mod spdx;
mod tag_value;
mod xml;

use super::{Manifest, ManifestKind, Problem, ProjectFacts, requirement::specifiers};
use crate::{
    index::{Address, mask},
    name::{is_valid, normalise},
    version::{PyVersion, parse},
};
use purl::Purl;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Range,
};
use wellhead_core::{
    ArtifactPath, Bucket, Budget, Component, ComponentKind, Digest, Ecosystem, Lines, Location, Outcome,
    Source, code, escape,
};
use wellhead_formats::text::{Node, json};

/// What a text is that may be a bill of materials under any name. `root` is its tree where it was read as JSON.
pub fn identify_bom(path: &str, text: &str, root: Option<&Node>) -> Option<ManifestKind> {
    if let Some(root) = root {
        return cyclonedx::is_one(root)
            .then_some(ManifestKind::CycloneDx)
            .or_else(|| spdx::is_one(root).then_some(ManifestKind::Spdx));
    }
    let name = path
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let head = head_of(start);
    if tag_value::is_one(head) {
        return Some(ManifestKind::Spdx);
    }
    if xml::is_one(head) {
        return Some(ManifestKind::CycloneDx);
    }
    if is_rdf(head) {
        return Some(ManifestKind::Spdx);
    }
    // What could not be read as JSON and says that it is a bill, or bears the name of one: a damaged bill, not nothing.
    let named = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if start.starts_with('{') {
        if head.contains("\"bomFormat\"") || named(&[".cdx.json", "bom.json"]) {
            return Some(ManifestKind::CycloneDx);
        }
        if head.contains("\"spdxVersion\"") || named(&[".spdx.json"]) {
            return Some(ManifestKind::Spdx);
        }
    }
    None
}

/// Whether the beginning of a text is that of SPDX as RDF in XML, which is known and not read.
fn is_rdf(head: &str) -> bool {
    head.trim_start().starts_with('<') && head.contains("spdx.org/rdf/terms")
}

/// The beginning of a text, in which a bill says what it is.
fn head_of(text: &str) -> &str {
    let mut end = text.len().min(4 << 10);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

/// Reads a bill of materials of which the tree is at hand where it is JSON.
pub fn read_bom(
    kind: ManifestKind,
    artifact: &ArtifactPath,
    text: &str,
    root: Option<&Node>,
    budget: &mut Budget,
) -> Manifest {
    let mut bill = Bill::new(kind, artifact, text);
    match root {
        Some(root) if kind == ManifestKind::CycloneDx => cyclonedx::read(root, &mut bill, budget),
        Some(root) => spdx::read(root, &mut bill, budget),
        None if kind == ManifestKind::CycloneDx && xml::is_one(head_of(text)) => {
            match xml::read(text, budget) {
                Ok(root) => cyclonedx::read(&root, &mut bill, budget),
                Err((message, span)) => {
                    let at = bill.at(span, &message);
                    return Manifest::unreadable(kind, format!("not XML: {message}"), at);
                }
            }
        }
        None if is_rdf(head_of(text)) => {
            let why = "SPDX as RDF is not read: convert it to JSON, for instance with `pyspdxtools`";
            let at = bill.at(0..1, "in a form that is not read");
            return Manifest::unreadable(kind, why.to_owned(), at);
        }
        None => match json(text, budget) {
            Ok(root) if kind == ManifestKind::CycloneDx => cyclonedx::read(&root, &mut bill, budget),
            Ok(root) => spdx::read(&root, &mut bill, budget),
            Err(_) if kind == ManifestKind::Spdx && tag_value::is_one(head_of(text)) => {
                tag_value::read(text, &mut bill, budget);
            }
            Err(e) => {
                let at = bill.at(e.span, &e.message);
                let mut manifest = Manifest::unreadable(kind, format!("not JSON: {}", e.message), at);
                if let Some(why) = e.exhausted {
                    manifest.outcome = Outcome::NotAnalysed { why: why.to_string() };
                }
                return manifest;
            }
        },
    }
    bill.finish()
}

/// One listed thing on its way into the manifest; texts are as they were written.
#[derive(Default)]
struct Part {
    /// What the bill calls it by; empty where it cannot be referred to.
    id: String,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    /// The versions that it may have, where the bill leaves that open (`vers:pypi/>=1|<2`).
    range: Option<String>,
    kind: Option<ComponentKind>,
    hashes: Vec<Digest>,
    marker: Option<String>,
    span: Range<usize>,
}

/// A bill while it is read.
struct Bill<'a> {
    artifact: &'a ArtifactPath,
    text: Cow<'a, str>,
    lines: Lines,
    manifest: Manifest,
    parts: Vec<Part>,
    /// Who needs whom, by identifier.
    edges: Vec<(String, String)>,
    /// What the bill describes, by identifier.
    roots: BTreeSet<String>,
}

/// What a component costs in memory with its place and its excerpt.
const PART_BYTES: u64 = 1 << 10;

/// Longest chain from a component to the root that is kept.
const MAX_CHAIN: usize = 12;

impl<'a> Bill<'a> {
    fn new(kind: ManifestKind, artifact: &'a ArtifactPath, text: &'a str) -> Self {
        let masked = mask(text);
        let mut bill = Self {
            artifact,
            lines: Lines::new(&masked.text),
            text: masked.text,
            manifest: Manifest::new(kind),
            parts: Vec::new(),
            edges: Vec::new(),
            roots: BTreeSet::new(),
        };
        for secret in masked.secrets {
            let at = bill.at(secret, "a password in plain text");
            bill.manifest.indexes.credentials.push(at);
        }
        bill
    }

    fn at(&self, span: Range<usize>, label: &str) -> Location {
        Location::text_in(self.artifact, &self.text, &self.lines, span, label)
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>) {
        let at = self.at(span, "not understood");
        self.manifest.problems.push(Problem {
            message: message.into(),
            at,
        });
    }

    /// Says that not all was read; the first reason stays.
    fn partly(&mut self, why: impl Into<String>) {
        if self.manifest.outcome == Outcome::Analysed {
            self.manifest.outcome = Outcome::Partly { why: why.into() };
        }
    }

    /// Pays for one more part; `false` where nothing is left.
    fn pays(&mut self, budget: &mut Budget) -> bool {
        match budget.steps(64).and_then(|()| budget.memory(PART_BYTES)) {
            Ok(()) => true,
            Err(e) => {
                self.partly(e.to_string());
                false
            }
        }
    }

    fn finish(mut self) -> Manifest {
        let parts = std::mem::take(&mut self.parts);
        let names: BTreeMap<&str, String> = parts
            .iter()
            .map(|p| (p.id.as_str(), escape(&normalise(&p.name))))
            .collect();
        let parents = self.parents();
        let asked: BTreeSet<&str> = self
            .edges
            .iter()
            .filter(|(from, _)| self.roots.contains(from))
            .map(|(_, to)| to.as_str())
            .collect();
        let mut found = Vec::new();
        for part in &parts {
            let is_root = self.roots.contains(&part.id);
            // What the bill describes is the project, unless it is a package that others know.
            if is_root && part.purl.is_none() {
                self.manifest.project = Some(ProjectFacts {
                    name: Some(escape(&normalise(&part.name))),
                    library: false,
                    ..ProjectFacts::default()
                });
                continue;
            }
            let at = self.at(part.span.clone(), "");
            let (mut component, disagreement) = component(part, at);
            if !part.id.is_empty() && !self.edges.is_empty() && !self.roots.is_empty() {
                component.direct = Some(is_root || asked.contains(part.id.as_str()));
                component.via = chain(&part.id, &parents, &names);
            }
            found.push((component, disagreement.map(|d| (part.span.clone(), d))));
        }
        for (component, disagreement) in found {
            if let Some((span, message)) = disagreement {
                self.problem(span, message);
            }
            self.manifest.components.push(component);
        }
        if self.manifest.components.is_empty() && self.manifest.problems.is_empty() {
            self.partly("it lists no components");
        }
        self.manifest
    }

    /// For each part the one through which it is reached first, breadth first from the root.
    fn parents(&self) -> BTreeMap<String, String> {
        let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (from, to) in &self.edges {
            needs.entry(from).or_default().push(to);
        }
        let mut queue: VecDeque<&str> = self.roots.iter().map(String::as_str).collect();
        let mut seen: BTreeSet<&str> = queue.iter().copied().collect();
        let mut parents = BTreeMap::new();
        while let Some(parent) = queue.pop_front() {
            for child in needs.get(parent).into_iter().flatten() {
                if seen.insert(child) {
                    parents.insert((*child).to_owned(), parent.to_owned());
                    queue.push_back(child);
                }
            }
        }
        parents
    }
}

fn chain(id: &str, parents: &BTreeMap<String, String>, names: &BTreeMap<&str, String>) -> Vec<String> {
    let mut out = Vec::new();
    let mut at = id;
    while let Some(parent) = parents.get(at) {
        if out.len() >= MAX_CHAIN {
            break;
        }
        out.extend(names.get(parent.as_str()).cloned());
        at = parent;
    }
    out
}

/// The component of a part, and what its version and its package URL disagree about.
fn component(part: &Part, declared: Location) -> (Component, Option<String>) {
    let purl = part.purl.as_deref().and_then(Purl::parse);
    let stated = part.version.as_deref().map(str::trim).filter(|v| !v.is_empty());
    let version = purl
        .as_ref()
        .and_then(|p| p.version.clone())
        .or_else(|| stated.map(str::to_owned));
    let kind_of = purl.as_ref().map(|p| p.kind.as_str()).unwrap_or_default();
    let ecosystem = match kind_of {
        "pypi" => Ecosystem::PyPI,
        "conda" => Ecosystem::Conda,
        "huggingface" => Ecosystem::HuggingFace,
        "oci" | "docker" => Ecosystem::Oci,
        _ => Ecosystem::Generic,
    };
    let written = match &purl {
        Some(p) if p.namespace.is_empty() => p.name.clone(),
        Some(p) => format!("{}/{}", p.namespace, p.name),
        None => part.name.clone(),
    };
    let name = if matches!(ecosystem, Ecosystem::PyPI) {
        normalise(&written)
    } else {
        written.clone()
    };
    let range = version
        .as_deref()
        .filter(|v| parse(v).is_none() && v.starts_with(['<', '>', '=', '~', '!']))
        .filter(|v| ecosystem == Ecosystem::PyPI && specifiers(v).is_some())
        .map(str::to_owned);
    let version = version.filter(|_| range.is_none());
    let range = range.or_else(|| {
        let open = part
            .range
            .as_deref()
            .filter(|_| version.is_none() && ecosystem == Ecosystem::PyPI)?;
        let written = open.strip_prefix("vers:pypi/")?.replace('|', ", ");
        specifiers(&written).is_some().then_some(written)
    });
    let bucket = match (&part.purl, &purl, ecosystem) {
        (None, ..) => unauditable("it has no package URL, so nobody knows which ecosystem's it is"),
        (Some(written), None, _) => {
            let why = format!("its package URL is none: {}", code(written));
            Bucket::Unauditable { why }
        }
        (_, _, Ecosystem::PyPI) if !is_valid(&written) => {
            unauditable("its name cannot be one of PyPI, so no advisory can name it")
        }
        (_, _, Ecosystem::PyPI) => match (&version, &range) {
            (_, Some(_)) => Bucket::Unpinned,
            (Some(v), _) if parse(v).is_some() => Bucket::Exact,
            (Some(_), _) => unauditable("its version is none of PEP 440"),
            (None, None) => unauditable("no version is stated"),
        },
        (_, _, Ecosystem::Conda) if version.is_some() => Bucket::Exact,
        (_, _, Ecosystem::Conda) => unauditable("no version is stated"),
        (_, _, Ecosystem::HuggingFace) => {
            unauditable("a model or data set of a hub, which no advisory names")
        }
        _ => {
            let why = format!("ecosystem {} is not matched", code(kind_of));
            Bucket::Unauditable { why }
        }
    };
    let disagreement = purl
        .as_ref()
        .and_then(|p| Some((p.version.as_deref()?, stated?)))
        .filter(|(a, b)| ecosystem == Ecosystem::PyPI && PyVersion::new(a) != PyVersion::new(b))
        .map(|(a, b)| {
            format!(
                "{} is listed with version {} and with a package URL of version {}, which is the one that is judged",
                code(&written),
                code(b),
                code(a)
            )
        });
    let component = Component {
        kind: part.kind.unwrap_or(match ecosystem {
            Ecosystem::HuggingFace => ComponentKind::Model,
            Ecosystem::Oci => ComponentKind::Image,
            _ => ComponentKind::Library,
        }),
        ecosystem,
        name: escape(&name),
        written: escape(&written),
        version: version.map(|v| escape(&v)),
        specifier: range.map(|r| escape(&r)),
        marker: part.marker.as_deref().map(escape),
        hashes: part.hashes.clone(),
        source: source(purl.as_ref()),
        bucket,
        direct: None,
        via: Vec::new(),
        declared,
    };
    (component, disagreement)
}

/// Where the qualifiers of a package URL say that it comes from.
fn source(purl: Option<&Purl>) -> Source {
    let qualifier = |key: &str| purl.and_then(|p| p.qualifier(key));
    if let Some(vcs) = qualifier("vcs_url") {
        // pip's `#egg=name` says nothing of where it comes from.
        let vcs = vcs.split('#').next().unwrap_or_default();
        let bare = vcs.strip_prefix("git+").unwrap_or(vcs);
        let path = bare.find("://").map_or(0, |i| i.saturating_add(3));
        // An `@` in front of the first slash is a user's.
        let slash = bare
            .get(path..)
            .and_then(|p| p.find('/'))
            .map_or(bare.len(), |i| i.saturating_add(path));
        let (url, revision) = match bare.get(slash..).and_then(|p| p.rfind('@')) {
            Some(at) => {
                let at = at.saturating_add(slash);
                (bare.get(..at).unwrap_or(bare), bare.get(at.saturating_add(1)..))
            }
            None => (bare, None),
        };
        return Source::Vcs {
            url: Address::new(url).shown,
            revision: revision.map(escape),
        };
    }
    if let Some(url) = qualifier("download_url") {
        return Source::Url {
            url: Address::new(url).shown,
        };
    }
    Source::Registry {
        url: qualifier("repository_url")
            .or_else(|| qualifier("channel"))
            .map(|url| Address::new(url).shown),
    }
}

fn unauditable(why: &str) -> Bucket {
    Bucket::Unauditable { why: why.to_owned() }
}

/// A digest by the names that bills use: `SHA-256`, `SHA256`, `BLAKE2b-512`.
fn digest(algorithm: &str, hex: &str) -> Option<Digest> {
    let name: String = algorithm
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .collect::<String>()
        .to_ascii_lowercase();
    let name = if name == "blake2b512" {
        "blake2b".to_owned()
    } else {
        name
    };
    Digest::parse(&format!("{name}:{hex}"))
}

#[cfg(test)]
mod tests;
