//! Each file against the digest that was written down for it: opened once, hashed once, in parallel.

use super::{Gather, in_cache, name_of};
use rayon::prelude::*;
use sha2::{Sha256, Sha384, Sha512};
use std::{collections::BTreeMap, sync::Arc};
use wellhead_core::{Blob, Budget};
use wellhead_packages::installed::Claim;
use wellhead_rules::environment::{Changed, Contested, Effects, FileUse, RecordState};
use wellhead_sources::environment::Node;

/// What is said of a link to elsewhere.
const LEAVES: &str = "a link that leaves the environment";
/// How much is read at a time.
const CHUNK: usize = 256 << 10;

/// A file and what its owners say of it.
struct Job {
    path: String,
    /// The owner's place, the digest and the size.
    claims: Vec<(usize, Claim, Option<u64>)>,
}

/// What became of a file, for each owner.
struct Done {
    path: String,
    bytes: u64,
    /// `Ok(None)`: it fits. `Ok(Some)`: how it differs. `Err`: why it could not be compared.
    each: Vec<(usize, Result<Option<String>, String>)>,
}

impl Gather<'_, '_> {
    pub(super) fn verify(&mut self) {
        let mut jobs: BTreeMap<&str, Job> = BTreeMap::new();
        let mut missing: Vec<(usize, String)> = Vec::new();
        let mut unreadable: Vec<(usize, String, String)> = Vec::new();
        let mut without: Vec<(usize, String)> = Vec::new();
        for (at, one) in self.installed.iter().enumerate() {
            for (path, claim, size) in &one.rows {
                if *claim == Claim::None {
                    // Compiled files come and go with their sources, and an installer's own notes have no digest.
                    if in_cache(path) || path.ends_with(".pyc") || path.starts_with(&one.folder) {
                        continue;
                    }
                    match self.node(path) {
                        Node::Missing => missing.push((at, path.clone())),
                        _ if is_imported(path) => without.push((at, path.clone())),
                        _ => {}
                    }
                    continue;
                }
                // Installers that take over from others write their own name here.
                if path.ends_with(".dist-info/INSTALLER") || path.ends_with(".dist-info/REQUESTED") {
                    continue;
                }
                if let Claim::Unusable(name) = claim {
                    let why = format!(
                        "its digest is of a kind that proves nothing: {}",
                        wellhead_core::code(name)
                    );
                    unreadable.push((at, path.clone(), why));
                    continue;
                }
                let job = jobs.entry(path).or_insert_with(|| Job {
                    path: path.clone(),
                    claims: Vec::new(),
                });
                job.claims.push((at, claim.clone(), *size));
            }
        }
        let jobs: Vec<Job> = jobs.into_values().collect();
        let this = &*self;
        let done: Vec<Done> = jobs
            .into_par_iter()
            .map_init(|| vec![0; CHUNK], |buffer, job| this.compare(job, buffer))
            .collect();
        for (at, path) in missing {
            if let Some(one) = self.installed.get_mut(at).filter(|one| !one.facts.system) {
                one.facts.missing.push(path);
            }
        }
        for (at, path, why) in unreadable {
            if let Some(one) = self.installed.get_mut(at) {
                one.facts.unreadable.push((path, why));
            }
        }
        for one in done {
            self.settle(one);
        }
        for (at, path) in without {
            let vouched = self.verified.contains(&path);
            let read = |one: &&mut super::Installed| {
                let state = &one.facts.record;
                !vouched && !one.conda && matches!(state, RecordState::Read | RecordState::Partly(_))
            };
            if let Some(one) = self.installed.get_mut(at).filter(read) {
                one.facts.without_digest.push(path.clone());
                self.suspects.insert(path, ());
            }
        }
    }

    fn compare(&self, job: Job, buffer: &mut [u8]) -> Done {
        let all = |outcome: Result<Option<String>, String>| {
            let owners = job.claims.iter().map(|(at, ..)| (*at, outcome.clone()));
            owners.collect()
        };
        let why = match self.node(&job.path) {
            Node::File | Node::Link { inside: true, .. } => None,
            Node::Missing => Some("missing".to_owned()),
            Node::Link { .. } => Some(LEAVES.to_owned()),
            Node::Folder => Some("a folder".to_owned()),
            Node::Other(kind) => Some(kind.to_owned()),
            Node::Unreadable(why) => Some(why),
        };
        let opened = match why {
            Some(why) => Err(why),
            None => self.prefix.open(&job.path),
        };
        let blob = match opened {
            Ok(blob) => blob,
            Err(why) => {
                return Done {
                    bytes: 0,
                    each: all(Err(why)),
                    path: job.path,
                };
            }
        };
        let mut budget = Budget::new(self.options.limits.clone(), Arc::clone(&self.options.cancelled));
        let mut known: Vec<(Claim, bool)> = Vec::new();
        let mut each = Vec::with_capacity(job.claims.len());
        let mut bytes = 0_u64;
        for (at, claim, size) in &job.claims {
            if let Some(size) = size.filter(|s| *s != blob.len()) {
                let how = format!("it has {} bytes, its record says {size}", blob.len());
                each.push((*at, Ok(Some(how))));
                continue;
            }
            let fits = match known.iter().find(|(c, _)| c == claim) {
                Some((_, fits)) => Ok(*fits),
                None => {
                    bytes = bytes.saturating_add(blob.len());
                    fits(&blob, claim, buffer, &mut budget)
                }
            };
            if let Ok(fits) = fits {
                known.push((claim.clone(), fits));
            }
            let outcome = fits.map(|fits| (!fits).then(|| "its digest is not that of its record".to_owned()));
            each.push((*at, outcome));
        }
        Done {
            path: job.path,
            bytes,
            each,
        }
    }

