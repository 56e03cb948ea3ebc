//! pip has one pool: the default index, every extra one, every page of links; the best version of all wins.
//!
//! Settings come from weak to strong: configuration files, variables, the command, the lines of the files. A stronger
//! configuration replaces the value of an option; commands and lines add to it. An `--index-url` in a file drops every
//! index that was named before it, wherever that was.

use super::{Manager, Pool, SourceCandidate};
use crate::{
    includes::join,
    index::{IndexEntry, IndexRole, IndexSettings},
    manifest::{Manifest, ManifestKind},
    project::{Folders, Project, ancestors, folder},
};
use std::collections::BTreeSet;
use wellhead_core::{ArtifactPath, Component, Ecosystem, Source};

pub(super) fn pools<'a>(folders: &Folders<'a>, out: &mut Vec<Pool<'a>>) {
    for path in roots(folders.project) {
        each_command(folders, path, &mut |command| {
            out.push(requirements(folders, path, true, command));
        });
    }
    for (path, manifest) in &folders.project.files {
        match manifest.kind {
            ManifestKind::Commands => {
                let own = has(&manifest.indexes, Manager::Pip);
                let pip = manifest.indexes.installer.unwrap_or(Manager::Pip) == Manager::Pip;
                // Without settings of its own the command adds nothing to what the files that it installs say.
                if pip && (own || !manifest.components.is_empty()) {
                    out.push(requirements(folders, path, own, None));
                }
            }
            ManifestKind::PipConfig => alone(folders, path, out),
            _ => {}
        }
    }
}

/// Whether a configuration speaks of a manager's indexes.
pub(super) fn has(settings: &IndexSettings, manager: Manager) -> bool {
    let mut all = settings.inherited.iter().chain(&settings.entries);
    all.any(|e| e.manager == manager)
}

/// Whether pip installs what the file lists: conda hands it a list of its own.
fn is_list(kind: ManifestKind) -> bool {
    matches!(kind, ManifestKind::Requirements | ManifestKind::CondaEnvironment)
}

/// The lists that no other one includes; of files that include each other in a circle, one.
fn roots(project: &Project) -> Vec<&ArtifactPath> {
    let mut included = BTreeSet::new();
    for (path, manifest) in &project.files {
        if manifest.kind == ManifestKind::Commands {
            continue;
        }
        let targets = manifest.includes.iter().filter_map(|i| join(path.top(), &i.path));
        included.extend(targets.map(ArtifactPath::file).filter(|target| target != path));
    }
    let all = || {
        let files = project.files.iter();
        files.filter(|(_, m)| is_list(m.kind)).map(|(p, _)| p)
    };
    let mut roots: Vec<&ArtifactPath> = all().filter(|p| !included.contains(*p)).collect();
    if roots.len() < all().count() {
        let mut reached: BTreeSet<ArtifactPath> = roots.iter().flat_map(|p| project.closure(p)).collect();
        for path in all() {
            if !reached.contains(path) {
                reached.extend(project.closure(path));
                roots.push(path);
            }
        }
    }
    roots
}

/// The configuration files that hold for a path, the nearest last.
fn configs<'a>(folders: &Folders<'a>, path: &ArtifactPath) -> Vec<&'a IndexSettings> {
    let mut above: Vec<&str> = ancestors(folder(path)).collect();
    above.reverse();
    above
        .into_iter()
        .flat_map(|here| folders.of(here, ManifestKind::PipConfig))
        .map(|(_, m)| &m.indexes)
        .collect()
}

/// Once for `pip install`, and once for each command with a section of its own.
fn each_command<'a>(folders: &Folders<'a>, path: &ArtifactPath, push: &mut dyn FnMut(Option<&'a str>)) {
    push(None);
    let variants = configs(folders, path).into_iter().flat_map(|c| &c.variants);
    let names: BTreeSet<&str> = variants.map(|(name, _)| name.as_str()).collect();
    names.into_iter().for_each(|name| push(Some(name)));
}

fn for_command<'a>(settings: &'a IndexSettings, command: Option<&str>) -> &'a IndexSettings {
    let mut variants = settings.variants.iter();
    let own = variants.find(|(name, _)| Some(name.as_str()) == command);
    own.map_or(settings, |(_, settings)| settings)
}

#[derive(Default)]
struct Effective<'a> {
    default: Option<&'a IndexEntry>,
    extra: Vec<&'a IndexEntry>,
    links: Vec<&'a IndexEntry>,
    no_index: bool,
    require_hashes: bool,
}

impl<'a> Effective<'a> {
    /// A configuration file, or variables: what they say takes the place of what weaker ones said.
    fn replace(&mut self, entries: impl Iterator<Item = &'a IndexEntry>) {
        let entries: Vec<_> = entries.filter(|e| e.manager == Manager::Pip).collect();
        let of = |role: IndexRole| entries.iter().copied().filter(move |e| e.role == role);
        if let Some(entry) = entries.iter().copied().rfind(|e| e.role == IndexRole::Default) {
            self.default = Some(entry);
        }
        for (role, list) in [
            (IndexRole::Extra, &mut self.extra),
            (IndexRole::FindLinks, &mut self.links),
        ] {
            if of(role).next().is_some() {
                *list = of(role).collect();
            }
        }
    }

    /// An option of a command or a line of a file.
    fn add(&mut self, entry: &'a IndexEntry, of_file: bool) {
        match entry.role {
            _ if entry.manager != Manager::Pip => {}
            IndexRole::Default => {
                self.default = Some(entry);
                if of_file {
                    self.extra.clear();
                }
            }
            IndexRole::FindLinks => self.links.push(entry),
            IndexRole::Extra | IndexRole::Supplemental | IndexRole::Explicit => self.extra.push(entry),
        }
    }

