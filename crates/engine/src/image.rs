//! Container images as input: what is installed in the end, from all layers together.
//!
//! The layers of an image lie in one archive, or in many files of a folder. So what each tells is kept as a fact while
//! files are judged, and joined when all are: what an upper layer took away is no part of the image any more.

use crate::{artifact::Judge, facts::Fact, subjects::Input};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Budget, Coverage, Finding, Location, Outcome, code};
use wellhead_formats::{Document, tar::EntryKind};
use wellhead_packages::{
    Manifest, ManifestKind,
    image::{Descriptor, ImageConfig, ImageDocument, Layer, is_there, normal, stated_digest},
    manifest::{Problem, Spoken, read_installs},
};
use wellhead_rules::DIGEST_MISMATCH;

/// A tar archive as a layer of an image, and why it was not wholly read.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The digest of the archive, where nothing but a configuration states it.
    digest: Option<String>,
    /// Links to archives, with where they lead: older Dockers save a layer that is there already as one.
    links: BTreeMap<String, String>,
    layer: Layer,
    why: Option<String>,
}

/// Keeps what an artifact tells of an image, if it does, and holds a blob against the digest that it is named by.
pub(crate) fn keep(input: &Input<'_>, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    tell(input, judge, budget);
    compare(input, judge, budget)
}

/// Whether a blob of a layout is the one that its name says. Who unpacks an image by other means than a registry's
/// client gets whatever lies there.
fn compare(input: &Input<'_>, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Outcome {
    // Of two members of one name the second has a number behind it.
    let leaf = input.path.leaf();
    let name = leaf.rsplit_once('#').map_or(leaf, |(name, _)| name);
    let Some(stated) = stated_digest(name).filter(|_| judge.enables(&DIGEST_MISMATCH)) else {
        return Outcome::Analysed;
    };
    let Some(found) = crate::digest::sha256(input.blob, budget) else {
        return Outcome::Partly {
            why: "its digest could not be compared".to_owned(),
        };
    };
    if found != stated {
        let finding = Finding::new(
            &DIGEST_MISMATCH,
            "whoever unpacks this image gets other bytes than it names: a part of it was replaced or damaged",
            Location::whole(input.path, "not what its name says"),
        );
        judge.result.findings.push(
            finding
                .note(format!("named: sha256 {stated}"))
                .note(format!("found: sha256 {found}"))
                .help("do not load it; fetch the image again by its digest and compare"),
        );
    }
    Outcome::Analysed
}

/// The digest of an archive that only the configuration of an image states: a layer as older Dockers save it.
fn layer_digest(input: &Input<'_>, budget: &mut Budget) -> Option<String> {
    let name = normal(input.path.leaf());
    let file = name.rsplit('/').next().unwrap_or_default();
    let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_layer = file == "layer.tar" || file.strip_suffix(".tar").is_some_and(hex);
    is_layer
        .then(|| crate::digest::sha256(input.blob, budget))
        .flatten()
}

/// Where in an archive a link leads that stands at `from`; one that leads out of it leads nowhere.
fn led(from: &str, target: &str) -> String {
    let from = normal(from);
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/').filter(|p| !p.is_empty() && *p != ".") {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn tell(input: &Input<'_>, judge: &mut Judge<'_, '_>, budget: &mut Budget) {
    match &input.opened.document {
        Document::Tar(archive) => {
            let mut layer = Layer::default();
            let mut links = BTreeMap::new();
            let mut why = input.opened.outcome.why().map(str::to_owned);
            for entry in &archive.entries {
                let folder = entry.kind == EntryKind::Folder;
                let link = matches!(entry.kind, EntryKind::Symlink | EntryKind::Hardlink);
                if let Some(target) = entry.link.as_deref().filter(|t| link && t.ends_with(".tar")) {
                    let cost = (entry.name.len() as u64).saturating_add(target.len() as u64);
                    if let Err(e) = budget.memory(cost.saturating_add(64)) {
                        why = Some(e.to_string());
                        break;
                    }
                    let from = if entry.kind == EntryKind::Symlink {
                        entry.name.as_str()
                    } else {
                        ""
                    };
                    links.insert(normal(&entry.name), led(from, target));
                }
                if let Err(e) = layer.entry(&entry.name, folder, link, budget) {
                    why = Some(e.to_string());
                    break;
                }
            }
            let digest = layer_digest(input, budget);
            let kept = Box::new(Kept {
                digest,
                links,
                layer,
                why,
            });
            judge.result.facts.push(Fact::Layer(input.path.clone(), kept));
        }
        Document::Data(data) => {
            let Ok(root) = &data.root else { return };
            if let Some(document) = ImageDocument::read(root) {
                judge
                    .result
                    .facts
                    .push(Fact::Image(input.path.clone(), Box::new(document)));
            }
            if let Some(config) = ImageConfig::read(root) {
                configuration(input, &data.text.text, &config, judge);
            }
        }
        _ => {}
    }
}

