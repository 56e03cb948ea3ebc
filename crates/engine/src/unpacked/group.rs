//! Which files of a target are one package, by their names and by the records among them.
//!
//! A file belongs to the innermost folder that Python imports installed packages from, else to what a project vendors,
//! else to its project, else to the folder from which it would be imported. The one decision: a folder that is itself a
//! package is no project of its own, so that nobody cuts a package in two by laying a `setup.py` into it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Budget};
use wellhead_formats::Format;
use wellhead_packages::installed::read_record;

/// Folders in which projects keep the packages of others.
const VENDORED: [&str; 14] = [
    "_vendor",
    "_vendored",
    "_vendored_packages",
    "_thirdparty",
    "_third_party",
    "vendor",
    "vendored",
    "vendors",
    "third_party",
    "thirdparty",
    "third-party",
    "3rdparty",
    "extern",
    "externals",
];
/// Folders that Python imports installed packages from.
const SITES: [&str; 2] = ["site-packages", "dist-packages"];
/// Files that make a folder a project.
const MARKS: [&str; 3] = ["setup.py", "pyproject.toml", "setup.cfg"];

/// A file of the target.
#[derive(Clone, Debug)]
pub(crate) struct Lying {
    /// Its path in the target.
    pub(crate) path: String,
    pub(crate) artifact: ArtifactPath,
    pub(crate) format: Option<&'static Format>,
    /// Its place in the listing.
    pub(crate) at: usize,
}

/// What a group of files is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Is {
    /// A project that somebody works on.
    Project,
    /// What a project keeps of others.
    Vendored,
    /// What was installed.
    Installed,
    /// The same in an environment, where what runs at every start is judged by itself.
    Environment,
    /// Files that no project holds.
    Scripts,
    /// A file that somebody named outright.
    Named,
}

/// Files that are judged together.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) is: Is,
    /// The folder that the paths of its members start at, with its slash.
    pub(crate) root: String,
    /// What to call it where the folder says too little.
    name: String,
    pub(crate) files: Vec<Lying>,
}

impl Group {
    /// A package of an environment, below the folder that Python imports it from.
    pub(crate) fn of_environment(site: String, name: String, files: Vec<Lying>) -> Self {
        Self {
            is: Is::Environment,
            root: site,
            name,
            files,
        }
    }

    /// What of the group decides how it is judged, beside its files.
    pub(crate) fn told(&self) -> String {
        format!("{:?} {:?} {:?}", self.is, self.root, self.name)
    }

    /// The group in words.
    pub(super) fn shown(&self) -> String {
        let path = format!("{}{}", self.root, self.name);
        match path.trim_end_matches('/') {
            "" => ".".to_owned(),
            path => path.to_owned(),
        }
    }

    /// The place that stands for all of it: what makes it a package, else its first file.
    pub(super) fn artifact(&self) -> ArtifactPath {
        let marks = MARKS.iter().map(|mark| format!("{}{mark}", self.root));
        let marked = marks
            .into_iter()
            .find_map(|mark| self.files.iter().find(|f| f.path == mark));
        let first = marked.or_else(|| self.files.first());
        first.map_or_else(|| ArtifactPath::file(self.shown()), |f| f.artifact.clone())
    }
}

/// Sorts files, which are in the order of their paths, into groups. `record` reads the text of one.
pub(super) fn of_listing(
    files: Vec<Lying>,
    asked: &BTreeSet<String>,
    record: &dyn Fn(&Lying) -> Option<Arc<str>>,
) -> Vec<Group> {
    let map = Map::of(&files, record);
    let mut groups: BTreeMap<(String, Is, String), Vec<Lying>> = BTreeMap::new();
    for file in files {
        let key = map.key(&file, asked);
        groups.entry(key).or_default().push(file);
    }
    groups
        .into_iter()
        .map(|((root, is, name), files)| Group {
            is,
            root,
            name,
            files,
        })
        .collect()
}

/// What names tell of the folders of a target; every folder with its slash, the target itself empty.
#[derive(Debug, Default)]
struct Map {
    /// Folders that are packages.
    packages: BTreeSet<String>,
    sites: BTreeSet<String>,
    projects: BTreeSet<String>,
    /// The installed package that a file belongs to by its record.
    owners: BTreeMap<String, String>,
}

