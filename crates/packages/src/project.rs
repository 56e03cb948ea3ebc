//! All manifests of a project together: which file settles what another leaves open, and who could supply what.

use crate::{
    includes::join,
    index::{Address, IndexEntry, IndexRole, IndexSettings, Manager, Strategy},
    manifest::{Manifest, ManifestKind},
    well_known,
};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Bucket, Component, Ecosystem, Location, Source};

/// The manifests of a project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// Each file with what it declares.
    pub files: BTreeMap<ArtifactPath, Manifest>,
    /// Settings from elsewhere: variables of images and shells, options of commands.
    pub settings: Vec<IndexSettings>,
}

/// Who the two sources are that compete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rivalry {
    /// One of them is open to everybody, the other is private: whoever publishes the private names decides.
    PublicAndPrivate,
    /// Both are private, in different hands.
    TwoPrivate,
    /// The public index, and the wheels of a well-known project.
    PublicAndProject,
}

/// A configuration in which someone on another source could change what gets installed.
#[derive(Clone, Debug, PartialEq)]
pub struct Exposure {
    /// Whose way of choosing lets them.
    pub manager: Manager,
    /// Who competes.
    pub rivalry: Rivalry,
    /// The index that was added.
    pub added: Address,
    /// The one it competes with.
    pub other: Address,
    /// The packages that either could supply, sorted.
    pub packages: Vec<String>,
    /// How many of them have an exact version.
    pub exact: usize,
    /// Whether a lock says what gets installed until it is made anew.
    pub locked: bool,
    /// The lines that make it so.
    pub declared: Location,
}

impl Project {
    /// Whether something else than this component's own line says which version gets installed.
    pub fn settles(&self, path: &ArtifactPath, component: &Component) -> bool {
        let Some(manifest) = self.files.get(path) else {
            return false;
        };
        let pins = |m: &Manifest| {
            m.components
                .iter()
                .any(|c| c.name == component.name && c.bucket == Bucket::Exact)
        };
        let beside = || self.files.iter().filter(|(p, _)| folder(p) == folder(path));
        match manifest.kind {
            ManifestKind::Pyproject if component.bucket == Bucket::Exact => self.locks(path).any(pins),
            _ if component.bucket == Bucket::Exact => false,
            // Who builds a library lets others choose.
            ManifestKind::SetupCfg | ManifestKind::SetupPy => true,
            ManifestKind::Pipfile => self.locked_by(path, &[ManifestKind::PipfileLock]),
            ManifestKind::Script => {
                let lock = ArtifactPath::file(format!("{}.lock", path.top()));
                self.files.contains_key(&lock)
            }
            ManifestKind::CondaEnvironment => {
                self.locked_by(path, &[ManifestKind::CondaLock, ManifestKind::CondaExplicit])
            }
            ManifestKind::Pixi => self.locked_by(path, &[ManifestKind::PixiLock]),
            ManifestKind::Pyproject if component.ecosystem == Ecosystem::Conda => {
                self.locked_by(path, &[ManifestKind::PixiLock])
            }
            ManifestKind::Pyproject => {
                manifest.project.as_ref().is_some_and(|p| p.library)
                    || self.locked(path)
                    || beside().any(|(_, m)| m.kind == ManifestKind::Requirements && pins(m))
            }
            ManifestKind::Requirements => {
                let pinned_beside = beside().any(|(p, m)| {
                    p != path && m.kind != ManifestKind::Pyproject && !m.kind.is_lock() && pins(m)
                });
                let constraint = |m: &Manifest| m.kind == ManifestKind::Constraints && pins(m);
                // Who includes what is only worth finding out where a constraint could be included.
                if pinned_beside || !self.files.values().any(constraint) {
                    return pinned_beside;
                }
                let roots = self.files.keys().filter(|p| *p == path || self.reaches(p, path));
                let included: BTreeSet<ArtifactPath> = roots.flat_map(|p| self.closure(p)).collect();
                self.files
                    .iter()
                    .any(|(p, m)| included.contains(p) && constraint(m))
            }
            _ => true,
        }
    }

    /// Whether a lock lies beside a file, or in a folder above it, as workspaces have it.
    fn locked(&self, path: &ArtifactPath) -> bool {
        self.locks(path).next().is_some()
    }

