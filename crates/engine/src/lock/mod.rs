//! The lock of models: what a project loads, as facts; the lock made of it; what is on disk, compared with it.
//!
//! The one decision: making and proving are different doors. Making may ask a hub; proving reads the disk only, so that
//! a check in CI needs no network and nobody on the way can answer for the files.

mod resolve;
mod verify;

pub use resolve::{LockOptions, Made, lock};
pub use verify::{Asked, Checked, FileState, Problem, verify};

use crate::{
    artifact::analyse,
    facts::Fact,
    run::{Listing, Options, named},
    scoreboard::Scoreboard,
    subjects::Input,
};
use rayon::prelude::*;
use std::{collections::BTreeSet, path::PathBuf};
use wellhead_core::{ArtifactPath, Budget, Finding, Lines, Location, Sink, Span, code};
use wellhead_formats::{Document, is_named_like_model};
use wellhead_infra::{Command, Configuration};
use wellhead_pycode::Module;
use wellhead_rules::{
    PlacedLoad, ProjectLoads, Subject,
    loads::{self, Load, Loaded},
};
use wellhead_sources::Entry;
use wellhead_trust::models_lock::{MODELS_LOCK, ModelsLock, RepositoryKind, is_commit};

/// Where hubs keep what they downloaded, the first that has it counts.
#[derive(Clone, Debug, Default)]
pub struct Hubs {
    /// Folders that hold `models--org--name`.
    pub caches: Vec<PathBuf>,
}

/// What one file loads.
#[derive(Clone, Debug)]
pub(crate) struct FileLoads {
    loads: Vec<(Load, Location)>,
    /// Why not all of it is known.
    unread: Option<String>,
}

fn placed(path: &ArtifactPath, text: &str, found: Vec<Load>) -> Vec<(Load, Location)> {
    let lines = Lines::new(if found.is_empty() { "" } else { text });
    let place = |load: Load| {
        let rest = text.get(load.at..).unwrap_or_default();
        let end = load
            .at
            .saturating_add(rest.find('\n').unwrap_or(rest.len()).min(200));
        let location = Location::text_in(path, text, &lines, load.at..end, "loaded here");
        (load, location)
    };
    found.into_iter().map(place).collect()
}

/// What a Python file or notebook loads.
pub(crate) fn facts_of_module(path: &ArtifactPath, module: &Module) -> Option<Fact> {
    if path.nesting() > 0 {
        return None;
    }
    let file = FileLoads {
        loads: placed(path, &module.text, loads::loads(module)),
        unread: module.outcome.why().map(str::to_owned),
    };
    (!file.loads.is_empty() || file.unread.is_some()).then(|| Fact::Loads(path.clone(), file))
}

/// What any other text loads, and the lock itself.
pub(crate) fn facts_of_text(
    input: &Input<'_>,
    text: &wellhead_formats::document::TextFile,
    recipe: Option<&Configuration>,
    budget: &mut Budget,
) -> Option<Fact> {
    if input.path.nesting() > 0 {
        return None;
    }
    let leaf = input.path.leaf();
    let name = leaf.rsplit('/').next().unwrap_or(leaf);
    if name == MODELS_LOCK {
        let lock = ModelsLock::parse(&text.text, budget).map_err(|e| {
            let end = e.span.end.min(e.span.start.saturating_add(200));
            Box::new(Location::text(
                input.path,
                &text.text,
                e.span.start..end,
                e.message,
            ))
        });
        return Some(Fact::ModelsLock(input.path.clone(), Box::new(lock)));
    }
    let prose =
        matches!(input.identity.format.name, "markdown" | "python" | "notebook") || name.ends_with(".txt");
    let found = match &input.opened.document {
        Document::Data(data) => loads::in_config(data.root.as_ref().ok()?),
        Document::Text(_)
            if !prose && (loads::speaks_of_hub(&text.text) || loads::speaks_python(&text.text)) =>
        {
            match recipe {
                Some(recipe) => {
                    let stages = recipe.resources.iter();
                    let commands = stages.flat_map(|r| r.build.iter().chain(&r.start));
                    in_commands(commands, budget)
                }
                None => in_commands(&wellhead_infra::script(&text.text, 0), budget),
            }
        }
        _ => Vec::new(),
    };
    let file = FileLoads {
        loads: placed(input.path, &text.text, found),
        unread: None,
    };
    (!file.loads.is_empty()).then(|| Fact::Loads(input.path.clone(), file))
}