impl Map {
    fn of(files: &[Lying], record: &dyn Fn(&Lying) -> Option<Arc<str>>) -> Self {
        let mut map = Self::default();
        for file in files {
            let (folder, name) = split(&file.path);
            if name == "__init__.py" {
                map.packages.insert(folder.to_owned());
            }
            if let Some((site, _)) = info(folder)
                && matches!(name, "METADATA" | "RECORD" | "WHEEL")
            {
                map.sites.insert(site.to_owned());
            }
            for above in above(folder).filter(|f| is_site(f)) {
                map.sites.insert(above.to_owned());
            }
        }
        for file in files {
            let (folder, name) = split(&file.path);
            if !MARKS.contains(&name) {
                continue;
            }
            if is_site(folder) {
                continue;
            }
            // A package with its own builder in it is still a package; at the top of the target it is all there is.
            if folder.is_empty() || !map.packages.contains(folder) {
                map.projects.insert(folder.to_owned());
            }
        }
        let (sites, projects) = (&map.sites, &map.projects);
        let kept: BTreeSet<String> = projects
            .iter()
            .filter(|p| above(p).all(|folder| folder == p.as_str() || !sites.contains(folder)))
            .cloned()
            .collect();
        map.projects = kept;
        for project in &map.projects {
            map.sites.remove(project);
        }
        for file in files {
            let (folder, name) = split(&file.path);
            let Some((site, own)) = info(folder).filter(|(site, _)| map.sites.contains(*site)) else {
                continue;
            };
            map.owners.insert(file.path.clone(), own.to_owned());
            if name == "RECORD"
                && let Some(text) = record(file)
            {
                for row in read_record(&text, &mut Budget::default()).rows {
                    if !row.path.starts_with(['/', '.']) {
                        map.owners.insert(format!("{site}{}", row.path), own.to_owned());
                    }
                }
            }
        }
        map
    }

    fn key(&self, file: &Lying, asked: &BTreeSet<String>) -> (String, Is, String) {
        let path = file.path.as_str();
        let (folder, name) = split(path);
        if asked.contains(path) {
            return (folder.to_owned(), Is::Named, name.to_owned());
        }
        let innermost = |set: &BTreeSet<String>| above(folder).find(|f| set.contains(*f)).map(str::to_owned);
        if name.ends_with(".ipynb") {
            return (folder.to_owned(), Is::Scripts, name.to_owned());
        }
        let (site, project) = (innermost(&self.sites), innermost(&self.projects));
        if let Some(site) = site
            && project.as_ref().is_none_or(|p| site.len() >= p.len())
        {
            let below = path.get(site.len()..).unwrap_or_default();
            let own = self.owners.get(path).cloned();
            let top = below.split_once('/').map_or("", |(top, _)| top);
            return (site, Is::Installed, own.unwrap_or_else(|| top.to_owned()));
        }
        let base = project.clone().unwrap_or_default();
        if let Some(vendor) = vendored(&base, folder) {
            return (self.import_root(vendor, folder), Is::Vendored, String::new());
        }
        match project {
            Some(project) => (project, Is::Project, String::new()),
            None => (self.import_root("", folder), Is::Scripts, String::new()),
        }
    }

    /// The folder from which a file of `folder` would be imported, at or below `base`.
    fn import_root(&self, base: &str, folder: &str) -> String {
        let mut root = folder;
        for above in above(folder) {
            let inside = above.len() > base.len() && self.packages.contains(above);
            if !inside {
                break;
            }
            root = parent(above);
        }
        root.to_owned()
    }
}

/// The folder in which a project keeps packages of others, on the way from `base` to `folder`.
fn vendored<'a>(base: &str, folder: &'a str) -> Option<&'a str> {
    let mut at = base.len();
    for part in folder.get(base.len()..)?.split_inclusive('/') {
        at = at.saturating_add(part.len());
        if VENDORED.contains(&part.trim_end_matches('/')) {
            return folder.get(..at);
        }
    }
    None
}

/// The folder of a path with its slash, and the name.
fn split(path: &str) -> (&str, &str) {
    match path.rfind('/') {
        Some(at) => path.split_at(at.saturating_add(1)),
        None => ("", path),
    }
}

/// The folder round a folder.
fn parent(folder: &str) -> &str {
    split(folder.trim_end_matches('/')).0
}

