//! What a target says of what runs, read together and judged as one.
//!
//! While files are judged one by one, those that a reader of infrastructure claims are only noted; when all were seen
//! they are read a second time and joined. The one decision: an archive is a tree of its own, judged with its file, so that
//! what is remembered of a package holds whatever lies beside it.

use crate::{platforms, run::Options, scoreboard::Scoreboard};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use wellhead_core::{ArtifactPath, Budget, Coverage, Finding, Location, Measure, Outcome, Sink};
use wellhead_formats::read_text;
use wellhead_infra::{Estate, EstateFile, dialect, estate, services};
use wellhead_rules::{Check, EstateView, INTERNAL_ERROR, Subject, registered};
use wellhead_sources::Entry;

/// The largest file that is read as configuration.
const MAX_FILE: usize = 8 << 20;
/// The most text of archives in one file that is kept for it, and of a target that is read together.
const MAX_KEPT: usize = 32 << 20;
const MAX_READ: usize = 64 << 20;

/// A text that says how something is run.
#[derive(Debug)]
pub(crate) struct Configured {
    pub(crate) artifact: ArtifactPath,
    /// What it says; of a file of the target nothing is kept, since it can be read again.
    text: Option<Arc<str>>,
}

/// What trees of configuration came to.
#[derive(Debug, Default)]
pub(crate) struct Told {
    findings: Vec<Finding>,
    gaps: Vec<(ArtifactPath, String)>,
    judged: Vec<(Measure, String)>,
    versions: platforms::Named,
}

impl Told {
    /// Adds all of it to what is known of the target, or of a file.
    pub(crate) fn tell(
        self,
        findings: &mut Vec<Finding>,
        coverage: &mut [Coverage],
        scoreboard: &mut Scoreboard,
    ) -> platforms::Named {
        findings.extend(self.findings);
        for (measure, subject) in self.judged {
            scoreboard.judged(measure, subject);
        }
        let mut gaps: BTreeMap<ArtifactPath, String> = BTreeMap::new();
        for (artifact, why) in self.gaps {
            gaps.entry(artifact).or_insert(why);
        }
        for row in coverage {
            if let Some(why) = gaps.remove(&row.artifact) {
                let outcome = std::mem::replace(&mut row.outcome, Outcome::Analysed);
                row.outcome = outcome.and(Outcome::Partly { why });
            }
        }
        self.versions
    }

    fn join(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.gaps.extend(other.gaps);
        self.judged.extend(other.judged);
        self.versions.facts.extend(other.versions.facts);
        self.versions.not_assessed.extend(other.versions.not_assessed);
    }
}

/// Whether anybody wants to know.
fn is_asked(options: &Options<'_>) -> bool {
    registered().any(|r| matches!(r.check, Check::Estate(_)) && options.enables(r.rule))
}

/// Notes a text that says how something is run.
pub(crate) fn keep(
    path: &ArtifactPath,
    text: &Arc<str>,
    options: &Options<'_>,
    kept: &mut Vec<Configured>,
    budget: &mut Budget,
) -> Outcome {
    let partly = |why: String| Outcome::Partly { why };
    // Names are asked before contents, and contents only for a few words.
    if let Err(why) = budget.steps((text.len() as u64) >> 6) {
        return partly(why.to_string());
    }
    if dialect(path.leaf(), text).is_none() || !is_asked(options) {
        return Outcome::Analysed;
    }
    if text.len() > MAX_FILE {
        return partly("too large to be read as configuration".to_owned());
    }
    let inside = path.nesting() > 0;
    let had: usize = kept.iter().filter_map(|c| Some(c.text.as_ref()?.len())).sum();
    if inside && had.saturating_add(text.len()) > MAX_KEPT {
        return partly("its archive holds more configuration than is read together".to_owned());
    }
    kept.push(Configured {
        artifact: path.clone(),
        text: inside.then(|| Arc::clone(text)),
    });
    Outcome::Analysed
}

/// Judges what lies in archives, each of them by itself.
pub(crate) fn of_archives(kept: Vec<Configured>, budget: &mut Budget, options: &Options<'_>) -> Told {
    let mut archives: BTreeMap<Option<ArtifactPath>, Vec<(ArtifactPath, Arc<str>)>> = BTreeMap::new();
    for Configured { artifact, text } in kept {
        let Some(text) = text else { continue };
        archives
            .entry(artifact.parent())
            .or_default()
            .push((artifact, text));
    }
    let mut told = Told::default();
    for files in archives.into_values() {
        told.join(guarded(files, budget, options));
    }
    told
}

