//! What to do about a package with known flaws: the smallest version that clears all of them, and the edit or the command
//! that gets there.
//!
//! The one decision: an edit replaces a version and nothing else, and the edited file is read again before anybody is
//! offered it. Where another tool wrote a file (a lock, digests), only that tool can write it anew, so it gets a command.

mod choice;
mod command;
mod edit;
#[cfg(test)]
mod tests;

use crate::{
    advisory::{Database, DatabaseError},
    manifest::{Manifest, ManifestKind},
    project::Project,
};
use choice::{Choice, Known, choose, raise};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Bucket, Budget, Component, Disposition, Ecosystem, Edit, Source, Span};

pub use edit::{ApplyError, apply};

/// How a package of a file is cured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// By an edit of its line.
    Edit {
        /// The edit.
        edit: Edit,
        /// Safe where every range that the project declares for the package admits the new version.
        disposition: Disposition,
    },
    /// By another tool.
    Command {
        /// What to run.
        command: Command,
        /// Safe where every range that the project declares for the package admits the new version.
        disposition: Disposition,
    },
    /// By a person, and why.
    ByHand(String),
}

/// A command for another tool. Those of one file with the same head and tail are one: `head each each tail`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Command {
    /// Its beginning.
    pub head: String,
    /// What it says of this package.
    pub each: String,
    /// Its end; may be empty.
    pub tail: String,
}

/// What is to be done about one package of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cure {
    /// The package by its normal name.
    pub package: String,
    /// The file.
    pub artifact: ArtifactPath,
    /// The line, from 1; 0 where there is none.
    pub line: u32,
    /// The version or the range that is there.
    pub from: String,
    /// What it becomes, where anything helps.
    pub to: Option<String>,
    /// The flaws that it has even then.
    pub remains: Vec<String>,
    /// How.
    pub step: Step,
    /// What else is worth knowing, a sentence each.
    pub notes: Vec<String>,
}

/// The texts of files, as far as they are UTF-8 and at hand.
pub type Texts<'a> = &'a dyn Fn(&ArtifactPath) -> Option<String>;

/// The cures for the wanted packages: those with reported flaws, by file and normal name.
///
/// # Errors
/// When the database is damaged or costs more than `budget` allows.
pub fn cures(
    project: &Project,
    wanted: &BTreeSet<(ArtifactPath, String)>,
    database: Option<&Database>,
    texts: Texts<'_>,
    budget: &mut Budget,
) -> Result<Vec<Cure>, DatabaseError> {
    let mut out = Vec::new();
    let names: BTreeSet<&String> = wanted.iter().map(|(_, name)| name).collect();
    for name in names {
        let known = Known::new(name, database, budget)?;
        let mut files: BTreeSet<&ArtifactPath> =
            wanted.iter().filter(|(_, n)| n == name).map(|(p, _)| p).collect();
        files.extend(declarations(project, &files, name, &known));
        for path in files {
            for (place, manifest) in inside(project, path) {
                for component in manifest.components.iter().filter(|c| c.name == *name) {
                    budget.steps(1_000)?;
                    out.extend(cure(project, place, manifest, component, &known, texts));
                }
            }
        }
    }
    unsound(project, &mut out, texts, budget);
    Ok(out)
}

/// The manifest at a path, and those inside it: what a recipe installs is reported at the recipe.
fn inside<'a>(
    project: &'a Project,
    path: &'a ArtifactPath,
) -> impl Iterator<Item = (&'a ArtifactPath, &'a Manifest)> {
    project.files.iter().filter(move |(p, m)| {
        let installs = m.kind == ManifestKind::Commands && p.nesting() > path.nesting();
        *p == path || installs && p.top() == path.top()
    })
}

