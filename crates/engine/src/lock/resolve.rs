//! From loads to a lock: which commit each name is today, and what its files are.

use super::{Hubs, Loading, cached_name, cached_reference, line, shown};
use crate::digest;
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use wellhead_core::{Budget, DigestAlgorithm, Limits, code};
use wellhead_rules::loads::{LoadKind, Loaded, NOWHERE};
use wellhead_sources::{Entry, HubPlace, Network, Target, WalkOptions};
use wellhead_trust::models_lock::{
    ListedBy, LockedFile, LockedLocal, LockedRepository, ModelsLock, RepositoryKind, Unresolved, is_commit,
    stays_inside,
};

/// How a lock is to be made.
#[derive(Clone, Debug)]
pub struct LockOptions {
    /// The lock that is there; its revisions stay unless `upgrade` says otherwise.
    pub old: Option<ModelsLock>,
    /// Ask for every branch and tag again.
    pub upgrade: bool,
    /// Whom to ask; `None` asks the cache alone.
    pub network: Option<Arc<Network>>,
    /// The caches on disk.
    pub hubs: Hubs,
    /// The folder that the loads were found in.
    pub root: PathBuf,
}

/// A lock, and what is to be said of it.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// The lock.
    pub lock: ModelsLock,
    /// Names that should be in it and are not, and why.
    pub failed: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// What is asked of one repository at one revision.
#[derive(Debug, Default)]
struct Need {
    complete: bool,
    /// Files that are asked for by name, each with the first place.
    files: BTreeMap<String, String>,
    loaded_by: BTreeSet<String>,
    /// The first place.
    place: String,
    by: String,
}

type Key = (RepositoryKind, String, String);

/// Makes a lock of what a project loads.
pub fn lock(loading: &Loading, options: &LockOptions) -> Made {
    let mut made = Made::default();
    if let Some(old) = &options.old {
        made.lock.extra = old.extra.clone();
    }
    let mut needs: BTreeMap<Key, Need> = BTreeMap::new();
    let mut locals: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for load in &loading.loads {
        let file = load.place.artifact.top().to_owned();
        let place = format!("{file}:{}", line(&load.place));
        let mut unresolved = |name: Option<&str>, why: &str| {
            made.lock.unresolved.push(Unresolved {
                place: place.clone(),
                by: load.by.clone(),
                name: name.map(str::to_owned),
                why: why.to_owned(),
            });
        };
        match &load.what {
            Loaded::Repository {
                kind,
                name,
                revision,
                file: asked,
                whole,
            } => {
                let kind = match kind {
                    LoadKind::Model => RepositoryKind::Model,
                    LoadKind::Dataset => RepositoryKind::Dataset,
                };
                let requested = revision.clone().unwrap_or_else(|| "main".to_owned());
                let need = needs.entry((kind, name.clone(), requested)).or_default();
                need.complete |= whole;
                if let Some(asked) = asked {
                    need.files.entry(asked.clone()).or_insert_with(|| place.clone());
                }
                if need.loaded_by.is_empty() {
                    need.place = place;
                    need.by.clone_from(&load.by);
                }
                need.loaded_by.insert(file);
            }
            Loaded::Path(text) if load.files.is_empty() => unresolved(Some(text), NOWHERE),
            Loaded::Path(_) => {
                for path in &load.files {
                    locals.entry(path.clone()).or_default().insert(file.clone());
                }
            }
            Loaded::Unresolved { name, why } => unresolved(name.as_deref(), why),
        }
    }
    for (path, why) in &loading.unread {
        made.lock.unresolved.push(Unresolved {
            place: path.clone(),
            by: "source".to_owned(),
            name: None,
            why: format!("the file could not be read whole: {why}"),
        });
    }
    repositories(&needs, options, &mut made);
    local_files(&locals, options, &mut made);
    made.lock.sort();
    made
}

