//! `wellhead audit --fix` and `--diff`: what can be mended by an edit of a text is, and the rest is said.
//!
//! The one decision: the fixed files are audited before they are written, so that the report and the exit code are about what
//! remains, and so that `--diff` says the same as `--fix` without writing.

use crate::{args::Global, environment::Environment, failure::Failure, output, progress::Progress, unified};
use clap::Args;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use wellhead_core::{ArtifactPath, Blob, Budget, Disposition, Edit, Limits, Report, code};
use wellhead_engine::{Listing, Observer, Options};
use wellhead_packages::{
    Project,
    cure::{Command, Cure, Step, apply, cures},
};
use wellhead_sources::{Content, Stamp};

#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct FixFlags {
    /// Write the fixes that are safe: versions without known flaws that every range of the project admits, and settings that
    /// close a platform
    #[arg(long, help_heading = "Fix")]
    pub(crate) fix: bool,
    /// Print what `--fix` would write as a unified diff, and write nothing
    #[arg(long, conflicts_with = "fix", help_heading = "Fix")]
    pub(crate) diff: bool,
    /// Also fixes that a human should look at: other ranges, builds that may not exist, fewer flaws instead of none
    #[arg(long, help_heading = "Fix")]
    pub(crate) unsafe_fixes: bool,
}

impl FixFlags {
    /// Whether anything is to be fixed, or shown.
    pub(crate) fn wanted(self) -> bool {
        self.fix || self.diff
    }
}

/// Keeps the manifests of the run, and hands on what it hears.
pub(crate) struct Watcher<'a> {
    progress: &'a Progress,
    keeps: bool,
    project: Mutex<Option<Project>>,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(progress: &'a Progress, keeps: bool) -> Self {
        Self {
            progress,
            keeps,
            project: Mutex::new(None),
        }
    }

    fn project(&self) -> Project {
        let mut project = self.project.lock().unwrap_or_else(PoisonError::into_inner);
        project.take().unwrap_or_default()
    }
}

impl Observer for Watcher<'_> {
    fn listed(&self, files: u64) {
        self.progress.listed(files);
    }

    fn judged(&self, path: &str) {
        self.progress.judged(path);
    }

    fn joined(&self, project: &Project) {
        if self.keeps {
            *self.project.lock().unwrap_or_else(PoisonError::into_inner) = Some(project.clone());
        }
    }
}

/// Largest file that is edited.
const MAX_FILE: u64 = 16 << 20;

/// A local file that may be edited.
struct File {
    listing: usize,
    entry: usize,
    path: PathBuf,
    stamp: Stamp,
}

/// The files as they are before the audit reads them.
pub(crate) struct Before {
    listings: Vec<Listing>,
    files: BTreeMap<String, File>,
    /// Files that are never written, and why.
    closed: BTreeMap<String, &'static str>,
}

/// A file with edits.
struct Edited {
    name: String,
    old: String,
    new: String,
    edits: Vec<Edit>,
}

impl Before {
    pub(crate) fn of(listings: &[Listing]) -> Self {
        let mut files = BTreeMap::new();
        let mut closed = BTreeMap::new();
        let mut twice = BTreeSet::new();
        for (l, listing) in listings.iter().enumerate() {
            for (e, entry) in listing.entries.iter().enumerate() {
                let Content::File(path) = &entry.content else {
                    continue;
                };
                // A link is read where it leads, and never written.
                let own = *path == Path::new(&listing.target)
                    || *path == Path::new(&listing.target).join(&entry.path);
                let name = match &listing.prefix {
                    Some(prefix) => format!("{prefix}/{}", entry.path),
                    None => entry.path.clone(),
                };
                let stamp = own.then(|| wellhead_sources::stamp(path)).flatten();
                let Some(stamp) = stamp else {
                    closed.insert(
                        name,
                        "it is a symbolic link, and what that names may belong to somebody else",
                    );
                    continue;
                };
                if stamp.is_read_only() {
                    closed.insert(name, "it is read-only");
                    continue;
                }
                let file = File {
                    listing: l,
                    entry: e,
                    path: path.clone(),
                    stamp,
                };
                if files.insert(name.clone(), file).is_some() {
                    twice.insert(name);
                }
            }
        }
        files.retain(|name, _| !twice.contains(name));
        Self {
            listings: listings.to_vec(),
            files,
            closed,
        }
    }

    /// The text of a file without its byte order mark, as its offsets are counted; and whether it has one.
    fn text(&self, name: &str) -> Option<(String, bool)> {
        let file = self.files.get(name)?;
        let blob = wellhead_sources::read_blob(&file.path).ok()?;
        if blob.len() > MAX_FILE {
            return None;
        }
        let text = String::from_utf8(blob.bytes(0, usize::try_from(MAX_FILE).ok()?).ok()?).ok()?;
        Some(match text.strip_prefix('\u{feff}') {
            Some(body) => (body.to_owned(), true),
            None => (text, false),
        })
    }

