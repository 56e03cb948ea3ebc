//! The incident list: known-compromised releases and the worst flaws of the machine-learning stack, compiled in.
//!
//! A fresh machine without a network or a database still finds these. Facts only, each with a reference; kept by hand
//! in `data/incidents.toml`.

use crate::{
    advisory::{Match, MatchedBy, Rated, Threat},
    manifest::specifiers,
    version::PyVersion,
};
use pep440_rs::{Operator, VersionSpecifiers};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::OnceLock};
use wellhead_core::{DatabaseInfo, Digest, Severity};

/// What an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentKind {
    /// Releases of an innocent package that an attacker made or changed.
    Compromised,
    /// A package that never was anything but an attack.
    Malicious,
    /// A flaw.
    Flaw,
}

/// One entry of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// The package in its normal form.
    pub package: String,
    /// What it is.
    pub kind: IncidentKind,
    /// The guilty versions, where they are few.
    #[serde(default)]
    pub versions: Vec<String>,
    /// The guilty versions as a specifier, where they are many.
    #[serde(default)]
    pub range: String,
    /// Identifiers in public databases, the best known first.
    pub ids: Vec<String>,
    /// `critical`, `high` or `medium`.
    severity: String,
    /// The first version without it.
    pub fixed: Option<String>,
    /// The month or day on which it became known.
    pub date: String,
    /// What it does to whoever has it, in one line that starts with a verb.
    pub harm: String,
    /// The SHA-256 of files that only this attack has.
    #[serde(default)]
    pub files: Vec<String>,
}

/// A flaw or an attack that a version is known for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIncident {
    /// What it is.
    pub kind: IncidentKind,
    /// The same as advisories say it, so that both can be joined.
    pub matched: Match,
    /// The guilty versions, for people.
    pub versions: String,
}

#[derive(Deserialize)]
struct List {
    incident: Vec<Incident>,
}

const TEXT: &str = include_str!("../../data/incidents.toml");

struct Entry {
    incident: Incident,
    range: Option<VersionSpecifiers>,
}

/// By package.
fn list() -> &'static BTreeMap<String, Vec<Entry>> {
    static LIST: OnceLock<BTreeMap<String, Vec<Entry>>> = OnceLock::new();
    LIST.get_or_init(|| {
        let mut by_name: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        // The list is part of the program and a test reads it, so it cannot fail here.
        let entries = toml::from_str::<List>(TEXT)
            .map(|l| l.incident)
            .unwrap_or_default();
        for incident in entries {
            let range = specifiers(&incident.range).filter(|_| !incident.range.is_empty());
            by_name
                .entry(incident.package.clone())
                .or_default()
                .push(Entry { incident, range });
        }
        by_name
    })
}

impl Incident {
    /// Its severity.
    pub fn severity(&self) -> Severity {
        self.severity.parse().unwrap_or(Severity::Critical)
    }

    fn known(&self, matched_by: MatchedBy) -> KnownIncident {
        let (id, aliases) = match self.ids.split_first() {
            Some((first, rest)) => (first.clone(), rest.to_vec()),
            None => (format!("{}-{}", self.package, self.date), Vec::new()),
        };
        let versions = match (self.versions.is_empty(), self.range.is_empty()) {
            (false, _) => self.versions.join(", "),
            (true, false) => self.range.clone(),
            (true, true) => "every version".to_owned(),
        };
        KnownIncident {
            kind: self.kind,
            versions,
            matched: Match {
                id,
                aliases,
                summary: self.harm.clone(),
                rated: Rated {
                    word: Some(self.severity()),
                    ..Rated::default()
                },
                published: self.date.clone(),
                malicious: self.kind != IncidentKind::Flaw,
                matched_by,
                fixed_in: self.fixed.clone(),
                threat: Threat::default(),
            },
        }
    }
}

