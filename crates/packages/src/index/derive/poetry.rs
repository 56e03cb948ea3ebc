//! Poetry asks its primary sources alike and takes the best version; supplemental ones only where nothing was found
//! that fits. The public index is a primary source until another primary one is named.

use super::{Manager, Member, Passing, Pool, SourceCandidate};
use crate::{
    index::{IndexRole, IndexSettings},
    manifest::{Manifest, ManifestKind},
    project::Folders,
};
use wellhead_core::ArtifactPath;

pub(super) fn pools<'a>(folders: &Folders<'a>, out: &mut Vec<Pool<'a>>) {
    for (path, manifest) in &folders.project.files {
        if manifest.kind == ManifestKind::Pyproject && super::pip::has(&manifest.indexes, Manager::Poetry) {
            let mut pool = pool(folders, path, manifest);
            // The sources stand in the order of their priorities, and between equal versions that order decides.
            let exact = pool.split_exact();
            out.extend([pool].into_iter().chain(exact));
        }
    }
}

fn pool<'a>(folders: &Folders<'a>, path: &ArtifactPath, manifest: &'a Manifest) -> Pool<'a> {
    let settings = &manifest.indexes;
    let mut out = Pool::new(Manager::Poetry, path, order(settings));
    out.passing = Passing::NoVersionFits;
    out.locked = folders.locked(path);
    let entries = || settings.entries.iter().filter(|e| e.manager == Manager::Poetry);
    out.members = manifest
        .components
        .iter()
        .map(|component| {
            let names = settings.pinned.iter().filter(|(p, _)| *p == component.name);
            let named: Vec<SourceCandidate> = names
                .filter_map(|(_, index)| {
                    let same = |e: &&_| is_named(e, index);
                    entries().find(same).map(|e| SourceCandidate::of(e, 0))
                })
                .collect();
            Member {
                component,
                named: (!named.is_empty()).then_some(named),
            }
        })
        .collect();
    out
}

fn is_named(entry: &crate::index::IndexEntry, name: &str) -> bool {
    entry
        .name
        .as_deref()
        .is_some_and(|n| n.eq_ignore_ascii_case(name))
}

fn order(settings: &IndexSettings) -> Vec<SourceCandidate> {
    let of = |role: IndexRole| {
        let all = settings.entries.iter().filter(|e| e.manager == Manager::Poetry);
        all.filter(move |e| e.role == role)
    };
    // `secondary` of old versions is one pool with the primary ones, too.
    let mut out: Vec<SourceCandidate> = of(IndexRole::Default)
        .map(|e| SourceCandidate::of(e, 0))
        .collect();
    let pypi = settings
        .entries
        .iter()
        .any(|e| e.manager == Manager::Poetry && is_named(e, "pypi"));
    if out.is_empty() && !pypi {
        out.push(SourceCandidate::public(0));
    }
    out.extend(of(IndexRole::Extra).map(|e| SourceCandidate::of(e, 0)));
    for (i, entry) in of(IndexRole::Supplemental).enumerate() {
        out.push(SourceCandidate::of(entry, i.saturating_add(1)));
    }
    out
}
