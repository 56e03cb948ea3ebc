//! The two sides of a comparison of packages: what each artifact of a target adds to the one distribution that it is.
//!
//! Archives and folders are gathered the same way, and each file is called by the path that it has once it is installed,
//! so that a source archive, a wheel and what was installed from it can be laid beside each other. The one decision:
//! a target is one distribution, the outermost; what lies packed in it is compared by its bytes.

use crate::{distribution, package_code, run::Listing, subjects::Input};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Budget, Outcome};
use wellhead_formats::{Document, format::table, native::Native, read_text};
use wellhead_packages::{
    distribution::{
        Anomaly, AnomalyKind, Contained, Distribution, DistributionKind, Member, Parts, Shape, of_listing,
        of_zip, read, recognise, spread,
    },
    installed::{info_folder, read_record},
    normalise,
};
use wellhead_pycode::{ImportCondition, Module, ScopeKind, SourceFile, analyse_package};
use wellhead_rules::release::{FunctionCall, ReleasedFile, Side};

/// Largest text of a file that is kept, and of all of one side.
const MAX_TEXT: usize = 16 << 20;
const MAX_TEXTS: usize = 96 << 20;
/// Most imports of a module, and most calls of a side, that are kept.
const MAX_IMPORTS: usize = 2_000;
const MAX_CALLS: usize = 200_000;

/// What is kept of a target while its artifacts pass by.
#[derive(Default)]
pub(crate) struct ComparedPackage {
    /// By the archive; `None` is the folder itself.
    containers: BTreeMap<Option<ArtifactPath>, Container>,
    compressed: BTreeSet<ArtifactPath>,
    texts: usize,
    calls: usize,
    why: Option<String>,
}

#[derive(Default)]
struct Container {
    /// The name by which it is called.
    file: String,
    names: BTreeSet<String>,
    anomalies: Vec<Anomaly>,
    members: Vec<Kept>,
}

struct Kept {
    contained: Contained,
    artifact: ArtifactPath,
    is_python: bool,
    imports: Vec<String>,
    functions: BTreeSet<String>,
    calls: Vec<FunctionCall>,
    abilities: BTreeSet<&'static str>,
    foreign: bool,
}

impl ComparedPackage {
    /// Keeps what is needed of an artifact.
    pub(crate) fn visit(&mut self, input: &Input<'_>, module: Option<&Module>, budget: &mut Budget) {
        match &input.opened.document {
            Document::Compressed(_) => {
                self.compressed.insert(input.path.clone());
            }
            Document::Zip(_) | Document::Tar(_) => self.archive(input),
            _ => {}
        }
        let kept = self.member(input, module, budget);
        let container = self.containers.entry(input.path.parent()).or_default();
        container.members.push(kept);
    }

    fn archive(&mut self, input: &Input<'_>) {
        let Some(listing) = input.opened.document.listing() else {
            return;
        };
        let parent = input.path.parent().filter(|p| self.compressed.contains(p));
        let mut anomalies = of_listing(&listing);
        if let Document::Zip(archive) = &input.opened.document {
            anomalies.extend(of_zip(archive));
        }
        self.containers.insert(
            Some(input.path.clone()),
            Container {
                file: parent.as_ref().unwrap_or(input.path).name().to_owned(),
                names: listing.entries.into_iter().map(|e| e.name).collect(),
                anomalies,
                members: Vec::new(),
            },
        );
    }

    fn member(&mut self, input: &Input<'_>, module: Option<&Module>, budget: &mut Budget) -> Kept {
        let leaf = if input.path.nesting() == 0 {
            input.path.top()
        } else {
            input.path.leaf()
        };
        let path = leaf.trim_start_matches("./").to_owned();
        let is_python = *input.identity.format == table::PYTHON || distribution::is_python(&path);
        let mut text = None;
        if is_python || distribution::is_kept(&path, input) {
            text = match input.text() {
                Some(text) => Some(Arc::clone(&text.text)),
                None if input.blob.len() <= MAX_TEXT as u64 => {
                    read_text(input.blob, budget).ok().map(|(text, _)| text.text)
                }
                None => None,
            };
            let room = MAX_TEXTS.saturating_sub(self.texts);
            if text.as_ref().is_some_and(|t| t.len() > room.min(MAX_TEXT))
                || text.is_none() && !input.blob.is_empty()
            {
                text = None;
                self.why
                    .get_or_insert_with(|| "it holds more code than is compared together".to_owned());
            }
            self.texts = self.texts.saturating_add(text.as_ref().map_or(0, |t| t.len()));
        }
        let native = match &input.opened.document {
            Document::Native(native) => Some(native),
            _ => None,
        };
        Kept {
            contained: Contained {
                path,
                size: input.blob.len(),
                digest: crate::digest::raw(input.blob, budget),
                format: input.identity.format,
                text,
            },
            artifact: input.path.clone(),
            is_python,
            imports: module.map(imports).unwrap_or_default(),
            functions: module.map(functions).unwrap_or_default(),
            calls: module.map(|m| self.calls(m)).unwrap_or_default(),
            abilities: native
                .map(|n| {
                    n.abilities()
                        .into_keys()
                        .map(wellhead_formats::native::Ability::name)
                        .collect()
                })
                .unwrap_or_default(),
            foreign: native.is_some_and(|n| !Native::is_module(n)),
        }
    }

