//! The pages that speak of formats and numbers, held to what the code does.

use crate::{json, samples};
use serde_json::Value;
use std::collections::BTreeSet;
use wellhead_core::{
    ArtifactPath, Confidence, Finding, Location, Measure, Rating, Risk, Rule, Severity, assess,
};

const RISK: &str = include_str!("../../../docs/risk.md");
const JSON: &str = include_str!("../../../docs/json.md");

/// A rule with milder scores than ML06 itself.
static MILD: Rule = Rule {
    id: "unpinned-revision",
    measure: Measure::Sources,
    risk: Risk {
        exploitability: 3,
        detectability: 4,
        technical_impact: 4,
        ml_application: 4,
        ml_operations: 3,
    },
    ..samples::REMOTE_VALUE
};

fn finding(rule: &'static Rule, severity: Severity, confidence: Confidence) -> Finding {
    let place = Location::whole(&ArtifactPath::file("f"), "");
    Finding::new(rule, "m", place)
        .severity(severity)
        .confidence(confidence)
}

#[test]
fn the_example_of_the_risk_page_is_computed() {
    let rules: &[&Rule] = &[&samples::PICKLE, &samples::VULNERABLE, &MILD];
    let findings = [
        (
            "a model that runs code",
            finding(&samples::PICKLE, Severity::Critical, Confidence::High),
        ),
        (
            "a vulnerable package",
            finding(&samples::VULNERABLE, Severity::High, Confidence::High),
        ),
        (
            "another one",
            finding(&samples::VULNERABLE, Severity::High, Confidence::Medium),
        ),
        (
            "an unpinned revision",
            finding(&MILD, Severity::Medium, Confidence::Medium),
        ),
    ];
    let rated = |score: u8| format!("{score} ({})", Rating::of(score));
    let mut text =
        "| finding | measure | scores | severity | confidence | score |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for (name, f) in &findings {
        let rule = rules.iter().find(|r| r.id == f.rule).unwrap();
        let scores = rule.risk.scores().map(|s| s.to_string()).join(" ");
        let score = assess(std::slice::from_ref(f), rules, &[f.measure]).score;
        text.push_str(&format!(
            "| {name} | {} | {scores} | {} | {} | {score} |\n",
            f.measure, f.severity, f.confidence
        ));
    }
    let all: Vec<Finding> = findings.iter().map(|(_, f)| f.clone()).collect();
    let report = assess(
        &all,
        rules,
        &[Measure::Integrity, Measure::Updates, Measure::Sources],
    );
    let measures: Vec<String> = report
        .measures
        .iter()
        .map(|(m, s)| format!("{m} {}", rated(*s)))
        .collect();
    text.push_str(&format!(
        "\n{}; infrastructure was not assessed. The run: {}.\n",
        measures.join(", "),
        rated(report.score)
    ));
    assert!(RISK.contains(&text), "docs/risk.md lacks:\n{text}");
}

#[test]
fn the_example_of_the_json_page_is_what_is_written() {
    let mut report = samples::report(vec![samples::pickle()]);
    report.coverage = samples::everything().coverage;
    report.components = vec![samples::component()];
    let text = format!("```json\n{}```\n", json::render(&report));
    assert!(JSON.contains(&text), "docs/json.md lacks:\n{text}");
}

#[test]
fn every_field_and_value_of_the_schema_is_on_the_page() {
    let schema: Value = serde_json::from_str(&json::schema()).unwrap();
    let mut names = BTreeSet::new();
    collect(&schema, &mut names);
    // Of the field that is itself called `properties`, these describe the field.
    for keyword in ["additionalProperties", "default", "type", "description"] {
        names.remove(keyword);
    }
    assert!(
        names.contains("not_assessed") && names.contains("not-analysed"),
        "{names:?}"
    );
    let missing: Vec<&String> = names
        .iter()
        .filter(|n| !JSON.contains(&format!("`{n}`")))
        .collect();
    assert!(missing.is_empty(), "docs/json.md does not mention {missing:?}");
}

/// Names of fields and of values that the schema fixes.
fn collect(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Array(all) => all.iter().for_each(|v| collect(v, names)),
        Value::Object(all) => {
            for (key, value) in all {
                match (key.as_str(), value) {
                    ("properties", Value::Object(fields)) => names.extend(fields.keys().cloned()),
                    ("const", Value::String(text)) => drop(names.insert(text.clone())),
                    ("enum", Value::Array(texts)) => {
                        names.extend(texts.iter().filter_map(|t| t.as_str().map(str::to_owned)));
                    }
                    _ => {}
                }
                collect(value, names);
            }
        }
        _ => {}
    }
}
