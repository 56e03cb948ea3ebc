//! Files of one project that say different things about one package.
//!
//! What makes this hard is not finding two versions but knowing that two files speak of the same installation. Only
//! these pairs do: a declaration and the lock made from it, a list and the list compiled from it, a list and its
//! constraints, the main list of a folder and the lock beside it, two locks of one folder, and conda's and pip's half
//! of one environment. `requirements-gpu.txt`, `docs/requirements.txt`, a lock two folders up that does not know the
//! project: each is an installation of its own. Builds (`+cu121`) of one version are that version; and where markers
//! say when a line holds, it is enough that one of the lines of a package fits.

use crate::{
    conda_name::{CondaName, conda_name},
    includes::join,
    manifest::{Manifest, ManifestKind as Kind, Scope, specifiers},
    name::normalise,
    project::Project,
    version::{PyVersion, parse},
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Bucket, Component, Ecosystem, Location, Source};

/// In which way two files disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conflict {
    /// Both name a version, and they are not the same.
    Pins,
    /// One allows no version that the other has.
    Excluded,
    /// One asks for a package that the other does not have.
    Missing,
}

/// Two files that disagree about a package.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// In which way.
    pub conflict: Conflict,
    /// The package's name in its normal form.
    pub package: String,
    /// The name as it was written.
    pub written: String,
    /// What the first file says: a version or a specifier.
    pub wanted: String,
    /// The versions that the second file has; none where it lacks the package.
    pub found: Vec<String>,
    /// The line of the first file.
    pub at: Location,
    /// The line of the second, or the whole file.
    pub other: Location,
}

/// The components of a file, or of a part of it, by name.
type ByName<'a> = BTreeMap<&'a str, Vec<&'a Component>>;

