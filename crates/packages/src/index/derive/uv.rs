//! uv asks its indexes in their order and stops at the first that knows the name, unless a strategy says otherwise.
//!
//! So the default is safe exactly where the private index stands before the public one. The default index is asked
//! last, wherever it stands. `explicit` indexes are asked only for packages that name them in `tool.uv.sources`; pages
//! of links are read together with every index.

use super::{Manager, Member, Passing, Pool, SourceCandidate, pip};
use crate::{
    index::{IndexEntry, IndexRole, IndexSettings, Strategy},
    manifest::{Manifest, ManifestKind},
    project::{Folders, ancestors, folder},
};
use std::collections::BTreeSet;
use wellhead_core::{ArtifactPath, Component};

pub(super) fn pools<'a>(folders: &Folders<'a>, out: &mut Vec<Pool<'a>>) {
    for (path, manifest) in &folders.project.files {
        match manifest.kind {
            ManifestKind::Pyproject => pyproject(folders, path, manifest, out),
            ManifestKind::UvConfig => alone(folders, path, manifest, out),
            ManifestKind::Commands => command(folders, path, manifest, out),
            _ => {}
        }
    }
}

fn speaks(settings: &IndexSettings) -> bool {
    pip::has(settings, Manager::Uv) || settings.strategy.is_some() || !settings.variants.is_empty()
}

/// The settings that hold for a folder: the nearest file that has any, and a `uv.toml` before a `pyproject.toml`.
fn nearest<'a>(folders: &Folders<'a>, path: &ArtifactPath) -> Option<&'a IndexSettings> {
    ancestors(folder(path)).find_map(|here| {
        let own = folders.of(here, ManifestKind::UvConfig).last();
        let mut others = folders.of(here, ManifestKind::Pyproject).iter();
        own.or_else(|| others.rfind(|(_, m)| speaks(&m.indexes)))
            .map(|(_, m)| &m.indexes)
    })
}

fn pyproject<'a>(
    folders: &Folders<'a>,
    path: &ArtifactPath,
    manifest: &'a Manifest,
    out: &mut Vec<Pool<'a>>,
) {
    let Some(settings) = nearest(folders, path) else {
        return;
    };
    for (command, settings) in with_variants(settings) {
        let mut pool = pool(path, settings, &folders.project.settings, &[]);
        pool.command = command.map(Into::into);
        pool.locked = folders.locked(path) && command.is_none();
        pool.members = members(manifest.components.iter(), &manifest.indexes, &[settings]);
        push(pool, out);
    }
}

fn with_variants(settings: &IndexSettings) -> impl Iterator<Item = (Option<&str>, &IndexSettings)> {
    let variants = settings.variants.iter();
    std::iter::once((None, settings)).chain(variants.map(|(name, s)| (Some(name.as_str()), s)))
}

/// A `uv.toml` above no `pyproject.toml` counts for every `uv pip install`.
fn alone<'a>(folders: &Folders<'a>, path: &ArtifactPath, manifest: &'a Manifest, out: &mut Vec<Pool<'a>>) {
    let below = |kind: ManifestKind| folders.below(folder(path), kind);
    if below(ManifestKind::Pyproject).next().is_some() {
        return;
    }
    let components: Vec<&Component> = below(ManifestKind::Requirements)
        .flat_map(|(_, m)| &m.components)
        .collect();
    for (command, settings) in with_variants(&manifest.indexes) {
        let mut pool = pool(path, settings, &folders.project.settings, &[]).with(components.iter().copied());
        pool.command = command.map(Into::into);
        pool.alone = true;
        push(pool, out);
    }
}

fn command<'a>(folders: &Folders<'a>, path: &ArtifactPath, manifest: &'a Manifest, out: &mut Vec<Pool<'a>>) {
    if manifest.indexes.installer != Some(Manager::Uv) {
        return;
    }
    let closure = folders.project.closure(path);
    let files: Vec<&Manifest> = closure
        .iter()
        .filter(|p| *p != path)
        .filter_map(|p| folders.project.files.get(p))
        .collect();
    let is_list = |m: &&&Manifest| m.kind == ManifestKind::Requirements;
    let lists = || files.iter().filter(is_list);
    let lines: Vec<&IndexEntry> = lists().flat_map(|m| &m.indexes.entries).collect();
    let declared = closure.iter().filter(|p| *p != path).find_map(|p| {
        Some((p, folders.project.files.get(p)?)).filter(|(_, m)| m.kind == ManifestKind::Pyproject)
    });
    let surrounding = nearest(folders, declared.map_or(path, |(p, _)| p))
        .cloned()
        .unwrap_or_default();
    let mut pool = pool(path, &manifest.indexes, &[surrounding], &lines);
    pool.hash_mode = manifest.indexes.require_hashes;
    let components = manifest
        .components
        .iter()
        .chain(lists().flat_map(|m| &m.components));
    pool = pool.with(components);
    if let Some((p, m)) = declared {
        pool.locked = folders.locked(p) && manifest.components.is_empty();
        let settings = nearest(folders, p);
        let places: Vec<&IndexSettings> = settings.into_iter().collect();
        pool.members
            .extend(members(m.components.iter(), &m.indexes, &places));
    }
    push(pool, out);
}

