//! `[sources]` of the policy against everything that the target takes from elsewhere.
//!
//! Every place that names a source becomes one [`Use`], whatever file it stands in; a use that no entry of its list
//! covers is a finding at both places, the use and the list. Uses of one source in one file are one finding, so that a
//! lock of hundreds of packages says it once.

use crate::config::{AllowedSources, SourceKind, Sources};
use std::collections::{BTreeMap, BTreeSet};
use wellhead_core::{ArtifactPath, Component, Ecosystem, Finding, Location, Severity, Source, code, escape};
use wellhead_packages::{
    ManifestKind, Project,
    index::{
        Address, DecidedBy, Derivation, IndexEntry, IndexRole, Manager, PUBLIC_INDEX, Passing, Place,
        SourceCandidate, glob,
    },
};
use wellhead_rules::{INTERNAL_PACKAGE_EXPOSED, SOURCE_NOT_ALLOWED, Taken, TakenFrom, UNUSED_ALLOWED_SOURCE};

/// One place that takes something from a source.
struct Use {
    kind: SourceKind,
    /// The source, safe to show.
    shown: String,
    place: Place,
    /// What is taken, where it is a package.
    package: Option<String>,
    location: Location,
}

/// Uses of one source in one file.
type Key = (ArtifactPath, SourceKind, Vec<String>);

/// What the policy says about all sources of a target.
pub(crate) fn judge(sources: &Sources, project: &Project, taken: Vec<Taken>) -> Judged {
    let mut derivations = project.derivations();
    underived(project, &mut derivations);
    let mut uses = Vec::new();
    manifests(project, &derivations, &mut uses);
    uses.extend(taken.into_iter().map(of_taken));
    let mut used: BTreeSet<(SourceKind, usize)> = BTreeSet::new();
    let mut wrong: BTreeMap<Key, (Use, BTreeSet<String>)> = BTreeMap::new();
    for one in uses {
        // Without a list of its own an address is judged as what it goes round: the indexes.
        let kind = restricting(sources, one.kind);
        let Some(list) = sources.list(kind) else {
            continue;
        };
        let covering = covering(list, &one.place).map(|at| (kind, at));
        if let Some(at) = covering.or_else(|| of_a_file(sources, &one)) {
            used.insert(at);
            continue;
        }
        // The place of a file's own host says more than each of its files.
        let mut key = one.place.parts.clone();
        if one.kind == SourceKind::Url {
            key.truncate(1);
        }
        let key = (one.location.artifact.clone(), one.kind, key);
        let package = one.package.clone();
        let entry = wrong.entry(key).or_insert_with(|| (one, BTreeSet::new()));
        entry.1.extend(package);
    }
    let mut out: Vec<Finding> = wrong
        .into_values()
        .filter_map(|(one, packages)| {
            let list = sources.list(restricting(sources, one.kind))?;
            Some(finding(list, &one, &packages))
        })
        .collect();
    out.extend(unused(sources, &used));
    let mut judged = Judged {
        findings: out,
        proved: BTreeSet::new(),
    };
    internal(sources, &derivations, &mut judged);
    judged
}

/// What the policy came to.
pub(crate) struct Judged {
    pub(crate) findings: Vec<Finding>,
    /// Internal packages that can only come from the internal index.
    pub(crate) proved: BTreeSet<String>,
}

/// Whether a package is one of the internal ones.
pub(crate) fn is_internal(sources: &Sources, package: &str) -> bool {
    sources
        .internal_packages
        .iter()
        .any(|p| glob(&pattern_of_name(&p.text), package))
}

/// Patterns are written as names are, in any form.
fn pattern_of_name(text: &str) -> String {
    wellhead_packages::normalise(text)
}