/// A lock cannot take a version that the file above it does not ask for, so what pins it there, or shuts it out, is
/// wanted too.
fn declarations<'a>(
    project: &'a Project,
    files: &BTreeSet<&'a ArtifactPath>,
    name: &str,
    known: &Known,
) -> BTreeSet<&'a ArtifactPath> {
    let in_the_way = |component: &Component| match component.bucket {
        Bucket::Exact => true,
        Bucket::Unpinned => {
            let range = component.specifier.as_deref().unwrap_or_default();
            raise(known, range).is_some_and(|choice| !choice.inside)
        }
        _ => false,
    };
    let mut out = BTreeSet::new();
    for path in files {
        if !project.files.get(*path).is_some_and(|m| m.kind.is_lock()) {
            continue;
        }
        let declares = related(project, path).filter(|(_, m)| {
            let kinds = ["pyproject", "pipfile", "pixi", "conda-environment", "setup-cfg"];
            kinds.contains(&m.kind.name()) && m.components.iter().any(|c| c.name == name && in_the_way(c))
        });
        out.extend(declares.map(|(p, _)| p));
    }
    out
}

fn cure(
    project: &Project,
    path: &ArtifactPath,
    manifest: &Manifest,
    component: &Component,
    known: &Known,
    texts: Texts<'_>,
) -> Option<Cure> {
    let exact = component.bucket == Bucket::Exact;
    let choice = match (&component.bucket, component.version.as_deref()) {
        (Bucket::Exact, Some(version)) => {
            let ranges = ranges(project, path, component);
            choose(known, version, &floor(project, path, component), &ranges)?
        }
        (Bucket::Unpinned, _) if matches!(component.source, Source::Registry { .. }) => {
            raise(known, component.specifier.as_deref().unwrap_or_default())?
        }
        _ => return None,
    };
    let from = component
        .version
        .clone()
        .filter(|_| exact)
        .or_else(|| component.specifier.clone())
        .unwrap_or_else(|| "any version".to_owned());
    let mut cure = Cure {
        package: component.name.clone(),
        artifact: match manifest.kind {
            ManifestKind::Commands => component.declared.artifact.clone(),
            _ => path.clone(),
        },
        line: line(component),
        from,
        to: choice.to.clone(),
        remains: choice.remains.clone(),
        step: Step::ByHand(String::new()),
        notes: choice.notes.clone(),
    };
    cure.step = step(
        project,
        path,
        manifest,
        component,
        &choice,
        texts,
        &mut cure.notes,
    );
    Some(cure)
}

fn step(
    project: &Project,
    path: &ArtifactPath,
    manifest: &Manifest,
    component: &Component,
    choice: &Choice,
    texts: Texts<'_>,
    notes: &mut Vec<String>,
) -> Step {
    let Some(to) = &choice.to else {
        let why = match &choice.before {
            Some(bad) => format!(
                "no advisory names a version that is fixed: take the newest release before it (`{}<{bad}`), or a later one \
                 that none calls affected",
                component.name
            ),
            None if choice.later => {
                "no advisory names a version that is fixed: take one that none calls affected".to_owned()
            }
            None => "no version is known to be without flaws: replace it".to_owned(),
        };
        return Step::ByHand(why);
    };
    if !matches!(component.source, Source::Registry { .. }) {
        return Step::ByHand("it comes from an address: name the file of the new version".to_owned());
    }
    let path = match manifest.kind {
        ManifestKind::Commands => &component.declared.artifact,
        _ => path,
    };
    let text = texts(path).filter(|_| path.nesting() == 0);
    let beside = |name: &str| {
        let folder = path.top().rsplit_once('/').map_or("", |(folder, _)| folder);
        let full = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        project.files.contains_key(&ArtifactPath::file(full))
    };
    if let Some(command) = command::command(path, manifest, &component.name, to, text.as_deref(), &beside) {
        let disposition = choice.disposition;
        return Step::Command { command, disposition };
    }
    // What people write; channels of conda have versions of their own.
    let written = matches!(
        manifest.kind.name(),
        "requirements"
            | "constraints"
            | "pyproject"
            | "pipfile"
            | "script"
            | "setup-cfg"
            | "hatch"
            | "pixi"
            | "conda-environment"
            | "commands"
    );
    // A shell would take `>=` for a place to write to.
    let written = written && (manifest.kind != ManifestKind::Commands || component.bucket == Bucket::Exact);
    let editable = written && component.ecosystem == Ecosystem::PyPI;
    let Some(text) = text.filter(|_| editable) else {
        return Step::ByHand(format!("write {to} where the version stands"));
    };
    let mut disposition = choice.disposition;
    let edit = match component.bucket {
        Bucket::Exact if manifest.kind == ManifestKind::Commands => edit::word(&text, component, to),
        Bucket::Exact => edit::pin(&text, manifest, component, to),
        _ => edit::bound(&text, component, to, choice.inside),
    };
    let Some(edit) = edit else {
        return Step::ByHand(format!("write {to} where the version stands"));
    };
    if let Some(label) = edit::local(component.version.as_deref().unwrap_or_default()) {
        disposition = Disposition::Unsafe;
        notes.push(format!(
            "its build `+{label}` is kept, and the index may not have that build of {to}"
        ));
    }
    Step::Edit {
        edit: Edit {
            artifact: path.clone(),
            range: edit.range,
            replacement: edit.replacement,
        },
        disposition,
    }
}

