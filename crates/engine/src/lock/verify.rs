//! What is on disk, compared with a lock.
//!
//! Every byte is read: names, sizes and the names of blobs in a cache are what an attacker would leave alone. What the
//! lock does not hold is as bad as what it holds otherwise, since loaders run what lies beside the weights.

use super::{
    Hubs, cached_name, cached_reference,
    resolve::{local, long},
    shown,
};
use crate::digest;
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use wellhead_core::code;
use wellhead_formats::is_named_like_model;
use wellhead_sources::{Content, Entry, Target, WalkOptions};
use wellhead_trust::models_lock::{LockedRepository, ModelsLock, RepositoryKind, is_commit};

/// What is to be compared.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The folder of the lock, from which local files are named.
    pub root: PathBuf,
    /// Where the hub's files are looked for.
    pub hubs: Hubs,
    /// Files and folders, each with the repository that it should be, where somebody says so; empty means everything
    /// that the lock holds.
    pub paths: Vec<(Option<String>, PathBuf)>,
    /// Whether a folder need not have every file of the lock.
    pub partial: bool,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileState {
    /// It has other bytes than the lock.
    Changed,
    /// The lock does not hold it.
    Extra,
    /// It is not there.
    Missing,
    /// It cannot be read, or is a link that leads elsewhere.
    Unreadable,
    /// The cache would load another commit.
    OtherRevision,
    /// Nothing of it is there, or the lock does not know what it should be.
    Unknown,
}

impl FileState {
    /// The name in every output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Extra => "extra",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::OtherRevision => "other-revision",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing that is not as the lock has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// What is wrong.
    pub state: FileState,
    /// The file; empty where it is about all of them.
    pub path: String,
    /// In words, safe to show.
    pub words: String,
}

/// One folder or file that was compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What it should be: `acme/bert@5d0f2e8a7f1a`, safe to show.
    pub what: String,
    /// Where it lies, safe to show.
    pub place: String,
    /// Files whose bytes are those of the lock.
    pub proven: u64,
    /// Files of the lock that were never downloaded, and need not be there.
    pub absent: u64,
    /// What is not as the lock has it.
    pub problems: Vec<Problem>,
}

impl Checked {
    fn new(what: impl Into<String>, place: &Path) -> Self {
        Self {
            what: what.into(),
            // Whole, however long: it says where to look.
            place: format!("`{}`", wellhead_core::escape(&place.to_string_lossy())),
            ..Self::default()
        }
    }

    fn problem(&mut self, state: FileState, path: &str, words: impl Into<String>) {
        self.problems.push(Problem {
            state,
            path: wellhead_core::escape(path),
            words: words.into(),
        });
    }

    /// Whether something was compared and all of it was as the lock has it.
    pub fn is_proven(&self) -> bool {
        self.problems.is_empty() && self.proven > 0
    }
}

/// Compares what is on disk with a lock. Nothing is asked of a network.
pub fn verify(lock: &ModelsLock, asked: &Asked) -> Vec<Checked> {
    let mut out = Vec::new();
    if asked.paths.is_empty() {
        for repository in &lock.repositories {
            out.push(in_caches(repository, asked));
        }
        if !lock.files.is_empty() {
            out.push(locals(lock, asked, None));
        }
    }
    for (name, path) in &asked.paths {
        out.extend(one(lock, name.as_deref(), path, asked));
    }
    for checked in &mut out {
        checked.problems.sort();
    }
    out
}

/// The project's own files, all or those below a folder.
fn locals(lock: &ModelsLock, asked: &Asked, below: Option<&Path>) -> Checked {
    let mut out = Checked::new("files of the project", below.unwrap_or(&asked.root));
    for file in &lock.files {
        let path = asked.root.join(&file.path);
        if below.is_some_and(|folder| !real(&path).starts_with(real(folder))) {
            continue;
        }
        match local(&asked.root, &file.path) {
            _ if !path.exists() => {
                out.problem(FileState::Missing, &file.path, "it is not there");
            }
            Ok((_, sha256)) if sha256 == file.sha256 => out.proven = out.proven.saturating_add(1),
            Ok((size, _)) => out.problem(FileState::Changed, &file.path, changed(file.size, size)),
            Err(why) => out.problem(FileState::Unreadable, &file.path, why),
        }
    }
    out
}

fn changed(locked: u64, size: u64) -> String {
    if locked == size {
        format!("its {size} bytes are others than those of the lock")
    } else {
        format!("it has {size} bytes, and {locked} in the lock")
    }
}

fn real(path: &Path) -> PathBuf {
    wellhead_sources::real_path(path)
}

