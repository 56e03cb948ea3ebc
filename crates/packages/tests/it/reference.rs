//! The advisory database against the reference values.

use crate::shared;
use std::{collections::BTreeSet, sync::OnceLock};
use wellhead_core::{ArtifactPath, Blob, Bucket, Budget};
use wellhead_packages::{
    Dependency, ManifestKind,
    advisory::{
        About, Builder, Database, Exploited, ImportSummary, MatchedBy, PyVersion, Scores, build, flaws,
    },
    identify_bom, identify_manifest, look_alike,
    manifest::LineUse,
    read_manifest,
};

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
fn a_database_holds_all_that_it_was_made_from() {
    let Some((bytes, summary)) = pysec() else { return };
    let budget = &mut Budget::default();
    let db = open(bytes);
    let mut builder = Builder::default();
    builder.keep(&db, budget).unwrap();
    let about = About {
        date: db.about().date.clone(),
        ..About::default()
    };
    let (again, kept) = builder.finish(about, budget).unwrap();
    assert_eq!(
        (kept.records, kept.withdrawn),
        (summary.records, summary.withdrawn)
    );
    assert!(again == *bytes, "a database made from a database differs");
    let about = db.about();
    assert_eq!(about.kinds.get("PYSEC"), Some(&summary.records));
    // One record claims to have been changed in 2027.
    assert!(about.newest.starts_with("2026-07-"), "{}", about.newest);
}

#[test]
fn what_attackers_use_is_joined_by_the_cve() {
    let (Some((bytes, _)), Some(kev)) = (
        pysec(),
        shared::file("advisories/known_exploited_vulnerabilities.json"),
    ) else {
        return;
    };
    let budget = &mut Budget::default();
    let mut builder = Builder::default();
    builder.keep(&open(bytes), budget).unwrap();
    assert!(Exploited::is_one(&kev));
    builder.exploited(Exploited::read(&kev, budget).unwrap());
    let scores = "#model_version:v2025.03.14,score_date:2025-11-03T00:00:00+0000\ncve,epss,percentile\nCVE-2020-11651,0.94409,0.99974\n";
    builder.scores(Scores::read(scores.as_bytes(), budget).unwrap());
    let (bytes, summary) = builder.finish(About::default(), budget).unwrap();
    assert_eq!(summary.exploited, 10);
    let db = open(&bytes);
    let exploited = db.about().exploited.as_ref().unwrap();
    assert_eq!(
        (exploited.rows, exploited.joined, exploited.date.as_str()),
        (1_404, 10, "2025-08-25")
    );
    assert_eq!(db.infos().len(), 3);
    let salt = db.package("salt", budget).unwrap().unwrap();
    let flaws = flaws(salt.matches(&PyVersion::new("3000")));
    let flaw = flaws.iter().find(|f| f.name == "CVE-2020-11651").unwrap();
    assert_eq!(flaw.exploited(), Some("2022-05-03"));
    assert_eq!(flaw.epss().unwrap().probability(), 0.94409);
}

