//! Locks of the same run against what is installed.

use super::Gather;
use crate::{artifact::FileResult, facts::Fact};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Bucket, Component, Ecosystem, Outcome, Source, code};
use wellhead_packages::{
    Manifest, ManifestKind, PyVersion,
    installed::{DirectUrl, MarkerValues, Origin},
    is_commit,
};
use wellhead_rules::environment::{Distribution, Kind, LockDrift};

/// What environments have before anything is locked.
const SEEDS: [&str; 6] = ["pip", "setuptools", "wheel", "uv", "distribute", "pkg-resources"];

/// A lock with what of it the environment would have.
struct Lock<'a> {
    path: &'a ArtifactPath,
    manifest: &'a Manifest,
    /// Whether somebody named it as the lock of this environment.
    named: bool,
}

impl Gather<'_, '_> {
    pub(super) fn drift(&mut self, others: &[FileResult]) {
        let values = self.values();
        let manifests = others.iter().flat_map(|r| &r.facts).filter_map(|f| match f {
            Fact::Manifest(path, manifest) => Some((path, &**manifest)),
            _ => None,
        });
        let named = |path: &ArtifactPath| self.options.locks.contains(&path.to_string());
        let locks: Vec<Lock<'_>> = manifests
            .map(|(path, manifest)| Lock {
                path,
                manifest,
                named: named(path),
            })
            .filter(|lock| locks(lock.manifest, lock.named))
            .collect();
        let pinned: Vec<(usize, Origin)> = self
            .installed
            .iter()
            .enumerate()
            .filter_map(|(at, one)| Some((at, settled(&locks, &one.facts)?)))
            .collect();
        let useless = self.options.locks.iter().filter(|name| {
            let is = |lock: &Lock<'_>| lock.path.to_string() == **name;
            !locks.iter().any(is)
        });
        let useless: Vec<String> = useless.cloned().collect();
        // What one lock does not know another one of the same project may have brought.
        let known: BTreeSet<&str> = locks.iter().flat_map(|lock| names(lock.manifest)).collect();
        let drifts = locks.iter().map(|lock| self.compared(lock, &values));
        let mut drifts: Vec<LockDrift> = drifts.collect();
        // A project has locks for its developers beside that of what runs; one that fits is the one that was used.
        let fits = |drift: &LockDrift| drift.missing.is_empty() && drift.other_version.is_empty();
        if drifts.iter().any(fits) {
            for (drift, _) in drifts.iter_mut().zip(&locks).filter(|(_, lock)| !lock.named) {
                drift.missing.clear();
            }
        }
        let whole = !locks.is_empty() && locks.iter().all(|lock| is_whole(lock.manifest));
        if let Some(first) = drifts.first_mut().filter(|_| whole) {
            first.extra = self.extra(&known, &locks);
        }
        self.environment.locks = drifts;
        for (at, origin) in pinned {
            let one = self.installed.get_mut(at);
            if let Some(direct) = one.and_then(|one| one.facts.direct_url.as_mut()) {
                direct.origin = origin;
            }
        }
        for name in useless {
            let why =
                "it was named as a lock, and no package of it has an exact version: nothing was compared"
                    .to_owned();
            self.cover(ArtifactPath::file(name), Outcome::NotAnalysed { why });
        }
    }

    fn compared(&self, lock: &Lock<'_>, values: &MarkerValues) -> LockDrift {
        let Lock { path, manifest, .. } = *lock;
        let mut drift = LockDrift {
            lock: Some(path.clone()),
            ..LockDrift::default()
        };
        let installed: BTreeMap<&str, &super::Installed> = self
            .installed
            .iter()
            .filter(|one| !one.conda)
            .map(|one| (one.facts.name.as_str(), one))
            .collect();
        let own = own(manifest);
        // A lock may name a package once for each system; one that fits is enough.
        let mut rows: BTreeMap<&str, Vec<&Component>> = BTreeMap::new();
        for component in manifest
            .components
            .iter()
            .filter(|c| c.ecosystem == Ecosystem::PyPI)
        {
            let applies = component
                .marker
                .as_deref()
                .map_or(Some(true), |m| values.holds(m));
            if applies != Some(false) && !own.contains(component.name.as_str()) {
                rows.entry(&component.name).or_default().push(component);
            }
        }
        for (name, rows) in rows {
            let Some(first) = rows.first() else { continue };
            let Some(one) = installed.get(name) else {
                // Other locks name what groups and extras bring; in these that is what a marker says.
                let complete = matches!(manifest.kind, ManifestKind::Requirements | ManifestKind::Pylock);
                let certain = |c: &&Component| {
                    let holds = c.marker.as_deref().map_or(Some(true), |m| values.holds(m));
                    holds == Some(true) && !matches!(c.source, Source::Path { .. })
                };
                if complete && rows.iter().any(certain) && !SEEDS.contains(&name) {
                    drift
                        .missing
                        .push((first.written.clone(), first.declared.clone()));
                }
                continue;
            };
            let version = one.facts.version.clone().unwrap_or_default();
            let same = |locked: &&str| same_version(locked, &version);
            let versions: Vec<&str> = rows.iter().filter_map(|c| c.version.as_deref()).collect();
            if !versions.is_empty() && !versions.iter().any(same) {
                let locked = versions.join(" or ");
                drift
                    .other_version
                    .push((first.written.clone(), locked, version, first.declared.clone()));
            }
            if let Some((locked, given)) = other_source(&rows, one.facts.direct_url.as_ref()) {
                drift
                    .other_source
                    .push((first.written.clone(), locked, given, first.declared.clone()));
            }
        }
        drift
    }