/// A repository in the caches of this machine.
fn in_caches(repository: &LockedRepository, asked: &Asked) -> Checked {
    let what = shown(&repository.name, &repository.revision);
    let folder = cached_name(repository.kind, &repository.name);
    for cache in &asked.hubs.caches {
        let home = cache.join(&folder);
        if home.is_dir() {
            return in_cache(repository, &home, asked);
        }
    }
    let mut out = Checked::new(what, Path::new(&folder));
    let places: Vec<String> = asked
        .hubs
        .caches
        .iter()
        .map(|c| code(&c.to_string_lossy()))
        .collect();
    let words = if places.is_empty() {
        "there is no cache of a hub on this machine".to_owned()
    } else {
        format!("it is not in {}", places.join(", "))
    };
    out.problem(FileState::Unknown, "", words);
    out
}

fn in_cache(repository: &LockedRepository, home: &Path, asked: &Asked) -> Checked {
    let snapshot = home.join("snapshots").join(&repository.revision);
    let mut out = if snapshot.is_dir() {
        folder(repository, &snapshot, &Demand::cached(repository, asked))
    } else {
        let mut out = Checked::new(shown(&repository.name, &repository.revision), home);
        let words = format!("the cache has no snapshot of commit {}", repository.revision);
        out.problem(FileState::Unknown, "", words);
        out
    };
    // A loader that is given a branch takes the commit that the cache has for it, without asking anybody when offline.
    for requested in repository.requested.iter().filter(|r| !is_commit(r)) {
        match cached_reference(home, requested) {
            Some(commit) if commit != repository.revision => {
                let words = format!(
                    "{} is commit {commit} in the cache, and {} in the lock",
                    code(requested),
                    repository.revision
                );
                out.problem(FileState::OtherRevision, "", words);
            }
            _ => {}
        }
    }
    out
}

/// Which files of the lock have to be there.
struct Demand {
    all: bool,
    named: BTreeSet<String>,
}

impl Demand {
    /// A cache has what loaders asked for, which is seldom all.
    fn cached(repository: &LockedRepository, asked: &Asked) -> Self {
        Self {
            all: repository.complete && !asked.partial,
            named: repository
                .files
                .iter()
                .filter(|f| f.asked && !asked.partial)
                .map(|f| f.path.clone())
                .collect(),
        }
    }

    fn folder(asked: &Asked) -> Self {
        Self {
            all: !asked.partial,
            named: BTreeSet::new(),
        }
    }
}

/// What the hub's client writes beside the files that it downloads into a folder.
fn is_bookkeeping(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(".cache/huggingface/") else {
        return false;
    };
    let ends = [".metadata", ".lock", ".incomplete"];
    // `trees/<commit>.json`: what a commit holds, since version 1.30 of the client.
    let tree = rest.strip_prefix("trees/").and_then(|r| r.strip_suffix(".json"));
    tree.is_some_and(is_commit)
        || matches!(rest, ".gitignore" | "CACHEDIR.TAG")
        || rest.starts_with("download/") && ends.iter().any(|ending| rest.ends_with(ending))
}

/// Compares a folder with a repository of the lock.
fn folder(repository: &LockedRepository, at: &Path, demand: &Demand) -> Checked {
    let mut out = Checked::new(shown(&repository.name, &repository.revision), at);
    let entries = match wellhead_sources::list(&Target::Local(at.to_owned()), WalkOptions { no_ignore: true })
    {
        Ok(entries) => entries,
        Err(e) => {
            out.problem(FileState::Unreadable, "", e.message);
            return out;
        }
    };
    let locked: BTreeMap<&str, (u64, &str)> = repository
        .files
        .iter()
        .map(|f| (f.path.as_str(), (f.size, f.sha256.as_str())))
        .collect();
    let states: Vec<Option<(FileState, String)>> = entries
        .par_iter()
        .map(|entry| state(entry, locked.get(entry.path.as_str()).copied()))
        .collect();
    let mut seen = BTreeSet::new();
    for (entry, state) in entries.iter().zip(states) {
        seen.insert(entry.path.as_str());
        match state {
            None if locked.contains_key(entry.path.as_str()) => out.proven = out.proven.saturating_add(1),
            None => {}
            Some((state, words)) => out.problem(state, &entry.path, words),
        }
    }
    for file in repository
        .files
        .iter()
        .filter(|f| !seen.contains(f.path.as_str()))
    {
        if demand.all || demand.named.contains(&file.path) {
            out.problem(FileState::Missing, &file.path, "it is not there");
        } else {
            out.absent = out.absent.saturating_add(1);
        }
    }
    if out.proven == 0 && out.problems.is_empty() {
        out.problem(FileState::Unknown, "", "no file of the lock is there");
    }
    out
}

