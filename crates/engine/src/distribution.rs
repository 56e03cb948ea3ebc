//! Distributions among the files of a target: archives that are installed as one.
//!
//! Members pass by one at a time while the queue is worked through, and what makes them a distribution is only known
//! together, so what is needed of each is kept: its digest, its kind, its text where it is code or tells of the whole.
//! The one decision: what is kept is bounded by bytes for each file of the target, and what was left out is said.

use crate::{
    artifact::Judge,
    package_code::{self, Understood, is_pth},
    subjects::Input,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Budget, Outcome, Sink};
use wellhead_formats::{Document, Family, Format, format::table, read_text};
use wellhead_packages::{
    distribution::{
        Anomaly, Contained, Distribution, DistributionKind, Parts, Trigger, of_listing, of_zip, read,
        recognise, spread,
    },
    installed::{PthUse, innocent, read_pth},
};
use wellhead_pycode::{ImportCondition, Module};
use wellhead_rules::{
    Subject,
    behaviour::Seen,
    distribution::{DistributionFacts, StartupLine},
    environment::Effects,
};

/// Largest text of a member that is kept, and of all of a file of the target.
const MAX_TEXT: usize = 16 << 20;
const MAX_TEXTS: usize = 96 << 20;
/// Most lines of a start-up file that are told of one by one; the rest of it is one.
const MAX_LINES: usize = 32;
/// Most imports of a module that are kept.
const MAX_IMPORTS: usize = 2_000;
/// What identifies a tar archive inside of a package of conda.
const CONDA_PARTS: [&str; 2] = ["pkg-", "info-"];

/// The distributions of one file of the target, while their members pass by.
#[derive(Debug, Default)]
pub(crate) struct Shipped {
    open: Vec<Open>,
    /// Archives whose members belong to a distribution.
    archives: BTreeMap<ArtifactPath, usize>,
    /// Files that are one compressed artifact, by which archives are called.
    compressed: BTreeSet<ArtifactPath>,
    /// Archives inside of a distribution that are none themselves.
    inner: BTreeMap<ArtifactPath, usize>,
    /// What is known of modules.
    understood: BTreeMap<ArtifactPath, Understood>,
    kept: usize,
}

#[derive(Debug)]
struct Open {
    artifact: ArtifactPath,
    parts: Parts,
    places: BTreeMap<String, ArtifactPath>,
    /// The names that the archive lists.
    names: BTreeSet<String>,
    /// Python in archives inside of it.
    inner: Vec<Inner>,
    why: Option<String>,
}

/// A file of Python in an archive inside of a distribution.
#[derive(Debug)]
pub(crate) struct Inner {
    artifact: ArtifactPath,
    text: Arc<str>,
}

impl Open {
    fn lacks(&mut self, why: impl Into<String>) {
        self.why.get_or_insert(why.into());
    }
}

impl Shipped {
    /// Keeps what a module of a distribution is known to do.
    pub(crate) fn module(&mut self, path: &ArtifactPath, module: Module, budget: &mut Budget) {
        if self.of(path).is_some() {
            let understood = Understood::of(module, budget);
            self.understood.insert(path.clone(), understood);
        }
    }

    /// A member that could not be had at all.
    pub(crate) fn unread(&mut self, path: &ArtifactPath) {
        if let Some(open) = self.of(path) {
            open.lacks("some members could not be read");
            open.parts.whole = false;
        }
    }

    /// Whether a file is a distribution, or a compressed one.
    pub(crate) fn is_one(&self, file: &ArtifactPath) -> bool {
        let mut own = self.open.iter().map(|open| &open.artifact);
        own.any(|one| one == file || one.nesting() == 1 && one.parent().as_ref() == Some(file))
    }

    fn of(&mut self, path: &ArtifactPath) -> Option<&mut Open> {
        let at = *self.archives.get(&path.parent()?)?;
        self.open.get_mut(at)
    }

    /// Keeps what is needed of an artifact.
    pub(crate) fn keep(&mut self, input: &Input<'_>, outcome: &Outcome, budget: &mut Budget) {
        self.member(input, budget);
        match &input.opened.document {
            Document::Compressed(_) => {
                self.compressed.insert(input.path.clone());
            }
            Document::Zip(_) | Document::Tar(_) => self.archive(input, outcome),
            _ => {}
        }
    }

