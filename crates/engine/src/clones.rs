//! Copies of popular packages among the distributions of a target.
//!
//! That one package is another one can only be seen with both at hand, and all functions of all packages are too many to
//! keep. The one decision: of each distribution only the paths of its modules are kept; two that share most of them are
//! opened a second time, and only then is one held against the other.

use crate::{
    artifact::{FileResult, Visitor, visit},
    run::Options,
    subjects::Input,
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Budget, Location, Rule, Sink};
use wellhead_packages::{
    distribution::{Kinship, kinship},
    is_well_known,
};
use wellhead_pycode::{Function, FunctionIndex};
use wellhead_rules::{
    Subject,
    distribution::{ClonedPackage, DistributionFacts},
};
use wellhead_sources::Entry;

/// What is kept of a distribution.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Shipment {
    artifact: ArtifactPath,
    name: String,
    /// The folder in which all of it lies, with its slash.
    root: String,
    /// The names that it is imported by.
    top_level: BTreeSet<String>,
    /// Its modules by their path below the folder that is imported.
    modules: BTreeSet<String>,
}

/// Most modules that are kept of a distribution.
const MODULES: usize = 5_000;
/// With fewer modules two packages are compared whatever these are called.
const FEW: usize = 3;
/// With so many functions of another one a package is a copy.
const SHARED: usize = 5;
const PERCENT: usize = 50;
/// So many originals are tried for each package, and so many pairs in all.
const TRIED: usize = 3;
const PAIRS: usize = 64;

impl Shipment {
    pub(crate) fn of(facts: &DistributionFacts) -> Option<Self> {
        let d = &facts.distribution;
        let paths = d.members.iter().map(|m| m.path.as_str());
        let paths: Vec<&str> = paths
            .filter(|path| path.ends_with(".py"))
            .map(|path| inside(&d.root, path))
            .filter(|path| !is_aside(path))
            .take(MODULES)
            .collect();
        // Of sources nothing says what is imported from them.
        let tops = paths
            .iter()
            .map(|path| path.split(['/', '.']).next().unwrap_or_default());
        let top_level = d.top_level.iter().map(String::as_str).chain(tops);
        let modules: BTreeSet<String> = paths.iter().map(|path| below(path).to_owned()).collect();
        (!modules.is_empty()).then_some(Self {
            artifact: facts.artifact.clone(),
            name: d.name.clone()?,
            root: d.root.clone(),
            top_level: top_level.map(str::to_owned).collect(),
            modules,
        })
    }

    /// How many of the modules the other one has too.
    fn common(&self, other: &Self) -> usize {
        self.modules.intersection(&other.modules).count()
    }
}

/// The path of a module as it is imported.
fn inside<'a>(root: &str, path: &'a str) -> &'a str {
    let path = path.trim_start_matches("./");
    let path = path.strip_prefix(root).unwrap_or(path);
    path.strip_prefix("src/").unwrap_or(path)
}

/// What stands beside the modules in an archive of sources.
fn is_aside(path: &str) -> bool {
    let first = path.split(['/', '.']).next().unwrap_or_default();
    matches!(
        first,
        "setup"
            | "conftest"
            | "tests"
            | "test"
            | "docs"
            | "doc"
            | "examples"
            | "benchmarks"
            | "scripts"
            | "tools"
    )
}

fn below(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, rest)| rest)
}

/// Compares the distributions of all files and adds what is found to the results of the copies.
pub(crate) fn judge(results: &mut [FileResult], files: &[(String, Entry)], options: &Options<'_>) {
    let all: Vec<(usize, Shipment)> = results
        .iter_mut()
        .enumerate()
        .flat_map(|(at, r)| std::mem::take(&mut r.shipments).into_iter().map(move |s| (at, s)))
        .collect();
    let mut indices = Indices {
        files,
        options,
        known: BTreeMap::new(),
    };
    for (at, copy, original) in pairs(&all).into_iter().take(PAIRS) {
        let Some(clone) = compare(copy, original, &mut indices) else {
            continue;
        };
        let mut sink = Sink::new(copy.artifact.clone());
        let enabled = |rule: &Rule| options.enables(rule);
        let measures = wellhead_rules::judge(Subject::Clone(&clone), &enabled, &mut sink);
        if let Some(result) = results.get_mut(at) {
            result.findings.extend(sink.into_findings());
            for measure in measures {
                result.scoreboard.judged(measure, copy.artifact.to_string());
            }
        }
    }
}