/// The files that speak of the same project: those of the same folder, and of the folders above and below.
fn related<'a>(
    project: &'a Project,
    path: &'a ArtifactPath,
) -> impl Iterator<Item = (&'a ArtifactPath, &'a Manifest)> {
    let folder = |p: &ArtifactPath| {
        p.top()
            .rsplit_once('/')
            .map_or(String::new(), |(folder, _)| format!("{folder}/"))
    };
    let mine = folder(path);
    project
        .files
        .iter()
        .filter(move |(p, _)| folder(p).starts_with(&mine) || mine.starts_with(&folder(p)))
}

/// What the project declares of the package beside this place, as ranges, each with the place that says it.
fn ranges(project: &Project, path: &ArtifactPath, component: &Component) -> Vec<(String, String)> {
    related(project, path)
        .filter(|(_, m)| !m.kind.is_lock())
        .flat_map(|(p, m)| m.components.iter().map(move |c| (p, c)))
        .filter(|(_, c)| c.name == component.name && c.bucket == Bucket::Unpinned)
        .filter_map(|(p, c)| Some((c.specifier.clone()?, p.to_string())))
        .collect()
}

/// The newest version that the project pins: two files that pin a package are brought to the same version.
fn floor(project: &Project, path: &ArtifactPath, component: &Component) -> Vec<String> {
    related(project, path)
        .filter(|(_, m)| !m.kind.is_lock())
        .flat_map(|(_, m)| &m.components)
        .filter(|c| c.name == component.name && c.bucket == Bucket::Exact && c.marker == component.marker)
        .filter_map(|c| c.version.clone())
        .collect()
}

fn line(component: &Component) -> u32 {
    match component.declared.span {
        Span::Text { start, .. } => start.line,
        _ => 0,
    }
}

/// Reads every edited file again and takes back the edits of those that do not say what was meant.
fn unsound(project: &Project, cures: &mut [Cure], texts: Texts<'_>, budget: &mut Budget) {
    let mut files: BTreeMap<ArtifactPath, Vec<usize>> = BTreeMap::new();
    for (i, cure) in cures.iter().enumerate() {
        if matches!(cure.step, Step::Edit { .. }) {
            files.entry(cure.artifact.clone()).or_default().push(i);
        }
    }
    for (path, places) in files {
        let (Some(before), Some(text)) = (project.files.get(&path), texts(&path)) else {
            continue;
        };
        for i in places {
            let Some(cure) = cures.get_mut(i) else { continue };
            let Step::Edit { edit, .. } = &cure.step else {
                continue;
            };
            let after = apply(&text, std::slice::from_ref(edit))
                .map(|text| crate::manifest::read_manifest(before.kind, &path, &text, budget));
            if !after.is_ok_and(|after| edit::meant(before, &after, cure)) {
                let to = cure.to.clone().unwrap_or_default();
                cure.step = Step::ByHand(format!("write {to} where the version stands"));
            }
        }
    }
}