/// Where an image was told to install from: only that counts, since what it installed is in its layers.
fn configuration(input: &Input<'_>, text: &str, config: &ImageConfig, judge: &mut Judge<'_, '_>) {
    let variables: Vec<_> = config
        .variables
        .iter()
        .map(|(name, value, span)| {
            let span = span.clone();
            (name.as_str(), Spoken { text: value, span })
        })
        .collect();
    let scripts: Vec<_> = config
        .scripts
        .iter()
        .flat_map(|(script, span)| {
            wellhead_infra::script(script, 0)
                .into_iter()
                .map(move |c| (c, span))
        })
        .collect();
    let commands: Vec<Vec<Spoken<'_>>> = scripts
        .iter()
        .map(|(command, span)| {
            let words = command.variables.iter().chain(&command.words);
            words
                .map(|w| Spoken {
                    text: &w.text,
                    span: (*span).clone(),
                })
                .collect()
        })
        .collect();
    for (n, mut manifest) in read_installs(input.path, text, &variables, &commands)
        .into_iter()
        .enumerate()
    {
        manifest.components.clear();
        manifest.lines.clear();
        manifest.includes.clear();
        let i = &manifest.indexes;
        if i.entries.is_empty() && i.trusted_hosts.is_empty() && i.credentials.is_empty() {
            continue;
        }
        let place = input.path.member(format!("settings {}", n.saturating_add(1)));
        judge.result.facts.push(Fact::Manifest(place, Box::new(manifest)));
    }
}

/// Facts with the layers of images joined, and what could not be looked at.
pub(crate) fn join(facts: Vec<Fact>, coverage: &[Coverage]) -> (Vec<Fact>, Vec<String>) {
    let mut join = Join::default();
    for fact in facts {
        match fact {
            Fact::Layer(path, kept) => {
                join.layers.insert(path, *kept);
            }
            Fact::Image(path, document) => {
                join.documents.insert(path, *document);
            }
            other => join.rest.push(other),
        }
    }
    if join.documents.is_empty() || join.layers.is_empty() && !join.documents.keys().any(is_entry) {
        return (join.rest, Vec::new());
    }
    join.lost = coverage
        .iter()
        .filter_map(|row| Some((row.artifact.clone(), row.outcome.why()?.to_owned())))
        .collect();
    join.run();
    (join.rest, join.notes)
}

/// Whether a document is one that a layout is entered by.
fn is_entry(path: &ArtifactPath) -> bool {
    matches!(
        normal(path.leaf()).rsplit('/').next(),
        Some("manifest.json" | "index.json")
    )
}

/// Where a layout lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Root {
    Archive(ArtifactPath),
    Folder(String),
}

impl Root {
    /// The layout that a document at its top belongs to.
    fn of(document: &ArtifactPath) -> Option<Self> {
        match document.parent() {
            Some(parent) => (!normal(document.leaf()).contains('/')).then_some(Self::Archive(parent)),
            None => {
                let folder = document.top().rsplit_once('/').map_or("", |(folder, _)| folder);
                Some(Self::Folder(folder.to_owned()))
            }
        }
    }

    /// The path in the layout of what an artifact lies in, or is.
    fn path_of(&self, artifact: &ArtifactPath) -> Option<String> {
        match self {
            Self::Archive(root) => {
                let mut at = artifact.clone();
                while let Some(parent) = at.parent() {
                    if parent == *root {
                        return Some(normal(at.leaf()));
                    }
                    at = parent;
                }
                None
            }
            Self::Folder(folder) if folder.is_empty() => Some(normal(artifact.top())),
            Self::Folder(folder) => {
                let rest = artifact.top().strip_prefix(folder.as_str())?;
                rest.starts_with('/').then(|| normal(rest))
            }
        }
    }
}

