//! The layout of version 1. Frozen at 1.0; `docs/json.md` says in words what each field means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A report of wellhead.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Report {
    /// What layout this is.
    pub(super) schema: Schema,
    /// What wrote it.
    pub(super) tool: Tool,
    /// The targets as they were given.
    #[serde(default)]
    pub(super) targets: Vec<String>,
    /// Whether the run passes.
    pub(super) verdict: Verdict,
    /// The risk, overall and per measure.
    pub(super) risk: Risk,
    /// The four measures of OWASP ML06:2023.
    #[serde(default)]
    pub(super) measures: Vec<MeasureRow>,
    /// All findings of every status, sorted.
    #[serde(default)]
    pub(super) findings: Vec<Finding>,
    /// What became of each artifact, sorted. Not looked at is never clean.
    #[serde(default)]
    pub(super) coverage: Vec<CoverageRow>,
    /// Why rules could not be assessed, a sentence each.
    #[serde(default)]
    pub(super) not_assessed: Vec<String>,
    /// The advisory databases that were asked.
    #[serde(default)]
    pub(super) databases: Vec<Database>,
    /// The packages, models and services that the target declares, sorted.
    #[serde(default)]
    pub(super) components: Vec<Component>,
    /// What became of each declared package: looked up, left open, not to be looked up, ignored.
    #[serde(default)]
    pub(super) inventory: Inventory,
    /// The running services that were judged, sorted; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) services: Vec<Service>,
    /// Counts.
    #[serde(default)]
    pub(super) stats: Stats,
}

/// A running service, and what its answers prove.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Service {
    /// Its address.
    pub(super) address: String,
    /// What it is, by the name in the catalogue of platforms.
    pub(super) product: String,
    /// What it is, for people.
    #[serde(default)]
    pub(super) name: String,
    /// `OPEN`, `OPEN_READ`, `SIGNUP_OPEN`, `SETUP_UNCLAIMED`, `HOST_GUARD_ONLY`, `PROTECTED_PARTIAL`, `PROTECTED` or
    /// `IDENTIFIED_UNKNOWN`.
    pub(super) state: String,
    /// The version that it says it has.
    #[serde(default)]
    pub(super) version: Option<String>,
    /// The request whose answer proves the state.
    #[serde(default)]
    pub(super) request: String,
    /// The status of that answer.
    #[serde(default)]
    pub(super) status: u16,
    /// The SHA-256 of the body of that answer, where its recorder took it.
    #[serde(default)]
    pub(super) body_sha256: Option<String>,
    /// The parts of it that answer strangers.
    #[serde(default)]
    pub(super) open: Vec<String>,
    /// The parts of it that ask who is there.
    #[serde(default)]
    pub(super) guarded: Vec<String>,
    /// What its recorder says of all of it, such as that its certificate was not verified.
    #[serde(default)]
    pub(super) notes: Vec<String>,
}

/// Name and version of the layout.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Schema {
    /// Always `wellhead-report`.
    pub(super) name: String,
    /// Major and minor version; minor versions only add.
    pub(super) version: String,
}

/// The program.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Tool {
    /// Always `wellhead`.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
}

macro_rules! names {
    ($(#[$doc:meta])* $name:ident = $core:ty { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
        #[serde(rename_all = "kebab-case")]
        pub(super) enum $name { $($(#[$vdoc])* $variant),+ }

        impl From<$core> for $name {
            fn from(value: $core) -> Self {
                match value { $(<$core>::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $core {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => Self::$variant),+ }
            }
        }
    };
}

names!(
    /// How much harm is done if the finding is true.
    Severity = wellhead_core::Severity { Info, Low, Medium, High, Critical }
);
names!(
    /// How sure the finding is.
    Confidence = wellhead_core::Confidence { Low, Medium, High }
);
names!(
    /// The measures of OWASP ML06:2023.
    Measure = wellhead_core::Measure { Integrity, Updates, Sources, Infrastructure }
);
names!(
    /// A score in words.
    Rating = wellhead_core::Rating { None, Low, Medium, High, Critical }
);
names!(
    /// What the policy says of the rule.
    Level = wellhead_core::Level { Allow, Warn, Deny }
);
names!(
    /// Whether a fix may change what runs.
    Disposition = wellhead_core::Disposition { Safe, Unsafe }
);
names!(
    /// How much of an artifact was read.
    Depth = wellhead_core::Depth { Headers, Full }
);
names!(
    /// What the lines of an excerpt are.
    ExcerptKind = wellhead_core::ExcerptKind { Source, Disassembly, Header, Listing, Response }
);

/// Whether a finding counts.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// It counts.
    Reported,
    /// An ignore of the configuration covers it; `ignored` has the reason.
    Ignored,
    /// A baseline held it already.
    Suppressed,
}

/// How the analysis of an artifact ended.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// All that can matter was understood.
    Analysed,
    /// Some of it was; `reason` says what was not.
    Partly,
    /// Nothing was; `reason` says why.
    NotAnalysed,
}

/// What became of one artifact.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct CoverageRow {
    /// The path relative to the target, members after `!/`.
    pub(super) artifact: String,
    /// How it ended.
    pub(super) outcome: Outcome,
    /// Why it is less than analysed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// How much was read.
    pub(super) depth: Depth,
    /// The format it was taken for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<String>,
}

/// Something that was found.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Finding {
    /// The rule's id.
    pub(super) rule: String,
    /// How much harm is done if it is true.
    pub(super) severity: Severity,
    /// How sure it is.
    pub(super) confidence: Confidence,
    /// The measure it belongs to.
    pub(super) measure: Measure,
    /// Whether it counts.
    pub(super) status: Status,
    /// What the policy says of the rule, where it says anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) level: Option<Level>,
    /// The ignore that covers it, if the status is `ignored`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ignored: Option<Ignored>,
    /// The harm, in one sentence; code in backticks.
    pub(super) message: String,
    /// A name that survives edits elsewhere in the file.
    #[serde(default)]
    pub(super) fingerprint: String,
    /// What makes it different from others of its rule in the artifact.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) subject: String,
    /// The places; the first is the place itself.
    #[serde(default)]
    pub(super) locations: Vec<Location>,
    /// The lines that show the places.
    #[serde(default)]
    pub(super) evidence: Vec<Evidence>,
    /// Facts worth adding, a sentence each.
    #[serde(default)]
    pub(super) notes: Vec<String>,
    /// What to do, a sentence each.
    #[serde(default)]
    pub(super) help: Vec<String>,
    /// Ways to mend it.
    #[serde(default)]
    pub(super) fixes: Vec<Fix>,
    /// What the fields above do not say; the keys are documented.
    #[serde(default)]
    pub(super) properties: BTreeMap<String, serde_json::Value>,
}

/// An ignore of the configuration.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Ignored {
    /// Why, in the words of whoever wrote it.
    pub(super) reason: String,
    /// The day until which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<String>,
    /// The place in the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<Location>,
}