    /// Fixes what the report says, or shows how it would be; returns the report of what remains.
    pub(crate) fn mend(
        &self,
        report: Report,
        flags: FixFlags,
        options: &Options<'_>,
        watcher: &Watcher<'_>,
        global: &Global,
        environment: &Environment,
    ) -> Result<Report, Failure> {
        let all = cures(
            &watcher.project(),
            &wanted(&report),
            options.database,
            &|path| self.text(path.top()).map(|(text, _)| text),
            &mut Budget::new(Limits::default(), Arc::clone(&options.cancelled)),
        )
        .map_err(Failure::new)?;
        let mut plan = Plan::default();
        for (i, cure) in all.iter().enumerate() {
            if let Step::Edit { edit, disposition } = &cure.step
                && (*disposition == Disposition::Safe || flags.unsafe_fixes)
                && plan.add(self, std::slice::from_ref(edit))
            {
                plan.cured.insert(i);
            }
        }
        plan.other_rules(self, &report, flags);
        let edited: Vec<Edited> = std::mem::take(&mut plan.files)
            .into_values()
            .filter(|f| f.old != f.new)
            .collect();
        let remaining = if edited.is_empty() {
            report
        } else {
            wellhead_engine::run(self.patched(&edited), options)
        };
        if flags.diff {
            let mut text = String::new();
            for file in &edited {
                text.push_str(&unified::diff(
                    &self.shown(&file.name, environment),
                    &file.old,
                    &file.new,
                ));
            }
            output::to_stdout(text.as_bytes())?;
        }
        let failed = if flags.diff {
            Vec::new()
        } else {
            self.write(&edited)
        };
        plan.failed = failed.iter().map(|(name, _)| name.clone()).collect();
        if !global.quiet {
            let done = if flags.fix { "Fixed" } else { "Would fix" };
            output::to_stderr(&told(&all, &plan, self, done, flags.unsafe_fixes));
        }
        match failed.into_iter().next() {
            Some((_, failure)) => Err(failure),
            None => Ok(remaining),
        }
    }

    /// The listings with the fixed files in the place of those on disk.
    fn patched(&self, edited: &[Edited]) -> Vec<Listing> {
        let mut listings = self.listings.clone();
        for file in edited {
            let Some(place) = self.files.get(&file.name) else {
                continue;
            };
            let entry = listings
                .get_mut(place.listing)
                .and_then(|l| l.entries.get_mut(place.entry));
            if let Some(entry) = entry {
                entry.content = Content::Blob(Blob::from_bytes(file.new.clone().into_bytes()));
            }
        }
        listings
    }

    /// Writes what can be written; returns the others, and why. One that cannot be is no reason to leave the rest.
    fn write(&self, edited: &[Edited]) -> Vec<(String, Failure)> {
        let mut failed = Vec::new();
        for file in edited {
            let Some(place) = self.files.get(&file.name) else {
                continue;
            };
            if let Err(e) = wellhead_sources::rewrite(&place.path, &place.stamp, file.new.as_bytes()) {
                let failure = Failure::new(format!("cannot fix {}: {e}", code(&file.name)));
                failed.push((file.name.clone(), failure));
            }
        }
        failed
    }

    /// A path as `git apply` takes it: from the current folder.
    fn shown(&self, name: &str, environment: &Environment) -> String {
        let path = self.files.get(name).map_or(Path::new(name), |f| &f.path);
        let path = path.strip_prefix(&environment.current).unwrap_or(path);
        let parts: Vec<String> = path
            .components()
            .filter(|c| !matches!(c, std::path::Component::CurDir | std::path::Component::RootDir))
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .collect();
        parts.join("/")
    }
}

/// The packages with reported flaws, by file.
fn wanted(report: &Report) -> BTreeSet<(ArtifactPath, String)> {
    let rules = [
        "vulnerable-package",
        "compromised-release",
        "unpinned-requirement",
    ];
    report
        .reported()
        .filter(|f| rules.contains(&&*f.rule))
        .filter_map(|f| {
            let package = f.properties.get("package")?.as_str()?;
            Some((f.primary()?.artifact.clone(), package.to_owned()))
        })
        .collect()
}

/// The edits that can be made together.
#[derive(Default)]
struct Plan {
    files: BTreeMap<String, Edited>,
    /// The cures that are among them, by their place.
    cured: BTreeSet<usize>,
    /// What else is, in words.
    others: Vec<String>,
    /// Files that could not be written.
    failed: BTreeSet<String>,
}

