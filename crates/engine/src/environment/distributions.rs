//! What is installed: `dist-info`, `egg-info` and `conda-meta`, with the files that each owns.

use super::{Gather, Installed, fact, folder_of, join};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{Bucket, Budget, Component, ComponentKind, Ecosystem, Location, Outcome, Source, escape};
use wellhead_packages::{
    Needed, PyVersion,
    installed::{
        Claim, CondaPackage, DirectUrl, InfoFolder, Origin, Placement, info_folder, installed,
        read_conda_meta, read_direct_url, read_record, resolve,
    },
    manifest::{Problem, Wanted},
    normalise, read_metadata,
};
use wellhead_rules::environment::{Distribution, Kind, RecordState, Unmet};
use wellhead_sources::environment::Node;

/// Largest text that an installer leaves and that is read.
const MAX_TEXT: usize = 256 << 20;
/// Most rows of a kind that are kept one by one for a finding.
const KEPT: usize = 1000;

/// A distribution with its declaration for the inventory.
struct Read {
    installed: Installed,
    component: Result<Component, Problem>,
}

impl Gather<'_, '_> {
    pub(super) fn distributions(&mut self) {
        let mut folders: Vec<(String, InfoFolder)> = Vec::new();
        let mut eggs: Vec<(String, String, String)> = Vec::new();
        for site in self.sites.clone() {
            for name in self.prefix.children(&site) {
                if let Some(info) = info_folder(&name) {
                    folders.push((site.clone(), info));
                } else if let Some((stem, ending)) = name.rsplit_once('.')
                    && matches!(ending, "egg" | "egg-link")
                {
                    eggs.push((site.clone(), stem.to_owned(), name.clone()));
                }
            }
        }
        let this = &*self;
        let mut read: Vec<Read> = folders
            .par_iter()
            .map(|(site, info)| this.distribution(site, info))
            .collect();
        let conda: Vec<Result<Read, String>> = this
            .prefix
            .children("conda-meta")
            .par_iter()
            .filter(|name| name.ends_with(".json"))
            .filter_map(|name| this.conda(name))
            .collect();
        for (site, stem, name) in eggs {
            read.extend(self.egg(&site, &stem, &name));
        }
        let mut problems = Vec::new();
        for one in conda {
            match one {
                Ok(one) => read.push(one),
                Err(name) => problems.push(name),
            }
        }
        for name in problems {
            let artifact = self.artifact(&join("conda-meta", &name));
            let why = "not a record of conda".to_owned();
            self.cover(artifact, Outcome::NotAnalysed { why });
        }
        self.inventory(&read);
        let recorded = recorded(&read);
        for mut one in read {
            let at = self.installed.len();
            // Who left no record cannot claim what lies among the files of one who did.
            if matches!(
                one.installed.facts.record,
                RecordState::None(_) | RecordState::Missing
            ) {
                one.installed
                    .rows
                    .retain(|(path, ..)| !recorded.contains(folder_of(path)));
            }
            for (path, ..) in &one.installed.rows {
                let owners = self.owners.entry(path.clone()).or_default();
                if !owners.contains(&at) {
                    owners.push(at);
                }
            }
            self.installed.push(one.installed);
        }
        self.twins();
    }