#[test]
fn all_of_the_index_is_small() {
    let (Some(flaws), Some(malicious)) = (
        shared::file("advisories/PyPI-pysec-all.zip"),
        shared::file("advisories/PyPI-mal-all.zip"),
    ) else {
        return;
    };
    let records = shared::unzip(&flaws).into_iter().chain(shared::unzip(&malicious));
    let (bytes, summary) = build("2026-07-23", records, &mut Budget::default()).unwrap();
    assert_eq!(summary.records + summary.withdrawn, 18_234);
    eprintln!("{} bytes", bytes.len());
    assert!(bytes.len() < 2_000_000, "{} bytes", bytes.len());
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

#[test]
fn every_lock_of_the_reference_project_says_the_same() {
    let Some((bytes, _)) = pysec() else { return };
    let db = open(bytes);
    let mut budget = Budget::default();
    for name in ["uv.lock", "requirements.txt", "pylock.toml", "bom.cdx.json"] {
        let Some(text) = shared::text(&format!("dependencies/mlproj/{name}")) else {
            return;
        };
        let root = wellhead_formats::text::json(&text, &mut Budget::default()).ok();
        let kind = identify_manifest(name, &text).or_else(|| identify_bom(name, &text, root.as_ref()));
        let kind = kind.unwrap();
        let m = read_manifest(kind, &ArtifactPath::file(name), &text, &mut budget);
        assert!(m.problems.is_empty(), "{name}: {:?}", m.problems);
        let (mut records, mut flaws, mut extra) = (0, 0, Vec::new());
        for component in &m.components {
            let d = Dependency::new(component.clone(), kind, Some(&db), &mut budget).unwrap();
            let found = d.flaws.unwrap();
            records += found.iter().map(|f| f.advisories.len()).sum::<usize>();
            flaws += found.len();
            extra.extend(d.incidents.into_iter().map(|i| i.matched.id));
            assert!(d.attacks.is_empty(), "{name}: {:?}", d.attacks);
            assert!(look_alike(&d.component.name).is_none(), "{}", d.component.name);
        }
        // The 345th package of the project is the project.
        assert_eq!((m.components.len(), records), (344, 259), "{name}");
        assert!(flaws <= records && flaws > 200, "{name}: {flaws} flaws");
        assert_eq!(
            extra,
            Vec::<String>::new(),
            "{name}: the list knows nothing that the database does not"
        );
    }
}

#[test]
fn every_line_of_the_tricky_corpus_has_its_bucket() {
    let Some(text) = shared::text("dependencies/tricky/req/requirements.txt") else {
        return;
    };
    let m = read_manifest(
        ManifestKind::Requirements,
        &ArtifactPath::file("requirements.txt"),
        &text,
        &mut Budget::default(),
    );
    let rows: Vec<String> = m
        .lines
        .iter()
        .map(|l| {
            let number = text[..l.span.start].lines().count() + 1;
            let is = match &l.is {
                LineUse::Component(i) => {
                    let c = &m.components[*i];
                    match &c.bucket {
                        Bucket::Exact => format!("audited as {} {}", c.name, c.version.as_deref().unwrap()),
                        Bucket::Unpinned => format!("unpinned {}", c.name),
                        Bucket::Unauditable { why } => format!("unauditable {}: {why}", c.name),
                    }
                }
                other => format!("{other:?}"),
            };
            format!("{number}: {is}")
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @"
    1: Setting
    2: Setting
    3: Setting
    4: Setting
    5: Include(0)
    6: Include(1)
    7: audited as torch 2.2.0+cu121
    8: audited as transformers 4.38.0
    9: unpinned numpy
    10: audited as pillow 10.0.0
    11: audited as scikit-learn 1.3.0
    12: audited as ray 2.9.0
    13: unauditable peft: a branch or tag of a repository, which can move
    14: unauditable accelerate: a branch or tag of a repository, which can move
    15: unpinned mlflow
    16: unpinned gradio
    17: unpinned keras
    18: unauditable local-pkg: a path of the project
    19: unauditable other: a path of the project
    20: audited as jinja2 3.1.2
    23: audited as aiohttp 3.9.1
    25: audited as langchain 0.1.0
    26: audited as pkg 1!2.0
    ");
}

#[test]
fn malicious_packages_are_condemned_by_name_and_innocent_ones_by_version() {
    let Some(zip) = shared::file("advisories/PyPI-mal-all.zip") else {
        return;
    };
    let (bytes, summary) = build("2026-07-23", shared::unzip(&zip), &mut Budget::default()).unwrap();
    assert_eq!((summary.records, summary.malicious), (11_154, 11_154));
    let db = open(&bytes);
    for (name, version, guilty) in [
        ("litellm", "1.82.8", true),
        ("litellm", "1.82.6", false),
        ("num2words", "0.5.14", false),
        ("tensorflwo", "0.0.1", true),
    ] {
        assert_eq!(!ids(&db, name, version).is_empty(), guilty, "{name} {version}");
    }
    let condemned = |name: &str| {
        db.package(name, &mut Budget::default())
            .unwrap()
            .unwrap()
            .condemned()
            .len()
    };
    assert_eq!((condemned("litellm"), condemned("tensorflwo")), (0, 1));
}

#[test]
fn a_damaged_database_says_so_and_never_panics() {
    let record = br#"{"id": "PYSEC-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": ["1"]}]}"#;
    let (good, _) = build("2026-07-23", [("a", record)], &mut Budget::default()).unwrap();
    assert_eq!(ids(&open(&good), "a", "1.0").len(), 1);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x41;
        let mut budget = Budget::default();
        let bad = Blob::from_bytes(bad);
        let found = Database::open(&bad, &mut budget).and_then(|db| db.package("a", &mut budget));
        assert!(found.is_err(), "byte {at} changed and nobody noticed");
        let whole = Database::open(&bad, &mut budget).and_then(|db| db.verify(&mut budget));
        assert!(whole.is_err(), "byte {at} changed and nobody noticed");
    }
    for len in 0..good.len() {
        let mut budget = Budget::default();
        let cut = Blob::from_bytes(&good[..len]);
        let found = Database::open(&cut, &mut budget).and_then(|db| db.package("a", &mut budget));
        assert!(found.is_err(), "cut at {len} and nobody noticed");
    }
}

/// A package whose advisories do not fit would otherwise be a package without any.
#[test]
fn what_does_not_fit_is_refused_and_what_is_unreadable_is_remembered() {
    let local = "a".repeat(500);
    let many: Vec<String> = (0..20_000).map(|n| format!("\"1.{n}+{local}\"")).collect();
    let large = format!(
        r#"{{"id": "PYSEC-1", "affected": [{{"package": {{"ecosystem": "PyPI", "name": "a"}}, "versions": [{}]}}]}}"#,
        many.join(",")
    );
    let why = build("2026-07-23", [("a", &large)], &mut Budget::default()).unwrap_err();
    assert_eq!(
        why.to_string(),
        "the advisories about `a` are larger than 8388608 bytes"
    );

    let record = r#"{"id": "PYSEC-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "a"}, "versions": ["1"]}]}"#;
    let (bytes, _) = build("2026-07-23", [("a", record), ("b", "{")], &mut Budget::default()).unwrap();
    let first = open(&bytes);
    assert_eq!(first.about().unreadable, 1);
    assert!(first.verify(&mut Budget::default()).is_ok());
    // What was missing stays missing where records are changed one by one.
    let mut builder = Builder::default();
    builder.keep(&first, &mut Budget::default()).unwrap();
    let (bytes, _) = builder.finish(About::default(), &mut Budget::default()).unwrap();
    assert_eq!(open(&bytes).about().unreadable, 1);
}