/// One image: what it is called, the document that lists its layers, and these.
struct Image {
    name: Option<String>,
    document: ArtifactPath,
    /// The digests that the configuration states for the layers as they are unpacked.
    stated: Option<Vec<String>>,
    layers: Vec<Descriptor>,
}

/// What lies in a layout, by the path in it.
struct Layout {
    /// Archives.
    blobs: BTreeMap<String, ArtifactPath>,
    /// Links to archives in it.
    links: BTreeMap<String, String>,
    /// Why something was not wholly read, with how deep that lies.
    lost: BTreeMap<String, (usize, String)>,
}

/// Manifests, by their place among the facts, as images have them.
#[derive(Default)]
struct Seen {
    /// They are there in some image.
    shown: BTreeSet<usize>,
    /// They are told with an image.
    merged: BTreeSet<usize>,
    /// An upper layer took them away in some image.
    gone: BTreeSet<usize>,
    notes: Vec<String>,
}

/// How deep an index may name indexes, and how many images a layout may hold.
const MAX_DEPTH: usize = 4;
const MAX_IMAGES: usize = 256;

#[derive(Default)]
struct Join {
    layers: BTreeMap<ArtifactPath, Kept>,
    documents: BTreeMap<ArtifactPath, ImageDocument>,
    rest: Vec<Fact>,
    /// Why an artifact was not wholly read.
    lost: BTreeMap<ArtifactPath, String>,
    notes: Vec<String>,
}

impl Join {
    fn run(&mut self) {
        let mut roots: BTreeMap<Root, Vec<ArtifactPath>> = BTreeMap::new();
        for path in self.documents.keys().filter(|p| is_entry(p)) {
            if let Some(root) = Root::of(path) {
                roots.entry(root).or_default().push(path.clone());
            }
        }
        let inside = self.inside();
        let mut seen = Seen::default();
        let mut made = Vec::new();
        for (root, entries) in roots {
            let images = self.images(&root, &entries);
            let several = images.len() > 1;
            let layout = Layout {
                blobs: self.blobs(&root),
                links: match &root {
                    Root::Archive(path) => self.layers.get(path).map(|k| k.links.clone()).unwrap_or_default(),
                    Root::Folder(_) => BTreeMap::new(),
                },
                lost: self.lost_in(&root),
            };
            for image in images {
                let mut place = match &root {
                    Root::Archive(path) => path.clone(),
                    Root::Folder(_) => image.document.clone(),
                };
                if several {
                    let name = image.name.as_deref().unwrap_or_else(|| image.document.leaf());
                    place = place.member(name);
                }
                let manifest = self.image(&image, &place, &layout, &inside, &mut seen);
                made.push(Fact::Manifest(place, Box::new(manifest)));
            }
        }
        self.notes.append(&mut seen.notes);
        self.drop_hidden(&seen);
        self.rest.extend(made);
    }

    /// What is installed in an image in the end.
    fn image(
        &self,
        image: &Image,
        place: &ArtifactPath,
        layout: &Layout,
        inside: &BTreeMap<ArtifactPath, Vec<Inside>>,
        seen: &mut Seen,
    ) -> Manifest {
        let mut manifest = Manifest::empty(ManifestKind::Installed);
        let found: Vec<Option<&ArtifactPath>> = image
            .layers
            .iter()
            .map(|d| self.layer(d, layout, image, &mut manifest))
            .collect();
        let layers: Vec<Option<&Layer>> = found
            .iter()
            .map(|path| path.and_then(|p| self.layers.get(p)).map(|kept| &kept.layer))
            .collect();
        for (index, tar) in found.iter().enumerate() {
            for at in tar.and_then(|t| inside.get(t)).into_iter().flatten() {
                if !is_there(&at.name, index, &layers) {
                    seen.gone.insert(at.fact);
                    continue;
                }
                seen.shown.insert(at.fact);
                if let Some(Fact::Manifest(_, m)) = self.rest.get(at.fact)
                    && at.direct
                    && m.kind == ManifestKind::Installed
                {
                    seen.merged.insert(at.fact);
                    manifest.components.extend(m.components.iter().cloned());
                    manifest.problems.extend(m.problems.iter().cloned());
                }
            }
        }
        self.hold_against(image, &found, &mut manifest);
        let system: BTreeSet<&str> = layers
            .iter()
            .flatten()
            .flat_map(|l| l.system.iter().copied())
            .collect();
        for manager in system {
            seen.notes.push(format!(
                "packages of the system ({manager}) in the image {place} are not matched against advisories"
            ));
        }
        if let Some(why) = manifest.outcome.why() {
            seen.notes
                .push(format!("not all of the image {place} was seen: {why}"));
        }
        manifest
    }

