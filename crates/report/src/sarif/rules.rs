//! The rule slice as SARIF descriptors.

use super::types::{Configuration, Descriptor, Properties, Text};
use crate::page;
use wellhead_core::{Confidence, Reference, Rule, Severity};

/// Kinds of notifications; their place here is their index.
pub(super) const NOTIFICATIONS: [(&str, &str); 3] = [
    ("not-analysed", "nothing of the artifact was understood"),
    ("partly-analysed", "some of the artifact was not understood"),
    ("not-assessed", "rules could not be assessed"),
];
pub(super) const NOT_ANALYSED: usize = 0;
pub(super) const PARTLY: usize = 1;
pub(super) const NOT_ASSESSED: usize = 2;

pub(super) fn notifications() -> Vec<Descriptor> {
    let descriptor = |(id, text): (&'static str, &'static str)| Descriptor {
        id,
        short_description: Text::plain(text),
        full_description: None,
        help: None,
        default_configuration: Configuration { level: "warning" },
        properties: Properties::new(),
    };
    NOTIFICATIONS.into_iter().map(descriptor).collect()
}

pub(super) fn descriptor(rule: &'static Rule) -> Descriptor {
    let what =
        page::section(rule.page, "What it does").map_or(rule.summary.to_owned(), page::first_paragraph);
    Descriptor {
        id: rule.id,
        short_description: Text::plain(rule.summary),
        full_description: Some(Text::plain(what)),
        help: Some(Text {
            text: rule.page.to_owned(),
            markdown: Some(rule.page.to_owned()),
        }),
        default_configuration: Configuration {
            level: level(rule.severity),
        },
        properties: properties(rule),
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Low => "warning",
        Severity::Info => "note",
    }
}

/// A number in the range that code-scanning services read as this severity.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.5",
        Severity::Info => "0.0",
    }
}

fn properties(rule: &Rule) -> Properties {
    let mut tags = vec!["security".to_owned(), "external/owasp/ml06-2023".to_owned()];
    for reference in rule.references {
        match reference {
            Reference::Cwe(n) => tags.push(format!("external/cwe/cwe-{n}")),
            Reference::Cve(id) | Reference::Ghsa(id) => tags.push(id.to_lowercase()),
            Reference::Atlas(id) => tags.push(format!("external/mitre-atlas/{}", id.to_lowercase())),
            Reference::Owasp(_) | Reference::Pep(_) | Reference::Spec(_) => {}
        }
    }
    tags.push(format!("measure/{}", rule.measure));
    if let Some(scenario) = rule.scenario {
        tags.push(format!("scenario/{scenario}"));
    }
    let precision = match rule.confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    };
    let problem = match level(rule.severity) {
        "note" => "recommendation",
        level => level,
    };
    [
        ("tags", tags.into()),
        ("precision", precision.into()),
        ("security-severity", security_severity(rule.severity).into()),
        ("problem.severity", problem.into()),
    ]
    .into_iter()
    .map(|(key, value): (&str, serde_json::Value)| (key.to_owned(), value))
    .collect()
}