    fn distribution(&self, site: &str, info: &InfoFolder) -> Read {
        let mut budget = Budget::new(self.options.limits.clone(), Arc::clone(&self.options.cancelled));
        let ending = if info.egg { "egg-info" } else { "dist-info" };
        let folder = self.folder(site, info, ending);
        let text = |name: &str| -> Option<String> {
            let bytes = self.prefix.text(&join(&folder, name), MAX_TEXT)?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let (place, written) = if !info.egg {
            (join(&folder, "METADATA"), text("METADATA"))
        } else if self.prefix.look(&folder) == Node::File {
            let bytes = self.prefix.text(&folder, MAX_TEXT).unwrap_or_default();
            (folder.clone(), Some(String::from_utf8_lossy(&bytes).into_owned()))
        } else {
            (join(&folder, "PKG-INFO"), text("PKG-INFO"))
        };
        let metadata = written.as_deref().map(|t| read_metadata(t, &mut budget));
        let artifact = self.artifact(&place);
        let declared = match (&metadata, &written) {
            (Some(m), Some(t)) => Location::text(&artifact, t, m.identity.clone(), "installed"),
            _ => Location::whole(&self.artifact(&folder), "installed"),
        };
        let direct_url = text("direct_url.json").map(|t| read_direct_url(&t, &mut budget));
        let stated = metadata.as_ref().map(|m| m.component(declared.clone()));
        let component = match stated {
            Some(Ok(component)) => Ok(component),
            Some(Err(why)) => Err(Problem {
                message: why,
                at: declared,
            }),
            None => Ok(by_folder(info, declared)),
        };
        let component = component.map(|mut c| {
            if let Some(direct) = &direct_url {
                c.source = source(direct);
            }
            c
        });
        let mut facts = facts(info, self.artifact(&folder));
        if let Ok(c) = &component {
            facts.name.clone_from(&c.name);
            facts.version.clone_from(&c.version);
        }
        facts.installer = text("INSTALLER").map(|t| t.trim().chars().take(80).collect());
        facts.direct_url = direct_url;
        facts.system = [
            folder.clone(),
            join(&folder, "RECORD"),
            join(&folder, "METADATA"),
            place,
        ]
        .iter()
        .any(|path| self.system.contains(path));
        let mut installed = Installed {
            facts,
            rows: Vec::new(),
            metadata,
            conda: false,
            folder: folder.clone(),
            bytes: 0,
        };
        match text("RECORD").filter(|_| !info.egg) {
            Some(record) => {
                installed.facts.info = self.artifact(&join(&folder, "RECORD"));
                self.record(site, &record, &mut installed, &mut budget);
            }
            None => self.without_record(site, info, &mut installed, &text),
        }
        Read { installed, component }
    }

    /// An egg: a folder or an archive with all of one distribution, or the note of one that runs in its own folder.
    fn egg(&mut self, site: &str, stem: &str, name: &str) -> Option<Read> {
        let info = info_folder(&format!("{stem}.egg-info"))?;
        let path = join(site, name);
        let mut budget = Budget::new(self.options.limits.clone(), Arc::clone(&self.options.cancelled));
        let mut facts = facts(&info, self.artifact(&path));
        facts.record = RecordState::None("installed in a form that has no record of digests");
        let text = |path: &str| {
            let bytes = self.prefix.text(path, MAX_TEXT)?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        };
        let mut rows = vec![path.clone()];
        let mut metadata = None;
        if name.ends_with(".egg-link") {
            let target = text(&path)?.lines().next().unwrap_or_default().trim().to_owned();
            facts.direct_url = Some(DirectUrl {
                url: format!("file://{}", target.chars().take(4096).collect::<String>()),
                credentials: false,
                origin: Origin::Folder { editable: true },
            });
        } else {
            let below = format!("{path}/");
            let inner = self.listing.range(below.clone()..).map(|(path, _)| path);
            rows.extend(inner.take_while(|path| path.starts_with(&below)).cloned());
            metadata = text(&join(&path, "EGG-INFO/PKG-INFO")).map(|t| read_metadata(&t, &mut budget));
            // Nothing vouches for what it holds.
            let files = rows.iter().filter(|path| self.listing.contains_key(*path));
            self.suspects.extend(files.map(|path| (path.clone(), ())));
        }
        let declared = Location::whole(&self.artifact(&path), "installed");
        let stated = metadata.as_ref().and_then(|m| m.component(declared.clone()).ok());
        let mut component = stated.unwrap_or_else(|| by_folder(&info, declared));
        facts.name.clone_from(&component.name);
        facts.version.clone_from(&component.version);
        if let Some(direct) = &facts.direct_url {
            component.source = source(direct);
        }
        Some(Read {
            installed: Installed {
                facts,
                rows: rows.into_iter().map(|path| (path, Claim::None, None)).collect(),
                metadata,
                conda: false,
                folder: path,
                bytes: 0,
            },
            component: Ok(component),
        })
    }

    /// The folder under its name on disk: the parts of a name do not tell it back.
    fn folder(&self, site: &str, info: &InfoFolder, ending: &str) -> String {
        let version = info
            .version
            .as_deref()
            .map_or_else(String::new, |v| format!("-{v}"));
        let plain = join(site, &format!("{}{version}.{ending}", info.written));
        if self.prefix.look(&plain) != Node::Missing {
            return plain;
        }
        let names = self.prefix.children(site).into_iter();
        let mut same = names.filter(|n| info_folder(n).as_ref() == Some(info));
        same.next().map_or(plain, |name| join(site, &name))
    }

    fn record(&self, site: &str, text: &str, installed: &mut Installed, budget: &mut Budget) {
        let windows = site.starts_with("Lib/");
        let record = read_record(text, budget);
        let facts = &mut installed.facts;
        facts.record = match record.outcome.why() {
            Some(why) => RecordState::Partly(why.to_owned()),
            None => RecordState::Read,
        };
        facts.bad_row_count = record.bad_rows;
        facts.bad_rows = record.problems.iter().map(|p| (p.line, p.message)).collect();
        let mut by_case: BTreeMap<String, String> = BTreeMap::new();
        for row in record.rows {
            let path = match self.environment.kind {
                // `pip install --target` keeps the rows of where it built: what lay beside the modules lies in it.
                Kind::Folder => row
                    .path
                    .strip_prefix("../../")
                    .filter(|p| !p.starts_with(".."))
                    .unwrap_or(&row.path),
                Kind::Virtual | Kind::Conda | Kind::Interpreter => &row.path,
            };
            match resolve(&self.prefix.absolute(), site, path, windows) {
                Placement::Outside if facts.escapes.len() < KEPT => facts.escapes.push((row.path, row.line)),
                Placement::Outside => {}
                Placement::Inside(path) => {
                    let folded = path.to_lowercase();
                    if let Some(other) = by_case.get(&folded)
                        && *other != path
                        && facts.same_but_case.len() < KEPT
                    {
                        facts.same_but_case.push((other.clone(), path.clone()));
                    }
                    by_case.insert(folded, path.clone());
                    installed.rows.push((path, row.claim, row.size));
                }
            }
        }
    }

    /// What is installed without a record: that of the system, or of an installer from before there were any.
    fn without_record(
        &self,
        site: &str,
        info: &InfoFolder,
        installed: &mut Installed,
        text: &dyn Fn(&str) -> Option<String>,
    ) {
        let system = site.ends_with("dist-packages") && installed.facts.installer.as_deref() != Some("pip");
        installed.facts.record = if system {
            RecordState::None("installed by the system, which keeps its own records of digests")
        } else if info.egg {
            RecordState::None("installed in a form that has no record of digests")
        } else {
            RecordState::Missing
        };
        let mut rows = BTreeSet::new();
        if let Some(files) = text("installed-files.txt") {
            let base = &installed.folder;
            for line in files.lines().take(1_000_000) {
                if let Placement::Inside(path) = resolve(&self.prefix.absolute(), base, line, false) {
                    rows.insert(path);
                }
            }
        } else {
            let tops: Vec<String> = match text("top_level.txt") {
                Some(tops) => tops.lines().map(|l| l.trim().to_owned()).collect(),
                None => vec![info.written.clone(), info.written.replace('-', "_")],
            };
            for top in tops.iter().filter(|t| !t.is_empty() && !t.contains("..")) {
                let folder = format!("{}/", join(site, top));
                let below = self.listing.range(folder.clone()..);
                rows.extend(
                    below
                        .map(|(path, _)| path)
                        .take_while(|path| path.starts_with(&folder))
                        .cloned(),
                );
                let module = join(site, &format!("{top}."));
                let beside = self.listing.range(module.clone()..);
                rows.extend(
                    beside
                        .map(|(path, _)| path)
                        .take_while(|path| path.starts_with(&module))
                        .filter(|path| !path.ends_with("-info"))
                        .cloned(),
                );
            }
        }
        installed.rows = rows.into_iter().map(|path| (path, Claim::None, None)).collect();
    }

    fn conda(&self, name: &str) -> Option<Result<Read, String>> {
        let mut budget = Budget::new(self.options.limits.clone(), Arc::clone(&self.options.cancelled));
        let place = join("conda-meta", name);
        let artifact = self.artifact(&place);
        let bytes = self.prefix.text(&place, MAX_TEXT)?;
        let text = String::from_utf8_lossy(&bytes);
        let package: CondaPackage = match read_conda_meta(&text, &mut budget) {
            Ok(Some(package)) => package,
            Ok(None) | Err(_) => return Some(Err(name.to_owned())),
        };
        let info = InfoFolder {
            name: package.name.to_lowercase(),
            written: package.name.clone(),
            version: Some(package.version.clone()),
            egg: false,
        };
        let mut facts = facts(&info, artifact.clone());
        facts.installer = Some("conda".to_owned());
        facts.record = if package.has_paths {
            RecordState::Read
        } else {
            RecordState::None("its record in conda-meta holds no digests")
        };
        let rows = package.files.into_iter().filter_map(|file| {
            let claim = file.sha256.map_or(Claim::None, Claim::Sha256);
            match resolve("", "", &file.path, false) {
                Placement::Inside(path) => Some((path, claim, file.size)),
                Placement::Outside => {
                    facts.escapes.push((file.path, 1));
                    None
                }
            }
        });
        let rows: Vec<_> = rows.collect();
        let component = Component {
            kind: ComponentKind::Library,
            ecosystem: Ecosystem::Conda,
            name: info.name.clone(),
            written: escape(&info.written),
            version: Some(escape(&package.version)),
            specifier: None,
            marker: None,
            hashes: Vec::new(),
            source: Source::Registry {
                url: package.channel.map(|c| escape(&c)),
            },
            bucket: Bucket::Exact,
            direct: None,
            via: Vec::new(),
            declared: Location::whole(&artifact, "installed"),
        };
        Some(Ok(Read {
            installed: Installed {
                facts,
                rows,
                metadata: None,
                conda: true,
                folder: place,
                bytes: 0,
            },
            component: Ok(component),
        }))
    }

    /// What is installed, as a manifest. A package of conda that brings a distribution is that distribution.
    fn inventory(&mut self, read: &[Read]) {
        let mut components = Vec::new();
        let mut problems = Vec::new();
        for one in read {
            let stands_for =
                |(path, ..): &(String, Claim, Option<u64>)| path.ends_with(".dist-info/METADATA");
            if one.installed.conda && one.installed.rows.iter().any(stands_for) {
                continue;
            }
            match &one.component {
                Ok(component) => components.push(component.clone()),
                Err(problem) => problems.push(problem.clone()),
            }
        }
        if components.is_empty() && problems.is_empty() {
            return;
        }
        let place = self
            .environment
            .itself
            .clone()
            .unwrap_or_else(|| self.artifact(""));
        fact(&mut self.result, place, installed(components, problems));
    }

    /// Distributions that are there twice, and those that pip put over conda's.
    fn twins(&mut self) {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, one) in self.installed.iter().enumerate().filter(|(_, one)| !one.conda) {
            places.entry(one.facts.name.clone()).or_default().push(at);
        }
        for same in places.into_values().filter(|same| same.len() > 1) {
            let all: Vec<_> = same
                .iter()
                .filter_map(|at| self.installed.get(*at))
                .map(|one| (one.facts.info.clone(), one.facts.version.clone()))
                .collect();
            if let Some(first) = same.first().and_then(|at| self.installed.get_mut(*at)) {
                first.facts.twins = all.into_iter().skip(1).collect();
            }
        }
        let conda: BTreeMap<String, usize> = self
            .installed
            .iter()
            .enumerate()
            .filter(|(_, one)| one.conda)
            .map(|(at, one)| (normalise(&one.facts.written), at))
            .collect();
        let mut over = Vec::new();
        for (at, one) in self.installed.iter().enumerate().filter(|(_, one)| !one.conda) {
            let by_other = one.facts.installer.as_deref().is_some_and(|i| i != "conda");
            let same = conda.get(&one.facts.name).and_then(|c| self.installed.get(*c));
            if let Some(under) = same.filter(|_| by_other) {
                // Many recipes of conda build with pip and keep its word; then the record is conda's own file.
                let own = one.folder.clone() + "/RECORD";
                if !under.rows.iter().any(|(path, ..)| *path == own) {
                    let version = under.facts.version.clone().unwrap_or_default();
                    over.push((at, (under.facts.info.clone(), version)));
                }
            }
        }
        for (at, under) in over {
            if let Some(one) = self.installed.get_mut(at) {
                one.facts.over_conda = Some(under);
            }
        }
    }