/// What commands load, and what the programs load that stand in them: `python -c "…"`.
fn in_commands<'c>(commands: impl IntoIterator<Item = &'c Command>, budget: &mut Budget) -> Vec<Load> {
    let mut out = Vec::new();
    for command in commands {
        let words: Vec<&str> = command.words.iter().map(|w| w.text.as_str()).collect();
        let at = command.span().start;
        out.extend(loads::in_command(&words, at));
        let Some(code) = loads::python_of(&words) else {
            continue;
        };
        let module = wellhead_pycode::parse(code, budget);
        if module.outcome.why().is_none() {
            out.extend(loads::loads(&module).into_iter().map(|load| Load { at, ..load }));
        }
    }
    out.sort();
    out.dedup();
    out
}

/// The files of a target that a path in `from` means: itself, or all below it. Paths count from the folder of the
/// file that names them, and from the folder in which the program is likely to run.
fn meant(from: &str, path: &str, files: &BTreeSet<&str>) -> Vec<String> {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    for base in [folder, ""] {
        let Some(target) = joined(base, path) else {
            continue;
        };
        if files.contains(target.as_str()) {
            return vec![target];
        }
        let below = format!("{target}/");
        let inside: Vec<String> = files
            .range(below.as_str()..)
            .take_while(|f| f.starts_with(&below))
            .map(|f| (*f).to_owned())
            .collect();
        if !inside.is_empty() && !target.is_empty() {
            return inside;
        }
    }
    Vec::new()
}