    fn flags(&mut self, settings: &IndexSettings) {
        self.no_index |= settings.no_index;
        self.require_hashes |= settings.require_hashes;
    }

    fn sources(&self) -> Vec<SourceCandidate> {
        let mut out = Vec::new();
        if !self.no_index {
            out.push(self.default.map_or_else(
                || SourceCandidate::public(0),
                |entry| SourceCandidate::of(entry, 0),
            ));
            out.extend(self.extra.iter().map(|e| SourceCandidate::of(e, 0)));
        }
        out.extend(self.links.iter().map(|e| SourceCandidate::of(e, 0)));
        out
    }
}

/// The pool of a requirements file, or of a command, with all that it includes.
fn requirements<'a>(
    folders: &Folders<'a>,
    path: &ArtifactPath,
    whole: bool,
    command: Option<&str>,
) -> Pool<'a> {
    let mut effective = Effective::default();
    for settings in configs(folders, path)
        .into_iter()
        .map(|c| for_command(c, command))
        .chain(&folders.project.settings)
    {
        effective.replace(settings.entries.iter());
        effective.flags(settings);
    }
    let members = in_order(folders, path, &mut effective);
    let components: Vec<&Component> = members
        .iter()
        .filter(|(p, m)| match m.kind {
            ManifestKind::Commands => p == path,
            kind => whole && (is_list(kind) || kind == ManifestKind::Pyproject),
        })
        .flat_map(|(_, m)| &m.components)
        .filter(|c| c.ecosystem == Ecosystem::PyPI)
        .collect();
    let hashed = |c: &&Component| !c.hashes.is_empty() && matches!(c.source, Source::Registry { .. });
    let mut pool = Pool::new(Manager::Pip, path, effective.sources());
    // One hash turns hash mode on for all, and pip then refuses what has none or no exact version.
    let all = members
        .iter()
        .filter(|(_, m)| m.kind == ManifestKind::Requirements);
    pool.hash_mode = effective.require_hashes || all.flat_map(|(_, m)| &m.components).any(|c| hashed(&c));
    pool.command = command.map(|name| format!("pip {name}").into());
    pool.with(components.into_iter())
}

/// Visits a file and what it includes in the order in which pip reads their lines.
fn in_order<'a>(
    folders: &Folders<'a>,
    path: &ArtifactPath,
    effective: &mut Effective<'a>,
) -> Vec<(ArtifactPath, &'a Manifest)> {
    enum Event<'a> {
        Index(&'a IndexEntry),
        File(ArtifactPath),
    }
    let mut seen = BTreeSet::new();
    let mut members = Vec::new();
    let mut waiting = vec![Event::File(path.clone())];
    while let Some(event) = waiting.pop() {
        let at = match event {
            Event::Index(entry) => {
                effective.add(entry, true);
                continue;
            }
            Event::File(at) => at,
        };
        let Some(manifest) = folders.project.files.get(&at).filter(|_| !seen.contains(&at)) else {
            continue;
        };
        let settings = &manifest.indexes;
        if manifest.kind != ManifestKind::Pyproject {
            effective.flags(settings);
        }
        let mut events: Vec<(u64, Event<'a>)> = Vec::new();
        if manifest.kind == ManifestKind::Commands {
            let (variables, own) = settings
                .entries
                .split_at_checked(settings.variables)
                .unwrap_or((settings.entries.as_slice(), &[]));
            effective.replace(settings.inherited.iter().chain(variables));
            own.iter().for_each(|entry| effective.add(entry, false));
        } else {
            let entries = settings.entries.iter();
            events.extend(entries.map(|e| (e.declared.offset(), Event::Index(e))));
        }
        for include in &manifest.includes {
            if let Some(target) = join(at.top(), &include.path) {
                let offset = include.declared.offset();
                events.push((offset, Event::File(ArtifactPath::file(target))));
            }
        }
        // The last is taken first.
        events.sort_by_key(|(offset, _)| std::cmp::Reverse(*offset));
        waiting.extend(events.into_iter().map(|(_, event)| event));
        members.push((at.clone(), manifest));
        seen.insert(at);
    }
    members
}

/// A configuration that no requirements file of the project meets still counts for every `pip install`, and for the
/// projects below it that name no other manager's sources.
fn alone<'a>(folders: &Folders<'a>, path: &ArtifactPath, out: &mut Vec<Pool<'a>>) {
    let below = |kind: ManifestKind| folders.below(folder(path), kind);
    if below(ManifestKind::Requirements).next().is_some() {
        return;
    }
    let plain = |m: &&Manifest| {
        let settings = &m.indexes;
        let other = [Manager::Uv, Manager::Poetry, Manager::Pdm, Manager::Pixi];
        !other.into_iter().any(|manager| has(settings, manager))
    };
    let components: Vec<&Component> = below(ManifestKind::Pyproject)
        .map(|(_, m)| m)
        .filter(plain)
        .flat_map(|m| &m.components)
        .collect();
    each_command(folders, path, &mut |command| {
        let mut effective = Effective::default();
        for settings in configs(folders, path) {
            let settings = for_command(settings, command);
            effective.replace(settings.entries.iter());
            effective.flags(settings);
        }
        let mut pool = Pool::new(Manager::Pip, path, effective.sources());
        pool.alone = !effective.require_hashes;
        pool.hash_mode = effective.require_hashes;
        pool.command = command.map(|name| format!("pip {name}").into());
        out.push(pool.with(components.iter().copied()));
    });
}
