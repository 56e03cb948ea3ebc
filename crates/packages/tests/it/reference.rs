//! The advisory database against the reference values.

use crate::shared;
use std::{collections::BTreeSet, sync::OnceLock};
use wellhead_core::{Blob, Budget};
use wellhead_packages::advisory::{Database, ImportSummary, MatchedBy, PyVersion, build};

type Built = Option<(Vec<u8>, ImportSummary)>;

/// The database of all PYSEC records, built once for all tests.
fn pysec() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let zip = shared::file("advisories/PyPI-pysec-all.zip")?;
        Some(build("2026-07-23", shared::unzip(&zip), &mut Budget::default()).unwrap())
    })
}

fn open(bytes: &[u8]) -> Database {
    Database::open(&Blob::from_bytes(bytes), &mut Budget::default()).unwrap()
}

fn ids(db: &Database, name: &str, version: &str) -> BTreeSet<(String, MatchedBy)> {
    db.package(name, &mut Budget::default())
        .unwrap()
        .map(|p| p.matches(&PyVersion::new(version)))
        .unwrap_or_default()
        .into_iter()
        .map(|m| (m.id, m.matched_by))
        .collect()
}

#[test]
fn the_import_counts_what_it_took() {
    let Some((bytes, summary)) = pysec() else { return };
    assert_eq!(summary.records + summary.withdrawn, 7_080);
    assert_eq!(summary.withdrawn, 269);
    assert_eq!(summary.unreadable_count, 0);
    assert!(bytes.len() < 1_500_000, "{} bytes", bytes.len());
    let info = open(bytes).info();
    assert_eq!(
        (info.records, info.date.as_str()),
        (summary.records, "2026-07-23")
    );
}

#[test]
fn torch_has_the_reference_counts() {
    let Some((bytes, _)) = pysec() else { return };
    let db = open(bytes);
    for (version, count) in [
        ("2.6.0", 24),
        ("2.6.0+cu124", 24),
        ("2.7.1", 6),
        ("2.9.1", 2),
        ("2.12.0", 0),
    ] {
        assert_eq!(ids(&db, "torch", version).len(), count, "torch {version}");
    }
}

#[test]
fn the_reference_project_has_exactly_the_expected_findings() {
    let (Some((bytes, _)), Some(lock), Some(expected)) = (
        pysec(),
        shared::text("dependencies/mlproj/uv.lock"),
        shared::text("dependencies/mlproj/expected-findings.json"),
    ) else {
        return;
    };
    let expected: serde_json::Value = serde_json::from_str(&expected).unwrap();
    let mut want = BTreeSet::new();
    for package in expected["results"].as_array().unwrap() {
        for advisory in package["advisories"].as_array().unwrap() {
            want.insert((
                package["name"].as_str().unwrap().to_owned(),
                package["version"].as_str().unwrap().to_owned(),
                advisory["id"].as_str().unwrap().to_owned(),
                advisory["matched_by"] == "range",
            ));
        }
    }
    let db = open(bytes);
    let mut got = BTreeSet::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(n) = line.strip_prefix("name = ") {
            name = n.trim_matches('"');
        }
        if let Some(v) = line.strip_prefix("version = \"") {
            let version = v.trim_matches('"');
            for (id, by) in ids(&db, name, version) {
                let repaired = by == MatchedBy::RepairedRange;
                assert!(
                    repaired || by == MatchedBy::Version,
                    "{name} {version} {id} {by:?}"
                );
                got.insert((name.to_owned(), version.to_owned(), id, repaired));
            }
        }
    }
    assert_eq!(got.len(), 259);
    assert_eq!(got, want);
}