    fn calls(&mut self, module: &Module) -> Vec<FunctionCall> {
        let room = MAX_CALLS.saturating_sub(self.calls);
        let calls: Vec<FunctionCall> = module
            .calls
            .iter()
            .filter_map(|call| {
                let callee = call.callees.first()?;
                let scope = module.flow.scopes.get(call.place.scope)?;
                Some(FunctionCall {
                    function: scope.name.clone(),
                    callee: callee.rsplit('.').next()?.to_owned(),
                    range: call.range.clone(),
                })
            })
            .take(room)
            .collect();
        self.calls = self.calls.saturating_add(calls.len());
        calls
    }

    /// The name of the distribution that the target is, if that is one archive.
    fn outermost(&self) -> Option<(&ArtifactPath, Shape)> {
        self.containers
            .iter()
            .filter_map(|(artifact, container)| Some((artifact.as_ref()?, container)))
            .filter_map(|(artifact, container)| {
                let names = container.names.iter().map(String::as_str);
                Some((artifact, recognise(&container.file, names)?))
            })
            .min_by_key(|(artifact, _)| artifact.nesting())
    }

    /// Puts the side together; `None` where it is no distribution. `wanted` is the distribution that is looked for where
    /// several were installed into one folder. Says what was not seen of it.
    pub(crate) fn side(
        mut self,
        listing: &Listing,
        wanted: Option<&str>,
        budget: &mut Budget,
    ) -> Option<(Side, Option<String>)> {
        let one_file = listing.entries.len() == 1 && self.outermost().is_some();
        let (artifact, parts, kept) = if one_file {
            let (artifact, shape) = self.outermost()?;
            let artifact = artifact.clone();
            let mut container = self.containers.remove(&Some(artifact.clone()))?;
            if shape.kind == DistributionKind::Conda {
                self.conda(&artifact, &mut container);
            }
            let parts = (container.file, shape, container.anomalies);
            (artifact, parts, container.members)
        } else {
            let container = self.containers.remove(&None)?;
            let (shape, members) = folder(container.members, wanted, budget)?;
            (
                ArtifactPath::file(shown(&listing.target)),
                (shown(&listing.target).to_owned(), shape, Vec::new()),
                members,
            )
        };
        let (side, outcome) = side(artifact, parts, kept, budget);
        let why = outcome.why().map(str::to_owned).or(self.why);
        Some((side, why))
    }

    /// The archives in a package of conda are parts of it.
    fn conda(&mut self, artifact: &ArtifactPath, into: &mut Container) {
        let inside = format!("{artifact}!/");
        let parts: Vec<Option<ArtifactPath>> = self
            .containers
            .keys()
            .filter(|path| {
                path.as_ref().is_some_and(|p| {
                    let shown = p.to_string();
                    let rest = shown.strip_prefix(&inside).unwrap_or_default();
                    rest.starts_with("pkg-") || rest.starts_with("info-")
                })
            })
            .cloned()
            .collect();
        for part in parts {
            if let Some(container) = self.containers.remove(&part)
                && !container.names.is_empty()
            {
                into.members.extend(container.members);
                into.anomalies.extend(container.anomalies);
            }
        }
    }
}

/// The last part of a target.
fn shown(target: &str) -> &str {
    target
        .rsplit('/')
        .find(|part| !part.is_empty() && *part != ".")
        .unwrap_or(target)
}

fn imports(module: &Module) -> Vec<String> {
    let firm = |condition| matches!(condition, ImportCondition::Always | ImportCondition::Optional);
    let names = module.imports.iter().filter(|i| i.at_import && firm(i.condition));
    names.map(|i| i.path.clone()).take(MAX_IMPORTS).collect()
}

