//! The project as a whole: inventory, enrichment, and the rules that need all of it.

use crate::{
    facts::Fact,
    freshness,
    repository::{Files, Found},
    run::Options,
    scoreboard::Scoreboard,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use wellhead_core::{
    ArtifactPath, Blob, Bucket, Budget, Component, Coverage, DatabaseInfo, Digest, DigestAlgorithm, Finding,
    Location, Measure, Need, Sink,
};
use wellhead_formats::read_text;
use wellhead_packages::{Dependency, Manifest, ManifestKind, Project, incident, read_manifest};
use wellhead_rules::{NOT_FULLY_ANALYSED, Subject};
use wellhead_sources::Entry;
use wellhead_trust::{Attestations, Attested, attested_file};

/// What the project as a whole came to.
#[derive(Debug, Default)]
pub(crate) struct ProjectResult {
    pub(crate) findings: Vec<Finding>,
    pub(crate) components: Vec<Component>,
    pub(crate) databases: Vec<DatabaseInfo>,
    pub(crate) coverage: Vec<Coverage>,
    pub(crate) not_assessed: Vec<String>,
    /// The names by which the project calls itself.
    pub(crate) names: BTreeSet<String>,
}

/// Judges what all files together tell. `files` are asked for what manifests include.
pub(crate) fn judge(
    facts: Vec<Fact>,
    files: &[(String, Entry)],
    repositories: &Files<'_>,
    options: &Options<'_>,
    scoreboard: &mut Scoreboard,
) -> ProjectResult {
    let mut stage = Stage {
        options,
        scoreboard,
        budget: Budget::new(options.limits.clone(), Arc::clone(&options.cancelled)),
        result: ProjectResult::default(),
        unjudged: false,
    };
    let mut project = Project::default();
    let mut taken = Vec::new();
    for fact in facts {
        match fact {
            Fact::Manifest(path, manifest) => {
                project.files.insert(path, *manifest);
            }
            Fact::Attestation(path, document) => stage.attestation(&path, *document, files),
            // Layers are joined before.
            Fact::Layer(..) | Fact::Image(..) | Fact::Elsewhere(..) => {}
            Fact::Taken(more) => taken.extend(more),
            Fact::Constants(..) | Fact::Awaiting(..) => {}
            Fact::Module(..) => {}
            // Services are taken out before.
            Fact::Service(..) => {}
            Fact::Imports(..) | Fact::Started(..) | Fact::Loads(..) | Fact::ModelsLock(..) => {}
        }
    }
    stage.commanded(&mut project.files, files);
    stage.include(&mut project.files, files);
    options.observer.joined(&project);
    stage.manifests(&project);
    stage.dependencies(&project);
    stage.sources(&project, taken);
    stage.repositories(repositories);
    stage.result
}

struct Stage<'a, 'o> {
    options: &'a Options<'o>,
    scoreboard: &'a mut Scoreboard,
    budget: Budget,
    result: ProjectResult,
    /// The budget ended before all was judged.
    unjudged: bool,
}

/// Why a package was not looked at.
const UNJUDGED: &str = "the project takes more time than it may";

/// What could not be understood: a line for each file, and one for all where they are many, since each place is a
/// finding of its own.
fn places_not_understood(files: &[(String, usize)]) -> Vec<String> {
    const FEW: usize = 3;
    let line = |places: usize, of: &str| {
        let word = if places == 1 { "place" } else { "places" };
        format!("{places} {word} of {of} could not be understood, so nothing was looked up there")
    };
    if files.len() > FEW {
        let places = files.iter().map(|(_, n)| n).sum();
        return vec![line(places, &format!("{} files", files.len()))];
    }
    files.iter().map(|(path, n)| line(*n, path)).collect()
}

impl Stage<'_, '_> {
    fn subject(&mut self, path: &ArtifactPath, subject: Subject<'_>, purl: Option<&str>) {
        let mut sink = Sink::new(path.clone());
        let enabled = |rule: &wellhead_core::Rule| self.options.enables(rule);
        for measure in wellhead_rules::judge(subject, &enabled, &mut sink) {
            let name = purl.map_or_else(|| path.to_string(), str::to_owned);
            self.scoreboard.judged(measure, name);
        }
        self.result.findings.extend(sink.into_findings());
    }

    /// Whether the project as a whole has used up what it may: the first to see it says so, and that nothing more is
    /// judged. Files were read before, within budgets of their own.
    fn spent(&mut self, at: &ArtifactPath) -> bool {
        if self.unjudged {
            return true;
        }
        let Err(why) = self.budget.steps(1).and_then(|()| self.budget.check_clock()) else {
            return false;
        };
        self.unjudged = true;
        self.result
            .not_assessed
            .push(format!("the project as a whole was judged only in part: {why}"));
        if self.options.enables(&NOT_FULLY_ANALYSED) {
            let message = format!("the packages of this project were judged only up to here: {why}");
            self.result.findings.push(
                Finding::new(
                    &NOT_FULLY_ANALYSED,
                    message,
                    Location::whole(at, "not judged from here on"),
                )
                .help("audit its parts one by one, or raise the ceiling if the project is your own")
                .subject(format!("project {:?}", why.resource)),
            );
        }
        true
    }

    fn manifests(&mut self, project: &Project) {
        let mut not_understood = Vec::new();
        for (path, manifest) in &project.files {
            if self.spent(path) {
                self.scoreboard.not_assessed(Measure::Updates, 1);
                continue;
            }
            self.subject(path, Subject::Manifest(manifest), None);
            let name = manifest.project.as_ref().and_then(|p| p.name.clone());
            self.result.names.extend(name);
            let problems = manifest.problems.len();
            if problems > 0 {
                self.scoreboard.not_assessed(Measure::Updates, problems as u64);
                not_understood.push((path.to_string(), problems));
            }
        }
        self.result
            .not_assessed
            .extend(places_not_understood(&not_understood));
        let Some(first) = project.files.keys().next() else {
            return;
        };
        if self.spent(first) {
            return;
        }
        // What is said of the project is said at the places it names; that it was judged counts for each file.
        let mut sink = Sink::new(first.clone());
        let enabled = |rule: &wellhead_core::Rule| self.options.enables(rule);
        for measure in wellhead_rules::judge(Subject::Project(project), &enabled, &mut sink) {
            for path in project.files.keys() {
                self.scoreboard.judged(measure, path.to_string());
            }
        }
        self.result.findings.extend(sink.into_findings());
        let left_out = project.sources_left_out();
        self.scoreboard
            .not_assessed(Measure::Sources, left_out.len() as u64);
        let lines = left_out.iter().map(|(path, n)| {
            format!("packages of {path} are asked of {n} more sources, which were not held against them")
        });
        self.result.not_assessed.extend(lines);
    }

    /// Holds what is taken from elsewhere against the policy.
    fn sources(&mut self, project: &Project, taken: Vec<wellhead_rules::Taken>) {
        if let Some(sources) = &self.options.config.sources {
            let judged = crate::source_policy::judge(sources, project, taken);
            let asked = judged
                .findings
                .into_iter()
                .filter(|f| wellhead_rules::find(&f.rule).is_none_or(|rule| self.options.enables(rule)));
            for package in judged.proved {
                self.scoreboard
                    .judged(Measure::Sources, format!("internal {package}"));
            }
            // A name that the policy calls internal is nobody's slip.
            self.result.findings.retain(|f| {
                let package = f.properties.get("package").and_then(|v| v.as_str());
                f.rule != "look-alike-package"
                    || !package.is_some_and(|p| crate::source_policy::is_internal(sources, p))
            });
            self.result.findings.extend(asked);
        }
    }

    /// Reads the files that manifests include and that no name gave away.
    fn include(&mut self, manifests: &mut BTreeMap<ArtifactPath, Manifest>, files: &[(String, Entry)]) {
        let entries: BTreeMap<&str, &Entry> =
            files.iter().map(|(path, entry)| (path.as_str(), entry)).collect();
        let mut waiting: Vec<ArtifactPath> = manifests.keys().cloned().collect();
        let mut missing = BTreeSet::new();
        while let Some(path) = waiting.pop() {
            let includes = manifests
                .get(&path)
                .map(|m| m.includes.clone())
                .unwrap_or_default();
            for include in includes.into_iter().filter(|_| path.nesting() == 0) {
                let Some(target) = join(path.top(), &include.path) else {
                    // What lies on another machine has a finding of its own.
                    if !include.path.contains("://") {
                        missing.insert(format!(
                            "{path} includes {}, which lies outside of what is audited",
                            wellhead_core::code(&include.path)
                        ));
                    }
                    continue;
                };
                let artifact = ArtifactPath::file(target.clone());
                if manifests.contains_key(&artifact) {
                    continue;
                }
                // A file of its own has a budget of its own, whoever names it.
                let limits = self.options.limits.clone();
                let mut budget = Budget::new(limits, Arc::clone(&self.options.cancelled));
                let text = entries
                    .get(target.as_str())
                    .and_then(|entry| entry.open().ok())
                    .and_then(|blob| read_text(&blob, &mut budget).ok());
                let Some((text, outcome)) = text else {
                    missing.insert(format!(
                        "{path} includes {}, which is not here",
                        wellhead_core::code(&include.path)
                    ));
                    continue;
                };
                let manifest = read_manifest(include.kind, &artifact, &text.text, &mut budget);
                if let Some(why) = outcome.and(manifest.outcome.clone()).why() {
                    missing.insert(format!("{artifact} was not wholly read: {why}"));
                }
                manifests.insert(artifact.clone(), manifest);
                waiting.push(artifact);
            }
        }
        self.scoreboard
            .not_assessed(Measure::Updates, missing.len() as u64);
        self.result.not_assessed.extend(missing);
        wellhead_packages::check_includes(manifests);
    }

    /// Reads the files that commands install from and that no name gave away. Where a command runs is seldom where it
    /// is written, so a file of that name anywhere will do.
    fn commanded(&mut self, manifests: &mut BTreeMap<ArtifactPath, Manifest>, files: &[(String, Entry)]) {
        let wanted: Vec<(ArtifactPath, usize, String, ManifestKind)> = manifests
            .iter()
            .filter(|(path, m)| m.kind == ManifestKind::Commands && path.nesting() == 1)
            .flat_map(|(path, m)| {
                let includes = m.includes.iter().enumerate();
                includes.map(move |(n, i)| (path.clone(), n, i.path.clone(), i.kind))
            })
            .collect();
        if wanted.is_empty() {
            return;
        }
        let entries: BTreeMap<&str, &Entry> =
            files.iter().map(|(path, entry)| (path.as_str(), entry)).collect();
        // Of several files of one name nobody can tell which is meant, unless they were read by their name anyhow.
        let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for path in entries.keys() {
            let name = path.rsplit('/').next().unwrap_or(path);
            by_name.entry(name).or_default().push(path);
        }
        let mut missing = BTreeSet::new();
        for (path, n, written, kind) in wanted {
            let shown = wellhead_core::code(&written);
            let name = written.rsplit(['/', '\\']).next().unwrap_or_default();
            let near = [join(path.top(), &written), join("", &written)]
                .into_iter()
                .flatten();
            let near = near
                .filter_map(|p| entries.get_key_value(p.as_str()).map(|(p, _)| *p))
                .next();
            let only = by_name.get(name).filter(|all| all.len() == 1);
            let sure = near.or_else(|| only.and_then(|all| all.first().copied()));
            // What the command says of indexes holds for the file that it installs from.
            if let Some(target) = sure
                && let Some(include) = manifests.get_mut(&path).and_then(|m| m.includes.get_mut(n))
            {
                let up = "../".repeat(path.top().matches('/').count());
                include.path = format!("{up}{target}");
            }
            let found = near.or_else(|| match by_name.get(name).map(Vec::as_slice) {
                Some([one]) => Some(*one),
                Some(several) => several
                    .iter()
                    .copied()
                    .find(|p| manifests.contains_key(&ArtifactPath::file(*p))),
                None => None,
            });
            let Some(target) = found else {
                if !written.contains("://") && kind != ManifestKind::Pyproject {
                    missing.insert(format!("{} installs from {shown}, which is not here", path.top()));
                }
                continue;
            };
            let artifact = ArtifactPath::file(target);
            if manifests.contains_key(&artifact) {
                continue;
            }
            let limits = self.options.limits.clone();
            let mut budget = Budget::new(limits, Arc::clone(&self.options.cancelled));
            let blob = entries.get(target).and_then(|entry| entry.open().ok());
            match blob.and_then(|blob| read_text(&blob, &mut budget).ok()) {
                Some((text, outcome)) => {
                    let manifest = read_manifest(kind, &artifact, &text.text, &mut budget);
                    if let Some(why) = outcome.and(manifest.outcome.clone()).why() {
                        missing.insert(format!("{artifact} was not wholly read: {why}"));
                    }
                    manifests.insert(artifact, manifest);
                }
                None => {
                    missing.insert(format!(
                        "{} installs from {shown}, which could not be read",
                        path.top()
                    ));
                }
            }
        }
        self.scoreboard
            .not_assessed(Measure::Updates, missing.len() as u64);
        self.result.not_assessed.extend(missing);
    }

    /// Judges every model repository of the target; what lies in one is not one of its own.
    fn repositories(&mut self, files: &Files<'_>) {
        let mut done: Vec<String> = Vec::new();
        for folder in files.folders() {
            if done.iter().any(|outer| folder.starts_with(outer.as_str())) {
                continue;
            }
            let Found { repository, left_out } = files.read(folder, self.options);
            if repository.is_model {
                done.push(folder.to_owned());
            }
            if let Some(why) = left_out.filter(|_| repository.is_model) {
                let shown = wellhead_core::code(&repository.folder);
                self.scoreboard.not_assessed(Measure::Integrity, 1);
                self.result.not_assessed.push(format!(
                    "a part of the model repository {shown} was not looked at: {why}"
                ));
            }
            let mut sink = Sink::new(ArtifactPath::file(folder));
            let enabled = |rule: &wellhead_core::Rule| self.options.enables(rule);
            let measures = wellhead_rules::judge(Subject::Repository(&repository), &enabled, &mut sink);
            for measure in measures {
                for document in repository.documents.values() {
                    self.scoreboard.judged(measure, document.artifact.to_string());
                }
            }
            self.result.findings.extend(sink.into_findings());
        }
    }

    /// Compares attestations with the file beside them.
    fn attestation(&mut self, path: &ArtifactPath, document: Attestations, files: &[(String, Entry)]) {
        let Some(target) = attested_file(path.top()).filter(|_| path.nesting() == 0) else {
            return;
        };
        let beside = files.iter().find(|(name, _)| name == target);
        let digest = beside
            .and_then(|(_, entry)| entry.open().ok())
            .and_then(|blob| self.digest(&blob));
        let file_name = target.rsplit('/').next().unwrap_or(target).to_owned();
        let attested = Attested {
            document,
            file_name,
            digest,
        };
        self.subject(path, Subject::Attestation(&attested), None);
    }

    /// The SHA-256 of all bytes of a blob; `None` where they cannot be read within the budget.
    fn digest(&mut self, blob: &Blob) -> Option<Digest> {
        let hex = crate::digest::sha256(blob, &mut self.budget)?;
        Some(Digest {
            algorithm: DigestAlgorithm::Sha256,
            hex,
        })
    }

    fn dependencies(&mut self, project: &Project) {
        let mut asked = 0_u64;
        let mut damaged = None;
        let settlement = project.settlement();
        for (path, manifest) in &project.files {
            for component in &manifest.components {
                if matches!(component.bucket, Bucket::Unauditable { .. }) {
                    self.scoreboard.not_assessed(Measure::Updates, 1);
                }
                asked = asked.saturating_add(1);
                if self.spent(path) {
                    let mut component = component.clone();
                    component.bucket = Bucket::Unauditable {
                        why: UNJUDGED.to_owned(),
                    };
                    self.scoreboard.not_assessed(Measure::Updates, 1);
                    self.result.components.push(component);
                    continue;
                }
                let purl = component.purl();
                let database = self.options.database.filter(|_| damaged.is_none());
                let asked = Dependency::new(component.clone(), manifest.kind, database, &mut self.budget);
                let dependency = match asked {
                    Ok(dependency) => Some(dependency),
                    Err(e) => {
                        damaged.get_or_insert_with(|| e.to_string());
                        // Without a database only memory could fail, and then the incident list is too long to ask.
                        Dependency::new(component.clone(), manifest.kind, None, &mut self.budget).ok()
                    }
                };
                let mut component = component.clone();
                if let Some(why) = dependency.as_ref().and_then(Dependency::unasked) {
                    // A version that nobody was asked about is not audited.
                    component.bucket = Bucket::Unauditable { why: why.to_owned() };
                    self.scoreboard.not_assessed(Measure::Updates, 1);
                }
                if let Some(mut dependency) = dependency {
                    dependency.settled_elsewhere = settlement.settles(path, &component);
                    self.subject(path, Subject::Dependency(&dependency), Some(&purl));
                }
                self.result.components.push(component);
            }
        }
        self.databases(asked, damaged);
    }

    /// Says which databases were asked about so many components, and what speaks against relying on them.
    fn databases(&mut self, asked: u64, damaged: Option<String>) {
        if self.result.components.is_empty() {
            return;
        }
        self.result.databases.push(incident::info());
        let asked_ones = self.options.database.into_iter();
        self.result
            .databases
            .extend(asked_ones.flat_map(wellhead_packages::Database::infos));
        let wanted = wellhead_rules::rules()
            .into_iter()
            .any(|rule| rule.needs.contains(&Need::Advisories) && self.options.enables(rule));
        if !wanted {
            return;
        }
        let damaged =
            damaged.map(|why| format!("the advisory database could not be asked for all packages: {why}"));
        for why in [freshness::trouble(self.options), damaged].into_iter().flatten() {
            self.scoreboard.not_assessed(Measure::Updates, asked);
            self.result.not_assessed.push(why);
        }
    }
}

/// A path as a file names it, from the folder of that file; `None` where it leaves the target.
fn join(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if path.starts_with('/') || path.contains("://") {
        return None;
    }
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn included_paths_stay_in_the_target() {
        for (from, path, expected) in [
            ("requirements.txt", "base.txt", Some("base.txt")),
            ("a/requirements.txt", "../base.txt", Some("base.txt")),
            ("a/requirements.txt", "./b/../c.txt", Some("a/c.txt")),
            ("requirements.txt", "../base.txt", None),
            ("requirements.txt", "/etc/passwd", None),
            ("requirements.txt", "https://x.example/r.txt", None),
        ] {
            assert_eq!(join(from, path).as_deref(), expected);
        }
    }

    #[test]
    fn many_files_that_were_not_understood_are_one_line() {
        let files: Vec<(String, usize)> = (1..=4).map(|n| (format!("f{n}.txt"), n)).collect();
        assert_eq!(
            places_not_understood(files.get(..2).unwrap()),
            [
                "1 place of f1.txt could not be understood, so nothing was looked up there",
                "2 places of f2.txt could not be understood, so nothing was looked up there",
            ]
        );
        assert_eq!(
            places_not_understood(&files),
            ["10 places of 4 files could not be understood, so nothing was looked up there"]
        );
        assert!(places_not_understood(&[]).is_empty());
    }
}