    /// Requirements that the environment does not meet.
    pub(super) fn unmet(&mut self) {
        let values = self.values();
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in &self.installed {
            let name = normalise(&one.facts.written);
            let version = one.facts.version.clone().unwrap_or_default();
            versions.entry(name).or_default().push(version.clone());
            versions.entry(one.facts.name.clone()).or_default().push(version);
        }
        // What lies elsewhere may meet what is missing here.
        let closed =
            !self.environment.system_sites && matches!(self.environment.kind, Kind::Virtual | Kind::Conda);
        for one in &mut self.installed {
            let needed = one.metadata.iter().flat_map(|m| &m.requires_dist);
            let unmet = needed
                .filter(|n| match &n.requirement.marker {
                    Some(marker) => values.holds(marker) == Some(true),
                    None => true,
                })
                .filter_map(|n| unmet(n, &versions, closed));
            one.facts.unmet = unmet.take(KEPT).collect();
        }
    }
}

/// The folders in which a file lies that a record names.
fn recorded(read: &[Read]) -> BTreeSet<String> {
    let states = |one: &&Read| {
        matches!(
            one.installed.facts.record,
            RecordState::Read | RecordState::Partly(_)
        )
    };
    let rows = read.iter().filter(states).flat_map(|one| &one.installed.rows);
    // In the folder of modules itself, and among commands, all are neighbours.
    let folders = rows
        .map(|(path, ..)| folder_of(path))
        .filter(|f| !f.ends_with("-packages") && !matches!(*f, "" | "bin" | "Scripts"));
    folders.map(str::to_owned).collect()
}

