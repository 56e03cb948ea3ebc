//! SARIF 2.1.0, for code-scanning services and editors.
//!
//! Everything that is reported is there, also what is ignored (as suppressed, with the reason) and what was not
//! looked at (as notifications). A member of a container has the path that people see (`m.pt!/data.pkl`) and
//! `parentIndex`: consumers that know no nesting still show which file is meant.

mod rules;
mod types;

use crate::{
    blocks::Class,
    json::to_text,
    text::{clean, clean_all},
};
use std::collections::BTreeMap;
use types::{
    Artifact, ArtifactChange, ArtifactLocation, BaseId, Content, DescriptorReference, Driver, Fix,
    Invocation, Location, Log, LogicalLocation, Notification, PhysicalLocation, Properties, Region,
    Replacement, ResultRow, Run, Suppression, Text, Tool,
};
use wellhead_core::{
    ArtifactPath, ExcerptKind, Finding, Outcome, Rating, Report, Rule, Severity, Span, Status,
};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The name that code-scanning services give the root of the project.
const BASE: &str = "%SRCROOT%";
/// Related places of one result; consumers show a few.
const MAX_RELATED: usize = 50;

/// The report as SARIF, with a final line break.
pub fn render(report: &Report, rules: &[&'static Rule]) -> String {
    let mut artifacts = Artifacts::default();
    let index: BTreeMap<&str, usize> = rules.iter().enumerate().map(|(i, r)| (r.id, i)).collect();
    let fail_on = report.verdict.fail_on;
    let results = report
        .findings
        .iter()
        .map(|f| result(f, &index, fail_on, &mut artifacts))
        .collect::<Vec<_>>();
    let notifications = notifications(report, &mut artifacts);
    // An input of which nothing could be read was not analysed, whatever the exit code.
    let successful = report
        .coverage
        .iter()
        .any(|c| !matches!(c.outcome, Outcome::NotAnalysed { .. }));
    let target = BaseId {
        description: Text::plain("the root of the audited target"),
    };
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "wellhead",
                    version: clean(&report.tool_version),
                    rules: rules.iter().map(|r| rules::descriptor(r)).collect(),
                    notifications: rules::notifications(),
                },
            },
            invocations: [Invocation {
                execution_successful: successful,
                tool_execution_notifications: notifications,
            }],
            original_uri_base_ids: BTreeMap::from([(BASE, target)]),
            column_kind: "unicodeCodePoints",
            artifacts: artifacts.rows,
            results,
            properties: run_properties(report),
        }],
    };
    to_text(&log)
}

/// What the standard has no field for: verdict, risk and databases.
fn run_properties(report: &Report) -> Properties {
    let fail_on = report.verdict.fail_on.map_or("never", Severity::name);
    let databases: Vec<serde_json::Value> = report
        .databases
        .iter()
        .map(|d| serde_json::json!({"name": clean(&d.name), "date": clean(&d.date), "records": d.records}))
        .collect();
    let score = report.risk.score;
    BTreeMap::from([
        (
            "verdict".to_owned(),
            serde_json::json!({"allowed": report.verdict.allowed, "failOn": fail_on}),
        ),
        (
            "risk".to_owned(),
            serde_json::json!({"score": score, "rating": Rating::of(score).name()}),
        ),
        ("databases".to_owned(), databases.into()),
    ])
}

/// The artifacts that results speak of, each once, containers before their members.
#[derive(Default)]
struct Artifacts {
    rows: Vec<Artifact>,
    index: BTreeMap<String, usize>,
}

impl Artifacts {
    fn location(&mut self, path: &ArtifactPath) -> ArtifactLocation {
        // Paths go through their shown form, so that a report that was saved and read again gives the same.
        let mut parent = None;
        let mut shown = String::new();
        let mut at = None;
        for (i, part) in path.to_string().split("!/").enumerate() {
            if i > 0 {
                shown.push_str("!/");
            }
            shown.push_str(part);
            at = Some(self.add(&shown, parent));
            parent = at;
        }
        let row = at.and_then(|i| self.rows.get(i)).map(|a| a.location.clone());
        let row = row.unwrap_or(ArtifactLocation {
            uri: ".".to_owned(),
            uri_base_id: None,
            index: None,
        });
        ArtifactLocation { index: at, ..row }
    }