/// What is known of one version of a package, by its normal name. Without a version only packages that are malicious
/// as a whole are known.
pub fn incidents(name: &str, version: Option<&str>) -> Vec<KnownIncident> {
    let Some(entries) = list().get(name) else {
        return Vec::new();
    };
    let version = version.map(PyVersion::new);
    entries
        .iter()
        .filter_map(|Entry { incident, range }| {
            let whole = incident.versions.is_empty() && range.is_none();
            let by = match &version {
                _ if whole => MatchedBy::Name,
                Some(v) if incident.versions.iter().any(|g| PyVersion::new(g) == *v) => MatchedBy::Version,
                Some(v) if range.as_ref().zip(v.public()).is_some_and(|(r, v)| r.contains(v)) => {
                    MatchedBy::Range
                }
                _ => return None,
            };
            Some(incident.known(by))
        })
        .collect()
}

/// The attack that a file belongs to, by the SHA-256 of its content, and the package that it was first seen in. It says
/// so whatever the file is called and whoever brings it.
pub fn by_digest(digest: &[u8; 32]) -> Option<(&'static str, KnownIncident)> {
    static FILES: OnceLock<BTreeMap<[u8; 32], &'static Incident>> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let all = list().values().flatten().map(|e| &e.incident);
        all.flat_map(|i| i.files.iter().filter_map(move |f| Some((sha256(f)?, i))))
            .collect()
    });
    let incident = files.get(digest)?;
    Some((&incident.package, incident.known(MatchedBy::Version)))
}

fn sha256(hex: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if hex.len() != 64 {
        return None;
    }
    for (byte, at) in out.iter_mut().zip((0_usize..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at.saturating_add(2))?, 16).ok()?;
    }
    Some(out)
}

/// The versions that entries about a package call fixed.
pub(crate) fn fixes(name: &str) -> impl Iterator<Item = String> {
    let entries = list().get(name).into_iter().flatten();
    entries.filter_map(|e| e.incident.fixed.clone())
}

/// The entries of an identifier as one record in the OSV schema, for clients that read nothing else.
pub fn osv(id: &str) -> Option<serde_json::Value> {
    let entries = || list().values().flatten();
    let named = |e: &&Entry| e.incident.known(MatchedBy::Name).matched.id == id;
    let first = entries().find(named)?.incident.known(MatchedBy::Name).matched;
    let affected: Vec<serde_json::Value> = entries().filter(named).map(affected).collect();
    let day = match first.published.len() {
        7 => format!("{}-01", first.published),
        _ => first.published.clone(),
    };
    let day = crate::advisory::stamp(&day).unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
    let severity = first
        .rated
        .level()
        .map_or("HIGH".to_owned(), |s| s.name().to_uppercase());
    Some(serde_json::json!({
        "schema_version": "1.6.0", "id": first.id, "modified": day, "published": day, "aliases": first.aliases,
        "summary": first.summary, "affected": affected, "database_specific": {"severity": severity},
    }))
}

fn affected(entry: &Entry) -> serde_json::Value {
    let incident = &entry.incident;
    let mut events = Vec::new();
    for specifier in entry.range.iter().flat_map(|r| r.iter()) {
        let key = match specifier.operator() {
            Operator::GreaterThanEqual | Operator::GreaterThan => "introduced",
            Operator::LessThan => "fixed",
            Operator::LessThanEqual => "last_affected",
            _ => continue,
        };
        events.push(serde_json::json!({ key: specifier.version().to_string() }));
    }
    let begins = events.iter().any(|e| e.get("introduced").is_some());
    if !begins && incident.versions.is_empty() {
        events.insert(0, serde_json::json!({"introduced": "0"}));
    }
    let ranges: Vec<serde_json::Value> = Some(events)
        .filter(|e| !e.is_empty())
        .map(|events| serde_json::json!({"type": "ECOSYSTEM", "events": events}))
        .into_iter()
        .collect();
    let name = &incident.package;
    serde_json::json!({
        "package": {"ecosystem": "PyPI", "name": name, "purl": format!("pkg:pypi/{name}")},
        "versions": incident.versions, "ranges": ranges,
    })
}

