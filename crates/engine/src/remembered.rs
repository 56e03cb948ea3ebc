//! What is remembered of packages from one run to the next.
//!
//! Following the code of a package takes a thousand times as long as hashing it, and environments and mirrors hold the
//! same packages day after day. The one decision: what is remembered is what the audit itself came to, and it may only be
//! remembered where nothing but the bytes, the path, the program and the options decided it. A clock that ran out, a key
//! that was pressed or bytes that changed while they were read decide too, so then nothing is kept.

use crate::{
    artifact::{FileResult, analyse},
    clones::Shipment,
    constants,
    facts::Fact,
    own_source,
    run::Options,
    scoreboard::Scoreboard,
    unpacked::{Group, Lying},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    borrow::Cow,
    path::Path,
    sync::{Arc, atomic::Ordering},
};
use wellhead_core::{ArtifactPath, Blob, Budget, Coverage, Finding, sha256_of};
use wellhead_packages::Manifest;
use wellhead_rules::INTERNAL_ERROR;
use wellhead_sources::{Content, Entry, KeptResults, stamp};

/// Endings of files that may be packages.
const PACKAGES: [&str; 4] = [".whl", ".conda", ".egg", ".pyz"];
/// The same of files that are more often something else, which are hashed only where that costs little.
const ARCHIVES: [&str; 6] = [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip"];
const MAX_PACKAGE: u64 = 2 << 30;
const MAX_ARCHIVE: u64 = 64 << 20;
/// Packages in folders with more bytes than are judged together are judged anew.
const MAX_GROUP: u64 = 96 << 20;
/// Packages with fewer bytes are judged sooner than the program can be told from other versions of it.
const SMALL: u64 = 64 << 10;
/// The form of what is kept; goes up when it changes.
const FORM: &str = "1";

/// What is kept of a file.
#[derive(Serialize, Deserialize)]
struct OfFile {
    coverage: Vec<Coverage>,
    findings: Vec<Finding>,
    scoreboard: Scoreboard,
    is_model: bool,
    bytes: u64,
    shipments: Vec<Shipment>,
    covers: u64,
    /// What it declares, which is judged with the rest of the target.
    manifests: Vec<(ArtifactPath, Manifest)>,
}

/// What is kept of files that are one package.
#[derive(Serialize, Deserialize)]
struct OfGroup {
    findings: Vec<Finding>,
    why: Option<String>,
}

/// Judges a file and all its members, or remembers what became of them.
pub(crate) fn file(path: &str, entry: &Entry, options: &Options<'_>) -> FileResult {
    let before = place(entry).and_then(stamp);
    let slot = Slot::of_file(path, entry, options);
    if let Some(known) = slot.as_ref().and_then(Slot::get::<OfFile>) {
        return known.into();
    }
    let mut result = analyse(path, entry, options);
    if !result.is_package {
        return result;
    }
    settle(&mut result, options);
    let failed = result.findings.iter().any(|f| f.rule == INTERNAL_ERROR.id);
    let other = |fact: &Fact| !matches!(fact, Fact::Manifest(..));
    let waits = result.facts.iter().any(other);
    if let Some(slot) = slot.filter(|_| !waits && !result.ran_out && !failed) {
        let kept = OfFile::from(result);
        slot.put(&kept, || {
            let blob = entry.open().ok()?;
            let digest = digest(&blob, options)?;
            // What was something else in between bears another time of its last change.
            let after = place(entry).and_then(stamp);
            (before.is_some() && before == after).then_some(digest)
        });
        return kept.into();
    }
    result
}

/// Judges a package that lies unpacked, or remembers what became of it.
pub(crate) fn group(
    group: &Group,
    open: &(dyn Fn(&Lying) -> Result<Blob, String> + Sync + '_),
    options: &Options<'_>,
    judge: impl FnOnce() -> (Vec<Finding>, Option<String>, bool),
) -> (Vec<Finding>, Option<String>) {
    let content = || of_group(group, open, options);
    let slot = options
        .kept
        .and_then(|kept| Slot::new(kept, "group", &group.told(), content()?, options));
    if let Some(known) = slot.as_ref().and_then(Slot::get::<OfGroup>) {
        return (known.findings, known.why);
    }
    let (mut findings, why, ran_out) = judge();
    findings.iter_mut().for_each(wellhead_rules::redact_finding);
    let kept = OfGroup { findings, why };
    if let Some(slot) = slot.filter(|_| !ran_out) {
        slot.put(&kept, content);
    }
    (kept.findings, kept.why)
}

/// The digests of the files of a package, in their order.
fn of_group(
    group: &Group,
    open: &(dyn Fn(&Lying) -> Result<Blob, String> + Sync + '_),
    options: &Options<'_>,
) -> Option<String> {
    let mut budget = Budget::new(options.limits.clone(), Arc::clone(&options.cancelled));
    let (mut out, mut size) = (String::new(), 0_u64);
    // One at a time: no more files are open at once than when they are judged.
    for lying in &group.files {
        let blob = open(lying).ok()?;
        size = size.saturating_add(blob.len());
        if size > MAX_GROUP {
            return None;
        }
        out.push_str(&sha256_of(&blob, &mut budget).ok()?.hex);
        let format = lying.format.map_or("", |f| f.name);
        out.push_str(&format!(" {format} {} {}\n", lying.artifact, lying.path));
    }
    (size >= SMALL).then_some(out)
}

/// What modules of a package ask of each other is answered among them, so that nothing waits for the rest of the target.
fn settle(result: &mut FileResult, options: &Options<'_>) {
    constants::judge(&mut result.findings, &mut result.facts, options);
    own_source::judge(&mut result.findings, &result.facts);
    result.facts.retain(|fact| !matches!(fact, Fact::Module(..)));
    // Nothing that is secret is written anywhere.
    result
        .findings
        .iter_mut()
        .for_each(wellhead_rules::redact_finding);
}

fn place(entry: &Entry) -> Option<&Path> {
    match &entry.content {
        Content::File(path) => Some(path),
        _ => None,
    }
}

fn digest(blob: &Blob, options: &Options<'_>) -> Option<String> {
    let mut budget = Budget::new(options.limits.clone(), Arc::clone(&options.cancelled));
    sha256_of(blob, &mut budget).ok().map(|digest| digest.hex)
}

/// Where one result is kept.
struct Slot<'a> {
    kept: &'a KeptResults,
    name: String,
    /// The digests of what it is about.
    content: String,
    options: &'a Options<'a>,
}

impl<'a> Slot<'a> {
    fn of_file(path: &str, entry: &Entry, options: &'a Options<'_>) -> Option<Self> {
        let kept = options.kept?;
        // Only what lies on this machine: the bytes of others are had again, and may be others.
        if !matches!(entry.content, Content::File(_)) || options.locks.contains(path) {
            return None;
        }
        let ends = |endings: &[&str]| endings.iter().any(|e| path.ends_with(e));
        let blob = entry.open().ok()?;
        let is_likely = blob.len() <= MAX_PACKAGE && ends(&PACKAGES);
        if blob.len() < SMALL || !(is_likely || blob.len() <= MAX_ARCHIVE && ends(&ARCHIVES)) {
            return None;
        }
        let asked = options.asked.contains(path);
        Slot::new(
            kept,
            "file",
            &format!("{asked} {path}"),
            digest(&blob, options)?,
            options,
        )
    }

    fn new(
        kept: &'a KeptResults,
        what: &str,
        told: &str,
        content: String,
        options: &'a Options<'_>,
    ) -> Option<Self> {
        // What a file takes from elsewhere is judged with the policy, over all files.
        if options.config.sources.is_some() {
            return None;
        }
        let enabled: Vec<&str> = wellhead_rules::rules()
            .iter()
            .filter(|rule| options.enables(rule))
            .map(|rule| rule.id)
            .collect();
        let about = format!(
            "{FORM} {:?} {:?} {}",
            options.depth,
            options.limits,
            enabled.join(" ")
        );
        let name = kept.name(&[what, told, &content, &about])?;
        Some(Self {
            kept,
            name,
            content,
            options,
        })
    }

    fn get<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.kept.get(&self.name)?).ok()
    }

    /// Keeps a result, if what it is about is what it was before.
    fn put<T: Serialize>(&self, value: &T, content: impl FnOnce() -> Option<String>) {
        let interrupted = || self.options.cancelled.load(Ordering::Relaxed);
        if interrupted() || content().as_ref() != Some(&self.content) || interrupted() {
            return;
        }
        // Findings hide what is secret. What is declared is told as it is read, and not kept where a secret is in it.
        if let Ok(text) = serde_json::to_string(value)
            && matches!(wellhead_rules::redact(&text), Cow::Borrowed(_))
        {
            self.kept.put(&self.name, text.as_bytes());
        }
    }
}

impl From<FileResult> for OfFile {
    fn from(result: FileResult) -> Self {
        Self {
            coverage: result.coverage,
            findings: result.findings,
            scoreboard: result.scoreboard,
            is_model: result.is_model,
            bytes: result.bytes,
            shipments: result.shipments,
            covers: result.covers,
            manifests: result.facts.into_iter().filter_map(manifest).collect(),
        }
    }
}

fn manifest(fact: Fact) -> Option<(ArtifactPath, Manifest)> {
    match fact {
        Fact::Manifest(artifact, manifest) => Some((artifact, *manifest)),
        _ => None,
    }
}

impl From<OfFile> for FileResult {
    fn from(kept: OfFile) -> Self {
        let manifests = kept.manifests.into_iter();
        Self {
            facts: manifests
                .map(|(artifact, manifest)| Fact::Manifest(artifact, Box::new(manifest)))
                .collect(),
            coverage: kept.coverage,
            findings: kept.findings,
            scoreboard: kept.scoreboard,
            is_model: kept.is_model,
            bytes: kept.bytes,
            shipments: kept.shipments,
            covers: kept.covers,
            is_package: true,
            ..Self::default()
        }
    }
}
