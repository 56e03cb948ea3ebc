//! The layout: what it looks like, that it reads back, that it is what its schema says.

use super::*;
use crate::{samples, terminal};
use proptest::prelude::*;
use serde_json::{Value, json};

fn value(report: &Report) -> Value {
    serde_json::from_str(&render(report)).unwrap()
}

#[test]
fn a_finding_has_places_evidence_and_properties() {
    let report = samples::report(vec![samples::service()]);
    let f = &value(&report)["findings"][0];
    assert_eq!(
        f["locations"][0]["span"],
        json!({"kind": "logical", "path": "answer to GET /api/kernels"})
    );
    assert_eq!(
        f["evidence"][0]["lines"][1],
        json!({"number": 2, "text": "HTTP/1.1 200 OK"})
    );
    assert_eq!(f["properties"], json!({"score": 9.8, "state": "OPEN_EXEC"}));
    assert_eq!(f["fingerprint"], json!(report.findings[0].fingerprint()));
    let f = &value(&samples::report(vec![samples::python()]))["findings"][0];
    assert_eq!(
        f["locations"][0]["span"],
        json!({"kind": "text", "start": {"line": 3, "column": 5}, "end": {"line": 3, "column": 27},
            "offset": 61, "length": 22})
    );
    assert_eq!(f["fixes"][0]["edits"][0]["offset"], json!(40));
}

#[test]
fn what_is_ignored_is_there_with_its_reason() {
    let all = value(&samples::everything());
    let ignored = &all["findings"][9];
    assert_eq!(ignored["status"], "ignored");
    assert_eq!(
        ignored["ignored"]["reason"],
        "rebuilt at release from the checked-in JSON"
    );
    assert_eq!(all["findings"][10]["status"], "suppressed");
    assert_eq!(
        all["coverage"][2],
        json!({"artifact": "weights.7z", "outcome": "not-analysed", "reason": "encrypted", "depth": "headers"})
    );
    assert_eq!(
        all["risk"]["measures"]["integrity"],
        json!({"score": 90, "rating": "critical"})
    );
    assert_eq!(all["verdict"]["fail_on"], "high");
}

fn all_samples() -> Vec<Report> {
    vec![
        samples::everything(),
        samples::hostile(),
        samples::large_lock(),
        samples::report(Vec::new()),
    ]
}

#[test]
fn every_sample_is_what_the_schema_says_and_reads_back() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for report in all_samples() {
        let errors: Vec<String> = validator
            .iter_errors(&value(&report))
            .map(|e| e.to_string())
            .collect();
        assert_eq!(errors, [""; 0]);
        assert_same(&report);
    }
    let mut wrong = value(&samples::everything());
    wrong["findings"][0]["severity"] = json!("awful");
    assert!(!validator.is_valid(&wrong));
}

/// A report that was saved and read renders as the one that was saved.
fn assert_same(report: &Report) {
    let saved = render(report);
    let read = read(&saved).unwrap();
    assert_eq!(render(&read), saved);
    for verbosity in [
        terminal::Verbosity::Quiet,
        terminal::Verbosity::Normal,
        terminal::Verbosity::Verbose,
    ] {
        let options = terminal::TerminalOptions {
            verbosity,
            ..terminal::TerminalOptions::default()
        };
        let shown = |r: &Report| terminal::render(r, samples::RULES, &options);
        assert_eq!(shown(&read), shown(report));
    }
    assert_eq!(terminal::concise(&read), terminal::concise(report));
}

#[test]
fn strings_are_safe_to_print_and_lose_nothing() {
    let text = render(&samples::hostile());
    assert!(
        !text
            .chars()
            .any(|c| c != '\n' && wellhead_core::escape(&c.to_string()) != c.to_string())
    );
    assert_eq!(value(&samples::hostile())["targets"][0], samples::HOSTILE);
}

#[test]
fn what_is_no_report_is_refused_with_a_hint() {
    let cases = [
        (
            "",
            "not a report of wellhead: EOF while parsing a value at line 1 column 0",
            "save one",
        ),
        (
            "{}",
            "this is JSON without a schema name, not `wellhead-report`",
            "save one",
        ),
        (
            r#"{"schema": {"name": "other\u001b[2J", "version": "1.0"}}"#,
            "this is `other\\x1b[2J`, not `wellhead-report`",
            "save one",
        ),
        (
            r#"{"schema": {"name": "wellhead-report", "version": "2.0"}}"#,
            "schema version `2.0` is not understood, only 1.x",
            "use the version",
        ),
        (
            r#"{"schema": {"name": "wellhead-report", "version": "1.7"}}"#,
            "not a report of wellhead: missing field `tool` at line 1 column 57",
            "save one",
        ),
    ];
    for (text, message, hint) in cases {
        let error = read(text).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.hint().starts_with(hint), "{error}");
    }
    assert!(read(&"[".repeat(1_000_000)).is_err());
}