/// Proves for each internal package that only the internal index can supply it, or says who else could.
fn internal(sources: &Sources, derivations: &[Derivation], judged: &mut Judged) {
    let trusted: Vec<Place> = sources
        .internal_index
        .iter()
        .map(|i| Place::of_address(&i.text))
        .collect();
    let is_trusted = |s: &SourceCandidate| {
        let place = Place::of_address(&s.address.shown);
        trusted.iter().any(|t| t.covers(&place))
    };
    let mut open: BTreeMap<(ArtifactPath, String), Exposed<'_>> = BTreeMap::new();
    for derivation in derivations.iter().filter(|d| is_internal(sources, &d.package)) {
        let rivals: Vec<&SourceCandidate> = match derivation.rivals(&is_trusted) {
            Some(rivals) => rivals.collect(),
            // The internal index is not asked, so whatever is asked supplies it; the project's own folder is its own.
            None => derivation
                .sources
                .iter()
                .filter(|s| !s.address.is_local() || !s.address.scheme.is_empty())
                .collect(),
        };
        let any_bytes = derivation.decided_by != DecidedBy::Hash;
        let unsaid =
            (derivation.sources.is_empty() && derivation.locked) || (derivation.left_out > 0 && any_bytes);
        if rivals.is_empty() && !unsaid {
            judged.proved.insert(derivation.package.clone());
            continue;
        }
        let key = (derivation.scope.clone(), derivation.package.clone());
        let asked = derivation.sources.iter().any(is_trusted);
        let entry = open.entry(key).or_insert_with(|| Exposed {
            derivation,
            rivals: Vec::new(),
            asked,
        });
        for rival in rivals {
            if !entry
                .rivals
                .iter()
                .any(|r| r.address.key() == rival.address.key())
            {
                entry.rivals.push(rival);
            }
        }
    }
    for ((_, package), exposed) in &open {
        judged.proved.remove(package);
        let pattern = sources
            .internal_packages
            .iter()
            .find(|p| glob(&pattern_of_name(&p.text), package));
        let at = pattern.map(|p| p.location.clone());
        judged.findings.push(exposed.finding(at));
    }
}

/// An internal package that others could supply.
struct Exposed<'a> {
    derivation: &'a Derivation,
    rivals: Vec<&'a SourceCandidate>,
    /// Whether the internal index is asked as well.
    asked: bool,
}

impl Exposed<'_> {
    fn finding(&self, pattern: Option<Location>) -> Finding {
        let d = self.derivation;
        let package = code(&d.package);
        let public = self.rivals.iter().any(|r| r.address.is_public_index());
        let who: Vec<String> = self.rivals.iter().map(|r| code(&r.address.shown)).collect();
        let message = if public {
            format!("anyone who publishes {package} on the public index can supply this internal package")
        } else if who.is_empty() {
            format!("nothing says from where the internal package {package} comes")
        } else {
            format!(
                "the internal package {package} can come from {}",
                who.join(" or ")
            )
        };
        let severity = if public {
            Severity::Critical
        } else {
            Severity::High
        };
        let mut used = d.declared.clone();
        relabel(&mut used, "asked for here");
        let mut finding = Finding::new(&INTERNAL_PACKAGE_EXPOSED, message, used)
            .severity(severity)
            .subject(d.package.clone())
            .note(format!("{}: {}", d.manager.name(), d.why))
            .property("package", d.package.as_str())
            .property("manager", d.manager.name())
            .property(
                "rivals",
                self.rivals
                    .iter()
                    .map(|r| r.address.shown.clone())
                    .collect::<Vec<_>>(),
            );
        if !self.asked {
            finding = finding.note("the internal index is not asked for it at all");
        }
        if let Some(pattern) = pattern {
            let mut pattern = pattern;
            relabel(&mut pattern, "internal by this entry");
            finding = finding.at(pattern);
        }
        for line in self.rivals.iter().filter_map(|r| r.declared.as_ref()).take(3) {
            let mut line = line.clone();
            relabel(&mut line, "this source could supply it");
            if line.artifact != d.declared.artifact || line.offset() != d.declared.offset() {
                finding = finding.at(line);
            }
        }
        finding
            .help("let the internal index be the only one that is asked, or tie the package to it")
            .help("or pin the package with the hash of its file, so that no other file is accepted")
    }
}

/// The kind whose list restricts a kind.
fn restricting(sources: &Sources, kind: SourceKind) -> SourceKind {
    if kind == SourceKind::Url && sources.list(kind).is_none() {
        SourceKind::Index
    } else {
        kind
    }
}

/// The entry that covers a place.
fn covering(list: &AllowedSources, place: &Place) -> Option<usize> {
    list.entries
        .iter()
        .position(|entry| pattern(list.kind, &entry.text).covers(place))
}

/// Files of an allowed index or repository, named by their address.
fn of_a_file(sources: &Sources, one: &Use) -> Option<(SourceKind, usize)> {
    if one.kind != SourceKind::Url {
        return None;
    }
    let host = |p: &Place| p.parts.first().cloned();
    let serves = |kind: SourceKind| {
        let list = sources.list(kind)?;
        let at = list.entries.iter().position(|entry| {
            let allowed = Place::of_address(&entry.text);
            // An index lists its files wherever it likes on its host; a host of repositories is many people's.
            let same_host = kind == SourceKind::Index && host(&allowed) == host(&one.place);
            let plain = one.place.scheme.as_deref() == Some("http");
            allowed.covers(&one.place) || (same_host && !plain)
        })?;
        Some((kind, at))
    };
    serves(SourceKind::Index).or_else(|| serves(SourceKind::Git))
}

