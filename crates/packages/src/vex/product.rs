//! Whether the package that a statement names is the one that a finding is about.

use super::vers::Vers;
use crate::{manifest::bom::purl::Purl, name::normalise, version::PyVersion, well_known};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{Component, Source};

/// A package as a statement names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexProduct {
    /// The package URL as it is written; hostile.
    pub written: String,
    purl: Named,
    /// What it is a part of, where that is a package as well.
    inside: Option<Named>,
    /// Versions to which the statement is limited; empty where the purl alone decides.
    versions: Vec<Versions>,
}

/// A version, or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    /// One.
    One(Stated),
    /// Those of a range.
    Range(Vers),
}

/// A version, prepared for being compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    version: PyVersion,
    local: Option<String>,
}

/// The name of a package in its ecosystem's normal form, and a version where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    kind: String,
    name: String,
    version: Option<Stated>,
    /// The index that it comes from, in a form that can be compared.
    index: Option<String>,
}

/// The package that a finding is about, in the project that it was found in.
#[derive(Debug)]
pub struct Meant<'p> {
    package: Named,
    project: &'p Inhabitants,
}

/// The packages that a project consists of.
#[derive(Debug, Default)]
pub struct Inhabitants {
    /// Its own names, with the versions that locks state of them.
    own: BTreeMap<String, Vec<Stated>>,
    packages: BTreeSet<(String, String)>,
    /// The versions in use, for messages.
    versions: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Inhabitants {
    /// What the project consists of, and the names by which it calls itself.
    pub fn new<'c>(components: &'c [Component], names: impl Iterator<Item = &'c str>) -> Self {
        let mut out = Self {
            own: names.map(|n| (normalise(n), Vec::new())).collect(),
            ..Self::default()
        };
        for c in components {
            let Some(named) = Purl::parse(&c.purl()).map(Named::of) else {
                continue;
            };
            let version = c.version.clone();
            match out.own.get_mut(&named.name) {
                Some(versions) if matches!(c.source, Source::Path { .. }) => versions.extend(named.version),
                _ => {
                    let key = (named.kind, named.name);
                    out.versions.entry(key.clone()).or_default().extend(version);
                    out.packages.insert(key);
                }
            }
        }
        out
    }
}

impl<'p> Meant<'p> {
    /// A component of a project.
    pub fn new(component: &Component, project: &'p Inhabitants) -> Option<Self> {
        let mut package = Named::of(Purl::parse(&component.purl())?);
        if let Source::Registry { url: Some(url) } = &component.source {
            package.index = Some(index(url));
        }
        Some(Self { package, project })
    }
}

impl VexProduct {
    /// A package URL and versions to which it is limited; `inside` is what it is a part of. `None` where the text is no
    /// package URL.
    pub(super) fn new(purl: &str, inside: Option<&str>, versions: Vec<Versions>) -> Option<Self> {
        Some(Self {
            written: purl.to_owned(),
            purl: Named::of(Purl::parse(purl)?),
            inside: inside.and_then(Purl::parse).map(Named::of),
            versions,
        })
    }

    /// Whether a package of a project is the one that is meant. A statement without a version speaks of all.
    pub fn is(&self, meant: &Meant<'_>) -> bool {
        let project = meant.project;
        // What holds inside of another package says nothing of the project, which may use the part otherwise.
        if self.inside.as_ref().is_some_and(|i| !i.may_be(project)) {
            return false;
        }
        if self.is_project(project) {
            return true;
        }
        let (own, found) = (&self.purl, &meant.package);
        let same = |stated: &Stated| found.version.as_ref().is_some_and(|used| stated.covers(used));
        own.kind == found.kind
            && own.name == found.name
            && own.version.as_ref().is_none_or(same)
            && own
                .index
                .as_ref()
                .is_none_or(|i| *i == found.index.clone().unwrap_or_else(public))
            && (self.versions.is_empty()
                || self.versions.iter().any(|v| match v {
                    Versions::One(stated) => same(stated),
                    Versions::Range(range) => {
                        found.version.as_ref().is_some_and(|v| range.contains(&v.version))
                    }
                }))
    }

    /// Whether it is the project as a whole.
    fn is_project(&self, project: &Inhabitants) -> bool {
        self.purl.kind == "pypi"
            && self.versions.is_empty()
            && project.own.contains_key(&self.purl.name)
            && self.purl.may_be(project)
    }

    /// The versions that the project has of the package that is named; `None` where it has no such package.
    pub fn in_use<'p>(&self, project: &'p Inhabitants) -> Option<&'p BTreeSet<String>> {
        if self.is_project(project) {
            return None;
        }
        let key = (self.purl.kind.clone(), self.purl.name.clone());
        project.versions.get(&key)
    }

    /// Whether it is the project as a whole, and no package in it.
    pub fn names_project(&self, project: &Inhabitants) -> bool {
        self.is_project(project)
    }

    /// The name of the package.
    pub fn name(&self) -> &str {
        &self.purl.name
    }
}

impl Stated {
    pub(super) fn new(text: &str) -> Self {
        let local = text
            .split_once('+')
            .map(|(_, l)| l.to_ascii_lowercase().replace(['-', '_'], "."));
        Self {
            version: PyVersion::new(text),
            local,
        }
    }

    /// Whether a version in use is this one; without a local part it speaks of every build of it.
    fn covers(&self, used: &Self) -> bool {
        self.version == used.version && (self.local.is_none() || self.local == used.local)
    }
}

impl Named {
    fn of(purl: Purl) -> Self {
        let name = match (purl.namespace.as_str(), purl.kind.as_str()) {
            ("", "pypi") => normalise(&purl.name),
            ("", _) => purl.name.to_lowercase(),
            (namespace, _) => format!("{namespace}/{}", purl.name).to_lowercase(),
        };
        Self {
            name,
            index: purl.qualifier("repository_url").map(index),
            version: purl.version.as_deref().map(Stated::new),
            kind: purl.kind,
        }
    }

    /// Whether it may be the project itself: one of its own names in its version where that is known, or at least none of the packages that
    /// it is made of.
    fn may_be(&self, project: &Inhabitants) -> bool {
        match project.own.get(&self.name).filter(|_| self.kind == "pypi") {
            Some(versions) => {
                let same = |stated: &Stated| versions.is_empty() || versions.iter().any(|v| stated.covers(v));
                self.version.as_ref().is_none_or(same)
            }
            None => !project.packages.contains(&(self.kind.clone(), self.name.clone())),
        }
    }
}

/// The address of an index without what differs between people who mean the same.
fn index(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    url.strip_suffix("/simple").unwrap_or(url).to_ascii_lowercase()
}

fn public() -> String {
    index(well_known::PYPI)
}
