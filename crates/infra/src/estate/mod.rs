//! Everything that a tree says of what runs, read together.
//!
//! The one decision: readers of formats know nothing of each other. Each turns its files into [`Workload`]s; what joins
//! them (a proxy in front of another service, an image built by a recipe of the same tree) happens here, on workloads.

mod claims;
mod fronts;

pub use claims::{Dialect, dialect};

use crate::{
    cloud::{Cloud, FirewallRule},
    compose, dockerfile,
    files::FileSet,
    helm, host, kubernetes, kustomize,
    resource::{Resource, Word},
    settings::{self, Settings},
    shell, terraform,
    workload::{LooseRoute, Workload},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};
use wellhead_core::{Budget, Outcome};
use wellhead_formats::text::{self, Node};

/// What a tree says of what runs. All ranges count bytes of the text of [`Estate::files`].
#[derive(Clone, Debug, Default)]
pub struct Estate {
    /// The files that were read.
    pub files: FileSet,
    /// What runs.
    pub workloads: Vec<Workload>,
    /// Ways in to what no file declares.
    pub loose: Vec<LooseRoute>,
    /// What a cloud is told besides.
    pub cloud: Cloud,
    /// The configuration files of platforms.
    pub settings: Vec<Settings>,
    /// Recipes of images: the stages of each, which whoever runs the image decides on.
    pub recipes: Vec<Vec<Resource>>,
    /// What could not be understood.
    pub gaps: Vec<Gap>,
}

/// A part that could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where; a whole file, or a part of one.
    pub span: Range<usize>,
    /// Why, without a full stop.
    pub why: String,
}

/// A file of a tree that says how something is run.
#[derive(Clone, Copy, Debug)]
pub struct EstateFile<'a> {
    /// Its path below the target, parts divided by `/`.
    pub path: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A file that was claimed.
pub(crate) struct Document {
    pub(crate) path: String,
    pub(crate) span: Range<usize>,
    pub(crate) dialect: Dialect,
    /// The tree of YAML and JSON, with places in the text of the set.
    pub(crate) root: Option<Node>,
}

/// What an opening costs in memory with its chain of evidence, roughly.
pub(crate) const OPENING_BYTES: usize = 512;

/// How many gaps are kept.
const MOST_GAPS: usize = 1000;

/// Recipes of images by the path of their file.
pub(crate) type Recipes = BTreeMap<String, Vec<Resource>>;

/// What readers hand their results to.
pub(crate) struct Reading<'a> {
    pub(crate) files: &'a FileSet,
    pub(crate) documents: &'a [Document],
    pub(crate) recipes: &'a Recipes,
    pub(crate) budget: &'a mut Budget,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) loose: Vec<LooseRoute>,
    /// Rules of firewalls that are said elsewhere than in Terraform.
    pub(crate) firewalls: Vec<FirewallRule>,
    /// Values that were given to charts which no file holds.
    pub(crate) settings: Vec<Settings>,
    /// Where the values begin that a release was given.
    pub(crate) given: BTreeSet<usize>,
    pub(crate) gaps: Vec<Gap>,
}

impl Reading<'_> {
    /// Notes what was not understood.
    pub(crate) fn gap(&mut self, span: Range<usize>, why: impl Into<String>) {
        // That there are some is what matters; a hostile tree could make one for each byte.
        if self.gaps.len() < MOST_GAPS {
            self.gaps.push(Gap {
                span,
                why: why.into(),
            });
        }
    }

    /// Pays for work in proportion to `n`; notes where it is too much.
    pub(crate) fn pay(&mut self, n: usize, span: &Range<usize>) -> bool {
        let paid = self.budget.steps((n as u64).saturating_add(1));
        if let Err(why) = &paid {
            self.gap(span.clone(), why.to_string());
        }
        paid.is_ok()
    }

    /// Pays for `n` bytes that stay in what is handed out.
    pub(crate) fn hold(&mut self, n: usize, span: &Range<usize>) -> bool {
        let paid = self.budget.memory(n as u64);
        if let Err(why) = &paid {
            self.gap(span.clone(), why.to_string());
        }
        paid.is_ok()
    }
}