    fn settle(&mut self, done: Done) {
        let Done { path, bytes, each } = done;
        if let Some(one) = each.first().and_then(|(at, _)| self.installed.get_mut(*at)) {
            one.bytes = one.bytes.saturating_add(bytes);
        }
        let fits_one = each.iter().any(|(_, outcome)| *outcome == Ok(None));
        let differs = each.iter().any(|(_, outcome)| matches!(outcome, Ok(Some(_))));
        let by_conda = |at: &usize| self.installed.get(*at).is_some_and(|one| one.conda);
        let among_equals = !each.iter().any(|(at, _)| by_conda(at));
        let one_owner = each
            .iter()
            .all(|(at, _)| each.first().is_some_and(|(first, _)| at == first));
        if fits_one && differs && one_owner {
            let owner = each.first().and_then(|(at, _)| self.installed.get_mut(*at));
            let why = "its record states two digests of it, and one of them is wrong".to_owned();
            owner
                .into_iter()
                .for_each(|one| one.facts.unreadable.push((path.clone(), why.clone())));
        } else if fits_one && differs && among_equals {
            let owners = each.iter().filter_map(|(at, _)| self.installed.get(*at));
            self.environment.contested.push(Contested {
                artifact: self.artifact(&path),
                owners: owners.map(|one| one.facts.name.clone()).collect(),
            });
        }
        if fits_one {
            self.verified.insert(path.clone());
        }
        let artifact = self.artifact(&path);
        let is = use_of(&path);
        let mut told = false;
        for (at, outcome) in each {
            let Some(one) = self.installed.get_mut(at) else {
                continue;
            };
            match outcome {
                Ok(None) => one.facts.verified = one.facts.verified.saturating_add(1),
                // One of the owners vouches for it.
                Ok(Some(_)) if fits_one || told => {}
                Ok(Some(_)) if one.facts.system => {
                    let why = "the system changed it after its record was written".to_owned();
                    one.facts.unreadable.push((path.clone(), why));
                }
                Ok(Some(how)) => {
                    told = true;
                    self.suspects.insert(path.clone(), ());
                    one.facts.changed.push(Changed {
                        artifact: artifact.clone(),
                        is,
                        how,
                        effects: Effects::default(),
                    });
                }
                // uv can be told to link to its cache; nobody else installs links.
                Err(why) if why == LEAVES && one.facts.installer.as_deref() != Some("uv") && !one.conda => {
                    one.facts.changed.push(Changed {
                        artifact: artifact.clone(),
                        is,
                        how: format!("it is {why}"),
                        effects: Effects::default(),
                    });
                }
                Err(why) if why == "missing" && one.facts.system => {}
                Err(why) if why == "missing" => one.facts.missing.push(path.clone()),
                Err(why) => one.facts.unreadable.push((path.clone(), why)),
            }
        }
    }
}

/// Whether the bytes have the digest.
fn fits(blob: &Blob, claim: &Claim, buffer: &mut [u8], budget: &mut Budget) -> Result<bool, String> {
    Ok(match claim {
        Claim::Sha256(stated) => hash::<Sha256>(blob, buffer, budget)? == stated.as_slice(),
        Claim::Sha384(stated) => hash::<Sha384>(blob, buffer, budget)? == *stated,
        Claim::Sha512(stated) => hash::<Sha512>(blob, buffer, budget)? == *stated,
        Claim::None | Claim::Unusable(_) => return Err("no digest that proves anything".to_owned()),
    })
}

fn hash<D: sha2::Digest>(blob: &Blob, buffer: &mut [u8], budget: &mut Budget) -> Result<Vec<u8>, String> {
    let mut digest = D::new();
    let mut at = 0_u64;
    while at < blob.len() {
        budget.check_clock().map_err(|e| e.to_string())?;
        let n = blob.fill_at(at, buffer).map_err(|e| e.to_string())?;
        if n == 0 {
            return Err("it ends before its length".to_owned());
        }
        digest.update(buffer.get(..n).unwrap_or_default());
        at = at.saturating_add(n as u64);
    }
    Ok(digest.finalize().to_vec())
}

/// Whether a file is imported, and is not compiled from another. Some makers of environments write commands of their
/// own into the record of pip, without a digest.
fn is_imported(path: &str) -> bool {
    let compiled = path.ends_with(".pyc") || path.ends_with(".pyo");
    !compiled && use_of(path) == FileUse::Code
}

/// What a file is used for, by its place.
pub(super) fn use_of(path: &str) -> FileUse {
    let name = name_of(path);
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e).to_ascii_lowercase();
    if path.contains(".dist-info/") || path.contains(".egg-info/") {
        return FileUse::Metadata;
    }
    if path.starts_with("bin/") || path.starts_with("Scripts/") {
        return FileUse::Command;
    }
    let numbered_library = name.contains(".so.");
    match extension.as_str() {
        "py" | "pyw" | "pyc" | "pyo" | "so" | "pyd" | "dll" | "dylib" | "pth" | "start" | "exe" | "sh"
        | "ps1" | "bat" => FileUse::Code,
        _ if numbered_library => FileUse::Code,
        _ => FileUse::Data,
    }
}