fn repositories(needs: &BTreeMap<Key, Need>, options: &LockOptions, made: &mut Made) {
    let mut by_commit: BTreeMap<(RepositoryKind, String, String), LockedRepository> = BTreeMap::new();
    for ((kind, name, requested), need) in needs {
        let kept = options.old.as_ref().filter(|_| !options.upgrade);
        let kept = kept.and_then(|old| old.find(*kind, name, requested)).cloned();
        let found = match kept {
            Some(kept) => Ok(kept),
            None => resolve(*kind, name, requested, options, &mut made.notes),
        };
        let mut found = match found {
            Ok(found) => found,
            Err(why) => {
                made.failed.push(format!("{}: {why}", code(name)));
                made.lock.unresolved.push(Unresolved {
                    place: need.place.clone(),
                    by: need.by.clone(),
                    name: Some(name.clone()),
                    why: NOT_LOCKED.to_owned(),
                });
                continue;
            }
        };
        let key = (*kind, name.clone(), found.revision.clone());
        // What later versions wrote about this commit stays with it.
        if let Some(old) = options
            .old
            .iter()
            .flat_map(|o| &o.repositories)
            .find(|r| r.kind == *kind && r.name == *name && r.revision == found.revision)
        {
            carry(old, &mut found);
        }
        let entry = by_commit.entry(key).or_insert_with(|| LockedRepository {
            requested: BTreeSet::new(),
            loaded_by: BTreeSet::new(),
            complete: false,
            files: found.files.iter().cloned().map(unasked).collect(),
            ..found.clone()
        });
        entry.requested.insert(requested.clone());
        entry.complete |= need.complete;
        entry.loaded_by.extend(need.loaded_by.iter().cloned());
        for (wanted, place) in &need.files {
            match entry.files.iter_mut().find(|f| f.path == *wanted) {
                Some(file) => file.asked = true,
                None => made.failed.push(format!(
                    "{} has no file {}, which {} loads",
                    shown(name, &entry.revision),
                    code(wanted),
                    code(place)
                )),
            }
        }
    }
    made.lock.repositories = by_commit.into_values().collect();
}

/// Said in the lock of a name that could not be looked up; the reason of the day is said on the terminal.
const NOT_LOCKED: &str = "it could not be looked up when the lock was made";

fn unasked(file: LockedFile) -> LockedFile {
    LockedFile { asked: false, ..file }
}

