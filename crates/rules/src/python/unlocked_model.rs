use super::loads::{LoadKind, Loaded};
use std::collections::BTreeSet;
use wellhead_core::{
    ArtifactPath, Confidence, Finding, Location, Measure, Reference, Risk, Rule, RuleStatus, Scenario,
    Severity, Sink, ThreatProfile, code,
};
use wellhead_trust::models_lock::{LockedRepository, ModelsLock, RepositoryKind, is_commit};

/// A load that the project's lock of models does not hold.
pub(crate) static UNLOCKED_MODEL: Rule = Rule {
    id: "unlocked-model",
    summary: "code loads a model that models.lock does not hold, or holds at another revision",
    severity: Severity::Medium,
    confidence: Confidence::High,
    measure: Measure::Sources,
    scenario: Some(Scenario::HubImpersonator),
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 5,
        ml_operations: 3,
    },
    threat: ThreatProfile {
        agent: "whoever can change the repository that the code names, or the file that it loads",
        vector: "a model that was added or moved without the lock being made again",
        weakness: "the lock is taken for a proof of everything that the code loads",
        impact: "bytes that nobody compared with anything are loaded",
    },
    needs: &[],
    status: RuleStatus::Stable,
    references: &[
        Reference::Owasp("ML06:2023"),
        Reference::Cwe(353),
        Reference::Atlas("AML.T0010.003"),
    ],
    page: include_str!("unlocked_model.md"),
    file: file!(),
};

/// What a project loads, and the locks that lie in it.
#[derive(Clone, Debug, Default)]
pub struct ProjectLoads {
    /// Every `models.lock`, with what is wrong with it where it cannot be read.
    pub locks: Vec<(ArtifactPath, Result<ModelsLock, Box<Location>>)>,
    /// Every load.
    pub loads: Vec<PlacedLoad>,
}

/// A load and its place.
#[derive(Clone, Debug)]
pub struct PlacedLoad {
    /// What loads it: the callee, the command, the key.
    pub by: String,
    /// What is loaded.
    pub what: Loaded,
    /// Where.
    pub place: Location,
    /// The files of the target that a path means; empty for everything else.
    pub files: Vec<String>,
}

impl ProjectLoads {
    /// The lock that speaks for a file: the nearest one in its folder or above, with the folder of the lock.
    pub fn lock_of(&self, artifact: &ArtifactPath) -> Option<(&ModelsLock, &str)> {
        self.locks
            .iter()
            .filter_map(|(path, lock)| Some((folder(path.top()), lock.as_ref().ok()?)))
            .filter(|(folder, _)| folder.is_empty() || artifact.top().starts_with(&format!("{folder}/")))
            .max_by_key(|(folder, _)| folder.len())
            .map(|(folder, lock)| (lock, folder))
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(super) fn check(project: &ProjectLoads, sink: &mut Sink) {
    for (_, lock) in &project.locks {
        if let Err(place) = lock {
            let message = format!(
                "the lock of models proves nothing, since it cannot be read: {}",
                place.label
            );
            let finding = Finding::new(&UNLOCKED_MODEL, message, (**place).clone())
                .help("make it again: `wellhead lock`")
                .subject("unreadable");
            sink.push(finding);
        }
    }
    let mut said = BTreeSet::new();
    for load in &project.loads {
        let Some((lock, folder)) = project.lock_of(&load.place.artifact) else {
            continue;
        };
        for (subject, message, note) in missing(load, lock, folder) {
            // Ten cells that load one model are one decision.
            if !said.insert((load.place.artifact.clone(), subject.clone())) {
                continue;
            }
            let mut finding = Finding::new(&UNLOCKED_MODEL, message, load.place.clone())
                .help("look at what changed, then make the lock again: `wellhead lock`")
                .subject(subject);
            finding.notes.extend(note);
            sink.push(finding);
        }
    }
}

/// What of a load the lock does not hold: subject, message, note.
fn missing(load: &PlacedLoad, lock: &ModelsLock, folder: &str) -> Vec<(String, String, Option<String>)> {
    match &load.what {
        Loaded::Repository {
            kind,
            name,
            revision,
            file,
            ..
        } => {
            let (kind, words) = match kind {
                LoadKind::Model => (RepositoryKind::Model, "the model"),
                LoadKind::Dataset => (RepositoryKind::Dataset, "the data set"),
            };
            let requested = revision.as_deref().unwrap_or("main");
            if let Some(held) = lock.find(kind, name, requested) {
                return absent_file(held, name, file.as_deref()).into_iter().collect();
            }
            let others = lock.repositories.iter();
            let others: Vec<&str> = others
                .filter(|r| r.kind == kind && r.name == *name)
                .map(|r| r.revision.as_str())
                .collect();
            let message = match (others.as_slice(), is_commit(requested)) {
                ([], _) => format!(
                    "{words} {} is loaded, and `models.lock` does not hold it",
                    code(name)
                ),
                (_, true) => format!(
                    "{words} {} is loaded at another commit than `models.lock` holds",
                    code(name)
                ),
                (_, false) => format!(
                    "{words} {} is loaded at {}, and `models.lock` holds it only at another revision",
                    code(name),
                    code(requested)
                ),
            };
            let note = others
                .first()
                .map(|commit| format!("the lock holds commit {commit}"));
            vec![(format!("{name}@{requested}"), message, note)]
        }
        Loaded::Path(_) => {
            let below = |file: &str| match folder {
                "" => file.to_owned(),
                folder => file
                    .strip_prefix(&format!("{folder}/"))
                    .unwrap_or(file)
                    .to_owned(),
            };
            let held: BTreeSet<&str> = lock.files.iter().map(|f| f.path.as_str()).collect();
            let files = load.files.iter().map(|file| below(file));
            files
                .filter(|file| !held.contains(file.as_str()))
                .map(|file| {
                    let message = format!(
                        "the file {} is loaded, and `models.lock` does not hold it",
                        code(&file)
                    );
                    (file, message, None)
                })
                .collect()
        }
        // That it cannot be known is said by the lock itself.
        Loaded::Unresolved { .. } => Vec::new(),
    }
}

fn absent_file(
    held: &LockedRepository,
    name: &str,
    file: Option<&str>,
) -> Option<(String, String, Option<String>)> {
    let file = file.filter(|file| !held.files.iter().any(|f| f.path == *file))?;
    let message = format!(
        "the file {} of {} is loaded, and `models.lock` does not hold it",
        code(file),
        code(name)
    );
    Some((format!("{name}/{file}"), message, None))
}
