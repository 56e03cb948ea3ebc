//! Advisories on disk: where they come from, how old they are, and what an audit says when they cannot be relied on.

use crate::{Project, Ran, rules};

const RECORD: &str = r#"{"id":"PYSEC-2026-1","aliases":["CVE-2026-0001","GHSA-aaaa-bbbb-cccc"],"summary":"everything burns",
    "modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"burning-lib"},
    "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0"}]}]}]}"#;

/// A project with one innocent package and one that burns.
fn project() -> Project {
    Project::new(&[
        ("requirements.txt", "burning-lib==2.0\n"),
        (".git/osv/X-1.json", RECORD),
    ])
}

fn imported(project: &Project, args: &[&str]) -> Ran {
    let mut all = vec!["db", "import", ".git/osv"];
    all.extend(args);
    let ran = project.run(&all);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

/// The exit code of a strict audit that looks for nothing but known vulnerabilities, and what was not assessed.
fn strict(project: &Project, args: &[&str]) -> (i32, Vec<String>) {
    let mut all = vec![
        "audit",
        "--strict",
        "--select",
        "vulnerable-package",
        "--format",
        "json",
    ];
    all.extend(args);
    let ran = project.run(&all);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let why = report["not_assessed"].as_array().unwrap();
    let why = why.iter().map(|w| w.as_str().unwrap().to_owned()).collect();
    (ran.code, why)
}

#[test]
fn a_fresh_database_passes_a_strict_run() {
    let project = project();
    imported(&project, &[]);
    assert_eq!(strict(&project, &[]), (0, Vec::new()));
}

#[test]
fn a_missing_database_is_said_and_fails_a_strict_run() {
    let project = project();
    let (code, why) = strict(&project, &[]);
    assert_eq!(code, 3);
    assert!(
        why[0].starts_with("no advisory database, so known vulnerabilities were not looked up"),
        "{why:?}"
    );
}

#[test]
fn an_old_database_is_said_and_fails_a_strict_run() {
    let project = project();
    imported(&project, &["--date", "2025-01-01"]);
    let (code, why) = strict(&project, &[]);
    assert_eq!(code, 3);
    assert!(
        why[0].contains("days old (2025-01-01) and may be at most 14"),
        "{why:?}"
    );
    let report = project.json(&["--select", "vulnerable-package"]);
    let updates = report["measures"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["measure"] == "updates")
        .unwrap();
    assert_eq!(updates["not_assessed"], 1, "{updates}");
    // Without --strict it is said and passes.
    let ran = project.run(&["audit", "--select", "vulnerable-package"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("days old"), "{}", ran.out);
    // The policy decides what is old.
    project.write("wellhead.toml", b"[advisories]\nmax-age-days = 100000\n");
    assert_eq!(strict(&project, &[]), (0, Vec::new()));
    project.write("wellhead.toml", b"[advisories]\nmax-age-days = \"soon\"\n");
    let ran = project.run(&["audit"]);
    assert!(
        ran.code == 2 && ran.err.contains("is not a number of days"),
        "{}",
        ran.err
    );
}

#[test]
fn a_damaged_database_does_not_end_the_run_and_is_said_aloud() {
    let project = project();
    imported(&project, &[]);
    let file = project.path().join(".git/data/advisories/pypi.db");
    let good = std::fs::read(&file).unwrap();
    project.write("requirements.txt", b"burning-lib==1.0\ntorch==2.5.1\n");
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (bad, what) in [
        (&good[..good.len() / 2], "damaged"),
        (&b"nothing of the kind"[..], "not an advisory database"),
        (&flipped, "damaged"),
        (&[], "not an advisory database"),
    ] {
        std::fs::write(&file, bad).unwrap();
        let ran = project.run(&[
            "audit",
            "--strict",
            "--fail-on",
            "never",
            "--select",
            "vulnerable-package",
            "--format",
            "json",
        ]);
        assert_eq!(ran.code, 3, "{}", ran.err);
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let why = report["not_assessed"].to_string();
        assert!(why.contains(what), "{why}");
        // The built-in list still speaks.
        assert_eq!(rules(&report), ["vulnerable-package"]);
        assert_eq!(report["findings"][0]["properties"]["package"], "torch");
    }
    assert_eq!(project.run(&["db", "status"]).code, 2);
    // Also damage in what an audit of this project would not touch.
    std::fs::write(&file, &flipped).unwrap();
    let ran = project.run(&["db", "status"]);
    assert!(
        ran.code == 2 && ran.err.contains("a block does not fit its digest"),
        "{}{}",
        ran.out,
        ran.err
    );
}

#[test]
fn a_day_that_never_was_or_has_not_come_is_refused() {
    let project = project();
    for (day, says) in [
        ("2026-02-30", "expected a day"),
        ("2999-01-01", "has not come yet"),
        ("soon", "expected a day"),
    ] {
        let ran = project.run(&["db", "import", ".git/osv", "--date", day]);
        assert!(ran.code == 2 && ran.err.contains(says), "{day}: {}", ran.err);
    }
    assert!(!project.path().join(".git/data/advisories/pypi.db").exists());
}

#[test]
fn old_records_under_the_day_of_today_are_said_and_the_future_is_no_news() {
    let project = project();
    let ahead = RECORD
        .replace("PYSEC-2026-1", "PYSEC-2026-2")
        .replace("2026-01-01T", "2999-01-01T");
    project.write(".git/osv/X-2.json", ahead.as_bytes());
    let ran = imported(&project, &[]);
    assert!(
        ran.err
            .contains("warning: the newest advisory was changed on 2026-01-01"),
        "{}",
        ran.err
    );
    let ran = project.run(&["db", "status"]);
    assert!(
        ran.code == 0 && ran.err.contains("the newest advisory was changed on 2026-01-01"),
        "{}",
        ran.err
    );
    let about: serde_json::Value =
        serde_json::from_str(&project.run(&["db", "status", "--format", "json"]).out).unwrap();
    assert_eq!(
        (about["age_days"].as_i64(), about["stale"].as_bool()),
        (Some(0), Some(false))
    );
}

#[test]
fn records_that_could_not_be_read_are_remembered_and_pages_beside_them_are_none() {
    let project = project();
    project.write(".git/osv/README.md", b"# Advisories");
    assert!(!imported(&project, &[]).out.contains("could not be read"));
    assert_eq!(strict(&project, &[]), (0, Vec::new()));
    project.write(".git/osv/X-2.json", b"{");
    assert!(imported(&project, &[]).out.contains("1 could not be read"));
    let (code, why) = strict(&project, &[]);
    assert_eq!(code, 3);
    assert!(why[0].starts_with("1 advisory could not be read"), "{why:?}");
    let about: serde_json::Value =
        serde_json::from_str(&project.run(&["db", "status", "--format", "json"]).out).unwrap();
    assert_eq!(about["unreadable"], 1);
}

#[test]
fn an_ignore_by_any_alias_covers_the_flaw_and_ends_when_it_is_fixed() {
    let project = project();
    imported(&project, &[]);
    project.write("requirements.txt", b"burning-lib==1.0\n");
    for id in [
        "PYSEC-2026-1",
        "CVE-2026-0001",
        "GHSA-aaaa-bbbb-cccc",
        "ghsa-AAAA-bbbb-cccc",
    ] {
        let ignore = format!(
            "[[ignore]]\nrule = \"vulnerable-package\"\nadvisory = \"{id}\"\nreason = \"no fire here\"\nexpires = 2999-01-01\n"
        );
        project.write("wellhead.toml", ignore.as_bytes());
        let report = project.json(&["--select", "vulnerable-package,unused-ignore,expired-ignore"]);
        assert_eq!(rules(&report), [""; 0], "{id}");
    }
    let ended = "[[ignore]]\nrule = \"vulnerable-package\"\nadvisory = \"CVE-2026-0001\"\nreason = \"no fix\"\nuntil = \"fixed\"\n";
    project.write("wellhead.toml", ended.as_bytes());
    let report = project.json(&["--select", "vulnerable-package,unused-ignore,expired-ignore"]);
    assert_eq!(rules(&report), ["expired-ignore", "vulnerable-package"]);
}