    fn add(&mut self, shown: &str, parent_index: Option<usize>) -> usize {
        if let Some(at) = self.index.get(shown) {
            return *at;
        }
        let at = self.rows.len();
        let uri = uri(shown);
        let uri_base_id = (!uri.starts_with("file:")).then_some(BASE);
        let location = ArtifactLocation {
            uri,
            uri_base_id,
            index: None,
        };
        self.rows.push(Artifact {
            location,
            parent_index,
        });
        self.index.insert(shown.to_owned(), at);
        at
    }
}

/// A path as a relative reference, or as a `file:` URI if it is absolute.
fn uri(shown: &str) -> String {
    let mut out = if shown.starts_with('/') {
        "file://".to_owned()
    } else {
        String::new()
    };
    for b in clean_all(shown).bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' | b'!' => {
                out.push(char::from(b));
            }
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    if out.is_empty() { ".".to_owned() } else { out }
}

fn level(class: Class) -> &'static str {
    class.name()
}

fn result(
    finding: &Finding,
    index: &BTreeMap<&str, usize>,
    fail_on: Option<Severity>,
    artifacts: &mut Artifacts,
) -> ResultRow {
    let related = finding.locations.iter().skip(1).take(MAX_RELATED).enumerate();
    let related: Vec<Location> = related
        .map(|(i, l)| Location {
            id: Some(i.saturating_add(1)),
            ..location(l, artifacts)
        })
        .collect();
    let mut text = clean(&finding.message);
    for part in finding.notes.iter().chain(&finding.help) {
        text.push('\n');
        text.push_str(&clean(part));
    }
    ResultRow {
        rule_id: clean(&finding.rule),
        rule_index: index.get(finding.rule.as_ref()).copied(),
        level: level(match &finding.status {
            Status::Reported => Class::of(finding, fail_on),
            // What is suppressed fails nothing, but its level is what it would be without.
            _ => Class::of(
                &Finding {
                    status: Status::Reported,
                    ..finding.clone()
                },
                fail_on,
            ),
        }),
        message: Text::plain(text),
        locations: finding
            .primary()
            .map(|l| location(l, artifacts))
            .into_iter()
            .collect(),
        related_locations: related,
        partial_fingerprints: BTreeMap::from([("wellhead/v1", finding.fingerprint())]),
        suppressions: suppression(finding, artifacts).into_iter().collect(),
        fixes: fixes(finding, artifacts),
        properties: properties(finding),
    }
}

/// The finding's own properties, and what the standard has no field for.
fn properties(finding: &Finding) -> Properties {
    let mut out: Properties = finding
        .properties
        .iter()
        .map(|(k, v)| (clean(k), clean_value(v)))
        .collect();
    for (key, value) in [
        ("severity", finding.severity.name()),
        ("confidence", finding.confidence.name()),
        ("measure", finding.measure.name()),
    ] {
        out.insert(key.to_owned(), value.into());
    }
    out
}

fn clean_value(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::String(text) => clean(text).into(),
        serde_json::Value::Array(all) => all.iter().map(clean_value).collect(),
        serde_json::Value::Object(all) => all.iter().map(|(k, v)| (clean(k), clean_value(v))).collect(),
        other => other.clone(),
    }
}

fn suppression(finding: &Finding, artifacts: &mut Artifacts) -> Option<Suppression> {
    let (justification, by) = match &finding.status {
        Status::Reported => return None,
        Status::Suppressed => ("known from the baseline".to_owned(), None),
        Status::Ignored(ignored) => (clean(&ignored.reason), ignored.by.as_ref()),
    };
    Some(Suppression {
        kind: "external",
        status: "accepted",
        justification,
        location: by.map(|l| location(l, artifacts)),
    })
}