    /// Whether the layers are the ones that the configuration names; what loads images refuses others.
    fn hold_against(&self, image: &Image, found: &[Option<&ArtifactPath>], manifest: &mut Manifest) {
        let Some(stated) = &image.stated else { return };
        let mut wrong = |message: String| {
            manifest.problems.push(Problem {
                message,
                at: Location::whole(&image.document, "names the layers"),
            });
        };
        if stated.len() != found.len() {
            wrong(format!(
                "the image has {} layers, and its configuration names {}",
                found.len(),
                stated.len()
            ));
            return;
        }
        for ((path, stated), layer) in found.iter().zip(stated).zip(&image.layers) {
            let kept = path.and_then(|p| self.layers.get(p));
            let Some(digest) = kept.and_then(|k| k.digest.as_deref()) else {
                continue;
            };
            let hex = stated.strip_prefix("sha256:").unwrap_or(stated);
            if !hex.eq_ignore_ascii_case(digest) {
                wrong(format!(
                    "layer {} is not the one that the image's configuration names: its bytes were replaced or damaged",
                    code(&layer.path)
                ));
            }
        }
    }

    /// What lies in each archive, however deep.
    fn inside(&self) -> BTreeMap<ArtifactPath, Vec<Inside>> {
        let mut out: BTreeMap<ArtifactPath, Vec<Inside>> = BTreeMap::new();
        for (fact, path) in self.rest.iter().enumerate() {
            let Fact::Manifest(path, _) = path else { continue };
            let mut at = path.clone();
            while let Some(parent) = at.parent() {
                if self.layers.contains_key(&parent) {
                    let (name, direct) = (at.leaf().to_owned(), at == *path);
                    out.entry(parent.clone())
                        .or_default()
                        .push(Inside { fact, name, direct });
                }
                at = parent;
            }
        }
        out
    }

    /// The archives of a layout by their path in it; of one that lies in another the outer.
    fn blobs(&self, root: &Root) -> BTreeMap<String, ArtifactPath> {
        let mut out: BTreeMap<String, ArtifactPath> = BTreeMap::new();
        for path in self.layers.keys() {
            let Some(name) = root.path_of(path) else { continue };
            match out.get(&name) {
                Some(known) if known.nesting() <= path.nesting() => {}
                _ => {
                    out.insert(name, path.clone());
                }
            }
        }
        out
    }

    /// Why parts of a layout were not wholly read, the outermost artifact of each part.
    fn lost_in(&self, root: &Root) -> BTreeMap<String, (usize, String)> {
        let mut out: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for (path, why) in &self.lost {
            let Some(name) = root.path_of(path) else { continue };
            if out.get(&name).is_none_or(|known| path.nesting() < known.0) {
                out.insert(name, (path.nesting(), why.clone()));
            }
        }
        out
    }

    /// The images of a layout. Docker writes two documents about the same ones; its own is the one that loaders take.
    fn images(&mut self, root: &Root, entries: &[ArtifactPath]) -> Vec<Image> {
        let mut out = Vec::new();
        let below: BTreeMap<String, ArtifactPath> = self
            .documents
            .keys()
            .filter_map(|p| Some((root.path_of(p)?, p.clone())))
            .collect();
        for path in entries {
            if let Some(ImageDocument::Saved(images)) = self.documents.get(path) {
                out.extend(images.iter().take(MAX_IMAGES).map(|i| Image {
                    name: i.name.clone(),
                    document: path.clone(),
                    stated: match below.get(&normal(&i.config)).and_then(|p| self.documents.get(p)) {
                        Some(ImageDocument::Config(digests)) => Some(digests.clone()),
                        _ => None,
                    },
                    layers: i.layers.clone(),
                }));
            }
        }
        if out.is_empty() {
            for path in entries {
                self.index(path, None, &below, 0, &mut out);
            }
        }
        out
    }