/// What is wrong with one file of a folder.
fn state(entry: &Entry, locked: Option<(u64, &str)>) -> Option<(FileState, String)> {
    if locked.is_none() && is_bookkeeping(&entry.path) && !matches!(entry.content, Content::Unreadable { .. })
    {
        return None;
    }
    let blob = match entry.open() {
        Ok(blob) => blob,
        Err(why) => return Some((FileState::Unreadable, why)),
    };
    let Some((size, sha256)) = locked else {
        let words = if runs(&entry.path) {
            "the lock does not hold it, and a loader may run it"
        } else {
            "the lock does not hold it"
        };
        return Some((FileState::Extra, words.to_owned()));
    };
    if blob.len() != size {
        return Some((FileState::Changed, changed(size, blob.len())));
    }
    match digest::sha256(&blob, &mut long()) {
        Some(found) if found == sha256 => None,
        Some(_) => Some((FileState::Changed, changed(size, size))),
        None => Some((FileState::Unreadable, "its bytes cannot be read".to_owned())),
    }
}

/// Whether a loader may run code from a file of this name.
fn runs(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let code = [
        ".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".sh", ".jinja", ".exe",
    ];
    code.iter().any(|ending| lower.ends_with(ending))
        || is_named_like_model(lower.rsplit('/').next().unwrap_or(&lower)) && !lower.ends_with(".safetensors")
}

/// A path that was named: a cache, a repository in it, a snapshot, a folder with a model, or a file.
fn one(lock: &ModelsLock, name: Option<&str>, path: &Path, asked: &Asked) -> Vec<Checked> {
    let full = real(path);
    if !full.exists() {
        let mut out = Checked::new(code(&path.to_string_lossy()), path);
        out.problem(FileState::Missing, "", "it is not there");
        return vec![out];
    }
    if !full.is_dir() {
        return vec![file(lock, name, path, &full, asked)];
    }
    if let Some(found) = of_cache(lock, &full, asked) {
        return found;
    }
    let own = lock
        .files
        .iter()
        .any(|f| real(&asked.root.join(&f.path)).starts_with(&full));
    let is_root = full == real(&asked.root);
    if name.is_none() && (own || is_root) {
        if is_root && lock.files.is_empty() {
            let everything = Asked {
                paths: Vec::new(),
                ..asked.clone()
            };
            return verify(lock, &everything);
        }
        return vec![locals(lock, asked, Some(path))];
    }
    vec![local_dir(lock, name, path, asked)]
}

/// `models--org--name`, a snapshot in it, or a folder of such.
fn of_cache(lock: &ModelsLock, full: &Path, asked: &Asked) -> Option<Vec<Checked>> {
    let name_of = |p: &Path| p.file_name().map(|n| n.to_string_lossy().into_owned());
    let of_repository = |home: &Path| -> Vec<&LockedRepository> {
        let name = name_of(home).unwrap_or_default();
        let all = lock.repositories.iter();
        all.filter(|r| cached_name(r.kind, &r.name) == name).collect()
    };
    let is_home = |p: &Path| {
        name_of(p).is_some_and(|n| n.starts_with("models--") || n.starts_with("datasets--"))
            && p.join("snapshots").is_dir()
    };
    let unknown = |place: &Path| {
        let mut out = Checked::new(code(&place.to_string_lossy()), place);
        out.problem(FileState::Unknown, "", "the lock holds no such repository");
        out
    };
    if is_home(full) {
        let held = of_repository(full);
        if held.is_empty() {
            return Some(vec![unknown(full)]);
        }
        return Some(held.iter().map(|r| in_cache(r, full, asked)).collect());
    }
    let home = full.parent().and_then(Path::parent).filter(|p| is_home(p));
    if let Some(home) = home.filter(|_| full.parent().and_then(name_of).as_deref() == Some("snapshots")) {
        let commit = name_of(full).unwrap_or_default();
        let held = of_repository(home);
        return Some(vec![match held.iter().find(|r| r.revision == commit) {
            Some(repository) => folder(repository, full, &Demand::cached(repository, asked)),
            None => {
                let mut out = unknown(full);
                if let Some(other) = held.first() {
                    out.problems.clear();
                    let words = format!("this is commit {commit}, and {} in the lock", other.revision);
                    out.problem(FileState::OtherRevision, "", words);
                }
                out
            }
        }]);
    }
    let inner = wellhead_sources::folders(full);
    let homes: Vec<PathBuf> = inner.into_iter().filter(|p| is_home(p)).collect();
    if homes.is_empty() {
        return None;
    }
    // A whole cache also has what other projects loaded; what this one loads has to be there.
    let hubs = Hubs {
        caches: vec![full.to_owned()],
    };
    let asked = Asked {
        hubs,
        ..asked.clone()
    };
    Some(lock.repositories.iter().map(|r| in_caches(r, &asked)).collect())
}

