//! Which file settles what another leaves open.
//!
//! The question is asked of every component of a tree that may hold thousands of projects, so what the answer needs is
//! sorted by folder and name once.

use crate::{
    includes::join,
    manifest::ManifestKind,
    project::{Project, ancestors, folder},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};
use wellhead_core::{ArtifactPath, Bucket, Component, Ecosystem};

/// Most includes that are followed to find the constraints of all lists together; behind that a list counts as one
/// without.
const MAX_FOLLOWED: usize = 2_000_000;

/// What settles what in a project.
pub struct Settlement<'a> {
    project: &'a Project,
    /// The kinds of locks that lie in a folder.
    locks: BTreeMap<&'a str, BTreeSet<ManifestKind>>,
    /// What the files of a folder pin.
    pins: BTreeMap<(&'a str, &'a str), Pins<'a>>,
    /// Constraints files with what they pin.
    constraints: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Which file includes which, and the other way around.
    includes: BTreeMap<&'a str, Vec<&'a str>>,
    included: BTreeMap<&'a str, Vec<&'a str>>,
    /// The constraints that hold for a list, and how many includes may still be followed.
    held: RefCell<(BTreeMap<&'a str, BTreeSet<&'a str>>, usize)>,
}

/// Which files of a folder pin a package.
#[derive(Default)]
struct Pins<'a> {
    lock: bool,
    list: bool,
    /// Up to two files that are neither a lock nor a `pyproject.toml`.
    others: Vec<&'a ArtifactPath>,
}

impl Project {
    /// What settles what.
    pub fn settlement(&self) -> Settlement<'_> {
        let mut out = Settlement {
            project: self,
            locks: BTreeMap::new(),
            pins: BTreeMap::new(),
            constraints: BTreeMap::new(),
            includes: BTreeMap::new(),
            included: BTreeMap::new(),
            held: RefCell::new((BTreeMap::new(), MAX_FOLLOWED)),
        };
        for (path, manifest) in &self.files {
            let here = folder(path);
            if manifest.kind.is_lock() {
                out.locks.entry(here).or_default().insert(manifest.kind);
            }
            for c in manifest.components.iter().filter(|c| c.bucket == Bucket::Exact) {
                let pins = out.pins.entry((here, c.name.as_str())).or_default();
                pins.lock |= manifest.kind.is_lock();
                pins.list |= manifest.kind == ManifestKind::Requirements;
                let other = manifest.kind != ManifestKind::Pyproject && !manifest.kind.is_lock();
                if other && pins.others.len() < 2 && !pins.others.contains(&path) {
                    pins.others.push(path);
                }
                if manifest.kind == ManifestKind::Constraints {
                    out.constraints.entry(path.top()).or_default().insert(&c.name);
                }
            }
            for include in &manifest.includes {
                let target = join(path.top(), &include.path).map(ArtifactPath::file);
                if let Some((target, _)) = target.and_then(|t| self.files.get_key_value(&t)) {
                    out.includes.entry(path.top()).or_default().push(target.top());
                    out.included.entry(target.top()).or_default().push(path.top());
                }
            }
        }
        out
    }
}

impl<'a> Settlement<'a> {
    /// Whether something else than this component's own line says which version gets installed.
    pub fn settles(&self, path: &'a ArtifactPath, component: &Component) -> bool {
        let Some(manifest) = self.project.files.get(path) else {
            return false;
        };
        let name = component.name.as_str();
        let locked_by = |kinds: &[ManifestKind]| {
            let mut above = self.locks_of(path);
            above.any(|found| kinds.iter().any(|k| found.contains(k)))
        };
        let here = self.pins.get(&(folder(path), name));
        match manifest.kind {
            ManifestKind::Pyproject if component.bucket == Bucket::Exact => ancestors(folder(path))
                .any(|above| self.pins.get(&(above, name)).is_some_and(|pins| pins.lock)),
            _ if component.bucket == Bucket::Exact => false,
            // Who builds a library lets others choose.
            ManifestKind::SetupCfg | ManifestKind::SetupPy => true,
            ManifestKind::Pipfile => locked_by(&[ManifestKind::PipfileLock]),
            ManifestKind::Script => {
                let lock = ArtifactPath::file(format!("{}.lock", path.top()));
                self.project.files.contains_key(&lock)
            }
            ManifestKind::CondaEnvironment => {
                locked_by(&[ManifestKind::CondaLock, ManifestKind::CondaExplicit])
            }
            ManifestKind::Pixi => locked_by(&[ManifestKind::PixiLock]),
            ManifestKind::Pyproject if component.ecosystem == Ecosystem::Conda => {
                locked_by(&[ManifestKind::PixiLock])
            }
            ManifestKind::Pyproject => {
                manifest.project.as_ref().is_some_and(|p| p.library)
                    || self.locks_of(path).next().is_some()
                    || here.is_some_and(|pins| pins.list)
            }
            ManifestKind::Requirements => {
                let beside = here.is_some_and(|pins| pins.others.iter().any(|p| *p != path));
                beside || self.constrained(path.top(), name)
            }
            _ => true,
        }
    }

    /// The locks beside a file, and in the folders above it, as workspaces have it.
    fn locks_of(&self, path: &'a ArtifactPath) -> impl Iterator<Item = &BTreeSet<ManifestKind>> {
        ancestors(folder(path)).filter_map(|above| self.locks.get(above))
    }

    /// Whether a constraint holds for a package of a list: one that it includes, or one that is included beside it.
    fn constrained(&self, list: &'a str, name: &str) -> bool {
        // Who includes what is only worth finding out where a constraint could be included.
        if self.constraints.is_empty() {
            return false;
        }
        let mut held = self.held.borrow_mut();
        let (known, left) = &mut *held;
        let files = known.entry(list).or_insert_with(|| {
            let roots = walk(&self.included, BTreeSet::from([list]), left);
            let all = walk(&self.includes, roots, left);
            all.into_iter()
                .filter(|f| self.constraints.contains_key(f))
                .collect()
        });
        let pins = |file: &&str| {
            self.constraints
                .get(file)
                .is_some_and(|names| names.contains(name))
        };
        files.iter().any(pins)
    }
}

/// All that is reached from some, those included; nothing once too many steps were taken.
fn walk<'a>(
    edges: &BTreeMap<&'a str, Vec<&'a str>>,
    from: BTreeSet<&'a str>,
    left: &mut usize,
) -> BTreeSet<&'a str> {
    let mut waiting: Vec<&str> = from.iter().copied().collect();
    let mut seen = from;
    while let Some(at) = waiting.pop() {
        for next in edges.get(at).into_iter().flatten() {
            let Some(rest) = left.checked_sub(1) else {
                return BTreeSet::new();
            };
            *left = rest;
            if seen.insert(next) {
                waiting.push(next);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_above_end_at_the_root() {
        let all: Vec<&str> = ancestors("a/b/c").collect();
        assert_eq!(all, ["a/b/c", "a/b", "a", ""]);
        assert_eq!(ancestors("").count(), 1);
    }
}
