//! CycloneDX 1.6: vulnerabilities with an analysis.

use super::{Stance, Statement, statements, timestamp, uuid};
use crate::{json::to_text, packages::text, text::clean};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use wellhead_core::Report;

pub(super) fn render(report: &Report) -> String {
    let statements = statements(report);
    let known: BTreeMap<String, (&str, Option<&str>)> = report
        .components
        .iter()
        .map(|c| (c.purl(), (c.name.as_str(), c.version.as_deref())))
        .collect();
    let mut components: BTreeMap<&str, Value> = BTreeMap::new();
    for from in &statements {
        for purl in &from.purls {
            let (name, version) = known.get(*purl).copied().unwrap_or_else(|| {
                let named = text(from.finding, "package").unwrap_or_default();
                (named, text(from.finding, "version").filter(|v| !v.is_empty()))
            });
            let mut component = json!({
                "type": "library", "bom-ref": clean(purl), "name": clean(name), "purl": clean(purl),
            });
            if let (Some(component), Some(version)) = (component.as_object_mut(), version) {
                component.insert("version".to_owned(), json!(clean(version)));
            }
            components.insert(purl, component);
        }
    }
    let components: Vec<Value> = components.into_values().collect();
    let flaws = Value::Array(statements.iter().map(vulnerability).collect());
    let timestamp = timestamp(report);
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid(&format!("cyclonedx {timestamp} {flaws}")),
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "authors": [{"name": "wellhead"}],
            "tools": {"components": [
                {"type": "application", "name": "wellhead", "version": clean(&report.tool_version)},
            ]},
        },
        "components": components,
        "vulnerabilities": flaws,
    });
    to_text(&document)
}

fn vulnerability(from: &Statement<'_>) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("id", json!(clean(from.id)));
    put("source", source(from.id));
    if !from.aliases.is_empty() {
        let references: Vec<Value> = from
            .aliases
            .iter()
            .map(|id| json!({"id": clean(id), "source": source(id)}))
            .collect();
        put("references", json!(references));
    }
    put("ratings", json!([rating(from)]));
    if let Some(summary) = text(from.finding, "summary") {
        put("description", json!(clean(summary)));
    }
    if let Some(action) = &from.answer.action {
        put("recommendation", json!(action));
    }
    put("analysis", analysis(from));
    let affects: Vec<Value> = from.purls.iter().map(|p| json!({"ref": clean(p)})).collect();
    put("affects", json!(affects));
    let properties: Vec<Value> = ["kev", "kev_due", "epss", "epss_percentile", "fixed_in"]
        .iter()
        .filter_map(|key| {
            let value = match from.finding.properties.get(*key)? {
                Value::String(text) => clean(text),
                other => other.to_string(),
            };
            Some(json!({"name": format!("wellhead:{key}"), "value": value}))
        })
        .collect();
    if !properties.is_empty() {
        put("properties", json!(properties));
    }
    Value::Object(out)
}

fn analysis(from: &Statement<'_>) -> Value {
    let answer = &from.answer;
    let false_positive = answer.justification.as_deref() == Some("false_positive");
    let state = match answer.stance {
        Stance::Affected => "exploitable",
        Stance::UnderInvestigation => "in_triage",
        Stance::NotAffected if false_positive => "false_positive",
        Stance::NotAffected => "not_affected",
        Stance::Fixed => "resolved",
    };
    let mut out = json!({"state": state});
    let Some(fields) = out.as_object_mut() else {
        return out;
    };
    let word = answer
        .justification
        .as_deref()
        .filter(|_| state == "not_affected");
    let known = word.and_then(justification);
    if let Some(known) = known {
        fields.insert("justification".to_owned(), json!(known));
    }
    // A word that only OpenVEX has becomes a part of the text.
    let told = word.filter(|_| known.is_none()).map(|w| w.replace('_', " "));
    let detail: Vec<String> = told.into_iter().chain(answer.why.clone()).collect();
    if !detail.is_empty() {
        fields.insert("detail".to_owned(), json!(detail.join(": ")));
    } else if state == "not_affected" && known.is_none() {
        fields.insert("detail".to_owned(), json!("no reason was given"));
    }
    out
}

fn rating(from: &Statement<'_>) -> Value {
    let mut out = json!({"severity": from.finding.severity.name()});
    let (Some(fields), Some(score)) = (
        out.as_object_mut(),
        from.finding.properties.get("score").and_then(Value::as_f64),
    ) else {
        return out;
    };
    fields.insert("score".to_owned(), json!(score));
    let vector = text(from.finding, "vector");
    let method = match vector.unwrap_or_default() {
        v if v.starts_with("CVSS:4") => "CVSSv4",
        v if v.starts_with("CVSS:3.1") => "CVSSv31",
        v if v.starts_with("CVSS:3") => "CVSSv3",
        v if v.starts_with("AV:") => "CVSSv2",
        _ => "other",
    };
    fields.insert("method".to_owned(), json!(method));
    if let Some(vector) = vector {
        fields.insert("vector".to_owned(), json!(clean(vector)));
    }
    out
}

/// Who gives out identifiers of this kind.
fn source(id: &str) -> Value {
    let name = match id.split('-').next().unwrap_or_default() {
        "CVE" => "CVE",
        "GHSA" => "GitHub",
        "PYSEC" => "PyPA",
        "MAL" => "OpenSSF",
        _ => "OSV",
    };
    json!({"name": name})
}

/// The word of CycloneDX for a justification; OpenVEX has one for which there is none.
fn justification(word: &str) -> Option<&str> {
    Some(match word {
        "component_not_present" | "vulnerable_code_not_present" => "code_not_present",
        "vulnerable_code_not_in_execute_path" => "code_not_reachable",
        "inline_mitigations_already_exist" => "protected_by_mitigating_control",
        "vulnerable_code_cannot_be_controlled_by_adversary" => return None,
        own => own,
    })
}