#[test]
fn a_later_minor_version_may_add_fields() {
    let mut v = value(&samples::everything());
    v["schema"]["version"] = json!("1.9");
    v["new"] = json!({"a": [1]});
    v["findings"][0]["new"] = json!(true);
    let read = read(&v.to_string()).unwrap();
    assert_eq!(render(&read), render(&samples::everything()));
}

#[test]
fn evidence_that_was_tampered_with_is_mended() {
    let mut v = value(&samples::report(vec![samples::pickle()]));
    let e = &mut v["findings"][0]["evidence"][0];
    e["lines"] = json!([{"number": 4_000_000_000_u32, "text": "漢"}, {"number": 1, "text": "x"}, {"number": 1, "text": "y"}]);
    e["marks"] = json!([
        {"line": 4_000_000_000_u32, "start": 1, "end": 2},
        {"line": 4_000_000_000_u32, "start": 0, "end": 3, "primary": true},
        {"line": 9, "start": 0, "end": 0},
        {"line": 1, "start": 5, "end": 2}
    ]);
    let report = read(&v.to_string()).unwrap();
    let excerpt = report.findings[0].locations[0].excerpt.as_ref().unwrap();
    assert_eq!(
        (excerpt.lines.len(), excerpt.lines[0].number, excerpt.marks.len()),
        (2, 1, 1)
    );
    let shown = terminal::render(&report, &[], &terminal::TerminalOptions::default());
    assert!(shown.contains("4000000000 │ 漢"), "{shown}");
    v["findings"][0]["locations"] = json!([]);
    assert_eq!(read(&v.to_string()).unwrap().findings[0].locations.len(), 1);
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,200}",
        Just(samples::HOSTILE.to_owned()),
        "[a漢`|\n\t\\x1b]{0,30}"
    ]
}

prop_compose! {
    fn findings()(
        message in texts(), label in texts(), name in texts(), rule in 0..5_usize, severity in 0..5_usize,
        lines in prop::collection::vec((0..40_u32, texts()), 0..6),
        marks in prop::collection::vec((0..40_u32, 0..50_usize, 0..60_usize, texts(), any::<bool>()), 0..6),
        logical in any::<bool>(), extra in texts(), ignored in any::<bool>(),
    ) -> wellhead_core::Finding {
        use wellhead_core::{ArtifactPath, Excerpt, ExcerptKind, Finding, Ignored, Location, Mark, Severity, Span, Status};
        let path = ArtifactPath::file(name.clone()).member(label.clone());
        let mut e = Excerpt::new(ExcerptKind::Source);
        for (n, text) in &lines {
            e.push_line(*n, text);
        }
        for (line, start, end, label, primary) in marks {
            let fits = e.lines.iter().any(|l| l.number == line && l.text.get(start..end).is_some());
            if fits {
                e.marks.push(Mark { line, range: start..end, label, primary });
            }
        }
        let mut location = Location::text(&path, &message, 2..9, label.clone()).with_excerpt(e);
        if logical {
            location.span = Span::Logical { path: name.clone() };
        }
        let mut f = Finding::new(samples::RULES[rule], message, location).severity(Severity::ALL[severity]);
        f = f.note(extra.clone()).help(label.clone()).property("package", name).property("version", extra.clone());
        f = f.property("advisory", label).property("fixed_in", vec![extra.clone()]).at(Location::bytes(&path, 7, 1, ""));
        if ignored {
            f.status = Status::Ignored(Box::new(Ignored { reason: extra, expires: None, by: None }));
        }
        f
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_saved_report_renders_the_same_in_every_format(findings in prop::collection::vec(findings(), 0..5)) {
        assert_same(&samples::report(findings));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = read(&text);
    }
}

#[test]
fn a_running_service_is_kept_in_every_format() {
    let report = samples::running();
    let text = render(&report);
    assert!(text.contains("\"state\": \"PROTECTED\""), "{text}");
    assert_eq!(render(&read(&text).unwrap()), text);
    let markdown = crate::markdown::render(&report, samples::RULES);
    assert!(markdown.contains("| PROTECTED | MLflow | 3.17.2 |"), "{markdown}");
}