/// A folder into which a repository was downloaded.
fn local_dir(lock: &ModelsLock, name: Option<&str>, path: &Path, asked: &Asked) -> Checked {
    let commit = downloaded_commit(path);
    let candidates: Vec<&LockedRepository> = lock
        .repositories
        .iter()
        .filter(|r| name.is_none_or(|n| r.name == n))
        .collect();
    let chosen = candidates
        .iter()
        .find(|r| Some(&r.revision) == commit.as_ref())
        .copied()
        .or_else(|| most_alike(&candidates, path));
    let Some(repository) = chosen else {
        let mut out = Checked::new(code(&path.to_string_lossy()), path);
        let words = match name {
            Some(name) => format!("the lock holds no {}", code(name)),
            None => "the lock holds nothing that looks like it; say what it should be: `org/name=FOLDER`"
                .to_owned(),
        };
        out.problem(FileState::Unknown, "", words);
        return out;
    };
    let mut out = folder(repository, path, &Demand::folder(asked));
    if let Some(commit) = commit.filter(|c| *c != repository.revision) {
        let words = format!(
            "its files were downloaded from commit {commit}, and the lock has {}",
            repository.revision
        );
        out.problem(FileState::OtherRevision, "", words);
    }
    out
}

/// The commit that the hub's client wrote down when it downloaded into a folder. A claim, used to say more.
fn downloaded_commit(path: &Path) -> Option<String> {
    let notes = path.join(".cache/huggingface/download");
    let target = Target::Local(notes);
    let entries = wellhead_sources::list(&target, WalkOptions { no_ignore: true }).ok()?;
    let entry = entries.iter().find(|e| e.path.ends_with(".metadata"))?;
    let bytes = entry.open().ok()?.bytes(0, 4096).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let first = text.lines().next()?.trim().to_owned();
    is_commit(&first).then_some(first)
}

/// The repository with most of the folder's files by name and size; of the folder's own name where several are.
fn most_alike<'l>(candidates: &[&'l LockedRepository], path: &Path) -> Option<&'l LockedRepository> {
    let entries =
        wellhead_sources::list(&Target::Local(path.to_owned()), WalkOptions { no_ignore: true }).ok()?;
    let sizes: BTreeMap<&str, u64> = entries
        .iter()
        .filter_map(|e| Some((e.path.as_str(), e.open().ok()?.len())))
        .collect();
    let own = path.file_name().map(|n| n.to_string_lossy().into_owned());
    let score = |r: &LockedRepository| {
        let same = r
            .files
            .iter()
            .filter(|f| sizes.get(f.path.as_str()) == Some(&f.size))
            .count();
        let named = r
            .files
            .iter()
            .filter(|f| sizes.contains_key(f.path.as_str()))
            .count();
        let leaf = r.name.rsplit('/').next() == own.as_deref();
        (same, leaf, named, r.kind == RepositoryKind::Model)
    };
    candidates
        .iter()
        .copied()
        .filter(|r| score(r).2 > 0 || score(r).1)
        .max_by_key(|r| score(r))
}

/// One file: a local one of the lock, else any file of the lock of that name.
fn file(lock: &ModelsLock, name: Option<&str>, path: &Path, full: &Path, asked: &Asked) -> Checked {
    let leaf = path
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut out = Checked::new(code(&leaf), path);
    let own = lock.files.iter().filter(|_| name.is_none());
    let mut held: Vec<(String, u64, &str)> = own
        .filter(|f| real(&asked.root.join(&f.path)) == full)
        .map(|f| (f.path.clone(), f.size, f.sha256.as_str()))
        .collect();
    if held.is_empty() {
        let repositories = lock
            .repositories
            .iter()
            .filter(|r| name.is_none_or(|n| r.name == n));
        for repository in repositories {
            let files = repository.files.iter();
            let alike = files.filter(|f| f.path.rsplit('/').next() == Some(leaf.as_str()));
            held.extend(alike.map(|f| {
                let what = format!("{}/{}", repository.name, f.path);
                (what, f.size, f.sha256.as_str())
            }));
        }
    }
    let found = wellhead_sources::read_blob(full).ok();
    let found = found.and_then(|blob| Some((blob.len(), digest::sha256(&blob, &mut long())?)));
    let Some((size, sha256)) = found else {
        out.problem(FileState::Unreadable, &leaf, "its bytes cannot be read");
        return out;
    };
    match held.iter().find(|(.., locked)| *locked == sha256) {
        Some((what, ..)) => {
            out.what = code(what);
            out.proven = 1;
        }
        None => match held.first() {
            Some((what, locked, _)) => {
                out.what = code(what);
                out.problem(FileState::Changed, &leaf, changed(*locked, size));
            }
            None => out.problem(FileState::Extra, &leaf, "the lock holds no file of this name"),
        },
    }
    out
}