fn unmet(needed: &Needed, versions: &BTreeMap<String, Vec<String>>, closed: bool) -> Option<Unmet> {
    let requirement = format!("{}{}", needed.requirement.name, needed.requirement.written);
    let Some(installed) = versions.get(&normalise(&needed.requirement.name)) else {
        return closed.then_some(Unmet {
            requirement,
            installed: None,
        });
    };
    let meets = |version: &String| match &needed.requirement.wanted {
        Wanted::Versions(wanted) => PyVersion::new(version)
            .public()
            .is_none_or(|v| wanted.contains(v)),
        Wanted::Text(text) => text == version,
        Wanted::Address(_) => true,
    };
    (!installed.iter().any(meets)).then(|| Unmet {
        requirement,
        installed: installed.first().cloned(),
    })
}

fn facts(info: &InfoFolder, place: wellhead_core::ArtifactPath) -> Distribution {
    Distribution {
        name: info.name.clone(),
        written: info.written.clone(),
        version: info.version.clone(),
        info: place,
        installer: None,
        record: RecordState::Missing,
        system: false,
        verified: 0,
        without_digest: Vec::new(),
        changed: Vec::new(),
        missing: Vec::new(),
        unreadable: Vec::new(),
        escapes: Vec::new(),
        same_but_case: Vec::new(),
        bad_rows: Vec::new(),
        bad_row_count: 0,
        direct_url: None,
        unmet: Vec::new(),
        twins: Vec::new(),
        wheel: None,
        over_conda: None,
    }
}

fn by_folder(info: &InfoFolder, declared: Location) -> Component {
    let version = info.version.as_deref().map(escape);
    let known = version
        .as_deref()
        .is_some_and(|v| PyVersion::new(v).public().is_some());
    Component {
        kind: ComponentKind::Library,
        ecosystem: Ecosystem::PyPI,
        name: escape(&info.name),
        written: escape(&info.written),
        version,
        specifier: None,
        marker: None,
        hashes: Vec::new(),
        source: Source::Registry { url: None },
        bucket: if known {
            Bucket::Exact
        } else {
            Bucket::Unauditable {
                why: "its metadata are missing, and the name of its folder states no version".to_owned(),
            }
        },
        direct: None,
        via: Vec::new(),
        declared,
    }
}

fn source(direct: &DirectUrl) -> Source {
    let url = escape(&direct.url);
    match &direct.origin {
        Origin::Vcs { commit, requested } => Source::Vcs {
            url,
            revision: commit.clone().or_else(|| requested.clone()).map(|r| escape(&r)),
        },
        Origin::Folder { editable } => Source::Path {
            path: url,
            editable: *editable,
        },
        Origin::Archive { .. } | Origin::Unknown => Source::Url { url },
    }
}