    fn index(
        &mut self,
        path: &ArtifactPath,
        name: Option<&str>,
        below: &BTreeMap<String, ArtifactPath>,
        depth: usize,
        out: &mut Vec<Image>,
    ) {
        match self.documents.get(path).cloned() {
            Some(ImageDocument::Manifest(layers)) if out.len() < MAX_IMAGES => out.push(Image {
                name: name.map(str::to_owned),
                document: path.clone(),
                stated: None,
                layers,
            }),
            Some(ImageDocument::Index(list)) if depth < MAX_DEPTH => {
                for d in list.iter().filter(|d| !d.attestation) {
                    match below.get(&d.path) {
                        Some(next) if next != path => {
                            let name = d.name.as_deref().or(name);
                            let full = d.platform.as_ref().map(|platform| match name {
                                Some(name) => format!("{name} {platform}"),
                                None => platform.clone(),
                            });
                            self.index(
                                next,
                                full.as_deref().or(name),
                                below,
                                depth.saturating_add(1),
                                out,
                            );
                        }
                        _ => self.notes.push(format!(
                            "{path} names an image that is not here: {}",
                            code(&d.path)
                        )),
                    }
                }
            }
            _ => self
                .notes
                .push(format!("{path} names more images than are looked at")),
        }
    }

    /// The archive of a layer; one that could not be read is a problem of the image.
    fn layer<'s>(
        &'s self,
        descriptor: &Descriptor,
        layout: &'s Layout,
        image: &Image,
        manifest: &mut Manifest,
    ) -> Option<&'s ArtifactPath> {
        let mut name = normal(&descriptor.path);
        for _ in 0..MAX_DEPTH {
            match layout.links.get(&name) {
                Some(target) if !layout.blobs.contains_key(&name) => name.clone_from(target),
                _ => break,
            }
        }
        let found = layout.blobs.get(&name);
        let kept = found.and_then(|p| self.layers.get(p));
        let lost = layout.lost.get(&name);
        let why = if descriptor.media.contains("encrypted") {
            Some("it is encrypted".to_owned())
        } else if let Some(kept) = kept {
            // What wraps the archive may have ended early where the archive itself looks whole.
            let wrap = lost.filter(|(nesting, _)| found.is_some_and(|f| *nesting <= f.nesting()));
            kept.why.clone().or_else(|| wrap.map(|(_, why)| why.clone()))
        } else {
            Some(lost.map_or_else(
                || "it is not here, or no archive".to_owned(),
                |(_, why)| why.clone(),
            ))
        };
        if let Some(why) = why {
            let layer = code(&descriptor.path);
            manifest.problems.push(Problem {
                message: format!("what layer {layer} installs or takes away is not wholly known: {why}"),
                at: Location::whole(&image.document, "names the layer"),
            });
            manifest.outcome = Outcome::Partly {
                why: format!("layer {layer} was not wholly read"),
            };
        }
        found
    }

    /// Leaves out what images no longer have, and what is told with an image. A password in a file that an upper layer
    /// removed can still be read by everybody who has the image.
    fn drop_hidden(&mut self, seen: &Seen) {
        let rest = std::mem::take(&mut self.rest);
        for (i, fact) in rest.into_iter().enumerate() {
            if seen.merged.contains(&i) {
                continue;
            }
            match fact {
                Fact::Manifest(path, mut manifest) if seen.gone.contains(&i) && !seen.shown.contains(&i) => {
                    if !manifest.indexes.credentials.is_empty() {
                        let credentials = std::mem::take(&mut manifest.indexes.credentials);
                        let mut left = Manifest::empty(manifest.kind);
                        left.indexes.credentials = credentials;
                        self.rest.push(Fact::Manifest(path, Box::new(left)));
                    }
                }
                fact => self.rest.push(fact),
            }
        }
    }
}

/// A manifest that lies in an archive.
struct Inside {
    /// Its place among the facts.
    fact: usize,
    /// The member of the archive that it is or lies in.
    name: String,
    /// Whether it is that member.
    direct: bool,
}

#[cfg(test)]
mod tests {
    use super::led;

    #[test]
    fn links_lead_from_where_they_stand() {
        for (from, target, expected) in [
            ("aa/layer.tar", "../bb/layer.tar", "bb/layer.tar"),
            ("./aa/layer.tar", "../bb/./layer.tar", "bb/layer.tar"),
            ("", "bb/layer.tar", "bb/layer.tar"),
            ("aa/layer.tar", "/bb/layer.tar", "bb/layer.tar"),
            ("aa/layer.tar", "../../../bb/layer.tar", "bb/layer.tar"),
        ] {
            assert_eq!(led(from, target), expected, "{from} {target}");
        }
    }
}