fn pattern(kind: SourceKind, text: &str) -> Place {
    match kind {
        SourceKind::Channel => Place::of_channel(text),
        SourceKind::Hub => Place::of_hub(text),
        SourceKind::Registry => Place::of_image(text),
        SourceKind::Action => Place::of_action(text),
        SourceKind::Index | SourceKind::Git | SourceKind::Url => Place::of_address(text),
    }
}

fn of_taken(taken: Taken) -> Use {
    let kind = match taken.from {
        TakenFrom::Hub => SourceKind::Hub,
        TakenFrom::Git => SourceKind::Git,
        TakenFrom::Registry => SourceKind::Registry,
        TakenFrom::Action => SourceKind::Action,
    };
    Use {
        kind,
        place: pattern(kind, &taken.name),
        shown: escape(&wellhead_packages::index::mask(&taken.name).text),
        package: None,
        location: taken.location,
    }
}

/// Indexes, channels, repositories and addresses that manifests, locks and configurations name, and the sources that
/// installers ask where nothing is named.
fn manifests(project: &Project, derivations: &[Derivation], uses: &mut Vec<Use>) {
    for manifest in project.files.values() {
        let named = manifest.indexes.entries.iter();
        uses.extend(named.filter(|e| !e.address.is_local()).map(of_entry));
        uses.extend(manifest.components.iter().filter_map(of_component));
    }
    let elsewhere = project.settings.iter().flat_map(|s| &s.entries);
    uses.extend(elsewhere.filter(|e| !e.address.is_local()).map(of_entry));
    for derivation in derivations {
        let unsaid = derivation.sources.iter().filter(|s| s.declared.is_none());
        for source in unsaid.filter(|s| !s.address.is_local()) {
            let kind = if is_conda(derivation.manager) {
                SourceKind::Channel
            } else {
                SourceKind::Index
            };
            uses.push(Use {
                kind,
                place: pattern(kind, &source.address.shown),
                shown: source.address.shown.clone(),
                package: Some(derivation.package.clone()),
                location: derivation.declared.clone(),
            });
        }
    }
}

/// Packages that no installer's configuration is about: whoever installs them asks the public index, unless the machine
/// says otherwise, which no file here does.
fn underived(project: &Project, derivations: &mut Vec<Derivation>) {
    let known: BTreeSet<(ArtifactPath, String)> = derivations
        .iter()
        .map(|d| (d.scope.clone(), d.package.clone()))
        .collect();
    let places: BTreeSet<(ArtifactPath, u64)> = derivations
        .iter()
        .map(|d| (d.declared.artifact.clone(), d.declared.offset()))
        .collect();
    // A lock of the project says it, until it is made anew.
    let locked: BTreeSet<String> = derivations
        .iter()
        .filter(|d| d.locked)
        .map(|d| d.package.clone())
        .collect();
    let public: std::sync::Arc<[SourceCandidate]> = [SourceCandidate {
        address: Address::new(PUBLIC_INDEX),
        role: IndexRole::Default,
        name: None,
        declared: None,
        rank: 0,
    }]
    .into();
    for (path, manifest) in &project.files {
        if !asks(manifest.kind) {
            continue;
        }
        for c in &manifest.components {
            let registry =
                matches!(c.source, Source::Registry { url: None }) && c.ecosystem == Ecosystem::PyPI;
            let elsewhere = known.contains(&(path.clone(), c.name.clone()))
                || places.contains(&(c.declared.artifact.clone(), c.declared.offset()))
                || locked.contains(&c.name);
            if !registry || elsewhere {
                continue;
            }
            derivations.push(Derivation {
                manager: Manager::Pip,
                command: None,
                scope: path.clone(),
                package: c.name.clone(),
                declared: c.declared.clone(),
                sources: std::sync::Arc::clone(&public),
                left_out: 0,
                passing: Passing::UnknownName,
                decided_by: DecidedBy::OnlySource,
                exact: c.bucket == wellhead_core::Bucket::Exact,
                locked: false,
                exposed: None,
                why: "no file says which index is asked, so it is the public one".into(),
            });
        }
    }
}

/// Whether a file asks for packages, rather than pinning or listing what somebody else asked for.
fn asks(kind: ManifestKind) -> bool {
    matches!(
        kind,
        ManifestKind::Requirements
            | ManifestKind::Pyproject
            | ManifestKind::Commands
            | ManifestKind::Pipfile
            | ManifestKind::Script
            | ManifestKind::CondaEnvironment
            | ManifestKind::Pixi
            | ManifestKind::Hatch
            | ManifestKind::SetupCfg
            | ManifestKind::SetupPy
    )
}