/// Judges what lies in the target.
pub(crate) fn of_target(kept: &[Configured], files: &[(String, Entry)], options: &Options<'_>) -> Told {
    let wanted: BTreeSet<String> = kept.iter().map(|c| c.artifact.top().to_owned()).collect();
    if wanted.is_empty() {
        return Told::default();
    }
    let mut budget = Budget::new(options.limits.clone(), Arc::clone(&options.cancelled));
    let mut texts = Vec::new();
    let mut gaps = Vec::new();
    let mut size = 0_usize;
    for (path, entry) in files.iter().filter(|(path, _)| wanted.contains(path)) {
        let artifact = ArtifactPath::file(path);
        // What reading costs for a moment is no part of what the texts cost together.
        let mut reader = Budget::new(options.limits.clone(), Arc::clone(&options.cancelled));
        let read = entry.open().and_then(|blob| read_text(&blob, &mut reader));
        match read {
            Ok((text, _)) if size.saturating_add(text.text.len()) <= MAX_READ => {
                size = size.saturating_add(text.text.len());
                texts.push((artifact, text.text));
            }
            Ok(_) => {
                let why = "the target holds more configuration than is read together";
                gaps.push((artifact, why.to_owned()));
            }
            Err(why) => gaps.push((artifact, format!("could not be read a second time: {why}"))),
        }
    }
    texts.sort_by(|a, b| a.0.cmp(&b.0));
    let mut told = guarded(texts, &mut budget, options);
    told.gaps.extend(gaps);
    told
}

/// A bug in a reader costs what these files say together, and says so.
fn guarded(files: Vec<(ArtifactPath, Arc<str>)>, budget: &mut Budget, options: &Options<'_>) -> Told {
    let artifacts: Vec<ArtifactPath> = files.iter().map(|(artifact, _)| artifact.clone()).collect();
    let judged = catch_unwind(AssertUnwindSafe(|| judge(files, budget, options)));
    judged.unwrap_or_else(|_| {
        let mut told = Told::default();
        if let Some(first) = artifacts.first().filter(|_| options.enables(&INTERNAL_ERROR)) {
            let finding = Finding::new(
                &INTERNAL_ERROR,
                "nothing is known of what these files run together: wellhead itself failed on them",
                Location::whole(first, "not judged"),
            );
            told.findings.push(
                finding.help("report it as SECURITY.md describes, and do not rely on this run until then"),
            );
        }
        told.gaps = artifacts
            .into_iter()
            .map(|artifact| (artifact, "internal error".to_owned()))
            .collect();
        told
    })
}

fn judge(mut files: Vec<(ArtifactPath, Arc<str>)>, budget: &mut Budget, options: &Options<'_>) -> Told {
    let mut told = Told::default();
    files.retain(|(artifact, text)| dialect(artifact.leaf(), text).is_some());
    if files.is_empty() {
        return told;
    }
    let given: Vec<EstateFile<'_>> = files
        .iter()
        .map(|(artifact, text)| EstateFile {
            path: artifact.leaf(),
            text,
        })
        .collect();
    let estate = estate(&given, budget);
    // Where the texts became too large together, the rest was not read.
    let read = estate.files.files().len();
    let why = budget
        .exhausted()
        .map_or_else(|| "not read".to_owned(), |why| why.to_string());
    let rest = files.iter().skip(read);
    told.gaps
        .extend(rest.map(|(artifact, _)| (artifact.clone(), why.clone())));
    // Rules join without a budget of their own, so what joining costs is paid here.
    if let Err(why) = services(&estate, budget) {
        let why = format!("what runs here could not be joined: {why}");
        told.gaps
            .extend(files.iter().map(|(artifact, _)| (artifact.clone(), why.clone())));
        return told;
    }
    let subjects = subjects(&estate);
    let view = EstateView::new(estate, files);
    for gap in &view.estate.gaps {
        if let Some((artifact, ..)) = view.locate(&gap.span) {
            told.gaps.push((artifact.clone(), gap.why.clone()));
        }
    }
    let Some((first, ..)) = view.locate(&(0..0)) else {
        return told;
    };
    told.versions = platforms::named(&view, budget);
    let mut sink = Sink::new(first.clone());
    let enabled = |rule: &wellhead_core::Rule| options.enables(rule);
    let measures = wellhead_rules::judge(Subject::Estate(&view), &enabled, &mut sink);
    told.findings = sink.into_findings();
    let names: BTreeSet<String> = subjects
        .iter()
        .filter_map(|span| Some(view.locate(&(*span..*span))?.0.to_string()))
        .collect();
    told.judged = measures
        .into_iter()
        .flat_map(|m| names.iter().map(move |name| (m, name.clone())))
        .collect();
    told
}

/// Where something is said that rules judge: a script that starts nothing is no infrastructure.
fn subjects(estate: &Estate) -> Vec<usize> {
    let mut out: Vec<usize> = estate.workloads.iter().map(|w| w.span.start).collect();
    out.extend(estate.settings.iter().map(|s| s.span.start));
    out.extend(estate.recipes.iter().flatten().map(|r| r.span.start));
    let cloud = &estate.cloud;
    out.extend(cloud.firewalls.iter().map(|f| f.span.start));
    out.extend(cloud.buckets.iter().map(|b| b.span.start));
    out.extend(cloud.grants.iter().map(|g| g.span.start));
    out.extend(cloud.managed.iter().map(|m| m.span.start));
    out
}