/// What may be a copy of what.
fn pairs(all: &[(usize, Shipment)]) -> Vec<(usize, &Shipment, &Shipment)> {
    let (known, unknown): (Vec<_>, Vec<_>) = all.iter().partition(|(_, s)| is_well_known(&s.name));
    let mut out = Vec::new();
    for (at, copy) in unknown {
        let mut near: Vec<(usize, &Shipment)> = known
            .iter()
            .map(|(_, original)| (copy.common(original), original))
            .filter(|(common, original)| {
                let most = common.saturating_mul(2) >= copy.modules.len();
                let few = copy.modules.len() <= FEW && original.modules.len() <= FEW;
                (most || few) && kinship(&copy.name, &original.name) != Kinship::Variant
            })
            .collect();
        near.sort_by_key(|(common, original)| (std::cmp::Reverse(*common), original.name.clone()));
        // Two files of one release are one original.
        near.dedup_by(|a, b| a.1.name == b.1.name);
        out.extend(
            near.into_iter()
                .take(TRIED)
                .map(|(_, original)| (*at, copy, original)),
        );
    }
    out
}

fn compare(copy: &Shipment, original: &Shipment, indices: &mut Indices<'_>) -> Option<ClonedPackage> {
    let theirs = indices.of(original)?;
    let mine = indices.of(copy)?;
    let overlap = mine.functions.taken_from(&theirs.functions);
    if overlap.shared < SHARED || overlap.percent() < PERCENT {
        return None;
    }
    let placed = |list: &[&Function], label: &str| -> Vec<(Location, String)> {
        list.iter()
            .filter_map(|f| {
                let (artifact, text) = mine.texts.get(&f.module)?;
                let line = text.get(f.range.start..f.range.end)?.find('\n');
                let end = line.map_or(f.range.end, |at| f.range.start.saturating_add(at));
                let at = Location::text(artifact, text, f.range.start..end, label);
                Some((at, format!("{}::{}", f.module, f.name)))
            })
            .collect()
    };
    Some(ClonedPackage {
        artifact: copy.artifact.clone(),
        name: copy.name.clone(),
        original: original.name.clone(),
        kin: kinship(&copy.name, &original.name) == Kinship::Named,
        shared: overlap.shared,
        of: overlap.of,
        changed: placed(&overlap.changed, "says something else than the original"),
        added: placed(&overlap.added, "the original has no such function"),
    })
}

/// The functions of a distribution, and the texts they stand in.
#[derive(Default)]
struct Indexed {
    functions: FunctionIndex,
    texts: BTreeMap<String, (ArtifactPath, std::sync::Arc<str>)>,
}

/// The distributions that were opened a second time.
struct Indices<'a> {
    files: &'a [(String, Entry)],
    options: &'a Options<'a>,
    known: BTreeMap<ArtifactPath, std::rc::Rc<Indexed>>,
}

impl Indices<'_> {
    fn of(&mut self, shipment: &Shipment) -> Option<std::rc::Rc<Indexed>> {
        if let Some(known) = self.known.get(&shipment.artifact) {
            return Some(std::rc::Rc::clone(known));
        }
        let top = shipment.artifact.top();
        let (path, entry) = self.files.iter().find(|(path, _)| path == top)?;
        let mut reader = Reader {
            shipment,
            out: Indexed::default(),
        };
        visit(path, entry, self.options, &mut reader);
        let out = std::rc::Rc::new(reader.out);
        self.known
            .insert(shipment.artifact.clone(), std::rc::Rc::clone(&out));
        Some(out)
    }
}

struct Reader<'a> {
    shipment: &'a Shipment,
    out: Indexed,
}

impl Visitor for Reader<'_> {
    fn visit(&mut self, input: &Input<'_>, budget: &mut Budget) {
        if input.identity.format.name != "python"
            || input.path.parent().as_ref() != Some(&self.shipment.artifact)
        {
            return;
        }
        let Some(text) = input.text().map(|t| std::sync::Arc::clone(&t.text)) else {
            return;
        };
        let module = inside(&self.shipment.root, input.path.leaf()).to_owned();
        if is_aside(&module) {
            return;
        }
        self.out
            .functions
            .add(&module, &text, &self.shipment.top_level, budget);
        self.out.texts.insert(module, (input.path.clone(), text));
    }
}