fn functions(module: &Module) -> BTreeSet<String> {
    let scopes = module.flow.scopes.iter();
    scopes
        .filter(|s| s.kind == ScopeKind::Function)
        .map(|s| s.name.clone())
        .collect()
}

/// A folder as a distribution: what was installed, where metadata says so, or a source tree.
fn folder(members: Vec<Kept>, wanted: Option<&str>, budget: &mut Budget) -> Option<(Shape, Vec<Kept>)> {
    let path = |m: &Kept| m.contained.path.clone();
    let infos: BTreeSet<String> = members
        .iter()
        .filter_map(|m| m.contained.path.split_once('/'))
        .filter(|(first, rest)| first.ends_with(".dist-info") && *rest == "METADATA")
        .map(|(first, _)| first.to_owned())
        .collect();
    let shape = |kind, root: &str| Shape {
        kind,
        root: root.to_owned(),
    };
    if infos.is_empty() {
        if members.is_empty() {
            return None;
        }
        // An unpacked source archive may have its one folder round it.
        let root = recognise("folder", members.iter().map(|m| m.contained.path.as_str()))
            .map(|s| s.root)
            .unwrap_or_default();
        return Some((shape(DistributionKind::Folder, &root), members));
    }
    let own = infos
        .iter()
        .find(|i| info_folder(i).is_some_and(|i| Some(normalise(&i.name).as_str()) == wanted))
        .or_else(|| infos.iter().next())?;
    if infos.len() == 1 {
        return Some((shape(DistributionKind::Installed, ""), members));
    }
    let record = members
        .iter()
        .find(|m| m.contained.path == format!("{own}/RECORD"))
        .and_then(|m| m.contained.text.clone());
    let rows: BTreeSet<String> = match record {
        Some(text) => read_record(&text, budget)
            .rows
            .into_iter()
            .map(|r| r.path)
            .collect(),
        None => BTreeSet::new(),
    };
    let prefix = format!("{own}/");
    let listed = |m: &Kept| rows.contains(&path(m)) || m.contained.path.starts_with(&prefix);
    let members: Vec<Kept> = members.into_iter().filter(listed).collect();
    Some((shape(DistributionKind::Installed, ""), members))
}

fn side(
    artifact: ArtifactPath,
    (file, shape, container): (String, Shape, Vec<Anomaly>),
    kept: Vec<Kept>,
    budget: &mut Budget,
) -> (Side, Outcome) {
    let (members, rest): (Vec<Contained>, Vec<Rest>) = kept.into_iter().map(split).unzip();
    let mut parts = Parts {
        file,
        shape,
        members,
        whole: true,
        container,
    };
    let mut distribution = read(&parts, budget);
    by_file_name(&mut distribution, &parts.file);
    if distribution.kind == DistributionKind::Installed {
        // What an installer adds is listed without digests, or not at all.
        distribution.anomalies.retain(|a| {
            !matches!(
                a.kind,
                AnomalyKind::ForeignInfo | AnomalyKind::Tags | AnomalyKind::Name
            )
        });
    }
    let imports = parts
        .members
        .iter()
        .zip(&rest)
        .filter(|(_, r)| !r.imports.is_empty())
        .map(|(m, r)| (m.path.clone(), r.imports.clone()))
        .collect();
    spread(&mut distribution, &imports, budget);
    let mut files: BTreeMap<String, ReleasedFile> = BTreeMap::new();
    let mut sources: Vec<(String, Arc<str>)> = Vec::new();
    for (contained, rest) in parts.members.drain(..).zip(rest) {
        let Some(member) = distribution.member(&contained.path) else {
            continue;
        };
        let mut path = aligned(&distribution, member);
        // Of two members of one name installers may take either.
        if files.contains_key(&path) {
            path = format!("{path}~{}", files.len());
        }
        let site = member.site.as_deref();
        let is_hook = package_code::is_pth(site);
        let is_code = is_hook || package_code::is_start(site) || rest.is_python;
        if let Some(text) = contained.text.as_ref().filter(|_| is_code) {
            let text = if is_hook {
                package_code::blanked(text)
            } else {
                Arc::clone(text)
            };
            sources.push((path.clone(), text));
        }
        files.insert(
            path,
            ReleasedFile {
                artifact: rest.artifact,
                text: contained.text,
                size: contained.size,
                digest: contained.digest,
                trigger: member.trigger,
                kind: member.kind,
                abilities: rest.abilities,
                foreign: rest.foreign,
                functions: rest.functions,
                calls: rest.calls,
            },
        );
    }
    let code: Vec<SourceFile<'_>> = sources
        .iter()
        .map(|(path, text)| SourceFile { path, text })
        .collect();
    let analysis = analyse_package(&code, budget);
    let outcome = distribution.outcome.clone().and(analysis.outcome.clone());
    let side = Side {
        artifact,
        distribution,
        files,
        analysis,
    };
    (side, outcome)
}