/// Reads the files of a tree that say how something is run; others are left alone.
pub fn estate(files: &[EstateFile<'_>], budget: &mut Budget) -> Estate {
    let mut out = Estate::default();
    let mut documents = Vec::new();
    for file in files {
        let Some(dialect) = dialect(file.path, file.text) else {
            continue;
        };
        if let Err(why) = out.files.add(file.path, file.text, budget) {
            let end = out.files.text().len();
            out.gaps.push(Gap {
                span: end..end,
                why: format!("{}: {why}", wellhead_core::code(file.path)),
            });
            break;
        }
        documents.extend(open(&mut out, dialect, budget));
    }
    let recipes = recipes(&mut out, &documents, budget);
    let mut reading = Reading {
        files: &out.files,
        documents: &documents,
        recipes: &recipes,
        budget,
        workloads: Vec::new(),
        loose: Vec::new(),
        firewalls: Vec::new(),
        settings: Vec::new(),
        given: BTreeSet::new(),
        gaps: Vec::new(),
    };
    compose::compositions(&mut reading);
    let taken = helm::charts(&documents, &mut reading);
    let built = kustomize::overlays(&documents, &mut reading);
    kubernetes::plain(&mut reading, &|path| taken.contains(path) || built.contains(path));
    host::machines(&mut reading);
    let mut cloud = terraform::plans(&mut reading);
    cloud.firewalls.append(&mut reading.firewalls);
    helm::releases(&mut reading);
    fronts::join(&mut reading);
    let settings = configured(&mut reading);
    let (workloads, loose, gaps) = (reading.workloads, reading.loose, reading.gaps);
    out.workloads = workloads;
    out.loose = loose;
    out.cloud = cloud;
    out.settings = settings;
    out.recipes = recipes.into_values().collect();
    out.gaps.extend(gaps);
    out.gaps.dedup();
    out
}

/// Reads configuration files of platforms: those that lie in the tree, and those that are mounted.
fn configured(reading: &mut Reading<'_>) -> Vec<Settings> {
    let mut out = std::mem::take(&mut reading.settings);
    let documents = reading.documents;
    for document in documents.iter().filter(|d| d.dialect == Dialect::Settings) {
        out.extend(settings::of_document(document, reading));
    }
    // What a chart that is no part of the tree makes of its values is not known; the values are.
    for document in documents.iter().filter(|d| d.dialect == Dialect::HelmValues) {
        if !reading.given.contains(&document.span.start) {
            out.extend(settings::of_values(document, reading));
        }
    }
    let text = reading.files.text();
    let mut gaps = Vec::new();
    for workload in &mut reading.workloads {
        let mounts = workload.containers.iter().flat_map(|c| &c.mounts);
        for (mount, content) in mounts.filter_map(|m| Some((m, m.content.as_ref()?))) {
            match settings::read(&mount.target, content, text, reading.budget) {
                Ok(found) => workload.settings.extend(found),
                Err(why) => gaps.push((content.span.clone(), why)),
            }
        }
    }
    for (span, why) in gaps {
        reading.gap(span, why);
    }
    out
}

/// Parses the file that was added last.
fn open(out: &mut Estate, dialect: Dialect, budget: &mut Budget) -> Option<Document> {
    let file = out.files.files().last()?;
    let text = out.files.slice(&file.span);
    let tree = match dialect.syntax() {
        claims::Syntax::Yaml => Some(text::yaml(text, budget)),
        claims::Syntax::Json => Some(text::json(text, budget)),
        claims::Syntax::Text => None,
    };
    let root = match tree {
        Some(Ok(mut root)) => {
            root.shift(file.span.start);
            Some(root)
        }
        Some(Err(error)) => {
            let span = file.span.clone();
            out.gaps.push(Gap {
                span,
                why: error.to_string(),
            });
            return None;
        }
        None => None,
    };
    Some(Document {
        path: file.path.clone(),
        span: file.span.clone(),
        dialect,
        root,
    })
}

fn recipes(out: &mut Estate, documents: &[Document], budget: &mut Budget) -> Recipes {
    let mut found = Recipes::new();
    for document in documents.iter().filter(|d| d.dialect == Dialect::Dockerfile) {
        let text = out.files.text().get(..document.span.end).unwrap_or_default();
        let (stages, outcome) = dockerfile::stages(text, document.span.start, budget);
        if let Outcome::Partly { why } | Outcome::NotAnalysed { why } = outcome {
            let span = document.span.clone();
            out.gaps.push(Gap { span, why });
        }
        found.insert(document.path.clone(), stages);
    }
    found
}

/// Gives a container what the recipe of its image says, as far as nothing nearer says it: `target` is the stage, the last
/// where there is none.
pub(crate) fn built_from(resource: &mut Resource, stages: &[Resource], target: Option<&str>, text: &str) {
    let by_name = |name: &str| stages.iter().rposition(|s| s.name.eq_ignore_ascii_case(name));
    let Some(stage) = stage_of(stages, target) else {
        return;
    };
    let mut base = stage;
    for _ in 0..stages.len() {
        let parent = base
            .image
            .as_ref()
            .filter(|_| base.builds)
            .and_then(|i| by_name(&i.text));
        let Some(parent) = parent.and_then(|i| stages.get(i)) else {
            break;
        };
        base = parent;
    }
    if base.image.is_some() {
        resource.image.clone_from(&base.image);
    }
    resource
        .environment
        .splice(0..0, stage.environment.iter().cloned());
    resource.ports.extend(stage.ports.iter().cloned());
    if !resource.arguments_only {
        return;
    }
    let arguments: Vec<Word> = resource
        .start
        .iter()
        .flat_map(|c| c.words.iter().cloned())
        .collect();
    if arguments.is_empty() || stage.closed_entrypoint {
        resource.start.clone_from(&stage.start);
        resource.arguments_only = stage.entrypoint.is_empty();
    } else if let Some((last, before)) = stage.entrypoint.split_last() {
        let mut last = last.clone();
        last.words.extend(arguments);
        // `ENTRYPOINT ["sh", "-c"]` takes its script from here.
        resource.start = before.to_vec();
        resource.start.extend(shell::from_words(last.words, text));
        resource.arguments_only = false;
    }
}

/// The stage that is built: the one named, else the last.
pub(crate) fn stage_of<'s>(stages: &'s [Resource], target: Option<&str>) -> Option<&'s Resource> {
    match target {
        Some(name) => stages.iter().rev().find(|s| s.name.eq_ignore_ascii_case(name)),
        None => stages.last(),
    }
}

#[cfg(test)]
pub(crate) mod show;
#[cfg(test)]
mod tests;