fn fixes(finding: &Finding, artifacts: &mut Artifacts) -> Vec<Fix> {
    let mut out = Vec::new();
    for fix in finding.fixes.iter().filter(|f| !f.edits.is_empty()) {
        let changes = fix.edits.iter().map(|edit| {
            let region = Region {
                byte_offset: Some(edit.range.start),
                byte_length: Some(edit.range.end.saturating_sub(edit.range.start)),
                ..Region::default()
            };
            // Not cleaned: this text is put into a file, and must be what the rule meant.
            let content = Content {
                text: Some(edit.replacement.clone()),
                rendered: None,
            };
            ArtifactChange {
                artifact_location: artifacts.location(&edit.artifact),
                replacements: vec![Replacement {
                    deleted_region: region,
                    inserted_content: content,
                }],
            }
        });
        let artifact_changes = changes.collect();
        out.push(Fix {
            description: Text::plain(clean(&fix.description)),
            artifact_changes,
        });
    }
    out
}

fn location(from: &wellhead_core::Location, artifacts: &mut Artifacts) -> Location {
    let mut region = match &from.span {
        Span::Whole | Span::Logical { .. } => None,
        Span::Text { start, end, .. } => Some(Region {
            start_line: Some(start.line.max(1)),
            start_column: Some(start.column.max(1)),
            end_line: Some(end.line.max(1)),
            end_column: Some(end.column.max(1)),
            ..Region::default()
        }),
        Span::Bytes { offset, length } => Some(Region {
            byte_offset: Some(*offset),
            byte_length: Some(*length),
            ..Region::default()
        }),
    };
    if let (Some(region), Some(excerpt)) = (&mut region, &from.excerpt) {
        let mut lines: Vec<String> = excerpt.lines.iter().take(40).map(|l| clean(&l.text)).collect();
        region.snippet = if excerpt.kind == ExcerptKind::Source {
            let marked = excerpt.marks.iter().find(|m| m.primary);
            let line = marked.and_then(|m| excerpt.lines.iter().find(|l| l.number == m.line).zip(Some(m)));
            let part = line.and_then(|(l, m)| l.text.get(m.range.clone()));
            part.map(|p| Content {
                text: Some(clean(p)),
                rendered: None,
            })
        } else {
            lines.push(String::new());
            Some(Content {
                text: None,
                rendered: Some(Text::plain(lines.join("\n"))),
            })
        };
    }
    let logical = match &from.span {
        Span::Logical { path } => vec![LogicalLocation {
            fully_qualified_name: clean(path),
        }],
        _ => Vec::new(),
    };
    Location {
        id: None,
        physical_location: PhysicalLocation {
            artifact_location: artifacts.location(&from.artifact),
            region,
        },
        logical_locations: logical,
        message: (!from.label.is_empty()).then(|| Text::plain(clean(&from.label))),
    }
}

/// What was not looked at, and why.
fn notifications(report: &Report, artifacts: &mut Artifacts) -> Vec<Notification> {
    let mut out = Vec::new();
    for row in report.unseen() {
        let why = clean(row.outcome.why().unwrap_or_default());
        let (index, level) = match row.outcome {
            Outcome::NotAnalysed { .. } => (rules::NOT_ANALYSED, "warning"),
            _ => (rules::PARTLY, "warning"),
        };
        out.push(notification(
            index,
            level,
            why,
            vec![Location {
                id: None,
                physical_location: PhysicalLocation {
                    artifact_location: artifacts.location(&row.artifact),
                    region: None,
                },
                logical_locations: Vec::new(),
                message: None,
            }],
        ));
    }
    for why in &report.not_assessed {
        out.push(notification(rules::NOT_ASSESSED, "note", clean(why), Vec::new()));
    }
    out
}

fn notification(index: usize, level: &'static str, text: String, locations: Vec<Location>) -> Notification {
    let id = rules::NOTIFICATIONS.get(index).map_or("", |n| n.0);
    Notification {
        descriptor: DescriptorReference { id, index },
        level,
        message: Text::plain(text),
        locations,
    }
}

#[cfg(test)]
mod tests;
