//! What became of every declared package: the answer to "was everything looked at".
//!
//! It is counted from the report and kept nowhere, so a saved report cannot say anything else than its own rows. A
//! package of which every finding is covered by an ignore counts as ignored; one that was looked up in nothing but the
//! incident list, for want of a database, is never called audited.

use crate::{
    component::{Bucket, Component},
    finding::{Finding, Status},
    location::{Location, Span},
    report::Report,
};
use std::collections::{BTreeMap, BTreeSet};

/// Where a declared package ended. Every one has exactly one of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its version was looked up.
    Audited,
    /// Its version is known, and there was no database to look it up in.
    Pinned,
    /// It is left open which version is installed.
    Unpinned,
    /// It cannot be looked up, and why.
    Unauditable {
        /// Why, in a few words.
        why: String,
    },
    /// Findings about it are ignored, and until when.
    Ignored {
        /// The first day on which one of the ignores ends (`2027-03-01`), if one does.
        until: Option<String>,
        /// Why, in the words of whoever wrote the ignores; several are joined.
        why: String,
        /// Where the ignores stand: `wellhead.toml:2`.
        by: String,
    },
}

impl Standing {
    /// The name in every machine format.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Audited => "audited",
            Self::Pinned => "pinned",
            Self::Unpinned => "unpinned",
            Self::Unauditable { .. } => "unauditable",
            Self::Ignored { .. } => "ignored",
        }
    }

    /// What tells two standings of one package apart when packages are counted: the words of an ignore do not.
    fn key(&self) -> (&'static str, String) {
        let why = match self {
            Self::Unauditable { why } => why.clone(),
            Self::Ignored { until, .. } => until.clone().unwrap_or_default(),
            _ => String::new(),
        };
        (self.name(), why)
    }
}

/// The counts of an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All declarations: several files of a project may name one package.
    pub declarations: u64,
    /// The packages that they name, each version counted once.
    pub packages: u64,
    /// Looked up.
    pub audited: u64,
    /// With a known version that no database was there to look up.
    pub pinned: u64,
    /// Left open.
    pub unpinned: u64,
    /// Not to be looked up.
    pub unauditable: u64,
    /// Covered by ignores.
    pub ignored: u64,
    /// Why packages could not be looked up, and how many each.
    pub reasons: BTreeMap<String, u64>,
    /// The first day on which one of the ignores ends.
    pub until: Option<String>,
}

/// What is said of one package in one file.
#[derive(Default)]
struct Said<'a> {
    reported: bool,
    ignored: bool,
    until: Option<&'a str>,
    why: BTreeSet<&'a str>,
    by: BTreeSet<String>,
}

/// Most reasons and places of ignores that are named of one package.
const NAMED: usize = 3;

/// The first few of many, joined.
fn joined<'a>(all: impl ExactSizeIterator<Item = &'a str>, with: &str) -> String {
    let more = all.len().saturating_sub(NAMED);
    let mut out = all.take(NAMED).collect::<Vec<_>>().join(with);
    if more > 0 {
        out.push_str(&format!("{with}and {more} more"));
    }
    out
}

impl Report {
    /// Every component with its standing, in the report's order.
    pub fn inventory(&self) -> Vec<(&Component, Standing)> {
        let asked = self.databases.iter().any(|d| d.name != "incidents");
        let mut said: BTreeMap<(&str, String), Said<'_>> = BTreeMap::new();
        // Most reports ignore nothing, and then no finding has to be looked at.
        if self
            .findings
            .iter()
            .any(|f| matches!(f.status, Status::Ignored(_)))
        {
            for finding in &self.findings {
                if let Some((name, artifact)) = about(finding) {
                    let entry = said.entry((name, artifact)).or_default();
                    match &finding.status {
                        Status::Ignored(ignored) => {
                            entry.ignored = true;
                            let until = ignored.expires.as_deref();
                            entry.until = entry.until.into_iter().chain(until).min();
                            entry.why.insert(&ignored.reason);
                            entry.by.extend(ignored.by.as_ref().map(place));
                        }
                        _ => entry.reported = true,
                    }
                }
            }
        }
        let standing = |c: &Component| {
            let key = (c.name.as_str(), c.declared.artifact.to_string());
            if let Some(said) = said.get(&key).filter(|s| s.ignored && !s.reported) {
                return Standing::Ignored {
                    until: said.until.map(str::to_owned),
                    why: joined(said.why.iter().copied(), "; "),
                    by: joined(said.by.iter().map(String::as_str), ", "),
                };
            }
            match &c.bucket {
                Bucket::Exact if asked => Standing::Audited,
                Bucket::Exact => Standing::Pinned,
                Bucket::Unpinned => Standing::Unpinned,
                Bucket::Unauditable { why } => Standing::Unauditable { why: why.clone() },
            }
        };
        self.components.iter().map(|c| (c, standing(c))).collect()
    }

    /// How many packages ended where.
    pub fn inventory_counts(&self) -> Counts {
        let mut out = Counts::default();
        let mut untils = BTreeSet::new();
        let inventory = self.inventory();
        out.declarations = inventory.len() as u64;
        let pinned = pinned(&self.components);
        let mut seen = BTreeSet::new();
        for (component, standing) in inventory {
            let open = component.bucket != Bucket::Exact;
            // What one file leaves open and the lock of its project pins is the pinned package.
            if open && is_settled(component, &pinned) || !seen.insert((component.purl(), standing.key())) {
                continue;
            }
            out.packages = out.packages.saturating_add(1);
            let count = match standing {
                Standing::Audited => &mut out.audited,
                Standing::Pinned => &mut out.pinned,
                Standing::Unpinned => &mut out.unpinned,
                Standing::Unauditable { why } => {
                    let n = out.reasons.entry(why).or_default();
                    *n = n.saturating_add(1);
                    &mut out.unauditable
                }
                Standing::Ignored { until, .. } => {
                    untils.extend(until);
                    &mut out.ignored
                }
            };
            *count = count.saturating_add(1);
        }
        out.until = untils.into_iter().next();
        out
    }
}

/// The folders of the files that pin a package, by ecosystem and name.
type Pinned<'a> = BTreeMap<(&'static str, &'a str), BTreeSet<&'a str>>;

fn pinned(components: &[Component]) -> Pinned<'_> {
    let mut out = Pinned::new();
    for c in components.iter().filter(|c| c.bucket == Bucket::Exact) {
        let key = (c.ecosystem.name(), c.name.as_str());
        out.entry(key).or_default().insert(folder(c));
    }
    out
}

/// Whether a file of the same folder, or of one above, pins the package.
fn is_settled(c: &Component, pinned: &Pinned<'_>) -> bool {
    let Some(folders) = pinned.get(&(c.ecosystem.name(), c.name.as_str())) else {
        return false;
    };
    let mut here = folder(c);
    loop {
        if folders.contains(here) {
            return true;
        }
        if here.is_empty() {
            return false;
        }
        here = here.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

fn folder(c: &Component) -> &str {
    c.declared
        .artifact
        .top()
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder)
}

/// A place in the policy or a document, for people.
fn place(location: &Location) -> String {
    match &location.span {
        Span::Text { start, .. } => format!("{}:{}", location.artifact, start.line),
        _ => location.artifact.to_string(),
    }
}

/// The package that a finding is about, and the file that declares it.
fn about(finding: &Finding) -> Option<(&str, String)> {
    let name = finding.properties.get("package")?.as_str()?;
    Some((name, finding.primary()?.artifact.to_string()))
}