/// What the list is, for the report.
pub fn info() -> DatabaseInfo {
    let all = list().values().flatten();
    DatabaseInfo {
        name: "incidents".to_owned(),
        records: all.clone().count() as u64,
        date: all.map(|e| e.incident.date.clone()).max().unwrap_or_default(),
        digest: Digest::sha256(TEXT.as_bytes()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise;

    #[test]
    fn every_entry_is_whole() {
        let all = toml::from_str::<List>(TEXT).unwrap().incident;
        assert!(all.len() >= 100);
        for i in &all {
            let what = format!("{} {:?}", i.package, i.ids);
            assert_eq!(normalise(&i.package), i.package);
            assert!(i.severity.parse::<Severity>().is_ok(), "{what}: severity");
            assert!(
                i.range.is_empty() || specifiers(&i.range).is_some(),
                "{what}: range"
            );
            assert!(
                i.versions.iter().all(|v| PyVersion::new(v).public().is_some()),
                "{what}: versions"
            );
            assert!(
                i.harm.starts_with(|c: char| c.is_ascii_lowercase()) && !i.harm.ends_with('.'),
                "{what}: harm"
            );
            assert!(i.date.starts_with("20"), "{what}: date");
            assert!(i.files.iter().all(|f| sha256(f).is_some()), "{what}: files");
            let whole = i.versions.is_empty() && i.range.is_empty();
            assert_eq!(
                whole,
                i.kind == IncidentKind::Malicious,
                "{what}: a package as a whole"
            );
            assert!(i.kind != IncidentKind::Flaw || !i.ids.is_empty(), "{what}: ids");
        }
    }

    #[test]
    fn an_entry_is_a_record_of_the_osv_schema() {
        let shown = |id: &str| {
            osv(id)
                .map(|r| format!("{} {}", r["published"], r["affected"]))
                .unwrap_or_default()
        };
        insta::assert_snapshot!(shown("CVE-2025-32434"), @r#""2025-04-18T00:00:00Z" [{"package":{"ecosystem":"PyPI","name":"torch","purl":"pkg:pypi/torch"},"ranges":[{"events":[{"introduced":"0"},{"fixed":"2.6.0"}],"type":"ECOSYSTEM"}],"versions":[]}]"#);
        insta::assert_snapshot!(shown("MAL-2026-2144"), @r#""2026-03-24T00:00:00Z" [{"package":{"ecosystem":"PyPI","name":"litellm","purl":"pkg:pypi/litellm"},"ranges":[],"versions":["1.82.7","1.82.8"]}]"#);
        assert_eq!(osv("CVE-1999-1"), None);
    }

    #[test]
    fn a_file_of_an_attack_is_known_by_its_content() {
        let digest = sha256("71e35aef03099cd1f2d6446734273025a163597de93912df321ef118bf135238").unwrap();
        let (package, known) = by_digest(&digest).unwrap();
        assert_eq!((package, known.matched.id.as_str()), ("litellm", "MAL-2026-2144"));
        assert!(known.matched.malicious && by_digest(&[0; 32]).is_none());
    }

    #[test]
    fn versions_and_names_are_told_apart() {
        let ids = |name: &str, version: Option<&str>| -> Vec<String> {
            incidents(name, version)
                .into_iter()
                .map(|i| i.matched.id)
                .collect()
        };
        for (name, version, expected) in [
            ("litellm", Some("1.82.8"), vec!["MAL-2026-2144", "CVE-2026-42208"]),
            ("litellm", Some("1.82.6"), vec!["CVE-2026-42208"]),
            ("litellm", Some("1.83.7"), vec![]),
            ("litellm", None, vec![]),
            ("torch", Some("2.5.1+cu124"), vec!["CVE-2025-32434"]),
            ("torch", Some("2.6.0"), vec![]),
            ("ultralytics", Some("8.3.42"), vec!["PYSEC-2024-154"]),
            // Between the guilty ones.
            ("ultralytics", Some("8.3.44"), vec![]),
            ("torch", Some("no version"), vec![]),
            ("torchtriton", Some("3.0.0"), vec!["torchtriton-2022-12-30"]),
            ("ppytorch", None, vec!["any"]),
            ("numpy", Some("1.26.4"), vec![]),
        ] {
            let got = ids(name, version);
            assert_eq!(got.len(), expected.len(), "{name} {version:?}: {got:?}");
            if name != "ppytorch" {
                assert_eq!(got, expected);
            }
        }
    }
}
