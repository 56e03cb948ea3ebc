//! Each verb once, and what a slip of the finger gets.

use crate::{Project, harmful, rules};

#[test]
fn a_slip_is_answered_with_a_suggestion() {
    let project = Project::new(&[("a.txt", "x")]);
    for (args, said) in [
        (&["audti"][..], "audit"),
        (&["explain", "unsafe-pickle-imports"], "unsafe-pickle-import"),
        (
            &["audit", "--select", "unsafe-pickle-inport"],
            "unsafe-pickle-import",
        ),
        (&["audit", "--formt", "json"], "--format"),
        (&["audit", "no/such"], "no such file or folder"),
        (
            &["audit", "oci://host.example/name"],
            "cannot read `oci:` targets yet",
        ),
        (&["report", "a.txt"], "wellhead audit --format json"),
    ] {
        let ran = project.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
        assert!(ran.out.is_empty(), "{args:?}: errors go to standard error");
    }
}

#[test]
fn a_saved_report_renders_like_the_run_itself() {
    let project = Project::new(&[("wellhead.toml", "[rules]\nmissing-hash = \"warn\"\n")]);
    project.write("m/a.pkl", &harmful());
    project.run(&["audit", "--format", "json", "--output", ".git/report.json"]);
    for format in ["text", "concise", "sarif", "markdown", "json"] {
        let direct = project.run(&["audit", "--format", format]);
        let again = project.run(&["report", ".git/report.json", "--format", format]);
        assert_eq!((again.code, again.out), (direct.code, direct.out), "{format}");
    }
}

#[test]
fn exports_go_to_files_while_people_read() {
    let project = Project::new(&[("a.txt", "x")]);
    let ran = project.run(&[
        "audit",
        "--export",
        "sarif=.git/o.sarif",
        "--export",
        "json=.git/o.json",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for file in ["o.sarif", "o.json"] {
        let text = std::fs::read_to_string(project.path().join(".git").join(file)).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
    }
}

#[test]
fn standard_input_is_a_target() {
    let project = Project::new(&[]);
    let ran = project.run_with_input(&["audit", "-", "--format", "concise"], &harmful());
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("stdin@0x"), "{}", ran.out);
}

#[test]
fn inspect_shows_what_was_understood() {
    let project = Project::new(&[]);
    project.write("a.pkl", &harmful());
    let ran = project.run(&["inspect", "a.pkl"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["Python pickle", "posix.system", "REDUCE", "echo wellhead"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let json: serde_json::Value =
        serde_json::from_str(&project.run(&["inspect", "a.pkl", "--format", "json"]).out).unwrap();
    assert_eq!(json["artifacts"][0]["artifact"], "a.pkl");
}

#[test]
fn init_writes_a_policy_once() {
    let project = Project::new(&[]);
    assert_eq!(project.run(&["init"]).code, 0);
    let ran = project.run(&["init"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--force"), "{}", ran.err);
    assert_eq!(project.run(&["init", "--force"]).code, 0);
}

#[test]
fn advisories_are_imported_and_matched() {
    let record = r#"{"id":"X-1","summary":"everything burns","modified":"2026-01-01T00:00:00Z","aliases":["CVE-2026-0001"],
        "affected":[{"package":{"ecosystem":"PyPI","name":"burning-lib"},"ranges":[{"type":"ECOSYSTEM",
        "events":[{"introduced":"0"},{"fixed":"2.0"}]}]}]}"#;
    let project = Project::new(&[
        ("requirements.txt", "burning-lib==1.0\n"),
        (".git/osv/X-1.json", record),
    ]);
    assert_eq!(project.run(&["db", "status"]).code, 3);
    assert!(!rules(&project.json(&[])).contains(&"vulnerable-package".to_owned()));
    let ran = project.run(&["db", "import", ".git/osv"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let status = project.run(&["db", "status"]);
    assert!(status.out.starts_with("advisories  1 "), "{}", status.out);
    let report = project.json(&[]);
    let findings = report["findings"].as_array().unwrap();
    let found = findings
        .iter()
        .find(|f| f["rule"] == "vulnerable-package")
        .unwrap();
    assert_eq!(found["properties"]["package"], "burning-lib");
}

#[test]
fn rules_completions_and_help_have_something_to_say() {
    let project = Project::new(&[]);
    for (args, part) in [
        (&["rules"][..], "unsafe-pickle-import"),
        (&["rules", "--measure", "infrastructure"], "open-dashboard-config"),
        (&["rules", "--format", "json"], "\"unsafe-pickle-import\""),
        (&["explain", "unsafe-pickle-import"], "Why is this bad"),
        (&["completions", "bash"], "wellhead"),
        (&["audit", "--help"], "--fail-on"),
        (&["--version"], "wellhead 0."),
    ] {
        let ran = project.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.err);
        assert!(ran.out.contains(part), "{args:?}: {}", ran.out);
    }
}
