//! Advisories: read as OSV records, kept in a compact database, matched to versions.
//!
//! OSV's own data has dirt in every field, so matching tries both ways that a record can name a version (a list, a
//! range), repairs what can be repaired, and says of each match which way it was found.

mod changes;
mod codec;
mod database;
mod exploited;
mod flaw;
mod import;
mod osv;
mod range;
mod record;
mod records;
mod scores;

pub use crate::version::PyVersion;
pub use changes::{Changes, is_id};
pub use database::{About, Database, DatabaseError, PackageAdvisories, TableInfo};
pub use exploited::{Exploited, TableError};
pub use flaw::{Flaw, flaws};
pub use import::{Builder, ImportSummary, build};
pub use osv::{Affected, OsvError, read_osv};
pub use range::{Event, EventKind, VersionRange};
pub(crate) use records::stamp;
pub use records::{Records, build_records};
pub use scores::{Epss, Scores};

use wellhead_core::Severity;

/// How bad an advisory says the flaw is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rated {
    /// The CVSS base score in tenths: 98 is 9.8.
    pub tenths: Option<u8>,
    /// The level where only a word is given.
    pub word: Option<Severity>,
    /// The CVSS vector, without the metrics that say "not defined".
    pub vector: Option<String>,
}

impl Rated {
    /// The level; `None` where the advisory does not say.
    pub fn level(&self) -> Option<Severity> {
        self.tenths.map(level_of).or(self.word)
    }

    /// The base score.
    pub fn score(&self) -> Option<f64> {
        self.tenths.map(|t| f64::from(t) / 10.0)
    }
}

/// The level of a CVSS score in tenths, by the scale of the specification.
fn level_of(tenths: u8) -> Severity {
    match tenths {
        90.. => Severity::Critical,
        70..=89 => Severity::High,
        40..=69 => Severity::Medium,
        1..=39 => Severity::Low,
        0 => Severity::Info,
    }
}

/// One advisory, as its record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advisory {
    /// Its identifier: `PYSEC-2025-41`, `GHSA-…`, `MAL-2026-3083`.
    pub id: String,
    /// Other identifiers of the same flaw.
    pub aliases: Vec<String>,
    /// One line of what it is.
    pub summary: String,
    /// How bad it is.
    pub rated: Rated,
    /// When it was published, as a day; may be empty.
    pub published: String,
    /// When it was last changed, as a day. May lie in the future.
    pub modified: String,
    /// Whether it was taken back; such a record matches nothing.
    pub withdrawn: bool,
    /// Whether it reports malicious code, not a flaw.
    pub malicious: bool,
    /// The packages it speaks of.
    pub affected: Vec<Affected>,
}

/// What is known of attacks that use a flaw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Threat {
    /// It stands in CISA's catalogue of exploited vulnerabilities: the day until which agencies have to mend it, which
    /// may be empty.
    pub exploited: Option<String>,
    /// How likely it is to be attacked.
    pub epss: Option<Epss>,
}

/// How a version was found to be affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MatchedBy {
    /// It stands in the record's list of versions.
    Version,
    /// It lies in a range of the record.
    Range,
    /// It lies in a range one of whose ends is no version and had to be cut to its leading part.
    RepairedRange,
    /// The record condemns the package as a whole.
    Name,
}

impl MatchedBy {
    /// The name in every machine format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Range => "range",
            Self::RepairedRange => "repaired-range",
            Self::Name => "name",
        }
    }
}

/// An advisory that applies to one version of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The advisory's identifier.
    pub id: String,
    /// Other identifiers of the same flaw.
    pub aliases: Vec<String>,
    /// One line of what it is.
    pub summary: String,
    /// How bad it is.
    pub rated: Rated,
    /// When it was published, as a day; may be empty.
    pub published: String,
    /// Whether it reports malicious code.
    pub malicious: bool,
    /// How the version was found to be affected.
    pub matched_by: MatchedBy,
    /// The smallest version above this one that the advisory calls fixed.
    pub fixed_in: Option<String>,
    /// What is known of attacks that use it.
    pub threat: Threat,
}