    fn archive(&mut self, input: &Input<'_>, outcome: &Outcome) {
        // The tar archives inside a package of conda are parts of it.
        let mut above = input.path.parent();
        let part = CONDA_PARTS.iter().any(|p| input.path.name().starts_with(p));
        while let Some(path) = above.as_ref().filter(|_| part) {
            if let Some(at) = self.archives.get(path).copied()
                && let Some(open) = self.open.get_mut(at)
                && open.parts.shape.kind == DistributionKind::Conda
            {
                if let (Some(why), false) = (outcome.why(), open.why.is_some()) {
                    open.lacks(why);
                    open.parts.whole = false;
                }
                self.archives.insert(input.path.clone(), at);
                return;
            }
            above = path.parent();
        }
        let Some(listing) = input.opened.document.listing() else {
            return;
        };
        let parent = input.path.parent().filter(|p| self.compressed.contains(p));
        let file = parent.as_ref().unwrap_or(input.path).name().to_owned();
        let names = listing.entries.iter().map(|e| e.name.as_str());
        let Some(shape) = recognise(&file, names) else {
            // Python imports from it as from a folder, once it stands on the path.
            let around = input.path.parent().and_then(|p| self.archives.get(&p).copied());
            if let (Some(at), Document::Zip(_)) = (around, &input.opened.document) {
                self.inner.insert(input.path.clone(), at);
            }
            return;
        };
        let mut container: Vec<Anomaly> = of_listing(&listing);
        if let Document::Zip(archive) = &input.opened.document {
            container.extend(of_zip(archive));
        }
        self.archives.insert(input.path.clone(), self.open.len());
        self.open.push(Open {
            artifact: input.path.clone(),
            parts: Parts {
                file,
                shape,
                members: Vec::new(),
                whole: outcome.why().is_none(),
                container,
            },
            places: BTreeMap::new(),
            names: listing.entries.into_iter().map(|e| e.name).collect(),
            inner: Vec::new(),
            why: outcome.why().map(str::to_owned),
        });
    }

    fn member(&mut self, input: &Input<'_>, budget: &mut Budget) {
        let room = MAX_TEXTS.saturating_sub(self.kept);
        let inside = input.path.parent().and_then(|p| self.inner.get(&p).copied());
        if let Some(open) = inside.and_then(|at| self.open.get_mut(at)) {
            if let Some(text) = input.text().filter(|_| is_python(input.path.leaf())) {
                if text.text.len() <= room {
                    self.kept = self.kept.saturating_add(text.text.len());
                    open.inner.push(Inner {
                        artifact: input.path.clone(),
                        text: Arc::clone(&text.text),
                    });
                } else {
                    open.lacks("it holds more code than is looked at together");
                }
            }
            return;
        }
        let Some(open) = self.of(input.path) else {
            return;
        };
        let path = listed(&open.names, input.path.leaf());
        let path = path.trim_start_matches("./").to_owned();
        let digest = crate::digest::raw(input.blob, budget);
        let mut text = None;
        if is_kept(&path, input) {
            text = match input.text() {
                Some(text) => Some(Arc::clone(&text.text)),
                None if input.blob.len() <= MAX_TEXT as u64 => {
                    read_text(input.blob, budget).ok().map(|(text, _)| text.text)
                }
                None => None,
            };
            let fits = |text: &Arc<str>| text.len() <= room.min(MAX_TEXT);
            if !text.as_ref().is_some_and(fits) {
                text = None;
                open.lacks("it holds more code than is looked at together");
            }
        }
        let kept = text.as_ref().map_or(0, |t| t.len());
        open.parts.members.push(Contained {
            path: path.clone(),
            size: input.blob.len(),
            digest,
            format: input.identity.format,
            text,
        });
        open.places.insert(path, input.path.clone());
        self.kept = self.kept.saturating_add(kept);
        // What is known of code is bounded as its text is.
        if kept == 0 {
            self.understood.remove(input.path);
        }
    }

    /// Reads and judges what was kept; says of which archive not all was seen.
    pub(crate) fn judge(self, judge: &mut Judge<'_, '_>, budget: &mut Budget) -> Vec<(ArtifactPath, String)> {
        let mut partly = Vec::new();
        let mut understood = self.understood;
        for open in self.open {
            let artifact = open.artifact.clone();
            let mut why = open.why.clone();
            let facts = facts(open, &mut understood, budget);
            if let Some(more) = facts.distribution.outcome.why() {
                why.get_or_insert(more.to_owned());
            }
            let sink = Sink::new(artifact.clone());
            judge.subject_at(Subject::Distribution(&facts), sink);
            judge.result.shipments.extend(crate::clones::Shipment::of(&facts));
            partly.extend(why.map(|why| (artifact, why)));
        }
        partly
    }
}