/// A path from a folder; `None` where it leaves the target.
fn joined(folder: &str, path: &str) -> Option<String> {
    if path.starts_with(['/', '~']) || path.contains("://") {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The line of a place.
fn line(place: &Location) -> u32 {
    match place.span {
        Span::Text { start, .. } => start.line,
        _ => 1,
    }
}

/// What a whole project loads, and the locks in it, for an audit.
#[derive(Debug, Default)]
pub(crate) struct ProjectLoading {
    project: ProjectLoads,
}

impl ProjectLoading {
    pub(crate) fn of(facts: &[Fact], files: &[(String, Entry)]) -> Self {
        let mut project = ProjectLoads::default();
        for fact in facts {
            if let Fact::ModelsLock(path, lock) = fact {
                project.locks.push((path.clone(), (**lock).clone()));
            }
        }
        if project.locks.is_empty() {
            return Self::default();
        }
        project.locks.sort_by(|a, b| a.0.cmp(&b.0));
        let names: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        for fact in facts {
            let Fact::Loads(path, file) = fact else { continue };
            for (load, place) in &file.loads {
                let files = match &load.what {
                    Loaded::Path(text) => meant(path.top(), text, &names),
                    _ => Vec::new(),
                };
                project.loads.push(PlacedLoad {
                    by: load.by.clone(),
                    what: load.what.clone(),
                    place: place.clone(),
                    files,
                });
            }
        }
        project.loads.sort_by(|a, b| {
            (&a.place.artifact, a.place.offset()).cmp(&(&b.place.artifact, b.place.offset()))
        });
        Self { project }
    }

    /// Judges loads by the locks, and tells other findings what the lock holds.
    pub(crate) fn judge(
        &self,
        findings: &mut Vec<Finding>,
        options: &Options<'_>,
        scoreboard: &mut Scoreboard,
    ) {
        let Some((first, _)) = self.project.locks.first() else {
            return;
        };
        let mut sink = Sink::new(first.clone());
        let enabled = |rule: &wellhead_core::Rule| options.enables(rule);
        for measure in wellhead_rules::judge(Subject::Loads(&self.project), &enabled, &mut sink) {
            for load in &self.project.loads {
                scoreboard.judged(measure, load.place.artifact.to_string());
            }
        }
        for finding in findings.iter_mut().filter(|f| f.rule == "unpinned-revision") {
            self.tell(finding);
        }
        findings.extend(sink.into_findings());
    }

    /// A lock does not make a branch stand still, so the finding stays what it is; but it names the commit to write.
    fn tell(&self, finding: &mut Finding) {
        let Some((lock, _)) = finding
            .primary()
            .and_then(|place| self.project.lock_of(&place.artifact))
        else {
            return;
        };
        let mut held = lock.repositories.iter().filter(|r| r.name == finding.subject);
        let Some(held) = held.next() else { return };
        finding.notes.push(format!(
            "`models.lock` holds commit {} of it, but the code still takes whatever the branch holds when it runs",
            held.revision
        ));
        finding.help.push(format!(
            "the commit in `models.lock` is `revision=\"{}\"`",
            held.revision
        ));
        finding
            .properties
            .insert("locked".to_owned(), held.revision.clone().into());
    }
}

/// Everything that the code and the configurations of a target load, for making a lock.
#[derive(Clone, Debug, Default)]
pub struct Loading {
    /// The loads, in the order of files and lines.
    pub loads: Vec<PlacedLoad>,
    /// Files that could not be read whole, and why: what they load is not all known.
    pub unread: Vec<(String, String)>,
}

/// The largest file that may say what is loaded.
const LONGEST: u64 = 16 << 20;

/// Finds out what a target loads; `all` are the paths of all of its files, those that ignore files exclude among them.
pub fn project_loads(listing: Listing, all: &[Entry], options: &Options<'_>) -> Loading {
    let files: Vec<(String, Entry)> = named(listing).collect();
    let names: BTreeSet<&str> = all.iter().map(|entry| entry.path.as_str()).collect();
    let worth = |path: &str, entry: &Entry| {
        let lower = path.to_ascii_lowercase();
        let code = lower.ends_with(".py") || lower.ends_with(".ipynb");
        let name = lower.rsplit('/').next().unwrap_or(&lower);
        (code || !is_named_like_model(name)) && entry.open().is_ok_and(|blob| blob.len() <= LONGEST)
    };
    let facts: Vec<Fact> = files
        .par_iter()
        .filter(|(path, entry)| worth(path, entry))
        .flat_map_iter(|(path, entry)| analyse(path, entry, options).facts)
        .collect();
    let mut out = Loading::default();
    for fact in facts {
        let Fact::Loads(path, file) = fact else { continue };
        out.unread
            .extend(file.unread.map(|why| (path.top().to_owned(), why)));
        for (load, place) in file.loads {
            let files = match &load.what {
                Loaded::Path(text) => meant(path.top(), text, &names),
                _ => Vec::new(),
            };
            out.loads.push(PlacedLoad {
                by: load.by,
                what: load.what,
                place,
                files,
            });
        }
    }
    for (path, entry) in &files {
        let lower = path.to_ascii_lowercase();
        if lower.ends_with(".py") || lower.ends_with(".ipynb") {
            match entry.open() {
                Ok(blob) if blob.len() > LONGEST => {
                    out.unread.push((path.clone(), "too large".to_owned()));
                }
                Ok(_) => {}
                Err(why) => out.unread.push((path.clone(), why)),
            }
        }
    }
    out.unread.sort();
    out.unread.dedup();
    out.loads
        .sort_by(|a, b| (&a.place.artifact, a.place.offset()).cmp(&(&b.place.artifact, b.place.offset())));
    out
}

/// `org/name@commit`, short, for messages.
fn shown(name: &str, commit: &str) -> String {
    code(&format!("{name}@{}", commit.get(..12).unwrap_or(commit)))
}

/// The folder of a repository in a cache.
fn cached_name(kind: RepositoryKind, name: &str) -> String {
    let kind = match kind {
        RepositoryKind::Model => "models",
        RepositoryKind::Dataset => "datasets",
    };
    format!("{kind}--{}", name.replace('/', "--"))
}

/// The commit that a cache takes a branch for.
fn cached_reference(repository: &std::path::Path, requested: &str) -> Option<String> {
    if is_commit(requested) {
        return Some(requested.to_owned());
    }
    if !wellhead_trust::models_lock::stays_inside(requested) {
        return None;
    }
    let bytes = wellhead_sources::read_bounded(&repository.join("refs").join(requested), 1024).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.trim().to_ascii_lowercase()).filter(|t| is_commit(t))
}
