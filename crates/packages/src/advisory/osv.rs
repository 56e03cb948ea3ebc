//! One OSV record (JSON, schema 1.x) to an [`Advisory`].
//!
//! Only what matching and showing need is read. Unknown fields are ignored, as the schema asks; a record without an
//! identifier or without packages is an error, so that an import can count it.

use super::{
    Advisory, Rated,
    range::{Event, EventKind, VersionRange},
};
use crate::name::normalise;
use serde::Deserialize;
use std::str::FromStr;
use wellhead_core::{Budget, Exhausted, Severity};

/// What an advisory says of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Affected {
    /// The ecosystem as OSV names it, without what follows a colon: `PyPI`.
    pub ecosystem: String,
    /// The package in its ecosystem's normal form.
    pub name: String,
    /// The affected versions, one by one.
    pub versions: Vec<String>,
    /// The ECOSYSTEM ranges.
    pub ranges: Vec<VersionRange>,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OsvError {
    /// It is no JSON object of the schema.
    #[error("not an OSV record: {0}")]
    Json(String),
    /// It has no identifier.
    #[error("the record has no `id`")]
    NoId,
    /// Reading it costs more than allowed.
    #[error("the record {0}")]
    Exhausted(#[from] Exhausted),
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    id: String,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    severity: Option<Vec<RecordSeverity>>,
    #[serde(default)]
    affected: Option<Vec<RecordAffected>>,
    #[serde(default)]
    database_specific: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct RecordSeverity {
    #[serde(default)]
    score: String,
}

#[derive(Deserialize)]
struct RecordAffected {
    #[serde(default)]
    package: Option<RecordPackage>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    #[serde(default)]
    ranges: Option<Vec<RecordRange>>,
    #[serde(default)]
    severity: Option<Vec<RecordSeverity>>,
    #[serde(default)]
    database_specific: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct RecordPackage {
    #[serde(default)]
    ecosystem: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct RecordRange {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    events: Vec<RecordEvent>,
}

#[derive(Deserialize)]
struct RecordEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
}

/// Longest summary that is kept, in characters.
const MAX_SUMMARY: usize = 160;

/// Reads one record.
///
/// # Errors
/// When the bytes are no OSV record, or reading them costs more than `budget` allows.
pub fn read_osv(bytes: &[u8], budget: &mut Budget) -> Result<Advisory, OsvError> {
    budget.steps(bytes.len() as u64)?;
    let record: Record = serde_json::from_slice(bytes).map_err(|e| OsvError::Json(e.to_string()))?;
    if record.id.trim().is_empty() {
        return Err(OsvError::NoId);
    }
    let malicious = is_malicious(&record);
    let affected = record.affected.unwrap_or_default();
    let mut rated = rate(record.severity.as_deref().unwrap_or_default());
    for a in &affected {
        if rated.tenths.is_none() {
            rated = rate(a.severity.as_deref().unwrap_or_default());
        }
    }
    rated.word = std::iter::once(&record.database_specific)
        .chain(affected.iter().map(|a| &a.database_specific))
        .find_map(|v| word(v.as_ref()?.get("severity")?.as_str()?));
    let affected = affected
        .into_iter()
        .filter_map(|a| package(a, malicious))
        .collect();
    Ok(Advisory {
        malicious,
        aliases: record.aliases.unwrap_or_default(),
        summary: summary(record.summary.as_deref(), record.details.as_deref()),
        rated,
        published: day(record.published.as_deref()),
        modified: day(record.modified.as_deref()),
        withdrawn: record.withdrawn.is_some_and(|w| !w.trim().is_empty()),
        affected,
        id: record.id,
    })
}

fn is_malicious(record: &Record) -> bool {
    is_malicious_record(
        &record.id,
        record.aliases.as_deref().unwrap_or_default(),
        record.summary.as_deref().unwrap_or_default(),
    )
}

/// Whether the record reports an attack: those of the malicious-packages project, their twins in other databases, and
/// what calls itself one.
pub(super) fn is_malicious_record(id: &str, aliases: &[String], summary: &str) -> bool {
    let summary = summary.trim_start();
    id.starts_with("MAL-")
        || aliases.iter().any(|a| a.starts_with("MAL-"))
        || summary.starts_with("Malicious code in ")
        || summary.starts_with("Compromise of ")
}

/// Whether the ends of such a range are versions.
pub(super) fn valid_range_kind(kind: &str) -> bool {
    kind == "ECOSYSTEM" || kind == "SEMVER"
}

fn package(a: RecordAffected, malicious: bool) -> Option<Affected> {
    let package = a.package?;
    let ecosystem = package.ecosystem.split(':').next().unwrap_or_default().to_owned();
    if package.name.trim().is_empty() {
        return None;
    }
    let versions = a.versions.unwrap_or_default();
    let mut ranges: Vec<VersionRange> = a
        .ranges
        .unwrap_or_default()
        .into_iter()
        .filter(|r| valid_range_kind(&r.kind))
        .map(|r| VersionRange {
            events: r.events.into_iter().flat_map(events).collect(),
        })
        .filter(|r| !r.events.is_empty())
        .collect();
    // An innocent name with guilty versions also carries the range "from 0"; the list is what was seen.
    if malicious && !versions.is_empty() {
        ranges.clear();
    }
    Some(Affected {
        name: normalise(&package.name),
        ecosystem,
        versions,
        ranges,
    })
}

fn events(e: RecordEvent) -> impl Iterator<Item = Event> {
    let make = |kind, version: Option<String>| version.map(|version| Event { kind, version });
    [
        make(EventKind::Introduced, e.introduced),
        make(EventKind::Fixed, e.fixed),
        make(EventKind::LastAffected, e.last_affected),
    ]
    .into_iter()
    .flatten()
}

/// The worst score of the vectors that can be read. Several vectors rate one flaw by different scales, and taking the
/// worst is the choice that misses nothing.
fn rate(vectors: &[RecordSeverity]) -> Rated {
    let mut rated = Rated::default();
    for v in vectors {
        // A vector with every metric of CVSS 4.0 has about 180 characters.
        if v.score.len() > 400 {
            continue;
        }
        let Ok(vector) = cvss::Cvss::from_str(v.score.trim()) else {
            continue;
        };
        let score = vector.score();
        if !(0.0..=10.0).contains(&score) {
            continue;
        }
        // In 0..=100 by the check above, so the cast only drops the fraction that rounding left at zero.
        let tenths = (score * 10.0).round() as u8;
        if rated.tenths.is_none_or(|worst| tenths > worst) {
            rated.tenths = Some(tenths);
            rated.vector = Some(short_vector(v.score.trim()));
        }
    }
    rated
}

/// The vector without metrics that say "not defined".
fn short_vector(vector: &str) -> String {
    vector
        .split('/')
        .filter(|metric| !metric.ends_with(":X"))
        .collect::<Vec<_>>()
        .join("/")
}

fn word(text: &str) -> Option<Severity> {
    match text.to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" | "important" => Some(Severity::High),
        "moderate" | "medium" => Some(Severity::Medium),
        "low" => Some(Severity::Low),
        _ => None,
    }
}

/// The day of a timestamp.
fn day(stamp: Option<&str>) -> String {
    stamp
        .and_then(|s| s.get(..10))
        .filter(|d| d.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
        .unwrap_or_default()
        .to_owned()
}

/// The summary, or the first sentence of the details: one line, cut.
fn summary(summary: Option<&str>, details: Option<&str>) -> String {
    let text = match summary.map(str::trim) {
        Some(s) if !s.is_empty() => s,
        _ => details.unwrap_or_default(),
    };
    let line = text
        .lines()
        .map(|l| l.trim().trim_start_matches(['#', '*', ' ']))
        .find(|l| {
            !l.is_empty()
                && !matches!(
                    l.to_ascii_lowercase().as_str(),
                    "summary" | "impact" | "description" | "details"
                )
        })
        .unwrap_or_default();
    let sentence = line.find(". ").and_then(|at| line.get(..at)).unwrap_or(line);
    let mut out: String = sentence.chars().take(MAX_SUMMARY).collect();
    if sentence.chars().count() > MAX_SUMMARY {
        out.push('…');
    }
    out.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Advisory {
        read_osv(json.as_bytes(), &mut Budget::default()).unwrap()
    }

    #[test]
    fn a_record_is_read() {
        let a = read(
            r#"{"id": "PYSEC-2024-1", "aliases": ["CVE-2024-1"], "details": "Reads any file. Then more.",
               "modified": "2027-07-09T00:00:00Z", "published": "2024-01-02T03:04:05Z",
               "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
                            {"type": "CVSS_V4", "score": "CVSS:4.0/AV:L/AC:L/AT:N/PR:L/UI:N/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N/E:X"}],
               "affected": [{"package": {"ecosystem": "PyPI", "name": "Some_Thing"}, "versions": ["1.0"],
                 "ranges": [{"type": "GIT", "events": [{"introduced": "0"}]},
                            {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}]}]}"#,
        );
        insta::assert_snapshot!(format!("{a:#?}"), @r#"
        Advisory {
            id: "PYSEC-2024-1",
            aliases: [
                "CVE-2024-1",
            ],
            summary: "Reads any file",
            rated: Rated {
                tenths: Some(
                    98,
                ),
                word: None,
                vector: Some(
                    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                ),
            },
            published: "2024-01-02",
            modified: "2027-07-09",
            withdrawn: false,
            malicious: false,
            affected: [
                Affected {
                    ecosystem: "PyPI",
                    name: "some-thing",
                    versions: [
                        "1.0",
                    ],
                    ranges: [
                        VersionRange {
                            events: [
                                Event {
                                    kind: Introduced,
                                    version: "0",
                                },
                                Event {
                                    kind: Fixed,
                                    version: "1.1",
                                },
                            ],
                        },
                    ],
                },
            ],
        }
        "#);
    }

    #[test]
    fn scores_have_levels() {
        for (vector, tenths, level) in [
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                Some(98),
                Some(Severity::Critical),
            ),
            (
                "CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:L",
                Some(33),
                Some(Severity::Low),
            ),
            (
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
                Some(93),
                Some(Severity::Critical),
            ),
            (
                "CVSS:4.0/AV:L/AC:L/AT:N/PR:L/UI:N/VC:N/VI:N/VA:L/SC:N/SI:N/SA:N/E:X/CR:X",
                Some(48),
                Some(Severity::Medium),
            ),
            ("nonsense", None, None),
        ] {
            let r = rate(&[RecordSeverity {
                score: vector.to_owned(),
            }]);
            assert_eq!((r.tenths, r.level()), (tenths, level), "{vector}");
        }
    }

    #[test]
    fn an_innocent_name_with_guilty_versions_keeps_only_the_list() {
        let a = read(
            r#"{"id": "MAL-2026-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "x"},
               "versions": ["1.2"], "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}]}"#,
        );
        assert!(a.malicious && a.affected[0].ranges.is_empty());
    }

    #[test]
    fn what_is_no_record_says_so() {
        let error = |json: &str| {
            read_osv(json.as_bytes(), &mut Budget::default())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(error(r#"{"summary": "x"}"#), "the record has no `id`");
        assert!(error("[1").starts_with("not an OSV record: "));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in any::<Vec<u8>>()) {
            let _ = read_osv(&bytes, &mut Budget::default());
        }
    }
}