    /// What is installed and in none of the locks.
    fn extra(&self, known: &BTreeSet<&str>, locks: &[Lock<'_>]) -> Vec<(String, ArtifactPath)> {
        if self.environment.kind != Kind::Virtual {
            return Vec::new();
        }
        let own: BTreeSet<&str> = locks.iter().flat_map(|lock| own(lock.manifest)).collect();
        let mut extra = Vec::new();
        for facts in self
            .installed
            .iter()
            .filter(|one| !one.conda)
            .map(|one| &one.facts)
        {
            let name = facts.name.as_str();
            let local = facts
                .direct_url
                .as_ref()
                .is_some_and(|d| d.url.starts_with("file:"));
            if !known.contains(name) && !SEEDS.contains(&name) && !local && !own.contains(name) {
                extra.push((facts.written.clone(), facts.info.clone()));
            }
        }
        extra
    }
}

/// Where a package came from, as the lock settles it that says what the next installation gets: clients write neither
/// digest nor commit beside what they installed where the lock holds them.
fn settled(locks: &[Lock<'_>], facts: &Distribution) -> Option<Origin> {
    let direct = facts.direct_url.as_ref()?;
    let mut rows = locks.iter().flat_map(|lock| &lock.manifest.components);
    let pins = |c: &&Component| {
        let exact = match &c.source {
            Source::Url { url } => same_address(url, &direct.url) && !c.hashes.is_empty(),
            Source::Vcs { revision, .. } => revision.as_deref().is_some_and(is_commit),
            Source::Registry { .. } | Source::Path { .. } => false,
        };
        c.ecosystem == Ecosystem::PyPI && c.name == facts.name && exact
    };
    let pinned = rows.any(|c| pins(&c));
    match &direct.origin {
        Origin::Archive { hashed: false } if pinned => Some(Origin::Archive { hashed: true }),
        Origin::Vcs {
            commit: Some(commit), ..
        } if pinned => Some(Origin::Vcs {
            commit: Some(commit.clone()),
            requested: None,
        }),
        _ => None,
    }
}

/// The packages of PyPI that a manifest names.
fn names(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let all = manifest.components.iter();
    all.filter(|c| c.ecosystem == Ecosystem::PyPI)
        .map(|c| c.name.as_str())
}

/// The project itself, with the members of its workspace.
fn own(manifest: &Manifest) -> BTreeSet<&str> {
    let project = manifest.project.iter();
    project
        .flat_map(|p| p.name.iter().chain(&p.members))
        .map(String::as_str)
        .collect()
}

/// Whether a manifest names all that gets installed: requirements without hashes often name only what the project
/// itself asks for.
fn is_whole(manifest: &Manifest) -> bool {
    let hashed = |c: &Component| !c.hashes.is_empty() || !matches!(c.source, Source::Registry { .. });
    manifest.kind.is_lock()
        || (manifest.components.iter().any(|c| !c.hashes.is_empty())
            && manifest.components.iter().all(hashed))
}

/// Where the rows say that a package comes from, and where it came from, if that is elsewhere.
fn other_source(rows: &[&Component], direct: Option<&DirectUrl>) -> Option<(String, String)> {
    let given = direct.map_or_else(|| "an index".to_owned(), |d| code(&d.url));
    let mut wanted = None;
    for row in rows {
        let (fits, shown) = match (&row.source, direct) {
            (Source::Registry { .. }, None) => return None,
            (Source::Registry { .. }, Some(_)) => (false, "an index".to_owned()),
            // A folder or a file of the project may be built before it is installed.
            (Source::Path { .. }, _) => return None,
            (Source::Url { url }, Some(direct)) => (same_address(url, &direct.url), code(url)),
            (Source::Url { url }, None) => (false, code(url)),
            (Source::Vcs { url, revision }, Some(direct)) => {
                let commit = match &direct.origin {
                    Origin::Vcs { commit, .. } => commit.as_deref(),
                    Origin::Folder { .. } | Origin::Archive { .. } | Origin::Unknown => None,
                };
                let revision = revision.as_deref().filter(|r| is_commit(r));
                let fits = match (revision, commit) {
                    (Some(wanted), Some(commit)) => wanted.eq_ignore_ascii_case(commit),
                    (None, Some(_)) => true,
                    (_, None) => false,
                };
                let at = revision.map_or_else(String::new, |r| format!("@{r}"));
                (fits, code(&format!("{url}{at}")))
            }
            (Source::Vcs { url, .. }, None) => (false, code(url)),
        };
        if fits {
            return None;
        }
        wanted.get_or_insert(shown);
    }
    let commit = direct.and_then(|d| match &d.origin {
        Origin::Vcs { commit, .. } => commit.clone(),
        Origin::Folder { .. } | Origin::Archive { .. } | Origin::Unknown => None,
    });
    let given = match (commit, direct) {
        (Some(commit), Some(direct)) => code(&format!("{}@{commit}", direct.url)),
        _ => given,
    };
    Some((wanted?, given))
}

/// Whether two addresses name one file; what only the client of one wrote down does not count.
fn same_address(a: &str, b: &str) -> bool {
    let bare = |url: &str| {
        let url = url.split(['#', '?']).next().unwrap_or_default();
        url.replace("%2B", "+")
            .replace("%2b", "+")
            .trim_end_matches('/')
            .to_owned()
    };
    bare(a) == bare(b)
}

/// Whether a file says exactly what is to be installed: a lock, or requirements of which none is a range. What was
/// named as a lock counts as far as it is exact.
fn locks(manifest: &Manifest, named: bool) -> bool {
    let exact = || manifest.components.iter().any(|c| c.bucket == Bucket::Exact);
    let ranges = || manifest.components.iter().any(|c| c.bucket == Bucket::Unpinned);
    let requirements = manifest.kind == ManifestKind::Requirements && exact() && (named || !ranges());
    (manifest.kind.is_lock() && !manifest.components.is_empty()) || requirements
}

/// Whether an installed version is the locked one: a lock without a local part admits any.
fn same_version(locked: &str, installed: &str) -> bool {
    if locked == installed {
        return true;
    }
    let (a, b) = (PyVersion::new(locked), PyVersion::new(installed));
    if locked.contains('+') {
        return a.raw().eq_ignore_ascii_case(b.raw());
    }
    match (a.public(), b.public()) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_core::{ComponentKind, Location};

    #[test]
    fn packages_come_from_where_the_lock_says() {
        let registry = || Source::Registry { url: None };
        let vcs = |revision: &str| Source::Vcs {
            url: "https://git.example/a".to_owned(),
            revision: Some(revision.to_owned()),
        };
        let url = |url: &str| Source::Url { url: url.to_owned() };
        let (one, two) = ("1".repeat(40), "2".repeat(40));
        let direct = |url: &str, origin| {
            Some(DirectUrl {
                url: url.to_owned(),
                credentials: false,
                origin,
            })
        };
        let at_commit = |commit: &str| {
            let commit = Some(commit.to_owned());
            direct(
                "https://git.example/a",
                Origin::Vcs {
                    commit,
                    requested: None,
                },
            )
        };
        let archive = |at: &str| direct(at, Origin::Archive { hashed: true });
        for (sources, installed, fits) in [
            (vec![registry()], None, true),
            (vec![registry()], archive("https://f.example/a.whl"), false),
            (vec![registry(), url("https://f.example/a.whl")], None, true),
            (vec![url("https://f.example/a.whl")], None, false),
            (
                vec![url("https://f.example/a.whl")],
                archive("https://f.example/a.whl#sha256=0"),
                true,
            ),
            (
                vec![url("https://f.example/a.whl")],
                archive("https://g.example/a.whl"),
                false,
            ),
            (vec![vcs(&one)], at_commit(&one), true),
            (vec![vcs(&one)], at_commit(&two), false),
            (vec![vcs(&one)], None, false),
            (vec![vcs("main")], at_commit(&two), true),
        ] {
            let artifact = ArtifactPath::file("lock");
            let rows: Vec<Component> = sources
                .iter()
                .map(|source| Component {
                    kind: ComponentKind::Library,
                    ecosystem: Ecosystem::PyPI,
                    name: "a".to_owned(),
                    written: "a".to_owned(),
                    version: Some("1".to_owned()),
                    specifier: None,
                    marker: None,
                    hashes: Vec::new(),
                    source: source.clone(),
                    bucket: Bucket::Exact,
                    direct: None,
                    via: Vec::new(),
                    declared: Location::whole(&artifact, ""),
                })
                .collect();
            let rows: Vec<&Component> = rows.iter().collect();
            let other = other_source(&rows, installed.as_ref());
            assert_eq!(other.is_none(), fits, "{sources:?} {installed:?} {other:?}");
        }
    }
}