impl Plan {
    /// Adds edits that belong together: all or none.
    fn add(&mut self, before: &Before, edits: &[Edit]) -> bool {
        let mut next: BTreeMap<String, Edited> = BTreeMap::new();
        for edit in edits {
            let name = edit.artifact.top().to_owned();
            if edit.artifact.nesting() > 0 {
                return false;
            }
            let mut all = match (next.get(&name), self.files.get(&name)) {
                (Some(file), _) | (None, Some(file)) => file.edits.clone(),
                (None, None) => Vec::new(),
            };
            all.push(edit.clone());
            let Some((text, mark)) = before.text(&name) else {
                return false;
            };
            let Ok(new) = apply(&text, &all) else {
                return false;
            };
            let marked = |text: String| if mark { format!("\u{feff}{text}") } else { text };
            let edited = Edited {
                name: name.clone(),
                old: marked(text),
                new: marked(new),
                edits: all,
            };
            next.insert(name, edited);
        }
        self.files.extend(next);
        true
    }

    /// The edits that other rules offer with their findings.
    fn other_rules(&mut self, before: &Before, report: &Report, flags: FixFlags) {
        for finding in report.reported() {
            let fix = finding
                .fixes
                .iter()
                .find(|f| !f.edits.is_empty() && (f.disposition == Disposition::Safe || flags.unsafe_fixes));
            if let Some(fix) = fix
                && self.add(before, &fix.edits)
            {
                let place = finding
                    .primary()
                    .map(|l| l.artifact.to_string())
                    .unwrap_or_default();
                self.others
                    .push(format!("{place}: {} ({})", fix.description, finding.rule));
            }
        }
    }
}

/// What was done, what is left to do and by whom.
fn told(all: &[Cure], plan: &Plan, before: &Before, done: &str, all_steps: bool) -> String {
    let mut fixed = Vec::new();
    let mut unsafe_ones = Vec::new();
    let mut by_hand = Vec::new();
    let mut commands: BTreeMap<(String, String, String), BTreeSet<String>> = BTreeMap::new();
    let mut about: BTreeMap<(String, String, String), BTreeSet<String>> = BTreeMap::new();
    for (i, cure) in all.iter().enumerate() {
        let to = cure
            .to
            .as_deref()
            .map(|to| format!(" → {to}"))
            .unwrap_or_default();
        let mut line = format!(
            "{}:{}: {} {}{to}",
            cure.artifact, cure.line, cure.package, cure.from
        );
        if !cure.remains.is_empty() && cure.to.is_some() {
            let _ = write!(line, "; it still has {}", cure.remains.join(", "));
        }
        for note in &cure.notes {
            let _ = write!(line, "; {note}");
        }
        match &cure.step {
            Step::Edit { .. } if plan.failed.contains(cure.artifact.top()) => {
                by_hand.push(format!("{line}: the file could not be written"));
            }
            Step::Edit { .. } if plan.cured.contains(&i) => fixed.push(line),
            Step::Edit { disposition, .. } if all_steps || *disposition == Disposition::Safe => {
                by_hand.push(format!(
                    "{line}: it does not go together with another fix: run again"
                ));
            }
            Step::Edit { .. } => unsafe_ones.push(line),
            Step::ByHand(why) => match before
                .closed
                .get(cure.artifact.top())
                .filter(|_| cure.to.is_some())
            {
                Some(closed) => {
                    by_hand.push(format!("{line}: {why}; the file is not written, since {closed}"));
                }
                None => by_hand.push(format!("{line}: {why}")),
            },
            Step::Command {
                disposition: Disposition::Unsafe,
                ..
            } if !all_steps => unsafe_ones.push(line),
            Step::Command {
                command: Command { head, each, tail },
                ..
            } => {
                let key = (cure.artifact.to_string(), head.clone(), tail.clone());
                commands.entry(key.clone()).or_default().insert(each.clone());
                if !cure.remains.is_empty() {
                    about.entry(key).or_default().insert(line);
                }
            }
        }
    }
    fixed.extend(plan.others.iter().cloned());
    let mut out = String::new();
    section(&mut out, done, &fixed);
    section(&mut out, "With --unsafe-fixes", &unsafe_ones);
    for (key, each) in commands {
        let (artifact, head, tail) = &key;
        let each: Vec<String> = each.into_iter().collect();
        let _ = writeln!(out, "{artifact} is written by another tool; run:");
        let _ = writeln!(
            out,
            "  {}",
            format!("{head} {} {tail}", each.join(" ")).trim_end()
        );
        for line in about.get(&key).into_iter().flatten() {
            let _ = writeln!(out, "  ({line})");
        }
    }
    section(&mut out, "Left for you", &by_hand);
    if out.is_empty() {
        out.push_str("Nothing to fix\n");
    }
    out
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}:");
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}