/// A place.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Location {
    /// The path relative to the target, members after `!/`.
    pub(super) artifact: String,
    /// The part that is meant.
    pub(super) span: Span,
    /// What is to be said of it.
    #[serde(default)]
    pub(super) label: String,
}

/// A part of an artifact.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Span {
    /// All of it.
    Whole,
    /// Text; offset and length count bytes.
    Text {
        /// Where it starts.
        start: Position,
        /// Where it ends (exclusive).
        end: Position,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// Bytes of a binary artifact.
    Bytes {
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// A place in a structure without bytes of its own.
    Logical {
        /// The place, for people.
        path: String,
    },
}

/// A position in text, from 1; columns count characters.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Position {
    /// Line.
    pub(super) line: u32,
    /// Column.
    pub(super) column: u32,
}

/// The lines that show a location: text, or what stands for it in a binary file.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Evidence {
    /// The location it belongs to, counted from 0.
    pub(super) location: usize,
    /// What the lines are.
    pub(super) kind: ExcerptKind,
    /// The lines, ascending; numbers may have gaps.
    #[serde(default)]
    pub(super) lines: Vec<EvidenceLine>,
    /// Marked parts of these lines.
    #[serde(default)]
    pub(super) marks: Vec<Mark>,
}

/// One line.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct EvidenceLine {
    /// Its number: of the line, or of the opcode.
    pub(super) number: u32,
    /// Its text, escaped.
    pub(super) text: String,
}

/// A marked part of a line.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Mark {
    /// The number of the line.
    pub(super) line: u32,
    /// First byte of the line's text.
    pub(super) start: usize,
    /// Byte after the last.
    pub(super) end: usize,
    /// What is to be said of it.
    #[serde(default)]
    pub(super) label: String,
    /// Whether this is the place itself.
    #[serde(default)]
    pub(super) primary: bool,
}

/// A way to mend a finding.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Fix {
    /// What it does, as an imperative.
    pub(super) description: String,
    /// Whether it may change what runs.
    pub(super) disposition: Disposition,
    /// The edits, if it is one of text.
    #[serde(default)]
    pub(super) edits: Vec<Edit>,
    /// The command, if it is one for another tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) command: Option<String>,
}

/// A replacement of bytes.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Edit {
    /// The artifact.
    pub(super) artifact: String,
    /// First byte that is replaced.
    pub(super) offset: u64,
    /// Number of bytes that are replaced.
    pub(super) length: u64,
    /// What is put there.
    pub(super) replacement: String,
}

/// One line of the scoreboard.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct MeasureRow {
    /// The measure.
    pub(super) measure: Measure,
    /// Findings that fail the run.
    pub(super) deny: u64,
    /// Findings that do not.
    pub(super) warn: u64,
    /// Subjects that were judged and about which nothing is reported.
    pub(super) ok: u64,
    /// Subjects and rules that could not be judged. If the other three are 0, the measure was not assessed.
    pub(super) not_assessed: u64,
}

/// The risk.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Risk {
    /// 0 to 100.
    pub(super) score: u8,
    /// The score in words.
    pub(super) rating: Rating,
    /// The measures that were assessed.
    #[serde(default)]
    pub(super) measures: BTreeMap<Measure, Score>,
}