fn of_entry(entry: &IndexEntry) -> Use {
    let is_channel = is_conda(entry.manager) || (entry.manager == Manager::Pixi && is_channel(entry));
    let shown = match &entry.name {
        Some(name) if is_channel => name.clone(),
        _ => entry.address.shown.clone(),
    };
    let kind = if is_channel {
        SourceKind::Channel
    } else {
        SourceKind::Index
    };
    Use {
        kind,
        place: pattern(kind, &entry.address.shown),
        shown,
        package: None,
        location: entry.declared.clone(),
    }
}

/// pixi names channels and indexes alike: a channel has a name, or lies on a host of channels, or is at least no page
/// of the simple interface.
fn is_channel(entry: &IndexEntry) -> bool {
    let shown = &entry.address.shown;
    let known = Place::of_channel(shown).parts.len() < Place::of_address(shown).parts.len();
    let simple = shown.trim_end_matches('/').ends_with("/simple") || entry.address.is_public_index();
    known || entry.name.is_some() || (!simple && entry.role == IndexRole::Extra)
}

fn is_conda(manager: Manager) -> bool {
    manager == Manager::Conda
}

/// Where a component is taken from, where its own line says so.
fn of_component(component: &Component) -> Option<Use> {
    let conda = component.ecosystem == Ecosystem::Conda;
    let (kind, shown) = match &component.source {
        Source::Registry { url: Some(url) } if conda => (SourceKind::Channel, url.clone()),
        Source::Registry { url: Some(url) } if component.ecosystem == Ecosystem::PyPI => {
            (SourceKind::Index, url.clone())
        }
        Source::Vcs { url, .. } => (SourceKind::Git, url.clone()),
        // A package of a channel may be named by its whole address.
        Source::Url { url } if conda => (SourceKind::Channel, url.clone()),
        Source::Url { url } => (SourceKind::Url, url.clone()),
        Source::Registry { .. } | Source::Path { .. } => return None,
    };
    let place = pattern(kind, &shown);
    let local = Address::new(&shown).is_local() && shown.contains("://");
    (!local).then(|| Use {
        kind,
        place,
        shown,
        package: Some(component.name.clone()),
        location: component.declared.clone(),
    })
}

fn finding(list: &AllowedSources, one: &Use, packages: &BTreeSet<String>) -> Finding {
    let shown = code(&one.shown);
    let message = match (packages.first(), packages.len()) {
        (Some(package), 1) => format!(
            "{} is taken from {shown}, which the policy does not allow",
            code(package)
        ),
        (Some(package), n) => format!(
            "{} and {} more packages are taken from {shown}, which the policy does not allow",
            code(package),
            n.saturating_sub(1)
        ),
        (None, _) => format!(
            "{} is used that the policy does not allow: {shown}",
            one.kind.describe()
        ),
    };
    let mut used = one.location.clone();
    relabel(&mut used, "taken from there");
    Finding::new(&SOURCE_NOT_ALLOWED, message, used)
        .at(list.location.clone())
        .subject(format!("{} {}", one.kind.key(), one.shown))
        .help(format!(
            "take it from an allowed source, or add the source to `{}` in `[sources]`",
            list.kind.key()
        ))
        .property("kind", one.kind.key())
        .property("source", one.shown.as_str())
        .property("packages", packages.iter().cloned().collect::<Vec<_>>())
}

/// Says what a place is there for.
pub(crate) fn relabel(location: &mut Location, label: &str) {
    label.clone_into(&mut location.label);
    let marks = location.excerpt.iter_mut().flat_map(|e| &mut e.marks);
    for mark in marks.filter(|m| m.primary) {
        label.clone_into(&mut mark.label);
    }
}

fn unused(sources: &Sources, used: &BTreeSet<(SourceKind, usize)>) -> Vec<Finding> {
    let mut out = Vec::new();
    for list in &sources.lists {
        for (at, entry) in list.entries.iter().enumerate() {
            if used.contains(&(list.kind, at)) {
                continue;
            }
            out.push(
                Finding::new(
                    &UNUSED_ALLOWED_SOURCE,
                    format!(
                        "nothing comes from {}, which the policy allows",
                        code(&entry.text)
                    ),
                    entry.location.clone(),
                )
                .subject(format!("{} {}", list.kind.key(), entry.text))
                .help("remove the entry"),
            );
        }
    }
    out
}