/// Where all indexes are one pool, equal versions are still taken in their order.
pub(super) fn push<'a>(mut pool: Pool<'a>, out: &mut Vec<Pool<'a>>) {
    let links = |s: &SourceCandidate| s.role == IndexRole::FindLinks;
    let one = pool.sources.iter().all(|s| s.rank == 0) && !pool.sources.iter().any(links);
    if one {
        let count = pool.members.len();
        let exact = pool.split_exact();
        // What was asked for in the pool is not the configuration alone.
        pool.alone &= count == 0;
        out.extend(exact);
    }
    out.push(pool);
}

/// The packages, with the indexes that they name: in the file's own `tool.uv.sources` and those that the settings hold.
pub(super) fn members<'a>(
    components: impl Iterator<Item = &'a Component>,
    pins: &IndexSettings,
    places: &[&IndexSettings],
) -> Vec<Member<'a>> {
    let entries = || {
        let own = pins.entries.iter();
        let others = places.iter().flat_map(|s| &s.entries);
        own.chain(others).filter(|e| e.manager == Manager::Uv)
    };
    components
        .map(|component| {
            let names = pins
                .pinned
                .iter()
                .filter(|(package, _)| *package == component.name);
            let mut named: Vec<SourceCandidate> = Vec::new();
            for (_, index) in names {
                let entry = entries().find(|e| e.name.as_deref() == Some(index));
                named.extend(entry.map(|e| SourceCandidate::of(e, 0)));
            }
            Member {
                component,
                named: (!named.is_empty()).then_some(named),
            }
        })
        .collect()
}

/// The sources of a configuration in the order in which uv asks them. `weaker` are further settings, whose indexes come
/// after these; `lines` those of requirements files.
pub(super) fn pool<'a>(
    path: &ArtifactPath,
    settings: &IndexSettings,
    weaker: &[IndexSettings],
    lines: &[&IndexEntry],
) -> Pool<'a> {
    let layers = || std::iter::once(settings).chain(weaker);
    let strategy = layers().find_map(|s| s.strategy.as_ref());
    let no_index = layers().any(|s| s.no_index);
    let entries: Vec<&IndexEntry> = layers()
        .flat_map(said)
        .filter(|e| e.manager == Manager::Uv)
        .chain(lines.iter().copied())
        .collect();
    let how = strategy.map_or(Strategy::FirstIndex, |(s, _)| *s);
    let mut out = Pool::new(Manager::Uv, path, order(&entries, no_index, how));
    if how == Strategy::UnsafeFirstMatch {
        out.passing = Passing::NoVersionFits;
    }
    if how != Strategy::FirstIndex {
        out.blame = strategy.map(|(_, at)| at.clone());
    }
    out
}

/// The indexes of a configuration. An option of a command takes the place of the variable that says the same, and
/// whatever says `index` goes before `extra-index-url`, however the command is written; files were read in that order.
fn said(settings: &IndexSettings) -> Vec<&IndexEntry> {
    let (variables, own) = settings
        .entries
        .split_at_checked(settings.variables)
        .unwrap_or((&[], &settings.entries));
    let replaced: BTreeSet<IndexRole> = own.iter().map(|e| e.role).collect();
    let variables = variables.iter().chain(&settings.inherited);
    let mut out: Vec<&IndexEntry> = own
        .iter()
        .chain(variables.filter(|e| !replaced.contains(&e.role)))
        .collect();
    if settings.installer.is_some() {
        out.sort_by_key(|e| e.role == IndexRole::Supplemental);
    }
    out
}

/// The ranks: indexes in their order, the default last, pages of links beside the first.
pub(super) fn order(entries: &[&IndexEntry], no_index: bool, strategy: Strategy) -> Vec<SourceCandidate> {
    let of = |role: IndexRole| entries.iter().filter(move |e| e.role == role);
    let mut out: Vec<SourceCandidate> = Vec::new();
    if !no_index {
        let asked = entries
            .iter()
            .filter(|e| matches!(e.role, IndexRole::Extra | IndexRole::Supplemental));
        // An index that is named twice is asked where it is named first.
        let mut known = BTreeSet::new();
        for entry in asked.chain(of(IndexRole::Default).take(1)) {
            if known.insert(entry.address.key()) {
                out.push(SourceCandidate::of(entry, out.len()));
            }
        }
        if of(IndexRole::Default).next().is_none() {
            let public = SourceCandidate::public(out.len());
            if known.insert(public.address.key()) {
                out.push(public);
            }
        }
        if strategy == Strategy::UnsafeBestMatch {
            out.iter_mut().for_each(|s| s.rank = 0);
        }
    }
    out.extend(of(IndexRole::FindLinks).map(|e| SourceCandidate::of(e, 0)));
    out
}
