//! The one plain value that every renderer gets.

use crate::{
    component::Component,
    coverage::{Coverage, Outcome},
    finding::{Finding, Level},
    risk::RiskReport,
    rule::{Measure, Severity},
};

/// One line of the scoreboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureSummary {
    /// The measure.
    pub measure: Measure,
    /// Reported findings that fail the run.
    pub deny: u64,
    /// Reported findings that do not.
    pub warn: u64,
    /// Subjects (artifacts, components, resources, services) that were judged and about which nothing is reported.
    pub ok: u64,
    /// Subjects and rules that could not be judged.
    pub not_assessed: u64,
}

impl MeasureSummary {
    /// Whether anything was judged; if not, the scoreboard shows a dash and never a zero.
    pub fn is_assessed(&self) -> bool {
        self.deny.saturating_add(self.warn).saturating_add(self.ok) > 0
    }
}

/// An advisory database that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// What it is: "osv", "incidents".
    pub name: String,
    /// Number of records.
    pub records: u64,
    /// The day it was made (`2026-11-03`).
    pub date: String,
    /// Digest of its content.
    pub digest: String,
}

/// Counts for the last lines.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Stats {
    /// Files of the target, members not counted.
    pub files: u64,
    /// Files that hold models.
    pub models: u64,
    /// Packages that the files declare, each version once ([`Counts::packages`](crate::Counts)).
    pub packages: u64,
    /// Bytes that were read.
    pub bytes: u64,
}

/// Whether the run passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether nothing fails it.
    pub allowed: bool,
    /// The severity from which on a finding fails the run; `None` is "never".
    pub fail_on: Option<Severity>,
    /// Fingerprints of the findings that fail it.
    pub because: Vec<String>,
}

/// Everything that a run has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Version of the program that made it.
    pub tool_version: String,
    /// The targets as they were given.
    pub targets: Vec<String>,
    /// What became of each artifact, sorted.
    pub coverage: Vec<Coverage>,
    /// All findings, sorted by severity, artifact, position and rule.
    pub findings: Vec<Finding>,
    /// The components of the inventory, sorted.
    pub components: Vec<Component>,
    /// The scoreboard, in the order of [`Measure::ALL`].
    pub measures: Vec<MeasureSummary>,
    /// The risk.
    pub risk: RiskReport,
    /// Whether the run passes.
    pub verdict: Verdict,
    /// The databases that were asked.
    pub databases: Vec<DatabaseInfo>,
    /// Why rules could not be assessed, a sentence each: "no advisory database: run `wellhead db import`".
    pub not_assessed: Vec<String>,
    /// The running services that were judged, sorted.
    pub services: Vec<Service>,
    /// Counts.
    pub stats: Stats,
}

/// A running service, and what its answers prove.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Service {
    /// Its address; escaped.
    pub address: String,
    /// What it is, by the name in machine formats.
    pub product: String,
    /// What it is, for people.
    pub name: String,
    /// How it stands: `OPEN`, `PROTECTED` and so on.
    pub state: String,
    /// The version that it says it has; escaped.
    pub version: Option<String>,
    /// The request whose answer proves the state; escaped.
    pub request: String,
    /// The status of that answer.
    pub status: u16,
    /// The SHA-256 of the body of that answer, where its recorder took it.
    pub body_sha256: Option<String>,
    /// The parts of it that answer strangers.
    pub open: Vec<String>,
    /// The parts of it that ask who is there.
    pub guarded: Vec<String>,
    /// What its recorder says of all of it: that its certificate was not verified; escaped.
    pub notes: Vec<String>,
}

impl Report {
    /// The reported findings.
    pub fn reported(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.is_reported())
    }

    /// The artifacts that were not, or not wholly, analysed.
    pub fn unseen(&self) -> impl Iterator<Item = &Coverage> {
        self.coverage.iter().filter(|c| c.outcome != Outcome::Analysed)
    }
}

impl Verdict {
    /// Whether a finding fails a run under `fail_on`: its level decides, and without one its severity.
    pub fn fails(finding: &Finding, fail_on: Option<Severity>) -> bool {
        finding.is_reported()
            && match finding.level {
                Some(Level::Deny) => true,
                Some(Level::Warn | Level::Allow) => false,
                None => fail_on.is_some_and(|least| finding.severity >= least),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ArtifactPath, Location, rule::testing::RULE};

    #[test]
    fn the_level_decides_before_the_severity() {
        let finding = |level, severity| {
            let mut f =
                Finding::new(&RULE, "m", Location::whole(&ArtifactPath::file("f"), "")).severity(severity);
            f.level = level;
            f
        };
        let high = Some(Severity::High);
        for (level, severity, fail_on, fails) in [
            (None, Severity::High, high, true),
            (None, Severity::Medium, high, false),
            (Some(Level::Deny), Severity::Low, high, true),
            (Some(Level::Deny), Severity::Low, None, true),
            (Some(Level::Warn), Severity::Critical, high, false),
            (None, Severity::Critical, None, false),
        ] {
            assert_eq!(
                Verdict::fails(&finding(level, severity), fail_on),
                fails,
                "{level:?} {severity}"
            );
        }
    }
}