/// The name that the archive lists; of two of one name the second was renamed on its way.
fn listed<'a>(names: &BTreeSet<String>, name: &'a str) -> &'a str {
    if names.contains(name) {
        return name;
    }
    match name.rsplit_once('#') {
        Some((stem, _)) if names.contains(stem) => stem,
        _ => name,
    }
}

/// Whether the text of a member is wanted: code, what runs, and what tells of the distribution.
pub(crate) fn is_kept(path: &str, input: &Input<'_>) -> bool {
    is_wanted(path, input.identity.format)
}

/// The same for a file of that format.
pub(crate) fn is_wanted(path: &str, format: &Format) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let tells = matches!(
        name,
        "METADATA"
            | "PKG-INFO"
            | "RECORD"
            | "WHEEL"
            | "entry_points.txt"
            | "top_level.txt"
            | "requires.txt"
            | "pyproject.toml"
            | "setup.cfg"
    );
    let conda = matches!(path, "info/index.json" | "info/link.json" | "info/about.json");
    let runs = name.ends_with(".pth") || name.ends_with(".start");
    let extends = path.contains("etc/jupyter/") && name.ends_with(".json");
    let script = [".sh", ".bat", ".ps1"].iter().any(|e| name.ends_with(e));
    let source = format.family == Family::Source && *format != table::NOTEBOOK;
    tells || conda || runs || extends || script || source || is_python(path)
}

/// Whether Python takes a file for a module by its name, whatever it holds.
pub(crate) fn is_python(path: &str) -> bool {
    path.ends_with(".py") || path.ends_with(".pyw")
}

fn facts(open: Open, all: &mut BTreeMap<ArtifactPath, Understood>, budget: &mut Budget) -> DistributionFacts {
    let of_place = |(path, place): (&String, &ArtifactPath)| Some((path.clone(), all.remove(place)?));
    let understood: BTreeMap<String, Understood> = open.places.iter().filter_map(of_place).collect();
    let imports = understood
        .iter()
        .map(|(path, one)| (path.clone(), firm_imports(&one.module)))
        .collect();
    let gathered = Gathered {
        artifact: open.artifact,
        parts: open.parts,
        places: open.places,
        imports,
        inner: open.inner,
        understood,
    };
    gathered.facts(&|_| {}, budget)
}

/// What a module imports while it is imported itself.
pub(crate) fn firm_imports(module: &Module) -> Vec<String> {
    let firm = |condition| matches!(condition, ImportCondition::Always | ImportCondition::Optional);
    let names = module.imports.iter().filter(|i| i.at_import && firm(i.condition));
    names.map(|i| i.path.clone()).take(MAX_IMPORTS).collect()
}

/// Everything of one distribution, wherever it lay.
pub(crate) struct Gathered {
    /// The archive or folder.
    pub(crate) artifact: ArtifactPath,
    pub(crate) parts: Parts,
    /// The places of its members in the target.
    pub(crate) places: BTreeMap<String, ArtifactPath>,
    /// What its modules import, by their path.
    pub(crate) imports: BTreeMap<String, Vec<String>>,
    /// The Python in archives inside of it.
    pub(crate) inner: Vec<Inner>,
    /// What is known of modules already, by their path.
    pub(crate) understood: BTreeMap<String, Understood>,
}

impl Gathered {
    /// Joins it to what rules look at; `adjust` sees the distribution before triggers spread along its imports.
    pub(crate) fn facts(self, adjust: &dyn Fn(&mut Distribution), budget: &mut Budget) -> DistributionFacts {
        let mut distribution = read(&self.parts, budget);
        adjust(&mut distribution);
        spread(&mut distribution, &self.imports, budget);
        joined(self, distribution, budget)
    }
}