/// Keys of later versions that an older lock had about the same bytes.
fn carry(old: &LockedRepository, new: &mut LockedRepository) {
    for (key, value) in &old.extra {
        new.extra.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let by_path: BTreeMap<&str, &LockedFile> = old.files.iter().map(|f| (f.path.as_str(), f)).collect();
    for file in &mut new.files {
        if let Some(before) = by_path
            .get(file.path.as_str())
            .filter(|b| b.sha256 == file.sha256)
        {
            for (key, value) in &before.extra {
                file.extra.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// Asks the hub, else the cache.
fn resolve(
    kind: RepositoryKind,
    name: &str,
    requested: &str,
    options: &LockOptions,
    notes: &mut Vec<String>,
) -> Result<LockedRepository, String> {
    let mut told = None;
    if let Some(network) = &options.network {
        match from_hub(kind, name, requested, network, notes) {
            Ok(found) => return Ok(found),
            // What the hub knows not to be there is not looked for elsewhere.
            Err(Refused::Known(why)) => return Err(why),
            Err(Refused::Unasked(why)) => told = Some(why),
        }
    }
    match from_cache(kind, name, requested, &options.hubs) {
        Ok(found) => {
            let why = told.map(|why| format!(", since the hub could not be asked: {why}"));
            notes.push(format!(
                "{} is taken from the cache on this machine{}",
                shown(name, &found.revision),
                why.unwrap_or_default()
            ));
            Ok(found)
        }
        Err(missing) => Err(match told {
            Some(why) => format!("{why}; {missing}"),
            None => missing,
        }),
    }
}

enum Refused {
    Known(String),
    Unasked(String),
}

fn from_hub(
    kind: RepositoryKind,
    name: &str,
    requested: &str,
    network: &Arc<Network>,
    notes: &mut Vec<String>,
) -> Result<LockedRepository, Refused> {
    let place = HubPlace {
        kind: match kind {
            RepositoryKind::Model => "models",
            RepositoryKind::Dataset => "datasets",
        },
        repository: name.to_owned(),
        revision: Some(requested.to_owned()),
        path: String::new(),
    };
    let target = Target::Hub(place);
    let found = wellhead_sources::find(&target, WalkOptions { no_ignore: true }, network).map_err(|e| {
        let known = [" has no revision ", "the hub has no ", "is restricted"];
        if known.iter().any(|words| e.message.contains(words)) {
            Refused::Known(e.message)
        } else {
            Refused::Unasked(e.message)
        }
    })?;
    let resolved = match Target::parse(&found.target) {
        Ok(Target::Hub(place)) => place,
        _ => return Err(Refused::Known("the hub's answer is not understood".to_owned())),
    };
    let revision = resolved.revision.unwrap_or_default();
    if !is_commit(&revision) {
        return Err(Refused::Known("the hub names no commit".to_owned()));
    }
    if resolved.repository != name {
        notes.push(format!(
            "{} is called {} today; write the new name, since the old one may be taken by somebody else",
            code(name),
            code(&resolved.repository)
        ));
    }
    // Which of the two counts would be a matter of the reader.
    let twice = found.entries.windows(2).find_map(|pair| match pair {
        [a, b] if a.path == b.path => Some(code(&a.path)),
        _ => None,
    });
    if let Some(path) = twice {
        return Err(Refused::Known(format!("the hub lists the file {path} twice")));
    }
    let files = found.entries.par_iter().map(locked);
    let files: Result<Vec<LockedFile>, String> = files.collect();
    Ok(LockedRepository {
        kind,
        name: name.to_owned(),
        revision,
        requested: BTreeSet::new(),
        listed_by: ListedBy::Hub,
        complete: false,
        loaded_by: BTreeSet::new(),
        files: files.map_err(Refused::Known)?,
        extra: BTreeMap::new(),
    })
}

/// A file with its digest: the one that the hub states for large files, else that of its bytes.
fn locked(entry: &Entry) -> Result<LockedFile, String> {
    let shown = code(&entry.path);
    if !stays_inside(&entry.path) {
        return Err(format!("the file {shown} leads elsewhere"));
    }
    let blob = entry
        .open()
        .map_err(|why| format!("the file {shown} cannot be read: {why}"))?;
    let claimed = blob
        .claimed()
        .iter()
        .find(|d| d.algorithm == DigestAlgorithm::Sha256);
    let sha256 = match claimed {
        Some(digest) => digest.hex.clone(),
        None => digest::sha256(&blob, &mut long()).ok_or_else(|| {
            let why = blob.failure().unwrap_or_else(|| "it ends early".to_owned());
            format!("the file {shown} cannot be read: {why}")
        })?,
    };
    Ok(LockedFile {
        path: entry.path.clone(),
        size: blob.len(),
        sha256,
        asked: false,
        extra: BTreeMap::new(),
    })
}

/// A budget for reading every byte of large files.
pub(super) fn long() -> Budget {
    let limits = Limits {
        time: std::time::Duration::from_secs(24 * 3600),
        ..Limits::default()
    };
    Budget::new(limits, Arc::default())
}

fn from_cache(
    kind: RepositoryKind,
    name: &str,
    requested: &str,
    hubs: &Hubs,
) -> Result<LockedRepository, String> {
    let folder = cached_name(kind, name);
    for cache in &hubs.caches {
        let repository = cache.join(&folder);
        let Some(revision) = cached_reference(&repository, requested) else {
            continue;
        };
        let snapshot = repository.join("snapshots").join(&revision);
        if !snapshot.is_dir() {
            continue;
        }
        let entries = wellhead_sources::list(&Target::Local(snapshot), WalkOptions { no_ignore: true })
            .map_err(|e| e.message)?;
        let files: Result<Vec<LockedFile>, String> = entries.par_iter().map(locked).collect();
        return Ok(LockedRepository {
            kind,
            name: name.to_owned(),
            revision,
            requested: BTreeSet::new(),
            listed_by: ListedBy::Cache,
            complete: false,
            loaded_by: BTreeSet::new(),
            files: files?,
            extra: BTreeMap::new(),
        });
    }
    Err(format!("the cache on this machine has no {}", code(requested)))
}

fn local_files(locals: &BTreeMap<String, BTreeSet<String>>, options: &LockOptions, made: &mut Made) {
    for (path, loaded_by) in locals {
        let old = options
            .old
            .iter()
            .flat_map(|o| &o.files)
            .find(|f| f.path == *path);
        match local(&options.root, path) {
            Ok((size, sha256)) => made.lock.files.push(LockedLocal {
                path: path.clone(),
                size,
                extra: old
                    .filter(|old| old.sha256 == sha256)
                    .map(|old| old.extra.clone())
                    .unwrap_or_default(),
                sha256,
                loaded_by: loaded_by.clone(),
            }),
            Err(why) => made
                .failed
                .push(format!("the file {} cannot be read: {why}", code(path))),
        }
    }
}

/// Size and digest of a file below a folder.
pub(super) fn local(root: &Path, path: &str) -> Result<(u64, String), String> {
    let blob = wellhead_sources::read_blob(&root.join(path)).map_err(|e| e.to_string())?;
    let digest = digest::sha256(&blob, &mut long()).ok_or_else(|| "its bytes cannot be read".to_owned())?;
    Ok((blob.len(), digest))
}