/// What is known of a member beside its bytes.
struct Rest {
    artifact: ArtifactPath,
    is_python: bool,
    imports: Vec<String>,
    functions: BTreeSet<String>,
    calls: Vec<FunctionCall>,
    abilities: BTreeSet<&'static str>,
    foreign: bool,
}

fn split(kept: Kept) -> (Contained, Rest) {
    let rest = Rest {
        artifact: kept.artifact,
        is_python: kept.is_python,
        imports: kept.imports,
        functions: kept.functions,
        calls: kept.calls,
        abilities: kept.abilities,
        foreign: kept.foreign,
    };
    (kept.contained, rest)
}

/// Name and version from the name of the file, where the metadata do not say them.
fn by_file_name(distribution: &mut Distribution, file: &str) {
    let stem = match distribution.kind {
        DistributionKind::Wheel => file.strip_suffix(".whl"),
        DistributionKind::Egg => file.strip_suffix(".egg"),
        DistributionKind::Sdist => [".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"]
            .iter()
            .find_map(|e| file.strip_suffix(e)),
        _ => None,
    };
    let Some(stem) = stem else { return };
    let parts = if distribution.kind == DistributionKind::Sdist {
        stem.rsplit_once('-')
    } else {
        let mut parts = stem.split('-');
        parts.next().zip(parts.next())
    };
    if let Some((name, version)) = parts {
        distribution.name.get_or_insert_with(|| normalise(name));
        distribution.version.get_or_insert_with(|| version.to_owned());
    }
}

/// The path of a file that it has in every kind of distribution.
fn aligned(distribution: &Distribution, member: &Member) -> String {
    if let Some(site) = &member.site {
        return site.clone();
    }
    let path = member.path.trim_start_matches("./");
    let path = path.strip_prefix(distribution.root.as_str()).unwrap_or(path);
    if let Some((first, rest)) = path.split_once('/') {
        if first.ends_with(".dist-info") || first == "EGG-INFO" {
            return format!("dist-info/{rest}");
        }
        if first.ends_with(".data") {
            return rest
                .strip_prefix("scripts/")
                .map_or_else(|| format!("data/{rest}"), |name| format!("bin/{name}"));
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wellhead_packages::distribution::{MemberKind, Trigger};

    #[test]
    fn a_file_has_one_path_in_every_kind_of_distribution() {
        for (kind, root, path, site, expected) in [
            (DistributionKind::Wheel, "", "p/a.py", Some("p/a.py"), "p/a.py"),
            (
                DistributionKind::Wheel,
                "",
                "p-1.0.data/purelib/p/a.py",
                Some("p/a.py"),
                "p/a.py",
            ),
            (
                DistributionKind::Wheel,
                "",
                "p-1.0.dist-info/METADATA",
                None,
                "dist-info/METADATA",
            ),
            (
                DistributionKind::Wheel,
                "",
                "p-1.0.data/scripts/run",
                None,
                "bin/run",
            ),
            (
                DistributionKind::Egg,
                "",
                "EGG-INFO/PKG-INFO",
                None,
                "dist-info/PKG-INFO",
            ),
            (
                DistributionKind::Sdist,
                "p-1.0/",
                "p-1.0/src/p/a.py",
                Some("p/a.py"),
                "p/a.py",
            ),
            (
                DistributionKind::Sdist,
                "p-1.0/",
                "p-1.0/setup.py",
                None,
                "setup.py",
            ),
        ] {
            let distribution = Distribution {
                kind,
                name: None,
                version: None,
                metadata: None,
                root: root.to_owned(),
                members: Vec::new(),
                anomalies: Vec::new(),
                entry_points: Vec::new(),
                top_level: Vec::new(),
                file: String::new(),
                provenance: wellhead_packages::distribution::Provenance::default(),
                borrowed: None,
                described_by: None,
                outcome: Outcome::Analysed,
            };
            let member = Member {
                path: path.to_owned(),
                site: site.map(str::to_owned),
                size: 0,
                digest: None,
                trigger: Trigger::Lazy,
                kind: MemberKind::Python,
            };
            assert_eq!(aligned(&distribution, &member), expected, "{path}");
        }
    }
}
