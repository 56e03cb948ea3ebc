//! All manifests of a project together. Which file settles what another leaves open is in [`crate::settlement`], who could
//! supply what in [`crate::index`].

use crate::{
    includes::join,
    index::IndexSettings,
    manifest::{Manifest, ManifestKind},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};
use wellhead_core::ArtifactPath;

/// The manifests of a project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// Each file with what it declares.
    pub files: BTreeMap<ArtifactPath, Manifest>,
    /// Settings from elsewhere: variables of images and shells, options of commands.
    pub settings: Vec<IndexSettings>,
}

impl Project {
    /// A file and all that it includes.
    pub(crate) fn closure(&self, path: &ArtifactPath) -> BTreeSet<ArtifactPath> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![path.clone()];
        while let Some(at) = waiting.pop() {
            let Some(manifest) = self.files.get(&at).filter(|_| !seen.contains(&at)) else {
                continue;
            };
            let next = manifest.includes.iter().filter_map(|i| join(at.top(), &i.path));
            waiting.extend(next.map(ArtifactPath::file));
            seen.insert(at);
        }
        seen
    }
}

/// A file with what it declares.
pub(crate) type File<'a> = (&'a ArtifactPath, &'a Manifest);

/// A project with its files by folder and kind: what holds for a file lies beside it or above it, and a script may have
/// thousands of commands that each ask for it.
pub(crate) struct Folders<'a> {
    pub(crate) project: &'a Project,
    files: BTreeMap<&'a str, BTreeMap<ManifestKind, Vec<File<'a>>>>,
    locks: BTreeSet<&'a str>,
}

impl<'a> Folders<'a> {
    pub(crate) fn new(project: &'a Project) -> Self {
        let mut out = Self {
            project,
            files: BTreeMap::new(),
            locks: BTreeSet::new(),
        };
        for (path, manifest) in &project.files {
            // Commands configure nothing, and there may be very many.
            if manifest.kind == ManifestKind::Commands {
                continue;
            }
            let here = folder(path);
            let kinds = out.files.entry(here).or_default();
            kinds.entry(manifest.kind).or_default().push((path, manifest));
            if manifest.kind.is_lock() {
                out.locks.insert(here);
            }
        }
        out
    }

    /// The files of a kind in a folder, in their order.
    pub(crate) fn of(&self, here: &str, kind: ManifestKind) -> &[File<'a>] {
        let files = self.files.get(here).and_then(|kinds| kinds.get(&kind));
        files.map_or(&[], Vec::as_slice)
    }

    /// The files of a kind in a folder and in all below it, without a way through the others.
    pub(crate) fn below(&self, here: &str, kind: ManifestKind) -> impl Iterator<Item = File<'a>> {
        let prefix = if here.is_empty() {
            String::new()
        } else {
            format!("{here}/")
        };
        // The root begins its own range; a folder stands before what lies below it, and others may stand between.
        let own = if here.is_empty() { &[] } else { self.of(here, kind) };
        let from = (Bound::Included(prefix.as_str()), Bound::Unbounded);
        let deeper = self.files.range::<str, _>(from);
        let deeper = deeper
            .take_while(|(folder, _)| folder.starts_with(&prefix))
            .filter_map(|(_, kinds)| kinds.get(&kind))
            .flatten();
        let found: Vec<File<'a>> = own.iter().chain(deeper).copied().collect();
        found.into_iter()
    }

    /// Whether a lock lies beside a file, or in a folder above it, as workspaces have it.
    pub(crate) fn locked(&self, path: &ArtifactPath) -> bool {
        ancestors(folder(path)).any(|above| self.locks.contains(above))
    }
}

/// Whether a configuration file counts for a file: it lies in the same folder or above.
pub(crate) fn covers(config: &ArtifactPath, path: &ArtifactPath) -> bool {
    let (above, below) = (folder(config), folder(path));
    above.is_empty() || above == below || below.starts_with(&format!("{above}/"))
}

/// The folder of a file, without a slash at the end.
pub(crate) fn folder(path: &ArtifactPath) -> &str {
    path.top().rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A folder and those above it, the root of the target last.
pub(crate) fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |at| match at.rsplit_once('/') {
        Some((up, _)) => Some(up),
        None => (!at.is_empty()).then_some(""),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{identify_manifest, read_manifest};
    use wellhead_core::Budget;

    fn project(files: &[(&str, &str)]) -> Project {
        let read = |(name, text): &(&str, &str)| {
            let path = ArtifactPath::file(*name);
            let kind = identify_manifest(name, text).unwrap();
            let manifest = read_manifest(kind, &path, text, &mut Budget::default());
            assert!(manifest.problems.is_empty(), "{name}: {:?}", manifest.problems);
            (path, manifest)
        };
        Project {
            files: files.iter().map(read).collect(),
            settings: Vec::new(),
        }
    }

    #[test]
    fn what_lies_below_a_folder_is_what_it_covers() {
        let names = ["", "a/", "a/b/", "a-b/", "a.b/c/", "ab/", "b/"];
        let files: Vec<String> = names.iter().map(|n| format!("{n}requirements.txt")).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|f| (f.as_str(), "a==1\n")).collect();
        let p = project(&files);
        let folders = Folders::new(&p);
        for config in names.map(|n| ArtifactPath::file(format!("{n}pip.conf"))) {
            let below = folders.below(folder(&config), ManifestKind::Requirements);
            let got: BTreeSet<&ArtifactPath> = below.map(|(path, _)| path).collect();
            let all = p.files.keys().filter(|path| covers(&config, path));
            assert_eq!(got, all.collect(), "{config}");
        }
    }

    const LOCK: &str = "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\n";

    #[test]
    fn what_another_file_settles() {
        let settled = |files: &[(&str, &str)], path: &str| {
            let p = project(files);
            let path = ArtifactPath::file(path);
            let c = p.files[&path].components[0].clone();
            p.settlement().settles(&path, &c)
        };
        let app = "[project]\nname='app'\ndependencies=['a']\n";
        let library = "[project]\nname='lib'\ndependencies=['a']\n[build-system]\nrequires=[]\n";
        assert!(!settled(&[("pyproject.toml", app)], "pyproject.toml"));
        assert!(settled(&[("pyproject.toml", library)], "pyproject.toml"));
        assert!(settled(
            &[("x/pyproject.toml", app), ("uv.lock", LOCK)],
            "x/pyproject.toml"
        ));
        assert!(!settled(
            &[("pyproject.toml", app), ("y/uv.lock", LOCK)],
            "pyproject.toml"
        ));
        assert!(settled(
            &[("requirements.in", "a\n"), ("requirements.txt", "a==1\n")],
            "requirements.in"
        ));
        assert!(!settled(&[("requirements.txt", "a\n")], "requirements.txt"));
        let exact = "[project]\nname='app'\ndependencies=['a==2']\n";
        assert!(!settled(&[("pyproject.toml", exact)], "pyproject.toml"));
        assert!(settled(
            &[("pyproject.toml", exact), ("uv.lock", LOCK)],
            "pyproject.toml"
        ));
        assert!(!settled(
            &[("requirements.txt", "a==2\n"), ("uv.lock", LOCK)],
            "requirements.txt"
        ));
        assert!(settled(
            &[
                ("requirements.txt", "-c c/constraints.txt\na\n"),
                ("c/constraints.txt", "a==1\n")
            ],
            "requirements.txt"
        ));
    }
}
