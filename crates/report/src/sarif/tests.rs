//! What code-scanning services read.

use super::*;
use crate::samples;
use serde_json::{Value, json};
use std::path::PathBuf;

fn run(report: &Report) -> Value {
    let log: Value = serde_json::from_str(&render(report, samples::RULES)).unwrap();
    log["runs"][0].clone()
}

#[test]
fn a_rule_has_its_page_severity_and_tags() {
    let run = run(&samples::report(Vec::new()));
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["id"], "unsafe-pickle-import");
    assert_eq!(rule["help"]["markdown"], samples::PAGE);
    assert_eq!(rule["defaultConfiguration"]["level"], "error");
    assert_eq!(
        rule["properties"],
        json!({"precision": "high", "problem.severity": "error", "security-severity": "9.5", "tags": [
            "security", "external/owasp/ml06-2023", "external/cwe/cwe-502", "external/mitre-atlas/aml.t0018",
            "measure/integrity", "scenario/hub-impersonator"]})
    );
}

#[test]
fn members_have_parents_and_bytes_have_offsets() {
    let run = run(&samples::report(vec![samples::pickle()]));
    assert_eq!(
        run["artifacts"],
        json!([
            {"location": {"uri": "models/resnet.pt", "uriBaseId": "%SRCROOT%"}},
            {"location": {"uri": "models/resnet.pt!/archive/data.pkl", "uriBaseId": "%SRCROOT%"}, "parentIndex": 0}
        ])
    );
    let result = &run["results"][0];
    assert_eq!(
        (&result["ruleIndex"], &result["level"]),
        (&json!(0), &json!("error"))
    );
    let physical = &result["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"]["index"], 1);
    assert_eq!(physical["region"]["byteOffset"], 0x54);
    assert_eq!(
        result["partialFingerprints"]["wellhead/v1"],
        samples::pickle().fingerprint()
    );
}

#[test]
fn text_has_lines_a_snippet_and_fixes() {
    let run = run(&samples::report(vec![samples::python()]));
    let result = &run["results"][0];
    assert_eq!(
        result["locations"][0]["physicalLocation"]["region"],
        json!({"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 27,
            "snippet": {"text": "trust_remote_code=True"}})
    );
    let replacement = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(
        replacement["deletedRegion"],
        json!({"byteOffset": 40, "byteLength": 16})
    );
}

#[test]
fn what_is_ignored_is_suppressed_and_what_was_not_seen_is_notified() {
    let run = run(&samples::everything());
    let suppressed: Vec<&Value> = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| !r["suppressions"].is_null())
        .collect();
    assert_eq!(suppressed.len(), 2);
    assert_eq!(
        suppressed[0]["suppressions"][0]["justification"],
        "rebuilt at release from the checked-in JSON"
    );
    assert_eq!(suppressed[0]["level"], "error");
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);
    let told = invocation["toolExecutionNotifications"].as_array().unwrap();
    let ids: Vec<&str> = told
        .iter()
        .map(|n| n["descriptor"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["partly-analysed", "not-analysed", "not-assessed"]);
    assert_eq!(told[1]["message"]["text"], "encrypted");
}

#[test]
fn paths_become_references() {
    for (path, expected) in [
        ("a b/c:d.py", "a%20b/c%3Ad.py"),
        ("/abs/x", "file:///abs/x"),
        ("100%.pt!/漢.pkl", "100%25.pt!/%E6%BC%A2.pkl"),
        ("", "."),
    ] {
        assert_eq!(uri(path), expected);
    }
}

#[test]
fn nothing_deceptive_is_written() {
    let text = render(&samples::hostile(), samples::RULES);
    let bad = text
        .chars()
        .find(|c| *c != '\n' && wellhead_core::escape(&c.to_string()) != c.to_string());
    assert_eq!(bad, None);
    let value: Value = serde_json::from_str(&text).unwrap();
    let message = value["runs"][0]["results"][0]["message"]["text"]
        .as_str()
        .unwrap();
    assert!(!message.contains('\x1b') && !message.contains('\u{202e}'));
}

/// The official schema, fetched by `scripts/fetch-test-data.sh`.
#[expect(
    clippy::disallowed_methods,
    reason = "a test reads its own data, and where it lies"
)]
#[test]
fn every_sample_is_valid_by_the_official_schema() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let path = target.join("test-data/sarif-schema-2.1.0.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!(
            "skipped: {} is absent; run scripts/fetch-test-data.sh",
            path.display()
        );
        return;
    };
    // A pattern of the schema (of `language`, which we do not write) has a bare `]`, which only browsers take.
    let text = text.replace("{2}]?", "{2}\\\\]?");
    let schema: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(!validator.is_valid(&json!({"version": "2.1.0", "runs": [{"results": []}]})));
    for report in [
        samples::everything(),
        samples::hostile(),
        samples::large_lock(),
        samples::report(Vec::new()),
    ] {
        let log: Value = serde_json::from_str(&render(&report, samples::RULES)).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&log)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0]);
    }
}
