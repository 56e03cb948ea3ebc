//! The words of wellhead: what a rule, a finding, a location, a component and a report are.
//!
//! Everything above this crate speaks in these types, so this crate does no input or output and knows no format,
//! ecosystem or renderer. Its one decision: a [`Finding`] owns its evidence. It can be stored, sent, sorted and
//! rendered again without the file it came from.

mod artifact;
mod blob;
mod budget;
mod component;
mod coverage;
mod digest;
mod finding;
mod inventory;
mod location;
mod report;
mod risk;
mod rule;
mod untrusted;

pub use artifact::ArtifactPath;
pub use blob::{Blob, ReadAt};
pub use budget::{Budget, Exhausted, Limits, Resource};
pub use component::{Bucket, Component, ComponentKind, Ecosystem, Source};
pub use coverage::{Coverage, Depth, Outcome};
pub use digest::{Digest, DigestAlgorithm, hex, sha256_of};
pub use finding::{Disposition, Edit, Finding, Fix, Ignored, Level, Sink, Status, code};
pub use inventory::{Counts, Standing};
pub use location::{Excerpt, ExcerptKind, ExcerptLine, Lines, Location, Mark, Span, TextPosition};
pub use report::{DatabaseInfo, MeasureSummary, Report, Service, Stats, Verdict};
pub use risk::{Rating, Risk, RiskReport, ThreatProfile, assess};
pub use rule::{Confidence, Measure, Need, Reference, Rule, RuleStatus, Scenario, Severity, UnknownName};
pub use untrusted::{Untrusted, escape};