    fn locks<'a>(&'a self, path: &'a ArtifactPath) -> impl Iterator<Item = &'a Manifest> {
        self.files
            .iter()
            .filter(move |(p, m)| m.kind.is_lock() && covers(p, path))
            .map(|(_, m)| m)
    }

    /// Whether one of these lies beside a file, or in a folder above it.
    fn locked_by(&self, path: &ArtifactPath, kinds: &[ManifestKind]) -> bool {
        let mut files = self.files.iter();
        files.any(|(p, m)| kinds.contains(&m.kind) && covers(p, path))
    }

    /// A file and all that it includes.
    fn closure(&self, path: &ArtifactPath) -> BTreeSet<ArtifactPath> {
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

    fn reaches(&self, from: &ArtifactPath, to: &ArtifactPath) -> bool {
        self.files.get(from).is_some_and(|m| !m.includes.is_empty()) && self.closure(from).contains(to)
    }

    /// All configurations in which a package could come from where it should not, sorted by place.
    pub fn exposures(&self) -> Vec<Exposure> {
        let mut found: Vec<Exposure> = Vec::new();
        for (path, manifest) in &self.files {
            match manifest.kind {
                // Constraints install nothing; what another file includes is judged with that file, unless only a
                // command includes it, which may be one of many ways to install it.
                ManifestKind::Requirements => {
                    let mut others = self
                        .files
                        .iter()
                        .filter(|(_, m)| m.kind != ManifestKind::Commands);
                    let included = others.any(|(p, _)| p != path && self.reaches(p, path));
                    if !included {
                        self.pip(path, &mut found);
                    }
                }
                ManifestKind::CondaEnvironment => self.pip(path, &mut found),
                ManifestKind::Commands => self.commands(path, manifest, &mut found),
                ManifestKind::PipConfig => self.pip_config_alone(path, manifest, &mut found),
                ManifestKind::Pyproject => self.pyproject(path, manifest, &mut found),
                _ => {}
            }
        }
        found.sort_by(|a, b| {
            let key = |e: &Exposure| (e.declared.artifact.clone(), e.declared.offset());
            key(a).cmp(&key(b))
        });
        found
    }

    /// pip has one pool: the default index, every extra one, every page of links; the best version of all wins.
    fn pip(&self, path: &ArtifactPath, found: &mut Vec<Exposure>) {
        let members: Vec<&Manifest> = self
            .closure(path)
            .iter()
            .filter_map(|p| self.files.get(p))
            .collect();
        let configs = self
            .files
            .iter()
            .filter(|(p, m)| m.kind == ManifestKind::PipConfig && covers(p, path))
            .map(|(_, m)| &m.indexes);
        // From weak to strong: configuration, environment, the lines of the files themselves.
        let settings: Vec<&IndexSettings> = configs
            .chain(&self.settings)
            .chain(members.iter().map(|m| &m.indexes))
            .collect();
        let components: Vec<&Component> = members
            .iter()
            .filter(|m| {
                matches!(m.kind, ManifestKind::Requirements | ManifestKind::Commands)
                    || m.kind == ManifestKind::CondaEnvironment
            })
            .flat_map(|m| &m.components)
            .filter(|c| c.ecosystem == Ecosystem::PyPI)
            .collect();
        // One hash turns hash mode on for all, and pip then refuses what has none; but other installers do not, so only
        // what has a hash counts as proved.
        if settings.iter().any(|s| s.require_hashes) {
            return;
        }
        let entries: Vec<&IndexEntry> = settings
            .iter()
            .flat_map(|s| s.inherited.iter().chain(&s.entries))
            .filter(|e| e.manager == Manager::Pip)
            .collect();
        let no_index = settings.iter().any(|s| s.no_index);
        pool(Manager::Pip, &entries, no_index, &components, false, found);
    }

    fn commands(&self, path: &ArtifactPath, manifest: &Manifest, found: &mut Vec<Exposure>) {
        // Without settings of its own the command adds nothing to what the files that it installs say themselves.
        let mut entries = manifest.indexes.inherited.iter().chain(&manifest.indexes.entries);
        if entries.any(|e| e.manager == Manager::Pip) {
            self.pip(path, found);
        }
        if let Some((Strategy::UnsafeBestMatch | Strategy::UnsafeFirstMatch, at)) = &manifest.indexes.strategy
        {
            let all = manifest.indexes.inherited.iter().chain(&manifest.indexes.entries);
            let entries: Vec<&IndexEntry> = all.collect();
            let components: Vec<&Component> = manifest.components.iter().collect();
            let mut all = Vec::new();
            pool(Manager::Uv, &entries, false, &components, false, &mut all);
            found.extend(all.into_iter().min_by_key(|e| e.rivalry).map(|e| Exposure {
                declared: at.clone(),
                ..e
            }));
        }
    }

    /// A configuration that no requirements file of the project meets still counts for every `pip install`.
    fn pip_config_alone(&self, path: &ArtifactPath, manifest: &Manifest, found: &mut Vec<Exposure>) {
        let met = self
            .files
            .iter()
            .any(|(p, m)| m.kind == ManifestKind::Requirements && covers(path, p));
        if met || manifest.indexes.require_hashes {
            return;
        }
        let entries: Vec<&IndexEntry> = manifest.indexes.entries.iter().collect();
        pool(
            Manager::Pip,
            &entries,
            manifest.indexes.no_index,
            &[],
            false,
            found,
        );
    }

    fn pyproject(&self, path: &ArtifactPath, manifest: &Manifest, found: &mut Vec<Exposure>) {
        let locked = self.locked(path);
        let settings = &manifest.indexes;
        let of = |manager: Manager| -> Vec<&IndexEntry> {
            let entries = settings.entries.iter();
            entries
                .filter(|e| e.manager == manager && e.role != IndexRole::Explicit)
                .collect()
        };
        let free: Vec<&Component> = manifest
            .components
            .iter()
            .filter(|c| !settings.pinned.iter().any(|(package, _)| *package == c.name))
            .collect();
        if free.is_empty() {
            return;
        }
        if let Some((Strategy::UnsafeBestMatch | Strategy::UnsafeFirstMatch, at)) = &settings.strategy {
            let mut all = Vec::new();
            pool(
                Manager::Uv,
                &of(Manager::Uv),
                settings.no_index,
                &free,
                locked,
                &mut all,
            );
            // It is the strategy that makes it so, and changing it mends all of them.
            found.extend(all.into_iter().min_by_key(|e| e.rivalry).map(|e| Exposure {
                declared: at.clone(),
                ..e
            }));
        }
        if locked {
            return;
        }
        if !settings.respect_source_order {
            pool(Manager::Pdm, &of(Manager::Pdm), false, &free, false, found);
        }
        poetry(&of(Manager::Poetry), &free, found);
    }
}

/// Poetry asks its primary sources alike, and others only for names that no primary source knows: so whoever publishes
/// a private name on a primary public source decides.
fn poetry(entries: &[&IndexEntry], free: &[&Component], found: &mut Vec<Exposure>) {
    let primary = |e: &&&IndexEntry| e.role == IndexRole::Default;
    let private: Vec<&IndexEntry> = entries
        .iter()
        .filter(|e| !well_known::is_public(&e.address) && !well_known::is_project(&e.address))
        .copied()
        .collect();
    let public = entries
        .iter()
        .filter(primary)
        .find(|e| well_known::is_public(&e.address));
    let default = Address::new(well_known::PYPI);
    let other = match public {
        Some(entry) => &entry.address,
        None if entries.iter().filter(primary).count() == 0 => &default,
        // A private primary source takes the place of the public index.
        None => return,
    };
    for entry in private {
        push(
            found,
            Manager::Poetry,
            Rivalry::PublicAndPrivate,
            entry,
            other,
            free,
            false,
        );
    }
}

/// Finds the rivals in a pool whose best version wins.
fn pool(
    manager: Manager,
    entries: &[&IndexEntry],
    no_index: bool,
    components: &[&Component],
    locked: bool,
    found: &mut Vec<Exposure>,
) {
    let public = Address::new(well_known::PYPI);
    let default = entries.iter().rfind(|e| e.role == IndexRole::Default);
    let default = default.map_or(&public, |e| &e.address);
    let first_link = entries.iter().find(|e| e.role == IndexRole::FindLinks);
    let other = match (no_index, first_link) {
        (true, Some(links)) => &links.address,
        (true, None) => return,
        (false, _) => default,
    };
    for entry in entries {
        let competes = match entry.role {
            IndexRole::Extra | IndexRole::Supplemental => !no_index,
            IndexRole::FindLinks => true,
            IndexRole::Default | IndexRole::Explicit => false,
        };
        if !competes || entry.address.is_local() || entry.address.key() == other.key() {
            continue;
        }
        let rivalry = match (kind(&entry.address), kind(other)) {
            (Kind::Public, Kind::Public) | (Kind::Project, Kind::Project) => continue,
            (Kind::Public, Kind::Private) | (Kind::Private, Kind::Public) => Rivalry::PublicAndPrivate,
            (Kind::Private, Kind::Private) if entry.address.host == other.host => continue,
            (Kind::Private, Kind::Private) => Rivalry::TwoPrivate,
            (Kind::Public, Kind::Project) | (Kind::Project, Kind::Public) => Rivalry::PublicAndProject,
            // The project's own wheels beside a private index: the private one is the trusted one.
            (Kind::Project, Kind::Private) | (Kind::Private, Kind::Project) => Rivalry::PublicAndProject,
        };
        push(found, manager, rivalry, entry, other, components, locked);
    }
}

enum Kind {
    Public,
    Project,
    Private,
}

fn kind(address: &Address) -> Kind {
    if well_known::is_public(address) {
        Kind::Public
    } else if well_known::is_project(address) {
        Kind::Project
    } else {
        Kind::Private
    }
}

fn push(
    found: &mut Vec<Exposure>,
    manager: Manager,
    rivalry: Rivalry,
    entry: &IndexEntry,
    other: &Address,
    components: &[&Component],
    locked: bool,
) {
    // The public index refuses local versions, so a pin of one names its source.
    let local = |c: &Component| {
        rivalry != Rivalry::TwoPrivate && c.version.as_deref().is_some_and(|v| v.contains('+'))
    };
    let open: Vec<&&Component> = components
        .iter()
        .filter(|c| matches!(c.source, Source::Registry { .. }) && c.hashes.is_empty() && !local(c))
        .collect();
    if open.is_empty() && !components.is_empty() {
        return;
    }
    let names: BTreeSet<String> = open.iter().map(|c| c.name.clone()).collect();
    let exact = open.iter().filter(|c| c.bucket == Bucket::Exact).count();
    if let Some(same) = found
        .iter_mut()
        .find(|e| e.declared == entry.declared && e.manager == manager)
    {
        let all: BTreeSet<String> = same.packages.drain(..).chain(names).collect();
        same.packages = all.into_iter().collect();
        same.exact = same.exact.saturating_add(exact).min(same.packages.len());
        return;
    }
    found.push(Exposure {
        manager,
        rivalry,
        added: entry.address.clone(),
        other: other.clone(),
        packages: names.into_iter().collect(),
        exact,
        locked,
        declared: entry.declared.clone(),
    });
}

/// Whether a configuration file counts for a file: it lies in the same folder or above.
fn covers(config: &ArtifactPath, path: &ArtifactPath) -> bool {
    let (above, below) = (folder(config), folder(path));
    above.is_empty() || above == below || below.starts_with(&format!("{above}/"))
}

/// The folder of a file, without a slash at the end.
fn folder(path: &ArtifactPath) -> &str {
    path.top().rsplit_once('/').map_or("", |(folder, _)| folder)
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

    fn shown(files: &[(&str, &str)]) -> String {
        let rows: Vec<String> = project(files)
            .exposures()
            .iter()
            .map(|e| {
                let locked = if e.locked { " locked" } else { "" };
                format!(
                    "{} {:?} {}{locked}",
                    e.manager.name(),
                    e.rivalry,
                    e.packages.join(",")
                )
            })
            .collect();
        rows.join("; ")
    }

    const PRIVATE: &str = "--extra-index-url https://pypi.acme.example/simple\n";
    const LOCK: &str = "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\n";

    #[test]
    fn who_could_supply_what() {
        let with = |text: &str| format!("{PRIVATE}{text}");
        let one = |text: &str| shown(&[("requirements.txt", text)]);
        let uv = |strategy: &str| {
            format!(
                "[project]\nname='a'\ndependencies=['torch']\n[tool.uv]\n{strategy}\n[[tool.uv.index]]\nurl='https://pypi.acme.example/simple'\n"
            )
        };
        let poetry = |priority: &str, more: &str| {
            format!(
                "[tool.poetry.dependencies]\nacme = {{ version = '*'{more} }}\n[[tool.poetry.source]]\nname='i'\nurl='https://pypi.acme.example/simple'\n{priority}\n"
            )
        };
        for (got, expected) in [
            (one(&with("acme==1.0\n")), "pip PublicAndPrivate acme"),
            (one(&with("acme==1.0 --hash=sha256:ab\n")), ""),
            (
                one(&with("acme==1.0 --hash=sha256:ab\nother==1\n")),
                "pip PublicAndPrivate other",
            ),
            (one(&with("acme @ https://files.example/acme-1.0.zip\n")), ""),
            (one("--index-url https://pypi.acme.example/simple\nacme\n"), ""),
            (
                one(
                    "--index-url https://pypi.acme.example/a\n--extra-index-url https://pypi.acme.example/b\nacme\n",
                ),
                "",
            ),
            (
                one("--index-url https://a.example/x\n--extra-index-url https://b.example/x\nacme\n"),
                "pip TwoPrivate acme",
            ),
            (one("--find-links ./wheels\nacme\n"), ""),
            (
                one("--no-index\n--find-links ./wheels\n--extra-index-url https://b.example/x\nacme\n"),
                "",
            ),
            (
                shown(&[
                    ("requirements.txt", "-r sub/requirements.txt\nx\n"),
                    ("sub/requirements.txt", &with("y\n")),
                ]),
                "pip PublicAndPrivate x,y",
            ),
            (
                shown(&[
                    ("pip.conf", "[global]\nextra-index-url = https://b.example/x\n"),
                    ("requirements.txt", "y\n"),
                ]),
                "pip PublicAndPrivate y",
            ),
            (
                shown(&[("pip.conf", "[global]\nextra-index-url = https://b.example/x\n")]),
                "pip PublicAndPrivate ",
            ),
            (shown(&[("pyproject.toml", &uv(""))]), ""),
            (
                shown(&[("pyproject.toml", &uv("index-strategy='unsafe-best-match'"))]),
                "uv PublicAndPrivate torch",
            ),
            (
                shown(&[
                    ("pyproject.toml", &uv("index-strategy='unsafe-best-match'")),
                    ("uv.lock", LOCK),
                ]),
                "uv PublicAndPrivate torch locked",
            ),
            (
                shown(&[("pyproject.toml", &poetry("priority='supplemental'", ""))]),
                "Poetry PublicAndPrivate acme",
            ),
            (
                shown(&[("pyproject.toml", &poetry("priority='explicit'", ""))]),
                "",
            ),
            (
                shown(&[("pyproject.toml", &poetry("priority='primary'", ""))]),
                "",
            ),
            (
                shown(&[(
                    "pyproject.toml",
                    &poetry("priority='supplemental'", ", source = 'i'"),
                )]),
                "",
            ),
            (
                shown(&[
                    ("pyproject.toml", &poetry("priority='supplemental'", "")),
                    ("poetry.lock", LOCK),
                ]),
                "",
            ),
        ] {
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn wheels_of_a_well_known_project_are_another_matter() {
        let extra = well_known::PROJECTS[0].trim_end_matches('/');
        let text = format!("--extra-index-url https://{extra}/whl/cu121\ntorch==2.6.0+cu121\nnumpy\n");
        assert_eq!(
            shown(&[("requirements.txt", &text)]),
            "pip PublicAndProject numpy"
        );
    }

    #[test]
    fn what_another_file_settles() {
        let settled = |files: &[(&str, &str)], path: &str| {
            let p = project(files);
            let path = ArtifactPath::file(path);
            let c = p.files[&path].components[0].clone();
            p.settles(&path, &c)
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
