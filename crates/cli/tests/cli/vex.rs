//! VEX in and out, as people use it: what a document says marks findings and makes none go away.

use crate::{Project, Ran};
use serde_json::Value;

const REQUIREMENTS: &str = "torch==2.5.1\nultralytics==8.3.41\n";

fn openvex(statements: &str) -> String {
    format!(
        "{{\"@context\": \"https://openvex.dev/ns/v0.2.0\", \"@id\": \"https://acme.example/1\", \"author\": \"Acme\",\n\"timestamp\": \"2026-11-01T00:00:00Z\", \"version\": 1, \"statements\": [\n{statements}\n]}}\n"
    )
}

fn about(id: &str, product: &str, rest: &str) -> String {
    format!(r#"{{"vulnerability": {{"name": "{id}"}}, "products": [{{"@id": "{product}"}}], {rest}}}"#)
}

const NOT_AFFECTED: &str = r#""status": "not_affected", "justification": "vulnerable_code_not_in_execute_path", "impact_statement": "safetensors only""#;

/// A database in which one flaw of torch has three names.
fn with_database(project: &Project) {
    let record = r#"{"id": "PYSEC-2025-41", "aliases": ["CVE-2025-32434", "GHSA-53q9-r3pm-6pq6"], "modified": "2025-04-18T00:00:00Z", "summary": "runs code",
      "affected": [{"package": {"ecosystem": "PyPI", "name": "torch"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.6.0"}]}]}]}"#;
    project.write(".git/db/PYSEC-2025-41.json", record.as_bytes());
    let ran = project.run(&["db", "import", ".git/db"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

/// `status rule: reason` of every finding about a package, and the message of every finding about VEX.
fn told(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let row = |f: &Value| {
        let rule = f["rule"].as_str()?;
        let of_vex = rule.contains("-vex-");
        let known = of_vex || f["properties"].get("advisory").is_some();
        let why = f["ignored"]["reason"]
            .as_str()
            .or_else(|| f["message"].as_str().filter(|_| of_vex));
        known.then(|| {
            format!(
                "{} {rule}: {}",
                f["status"].as_str().unwrap_or_default(),
                why.unwrap_or_default()
            )
        })
    };
    findings.filter_map(row).collect()
}

#[test]
fn a_statement_by_any_name_of_the_flaw_marks_the_finding() {
    let project = Project::new(&[("requirements.txt", "torch==2.5.1\n")]);
    with_database(&project);
    for id in [
        "CVE-2025-32434",
        "GHSA-53q9-r3pm-6pq6",
        "pysec-2025-41",
        "https://nvd.nist.gov/vuln/detail/CVE-2025-32434",
    ] {
        project.write(
            "a.json",
            openvex(&about(id, "pkg:pypi/torch@2.5.1", NOT_AFFECTED)).as_bytes(),
        );
        let report = project.json(&["--vex", "a.json", "--strict"]);
        assert_eq!(
            told(&report),
            [
                "ignored vulnerable-package: not affected (vulnerable_code_not_in_execute_path): safetensors only (says Acme)"
            ],
            "{id}"
        );
        let entry = &report["inventory"]["entries"][0];
        assert_eq!(entry["bucket"], "ignored");
        assert_eq!(entry["by"], "a.json:3");
        assert!(
            entry["reason"].as_str().unwrap().contains("safetensors only"),
            "{entry}"
        );
        assert_eq!(report["inventory"]["ignored"], 1);
        assert_eq!(report["verdict"]["allowed"], true);
    }
}

#[test]
fn only_what_is_named_is_excused() {
    let project = Project::new(&[("requirements.txt", REQUIREMENTS)]);
    with_database(&project);
    let all = [
        about("CVE-2025-32434", "pkg:pypi/torch@2.5.0", NOT_AFFECTED),
        about("PYSEC-2024-154", "pkg:pypi/ultralytics", NOT_AFFECTED),
        about("CVE-2020-1", "pkg:pypi/django@1.0", r#""status": "fixed""#),
        about(
            "CVE-2020-2",
            "pkg:pypi/torch@2.5.1",
            r#""status": "affected", "action_statement": "wait""#,
        ),
        about("CVE-2020-3", "pkg:pypi/torch@2.5.1", NOT_AFFECTED),
        about(
            "CVE-2020-4",
            "pkg:pypi/torch@2.5.1",
            r#""status": "not_affected""#,
        ),
        about("CVE-2020-5", "pkg:pypi/torch@2.4.0", r#""status": "fixed""#),
    ];
    project.write("a.json", openvex(&all.join(",\n")).as_bytes());
    insta::assert_snapshot!(told(&project.json(&["--vex", "a.json"])).join("\n"), @r"
    reported compromised-release: 
    reported vulnerable-package: 
    reported invalid-vex-statement: this statement excuses nothing: it says `not_affected` and not why: neither `justification` nor `impact_statement`
    reported unmatched-vex-statement: this statement excuses nothing: it does not speak of the `torch` that the project has (`2.5.1`)
    reported unmatched-vex-statement: this statement calls `torch` `2.5.1` affected by `CVE-2020-2`, and no advisory at hand does
    reported unmatched-vex-statement: this statement excuses nothing: no advisory at hand finds `CVE-2020-3` in `torch`
    reported unmatched-vex-statement: 1 of 6 statements speak of packages that the project does not have
    reported unmatched-vex-statement: 1 of 6 statements speak of versions that the project does not have
    ");
}

#[test]
fn what_is_under_investigation_stays_and_says_so() {
    let project = Project::new(&[("requirements.txt", "torch==2.5.1\n")]);
    with_database(&project);
    let statement = about(
        "CVE-2025-32434",
        "pkg:pypi/torch",
        r#""status": "under_investigation", "status_notes": "we look""#,
    );
    project.write("a.json", openvex(&statement).as_bytes());
    let report = project.json(&["--vex", "a.json"]);
    let finding = &report["findings"][0];
    assert_eq!(finding["status"], "reported");
    assert_eq!(finding["properties"]["vex"]["status"], "under_investigation");
    assert!(
        finding["notes"]
            .to_string()
            .contains("Acme says under investigation: we look"),
        "{finding}"
    );
    assert_eq!(report["verdict"]["allowed"], false);
}

#[test]
fn a_document_that_the_policy_names_is_found_from_its_folder() {
    let project = Project::new(&[
        ("sub/requirements.txt", "torch==2.5.1\n"),
        ("wellhead.toml", "[advisories]\nvex = [\"vex/a.json\"]\n"),
    ]);
    with_database(&project);
    project.write(
        "vex/a.json",
        openvex(&about("CVE-2025-32434", "pkg:pypi/torch", NOT_AFFECTED)).as_bytes(),
    );
    let report = project.json(&["sub"]);
    assert_eq!(report["findings"][0]["status"], "ignored");
    // One in the target counts only if it is named.
    let report = project.json(&["--isolated"]);
    assert_eq!(report["findings"][0]["status"], "reported");
    std::fs::remove_file(project.path().join("vex/a.json")).unwrap();
    let Ran { code, err, .. } = project.run(&["audit", "sub"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("wellhead.toml:2"), "{err}");
}

#[test]
fn a_broken_document_is_one_error_at_its_line() {
    let project = Project::new(&[
        ("requirements.txt", "torch==2.5.1\n"),
        ("a.json", "{\n  \"@context\": oops\n}\n"),
        ("b.json", "{}"),
    ]);
    let Ran { code, out, err } = project.run(&["audit", "--vex", "a.json"]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert!(
        err.contains("the VEX document `a.json` cannot be read") && err.contains("a.json:2:"),
        "{err}"
    );
    let Ran { code, err, .. } = project.run(&["audit", "--vex", "b.json"]);
    assert_eq!(code, 2);
    assert!(err.contains("neither OpenVEX"), "{err}");
}

#[test]
fn what_comes_out_goes_in_again() {
    let policy = "[[ignore]]\nrule = \"vulnerable-package\"\nadvisory = \"GHSA-53q9-r3pm-6pq6\"\nreason = \"safetensors only\"\njustification = \"vulnerable_code_not_in_execute_path\"\n";
    let project = Project::new(&[("requirements.txt", "torch==2.5.1\n"), ("wellhead.toml", policy)]);
    with_database(&project);
    for format in ["openvex", "cyclonedx-vex"] {
        let first = project.run(&["audit", "--format", format, "-o", "out.json"]);
        assert_eq!(first.code, 0, "{}", first.err);
        let bytes = std::fs::read(project.path().join("out.json")).unwrap();
        // The document lies in the target now, and changes nothing of it.
        let again = project.run(&["audit", "--format", format]);
        if format == "openvex" {
            assert_eq!(again.out.as_bytes(), bytes);
        }
        let report = project.json(&["--isolated", "--vex", "out.json"]);
        let findings = report["findings"].as_array().unwrap();
        assert_eq!(findings.len(), 1, "{report}");
        assert_eq!(findings[0]["status"], "ignored");
        assert!(
            findings[0]["ignored"]["reason"]
                .as_str()
                .unwrap()
                .contains("safetensors only")
        );
        std::fs::remove_file(project.path().join("out.json")).unwrap();
    }
}

#[test]
fn nothing_is_called_unused_that_nobody_looked_for() {
    let policy = "[[ignore]]\nrule = \"vulnerable-package\"\nadvisory = \"CVE-2020-1\"\nreason = \"r\"\n";
    let project = Project::new(&[("requirements.txt", "torch==2.6.0\n"), ("wellhead.toml", policy)]);
    let unused = |args: &[&str]| {
        project
            .json(args)
            .to_string()
            .contains("this ignore matched nothing")
    };
    assert!(!unused(&[]), "without a database");
    with_database(&project);
    assert!(unused(&[]));
    assert!(!unused(&["--select", "missing-hash"]));
    // What is not shown was found all the same.
    project.write("requirements.txt", b"torch==2.5.1\n");
    project.write(
        "wellhead.toml",
        policy.replace("CVE-2020-1", "CVE-2025-32434").as_bytes(),
    );
    assert!(!unused(&["--min-severity", "critical"]));
}