/// A folder and all round it, the innermost first.
fn above(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |f| (!f.is_empty()).then(|| parent(f)))
}

/// Whether a folder is, by its name, one that Python imports installed packages from.
fn is_site(folder: &str) -> bool {
    let name = split(folder.trim_end_matches('/')).1;
    SITES.contains(&name) || name.ends_with(".egg")
}

/// The folder round a folder of metadata, and the name of that.
fn info(folder: &str) -> Option<(&str, &str)> {
    let own = folder.trim_end_matches('/');
    let (site, name) = split(own);
    name.ends_with(".dist-info").then_some((site, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(paths: &[&str], asked: &[&str]) -> Vec<String> {
        let mut files: Vec<Lying> = paths
            .iter()
            .map(|path| Lying {
                path: (*path).to_owned(),
                artifact: ArtifactPath::file(*path),
                format: None,
                at: 0,
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let asked = asked.iter().map(|a| (*a).to_owned()).collect();
        let record = |f: &Lying| {
            f.path
                .ends_with("RECORD")
                .then(|| Arc::from("acme/x.py,,\n../../bin/t,,\n"))
        };
        of_listing(files, &asked, &record)
            .into_iter()
            .map(|g| {
                let files: Vec<&str> = g
                    .files
                    .iter()
                    .filter_map(|f| f.path.get(g.root.len()..))
                    .collect();
                format!("{:?} {}: {}", g.is, g.shown(), files.join(" "))
            })
            .collect()
    }

    #[test]
    fn files_belong_to_their_project_and_what_it_vendors_is_apart() {
        assert_eq!(
            groups(
                &[
                    "setup.py",
                    "src/acme/__init__.py",
                    "src/acme/_vendor/__init__.py",
                    "src/acme/_vendor/six.py",
                    "src/acme/_vendor/req/__init__.py",
                    "src/acme/_vendor/req/api.py",
                    "vendor/thing-1.0/thing/__init__.py",
                    "packages/b/pyproject.toml",
                    "packages/b/b/__init__.py",
                    "packages/b/b/setup.py",
                    "notes.ipynb",
                ],
                &[]
            ),
            [
                "Project .: setup.py src/acme/__init__.py",
                "Scripts notes.ipynb: notes.ipynb",
                "Project packages/b: b/__init__.py b/setup.py pyproject.toml",
                "Vendored src/acme/_vendor: __init__.py req/__init__.py req/api.py six.py",
                "Vendored vendor/thing-1.0: thing/__init__.py",
            ]
        );
    }

    #[test]
    fn what_was_installed_is_one_package_for_each_record() {
        assert_eq!(
            groups(
                &[
                    "lib/site-packages/acme-1.0.dist-info/RECORD",
                    "lib/site-packages/acme-1.0.dist-info/METADATA",
                    "lib/site-packages/acme/x.py",
                    "lib/site-packages/other/y.py",
                    "lib/site-packages/other/setup.py",
                    "lib/site-packages/evil.pth",
                    "lib/site-packages/old-1.egg/old/__init__.py",
                ],
                &[]
            ),
            [
                "Installed lib/site-packages: evil.pth",
                "Installed lib/site-packages/acme-1.0.dist-info: acme-1.0.dist-info/METADATA acme-1.0.dist-info/RECORD acme/x.py",
                "Installed lib/site-packages/other: other/setup.py other/y.py",
                "Installed lib/site-packages/old-1.egg/old: old/__init__.py",
            ]
        );
    }

    #[test]
    fn what_no_project_holds_lies_where_it_is_imported_from() {
        assert_eq!(
            groups(
                &[
                    "a/b/__init__.py",
                    "a/b/c/__init__.py",
                    "a/b/c/d.py",
                    "a/run.py",
                    "x.py"
                ],
                &["x.py"]
            ),
            [
                "Named x.py: x.py",
                "Scripts a: b/__init__.py b/c/__init__.py b/c/d.py run.py",
            ]
        );
        // Nobody turns a project into something installed by laying a folder into it.
        assert_eq!(
            groups(&["setup.py", "x-1.dist-info/METADATA", "acme/__init__.py"], &[]),
            ["Project .: acme/__init__.py setup.py x-1.dist-info/METADATA"]
        );
    }
}