fn joined(open: Gathered, mut distribution: Distribution, budget: &mut Budget) -> DistributionFacts {
    let mut texts: BTreeMap<String, Arc<str>> = BTreeMap::new();
    let mut python: BTreeSet<String> = BTreeSet::new();
    for member in open.parts.members {
        if let Some(text) = member.text {
            if *member.format == table::PYTHON || is_python(&member.path) {
                python.insert(member.path.clone());
            }
            texts.insert(member.path, text);
        }
    }
    let inner = imported_from_archives(&distribution, &texts, open.inner);
    let (code, outcome) = package_code::follow(
        &distribution,
        &texts,
        &python,
        &open.places,
        inner,
        open.understood,
        budget,
    );
    distribution.outcome = std::mem::replace(&mut distribution.outcome, Outcome::Analysed).and(outcome);
    let startup = startup(&distribution, &texts, &python, budget);
    DistributionFacts {
        artifact: open.artifact,
        distribution,
        places: open.places,
        texts,
        code,
        seen: Seen::default(),
        startup,
    }
}

/// The Python in archives inside of a distribution that its own code names, and when it runs as far as that is known.
fn imported_from_archives(
    distribution: &Distribution,
    texts: &BTreeMap<String, Arc<str>>,
    inner: Vec<Inner>,
) -> Vec<package_code::Inner> {
    let mut known: BTreeMap<ArtifactPath, Option<Trigger>> = BTreeMap::new();
    let mut out = Vec::new();
    for file in inner {
        let Some(archive) = file.artifact.parent() else {
            continue;
        };
        let named = *known.entry(archive).or_insert_with_key(|archive| {
            let naming = |m: &&wellhead_packages::distribution::Member| {
                let text = texts.get(&m.path).filter(|_| is_python(&m.path));
                text.is_some_and(|text| text.contains(archive.name()))
            };
            let by = distribution.members.iter().filter(naming);
            // An importer is given the name of a module; a path makes ordinary imports find it.
            by.map(|m| match texts.get(&m.path) {
                Some(text) if text.contains("zipimport") => m.trigger,
                _ => Trigger::Lazy,
            })
            .min()
        });
        if let Some(trigger) = named {
            out.push(package_code::Inner {
                path: file.artifact.leaf().trim_start_matches("./").to_owned(),
                artifact: file.artifact,
                text: file.text,
                trigger,
            });
        }
    }
    out
}

/// What runs at every start, and what it does together with the modules of the distribution that it imports.
fn startup(
    distribution: &Distribution,
    texts: &BTreeMap<String, Arc<str>>,
    python: &BTreeSet<String>,
    budget: &mut Budget,
) -> Vec<StartupLine> {
    let at_start = |m: &&wellhead_packages::distribution::Member| m.trigger == Trigger::Startup;
    let mut reached = Effects::default();
    let mut out = Vec::new();
    for member in distribution.members.iter().filter(at_start) {
        let Some(text) = texts.get(&member.path) else {
            // What cannot be read and runs at every start is told all the same.
            out.push(line(&member.path, 0..0, None, Effects::default()));
            continue;
        };
        let site = member.site.as_deref();
        if is_pth(site) {
            let mut runs: Vec<_> = read_pth(text)
                .into_iter()
                .filter(|l| l.is == PthUse::Runs)
                .collect();
            let rest = runs.split_off(runs.len().min(MAX_LINES));
            for run in runs {
                let content = text.get(run.span.clone()).unwrap_or_default();
                let module = wellhead_pycode::parse(content, budget);
                let effects = Effects::of(&module, budget);
                out.push(line(&member.path, run.span, innocent(content), effects));
            }
            if let (Some(first), Some(last)) = (rest.first(), rest.last()) {
                let span = first.span.start..last.span.end;
                let all = crate::package_code::blanked(text);
                let module = wellhead_pycode::parse(all.get(span.clone()).unwrap_or_default(), budget);
                let effects = Effects::of(&module, budget);
                out.push(line(&member.path, span, None, effects));
            }
        } else if site.is_some_and(|s| s.ends_with(".start")) {
            out.push(line(&member.path, 0..text.len(), None, Effects::default()));
        } else if python.contains(&member.path) {
            let module = wellhead_pycode::parse(text, budget);
            let effects = Effects::of(&module, budget);
            let first = site.and_then(|s| s.split(['/', '.']).next()).unwrap_or_default();
            if matches!(first, "sitecustomize" | "usercustomize") {
                let end = text.find('\n').unwrap_or(text.len());
                out.push(line(&member.path, 0..end, None, effects));
            } else {
                reached.merge(&effects);
            }
        }
    }
    for hook in &mut out {
        hook.effects.merge(&reached);
    }
    out
}

fn line(
    member: &str,
    span: std::ops::Range<usize>,
    known: Option<&'static str>,
    effects: Effects,
) -> StartupLine {
    StartupLine {
        member: member.to_owned(),
        span,
        known,
        effects,
    }
}