/// The risk of one measure.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Score {
    /// 0 to 100.
    pub(super) score: u8,
    /// The score in words.
    pub(super) rating: Rating,
}

/// Whether the run passes.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Verdict {
    /// Whether nothing fails it.
    pub(super) allowed: bool,
    /// The severity from which on a finding fails the run, or `never`.
    pub(super) fail_on: FailOn,
    /// Fingerprints of the findings that fail it.
    #[serde(default)]
    pub(super) because: Vec<String>,
}

/// The severity from which on a finding fails the run.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FailOn {
    /// Only what the policy denies.
    Never,
    /// From `info` on.
    Info,
    /// From `low` on.
    Low,
    /// From `medium` on.
    Medium,
    /// From `high` on.
    High,
    /// From `critical` on.
    Critical,
}

/// An advisory database.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Database {
    /// What it is.
    pub(super) name: String,
    /// Number of records.
    pub(super) records: u64,
    /// The day it was made.
    pub(super) date: String,
    /// Digest of its content.
    pub(super) digest: String,
}

/// Every declared package in exactly one bucket.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Inventory {
    /// All declarations.
    #[serde(default)]
    pub(super) declarations: u64,
    /// The packages that they name, each version counted once.
    pub(super) packages: u64,
    /// Their version was looked up.
    pub(super) audited: u64,
    /// Their version is known, and there was no database to look it up in.
    pub(super) pinned: u64,
    /// It is left open which version is installed.
    pub(super) unpinned: u64,
    /// They cannot be looked up.
    pub(super) unauditable: u64,
    /// What was found is covered by ignores.
    pub(super) ignored: u64,
    /// Why packages could not be looked up, and how many each.
    #[serde(default)]
    pub(super) reasons: BTreeMap<String, u64>,
    /// The packages, in the order of `components`.
    #[serde(default)]
    pub(super) entries: Vec<InventoryRow>,
}

/// A declared package and its bucket.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct InventoryRow {
    /// The package URL.
    pub(super) purl: String,
    /// The name in its normal form.
    pub(super) name: String,
    /// The exact version, where one is known.
    pub(super) version: Option<String>,
    /// The versions that are wanted, as written.
    pub(super) specifier: Option<String>,
    /// `audited`, `pinned`, `unpinned`, `unauditable` or `ignored`.
    pub(super) bucket: String,
    /// Why it cannot be looked up, or why it is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The day on which an ignore ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<String>,
    /// Where the ignores stand: in the configuration, or in a VEX document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    /// The file that declares it.
    pub(super) artifact: String,
    /// The line in it, where it is a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u32>,
}

/// Counts.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Stats {
    /// Files of the target, members not counted.
    pub(super) files: u64,
    /// Files that hold models.
    pub(super) models: u64,
    /// Components declared.
    pub(super) packages: u64,
    /// Bytes that were read.
    pub(super) bytes: u64,
}

names!(
    /// What a component is.
    ComponentKind = wellhead_core::ComponentKind { Library, Model, Dataset, Service, Image }
);

/// Where a component's name means something.
#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Ecosystem {
    /// The Python Package Index.
    PyPI,
    /// Conda channels.
    Conda,
    /// The Hugging Face hub.
    HuggingFace,
    /// Container registries.
    Oci,
    /// Anything else.
    Generic,
}

/// One component as one file declares it.
#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Component {
    /// The package URL.
    #[serde(default)]
    pub(super) purl: String,
    /// What it is.
    pub(super) kind: ComponentKind,
    /// Where its name means something.
    pub(super) ecosystem: Ecosystem,
    /// Its name in the ecosystem's normal form.
    pub(super) name: String,
    /// Its name as it was written.
    pub(super) written: String,
    /// Its exact version, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// The version specifier as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) specifier: Option<String>,
    /// The condition under which it is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) marker: Option<String>,
    /// The digests that the declaration states, `sha256:…`.
    #[serde(default)]
    pub(super) hashes: Vec<String>,
    /// Where it is taken from.
    pub(super) source: Source,
    /// Whether advisories can be matched.
    pub(super) matching: Matching,
    /// Whether the project itself asks for it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) direct: Option<bool>,
    /// The chain from the project to it, nearest parent first.
    #[serde(default)]
    pub(super) via: Vec<String>,
    /// The line that declares it.
    pub(super) declared: Location,
}

/// Where a component is taken from.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Source {
    /// An index or channel.
    Registry {
        /// The address; none is the tool's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// A version-control address.
    Vcs {
        /// The address.
        url: String,
        /// Branch, tag or commit.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<String>,
    },
    /// A file at an address.
    Url {
        /// The address.
        url: String,
    },
    /// A path of the project.
    Path {
        /// The path as written.
        path: String,
        /// Whether it is installed in place.
        editable: bool,
    },
}

/// What can be said of a declared component by advisories.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(super) enum Matching {
    /// An exact version is known.
    Exact,
    /// A range is allowed.
    Unpinned,
    /// It cannot be judged.
    Unauditable {
        /// Why.
        why: String,
    },
}