impl Project {
    /// All disagreements, by place.
    pub fn disagreements(&self) -> Vec<Disagreement> {
        let mut folders: BTreeMap<&str, Vec<(&ArtifactPath, &Manifest)>> = BTreeMap::new();
        for (path, manifest) in self.files.iter().filter(|(p, _)| p.nesting() == 0) {
            folders.entry(folder(path)).or_default().push((path, manifest));
        }
        let mut pairs = Pairs {
            files: &self.files,
            folders,
            found: Vec::new(),
            left: MAX_COMPARED,
        };
        for (path, manifest) in self.files.iter().filter(|(p, _)| p.nesting() == 0) {
            pairs.of(path, manifest);
        }
        let mut found = pairs.found;
        found.sort_by(|a, b| {
            let key = |d: &Disagreement| {
                (
                    d.at.artifact.clone(),
                    d.at.offset(),
                    d.package.clone(),
                    d.other.artifact.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
        found.dedup();
        found
    }
}

struct Pairs<'a> {
    files: &'a BTreeMap<ArtifactPath, Manifest>,
    folders: BTreeMap<&'a str, Vec<(&'a ArtifactPath, &'a Manifest)>>,
    found: Vec<Disagreement>,
    /// How many components of included files may still be compared.
    left: usize,
}

/// A file with the part of it that is compared.
#[derive(Clone)]
struct Side<'a> {
    path: &'a ArtifactPath,
    names: ByName<'a>,
}

impl<'a> Pairs<'a> {
    fn of(&mut self, path: &'a ArtifactPath, manifest: &'a Manifest) {
        match manifest.kind {
            Kind::Pyproject => self.pyproject(path, manifest),
            Kind::Requirements => self.requirements(path, manifest),
            Kind::Pipfile => {
                let declared = side(path, manifest, |s| s != Scope::Replacing);
                for (lock, m) in self.beside(path, |k, _| k == Kind::PipfileLock) {
                    self.declared_and_locked(&declared, &side(lock, m, any), m);
                }
            }
            Kind::Pixi => self.pixi(path, manifest),
            Kind::Script => {
                let declared = side(path, manifest, Scope::is_installed);
                let lock = ArtifactPath::file(format!("{}.lock", path.top()));
                if let Some((lock, m)) = self.files.get_key_value(&lock) {
                    self.declared_and_locked(&declared, &side(lock, m, any), m);
                }
            }
            Kind::CondaEnvironment => self.environment(path, manifest),
            kind if is_python_lock(kind, path) => self.locks(path, manifest),
            _ => {}
        }
    }

    /// Files of the same folder.
    fn beside(
        &self,
        path: &ArtifactPath,
        wanted: impl Fn(Kind, &ArtifactPath) -> bool,
    ) -> Vec<(&'a ArtifactPath, &'a Manifest)> {
        let files = self.folders.get(folder(path)).into_iter().flatten();
        files.filter(|(p, m)| wanted(m.kind, p)).copied().collect()
    }

    fn pyproject(&mut self, path: &'a ArtifactPath, manifest: &'a Manifest) {
        let own = manifest.project.as_ref().and_then(|p| p.name.as_deref());
        // What is replaced on purpose says nothing of what was declared.
        let replaced = side(path, manifest, |s| s == Scope::Replacing).names;
        let part = |wanted: fn(Scope) -> bool| {
            let mut part = side(path, manifest, wanted);
            part.names
                .retain(|name, _| Some(*name) != own && !replaced.contains_key(name));
            part
        };
        let all = part(Scope::is_installed);
        let main = part(|s| s == Scope::Main);
        for (lock, m) in self.beside(path, is_python_lock) {
            let members = m
                .project
                .as_ref()
                .map(|p| p.members.as_slice())
                .unwrap_or_default();
            let knows = members.is_empty() || own.is_none_or(|own| members.iter().any(|n| n == own));
            if knows {
                // An export holds what was asked to be exported.
                let compared = if m.kind == Kind::Pylock { &main } else { &all };
                self.declared_and_locked(compared, &side(lock, m, any), m);
                self.missing(&main, &side(lock, m, any), m);
            }
        }
        if let Some((lock, m)) = self.workspace(path, own) {
            self.declared_and_locked(&all, &side(lock, m, any), m);
            self.missing(&main, &side(lock, m, any), m);
        }
        let main_list =
            |k: Kind, p: &ArtifactPath| k == Kind::Requirements && file_name(p) == "requirements.txt";
        for (list, m) in self.beside(path, main_list) {
            self.declared_and_pinned(&main, &side(list, m, any));
        }
        self.pixi(path, manifest);
    }

    /// The lock of the workspace that a project is a member of, in a folder above.
    fn workspace(&self, path: &ArtifactPath, own: Option<&str>) -> Option<(&'a ArtifactPath, &'a Manifest)> {
        let mut above = folder(path);
        let own = own?;
        while !above.is_empty() {
            above = above.rsplit_once('/').map_or("", |(up, _)| up);
            let name = if above.is_empty() {
                "uv.lock".to_owned()
            } else {
                format!("{above}/uv.lock")
            };
            if let Some((lock, m)) = self.files.get_key_value(&ArtifactPath::file(name)) {
                let members = m
                    .project
                    .as_ref()
                    .map(|p| p.members.as_slice())
                    .unwrap_or_default();
                return members.iter().any(|n| n == own).then_some((lock, m));
            }
        }
        None
    }

    fn pixi(&mut self, path: &'a ArtifactPath, manifest: &'a Manifest) {
        let wanted = |s: Scope| matches!(s, Scope::Pixi | Scope::PixiFeature) || manifest.kind == Kind::Pixi;
        let declared = side(path, manifest, wanted);
        let main = side(path, manifest, |s| s == Scope::Pixi);
        for (lock, m) in self.beside(path, |k, _| k == Kind::PixiLock) {
            for ecosystem in [Ecosystem::Conda, Ecosystem::PyPI] {
                let locked = only(&side(lock, m, any), ecosystem);
                self.declared_and_locked(&only(&declared, ecosystem), &locked, m);
                self.missing(&only(&main, ecosystem), &locked, m);
            }
        }
    }

    fn requirements(&mut self, path: &'a ArtifactPath, manifest: &'a Manifest) {
        let mine = side(path, manifest, any);
        if let Some(compiled) = path.top().strip_suffix(".in") {
            let compiled = ArtifactPath::file(format!("{compiled}.txt"));
            if let Some((list, m)) = self
                .files
                .get_key_value(&compiled)
                .filter(|(_, m)| m.kind == Kind::Requirements)
            {
                self.declared_and_pinned(&mine, &side(list, m, any));
                // Only a list that pins everything can be one that was compiled.
                if !m.components.is_empty() && m.components.iter().all(|c| c.bucket != Bucket::Unpinned) {
                    self.missing(&mine, &side(list, m, any), m);
                }
            }
        }
        if file_name(path) == "requirements.txt" {
            for (lock, m) in self.beside(path, is_python_lock) {
                self.declared_and_locked(&mine, &side(lock, m, any), m);
            }
        }
        self.twice(&mine);
        self.included(path, &mine);
    }

    /// A list with itself: pip refuses two pins of one package.
    fn twice(&mut self, side: &Side<'a>) {
        for pins in side.names.values() {
            let always: Vec<&Component> = pins
                .iter()
                .filter(|c| c.marker.is_none() && c.bucket == Bucket::Exact && is_registry(c))
                .copied()
                .collect();
            let Some((first, rest)) = always.split_first() else {
                continue;
            };
            if let Some(other) = rest.iter().find(|c| !same_version(first, c)) {
                self.push(Conflict::Pins, first, &[other], &other.declared);
            }
        }
    }

    /// A list with those that it names, which are installed with it, and with its constraints.
    fn included(&mut self, path: &'a ArtifactPath, mine: &Side<'a>) {
        let mut seen = BTreeSet::from([path]);
        let mut said: BTreeSet<String> = BTreeSet::new();
        let mut waiting: Vec<&ArtifactPath> = vec![path];
        while let Some(at) = waiting.pop() {
            let Some(manifest) = self.files.get(at) else {
                continue;
            };
            for include in &manifest.includes {
                if seen.len() > MAX_INCLUDES {
                    return;
                }
                let Some(target) = join(at.top(), &include.path).map(ArtifactPath::file) else {
                    continue;
                };
                let Some((target, m)) = self.files.get_key_value(&target) else {
                    continue;
                };
                if !seen.insert(target) {
                    continue;
                }
                waiting.push(target);
                let Some(left) = self.left.checked_sub(m.components.len()) else {
                    return;
                };
                self.left = left;
                let before = self.found.len();
                self.declared_and_pinned(mine, &side(target, m, any));
                // A package is spoken of once for each list, however many of the files that it names differ.
                let more = self.found.split_off(before);
                let new = more.into_iter().filter(|d| said.insert(d.package.clone()));
                self.found.extend(new);
            }
        }
    }

    fn environment(&mut self, path: &'a ArtifactPath, manifest: &'a Manifest) {
        let both = side(path, manifest, any);
        let conda = only(&both, Ecosystem::Conda);
        let pip = only(&both, Ecosystem::PyPI);
        // pip installs over conda, whatever conda chose.
        self.pins(&conda, &pip);
        if !matches!(file_name(path), "environment.yml" | "environment.yaml") {
            return;
        }
        for (lock, m) in self.beside(path, |k, _| matches!(k, Kind::CondaLock | Kind::CondaExplicit)) {
            let locked = side(lock, m, any);
            self.declared_and_locked(&conda, &only(&locked, Ecosystem::Conda), m);
            self.declared_and_locked(&pip, &only(&locked, Ecosystem::PyPI), m);
        }
        let main_list =
            |k: Kind, p: &ArtifactPath| k == Kind::Requirements && file_name(p) == "requirements.txt";
        for (list, m) in self.beside(path, main_list) {
            self.pins(&both, &side(list, m, any));
        }
        for (project, m) in self.beside(path, |k, _| k == Kind::Pyproject) {
            self.pins(&both, &side(project, m, |s| s == Scope::Main));
        }
    }

    /// Two locks of one folder.
    fn locks(&mut self, path: &'a ArtifactPath, manifest: &'a Manifest) {
        let mine = side(path, manifest, any);
        for (lock, m) in self.beside(path, |k, p| {
            is_python_lock(k, p) && p > path && k != manifest.kind
        }) {
            self.pins(&mine, &side(lock, m, any));
        }
    }

    /// A declaration and the lock that was made from it: some locked version must be allowed.
    fn declared_and_locked(&mut self, declared: &Side<'a>, locked: &Side<'a>, lock: &Manifest) {
        // Of a file that was not read to its end nothing is known to be absent.
        if matches!(lock.outcome, wellhead_core::Outcome::NotAnalysed { .. }) {
            return;
        }
        self.declared_and_pinned(declared, locked);
    }

    fn declared_and_pinned(&mut self, declared: &Side<'a>, pinned: &Side<'a>) {
        for (name, wanted) in &declared.names {
            let Some(have) = pinned.names.get(name) else {
                continue;
            };
            let known = have.iter().all(|c| c.bucket == Bucket::Exact && is_registry(c));
            if !known || !wanted.iter().all(|c| is_registry(c)) {
                continue;
            }
            let fits = |w: &&&Component| have.iter().any(|h| admits(w, h));
            // Lines that hold at times only are for different times, as long as one of them fits.
            let always = wanted.iter().filter(|c| c.marker.is_none()).find(|w| !fits(w));
            let sometimes = have.iter().all(|h| h.marker.is_some());
            let never = || !sometimes && wanted.iter().all(|w| w.marker.is_some() && !fits(&w));
            let Some(first) = always.or_else(|| never().then(|| wanted.first()).flatten()) else {
                continue;
            };
            let conflict = match first.bucket {
                Bucket::Exact => Conflict::Pins,
                _ => Conflict::Excluded,
            };
            if let Some(other) = have.first() {
                self.push(conflict, first, have, &other.declared);
            }
        }
    }

    /// Both name versions, and none of them is the same.
    fn pins(&mut self, mine: &Side<'a>, others: &Side<'a>) {
        let exact = |all: &[&'a Component]| -> Vec<&'a Component> {
            let known = all.iter().filter(|c| c.bucket == Bucket::Exact && is_registry(c));
            known.copied().collect()
        };
        let mut theirs: BTreeMap<String, Vec<&'a Component>> = BTreeMap::new();
        for all in others.names.values() {
            for c in exact(all) {
                theirs.entry(python_name(c)).or_default().push(c);
            }
        }
        for all in mine.names.values() {
            let mine = exact(all);
            let Some(theirs) = mine.first().and_then(|c| theirs.get(&python_name(c))) else {
                continue;
            };
            let agree = mine.iter().any(|m| theirs.iter().any(|t| same_version(m, t)));
            if let (Some(first), Some(other), false) = (mine.first(), theirs.first(), agree) {
                self.push(Conflict::Pins, first, theirs, &other.declared);
            }
        }
    }

    /// What is asked for at all times must be locked.
    fn missing(&mut self, declared: &Side<'a>, locked: &Side<'a>, lock: &Manifest) {
        if lock.outcome != wellhead_core::Outcome::Analysed || !lock.problems.is_empty() {
            return;
        }
        let members = lock
            .project
            .as_ref()
            .map(|p| p.members.as_slice())
            .unwrap_or_default();
        for (name, wanted) in &declared.names {
            let always = wanted.iter().find(|c| c.marker.is_none() && is_registry(c));
            let known = locked.names.contains_key(name) || members.iter().any(|m| m == name);
            if let (Some(first), false) = (always, known) {
                let whole = Location::whole(locked.path, "does not have it");
                self.push(Conflict::Missing, first, &[], &whole);
            }
        }
    }

    fn push(&mut self, conflict: Conflict, first: &Component, have: &[&Component], other: &Location) {
        let mut found: Vec<String> = have.iter().filter_map(|c| c.version.clone()).collect();
        found.sort();
        found.dedup();
        let exact = first.version.clone().filter(|_| conflict == Conflict::Pins);
        let any = || "any version".to_owned();
        self.found.push(Disagreement {
            conflict,
            package: first.name.clone(),
            written: first.written.clone(),
            wanted: exact.or_else(|| first.specifier.clone()).unwrap_or_else(any),
            found,
            at: first.declared.clone(),
            other: other.clone(),
        });
    }
}

/// Most files that one list is followed into.
const MAX_INCLUDES: usize = 200;

/// Most components of included files that are compared in all lists together: thousands of files that include each other
/// are no project, and their circles are findings.
const MAX_COMPARED: usize = 1_000_000;

fn any(_: Scope) -> bool {
    true
}

/// The part of a file that is compared.
fn side<'a>(path: &'a ArtifactPath, manifest: &'a Manifest, wanted: impl Fn(Scope) -> bool) -> Side<'a> {
    let mut names: ByName<'a> = BTreeMap::new();
    for (i, component) in manifest.components.iter().enumerate() {
        if wanted(manifest.scope_of(i)) {
            names.entry(component.name.as_str()).or_default().push(component);
        }
    }
    Side { path, names }
}

/// The part of one ecosystem.
fn only<'a>(side: &Side<'a>, ecosystem: Ecosystem) -> Side<'a> {
    let mut out = side.clone();
    for all in out.names.values_mut() {
        all.retain(|c| c.ecosystem == ecosystem);
    }
    out.names.retain(|_, all| !all.is_empty());
    out
}

/// A lock of Python packages that covers its whole folder; `pylock.gpu.toml` covers what its name says.
fn is_python_lock(kind: Kind, path: &ArtifactPath) -> bool {
    match kind {
        Kind::Pylock => file_name(path) == "pylock.toml",
        Kind::UvLock => file_name(path) == "uv.lock",
        Kind::PoetryLock | Kind::PdmLock => true,
        _ => false,
    }
}

/// The name under which a package is known to pip: conda has `pytorch` for `torch`.
fn python_name(c: &Component) -> String {
    match (c.ecosystem, conda_name(&c.name)) {
        (Ecosystem::Conda, CondaName::Python { name, .. }) => normalise(&name),
        _ => normalise(&c.name),
    }
}

fn is_registry(c: &Component) -> bool {
    matches!(c.source, Source::Registry { .. })
}

/// Whether what is wanted allows the version that is there.
fn admits(wanted: &Component, have: &Component) -> bool {
    if wanted.bucket == Bucket::Exact {
        return same_version(wanted, have);
    }
    let written = wanted.specifier.as_deref().unwrap_or_default();
    match (specifiers(written), have.version.as_deref().and_then(parse)) {
        (Some(range), Some(version)) => range.contains(&version),
        // What is not understood is not held against anybody.
        _ => true,
    }
}

fn same_version(a: &Component, b: &Component) -> bool {
    match (&a.version, &b.version) {
        (Some(a), Some(b)) => PyVersion::new(a) == PyVersion::new(b),
        _ => true,
    }
}

fn folder(path: &ArtifactPath) -> &str {
    path.top().rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn file_name(path: &ArtifactPath) -> &str {
    let top = path.top();
    top.rsplit_once('/').map_or(top, |(_, name)| name)
}
